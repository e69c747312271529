"""Ties open payables to the control accounts of the general ledger.

The ledger's side is a CSV file (`entity,currency,date,amount`), or the feed `erp_totals` with the account class
`ap_control`; amounts in the documents' own currencies tie to the cent. The mirror's side is what approved documents
left to pay at the end of the day:

    total with taxes - payments until the day - discounts taken with Coupa Pay until the day

of documents recognised until the day (their last approval, or without one their receipt), and nothing where the
document was flagged paid by then. Suppliers inside the group have an account of their own and are left out.
"""

import csv
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from sync.errors import RefusedFileError
from sync.reconciliation import LEDGER, Comparison, Query, Reconciliation

COLUMNS: Final = ("entity", "currency", "date", "amount")
OPEN_PAYABLES: Final = """
SELECT i.account_type_name, i.currency_code, i.balance FROM (
  SELECT i.account_type_name, i.currency_code,
         sum(i.total_with_taxes - coalesce(p.paid, 0) - coalesce(d.discount, 0)) AS balance
  FROM invoices i
  LEFT JOIN (SELECT invoice_id, sum(amount_paid) AS paid FROM invoice_payments
             WHERE payment_date <= DATE '{day}' GROUP BY 1) p ON p.invoice_id = i.id
  LEFT JOIN (SELECT d.source_transaction_id AS invoice_id, sum(d.discount_total) AS discount
             FROM coupa_pay_payment_details d JOIN coupa_pay_payments c ON c.id = d.payment_id
             WHERE c.status = 'completed_successfully' AND c.released_date <= DATE '{day}'
               AND d.source_transaction_type = 'InvoiceHeader' GROUP BY 1) d ON d.invoice_id = i.id
  LEFT JOIN (SELECT approvable_id AS invoice_id, max(approval_date) AS approved_date FROM approvals
             WHERE approvable_type = 'InvoiceHeader' AND status = 'approved' GROUP BY 1) a ON a.invoice_id = i.id
  LEFT JOIN suppliers s ON s.id = i.supplier_id
  WHERE i.status = 'approved' AND s.is_intercompany IS NOT TRUE
    AND coalesce(a.approved_date, i.received_date, i.created_date) <= DATE '{day}'
    AND NOT coalesce(i.paid AND i.payment_date <= DATE '{day}', false)
  GROUP BY ALL
) i
"""


@dataclass(frozen=True)
class Balance:
    """A control account's balance at the end of a day, in one currency; positive: we owe."""

    entity: str
    currency: str
    day: dt.date
    amount: Decimal


def read_balances(path: Path) -> tuple[Balance, ...]:
    """The balances of a CSV file; raises RefusedFileError with the line and the reason."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            absent = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if absent:
                raise RefusedFileError(f"{path}: the column {absent[0]!r} is missing; it needs {', '.join(COLUMNS)}.")
            return tuple(_balance(path, number, row) for number, row in enumerate(rows, start=2))
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedFileError(f"{path} cannot be read as a CSV file in UTF-8 ({error}).") from error


def ledger_balances(query: Query) -> tuple[Balance, ...]:
    """The balances of the feed `erp_totals`, at the ends of months; none when it was never loaded."""
    rows = query(
        "SELECT entity, currency, last_day(period_month), amount FROM feed_erp_totals "
        "WHERE account_class = 'ap_control' ORDER BY ALL",
    )
    return tuple(Balance(row[0], row[1], row[2], Decimal(row[3])) for row in rows)


def tie_out(query: Query, balances: Iterable[Balance], tolerance: Decimal, data_date: dt.date) -> Reconciliation:
    """Compares the balances of a ledger with the open payables of the mirror, entity by entity.

    tolerance: the largest difference that still agrees. Days after `data_date` are left out: the mirror does not have
    them yet.
    """
    comparisons = []
    held: dict[dt.date, dict[tuple[str, str], Decimal]] = {}
    for balance in balances:
        if balance.day > data_date:
            continue
        if balance.day not in held:
            rows = query(OPEN_PAYABLES.format(day=balance.day.isoformat()))
            held[balance.day] = {(row[0], row[1]): Decimal(row[2]) for row in rows}
        found = held[balance.day].get((balance.entity, balance.currency), Decimal(0))
        comparisons.append(
            Comparison(
                balance.entity,
                "open",
                balance.day.isoformat(),
                balance.currency,
                1,
                1,
                balance.amount,
                found,
                tolerance,
            ),
        )
    return Reconciliation(tuple(comparisons), against=LEDGER)


def _balance(path: Path, line: int, row: dict[str, str]) -> Balance:
    try:
        amount = Decimal(row["amount"].replace(",", ""))
        day = dt.date.fromisoformat(row["date"])
    except (InvalidOperation, ValueError, AttributeError):
        raise RefusedFileError(
            f"{path}, line {line}: a date such as 2026-10-31 and an amount such as 1234.50 are needed."
        ) from None
    if not amount.is_finite() or not row["entity"] or not row["currency"]:
        raise RefusedFileError(f"{path}, line {line}: entity, currency and a finite amount are needed.")
    return Balance(row["entity"], row["currency"], day, amount)
