import asyncio
import datetime as dt
import json
import time
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse, JSONResponse, Response

from sync import errors
from sync.client import CoupaClient, open_http, retry_after
from sync.pagination import Window
from sync.rate_limit import RateLimiter
from sync.resources import BY_NAME
from sync.settings import Settings

CURRENCIES = BY_NAME["currencies"]


async def read(client: CoupaClient) -> list[int | None]:
    """All ids of the smallest resource."""
    return [record.id async for page in client.pages(CURRENCIES, Window()) for record in page.records]


async def test_requests_name_their_fields_and_page_by_id(kit: Any, stub: Any) -> None:
    """What is asked for is explicit, in order, and small."""
    stub.records["/api/currencies"] = [kit.currency(3)]
    async with kit.client_of(stub) as client:
        await read(client)

    path, query = stub.calls[0]
    assert path == "/api/currencies"
    assert json.loads(query.pop("fields")) == ["id", "code", "decimals"]
    assert query == {"order_by": "id", "dir": "asc", "id[gt]": "0", "limit": "50"}
    assert stub.calls[1][1]["id[gt]"] == "3"


@pytest.mark.parametrize(
    "trouble",
    [
        Response(status_code=429),
        Response(status_code=429, headers={"Retry-After": "0"}),
        Response(status_code=503),
        HTMLResponse("<h1>We are sorry</h1>", 500),
        Response(b'[{"id": 1, "co', media_type="application/json"),
        HTMLResponse("<h1>Log in</h1>", 200),
    ],
)
async def test_passing_trouble_is_tried_again(kit: Any, stub: Any, trouble: Response) -> None:
    """Twice bad, then good: all records arrive, and the watcher heard of it in a plain sentence."""
    stub.records["/api/currencies"] = [kit.currency(3)]
    stub.script = [trouble, trouble]
    heard: list[str] = []
    async with kit.client_of(stub, on_trouble=heard.append) as client:
        assert await read(client) == [3]
    assert len(heard) == 2
    assert "sorry" not in "".join(heard)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Response(status_code=429), errors.RateLimitedError, "TENOR_REQUESTS_PER_SECOND"),
        (HTMLResponse("secret supplier", 500), errors.ServerTroubleError, "try again later"),
        (Response(b"[{", 200), errors.BrokenPageError, "nothing of it was taken"),
        (Response(status_code=401), errors.CredentialsRefusedError, "OAuth client"),
        (Response(status_code=403), errors.AccessDeniedError, "grant it the scope 'core.common.read'"),
        (Response(status_code=404), errors.UnknownResourceError, "TENOR_COUPA_URL"),
        (
            JSONResponse({"errors": {"currency": ["secret supplier"]}}, 400),
            errors.RequestRefusedError,
            r"docs/sync\.md",
        ),
        (Response(status_code=302, headers={"Location": "/login"}), errors.RequestRefusedError, "HTTP 302"),
    ],
)
async def test_lasting_trouble_is_a_typed_error(
    kit: Any, stub: Any, answer: Response, error: type[errors.SyncError], says: str
) -> None:
    """Each names the way out, and none quotes what the answer held."""
    stub.script = [answer] * 6
    async with kit.client_of(stub) as client:
        with pytest.raises(error, match=says) as caught:
            await read(client)
    assert "secret supplier" not in str(caught.value)
    expected = 3 if issubclass(error, errors.RetriableSyncError) else 1
    assert len(stub.calls) == expected + (error is errors.CredentialsRefusedError)


async def test_an_empty_list_may_be_a_404(kit: Any, stub: Any) -> None:
    """Some tenants answer an empty list so."""
    stub.script = [Response(b"No results match your search criteria.", 404)]
    async with kit.client_of(stub) as client:
        assert await read(client) == []


async def test_an_unknown_host_is_told_at_once() -> None:
    """No retries for an address that never answered."""
    settings = Settings(
        coupa_url="https://no-such-tenant.invalid",
        coupa_client_id="me",
        coupa_client_secret=SecretStr("s"),
        token_settle_seconds=0,
    )
    heard: list[str] = []
    async with open_http(settings, time.monotonic) as http:
        client = CoupaClient(http, RateLimiter(0, time.monotonic), on_trouble=heard.append)
        with pytest.raises(
            errors.UnreachableError, match=r"no-such-tenant\.invalid cannot be reached .*; check TENOR_COUPA_URL"
        ):
            await read(client)
    assert heard == []


async def test_slow_and_broken_connections_are_retriable() -> None:
    """A time-out and a connection that breaks off each have their sentence."""
    causes = {
        httpx.ReadTimeout("slow"): (errors.UnreachableError, "did not answer in time"),
        httpx.RemoteProtocolError("cut"): (errors.BrokenPageError, "broke off half way"),
        httpx.ReadError("reset"): (errors.BrokenPageError, "broke off half way"),
    }
    for cause, (error, says) in causes.items():

        def fail(_request: httpx.Request, cause: Exception = cause) -> httpx.Response:
            raise cause

        async with httpx.AsyncClient(transport=httpx.MockTransport(fail), base_url="http://stub") as http:
            with pytest.raises(error, match=says):
                await read(CoupaClient(http, RateLimiter(0, time.monotonic)))


async def test_a_refusal_for_too_many_requests_slows_all_requests_down(kit: Any, stub: Any) -> None:
    """Not only the request that was refused: they share one limit."""
    stub.records["/api/currencies"] = [kit.currency(3)]
    stub.script = [Response(status_code=429, headers={"Retry-After": "0"})]
    limiter = RateLimiter(20_000, time.monotonic)
    async with kit.client_of(stub, limiter=limiter) as client:
        assert await read(client) == [3]
    assert limiter.rate < 20_000


async def test_no_more_requests_are_under_way_than_allowed(kit: Any, stub: Any) -> None:
    """The seats are counted over all resources."""
    stub.records["/api/currencies"] = [kit.currency(number) for number in range(1, 400)]
    stub.records["/api/users"] = [kit.currency(number) for number in range(1, 400)]
    under_way = most = 0

    async def gate(request: httpx.Request) -> None:
        nonlocal under_way, most
        under_way += request.url.path.startswith("/api")
        most = max(most, under_way)
        await asyncio.sleep(0.002)

    async def leave(answer: httpx.Response) -> None:
        nonlocal under_way
        under_way -= answer.request.url.path.startswith("/api")

    async with kit.client_of(stub, page_size=5, concurrency=3) as client:
        client._http.event_hooks = {"request": [gate], "response": [leave]}
        both = await asyncio.gather(read(client), _ids(client, "users", page_fields='["id"]'))
    assert [len(ids) for ids in both] == [399, 399]
    assert most == 3


async def _ids(client: CoupaClient, name: str, page_fields: str) -> list[int | None]:
    found = client.pages(BY_NAME[name], Window(), fields=page_fields)
    return [record.id async for page in found for record in page.records]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("7", 7.0),
        ("soon", None),
        ("Sun, 22 Nov 2026 05:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 04:00:00 GMT", 0.0),
    ],
)
def test_retry_after_holds_seconds_or_a_date(kit: Any, header: str | None, expected: float | None) -> None:
    """Anything else says nothing."""
    assert retry_after(header, kit.now) == expected


async def test_a_long_retry_after_is_waited_for_up_to_a_limit(kit: Any, stub: Any) -> None:
    """Coupa may ask for a pause; a day is not waited for."""
    async with kit.client_of(stub) as client:
        assert client._pause_before_retry(errors.RateLimitedError("slow down", 7.0)) == 7.0
        assert client._pause_before_retry(errors.RateLimitedError("slow down", 86_400.0)) == 300.0
        assert client._pause_before_retry(errors.RateLimitedError("slow down")) is True
        assert client._pause_before_retry(errors.AccessDeniedError("closed")) is False


def test_a_loopback_address_goes_past_proxies_and_needs_no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy cannot reach this machine's own address."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    settings = Settings(coupa_url="http://127.0.0.1:9", coupa_client_id="me", coupa_client_secret=SecretStr("s"))

    http = open_http(settings, time.monotonic)

    assert not http.trust_env
    assert dt.timedelta(seconds=http.timeout.read or 0) == dt.timedelta(seconds=60)
