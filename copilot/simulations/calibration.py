"""What a back-test says about the forecasts of today: by how much to stretch their bands, and how often bands held.

Both depend on how far ahead a forecast looks, so both are kept by horizon in weeks: of everything up to a week ("sum")
and of one week alone ("week"). Between horizons the stretch is interpolated; the coverage told is that of the nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from copilot.forecasting.trials import Span

DAYS = 7


@dataclass(frozen=True)
class BandStretch:
    """Factors on the distance of a band's ends from its median, by horizon in weeks; without any it is 1."""

    sums: tuple[tuple[int, float], ...] = ()
    weeks: tuple[tuple[int, float], ...] = ()

    @classmethod
    def constant(cls, factor: float) -> BandStretch:
        """The same factor everywhere."""
        return cls(((1, factor),), ((1, factor),))

    @classmethod
    def of(cls, factors: Mapping[tuple[Span, int], float]) -> BandStretch:
        """Factors by span and horizon."""
        found = {
            span: tuple(sorted((weeks, factor) for (which, weeks), factor in factors.items() if which == span))
            for span in ("sum", "week")
        }
        return cls(found["sum"], found["week"])

    def between(self, first: int, last: int) -> float:
        """The factor for everything from `first` to `last`, days ahead (1 is tomorrow)."""
        return _at(self.sums if first <= 1 else self.weeks, last)

    def until(self, day: int) -> float:
        """The factor for everything from tomorrow to `day` days ahead."""
        return self.between(1, day)

    def content(self) -> dict[str, dict[str, float]]:
        """As plain values: span, horizon in weeks, factor."""
        return {"sum": {str(w): f for w, f in self.sums}, "week": {str(w): f for w, f in self.weeks}}


def _at(factors: tuple[tuple[int, float], ...], day: int) -> float:
    if not factors:
        return 1.0
    return float(np.interp(day, [DAYS * weeks for weeks, _ in factors], [factor for _, factor in factors]))


AS_SIMULATED = BandStretch()


@dataclass(frozen=True)
class Coverage:
    """How often past forecasts of this kind were right; `sentence` stands under every forecast.

    `weeks` is how far they looked ahead; the rest are shares, None when nothing was measured.
    """

    sentence: str
    origins: int
    weeks: int | None = None
    coverage_80: Decimal | None = None
    wape: Decimal | None = None
    bias: Decimal | None = None


UNMEASURED = Coverage("Not measured on this mirror yet: run `tenor backtest`.", 0)


@dataclass(frozen=True)
class Calibration:
    """What a back-test found: by how much to stretch bands, and how often past bands held, by horizon in weeks."""

    stretch: BandStretch
    measured: Mapping[int, Coverage] = field(default_factory=dict)

    def coverage(self, days: int) -> Coverage:
        """How often forecasts of about this many days were right: those of the nearest horizon that was measured."""
        if not self.measured:
            return UNMEASURED
        return self.measured[min(self.measured, key=lambda weeks: (abs(DAYS * weeks - days), weeks))]


UNCALIBRATED = Calibration(AS_SIMULATED)
