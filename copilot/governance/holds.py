"""Legal holds: while one covers a record of the audit trail, that record stays where it is.

Holds live in the trail itself, as events, so that none can be put there or taken away without a trace:

    hold placed -> hold release asked (where the policy wants two people) -> hold released
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, select

from copilot.errors import GovernanceError
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, Person, Role
from copilot.governance.register import in_force
from copilot.governance.trail import Sitting, sitting
from copilot.state.store import StateStore
from copilot.state.tables import audit_events

MAY_HOLD: tuple[Role, ...] = ("auditor", "policy owner")
PLACED: Final = "hold placed"
ASKED: Final = "hold release asked"
RELEASED: Final = "hold released"
Release = Literal["one more person", "released"]


@dataclass(frozen=True)
class Hold:
    """Records of these days (UTC, both included; None: without end) stay. `seq` is the record that placed it."""

    id: str
    seq: int
    reason: str
    placed_by: str
    placed_at: datetime
    first_day: date | None
    last_day: date | None
    release_asked_by: str | None = None

    def covers(self, begin: datetime, end: datetime) -> bool:
        """Whether records from one time to another are under it."""
        after = self.last_day is not None and begin.astimezone(UTC).date() > self.last_day
        before = self.first_day is not None and end.astimezone(UTC).date() < self.first_day
        return not (after or before)

    def days(self) -> str:
        """As in "2026-01-01 to 2026-03-31"."""
        if self.first_day is None and self.last_day is None:
            return "every day"
        return f"{self.first_day or 'the beginning'} to {self.last_day or 'today and later'}"


def open_holds(connection: Connection) -> tuple[Hold, ...]:
    """Those that nobody released, oldest first."""
    query = select(audit_events).where(audit_events.c.action.in_((PLACED, ASKED, RELEASED)))
    return _open(dict(row) for row in connection.execute(query.order_by(audit_events.c.seq)).mappings())


class HoldBook:
    """Places and releases holds."""

    def __init__(
        self, store: StateStore, people: People, *, new_id: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        self._store = store
        self._people = people
        self._new_id = new_id

    def holds(self) -> tuple[Hold, ...]:
        """Those in force."""
        with self._store.reading() as connection:
            return open_holds(connection)

    def place(
        self, actor: str, reason: str, first_day: date | None = None, last_day: date | None = None
    ) -> Hold | Refused:
        """A hold on the records of some days. Raises GovernanceError without a reason, or for days out of order."""
        if not reason.strip():
            raise GovernanceError("A hold needs a reason: name the case or the request with --reason.")
        if first_day is not None and last_day is not None and first_day > last_day:
            raise GovernanceError(f"A hold from {first_day} to {last_day} covers no day; exchange the two.")
        with sitting(self._store, audit_events, actor) as here:
            person = self._person(here)
            if isinstance(person, Refused):
                return here.refuse("hold", "place", person)
            key = self._new_id()
            told = {
                "by": person.name,
                "reason": reason,
                "from": first_day.isoformat() if first_day else None,
                "to": last_day.isoformat() if last_day else None,
            }
            here.tell(PLACED, f"hold {key}", told=told)
            return _one(here.connection, key)

    def release(self, key: str, actor: str, reason: str = "") -> Release | Refused:
        """Ends it, or asks for it where the policy in force wants a second person. Raises GovernanceError."""
        with sitting(self._store, audit_events, actor) as here:
            hold = _one(here.connection, key)
            person = self._person(here)
            if isinstance(person, Refused):
                return here.refuse(f"hold {key}", "release", person)
            version = in_force(here.connection, here.now)
            rule = version.policy.retention if version else None
            told = {"by": person.name, "reason": reason}
            if (rule is None or rule.people_to_release > 1) and hold.release_asked_by in {None, person.name}:
                here.tell(ASKED, f"hold {key}", told=told)
                return "one more person"
            here.tell(RELEASED, f"hold {key}", told={**told, "asked_by": hold.release_asked_by})
            return "released"

    def _person(self, here: Sitting) -> Person | Refused:
        return self._people.with_role(here.actor, *MAY_HOLD)


def _one(connection: Connection, key: str) -> Hold:
    found = next((hold for hold in open_holds(connection) if hold.id == key), None)
    if found is None:
        raise GovernanceError(f"No hold {key!r} is in force; `tenor audit hold list` shows those that are.")
    return found


def _open(events: Iterable[Mapping[str, Any]]) -> tuple[Hold, ...]:
    holds: dict[str, Hold] = {}
    for event in events:
        key, told = str(event["object"]).removeprefix("hold "), event["told"]
        if event["action"] == PLACED:
            first, last = (date.fromisoformat(told[name]) if told[name] else None for name in ("from", "to"))
            placed_at = datetime.fromisoformat(event["time"])
            holds[key] = Hold(key, event["seq"], told["reason"], told["by"], placed_at, first, last)
        elif event["action"] == RELEASED:
            holds.pop(key, None)
        elif key in holds:
            holds[key] = Hold(**{**vars(holds[key]), "release_asked_by": told["by"]})
    return tuple(holds.values())
