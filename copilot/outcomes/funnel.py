"""From what was recommended to what was paid: one count for each invoice, at the discount that was identified then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from copilot.outcomes.panel import Document
from copilot.outcomes.results import Funnel, Stage

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Followed:
    """One proposal to pay an invoice early, and what became of it. `saved` is the discount as proposed.

    `state` is open, approved, rejected, expired or voided; `sent` how many of its writes there are, `delivered` how
    many of them were read back, `dead` how many were given up.
    """

    invoice: int
    supplier: str
    saved: Decimal
    made_at: datetime
    day: date
    state: str
    sent: int
    delivered: int
    dead: int
    confidence: Decimal | None = None
    """How sure the recommendation said it was, 0 to 1."""
    booked: bool = False
    """Whether its discount, once taken, was booked as a realised saving in Coupa."""

    @property
    def executed(self) -> bool:
        """Whether all of its writes are in Coupa; one that writes nothing is executed by its approval."""
        return self.state == "approved" and self.delivered == self.sent


LOSSES: Mapping[str, Callable[[Followed], bool]] = {
    "nobody decided in time": lambda one: one.state == "expired",
    "rejected": lambda one: one.state == "rejected",
    "voided": lambda one: one.state == "voided",
    "waiting for a decision": lambda one: one.state == "open",
    "could not be written to Coupa": lambda one: one.state == "approved" and one.dead > 0,
    "waiting to be written to Coupa": lambda one: one.state == "approved" and not one.dead and not one.executed,
}
"""What keeps a recommendation from being carried out, in order; the first is a loss of process, not a decision."""
NOT_TAKEN, WINDOW_OPEN = "carried out, but the discount was not taken", "carried out, its window still open"


def funnel(
    proposals: Iterable[Followed], documents: Mapping[int, Document], as_of: date, verified: Decimal | None
) -> Funnel:
    """The funnel as of a day; `verified` is what the pilot proved, None while that is not known."""
    first: dict[int, Followed] = {}
    best: dict[int, Followed] = {}
    for one in sorted(proposals, key=lambda one: (one.made_at, one.invoice)):
        first.setdefault(one.invoice, one)
        best[one.invoice] = max(best.get(one.invoice, one), one, key=_reach)
    frozen = {invoice: one.saved for invoice, one in first.items()}
    taken = {i: documents[i].taken for i, one in best.items() if i in documents and one.executed}
    whole = sum(frozen.values(), Decimal(0))

    def stage(name: str, invoices: Iterable[int]) -> Stage:
        found = list(invoices)
        amount = sum((frozen[invoice] for invoice in found), Decimal(0)).quantize(CENT)
        share = (amount / whole).quantize(Decimal("0.0001")) if whole else None
        return Stage(name, len(found), amount, share)

    captured = [invoice for invoice, amount in taken.items() if amount > 0]
    booked = [invoice for invoice in captured if best[invoice].booked]
    stages = (
        stage("identified", best),
        stage("approved", (i for i, one in best.items() if one.state == "approved")),
        stage("executed", (i for i, one in best.items() if one.executed)),
        stage("captured", captured),
        *([stage("booked", booked)] if booked else []),
    )
    lost = [stage(name, [i for i, one in best.items() if falls(one)]) for name, falls in LOSSES.items()]
    left = [invoice for invoice, one in best.items() if one.executed and not taken.get(invoice)]
    waiting = [invoice for invoice in left if _open(documents.get(invoice), as_of)]
    lost += [stage(NOT_TAKEN, [one for one in left if one not in waiting]), stage(WINDOW_OPEN, waiting)]
    total = sum(taken.values(), Decimal(0)).quantize(CENT)
    beats = None if verified is None else max(Decimal(0), min(verified, total)).quantize(CENT)
    return Funnel(stages, total, beats, tuple(one for one in lost if one.count))


def _reach(one: Followed) -> tuple[int, datetime]:
    """Of several proposals for one invoice, the one that came furthest counts, and of those the latest."""
    return (2 if one.executed else 1 if one.state == "approved" else 0), one.made_at


def _open(document: Document | None, as_of: date) -> bool:
    unpaid = document is not None and document.paid_on is None
    return unpaid and document is not None and document.window_end is not None and document.window_end > as_of
