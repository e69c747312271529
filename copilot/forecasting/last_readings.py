"""What was read last is kept: a question about the same version of the data need not read it again.

Books of hundreds of thousands of documents take seconds to read and are never changed once read. Few are kept, each
for the very layer that read it, its version of the mirror, its viewer and the filters: nobody is given what another
one saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import ref

from copilot.forecasting.record_reading import Rows
from semantic_layer import SemanticLayer
from semantic_layer.query import Filter

Read = TypeVar("Read")
KEPT = 2
Key = tuple[object, ...]


@dataclass
class LastReadings(Generic[Read]):
    """Reads through `read`, and keeps the last KEPT outcomes. Layers that are no `SemanticLayer` are always read."""

    read: Callable[[Rows, tuple[Filter, ...]], Read]
    kept: list[tuple[ref[SemanticLayer], Key, Read]] = field(default_factory=list)

    def __call__(self, layer: Rows, filters: tuple[Filter, ...] = ()) -> Read:
        """What is read from `layer` for `filters`. Raises what reading raises, and keeps nothing then."""
        if not isinstance(layer, SemanticLayer):
            return self.read(layer, filters)
        key: Key = (layer.mirror_version, layer.data_date, layer.viewer.identity(), layer.reporting_currency, filters)
        for owner, known, outcome in self.kept:
            if owner() is layer and known == key:
                return outcome
        outcome = self.read(layer, filters)
        if (layer.mirror_version, layer.data_date) == key[:2]:  # else a new version came in between
            alive = [entry for entry in self.kept if entry[0]() is not None]
            self.kept = [*alive[-(KEPT - 1) :], (ref(layer), key, outcome)]
        return outcome
