import asyncio
import logging
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse, JSONResponse, Response

from sync.auth import ClientCredentials
from sync.errors import BrokenPageError, CredentialsRefusedError, RateLimitedError, ServerTroubleError, SyncError


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        """What time it is."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Does not wait."""
        self.slept.append(seconds)


def open_http(stub: Any, clock: Clock, secret: str, settle: float = 0.0) -> httpx.AsyncClient:
    """A connection to the stub with the credentials under test."""
    auth = ClientCredentials(
        "http://stub", "me", SecretStr(secret), "scope", settle=settle, now=clock.now, sleep=clock.sleep
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=stub), base_url="http://stub", auth=auth)


async def test_one_token_serves_requests_that_start_together(stub: Any, kit: Any) -> None:
    """Ten requests at once ask for one token, and pause once for it to settle."""
    clock = Clock()
    async with open_http(stub, clock, kit.secret, settle=5.0) as http:
        await asyncio.gather(*(http.get("/api/users?limit=50") for _ in range(10)))

    assert stub.tokens == 1
    assert clock.slept == [5.0]


async def test_a_token_is_renewed_after_twenty_of_its_twenty_four_hours(stub: Any, kit: Any) -> None:
    """Not before, and before Coupa lets it expire."""
    clock = Clock()
    async with open_http(stub, clock, kit.secret) as http:
        await http.get("/api/users?limit=50")
        clock.seconds = 19.9 * 3600
        await http.get("/api/users?limit=50")
        assert stub.tokens == 1
        clock.seconds = 20.0 * 3600
        await http.get("/api/users?limit=50")
    assert stub.tokens == 2


async def test_a_401_renews_once_and_tries_again(stub: Any, kit: Any) -> None:
    """The second answer stands, whatever it is: no endless circle."""
    stub.script = [Response(status_code=401), None, Response(status_code=401), Response(status_code=401)]
    async with open_http(stub, Clock(), kit.secret) as http:
        assert (await http.get("/api/users?limit=50")).status_code == 200
        assert stub.tokens == 2
        assert (await http.get("/api/users?limit=50")).status_code == 401
    assert stub.tokens == 3


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (JSONResponse({"error": "invalid_client"}, 401), CredentialsRefusedError, "TENOR_COUPA_CLIENT_SECRET"),
        (JSONResponse({"error": "invalid_scope"}, 400), CredentialsRefusedError, "TENOR_COUPA_SCOPES"),
        (HTMLResponse("<h1>moved</h1>", 302), CredentialsRefusedError, "address of a Coupa instance"),
        (HTMLResponse("no", 404), CredentialsRefusedError, "address of a Coupa instance"),
        (Response(status_code=429), RateLimitedError, "too many requests"),
        (Response(status_code=503), ServerTroubleError, "try again later"),
        (HTMLResponse("<h1>Welcome</h1>", 200), BrokenPageError, "without a token"),
        (JSONResponse({"access_token": ""}, 200), BrokenPageError, "without a token"),
    ],
)
async def test_a_refused_token_is_a_plain_sentence(
    stub: Any, kit: Any, answer: Response, error: type[SyncError], says: str
) -> None:
    """Each says what to correct, and none repeats the secret."""
    stub.token_script = [answer]
    async with open_http(stub, Clock(), kit.secret) as http:
        with pytest.raises(error, match=says) as caught:
            await http.get("/api/users")
    assert kit.secret not in str(caught.value)


async def test_secrets_are_neither_in_reprs_nor_in_logs(stub: Any, kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not with every logger at its most talkative."""
    caplog.set_level(logging.DEBUG)
    async with open_http(stub, Clock(), kit.secret) as http:
        await http.get("/api/users?limit=50")
        assert kit.secret not in repr(http.auth)
        assert kit.secret not in str(vars(http.auth))
    assert stub.tokens == 1
    assert kit.secret not in caplog.text
    assert "token-1" not in caplog.text
