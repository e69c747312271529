"""A period found in a question, and what every reader of periods looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from copilot.planning.amounts import WORDS
from copilot.planning.calendar_names import Named
from copilot.planning.calendar_words import UNITS
from copilot.planning.normalise import Token
from copilot.planning.plan import Clock
from semantic_layer.periods import Grain, Period, add_months, bucket, bucket_end, month_end, shift

_MOST_BUCKETS = 400


@dataclass(frozen=True)
class TimeReading:
    """A period found in a question, and how many tokens it took."""

    period: Period
    length: int
    grain: Grain | None = None
    """Set when it is a run of buckets ("last four quarters")."""
    other: Period | None = None
    """A second day that the same figures can mean (3/4/2026)."""
    end_only: bool = False
    """Only its last day was meant ("month end", a date)."""
    open_start: bool = False
    """It runs on from a start ("since July"): balances show the way there."""
    ahead: Period | None = None
    """The next such period not yet over, for questions about the future."""
    cut: str = ""
    """Name of the current period that was cut at the last day of the data."""
    day: date | None = None
    """The day that many weeks, months or years back, for balances ("a year ago")."""
    since: date | None = None
    """The day that "since 30 September" or "since the end of Q2" counts from, where it is one day."""


@dataclass(frozen=True)
class Scene:
    """What every reader looks at."""

    items: Sequence[Token]
    clock: Clock
    fiscal: int

    def text(self, at: int) -> str:
        """The folded word at a place; empty beyond the ends."""
        return self.items[at].text if 0 <= at < len(self.items) else ""

    def unit(self, at: int) -> Grain | None:
        """The unit of time that a word names."""
        return UNITS.get(self.items[at].stem) if 0 <= at < len(self.items) else None

    def current(self, grain: Grain) -> Period:
        """The bucket that today lies in."""
        return bucket(self.clock.today, grain, self.fiscal)

    def moved(self, grain: Grain, steps: int) -> Period:
        """The bucket so many steps from the current one."""
        return shift(self.current(grain), grain, steps, self.fiscal) if steps else self.current(grain)


Reader = Callable[[Scene, int], TimeReading | None]


def cut(scene: Scene, period: Period, length: int, **more: Grain | bool | Period | None) -> TimeReading:
    """A period, cut at the last day of the data when that day lies in it."""
    reading = TimeReading(period, length)
    if period.start <= scene.clock.data_date < period.end:
        name = period.label or str(period)
        whole = Period(period.start, scene.clock.data_date, f"{name} to date")
        reading = TimeReading(whole, length, ahead=period, cut=name)
    return replace(reading, **more)  # type: ignore[arg-type]  # keywords are the fields of TimeReading


def name_of(period: Period) -> str:
    """What a period is called: its label, else its first day."""
    return period.label or period.start.isoformat()


def joined_span(first: Period, last: Period) -> Period:
    """From the start of one period to the end of another."""
    return Period(first.start, last.end, f"{name_of(first)} to {name_of(last)}")


def alone(scene: Scene, found: Named) -> TimeReading:
    """A named period by itself, with the other thing that its words can mean."""
    reading = in_its_year(scene, found)
    return replace(reading, other=found.or_else) if found.or_else else reading


def in_its_year(scene: Scene, found: Named) -> TimeReading:
    """A named period in the year that was said, else the latest one that has begun."""
    day = found.is_day
    if found.year is not None:
        year = found.year + (label_year(scene) if found.relative_year else 0)
        return cut(scene, found.build(year), found.length, end_only=day)
    this_year = label_year(scene)
    candidates = [found.build(this_year + step) for step in (-1, 0, 1)]
    begun = [period for period in candidates if period.start <= scene.clock.data_date]
    ahead = next(period for period in candidates if period.end > scene.clock.data_date)
    return replace(cut(scene, begun[-1], found.length, end_only=day), ahead=ahead)


def label_year(scene: Scene) -> int:
    """The year after which the current fiscal year is named."""
    return bucket_end(scene.clock.today, "year", scene.fiscal).year


def count_at(scene: Scene, at: int) -> int | None:
    """A count of units in digits or words; "couple of" is two."""
    text = scene.text(at)
    if text == "couple":
        return 2
    number = int(text) if text.isdecimal() and len(text) <= 3 else WORDS.get(text)
    return number if number and number <= _MOST_BUCKETS else None


def ending_now(count: int, grain: Grain, clock: Clock) -> Period:
    """The `count` units that end on the last day of the data."""
    end = clock.data_date
    if grain in {"day", "week"}:
        start = end - timedelta(days=count * (7 if grain == "week" else 1) - 1)
    else:
        first = add_months(end, -count * {"month": 1, "quarter": 3, "year": 12}[grain])
        start = first.replace(day=min(end.day, month_end(first).day)) + timedelta(days=1)
    return Period(start, end, f"the {count} {grain}{'s' if count > 1 else ''} to {end.isoformat()}")


def only(day: date) -> Period:
    """One day as a period."""
    return Period(day, day, day.isoformat())


def one_day(day: date, length: int) -> TimeReading:
    """The reading of one day."""
    return TimeReading(only(day), length, end_only=True)
