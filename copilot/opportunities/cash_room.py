"""How much cash lies above each floor on each day ahead, if suppliers are paid as habit has it.

Cash before payables (balance and expected movements) less simulated payments, at the policy's cautious quantile of each
day: with 0.10, one path in ten has less on that day. Each pool is a floor that treasury named.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from copilot.forecasting.cash_feed import CashFeed, NoCashFeed
from copilot.forecasting.cash_paths import Model
from copilot.forecasting.event_paths import Events, added
from copilot.opportunities.offer_reading import COMPANY, CashBooks
from copilot.opportunities.problem import Floats, Ints
from copilot.opportunities.treasury_policy import TreasuryPolicy


@dataclass(frozen=True)
class Pool:
    """Cash with a floor of its own: of the company, of one buying entity, or of one currency."""

    kind: str
    name: str
    floor: Decimal

    @property
    def label(self) -> str:
        """As in "the company" or a name."""
        return "the company" if self.kind == COMPANY else self.name


@dataclass(frozen=True, eq=False)
class Room:
    """`cents[pool, day]` above each floor, day 0 being tomorrow; `balance` and `position` are those of the company."""

    pools: tuple[Pool, ...]
    cents: Ints
    balance: Decimal
    position: date
    forecast_of: date | None
    reach: date | None


def pools_of(policy: TreasuryPolicy) -> tuple[Pool, ...]:
    """The company first, then entities and currencies by name."""
    floors = policy.floors
    entities = [Pool("entity", name, floor) for name, floor in sorted(floors.entities.items())]
    currencies = [Pool("currency", name, floor) for name, floor in sorted(floors.currencies.items())]
    return (Pool(COMPANY, COMPANY, floors.company), *entities, *currencies)


def room_of(model: Model, events: Events, cash: CashBooks, policy: TreasuryPolicy, days: int) -> Room | NoCashFeed:
    """The room of every pool over `days`; NoCashFeed names the first pool whose cash is not known."""
    pools = pools_of(policy)
    rows = []
    company: CashFeed | None = None
    for pool in pools:
        feed = cash.pool(pool.kind, pool.name, model.as_of)
        if isinstance(feed, NoCashFeed):
            of = "" if pool.kind == COMPANY else f" of {pool.label}"
            return NoCashFeed(f"the cash{of}: {feed.missing}")
        company = company or feed
        paid = paid_from(model, events, pool, days)
        left = feed.before_payables(model.as_of, days)[None, :] - np.cumsum(paid, axis=1)
        cautious = np.quantile(left, float(policy.quantile), axis=0)
        rows.append(np.floor((cautious - float(pool.floor)) * 100.0).astype(np.int64))
    if company is None:
        raise AssertionError("the company is always a pool")
    return Room(pools, np.stack(rows), company.balance, company.position_day, company.forecast_of, company.reach)


def paid_from(model: Model, events: Events, pool: Pool, days: int) -> Floats:
    """Cash that leaves a pool on each day, `[path, day]`."""
    mine = (events.paid >= 1) & (events.paid <= days)
    if pool.kind != COMPANY:
        column = model.book.buying_entity if pool.kind == "entity" else model.book.currency
        codes = np.array([value == pool.name for value in column.values], dtype=np.bool_)
        mine &= codes[column.code[events.row]]
    key = events.path[mine] * days + events.paid[mine] - 1
    return added(key, events.cash[mine], events.paths * days).reshape(events.paths, days)
