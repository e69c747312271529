"""Simulated lives of documents, one entry per document and path: recognised, due and paid, as offsets from today.

Unlike `cash_paths`, which only sums cash, this keeps each drawn document, so that a lever can change when it is paid
and everything else stays as drawn. Baseline and scenario share every random number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.cash_paths import (
    Model,
    draw_waiting,
    draw_worlds,
    open_survival,
    volumes,
    waiting_rows,
)
from copilot.forecasting.inverse_tables import draw, tables
from copilot.forecasting.ledger import TRAILING_DAYS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OPEN, WAITING, NEW = 0, 1, 2
NO_DAY = -(10**6)
"""The offset that stands for "no such day"."""
MARGIN = 45
"""Days simulated beyond the horizon, so that a lever which brings payments forward finds them."""
EVENT_BUDGET = 1_500_000
PATH_LIMITS = (20, 400)


@dataclass(frozen=True, eq=False)
class Events:
    """Documents drawn over all paths. Offsets are days from today (1 is tomorrow); `paid` beyond `days` is "later".

    `row` are rows of the model's book; `amount` is what is owed, already scaled; `cash` the part of it that is paid out
    (a discount lowers it). `chance` and `supplier_chance` are uniform draws, per entry and per supplier, that levers
    use: the same in baseline and scenario.
    """

    path: Ints
    row: Ints
    layer: Ints
    received: Ints
    recognised: Ints
    invoiced: Ints
    due: Ints
    paid: Ints
    discount: Ints
    discount_rate: Floats
    amount: Floats
    cash: Floats
    chance: Floats
    supplier_chance: Floats
    paths: int
    days: int

    def changed(self, **arrays: NDArray[np.int64] | NDArray[np.float64]) -> Events:
        """The same documents with some columns replaced."""
        return replace(self, **arrays)  # type: ignore[arg-type]


def draw_events(model: Model, days: int, seed: int) -> Events:
    """All documents that matter over `days` days: owed, in process, and to come."""
    reach = days + MARGIN
    streams = [np.random.Generator(np.random.PCG64(child)) for child in np.random.SeedSequence(seed).spawn(5)]
    arrivals = model.arrivals(reach)
    open_rows = int(np.count_nonzero(model.ledger.open_amount))
    waiting = waiting_rows(model)
    per_path = open_rows + len(waiting) + len(arrivals.row) / max(1, len(arrivals.source)) * reach
    paths = int(np.clip(EVENT_BUDGET / max(per_path, 1.0), *PATH_LIMITS))
    parts = [_open_part(model, reach, paths, streams[0])]
    if len(waiting):
        recognised, paid = draw_waiting(model, waiting, reach, paths, streams[1])
        rows = np.repeat(waiting, paths)
        parts.append(
            (
                np.tile(np.arange(paths), len(waiting)),
                rows,
                WAITING,
                recognised.ravel(),
                paid.ravel(),
                model.book.gross[rows],
            )
        )
    worlds = draw_worlds(model, arrivals, reach, paths, streams[2])
    factor = volumes(arrivals, reach, paths, streams[3])
    rows = model.book.recognised_rows[arrivals.row][worlds.member]
    scale = worlds.scale * factor[worlds.world, (worlds.recognised - 1) // 7]
    parts.append((worlds.world, rows, NEW, worlds.recognised, worlds.paid, model.book.gross[rows] * scale))
    due = np.full(len(model.book), 0)
    due[model.book.recognised_rows[arrivals.row]] = arrivals.due
    return _joined(model, parts, due, paths, reach, streams[4])


_Part = tuple[Ints, Ints, int, Ints, Ints, Floats]


def _open_part(model: Model, reach: int, paths: int, generator: np.random.Generator) -> _Part:
    rows, paid = [], []
    for part, survival in open_survival(model, reach):
        rows.append(part)
        paid.append(draw(tables(survival, generator), paths, generator).astype(np.int64))
    ledger_rows = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    drawn = np.concatenate(paid) if paid else np.zeros((0, paths), dtype=np.int64)
    each = np.repeat(ledger_rows, paths)
    book_rows = model.book.recognised_rows[each]
    recognised = model.book.recognised_day[book_rows] - model.today
    path = np.tile(np.arange(paths), len(ledger_rows))
    return path, book_rows, OPEN, recognised, drawn.ravel(), model.ledger.open_amount[each]


def _joined(
    model: Model, parts: list[_Part], current_due: Ints, paths: int, reach: int, generator: np.random.Generator
) -> Events:
    """One table; a document to come carries the lags of the one it is a copy of, under today's terms."""
    path, row, recognised, paid, amount = (np.concatenate([part[place] for part in parts]) for place in (0, 1, 3, 4, 5))
    layer = np.concatenate([np.full(len(part[0]), part[2], dtype=np.int64) for part in parts])
    book = model.book
    # Where the copy stands: today for known documents, its own recognition for those to come.
    origin = np.where(layer == NEW, book.recognised_day[row] - recognised, model.today)
    due_day = np.where(layer == NEW, current_due[row], book.due_day[row])
    per_supplier = generator.random(len(book.supplier.values))
    return Events(
        path=path,
        row=row,
        layer=layer,
        received=book.received_day[row] - origin,
        recognised=recognised,
        invoiced=book.invoice_day[row] - origin,
        due=np.where(due_day > 0, due_day - origin, NO_DAY),
        paid=paid,
        discount=np.where(book.discount_day[row] > 0, book.discount_day[row] - origin, NO_DAY),
        discount_rate=book.discount_rate[row],
        amount=amount,
        cash=amount * model.cash_factor(row),
        chance=generator.random(len(path)),
        supplier_chance=per_supplier[book.supplier.code[row]],
        paths=paths,
        days=reach,
    )


def payables(events: Events, horizon: int, unallocated: float = 0.0) -> Floats:
    """What is owed at the end of each day, `[path, day]`; day 0 is today."""
    come = np.clip(events.recognised, 0, horizon + 1)
    gone = np.clip(np.maximum(events.paid, come), 0, horizon + 1)
    size = events.paths * (horizon + 2)
    flow = added(events.path * (horizon + 2) + come, events.amount, size)
    flow -= added(events.path * (horizon + 2) + gone, events.amount, size)
    owed: Floats = np.cumsum(flow.reshape(events.paths, horizon + 2), axis=1)[:, : horizon + 1] + unallocated
    return owed


def purchases(model: Model, events: Events, horizon: int) -> Floats:
    """Purchases of the trailing 90 days as they are read on each day, `[path, day]`: recognised by then."""
    days = np.arange(horizon + 1)
    known = model.ledger
    age = model.today - known.invoice_day
    by_age = np.bincount(
        np.clip(age, 0, TRAILING_DAYS)[age < TRAILING_DAYS],
        weights=known.gross[age < TRAILING_DAYS],
        minlength=TRAILING_DAYS,
    )
    left = np.concatenate([np.cumsum(by_age[:TRAILING_DAYS]), np.zeros(1)])
    base = np.where(days < TRAILING_DAYS, left[np.clip(TRAILING_DAYS - 1 - days, 0, TRAILING_DAYS)], 0.0)
    mine = events.layer != OPEN
    come = np.clip(np.maximum(events.recognised, events.invoiced)[mine], 0, horizon + 1)
    gone = np.clip(events.invoiced[mine] + TRAILING_DAYS, 0, horizon + 1)
    inside = come < gone
    amount, path = events.amount[mine][inside], events.path[mine][inside]
    size = events.paths * (horizon + 2)
    flow = added(path * (horizon + 2) + come[inside], amount, size)
    flow -= added(path * (horizon + 2) + gone[inside], amount, size)
    bought: Floats = np.cumsum(flow.reshape(events.paths, horizon + 2), axis=1)[:, : horizon + 1] + base
    return bought


def cash_out(events: Events, horizon: int) -> Floats:
    """Cash paid on each day, `[path, day]` with day 1 in column 0."""
    inside = (events.paid >= 1) & (events.paid <= horizon)
    key = events.path[inside] * horizon + events.paid[inside] - 1
    return added(key, events.cash[inside], events.paths * horizon).reshape(events.paths, horizon)


def added(key: Ints, amount: Floats, size: int) -> Floats:
    """Amounts added up by key."""
    return np.bincount(key, weights=amount, minlength=size).astype(np.float64)
