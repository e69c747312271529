from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from copilot.errors import StateStoreError
from copilot.state.store import HEAD, MIGRATIONS, StateStore
from copilot.state.tables import metadata

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        """The time now."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    """Noon, UTC."""
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file in a folder that does not exist yet."""
    return f"sqlite:///{tmp_path}/new/state.db"


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[StateStore]:
    """An empty store."""
    with StateStore.open(url, clock) as opened:
        yield opened


def test_a_thread_comes_back_as_it_was_saved(store: StateStore, clock: Clock) -> None:
    """State is JSON, the first title stays, times are aware and UTC."""
    store.threads.save("t1", {"plan": {"metrics": ["spend"]}, "umlaut": "ü"}, title="Spend?")
    clock.time = datetime(2026, 11, 22, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
    store.threads.save("t1", {"plan": None})
    thread = store.threads.get("t1")
    assert thread is not None
    assert (thread.title, thread.state) == ("Spend?", {"plan": None})
    assert thread.updated_at == datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
    assert thread.updated_at.tzinfo is UTC
    assert store.threads.get("t2") is None


def test_threads_are_listed_latest_first(store: StateStore, clock: Clock) -> None:
    """Saving a thread again brings it to the front."""
    for name in ("a", "b", "a"):
        store.threads.save(name, {})
        clock.time += timedelta(minutes=1)
    assert [thread.id for thread in store.threads.recent()] == ["a", "b"]


def test_turns_are_appended_in_order_and_start_their_thread(store: StateStore, clock: Clock) -> None:
    """A turn keeps its pack byte for byte; a thread that has none yet is titled by its first question."""
    for i in range(3):
        store.turns.record(f"e{i}", "t1", f"question {i}", {"n": i}, '{"ü":1}', "seal")
        clock.time += timedelta(seconds=1)
    assert [turn.id for turn in store.turns.of_thread("t1")] == ["e0", "e1", "e2"]
    assert [turn.id for turn in store.turns.of_thread("t1", limit=2)] == ["e1", "e2"]
    turn = store.turns.get("e0")
    assert turn is not None
    assert (turn.pack, turn.created_at) == ('{"ü":1}', NOON)
    thread = store.threads.get("t1")
    assert thread is not None
    assert thread.title == "question 0"


def test_the_same_evidence_id_is_never_written_twice(store: StateStore) -> None:
    """Evidence is append-only: a second record under an id is an error, the first stays."""
    store.turns.record("e1", "t1", "first", {}, "{}", "seal")
    with pytest.raises(Exception, match="UNIQUE"):
        store.turns.record("e1", "t1", "second", {}, "{}", "seal")
    turn = store.turns.get("e1")
    assert turn is not None
    assert turn.question == "first"


def test_naive_times_are_refused(url: str) -> None:
    """A clock without a zone is a fault, not a guess."""
    with StateStore.open(url, lambda: datetime(2026, 1, 1)) as store, pytest.raises(Exception, match="aware"):  # noqa: DTZ001 (the fault under test)
        store.threads.save("t1", {})


def test_opening_at_once_from_many_threads_works(url: str) -> None:
    """Eight openers migrate one new file and write to one thread: nobody fails, nothing is lost."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with StateStore.open(url) as store:
                store.turns.record(f"e{number}", "shared", "q", {}, "{}", "seal")
        except Exception as error:  # noqa: BLE001 (collected and asserted on)
            failures.append(error)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with StateStore.open(url) as store:
        assert len(store.turns.of_thread("shared")) == 8


def test_sqlite_runs_with_a_log_and_foreign_keys(url: str) -> None:
    """Readers do not wait for writers, and a turn cannot belong to a thread that is gone."""
    with StateStore.open(url) as store, store._engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_migrations_make_the_tables_that_the_program_uses(url: str) -> None:
    """Alembic finds no difference between the migrated file and the table definitions."""
    StateStore.open(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert inspect(connection).has_table("alembic_version")
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    """The constant that spares loading Alembic on every start is the real head, and there is one head."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_same_migrations_render_for_postgresql() -> None:
    """One set of steps for both databases: the SQL for PostgreSQL has its own types and both tables."""
    out = io.StringIO()
    config = Config(output_buffer=out)
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", "postgresql://")
    command.upgrade(config, "head", sql=True)
    sql = out.getvalue()
    assert "CREATE TABLE threads" in sql
    assert "created_at TIMESTAMP WITH TIME ZONE NOT NULL" in sql
    assert "FOREIGN KEY(thread_id) REFERENCES threads (id)" in sql


def test_a_store_of_a_newer_version_is_left_alone(url: str) -> None:
    """An old program says so instead of guessing."""
    StateStore.open(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StateStoreError, match="newer than this Tenor"):
        StateStore.open(url)


@pytest.mark.parametrize("name", ["sqlite:////proc/nowhere/state.db", "postgresql+nodriver://u:secret@h/db"])
def test_a_store_that_cannot_be_opened_says_how_to_go_on(name: str) -> None:
    """One sentence with the setting to change, and no password in it."""
    with pytest.raises(StateStoreError, match="TENOR_STATE_URL") as caught:
        StateStore.open(name)
    assert "secret" not in str(caught.value)


def test_a_password_is_masked(store: StateStore) -> None:
    """The representation names the file and never a password."""
    assert "state.db" in repr(store)
    engine = create_engine("sqlite://")
    engine.url = engine.url.set(drivername="postgresql", username="u", password="secret", host="h")
    assert repr(StateStore(engine)) == "StateStore('postgresql://u:***@h')"
    engine.dispose()
