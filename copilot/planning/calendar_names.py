"""Names of calendar periods.

Quarters, halves, months, days of a month, years. Which year is meant is decided by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from copilot.planning.amounts import WORDS
from copilot.planning.calendar_words import LAST, MONTHS, NEXT, ORDINALS, THIS, UNITS
from copilot.planning.normalise import Token
from semantic_layer.periods import Period, add_months, bucket, month_end

_LEAP_YEAR = 2024
_HALVES = frozenset({"first", "second", "1st", "2nd", "premier", "deuxieme", "erstes", "zweites"})
_SHORT_YEARS = range(23, 30)


@dataclass(frozen=True)
class Named:
    """A period that has a name in every year.

    `year` None: not said; `relative_year`: `year` counts from the current one.
    """

    build: Callable[[int], Period]
    length: int
    year: int | None = None
    relative_year: bool = False
    is_day: bool = False
    or_else: Period | None = None
    """What else the same words can mean: "Jan 26" is a day of January and January of 2026."""


def named(items: Sequence[Token], at: int, fiscal: int) -> Named | None:
    """The calendar name that starts at a token, with the year beside it if there is one."""
    found = _core(items, at, fiscal)
    if found is not None and found.year is not None:
        inner = _core(items, at + found.length, fiscal) if _text(items, at).startswith("fy") else None
        if inner is not None and inner.year is None:  # "FY25 Q3"
            return replace(inner, length=found.length + inner.length, year=found.year)
        return found
    if found is not None:
        return _with_year(items, at, found)
    if at >= len(items):
        return None
    year = year_at(items, at) if items[at].kind == "number" else None
    if year is None:
        return None
    inner = _core(items, at + year[1], fiscal)
    if inner is not None and inner.year is None:
        return replace(inner, length=inner.length + year[1], year=year[0])
    return Named(lambda y: _fiscal_year(y, fiscal), year[1], year[0])


def _core(items: Sequence[Token], at: int, fiscal: int) -> Named | None:
    for reader in (
        _quarter,
        _half_of_month,
        _first_months,
        _half,
        _fiscal_year_name,
        _day_of_month,
        _month,
        _numbered_month,
    ):
        found = reader(items, at, fiscal)
        if found is not None:
            return found
    return None


def year_at(items: Sequence[Token], at: int) -> tuple[int, int, bool] | None:
    """(year, tokens read, relative) of "2026", "of 2026", "last year", "this year", "next year"."""
    skip = 1 if _text(items, at) in {"of", "in"} else 0
    text = _text(items, at + skip)
    if re.fullmatch(r"20\d\d", text):
        return int(text), skip + 1, False
    if _text(items, at + skip + 1) == "year":
        steps = -1 if text in LAST else 0 if text in THIS else 1 if text in NEXT else None
        return (steps, skip + 2, True) if steps is not None else None
    return None


def _with_year(items: Sequence[Token], at: int, found: Named) -> Named:
    year = year_at(items, at + found.length) or _short_year(items, at, found)
    if year is None:
        return found
    return replace(found, length=found.length + year[1], year=year[0], relative_year=year[2])


def _short_year(items: Sequence[Token], at: int, found: Named) -> tuple[int, int, bool] | None:
    """As in "Q3 25", "H1 '26": two digits after a quarter or half in figures."""
    digits = _text(items, at + found.length)
    if items[at].kind != "period" or found.length != 1 or not re.fullmatch(r"2\d", digits):
        return None
    ranked = _text(items, at + found.length + 1) in {
        "largest",
        "biggest",
        "highest",
        "smallest",
        "lowest",
        "top",
        "worst",
        "best",
    }
    return None if ranked or items[at + found.length].kind != "number" else (2000 + int(digits), 1, False)


def _text(items: Sequence[Token], at: int) -> str:
    return items[at].text if 0 <= at < len(items) else ""


def _year_start(year: int, fiscal: int) -> date:
    """First day of a fiscal year, which is named after the calendar year in which it ends."""
    return date(year if fiscal == 1 else year - 1, fiscal, 1)


def _fiscal_year(year: int, fiscal: int) -> Period:
    return bucket(_year_start(year, fiscal), "year", fiscal)


def _quarter_of(number: int, fiscal: int) -> Callable[[int], Period]:
    return lambda year: bucket(add_months(_year_start(year, fiscal), 3 * (number - 1)), "quarter", fiscal)


def half_of(number: int, fiscal: int) -> Callable[[int], Period]:
    """A half of a fiscal year, first or second, for any year."""

    def build(year: int) -> Period:
        first = add_months(_year_start(year, fiscal), 6 * (number - 1))
        return Period(first, month_end(add_months(first, 5)), f"H{number} {year}")

    return build


def _two_digits(text: str | None) -> int | None:
    return int(text) % 100 + 2000 if text else None


def _quarter(items: Sequence[Token], at: int, fiscal: int) -> Named | None:
    """As in "q3", "2026-q3", "3q26", "q3'26", "third quarter", "quarter 3"."""
    text = _text(items, at)
    for pattern in (
        r"(?P<y>\d{4})[- ]?q(?P<q>[1-4])",
        r"(?P<q>[1-4])q'?(?P<y>\d{2,4})",
        r"[qt](?P<q>[1-4])(?:[/'-]?(?P<y>\d{2,4}))?",
    ):
        if match := re.fullmatch(pattern, text):
            return Named(_quarter_of(int(match["q"]), fiscal), 1, _two_digits(match["y"]))
    following = items[at + 1].stem if at + 1 < len(items) else ""
    if text in ORDINALS and UNITS.get(following) == "quarter":
        return Named(_quarter_of(ORDINALS[text], fiscal), 2)
    if at < len(items) and UNITS.get(items[at].stem) == "quarter" and _text(items, at + 1) in {"1", "2", "3", "4"}:
        return Named(_quarter_of(int(_text(items, at + 1)), fiscal), 2)
    return None


def _half(items: Sequence[Token], at: int, fiscal: int) -> Named | None:
    text = _text(items, at)
    for pattern in (r"h(?P<h>[12])(?:[/'-]?(?P<y>\d{2,4}))?", r"(?P<h>[12])h'?(?P<y>\d{2,4})"):
        if match := re.fullmatch(pattern, text):
            return Named(half_of(int(match["h"]), fiscal), 1, _two_digits(match["y"]))
    if text in _HALVES and _text(items, at + 1) in {"half", "semestre", "halbjahr"}:
        of_year = (_text(items, at + 2), _text(items, at + 3), _text(items, at + 4)) == ("of", "the", "year")
        return Named(half_of(ORDINALS[text], fiscal), 5 if of_year else 2)
    return None


def _half_of_month(items: Sequence[Token], at: int, fiscal: int) -> Named | None:  # noqa: ARG001
    """As in "first half of December": to the 15th, or from the 16th."""
    number = MONTHS.get(_text(items, at + 3))
    if _text(items, at) not in {"first", "second", "1st", "2nd"} or _text(items, at + 1) != "half" or number is None:
        return None
    if _text(items, at + 2) not in {"of", "in"}:
        return None
    first = ORDINALS[_text(items, at)] == 1

    def build(year: int) -> Period:
        start, end = (1, 15) if first else (16, month_end(date(year, number, 1)).day)
        return Period(date(year, number, start), date(year, number, end), f"{year}-{number:02}-{start:02} to {end:02}")

    return Named(build, 4)


def _first_months(items: Sequence[Token], at: int, fiscal: int) -> Named | None:
    """As in "first nine months", "first three quarters of 2025": from the start of the year."""
    text = _text(items, at + 1)
    count = int(text) if text.isdecimal() else WORDS.get(text, 0)
    unit = UNITS.get(items[at + 2].stem) if at + 2 < len(items) else None
    months = count * {"month": 1, "quarter": 3}.get(unit or "", 0)
    if _text(items, at) != "first" or not 2 <= months <= 11 or items[at + 2].text == items[at + 2].stem:
        return None

    def build(year: int) -> Period:
        start = _year_start(year, fiscal)
        return Period(start, month_end(add_months(start, months - 1)), f"first {months} months of {year}")

    of_year = tuple(_text(items, at + i) for i in (3, 4, 5)) in {("of", "the", "year"), ("in", "the", "year")}
    return Named(build, 6 if of_year else 3)


def _fiscal_year_name(items: Sequence[Token], at: int, fiscal: int) -> Named | None:
    """As in "FY26", "fiscal year 2026"."""
    if match := re.fullmatch(r"fy'?(\d{2,4})", _text(items, at)):
        return Named(lambda year: _fiscal_year(year, fiscal), 1, _two_digits(match[1]))
    prefix = (_text(items, at), _text(items, at + 1))
    skip = 2 if prefix in {("fiscal", "year"), ("calendar", "year")} else 1 if prefix[0] in {"fy", "year"} else 0
    if skip and re.fullmatch(r"20\d\d", _text(items, at + skip)):
        return Named(lambda year: _fiscal_year(year, fiscal), skip + 1, int(_text(items, at + skip)))
    return None


def _month_of(number: int) -> Callable[[int], Period]:
    return lambda year: bucket(date(year, number, 1), "month")


def _month(items: Sequence[Token], at: int, fiscal: int) -> Named | None:  # noqa: ARG001 - one shape for all readers
    number = MONTHS.get(_text(items, at))
    if number is None or (_text(items, at) in {"may", "mars"} and not _meant_as_month(items, at)):
        return None
    return Named(_month_of(number), 1)


def _meant_as_month(items: Sequence[Token], at: int) -> bool:
    """Whether "may" is the month: beside a word of time, another month or a year, or alone."""
    before, after = _text(items, at - 1), _text(items, at + 1)
    beside = {
        "in",
        "since",
        "of",
        "for",
        "last",
        "and",
        "to",
        "until",
        "from",
        "between",
        "by",
        "end",
        "next",
        "this",
        "-",
        "vs",
    }
    return (
        len(items) == 1
        or before in beside
        or before in MONTHS
        or after in {"-", *MONTHS}
        or year_at(items, at + 1) is not None
    )


def _day_of_month(items: Sequence[Token], at: int, fiscal: int) -> Named | None:  # noqa: ARG001
    """As in "31 October", "31st of October", "October 31", "Oct 31st"."""
    day, length = _day_number(items, at)
    if day:
        skip = 1 if _text(items, at + length) in {"of", "."} else 0
        number = MONTHS.get(_text(items, at + length + skip))
        return _day_named(day, number, length + skip + 1)
    number = MONTHS.get(_text(items, at))
    day, length = _day_number(items, at + 1)
    found = _day_named(day, number, 1 + length) if number and day else None
    if found is None or number is None or length != 1 or day not in _SHORT_YEARS:
        return found
    return replace(found, or_else=_month_of(number)(2000 + day))


def _day_number(items: Sequence[Token], at: int) -> tuple[int, int]:
    """(day of the month, tokens read); zero where there is none."""
    text = _text(items, at).rstrip(".,")
    if not re.fullmatch(r"\d{1,2}", text) or not 1 <= int(text) <= 31:
        return 0, 0
    suffix = 1 if _text(items, at + 1) in {"st", "nd", "rd", "th"} else 0
    return int(text), 1 + suffix


def _day_named(day: int, month: int | None, length: int) -> Named | None:
    if month is None or day > month_end(date(_LEAP_YEAR, month, 1)).day:
        return None

    def build(year: int) -> Period:
        found = date(year, month, day)  # 29 February of a common year is no day: the caller reads no date then
        return Period(found, found, found.isoformat())

    return Named(build, length, is_day=True)


def _numbered_month(items: Sequence[Token], at: int, fiscal: int) -> Named | None:  # noqa: ARG001
    """As in "2026-10", "10/2026"."""
    text = _text(items, at)
    if match := re.fullmatch(r"(?P<m>[a-z]+)['-](?P<y>\d\d)", text):  # "oct'25", "mar-26"
        month = MONTHS.get(match["m"])
        return Named(_month_of(month), 1, 2000 + int(match["y"])) if month else None
    match = re.fullmatch(r"(?P<y>20\d\d)-(?P<m>\d{2})", text) or re.fullmatch(r"(?P<m>\d{1,2})/(?P<y>20\d\d)", text)
    if match is None or not 1 <= int(match["m"]) <= 12:
        return None
    return Named(_month_of(int(match["m"])), 1, int(match["y"]))
