"""What people should hear of once: early payments that nobody has proposed yet, and deliveries that died.

Both are read from the trail and the outbox, so that every surface tells of the same ones: the page, Slack, mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, select

from copilot.governance.casebook import OPEN, intact
from copilot.governance.early_payments import SUBJECT
from copilot.governance.policy import Policy
from copilot.governance.register import in_force
from copilot.governance.rules import barred
from copilot.governance.switches import stopped
from copilot.state.tables import audit_events, outbox, proposals

COMMENT = "invoice comment"
"""The kind of action without which an early payment is never proposed."""


@dataclass(frozen=True)
class Unproposed:
    """An early payment as first recommended; amounts as texts, in `currency`. Whether it still is, proposing shows."""

    invoice: int
    subject: str
    title: str
    supplier: str
    saved: str
    benefit: str
    currency: str
    pay_on: date
    last_day: date
    seen_at: datetime

    @property
    def incident(self) -> str:
        """What it is told once for."""
        return f"recommended {self.subject}"


@dataclass(frozen=True)
class DeadLetter:
    """An approved action that did not reach Coupa; `trouble` ends with the way out. `died` counts its deaths."""

    key: str
    proposal: str
    title: str
    kind: str
    object: str
    trouble: str
    died: int
    at: datetime

    @property
    def incident(self) -> str:
        """What it is told once for: dying again after another try is another one."""
        return f"dead {self.key} {self.died}"


def incidents(connection: Connection, now: datetime) -> tuple[Unproposed | DeadLetter, ...]:
    """Everything that people should hear of, what died first."""
    return (*dead_letters(connection), *unproposed(connection, now))


def unproposed(connection: Connection, now: datetime) -> tuple[Unproposed, ...]:
    """Those that the policy in force lets people propose now, the last days first; none in phase 1 or while stopped."""
    version = in_force(connection, now)
    if version is None or COMMENT not in version.policy.kinds or stopped(connection, (COMMENT,)) is not None:
        return ()
    told = select(audit_events).where(audit_events.c.action == "recommended").order_by(audit_events.c.seq)
    latest = {row["object"]: row for row in connection.execute(told).mappings()}
    taken = select(proposals.c.subject).where(proposals.c.state.in_((OPEN, "approved")))
    over = set(connection.execute(taken).scalars())
    today = now.astimezone(UTC).date()
    found = (_unproposed(row) for subject, row in latest.items() if subject not in over)
    kept = [one for one in found if one is not None and _may_be(version.policy, one, today)]
    return tuple(sorted(kept, key=lambda one: (one.last_day, one.invoice)))


def dead_letters(connection: Connection) -> tuple[DeadLetter, ...]:
    """What is dead in the outbox now, the oldest first."""
    query = select(outbox).where(outbox.c.state == "dead").order_by(outbox.c.queued_at, outbox.c.position)
    return tuple(_dead(connection, row) for row in connection.execute(query).mappings().all())


def _may_be(policy: Policy, one: Unproposed, today: date) -> bool:
    return today <= one.last_day and barred(policy, one.supplier) is None


def _unproposed(row: Mapping[Any, Any]) -> Unproposed | None:
    """None for one that is for the treasury to look at, and for records from before they told enough."""
    told: Mapping[str, Any] = row["told"]
    if told.get("route") != "recommend" or not {"supplier", "currency", "last_day"} <= set(told):
        return None
    return Unproposed(
        invoice=int(str(row["object"]).removeprefix(SUBJECT.format(id=""))),
        subject=str(row["object"]),
        title=told["title"],
        supplier=told["supplier"],
        saved=told["saved"],
        benefit=told["benefit"],
        currency=told["currency"],
        pay_on=date.fromisoformat(told["pay_on"]),
        last_day=date.fromisoformat(told["last_day"]),
        seen_at=datetime.fromisoformat(row["time"]),
    )


def _dead(connection: Connection, row: Mapping[Any, Any]) -> DeadLetter:
    deaths = list(_deaths(connection, row["proposal"], row["key"]))
    found = connection.execute(select(proposals).where(proposals.c.id == row["proposal"])).one()
    return DeadLetter(
        key=row["key"],
        proposal=row["proposal"],
        title=intact(found).title,
        kind=row["kind"],
        object=row["object"],
        trouble=row["trouble"] or "nobody said why",
        died=len(deaths),
        at=deaths[-1] if deaths else row["next_try_at"],
    )


def _deaths(connection: Connection, proposal: str, key: str) -> Iterator[datetime]:
    """When the worker gave an action up, each time, as the trail tells."""
    query = select(audit_events.c.time, audit_events.c.told).where(
        (audit_events.c.object == f"proposal {proposal}") & (audit_events.c.action == "not delivered")
    )
    for time, told in connection.execute(query.order_by(audit_events.c.seq)):
        if told.get("key") == key and "why" in told and told.get("again") is None:
            yield datetime.fromisoformat(time)
