"""Would the outflow forecast have been right? Rolling origins on the knowledge clock, against three simple rules.

At each origin the book is cut back to what was known, everything is learned anew, and the weeks ahead are forecast. The
truth is the cash that then left, on documents known at the origin ("open book": owed or in process) and on others ("new
business"). Bands are widened or narrowed by earlier origins whose truth had come by then, never by what came later; the
first origins only serve that purpose, all others are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.baselines import weekly_baselines
from copilot.forecasting.book import Book
from copilot.forecasting.cash_paths import LAYERS, learn_model, simulate_cash
from copilot.forecasting.trials import (
    QUANTILES,
    Part,
    Score,
    Span,
    Trial,
    banded,
    by_kind,
    calibrated,
    scores,
    stretches,
)

Floats = NDArray[np.float64]

OURS = "tenor"
HORIZONS = (1, 2, 4, 8, 13)
HISTORY_NEEDED = 182
"""Days of history an origin must have behind it."""
FEWEST_SCORED = 26
WARM_UP = 26
"""Origins that only calibrate, if enough of them are left to score."""
MOST_ORIGINS = 104


@dataclass(frozen=True)
class OutflowBacktest:
    """Scored origins, their trials (ours and the baselines') and the scores; `factors` widen a forecast made today."""

    origins: tuple[date, ...]
    trials: tuple[Trial, ...]
    scores: tuple[Score, ...]
    factors: Mapping[tuple[Part, Span, int], float]

    def score(self, method: str = OURS, part: Part = "all", span: Span = "sum", horizon: int = 4) -> Score | None:
        """One of the scores, None when nothing was scored."""
        wanted = (method, part, span, horizon)
        return next((s for s in self.scores if (s.method, s.part, s.span, s.horizon) == wanted), None)

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the baselines."""
        return tuple(sorted({s.method for s in self.scores} - {OURS}))


def origins_of(
    book: Book, last_day: date, count: int, every: int = 7, history: int = HISTORY_NEEDED
) -> tuple[date, ...]:
    """The latest `count` origins, `every` days apart, whose longest horizon lies within the data; oldest first."""
    first = book.first_day()
    if first == 0:
        return ()
    reach = 7 * HORIZONS[-1]
    days = (last_day - timedelta(days=reach + every * step) for step in range(count))
    return tuple(day for day in reversed(list(days)) if day.toordinal() >= first + history)


def backtest_outflow(
    book: Book,
    last_day: date,
    *,
    scored: int | None = None,
    warm_up: int = WARM_UP,
    paths: int = 500,
    seed: int = 1,
    history: int = HISTORY_NEEDED,
    progress: Callable[[int, int], None] | None = None,
) -> OutflowBacktest:
    """Back-test on weekly origins: the latest `scored`, or all but the first `warm_up`, which only calibrate.

    Overlapping spans of four weeks say little each: the more origins, the surer what is found. Each has `history` days
    behind it. `progress` is told (origins done, origins in all). Empty when there is too little history.
    """
    # Documents rejected since are left out of the book from the start: no share of them may be taken off again.
    book = replace(book, withdrawn_share=0.0)
    starts = origins_of(book, last_day, MOST_ORIGINS if scored is None else scored + warm_up, history=history)
    found: list[Trial] = []
    for place, origin in enumerate(starts):
        found += trials_at(book, origin, paths, seed)
        if progress is not None:
            progress(place + 1, len(starts))
    ours = calibrated([trial for trial in found if trial.method == OURS])
    others = banded([trial for trial in found if trial.method != OURS])
    wanted = max(FEWEST_SCORED, len(starts) - warm_up) if scored is None else scored
    kept = frozenset(starts[-wanted:])
    trials = tuple(trial for trial in (*ours, *others) if trial.origin in kept)
    return OutflowBacktest(tuple(sorted(kept)), trials, scores(trials), _factors(found, last_day))


def _factors(raw: Sequence[Trial], day: date) -> dict[tuple[Part, Span, int], float]:
    return {
        key[1:]: stretches([raw[place] for place in places], day)[1]
        for key, places in by_kind(raw).items()
        if key[0] == OURS
    }


def trials_at(book: Book, origin: date, paths: int, seed: int) -> list[Trial]:
    """All trials of one origin: ours and the baselines', by part, span and horizon, not yet calibrated."""
    weeks = HORIZONS[-1]
    model = learn_model(book, origin)
    simulated = simulate_cash(model, 7 * weeks, paths, seed)
    by_week = {name: cash.reshape(paths, weeks, 7).sum(axis=2) for name, cash in simulated.layers.items()}
    known = by_week["approved"] + by_week["in process"]
    on_order = by_week["received not invoiced"] + by_week["ordered"]
    to_come = sum((by_week[name] for name in LAYERS[2:]), np.zeros_like(known))
    ours: dict[Part, Floats] = {"all": known + to_come, "open book": known, "new business": to_come}
    ours |= {"approved": by_week["approved"], "in process": by_week["in process"]}
    if model.book.orders is not None:
        ours |= {"on order": on_order, "not on order": to_come - on_order}
    actual = actual_weeks(book, origin, weeks)
    found = []
    for part, cash in ours.items():
        found += _trials(OURS, part, origin, cash, actual[part])
    for method, (open_cash, new_cash) in weekly_baselines(model.book, origin.toordinal(), weeks).items():
        parts: dict[Part, Floats] = {"all": open_cash + new_cash}
        if new_cash.any():
            parts |= {"open book": open_cash, "new business": new_cash}
        for part, cash in parts.items():
            found += _trials(method, part, origin, cash[None, :], actual[part])
    return found


def actual_weeks(book: Book, origin: date, weeks: int) -> dict[Part, Floats]:
    """The cash that left in each of the weeks after an origin, by part: by what was known of the document then."""
    today = origin.toordinal()
    week = (book.paid_day - today - 1) // 7
    inside = (week >= 0) & (week < weeks)
    known = np.minimum(book.received_day, np.where(book.recognised_day > 0, book.recognised_day, 2**40)) <= today
    approved = (book.recognised_day > 0) & (book.recognised_day <= today)
    on_order = ~known & (book.ordered_day > 0) & (book.ordered_day <= today)

    def added(documents: NDArray[np.bool_]) -> Floats:
        chosen = inside & documents[book.paid_row]
        return np.bincount(week[chosen], weights=book.paid[chosen], minlength=weeks).astype(np.float64)

    return {
        "all": added(np.ones_like(known)),
        "open book": added(known),
        "new business": added(~known),
        "approved": added(approved),
        "in process": added(known & ~approved),
        "on order": added(on_order),
        "not on order": added(~known & ~on_order),
    }


def _trials(method: str, part: Part, origin: date, cash: Floats, actual: Floats) -> list[Trial]:
    """Trials of one origin from weekly cash `[path, week]` (one path: a rule that gives a point)."""
    found = []
    running, total = np.cumsum(cash, axis=1), np.cumsum(actual)
    for horizon in HORIZONS:
        spans: tuple[tuple[Span, Floats, float], ...] = (
            ("sum", running[:, horizon - 1], float(total[horizon - 1])),
            ("week", cash[:, horizon - 1], float(actual[horizon - 1])),
        )
        for span, values, truth in spans:
            quantiles = tuple(np.quantile(values, QUANTILES).tolist())
            found.append(Trial(method, part, span, origin, horizon, float(values.mean()), quantiles, truth))
    return found
