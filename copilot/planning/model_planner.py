"""Question -> plan with a language model: it fills in a flat form of names; our own reader and our own rules judge it.

The model sees the near part of the catalogue, near examples and the question, its names hidden as the settings say. It
writes no SQL, works out no date and no number: periods are read from the words it points at, values are looked up, and
every word of the question must be accounted for, by the rules or by the words of a part of the form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from pydantic import ValidationError

from copilot.errors import LanguageModelError
from copilot.language_model import LanguageModel, Message, Schema, estimated_tokens
from copilot.planning.amounts import read_amount
from copilot.planning.model_budget import Allowance
from copilot.planning.model_form import (
    FigureForm,
    Form,
    FormFilter,
    MisfitError,
    example_form,
    figure_schema,
    form_schema,
    json_of,
)
from copilot.planning.model_prompt import Catalogue, Example, Examples, messages_of
from copilot.planning.model_values import Sharing, Shield, Shielded
from copilot.planning.normalise import phrase, stem, tokens
from copilot.planning.plan import Clock, Covered, MetricPlan
from copilot.planning.rule_planner import RulePlanner
from copilot.planning.slots import Slots
from copilot.planning.time_phrases import read_period
from copilot.planning.time_reading import TimeReading
from copilot.planning.word_classes import STOP_WORDS
from semantic_layer.periods import GRAINS
from semantic_layer.query import Filter

ATTEMPTS = 2
"""One answer and one repair."""
ANSWER_TOKENS = 250
"""What a form takes, at most about."""
MOST_FIGURE_WORDS = 8

NOTE = "Read by the language model, not by the rules: please check the reading above."
UNCLEAR = "The language model gave no usable reading; the rules read this question alone."

Mode = Literal["form", "figure"]
"""form: the model fills in the whole form. figure: it picks the metric and the rules read the rest."""


@dataclass(frozen=True)
class NoReading:
    """The model gave nothing that stands; `why` is a sentence for the asker."""

    why: str = UNCLEAR


@dataclass(frozen=True)
class _Asked:
    """One question on its way: as typed, as sent, and what the rules read of it."""

    question: str
    clock: Clock
    shielded: Shielded
    read: Slots

    def said(self) -> set[str]:
        """Stems of all words that the model saw or the asker typed."""
        return {t.stem for text in (self.question, self.shielded.text) for t in tokens(text)}


class ModelPlanner:
    """Asks a language model for the form, checks it, and lets the model put it right once.

    `examples` are questions that the rules are known to read rightly; `sharing` says which values leave the house.
    """

    def __init__(
        self,
        rules: RulePlanner,
        model: LanguageModel,
        *,
        examples: Iterable[str] = (),
        allowance: Allowance | None = None,
        sharing: Sharing = "pseudonyms",
        mode: Mode = "form",
    ) -> None:
        self._rules = rules
        self._model = model
        self._examples = tuple(examples)
        self._allowance = allowance or Allowance()
        self._shield = Shield(rules, sharing)
        self._mode: Mode = mode
        self._catalogue: Catalogue | None = None
        self._near: Examples | None = None
        self.tokens_used = (0, 0)
        """Tokens read and written since this planner was made."""

    def plan(self, question: str, clock: Clock) -> MetricPlan | NoReading:
        """The plan of the model's form, or why there is none.

        Not answerable, words left over, nonsense twice, no answer at all, or no budget.
        """
        shielded = self._shield.over(question, clock)
        asked = _Asked(question, clock, shielded, self._rules.slots(question, clock))
        messages, schema = self._brief(asked)
        used = 0
        for _ in range(ATTEMPTS):
            spent = self._allowance.exceeded(estimated_tokens(messages) + ANSWER_TOKENS, used)
            if spent is not None:
                return NoReading(
                    f"The language model was not asked, since {spent}; the rules read this question alone."
                )
            try:
                answer = self._model.complete(messages, schema)
            except LanguageModelError as error:
                return NoReading(f"{str(error).rstrip('.')}; the rules read this question alone.")
            self._book(answer.tokens_in, answer.tokens_out)
            used += answer.tokens_in + answer.tokens_out
            try:
                return self._judged(json_of(answer.text), asked)
            except (ValidationError, MisfitError) as error:
                repair = f"That form does not fit: {_first(error)} Fill it in again."
                messages = [*messages, Message("assistant", answer.text[:2_000]), Message("user", repair)]
        return NoReading()

    def _book(self, tokens_in: int, tokens_out: int) -> None:
        self._allowance.book(tokens_in, tokens_out)
        self.tokens_used = (self.tokens_used[0] + tokens_in, self.tokens_used[1] + tokens_out)

    def _brief(self, asked: _Asked) -> tuple[list[Message], Schema]:
        """What the model is told, and the schema of what it may say."""
        layer = self._rules.layer
        if self._catalogue is None:
            self._catalogue = Catalogue(layer.model, layer.legal_dimensions)
        excerpt = self._catalogue.excerpt(asked.question, asked.read)
        near = self._examples_for(asked)
        sheet = "plan" if self._mode == "form" else "figure"
        messages = messages_of(sheet, self._catalogue.text(excerpt), near, asked.shielded)
        if self._mode == "figure":
            return messages, figure_schema(excerpt.metrics)
        return messages, form_schema(excerpt.metrics, excerpt.dimensions)

    def _examples_for(self, asked: _Asked) -> Sequence[Example]:
        """The nearest examples; a name in one is hidden as in the question itself, or the example is left out."""
        if self._near is None:
            plans = ((text, self._rules.plan(text, asked.clock)) for text in self._examples)
            made = example_form if self._mode == "form" else _figure_example
            forms = ((text, made(plan)) for text, plan in plans if isinstance(plan, MetricPlan))
            self._near = Examples(Example(text, form) for text, form in forms if form)
        near = self._near.near(asked.question)
        others = [e for e in near if e.question.casefold() != asked.question.casefold()]
        clean = [(e, self._shield.over(e.question, asked.clock)) for e in others]
        return [e for e, shielded in clean if not any(cell.is_hidden for cell in shielded.cells)]

    def _judged(self, text: str, asked: _Asked) -> MetricPlan | NoReading:
        """The plan of an answer. Raises MisfitError or ValidationError where it does not fit."""
        if self._mode == "figure":
            figure = FigureForm.model_validate_json(text)
            return self._plan_of_figure(figure, asked) if figure.answerable else NoReading()
        form = Form.model_validate_json(text)
        return self._plan_of(form, asked) if form.answerable and not form.left_over else NoReading()

    def _plan_of_figure(self, form: FigureForm, asked: _Asked) -> MetricPlan | NoReading:
        """The rules' own slots with the figure that the model picked; what the rules could not read names the figure."""
        self._check_metrics([form.metric])
        slots = asked.read
        unread = " ".join(word for word, _ in slots.unresolved)
        self._check_all_said(unread, unread, asked)
        legal = self._rules.layer.legal_dimensions(form.metric)
        for name in [*slots.group_by, *(f.field for f in slots.filters)]:
            if name not in legal | frozenset(GRAINS):
                raise MisfitError(f"{form.metric!r} cannot be had by {name!r}, which the question asks for.")
        slots.metrics, slots.unresolved = [form.metric], []
        slots.coverage = _coverage(asked.read.coverage, unread, form.metric)
        return self._decided(slots, asked)

    def _plan_of(self, form: Form, asked: _Asked) -> MetricPlan | NoReading:
        """The form as slots, decided by the same rules as every other question."""
        self._check_names(form)
        for words in (form.figure_words, form.group_words, *(f.words for f in form.filters)):
            self._check_words(words, asked)
        slots = Slots(metrics=list(dict.fromkeys(form.metrics)), group_by=list(dict.fromkeys(form.group_by)))
        for condition in form.filters:
            slots.add_filter(self._filter(condition, asked))
        self._take_over_hidden(slots, asked)
        slots.period = self._period(form.period_words, asked)
        slots.compare = self._period(form.compare_words, asked)
        if form.top is not None:
            self._check_numbers([str(form.top)], asked.question)
            slots.limit, slots.descending = form.top, not form.lowest_first
            slots.signals.add("top")
        self._check_nothing_dropped(slots, asked.read)
        self._check_all_said(form.words(), form.figure_words, asked)
        slots.coverage = _coverage(asked.read.coverage, form.figure_words, " and ".join(form.metrics))
        return self._decided(slots, asked)

    def _decided(self, slots: Slots, asked: _Asked) -> MetricPlan | NoReading:
        plan = self._rules.plan_of(asked.question, slots, asked.clock)
        return plan.model_copy(update={"notes": (*plan.notes, NOTE)}) if isinstance(plan, MetricPlan) else NoReading()

    def _check_metrics(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._rules.layer.model.metrics:
                raise MisfitError(f"there is no metric {name!r}.")
        if not names:
            raise MisfitError("name at least one metric, or set answerable to false.")

    def _check_names(self, form: Form) -> None:
        self._check_metrics(form.metrics)
        legal = frozenset.intersection(*(self._rules.layer.legal_dimensions(name) for name in form.metrics))
        for name in [*form.group_by, *(f.dimension for f in form.filters)]:
            if name not in legal | frozenset(GRAINS):
                raise MisfitError(f"{name!r} is not a dimension of {form.metrics[0]}.")

    def _check_words(self, words: str, asked: _Asked) -> None:
        """Words of the form must stand in the question."""
        unsaid = [word for word in phrase(words) if word not in asked.said()]
        if unsaid:
            raise MisfitError(f"the question does not say {unsaid[0][:60]!r}; copy its words.")

    def _check_all_said(self, words: str, figure_words: str, asked: _Asked) -> None:
        """What the rules could not read must be among the words of the form; a name or a number is no figure."""
        figure = set(phrase(figure_words))
        if len(figure - STOP_WORDS) > MOST_FIGURE_WORDS:
            raise MisfitError("these are too many words to name a figure; put only those that do in figure_words.")
        accounted = set(phrase(words))
        items = tokens(asked.question)
        for unread, _ in asked.read.unresolved:
            for word in phrase(unread):
                if word not in accounted:
                    raise MisfitError(
                        f"the form does not say what {word[:60]!r} means; if it cannot, list it as left over."
                    )
                if word in figure and any(t.stem == word and _is_name(asked.question, t.start, t.end) for t in items):
                    raise MisfitError(f"{word[:60]!r} is a name or a number and cannot name a figure.")

    def _take_over_hidden(self, slots: Slots, asked: _Asked) -> None:
        """Conditions on names that the model could not see, as the rules read them."""
        hidden = {cell.dimension for cell in asked.shielded.cells if cell.is_hidden}
        for condition in asked.read.filters:
            if condition.field in hidden and not any(f.field == condition.field for f in slots.filters):
                slots.add_filter(condition)

    def _filter(self, condition: FormFilter, asked: _Asked) -> Filter:
        """A filter whose values exist in the mirror and whose words stand in the question."""
        layer = self._rules.layer
        dimension = layer.model.dimensions.get(condition.dimension)
        if dimension is None:
            raise MisfitError(f"{condition.dimension!r} cannot filter.")
        values = [asked.shielded.put_back(condition.dimension, value) for value in condition.values]
        if dimension.searchable:
            known = {value.casefold(): value for value, _ in layer.values(condition.dimension)}
            known |= {v.value.casefold(): v.value for v in dimension.values}
            missing = [value for value in values if value.casefold() not in known]
            if missing:
                raise MisfitError(f"{missing[0][:60]!r} is not a value of {condition.dimension}.")
            spoken = {known[v.casefold()]: self._names_of(condition.dimension, known[v.casefold()]) for v in values}
            said = {stem(token.text) for token in tokens(asked.question)}
            unsaid = [value for value, names in spoken.items() if not names & said]
            if unsaid:
                raise MisfitError(f"the question does not name {unsaid[0][:60]!r}; leave that filter out.")
            return Filter(field=condition.dimension, op=condition.op, values=tuple(spoken), words=condition.words)
        if dimension.type in {"number", "money"}:
            self._check_numbers(values, asked.question)
        return Filter(field=condition.dimension, op=condition.op, values=tuple(values), words=condition.words)

    def _check_nothing_dropped(self, slots: Slots, read: Slots) -> None:
        """What the rules did read of the question must be in the form: the model may add a meaning, not lose one."""
        for condition in read.filters:
            same = [f for f in slots.filters if f.field == condition.field]
            if not any(set(condition.values) <= set(f.values) and _side(f) == _side(condition) for f in same):
                raise MisfitError(f"the question says {condition.words!r}, which is not among the filters.")
        for name in read.group_by:
            if name not in slots.group_by:
                raise MisfitError(f"the question groups by {name!r}, which the form does not.")
        if read.period is not None and (slots.period is None or slots.period.period != read.period.period):
            raise MisfitError("the question names a period that the form does not have.")
        if read.limit is not None and slots.limit != read.limit:
            raise MisfitError(f"the question asks for {read.limit} rows.")
        if read.having or read.compare_grain or read.target or (read.compare and slots.compare is None):
            raise MisfitError("the question compares or bounds figures in a way that this form cannot say.")

    def _check_numbers(self, values: Iterable[str], question: str) -> None:
        items = tokens(question)
        said = {found.value for at in range(len(items)) if (found := read_amount(items, at)) is not None}
        for value in values:
            try:
                number = Decimal(value)
            except InvalidOperation:
                raise MisfitError(f"{value[:60]!r} is not a number.") from None
            if number not in said:
                raise MisfitError(f"the question does not say {value[:60]}.")

    def _names_of(self, dimension: str, value: str) -> set[str]:
        """The words by which a value can be called."""
        phrases = self._rules.lexicon.vocabulary.phrases
        named = {
            word
            for key, found in phrases.items()
            for word in key
            if any(m.name == dimension and m.value == value for m in found)
        }
        return named | {stem(token.text) for token in tokens(value)}

    def _period(self, words: str, asked: _Asked) -> TimeReading | None:
        """The period that the model's words mean to our own reader; the words must stand in the question."""
        if not words.strip():
            return None
        items = tokens(words)
        if words.casefold().strip() not in asked.question.casefold():
            raise MisfitError(f"the question does not say {words[:60]!r}.")
        for at in range(len(items)):
            found = read_period(items, at, asked.clock, self._rules.lexicon.fiscal_year_start)
            if found is not None:
                return found
        raise MisfitError(f"{words[:60]!r} is no period that can be read.")


def _figure_example(plan: MetricPlan) -> str:
    return FigureForm(answerable=True, metric=plan.query.metrics[0]).model_dump_json()


def _is_name(question: str, start: int, end: int) -> bool:
    """Whether a word carries a digit, or a capital that no beginning or shouting explains."""
    word = question[start:end]
    calm = question.upper() != question
    return any(char.isdigit() for char in word) or (calm and start > 0 and any(char.isupper() for char in word))


def _side(condition: Filter) -> str:
    """Equality and membership are one side, their denials the other; bounds stand for themselves."""
    return {"in": "=", "not in": "!="}.get(condition.op, condition.op)


def _coverage(read: Sequence[Covered], figure_words: str, metrics: str) -> tuple[Covered, ...]:
    """The rules' map with what the model accounts for: words of the figure, and words of other parts of its form."""
    figure = set(phrase(figure_words))
    found: list[Covered] = []
    for covered in read:
        if covered.slot != "unresolved":
            found.append(covered)
        elif set(phrase(covered.words)) & figure:
            found.append(Covered(words=covered.words, slot="model", meaning=metrics))
        else:
            found.append(Covered(words=covered.words, slot="model", meaning="read by the language model"))
    return tuple(found)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(str(part) for part in found['loc']) or 'form'}: {found['msg']}."
    return str(error)
