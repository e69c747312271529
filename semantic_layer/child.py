"""The process in which exploratory SQL runs: a script of its own, started anew for each statement, easily killed.

It reads one request (JSON) from standard input and writes one answer (JSON) to standard output. It imports nothing of
ours, has no environment, opens the mirror read-only beside an empty database that holds the permitted views, shuts
every door of the engine, locks it, asks for an estimate and runs the statement under a timer.

Answer: {"outcome": "rows" | "too large" | "time" | "refused", ...}. Cells are JSON; what JSON lacks travels as
{"decimal": "1.20"}, {"date": "2026-01-31"}, {"timestamp": "…"}, {"time": "…"}, {"float": "nan"} or {"text": "…"}.
"""

from __future__ import annotations

import json
import math
import sys
import threading
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb

CLOSED: dict[str, str | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "allow_persistent_secrets": False,
    "temp_directory": "",
}
LOCKED = (
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)

ALL_PAIRS = frozenset({"CROSS_PRODUCT", "NESTED_LOOP_JOIN", "BLOCKWISE_NL_JOIN", "PIECEWISE_MERGE_JOIN", "IE_JOIN"})
"""Steps that look at every pair of rows."""
KINDS: dict[type[Any], str] = {datetime: "timestamp", date: "date", time: "time"}
"""How moments travel; a datetime is a date too, so it stands first."""


def main() -> None:
    """One request, one answer."""
    request = json.load(sys.stdin)
    _limit_the_process(request)
    json.dump(answer(request), sys.stdout)
    sys.stdout.flush()


def _limit_the_process(request: dict[str, Any]) -> None:
    """No file may grow, no core is dumped, and the processor time is bounded, where the system can do that."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 (not on every system)

        seconds = int(request["seconds"] * request["threads"]) + 5
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What the request's statement gives."""
    expired = threading.Event()
    try:
        connection = opened(request)
        cursor = connection.cursor()

        def stop() -> None:
            expired.set()
            cursor.interrupt()

        timer = threading.Timer(request["seconds"], stop)
        timer.daemon = True
        timer.start()
        estimate = estimated_rows(cursor, request["sql"])
        if estimate > request["estimated_rows"]:
            return {"outcome": "too large", "estimated_rows": estimate}
        cursor.execute(request["sql"])
        columns = [column[0] for column in cursor.description or ()]
        rows, truncated = fetched(cursor, request["rows"], request["characters"])
    except duckdb.Error as error:
        if expired.is_set():
            return {"outcome": "time"}
        return {"outcome": "refused", "message": str(error).split("\n", maxsplit=1)[0]}
    return {
        "outcome": "rows",
        "columns": columns,
        "rows": rows,
        "truncated": truncated,
        "estimated_rows": estimate,
    }


def opened(request: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """An empty database with the views, the mirror attached read-only, every door shut and locked."""
    config = {**CLOSED, "memory_limit": str(request["memory"]), "threads": int(request["threads"])}
    connection = duckdb.connect(":memory:", config=config)
    file = request["file"].replace("'", "''")
    key = "ENCRYPTION_KEY ?, " if request["key"] else ""
    connection.execute(
        f"ATTACH '{file}' AS {request['catalog']} ({key}READ_ONLY)", [request["key"]] if request["key"] else None
    )
    for name, body in request["views"].items():
        connection.execute(f'CREATE VIEW "{name}" AS {body}')
    for statement in LOCKED:
        connection.execute(statement)
    return connection


def estimated_rows(cursor: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The most rows that any step of the plan reads or makes, by the engine's estimate."""
    plans = cursor.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    return max((_rows(node)[1] for row in plans for node in json.loads(row[1])), default=0)


def _rows(node: dict[str, Any]) -> tuple[int, int]:
    """What a step makes, and the most that it or a step below it makes.

    The engine has no estimate for a cross product, and too low a one for joins on inequalities: they compare all pairs.
    """
    below = [_rows(child) for child in node.get("children", ())]
    text = str(node.get("extra_info", {}).get("Estimated Cardinality", "")).lstrip("~")
    made = int(text) if text.isdigit() else max((rows for rows, _ in below), default=0)
    compared = math.prod(rows for rows, _ in below) if node.get("name") in ALL_PAIRS else 0
    if node.get("name") == "CROSS_PRODUCT":
        made = compared
    return made, max([made, compared, *(most for _, most in below)])


def fetched(cursor: duckdb.DuckDBPyConnection, cap: int, characters: int) -> tuple[list[list[Any]], bool]:
    """Rows up to the cap or the size, and whether there were more."""
    rows: list[list[Any]] = []
    size = 0
    while block := cursor.fetchmany(min(1000, cap + 1 - len(rows))):
        for row in block:
            cells = [cell(value) for value in row]
            size += sum(len(str(value)) for value in cells)
            if len(rows) == cap or size > characters:
                return rows, True
            rows.append(cells)
    return rows, False


def cell(value: Any) -> Any:
    """A value as JSON can carry it."""
    if isinstance(value, list | tuple):
        return [cell(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, Decimal):
        return {"decimal": format(value, "f")}
    for kind, name in KINDS.items():
        if isinstance(value, kind):
            return {name: value.isoformat()}
    return {"text": str(value)}


if __name__ == "__main__":
    main()
