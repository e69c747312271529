"""What is stopped: one person stops, two start again; it outlives restarts, and the worker looks before each write.

A feature is a kind of action, or `*` for everything: no proposal, no decision, no delivery. Reading goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from copilot.errors import GovernanceError
from copilot.governance.actions import KINDS
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, Role
from copilot.governance.trail import sitting
from copilot.state.store import StateStore
from copilot.state.tables import switches
from semantic_layer.errors import did_you_mean

ALL = "*"
MAY_STOP: tuple[Role, ...] = ("proposer", "approver", "policy owner", "admin", "auditor")
MAY_REVIVE: tuple[Role, ...] = ("approver", "policy owner", "admin")


@dataclass(frozen=True)
class Stop:
    """A feature that is stopped, by whom and why; `revival_asked_by` is the first of the two who start it again."""

    feature: str
    actor: str
    reason: str
    since: datetime
    revival_asked_by: str | None


Change = Literal["stopped", "stopped already", "one more person", "revived"]


def stops(connection: Connection) -> tuple[Stop, ...]:
    """What is stopped now."""
    query = select(switches).where(switches.c.stopped).order_by(switches.c.feature)
    return tuple(
        Stop(row.feature, row.actor, row.reason, row.changed_at, row.revival_asked_by)
        for row in connection.execute(query)
    )


def stopped(connection: Connection, kinds: tuple[str, ...]) -> Refused | None:
    """Why actions of these kinds must wait; None where nothing is stopped."""
    found = next((stop for stop in stops(connection) if stop.feature == ALL or stop.feature in kinds), None)
    if found is None:
        return None
    what = "Everything" if found.feature == ALL else f"The kind {found.feature!r}"
    return Refused("kill switch", f"{what} was stopped by {found.actor} ({found.reason}); two people start it again.")


class Switchboard:
    """The switches table."""

    def __init__(self, store: StateStore, people: People) -> None:
        self._store = store
        self._people = people

    def stops(self) -> tuple[Stop, ...]:
        """What is stopped now."""
        with self._store.reading() as connection:
            return stops(connection)

    def stop(self, actor: str, reason: str, feature: str = ALL) -> Change | Refused:
        """Stops it at once. Raises GovernanceError for a feature that does not exist."""
        _require(feature)
        with sitting(self._store, switches, actor) as here:
            person = self._people.with_role(actor, *MAY_STOP)
            if isinstance(person, Refused):
                return here.refuse(f"switch {feature}", "stop", person)
            old = here.connection.execute(select(switches).where(switches.c.feature == feature)).one_or_none()
            if old is not None and old.stopped:
                return "stopped already"
            values = {"stopped": True, "actor": person.name, "reason": reason, "changed_at": here.now}
            here.connection.execute(
                insert(switches).values(feature=feature, **values)
                if old is None
                else update(switches).where(switches.c.feature == feature).values(**values, revival_asked_by=None)
            )
            here.tell("stopped", f"switch {feature}", told={"reason": reason})
            return "stopped"

    def revive(self, actor: str, feature: str = ALL) -> Change | Refused:
        """The first of two people asks, the second one starts it. Raises GovernanceError when it is not stopped."""
        _require(feature)
        with sitting(self._store, switches, actor) as here:
            person = self._people.with_role(actor, *MAY_REVIVE)
            if isinstance(person, Refused):
                return here.refuse(f"switch {feature}", "revive", person)
            row = here.connection.execute(select(switches).where(switches.c.feature == feature)).one_or_none()
            if row is None or not row.stopped:
                raise GovernanceError(f"{feature!r} is not stopped; `tenor policy show` says what is.")
            changed = update(switches).where(switches.c.feature == feature)
            if row.revival_asked_by in {None, person.name}:
                here.connection.execute(changed.values(revival_asked_by=person.name))
                here.tell("revival asked", f"switch {feature}")
                return "one more person"
            values = {"stopped": False, "actor": person.name, "changed_at": here.now, "revival_asked_by": None}
            here.connection.execute(changed.values(**values))
            here.tell("revived", f"switch {feature}", told={"asked_by": row.revival_asked_by})
            return "revived"


def _require(feature: str) -> None:
    if feature != ALL and feature not in KINDS:
        near = did_you_mean(feature, KINDS) or KINDS
        raise GovernanceError(f"There is no kind of action {feature!r}. Did you mean {', '.join(near)}?")
