"""A small company of people by their offices, a policy in force, and a clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from copilot.governance.actions import BookSaving, CommentOnInvoice, RecordRecommendation
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Proposed
from copilot.governance.people import People
from copilot.governance.policy import Policy
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register, Version
from copilot.governance.switches import Switchboard
from copilot.state.store import StateStore

PEOPLE = People.model_validate(
    {
        "people": [
            {"name": "analyst", "identities": ["local:analyst", "slack:T1:UA"], "roles": ["analyst", "proposer"]},
            {"name": "second analyst", "identities": ["local:analyst2"], "roles": ["proposer"]},
            {
                "name": "manager",
                "identities": ["local:manager", "slack:T1:UM"],
                "roles": ["proposer", "approver"],
                "offices": ["treasury manager"],
            },
            {
                "name": "other manager",
                "identities": ["local:manager2"],
                "roles": ["approver"],
                "offices": ["treasury manager"],
            },
            {
                "name": "treasurer",
                "identities": ["local:treasurer"],
                "roles": ["approver"],
                "offices": ["treasurer", "treasury manager"],
            },
            {"name": "CFO", "identities": ["local:cfo"], "roles": ["approver"], "offices": ["CFO"]},
            {"name": "deputy", "identities": ["local:deputy"], "roles": ["approver"]},
            {"name": "rules", "identities": ["local:rules"], "roles": ["policy owner"]},
            {"name": "more rules", "identities": ["local:rules2"], "roles": ["policy owner"]},
            {"name": "operator", "identities": ["local:operator"], "roles": ["admin"]},
            {"name": "auditor", "identities": ["local:auditor"], "roles": ["auditor"]},
            {"name": "reader", "identities": ["local:reader"], "roles": ["viewer"]},
        ],
        "delegations": [
            {"office": "treasurer", "giver": "treasurer", "taker": "deputy", "up_to": 50000, "until": "2026-12-31"}
        ],
    }
)
POLICY = Policy.model_validate(
    {
        "phase": 2,
        "tiers": [
            {"up_to": 10000, "offices": ["treasury manager"]},
            {"up_to": 250000, "offices": ["treasurer"]},
            {"offices": ["treasurer", "CFO"]},
        ],
        "caps": {"per_day": 1000000, "per_supplier": 400000, "supplier_days": 30},
    }
)


@dataclass
class MovableClock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 22, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def forward(self, **by: float) -> None:
        """Later by so much."""
        self.now += timedelta(**by)


@dataclass
class Office:
    """Everything a test of governance needs."""

    store: StateStore
    clock: MovableClock
    people: People
    register: Register
    switches: Switchboard
    desk: ApprovalDesk

    def enact(self, policy: Policy) -> Version:
        """A version that two owners brought into force."""
        proposed = self.register.propose(policy, "local:rules")
        assert isinstance(proposed, Version)
        approved = self.register.approve(proposed.number, "local:rules2")
        assert isinstance(approved, Version)
        return approved

    def proposed(self, proposal: Proposal, actor: str = "local:analyst") -> Proposed:
        """An open proposal."""
        found = self.desk.propose(proposal, actor)
        assert isinstance(found, Proposed), found
        return found


def proposal(invoice: int = 93902, **changes: Any) -> Proposal:
    """Pay an invoice early: a comment, a record and a planned saving."""
    values: dict[str, Any] = {
        "subject": f"early payment of invoices/{invoice}",
        "title": "Pay BW-2026-0117 early",
        "supplier": "Nordwind Papier GmbH",
        "amount": Decimal("8000.00"),
        "benefit": Decimal("120.00"),
        "currency": "USD",
        "yearly_yield": Decimal("0.37"),
        "hurdle": Decimal("0.08"),
        "confidence": Decimal("0.80"),
        "rationale": ("2 % for paying 20 days earlier",),
        "documents": (invoice,),
        "actions": (
            CommentOnInvoice(invoice=invoice, text="Take 2 % by 1 December: saves USD 160.00"),
            RecordRecommendation(definition=7, about=f"invoices/{invoice}", fields={"tenor-benefit": "120.00"}),
            BookSaving(
                project=3, about=f"invoices/{invoice}", which="planned", before=Decimal("0.00"), after=Decimal("120.00")
            ),
        ),
        "evidence": {"inputs": "abc", "yield": "0.37"},
        "last_day": date(2026, 12, 1),
        "policy": 1,
    }
    return Proposal.model_validate({**values, **changes})
