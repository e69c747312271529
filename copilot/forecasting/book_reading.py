"""What an outflow forecast reads from the semantic layer: documents and payments, as the metrics see them."""

from __future__ import annotations

from dataclasses import replace

from copilot.forecasting.book import Book, Columns, book_of
from copilot.forecasting.orders import Orders, orders_of
from copilot.forecasting.record_reading import WITHOUT_INTERCOMPANY, Rows
from semantic_layer import SemanticLayerError
from semantic_layer.query import Filter, Order, RecordQuery
from semantic_layer.results import RecordSet

DOCUMENT_COLUMNS = (
    "invoice_id",
    "invoice_number",
    "supplier",
    "category",
    "supplier_country",
    "buying_entity",
    "entity_country_code",
    "currency",
    "status",
    "population",
    "is_credit_note",
    "invoice_date",
    "received_date",
    "recognised_date",
    "due_date",
    "discount_end_date",
    "discount_rate",
    "gross_reporting",
    "open_reporting",
    "last_payment_date",
)
PAYMENT_COLUMNS = ("invoice_id", "payment_date", "amount_reporting")
LINE_COLUMNS = (
    "id",
    "supplier",
    "order_status",
    "line_status",
    "line_type",
    "created_date",
    "total",
    "total_reporting",
)
RECEIPT_COLUMNS = ("order_line_id", "transaction_date", "total")
_KEYS = frozenset(
    {"id", "invoice_id", "order_line_id", "payment_date", "transaction_date", "total", "amount_reporting"}
)
"""What tells the rows of one entity apart."""
BILL_COLUMNS = ("id", "order_line_id", "received_date", "total")


def read_book(layer: Rows, filters: tuple[Filter, ...] = ()) -> Book:
    """The book of the documents that match `filters`, without intercompany unless they speak of it.

    Raises what the layer raises, and ValueError when it cut rows off.
    """
    if not any(item.field == WITHOUT_INTERCOMPANY.field for item in filters):
        filters = (*filters, WITHOUT_INTERCOMPANY)
    documents = _rows(layer, "invoice", DOCUMENT_COLUMNS, filters)
    payments = _rows(layer, "payment", PAYMENT_COLUMNS, filters)
    book = book_of(documents, payments)
    return replace(book, orders=read_orders(layer, filters))


def read_orders(layer: Rows, filters: tuple[Filter, ...]) -> Orders | None:
    """Lines of orders with what was received and billed on them; None where they cannot be read.

    Orders know no buying entity: with a filter that they cannot follow, they are left out as a whole, and so they are
    for a viewer who may not see them.
    """
    try:
        lines = _rows(layer, "order_line", LINE_COLUMNS, filters)
        receipts = _rows(layer, "receipt", RECEIPT_COLUMNS)
        bills = _rows(layer, "invoiced_on_order", BILL_COLUMNS)
        links = _rows(layer, "invoice_line", ("id", "invoice_id"))
    except (SemanticLayerError, KeyError):
        return None
    documents = dict(zip(links["id"], links["invoice_id"], strict=True))
    return orders_of(lines, receipts, bills, documents)


def _rows(layer: Rows, entity: str, columns: tuple[str, ...], filters: tuple[Filter, ...] = ()) -> Columns:
    """Rows in an order of their own, so that the same data gives the same hash whichever thread read it first."""
    order = tuple(Order(field=name, descending=False) for name in columns if name in _KEYS or name == columns[0])
    return columns_of(layer.records(RecordQuery(entity=entity, columns=columns, filters=filters, order=order)))


def columns_of(records: RecordSet) -> Columns:
    """Rows turned into columns by name. Raises ValueError when rows were cut off."""
    if records.truncated:
        raise ValueError("A forecast needs every row, but the record set was cut off; raise its limit.")
    values = zip(*records.rows, strict=True) if records.rows else ((),) * len(records.columns)
    return dict(zip(records.columns, values, strict=True))
