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
from copilot.planning.thread_state import Figures
from semantic_layer.query import Filter

_WOULD = re.compile(
    r"^(?:and |so |ok )*(?:what|how(?: much| high| long)?) would (?:it|that|this|they|we|the \w+|dpo|cash)\b.*?\b(?:on|at|with|under|if)\b (?:.*?\b)?"
    r"(?:net )?(\d{1,3})(?: days)?$"
)
_SELECTABLE = frozenset({"supplier", "category", "supplier_country", "buying_entity"})


def what_if(last: Figures, question: str, planner: Planner, clock: Clock) -> Plan | None:
    """The what-if that a follow-up asks for, a question where it does not fit the thread, or None for anything else."""
    folded = fold(question).strip(" \t\n?!.,;")
    conditions = (
        last.query.filters if isinstance(last, MetricPlan) else last.filters if isinstance(last, ForecastPlan) else ()
    )
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
    return None


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
