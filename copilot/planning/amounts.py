"""Numbers as people type them: 50k, 50,000, 50.000, $1m, 1.2bn, EUR 30k, 60 %, fifty thousand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from copilot.planning.normalise import Token

Kind = Literal["plain", "money", "percent"]

SCALES = {
    "k": 3,
    "m": 6,
    "mn": 6,
    "mio": 6,
    "bn": 9,
    "b": 9,
    "thousand": 3,
    "grand": 3,
    "million": 6,
    "billion": 9,
    "hundred": 2,
}
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {word: n for n, word in enumerate(_ONES.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), start=2)
}
_WHOLE_SCALES = frozenset({"hundred", "thousand", "million", "billion"})
_PERCENT = frozenset({"%", "percent", "prozent"})
_NUMBER = re.compile(r"(?P<sign>[$€£]?)\s?(?P<digits>\d[\d.,']*)\s?(?P<scale>k|mn|mio|m|bn|b)?\s?(?P<percent>%?)")
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
_LONGEST = 24
"""Digits of a number that are still taken for one."""


@dataclass(frozen=True)
class Amount:
    """A number of the question: its value (percents as fractions), what it can be, and how many tokens it took."""

    value: Decimal
    kind: Kind
    length: int
    currency: str | None = None


def read_amount(items: Sequence[Token], at: int) -> Amount | None:
    """The number that starts at a token, or None."""
    if at >= len(items):
        return None
    if items[at].text in WORDS:
        return _in_words(items, at)
    if items[at].text in {"a", "an"} and _text(items, at + 1) in _WHOLE_SCALES:
        return _in_words(items, at)
    match = _NUMBER.fullmatch(items[at].text)
    if match is None or items[at].kind != "number" or len(items[at].text) > _LONGEST:
        return None
    scale, length = match["scale"], 1
    value = _plain(match["digits"], scaled=bool(scale))
    if value is None:
        return None
    if scale is None and _text(items, at + 1) in SCALES and items[at + 1].kind == "word":
        scale, length = _text(items, at + 1), 2
    if scale:
        value = value.scaleb(SCALES[scale])
    return _finished(items, at, value, length, percent=bool(match["percent"]), scaled=bool(scale), sign=match["sign"])


def _finished(
    items: Sequence[Token], at: int, value: Decimal, length: int, *, percent: bool, scaled: bool, sign: str = ""
) -> Amount:
    value = Decimal(format(value, "f"))
    if percent:
        return Amount(value / 100, "percent", length)
    if _text(items, at + length) in _PERCENT:
        return Amount(value / 100, "percent", length + 1)
    return Amount(value, "money" if sign or scaled else "plain", length, _CURRENCIES.get(sign))


def _text(items: Sequence[Token], at: int) -> str:
    return items[at].text if at < len(items) else ""


def _plain(digits: str, *, scaled: bool) -> Decimal | None:
    """Digits with separators.

    Groups of three are thousands (but "1.250m" has a decimal point), else the last one is decimal.
    """
    text = digits.rstrip(".,'").replace("'", "")
    grouped = re.fullmatch(r"\d{1,3}([.,]\d{3})+", text)
    if grouped and not (scaled and text.count(".") == 1 and "," not in text):
        text = re.sub(r"[.,]", "", text)
    elif "," in text and "." in text:
        last = max(text.rfind(","), text.rfind("."))
        text = re.sub(r"[.,]", "", text[:last]) + "." + text[last + 1 :]
    else:
        text = text.replace(",", ".")
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _in_words(items: Sequence[Token], at: int) -> Amount | None:
    """As in "fifty thousand", "two million", "twenty five"."""
    total, length = Decimal(WORDS.get(items[at].text, 1)), 1  # "a hundred"
    if total >= 20 and WORDS.get(_text(items, at + 1), 10) < 10:
        total, length = total + WORDS[_text(items, at + 1)], 2
    scaled = False
    while _text(items, at + length) in SCALES and length < 6:
        total = total.scaleb(SCALES[_text(items, at + length)])
        length, scaled = length + 1, True
    return _finished(items, at, total, length, percent=False, scaled=scaled)
