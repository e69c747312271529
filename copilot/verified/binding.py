"""From slots to a query and back: what stands in each slot, given words, or given a query that somebody asked.

Going back is exact: a query fits a verified question only if putting its own period, value or number into the slots
gives that very query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from copilot.errors import VerifiedQuestionError
from copilot.planning.normalise import fold, tokens
from copilot.planning.plan import Clock
from copilot.planning.time_phrases import read_period
from copilot.planning.vocabulary import Layer
from copilot.verified.questions import SLOT, Parameter, StoredPlan, VerifiedQuestion
from semantic_layer.periods import Period
from semantic_layer.query import MetricQuery

_RANGE = re.compile(r"^(?:from )?(\d{4}-\d\d-\d\d) ?(?:\.\.|to|until|-) ?(\d{4}-\d\d-\d\d)$")
_LASTING = re.compile(r"\d{4}(-Q[1-4]|-\d\d)?")
Filled = Mapping[str, Period | str | int]
"""What stands in each slot: a period, a value of the mirror, or a number."""


@dataclass(frozen=True)
class Surroundings:
    """What words are read against."""

    layer: Layer
    clock: Clock
    fiscal_year_start: int = 1


def period_of(words: str, around: Surroundings) -> Period | None:
    """The period that words mean as a whole; None when they are no period, or more than one."""
    text = fold(words).strip(" .,?!")
    match = _RANGE.match(text)
    if match:
        try:
            return Period(date.fromisoformat(match[1]), date.fromisoformat(match[2]))
        except ValueError:
            return None
    items = tokens(text.removeprefix("in ").removeprefix("for ").removeprefix("the "))
    found = read_period(items, 0, around.clock, around.fiscal_year_start) if items else None
    return found.period if found is not None and found.length == len(items) and found.other is None else None


def filled_by(parameter: Parameter, words: str, around: Surroundings) -> Period | str | int | None:
    """What words put into a slot; None when they do not fit it."""
    match parameter.kind:
        case "period":
            return period_of(words, around)
        case "number":
            text = words.strip()
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
            return number if parameter.least <= number <= parameter.most else None
        case "value":
            wanted = fold(words).strip()
            known = (value for value, _ in around.layer.values(parameter.dimension))
            return next((value for value in known if fold(value).strip() == wanted), None)


def fill(question: VerifiedQuestion, said: Mapping[str, str], around: Surroundings) -> Filled:
    """Every slot filled, by what is said or by its default. Raises VerifiedQuestionError for what does not fit."""
    unknown = sorted(set(said) - set(question.parameters))
    if unknown:
        names = ", ".join(question.parameters) or "none"
        raise VerifiedQuestionError(f"{question.id} has no parameter {unknown[0]!r}; it has: {names}.")
    found: dict[str, Period | str | int] = {}
    for name, parameter in question.parameters.items():
        words = said.get(name, parameter.default)
        value = filled_by(parameter, words, around)
        if value is None:
            raise VerifiedQuestionError(f"{words[:80]!r} does not fit {name} of {question.id}: {_rule(parameter)}.")
        found[name] = value
    return found


def query_of(plan: StoredPlan, filled: Filled, around: Surroundings) -> MetricQuery:
    """The query of a stored plan. Raises VerifiedQuestionError for a period that cannot be read."""
    body: dict[str, Any] = {
        "metrics": plan.metrics,
        "group_by": plan.group_by,
        "filters": [
            {"field": f.field, "op": f.op, "values": tuple(_text(value, filled) for value in f.values)}
            for f in plan.filters
        ],
        "having": plan.having,
        "order": plan.order,
        "limit": _limit(plan, filled),
        "share": plan.share,
        "currency": plan.currency,
        "time_role": plan.time_role,
        "period": _period(plan.period, filled, around),
        "compare": _period(plan.compare, filled, around),
    }
    return MetricQuery.model_validate(body)


def slots_in(question: VerifiedQuestion, query: MetricQuery, around: Surroundings) -> Filled | None:
    """What a query puts into the slots of a verified question; None unless that gives the very same query."""
    plan = question.plan
    found: dict[str, Period | str | int] = {}
    for text, period in ((plan.period, query.period), (plan.compare, query.compare)):
        name = _slot(text)
        if name and period is not None:
            found[name] = period
    for stored in plan.filters:
        name = _slot(stored.values[0]) if stored.values else None
        same = [f for f in query.filters if f.field == stored.field and f.op == stored.op and len(f.values) == 1]
        if name and len(same) == 1:
            found[name] = same[0].values[0]
    name = _slot(str(plan.limit))
    if name and query.limit is not None:
        found[name] = query.limit
    if set(found) != set(question.parameters) or not _allowed(question, found):
        return None
    try:
        same_query = query_of(plan, found, around).identity() == query.identity()
    except (VerifiedQuestionError, ValueError):
        return None
    return found if same_query else None


def said_of(filled: Filled) -> dict[str, str]:
    """What stands in the slots, in words that fill them again."""
    return {name: _said(value) if isinstance(value, Period) else str(value) for name, value in filled.items()}


def _said(period: Period) -> str:
    """As in 2026-Q3; days where the label is not one that names the same days on any day."""
    return period.label if _LASTING.fullmatch(period.label) else f"{period.start}..{period.end}"


def _allowed(question: VerifiedQuestion, found: Filled) -> bool:
    numbers = [(question.parameters[name], value) for name, value in found.items() if isinstance(value, int)]
    return all(parameter.least <= value <= parameter.most for parameter, value in numbers)


def _slot(text: str) -> str | None:
    match = SLOT.fullmatch(text)
    return match[1] if match else None


def _text(value: str, filled: Filled) -> str:
    name = _slot(value)
    return str(filled[name]) if name else value


def _limit(plan: StoredPlan, filled: Filled) -> object:
    name = _slot(str(plan.limit))
    return filled[name] if name else plan.limit


def _period(words: str, filled: Filled, around: Surroundings) -> Period | None:
    if not words:
        return None
    name = _slot(words)
    found = filled[name] if name else period_of(words, around)
    if not isinstance(found, Period):
        raise VerifiedQuestionError(f"{words!r} is no period that can be read.")
    return found


def _rule(parameter: Parameter) -> str:
    match parameter.kind:
        case "period":
            return 'it must be a period such as "last quarter" or 2026-07-01..2026-09-30'
        case "number":
            return f"it must be a whole number from {parameter.least} to {parameter.most}"
        case "value":
            return f"it must be a value of {parameter.dimension} as the mirror spells it"
