"""Weeks by supplier: what was counted, and out of how much. A measure is their ratio, so that money weighs as money.

    discount capture   discounts taken / discounts offered, offers by the week in which their window ended
    days to pay        amount x days from invoice date / amount, payments by their week
    late rate          invoices not paid in full by their due date / invoices due, by the week of the due date
    cash effect        (discounts taken + worth of the time that money stayed) / amount paid, payments by their week

None of them needs a later week to be known: what is due or ends in a week is decided when the week is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Literal["discount capture", "days to pay", "late rate", "cash effect"]
MEASURES: tuple[Measure, ...] = ("discount capture", "days to pay", "late rate", "cash effect")
YEAR = Decimal(365)


@dataclass(frozen=True)
class Document:
    """One invoice that is not dead and no credit note. Amounts in the reporting currency, `offered` 0 for no offer."""

    id: int
    parent: str
    supplier: str
    day: date
    amount: Decimal
    offered: Decimal
    window_end: date | None
    taken: Decimal
    due: date | None
    paid_on: date | None
    """When it was paid in full."""
    disputed: bool


@dataclass(frozen=True)
class Payment:
    """One payment; `days` since the invoice date."""

    parent: str
    day: date
    amount: Decimal
    days: int
    taken: Decimal
    """The discount that came with it: all of it with the last payment of an invoice."""


@dataclass(frozen=True, eq=False)
class Panel:
    """`value` and `weight`, `[unit, week]`; a weight of 0 says that there is nothing to measure. `post`: `[week]`."""

    value: Floats
    weight: Floats
    post: NDArray[np.bool_]

    def known(self) -> NDArray[np.bool_]:
        """Units that have something to measure both before and after: only they can tell a change."""
        before, after = self.weight[:, ~self.post].sum(axis=1), self.weight[:, self.post].sum(axis=1)
        found: NDArray[np.bool_] = (before > 0) & (after > 0)
        return found


def monday(day: date) -> date:
    """The first day of a week."""
    return day - timedelta(days=day.weekday())


def panel_of(cells: Iterable[tuple[str, date, Decimal, Decimal]], weeks: Weeks, units: Sequence[str]) -> Panel:
    """The panel of (parent, day, counted, out of how much); other parents and weeks are left out."""
    places = {parent: place for place, parent in enumerate(units)}
    first = weeks.first.toordinal()
    found = np.array(
        [
            (places[parent], (day.toordinal() - first) // 7, counted, of)
            for parent, day, counted, of in cells
            if parent in places and of > 0
        ],
        dtype=np.float64,
    ).reshape(-1, 4)
    found = found[(found[:, 1] >= 0) & (found[:, 1] < weeks.count)]
    at = found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)
    top, bottom = np.zeros((len(units), weeks.count)), np.zeros((len(units), weeks.count))
    np.add.at(top, at, found[:, 2])
    np.add.at(bottom, at, found[:, 3])
    value = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return Panel(value, bottom, np.arange(weeks.count) >= weeks.before)


@dataclass(frozen=True)
class Weeks:
    """Weeks from a Monday on: `before` of the baseline, `after` of the pilot."""

    first: date
    before: int
    after: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.before + self.after

    @property
    def start(self) -> date:
        """The first day of the pilot."""
        return self.first + timedelta(weeks=self.before)

    @property
    def end(self) -> date:
        """The last day of the pilot."""
        return self.first + timedelta(weeks=self.count, days=-1)


def panels(
    documents: Sequence[Document],
    payments: Sequence[Payment],
    weeks: Weeks,
    units: Sequence[str],
    hurdle: Decimal | None,
) -> Mapping[Measure, Panel]:
    """All measures; without a hurdle rate (a yearly fraction) time has no price, and there is no cash effect."""
    found: dict[Measure, Panel] = {
        "discount capture": panel_of(
            (
                (one.parent, one.window_end, one.taken, one.offered)
                for one in documents
                if one.window_end is not None and one.offered > 0
            ),
            weeks,
            units,
        ),
        "days to pay": panel_of(((p.parent, p.day, p.amount * p.days, p.amount) for p in payments), weeks, units),
        "late rate": panel_of(
            ((one.parent, one.due, _late(one), Decimal(1)) for one in documents if one.due is not None), weeks, units
        ),
    }
    if hurdle is not None:
        kept = ((p.parent, p.day, p.taken + p.amount * p.days * hurdle / YEAR, p.amount) for p in payments)
        found["cash effect"] = panel_of(kept, weeks, units)
    return found


def _late(document: Document) -> Decimal:
    in_time = document.due is not None and document.paid_on is not None and document.paid_on <= document.due
    return Decimal(0 if in_time else 1)
