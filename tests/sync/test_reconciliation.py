"""Control totals and control accounts: what agrees, what differs, and how the mirror says so."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync.errors import RefusedFileError
from sync.mirror import Mirror
from sync.publish import new_manifest, publish, read_manifest
from sync.reconciliation import LEDGER, Reconciliation, compare, keep
from sync.sandbox.company.reference import CURRENCIES, ENTITIES
from sync.sandbox.direct import write_company
from sync.sandbox.ledger import ledger_totals
from sync.tie_out import Balance, read_balances, tie_out

HOUR = dt.timedelta(hours=1)


def totals(count: int, money: str) -> dict[tuple[str, str, str], tuple[int, Decimal]]:
    """One total."""
    return {("approved", "2026-10", "USD"): (count, Decimal(money))}


def test_a_total_that_differs_is_named_with_its_month_and_currency() -> None:
    """Counts first, else money; a side without the total counts as nothing."""
    same, other, absent = (
        Reconciliation(tuple(compare("invoices", totals(3, "10.00"), mirror)))
        for mirror in (totals(3, "10.00"), totals(3, "9.99"), {})
    )
    assert same.agrees
    assert (other.drift, other.summary) == (1, "invoices approved 2026-10 USD: 10.00 there, 9.99 in the mirror")
    assert absent.summary == "invoices approved 2026-10 USD: 3 there, 0 in the mirror"


def test_ids_differ_although_totals_agree() -> None:
    """One record lost and another doubled may hide in a total."""
    result = Reconciliation(tuple(compare("users", totals(1, "0"), totals(1, "0"))), {"users": (7,)}, {"users": (8,)})

    assert not result.agrees
    assert result.drift == 2
    assert result.summary == "users: 1 records not mirrored; users: 1 records gone"


def test_the_mirror_says_how_far_it_is_off(mirror: Mirror, tmp_path: Path, kit: Any) -> None:
    """The last comparison of each side counts, and travels with the published version."""
    off = Reconciliation(tuple(compare("invoices", totals(3, "10.00"), totals(2, "9.00"))))
    well = Reconciliation(tuple(compare("invoices", totals(3, "10.00"), totals(3, "10.00"))))
    ledger = Reconciliation(tuple(compare("Acme", totals(1, "5.00"), totals(1, "4.00"))), against=LEDGER)
    assert mirror.drift() == (None, None, None)

    keep(mirror, off, kit.now)
    keep(mirror, ledger, kit.now)
    folder = tmp_path / "out"
    publish(mirror, folder, new_manifest(kit.now, kit.now, "America/New_York", "http://stub"), 3)
    manifest = read_manifest(folder)
    assert (manifest.reconciled_at, manifest.drift) == (kit.now, 2)
    assert manifest.drift_summary == (
        "invoices approved 2026-10 USD: 3 there, 2 in the mirror; Acme approved 2026-10 USD: 5.00 there, 4.00 in the mirror"
    )

    keep(mirror, well, kit.now + HOUR)
    assert mirror.drift()[1] == 1
    assert mirror.query("SELECT against, name FROM reconciliation_totals") == [("ledger", "Acme")]


def test_open_payables_tie_to_the_ledger_to_the_cent(company: Any, tmp_path: Path) -> None:
    """Every entity, currency and month end of the sandbox's own ledger, which adds up its books without the mirror."""
    write_company(tmp_path / "company.duckdb", company)
    balances = []
    for total in ledger_totals(company):
        if total.account_class == "ap_control":
            month = dt.date(1970, 1, 1) + dt.timedelta(days=total.month)
            end = (month.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
            balances.append(
                Balance(ENTITIES[total.entity].name, CURRENCIES[total.currency].code, end, Decimal(total.amount) / 100)
            )
    with duckdb.connect(str(tmp_path / "company.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        result = tie_out(
            lambda sql: connection.execute(sql).fetchall(), balances, Decimal("0.01"), dt.date(2026, 11, 21)
        )
    assert len(result.comparisons) > 100
    assert result.agrees, result.summary


def test_control_accounts_are_read_from_csv(tmp_path: Path) -> None:
    """Thousands separators are taken; what cannot be read is refused with its line."""
    path = tmp_path / "accounts.csv"
    path.write_text('entity,currency,date,amount\nAcme US,USD,2026-10-31,"1,234.50"\n', encoding="utf-8")
    assert read_balances(path) == (Balance("Acme US", "USD", dt.date(2026, 10, 31), Decimal("1234.50")),)

    path.write_text("entity,currency,date,amount\nAcme US,USD,31.10.2026,12\n", encoding="utf-8")
    with pytest.raises(RefusedFileError, match="line 2: a date such as 2026-10-31"):
        read_balances(path)
    path.write_text("entity,date,amount\n", encoding="utf-8")
    with pytest.raises(RefusedFileError, match="'currency' is missing"):
        read_balances(path)
    with pytest.raises(RefusedFileError, match="cannot be read"):
        read_balances(tmp_path / "none.csv")


def test_a_balance_after_the_last_day_is_left_out() -> None:
    """The mirror does not have that day yet."""
    balance = Balance("Acme", "USD", dt.date(2026, 12, 31), Decimal(1))
    assert tie_out(lambda _sql: [], [balance], Decimal(0), dt.date(2026, 11, 21)).comparisons == ()
