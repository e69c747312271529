"""What is older than the policy keeps is sealed: written to a file that verifies alone, then taken out of the table.

    records older than the rule, verified -> no hold over them? -> file written, synced, read back and verified
        -> one transaction: rule and holds looked at again, "trail sealed" told with the seal, the records deleted

Stopped anywhere, nothing is lost: the file stands before a record goes, and a file that stands already is used again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from copilot.audit.anchor import AnchorKey
from copilot.audit.chain import Broken, Head, verify
from copilot.audit.exporting import export_lines, read_export, verify_export
from copilot.audit.sealing import SEALED, Seal, beginning, seal_of, sealed_lines
from copilot.canonical_json import sealed
from copilot.errors import AuditError
from copilot.governance.holds import open_holds
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, Role
from copilot.governance.policy import Retention
from copilot.governance.register import in_force
from copilot.governance.trail import Sitting, sitting
from copilot.state.store import StateStore
from copilot.state.tables import audit_events

ABOUT = "audit trail"
MAY_SEAL: tuple[Role, ...] = ("admin", "auditor")


@dataclass(frozen=True)
class Sealed:
    """Records `seal.after` + 1 to `seal.through` are in the file, and no longer in the table."""

    seal: Seal
    file: Path


@dataclass(frozen=True)
class NothingToSeal:
    """No record is older than the rule keeps; `oldest` is the time of the oldest, None in an empty trail."""

    cutoff: datetime
    oldest: datetime | None


def retain(
    store: StateStore, people: People, key: AnchorKey, actor: str, folder: Path, reason: str
) -> Sealed | NothingToSeal | Refused:
    """Seals what the policy in force no longer keeps. Raises AuditError for a broken trail or a folder that fails."""
    now = store.clock()
    with store.reading() as connection:
        found = _sealable(connection, people, actor, now)
    if isinstance(found, NothingToSeal):
        return found
    if isinstance(found, Refused):
        with sitting(store, audit_events, actor) as here:
            return here.refuse(ABOUT, "seal", found)
    start = Head(found[0]["seq"] - 1, found[0]["previous"])
    seal, file = _written(folder, found, seal_of(key, start, Head(found[-1]["seq"], found[-1]["hash"]), now))
    with sitting(store, audit_events, actor) as here:
        rule = _rule(here.connection, people, actor, now)
        if isinstance(rule, Refused):
            return here.refuse(ABOUT, "seal", rule)
        if (held := _held(here.connection, found)) is not None:
            return here.refuse(ABOUT, "seal", held)
        _take_out(here, seal, file, rule, reason)
    return Sealed(seal, file)


def before(now: datetime, months: int) -> datetime:
    """The same day of an earlier month at its beginning (UTC); the last day of that month where it is shorter."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    day = now.astimezone(UTC).day
    while True:
        try:
            return datetime(year, month + 1, day, tzinfo=UTC)
        except ValueError:
            day -= 1


Records = Sequence[dict[str, Any]]


def _rule(connection: Connection, people: People, actor: str, now: datetime) -> Retention | Refused:
    """What the policy in force says, to somebody who may seal."""
    person = people.with_role(actor, *MAY_SEAL)
    if isinstance(person, Refused):
        return person
    version = in_force(connection, now)
    if version is None or version.policy.retention is None:
        return Refused("retention", "The policy in force has no `retention`: nothing of the trail is ever taken out.")
    return version.policy.retention


def _sealable(connection: Connection, people: People, actor: str, now: datetime) -> Records | NothingToSeal | Refused:
    """The records that may go now, whole and verified, or why none may."""
    rule = _rule(connection, people, actor, now)
    if isinstance(rule, Refused):
        return rule
    query = select(audit_events).order_by(audit_events.c.seq)
    whole = [dict(row) for row in connection.execute(query).mappings()]
    start = beginning(whole)
    verdict = start if isinstance(start, Broken) else verify(whole, start)
    if isinstance(verdict, Broken):
        raise AuditError(f"The trail is broken at record {verdict.place} ({verdict.why}): nothing of it is sealed.")
    cutoff = before(now, rule.keep_months)
    times = [datetime.fromisoformat(record["time"]) for record in whole]
    stays = next((at for at, time in enumerate(times) if time >= cutoff), len(whole))
    if stays == 0:
        return NothingToSeal(cutoff, times[0] if times else None)
    return _held(connection, whole[:stays]) or whole[:stays]


def _held(connection: Connection, records: Records) -> Refused | None:
    begin, end = (datetime.fromisoformat(records[at]["time"]) for at in (0, -1))
    for hold in open_holds(connection):
        if hold.covers(begin, end) or hold.seq <= records[-1]["seq"]:
            return Refused(
                "legal hold",
                f"Hold {hold.id} ({hold.reason}) covers {hold.days()}, or was placed in a record that would go:"
                " nothing is sealed while it is in force.",
            )
    return None


def _written(folder: Path, records: Records, seal: Seal) -> tuple[Seal, Path]:
    """The file, on the disk and read back; one that stands there already holds the same records, or is refused."""
    path = folder / seal.file_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            half = path.with_suffix(".half")
            with half.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in sealed_lines(export_lines(records), seal))
                file.flush()
                os.fsync(file.fileno())
            half.rename(path)
        with path.open(encoding="utf-8") as lines:
            there, promised, stands = read_export(lines)
    except OSError as error:
        raise AuditError(f"The sealed part cannot be written to {folder} ({error.strerror or error}).") from error
    if isinstance(verify_export(there, promised, stands), Broken) or stands is None or there != list(records):
        raise AuditError(f"{path.name} in {folder} is there already and holds something else; move it away first.")
    return stands, path


def _take_out(here: Sitting, seal: Seal, file: Path, rule: Retention, reason: str) -> None:
    content = file.read_text(encoding="utf-8")
    told = {"seal": seal.plain(), "file": file.name, "kept_months": rule.keep_months, "reason": reason}
    here.tell(SEALED, f"records {seal.after + 1} to {seal.through}", output=sealed(content), told=told)
    gone = here.connection.execute(delete(audit_events).where(audit_events.c.seq <= seal.through))
    if gone.rowcount != seal.through - seal.after:
        raise AuditError("Somebody else sealed the same records meanwhile; `tenor audit verify` shows how it stands.")
