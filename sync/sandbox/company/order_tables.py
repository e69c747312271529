"""Purchase orders, receipts and Coupa Pay payments as Coupa's records."""

import numpy as np

from sync.sandbox.arrays import IntArray
from sync.sandbox.columns import Booleans, Codes, Days, Decimals, Integers, Moments, Texts, constant
from sync.sandbox.company.document_tables import ACCOUNT_SHAPE, account_rows, item_texts
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import ENTITIES
from sync.sandbox.company.reference_tables import (
    COMMODITY_SHAPE,
    CURRENCY_SHAPE,
    SUPPLIER_SHAPE,
    TERM_SHAPE,
    authors,
    stamps,
    stepped_ids,
)
from sync.sandbox.company.settlement import PAY_STATUSES
from sync.sandbox.company.stages import STATUS
from sync.sandbox.tables import CustomFields, Shape, Table, ToMany, ToOne
from sync.sandbox.zone import DAY

ORDER_LINE_SHAPE: Shape = {
    **dict.fromkeys(
        (
            "id",
            "created-at",
            "updated-at",
            "line-num",
            "type",
            "description",
            "quantity",
            "price",
            "total",
            "received",
            "invoiced",
            "status",
            "need-by-date",
            "order-header-id",
            "order-header-number",
        )
    ),
    "account": ACCOUNT_SHAPE,
    "account-allocations": None,
    "commodity": COMMODITY_SHAPE,
    "currency": CURRENCY_SHAPE,
    "custom-fields": None,
}
ORDER_LINE_LINK: Shape = {"id": None, "line-num": None, "order-header-id": None, "order-header-number": None}
DETAIL_SHAPE: Shape = {
    **dict.fromkeys(
        (
            "id",
            "payment-id",
            "payable-id",
            "payable-type",
            "source-transaction-id",
            "source-transaction-type",
            "source-transaction-reference",
            "transaction-total",
            "discount-total",
            "adjustment-total",
            "payment-total",
        )
    ),
    "currency": CURRENCY_SHAPE,
}
BATCH_SHAPE: Shape = {"id": None, "status": None, "description": None}
_ORDER_STATUSES = ("issued", "closed", "cancelled")
_LINE_STATUSES = ("created", "received", "closed")
_CLOSE_DAYS = 75


def order_tables(parts: Parts, tables: dict[str, Table]) -> None:
    """Adds orders, order lines and receipts. Needs the reference tables; invoices come after them."""
    orders = parts.orders
    order_ids = stepped_ids(parts, "orders", len(orders.day), 4_000)
    line_ids = stepped_ids(parts, "order lines", len(orders.line_order), 6_000)
    tables["purchase_order_lines"] = _order_lines(parts, tables, order_ids, line_ids)
    tables["purchase_orders"] = _orders(parts, tables, order_ids)
    tables["receiving_transactions"] = _receipts(parts, tables)


def _invoice_rows(parts: Parts) -> IntArray:
    """The invoice row behind each order line, or -1 while there is none."""
    document = parts.lines.document[parts.orders.line_source]
    return parts.row_of_key[parts.drawn.key[document]]


def received_lines(parts: Parts) -> IntArray:
    """Order lines whose goods have arrived; an invoice that waits for its receipt has none."""
    invoice = _invoice_rows(parts)
    waiting = (invoice >= 0) & (parts.progress.status[invoice] == STATUS["pending_receipt"])
    day = parts.orders.receipt_day
    return np.flatnonzero((day > 0) & (day <= parts.frame.last_day) & ~waiting).astype(np.int64)


def _invoiced(parts: Parts) -> IntArray:
    """What was invoiced on each order line, in hundredths; dead invoices do not count."""
    invoice = _invoice_rows(parts)
    dead = np.isin(
        parts.progress.status[invoice], [STATUS[word] for word in ("voided", "rejected", "abandoned", "invalid")]
    )
    return np.where((invoice >= 0) & ~dead, parts.lines.net[parts.orders.line_source], 0)


def _order_lines(parts: Parts, tables: dict[str, Table], order_ids: IntArray, line_ids: IntArray) -> Table:
    orders = parts.orders
    count = len(line_ids)
    goods = orders.line_quantity > 0
    arrived = np.zeros(count, dtype=np.bool_)
    arrived[received_lines(parts)] = True
    invoiced = _invoiced(parts)
    received = np.where(goods, np.where(arrived, orders.line_quantity * 100, 0), invoiced)
    source = parts.lines.document[orders.line_source]
    entity, category = parts.drawn.entity[source], parts.drawn.category[source]
    header = orders.line_order
    table = Table("order_line", line_ids)
    table.attributes.update(
        {
            "line-num": Texts(count, lambda rows: [str(number) for number in orders.line_number[rows].tolist()]),
            "type": Codes(np.where(goods, 0, 1), ("OrderQuantityLine", "OrderAmountLine")),
            "description": item_texts(category, parts.lines.item[orders.line_source]),
            "quantity": Decimals(orders.line_quantity * 10, ~goods, places=1),
            "price": Decimals(orders.line_price),
            "total": Decimals(orders.line_total),
            "received": Decimals(received),
            "invoiced": Decimals(invoiced),
            "status": Codes(np.where(arrived, np.where(invoiced > 0, 2, 1), 0), _LINE_STATUSES),
            "need-by-date": Moments(orders.line_need_by * DAY, parts.frame.zone),
            "order-header-id": Integers(order_ids[header]),
            "order-header-number": Texts(
                count, lambda rows: [str(number) for number in order_ids[header[rows]].tolist()]
            ),
            "account": ToOne(tables["accounts"], account_rows(entity, category), ACCOUNT_SHAPE, ("id", "code")),
            "commodity": ToOne(tables["commodities"], category, COMMODITY_SHAPE, ("id", "name")),
            "currency": ToOne(tables["currencies"], orders.currency[header], CURRENCY_SHAPE, ("id", "code")),
            "custom-fields": CustomFields({}),
        }
    )
    created = orders.day[header] * DAY + 10 * 3600
    stamps(parts, table, created, np.maximum(created, _order_changes(parts)[header]))
    return table


def _order_changes(parts: Parts) -> IntArray:
    """The last change of each order: a receipt or an invoice on one of its lines."""
    orders, progress = parts.orders, parts.progress
    changed = orders.day * DAY + 10 * 3600
    rows = received_lines(parts)
    np.maximum.at(changed, orders.line_order[rows], orders.receipt_day[rows] * DAY + 15 * 3600)
    invoice = _invoice_rows(parts)
    known = invoice >= 0
    np.maximum.at(changed, orders.line_order[known], progress.touched[invoice[known]])
    return changed


def _orders(parts: Parts, tables: dict[str, Table], order_ids: IntArray) -> Table:
    orders, frame = parts.orders, parts.frame
    count = len(order_ids)
    created, changed = orders.day * DAY + 10 * 3600, _order_changes(parts)
    open_lines = np.bincount(orders.line_order, weights=_invoiced(parts) == 0, minlength=count) > 0
    old = changed < (frame.last_day - _CLOSE_DAYS) * DAY
    untouched = np.bincount(orders.line_order, weights=_invoiced(parts) != 0, minlength=count) == 0
    status = np.where(old & untouched, 2, np.where(old & ~open_lines, 1, 0))
    table = Table("order_header", order_ids)
    table.attributes.update(
        {
            "po-number": Texts(count, lambda rows: [str(number) for number in order_ids[rows].tolist()]),
            "status": Codes(status, _ORDER_STATUSES),
            "transmission-status": constant("sent_via_email", count),
            "version": Integers(1 + np.arange(count, dtype=np.int64) % 11 // 10),
            "exported": Booleans(np.ones(count, dtype=np.bool_)),
            "payment-method": constant("invoice", count),
            "supplier": ToOne(tables["suppliers"], orders.supplier, SUPPLIER_SHAPE, ("id", "name", "number")),
            "currency": ToOne(tables["currencies"], orders.currency, CURRENCY_SHAPE, ("id", "code")),
            "payment-term": ToOne(tables["payment_terms"], orders.term, TERM_SHAPE, ("id", "code")),
            "order-lines": ToMany(tables["purchase_order_lines"], orders.line_starts, ORDER_LINE_SHAPE),
            "custom-fields": CustomFields({}),
        }
    )
    stamps(parts, table, created, changed)
    requester = parts.people.requesters[orders.entity, orders.supplier % parts.people.requesters.shape[1]]
    authors(table, tables["users"], requester, requester)
    return table


def _receipts(parts: Parts, tables: dict[str, Table]) -> Table:
    orders = parts.orders
    rows = received_lines(parts)
    rows = rows[np.lexsort((rows, orders.receipt_day[rows]))]
    count = len(rows)
    table = Table("inventory_transaction", stepped_ids(parts, "receipts", count, 20_000))
    moment = orders.receipt_day[rows] * DAY + 15 * 3600
    table.attributes.update(
        {
            "type": constant("ReceivingQuantityConsumption", count),
            "status": constant("created", count),
            "transaction-date": Moments(moment, parts.frame.zone),
            "quantity": Decimals(orders.line_quantity[rows] * 10, places=1),
            "price": Decimals(orders.line_price[rows]),
            "total": Decimals(orders.line_total[rows]),
            "currency": ToOne(
                tables["currencies"], orders.currency[orders.line_order[rows]], CURRENCY_SHAPE, ("id", "code")
            ),
            "order-line": ToOne(tables["purchase_order_lines"], rows, ORDER_LINE_LINK),
            "exported": Booleans(np.ones(count, dtype=np.bool_)),
            "custom-fields": CustomFields({}),
        }
    )
    stamps(parts, table, moment, moment)
    clerk = parts.people.clerks[rows % len(parts.people.clerks)]
    authors(table, tables["users"], clerk, clerk)
    return table


def pay_tables(parts: Parts, tables: dict[str, Table]) -> None:
    """Adds Coupa Pay payments and their details. Needs invoices."""
    tables["payment_details"] = _details(parts, tables)
    pay, zone = parts.pay, parts.frame.zone
    count = len(pay.day)
    table = Table("coupa_pay_payment", payment_ids(parts))
    released = pay.day * DAY + 16 * 3600
    created = pay.day * DAY + 9 * 3600
    finished = np.minimum((pay.day + 1) * DAY + 7 * 3600, parts.frame.end_second - 60)
    failed = pay.status == PAY_STATUSES.index("completed_with_errors")
    batch = pay.day * len(ENTITIES) + pay.entity
    _, batch_row = np.unique(batch, return_inverse=True)
    batches = Table("payment_batch", np.arange(int(batch_row.max()) + 1 if count else 0, dtype=np.int64) + 200)
    batches.attributes["status"] = constant("approved", len(batches))
    batches.attributes["description"] = constant(None, len(batches))
    table.attributes.update(
        {
            "status": Codes(pay.status, PAY_STATUSES),
            "line-num": Integers(np.ones(count, dtype=np.int64)),
            "payment-batch-id": Integers(batches.ids[batch_row]),
            "payment-batch": ToOne(batches, batch_row.astype(np.int64), BATCH_SHAPE),
            "payee": ToOne(tables["suppliers"], pay.supplier, SUPPLIER_SHAPE, ("id", "name", "number")),
            "pay-from-total": Decimals(pay.total),
            "pay-to-total": Decimals(pay.total),
            "estimated-pay-from-total": Decimals(pay.total),
            "pay-from-currency": ToOne(tables["currencies"], pay.currency, CURRENCY_SHAPE, ("id", "code")),
            "pay-to-currency": ToOne(tables["currencies"], pay.currency, CURRENCY_SHAPE, ("id", "code")),
            "requested-execution-date": Days(pay.day),
            "released-at": Moments(released, zone, pay.status == PAY_STATUSES.index("cancelled")),
            "legal-entity-name": Codes(pay.entity, tuple(fact.legal_name for fact in ENTITIES)),
            "error-text": Codes(np.where(failed, 0, -1), ("Remittance advice could not be delivered",)),
            "exported": Booleans(np.zeros(count, dtype=np.bool_)),
            "payment-details": ToMany(tables["payment_details"], pay.detail_starts, DETAIL_SHAPE),
        }
    )
    stamps(parts, table, created, np.maximum(released, np.where(pay.status <= 1, finished, released)))
    robot = np.full(count, parts.people.robot, dtype=np.int64)
    authors(table, tables["users"], robot, robot)
    tables["coupa_pay/payments"] = table


def payment_ids(parts: Parts) -> IntArray:
    """Ids of Coupa Pay payments."""
    return stepped_ids(parts, "coupa pay", len(parts.pay.day), 770)


def _details(parts: Parts, tables: dict[str, Table]) -> Table:
    pay = parts.pay
    count = len(pay.detail_payment)
    owner = payment_ids(parts)[pay.detail_payment]
    invoices = tables["invoices"]
    numbers = invoices.attributes["invoice-number"]
    table = Table("payment_detail", stepped_ids(parts, "payment details", count, 840))
    table.attributes.update(
        {
            "payment-id": Texts(count, lambda rows: [str(number) for number in owner[rows].tolist()]),
            "payable-id": Integers(invoices.ids[pay.detail_document] - 89_000),
            "payable-type": constant("Payables::Invoice", count),
            "source-transaction-id": Integers(invoices.ids[pay.detail_document]),
            "source-transaction-type": constant("InvoiceHeader", count),
            "source-transaction-reference": Texts(
                count, lambda rows: numbers.make(pay.detail_document[rows]) if isinstance(numbers, Texts) else []
            ),
            "transaction-total": Decimals(pay.detail_amount + pay.detail_discount),
            "discount-total": Decimals(pay.detail_discount),
            "adjustment-total": Decimals(np.zeros(count, dtype=np.int64)),
            "payment-total": Decimals(pay.detail_amount),
            "currency": ToOne(tables["currencies"], pay.currency[pay.detail_payment], CURRENCY_SHAPE, ("id", "code")),
        }
    )
    return table
