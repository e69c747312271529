from pathlib import Path

import pytest

from sync import schema
from sync.feeds.declarations import FEEDS, Feed
from sync.feeds.fetching import ADDRESSES
from sync.feeds.formats import FORMATS
from sync.feeds.merging import PROVENANCE

PAGE = (Path(schema.__file__).parents[1] / "docs" / "feeds.md").read_text(encoding="utf-8")
TABLES = {table.name: table for table in schema.FEED_TABLES}


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_each_feed_has_its_table_and_its_past(feed: Feed) -> None:
    """With the columns it stores, where they came from, and until when they were known."""
    assert TABLES[feed.table].names == (*feed.stored, *PROVENANCE)
    assert TABLES[f"{feed.table}_past"].names == (*TABLES[feed.table].names, "known_to")
    assert set(feed.key) <= set(feed.stored)
    assert feed.dated_by in feed.stored


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_a_key_is_never_empty(feed: Feed) -> None:
    """A key with a null in it would let a row in twice."""
    columns = {column.name: column for column in feed.columns}
    assert all(columns[name].required for name in feed.key)


def test_nothing_stored_is_a_float() -> None:
    """Money and rates are exact, times are aware."""
    for table in schema.FEED_TABLES:
        for column in table.columns:
            assert column.type not in {"DOUBLE", "FLOAT", "TIMESTAMP"}, column


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_the_page_documents_each_column(feed: Feed) -> None:
    """Whoever writes a file finds every column and format on one page."""
    section = PAGE.split(f"### `{feed.name}`")[1].split("\n### ")[0]
    for column in feed.columns:
        assert f"| `{column.name}` |" in section, column.name
    for name in feed.formats:
        assert f"`{name}`" in section, name
    assert feed.table in section


def test_the_page_names_formats_and_addresses() -> None:
    """None is known to the program only."""
    for name in (*FORMATS, *(address.name for address in ADDRESSES)):
        assert f"`{name}`" in PAGE, name
