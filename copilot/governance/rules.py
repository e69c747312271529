"""Whether the policy lets a proposal be made, and whose decisions it needs. Pure: what was spent comes in.

Rules are a table: the name of a control, and a function that says why it refuses, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from copilot.governance.outcomes import Refused
from copilot.governance.policy import Policy, Standing, Tier
from copilot.governance.proposal import Proposal


@dataclass(frozen=True)
class Spent:
    """What other proposals that are open or approved add up to, in the reporting currency.

    `day`: since midnight UTC. `supplier`: to the same supplier within the policy's days. `automatic`: of today, those
    that nobody decided about.
    """

    day: Decimal = Decimal(0)
    supplier: Decimal = Decimal(0)
    automatic: Decimal = Decimal(0)


Rule = Callable[[Policy, Proposal, Spent, date], str | None]


def refusal(policy: Policy, proposal: Proposal, spent: Spent, today: date) -> Refused | None:
    """The first rule that refuses; None when all let it pass."""
    for control, rule in RULES.items():
        if (why := rule(policy, proposal, spent, today)) is not None:
            return Refused(control, why)
    return None


def barred(policy: Policy, supplier: str) -> str | None:
    """Why nothing may be proposed for a supplier now, whatever it is; None where something may."""
    return _too_early(policy) or _outside_pilot(policy, supplier) or _shut_out(policy, supplier)


def tier_of(policy: Policy, proposal: Proposal, spent: Spent) -> Tier:
    """The tier of the amount with all that went to the same supplier; nearer to the hurdle, or below it, a higher one.

    Below the hurdle it is the last tier, within the policy's points above it the next one.
    """
    amount = proposal.at_stake + spent.supplier
    place = next(at for at, tier in enumerate(policy.tiers) if tier.up_to is None or amount <= tier.up_to)
    last = len(policy.tiers) - 1
    above = proposal.points_above_hurdle
    if above is None:
        return policy.tiers[place]
    if above < 0:
        return policy.tiers[last]
    return policy.tiers[min(place + (above < policy.near_hurdle_points), last)]


def standing_for(policy: Policy, proposal: Proposal, spent: Spent, today: date) -> Standing | None:
    """The standing decision that covers a proposal whole; None when a person must decide."""
    above = proposal.points_above_hurdle
    if above is not None and above < policy.near_hurdle_points:
        return None
    kinds = {action.kind for action in proposal.actions}
    confidence = Decimal(0) if proposal.confidence is None else proposal.confidence
    return next(
        (
            one
            for one in policy.automatic
            if kinds <= set(one.kinds)
            and proposal.at_stake + spent.supplier <= one.up_to
            and proposal.at_stake + spent.automatic <= one.per_day
            and confidence >= one.least_confidence
            and today <= one.until
        ),
        None,
    )


def _phase(policy: Policy, _proposal: Proposal, _spent: Spent, _today: date) -> str | None:
    return _too_early(policy)


def _too_early(policy: Policy) -> str | None:
    return "The policy is in phase 1, read only: nothing is proposed yet." if policy.phase == 1 else None


def _kinds(policy: Policy, proposal: Proposal, _spent: Spent, _today: date) -> str | None:
    wrong = next((action.kind for action in proposal.actions if action.kind not in policy.kinds), None)
    return None if wrong is None else f"The policy does not let anybody propose: {wrong}."


def _holdout(policy: Policy, proposal: Proposal, _spent: Spent, _today: date) -> str | None:
    return _outside_pilot(policy, proposal.supplier)


def _outside_pilot(policy: Policy, supplier: str) -> str | None:
    if policy.pilot is None or not supplier:  # what concerns no supplier, such as savings that are booked
        return None
    if supplier in policy.pilot.holdout:
        return f"{supplier} is in the holdout of the pilot: it stays as it is, so that the pilot can be judged."
    if supplier not in policy.pilot.suppliers:
        return f"{supplier} is not in the pilot, and proposals are for its suppliers only."
    return None


def _excluded(policy: Policy, proposal: Proposal, _spent: Spent, _today: date) -> str | None:
    return _shut_out(policy, proposal.supplier)


def _shut_out(policy: Policy, supplier: str) -> str | None:
    out = {*policy.excluded_suppliers, *policy.treasury.excluded_suppliers}
    return f"The policy excludes {supplier}." if supplier in out else None


def _too_late(_policy: Policy, proposal: Proposal, _spent: Spent, today: date) -> str | None:
    if proposal.last_day is not None and today > proposal.last_day:
        return f"It made sense until {proposal.last_day}; that has passed."
    return None


def _day_cap(policy: Policy, proposal: Proposal, spent: Spent, _today: date) -> str | None:
    cap = policy.caps.per_day
    if cap is None or proposal.amount + spent.day <= cap:
        return None
    return (
        f"With {proposal.amount:,.2f} the day's proposals come to {proposal.amount + spent.day:,.2f}; {cap:,.2f} may."
    )


def _supplier_cap(policy: Policy, proposal: Proposal, spent: Spent, _today: date) -> str | None:
    cap = policy.caps.per_supplier
    if cap is None or proposal.amount + spent.supplier <= cap:
        return None
    return (
        f"With {proposal.amount:,.2f} proposals for {proposal.supplier} come to {proposal.amount + spent.supplier:,.2f}"
        f" within {policy.caps.supplier_days} days; {cap:,.2f} may."
    )


RULES: dict[str, Rule] = {
    "phase": _phase,
    "kinds of action": _kinds,
    "pilot": _holdout,
    "exclusions": _excluded,
    "expiry": _too_late,
    "cap of a day": _day_cap,
    "cap of a supplier": _supplier_cap,
}
"""Every rule that a proposal must pass, when it is made and again when it is decided about."""
