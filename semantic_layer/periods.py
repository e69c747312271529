"""Calendar arithmetic: closed date ranges, grains and their buckets. Clocks are arguments.

Months end on their last day (never "one month after the 31st"). A fiscal year starts on the first of
`fiscal_year_start`, or is made of whole weeks (4-4-5) when a FiscalCalendar stands in its place.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, model_validator

Grain = Literal["day", "week", "month", "quarter", "year"]
GRAINS: tuple[Grain, ...] = get_args(Grain)


@dataclass(frozen=True)
class FiscalCalendar:
    """Fiscal years of whole weeks: twelve periods of four or five weeks, a 53rd week in the last one when it falls due.

    A year ends on the weekday `ends_on` (0 = Monday) that lies nearest to the last day of the month before
    `start_month`, and is named after the calendar year of that day of the month.
    """

    start_month: int = 1
    pattern: Literal["445", "454", "544"] = "445"
    ends_on: int = 5

    def year_end(self, year: int) -> date:
        """The last day of the fiscal year of that name."""
        nominal = month_end(add_months(date(year, self.start_month, 1), -1 if self.start_month > 1 else 11))
        after = (self.ends_on - nominal.weekday()) % 7
        return nominal + timedelta(days=after if after <= 3 else after - 7)

    def year_of(self, day: date) -> int:
        """The name of the fiscal year that holds a day."""
        return next(year for year in range(day.year - 1, day.year + 3) if day <= self.year_end(year))

    def edges(self, year: int) -> tuple[date, ...]:
        """The first days of its twelve periods, and the day after the year."""
        return _edges(self, year)


@lru_cache(maxsize=256)
def _edges(calendar: FiscalCalendar, year: int) -> tuple[date, ...]:
    day = calendar.year_end(year - 1) + timedelta(days=1)
    found = [day]
    for weeks in [int(w) for w in calendar.pattern] * 4:
        day += timedelta(weeks=weeks)
        found.append(day)
    return (*found[:-1], calendar.year_end(year) + timedelta(days=1))


_PERIODS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}


def _fiscal_bucket(day: date, grain: Grain, calendar: FiscalCalendar) -> Period:
    """The bucket of whole weeks that holds a day: 2026-P03, 2026-Q1, 2026."""
    year, width = calendar.year_of(day), _PERIODS[grain]
    edges = calendar.edges(year)
    first = next(i for i in range(0, 12, width) if day < edges[i + width])
    label = {"month": f"{year}-P{first + 1:02d}", "quarter": f"{year}-Q{first // 3 + 1}", "year": str(year)}[grain]
    return Period(edges[first], edges[first + width] - timedelta(days=1), label)


class Period(BaseModel):
    """A closed range of days.

    `label` is how people call it ("Q3 2026"); it does not take part in equality of results.
    """

    model_config = ConfigDict(frozen=True)

    start: date
    end: date
    label: str = ""

    def __init__(self, start: date, end: date, label: str = "") -> None:
        super().__init__(start=start, end=end, label=label)

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.end < self.start:
            raise ValueError(f"A period must not end ({self.end}) before it starts ({self.start}).")
        return self

    @property
    def days(self) -> int:
        """Number of days, both ends counted."""
        return (self.end - self.start).days + 1

    def __str__(self) -> str:
        return self.label or f"{self.start.isoformat()} to {self.end.isoformat()}"


def month_end(day: date) -> date:
    """The last day of the month of `day`."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """The first day of the month that lies `months` after the month of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def bucket_start(day: date, grain: Grain, fiscal_year_start: int | FiscalCalendar = 1) -> date:
    """The first day of the bucket of `grain` that holds `day` (weeks start on Monday)."""
    if isinstance(fiscal_year_start, FiscalCalendar):
        if grain in _PERIODS:
            return _fiscal_bucket(day, grain, fiscal_year_start).start
        fiscal_year_start = 1
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return add_months(day, -((day.month - fiscal_year_start) % 12 % 3))
        case "year":
            return add_months(day, -((day.month - fiscal_year_start) % 12))


def bucket_end(day: date, grain: Grain, fiscal_year_start: int | FiscalCalendar = 1) -> date:
    """The last day of the bucket of `grain` that holds `day`."""
    if isinstance(fiscal_year_start, FiscalCalendar) and grain in _PERIODS:
        return _fiscal_bucket(day, grain, fiscal_year_start).end
    start = bucket_start(day, grain, fiscal_year_start)
    match grain:
        case "day":
            return start
        case "week":
            return start + timedelta(days=6)
        case "month":
            return month_end(start)
        case "quarter":
            return month_end(add_months(start, 2))
        case "year":
            return month_end(add_months(start, 11))


def bucket_label(day: date, grain: Grain, fiscal_year_start: int | FiscalCalendar = 1) -> str:
    """The name of the bucket that holds `day`: 2026-10, 2026-Q3, 2026, 2026-W47 or the ISO date.

    Fiscal years are named after the calendar year in which they end.
    """
    if isinstance(fiscal_year_start, FiscalCalendar):
        if grain in _PERIODS:
            return _fiscal_bucket(day, grain, fiscal_year_start).label
        fiscal_year_start = 1
    start = bucket_start(day, grain, fiscal_year_start)
    year = bucket_end(day, "year", fiscal_year_start).year
    match grain:
        case "day":
            return start.isoformat()
        case "week":
            iso = start.isocalendar()
            return f"{iso.year}-W{iso.week:02d}"
        case "month":
            return f"{start:%Y-%m}"
        case "quarter":
            return f"{year}-Q{(start.month - fiscal_year_start) % 12 // 3 + 1}"
        case "year":
            return str(year)


def bucket(day: date, grain: Grain, fiscal_year_start: int | FiscalCalendar = 1) -> Period:
    """The bucket of `grain` that holds `day`, labelled."""
    return Period(
        bucket_start(day, grain, fiscal_year_start),
        bucket_end(day, grain, fiscal_year_start),
        bucket_label(day, grain, fiscal_year_start),
    )


def shift(period: Period, grain: Grain, steps: int, fiscal_year_start: int | FiscalCalendar = 1) -> Period:
    """The bucket of `grain` that lies `steps` buckets after the one in which `period` starts (negative: before)."""
    day = bucket_start(period.start, grain, fiscal_year_start)
    for _ in range(abs(steps)):
        edge = bucket_end(day, grain, fiscal_year_start)
        day = edge + timedelta(days=1) if steps > 0 else bucket_start(day - timedelta(days=1), grain, fiscal_year_start)
    return bucket(day, grain, fiscal_year_start)


def buckets(period: Period, grain: Grain, fiscal_year_start: int | FiscalCalendar = 1) -> tuple[Period, ...]:
    """The buckets of `grain` that `period` touches, first and last cut to the period, each with its full label."""
    found: list[Period] = []
    day = period.start
    while day <= period.end:
        end = min(bucket_end(day, grain, fiscal_year_start), period.end)
        found.append(Period(day, end, bucket_label(day, grain, fiscal_year_start)))
        day = end + timedelta(days=1)
    return tuple(found)


def is_whole(period: Period, grain: Grain, fiscal_year_start: int | FiscalCalendar = 1) -> bool:
    """Whether the period is exactly one or more whole buckets of `grain`."""
    starts = bucket_start(period.start, grain, fiscal_year_start) == period.start
    return starts and bucket_end(period.end, grain, fiscal_year_start) == period.end
