"""SQLite files of the chat half, plain or encrypted whole by SQLCipher, never mixed: `open_file` is the only way in.

With a key (`TENOR_ENCRYPTION_KEY`) the file, its write-ahead log and its journal are AES-256 with an HMAC on every
page; temporary tables stay in memory. SQLCipher gets a key of its own, derived from the setting by HMAC-SHA256, so that
it needs no slow stretching of a password on each connection: the setting must therefore be hard to guess by itself.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from pydantic import SecretStr

from copilot.errors import StateKeyError

_PURPOSE: Final = b"tenor state store, key 1"
_PLAIN_HEADER: Final = b"SQLite format 3\0"


def driver(key: SecretStr | None) -> ModuleType:
    """The DB-API module that opens files with that key, or without one; raises StateKeyError when it is missing."""
    return sqlite3 if key is None else _sqlcipher()


def open_file(path: Path, key: SecretStr | None) -> sqlite3.Connection:
    """A connection to the file, which is made (for its owner only) when it is missing; usable from any thread.

    Without transactions of its own. Raises StateKeyError when key and file do not belong together, OSError when the
    file cannot be reached, and sqlite3.Error otherwise. SQLite itself looks whether they do: a file of this process
    that was opened and closed past it would take away the locks of all its connections, and with them what they write
    after another process has closed the file.
    """
    path.touch(mode=0o600)  # it holds figures: the owner alone reads it
    module = driver(key)
    connection = module.connect(str(path), isolation_level=None, check_same_thread=False)
    try:
        if key is not None:
            connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to standard error by itself
            connection.execute(f"PRAGMA key = {_raw(key)}")
            connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except module.DatabaseError as error:
        connection.close()
        if "not a database" not in str(error):
            raise sqlite3.OperationalError(str(error)) from None
        refuse_mismatch(path, key)
        raise StateKeyError(
            f"{path} was written with another key than TENOR_ENCRYPTION_KEY holds, or it is damaged. Set the key it "
            "was written with."
        ) from None
    return cast("sqlite3.Connection", connection)


def rewrite(path: Path, old: SecretStr | None, new: SecretStr) -> bool:
    """Writes the file anew under another key, keeping all that is in it; False if it was done already.

    A plain file is read as such; any other with the old key. The old file stays until the new one is complete and
    checked, and is then replaced in one step; a stop in between leaves the old file. Raises StateKeyError when neither
    key opens it, or when another process has it open.
    """
    if _opens(path, new):
        return False
    held = None if _is_plain(path) else old
    open_file(path, held).close()  # says so when the old key does not open it
    unfinished = path.with_name(f"{path.name}.rotating")
    unfinished.unlink(missing_ok=True)
    try:
        _export(path, held, unfinished, new)
        descriptor = os.open(unfinished, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def _export(path: Path, old: SecretStr | None, target: Path, new: SecretStr) -> None:
    """Copies everything from one file to another, checks it, and closes both."""
    with closing(_sqlcipher().connect(str(path), isolation_level=None)) as source:
        source.execute("PRAGMA cipher_log_level = NONE")
        if old is not None:
            source.execute(f"PRAGMA key = {_raw(old)}")
        source.execute("PRAGMA temp_store = MEMORY")
        _take_alone(source, path)
        target.touch(mode=0o600)
        source.execute(f"ATTACH DATABASE ? AS copied KEY {_raw(new)}", [str(target)])
        source.execute("SELECT sqlcipher_export('copied')")
        version = source.execute("PRAGMA main.user_version").fetchone()[0]
        source.execute(f"PRAGMA copied.user_version = {int(version)}")
        problems = source.execute("PRAGMA copied.integrity_check(1)").fetchall()
        if problems != [("ok",)] or _counts(source, "main") != _counts(source, "copied"):
            raise StateKeyError(f"The copy of {path} under the new key is not complete; the old file was kept.")
        source.execute("DETACH DATABASE copied")


def _take_alone(source: sqlite3.Connection, path: Path) -> None:
    """Folds the log into the file, which needs that nobody else has it open; raises StateKeyError when somebody has."""
    try:
        mode = source.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except _sqlcipher().OperationalError:
        mode = "locked"
    if mode != "delete":
        raise StateKeyError(f"{path} is open in another process. Stop the chat page and `tenor`, and try again.")


def _counts(connection: sqlite3.Connection, schema: str) -> dict[str, int]:
    """Rows of each table."""
    names = connection.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'").fetchall()  # noqa: S608
    quoted = {str(name): str(name).replace('"', '""') for (name,) in names}
    return {
        name: connection.execute(f'SELECT count(*) FROM {schema}."{safe}"').fetchone()[0]  # noqa: S608
        for name, safe in quoted.items()
    }


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PLAIN_HEADER)) == _PLAIN_HEADER


def _opens(path: Path, key: SecretStr | None) -> bool:
    try:
        open_file(path, key).close()
    except StateKeyError:
        return False
    return True


def refuse_mismatch(path: Path, key: SecretStr | None) -> None:
    """A plain file is never opened with a key, nor an encrypted one without: raises StateKeyError."""
    if not path.exists():
        return
    if path.stat().st_size == 0:
        return
    plain = _is_plain(path)
    if plain and key is not None:
        raise StateKeyError(
            f"{path} is not encrypted, though TENOR_ENCRYPTION_KEY is set. Encrypt it with `tenor rotate-key` (see "
            "docs/encryption.md), or unset the key."
        )
    if not plain and key is None:
        raise StateKeyError(
            f"{path} is encrypted, or it is damaged. Set TENOR_ENCRYPTION_KEY to the key it was written with."
        )


def _raw(key: SecretStr) -> str:
    """SQLCipher's own key as SQL: hexadecimal digits only."""
    return f"\"x'{hmac.digest(key.get_secret_value().encode(), _PURPOSE, 'sha256').hex()}'\""


def _sqlcipher() -> ModuleType:
    try:
        from sqlcipher3 import dbapi2  # noqa: PLC0415 (only who encrypts needs it)
    except ImportError:
        raise StateKeyError(
            "TENOR_ENCRYPTION_KEY is set, but the package sqlcipher3 is not there, so the state cannot be encrypted. "
            "Install it with: pip install sqlcipher3"
        ) from None
    return cast("ModuleType", dbapi2)
