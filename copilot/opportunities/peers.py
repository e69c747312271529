"""What others agree on: net days of comparable supplier families, with how many they are and from when.

Nearest peers first: category, region and size; too few of them, then without size, then the category alone, then the
region alone. A family counts once, however many suppliers it has; a supplier's own family never counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from copilot.opportunities.supplier_profile import Profile, nearest_rank, weighted_median

LARGE_SHARE = Decimal("0.2")
"""The suppliers in the top fifth by spend are large."""
Key = tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """Net days of `n` families: marks by nearest rank. `level` says what they have in common."""

    level: str
    n: int
    p50: int
    p75: int
    p90: int
    first: date
    last: date


LEVELS: tuple[tuple[str, Callable[[Profile, bool], Key]], ...] = (
    ("category, region and size", lambda p, large: (p.standing.category, p.standing.region, str(large))),
    ("category and region", lambda p, large: (p.standing.category, p.standing.region)),  # noqa: ARG005
    ("category", lambda p, large: (p.standing.category,)),  # noqa: ARG005
    ("region", lambda p, large: (p.standing.region,)),  # noqa: ARG005
)


class Peers:
    """The peers among some profiles; `least` families make a benchmark."""

    def __init__(self, profiles: Sequence[Profile], least_invoices: int, least: int) -> None:
        usable = [p for p in profiles if p.days is not None and len(p.invoices) >= least_invoices and p.spend > 0]
        self._least = least
        self._large = large_suppliers(profiles)
        self._cells: dict[tuple[str, Key], list[Profile]] = defaultdict(list)
        for profile in usable:
            for level, key in LEVELS:
                cell = key(profile, profile.standing.id in self._large)
                if all(cell):
                    self._cells[level, cell].append(profile)

    def of(self, profile: Profile) -> Benchmark | None:
        """The nearest benchmark; None when no cell has enough families."""
        for level, key in LEVELS:
            cell = self._cells.get((level, key(profile, profile.standing.id in self._large)), [])
            others = [peer for peer in cell if peer.standing.family != profile.standing.family]
            days = family_days(others)
            if len(days) >= self._least:
                return Benchmark(
                    level=level,
                    n=len(days),
                    p50=nearest_rank(days, Decimal("0.5")),
                    p75=nearest_rank(days, Decimal("0.75")),
                    p90=nearest_rank(days, Decimal("0.9")),
                    first=min(peer.first_day for peer in others),
                    last=max(peer.last_day for peer in others),
                )
        return None

    def alternatives(self, profile: Profile) -> int:
        """Other families of the same category and region."""
        level, key = LEVELS[1]
        cell = self._cells.get((level, key(profile, False)), [])  # noqa: FBT003
        return len({peer.standing.family for peer in cell} - {profile.standing.family})


def large_suppliers(profiles: Sequence[Profile]) -> frozenset[int]:
    """Ids of the suppliers in the top fifth by spend."""
    order = sorted((p for p in profiles if p.spend > 0), key=lambda p: (-p.spend, p.standing.id))
    return frozenset(p.standing.id for p in order[: -(-len(order) // 5)])


def family_days(profiles: Sequence[Profile]) -> list[int]:
    """Net days of each family: the weighted median of its suppliers, by spend."""
    families: dict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for profile in profiles:
        if profile.days is not None:
            families[profile.standing.family].append((profile.days, profile.spend))
    found = [weighted_median(rows) for rows in families.values()]
    return sorted(days for days in found if days is not None)
