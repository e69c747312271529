"""What-ifs inside a thread: "and what would it be on net 60?", "what if Brazil goes net 60?".

A what-if is shown for the company as a whole and selects suppliers by their own country. Where the thread meant the country
of the buying entity, or holds conditions that a what-if cannot have, it is asked; a role never changes in silence.
"""

from __future__ import annotations

import re

from copilot.planning.normalise import fold
from copilot.planning.plan import Choice, Clarify, Clock, ForecastPlan, MetricPlan, Plan, ScenarioPlan
from copilot.planning.planner import Planner
from copilot.planning.thread_changes import condition_said, left_behind
from copilot.planning.thread_references import group_on_screen, is_selection
from copilot.planning.thread_state import Figures, ThreadState
from copilot.simulations.levers import Selection
from semantic_layer.query import Filter

_WOULD = re.compile(
    r"^(?:and |so |ok )*(?:what|how(?: much| high| long)?) would (?:it|that|this|they|we|the \w+|dpo|cash)\b.*?\b(?:on|at|with|under|if)\b (?:.*?\b)?"
    r"(?:net )?(\d{1,3})(?: days)?$"
)
_THEY = re.compile(r"\b(?:they|those|these|them|their)\b(?: suppliers| ones)?")
_SELECTED_BY = {
    "supplier": "suppliers", "category": "categories", "supplier_country": "supplier_countries", "buying_entity": "buying_entities",
}  # fmt: skip
MOST_NAMED = 4
_SELECTABLE = frozenset({"supplier", "category", "supplier_country", "buying_entity"})


def what_if(state: ThreadState, question: str, planner: Planner, clock: Clock) -> Plan | None:
    """The what-if that a follow-up asks for, a question where it does not fit the thread, or None for anything else."""
    last = state.last
    folded = fold(question).strip(" \t\n?!.,;")
    if last is None:
        return None
    conditions = _conditions(last)
    would = _WOULD.match(folded)
    if would:
        return _rewritten(last, conditions, f"go to net {would[1]}", planner, clock)
    plan = planner.plan(question, clock) if re.search(r"\b(if|simulate|suppose|assume)\b", folded) else None
    if not isinstance(plan, ScenarioPlan):
        return None
    buyer = next((f for f in conditions if _same_place(f, folded)), None)
    if buyer is not None and "supplier" not in folded:
        word = next(w for w in (*map(fold, buyer.values), fold(buyer.words)) if w and w in folded)
        return _which_side(buyer, folded.replace(word, "{whom}", 1))
    if _THEY.search(folded):
        return _about_rows(state, plan, folded, planner)
    lost = left_behind(last, plan, planner.lexicon.layer.model)
    return plan.model_copy(update={"notes": (*((lost,) if lost else ()), *plan.notes)})


def _conditions(last: Figures) -> tuple[Filter, ...]:
    if isinstance(last, MetricPlan):
        return last.query.filters
    return last.filters if isinstance(last, ForecastPlan) else ()


def _about_rows(state: ThreadState, plan: ScenarioPlan, folded: str, planner: Planner) -> Plan:
    """As in "what if they go to net 60" under a ranking: the rows on screen are whom it is about."""
    last, shown = state.last, state.shown
    lost = left_behind(last, plan, planner.lexicon.layer.model) if last else ""
    group = group_on_screen(last)
    conditions = _conditions(last) if last else ()
    if conditions and not is_selection(last):
        return _about_conditions(plan, conditions, folded, lost, planner)
    if not is_selection(last) or group is None:
        return plan.model_copy(update={"notes": (*((lost,) if lost else ()), *plan.notes)})
    names = tuple(value for value in shown.values if value is not None) if shown and shown.dimension == group else ()
    if group in _SELECTED_BY and names:
        levers = [x.model_copy(update={"selection": _narrowed(x.selection, group, names)}) for x in plan.levers]
        others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        note = f"About {', '.join(names[:MOST_NAMED])}{others}; shown for the company as a whole."
        return plan.model_copy(
            update={"levers": tuple(levers), "notes": (note, *((lost,) if lost else ()), *plan.notes)}
        )
    return Clarify(
        reason="AMBIGUOUS_VALUE",
        question="A what-if selects suppliers, not the rows on screen. Shall it be about all suppliers?",
        choices=(Choice(label="All suppliers", question=_THEY.sub("all suppliers", folded, count=1)),),
    )


def _about_conditions(
    plan: ScenarioPlan, conditions: tuple[Filter, ...], folded: str, lost: str, planner: Planner
) -> Plan:
    """As in "what if they go to net 60" about one category: what the thread is about, where a what-if can select it."""
    outside = [f for f in conditions if f.field not in _SELECTED_BY or f.op not in {"=", "in"}]
    if outside:
        said = condition_said(outside[0], planner.lexicon.layer.model)
        return Clarify(
            reason="AMBIGUOUS_VALUE",
            question=f'A what-if cannot keep the condition "{said}". Shall it be about all suppliers?',
            choices=(Choice(label="All suppliers", question=_THEY.sub("all suppliers", folded, count=1)),),
        )
    levers = list(plan.levers)
    for condition in conditions:
        levers = [
            lever.model_copy(update={"selection": _narrowed(lever.selection, condition.field, condition.values)})
            for lever in levers
        ]
    said = "; ".join(condition_said(f, planner.lexicon.layer.model) for f in conditions)
    notes = (f"About {said}; shown for the company as a whole.", *((lost,) if lost else ()), *plan.notes)
    return plan.model_copy(update={"levers": tuple(levers), "notes": notes})


def _narrowed(selection: Selection, group: str, names: tuple[str, ...]) -> Selection:
    return selection.model_copy(update={_SELECTED_BY[group]: names})


def _same_place(condition: Filter, folded: str) -> bool:
    words = [fold(w) for w in (*condition.values, condition.words) if w]
    return condition.field == "entity_country" and condition.op in {"=", "in"} and any(w in folded for w in words)


def _rewritten(
    last: Figures, conditions: tuple[Filter, ...], change: str, planner: Planner, clock: Clock
) -> Plan | None:
    """The conditions of the thread as the suppliers that the what-if is about."""
    outside = [f for f in conditions if f.field not in _SELECTABLE or f.op not in {"=", "in"}]
    if outside and outside[0].field == "entity_country":
        return _which_side(outside[0], f"what if {{whom}} {change}")
    model = planner.lexicon.layer.model
    if outside:
        said = condition_said(outside[0], model)
        return Clarify(
            reason="AMBIGUOUS_VALUE",
            question=f'A what-if cannot keep the condition "{said}". Shall it be about all suppliers?',
            choices=(Choice(label="All suppliers", question=f"what if all suppliers {change}?"),),
        )
    names = [value for f in conditions for value in f.values]
    whom = " and ".join(names) if names else "all suppliers"
    plan = planner.plan(f"what if {whom} {change}", clock)
    if not isinstance(plan, ScenarioPlan):
        return plan
    notes = (
        f"Read as a what-if about {whom}; it is shown for the company as a whole.",
        left_behind(_without_filters(last), plan, model),
    )
    return plan.model_copy(update={"notes": (*(note for note in notes if note), *plan.notes)})


def _without_filters(last: Figures) -> Figures:
    """The plan without the conditions that became the selection of the what-if."""
    if isinstance(last, MetricPlan):
        return last.model_copy(update={"query": last.query.model_copy(update={"filters": ()})})
    return last.model_copy(update={"filters": ()}) if isinstance(last, ForecastPlan) else last


def _which_side(buyer: Filter, pattern: str) -> Clarify:
    place = " and ".join(buyer.values)
    return Clarify(
        reason="AMBIGUOUS_VALUE",
        question=(
            f"So far {place} is where the buying entity is; a what-if selects suppliers, by their own country, and is shown "
            "for the company as a whole. Whose terms should change?"
        ),
        choices=(
            Choice(label=f"Suppliers in {place}", question=pattern.format(whom=f"suppliers in {place}")),
            Choice(label="All suppliers", question=pattern.format(whom="all suppliers")),
        ),
    )
