"""Periods of the calendar: "Q3", "Jul-Sep 2025", "31.10.", "between 1 and 15 December", "week 42", "last Friday", "today"."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

from copilot.planning.calendar_names import Named, named
from copilot.planning.calendar_words import LAST, NEXT, RANGE, THIS, WEEKDAYS
from copilot.planning.plan import Clock
from copilot.planning.time_reading import Scene, TimeReading, alone, cut, in_its_year, joined_span, one_day, only
from semantic_layer.periods import Period, bucket

_BEFORE_DATES = frozenset("at of on per by until since zum am bis au".split())


def calendar_period(scene: Scene, at: int) -> TimeReading | None:
    """As in "Q3", "third quarter 2025", "October", "31 October", "H1", "2026", "FY26", "2026-10".

    Also ranges of them.
    """
    left = _dashed(scene, at)
    if left is None:
        return None
    first, last, length = left
    if scene.text(at + length) in RANGE - {"-"}:
        place = at + length + 1
        place += scene.text(place) == "the"
        right = _dashed(scene, place)
        if right is not None:
            return named_range(scene, first, right[1], place - at + right[2])
    return alone(scene, first) if last is first else named_range(scene, first, last, length)


def _dashed(scene: Scene, at: int) -> tuple[Named, Named, int] | None:
    """As in "Jul-Sep", which binds closer than "to", or one name: (first, last, tokens read)."""
    first = named(scene.items, at, scene.fiscal)
    if first is None:
        return None
    last = named(scene.items, at + first.length + 1, scene.fiscal) if scene.text(at + first.length) == "-" else None
    return (first, last, first.length + 1 + last.length) if last else (first, first, first.length)


def named_range(scene: Scene, first: Named, last: Named, length: int) -> TimeReading:
    """Two named periods joined by "to": one year speaks for both."""
    end = alone(scene, last)
    whole_end = end.ahead if end.cut and end.ahead else end.period
    start = alone(scene, first).period if first.year is not None else _start_before(first, whole_end)
    if whole_end.end < start.start:
        start, whole_end = whole_end, start
    found = cut(scene, joined_span(start, whole_end), length)
    if found.ahead is None and end.ahead is not None and first.year is None:
        return replace(found, ahead=joined_span(_start_before(first, end.ahead), end.ahead))
    return found


def _start_before(first: Named, last: Period) -> Period:
    """The latest such period that does not start after another one."""
    years = (last.end.year + 1, last.end.year, last.end.year - 1)
    return next(p for p in map(first.build, years) if p.start <= last.start)


def written_date(scene: Scene, at: int) -> TimeReading | None:
    """A date in figures, day first with dots; 3/4/2026 keeps both readings. Also a range of two."""
    short = re.fullmatch(r"\d{1,2}\.\d{2}", scene.text(at)) and scene.text(at - 1) in _BEFORE_DATES
    days = _days(f"{scene.text(at)}." if short else scene.text(at), scene.clock)
    if not days:
        return None
    other = Period(days[1], days[1], days[1].isoformat()) if len(days) > 1 else None
    if scene.text(at + 1) in RANGE | {"and"}:
        last = _days(scene.text(at + 2), scene.clock)
        if len(last) == 1 and last[0] >= days[0]:
            return cut(scene, Period(days[0], last[0], f"{days[0]} to {last[0]}"), 3, other=other)
    return TimeReading(Period(days[0], days[0], days[0].isoformat()), 1, other=other, end_only=True)


def _days(text: str, clock: Clock) -> tuple[date, ...]:
    """Every day that a written date can mean, day first before month first."""
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        return _valid((int(match[1]), int(match[2]), int(match[3])))
    if match := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{2,4})?", text):
        year = _full_year(match[3]) if match[3] else clock.today.year
        days = _valid((year, int(match[2]), int(match[1])))
        later = bool(days) and not match[3] and days[0] > clock.today
        return _valid((year - 1, int(match[2]), int(match[1]))) if later else days
    if match := re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{2,4})", text):
        year, first, second = _full_year(match[3]), int(match[1]), int(match[2])
        return tuple(dict.fromkeys(_valid((year, second, first), (year, first, second))))
    return ()


def _full_year(text: str) -> int:
    return int(text) % 100 + 2000 if len(text) < 4 else int(text)


def _valid(*parts: tuple[int, int, int]) -> tuple[date, ...]:
    found = []
    for year, month, day in parts:
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return tuple(found)


def days_of_a_month(scene: Scene, at: int) -> TimeReading | None:
    """As in "between 1 and 15 December", "from 3 to 10 March 2026": the month stands once."""
    lead = scene.text(at) in {"between", "from"}
    first, link = scene.text(at + lead).rstrip("."), scene.text(at + lead + 1)
    if not first.isdecimal() or not 1 <= int(first) <= 31 or link not in RANGE | ({"and"} if lead else set()):
        return None
    last = named(scene.items, at + lead + 2, scene.fiscal)
    if last is None or not last.is_day:
        return None
    reading = in_its_year(scene, last)
    period = _run_to(reading.period.end, int(first))
    ahead = _run_to(reading.ahead.end, int(first)) if reading.ahead else None
    return None if period is None else TimeReading(period, lead + 2 + last.length, ahead=ahead)


def _run_to(end: date, first: int) -> Period | None:
    """The days of one month up to one of them; None where the first comes after it."""
    return (
        Period(end.replace(day=first), end, f"{end.year}-{end.month:02}-{first:02} to {end}")
        if first < end.day
        else None
    )


def week_of(scene: Scene, at: int) -> TimeReading | None:
    """As in "week of 9 November"."""
    inner = named(scene.items, at + 2, scene.fiscal)
    if scene.unit(at) != "week" or scene.text(at + 1) not in {"of", "vom", "du"} or inner is None or not inner.is_day:
        return None
    return cut(scene, bucket(in_its_year(scene, inner).period.end, "week"), 2 + inner.length)


def week_number(scene: Scene, at: int) -> TimeReading | None:
    """As in "week 42", "KW 42"."""
    if scene.unit(at) != "week" or not scene.text(at + 1).isdecimal() or len(scene.text(at + 1)) > 2:
        return None
    year, number = scene.clock.today.isocalendar().year, int(scene.text(at + 1))
    try:
        monday = date.fromisocalendar(year, number, 1)
    except ValueError:
        return None
    if monday > scene.clock.data_date:
        monday = date.fromisocalendar(year - 1, number, 1)
    return cut(scene, bucket(monday, "week"), 2)


def single_day(scene: Scene, at: int) -> TimeReading | None:
    """As in "today": the last day that is known, and the day itself for what is still to come."""
    word, today = scene.text(at), scene.clock.today
    if word == "today":
        return replace(one_day(scene.clock.data_date, 1), ahead=only(today))
    steps = {"yesterday": -1, "tomorrow": 1}.get(word)
    return one_day(today + timedelta(days=steps), 1) if steps else None


def weekday(scene: Scene, at: int) -> TimeReading | None:
    """As in "last Friday", "on Monday", "due Thursday": the latest such day, and the next one for what is to come.

    A weekday that a run is named after is no date.
    """
    lead = scene.text(at)
    relative = lead in LAST | THIS | NEXT
    place = at + relative
    if scene.text(place) not in WEEKDAYS or scene.text(place + 1) in {"run", "runs", "and", "payment"}:
        return None
    if not relative and scene.text(at - 1) not in {"on", "due", "by", "of", "until", "since", "before"}:
        return None
    today, number = scene.clock.today, WEEKDAYS.index(scene.text(place))
    coming = today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)
    before = today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)
    if lead in NEXT:
        return one_day(coming, 2)
    if lead in THIS:
        return one_day(today + timedelta(days=number - today.weekday()), 2)
    return one_day(before, 2) if lead in LAST else replace(one_day(before, 1), ahead=only(coming))
