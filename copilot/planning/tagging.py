"""Tokens to spans.

The longest thing each stretch of the question can be. What has no meaning stays a word; nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from copilot.planning.amounts import Amount, read_amount
from copilot.planning.normalise import Token, joined
from copilot.planning.plan import Clock
from copilot.planning.time_phrases import read_period
from copilot.planning.time_reading import TimeReading
from copilot.planning.vocabulary import Kind, Meaning, Vocabulary
from copilot.planning.word_classes import CONJUNCTIONS, NEGATIONS, STOP_WORDS

_LONGEST_PART = 6
_BEFORE_PRONOUNS = frozenset(
    "is was are were does did do will would can could should has have had if make made and but that when as than".split()
)
"""Words after which "it" is a pronoun even before a noun."""
_MEANT_BY_PLACE = frozenset({"value", "dimension", "role"})
"""Kinds that a stop word ("us", "it") takes on only where capitals or neighbours say so."""


@dataclass(frozen=True)
class Span:
    """A stretch of the question with what it can mean: a period, an amount, phrases of the model, or a plain word."""

    items: tuple[Token, ...]
    meanings: tuple[Meaning, ...] = ()
    time: TimeReading | None = None
    amount: Amount | None = None
    partial: bool = False
    """The words are part of the names in `meanings`."""

    @property
    def text(self) -> str:
        """The words, folded."""
        return joined(self.items)

    @property
    def stem(self) -> str:
        """The stem of a plain word; empty for everything else."""
        return self.items[0].stem if self.is_word else ""

    @property
    def start(self) -> int:
        """Where the span begins in the question."""
        return self.items[0].start

    @property
    def end(self) -> int:
        """Where the span ends in the question."""
        return self.items[-1].end

    def one(self, kind: Kind) -> Meaning | None:
        """The first meaning of a kind."""
        return next((m for m in self.meanings if m.kind == kind), None)

    @property
    def is_word(self) -> bool:
        """Whether this is a word without a meaning of the model."""
        return not self.meanings and self.time is None and self.amount is None


@dataclass(frozen=True)
class Spelling:
    """The tokens with slips put right, and what was read as what."""

    items: tuple[Token, ...]
    notes: tuple[str, ...]


def spell(items: Sequence[Token], vocabulary: Vocabulary) -> Spelling:
    """Put right slips in words that the model and the grammar know; names of the data are left alone."""
    fixed, notes = [], []
    for token in items:
        correct = vocabulary.corrected(token.stem) if token.kind == "word" else None
        if correct is None:
            fixed.append(token)
        else:
            fixed.append(replace(token, text=correct, stem=correct))
            notes.append(f'Read "{token.text}" as "{correct}".')
    return Spelling(tuple(fixed), tuple(dict.fromkeys(notes)))


def tag(items: Sequence[Token], vocabulary: Vocabulary, clock: Clock, fiscal_year_start: int) -> tuple[Span, ...]:
    """Cut the tokens into spans, the longest meaning first.

    A word with several figures behind it ("discounts") counts for nothing beside a figure that is named.
    """
    spans = _tag(items, vocabulary, clock, fiscal_year_start, vague=True)
    named = any(span.one("metric") or span.one("external") for span in spans)
    if named and any(span.one("ambiguous") for span in spans):
        return _tag(items, vocabulary, clock, fiscal_year_start, vague=False)
    return spans


def _tag(items: Sequence[Token], vocabulary: Vocabulary, clock: Clock, fiscal: int, *, vague: bool) -> tuple[Span, ...]:
    spans: list[Span] = []
    at = 0
    while at < len(items):
        span = _span(items, at, vocabulary, clock, fiscal, vague=vague)
        spans.append(span)
        at += len(span.items)
    return tuple(spans)


def _span(items: Sequence[Token], at: int, vocabulary: Vocabulary, clock: Clock, fiscal: int, *, vague: bool) -> Span:
    time = None if _is_annual_rate(items, at) else read_period(items, at, clock, fiscal)
    length, meanings = _phrase(items, at, vocabulary, vague=vague)
    if time is not None and time.length >= length:
        return Span(tuple(items[at : at + time.length]), time=time)
    if meanings:
        return Span(tuple(items[at : at + length]), meanings=meanings)
    amount = read_amount(items, at)
    if amount is not None:
        return Span(tuple(items[at : at + amount.length]), amount=amount)
    return _part_of_a_name(items, at, vocabulary) or Span((items[at],))


def _is_annual_rate(items: Sequence[Token], at: int) -> bool:
    """As in "15 % APR", which is no month."""
    return at > 0 and items[at].text == "apr" and (items[at - 1].text.endswith("%") or items[at - 1].stem == "percent")


def _phrase(items: Sequence[Token], at: int, vocabulary: Vocabulary, *, vague: bool) -> tuple[int, tuple[Meaning, ...]]:
    for length in range(min(vocabulary.longest, len(items) - at), 0, -1):
        found = vocabulary.meanings(items, at, length)
        if not vague:
            found = tuple(m for m in found if m.kind != "ambiguous")
        if length == 1 and items[at].stem in STOP_WORDS and not _stands_out(items, at, vocabulary):
            found = tuple(m for m in found if m.kind not in _MEANT_BY_PLACE)
        if found:
            return length, found
    return 0, ()


def _stands_out(items: Sequence[Token], at: int, vocabulary: Vocabulary) -> bool:
    """Whether a stop word is a name after all: "US", "the us", "us suppliers"."""
    if items[at].shouted:
        return True
    if items[at].text == "it":
        return _qualifies(items, at, vocabulary)
    if items[at].text != "us":
        return False
    before = items[at - 1].text if at else ""
    return before == "the" or any(m.kind == "dimension" for m in vocabulary.meanings(items, at + 1, 1))


def _qualifies(items: Sequence[Token], at: int, vocabulary: Vocabulary) -> bool:
    """As in "it spend q2", "our it suppliers": right before a figure or a noun, and no subject or object of anything."""
    following = (m for length in range(1, _LONGEST_PART) for m in vocabulary.meanings(items, at + 1, length))
    before = items[at - 1].text if at else ""
    return before not in _BEFORE_PRONOUNS and any(m.kind in {"metric", "dimension"} for m in following)


def _stands_for_a_name(items: Sequence[Token], at: int, vocabulary: Vocabulary) -> bool:
    """Whether a stop word is part of a name here: "IT", "excluding it", "marketing and it"."""
    if items[at].shouted:
        return True
    if items[at].text == "it" and _qualifies(items, at, vocabulary):
        return True
    before = items[at - 1].stem if at else ""
    listed = before in CONJUNCTIONS and at > 1 and any(m.kind == "value" for m in vocabulary.meanings(items, at - 2, 1))
    return before in NEGATIONS or before == "category" or listed


def _part_of_a_name(items: Sequence[Token], at: int, vocabulary: Vocabulary) -> Span | None:
    """Part of a name: the names that contain this word and the ones after it, as long as some name has them all."""
    if items[at].kind != "word" or (items[at].stem in STOP_WORDS and not _stands_for_a_name(items, at, vocabulary)):
        return None
    kept: tuple[Meaning, ...] = ()
    length = 0
    for offset in range(min(_LONGEST_PART, len(items) - at)):
        here = vocabulary.names_by_word.get(items[at + offset].stem, ())
        both = here if offset == 0 else tuple(m for m in kept if m in here)
        if not both:
            break
        kept, length = both, offset + 1
    return Span(tuple(items[at : at + length]), meanings=kept, partial=True) if kept else None
