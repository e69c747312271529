"""Days on which nobody pays: public holidays of a buying entity's country, from the `holidays` library."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@lru_cache(maxsize=256)
def closed_days(country: str, first_year: int, last_year: int) -> frozenset[int]:
    """The public holidays of a country (ISO code of two letters) as ordinals; none for a country nobody lists."""
    try:
        found = holidays.country_holidays(country.upper(), years=range(first_year, last_year + 1))
    except NotImplementedError:
        return frozenset()
    return frozenset(day.toordinal() for day in found)


def is_weekend(day: Ints) -> NDArray[np.bool_]:
    """Whether ordinals fall on a Saturday or Sunday."""
    weekend: NDArray[np.bool_] = (day + 6) % 7 >= 5
    return weekend


@lru_cache(maxsize=64)
def closed_matrix(countries: tuple[str, ...], first: int, last: int) -> NDArray[np.bool_]:
    """`[entity, day]`: public holidays of each country from ordinal `first` to `last`, both included.

    An empty code stands for an unknown country: no holidays.
    """
    years = (_year(first), _year(last))
    rows = []
    for country in countries:
        row = np.zeros(last - first + 1, dtype=np.bool_)
        if country:
            inside = [day - first for day in closed_days(country, *years) if first <= day <= last]
            row[inside] = True
        rows.append(row)
    matrix = np.stack(rows) if rows else np.zeros((0, last - first + 1), dtype=np.bool_)
    matrix.flags.writeable = False  # it is shared
    return matrix


def country_by_entity(entity: Ints, country: Ints, countries: tuple[str, ...], entities: int) -> tuple[str, ...]:
    """The country that most documents of each entity carry ("" when none does)."""
    pair = entity * (len(countries) + 1) + country
    used, count = np.unique(pair, return_counts=True)
    best: dict[int, tuple[int, int]] = {}
    for key, times in zip(used.tolist(), count.tolist(), strict=True):
        who, where = divmod(key, len(countries) + 1)
        if times > best.get(who, (0, 0))[0]:
            best[who] = (times, where)
    return tuple(countries[best[who][1]] if who in best else "" for who in range(entities))


def _year(ordinal: int) -> int:
    return date.fromordinal(ordinal).year
