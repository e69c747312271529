"""What if? A baseline and a scenario on the same random numbers: DPO, cash, who causes how much, and what binds it.

One-off cash (it leaves later from now on) and benefit per year (what that cash and the discounts earn) are never added.
The change is split over the levers by the Shapley value: each lever's effect averaged over every order of adding them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from difflib import get_close_matches
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.book import Book, Names
from copilot.forecasting.cash_feed import LOAD, CashFeed, NoCashFeed
from copilot.forecasting.cash_paths import Model, learn_model
from copilot.forecasting.event_paths import MARGIN, NEW, Events, added, cash_out, draw_events, payables, purchases
from copilot.forecasting.fingerprint import fingerprint
from copilot.forecasting.ledger import TRAILING_DAYS
from copilot.simulations.legal_caps import LegalCap, cap_of
from copilot.simulations.lever_effects import NO_CAP, apply, extension, floor_of, kept_until, legal_limits, selected
from copilot.simulations.levers import (
    ApprovalSpeed,
    CaptureDiscounts,
    CashFloor,
    ExtendTerms,
    HurdleRate,
    KeptTerms,
    Lever,
    RunDays,
    Selection,
    SpendGrowth,
    StopEarlyPayment,
)
from copilot.simulations.outcomes import Assumption
from copilot.simulations.outflow_outcomes import CENT, Band, band_of, money
from semantic_layer.results import Check

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODEL_VERSION = "scenario/1"
HORIZON_DAYS = 182
HORIZON_LIMIT = 366
MAX_LEVERS = 6
HURDLE = Decimal("0.08")
SUPPLIER_RATE = Decimal("0.10")
DAY = Decimal("0.01")
STEADY_TOLERANCE = 0.10
STEADY_DAYS = 91
NAMED = 5
SHORT_LIST = 12
"""Up to so many values are listed to somebody whose name is none of them."""
WEEKEND = frozenset({5, 6})
WEEKEND_CLOSED = (
    "banks settle nothing on Saturdays and Sundays in most countries: what is run then leaves on the next working day,"
    " which is not simulated"
)


@dataclass(frozen=True)
class WeekPoint:
    """One week of both worlds: median DPO at its end, mean cash out in it."""

    end: date
    dpo_baseline: Decimal
    dpo_scenario: Decimal
    cash_baseline: Decimal
    cash_scenario: Decimal


@dataclass(frozen=True)
class LeverShare:
    """What one lever contributes (Shapley): days of DPO, one-off cash, benefit per year; the shares add up."""

    kind: str
    owner: str
    dpo: Decimal
    one_off_cash: Decimal
    yearly_benefit: Decimal


@dataclass(frozen=True)
class Guard:
    """Something that limits or should be weighed: a legal cap that bound, a cost to suppliers, more late payments."""

    name: str
    binding: bool
    detail: str


@dataclass(frozen=True)
class CashAboveFloor:
    """Cash against a floor, suppliers paid: the lowest expected balance and its day, and the chance to fall below.

    Chances are over paths, for at least one day of the horizon.
    """

    floor: Decimal
    opening: Decimal
    lowest_baseline: Decimal
    lowest_scenario: Decimal
    lowest_day: date
    chance_below_baseline: Decimal
    chance_below_scenario: Decimal
    position_day: date
    forecast_of: date | None


@dataclass(frozen=True)
class ScenarioOutcome:
    """Baseline against scenario at the end of the horizon. Days are Decimal to 0.01, money to the cent.

    DPO is the mean of the last seven days. `change_dpo` and `one_off_cash` hold medians and 10-90 bands over paths of
    the difference; cash released is what was paid by then in the baseline and is not now. `yearly_benefit` is
    one-off cash times the hurdle rate plus discounts won per year; `supplier_cost` what suppliers pay a year for it.
    """

    as_of: date
    horizon: date
    currency: str
    levers: tuple[Lever, ...]
    dpo_baseline: Band
    dpo_scenario: Band
    change_dpo: Band
    one_off_cash: Band
    yearly_benefit: Decimal
    discounts_won_a_year: Decimal
    supplier_cost: Decimal
    late_share_baseline: Decimal
    late_share_scenario: Decimal
    weeks: tuple[WeekPoint, ...]
    split: tuple[LeverShare, ...]
    guards: tuple[Guard, ...]
    assumptions: tuple[Assumption, ...]
    checks: tuple[Check, ...]
    seed: int
    paths: int
    model_version: str = MODEL_VERSION
    cash: CashAboveFloor | None = None
    inputs: str = ""
    """Hash of everything that was read: the same hash, levers, horizon and seed give the same bytes."""


@dataclass(frozen=True)
class LeverRefused:
    """A scenario that is not run; `reason_code` is one of the closed list of refusals."""

    as_of: date
    reason_code: str
    reason: str


Scenario = ScenarioOutcome | LeverRefused


def simulate(
    book: Book,
    as_of: date,
    levers: Sequence[Lever],
    *,
    horizon_days: int = HORIZON_DAYS,
    seed: int = 1,
    currency: str = "USD",
    cash: CashFeed | NoCashFeed | None = None,
    kept: Sequence[KeptTerms] = (),
) -> Scenario:
    """Run levers against the baseline from what was known on `as_of`; the same arguments give the same bytes.

    `cash` is what a cash floor is held against; with a floor and without it the scenario is refused. `kept` are the
    suppliers whose terms stay, whatever a lever says.
    """
    given = tuple(_keeping(lever, tuple(kept)) for lever in levers)
    early = _refused_early(as_of, given, horizon_days, cash)
    if early is not None:
        return early
    known = int(np.count_nonzero(book.paid_day <= as_of.toordinal()))
    if not len(book) or known < 30:
        reason = (
            f"A scenario needs 30 payments to learn from; there are {known}. Widen the filter or load more history."
        )
        return LeverRefused(as_of, "MISSING_INPUT", reason)
    model = learn_model(book, as_of)
    refusal = _refused_by_book(model, given)
    if refusal is not None:
        return refusal
    baseline = draw_events(model, horizon_days, seed)
    feed = cash if isinstance(cash, CashFeed) else None
    before = None if feed is None else feed.before_payables(as_of, horizon_days)
    scenario = apply(model, baseline, given, before)
    found = _outcome(model, baseline, scenario, given, horizon_days, seed, currency, before)
    found = replace(found, inputs=fingerprint(model.book, as_of, feed))
    floor = floor_of(given)
    if floor is None or feed is None or before is None:
        return found
    held = _against_floor(feed, before, floor, (baseline, scenario), as_of)
    return replace(found, cash=held, assumptions=(*found.assumptions, *_cash_assumptions(feed, as_of, horizon_days)))


def _keeping(lever: Lever, kept: tuple[KeptTerms, ...]) -> Lever:
    """The lever with the suppliers that keep their terms, unless it was saved with its own."""
    if isinstance(lever, ExtendTerms) and kept and not lever.kept:
        return lever.model_copy(update={"kept": kept})
    return lever


def _against_floor(
    feed: CashFeed, before: Floats, floor: float, events: tuple[Events, Events], as_of: date
) -> CashAboveFloor:
    left = [before[None, :] - np.cumsum(cash_out(one, len(before)), axis=1) for one in events]
    expected = [paths.mean(axis=0) for paths in left]
    below = [Decimal(float((paths < floor).any(axis=1).mean())).quantize(Decimal("0.001")) for paths in left]
    return CashAboveFloor(
        floor=money(floor),
        opening=money(float(feed.balance)),
        lowest_baseline=money(float(expected[0].min())),
        lowest_scenario=money(float(expected[1].min())),
        lowest_day=as_of + timedelta(days=int(expected[1].argmin()) + 1),
        chance_below_baseline=below[0],
        chance_below_scenario=below[1],
        position_day=feed.position_day,
        forecast_of=feed.forecast_of,
    )


def _cash_assumptions(feed: CashFeed, as_of: date, horizon: int) -> tuple[Assumption, ...]:
    position = f"{feed.balance:,.2f} on {feed.accounts} accounts, {feed.position_day}"
    if feed.forecast_of is None or feed.reach is None:
        movements = "no other movements: no cash forecast is loaded"
    else:
        movements = f"as forecast on {feed.forecast_of}"
        if (feed.reach - as_of).days < horizon:
            movements += f", after {feed.reach} at its average"
    return Assumption("cash position", position, "cash feed"), Assumption("other cash", movements, "cash feed")


def _refused_early(
    as_of: date, levers: Sequence[Lever], horizon_days: int, cash: CashFeed | NoCashFeed | None
) -> LeverRefused | None:
    if not 7 <= horizon_days <= HORIZON_LIMIT:
        return LeverRefused(as_of, "OUT_OF_SCOPE", f"A scenario reaches 7 to {HORIZON_LIMIT} days, not {horizon_days}.")
    if not levers:
        return LeverRefused(
            as_of, "MISSING_INPUT", "A scenario needs at least one lever, such as terms 15 days longer."
        )
    if len(levers) > MAX_LEVERS:
        return LeverRefused(as_of, "TOO_LARGE", f"At most {MAX_LEVERS} levers at once: the split over them is exact.")
    contradiction = _contradiction(levers)
    if contradiction is not None:
        return LeverRefused(as_of, "OUT_OF_SCOPE", contradiction)
    if floor_of(levers) is not None and not isinstance(cash, CashFeed):
        missing = cash.missing if isinstance(cash, NoCashFeed) else f"no cash feed is loaded; {LOAD}"
        reason = f"A cash floor needs the cash position: {missing}, or leave the floor out."
        return LeverRefused(as_of, "MISSING_INPUT", reason)
    return None


ONCE: tuple[tuple[type[Any], str], ...] = (
    (RunDays, "Two sets of run days contradict each other; give one."),
    (HurdleRate, "Two hurdle rates contradict each other; give one."),
    (CashFloor, "Two cash floors contradict each other; give the higher one."),
)
"""Levers of which there is one for the whole company."""
SAME: tuple[type[Any], ...] = (ExtendTerms, ApprovalSpeed, StopEarlyPayment, SpendGrowth, CaptureDiscounts)
"""Levers that may come twice, for different documents."""


def _contradiction(levers: Sequence[Lever]) -> str | None:
    """What two levers say that cannot both be, in one sentence; None when nothing does."""
    for kind, sentence in ONCE:
        if sum(isinstance(lever, kind) for lever in levers) > 1:
            return sentence
    for kind in SAME:
        seen = [lever.selection for lever in levers if isinstance(lever, kind)]
        if len(seen) != len(set(seen)):
            name = kind.model_fields["kind"].default.replace("_", " ")
            return f"Two levers of the kind {name!r} for the same documents contradict each other; give one, or filter."
    return None


def _refused_by_book(model: Model, levers: Sequence[Lever]) -> LeverRefused | None:
    for lever in levers:
        unknown = unknown_value(model.book, lever.selection)
        if unknown is not None:
            return LeverRefused(model.as_of, "UNKNOWN_VALUE", unknown)
        chosen = selected(model.book, lever.selection, model.today)
        if not chosen.any():
            reason = (
                f"No document meets all conditions of {lever.kind.replace('_', ' ')}: nothing would change."
                " Leave one of them out."
            )
            return LeverRefused(model.as_of, "UNKNOWN_VALUE", reason)
        if (
            isinstance(lever, ExtendTerms)
            and (kept_until(model.book, lever, model.today) == NO_CAP)[model.book.supplier.code[chosen]].all()
        ):
            detail = "; ".join(guard.detail for guard in _kept_guards(model, lever, chosen))
            return LeverRefused(
                model.as_of, "OUT_OF_SCOPE", f"All suppliers that are meant keep their terms: {detail}."
            )
        if isinstance(lever, ExtendTerms) and lever.net_days is not None:
            limits = legal_limits(model, lever)[chosen]
            if (limits < lever.net_days).all():
                return LeverRefused(model.as_of, "LEGAL_LIMIT", _clause(model, lever, chosen))
    return None


def unknown_value(book: Book, selection: Selection) -> str | None:
    """The first name of a selection that the data does not hold, with the nearest ones; None when all are known."""
    columns: tuple[tuple[str, Names, tuple[str, ...]], ...] = (
        ("supplier", book.supplier, (*selection.suppliers, *selection.excluded_suppliers)),
        ("category", book.category, selection.categories),
        ("supplier country", book.supplier_country, selection.supplier_countries),
        ("buying entity", book.buying_entity, selection.buying_entities),
    )
    for what, column, wanted in columns:
        by_name = {value.casefold(): value for value in column.values}
        for name in wanted:
            if name.casefold() not in by_name:
                near = [by_name[found] for found in get_close_matches(name.casefold(), by_name, n=3)]
                hint = ""
                if what == "supplier country" and len(name) != 2:
                    hint = " Countries are written as codes, such as DE."
                elif near:
                    hint = f" Did you mean {' or '.join(near)}?"
                elif len(column.values) <= SHORT_LIST:
                    hint = f" There are {', '.join(column.values)}."
                return f"There is no {what} {name!r}, so nothing would change.{hint}"
    return None


def _clause(model: Model, lever: ExtendTerms, chosen: NDArray[np.bool_]) -> str:
    """Every rule that is broken, with its days and source, and what could be simulated instead."""
    broken: dict[str, tuple[LegalCap, str]] = {}
    sides = (("Suppliers in", model.book.supplier_country), ("buying entities in", model.book.entity_country))
    for side, column in sides:
        for code in np.unique(column.code[chosen]).tolist():
            cap = cap_of(column.values[code], lever.start or model.as_of)
            if cap is not None and cap.max_days < (lever.net_days or 0):
                broken.setdefault(cap.rule, (cap, f"{side} {column.values[code]}"))
    rules = "; ".join(f"{where}: {cap.rule} ({cap.source})" for cap, where in broken.values())
    limits = legal_limits(model, lever)[chosen]
    low, high = int(limits.min()), int(limits.max())
    most = f"net {high}" if low == high else f"net {high}, and net {low} where the strictest of these rules holds"
    return (
        f"Net {lever.net_days} is longer than law allows there. {rules}. The longest that can be simulated is {most}."
    )


def _outcome(
    model: Model,
    baseline: Events,
    scenario: Events,
    levers: tuple[Lever, ...],
    horizon: int,
    seed: int,
    currency: str,
    before: Floats | None,
) -> ScenarioOutcome:
    rate = next((lever.rate for lever in levers if isinstance(lever, HurdleRate)), HURDLE)
    owed = payables(baseline, horizon), payables(scenario, horizon)
    bought = purchases(model, baseline, horizon), purchases(model, scenario, horizon)
    dpo = [_dpo(a, b) for a, b in zip(owed, bought, strict=True)]
    released = _released(baseline, scenario, horizon)
    won = _discounts_a_year(scenario, baseline, horizon)
    cash = Decimal(float(released.mean()))
    cost = _supplier_cost(model, baseline, levers, horizon)
    split = _split(model, baseline, levers, horizon, rate, before)
    return ScenarioOutcome(
        as_of=model.as_of,
        horizon=model.as_of + timedelta(days=horizon),
        currency=currency,
        levers=levers,
        dpo_baseline=band_of(_last_week(dpo[0])),
        dpo_scenario=band_of(_last_week(dpo[1])),
        change_dpo=band_of(_last_week(dpo[1] - dpo[0])),
        one_off_cash=band_of(released),
        yearly_benefit=money(float(cash * rate) + won),
        discounts_won_a_year=money(won),
        supplier_cost=money(cost),
        late_share_baseline=_late_share(baseline, horizon),
        late_share_scenario=_late_share(scenario, horizon),
        weeks=_weeks(model, dpo, (baseline, scenario), horizon),
        split=split,
        guards=_guards(model, levers, cost),
        assumptions=_assumptions(model, baseline, levers, rate, horizon),
        checks=_checks(model, baseline, scenario, dpo, split, released, horizon),
        seed=seed,
        paths=baseline.paths,
    )


def _last_week(values: Floats) -> Floats:
    """The mean over the last seven days, per path: payment runs move every balance within the week."""
    mean: Floats = values[:, -7:].mean(axis=1)
    return mean


def _dpo(owed: Floats, bought: Floats) -> Floats:
    """DPO by path and day; a path that buys nothing in 90 days gets 0."""
    return np.divide(owed * TRAILING_DAYS, bought, out=np.zeros_like(owed), where=bought > 0)


def _released(baseline: Events, scenario: Events, horizon: int) -> Floats:
    """Cash released, per path, on average over the last week: what was paid by then in the baseline and is not now.

    Taken on the baseline's amounts, so that buying more or less is no release, nor is being approved sooner.
    """

    def paid_by(events: Events) -> Floats:
        day = np.clip(events.paid, 0, horizon + 1)
        size = events.paths * (horizon + 2)
        paid = added(events.path * (horizon + 2) + day, baseline.amount, size)
        total: Floats = np.cumsum(paid.reshape(events.paths, horizon + 2), axis=1)[:, : horizon + 1]
        return total

    return _last_week(paid_by(baseline) - paid_by(scenario))


def _discounts_a_year(scenario: Events, baseline: Events, horizon: int) -> float:
    """Discounts won beyond the baseline's, scaled to a year."""
    usual = baseline.cash / np.where(baseline.amount == 0, 1.0, baseline.amount)
    more = scenario.cash < scenario.amount * usual - 1e-9
    inside = more & (scenario.paid >= 1) & (scenario.paid <= horizon)
    if not inside.any():
        return 0.0
    won = float((scenario.amount * usual - scenario.cash)[inside].sum()) / scenario.paths
    return won * 365.0 / horizon


def _supplier_cost(model: Model, events: Events, levers: Sequence[Lever], horizon: int) -> float:
    """What longer terms cost suppliers a year: purchases a day x days longer x their borrowing rate."""
    total = 0.0
    for lever in levers:
        if isinstance(lever, ExtendTerms):
            days = extension(model, events, lever)
            come = (events.layer == NEW) & (events.recognised <= horizon)
            a_day = float((events.amount * days)[come].sum()) / events.paths / horizon
            total += a_day * float(SUPPLIER_RATE)
    return total


def _late_share(events: Events, horizon: int) -> Decimal:
    """Of what is paid within the horizon, the share (by amount) that is paid after its due date."""
    dated = (events.due > -(10**5)) & (events.paid >= 1) & (events.paid <= horizon) & (events.amount > 0)
    whole = float(events.amount[dated].sum())
    late = float(events.amount[dated & (events.paid > events.due)].sum())
    return Decimal(late / whole if whole else 0.0).quantize(Decimal("0.0001"))


def _weeks(model: Model, dpo: Sequence[Floats], events: tuple[Events, Events], horizon: int) -> tuple[WeekPoint, ...]:
    cash = [cash_out(one, horizon).mean(axis=0) for one in events]
    middle = [np.median(values, axis=0) for values in dpo]
    found = []
    for end in range(7, horizon + 1, 7):
        week = slice(end - 7, end)
        found.append(
            WeekPoint(
                end=model.as_of + timedelta(days=end),
                dpo_baseline=_days(float(middle[0][end])),
                dpo_scenario=_days(float(middle[1][end])),
                cash_baseline=money(float(cash[0][week].sum())),
                cash_scenario=money(float(cash[1][week].sum())),
            )
        )
    return tuple(found)


def _days(value: float) -> Decimal:
    return Decimal(value).quantize(DAY)


def shapley(count: int, value: Callable[[frozenset[int]], tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The exact Shapley value of each of `count` players for a game with several outcomes at once."""
    known = {
        frozenset(group): value(frozenset(group))
        for size in range(count + 1)
        for group in combinations(range(count), size)
    }
    width = len(known[frozenset()])
    found = []
    for player in range(count):
        share = [0.0] * width
        for group, worth in known.items():
            if player in group:
                continue
            weight = factorial(len(group)) * factorial(count - len(group) - 1) / factorial(count)
            joined = known[group | {player}]
            share = [
                total + weight * (after - before) for total, after, before in zip(share, joined, worth, strict=True)
            ]
        found.append(tuple(share))
    return found


def _split(
    model: Model, baseline: Events, levers: tuple[Lever, ...], horizon: int, rate: Decimal, before: Floats | None
) -> tuple[LeverShare, ...]:
    owed, bought = payables(baseline, horizon), purchases(model, baseline, horizon)
    start = float(_last_week(_dpo(owed, bought)).mean())

    def value(group: frozenset[int]) -> tuple[float, ...]:
        chosen = [levers[place] for place in sorted(group)]
        changed = apply(model, baseline, chosen, before) if chosen else baseline
        now, then = payables(changed, horizon), purchases(model, changed, horizon)
        released = float(_released(baseline, changed, horizon).mean())
        valued = rate if not levers or any(isinstance(lever, HurdleRate) for lever in chosen) else HURDLE
        benefit = released * float(valued) + _discounts_a_year(changed, baseline, horizon)
        return float(_last_week(_dpo(now, then)).mean()) - start, released, benefit

    shares = shapley(len(levers), value)
    whole = [sum(share[place] for share in shares) for place in range(3)]
    columns = [
        shared_out([share[place] for share in shares], total, step)
        for place, (total, step) in enumerate(zip(whole, (DAY, CENT, CENT), strict=True))
    ]
    return tuple(
        LeverShare(lever.kind, lever.owner, dpo, cash, benefit)
        for lever, dpo, cash, benefit in zip(levers, *columns, strict=True)
    )


def shared_out(values: Sequence[float], total: float, step: Decimal) -> list[Decimal]:
    """Values rounded to `step` so that they add up to the rounded total exactly: the largest remainders go up."""
    whole = int((Decimal(total) / step).to_integral_value())
    exact = [Decimal(value) / step for value in values]
    down = [int(value.to_integral_value(ROUND_FLOOR)) for value in exact]
    order = sorted(range(len(values)), key=lambda place: (down[place] - exact[place], place))
    for place in order[: max(0, whole - sum(down))]:
        down[place] += 1
    return [step * value for value in down]


def _guards(model: Model, levers: Sequence[Lever], cost: float) -> tuple[Guard, ...]:
    found = []
    for lever in levers:
        found.append(Guard(lever.kind, binding=False, detail=f"decided by {lever.owner}; {lever.guards}"))
        if isinstance(lever, RunDays) and WEEKEND & set(lever.weekdays):
            found.append(Guard("weekend", binding=True, detail=WEEKEND_CLOSED))
        if isinstance(lever, ExtendTerms):
            found += _legal_guards(model, lever)
    if cost > 0:
        detail = f"suppliers finance this at about {SUPPLIER_RATE:.0%}: {cost:,.0f} a year, which they may price in"
        found.append(Guard("supplier_cost", binding=False, detail=detail))
    return tuple(found)


def _kept_guards(model: Model, lever: ExtendTerms, chosen: NDArray[np.bool_]) -> list[Guard]:
    """Which of the suppliers meant keep their terms, by reason."""
    column = model.book.supplier
    meant = {column.values[code].casefold() for code in np.unique(column.code[chosen]).tolist()}
    by_reason: dict[str, list[str]] = {}
    for kept in lever.kept:
        if kept.supplier.casefold() in meant:
            until = f" until {kept.until.isoformat()}" if kept.until else ""
            by_reason.setdefault(kept.reason, []).append(f"{kept.supplier}{until}")
    return [
        Guard(
            "veto",
            binding=True,
            detail=f"{len(names)} {'suppliers keep their' if len(names) > 1 else 'supplier keeps its'} terms, {reason}:"
            f" {', '.join(names[:NAMED])}{f' and {len(names) - NAMED} more' if len(names) > NAMED else ''}",
        )
        for reason, names in sorted(by_reason.items())
    ]


def _legal_guards(model: Model, lever: ExtendTerms) -> list[Guard]:
    """Where a legal cap kept terms shorter than asked, by supplier country; after the vetoes."""
    chosen = selected(model.book, lever.selection, model.today)
    limit = legal_limits(model, lever)
    net = model.book.due_day - model.book.invoice_day
    wanted = net + lever.add_days if lever.net_days is None else np.maximum(net, lever.net_days)
    bound = chosen & (model.book.due_day > 0) & (limit < NO_CAP) & (wanted > np.maximum(limit, net))
    found = _kept_guards(model, lever, chosen)
    country = model.book.supplier_country
    for code in np.unique(country.code[bound]).tolist():
        suppliers = len(np.unique(model.book.supplier.code[bound & (country.code == code)]))
        cap = cap_of(country.values[code], lever.start or model.as_of)
        rule = f"{cap.rule} ({cap.source})" if cap else "the rule of the buying entity's country"
        found.append(
            Guard("legal_cap", binding=True, detail=f"{suppliers} suppliers in {country.values[code]}: {rule}")
        )
    return found


def _assumptions(
    model: Model, baseline: Events, levers: Sequence[Lever], rate: Decimal, horizon: int
) -> tuple[Assumption, ...]:
    default = not any(isinstance(lever, HurdleRate) for lever in levers)
    return (
        Assumption("hurdle rate", f"{rate:.2%} a year", "default" if default else "lever"),
        Assumption("suppliers' borrowing rate", f"{SUPPLIER_RATE:.0%} a year", "default"),
        Assumption("payment behaviour", "as learned; it moves with the due date", f"history to {model.as_of}"),
        Assumption("horizon", f"{horizon} days; a change that starts late shows in part only", "setting"),
        Assumption("random numbers", f"the same in both, {baseline.paths} paths", "simulation"),
        Assumption("exchange rates", "those of the invoice dates", "model"),
        Assumption("vetoes", "supplier risk, size and disputes are not read; exclude suppliers by name", "model"),
    )


def _checks(
    model: Model,
    baseline: Events,
    scenario: Events,
    dpo: Sequence[Floats],
    split: Sequence[LeverShare],
    released: Floats,
    horizon: int,
) -> tuple[Check, ...]:
    change = float(_last_week(dpo[1] - dpo[0]).mean())
    shared = float(sum(share.dpo for share in split))
    cash = float(sum(share.one_off_cash for share in split))
    expected, happened = steady_change(baseline, scenario, horizon)
    gap = abs(expected - happened) / max(abs(happened), abs(expected), 1.0)
    balance = abs(float(payables(baseline, horizon)[:, 0].mean()) - float(model.ledger.open_amount.sum()))
    return (
        Check("split_adds_up", abs(shared - change) <= 0.006, f"{shared:.2f} of {change:.2f} days"),
        Check(
            "cash_adds_up",
            abs(cash - float(released.mean())) <= 0.006,
            f"{cash:,.2f} of {float(released.mean()):,.2f}",
        ),
        Check("opening_ties", balance < 0.5, f"baseline starts {balance:.2f} from what is owed"),
        Check(
            "steady_state",
            gap <= STEADY_TOLERANCE,
            f"closed form {expected:,.0f}, simulated {happened:,.0f}; they differ while a change is still ramping up",
        ),
    )


def steady_change(baseline: Events, scenario: Events, horizon: int) -> tuple[float, float]:
    """(closed form, simulated) change of what is owed in the last week, on average over the paths.

    Little's law: what is owed is what comes in a day times the days it stays, here over the documents recognised in the
    91 days that end 45 days before the horizon, nearly all of which are paid within view.
    """

    def stock(events: Events) -> float:
        come = (events.layer == NEW) & (events.recognised <= horizon - MARGIN)
        come &= events.recognised > horizon - MARGIN - STEADY_DAYS
        stay = np.minimum(events.paid, events.days)[come] - events.recognised[come]
        return float((events.amount[come] * stay).sum()) / events.paths / STEADY_DAYS

    closed = stock(scenario) - stock(baseline)
    before, after = payables(baseline, horizon), payables(scenario, horizon)
    return closed, float(_last_week(after - before).mean())
