"""The state store's tables, the same for SQLite and PostgreSQL. Changed only together with a numbered migration."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Insert,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

WRITING = "BEGIN IMMEDIATE"
"""How a writing transaction begins on SQLite: one that starts by reading cannot wait for its turn to write."""

NAME_LENGTH = 64
"""Characters of a thread's name, in its column."""

_UNSTORABLE = re.compile("[\\x00\ud800-\udfff]")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC. A naive time is refused; SQLite's naive answer gets its zone back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("The state store takes aware times only: give the time its zone.")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """What a person wrote, with U+FFFD for characters that not every database holds.

    Those are NUL, which PostgreSQL refuses, and halves of a surrogate pair, which no encoding has.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database: the same on each, whatever it could hold by itself."""
        del dialect
        return None if value is None else _UNSTORABLE.sub("\ufffd", value)


def name_kept(name: str) -> str:
    """A thread's name as its column holds it: itself, or its SHA-256 where it is longer than the column."""
    return name if len(name) <= NAME_LENGTH else hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()


def put(connection: Connection, change: Update, row: Insert) -> None:
    """Changes a row, or adds it where there is none yet; of two who add it at once, the later one changes it."""
    if connection.execute(change).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(row)
    except IntegrityError:
        connection.execute(change)


threads = Table(
    "threads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", Words, nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("thread_id", String(64), ForeignKey("threads.id"), nullable=False),
    Column("question", Words, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("pack", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("turns_by_thread", "thread_id", "created_at"),
)

model_usage = Table(
    "model_usage",
    metadata,
    Column("day", Date, primary_key=True),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
)

slack_questions = Table(
    "slack_questions",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("conversation", String(64), nullable=False),
    Column("question", JSON, nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime, nullable=True),
    Index("slack_questions_by_conversation", "conversation"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("time", String(40), nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", String(40), nullable=False),
    Column("object", Text, nullable=False),
    Column("input", String(64), nullable=False),
    Column("output", String(64), nullable=False),
    Column("policy", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("told", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body", JSON, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("subscription", String(64), primary_key=True),
    Column("due", UtcDateTime, primary_key=True),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("outcome", String(400), nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", JSON, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("effective_from", UtcDateTime, nullable=True),
    Column("state", String(20), nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("decided_by", Text, nullable=True),
    Column("decided_at", UtcDateTime, nullable=True),
)

switches = Table(
    "switches",
    metadata,
    Column("feature", String(40), primary_key=True),
    Column("stopped", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("revival_asked_by", Text, nullable=True),
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject", String(200), nullable=False, index=True),
    Column("body", JSON, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("evidence_hash", String(64), nullable=False),
    Column("policy", Integer, nullable=False),
    Column("maker", Text, nullable=False),
    Column("supplier", Text, nullable=False),
    Column("cents", BigInteger, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime, nullable=True),
)

decisions = Table(
    "decisions",
    metadata,
    Column("proposal", String(64), ForeignKey("proposals.id"), primary_key=True),
    Column("checker", String(200), primary_key=True),
    Column("verdict", String(20), nullable=False),
    Column("office", String(60), nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("on_behalf_of", Text, nullable=True),
    Column("reason", Words, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("proposal", String(64), ForeignKey("proposals.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("object", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("request_hash", String(64), nullable=False),
    Column("look", JSON, nullable=False),
    Column("expect", JSON, nullable=True),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", UtcDateTime, nullable=False),
    Column("claimed_by", String(100), nullable=True),
    Column("claimed_until", UtcDateTime, nullable=True),
    Column("remote_id", String(64), nullable=True),
    Column("delivered_at", UtcDateTime, nullable=True),
    Column("trouble", Text, nullable=True),
    Index("outbox_by_state", "state", "next_try_at"),
)
"""What was approved for Coupa. Written by the copilot, delivered by the sync worker: docs/outbox.md is the contract."""

pilots = Table(
    "pilots",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body", JSON, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("starts", Date, nullable=False),
    Column("ends", Date, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("registered_at", UtcDateTime, nullable=False),
    Column("stopped_by", Text, nullable=True),
    Column("stopped_at", UtcDateTime, nullable=True),
    Column("stop_reason", Text, nullable=True),
)
"""Designs of pilots, registered before they start and never changed."""
