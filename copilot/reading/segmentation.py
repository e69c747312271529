"""Tokens to spans: the longest thing each stretch of the question can be. Nothing is thrown away: what has no meaning stays a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from copilot.planning.plan import Clock
from copilot.reading.amounts import Amount, read_amount
from copilot.reading.time_phrases import TimeReading, read_period
from copilot.reading.vocabulary import Meaning, Vocabulary
from copilot.reading.words import NEUTRAL, STOP_WORDS, Token, joined

COUNTRY_DIMENSIONS = ("entity_country", "supplier_country")


@dataclass(frozen=True)
class Span:
    """A stretch of the question with what it can mean: a period, an amount, phrases of the model, or a plain word."""

    items: tuple[Token, ...]
    meanings: tuple[Meaning, ...] = ()
    time: TimeReading | None = None
    amount: Amount | None = None

    @property
    def text(self) -> str:
        """The words, folded."""
        return joined(self.items)

    @property
    def stem(self) -> str:
        """The stem of the first word."""
        return self.items[0].stem

    def one(self, kind: str) -> Meaning | None:
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
    """Put right slips in words of the model; names of the data are left alone."""
    fixed, notes = [], []
    for token in items:
        correct = vocabulary.corrected(token.stem) if token.kind == "word" else None
        if correct is None:
            fixed.append(token)
        else:
            fixed.append(replace(token, text=correct, stem=correct))
            notes.append(f'Read "{token.text}" as "{correct}".')
    return Spelling(tuple(fixed), tuple(notes))


def segment(
    items: Sequence[Token], vocabulary: Vocabulary, clock: Clock, fiscal_year_start: int, *, ambiguous: bool = True
) -> tuple[Span, ...]:
    """Cut the tokens into spans, longest first. Without `ambiguous` the words with several meanings count for nothing."""
    spans: list[Span] = []
    at = 0
    while at < len(items):
        span = _span(items, at, vocabulary, clock, fiscal_year_start, ambiguous=ambiguous)
        spans.append(span)
        at += len(span.items)
    return tuple(spans)


def _span(
    items: Sequence[Token], at: int, vocabulary: Vocabulary, clock: Clock, fiscal: int, *, ambiguous: bool
) -> Span:
    time = read_period(items, at, clock, fiscal)
    length, meanings = _phrase(items, at, vocabulary, ambiguous=ambiguous)
    if time is not None and time.length >= length:
        return Span(tuple(items[at : at + time.length]), time=time)
    if meanings:
        return Span(tuple(items[at : at + length]), meanings=meanings)
    amount = read_amount(items, at)
    if amount is not None:
        return Span(tuple(items[at : at + amount.length]), amount=amount)
    names = _names(items, at, vocabulary)
    if names is not None:
        return names
    return Span((items[at],))


def _phrase(
    items: Sequence[Token], at: int, vocabulary: Vocabulary, *, ambiguous: bool
) -> tuple[int, tuple[Meaning, ...]]:
    for length in range(min(vocabulary.longest, len(items) - at), 0, -1):
        found = vocabulary.meanings(items, at, length)
        if not ambiguous:
            found = tuple(m for m in found if m.kind != "ambiguous")
        if (
            length == 1
            and (items[at].text in STOP_WORDS or items[at].stem in NEUTRAL)
            and all(m.kind == "value" or (m.kind == "dimension" and items[at].text in STOP_WORDS) for m in found)
        ):
            continue
        if found:
            return length, found
    return 0, ()


def _names(items: Sequence[Token], at: int, vocabulary: Vocabulary) -> Span | None:
    """Part of a name: the names that contain this word and the ones after it, as long as some name has them all."""
    if items[at].kind != "word" or items[at].stem in STOP_WORDS:
        return None
    kept: tuple[Meaning, ...] = ()
    length = 0
    for offset in range(min(6, len(items) - at)):
        here = vocabulary.names_by_word.get(items[at + offset].stem, ())
        both = here if offset == 0 else tuple(m for m in kept if m in here)
        if not both:
            break
        kept, length = both, offset + 1
    return Span(tuple(items[at : at + length]), meanings=kept) if kept else None
