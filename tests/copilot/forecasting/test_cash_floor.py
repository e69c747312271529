from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.forecasting.book import Book
from copilot.forecasting.cash_feed import CashFeed, NoCashFeed, cash_of
from copilot.forecasting.cash_paths import Model, learn_model
from copilot.forecasting.event_paths import Events, cash_out, draw_events
from copilot.simulations.lever_effects import apply
from copilot.simulations.levers import (
    CaptureDiscounts,
    CashFloor,
    ExtendTerms,
    HurdleRate,
    Lever,
    Selection,
    SpendGrowth,
    StopEarlyPayment,
)
from copilot.simulations.scenarios import LeverRefused, ScenarioOutcome, shared_out, simulate

AS_OF = date(2026, 11, 21)
DAYS = 60


@pytest.fixture(scope="module")
def company(trade: Callable[..., Book]) -> Book:
    """A company whose invoices all carry 2 % for payment within ten days of their date, which it never takes."""
    book = trade(days=400, per_day=3.0, lateness=1.0, runs=(0, 1, 2, 3, 4))
    return replace(book, discount_day=book.invoice_day + 10, discount_rate=np.full(len(book), 0.02))


@pytest.fixture(scope="module")
def learned(company: Book) -> Model:
    """What is learned from it."""
    return learn_model(company, AS_OF)


@pytest.fixture(scope="module")
def drawn(learned: Model) -> Events:
    """Its documents over sixty days."""
    return draw_events(learned, DAYS, 2)


def feed(balance: int, a_day: int) -> CashFeed:
    """Cash of `balance`, and `a_day` coming in on each of thirty days."""
    rows = [(AS_OF, AS_OF + timedelta(days=step), Decimal(a_day)) for step in range(1, 31)]
    found = cash_of([("A", AS_OF, Decimal(balance))], rows, AS_OF)
    assert isinstance(found, CashFeed)
    return found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 400_000), st.integers(0, 12_000), st.integers(0, 200_000))
def test_no_early_payment_takes_cash_below_the_floor(
    learned: Model, drawn: Events, balance: int, a_day: int, floor: int
) -> None:
    """On every path and day cash is at least the floor, or what it would have been without early payments."""
    before = feed(balance, a_day).before_payables(AS_OF, DAYS)
    levers: tuple[Lever, ...] = (CaptureDiscounts(), CashFloor(floor=Decimal(floor)))
    held = apply(learned, drawn, levers, before)
    usual, now = (before[None, :] - np.cumsum(cash_out(one, DAYS), axis=1) for one in (drawn, held))
    assert (now >= np.minimum(usual, floor) - 0.01).all()


def test_a_floor_holds_back_more_the_higher_it_is(learned: Model, drawn: Events) -> None:
    """Without a floor all offers are taken; a floor out of reach takes none; between them less and less."""
    before = feed(60_000, 4_000).before_payables(AS_OF, DAYS)
    free = apply(learned, drawn, [CaptureDiscounts()], before)
    taken = []
    for floor in (0, 25_000, 50_000, 10**9):
        held = apply(learned, drawn, [CaptureDiscounts(), CashFloor(floor=Decimal(floor))], before)
        taken.append(int((held.paid < drawn.paid).sum()))
    assert int((free.paid < drawn.paid).sum()) >= taken[0] > taken[2] > taken[3] == 0
    assert taken == sorted(taken, reverse=True)


def test_the_outcome_says_how_cash_stands_to_the_floor(company: Book) -> None:
    """Opening, lowest balance and chances; the floor has its share; without a feed the scenario is refused."""
    levers = (CaptureDiscounts(), CashFloor(floor=Decimal(100_000)))
    found = simulate(company, AS_OF, levers, horizon_days=DAYS, cash=feed(200_000, 8_000))
    assert isinstance(found, ScenarioOutcome)
    assert found.cash is not None
    assert (found.cash.opening, found.cash.floor) == (Decimal(200_000), Decimal(100_000))
    assert found.cash.chance_below_scenario == found.cash.chance_below_baseline
    assert [share.kind for share in found.split] == ["capture_discounts", "cash_floor"]
    assert sum(share.one_off_cash for share in found.split) == found.one_off_cash.mean
    assert "other cash" in {item.name for item in found.assumptions}
    for missing in (None, NoCashFeed("no cash position is loaded; load it with a command")):
        refused = simulate(company, AS_OF, levers, horizon_days=DAYS, cash=missing)
        assert isinstance(refused, LeverRefused)
        assert refused.reason_code == "MISSING_INPUT"
        assert "leave the floor out" in refused.reason


def test_a_cash_position_is_the_latest_of_each_account() -> None:
    """Old balances are none; the forecast is the latest one made; beyond it its average goes on."""
    old, new = AS_OF - timedelta(days=3), AS_OF - timedelta(days=1)
    rows = [
        ("A", old, Decimal(5)),
        ("A", new, Decimal(7)),
        ("B", old, Decimal(-2)),
        ("C", date(2025, 1, 1), Decimal(9)),
    ]
    moves = [(old, AS_OF + timedelta(days=1), Decimal(99)), (new, AS_OF + timedelta(days=2), Decimal(10))]
    found = cash_of(rows, moves, AS_OF)
    assert isinstance(found, CashFeed)
    assert (found.balance, found.accounts, found.position_day) == (Decimal(5), 2, new)
    assert found.before_payables(AS_OF, 4).tolist() == [5.0, 15.0, 20.0, 25.0]
    assert isinstance(cash_of(rows[3:], moves, AS_OF), NoCashFeed)


@pytest.mark.parametrize(
    "levers",
    [
        (CashFloor(floor=Decimal(1)), CashFloor(floor=Decimal(2))),
        (HurdleRate(), HurdleRate(rate=Decimal("0.1"))),
        (SpendGrowth(growth=Decimal("0.1")), SpendGrowth(growth=Decimal("-0.1"))),
        (StopEarlyPayment(tolerance_days=1), StopEarlyPayment(tolerance_days=2)),
        (ExtendTerms(net_days=60), ExtendTerms(net_days=45)),
    ],
    ids=lambda levers: str(levers[0].kind),
)
def test_contradictory_levers_are_refused_with_the_way_out(company: Book, levers: tuple[Lever, ...]) -> None:
    """Two of a kind for the same documents; for different ones they are no contradiction."""
    found = simulate(company, AS_OF, levers, horizon_days=DAYS, cash=feed(1, 1))
    assert isinstance(found, LeverRefused)
    assert "contradict each other; give" in found.reason
    apart = (ExtendTerms(net_days=60, selection=Selection(suppliers=("S1",))), ExtendTerms(net_days=45))
    assert isinstance(simulate(company, AS_OF, apart, horizon_days=30), ScenarioOutcome)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6))
def test_shares_add_up_to_the_cent(values: list[float]) -> None:
    """Rounded shares sum to the rounded whole exactly, each within a cent of its own value."""
    cent = Decimal("0.01")
    shares = shared_out(values, sum(values), cent)
    assert sum(shares) == Decimal(sum(values)).quantize(cent)
    assert all(abs(share - Decimal(value)) <= cent * 2 for share, value in zip(shares, values, strict=True))
