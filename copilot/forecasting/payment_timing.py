"""When is a document paid? A discrete-time hazard in days from its anchor, learned from paid and open documents alike.

The anchor of a document is the later of its due date and its recognition date (without a due date: the recognition
date). On each day x relative to the anchor on which a document is recognised and unpaid, it is paid with probability

    h(x, entity, day) = min(1, a(x) * t(entity, weekday of the anchor, x) * f(entity, weekday))

`f` is the payment-run calendar of the buying entity (mean 1 over the week; 0 on days without runs; on a public holiday
its run moves to the next day that is none), `t` the turn: whether what is due between two runs is paid in the one
before or after (mean near 1), and `a` the rate, all fitted to events over exposure, so that open documents count as
"not paid so far" (Kaplan-Meier with late entry): paid-only timing would be biased short. Rates shrink along all
documents -> kind -> terms -> buying entity -> supplier: (events + k * parent rate) / (exposure + k), which is the
n/(n+k) weight applied to each day's rate, n being what was at risk on that day. Open documents draw from the
distribution that remains given their age, hence never from the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.business_days import closed_matrix
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

SLIP_LIMITS = (0.03, 0.25)
"""Share of a week's payments that may move to the next week or come from it, as a standard deviation."""
LEVEL_SPELLS = 30_000
TURN_SHRINKAGE = 5.0
"""Payments' worth of trust that a rate does not depend on the weekday of the anchor."""
RUN_SHRINKAGE = 15.0
"""Payments' worth of the company's run calendar in that of each buying entity."""

KINDS = ("due ahead", "recognised past due", "no due date", "credit note")
TERM_EDGES = np.array([8, 21, 38, 53, 76])
"""Net days that split documents into term groups: about 0, 14, 30, 45, 60 and 90 days."""

DEFAULT_DAYS = 30
"""Days from invoice to payment where nothing was ever paid."""

# Daily steps where most payments fall, wider ones where few do: rates are constant within a step.
_STEPS = np.array([-(10**6), -60, -45, *range(-35, -30), *range(-30, 46), 50, 55, 60, 70, 80, 90, 120, 150, 10**6])
STEPS = len(_STEPS) - 1
_FAR = 400
_STEP_OF = np.searchsorted(_STEPS, np.arange(-_FAR, _FAR + 1), side="right") - 1
_CHUNK = 500_000
_FADING = 0.5 ** (np.arange(HISTORY_DAYS + 1) / HALF_LIFE_DAYS)
"""The weight of what happened so many days ago."""

_KIND, _TERMS, _ENTITY = 56, 52, 32
_MASKS = (0, -1 << _KIND, -1 << _TERMS, -1 << _ENTITY, -1)
"""What of a cell's code counts at each level: nothing, kind, terms, buying entity, supplier."""


@dataclass(frozen=True, eq=False)
class Cells:
    """What a document's rate depends on, per document, and the first day it can be paid and its anchor (ordinals)."""

    kind: Ints
    terms: Ints
    buying_entity: Ints
    supplier: Ints
    anchor: Ints
    entry: Ints

    def picked(self, rows: Ints) -> Cells:
        """The same for some documents."""
        return Cells(
            self.kind[rows],
            self.terms[rows],
            self.buying_entity[rows],
            self.supplier[rows],
            self.anchor[rows],
            self.entry[rows],
        )


def _codes(kind: Ints, terms: Ints, entity: Ints, supplier: Ints) -> Ints:
    """One integer per cell; a part that does not count is 0 in it."""
    return (kind + 1 << _KIND) | (terms + 1 << _TERMS) | (entity + 1 << _ENTITY) | (supplier + 1)


@dataclass(frozen=True, eq=False)
class CellRows:
    """Where the rates of each cell of every level are: rows by code, codes ascending."""

    codes: Ints
    rows: Ints

    def at(self, cells: Cells) -> Ints:
        """The row of each document: its supplier's, else that of the nearest level above that was seen."""
        code = _codes(cells.kind, cells.terms, cells.buying_entity, cells.supplier)
        found = np.zeros(len(code), dtype=np.int64)
        left = np.arange(len(code))
        for mask in reversed(_MASKS):
            wanted = code[left] & mask
            place = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
            seen = self.codes[place] == wanted
            found[left[seen]] = self.rows[place[seen]]
            left = left[~seen]
        return found


@dataclass(frozen=True, eq=False)
class PaymentTiming:
    """Fitted rates and the weekday factors.

    `rates[row, step]`, with the row of each cell from `rows_of`. `weekly_delay` is the standard
    deviation, in days, of what all payments of a week share beyond chance (a run pulled forward, a week of closing).
    `observed` counts the settlements behind the fit, `at_risk` all observations, open ones included. `weekdays` are
    the factors of the whole company, `entity_weekdays[entity, weekday]` those of each buying entity, shrunk to it;
    `countries` says whose public holidays each entity keeps ("" none). `slip` is the share of a week's payments by
    which whole weeks move beyond chance (standard deviation).
    """

    rates: Floats
    rows_of: CellRows
    weekdays: Floats
    weekly_delay: float
    observed: int
    at_risk: int
    entity_weekdays: Floats
    countries: tuple[str, ...] = ()
    slip: float = 0.0
    turns: Floats = field(default_factory=lambda: np.ones((0, 7, STEPS)))
    """`[entity, weekday of the anchor, step]`: a factor on the rate, before or after a due day."""

    def cells(self, cells: Cells) -> Ints:
        """The row of `rates` for each document: its supplier's, else the nearest level above that was seen."""
        return self.rows_of.at(cells)

    def survival(
        self, rows: Ints, anchor: Ints, first_day: Ints, days: int, entity: Ints | None = None, *, closed: bool = True
    ) -> Floats:
        """Share still unpaid at the end of each day from `first_day` on, given unpaid before it: `[document, day]`.

        With `entity` the runs are those of each document's buying entity, and its public holidays count unless
        `closed` is false.
        """
        day = first_day[:, None] + np.arange(days)
        step = step_of(day - anchor[:, None])
        rate = self.rates[rows[:, None], step]
        if entity is not None and len(self.turns):
            rate = rate * self.turns[entity[:, None], weekday(anchor)[:, None], step]
        if entity is None:
            factor = self.weekdays[weekday(day)]
        elif not closed or not any(self.countries) or not len(rows):
            factor = self.entity_weekdays[entity[:, None], weekday(day)]
        else:
            first, last = int(first_day.min()), int(first_day.max()) + days - 1
            factor = self.calendar(first, last)[entity[:, None], day - first]
        return np.cumprod(1.0 - np.minimum(rate * factor, 1.0), axis=1, dtype=np.float64)

    def calendar(self, first: int, last: int) -> Floats:
        """`[entity, day]` from ordinal `first` to `last`: run factors, holidays skipped and caught up the day after."""
        return run_factors(self.entity_weekdays, self.countries, first, last)

    def run_days(self, least: float = 0.35) -> NDArray[np.bool_]:
        """`[entity, weekday]`: the days on which an entity runs payments (factor of at least `least`; 1 = average)."""
        days: NDArray[np.bool_] = self.entity_weekdays >= least
        return days


def run_factors(weekdays: Floats, countries: tuple[str, ...], first: int, last: int) -> Floats:
    """Weekday factors `[entity, 7]` laid over days: 0 on a public holiday, whose factor the next open day adds."""
    lead = 7  # a holiday just before the first day moves its run into the window
    day = np.arange(first - lead, last + 1)
    factor = weekdays[:, weekday(day)].copy()
    if any(countries):
        closed = closed_matrix(countries, int(day[0]), int(day[-1]))
        for place in range(len(day)):
            shut = closed[:, place]
            if shut.any():
                if place + 1 < len(day):
                    factor[shut, place + 1] += factor[shut, place]
                factor[shut, place] = 0.0
    return factor[:, lead:]


def weekday(day: Ints) -> Ints:
    """Monday 0 to Sunday 6, of ordinals."""
    return (day + 6) % 7


def step_of(x: Ints) -> Ints:
    """The step of the rate that holds for day `x` relative to the anchor."""
    return _STEP_OF[np.clip(x, -_FAR, _FAR) + _FAR]


def cells_of(ledger: Ledger, due_day: Ints | None = None, habit: Ints | None = None) -> Cells:
    """The cells of each document (with `due_day` in place of its own due days, if given).

    A document without a due date is taken as due `habit` days after its invoice date: what is usual for its supplier,
    as `usual_days` gives it (by default learned from the ledger itself).
    """
    due, recognised = ledger.due_day if due_day is None else due_day, ledger.recognised_day
    dated = due > 0
    usual = (usual_days(ledger) if habit is None else habit)[ledger.supplier] if not dated.all() else 0
    expected = np.where(dated, due, ledger.invoice_day + usual)
    kind = np.select([ledger.is_credit_note, ~dated, recognised > due], [3, 2, 1], default=0)
    return Cells(
        kind=kind.astype(np.int64),
        terms=np.searchsorted(TERM_EDGES, expected - ledger.invoice_day, side="right").astype(np.int64),
        buying_entity=ledger.buying_entity,
        supplier=ledger.supplier,
        anchor=np.maximum(recognised, expected),
        entry=recognised,
    )


def usual_days(ledger: Ledger) -> Ints:
    """Days from invoice date to payment that are usual for each supplier: its median, shrunk to the company's.

    Medians are Kaplan-Meier ones: documents still open count as taking longer than they have so far, or a short history
    would know the quick ones only. A habit to anchor on; the hazard around it makes the forecast.
    """
    rest = np.flatnonzero((ledger.open_amount != 0) & ~ledger.is_credit_note)
    last = int(max(ledger.settled_day.max(initial=0), ledger.recognised_day.max(initial=0)))
    document = np.concatenate([ledger.settled_document, rest])
    days = np.concatenate([ledger.settled_day, np.full(len(rest), last)]) - ledger.invoice_day[document]
    settled = np.arange(len(document)) < len(ledger.settled_day)
    if not settled.any():
        return np.full(len(ledger.suppliers), DEFAULT_DAYS)
    _, top, _ = _waiting_medians(np.zeros(len(document), dtype=np.int64), days, settled)
    found = np.full(len(ledger.suppliers), top[0])
    names, median, events = _waiting_medians(ledger.supplier[document], days, settled)
    weight = events / (events + SUPPLIER_MINIMUM)
    found[names] = weight * median + (1 - weight) * top[0]
    return np.maximum(np.round(found), 0).astype(np.int64)


def _waiting_medians(group: Ints, days: Ints, ended: NDArray[np.bool_]) -> tuple[Ints, Floats, Ints]:
    """(groups, Kaplan-Meier median of their days, number that ended); the longest day where half never ended."""
    order = np.lexsort((~ended, days, group))
    group, days, ended = group[order], days[order], ended[order]
    names, start, size = np.unique(group, return_index=True, return_counts=True)
    place = np.arange(len(group)) - np.repeat(start, size)
    hazard = np.where(ended, 1.0 / (np.repeat(size, size) - place), 0.0)
    logs = np.cumsum(np.log1p(-np.minimum(hazard, 1.0 - 1e-9)))
    logs -= np.repeat(np.where(start > 0, logs[start - 1], 0.0), size)
    reached = np.where(logs <= np.log(0.5) + 1e-9, place, np.repeat(size - 1, size))
    first = start + np.minimum.reduceat(reached, start)
    return names, days[first].astype(np.float64), np.add.reduceat(ended.astype(np.int64), start)


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

    def sample(self, every: int) -> _Spells:
        """One spell in `every`."""
        return _Spells(
            self.document[::every],
            self.first[::every],
            self.last[::every],
            self.share[::every],
            self.settled[::every],
            self.today,
        )

    def weight(self, row: Ints, day: Ints) -> Floats:
        """Share times recency. It depends on the day alone, so events and exposure of a day fade alike."""
        return self.share[row] * _FADING[self.today - day]


def fit(ledger: Ledger, as_of: date, countries: tuple[str, ...] = ()) -> PaymentTiming:
    """The payment timing that can be learned from what was known at the end of `as_of`.

    `countries` names the country of each buying entity (in the order of the ledger's codes), for its public holidays.
    Reads the last HISTORY_DAYS; older behaviour fades with a half-life of HALF_LIFE_DAYS. A document paid in parts
    counts each part by its share. Raises nothing: with no settlements at all the rates are zero (check `observed`).
    """
    known = ledger.known_on(as_of)
    cells = cells_of(known)
    spells = _spells(known, cells, as_of.toordinal())
    by_entity, company = _run_calendar(spells, cells, len(ledger.buying_entities))
    runs = _Runs.over(by_entity, countries, spells)
    rates, rows_of = _shrunk_rates(spells, cells, runs)
    rates, turns = _levelled(rates, rows_of, spells, cells, runs)
    spread = _weekly_spread(spells, cells, runs, rates[0])
    return PaymentTiming(
        rates=rates,
        rows_of=rows_of,
        weekdays=company,
        weekly_delay=float(np.clip(7.0 * spread, *DELAY_LIMITS)),
        observed=int(spells.settled.sum()),
        at_risk=len(spells.document),
        entity_weekdays=by_entity,
        countries=countries,
        slip=float(np.clip(spread, *SLIP_LIMITS)),
        turns=turns,
    )


@dataclass(frozen=True, eq=False)
class _Runs:
    """Run factors `[entity, day]` of the history."""

    factor: Floats
    first: int

    @classmethod
    def over(cls, weekdays: Floats, countries: tuple[str, ...], spells: _Spells) -> _Runs:
        first = int(spells.first.min(initial=spells.today))
        return cls(run_factors(weekdays, countries, first, spells.today), first)

    def at(self, entity: Ints, day: Ints) -> Floats:
        """The factor of each pair."""
        found: Floats = self.factor[entity, day - self.first]
        return found


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


def _exposure(spells: _Spells, cells: Cells, chunk: int = _CHUNK) -> Iterator[tuple[Ints, Ints, Ints]]:
    """(spell, step, day) of each day at risk, in chunks so that memory stays small."""
    length = spells.last - spells.first + 1
    ends = np.cumsum(length)
    begin = 0
    while begin < len(length):
        done = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + chunk, side="right")))
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


def _run_calendar(spells: _Spells, cells: Cells, entities: int) -> tuple[Floats, Floats]:
    """Weekday factors `[entity, 7]` and those of the company `[7]`, all with mean 1.

    An alternating fit that meets the events by step and by weekday; entities shrink to the company.
    """
    entity = cells.buying_entity[spells.document]
    size = entities * STEPS * 7
    exposure = np.zeros(size)
    for row, step, day in _exposure(spells, cells):
        exposure += _tally((entity[row] * STEPS + step) * 7 + weekday(day), spells.weight(row, day), size)
    cube = exposure.reshape(entities, STEPS, 7)
    total = cube.sum(axis=0)
    row, step, day = _events(spells, cells)
    weight = spells.weight(row, day)
    by_step = _tally(step, weight, STEPS)
    by_day = _tally(entity[row] * 7 + weekday(day), weight, entities * 7).reshape(entities, 7)
    company = np.ones(7)
    for _ in range(25):
        base = _ratio(by_step, total @ company)
        company = _ratio(by_day.sum(axis=0), base @ total)
        company = company / company.mean() if company.sum() > 0 else np.ones(7)
    expected = np.einsum("s,esd->ed", base, cube)
    found = (by_day + RUN_SHRINKAGE * company) / (expected + RUN_SHRINKAGE)
    mean = found.mean(axis=1, keepdims=True)
    return np.divide(found, mean, out=np.ones_like(found), where=mean > 0), company


def _weekly_spread(spells: _Spells, cells: Cells, runs: _Runs, base: Floats) -> float:
    """The spread of a week's settlements over their expectation, beyond chance (0 with under eight weeks)."""
    weeks = HISTORY_DAYS // 7
    entity = cells.buying_entity[spells.document]
    expected, happened = np.zeros(weeks + 1), np.zeros(weeks + 1)
    for row, step, day in _exposure(spells, cells):
        week = np.minimum((spells.today - day) // 7, weeks)
        expected += _tally(week, spells.share[row] * base[step] * runs.at(entity[row], day), weeks + 1)
    row = np.flatnonzero(spells.settled)
    happened += _tally(np.minimum((spells.today - spells.last[row]) // 7, weeks), spells.share[row], weeks + 1)
    full = expected[:weeks] > 1.0
    if full.sum() < 8:
        return 0.0
    ratio = happened[:weeks][full] / expected[:weeks][full]
    return float(np.sqrt(max(0.0, float(np.var(ratio) - np.mean(1.0 / expected[:weeks][full])))))


def _tally(index: Ints, weight: Floats, size: int) -> Floats:
    """Weights added up by index, always as floats."""
    return np.bincount(index, weights=weight, minlength=size).astype(np.float64, copy=False)


def _ratio(events: Floats, exposure: Floats) -> Floats:
    return np.divide(events, exposure, out=np.zeros_like(events), where=exposure > 0)


def _shrunk_rates(spells: _Spells, cells: Cells, runs: _Runs) -> tuple[Floats, CellRows]:
    """Rates per cell of every level, each shrunk to the level above, and where each cell's row is (0: of all)."""
    supplier = cells.supplier[spells.document]
    rare = np.bincount(supplier, minlength=1)[supplier] < SUPPLIER_MINIMUM
    supplier = np.where(rare, -1, supplier)
    rows = spells.document
    code = _codes(cells.kind[rows], cells.terms[rows], cells.buying_entity[rows], supplier)
    finest, group = np.unique(code, return_inverse=True)
    events, exposure = _counts(spells, cells, runs, group, len(finest))
    above_codes, above = np.zeros(1, dtype=np.int64), _ratio(events.sum(axis=0), exposure.sum(axis=0))[None]
    codes, rates = [above_codes], [above]
    for mask, mask_above in zip(_MASKS[1:], _MASKS, strict=False):
        unique, member = np.unique(finest & mask, return_inverse=True)
        level = above[np.searchsorted(above_codes, unique & mask_above)]
        level *= SHRINKAGE  # in place: with many cells these tables are the largest there are
        level += _summed(events, member, len(unique))
        level /= _summed(exposure, member, len(unique)) + SHRINKAGE
        own = ~np.isin(unique, above_codes)  # a rare supplier has no cell of its own
        codes.append(unique[own])
        rates.append(level[own])
        above_codes, above = unique, level
    every = np.concatenate(codes)
    order = np.argsort(every)
    return np.concatenate(rates), CellRows(every[order], order)


def _levelled(rates: Floats, rows_of: CellRows, spells: _Spells, cells: Cells, runs: _Runs) -> tuple[Floats, Floats]:
    """Rates lifted per step until the events they predict are those that happened, and the turns.

    A hazard cannot exceed 1: on a run day near the anchor, rate times factor often would, and what is cut off there
    would be missing from the prediction. Turns do the same by entity and weekday of the anchor, shrunk to 1: what is
    due on a Sunday is paid in the run before, not after. Read from LEVEL_SPELLS spells, spread evenly.
    """
    every = max(1, len(spells.document) // LEVEL_SPELLS)
    some = spells.sample(every)
    row_at = rows_of.at(cells.picked(some.document))
    entity = cells.buying_entity[some.document]
    turned = weekday(cells.anchor[some.document])
    entities = len(runs.factor)
    size = entities * 7 * STEPS
    shape = (entities, 7, STEPS)
    row, step, day = _events(some, cells)
    happened = _tally((entity[row] * 7 + turned[row]) * STEPS + step, some.weight(row, day), size).reshape(shape)
    turns = np.ones(shape)
    for _ in range(4):
        predicted = np.zeros(size)
        for row, step, day in _exposure(some, cells):
            key = (entity[row] * 7 + turned[row]) * STEPS + step
            hazard = np.minimum(rates[row_at[row], step] * turns.ravel()[key] * runs.at(entity[row], day), 1.0)
            predicted += _tally(key, some.weight(row, day) * hazard, size)
        cube = predicted.reshape(shape)
        rates = rates * np.clip((happened.sum(axis=(0, 1)) + 1.0) / (cube.sum(axis=(0, 1)) + 1.0), 0.5, 2.0)
        turns = _turns(happened, cube / turns)
    return rates, turns


def _turns(happened: Floats, predicted: Floats) -> Floats:
    """Events over prediction, `[entity, weekday of the anchor, step]`, shrunk to the company's and that to 1."""
    whole = (happened.sum(axis=0) + TURN_SHRINKAGE) / (predicted.sum(axis=0) + TURN_SHRINKAGE)
    found: Floats = (happened + TURN_SHRINKAGE * whole) / (predicted + TURN_SHRINKAGE)
    return found


def _summed(values: Floats, member: Ints, groups: int) -> Floats:
    """Rows added up by group."""
    if groups == len(values):  # every group has a single row
        total = np.empty_like(values)
        total[member] = values
        return total
    order = np.argsort(member, kind="stable")
    start = np.searchsorted(member[order], np.arange(groups))
    summed: Floats = np.add.reduceat(values[order], start, axis=0)
    return summed


def _counts(spells: _Spells, cells: Cells, runs: _Runs, group: Ints, groups: int) -> tuple[Floats, Floats]:
    """Weighted events and calendar-weighted exposure per group and step."""
    size = groups * STEPS
    entity = cells.buying_entity[spells.document]
    exposure = np.zeros(size)
    # Each chunk adds a whole table: where that is large, a few large chunks cost less than many small ones.
    for row, step, day in _exposure(spells, cells, min(max(_CHUNK, size // 4), 4 * _CHUNK)):
        exposure += _tally(group[row] * STEPS + step, spells.weight(row, day) * runs.at(entity[row], day), size)
    row, step, day = _events(spells, cells)
    events = _tally(group[row] * STEPS + step, spells.weight(row, day), size)
    return events.reshape(groups, STEPS), exposure.reshape(groups, STEPS)
