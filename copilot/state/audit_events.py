"""The audit trail in the state store: appended to, read, never changed. One writer at a time: the chain has no gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, desc, insert, select, text

from copilot.audit.chain import Event, Head, Record, next_record
from copilot.state.tables import WRITING, audit_events

PAGE = 1000


class AuditRepository:
    """Appends events and reads the chain."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin_with=WRITING)
        self._clock = clock

    def append(self, event: Event) -> Record:
        """The event as the newest record, in a transaction of its own."""
        with self._writer.begin() as connection:
            return append(connection, event, self._clock())

    def head(self) -> Head:
        """The end of the chain."""
        with self._engine.begin() as connection:
            return _head(connection)

    def records(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """The records as plain values, oldest first, read page by page."""
        while True:
            query = select(audit_events).where(audit_events.c.seq > after).order_by(audit_events.c.seq).limit(PAGE)
            with self._engine.begin() as connection:
                rows = [dict(row) for row in connection.execute(query).mappings()]
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1]["seq"]


def append(connection: Connection, event: Event, now: datetime) -> Record:
    """The event as the newest record, inside the transaction of what it tells of: both are kept, or neither is."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE audit_events IN EXCLUSIVE MODE"))  # SQLite's writers queue by themselves
    record = next_record(event, _head(connection), now)
    connection.execute(insert(audit_events).values(record.model_dump(mode="json")))
    return record


def _head(connection: Connection) -> Head:
    query = select(audit_events.c.seq, audit_events.c.hash).order_by(desc(audit_events.c.seq)).limit(1)
    row = connection.execute(query).one_or_none()
    return Head() if row is None else Head(row.seq, row.hash)
