"""A tiny company, served in process, and ways to read it."""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from sync.sandbox.access import DEFAULT_CLIENTS, DEMO_CLIENT, Client
from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company, build_company
from sync.sandbox.faults import Faults

TODAY = dt.date(2026, 11, 22)
SEED = 7


@dataclass
class Reader:
    """A client with a token; `records` and `pages` read lists the way a careful program does."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """One GET below /api/, parameters as given."""
        return await self.http.get(f"/api/{path}", params=parameters, headers=self.headers)

    async def ask(self, query: str) -> Any:
        """The JSON of one GET whose query string is written out."""
        response = await self.http.get(f"/api/{query}", headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def all(self, resource: str, **parameters: Any) -> list[dict[str, Any]]:
        """Every record by keyset."""
        found: list[dict[str, Any]] = []
        last = 0
        while True:
            response = await self.get(resource, **{"id[gt]": last, "order_by": "id", "limit": 50, **parameters})
            assert response.status_code == 200, response.text
            page = response.json()
            found.extend(page)
            if len(page) < 50:
                return found
            last = page[-1]["id"]


@pytest.fixture(scope="session")
def company() -> Company:
    """The tiny company of seed 7."""
    return build_company("tiny", SEED, TODAY)


Opening = Callable[..., Any]


@pytest.fixture
async def open_reader(company: Company) -> AsyncIterator[Opening]:
    """Starts a sandbox in process and gives a reader with a token for all scopes of `client` (or the scopes named)."""
    opened: list[httpx.AsyncClient] = []

    async def start(
        *,
        faults: Faults | None = None,
        rate_limit: bool = False,
        clock: Callable[[], float] = lambda: 0.0,
        client: Client = DEMO_CLIENT,
        scope: str = "",
    ) -> Reader:
        app = create_app(company, rate_limit=rate_limit, faults=faults, clients=DEFAULT_CLIENTS, clock=clock)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox")
        opened.append(http)
        form = {
            "client_id": client.client_id,
            "client_secret": client.secret.get_secret_value(),
            "grant_type": "client_credentials",
            "scope": scope,
        }
        token = (await http.post("/oauth2/token", data=form)).json()["access_token"]
        return Reader(http, {"Authorization": f"Bearer {token}", "Accept": "application/json"})

    yield start
    for http in opened:
        await http.aclose()


@pytest.fixture
async def reader(open_reader: Opening) -> Reader:
    """A reader that may read everything, with no rate limit and no faults."""
    found = await open_reader()
    assert isinstance(found, Reader)
    return found
