"""`tenor-sync feed`: load files, fetch addresses, see what is known, take a load back."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, ParamSpec

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from sync import demo
from sync.clock import clock_for
from sync.errors import FeedError, MirrorUnreadableError, SettingsError
from sync.feeds.at_sync import fetch_feed
from sync.feeds.declarations import FEEDS
from sync.feeds.drafts import Notation, Reading
from sync.feeds.fetching import ADDRESSES, addresses_of
from sync.feeds.loading import FeedFile, FeedLoad, feed_named, load, withdraw
from sync.mirror import Mirror
from sync.publish import SANDBOX_SOURCE, open_published, read_manifest
from sync.run import Source
from sync.settings import Settings, load_settings
from sync.worker import open_mirror, publish_again
from sync.writer_lock import only_writer

Arguments = ParamSpec("Arguments")
Guard = Callable[[Callable[Arguments, None]], Callable[Arguments, None]]
_SHOWN = 20

MirrorOption = Annotated[
    Path | None, typer.Option(help="Folder of the published mirror [default: .tenor/mirror, or TENOR_MIRROR].")
]
TodayOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="Fix the clock at the beginning of this day, such as 2026-11-22.")
]


def feed_commands(guard: Guard[...], out: Console) -> typer.Typer:
    """The sub-commands; `guard` turns errors into one plain sentence and an exit code."""
    app = typer.Typer(
        help="Cash, rates, yields, risk and ledger totals from files and addresses.", no_args_is_help=True
    )

    @app.command("load", epilog="Example: tenor-sync feed load cash_positions positions-2026-11-21.csv")
    @guard
    def load_command(  # noqa: PLR0913 - one argument per option of the command
        name: Annotated[str, typer.Argument(help="The feed; see: tenor-sync feed list")],
        files: Annotated[list[Path], typer.Argument(help="Files to load, in this order.")],
        *,
        file_format: Annotated[str | None, typer.Option("--format", help="Format, if it cannot be recognised.")] = None,
        delimiter: Annotated[str | None, typer.Option(help="What separates the cells of a CSV file.")] = None,
        decimal: Annotated[str, typer.Option(help="The decimal mark: . or ,")] = ".",
        thousands: Annotated[str, typer.Option(help="What separates thousands, if anything does.")] = "",
        date_format: Annotated[str, typer.Option(help="How dates are written, as in strptime.")] = "%Y-%m-%d",
        encoding: Annotated[str, typer.Option(help="Encoding of the file.")] = "utf-8",
        again: Annotated[
            bool, typer.Option("--again", help="Load a file that was loaded before as if it were new.")
        ] = False,
        mirror: MirrorOption = None,
        today: TodayOption = None,
    ) -> None:
        """Load files into a feed, then publish. A file that was loaded before changes nothing.

        Bad rows are set aside with their line and the reason, and shown; the rest is loaded. Ends with exit code 1 when
        a file was refused.
        """
        feed = feed_named(name)
        if decimal not in {".", ","} or decimal == thousands:
            raise FeedError("--decimal is . or , and differs from --thousands.")
        reading = Reading(encoding, delimiter, Notation(decimal, thousands, date_format))
        contents = [FeedFile.at(path, reading, file_format) for path in files]
        _change(
            out,
            load_settings(mirror=mirror),
            today,
            lambda work, now, day: tuple(load(work, feed, file, now, day, again=again) for file in contents),
        )

    @app.command("fetch", epilog="Example: tenor-sync feed fetch market_yields --since 2026-01-01")
    @guard
    def fetch_command(
        name: Annotated[str, typer.Argument(help="A feed with addresses, or one address; see: tenor-sync feed list")],
        *,
        since: Annotated[
            str | None, typer.Option(metavar="DATE", help="First day to ask for [default: 400 days ago].")
        ] = None,
        address: Annotated[str | None, typer.Option("--from", help="Ask this host instead of the public ones.")] = None,
        mirror: MirrorOption = None,
        today: TodayOption = None,
    ) -> None:
        """Fetch a feed from its public addresses over https, then publish."""
        settings = load_settings(mirror=mirror, market_url=address)
        addresses_of(name)  # a name that is not there is an error here, and only told in a sync
        first = _day(since)
        _change(out, settings, today, lambda work, now, _day: fetch_feed(work, settings, name, now, first))

    @app.command("list", epilog="Example: tenor-sync feed list")
    @guard
    def list_command(
        name: Annotated[str | None, typer.Argument(help="Show this feed's columns and rejected rows.")] = None,
        *,
        loads: Annotated[bool, typer.Option("--loads", help="Show every load, with its id.")] = False,
        mirror: MirrorOption = None,
    ) -> None:
        """Show the feeds: formats, rows, last load, and what was set aside."""
        settings = load_settings(mirror=mirror)
        with open_published(settings.mirror_folder, settings.encryption_key) as published:
            _check_tables(published)
            if loads:
                _show_loads(out, published)
            elif name is None:
                _show_feeds(out, published)
            else:
                _show_feed(out, published, name)

    @app.command("withdraw", epilog="Example: tenor-sync feed withdraw 20261122T050000-3fa4c1")
    @guard
    def withdraw_command(
        load_id: Annotated[str, typer.Argument(help="Id of the load; see: tenor-sync feed list --loads")],
        *,
        mirror: MirrorOption = None,
        today: TodayOption = None,
    ) -> None:
        """Take back the rows of one load: they move to the past, and the file is not loaded again by itself."""

        def take_back(work: Mirror, now: dt.datetime, _day: dt.date) -> None:
            count = withdraw(work, load_id, now)
            out.print(f"{count:,} row{' was' if count == 1 else 's were'} withdrawn.")

        _change(out, load_settings(mirror=mirror), today, take_back)

    return app


def _change(
    out: Console,
    settings: Settings,
    today: str | None,
    work: Callable[[Mirror, dt.datetime, dt.date], tuple[FeedLoad, ...] | None],
) -> None:
    """Does the work on the work file, with the writer's lock, and publishes what came of it, if anything did.

    The work answers what files did; None when it changed something else.
    """
    clock = clock_for(_day(today), settings.zone)
    now = clock()
    source = _source(settings)
    with only_writer(settings.work_folder, now), open_mirror(settings, source) as mirror:
        loads = work(mirror, now, now.astimezone(settings.zone).date())
        idle = loads is not None and not any(done.new or done.changed or done.is_entered for done in loads)
        published = None if idle else publish_again(settings, mirror, source, clock)
    show_loads(out, loads or ())
    if idle:
        out.print("Nothing changed, so nothing was published.")
    elif published is None:
        out.print("Kept in the work file; the next tenor-sync once publishes it.")
    else:
        out.print(f"Published {published}.", markup=False, soft_wrap=True)
    if any(done.problem for done in loads or ()):
        raise typer.Exit(1)


def _source(settings: Settings) -> Source:
    """Whose mirror is at hand: the Coupa of the settings, or the sandbox company that was published."""
    if settings.coupa_url is not None:
        return Source(settings.coupa_url.rstrip("/"))
    try:
        name = read_manifest(settings.mirror_folder, settings.encryption_key).source
    except MirrorUnreadableError:
        raise FeedError("There is no mirror to load a feed into; run tenor-sync once first.") from None
    return Source(name, demo.WORK_FILE) if name.startswith(SANDBOX_SOURCE) else Source(name)


def show_loads(out: Console, loads: Sequence[FeedLoad]) -> None:
    """What each file did, and the first rows that were set aside."""
    for done in loads:
        out.print(str(done), markup=False, soft_wrap=True, style="red" if done.problem else None)
        for fault in done.faults[:_SHOWN]:
            out.print(f"  set aside: {fault}", markup=False, soft_wrap=True, style="yellow")
        if len(done.faults) > _SHOWN:
            out.print(f"  ... and {len(done.faults) - _SHOWN:,} more, in the table feed_rejected_rows")
        if done.unused:
            out.print(f"  columns not used: {', '.join(done.unused)}", markup=False, soft_wrap=True)
        if done.strangers:
            names = ", ".join(done.strangers)
            out.print(f"  entities that no invoice names: {names}", markup=False, soft_wrap=True, style="yellow")


def _check_tables(published: duckdb.DuckDBPyConnection) -> None:
    """Raises FeedError for a mirror of a version that had no feeds."""
    found = _one(published, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'feed_loads'")
    if not found[0]:
        raise FeedError("This mirror was published before there were feeds; run tenor-sync once, and look again.")


def _show_feeds(out: Console, published: duckdb.DuckDBPyConnection) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("feed", "formats", "rows", "up to", "last load", "set aside"):
        table.add_column(heading, justify="right" if heading in {"rows", "set aside"} else "left")
    for feed in FEEDS:
        rows, newest = _one(published, f'SELECT count(*), max("{feed.dated_by}") FROM "{feed.table}"')  # noqa: S608 - names are ours
        loaded = _one(published, "SELECT max(loaded_at) FROM feed_loads WHERE feed = ?", feed.name)[0]
        rejected = _one(published, "SELECT count(*) FROM feed_rejected_rows WHERE feed = ?", feed.name)[0]
        table.add_row(feed.name, ", ".join(feed.formats), f"{rows:,}", _shown(newest), _shown(loaded), f"{rejected:,}")
    out.print(table)
    out.print(f"To fetch: {', '.join(address.name for address in ADDRESSES)}", soft_wrap=True)


def _show_feed(out: Console, published: duckdb.DuckDBPyConnection, name: str) -> None:
    feed = feed_named(name)
    out.print(f"{feed.name}: {feed.about}", markup=False, soft_wrap=True)
    out.print(f"formats {', '.join(feed.formats)}; key {', '.join(feed.key)}; dated by {feed.dated_by}", soft_wrap=True)
    for column in feed.columns:
        need = "" if column.required and not column.default else f" [{column.default or 'may be empty'}]"
        out.print(f"  {column.name}{need}: {column.about}", markup=False, soft_wrap=True)
    rejected = published.execute(
        "SELECT source_file, source_line, field, problem FROM feed_rejected_rows WHERE feed = ? "
        "ORDER BY rejected_at DESC, source_line LIMIT ?",
        [feed.name, _SHOWN],
    ).fetchall()
    for file, line, field, problem in rejected:
        place = file if line is None else f"{file} line {line}"
        out.print(f"set aside: {place}: {f'{field}: ' if field else ''}{problem}", markup=False, soft_wrap=True)


def _show_loads(out: Console, published: duckdb.DuckDBPyConnection) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("load", "feed", "file", "loaded", "read", "new", "corrected", "set aside", ""):
        table.add_column(heading, no_wrap=heading == "load", overflow="fold")  # an id is copied, so never cut
    for load_id, feed, file, at, *counts, problem, withdrawn in published.execute(
        "SELECT load_id, feed, source_file, loaded_at, rows_read, rows_new, rows_changed, rows_rejected, problem, "
        "withdrawn_at FROM feed_loads ORDER BY loaded_at, rowid",
    ).fetchall():
        note = f"withdrawn {_shown(withdrawn)}" if withdrawn else (problem or "")
        table.add_row(load_id, feed, file, _shown(at), *(f"{count:,}" for count in counts), note)
    out.print(table)


def _one(published: duckdb.DuckDBPyConnection, sql: str, *parameters: object) -> tuple[object, ...]:
    return published.execute(sql, list(parameters)).fetchone() or (0, None)


def _shown(moment: object) -> str:
    if isinstance(moment, dt.datetime):
        return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}Z"
    return "-" if moment is None else str(moment)


def _day(text: str | None) -> dt.date | None:
    """A date of the command line; raises SettingsError."""
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a date; write it like 2026-11-22.") from None
