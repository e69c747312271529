"""Proposals as they stand in the store: found, held against their hash, counted, shown with all that happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, func, select

from copilot.errors import GovernanceError
from copilot.governance.policy import Policy
from copilot.governance.proposal import CENTS, Proposal
from copilot.governance.register import Version
from copilot.governance.rules import Spent, tier_of
from copilot.state.tables import decisions, outbox, proposals

OPEN = "open"
BY_POLICY = "standing decision"
_COUNTED = (OPEN, "approved")


@dataclass(frozen=True)
class Decision:
    """Who decided, in which office and for whom, and what."""

    checker: str
    verdict: str
    office: str
    on_behalf_of: str | None
    reason: str
    decided_at: datetime


@dataclass(frozen=True)
class Effect:
    """One action in the outbox and how far it is: waiting, sending, delivered or dead."""

    key: str
    kind: str
    object: str
    state: str
    remote_id: str | None
    trouble: str | None


@dataclass(frozen=True)
class Case:
    """A proposal with all that happened to it. `needs` are the offices that must still decide. Times are in UTC."""

    id: str
    proposal: Proposal
    payload_hash: str
    maker: str
    state: str
    made_at: datetime
    expires_at: datetime
    needs: tuple[str, ...]
    decisions: tuple[Decision, ...]
    effects: tuple[Effect, ...]


def find(connection: Connection, key: str) -> Row[Any] | None:
    """The row of a proposal."""
    return connection.execute(select(proposals).where(proposals.c.id == key)).one_or_none()


def intact(row: Row[Any]) -> Proposal:
    """The proposal of a row; raises GovernanceError when it is not what was proposed."""
    changed = GovernanceError(f"Proposal {row.id} was changed in the database after it was made")
    try:
        proposal = Proposal.model_validate(row.body)
    except ValidationError:
        raise changed from None
    fits = (
        proposal.payload_hash() == row.payload_hash
        and proposal.evidence_hash() == row.evidence_hash
        and (proposal.cents, proposal.supplier, proposal.policy) == (row.cents, row.supplier, row.policy)
    )
    if not fits:
        raise changed
    return proposal


def decided(connection: Connection, key: str) -> Sequence[Row[Any]]:
    """The decisions on a proposal, oldest first."""
    query = select(decisions).where(decisions.c.proposal == key).order_by(decisions.c.decided_at, decisions.c.checker)
    return connection.execute(query).all()


def missing_offices(offices: Sequence[str], done: Sequence[Row[Any]]) -> tuple[str, ...]:
    """The offices of a tier that have not said yes."""
    left = list(offices)
    for one in done:
        if one.office in left:
            left.remove(one.office)
    return tuple(left)


def spent(connection: Connection, supplier: str, policy: Policy, now: datetime, *, but: str = "") -> Spent:
    """What is open or approved already, without the proposal `but`."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    window = now - timedelta(days=policy.caps.supplier_days)
    counted = proposals.c.state.in_(_COUNTED) & (proposals.c.id != but)
    by_policy = proposals.c.id.in_(select(decisions.c.proposal).where(decisions.c.office == BY_POLICY))

    def total(*conditions: Any) -> Decimal:
        query = select(func.coalesce(func.sum(proposals.c.cents), 0)).where(counted, *conditions)
        return Decimal(int(connection.execute(query).scalar_one())) / CENTS

    return Spent(
        day=total(proposals.c.made_at >= midnight),
        supplier=total(proposals.c.supplier == supplier, proposals.c.made_at >= window),
        automatic=total(proposals.c.made_at >= midnight, by_policy),
    )


def case_of(connection: Connection, row: Row[Any], version: Version | None, now: datetime) -> Case:
    """A proposal with its decisions and effects; raises GovernanceError when it was changed."""
    proposal = intact(row)
    done = decided(connection, row.id)
    needs: tuple[str, ...] = ()
    if row.state == OPEN and version is not None and version.number == proposal.policy:
        before = spent(connection, proposal.supplier, version.policy, now, but=row.id)
        needs = missing_offices(tier_of(version.policy, proposal, before).offices, done)
    queued = select(outbox).where(outbox.c.proposal == row.id).order_by(outbox.c.position)
    return Case(
        id=row.id,
        proposal=proposal,
        payload_hash=row.payload_hash,
        maker=row.maker,
        state=row.state,
        made_at=row.made_at,
        expires_at=row.expires_at,
        needs=needs,
        decisions=tuple(
            Decision(one.checker, one.verdict, one.office, one.on_behalf_of, one.reason, one.decided_at) for one in done
        ),
        effects=tuple(
            Effect(one.key, one.kind, one.object, one.state, one.remote_id, one.trouble)
            for one in connection.execute(queued)
        ),
    )
