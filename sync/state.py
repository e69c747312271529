"""Bookmarks: how far each resource has been read, kept in the mirror beside the rows they speak of.

A bookmark with `window_to` has a window in progress: it goes on after `last_id`. Without one, everything that changed
before `updated_through` is in the mirror.
"""

import datetime as dt
from dataclasses import asdict, dataclass, fields, replace

import duckdb

from sync.pagination import Window
from sync.resources import Reading, Resource


@dataclass(frozen=True)
class Bookmark:
    """How far a resource has been read; all times aware.

    `known_since` is the end of its first window: from then on its history is complete. `reread_at` and `swept_at` are
    when its open records were last read again, and when its ids were last compared.
    """

    resource: str
    last_id: int | None = None
    updated_through: dt.datetime | None = None
    synced_at: dt.datetime | None = None
    row_count: int = 0
    window_from: dt.datetime | None = None
    window_to: dt.datetime | None = None
    known_since: dt.datetime | None = None
    reread_at: dt.datetime | None = None
    swept_at: dt.datetime | None = None

    @property
    def in_progress(self) -> bool:
        """Whether a window was begun and not finished."""
        return self.window_to is not None

    def advanced(self, last_id: int, at: dt.datetime) -> "Bookmark":
        """The bookmark after a batch that ends with `last_id`."""
        return replace(self, last_id=last_id, synced_at=at)

    def finished(self, at: dt.datetime) -> "Bookmark":
        """The bookmark after the last page of its window."""
        return replace(
            self,
            last_id=None,
            updated_through=self.window_to,
            synced_at=at,
            window_from=None,
            window_to=None,
            known_since=self.known_since or at,
        )


@dataclass(frozen=True)
class Depth:
    """How far back to read: the start of the look-back period (None: everything) and the overlap of two windows."""

    look_back_start: dt.datetime | None
    overlap: dt.timedelta


_COLUMNS = tuple(column.name for column in fields(Bookmark))


def begin(bookmark: Bookmark, resource: Resource, depth: Depth, now: dt.datetime) -> Bookmark:
    """The bookmark with a window up to `now` begun; a window in progress is gone on with.

    The first window reaches back to the start of the look-back period, later ones to where the last one ended, less
    the overlap: Coupa may show a change late.
    """
    if bookmark.in_progress and resource.reading is Reading.INCREMENTAL:
        return bookmark
    since: dt.datetime | None = None
    if resource.reading is Reading.INCREMENTAL:
        if bookmark.updated_through is not None:
            since = bookmark.updated_through - depth.overlap
        elif resource.looks_back:
            since = depth.look_back_start
    return replace(bookmark, last_id=0, window_from=since, window_to=now)


def window(bookmark: Bookmark, resource: Resource) -> Window:
    """The query window of a bookmark in progress.

    The first reading has no upper bound: a record changed while it runs would else be missing until the next run.
    A full reload has no window at all; some of its resources have no `updated-at` to ask by.
    """
    if resource.reading is Reading.FULL_RELOAD:
        return Window()
    before = bookmark.window_to if bookmark.updated_through is not None else None
    return Window(since=bookmark.window_from, before=before)


def load(connection: duckdb.DuckDBPyConnection) -> dict[str, Bookmark]:
    """All bookmarks by resource name."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM sync_bookmarks").fetchall()  # noqa: S608
    return {row[0]: Bookmark(*row) for row in rows}


def save(connection: duckdb.DuckDBPyConnection, bookmark: Bookmark) -> None:
    """Writes a bookmark, in the caller's transaction."""
    connection.execute("DELETE FROM sync_bookmarks WHERE resource = ?", [bookmark.resource])
    values = ", ".join(f"${name} AS {name}" for name in _COLUMNS)
    connection.execute(f"INSERT INTO sync_bookmarks BY NAME SELECT {values}", asdict(bookmark))
