"""Conversation threads: the typed state of each, kept as JSON, with a title and the time of its last turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, desc, insert, select, update
from sqlalchemy.exc import IntegrityError

from copilot.state.tables import WRITING, name_kept, put, threads

TITLE_LENGTH = 80


@dataclass(frozen=True)
class Thread:
    """One conversation. `state` is whatever the conversation module stored; `updated_at` is aware, in UTC."""

    id: str
    title: str
    state: Mapping[str, Any]
    updated_at: datetime


class ThreadRepository:
    """Reads and writes threads."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin_with=WRITING)
        self._clock = clock

    def get(self, thread_id: str) -> Thread | None:
        """The thread, or None."""
        with self._engine.begin() as connection:
            row = connection.execute(select(threads).where(threads.c.id == name_kept(thread_id))).one_or_none()
        return None if row is None else Thread(row.id, row.title, row.state, row.updated_at)

    def save(self, thread_id: str, state: Mapping[str, Any], title: str = "") -> None:
        """Store the state; the title is kept from the first turn unless a new one is given."""
        kept = name_kept(thread_id)
        with self._writer.begin() as connection:
            values: dict[str, Any] = {"state": dict(state), "updated_at": self._clock()}
            if title:
                values["title"] = title[:TITLE_LENGTH]
            change = update(threads).where(threads.c.id == kept).values(values)
            put(connection, change, insert(threads).values({"title": "", **values, "id": kept}))

    def recent(self, limit: int = 20) -> tuple[Thread, ...]:
        """The latest threads, newest first."""
        query = select(threads).order_by(desc(threads.c.updated_at), threads.c.id).limit(limit)
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return tuple(Thread(row.id, row.title, row.state, row.updated_at) for row in rows)


def ensure_thread(connection: Connection, thread_id: str, title: str, now: datetime) -> None:
    """Make sure that a turn has a thread to belong to, by its kept name; two turns at once may both try."""
    known = connection.execute(select(threads.c.id).where(threads.c.id == thread_id)).first()
    if known is not None:
        return
    values = {"id": thread_id, "title": title[:TITLE_LENGTH], "state": {}, "updated_at": now}
    try:
        with connection.begin_nested():
            connection.execute(insert(threads).values(values))
    except IntegrityError:
        return
