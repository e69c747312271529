"""Invoices as suppliers write them: who, when, how much, on which term. What happens to them later is in stages.py.

Amounts are integers of hundredths of the document currency. Days are day numbers.
"""

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray
from sync.sandbox.company.presets import LOOKAHEAD_DAYS, Frame
from sync.sandbox.company.rates import Rates
from sync.sandbox.company.reference import CATEGORIES, CURRENCIES, CURRENCY_INDEX, ENTITIES, TERM_INDEX, TERMS
from sync.sandbox.company.supplier_book import SupplierBook
from sync.sandbox.company.terms import NO_DAY, discount_due_days, discount_rates, month_end, month_start, net_due_days

_BODY_SIGMA = 1.15
_BODY_LOG_MEAN = 7.75
_TAIL_QUANTILE = 0.99
_TAIL_ALPHA = 1.3
_CAP_OF_YEARLY = 0.012
_CREDIT_SHARE = 0.03
_DUPLICATE_SHARE = 0.004
_MAX_LINES = 4

Rows = TypeVar("Rows")


def take(columns: Rows, rows: IntArray) -> Rows:
    """The same columns, for the given rows only; tuples and scalars are left alone."""
    changed = {
        item.name: getattr(columns, item.name)[rows]
        for item in fields(columns)  # type: ignore[arg-type]
        if isinstance(getattr(columns, item.name), np.ndarray)
    }
    return replace(columns, **changed)  # type: ignore[type-var]


@dataclass(frozen=True)
class Documents:
    """Invoices and credit notes as written, one entry per document.

    key: the draw's number, stable under reordering. net and tax are signed (credit notes negative); extras is freight
    within the total. discount_due is NO_DAY and rate 0 without an offer. original is the key of the credited or copied
    document, or -1. `copy_kind`: 0 none, 1 the same number with a prefix, 2 one digit misread, 3 ring partner.
    """

    key: IntArray
    supplier: IntArray
    entity: IntArray
    currency: IntArray
    category: IntArray
    term: IntArray
    order_term: IntArray
    day: IntArray
    due: IntArray
    discount_due: IntArray
    rate: FloatArray
    header_percent: BoolArray
    net: IntArray
    extras: IntArray
    tax: IntArray
    dollars: FloatArray
    lines: IntArray
    credit: BoolArray
    original: IntArray
    copy_kind: IntArray
    ordered: BoolArray

    def __len__(self) -> int:
        return len(self.key)

    @property
    def total(self) -> IntArray:
        """Total with taxes, in hundredths."""
        return self.net + self.extras + self.tax


def build_documents(frame: Frame, book: SupplierBook, rates: Rates) -> Documents:
    """Draws the documents of the history and of the weeks after it, in order of their day."""
    random = frame.stream("documents")
    span = frame.last_day - frame.first_day + 1
    count = int(frame.preset.invoices * (span + LOOKAHEAD_DAYS) / span * 1.004)
    supplier = random.choice(len(book), count, p=book.weight)
    second = (book.second_entity[supplier] >= 0) & (random.random(count) < 0.35)
    entity = np.where(second, book.second_entity[supplier], book.entity[supplier])
    day = _days(random, frame, book.category[supplier], supplier)
    lines = 1 + np.minimum(random.poisson(0.7, count), _MAX_LINES - 1)
    documents = Documents(
        key=np.arange(count, dtype=np.int64),
        supplier=supplier,
        entity=entity,
        currency=book.currency[supplier],
        category=book.category[supplier],
        term=book.term[supplier],
        order_term=book.term[supplier],
        day=day,
        due=day,
        discount_due=day,
        rate=np.zeros(count),
        header_percent=np.zeros(count, dtype=np.bool_),
        net=np.zeros(count, dtype=np.int64),
        extras=np.zeros(count, dtype=np.int64),
        tax=np.zeros(count, dtype=np.int64),
        dollars=_dollars(random, frame, book.scale[supplier], book.category[supplier]),
        lines=lines,
        credit=np.zeros(count, dtype=np.bool_),
        original=np.full(count, -1, dtype=np.int64),
        copy_kind=np.zeros(count, dtype=np.int64),
        ordered=random.random(count) < np.array([fact.po for fact in CATEGORIES])[book.category[supplier]],
    )
    documents = _amounts(random, documents, rates)
    documents = _credits(random, _copies(random, documents, book))
    documents = _terms(random, frame, book, documents)
    return take(documents, np.lexsort((documents.key, documents.day)).astype(np.int64))


def _days(random: np.random.Generator, frame: Frame, category: IntArray, supplier: IntArray) -> IntArray:
    """Invoice days: business days, busier at month end and in the fourth quarter, quiet in August."""
    days = np.arange(frame.first_day, frame.last_day + LOOKAHEAD_DAYS + 1, dtype=np.int64)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    weight = np.where((days + 3) % 7 < 5, 1.0, 0.04)
    weight *= np.where(month_end(days) - days < 7, 1.35, 1.0)
    weight *= np.array([0, 0.98, 1, 1, 1, 1, 1, 0.97, 0.87, 1.02, 1.06, 1.08, 0.97])[month]
    weight *= 1.0 + 0.05 * (days - days[0]) / 365.0
    drawn = random.choice(days, len(supplier), p=weight / weight.sum())
    monthly = np.array([fact.monthly for fact in CATEGORIES])[category]
    fixed = month_start(drawn) + supplier % 27
    return np.where(monthly & (fixed >= days[0]) & (fixed <= days[-1]), fixed, drawn)


def _dollars(random: np.random.Generator, frame: Frame, scale: FloatArray, category: IntArray) -> FloatArray:
    """Net value in dollars: a lognormal body with a Pareto tail, capped at a share of a year's spend."""
    monthly = np.array([fact.monthly for fact in CATEGORIES])[category]
    sigma = np.where(monthly, 0.25, _BODY_SIGMA)
    value = np.exp(_BODY_LOG_MEAN - 0.5 + scale + sigma * random.normal(0.0, 1.0, len(scale)))
    edge = float(np.quantile(value, _TAIL_QUANTILE))
    tail = value > edge
    value[tail] = edge * (1.0 - random.random(int(tail.sum()))) ** (-1.0 / _TAIL_ALPHA)
    years = (frame.last_day - frame.first_day + 1) / 365.0
    value = np.minimum(value, max(25_000.0, _CAP_OF_YEARLY * float(value.sum()) / years))
    return np.where(random.random(len(value)) < 0.001, 0.0, value)


def _amounts(random: np.random.Generator, documents: Documents, rates: Rates) -> Documents:
    """Turns dollars into document currency at the start-of-history rate, and adds freight and tax."""
    count = len(documents)
    start = np.array([fact.dollars for fact in CURRENCIES])[documents.currency]
    digit = np.array([1 if fact.decimals else 100 for fact in CURRENCIES], dtype=np.int64)[documents.currency]
    net = np.round(documents.dollars / start * 100.0 / digit).astype(np.int64) * digit
    freight = (random.random(count) < 0.12) & (net > 50_000)
    extras = np.where(freight, np.round(net * random.uniform(0.004, 0.02, count) / digit).astype(np.int64) * digit, 0)
    rate = np.array([fact.tax for fact in ENTITIES])[documents.entity]
    american = np.isin(documents.entity, [row for row, fact in enumerate(ENTITIES) if fact.country == "US"])
    rate = np.where(american & (random.random(count) < 0.6), 0.0, rate)
    currency = np.array([CURRENCY_INDEX[_currency_of(fact.country)] for fact in ENTITIES])[documents.entity]
    rate = np.where(documents.currency != currency, 0.0, rate)
    tax = np.round((net + extras) * rate / 100.0 / digit).astype(np.int64) * digit
    dollars = (net + extras + tax) / 100.0 * rates.dollars_on(documents.currency, documents.day)
    return replace(documents, net=net, extras=extras, tax=tax, dollars=dollars)


def _currency_of(country: str) -> str:
    return {"US": "USD", "CA": "CAD", "GB": "GBP", "IN": "INR", "JP": "JPY", "BR": "BRL"}.get(country, "EUR")


def _copies(random: np.random.Generator, documents: Documents, book: SupplierBook) -> Documents:
    """Plants duplicates: some documents are overwritten by a copy of another, days later.

    Ring copies carry the other ring supplier; the rest the same supplier under a mangled number.
    """
    count = len(documents)
    plain = max(4, int(count * _DUPLICATE_SHARE))
    ring_rows = np.flatnonzero(documents.supplier == book.planted.ring[0])
    sources = np.concatenate((random.choice(count, plain, replace=False), ring_rows[: min(len(ring_rows), 40)]))
    kind = np.concatenate((random.integers(1, 3, plain), np.full(len(sources) - plain, 3))).astype(np.int64)
    usable = (documents.dollars[sources] > 0) & ~np.isin(documents.supplier[sources], np.flatnonzero(book.intercompany))
    sources, first = np.unique(sources[usable], return_index=True)
    kind = kind[usable][first]
    free = np.setdiff1d(np.arange(count), np.concatenate((sources, ring_rows)))
    free = free[~book.intercompany[documents.supplier[free]]]
    targets = random.choice(free, len(sources), replace=False)
    copied = {item.name: getattr(documents, item.name).copy() for item in fields(documents)}
    for name, column in copied.items():
        if name != "key":
            column[targets] = column[sources]
    copied["day"][targets] = documents.day[sources] + random.integers(1, 8, len(sources))
    copied["original"][targets] = documents.key[sources]
    copied["copy_kind"][targets] = kind
    copied["supplier"][targets[kind == 3]] = book.planted.ring[1]
    copied["ordered"][targets] = False
    return Documents(**copied)


def _credits(random: np.random.Generator, documents: Documents) -> Documents:
    """Turns some documents into credit notes for part of an earlier document of the same supplier."""
    count = len(documents)
    untouched = (documents.copy_kind == 0) & ~np.isin(documents.key, documents.original)
    order = np.lexsort((documents.day, documents.entity, documents.supplier))
    earlier = np.full(count, -1, dtype=np.int64)
    same = (documents.supplier[order[1:]] == documents.supplier[order[:-1]]) & (
        documents.entity[order[1:]] == documents.entity[order[:-1]]
    )
    earlier[order[1:][same]] = order[:-1][same]
    credit = untouched & (earlier >= 0) & (random.random(count) < _CREDIT_SHARE / 0.9)
    credit &= ~np.isin(np.arange(count), earlier[credit])  # what is credited stays an invoice
    rows = np.flatnonzero(credit)
    source = earlier[rows]
    part = random.uniform(0.05, 0.6, len(rows))
    digit = np.array([1 if fact.decimals else 100 for fact in CURRENCIES], dtype=np.int64)[documents.currency[source]]
    net, tax, extras = documents.net.copy(), documents.tax.copy(), documents.extras.copy()
    net[rows] = -np.maximum(np.round(documents.net[source] * part / digit).astype(np.int64), 1) * digit
    tax[rows] = -np.round(documents.tax[source] * part / digit).astype(np.int64) * digit
    extras[rows] = 0
    original, lines, ordered = documents.original.copy(), documents.lines.copy(), documents.ordered.copy()
    original[rows] = np.where(random.random(len(rows)) < 0.6, documents.key[source], -1)
    lines[rows], ordered[rows] = 1, False
    dollars = documents.dollars.copy()
    dollars[rows] = -documents.dollars[source] * part
    return replace(
        documents,
        net=net,
        tax=tax,
        extras=extras,
        credit=credit,
        original=original,
        lines=lines,
        ordered=ordered,
        dollars=dollars,
    )


def _terms(random: np.random.Generator, frame: Frame, book: SupplierBook, documents: Documents) -> Documents:
    """The term of each document, its due date and its discount offer."""
    count = len(documents)
    after = documents.day >= frame.policy_day
    term = np.where(after, book.term_after[documents.supplier], book.term[documents.supplier])
    order_term = term.copy()
    other = (book.second_term[documents.supplier] >= 0) & (random.random(count) < 0.4)
    term = np.where(other, book.second_term[documents.supplier], term)
    order_term = np.where(other & ~documents.ordered, term, order_term)
    mismatch = documents.ordered & (random.random(count) < 0.04) & (discount_rates(term) == 0.0)
    mismatch &= documents.supplier != book.planted.french_long
    swapped = np.where(random.random(count) < 0.7, _shorter(term), TERM_INDEX["Net 75"])
    term = np.where(mismatch, swapped, term)
    retired = (random.random(count) < 0.004) & (term == TERM_INDEX["Net 45"])
    term = np.where(retired, TERM_INDEX["NET45-OLD"], term)
    due = net_due_days(term, documents.day)
    window = discount_due_days(term, documents.day)
    rate = discount_rates(term)
    header = (rate == 0.0) & (random.random(count) < 0.008) & (due - documents.day >= 30) & ~documents.credit
    header &= (documents.currency != CURRENCY_INDEX["JPY"]) & ~book.intercompany[documents.supplier]
    header &= ~np.isin(documents.entity, [row for row, fact in enumerate(ENTITIES) if fact.code == "JP01"])
    rate = np.where(header, 1.5, rate)
    window = np.where(header, documents.day + 12, window)
    offered = (rate > 0.0) & ~documents.credit & (documents.total > 0)
    return replace(
        documents,
        term=term,
        order_term=order_term,
        due=due,
        rate=np.where(offered, rate, 0.0),
        discount_due=np.where(offered, window, NO_DAY),
        header_percent=header & offered,
    )


def _shorter(term: IntArray) -> IntArray:
    """The next shorter plain net term: what a supplier writes on the invoice instead of the agreed one."""
    ladder = [TERM_INDEX[code] for code in ("Net 14", "Net 30", "Net 45", "Net 60", "Net 90", "Net 120")]
    down = np.arange(len(TERMS), dtype=np.int64)
    for lower, upper in pairwise(ladder):
        down[upper] = lower
    for code in ("30 EOM", "45 EOM", "25th Next Month", "Net 75"):
        down[TERM_INDEX[code]] = TERM_INDEX["Net 30"]
    return down[term]
