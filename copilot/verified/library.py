"""The verified questions at work: read from their exact words, recognised by their exact plan, re-run with other slots.

The badge says that a person stands for this very plan. Words that are merely similar never earn it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from copilot.answer import VerifiedParameter, VerifiedUse
from copilot.errors import VerifiedQuestionError
from copilot.planning.decision import intent_of
from copilot.planning.gate import turned_away
from copilot.planning.normalise import fold
from copilot.planning.plan import Clock, Covered, MetricPlan, Plan
from copilot.planning.planner import Planner
from copilot.planning.slots import Lexicon, Slots
from copilot.planning.vocabulary import Layer
from copilot.verified.binding import Filled, Surroundings, fill, filled_by, query_of, said_of, slots_in
from copilot.verified.questions import SLOT, VerifiedQuestion
from semantic_layer.query import MetricQuery

_EDIT = re.compile(r"^\s*([a-z_]+)\s*[:=]\s*(.{1,120}?)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Library:
    """Verified questions over one layer. A question whose names the model has lost is passed over; `check` tells."""

    questions: Sequence[VerifiedQuestion]
    layer: Layer
    fiscal_year_start: int = 1

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], VerifiedQuestion], ...]:
        found = [(_pattern(text), question) for question in self.questions for text in _texts(question)]
        return tuple(sorted(found, key=lambda pair: len(pair[1].parameters)))

    def around(self, clock: Clock) -> Surroundings:
        """What words are read against."""
        return Surroundings(self.layer, clock, self.fiscal_year_start)

    def plan_of_words(self, text: str, clock: Clock) -> MetricPlan | None:
        """The plan of a question asked in exactly the words of a verified one, slots filled; else None."""
        asked = _bare(text)
        for pattern, question in self._patterns:
            match = pattern.fullmatch(asked) if question.in_force(clock.today) else None
            if match and (plan := self._plan(question, match.groupdict(), text, clock)) is not None:
                return plan
        return None

    def run(self, question: VerifiedQuestion, said: Mapping[str, str], clock: Clock) -> str:
        """The words that ask a verified question with these slots. Raises VerifiedQuestionError for a wrong one."""
        fill(question, said, self.around(clock))
        return question.words(said)

    def use_of(self, query: MetricQuery, clock: Clock) -> VerifiedUse | None:
        """Who stands for a query: the verified question with the fewest slots whose exact plan it is, or None."""
        around = self.around(clock)
        for question in sorted(self.questions, key=lambda q: len(q.parameters)):
            filled = slots_in(question, query, around) if question.in_force(clock.today) else None
            if filled is not None:
                return _use(question, filled)
        return None

    def edited(self, query: MetricQuery, text: str, clock: Clock) -> str | None:
        """As in "period: Q2 2026" after a verified answer: the question with that slot changed; else None."""
        match = _EDIT.match(text)
        use = self.use_of(query, clock) if match else None
        if match is None or use is None:
            return None
        question = self.named(use.id)
        name = match[1].lower()
        if name not in question.parameters:
            return None
        if filled_by(question.parameters[name], match[2], self.around(clock)) is None:
            return None
        return question.words({p.name: p.value for p in use.parameters} | {name: match[2]})

    def named(self, name: str) -> VerifiedQuestion:
        """The question of an id. Raises VerifiedQuestionError."""
        found = next((question for question in self.questions if question.id == name), None)
        if found is None:
            raise VerifiedQuestionError(f"There is no verified question {name!r}; `tenor verified` lists them.")
        return found

    def examples(self, clock: Clock) -> Iterator[tuple[str, VerifiedQuestion, Filled]]:
        """Every question in force with its slots at their defaults, where the mirror has them."""
        for question in self.questions:
            try:
                filled = fill(question, {}, self.around(clock))
            except VerifiedQuestionError:
                continue
            if question.in_force(clock.today):
                yield question.words({}), question, filled

    def _plan(self, question: VerifiedQuestion, said: Mapping[str, str], text: str, clock: Clock) -> MetricPlan | None:
        around = self.around(clock)
        known = self.layer.model.metrics
        if not set(question.plan.metrics) <= set(known):
            return None
        try:
            query = query_of(question.plan, fill(question, said, around), around)
        except VerifiedQuestionError:
            return None
        coverage = (Covered(words=text[:400], slot="verified", meaning=question.id),)
        return MetricPlan(intent=intent_of(query), query=query, coverage=coverage)


class VerifiedPlanner:
    """Verified questions first, by their exact words; every other question goes to the planner beneath."""

    def __init__(self, library: Library, beneath: Planner) -> None:
        self._library = library
        self._beneath = beneath

    @property
    def lexicon(self) -> Lexicon:
        """The words of the planner beneath."""
        return self._beneath.lexicon

    def plan(self, question: str, clock: Clock) -> Plan:
        """The verified plan, or what the planner beneath reads."""
        found = None if turned_away(question) else self._library.plan_of_words(question, clock)
        return found or self._beneath.plan(question, clock)

    def slots(self, question: str, clock: Clock, figures: Sequence[str] = ()) -> Slots:
        """What the words say; of a verified question at least which figures it is about."""
        slots = self._beneath.slots(question, clock, figures)
        if not slots.metrics and (found := self._library.plan_of_words(question, clock)) is not None:
            slots.metrics = list(found.query.metrics)
        return slots

    def plan_of(self, question: str, slots: Slots, clock: Clock) -> Plan:
        """What the planner beneath decides."""
        return self._beneath.plan_of(question, slots, clock)


def _use(question: VerifiedQuestion, filled: Filled) -> VerifiedUse:
    said = said_of(filled)
    return VerifiedUse(
        id=question.id,
        question=question.words(said),
        owner=question.owner,
        verified_by=question.verified_by,
        verified_on=question.verified_on.isoformat(),
        expires_on=question.expires_on.isoformat(),
        parameters=tuple(
            VerifiedParameter(name=name, kind=parameter.kind, value=said[name])
            for name, parameter in question.parameters.items()
        ),
    )


def _texts(question: VerifiedQuestion) -> Iterable[str]:
    return (question.question, *question.paraphrases)


def _bare(text: str) -> str:
    """Folded, one blank between words, no punctuation at the ends: what "the same words" means."""
    return " ".join(fold(text).split()).strip(" ?!.,;")


def _pattern(text: str) -> re.Pattern[str]:
    """The words with a group for each slot; a slot is never empty."""
    parts = SLOT.split(_bare(text))
    built = "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(built)
