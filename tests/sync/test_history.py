"""What the mirror knew, and when: versions of rows, their pasts, and files of older layouts."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import history, schema
from sync.drift import hidden_children
from sync.errors import MirrorUnreadableError
from sync.mirror import Merging, Mirror
from sync.pages import split_records
from sync.resources import BY_NAME
from sync.rows import Batch
from sync.state import Bookmark

INVOICES, CURRENCIES = BY_NAME["invoices"], BY_NAME["currencies"]
DAY = dt.timedelta(days=1)


def merge(mirror: Mirror, name: str, records: list[Any], how: Merging) -> int:
    """Merges a page of records; returns how many changed."""
    batch = Batch(BY_NAME[name])
    batch.add_page(split_records(json.dumps(records).encode(), name), 0)
    return mirror.merge(batch, Bookmark(name), "run-1", how.known_at, how)


def known(mirror: Mirror, table: schema.Table, moment: dt.datetime, *columns: str) -> list[tuple[object, ...]]:
    """Rows of a table as known at a moment, in order."""
    return sorted(mirror.query(history.as_known(table, columns), {"known": moment}))


def test_a_changed_invoice_leaves_its_past(mirror: Mirror, kit: Any) -> None:
    """The old version was known from its run to the run that brought the new one; what did not change stays known."""
    merge(mirror, "invoices", [kit.invoice(7), kit.invoice(8)], Merging(kit.now))
    later = kit.now + DAY
    merge(mirror, "invoices", [kit.invoice(7, status="disputed"), kit.invoice(8)], Merging(later))

    assert known(mirror, schema.INVOICES, kit.now, "id", "status") == [(7, "approved"), (8, "approved")]
    assert known(mirror, schema.INVOICES, later, "id", "status") == [(7, "disputed"), (8, "approved")]
    assert known(mirror, schema.INVOICES, kit.now - DAY, "id") == []
    assert mirror.query("SELECT id, known_from FROM invoices ORDER BY id") == [(7, later), (8, kit.now)]
    assert mirror.query("SELECT id, known_from, known_to FROM invoices_past") == [(7, kit.now, later)]
    assert mirror.query("SELECT count(*) FROM invoice_lines_past") == [(0,)]


def test_children_have_histories_of_their_own(mirror: Mirror, kit: Any) -> None:
    """A payment that was corrected, one that was taken back, and one that moved to another invoice."""
    merge(mirror, "invoices", [kit.invoice(7), kit.invoice(8)], Merging(kit.now))
    later = kit.now + DAY
    corrected = {"id": 70, "amount-paid": "1.00", "payment-date": "2026-01-21"}
    merge(mirror, "invoices", [kit.invoice(7, payments=[]), kit.invoice(8, payments=[corrected])], Merging(later))

    columns = ("id", "invoice_id", "amount_paid")
    assert known(mirror, schema.INVOICE_PAYMENTS, kit.now, *columns[:2]) == [(70, 7), (80, 8)]
    assert known(mirror, schema.INVOICE_PAYMENTS, later, *columns[:2]) == [(70, 8)]
    assert mirror.query("SELECT known_from FROM invoice_payments") == [(later,)]


def test_what_is_two_levels_down_has_a_history_too(mirror: Mirror, kit: Any) -> None:
    """A line that was split otherwise, one that lost its parts, and custom fields as they were."""
    parts = [{"id": 1, "amount": "60.00", "pct": "60.0"}, {"id": 2, "amount": "40.00", "pct": "40.0"}]
    line = {"id": 70, "total": "100.00", "account-allocations": parts, "custom-fields": {"cost-center": "CC-1"}}
    merge(mirror, "invoices", [kit.invoice(7, **{"invoice-lines": [line]})], Merging(kit.now))
    later = kit.now + DAY
    other = line | {"account-allocations": [parts[0] | {"amount": "100.00"}], "custom-fields": {"cost-center": "CC-2"}}
    merge(mirror, "invoices", [kit.invoice(7, **{"invoice-lines": [other]})], Merging(later))
    merge(mirror, "invoices", [], Merging(later + DAY, gone=[7]))

    columns = ("id", "invoice_id", "invoice_line_id", "amount")
    allocations = schema.INVOICE_LINE_ALLOCATIONS
    assert known(mirror, allocations, kit.now, *columns) == [(1, 7, 70, 60), (2, 7, 70, 40)]
    assert known(mirror, allocations, later, *columns) == [(1, 7, 70, 100)]
    assert known(mirror, allocations, later + DAY, *columns) == []
    past = "SELECT value, known_from, known_to FROM custom_field_values_past ORDER BY ALL"
    assert mirror.query(past) == [("CC-1", kit.now, later), ("CC-2", later, later + DAY)]


def test_a_filter_that_hides_what_is_two_levels_down_removes_nothing(kit: Any) -> None:
    """Lines without the list, and records without lines: hidden; lines with an empty one: not."""
    whole = {"id": 1, "account-allocations": []}
    for lines, hidden in (([whole], set()), ([], set()), ([whole, {"id": 2}], {"account_allocations"})):
        page = split_records(json.dumps([kit.invoice(7, **{"invoice-lines": lines})]).encode(), "invoices")
        assert hidden_children(INVOICES, page) & {"account_allocations", "invoice_lines"} == hidden
    record = {name: value for name, value in kit.invoice(7).items() if name != "invoice-lines"}
    page = split_records(json.dumps([record]).encode(), "invoices")
    assert hidden_children(INVOICES, page) >= {"account_allocations", "invoice_lines"}


def test_what_was_removed_is_past_only(mirror: Mirror, kit: Any) -> None:
    """A deleted invoice with its children, and a currency that a full reload no longer has."""
    merge(mirror, "invoices", [kit.invoice(7), kit.invoice(8)], Merging(kit.now))
    merge(mirror, "currencies", [kit.currency(1), kit.currency(2, "EUR")], Merging(kit.now, whole=True))
    later = kit.now + DAY

    assert merge(mirror, "invoices", [], Merging(later, gone=[7])) == 1
    assert merge(mirror, "currencies", [kit.currency(2, "EUR")], Merging(later, whole=True)) == 1

    for table, before, after in (
        (schema.INVOICES, [(7,), (8,)], [(8,)]),
        (schema.INVOICE_LINES, [(70,), (80,)], [(80,)]),
        (schema.INVOICE_PAYMENTS, [(70,), (80,)], [(80,)]),
        (schema.APPROVALS, [(70,), (80,)], [(80,)]),
        (schema.CURRENCIES, [(1,), (2,)], [(2,)]),
    ):
        assert known(mirror, table, kit.now, "id") == before, table.name
        assert known(mirror, table, later, "id") == after, table.name
        assert mirror.query(f'SELECT id FROM "{table.name}" ORDER BY id') == after


def test_what_was_asked_for_by_id_stands_whatever_its_times_say(mirror: Mirror, kit: Any) -> None:
    """A version with an older `updated-at` is refused from a window, and believed when it was asked for just now."""
    older = kit.invoice(7, **{"status": "voided", "updated-at": "2026-01-13T11:19:08-05:00"})
    merge(mirror, "invoices", [kit.invoice(7)], Merging(kit.now))

    assert merge(mirror, "invoices", [older], Merging(kit.now + DAY)) == 0
    assert merge(mirror, "invoices", [older], Merging(kit.now + DAY, latest=True)) == 1
    assert mirror.query("SELECT status FROM invoices") == [("voided",)]


@settings(max_examples=10, deadline=None)
@given(runs=st.lists(st.dictionaries(st.integers(1, 4), st.integers(0, 3), max_size=4), min_size=1, max_size=6))
def test_every_past_day_is_as_it_was(kit: Any, tmp_path_factory: Any, runs: list[dict[int, int]]) -> None:
    """However records change, come and go from run to run, each run's knowledge stays what it was at its end."""
    with kit.new_mirror(tmp_path_factory.mktemp("days") / "work.duckdb") as mirror:
        held: set[int] = set()
        for day, state in enumerate(runs):
            records = [
                kit.invoice(number, payments=[], **{"total-with-taxes": f"{version}.00"})
                for number, version in state.items()
            ]
            merge(mirror, "invoices", records, Merging(kit.now + day * DAY, gone=sorted(held - state.keys())))
            held = set(state)
        for day, state in enumerate(runs):
            found = known(mirror, schema.INVOICES, kit.now + day * DAY, "id", "total_with_taxes")
            assert [(number, int(total)) for number, total in found] == sorted(state.items())  # type: ignore[call-overload]


def test_the_past_is_forgotten_on_request(mirror: Mirror, kit: Any) -> None:
    """Versions replaced before the moment go, and with them the claim to know what was known then."""
    for day, status in enumerate(("approved", "disputed", "voided")):
        merge(mirror, "invoices", [kit.invoice(7, status=status)], Merging(kit.now + day * DAY))
    mirror.complete(kit.now)

    assert mirror.forget_before(kit.now + DAY) == 1
    assert mirror.query("SELECT status FROM invoices_past") == [("disputed",)]
    assert mirror.known_since() == kit.now + DAY


def test_knowledge_begins_with_the_first_complete_sync(mirror: Mirror, kit: Any) -> None:
    """Later ones do not move it."""
    assert mirror.known_since() is None
    mirror.complete(kit.now)
    mirror.complete(kit.now + DAY)
    assert mirror.known_since() == kit.now


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_layout_is_brought_up(tmp_path: Path, kit: Any, version: int) -> None:
    """Its rows stay and count as known from ever; its bookmarks hold; a changed record leaves a past from then on."""
    path = tmp_path / "work.duckdb"
    with Mirror.open(path, "stub") as fresh:
        expected = layout(fresh)
        merge(fresh, "invoices", [kit.invoice(7)], Merging(kit.now))
    wanted = [
        row
        for row in (schema.OWN_TABLES if version else ())
        if row.name in {"mirror_manifest", "sync_bookmarks", "sync_source"}
    ]
    with duckdb.connect(str(path)) as connection:
        for table in schema.COUPA_TABLES:
            connection.execute(f'DROP TABLE "{table.past}"')
            connection.execute(f'ALTER TABLE "{table.name}" DROP COLUMN known_from')
        for own in wanted:
            for name in ("known_since", "reconciled_at", "drift", "drift_summary", "reread_at", "swept_at"):
                connection.execute(f'ALTER TABLE "{own.name}" DROP COLUMN IF EXISTS "{name}"')
        for name in ("reconciliations", "reconciliation_totals", "seen_fields", "payables_snapshots"):
            connection.execute(f"DROP TABLE {name}")
        if version == 1:
            for feed in schema.FEED_TABLES:
                connection.execute(f'DROP TABLE "{feed.name}"')
        connection.execute("UPDATE sync_source SET schema_version = ?", [version])

    with Mirror.open(path, "stub") as mirror:
        assert layout(mirror) == expected
        assert mirror.bookmark("invoices") == Bookmark("invoices")
        assert known(mirror, schema.INVOICES, kit.now, "id", "status") == [(7, "approved")]
        merge(mirror, "invoices", [kit.invoice(7, status="voided")], Merging(kit.now))
        assert mirror.query("SELECT status FROM invoices_past") == [("approved",)]


def test_a_file_without_the_newest_tables_gets_them(tmp_path: Path) -> None:
    """Layout 3 had no payables, accounts and addresses: they come with their pasts, and everything is read again."""
    path = tmp_path / "work.duckdb"
    with Mirror.open(path, "stub") as fresh:
        expected = layout(fresh)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP VIEW custom_field_values")
        for name in ("invoice_lines", "purchase_order_lines", "contracts"):
            connection.execute(f'ALTER TABLE "{name}" DROP COLUMN custom_fields')
        connection.execute("ALTER TABLE purchase_order_lines_past DROP COLUMN updated_at")
        for name in (
            "payables",
            "accounts",
            "supplier_remit_to_addresses",
            "invoice_line_allocations",
            "account_types",
            "commodities",
            "purchase_order_line_allocations",
        ):
            connection.execute(f'DROP TABLE "{name}"')
            connection.execute(f'DROP TABLE "{name}_past"')
        connection.execute("UPDATE sync_source SET schema_version = 3")

    with Mirror.open(path, "stub") as mirror:
        assert layout(mirror) == expected


def test_amounts_of_an_older_file_become_narrow_to_the_last_digit(tmp_path: Path, kit: Any) -> None:
    """Layout 5 had wider amounts: they keep their values, in the past too, and nothing counts as changed."""
    path, later = tmp_path / "work.duckdb", kit.now + dt.timedelta(days=1)
    with Mirror.open(path, "stub") as fresh:
        expected = layout(fresh)
        merge(fresh, "invoices", [kit.invoice(7, **{"gross-total": "99999999999999.9999"})], Merging(kit.now))
        merge(fresh, "invoices", [kit.invoice(7, **{"gross-total": "-0.0001"})], Merging(later))
    widen(path)

    with Mirror.open(path, "stub") as mirror:
        assert layout(mirror) == expected
        assert mirror.query("SELECT gross_total FROM invoices_past") == [(Decimal("99999999999999.9999"),)]
        assert merge(mirror, "invoices", [kit.invoice(7, **{"gross-total": "-0.0001"})], Merging(later)) == 0


def test_an_amount_that_no_longer_fits_is_told_and_the_file_stays(tmp_path: Path, kit: Any) -> None:
    """Nothing is rounded away or lost while an older file is taken over."""
    path = tmp_path / "work.duckdb"
    with Mirror.open(path, "stub") as fresh:
        merge(fresh, "invoices", [kit.invoice(7)], Merging(kit.now))
    widen(path, "UPDATE invoice_payments SET amount_paid = 100000000000000")

    with pytest.raises(MirrorUnreadableError, match=r"100,000,000,000,000 or more.*delete it and sync again"):
        Mirror.open(path, "stub")
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT DISTINCT amount_paid FROM invoice_payments").fetchall() == [(10**14,)]


def widen(path: Path, *statements: str) -> None:
    """Gives the amounts of a file the types of layout 5."""
    with duckdb.connect(str(path)) as connection:
        for table in schema.COUPA_TABLES:
            for column in table.columns:
                if column.type in {schema.MONEY, schema.QUANTITY}:
                    for name in (table.name, table.past):
                        connection.execute(f'ALTER TABLE "{name}" ALTER COLUMN "{column.name}" TYPE DECIMAL(32,4)')
        for statement in statements:
            connection.execute(statement)
        connection.execute("UPDATE sync_source SET schema_version = 5")


def layout(mirror: Mirror) -> list[tuple[object, ...]]:
    """Every column of every table."""
    return mirror.query(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    )
