import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sync.clock import clock_for, months_before

NEW_YORK = ZoneInfo("America/New_York")


def test_today_is_the_first_moment_of_the_day_in_the_companys_zone() -> None:
    """Midnight in New York, standing still."""
    clock = clock_for(dt.date(2026, 11, 22), NEW_YORK)

    assert clock() == clock() == dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)


def test_without_today_the_clock_is_real_and_aware() -> None:
    """It moves, and knows its zone."""
    before = dt.datetime.now(dt.UTC)
    assert before <= clock_for(None, NEW_YORK)() <= dt.datetime.now(dt.UTC)


@given(st.datetimes(min_value=dt.datetime(1990, 1, 1), max_value=dt.datetime(2090, 1, 1)), st.integers(1, 240))  # noqa: DTZ001 - made aware below
def test_months_are_counted_and_clipped(moment: dt.datetime, months: int) -> None:
    """The right month, the same day or the month's last."""
    aware = moment.replace(tzinfo=dt.UTC)
    earlier = months_before(aware, months)

    assert (aware.year - earlier.year) * 12 + aware.month - earlier.month == months
    assert earlier.day == aware.day or (earlier + dt.timedelta(days=1)).day == 1
