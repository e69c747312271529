"""The kinds of cells: each takes text and gives a typed value, or raises CellError that says what is wrong.

Numbers are plain digits with one decimal mark: no exponents, no infinities, no signs of money, nothing rounded in
silence. Text is refused when it holds invisible characters, or begins as a spreadsheet's formula does: it would run
in the spreadsheet of whoever exports it again.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from sync.feeds.currencies import CODES
from sync.feeds.drafts import Notation, unprintable

Cell = dt.date | Decimal | int | str
Kind = Callable[[str, Notation], Cell]

_LONGEST_TEXT: Final = 200
_MONEY_PLACES: Final = 4
_RATE_PLACES: Final = 6
_MONEY_LIMIT: Final = Decimal(10) ** 23
_RATE_LIMIT: Final = 1_000
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_FORMULA: Final = ("=", "+", "-", "@")
_DURATION: Final = re.compile(r"P(?:(\d{1,2})Y)?(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,4})D)?")
ANY: Final = "*"


class CellError(ValueError):
    """A cell that cannot be typed; its text says what is wrong and what would be right."""


@lru_cache(maxsize=8_192)  # names and days repeat from row to row
def text(value: str, notation: Notation) -> str:
    """Visible text on one line, in Unicode's composed form, without spaces around or in rows."""
    del notation
    hidden = next((character for character in value if unprintable(character)), None)
    if hidden is not None:
        name = unicodedata.name(hidden, f"U+{ord(hidden):04X}")
        raise CellError(f"holds an invisible character ({name}); remove it")
    if value.startswith(_FORMULA):
        raise CellError(f"begins with {value[0]!r}, which a spreadsheet runs as a formula; write plain text")
    composed = " ".join(unicodedata.normalize("NFC", value).split())
    if len(composed) > _LONGEST_TEXT:
        raise CellError(f"has {len(composed)} characters; at most {_LONGEST_TEXT} are allowed")
    return composed


def currency(value: str, notation: Notation) -> str:
    """An ISO 4217 code."""
    del notation
    if value not in CODES:
        near = get_close_matches(value.upper(), sorted(CODES), n=1)
        raise CellError(
            f"{_quote(value)} is not an ISO 4217 currency code{f'; did you mean {near[0]}' if near else ''}"
        )
    return value


def currency_or_any(value: str, notation: Notation) -> str:
    """An ISO 4217 code, or * for all."""
    return value if value == ANY else currency(value, notation)


@lru_cache(maxsize=8_192)
def date(value: str, notation: Notation) -> dt.date:
    """A day, written as the notation says; an ISO time of midnight counts as its day."""
    try:
        # strptime takes "2026-1-5" and spaces, so the day must write back to the same text
        found = dt.datetime.strptime(value, notation.date_format).replace(tzinfo=dt.UTC)
        same = found.strftime(notation.date_format) == value
    except ValueError:
        same = False
    if not same:
        example = dt.date(2026, 1, 31).strftime(notation.date_format)
        raise CellError(f"{_quote(value)} is not a date written like {example}")
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise CellError(f"{_quote(value)} lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return found.date()


def month(value: str, notation: Notation) -> dt.date:
    """A month as its first day; `2026-10` and any day of the month are taken too."""
    if re.fullmatch(r"\d{4}-\d{2}", value, re.ASCII):
        return date(f"{value}-01", Notation())
    return date(value, notation).replace(day=1)


def money(value: str, notation: Notation) -> Decimal:
    """An amount with up to four decimals, below 10^23."""
    found = _number(value, notation, _MONEY_PLACES)
    if abs(found) >= _MONEY_LIMIT:
        raise CellError("is too large; amounts stay below 10^23")
    return found.quantize(Decimal(10) ** -_MONEY_PLACES)


def amount_not_negative(value: str, notation: Notation) -> Decimal:
    """An amount of zero or more."""
    found = money(value, notation)
    if found < 0:
        raise CellError("is negative; write the amount without a sign, the direction has its own column")
    return found


def percent(value: str, notation: Notation) -> Decimal:
    """A rate in percent per year (4.25 is 4.25 %), with up to six decimals, between -1000 and 1000."""
    return _rate(_number(value, notation, _RATE_PLACES))


def published_percent(value: str, notation: Notation) -> Decimal:
    """A rate in percent as publishers write it, with any number of decimals; kept to six, half to even."""
    return _rate(_number(value, notation, None))


def identifier(value: str, notation: Notation) -> int:
    """An id of Coupa's: a whole number above zero."""
    del notation
    if not re.fullmatch(r"[1-9]\d{0,17}", value, re.ASCII):
        raise CellError(f"{_quote(value)} is not an id: a whole number above zero")
    return int(value)


def tenor(value: str, notation: Notation) -> str:
    """A term as an ISO 8601 duration: P1D, P3M, P1Y6M."""
    del notation
    if value == "P" or not _DURATION.fullmatch(value):
        raise CellError(f"{_quote(value)} is not a term; write it as an ISO 8601 duration such as P3M or P10Y")
    return value


def tenor_days(duration: str) -> int:
    """Days of a term, a year as 365 days and a month as a twelfth of it."""
    found = _DURATION.fullmatch(duration)
    years, months, weeks, days = (int(part or 0) for part in (found.groups() if found else ("0", "0", "0", "0")))
    return years * 365 + round(months * 365 / 12) + weeks * 7 + days


def one_of(*words: str) -> Kind:
    """One word of a closed list, in lower case."""

    def word(value: str, notation: Notation) -> str:
        del notation
        folded = value.strip().lower().replace(" ", "_")
        if folded not in words:
            near = get_close_matches(folded, words, n=1)
            hint = f"; did you mean {near[0]}" if near else ""
            raise CellError(f"{_quote(value)} is not one of {', '.join(words)}{hint}")
        return folded

    return word


def word_or(kind: Kind, *words: str) -> Kind:
    """A word of the list as it stands, or else a cell of the kind."""
    return lambda value, notation: value if value in words else kind(value, notation)


def _rate(found: Decimal) -> Decimal:
    if abs(found) >= _RATE_LIMIT:
        raise CellError(f"is beyond {_RATE_LIMIT} percent a year")
    return found.quantize(Decimal(10) ** -_RATE_PLACES, ROUND_HALF_EVEN)


def _number(value: str, notation: Notation, places: int | None) -> Decimal:
    """Digits with one decimal mark, groups of three only where they are declared."""
    mark, group = re.escape(notation.decimal), re.escape(notation.thousands)
    whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d{{1,40}})" if notation.thousands else r"\d{1,40}"
    if not re.fullmatch(rf"[+-]?{whole}(?:{mark}\d{{1,40}})?", value, re.ASCII):
        raise CellError(_not_a_number(value, notation))
    plain = value.replace(notation.thousands, "") if notation.thousands else value
    found = Decimal(plain.replace(notation.decimal, "."))
    exponent = found.as_tuple().exponent
    if places is not None and isinstance(exponent, int) and -exponent > places and found != round(found, places):
        raise CellError(f"{_quote(value)} has more than {places} decimals")
    return found


def _not_a_number(value: str, notation: Notation) -> str:
    """What is wrong with a number, with the way out where it looks like another country's."""
    said = f"{_quote(value)} is not a number written like 1234{notation.decimal}56"
    other = "," if notation.decimal == "." else "."
    if re.fullmatch(rf"[+-]?\d+{re.escape(other)}\d+", value, re.ASCII):
        return f"{said}; if the file writes decimals with {other!r}, declare it: --decimal '{other}'"
    if notation.thousands == "" and re.fullmatch(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?", value, re.ASCII):
        return f"{said}; if it separates thousands, declare it: --thousands"
    return said


def _quote(value: str) -> str:
    """The cell as it may be shown: short, in quotes."""
    return repr(value if len(value) <= 40 else f"{value[:40]}…")
