"""Figures to text: the only place where a value becomes words. Rounds half up, computes nothing else.

Units are those of the answer: `money:<currency>`, `days`, `ratio` (a fraction), `count`, `date` (ISO) and `text`.
Money reaches this module as Decimal or decimal text and never passes through a float.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from copilot.wording.quoting import clean

Printable = Decimal | str | int | float | bool | date | None

NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""

MINUS = "-"
LONGEST_TEXT = 4_000
"""Vetted text, a definition for example, may be long; names from data were cut when they became cells."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_MINOR_UNIT = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"})
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_SCALES = ((Decimal(10) ** 3, "k"), (Decimal(10) ** 6, "m"), (Decimal(10) ** 9, "bn"))


def decimal_of(value: Printable) -> Decimal | None:
    """The number in a cell, or None if there is none. Floats are read by their shortest decimal text."""
    if value is None or isinstance(value, bool | date):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def rounded(number: Decimal, places: int) -> Decimal:
    """`number` to `places` decimals, half away from zero; never a negative zero."""
    exact = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return abs(exact) if exact.is_zero() else exact


def decimals(currency: str) -> int:
    """Decimals of a currency's minor unit (ISO 4217)."""
    if currency in _NO_MINOR_UNIT:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def currency_of(unit: str) -> str:
    """The currency code of a money unit, empty for other units."""
    return unit.partition(":")[2] if unit.startswith("money") else ""


def headline(value: Printable, unit: str) -> str:
    """A figure as a sentence says it: "USD 12.4m", "47.3 days", "18.2%", "1,204"."""
    return _figure(value, unit, short=True)


def exact(value: Printable, unit: str) -> str:
    """A figure as a table shows it: "USD 12,431,220.15", otherwise like `headline`."""
    return _figure(value, unit, short=False)


def cell(value: Printable, unit: str) -> str:
    """A figure under a column head that already names the unit: "12,431,220.15", "47.3", "18.2%"."""
    return _bare(exact(value, unit), unit)


def cell_change(value: Printable, unit: str) -> str:
    """A signed difference under a column head that names the unit: "+1.8", "-1,204.50", "+0.4 percentage points"."""
    return _bare(change(value, unit, short=False), unit)


def _bare(text: str, unit: str) -> str:
    currency = currency_of(unit)
    if currency:
        return text.replace(f"{currency} ", "", 1)
    return text.removesuffix(" days") if unit == "days" else text


def change(value: Printable, unit: str, *, short: bool = True) -> str:
    """A signed difference: "+1.8 days", "-USD 1.2m", "+0.4 percentage points"."""
    number = decimal_of(value)
    if number is None:
        return NOTHING
    size = magnitude(number, unit, short=short)
    sign = _sign(number, unit, short=short)
    return f"{sign}{size}"


def magnitude(value: Printable, unit: str, *, short: bool = True) -> str:
    """The size of a difference without its sign; a difference of ratios is in percentage points."""
    number = decimal_of(value)
    if number is None:
        return NOTHING
    if unit == "ratio":
        return f"{rounded(abs(number) * 100, 1):,} percentage points"
    return _figure(abs(number), unit, short=short)


def is_level(value: Printable, unit: str, *, short: bool = True) -> bool:
    """Whether a difference shows as nothing but zeros, so that no direction may be claimed for it."""
    number = decimal_of(value)
    return number is not None and _sign(number, unit, short=short) == ""


def day(when: date) -> str:
    """A date: "30 Sep 2026"."""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def _figure(value: Printable, unit: str, *, short: bool) -> str:
    kind = unit.partition(":")[0]
    if kind in _NUMBERS:
        number = decimal_of(value)
        return NOTHING if number is None else _NUMBERS[kind](number, unit, short)
    return _text(value, kind)


def _text(value: Printable, kind: str) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return day(value)
    if kind == "date" and isinstance(value, str):
        try:
            return day(date.fromisoformat(value))
        except ValueError:
            return clean(value)
    return clean(str(value), LONGEST_TEXT)


def _money(number: Decimal, unit: str, short: bool) -> str:  # noqa: FBT001 (one of a table of formats)
    currency = currency_of(unit)
    minus = MINUS if _sign(number, unit, short=short) == MINUS else ""
    body = _short(abs(number), decimals(currency)) if short else f"{rounded(abs(number), decimals(currency)):,}"
    return f"{minus}{currency} {body}" if currency else f"{minus}{body}"


def _short(size: Decimal, places: int) -> str:
    """Scaled so that the digits before the point stay below a thousand, also after rounding."""
    shown, letter = rounded(size, places), ""
    for scale, name in _SCALES:
        if shown < 1000:
            break
        shown, letter = rounded(size / scale, 1), name
    return f"{shown:,}{letter}"


def _days(number: Decimal, _unit: str, _short_form: bool) -> str:  # noqa: FBT001 (one of a table of formats)
    return f"{rounded(number, 1):,} days"


def _ratio(number: Decimal, _unit: str, _short_form: bool) -> str:  # noqa: FBT001 (one of a table of formats)
    return f"{rounded(number * 100, 1):,}%"


def _count(number: Decimal, _unit: str, _short_form: bool) -> str:  # noqa: FBT001 (one of a table of formats)
    return f"{rounded(number, 0):,}"


_NUMBERS: dict[str, Callable[[Decimal, str, bool], str]] = {
    "money": _money,
    "days": _days,
    "ratio": _ratio,
    "count": _count,
}


def _sign(number: Decimal, unit: str, *, short: bool) -> str:
    """The sign of what is shown: empty if every shown digit is zero."""
    match unit.partition(":")[0]:
        case "money":
            size = abs(number)
            small = not short or size < _SCALES[0][0]
            shown = rounded(size, decimals(currency_of(unit))) if small else size
        case "ratio":
            shown = rounded(number * 100, 1)
        case "days":
            shown = rounded(number, 1)
        case _:
            shown = rounded(number, 0)
    if shown.is_zero():
        return ""
    return "+" if number > 0 else MINUS
