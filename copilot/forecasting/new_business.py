"""Documents yet to be recognised: whole days of recent history, drawn by weekday.

Each future day takes the documents that were recognised on one past day, with their amounts (so that these stay
heavy-tailed), their lag from invoice to recognition and their terms (superseded terms replaced by today's); when they
are paid is drawn from the payment timing. Recent days are drawn more often than old ones. Reading by recognition date
makes the recent past complete: a document not yet approved is no hole in the history, it is a future recognition.

The level is that of the last 90 days: each source day is scaled by (documents per day now / documents per day around
it), the season taken out, and by the season of the day it lands on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.current_terms import current_due_days
from copilot.forecasting.ledger import TRAILING_DAYS, Ledger
from copilot.forecasting.payment_timing import HALF_LIFE_DAYS, PaymentTiming, cells_of, weekday
from copilot.forecasting.season import Season, learn_season

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POOL_DAYS = 365
LEVEL_DAYS = 90
REPLICATES = 32
FEW_REPLICATES = 8
MANY_DOCUMENTS = 50_000
"""From so many documents on, a day holds enough of them for few draws of their payment dates."""
_DOCUMENT_CHUNK = 4_096


@dataclass(frozen=True, eq=False)
class NewBusiness:
    """Source days and what each brings, per unit of scale.

    `unpaid[day, replicate, k]` is the amount still unpaid k-1 days after recognition (k = 0: all of it), for each of
    some replicate draws of the payment dates; `bought[day, m]` the purchases whose invoice date lies at most m days
    before recognition; `choices[weekday]` the source days to draw from, and the chance of each; `level` the factor that
    lifts a source day to today's level and takes its season out; `weekly_volatility` and `level_error` are relative
    standard deviations. The steady figures are amount-weighted means in days: from recognition to payment, and from
    invoice to recognition.
    """

    unpaid: Floats
    bought: Floats
    choices: tuple[tuple[Ints, Floats], ...]
    level: Floats
    season: Season
    weekly_volatility: float
    level_error: float
    documents: int
    steady_days: float
    steady_lag: float


def learn(ledger: Ledger, timing: PaymentTiming, as_of: date, days: int, generator: np.random.Generator) -> NewBusiness:
    """What a future day may bring, learned from documents recognised up to `as_of`; curves reach `days` days."""
    known = ledger.known_on(as_of)
    today = as_of.toordinal()
    first = max(today - POOL_DAYS + 1, int(known.recognised_day.min(initial=today)))
    source = np.arange(first, today + 1)
    pool = np.flatnonzero(known.recognised_day >= first)
    season = learn_season(known.recognised_day, today)
    rate = deseasonalised_rate(known.recognised_day, source, season)
    level = np.divide(rate[-1], rate, out=np.ones_like(rate), where=rate > 0) / season.factor(source)
    unpaid, steady_days = _unpaid_curves(known, timing, pool, first, len(source), days, generator)
    bought = _bought_curves(known, pool, first, len(source))
    lag = np.clip(known.recognised_day[pool] - known.invoice_day[pool], 0, TRAILING_DAYS)
    gross = known.gross[pool]
    return NewBusiness(
        unpaid=unpaid,
        bought=bought,
        choices=choices(source),
        level=level,
        season=season,
        weekly_volatility=weekly_volatility(known.recognised_day, source, season),
        level_error=level_error(known.recognised_day, today, len(pool)),
        documents=len(pool),
        steady_days=steady_days,
        steady_lag=float((gross * lag).sum() / gross.sum()) if gross.sum() > 0 else 0.0,
    )


def deseasonalised_rate(recognised_day: Ints, source: Ints, season: Season) -> Floats:
    """Documents per day around each source day (the LEVEL_DAYS up to the middle of their stretch), season taken out."""
    first, last = int(source[0]), int(source[-1])
    count = np.bincount(recognised_day[recognised_day >= first] - first, minlength=len(source)) / season.factor(source)
    total = np.concatenate([[0.0], np.cumsum(count)])
    half = LEVEL_DAYS // 2
    # Centred windows, pushed inside at the two ends: the level of today is that of the last LEVEL_DAYS.
    low = np.clip(source - half, first, max(first, last - LEVEL_DAYS + 1)) - first
    high = np.minimum(low + LEVEL_DAYS, len(source))
    rate: Floats = (total[high] - total[low]) / (high - low)
    return rate


def choices(source: Ints) -> tuple[tuple[Ints, Floats], ...]:
    """For each weekday: the source days (as indices) and the chance of each, recent ones more often."""
    day = weekday(source)
    recency = 0.5 ** ((source[-1] - source) / HALF_LIFE_DAYS)
    same = [np.flatnonzero(day == which) for which in range(7)]
    return tuple((days, recency[days] / recency[days].sum()) for days in same)


def _unpaid_curves(
    ledger: Ledger,
    timing: PaymentTiming,
    pool: Ints,
    first: int,
    sources: int,
    days: int,
    generator: np.random.Generator,
) -> tuple[Floats, float]:
    """Replicate draws of what each source day leaves unpaid, and the mean days to payment.

    The days run from recognition and are weighted by amount.
    """
    replicates = REPLICATES if len(pool) <= MANY_DOCUMENTS else FEW_REPLICATES
    cells = cells_of(ledger, current_due_days(ledger))
    rows = timing.cells(cells)
    flat = np.zeros(sources * replicates * (days + 1))
    open_days = 0.0
    for begin in range(0, len(pool), _DOCUMENT_CHUNK):
        part = pool[begin : begin + _DOCUMENT_CHUNK]
        survival = timing.survival(
            rows[part], cells.anchor[part], cells.entry[part], days, cells.buying_entity[part], closed=False
        )
        open_days += float(ledger.gross[part] @ survival.sum(axis=1))
        drawn = draw_days(survival, replicates, generator)
        slot = (cells.entry[part] - first)[:, None] * replicates + np.arange(replicates)
        index = (slot * (days + 1) + drawn).ravel()
        flat += np.bincount(index, weights=np.repeat(ledger.gross[part], replicates), minlength=len(flat))
    paid = flat.reshape(sources, replicates, days + 1)
    total = paid.sum(axis=2, keepdims=True)
    unpaid = np.concatenate([total, total - np.cumsum(paid[:, :, :-1], axis=2)], axis=2)
    gross = float(ledger.gross[pool].sum())
    return unpaid, open_days / gross if gross > 0 else 0.0


def draw_days(survival: Floats, draws: int, generator: np.random.Generator) -> Ints:
    """For each row, `draws` payment days as column indices; the number of columns stands for "later".

    Stratified: each row's draws cover its distribution evenly, in random order, which takes sampling noise out of
    small items without changing what any one draw can be.
    """
    rows, days = survival.shape
    strata = generator.permuted(np.tile(np.arange(draws), (rows, 1)), axis=1)
    chance = (strata + generator.random((rows, draws))) / draws
    # Paid by the end of day k with probability 1 - survival[k]: the first day on which that exceeds the draw.
    shifted = (1.0 - survival) + np.arange(rows)[:, None]
    flat = np.searchsorted(shifted.ravel(), (chance + np.arange(rows)[:, None]).ravel(), side="right")
    found = flat.reshape(rows, draws) - np.arange(rows)[:, None] * days
    day: Ints = np.clip(found, 0, days)
    return day


def _bought_curves(ledger: Ledger, pool: Ints, first: int, sources: int) -> Floats:
    lag = ledger.recognised_day[pool] - ledger.invoice_day[pool]
    near = (lag < TRAILING_DAYS) & (lag > -TRAILING_DAYS)
    source = ledger.recognised_day[pool][near] - first
    index = source * TRAILING_DAYS + np.maximum(lag[near], 0)
    amount = np.bincount(index, weights=ledger.gross[pool][near], minlength=sources * TRAILING_DAYS)
    return np.cumsum(amount.reshape(sources, TRAILING_DAYS), axis=1, dtype=np.float64)


def level_error(recognised_day: Ints, today: int, pool: int) -> float:
    """How uncertain the level is (relative sd): the count of LEVEL_DAYS is but a sample.

    The part that comes from the pool is left out here: the walk redraws the pool itself.
    """
    recent = int(np.count_nonzero(recognised_day > today - LEVEL_DAYS))
    return float(np.sqrt(max(0.0, 1.0 / max(recent, 1) - 1.0 / max(pool, 1))))


def weekly_volatility(recognised_day: Ints, source: Ints, season: Season) -> float:
    """Standard deviation of a week's number of documents around its level, as a share, beyond what chance explains."""
    weeks = len(source) // 7
    if weeks < 8:
        return 0.0
    first = int(source[-1]) - 7 * weeks + 1
    inside = recognised_day[recognised_day >= first]
    count = np.bincount((inside - first) // 7, weights=1.0 / season.factor(inside), minlength=weeks)
    count = count.astype(np.float64)  # of nothing at all numpy counts in integers
    around = np.convolve(np.pad(count, 4, mode="reflect"), np.ones(9) / 9, mode="valid")
    ratio = np.divide(count, around, out=np.ones_like(count), where=around > 0)
    chance = float(np.mean(1.0 / np.maximum(around, 1.0)))
    return float(np.sqrt(max(0.0, float(np.var(ratio)) - chance)))
