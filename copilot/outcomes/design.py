"""A pilot's design: what is asked, of whom, for how long, and who is held out. Written before it starts, never after.

The document is plain JSON with one SHA-256. From it alone anybody can draw the assignment again: the suppliers with
their strata, the seed, and the rule stand in it.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from copilot.canonical_json import canonical, sealed
from copilot.errors import PilotError
from copilot.outcomes.assignment import Matching, Unit, draw, match
from copilot.outcomes.panel import MEASURES, Measure, Weeks

Share = Annotated[Decimal, Field(gt=0, lt=1)]
Arm = Literal["pilot", "holdout"]
QUESTION = "Does a supplier whose discounts are recommended by Tenor give more of them than one that is left as it was?"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Assigned(_Frozen):
    """One supplier parent, the names under which it bills, its strata, the set it was matched in, and its side."""

    parent: str
    suppliers: tuple[str, ...]
    spend: Decimal
    decile: Annotated[int, Field(ge=1, le=10)]
    category: str
    region: str
    matched: Annotated[int, Field(ge=0)]
    arm: Arm

    def unit(self) -> Unit:
        """Without its side."""
        return Unit(self.parent, self.spend, self.decile, self.category, self.region)


class Detectable(_Frozen):
    """The least effect that the pilot sees with the power of the design, in the unit of its measure.

    `adjusted` is the same with the weeks before used to the full (CUPED); None where no size would be seen.
    """

    measure: Measure
    least: Decimal | None
    adjusted: Decimal | None
    suppliers: int
    before: Decimal | None
    """The measure over the weeks that this was learned from."""


class Design(_Frozen):
    """The document. `hurdle` is a yearly fraction, `confidence`, `power` and `holdout_share` are fractions."""

    schema_: Literal["tenor.pilot/1"] = Field(default="tenor.pilot/1", alias="schema")
    name: Annotated[str, Field(min_length=1, max_length=80)]
    question: str = QUESTION
    start: date
    weeks: Annotated[int, Field(ge=4, le=104)]
    baseline_weeks: Annotated[int, Field(ge=4, le=104)]
    measures: tuple[Measure, ...] = MEASURES
    """The first is the verdict; the others are looked at only where it finds an effect."""
    estimator: str = "difference-in-differences, supplier and week effects, weighted by amount, by intention to treat"
    confidence: Share = Decimal("0.95")
    power: Share = Decimal("0.80")
    holdout_share: Share = Decimal("0.30")
    largest: Annotated[int, Field(ge=0, le=100)] = 20
    seed: Annotated[int, Field(ge=0)]
    draws: Annotated[int, Field(ge=199, le=9999)] = 999
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    hurdle: Decimal | None
    data_date: date
    mirror_version: str
    detectable: tuple[Detectable, ...]
    left_out: dict[str, int]
    """Supplier parents that are in neither side, counted by the reason."""
    units: Annotated[tuple[Assigned, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        """The sides are those that seed and rule give."""
        if self.start.weekday() != 0:
            raise ValueError("weeks begin on Monday")
        pilot = draw(self.unit_list(), self.matching(), self.seed)
        for place, (one, inside) in enumerate(zip(self.units, pilot, strict=True)):
            if (one.arm == "pilot") != inside:
                message = f"units.{place}: {one.parent!r} is not on the side that it was drawn for"
                raise ValueError(message)
        return self

    def unit_list(self) -> tuple[Unit, ...]:
        """The suppliers without their sides, the largest first."""
        return tuple(one.unit() for one in self.units)

    def matching(self) -> Matching:
        """The pairs, made again."""
        return match(self.unit_list(), self.holdout_share, self.largest)

    def side(self, arm: Arm) -> tuple[Assigned, ...]:
        """The suppliers of one side."""
        return tuple(one for one in self.units if one.arm == arm)

    @property
    def end(self) -> date:
        """The last day."""
        return self.start + timedelta(weeks=self.weeks, days=-1)

    @property
    def blind(self) -> bool:
        """Whether it is known beforehand that no effect on the first measure would be seen."""
        return any(one.measure == self.measures[0] and one.least is None for one in self.detectable)

    def schedule(self, weeks: int | None = None) -> Weeks:
        """Baseline and pilot; with `weeks`, only so many of the pilot."""
        done = self.weeks if weeks is None else weeks
        return Weeks(self.start - timedelta(weeks=self.baseline_weeks), self.baseline_weeks, done)

    def plain(self) -> dict[str, Any]:
        """The content as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def sha256(self) -> str:
        """The hash of the content."""
        return sealed(canonical(self.plain()))

    @property
    def id(self) -> str:
        """Twelve digits of the hash, to speak of it by."""
        return self.sha256()[:12]


def read_design(path: Path) -> Design:
    """The design of a file. Raises PilotError for what is none, or whose sides are not those of its seed."""
    try:
        return Design.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise PilotError(f"{path.name} is no design of a pilot: {place}: {first['msg']}.") from None


def first_monday(day: date) -> date:
    """The day itself or the first Monday after it."""
    return day + timedelta(days=-day.weekday() % 7)


def checked_start(start: date, today: date) -> date:
    """The start, if it is a Monday that has not come yet; raises PilotError with the next one that may be."""
    if start <= today:
        raise PilotError(
            f"A pilot is registered before it starts, and {start} is not after {today}; the next Monday is"
            f" {first_monday(today + timedelta(days=1))}. To try a design on past weeks, use `tenor pilot rehearse`."
        )
    return monday_only(start)


def monday_only(start: date) -> date:
    """The start, if it is a Monday; raises PilotError with the next one."""
    if start.weekday() != 0:
        raise PilotError(f"Weeks begin on Monday, and {start} is none; the next is {first_monday(start)}.")
    return start
