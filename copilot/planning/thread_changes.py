"""What differs between the answer before and this one, in one line. Every slot of a plan has a name here.

A slot is either kept, or the line says what became of it; nothing that was on screen goes in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from copilot.planning.plan import ForecastPlan, MetricPlan, OutflowPlan, ScenarioPlan, WhyPlan
from copilot.planning.thread_state import Figures
from copilot.simulations.levers import Lever
from copilot.wording.figures import day
from copilot.wording.quoting import clean
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Period
from semantic_layer.query import Filter, MetricQuery

_DENIED = frozenset({"!=", "not in"})
_MOST_VALUES = 5
"""Values of one condition that are named; the rest is counted."""


@dataclass(frozen=True)
class Said:
    """A slot in words. `same` tells slots apart where words could be alike or differ by a label only."""

    text: str
    same: object = None

    def differs(self, other: Said | None) -> bool:
        """Whether the slot is another one than it was."""
        return other is None or (self.same or self.text) != (other.same or other.text)


Slots = Mapping[str, Said]


def changes(old: Figures, new: Figures, model: SemanticModel) -> str:
    """What a follow-up changed, in one sentence."""
    before, after = said_of(old, model), said_of(new, model)
    said = [_replaced(key, slot, before.get(key)) for key, slot in after.items() if slot.differs(before.get(key))]
    said += [f"no longer {slot.text}" for key, slot in before.items() if key not in after]
    return f"Changed: {'; '.join(said)}." if said else "Nothing changed."


def _replaced(key: str, new: Said, old: Said | None) -> str:
    if key == "figure":
        return f"now {new.text}"
    return new.text if old is None or new.text.startswith(old.text) else f"{new.text} (was {old.text})"


def left_behind(old: Figures, new: Figures, model: SemanticModel) -> str:
    """What a new question in a thread does not take over from the answer before; empty where nothing is lost."""
    before, after = said_of(old, model), said_of(new, model)
    lost = [slot.text for key, slot in before.items() if key != "figure" and slot.differs(after.get(key))]
    return f"A new question; not taken over from the answer before: {'; '.join(lost)}." if lost else ""


def said_of(plan: Figures, model: SemanticModel) -> Slots:
    """Each slot of a plan that says something, in words."""
    match plan:
        case MetricPlan():
            goal = {"target": Said(f"against a target of {plan.target}")} if plan.target is not None else {}
            return {"figure": _figures(plan.query, model), **_query(plan.query, model), **goal}
        case WhyPlan():
            whole = {"against": Said("against the company as a whole")} if plan.against == "whole" else {}
            groups = {"groups": Said(f"by {_dimension(plan.by, model)}")} if plan.by else {}
            figure = Said(f"why {_figures(plan.query, model).text}")
            return {"figure": figure, **_query(plan.query, model), **groups, **whole}
        case ForecastPlan():
            period = _span(plan.target, "to the end of ")
            return {"figure": Said("projected DPO"), "period": period, **_filters(plan.filters, model)}
        case OutflowPlan():
            return _outflow(plan, model)
        case ScenarioPlan():
            levers = {f"lever {at} {lever.kind}": Said(_lever(lever)) for at, lever in enumerate(plan.levers)}
            until = {"period": Said(f"simulated to {day(plan.until)}")} if plan.until else {}
            return {"figure": Said("a what-if"), **levers, **until}


def _figures(query: MetricQuery, model: SemanticModel) -> Said:
    return Said(" and ".join(_label(name, model) for name in query.metrics))


_CASH_AHEAD = {
    "balance": "cash after payments", "floor": "lowest cash after payments", "shortfall": "chance to fall short of cash",
    "position": "cash position",
}  # fmt: skip


def _outflow(plan: OutflowPlan, model: SemanticModel) -> Slots:
    figure = _CASH_AHEAD.get(plan.shows, "AP outflow")
    found = {"figure": Said(f"{figure}{', worst case' if plan.worst else ''}")}
    found["period"] = _span(Period(plan.start, plan.end))
    if plan.by != "week":
        found["groups"] = Said(f"by {_dimension(plan.by, model)}")
    if plan.shows not in {"cash", *_CASH_AHEAD}:
        found["view"] = Said({"week": f"week {plan.week}"}.get(plan.shows, plan.shows))
    if plan.threshold is not None:
        found["threshold"] = Said(f"threshold {plan.threshold}")
    return {**found, **_filters(plan.filters, model)}


def _query(query: MetricQuery, model: SemanticModel) -> Slots:
    found: dict[str, Said] = {}
    if query.group_by:
        found["groups"] = Said("by " + " and ".join(_dimension(name, model) for name in query.group_by))
    if query.period:
        found["period"] = _span(query.period)
    if query.time_role:
        found["dates"] = Said(f"dated by {query.time_role.replace('_', ' ')}")
    if query.compare:
        found["compare"] = _span(query.compare, "compared with ")
    found |= _filters(query.filters, model)
    for having in query.having:
        text = f"{_label(having.metric, model)} {having.op} {having.value}"
        found[f"having {having.metric} {having.op}"] = Said(text)
    return {**found, **_order(query, model), **_manner(query)}


def _order(query: MetricQuery, model: SemanticModel) -> Slots:
    """How many rows, and from which end. A figure that is ranked by its own amount needs no word."""
    found: dict[str, Said] = {}
    end = "top" if not query.order or query.order[0].descending else "bottom"
    if query.top_per is not None:
        within = " and ".join(_dimension(name, model) for name in query.top_per.within)
        found["rows"] = Said(f"{end} {query.top_per.n} within each {within}")
    elif query.limit is not None:
        found["rows"] = Said(f"{end} {query.limit}")
    elif query.order:
        found["rows"] = Said("highest first" if query.order[0].descending else "lowest first")
    for order in query.order[:1]:
        if order.field not in query.metrics[:1]:
            found["ranked by"] = Said(f"ranked by {_label(order.field, model)}")
    return found


def _manner(query: MetricQuery) -> Slots:
    found: dict[str, Said] = {}
    if query.currency:
        found["currency"] = Said("amounts as invoiced" if query.currency == "document" else f"in {query.currency}")
    if query.share:
        found["share"] = Said("with shares")
    if query.window is not None:
        found["window"] = Said(f"each over the {query.window.label}")
    if query.known_at is not None:
        found["known"] = Said(f"as known on {day(query.known_at.date() - timedelta(days=1))}")
    return found


def _filters(filters: tuple[Filter, ...], model: SemanticModel) -> Slots:
    """Conditions by dimension and side: "only" and "without" on one dimension are two conditions."""
    found: dict[str, Said] = {}
    for condition in filters:
        side = "without" if condition.op in _DENIED else "only" if condition.op in {"=", "in"} else condition.op
        key = f"filter {condition.field} {side}"
        text, same = condition_said(condition, model), (condition.op, *condition.values)
        found[key] = (
            Said(f"{found[key].text} and {text}", (found[key].same, same)) if key in found else Said(text, same)
        )
    return found


def condition_said(condition: Filter, model: SemanticModel) -> str:
    """A condition in a few words; at most five of its values are named."""
    if condition.field == "intercompany":
        return "only intercompany" if condition.values == ("true",) else "including intercompany"
    values = [clean(value, 60) for value in condition.values]
    shown = ", ".join(values[:_MOST_VALUES])
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    name = _dimension(condition.field, model)
    words = {"=": "only", "in": "only", "!=": "without", "not in": "without"}
    if condition.op in words:
        return f"{words[condition.op]} {name} {shown}{more}"
    return f"only {name} {condition.op} {shown}{more}".rstrip()


def _lever(lever: Lever) -> str:
    """A lever by its kind and the settings that are not as they come."""
    said = lever.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    named = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in said.items())
    return f"{lever.kind.replace('_', ' ')} ({named})" if named else lever.kind.replace("_", " ")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(inner) for inner in value)
    return clean(str(value), 60)


def _span(period: Period, lead: str = "") -> Said:
    words = period.label or f"{day(period.start)} to {day(period.end)}"
    return Said(lead + (day(period.end) if period.start == period.end else words), (period.start, period.end))


def _label(name: str, model: SemanticModel) -> str:
    label = model.metrics[name].label if name in model.metrics else name.replace("_", " ")
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _dimension(name: str, model: SemanticModel) -> str:
    known = model.dimensions.get(name)
    return name if name in GRAINS or known is None else known.label.lower()
