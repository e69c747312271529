"""Daily exchange rates: a seeded random walk per currency, with one planted move."""

from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import FloatArray, IntArray
from sync.sandbox.company.presets import Frame
from sync.sandbox.company.reference import CURRENCIES, CURRENCY_INDEX, MOVING_CURRENCY

BILLIONTHS = 1_000_000_000
_VOLATILITY = 0.0035
_PULL = 0.01
_LEAD_DAYS = 20
MOVE_DAYS = 20
MOVE_SIZE = 0.14
MOVE_START_BEFORE_END = 140


@dataclass(frozen=True)
class Rates:
    """Quotes on every weekday. `days` are the weekdays, `dollars[c, d]` US dollars for one unit of currency c.

    `from_currency`, `to_currency`, `day` and `rate` (in billionths) are the published rows: each currency to US
    dollars and US dollars to each currency.
    """

    days: IntArray
    dollars: FloatArray
    from_currency: IntArray
    to_currency: IntArray
    day: IntArray
    rate: IntArray

    def dollars_on(self, currency: IntArray, days: IntArray) -> FloatArray:
        """Dollars for one unit on each day: the latest quote on or before it (the first one before the start)."""
        place = np.maximum(np.searchsorted(self.days, days, side="right") - 1, 0)
        return self.dollars[currency, place]


def build_rates(frame: Frame) -> Rates:
    """Weekday quotes from shortly before the history to the data's last day; no quotes at weekends."""
    random = frame.stream("rates")
    every = np.arange(frame.first_day - _LEAD_DAYS, frame.last_day + 1, dtype=np.int64)
    days = every[(every + 3) % 7 < 5]
    logs = np.zeros((len(CURRENCIES), len(days)))
    steps = random.normal(0.0, _VOLATILITY, logs.shape)
    for place in range(1, len(days)):
        logs[:, place] = logs[:, place - 1] * (1.0 - _PULL) + steps[:, place]
    start = frame.last_day - MOVE_START_BEFORE_END
    logs[CURRENCY_INDEX[MOVING_CURRENCY]] += MOVE_SIZE * np.clip((days - start) / MOVE_DAYS, 0.0, 1.0)
    logs[0] = 0.0
    dollars = np.array([currency.dollars for currency in CURRENCIES])[:, None] * np.exp(logs)
    others = np.arange(1, len(CURRENCIES), dtype=np.int64)
    pairs = np.concatenate((others, np.zeros_like(others))), np.concatenate((np.zeros_like(others), others))
    quotes = np.concatenate((dollars[1:], 1.0 / dollars[1:]))
    return Rates(
        days=days,
        dollars=np.round(dollars * BILLIONTHS) / BILLIONTHS,
        from_currency=np.tile(pairs[0], len(days)),
        to_currency=np.tile(pairs[1], len(days)),
        day=np.repeat(days, len(pairs[0])),
        rate=np.round(quotes.T * BILLIONTHS).astype(np.int64).reshape(-1),
    )
