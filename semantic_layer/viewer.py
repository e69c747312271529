"""Who asks: the rows and the fields that a person may see, in every figure, list, value index and view.

A row policy is a condition on a dimension; it is put inside every query of a fact, so that nothing outside it is ever
added up. A hidden field can neither be shown, nor grouped, filtered or ordered by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from semantic_layer.errors import UnknownNameError
from semantic_layer.model import SemanticModel
from semantic_layer.query import Filter


@dataclass(frozen=True)
class Viewer:
    """A person, or a group of people with the same rights.

    `rows` are conditions on dimensions that all must hold (empty: every row). `hidden` are names of dimensions.
    """

    name: str = "everybody"
    rows: tuple[Filter, ...] = ()
    hidden: frozenset[str] = frozenset()

    @classmethod
    def of_entities(cls, name: str, entities: Iterable[str], hidden: Iterable[str] = ()) -> Viewer:
        """Somebody who sees the documents of some buying entities only; of none, when none is given."""
        allowed = Filter(field="buying_entity", op="in", values=tuple(sorted(entities)) or ("",))
        return cls(name, (allowed,), frozenset(hidden))

    def identity(self) -> str:
        """SHA-256 of what is permitted, whoever has the permission: part of the key of every cached result."""
        rows = sorted((f.field, f.op, f.values) for f in self.rows)
        return hashlib.sha256(repr((rows, sorted(self.hidden))).encode()).hexdigest()

    def check(self, model: SemanticModel) -> None:
        """Raise UnknownNameError when the policy names a dimension that does not exist: it would protect nothing."""
        for name in (*(f.field for f in self.rows), *sorted(self.hidden)):
            if name not in model.dimensions:
                raise UnknownNameError.of(f"dimension (in the policy of {self.name})", name, model.dimensions)


EVERYBODY = Viewer()
"""Sees everything: the viewer of an installation without policies."""
