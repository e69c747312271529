"""Projected DPO by other methods, on one set of simulated paths: at the end, on average, and counted back.

balance      what is owed at the end / purchases of the trailing 90 days x 90 (as the metric dpo_purchases)
average      the same with the mean of what is owed at the opening and at the end: smoother
count-back   months of purchases, the latest first, that what is owed uses up; deaf to season and growth
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.book import Book
from copilot.forecasting.cash_paths import Model, learn_model
from copilot.forecasting.event_paths import OPEN, Events, added, draw_events, payables, purchases
from copilot.forecasting.ledger import TRAILING_DAYS
from copilot.simulations.outflow_outcomes import Band, band_of

Floats = NDArray[np.float64]

MONTHS = 12
"""Count-back stops here: a balance larger than a year of purchases is capped, and `capped` says so."""


@dataclass(frozen=True)
class DpoMethods:
    """Bands in days on `target`; `capped` is the share of paths whose count-back ran out of months."""

    as_of: date
    target: date
    balance: Band
    average: Band
    count_back: Band
    capped: float
    seed: int
    paths: int


def project_methods(book: Book, as_of: date, target: date, *, seed: int = 1) -> DpoMethods:
    """DPO on `target` (1 to 366 days ahead) by the three methods. Raises ValueError outside that reach."""
    days = (target - as_of).days
    if not 1 <= days <= 366:
        raise ValueError(f"{target} is {days} days from {as_of}; the projection reaches 1 to 366.")
    model = learn_model(book, as_of)
    events = draw_events(model, days, seed)
    owed, bought = payables(events, days), purchases(model, events, days)[:, -1]
    safe = np.where(bought > 0, bought, np.inf)
    ending, opening = owed[:, -1], owed[:, 0]
    monthly, length = monthly_purchases(model, events, target)
    counted, capped = count_back(ending, monthly, length)
    return DpoMethods(
        as_of=as_of,
        target=target,
        balance=band_of(ending / safe * TRAILING_DAYS),
        average=band_of((opening + ending) / 2 / safe * TRAILING_DAYS),
        count_back=band_of(counted),
        capped=float(capped.mean()),
        seed=seed,
        paths=events.paths,
    )


def monthly_purchases(model: Model, events: Events, target: date) -> tuple[Floats, Floats]:
    """(purchases `[path, month]`, days of each month), latest first; the month in progress has its elapsed days."""
    starts, length = [], []
    first, last = target.replace(day=1), target
    for _ in range(MONTHS):
        starts.append(first.toordinal())
        length.append(float((last - first).days + 1))
        last = first - timedelta(days=1)
        first = last.replace(day=1)
    edges = np.array([*reversed(starts), target.toordinal() + 1])
    known = model.ledger
    month = np.searchsorted(edges, known.invoice_day, side="right") - 1
    inside = (month >= 0) & (month < MONTHS)
    base = added(month[inside], known.gross[inside], MONTHS)
    days = (target - model.as_of).days
    mine = (events.layer != OPEN) & (events.recognised <= days)
    place = np.searchsorted(edges, events.invoiced[mine] + model.today, side="right") - 1
    inside = (place >= 0) & (place < MONTHS)
    key = events.path[mine][inside] * MONTHS + place[inside]
    more = added(key, events.amount[mine][inside], events.paths * MONTHS).reshape(events.paths, MONTHS)
    return (more + base)[:, ::-1], np.array(length)


def count_back(balance: Floats, monthly: Floats, length: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(days, whether the months ran out) per path. A month without purchases is carried into the one before it."""
    left = balance.astype(np.float64).copy()
    days = np.zeros(len(left))
    carried_amount, carried_days = np.zeros(len(left)), np.zeros(len(left))
    for month in range(monthly.shape[1]):
        amount, span = monthly[:, month] + carried_amount, length[month] + carried_days
        empty = amount <= 0
        used = np.clip(np.divide(left, amount, out=np.zeros_like(left), where=~empty), 0.0, 1.0)
        days += np.where(empty, 0.0, used * span)
        left = np.where(empty, left, np.maximum(left - amount, 0.0))
        carried_amount, carried_days = np.where(empty, amount, 0.0), np.where(empty, span, 0.0)
    return days, left > 0.005
