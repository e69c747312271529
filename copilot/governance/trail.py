"""A sitting: one writing transaction, one actor, one time, and the audit trail that tells of all that is done in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, Table

from copilot.audit.chain import Action, Event
from copilot.governance.outcomes import Refused
from copilot.state.audit_events import append
from copilot.state.store import StateStore


@dataclass(frozen=True)
class Sitting:
    """What is done in it is kept whole, with its events, or not at all. `actor` is an identity, `now` is aware."""

    connection: Connection
    actor: str
    now: datetime

    def tell(
        self,
        action: Action,
        about: str,
        *,
        role: str = "",
        put_in: str = "",
        output: str = "",
        policy: str = "",
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """An event: `put_in` and `output` are hashes, `about` names the proposal, policy or switch."""
        event = Event(
            actor=self.actor,
            role=role,
            action=action,
            object=about,
            input=put_in,
            output=output,
            policy=policy,
            code=version("tenor"),
            told=dict(told or {}),
        )
        append(self.connection, event, self.now)

    def refuse(self, about: str, wanted: str, why: Refused) -> Refused:
        """The refusal, once the trail tells of it."""
        self.tell("refused", about, told={"wanted": wanted, "control": why.control, "why": why.why})
        return why


@contextmanager
def sitting(store: StateStore, table: Table, actor: str) -> Iterator[Sitting]:
    """A transaction in which nobody else writes to the table."""
    now = store.clock()
    with store.writing(table) as connection:
        yield Sitting(connection, actor, now)
