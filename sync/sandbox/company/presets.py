"""Sizes of the company, its period, and independent random streams."""

import datetime as dt
import zlib
from dataclasses import dataclass

import numpy as np

from sync.sandbox.errors import UnknownPresetError
from sync.sandbox.zone import CompanyZone, day_number

HISTORY_MONTHS = 27
POLICY_MONTH = 18
LOOKAHEAD_DAYS = 45
"""Documents are drawn this far past the data's last day, so that orders and receipts without an invoice exist."""


@dataclass(frozen=True)
class Preset:
    """About how many invoices and exactly how many suppliers a company has."""

    name: str
    invoices: int
    suppliers: int


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("tiny", 2_000, 180),
        Preset("small", 12_000, 420),
        Preset("medium", 250_000, 3_000),
        Preset("large", 1_000_000, 8_000),
    )
}


@dataclass(frozen=True)
class Frame:
    """What every part of the generator is given: size, seed, and the period as day numbers.

    first_day: first invoice date of the history. last_day: the data's last complete day, the day before `today`.
    policy_day: the day from which the planted terms policy holds. end_second: local second at which `today` begins;
    nothing that has happened carries a later moment.
    """

    preset: Preset
    seed: int
    today: dt.date
    zone: CompanyZone
    first_day: int
    last_day: int
    policy_day: int

    @property
    def end_second(self) -> int:
        """Local second of today's midnight, exclusive."""
        return (self.last_day + 1) * 86_400

    def stream(self, name: str) -> np.random.Generator:
        """A random stream of its own for each part, so that one part's draws do not move another's."""
        key = [self.seed, zlib.crc32(name.encode()), zlib.crc32(self.preset.name.encode())]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def frame(preset: str, seed: int, today: dt.date, time_zone: str) -> Frame:
    """The frame for a preset's name; raises UnknownPresetError."""
    if preset not in PRESETS:
        raise UnknownPresetError(f"There is no preset '{preset}'; choose one of {', '.join(PRESETS)}.")
    first = _month_shift(today, -HISTORY_MONTHS)
    zone = CompanyZone(time_zone, first - dt.timedelta(days=800), today + dt.timedelta(days=1500))
    return Frame(
        preset=PRESETS[preset],
        seed=seed,
        today=today,
        zone=zone,
        first_day=day_number(first),
        last_day=day_number(today) - 1,
        policy_day=day_number(_month_shift(first, POLICY_MONTH)),
    )


def _month_shift(day: dt.date, months: int) -> dt.date:
    """The first day of the month that lies `months` after the month of `day`."""
    count = day.year * 12 + day.month - 1 + months
    return dt.date(count // 12, count % 12 + 1, 1)
