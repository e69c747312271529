"""Opens the state store and brings its tables up to date. SQLite runs with a write-ahead log and foreign keys on."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from copilot.errors import StateKeyError, StateStoreError
from copilot.settings import Settings, masked_url
from copilot.state.audit_events import AuditRepository
from copilot.state.encryption import driver, open_file
from copilot.state.model_usage import ModelUsageRepository
from copilot.state.slack_questions import SlackQuestionRepository
from copilot.state.subscriptions import SubscriptionRepository
from copilot.state.tables import WRITING
from copilot.state.threads import ThreadRepository
from copilot.state.turns import TurnRepository

HEAD = "0007"
"""The newest migration this program knows."""

PATIENCE_MS = 5_000
"""How long a writer waits for the others."""

MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = 0x54656E6F72
"""A number that no other program is likely to lock on the same server."""

_one_at_a_time = threading.Lock()
"""Alembic's migration context is a global of the process."""

UtcClock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class StateStore:
    """Threads and turns behind one database. Safe to share between threads; close it when done."""

    def __init__(self, engine: Engine, clock: UtcClock = utc_now) -> None:
        self._engine = engine
        self.clock = clock
        self.threads = ThreadRepository(engine, clock)
        self.turns = TurnRepository(engine, clock)
        self.model_usage = ModelUsageRepository(engine)
        self.audit = AuditRepository(engine, clock)
        self.subscriptions = SubscriptionRepository(engine, clock)
        self.slack_questions = SlackQuestionRepository(engine, clock)

    @classmethod
    def open(
        cls, url: str, clock: UtcClock = utc_now, *, key: SecretStr | None = None, encrypted_by_server: bool = False
    ) -> Self:
        """The store at `url`, created and migrated as needed; an SQLite file is encrypted when there is a key.

        Raises StateStoreError if the database cannot be reached or belongs to a newer Tenor, StateKeyError if it and
        the key do not belong together. With a key, another server than SQLite must be said to encrypt by itself.
        """
        shown = masked_url(url)
        try:
            engine = _engine(url, key, encrypted_by_server=encrypted_by_server)
        except (NoSuchModuleError, ImportError) as error:
            raise StateStoreError(
                f"No driver for the state store {shown}: install the one for its database, "
                "or set TENOR_STATE_URL to an SQLite file such as sqlite:///.tenor/state.db."
            ) from error
        except OSError as error:
            raise StateStoreError(
                f"Cannot create the folder of the state store {shown}: {error.strerror}. "
                "Set TENOR_STATE_URL to a writable place."
            ) from error
        try:
            _bring_up_to_date(engine, shown)
        except SQLAlchemyError as error:
            engine.dispose()
            raise StateStoreError(
                f"Cannot open the state store {shown}. "
                "Check that TENOR_STATE_URL names a reachable database that you may write to."
            ) from error
        except StateStoreError:
            engine.dispose()
            raise
        event.listen(engine, "handle_error", _plainly(shown))
        return cls(engine, clock)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads: what it sees does not change under it."""
        server = self._engine.dialect.name == "postgresql"
        steady = self._engine.execution_options(isolation_level="REPEATABLE READ") if server else self._engine
        with steady.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, table: Table) -> Iterator[Connection]:
        """A transaction that decides by what it reads: nobody else writes to that table meanwhile.

        All that is done in it is kept, or nothing is.
        """
        with self._engine.execution_options(begin_with=WRITING).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))
            yield connection

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"StateStore({self._engine.url.render_as_string(hide_password=True)!r})"


def open_store(settings: Settings, clock: UtcClock = utc_now) -> StateStore:
    """The store that the settings name; raises as `StateStore.open`."""
    return StateStore.open(
        settings.state_url, clock, key=settings.encryption_key, encrypted_by_server=settings.state_encrypted_by_server
    )


def at_hand(settings: Settings, store: StateStore | None) -> AbstractContextManager[StateStore]:
    """A store that is open already, or the one that the settings name, for as long as it is needed."""
    return open_store(settings) if store is None else nullcontext(store)


def file_of(url: str) -> Path | None:
    """The SQLite file of a state URL; None for a server or a store in memory."""
    parsed = make_url(url)
    on_disk = parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:"
    return Path(parsed.database) if on_disk and parsed.database else None


def _engine(url: str, key: SecretStr | None, *, encrypted_by_server: bool) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        if key is not None and not encrypted_by_server:
            raise StateKeyError(
                f"TENOR_ENCRYPTION_KEY is set, but it cannot encrypt the database server of {masked_url(url)}. Say "
                "with TENOR_STATE_ENCRYPTED_BY_SERVER=true that the server encrypts its disk, or use an SQLite file."
            )
        return _server(parsed)
    file = file_of(url)
    if file is None:
        engine = create_engine(parsed)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, module=driver(key), creator=lambda: open_file(file, key))
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _server(url: URL) -> Engine:
    """A database server. Whatever its own defaults are, a writer sees what the one before it has written.

    A connection that a restart of the server broke is replaced before its use. Nobody waits for a lock for ever.
    """
    engine = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    if url.get_backend_name() == "postgresql":
        event.listen(engine, "begin", _on_server_begin)
    return engine


def _on_server_begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE_MS}")


def _on_connect(connection: object, _entry: ConnectionPoolEntry) -> None:
    """Take transactions over from the driver, which would run DDL outside of them."""
    connection.isolation_level = None  # type: ignore[attr-defined] # sqlite3.Connection behind SQLAlchemy's protocol
    cursor = connection.cursor()  # type: ignore[attr-defined] # as above
    for pragma in (f"busy_timeout={PATIENCE_MS}", "foreign_keys=ON", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    _use_log(cursor)
    cursor.close()


def _use_log(cursor: sqlite3.Cursor) -> None:
    """Switch a file to its write-ahead log. SQLite does not wait for others meanwhile, whatever the busy timeout."""
    for waits_left in reversed(range(100)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except Exception as error:
            if "locked" not in str(error) or not waits_left:
                raise
            time.sleep(0.05)
        else:
            return


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin_with", "BEGIN"))


def _plainly(shown: str) -> Callable[[ExceptionContext], None]:
    """What a database says when it is away, full, read-only or busy for too long, as an error that people are shown."""

    def say(context: ExceptionContext) -> None:
        if isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError) and not context.is_pre_ping:
            cause = str(context.original_exception).strip().splitlines()[0]
            raise StateStoreError(
                f"The state store {shown} cannot be used: {cause}. "
                "What was going on has not been kept; try again when it works."
            ) from context.original_exception

    return say


def _bring_up_to_date(engine: Engine, shown: str) -> None:
    """Migrate to HEAD; the check comes first, since loading Alembic costs more than most questions."""
    version = _version(engine)
    if version is not None and version > HEAD:
        raise StateStoreError(
            f"The state store {shown} is at version {version}, newer than this Tenor ({HEAD}): "
            "upgrade Tenor, or set TENOR_STATE_URL to another store."
        )
    if version == HEAD:
        return
    try:
        _migrate(engine)
    except DBAPIError:
        if _version(engine) != HEAD:  # otherwise another process was faster
            raise


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 (slow to import, needed once per version)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _one_at_a_time, engine.connect().execution_options(begin_with=WRITING) as connection:
        config.attributes["connection"] = connection
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))  # one process at a time
            command.upgrade(config, "head")
