"""The Monte-Carlo walk: payables on a day = payables the day before + documents recognised - settlements.

Each path draws a payment day for every open document, the documents that each future day brings and when they are
paid; all payments of a path share a delay that changes week by week, all recognitions a weekly volume. Purchases of
the trailing 90 days are counted as they will be read on the day: documents recognised by then, by invoice date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.ledger import TRAILING_DAYS, Ledger
from copilot.forecasting.new_business import NewBusiness, draw_days, learn
from copilot.forecasting.payment_timing import PaymentTiming, cells_of, fit, weekday

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DELAY_CAUGHT_UP = 0.5
"""Share of a shared delay that is still there a week later."""
DELAY_REACH = 10
"""A shared delay never exceeds this many days, either way."""
LARGE_ITEMS = 1_500
"""The open documents drawn for each path on their own; the others share SMALL_REPLICATES draws of the whole rest."""
SMALL_REPLICATES = 200
_ITEM_CHUNK = 250


@dataclass(frozen=True, eq=False)
class Walk:
    """Simulated payables and purchases, `[path, date]`, on each date of `grid` (the first is the opening day).

    `recognised` and `settled` are the amounts that came and went from the opening day to the last date, per path.
    `unallocated` is the part of the opening that no open document explains (it stays as it is on every path).
    """

    grid: tuple[date, ...]
    payables: Floats
    purchases: Floats
    recognised: Floats
    settled: Floats
    unallocated: float
    timing: PaymentTiming
    new_business: NewBusiness

    @property
    def dpo(self) -> Floats:
        """Days payable outstanding on purchases, `[path, date]`; NaN where a path buys nothing in 90 days."""
        bought = np.where(self.purchases > 0, self.purchases, np.nan)
        return self.payables / bought * TRAILING_DAYS


def walk(
    ledger: Ledger,
    as_of: date,
    grid: Sequence[date],
    paths: int,
    seed: int,
    closing: Mapping[str, Decimal] | None = None,
) -> Walk:
    """Walk `paths` paths from the end of `as_of` over the dates of `grid` (ascending, after `as_of`).

    `closing` is the open balance per currency at the closing rate of `as_of`, in the reporting currency; open
    documents are lifted to it, so that the walk starts at the metric's own balance.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    known = ledger.known_on(as_of)
    today = as_of.toordinal()
    days = grid[-1].toordinal() - today + DELAY_REACH + 1
    timing = fit(known, as_of)
    new_business = learn(known, timing, as_of, days, generator)
    steps = np.array([day.toordinal() - today for day in grid], dtype=np.int64)
    delay = _delays(timing.weekly_delay, steps, paths, generator)
    amount, unallocated = _opening_amounts(known, closing)
    owed = _open_book(known, amount, timing, today, days, paths, generator)
    opening = float(amount.sum()) + unallocated
    arrivals = _arrivals(new_business, today, int(steps[-1]), paths, generator)
    payables = np.full((paths, len(grid) + 1), opening)
    purchases = np.empty((paths, len(grid) + 1))
    purchases[:, 0] = _bought_by_known(known, today)
    for column, step in enumerate(steps, start=1):
        late = delay[:, column - 1]
        payables[:, column] = unallocated + _interpolated(owed, step - late) + arrivals.unpaid(int(step), late)
        purchases[:, column] = _bought_by_known(known, today + int(step)) + arrivals.bought(int(step))
    recognised = arrivals.recognised()
    return Walk(
        grid=(as_of, *grid),
        payables=payables,
        purchases=purchases,
        recognised=recognised,
        settled=opening + recognised - payables[:, -1],
        unallocated=unallocated,
        timing=timing,
        new_business=new_business,
    )


def _delays(sigma: float, steps: Ints, paths: int, generator: np.random.Generator) -> Floats:
    """A delay in days shared by all payments of a path, on each step: starts at zero, half caught up each week."""
    weeks = int(-(-steps[-1] // 7))
    shock = generator.standard_normal((paths, weeks)) * sigma
    late = np.zeros((paths, weeks + 1))
    for week in range(weeks):
        late[:, week + 1] = DELAY_CAUGHT_UP * late[:, week] + shock[:, week]
    return np.clip(late[:, -(-steps // 7)], -DELAY_REACH, DELAY_REACH)


def _opening_amounts(ledger: Ledger, closing: Mapping[str, Decimal] | None) -> tuple[Floats, float]:
    """Open amounts at closing rates, and what of `closing` no open document explains."""
    amount = ledger.open_amount
    if closing is None:
        return amount, 0.0
    by_currency = np.bincount(ledger.currency, weights=amount, minlength=len(ledger.currencies))
    factor = np.ones(len(ledger.currencies))
    for code, name in enumerate(ledger.currencies):
        ratio = float(closing.get(name, Decimal(0))) / by_currency[code] if by_currency[code] else 1.0
        # Outside these bounds it is no rate change but a small balance of invoices and credits: leave it alone.
        factor[code] = ratio if 0.5 <= ratio <= 2.0 else 1.0
    lifted = amount * factor[ledger.currency] if len(amount) else amount
    return lifted, float(sum(closing.values(), Decimal(0))) - float(lifted.sum())


def _open_book(
    ledger: Ledger,
    amount: Floats,
    timing: PaymentTiming,
    today: int,
    days: int,
    paths: int,
    generator: np.random.Generator,
) -> Floats:
    """What remains of today's open documents, `[path, k]`, at the end of the k-th day from today (k = 0: all)."""
    items = np.flatnonzero(amount)
    items = items[np.argsort(-np.abs(amount[items]), kind="stable")]
    cells = cells_of(ledger)
    rows = timing.cells(cells)
    large, small = items[:LARGE_ITEMS], items[LARGE_ITEMS:]
    paid = np.zeros((paths, days + 1))
    for chosen, draws in ((large, paths), (small, SMALL_REPLICATES)):
        total = np.zeros(draws * (days + 1))
        for begin in range(0, len(chosen), _ITEM_CHUNK):
            part = chosen[begin : begin + _ITEM_CHUNK]
            tomorrow = np.full(len(part), today + 1)
            survival = timing.survival(rows[part], cells.anchor[part], tomorrow, days, cells.buying_entity[part])
            index = draw_days(survival, draws, generator) + np.arange(draws) * (days + 1)
            total += np.bincount(index.ravel(), weights=np.repeat(amount[part], draws), minlength=len(total))
        pick = np.arange(paths) if draws == paths else generator.integers(0, draws, paths)
        paid += total.reshape(draws, days + 1)[pick]
    left = float(amount.sum()) - np.cumsum(paid[:, :-1], axis=1)
    return np.concatenate([np.full((paths, 1), float(amount.sum())), left], axis=1)


def _interpolated(curves: Floats, position: Floats) -> Floats:
    """Each row's curve read at its own position, linear between whole days."""
    position = np.clip(position, 0.0, curves.shape[1] - 1.0)
    low = np.minimum(position.astype(np.int64), curves.shape[1] - 2)
    row = np.arange(len(curves))
    left, right = curves[row, low], curves[row, low + 1]
    value: Floats = left + (right - left) * (position - low)
    return value


def _bought_by_known(ledger: Ledger, day: int) -> float:
    window = (ledger.invoice_day > day - TRAILING_DAYS) & (ledger.invoice_day <= day)
    return float(ledger.gross[window].sum())


@dataclass(frozen=True, eq=False)
class _Arrivals:
    """The past day that each future day of each path repeats, which draw of its payment dates, and its scale."""

    new_business: NewBusiness
    source: Ints
    replicate: Ints
    scale: Floats

    def unpaid(self, step: int, late: Floats) -> Floats:
        """Per path: what is unpaid `step` days ahead of all that arrived by then."""
        curves = self.new_business.unpaid
        position = np.clip(step - np.arange(step) - late[:, None], 0.0, curves.shape[2] - 1.0)
        low = np.minimum(position.astype(np.int64), curves.shape[2] - 2)
        source, replicate = self.source[:, :step], self.replicate[:, :step]
        left, right = curves[source, replicate, low], curves[source, replicate, low + 1]
        return _added(left + (right - left) * (position - low), self.scale[:, :step])

    def bought(self, step: int) -> Floats:
        """Per path: purchases invoiced in the 90 days up to `step` days ahead, of all that arrived by then."""
        begin = max(0, step - TRAILING_DAYS)
        reach = TRAILING_DAYS - step + np.arange(begin, step)
        amount = self.new_business.bought[self.source[:, begin:step], reach]
        return _added(amount, self.scale[:, begin:step])

    def recognised(self) -> Floats:
        """Per path: everything recognised over the walk."""
        amount = self.new_business.unpaid[self.source, self.replicate, 0]
        return _added(amount, self.scale)


def _drawn_days(new_business: NewBusiness, future: Ints, paths: int, generator: np.random.Generator) -> Ints:
    """The source day of each future day, `[path, day]`.

    Each path first redraws the history itself, as many days as it is worth, then draws from that: so the band also
    holds what a history of this length cannot know about the days to come.
    """
    source = np.empty((paths, len(future)), dtype=np.int64)
    kinds = weekday(future)
    for kind in np.unique(kinds).tolist():
        days, chance = new_business.choices[kind]
        worth = max(1, round(1.0 / float((chance**2).sum())))
        redrawn = days[generator.choice(len(days), size=(paths, worth), p=chance)]
        for column in np.flatnonzero(kinds == kind).tolist():
            source[:, column] = redrawn[np.arange(paths), generator.integers(0, worth, paths)]
    return source


def _added(amount: Floats, scale: Floats) -> Floats:
    """Amount times scale, added over the days of each path."""
    total: Floats = np.einsum("pt,pt->p", amount, scale)
    return total


def _arrivals(
    new_business: NewBusiness, today: int, steps: int, paths: int, generator: np.random.Generator
) -> _Arrivals:
    future = np.arange(today + 1, today + steps + 1)
    source = _drawn_days(new_business, future, paths, generator)
    sigma = new_business.weekly_volatility
    weeks = np.arange(steps) // 7
    volume = np.exp(sigma * generator.standard_normal((paths, int(weeks[-1]) + 1)) - sigma**2 / 2)[:, weeks]
    error = new_business.level_error
    volume *= np.exp(error * generator.standard_normal((paths, 1)) - error**2 / 2)
    return _Arrivals(
        new_business=new_business,
        source=source,
        replicate=generator.integers(0, new_business.unpaid.shape[1], (paths, steps)),
        scale=new_business.level[source] * new_business.season.factor(future) * volume,
    )
