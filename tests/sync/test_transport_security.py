import base64
import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from starlette.responses import JSONResponse, RedirectResponse

from sync.auth import ClientCredentials, granted_scopes
from sync.client import CoupaClient, RateLimiter, open_http
from sync.errors import CredentialsRefusedError, RequestRefusedError, SettingsError, UnreachableError
from sync.pagination import Window
from sync.resources import RESOURCES
from sync.settings import DEFAULT_SCOPES, Settings, load_settings

ASKED = "core.invoice.read core.supplier.read"


def open_stub(stub: Any, secret: str) -> httpx.AsyncClient:
    """A connection to the stub that asks for two scopes."""
    auth = ClientCredentials("http://stub", "me", SecretStr(secret), ASKED, now=time.monotonic)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=stub), base_url="http://stub", auth=auth)


def jwt(claims: dict[str, Any]) -> str:
    """An unsigned token with these claims."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"access_token": "t", "scope": f"{ASKED} core.invoice.write"}, "to do more than read ('core.invoice.write')"),
        (
            {"access_token": "t", "scope": "core.pay.payments.write core.approval.write"},
            "'core.approval.write', 'core.pay",
        ),
        ({"access_token": "t", "scope": f"{ASKED} core.user.read"}, "that were not asked for ('core.user.read')"),
        ({"access_token": jwt({"scope": "core.invoice.approval.bypass"})}, "('core.invoice.approval.bypass')"),
        ({"access_token": jwt({"scopes": ["core.supplier.write"]})}, "('core.supplier.write')"),
    ],
)
async def test_a_token_that_may_do_more_is_not_used(stub: Any, kit: Any, answer: dict[str, str], says: str) -> None:
    """Not one request is made with it, it is not asked for again, and the sentence names what is too much."""
    stub.token_script = [JSONResponse(answer)]
    async with open_stub(stub, kit.secret) as http:
        for _ in range(2):
            with pytest.raises(CredentialsRefusedError) as caught:
                await http.get("/api/invoices?limit=50")
    assert says in str(caught.value)
    assert "nothing was read" in str(caught.value)
    assert kit.secret not in str(caught.value)
    assert (stub.tokens, stub.calls) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "opaque"},
        {"access_token": "t", "scope": "core.invoice.read"},
        {"access_token": jwt({"scope": ASKED})},
        {"access_token": "a.!!!.c"},
    ],
)
async def test_a_token_with_what_was_asked_for_or_less_is_used(stub: Any, kit: Any, answer: dict[str, str]) -> None:
    """Also one that does not say what it may do: only these scopes were asked for."""
    stub.token_script = [JSONResponse(answer)]
    async with open_stub(stub, kit.secret) as http:
        assert (await http.get("/api/invoices?limit=50")).status_code == 200


def test_the_answer_of_coupa_wins_over_the_token() -> None:
    """Its `scope` is what counts; a token's own claim is for answers without one."""
    assert granted_scopes("a b", SecretStr(jwt({"scope": "c"}))) == {"a", "b"}
    assert granted_scopes(None, SecretStr(jwt({"scope": "c"}))) == {"c"}


def test_scopes_that_write_cannot_even_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that would ask for one is refused by name; the shipped ones all read."""
    assert all(scope.endswith(".read") for scope in DEFAULT_SCOPES.split())
    monkeypatch.setenv("TENOR_COUPA_SCOPES", "core.invoice.read core.invoice.write")
    with pytest.raises(SettingsError, match=r"'core.invoice.write' gives more than the right to read"):
        load_settings()


async def test_a_redirect_is_not_followed(stub: Any, kit: Any) -> None:
    """The token is never sent to another host; the sentence names where it was sent on to."""
    seen: list[str] = []

    class Watching(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.url.host)
            return await super().handle_async_request(request)

    stub.script = [RedirectResponse("https://evil.example/api/invoices", 302)]
    settings = Settings(coupa_url="http://127.0.0.1:1", coupa_client_id="me", coupa_client_secret=SecretStr(kit.secret))
    async with open_http(settings, time.monotonic) as http:
        http._transport = Watching(app=stub)
        client = CoupaClient(http, RateLimiter(0, time.monotonic))
        with pytest.raises(RequestRefusedError, match=r"sends on to 'https://evil.example/api/invoices'"):
            async for _page in client.pages(RESOURCES[0], Window()):
                pass
    assert set(seen) == {"127.0.0.1"}


class Answering(BaseHTTPRequestHandler):
    """Answers every token request, should one ever get through."""

    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        """Remembers what was sent."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[str]:
    """An https server of this machine whose certificate nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    pem = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


async def test_a_certificate_that_nobody_vouches_for_gets_no_secret(impostor: str, kit: Any) -> None:
    """The connection ends before a byte of the credentials is sent, and the sentence says why."""
    settings = Settings(coupa_url=impostor, coupa_client_id="me", coupa_client_secret=SecretStr(kit.secret), attempts=1)
    async with open_http(settings, time.monotonic) as http:
        client = CoupaClient(http, RateLimiter(0, time.monotonic), attempts=1)
        with pytest.raises(UnreachableError, match="its certificate is not accepted: self-signed certificate"):
            async for _page in client.pages(RESOURCES[0], Window()):
                pass
    assert Answering.bodies == []


async def test_what_may_be_secret_in_a_redirect_is_not_repeated(stub: Any, kit: Any) -> None:
    """An address may carry a token behind its question mark: that part stays out of the sentence."""
    stub.script = [RedirectResponse("https://login.example/start?token=planted#planted", 302)]
    async with kit.client_of(stub) as client:
        with pytest.raises(RequestRefusedError, match=r"'https://login.example/start'") as caught:
            async for _page in client.pages(RESOURCES[0], Window()):
                pass
    assert "planted" not in str(caught.value)
