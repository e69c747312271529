"""When a notice is due: the words of a calendar, and the hours in which nobody wants one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from copilot.errors import NoticeError

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FULL = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_CLOCK = r"(?:at )?(?P<hour>[01]?\d|2[0-3])(?::(?P<minute>[0-5]\d))?(?: ?(?P<half>am|pm))?"
_SHAPES = (
    (re.compile(rf"(?:every )?(?P<day>{'|'.join((*_FULL, *_DAYS))})s? {_CLOCK}"), "{minute} {hour} * * {day}"),
    (re.compile(rf"(?:on )?(?:every )?weekdays? {_CLOCK}"), "{minute} {hour} * * 1-5"),
    (re.compile(rf"(?:every day|daily) {_CLOCK}"), "{minute} {hour} * * *"),
    (re.compile(rf"(?:on the )?(?P<date>[12]?\d|3[01])(?:st|nd|rd|th) {_CLOCK}"), "{minute} {hour} {date} * *"),
    (re.compile(rf"(?:at )?month end {_CLOCK}"), "{minute} {hour} L * *"),
)  # fmt: skip
EXAMPLES = "every Monday 8:00, weekdays 7:30, daily 6:00, on the 1st 9:00, month end 17:00, or five fields of a crontab"


def cron_of(words: str) -> str:
    """Five fields of a crontab. Raises NoticeError with examples for words that are no time."""
    text = " ".join(words.lower().split())
    for shape, fields in _SHAPES:
        if found := shape.fullmatch(text):
            return _filled(fields, found)
    try:
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))))
    except (CronSimError, StopIteration):
        raise NoticeError(f"{words!r} is not a time for a notice. Write it like: {EXAMPLES}.") from None
    if len(text.split()) != len(["m", "h", "d", "m", "w"]):
        raise NoticeError(f"{words!r} has seconds; a notice is due on the minute. Write it like: {EXAMPLES}.")
    return text


def due(cron: str, zone: ZoneInfo, after: datetime, now: datetime) -> datetime | None:
    """The latest time of a calendar after `after` and not after `now` (all aware); None if there was none.

    After a standstill one notice is due, not one for each time that was missed.
    """
    latest = next(CronSim(cron, now.astimezone(zone) + timedelta(seconds=1), reverse=True), None)
    return latest if latest is not None and latest > after else None


def following(cron: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The next time of a calendar after `now`."""
    return next(CronSim(cron, now.astimezone(zone)))


@dataclass(frozen=True)
class QuietHours:
    """From one time of day to another, over midnight where the end is earlier; local times of the company."""

    start: time
    end: time

    @classmethod
    def of(cls, text: str | None) -> QuietHours | None:
        """Hours such as "20:00-07:00". Raises ValueError for anything else."""
        if text is None:
            return None
        found = re.fullmatch(r"(\d{1,2}:\d{2}) ?- ?(\d{1,2}:\d{2})", text.strip())
        if found is None:
            raise ValueError("must be two times of day such as 20:00-07:00")
        return cls(*(time.fromisoformat(part.zfill(5)) for part in found.groups()))

    def holds(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether a time (aware) lies in them."""
        clock = now.astimezone(zone).time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


def _filled(fields: str, found: re.Match[str]) -> str:
    parts = found.groupdict()
    hour = int(parts["hour"])
    if parts.get("half"):
        hour = hour % 12 + (12 if parts["half"] == "pm" else 0)
    day = parts.get("day") or ""
    number = next((i for i, (short, full) in enumerate(zip(_DAYS, _FULL, strict=True)) if day in {short, full}), 0)
    return fields.format(minute=int(parts["minute"] or 0), hour=hour, day=number, date=int(parts.get("date") or 1))
