"""A plan in plain words that the rule planner reads back to the same plan.

Deterministic, and good as a question of its own.
"""

from __future__ import annotations

from copilot.planning.plan import DefinePlan, ForecastPlan, MetricPlan, Plan
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Period
from semantic_layer.query import Filter, MetricQuery

_BOUNDS = {">": "over", ">=": "at least", "<": "under", "<=": "at most"}
PHRASES = {"days_past_due": "days overdue", "days_since_invoice": "days old"}
"""The unit that makes a number a bound on a dimension."""


def describe(plan: Plan, model: SemanticModel) -> str:
    """What a plan does, in words."""
    match plan:
        case MetricPlan():
            return _query(plan.query, model)
        case ForecastPlan():
            conditions = "".join(f" {_condition(f, model)}" for f in plan.filters)
            return f"Projected {model.metrics['dpo_purchases'].label} at the end of {plan.target.label or plan.target.end.isoformat()}{conditions}"
        case DefinePlan():
            return f"What is {model.metrics[plan.metric].label}"
        case _:
            return getattr(plan, "question", "") or getattr(plan, "message", "")


def _query(query: MetricQuery, model: SemanticModel) -> str:
    figures = " and ".join(model.metrics[name].label for name in query.metrics)
    groups = [name if name in GRAINS else model.dimensions[name].label.lower() for name in query.group_by]
    text = f"{'Share of ' if query.share else ''}{figures}"
    text += "".join(f" by {name}" for name in groups)
    for having in query.having:
        text += f" with {model.metrics[having.metric].label} {_BOUNDS.get(having.op, having.op)} {having.value}"
    text += "".join(f" {_condition(condition, model)}" for condition in query.filters)
    text += f" {_period(query.period)}" if query.period else ""
    text += f" vs {_period(query.compare, bare=True)}" if query.compare else ""
    if query.order:
        text += f", {'top' if query.order[0].descending else 'bottom'} {query.limit}" if query.limit else ", sorted"
    return text


def _condition(condition: Filter, model: SemanticModel) -> str:
    dimension = model.dimensions[condition.field]
    if condition.field == "intercompany":
        return "intercompany" if condition.values == ("true",) else "including intercompany"
    if dimension.type == "number":
        return f"{_BOUNDS.get(condition.op, condition.op)} {condition.values[0]} {PHRASES.get(condition.field, dimension.label.lower())}"
    if dimension.type == "money":
        return f"for invoices {_BOUNDS.get(condition.op, condition.op)} {condition.values[0]}"
    word = "excluding" if condition.op in {"!=", "not in"} else "for"
    return f"{word} {' and '.join(condition.values)}"


def _period(period: Period, *, bare: bool = False) -> str:
    if period.start == period.end:
        return period.start.isoformat() if bare else f"as of {period.start.isoformat()}"
    return f"from {period.start.isoformat()} to {period.end.isoformat()}"
