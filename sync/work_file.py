"""The connection to the work file: what opening it may meet, and how much memory DuckDB may have."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

import duckdb
from pydantic import SecretStr

from sync.encryption import open_database
from sync.errors import MirrorBusyError, MirrorUnreadableError

_MEMORY: Final = "96MB"
_SETTINGS: Final[Mapping[str, str]] = {
    "TimeZone": "UTC",
    "threads": "1",  # batches are read by one thread anyway, and typed by another
    "checkpoint_threshold": "128MB",  # a backfill would else stop at every few batches
    "allocator_flush_threshold": "4MB",  # what is freed goes back to the system, not only to DuckDB
    "allocator_bulk_deallocation_flush_threshold": "4MB",
}
Found = TypeVar("Found")


class Room:
    """The memory of a connection: little, so that a sync needs the same for tenants of any size.

    DuckDB writes to disk what goes beyond it. Few things cannot do with it, such as a record of many megabytes.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._all = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]

    def stay_small(self) -> None:
        """From now on little memory is used."""
        self._connection.execute(f"SET memory_limit = '{_MEMORY}'")

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Inside, DuckDB may have as much memory as it would by itself."""
        self._connection.execute(f"SET memory_limit = '{self._all}'")  # RESET would not reach what is in use
        try:
            yield
        finally:
            self.stay_small()

    def enough_for(self, action: Callable[[], Found]) -> Found:
        """What an action gives; it is done again with more memory when little was not enough, so it must bear that."""
        try:
            return action()
        except duckdb.OutOfMemoryException:
            pass  # leaves the handler first, or the error would hold on to what it failed with
        with self.taken():
            return action()


_NOT_DAMAGE: Final = ("permission denied", "read-only file system", "no space left", "file too large", "input/output")


def open_work_file(path: Path, key: SecretStr | None) -> duckdb.DuckDBPyConnection:
    """The work file, opened for writing with nothing fetched from the network."""
    try:
        connection = open_database(path, key)
    except duckdb.IOException as error:
        told = str(error).lower()
        if "could not set lock" in told or "unique file handle" in told:
            raise MirrorBusyError(
                f"{path} is held open by another program; close it (a DuckDB shell, another sync) and try again.",
            ) from error
        if any(reason in told for reason in _NOT_DAMAGE):
            raise  # the file is whole: room or a right is missing
        raise _unreadable(path) from error
    except duckdb.Error as error:
        raise _unreadable(path) from error
    for name, value in _SETTINGS.items():
        connection.execute(f"SET {name} = '{value}'")
    return connection


def _unreadable(path: Path) -> MirrorUnreadableError:
    return MirrorUnreadableError(
        f"{path} cannot be opened as a work file; delete it and sync again: Coupa still has everything, and the "
        "published mirror is not touched.",
    )
