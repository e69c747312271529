"""Business days, holidays and the payment-run calendar, as look-up arrays by day number."""

import datetime as dt

import numpy as np

from sync.sandbox.arrays import BoolArray, IntArray
from sync.sandbox.zone import day_number, day_of

CUTOFF_DAYS = 2
"""An invoice takes part in a run when it was approved at least this many business days before it."""

_TUESDAY, _THURSDAY = 1, 3


class WorkCalendar:
    """Look-ups between two day numbers; a look-up outside them raises IndexError.

    Runs are on Tuesdays and Thursdays; a run that falls on a holiday moves to the next business day.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        days = np.arange(first, last + 1, dtype=np.int64)
        weekday = (days + 3) % 7
        holiday = np.isin(days, np.array(sorted(_holidays(first, last)), dtype=np.int64))
        self._business: BoolArray = (weekday < 5) & ~holiday
        self._next_business = _on_or_after(days, self._business)
        runs = np.zeros(len(days), dtype=np.bool_)
        regular = days[np.isin(weekday, (_TUESDAY, _THURSDAY))]
        moved = self._next_business[regular - first]
        runs[moved[moved <= last] - first] = True
        self._runs = runs
        self._run_after = _on_or_after(days, runs)
        self._run_before = _on_or_before(days, runs)
        self._days = days[self._business]

    def is_business(self, days: IntArray) -> BoolArray:
        """Whether each day is a business day."""
        return self._business[days - self.first]

    def is_run(self, days: IntArray) -> BoolArray:
        """Whether each day is a regular payment-run day."""
        return self._runs[days - self.first]

    def business_on_or_after(self, days: IntArray) -> IntArray:
        """The first business day on or after each day."""
        return self._next_business[days - self.first]

    def business_after(self, days: IntArray, count: int) -> IntArray:
        """The business day that lies `count` business days after each day (or after the next one, on a day off)."""
        return self._days[np.searchsorted(self._days, days, side="left") + count]

    def run_on_or_after(self, days: IntArray) -> IntArray:
        """The first run on or after each day."""
        return self._run_after[days - self.first]

    def run_on_or_before(self, days: IntArray) -> IntArray:
        """The last run on or before each day."""
        return self._run_before[days - self.first]

    def first_run_for(self, ready: IntArray) -> IntArray:
        """The first run that an invoice approved on each day can take part in."""
        return self.run_on_or_after(self.business_after(ready, CUTOFF_DAYS))


def _on_or_after(days: IntArray, marked: BoolArray) -> IntArray:
    """For each day the first marked day from it on; the day past the end where there is none."""
    found = np.where(marked, days, days[-1] + 1)
    return np.minimum.accumulate(found[::-1])[::-1]


def _on_or_before(days: IntArray, marked: BoolArray) -> IntArray:
    found = np.where(marked, days, days[0] - 1)
    return np.maximum.accumulate(found)


def _holidays(first: int, last: int) -> set[int]:
    """Bank holidays of the company's home calendar (United States), the fixed ones on their own date."""
    found: set[int] = set()
    for year in range(day_of(first).year, day_of(last).year + 1):
        fixed = [(1, 1), (6, 19), (7, 4), (11, 11), (12, 25), (12, 26)]
        found.update(day_number(dt.date(year, month, day)) for month, day in fixed)
        found.add(_nth_weekday(year, 1, 0, 3))
        found.add(_nth_weekday(year, 5, 0, 5))
        found.add(_nth_weekday(year, 9, 0, 1))
        found.add(_nth_weekday(year, 11, 3, 4))
    return found


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> int:
    """Day number of the nth given weekday of a month (the last one when the month has no nth)."""
    start = dt.date(year, month, 1)
    day = 1 + (weekday - start.weekday()) % 7 + 7 * (nth - 1)
    while True:
        try:
            return day_number(dt.date(year, month, day))
        except ValueError:
            day -= 7
