"""Question -> plan with a language model: it fills in a flat form of names; our own reader and our own rules judge it.

The model sees the names of metrics and dimensions and the question. It sees no data, writes no SQL, works out no date and
writes no number: periods are read from the words it points at, values are looked up, and words it leaves over refuse the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.errors import LanguageModelError
from copilot.language_model import LanguageModel, Message
from copilot.planning.amounts import read_amount
from copilot.planning.normalise import stem, tokens
from copilot.planning.plan import Clock, Covered, MetricPlan
from copilot.planning.rule_planner import RulePlanner
from copilot.planning.slots import Slots
from copilot.planning.time_phrases import TimeReading, read_period
from copilot.planning.word_classes import DOCUMENT_NOUNS, STOP_WORDS
from semantic_layer.periods import GRAINS
from semantic_layer.query import Filter, FilterOperator

ATTEMPTS = 2
"""One answer and one repair."""

NOTE = "Read by the language model, not by the rules: please check the reading above."


class FormFilter(BaseModel):
    """One condition on a dimension."""

    model_config = ConfigDict(extra="forbid")

    dimension: str
    op: FilterOperator = "="
    values: list[str] = Field(min_length=1, max_length=20)


class Form(BaseModel):
    """What the model fills in; flat, because small models fill in flat forms better."""

    model_config = ConfigDict(extra="forbid")

    answerable: bool
    metrics: list[str] = Field(default_factory=list, max_length=4)
    group_by: list[str] = Field(default_factory=list, max_length=4)
    filters: list[FormFilter] = Field(default_factory=list, max_length=8)
    period_words: str = ""
    compare_words: str = ""
    top: int | None = Field(default=None, ge=1, le=1000)
    lowest_first: bool = False
    left_over: list[str] = Field(default_factory=list)


class _MisfitError(ValueError):
    """The form names something that does not exist or that nobody asked for; the message goes back to the model."""


class ModelPlanner:
    """Asks a language model for the form, checks it, and lets the model put it right once."""

    def __init__(self, rules: RulePlanner, model: LanguageModel) -> None:
        self._rules = rules
        self._model = model

    def plan(self, question: str, clock: Clock) -> MetricPlan | None:
        """The plan of the model's form, or None.

        Not answerable, words left over, nonsense twice, or no answer at all.
        """
        messages = [Message("system", self._instructions()), Message("user", question)]
        for _ in range(ATTEMPTS):
            try:
                text = self._model.complete(messages, Form.model_json_schema())
            except LanguageModelError:
                return None
            try:
                form = Form.model_validate_json(_json_of(text))
                return self._plan_of(form, question, clock) if form.answerable and not form.left_over else None
            except (ValidationError, _MisfitError) as error:
                repair = f"That form does not fit: {_first(error)} Fill it in again."
                messages += [Message("assistant", text), Message("user", repair)]
        return None

    def _instructions(self) -> str:
        model = self._rules.layer.model
        text = files("copilot").joinpath("prompts/plan.md").read_text(encoding="utf-8")
        return text.format(
            metrics="\n".join(f"- {m.name}: {m.label}. {m.definition}" for m in model.metrics.values()),
            dimensions="\n".join(f"- {d.name}: {d.label}" for d in model.dimensions.values()),
            grains=", ".join(GRAINS),
        )

    def _plan_of(self, form: Form, question: str, clock: Clock) -> MetricPlan | None:
        """The form as slots, decided by the same rules as every other question."""
        self._check_names(form)
        said = {stem(token.text) for token in tokens(question)}
        slots = Slots(metrics=list(dict.fromkeys(form.metrics)), group_by=list(dict.fromkeys(form.group_by)))
        for condition in form.filters:
            slots.add_filter(self._filter(condition, said, question))
        slots.period = self._period(form.period_words, question, clock)
        slots.compare = self._period(form.compare_words, question, clock)
        if form.top is not None:
            self._check_numbers([str(form.top)], question)
            slots.limit, slots.descending = form.top, not form.lowest_first
            slots.signals.add("top")
        self._check_nothing_dropped(slots, question, clock)
        slots.coverage = _coverage(question)
        plan = self._rules.plan_of(question, slots, clock)
        return plan.model_copy(update={"notes": (*plan.notes, NOTE)}) if isinstance(plan, MetricPlan) else None

    def _check_names(self, form: Form) -> None:
        layer = self._rules.layer
        for name in form.metrics:
            if name not in layer.model.metrics:
                raise _MisfitError(f"there is no metric {name!r}.")
        if not form.metrics:
            raise _MisfitError("name at least one metric, or set answerable to false.")
        legal = frozenset.intersection(*(layer.legal_dimensions(name) for name in form.metrics))
        for name in [*form.group_by, *(f.dimension for f in form.filters)]:
            if name not in legal | frozenset(GRAINS):
                raise _MisfitError(f"{name!r} is not a dimension of {form.metrics[0]}.")

    def _filter(self, condition: FormFilter, said: set[str], question: str) -> Filter:
        """A filter whose values exist in the mirror and whose words stand in the question."""
        layer = self._rules.layer
        dimension = layer.model.dimensions.get(condition.dimension)
        if dimension is None:
            raise _MisfitError(f"{condition.dimension!r} cannot filter.")
        if dimension.searchable:
            known = {value.casefold(): value for value, _ in layer.values(condition.dimension)}
            known |= {v.value.casefold(): v.value for v in dimension.values}
            missing = [value for value in condition.values if value.casefold() not in known]
            if missing:
                raise _MisfitError(f"{missing[0]!r} is not a value of {condition.dimension}.")
            spoken = {
                known[v.casefold()]: self._names_of(condition.dimension, known[v.casefold()]) for v in condition.values
            }
            unsaid = [value for value, names in spoken.items() if not names & said]
            if unsaid:
                raise _MisfitError(f"the question does not name {unsaid[0]!r}; leave that filter out.")
            return Filter(field=condition.dimension, op=condition.op, values=tuple(spoken))
        if dimension.type in {"number", "money"}:
            self._check_numbers(condition.values, question)
        return Filter(field=condition.dimension, op=condition.op, values=tuple(condition.values))

    def _check_nothing_dropped(self, slots: Slots, question: str, clock: Clock) -> None:
        """What the rules did read of the question must be in the form: the model may add a meaning, not lose one."""
        read = self._rules.slots(question, clock)
        for condition in read.filters:
            same = [f for f in slots.filters if f.field == condition.field]
            if not any(set(condition.values) <= set(f.values) and _side(f) == _side(condition) for f in same):
                raise _MisfitError(f"the question says {condition.words!r}, which is not among the filters.")
        for name in read.group_by:
            if name not in slots.group_by:
                raise _MisfitError(f"the question groups by {name!r}, which the form does not.")
        if read.period is not None and (slots.period is None or slots.period.period != read.period.period):
            raise _MisfitError("the question names a period that the form does not have.")
        if read.limit is not None and slots.limit != read.limit:
            raise _MisfitError(f"the question asks for {read.limit} rows.")
        if read.having or read.compare_grain or read.target or (read.compare and slots.compare is None):
            raise _MisfitError("the question compares or bounds figures in a way that this form cannot say.")

    def _check_numbers(self, values: Iterable[str], question: str) -> None:
        items = tokens(question)
        said = {found.value for at in range(len(items)) if (found := read_amount(items, at)) is not None}
        for value in values:
            try:
                number = Decimal(value)
            except InvalidOperation:
                raise _MisfitError(f"{value!r} is not a number.") from None
            if number not in said:
                raise _MisfitError(f"the question does not say {value}.")

    def _names_of(self, dimension: str, value: str) -> set[str]:
        """The words by which a value can be called."""
        phrases = self._rules.lexicon.vocabulary.phrases
        named = {
            w
            for key, found in phrases.items()
            for w in key
            if any(m.name == dimension and m.value == value for m in found)
        }
        return named | {stem(token.text) for token in tokens(value)}

    def _period(self, words: str, question: str, clock: Clock) -> TimeReading | None:
        """The period that the model's words mean to our own reader; the words must stand in the question."""
        if not words.strip():
            return None
        items = tokens(words)
        if words.casefold().strip() not in question.casefold():
            raise _MisfitError(f"the question does not say {words[:60]!r}.")
        for at in range(len(items)):
            found = read_period(items, at, clock, self._rules.lexicon.fiscal_year_start)
            if found is not None:
                return found
        raise _MisfitError(f"{words[:60]!r} is no period that can be read.")


def _side(condition: Filter) -> str:
    """Equality and membership are one side, their denials the other; bounds stand for themselves."""
    return {"in": "=", "not in": "!="}.get(condition.op, condition.op)


def _coverage(question: str) -> tuple[Covered, ...]:
    """Which word the model put in which slot is not known; each content word is marked as read by it."""
    content = [token for token in tokens(question) if token.stem not in STOP_WORDS | DOCUMENT_NOUNS]
    return tuple(Covered(words=token.text, slot="model", meaning="read by the language model") for token in content)


def _json_of(text: str) -> str:
    """The JSON object in an answer that may have words or fences around it."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(str(part) for part in found['loc']) or 'form'}: {found['msg']}."
    return str(error)
