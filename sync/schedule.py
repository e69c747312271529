"""When the worker syncs: every so often, or by a crontab's five fields in the company's time zone, with some jitter."""

import datetime as dt
import random
from dataclasses import dataclass
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from sync.errors import SettingsError

DEFAULT_PAUSE: Final = "15m"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


class Schedule(Protocol):
    """Gives the beginnings of syncs."""

    def after(self, begun: dt.datetime) -> dt.datetime:
        """The first beginning after one at `begun` (aware); it may lie in the past when that sync took long."""


@dataclass(frozen=True)
class Every:
    """A fixed pause between two beginnings."""

    pause: dt.timedelta

    def after(self, begun: dt.datetime) -> dt.datetime:
        """One pause later."""
        return begun + self.pause


@dataclass(frozen=True)
class Cron:
    """Minute, hour, day, month, weekday, as Debian's cron reads them; daylight saving as there, too."""

    fields: str
    zone: ZoneInfo

    def after(self, begun: dt.datetime) -> dt.datetime:
        """The next match after `begun`."""
        return next(CronSim(self.fields, begun.astimezone(self.zone)))


def schedule_of(every: str | None, cron: str | None, zone: ZoneInfo) -> Schedule:
    """The schedule of the options: a pause such as 15m wins over a crontab; raises SettingsError."""
    if every is not None or cron is None:
        return Every(dt.timedelta(seconds=_seconds(every or DEFAULT_PAUSE)))
    try:
        next(CronSim(cron, dt.datetime(2026, 1, 1, tzinfo=zone)))
    except (CronSimError, StopIteration):
        raise SettingsError(
            f"The schedule {cron!r} is not five fields of a crontab that ever come true (minute, hour, day, month, "
            "weekday); write it like '*/15 6-20 * * 1-5', or use --every 15m.",
        ) from None
    return Cron(cron, zone)


def jittered(moment: dt.datetime, longest: float, chance: random.Random) -> dt.datetime:
    """The moment and up to `longest` seconds, so that many workers do not all start on the minute."""
    return moment + dt.timedelta(seconds=chance.uniform(0, longest))


def _seconds(text: str) -> float:
    """Seconds of a pause such as 15m; raises SettingsError."""
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isdecimal() or int(text[:-1]) == 0:
        raise SettingsError(f"--every is {text!r}, which is not a pause; write it like 90s, 15m or 2h.")
    return float(text[:-1]) * unit
