"""The scanner that prose must pass: no digit, number word or direction word without a figure that supports it.

It does not ask the narrator what it meant. It takes the finished text, strikes out what the answer's own cells can
back in exactly the form in which `figures` would print it, and reports whatever is left. Names are struck out only as
the quoted data they are; a digit inside a name therefore backs no number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from copilot.answer import Cell, Headline, Table
from copilot.narration.prose import Sense
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import CLOSING, OPENING, name_of, quoted
from semantic_layer.periods import GRAINS

Rule = Literal["number", "number word", "direction word", "unknown quotation"]

_UNITS = [
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
    "twenty",
]
_NUMBER_VALUES = {word: value for value, word in enumerate(_UNITS)}
_NUMBER_WORDS = frozenset(
    {
        *_NUMBER_VALUES,
        *[
            "thirty",
            "forty",
            "fifty",
            "sixty",
            "seventy",
            "eighty",
            "ninety",
            "hundred",
            "hundreds",
            "thousand",
            "thousands",
            "million",
            "millions",
            "billion",
        ],
        *[
            "billions",
            "trillion",
            "dozen",
            "dozens",
            "half",
            "halves",
            "third",
            "thirds",
            "fifth",
            "tenth",
            "double",
            "doubled",
            "twice",
            "triple",
            "tripled",
        ],
        *[
            "halved",
            "quadrupled",
            "once",
            "thrice",
            "percent",
            "percentage",
            "couple",
            "several",
            "first",
            "second",
            "fourth",
            "sixth",
            "seventh",
            "eighth",
        ],
    }
)
_QUARTER_AS_NUMBER = re.compile(r"\b(?:a|an|three)[ -]quarters?\b", re.IGNORECASE)
_SENSES: dict[Sense, frozenset[str]] = {
    "up": frozenset(
        [
            "up",
            "rose",
            "rise",
            "rises",
            "rising",
            "risen",
            "increase",
            "increases",
            "increased",
            "increasing",
            "grew",
            "grow",
            "grows",
            "growing",
            "higher",
            "more",
            "climbed",
            "jumped",
            "surged",
            "soared",
            "above",
            "exceeded",
            "exceeds",
            "gained",
            "longer",
            "slower",
        ]
    ),
    "down": frozenset(
        [
            "down",
            "fell",
            "fall",
            "falls",
            "falling",
            "fallen",
            "decrease",
            "decreases",
            "decreased",
            "decreasing",
            "declined",
            "decline",
            "dropped",
            "drop",
            "drops",
            "shrank",
            "shrunk",
            "lower",
            "less",
            "fewer",
            "below",
            "under",
            "lost",
            "shorter",
            "faster",
            "reduced",
        ]
    ),
    "level": frozenset(["unchanged", "flat", "level", "stable", "steady", "constant"]),
    "largest": frozenset(
        ["largest", "highest", "biggest", "greatest", "most", "top", "leading", "maximum", "longest", "leads", "peaked"]
    ),
    "smallest": frozenset(["smallest", "lowest", "least", "bottom", "minimum", "shortest"]),
}
_JUDGEMENTS = frozenset(
    ["better", "worse", "improved", "improves", "improving", "worsened", "worsens", "best", "worst"]
)
"""Words that praise or blame: no cell can support them, so they are always rejected."""
_WORD = re.compile(r"[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)?")
_STRUCK = "\N{WHITE SQUARE}"
_QUOTATION = re.compile(f"{OPENING}[^{CLOSING}]*{CLOSING}?")


@dataclass(frozen=True)
class Support:
    """What a text may say: figures as printed, vetted terms, names as data, senses of direction, small counts."""

    figures: frozenset[str]
    terms: frozenset[str] = field(default=frozenset())
    names: frozenset[str] = field(default=frozenset())
    senses: frozenset[Sense] = field(default=frozenset())
    counts: frozenset[int] = field(default=frozenset())


@dataclass(frozen=True)
class Unsupported:
    """A piece of prose that nothing backs."""

    words: str
    rule: Rule


def support_of(
    headline: Headline | None,
    table: Table | None,
    *,
    periods: Iterable[str] = (),
    terms: Iterable[str] = (),
    inputs: Iterable[tuple[Cell, str]] = (),
) -> Support:
    """Everything the cells of an answer back; `inputs` are numbers of the question (limit, filter) with units."""
    cells = [*_headline_cells(headline), *_table_cells(table), *inputs]
    printed = set(chain.from_iterable(_forms(value, unit) for value, unit in cells))
    printed.update(text for text in periods if text)
    if headline is not None:
        printed.update({key_words(headline.period), key_words(headline.as_of), headline.baseline or ""})
        printed.update(_changes(headline.delta, headline.unit))
    printed.update(_table_changes(table))
    names = {name for name in _names(table) if name}
    whole = {number for value, unit in cells if unit == "count" and (number := _small(value)) is not None}
    return Support(
        figures=frozenset(text for text in printed if any(map(str.isnumeric, text))),
        terms=frozenset(text for text in terms if text),
        names=frozenset(names),
        senses=_senses(headline, table),
        counts=frozenset(whole),
    )


def unsupported(prose: str, support: Support) -> tuple[Unsupported, ...]:
    """The pieces of `prose` that `support` does not back, rule by rule; empty means the text may be shown."""
    rest = unicodedata.normalize("NFC", prose)
    rest = _strike(rest, (quoted(name) for name in support.names), bounded=False)
    loose = [Unsupported(found.group(), "unknown quotation") for found in _QUOTATION.finditer(rest)]
    rest = _strike(rest, support.terms)
    rest = _strike(rest, support.figures)
    rest = _strike(rest, (name for name in support.names if is_plain(name)))
    return (*loose, *_numbers(rest), *_number_words(rest, support.counts), *_directions(rest, support.senses))


def _strike(text: str, backed: Iterable[str], *, bounded: bool = True) -> str:
    """`text` with every backed piece replaced, longest first, only where it stands alone as a number or word."""
    composed = {unicodedata.normalize("NFC", piece) for piece in backed}  # as the text is
    for piece in sorted(composed, key=lambda p: (-len(p), p)):
        pattern = re.escape(piece)
        if bounded:
            pattern = rf"(?<![\w.,+%-]){pattern}(?![\w%]|[.,]\d)"
        text = re.sub(pattern, _STRUCK, text)
    return text


def _numbers(text: str) -> Iterable[Unsupported]:
    for token in text.split():
        if any(unicodedata.numeric(character, None) is not None for character in token):
            yield Unsupported(token, "number")


def _number_words(text: str, counts: Collection[int]) -> Iterable[Unsupported]:
    for found in _QUARTER_AS_NUMBER.finditer(text):
        yield Unsupported(found.group(), "number word")
    for word in _WORD.findall(text):
        low = word.casefold()
        if low in _NUMBER_WORDS and _NUMBER_VALUES.get(low, -1) not in counts:
            yield Unsupported(word, "number word")


def _directions(text: str, senses: Collection[Sense]) -> Iterable[Unsupported]:
    for word in _WORD.findall(text):
        low = word.casefold()
        claimed = [sense for sense, words in _SENSES.items() if low in words]
        if low in _JUDGEMENTS or (claimed and not set(claimed) & set(senses)):
            yield Unsupported(word, "direction word")


def _forms(value: Cell, unit: str) -> Iterable[str]:
    yield figures.headline(value, unit)
    yield figures.exact(value, unit)


def _changes(value: Cell, unit: str) -> Iterable[str]:
    if value is not None:
        for short in (True, False):
            yield figures.change(value, unit, short=short)
            yield figures.magnitude(value, unit, short=short)


def _table_changes(table: Table | None) -> Iterable[str]:
    for index, column in enumerate(table.columns if table else ()):
        if column.role == "delta" and table is not None:
            for row in table.rows:
                yield from _changes(row[index], column.unit)


def _headline_cells(headline: Headline | None) -> Iterable[tuple[Cell, str]]:
    if headline is None:
        return
    for value in (headline.value, headline.low, headline.high, headline.previous):
        if value is not None:
            yield value, headline.unit


def _table_cells(table: Table | None) -> Iterable[tuple[Cell, str]]:
    if table is None:
        return
    yield table.row_count, "count"
    for index, column in enumerate(table.columns):
        if column.name in GRAINS:
            yield from ((key_words(str(row[index])), "text") for row in table.rows)
        elif column.unit != "text":
            yield from ((row[index], column.unit) for row in table.rows if row[index] is not None)


def _names(table: Table | None) -> Iterable[str]:
    for index, column in enumerate(table.columns if table else ()):
        if column.role == "dimension" and column.name not in GRAINS and table is not None:
            for row in table.rows:
                yield name_of(row[index])


def is_plain(name: str) -> bool:
    """Whether a name may stand without quotation marks: it claims no number and no direction by itself."""
    words = {word.casefold() for word in _WORD.findall(name)}
    claims = words & (_NUMBER_WORDS | _JUDGEMENTS | frozenset().union(*_SENSES.values()))
    return not claims and not any(map(str.isnumeric, name))


def _small(value: Cell) -> int | None:
    number = figures.decimal_of(value)
    return int(number) if number is not None and number == number.to_integral_value() and abs(number) <= 20 else None


def _senses(headline: Headline | None, table: Table | None) -> frozenset[Sense]:
    found: set[Sense] = set()
    if headline is not None and (delta := figures.decimal_of(headline.delta)) is not None:
        level = figures.is_level(delta, headline.unit)
        found.add("level" if level else "up" if delta > 0 else "down")
    if table is not None and len(table.rows) > 1:
        found.update({"largest", "smallest"})
    return frozenset(found)
