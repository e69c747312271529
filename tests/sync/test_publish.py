import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync import publish as publishing
from sync import schema
from sync.errors import MirrorUnreadableError, SourceChangedError
from sync.mirror import Mirror
from sync.publish import (
    Manifest,
    new_manifest,
    open_published,
    publish,
    read_manifest,
    read_pointer,
    refuse_to_replace_real_data,
)


def publish_one(mirror: Mirror, folder: Path, now: dt.datetime, source: str = "http://stub") -> Path:
    """Publishes a version that keeps three."""
    return publish(mirror, folder, new_manifest(now, now, "America/New_York", source), 3)


def test_a_published_version_says_what_it_is(mirror: Mirror, tmp_path: Path, kit: Any) -> None:
    """Pointer and manifest agree; all tables are there; the file is complete by itself."""
    path = publish_one(mirror, tmp_path / "out", kit.now)

    pointer, manifest = read_pointer(tmp_path / "out"), read_manifest(tmp_path / "out")
    assert pointer.file == path.name == f"mirror-{manifest.mirror_version}.duckdb"
    assert (pointer.mirror_version, pointer.data_as_of) == (manifest.mirror_version, kit.now.isoformat())
    assert dataclasses.astuple(manifest)[1:6] == (
        kit.now,
        kit.now,
        "America/New_York",
        "http://stub",
        schema.SCHEMA_VERSION,
    )
    assert not path.with_name(f"{path.name}.wal").exists()
    with open_published(tmp_path / "out") as published:
        tables = {row[0] for row in published.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        version = published.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL"
        ).fetchone()
    assert {"invoices", "countries", "sync_bookmarks", "sync_runs", "rejected_records", "mirror_manifest"} <= tables
    assert version is not None
    assert version[0].startswith("v1.5")


def test_a_reader_keeps_its_version_while_new_ones_are_published(mirror: Mirror, tmp_path: Path, kit: Any) -> None:
    """It finishes on what it opened, even after that file is removed; the next opening sees the newest."""
    folder = tmp_path / "out"
    first = publish_one(mirror, folder, kit.now)
    with duckdb.connect(str(first), read_only=True) as reader:
        stream = reader.execute("SELECT code FROM countries ORDER BY code")
        assert stream.fetchone() == ("AD",)
        mirror._connection.execute("DELETE FROM countries WHERE code = 'ZW'")
        for _ in range(3):
            publish_one(mirror, folder, kit.now)
        assert not first.exists()
        assert stream.fetchall()[-1] == ("ZW",)
        assert reader.execute("SELECT count(*) FROM countries WHERE code = 'ZW'").fetchone() == (1,)
    with open_published(folder) as fresh:
        assert fresh.execute("SELECT count(*) FROM countries WHERE code = 'ZW'").fetchone() == (0,)


def test_the_last_versions_are_kept_and_names_never_repeat(mirror: Mirror, tmp_path: Path, kit: Any) -> None:
    """Three by default, the current one among them, although the clock stands still; no unfinished copy is left."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mirror-old.partial").write_text("half", encoding="utf-8")
    names = [publish_one(mirror, folder, kit.now).name for _ in range(5)]

    assert len(set(names)) == 5
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names[-3:], "current.json"])


def test_a_publication_that_fails_leaves_the_old_version_current(
    mirror: Mirror, tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers never see half of a version."""
    folder = tmp_path / "out"
    first = publish_one(mirror, folder, kit.now)

    def full(_path: Path, _manifest: Manifest, _key: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "_write_manifest", full)
    with pytest.raises(OSError, match="No space left"):
        publish_one(mirror, folder, kit.now)

    assert read_pointer(folder).file == first.name
    monkeypatch.undo()
    assert publish_one(mirror, folder, kit.now).exists()
    assert not list(folder.glob("*.partial*"))


def test_missing_and_broken_pointers_are_plain_sentences(tmp_path: Path) -> None:
    """Each with the command that mends it."""
    with pytest.raises(MirrorUnreadableError, match="no published mirror; make one with: tenor-sync once"):
        read_pointer(tmp_path)
    for text in ("", "[]", '{"file": "x"}', "{"):
        (tmp_path / "current.json").write_text(text, encoding="utf-8")
        with pytest.raises(MirrorUnreadableError, match="publish again"):
            read_pointer(tmp_path)
    pointer = {"file": "gone.duckdb", "mirror_version": "v", "published_at": "", "data_as_of": ""}
    (tmp_path / "current.json").write_text(json.dumps(pointer), encoding="utf-8")
    with pytest.raises(MirrorUnreadableError, match="is missing; publish again"):
        open_published(tmp_path)


def test_the_sandbox_never_replaces_real_data(mirror: Mirror, tmp_path: Path, kit: Any) -> None:
    """A forgotten TENOR_COUPA_URL must not put invented invoices before a treasurer; the other way round is fine."""
    publish_one(mirror, tmp_path, kit.now, "https://acme.coupahost.com")
    with pytest.raises(SourceChangedError, match=r"holds the mirror of https://acme\.coupahost\.com"):
        refuse_to_replace_real_data(tmp_path, "sandbox:small?seed=7")
    refuse_to_replace_real_data(tmp_path, "https://acme.coupahost.com")
    refuse_to_replace_real_data(tmp_path / "empty", "sandbox:small?seed=7")


def test_the_private_folder_is_private(mirror: Mirror, tmp_path: Path) -> None:
    """Nobody else on the machine reads half-merged invoices."""
    assert (tmp_path / "sync").stat().st_mode & 0o077 == 0
    mirror.close()
