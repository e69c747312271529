"""A plan back to the slots it came from, so that a follow-up can be laid over them. No slot of a plan is left behind."""

from __future__ import annotations

from datetime import timedelta

from copilot.planning.plan import ForecastPlan, MetricPlan, OutflowPlan, ScenarioPlan
from copilot.planning.slots import Slots
from copilot.planning.thread_state import Figures
from copilot.planning.time_reading import TimeReading
from semantic_layer.periods import Period
from semantic_layer.query import MetricQuery


def slots_of(plan: Figures) -> Slots:
    """The slots of a plan. Each call gives new ones, so they can be changed."""
    match plan:
        case ScenarioPlan():
            until = TimeReading(Period(plan.until, plan.until), 0, end_only=True) if plan.until else None
            return Slots(levers=list(plan.levers), period=until, signals={"scenario"})
        case OutflowPlan():
            return Slots(
                group_by=[] if plan.by == "week" else [plan.by],
                filters=list(plan.filters),
                period=TimeReading(Period(plan.start, plan.end), 0),
                outflow="cash" if plan.shows == "week" else plan.shows,
                threshold=plan.threshold,
                worst=plan.worst,
            )
        case ForecastPlan():
            reading = TimeReading(plan.target, 0)
            return Slots(metrics=["dpo_purchases"], filters=list(plan.filters), period=reading, signals={"forecast"})
        case MetricPlan():
            found = _of_query(plan.query)
            found.target = plan.target
            found.focus = (plan.query.group_by[0], plan.focus) if plan.focus is not None else None
            return found
        case _:
            found = _of_query(plan.query)
            found.signals |= {"why", "level"} if plan.against == "whole" else {"why"}
            found.group_by = [plan.by] if plan.by else []
            return found


def _of_query(query: MetricQuery) -> Slots:
    found = Slots(
        metrics=list(query.metrics),
        group_by=list(query.group_by),
        filters=list(query.filters),
        having=list(query.having),
        period=TimeReading(query.period, 0) if query.period else None,
        compare=TimeReading(query.compare, 0) if query.compare else None,
        time_role=query.time_role,
        known_on=query.known_at.date() - timedelta(days=1) if query.known_at else None,
        limit=query.top_per.n if query.top_per else query.limit,
        limit_per=list(query.top_per.within) if query.top_per else [],
        rolling=query.window,
        currency=query.currency,
    )
    if query.order:
        found.descending, found.ranked_by = query.order[0].descending, query.order[0].field
        found.signals |= {"top"} if found.limit else {"top", "list"}
    if query.share:
        found.signals.add("share")
    return found
