"""Pilots as they were registered: before they start, one at a time, in the audit trail, never edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection, Row, func, insert, select, update

from copilot.errors import PilotError
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, Role
from copilot.governance.trail import sitting
from copilot.outcomes.design import Design, checked_start
from copilot.state.store import StateStore
from copilot.state.tables import audit_events, pilots

OWNER: Role = "policy owner"
REGISTERED, STOPPED = "pilot registered", "pilot stopped"


@dataclass(frozen=True)
class Registered:
    """A design in the register. Times are aware, in UTC."""

    design: Design
    registered_by: str
    registered_at: datetime
    stopped_by: str | None
    stopped_at: datetime | None
    stop_reason: str | None


class PilotRegister:
    """The pilots table. `zone` is the company's: its days decide what "before the start" is."""

    def __init__(self, store: StateStore, people: People, zone: ZoneInfo) -> None:
        self._store = store
        self._people = people
        self._zone = zone

    def register(self, design: Design, actor: str) -> Registered | Refused:
        """Takes a design in. Raises PilotError for one that has begun, or that overlaps with another."""
        with sitting(self._store, pilots, actor) as here:
            about = f"pilot {design.id}"
            owner = self._people.with_role(actor, OWNER)
            if isinstance(owner, Refused):
                return here.refuse(about, "register a pilot", owner)
            checked_start(design.start, here.now.astimezone(self._zone).date())
            other = _overlapping(here.connection, design)
            if other is not None:
                why = f"Pilot {other} runs until then or later: two at a time would be in each other's holdout."
                return here.refuse(about, "register a pilot", Refused("one pilot at a time", why))
            row = {
                "id": design.id,
                "body": design.plain(),
                "sha256": design.sha256(),
                "starts": design.start,
                "ends": design.end,
                "registered_by": owner.name,
                "registered_at": here.now,
            }
            here.connection.execute(insert(pilots).values(row))
            told = {"name": design.name, "start": design.start.isoformat(), "end": design.end.isoformat()}
            here.tell("pilot registered", about, role=OWNER, output=design.sha256(), told=told)
            return _found(here.connection, design.id)

    def stop(self, key: str, actor: str, reason: str) -> Registered | Refused:
        """Ends a pilot before its time: there is no verdict then, and another may start."""
        with sitting(self._store, pilots, actor) as here:
            found = _found(here.connection, key)
            owner = self._people.with_role(actor, OWNER)
            if not isinstance(owner, Refused) and found.stopped_at is not None:
                owner = Refused("single use", f"Pilot {key} was stopped by {found.stopped_by} already.")
            if isinstance(owner, Refused):
                return here.refuse(f"pilot {key}", "stop a pilot", owner)
            values = {"stopped_by": owner.name, "stopped_at": here.now, "stop_reason": reason}
            here.connection.execute(update(pilots).where(pilots.c.id == key).values(values))
            told = {"reason": reason, "at": here.now.isoformat()}
            here.tell("pilot stopped", f"pilot {key}", role=OWNER, output=found.design.sha256(), told=told)
            return _found(here.connection, key)


def registered(store: StateStore) -> tuple[Registered, ...]:
    """All of them, the latest start first. Raises PilotError for one that was changed after it was registered."""
    with store.reading() as connection:
        keys = connection.execute(select(pilots.c.id).order_by(pilots.c.starts.desc(), pilots.c.id)).scalars().all()
        return tuple(_found(connection, key) for key in keys)


def pilot(store: StateStore, key: str | None = None) -> Registered:
    """One of them, by its id or the beginning of it; without, the latest. Raises PilotError when there is none."""
    with store.reading() as connection:
        keys = connection.execute(select(pilots.c.id).order_by(pilots.c.starts.desc(), pilots.c.id)).scalars().all()
        fit = [one for one in keys if key is None or one.startswith(key)]
        if not fit:
            there = f"there are {', '.join(keys)}" if keys else "design one with `tenor pilot design`"
            raise PilotError(f"There is no pilot{'' if key is None else f' {key!r}'}; {there}.")
        if key is not None and len(fit) > 1:
            raise PilotError(f"{key!r} begins the ids of {len(fit)} pilots; write more of it.")
        return _found(connection, fit[0])


def _overlapping(connection: Connection, design: Design) -> str | None:
    """A pilot that is not stopped and shares days with this one."""
    shares = (pilots.c.starts <= design.end) & (pilots.c.ends >= design.start) & pilots.c.stopped_at.is_(None)
    found: str | None = connection.execute(select(pilots.c.id).where(shares).limit(1)).scalar()
    return found


def _found(connection: Connection, key: str) -> Registered:
    """Raises PilotError where row, hash and audit trail do not tell of the same design."""
    row = connection.execute(select(pilots).where(pilots.c.id == key)).one_or_none()
    if row is None:
        raise PilotError(f"There is no pilot {key!r}; `tenor pilot list` shows those there are.")
    changed = PilotError(
        f"Pilot {key} is not what was registered: its row was changed in the database. `tenor audit verify` tells"
        " whether the trail is whole; no result is told of it."
    )
    try:
        design = Design.model_validate(row.body)
    except ValidationError:
        raise changed from None
    marks = select(audit_events).where(audit_events.c.object == f"pilot {key}").order_by(audit_events.c.seq)
    trail = connection.execute(marks).all()
    first = [one.output for one in trail if one.action == REGISTERED]
    begins = connection.execute(select(func.min(audit_events.c.time))).scalar()
    if not first and begins is not None and datetime.fromisoformat(begins) > row.registered_at:
        raise PilotError(
            f"The registration of pilot {key} is in a part of the audit trail that was sealed: no result is told of it."
        )
    fits = design.sha256() == row.sha256 and design.id == key and first == [row.sha256]
    if not fits or (design.start, design.end) != (row.starts, row.ends) or not _stop_fits(row, trail):
        raise changed
    return Registered(design, row.registered_by, row.registered_at, row.stopped_by, row.stopped_at, row.stop_reason)


def _stop_fits(row: Row[Any], trail: Sequence[Row[Any]]) -> bool:
    stops = [one.told for one in trail if one.action == STOPPED]
    if row.stopped_at is None:
        return not stops
    return [one["reason"] for one in stops] == [row.stop_reason]


def supplier_lists(design: Design) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names under which pilot and holdout bill, for the policy's `pilot` entry."""
    pilot_names = sorted(name for one in design.side("pilot") for name in one.suppliers)
    return tuple(pilot_names), tuple(sorted(name for one in design.side("holdout") for name in one.suppliers))
