"""What stands behind approved invoices in Coupa Pay (payables and their allocations), and the supplier risk feed.

Each draws from a random stream of its own, so that nothing else of the company moves.
"""

import numpy as np

from sync.sandbox.arrays import IntArray, starts_of
from sync.sandbox.columns import Booleans, Codes, Decimals, Integers, Moments, Texts, constant
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import COUNTRIES, COUNTRY_INDEX, CURRENCY_INDEX, ENTITIES
from sync.sandbox.company.reference_tables import CURRENCY_SHAPE, SUPPLIER_SHAPE, TERM_SHAPE, stamps, stepped_ids
from sync.sandbox.company.stages import STATUS
from sync.sandbox.company.terms import NO_DAY
from sync.sandbox.tables import Shape, Table, ToMany, ToOne
from sync.sandbox.zone import DAY

PAYABLE_OFFSET = 89_000
"""A payable's id is its invoice's id less this."""
ALLOCATION_SHAPE: Shape = {
    **dict.fromkeys(
        (
            "id",
            "created-at",
            "updated-at",
            "status",
            "source",
            "reason-code",
            "payable-from-id",
            "payable-from-type",
            "payable-from-amount",
            "payable-to-id",
            "payable-to-type",
            "payable-to-amount",
        )
    ),
    "payable-to-currency": CURRENCY_SHAPE,
}
PAYABLE_LINK: Shape = dict.fromkeys(("id", "status", "payable-amount", "paid-amount", "remaining-amount"))
RISK_SHAPE: Shape = {
    "id": None,
    "state": None,
    "active": None,
    "ra-risk-request-scores": {"id": None, "cra-score-risk-type": None, "risk-score": None, "risk-value": None},
}
_STATUSES = ("pending", "partially_paid", "paid")
_RECOGNISED_SECOND = 18 * 3600 + 5 * 60
_PAID_SECOND = 18 * 3600 + 3 * 60
_COVERED = 0.85
_RISK_WORDS = ("low", "medium", "high")


def payables_tables(parts: Parts, tables: dict[str, Table]) -> None:
    """Adds payables, their allocations, the supplier risk feed, and the risk of contracts."""
    behind = np.flatnonzero(parts.progress.status == STATUS["approved"])
    tables["payables/invoices"] = _payables(parts, tables, behind)
    tables["payables/allocations"] = _allocations(parts, tables, behind)
    index = np.full(len(parts.documents), -1, dtype=np.int64)
    index[behind] = np.arange(len(behind))
    tables["invoices"].attributes["pay-invoice"] = ToOne(tables["payables/invoices"], index, PAYABLE_LINK)
    _risk_feed(parts, tables)
    _contract_risk(parts, tables)
    _accounts(parts, tables)


def _payables(parts: Parts, tables: dict[str, Table], behind: IntArray) -> Table:
    """One payable for each approved invoice and credit note, from the day it entered open payables."""
    documents, settlement, zone = parts.documents, parts.settlement, parts.frame.zone
    total = documents.total[behind]
    paid, discount = settlement.paid_amount[behind], settlement.discount[behind]
    done = settlement.paid[behind]
    remaining = np.where(done, 0, total - paid - discount)
    status = np.where(done, 2, np.where(paid != 0, 1, 0)).astype(np.int64)
    currency = documents.currency[behind]
    entity = documents.entity[behind]
    home = np.array([CURRENCY_INDEX[COUNTRIES[COUNTRY_INDEX[fact.country]].currency] for fact in ENTITIES])[entity]
    rates = parts.rates
    day = documents.day[behind]
    factor = np.where(currency == home, 1.0, rates.dollars_on(currency, day) / rates.dollars_on(home, day))
    invoices = tables["invoices"]
    table = Table("payables_invoice", invoices.ids[behind] - PAYABLE_OFFSET)
    unpaid = ~done | (settlement.last_day[behind] == NO_DAY)
    table.attributes.update(
        {
            "status": Codes(status, _STATUSES),
            "document-id": Texts(len(behind), lambda rows: [str(invoices.ids[behind[row]]) for row in rows.tolist()]),
            "document-type": constant("InvoiceHeader", len(behind)),
            "currency": ToOne(tables["currencies"], currency, CURRENCY_SHAPE, ("id", "code")),
            "payable-amount": Decimals(total),
            "remittance-amount": Decimals(total - discount),
            "paid-amount": Decimals(paid),
            "remaining-amount": Decimals(remaining),
            "accounting-amount": Decimals(np.round(total * factor).astype(np.int64)),
            "accounting-currency": ToOne(tables["currencies"], home.astype(np.int64), CURRENCY_SHAPE, ("id", "code")),
            "paid-date": Moments(settlement.last_day[behind] * DAY, zone, unpaid),
            "discount-due-date": invoices_column(tables, "discount-due-date", behind),
            "maturity-date": invoices_column(tables, "net-due-date", behind),
            "payment-term": ToOne(tables["payment_terms"], documents.term[behind], TERM_SHAPE, ("id", "code")),
            "wc-eligibility": Codes(
                np.where(parts.book.accelerated[documents.supplier[behind]], 0, -1).astype(np.int64), ("eligible",)
            ),
        }
    )
    created = parts.progress.recognised[behind] * DAY + _RECOGNISED_SECOND
    last = settlement.last_day[behind]
    stamps(parts, table, created, np.where(last == NO_DAY, created, np.maximum(created, last * DAY + _PAID_SECOND)))
    return table


def invoices_column(tables: dict[str, Table], name: str, rows: IntArray) -> Moments:
    """A date of the invoices' own, for some of them."""
    column = tables["invoices"].attributes[name]
    if not isinstance(column, Moments):
        raise TypeError(name)
    return Moments(column.values[rows], column.zone, None if column.null is None else column.null[rows])


def _allocations(parts: Parts, tables: dict[str, Table], behind: IntArray) -> Table:
    """Credit notes netted against the invoice that they credit, once both are approved and the credit is paid out."""
    documents, settlement = parts.documents, parts.settlement
    credit = behind[documents.credit[behind] & settlement.paid[behind] & (documents.original[behind] >= 0)]
    target = parts.row_of_key[documents.original[credit]]
    kept = (target >= 0) & (parts.progress.status[target] == STATUS["approved"])
    credit, target = credit[kept], target[kept]
    count = len(credit)
    ids = tables["invoices"].ids
    through_pay = np.array([fact.coupa_pay for fact in ENTITIES])[documents.entity[credit]]
    amount = np.abs(documents.total[credit])
    currency = ToOne(tables["currencies"], documents.currency[credit], CURRENCY_SHAPE, ("id", "code"))
    table = Table("payables_allocation", stepped_ids(parts, "payable allocations", count, 3_000))
    table.attributes.update(
        {
            "status": constant("completed", count),
            "source": Codes(np.where(through_pay, 0, 1).astype(np.int64), ("coupa_pay", "erp")),
            "reason-code": constant("payment", count),
            "payable-from-id": Integers(ids[credit] - PAYABLE_OFFSET),
            "payable-from-type": constant("Payables::Invoice", count),
            "payable-from-amount": Decimals(amount),
            "payable-from-currency": currency,
            "payable-to-id": Integers(ids[target] - PAYABLE_OFFSET),
            "payable-to-type": constant("Payables::Invoice", count),
            "payable-to-amount": Decimals(amount),
            "payable-to-currency": currency,
            "source-transaction-from-id": _ids_as_text(ids[credit]),
            "source-transaction-from-type": constant("InvoiceHeader", count),
            "source-transaction-to-id": _ids_as_text(ids[target]),
            "source-transaction-to-type": constant("InvoiceHeader", count),
        }
    )
    posted = settlement.last_day[credit] * DAY + _PAID_SECOND
    stamps(parts, table, posted, posted)
    payables = tables["payables/invoices"]
    for name, invoice in (("sent-allocations", credit), ("received-allocations", target)):
        place = np.searchsorted(behind, invoice)
        order = np.argsort(place, kind="stable").astype(np.int64)
        payables.attributes[name] = ToMany(table, starts_of(place[order], len(payables)), ALLOCATION_SHAPE, order)
    return table


def _risk_feed(parts: Parts, tables: dict[str, Table]) -> None:
    """The tenant's own scores of most suppliers: health 0-100, chance of default in percent, a payment index 0-100."""
    random, frame = parts.frame.stream("risk feed"), parts.frame
    covered = np.flatnonzero((random.random(len(parts.book)) < _COVERED) & ~parts.book.intercompany)
    count = len(covered)
    health = np.clip(random.normal(66.0, 17.0, count), 3.0, 99.0)
    chance = np.clip(np.exp((50.0 - health) / 14.0) * random.lognormal(0.0, 0.3, count), 0.02, 60.0)
    index = np.clip(health + random.normal(4.0, 8.0, count), 1.0, 100.0)
    table = Table("supplier_risk_aware_feed", stepped_ids(parts, "risk feed", count, 500))
    table.attributes["supplier"] = ToOne(tables["suppliers"], covered, SUPPLIER_SHAPE, ("id", "name", "number"))
    table.attributes["supplier-id"] = Integers(tables["suppliers"].ids[covered])
    given = {"01": health, "02": chance, "03": index}
    nothing = Decimals(np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.bool_), places=4)
    for place in range(1, 11):
        name = f"{place:02d}"
        scores = np.round(given[name] * 100.0).astype(np.int64) * 100 if name in given else None
        table.attributes[f"number-field-{name}"] = nothing if scores is None else Decimals(scores, places=4)
    created = (frame.first_day - random.integers(5, 200, count)) * DAY + 6 * 3600
    loaded = (frame.last_day - random.integers(1, 85, count)) * DAY + 6 * 3600
    stamps(parts, table, created, loaded)
    tables["supplier_risk_aware_feed"] = table


def _contract_risk(parts: Parts, tables: dict[str, Table]) -> None:
    """A risk assessment with two scores for half of the contracts."""
    random = parts.frame.stream("contract risk")
    contracts = tables["contracts"]
    count = len(contracts)
    assessed = np.flatnonzero(random.random(count) < 0.5)
    score = random.integers(500, 9_500, 2 * len(assessed))
    scores = Table("ra_risk_request_score", np.arange(2 * len(assessed), dtype=np.int64) + 901)
    scores.attributes.update(
        {
            "cra-score-risk-type": Integers(np.tile(np.array([1, 2], dtype=np.int64), len(assessed))),
            "risk-score": Decimals(score),
            "risk-value": Codes((score // 3_500).astype(np.int64), _RISK_WORDS),
        }
    )
    requests = Table("ra_risk_request", np.arange(len(assessed), dtype=np.int64) + 401)
    each = starts_of(np.repeat(np.arange(len(assessed), dtype=np.int64), 2), len(assessed))
    requests.attributes.update(
        {
            "state": Integers(np.full(len(assessed), 3, dtype=np.int64)),
            "active": Booleans(np.ones(len(assessed), dtype=np.bool_)),
            "ra-risk-request-scores": ToMany(scores, each, RISK_SHAPE["ra-risk-request-scores"] or {}),
        }
    )
    index = np.full(count, -1, dtype=np.int64)
    index[assessed] = np.arange(len(assessed))
    contracts.attributes["ra-risk-request"] = ToOne(requests, index, RISK_SHAPE)


def _accounts(parts: Parts, tables: dict[str, Table]) -> None:
    """What ledger accounts need to be a resource of their own: segments and times."""
    accounts = tables["accounts"]
    code = accounts.attributes["code"]
    if isinstance(code, Texts):
        for place in (1, 2):
            accounts.attributes[f"segment-{place}"] = _segment(code, place - 1)
    loaded = np.full(len(accounts), (parts.frame.first_day - 400) * DAY + 9 * 3600, dtype=np.int64)
    stamps(parts, accounts, loaded, loaded)


def _segment(code: Texts, place: int) -> Texts:
    return Texts(code.size, lambda rows: [(text or "").split("-")[place] for text in code.make(rows)])


def _ids_as_text(ids: IntArray) -> Texts:
    return Texts(len(ids), lambda rows: [str(ids[row]) for row in rows.tolist()])
