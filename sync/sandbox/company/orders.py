"""Invoice lines, purchase orders with lines, receipts, and contracts.

Every line of an order-backed document has an order line of its own, with the same quantity and (mostly) price. Orders
are drawn for documents of the coming weeks too, so the data ends with open orders and with goods received but not yet
invoiced.
"""

from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray, starts_of
from sync.sandbox.company.documents import Documents
from sync.sandbox.company.presets import Frame
from sync.sandbox.company.reference import CATEGORIES, CURRENCIES
from sync.sandbox.company.supplier_book import SupplierBook

_LOT_SIZES = (50, 40, 25, 20, 12, 10, 8, 6, 5, 4, 3, 2)
_NEW_ORDER_ODDS = 0.62
_PRICE_GAP_ODDS = 0.02
_FEW_DAYS = 12


@dataclass(frozen=True)
class Lines:
    """Lines of all drawn documents, sorted by document; amounts and prices in hundredths.

    document is a row of the drawn documents. quantity is 0 on amount lines. order_line is a row of Orders, or -1.
    """

    document: IntArray
    number: IntArray
    net: IntArray
    tax: IntArray
    quantity: IntArray
    price: IntArray
    item: IntArray
    order_line: IntArray


@dataclass(frozen=True)
class Orders:
    """Purchase orders and their lines; lines are sorted by order.

    source is the row of Lines that an order line will be invoiced by. receipt_day is the planned day of receipt
    (0 for services, which have none).
    """

    day: IntArray
    supplier: IntArray
    entity: IntArray
    currency: IntArray
    term: IntArray
    line_starts: IntArray
    line_order: IntArray
    line_number: IntArray
    line_source: IntArray
    line_quantity: IntArray
    line_price: IntArray
    line_total: IntArray
    line_need_by: IntArray
    receipt_day: IntArray


def build_lines(frame: Frame, documents: Documents) -> Lines:
    """Splits every document into its lines; the parts add up to the document exactly."""
    random = frame.stream("lines")
    parent = np.repeat(np.arange(len(documents), dtype=np.int64), documents.lines)
    starts = starts_of(parent, len(documents))
    number = np.arange(len(parent), dtype=np.int64) - starts[parent] + 1
    running = np.cumsum(random.uniform(0.3, 1.0, len(parent)))
    base = np.concatenate((np.zeros(1), running))[starts[:-1]]
    upper = (running - base[parent]) / (running[starts[1:] - 1] - base)[parent]
    upper[starts[1:] - 1] = 1.0
    lower = np.concatenate((np.zeros(1), upper[:-1]))
    lower[starts[:-1]] = 0.0
    digit = np.array([1 if fact.decimals else 100 for fact in CURRENCIES], dtype=np.int64)[documents.currency][parent]
    net = _slice(documents.net[parent], lower, upper, digit)
    tax = _slice(documents.tax[parent], lower, upper, digit)
    goods = np.array([fact.goods for fact in CATEGORIES])[documents.category][parent] & (net > 0)
    quantity = np.where(goods, _lots(random, net), 0)
    return Lines(
        document=parent,
        number=number,
        net=net,
        tax=tax,
        quantity=quantity,
        price=np.where(quantity > 0, net // np.maximum(quantity, 1), net),
        item=random.integers(0, 12, len(parent)),
        order_line=np.full(len(parent), -1, dtype=np.int64),
    )


def _slice(amount: IntArray, lower: FloatArray, upper: FloatArray, digit: IntArray) -> IntArray:
    units = amount // digit
    return np.asarray((np.round(units * upper) - np.round(units * lower)).astype(np.int64) * digit)


def _lots(random: np.random.Generator, net: IntArray) -> IntArray:
    """A quantity that divides the amount exactly, so that quantity times price is the total."""
    quantity = np.ones(len(net), dtype=np.int64)
    for lot in _LOT_SIZES:
        fits = (quantity == 1) & (net % lot == 0) & (net // lot >= 100) & (random.random(len(net)) < 0.4)
        quantity[fits] = lot
    return quantity


def build_orders(frame: Frame, documents: Documents, lines: Lines) -> tuple[Orders, Lines]:
    """Orders behind the order-backed documents; answers the lines again, linked to their order lines."""
    random = frame.stream("orders")
    docs = np.flatnonzero(documents.ordered).astype(np.int64)
    docs = docs[np.lexsort((documents.day[docs], documents.entity[docs], documents.supplier[docs]))]
    order = _order_numbers(random, documents, docs)
    count = int(order[-1]) + 1 if len(order) else 0
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, order, documents.day[docs])
    placed = first - random.integers(7, 46, count)
    head = np.zeros(count, dtype=np.int64)
    head[order[::-1]] = docs[::-1]
    by_day = np.lexsort((np.arange(count), placed))
    by_day = by_day[placed[by_day] <= frame.last_day]
    rank = np.full(count, -1, dtype=np.int64)
    rank[by_day] = np.arange(len(by_day), dtype=np.int64)
    order_of_document = np.full(len(documents), -1, dtype=np.int64)
    order_of_document[docs] = rank[order]
    source = np.flatnonzero(order_of_document[lines.document] >= 0).astype(np.int64)
    owner = order_of_document[lines.document[source]]
    sorting = np.lexsort((source, owner))
    source, owner = source[sorting], owner[sorting]
    order_line = lines.order_line.copy()
    order_line[source] = np.arange(len(source), dtype=np.int64)
    linked = Lines(
        lines.document, lines.number, lines.net, lines.tax, lines.quantity, lines.price, lines.item, order_line
    )
    return _orders(random, documents, linked, source, owner, placed[by_day], head[by_day]), linked


def _order_numbers(random: np.random.Generator, documents: Documents, docs: IntArray) -> IntArray:
    """Groups documents of one supplier and entity into orders of one to a few documents close in time."""
    fresh = np.ones(len(docs), dtype=np.bool_)
    same = (documents.supplier[docs[1:]] == documents.supplier[docs[:-1]]) & (
        documents.entity[docs[1:]] == documents.entity[docs[:-1]]
    )
    near = documents.day[docs[1:]] - documents.day[docs[:-1]] < 60
    fresh[1:] = ~(same & near & (random.random(len(docs) - 1) >= _NEW_ORDER_ODDS))
    return np.cumsum(fresh, dtype=np.int64) - 1


def _orders(
    random: np.random.Generator,
    documents: Documents,
    lines: Lines,
    source: IntArray,
    owner: IntArray,
    placed: IntArray,
    head: IntArray,
) -> Orders:
    starts = starts_of(owner, len(placed))
    document = lines.document[source]
    gap = (random.random(len(source)) < _PRICE_GAP_ODDS) & (lines.quantity[source] > 0)
    price = np.where(gap, np.maximum(lines.price[source] * 95 // 10_000 * 100, 100), lines.price[source])
    quantity = lines.quantity[source]
    goods = quantity > 0
    receipt = documents.day[document] - random.integers(0, _FEW_DAYS, len(source))
    return Orders(
        day=placed,
        supplier=documents.supplier[head],
        entity=documents.entity[head],
        currency=documents.currency[head],
        term=documents.order_term[head],
        line_starts=starts,
        line_order=owner,
        line_number=np.arange(len(source), dtype=np.int64) - starts[owner] + 1,
        line_source=source,
        line_quantity=quantity,
        line_price=price,
        line_total=np.where(goods, price * np.maximum(quantity, 1), price),
        line_need_by=documents.day[document] - 2,
        receipt_day=np.where(goods, np.maximum(receipt, placed[owner] + 1), 0),
    )


@dataclass(frozen=True)
class Contracts:
    """One contract for each larger supplier: `of_supplier[s]` is the supplier's contract row, or -1."""

    supplier: IntArray
    start: IntArray
    end: IntArray
    term: IntArray
    of_supplier: IntArray
    kind: IntArray


TERM_TYPES = ("fixed", "auto_renew", "perpetual")


def build_contracts(frame: Frame, book: SupplierBook) -> Contracts:
    """Contracts for the third of suppliers with most invoices; intercompany suppliers have none."""
    random = frame.stream("contracts")
    ranked = np.argsort(-book.weight, kind="stable")
    ranked = ranked[~book.intercompany[ranked]][: len(book) // 3]
    supplier = np.sort(ranked).astype(np.int64)
    count = len(supplier)
    start = frame.first_day - random.integers(30, 900, count)
    of_supplier = np.full(len(book), -1, dtype=np.int64)
    of_supplier[supplier] = np.arange(count, dtype=np.int64)
    return Contracts(
        supplier=supplier,
        start=start,
        end=frame.last_day + random.integers(-60, 900, count),
        term=book.term[supplier],
        of_supplier=of_supplier,
        kind=random.choice(len(TERM_TYPES), count, p=[0.55, 0.35, 0.10]),
    )


def under_contract(frame: Frame, documents: Documents, contracts: Contracts) -> IntArray:
    """The contract row that each document names, or -1: about 45 % of the documents of suppliers that have one."""
    random = frame.stream("contract use")
    contract = contracts.of_supplier[documents.supplier]
    named: BoolArray = (contract >= 0) & (random.random(len(documents)) < 0.45)
    named &= documents.day >= contracts.start[contract]
    return np.where(named, contract, -1)
