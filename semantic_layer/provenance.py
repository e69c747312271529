"""Which columns of the mirror each column of an entity reads: what a hidden field hides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError

from semantic_layer.fragments import Bindings, entity_body, parse, with_dependencies
from semantic_layer.model import Dimension, SemanticModel

if TYPE_CHECKING:
    from sqlglot.lineage import Node

Origins = Mapping[str, frozenset[str]]
"""Column of an entity -> `table.column` of the mirror."""


def entity_statement(model: SemanticModel, names: set[str], bindings: Bindings) -> str:
    """`WITH …` of the entities and all that they depend on."""
    ctes = [f"{n} AS ({entity_body(model.entities[n].sql, bindings)})" for n in with_dependencies(model, names)]
    return f"WITH {', '.join(ctes)}"


def origins_of(model: SemanticModel, entity: str, bindings: Bindings, columns: Mapping[str, frozenset[str]]) -> Origins:
    """What each column of an entity reads. Empty when the mirror lacks a table or a column that the entity needs."""
    text = f"{entity_statement(model, {entity}, bindings)} SELECT * FROM {entity}"
    return _origins(text, tuple(sorted((table, tuple(sorted(names))) for table, names in columns.items())))


@lru_cache(maxsize=256)
def _origins(text: str, tables: tuple[tuple[str, tuple[str, ...]], ...]) -> Origins:
    from sqlglot.lineage import lineage  # noqa: PLC0415 - the optimizer is large, and only hidden fields need it

    schema = {table: dict.fromkeys(names, "VARCHAR") for table, names in tables}
    try:
        found = lineage(None, text, schema, dialect="duckdb")
    except SqlglotError:
        return {}
    return {name: _leaves(node) for name, node in found.items()}


def _leaves(node: Node) -> frozenset[str]:
    """`table.column` at the ends of a lineage."""
    return frozenset(
        f"{found.source.name}.{found.name.rsplit('.', 1)[-1].strip(chr(34))}".lower()
        for found in node.walk()
        if isinstance(found.source, exp.Table)
    )


def dimension_origins(
    model: SemanticModel, dimension: Dimension, bindings: Bindings, columns: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """The columns of the mirror that a dimension shows, wherever it is at home."""
    found: frozenset[str] = frozenset()
    for entity, expr in ((dimension.entity, dimension.expr), *sorted(dimension.homes.items())):
        for column in parse(expr).find_all(exp.Column):
            origins = origins_of(model, column.table or entity, bindings, columns)
            found |= origins.get(column.name, frozenset())
    return found


def hidden_origins(
    model: SemanticModel, hidden: frozenset[str], bindings: Bindings, columns: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """The columns of the mirror that hidden dimensions show."""
    return frozenset().union(
        *(dimension_origins(model, model.dimensions[name], bindings, columns) for name in sorted(hidden))
    )
