"""Threads: a typed state, and questions that edit the last plan ("and by region?", "same for Q2", "only above 50k", "go back")."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from rapidfuzz import fuzz

from copilot.planning.plan import Clarify, Clock, Covered, ForecastPlan, MetricPlan, Plan, Refuse
from copilot.reading.decision import intent_of
from copilot.reading.slots import Slots
from copilot.reading.words import fold
from semantic_layer.periods import GRAINS
from semantic_layer.query import Filter, MetricQuery, Order

DEPTH = 20
FIGURE_PLANS = (MetricPlan, ForecastPlan)
BACK = re.compile(r"^(go )?back\b|^undo\b|^previous( one)?$|^revert\b")
RESET = re.compile(r"^(start over|reset|new question|clear)\b")
REMOVE = re.compile(r"^(remove|drop|clear|without) (that|this|it|the filters?|filters?)\b")
LEADING = re.compile(
    r"^(and|now|then|ok|okay|so|but|same|only|just|what about|how about|also|instead|include|exclude|excluding|without|drop|in|by|for|per|top|\$)\b|^\$"
)
MONEY_OF = {"past_due_count": "past_due_ap", "open_invoice_count": "open_ap", "invoice_count": "spend"}
COUNT_OF = {money: count for count, money in MONEY_OF.items()}


class Reader(Protocol):
    """Plans whole questions, and says what the words of a part of one mean."""

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan of a question that stands alone."""

    def slots(self, question: str, clock: Clock) -> Slots:
        """What the words say."""


class ThreadState(BaseModel):
    """What a thread remembers: the plans that gave figures, newest last, and the question that waits for an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: tuple[MetricPlan | ForecastPlan, ...] = ()
    pending: Clarify | None = None

    @property
    def last(self) -> MetricPlan | ForecastPlan | None:
        """The plan that a follow-up edits."""
        return self.plans[-1] if self.plans else None


def converse(state: ThreadState, question: str, reader: Reader, clock: Clock) -> tuple[Plan, ThreadState]:
    """The plan of a question in its thread, and the thread after it. Pure: the same state and question give the same plan."""
    text = fold(question).strip(" ?!.")
    if state.pending is not None and (chosen := _choice(state.pending, text)):
        plan = reader.plan(chosen, clock)
    elif BACK.search(text):
        return _back(state)
    elif RESET.search(text):
        return _nothing("The thread starts afresh; ask a new question."), ThreadState()
    else:
        plan = _edit(state, question, text, reader, clock) or reader.plan(question, clock)
    return plan, _after(state, plan)


def _after(state: ThreadState, plan: Plan) -> ThreadState:
    if isinstance(plan, FIGURE_PLANS):
        return ThreadState(plans=(*state.plans, plan)[-DEPTH:])
    pending = plan if isinstance(plan, Clarify) else None
    return ThreadState(plans=state.plans, pending=pending)


def _choice(pending: Clarify, text: str) -> str | None:
    """The question behind a choice that was answered by its number, its words or most of them."""
    if text.isdigit() and 1 <= int(text) <= len(pending.choices):
        return pending.choices[int(text) - 1].question
    words = set(text.split()) - {"the", "one", "a", "i", "mean", "please"}
    scored = [(fuzz.token_set_ratio(" ".join(sorted(words)), fold(c.label)), c.question) for c in pending.choices]
    best = max(scored, default=(0.0, ""))
    alone = sum(1 for score, _ in scored if score == best[0]) == 1
    return best[1] if words and len(words) <= 6 and best[0] >= 85 and alone else None


def _back(state: ThreadState) -> tuple[Plan, ThreadState]:
    if len(state.plans) < 2:
        return _nothing("There is no earlier answer in this thread to go back to."), ThreadState(plans=state.plans)
    plans = state.plans[:-1]
    return plans[-1].model_copy(update={"notes": ("Back to the answer before.",)}), ThreadState(plans=plans)


def _nothing(message: str) -> Refuse:
    return Refuse(reason="MISSING_INPUT", message=message)


def _edit(state: ThreadState, question: str, text: str, reader: Reader, clock: Clock) -> Plan | None:
    """The last plan with what the question changes, or None where the question stands alone."""
    last = state.last
    if last is None or len(question) > 200:
        return None
    if REMOVE.search(text):
        return (
            _changed(last, {"filters": (), "having": ()}, "filters removed") if isinstance(last, MetricPlan) else None
        )
    if text in {"$", "in money", "how much", "in dollars", "value"} and isinstance(last, MetricPlan):
        return _other_unit(last, MONEY_OF)
    if text in {"how many", "count", "number", "in numbers"} and isinstance(last, MetricPlan):
        return _other_unit(last, COUNT_OF)
    slots = reader.slots(question, clock)
    says_something = (
        slots.group_by
        or slots.filters
        or slots.period
        or slots.limit
        or slots.currency
        or slots.notes
        or slots.compare
        or slots.compare_grain
    )
    if slots.metrics or slots.ambiguous or slots.externals or slots.unresolved or slots.choices or slots.unclear_date:
        return _other_metric(last, slots) if slots.metrics and _is_bare_metric(slots) and LEADING.search(text) else None
    if not says_something and not slots.intents:
        return None
    if isinstance(last, ForecastPlan):
        return _edited_forecast(last, slots)
    return _edited(last, slots)


def _is_bare_metric(slots: Slots) -> bool:
    return not (
        slots.group_by
        or slots.filters
        or slots.period
        or slots.unresolved
        or slots.choices
        or slots.ambiguous
        or slots.externals
    )


def _other_metric(last: MetricPlan | ForecastPlan, slots: Slots) -> Plan | None:
    """The same question of another metric ("and spend?")."""
    if not isinstance(last, MetricPlan):
        return None
    order = tuple(Order(field=slots.metrics[0], descending=o.descending) for o in last.query.order[:1])
    return _changed(
        last,
        {"metrics": tuple(slots.metrics), "order": order, "having": ()},
        f"now {slots.metrics[0].replace('_', ' ')}",
    )


def _other_unit(last: MetricPlan, pairs: dict[str, str]) -> Plan | None:
    metrics = tuple(pairs.get(name, name) for name in last.query.metrics)
    if metrics == last.query.metrics:
        return None
    order = tuple(Order(field=pairs.get(o.field, o.field), descending=o.descending) for o in last.query.order)
    return _changed(last, {"metrics": metrics, "order": order}, "same question in the other unit")


def _edited_forecast(last: ForecastPlan, slots: Slots) -> Plan | None:
    if slots.period is None and not slots.filters:
        return None
    target = slots.period.period if slots.period else last.target
    filters = _merged(last.filters, slots.filters)
    return last.model_copy(
        update={"target": target, "filters": filters, "notes": tuple(slots.notes), "coverage": tuple(slots.coverage)}
    )


def _edited(last: MetricPlan, slots: Slots) -> Plan:
    """Each slot that the follow-up fills replaces or widens the one of the last query."""
    query = last.query
    changes: dict[str, object] = {}
    said: list[str] = []
    for edit in (_grouping, _period, _conditions, _ranking, _unit):
        edit(query, slots, changes, said)
    return _changed(last, changes, "; ".join(said) or "nothing", tuple(slots.notes), tuple(slots.coverage))


Edit = Callable[[MetricQuery, Slots, dict[str, object], list[str]], None]


def _grouping(query: MetricQuery, slots: Slots, changes: dict[str, object], said: list[str]) -> None:
    grains = [g for g in slots.group_by if g in GRAINS]
    names = [g for g in slots.group_by if g not in GRAINS]
    if "trend" in slots.intents and not grains:
        grains = ["month"]
    if not (grains or names):
        return
    kept_names = names or [g for g in query.group_by if g not in GRAINS]
    kept_grains = grains or [g for g in query.group_by if g in GRAINS]
    changes["group_by"] = (*kept_names, *kept_grains)
    changes["order"] = tuple(o for o in query.order if o.field in query.metrics) if names and query.limit else ()
    if not names or not query.limit:
        changes["limit"] = None
    said.append(f"grouped by {', '.join([*names, *grains]).replace('_', ' ')}")


def _period(query: MetricQuery, slots: Slots, changes: dict[str, object], said: list[str]) -> None:
    reading = slots.period
    if reading is not None:
        changes["period"] = reading.period
        changes["compare"] = None
        said.append(f"period {reading.period}")
        if reading.grain and reading.grain not in query.group_by and "group_by" not in changes:
            changes["group_by"] = (*(g for g in query.group_by if g not in GRAINS), reading.grain)
    if slots.compare is not None:
        changes["compare"] = slots.compare.period
        said.append(f"compared with {slots.compare.period}")


def _conditions(query: MetricQuery, slots: Slots, changes: dict[str, object], said: list[str]) -> None:
    if slots.filters:
        changes["filters"] = _merged(query.filters, slots.filters)
        said += [f"{f.field.replace('_', ' ')} {f.op} {', '.join(f.values)}" for f in slots.filters]
    if slots.having:
        changes["having"] = (*query.having, *slots.having)
        said.append("a bound on the figure")


def _ranking(query: MetricQuery, slots: Slots, changes: dict[str, object], said: list[str]) -> None:
    if slots.limit is None and slots.descending is None and slots.worst is None:
        return
    groups = changes.get("group_by", query.group_by)
    if not groups:
        changes["group_by"] = ("supplier",)
    changes["limit"] = slots.limit or query.limit or 10
    descending = slots.descending if slots.descending is not None else True
    changes["order"] = (Order(field=query.metrics[0], descending=descending),)
    said.append(f"the {'first' if descending else 'last'} {changes['limit']}")


def _unit(query: MetricQuery, slots: Slots, changes: dict[str, object], said: list[str]) -> None:  # noqa: ARG001 - one shape for all edits
    if slots.currency:
        changes["currency"] = slots.currency
        said.append("in document currency" if slots.currency == "document" else f"in {slots.currency}")
    if "share" in slots.intents:
        changes["share"] = True
        said.append("with shares")


def _merged(old: tuple[Filter, ...], new: list[Filter]) -> tuple[Filter, ...]:
    """New conditions beside the old; one on the same dimension and side replaces it."""
    replaced = {(f.field, f.op in {"!=", "not in"}) for f in new}
    return (*(f for f in old if (f.field, f.op in {"!=", "not in"}) not in replaced), *new)


def _changed(
    last: MetricPlan | ForecastPlan,
    changes: dict[str, object],
    said: str,
    notes: tuple[str, ...] = (),
    coverage: tuple[Covered, ...] = (),
) -> MetricPlan:
    assert isinstance(last, MetricPlan)  # noqa: S101 - callers have looked
    query = MetricQuery.model_validate(last.query.model_copy(update=changes).model_dump())
    changed = () if said == "nothing" else (f"Changed: {said}.",)
    return MetricPlan(
        intent=intent_of(query, last.target),
        query=query,
        target=last.target,
        notes=(*notes, *changed),
        coverage=coverage,
    )
