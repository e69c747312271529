from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from copilot.forecasting.book import Book
from copilot.forecasting.cash_paths import learn_model
from copilot.forecasting.event_paths import NEW, NO_DAY, OPEN, Events, cash_out, draw_events, payables, purchases
from copilot.simulations.legal_caps import cap_of, legal_caps
from copilot.simulations.lever_effects import apply, extension
from copilot.simulations.levers import (
    KINDS,
    RANGES,
    ApprovalSpeed,
    CaptureDiscounts,
    ExtendTerms,
    HurdleRate,
    KeptTerms,
    Lever,
    RunDays,
    SavedScenario,
    Selection,
    SpendGrowth,
    StopEarlyPayment,
    range_sentence,
)
from copilot.simulations.scenarios import LeverRefused, ScenarioOutcome, shapley, simulate, steady_change, unknown_value

AS_OF = date(2026, 11, 21)
NOTHING: tuple[Lever, ...] = (
    ExtendTerms(),
    ExtendTerms(add_days=30, acceptance=Decimal(0)),
    CaptureDiscounts(share=Decimal(0)),
    RunDays(),
    RunDays(weekdays=(1, 3)),
    ApprovalSpeed(),
    StopEarlyPayment(),
    SpendGrowth(),
    HurdleRate(),
)


@pytest.fixture(scope="module")
def company(trade: Callable[..., Book]) -> Book:
    """A steady company that pays on Tuesdays and Thursdays, around the due date."""
    return trade(days=620, per_day=6.0, lateness=4.0, spread=0.4)


@pytest.fixture(scope="module")
def drawn(company: Book) -> Events:
    """Its documents over 120 days."""
    return draw_events(learn_model(company, AS_OF), 120, 3)


def outcome(book: Book, *levers: Lever, days: int = 182) -> ScenarioOutcome:
    """A scenario that is not refused."""
    found = simulate(book, AS_OF, levers, horizon_days=days)
    assert isinstance(found, ScenarioOutcome), found
    return found


@pytest.mark.parametrize("lever", NOTHING, ids=lambda lever: str(lever.kind))
def test_a_lever_at_zero_changes_nothing(company: Book, drawn: Events, lever: Lever) -> None:
    """Bit for bit: every column of every document, run days that are the learned ones included."""
    changed = apply(learn_model(company, AS_OF), drawn, [lever])
    for column in fields(Events):
        before, after = getattr(drawn, column.name), getattr(changed, column.name)
        assert np.array_equal(before, after), column.name


def test_the_outcome_of_nothing_is_nothing(company: Book) -> None:
    """No days, no cash, no benefit, no cost."""
    found = outcome(company, ExtendTerms())
    assert found.change_dpo.mean == found.one_off_cash.mean == found.yearly_benefit == found.supplier_cost == 0
    assert found.dpo_baseline == found.dpo_scenario


def test_the_same_arguments_give_the_same_outcome(company: Book) -> None:
    """Seeded throughout; and the order in which levers are given does not matter to the sum."""
    levers = (ExtendTerms(add_days=10), StopEarlyPayment(tolerance_days=1))
    one, two, turned = outcome(company, *levers), outcome(company, *levers), outcome(company, *reversed(levers))
    assert one == two
    assert one.change_dpo == turned.change_dpo


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1), st.floats(0, 1))
def test_more_days_and_more_acceptance_never_pay_sooner(
    company: Book, drawn: Events, days: int, more: int, share: float, further: float
) -> None:
    """Document by document."""
    model = learn_model(company, AS_OF)
    low, high = sorted((days, days + more)), sorted((share, further))
    less = apply(model, drawn, [ExtendTerms(add_days=low[0], acceptance=Decimal(str(high[0])))])
    rest = apply(model, drawn, [ExtendTerms(add_days=min(low[1], 120), acceptance=Decimal(str(high[1])))])
    assert (rest.paid >= less.paid).all()
    assert (less.paid >= drawn.paid).all()


def test_each_lever_moves_the_way_it_must(company: Book, drawn: Events) -> None:
    """Faster approval pays and recognises no later; fewer runs and no early payment pay no sooner; new ones only."""
    model = learn_model(company, AS_OF)
    faster = apply(model, drawn, [ApprovalSpeed(faster=Decimal("0.5"))])
    assert (faster.recognised <= drawn.recognised).all()
    assert (faster.paid <= drawn.paid).all()
    fewer = apply(model, drawn, [RunDays(weekdays=(3,))])
    inside = fewer.paid <= 120
    assert (fewer.paid >= drawn.paid).all()
    assert (fewer.paid[inside] > drawn.paid[inside]).any()
    never_early = [apply(model, drawn, [StopEarlyPayment(tolerance_days=days)]) for days in (10, 3, 0)]
    for loose, tight in zip([drawn, *never_early], never_early, strict=False):
        assert (tight.paid >= loose.paid).all()
    on_time = (drawn.due != NO_DAY) & (drawn.paid <= drawn.due) & (drawn.due <= 120)
    assert (never_early[-1].paid[on_time] <= drawn.due[on_time]).all()
    longer = apply(model, drawn, [ExtendTerms(add_days=30)])
    assert np.array_equal(longer.paid[drawn.layer == OPEN], drawn.paid[drawn.layer == OPEN])


def test_terms_choose_by_what_documents_have_now(company: Book, drawn: Events) -> None:
    """Longer terms for those at net N move documents at net N and no others; over all N they move what "all" moves."""
    model = learn_model(company, AS_OF)
    net = drawn.due - drawn.invoiced
    everybody = extension(model, drawn, ExtendTerms(add_days=15))
    parts = np.zeros_like(everybody)
    for days in np.unique(net[drawn.due != NO_DAY]).tolist():
        moved = extension(model, drawn, ExtendTerms(add_days=15, selection=Selection(now_net_days=(days,))))
        assert set(net[moved != 0].tolist()) <= {days}
        parts += moved
    assert everybody.any()
    assert np.array_equal(parts, everybody)


def test_balances_agree_with_a_slow_count(company: Book) -> None:
    """What is owed, bought and paid on some days of one path, counted document by document."""
    model = learn_model(company, AS_OF)
    events = draw_events(model, 60, 1)
    owed, bought, cash = payables(events, 60), purchases(model, events, 60), cash_out(events, 60)
    ledger, path = model.ledger, 7
    mine = np.flatnonzero(events.path == path)
    for day in (0, 1, 17, 60):
        by_hand = sum(
            float(events.amount[at])
            for at in mine
            if events.recognised[at] <= day < max(events.paid[at], events.recognised[at])
        )
        assert owed[path, day] == pytest.approx(by_hand, abs=0.01)
        window = (ledger.invoice_day > model.today + day - 90) & (ledger.invoice_day <= model.today + day)
        recent = float(ledger.gross[window].sum()) + sum(
            float(events.amount[at])
            for at in mine
            if events.layer[at] != OPEN
            and max(events.recognised[at], events.invoiced[at]) <= day < events.invoiced[at] + 90
        )
        assert bought[path, day] == pytest.approx(recent, abs=0.01)
    paid = sum(float(events.cash[at]) for at in mine if 1 <= events.paid[at] <= 60)
    assert cash[path].sum() == pytest.approx(paid, abs=0.01)


def test_longer_terms_agree_with_the_closed_form(company: Book) -> None:
    """At steady state the simulated change of payables is within 2 % of arrivals a day times days longer."""
    model = learn_model(company, AS_OF)
    baseline = draw_events(model, 240, 2)
    scenario = apply(model, baseline, [ExtendTerms(add_days=14)])
    closed, simulated = steady_change(baseline, scenario, 240)
    assert simulated == pytest.approx(closed, rel=0.02)
    a_day = float(baseline.amount[(baseline.layer == NEW) & (baseline.recognised <= 240)].sum()) / 240 / baseline.paths
    assert simulated == pytest.approx(14 * a_day, rel=0.06)
    ten = steady_change(baseline, apply(model, baseline, [ExtendTerms(add_days=10)]), 240)[1]
    assert ten == pytest.approx(10 * a_day, rel=0.06)  # no multiple of a week: runs must not stretch it


def test_the_split_is_shapley() -> None:
    """Against the definition: the mean over all orders of what each player adds."""
    worth = {frozenset(): 0.0}
    random = np.random.default_rng(1)
    players = range(4)
    for bits in range(1, 16):
        worth[frozenset(p for p in players if bits >> p & 1)] = float(random.normal())
    found = shapley(4, lambda group: (worth[group],))
    slow = [0.0] * 4
    for order in permutations(players):
        seen: frozenset[int] = frozenset()
        for player in order:
            slow[player] += (worth[seen | {player}] - worth[seen]) / 24
            seen |= {player}
    assert [share[0] for share in found] == pytest.approx(slow)


def test_the_shares_add_up_and_checks_pass(company: Book) -> None:
    """Three levers at once: days, cash and benefit of the parts are those of the whole, to the last cent but rounding."""
    found = outcome(
        company, ExtendTerms(add_days=10), StopEarlyPayment(tolerance_days=0), HurdleRate(rate=Decimal("0.12"))
    )
    assert all(check.passed for check in found.checks), found.checks
    assert sum(share.one_off_cash for share in found.split) == pytest.approx(
        found.one_off_cash.mean, abs=Decimal("0.05")
    )
    assert sum(share.yearly_benefit for share in found.split) == pytest.approx(
        found.yearly_benefit, abs=Decimal("0.05")
    )
    assert found.yearly_benefit == pytest.approx(found.one_off_cash.mean * Decimal("0.12"), abs=Decimal("0.05"))
    assert found.split[2].one_off_cash == 0


def test_growth_moves_cash_and_hardly_dpo(company: Book) -> None:
    """A fifth more spend: DPO within a day, no cash counted as released."""
    found = outcome(company, SpendGrowth(growth=Decimal("0.2")))
    assert abs(found.change_dpo.mean) < 1
    assert found.one_off_cash.mean == 0
    assert found.weeks[-1].cash_scenario > found.weeks[-1].cash_baseline * Decimal("1.1")


def test_suppliers_pay_for_it(company: Book) -> None:
    """Ten days longer: a year's cost is about cash released times their borrowing rate."""
    found = outcome(company, ExtendTerms(add_days=10))
    assert found.supplier_cost == pytest.approx(found.one_off_cash.mean * Decimal("0.10"), rel=Decimal("0.1"))


def test_legal_caps_are_dated_and_bind(company: Book) -> None:
    """France caps at 60 by law whatever is agreed; a soft cap yields to express agreement; before a rule there is none."""
    assert cap_of("FR", AS_OF) is not None
    assert cap_of("PT", AS_OF) == legal_caps()["EU"]
    assert cap_of("US", AS_OF) is None
    assert cap_of("BE", date(2020, 1, 1)) is None
    model = learn_model(company, AS_OF)
    assert (
        extension(model, draw_events(model, 30, 1), ExtendTerms(net_days=75)).max() == 45
    )  # the United States cap nothing


def test_french_suppliers_are_not_moved_to_net_90(trade: Callable[..., Book]) -> None:
    """The refusal names the clause; a few days more are cut at the cap and said."""
    french = trade(country="FR", terms=50)
    refused = simulate(french, AS_OF, [ExtendTerms(net_days=90, express_agreement=True)])
    assert isinstance(refused, LeverRefused)
    assert refused.reason_code == "LEGAL_LIMIT"
    assert "L441-10" in refused.reason
    model = learn_model(french, AS_OF)
    assert extension(model, draw_events(model, 30, 1), ExtendTerms(add_days=40)).max() == 10
    found = outcome(french, ExtendTerms(add_days=40))
    assert any(guard.binding for guard in found.guards)


@pytest.mark.parametrize(
    ("levers", "days", "code"),
    [
        ((), 91, "MISSING_INPUT"),
        ((ExtendTerms(add_days=5),), 400, "OUT_OF_SCOPE"),
        ((ExtendTerms(add_days=5, selection=Selection(suppliers=("Nobody",))),), 91, "UNKNOWN_VALUE"),
        ((CaptureDiscounts(cash_floor=Decimal(5)),), 91, "MISSING_INPUT"),
        ((RunDays(weekdays=(1,)), RunDays(weekdays=(2,))), 91, "OUT_OF_SCOPE"),
        ((HurdleRate(), HurdleRate()), 91, "OUT_OF_SCOPE"),
        ((ApprovalSpeed(),) * 7, 91, "TOO_LARGE"),
    ],
)
def test_what_cannot_be_simulated_is_refused(company: Book, levers: Sequence[Lever], days: int, code: str) -> None:
    """Nothing to do, too far, nobody meant, no cash feed, contradictions, too many."""
    found = simulate(company, AS_OF, levers, horizon_days=days)
    assert isinstance(found, LeverRefused)
    assert found.reason_code == code


def test_levers_have_ranges() -> None:
    """Out of range or contradictory is refused when the lever is made; every lever says who decides."""
    adapter: TypeAdapter[Lever] = TypeAdapter(Lever)
    for wrong in (
        {"kind": "extend_terms", "add_days": -5},
        {"kind": "extend_terms", "add_days": 5, "net_days": 60},
        {"kind": "approval_speed", "faster": "1.5"},
        {"kind": "run_days", "weekdays": [9]},
        {"kind": "no_such_lever"},
        {"kind": "spend_growth", "growth": "0.1", "colour": "blue"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
    assert all(kind.owner and kind.guards for kind in KINDS)
    assert len(KINDS) == 8


@pytest.mark.parametrize(
    ("kind", "name", "low", "high"),
    [
        (ExtendTerms, "add_days", 0, 120), (ExtendTerms, "net_days", 0, 180), (ExtendTerms, "acceptance", 0, 1),
        (ExtendTerms, "ramp_days", 0, 730), (CaptureDiscounts, "hurdle", 0, 5), (CaptureDiscounts, "share", 0, 1),
        (ApprovalSpeed, "faster", 0, Decimal("0.9")), (StopEarlyPayment, "tolerance_days", 0, 60),
        (SpendGrowth, "growth", Decimal("-0.9"), 2), (HurdleRate, "rate", 0, 1), (Selection, "top_suppliers", 0, 10_000),
    ],
)  # fmt: skip
def test_the_range_that_is_told_is_the_one_that_holds(kind: type[BaseModel], name: str, low: Any, high: Any) -> None:
    """Both ends are taken; beyond them the sentence names both and what was given."""
    for fine in (low, high):
        kind(**{name: fine})
    for wrong in (low - 1, high + 1):
        with pytest.raises(ValidationError) as caught:
            kind(**{name: wrong})
        sentence = range_sentence(caught.value)
        assert sentence.startswith(RANGES[name])
        assert sentence.endswith(f"not {wrong}")
        assert f"{low:,} to {high:,}" in sentence


def test_names_that_the_data_does_not_hold_are_told_with_the_nearest(company: Book) -> None:
    """One unknown name among known ones is no filter of the known ones."""
    near = simulate(company, AS_OF, [ExtendTerms(add_days=5, selection=Selection(suppliers=("S1", "S77")))])
    assert isinstance(near, LeverRefused)
    assert "no supplier 'S77'" in near.reason
    assert "Did you mean S7" in near.reason
    both = Selection(suppliers=("S1",), categories=("Services",))
    nobody = simulate(company, AS_OF, [ExtendTerms(add_days=5, selection=both)])
    assert isinstance(nobody, LeverRefused)
    assert "'Services'" in nobody.reason
    assert unknown_value(company, Selection(suppliers=("s1",), excluded_suppliers=("S2",))) is None


def test_runs_at_the_weekend_are_pointed_out(company: Book) -> None:
    """Banks settle nothing then."""
    found = outcome(company, RunDays(weekdays=(6,)))
    assert any(guard.name == "weekend" and guard.binding for guard in found.guards)
    assert not any(guard.name == "weekend" for guard in outcome(company, RunDays(weekdays=(1,))).guards)


def test_suppliers_with_a_veto_keep_their_terms(company: Book) -> None:
    """On hold for good, under contract until a day; the others move as before, and it is said who stays and why."""
    model = learn_model(company, AS_OF)
    events = draw_events(model, 120, 3)
    until = AS_OF + timedelta(days=30)
    kept = (KeptTerms(supplier="S1", reason="on hold"), KeptTerms(supplier="S2", reason="under contract", until=until))
    free, bound = (extension(model, events, ExtendTerms(add_days=10, kept=some)) for some in ((), kept))
    supplier = company.supplier
    name = np.array(supplier.values, dtype=object)[supplier.code[events.row]]
    later = events.invoiced > 30
    assert free[name == "S1"].any()
    assert not bound[name == "S1"].any()
    assert free[(name == "S2") & ~later].any()
    assert not bound[(name == "S2") & ~later].any()
    assert (bound[(name == "S2") & later] == free[(name == "S2") & later]).all()
    others = (name != "S1") & (name != "S2")
    assert (bound[others] == free[others]).all()
    found = simulate(company, AS_OF, [ExtendTerms(add_days=10)], horizon_days=91, kept=kept)
    assert isinstance(found, ScenarioOutcome)
    said = [guard.detail for guard in found.guards if guard.name == "veto"]
    assert said == [
        "1 supplier keeps its terms, on hold: S1",
        f"1 supplier keeps its terms, under contract: S2 until {until.isoformat()}",
    ]
    only = ExtendTerms(add_days=10, selection=Selection(suppliers=("S1",)))
    nobody = simulate(company, AS_OF, [only], kept=kept)
    assert isinstance(nobody, LeverRefused)
    assert "on hold: S1" in nobody.reason


def test_scenarios_can_be_saved() -> None:
    """Written as JSON and read back, they are the same."""
    saved = SavedScenario(
        name="Terms", levers=(ExtendTerms(net_days=60, selection=Selection(top_suppliers=20)), RunDays())
    )
    assert SavedScenario.model_validate_json(saved.model_dump_json()) == saved


def test_no_history_is_said(trade: Callable[..., Book]) -> None:
    """A book without payments cannot be learned from."""
    found = simulate(trade(days=10), AS_OF, [ExtendTerms(add_days=5)])
    assert isinstance(found, LeverRefused)
    assert "30 payments" in found.reason
