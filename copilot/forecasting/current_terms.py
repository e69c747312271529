"""Terms that have been superseded: what an old document would be due after if it came in today.

A term group that a supplier used before counts as superseded when its absence since is no accident: with a share q of
the supplier's documents up to its last use and n documents since, the chance of not seeing it is (1 - q)^n; below 1 %
(and n >= 3) it is gone, and the supplier's latest net days take its place. A supplier with mixed terms keeps its mix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.ledger import Ledger
from copilot.forecasting.payment_timing import KINDS, cells_of

Ints = NDArray[np.int64]

ACCIDENT = 0.01
DOCUMENTS_SINCE = 3


def current_due_days(ledger: Ledger) -> Ints:
    """The due day of each document under today's terms of its supplier (0 stays 0: no due date)."""
    cells = cells_of(ledger)
    dated = np.flatnonzero((ledger.due_day > 0) & (cells.kind != KINDS.index("credit note")))
    due = ledger.due_day.copy()
    if not len(dated):
        return due
    order = dated[np.lexsort((ledger.document_id[dated], ledger.invoice_day[dated], ledger.supplier[dated]))]
    supplier, terms = ledger.supplier[order], cells.terms[order]
    first = np.concatenate([[True], supplier[1:] != supplier[:-1]])
    start = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    size = np.diff(np.append(start, len(order)))
    place = np.arange(len(order)) - start[group]
    pair = group * (int(terms.max()) + 1) + terms
    used = np.bincount(pair)
    last_place = np.zeros(len(used), dtype=np.int64)
    np.maximum.at(last_place, pair, place)
    share = used[pair] / (last_place[pair] + 1)
    since = size[group] - 1 - last_place[pair]
    gone = (since >= DOCUMENTS_SINCE) & ((1.0 - np.minimum(share, 1.0)) ** since < ACCIDENT)
    latest = order[start + size - 1][group]
    net_days = ledger.due_day[latest] - ledger.invoice_day[latest]
    due[order] = np.where(gone, ledger.invoice_day[order] + net_days, ledger.due_day[order])
    return due


def superseded_share(ledger: Ledger) -> float:
    """Share of documents whose terms have been superseded since."""
    return float(np.mean(current_due_days(ledger) != ledger.due_day)) if len(ledger) else 0.0
