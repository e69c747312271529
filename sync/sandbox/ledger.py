"""The company's general ledger by entity and month: balances and flows that tie with its invoices, to the cent.

Payables and purchases are in the currencies of the documents, so that they can be compared without exchange rates;
cost of goods sold, revenue, inventory and receivables are in the home currency of the entity. Intercompany is left
out: it has control accounts of its own. All amounts are integers of hundredths.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray
from sync.sandbox.company.company import Company
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import COUNTRIES, COUNTRY_INDEX, CURRENCIES, CURRENCY_INDEX, ENTITIES
from sync.sandbox.company.stages import STATUS
from sync.sandbox.company.terms import month_end, month_start

_SERVICES = frozenset({"US02"})
"""Entities that hold next to no inventory."""


@dataclass(frozen=True)
class LedgerTotal:
    """One total: rows of the reference tables, the first day of the month as a day number, an amount in hundredths."""

    entity: int
    month: int
    account_class: str
    currency: int
    amount: int


def home_currency(entity: int) -> int:
    """The currency of the entity's country."""
    return CURRENCY_INDEX[COUNTRIES[COUNTRY_INDEX[ENTITIES[entity].country]].currency]


def complete_months(parts: Parts) -> IntArray:
    """First days of the months that lie wholly within the data."""
    days = np.arange(parts.frame.first_day, parts.frame.last_day + 1, dtype=np.int64)
    starts = np.unique(month_start(days))
    return starts[(starts >= parts.frame.first_day) & (month_end(starts) <= parts.frame.last_day)]


def ledger_totals(company: Company) -> Iterator[LedgerTotal]:
    """All totals, by month, entity, class and currency."""
    parts = company.parts
    months = complete_months(parts)
    payables = _open_payables(parts, month_end(months))
    purchases = _purchases(parts, months)
    flows = _flows(parts, months, purchases)
    for place, month in enumerate(months.tolist()):
        for entity in range(len(ENTITIES)):
            for name, table in (("ap_control", payables), ("purchases", purchases)):
                for currency in np.flatnonzero(table[place, entity]).tolist():
                    yield LedgerTotal(entity, month, name, currency, int(table[place, entity, currency]))
            for name, amounts in flows.items():
                yield LedgerTotal(entity, month, name, home_currency(entity), int(amounts[place, entity]))


def _open_payables(parts: Parts, ends: IntArray) -> IntArray:
    """What is recognised and not settled at the end of each day of `ends`, by entity and currency."""
    documents, payments = parts.documents, parts.settlement.payments
    counted = _counted(parts)
    table = np.zeros((len(ends), len(ENTITIES), len(CURRENCIES)), dtype=np.int64)
    place = np.searchsorted(ends, parts.progress.recognised)
    _add(table, place[counted], documents.entity[counted], documents.currency[counted], documents.total[counted])
    mine = counted[payments.document]
    rows = payments.document[mine]
    settled = -(payments.amount + payments.discount)[mine]
    _add(table, np.searchsorted(ends, payments.day[mine]), documents.entity[rows], documents.currency[rows], settled)
    return np.cumsum(table, axis=0)


def _purchases(parts: Parts, months: IntArray) -> IntArray:
    """Invoices with taxes by the month of their date, by entity and currency."""
    documents = parts.documents
    table = np.zeros((len(months), len(ENTITIES), len(CURRENCIES)), dtype=np.int64)
    place = np.searchsorted(months, month_start(documents.day))
    inside = _counted(parts) & (place < len(months)) & (documents.day >= months[0])
    _add(table, place[inside], documents.entity[inside], documents.currency[inside], documents.total[inside])
    return table


def _counted(parts: Parts) -> BoolArray:
    """Recognised documents of suppliers outside the group."""
    documents = parts.documents
    outside = ~parts.book.intercompany[documents.supplier]
    return np.asarray((parts.progress.status == STATUS["approved"]) & outside)


def _add(table: IntArray, place: IntArray, entity: IntArray, currency: IntArray, amount: IntArray) -> None:
    """Adds amounts into the table; what happens after its last month is left out."""
    inside = place < len(table)
    np.add.at(table, (place[inside], entity[inside], currency[inside]), amount[inside])


def _flows(parts: Parts, months: IntArray, purchases: IntArray) -> dict[str, IntArray]:
    """Cost of goods sold as purchases and labour, smoothed over a quarter; revenue and balances from it.

    Purchases with taxes understate labour and depreciation and overstate recoverable taxes; a factor of an entity's
    own between 1.05 and 1.30 stands for both.
    """
    random = parts.frame.stream("ledger")
    count, entities = len(months), len(ENTITIES)
    factor = random.uniform(1.05, 1.30, entities)
    share = random.uniform(0.58, 0.72, entities)
    stock = np.where(
        [fact.code in _SERVICES for fact in ENTITIES], random.uniform(1, 3, entities), random.uniform(35, 75, entities)
    )
    collection = random.uniform(36, 62, entities)
    noise = random.normal(1.0, 0.02, (count, entities, 3))
    bought = _at_home(parts, months, purchases)
    smooth = np.array([bought[max(0, place - 2) : place + 1].mean(axis=0) for place in range(count)])
    cogs = np.maximum(smooth, 0.0) * factor * noise[:, :, 0]
    revenue = cogs / share * noise[:, :, 1]
    return {
        "cogs": _whole(cogs),
        "revenue": _whole(revenue),
        "inventory": _whole(cogs * stock / 30.0 * noise[:, :, 2]),
        "receivables": _whole(revenue * collection / 30.0),
    }


def _at_home(parts: Parts, months: IntArray, purchases: IntArray) -> FloatArray:
    """Purchases of each entity in its home currency, in hundredths, at the rates of month ends."""
    ends = month_end(months)
    rates = np.array([parts.rates.dollars_on(np.full(len(ends), row), ends) for row in range(len(CURRENCIES))])
    dollars = np.einsum("mec,cm->me", purchases.astype(np.float64), rates)
    homes = np.array([home_currency(entity) for entity in range(len(ENTITIES))])
    return np.asarray(dollars / rates[homes].T)


def _whole(amounts: FloatArray) -> IntArray:
    """Hundredths of whole units: nobody reports cents of revenue."""
    return np.round(amounts / 100.0).astype(np.int64) * 100
