"""The figure behind each choice of a question back, so that the right one can be told by its size."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from copilot.planning.plan import Choice, Clarify, Clock, MetricPlan, Plan
from copilot.wording import figures
from semantic_layer.errors import SemanticLayerError
from semantic_layer.query import MetricQuery
from semantic_layer.results import ResultSet

LONGEST_SECONDS = 1.5
"""Previews are a courtesy: once they have taken this long, the other choices go without."""


class Reader(Protocol):
    """Reads the question of a choice: the planner, or a thread in which it would be chosen."""

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan that the choice leads to."""


def with_previews(
    plan: Clarify,
    planner: Reader,
    clock: Clock,
    run: Callable[[MetricQuery], ResultSet],
    now: Callable[[], float] = time.monotonic,
) -> Clarify:
    """The question with each choice's figure in its label, where it has one figure and there is time."""
    started = now()
    choices = []
    for choice in plan.choices:
        shown = _figure(choice, planner, clock, run) if now() - started < LONGEST_SECONDS else None
        choices.append(choice.model_copy(update={"label": f"{choice.label}: {shown}"}) if shown else choice)
    return plan.model_copy(update={"choices": tuple(choices)})


def _figure(choice: Choice, planner: Reader, clock: Clock, run: Callable[[MetricQuery], ResultSet]) -> str | None:
    """The one figure of a choice as it is printed in headlines; None where it has none or cannot be had."""
    plan = planner.plan(choice.question, clock)
    if not isinstance(plan, MetricPlan) or plan.intent != "value" or len(plan.query.metrics) != 1:
        return None
    try:
        result = run(plan.query)
    except SemanticLayerError:
        return None
    name = plan.query.metrics[0]
    unit = next((column.unit for column in result.columns if column.name == name), "")
    value = result.total.get(name)
    return figures.headline(value, unit) if value is not None and unit else None
