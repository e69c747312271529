"""What words can mean: metrics, dimensions, values and filters of the semantic model, and the values in the mirror.

Built from the model's own names and synonyms and from the mirror's values, never from a list of questions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rapidfuzz import process
from rapidfuzz.distance import OSA

from copilot.reading import time_phrases, words
from copilot.reading.words import Token, phrase
from semantic_layer.model import Dimension, SemanticModel
from semantic_layer.periods import GRAINS

Kind = Literal["metric", "external", "ambiguous", "dimension", "filter", "value"]
LEGAL_FORMS = frozenset(
    [
        "inc",
        "llc",
        "ltd",
        "limited",
        "corp",
        "corporation",
        "gmbh",
        "ag",
        "sa",
        "sas",
        "sarl",
        "spa",
        "srl",
        "bv",
        "nv",
        "plc",
        "co",
        "kk",
        "ab",
        "oy",
        "as",
        "ltda",
        "pvt",
        "lp",
        "llp",
        "kg",
    ]
)
NAME_DIMENSIONS = ("supplier", "parent", "buying_entity", "category")
GRAIN_ADVERBS = {
    "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year", "annually": "year", "annual": "year",
    "monatlich": "month", "mensuel": "month",
}  # fmt: skip


class Layer(Protocol):
    """What the planner needs of the semantic layer."""

    @property
    def model(self) -> SemanticModel:
        """Metrics, dimensions and words."""

    @property
    def mirror_version(self) -> str:
        """Changes when the values may have changed."""

    def values(self, dimension: str) -> tuple[tuple[str, int], ...]:
        """Values of a dimension with their frequency."""

    def legal_dimensions(self, metric: str) -> frozenset[str]:
        """What a metric may be grouped and filtered by."""


@dataclass(frozen=True)
class Meaning:
    """One thing a phrase can stand for. `value` is set for values of a dimension."""

    kind: Kind
    name: str
    value: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """Phrases (tuples of stems) to meanings, names by the words they contain, and every word that is known."""

    phrases: Mapping[tuple[str, ...], tuple[Meaning, ...]]
    longest: int
    names_by_word: Mapping[str, tuple[Meaning, ...]]
    known: frozenset[str]
    spellable: tuple[str, ...] = field(repr=False)

    @classmethod
    def build(cls, layer: Layer) -> Vocabulary:
        """The vocabulary of a layer's model and of the values in its mirror."""
        found: dict[tuple[str, ...], list[Meaning]] = defaultdict(list)
        for text, meaning in _of_model(layer.model):
            key = phrase(text)
            if key and meaning not in found[key]:
                found[key].append(meaning)
        technical = frozenset(word for key in found for word in key)
        by_word: dict[str, list[Meaning]] = defaultdict(list)
        for dimension in layer.model.dimensions.values():
            if not dimension.searchable or dimension.as_of:
                continue
            for value, _count in layer.values(dimension.name):
                meaning = Meaning("value", dimension.name, value)
                _add_value(found, by_word, value, meaning)
        known = frozenset(word for key in found for word in key) | _CLOSED_CLASSES
        return cls(
            phrases={key: tuple(meanings) for key, meanings in found.items()},
            longest=min(max((len(key) for key in found), default=1), 12),
            names_by_word={word: tuple(meanings) for word, meanings in by_word.items()},
            known=known,
            spellable=tuple(sorted(word for word in technical if len(word) >= 5 and word.isalpha())),
        )

    def meanings(self, items: Sequence[Token], start: int, length: int) -> tuple[Meaning, ...]:
        """What the `length` tokens from `start` mean together."""
        return self.phrases.get(tuple(token.stem for token in items[start : start + length]), ())

    def corrected(self, word: str) -> str | None:
        """The word of the model that a misspelt one stands for: one slip in six letters, two in eight, the first right."""
        if len(word) < 6 or word in self.known or word in self.names_by_word:
            return None
        allowed = 1 if len(word) < 8 else 2
        same = [known for known in self.spellable if known[0] == word[0]]
        found = process.extractOne(word, same, scorer=OSA.distance, score_cutoff=allowed)
        return str(found[0]) if found else None


def _of_model(model: SemanticModel) -> Iterable[tuple[str, Meaning]]:
    """(phrase, meaning) of everything the model names."""
    for metric in model.metrics.values():
        meaning = Meaning("metric", metric.name)
        yield from ((text, meaning) for text in (metric.name.replace("_", " "), metric.label, *metric.synonyms))
    for external in model.external_metrics.values():
        yield from ((text, Meaning("external", external.name)) for text in (external.label, *external.synonyms))
    for term in model.ambiguous_terms:
        yield from ((text, Meaning("ambiguous", term.term)) for text in (term.term, *term.synonyms))
    for named in model.named_filters.values():
        yield from ((text, Meaning("filter", named.name)) for text in (named.label, *named.synonyms))
    for dimension in model.dimensions.values():
        yield from _of_dimension(dimension)


def _of_dimension(dimension: Dimension) -> Iterable[tuple[str, Meaning]]:
    for text in (dimension.name.replace("_", " "), dimension.label, *dimension.synonyms):
        yield text, Meaning("dimension", dimension.name)
    for declared in dimension.values:
        for text in (declared.value, *declared.synonyms):
            yield text, Meaning("value", dimension.name, declared.value)


def _add_value(
    found: dict[tuple[str, ...], list[Meaning]], by_word: dict[str, list[Meaning]], value: str, meaning: Meaning
) -> None:
    key = phrase(value)
    if not key:
        return
    bare = tuple(word for word in key if word not in LEGAL_FORMS) or key
    for form in {key, bare}:
        if len(form) <= 12 and meaning not in found[form]:
            found[form].append(meaning)
    if meaning.name in NAME_DIMENSIONS:
        for word in set(bare):
            if len(word) > 2 and word not in words.STOP_WORDS:
                by_word[word].append(meaning)


_CLOSED_CLASSES = (
    words.STOP_WORDS | words.NEGATIONS | words.GROUPERS | words.OVER | words.UNDER | words.TOP_WORDS | words.BOTTOM_WORDS | words.WORST_WORDS
    | words.TREND_WORDS | words.SHARE_WORDS | words.DEFINE_WORDS | words.FORECAST_WORDS | frozenset(time_phrases.MONTHS) | frozenset(time_phrases.UNITS)
    | frozenset(time_phrases.COUNTS) | frozenset(time_phrases.ORDINALS) | time_phrases.LAST | time_phrases.THIS | time_phrases.NEXT
    | time_phrases.ROLLING | frozenset(GRAINS) | frozenset(GRAIN_ADVERBS)
)  # fmt: skip
