"""Faces of invoices as read from one mirror."""

from __future__ import annotations

from decimal import Decimal

from copilot.forecasting.book_reading import columns_of
from copilot.forecasting.record_reading import Rows
from copilot.opportunities.duplicates import DuplicateReport, Face, find_duplicates
from copilot.opportunities.supplier_reading import read_documents
from copilot.opportunities.treasury_policy import TreasuryPolicy
from semantic_layer.query import Filter, Order, RecordQuery

COLUMNS = (
    "document_id", "face_number", "face_supplier", "face_family", "face_currency", "face_date", "face_gross",
    "face_amount", "face_paid",
)  # fmt: skip


def read_duplicates(
    layer: Rows, policy: TreasuryPolicy, filters: tuple[Filter, ...] = (), *, currency: str = "USD"
) -> DuplicateReport:
    """Pairs of which at least the later invoice matches the filters. Raises what the layer raises."""
    faces = read_faces(layer)
    found = find_duplicates(faces, layer.data_date, currency, policy.version)
    if not filters:
        return found
    kept = {document.id for document in read_documents(layer, filters)}
    mine = {pair.documents[1] for pair in found.pairs if pair.documents[1] in kept}
    several = {key for pair in found.pairs if pair.documents[1] in mine for key in pair.documents}
    return find_duplicates(
        [face for face in faces if face.document_id in several], layer.data_date, currency, policy.version
    )


def read_faces(layer: Rows) -> list[Face]:
    """Invoices that count, in the order of ids, without credit notes."""
    order = (Order(field="document_id", descending=False),)
    found = columns_of(layer.records(RecordQuery(entity="invoice_face", columns=COLUMNS, order=order)))
    return [
        Face(int(key), str(number or ""), str(supplier), str(family), str(money), day, gross, amount, paid)
        for key, number, supplier, family, money, day, gross, amount, paid in zip(
            *(found[name] for name in COLUMNS), strict=True
        )
        if isinstance(gross, Decimal) and gross > 0 and isinstance(amount, Decimal) and isinstance(paid, Decimal)
    ]
