"""Coupa's own schema changes: they are told, and nothing is lost."""

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from sync.console import show_status
from sync.mirror import Mirror
from sync.publish import new_manifest, open_published, publish, read_manifest
from sync.reading import read_resource
from sync.reconciliation import Reconciliation, compare, keep
from sync.resources import BY_NAME

HOUR = dt.timedelta(hours=1)


async def read(kit: Any, stub: Any, mirror: Mirror, now: dt.datetime) -> None:
    """Reads the invoices once."""
    async with kit.client_of(stub) as client:
        await read_resource(client, mirror, kit.make_run(now), BY_NAME["invoices"])


def complete(kit: Any, number: int, **changes: Any) -> dict[str, Any]:
    """An invoice that has every field that is asked for, and was changed an hour ago."""
    names = BY_NAME["invoices"].record.model_fields
    return {
        **{name.replace("_", "-"): None for name in names},
        **kit.invoice(number, **{"updated-at": (kit.now - HOUR).isoformat(), **changes}),
    }


def changes(mirror: Mirror) -> list[tuple[object, ...]]:
    """What was noticed."""
    return mirror.query("SELECT path, change FROM schema_changes ORDER BY ALL")


async def test_the_first_reading_learns_what_is_usual(kit: Any, stub: Any, mirror: Mirror) -> None:
    """Nothing is a change yet but what was asked for and is in no record."""
    stub.records["/api/invoices"] = [complete(kit, 7)]
    del stub.records["/api/invoices"][0]["payment-channel"]
    await read(kit, stub, mirror, kit.now)

    assert changes(mirror) == [("payment-channel", "missing")]
    assert ("payments.amount-paid", "text") in mirror.query("SELECT path, kind FROM seen_fields")


async def test_changes_are_told_once_and_unknown_fields_are_kept(kit: Any, stub: Any, mirror: Mirror) -> None:
    """A new field, a changed type, a field that no longer comes, and one that comes back."""
    stub.records["/api/invoices"] = [complete(kit, 7)]
    await read(kit, stub, mirror, kit.now)
    changed = complete(kit, 7, **{"updated-at": kit.now.isoformat(), "net-zero": "yes", "tax-amount": 1200})
    del changed["channel"]
    stub.records["/api/invoices"] = [changed]
    await read(kit, stub, mirror, kit.now + HOUR)
    expected = [("channel", "missing"), ("net-zero", "new field"), ("tax-amount", "changed type")]
    assert changes(mirror) == expected
    assert mirror.query("SELECT raw->>'net-zero', tax_amount::INTEGER FROM invoices") == [("yes", 1200)]

    stub.records["/api/invoices"] = [{**changed, "updated-at": (kit.now + HOUR).isoformat(), "channel": "email"}]
    await read(kit, stub, mirror, kit.now + 2 * HOUR)
    assert changes(mirror) == sorted([*expected, ("channel", "came back")])


async def test_a_list_that_is_hidden_leaves_its_children(kit: Any, stub: Any, mirror: Mirror) -> None:
    """A tenant's filter hides `payments`: they are not taken for deleted; an empty list is."""
    stub.records["/api/invoices"] = [complete(kit, 7)]
    await read(kit, stub, mirror, kit.now)
    hidden = complete(kit, 7, **{"updated-at": kit.now.isoformat()})
    del hidden["payments"]
    stub.records["/api/invoices"] = [hidden]
    await read(kit, stub, mirror, kit.now + HOUR)
    assert mirror.query("SELECT id FROM invoice_payments") == [(70,)]
    assert changes(mirror) == [("payments", "missing")]

    stub.records["/api/invoices"] = [{**hidden, "updated-at": (kit.now + HOUR).isoformat(), "payments": []}]
    await read(kit, stub, mirror, kit.now + 2 * HOUR)
    assert mirror.query("SELECT id FROM invoice_payments") == []


async def test_status_shows_changes_and_drift(kit: Any, stub: Any, mirror: Mirror, tmp_path: Path) -> None:
    """The last changes, what the last comparison found, and since when the past is known."""
    stub.records["/api/invoices"] = [complete(kit, 7)]
    del stub.records["/api/invoices"][0]["channel"]
    await read(kit, stub, mirror, kit.now)
    mirror.complete(kit.now)
    keep(mirror, Reconciliation(tuple(compare("invoices", {("", "", ""): (1, Decimal(0))}, {}))), kit.now)
    publish(mirror, tmp_path / "out", new_manifest(kit.now, kit.now, "America/New_York", "http://stub"), 3)

    console = Console(record=True, width=160, file=io.StringIO())
    with open_published(tmp_path / "out") as published:
        show_status(console, tmp_path, read_manifest(tmp_path / "out"), published, None)
    text = console.export_text()
    assert "schema: invoices channel: missing (asked for, and in no record), noticed 2026-11-22 05:00Z" in text
    assert "1 totals differ (compared 2026-11-22 05:00Z): invoices: 1 there, 0 in the mirror" in text
    assert "knows      what was known since 2026-11-22 05:00Z" in text
