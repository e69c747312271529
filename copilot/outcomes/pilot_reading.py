"""What a pilot reads from the semantic layer: invoices with their offers, payments, and who must not be paid early."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from copilot.errors import PilotError
from copilot.forecasting.book_reading import columns_of
from copilot.forecasting.record_reading import WITHOUT_INTERCOMPANY
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.outcomes.designing import Books
from copilot.outcomes.panel import Document, Payment
from semantic_layer import SemanticLayer
from semantic_layer.query import Order, RecordQuery

DOCUMENT_COLUMNS = (
    "invoice_id", "supplier", "parent", "category", "region", "invoice_date", "gross_reporting", "population", "status",
    "is_credit_note", "discount_offered_reporting", "discount_end_date", "discount_taken_reporting", "due_date",
    "fully_paid_date", "last_payment_date",
)  # fmt: skip
PAYMENT_COLUMNS = ("id", "invoice_id", "payment_date", "amount_reporting", "days_to_pay")
NOWHERE = "(none)"
DISPUTED = "disputed"
Row = dict[str, Any]


def read_books(layer: SemanticLayer, policy: TreasuryPolicy) -> Books:
    """The books of a pilot as of the data date. Raises what the layer raises.

    Raises PilotError for a viewer who sees a part of the company: a part of a pilot is another pilot.
    """
    if layer.viewer.rows:
        raise PilotError("A pilot is drawn and judged over the whole company, and you see a part of it.")
    documents = [row for row in _rows(layer, "invoice", DOCUMENT_COLUMNS) if _counts(row)]
    parents = {row["invoice_id"]: row["parent"] for row in documents}
    last = {row["invoice_id"]: row for row in documents}
    payments = _rows(layer, "payment", PAYMENT_COLUMNS)
    closing = _closing(payments)
    names: dict[str, set[str]] = defaultdict(set)
    for row in documents:
        names[row["parent"]].add(row["supplier"])
    return Books(
        data_date=layer.data_date,
        mirror_version=layer.mirror_version,
        currency=layer.reporting_currency,
        documents=tuple(_document(row, layer.data_date) for row in documents),
        payments=tuple(
            _payment(row, parents[row["invoice_id"]], last[row["invoice_id"]], closing)
            for row in payments
            if row["invoice_id"] in parents and row["amount_reporting"] is not None and row["days_to_pay"] is not None
        ),
        places={row["invoice_id"]: (row["category"] or NOWHERE, row["region"] or NOWHERE) for row in documents},
        names={parent: tuple(sorted(found)) for parent, found in names.items()},
        barred=_barred(layer, policy, names),
    )


def _rows(layer: SemanticLayer, entity: str, columns: tuple[str, ...]) -> list[Row]:
    order = (Order(field=columns[0], descending=False),)
    query = RecordQuery(entity=entity, columns=columns, filters=(WITHOUT_INTERCOMPANY,), order=order)
    found = columns_of(layer.records(query))
    return [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]


def _counts(row: Row) -> bool:
    known = row["gross_reporting"] is not None and row["invoice_date"] is not None and row["parent"] is not None
    return known and row["population"] != "dead" and not row["is_credit_note"]


def _document(row: Row, data_date: date) -> Document:
    return Document(
        id=int(row["invoice_id"]),
        parent=str(row["parent"]),
        supplier=str(row["supplier"]),
        day=row["invoice_date"],
        amount=Decimal(row["gross_reporting"]),
        offered=Decimal(row["discount_offered_reporting"] or 0),
        window_end=row["discount_end_date"],
        taken=_known(Decimal(row["discount_taken_reporting"] or 0), row["last_payment_date"], data_date),
        due=row["due_date"],
        paid_on=row["fully_paid_date"],
        disputed=row["status"] == DISPUTED,
    )


def _known(taken: Decimal, paid: date | None, data_date: date) -> Decimal:
    """Nothing is taken by a payment that is still to come."""
    return taken if paid is not None and paid <= data_date else Decimal(0)


def _closing(payments: list[Row]) -> dict[int, int]:
    """The last payment of each invoice: what the discount came with."""
    latest: dict[int, tuple[date, int]] = {}
    for row in payments:
        if row["payment_date"] is None:
            continue
        key = (row["payment_date"], row["id"])
        latest[row["invoice_id"]] = max(latest.get(row["invoice_id"], key), key)
    return {invoice: key for invoice, (_, key) in latest.items()}


def _payment(row: Row, parent: str, document: Row, closing: Mapping[int, int]) -> Payment:
    last = closing.get(row["invoice_id"]) == row["id"]
    return Payment(
        parent=parent,
        day=row["payment_date"],
        amount=Decimal(row["amount_reporting"]),
        days=int(row["days_to_pay"]),
        taken=Decimal(document["discount_taken_reporting"] or 0) if last else Decimal(0),
    )


def _barred(layer: SemanticLayer, policy: TreasuryPolicy, names: Mapping[str, set[str]]) -> dict[str, str]:
    """Parents that are not paid early as a whole, because one of their suppliers is not."""
    query = RecordQuery(entity="unaccelerated_supplier", columns=("supplier_name", "on_hold"))
    held = {str(name): "on hold" if hold else "not to be paid early" for name, hold in layer.records(query).rows}
    found = {}
    for parent, suppliers in names.items():
        why = next((held[name] for name in sorted(suppliers) if name in held), "")
        if not why and any(name in policy.excluded_suppliers for name in (parent, *suppliers)):
            why = "excluded by treasury's policy"
        if why:
            found[parent] = why
    return found
