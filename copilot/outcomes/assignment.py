"""Who is in the pilot and who is held out: suppliers matched in pairs inside strata, then drawn from a seed.

    match   the largest suppliers with their neighbours by spend; all others with one of the same spend decile,
            category and region; whoever is left with one of the same decile and category, decile and region, decile
    draw    each of the largest pairs, and of the others as many as the holdout needs, gives one supplier to the
            holdout by a coin; no pair gives two. The others are in the pilot whole

A draw hangs on the seed and on the suppliers, not on their order, on the machine or on the version of a library.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

FEWEST = 12
"""Fewer suppliers than this are no pilot: chance alone tells two handfuls apart."""
LARGEST = 20
BAND = 10
"""Pairs of like spend among which it is drawn which of them give a supplier to the holdout."""


@dataclass(frozen=True)
class Unit:
    """One supplier parent before the pilot: `spend` in the reporting currency, `decile` 1 for the largest tenth."""

    parent: str
    spend: Decimal
    decile: int
    category: str
    region: str


@dataclass(frozen=True)
class Matching:
    """Sets of two places (one may have three) in the list of units, and how many of each band are held out from.

    `top` counts the first sets, which all give one supplier to the holdout; `bands` are (sets, of which so many give
    one) for the others in their order.
    """

    sets: tuple[tuple[int, ...], ...]
    top: int
    bands: tuple[tuple[int, int], ...]

    @property
    def held_out(self) -> int:
        """How many suppliers every draw holds out."""
        return self.top + sum(count for _, count in self.bands)


def with_deciles(rows: Sequence[tuple[str, Decimal, str, str]]) -> tuple[Unit, ...]:
    """Units from (parent, spend, category, region), the largest first; equal spend goes by name."""
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return tuple(
        Unit(parent, spend, 1 + 10 * place // len(ordered), category, region)
        for place, (parent, spend, category, region) in enumerate(ordered)
    )


def match(units: Sequence[Unit], holdout_share: Decimal, largest: int = LARGEST) -> Matching:
    """Pairs of units that come the largest first. Raises ValueError when there are too few, or out of order."""
    if len(units) < FEWEST:
        raise ValueError(f"{len(units)} suppliers are too few for a pilot; {FEWEST} is the least")
    if list(units) != sorted(units, key=lambda unit: (-unit.spend, unit.parent)):
        raise ValueError("units come the largest first")
    wanted = round(len(units) * holdout_share)
    top = min(largest, len(units) // 4, 2 * wanted) // 2
    first = [(2 * place, 2 * place + 1) for place in range(top)]
    rest = _paired(units, range(2 * top, len(units)))
    quota = min(max(wanted - top, 0), len(rest))
    return Matching((*first, *rest), top, _bands(len(rest), quota))


def _paired(units: Sequence[Unit], places: Sequence[int]) -> list[tuple[int, ...]]:
    """Neighbours by spend within ever coarser strata; the last one left joins a pair."""
    keys: tuple[Callable[[Unit], object], ...] = (
        lambda unit: (unit.decile, unit.category, unit.region),
        lambda unit: (unit.decile, unit.category),
        lambda unit: (unit.decile, unit.region),
        lambda unit: unit.decile,
        lambda _: 0,
    )
    found: list[tuple[int, ...]] = []
    left = list(places)
    for key in keys:
        strata: dict[object, list[int]] = defaultdict(list)
        for place in left:
            strata[key(units[place])].append(place)
        left = []
        for members in strata.values():
            found += [(members[at], members[at + 1]) for at in range(0, len(members) - 1, 2)]
            left += members[-1:] if len(members) % 2 else []
        left.sort()
    found.sort()
    return [*found[:-1], (*found[-1], *left)] if left else found


def _bands(sets: int, quota: int) -> tuple[tuple[int, int], ...]:
    """Bands of about ten sets each, with their part of the quota: parts that differ by less than one set."""
    count = max(1, round(sets / BAND))
    edges = [sets * at // count for at in range(count + 1)]
    parts = [quota * edge // sets for edge in edges] if sets else [0] * len(edges)
    return tuple((edges[at + 1] - edges[at], parts[at + 1] - parts[at]) for at in range(count))


def draw(units: Sequence[Unit], matching: Matching, seed: int) -> tuple[bool, ...]:
    """For each unit whether it is in the pilot (True) or held out."""
    pilot = [True] * len(units)

    def chance(members: Sequence[int], purpose: str) -> str:
        names = "\n".join(units[place].parent for place in members)
        return sha256(f"{seed}\n{purpose}\n{names}".encode()).hexdigest()

    for giving in _giving(matching, lambda members: chance(members, "which pairs")):
        pilot[giving[int(chance(giving, "which of the pair"), 16) % len(giving)]] = False
    return tuple(pilot)


def _giving(matching: Matching, order: Callable[[tuple[int, ...]], str]) -> Iterator[tuple[int, ...]]:
    """The sets that give a supplier to the holdout."""
    yield from matching.sets[: matching.top]
    start = matching.top
    for size, count in matching.bands:
        yield from sorted(matching.sets[start : start + size], key=order)[:count]
        start += size


def redraws(matching: Matching, units: int, draws: int, seed: int) -> Bools:
    """`[draw, unit]`: other draws that could have been, in the same way; True is the pilot."""
    random = np.random.default_rng(seed)
    rows = np.arange(draws)
    pilot = np.ones((draws, units), dtype=np.bool_)
    members = np.array([(*one, one[0])[:3] for one in matching.sets])  # the third place counts in sets of three only
    sizes = np.array([len(one) for one in matching.sets])
    chosen = members[np.arange(len(sizes)), (random.random((draws, len(sizes))) * sizes).astype(np.int64)]
    for place in range(matching.top):
        pilot[rows, chosen[:, place]] = False
    start = matching.top
    for size, count in matching.bands:
        order = random.random((draws, size)).argsort(axis=1)[:, :count] + start
        for at in range(count):
            pilot[rows, chosen[rows, order[:, at]]] = False
        start += size
    return pilot
