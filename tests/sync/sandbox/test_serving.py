"""The sandbox on a real port."""

import socket

import httpx
import pytest

from sync.sandbox import Stage, running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company
from sync.sandbox.editing.forks import pocket
from sync.sandbox.errors import SandboxError


def test_a_sandbox_serves_from_a_thread_and_stops(company: Company) -> None:
    """Token and list over a socket with the credentials it announces; afterwards the port is closed."""
    with running(create_app(company)) as address:
        form = {"grant_type": "client_credentials", "scope": "core.common.read"}
        credentials = (address.client_id, address.client_secret)
        token = httpx.post(f"{address.url}/oauth2/token", data=form, auth=credentials).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        answer = httpx.get(f"{address.url}/api/currencies", headers=headers)
        assert [record["code"] for record in answer.json()][:2] == ["USD", "EUR"]
        home = httpx.get(address.url).json()
        assert "invoices" in home["resources"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(address.url)


def test_one_address_serves_one_sandbox_after_the_other(company: Company) -> None:
    """The same connection reads the first company, then another one, which knows nothing of the first one's tokens."""
    stage = Stage(create_app(company))
    with running(stage) as address, httpx.Client(base_url=address.url) as http:
        form = {"grant_type": "client_credentials"}
        credentials = (address.client_id, address.client_secret)
        token = http.post("/oauth2/token", data=form, auth=credentials).json()["access_token"]
        http.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        assert len(http.get("/api/invoices").json()) == 50
        stage.app = create_app(pocket(company))
        assert http.get("/api/invoices").status_code == 401
        token = http.post("/oauth2/token", data=form, auth=credentials).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        assert len(http.get("/api/invoices").json()) == 6


def test_a_taken_port_is_named(company: Company) -> None:
    """The error says which port and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SandboxError, match=f"Port {port} .* choose another"),
            running(create_app(company), port=port),
        ):
            pass
