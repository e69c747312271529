"""Publishing: a finished copy under a new name, then a pointer renamed into place.

Readers open the file that the pointer names, read-only. A name is never used twice, because DuckDB keeps serving the
old content of a path that a process has open. A reader that holds an old version keeps it until it lets go; the last
few versions stay on disk for those that are just opening one.
"""

import datetime as dt
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import duckdb
from pydantic import SecretStr

from sync import schema
from sync.encryption import is_encrypted, open_database
from sync.errors import MirrorUnreadableError, SourceChangedError
from sync.mirror import Mirror

POINTER: Final = "current.json"
_PREFIX: Final = "mirror-"
SANDBOX_SOURCE: Final = "sandbox:"


@dataclass(frozen=True)
class Manifest:
    """What a published version says of itself; times aware, `data_as_of` is exclusive.

    `known_since` is since when history is complete. `reconciled_at` is when it was last compared with Coupa (and with
    the ledger, if that was given), `drift` how many totals differed then, and `drift_summary` which, in a sentence.
    """

    mirror_version: str
    published_at: dt.datetime
    data_as_of: dt.datetime
    company_time_zone: str
    source: str
    schema_version: int = schema.SCHEMA_VERSION
    known_since: dt.datetime | None = None
    reconciled_at: dt.datetime | None = None
    drift: int | None = None
    drift_summary: str | None = None


@dataclass(frozen=True)
class Pointer:
    """The content of the pointer file; times as ISO text."""

    file: str
    mirror_version: str
    published_at: str
    data_as_of: str


def new_manifest(mirror_time: dt.datetime, data_as_of: dt.datetime, zone: str, source: str) -> Manifest:
    """The manifest of a version that is published at `mirror_time`; its name is unique."""
    version = f"{mirror_time.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    return Manifest(version, mirror_time, data_as_of, zone, source)


def refuse_to_replace_real_data(folder: Path, source: str, key: SecretStr | None = None) -> None:
    """Raises SourceChangedError when a sandbox company would replace the mirror of a real Coupa."""
    if not source.startswith(SANDBOX_SOURCE) or not (folder / POINTER).exists():
        return
    try:
        held = read_manifest(folder, key).source
    except MirrorUnreadableError as error:
        raise SourceChangedError(
            f"{error} The sandbox company does not replace what it cannot read: move {folder} away, or name another "
            "folder with --mirror for the demo.",
        ) from error
    if not held.startswith(SANDBOX_SOURCE):
        raise SourceChangedError(
            f"{folder} holds the mirror of {held}, which the sandbox company must not replace; set TENOR_COUPA_URL and "
            "the credentials to sync it, or name another folder with --mirror for the demo.",
        )


def publish(mirror: Mirror, folder: Path, manifest: Manifest, keep: int) -> Path:
    """Writes the finished copy, makes it the current version, and removes all but the last `keep`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    final = folder / f"{_PREFIX}{manifest.mirror_version}.duckdb"
    unfinished = final.with_suffix(".partial")
    checked, drift, summary = mirror.drift()
    manifest = replace(
        manifest, known_since=mirror.known_since(), reconciled_at=checked, drift=drift, drift_summary=summary
    )
    mirror.copy_to(unfinished)
    _write_manifest(unfinished, manifest, mirror.key)
    to_disk(unfinished)
    unfinished.rename(final)
    _point_to(folder, final, manifest)
    _remove_old(folder, final, keep)
    return final


def read_pointer(folder: Path) -> Pointer:
    """The pointer of a folder; raises MirrorUnreadableError when there is none, or it cannot be read."""
    try:
        return Pointer(**json.loads((folder / POINTER).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MirrorUnreadableError(f"{folder} holds no published mirror; make one with: tenor-sync once") from None
    except (ValueError, TypeError, OSError):
        raise MirrorUnreadableError(
            f"{folder / POINTER} cannot be read as a pointer; publish again with: tenor-sync once",
        ) from None


def open_published(folder: Path, key: SecretStr | None = None) -> duckdb.DuckDBPyConnection:
    """The current version, read-only; raises MirrorUnreadableError or EncryptionError."""
    path = folder / read_pointer(folder).file
    try:
        connection = open_database(path, key, read_only=True)
    except duckdb.Error as error:
        raise MirrorUnreadableError(f"{path} cannot be opened; publish again with: tenor-sync once") from error
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read_manifest(folder: Path, key: SecretStr | None = None) -> Manifest:
    """The manifest of the current version; raises MirrorUnreadableError or EncryptionError."""
    with open_published(folder, key) as connection:
        answer = connection.execute("SELECT * FROM mirror_manifest")
        names = [column[0] for column in answer.description or ()]
        row = answer.fetchone()
    if row is None:
        raise MirrorUnreadableError(f"The mirror in {folder} has no manifest; publish again with: tenor-sync once")
    return Manifest(**dict(zip(names, row, strict=True)))


def _write_manifest(path: Path, manifest: Manifest, key: SecretStr | None) -> None:
    with open_database(path, key) as connection:
        connection.execute("DELETE FROM mirror_manifest")
        values = ", ".join(f"${name} AS {name}" for name in asdict(manifest))
        connection.execute(f"INSERT INTO mirror_manifest BY NAME SELECT {values}", asdict(manifest))
        connection.execute("CHECKPOINT")


def _point_to(folder: Path, final: Path, manifest: Manifest) -> None:
    move_pointer(
        folder,
        Pointer(
            final.name, manifest.mirror_version, manifest.published_at.isoformat(), manifest.data_as_of.isoformat()
        ),
    )


def move_pointer(folder: Path, pointer: Pointer) -> None:
    """Renames a new pointer into place: a reader sees the old one or the new one, never half of one."""
    new = folder / f"{POINTER}.new"
    new.write_text(json.dumps(asdict(pointer)) + "\n", encoding="utf-8")
    to_disk(new)
    new.rename(folder / POINTER)
    to_disk(folder)


def _remove_old(folder: Path, current: Path, keep: int) -> None:
    """Keeps the current version and the ones published before it, `keep` in all; and no unfinished copy.

    Beside an encrypted version no plain one stays.
    """
    versions = sorted(folder.glob(f"{_PREFIX}*.duckdb"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    others = [path for path in versions if path != current]
    plain = [path for path in others if is_encrypted(current) and not is_encrypted(path)]
    for path in (*others[keep - 1 :], *plain, *folder.glob(f"{_PREFIX}*.partial*")):
        path.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Waits until a file or folder has really been written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
