"""What a projection can come to: a projection, or a plain reason why there is none.

Days are Decimal to 0.01, money is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from semantic_layer.periods import Period
from semantic_layer.results import Check


class PathPoint(NamedTuple):
    """The band on one date of the way: the first point is the opening day, where all three are the actual value."""

    day: date
    p10: Decimal
    p50: Decimal
    p90: Decimal


class Assumption(NamedTuple):
    """A default or input that shaped the figure, and where it came from."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Driver:
    """One part of the change from opening to median: its effect in days of DPO, and the amounts behind it."""

    name: str
    label: str
    effect: Decimal
    before: Decimal
    after: Decimal


@dataclass(frozen=True)
class Projection:
    """DPO (purchases view) at the end of `target`, in days: median, 10-90 band, the way there and what moves it.

    `opening` is the actual value on `as_of`; the effects of `drivers` add up to `median - opening` exactly.
    Amounts (`opening_ap`, `opening_purchases`, and those of the drivers) are in `currency`.
    """

    metric: str
    target: Period
    as_of: date
    median: Decimal
    low: Decimal
    high: Decimal
    opening: Decimal
    opening_ap: Decimal
    opening_purchases: Decimal
    currency: str
    path: tuple[PathPoint, ...]
    drivers: tuple[Driver, ...]
    assumptions: tuple[Assumption, ...]
    checks: tuple[Check, ...]
    seed: int
    paths: int
    model_version: str
    inputs: str = ""
    """Hash of everything that was read: with the target, the seed and the paths it gives the same bytes again."""

    @property
    def target_date(self) -> date:
        """The day at which the projection is read."""
        return self.target.end


@dataclass(frozen=True)
class TooLittleHistory:
    """There is not enough to learn from; `missing` says what, in plain words."""

    metric: str
    target: Period
    as_of: date
    missing: tuple[str, ...]


@dataclass(frozen=True)
class TargetOutOfReach:
    """The target does not lie between tomorrow and a year from now; `reason` says so and names the way out."""

    metric: str
    target: Period
    as_of: date
    reason: str


Outcome = Projection | TooLittleHistory | TargetOutOfReach
