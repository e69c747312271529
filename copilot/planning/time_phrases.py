"""Periods as people say them.

"Q3", "3Q26", "Jul-Sep", "last four quarters", "since July", "31.10.", "YTD", "month end".

The clock is given: `today` decides what "last month" is, `data_date` how far the current period reaches. Weeks run Monday to
Sunday. A month or quarter without a year is the latest one that has begun; a period in progress is cut at `data_date`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from copilot.planning.calendar_names import Named, named, year_at
from copilot.planning.calendar_words import RANGE, SINCE
from copilot.planning.normalise import Token
from copilot.planning.plan import Clock
from copilot.planning.time_calendar import (
    calendar_period,
    days_of_a_month,
    named_range,
    single_day,
    week_number,
    week_of,
    weekday,
    written_date,
)
from copilot.planning.time_reading import Reader, Scene, TimeReading, cut, label_year, name_of
from copilot.planning.time_relative import (
    ago,
    ended,
    relative,
    run_of_buckets,
    short_run,
    to_date,
    two_away,
    window_after,
    within,
)
from semantic_layer.periods import Grain, Period, bucket, month_end


def read_period(items: Sequence[Token], at: int, clock: Clock, fiscal_year_start: int = 1) -> TimeReading | None:
    """The longest period that starts at a token, or None."""
    return _longest(Scene(items, clock, fiscal_year_start), at)


def _longest(scene: Scene, at: int) -> TimeReading | None:
    try:
        found = [reading for reader in _READERS if (reading := reader(scene, at)) is not None]
    except (OverflowError, ValueError):  # a year or a count beyond the calendar
        return None
    return max(found, key=lambda reading: reading.length, default=None)


def _since(scene: Scene, at: int) -> TimeReading | None:
    """As in "since July", "from Q1 to Q3", "between July and September"."""
    word = scene.text(at)
    if word not in SINCE | {"from", "between"}:
        return None
    start = at + 1
    while start < at + 5 and scene.text(start) in {"the", "start", "beginning", "of"}:
        start += 1
    inner = _longest(scene, start)
    grain = scene.unit(start)
    if inner is None and grain is not None and start > at + 1:
        inner = cut(scene, scene.current(grain), 1)
    if inner is None or inner.period.start > scene.clock.data_date:
        return None
    used = start + inner.length - at
    if word in SINCE:
        label = f"since {name_of(inner.period).removesuffix(' to date')}"
        after_end = inner.end_only and inner.period.start != inner.period.end  # "since the end of September"
        first = inner.period.end + timedelta(days=1) if after_end else inner.period.start
        if first > scene.clock.data_date:
            return None
        since = inner.period.end if inner.end_only else None
        period = Period(first, scene.clock.data_date, label)
        return TimeReading(period, used, other=inner.other, open_start=True, since=since)
    return _joined_range(scene, at, inner, used)


def _joined_range(scene: Scene, at: int, inner: TimeReading, used: int) -> TimeReading | None:
    """The end of "from X to Y" or "between X and Y"; where the reader of X took the whole range already, that range."""
    word = scene.text(at)
    link = RANGE if word == "from" else RANGE | {"and"}
    first = named(scene.items, at + 1, scene.fiscal)
    if first is not None and scene.text(at + 1 + first.length) in link:
        last_name = named(scene.items, at + 2 + first.length, scene.fiscal)
        if last_name is not None:
            return named_range(scene, first, last_name, 2 + first.length + last_name.length)
    if scene.text(at + used) in link and (last := _longest(scene, at + used + 1)):
        if last.period.end < inner.period.start:
            return None
        period = Period(inner.period.start, last.period.end, f"{name_of(inner.period)} to {name_of(last.period)}")
        return TimeReading(period, used + 1 + last.length)
    is_range = inner.period.start != inner.period.end and inner.length >= 3 and not inner.end_only
    return replace(inner, length=used) if is_range and word == "from" else None


def _ends(scene: Scene, at: int) -> TimeReading | None:
    """As in "month end", "year-end 2025", "end of Q2", "end of last month", "end of the quarter"."""
    grain = scene.unit(at)
    if grain and scene.text(at + 1) == "end":
        year = year_at(scene.items, at + 2) if grain == "year" else None
        if year:
            found = bucket(date(year[0] + (label_year(scene) if year[2] else 0), 12, 31), "year")
            return TimeReading(found, 2 + year[1], end_only=True)
        return _next_end(scene, grain, 2, closed=True)
    if scene.text(at) not in {"end", "close", "ende", "fin"}:
        return None
    skip = 1 + (scene.text(at + 1) in {"of", "de", "des", "du"})
    skip += scene.text(at + skip) in {"the", "des", "le", "la"}
    inner = _longest(scene, at + skip)
    if inner is not None:
        current = inner.ahead is not None and bool(inner.cut)
        period = inner.ahead if current and inner.ahead else inner.period
        return replace(inner, period=period, length=skip + inner.length, end_only=True, ahead=inner.ahead, cut="")
    grain = scene.unit(at + skip)
    return _next_end(scene, grain, skip + 1, closed=skip == 1) if grain and grain != "day" else None


def _next_end(scene: Scene, grain: Grain, length: int, *, closed: bool) -> TimeReading:
    """The latest end of a bucket for what is known, the next one for what is projected."""
    current = scene.current(grain)
    past = current if current.end <= scene.clock.data_date else scene.moved(grain, -1)
    return TimeReading(past if closed else current, length, end_only=True, ahead=current)


def paired(
    first: Sequence[Token], second: Sequence[Token], clock: Clock, fiscal_year_start: int = 1
) -> tuple[TimeReading, TimeReading] | None:
    """Two periods that are compared, each the whole of its words. A year that stands with one speaks for the other.

    "H1 vs H2 2025" is two halves of one year, "Q4 vs Q1 2026" two quarters in a row: the nearer year, then the same.
    """
    scenes = tuple(Scene(items, clock, fiscal_year_start) for items in (first, second))
    readings = [_longest(scene, 0) for scene in scenes]
    if not all(r is not None and r.length == len(s.items) for r, s in zip(readings, scenes, strict=True)):
        return None
    names = [named(scene.items, 0, fiscal_year_start) for scene in scenes]
    bare = re.fullmatch(r"20\d\d", scenes[1].text(0)) if len(scenes[1].items) == 1 else None
    if bare is not None and readings[0] is not None and readings[0].period.days < 360:
        moved = _in_year(
            readings[0].ahead if readings[0].cut and readings[0].ahead else readings[0].period, int(bare[0])
        )
        return (readings[0], cut(scenes[1], moved, 1)) if moved is not None else None
    for mine, other in ((0, 1), (1, 0)):
        name, against = names[mine], readings[other]
        whole = name is not None and name.length == len(scenes[mine].items)
        if whole and name is not None and name.year is None and against is not None and _names_a_year(names[other]):
            readings[mine] = _nearest(scenes[mine], name, against.period)
    return (readings[0], readings[1]) if readings[0] and readings[1] else None


def _in_year(period: Period, year: int) -> Period | None:
    """The same days in another year ("Jan to Mar 2025 vs 2026"); None where one of them is the 29th of February."""
    if (period.start.month, period.start.day) == (2, 29) or period.start.year == year:
        return None
    end = period.end.replace(day=28) if (period.end.month, period.end.day) == (2, 29) else period.end
    step = year - period.start.year
    last = end.replace(year=end.year + step)
    last = month_end(last) if period.end == month_end(period.end) else last
    return Period(period.start.replace(year=year), last, f"{period.start.replace(year=year)} to {last}")


def _names_a_year(found: Named | None) -> bool:
    return found is not None and found.year is not None and not found.relative_year


def _nearest(scene: Scene, found: Named, other: Period) -> TimeReading:
    """The named period in the year that brings it nearest to another one; the same year where two are as near."""
    year = other.end.year

    def gap(period: Period) -> int:
        return max((other.start - period.end).days, (period.start - other.end).days, 0)

    candidates = [found.build(year), found.build(year - 1), found.build(year + 1)]
    begun = [period for period in candidates if period.start <= scene.clock.data_date] or candidates
    return cut(scene, min(begun, key=gap), found.length, end_only=found.is_day)


_READERS: tuple[Reader, ...] = (
    calendar_period, written_date, relative, run_of_buckets, within, days_of_a_month, two_away, week_of, short_run, ended, window_after, ago, to_date, _since, _ends, week_number, single_day, weekday,
)  # fmt: skip  # fmt: skip
