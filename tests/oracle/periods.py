"""Months and quarters, by hand: (first day, last day) pairs and their labels."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple


class Span(NamedTuple):
    """Both days included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.end - self.start).days + 1

    def has(self, day: date | None) -> bool:
        """Whether the day lies in it; no day lies nowhere."""
        return day is not None and self.start <= day <= self.end


def last_days(count: int, end: date) -> Span:
    """The `count` days up to and including a day."""
    return Span(end - timedelta(days=count - 1), end)


def months(span: Span) -> dict[str, Span]:
    """The calendar months of a span by label ("2026-10"), each cut to the span."""
    return _buckets(span, 1, lambda start: f"{start.year}-{start.month:02d}")


def quarters(span: Span) -> dict[str, Span]:
    """The calendar quarters of a span by label ("2026-Q3"), each cut to the span."""
    return _buckets(span, 3, lambda start: f"{start.year}-Q{(start.month + 2) // 3}")


def _buckets(span: Span, width: int, label: Callable[[date], str]) -> dict[str, Span]:
    found = {}
    year, month = span.start.year, span.start.month - (span.start.month - 1) % width
    while date(year, month, 1) <= span.end:
        start = date(year, month, 1)
        year, month = (year, month + width) if month + width <= 12 else (year + 1, month + width - 12)
        found[label(start)] = Span(max(start, span.start), min(date(year, month, 1) - timedelta(days=1), span.end))
    return found
