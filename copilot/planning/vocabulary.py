"""What words can mean: metrics, dimensions, filters and dates of the semantic model, and the values in the mirror.

Built from the model's own names and synonyms and from the mirror's values, never from a list of questions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rapidfuzz import process
from rapidfuzz.distance import OSA

from copilot.planning.amounts import SCALES, WORDS
from copilot.planning.calendar_words import WORDS_OF_TIME
from copilot.planning.normalise import Token, phrase, stem, tokens
from copilot.planning.word_classes import CLOSED_CLASSES, DOCUMENT_NOUNS, STOP_WORDS
from semantic_layer.errors import MissingFeedError
from semantic_layer.model import Dimension, SemanticModel

Kind = Literal["metric", "external", "ambiguous", "dimension", "filter", "value", "role", "simulation"]

COUNTRIES = ("entity_country", "supplier_country")
"""The country of the buying entity (what a country means unless suppliers are named) and of the supplier."""

NAME_DIMENSIONS = ("supplier", "parent", "buying_entity", "category")
"""Dimensions whose values people shorten ("Quellmark" for "Quellmark UK Ltd")."""

LEGAL_FORMS = frozenset(
    "inc llc ltd limited corp corporation gmbh ag sa sas sarl spa srl bv nv plc co kk ab oy as ltda pvt "
    "lp llp kg company".split()
)
_LONGEST_NAME = 12
_CODES_LIKE_WORDS = frozenset("it in is at be no so me my do am as de la es".split())
"""Country codes that are words of the language: the country's name is used instead."""
_PLAIN_UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"))


class Layer(Protocol):
    """What the planner needs of the semantic layer."""

    @property
    def model(self) -> SemanticModel:
        """Metrics, dimensions and words."""

    @property
    def mirror_version(self) -> str:
        """Changes when the values may have changed."""

    def values(self, dimension: str) -> tuple[tuple[str, int], ...]:
        """Values of a dimension with their frequency, most frequent first."""

    def legal_dimensions(self, metric: str) -> frozenset[str]:
        """What a metric may be grouped and filtered by."""

    def missing_feed(self, metric: str) -> MissingFeedError | None:
        """Why a figure cannot be given until a feed is loaded."""


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
    frequency: Mapping[Meaning, int]
    known: frozenset[str]
    spellable: tuple[str, ...] = field(repr=False)
    punctuated: frozenset[tuple[str, ...]] = frozenset()
    """Phrases that are written with a comma or brackets in them; no other phrase reaches over one."""

    @classmethod
    def build(cls, layer: Layer, simulations: Iterable[tuple[str, str]] = ()) -> Vocabulary:
        """The vocabulary of a layer's model, of the values in its mirror, and of (phrase, simulation) pairs."""
        found: dict[tuple[str, ...], list[Meaning]] = defaultdict(list)
        punctuated: set[tuple[str, ...]] = set()
        for text, meaning in _of_model(layer.model):
            for key in _spellings(phrase(text)):
                punctuated |= {key} if any(token.apart for token in tokens(text)) else set()
                if key and meaning not in found[key]:
                    found[key].append(meaning)
        for text, name in simulations:
            found[phrase(text)].append(Meaning("simulation", name))
        technical = frozenset(word for key in found for word in key)
        by_word: dict[str, list[Meaning]] = defaultdict(list)
        frequency: dict[Meaning, int] = {}
        for dimension in layer.model.dimensions.values():
            if dimension.searchable and not dimension.as_of:
                for value, count in layer.values(dimension.name):
                    meaning = Meaning("value", dimension.name, value)
                    frequency[meaning] = count
                    if stem(value.lower()) not in _CODES_LIKE_WORDS:
                        _add_value(found, by_word, meaning)
                        punctuated.add(phrase(value)[:_LONGEST_NAME])
        steering = CLOSED_CLASSES | WORDS_OF_TIME | frozenset(WORDS) | frozenset(SCALES)
        return cls(
            phrases={key: tuple(meanings) for key, meanings in found.items()},
            longest=min(max((len(key) for key in found), default=1), _LONGEST_NAME),
            names_by_word={word: tuple(meanings) for word, meanings in by_word.items()},
            frequency=frequency,
            known=frozenset(word for key in found for word in key) | steering,
            spellable=tuple(sorted(w for w in technical | steering if len(w) >= 5 and w.isalpha())),
            punctuated=frozenset(punctuated),
        )

    def meanings(self, items: Sequence[Token], start: int, length: int) -> tuple[Meaning, ...]:
        """What the `length` tokens from `start` mean together."""
        key = tuple(token.stem for token in items[start : start + length])
        found = self.phrases.get(key, ())
        apart = bool(found) and any(token.apart for token in items[start + 1 : start + length])
        return () if apart and key not in self.punctuated else found

    def corrected(self, word: str) -> str | None:
        """The known word that a misspelt one stands for, or None.

        In up to seven letters one letter may be missing, too many or swapped with its neighbour; beyond that two slips of
        any kind. Words that differ by their ending only ("approver", "approved") are other words, not slips.
        """
        if len(word) < 5 or not word.isalpha() or word in self.known or word in self.names_by_word:
            return None
        allowed = 1 if len(word) < 8 else 2
        near = process.extract(word, self.spellable, scorer=OSA.distance, score_cutoff=allowed, limit=5)
        return next((str(found) for found, _, _ in near if _is_slip(word, str(found))), None)


def _is_slip(word: str, found: str) -> bool:
    """Whether a word can be a slip of the pen for another and not a word of its own."""
    if word[0] != found[0] or word.startswith(found) or found.startswith(word):
        return False
    shared = next(i for i, pair in enumerate(zip(word, found, strict=False)) if pair[0] != pair[1])
    longest = max(len(word), len(found))
    if shared >= longest - (1 if longest < 8 else 2):
        return False
    if len(word) != len(found) or sorted(word) == sorted(found):
        return True
    other_letters = sum(mine != theirs for mine, theirs in zip(word, found, strict=True))
    return len(word) >= 8 and other_letters == 1  # two other letters make another word: "converted", "contested"


def _spellings(key: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """A phrase, and the same with umlauts written plain."""
    yield key
    plain = tuple(_plain(word) for word in key)
    if plain != key:
        yield plain


def _plain(word: str) -> str:
    for written, plain in _PLAIN_UMLAUTS:
        word = word.replace(written, plain)
    return word


def _of_model(model: SemanticModel) -> Iterable[tuple[str, Meaning]]:
    for metric in model.metrics.values():
        for text in (metric.name.replace("_", " "), metric.label, *metric.synonyms):
            yield text, Meaning("metric", metric.name)
    for external in model.external_metrics.values():
        for text in (external.label, *external.synonyms):
            yield text, Meaning("external", external.name)
    for term in model.ambiguous_terms:
        for text in (term.term, *term.synonyms):
            yield text, Meaning("ambiguous", term.term)
    yield from _of_conditions(model)


def _of_conditions(model: SemanticModel) -> Iterable[tuple[str, Meaning]]:
    for dimension in model.dimensions.values():
        yield from _of_dimension(dimension)
    yield from _country_twins(model)
    for named in model.named_filters.values():
        for text in (named.label, *named.synonyms):
            yield text, Meaning("filter", named.name)
    for entity in model.entities.values():
        for role in entity.time_roles:
            for text in role.synonyms:
                yield text, Meaning("role", role.name)


def _of_dimension(dimension: Dimension) -> Iterable[tuple[str, Meaning]]:
    for text in (dimension.name.replace("_", " "), dimension.label, *dimension.synonyms):
        yield text, Meaning("dimension", dimension.name)
    for declared in dimension.values:
        for text in (declared.value, *declared.synonyms):
            if _is_name(text) and text.lower() not in _CODES_LIKE_WORDS:
                yield text, Meaning("value", dimension.name, declared.value)


def _country_twins(model: SemanticModel) -> Iterable[tuple[str, Meaning]]:
    """Names of a country in one country dimension, for the same country in the other ("US", "United States")."""
    known = [
        (Meaning("value", dimension.name, value.value), (value.value, *value.synonyms))
        for dimension in model.dimensions.values()
        if dimension.name in COUNTRIES
        for value in dimension.values
    ]
    for meaning, names in known:
        mine = {phrase(name) for name in names}
        for other, theirs in known:
            if other.name != meaning.name and mine & {phrase(name) for name in theirs}:
                yield from ((name, meaning) for name in theirs if name.lower() not in _CODES_LIKE_WORDS)


def _is_name(text: str) -> bool:
    """Whether a value can be told from the everyday noun: "Invoice" as a document type cannot."""
    key = phrase(text)
    return not (len(key) == 1 and key[0] in DOCUMENT_NOUNS)


def _add_value(
    found: dict[tuple[str, ...], list[Meaning]], by_word: dict[str, list[Meaning]], meaning: Meaning
) -> None:
    key = phrase(meaning.value)[:_LONGEST_NAME]
    if not key or not _is_name(meaning.value):
        return
    bare = tuple(word for word in key if word not in LEGAL_FORMS) or key
    for form in dict.fromkeys((key, bare)):
        if meaning not in found[form]:
            found[form].append(meaning)
    if meaning.name in NAME_DIMENSIONS:
        for word in dict.fromkeys(bare):
            if len(word) > 1 and (word not in STOP_WORDS or word.upper() in meaning.value.split()):
                by_word[word].append(meaning)
