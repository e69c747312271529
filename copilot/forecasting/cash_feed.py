"""The treasury's cash: what is on the accounts, and the movements it expects that are not payables.

Read from the semantic layer's entities `cash_balance` and `cash_movement`, which stand on the feeds `cash_positions`
and `cash_forecasts`. Amounts are in the reporting currency.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.record_reading import Rows
from semantic_layer import SemanticLayerError
from semantic_layer.query import RecordQuery

Floats = NDArray[np.float64]

STALE_DAYS = 7
"""A balance that is older on the day of the simulation is no cash position."""


@dataclass(frozen=True)
class CashFeed:
    """Cash on `position_day`, and what else is expected to come (positive) or leave by day.

    `reach` is the last day that the forecast speaks of; after it the average of a day in it goes on.
    """

    position_day: date
    balance: Decimal
    accounts: int
    forecast_of: date | None
    movements: tuple[tuple[date, Decimal], ...]
    reach: date | None

    def before_payables(self, as_of: date, days: int) -> Floats:
        """`[day]`: cash at the end of each day after `as_of`, suppliers not paid; day 1 in column 0."""
        flow = np.zeros(days)
        for day, amount in self.movements:
            place = (day - as_of).days - 1
            if 0 <= place < days:
                flow[place] += float(amount)
        reached = min(days, (self.reach - as_of).days) if self.reach is not None else 0
        if 0 < reached < days:
            flow[reached:] = float(flow[:reached].sum()) / reached
        cash: Floats = float(self.balance) + np.cumsum(flow)
        return cash


@dataclass(frozen=True)
class NoCashFeed:
    """There is no cash to go by; `missing` says what, and how to get it."""

    missing: str


LOAD = "load it with `tenor-sync feed load cash_positions FILE`"


def read_cash(layer: Rows) -> CashFeed | NoCashFeed:
    """The latest cash position known on the data date, and the latest forecast of movements."""
    try:
        balances = layer.records(
            RecordQuery(entity="cash_balance", columns=("bank_account", "position_date", "amount_reporting"))
        )
    except (SemanticLayerError, KeyError):
        return NoCashFeed(f"no cash position is loaded; {LOAD}")
    return cash_of(balances.rows, _movements(layer), layer.data_date)


def _movements(layer: Rows) -> tuple[tuple[object, ...], ...]:
    try:
        found = layer.records(
            RecordQuery(entity="cash_movement", columns=("as_of_date", "forecast_date", "amount_reporting"))
        )
    except (SemanticLayerError, KeyError):
        return ()
    return tuple(found.rows)


def cash_of(
    balances: Iterable[tuple[object, ...]], movements: Iterable[tuple[object, ...]], as_of: date
) -> CashFeed | NoCashFeed:
    """The position from (account, day, amount) and the forecast from (made on, day, amount) as known on `as_of`.

    Each account counts with its latest balance of the last STALE_DAYS.
    """
    latest: dict[object, tuple[date, Decimal | None]] = {}
    for account, day, amount in balances:
        if isinstance(day, date) and as_of - timedelta(days=STALE_DAYS) < day <= as_of:
            known = latest.get(account)
            if known is None or day > known[0]:
                latest[account] = (day, amount if isinstance(amount, Decimal) else None)
    if not latest:
        return NoCashFeed(f"the cash position is older than {STALE_DAYS} days on {as_of}, or there is none; {LOAD}")
    if any(amount is None for _, amount in latest.values()):
        return NoCashFeed("an account's balance has no exchange rate of the last seven days; load rates first")
    rows = [
        (made, day, amount)
        for made, day, amount in movements
        if isinstance(made, date) and isinstance(day, date) and isinstance(amount, Decimal) and made <= as_of
    ]
    made_on = max((made for made, _, _ in rows), default=None)
    current = sorted((day, amount) for made, day, amount in rows if made == made_on and day > as_of)
    return CashFeed(
        position_day=max(day for day, _ in latest.values()),
        balance=sum((amount for _, amount in latest.values() if amount is not None), Decimal(0)),
        accounts=len(latest),
        forecast_of=made_on if current else None,
        movements=tuple(current),
        reach=current[-1][0] if current else None,
    )
