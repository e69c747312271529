"""What a forecast has to beat: weekly cash by three rules that need no model, from what was known on the day.

due date                every known document is paid on its due date (what is past due: tomorrow); documents to come
                        repeat those of the last 13 weeks, paid on their due dates too
last month, same week   each week repeats the latest known week that lies a multiple of four weeks before it
hierarchical            as "due date", but moved by the median lateness of paid documents, the supplier's shrunk to its
                        buying entity's and to the company's with weight n / (n + 10); paid documents only, so it is
                        biased short where many are still open
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.book import Book

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DUE_DATE = "due date"
LAST_MONTH = "last month, same week"
HIERARCHICAL = "hierarchical"
REPEAT_DAYS = 91
SHRINKAGE = 10.0
HISTORY_DAYS = 365


def weekly_baselines(known: Book, today: int, weeks: int) -> dict[str, tuple[Floats, Floats]]:
    """For each rule (cash of known documents, cash of documents to come), per week ahead."""
    return {
        DUE_DATE: _by_due_date(known, today, weeks, np.zeros(len(known))),
        LAST_MONTH: (_last_month(known, today, weeks), np.zeros(weeks)),
        HIERARCHICAL: _by_due_date(known, today, weeks, lateness(known, today)),
    }


def _last_month(known: Book, today: int, weeks: int) -> Floats:
    past = known.cash_by_day(today - 7 * 52 + 1, today).reshape(52, 7).sum(axis=1)
    week = np.arange(1, weeks + 1)
    back = week - 4 * (-(-week // 4))  # 1..4 -> -3..0, the four latest known weeks
    found: Floats = past[51 + back]
    return found


def _by_due_date(known: Book, today: int, weeks: int, late: Floats) -> tuple[Floats, Floats]:
    due = np.where(known.due_day > 0, known.due_day, known.invoice_day + 30)
    recognised = known.recognised_day > 0
    owed = np.where(recognised, known.open_amount, known.gross)
    when = np.maximum(np.round(due + late).astype(np.int64), today + 1)
    known_cash = _weekly(when - today, owed, weeks)
    recent = np.flatnonzero(recognised & (known.recognised_day > today - REPEAT_DAYS))
    moved = np.maximum(np.round(due[recent] + late[recent]).astype(np.int64), known.recognised_day[recent])
    received = known.received_day[recent] + REPEAT_DAYS
    to_come = received > today  # else it would be among the known documents already
    return known_cash, _weekly((moved + REPEAT_DAYS - today)[to_come], known.gross[recent][to_come], weeks)


def _weekly(offset: Ints, amount: Floats, weeks: int) -> Floats:
    week = (offset - 1) // 7
    inside = (week >= 0) & (week < weeks) & (amount != 0)
    return np.bincount(week[inside], weights=amount[inside], minlength=weeks).astype(np.float64)


def lateness(known: Book, today: int) -> Floats:
    """Median days from due date to payment of each document's supplier, shrunk; paid documents of the last year."""
    row = known.paid_row
    recent = (known.paid_day > today - HISTORY_DAYS) & (known.due_day[row] > 0)
    row, late = row[recent], (known.paid_day - known.due_day[known.paid_row])[recent].astype(np.float64)
    if not len(row):
        return np.zeros(len(known))
    top = float(np.median(late))
    entity = _shrunk_medians(known.buying_entity.code[row], late, np.full(len(known.buying_entity.values), top))
    suppliers = len(known.supplier.values)
    parent = np.full(suppliers, top)
    parent[known.supplier.code[row]] = entity[known.buying_entity.code[row]]
    supplier = _shrunk_medians(known.supplier.code[row], late, parent)
    found: Floats = supplier[known.supplier.code]
    return found


def _shrunk_medians(group: Ints, value: Floats, parent: Floats) -> Floats:
    """The median of each group, moved to its parent's with weight n / (n + SHRINKAGE)."""
    found = parent.copy()
    order = np.argsort(group, kind="stable")
    names, start = np.unique(group[order], return_index=True)
    for name, part in zip(names.tolist(), np.split(value[order], start[1:]), strict=True):
        weight = len(part) / (len(part) + SHRINKAGE)
        found[name] = weight * float(np.median(part)) + (1 - weight) * parent[name]
    return found
