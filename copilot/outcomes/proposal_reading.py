"""Proposals to pay early and what became of them, from the state store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from copilot.governance.casebook import intact
from copilot.outcomes.bookings import booked_invoices
from copilot.outcomes.funnel import Followed
from copilot.state.store import StateStore
from copilot.state.tables import outbox, proposals


def read_proposals(store: StateStore, zone: ZoneInfo) -> tuple[Followed, ...]:
    """All of them, the oldest first. Raises GovernanceError for one that was changed after it was made."""
    with store.reading() as connection:
        effects: dict[str, Counter[str]] = defaultdict(Counter)
        for write in connection.execute(select(outbox.c.proposal, outbox.c.state)):
            effects[write.proposal][write.state] += 1
        booked = booked_invoices(connection)
        found = []
        for row in connection.execute(select(proposals).order_by(proposals.c.made_at, proposals.c.id)):
            proposal = intact(row)
            saved = saved_by(proposal.evidence)
            if saved is None or not proposal.documents:
                continue
            states = effects[row.id]
            found.append(
                Followed(
                    invoice=proposal.documents[0],
                    supplier=proposal.supplier,
                    saved=saved,
                    made_at=row.made_at,
                    day=row.made_at.astimezone(zone).date(),
                    state=row.state,
                    sent=states.total(),
                    delivered=states["delivered"],
                    dead=states["dead"],
                    confidence=proposal.confidence,
                    booked=proposal.documents[0] in booked,
                )
            )
    return tuple(found)


def saved_by(evidence: Mapping[str, Any]) -> Decimal | None:
    """The discount that a proposal was made for, frozen in its evidence; None where it is about something else."""
    try:
        return Decimal(str(evidence["recommendation"]["payload"]["saved"]))
    except (KeyError, TypeError, InvalidOperation):
        return None
