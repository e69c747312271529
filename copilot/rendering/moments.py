"""Times of an answer's data as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from copilot.wording import figures
from copilot.wording.period_words import key_words


def moment(text: str) -> str:
    """A time as people say it; midnight belongs to the day that it ends."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return key_words(text)
    if (when.hour, when.minute) == (0, 0):
        return f"the end of {figures.day((when - timedelta(days=1)).date())}"
    return f"{figures.day(when.date())} {when:%H:%M}"
