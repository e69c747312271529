"""Synthetic companies whose behaviour is known, for the forecasting tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from copilot.forecasting.ledger import Document, Ledger, Settlement

AS_OF = date(2026, 11, 21)


@dataclass(frozen=True)
class World:
    """How a synthetic company behaves: days are whole, amounts lognormal with `spread`, payments on weekdays `runs`."""

    days: int = 420
    per_day: float = 4.0
    terms: int = 30
    new_terms: int | None = None
    changed_on: date | None = None
    approval_lag: int = 5
    lateness: float = 0.0
    spread: float = 0.5
    runs: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    known: date = AS_OF
    seed: int = 1


def build(world: World) -> Ledger:
    """The whole ledger of a world; documents are bought on every day of `world.days` and paid until its end."""
    generator = np.random.default_rng(world.seed)
    start = AS_OF - timedelta(days=world.days)
    documents: list[Document] = []
    settlements: list[Settlement] = []
    for offset in range(world.days + (world.known - AS_OF).days + 1):
        invoiced = start + timedelta(days=offset)
        for _ in range(int(generator.poisson(world.per_day))):
            recognised = invoiced + timedelta(days=world.approval_lag)
            if recognised > world.known:
                continue
            terms = (
                world.new_terms
                if world.new_terms and world.changed_on and invoiced >= world.changed_on
                else world.terms
            )
            due = invoiced + timedelta(days=terms)
            gross = Decimal(str(round(float(generator.lognormal(7.0, world.spread)), 2)))
            key = len(documents) + 1
            documents.append(Document(key, f"S{key % 20}", "US01", "USD", False, invoiced, recognised, due, gross))
            paid = max(recognised, due + timedelta(days=round(float(generator.normal(0.0, 1.0)) * world.lateness)))
            while paid.weekday() not in world.runs:
                paid += timedelta(days=1)
            if paid <= world.known:
                settlements.append(Settlement(key, paid, gross))
    return Ledger.of(documents, settlements)


@pytest.fixture(scope="session")
def world() -> Callable[..., Ledger]:
    """Builds the ledger of a `World` from its keyword arguments."""
    return lambda **behaviour: build(World(**behaviour))
