"""A company that is edited while it is read."""

import datetime as dt
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company
from sync.sandbox.direct import write_company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.editing.forks import pocket
from sync.sandbox.editing.random_edits import KINDS, RandomEdits
from sync.sandbox.errors import EditError
from sync.sandbox.tables import ToMany, ToOne

NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def small(company: Company) -> Company:
    """Six invoices and what they refer to."""
    return pocket(company)


@pytest.fixture
def edits(small: Company) -> Edits:
    """The pocket company, edited at a fixed moment."""
    return Edits(small, now=lambda: NOW)


async def list_of(app: Any, reader_headers: dict[str, str], query: str) -> Any:
    """One list over HTTP."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as http:
        response = await http.get(f"/api/{query}", headers=reader_headers)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
async def ask(edits: Edits) -> Callable[[str], Any]:
    """Reads lists of the edited company over HTTP, with a token."""
    app = create_app(edits, rate_limit=False, clock=lambda: 0.0)
    form = {"client_id": "tenor-demo", "client_secret": "tenor-demo-secret", "grant_type": "client_credentials"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as http:
        token = (await http.post("/oauth2/token", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    return lambda query: list_of(app, headers, query)


def test_a_pocket_company_is_small_and_whole(small: Company, company: Company) -> None:
    """A few dozen records, each equal to what the full company serves for the same id."""
    full, cut = Edits(company, now=lambda: NOW), Edits(small, now=lambda: NOW)
    for name in ("invoices", "suppliers", "purchase_orders", "receiving_transactions", "coupa_pay/payments"):
        by_id = {record["id"]: record for record in full.records(name)}
        for record in cut.records(name):
            assert record == by_id[record["id"]]
    assert sum(len(table) for table in small.tables.values()) < 220
    assert len(cut.ids("invoices")) == 6
    assert sum(1 for record in cut.records("invoices") if record["payments"]) == 3


def test_a_pocket_company_starts_in_no_time(small: Company) -> None:
    """Hundreds of property-test runs need a fresh one each: well under a tenth of a second, application included."""
    begun = time.perf_counter()
    for _ in range(10):
        create_app(Edits(small, now=lambda: NOW))
    assert (time.perf_counter() - begun) / 10 < 0.05


async def test_a_change_is_served_and_stamped(edits: Edits, ask: Any) -> None:
    """Filters, values and updated-at see it at once; the company it was forked from does not."""
    record_id = edits.ids("invoices")[0]
    edits.change("invoices", record_id, {"status": "disputed", "total_with_taxes": "12.50"})
    (found,) = await ask("invoices?status=disputed&total-with-taxes=12.5")
    assert (found["id"], found["updated-at"]) == (record_id, "2026-11-22T00:00:00-05:00")
    assert Edits(edits.source, now=lambda: NOW).value("invoices", record_id, "status") != "disputed"


async def test_a_child_changes_without_its_parent(edits: Edits, ask: Any) -> None:
    """The invoice's updated-at stays, only the payment's moves; asked to bump, both do."""
    record_id = next(record["id"] for record in edits.records("invoices") if record["payments"])
    (payment, *_) = edits.children("invoices", record_id, "payments")
    before = edits.value("invoices", record_id, "updated-at")
    edits.change("payments", payment, {"amount-paid": "1.23"})
    (found,) = await ask(f"invoices?id={record_id}")
    assert found["updated-at"] == before
    assert found["payments"][0]["amount-paid"] == "1.23"
    assert await ask("invoices?payments[updated-at][gt_or_eq]=2026-11-22T00:00:00-05:00") == [found]
    edits.change("payments", payment, {"amount-paid": "1.24"}, bump_parent=True)
    assert edits.value("invoices", record_id, "updated-at") == "2026-11-22T00:00:00-05:00"


async def test_nested_records_come_and_go(edits: Edits, ask: Any) -> None:
    """A new payment stands in its own invoice only and names it; deleted, it is nowhere."""
    first, second = edits.ids("invoices")[:2]
    counts = {number: len(edits.children("invoices", number, "payments")) for number in (first, second)}
    added = edits.create("payments", {"amount-paid": "5.00"}, parent=first, bump_parent=False)
    served = {record["id"]: record["payments"] for record in await ask("invoices")}
    assert [item["id"] for item in served[first]].count(added) == 1
    assert len(served[second]) == counts[second]
    assert edits.value("payments", added, "payable-id") == first
    edits.delete("payments", added)
    served = {record["id"]: record["payments"] for record in await ask("invoices")}
    assert {number: len(served[number]) for number in (first, second)} == counts


async def test_a_deleted_record_is_gone_everywhere(edits: Edits, ask: Any) -> None:
    """From lists, by id, and with its approvals and lines; the ids around it stay."""
    ids = edits.ids("invoices")
    approvals = len(edits.ids("approvals"))
    victim = next(number for number in ids[1:-1] if edits.children("invoices", number, "approvals"))
    own = len(edits.children("invoices", victim, "approvals"))
    edits.delete("invoices", victim)
    assert [record["id"] for record in await ask('invoices?fields=["id"]')] == [n for n in ids if n != victim]
    assert await ask(f"invoices?id={victim}") == []
    assert await ask(f"approvals?approvable-id={victim}") == []
    assert len(edits.ids("approvals")) == approvals - own
    with pytest.raises(EditError, match=str(victim)):
        edits.change("invoices", victim, {"status": "new"})


async def test_a_late_record_appears_behind_the_reader(edits: Edits, ask: Any) -> None:
    """Its id and its updated-at are older than those that were visible before it."""
    like = edits.ids("invoices")[0]
    early = NOW - dt.timedelta(minutes=3)
    late = edits.create("invoices", {"invoice-lines": [{"total": "1.00"}]}, like=like, at=early, hidden=True)
    newer = edits.create("invoices", {}, like=like)
    assert [record["id"] for record in await ask(f"invoices?id[gt_or_eq]={late}")] == [newer]
    assert await ask(f"approvals?approvable-id={late}") == []
    edits.reveal("invoices", late)
    found = await ask(f"invoices?id[gt_or_eq]={late}")
    assert [record["id"] for record in found] == [late, newer]
    assert found[0]["updated-at"] == "2026-11-21T23:57:00-05:00"
    assert len(found[0]["invoice-lines"]) == 1


async def test_a_hidden_payment_joins_its_invoice_when_revealed(edits: Edits, ask: Any) -> None:
    """Until then the invoice is served without it, and nobody can reveal what is not hidden."""
    record_id = edits.ids("invoices")[0]
    before = len(edits.children("invoices", record_id, "payments"))
    payment = edits.create("payments", {"amount-paid": "2.00"}, parent=record_id, hidden=True)
    assert len((await ask(f"invoices?id={record_id}"))[0]["payments"]) == before
    edits.reveal("payments", payment)
    assert len((await ask(f"invoices?id={record_id}"))[0]["payments"]) == before + 1
    with pytest.raises(EditError, match="no hidden record"):
        edits.reveal("payments", payment)


async def test_pages_shift_under_an_offset(edits: Edits, ask: Any) -> None:
    """A record that leaves the window between two pages makes an offset reader skip one: Coupa does the same."""
    window = "invoices?updated-at[lt]=2026-11-22T00:00:00-05:00&limit=2&order_by=id"
    ids = edits.ids("invoices")
    first = await ask(f"{window}&offset=0")
    edits.change("invoices", first[0]["id"], {"status": "on_hold"})
    second = await ask(f"{window}&offset=2")
    assert [record["id"] for record in second] == ids[3:5]


def test_edits_as_data_take_place_whole_or_not_at_all(edits: Edits) -> None:
    """A script whose last step fails leaves no trace of the first."""
    record_id = edits.ids("invoices")[0]
    before, revision = edits.records("invoices"), edits.revision
    good = {"verb": "change", "table": "invoices", "record_id": record_id, "values": {"status": "voided"}}
    for bad, text in (
        ({**good, "record_id": 1}, "no record 1"),
        ({**good, "verb": "chnage"}, "did you mean 'change'"),
        ({**good, "colour": "red"}, "colour"),
        ({**good, "values": {"state": "voided"}}, "state"),
        ({**good, "values": {"total-with-taxes": "1.234"}}, "2 decimals"),
        ({**good, "values": {"invoice-date": "soon"}}, "ISO 8601"),
        ({**good, "values": {"supplier": 1}}, "no record 1"),
        ({**good, "at": "2026-11-22T00:00:00"}, "offset"),
    ):
        with pytest.raises(EditError, match=text):
            edits.apply([good, bad])
        assert (edits.records("invoices"), edits.revision) == (before, revision)
    assert edits.apply([good]) == [None]
    assert edits.value("invoices", record_id, "status") == "voided"


def test_the_same_seed_makes_the_same_edits(small: Company) -> None:
    """Two editors over two forks end with equal records; another seed does not."""

    def run(seed: int) -> list[Any]:
        edits = Edits(small, now=lambda: NOW)
        RandomEdits(edits, seed).take(60)
        return [edits.records(name) for name in small.resources]

    assert run(5) == run(5)
    assert run(5) != run(6)


@pytest.mark.parametrize("seed", range(6))
def test_random_edits_keep_the_tables_whole(small: Company, seed: int) -> None:
    """Columns equally long, ids ascending, links to live rows only, nested records in one list each."""
    ticks = itertools.count()
    edits = Edits(small, now=lambda: NOW + dt.timedelta(seconds=next(ticks)))
    busy = RandomEdits(edits, seed)
    done = busy.take(150)
    assert len({edit.verb for edit in done}) == 4
    busy.settle()
    for table in edits.company.tables.values():
        assert (table.ids[1:] > table.ids[:-1]).all()
        for attribute in table.attributes.values():
            if isinstance(attribute, ToOne):
                assert len(attribute.index) == len(table)
                linked = attribute.index[attribute.index >= 0]
                assert attribute.table.live is None or attribute.table.live[linked].all()
            elif isinstance(attribute, ToMany):
                assert len(attribute.starts) == len(table) + 1
                assert attribute.order is None or len(set(attribute.order.tolist())) == attribute.starts[-1]
    owned = [child["id"] for record in edits.records("invoices") for child in record["payments"]]
    assert sorted(owned) == edits.ids("payments")


def test_every_kind_of_random_edit_runs(small: Company) -> None:
    """Each alone, from its name in the table; an unknown name is refused."""
    for kind in KINDS:
        edits = Edits(small, now=lambda: NOW)
        edits.change("invoices", edits.ids("invoices")[0], {"status": "draft"})
        busy = RandomEdits(edits, 1, {**dict.fromkeys(KINDS, 0), kind: 1})
        busy.take(1)
        assert edits.revision > 1 or kind == "reveal", kind
    with pytest.raises(EditError, match="flood"):
        RandomEdits(Edits(small, now=lambda: NOW), 1, {"flood": 1})


def test_an_edited_company_is_written_straight_to_a_mirror(edits: Edits, tmp_path: Path) -> None:
    """Deleted and hidden rows are left out, new ones are in."""
    RandomEdits(edits, 2).take(80)
    path = tmp_path / "company.duckdb"
    write_company(path, edits.company)
    with duckdb.connect(str(path), read_only=True) as connection:
        for table, source in (("invoices", "invoices"), ("invoice_payments", "payments"), ("approvals", "approvals")):
            rows = connection.execute(f"SELECT id FROM {table} ORDER BY id").fetchall()
            visible = edits.ids(source)
            if source == "payments":
                visible = sorted(child["id"] for record in edits.records("invoices") for child in record["payments"])
            assert [row[0] for row in rows] == visible


async def test_the_control_address_edits_and_lists(edits: Edits) -> None:
    """Over HTTP: edits as data, random ones by seed, the log, and a table without pages."""
    app = create_app(edits, rate_limit=False)
    record_id = edits.ids("invoices")[0]
    step = {"verb": "change", "table": "invoices", "record_id": record_id, "values": {"status": "voided"}}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox") as http:
        assert (await http.post("/sandbox/edits", json={"edits": [step]})).json()["ids"] == [None]
        assert (await http.get("/sandbox/log")).json()[0]["table"] == "invoices"
        assert len((await http.post("/sandbox/random", json={"seed": 1, "count": 3})).json()["edits"]) >= 3
        assert (await http.get("/sandbox/records/coupa_pay/payments")).json() == edits.records("coupa_pay/payments")
        assert (await http.get("/sandbox")).json()["revision"] == edits.revision
        wrong = await http.post("/sandbox/edits", json={"edits": [{**step, "record_id": 1}]})
        assert (wrong.status_code, "no record 1" in wrong.json()["error"]) == (400, True)
        assert (await http.post("/sandbox/edits", content=b"{")).status_code == 400


@pytest.mark.parametrize(
    ("client", "headers"), [("10.0.0.5", {}), ("127.0.0.1", {"Origin": "http://elsewhere.example"})]
)
async def test_the_control_address_is_for_this_machine(edits: Edits, client: str, headers: dict[str, str]) -> None:
    """Not for other machines, and not for scripts of a page that a browser on this one shows."""
    transport = httpx.ASGITransport(app=create_app(edits), client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as http:
        response = await http.post("/sandbox/random", json={"seed": 1})
    assert response.status_code == 403
    assert edits.revision == 0
