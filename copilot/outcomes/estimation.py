"""What the pilot changed: difference-in-differences with supplier and week effects, and how sure that is.

    y[i, t] = supplier[i] + week[t] + effect x pilot[i] x after[t] + rest[i, t]        weighted by the panel's weights

Both sets of effects are taken out first (Frisch, Waugh and Lovell), so that one coefficient is left. Its standard error
is clustered by supplier (Liang and Zeger 1986) with the factor G/(G-1) x (N-1)/(N-K); supplier effects lie within
clusters and count as one constant in K (Cameron and Miller 2015). Beside it the assignment is drawn again as it was
drawn (Fisher 1935): the interval holds every effect that those draws cannot tell from the one seen.

`adjusted` is the same question with less noise: after against before by supplier, the slope learned from the data
(CUPED: Deng, Xu, Kohavi and Walker 2013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from copilot.outcomes.panel import Floats, Panel

Bools = NDArray[np.bool_]
FEW_CLUSTERS = 40
"""With fewer suppliers, clustered errors are too small; the draws alone are gone by."""
SINGULAR = 1e-10
"""Of the largest eigenvalue: smaller ones are zero. Week effects are known up to a constant only."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """A panel with everything taken out but the effect of the pilot.

    `treated` gives the residuals `[..., unit, week]` of assignments `[..., unit]`. `moment` and `cross` are numerator
    and denominator of the effect as forms in the assignment: effect = a.moment / a.cross.a, which makes thousands of
    draws one product of matrices.
    """

    weight: Floats
    outcome: Floats
    treated: Callable[[Floats], Floats]
    moment: Floats
    cross: Floats
    parameters: int

    @property
    def clusters(self) -> int:
        """Suppliers that tell something."""
        return len(self.moment)


@dataclass(frozen=True)
class Estimate:
    """The effect in the unit of the measure, its clustered error, and the interval that is told.

    `p` is the share of draws that show as much by chance; `clusters` is the number of suppliers.
    """

    effect: float
    error: float
    low: float
    high: float
    p: float
    clusters: int
    method: str

    @property
    def found(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def within_both(panel: Panel) -> Residuals:
    """The panel without supplier and week effects. Every unit must be known both before and after."""
    weight, rows = panel.weight, panel.weight.sum(axis=1, keepdims=True)
    columns = weight.sum(axis=0)
    inverse = np.linalg.pinv(np.diag(columns) - (weight / rows).T @ weight, rtol=SINGULAR, hermitian=True)

    def centred(values: Floats) -> Floats:
        found: Floats = values - (weight * values).sum(axis=-1, keepdims=True) / rows
        return found

    def without_weeks(values: Floats) -> Floats:
        weeks = (weight * values).sum(axis=-2) @ inverse
        found: Floats = values - centred(np.broadcast_to(weeks[..., None, :], values.shape))
        return found

    def treated(assigned: Floats) -> Floats:
        return without_weeks(centred(assigned[..., None] * panel.post))

    outcome = without_weeks(centred(panel.value))
    share = weight[:, panel.post].sum(axis=1, keepdims=True) / rows
    columns_of = weight * (panel.post[None, :] - share)
    cross = np.diag((weight * (panel.post[None, :] - share) ** 2).sum(axis=1)) - columns_of @ inverse @ columns_of.T
    moment = (weight * outcome)[:, panel.post].sum(axis=1)
    return Residuals(weight, outcome, treated, moment, cross, 1 + int((columns > 0).sum()))


def adjusted(panel: Panel) -> Residuals:
    """After the start by supplier, less what before tells of it, one value and weight for each supplier."""
    value, weight, post = panel.value, panel.weight, panel.post
    after = weight[:, post].sum(axis=1)
    y = (value * weight)[:, post].sum(axis=1) / after
    before = (value * weight)[:, ~post].sum(axis=1) / weight[:, ~post].sum(axis=1)
    known = np.column_stack([np.ones_like(before), before])
    inverse = np.linalg.pinv(known.T @ (known * after[:, None]), rtol=SINGULAR, hermitian=True)

    def rest(values: Floats) -> Floats:
        found: Floats = values - (after * values) @ known @ inverse @ known.T
        return found[..., None]

    outcome = rest(y)
    weighted = known * after[:, None]
    return Residuals(
        after[:, None], outcome, rest, after * outcome[:, 0], np.diag(after) - weighted @ inverse @ weighted.T, 3
    )


def clustered(rest: Residuals, assigned: Floats) -> tuple[Floats, Floats]:
    """Effect and clustered error of an assignment (`[..., unit]`, 1 pilot, 0 holdout), for each of its leading axes."""
    treated = rest.treated(assigned)
    below = (rest.weight * treated**2).sum(axis=(-2, -1))
    effect = (rest.weight * treated * rest.outcome).sum(axis=(-2, -1)) / below
    scores = (rest.weight * treated * (rest.outcome - effect[..., None, None] * treated)).sum(axis=-1)
    count, groups = int((rest.weight > 0).sum()), rest.clusters
    factor = groups / (groups - 1) * (count - 1) / (count - rest.parameters)
    return effect, np.sqrt(factor * (scores**2).sum(axis=-1)) / below


def student(level: float, freedom: int) -> float:
    """The quantile of Student's t (Cornish-Fisher; off by less than 1e-4 from 20 degrees of freedom on)."""
    z = NormalDist().inv_cdf(level)
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + terms[0] / freedom + terms[1] / freedom**2 + terms[2] / freedom**3


@dataclass(frozen=True, eq=False)
class Draws:
    """What other draws would show.

    `chance` are their effects on the data as it is, `share` how much of an effect of the real assignment they pick up.
    """

    chance: Floats
    share: Floats

    @classmethod
    def of(cls, rest: Residuals, assigned: Floats, others: Floats) -> Draws:
        """Of the assignment and `[draw, unit]` others."""
        products = others @ rest.cross
        below = (products * others).sum(axis=1)
        return cls((others @ rest.moment) / below, (products @ assigned) / below)

    def p(self, effect: float, if_true: float) -> float:
        """How often a draw is as far from an assumed effect as the one seen; the one seen counts as a draw."""
        seen = np.abs(self.chance - if_true * self.share) >= abs(effect - if_true) * (1 - 1e-12)
        return (1 + int(seen.sum())) / (1 + len(seen))

    def interval(self, effect: float, alpha: float) -> tuple[float, float]:
        """Every effect that is not refuted; without an end where the draws are too few to end it."""
        return self._end(effect, alpha, -1), self._end(effect, alpha, 1)

    def _end(self, effect: float, alpha: float, side: int) -> float:
        step = float(np.abs(self.chance).max()) or 1e-12
        far = next(
            (step * 2**power for power in range(12) if self.p(effect, effect + side * step * 2**power) <= alpha), 0
        )
        if not far:
            return side * float("inf")
        near = 0.0
        for _ in range(40):
            middle = (near + far) / 2
            near, far = (middle, far) if self.p(effect, effect + side * middle) > alpha else (near, middle)
        return effect + side * far


def estimate(rest: Residuals, assigned: Floats, others: Floats, alpha: float) -> Estimate:
    """The effect with the interval that is told: by the draws, and never narrower than the clustered one."""
    effect, error = (float(one) for one in clustered(rest, assigned))
    draws = Draws.of(rest, assigned, others)
    low, high = draws.interval(effect, alpha)
    method = "assignment drawn again"
    if rest.clusters >= FEW_CLUSTERS:
        reach = student(1 - alpha / 2, rest.clusters - 1) * error
        low, high = min(low, effect - reach), max(high, effect + reach)
        method = "clustered by supplier, and assignment drawn again"
    return Estimate(effect, error, low, high, draws.p(effect, 0.0), rest.clusters, method)
