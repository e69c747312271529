"""What the formats hand on: rows as text with the place they came from, and faults.

A `Notation` says how a file writes numbers and dates; nothing is guessed from the cells, because 1,234 is a thousand
in one country and one and a quarter in another.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

_RAW_CHARACTERS: Final = 500


@dataclass(frozen=True)
class Notation:
    """How a file writes numbers and dates. `thousands` is empty where groups are not separated."""

    decimal: str = "."
    thousands: str = ""
    date_format: str = "%Y-%m-%d"


@dataclass(frozen=True)
class Reading:
    """How one file is to be read: what its owner has declared, and nothing else.

    `delimiter` None: found from the header. `columns` leads from the file's own column names to the feed's.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    notation: Notation = Notation()
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Draft:
    """One row as text: column -> cell, the line it stands on (None where the format has no lines), and the raw text."""

    line: int | None
    cells: Mapping[str, str]
    raw: str
    notation: Notation = Notation()


@dataclass(frozen=True)
class Fault:
    """One row that is set aside: where it stands, the column at fault if it is one, and what is wrong with it."""

    line: int | None
    field: str | None
    problem: str
    raw: str

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return f"{place}{f'{self.field}: ' if self.field else ''}{self.problem}"


Drafts = Iterator[Draft | Fault]


def shown(text: str) -> str:
    """Text of a stranger, cut and made harmless for a terminal: what does not print becomes U+FFFD."""
    cut = text if len(text) <= _RAW_CHARACTERS else f"{text[:_RAW_CHARACTERS]}…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unprintable(character) else character for character in cut)


def unprintable(character: str) -> bool:
    """Whether a character is a control, a direction mark, a zero-width mark, or no character at all."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
