"""The clock as an argument: real, or fixed at the beginning of a day."""

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

Clock = Callable[[], dt.datetime]


def clock_for(today: dt.date | None, zone: ZoneInfo) -> Clock:
    """The real clock, or one that stands at the first moment of `today` in the company's time zone."""
    if today is None:
        return lambda: dt.datetime.now(dt.UTC)
    fixed = dt.datetime.combine(today, dt.time(), zone).astimezone(dt.UTC)
    return lambda: fixed


def months_before(moment: dt.datetime, months: int) -> dt.datetime:
    """The same time of day `months` earlier, clipped to the end of the month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = moment.day
    while True:
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            day -= 1
