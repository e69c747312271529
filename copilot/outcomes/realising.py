"""What was captured is booked: once payments show that a discount was taken, a project's realised savings grow by it.

    carried out, discount taken, not booked yet -> one proposal for all of them -> decided like any other -> outbox

Each invoice is booked with its planned worth, in the proportion in which the discount was taken and never with more:
planned and realised savings of a project are then counted alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from sqlalchemy import Connection, select

from copilot.canonical_json import plain
from copilot.errors import GovernanceError
from copilot.governance.actions import BookSaving
from copilot.governance.casebook import OPEN, Case, intact
from copilot.governance.desk import ApprovalDesk
from copilot.governance.early_payments import savings_on
from copilot.governance.outcomes import Proposing
from copilot.governance.people import People
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register, Version
from copilot.governance.watching import SERVICE, covered
from copilot.outcomes.bookings import SUBJECT, carried_out, states
from copilot.outcomes.designing import Books
from copilot.outcomes.panel import Document
from copilot.outcomes.pilot_reading import read_books
from copilot.outcomes.proposal_reading import saved_by
from copilot.state.store import StateStore
from copilot.state.tables import proposals
from semantic_layer import SemanticLayer

CENT = Decimal("0.01")
NONE_NEW = "No discount was taken since that is not booked yet."


@dataclass(frozen=True)
class Capture:
    """One invoice whose discount was taken as proposed; amounts in the reporting currency."""

    invoice: int
    proposal: str
    planned: Decimal
    saved: Decimal
    taken: Decimal

    @property
    def booked(self) -> Decimal:
        """The planned worth, as far as the discount was taken."""
        return (self.planned * min(Decimal(1), self.taken / self.saved)).quantize(CENT, ROUND_DOWN)


def captures(connection: Connection, documents: Mapping[int, Document], project: int) -> tuple[Capture, ...]:
    """Those that no open or approved booking holds, by invoice. What was given up on its way may be booked anew."""
    query = select(proposals).where(proposals.c.state == "approved").order_by(proposals.c.settled_at, proposals.c.id)
    held = _held(connection, project)
    found: dict[int, Capture] = {}
    for row in connection.execute(query).all():
        proposal = intact(row)
        saved = saved_by(proposal.evidence)
        if saved is None or saved <= 0 or not proposal.documents or proposal.benefit <= 0:
            continue
        document = documents.get(proposal.documents[0])
        if document is None or document.taken <= 0 or document.id in held or not carried_out(connection, row.id):
            continue
        found[document.id] = Capture(document.id, row.id, proposal.benefit, saved, document.taken)
    return tuple(found[invoice] for invoice in sorted(found))


def booking(connection: Connection, books: Books, version: Version) -> Proposal | None:
    """The proposal that books what was captured; None where nothing is. Raises GovernanceError without a project."""
    project = version.policy.targets.savings_project
    if project is None:
        raise GovernanceError("The policy in force names no `savings_project` among its targets: nothing is booked.")
    found = captures(connection, {one.id: one for one in books.documents}, project)
    before = savings_on(connection, project, which="realized").booked
    return _proposal(found, before, books, version, project) if found else None


def realise(store: StateStore, people: People, layer: SemanticLayer, actor: str) -> tuple[str, Proposing]:
    """Proposes it for a person: its title, and what became of it. Raises GovernanceError where nothing is new."""
    _, proposal = _now(store, people, layer)
    if proposal is None:
        raise GovernanceError(NONE_NEW)
    return proposal.title, ApprovalDesk(store, people).propose(proposal, actor)


def realise_by_policy(store: StateStore, people: People, layer: SemanticLayer) -> tuple[str, Proposing | None] | None:
    """Submits what a standing decision covers whole; with no outcome where a person must, None where nothing is new."""
    version = Register(store, people).required()
    if version.policy.targets.savings_project is None:
        return None
    version, proposal = _now(store, people, layer)
    if proposal is None:
        return None
    outcome = None
    if covered(store, people, proposal, version):
        outcome = ApprovalDesk(store, people).propose(proposal, SERVICE)
    return proposal.title, outcome


def computed_again(case: Case, layer: SemanticLayer, version: Version) -> Proposal | None:
    """The proposal of a case from the mirror at hand; None where an invoice of it shows no discount taken any more."""
    before = next(action for action in case.proposal.actions if isinstance(action, BookSaving))
    books = read_books(layer, version.policy.treasury)
    documents = {one.id: one for one in books.documents}
    found = []
    for told in case.proposal.evidence["captures"]:
        document = documents.get(int(told["invoice"]))
        if document is None or document.taken <= 0:
            return None
        planned, saved = Decimal(told["planned"]), Decimal(told["saved"])
        found.append(Capture(document.id, str(told["proposal"]), planned, saved, document.taken))
    return _proposal(found, before.before, books, version, before.project)


def is_booking(proposal: Proposal) -> bool:
    """Whether a proposal books realised savings."""
    return proposal.subject.startswith(SUBJECT.format(id=""))


def _now(store: StateStore, people: People, layer: SemanticLayer) -> tuple[Version, Proposal | None]:
    version = Register(store, people).required()
    books = read_books(layer, version.policy.treasury)
    with store.reading() as connection:
        return version, booking(connection, books, version)


def _proposal(found: Iterable[Capture], before: Decimal, books: Books, version: Version, project: int) -> Proposal:
    captured = tuple(found)
    total = sum((one.booked for one in captured), Decimal(0))
    count = "1 invoice" if len(captured) == 1 else f"{len(captured)} invoices"
    evidence: dict[str, Any] = plain(
        {
            "captures": [
                {
                    "invoice": one.invoice,
                    "proposal": one.proposal,
                    "planned": one.planned,
                    "saved": one.saved,
                    "taken": one.taken,
                    "booked": one.booked,
                }
                for one in captured
            ],
            "mirror_version": books.mirror_version,
            "data_date": books.data_date,
            "policy": version.number,
            "policy_sha256": version.policy.sha256(),
        }
    )
    return Proposal(
        subject=SUBJECT.format(id=project),
        title=f"Book {total:,.2f} {books.currency} of realised savings of {count} on project {project}",
        supplier="",
        amount=Decimal(0),
        benefit=Decimal(0),
        currency=books.currency,
        confidence=Decimal(1),
        rationale=(
            f"Payments up to {books.data_date} took the discounts of {count} that was proposed, approved and written",
            "Each is booked with its planned worth, in the proportion in which the discount was taken",
        ),
        documents=tuple(one.invoice for one in captured),
        actions=(
            BookSaving(
                project=project, about=f"projects/{project}", which="realized", before=before, after=before + total
            ),
        ),
        evidence=evidence,
        policy=version.number,
    )


def _held(connection: Connection, project: int) -> frozenset[int]:
    query = select(proposals).where(
        proposals.c.state.in_((OPEN, "approved")) & (proposals.c.subject == SUBJECT.format(id=project))
    )
    rows = connection.execute(query).all()
    return frozenset(i for row in rows if "dropped" not in states(connection, row.id) for i in intact(row).documents)
