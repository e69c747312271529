"""Payables as they stood at the end of each day."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from sync.mirror import Merging, Mirror
from sync.pages import split_records
from sync.resources import BY_NAME
from sync.rows import Batch
from sync.snapshots import forget_snapshots, take_snapshot

ZONE = "America/New_York"
DAY = dt.timedelta(days=1)


def merge(mirror: Mirror, records: list[Any], at: dt.datetime, *gone: int) -> None:
    """Merges invoices."""
    batch = Batch(BY_NAME["invoices"])
    batch.add_page(split_records(json.dumps(records).encode(), "invoices"), 0)
    mirror.merge(batch, None, "run", at, Merging(at, gone=gone))


def on(mirror: Mirror, day: dt.date) -> list[tuple[object, ...]]:
    """The open documents of a day: id and what is left to pay."""
    return mirror.query(
        "SELECT invoice_id, total_with_taxes - paid_amount FROM payables_snapshots JOIN payables_snapshot_days d "
        "ON d.snapshot_date = $day WHERE first_date <= $day AND (end_date IS NULL OR $day < end_date) ORDER BY ALL",
        {"day": day},
    )


def test_each_day_keeps_its_open_documents(mirror: Mirror, kit: Any) -> None:
    """A payment, a new invoice, one that was paid and one that was deleted; what stands still costs no row."""
    merge(mirror, [kit.invoice(number, payments=[]) for number in (1, 2, 3, 4)], kit.now)
    first = take_snapshot(mirror, kit.now, ZONE, kit.now)
    assert first == dt.date(2026, 11, 21)
    half = [{"id": 20, "amount-paid": "6600.00", "payment-date": "2026-11-22"}]
    merge(
        mirror,
        [kit.invoice(2, payments=half), kit.invoice(3, paid=True), kit.invoice(5, payments=[])],
        kit.now + DAY,
        4,
    )
    assert take_snapshot(mirror, kit.now + DAY, ZONE, kit.now) == first + DAY

    full, rest = Decimal("13200.0000"), Decimal("6600.0000")
    assert on(mirror, first) == [(1, full), (2, full), (3, full), (4, full)]
    assert on(mirror, first + DAY) == [(1, full), (2, rest), (5, full)]
    assert mirror.query("SELECT count(*) FROM payables_snapshots WHERE invoice_id = 1") == [(1,)]


def test_a_day_has_one_snapshot_and_a_missed_day_has_none(mirror: Mirror, kit: Any) -> None:
    """The second sync of a day leaves it alone; nothing is carried over to a day without a sync."""
    merge(mirror, [kit.invoice(1)], kit.now)
    first = take_snapshot(mirror, kit.now, ZONE, kit.now)
    merge(mirror, [kit.invoice(2)], kit.now)
    assert take_snapshot(mirror, kit.now + dt.timedelta(hours=3), ZONE, kit.now) is None
    take_snapshot(mirror, kit.now + 3 * DAY, ZONE, kit.now)

    assert first is not None
    assert [row[0] for row in on(mirror, first)] == [1]
    assert on(mirror, first + DAY) == []
    assert [row[0] for row in on(mirror, first + 3 * DAY)] == [1, 2]


def test_dead_and_paid_documents_are_not_payable(mirror: Mirror, kit: Any) -> None:
    """A voided one and a paid one are no payables; one in approval is."""
    records = [kit.invoice(1, status="voided"), kit.invoice(2, paid=True), kit.invoice(3, status="pending_approval")]
    merge(mirror, records, kit.now)
    day = take_snapshot(mirror, kit.now, ZONE, kit.now)

    assert day is not None
    assert [row[0] for row in on(mirror, day)] == [3]


def test_old_snapshots_are_forgotten(mirror: Mirror, kit: Any) -> None:
    """Days before the line go; the day itself and what still stands stay."""
    merge(mirror, [kit.invoice(1), kit.invoice(2)], kit.now)
    first = take_snapshot(mirror, kit.now, ZONE, kit.now)
    assert first is not None
    merge(mirror, [kit.invoice(2, paid=True)], kit.now + DAY)
    take_snapshot(mirror, kit.now + DAY, ZONE, kit.now)

    forget_snapshots(mirror, first + DAY)

    assert on(mirror, first) == []
    assert [row[0] for row in on(mirror, first + DAY)] == [1]
    assert mirror.query("SELECT count(*) FROM payables_snapshots") == [(1,)]
