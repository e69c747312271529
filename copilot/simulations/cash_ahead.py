"""Cash once suppliers are paid: today's balances, what treasury expects, and the paths of cash out, day by day.

    cash(d) = balance + movements up to d - payments to suppliers up to d

One path of cash for each path of the outflow forecast, so that the band of a day is that of its sum and the chance to
fall below a floor on any day is counted over whole paths. Amounts are in the forecast's currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.cash_feed import CashFeed
from copilot.simulations.outcomes import Assumption
from copilot.simulations.outflow_outcomes import Band, OutflowForecast, band_of

Flags = NDArray[np.bool_]
THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True)
class CashDay:
    """Cash at the end of a day, and the chance that it is below the floor on that day."""

    day: date
    cash: Band
    below: Decimal


@dataclass(frozen=True)
class CashAhead:
    """Cash of each day of a period. `below` is the chance that some day of it is below the floor.

    `first_below` is the first day on which more than half of the paths are; None when there is none.
    """

    floor: Decimal
    days: tuple[CashDay, ...]
    below: Decimal
    assumptions: tuple[Assumption, ...]

    @property
    def last(self) -> CashDay:
        """The end of the period."""
        return self.days[-1]

    @property
    def lowest(self) -> CashDay:
        """The day with the lowest median; the first of several."""
        return min(self.days, key=lambda found: (found.cash.median, found.day))

    @property
    def first_below(self) -> date | None:
        """The first day on which the floor is more likely broken than not."""
        return next((found.day for found in self.days if found.below > Decimal("0.5")), None)

    def weeks(self) -> Iterator[CashDay]:
        """The Sundays of the period, and its last day."""
        return (found for found in self.days if found.day.isoweekday() == 7 or found is self.last)


def cash_ahead(outflow: OutflowForecast, feed: CashFeed, first: date, last: date, floor: Decimal) -> CashAhead:
    """The cash of each day from `first` to `last`, both inside the forecast; counted from its first day on."""
    reach = (last - outflow.as_of).days
    paths = feed.before_payables(outflow.as_of, reach) - np.cumsum(outflow.paths[:, :reach], axis=1)
    begin = max(0, (first - outflow.as_of).days - 1)
    short: Flags = np.asarray(paths[:, begin:] < float(floor))
    days = tuple(
        CashDay(
            outflow.as_of + timedelta(days=place + 1),
            band_of(paths[:, place], outflow.stretch.until(place + 1)),
            _chance(short[:, place - begin]),
        )
        for place in range(begin, reach)
    )
    return CashAhead(floor, days, _chance(np.any(short, axis=1)), _assumptions(feed, outflow.as_of, last))


def _chance(hits: Flags) -> Decimal:
    return Decimal(float(hits.mean())).quantize(THOUSANDTH)


def _assumptions(feed: CashFeed, as_of: date, last: date) -> tuple[Assumption, ...]:
    accounts = f"{feed.balance:,.2f} on {feed.accounts} accounts on {feed.position_day.isoformat()}"
    if feed.reach is None:
        other = "none known: only payments to suppliers move cash"
    else:
        other = f"{len(feed.movements)} movements up to {feed.reach.isoformat()}"
        other += ", their daily mean after that" if feed.reach < last else ""
    source = f"feed cash_forecasts of {feed.forecast_of.isoformat()}" if feed.forecast_of else "feed cash_forecasts"
    return (
        Assumption("cash", accounts, f"feed cash_positions, as known on {as_of.isoformat()}"),
        Assumption("other movements of cash", other, source),
    )
