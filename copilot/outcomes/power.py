"""What a pilot could see: the whole verdict rehearsed on weeks in which nobody was treated.

The design is drawn anew many times on past weeks; what the verdict would have said is chance alone. With an effect
added to each of them, the share that says "effect" is the power; the least effect that reaches the power wanted is the
minimum detectable effect. No formula of variances stands between: clusters, uneven amounts and weeks that hang
together are in the weeks themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from copilot.outcomes.estimation import FEW_CLUSTERS, Residuals, clustered, student
from copilot.outcomes.panel import Floats

STEPS = 16
"""Halvings of the interval in which the least effect lies: it is known to a part in sixty thousand."""
LARGEST_TABLE = 2_000_000
"""Numbers that are worked on at once."""


class Rehearsals:
    """Effects that chance shows in `[rehearsal, unit]` draws, each judged against the same number of `others`."""

    def __init__(self, rest: Residuals, rehearsed: Floats, others: Floats, alpha: float) -> None:
        products = others @ rest.cross
        below = (products * others).sum(axis=1)
        parts = np.array_split(rehearsed, max(1, rehearsed.size * rest.weight.shape[1] // LARGEST_TABLE))
        found = [clustered(rest, part) for part in parts]
        self._effect: Floats = np.concatenate([effect for effect, _ in found])
        self._error: Floats = np.concatenate([error for _, error in found])
        self._chance: Floats = ((others @ rest.moment) / below)[:, None]
        self._share: Floats = (products @ rehearsed.T) / below[:, None]
        self._alpha = alpha
        self._reach = student(1 - alpha / 2, rest.clusters - 1) if rest.clusters >= FEW_CLUSTERS else 0.0

    def verdicts(self, effect: float) -> NDArray[np.bool_]:
        """For each rehearsal whether the verdict would be "effect", were the truth `effect`."""
        seen = np.abs(self._effect + effect)
        beyond = (np.abs(self._chance + effect * self._share) >= seen * (1 - 1e-12)).sum(axis=0)
        by_draws = (1 + beyond) / (1 + len(self._chance)) <= self._alpha
        found: NDArray[np.bool_] = by_draws & (seen > self._reach * self._error)
        return found

    def power(self, effect: float) -> float:
        """The share of rehearsals that would find an effect of that size, up or down."""
        return float(self.verdicts(effect).mean() + self.verdicts(-effect).mean()) / 2

    def least_effect(self, power: float) -> float | None:
        """The least effect that is found with that power; None where none is, however large."""
        far = max(float(np.abs(self._chance).max()), 1e-12)
        for _ in range(8):
            if self.power(far) >= power:
                break
            far *= 2
        else:
            return None
        near = 0.0
        for _ in range(STEPS):
            middle = (near + far) / 2
            near, far = (near, middle) if self.power(middle) >= power else (middle, far)
        return far
