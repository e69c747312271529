"""From what is recommended now to open proposals: the choice of discounts is computed under the policy in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from copilot.errors import GovernanceError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.early_payments import early_payment, savings_on
from copilot.governance.outcomes import Proposing
from copilot.governance.people import People
from copilot.governance.register import Register
from copilot.opportunities.discount_outcomes import DiscountPlan, DiscountsRefused, EarlyPayment
from copilot.opportunities.discount_plan import plan_discounts
from copilot.opportunities.offer_reading import read_inputs
from copilot.opportunities.recommendation import Recommendation
from copilot.state.store import StateStore
from semantic_layer import SemanticLayer


@dataclass(frozen=True)
class Submitted:
    """What became of one recommendation."""

    title: str
    outcome: Proposing


def submit(
    store: StateStore,
    people: People,
    layer: SemanticLayer,
    actor: str,
    *,
    currency: str,
    numbers: Sequence[str] = (),
    most: int = 20,
) -> list[Submitted]:
    """Proposes the early payments of these invoices, or of the next run; in the reporting currency.

    Raises GovernanceError while no policy is in force, where nothing can be chosen, and for an invoice that is not
    recommended.
    """
    version = Register(store, people).required()
    plan = plan_discounts(read_inputs(layer), version.policy.treasury, currency=currency)
    if not isinstance(plan, DiscountPlan):
        reason = plan.reason if isinstance(plan, DiscountsRefused) else f"No choice can be made: {plan.missing}."
        raise GovernanceError(reason)
    desk = ApprovalDesk(store, people)
    submitted = []
    for found in _chosen(plan, numbers)[:most]:
        with store.reading() as connection:
            savings = savings_on(connection, version.policy.targets.savings_project or 0)
        proposal = early_payment(found, plan, version, layer.mirror_version, savings)
        submitted.append(Submitted(proposal.title, desk.propose(proposal, actor)))
    return submitted


def _chosen(plan: DiscountPlan, numbers: Sequence[str]) -> list[Recommendation[EarlyPayment]]:
    """The recommendations of these invoices (number or id), or of the next run."""
    if not numbers:
        return [one for one in plan.taken if plan.runs and one.payload.pay_on == plan.runs[0][0]]
    known = {name: one for one in plan.taken for name in (one.payload.number, str(one.payload.document_id))}
    for number in numbers:
        if number not in known:
            raise GovernanceError(
                f"Paying {number!r} early is not recommended; `tenor discounts --why {number}` says why."
            )
    return [known[number] for number in numbers]
