"""The second clock: the mirror as it was known at a moment, so that a late correction does not rewrite an old answer.

A table with history keeps in it the versions that hold now, each with `known_from`, and in its sister `<table>_past`
the versions that held before, each with `known_from` and `known_to` (exclusive).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlglot import exp

from semantic_layer.fragments import comma, parse, render
from semantic_layer.parts_context import Cte

PAST = "_past"
KNOWN = "_as_known"


def histories(columns: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    """The tables with history among tables and their columns, each with the columns to read, in order."""
    kept = {name: found for name, found in columns.items() if f"{name}{PAST}" in columns and "known_from" in found}
    return {name: tuple(sorted(found & columns[f"{name}{PAST}"])) for name, found in kept.items()}


def as_known(entities: Sequence[Cte], history: Mapping[str, tuple[str, ...]], moment: datetime) -> list[Cte]:
    """The entities over what was known at the moment; tables without history are read as they are."""
    read: set[str] = set()
    bodies: list[Cte] = []
    for name, body in entities:
        tree = parse(body)
        for table in tree.find_all(exp.Table):
            if table.name in history:
                read.add(table.name)
                alias = table.alias_or_name
                table.set("this", exp.to_identifier(f"{table.name}{KNOWN}"))
                table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        bodies.append((name, render(tree)))
    return [*((f"{table}{KNOWN}", _versions(table, history[table], moment)) for table in sorted(read)), *bodies]


def _versions(table: str, columns: Sequence[str], moment: datetime) -> str:
    at = f"CAST({exp.Literal.string(moment.isoformat()).sql('duckdb')} AS TIMESTAMPTZ)"
    names = comma([f'"{name}"' for name in columns])
    return (
        f"SELECT {names} FROM {table} WHERE known_from <= {at}"
        f" UNION ALL SELECT {names} FROM {table}{PAST} WHERE known_from <= {at} AND known_to > {at}"
    )
