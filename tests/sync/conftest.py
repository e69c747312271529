"""A Coupa of hand-written records in its own words, for malformed input; and the real sandbox over real HTTP."""

import contextlib
import datetime as dt
import functools
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import stamina
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sync.auth import ClientCredentials
from sync.client import CoupaClient
from sync.mirror import Mirror
from sync.rate_limit import RateLimiter
from sync.run import ResourceOutcome, Run
from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company
from sync.sandbox.editing.forks import pocket
from sync.settings import Settings
from sync.state import Depth

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
SECRET = "a-very-secret-word"
Script = Callable[[Request], Response | None]


@dataclass
class StubCoupa:
    """Speaks just enough of Coupa: tokens, keyset pages, `updated-at` windows; serves whatever it is given.

    `script` answers the next requests to a resource instead of the records, as long as it has entries (None: no
    change). `calls` are the queries that were made.
    """

    records: dict[str, list[Any]] = field(default_factory=dict)
    script: list[Script | Response | None] = field(default_factory=list)
    token_script: list[Response] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: int = 0
    cap: int = 50

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        request = Request(scope, receive)
        answer = await self._token(request) if request.url.path == "/oauth2/token" else self._page(request)
        await answer(scope, receive, send)

    async def _token(self, request: Request) -> Response:
        self.tokens += 1
        if self.token_script:
            return self.token_script.pop(0)
        if SECRET not in (await request.body()).decode():
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": f"token-{self.tokens}", "token_type": "bearer", "expires_in": 86_399})

    def _page(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.calls.append((request.url.path, query))
        step = self.script.pop(0) if self.script else None
        scripted = step(request) if callable(step) and not isinstance(step, Response) else step
        if isinstance(scripted, Response):
            return scripted
        if request.url.path not in self.records:
            return JSONResponse([])
        found = [record for record in self.records[request.url.path] if _selected(record, query)]
        found.sort(key=lambda record: _id(record) or 0, reverse=query.get("dir") == "desc")
        return Response(json.dumps(found[: min(int(query["limit"]), self.cap)]), media_type="application/json")


def _id(record: Any) -> int | None:
    return record.get("id") if isinstance(record, dict) else None


def _selected(record: Any, query: dict[str, str]) -> bool:
    identifier = _id(record)
    if identifier is not None and identifier <= int(query.get("id[gt]", "0")):
        return False
    if identifier is None and query.get("id[gt]", "0") != "0":
        return False
    if "id[in]" in query and str(identifier) not in query["id[in]"].split(","):
        return False
    for name, since in query.items():
        if name.endswith("[updated-at][gt_or_eq]"):
            times = [item.get("updated-at") for item in record.get(name.split("[")[0]) or ()]
            if not any(time and dt.datetime.fromisoformat(time) >= dt.datetime.fromisoformat(since) for time in times):
                return False
    updated = record.get("updated-at") if isinstance(record, dict) else None
    if updated is None:
        return True
    moment = dt.datetime.fromisoformat(updated)
    start, before = query.get("updated-at[gt_or_eq]"), query.get("updated-at[lt]")
    return (start is None or moment >= dt.datetime.fromisoformat(start)) and (
        before is None or moment < dt.datetime.fromisoformat(before)
    )


class Watcher:
    """Remembers what a run reports."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, int, int]] = []
        self.outcomes: list[ResourceOutcome] = []
        self.sentences: list[str] = []
        self.published = 0

    def page(self, resource: str, records: int, rejected: int) -> None:
        """A page was read."""
        self.pages.append((resource, records, rejected))

    def finished(self, outcome: ResourceOutcome) -> None:
        """A resource is done."""
        self.outcomes.append(outcome)

    def trouble(self, sentence: str) -> None:
        """A request is tried again."""
        self.sentences.append(sentence)

    def publishing(self) -> None:
        """All was read."""
        self.published += 1


def invoice(number: int, **changes: Any) -> dict[str, Any]:
    """An approved invoice as Coupa writes it, with one line, one payment and one approval."""
    record: dict[str, Any] = {
        "id": number,
        "created-at": "2026-01-12T09:16:48-05:00",
        "updated-at": "2026-01-13T11:19:09-05:00",
        "invoice-number": f"BW-{number}",
        "invoice-date": "2026-01-12T00:00:00-05:00",
        "date-received": "2026-01-12T23:30:00-05:00",
        "status": "approved",
        "document-type": "Invoice",
        "total-with-taxes": "13200.00",
        "tax-amount": "1200.00",
        "paid": False,
        "net-due-date": "2026-02-11T23:59:59-05:00",
        "supplier": {"id": 1538},
        "currency": {"code": "USD"},
        "payment-term": {"id": 3, "code": "2/10 Net 30"},
        "account-type": {"id": 1, "name": "US Chart", "primary-address": {"country": {"code": "US"}}},
        "invoice-lines": [{"id": number * 10, "line-num": 1, "total": "12000.00", "quantity": "40.0"}],
        "payments": [{"id": number * 10, "amount-paid": "12936.00", "payment-date": "2026-01-21T00:00:00-05:00"}],
        "approvals": [
            {
                "id": number * 10,
                "status": "approved",
                "approvable-type": "InvoiceHeader",
                "approvable-id": number,
                "approval-date": "2026-01-13T11:19:08-05:00",
                "updated-at": "2026-01-13T11:19:08-05:00",
            },
        ],
        "custom-fields": {"erp-voucher": None},
    }
    return {**record, **changes}


def currency(number: int, code: str = "USD") -> dict[str, Any]:
    """A currency: the smallest resource there is."""
    return {"id": number, "code": code, "decimals": 2}


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """Hand-written records, the stub, and what a run needs, for tests to import by name."""
    return SimpleNamespace(
        StubCoupa=StubCoupa,
        Watcher=Watcher,
        invoice=invoice,
        currency=currency,
        client_of=client_of,
        make_run=make_run,
        new_mirror=new_mirror,
        sandbox_settings=sandbox_settings,
        now=NOW,
        today=TODAY,
        secret=SECRET,
    )


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    """Retries do not wait, and give up after three tries."""
    stamina.set_testing(testing=True, attempts=3)
    yield
    stamina.set_testing(testing=False)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine, no `.env`: tests run in an empty folder."""
    for name in list(os.environ):
        if name.startswith("TENOR_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stub() -> StubCoupa:
    """A Coupa without records."""
    return StubCoupa()


@contextlib.asynccontextmanager
async def client_of(
    stub: Any, client_id: str = "me", secret: str = SECRET, scope: str = "scope", **options: Any
) -> AsyncIterator[CoupaClient]:
    """A client of the stub, or of another application, without a socket."""
    auth = ClientCredentials("http://stub", client_id, SecretStr(secret), scope, now=time.monotonic)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=stub),
        base_url="http://stub",
        auth=auth,
        headers={"Accept": "application/json"},
    ) as http:
        yield CoupaClient(http, options.pop("limiter", None) or RateLimiter(0, time.monotonic), **options)


@functools.cache
def _empty_file(source: str) -> bytes:
    """A work file of a source, as it is made: its hundred tables take longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.duckdb"
        Mirror.open(path, source).close()
        return path.read_bytes()


def new_mirror(path: Path, source: str = "stub") -> Mirror:
    """An empty work file, opened."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(_empty_file(source))
    return Mirror.open(path, source)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """An empty work file."""
    with new_mirror(tmp_path / "sync" / "work.duckdb", "http://stub") as opened:
        yield opened


def make_run(now: dt.datetime = NOW, **settings: Any) -> Run:
    """What one run shares, with a fixed clock."""
    depth = Depth(look_back_start=None, overlap=dt.timedelta(minutes=10))
    return Run("run-1", now, lambda: now, depth, Settings(**settings), Watcher())


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that listens, and the settings that read it."""

    url: str
    settings: Settings


@pytest.fixture(scope="session")
def company() -> Any:
    """The tiny company, built once."""
    return build_company("tiny", 7, TODAY, "America/New_York")


@pytest.fixture(scope="session")
def sandbox(company: Any) -> Iterator[RunningSandbox]:
    """The tiny company over real HTTP, without rate limit."""
    with running(create_app(company, rate_limit=False)) as address:
        yield RunningSandbox(address.url, sandbox_settings(address.url))


@pytest.fixture(scope="session")
def small_company(company: Any) -> Any:
    """Some hundred records of it: what most tests of whole runs need."""
    return pocket(company, invoices=60)


@pytest.fixture(scope="session")
def small_sandbox(small_company: Any) -> Iterator[RunningSandbox]:
    """The small company over real HTTP, without rate limit."""
    with running(create_app(small_company, rate_limit=False)) as address:
        yield RunningSandbox(address.url, sandbox_settings(address.url))


def sandbox_settings(url: str, **changes: Any) -> Settings:
    """Settings that read a sandbox at full speed, its whole history."""
    given: dict[str, Any] = {
        "coupa_url": url,
        "coupa_client_id": "tenor-demo",
        "coupa_client_secret": SecretStr("tenor-demo-secret"),
        "requests_per_second": 0,
        "concurrency": 11,
        "lookback_months": 0,
    }
    return Settings(**{**given, **changes})
