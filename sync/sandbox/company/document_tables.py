"""Transactions as Coupa's records: invoices with lines, payments and approvals, orders, receipts, Coupa Pay."""

import numpy as np

from sync.sandbox.arrays import IntArray, starts_of
from sync.sandbox.columns import Booleans, Codes, Decimals, Floats, Integers, Moments, Texts, constant
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import CATEGORIES, ENTITIES
from sync.sandbox.company.reference_tables import (
    COMMODITY_SHAPE,
    CONTRACT_SHAPE,
    CURRENCY_SHAPE,
    ENTITY_SHAPE,
    SUPPLIER_SHAPE,
    TERM_SHAPE,
    USER_SHAPE,
    authors,
    stamps,
    stepped_ids,
)
from sync.sandbox.company.stages import APPROVAL_STATUSES, STATUS, STATUSES
from sync.sandbox.company.terms import NO_DAY
from sync.sandbox.tables import CustomFields, Shape, Table, ToMany, ToOne
from sync.sandbox.zone import DAY, day_of

APPROVAL_SHAPE: Shape = {
    **dict.fromkeys(
        (
            "id",
            "created-at",
            "updated-at",
            "position",
            "approval-chain-id",
            "status",
            "approval-date",
            "note",
            "type",
            "approvable-type",
            "approvable-id",
        )
    ),
    "approver": USER_SHAPE,
    "approved-by": USER_SHAPE,
}
PAYMENT_SHAPE: Shape = dict.fromkeys(
    ("id", "created-at", "updated-at", "amount-paid", "notes", "payment-date", "payable-id", "payable-type")
)
ACCOUNT_SHAPE: Shape = {"id": None, "name": None, "code": None}
LINE_SHAPE: Shape = {
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
            "tax-amount",
            "po-number",
            "order-header-num",
            "order-line-id",
            "order-line-num",
            "status",
        )
    ),
    "account": ACCOUNT_SHAPE,
    "account-allocations": None,
    "commodity": COMMODITY_SHAPE,
    "currency": CURRENCY_SHAPE,
    "custom-fields": None,
}
_DAY_END = DAY - 1
_POST_SECOND = 18 * 3600 + 2 * 60
_CHANNELS = ("csp", "invoice_inbox", "cxml", "san")


def document_tables(parts: Parts, tables: dict[str, Table]) -> None:
    """Adds invoices and the tables nested in them to `tables`."""
    documents = parts.documents
    ids = stepped_ids(parts, "invoices", len(documents), 90_000)
    table = Table("invoice_header", ids)
    tables["approvals"] = _approvals(parts, tables, ids)
    tables["payments"] = _payments(parts, tables, ids)
    tables["invoice_lines"] = _lines(parts, tables)
    _header(parts, tables, table)
    _money(parts, table)
    _dates(parts, tables, table)
    _nested(parts, tables, table)
    tables["invoices"] = table


def ledger_accounts(tables: dict[str, Table]) -> Table:
    """One ledger account for each entity and category, row `entity * categories + category`."""
    wide, count = len(CATEGORIES), len(ENTITIES) * len(CATEGORIES)
    every = np.arange(count, dtype=np.int64)
    table = Table("account", every + 801)
    table.attributes.update(
        {
            "name": Texts(
                count,
                lambda rows: [f"{ENTITIES[row // wide].code}, {CATEGORIES[row % wide].name}" for row in rows.tolist()],
            ),
            "code": Texts(
                count, lambda rows: [f"{ENTITIES[row // wide].code}-{5000 + row % wide * 10}" for row in rows.tolist()]
            ),
            "active": Booleans(np.ones(count, dtype=np.bool_)),
            "account-type": ToOne(tables["account_types"], every // wide, {"id": None, "name": None}),
        }
    )
    return table


def account_rows(entity: IntArray, category: IntArray) -> IntArray:
    """Rows of the account table."""
    return entity * len(CATEGORIES) + category


def _approvals(parts: Parts, tables: dict[str, Table], invoice_ids: IntArray) -> Table:
    steps = parts.approvals
    count = len(steps.document)
    table = Table("approval", stepped_ids(parts, "approvals", count, 12_000))
    waiting = steps.status == APPROVAL_STATUSES.index("pending_approval")
    table.attributes.update(
        {
            "position": Integers(steps.position),
            "status": Codes(steps.status, APPROVAL_STATUSES),
            "type": constant("ManagementHierarchyApproval", count),
            "approval-chain-id": Integers(parts.documents.entity[steps.document] + 7),
            "approvable-type": constant("InvoiceHeader", count),
            "approvable-id": Integers(invoice_ids[steps.document]),
            "approver": ToOne(tables["users"], steps.approver, USER_SHAPE, ("id", "login")),
            "approver-id": Integers(tables["users"].ids[steps.approver]),
            "approver-type": constant("User", count),
            "approved-by": ToOne(tables["users"], np.where(waiting, -1, steps.approver), USER_SHAPE, ("id", "login")),
            "approval-date": Moments(steps.decided, parts.frame.zone, waiting),
            "note": Codes(np.where(steps.status == 1, 0, -1), ("Not accepted, see comments",)),
            "holdable": Booleans(np.ones(count, dtype=np.bool_)),
        }
    )
    stamps(parts, table, steps.created, np.maximum(steps.created, steps.decided))
    return table


def _payments(parts: Parts, tables: dict[str, Table], invoice_ids: IntArray) -> Table:
    payments = parts.settlement.payments
    count = len(payments.document)
    table = Table("payment", stepped_ids(parts, "payments", count, 700))
    through_pay = np.array([fact.coupa_pay for fact in ENTITIES])[parts.documents.entity[payments.document]]
    posted = payments.day * DAY + _POST_SECOND
    table.attributes.update(
        {
            "amount-paid": Decimals(payments.amount),
            "payment-date": Moments(payments.day * DAY, parts.frame.zone),
            "notes": Codes(
                np.where(payments.urgent, 2, np.where(through_pay, 0, 1)), ("Coupa Pay", "ERP run", "ERP urgent")
            ),
            "payable-id": Integers(invoice_ids[payments.document]),
            "payable-type": constant("InvoiceHeader", count),
        }
    )
    stamps(parts, table, posted, posted)
    robot = np.full(count, parts.people.robot, dtype=np.int64)
    authors(table, tables["users"], robot, robot)
    return table


def _lines(parts: Parts, tables: dict[str, Table]) -> Table:
    """Lines of existing invoices, in invoice order; columns are gathered from the drawn lines."""
    rows = line_rows(parts)
    lines, count = parts.lines, len(rows)
    owner = parts.row_of_key[parts.drawn.key[lines.document[rows]]]
    documents, progress = parts.documents, parts.progress
    order_line = lines.order_line[rows]
    order = np.where(order_line >= 0, parts.orders.line_order[order_line], -1)
    category = documents.category[owner]
    amount_line = lines.quantity[rows] == 0
    table = Table("invoice_line", stepped_ids(parts, "invoice lines", count, 350_000))
    order_ids = tables["purchase_orders"].ids
    order_line_ids = tables["purchase_order_lines"].ids
    numbers = parts.orders.line_number
    table.attributes.update(
        {
            "line-num": Integers(lines.number[rows]),
            "type": Codes(amount_line.astype(np.int64), ("InvoiceQuantityLine", "InvoiceAmountLine")),
            "description": item_texts(category, lines.item[rows]),
            "quantity": Decimals(lines.quantity[rows] * 10, amount_line, places=1),
            "price": Decimals(lines.price[rows]),
            "total": Decimals(lines.net[rows]),
            "tax-amount": Decimals(lines.tax[rows]),
            "status": constant("matched", count),
            "po-number": _order_texts(order_ids, order),
            "order-header-num": _order_texts(order_ids, order),
            "order-line-id": Integers(
                order_line_ids[order_line] if len(order_line_ids) else order_line, order_line < 0
            ),
            "order-line-num": Texts(
                count, lambda wanted: [None if line < 0 else str(numbers[line]) for line in order_line[wanted].tolist()]
            ),
            "account": ToOne(
                tables["accounts"], account_rows(documents.entity[owner], category), ACCOUNT_SHAPE, ("id", "code")
            ),
            "commodity": ToOne(tables["commodities"], category, COMMODITY_SHAPE, ("id", "name")),
            "currency": ToOne(tables["currencies"], documents.currency[owner], CURRENCY_SHAPE, ("id", "code")),
            "custom-fields": CustomFields({}),
        }
    )
    stamps(parts, table, progress.created[owner], progress.touched[owner])
    return table


def line_rows(parts: Parts) -> IntArray:
    """Rows of the drawn lines that belong to existing invoices, in invoice order."""
    owner = parts.row_of_key[parts.drawn.key[parts.lines.document]]
    order = np.lexsort((parts.lines.number, owner))
    return order[owner[order] >= 0].astype(np.int64)


def item_texts(category: IntArray, item: IntArray) -> Texts:
    """Line descriptions: a thing of the category and a model number."""

    def make(rows: IntArray) -> list[str | None]:
        pairs = zip(category[rows].tolist(), item[rows].tolist(), strict=True)
        return [f"{CATEGORIES[c].items[i % len(CATEGORIES[c].items)]} {40 + 7 * i}" for c, i in pairs]

    return Texts(len(category), make)


def _order_texts(order_ids: IntArray, order: IntArray) -> Texts:
    def make(rows: IntArray) -> list[str | None]:
        return [None if row < 0 else str(order_ids[row]) for row in order[rows].tolist()]

    return Texts(len(order), make)


def invoice_numbers(parts: Parts) -> Texts:
    """Invoice numbers in each supplier's own style; copies repeat their original's number, mangled by kind."""
    documents = parts.documents
    copied = documents.copy_kind > 0
    key = np.where(copied, documents.original, documents.key)
    return Texts(
        len(documents),
        lambda rows: [
            _mangled(_number(parts, k, credit=credit), kind)
            for k, kind, credit in zip(
                key[rows].tolist(), documents.copy_kind[rows].tolist(), documents.credit[rows].tolist(), strict=True
            )
        ],
    )


def _number(parts: Parts, key: int, *, credit: bool = False) -> str:
    row = int(parts.drawn_of_key[key])
    supplier = int(parts.drawn.supplier[row])
    letters = "".join(part[0] for part in parts.book.names[supplier].split() if part[0].isalpha())[:3].upper() or "X"
    year = day_of(int(parts.drawn.day[row])).year
    style = supplier % 3
    number = (f"{letters}-{year}-{key:06d}", f"{year % 100}{key:06d}", f"{letters}{key:06d}")[style]
    return f"CN-{number}" if credit else number


def _mangled(number: str, kind: int) -> str:
    if kind == 1:
        return f"R-{number}"
    if kind == 2 and "0" in number:
        place = number.rindex("0")
        return f"{number[:place]}O{number[place + 1 :]}"
    return f"{number}A" if kind == 2 else number


def _header(parts: Parts, tables: dict[str, Table], table: Table) -> None:
    documents, progress = parts.documents, parts.progress
    count = len(documents)
    coupa_pay = np.array([fact.coupa_pay for fact in ENTITIES])[documents.entity]
    accelerated = parts.book.accelerated[documents.supplier] & (documents.rate > 0)
    original = np.where(documents.credit, documents.original, -1)
    table.attributes.update(
        {
            "invoice-number": invoice_numbers(parts),
            "status": Codes(progress.status, STATUSES),
            "document-type": Codes(documents.credit.astype(np.int64), ("Invoice", "Credit Note")),
            "is-credit-note": Booleans(documents.credit),
            "original-invoice-number": Texts(
                count, lambda rows: [None if key < 0 else _number(parts, key) for key in original[rows].tolist()]
            ),
            "supplier": ToOne(tables["suppliers"], documents.supplier, SUPPLIER_SHAPE, ("id", "name", "number")),
            "account-type": ToOne(tables["account_types"], documents.entity, ENTITY_SHAPE, ("id", "name")),
            "currency": ToOne(tables["currencies"], documents.currency, CURRENCY_SHAPE, ("id", "code")),
            "payment-term": ToOne(tables["payment_terms"], documents.term, TERM_SHAPE, ("id", "code")),
            "contract": ToOne(tables["contracts"], parts.contract, CONTRACT_SHAPE, ("id", "number")),
            "requested-by": ToOne(tables["users"], progress.requester, USER_SHAPE, ("id", "login")),
            "line-count": Integers(documents.lines),
            "line-level-taxation": Booleans(np.ones(count, dtype=np.bool_)),
            "payment-channel": Codes(coupa_pay.astype(np.int64), ("ERP", "Coupa Pay Invoice Payment")),
            "channel": Codes((documents.supplier * 7 + documents.key % 5 // 4) % 4, _CHANNELS),
            "coupa-accelerate-status": Codes(np.where(accelerated, 0, -1), ("accelerated",)),
            "tolerance-failures": Codes(
                np.where(np.isin(progress.status, [STATUS["on_hold"], STATUS["booking_hold"]]), 0, -1),
                ("Unit price over tolerance",),
            ),
            "exported": Booleans(progress.status == STATUS["approved"]),
            "canceled": Booleans(np.isin(progress.status, [STATUS["voided"], STATUS["abandoned"]])),
            "supplier-created": Booleans(progress.creator == parts.people.integration),
            "lock-version-key": Integers(documents.key % 4 + 1),
            "custom-fields": CustomFields({}),
        }
    )


def _money(parts: Parts, table: Table) -> None:
    documents, settlement = parts.documents, parts.settlement
    total = documents.total
    due = np.where(settlement.paid, 0, total - settlement.paid_amount - settlement.discount)
    given = (documents.rate > 0) & (documents.key % 4 == 0)
    wrong = documents.key % 124 == 0
    table.attributes.update(
        {
            "supplier-total": Decimals(total),
            "gross-total": Decimals(total),
            "total-with-taxes": Decimals(total),
            "tax-amount": Decimals(documents.tax),
            "shipping-amount": Decimals(documents.extras),
            "handling-amount": Decimals(np.zeros(len(documents), dtype=np.int64)),
            "misc-amount": Decimals(np.zeros(len(documents), dtype=np.int64)),
            "amount-due": Decimals(due),
            "discount-percent": Floats(documents.rate, ~documents.header_percent),
            "discount-amount": Decimals(np.where(wrong, settlement.offered // 2, settlement.offered), ~given),
        }
    )


def _dates(parts: Parts, tables: dict[str, Table], table: Table) -> None:
    documents, progress, settlement, zone = parts.documents, parts.progress, parts.settlement, parts.frame.zone
    missing = documents.key % 331 == 0
    keeps_window = documents.header_percent | (documents.discount_due - documents.day > 20)
    no_window = (documents.discount_due == NO_DAY) | ((missing | (documents.key % 97 == 0)) & ~keeps_window)
    unpaid = ~settlement.paid | (settlement.last_day == NO_DAY)
    table.attributes.update(
        {
            "invoice-date": Moments(documents.day * DAY, zone),
            "date-received": Moments(progress.received, zone, ~progress.received_known),
            "net-due-date": Moments(documents.due * DAY + _DAY_END, zone, missing),
            "discount-due-date": Moments(documents.discount_due * DAY + _DAY_END, zone, no_window),
            "paid": Booleans(settlement.paid),
            "payment-date": Moments(settlement.last_day * DAY, zone, unpaid),
        }
    )
    updated = np.maximum(progress.created, progress.touched)
    np.maximum.at(updated, parts.approvals.document, np.maximum(parts.approvals.created, parts.approvals.decided))
    np.maximum.at(updated, settlement.payments.document, settlement.payments.day * DAY + _POST_SECOND)
    stamps(parts, table, progress.created, updated)
    authors(table, tables["users"], progress.creator, progress.creator)


def _nested(parts: Parts, tables: dict[str, Table], table: Table) -> None:
    count = len(parts.documents)
    owner = parts.row_of_key[parts.drawn.key[parts.lines.document[line_rows(parts)]]]
    paid = parts.settlement.payments.document
    table.attributes.update(
        {
            "invoice-lines": ToMany(tables["invoice_lines"], starts_of(owner, count), LINE_SHAPE),
            "approvals": ToMany(tables["approvals"], starts_of(parts.approvals.document, count), APPROVAL_SHAPE),
            "payments": ToMany(
                tables["payments"],
                starts_of(paid, count),
                PAYMENT_SHAPE,
                np.argsort(paid, kind="stable").astype(np.int64),
            ),
        }
    )
