"""A recommended early payment as a proposal: what would be written to Coupa, and the evidence it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, select

from copilot.canonical_json import plain
from copilot.governance.actions import BookSaving, CommentOnInvoice, InCoupa, RecordRecommendation, key_of
from copilot.governance.casebook import OPEN, intact
from copilot.governance.policy import Targets
from copilot.governance.proposal import Proposal
from copilot.governance.register import Version
from copilot.opportunities.discount_outcomes import DiscountPlan, EarlyPayment
from copilot.opportunities.recommendation import Recommendation
from copilot.state.tables import outbox, proposals
from copilot.wording.quoting import clean

SUBJECT = "early payment of invoices/{id}"
NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Savings:
    """What a project's planned savings are known to be: as booked last, and what was approved without being booked.

    `free` is false while an open proposal books on it: two bookings from the same amount would lose one.
    """

    booked: Decimal = NOTHING
    unbooked: Decimal = NOTHING
    free: bool = True


def savings_on(
    connection: Connection, project: int, begin: Decimal = NOTHING, which: Literal["planned", "realized"] = "planned"
) -> Savings:
    """Adds up the approved proposals; `begin` is what the project held before Tenor booked anything.

    A booking that was given up on its way to Coupa was none: what it stood for is unbooked again.
    """
    query = select(proposals).where(proposals.c.state.in_((OPEN, "approved"))).order_by(proposals.c.settled_at)
    dropped = set(connection.execute(select(outbox.c.key).where(outbox.c.state == "dropped")).scalars())
    booked, unbooked, free = begin, NOTHING, True
    for row in connection.execute(query):
        proposal = intact(row)
        mine = (a for a in proposal.actions if isinstance(a, BookSaving) and (a.project, a.which) == (project, which))
        booking = next(mine, None)
        if row.state == OPEN:
            free = free and booking is None
        elif booking is None:
            unbooked += proposal.benefit
        elif key_of(booking, proposal.policy) in dropped:
            unbooked += booking.after - booking.before
        else:
            booked, unbooked = booking.after, NOTHING
    return Savings(booked, unbooked, free)


def early_payment(
    found: Recommendation[EarlyPayment], plan: DiscountPlan, version: Version, mirror_version: str, savings: Savings
) -> Proposal:
    """The proposal of one recommendation of a choice of discounts, made under a version of the policy."""
    payment = found.payload
    return Proposal(
        subject=SUBJECT.format(id=payment.document_id),
        title=f"Pay {clean(payment.number, 60)} of {clean(payment.supplier, 80)} on {payment.pay_on}",
        supplier=payment.supplier,
        amount=payment.cash,
        benefit=found.benefit.amount,
        currency=plan.currency,
        yearly_yield=payment.yearly_yield,
        hurdle=payment.hurdle,
        confidence=found.confidence.overall,
        rationale=found.rationale,
        documents=found.documents,
        actions=_actions(found, plan, version.policy.targets, savings),
        evidence=evidence_of(found, plan, version, mirror_version),
        last_day=found.expires,
        policy=version.number,
    )


def evidence_of(
    found: Recommendation[EarlyPayment], plan: DiscountPlan, version: Version, mirror_version: str
) -> dict[str, Any]:
    """What the recommendation was computed from, enough to compute it again."""
    content: dict[str, Any] = {
        "recommendation": asdict(found),
        "choice": {
            "method": plan.method,
            "value": plan.value,
            "bound": plan.bound,
            "lowest_room": plan.lowest_room,
            "lowest_day": plan.lowest_day,
            "taken": len(plan.taken),
            "left_out": len(plan.left_out),
            "assumptions": [[one.name, one.value, one.source] for one in plan.assumptions],
            "checks": [[one.name, one.passed, one.detail] for one in plan.checks],
        },
        "inputs": plan.inputs,
        "seed": plan.seed,
        "mirror_version": mirror_version,
        "policy": version.number,
        "policy_sha256": version.policy.sha256(),
    }
    evidence: dict[str, Any] = plain(content)
    return evidence


def _actions(
    found: Recommendation[EarlyPayment], plan: DiscountPlan, targets: Targets, savings: Savings
) -> Sequence[InCoupa]:
    payment = found.payload
    text = (
        f"Proposal: pay on {payment.pay_on} instead of {payment.otherwise_on} and take the discount of"
        f" {payment.saved:,.2f} {plan.currency} ({payment.yearly_yield:.1%} a year against a hurdle of"
        f" {payment.hurdle:.1%}; worth {found.benefit.amount:,.2f} after it). Last day: {payment.last_day}."
    )
    actions: list[InCoupa] = [CommentOnInvoice(invoice=payment.document_id, text=text)]
    about = f"invoices/{payment.document_id}"
    if targets.record_definition is not None:
        fields = {
            "tenor-invoice": payment.document_id,
            "tenor-pay-on": payment.pay_on.isoformat(),
            "tenor-discount": str(payment.saved),
            "tenor-benefit": str(found.benefit.amount),
            "tenor-currency": plan.currency,
        }
        actions.append(RecordRecommendation(definition=targets.record_definition, about=about, fields=fields))
    if targets.savings_project is not None and savings.free:
        after = savings.booked + savings.unbooked + found.benefit.amount
        actions.append(
            BookSaving(
                project=targets.savings_project, about=about, which="planned", before=savings.booked, after=after
            )
        )
    return actions
