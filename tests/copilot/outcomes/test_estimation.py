"""The estimate against computations of another kind: dummies for everything, and the sandwich by its textbook formula."""

from __future__ import annotations

import numpy as np
import pytest

from copilot.outcomes.estimation import Draws, adjusted, clustered, estimate, student, within_both
from copilot.outcomes.panel import Floats, Panel


def uneven_panel(units: int = 25, weeks: int = 9, seed: int = 4, effect: float = 0.0) -> tuple[Panel, Floats]:
    """A panel with holes, uneven weights and errors that hang together within a unit; the first third is held out."""
    random = np.random.default_rng(seed)
    weight = np.exp(random.normal(0, 1, (units, weeks))) * (random.random((units, weeks)) < 0.8)
    weight[:, [0, -1]] = 1.0
    post = np.arange(weeks) >= 5
    assigned = (np.arange(units) >= units // 3).astype(np.float64)
    value = random.normal(0, 1, (units, 1)) + random.normal(0, 1, weeks) + random.normal(0, 1, (units, weeks)).cumsum(1)
    return Panel(value + effect * assigned[:, None] * post, weight, post), assigned


def by_dummies(panel: Panel, assigned: Floats) -> tuple[float, float]:
    """Weighted least squares on one dummy for each unit and week, and the clustered sandwich over all of its columns."""
    rows = [
        (g, t) for g in range(panel.weight.shape[0]) for t in range(panel.weight.shape[1]) if panel.weight[g, t] > 0
    ]
    units, weeks = panel.weight.shape
    x = np.zeros((len(rows), 1 + units + weeks - 1))
    y, w, cluster = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), dtype=int)
    for at, (g, t) in enumerate(rows):
        x[at, 0] = assigned[g] * panel.post[t]
        x[at, 1 + g] = 1
        if t:
            x[at, units + t] = 1
        y[at], w[at], cluster[at] = panel.value[g, t], panel.weight[g, t], g
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    beta = bread @ (x.T @ (w * y))
    scores = x * (w * (y - x @ beta))[:, None]
    sums = np.array([scores[cluster == g].sum(axis=0) for g in range(units)])
    own = x.shape[1] - units + 1  # dummies of units lie within clusters: one constant counts for all
    factor = units / (units - 1) * (len(rows) - 1) / (len(rows) - own)
    variance = factor * bread @ (sums.T @ sums) @ bread
    return float(beta[0]), float(np.sqrt(variance[0, 0]))


@pytest.mark.parametrize("seed", range(5))
def test_effect_and_clustered_error_equal_dummies_and_sandwich(seed: int) -> None:
    """Taking the effects out first gives the coefficient and the error that all dummies together give."""
    panel, assigned = uneven_panel(seed=seed, effect=0.7)
    effect, error = clustered(within_both(panel), assigned)
    expected = by_dummies(panel, assigned)
    assert (float(effect), float(error)) == pytest.approx(expected, rel=1e-9)


def test_the_adjusted_estimate_is_a_regression_on_the_weeks_before() -> None:
    """With the mean before as a regressor, weighted by what is measured after."""
    panel, assigned = uneven_panel()
    before, after = ~panel.post, panel.post
    y = np.average(panel.value[:, after], axis=1, weights=panel.weight[:, after])
    known = np.average(panel.value[:, before], axis=1, weights=panel.weight[:, before])
    root = np.sqrt(panel.weight[:, after].sum(axis=1))
    columns = np.column_stack([assigned, np.ones_like(y), known])
    expected = np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0][0]
    assert float(clustered(adjusted(panel), assigned)[0]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("form", [within_both, adjusted])
def test_draws_in_bulk_equal_estimates_one_by_one(form: object) -> None:
    """The quadratic form gives for every draw what the estimate gives for it."""
    panel, assigned = uneven_panel()
    rest = within_both(panel) if form is within_both else adjusted(panel)
    others = np.random.default_rng(1).permuted(np.tile(assigned, (6, 1)), axis=1)
    one_by_one = [float(clustered(rest, other)[0]) for other in others]
    assert Draws.of(rest, assigned, others).chance == pytest.approx(one_by_one, rel=1e-9)
    assert clustered(rest, others)[0] == pytest.approx(one_by_one, rel=1e-9)


def test_the_interval_by_draws_ends_where_the_test_ends() -> None:
    """Effects just inside are not refuted at the level, effects just outside are."""
    panel, assigned = uneven_panel(effect=1.0)
    rest = within_both(panel)
    others = np.random.default_rng(2).permuted(np.tile(assigned, (499, 1)), axis=1)
    draws = Draws.of(rest, assigned, others)
    effect = float(clustered(rest, assigned)[0])
    low, high = draws.interval(effect, 0.05)
    width = high - low
    assert low < effect < high
    assert draws.p(effect, low + 0.001 * width) > 0.05
    assert draws.p(effect, high - 0.001 * width) > 0.05
    assert draws.p(effect, low - 0.001 * width) <= 0.05
    assert draws.p(effect, high + 0.001 * width) <= 0.05


def test_few_suppliers_are_judged_by_the_draws_alone() -> None:
    """Below forty clusters the interval is that of the draws; from forty on it is never narrower than the clustered."""
    few, assigned = uneven_panel(units=25)
    others = np.random.default_rng(3).permuted(np.tile(assigned, (199, 1)), axis=1)
    rest = within_both(few)
    found = estimate(rest, assigned, others, 0.05)
    assert found.method == "assignment drawn again"
    assert (found.low, found.high) == Draws.of(rest, assigned, others).interval(found.effect, 0.05)
    many, assigned = uneven_panel(units=45)
    others = np.random.default_rng(3).permuted(np.tile(assigned, (199, 1)), axis=1)
    found = estimate(within_both(many), assigned, others, 0.05)
    reach = student(0.975, 44) * found.error
    assert found.low <= found.effect - reach
    assert found.high >= found.effect + reach


@pytest.mark.parametrize(
    ("level", "freedom", "quantile"), [(0.975, 39, 2.02269), (0.975, 120, 1.97993), (0.995, 60, 2.66028)]
)
def test_the_quantile_of_student(level: float, freedom: int, quantile: float) -> None:
    """Against printed tables."""
    assert student(level, freedom) == pytest.approx(quantile, abs=2e-5)
