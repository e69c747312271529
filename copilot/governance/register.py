"""The versions of the policy: proposed by one policy owner, approved by another, then in force and never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, func, insert, select, update

from copilot.errors import GovernanceError
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, Role
from copilot.governance.policy import Policy, differences
from copilot.governance.trail import Sitting, sitting
from copilot.state.store import StateStore
from copilot.state.tables import policies

OWNER: Role = "policy owner"


@dataclass(frozen=True)
class Version:
    """A numbered policy and what became of it: proposed, approved or rejected. Times are aware, in UTC."""

    number: int
    policy: Policy
    state: str
    effective_from: datetime | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


def in_force(connection: Connection, now: datetime) -> Version | None:
    """The version that holds at a time: the latest to have taken effect. None while none was ever approved."""
    query = (
        select(policies)
        .where((policies.c.state == "approved") & (policies.c.effective_from <= now))
        .order_by(policies.c.effective_from.desc(), policies.c.version.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _version(row)


class Register:
    """The policies table."""

    def __init__(self, store: StateStore, people: People) -> None:
        self._store = store
        self._people = people

    def versions(self) -> tuple[Version, ...]:
        """All of them, by number."""
        with self._store.reading() as connection:
            return tuple(_version(row) for row in connection.execute(select(policies).order_by(policies.c.version)))

    def version(self, number: int) -> Version:
        """One of them; raises GovernanceError when there is none."""
        with self._store.reading() as connection:
            return _one(connection, number)

    def in_force(self) -> Version | None:
        """The one that holds now."""
        with self._store.reading() as connection:
            return in_force(connection, self._store.clock())

    def required(self) -> Version:
        """The one that holds now; raises GovernanceError while there is none."""
        version = self.in_force()
        if version is None:
            raise GovernanceError("No policy is in force yet. Propose one with `tenor policy propose FILE`.")
        return version

    def propose(self, policy: Policy, actor: str, effective_from: datetime | None = None) -> Version | Refused:
        """A new version, to be approved by another policy owner; it changes nothing yet."""
        with sitting(self._store, policies, actor) as here:
            owner = self._people.with_role(actor, OWNER)
            if isinstance(owner, Refused):
                return here.refuse("policy", "propose", owner)
            number = 1 + (here.connection.execute(select(func.max(policies.c.version))).scalar() or 0)
            before = in_force(here.connection, here.now)
            row = {
                "version": number,
                "body": policy.plain(),
                "sha256": policy.sha256(),
                "effective_from": effective_from,
                "state": "proposed",
                "proposed_by": owner.name,
                "proposed_at": here.now,
            }
            here.connection.execute(insert(policies).values(row))
            changes = differences(before.policy if before else None, policy)
            told = {"changes": changes, "from": effective_from.isoformat() if effective_from else "its approval"}
            here.tell("policy proposed", f"policy {number}", role=OWNER, output=policy.sha256(), told=told)
            return _one(here.connection, number)

    def approve(self, number: int, actor: str) -> Version | Refused:
        """It takes effect at the time it was proposed for, or at once where that has passed: never in the past."""
        with sitting(self._store, policies, actor) as here:
            return self._decide(here, number, "approved")

    def reject(self, number: int, actor: str) -> Version | Refused:
        """It never takes effect."""
        with sitting(self._store, policies, actor) as here:
            return self._decide(here, number, "rejected")

    def _decide(self, here: Sitting, number: int, verdict: str) -> Version | Refused:
        found = _one(here.connection, number)
        owner = self._people.with_role(here.actor, OWNER)
        if not isinstance(owner, Refused) and owner.name == found.proposed_by:
            owner = Refused("maker and checker", f"{owner.name} proposed version {number}; another owner decides.")
        if not isinstance(owner, Refused) and found.state != "proposed":
            owner = Refused("single use", f"Version {number} is {found.state} already.")
        if isinstance(owner, Refused):
            return here.refuse(f"policy {number}", verdict, owner)
        starts = max(found.effective_from or here.now, here.now)
        values = {"state": verdict, "decided_by": owner.name, "decided_at": here.now, "effective_from": starts}
        here.connection.execute(update(policies).where(policies.c.version == number).values(values))
        here.tell(
            "policy approved" if verdict == "approved" else "policy rejected",
            f"policy {number}",
            role=OWNER,
            output=found.policy.sha256(),
            policy=str(number),
            told={"from": starts.isoformat()},
        )
        return _one(here.connection, number)


def _one(connection: Connection, number: int) -> Version:
    row = connection.execute(select(policies).where(policies.c.version == number)).one_or_none()
    if row is None:
        raise GovernanceError(f"There is no version {number} of the policy; `tenor policy list` shows those there are.")
    return _version(row)


def _version(row: Row[Any]) -> Version:
    """Raises GovernanceError for a text that is not the one that was approved."""
    changed = GovernanceError(f"Version {row.version} of the policy was changed in the database after it was written.")
    try:
        policy = Policy.model_validate(row.body)
    except ValidationError:
        raise changed from None
    if policy.sha256() != row.sha256:
        raise changed
    return Version(
        row.version,
        policy,
        row.state,
        row.effective_from,
        row.proposed_by,
        row.proposed_at,
        row.decided_by,
        row.decided_at,
    )
