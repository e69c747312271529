"""Synthetic companies whose behaviour is known, for the forecasting tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from copilot.forecasting.book import Book, book_of
from copilot.forecasting.book_reading import DOCUMENT_COLUMNS
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


@dataclass(frozen=True)
class Trade:
    """How the books of a synthetic company behave: invoices a day, approval lag, terms, lateness, payment weekdays."""

    days: int = 500
    per_day: float = 4.0
    terms: int = 30
    approval_lag: int = 3
    lateness: float = 2.0
    spread: float = 0.6
    runs: tuple[int, ...] = (1, 3)
    country: str = "US"
    known: date = AS_OF
    waiting_status: str = "pending_approval"
    seed: int = 1


def build_book(trade: Trade) -> Book:
    """The book of a company up to its last known day, withdrawn documents left out."""
    generator = np.random.default_rng(trade.seed)
    documents: dict[str, list[Any]] = {name: [] for name in DOCUMENT_COLUMNS}
    payments: dict[str, list[Any]] = {"invoice_id": [], "payment_date": [], "amount_reporting": []}
    for offset in range(trade.days):
        received = trade.known - timedelta(days=trade.days - 1 - offset)
        for _ in range(int(generator.poisson(trade.per_day if received.weekday() < 5 else 0.0))):
            key = len(documents["invoice_id"]) + 1
            recognised = received + timedelta(days=int(generator.poisson(trade.approval_lag)))
            due = received + timedelta(days=trade.terms)
            amount = Decimal(str(round(float(generator.lognormal(7.0, trade.spread)), 2)))
            paid = max(recognised, due + timedelta(days=round(float(generator.normal(0, trade.lateness)))))
            while paid.weekday() not in trade.runs:
                paid += timedelta(days=1)
            is_known = recognised <= trade.known
            if is_known and paid <= trade.known:
                for column, value in zip(payments, (key, paid, amount), strict=True):
                    payments[column].append(value)
            settled = is_known and paid <= trade.known
            row = {
                "invoice_id": key,
                "invoice_number": f"N{key}",
                "supplier": f"S{key % 15}",
                "category": "Goods",
                "supplier_country": "US",
                "buying_entity": f"E{key % 2}",
                "entity_country_code": trade.country,
                "currency": "USD" if key % 3 else "EUR",
                "status": "approved" if is_known else trade.waiting_status,
                "population": "recognised" if is_known else "in process",
                "is_credit_note": False,
                "invoice_date": received,
                "received_date": received,
                "recognised_date": recognised if is_known else None,
                "due_date": due,
                "discount_end_date": None,
                "discount_rate": None,
                "gross_reporting": amount,
                "open_reporting": Decimal(0) if settled or not is_known else amount,
                "last_payment_date": paid if settled else None,
            }
            for name, value in row.items():
                documents[name].append(value)
    return book_of(documents, payments)


@pytest.fixture(scope="session")
def trade() -> Callable[..., Book]:
    """Builds the book of a `Trade` from its keyword arguments."""
    return lambda **behaviour: build_book(Trade(**behaviour))
