"""A double of the semantic layer for planning: the shipped model with values that do not change, and no mirror."""

from __future__ import annotations

from collections.abc import Mapping

from semantic_layer.errors import MissingFeedError
from semantic_layer.feed_needs import missing_feed
from semantic_layer.loader import load_model
from semantic_layer.model import SemanticModel
from semantic_layer.resolver import legal_dimensions


class FixedLayer:
    """The model and the values given; `values` counts come from the order (first is most frequent)."""

    mirror_version = "fixed"

    def __init__(self, values: Mapping[str, tuple[str, ...]], model: SemanticModel | None = None) -> None:
        self.model = model or load_model()
        self._values = values

    def values(self, dimension: str) -> tuple[tuple[str, int], ...]:
        """The values given for a dimension, with falling frequencies."""
        names = self._values.get(dimension, ())
        return tuple((name, 10 * (len(names) - i)) for i, name in enumerate(names))

    def legal_dimensions(self, metric: str) -> frozenset[str]:
        """By the model's own joins."""
        return legal_dimensions(self.model, self.model.metrics[metric])

    def missing_feed(self, metric: str) -> MissingFeedError | None:
        """No feed is ever loaded here."""
        return missing_feed(self.model.metrics[metric], self.model)
