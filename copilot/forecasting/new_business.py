"""Documents yet to be recognised: whole days of recent history, drawn by weekday and part of the month.

Each future day takes the documents that were recognised on one past day, with their amounts (so that these stay
heavy-tailed), their lag from invoice to recognition and their terms (superseded terms replaced by today's); when they
are paid is drawn from the payment timing. Recent days are drawn more often than old ones. Reading by recognition date
makes the recent past complete: a document not yet approved is no hole in the history, it is a future recognition.

The level is that of the last 90 days: each source day is scaled by (documents per day now / documents per day around
it), after the month-of-year index has been taken out, and by the index of the month it lands in. The index counts
documents (amounts are too heavy-tailed to show a season) and is shrunk by how far the months differ beyond chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.current_terms import current_due_days
from copilot.forecasting.ledger import TRAILING_DAYS, Ledger
from copilot.forecasting.payment_timing import HALF_LIFE_DAYS, PaymentTiming, cells_of, weekday

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POOL_DAYS = 365
LEVEL_DAYS = 90
POOL_MINIMUM = 4
"""A class of days with fewer source days than this borrows the other parts of the month."""
REPLICATES = 64
_DOCUMENT_CHUNK = 4_096


@dataclass(frozen=True, eq=False)
class NewBusiness:
    """Source days and what each brings, per unit of scale.

    `unpaid[day, replicate, k]` is the amount still unpaid k-1 days after recognition (k = 0: all of it), for each of
    some replicate draws of the payment dates; `bought[day, m]` the purchases whose invoice date lies at most m days
    before recognition; `choices[weekday, part of month]` the source days to draw from, and the cumulated chance of
    each; `level` the factor that lifts a source day to today's level with the season taken out; `season[month]` the
    month-of-year index (mean 1).
    """

    unpaid: Floats
    bought: Floats
    choices: dict[tuple[int, int], tuple[Ints, Floats]]
    level: Floats
    season: Floats
    source_month: Ints
    weekly_volatility: float
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
    season = month_index(known.recognised_day, today)
    rate = _deseasonalised_rate(known.recognised_day, source, season)
    level = np.divide(rate[-1], rate, out=np.ones_like(rate), where=rate > 0)
    unpaid, steady_days = _unpaid_curves(known, timing, pool, first, len(source), days, generator)
    bought = _bought_curves(known, pool, first, len(source))
    lag = np.clip(known.recognised_day[pool] - known.invoice_day[pool], 0, TRAILING_DAYS)
    gross = known.gross[pool]
    return NewBusiness(
        unpaid=unpaid,
        bought=bought,
        choices=_choices(source),
        level=level,
        season=season,
        source_month=month_of(source),
        weekly_volatility=_weekly_volatility(known.recognised_day, source, season),
        documents=len(pool),
        steady_days=steady_days,
        steady_lag=float((gross * lag).sum() / gross.sum()) if gross.sum() > 0 else 0.0,
    )


def month_of(day: Ints) -> Ints:
    """January 0 to December 11, of ordinals."""
    month: Ints = _calendar(day).astype("datetime64[M]").astype(np.int64) % 12
    return month


def part_of_month(day: Ints) -> Ints:
    """0 for days 1-10, 1 for days 11-20, 2 for the rest."""
    months = _calendar(day).astype("datetime64[M]")
    part: Ints = np.minimum((_calendar(day) - months.astype("datetime64[D]")).astype(np.int64) // 10, 2)
    return part


def _calendar(day: Ints) -> NDArray[np.datetime64]:
    return (day - date(1970, 1, 1).toordinal()).astype("datetime64[D]")


def month_index(recognised_day: Ints, today: int) -> Floats:
    """Documents per day by month of year over their mean, shrunk to 1 by the share of the variance that is chance.

    Uses whole years only, so that growth and season do not mix; with less than a year, or nothing beyond chance, all
    ones.
    """
    years = (today - int(recognised_day.min(initial=today)) + 1) // 365
    if years < 1:
        return np.ones(12)
    first = today - 365 * years + 1
    inside = recognised_day[recognised_day >= first]
    count = np.bincount(month_of(inside), minlength=12).astype(np.float64)
    length = np.bincount(month_of(np.arange(first, today + 1)), minlength=12)
    index = count / length / (count.sum() / length.sum()) if count.sum() else np.ones(12)
    chance = float(np.mean(1.0 / np.maximum(count, 1.0)))
    spread = float(np.var(index))
    kept = max(0.0, 1.0 - chance / spread) if spread > 0 else 0.0
    # One year cannot tell season from trend; two or more can, better each year.
    return 1.0 + (index - 1.0) * kept * (years - 1) / years


def _deseasonalised_rate(recognised_day: Ints, source: Ints, season: Floats) -> Floats:
    """Documents per day around each source day (the LEVEL_DAYS up to the middle of their stretch), season taken out."""
    first, last = int(source[0]), int(source[-1])
    count = (
        np.bincount(recognised_day[recognised_day >= first] - first, minlength=len(source)) / season[month_of(source)]
    )
    total = np.concatenate([[0.0], np.cumsum(count)])
    half = LEVEL_DAYS // 2
    # Centred windows, pushed inside at the two ends: the level of today is that of the last LEVEL_DAYS.
    low = np.clip(source - half, first, max(first, last - LEVEL_DAYS + 1)) - first
    high = np.minimum(low + LEVEL_DAYS, len(source))
    rate: Floats = (total[high] - total[low]) / (high - low)
    return rate


def _choices(source: Ints) -> dict[tuple[int, int], tuple[Ints, Floats]]:
    day, part = weekday(source), part_of_month(source)
    recency = 0.5 ** ((source[-1] - source) / HALF_LIFE_DAYS)
    found: dict[tuple[int, int], tuple[Ints, Floats]] = {}
    for d in range(7):
        same = np.flatnonzero(day == d)
        for p in range(3):
            narrow = same[part[same] == p]
            chosen = narrow if len(narrow) >= POOL_MINIMUM else same
            found[d, p] = chosen, np.cumsum(recency[chosen]) / recency[chosen].sum()
    return found


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
    cells = cells_of(ledger, current_due_days(ledger))
    rows = timing.cells(cells)
    flat = np.zeros(sources * REPLICATES * (days + 1))
    open_days = 0.0
    for begin in range(0, len(pool), _DOCUMENT_CHUNK):
        part = pool[begin : begin + _DOCUMENT_CHUNK]
        survival = timing.survival(rows[part], cells.anchor[part], cells.entry[part], days)
        open_days += float(ledger.gross[part] @ survival.sum(axis=1))
        drawn = draw_days(survival, REPLICATES, generator)
        slot = (cells.entry[part] - first)[:, None] * REPLICATES + np.arange(REPLICATES)
        index = (slot * (days + 1) + drawn).ravel()
        flat += np.bincount(index, weights=np.repeat(ledger.gross[part], REPLICATES), minlength=len(flat))
    paid = flat.reshape(sources, REPLICATES, days + 1)
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


def _weekly_volatility(recognised_day: Ints, source: Ints, season: Floats) -> float:
    """Standard deviation of a week's number of documents around its level, as a share, beyond what chance explains."""
    weeks = len(source) // 7
    if weeks < 8:
        return 0.0
    first = int(source[-1]) - 7 * weeks + 1
    inside = recognised_day[recognised_day >= first]
    count = np.bincount((inside - first) // 7, weights=1.0 / season[month_of(inside)], minlength=weeks)
    around = np.convolve(np.pad(count, 4, mode="reflect"), np.ones(9) / 9, mode="valid")
    ratio = np.divide(count, around, out=np.ones_like(count), where=around > 0)
    chance = float(np.mean(1.0 / np.maximum(around, 1.0)))
    return float(np.sqrt(max(0.0, float(np.var(ratio)) - chance)))
