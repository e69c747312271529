"""Reference data as Coupa's records: currencies, users, categories, entities, terms, suppliers, contracts, rates."""

import numpy as np

from sync.sandbox.arrays import BoolArray, IntArray
from sync.sandbox.columns import Booleans, Codes, Decimals, Floats, Integers, Moments, Texts, constant, words
from sync.sandbox.company.orders import TERM_TYPES
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import (
    CATEGORIES,
    COUNTRIES,
    COUNTRY_INDEX,
    CURRENCIES,
    CURRENCY_INDEX,
    ENTITIES,
    TERMS,
)
from sync.sandbox.tables import CustomFields, Shape, Table, ToOne
from sync.sandbox.zone import DAY

USER_SHAPE: Shape = {"id": None, "login": None, "employee-number": None}
CURRENCY_SHAPE: Shape = {"id": None, "code": None, "decimals": None}
TERM_SHAPE: Shape = dict.fromkeys(
    (
        "id",
        "code",
        "description",
        "days-for-net-payment",
        "days-for-discount-payment",
        "discount-rate",
        "active",
        "type",
    )
)
COUNTRY_SHAPE: Shape = {"id": None, "code": None, "name": None}
ADDRESS_SHAPE: Shape = {"id": None, "street1": None, "city": None, "postal-code": None, "country": COUNTRY_SHAPE}
COMMODITY_SHAPE: Shape = {"id": None, "name": None, "active": None}
ENTITY_SHAPE: Shape = {
    "id": None,
    "name": None,
    "active": None,
    "legal-entity-name": None,
    "currency": CURRENCY_SHAPE,
    "primary-address": ADDRESS_SHAPE,
}
SUPPLIER_SHAPE: Shape = {"id": None, "name": None, "display-name": None, "number": None, "status": None}
CONTRACT_SHAPE: Shape = {"id": None, "number": None, "name": None}

_AGE_DAYS = 900
_LOAD_HOUR = 5


def stepped_ids(parts: Parts, name: str, count: int, start: int) -> IntArray:
    """Ascending ids with small gaps, as an instance has that other records were deleted from."""
    steps = parts.frame.stream(f"ids {name}").integers(1, 4, count)
    return start + np.cumsum(steps, dtype=np.int64)


def reference_tables(parts: Parts) -> dict[str, Table]:
    """All reference tables by resource name, with countries and addresses under names of their own."""
    tables: dict[str, Table] = {}
    tables["users"] = _users(parts)
    tables["currencies"] = _currencies()
    tables["countries"] = _countries()
    tables["commodities"] = _commodities(parts, tables)
    tables["account_types"] = _entities(parts, tables)
    tables["payment_terms"] = _terms(parts, tables)
    tables["suppliers"] = _suppliers(parts, tables)
    tables["contracts"] = _contracts(parts, tables)
    tables["exchange_rates"] = _rates(parts, tables)
    return tables


def stamps(parts: Parts, table: Table, created: IntArray, updated: IntArray) -> None:
    """Adds created-at and updated-at, given as local seconds."""
    table.attributes["created-at"] = Moments(created, parts.frame.zone)
    table.attributes["updated-at"] = Moments(updated, parts.frame.zone)


def authors(table: Table, users: Table, created_by: IntArray, updated_by: IntArray) -> None:
    """Adds created-by and updated-by, given as rows of users."""
    for name, rows in (("created-by", created_by), ("updated-by", updated_by)):
        table.attributes[name] = ToOne(users, rows, USER_SHAPE, ("id", "login"))


def _old(parts: Parts, name: str, count: int) -> tuple[IntArray, IntArray]:
    """Creation before the history and a last change between then and the end of the data."""
    random = parts.frame.stream(f"stamps {name}")
    first = (parts.frame.first_day - random.integers(20, _AGE_DAYS, count)) * DAY
    changed = random.random(count) < 0.35
    span = parts.frame.last_day - parts.frame.first_day
    created = first + random.integers(8 * 3600, 18 * 3600, count)
    later = (parts.frame.first_day + random.integers(0, span, count)) * DAY + random.integers(
        8 * 3600, 18 * 3600, count
    )
    return created, np.where(changed, later, created)


def _numbers(values: list[int | None]) -> Integers:
    null: BoolArray = np.array([value is None for value in values])
    return Integers(np.array([value or 0 for value in values], dtype=np.int64), null if null.any() else None)


def _all(size: int, value: bool) -> Booleans:  # noqa: FBT001 -- a column of one value
    return Booleans(np.full(size, value))


def _users(parts: Parts) -> Table:
    people = parts.people
    count = len(people.logins)
    table = Table("user", np.arange(count, dtype=np.int64) + 11)
    table.attributes.update(
        {
            "login": words(people.logins),
            "fullname": words(people.names),
            "email": words([f"{login}@quellmark.example" for login in people.logins]),
            "employee-number": words([None if row < 2 else f"E{1000 + row}" for row in range(count)]),
            "active": _all(count, value=True),
        }
    )
    stamps(parts, table, *_old(parts, "users", count))
    return table


def _currencies() -> Table:
    count = len(CURRENCIES)
    table = Table("currency", np.arange(count, dtype=np.int64) + 1)
    table.attributes.update(
        {
            "code": words([fact.code for fact in CURRENCIES]),
            "name": words([fact.name for fact in CURRENCIES]),
            "symbol": words([fact.symbol for fact in CURRENCIES]),
            "decimals": Integers(np.array([fact.decimals for fact in CURRENCIES], dtype=np.int64)),
            "enabled": _all(count, value=True),
        }
    )
    return table


def _countries() -> Table:
    table = Table("country", np.arange(len(COUNTRIES), dtype=np.int64) + 201)
    table.attributes["code"] = words([fact.code for fact in COUNTRIES])
    table.attributes["name"] = words([fact.name for fact in COUNTRIES])
    return table


def _addresses(tables: dict[str, Table], country: IntArray, start: int) -> Table:
    table = Table("address", np.arange(len(country), dtype=np.int64) + start)
    table.attributes.update(
        {
            "street1": Texts(len(country), lambda rows: [f"{1 + row % 280} Harbour Road" for row in rows.tolist()]),
            "city": Codes(country, tuple(fact.city for fact in COUNTRIES)),
            "postal-code": Texts(len(country), lambda rows: [f"{10_000 + row * 37 % 89_000}" for row in rows.tolist()]),
            "country": ToOne(tables["countries"], country, COUNTRY_SHAPE, ("id", "code")),
        }
    )
    return table


def _commodities(parts: Parts, tables: dict[str, Table]) -> Table:
    count = len(CATEGORIES)
    table = Table("commodity", np.arange(count, dtype=np.int64) + 31)
    table.attributes["name"] = words([fact.name for fact in CATEGORIES])
    table.attributes["active"] = _all(count, value=True)
    table.attributes["category"] = words(["goods" if fact.goods else "services" for fact in CATEGORIES])
    stamps(parts, table, *_old(parts, "commodities", count))
    clerks = parts.people.clerks[np.zeros(count, dtype=np.int64)]
    authors(table, tables["users"], clerks, clerks)
    return table


def _entities(parts: Parts, tables: dict[str, Table]) -> Table:
    count = len(ENTITIES)
    table = Table("account_type", np.arange(count, dtype=np.int64) + 1)
    country = np.array([COUNTRY_INDEX[fact.country] for fact in ENTITIES], dtype=np.int64)
    currency = np.array([CURRENCY_INDEX[COUNTRIES[row].currency] for row in country.tolist()], dtype=np.int64)
    every = np.arange(count, dtype=np.int64)
    table.attributes.update(
        {
            "name": words([fact.name for fact in ENTITIES]),
            "active": _all(count, value=True),
            "legal-entity-name": words([fact.legal_name for fact in ENTITIES]),
            "currency": ToOne(tables["currencies"], currency, CURRENCY_SHAPE, ("id", "code")),
            "primary-address": ToOne(_addresses(tables, country, 501), every, ADDRESS_SHAPE),
        }
    )
    stamps(parts, table, *_old(parts, "account types", count))
    return table


def _terms(parts: Parts, tables: dict[str, Table]) -> Table:
    count = len(TERMS)
    table = Table("payment_term", np.arange(count, dtype=np.int64) + 1)
    rates = np.array([fact.rate or 0.0 for fact in TERMS])
    net_days = [fact.net_day or (None, None, None) for fact in TERMS]
    discount_days = [fact.discount_day or (None, None, None) for fact in TERMS]
    table.attributes.update(
        {
            "code": words([fact.code for fact in TERMS]),
            "description": words([fact.description for fact in TERMS]),
            "type": words([fact.kind for fact in TERMS]),
            "active": Booleans(np.array([fact.active for fact in TERMS])),
            "days-for-net-payment": _numbers([fact.net for fact in TERMS]),
            "days-for-discount-payment": _numbers([fact.discount_days for fact in TERMS]),
            "discount-rate": Floats(rates, np.array([fact.rate is None for fact in TERMS])),
            "net-cutoff-day": _numbers([days[0] for days in net_days]),
            "net-due-month": _numbers([days[1] for days in net_days]),
            "net-due-day": _numbers([days[2] for days in net_days]),
            "discount-cutoff-day": _numbers([days[0] for days in discount_days]),
            "discount-due-month": _numbers([days[1] for days in discount_days]),
            "discount-due-day": _numbers([days[2] for days in discount_days]),
        }
    )
    stamps(parts, table, *_old(parts, "payment terms", count))
    clerks = parts.people.clerks[np.zeros(count, dtype=np.int64)]
    authors(table, tables["users"], clerks, clerks)
    return table


def _suppliers(parts: Parts, tables: dict[str, Table]) -> Table:
    book, frame = parts.book, parts.frame
    count = len(book)
    random = frame.stream("supplier master")
    table = Table("supplier", stepped_ids(parts, "suppliers", count, 1500))
    every = np.arange(count, dtype=np.int64)
    # A term moved by the policy shows as the supplier's term of today; so does the date of the change.
    created, updated = _old(parts, "suppliers", count)
    updated = np.where(book.policy_cohort, np.maximum(updated, frame.policy_day * DAY + 10 * 3600), updated)
    tables["supplier_addresses"] = _addresses(tables, book.country, 3001)
    dormant = (random.random(count) < 0.02) & (book.weight < 0.5 / count)
    table.attributes.update(
        {
            "name": words(book.names),
            "display-name": words([name if name.startswith("=") else name.rsplit(" ", 1)[0] for name in book.names]),
            "number": words([f"V-{10_000 + row}" for row in range(count)]),
            "status": Codes(np.where(dormant, 1, 0), ("active", "inactive")),
            "on-hold": Booleans((random.random(count) < 0.01) & ~dormant),
            "one-time-supplier": Booleans(random.random(count) < 0.04),
            "tax-id": words(
                [
                    None if row % 23 == 0 else f"{COUNTRIES[country].code}-{70_000_000 + row * 7919 % 9_999_999}"
                    for row, country in enumerate(book.country.tolist())
                ]
            ),
            "payment-method": constant("invoice", count),
            "invoice-matching-level": Codes(random.choice(3, count, p=[0.45, 0.4, 0.15]), ("3-way", "2-way", "none")),
            "whitelist-dd": Booleans(random.random(count) < 0.06),
            "do-not-accelerate": Booleans(random.random(count) < 0.05),
            "parent": ToOne(table, book.parent, {"id": None, "name": None, "number": None}, ("id", "name", "number")),
            "commodity": ToOne(tables["commodities"], book.category, COMMODITY_SHAPE, ("id", "name")),
            "payment-term": ToOne(tables["payment_terms"], book.term_after, TERM_SHAPE, ("id", "code")),
            "primary-address": ToOne(tables["supplier_addresses"], every, ADDRESS_SHAPE),
            "custom-fields": CustomFields(
                {
                    "intercompany": Booleans(book.intercompany),
                    "small-supplier": Booleans(book.small == 1, book.small < 0),
                }
            ),
        }
    )
    stamps(parts, table, created, updated)
    clerk = parts.people.clerks[every % len(parts.people.clerks)]
    authors(table, tables["users"], clerk, clerk)
    return table


def _contracts(parts: Parts, tables: dict[str, Table]) -> Table:
    contracts, frame = parts.contracts, parts.frame
    count = len(contracts.supplier)
    random = frame.stream("contract values")
    table = Table("contract", stepped_ids(parts, "contracts", count, 300))
    ended = contracts.end <= frame.last_day
    years = np.maximum((contracts.end - contracts.start) // 365, 1)
    low = random.integers(20, 400, count) * 100_000 * years
    created = (contracts.start - random.integers(2, 20, count)) * DAY + 11 * 3600
    updated = np.where(ended, contracts.end * DAY + 9 * 3600, created + DAY)
    perpetual = contracts.kind == TERM_TYPES.index("perpetual")
    table.attributes.update(
        {
            "number": words([f"CT-{2000 + row}" for row in range(count)]),
            "name": words([f"Framework agreement {2000 + row}" for row in range(count)]),
            "status": Codes(np.where(ended & ~perpetual, 1, 0), ("published", "completed")),
            "type": constant("MasterContract", count),
            "supplier": ToOne(tables["suppliers"], contracts.supplier, SUPPLIER_SHAPE, ("id", "name", "number")),
            "currency": ToOne(
                tables["currencies"], parts.book.currency[contracts.supplier], CURRENCY_SHAPE, ("id", "code")
            ),
            "start-date": Moments(contracts.start * DAY, frame.zone),
            "end-date": Moments(contracts.end * DAY + DAY - 1, frame.zone, perpetual),
            "term-type": Codes(contracts.kind, TERM_TYPES),
            "payment-term": ToOne(tables["payment_terms"], contracts.term, TERM_SHAPE, ("id", "code")),
            "minimum-value": Decimals(low),
            "maximum-value": Decimals(low * 3),
            "custom-fields": CustomFields({}),
        }
    )
    stamps(parts, table, created, updated)
    clerk = parts.people.clerks[np.arange(count) % len(parts.people.clerks)]
    authors(table, tables["users"], clerk, clerk)
    return table


def _rates(parts: Parts, tables: dict[str, Table]) -> Table:
    rates = parts.rates
    count = len(rates.day)
    table = Table("exchange_rate", np.arange(count, dtype=np.int64) + 7001)
    table.attributes.update(
        {
            "from-currency": ToOne(tables["currencies"], rates.from_currency, CURRENCY_SHAPE, ("id", "code")),
            "to-currency": ToOne(tables["currencies"], rates.to_currency, CURRENCY_SHAPE, ("id", "code")),
            "rate": Decimals(rates.rate, places=9),
            "rate-date": Moments(rates.day * DAY, parts.frame.zone),
        }
    )
    loaded = rates.day * DAY + _LOAD_HOUR * 3600
    stamps(parts, table, loaded, loaded)
    robot = np.full(count, parts.people.robot, dtype=np.int64)
    authors(table, tables["users"], robot, robot)
    return table
