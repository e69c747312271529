"""Looking after verified questions: does each still fit the model, does it expire, and how an answer becomes one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from copilot.errors import VerifiedQuestionError
from copilot.planning.normalise import fold
from copilot.planning.plan import Clock, MetricPlan
from copilot.verified.binding import Surroundings, fill, query_of
from copilot.verified.library import Library
from copilot.verified.questions import Parameter, StoredFilter, StoredPlan, VerifiedQuestion
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Period
from semantic_layer.query import MetricQuery
from semantic_layer.resolver import legal_dimensions

SOON_DAYS = 30
LASTS_DAYS = 180
"""How long a new one is good for when nobody says."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with one question, or soon will be."""

    id: str
    level: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.id}: {self.message}"


def findings(questions: Sequence[VerifiedQuestion], model: SemanticModel, day: date) -> Iterator[Finding]:
    """Everything that can be told without a mirror: names, legality, expiry, words that two questions share."""
    said: dict[str, str] = {}
    for question in questions:
        yield from (Finding(question.id, "error", text) for text in _misfits(question, model))
        yield from _expiry(question, day)
        for text in (question.question, *question.paraphrases):
            other = said.setdefault(" ".join(fold(text).split()).strip(" ?!.,;"), question.id)
            if other != question.id:
                yield Finding(question.id, "error", f"{text!r} is said by {other} too; words belong to one question.")


def findings_on_mirror(library: Library, clock: Clock) -> Iterator[Finding]:
    """What only a mirror can tell: whether the defaults can be filled."""
    around = Surroundings(library.layer, clock, library.fiscal_year_start)
    for question in library.questions:
        try:
            query_of(question.plan, fill(question, {}, around), around)
        except VerifiedQuestionError as error:
            yield Finding(question.id, "warning", str(error))


def _misfits(question: VerifiedQuestion, model: SemanticModel) -> Iterator[str]:
    plan = question.plan
    lost = [name for name in plan.metrics if name not in model.metrics]
    if lost:
        yield f"there is no metric {lost[0]!r} any more."
        return
    legal = frozenset.intersection(*(legal_dimensions(model, model.metrics[name]) for name in plan.metrics))
    for name in (*plan.group_by, *(f.field for f in plan.filters)):
        if name not in legal | frozenset(GRAINS):
            yield f"{name!r} is no dimension of {', '.join(plan.metrics)}."
    for parameter in question.parameters.values():
        if parameter.dimension and parameter.dimension not in model.dimensions:
            yield f"there is no dimension {parameter.dimension!r}."


def _expiry(question: VerifiedQuestion, day: date) -> Iterator[Finding]:
    if day > question.expires_on:
        yield Finding(question.id, "warning", f"expired on {question.expires_on}; {question.owner} has to look again.")
    elif day + timedelta(days=SOON_DAYS) > question.expires_on:
        yield Finding(question.id, "warning", f"expires on {question.expires_on}; {question.owner} has to look again.")


@dataclass(frozen=True)
class Signature:
    """Who stands for a question, from when until when."""

    owner: str
    verified_by: str
    verified_on: date
    expires_on: date


def question_of(
    name: str, words: str, plan: MetricPlan, slots: Sequence[str], signature: Signature
) -> VerifiedQuestion:
    """A verified question from an answer's plan; `slots` are what may change: period, limit, or dimensions by name.

    Raises VerifiedQuestionError for a plan that cannot be kept, and for a slot that the question does not have.
    """
    query = plan.query
    if query.window or query.top_per or query.targets or query.known_at or plan.target is not None:
        raise VerifiedQuestionError(
            "A plan with a running window, a target, a ranking within groups or a day of knowledge cannot be kept yet."
        )
    parameters: dict[str, Parameter] = {}
    stored = _stored(query)
    for slot in slots:
        words, stored = _with_slot(slot, words, stored, plan, parameters)
    return VerifiedQuestion(
        id=name,
        question=words,
        parameters=parameters,
        plan=stored,
        owner=signature.owner,
        verified_by=signature.verified_by,
        verified_on=signature.verified_on,
        expires_on=signature.expires_on,
    )


def _stored(query: MetricQuery) -> StoredPlan:
    return StoredPlan(
        metrics=query.metrics,
        group_by=query.group_by,
        filters=tuple(StoredFilter(field=f.field, op=f.op, values=f.values) for f in query.filters),
        having=tuple(h.model_dump(mode="json", exclude_defaults=True, exclude={"words"}) for h in query.having),
        order=tuple(order.model_dump(mode="json") for order in query.order),
        limit=query.limit,
        period=_range(query.period),
        compare=_range(query.compare),
        share=query.share,
        currency=query.currency,
        time_role=query.time_role,
    )


def _with_slot(
    slot: str, words: str, stored: StoredPlan, plan: MetricPlan, parameters: dict[str, Parameter]
) -> tuple[str, StoredPlan]:
    """Words and plan with one more slot; its parameter is added."""
    if slot == "period" and plan.query.period is not None:
        said = [c.words for c in plan.coverage if c.slot == "time" and c.meaning != "preposition"]
        default = said[0] if len(said) == 1 else _range(plan.query.period)
        parameters[slot] = Parameter(kind="period", default=default)
        return _put(words, default, slot), stored.model_copy(update={"period": "{period}"})
    if slot == "limit" and plan.query.limit is not None:
        parameters[slot] = Parameter(kind="number", default=str(plan.query.limit))
        return _put(words, str(plan.query.limit), slot), stored.model_copy(update={"limit": "{limit}"})
    match = [f for f in plan.query.filters if f.field == slot and len(f.values) == 1]
    if len(match) == 1:
        parameters[slot] = Parameter(kind="value", default=match[0].values[0], dimension=slot)
        filters = tuple(
            f.model_copy(update={"values": (f"{{{slot}}}",)}) if f.field == slot else f for f in stored.filters
        )
        spoken = match[0].words if match[0].words and match[0].words in words else match[0].values[0]
        return _put(words, spoken, slot), stored.model_copy(update={"filters": filters})
    raise VerifiedQuestionError(f"The answer has no {slot!r} that could change: no such period, limit or condition.")


def _put(words: str, said: str, slot: str) -> str:
    """The words with a slot in place of what was said; at their end where it was not said."""
    at = words.lower().find(said.lower())
    if at >= 0:
        return f"{words[:at]}{{{slot}}}{words[at + len(said) :]}"
    return f"{words.rstrip(' ?!.')} {{{slot}}}"


def _range(period: Period | None) -> str:
    return f"{period.start}..{period.end}" if period else ""
