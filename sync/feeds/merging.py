"""Typed rows into the work file, in one transaction: new rows in, corrected ones replaced, the old ones to the past.

The history contract is the mirror's: `known_from` when the mirror first held a version, `known_to` in the sister table
`<table>_past` when it learned a newer one. Nothing is written that is already there.
"""

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import duckdb

from sync.feeds.cells import Cell
from sync.feeds.declarations import Feed
from sync.feeds.validation import TypedRow

_CHUNK: Final = 20_000
PROVENANCE: Final = ("source_file", "source_line", "load_id", "loaded_at", "known_from")
_STAGE: Final = "stage_feed"


@dataclass(frozen=True)
class Origin:
    """Where rows come from, and when they are loaded (aware)."""

    load_id: str
    source_file: str
    loaded_at: dt.datetime


@dataclass(frozen=True)
class Merged:
    """How many rows were new, corrected, and there already."""

    new: int
    changed: int
    same: int


def merge(
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    rows: Sequence[TypedRow],
    origin: Origin,
    *,
    only_new: bool = False,
) -> Merged:
    """Merges rows by key; call it inside a transaction.

    `only_new` leaves rows alone whose key is there already: an old file that is read again never undoes a correction.
    """
    _stage(connection, feed, rows)
    same_key = " AND ".join(f't."{name}" = s."{name}"' for name in feed.key)
    differs = " OR ".join(f't."{name}" IS DISTINCT FROM s."{name}"' for name in feed.stored)
    if only_new:
        connection.execute(f'DELETE FROM {_STAGE} s USING "{feed.table}" t WHERE {same_key} AND ({differs})')  # noqa: S608 - names are ours
    same = _count(connection, f'DELETE FROM {_STAGE} s USING "{feed.table}" t WHERE {same_key} AND NOT ({differs})')  # noqa: S608
    changed = _count(
        connection,
        f'INSERT INTO "{feed.table}_past" BY NAME SELECT t.*, CAST(? AS TIMESTAMPTZ) AS known_to '  # noqa: S608
        f'FROM "{feed.table}" t JOIN {_STAGE} s ON {same_key}',
        [origin.loaded_at],
    )
    connection.execute(f'DELETE FROM "{feed.table}" t USING {_STAGE} s WHERE {same_key}')  # noqa: S608
    inserted = _count(
        connection,
        f'INSERT INTO "{feed.table}" BY NAME SELECT *, ? AS source_file, ? AS load_id, '  # noqa: S608
        f"CAST(? AS TIMESTAMPTZ) AS loaded_at, CAST(? AS TIMESTAMPTZ) AS known_from FROM {_STAGE}",
        [origin.source_file, origin.load_id, origin.loaded_at, origin.loaded_at],
    )
    connection.execute(f"DROP TABLE {_STAGE}")
    return Merged(inserted - changed, changed, same)


def withdraw(connection: duckdb.DuckDBPyConnection, feed: Feed, load_id: str, at: dt.datetime) -> int:
    """Moves the rows of one load to the past and counts them; what they replaced does not come back by itself."""
    connection.execute(
        f'INSERT INTO "{feed.table}_past" BY NAME SELECT *, CAST(? AS TIMESTAMPTZ) AS known_to FROM "{feed.table}" '  # noqa: S608
        "WHERE load_id = ?",
        [at, load_id],
    )
    return _count(connection, f'DELETE FROM "{feed.table}" WHERE load_id = ?', [load_id])  # noqa: S608


def _stage(connection: duckdb.DuckDBPyConnection, feed: Feed, rows: Iterable[TypedRow]) -> None:
    """A temporary table with the rows; values travel as text inside JSON, and become typed by exact casts."""
    names = (*feed.stored, "source_line")
    typed = ", ".join(f'"{name}"' for name in names)
    connection.execute(f'CREATE OR REPLACE TEMP TABLE {_STAGE} AS SELECT {typed} FROM "{feed.table}" LIMIT 0')  # noqa: S608
    structure = json.dumps([dict.fromkeys(names, "VARCHAR")])
    for chunk in _chunks(rows):
        values = [dict(zip(names, (*map(_text, row.values), row.line), strict=True)) for row in chunk]
        connection.execute(
            f"INSERT INTO {_STAGE} BY NAME SELECT unnest(from_json(CAST(? AS JSON), '{structure}'), recursive := true)",
            [json.dumps(values)],
        )


def _chunks(rows: Iterable[TypedRow]) -> Iterator[list[TypedRow]]:
    iterator = iter(rows)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk


def _text(value: Cell | None) -> str | None:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return None if value is None else str(value)


def _count(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()) -> int:
    """Rows that a changing statement touched."""
    found = connection.execute(sql, list(parameters)).fetchone()
    return int(found[0]) if found else 0
