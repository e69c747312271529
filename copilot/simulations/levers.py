"""What treasury can change: a closed union of levers, each with its range, its owner and its guards.

Levers are data: they can be saved, compared and replayed. What each does to a simulated document is in
lever_effects.py; a lever at zero changes nothing, bit for bit.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Share = Annotated[Decimal, Field(ge=0, le=1)]
Weekday = Annotated[int, Field(ge=0, le=6)]


class Selection(BaseModel):
    """Which documents a lever is about: all conditions hold; an empty one holds for all. Country is the supplier's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suppliers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    supplier_countries: tuple[str, ...] = ()
    buying_entities: tuple[str, ...] = ()
    excluded_suppliers: tuple[str, ...] = ()
    top_suppliers: Annotated[int, Field(ge=0, le=10_000)] = 0
    """The n suppliers with the largest purchases of the last year (0: no such condition)."""
    now_net_days: tuple[int, ...] = ()
    """Documents that fall due so many days after the invoice date, with a discount offer or without."""


class _Lever(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: ClassVar[str]
    """The role that decides about it."""
    guards: ClassVar[str]
    selection: Selection = Selection()


class KeptTerms(BaseModel):
    """A supplier whose terms stay, and why; with `until`, invoices after that day may have new ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supplier: str
    reason: str
    until: date | None = None


class ExtendTerms(_Lever):
    """New invoices of the selected suppliers fall due later: by `add_days`, or after `net_days` where that is longer.

    `acceptance` is the share of suppliers that agree; each starts within `ramp_days` after `start`. How late or early
    each is paid against its due date stays as it is.
    """

    owner: ClassVar[str] = "procurement"
    guards: ClassVar[str] = "legal caps; vetoes by contract, hold and policy; never shortens; new invoices only"
    kind: Literal["extend_terms"] = "extend_terms"
    add_days: Annotated[int, Field(ge=0, le=120)] = 0
    net_days: Annotated[int, Field(ge=0, le=180)] | None = None
    start: date | None = None
    acceptance: Share = Decimal(1)
    ramp_days: Annotated[int, Field(ge=0, le=730)] = 0
    express_agreement: bool = False
    """Whether terms over a soft legal cap are expressly agreed and fair; hard caps bind all the same."""
    kept: tuple[KeptTerms, ...] = ()
    """Suppliers that keep their terms; filled in when a scenario is run, and part of what replays it."""

    @model_validator(mode="after")
    def _one_target(self) -> ExtendTerms:
        if self.add_days and self.net_days is not None:
            raise ValueError("Terms longer by some days and terms of so many days contradict each other; give one")
        return self


class CaptureDiscounts(_Lever):
    """Offers that yield at least `hurdle` a year are taken by the last run in their window, a `share` of them."""

    owner: ClassVar[str] = "treasury"
    guards: ClassVar[str] = "needs approval in time; a cash floor needs a cash feed"
    kind: Literal["capture_discounts"] = "capture_discounts"
    hurdle: Annotated[Decimal, Field(ge=0, le=5)] = Decimal("0.08")
    share: Share = Decimal(1)
    cash_floor: Decimal | None = None


class RunDays(_Lever):
    """Payment runs take place on these weekdays (Monday 0) instead of the learned ones; empty leaves them."""

    owner: ClassVar[str] = "accounts payable"
    guards: ClassVar[str] = "late share shown; urgent payments outside runs stay"
    kind: Literal["run_days"] = "run_days"
    weekdays: tuple[Weekday, ...] = ()


class ApprovalSpeed(_Lever):
    """Documents are approved faster by this share of the time from receipt to approval."""

    owner: ClassVar[str] = "accounts payable"
    guards: ClassVar[str] = "moves payments only where approval came after the due date"
    kind: Literal["approval_speed"] = "approval_speed"
    faster: Annotated[Decimal, Field(ge=0, le=Decimal("0.9"))] = Decimal(0)


class StopEarlyPayment(_Lever):
    """Nothing is paid more than `tolerance_days` before it is due, unless it carries a discount offer."""

    owner: ClassVar[str] = "treasury"
    guards: ClassVar[str] = "discount offers are left alone; never past the last run that is in time"
    kind: Literal["stop_early_payment"] = "stop_early_payment"
    tolerance_days: Annotated[int, Field(ge=0, le=60)] | None = None
    """None leaves payments as they are."""


class SpendGrowth(_Lever):
    """Documents to come are larger by this share (-0.5 is half, 0.1 a tenth more)."""

    owner: ClassVar[str] = "procurement"
    guards: ClassVar[str] = "moves payables and purchases together: cash changes, DPO hardly"
    kind: Literal["spend_growth"] = "spend_growth"
    growth: Annotated[Decimal, Field(ge=Decimal("-0.9"), le=2)] = Decimal(0)


class CashFloor(_Lever):
    """Cash is kept at `floor` or above: what is paid early for a discount leaves it so, day by day on each path."""

    owner: ClassVar[str] = "treasury"
    guards: ClassVar[str] = "needs the cash feed; holds back early payments only, never what is due"
    kind: Literal["cash_floor"] = "cash_floor"
    floor: Annotated[Decimal, Field(ge=0)]


class HurdleRate(_Lever):
    """What a year of cash is worth: turns cash released into a benefit per year."""

    owner: ClassVar[str] = "treasury"
    guards: ClassVar[str] = "changes no payment, only the value of cash"
    kind: Literal["hurdle_rate"] = "hurdle_rate"
    rate: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.08")


Lever = Annotated[
    ExtendTerms | CaptureDiscounts | RunDays | ApprovalSpeed | StopEarlyPayment | SpendGrowth | CashFloor | HurdleRate,
    Field(discriminator="kind"),
]
KINDS: tuple[type[_Lever], ...] = (
    ExtendTerms,
    CaptureDiscounts,
    RunDays,
    ApprovalSpeed,
    StopEarlyPayment,
    SpendGrowth,
    CashFloor,
    HurdleRate,
)


RANGES = {
    "add_days": "Terms can be 0 to 120 days longer",
    "net_days": "New terms can be 0 to 180 days",
    "acceptance": "The share of suppliers that agree is 0 to 1 (0.8 is 80 %)",
    "ramp_days": "Until all suppliers have moved it can take 0 to 730 days",
    "hurdle": "The yearly yield from which offers are taken is 0 to 5 (0.12 is 12 %)",
    "share": "The share of offers that is taken is 0 to 1 (0.8 is 80 %)",
    "faster": "Approval can be faster by 0 to 0.9 of its time (0.3 is 30 %)",
    "tolerance_days": "What is not to be paid early can be let go 0 to 60 days before it is due",
    "growth": "Spend can grow by -0.9 to 2 (0.1 is a tenth more, -0.5 half)",
    "floor": "A cash floor is an amount of 0 or more",
    "rate": "A hurdle or revolver rate is 0 to 1 a year (0.08 is 8 %)",
    "top_suppliers": "Of the largest suppliers 0 to 10,000 can be chosen",
    "horizon_days": "A scenario reaches 7 to 366 days ahead",
    "seed": "A seed is a whole number of 0 or more",
}
"""What each number may be, in plain words."""


def range_sentence(error: ValidationError) -> str:
    """What is wrong with a lever, its range and what was given; without a full stop."""
    first = error.errors(include_url=False)[0]
    name = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "")
    if first["type"] == "value_error":
        return first["msg"].removeprefix("Value error, ")
    if name in RANGES:
        return f"{RANGES[name]}, not {first['input']}"
    return f"{name.replace('_', ' ') or 'the lever'}: {first['msg']}"


class SavedScenario(BaseModel):
    """A scenario with a name, to keep and compare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    levers: tuple[Lever, ...]
    horizon_days: Annotated[int, Field(ge=7, le=366)] = 182
    seed: Annotated[int, Field(ge=0)] = 1
