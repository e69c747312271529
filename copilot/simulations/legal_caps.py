"""Longest payment terms that law allows, by country: dated data in legal_caps.csv, to be checked with counsel.

A hard cap binds whatever is agreed. A soft one may be passed by express agreement that is not grossly unfair; here it
caps a lever all the same unless its owner says that such an agreement exists.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources

EU = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class LegalCap:
    """The rule of one country (or of the EU, for its members without one of their own)."""

    country: str
    max_days: int
    hard: bool
    rule: str
    source: str
    in_force_from: date
    checked_on: date


@lru_cache(maxsize=1)
def legal_caps() -> Mapping[str, LegalCap]:
    """All rules by country code."""
    text = resources.files("copilot.simulations").joinpath("legal_caps.csv").read_text(encoding="utf-8")
    return {
        row["country"]: LegalCap(
            country=row["country"],
            max_days=int(row["max_days"]),
            hard=row["hard"] == "yes",
            rule=row["rule"],
            source=row["source"],
            in_force_from=date.fromisoformat(row["in_force_from"]),
            checked_on=date.fromisoformat(row["checked_on"]),
        )
        for row in csv.DictReader(text.splitlines())
    }


def cap_of(country: str, on: date) -> LegalCap | None:
    """The rule in force for suppliers of a country on a day, None where there is none that we know of."""
    caps = legal_caps()
    found = caps.get(country) or (caps["EU"] if country in EU else None)
    return found if found and found.in_force_from <= on else None
