"""Periods seen from today: "last month", "last four quarters", "within 10 days", "a year ago", "YTD", "L3M"."""

from __future__ import annotations

import re
from datetime import timedelta

from copilot.planning.calendar_names import half_of, named
from copilot.planning.calendar_words import CLOSED, LAST, NEXT, RANGE, ROLLING, THIS, UNITS
from copilot.planning.time_reading import Scene, TimeReading, alone, count_at, cut, ending_now, label_year
from semantic_layer.periods import Grain, Period, add_months, month_end


def relative(scene: Scene, at: int) -> TimeReading | None:
    """As in "last month", "this quarter", "next year", "last October", "previous closed quarter"."""
    word = scene.text(at)
    if word not in LAST | THIS | NEXT:
        return None
    skip = 1 if scene.text(at + 1) in CLOSED else 0
    grain = scene.unit(at + 1 + skip)
    if scene.text(at + 1 + skip) == "half":
        return _half_year(scene, word, 2 + skip + (scene.unit(at + 2 + skip) == "year"))
    if grain is None or grain == "day":
        return None if grain else _relative_name(scene, at, word)
    steps = -1 if word in LAST else 0 if word in THIS else 1
    length = 2 + skip
    if steps == 0 and (scene.text(at + length), scene.text(at + length + 1)) in {("to", "date"), ("so", "far")}:
        length += 2
    return cut(scene, scene.moved(grain, steps), length)


def _half_year(scene: Scene, word: str, length: int) -> TimeReading:
    """As in "last half year", "this half": the half of the fiscal year on one side of today, or today's own."""
    year = label_year(scene)
    halves = [half_of(number, scene.fiscal)(year + step) for step in (-1, 0, 1) for number in (1, 2)]
    now = next(place for place, half in enumerate(halves) if half.start <= scene.clock.today <= half.end)
    return cut(scene, halves[now - 1 if word in LAST else now if word in THIS else now + 1], length)


def _relative_name(scene: Scene, at: int, word: str) -> TimeReading | None:
    """As in "last October", "next March": a named month or quarter on one side of today."""
    found = named(scene.items, at + 1, scene.fiscal)
    if found is None or found.year is not None or found.is_day:
        return None
    this_year = label_year(scene)
    candidates = [found.build(this_year + step) for step in (-2, -1, 0, 1, 2)]
    today, length = scene.clock.today, 1 + found.length
    if word in LAST:
        return TimeReading([p for p in candidates if p.end < today][-1], length)
    if word in NEXT:
        return TimeReading(next(p for p in candidates if p.start > today), length)
    return cut(scene, found.build(this_year), length)


def run_of_buckets(scene: Scene, at: int) -> TimeReading | None:
    """As in "last four quarters" (closed ones), "next 4 weeks", "last 90 days", "rolling 12 months"."""
    word = scene.text(at)
    if count_at(scene, at) and scene.text(at - 1) in {"trend", "trended", "over", "history"}:
        return _last_buckets(scene, at)
    if word not in LAST | NEXT | ROLLING:
        return None
    skip = 1 if scene.text(at + 1) in CLOSED | ROLLING else 0
    count = count_at(scene, at + 1 + skip)
    if count is None:
        return None
    skip += 1 if scene.text(at + 2 + skip) in CLOSED | {"of"} else 0
    grain = scene.unit(at + 2 + skip)
    if grain is None:
        return None
    length = 3 + skip
    trailing = scene.text(at + length) in ROLLING
    rolling = word in ROLLING or scene.text(at + 1) in ROLLING or trailing or (grain == "day" and word not in NEXT)
    if rolling:
        return TimeReading(ending_now(count, grain, scene.clock), length + trailing)
    if word in NEXT:
        start, end = scene.moved(grain, 1), scene.moved(grain, count)
        return TimeReading(Period(start.start, end.end, f"next {count} {grain}s"), length, grain)
    first, last = scene.moved(grain, -count), scene.moved(grain, -1)
    label = f"last {count} {grain}s" if count > 1 else last.label
    return TimeReading(Period(first.start, last.end, label), length, grain if count > 1 else None)


def _last_buckets(scene: Scene, at: int) -> TimeReading | None:
    """As in "trend 6 months", "over 12 months": the last so many closed ones."""
    count, grain = count_at(scene, at), scene.unit(at + 1)
    if count is None or count < 2 or grain is None or grain == "day":
        return None
    first, last = scene.moved(grain, -count), scene.moved(grain, -1)
    return TimeReading(Period(first.start, last.end, f"last {count} {grain}s"), 2, grain)


def ended(scene: Scene, at: int) -> TimeReading | None:
    """As in "three months ended September", "year ended 30 June 2026", "quarter ended Q2"."""
    counted = count_at(scene, at)
    skip = 0 if counted is None else 1
    grain = scene.unit(at + skip)
    months = {"month": 1, "quarter": 3, "year": 12}.get(grain or "")
    links = {"ended", "ending"} | (RANGE - {"-"} if counted else set())
    if months is None or scene.text(at + skip + 1) not in links:
        return None
    last = named(scene.items, at + skip + 2, scene.fiscal)
    if last is None:
        return None
    end = alone(scene, last).period.end
    first = add_months(end.replace(day=1), 1 - months * (counted or 1))
    if end != month_end(end):
        first = add_months(end, -months * (counted or 1)) + timedelta(days=1)
    label = f"{first.isoformat()} to {end.isoformat()}"
    return cut(scene, Period(first, end, label), skip + 2 + last.length)


def within(scene: Scene, at: int) -> TimeReading | None:
    """As in "within 10 days", "within the next two weeks", "in less than a week": from today on."""
    place = at + 1
    while scene.text(place) in {"than", "under", "less"} and scene.text(at) == "in":
        place += 1
    if scene.text(at) != "within" and place == at + 1 and not (scene.text(at) == "in" and scene.text(at + 3) != "time"):
        return None
    strictly = scene.text(at) == "in" and place > at + 1
    while scene.text(place) in {"the"} | NEXT:
        place += 1
    count = 1 if scene.text(place) == "a" else count_at(scene, place)
    days = {"day": 1, "week": 7}.get(scene.unit(place + 1) or "")
    if count is None or days is None:
        return None
    today = scene.clock.today
    last = today + timedelta(days=count * days - strictly)
    return TimeReading(Period(today, last, f"until {last.isoformat()}"), place + 2 - at)


def two_away(scene: Scene, at: int) -> TimeReading | None:
    """As in "the month before last", "the week after next"."""
    grain, tail = scene.unit(at), (scene.text(at + 1), scene.text(at + 2))
    if grain is None or tail not in {("before", "last"), ("after", "next")}:
        return None
    return TimeReading(scene.moved(grain, -2 if tail[1] == "last" else 2), 3)


def short_run(scene: Scene, at: int) -> TimeReading | None:
    """As in "L3M", "L12M": the last so many closed months, quarters or weeks."""
    match = re.fullmatch(r"l(\d{1,2})([mqw])", scene.text(at))
    if match is None or not int(match[1]):
        return None
    grain = UNITS[{"m": "month", "q": "quarter", "w": "week"}[match[2]]]
    first, last = scene.moved(grain, -int(match[1])), scene.moved(grain, -1)
    return TimeReading(Period(first.start, last.end, f"last {match[1]} {grain}s"), 1, grain)


def window_after(scene: Scene, at: int) -> TimeReading | None:
    """As in "3 month moving average", "12 months rolling"."""
    count, grain = count_at(scene, at), scene.unit(at + 1)
    if count is None or grain is None or scene.text(at + 2) not in ROLLING:
        return None
    return TimeReading(ending_now(count, grain, scene.clock), 3)


def ago(scene: Scene, at: int) -> TimeReading | None:
    """As in "two quarters ago", "a year ago", "90 days ago"."""
    count = 1 if scene.text(at) in {"a", "an"} else count_at(scene, at)
    grain = scene.unit(at + 1)
    if count is None or grain is None or scene.text(at + 2) != "ago":
        return None
    if grain == "day":
        day = scene.clock.today - timedelta(days=count)
        return TimeReading(Period(day, day, day.isoformat()), 3, end_only=True)
    same_day = None if grain == "quarter" else ending_now(count, grain, scene.clock).start - timedelta(days=1)
    return TimeReading(scene.moved(grain, -count), 3, day=same_day)


def to_date(scene: Scene, at: int) -> TimeReading | None:
    """YTD, QTD, MTD, "year to date", "April to date"."""
    found = named(scene.items, at, scene.fiscal)
    if found is not None and (scene.text(at + found.length), scene.text(at + found.length + 1)) == ("to", "date"):
        start = alone(scene, found).period.start
        return TimeReading(
            Period(start, scene.clock.data_date, f"{start.isoformat()} to date"), found.length + 2, open_start=True
        )
    short: dict[str, Grain] = {"ytd": "year", "qtd": "quarter", "mtd": "month"}
    grain, length = short.get(scene.text(at)), 1
    if grain is None and (scene.text(at + 1), scene.text(at + 2)) == ("to", "date"):
        grain, length = scene.unit(at), 3
    return cut(scene, scene.current(grain), length) if grain else None
