"""DuckDB files at rest: every file of the mirror is opened, made and attached here, plain or encrypted, never mixed.

With a key (`TENOR_ENCRYPTION_KEY`) DuckDB encrypts the file, its log and what it spills with AES-256-GCM. It does so
securely only with OpenSSL, which its httpfs extension brings as a wheel, loaded by path: nothing is fetched.
Without it DuckDB could only fall back to an unsafe generator, so that is refused here, and so is a plain file where
there should be an encrypted one. The key travels as a bound value, never in the text of a statement, so no error, log
or plan can show it.

An encrypted file is attached to an instance in memory: a cursor of such a connection must say `USE mirror` itself.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources as package_files
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

import duckdb
from pydantic import SecretStr

from sync.errors import EncryptionError, MirrorUnreadableError

ALIAS: Final = "mirror"
STORAGE_VERSION: Final = "v1.5.0"  # the newest that DuckDB 1.5 and 2 both read
SHORTEST_KEY: Final = 32  # characters: DuckDB hashes the key once, so it must be hard to guess by itself
_EXTENSION: Final = "duckdb_extension_httpfs"
_OFFLINE: Final = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_HEADER: Final = 28  # bytes: checksum (8), "DUCK" and its version (4 + 8), flags (8); bit 0 of the flags: encrypted

if find_spec("pandas") is None:  # DuckDB looks for it again with every bound value: a sixth of a small sync's time
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type] # how Python notes that there is none


@dataclass(frozen=True)
class Spool:
    """A file of UTF-8 text for DuckDB to read; `path` is good for as long as `file` is open, in this process."""

    file: IO[bytes]
    path: Path


def is_encrypted(path: Path) -> bool | None:
    """Whether a DuckDB file is encrypted, by its header; None when there is no such file, or it is none of DuckDB's."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return None
    if len(header) < _HEADER or header[8:12] != b"DUCK":
        return None
    return bool(header[20] & 1)


def open_database(path: Path, key: SecretStr | None, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A DuckDB file, opened; a missing one is made (encrypted when there is a key) unless `read_only`.

    Raises EncryptionError when key and file do not belong together, MirrorUnreadableError when a file to be read is
    missing, and whatever DuckDB raises.
    """
    if read_only and not path.exists():
        raise MirrorUnreadableError(f"{path} is missing; publish again with: tenor-sync once")
    _refuse_mismatch(path, key)
    if key is None:
        return duckdb.connect(str(path), read_only=read_only, config=_OFFLINE)  # type: ignore[arg-type] # values may be booleans
    no_files_yet = {**_OFFLINE, "temp_directory": ""}  # what others left in the current folder is not looked at
    connection = duckdb.connect(":memory:", config=no_files_yet)  # type: ignore[arg-type] # as above
    try:
        _load_openssl(connection)
        connection.execute("SET temp_directory = ?", [f"{path}.tmp"])
        mode = "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE_VERSION}'"
        _attach(connection, path, key, ALIAS, mode)
        connection.execute(f"USE {ALIAS}")
    except BaseException:
        connection.close()
        raise
    return connection


def attach_new(connection: duckdb.DuckDBPyConnection, path: Path, key: SecretStr | None, alias: str) -> None:
    """Attaches a new file for writing, encrypted when there is a key; the caller detaches it.

    Raises EncryptionError when it could not be encrypted, MirrorUnreadableError when the file exists already.
    """
    if path.exists():
        raise MirrorUnreadableError(f"{path} exists already, and a new file was to be written; move it away.")
    mode = f"STORAGE_VERSION '{STORAGE_VERSION}'"
    if key is None:
        connection.execute(f"ATTACH {quoted(path)} AS {alias} ({mode})")
        return
    _load_openssl(connection)
    _attach(connection, path, key, alias, mode)


@contextlib.contextmanager
def spool(folder: Path, key: SecretStr | None) -> Iterator[Spool]:
    """A file that hands rows over to DuckDB: in the folder, or, when there is a key, only in memory.

    Raises EncryptionError where the system has no files in memory.
    """
    if key is None:
        with tempfile.NamedTemporaryFile("wb", dir=folder, suffix=".ndjson") as file:
            yield Spool(file, Path(file.name))
        return
    if not hasattr(os, "memfd_create"):
        raise EncryptionError(
            "Encrypted mirrors can be written on Linux only: this system has no files in memory, and rows must not "
            "touch the disk in plain. Unset TENOR_ENCRYPTION_KEY here, and keep the folder on an encrypted disk.",
        )
    with os.fdopen(os.memfd_create("tenor-rows"), "wb") as file:
        yield Spool(file, Path(f"/proc/self/fd/{file.fileno()}"))


def quoted(path: Path) -> str:
    """A path as a SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


def _refuse_mismatch(path: Path, key: SecretStr | None) -> None:
    """A plain file is never opened with a key, nor an encrypted one without: either would be a silent mistake."""
    encrypted = is_encrypted(path)
    if encrypted and key is None:
        raise EncryptionError(f"{path} is encrypted; set TENOR_ENCRYPTION_KEY to the key it was written with.")
    if encrypted is False and key is not None:
        raise EncryptionError(
            f"{path} is not encrypted, though TENOR_ENCRYPTION_KEY is set; encrypt what is there with: tenor-sync "
            "rotate-key (see docs/encryption.md), or unset the key.",
        )


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, key: SecretStr, alias: str, mode: str) -> None:
    """Attaches with the key as a bound value, and makes sure that DuckDB did encrypt."""
    try:
        connection.execute(
            f"ATTACH {quoted(path)} AS {alias} (ENCRYPTION_KEY ?, ENCRYPTION_CIPHER 'GCM', {mode})",
            [key.get_secret_value()],
        )
    except duckdb.InvalidInputException as error:
        if "wrong encryption key" not in str(error).lower():
            raise
        raise EncryptionError(
            f"{path} was written with another key than TENOR_ENCRYPTION_KEY holds; set the key it was written with.",
        ) from None
    found = connection.execute(
        "SELECT encrypted AND cipher = 'GCM' FROM duckdb_databases() WHERE database_name = ?", [alias]
    ).fetchone()
    if found is None or not found[0]:
        connection.execute(f"DETACH {alias}")
        raise EncryptionError(f"DuckDB did not encrypt {path}, so nothing was written to it; report this.")


def _load_openssl(connection: duckdb.DuckDBPyConnection) -> None:
    """Loads DuckDB's httpfs extension from its wheel: it brings OpenSSL, without which encryption is unsafe or slow."""
    encrypted = connection.execute("SELECT current_setting('temp_file_encryption')").fetchone()
    if encrypted != (True,):  # DuckDB refuses to set it, even to what it is, once there are temporary files
        connection.execute("SET temp_file_encryption = true")
    connection.execute("SET force_mbedtls_unsafe = false")
    try:
        file = package_files.files(_EXTENSION) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
        with package_files.as_file(file) as path:
            connection.execute(f"LOAD {quoted(path)}")
    except (ModuleNotFoundError, FileNotFoundError, duckdb.Error):
        raise EncryptionError(
            "TENOR_ENCRYPTION_KEY is set, but the package duckdb-extension-httpfs of the version of DuckDB "
            f"({duckdb.__version__}) is not there, and without its OpenSSL nothing can be encrypted safely; install it "
            f"with: pip install duckdb-extension-httpfs=={duckdb.__version__}",
        ) from None
