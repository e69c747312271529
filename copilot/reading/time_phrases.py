"""Periods as people say them: "Q3", "3Q26", "Jul-Sep", "last four quarters", "since July", "31.10.", "YTD", "month end".

The clock is given: `today` decides what "last month" is, `data_date` how far the current period reaches. Weeks run Monday to
Sunday. A month or quarter without a year is the latest one that has begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from copilot.planning.plan import Clock
from copilot.reading.words import Token
from semantic_layer.periods import Grain, Period, add_months, bucket, bucket_end, month_end, shift

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier", "february feb februar fevrier", "march mar maerz mars", "april apr avril", "may mai", "june jun juni juin",
            "july jul juli juillet", "august aug aout", "september sep sept septembre", "october oct oktober octobre", "november nov novembre",
            "december dec dezember decembre",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
COUNTS = {
    word: n
    for n, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
} | {"couple": 2, "twenty": 20}
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
UNITS: dict[str, Grain] = {
    "day": "day", "week": "week", "wk": "week", "month": "month", "quarter": "quarter", "year": "year",
    "monat": "month", "quartal": "quarter", "jahr": "year", "woche": "week", "moi": "month", "trimestre": "quarter", "annee": "year",
}  # fmt: skip
LAST = frozenset(
    [
        "last",
        "past",
        "previous",
        "prior",
        "preceding",
        "letzte",
        "letzten",
        "letzter",
        "letzte",
        "letztes",
        "vergangenen",
        "dernier",
        "derniere",
    ]
)
ROLLING = frozenset(["trailing", "rolling"])
THIS = frozenset(["this", "current", "diese", "dieser", "dieses", "diesen"])
NEXT = frozenset(["next", "coming", "following", "upcoming", "naechste", "naechsten"])
RANGE = frozenset(["to", "until", "till", "through", "thru", "bis"])


@dataclass(frozen=True)
class TimeReading:
    """A period found in a question.

    `grain` when it is a run of buckets ("last four quarters"); `other` is a second reading of the same words when both are
    possible; `end_only` when only its last day was meant ("month end").
    """

    period: Period
    length: int
    grain: Grain | None = None
    other: Period | None = None
    end_only: bool = False


Reader = Callable[[Sequence[Token], int, Clock, int], TimeReading | None]


def read_period(items: Sequence[Token], at: int, clock: Clock, fiscal_year_start: int = 1) -> TimeReading | None:
    """The longest period that starts at a token, or None."""
    found = [reading for reader in READERS if (reading := reader(items, at, clock, fiscal_year_start)) is not None]
    return max(found, key=lambda reading: reading.length, default=None)


def _text(items: Sequence[Token], at: int) -> str:
    return items[at].text if at < len(items) else ""


def _stem(items: Sequence[Token], at: int) -> str:
    return items[at].stem if at < len(items) else ""


def _year(items: Sequence[Token], at: int) -> tuple[int, int] | None:
    """(year, tokens read) of "2026" or "of 2026"."""
    for skip in (0, 1):
        text = _text(items, at + skip)
        if re.fullmatch(r"20\d\d", text) and (skip == 0 or _text(items, at) in {"of", "in"}):
            return int(text), skip + 1
    return None


def _latest(period: Period, years: Callable[[int], Period], clock: Clock) -> Period:
    """The reading of a period without a year: the latest that has begun."""
    return period if period.start <= clock.data_date else years(-1)


def _quarter(year: int, number: int, fiscal: int) -> Period:
    start = add_months(date(year, fiscal, 1), 3 * (number - 1))
    return bucket(start, "quarter", fiscal)


def _quarter_token(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    text = _text(items, at)
    patterns = (r"(?P<y>\d{4})-q(?P<q>[1-4])", r"(?P<q>[1-4])q(?P<y>\d{2,4})", r"q(?P<q>[1-4])'?(?P<y>\d{2})?")
    match = next((m for p in patterns if (m := re.fullmatch(p, text))), None)
    if match is None:
        return None
    number, year, length = int(match["q"]), match.groupdict().get("y"), 1
    if year is None and (named := _year(items, at + 1)):
        return TimeReading(_quarter(named[0], number, fiscal), 1 + named[1])
    if year is None:
        period = _quarter(clock.today.year, number, fiscal)
        return TimeReading(
            _latest(period, lambda step: _quarter(clock.today.year + step, number, fiscal), clock), length
        )
    return TimeReading(_quarter(int(year) % 100 + 2000, number, fiscal), length)


def _quarter_words(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    if _text(items, at) not in ORDINALS or _stem(items, at + 1) != "quarter":
        return None
    number, named = ORDINALS[_text(items, at)], _year(items, at + 2)
    if named:
        return TimeReading(_quarter(named[0], number, fiscal), 2 + named[1])
    period = _quarter(clock.today.year, number, fiscal)
    return TimeReading(_latest(period, lambda step: _quarter(clock.today.year + step, number, fiscal), clock), 2)


def _half(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    match = re.fullmatch(r"h([12])", _text(items, at))
    if match is None:
        return None
    named = _year(items, at + 1)
    year = named[0] if named else clock.today.year
    first = add_months(date(year, fiscal, 1), 6 * (int(match[1]) - 1))
    return TimeReading(
        Period(first, month_end(add_months(first, 5)), f"H{match[1]} {year}"), 1 + (named[1] if named else 0)
    )


def _month_of(year: int, number: int) -> Period:
    return bucket(date(year, number, 1), "month")


def _month(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:  # noqa: ARG001 - one shape for all readers
    number = MONTHS.get(_text(items, at))
    if number is None or (_text(items, at) == "may" and not _is_month_may(items, at)):
        return None
    first = _month_of(clock.today.year, number)
    first = _latest(first, lambda step: _month_of(clock.today.year + step, number), clock)
    named = _year(items, at + 1)
    if named:
        return TimeReading(_month_of(named[0], number), 1 + named[1])
    gap = 1 if _text(items, at + 1) in RANGE else 0
    last = MONTHS.get(_text(items, at + 1 + gap))
    if last is None:
        return TimeReading(first, 1)
    length, named = 2 + gap, _year(items, at + 2 + gap)
    end = (
        _month_of(named[0], last)
        if named
        else _latest(_month_of(clock.today.year, last), lambda s: _month_of(clock.today.year + s, last), clock)
    )
    start = _month_of(end.start.year if number <= last else end.start.year - 1, number)
    label = f"{start.start:%b %Y} to {end.start:%b %Y}"
    return TimeReading(Period(start.start, end.end, label), length + (named[1] if named else 0))


def _is_month_may(items: Sequence[Token], at: int) -> bool:
    """Whether "may" is the month: after a preposition of time or before a year."""
    return (
        _text(items, at - 1) in {"in", "since", "of", "for", "last", "and", "to", "until"}
        or _year(items, at + 1) is not None
    )


def _bare_year(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:  # noqa: ARG001
    text = _text(items, at)
    if not re.fullmatch(r"20\d\d", text) or items[at].kind != "number":
        return None
    return TimeReading(bucket(date(int(text), fiscal, 1), "year", fiscal), 1)


def _iso_month(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:  # noqa: ARG001
    match = re.fullmatch(r"(20\d\d)-(\d{2})", _text(items, at))
    if match is None or not 1 <= int(match[2]) <= 12:
        return None
    return TimeReading(_month_of(int(match[1]), int(match[2])), 1)


def _dates(text: str, clock: Clock) -> tuple[date, ...]:
    """Every day that a written date can mean."""
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        return _valid((int(match[1]), int(match[2]), int(match[3])))
    if match := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{2,4})?", text):
        year = int(match[3]) % 100 + 2000 if match[3] else clock.today.year
        days = _valid((year, int(match[2]), int(match[1])))
        if days and not match[3] and days[0] > clock.today:
            days = _valid((year - 1, int(match[2]), int(match[1])))
        return days
    if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{2,4})", text):
        year, a, b = int(match[3]) % 100 + 2000, int(match[1]), int(match[2])
        return tuple(dict.fromkeys(_valid((year, a, b), (year, b, a))))
    return ()


def _valid(*parts: tuple[int, int, int]) -> tuple[date, ...]:
    found = []
    for year, month, day in parts:
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return tuple(found)


def _date(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:  # noqa: ARG001
    days = _dates(_text(items, at), clock)
    if not days:
        return None
    other = Period(days[1], days[1], days[1].isoformat()) if len(days) > 1 else None
    if _text(items, at + 1) in RANGE and len(last := _dates(_text(items, at + 2), clock)) == 1 and last[0] >= days[0]:
        return TimeReading(Period(days[0], last[0], f"{days[0].isoformat()} to {last[0].isoformat()}"), 3, other=other)
    return TimeReading(Period(days[0], days[0], days[0].isoformat()), 1, other=other, end_only=True)


def _count(text: str) -> int | None:
    if text in COUNTS:
        return COUNTS[text]
    return int(text) if text.isdigit() and 0 < int(text) <= 400 else None


def _relative(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    """Last, this, next and their counts."""
    word = _text(items, at)
    skip = 1 if _text(items, at + 1) in {"full", "closed", "complete", "whole"} else 0
    if word in LAST | ROLLING | NEXT and (count := _count(_text(items, at + 1 + skip))):
        extra = 1 if _text(items, at + 2 + skip) in {"full", "closed", "complete", "whole"} else 0
        grain = UNITS.get(_stem(items, at + 2 + skip + extra))
        if grain is None:
            return None
        length = 3 + skip + extra
        if _text(items, at + length) in ROLLING:
            return TimeReading(_rolling(count, grain, clock), length + 1)
        if word in NEXT:
            start = shift(bucket(clock.today, grain, fiscal), grain, 1, fiscal)
            end = shift(start, grain, count - 1, fiscal)
            return TimeReading(Period(start.start, end.end, f"next {count} {grain}s"), length, grain)
        if word in ROLLING or grain == "day":
            return TimeReading(_rolling(count, grain, clock), length)
        return TimeReading(_closed(count, grain, clock, fiscal), length, grain if count > 1 else None)
    grain = UNITS.get(_stem(items, at + 1))
    if grain is None or grain == "day":
        return None
    step = -1 if word in LAST else 0 if word in THIS else 1 if word in NEXT else None
    if step is None:
        return None
    found = (
        shift(bucket(clock.today, grain, fiscal), grain, step, fiscal) if step else bucket(clock.today, grain, fiscal)
    )
    return TimeReading(found, 2)


def _closed(count: int, grain: Grain, clock: Clock, fiscal: int) -> Period:
    """The last `count` buckets that are over."""
    last = shift(bucket(clock.today, grain, fiscal), grain, -1, fiscal)
    first = shift(last, grain, 1 - count, fiscal) if count > 1 else last
    return Period(first.start, last.end, f"last {count} {grain}s" if count > 1 else last.label)


def _rolling(count: int, grain: Grain, clock: Clock) -> Period:
    """The `count` units that end on the last day of the data."""
    end = clock.data_date
    if grain in {"day", "week"}:
        start = end - timedelta(days=count * (7 if grain == "week" else 1) - 1)
    else:
        months = count * {"month": 1, "quarter": 3, "year": 12}[grain]
        first = add_months(end, -months)
        start = first.replace(day=min(end.day, month_end(first).day)) + timedelta(days=1)
    return Period(start, end, f"the {count} {grain}s to {end.isoformat()}")


def _to_date(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    short: dict[str, Grain] = {"ytd": "year", "qtd": "quarter", "mtd": "month"}
    word, length = _text(items, at), 1
    grain = short.get(word)
    if grain is None and _text(items, at + 1) == "to" and _text(items, at + 2) == "date":
        grain, length = UNITS.get(_stem(items, at)), 3
    if grain is None:
        return None
    start = bucket(clock.today, grain, fiscal).start
    if start > clock.data_date:
        return TimeReading(Period(start, clock.today, f"{grain} to date"), length)
    return TimeReading(Period(start, clock.data_date, f"{grain} to date"), length)


def _since(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    if _text(items, at) not in {"since", "from", "seit", "depuis"}:
        return None
    inner = read_period(items, at + 1, clock, fiscal)
    if inner is None or inner.period.start > clock.data_date:
        return None
    after = at + 1 + inner.length
    if _text(items, at) == "from":
        if _text(items, after) not in RANGE:
            return None
        last = read_period(items, after + 1, clock, fiscal)
        if last is None or last.period.end < inner.period.start:
            return None
        period = Period(inner.period.start, last.period.end, f"{inner.period} to {last.period}")
        return TimeReading(period, 2 + inner.length + last.length)
    return TimeReading(Period(inner.period.start, clock.data_date, f"since {inner.period}"), 1 + inner.length)


def _ends(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:
    """Ends: "month end", "end of Q2", "end of last month", "year end"."""
    grain = UNITS.get(_stem(items, at))
    if grain and _text(items, at + 1) == "end":
        current = bucket(clock.today, grain, fiscal)
        found = current if current.end <= clock.data_date else shift(current, grain, -1, fiscal)
        return TimeReading(found, 2, end_only=True)
    if _text(items, at) == "end" and _text(items, at + 1) == "of":
        gap = 1 if _text(items, at + 2) == "the" else 0
        inner = read_period(items, at + 2 + gap, clock, fiscal)
        if inner is not None:
            return TimeReading(inner.period, 2 + gap + inner.length, end_only=True)
        grain = UNITS.get(_stem(items, at + 2 + gap))
        if grain:
            return TimeReading(bucket(clock.today, grain, fiscal), 3 + gap, end_only=True)
    return None


def _week_number(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:  # noqa: ARG001
    if _stem(items, at) not in {"week", "wk", "kw"} or not _text(items, at + 1).isdigit():
        return None
    number = int(_text(items, at + 1))
    if not 1 <= number <= 53:
        return None
    year = clock.today.isocalendar().year
    try:
        monday = date.fromisocalendar(year, number, 1)
    except ValueError:
        return None
    if monday > clock.data_date:
        monday = date.fromisocalendar(year - 1, number, 1)
    return TimeReading(Period(monday, bucket_end(monday, "week"), f"{monday.isocalendar().year}-W{number:02d}"), 2)


def _day_words(items: Sequence[Token], at: int, clock: Clock, fiscal: int) -> TimeReading | None:  # noqa: ARG001
    if _text(items, at) == "yesterday":
        day = clock.today - timedelta(days=1)
        return TimeReading(Period(day, day, day.isoformat()), 1, end_only=True)
    return None


READERS: tuple[Reader, ...] = (
    _quarter_token, _quarter_words, _half, _month, _bare_year, _iso_month, _date, _relative, _to_date, _since, _ends, _week_number, _day_words,
)  # fmt: skip
