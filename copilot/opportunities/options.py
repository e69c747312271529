"""From offers to options: on which runs each could be paid, instead of when, saving what, and what keeps it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from copilot.forecasting.cash_paths import Model
from copilot.opportunities.cash_room import Room
from copilot.opportunities.counterfactual import Habits
from copilot.opportunities.discount_outcomes import EarlyPayment, LeftOut
from copilot.opportunities.offer_reading import COMPANY, Inputs
from copilot.opportunities.offers import Offer, StaticWindow, net_value, yearly_yield
from copilot.opportunities.problem import NOTHING, Problem
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.simulations.lever_effects import Runs

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Option:
    """One run on which one offer can be taken. `low` and `high` bound the value over how habit may turn out.

    `offset` and `until` are days from the data date (1 is tomorrow); `chance` that the cash is tied as assumed or
    less, and that the discount would not have been had anyway.
    """

    payment: EarlyPayment
    offset: int
    until: int
    value: float
    low: float
    high: float
    chance: float
    seen: int


@dataclass(frozen=True)
class Options:
    """All options, in the order of documents and days, and the offers that have none."""

    options: tuple[Option, ...]
    left_out: tuple[LeftOut, ...]


def options_of(
    inputs: Inputs,
    policy: TreasuryPolicy,
    model: Model,
    habits: Habits,
    runs: Runs,
    *,
    least_yield: Decimal | None = None,
) -> Options:
    """Options worth more than nothing; every other offer is left out with its reason."""
    entity = {name: code for code, name in enumerate(model.book.buying_entity.values)}
    excluded = {name.casefold() for name in policy.excluded_suppliers}
    found: list[Option] = []
    left: list[LeftOut] = []
    for offer in inputs.offers:
        reason = _kept_out(offer, excluded)
        days = _run_days(offer, inputs.as_of, runs, entity.get(offer.entity, -1)) if reason is None else []
        if reason is None and offer.document_id not in habits.row_of:
            reason = "nothing is open", "nothing is owed on it any more"
        if reason is None and not days:
            reason = "no run in the window", f"no payment run before the offer ends on {offer.curve.last_day}"
        if reason is not None:
            left.append(_left(offer, *reason))
            continue
        mine = [_option(offer, day, inputs.as_of, policy, habits) for day in days]
        better = [option for option in mine if option is not None]
        kept, why = _worth_taking(offer, better, least_yield, inputs.as_of, habits)
        found += kept
        left += [why] if why is not None else []
    return Options(tuple(found), tuple(left))


def _kept_out(offer: Offer, excluded: set[str]) -> tuple[str, str] | None:
    if offer.supplier.casefold() in excluded:
        return "excluded by policy", "treasury's policy excludes the supplier"
    if offer.barred:
        return "excluded by policy", offer.barred
    if offer.ready is None:
        state = offer.status.replace("_", " ")
        return "not approved yet", f"it is {state}; approve it in time for a run by {offer.curve.last_day}"
    return None


def _run_days(offer: Offer, as_of: date, runs: Runs, entity: int) -> list[int]:
    """Offsets of the runs on which the offer can be paid; of a cliff the latest alone: earlier ones are worth less."""
    if entity < 0 or offer.ready is None:
        return []
    first = max(1, (offer.ready - as_of).days)
    end = min((offer.curve.last_day - as_of).days, runs.on.shape[1] - 2)
    days = [day for day in range(first, end + 1) if runs.on[entity, day]]
    return days[-1:] if isinstance(offer.curve, StaticWindow) else days


def _option(offer: Offer, day: int, as_of: date, policy: TreasuryPolicy, habits: Habits) -> Option | None:
    """The option of one run, or None when habit pays no later."""
    until = habits.day(offer.document_id)
    if until <= day:
        return None
    pay_on = as_of + timedelta(days=day)
    saved = offer.curve.discount(offer.amount, pay_on)
    hurdle = policy.hurdle(offer.entity, offer.currency) or Decimal(0)
    gain = yearly_yield(offer.amount, saved, until - day)
    if saved <= 0 or gain is None:
        return None
    value = net_value(offer.amount, saved, until - day, hurdle)
    soon, late = habits.day(offer.document_id, 0.1), habits.day(offer.document_id, 0.9)
    worst = net_value(offer.amount, saved, max(0, late - day), hurdle)
    best = 0.0 if soon <= day else net_value(offer.amount, saved, soon - day, hurdle)
    end = (offer.curve.last_day - as_of).days
    payment = EarlyPayment(
        document_id=offer.document_id,
        number=offer.number,
        supplier=offer.supplier,
        entity=offer.entity,
        currency=offer.currency,
        kind=offer.curve.kind,
        amount=offer.amount,
        saved=saved,
        cash=offer.amount - saved,
        pay_on=pay_on,
        otherwise_on=as_of + timedelta(days=until),
        last_day=offer.curve.last_day,
        yearly_yield=gain,
        hurdle=hurdle,
        net_value=Decimal(value).quantize(CENT),
    )
    return Option(
        payment=payment,
        offset=day,
        until=until,
        value=value,
        low=min(value, worst, best),
        high=max(value, worst, best),
        chance=habits.chance_between(offer.document_id, end, _break_even(offer, saved, day, hurdle)),
        seen=habits.settlements(offer.document_id),
    )


def _break_even(offer: Offer, saved: Decimal, day: int, hurdle: Decimal) -> int:
    """The offset up to which paying on `day` is worth it: where `net_value` falls to zero."""
    if hurdle <= 0:
        return 10**6
    return day + int(np.log(float(offer.amount / (offer.amount - saved))) / np.log1p(float(hurdle)) * 365.0)


def _worth_taking(
    offer: Offer, options: list[Option], least: Decimal | None, as_of: date, habits: Habits
) -> tuple[list[Option], LeftOut | None]:
    if not options:
        by = as_of + timedelta(days=habits.day(offer.document_id))
        return [], _left(offer, "paid in time anyway", f"habit pays it on {by}, within the window: nothing to do")
    good = [option for option in options if option.value > 0]
    if not good:
        best = max(options, key=lambda option: option.value)
        payment = best.payment
        detail = (
            f"{payment.yearly_yield:.2%} a year is below the hurdle of {payment.hurdle:.2%}: a decision, not a loss"
        )
        return [], _left(offer, "below the hurdle", detail, best)
    if least is not None:
        enough = [option for option in good if option.payment.yearly_yield >= least]
        if not enough:
            best = max(good, key=lambda option: option.payment.yearly_yield)
            detail = f"{best.payment.yearly_yield:.2%} a year, less than the {least:.2%} that was asked for"
            return [], _left(offer, "below what was asked for", detail, best)
        good = enough
    return good, None


def _left(offer: Offer, reason: str, detail: str, option: Option | None = None) -> LeftOut:
    return LeftOut(
        document_id=offer.document_id,
        number=offer.number,
        supplier=offer.supplier,
        amount=offer.amount,
        saved=offer.curve.discount(offer.amount, offer.curve.last_day) if option is None else option.payment.saved,
        reason=reason,
        detail=detail,
        net_value=None if option is None else option.payment.net_value,
        yearly_yield=None if option is None else option.payment.yearly_yield,
    )


def problem_of(options: Sequence[Option], room: Room, policy: TreasuryPolicy) -> Problem:
    """The options and the room as arrays; day 0 is tomorrow. Caps: one per run day, one per supplier, where set."""
    payments = [option.payment for option in options]
    documents = {key: place for place, key in enumerate(sorted({p.document_id for p in payments}))}
    suppliers = {name: place for place, name in enumerate(sorted({p.supplier for p in payments}))}
    days = room.cents.shape[1]
    size, width = len(options), len(room.pools)
    pools = np.full((size, max(1, width)), NOTHING, dtype=np.int64)
    for place, pool in enumerate(room.pools):
        names = [p.entity if pool.kind == "entity" else p.currency for p in payments]
        mine = [pool.kind == COMPANY or name == pool.name for name in names]
        pools[np.flatnonzero(np.array(mine, dtype=np.bool_)), place] = place
    caps = np.full((size, 2), NOTHING, dtype=np.int64)
    limit: list[int] = []
    pay = np.array([option.offset - 1 for option in options], dtype=np.int64)
    if policy.run_cap is not None:
        caps[:, 0] = pay
        limit += [int(policy.run_cap * 100)] * days
    if policy.supplier_cap is not None:
        caps[:, 1] = len(limit) + np.array([suppliers[p.supplier] for p in payments], dtype=np.int64)
        limit += [int(policy.supplier_cap * 100)] * len(suppliers)
    return Problem(
        offers=len(documents),
        offer=np.array([documents[p.document_id] for p in payments], dtype=np.int64),
        pay=pay,
        until=np.array([option.until - 1 for option in options], dtype=np.int64),
        cash=np.array([int(p.cash * 100) for p in payments], dtype=np.int64),
        gross=np.array([int(p.amount * 100) for p in payments], dtype=np.int64),
        value=np.array([option.value for option in options], dtype=np.float64),
        pools=pools,
        room=room.cents,
        caps=caps,
        limit=np.array(limit, dtype=np.int64),
    )
