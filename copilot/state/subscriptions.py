"""Standing questions and the notices that went out for them: each notice of a time is claimed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from copilot.state.tables import WRITING, notices, subscriptions

CLAIMED, FAILED = "claimed", "failed: "
AGAIN = timedelta(minutes=5)
"""How long after a failure a notice is tried again."""


class SubscriptionRepository:
    """Subscriptions as the notices module writes them, and the claims on their notices."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._writer = engine.execution_options(begin_with=WRITING)
        self._clock = clock

    def add(self, key: str, body: Mapping[str, Any]) -> None:
        """A new one."""
        with self._writer.begin() as connection:
            connection.execute(insert(subscriptions).values(id=key, body=dict(body)))

    def replace(self, key: str, body: Mapping[str, Any]) -> None:
        """The same one, changed; nothing happens when it was stopped in between."""
        with self._writer.begin() as connection:
            connection.execute(update(subscriptions).where(subscriptions.c.id == key).values(body=dict(body)))

    def remove(self, key: str) -> bool:
        """Stops it; whether there was one. What went out stays known."""
        with self._writer.begin() as connection:
            return bool(connection.execute(delete(subscriptions).where(subscriptions.c.id == key)).rowcount)

    def all(self) -> tuple[Mapping[str, Any], ...]:
        """Every one, by its id."""
        with self._writer.connect() as connection:
            return tuple(row.body for row in connection.execute(select(subscriptions).order_by(subscriptions.c.id)))

    def claim(self, key: str, due: datetime) -> bool:
        """Whether this caller is the one to send the notice of that time; a failed one may be tried again later."""
        now = self._clock()
        row = {"subscription": key, "due": due, "claimed_at": now, "outcome": CLAIMED}
        failed = (notices.c.outcome.startswith(FAILED)) & (notices.c.claimed_at < now - AGAIN)
        again = update(notices).where((notices.c.subscription == key) & (notices.c.due == due) & failed)
        try:
            with self._writer.begin() as connection:
                connection.execute(insert(notices).values(row))
        except IntegrityError:
            with self._writer.begin() as connection:
                return bool(connection.execute(again.values(claimed_at=now, outcome=CLAIMED)).rowcount)
        return True

    def settle(self, key: str, due: datetime, outcome: str) -> None:
        """What became of it: sent, not needed, or why it failed."""
        place = (notices.c.subscription == key) & (notices.c.due == due)
        with self._writer.begin() as connection:
            connection.execute(update(notices).where(place).values(outcome=outcome[:400]))

    def outcomes(self, key: str, limit: int = 20) -> tuple[tuple[datetime, str], ...]:
        """The latest (due, outcome), newest first."""
        query = select(notices).where(notices.c.subscription == key).order_by(notices.c.due.desc()).limit(limit)
        with self._writer.connect() as connection:
            return tuple((row.due, row.outcome) for row in connection.execute(query))
