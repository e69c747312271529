"""When an open invoice would be paid if nobody cared about its discount: by the supplier's habit, not by paper.

Read off the payment-timing model, whose hazard lies on the entity's run days, given that the invoice is unpaid today.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from copilot.forecasting.cash_paths import Model, open_survival
from copilot.opportunities.problem import Floats, Ints

REACH = 180
"""Days ahead in which an invoice is looked for; later counts as the last of them."""


@dataclass(frozen=True, eq=False)
class Habits:
    """For each document id: quantiles of the offset on which it would be paid (1 is tomorrow), and its whole curve."""

    row_of: dict[int, int]
    unpaid: Floats
    seen: Ints

    def day(self, document: int, share: float = 0.5) -> int:
        """The first offset by which it is paid in `share` of the cases."""
        curve = self.unpaid[self.row_of[document]]
        return int(np.searchsorted(-curve, -(1.0 - share) - 1e-12)) + 1 if curve[-1] <= 1.0 - share else REACH

    def chance_between(self, document: int, after: int, until: int) -> float:
        """The chance that it would be paid after offset `after` and by offset `until`."""
        curve = np.concatenate([[1.0], self.unpaid[self.row_of[document]]])
        return float(curve[min(max(after, 0), REACH)] - curve[min(max(until, 0), REACH)])

    def settlements(self, document: int) -> int:
        """How many settlements of the same supplier were seen."""
        return int(self.seen[self.row_of[document]])


def habits_of(model: Model) -> Habits:
    """The habits behind every open document."""
    rows, curves = [], []
    for part, survival in open_survival(model, REACH):
        rows.append(part)
        curves.append(survival)
    chosen = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    unpaid = np.concatenate(curves) if curves else np.zeros((0, REACH))
    ledger = model.ledger
    by_supplier = np.bincount(ledger.supplier[ledger.settled_document], minlength=len(ledger.suppliers))
    ids = ledger.document_id[chosen].tolist()
    return Habits({int(key): place for place, key in enumerate(ids)}, unpaid, by_supplier[ledger.supplier[chosen]])
