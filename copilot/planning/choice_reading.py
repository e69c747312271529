"""Choices that are offered with a question back or a refusal: only those that can be read, each reading once."""

from __future__ import annotations

from collections.abc import Callable

from copilot.planning.asking_back import WITHOUT_IT
from copilot.planning.description import describe
from copilot.planning.plan import Choice, Clarify, MetricPlan, Plan, Refuse
from semantic_layer.model import SemanticModel

Reader = Callable[[str], Plan]


def readable(plan: Plan, read: Reader, model: SemanticModel) -> Plan:
    """The plan with the choices that lead somewhere; `read` plans a question that stands alone.

    What is left of a question without the words that mean nothing is put in plain words where that says the same.
    """
    if not isinstance(plan, Clarify | Refuse) or not plan.choices:
        return plan
    kept: dict[object, Choice] = {}
    for choice in plan.choices:
        found = read(choice.question)
        if isinstance(found, Refuse):
            continue
        same = found.query.identity() if isinstance(found, MetricPlan) else choice.question
        kept.setdefault(
            same, _in_plain_words(choice, found, read, model) if choice.label.endswith(WITHOUT_IT) else choice
        )
    if isinstance(plan, Clarify) and len(kept) < min(2, len(plan.choices)):
        return plan
    return plan.model_copy(update={"choices": tuple(kept.values())})


def _in_plain_words(choice: Choice, found: Plan, read: Reader, model: SemanticModel) -> Choice:
    if not isinstance(found, MetricPlan):
        return choice
    text = describe(found, model)
    again = read(text)
    same = isinstance(again, MetricPlan) and again.query.identity() == found.query.identity()
    return choice.model_copy(update={"question": text}) if same else choice
