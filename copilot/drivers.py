"""Why a figure changed, or differs: what each group and each part contributes, adding up to the difference exactly.

    additive figures         group's figure now less before
    balance over a flow      numerator and denominator apart, both orders averaged (Shapley), each by group
    averages and rates       rate (the group's own figure moved) and mix (its weight moved), both orders averaged

For a ratio R = k A / B with A and B sums over groups g, where 0 is before and 1 is now:

    effect of A from g   k (A1g - A0g) (1/B0 + 1/B1) / 2
    effect of B from g   -k (A0 + A1) (B1g - B0g) / (2 B0 B1)

    rate of g            (w0 + w1) (r1 - r0) / 2                  w = share of B, r = k Ag / Bg
    mix of g             (w1 - w0) (r0 + r1 - R0 - R1) / 2

Both pairs add up to R1 - R0 over the groups; the sums of the averaged marginal effects are exact, not approximate.
These are arithmetic contributions. They name no cause beyond that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

import sqlglot
from sqlglot import exp

from copilot.planning.plan import WhyPlan
from copilot.wording.figures import decimal_of
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.query import MetricQuery
from semantic_layer.results import ResultSet

ZERO = Decimal(0)
APART_BY = ("buying_entity", "category", "supplier")
"""Dimensions by which a change is taken apart when none is named."""
ACROSS = ("category", "supplier", "buying_entity")
"""The same for a group against the whole: entities lie inside regions, so they would tell nothing."""
CENT = Decimal("0.01")
TOLERANCE = Decimal("0.005")
"""How far contributions may miss the difference: half a cent, or half a hundredth of a day."""


@dataclass(frozen=True)
class Contribution:
    """What one group adds to a difference: its own figure before and now, and its effects in the figure's unit."""

    group: str
    before: Decimal | None
    now: Decimal | None
    effects: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        """All effects of the group."""
        return sum(self.effects, ZERO)


@dataclass(frozen=True)
class Decomposition:
    """A difference and what it is made of, the largest contributions first."""

    before: Decimal
    now: Decimal
    effects: tuple[str, ...]
    """What the effects of every contribution are called, in order."""
    contributions: tuple[Contribution, ...]
    rounding: Decimal = ZERO
    """What rounding every group to the cent lost or gained; it is in the largest contribution."""

    @property
    def difference(self) -> Decimal:
        """Now less before."""
        return self.now - self.before

    @property
    def residual(self) -> Decimal:
        """What the contributions miss of the difference: rounding, and nothing else when they add up."""
        return self.difference - sum((c.total for c in self.contributions), ZERO)

    @property
    def adds_up(self) -> bool:
        """Whether the contributions add up to the difference."""
        return abs(self.residual) <= TOLERANCE

    def effect(self, at: int) -> Decimal:
        """One effect over all groups."""
        return sum((c.effects[at] for c in self.contributions), ZERO)


@dataclass(frozen=True)
class NotDecomposable:
    """Why a difference has no such parts."""

    reason: str


@dataclass(frozen=True)
class Ratio:
    """A metric's formula as factor x numerator / denominator, by the names of its parts."""

    numerator: str
    denominator: str
    factor: Decimal


def ratio_of(metric: Metric) -> Ratio | None:
    """The metric's formula as a ratio of two sums, or None."""
    if metric.kind != "ratio":
        return None
    tree = sqlglot.parse_one(metric.formula)
    division = tree.find(exp.Div)
    if division is None or not all(isinstance(side, exp.Column) for side in (division.this, division.expression)):
        return None
    factor, rest = Decimal(1), tree
    while isinstance(rest, exp.Mul):
        sides = (rest.this, rest.expression)
        number, rest = sides if isinstance(sides[0], exp.Literal) else sides[::-1]
        if not isinstance(number, exp.Literal):
            return None
        factor *= Decimal(str(number.this))
    return Ratio(division.this.name, division.expression.name, factor) if rest is division else None


def decompose(
    metric: Metric, dimension: str, before: ResultSet, now: ResultSet, *, nested: bool = False
) -> Decomposition | NotDecomposable:
    """The difference of two results of one metric, both grouped by the same dimension.

    `nested` says that one side is a part of the other: then only rates and mix can be told apart.
    """
    if nested and metric.additive:
        return NotDecomposable("a part of a sum is smaller than the sum, and that is all there is to say")
    totals = decimal_of(before.total[metric.name]), decimal_of(now.total[metric.name])
    if totals[0] is None or totals[1] is None:
        return NotDecomposable("it has no value on one of the two sides")
    if before.truncated or now.truncated:
        return NotDecomposable("there are too many groups to show all of them")
    old, new = _by_group(before, dimension), _by_group(now, dimension)
    if metric.additive:
        groups = sorted(old.keys() | new.keys())
        changes = [_additive(group, metric.name, old.get(group, {}), new.get(group, {})) for group in groups]
        return _ranked(totals[0], totals[1], ("Change",), changes)
    return _of_ratio(metric, totals[0], totals[1], (old, new), by_parts=metric.time_role == "as_of" and not nested)


def _of_ratio(
    metric: Metric, before: Decimal, now: Decimal, cells: tuple[Groups, Groups], *, by_parts: bool
) -> Decomposition | NotDecomposable:
    ratio = ratio_of(metric)
    if ratio is None:
        return NotDecomposable("a median or a count of distinct things is not a sum of parts")
    sides = _Sides(metric.name, ratio, *cells)
    if sides.reason is not None:
        return NotDecomposable(sides.reason)
    if by_parts:
        return _ranked(before, now, (ratio.numerator, ratio.denominator), [sides.parts(g) for g in sides.groups])
    return _ranked(before, now, ("rate", "mix"), [sides.rate_and_mix(g) for g in sides.groups])


def _ranked(before: Decimal, now: Decimal, effects: tuple[str, ...], found: Sequence[Contribution]) -> Decomposition:
    ranked = tuple(sorted(found, key=lambda c: (-abs(c.total), c.group)))
    return _without_rounding(Decomposition(before, now, effects, ranked))


def _without_rounding(found: Decomposition) -> Decomposition:
    """Groups come rounded to the cent, so their sum may miss by some cents: those go to the largest."""
    cents = found.residual
    if len(found.effects) > 1 or not found.contributions or not 0 < abs(cents) <= CENT * len(found.contributions):
        return found
    first, *others = found.contributions
    adjusted = replace(first, effects=(first.effects[0] + cents,))
    return replace(found, contributions=(adjusted, *others), rounding=cents)


Cells = Mapping[str, Decimal | None]
Groups = Mapping[str, Cells]


def _by_group(result: ResultSet, dimension: str) -> dict[str, Cells]:
    return {
        str(row[dimension]): {name: decimal_of(value) for name, value in row.items() if name != dimension}
        for row in result.records()
    }


def _additive(group: str, name: str, old: Cells, new: Cells) -> Contribution:
    before, now = old.get(name), new.get(name)
    return Contribution(group, before, now, ((now or ZERO) - (before or ZERO),))


class _Sides:
    """The two sides of a ratio: its sums by group, before (0) and now (1)."""

    def __init__(self, name: str, ratio: Ratio, old: Mapping[str, Cells], new: Mapping[str, Cells]) -> None:
        self._name, self._ratio, self._cells = name, ratio, (old, new)
        self._a = [sum((self._numerator(side, group) for group in self._cells[side]), ZERO) for side in (0, 1)]
        self._b = [sum((self._denominator(side, group) for group in self._cells[side]), ZERO) for side in (0, 1)]

    @property
    def groups(self) -> list[str]:
        """The groups of either side."""
        return sorted(self._cells[0].keys() | self._cells[1].keys())

    @property
    def reason(self) -> str | None:
        """Why the ratio does not come apart, or None."""
        if not any(self._ratio.denominator in cells for side in self._cells for cells in side.values()):
            return "what it is divided by is no amount that stands alone"
        return None if all(self._b) else "the amounts it is divided by are zero on one of the two sides"

    def _cell(self, side: int, group: str, name: str) -> Decimal | None:
        return self._cells[side].get(group, {}).get(name)

    def _denominator(self, side: int, group: str) -> Decimal:
        return self._cell(side, group, self._ratio.denominator) or ZERO

    def _numerator(self, side: int, group: str) -> Decimal:
        """The sum itself where the result shows it; amounts times days, which mean nothing alone, from the figure."""
        shown = self._cell(side, group, self._ratio.numerator)
        if shown is not None:
            return shown
        return (self._cell(side, group, self._name) or ZERO) * self._denominator(side, group) / self._ratio.factor

    def _figures(self, group: str) -> tuple[Decimal | None, Decimal | None]:
        return self._cell(0, group, self._name), self._cell(1, group, self._name)

    def parts(self, group: str) -> Contribution:
        """What the group's numerator and denominator add."""
        k, (b0, b1) = self._ratio.factor, self._b
        a = self._numerator(1, group) - self._numerator(0, group)
        b = self._denominator(1, group) - self._denominator(0, group)
        effects = (k * a * (1 / b0 + 1 / b1) / 2, -k * (self._a[0] + self._a[1]) * b / (2 * b0 * b1))
        return Contribution(group, *self._figures(group), effects)

    def rate_and_mix(self, group: str) -> Contribution:
        """What the group's own figure adds, and what its weight adds.

        Where a group has an amount above the line and none below ("open invoices, no purchases"), its figure is not
        defined; all that the amount adds counts with the figure.
        """
        k = self._ratio.factor
        w0, w1 = (self._denominator(side, group) / self._b[side] for side in (0, 1))
        r0, r1 = self._rate(0, group), self._rate(1, group)
        overall = k * self._a[0] / self._b[0] + k * self._a[1] / self._b[1]
        weightless = sum(
            (
                sign * k * self._numerator(side, group) / self._b[side]
                for side, sign, w in ((0, -1, w0), (1, 1, w1))
                if not w
            ),
            ZERO,
        )
        effects = ((w0 + w1) * (r1 - r0) / 2 + weightless, (w1 - w0) * (r0 + r1 - overall) / 2)
        return Contribution(group, *self._figures(group), effects)

    def _rate(self, side: int, group: str) -> Decimal:
        """The group's figure; where it has no weight, that of the other side, so that coming and going is mix alone."""
        for place in (side, 1 - side):
            weight = self._denominator(place, group)
            if weight:
                return self._ratio.factor * self._numerator(place, group) / weight
        return ZERO


def largest(contributions: Sequence[Contribution], most: int) -> tuple[Contribution, ...]:
    """The contributions that are not nothing, at most so many."""
    return tuple(c for c in contributions if c.total)[:most]


@dataclass(frozen=True)
class Apart:
    """A figure with its comparison, and its difference taken apart by one dimension."""

    whole: ResultSet
    dimension: str
    found: Decomposition | NotDecomposable
    sql: tuple[str, ...]


class Layer(Protocol):
    """What is needed of the semantic layer."""

    @property
    def model(self) -> SemanticModel:
        """Metrics and dimensions."""

    def query(self, query: MetricQuery) -> ResultSet:
        """The answer to one query."""

    def legal_dimensions(self, metric: str) -> frozenset[str]:
        """By what a metric can be grouped."""


def take_apart(layer: Layer, plan: WhyPlan) -> Apart:
    """Runs the figure and both sides of its difference. Raises QueryError as any query does."""
    name = plan.query.metrics[0]
    dimension = _dimension(layer, plan)
    grouped = plan.query.model_copy(update={"group_by": (dimension,), "compare": None})
    other = {"filters": ()} if plan.against == "whole" else {"period": plan.query.compare}
    whole, now, before = (layer.query(q) for q in (plan.query, grouped, grouped.model_copy(update=other)))
    found = decompose(layer.model.metrics[name], dimension, before, now, nested=plan.against == "whole")
    return Apart(whole, dimension, found, (*whole.sql, *now.sql, *before.sql))


def _dimension(layer: Layer, plan: WhyPlan) -> str:
    """The dimension asked for, else the first legal one that the question does not pin to one value."""
    pinned = {f.field for f in plan.query.filters if f.op == "=" and len(f.values) == 1}
    if plan.by and plan.by not in pinned:
        return plan.by
    legal = layer.legal_dimensions(plan.query.metrics[0]) - pinned
    order = ACROSS if plan.against == "whole" else APART_BY
    return next(name for name in (*order, *sorted(legal)) if name in legal)
