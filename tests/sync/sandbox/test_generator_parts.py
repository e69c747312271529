"""The small pieces of the generator against dates worked out by hand."""

import datetime as dt

import numpy as np
import pytest

from sync.sandbox.arrays import ranges, starts_of
from sync.sandbox.company.reference import TERM_INDEX
from sync.sandbox.company.terms import NO_DAY, discount_due_days, net_due_days
from sync.sandbox.company.workdays import WorkCalendar
from sync.sandbox.zone import CompanyZone, day_number, day_of

CALENDAR = WorkCalendar(day_number(dt.date(2025, 1, 1)), day_number(dt.date(2026, 12, 31)))


def number(text: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """One day number as an array."""
    return np.array([day_number(dt.date.fromisoformat(text))], dtype=np.int64)


@pytest.mark.parametrize(
    ("code", "invoice", "due", "discount"),
    [
        ("2/10 Net 30", "2026-01-12", "2026-02-11", "2026-01-22"),
        ("Due on Receipt", "2026-03-01", "2026-03-01", None),
        ("30 EOM", "2026-01-15", "2026-03-02", None),
        ("45 EOM", "2026-01-15", "2026-03-31", None),
        ("45 EOM", "2024-01-15", "2024-02-29", None),
        ("25th Next Month", "2026-01-20", "2026-02-25", None),
        ("25th Next Month", "2026-01-21", "2026-03-25", None),
        ("2% 10th Prox Net 25th", "2026-12-05", "2027-01-25", "2027-01-10"),
    ],
)
def test_due_dates_worked_out_by_hand(code: str, invoice: str, due: str, discount: str | None) -> None:
    """The four kinds of term, with a leap year and a turn of the year."""
    term = np.array([TERM_INDEX[code]], dtype=np.int64)
    assert day_of(int(net_due_days(term, number(invoice))[0])).isoformat() == due
    window = int(discount_due_days(term, number(invoice))[0])
    assert (None if window == NO_DAY else day_of(window).isoformat()) == discount


@pytest.mark.parametrize(
    ("ready", "run"),
    [
        ("2026-11-16", "2026-11-19"),  # Monday; Wednesday is two business days on; Thursday's run
        ("2026-11-20", "2026-11-24"),  # Friday; Tuesday
        ("2026-11-24", "2026-11-27"),  # Thanksgiving moves Thursday's run to Friday
        ("2025-12-23", "2025-12-29"),  # Christmas Day and the day after are off: Thursday's run moves to Monday
    ],
)
def test_the_first_run_for_an_approval(ready: str, run: str) -> None:
    """Cut-off of two business days, Tuesday and Thursday runs, holidays moved forward."""
    assert day_of(int(CALENDAR.first_run_for(number(ready))[0])).isoformat() == run


def test_business_days_leave_out_weekends_and_holidays() -> None:
    """2026 has 261 weekdays and eight holidays on weekdays; Thanksgiving's run is on the day after."""
    days = np.arange(day_number(dt.date(2026, 1, 1)), day_number(dt.date(2027, 1, 1)), dtype=np.int64)
    open_days = CALENDAR.is_business(days)
    assert not open_days[0]
    assert int(open_days.sum()) == 261 - 8
    assert not CALENDAR.is_run(number("2026-11-26"))[0]
    assert CALENDAR.is_run(number("2026-11-27"))[0]


def test_offsets_change_with_the_clocks() -> None:
    """Summer and winter time in New York, to the second around both changes of 2026."""
    zone = CompanyZone("America/New_York", dt.date(2026, 1, 1), dt.date(2026, 12, 31))
    texts = ["2026-03-08T01:59:59", "2026-03-08T03:00:00", "2026-11-01T00:59:59", "2026-11-01T02:00:00"]
    seconds = np.array([np.datetime64(text).astype("datetime64[s]").astype(np.int64) for text in texts])
    assert zone.texts(seconds) == [
        f"{text}{sign}" for text, sign in zip(texts, ("-05:00", "-04:00", "-04:00", "-05:00"), strict=True)
    ]
    assert [dt.datetime.fromisoformat(text).timestamp() for text in zone.texts(seconds)] == zone.utc(seconds).tolist()


def test_ranges_and_starts() -> None:
    """The two index tricks, with empty parents in between."""
    starts = starts_of(np.array([0, 0, 2, 2, 2], dtype=np.int64), 4)
    assert starts.tolist() == [0, 2, 2, 5, 5]
    assert ranges(starts[:-1], starts[1:]).tolist() == [0, 1, 2, 3, 4]
    assert ranges(np.array([5, 9]), np.array([7, 9])).tolist() == [5, 6]
