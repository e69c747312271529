"""Hand-written books: a few documents, payments and rates become a published mirror, so that each test shows its own rows."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from sync.schema import COUPA_TABLES, FEED_TABLES, OWN_TABLES

UTC = dt.UTC
_FEEDS = tuple(table for table in FEED_TABLES if not table.name.endswith("_past"))


def day(text: str) -> dt.date:
    """A date from "2026-03-01"."""
    return dt.date.fromisoformat(text)


@dataclass
class Books:
    """Rows by table; the methods fill in what a test does not care about."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    as_of: dt.datetime = dt.datetime(2026, 4, 1, tzinfo=UTC)
    """Exclusive end of the sync window: the data's last complete day is the day before."""
    known_since: dt.datetime | None = None
    """When the mirror began to know its own past."""

    def __post_init__(self) -> None:
        self.add("countries", code="US", name="United States", region="North America")
        self.add("countries", code="DE", name="Germany", region="EMEA")
        self.add("payment_terms", id=1, code="Net 30", days_for_net_payment=30)
        self.add(
            "payment_terms",
            id=2,
            code="2/10 Net 30",
            days_for_net_payment=30,
            days_for_discount_payment=10,
            discount_rate=Decimal(2),
        )

    def add(self, table: str, **values: Any) -> None:
        """One row of one table."""
        self.rows.setdefault(table, []).append(values)

    def supplier(self, id: int, name: str, **values: Any) -> None:
        """A supplier; not intercompany unless said."""
        self.add(
            "suppliers",
            **{
                "id": id,
                "name": name,
                "country_code": "US",
                "is_intercompany": False,
                "commodity_name": "IT",
                **values,
            },
        )

    def invoice(
        self,
        id: int,
        gross: str,
        *,
        dated: str,
        supplier: int = 1,
        approved: str | None = "same",
        due: str | None = None,
        paid: Iterable[tuple[str, str]] = (),
        discount: str | None = None,
        **values: Any,
    ) -> None:
        """A document; approved on its date unless said, with payments as (date, amount) and the discount taken with the last."""
        when = dated if approved == "same" else approved
        payments = [(day(d), Decimal(a)) for d, a in paid]
        settled = sum((a for _, a in payments), Decimal(0)) + Decimal(discount or 0)
        self.add(
            "invoices",
            **{
                "id": id, "invoice_number": f"INV-{id}", "status": "approved", "document_type": "Invoice", "is_credit_note": False,
                "supplier_id": supplier, "account_type_id": 1, "account_type_name": "US Chart", "legal_entity_name": "Acme US",
                "entity_country_code": "US", "currency_code": "USD", "payment_term_id": 1, "payment_term_code": "Net 30",
                "invoice_date": day(dated), "received_date": day(dated), "created_date": day(dated),
                "net_due_date": day(due) if due else None, "total_with_taxes": Decimal(gross), "tax_amount": Decimal(0),
                "paid": bool(payments) and settled == Decimal(gross), **values,
            },
        )  # fmt: skip
        if when:
            moment = dt.datetime.combine(day(when), dt.time(12), UTC)
            self.add("approvals", id=id, approvable_type="InvoiceHeader", approvable_id=id, status="approved", approval_at=moment,
                     approval_date=day(when), created_at=moment)  # fmt: skip
        for n, (paid_on, amount) in enumerate(payments):
            self.add("invoice_payments", id=id * 10 + n, invoice_id=id, amount_paid=amount, payment_date=paid_on)
        if discount:
            self.add("coupa_pay_payments", id=id, status="completed_successfully")
            self.add("coupa_pay_payment_details", id=id, payment_id=id, source_transaction_id=id,
                     source_transaction_type="InvoiceHeader", discount_total=Decimal(discount))  # fmt: skip

    def rate(self, currency: str, on: str, rate: str, to: str = "USD") -> None:
        """A rate of one day."""
        self.add("exchange_rates", from_currency=currency, to_currency=to, rate_date=day(on), rate=Decimal(rate))

    def publish(self, folder: Path, version: str = "1") -> Path:
        """Write the rows as a published mirror and point to it; the folder is what readers open."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"mirror-{version}.duckdb"
        file.write_bytes(empty_mirror())
        with duckdb.connect(str(file)) as connection:
            self.rows["mirror_manifest"] = [
                {
                    "mirror_version": version,
                    "data_as_of": self.as_of,
                    "published_at": self.as_of,
                    "company_time_zone": "UTC",
                    "known_since": self.known_since,
                }
            ]
            for name, rows in self.rows.items():
                for columns, alike in itertools.groupby(rows, key=tuple):
                    _insert(connection, name, columns, [tuple(row.values()) for row in alike])
        pointer = folder / "current.json"
        pointer.write_text(json.dumps({"file": file.name, "mirror_version": version}))
        return folder


@functools.cache
def empty_mirror() -> bytes:
    """A mirror file without rows: making its tables costs more than all else that a test does."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.duckdb"
        with duckdb.connect(str(file)) as connection:
            for table in (*COUPA_TABLES, *OWN_TABLES, *_FEEDS):
                connection.execute(table.ddl())
            for statement in (text for table in COUPA_TABLES for text in table.history_ddl()):
                connection.execute(statement)
        return file.read_bytes()


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    """Rows with the same columns, in one statement: a statement for each row takes most of a test's time."""
    marks = f"({', '.join('?' for _ in columns)})"
    values = [value for row in rows for value in row]
    connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([marks] * len(rows))}", values)
