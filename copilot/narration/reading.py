"""What was understood, in plain words, so that an asker sees at a glance whether the question was read right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from copilot.planning.plan import ForecastPlan, MetricPlan
from copilot.wording import figures
from copilot.wording.period_words import period_words
from copilot.wording.quoting import quoted
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import GRAINS, Period
from semantic_layer.query import Filter, Having, MetricQuery

_OPERATORS = {"=": "is", "!=": "is not", "in": "is any of", "not in": "is none of"}
_UNITS = {"number": "count", "date": "date", "boolean": "text", "text": "text"}


def reading_of(
    plan: MetricPlan, model: SemanticModel, period: Period, currency: str, fiscal_year_start: int = 1
) -> str:
    """A metric plan in words: what, by what, when, under which conditions, in which order."""
    query = plan.query
    metrics = [model.metrics[name] for name in query.metrics]
    pieces = [", ".join(metric.label for metric in metrics)]
    if query.group_by:
        pieces[0] += " by " + " and ".join(_group_label(name, model) for name in query.group_by)
    pieces.append(_when(metrics[0], query.time_role, model, period, fiscal_year_start))
    pieces.extend(_other_days(metrics, query.time_role, period))
    pieces.extend(_other_roles(metrics, query.time_role, model))
    pieces.extend(condition_words(condition, model, currency) for condition in query.filters)
    pieces.extend(having_words(condition, model, currency) for condition in query.having)
    if query.compare is not None:
        pieces.append(f"compared with {period_words(query.compare, fiscal_year_start)}")
    pieces.extend(_ranking_words(query, model))
    if query.window is not None:
        pieces.append(f"each over the {query.window.label}")
    if query.known_at is not None:
        pieces.append(f"as known at the end of {figures.day(query.known_at.date() - timedelta(days=1))}")
    if not any(condition.field == "intercompany" for condition in query.filters):
        pieces.extend(_defaults(metrics))
    return "; ".join(pieces)


def _other_days(metrics: Sequence[Metric], time_role: str | None, period: Period) -> Iterable[str]:
    """The day of the balances that stand beside a figure over a period."""
    flow = (time_role or metrics[0].time_role) != "as_of"
    labels = [metric.label for metric in metrics[1:] if metric.time_role == "as_of"]
    if flow and labels:
        yield f"{' and '.join(labels)} as of {figures.day(period.end)}"


def _other_roles(metrics: Sequence[Metric], time_role: str | None, model: SemanticModel) -> Iterable[str]:
    """The dates by which figures fall into the period that stand beside one with another date."""
    if time_role is not None:
        return
    for metric in metrics[1:]:
        if metric.time_role not in {"as_of", metrics[0].time_role} and (label := _role_label(metric.time_role, model)):
            yield f"{metric.label} by {label}"


def _ranking_words(query: MetricQuery, model: SemanticModel) -> Iterable[str]:
    """How many rows, from which end, and within which groups the count starts again."""
    highest = not query.order or query.order[0].descending
    end = "top" if highest else "lowest"
    if query.top_per is not None:
        within = " and ".join(_group_label(name, model) for name in query.top_per.within)
        yield f"{end} {query.top_per.n} within each {within}"
    if query.limit is not None:
        yield f"{end} {query.limit}"


def forecast_reading(plan: ForecastPlan, label: str, model: SemanticModel, fiscal_year_start: int = 1) -> str:
    """A forecast plan in words."""
    pieces = [f"{label} at {figures.day(plan.target.end)}", period_words(plan.target, fiscal_year_start)]
    pieces.extend(condition_words(condition, model, "") for condition in plan.filters)
    return "; ".join(pieces)


def condition_words(condition: Filter, model: SemanticModel, currency: str) -> str:
    """One filter in words; its values are quoted data."""
    dimension = model.dimensions.get(condition.field)
    label = dimension.label.lower() if dimension else condition.field
    kind = dimension.type if dimension else "text"
    unit = f"money:{currency}" if kind == "money" else _UNITS.get(kind, "text")
    values = (quoted(v) if unit == "text" else figures.exact(v, unit) for v in condition.values)
    return " ".join((label, _OPERATORS.get(condition.op, condition.op), ", ".join(values))).strip()


def having_words(condition: Having, model: SemanticModel, currency: str) -> str:
    """A condition on groups in words: "DPO > 50.0 days"."""
    return f"{model.metrics[condition.metric].label} {condition.op} {having_value(condition, model, currency)}"


def having_value(condition: Having, model: SemanticModel, currency: str) -> str:
    """The bound of a condition on groups, in the unit of its figure."""
    metric = model.metrics[condition.metric]
    return figures.exact(condition.value, f"money:{currency}" if metric.unit == "money" else metric.unit)


def _group_label(name: str, model: SemanticModel) -> str:
    if name in GRAINS:
        return name
    dimension = model.dimensions.get(name)
    return dimension.label.lower() if dimension else name


def _when(metric: Metric, time_role: str | None, model: SemanticModel, period: Period, fiscal_year_start: int) -> str:
    role = time_role or metric.time_role
    if role == "as_of" and period.start == period.end:
        return f"as of {figures.day(period.end)}"
    words = period_words(period, fiscal_year_start)
    if role == "as_of":
        return f"{words} (as of {figures.day(period.end)})"
    label = _role_label(role, model)
    return f"{words} by {label}" if label else words


def _role_label(role: str, model: SemanticModel) -> str:
    found = next((r.label for e in model.entities.values() for r in e.time_roles if r.name == role), "")
    return found.lower()


def _defaults(metrics: Iterable[Metric]) -> Iterable[str]:
    if any(f.field == "intercompany" and f.values == ("false",) for metric in metrics for f in metric.filters):
        yield "intercompany excluded"
