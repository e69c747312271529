"""Would it have been right?

The same walk from past days, knowing only what was known then, scored against what followed.

Rolling origin: at each origin the ledger is cut back to documents recognised and payments made by then; the truth at
a horizon is the ledger as it stood that many days later. The naive baseline says that DPO stays where it is.

    python -m copilot.forecasting.backtest --mirror .tenor/mirror
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np

from copilot.forecasting.ledger import Ledger
from copilot.forecasting.record_reading import Rows, read_ledger
from copilot.forecasting.roll_forward import walk
from semantic_layer import SemanticLayer, SemanticLayerError
from semantic_layer.query import Filter

HORIZONS = (30, 60, 90)
BAND = (0.1, 0.9)
NOMINAL = 0.8
HISTORY_NEEDED = 180
"""Days of history an origin must have behind it."""


@dataclass(frozen=True)
class Trial:
    """One forecast and what came of it: DPO in days. `last_value` is DPO on the origin, the naive forecast."""

    origin: date
    horizon: int
    low: float
    median: float
    high: float
    last_value: float
    actual: float

    @property
    def inside(self) -> bool:
        """Whether the truth fell in the band."""
        return self.low <= self.actual <= self.high

    @property
    def stretch(self) -> float:
        """By how much the band would have to be stretched around its median to reach just the truth (1 = its edge)."""
        reach = self.high - self.median if self.actual > self.median else self.median - self.low
        return abs(self.actual - self.median) / max(reach, 1e-9)


@dataclass(frozen=True)
class Score:
    """How the trials of one horizon did: days of DPO, and shares.

    `skill` is 1 - error / naive error (above 0: better).
    """

    horizon: int
    trials: int
    coverage: float
    mean_absolute_error: float
    bias: float
    band_width: float
    naive_error: float
    skill: float
    stretch: float
    """The factor on the band that would have covered the nominal share of these trials."""


def origins(
    ledger: Ledger, last_day: date, every: int = 7, count: int = 26, horizon: int = HORIZONS[-1]
) -> tuple[date, ...]:
    """The latest `count` origins, `every` days apart, whose `horizon` lies within the data; oldest first."""
    if not len(ledger):
        return ()
    first = date.fromordinal(int(ledger.recognised_day.min())) + timedelta(days=HISTORY_NEEDED)
    candidates = [last_day - timedelta(days=horizon + every * step) for step in range(count)]
    return tuple(day for day in reversed(candidates) if day >= first)


def run(
    ledger: Ledger,
    starts: Sequence[date],
    horizons: Sequence[int] = HORIZONS,
    paths: int = 500,
    seed: int = 1,
) -> tuple[Trial, ...]:
    """A trial per origin and horizon.

    Horizons are days, ascending; trials without purchases on either side are left out.
    """
    found: list[Trial] = []
    for origin in starts:
        grid = [origin + timedelta(days=days) for days in horizons]
        dpo = walk(ledger, origin, grid, paths, seed).dpo
        last_value = ledger.balance(origin).dpo
        for column, days in enumerate(horizons, start=1):
            actual = ledger.balance(grid[column - 1]).dpo
            low, median, high = np.nanquantile(dpo[:, column], (BAND[0], 0.5, BAND[1])).tolist()
            if actual is not None and last_value is not None:
                found.append(Trial(origin, days, low, median, high, float(last_value), float(actual)))
    return tuple(found)


def scores(trials: Iterable[Trial]) -> tuple[Score, ...]:
    """One score per horizon, shortest first."""
    by_horizon: dict[int, list[Trial]] = {}
    for trial in trials:
        by_horizon.setdefault(trial.horizon, []).append(trial)
    return tuple(_score(horizon, group) for horizon, group in sorted(by_horizon.items()))


def _score(horizon: int, trials: Sequence[Trial]) -> Score:
    error = np.array([trial.median - trial.actual for trial in trials])
    naive = np.array([trial.last_value - trial.actual for trial in trials])
    naive_error = float(np.abs(naive).mean())
    own_error = float(np.abs(error).mean())
    return Score(
        horizon=horizon,
        trials=len(trials),
        coverage=float(np.mean([trial.inside for trial in trials])),
        mean_absolute_error=own_error,
        bias=float(error.mean()),
        band_width=float(np.mean([trial.high - trial.low for trial in trials])),
        naive_error=naive_error,
        skill=1.0 - own_error / naive_error if naive_error > 0 else 0.0,
        stretch=widening(trials, at_least=0.0),
    )


def widening(trials: Sequence[Trial], at_least: float = 1.0) -> float:
    """The factor that stretches bands until the nominal share of these trials lies inside (split conformal).

    Never below `at_least`: a lucky history does not narrow a band. With fewer than five trials nothing can be said: 1.
    """
    if len(trials) < 5:
        return max(1.0, at_least)
    ordered = sorted(trial.stretch for trial in trials)
    rank = min(len(ordered), int(np.ceil(NOMINAL * (len(ordered) + 1))))
    return max(at_least, ordered[rank - 1])


@dataclass(frozen=True)
class Backtest:
    """Origins, what was forecast from each, and the scores per horizon (none of all three with too little history)."""

    origins: tuple[date, ...]
    trials: tuple[Trial, ...]
    scores: tuple[Score, ...]

    def report(self) -> str:
        """The scores as a plain table."""
        if not self.scores:
            return (
                f"Too little history for a back-test: an origin needs {HISTORY_NEEDED} days behind it"
                " and the longest horizon ahead of it."
            )
        lines = [
            f"{len(self.origins)} origins, {self.origins[0]} to {self.origins[-1]}; days of DPO",
            "horizon  trials  coverage 10-90    MAE   bias  band width  naive MAE  skill  stretch for 80 %",
        ]
        lines += [
            f"{s.horizon:>5} d  {s.trials:>6}  {s.coverage:>14.0%}  {s.mean_absolute_error:>5.2f}  {s.bias:>+5.2f}"
            f"  {s.band_width:>10.2f}  {s.naive_error:>9.2f}  {s.skill:>+5.2f}  {s.stretch:>16.2f}"
            for s in self.scores
        ]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Scores and every trial as JSON."""
        content = {"scores": [asdict(s) for s in self.scores], "trials": [asdict(t) for t in self.trials]}
        return json.dumps(content, default=str, indent=2)


def backtest(
    layer: Rows,
    filters: tuple[Filter, ...] = (),
    every: int = 7,
    count: int = 26,
    paths: int = 500,
    seed: int = 1,
) -> Backtest:
    """Back-test projected DPO on what a semantic layer holds, for the documents that match `filters`."""
    ledger = read_ledger(layer, filters)
    starts = origins(ledger, layer.data_date, every, count)
    trials = run(ledger, starts, paths=paths, seed=seed)
    return Backtest(starts, trials, scores(trials))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the back-test on a mirror and print the scores."""
    parser = argparse.ArgumentParser(prog="python -m copilot.forecasting.backtest", description=main.__doc__)
    parser.add_argument("--mirror", default=".tenor/mirror", help="folder, pointer or file (default .tenor/mirror)")
    parser.add_argument("--origins", type=int, default=26, help="how many past days to start from (default 26)")
    parser.add_argument("--every", type=int, default=7, help="days between two origins (default 7)")
    parser.add_argument("--paths", type=int, default=500, help="simulated paths per origin (default 500)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers (default 1)")
    parser.add_argument("--json", action="store_true", help="print the scores and every trial as JSON")
    chosen = parser.parse_args(arguments)
    try:
        layer = SemanticLayer.load(chosen.mirror)
        found = backtest(layer, every=chosen.every, count=chosen.origins, paths=chosen.paths, seed=chosen.seed)
    except SemanticLayerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write((found.to_json() if chosen.json else found.report()) + "\n")
    return 0 if found.scores else 1


if __name__ == "__main__":
    sys.exit(main())
