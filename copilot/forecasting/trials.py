"""One forecast and what came of it, scores over many, and the stretch of bands that past trials ask for.

A trial holds QUANTILES of the forecast. All measures are over amounts: WAPE = sum|forecast - actual| / sum|actual|,
bias = sum(forecast - actual) / sum|actual|, pinball = mean over the quantiles of max(q (a - f), (q - 1)(a - f)), MASE =
mean|error| / mean|error of "last month, same week"| on the same trials, coverage = share of actuals inside a band.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, get_args

import numpy as np

QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
MEDIAN = QUANTILES.index(0.5)
BANDS = {50: (2, 4), 80: (1, 5), 95: (0, 6)}
"""Nominal coverage in percent -> the places of its two ends in QUANTILES."""
ENOUGH = 5
STRETCH_STEP = 0.25
"""What an outcome moves the logarithm of the stretch by: a miss up by 0.8 of it, a hit down by 0.2."""
STRETCH_LIMITS = (0.5, 3.0)
NOMINAL = 0.8

Part = Literal["all", "open book", "new business", "approved", "in process", "on order", "not on order"]
"""What of the cash: all of it; the open book is what is approved or in process, new business is on order or not."""
PARTS: tuple[Part, ...] = get_args(Part)
Span = Literal["sum", "week"]


@dataclass(frozen=True)
class Trial:
    """What was forecast on `origin` for `horizon` weeks ahead, and what came.

    `span` "sum" is all that falls in the weeks 1 to `horizon`, "week" what falls in that week alone. `point` is the
    forecast that errors are measured on. `known_on` is the first day on which the truth is known.
    """

    method: str
    part: Part
    span: Span
    origin: date
    horizon: int
    point: float
    quantiles: tuple[float, ...]
    actual: float

    @property
    def known_on(self) -> date:
        """The last day of the horizon."""
        return self.origin + timedelta(weeks=self.horizon)

    @property
    def stretch(self) -> float:
        """By how much the 80 % band would have to be stretched around the median to reach just the truth."""
        middle = self.quantiles[MEDIAN]
        end = self.quantiles[BANDS[80][1 if self.actual > middle else 0]]
        return abs(self.actual - middle) / max(abs(end - middle), 1e-9)


@dataclass(frozen=True)
class Score:
    """How the trials of one method, part, span and horizon did; shares of the actual amounts, MASE a ratio."""

    method: str
    part: Part
    span: Span
    horizon: int
    trials: int
    wape: float
    bias: float
    mase: float | None
    pinball: float
    coverage: Mapping[int, float]
    width_80: float


def pinball(quantiles: Sequence[float], actual: float) -> float:
    """Mean loss over QUANTILES, in the unit of the amounts."""
    loss = [max(q * (actual - f), (q - 1) * (actual - f)) for q, f in zip(QUANTILES, quantiles, strict=True)]
    return float(np.mean(loss))


def score(trials: Sequence[Trial], naive: Sequence[Trial] = ()) -> Score:
    """One score over trials of one method, part, span and horizon; `naive` are the same trials of last month."""
    first = trials[0]
    actual = np.array([trial.actual for trial in trials])
    error = np.array([trial.point for trial in trials]) - actual
    size = max(float(np.abs(actual).sum()), 1e-9)
    coverage = {
        level: float(np.mean([t.quantiles[low] <= t.actual <= t.quantiles[high] for t in trials]))
        for level, (low, high) in BANDS.items()
    }
    naive_error = float(np.mean([abs(t.point - t.actual) for t in naive])) if naive else 0.0
    low, high = BANDS[80]
    return Score(
        method=first.method,
        part=first.part,
        span=first.span,
        horizon=first.horizon,
        trials=len(trials),
        wape=float(np.abs(error).sum()) / size,
        bias=float(error.sum()) / size,
        mase=float(np.abs(error).mean()) / naive_error if naive_error > 0 else None,
        pinball=float(np.mean([pinball(t.quantiles, t.actual) for t in trials])) / (size / len(trials)),
        coverage=coverage,
        width_80=float(np.mean([t.quantiles[high] - t.quantiles[low] for t in trials])) / (size / len(trials)),
    )


def scores(trials: Iterable[Trial]) -> tuple[Score, ...]:
    """One score per method, part, span and horizon; none where no cash left at all, as nothing can be a share of it."""
    all_of = tuple(trials)
    groups = {key: [all_of[place] for place in places] for key, places in by_kind(all_of).items()}
    return tuple(
        score(group, groups.get(("last month, same week", *key[1:]), ()))
        for key, group in sorted(groups.items())
        if any(trial.actual for trial in group)
    )


def stretches(trials: Sequence[Trial], today: date) -> tuple[tuple[float, ...], float]:
    """The factor on the band of each of these trials, and the one on that of a forecast made `today`.

    Online quantile tracking (Gibbs and Candes 2021, adaptive conformal inference; Angelopoulos, Candes and Tibshirani
    2023), on the logarithm of the factor: it starts at 1, and each outcome, once it is known, moves it up if it fell
    outside the band that was shown then, else down by a quarter of that. Whatever the company does, the share inside
    is then driven to 80 %; nothing is assumed of how outcomes hang together. A factor knows only outcomes that had come
    by its day. Trials are of one method, part, span and horizon, in any order; factors come in theirs.
    """
    order = sorted(range(len(trials)), key=lambda place: trials[place].origin)
    known = [trials[place].known_on for place in order]
    factors = [1.0] * len(trials)
    levels = [0.0]
    low, high = (math.log(limit) for limit in STRETCH_LIMITS)

    def at(day: date) -> float:
        outcomes = bisect_right(known, day)
        for place in order[len(levels) - 1 : outcomes]:
            step = STRETCH_STEP * ((trials[place].stretch > factors[place]) - (1.0 - NOMINAL))
            levels.append(min(high, max(low, levels[-1] + step)))
        return math.exp(levels[outcomes])

    for place in order:
        factors[place] = at(trials[place].origin)
    return tuple(factors), at(today)


def widened(trial: Trial, factor: float) -> Trial:
    """The trial with its quantiles stretched around the median."""
    middle = trial.quantiles[MEDIAN]
    return replace(trial, quantiles=tuple(middle + (value - middle) * factor for value in trial.quantiles))


def calibrated(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Each trial stretched by what was known on its origin: earlier trials like it whose truth had come by then."""
    found = list(trials)
    for places in by_kind(trials).values():
        factors, _ = stretches([trials[place] for place in places], date.max)
        for place, factor in zip(places, factors, strict=True):
            found[place] = widened(trials[place], factor)
    return tuple(found)


def by_kind(trials: Sequence[Trial]) -> dict[tuple[str, Part, Span, int], list[int]]:
    """The places of the trials of each method, part, span and horizon."""
    groups: dict[tuple[str, Part, Span, int], list[int]] = {}
    for place, trial in enumerate(trials):
        groups.setdefault((trial.method, trial.part, trial.span, trial.horizon), []).append(place)
    return groups


def like(one: Trial, other: Trial) -> bool:
    """Same method, part, span and horizon."""
    return (one.method, one.part, one.span, one.horizon) == (other.method, other.part, other.span, other.horizon)


def banded(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Trials of a method that gives a point only, with bands from its own relative errors known on each origin."""
    found = []
    for trial in trials:
        ratio = [t.actual / t.point for t in trials if like(t, trial) and t.known_on <= trial.origin and t.point > 0]
        if len(ratio) >= ENOUGH:
            stretch = np.quantile(ratio, QUANTILES)
            found.append(replace(trial, quantiles=tuple((trial.point * stretch).tolist())))
        else:
            found.append(trial)
    return tuple(found)
