"""Discount selection against brute force, and the laws that any choice must obey."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from copilot.opportunities.problem import Prices, Problem
from copilot.opportunities.selection import RULES, FloorBroken, Selection, loss_of_rules, select, subgradient_prices

DAYS = 40


def random_problem(seed: int, offers: int = 8, room: float = 0.3) -> Problem:
    """Offers with one to three run dates in two currency pools of one company, cash for about `room` of them."""
    draw = np.random.default_rng(seed)
    offer, pay, until, cash, gross, value = [], [], [], [], [], []
    for number in range(offers):
        amount = int(np.exp(draw.normal(9.2, 1.3)) * 100)
        last = int(draw.integers(12, DAYS + 10))
        dates = np.sort(draw.choice(np.arange(0, 11), size=int(draw.integers(1, 4)), replace=False))
        rate = draw.uniform(0.005, 0.03)
        for day in dates.tolist():
            saved = round(amount * rate * (last - day) / (last - int(dates[0])))
            offer.append(number)
            pay.append(day)
            until.append(last)
            cash.append(amount - saved)
            gross.append(amount)
            value.append((saved - (amount - saved) * ((1.08) ** ((last - day) / 365) - 1)) / 100)
    owner = draw.integers(1, 3, offers)
    pools = np.stack([np.zeros(len(offer), dtype=np.int64), owner[np.array(offer)]], axis=1)
    whole = sum(dict(zip(offer, gross, strict=True)).values())
    cash_room = (whole * room * draw.uniform(0.6, 1.6, (3, DAYS))).astype(np.int64)
    cash_room[1:] //= 2
    caps = np.array(pay, dtype=np.int64)[:, None] % 11
    return Problem(
        offers=offers, offer=np.array(offer), pay=np.array(pay), until=np.array(until), cash=np.array(cash),
        gross=np.array(gross), value=np.array(value), pools=pools, room=cash_room, caps=caps,
        limit=np.full(11, int(whole * 0.45)),
    )  # fmt: skip


def brute_force(problem: Problem) -> float:
    """The best value over every combination, cash added up day by day in plain Python."""
    choices: list[list[int]] = [[-1] for _ in range(problem.offers)]
    for option, number in enumerate(problem.offer.tolist()):
        if problem.value[option] > 0:
            choices[number].append(option)
    best = 0.0
    rows = [problem.pools.tolist(), problem.pay.tolist(), problem.until.tolist(), problem.cash.tolist()]
    gross, limit, room = problem.gross.tolist(), problem.limit.tolist(), problem.room.tolist()
    pools, pay, until, cash = rows
    for combination in itertools.product(*choices):
        taken = [option for option in combination if option >= 0]
        worth = float(sum(problem.value[option] for option in taken))
        if worth <= best:
            continue
        runs = [0] * len(limit)
        for option in taken:
            runs[pay[option] % 11] += cash[option]
        if any(used > most for used, most in zip(runs, limit, strict=True)):
            continue
        if all(
            sum(
                (cash[o] if day < until[o] else cash[o] - gross[o]) for o in taken if pool in pools[o] and day >= pay[o]
            )
            <= room[pool][day]
            for pool in range(len(room))
            for day in sorted({pay[o] for o in taken} | set(range(0, DAYS, 1)))
        ):
            best = worth
    return best


@pytest.mark.parametrize("batch", range(10))
def test_the_choice_is_that_of_brute_force(batch: int) -> None:
    """Two hundred random books with binding floors and run caps: the value is the best of all combinations."""
    for seed in range(20 * batch, 20 * batch + 20):
        problem = random_problem(seed, offers=3 + seed % 4, room=(0.1, 0.2, 0.4, 0.9)[seed % 4])
        found = select(problem)
        assert isinstance(found, Selection)
        assert found.value == pytest.approx(brute_force(problem), abs=1e-6), seed
        assert problem.fits(found.taken), seed
        assert found.bound >= found.value - 1e-6, seed


def test_twelve_invoices_are_chosen_as_by_brute_force() -> None:
    """The largest books that brute force can count: twelve invoices with one date each."""
    for seed in range(6):
        wide = random_problem(1_000 + seed, offers=12, room=0.2)
        first = np.unique(wide.offer, return_index=True)[1]
        keep = np.zeros(len(wide), dtype=np.bool_)
        keep[first] = True
        problem = wide.picked(keep)
        found = select(problem)
        assert isinstance(found, Selection)
        assert found.value == pytest.approx(brute_force(problem), abs=1e-6), seed


def test_large_books_break_no_floor_and_stay_near_their_bound() -> None:
    """A thousand offers: exact cents on every day of every pool, and a proven gap below one percent."""
    problem = random_problem(5, offers=800, room=0.15)
    found = select(problem)
    assert isinstance(found, Selection)
    slack = problem.slack(found.taken)
    assert slack.min() >= 0
    by_hand = problem.room.copy()
    for option in found.taken.tolist():
        for pool in problem.pools[option].tolist():
            by_hand[pool, problem.pay[option] :] -= problem.cash[option]
            if problem.until[option] < DAYS:
                by_hand[pool, problem.until[option] :] += problem.gross[option]
    assert np.array_equal(by_hand, slack)
    assert found.gap < 0.01
    assert min(loss_of_rules(problem, found).values()) >= -0.01 * found.value


def test_more_offers_never_lower_the_value_and_a_higher_floor_never_raises_it() -> None:
    """Exact books are monotone: in the offers there are, and in the cash that may be used."""
    for seed in range(12):
        problem = random_problem(300 + seed, offers=7, room=0.25)
        whole = select(problem)
        fewer = select(problem.picked(problem.offer < 6))
        tighter = select(replace(problem, room=problem.room - problem.room.min() // 3))
        assert isinstance(whole, Selection)
        assert isinstance(fewer, Selection)
        assert isinstance(tighter, Selection)
        assert fewer.value <= whole.value + 1e-6
        assert tighter.value <= whole.value + 1e-6


def test_cash_below_the_floor_says_where_and_by_how_much() -> None:
    """With nothing taken, cash is 1,200.50 short on day 9 of the second pool, first short on day 8."""
    problem = random_problem(1)
    room = problem.room.copy()
    room[1, 8:10] = (-500, -120_050)
    found = select(replace(problem, room=room))
    assert found == FloorBroken(pool=1, day=9, short=120_050, first_day=8)


def test_any_prices_prove_a_bound() -> None:
    """Random prices of cash: the bound is never below the best choice, so a wrong solver cannot fake a proof."""
    draw = np.random.default_rng(3)
    for seed in range(15):
        problem = random_problem(seed, offers=5)
        scale = float(problem.value.max()) / float(problem.cash.max()) / 10
        prices = Prices(draw.exponential(scale, problem.room.shape), draw.exponential(scale, 11))
        assert prices.bound(problem) >= brute_force(problem) - 1e-6


def test_prices_without_a_solver_are_nearly_as_good() -> None:
    """Subgradient prices prove a bound within two percent of the one from the linear programme."""
    problem = random_problem(8, offers=250, room=0.2)
    found = select(problem)
    assert isinstance(found, Selection)
    useful = problem.picked(problem.value > 0)
    assert found.bound <= subgradient_prices(useful).bound(useful) <= found.bound * 1.02


def test_the_price_of_cash_is_what_more_cash_would_earn() -> None:
    """A linear check: one more unit of cash on every short day earns at most its price, and prices stand on short days."""
    problem = random_problem(21, offers=200, room=0.15)
    found = select(problem)
    assert isinstance(found, Selection)
    extra = 2_000_00
    more = select(replace(problem, room=problem.room + extra))
    assert isinstance(more, Selection)
    promised = float((found.prices.cash * extra).sum())
    assert more.bound <= found.bound + promised + 1e-6
    assert promised > 0


def test_every_rule_of_thumb_gives_a_choice_that_fits() -> None:
    """The rules that the choice is compared with are held to the same floors."""
    problem = random_problem(33, offers=60, room=0.2)
    for rule in RULES.values():
        assert problem.fits(rule(problem))
