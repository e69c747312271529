"""Choose early payments under cash floors: price cash, fill by those prices, polish, and prove how good it is.

1. Everything that has a positive value, if it fits: then it is the optimum and cash is worth nothing extra.
2. Prices of cash by day: duals of the linear relaxation, or subgradient steps where that is too large.
3. Fill in the order of value per priced cash; exact checks in cents.
4. Polish: exact search on small books and on the closest calls of large ones.
The bound is `Prices.bound`, so it holds whatever the solver did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from copilot.opportunities.highs import best_choice, cash_prices
from copilot.opportunities.problem import NOTHING, Flags, Floats, Ints, Prices, Problem

EXACT_OPTIONS = 120
"""Books of so many options are searched to the end."""
SOLVER_OPTIONS = 60_000
"""Larger books are priced without the solver."""
POLISHED_OPTIONS = 10_000
"""Larger books gain next to nothing from exact search of a part: their lumps are small beside the cash there is."""
CLOSE_CALLS = 30
"""Offers of a large book that exact search decides again."""
NODES = 60
"""Branches that exact search of a part may look at: a count and no clock, so that a slow machine chooses the same."""
TRIES, TRIED_OPTIONS, SPREAD = 60, 300_000, 0.05
STEPS = 60


@dataclass(frozen=True, eq=False)
class Selection:
    """The options that are taken (sorted), their value, a value no choice can exceed, and the prices that prove it.

    `method` names how far the search went: "all fit", "exact", "priced and polished" or "priced".
    """

    taken: Ints
    value: float
    bound: float
    prices: Prices
    method: str

    @property
    def gap(self) -> float:
        """How much better another choice could be at most, as a share of the bound."""
        return max(0.0, self.bound - self.value) / self.bound if self.bound > 0 else 0.0


@dataclass(frozen=True)
class FloorBroken:
    """With nothing taken at all, cash is below a floor: `pool` and `day` of the deepest point, cents short."""

    pool: int
    day: int
    short: int
    first_day: int


def select(problem: Problem) -> Selection | FloorBroken:
    """The best choice that can be found, with its proof; the same problem gives the same choice."""
    broken = _broken(problem)
    if broken is not None:
        return broken
    useful = problem.value > 0
    useful[useful] = can_fit_alone(problem.picked(useful))
    rows = np.flatnonzero(useful)
    found = _selected(problem.picked(useful))
    return replace(found, taken=np.sort(rows[found.taken]))


def can_fit_alone(problem: Problem) -> Flags:
    """Options that some choice could hold: alone they leave every floor, if all discounts of others had come in before.

    Leaving the others out changes no choice, and makes the bound tighter: the relaxation would take a part of each.
    """
    days = problem.days
    saved = problem.gross - problem.cash
    fits = np.ones(len(problem), dtype=np.bool_)
    for pool, room in enumerate(problem.room):
        mine = (problem.pools == pool).any(axis=1)
        most = np.zeros(problem.offers, dtype=np.int64)
        first = np.full(problem.offers, days, dtype=np.int64)
        np.maximum.at(most, problem.offer[mine], saved[mine])
        np.minimum.at(first, problem.offer[mine], np.minimum(problem.until[mine], days))
        back = np.cumsum(np.bincount(first, weights=most, minlength=days + 1)[:days])
        highest = room + np.ceil(back).astype(np.int64)
        # The lowest point of [pay, until) by doubling windows: two overlapping ones cover any span.
        rows = np.flatnonzero(mine)
        low = _lowest(highest, problem.pay[rows], np.minimum(problem.until[rows], days))
        fits[rows] &= low >= problem.cash[rows]
    for column in range(problem.caps.shape[1]):
        cap = problem.caps[:, column]
        if len(problem.limit):
            fits &= (cap == NOTHING) | (problem.cash <= problem.limit[np.maximum(cap, 0)])
    return fits


def _lowest(row: Ints, begin: Ints, end: Ints) -> Ints:
    """The minimum of `row[begin:end]` for each pair, none of them empty."""
    width = np.floor(np.log2(end - begin)).astype(np.int64)
    levels = [row]
    for level in range(int(width.max(initial=0))):
        half = 1 << level
        shifted = np.concatenate([levels[-1][half:], np.full(half, levels[-1][-1])])
        levels.append(np.minimum(levels[-1], shifted))
    table = np.stack(levels)
    found: Ints = np.minimum(table[width, begin], table[width, end - (1 << width)])
    return found


def _broken(problem: Problem) -> FloorBroken | None:
    low = problem.room.min(axis=1, initial=0)
    if not (low < 0).any():
        return None
    pool = int(low.argmin())
    day = int(problem.room[pool].argmin())
    first = int(np.flatnonzero(problem.room[pool] < 0)[0])
    return FloorBroken(pool=pool, day=day, short=-int(problem.room[pool, day]), first_day=first)


def _selected(problem: Problem) -> Selection:
    free = Prices.none(problem)
    every = problem.best(problem.value)
    if problem.fits(every):
        return Selection(every, problem.worth(every), free.bound(problem), free, "all fit")
    prices = cash_prices(problem) if len(problem) <= SOLVER_OPTIONS else None
    prices = prices or subgradient_prices(problem)
    bound = min(prices.bound(problem), free.bound(problem))
    taken = _tried_around(problem, prices)
    method = "priced"
    searched = _searched(problem, prices, taken)
    if searched is not None:
        method = "exact" if len(problem) <= EXACT_OPTIONS else "priced and polished"
        taken = searched if problem.worth(searched) > problem.worth(taken) else taken
    return Selection(taken, problem.worth(taken), bound, prices, method)


def _filled_by(problem: Problem, prices: Prices) -> Ints:
    """Filled by prices: first the option of each offer that leaves most after them, in the order of value per cost."""
    cost = prices.cost(problem)
    left = problem.value - cost
    ratio = np.minimum(problem.value / np.maximum(cost, 1e-9), 1e9)
    best = problem.best(left)
    return filled(problem, ratio + np.where(_flags(problem, best[left[best] > 0]), 2e9, 0.0))


def _tried_around(problem: Problem, prices: Prices) -> Ints:
    """The best of several fills, each by prices a little off the best ones so far: invoices come in lumps.

    How often depends on the size alone, and the draws on nothing, so that the same problem gives the same choice.
    """
    draws = np.random.Generator(np.random.PCG64(1))
    best = _filled_by(problem, prices)
    for _ in range(min(TRIES, TRIED_OPTIONS // max(1, len(problem)))):
        near = Prices(prices.cash * np.exp(draws.normal(0.0, SPREAD, prices.cash.shape)), prices.caps)
        taken = _filled_by(problem, near)
        if problem.worth(taken) > problem.worth(best):
            best, prices = taken, near
    return best


def filled(problem: Problem, score: Floats) -> Ints:
    """Options taken one after the other, the highest score first, each only if it breaks nothing then.

    As many as fit together are taken at once: the longest prefix (of the first option of each offer) that does.
    """
    order = np.lexsort((problem.pay, -problem.value, -score))
    _, seen = np.unique(problem.offer[order], return_index=True)
    firsts = order[np.sort(seen)]
    low, high = 0, len(firsts)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if problem.fits(firsts[:middle]) else (low, middle - 1)
    # What comes before the prefix's end among later options of an offer is tried again below.
    return np.sort(_one_by_one(problem, order, firsts[:low]))


def _one_by_one(problem: Problem, order: Ints, taken: Ints) -> Ints:
    slack, spare = problem.slack(taken), problem.spare(taken)
    done = np.zeros(problem.offers, dtype=np.bool_)
    done[problem.offer[taken]] = True
    left = order[~done[problem.offer[order]]]
    left = left[_may_fit(problem, left, slack)]
    chosen = taken.tolist()
    columns = (problem.offer, problem.pay, np.minimum(problem.until, problem.days), problem.cash, problem.gross)
    offer, pay, until, cash, gross = (column[left].tolist() for column in columns)
    pools, caps = problem.pools[left].tolist(), problem.caps[left].tolist()
    for place, option in enumerate(left.tolist()):
        if done[offer[place]]:
            continue
        amount, begin, end = cash[place], pay[place], until[place]
        mine = [slack[pool] for pool in pools[place] if pool >= 0]
        if any(row[begin:end].min() < amount for row in mine):
            continue
        if any(spare[cap] < amount for cap in caps[place] if cap >= 0):
            continue
        for row in mine:
            row[begin:end] -= amount
            row[end:] += gross[place] - amount
        for cap in caps[place]:
            if cap >= 0:
                spare[cap] -= amount
        done[offer[place]] = True
        chosen.append(option)
    return np.array(chosen, dtype=np.int64)


def _may_fit(problem: Problem, rows: Ints, slack: Ints) -> Flags:
    """Options that a pool has room for on the day they pay; the rest cannot be taken."""
    fits = np.ones(len(rows), dtype=np.bool_)
    for column in range(problem.pools.shape[1]):
        pool = problem.pools[rows, column]
        here = slack[np.maximum(pool, 0), problem.pay[rows]]
        # Later discounts may bring cash back before that day: leave the benefit of the doubt at 5 %.
        fits &= (pool == NOTHING) | (problem.cash[rows] <= here * 1.05)
    return fits


def _searched(problem: Problem, prices: Prices, taken: Ints) -> Ints | None:
    """Exact search: of everything in a small book, else of the offers that prices decide least clearly."""
    if len(problem) <= EXACT_OPTIONS:
        chosen = best_choice(problem)
        return chosen if chosen is not None and problem.fits(chosen) else None
    if len(problem) > POLISHED_OPTIONS:
        return None
    free = _undecided(problem, prices, taken)
    fixed = taken[~free[problem.offer[taken]]]
    rows = np.flatnonzero(free[problem.offer])
    new = np.full(problem.offers, NOTHING)
    new[np.flatnonzero(free)] = np.arange(int(free.sum()))
    part = replace(
        problem.picked(free[problem.offer]),
        offers=int(free.sum()),
        offer=new[problem.offer[rows]],
        room=problem.slack(fixed),
        limit=problem.spare(fixed),
    )
    chosen = best_choice(part, NODES)
    if chosen is None:
        return None
    together = np.sort(np.concatenate([fixed, rows[chosen]]))
    return together if problem.fits(together) else None


def _undecided(problem: Problem, prices: Prices, taken: Ints) -> Flags:
    """`[offer]`: where the choice lost most against the prices, and where prices hardly decide."""
    left = problem.value - prices.cost(problem)
    rows = problem.best(left)
    best, mine = np.full(problem.offers, -np.inf), np.zeros(problem.offers)
    best[problem.offer[rows]] = left[rows]
    mine[problem.offer[taken]] = left[taken]
    lost = np.where(np.isfinite(best), np.maximum(best, 0.0) - mine, -1.0)
    free = np.zeros(problem.offers, dtype=np.bool_)
    free[np.argsort(-lost, kind="stable")[:CLOSE_CALLS]] = True
    free[np.argsort(np.abs(best), kind="stable")[: CLOSE_CALLS // 2]] = True
    return free


def subgradient_prices(problem: Problem, steps: int = STEPS) -> Prices:
    """Prices found without a solver: raised where the priced choice takes too much, lowered where it leaves cash.

    Polyak steps towards the best fill known so far; the best bound that was met is kept.
    """
    prices = Prices.none(problem)
    best, kept = prices.bound(problem), prices
    goal = problem.worth(filled(problem, problem.value / _days_tied(problem)))
    pace, since = 1.0, 0
    for _ in range(steps):
        left = problem.value - prices.cost(problem)
        chosen = problem.best(left)
        chosen = chosen[left[chosen] > 0]
        short_cash, short_caps = -problem.slack(chosen).astype(np.float64), -problem.spare(chosen).astype(np.float64)
        bound = float(left[chosen].sum() + (prices.cash * problem.room).sum() + (prices.caps * problem.limit).sum())
        since += 1
        if bound < best * (1 - 1e-5):
            best, kept, since = bound, prices, 0
        elif since >= 8:
            pace, since = pace / 2, 0
        # A day that has room and no price stays as it is.
        short_cash[(prices.cash == 0) & (short_cash < 0)] = 0.0
        short_caps[(prices.caps == 0) & (short_caps < 0)] = 0.0
        norm = float((short_cash**2).sum() + (short_caps**2).sum())
        if norm == 0 or pace < 1e-3:
            break
        step = pace * max(bound - goal, 1e-6 * abs(bound)) / norm
        prices = Prices(
            np.maximum(prices.cash + step * short_cash, 0.0), np.maximum(prices.caps + step * short_caps, 0.0)
        )
    return kept


def _days_tied(problem: Problem) -> Floats:
    tied = problem.cash * (problem.until - problem.pay)
    found: Floats = np.maximum(tied.astype(np.float64), 1.0)
    return found


Rule = Callable[[Problem], Ints]
"""A way to choose: the options that it takes."""


def by_best_yield(problem: Problem) -> Ints:
    """The naive rule: the date of each offer with the best yearly yield, offers in the order of it."""
    gain = (problem.gross - problem.cash) / (problem.cash * (problem.until - problem.pay))
    best = problem.best(gain)
    return _mapped(problem, best, gain)


def by_yield(problem: Problem) -> Ints:
    """Each offer on its most valuable date, offers in the order of their yearly yield."""
    gain = (problem.gross - problem.cash) / (problem.cash * (problem.until - problem.pay))
    return _mapped(problem, problem.best(problem.value), gain)


def by_value(problem: Problem) -> Ints:
    """All options in the order of their net value."""
    return filled(problem, problem.value)


def by_value_per_cash(problem: Problem) -> Ints:
    """All options in the order of net value for each unit of cash and day."""
    return filled(problem, problem.value / _days_tied(problem))


RULES: dict[str, Rule] = {
    "best yield": by_best_yield,
    "yield, best date": by_yield,
    "net value": by_value,
    "net value per cash": by_value_per_cash,
}


def _mapped(problem: Problem, rows: Ints, score: Floats) -> Ints:
    """The fill of some options only."""
    return rows[filled(problem.picked(_flags(problem, rows)), score[rows])]


def _flags(problem: Problem, rows: Ints) -> Flags:
    flags = np.zeros(len(problem), dtype=np.bool_)
    flags[rows] = True
    return flags


def loss_of_rules(problem: Problem, found: Selection) -> dict[str, float]:
    """What each rule of thumb would have earned less than the choice found, by its name."""
    useful = problem.value > 0
    part = problem.picked(useful)
    return {name: found.value - part.worth(rule(part)) for name, rule in RULES.items()}
