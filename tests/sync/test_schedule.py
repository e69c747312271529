import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest

from sync.errors import SettingsError
from sync.schedule import Every, jittered, schedule_of

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), (None, 900)])
def test_a_pause_is_counted_from_beginning_to_beginning(text: str | None, seconds: int) -> None:
    """Seconds, minutes, hours; fifteen minutes when nothing is said."""
    begun = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
    assert schedule_of(text, None, NEW_YORK).after(begun) == begun + dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("fields", "begun", "next_one"),
    [
        ("*/15 6-20 * * 1-5", "2026-11-20T20:50:00-05:00", "2026-11-23T06:00:00-05:00"),  # a weekend between
        ("30 2 * * *", "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00"),  # 02:30 does not exist that day
        ("0 5 1 * *", "2026-11-01T10:00:00+00:00", "2026-12-01T10:00:00+00:00"),  # in the company's zone
    ],
)
def test_a_crontab_is_read_in_the_zone_of_the_company(fields: str, begun: str, next_one: str) -> None:
    """Weekends, daylight saving and zones as cron has them."""
    found = schedule_of(None, fields, NEW_YORK).after(dt.datetime.fromisoformat(begun))
    assert found == dt.datetime.fromisoformat(next_one)


@pytest.mark.parametrize("fields", ["", "* * * *", "61 * * * *", "0 0 30 2 *", "every day"])
def test_a_schedule_that_never_comes_true_is_refused(fields: str) -> None:
    """At the start, with an example, not in the middle of the night."""
    with pytest.raises(SettingsError, match="is not five fields of a crontab that ever come true"):
        schedule_of(None, fields, NEW_YORK)


def test_a_pause_wins_over_a_crontab() -> None:
    """The command line is nearer than the environment."""
    assert isinstance(schedule_of("5m", "0 5 * * *", NEW_YORK), Every)


def test_jitter_only_delays_and_never_beyond_its_length() -> None:
    """Drawn many times: between nothing and all of it, and not always the same."""
    moment = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
    chance = random.Random(7)  # noqa: S311 - jitter
    delays = [(jittered(moment, 10, chance) - moment).total_seconds() for _ in range(200)]
    assert 0 <= min(delays) < 1
    assert 9 < max(delays) <= 10
    assert jittered(moment, 0, chance) == moment
