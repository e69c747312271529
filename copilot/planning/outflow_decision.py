"""Slots about cash ahead to one plan: how far, which view, by what."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

from copilot.planning.gate import refusal
from copilot.planning.plan import Clock, OutflowPlan, Refuse
from copilot.planning.query_building import still_to_come
from copilot.planning.slots import Slots
from semantic_layer.periods import Period

WEEKS = 13
LONGEST = 26
Group = Literal["week", "layer", "buying_entity", "currency", "supplier"]
CASH_AHEAD = frozenset({"balance", "floor", "shortfall", "after_run"})
"""Views of the cash that is left, not of what goes out."""
_SUGGESTED = (
    "AP outflow for 13 weeks",
    "AP outflow by buying entity",
    "Which open invoices will probably be paid late?",
)


def outflow_plan(slots: Slots, clock: Clock, fiscal: int = 1) -> OutflowPlan | Refuse:
    """The plan, or why the forecast cannot be had that way."""
    if slots.outflow == "position":
        return _position(slots, clock)
    period = _period(slots, clock, fiscal)
    horizon = (period.end - clock.data_date).days
    if horizon < 1:
        return _refused(
            slots, f"{period} lies in the past; a forecast of cash out starts after {clock.data_date.isoformat()}."
        )
    if horizon > 7 * LONGEST:
        return _refused(slots, f"A forecast of cash out reaches {LONGEST} weeks ahead; {period} ends later.")
    groups = [name for name in slots.group_by if name != "week"]
    unknown = [name for name in groups if name not in get_args(Group)]
    if unknown or len(groups) > 1 or slots.having or slots.compare:
        what = unknown[0].replace("_", " ") if unknown else "two groupings or a comparison"
        return _refused(
            slots, f"Cash out is forecast by week, layer, buying entity, currency or supplier, not by {what}."
        )
    if slots.outflow in CASH_AHEAD and (groups or slots.filters):
        return _refused(slots, "Cash ahead is that of the company as a whole, without groups or filters.")
    by: Group = groups[0] if groups else "week"  # type: ignore[assignment]  # checked against the literal above
    return OutflowPlan(
        shows="week" if slots.week_number else slots.outflow or "cash",
        start=period.start,
        end=period.end,
        by=by,
        threshold=slots.threshold,
        week=slots.week_number,
        worst=slots.worst,
        filters=tuple(slots.filters),
        notes=tuple(dict.fromkeys((*(n for n in slots.notes if "as invoiced" not in n), *_notes(slots, period)))),
        coverage=slots.coverage,
    )


def _position(slots: Slots, clock: Clock) -> OutflowPlan | Refuse:
    """The cash that is there on the data's last day, by buying entity or currency."""
    groups = slots.group_by or ["buying_entity"]
    if len(groups) > 1 or groups[0] not in {"buying_entity", "currency"} or slots.filters or slots.having:
        return _refused(slots, "The cash position is told in all, by buying entity or by currency.")
    by: Group = "currency" if groups[0] == "currency" else "buying_entity"
    day = clock.data_date
    return OutflowPlan(shows="position", start=day, end=day, by=by, coverage=slots.coverage)


def _period(slots: Slots, clock: Clock, fiscal: int) -> Period:
    """The days that are asked about: a run's day, so many weeks, the next such period, or thirteen weeks."""
    tomorrow = clock.data_date + timedelta(days=1)
    monday = tomorrow + timedelta(days=(7 - tomorrow.weekday()) % 7)
    if slots.run_day is not None:
        return Period(slots.run_day, slots.run_day, slots.run_day.isoformat())
    if slots.period is not None:
        reading = slots.period
        found = reading.period
        if reading.ahead is not None and found.end <= clock.data_date:
            found = still_to_come(reading.ahead, clock, fiscal)
        if slots.until and found.end > clock.data_date:
            return Period(tomorrow, found.end, f"until {found.end.isoformat()}")
        return Period(max(found.start, tomorrow), found.end, str(found)) if found.end > clock.data_date else found
    weeks = slots.weeks or WEEKS
    return Period(tomorrow, monday + timedelta(days=7 * weeks - 1), f"{weeks} weeks")


def _notes(slots: Slots, period: Period) -> list[str]:
    found = []
    if slots.period is None and slots.weeks is None and slots.run_day is None and slots.outflow != "after_run":
        found.append(f"No period was named: read as {WEEKS} weeks.")
    if slots.currency == "document" or any(f.field == "currency" for f in slots.filters):
        found.append("Documents of that currency only, in the reporting currency.")
    if slots.run_day is not None:
        found.append(f"Read as the run of {period.end.isoformat()}.")
    return found


def _refused(slots: Slots, message: str) -> Refuse:
    return refusal("OUT_OF_SCOPE", message, _SUGGESTED).model_copy(update={"coverage": slots.coverage})
