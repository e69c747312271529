"""One file into the mirror: read, checked, merged and entered in the register, in one transaction.

The register (`feed_loads`) knows every file by the hash of its content. A file that is in it changes nothing when it
comes again; only its rows that were set aside are tried again, as a bank account or a supplier may be known by now.
"""

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from sync.errors import FeedError, RefusedFileError
from sync.feeds import merging
from sync.feeds.declarations import FEEDS, Feed
from sync.feeds.delimited import unused_columns
from sync.feeds.drafts import Fault, Reading
from sync.feeds.formats import format_of
from sync.feeds.problems import LARGEST_FILE, text_of
from sync.feeds.validation import Checked, Lookups, validate
from sync.mirror import Mirror


@dataclass(frozen=True)
class FeedFile:
    """A file at hand: its name as it is remembered, its bytes, and how its owner says it is to be read."""

    name: str
    content: bytes
    reading: Reading = field(default_factory=Reading)
    format: str | None = None

    @classmethod
    def at(cls, path: Path, reading: Reading | None = None, file_format: str | None = None) -> "FeedFile":
        """The file at a path; raises RefusedFileError when it is no file or too large to be one of ours."""
        if not path.is_file():
            raise RefusedFileError(f"{path} is not a file")
        with path.open("rb") as opened:
            return cls(path.name, opened.read(LARGEST_FILE + 1), reading or Reading(), file_format)


@dataclass(frozen=True)
class FeedLoad:
    """What one file did. `problem`: why the whole file was refused; `known`: it had been loaded before."""

    feed: str
    source_file: str
    load_id: str
    loaded_at: dt.datetime
    format: str = "unknown"
    read: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    faults: tuple[Fault, ...] = ()
    problem: str | None = None
    known: bool = False
    unused: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def is_entered(self) -> bool:
        """Whether the register got a new entry: it does for new content, also when that is refused."""
        return bool(self.load_id) and not self.known

    def __str__(self) -> str:
        if self.problem is not None:
            return f"feed {self.feed}: {self.source_file} was refused: {self.problem}"
        counts = f"{self.new:,} new, {self.changed:,} corrected, {self.same:,} there already"
        counts += f", {len(self.faults):,} set aside" if self.faults else ""
        return f"feed {self.feed}: {self.source_file}: {counts}{' (loaded before)' if self.known else ''}"


@dataclass(frozen=True)
class _Earlier:
    """What became of the same content when it came before."""

    load_id: str
    rejected: int
    problem: str | None
    withdrawn_at: dt.datetime | None

    @property
    def is_done_with(self) -> bool:
        """Whether nothing of it is left to try: all was loaded, or a person has taken it back."""
        return self.withdrawn_at is not None or (self.rejected == 0 and self.problem is None)

    @property
    def left_rows(self) -> bool:
        """Whether rows of it were loaded, which corrections may have replaced since."""
        return self.problem is None


def feed_named(name: str) -> Feed:
    """The feed of that name; raises FeedError that lists them."""
    for feed in FEEDS:
        if feed.name == name.lower().replace("-", "_"):
            return feed
    raise FeedError(f"There is no feed {name!r}; there are {', '.join(feed.name for feed in FEEDS)}.")


def load(
    mirror: Mirror, feed: Feed, file: FeedFile, now: dt.datetime, today: dt.date, *, again: bool = False
) -> FeedLoad:
    """Loads one file. A refused file is an outcome, not an error: the others go on.

    `again` loads a known file as if it were new, so that its values stand over later corrections.
    """
    digest = hashlib.sha256(file.content).hexdigest()
    with mirror.writing() as connection:
        earlier = None if again else _earlier(connection, feed, digest)
        if earlier is not None and earlier.is_done_with:
            return FeedLoad(feed.name, file.name, earlier.load_id, now, known=True)
        only_new = earlier is not None and earlier.left_rows
        load_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        begun = FeedLoad(feed.name, file.name, load_id, now, known=earlier is not None)
        try:
            done = _take(connection, feed, file, begun, today, only_new=only_new)
        except RefusedFileError as error:
            done = replace(begun, problem=str(error))
        if earlier is None or done.new or (done.problem is None and not earlier.left_rows):
            _register(connection, done, digest)
    return done


def _take(
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    file: FeedFile,
    begun: FeedLoad,
    today: dt.date,
    *,
    only_new: bool,
) -> FeedLoad:
    """Reads, checks and merges one file; raises RefusedFileError before anything is written."""
    text = text_of(file.content, file.reading)
    found = format_of(text, feed, file.format)
    checked = validate(feed, found.read(text, feed, file.reading), _lookups(connection), today)
    origin = merging.Origin(begun.load_id, file.name, begun.loaded_at)
    merged = merging.merge(connection, feed, checked.rows, origin, only_new=only_new)
    return replace(
        begun,
        format=found.name,
        read=len(checked.rows) + len(checked.faults),
        new=merged.new,
        changed=merged.changed,
        same=merged.same,
        faults=checked.faults,
        unused=unused_columns(text, feed, file.reading) if found.name == "csv" else (),
        strangers=_strangers(connection, feed, checked),
    )


def withdraw(mirror: Mirror, load_id: str, now: dt.datetime) -> int:
    """Takes the rows of a load back, to the past; raises FeedError when there is no such load."""
    with mirror.writing() as connection:
        found = connection.execute("SELECT feed FROM feed_loads WHERE load_id = ?", [load_id]).fetchone()
        if found is None:
            raise FeedError(f"There is no load {load_id!r}; see them with: tenor-sync feed list --loads")
        count = merging.withdraw(connection, feed_named(str(found[0])), load_id, now)
        connection.execute("UPDATE feed_loads SET withdrawn_at = ? WHERE load_id = ?", [now, load_id])
    return count


def _earlier(connection: duckdb.DuckDBPyConnection, feed: Feed, digest: str) -> _Earlier | None:
    """The last load of the same content; None: never loaded."""
    found = connection.execute(
        "SELECT load_id, rows_rejected, problem, withdrawn_at FROM feed_loads "
        "WHERE feed = ? AND sha256 = ? ORDER BY loaded_at DESC, rowid DESC LIMIT 1",
        [feed.name, digest],
    ).fetchone()
    return None if found is None else _Earlier(*found)


def _lookups(connection: duckdb.DuckDBPyConnection) -> Lookups:
    """Bank accounts and suppliers' numbers that the mirror knows now."""
    accounts: dict[str, list[tuple[dt.date, str]]] = {}
    for account, since, entity in connection.execute(
        "SELECT account, valid_from, entity FROM feed_bank_accounts ORDER BY valid_from DESC",
    ).fetchall():
        accounts.setdefault(account, []).append((since, entity))
    suppliers = dict(
        connection.execute("SELECT number, min(id) FROM suppliers GROUP BY number HAVING count(*) = 1").fetchall(),
    )

    def entity_of(account: str, day: dt.date) -> str | None:
        return next((entity for since, entity in accounts.get(account, ()) if since <= day), None)

    return Lookups(entity_of, suppliers.get)


def _strangers(connection: duckdb.DuckDBPyConnection, feed: Feed, checked: Checked) -> tuple[str, ...]:
    """Entities that no invoice in the mirror names: worth a word, since one may be misspelt."""
    if "entity" not in feed.stored:
        return ()
    known = {
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT account_type_name FROM invoices WHERE account_type_name IS NOT NULL"
        ).fetchall()
    }
    place = feed.stored.index("entity")
    found = {str(row.values[place]) for row in checked.rows} - known - {"*"}
    return tuple(sorted(found)) if known else ()


def _register(connection: duckdb.DuckDBPyConnection, done: FeedLoad, digest: str) -> None:
    """Enters the load, and what it set aside in place of what an earlier version of the file had set aside."""
    connection.execute(
        "INSERT INTO feed_loads BY NAME SELECT ? AS load_id, ? AS feed, ? AS format, ? AS source_file, ? AS sha256, "
        "? AS loaded_at, ? AS rows_read, ? AS rows_new, ? AS rows_changed, ? AS rows_same, ? AS rows_rejected, "
        "? AS problem",
        [
            *(done.load_id, done.feed, done.format, done.source_file, digest, done.loaded_at),
            *(done.read, done.new, done.changed, done.same, len(done.faults), done.problem),
        ],
    )
    connection.execute(
        "DELETE FROM feed_rejected_rows WHERE feed = ? AND source_file = ?", [done.feed, done.source_file]
    )
    place = (done.load_id, done.feed, done.source_file)
    faults = [[*place, fault.line, fault.field, fault.problem, fault.raw, done.loaded_at] for fault in done.faults]
    if faults:
        connection.executemany("INSERT INTO feed_rejected_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", faults)
