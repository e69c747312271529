"""The way of each invoice from receipt to payment: its events in order, the stages between them, its variant.

Stages tile the way: receipt to the first request for approval, each approval step until it is decided, approval to
payment. Their days add up to the whole, so nothing is counted twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

SECONDS = Decimal(86_400)
BEFORE = "before approval is asked for"
MATCHING = "before approval is asked for, with a failed tolerance"
PAYING = "from approval to payment"
STEP = "approval step "
TOLERANCE, ASKED, RECEIVED, REJECTED = "tolerance failed", "approval asked for", "received", "rejected"


@dataclass(frozen=True)
class Happened:
    """One event: what, when, and by whom where that is known and may be seen."""

    document: int
    at: datetime
    activity: str
    actor: str = ""


@dataclass(frozen=True)
class StageTime:
    """One stage of one invoice, in days; `actor` is whom it waited for."""

    stage: str
    days: Decimal
    actor: str = ""


@dataclass(frozen=True)
class Way:
    """One invoice: its stages in order until approval, and its dates. Amounts in the reporting currency."""

    document: int
    entity: str
    amount: Decimal
    received: datetime
    approved: datetime
    approved_day: date
    due: date | None
    paid: date | None
    stages: tuple[StageTime, ...]
    variant: tuple[str, ...]

    @property
    def days(self) -> Decimal:
        """From receipt to approval."""
        return days_between(self.received, self.approved)


@dataclass(frozen=True)
class Variant:
    """A sequence of activities, how many invoices take it, and their money."""

    activities: tuple[str, ...]
    cases: int
    amount: Decimal
    share: Decimal


def days_between(first: datetime, second: datetime) -> Decimal:
    """Days with fractions; below zero when the second comes first."""
    return Decimal((second - first).total_seconds()) / SECONDS


def stages_of(received: datetime, events: Sequence[Happened]) -> tuple[StageTime, ...]:
    """The stages until the last decision, from events in order. They add up to the time between both."""
    found: list[StageTime] = []
    at, failed = received, False
    for event in events:
        moment = max(event.at, at)
        if event.activity == TOLERANCE:
            failed = True
        elif event.activity == ASKED:
            found.append(StageTime(MATCHING if failed else BEFORE, days_between(at, moment)))
            at = moment
        elif event.activity.startswith(STEP):
            found.append(StageTime(event.activity, days_between(at, moment), event.actor))
            at = moment
    return tuple(found)


def by_document(events: Iterable[Happened]) -> dict[int, tuple[Happened, ...]]:
    """Events of each document in the order in which they happened; of one moment, receipt and request come first."""
    rank = {RECEIVED: 0, TOLERANCE: 1, ASKED: 2}
    found: dict[int, list[Happened]] = defaultdict(list)
    for event in events:
        found[event.document].append(event)
    return {
        key: tuple(sorted(mine, key=lambda e: (e.at, rank.get(e.activity, 3), e.activity)))
        for key, mine in found.items()
    }


def variants_of(rows: Iterable[tuple[tuple[str, ...], Decimal]]) -> tuple[Variant, ...]:
    """Sequences with their cases and money, the most frequent first."""
    count: Counter[tuple[str, ...]] = Counter()
    money: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for activities, amount in rows:
        count[activities] += 1
        money[activities] += amount
    whole = sum(count.values())
    order = sorted(count, key=lambda key: (-count[key], key))
    return tuple(
        Variant(key, count[key], money[key], (Decimal(count[key]) / whole).quantize(Decimal("0.0001"))) for key in order
    )
