"""Read this first: one sync from Coupa's pages to a published file.

    lock       one writer at a time
    read       every resource, some at the same time: pages -> typed rows -> one transaction per batch
    publish    a finished copy under a new name, then the pointer

Delivery promise: every record is read at least once and merged by key, so that reading it twice changes nothing. A
sync that is stopped anywhere, even by kill -9, goes on after its last committed batch. Nothing is published unless
every resource was read to its end.
"""

import asyncio
import datetime as dt
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sync.client import CoupaClient, RateLimiter, open_http
from sync.clock import Clock, months_before
from sync.errors import (
    BrokenPageError,
    IncompleteSyncError,
    MirrorUnreadableError,
    ResourceError,
    SettingsError,
    SourceChangedError,
    SyncError,
)
from sync.mirror import WORK_FILE, Mirror, RunRecord
from sync.pagination import Window
from sync.publish import Manifest, new_manifest, publish, refuse_to_replace_real_data
from sync.resources import RESOURCES, Reading, Resource
from sync.rows import Batch, Rejected
from sync.settings import Settings
from sync.state import Bookmark, Depth, begin, window
from sync.writer_lock import only_writer


@dataclass(frozen=True)
class ResourceOutcome:
    """What one run did to one resource."""

    resource: str
    read: int
    changed: int
    rejected: int
    pages: int
    rows: int


@dataclass(frozen=True)
class SyncReport:
    """What one run did. `rejected` are all records that are set aside now, also those of earlier runs."""

    run_id: str
    manifest: Manifest
    path: Path
    outcomes: tuple[ResourceOutcome, ...]
    rejected: tuple[Rejected, ...]
    seconds: float


class Progress(Protocol):
    """Who watches a run. All methods return at once."""

    def page(self, resource: str, records: int, rejected: int) -> None:
        """A page was read; counts are of this page."""

    def finished(self, outcome: ResourceOutcome) -> None:
        """A resource was read to its end."""

    def trouble(self, sentence: str) -> None:
        """A request failed and is going to be tried again."""

    def publishing(self) -> None:
        """All was read; the finished copy is being written."""


@dataclass(frozen=True)
class Source:
    """Where the data comes from: its name in the manifest, and the work file that mirrors it.

    A disposable work file (the demo's) is made afresh when it mirrors another source.
    """

    name: str
    work_file: str = WORK_FILE
    disposable: bool = False


@dataclass(frozen=True)
class Run:
    """What every part of one run shares."""

    run_id: str
    now: dt.datetime
    clock: Clock
    depth: Depth
    settings: Settings
    progress: Progress


async def sync_once(settings: Settings, source: Source, clock: Clock, progress: Progress) -> SyncReport:
    """One whole sync; raises the errors of `sync.errors`, each a plain sentence with the way out."""
    started = time.monotonic()
    run = _new_run(settings, clock, progress)
    refuse_to_replace_real_data(settings.mirror_folder, source.name)
    with (
        only_writer(settings.work_folder, run.now),
        _open_mirror(settings, source) as mirror,
    ):
        async with open_http(settings, time.monotonic) as http:
            limiter = RateLimiter(settings.requests_per_second, time.monotonic)
            client = CoupaClient(
                http,
                limiter,
                page_size=settings.page_size,
                attempts=settings.attempts,
                on_trouble=progress.trouble,
            )
            outcomes = await read_all(client, mirror, run, RESOURCES)
        progress.publishing()
        manifest = new_manifest(clock(), _data_as_of(mirror), settings.company_time_zone, source.name)
        path = publish(mirror, settings.mirror_folder, manifest, settings.keep_versions)
        return SyncReport(run.run_id, manifest, path, outcomes, mirror.rejected(), time.monotonic() - started)


async def read_all(
    client: CoupaClient, mirror: Mirror, run: Run, resources: tuple[Resource, ...]
) -> tuple[ResourceOutcome, ...]:
    """Reads all resources, some at the same time.

    What concerns one resource lets the others finish and is raised as IncompleteSyncError; what concerns all of them
    (no connection, refused credentials) stops the run at once.
    """
    seats = asyncio.Semaphore(run.settings.concurrency)
    failures: list[SyncError] = []
    outcomes: list[ResourceOutcome] = []

    async def read_one(resource: Resource) -> None:
        async with seats:
            try:
                outcomes.append(await read_resource(client, mirror, run, resource))
            except (ResourceError, BrokenPageError) as error:
                failures.append(error)

    try:
        async with asyncio.TaskGroup() as tasks:
            for resource in resources:
                tasks.create_task(read_one(resource), name=resource.name)
    except BaseExceptionGroup as group:
        raise _first(group) from None
    if failures:
        raise IncompleteSyncError(failures)
    return tuple(
        sorted(outcomes, key=lambda outcome: [resource.name for resource in resources].index(outcome.resource))
    )


async def read_resource(client: CoupaClient, mirror: Mirror, run: Run, resource: Resource) -> ResourceOutcome:
    """Reads one resource up to now: first the window that an earlier run left unfinished, then the newest."""
    bookmark = mirror.bookmark(resource.name)
    if bookmark.updated_through is not None and bookmark.updated_through > run.now:
        raise SettingsError(
            f"The mirror already holds {resource.name!r} up to {bookmark.updated_through.isoformat()}, later than the "
            f"clock of this run ({run.now.isoformat()}); leave out --today, or name another folder with --mirror.",
        )
    await asyncio.to_thread(mirror.retry_rejected, resource, bookmark, run.run_id, run.now)
    if bookmark.updated_through is None and run.depth.look_back_start is not None and resource.still_open:
        await _read_still_open(client, mirror, run, resource, bookmark)
    totals = ResourceOutcome(resource.name, 0, 0, 0, 0, 0)
    while True:
        bookmark = begin(bookmark, resource, run.depth, run.now)
        bookmark, totals = await _read_window(client, mirror, run, resource, bookmark, totals)
        if bookmark.updated_through is None or bookmark.updated_through >= run.now:
            run.progress.finished(totals)
            return totals


async def _read_still_open(
    client: CoupaClient, mirror: Mirror, run: Run, resource: Resource, bookmark: Bookmark
) -> None:
    """Before the first window: what is older than the look-back period and still open, such as old unpaid invoices.

    A balance needs them. They are few, so a run that is stopped here reads them again.
    """
    batch = Batch(resource)
    still_open = Window(before=run.depth.look_back_start, filters=resource.still_open)
    async for page in client.pages(resource, still_open):
        bad = batch.add_page(page.records, page.last_id)
        run.progress.page(resource.name, len(page.records), bad)
    await asyncio.to_thread(mirror.merge, batch, bookmark, run.run_id, run.clock())


async def _read_window(
    client: CoupaClient, mirror: Mirror, run: Run, resource: Resource, bookmark: Bookmark, before: ResourceOutcome
) -> tuple[Bookmark, ResourceOutcome]:
    """Reads one window batch by batch; returns the finished bookmark and the counts so far."""
    started, changed, read, rejected, pages = run.clock(), 0, 0, 0, 0
    whole = resource.reading is Reading.FULL_RELOAD
    batch = Batch(resource)

    async def merge() -> None:
        nonlocal bookmark, changed, read, rejected, pages, batch
        bookmark = bookmark.advanced(batch.last_id or bookmark.last_id or 0, run.clock())
        changed += await asyncio.to_thread(mirror.merge, batch, bookmark, run.run_id, run.clock(), whole=whole)
        read, rejected, pages = read + batch.read, rejected + len(batch.rejected), pages + batch.pages
        batch = Batch(resource)

    async for page in client.pages(resource, window(bookmark, resource), after=bookmark.last_id or 0):
        bad = batch.add_page(page.records, page.last_id)
        run.progress.page(resource.name, len(page.records), bad)
        if batch.read >= run.settings.batch_records and not whole:
            await merge()
    await merge()
    record = RunRecord(run.run_id, resource.name, resource.table.name, started, run.clock(), read, changed, pages)
    ended = await asyncio.to_thread(mirror.finish, bookmark.finished(run.clock()), record)
    return ended, ResourceOutcome(
        resource.name,
        before.read + read,
        before.changed + changed,
        before.rejected + rejected,
        before.pages + pages,
        ended.row_count,
    )


def _open_mirror(settings: Settings, source: Source) -> Mirror:
    """The work file of the source; call it with the writer's lock held."""
    path = settings.work_folder / source.work_file
    try:
        return Mirror.open(path, source.name)
    except (SourceChangedError, MirrorUnreadableError):
        if not source.disposable:
            raise
    for leftover in (path, path.with_name(f"{path.name}.wal")):
        leftover.unlink(missing_ok=True)
    return Mirror.open(path, source.name)


def _new_run(settings: Settings, clock: Clock, progress: Progress) -> Run:
    now = clock()
    months = settings.lookback_months
    depth = Depth(
        look_back_start=months_before(now, months) if months else None,
        overlap=dt.timedelta(minutes=settings.overlap_minutes),
    )
    return Run(f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", now, clock, depth, settings, progress)


def _data_as_of(mirror: Mirror) -> dt.datetime:
    """Up to when every resource is complete."""
    return min(bookmark.updated_through for bookmark in mirror.bookmarks().values() if bookmark.updated_through)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that is not itself a group."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
