"""The published mirror, opened read-only and locked down; each call on its own cursor, with a time limit and a row cap.

Sync publishes each version under a new file name and moves a pointer. The pointer is read before each question, so a
new version is picked up without a restart, and a question that is half way through finishes on the version it started
on.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from pydantic import SecretStr

from semantic_layer.encryption import ReadOnlyDatabase, open_beside_tables, open_read_only
from semantic_layer.errors import ExecutionError, MirrorMissingError, TimeLimitError

POINTER = "current.json"
MAX_KEPT = 500
"""Single rows that a version keeps, such as the sums of what a figure leaves out: the same for every grouping."""

CONFIG: dict[str, Any] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "allow_persistent_secrets": False,
    "memory_limit": "2GB",
    "max_temp_directory_size": "4GB",
    "threads": 2,
    "lock_configuration": True,
}


@dataclass(frozen=True)
class Rows:
    """Column names and rows of one statement; `truncated` when the cap cut it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


class Snapshot:
    """One published version of the mirror. Thread-safe: each statement runs on a cursor of its own."""

    def __init__(self, file: Path, time_limit: float, key: SecretStr | None = None) -> None:
        self.file = file
        self.key = key
        self._time_limit = time_limit
        self._running: dict[duckdb.DuckDBPyConnection, int] = {}
        self._once: dict[str, Rows] = {}
        self._keeping = threading.Lock()
        try:
            self._database = open_read_only(file, key, CONFIG)
        except duckdb.Error as error:
            raise MirrorMissingError(f"The mirror {file.name} cannot be opened: {_first_line(error)}") from error
        self.columns = self._read_columns()
        self.tables = frozenset(self.columns)
        self._beside: ReadOnlyDatabase | None = None
        self._rollups: dict[str, str] = {}
        self._rolling = threading.Lock()
        self.repeats: dict[tuple[str, str], int] = {}
        """Rows that repeat a key, by entity and key, where that was asked."""
        self._read_manifest()

    def _read_columns(self) -> dict[str, frozenset[str]]:
        """The columns of each table."""
        rows = self.run(
            "SELECT table_name, LIST(column_name) FROM duckdb_columns() WHERE NOT internal"
            " AND database_name = CURRENT_DATABASE() GROUP BY ALL"
        ).rows
        return {table: frozenset(names) for table, names in rows}

    def _read_manifest(self) -> None:
        if "mirror_manifest" not in self.tables:
            raise MirrorMissingError(
                f"{self.file.name} is not a Tenor mirror: it has no manifest. Run `tenor-sync once`."
            )
        found = self.run("SELECT mirror_version, data_as_of, company_time_zone FROM mirror_manifest").rows
        if not found:
            raise MirrorMissingError(f"{self.file.name} has an empty manifest. Run `tenor-sync once` again.")
        self.version, data_as_of, zone = found[0]
        self.data_as_of: datetime = data_as_of.astimezone(ZoneInfo(zone))
        self.drift = self._read_drift()
        self.source = self._read_source()
        self.first_date: date | None = None
        """Of the first invoice, where the mirror is of a company that gets any."""
        if "invoice_date" in self.columns.get("invoices", ()):
            self.first_date = self.run("SELECT MIN(invoice_date) FROM invoices").rows[0][0]

    def _read_drift(self) -> int | None:
        """Control totals that differed from Coupa when they were last compared; None where they never were."""
        if "drift" not in self.columns["mirror_manifest"]:
            return None
        found = self.run("SELECT drift FROM mirror_manifest").rows[0][0]
        return None if found is None else int(found)

    def _read_source(self) -> str:
        """Which Coupa the mirror is of; empty where that is not said."""
        if "source" not in self.columns["mirror_manifest"]:
            return ""
        return str(self.run("SELECT source FROM mirror_manifest").rows[0][0] or "")

    @property
    def data_date(self) -> date:
        """The last complete day: the day before the one on which the sync window ends."""
        return self.data_as_of.date() - timedelta(days=1)

    def rows_in(self, table: str) -> int:
        """How many rows a table has, as DuckDB estimates it; 0 for a table that is not there."""
        name = table.replace("'", "''")
        found = self.once(f"SELECT estimated_size FROM duckdb_tables() WHERE table_name = '{name}'").rows
        return int(found[0][0]) if found else 0

    def once(self, sql: str) -> Rows:
        """As `run`, for a single row: it is asked once, since a published version never changes."""
        kept = self._once.get(sql)
        if kept is None:
            kept = self.run(sql)
            with self._keeping:
                if len(kept.rows) <= 1:
                    self._once[sql] = kept
                if len(self._once) > MAX_KEPT:
                    del self._once[next(iter(self._once))]
        return kept

    def roll_up(self, name: str, sql: str) -> bool:
        """Make a table of the statement's rows in memory, beside this version, unless it is there already.

        False when another statement's rows have the name. Raises as `run` does.
        """
        with self._rolling:
            if name not in self._rollups:
                if self._beside is None:
                    self._beside = open_beside_tables(self.file, self.key, CONFIG)
                self._run(self._beside, f"CREATE OR REPLACE TABLE memory.main.{name} AS {sql}", 1)
                self._rollups[name] = sql
            return self._rollups[name] == sql

    def run(self, sql: str, cap: int = 100_000, *, rollups: bool = False) -> Rows:
        """Run one statement; with `rollups`, where it sees the tables of `roll_up`, too.

        Raises TimeLimitError when it was interrupted, ExecutionError when the engine refused it.
        """
        database = self._beside if rollups and self._beside is not None else self._database
        return self._run(database, sql, cap)

    def _run(self, database: ReadOnlyDatabase, sql: str, cap: int) -> Rows:
        cursor = database.cursor()
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            cursor.interrupt()

        timer = threading.Timer(self._time_limit, stop)
        timer.daemon = True
        timer.start()
        self._running[cursor] = threading.get_ident()
        try:
            cursor.execute(sql)
            rows = cursor.fetchmany(cap + 1)
            names = tuple(column[0] for column in cursor.description or ())
        except duckdb.InterruptException as error:
            why = f"took longer than {self._time_limit:g} s" if expired.is_set() else "was stopped"
            raise TimeLimitError(f"The query {why}; ask for a shorter period or fewer groups.") from error
        except duckdb.Error as error:
            raise ExecutionError(f"DuckDB refused the query: {_first_line(error)}") from error
        finally:
            timer.cancel()
            self._running.pop(cursor, None)
            cursor.close()
        return Rows(names, tuple(tuple(row) for row in rows[:cap]), len(rows) > cap)

    def interrupt(self, worker: int) -> None:
        """Stop the statements that a worker thread (its ident) is running on this version."""
        for cursor, owner in tuple(self._running.items()):
            if owner == worker:
                cursor.interrupt()


class Mirror:
    """Where the published versions live: a folder with a pointer, the pointer itself, or one file."""

    def __init__(self, path: Path | str, time_limit: float = 30.0, key: SecretStr | None = None) -> None:
        self.path = Path(path)
        self._time_limit = time_limit
        self._key = key
        self._lock = threading.Lock()
        self._current: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """The newest published version; opened once per version. Raises MirrorMissingError when there is none.

        Raises MirrorKeyError when the encryption key does not open it.
        """
        file = self._file()
        with self._lock:
            if self._current is None or self._current.file != file:
                self._current = Snapshot(file, self._time_limit, self._key)
            return self._current

    def _file(self) -> Path:
        if self.path.suffix == ".duckdb":
            return self._existing(self.path)
        pointer = self.path / POINTER if self.path.is_dir() else self.path
        if not pointer.exists():
            raise MirrorMissingError(
                f"There is no mirror at {self.path}. Run `tenor-sync once` first, or name one with --mirror."
            )
        try:
            name = json.loads(pointer.read_text(encoding="utf-8"))["file"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise MirrorMissingError(
                f"The pointer {pointer.name} is damaged. Run `tenor-sync once` to write it again."
            ) from error
        return self._existing(pointer.parent / str(name))

    def _existing(self, file: Path) -> Path:
        if not file.exists():  # DuckDB would create it
            raise MirrorMissingError(
                f"The mirror file {file.name} is missing. Run `tenor-sync once`, or name another with --mirror."
            )
        return file


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]
