import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from sync import __main__ as cli
from sync import key_rotation
from sync.encryption import is_encrypted, open_database
from sync.errors import EncryptionError, MirrorBusyError, MirrorUnreadableError
from sync.key_rotation import rotate_key
from sync.mirror import Mirror
from sync.publish import new_manifest, open_published, publish, read_manifest, read_pointer
from sync.settings import Settings
from sync.writer_lock import only_writer

NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
OLD = SecretStr("it's a key of forty characters; not more")
NEW = SecretStr("another key of more than thirty-two characters")
MARK = "Supplier-That-Must-Not-Be-Readable"


def made(folder: Path, key: SecretStr | None) -> Settings:
    """A work file with one country more, published twice."""
    settings = Settings(mirror=folder / "mirror", encryption_key=key)
    with Mirror.open(settings.work_folder / "work.duckdb", "https://acme.example", key) as mirror:
        with mirror.writing() as connection:
            connection.execute("INSERT INTO countries VALUES ('XX', ?, 'EMEA')", [MARK])
        for _ in range(2):
            manifest = new_manifest(NOW, NOW, "America/New_York", "https://acme.example")
            publish(mirror, settings.mirror_folder, manifest, keep=3)
    return settings


def contents(settings: Settings, key: SecretStr | None) -> list[Any]:
    """What the work file and the current version hold, table by table."""
    found: list[Any] = []
    work = settings.work_folder / "work.duckdb"
    for opened in (open_database(work, key, read_only=True), open_published(settings.mirror_folder, key)):
        with opened as connection:
            names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
            found.append({name: connection.execute(f'FROM "{name}" ORDER BY ALL').fetchall() for (name,) in names})
    return found


@pytest.mark.parametrize("old", [None, OLD])
def test_rotation_loses_nothing_and_shuts_the_old_key_out(tmp_path: Path, old: SecretStr | None) -> None:
    """All rows are there under the new key; the old one, or none, opens no file that is left; twice is once."""
    settings = made(tmp_path, old)
    before = contents(settings, old)
    version = read_manifest(settings.mirror_folder, old).mirror_version

    done = rotate_key(settings.model_copy(update={"new_encryption_key": NEW}), NOW)

    assert {path.parent for path in done} == {settings.work_folder, settings.mirror_folder}
    assert contents(settings, NEW) == before
    assert read_manifest(settings.mirror_folder, NEW).mirror_version == version
    left = sorted(tmp_path.rglob("*.duckdb*"))
    assert len(left) == 2
    assert b"".join(path.read_bytes() for path in left).count(MARK.encode()) == 0
    for path in left:
        assert is_encrypted(path) is True
        with pytest.raises(EncryptionError):
            open_database(path, old, read_only=True)
    assert rotate_key(settings.model_copy(update={"new_encryption_key": NEW}), NOW) == ()


def test_a_rotation_that_is_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work file is under the new key, the published one fails: it stays readable, and the next try finishes."""
    settings = made(tmp_path, OLD).model_copy(update={"new_encryption_key": NEW})
    pointer = read_pointer(settings.mirror_folder)
    real = key_rotation._counts

    def cut(connection: Any, database: str) -> dict[str, object]:
        short = database == "copied" and list(settings.mirror_folder.glob("*.partial"))
        return {} if short else real(connection, database)

    monkeypatch.setattr(key_rotation, "_counts", cut)
    with pytest.raises(MirrorUnreadableError, match="not complete; the old file was kept"):
        rotate_key(settings, NOW)
    monkeypatch.undo()

    assert read_pointer(settings.mirror_folder) == pointer
    assert read_manifest(settings.mirror_folder, OLD).source == "https://acme.example"
    assert not list(settings.mirror_folder.glob("*.partial"))
    assert [path.parent for path in rotate_key(settings, NOW)] == [settings.mirror_folder]
    assert contents(settings, NEW)


def test_a_wrong_old_key_changes_nothing(tmp_path: Path) -> None:
    """One sentence, and every byte as it was."""
    settings = made(tmp_path, OLD)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.duckdb")}
    wrong = SecretStr("a third key, of thirty-two characters or so")

    with pytest.raises(EncryptionError, match="written with another key"):
        rotate_key(settings.model_copy(update={"encryption_key": wrong, "new_encryption_key": NEW}), NOW)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*.duckdb")} == before


def test_no_rotation_while_a_sync_writes(tmp_path: Path) -> None:
    """The lock is the one of every writer."""
    settings = made(tmp_path, OLD).model_copy(update={"new_encryption_key": NEW})
    with only_writer(settings.work_folder, NOW), pytest.raises(MirrorBusyError):
        rotate_key(settings, NOW)


def test_the_command_takes_keys_from_the_environment(tmp_path: Path) -> None:
    """It names files and settings and shows no key; without a new key it says what to set."""
    made(tmp_path, OLD)
    environment = {"TENOR_MIRROR": str(tmp_path / "mirror"), "TENOR_ENCRYPTION_KEY": OLD.get_secret_value()}

    ran = CliRunner().invoke(
        cli.app, ["rotate-key"], env={**environment, "TENOR_NEW_ENCRYPTION_KEY": NEW.get_secret_value()}
    )

    assert ran.exit_code == 0, ran.output
    assert ran.output.count("is written under the new key.") == 2
    assert OLD.get_secret_value() not in ran.output
    assert NEW.get_secret_value() not in ran.output
    none = CliRunner().invoke(cli.app, ["rotate-key"], env={"TENOR_MIRROR": str(tmp_path / "mirror")})
    assert none.exit_code == 1
    assert "set TENOR_NEW_ENCRYPTION_KEY" in " ".join(none.output.split())
