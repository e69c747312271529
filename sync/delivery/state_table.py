"""The outbox in the state store, as docs/outbox.md describes it: opened, claimed, settled.

Each settling and its record in the audit trail are one transaction. The store belongs to the copilot: it makes and
migrates the tables, and this side only opens a store that is new enough.
"""

import contextlib
import datetime as dt
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from pydantic import SecretStr
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from sync.errors import EncryptionError, SettingsError, StateStoreError
from sync.settings import Settings

NEWEST_NEEDED: Final = "0006"
_PURPOSE: Final = b"tenor state store, key 1"
_metadata = MetaData()


class _Utc(TypeDecorator[dt.datetime]):
    """An aware time, kept in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        del dialect
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        del dialect
        return value if value is None or value.tzinfo is not None else value.replace(tzinfo=dt.UTC)


outbox = Table(
    "outbox",
    _metadata,
    Column("key", String(64), primary_key=True),
    Column("proposal", String(64)),
    Column("position", Integer),
    Column("kind", String(40)),
    Column("object", Text),
    Column("request", JSON),
    Column("request_hash", String(64)),
    Column("look", JSON),
    Column("expect", JSON),
    Column("queued_at", _Utc),
    Column("state", String(20)),
    Column("attempts", Integer),
    Column("next_try_at", _Utc),
    Column("claimed_by", String(100)),
    Column("claimed_until", _Utc),
    Column("remote_id", String(64)),
    Column("delivered_at", _Utc),
    Column("trouble", Text),
)
switches = Table(
    "switches",
    _metadata,
    Column("feature", String(40), primary_key=True),
    Column("stopped", Boolean),
    Column("actor", Text),
    Column("reason", Text),
)
_events = Table(
    "audit_events",
    _metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("time", String(40)),
    *(Column(name, Text) for name in ("actor", "role", "action", "object", "input", "output")),
    *(Column(name, Text) for name in ("policy", "model", "code")),
    Column("told", JSON),
    Column("previous", String(64)),
    Column("hash", String(64)),
)


@dataclass(frozen=True)
class Waiting:
    """One action that waits, claimed by this worker until `until`."""

    key: str
    proposal: str
    kind: str
    object: str
    request: Mapping[str, Any]
    request_hash: str
    look: Mapping[str, Any]
    expect: Mapping[str, Any] | None
    attempts: int
    until: dt.datetime
    taken: str | None
    """The id that Coupa gave to it once, though it could not be read back: it is not written again."""


class Outbox:
    """The rows of the outbox, for one worker. `lease` is how long a claim keeps others away."""

    def __init__(self, engine: Engine, worker: str, lease: dt.timedelta = dt.timedelta(minutes=10)) -> None:
        self._engine = engine
        self._worker = worker
        self._lease = lease

    def close(self) -> None:
        """Gives every connection back."""
        self._engine.dispose()

    def stopped(self, kind: str) -> str | None:
        """Why nothing of this kind may be sent now; None where nothing is stopped."""
        with self._engine.begin() as connection:
            query = select(switches).where(switches.c.stopped & switches.c.feature.in_(("*", kind)))
            row = connection.execute(query.order_by(switches.c.feature).limit(1)).one_or_none()
        return None if row is None else f"stopped by {row.actor}: {row.reason}"

    def claim(self, now: dt.datetime, but: frozenset[str] = frozenset()) -> Waiting | None:
        """The next row that is due, claimed; None when there is none. Never one behind an undelivered one of its own.

        `but` are keys that this pass has looked at.
        """
        before = outbox.alias()
        behind = (
            select(before.c.key)
            .where(before.c.proposal == outbox.c.proposal, before.c.position < outbox.c.position)
            .where(before.c.state.not_in(("delivered", "dropped")))
            .exists()
        )
        free = (outbox.c.state == "waiting") | ((outbox.c.state == "sending") & (outbox.c.claimed_until < now))
        due = select(outbox).where(free & (outbox.c.next_try_at <= now) & ~behind)
        if but:
            due = due.where(outbox.c.key.not_in(but))
        until = now + self._lease
        values = {"state": "sending", "claimed_by": self._worker, "claimed_until": until}
        with self._writing() as connection:
            row = connection.execute(
                due.order_by(outbox.c.queued_at, outbox.c.proposal, outbox.c.position).limit(1)
            ).one_or_none()
            if row is None:
                return None
            mine = update(outbox).where((outbox.c.key == row.key) & free)
            if not connection.execute(mine.values(**values, attempts=row.attempts + 1)).rowcount:
                return None
        return Waiting(
            row.key,
            row.proposal,
            row.kind,
            row.object,
            row.request,
            row.request_hash,
            row.look,
            row.expect,
            row.attempts + 1,
            until,
            row.remote_id,
        )

    def still_mine(self, waiting: Waiting, now: dt.datetime, needed: dt.timedelta) -> bool:
        """Whether the claim holds for as long as a write may take."""
        query = select(outbox.c.claimed_by, outbox.c.state).where(outbox.c.key == waiting.key)
        with self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        ours = row is not None and (row.claimed_by, row.state) == (self._worker, "sending")
        return ours and now + needed < waiting.until

    def delivered(
        self, waiting: Waiting, remote_id: str | None, found: str, record: Mapping[str, Any], now: dt.datetime
    ) -> None:
        """Its effect was read back: `found` says whether it was written now or there already."""
        values = {"state": "delivered", "remote_id": remote_id, "delivered_at": now, "trouble": None}
        told = {"key": waiting.key, "kind": waiting.kind, "on": waiting.object, "remote_id": remote_id, "found": found}
        self._settle(waiting, values, "delivered", told, now, output=_sealed(record))

    def later(self, waiting: Waiting, trouble: str, at: dt.datetime, now: dt.datetime, taken: str | None) -> None:
        """It is tried again; `taken` is the id that Coupa gave, where it says that it took it."""
        values = {"state": "waiting", "next_try_at": at, "trouble": trouble, "remote_id": taken}
        told = {"key": waiting.key, "kind": waiting.kind, "why": trouble, "again": at.isoformat()}
        self._settle(waiting, values, "not delivered", told, now)

    def dead(self, waiting: Waiting, trouble: str, now: dt.datetime) -> None:
        """A person must look at it."""
        told = {"key": waiting.key, "kind": waiting.kind, "why": trouble, "again": None}
        self._settle(waiting, {"state": "dead", "trouble": trouble}, "not delivered", told, now)

    def release(self, waiting: Waiting, trouble: str) -> None:
        """Nothing was sent, and nothing is wrong with it: it waits as before, its attempt is not counted."""
        mine = (outbox.c.key == waiting.key) & (outbox.c.claimed_by == self._worker) & (outbox.c.state == "sending")
        values = {"state": "waiting", "attempts": waiting.attempts - 1, "trouble": trouble}
        with self._writing() as connection:
            connection.execute(update(outbox).where(mine).values(**values, claimed_by=None, claimed_until=None))

    def rows(self, *states: str) -> list[Mapping[str, Any]]:
        """All rows, or those in some states, the oldest first."""
        query = select(outbox).order_by(outbox.c.queued_at, outbox.c.proposal, outbox.c.position)
        if states:
            query = query.where(outbox.c.state.in_(states))
        with self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def told(self) -> list[Mapping[str, Any]]:
        """What the audit trail says about deliveries."""
        query = select(_events).where(_events.c.action == "delivered").order_by(_events.c.seq)
        with self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def trail_begins(self) -> dt.datetime | None:
        """When the oldest record of the audit trail was written, where a part before it was sealed; else None."""
        query = select(_events.c.seq, _events.c.time).order_by(_events.c.seq).limit(1)
        with self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None or row.seq == 1 else dt.datetime.fromisoformat(row.time)

    def put_back(self, key: str, actor: str, now: dt.datetime, *, drop: bool = False) -> bool:
        """What a person decides about a dead one: tried again from the beginning, or dropped for good."""
        again = {"state": "waiting", "attempts": 0, "next_try_at": now, "remote_id": None}
        values: dict[str, Any] = {"state": "dropped"} if drop else again
        with self._writing() as connection:
            row = connection.execute(select(outbox).where(outbox.c.key == key)).one_or_none()
            if row is None or row.state != "dead":
                return False
            connection.execute(update(outbox).where(outbox.c.key == key).values(**values))
            told = {"key": key, "kind": row.kind, "decided": "dropped" if drop else "tried again"}
            about = f"proposal {row.proposal}"
            _append(connection, _event(actor, "not delivered", about, row.request_hash, "", told), now)
            return True

    def reconciled(self, told: Mapping[str, Any], now: dt.datetime) -> None:
        """The outcome of looking everything up again."""
        with self._writing() as connection:
            _append(connection, _event(f"worker:{self._worker}", "reconciled", "outbox", "", "", told), now)

    def _settle(
        self,
        waiting: Waiting,
        values: Mapping[str, Any],
        action: str,
        told: Mapping[str, Any],
        now: dt.datetime,
        output: str = "",
    ) -> None:
        """The new state and its record; nothing when another worker has taken the row meanwhile."""
        mine = (outbox.c.key == waiting.key) & (outbox.c.claimed_by == self._worker) & (outbox.c.state == "sending")
        with self._writing() as connection:
            changed = connection.execute(
                update(outbox).where(mine).values(**values, claimed_by=None, claimed_until=None)
            )
            if changed.rowcount:
                about = f"proposal {waiting.proposal}"
                record = _event(f"worker:{self._worker}", action, about, waiting.request_hash, output, told)
                _append(connection, record, now)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction in which nobody else writes the outbox."""
        with self._engine.execution_options(begin_with="BEGIN IMMEDIATE").begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE outbox IN EXCLUSIVE MODE"))
            yield connection


def canonical(value: Any) -> str:
    """JSON text that is the same bytes for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _sealed(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def fits(waiting: Waiting) -> bool:
    """Whether the request is the one that was approved."""
    return hmac.compare_digest(_sealed(waiting.request), waiting.request_hash)


def _event(actor: str, action: str, about: str, put_in: str, output: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the audit trail without its place in it; docs/audit.md lists the fields."""
    return {
        "actor": actor,
        "role": "delivery",
        "action": action,
        "object": about,
        "input": put_in,
        "output": output,
        "policy": "",
        "model": "",
        "code": version("tenor"),
        "told": dict(told),
    }


def _append(connection: Connection, record: Mapping[str, Any], now: dt.datetime) -> None:
    """The record as the newest of the chain."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE audit_events IN EXCLUSIVE MODE"))
    last = connection.execute(
        select(_events.c.seq, _events.c.hash).order_by(_events.c.seq.desc()).limit(1)
    ).one_or_none()
    seq, previous = (0, "0" * 64) if last is None else (last.seq, last.hash)
    time = now.astimezone(dt.UTC).isoformat(timespec="microseconds")
    placed = {**record, "seq": seq + 1, "time": time, "previous": previous}
    connection.execute(_events.insert().values(**placed, hash=_sealed(placed)))


def open_outbox(settings: Settings, worker: str) -> Outbox:
    """The outbox of the state store that the settings name.

    Raises StateStoreError when it is not there or not new enough, EncryptionError for the wrong key.
    """
    url = make_url(settings.state_url)
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        engine = _file_engine(Path(url.database or ""), settings.encryption_key, shown)
    else:
        if settings.encryption_key is not None and not settings.state_encrypted_by_server:
            raise SettingsError(
                "TENOR_ENCRYPTION_KEY cannot encrypt a database server; say with TENOR_STATE_ENCRYPTED_BY_SERVER=true "
                "that the server encrypts its disk."
            )
        try:
            engine = create_engine(url, pool_pre_ping=True)
        except ImportError:
            raise StateStoreError(f"No driver for the state store {shown}: install tenor[postgres].") from None
    try:
        with engine.begin() as connection:
            there = inspect(connection).has_table("alembic_version")
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if there else None
    except SQLAlchemyError as error:
        engine.dispose()
        raise StateStoreError(f"The state store {shown} cannot be opened; check TENOR_STATE_URL.") from error
    if found is None or str(found) < NEWEST_NEEDED:
        engine.dispose()
        raise StateStoreError(
            f"The state store {shown} is older than this program: run `tenor approvals list` once, which migrates it."
        )
    return Outbox(engine, worker)


def _file_engine(file: Path, key: SecretStr | None, shown: str) -> Engine:
    if not file.exists():
        raise StateStoreError(
            f"There is no state store {shown}, so nothing was approved yet. TENOR_STATE_URL must name the one that "
            "`tenor` uses."
        )
    module: Any = sqlite3 if key is None else _sqlcipher()
    engine = create_engine(f"sqlite:///{file}", module=module, creator=lambda: _connect(module, file, key))

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin_with", "BEGIN"))

    return engine


def _connect(module: Any, file: Path, key: SecretStr | None) -> sqlite3.Connection:
    connection = module.connect(str(file), isolation_level=None, check_same_thread=False)
    try:
        if key is not None:
            derived = hmac.digest(key.get_secret_value().encode(), _PURPOSE, "sha256").hex()
            connection.execute("PRAGMA cipher_log_level = NONE")
            connection.execute(f"PRAGMA key = \"x'{derived}'\"")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except module.DatabaseError as error:
        connection.close()
        if "not a database" not in str(error):
            raise
        raise EncryptionError(
            f"The state store {file} and TENOR_ENCRYPTION_KEY do not belong together; set the key it was written with."
        ) from None
    for pragma in ("busy_timeout=5000", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    return cast("sqlite3.Connection", connection)


def _sqlcipher() -> Any:
    try:
        from sqlcipher3 import dbapi2  # noqa: PLC0415 (only who encrypts needs it)
    except ImportError:
        raise EncryptionError("TENOR_ENCRYPTION_KEY is set, but the package sqlcipher3 is not installed.") from None
    return dbapi2
