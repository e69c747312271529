"""Turns: each question with its answer and its evidence pack as it was sealed. Written once, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, desc, insert, select
from sqlalchemy.engine import Row

from copilot.audit.chain import Event
from copilot.state.audit_events import append
from copilot.state.tables import WRITING, name_kept, turns
from copilot.state.threads import ensure_thread


@dataclass(frozen=True)
class StoredTurn:
    """One row: `pack` is canonical JSON text, `sha256` its seal; `created_at` is aware, in UTC."""

    id: str
    thread_id: str
    question: str
    answer: Mapping[str, Any]
    pack: str
    sha256: str
    created_at: datetime


class TurnRepository:
    """Appends and reads turns."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin_with=WRITING)
        self._clock = clock

    def record(
        self,
        turn_id: str,
        thread_id: str,
        question: str,
        answer: Mapping[str, Any],
        pack: str,
        seal: str,
        event: Event | None = None,
    ) -> None:
        """Append one turn; a thread that does not exist yet is started with the question as its title.

        With an event, the audit trail tells of the turn from the same transaction on.
        """
        now = self._clock()
        kept = name_kept(thread_id)
        row = {"id": turn_id, "thread_id": kept, "question": question, "answer": dict(answer), "pack": pack}
        with self._writer.begin() as connection:
            ensure_thread(connection, kept, question, now)
            connection.execute(insert(turns).values({**row, "sha256": seal, "created_at": now}))
            if event is not None:
                append(connection, event, now)

    def get(self, turn_id: str) -> StoredTurn | None:
        """The turn with this id, or None."""
        with self._engine.begin() as connection:
            row = connection.execute(select(turns).where(turns.c.id == turn_id)).one_or_none()
        return None if row is None else _turn(row)

    def of_thread(self, thread_id: str, limit: int = 50) -> tuple[StoredTurn, ...]:
        """The latest turns of a thread, oldest of them first."""
        mine = select(turns).where(turns.c.thread_id == name_kept(thread_id))
        query = mine.order_by(desc(turns.c.created_at), desc(turns.c.id))
        with self._engine.begin() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return tuple(_turn(row) for row in reversed(rows))


def _turn(row: Row[Any]) -> StoredTurn:
    return StoredTurn(row.id, row.thread_id, row.question, row.answer, row.pack, row.sha256, row.created_at)
