"""A work file with a company's first rows in it, and one way to load a text."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync.feeds.drafts import Notation, Reading
from sync.feeds.loading import FeedFile, FeedLoad, feed_named, load
from sync.mirror import Mirror

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
Loader = Callable[..., FeedLoad]


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """An empty work file."""
    with Mirror.open(tmp_path / "work.duckdb", "https://a.example") as opened:
        yield opened


@pytest.fixture
def loads(mirror: Mirror) -> Loader:
    """Loads text or bytes into a feed: `loads("erp_totals", text)`; `hours` lets the clock go on."""

    def loaded(
        feed: str,
        content: str | bytes,
        name: str = "file.csv",
        *,
        hours: int = 0,
        again: bool = False,
        decimal: str = ".",
        thousands: str = "",
        delimiter: str | None = None,
        encoding: str = "utf-8",
        columns: dict[str, str] | None = None,
        file_format: str | None = None,
    ) -> FeedLoad:
        reading = Reading(encoding, delimiter, Notation(decimal, thousands), columns or {})
        raw = content.encode() if isinstance(content, str) else content
        file = FeedFile(name, raw, reading, file_format)
        return load(mirror, feed_named(feed), file, NOW + dt.timedelta(hours=hours), TODAY, again=again)

    return loaded
