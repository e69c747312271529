"""What stands out in how a company pays: entities that pay early, quarter ends that are thinned, terms that changed.

A forecast carries these habits on; whoever reads it should know that it does. Read from the same book and timing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.cash_paths import Model
from copilot.forecasting.current_terms import current_due_days
from copilot.forecasting.record_reading import Rows
from semantic_layer import SemanticLayerError
from semantic_layer.query import RecordQuery

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

YEAR = 365
LEAST = 60
"""Documents or payments that an entity has at least before anything is said of it."""
EARLY_DAYS = -5.0
"""Median days against the due date at which an entity is said to pay early, if others do not."""
QUARTER_TAIL = 8
"""Last days of a quarter."""
THINNED = 0.65
"""Share of payments in quarter tails, as a part of the other entities' share, at which an entity stands out."""
SLOW_FACTOR = 2.0
CHANCE = 3.0
"""Standard errors by which it must."""


class Habit(NamedTuple):
    """Something that stands out: who, by how much (`value`), and what is usual elsewhere, in the unit of the kind.

    early payment: median days against the due date; thinned quarter end: share of the number of payments; changed
    terms: mean net days added to what was bought before the change, weighted by amount; slow approval: mean days of a
    step.
    """

    kind: Literal["early payment", "thinned quarter end", "changed terms", "slow approval"]
    name: str
    value: float
    usual: float

    @property
    def sentence(self) -> str:
        """It in plain words."""
        if self.kind == "early payment":
            return f"{self.name} pays {-self.value:.0f} days before the due date, others {self.usual:+.0f}"
        if self.kind == "thinned quarter end":
            shares = f"{self.value:.1%} of its payments in the last days of quarters, others {self.usual:.1%}"
            return f"{self.name} makes {shares}"
        if self.kind == "slow approval":
            return f"{self.name} takes {self.value:.1f} days for a step, others {self.usual:.1f}"
        return f"terms that {self.name} have since changed are taken as they are now: {self.value:+.1f} days on average"


def habits(model: Model) -> tuple[Habit, ...]:
    """All that stands out, the strongest of each kind first."""
    return (*_early(model), *_thinned(model), *_changed(model))


def _early(model: Model) -> list[Habit]:
    ledger = model.ledger
    row = ledger.settled_document
    chosen = (ledger.settled_day > model.today - YEAR) & (ledger.due_day[row] > 0) & (ledger.gross[row] > 0)
    against = (ledger.settled_day - ledger.due_day[row])[chosen].astype(np.float64)
    entity = ledger.buying_entity[row][chosen]
    found = []
    for code, name in enumerate(ledger.buying_entities):
        mine, rest = against[entity == code], against[entity != code]
        if len(mine) >= LEAST and len(rest):
            middle, usual = float(np.median(mine)), float(np.median(rest))
            if middle <= EARLY_DAYS and middle <= usual + EARLY_DAYS:
                found.append(Habit("early payment", name, middle, usual))
    return sorted(found, key=lambda habit: habit.value)


def _thinned(model: Model) -> list[Habit]:
    ledger = model.ledger
    tail = in_quarter_tail(ledger.settled_day)
    entity = ledger.buying_entity[ledger.settled_document]
    found = []
    for code, name in enumerate(ledger.buying_entities):
        mine, rest = tail[entity == code], tail[entity != code]
        if len(mine) >= LEAST and rest.any():
            share, usual = float(mine.mean()), float(rest.mean())
            noise = float(np.sqrt(usual * (1.0 - usual) / len(mine)))
            if share < THINNED * usual and usual - share > CHANCE * noise:
                found.append(Habit("thinned quarter end", name, share, usual))
    return sorted(found, key=lambda habit: habit.value / habit.usual)


def in_quarter_tail(day: Ints) -> NDArray[np.bool_]:
    """Which ordinals lie in the last QUARTER_TAIL days of a quarter."""
    dates = (day - 719_163).astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64)
    end = ((month // 3 + 1) * 3).astype("datetime64[M]").astype("datetime64[D]")
    tail: NDArray[np.bool_] = (end - dates).astype(np.int64) <= QUARTER_TAIL
    return tail


def _changed(model: Model) -> list[Habit]:
    ledger = model.ledger
    moved = current_due_days(ledger) - ledger.due_day
    touched = (moved != 0) & (ledger.invoice_day > model.today - 2 * YEAR)
    whole = float(ledger.gross[touched].sum())
    if int(touched.sum()) < LEAST or whole <= 0:
        return []
    suppliers = len(np.unique(ledger.supplier[touched]))
    days = float((ledger.gross[touched] * moved[touched]).sum()) / whole
    return [Habit("changed terms", f"{suppliers} suppliers", days, 0.0)]


def suppliers_with_changed_terms(model: Model) -> frozenset[str]:
    """Names of the suppliers whose former terms are superseded."""
    ledger = model.ledger
    moved = current_due_days(ledger) != ledger.due_day
    return frozenset(ledger.suppliers[code] for code in np.unique(ledger.supplier[moved]).tolist())


def read_slow_approvers(layer: Rows) -> tuple[Habit, ...]:
    """Approvers who take far longer than others, slowest first; empty where approvals cannot be read."""
    try:
        found = layer.records(
            RecordQuery(entity="approval_wait", columns=("approver", "wait_from", "event_date", "step"))
        )
    except (SemanticLayerError, KeyError):
        return ()
    ended = ((str(row[0]), row[1], row[2]) for row in found.rows if row[3] is not None and int(str(row[3])) < 0)
    return slow_approvers(
        (name, (end - start).days) for name, start, end in ended if isinstance(start, date) and isinstance(end, date)
    )


def slow_approvers(steps: Iterable[tuple[str, int]]) -> tuple[Habit, ...]:
    """From (approver, days of a decided step): who takes SLOW_FACTOR times the days of all others, in LEAST steps."""
    by_name: dict[str, list[int]] = {}
    for name, waited in steps:
        by_name.setdefault(name, []).append(waited)
    count = sum(len(days) for days in by_name.values())
    total = sum(sum(days) for days in by_name.values())
    found = []
    for name, days in by_name.items():
        others = count - len(days)
        usual = (total - sum(days)) / others if others else 0.0
        mean = sum(days) / len(days)
        if len(days) >= LEAST and others and mean > SLOW_FACTOR * max(usual, 0.5):
            found.append(Habit("slow approval", name, mean, usual))
    return tuple(sorted(found, key=lambda habit: (-habit.value, habit.name)))
