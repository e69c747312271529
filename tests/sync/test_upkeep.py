"""What windows cannot see: silent children, deletions, late updates, renamed links."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from sync.errors import TooManyGoneError
from sync.mirror import Mirror
from sync.reading import read_resource
from sync.resources import BY_NAME
from sync.run import ResourceOutcome
from sync.sandbox.app import create_app
from sync.sandbox.editing.edits import Edits
from sync.sandbox.editing.forks import pocket
from sync.settings import Settings

HOUR = dt.timedelta(hours=1)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now


@pytest.fixture
def clock(kit: Any) -> Clock:
    """The kit's now."""
    return Clock(kit.now)


@pytest.fixture
def edits(company: Any, clock: Clock) -> Edits:
    """A company of six invoices."""
    return Edits(pocket(company, invoices=6), now=lambda: clock.now)


@pytest.fixture
def read(kit: Any, edits: Edits, mirror: Mirror, clock: Clock) -> Callable[..., ResourceOutcome]:
    """Reads one resource of the company, an hour after the last time."""
    app = create_app(edits, rate_limit=False)

    def read_one(name: str, **settings: Any) -> ResourceOutcome:
        clock.now += HOUR
        run = kit.make_run(clock.now, **settings)

        async def go() -> ResourceOutcome:
            async with kit.client_of(app, "tenor-demo", "tenor-demo-secret", Settings().coupa_scopes) as client:
                return await read_resource(client, mirror, run, BY_NAME[name])

        return asyncio.run(go())

    return read_one


def ids(mirror: Mirror, table: str) -> list[int]:
    """The ids of a table."""
    return [int(str(row[0])) for row in mirror.query(f'SELECT id FROM "{table}" ORDER BY id')]


def test_a_payment_that_does_not_touch_its_invoice_is_found(edits: Edits, mirror: Mirror, read: Any) -> None:
    """By its own time, in the very next run, with no sweep due."""
    read("invoices")
    number = edits.ids("invoices")[0]
    added = edits.create(
        "payments", {"amount-paid": "10.00", "payment-date": "2026-11-21"}, parent=number, bump_parent=False
    )

    read("invoices", reread_minutes=10**6)

    assert added in ids(mirror, "invoice_payments")


def test_a_change_in_an_order_line_that_does_not_touch_its_order_is_found(
    edits: Edits, mirror: Mirror, read: Any
) -> None:
    """What was received on it, by the line's own time, in the very next run."""
    read("purchase_orders")
    line = edits.children("purchase_orders", edits.ids("purchase_orders")[0], "order-lines")[0]
    edits.change("purchase_order_lines", line, {"received": "77.00"}, bump_parent=False)

    read("purchase_orders")

    found = mirror.query("SELECT received FROM purchase_order_lines WHERE id = $id", {"id": line})
    assert str(found[0][0]) == "77.000000"


def test_a_payment_that_was_taken_back_in_silence_is_found(edits: Edits, mirror: Mirror, read: Any) -> None:
    """No time tells; the sweep compares the ids of children, whatever the state of the invoice."""
    read("invoices")
    paid = next(number for number in edits.ids("invoices") if edits.children("invoices", number, "payments"))
    (payment, *_) = edits.children("invoices", paid, "payments")
    edits.delete("payments", payment, bump_parent=False)

    read("invoices", reread_minutes=10**6)
    assert payment in ids(mirror, "invoice_payments")
    read("invoices", reread_minutes=10**6, sweep_hours=0)
    assert payment not in ids(mirror, "invoice_payments")
    assert payment in ids(mirror, "invoice_payments_past")


def test_open_invoices_are_read_again(edits: Edits, mirror: Mirror, read: Any) -> None:
    """A change that left no trace in any time, in a document that a balance rests on."""
    number = edits.ids("invoices")[0]
    edits.change("invoices", number, {"status": "approved", "paid": False})
    read("invoices")
    edits.change("invoices", number, {"total-with-taxes": "77.00"}, stamp=False)

    read("invoices", reread_minutes=60)
    read("invoices", reread_minutes=60)

    assert str(mirror.query("SELECT total_with_taxes FROM invoices WHERE id = $id", {"id": number})[0][0]) == "77.0000"


def test_a_sweep_finds_what_was_deleted_and_what_came_late(edits: Edits, mirror: Mirror, read: Any) -> None:
    """Gone with all that was nested in it; and there although its id and its time are older than the last window's end."""
    like, victim = edits.ids("invoices")[:2]
    late = edits.create("invoices", {}, like=like, at=edits.moment() - 3 * HOUR, hidden=True)
    edits.create("invoices", {}, like=like)
    read("invoices")
    edits.reveal("invoices", late)
    edits.delete("invoices", victim)

    read("invoices")
    assert victim in ids(mirror, "invoices")
    assert late not in ids(mirror, "invoices")
    read("invoices", sweep_hours=0)
    assert ids(mirror, "invoices") == edits.ids("invoices")
    assert victim in ids(mirror, "invoices_past")


def test_a_sweep_finds_a_renamed_link(edits: Edits, mirror: Mirror, read: Any) -> None:
    """A supplier's parent was renamed: the child's own time stays, the name that it copies does not."""
    with_parent = next((item for item in edits.records("suppliers") if item["parent"]), None)
    if with_parent is None:
        child, parent = edits.ids("suppliers")[:2]
        edits.change("suppliers", child, {"parent": parent})
    else:
        child, parent = with_parent["id"], with_parent["parent"]["id"]
    read("suppliers")
    edits.change("suppliers", parent, {"name": "Renamed Ltd"}, at=edits.moment())

    read("suppliers", sweep_hours=0)

    assert mirror.query("SELECT parent_name FROM suppliers WHERE id = $id", {"id": child}) == [("Renamed Ltd",)]


def test_a_sweep_that_loses_most_of_a_resource_stops(edits: Edits, mirror: Mirror, read: Any) -> None:
    """More likely a lost right than a hundred deletions: the mirror keeps them, and the sentence says what to check."""
    like = edits.ids("invoices")[0]
    added = [edits.create("invoices", {}, like=like) for _ in range(80)]
    read("invoices")
    for number in added:
        edits.delete("invoices", number)

    with pytest.raises(TooManyGoneError, match="80 of the 86 records of 'invoices'"):
        read("invoices", sweep_hours=0)
    assert len(ids(mirror, "invoices")) == 86
    read("invoices", sweep_hours=0, sweep_loss=1)
    assert ids(mirror, "invoices") == edits.ids("invoices")


def test_nothing_to_find_changes_nothing(mirror: Mirror, read: Any) -> None:
    """A sweep of what did not change reads nothing again, and leaves no past."""
    read("invoices")
    outcome = read("invoices", sweep_hours=0, reread_minutes=0)

    assert outcome.changed == 0
    assert ids(mirror, "invoices_past") == []
    assert ids(mirror, "approvals_past") == []
