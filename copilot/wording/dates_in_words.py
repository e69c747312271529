"""Days, months and quarters inside a sentence, from their keys to words: 2026-11-21 is "21 Nov 2026"."""

from __future__ import annotations

import re
from datetime import date

from copilot.wording.figures import MONTHS, day

_KEY = re.compile(
    r"(?<![\w./-])(?P<year>(?:19|20)\d\d)"
    r"-(?:(?P<month>0[1-9]|1[0-2])(?:-(?P<day>\d\d))?|Q(?P<quarter>[1-4]))(?![\w/-])"
)


def dates_in_words(text: str) -> str:
    """The text with every such key in words; what is no day there is stays as it is."""
    return _KEY.sub(_words, text)


def _words(key: re.Match[str]) -> str:
    year = int(key["year"])
    if key["quarter"]:
        return f"Q{key['quarter']} {year}"
    if key["day"] is None:
        return f"{MONTHS[int(key['month']) - 1]} {year}"
    try:
        return day(date(year, int(key["month"]), int(key["day"])))
    except ValueError:
        return key[0]
