"""Documents that recur by the calendar (rent, leases, subscriptions): found in the book, continued by their template.

A series is what one supplier sends one buying entity, without an order, at a steady step and for a steady amount.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.book import Book

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

HISTORY_DAYS = 400
LEAST = 5
"""Documents that a series has at least."""
STEPS = ((6, 8), (13, 15), (26, 35), (85, 97))
"""Days between two documents of weekly, fortnightly, monthly and quarterly series."""
JITTER = 0.2
"""A step may differ from the usual one by this share, and by three days at least."""
STEADY = 0.8
"""Share of the steps that must be usual ones."""
AMOUNT_SPREAD = 0.15
"""The median distance of an amount from the median one, as a share of it."""


@dataclass(frozen=True, eq=False)
class Series:
    """Documents (rows of the book, oldest first), the usual step in days, and how far steps were from it."""

    rows: Ints
    step: int
    jitter: Ints
    amount: float

    def next_days(self, last: int, today: int, reach: int) -> Ints:
        """Days ahead of `today` on which the next documents are expected, up to `reach`."""
        first = max(last + self.step - today, 1)  # overdue: tomorrow, then in step
        return np.arange(first, reach + 1, self.step)


def recurring_series(book: Book, today: int, ordered: Ints) -> tuple[Series, ...]:
    """The series of a book that are still alive on `today`; `ordered` is the order day per document (0: none)."""
    mine = (ordered == 0) & ~book.is_credit_note & (book.received_day > today - HISTORY_DAYS) & (book.gross > 0)
    rows = np.flatnonzero(mine)
    return tuple(found for part in _groups(book, rows) if (found := _series(book, part, today)) is not None)


def _groups(book: Book, rows: Ints) -> Iterator[Ints]:
    key = book.supplier.code[rows] * len(book.buying_entity.values) + book.buying_entity.code[rows]
    order = np.lexsort((book.received_day[rows], key))
    _, start = np.unique(key[order], return_index=True)
    for part in np.split(rows[order], start[1:]):
        if len(part) >= LEAST:
            yield part


def _series(book: Book, rows: Ints, today: int) -> Series | None:
    day = book.received_day[rows]
    gaps = np.diff(day)
    step = round(float(np.median(gaps)))
    usual = np.abs(gaps - step) <= max(3.0, JITTER * step)
    amount = book.gross[rows]
    middle = float(np.median(amount))
    spread = float(np.median(np.abs(amount - middle))) / middle
    alive = today - int(day[-1]) <= 1.6 * step
    timely = any(low <= step <= high for low, high in STEPS)
    if not (timely and alive and float(usual.mean()) >= STEADY and spread <= AMOUNT_SPREAD):
        return None
    return Series(rows, step, (gaps - step)[usual], float(np.median(amount[-3:])))
