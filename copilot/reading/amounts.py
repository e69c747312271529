"""Numbers as people type them: 50k, 50,000, 50.000, $1m, 1.2bn, 60 %, fifty thousand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from copilot.reading.words import Token

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
WORDS = {
    word: n
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {
    word: 10 * n
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
_NUMBER = re.compile(r"(?P<sign>[$€£]?)(?P<digits>\d[\d.,']*)\s?(?P<scale>k|mn|mio|m|bn|b)?\s?(?P<percent>%?)$")


@dataclass(frozen=True)
class Amount:
    """A number of the question: its value (percents as fractions), what it can be, and how many tokens it took."""

    value: Decimal
    kind: Kind
    length: int


def read_amount(items: Sequence[Token], at: int) -> Amount | None:
    """The number that starts at a token, or None."""
    if at >= len(items):
        return None
    token = items[at]
    if token.text in WORDS:
        return _in_words(items, at)
    match = _NUMBER.fullmatch(token.text)
    if match is None:
        return None
    value = _plain(match["digits"])
    if value is None:
        return None
    length = 1
    scale = match["scale"]
    following = items[at + 1].text if at + 1 < len(items) else ""
    if scale is None and following in SCALES:
        scale, length = following, 2
    if scale:
        value *= 10 ** SCALES[scale]
    after = items[at + length].text if at + length < len(items) else ""
    if match["percent"] or after in {"%", "percent", "pct"}:
        return Amount(value / 100, "percent", length + (0 if match["percent"] else 1))
    return Amount(value, "money" if match["sign"] or scale else "plain", length)


def _plain(digits: str) -> Decimal | None:
    """Digits with separators: the last separator is decimal unless exactly three digits follow it."""
    text = digits.rstrip(".,'").replace("'", "")
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
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
    total, length = Decimal(0), 0
    while at + length < len(items) and items[at + length].text in WORDS:
        total += WORDS[items[at + length].text]
        length += 1
    scaled = False
    while at + length < len(items) and items[at + length].text in SCALES:
        total *= 10 ** SCALES[items[at + length].text]
        length, scaled = length + 1, True
    return Amount(total, "money" if scaled else "plain", length)
