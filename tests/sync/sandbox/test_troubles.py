"""Every fault does what it says, at the calls that the script names, and nothing else."""

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company, build_company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.editing.forks import pocket
from sync.sandbox.effects import AFTER, EDITS, RECORDS, REFUSALS
from sync.sandbox.errors import FaultScriptError
from sync.sandbox.faults import ON_WRITES, Fault, FaultLine, Faults, Trouble
from sync.sandbox.projection import Record

NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
CREDENTIALS = {
    "client_id": "tenor-demo",
    "client_secret": "tenor-demo-secret",
    "grant_type": "client_credentials",
    "scope": "core.invoice.read core.supplier.read",
}


@pytest.fixture(scope="module")
def small(company: Company) -> Company:
    """Six invoices and what they refer to."""
    return pocket(company)


@pytest.fixture
def edits(small: Company) -> Edits:
    """The pocket company at a fixed moment."""
    return Edits(small, now=lambda: NOW)


class Caller:
    """Calls a sandbox with a token that it gets once."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.headers = {"Accept": "application/json"}

    async def log_in(self, **changes: str) -> httpx.Response:
        """Asks for a token and keeps it."""
        response = await self.http.post("/oauth2/token", data={**CREDENTIALS, **changes})
        if response.status_code == 200:
            self.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return response

    async def get(self, query: str = "invoices") -> httpx.Response:
        """One call to the API."""
        return await self.http.get(f"/api/{query}", headers=self.headers)

    async def records(self, query: str = "invoices") -> list[Record]:
        """The records of one list."""
        found: list[Record] = (await self.get(query)).json()
        return found


Calling = Callable[..., Any]


@pytest.fixture
async def calling(edits: Edits) -> Any:
    """Opens the pocket company with the faults named and logs in."""
    opened: list[httpx.AsyncClient] = []

    async def start(*troubles: str, seed: int = 0, rate_limit: bool = False) -> Caller:
        faults = Faults.of(*troubles, seed=seed)
        app = create_app(edits, rate_limit=rate_limit, faults=faults, clock=lambda: 0.0)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox")
        opened.append(http)
        caller = Caller(http)
        await caller.log_in()
        return caller

    yield start
    for http in opened:
        await http.aclose()


async def statuses(caller: Caller, count: int, query: str = "invoices") -> list[int]:
    """The statuses of so many calls."""
    return [(await caller.get(query)).status_code for _ in range(count)]


@pytest.mark.parametrize(
    "fault", [fault for fault in REFUSALS if fault not in {Fault.REVOKED_CLIENT, Fault.INVALID_SCOPE, *ON_WRITES}]
)
async def test_a_refusal_takes_the_place_of_the_answer(calling: Calling, fault: Fault) -> None:
    """At the second call only, with the status, type and body that its row in the table gives."""
    caller = await calling(f"{fault} calls=2")
    first, second = await caller.get(), await caller.get()
    assert (first.status_code, second.status_code) == (200, REFUSALS[fault].status)
    assert second.text == REFUSALS[fault].body
    assert second.headers["content-type"].startswith(REFUSALS[fault].media_type)
    assert "retry-after" not in second.headers


@pytest.mark.parametrize("ended", ["expired_token", "revoked_token"])
async def test_an_ended_token_stays_ended_and_a_new_one_works(calling: Calling, ended: str) -> None:
    """401 from then on, until the client logs in again."""
    caller = await calling(f"{ended} calls=2")
    assert await statuses(caller, 4) == [200, 401, 401, 401]
    await caller.log_in()
    assert await statuses(caller, 2) == [200, 200]


async def test_revoking_ends_every_token_and_expiring_only_one(calling: Calling) -> None:
    """A second token lives on when the first expires, and dies when tokens are revoked."""
    for fault, left in (("expired_token", 200), ("revoked_token", 401)):
        caller = await calling(f"{fault} calls=1")
        other = Caller(caller.http)
        await other.log_in()
        assert (await caller.get()).status_code == 401
        assert (await other.get()).status_code == left


async def test_a_token_expires_by_use(calling: Calling) -> None:
    """Each token lives for three calls."""
    caller = await calling("expired_token uses=3")
    assert await statuses(caller, 5) == [200, 200, 200, 401, 401]
    await caller.log_in()
    assert await statuses(caller, 4) == [200, 200, 200, 401]


async def test_a_revoked_client_gets_no_token(calling: Calling) -> None:
    """401 invalid_client from the second log-in on, and the token it had is dead."""
    caller = await calling("revoked_client after=1")
    assert (await caller.get()).status_code == 200
    refused = await caller.log_in()
    assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
    assert (await caller.get()).status_code == 401


async def test_a_scope_that_was_not_granted(calling: Calling) -> None:
    """400 while it is asked for; without scope, or without that scope, there is a token."""
    caller = await calling('invalid_scope value="core.supplier.read"')
    assert "Authorization" not in caller.headers
    refused = await caller.log_in()
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_scope"})
    assert (await caller.log_in(scope="core.invoice.read")).status_code == 200
    assert (await caller.log_in(scope="")).status_code == 200
    assert (await (await calling("invalid_scope")).log_in()).status_code == 400


async def test_token_requests_meet_any_refusal(calling: Calling) -> None:
    """The token address is a path like others, but `*` leaves it out."""
    caller = await calling("unavailable path=oauth2/token calls=2", "html_error calls=1")
    assert "Authorization" in caller.headers
    assert (await caller.log_in()).status_code == 503
    assert (await caller.log_in()).status_code == 200
    assert await statuses(caller, 2) == [500, 200]


@pytest.mark.parametrize("value", ["2", "Sun, 22 Nov 2026 05:00:09 GMT"])
async def test_retry_after_is_sent_when_the_script_names_it(calling: Calling, value: str) -> None:
    """Seconds from a line of text, a date from a value."""
    caller = await calling()
    app = create_app(
        Edits(build_pocket(), now=lambda: NOW), faults=Faults((Trouble(Fault.UNAVAILABLE, retry_after=value),))
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as http:
        caller = Caller(http)
        await caller.log_in()
        assert (await caller.get()).headers["retry-after"] == value


def build_pocket() -> Company:
    """A pocket company of its own."""
    return pocket(build_company("tiny", 7, dt.date(2026, 11, 22)), 2)


@pytest.mark.parametrize(("trouble", "header"), [((), "1"), (("no_retry_after",), None)])
async def test_the_rate_limit_with_and_without_retry_after(
    calling: Calling, trouble: tuple[str, ...], header: str | None
) -> None:
    """The bucket's own 429 names a second, unless switched off."""
    caller = await calling(*trouble, rate_limit=True)
    answers = [await caller.get() for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[-1].headers.get("retry-after") == header


async def test_where_and_when(calling: Calling) -> None:
    """By path, by number, every nth, after so many, at most so often."""
    caller = await calling("unavailable path=suppliers", "bad_gateway path=inv* calls=2,4-5")
    assert await statuses(caller, 6) == [200, 502, 200, 502, 502, 200]
    assert await statuses(caller, 2, "suppliers") == [503, 503]
    caller = await calling("unavailable every=2 after=2 times=2")
    assert await statuses(caller, 9) == [200, 200, 200, 503, 200, 503, 200, 200, 200]


def test_probability_depends_on_what_is_asked_not_on_the_order() -> None:
    """Two clients that ask for the same pages in another order meet the same troubles; another seed meets others."""
    pages = [f"invoices?id[gt]={number}" for number in range(400)]

    def play(order: list[str], seed: int) -> dict[str, bool]:
        line = FaultLine(Faults.of("unavailable probability=0.2", seed=seed))
        return {page: bool(line.meeting("invoices", page)) for page in order}

    assert play(pages, 1) == play(pages[::-1], 1)
    assert play(pages, 1) != play(pages, 2)
    assert 50 < sum(play(pages, 1).values()) < 110


def test_a_page_that_failed_may_succeed_when_tried_again() -> None:
    """Each try of the same address draws anew, so that no page is lost for good."""
    line = FaultLine(Faults.of("unavailable probability=0.5", seed=3))
    assert {bool(line.meeting("invoices", "invoices?id[gt]=1")) for _ in range(20)} == {True, False}


async def test_records_change_as_the_table_says(calling: Calling) -> None:
    """Each record fault on its usual attribute, then on one that the script names, at any depth."""
    plain = (await (await calling()).records())[0]
    for fault, expected in (
        (Fault.NULL, None),
        (Fault.OUT_OF_RANGE, "9" * 40),
        (Fault.WRONG_TYPE, {"id": 1}),
    ):
        (record, *_) = await (await calling(str(fault))).records()
        assert record == {**plain, "total-with-taxes": expected}
    (record, *_) = await (await calling("blank")).records()
    assert record == {**plain, "invoice-date": ""}
    (record, *_) = await (await calling("missing_field attribute=status,supplier.name")).records()
    assert "status" not in record
    assert "name" not in record["supplier"]
    (record, *_) = await (await calling("unknown_field")).records()
    assert record == {**plain, "brand-new-field": {"id": 1, "name": "new in this release"}}
    (record, *_) = await (await calling('wrong_type attribute=invoice-lines.total value="many"')).records()
    assert {line["total"] for line in record["invoice-lines"]} == {"many"}
    assert set(RECORDS) == {
        Fault.HIDDEN_FIELDS, Fault.UNKNOWN_FIELD, Fault.MISSING_FIELD, Fault.NULL, Fault.BLANK, Fault.OUT_OF_RANGE,
        Fault.WRONG_TYPE,
    }  # fmt: skip


async def test_the_same_records_are_bad_each_time(calling: Calling, edits: Edits) -> None:
    """By id, or by a share of ids: a page read again shows the same ones, also one by one."""
    chosen = edits.ids("invoices")[2]
    caller = await calling(f"null ids={chosen}")
    for _ in range(2):
        assert [r["id"] for r in await caller.records() if r["total-with-taxes"] is None] == [chosen]
    assert (await caller.get(f"invoices/{chosen}")).json()["total-with-taxes"] is None
    caller = await calling("null share=0.5")
    bad = [[r["id"] for r in await caller.records() if r["total-with-taxes"] is None] for _ in range(2)]
    assert bad[0] == bad[1]
    assert 0 < len(bad[0]) < 6


async def test_a_default_filter_hides_fields_unless_they_are_asked_for(calling: Calling) -> None:
    """As a tenant's default filter does."""
    caller = await calling("hidden_fields attribute=total-with-taxes,payments")
    (record, *_) = await caller.records()
    assert {"total-with-taxes", "payments"} & set(record) == set()
    (record, *_) = await caller.records('invoices?fields=["id","total_with_taxes"]')
    assert set(record) == {"id", "total-with-taxes"}


async def test_an_id_comes_twice_across_pages(calling: Calling, edits: Edits) -> None:
    """The last record of a page opens the next one, and no record is lost to a reader by id."""
    ids = edits.ids("invoices")
    caller = await calling("duplicate_ids after=1")
    first = await caller.records("invoices?limit=3&order_by=id")
    second = await caller.records(f"invoices?limit=3&order_by=id&id[gt]={first[-1]['id']}")
    third = await caller.records(f"invoices?limit=3&order_by=id&id[gt]={second[-1]['id']}")
    assert [r["id"] for r in first] == ids[:3]
    assert [r["id"] for r in second] == ids[2:5]
    assert [r["id"] for r in third] == ids[4:6]
    (doubled, again, *_) = await (await calling("duplicate_ids")).records()
    assert doubled == again


async def test_a_page_without_order(calling: Calling, edits: Edits) -> None:
    """All records, the last first."""
    assert [r["id"] for r in await (await calling("unsorted")).records()] == edits.ids("invoices")[::-1]


async def test_bodies_that_are_no_json(calling: Calling) -> None:
    """200 each time: half a list, nothing, or a page of HTML."""
    whole = (await (await calling()).get()).content
    half = await (await calling("truncated_json at=0.25")).get()
    assert (half.status_code, half.content) == (200, whole[: len(whole) // 4])
    empty = await (await calling("empty_body")).get()
    assert (empty.status_code, empty.content) == (200, b"")
    page = await (await calling("html_page")).get()
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("fault", EDITS)
async def test_the_company_is_edited_before_the_answer(calling: Calling, edits: Edits, fault: Fault) -> None:
    """At the second call, with the kinds of edit that its row names; the answer already shows them."""
    caller = await calling(f"{fault} calls=2 count=12", seed=4)
    await caller.get()
    assert edits.revision == 0
    served = await caller.records()
    assert edits.revision >= 3
    assert [r["id"] for r in served] == edits.ids("invoices")
    if fault is Fault.HARD_DELETES:
        assert {edit.verb for edit in edits.log} == {"delete"}
    if fault is Fault.CHILD_EDITS:
        assert {edit.table for edit in edits.log} <= {
            "payments",
            "approvals",
            "remit_to_addresses",
            "failed_tolerances",
        }
        assert {r["updated-at"] for r in served}.isdisjoint({"2026-11-22T00:00:00-05:00"})


async def test_the_clock_of_the_instance_may_be_off(calling: Calling, edits: Edits) -> None:
    """Edits are stamped, and answers dated, two minutes ahead."""
    caller = await calling("clock_skew seconds=120")
    record_id = edits.ids("invoices")[0]
    edits.change("invoices", record_id, {"status": "on_hold"})
    response = await caller.get(f"invoices?id={record_id}")
    assert response.json()[0]["updated-at"] == "2026-11-22T00:02:00-05:00"
    assert parsedate_to_datetime(response.headers["date"]) == NOW + dt.timedelta(minutes=2)
    assert parsedate_to_datetime((await (await calling()).get()).headers["date"]) == NOW


@contextmanager
def served(edits: Edits, *troubles: str) -> Iterator[httpx.Client]:
    """The company over a real connection, with a client that has a token."""
    app = create_app(edits, rate_limit=False, faults=Faults.of(*troubles))
    with running(app) as address, httpx.Client(base_url=address.url, timeout=5) as http:
        token = http.post("/oauth2/token", data=CREDENTIALS).json()["access_token"]
        http.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        yield http


def test_connections_end_in_the_midst_of_an_answer(edits: Edits, caplog: pytest.LogCaptureFixture) -> None:
    """Cut: after part of the promised length; dropped: before any of it. The next call is answered in full."""
    with served(edits, "cut calls=1 at=0.5", "dropped calls=2") as http:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            http.get("/api/invoices")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            http.get("/api/invoices")
        assert len(http.get("/api/invoices").json()) == 6
    assert caplog.records == []


def test_answers_may_be_slow(edits: Edits) -> None:
    """The whole answer waits, or its body trickles in; a reader without patience gives up."""
    with served(edits, "slow calls=1 seconds=0.2", "slow_body calls=2-3 seconds=0.4") as http:
        begun = time.monotonic()
        assert len(http.get("/api/invoices").json()) == 6
        assert 0.2 <= time.monotonic() - begun < 0.4
        assert len(http.get("/api/invoices").json()) == 6
        assert time.monotonic() - begun >= 0.6
        with pytest.raises(httpx.ReadTimeout):
            http.get("/api/invoices", timeout=0.02)


@pytest.mark.parametrize(
    ("zone", "winter", "offset"), [("Pacific/Tongatapu", "+13:00", 13), ("America/Los_Angeles", "-08:00", -8)]
)
async def test_time_zones_at_both_ends(zone: str, winter: str, offset: int) -> None:
    """Times carry the zone's offset, filters compare instants, and edits are stamped in the zone."""
    edits = Edits(pocket(build_company("tiny", 7, dt.date(2026, 11, 22), zone), 3), now=lambda: NOW)
    app = create_app(edits, rate_limit=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as http:
        caller = Caller(http)
        await caller.log_in()
        record_id = edits.ids("invoices")[0]
        edits.change("invoices", record_id, {"status": "on_hold"})
        (record,) = await caller.records("invoices?updated-at[gt_or_eq]=2026-11-22T05:00:00Z")
        local = (NOW + dt.timedelta(hours=offset)).strftime("%Y-%m-%dT%H:%M:%S")
        assert record["updated-at"] == f"{local}{winter}"
        assert record["invoice-date"].endswith(f"T00:00:00{winter}")
        assert len(await caller.records("invoices?updated-at[lt]=2026-11-22T05:00:00Z")) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unavailible", "did you mean 'unavailable'"),
        ("flood", "the faults are expired_token"),
        ("slow second=1", "did you mean 'seconds'"),
        ("slow colour=1", "the arguments are path"),
        ("slow seconds=long", "seconds cannot be 'long'"),
        ("null value=many", "value cannot be 'many'"),
    ],
)
def test_a_script_that_cannot_be_read_says_what_can(text: str, problem: str) -> None:
    """The nearest name, or all of them."""
    with pytest.raises(FaultScriptError, match=problem):
        Faults.of(text)


@pytest.mark.parametrize(
    "text",
    [
        "unavailable path=inv* calls=2,4,5 retry_after=3",
        "null attribute=paid value=false share=0.25",
        "slow seconds=0.5",
    ],
)
def test_a_trouble_is_written_as_it_is_read(text: str) -> None:
    """From text and back."""
    assert Trouble.parse(Trouble.parse(text).text()) == Trouble.parse(text)


async def test_troubles_are_switched_and_counted_from_outside(calling: Calling) -> None:
    """At /sandbox/troubles; a script that cannot be read changes nothing; statistics tell what was met."""
    caller = await calling("unavailable calls=1")
    assert await statuses(caller, 2) == [503, 200]
    bad = await caller.http.post("/sandbox/troubles", json={"troubles": ["flood"]})
    assert (bad.status_code, "flood" in bad.json()["error"]) == (400, True)
    await caller.http.post("/sandbox/troubles", json={"troubles": ["bad_gateway every=2"], "seed": 9})
    assert await statuses(caller, 3) == [200, 502, 200]
    assert (await caller.http.get("/sandbox/troubles")).json() == {"troubles": ["bad_gateway every=2"], "seed": 9}
    found = (await caller.http.get("/sandbox/statistics")).json()
    assert found["calls"] == 5
    assert found["by_status"] == {"200": 3, "502": 1, "503": 1}
    assert found["troubles_met"] == {"bad_gateway": 1}


def test_every_fault_is_in_a_table_or_a_delivery() -> None:
    """No fault without an effect: each name is a key of one of the tables, or of those that the delivery plays."""
    delivered = {"slow", "slow_body", "cut", "dropped", "truncated_json", "html_page", "empty_body"}
    elsewhere = {"no_retry_after", "clock_skew", "duplicate_ids", "unsorted", "write_ignored"}
    assert {*REFUSALS, *AFTER, *EDITS, *RECORDS} | delivered | elsewhere == set(Fault)
    assert json.loads(REFUSALS[Fault.SERVER_ERROR].body)["errors"]
