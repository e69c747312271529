"""What a pilot came to: findings that are effects only where the interval says so, and all that is held against them.

Rates are fractions, times days, money Decimal in the reporting currency to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from copilot.outcomes.panel import Measure
from semantic_layer.results import Check

State = Literal["not started", "running", "complete", "stopped", "rehearsed"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval at the confidence of the design, and by which method. `p`: chance alone."""

    effect: Decimal
    low: Decimal
    high: Decimal
    error: Decimal
    p: Decimal
    suppliers: int
    method: str


@dataclass(frozen=True)
class EffectFound:
    """The interval leaves zero out. `money` is what it came to on the pilot side, where the measure is of money.

    `treated` is the same per what was really treated: a footnote, as those are no longer drawn by chance alone.
    """

    measure: Measure
    interval: Interval
    adjusted: Interval
    money: Decimal | None = None
    treated: Decimal | None = None


@dataclass(frozen=True)
class NoEffectFound:
    """The interval holds zero; an effect of `could_see` or more would have been seen. None: no size would have been."""

    measure: Measure
    could_see: Decimal | None
    low: Decimal
    high: Decimal
    suppliers: int
    method: str


@dataclass(frozen=True)
class NotMeasured:
    """Why there is nothing to say about a measure."""

    measure: Measure
    why: str


@dataclass(frozen=True)
class NotYet:
    """The verdict comes once the pilot is over: looking every week would find an effect by chance."""

    measure: Measure
    on: date


Finding = EffectFound | NoEffectFound | NotMeasured | NotYet


@dataclass(frozen=True)
class Level:
    """A measure of one side, before the start and since. None where nothing happened."""

    measure: Measure
    arm: Literal["pilot", "holdout"]
    before: Decimal | None
    since: Decimal | None


@dataclass(frozen=True)
class Guardrail:
    """What must not get worse meanwhile. `breached` is None where it cannot be measured."""

    name: str
    breached: bool | None
    detail: str


@dataclass(frozen=True)
class Stage:
    """How far recommendations came: `amount` as identified, `share` of what was identified."""

    name: str
    count: int
    amount: Decimal
    share: Decimal | None


@dataclass(frozen=True)
class Funnel:
    """identified -> approved -> executed -> captured, each counted once for an invoice, at what was identified then.

    `booked` follows once realised savings were booked in Coupa.

    `taken` is what the payments say was taken; `verified` what of it beats the holdout, nothing where no effect was
    found, None while that is not known. `lost` is what fell out, by the reason; `nobody decided` is a loss of process.
    """

    stages: tuple[Stage, ...]
    taken: Decimal
    verified: Decimal | None
    lost: tuple[Stage, ...]


@dataclass(frozen=True)
class Bin:
    """Recommendations of about the same stated confidence: how many, what was stated, how many came true."""

    count: int
    stated: Decimal
    realised: Decimal


@dataclass(frozen=True)
class Reliability:
    """Whether stated confidence is worth its name, over carried-out recommendations whose outcome is known.

    `brier` is the mean squared distance (0 is best, 0.25 a coin), `error` the expected calibration error over the bins;
    `calibrated` is None where too few outcomes are known to say.
    """

    known: int
    brier: Decimal | None
    error: Decimal | None
    calibrated: bool | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class PilotResults:
    """The outcome, through the last whole week of the data."""

    pilot: str
    name: str
    sha256: str
    state: State
    start: date
    end: date
    through: date | None
    weeks: int
    weeks_planned: int
    pilot_suppliers: int
    holdout_suppliers: int
    findings: tuple[Finding, ...]
    levels: tuple[Level, ...]
    guardrails: tuple[Guardrail, ...]
    funnel: Funnel
    reliability: Reliability
    checks: tuple[Check, ...]
    as_of: date
    currency: str
    confidence: Decimal
    mirror_version: str
