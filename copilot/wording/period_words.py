"""Periods to text: "Q3 2026 (Jul-Sep)", "1 Jan to 21 Nov 2026", and the short keys that the JSON carries."""

from __future__ import annotations

import re
from datetime import date

from copilot.wording.figures import MONTHS, day
from copilot.wording.quoting import clean
from semantic_layer.periods import Grain, Period, bucket_end, bucket_label, bucket_start, buckets, is_whole

DASH = "\N{EN DASH}"
_QUARTER_KEY = re.compile(r"(\d{4})-Q([1-4])")
_MONTH_KEY = re.compile(r"(\d{4})-(\d{2})")
_WEEK_KEY = re.compile(r"(\d{4})-W(\d{2})")
_NAMED: tuple[Grain, ...] = ("month", "quarter", "year")


def period_key(period: Period, fiscal_year_start: int = 1) -> str:
    """The period as the JSON carries it: 2026-10, 2026-Q3, 2026, one ISO date, or start/end."""
    grain = whole_grain(period, fiscal_year_start)
    if grain is not None:
        return bucket_label(period.start, grain, fiscal_year_start)
    return f"{period.start.isoformat()}/{period.end.isoformat()}"


def whole_grain(period: Period, fiscal_year_start: int = 1) -> Grain | None:
    """The grain of which the period is exactly one bucket (day, week, month, quarter, year), if any."""
    if period.start == period.end:
        return "day"
    for grain in ("week", *_NAMED):
        first = bucket_start(period.start, grain, fiscal_year_start) == period.start
        if first and bucket_end(period.start, grain, fiscal_year_start) == period.end:
            return grain
    return None


def period_words(period: Period, fiscal_year_start: int = 1) -> str:
    """The period as a table head or a reading says it: "Oct 2026", "Q3 2026 (Jul-Sep)", "1 Jan to 21 Nov 2026"."""
    match whole_grain(period, fiscal_year_start):
        case "day":
            return day(period.start)
        case "month":
            return f"{MONTHS[period.start.month - 1]} {period.start.year}"
        case "quarter":
            year, quarter = bucket_label(period.start, "quarter", fiscal_year_start).split("-")
            return f"{quarter} {year} ({_months(period)})"
        case "year" if fiscal_year_start == 1:
            return str(period.start.year)
        case "year":
            return f"FY {bucket_label(period.start, 'year', fiscal_year_start)} ({_months(period)})"
        case _:
            return _range(period)


def when(period: Period, fiscal_year_start: int = 1) -> str:
    """The period with its preposition: "in Q3 2026 (Jul-Sep)", "on 30 Sep 2026", "from 1 Jan to 21 Nov 2026"."""
    match whole_grain(period, fiscal_year_start):
        case "day":
            return f"on {day(period.start)}"
        case "week" | None:
            return f"from {_range(period)}"
        case _:
            return f"in {period_words(period, fiscal_year_start)}"


def key_words(key: str) -> str:
    """A key of the answer's JSON in words; what is not a key comes back cleaned."""
    if found := _QUARTER_KEY.fullmatch(key):
        return f"Q{found[2]} {found[1]}"
    if found := _WEEK_KEY.fullmatch(key):
        return f"week {int(found[2])} of {found[1]}"
    if (found := _MONTH_KEY.fullmatch(key)) and 1 <= int(found[2]) <= 12:
        return f"{MONTHS[int(found[2]) - 1]} {found[1]}"
    start, slash, end = key.partition("/")
    try:
        first = date.fromisoformat(start)
        return _range(Period(first, date.fromisoformat(end))) if slash else day(first)
    except ValueError:
        return clean(key)


def bucket_periods(period: Period, grain: Grain, fiscal_year_start: int = 1) -> dict[str, Period]:
    """Every bucket of the period under each key a row may carry: its label and its first day in ISO form."""
    found: dict[str, Period] = {}
    for part in buckets(period, grain, fiscal_year_start):
        found[part.label] = part
        found[bucket_start(part.start, grain, fiscal_year_start).isoformat()] = part
        found.setdefault(part.start.isoformat(), part)
    return found


def whole_bucket(part: Period, grain: Grain, fiscal_year_start: int = 1) -> Period:
    """The uncut bucket that `part` belongs to."""
    return Period(
        bucket_start(part.start, grain, fiscal_year_start), bucket_end(part.start, grain, fiscal_year_start), part.label
    )


def is_partial(part: Period, grain: Grain, fiscal_year_start: int = 1) -> bool:
    """Whether `part` is a bucket cut short."""
    return not is_whole(part, grain, fiscal_year_start)


def _months(period: Period) -> str:
    first, last = MONTHS[period.start.month - 1], MONTHS[period.end.month - 1]
    if period.start.year == period.end.year:
        return f"{first}{DASH}{last}"
    return f"{first} {period.start.year}{DASH}{last} {period.end.year}"


def _range(period: Period) -> str:
    if period.start.year != period.end.year:
        return f"{day(period.start)} to {day(period.end)}"
    if period.start.month == period.end.month:
        return f"{period.start.day} to {day(period.end)}"
    return f"{period.start.day} {MONTHS[period.start.month - 1]} to {day(period.end)}"
