"""Proposals and the decisions about them: one row each, settled once, the outbox filled in the same transaction.

    propose  people, policy, switches, caps -> an open proposal with the offices that must decide, or a refusal
    decide   the same again, by somebody else -> approved (and queued), still needs, rejected, void, or a refusal

Silence is no: an open proposal is void after the policy's hours. An edit is a new proposal, and voids the old one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, insert, select, update

from copilot.audit.chain import Action as AuditAction
from copilot.canonical_json import canonical, sealed
from copilot.errors import GovernanceError
from copilot.governance.actions import OutsideCoupa
from copilot.governance.casebook import BY_POLICY, OPEN, Case, case_of, decided, find, intact, missing_offices, spent
from copilot.governance.outcomes import Approved, Deciding, Proposed, Proposing, Refused, Rejected, StillNeeds, Voided
from copilot.governance.people import People, Person, Standing
from copilot.governance.proposal import Proposal
from copilot.governance.register import Version, in_force
from copilot.governance.rules import Spent, refusal, standing_for, tier_of
from copilot.governance.switches import stopped
from copilot.governance.trail import Sitting, sitting
from copilot.state.store import StateStore
from copilot.state.tables import decisions, outbox, proposals

TENOR = "tenor"
"""The actor where no person acts: what expired by itself, what a standing decision covers."""


class ApprovalDesk:
    """The proposals, decisions and outbox tables. Safe to share between threads."""

    def __init__(
        self, store: StateStore, people: People, *, new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    ) -> None:
        self._store = store
        self._people = people
        self._new_id = new_id

    def propose(self, proposal: Proposal, actor: str, *, instead_of: str | None = None) -> Proposing:
        """Makes it an open proposal, or approves it where a standing decision of the policy covers it whole.

        `instead_of` names an open one of the same maker that this one replaces: it is void from then on.
        """
        with sitting(self._store, proposals, actor) as here:
            found = self._makeable(here, proposal, instead_of)
            if isinstance(found, Refused):
                return here.refuse(proposal.subject, "propose", found)
            person, version, used = found
            if instead_of is not None:
                self._end(here, instead_of, "voided", {"why": "its maker replaced it"})
            key = self._new_id()
            self._insert(here, key, proposal, version, person)
            if standing_for(version.policy, proposal, used, here.now.date()) is not None:
                by = f"version {version.number} of the policy"
                self._record(here, key, proposal, by, Standing(BY_POLICY), "approved", "")
                return self._settle(here, key, proposal, BY_POLICY, by_policy=True)
            return Proposed(key, proposal.payload_hash(), tier_of(version.policy, proposal, used).offices)

    def approve(self, key: str, actor: str, *, payload_hash: str = "") -> Deciding:
        """One yes. `payload_hash` is the beginning of what the checker saw, where the surface shows it."""
        return self._decide(key, actor, "approved", "", payload_hash)

    def reject(self, key: str, actor: str, reason: str = "") -> Deciding:
        """One no, which ends it."""
        return self._decide(key, actor, "rejected", reason, "")

    def withdraw(self, key: str, actor: str) -> Deciding:
        """The maker takes it back."""
        with sitting(self._store, proposals, actor) as here:
            row = find(here.connection, key)
            if row is None:
                return here.refuse(f"proposal {key}", "withdraw", _unknown(key))
            person = self._people.known(actor)
            if person is None or person.name != row.maker:
                return here.refuse(f"proposal {key}", "withdraw", Refused("maker", "Only its maker takes it back."))
            if row.state != OPEN:
                return here.refuse(f"proposal {key}", "withdraw", _over(row))
            return self._end(here, key, "voided", {"why": "its maker took it back"})

    def expire(self) -> tuple[str, ...]:
        """Voids what waited too long; the ids."""
        with sitting(self._store, proposals, TENOR) as here:
            late = select(proposals.c.id).where((proposals.c.state == OPEN) & (proposals.c.expires_at <= here.now))
            keys = tuple(here.connection.execute(late.order_by(proposals.c.id)).scalars())
            for key in keys:
                self._end(here, key, "expired", {"why": "nobody decided in time"})
            return keys

    def cases(self, *, open_only: bool = False) -> tuple[Case, ...]:
        """All of them, the newest first."""
        query = select(proposals).order_by(proposals.c.made_at.desc(), proposals.c.id)
        if open_only:
            query = query.where(proposals.c.state == OPEN)
        with self._store.reading() as connection:
            now = self._store.clock()
            version = in_force(connection, now)
            return tuple(case_of(connection, row, version, now) for row in connection.execute(query).all())

    def case(self, key: str) -> Case:
        """One of them; raises GovernanceError when there is none, or when it was changed in the database."""
        with self._store.reading() as connection:
            row = find(connection, key)
            if row is None:
                raise GovernanceError(_unknown(key).why)
            now = self._store.clock()
            return case_of(connection, row, in_force(connection, now), now)

    def hand_out(self, key: str, actor: str) -> tuple[OutsideCoupa, ...] | Refused:
        """The drafts and files of an approved proposal, for people; the audit trail tells who got them."""
        with sitting(self._store, proposals, actor) as here:
            about = f"proposal {key}"
            row = find(here.connection, key)
            if row is None:
                return here.refuse(about, "hand out", _unknown(key))
            person = self._people.with_role(actor, "proposer", "approver")
            if isinstance(person, Refused):
                return here.refuse(about, "hand out", person)
            if row.state != "approved":
                unapproved = Refused("approval", f"Proposal {key} is {row.state}, not approved: nothing is handed out.")
                return here.refuse(about, "hand out", unapproved)
            files = intact(row).files()
            output = sealed(canonical([file.content() for file in files]))
            here.tell("handed out", about, output=output, told={"files": [file.kind for file in files]})
            return files

    def _makeable(
        self, here: Sitting, proposal: Proposal, instead_of: str | None
    ) -> tuple[Person, Version, Spent] | Refused:
        """Whether this person may propose it now, beside what was proposed already."""
        person = self._people.with_role(here.actor, "proposer")
        if isinstance(person, Refused):
            return person
        version = in_force(here.connection, here.now)
        if version is None:
            return Refused("policy", "No policy is in force yet; `tenor policy propose` begins one.")
        if version.number != proposal.policy:
            return Refused("policy", f"Version {version.number} of the policy is in force, not {proposal.policy}.")
        used = spent(here.connection, proposal.supplier, version.policy, here.now, but=instead_of or "")
        return (
            stopped(here.connection, _kinds(proposal))
            or refusal(version.policy, proposal, used, here.now.date())
            or _not_replaceable(here, person, instead_of)
            or _repeated(here, proposal, instead_of)
            or (person, version, used)
        )

    def _decide(self, key: str, actor: str, verdict: str, reason: str, seen: str) -> Deciding:
        with sitting(self._store, proposals, actor) as here:
            row = find(here.connection, key)
            if row is None or row.state != OPEN:
                return here.refuse(f"proposal {key}", verdict, _unknown(key) if row is None else _over(row))
            live = self._live(here, row)
            if isinstance(live, Voided):
                return live
            if not row.payload_hash.startswith(seen):
                other = Refused("payload", "What was shown is not what is stored: open the proposal again and look.")
                return here.refuse(f"proposal {key}", verdict, other)
            return self._judged(here, row, *live, verdict, reason)

    def _live(self, here: Sitting, row: Row[Any]) -> tuple[Proposal, Version] | Voided:
        """The proposal and the policy it stands under; or it ends here, since time, text or policy have changed."""
        if row.expires_at <= here.now:
            return self._end(here, row.id, "expired", {"why": "nobody decided in time"})
        try:
            proposal = intact(row)
        except GovernanceError as changed:
            return self._end(here, row.id, "voided", {"why": str(changed)})
        version = in_force(here.connection, here.now)
        if version is None or version.number != proposal.policy:
            why = f"it was made under version {proposal.policy} of the policy, which is no longer in force"
            return self._end(here, row.id, "voided", {"why": why})
        return proposal, version

    def _judged(
        self, here: Sitting, row: Row[Any], proposal: Proposal, version: Version, verdict: str, reason: str
    ) -> Deciding:
        """The decision of whoever acts, once it is known to be about what is stored, under the policy in force."""
        done = decided(here.connection, row.id)
        used = spent(here.connection, proposal.supplier, version.policy, here.now, but=row.id)
        missing = missing_offices(tier_of(version.policy, proposal, used).offices, done)
        offices = () if verdict == "rejected" else missing
        found = self._checker(here, row, proposal.at_stake + used.supplier, done, offices)
        if not isinstance(found, Refused) and verdict == "approved":
            barred = stopped(here.connection, _kinds(proposal))
            found = barred or refusal(version.policy, proposal, used, here.now.date()) or found
        if isinstance(found, Refused):
            return here.refuse(f"proposal {row.id}", verdict, found)
        person, standing = found
        self._record(here, row.id, proposal, person.name, standing, verdict, reason)
        if verdict == "rejected":
            self._end(here, row.id, "rejected", {"why": reason, "office": standing.office})
            return Rejected(row.id)
        left = list(missing)
        left.remove(standing.office)
        if not left:
            return self._settle(here, row.id, proposal, standing.office)
        self._tell(here, "approved", row.id, proposal, {"office": standing.office, "still": left})
        return StillNeeds(row.id, tuple(left))

    def _checker(
        self,
        here: Sitting,
        row: Row[Any],
        amount: Decimal,
        done: Sequence[Row[Any]],
        offices: Sequence[str],
    ) -> tuple[Person, Standing] | Refused:
        """Whether this person may decide, and in which office: one of `offices`, or any where none is named.

        `amount` counts all that went to the same supplier.
        """
        person = self._people.known(here.actor)
        if person is None:
            return Refused("identity", f"{here.actor} is not in the people file.")
        if person.name == row.maker:
            return Refused("maker and checker", f"{person.name} made this proposal; somebody else decides about it.")
        if any(person.name in {one.checker, one.on_behalf_of} for one in done):
            return Refused("one person, one decision", f"{person.name} has decided already, or was decided for.")
        barred = {row.maker, *(one.checker for one in done)}
        standings = self._people.standings(person, amount, here.now.date())
        fit = [one for one in standings if one.on_behalf_of not in barred and (not offices or one.office in offices)]
        if not fit:
            held = ", ".join(sorted({one.office for one in standings})) or "no office for this amount"
            needed = " and ".join(offices) or "an office"
            return Refused("office", f"It needs {needed}; {person.name} has {held}.")
        return person, fit[0]

    def _insert(self, here: Sitting, key: str, proposal: Proposal, version: Version, maker: Person) -> None:
        row = {
            "id": key,
            "subject": proposal.subject,
            "body": proposal.plain(),
            "payload_hash": proposal.payload_hash(),
            "evidence_hash": proposal.evidence_hash(),
            "policy": proposal.policy,
            "maker": maker.name,
            "supplier": proposal.supplier,
            "cents": proposal.cents,
            "state": OPEN,
            "made_at": here.now,
            "expires_at": _expiry(proposal, version, here.now),
        }
        here.connection.execute(insert(proposals).values(row))
        told = {"title": proposal.title, "amount": f"{proposal.amount} {proposal.currency}"}
        self._tell(here, "proposed", key, proposal, told)

    def _record(
        self,
        here: Sitting,
        key: str,
        proposal: Proposal,
        checker: str,
        standing: Standing,
        verdict: str,
        reason: str,
    ) -> None:
        row = {
            "proposal": key,
            "checker": checker,
            "verdict": verdict,
            "office": standing.office,
            "payload_hash": proposal.payload_hash(),
            "on_behalf_of": standing.on_behalf_of,
            "reason": reason,
            "decided_at": here.now,
        }
        here.connection.execute(insert(decisions).values(row))

    def _settle(self, here: Sitting, key: str, proposal: Proposal, office: str, *, by_policy: bool = False) -> Approved:
        """All decisions are there: approved, and queued."""
        values = {"state": "approved", "settled_at": here.now}
        here.connection.execute(update(proposals).where(proposals.c.id == key).values(values))
        for position, delivery in enumerate(proposal.deliveries()):
            row = {
                **delivery.plain(),
                "proposal": key,
                "position": position,
                "request_hash": sealed(canonical(delivery.request.plain())),
                "queued_at": here.now,
                "state": "waiting",
                "attempts": 0,
                "next_try_at": here.now,
            }
            here.connection.execute(insert(outbox).values(row))
        keys = tuple(delivery.key for delivery in proposal.deliveries())
        self._tell(here, "approved", key, proposal, {"office": office, "queued": list(keys)})
        return Approved(key, keys, len(proposal.files()), by_policy=by_policy)

    def _end(self, here: Sitting, key: str, state: AuditAction, told: dict[str, str]) -> Voided:
        """The proposal is over, without effect."""
        values = {"state": state, "settled_at": here.now}
        here.connection.execute(update(proposals).where(proposals.c.id == key).values(values))
        here.tell(state, f"proposal {key}", told=told)
        return Voided(key, told["why"])

    def _tell(self, here: Sitting, action: AuditAction, key: str, proposal: Proposal, told: dict[str, Any]) -> None:
        here.tell(
            action,
            f"proposal {key}",
            put_in=proposal.evidence_hash(),
            output=proposal.payload_hash(),
            policy=str(proposal.policy),
            told=told,
        )


def _expiry(proposal: Proposal, version: Version, now: datetime) -> datetime:
    """After the policy's hours, and no later than the end (UTC) of the last day on which it makes sense."""
    by_policy = now + timedelta(hours=version.policy.expires_hours)
    if proposal.last_day is None:
        return by_policy
    return min(by_policy, datetime.combine(proposal.last_day + timedelta(days=1), time(), UTC))


def _kinds(proposal: Proposal) -> tuple[str, ...]:
    return tuple(action.kind for action in proposal.actions)


def _unknown(key: str) -> Refused:
    return Refused("identity of the proposal", f"There is no proposal {key[:40]!r}.")


def _over(row: Row[Any]) -> Refused:
    return Refused("single use", f"Proposal {row.id} is {row.state} already; nothing more is decided about it.")


def _not_replaceable(here: Sitting, person: Person, key: str | None) -> Refused | None:
    if key is None:
        return None
    row = find(here.connection, key)
    if row is None:
        return _unknown(key)
    if row.maker != person.name:
        return Refused("maker", f"{row.maker} made proposal {key}; only its maker replaces it.")
    return None if row.state == OPEN else _over(row)


def _repeated(here: Sitting, proposal: Proposal, instead_of: str | None) -> Refused | None:
    """One open proposal for a subject; and what was once queued is never queued again."""
    same = (proposals.c.subject == proposal.subject) & (proposals.c.state == OPEN)
    if instead_of is not None:
        same &= proposals.c.id != instead_of
    if (other := here.connection.execute(select(proposals.c.id).where(same)).scalar()) is not None:
        return Refused("one at a time", f"Proposal {other} about it is open already: {proposal.subject}.")
    keys = [delivery.key for delivery in proposal.deliveries()]
    queued = select(outbox.c.proposal).where(outbox.c.key.in_(keys)).limit(1)
    if (other := here.connection.execute(queued).scalar()) is not None:
        return Refused("exactly once", f"The same was approved before, as proposal {other}; it is not sent twice.")
    return None
