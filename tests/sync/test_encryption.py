import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from sync import encryption
from sync.encryption import attach_new, is_encrypted, open_database, spool
from sync.errors import EncryptionError, MirrorUnreadableError
from sync.mirror import Merging, Mirror
from sync.pages import decode_record
from sync.publish import new_manifest, open_published, publish, read_manifest
from sync.resources import RESOURCES
from sync.rows import Batch
from sync.state import Bookmark

KEY = SecretStr("it's a key of forty characters; not more")
OTHER = SecretStr("another key of more than thirty-two characters")
MARK = "Supplier-That-Must-Not-Be-Readable"
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)


def filled(path: Path, key: SecretStr | None) -> Path:
    """A database with a thousand rows that hold the mark."""
    with open_database(path, key) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT range AS i, '{MARK}-' || range AS name FROM range(1000)")
    return path


def bytes_below(folder: Path) -> bytes:
    """Every byte of every file in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_an_encrypted_file_opens_with_its_key_only(tmp_path: Path) -> None:
    """The rows come back with the key; another key, or none, gets one sentence that does not hold a key."""
    path = filled(tmp_path / "a.duckdb", KEY)

    with open_database(path, KEY, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(1000,)]
    with pytest.raises(EncryptionError, match="written with another key than TENOR_ENCRYPTION_KEY") as wrong:
        open_database(path, OTHER)
    with pytest.raises(EncryptionError, match="is encrypted; set TENOR_ENCRYPTION_KEY"):
        open_database(path, None, read_only=True)
    assert OTHER.get_secret_value() not in str(wrong.value)
    assert wrong.value.__cause__ is None


def test_a_plain_file_is_never_opened_when_there_is_a_key(tmp_path: Path) -> None:
    """Neither for reading nor for writing: the next row would go to disk in plain."""
    path = filled(tmp_path / "a.duckdb", None)

    for read_only in (True, False):
        with pytest.raises(EncryptionError, match=r"is not encrypted, though TENOR_ENCRYPTION_KEY is set.*rotate-key"):
            open_database(path, KEY, read_only=read_only)


def test_a_missing_file_is_made_encrypted_or_not_at_all(tmp_path: Path) -> None:
    """DuckDB would make a plain one for a reader; here a reader gets an error and a writer an encrypted file."""
    path = tmp_path / "a.duckdb"
    with pytest.raises(MirrorUnreadableError, match="is missing"):
        open_database(path, KEY, read_only=True)
    assert not path.exists()

    open_database(path, KEY).close()

    assert is_encrypted(path) is True


def test_nothing_on_disk_can_be_read_without_the_key(tmp_path: Path) -> None:
    """Neither the file nor its log, while it is open and after; the same rows in a plain file are found at once."""
    for key, readable in ((None, True), (KEY, False)):
        folder = tmp_path / str(readable)
        folder.mkdir()
        with open_database(folder / "a.duckdb", key) as connection:
            connection.execute("CREATE TABLE t (name VARCHAR)")
            connection.execute("SET wal_autocheckpoint = '1GB'")
            connection.execute("PRAGMA force_compression = 'uncompressed'")
            connection.execute(f"INSERT INTO t SELECT '{MARK}-' || range FROM range(1000)")
            assert (folder / "a.duckdb.wal").stat().st_size > 1000
            assert (MARK.encode() in bytes_below(folder)) is readable
            connection.execute("CHECKPOINT")
        assert (MARK.encode() in bytes_below(folder)) is readable


def test_what_spills_is_encrypted(tmp_path: Path) -> None:
    """With a key, temporary files are encrypted and stand beside the database, not in the current folder."""
    with open_database(tmp_path / "a.duckdb", KEY) as connection:
        settings = connection.execute(
            "SELECT name, value FROM duckdb_settings() WHERE name IN ('temp_directory', 'temp_file_encryption')"
        ).fetchall()
    assert dict(settings) == {"temp_directory": f"{tmp_path}/a.duckdb.tmp", "temp_file_encryption": "true"}


def test_rows_in_transit_never_touch_the_disk(tmp_path: Path) -> None:
    """With a key the file that hands rows over is in memory; without one it is in the folder."""
    for key, readable in ((None, True), (KEY, False)):
        with spool(tmp_path, key) as rows, duckdb.connect() as connection:
            rows.file.write(json.dumps({"name": MARK}).encode())
            rows.file.flush()
            read = f"SELECT name FROM read_json({encryption.quoted(rows.path)}, columns = {{'name': 'VARCHAR'}})"
            assert connection.execute(read).fetchall() == [(MARK,)]
            assert (MARK.encode() in bytes_below(tmp_path)) is readable


def test_a_system_without_files_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than writing rows to disk in plain."""
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(EncryptionError, match="on Linux only"), spool(tmp_path, KEY):
        pass


def test_without_openssl_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB's own generator is unsafe: no file is made, and the sentence says what to install."""
    monkeypatch.setattr(encryption, "_EXTENSION", "no_such_package_here")

    with pytest.raises(EncryptionError, match=rf"pip install duckdb-extension-httpfs=={duckdb.__version__}"):
        open_database(tmp_path / "a.duckdb", KEY)

    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_duckdb_did_not_encrypt_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should DuckDB ever attach without encrypting, nothing is written."""
    monkeypatch.setattr(encryption, "_load_openssl", lambda _connection: None)
    with duckdb.connect() as connection, pytest.raises((EncryptionError, duckdb.Error)) as caught:
        attach_new(connection, tmp_path / "a.duckdb", KEY, "copy")
    assert KEY.get_secret_value() not in str(caught.value)
    assert not is_encrypted(tmp_path / "a.duckdb")


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    """A copy goes to a new name."""
    path = filled(tmp_path / "a.duckdb", KEY)
    with duckdb.connect() as connection, pytest.raises(MirrorUnreadableError, match="exists already"):
        attach_new(connection, path, KEY, "copy")


def test_the_key_is_in_no_statement_and_no_setting(tmp_path: Path) -> None:
    """Nothing that a question could select shows the key."""
    path = filled(tmp_path / "a.duckdb", KEY)
    with open_database(path, KEY, read_only=True) as connection:
        shown = [
            connection.execute(sql).fetchall()
            for sql in (
                "FROM duckdb_databases()",
                "FROM duckdb_settings()",
                "FROM duckdb_logs",
                "FROM duckdb_optimizers()",
            )
        ]
    assert KEY.get_secret_value() not in repr(shown)
    assert "*****" in repr(KEY)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but some forty bytes of text"])
def test_what_is_no_database_has_no_verdict(tmp_path: Path, content: bytes) -> None:
    """A damaged header is neither encrypted nor plain: opening it says so."""
    path = tmp_path / "a.duckdb"
    path.write_bytes(content)
    assert is_encrypted(path) is None
    assert is_encrypted(tmp_path / "none") is None


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """An encrypted work file with one supplier."""
    suppliers = next(resource for resource in RESOURCES if resource.name == "suppliers")
    batch = Batch(suppliers)
    batch.add(decode_record(json.dumps({"id": 1, "name": MARK, "updated-at": "2026-11-01T00:00:00Z"})))
    with Mirror.open(tmp_path / "work" / "work.duckdb", "https://acme.example", KEY) as opened:
        opened.merge(batch, Bookmark("suppliers"), "r1", NOW, Merging(NOW))
        yield opened


def test_the_work_file_and_what_is_published_are_encrypted(mirror: Mirror, tmp_path: Path) -> None:
    """Publishing with a key leaves no byte of a name on disk, and removes plain versions of earlier."""
    folder = tmp_path / "out"
    folder.mkdir()
    earlier = filled(folder / "mirror-earlier.duckdb", None)

    path = publish(mirror, folder, new_manifest(NOW, NOW, "America/New_York", "https://acme.example"), keep=3)

    assert is_encrypted(path) is True
    assert not earlier.exists()
    assert MARK.encode() not in bytes_below(tmp_path)
    with open_published(folder, KEY) as published:
        assert published.execute("SELECT name FROM suppliers").fetchall() == [(MARK,)]
    assert read_manifest(folder, KEY).source == "https://acme.example"
    for key in (OTHER, None):
        with pytest.raises(EncryptionError):
            open_published(folder, key)


def test_temporary_files_of_others_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stopped program left behind, in the current folder or beside the file, keeps nobody from opening it."""
    path = tmp_path / "work.duckdb"
    open_database(path, KEY).close()
    for folder in (tmp_path / ".tmp", tmp_path / "work.duckdb.tmp"):
        folder.mkdir()
        (folder / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"x" * 4096)
    monkeypatch.chdir(tmp_path)

    with open_database(path, KEY) as connection:
        attach_new(connection, tmp_path / "copy.duckdb", KEY, "copy")
        assert connection.execute("SELECT current_setting('temp_file_encryption')").fetchone() == (True,)
