"""Writes the mirror anew under another key: work files in place, the current version under a new name.

Each file is written beside the old one, compared, flushed and put in its place in one step, so a stop leaves every file
under one key or the other, and running again finishes the rest. Older versions are removed at the end: then the old key
opens nothing.
"""

import datetime as dt
import secrets
from dataclasses import replace
from pathlib import Path

import duckdb
from pydantic import SecretStr

from sync.encryption import ALIAS, attach_new, is_encrypted, open_database, quoted
from sync.errors import EncryptionError, MirrorUnreadableError
from sync.publish import POINTER, move_pointer, read_pointer, to_disk
from sync.settings import Settings
from sync.writer_lock import only_writer

_COPY = "copied"


def rotate_key(settings: Settings, now: dt.datetime) -> tuple[Path, ...]:
    """Brings every file of the mirror under the new key of the settings; returns those that were written anew.

    The new key is TENOR_NEW_ENCRYPTION_KEY, or, to encrypt plain files, TENOR_ENCRYPTION_KEY. Raises EncryptionError
    when there is none, or when neither opens a file; MirrorBusyError when a sync is writing.
    """
    old, new = settings.encryption_key, settings.new_encryption_key or settings.encryption_key
    if new is None:
        raise EncryptionError(
            "There is no key to write with; set TENOR_NEW_ENCRYPTION_KEY to the new key, and TENOR_ENCRYPTION_KEY to "
            "the one in use, if there is one. Make a key with: openssl rand -base64 32",
        )
    done: list[Path] = []
    with only_writer(settings.work_folder, now):
        for path in sorted(settings.work_folder.glob("*.duckdb")):
            if not _opens(path, new):
                _in_place(path, old, new)
                done.append(path)
        if (settings.mirror_folder / POINTER).exists():
            done += _published(settings.mirror_folder, old, new)
    return tuple(done)


def _in_place(path: Path, old: SecretStr | None, new: SecretStr) -> None:
    unfinished = path.with_name(f"{path.name}.rotating")
    unfinished.unlink(missing_ok=True)
    try:
        _copy(path, old, unfinished, new)
        unfinished.rename(path)
        to_disk(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _published(folder: Path, old: SecretStr | None, new: SecretStr) -> list[Path]:
    """The current version under a new name, since readers keep serving the content of a name; then the others go."""
    pointer = read_pointer(folder)
    current = folder / pointer.file
    done: list[Path] = []
    if not _opens(current, new):
        renamed = folder / f"mirror-{pointer.mirror_version}.{secrets.token_hex(3)}.duckdb"
        unfinished = renamed.with_suffix(".partial")
        try:
            _copy(current, old, unfinished, new, read_only=True)
            unfinished.rename(renamed)
        finally:
            unfinished.unlink(missing_ok=True)
        move_pointer(folder, replace(pointer, file=renamed.name))
        current = renamed
        done.append(renamed)
    for path in folder.glob("mirror-*.duckdb"):
        if path != current:
            path.unlink(missing_ok=True)
    return done


def _copy(path: Path, old: SecretStr | None, target: Path, new: SecretStr, *, read_only: bool = False) -> None:
    """All of one file in another, which is compared and flushed."""
    with _source(path, old, read_only=read_only) as source:
        name = _one(source, "SELECT current_database()")
        if not read_only:
            source.execute("CHECKPOINT")
        attach_new(source, target, new, _COPY)
        source.execute(f'COPY FROM DATABASE "{name}" TO {_COPY}')
        source.execute(f"CHECKPOINT {_COPY}")
        if _counts(source, str(name)) != _counts(source, _COPY):
            raise MirrorUnreadableError(f"The copy of {path} under the new key is not complete; the old file was kept.")
        source.execute(f"DETACH {_COPY}")
    to_disk(target)
    with open_database(target, new, read_only=True):
        pass


def _source(path: Path, old: SecretStr | None, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """The old file, opened so that another one can be attached for writing."""
    if is_encrypted(path) or not read_only:
        return open_database(path, old if is_encrypted(path) else None, read_only=read_only)
    # In memory, since a plain file that is opened read-only would make every other one read-only, too; what it spills
    # lies beside the file, not in the working directory.
    connection = duckdb.connect(config={"temp_directory": f"{path}.tmp"})
    connection.execute(f"ATTACH {quoted(path)} AS {ALIAS} (READ_ONLY)")
    connection.execute(f"USE {ALIAS}")
    return connection


def _counts(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, object]:
    """Rows of each table."""
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND NOT temporary", [database]
    ).fetchall()
    return {
        name: _one(connection, f'SELECT count(*) FROM "{database}".main."{name}"')  # noqa: S608 - our own tables
        for (name,) in names
    }


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> object:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _opens(path: Path, key: SecretStr) -> bool:
    try:
        open_database(path, key, read_only=True).close()
    except EncryptionError:
        return False
    return True
