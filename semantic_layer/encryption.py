"""Opening a published mirror, plain or encrypted, read-only and locked down.

An encrypted file is attached with its key as a bound value, so the key is in no statement, error or setting that a
question could show. DuckDB could read it by itself; its httpfs extension, loaded from its wheel, does so with OpenSSL,
which takes a quarter of the time. With external access switched off and the configuration locked, that extension can
reach no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources as package_files
from pathlib import Path
from typing import Any, Final

import duckdb
from pydantic import SecretStr

from semantic_layer.errors import MirrorKeyError

ALIAS: Final = "mirror"
_EXTENSION: Final = "duckdb_extension_httpfs"
_HEADER: Final = 28  # bytes: checksum (8), "DUCK" and its version (4 + 8), flags (8); bit 0 of the flags: encrypted
_LAST: Final = ("enable_external_access", "lock_configuration")  # in this order, once the file is attached


class ReadOnlyDatabase:
    """One open file. Thread-safe as long as each thread uses cursors of its own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, attached: bool, own_tables: bool = False) -> None:
        self._connection = connection
        self._use = f"USE {ALIAS}" if attached else None
        if own_tables:
            self._use = f"SET search_path = '{ALIAS}.main,memory.main'"

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor that sees the tables by their bare names, which one on an attached file does not by itself."""
        cursor = self._connection.cursor()
        if self._use:
            cursor.execute(self._use)
        return cursor

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()


def open_read_only(file: Path, key: SecretStr | None, config: Mapping[str, Any]) -> ReadOnlyDatabase:
    """The file, opened with `config` in force.

    Raises MirrorKeyError when key and file do not belong together, and whatever DuckDB raises.
    """
    encrypted = is_encrypted(file)
    if encrypted and key is None:
        raise MirrorKeyError(
            f"The mirror {file.name} is encrypted. Set TENOR_ENCRYPTION_KEY to the key that the sync writes with."
        )
    if key is None:
        return ReadOnlyDatabase(duckdb.connect(str(file), read_only=True, config=dict(config)), attached=False)
    if encrypted is False:
        raise MirrorKeyError(
            f"The mirror {file.name} is not encrypted, though TENOR_ENCRYPTION_KEY is set. Encrypt it with "
            "`tenor-sync rotate-key` (see docs/encryption.md), or unset the key."
        )
    return ReadOnlyDatabase(_attached(file, key, config), attached=True)


def open_beside_tables(file: Path, key: SecretStr | None, config: Mapping[str, Any]) -> ReadOnlyDatabase:
    """The file, opened again beside tables of our own in memory (`memory.main`), with `config` in force.

    Raises as `open_read_only` does.
    """
    return ReadOnlyDatabase(_attached(file, key, config), attached=True, own_tables=True)


def is_encrypted(file: Path) -> bool | None:
    """Whether a DuckDB file is encrypted, by its header; None when it is none of DuckDB's."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    if len(header) < _HEADER or header[8:12] != b"DUCK":
        return None
    return bool(header[20] & 1)


def _attached(file: Path, key: SecretStr | None, config: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    kept = {name: value for name, value in config.items() if name not in _LAST}
    # spill files that others left in the current folder would make DuckDB refuse to encrypt ours
    connection = duckdb.connect(":memory:", config={**kept, "temp_directory": ""})
    try:
        quoted = str(file).replace("'", "''")
        if key is None:
            connection.execute("SET temp_directory = ?", [f"{file}.tmp"])
            connection.execute(f"ATTACH '{quoted}' AS {ALIAS} (READ_ONLY)")
        else:
            _load_openssl(connection)
            if connection.execute("SELECT current_setting('temp_file_encryption')").fetchone() != (True,):
                connection.execute("SET temp_file_encryption = true")
            connection.execute("SET temp_directory = ?", [f"{file}.tmp"])
            connection.execute(f"ATTACH '{quoted}' AS {ALIAS} (ENCRYPTION_KEY ?, READ_ONLY)", [key.get_secret_value()])
        connection.execute(f"USE {ALIAS}")
        for name in _LAST:
            if name in config:
                connection.execute(f"SET {name} = {str(config[name]).lower()}")
    except BaseException as error:
        connection.close()
        if isinstance(error, duckdb.InvalidInputException) and "wrong encryption key" in str(error).lower():
            raise MirrorKeyError(
                f"The mirror {file.name} was written with another key than TENOR_ENCRYPTION_KEY holds. Set the key "
                "that the sync writes with."
            ) from None
        raise
    return connection


def _load_openssl(connection: duckdb.DuckDBPyConnection) -> None:
    """Loads the extension by its path in the wheel: without it, what a query spills would not be encrypted safely."""
    try:
        found = package_files.files(_EXTENSION) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
        with package_files.as_file(found) as path:
            quoted = str(path).replace("'", "''")
            connection.execute(f"LOAD '{quoted}'")
    except (ModuleNotFoundError, FileNotFoundError, duckdb.Error):
        raise MirrorKeyError(
            "An encrypted mirror needs the package duckdb-extension-httpfs of the version of DuckDB "
            f"({duckdb.__version__}). Install it with: pip install duckdb-extension-httpfs=={duckdb.__version__}"
        ) from None
