"""Versions of rows: what the mirror holds now, and what it held before, with when it knew.

A table holds the newest version of each row since `known_from`; its `_past` sister holds the versions that were
replaced or removed, each for [known_from, known_to). So what was known at K is

    SELECT ... FROM T      WHERE known_from <= K
    UNION ALL BY NAME
    SELECT ... FROM T_past WHERE known_from <= K AND K < known_to

Times of knowledge are the starts of runs. A row that did not change keeps its `known_from`; a version that was known
for no time at all (two changes in one run) is not kept.

The functions run statements in the caller's transaction. A `stage` is a temporary table with the columns of the table
and `_seq`, one row per id.
"""

import datetime as dt
from collections.abc import Collection, Iterable

import duckdb

from sync.schema import KNOWN_FROM, KNOWN_TO, Table


def overlap(connection: duckdb.DuckDBPyConnection, table: Table, stage: str) -> bool:
    """Whether any staged id is in the table already: a first load has none, and needs no comparison."""
    found = connection.execute(
        f'SELECT EXISTS (SELECT 1 FROM "{table.name}" t SEMI JOIN {stage} s ON s.id = t.id)',  # noqa: S608
    ).fetchone()
    return bool(found and found[0])


def put(connection: duckdb.DuckDBPyConnection, table: Table, stage: str, known: dt.datetime) -> int:
    """Makes the table hold the staged rows, known from `known`; returns how many are new or changed."""
    if overlap(connection, table, stage):
        differs = " OR ".join(f't."{name}" IS DISTINCT FROM s."{name}"' for name in table.compared if name != "id")
        _retire(
            connection,
            table,
            f'SELECT t.rowid FROM "{table.name}" t JOIN {stage} s ON s.id = t.id WHERE {differs}',  # noqa: S608
            known,
        )
        rows = f'SELECT s.* FROM {stage} s ANTI JOIN "{table.name}" t ON t.id = s.id'  # noqa: S608
    else:
        rows = f"SELECT * FROM {stage}"  # noqa: S608
    return add(connection, table, rows, known)


def add(connection: duckdb.DuckDBPyConnection, table: Table, rows: str, known: dt.datetime) -> int:
    """Adds the rows of a query, which has `_seq` too, to a table that holds none of them; returns how many."""
    put_in = connection.execute(
        f'INSERT INTO "{table.name}" BY NAME SELECT * EXCLUDE (_seq), '  # noqa: S608
        f"CAST(? AS TIMESTAMPTZ) AS {KNOWN_FROM} FROM ({rows})",
        [known],
    ).fetchone()
    return int(put_in[0]) if put_in else 0


def remove(
    connection: duckdb.DuckDBPyConnection, table: Table, condition: str, known: dt.datetime, *, unless_in: str = ""
) -> int:
    """Retires the rows `t` of a condition, but for those whose ids are staged in `unless_in`; returns how many."""
    kept = f" AND NOT EXISTS (SELECT 1 FROM {unless_in} s WHERE s.id = t.id)" if unless_in else ""  # noqa: S608
    return _retire(connection, table, f'SELECT t.rowid FROM "{table.name}" t WHERE ({condition}){kept}', known)  # noqa: S608


def prune(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], before: dt.datetime) -> int:
    """Forgets the versions that were replaced before a moment; returns how many."""
    forgotten = 0
    for table in tables:
        gone = connection.execute(f'DELETE FROM "{table.past}" WHERE {KNOWN_TO} <= ?', [before]).fetchone()  # noqa: S608
        forgotten += int(gone[0]) if gone else 0
    return forgotten


def as_known(table: Table, columns: Collection[str] = ()) -> str:
    """The rows of a table as known at the parameter `$known`, as SQL; all columns of the table unless named."""
    listed = ", ".join(f'"{name}"' for name in columns or table.names)
    return (
        f'SELECT {listed} FROM "{table.name}" WHERE {KNOWN_FROM} <= $known UNION ALL '  # noqa: S608
        f'SELECT {listed} FROM "{table.past}" WHERE {KNOWN_FROM} <= $known AND $known < {KNOWN_TO}'
    )


def _retire(connection: duckdb.DuckDBPyConnection, table: Table, places: str, known: dt.datetime) -> int:
    """Moves the rows at places (a query for rowids) to the table's past."""
    found = connection.execute(
        f"CREATE OR REPLACE TEMP TABLE retired AS SELECT rowid AS place FROM ({places})",  # noqa: S608
    ).fetchone()
    if found is not None and not found[0]:
        return 0
    connection.execute(
        f'INSERT INTO "{table.past}" BY NAME SELECT t.*, CAST($known AS TIMESTAMPTZ) AS {KNOWN_TO} '  # noqa: S608
        f'FROM "{table.name}" t SEMI JOIN retired r ON r.place = t.rowid WHERE t.{KNOWN_FROM} < $known',
        {"known": known},
    )
    gone = connection.execute(
        f'DELETE FROM "{table.name}" t WHERE t.rowid IN (SELECT place FROM retired)',  # noqa: S608
    ).fetchone()
    return int(gone[0]) if gone else 0
