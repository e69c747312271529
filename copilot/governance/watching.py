"""From a new version of the mirror to decisions: what is recommended for the first time is told, scored and routed.

    new version -> choice of discounts under the policy -> new recommendations, each one event in the audit trail
                -> what a standing decision covers whole is submitted by Tenor itself; the rest waits for a proposer

A recommendation is told once for each subject, with what it was worth then: later figures do not move that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from copilot.governance.casebook import spent
from copilot.governance.desk import TENOR, ApprovalDesk
from copilot.governance.early_payments import SUBJECT, early_payment, savings_on
from copilot.governance.outcomes import Proposing
from copilot.governance.people import People
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register, Version
from copilot.governance.rules import standing_for
from copilot.governance.trail import sitting
from copilot.opportunities.discount_outcomes import DiscountPlan, EarlyPayment
from copilot.opportunities.discount_plan import plan_discounts
from copilot.opportunities.offer_reading import read_inputs
from copilot.opportunities.recommendation import Recommendation
from copilot.state.store import StateStore
from copilot.state.tables import audit_events, proposals
from semantic_layer import SemanticLayer

SERVICE = "service:tenor"
"""The identity under which Tenor submits what a standing decision covers; a person of the people file holds it."""


@dataclass(frozen=True)
class Seen:
    """One recommendation that is new with this version of the mirror. `outcome` where Tenor submitted it itself."""

    subject: str
    title: str
    route: str
    outcome: Proposing | None


def watch(store: StateStore, people: People, layer: SemanticLayer, *, currency: str) -> tuple[Seen, ...]:
    """Looks at one version of the mirror. Raises GovernanceError while no policy is in force."""
    version = Register(store, people).required()
    with store.reading() as connection:
        known = _told(connection)
    plan = plan_discounts(read_inputs(layer), version.policy.treasury, currency=currency)
    if not isinstance(plan, DiscountPlan):
        return ()
    new = [one for one in plan.taken if SUBJECT.format(id=one.payload.document_id) not in known]
    return tuple(_seen(store, people, one, plan, version, layer.mirror_version) for one in new)


def trace(store: StateStore, invoice: int) -> Iterator[Mapping[str, Any]]:
    """Everything that the audit trail tells of an invoice's early payment, from the recommendation to the delivery."""
    yield from trace_of(store, SUBJECT.format(id=invoice))


def trace_of(store: StateStore, subject: str) -> Iterator[Mapping[str, Any]]:
    """The same of any subject of proposals."""
    with store.reading() as connection:
        ids = connection.execute(select(proposals.c.id).where(proposals.c.subject == subject)).scalars()
        about = [subject, *(f"proposal {key}" for key in ids)]
        query = select(audit_events).where(audit_events.c.object.in_(about)).order_by(audit_events.c.seq)
        found = [dict(row) for row in connection.execute(query).mappings()]
    yield from found


def _told(connection: Connection) -> frozenset[str]:
    query = select(audit_events.c.object).where(audit_events.c.action == "recommended")
    return frozenset(connection.execute(query).scalars())


def _seen(
    store: StateStore,
    people: People,
    found: Recommendation[EarlyPayment],
    plan: DiscountPlan,
    version: Version,
    mirror_version: str,
) -> Seen:
    with store.reading() as connection:
        savings = savings_on(connection, version.policy.targets.savings_project or 0)
    proposal = early_payment(found, plan, version, mirror_version, savings)
    told = {
        "title": proposal.title,
        "supplier": proposal.supplier,
        "currency": proposal.currency,
        "last_day": found.expires.isoformat(),
        "route": found.route,
        "saved": str(found.payload.saved),
        "benefit": str(found.benefit.amount),
        "confidence": str(found.confidence.overall),
        "pay_on": found.payload.pay_on.isoformat(),
        "mirror_version": mirror_version,
    }
    with sitting(store, proposals, TENOR) as here:
        here.tell(
            "recommended",
            proposal.subject,
            put_in=proposal.evidence_hash(),
            output=proposal.payload_hash(),
            policy=str(version.number),
            told=told,
        )
    outcome = None
    if found.route == "recommend" and covered(store, people, proposal, version):
        outcome = ApprovalDesk(store, people).propose(proposal, SERVICE)
    return Seen(proposal.subject, proposal.title, found.route, outcome)


def covered(store: StateStore, people: People, proposal: Proposal, version: Version) -> bool:
    """Whether a standing decision covers it whole, and Tenor may submit it."""
    person = people.known(SERVICE)
    if person is None or not person.may("proposer") or not version.policy.automatic:
        return False
    now = store.clock()
    with store.reading() as connection:
        used = spent(connection, proposal.supplier, version.policy, now)
    return standing_for(version.policy, proposal, used, now.date()) is not None
