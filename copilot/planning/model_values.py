"""Which values of the data a language model gets to see, and under which name.

shown        names in the question go out as they are typed, with the value they mean beside them: cleaned, capped, quoted
pseudonyms   names that strangers wrote (suppliers) leave as SUPPLIER_17 and are put back in what comes home
none         every value that the mirror knows leaves under a name like that

A name counts as known when the rules find it in the mirror, in whole, in part or nearly so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz, process

from copilot.planning.normalise import tokens
from copilot.planning.plan import Clock
from copilot.planning.rule_planner import RulePlanner
from copilot.planning.tagging import Span, tag
from copilot.planning.vocabulary import Meaning
from copilot.planning.word_classes import STOP_WORDS
from copilot.wording.quoting import clean, quoted

Sharing = Literal["shown", "pseudonyms", "none"]
LONGEST_QUESTION = 1_000
LONGEST_CELL = 60
NEARLY = 86.0
"""Likeness (0 to 100) from which a word is taken for a misspelt part of a name."""


@dataclass(frozen=True)
class Cell:
    """One value that the question names: `name` is what the model reads, `value` what the mirror holds."""

    dimension: str
    value: str
    name: str

    @property
    def is_hidden(self) -> bool:
        """Whether the name stands for a value that stays at home."""
        return self.name != self.value


@dataclass(frozen=True)
class Shielded:
    """A question as it may leave the house."""

    text: str
    cells: tuple[Cell, ...] = ()

    def put_back(self, dimension: str, name: str) -> str:
        """The value behind a name that the model wrote; the name itself where it stands for none."""
        found = [cell.value for cell in self.cells if cell.name == name and cell.dimension == dimension]
        return found[0] if found else name

    def lines(self) -> Iterator[str]:
        """The cells as the prompt lists them."""
        for cell in self.cells:
            shown = cell.name if cell.is_hidden else quoted(cell.value, LONGEST_CELL)
            yield f"- {cell.dimension}: {shown}"


class Shield:
    """Finds the values in a question and hides those that are not to be seen."""

    def __init__(self, rules: RulePlanner, sharing: Sharing) -> None:
        self._rules = rules
        self._sharing = sharing
        self._numbers: dict[tuple[str, str], dict[str, int]] = {}

    def over(self, question: str, clock: Clock) -> Shielded:
        """The question with its values shown or hidden as the setting says; cleaned of invisible characters."""
        lexicon = self._rules.lexicon
        spans = tag(tokens(question), lexicon.vocabulary, clock, lexicon.fiscal_year_start)
        found = [(span, meaning) for span in spans if (meaning := self._value_of(span)) is not None]
        text = question
        cells: list[Cell] = []
        for span, meaning in reversed(found):
            name = self._name(meaning) if self._hides(meaning.name) else meaning.value
            if name != meaning.value:
                text = f"{text[: span.start]}{name}{text[span.end :]}"
            cells.append(Cell(meaning.name, meaning.value, name))
        return Shielded(clean(text, LONGEST_QUESTION), tuple(dict.fromkeys(reversed(cells))))

    def _value_of(self, span: Span) -> Meaning | None:
        """The most frequent value that a span can be; a word that the catalogue knows too is no name."""
        vocabulary = self._rules.lexicon.vocabulary
        values = [meaning for meaning in span.meanings if meaning.kind == "value"]
        if values and len(values) == len(span.meanings):
            return max(values, key=lambda meaning: vocabulary.frequency.get(meaning, 0))
        word = span.stem
        if not word or len(word) < 5 or word in STOP_WORDS or word in vocabulary.known or self._sharing == "shown":
            return None
        near = process.extractOne(word, vocabulary.names_by_word.keys(), scorer=fuzz.ratio, score_cutoff=NEARLY)
        return vocabulary.names_by_word[near[0]][0] if near else None

    def _hides(self, dimension: str) -> bool:
        untrusted = self._rules.layer.model.dimensions[dimension].untrusted_text
        return self._sharing == "none" or (self._sharing == "pseudonyms" and untrusted)

    def _name(self, meaning: Meaning) -> str:
        """As in SUPPLIER_17: the seventeenth supplier by frequency; the same all day for one version of the mirror."""
        layer = self._rules.layer
        key = (layer.mirror_version, meaning.name)
        if key not in self._numbers:
            self._numbers[key] = {value: at for at, (value, _) in enumerate(layer.values(meaning.name), start=1)}
        numbers = self._numbers[key]
        return f"{meaning.name.upper()}_{numbers.setdefault(meaning.value, len(numbers) + 1)}"
