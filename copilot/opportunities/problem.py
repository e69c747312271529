"""Which early payments to make, as arrays: choices, what each takes from cash on which days, and the cash there is.

An offer has one or more options; of each offer at most one is taken. Option k pays `cash` on day `pay` instead of
`gross` on day `until`, so every pool of cash that it draws on has `cash` less from `pay` to the day before `until`, and
`gross - cash` more from `until` on. Money is in whole cents (int64), so that "fits" is exact; days are offsets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NOTHING = -1
"""No option, no pool, no cap."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Options in columns, and the limits they share.

    `offer[k]` runs from 0 to `offers` - 1, in order; `pools[k, :]` and `caps[k, :]` hold indices of the rows of `room`
    and of `limit` that option k draws on, NOTHING for none. `room[pool, day]` is cash above the floor, in cents, with
    nothing taken; `limit[cap]` is the most cash that the options of one cap may pay. `value` is in currency units.
    """

    offers: int
    offer: Ints
    pay: Ints
    until: Ints
    cash: Ints
    gross: Ints
    value: Floats
    pools: Ints
    room: Ints
    caps: Ints
    limit: Ints

    def __post_init__(self) -> None:
        """Raises ValueError for options out of order, and for one that pays no earlier, or outside the days."""
        if bool((self.offer[1:] < self.offer[:-1]).any()):
            raise ValueError("Options must be in the order of their offers.")
        if len(self.offer) and not bool(((self.pay >= 0) & (self.pay < self.until)).all()):
            raise ValueError("Every option must pay before the day on which the invoice is paid otherwise.")
        if len(self.offer) and int(self.pay.max()) >= self.days:
            raise ValueError("An option pays after the last day for which cash is known.")

    def __len__(self) -> int:
        return len(self.offer)

    @cached_property
    def starts(self) -> Ints:
        """The first option of each offer that has any."""
        first = np.ones(len(self), dtype=np.bool_)
        first[1:] = self.offer[1:] != self.offer[:-1]
        return np.flatnonzero(first)

    def best(self, score: Floats) -> Ints:
        """The option of each offer with the highest score; of equal ones the first."""
        if not len(self):
            return np.zeros(0, dtype=np.int64)
        top = np.maximum.reduceat(score, self.starts)
        rows = np.flatnonzero(score == np.repeat(top, np.diff(self.starts, append=len(self))))
        offer = self.offer[rows]
        first = np.ones(len(rows), dtype=np.bool_)
        first[1:] = offer[1:] != offer[:-1]
        return rows[first]

    @property
    def days(self) -> int:
        """How many days of cash are known."""
        return int(self.room.shape[1])

    def picked(self, keep: Flags) -> Problem:
        """The same with some options only; offers keep their numbers."""
        columns = {name: getattr(self, name)[keep] for name in COLUMNS}
        return replace(self, **columns)

    def slack(self, taken: Ints) -> Ints:
        """`[pool, day]`: cash above the floor once the options `taken` are carried out."""
        days = self.days
        flow = np.zeros((self.room.shape[0], days + 1), dtype=np.int64)
        for column in range(self.pools.shape[1]):
            pool = self.pools[taken, column]
            rows, into = taken[pool >= 0], pool[pool >= 0]
            flow += _summed(into * (days + 1) + self.pay[rows], self.cash[rows], flow.size).reshape(flow.shape)
            back = into * (days + 1) + np.minimum(self.until[rows], days)
            flow -= _summed(back, self.gross[rows], flow.size).reshape(flow.shape)
        left: Ints = self.room - np.cumsum(flow[:, :days], axis=1)
        return left

    def spare(self, taken: Ints) -> Ints:
        """`[cap]`: what is left of each cap."""
        used = np.zeros(len(self.limit), dtype=np.int64)
        for column in range(self.caps.shape[1]):
            cap = self.caps[taken, column]
            used += _summed(cap[cap >= 0], self.cash[taken[cap >= 0]], len(used))
        return self.limit - used

    def fits(self, taken: Ints) -> bool:
        """Whether no floor and no cap is broken, exactly, and no offer is taken twice."""
        once = len(np.unique(self.offer[taken])) == len(taken)
        return once and bool((self.slack(taken) >= 0).all()) and bool((self.spare(taken) >= 0).all())

    def worth(self, taken: Ints) -> float:
        """The value of the options together."""
        return float(self.value[taken].sum())


def _summed(key: Ints, cents: Ints, size: int) -> Ints:
    """Cents added up by key, exactly: floats are exact to 2^53, so high and low parts are added apart."""
    high, low = cents >> 24, cents & 0xFFFFFF
    tops = np.bincount(key, weights=high, minlength=size).astype(np.int64)
    rest = np.bincount(key, weights=low, minlength=size).astype(np.int64)
    total: Ints = (tops << 24) + rest
    return total


COLUMNS = ("offer", "pay", "until", "cash", "gross", "value", "pools", "caps")


@dataclass(frozen=True, eq=False)
class Prices:
    """What a cent of room is worth: `cash[pool, day]` and `caps[cap]`, in currency units; never negative."""

    cash: Floats
    caps: Floats

    @classmethod
    def none(cls, problem: Problem) -> Prices:
        """Cash costs nothing anywhere."""
        return cls(np.zeros(problem.room.shape), np.zeros(len(problem.limit)))

    def cost(self, problem: Problem) -> Floats:
        """What each option takes from the pools and caps, at these prices."""
        until = np.minimum(problem.until, problem.days)
        sums = np.concatenate([np.zeros((len(self.cash), 1)), np.cumsum(self.cash, axis=1)], axis=1)
        total = np.zeros(len(problem))
        for column in range(problem.pools.shape[1]):
            pool = problem.pools[:, column]
            at = np.maximum(pool, 0)
            tied = problem.cash * (sums[at, until] - sums[at, problem.pay])
            freed = (problem.gross - problem.cash) * (sums[at, -1] - sums[at, until])
            total += np.where(pool >= 0, tied - freed, 0.0)
        for column in range(problem.caps.shape[1]):
            cap = problem.caps[:, column]
            if len(self.caps):
                total += np.where(cap >= 0, problem.cash * self.caps[np.maximum(cap, 0)], 0.0)
        return total

    def bound(self, problem: Problem) -> float:
        """A value that no choice can exceed (Lagrangian duality), whatever these prices are.

        sum over offers of max(0, best option's value - cost) + sum of prices x room. Holds for the linear relaxation.
        """
        left = problem.value - self.cost(problem)
        best = np.maximum(left[problem.best(left)], 0.0)
        return float(best.sum() + (self.cash * problem.room).sum() + (self.caps * problem.limit).sum())
