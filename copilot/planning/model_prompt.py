"""What a language model is told about one question: the near part of the catalogue, near examples, named values.

Everything is capped. What the rules read of the question comes first, then what is likest to its words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from copilot.language_model import Message
from copilot.planning.model_retrieval import Nearest
from copilot.planning.model_values import Shielded
from copilot.planning.slots import Slots
from semantic_layer.model import Dimension, Metric, SemanticModel
from semantic_layer.periods import GRAINS

MOST_METRICS = 24
MOST_DIMENSIONS = 24
MOST_EXAMPLES = 4
CATALOGUE_CHARACTERS = 6_000
LONGEST_DEFINITION = 140


@dataclass(frozen=True)
class Example:
    """A question and its filled-in form as JSON text."""

    question: str
    form: str


@dataclass(frozen=True)
class Excerpt:
    """The names of the catalogue that one question gets to see."""

    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]


class Catalogue:
    """Metrics and dimensions of a model, found by the words of a question."""

    def __init__(self, model: SemanticModel, legal: Callable[[str], frozenset[str]]) -> None:
        self._model = model
        self._legal = legal
        self._metrics, self._dimensions = tuple(model.metrics.values()), tuple(model.dimensions.values())
        self._near_metrics = Nearest([_told(metric, metric.definition) for metric in self._metrics])
        self._near_dimensions = Nearest([_told(dimension, dimension.description) for dimension in self._dimensions])

    def excerpt(self, question: str, read: Slots) -> Excerpt:
        """The names nearest to a question; those that the rules read, and their relatives, are always in."""
        sure = [*read.metrics, *(name for known in read.metrics for name in self._model.metrics[known].related)]
        near = (self._metrics[at].name for at in self._near_metrics.nearest(question, MOST_METRICS))
        metrics = _first([name for name in sure if name in self._model.metrics], near, MOST_METRICS)
        metrics = metrics or tuple(metric.name for metric in self._metrics[:MOST_METRICS])
        legal = frozenset[str]().union(*(self._legal(name) for name in metrics))
        named = [*(n for n in read.group_by if n not in GRAINS), *(f.field for f in read.filters)]
        close = (self._dimensions[at].name for at in self._near_dimensions.nearest(question, len(self._dimensions)))
        rest = (dimension.name for dimension in self._dimensions if dimension.searchable)
        dimensions = _first(named, (name for name in (*close, *rest) if name in legal), MOST_DIMENSIONS)
        return Excerpt(metrics, dimensions)

    def text(self, excerpt: Excerpt) -> tuple[str, str]:
        """The lines about metrics and about dimensions, together within the cap; the last ones give way."""
        metrics = [self._model.metrics[name] for name in excerpt.metrics]
        dimensions = [self._model.dimensions[name] for name in excerpt.dimensions]
        shown = _capped((f"- {d.name}: {d.label}" for d in dimensions), CATALOGUE_CHARACTERS // 3)
        left = CATALOGUE_CHARACTERS - len(shown)
        return _capped((f"- {m.name}: {m.label}. {m.definition[:LONGEST_DEFINITION]}" for m in metrics), left), shown


class Examples:
    """Worked examples, found by the words of a question."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)
        self._near = Nearest([example.question for example in self._examples])

    def near(self, question: str) -> tuple[Example, ...]:
        """The nearest ones; the likest last, where a model heeds it most."""
        return tuple(self._examples[at] for at in reversed(self._near.nearest(question, MOST_EXAMPLES)))


def messages_of(
    sheet: str, catalogue: tuple[str, str], examples: Sequence[Example], shielded: Shielded
) -> list[Message]:
    """Instructions with catalogue and values, the examples as turns, the question last."""
    text = files("copilot").joinpath(f"prompts/{sheet}.md").read_text(encoding="utf-8")
    values = "\n".join(shielded.lines()) or "- none"
    system = text.format(metrics=catalogue[0], dimensions=catalogue[1], grains=", ".join(GRAINS), values=values)
    turns: list[Message] = []
    for example in examples:
        turns += [Message("user", example.question), Message("assistant", example.form)]
    return [Message("system", system), *turns, Message("user", shielded.text)]


def _told(entry: Metric | Dimension, more: str) -> str:
    return " ".join((entry.name.replace("_", " "), entry.label, *entry.synonyms, more))


def _first(sure: Iterable[str], near: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*sure, *near)))[:most]


def _capped(lines: Iterable[str], characters: int) -> str:
    kept: list[str] = []
    for line in lines:
        if sum(len(known) + 1 for known in kept) + len(line) > characters:
            break
        kept.append(line)
    return "\n".join(kept)
