"""The company's time zone for arrays of wall-clock seconds.

Every moment in the sandbox is held as local seconds: seconds since 1970-01-01T00:00 read off the company's wall
clock. The local date is then one integer division away, and the offset is added only where a moment is written or
compared. Moments inside the repeated hour of an autumn change are never generated, so the reading is unambiguous.
"""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from sync.sandbox.arrays import IntArray

DAY = 86_400
EPOCH = dt.date(1970, 1, 1)


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> dt.date:
    """The date that is `number` days after 1970-01-01."""
    return EPOCH + dt.timedelta(days=int(number))


class CompanyZone:
    """Offsets of one IANA zone between two dates, found once and looked up by binary search."""

    def __init__(self, name: str, first: dt.date, last: dt.date) -> None:
        self.name = name
        zone = ZoneInfo(name)
        changes = _changes(zone, first, last)
        self._utc_starts = np.array([instant for instant, _ in changes], dtype=np.int64)
        self._offsets = np.array([offset for _, offset in changes], dtype=np.int64)
        self._local_starts = self._utc_starts + self._offsets
        self._texts = [_offset_text(int(offset)) for offset in self._offsets]

    def utc(self, local_seconds: IntArray) -> IntArray:
        """Seconds since the epoch in UTC for moments given in local seconds."""
        return local_seconds - self._offsets[self._period(local_seconds)]

    def local(self, utc_seconds: IntArray) -> IntArray:
        """Local seconds of moments given in UTC; within the repeated hour of an autumn the way back is ambiguous."""
        found = np.searchsorted(self._utc_starts, utc_seconds, side="right") - 1
        return utc_seconds + self._offsets[np.maximum(found, 0)]

    def texts(self, local_seconds: IntArray) -> list[str]:
        """ISO 8601 with offset, such as `2026-01-12T09:16:48-05:00`."""
        stamps = np.datetime_as_string(local_seconds.astype("datetime64[s]")).tolist()
        return [stamp + self._texts[period] for stamp, period in zip(stamps, self._period(local_seconds), strict=True)]

    def _period(self, local_seconds: IntArray) -> IntArray:
        found = np.searchsorted(self._local_starts, local_seconds, side="right") - 1
        return np.maximum(found, 0)


def _changes(zone: ZoneInfo, first: dt.date, last: dt.date) -> list[tuple[int, int]]:
    """Each offset of the zone with the UTC second from which it holds."""
    instant = dt.datetime.combine(first, dt.time(), tzinfo=dt.UTC)
    stop = dt.datetime.combine(last, dt.time(), tzinfo=dt.UTC)
    found = [(int(instant.timestamp()), _offset(zone, instant))]
    while instant < stop:
        following = instant + dt.timedelta(days=1)
        if _offset(zone, following) != found[-1][1]:
            minute = instant
            while _offset(zone, minute) == found[-1][1]:
                minute += dt.timedelta(minutes=15)
            found.append((int(minute.timestamp()), _offset(zone, minute)))
        instant = following
    return found


def _offset(zone: ZoneInfo, instant: dt.datetime) -> int:
    shift = instant.astimezone(zone).utcoffset()
    return int(shift.total_seconds()) if shift is not None else 0


def _offset_text(offset: int) -> str:
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{sign}{hours:02d}:{minutes:02d}"
