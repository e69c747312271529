"""Would the pay dates have been right? Invoice by invoice, forecast on the day an invoice is recognised.

At each origin everything is learned from what was known; the invoices of the following weeks are then forecast by what
is known of them on entry. All that were still unpaid when the data ends are left out, and so are the last weeks, where
they would be many. Baselines: the due date, the median of all paid invoices, and the hierarchical median of paid ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.baselines import SHRINKAGE
from copilot.forecasting.ledger import Ledger
from copilot.forecasting.payment_timing import DEFAULT_DAYS, cells_of, fit, usual_days

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
EVERY_DAYS = 28
HISTORY_NEEDED = 90
MATURITY_DAYS = 100
"""Invoices recognised later than this before the end of the data are not scored: too many are still unpaid."""
REACH = 240


@dataclass(frozen=True)
class TimingScore:
    """Days of one method over all invoices scored: pinball is the mean over LEVELS, `exact` the share of exact days."""

    method: str
    invoices: int
    mean_absolute_error: float
    bias: float
    pinball: float
    coverage_80: float
    exact: float


def backtest_timing(ledger: Ledger, last_day: date, countries: tuple[str, ...] = ()) -> tuple[TimingScore, ...]:
    """Scores of ours and the baselines; empty with too little history."""
    if not len(ledger):
        return ()
    first = date.fromordinal(int(ledger.recognised_day.min())) + timedelta(days=HISTORY_NEEDED)
    end = last_day - timedelta(days=MATURITY_DAYS)
    paid_day = _paid_days(ledger)
    quantiles: dict[str, list[Floats]] = {}
    truths: list[Ints] = []
    origin = first
    while origin < end:
        later = min(origin + timedelta(days=EVERY_DAYS), end)
        rows = np.flatnonzero(
            (ledger.recognised_day > origin.toordinal())
            & (ledger.recognised_day <= later.toordinal())
            & (paid_day > 0)
            & (ledger.gross > 0)
        )
        if len(rows):
            truths.append(paid_day[rows] - ledger.recognised_day[rows])
            for method, values in _forecasts(ledger, origin, rows, countries).items():
                quantiles.setdefault(method, []).append(values)
        origin = later
    actual = np.concatenate(truths).astype(np.float64) if truths else np.zeros(0)
    return tuple(_score(method, np.concatenate(parts), actual) for method, parts in quantiles.items())


def _paid_days(ledger: Ledger) -> Ints:
    """The last settlement of each fully settled document, 0 for the others."""
    found = np.zeros(len(ledger), dtype=np.int64)
    np.maximum.at(found, ledger.settled_document, ledger.settled_day)
    return np.where(ledger.open_amount == 0, found, 0)


def _forecasts(ledger: Ledger, origin: date, rows: Ints, countries: tuple[str, ...]) -> dict[str, Floats]:
    """Quantiles of the days from recognition to payment, `[invoice, level]`, by method."""
    known = ledger.known_on(origin)
    timing = fit(known, origin, countries)
    cells = cells_of(ledger, habit=usual_days(known))
    survival = timing.survival(
        timing.cells(cells.picked(rows)), cells.anchor[rows], cells.entry[rows], REACH, ledger.buying_entity[rows]
    )
    ours = np.stack([(1.0 - survival < level).sum(axis=1) for level in LEVELS], axis=1).astype(np.float64)
    paid = _paid_days(known)
    done = np.flatnonzero((paid > 0) & (known.gross > 0))
    wait = (paid - known.recognised_day)[done].astype(np.float64)
    overall = np.quantile(wait, LEVELS) if len(wait) else np.zeros(len(LEVELS))
    table = np.tile(overall, (len(ledger.suppliers), 1))
    order = np.argsort(known.supplier[done], kind="stable")
    names, start = np.unique(known.supplier[done][order], return_index=True)
    for name, part in zip(names.tolist(), np.split(wait[order], start[1:]), strict=True):
        weight = len(part) / (len(part) + SHRINKAGE)
        table[name] = weight * np.quantile(part, LEVELS) + (1 - weight) * overall
    found = {"tenor": ours, "global": np.tile(overall, (len(rows), 1)), "hierarchical": table[ledger.supplier[rows]]}
    if (ledger.due_day > 0).any():
        expected = np.where(ledger.due_day[rows] > 0, ledger.due_day[rows], ledger.invoice_day[rows] + DEFAULT_DAYS)
        due = np.maximum(expected - ledger.recognised_day[rows], 0).astype(np.float64)
        found["due date"] = np.repeat(due[:, None], len(LEVELS), axis=1)
    return found


def _score(method: str, quantiles: Floats, actual: Floats) -> TimingScore:
    middle = quantiles[:, LEVELS.index(0.5)]
    gap = actual[:, None] - quantiles
    levels = np.array(LEVELS)
    loss = np.maximum(levels * gap, (levels - 1.0) * gap)
    inside = (actual >= quantiles[:, 0]) & (actual <= quantiles[:, -1])
    return TimingScore(
        method=method,
        invoices=len(actual),
        mean_absolute_error=float(np.abs(middle - actual).mean()),
        bias=float((middle - actual).mean()),
        pinball=float(loss.mean()),
        coverage_80=float(inside.mean()),
        exact=float((np.round(middle) == actual).mean()),
    )
