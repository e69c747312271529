"""When is a document paid? A discrete-time hazard in days from its anchor, learned from paid and open documents alike.

The anchor of a document is the later of its due date and its recognition date (without a due date: the recognition
date). On each day x relative to the anchor on which a document is recognised and unpaid, it is paid with probability

    h(x, weekday) = min(1, a(x) * f(weekday))

`f` is the payment-run calendar (mean 1 over the week; 0 on days without runs) and `a` the rate, both fitted to events
over exposure, so that open documents count as "not paid so far" (Kaplan-Meier with late entry): paid-only timing
would be biased short. Rates shrink along all documents -> kind -> terms -> buying entity -> supplier: (events + k *
parent rate) / (exposure + k), which is the n/(n+k) weight applied to each day's rate, n being what was at risk on
that day. Open documents draw from the distribution that remains given their age, hence never from the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.ledger import Ledger

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HISTORY_DAYS = 365
HALF_LIFE_DAYS = 180.0
SHRINKAGE = 20.0
"""Pseudo-exposure k of the parent's rate at each level, in documents at risk on a day."""
SUPPLIER_MINIMUM = 8
"""A supplier with fewer observations than this is its buying entity's average."""
DELAY_LIMITS = (0.3, 3.0)
"""Days. Never less than the first, as bands without a shared shock are too thin; never more than the second."""

KINDS = ("due ahead", "recognised past due", "no due date", "credit note")
TERM_EDGES = np.array([8, 21, 38, 53, 76])
"""Net days that split documents into term groups: about 0, 14, 30, 45, 60 and 90 days."""

# Daily steps where most payments fall, wider ones where few do: rates are constant within a step.
_STEPS = np.array([-(10**6), -60, -45, *range(-35, -30), *range(-30, 46), 50, 55, 60, 70, 80, 90, 120, 150, 10**6])
STEPS = len(_STEPS) - 1
_FAR = 400
_STEP_OF = np.searchsorted(_STEPS, np.arange(-_FAR, _FAR + 1), side="right") - 1
_CHUNK = 500_000

CellKey = tuple[int, int, int, int]
TOP: CellKey = (-1, -1, -1, -1)


@dataclass(frozen=True, eq=False)
class Cells:
    """What a document's rate depends on, per document, and the first day it can be paid and its anchor (ordinals)."""

    kind: Ints
    terms: Ints
    buying_entity: Ints
    supplier: Ints
    anchor: Ints
    entry: Ints


@dataclass(frozen=True, eq=False)
class PaymentTiming:
    """Fitted rates and the weekday factors.

    `rates[row, step]`, with `row_of` from (kind, terms, buying entity, supplier). `weekly_delay` is the standard
    deviation, in days, of what all payments of a week share beyond chance (a run pulled forward, a week of closing).
    `observed` counts the settlements behind the fit, `at_risk` all observations, open ones included.
    """  # FIXME

    rates: Floats
    row_of: dict[CellKey, int]
    weekdays: Floats
    weekly_delay: float
    observed: int
    at_risk: int

    def cells(self, cells: Cells) -> Ints:
        """The row of `rates` for each document: its supplier's, else the nearest level above that was seen."""
        keys = np.stack([cells.kind, cells.terms, cells.buying_entity, cells.supplier], axis=1)
        unique, inverse = _distinct(keys)
        rows = np.array([self._row(_key(key)) for key in unique], dtype=np.int64)
        return rows[inverse]

    def _row(self, key: CellKey) -> int:
        chain = (_above(key, depth) for depth in (4, 3, 2, 1, 0))
        return next(self.row_of[level] for level in chain if level in self.row_of)

    def survival(self, rows: Ints, anchor: Ints, first_day: Ints, days: int) -> Floats:
        """Share still unpaid at the end of each day from `first_day` on, given unpaid before it: `[document, day]`."""
        day = first_day[:, None] + np.arange(days)
        hazard = self.rates[rows[:, None], step_of(day - anchor[:, None])] * self.weekdays[weekday(day)]
        return np.cumprod(1.0 - np.minimum(hazard, 1.0), axis=1, dtype=np.float64)


def weekday(day: Ints) -> Ints:
    """Monday 0 to Sunday 6, of ordinals."""
    return (day + 6) % 7


def step_of(x: Ints) -> Ints:
    """The step of the rate that holds for day `x` relative to the anchor."""
    return _STEP_OF[np.clip(x, -_FAR, _FAR) + _FAR]


def cells_of(ledger: Ledger, due_day: Ints | None = None) -> Cells:
    """The cells of each document (with `due_day` in place of its own due days, if given)."""
    due, recognised = ledger.due_day if due_day is None else due_day, ledger.recognised_day
    dated = due > 0
    kind = np.select([ledger.is_credit_note, ~dated, recognised > due], [3, 2, 1], default=0)
    net_days = np.where(dated, due - ledger.invoice_day, 30)
    return Cells(
        kind=kind.astype(np.int64),
        terms=np.searchsorted(TERM_EDGES, net_days, side="right").astype(np.int64),
        buying_entity=ledger.buying_entity,
        supplier=ledger.supplier,
        anchor=np.maximum(recognised, due),
        entry=recognised,
    )


@dataclass(frozen=True, eq=False)
class _Spells:
    """Spells at risk: document, first and last day (ordinals), share of the document, and how it ended.

    `settled` is false where the document was still open on the last day.
    """

    document: Ints
    first: Ints
    last: Ints
    share: Floats
    settled: NDArray[np.bool_]
    today: int

    def weight(self, row: Ints, day: Ints) -> Floats:
        """Share times recency. It depends on the day alone, so events and exposure of a day fade alike."""
        return self.share[row] * 0.5 ** ((self.today - day) / HALF_LIFE_DAYS)


def fit(ledger: Ledger, as_of: date) -> PaymentTiming:
    """The payment timing that can be learned from what was known at the end of `as_of`.

    Reads the last HISTORY_DAYS; older behaviour fades with a half-life of HALF_LIFE_DAYS. A document paid in parts
    counts each part by its share. Raises nothing: with no settlements at all the rates are zero (check `observed`).
    """
    known = ledger.known_on(as_of)
    cells = cells_of(known)
    spells = _spells(known, cells, as_of.toordinal())
    weekdays = _run_calendar(spells, cells)
    rates, row_of = _shrunk_rates(spells, cells, weekdays)
    delay = _weekly_delay(spells, cells, weekdays, rates[0])
    return PaymentTiming(rates, row_of, weekdays, delay, int(spells.settled.sum()), len(spells.document))


def _spells(ledger: Ledger, cells: Cells, today: int) -> _Spells:
    gross = np.where(ledger.gross == 0, 1.0, ledger.gross)
    rest = np.flatnonzero(ledger.open_amount)
    document = np.concatenate([ledger.settled_document, rest])
    last = np.concatenate([ledger.settled_day, np.full(len(rest), today)])
    amount = np.concatenate([ledger.settled, ledger.open_amount[rest]])
    share = np.clip(amount / gross[document], 0.0, 1.0)
    settled = np.arange(len(document)) < len(ledger.settled)
    start = today - HISTORY_DAYS + 1
    # A prepaid document settles before it is recognised: its spell is the day of payment.
    first = np.maximum(np.minimum(cells.entry[document], last), start)
    keep = (last >= start) & (share > 1e-6)
    return _Spells(document[keep], first[keep], last[keep], share[keep], settled[keep], today)


def _exposure(spells: _Spells, cells: Cells) -> Iterator[tuple[Ints, Ints, Ints]]:
    """(spell, step, day) of each day at risk, in chunks so that memory stays small."""
    length = spells.last - spells.first + 1
    ends = np.cumsum(length)
    begin = 0
    while begin < len(length):
        done = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + _CHUNK, side="right")))
        span = length[begin:end]
        row = np.repeat(np.arange(begin, end), span)
        day = np.arange(len(row)) - np.repeat(np.cumsum(span) - span, span) + spells.first[row]
        yield row, step_of(day - cells.anchor[spells.document[row]]), day
        begin = end


def _events(spells: _Spells, cells: Cells) -> tuple[Ints, Ints, Ints]:
    """(spell, step, day) of each settlement."""
    row = np.flatnonzero(spells.settled)
    day = spells.last[row]
    return row, step_of(day - cells.anchor[spells.document[row]]), day


def _run_calendar(spells: _Spells, cells: Cells) -> Floats:
    """Weekday factors with mean 1: an alternating fit that meets the events by step and the events by weekday."""
    exposure = np.zeros((STEPS, 7))
    for row, step, day in _exposure(spells, cells):
        exposure += _tally(step * 7 + weekday(day), spells.weight(row, day), STEPS * 7).reshape(STEPS, 7)
    row, step, day = _events(spells, cells)
    by_step = _tally(step, spells.weight(row, day), STEPS)
    by_day = _tally(weekday(day), spells.weight(row, day), 7)
    factors = np.ones(7)
    for _ in range(25):
        base = _ratio(by_step, exposure @ factors)
        factors = _ratio(by_day, base @ exposure)
        factors = factors / factors.mean() if factors.sum() > 0 else np.ones(7)
    return factors


def _weekly_delay(spells: _Spells, cells: Cells, weekdays: Floats, base: Floats) -> float:
    """Seven days times the spread of a week's settlements over their expectation, beyond chance, within limits."""
    weeks = HISTORY_DAYS // 7
    expected, happened = np.zeros(weeks + 1), np.zeros(weeks + 1)
    for row, step, day in _exposure(spells, cells):
        week = np.minimum((spells.today - day) // 7, weeks)
        expected += _tally(week, spells.share[row] * base[step] * weekdays[weekday(day)], weeks + 1)
    row = np.flatnonzero(spells.settled)
    happened += _tally(np.minimum((spells.today - spells.last[row]) // 7, weeks), spells.share[row], weeks + 1)
    full = expected[:weeks] > 1.0
    if full.sum() < 8:
        return DELAY_LIMITS[0]
    ratio = happened[:weeks][full] / expected[:weeks][full]
    beyond = float(np.var(ratio) - np.mean(1.0 / expected[:weeks][full]))
    return float(np.clip(7.0 * np.sqrt(max(0.0, beyond)), *DELAY_LIMITS))


def _tally(index: Ints, weight: Floats, size: int) -> Floats:
    """Weights added up by index, always as floats."""
    return np.bincount(index, weights=weight, minlength=size).astype(np.float64)


def _ratio(events: Floats, exposure: Floats) -> Floats:
    return np.divide(events, exposure, out=np.zeros_like(events), where=exposure > 0)


def _shrunk_rates(spells: _Spells, cells: Cells, weekdays: Floats) -> tuple[Floats, dict[CellKey, int]]:
    """Rates per cell of every level, each shrunk to the level above, and where each cell's row is."""
    columns = [cells.kind, cells.terms, cells.buying_entity, cells.supplier]
    keys = np.stack([column[spells.document] for column in columns], axis=1)
    rare = np.bincount(keys[:, 3], minlength=1)[keys[:, 3]] < SUPPLIER_MINIMUM
    keys[:, 3] = np.where(rare, -1, keys[:, 3])
    finest, group = _distinct(keys)
    events, exposure = _counts(spells, cells, weekdays, group, len(finest))
    row_of: dict[CellKey, int] = {TOP: 0}
    rates = [_ratio(events.sum(axis=0), exposure.sum(axis=0))]
    for depth in (1, 2, 3, 4):
        unique, member = _distinct(np.where(np.arange(4) < depth, finest, -1))
        happened, at_risk = _summed(events, member, len(unique)), _summed(exposure, member, len(unique))
        for index, raw in enumerate(unique):
            key = _key(raw)
            if key not in row_of:  # a rare supplier has no cell of its own
                prior = rates[row_of[_above(key, depth - 1)]]
                row_of[key] = len(rates)
                rates.append((happened[index] + SHRINKAGE * prior) / (at_risk[index] + SHRINKAGE))
    return np.stack(rates), row_of


def _summed(values: Floats, member: Ints, groups: int) -> Floats:
    """Rows added up by group."""
    total = np.zeros((groups, values.shape[1]))
    np.add.at(total, member, values)
    return total


def _counts(spells: _Spells, cells: Cells, weekdays: Floats, group: Ints, groups: int) -> tuple[Floats, Floats]:
    """Weighted events and calendar-weighted exposure per group and step."""
    size = groups * STEPS
    exposure = np.zeros(size)
    for row, step, day in _exposure(spells, cells):
        exposure += _tally(group[row] * STEPS + step, spells.weight(row, day) * weekdays[weekday(day)], size)
    row, step, day = _events(spells, cells)
    events = _tally(group[row] * STEPS + step, spells.weight(row, day), size)
    return events.reshape(groups, STEPS), exposure.reshape(groups, STEPS)


def _distinct(keys: Ints) -> tuple[Ints, Ints]:
    """Distinct rows of four keys, and for each row the index of its like."""
    spread = keys.max(axis=0, initial=0) + 2  # one integer per row sorts faster than rows do
    code = np.ravel_multi_index(tuple((keys + 1).T), tuple(spread.tolist()))
    unique, inverse = np.unique(code, return_inverse=True)
    return np.stack(np.unravel_index(unique, tuple(spread.tolist())), axis=1).astype(np.int64) - 1, inverse.reshape(-1)


def _key(raw: Ints) -> CellKey:
    kind, terms, entity, supplier = (int(part) for part in raw)
    return kind, terms, entity, supplier


def _above(key: CellKey, depth: int) -> CellKey:
    """The cell of the level `depth` (0 all documents … 4 supplier) that holds `key`."""
    kind, terms, entity, supplier = (part if place < depth else -1 for place, part in enumerate(key))
    return kind, terms, entity, supplier
