"""Which supplier is on which payment term, and how that changes: habits, discounts, second terms, the policy."""

from dataclasses import replace

import numpy as np

from sync.sandbox.arrays import FloatArray, IntArray
from sync.sandbox.company.reference import CATEGORY_INDEX, CURRENCY_INDEX, ENTITIES, ENTITY_INDEX, TERM_INDEX, TERMS
from sync.sandbox.company.supplier_book import SupplierBook

_REGION_TERMS: dict[str, tuple[tuple[str, float], ...]] = {
    "US": (
        ("Net 10", 4),
        ("Net 14", 3),
        ("Net 30", 35),
        ("Net 45", 24),
        ("Net 60", 22),
        ("Net 75", 3),
        ("Net 90", 4),
        ("Net 120", 1),
        ("25th Next Month", 4),
    ),
    "CA": (("Net 14", 5), ("Net 30", 45), ("Net 45", 25), ("Net 60", 20), ("25th Next Month", 5)),
    "GB": (("Net 14", 5), ("Net 30", 38), ("Net 45", 15), ("Net 60", 25), ("Net 90", 4), ("30 EOM", 13)),
    "DE": (("Net 14", 14), ("Net 30", 48), ("Net 45", 17), ("Net 60", 18), ("30 EOM", 3)),
    "FR": (("Net 10", 3), ("Net 30", 38), ("45 EOM", 36), ("Net 60", 23)),
    "IN": (("Net 14", 5), ("Net 30", 32), ("Net 45", 33), ("Net 60", 22), ("Net 90", 8)),
    "JP": (("Net 30", 40), ("30 EOM", 40), ("Net 60", 20)),
    "BR": (("Net 14", 5), ("Net 30", 40), ("Net 45", 20), ("Net 60", 24), ("Net 90", 11)),
}
_DISCOUNT_TERMS: dict[str, tuple[tuple[str, float], ...]] = {
    "DE": (("2/14 Net 30", 45), ("3/14 Net 45", 25), ("2/10 Net 30", 20), ("1/10 Net 30", 10)),
    "*": (
        ("2/10 Net 30", 38),
        ("1/10 Net 30", 20),
        ("2/14 Net 30", 8),
        ("1/15 Net 45", 10),
        ("2/15 Net 60", 9),
        ("3/10 Net 60", 5),
        ("0.5/10 Net 30", 7),
        ("2% 10th Prox Net 25th", 3),
    ),
}
_DISCOUNT_WEIGHT_SHARE = 0.135
_SHORT_TERM_CATEGORIES = ("Utilities", "Facilities and Rent", "Telecom")
_DISCOUNT_ODDS = {"DE": 1.6, "US": 1.2, "JP": 0.0}
_LARGE_BUYER_ODDS = 0.6
"""Part of suppliers that accept one step more than their country's habit, as large buyers obtain."""
_LARGE_SUPPLIERS = 0.25
_LARGE_LONG_ODDS = 0.9
_ACCELERATED_ODDS = 0.06
_DISCOUNT_WEIGHT_CAP = 0.012
_POLICY_ODDS = 0.42


def first_terms(random: np.random.Generator, entity: IntArray, category: IntArray) -> IntArray:
    """Each supplier's term by the habit of its buying entity's country and its category."""
    terms = np.zeros(len(entity), dtype=np.int64)
    for row, fact in enumerate(ENTITIES):
        chosen = np.flatnonzero(entity == row)
        terms[chosen] = _pick(random, _REGION_TERMS[fact.country], len(chosen))
    ladder = [TERM_INDEX[code] for code in ("Net 30", "Net 45", "Net 60", "Net 75", "Net 90")]
    longer = np.arange(len(TERMS), dtype=np.int64)
    longer[ladder[:-1]] = ladder[1:]
    capped = entity == ENTITY_INDEX["FR01"]
    terms = np.where((random.random(len(terms)) < _LARGE_BUYER_ODDS) & ~capped, longer[terms], terms)
    short = np.isin(category, [CATEGORY_INDEX[name] for name in _SHORT_TERM_CATEGORIES])
    quick = np.flatnonzero(short & (random.random(len(terms)) < 0.7))
    terms[quick] = _pick(random, (("Due on Receipt", 20), ("Net 10", 30), ("Net 14", 30), ("Net 30", 20)), len(quick))
    return terms


def _shares(options: tuple[tuple[str, float], ...]) -> FloatArray:
    values = np.array([share for _, share in options])
    return np.asarray(values / values.sum())


def _pick(random: np.random.Generator, options: tuple[tuple[str, float], ...], count: int) -> IntArray:
    codes = np.array([TERM_INDEX[code] for code, _ in options], dtype=np.int64)
    return codes[random.choice(len(codes), count, p=_shares(options))]


def lengthen(random: np.random.Generator, book: SupplierBook) -> SupplierBook:
    """Moves most of the largest suppliers from net 30 and below to net 60: what a large buyer has negotiated."""
    size = book.weight * np.exp(book.scale)
    large = size >= np.quantile(size, 1.0 - _LARGE_SUPPLIERS)
    short = np.isin(book.term, [TERM_INDEX[code] for code in ("Net 10", "Net 14", "Net 30", "Net 45")])
    chosen = large & short & ~book.fixed_terms() & (random.random(len(book)) < _LARGE_LONG_ODDS)
    return replace(book, term=np.where(chosen, TERM_INDEX["Net 60"], book.term))


def discounts(random: np.random.Generator, book: SupplierBook) -> SupplierBook:
    """Gives discount terms to middling suppliers until they carry the wanted share of invoices."""
    odds = np.array([_DISCOUNT_ODDS.get(fact.country, 0.9) for fact in ENTITIES])[book.entity]
    odds = odds * ~book.fixed_terms() * (book.currency != CURRENCY_INDEX["JPY"]) * (book.weight < _DISCOUNT_WEIGHT_CAP)
    odds = odds * ~np.isin(book.category, [CATEGORY_INDEX[name] for name in _SHORT_TERM_CATEGORIES])
    order = np.argsort(-odds * random.random(len(book)), kind="stable")
    wanted, carried, term, accelerated = _DISCOUNT_WEIGHT_SHARE, 0.0, book.term.copy(), book.accelerated.copy()
    for row in order.tolist():
        if carried >= wanted or odds[row] <= 0:
            break
        if carried + book.weight[row] > wanted + 0.01:
            continue
        options = _DISCOUNT_TERMS.get(ENTITIES[book.entity[row]].country, _DISCOUNT_TERMS["*"])
        accelerated[row] = random.random() < _ACCELERATED_ODDS
        term[row] = TERM_INDEX["3/20 Net 90"] if accelerated[row] else _pick(random, options, 1)[0]
        carried += float(book.weight[row])
    return replace(book, term=term, accelerated=accelerated)


def second_terms(random: np.random.Generator, book: SupplierBook) -> SupplierBook:
    """8 % of suppliers invoice some documents on another, usually shorter, term."""
    second = np.where(random.random(len(book)) < 0.08, TERM_INDEX["Net 30"], -1)
    second[book.fixed_terms() | (book.term == TERM_INDEX["Net 30"])] = -1
    return replace(book, second_term=second)


def policy(random: np.random.Generator, book: SupplierBook) -> SupplierBook:
    """The planted policy: from month 18 a cohort of suppliers on net 30, 45 or 60 gets 15 days more.

    French suppliers stay at or below the legal 60 days.
    """
    steps = (("Net 60", "Net 75"), ("Net 45", "Net 60"), ("Net 30", "Net 45"))
    cohort = ~book.fixed_terms() & (random.random(len(book)) < _POLICY_ODDS)
    capped = (book.entity == ENTITY_INDEX["FR01"]) & (book.term == TERM_INDEX["Net 60"])
    moved = np.zeros(len(book), dtype=np.bool_)
    after = book.term.copy()
    for before, then in steps:
        chosen = cohort & ~capped & (book.term == TERM_INDEX[before])
        after[chosen] = TERM_INDEX[then]
        moved |= chosen
    return replace(book, term_after=after, policy_cohort=moved)
