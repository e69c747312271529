"""Chosen options as recommendations: the route each takes, how sure it is, and its reasons in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from copilot.opportunities.discount_outcomes import EarlyPayment
from copilot.opportunities.options import Option
from copilot.opportunities.problem import Flags, Ints, Problem
from copilot.opportunities.recommendation import REVIEW_BELOW, Benefit, Confidence, Recommendation, Route
from copilot.opportunities.selection import Selection
from copilot.opportunities.treasury_policy import TreasuryPolicy

TIGHT = 1.2
"""Cash below this many times what the choice needs on a day is tight."""
CENT, STEP = Decimal("0.01"), Decimal("0.01")


def recommended(
    taken: Sequence[Option], problem: Problem, found: Selection, policy: TreasuryPolicy, currency: str, as_of: date
) -> tuple[Recommendation[EarlyPayment], ...]:
    """One recommendation for each option, by the run and then the largest net value."""
    tight = _tight_days(problem, found.taken)
    built = [
        _recommendation(option, _meets(problem, int(row), tight), policy, currency, as_of)
        for option, row in zip(taken, found.taken, strict=True)
    ]
    return tuple(sorted(built, key=lambda r: (r.payload.pay_on, -r.benefit.amount, r.payload.document_id)))


def _tight_days(problem: Problem, taken: Ints) -> Flags:
    """`[pool, day]` on which cash covers less than TIGHT times what the choice ties up."""
    needed = problem.room - problem.slack(taken)
    tight: Flags = (needed > 0) & (problem.room < TIGHT * needed)
    return tight


def _meets(problem: Problem, row: int, tight: Flags) -> bool:
    """Whether an option ties up cash on a tight day."""
    begin, end = problem.pay[row], min(int(problem.until[row]), problem.days)
    pools = problem.pools[row]
    return bool(np.any(tight[pools[pools >= 0], begin:end]))


def route_of(option: Option, policy: TreasuryPolicy, *, tight: bool, sure: Decimal) -> Route:
    """Treasury looks at what is near the hurdle, at what needs scarce cash, and at what is not sure enough."""
    payment = option.payment
    above = (payment.yearly_yield - payment.hurdle) * 100
    if above < -policy.band_points or option.value <= 0:
        return "hold"
    if above <= policy.band_points or tight or sure < REVIEW_BELOW:
        return "treasury review"
    return "recommend"


def _recommendation(
    option: Option,
    tight: bool,  # noqa: FBT001
    policy: TreasuryPolicy,
    currency: str,
    as_of: date,
) -> Recommendation[EarlyPayment]:
    payment = option.payment
    distance = (payment.yearly_yield - payment.hurdle) * 100 / (policy.band_points or Decimal(1))
    confidence = Confidence(
        data=Decimal(1),
        model=Decimal(option.chance).quantize(STEP),
        policy=min(max(distance / 2, Decimal(0)), Decimal(1)).quantize(STEP),
        novelty=(Decimal(option.seen) / (option.seen + 8)).quantize(STEP),
    )
    return Recommendation(
        payload=payment,
        route=route_of(option, policy, tight=tight, sure=confidence.overall),
        benefit=Benefit(_cents(option.value), _cents(option.low), _cents(option.high), currency),
        confidence=confidence,
        rationale=_sentences(option, tight=tight),
        documents=(payment.document_id,),
        expires=payment.pay_on,
        policy_version=policy.version,
        as_of=as_of,
    )


def _cents(value: float) -> Decimal:
    return Decimal(value).quantize(CENT)


def _sentences(option: Option, *, tight: bool) -> tuple[str, ...]:
    payment = option.payment
    days = (payment.otherwise_on - payment.pay_on).days
    found = [
        (
            f"Saves {payment.saved:,.2f} for paying {payment.cash:,.2f} {days} days before habit would, which is on"
            f" {payment.otherwise_on}"
        ),
        f"{payment.yearly_yield:.2%} a year against a hurdle of {payment.hurdle:.2%}",
    ]
    if tight:
        found.append("needs cash on days on which it is scarce")
    return tuple(found)
