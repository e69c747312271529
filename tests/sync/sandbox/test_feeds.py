"""The feed files of a seeded company: the same each time, read without a complaint, and true to its books."""

import csv
import datetime as dt
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sync.feeds.folder import load_folder
from sync.mirror import Mirror
from sync.sandbox.direct import write_mirror
from sync.sandbox.feeds import write_feeds
from sync.sandbox.market import ecb_table, overnight_series, treasury_table

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
SEED = 7

# Balance of an entity and document currency at a day's end: recognised by the last approval, settled with discounts.
OPEN_PAYABLES = """
WITH approved AS (
    SELECT approvable_id AS id, max(approval_date) AS day FROM approvals
    WHERE approvable_type = 'InvoiceHeader' AND status = 'approved' GROUP BY ALL
), documents AS (
    SELECT i.*, coalesce(a.day, i.received_date, i.created_date) AS recognised FROM invoices i
    JOIN suppliers s ON s.id = i.supplier_id LEFT JOIN approved a ON a.id = i.id
    WHERE i.status = 'approved' AND NOT s.is_intercompany
), paid AS (
    SELECT invoice_id, sum(amount_paid) AS amount, max(payment_date) AS last_day FROM invoice_payments GROUP BY ALL
), settled AS (
    SELECT invoice_id, payment_date AS day, amount_paid AS amount FROM invoice_payments
    UNION ALL
    SELECT d.id, p.last_day, d.total_with_taxes - p.amount FROM documents d JOIN paid p ON p.invoice_id = d.id
    WHERE d.paid
), movements AS (
    SELECT account_type_name AS entity, currency_code AS currency, recognised AS day, total_with_taxes AS amount
    FROM documents
    UNION ALL
    SELECT d.account_type_name, d.currency_code, s.day, -s.amount FROM settled s JOIN documents d ON d.id = s.invoice_id
)
SELECT entity, currency, sum(amount) FROM movements WHERE day <= $day GROUP BY ALL HAVING sum(amount) <> 0
"""
PURCHASES = """
SELECT i.account_type_name, i.currency_code, sum(i.total_with_taxes) FROM invoices i
JOIN suppliers s ON s.id = i.supplier_id
WHERE i.status = 'approved' AND NOT s.is_intercompany AND i.invoice_date BETWEEN $first AND $day
GROUP BY ALL HAVING sum(i.total_with_taxes) <> 0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feed files of the tiny company."""
    path = tmp_path_factory.mktemp("feeds")
    write_feeds(path, "tiny", SEED, TODAY)
    return path


def totals(folder: Path, account_class: str, month: str) -> dict[tuple[str, str], Decimal]:
    """Totals of one class and month by entity and currency."""
    with (folder / "erp_totals.csv").open(encoding="utf-8") as file:
        return {
            (row["entity"], row["currency"]): Decimal(row["amount"])
            for row in csv.DictReader(file)
            if row["account_class"] == account_class and row["period_month"] == month
        }


def test_the_same_arguments_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Another seed makes others."""
    again = write_feeds(tmp_path / "again", "tiny", SEED, TODAY)
    other = write_feeds(tmp_path / "other", "tiny", SEED + 1, TODAY)

    for path in again:
        assert path.read_bytes() == (folder / path.relative_to(tmp_path / "again")).read_bytes()
    assert any(path.read_bytes() != (folder / path.relative_to(tmp_path / "other")).read_bytes() for path in other)


def test_every_file_loads_and_nothing_is_set_aside(folder: Path, tmp_path: Path) -> None:
    """In all formats of the banks; each account has one closing balance per weekday."""
    with Mirror.open(tmp_path / "work.duckdb", "https://a.example") as mirror:
        done = load_folder(mirror, folder, NOW, TODAY)

        assert [(load.source_file, load.problem, load.faults) for load in done if load.problem or load.faults] == []
        assert {load.format for load in done} >= {"csv", "bai2", "mt940", "camt053", "treasury-csv", "ecb-csv"}
        assert mirror.query("SELECT count(*) FROM feed_loads") == [(len(done),)]
        (days,) = mirror.query(
            "SELECT count(DISTINCT position_date), count(*) // count(DISTINCT account), max(position_date) "
            "FROM feed_cash_positions WHERE balance_type = 'closing_booked'"
        )
        assert days[0] == days[1]
        assert days[2] == dt.date(2026, 11, 20)


@pytest.mark.parametrize("month", ["2024-09", "2025-12", "2026-06", "2026-10"])
def test_payables_and_purchases_of_the_ledger_tie_with_the_books(folder: Path, tmp_path: Path, month: str) -> None:
    """To the cent, for every entity and document currency, by SQL that knows nothing of the generator."""
    path = tmp_path / "books.duckdb"
    write_mirror(path, "tiny", SEED, TODAY)
    first = dt.date.fromisoformat(f"{month}-01")
    last = (first + dt.timedelta(days=40)).replace(day=1) - dt.timedelta(days=1)
    with duckdb.connect(str(path), read_only=True) as books:
        payables = books.execute(OPEN_PAYABLES, {"day": last}).fetchall()
        purchases = books.execute(PURCHASES, {"first": first, "day": last}).fetchall()

    assert totals(folder, "ap_control", month) == {(entity, code): amount for entity, code, amount in payables}
    assert totals(folder, "purchases", month) == {(entity, code): amount for entity, code, amount in purchases}


def test_the_ledger_is_plausible(folder: Path) -> None:
    """Only complete months, all of them; cost below revenue; cost of the order of purchases."""
    by_class: dict[str, dict[tuple[str, str], Decimal]] = defaultdict(dict)
    with (folder / "erp_totals.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_class[row["account_class"]][row["entity"], row["period_month"]] = Decimal(row["amount"])

    months = sorted({month for _, month in by_class["cogs"]})
    assert (months[0], months[-1], len(months)) == ("2024-08", "2026-10", 27)
    assert all(by_class["cogs"][key] < by_class["revenue"][key] for key in by_class["cogs"])
    assert len(by_class["cogs"]) == len(by_class["inventory"]) == len(by_class["receivables"]) == 9 * 27


def test_a_later_day_only_adds_yields() -> None:
    """A day's yields do not depend on how far the history goes."""
    earlier, later = dt.date(2026, 6, 30), dt.date(2026, 11, 21)
    start = dt.date(2026, 1, 1)

    assert set(treasury_table(7, 2026, earlier).splitlines()) <= set(treasury_table(7, 2026, later).splitlines())
    short = ecb_table(7, "EST", overnight_series(), start, earlier)
    assert ecb_table(7, "EST", overnight_series(), start, later).startswith(short)
    assert treasury_table(7, 2026, later) != treasury_table(8, 2026, later)
