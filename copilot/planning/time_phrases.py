"""Periods as people say them.

"Q3", "3Q26", "Jul-Sep", "last four quarters", "since July", "31.10.", "YTD", "month end".

The clock is given: `today` decides what "last month" is, `data_date` how far the current period reaches. Weeks run Monday to
Sunday. A month or quarter without a year is the latest one that has begun; a period in progress is cut at `data_date`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from copilot.planning.amounts import WORDS
from copilot.planning.calendar_names import Named, named, year_at
from copilot.planning.calendar_words import CLOSED, LAST, NEXT, RANGE, ROLLING, SINCE, THIS, UNITS, WEEKDAYS
from copilot.planning.normalise import Token
from copilot.planning.plan import Clock
from semantic_layer.periods import Grain, Period, add_months, bucket, bucket_end, month_end, shift

_MOST_BUCKETS = 400
_BEFORE_DATES = frozenset("at of on per by until since zum am bis au".split())


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


@dataclass(frozen=True)
class _Scene:
    """What every reader looks at."""

    items: Sequence[Token]
    clock: Clock
    fiscal: int

    def text(self, at: int) -> str:
        return self.items[at].text if 0 <= at < len(self.items) else ""

    def unit(self, at: int) -> Grain | None:
        return UNITS.get(self.items[at].stem) if 0 <= at < len(self.items) else None

    def current(self, grain: Grain) -> Period:
        return bucket(self.clock.today, grain, self.fiscal)

    def moved(self, grain: Grain, steps: int) -> Period:
        return shift(self.current(grain), grain, steps, self.fiscal) if steps else self.current(grain)


_Reader = Callable[[_Scene, int], TimeReading | None]


def read_period(items: Sequence[Token], at: int, clock: Clock, fiscal_year_start: int = 1) -> TimeReading | None:
    """The longest period that starts at a token, or None."""
    return _longest(_Scene(items, clock, fiscal_year_start), at)


def _longest(scene: _Scene, at: int) -> TimeReading | None:
    try:
        found = [reading for reader in _READERS if (reading := reader(scene, at)) is not None]
    except (OverflowError, ValueError):  # a year or a count beyond the calendar
        return None
    return max(found, key=lambda reading: reading.length, default=None)


def _cut(scene: _Scene, period: Period, length: int, **more: Grain | bool | Period | None) -> TimeReading:
    """A period, cut at the last day of the data when that day lies in it."""
    reading = TimeReading(period, length)
    if period.start <= scene.clock.data_date < period.end:
        name = period.label or str(period)
        whole = Period(period.start, scene.clock.data_date, f"{name} to date")
        reading = TimeReading(whole, length, ahead=period, cut=name)
    return replace(reading, **more)  # type: ignore[arg-type]  # keywords are the fields of TimeReading


def _calendar_period(scene: _Scene, at: int) -> TimeReading | None:
    """As in "Q3", "third quarter 2025", "October", "31 October", "H1", "2026", "FY26", "2026-10".

    Also ranges of them.
    """
    first = named(scene.items, at, scene.fiscal)
    if first is None:
        return None
    after = at + first.length
    if scene.text(after) in RANGE and (last := named(scene.items, after + 1, scene.fiscal)):
        return _range(scene, first, last, first.length + 1 + last.length)
    return _alone(scene, first)


def _alone(scene: _Scene, found: Named) -> TimeReading:
    reading = _in_its_year(scene, found)
    return replace(reading, other=found.or_else) if found.or_else else reading


def _in_its_year(scene: _Scene, found: Named) -> TimeReading:
    day = found.is_day
    if found.year is not None:
        year = found.year + (_label_year(scene) if found.relative_year else 0)
        return _cut(scene, found.build(year), found.length, end_only=day)
    this_year = _label_year(scene)
    candidates = [found.build(this_year + step) for step in (-1, 0, 1)]
    begun = [period for period in candidates if period.start <= scene.clock.data_date]
    ahead = next(period for period in candidates if period.end > scene.clock.data_date)
    return replace(_cut(scene, begun[-1], found.length, end_only=day), ahead=ahead)


def _label_year(scene: _Scene) -> int:
    """The year after which the current fiscal year is named."""
    return bucket_end(scene.clock.today, "year", scene.fiscal).year


def _range(scene: _Scene, first: Named, last: Named, length: int) -> TimeReading:
    """Two named periods joined by "to": one year speaks for both."""
    end = _alone(scene, last)
    whole_end = end.ahead if end.cut and end.ahead else end.period
    start = _alone(scene, first).period if first.year is not None else _start_before(first, whole_end)
    if whole_end.end < start.start:
        start, whole_end = whole_end, start
    found = _cut(scene, _span(start, whole_end), length)
    if found.ahead is None and end.ahead is not None and first.year is None:
        return replace(found, ahead=_span(_start_before(first, end.ahead), end.ahead))
    return found


def _start_before(first: Named, last: Period) -> Period:
    """The latest such period that does not start after another one."""
    years = (last.end.year + 1, last.end.year, last.end.year - 1)
    return next(p for p in map(first.build, years) if p.start <= last.start)


def _span(first: Period, last: Period) -> Period:
    return Period(first.start, last.end, f"{_short(first)} to {_short(last)}")


def _short(period: Period) -> str:
    return period.label or period.start.isoformat()


def _written_date(scene: _Scene, at: int) -> TimeReading | None:
    """A date in figures, day first with dots; 3/4/2026 keeps both readings. Also a range of two."""
    short = re.fullmatch(r"\d{1,2}\.\d{2}", scene.text(at)) and scene.text(at - 1) in _BEFORE_DATES
    days = _days(f"{scene.text(at)}." if short else scene.text(at), scene.clock)
    if not days:
        return None
    other = Period(days[1], days[1], days[1].isoformat()) if len(days) > 1 else None
    if scene.text(at + 1) in RANGE | {"and"}:
        last = _days(scene.text(at + 2), scene.clock)
        if len(last) == 1 and last[0] >= days[0]:
            return _cut(scene, Period(days[0], last[0], f"{days[0]} to {last[0]}"), 3, other=other)
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


def _count(scene: _Scene, at: int) -> int | None:
    """A count of units in digits or words; "couple of" is two."""
    text = scene.text(at)
    if text == "couple":
        return 2
    number = int(text) if text.isdecimal() and len(text) <= 3 else WORDS.get(text)
    return number if number and number <= _MOST_BUCKETS else None


def _relative(scene: _Scene, at: int) -> TimeReading | None:
    """As in "last month", "this quarter", "next year", "last October", "previous closed quarter"."""
    word = scene.text(at)
    if word not in LAST | THIS | NEXT:
        return None
    skip = 1 if scene.text(at + 1) in CLOSED else 0
    grain = scene.unit(at + 1 + skip)
    if grain is None or grain == "day":
        return None if grain else _relative_name(scene, at, word)
    steps = -1 if word in LAST else 0 if word in THIS else 1
    length = 2 + skip
    if steps == 0 and (scene.text(at + length), scene.text(at + length + 1)) in {("to", "date"), ("so", "far")}:
        length += 2
    return _cut(scene, scene.moved(grain, steps), length)


def _relative_name(scene: _Scene, at: int, word: str) -> TimeReading | None:
    """As in "last October", "next March": a named month or quarter on one side of today."""
    found = named(scene.items, at + 1, scene.fiscal)
    if found is None or found.year is not None or found.is_day:
        return None
    this_year = _label_year(scene)
    candidates = [found.build(this_year + step) for step in (-2, -1, 0, 1, 2)]
    today, length = scene.clock.today, 1 + found.length
    if word in LAST:
        return TimeReading([p for p in candidates if p.end < today][-1], length)
    if word in NEXT:
        return TimeReading(next(p for p in candidates if p.start > today), length)
    return _cut(scene, found.build(this_year), length)


def _run_of_buckets(scene: _Scene, at: int) -> TimeReading | None:
    """As in "last four quarters" (closed ones), "next 4 weeks", "last 90 days", "rolling 12 months"."""
    word = scene.text(at)
    if word not in LAST | NEXT | ROLLING:
        return None
    skip = 1 if scene.text(at + 1) in CLOSED | ROLLING else 0
    count = _count(scene, at + 1 + skip)
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
        return TimeReading(_rolling(count, grain, scene.clock), length + trailing)
    if word in NEXT:
        start, end = scene.moved(grain, 1), scene.moved(grain, count)
        return TimeReading(Period(start.start, end.end, f"next {count} {grain}s"), length, grain)
    first, last = scene.moved(grain, -count), scene.moved(grain, -1)
    label = f"last {count} {grain}s" if count > 1 else last.label
    return TimeReading(Period(first.start, last.end, label), length, grain if count > 1 else None)


def _ended(scene: _Scene, at: int) -> TimeReading | None:
    """As in "three months ended September", "year ended 30 June 2026", "quarter ended Q2"."""
    counted = _count(scene, at)
    skip = 0 if counted is None else 1
    grain = scene.unit(at + skip)
    months = {"month": 1, "quarter": 3, "year": 12}.get(grain or "")
    links = {"ended", "ending"} | (RANGE - {"-"} if counted else set())
    if months is None or scene.text(at + skip + 1) not in links:
        return None
    last = named(scene.items, at + skip + 2, scene.fiscal)
    if last is None:
        return None
    end = _alone(scene, last).period.end
    first = add_months(end.replace(day=1), 1 - months * (counted or 1))
    if end != month_end(end):
        first = add_months(end, -months * (counted or 1)) + timedelta(days=1)
    label = f"{first.isoformat()} to {end.isoformat()}"
    return _cut(scene, Period(first, end, label), skip + 2 + last.length)


def _within(scene: _Scene, at: int) -> TimeReading | None:
    """As in "within 10 days", "within the next two weeks", "within a week": from today on."""
    if scene.text(at) != "within":
        return None
    place = at + 1
    while scene.text(place) in {"the"} | NEXT:
        place += 1
    count = 1 if scene.text(place) == "a" else _count(scene, place)
    days = {"day": 1, "week": 7}.get(scene.unit(place + 1) or "")
    if count is None or days is None:
        return None
    today = scene.clock.today
    last = today + timedelta(days=count * days)
    return TimeReading(Period(today, last, f"until {last.isoformat()}"), place + 2 - at)


def _days_of_a_month(scene: _Scene, at: int) -> TimeReading | None:
    """As in "between 1 and 15 December", "from 3 to 10 March 2026": the month stands once."""
    lead = scene.text(at) in {"between", "from"}
    first, link = scene.text(at + lead).rstrip("."), scene.text(at + lead + 1)
    if not first.isdecimal() or not 1 <= int(first) <= 31 or link not in RANGE | ({"and"} if lead else set()):
        return None
    last = named(scene.items, at + lead + 2, scene.fiscal)
    if last is None or not last.is_day:
        return None
    reading = _in_its_year(scene, last)
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


def _two_away(scene: _Scene, at: int) -> TimeReading | None:
    """As in "the month before last", "the week after next"."""
    grain, tail = scene.unit(at), (scene.text(at + 1), scene.text(at + 2))
    if grain is None or tail not in {("before", "last"), ("after", "next")}:
        return None
    return TimeReading(scene.moved(grain, -2 if tail[1] == "last" else 2), 3)


def _week_of(scene: _Scene, at: int) -> TimeReading | None:
    """As in "week of 9 November"."""
    inner = named(scene.items, at + 2, scene.fiscal)
    if scene.unit(at) != "week" or scene.text(at + 1) not in {"of", "vom", "du"} or inner is None or not inner.is_day:
        return None
    return _cut(scene, bucket(_in_its_year(scene, inner).period.end, "week"), 2 + inner.length)


def _short_run(scene: _Scene, at: int) -> TimeReading | None:
    """As in "L3M", "L12M": the last so many closed months, quarters or weeks."""
    match = re.fullmatch(r"l(\d{1,2})([mqw])", scene.text(at))
    if match is None or not int(match[1]):
        return None
    grain = UNITS[{"m": "month", "q": "quarter", "w": "week"}[match[2]]]
    first, last = scene.moved(grain, -int(match[1])), scene.moved(grain, -1)
    return TimeReading(Period(first.start, last.end, f"last {match[1]} {grain}s"), 1, grain)


def _window_after(scene: _Scene, at: int) -> TimeReading | None:
    """As in "3 month moving average", "12 months rolling"."""
    count, grain = _count(scene, at), scene.unit(at + 1)
    if count is None or grain is None or scene.text(at + 2) not in ROLLING:
        return None
    return TimeReading(_rolling(count, grain, scene.clock), 3)


def _rolling(count: int, grain: Grain, clock: Clock) -> Period:
    """The `count` units that end on the last day of the data."""
    end = clock.data_date
    if grain in {"day", "week"}:
        start = end - timedelta(days=count * (7 if grain == "week" else 1) - 1)
    else:
        first = add_months(end, -count * {"month": 1, "quarter": 3, "year": 12}[grain])
        start = first.replace(day=min(end.day, month_end(first).day)) + timedelta(days=1)
    return Period(start, end, f"the {count} {grain}{'s' if count > 1 else ''} to {end.isoformat()}")


def _ago(scene: _Scene, at: int) -> TimeReading | None:
    """As in "two quarters ago", "a year ago", "90 days ago"."""
    count = 1 if scene.text(at) in {"a", "an"} else _count(scene, at)
    grain = scene.unit(at + 1)
    if count is None or grain is None or scene.text(at + 2) != "ago":
        return None
    if grain == "day":
        day = scene.clock.today - timedelta(days=count)
        return TimeReading(Period(day, day, day.isoformat()), 3, end_only=True)
    same_day = None if grain == "quarter" else _rolling(count, grain, scene.clock).start - timedelta(days=1)
    return TimeReading(scene.moved(grain, -count), 3, day=same_day)


def _to_date(scene: _Scene, at: int) -> TimeReading | None:
    """YTD, QTD, MTD, "year to date"."""
    short: dict[str, Grain] = {"ytd": "year", "qtd": "quarter", "mtd": "month"}
    grain, length = short.get(scene.text(at)), 1
    if grain is None and (scene.text(at + 1), scene.text(at + 2)) == ("to", "date"):
        grain, length = scene.unit(at), 3
    return _cut(scene, scene.current(grain), length) if grain else None


def _since(scene: _Scene, at: int) -> TimeReading | None:
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
        inner = _cut(scene, scene.current(grain), 1)
    if inner is None or inner.period.start > scene.clock.data_date:
        return None
    used = start + inner.length - at
    if word in SINCE:
        label = f"since {_short(inner.period).removesuffix(' to date')}"
        period = Period(inner.period.start, scene.clock.data_date, label)
        return TimeReading(period, used, other=inner.other, open_start=True)
    return _joined_range(scene, at, inner, used)


def _joined_range(scene: _Scene, at: int, inner: TimeReading, used: int) -> TimeReading | None:
    """The end of "from X to Y" or "between X and Y"; where the reader of X took the whole range already, that range."""
    word = scene.text(at)
    link = RANGE if word == "from" else RANGE | {"and"}
    first = named(scene.items, at + 1, scene.fiscal)
    if first is not None and scene.text(at + 1 + first.length) in link:
        last_name = named(scene.items, at + 2 + first.length, scene.fiscal)
        if last_name is not None:
            return _range(scene, first, last_name, 2 + first.length + last_name.length)
    if scene.text(at + used) in link and (last := _longest(scene, at + used + 1)):
        if last.period.end < inner.period.start:
            return None
        period = Period(inner.period.start, last.period.end, f"{_short(inner.period)} to {_short(last.period)}")
        return TimeReading(period, used + 1 + last.length)
    is_range = inner.period.start != inner.period.end and inner.length >= 3 and not inner.end_only
    return replace(inner, length=used) if is_range and word == "from" else None


def _ends(scene: _Scene, at: int) -> TimeReading | None:
    """As in "month end", "year-end 2025", "end of Q2", "end of last month", "end of the quarter"."""
    grain = scene.unit(at)
    if grain and scene.text(at + 1) == "end":
        year = year_at(scene.items, at + 2) if grain == "year" else None
        if year:
            found = bucket(date(year[0] + (_label_year(scene) if year[2] else 0), 12, 31), "year")
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


def _next_end(scene: _Scene, grain: Grain, length: int, *, closed: bool) -> TimeReading:
    """The latest end of a bucket for what is known, the next one for what is projected."""
    current = scene.current(grain)
    past = current if current.end <= scene.clock.data_date else scene.moved(grain, -1)
    return TimeReading(past if closed else current, length, end_only=True, ahead=current)


def _week_number(scene: _Scene, at: int) -> TimeReading | None:
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
    return _cut(scene, bucket(monday, "week"), 2)


def _single_day(scene: _Scene, at: int) -> TimeReading | None:
    """As in "today": the last day that is known, and the day itself for what is still to come."""
    word, today = scene.text(at), scene.clock.today
    if word == "today":
        return replace(_day(scene.clock.data_date, 1), ahead=_only(today))
    steps = {"yesterday": -1, "tomorrow": 1}.get(word)
    return _day(today + timedelta(days=steps), 1) if steps else None


def _weekday(scene: _Scene, at: int) -> TimeReading | None:
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
        return _day(coming, 2)
    if lead in THIS:
        return _day(today + timedelta(days=number - today.weekday()), 2)
    return _day(before, 2) if lead in LAST else replace(_day(before, 1), ahead=_only(coming))


def _only(day: date) -> Period:
    return Period(day, day, day.isoformat())


def _day(day: date, length: int) -> TimeReading:
    return TimeReading(_only(day), length, end_only=True)


def paired(
    first: Sequence[Token], second: Sequence[Token], clock: Clock, fiscal_year_start: int = 1
) -> tuple[TimeReading, TimeReading] | None:
    """Two periods that are compared, each the whole of its words. A year that stands with one speaks for the other.

    "H1 vs H2 2025" is two halves of one year, "Q4 vs Q1 2026" two quarters in a row: the nearer year, then the same.
    """
    scenes = tuple(_Scene(items, clock, fiscal_year_start) for items in (first, second))
    readings = [_longest(scene, 0) for scene in scenes]
    if not all(r is not None and r.length == len(s.items) for r, s in zip(readings, scenes, strict=True)):
        return None
    names = [named(scene.items, 0, fiscal_year_start) for scene in scenes]
    for mine, other in ((0, 1), (1, 0)):
        name, against = names[mine], readings[other]
        if name is not None and name.year is None and against is not None and _names_a_year(names[other]):
            readings[mine] = _nearest(scenes[mine], name, against.period)
    return (readings[0], readings[1]) if readings[0] and readings[1] else None


def _names_a_year(found: Named | None) -> bool:
    return found is not None and found.year is not None and not found.relative_year


def _nearest(scene: _Scene, found: Named, other: Period) -> TimeReading:
    """The named period in the year that brings it nearest to another one; the same year where two are as near."""
    year = other.end.year

    def gap(period: Period) -> int:
        return max((other.start - period.end).days, (period.start - other.end).days, 0)

    candidates = [found.build(year), found.build(year - 1), found.build(year + 1)]
    begun = [period for period in candidates if period.start <= scene.clock.data_date] or candidates
    return _cut(scene, min(begun, key=gap), found.length, end_only=found.is_day)


_READERS: tuple[_Reader, ...] = (
    _calendar_period, _written_date, _relative, _run_of_buckets, _within, _days_of_a_month, _two_away, _week_of, _short_run, _ended, _window_after, _ago, _to_date, _since, _ends, _week_number, _single_day, _weekday,
)  # fmt: skip
