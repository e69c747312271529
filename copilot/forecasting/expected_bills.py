"""Documents that are expected one by one: what orders and receipts still have to be billed, and what recurs.

When a line is billed is a Kaplan-Meier curve over days since it was ordered (until it is received or billed) and since
it was received (until it is billed), lines that still wait included, given that it has waited so far. What then
happens to the bill is copied from a past document, of the same supplier where there is one: days to recognition, terms,
payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.orders import Orders
from copilot.forecasting.recurring import Series

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RECEIVED, ORDERED, RECURRING = 0, 1, 2
AGES = 730
LATE_ENTRY = 365
"""Days of history that the curves are learned from."""


@dataclass(frozen=True, eq=False)
class Waits:
    """Curves `[kind, age]` of the share that still waits: kind 0 goods, 1 services; and what ends a wait for goods.

    `ordered` ends with the first receipt or bill, `received` with the first bill after a receipt;
    `receipt_first[kind]` is the share of the former that end with a receipt. `tax` lifts net lines to gross invoices.
    """

    ordered: Floats
    received: Floats
    receipt_first: Floats
    tax: float


def learn_waits(orders: Orders, today: int, gross_of: Floats, net_of: Floats) -> Waits:
    """The curves, from lines alive in the last year; `gross_of` and `net_of` are totals of the same documents."""
    received = orders.first_day(orders.receipt_row, orders.receipt_day)
    billed = orders.first_day(orders.bill_row, orders.bill_day)
    either = np.where((received > 0) & ((billed == 0) | (received < billed)), received, billed)
    watched = orders.live | (billed > 0)  # closed without a bill: nobody knows since when it no longer waits
    kinds = orders.by_amount.astype(np.int64)
    by_receipt = (either > 0) & (either == received) & (received != billed)
    ended = [(kinds == kind) & (either > 0) for kind in (0, 1)]
    share = np.array([float(by_receipt[rows].mean()) if rows.any() else 0.0 for rows in ended])
    after = watched & (received > 0) & ((billed == 0) | (billed >= received))
    net, gross = float(net_of.sum()), float(gross_of.sum())
    return Waits(
        ordered=np.stack([_curve(orders.order_day, either, watched & (kinds == kind), today) for kind in (0, 1)]),
        received=np.stack([_curve(received, billed, after & (kinds == kind), today) for kind in (0, 1)]),
        receipt_first=share,
        tax=float(np.clip(gross / net, 1.0, 1.5)) if net > 0 else 1.0,
    )


def _curve(start: Ints, end: Ints, chosen: Flags, today: int) -> Floats:
    """Kaplan-Meier with late entry: share still waiting at the end of each age 0 … AGES - 1."""
    begin, finish = start[chosen], end[chosen]
    age = np.clip(np.where(finish > 0, finish, today) - begin, 0, AGES - 1)
    entry = np.clip(today - LATE_ENTRY - begin, 0, AGES)
    inside = age >= entry
    happened = np.bincount(age[inside & (finish > 0)], minlength=AGES).astype(np.float64)
    leaves = np.bincount(age[inside], minlength=AGES)
    enters = np.bincount(entry[inside], minlength=AGES + 1)
    at_risk = np.cumsum(enters)[:AGES] - np.concatenate([[0], np.cumsum(leaves)[:-1]])
    hazard = np.divide(happened, at_risk, out=np.zeros(AGES), where=at_risk > 0)
    curve: Floats = np.cumprod(1.0 - np.minimum(hazard, 1.0))
    return curve


def drawn_wait(curve: Floats, age: Ints, chance: Floats) -> Ints:
    """Days ahead at which waits of some ages end, `[item, draw]`, from draws of chance; beyond AGES: never seen.

    A line older than any that ever ended waits on.
    """
    so_far = curve[np.clip(age, 0, AGES - 1)][:, None]
    target = so_far * chance
    found = np.searchsorted(-curve, -target.ravel(), side="left").reshape(target.shape)
    ahead = np.maximum(found - age[:, None], 1)
    never = (found >= AGES) | (so_far <= 0.0)
    return np.where(never, 10 * AGES, ahead)


@dataclass(frozen=True, eq=False)
class Bills:
    """Bills expected one by one: layer, supplier, gross amount, and the day it comes in `[item, draw]` (days ahead)."""

    layer: Ints
    supplier: tuple[str, ...]
    amount: Floats
    comes: Ints

    def __len__(self) -> int:
        return len(self.layer)


def expected_bills(
    orders: Orders | None,
    waits: Waits | None,
    series: Sequence[tuple[str, int, Series]],
    today: int,
    reach: int,
    draws: int,
    generator: np.random.Generator,
) -> Bills:
    """All of them; `series` are (supplier, day of the last document, series)."""
    parts: list[tuple[int, Sequence[str], Floats, Ints]] = []
    if orders is not None and waits is not None:
        parts += _order_parts(orders, waits, today, draws, generator)
    for supplier, last, found in series:
        ahead = found.next_days(last, today, reach)
        if len(ahead):
            jitter = generator.choice(found.jitter, size=(len(ahead), draws))
            comes = np.maximum(ahead[:, None] + jitter, 1)
            parts.append((RECURRING, (supplier,) * len(ahead), np.full(len(ahead), found.amount), comes))
    if not parts:
        empty = np.zeros(0)
        return Bills(np.zeros(0, dtype=np.int64), (), empty, np.zeros((0, draws), dtype=np.int64))
    return Bills(
        layer=np.concatenate([np.full(len(part[1]), part[0], dtype=np.int64) for part in parts]),
        supplier=tuple(name for part in parts for name in part[1]),
        amount=np.concatenate([part[2] for part in parts]),
        comes=np.concatenate([part[3] for part in parts]),
    )


def _order_parts(
    orders: Orders, waits: Waits, today: int, draws: int, generator: np.random.Generator
) -> list[tuple[int, Sequence[str], Floats, Ints]]:
    received, ordered = orders.still_to_bill()
    first = orders.first_day(orders.receipt_row, orders.receipt_day)
    kinds = orders.by_amount.astype(np.int64)
    parts: list[tuple[int, Sequence[str], Floats, Ints]] = []
    for kind in (0, 1):
        rows = np.flatnonzero((received > 0) & (kinds == kind))
        chance = generator.random((len(rows), draws))
        comes = drawn_wait(waits.received[kind], today - first[rows], chance)
        parts.append((RECEIVED, [orders.supplier[row] for row in rows.tolist()], received[rows] * waits.tax, comes))
        rows = np.flatnonzero((ordered > 0) & (kinds == kind))
        comes = drawn_wait(waits.ordered[kind], today - orders.order_day[rows], generator.random((len(rows), draws)))
        then = drawn_wait(waits.received[kind], np.zeros(len(rows), dtype=np.int64), generator.random(comes.shape))
        by_receipt = generator.random(comes.shape) < waits.receipt_first[kind]
        comes = np.where(by_receipt, comes + then, comes)
        parts.append((ORDERED, [orders.supplier[row] for row in rows.tolist()], ordered[rows] * waits.tax, comes))
    return parts
