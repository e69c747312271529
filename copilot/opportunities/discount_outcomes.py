"""What "which discounts should we take" can come to. Money is Decimal, to the cent; rates are fractions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from copilot.opportunities.recommendation import Recommendation
from copilot.simulations.outcomes import Assumption
from semantic_layer.results import Check


@dataclass(frozen=True)
class EarlyPayment:
    """Pay an invoice on `pay_on` instead of `otherwise_on`, when habit says that it would be paid.

    `cash` is what leaves on `pay_on`; `saved` the discount; `net_value` what it is worth after the hurdle.
    """

    document_id: int
    number: str
    supplier: str
    entity: str
    currency: str
    kind: str
    amount: Decimal
    saved: Decimal
    cash: Decimal
    pay_on: date
    otherwise_on: date
    last_day: date
    yearly_yield: Decimal
    hurdle: Decimal
    net_value: Decimal


@dataclass(frozen=True)
class LeftOut:
    """An offer that is not taken, and why. `reason` is a short name, `detail` the sentence with the figures.

    `net_value` and `yearly_yield` are what it would bring, where that can be said.
    """

    document_id: int
    number: str
    supplier: str
    amount: Decimal
    saved: Decimal
    reason: str
    detail: str
    net_value: Decimal | None = None
    yearly_yield: Decimal | None = None


@dataclass(frozen=True)
class CashPrice:
    """What cash is worth while it is short: a yearly rate (fraction), over days of one pool of cash."""

    pool: str
    first: date
    last: date
    yearly: Decimal
    sentence: str


@dataclass(frozen=True)
class MoreCash:
    """With `extra` more cash above every floor, so much more could be earned."""

    extra: Decimal
    gain: Decimal


@dataclass(frozen=True)
class DiscountPlan:
    """Which offers to take so that no floor breaks, what it is worth, and the proof.

    `value` is the net value of what is taken and `bound` what no choice could exceed; `gap` their distance as a share.
    `lost_by_rule` is what rules of thumb would have earned less. `runs` is cash paid early by day.
    """

    as_of: date
    horizon: date
    currency: str
    taken: tuple[Recommendation[EarlyPayment], ...]
    left_out: tuple[LeftOut, ...]
    value: Decimal
    saved: Decimal
    cash: Decimal
    bound: Decimal
    gap: Decimal
    method: str
    prices: tuple[CashPrice, ...]
    more_cash: MoreCash | None
    lost_by_rule: Mapping[str, Decimal]
    lowest_room: Decimal
    lowest_day: date
    runs: tuple[tuple[date, Decimal], ...]
    assumptions: tuple[Assumption, ...]
    checks: tuple[Check, ...]
    policy_version: str
    inputs: str
    seed: int


@dataclass(frozen=True)
class RankedOffers:
    """Offers in the order of their yearly yield, and no optimum: `missing` names what it would need."""

    as_of: date
    currency: str
    offers: tuple[EarlyPayment, ...]
    left_out: tuple[LeftOut, ...]
    missing: str
    assumptions: tuple[Assumption, ...]
    policy_version: str


@dataclass(frozen=True)
class DiscountsRefused:
    """No choice is made; `reason_code` is one of the closed list of refusals."""

    as_of: date
    reason_code: str
    reason: str


DiscountOutcome = DiscountPlan | RankedOffers | DiscountsRefused
