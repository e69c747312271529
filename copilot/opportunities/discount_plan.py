"""Which discounts to take: offers and habit -> options -> choice under the floors -> recommendations and reasons.

Read this first. Pure: everything comes in as `Inputs`, the same inputs, policy and seed give the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from copilot.forecasting.cash_feed import NoCashFeed
from copilot.forecasting.cash_paths import learn_model
from copilot.forecasting.event_paths import draw_events
from copilot.forecasting.fingerprint import fingerprint
from copilot.opportunities.cash_room import Room, room_of
from copilot.opportunities.counterfactual import habits_of
from copilot.opportunities.discount_outcomes import (
    DiscountOutcome,
    DiscountPlan,
    DiscountsRefused,
    LeftOut,
    MoreCash,
    RankedOffers,
)
from copilot.opportunities.offer_reading import LOAD_RATES, Inputs
from copilot.opportunities.offer_reasons import left_by_choice, prices_in_words
from copilot.opportunities.options import Option, Options, options_of, problem_of
from copilot.opportunities.recommending import recommended
from copilot.opportunities.selection import FloorBroken, Selection, loss_of_rules, select
from copilot.opportunities.treasury_policy import TreasuryPolicy, with_rates
from copilot.simulations.lever_effects import learned_runs
from copilot.simulations.outcomes import Assumption
from semantic_layer.results import Check

HORIZON_DAYS = 90
HISTORY_MINIMUM = 30
CENT = Decimal("0.01")
GREEDY_LOSS_TOLERANCE = 0.005


def plan_discounts(
    inputs: Inputs,
    policy: TreasuryPolicy,
    *,
    currency: str = "USD",
    least_yield: Decimal | None = None,
    withheld: str = "",
    seed: int = 1,
) -> DiscountOutcome:
    """The choice of offers over all runs ahead; `least_yield` keeps to offers of at least that yearly yield.

    `withheld` says why cash must not be looked at: then offers are only ranked. Refused by name without a hurdle rate,
    with too little history, or with a floor that breaks by itself.
    """
    policy = with_rates(policy, inputs.rates, inputs.as_of)
    paid = int(np.count_nonzero(inputs.book.paid_day <= inputs.as_of.toordinal()))
    if paid < HISTORY_MINIMUM:
        reason = f"Habits need {HISTORY_MINIMUM} payments to learn from; there are {paid}. Load more history."
        return DiscountsRefused(inputs.as_of, "MISSING_INPUT", reason)
    without = sorted({o.currency for o in inputs.offers if policy.hurdle(o.entity, o.currency) is None})
    if without:
        reason = f"No hurdle rate is set for {', '.join(without)}: {LOAD_RATES}."
        return DiscountsRefused(inputs.as_of, "MISSING_INPUT", reason)
    model = learn_model(inputs.book, inputs.as_of)
    runs = learned_runs(model, HORIZON_DAYS)
    options = options_of(inputs, policy, model, habits_of(model), runs, least_yield=least_yield)
    if withheld:
        return _ranked(inputs, policy, options, NoCashFeed(withheld), currency)
    room = room_of(model, draw_events(model, HORIZON_DAYS, seed), inputs.cash, policy, HORIZON_DAYS)
    if isinstance(room, NoCashFeed):
        return _ranked(inputs, policy, options, room, currency)
    problem = problem_of(options.options, room, policy)
    found = select(problem)
    if isinstance(found, FloorBroken):
        return _broken(inputs, room, found, currency)
    return _plan(inputs, policy, options, room, found, currency, seed)


def _ranked(
    inputs: Inputs, policy: TreasuryPolicy, options: Options, missing: NoCashFeed, currency: str
) -> RankedOffers:
    worth = [option for option in options.options if option.value > 0]
    best: dict[int, Option] = {}
    for option in worth:
        known = best.get(option.payment.document_id)
        if known is None or option.value > known.value:
            best[option.payment.document_id] = option
    order = sorted(best.values(), key=lambda o: (-o.payment.yearly_yield, o.payment.document_id))
    return RankedOffers(
        as_of=inputs.as_of,
        currency=currency,
        offers=tuple(option.payment for option in order),
        left_out=options.left_out,
        missing=missing.missing,
        assumptions=_policy_assumptions(policy),
        policy_version=policy.version,
    )


def _broken(inputs: Inputs, room: Room, found: FloorBroken, currency: str) -> DiscountsRefused:
    pool = room.pools[found.pool]
    first, worst = (inputs.as_of + timedelta(days=1 + day) for day in (found.first_day, found.day))
    short = (Decimal(found.short) / 100).quantize(CENT)
    reason = (
        f"Cash of {pool.label} falls below its floor of {pool.floor:,.2f} {currency} with no discount taken at all:"
        f" first on {first}, most on {worst}, when {short:,.2f} are missing (cautious case). Lower the floor, or"
        " bring in cash before that day; then ask again."
    )
    return DiscountsRefused(inputs.as_of, "MISSING_INPUT", reason)


def _plan(
    inputs: Inputs,
    policy: TreasuryPolicy,
    options: Options,
    room: Room,
    found: Selection,
    currency: str,
    seed: int,
) -> DiscountPlan:
    problem = problem_of(options.options, room, policy)
    taken = [options.options[row] for row in found.taken.tolist()]
    slack = problem.slack(found.taken)
    low = int(slack[0].argmin()) if len(slack) else 0
    runs: dict[date, Decimal] = {}
    for option in taken:
        runs[option.payment.pay_on] = runs.get(option.payment.pay_on, Decimal(0)) + option.payment.cash
    more = _more_cash(policy, options, room, found)
    return DiscountPlan(
        as_of=inputs.as_of,
        horizon=inputs.as_of + timedelta(days=HORIZON_DAYS),
        currency=currency,
        taken=recommended(taken, problem, found, policy, currency, inputs.as_of),
        left_out=(*left_by_choice(options.options, problem, found, room, inputs.as_of), *options.left_out),
        value=_money(found.value),
        saved=sum((option.payment.saved for option in taken), Decimal(0)),
        cash=sum((option.payment.cash for option in taken), Decimal(0)),
        bound=_money(found.bound),
        gap=Decimal(found.gap).quantize(Decimal("0.0001")),
        method=found.method,
        prices=prices_in_words(found, room, inputs.as_of),
        more_cash=more,
        lost_by_rule={name: _money(loss) for name, loss in loss_of_rules(problem, found).items()},
        lowest_room=(Decimal(int(slack[0, low])) / 100).quantize(CENT),
        lowest_day=inputs.as_of + timedelta(days=1 + low),
        runs=tuple(sorted(runs.items())),
        assumptions=(*_policy_assumptions(policy), *_cash_assumptions(room, policy)),
        checks=_checks(options, taken, problem.fits(found.taken), found),
        policy_version=policy.version,
        inputs=fingerprint(inputs.book, inputs.offers, inputs.cash, inputs.as_of),
        seed=seed,
    )


def _more_cash(policy: TreasuryPolicy, options: Options, room: Room, found: Selection) -> MoreCash | None:
    """What a tenth more than the cash now paid early would add, chosen again; None where cash is not short."""
    if found.method == "all fit":
        return None
    paid = sum(options.options[row].payment.cash for row in found.taken.tolist())
    extra = max(int(paid) // 10, 1_000)
    again = select(problem_of(options.options, replace(room, cents=room.cents + extra * 100), policy))
    if not isinstance(again, Selection):
        return None
    return MoreCash(Decimal(extra), _money(max(0.0, again.value - found.value)))


def _policy_assumptions(policy: TreasuryPolicy) -> tuple[Assumption, ...]:
    rates = ", ".join(f"{name} {percent:.2f} %" for name, percent in sorted(policy.hurdle_percent.items()))
    caps = [f"{policy.run_cap:,.0f} a run" if policy.run_cap is not None else "no cap on a run"]
    caps.append(f"{policy.supplier_cap:,.0f} a supplier" if policy.supplier_cap is not None else "none on a supplier")
    return (
        Assumption("hurdle rate a year", rates, "policy and capital rates"),
        Assumption("review band", f"{policy.band_points} points around the hurdle", "policy"),
        Assumption("caps on what is paid early", "; ".join(caps), "policy"),
        Assumption("paid otherwise", "on the run by which habit pays half of the cases", "payment timing"),
        Assumption("discount", "of net and tax, on what is still owed", "terms and invoice headers"),
    )


def _cash_assumptions(room: Room, policy: TreasuryPolicy) -> tuple[Assumption, ...]:
    floors = ", ".join(f"{pool.label} {pool.floor:,.0f}" for pool in room.pools)
    other = (
        f"as forecast on {room.forecast_of}, then its average" if room.forecast_of else "none: no forecast is loaded"
    )
    return (
        Assumption("cash floors", floors, "policy; zero where none is set"),
        Assumption("cash position", f"{room.balance:,.2f} on {room.position}", "cash feed"),
        Assumption("other cash", other, "cash feed"),
        Assumption("cautious case", f"quantile {policy.quantile} of each day's simulated cash", "outflow simulation"),
    )


def _checks(options: Options, taken: list[Option], fits: bool, found: Selection) -> tuple[Check, ...]:  # noqa: FBT001
    again = sum(option.value for option in taken)
    early = all(option.payment.pay_on < option.payment.otherwise_on for option in taken)
    once = len({option.payment.document_id for option in taken}) == len(taken)
    chosen = {option.payment.document_id for option in taken}
    left = {item.document_id for item in options.left_out}
    return (
        Check("no_floor_broken", fits, "cash of every pool, run and supplier added up again in whole cents"),
        Check("below_bound", found.value <= found.bound + 0.005, f"{found.value:,.2f} of at most {found.bound:,.2f}"),
        Check("adds_up", abs(again - found.value) < 0.005, f"{again:,.2f} over {len(taken)} invoices"),
        Check("earlier_and_once", early and once, "each invoice once, before it would be paid otherwise"),
        Check("taken_or_left", not chosen & left, "no invoice is both taken and left out"),
    )


def explained(plan: DiscountPlan, document: int) -> LeftOut | None:
    """Why an offer was left out; None when it was taken or is not known."""
    return next((item for item in plan.left_out if item.document_id == document), None)


def _money(value: float) -> Decimal:
    return Decimal(value).quantize(CENT)
