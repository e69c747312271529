import datetime as dt
from typing import Any

from sync.pagination import Window
from sync.resources import BY_NAME
from sync.state import Bookmark, Depth, begin, window

INVOICES, CURRENCIES = BY_NAME["invoices"], BY_NAME["currencies"]
DEPTH = Depth(dt.datetime(2024, 11, 22, tzinfo=dt.UTC), dt.timedelta(minutes=10))


def test_the_first_window_looks_back_and_has_no_end(kit: Any) -> None:
    """A record changed while the first reading runs must not be missing until the next run."""
    begun = begin(Bookmark("invoices"), INVOICES, DEPTH, kit.now)

    assert window(begun, INVOICES) == Window(since=DEPTH.look_back_start)
    assert begun.in_progress


def test_later_windows_overlap_and_end_at_the_beginning_of_the_run(kit: Any) -> None:
    """From where the last one ended, less the overlap, up to the run's own clock."""
    first = begin(Bookmark("invoices"), INVOICES, DEPTH, kit.now).advanced(9, kit.now).finished(kit.now)
    later = kit.now + dt.timedelta(hours=1)

    begun = begin(first, INVOICES, DEPTH, later)

    assert window(begun, INVOICES) == Window(since=kit.now - dt.timedelta(minutes=10), before=later)
    assert begun.last_id == 0


def test_a_window_in_progress_is_gone_on_with(kit: Any) -> None:
    """Same bounds, same place, whatever the clock says now."""
    begun = begin(Bookmark("invoices"), INVOICES, DEPTH, kit.now).advanced(123, kit.now)

    assert begin(begun, INVOICES, DEPTH, kit.now + dt.timedelta(days=3)) == begun


def test_a_full_reload_begins_anew_and_asks_for_everything(kit: Any) -> None:
    """Currencies have no `updated-at` to ask by."""
    begun = begin(Bookmark("currencies"), CURRENCIES, DEPTH, kit.now).advanced(5, kit.now)
    again = begin(begun, CURRENCIES, DEPTH, kit.now)

    assert again.last_id == 0
    assert window(again.finished(kit.now), CURRENCIES) == Window()
