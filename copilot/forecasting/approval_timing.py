"""When is a document in process recognised? A hazard by days since receipt, from finished and waiting documents alike.

Rates shrink from all documents over the buying entity to entity and amount band: (events + k x parent rate) / (exposure
+ k). A held or disputed document is slower by HELD_PACE or DISPUTED_PACE: Coupa does not tell when past holds began, so
these two are assumptions, not measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.book import DISPUTED, HELD, Book

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HISTORY_DAYS = 365
AGES = 60
"""Days since receipt with a rate of their own; older documents share the last one."""
SHRINKAGE = 30.0
HELD_PACE = 0.5
DISPUTED_PACE = 0.25
LEAST_RATE = 0.01


@dataclass(frozen=True, eq=False)
class ApprovalTiming:
    """`rates[entity, band, age]` per day, the factor of each weekday, and the amount that splits the bands."""

    rates: Floats
    weekdays: Floats
    split: float
    observed: int
    withdrawn_share: float

    def survival(self, book: Book, rows: Ints, today: int, days: int) -> Floats:
        """Share still in process at the end of each of the `days` days after `today`, for documents in process."""
        band = (np.abs(book.gross[rows]) > self.split).astype(np.int64)
        day = today + 1 + np.arange(days)
        age = np.clip(day - book.received_day[rows][:, None], 0, AGES - 1)
        rate = self.rates[book.buying_entity.code[rows][:, None], band[:, None], age]
        hazard = rate * self.weekdays[(day + 6) % 7] * pace(book)[rows][:, None]
        return np.cumprod(1.0 - np.minimum(hazard, 1.0), axis=1, dtype=np.float64)


def pace(book: Book) -> Floats:
    """The factor on the approval rate of each document, by its status today."""
    by_status = np.array(
        [HELD_PACE if name in HELD else DISPUTED_PACE if name in DISPUTED else 1.0 for name in book.status.values]
        or [1.0]
    )
    return by_status[book.status.code]


def fit_approvals(book: Book, as_of: date) -> ApprovalTiming:
    """What can be learned from the documents known at the end of `as_of` (a book already cut back to it)."""
    today = as_of.toordinal()
    received = book.received_day
    done = book.recognised_day > 0
    end = np.where(done, book.recognised_day, today)
    start = np.maximum(received, today - HISTORY_DAYS + 1)
    live = np.flatnonzero((end >= start) & (received <= today))
    entities = len(book.buying_entity.values)
    split = float(np.median(np.abs(book.gross[live]))) if len(live) else 0.0
    band = (np.abs(book.gross[live]) > split).astype(np.int64)
    cell = book.buying_entity.code[live] * 2 + band
    weekdays = _weekday_pattern(end[live][done[live]])
    events, exposure = np.zeros((entities * 2, AGES)), np.zeros((entities * 2, AGES))
    event_age = np.clip(end[live] - received[live], 0, AGES - 1)
    np.add.at(events, (cell[done[live]], event_age[done[live]]), 1.0)
    for age in range(AGES - 1):  # a document is at risk at an age when it lasted that long
        day = received[live] + age
        at_risk = (day >= start[live]) & (day <= end[live])
        exposure[:, age] = np.bincount(cell[at_risk], weights=weekdays[(day[at_risk] + 6) % 7], minlength=entities * 2)
    tail = np.clip(end[live] - np.maximum(received[live] + AGES - 1, start[live]) + 1, 0, None)
    exposure[:, AGES - 1] = np.bincount(cell, weights=tail.astype(np.float64), minlength=entities * 2)
    return ApprovalTiming(
        _shrunk(events, exposure, entities), weekdays, split, int(done[live].sum()), book.withdrawn_share
    )


def _weekday_pattern(day: Ints) -> Floats:
    count = np.bincount((day + 6) % 7, minlength=7).astype(np.float64)
    return count / count.mean() if count.sum() > 0 else np.ones(7)


def _shrunk(events: Floats, exposure: Floats, entities: int) -> Floats:
    top = np.maximum(events.sum(axis=0) / np.maximum(exposure.sum(axis=0), 1e-9), LEAST_RATE)
    top = np.where(exposure.sum(axis=0) >= 1.0, top, LEAST_RATE)
    by_entity = events.reshape(entities, 2, AGES).sum(axis=1), exposure.reshape(entities, 2, AGES).sum(axis=1)
    middle = (by_entity[0] + SHRINKAGE * top) / (by_entity[1] + SHRINKAGE)
    fine = (events + SHRINKAGE * np.repeat(middle, 2, axis=0)) / (exposure + SHRINKAGE)
    rates: Floats = fine.reshape(entities, 2, AGES)
    return rates
