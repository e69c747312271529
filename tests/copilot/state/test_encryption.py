from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from copilot.errors import StateKeyError
from copilot.state import encryption
from copilot.state.encryption import open_file, rewrite
from copilot.state.store import StateStore
from copilot.surfaces.cli import app

KEY = SecretStr("it's a key of forty characters; not more")
OTHER = SecretStr("another key of more than thirty-two characters")
MARK = "A-Question-That-Must-Not-Be-Readable"


def filled(folder: Path, key: SecretStr | None) -> Path:
    """A state store with one turn that holds the mark."""
    with StateStore.open(f"sqlite:///{folder}/state.db", key=key) as store:
        store.turns.record("t1", "thread", MARK, {"headline": MARK}, '{"pack": 1}', "0" * 64)
        store.threads.save("thread", {"asked": MARK}, title=MARK)
    return folder / "state.db"


def bytes_below(folder: Path) -> bytes:
    """Every byte of every file in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def question_of(folder: Path, key: SecretStr | None) -> str | None:
    """The stored question."""
    with StateStore.open(f"sqlite:///{folder}/state.db", key=key) as store:
        turn = store.turns.get("t1")
        thread = store.threads.get("thread")
    assert turn is None or (thread is not None and thread.state == {"asked": MARK})
    return None if turn is None else turn.question


def test_with_a_key_no_question_can_be_read_on_disk(tmp_path: Path) -> None:
    """Neither while the store is open, in its write-ahead log, nor after; a plain store shows it at once."""
    for key, readable in ((None, True), (KEY, False)):
        folder = tmp_path / str(readable)
        folder.mkdir()
        with StateStore.open(f"sqlite:///{folder}/state.db", key=key) as store:
            store.threads.save("thread", {"asked": MARK}, title=MARK)
            assert (folder / "state.db-wal").stat().st_size > 0
            assert (MARK.encode() in bytes_below(folder)) is readable
        filled(folder, key)
        assert (MARK.encode() in bytes_below(folder)) is readable
        assert question_of(folder, key) == MARK
        assert (folder / "state.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("written", "given", "says"),
    [
        (KEY, OTHER, "written with another key than TENOR_ENCRYPTION_KEY holds"),
        (KEY, None, "is encrypted, or it is damaged. Set TENOR_ENCRYPTION_KEY"),
        (None, KEY, "is not encrypted, though TENOR_ENCRYPTION_KEY is set"),
    ],
)
def test_a_key_that_does_not_belong_is_one_sentence(
    tmp_path: Path, written: SecretStr | None, given: SecretStr | None, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It shows no key, the file stays as it is, and the driver prints nothing by itself."""
    path = filled(tmp_path, written)
    before = path.read_bytes()

    with pytest.raises(StateKeyError, match=says) as caught:
        StateStore.open(f"sqlite:///{path}", key=given)

    assert KEY.get_secret_value() not in str(caught.value)
    assert path.read_bytes() == before
    assert capfd.readouterr() == ("", "")


def test_a_server_is_not_taken_for_encrypted() -> None:
    """With a key, another database than SQLite must be said to encrypt its own disk; the password stays hidden."""
    with pytest.raises(StateKeyError, match="TENOR_STATE_ENCRYPTED_BY_SERVER=true") as caught:
        StateStore.open("postgresql://tenor:hunter2@127.0.0.1:1/tenor", key=KEY)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("old", [None, KEY])
def test_rotation_keeps_everything_and_shuts_the_old_key_out(tmp_path: Path, old: SecretStr | None) -> None:
    """A plain file and one of another key come under the new one; a second time there is nothing to do."""
    path = filled(tmp_path, old)
    with closing(open_file(path, old)) as connection:
        connection.execute("PRAGMA user_version = 7")

    assert rewrite(path, old, OTHER) is True
    assert rewrite(path, old, OTHER) is False

    with pytest.raises(StateKeyError):
        open_file(path, old)
    assert MARK.encode() not in bytes_below(tmp_path)
    assert question_of(tmp_path, OTHER) == MARK
    with closing(open_file(path, OTHER)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not list(tmp_path.glob("*.rotating*"))


def test_rotation_does_not_touch_what_is_in_use(tmp_path: Path) -> None:
    """Whoever still writes would write into the replaced file: that is refused, and nothing changes."""
    path = filled(tmp_path, KEY)
    with closing(open_file(path, KEY)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("SELECT count(*) FROM turns").fetchone()
        with pytest.raises(StateKeyError, match="open in another process"):
            rewrite(path, KEY, OTHER)

    assert question_of(tmp_path, KEY) == MARK


def test_a_rotation_that_is_stopped_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is not complete: the old key still opens everything, and the next try succeeds."""
    path = filled(tmp_path, KEY)
    monkeypatch.setattr(encryption, "_counts", lambda _connection, schema: {schema: 1})
    with pytest.raises(StateKeyError, match="not complete; the old file was kept"):
        rewrite(path, KEY, OTHER)
    monkeypatch.undo()

    assert question_of(tmp_path, KEY) == MARK
    assert rewrite(path, KEY, OTHER) is True


def test_the_command_rotates_state_and_chat_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come from the environment; what it prints names files and settings, and no key."""
    monkeypatch.chdir(tmp_path)
    filled(tmp_path, KEY)
    with closing(open_file(tmp_path / "chat.db", KEY)) as history:
        history.execute("CREATE TABLE t AS SELECT 1 AS a")
    monkeypatch.setenv("TENOR_STATE_URL", "sqlite:///state.db")
    monkeypatch.setenv("TENOR_ENCRYPTION_KEY", KEY.get_secret_value())
    monkeypatch.setenv("TENOR_NEW_ENCRYPTION_KEY", OTHER.get_secret_value())

    ran = CliRunner().invoke(app, ["rotate-key"])

    assert ran.exit_code == 0, ran.output
    assert "state.db is written under the new key" in ran.output
    assert "chat.db is written under the new key" in ran.output
    assert KEY.get_secret_value() not in ran.output
    assert OTHER.get_secret_value() not in ran.output
    assert question_of(tmp_path, OTHER) == MARK
    with closing(open_file(tmp_path / "chat.db", OTHER)) as history:
        assert history.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_without_a_new_key_the_command_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, exit code 1."""
    monkeypatch.chdir(tmp_path)
    for name in ("TENOR_ENCRYPTION_KEY", "TENOR_NEW_ENCRYPTION_KEY"):
        monkeypatch.delenv(name, raising=False)
    ran = CliRunner().invoke(app, ["rotate-key"])
    assert ran.exit_code == 1
    assert "Set TENOR_NEW_ENCRYPTION_KEY" in ran.output


def test_a_plain_file_is_still_the_standard_driver(tmp_path: Path) -> None:
    """Without a key nothing changes: no other driver is loaded."""
    with closing(open_file(tmp_path / "a.db", None)) as connection:
        assert type(connection) is sqlite3.Connection
