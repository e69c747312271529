"""Records nested in others that came after the first ones: remit-to addresses, failed tolerances, charges, allocations.

Each draws from a random stream of its own, so that nothing else of the company moves.
"""

from collections.abc import Callable

import numpy as np

from sync.sandbox.arrays import IntArray, starts_of
from sync.sandbox.columns import Booleans, Codes, Column, Decimals, Integers, Texts, constant
from sync.sandbox.company.document_tables import ACCOUNT_SHAPE, account_rows, line_rows
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import CATEGORIES, COUNTRIES, ENTITIES
from sync.sandbox.company.reference_tables import COUNTRY_SHAPE, CURRENCY_SHAPE, stamps, stepped_ids
from sync.sandbox.company.stages import STATUS
from sync.sandbox.tables import CustomFields, Shape, Table, ToMany, ToOne
from sync.sandbox.zone import DAY

REMIT_SHAPE: Shape = {
    **dict.fromkeys(("id", "created-at", "updated-at", "remit-to-code", "name", "street1", "city", "postal-code")),
    "country": COUNTRY_SHAPE,
    "active": None,
}
REMIT_LINK: Shape = {"id": None, "remit-to-code": None, "name": None, "country": COUNTRY_SHAPE}
TOLERANCE_SHAPE: Shape = dict.fromkeys(
    (
        "id",
        "created-at",
        "updated-at",
        "code",
        "breach-amount",
        "breach-limit",
        "failable-id",
        "failable-type",
        "resolved",
        "resolution-strategy",
    )
)
CHARGE_SHAPE: Shape = {
    **dict.fromkeys(("id", "created-at", "updated-at", "line-num", "type", "description", "total")),
    "account": ACCOUNT_SHAPE,
    "currency": CURRENCY_SHAPE,
}
ALLOCATION_SHAPE: Shape = {**dict.fromkeys(("id", "amount", "pct")), "account": ACCOUNT_SHAPE}

_SECOND_ADDRESS = 0.15
_CODES = ("unit_price_percent", "total_amount", "quantity_over_received")
_LIMITS = ("2.0", "250.00", "0.0")
_SPLIT = 0.14
_SHARES = np.array([50, 60, 70, 80])


def nested_tables(parts: Parts, tables: dict[str, Table]) -> None:
    """Adds the nested records and the links to them; needs suppliers, accounts and invoices."""
    _remit_to(parts, tables)
    _tolerances(parts, tables)
    _charges(parts, tables)
    _allocations(parts, tables)
    _order_allocations(parts, tables)
    _custom_fields(parts, tables)


def _remit_to(parts: Parts, tables: dict[str, Table]) -> None:
    """One address a supplier to send payments to, for some a second one; a change leaves the supplier's updated-at."""
    random = parts.frame.stream("remit-to")
    suppliers = tables["suppliers"]
    each = 1 + (random.random(len(suppliers)) < _SECOND_ADDRESS).astype(np.int64)
    owner = np.repeat(np.arange(len(suppliers), dtype=np.int64), each)
    starts = starts_of(owner, len(suppliers))
    place = np.arange(len(owner)) - starts[owner]
    country = parts.book.country[owner]
    table = Table("remit_to_address", stepped_ids(parts, "remit-to", len(owner), 8_000))
    table.attributes.update(
        {
            "remit-to-code": _texts(lambda row: f"{10_000 + owner[row]}-{place[row] + 1:02d}", len(owner)),
            "name": Codes(place, ("Accounts receivable", "Factoring")),
            "street1": _texts(lambda row: f"{1 + row % 280} Harbour Road", len(owner)),
            "city": Codes(country, tuple(fact.city for fact in COUNTRIES)),
            "postal-code": _texts(lambda row: f"{10_000 + row * 37 % 89_000}", len(owner)),
            "country": ToOne(tables["countries"], country, COUNTRY_SHAPE, ("id", "code")),
            "active": Booleans((place == 0) | (random.random(len(owner)) < 0.8)),
        }
    )
    first, span = parts.frame.first_day, parts.frame.last_day - parts.frame.first_day
    created = (first - random.integers(20, 900, len(owner))) * DAY + random.integers(8, 18, len(owner)) * 3600
    moved = (first + random.integers(0, span, len(owner))) * DAY + random.integers(8, 18, len(owner)) * 3600
    stamps(parts, table, created, np.where(random.random(len(owner)) < 0.2, moved, created))
    tables["remit_to_addresses"] = table
    suppliers.attributes["remit-to-addresses"] = ToMany(table, starts, REMIT_SHAPE)
    tables["invoices"].attributes["remit-to-address"] = ToOne(
        table, starts[parts.documents.supplier], REMIT_LINK, ("id", "remit-to-code")
    )


def _tolerances(parts: Parts, tables: dict[str, Table]) -> None:
    """Why an invoice was held: one failed tolerance for each hold, resolved when it was released."""
    random, progress, invoices = parts.frame.stream("tolerances"), parts.progress, tables["invoices"]
    held = np.flatnonzero(progress.held)
    count = len(held)
    drawn = random.choice(3, count, p=[0.45, 0.2, 0.35])
    status = progress.status[held]
    code = np.where(
        status == STATUS["pending_receipt"],
        2,
        np.where(np.isin(status, [STATUS["on_hold"], STATUS["booking_hold"]]), 0, drawn),
    )
    resolved = progress.held_to[held] < parts.frame.end_second
    breach = np.maximum((np.abs(parts.documents.total[held]) * random.uniform(0.02, 0.2, count)).astype(np.int64), 1)
    table = Table("failed_tolerance", stepped_ids(parts, "tolerances", count, 21_000))
    table.attributes.update(
        {
            "code": Codes(code.astype(np.int64), _CODES),
            "breach-amount": _texts(lambda row: f"{breach[row] // 100}.{breach[row] % 100:02d}", count),
            "breach-limit": Codes(code.astype(np.int64), _LIMITS),
            "failable-id": Integers(invoices.ids[held]),
            "failable-type": constant("InvoiceHeader", count),
            "account-type-id": Integers(tables["account_types"].ids[parts.documents.entity[held]]),
            "resolved": Booleans(resolved),
            "resolution-strategy": Codes(np.where(resolved, code % 2, -1).astype(np.int64), ("override", "corrected")),
        }
    )
    stamps(parts, table, progress.held_from[held], np.where(resolved, progress.held_to[held], progress.held_from[held]))
    tables["failed_tolerances"] = table
    invoices.attributes["failed-tolerances"] = ToMany(table, starts_of(held, len(invoices)), TOLERANCE_SHAPE)


def _charges(parts: Parts, tables: dict[str, Table]) -> None:
    """Freight as a charge of its own, where the header has a shipping amount."""
    documents, invoices = parts.documents, tables["invoices"]
    charged = np.flatnonzero(documents.extras != 0)
    count = len(charged)
    table = Table("invoice_charge", stepped_ids(parts, "charges", count, 40_000))
    account = account_rows(documents.entity[charged], documents.category[charged])
    table.attributes.update(
        {
            "line-num": Integers(documents.lines[charged] + 1),
            "type": constant("InvoiceShippingCharge", count),
            "description": constant("Freight", count),
            "total": Decimals(documents.extras[charged]),
            "account": ToOne(tables["accounts"], account, ACCOUNT_SHAPE, ("id", "code")),
            "currency": ToOne(tables["currencies"], documents.currency[charged], CURRENCY_SHAPE, ("id", "code")),
        }
    )
    stamps(parts, table, parts.progress.created[charged], parts.progress.touched[charged])
    tables["invoice_charges"] = table
    invoices.attributes["invoice-charges"] = ToMany(table, starts_of(charged, len(invoices)), CHARGE_SHAPE)


def _allocations(parts: Parts, tables: dict[str, Table]) -> None:
    """Lines that are booked to two accounts: the parts add up to the line, the shares to 100 percent."""
    random = parts.frame.stream("allocations")
    lines, rows = tables["invoice_lines"], line_rows(parts)
    split = np.flatnonzero(random.random(len(lines)) < _SPLIT)
    share = random.choice(_SHARES, len(split))
    owner = parts.row_of_key[parts.drawn.key[parts.lines.document[rows[split]]]]
    entity, category = parts.documents.entity[owner], parts.documents.category[owner]
    table = Table("invoice_line_allocation", np.arange(2 * len(split), dtype=np.int64) + 60_001)
    _book_on_two(table, tables, parts.lines.net[rows[split]], share, entity, category)
    tables["invoice_line_allocations"] = table
    lines.attributes["account-allocations"] = ToMany(
        table, starts_of(np.repeat(split, 2), len(lines)), ALLOCATION_SHAPE
    )


def _order_allocations(parts: Parts, tables: dict[str, Table]) -> None:
    """Order lines that are meant for two accounts, as above."""
    random = parts.frame.stream("order allocations")
    lines, orders = tables["purchase_order_lines"], parts.orders
    split = np.flatnonzero(random.random(len(lines)) < _SPLIT)
    share = random.choice(_SHARES, len(split))
    source = parts.lines.document[orders.line_source[split]]
    table = Table("order_line_allocation", np.arange(2 * len(split), dtype=np.int64) + 40_001)
    _book_on_two(
        table, tables, orders.line_total[split], share, parts.drawn.entity[source], parts.drawn.category[source]
    )
    tables["purchase_order_line_allocations"] = table
    lines.attributes["account-allocations"] = ToMany(
        table, starts_of(np.repeat(split, 2), len(lines)), ALLOCATION_SHAPE
    )


def _book_on_two(
    table: Table, tables: dict[str, Table], net: IntArray, share: IntArray, entity: IntArray, category: IntArray
) -> None:
    """Two rows for each line: `share` percent of `net` hundredths on the first account, the rest on the other."""
    first = np.round(net * share / 100.0).astype(np.int64)
    account = account_rows(entity, category)
    other = account_rows(entity, (category + 1) % len(CATEGORIES))
    table.attributes.update(
        {
            "amount": Decimals(_interleaved(first, net - first)),
            "pct": Decimals(_interleaved(share * 100, (100 - share) * 100)),
            "account": ToOne(tables["accounts"], _interleaved(account, other), ACCOUNT_SHAPE, ("id", "code")),
        }
    )


def _custom_fields(parts: Parts, tables: dict[str, Table]) -> None:
    """Fields of the tenant's own: the voucher in its ERP, a project, a cost centre."""
    documents, orders = parts.documents, parts.orders
    exported = parts.progress.status == STATUS["approved"]
    tables["invoices"].attributes["custom-fields"] = CustomFields(
        {
            "erp-voucher": Texts(
                len(documents),
                lambda rows: [
                    f"{ENTITIES[documents.entity[row]].code}-{documents.key[row]:07d}" if exported[row] else None
                    for row in rows.tolist()
                ],
            ),
            "project-code": _projects(documents.key, 12),
        }
    )
    for name in ("invoice_lines", "purchase_order_lines"):
        account = tables[name].attributes["account"]
        if isinstance(account, ToOne):
            tables[name].attributes["custom-fields"] = CustomFields({"cost-center": _cost_centres(account.index)})
    tables["contracts"].attributes["custom-fields"] = CustomFields(
        {"project-code": _projects(np.arange(len(tables["contracts"]), dtype=np.int64), 4)}
    )
    tables["purchase_orders"].attributes["custom-fields"] = CustomFields(
        {"project-code": _projects(np.arange(len(orders.day), dtype=np.int64), 9)}
    )


def _cost_centres(account: IntArray) -> Column:
    """The cost centre of each account's entity and category."""
    wide = len(CATEGORIES)
    return _texts(lambda row: f"CC-{100 + account[row] // wide * 20 + account[row] % wide}", len(account))


def _projects(key: IntArray, every: int) -> Column:
    """A project on each so-manieth record."""
    names = tuple(f"PRJ-{100 + place}" for place in range(17))
    return Codes(np.where(key % every == 0, key // every % len(names), -1).astype(np.int64), names)


def _texts(make: Callable[[int], str], size: int) -> Texts:
    return Texts(size, lambda rows: [make(row) for row in rows.tolist()])


def _interleaved(first: IntArray, second: IntArray) -> IntArray:
    return np.stack((first, second), axis=1).reshape(-1).astype(np.int64)
