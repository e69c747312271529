"""A change of terms that many suppliers share: when it began, and by how many days.

Each supplier whose terms are superseded says that they changed after its last document on the old ones and by its first
on the new ones. The day that lies in most of these spans is the day of the change; the spans leave a few days open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from copilot.forecasting.current_terms import current_due_days
from copilot.forecasting.ledger import Ledger

LEAST_SUPPLIERS = 10
LEAST_SHARE = 0.25
"""Of all suppliers whose terms ever changed, the part that must have changed together."""


@dataclass(frozen=True)
class TermsChange:
    """`suppliers` suppliers changed terms together, on a day from `first` to `last`; `days` is the median added."""

    first: date
    last: date
    days: float
    suppliers: int

    @property
    def middle(self) -> date:
        """The best guess of the day."""
        return date.fromordinal((self.first.toordinal() + self.last.toordinal()) // 2)

    @property
    def sentence(self) -> str:
        """It in plain words."""
        when = (
            f"between {self.first.isoformat()} and {self.last.isoformat()}"
            if self.first < self.last
            else f"on {self.first}"
        )
        return f"{self.suppliers} suppliers changed terms together {when}: {self.days:+.0f} days"


def terms_change(ledger: Ledger) -> TermsChange | None:
    """The change that most suppliers share; None when fewer than LEAST_SUPPLIERS or LEAST_SHARE do."""
    moved = current_due_days(ledger) - ledger.due_day
    old = np.flatnonzero(moved)
    size = len(ledger.suppliers)
    until, since = np.zeros(size, dtype=np.int64), np.full(size, np.iinfo(np.int64).max)
    np.maximum.at(until, ledger.supplier[old], ledger.invoice_day[old])
    new = (until[ledger.supplier] > 0) & (ledger.invoice_day > until[ledger.supplier]) & ~ledger.is_credit_note
    np.minimum.at(since, ledger.supplier[new], ledger.invoice_day[new])
    who = np.flatnonzero((until > 0) & (since < np.iinfo(np.int64).max))
    if len(who) < LEAST_SUPPLIERS:
        return None
    edges = np.unique(np.concatenate([until[who] + 1, since[who]]))
    inside = ((until[who] < edges[:, None]) & (edges[:, None] <= since[who])).sum(axis=1)
    best = edges[inside == inside.max()]
    together = who[(until[who] < best[0]) & (best[-1] <= since[who])]
    if len(together) < max(LEAST_SUPPLIERS, LEAST_SHARE * len(who)):
        return None
    steps = [float(np.median(moved[old][ledger.supplier[old] == code])) for code in together.tolist()]
    days = date.fromordinal(int(best[0])), date.fromordinal(int(best[-1]))
    return TermsChange(*days, float(np.median(steps)), len(together))
