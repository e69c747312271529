from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from copilot.audit.chain import Event
from copilot.errors import StateStoreError
from copilot.state import tables
from copilot.state.store import StateStore

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
def store(state_url: str, clock: Clock) -> Iterator[StateStore]:
    """An empty store, once in a file and once on a server."""
    with StateStore.open(state_url, clock) as opened:
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
    with pytest.raises(IntegrityError):
        store.turns.record("e1", "t1", "second", {}, "{}", "seal")
    turn = store.turns.get("e1")
    assert turn is not None
    assert turn.question == "first"


def test_naive_times_are_refused(state_url: str) -> None:
    """A clock without a zone is a fault, not a guess."""
    with StateStore.open(state_url, lambda: datetime(2026, 1, 1)) as store, pytest.raises(Exception, match="aware"):  # noqa: DTZ001 (the fault under test)
        store.threads.save("t1", {})


def test_words_that_a_database_cannot_hold_cost_no_answer(store: StateStore) -> None:
    """A question with NUL, or with half a surrogate pair, is kept with a sign in that place; the rest stays."""
    store.turns.record("e1", "t1", "a\x00b\ud83dc \N{GRINNING FACE}", {"q": "a\x00b"}, '{"q":"a\\u0000b"}', "seal")
    turn, thread = store.turns.get("e1"), store.threads.get("t1")
    assert turn is not None
    assert thread is not None
    assert turn.question == thread.title == "a\ufffdb\ufffdc \N{GRINNING FACE}"
    assert (turn.answer, turn.pack) == ({"q": "a\x00b"}, '{"q":"a\\u0000b"}')


def test_a_name_longer_than_its_column_is_still_one_thread(store: StateStore) -> None:
    """Two long names that begin alike are two threads; each is found again by its whole name."""
    one, other = "x" * 80 + "1", "x" * 80 + "2"
    for name in (one, other):
        store.threads.save(name, {"name": name})
        store.turns.record(f"e{name[-1]}", name, "q", {}, "{}", "seal")
    for name in (one, other):
        thread = store.threads.get(name)
        assert thread is not None
        assert thread.state == {"name": name}
        assert [turn.id for turn in store.turns.of_thread(name)] == [f"e{name[-1]}"]


def test_many_who_write_the_same_thread_and_day_lose_nothing(state_url: str) -> None:
    """Eight writers with a store each: all start the same rows at once, and every token is counted."""
    failures: list[BaseException] = []
    with contextlib.ExitStack() as closing:
        stores = [closing.enter_context(StateStore.open(state_url)) for _ in range(8)]
        together = threading.Barrier(len(stores))

        def work(store: StateStore) -> None:
            try:
                for number in range(4):
                    together.wait(timeout=30)
                    store.threads.save(f"t{number}", {"n": number})
                    store.model_usage.add(date(2026, 11, number + 1), 1, 2)
            except Exception as error:  # noqa: BLE001 (collected and asserted on)
                failures.append(error)

        workers = [threading.Thread(target=work, args=(store,)) for store in stores]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert failures == []
        assert [stores[0].model_usage.spent(date(2026, 11, n + 1)) for n in range(4)] == [(8, 16)] * 4
        assert len(stores[0].threads.recent()) == 4


def test_a_notice_is_claimed_by_one_of_many(state_url: str, clock: Clock) -> None:
    """Six who look at once: one sends. After a failure, later, again one."""
    with contextlib.ExitStack() as closing:
        stores = [closing.enter_context(StateStore.open(state_url, clock)) for _ in range(6)]
        with ThreadPoolExecutor(len(stores)) as pool:
            claims = list(pool.map(lambda store: store.subscriptions.claim("s", NOON), stores))
            assert sorted(claims) == [False] * 5 + [True]
            stores[0].subscriptions.settle("s", NOON, "failed: away")
            assert not any(pool.map(lambda store: store.subscriptions.claim("s", NOON), stores))
            clock.time += timedelta(minutes=6)
            assert sum(pool.map(lambda store: store.subscriptions.claim("s", NOON), stores)) == 1
        assert stores[0].subscriptions.outcomes("s") == ((NOON, "claimed"),)


def test_subscriptions_are_added_changed_and_stopped(store: StateStore) -> None:
    """A change to one that was stopped meanwhile does not bring it back."""
    store.subscriptions.add("b", {"cron": "0 8 * * *"})
    store.subscriptions.add("a", {"cron": "0 9 * * *"})
    store.subscriptions.replace("b", {"cron": "0 7 * * *"})
    assert store.subscriptions.all() == ({"cron": "0 9 * * *"}, {"cron": "0 7 * * *"})
    assert store.subscriptions.remove("b")
    assert not store.subscriptions.remove("b")
    store.subscriptions.replace("b", {})
    assert len(store.subscriptions.all()) == 1


def test_a_question_from_slack_is_taken_once_and_forgotten_in_time(store: StateStore, clock: Clock) -> None:
    """It is open until it is answered, for as long as somebody may wait for it."""
    assert store.slack_questions.take("k1", "c1", {"text": "q"})
    assert not store.slack_questions.take("k1", "c1", {"text": "q"})
    assert store.slack_questions.left_open() == ({"text": "q"},)
    store.slack_questions.answered("k1")
    assert store.slack_questions.left_open() == ()
    assert store.slack_questions.knows("c1")
    clock.time += timedelta(days=31)
    assert store.slack_questions.take("k2", "c2", {"text": "later"})
    store.slack_questions.answered("k2")
    assert not store.slack_questions.knows("c1")


def test_what_is_read_in_one_transaction_does_not_change_under_it(store: StateStore) -> None:
    """Somebody else writes in between; the reader sees it in the next one."""
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM threads")).scalar() == 0
        store.threads.save("t1", {})
        assert connection.execute(text("SELECT count(*) FROM threads")).scalar() == 0
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM threads")).scalar() == 1


def test_who_decides_by_what_it_reads_is_alone(state_url: str) -> None:
    """Six who each take the next number take six numbers."""
    with contextlib.ExitStack() as closing:
        stores = [closing.enter_context(StateStore.open(state_url)) for _ in range(6)]

        def take(store: StateStore) -> None:
            with store.writing(tables.switches) as connection:
                number = connection.execute(text("SELECT count(*) FROM switches")).scalar()
                row = {"feature": f"f{number}", "stopped": True, "actor": "a", "reason": "r", "changed_at": NOON}
                connection.execute(tables.switches.insert().values(row))

        with ThreadPoolExecutor(len(stores)) as pool:
            list(pool.map(take, stores))
        with stores[0].reading() as connection:
            features = connection.execute(text("SELECT feature FROM switches ORDER BY feature")).scalars().all()
    assert features == [f"f{number}" for number in range(6)]


def test_a_store_that_fails_later_says_so_in_one_sentence(new_database: Callable[[], str]) -> None:
    """The server throws everybody out: the next use connects again; once the database is gone, an error for people."""
    url = new_database()
    other = create_engine(new_database(), isolation_level="AUTOCOMMIT")
    name = make_url(url).database
    with StateStore.open(url) as store, other.connect() as administrator:
        store.threads.save("t1", {})
        out = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        administrator.execute(out, {"name": name})
        assert store.threads.get("t1") is not None
        administrator.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        with pytest.raises(StateStoreError, match=r"cannot be used: .*What was going on has not been kept"):
            store.threads.get("t1")
    other.dispose()


def test_a_full_disk_says_so_in_one_sentence(tmp_path: Path) -> None:
    """SQLite's own words within ours; what was there before stays."""
    with StateStore.open(f"sqlite:///{tmp_path}/state.db") as store:
        store.threads.save("t1", {"n": 1})
        with store._engine.connect() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar()
            connection.execute(text(f"PRAGMA max_page_count={pages}"))
        with pytest.raises(StateStoreError, match=r"state\.db cannot be used: database or disk is full"):
            store.turns.record("e1", "t1", "q", {}, "x" * 100_000, "seal")
        thread = store.threads.get("t1")
        assert thread is not None
        assert thread.state == {"n": 1}
        assert store.turns.get("e1") is None


def test_opening_at_once_from_many_threads_works(state_url: str) -> None:
    """Eight openers migrate one new file and write to one thread: nobody fails, nothing is lost."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with StateStore.open(state_url) as store:
                store.turns.record(f"e{number}", "shared", "q", {}, "{}", "seal")
        except Exception as error:  # noqa: BLE001 (collected and asserted on)
            failures.append(error)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with StateStore.open(state_url) as store:
        assert len(store.turns.of_thread("shared")) == 8


def test_sqlite_runs_with_a_log_and_foreign_keys(tmp_path: Path) -> None:
    """Readers do not wait for writers, and a turn cannot belong to a thread that is gone."""
    with StateStore.open(f"sqlite:///{tmp_path}/state.db") as store, store._engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_store_of_a_newer_version_is_left_alone(state_url: str) -> None:
    """An old program says so instead of guessing."""
    StateStore.open(state_url).close()
    engine = create_engine(state_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StateStoreError, match="newer than this Tenor"):
        StateStore.open(state_url)


@pytest.mark.parametrize("name", ["sqlite:////proc/nowhere/state.db", "postgresql+nodriver://u:secret@h/db"])
def test_a_store_that_cannot_be_opened_says_how_to_go_on(name: str) -> None:
    """One sentence with the setting to change, and no password in it."""
    with pytest.raises(StateStoreError, match="TENOR_STATE_URL") as caught:
        StateStore.open(name)
    assert "secret" not in str(caught.value)


def test_a_password_is_masked(tmp_path: Path) -> None:
    """The representation names the file and never a password."""
    with StateStore.open(f"sqlite:///{tmp_path}/state.db") as store:
        assert "state.db" in repr(store)
    engine = create_engine("sqlite://")
    engine.url = engine.url.set(drivername="postgresql", username="u", password="secret", host="h")
    assert repr(StateStore(engine)) == "StateStore('postgresql://u:***@h')"
    engine.dispose()


def test_what_is_written_after_another_process_closed_the_file_is_not_lost(tmp_path: Path) -> None:
    """Two stores here, a worker that comes and goes: the file's locks stay ours, so that it leaves our log alone."""
    url = f"sqlite:///{tmp_path}/state.db"
    worker = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "print(c.execute('SELECT count(*) FROM audit_events').fetchone()[0]); c.close()"
    )

    def seen() -> int:
        command = [sys.executable, "-c", worker, str(tmp_path / "state.db")]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)

    with StateStore.open(url) as store:
        for count in range(1, 4):
            store.audit.append(Event(actor="a", role="", action="opened", object=str(count)))
            StateStore.open(url).close()
            assert seen() == count
            assert (tmp_path / "state.db-wal").exists()
