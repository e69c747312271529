"""The ledger's file as an accountant would read it, and the days of the balance sheet from it, one figure at a time.

A total is the sum over its currencies: flows at the mean of the month's daily rates, balances at the closing rate of
the month's last day. What nobody sent, or what cannot be converted, is None and takes its entity out of the figure.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from oracle.books import ZERO, Rates

FLOWS = frozenset({"cogs", "revenue", "purchases"})
NANO = Decimal("0.000000001")

Month = tuple[int, int]
Amounts = Mapping[tuple[str, Month, str], Mapping[str, Decimal]]
"""Amounts by currency of each entity, month and class."""


@dataclass(frozen=True)
class Ledger:
    """The rows of the file, and the rates."""

    amounts: Amounts
    rates: Rates

    @property
    def entities(self) -> list[str]:
        """Names of the charts of accounts."""
        return sorted({entity for entity, _, _ in self.amounts})

    def total(self, entity: str, month: Month, kind: str) -> Decimal | None:
        """One total in the reporting currency."""
        found = self.amounts.get((entity, month, kind))
        if found is None:
            return None
        added = ZERO
        for currency, amount in found.items():
            rate = self._mean(currency, month) if kind in FLOWS else self.rates.on(currency, last_day(month))
            if rate is None:
                return None
            added += amount * rate
        return added

    def year(self, entity: str, month: Month, kind: str) -> Decimal | None:
        """The twelve months up to and with a month; None unless all of them are there."""
        found = [self.total(entity, back(month, steps), kind) for steps in range(12)]
        return None if None in found else sum((one for one in found if one is not None), ZERO)

    def _mean(self, currency: str, month: Month) -> Decimal | None:
        if currency == self.rates.reporting:
            return Decimal(1)
        days = self.rates.days.get(currency, ())
        listed = [
            rate
            for day, rate in zip(days, self.rates.rates.get(currency, ()), strict=True)
            if (day.year, day.month) == month
        ]
        return (sum(listed, ZERO) / len(listed)).quantize(NANO) if listed else None


def read_ledger(path: Path, rates: Rates) -> Ledger:
    """The ledger of a file as `tenor-sync feed load erp_totals` takes it."""
    amounts: dict[tuple[str, Month, str], dict[str, Decimal]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            year, month = row["period_month"].split("-")[:2]
            key = (row["entity"], (int(year), int(month)), row["account_class"])
            amounts.setdefault(key, {})[row["currency"]] = Decimal(row["amount"])
    return Ledger(amounts, rates)


def back(month: Month, steps: int) -> Month:
    """The month that many months before."""
    place = month[0] * 12 + month[1] - 1 - steps
    return place // 12, place % 12 + 1


def last_day(month: Month) -> date:
    """The last day of a month."""
    year, number = back(month, -1)
    return date(year, number, 1) - timedelta(days=1)


def closed_month(day: date) -> Month:
    """The last month that is over at the end of a day."""
    next_day = day + timedelta(days=1)
    return back((next_day.year, next_day.month), 1)


def days_of_year(month: Month) -> int:
    """Days of the twelve months up to and with a month."""
    return (last_day(month) - last_day(back(month, 12))).days


Figure = Callable[[Ledger, Iterable[str], date], Decimal | None]


def _days(above: Mapping[str, Decimal | None], below: Mapping[str, Decimal | None], month: Month) -> Decimal | None:
    """Sum of what is above / sum of what is below x days, over the entities that have both."""
    both = [
        (top, bottom)
        for entity in above
        if (top := above[entity]) is not None and (bottom := below[entity]) is not None
    ]
    divisor = sum((bottom for _, bottom in both), ZERO)
    return sum((top for top, _ in both), ZERO) * days_of_year(month) / divisor if divisor else None


def dpo_balance_ending(ledger: Ledger, entities: Iterable[str], day: date) -> Decimal | None:
    """Closing payables / costs of twelve months x days."""
    return _of(ledger, list(entities), closed_month(day), "ap_control", "cogs")


def dpo_balance_average(ledger: Ledger, entities: Iterable[str], day: date) -> Decimal | None:
    """(Payables twelve months ago + closing payables) / 2 / costs of twelve months x days."""
    month = closed_month(day)
    means: dict[str, Decimal | None] = {}
    costs: dict[str, Decimal | None] = {}
    for entity in entities:
        ends = [ledger.total(entity, at, "ap_control") for at in (back(month, 12), month)]
        means[entity] = None if None in ends else sum((one for one in ends if one is not None), ZERO) / 2
        costs[entity] = ledger.year(entity, month, "cogs")
    return _days(means, costs, month)


def dio(ledger: Ledger, entities: Iterable[str], day: date) -> Decimal | None:
    """Closing inventory / costs of twelve months x days."""
    return _of(ledger, list(entities), closed_month(day), "inventory", "cogs")


def dso(ledger: Ledger, entities: Iterable[str], day: date) -> Decimal | None:
    """Closing receivables / revenue of twelve months x days."""
    return _of(ledger, list(entities), closed_month(day), "receivables", "revenue")


def ccc(ledger: Ledger, entities: Iterable[str], day: date) -> Decimal | None:
    """DSO + DIO - DPO, of the entities that have all five totals."""
    month = closed_month(day)
    whole = [
        entity
        for entity in entities
        if None not in [ledger.total(entity, month, kind) for kind in ("receivables", "inventory", "ap_control")]
        and None not in [ledger.year(entity, month, kind) for kind in ("cogs", "revenue")]
    ]
    parts = [figure(ledger, whole, day) for figure in (dso, dio, dpo_balance_ending)]
    sales, stock, owed = parts
    return None if sales is None or stock is None or owed is None else sales + stock - owed


def _of(ledger: Ledger, entities: list[str], month: Month, balance: str, flow: str) -> Decimal | None:
    above = {entity: ledger.total(entity, month, balance) for entity in entities}
    return _days(above, {entity: ledger.year(entity, month, flow) for entity in entities}, month)


LEDGER_FIGURES: dict[str, Figure] = {
    "dpo_balance_ending": dpo_balance_ending,
    "dpo_balance_average": dpo_balance_average,
    "dio": dio,
    "dso": dso,
    "ccc": ccc,
}
