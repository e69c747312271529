"""How business varies with the calendar: an index by month of the year and one by part of the month, both with mean 1.

They count documents (amounts are too heavy-tailed to show a season) and are shrunk to 1 by the share of their variance
that is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

YEAR = 365
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, eq=False)
class Season:
    """`month[0..11]` for January to December, `part[0..2]` for days 1-10, 11-20 and the rest of a month."""

    month: Floats
    part: Floats

    def factor(self, day: Ints) -> Floats:
        """The two indices multiplied, for each day (ordinals)."""
        product: Floats = self.month[month_of(day)] * self.part[part_of_month(day)]
        return product


def learn_season(recognised_day: Ints, today: int) -> Season:
    """The season in the recognition days up to `today`, read from whole years so that growth and season do not mix.

    With less than a year there is none. One year cannot tell a month's season from trend; two or more can, better with
    each.
    """
    years = (today - int(recognised_day.min(initial=today)) + 1) // YEAR
    if years < 1:
        return Season(np.ones(12), np.ones(3))
    day = np.arange(today - YEAR * years + 1, today + 1)
    count = np.bincount(recognised_day[recognised_day >= day[0]] - day[0], minlength=len(day)).astype(np.float64)
    month = 1.0 + (_index(count, month_of(day), 12) - 1.0) * (years - 1) / years
    return Season(month, _index(count, part_of_month(day), 3))


def month_of(day: Ints) -> Ints:
    """January 0 to December 11, of ordinals."""
    month: Ints = (day - EPOCH).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return month


def part_of_month(day: Ints) -> Ints:
    """0 for days 1-10, 1 for days 11-20, 2 for the rest."""
    calendar = (day - EPOCH).astype("datetime64[D]")
    since_first = calendar - calendar.astype("datetime64[M]").astype("datetime64[D]")
    part: Ints = np.minimum(since_first.astype(np.int64) // 10, 2)
    return part


def _index(count: Floats, group: Ints, groups: int) -> Floats:
    """Documents per day of each group over the mean of the groups, shrunk."""
    total = np.bincount(group, weights=count, minlength=groups)
    days = np.bincount(group, minlength=groups)
    rate = np.divide(total, days, out=np.zeros(groups), where=days > 0)
    if rate.mean() <= 0:
        return np.ones(groups)
    index = rate / rate.mean()
    spread = float(np.var(index))
    chance = float(np.mean(1.0 / np.maximum(total, 1.0)))
    kept = max(0.0, 1.0 - chance / spread) if spread > 0 else 0.0
    shrunk: Floats = 1.0 + (index - 1.0) * kept
    return shrunk
