"""Assignment: matched, balanced, the same for ever, and drawn again in the way it was drawn."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.outcomes.assignment import FEWEST, Unit, draw, match, redraws, with_deciles

SHARE = Decimal("0.30")
HELD = ["S001", "S002", "S005", "S006", "S008", "S011", "S013", "S018", "S024", "S028", "S030", "S032"]
"""Held out of forty suppliers by the seed 7."""


def suppliers(count: int) -> tuple[Unit, ...]:
    """Suppliers of uneven size in three categories and two regions."""
    rows = [(f"S{n:03}", Decimal(10_000_000 // (n + 1)), "ABC"[n % 3], "XY"[n // 3 % 2]) for n in range(count)]
    return with_deciles(rows)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(FEWEST, 90), seed=st.integers(0, 10_000))
def test_every_draw_holds_out_three_of_ten_and_never_two_of_a_pair(count: int, seed: int) -> None:
    """All suppliers are matched once; each pair keeps somebody in the pilot; the share is as near as it can be."""
    units = suppliers(count)
    matching = match(units, SHARE)
    assert sorted(place for members in matching.sets for place in members) == list(range(count))
    pilot = draw(units, matching, seed)
    held = [sum(not pilot[place] for place in members) for members in matching.sets]
    assert max(held) == 1
    assert held[: matching.top] == [1] * matching.top
    assert sum(held) == matching.held_out == round(count * SHARE)


def test_the_largest_are_split_evenly() -> None:
    """Of the twenty largest, ten are held out, one of each pair of neighbours."""
    units = suppliers(100)
    pilot = draw(units, match(units, SHARE), 5)
    assert sum(pilot[:20]) == 10
    assert all(pilot[place] != pilot[place + 1] for place in range(0, 20, 2))


def test_pairs_share_their_stratum_where_it_has_two() -> None:
    """Beyond the largest, hardly a pair is mixed in decile, and most share category and region as well."""
    units = suppliers(300)
    pairs = [tuple(units[place] for place in members) for members in match(units, SHARE).sets[10:]]
    same = Counter((a.decile == b.decile, (a.category, a.region) == (b.category, b.region)) for a, b, *_ in pairs)
    assert sum(count for (decile, _), count in same.items() if decile) >= 0.95 * len(pairs)
    assert sum(count for (_, stratum), count in same.items() if stratum) >= 0.7 * len(pairs)


def test_spend_is_balanced_over_draws() -> None:
    """Over many draws every supplier outside of the largest is held out about equally often."""
    units = suppliers(100)
    others = redraws(match(units, SHARE), 100, 4000, seed=3)
    held = 1 - others.mean(axis=0)
    assert held[:20] == pytest.approx(0.5, abs=0.04)
    assert held[20:] == pytest.approx(0.25, abs=0.06)
    assert (others.sum(axis=1) == 70).all()


def test_the_draw_is_the_same_for_ever() -> None:
    """A draw depends on seed and suppliers alone: not on the order they came in, nor on any library's generator."""
    rows = [(one.parent, one.spend, one.category, one.region) for one in suppliers(40)]
    units = with_deciles(sorted(rows, key=lambda row: row[0][::-1]))
    held = [u.parent for u, inside in zip(units, draw(units, match(units, SHARE), 7), strict=True) if not inside]
    assert held == HELD
    assert units == with_deciles(rows)
    assert draw(units, match(units, SHARE), 8) != draw(units, match(units, SHARE), 7)


def test_redraws_follow_the_same_law_as_draws() -> None:
    """How often each supplier is held out is the same, drawn by hash or drawn in bulk."""
    units = suppliers(30)
    matching = match(units, SHARE)
    by_hash = np.array([draw(units, matching, seed) for seed in range(1500)]).mean(axis=0)
    in_bulk = redraws(matching, 30, 6000, seed=1).mean(axis=0)
    assert by_hash == pytest.approx(in_bulk, abs=0.05)


def test_too_few_suppliers_are_no_pilot() -> None:
    """A handful is refused."""
    with pytest.raises(ValueError, match="too few"):
        match(suppliers(FEWEST - 1), SHARE)
