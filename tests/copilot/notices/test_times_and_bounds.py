"""Words of a calendar and of a bound, read once and kept exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.answer import Headline
from copilot.errors import NoticeError
from copilot.notices.conditions import condition_of
from copilot.notices.subscription import Address
from copilot.notices.times import QuietHours, cron_of, due, following

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("words", "cron"),
    [
        ("every Monday 8:00", "0 8 * * 1"),
        ("Mondays at 8", "0 8 * * 1"),
        ("sun 23:30", "30 23 * * 0"),
        ("weekdays 7:30", "30 7 * * 1-5"),
        ("daily 6:00", "0 6 * * *"),
        ("every day at 6 pm", "0 18 * * *"),
        ("daily 12am", "0 0 * * *"),
        ("on the 1st 9:00", "0 9 1 * *"),
        ("month end 17:00", "0 17 L * *"),
        ("*/15 6-20 * * 1-5", "*/15 6-20 * * 1-5"),
    ],
)
def test_words_become_a_calendar(words: str, cron: str) -> None:
    """As people write them, or a crontab as it is."""
    assert cron_of(words) == cron


@pytest.mark.parametrize("words", ["", "soon", "every Monday", "25:00", "0 8 31 2 *", "0 0 8 * * 1", "8:00 $(reboot)"])
def test_what_is_no_time_is_refused_with_examples(words: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(NoticeError, match="every Monday 8:00"):
        cron_of(words)


def test_after_a_standstill_one_notice_is_due_not_many() -> None:
    """The latest time that was missed."""
    after = datetime(2026, 11, 2, 13, 0, tzinfo=UTC)
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert due("0 8 * * 1", NEW_YORK, after, now) == datetime(2026, 11, 16, 8, 0, tzinfo=NEW_YORK)
    assert due("0 8 * * 1", NEW_YORK, datetime(2026, 11, 16, 13, 0, tzinfo=UTC), now) is None
    assert following("0 8 * * 1", NEW_YORK, now) == datetime(2026, 11, 23, 8, 0, tzinfo=NEW_YORK)


@given(st.integers(0, 600), st.integers(1, 600))
def test_every_time_is_due_once(start: int, minutes: int) -> None:
    """Looking every so often finds each time of the calendar exactly once, also over the change of clocks."""
    begin = datetime(2026, 10, 31, 20, 0, tzinfo=UTC) + timedelta(minutes=start)
    looks = [begin + timedelta(minutes=minutes * i) for i in range(1, 8)]
    looked, found = begin, []
    for now in looks:
        moment = due("0 * * * *", NEW_YORK, looked, now)
        if moment is not None:
            found.append(moment)
            looked = moment
    assert len(found) == len(set(found))
    assert all(begin < moment <= looks[-1] for moment in found)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [("20:00-07:00", (21, 0, 6), (7, 12, 19)), ("12:00-13:00", (12,), (13, 11, 0))],
)
def test_quiet_hours_are_the_companys(hours: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    """Local times, over midnight where the end is earlier."""
    quiet = QuietHours.of(hours)
    assert quiet is not None
    for hour in (*inside, *outside):
        now = datetime(2026, 11, 22, hour, 0, tzinfo=NEW_YORK).astimezone(UTC)
        assert quiet.holds(now, NEW_YORK) is (hour in inside)


def _lead(value: str, unit: str) -> Headline:
    return Headline(metric="m", label="Figure", value=value, unit=unit, period="2026-Q3", as_of="2026-09-30")


@pytest.mark.parametrize(
    ("words", "unit", "value", "holds"),
    [
        ("below 40%", "ratio", "0.399", True),
        ("below 40%", "ratio", "0.4", False),
        ("< 40 percent", "ratio", "0.41", False),
        ("above 1.2m", "money:USD", "1200000.01", True),
        ("over 50 days", "days", "50", False),
        ("at least 50 days", "days", "50", True),
        ("more than 3", "count", "4", True),
        ("if above 2 bn", "money:EUR", "1999999999.99", False),
    ],
)
def test_a_bound_holds_in_the_figures_own_unit(words: str, unit: str, value: str, holds: bool) -> None:
    """To the last digit: money and ratios are decimals."""
    assert condition_of(words, _lead(value, unit)).holds(_lead(value, unit)) is holds


@pytest.mark.parametrize(
    ("words", "unit"),
    [("below 40", "ratio"), ("below 40%", "days"), ("over 5 days", "money:USD"), ("bad", "ratio"), ("", "count")],
)
def test_a_bound_in_another_unit_is_refused(words: str, unit: str) -> None:
    """40 is not 40 %: a watch that never fires would be the worst."""
    with pytest.raises(NoticeError):
        condition_of(words, _lead("1", unit))


def test_without_a_figure_nothing_is_beyond() -> None:
    """Neither true nor false."""
    lead = _lead("1", "ratio")
    assert condition_of("below 40%", lead).holds(lead.model_copy(update={"value": None})) is None
    assert condition_of("below 40%", lead).bound == Decimal("0.4")


@pytest.mark.parametrize("text", ["ap@company.com", "slack:T0TENOR/U0CFO", "slack:T0TENOR/C0PAYABLES"])
def test_an_address_is_mail_or_slack(text: str) -> None:
    """And prints as it was written."""
    assert str(Address.of(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "company.com", "a@b", "a@company.com, b@company.com", "x\r\nBcc: y@evil.example", "slack:U0CFO", "<a@b.com>"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Two at once, a header that is smuggled in, half an id."""
    with pytest.raises(NoticeError):
        Address.of(text)
