"""Text that came from data: cleaned of what could steer a screen or a reader, quoted wherever prose repeats it.

Names in Coupa are written by strangers. They are shown, never obeyed: control, bidirectional and invisible characters
go, line breaks become blanks, the length is capped, and quotation marks of ours cannot be closed from inside.
"""

from __future__ import annotations

import re
import unicodedata

MAXIMUM_LENGTH = 160
"""Characters of one cell that are shown; a longer text ends in an ellipsis."""

OPENING, CLOSING, ELLIPSIS = (
    "\N{LEFT DOUBLE QUOTATION MARK}",
    "\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{HORIZONTAL ELLIPSIS}",
)
_BLANKS = re.compile(r"\s+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TO_BLANK = frozenset("\t\n\v\f\r\x85\u2028\u2029")
_INNER_QUOTES = str.maketrans({OPENING: '"', CLOSING: '"'})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters of other scripts that print as nothing."""


def clean(text: str, limit: int = MAXIMUM_LENGTH) -> str:
    """`text` on one line, no control, bidirectional, private or invisible characters, at most `limit` characters."""
    seen = "".join(_seen(character) for character in text[: limit * 8])
    line = _BLANKS.sub(" ", seen).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + ELLIPSIS


def name_of(value: object) -> str:
    """A value of a dimension as it is named: cleaned, with words for a missing and for an empty one."""
    if value is None:
        return "(unassigned)"
    return clean(str(value)) or "(no name)"


def quoted(text: str, limit: int = 60) -> str:
    """`text`, cleaned, between quotation marks that it cannot close."""
    return f"{OPENING}{clean(text, limit).translate(_INNER_QUOTES)}{CLOSING}"


def _seen(character: str) -> str:
    if character in _TO_BLANK:
        return " "
    hidden = unicodedata.category(character) in _UNSEEN or character in _FILLERS
    return "" if hidden else character
