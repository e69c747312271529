"""Read this first: one sync from Coupa's pages to a published file.

    lock       one writer at a time
    read       every resource, some at the same time: pages -> typed rows -> one transaction per batch
    reconcile  control totals against Coupa, when that is due
    feeds      files and addresses of others, beside Coupa's records; trouble with them is told, not raised
    keep       the day's payables, and history as long as it is wanted
    publish    a finished copy under a new name, then the pointer

Delivery promise: every record is read at least once and merged by key, so that reading it twice changes nothing. A
sync that is stopped anywhere, even by kill -9, goes on after its last committed batch. Nothing is published unless
every resource was read to its end.
"""

import asyncio
import datetime as dt
import time
from pathlib import Path

from sync.client import CoupaClient, open_http
from sync.clock import Clock
from sync.errors import (
    BrokenPageError,
    EncryptionError,
    IncompleteSyncError,
    MirrorUnreadableError,
    ResourceError,
    SourceChangedError,
    SyncError,
)
from sync.feeds.at_sync import load_feeds, told
from sync.mirror import Mirror
from sync.publish import new_manifest, publish, refuse_to_replace_real_data
from sync.rate_limit import BURST, RateLimiter
from sync.reading import read_resource
from sync.reconciliation import keep, reconcile
from sync.resources import RESOURCES, Resource
from sync.run import Progress, ResourceOutcome, Run, Source, SyncReport, new_run
from sync.settings import Settings
from sync.snapshots import forget_snapshots, take_snapshot
from sync.writer_lock import only_writer


async def sync_once(settings: Settings, source: Source, clock: Clock, progress: Progress) -> SyncReport:
    """One whole sync; raises the errors of `sync.errors`, each a plain sentence with the way out."""
    started = time.monotonic()
    run = new_run(settings, clock, progress)
    refuse_to_replace_real_data(settings.mirror_folder, source.name, settings.encryption_key)
    with (
        only_writer(settings.work_folder, run.now),
        open_mirror(settings, source) as mirror,
    ):
        async with open_http(settings, time.monotonic) as http:
            limiter = RateLimiter(settings.requests_per_second, time.monotonic, burst=BURST)
            client = CoupaClient(
                http,
                limiter,
                page_size=settings.page_size,
                attempts=settings.attempts,
                concurrency=settings.concurrency,
                on_trouble=progress.trouble,
            )
            outcomes = await read_all(client, mirror, run, RESOURCES)
            await _reconcile(client, mirror, run)
        feeds = told(load_feeds(mirror, settings, run.now))
        progress.publishing()
        _keep_books(mirror, settings, run.now, clock())
        manifest = new_manifest(clock(), _data_as_of(mirror), settings.company_time_zone, source.name)
        path = publish(mirror, settings.mirror_folder, manifest, settings.keep_versions)
        return SyncReport(run.run_id, manifest, path, outcomes, mirror.rejected(), time.monotonic() - started, feeds)


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


async def _reconcile(client: CoupaClient, mirror: Mirror, run: Run) -> None:
    """Compares control totals with Coupa when that is due; the first time a while after the first complete sync."""
    last = mirror.drift()[0] or mirror.known_since()
    every = dt.timedelta(hours=run.settings.reconcile_hours)
    if every and (last is None or run.now - last < every):
        return
    keep(mirror, await reconcile(client, run.settings, mirror.query, _data_as_of(mirror)), run.clock())


def _keep_books(mirror: Mirror, settings: Settings, started: dt.datetime, now: dt.datetime) -> None:
    """What follows a complete sync: knowledge begins, the day's payables are kept, and what is too old is forgotten."""
    mirror.complete(now)
    take_snapshot(mirror, _data_as_of(mirror), settings.company_time_zone, now)
    if settings.history_days:
        mirror.forget_before(started - dt.timedelta(days=settings.history_days))
    if settings.snapshot_days:
        forget_snapshots(mirror, started.date() - dt.timedelta(days=settings.snapshot_days))


def publish_again(settings: Settings, mirror: Mirror, source: Source, clock: Clock) -> Path | None:
    """Publishes the work file as it is, after a change beside Coupa's records; None when no sync was ever complete."""
    refuse_to_replace_real_data(settings.mirror_folder, source.name, settings.encryption_key)
    bookmarks = mirror.bookmarks()
    if any(name not in bookmarks or bookmarks[name].updated_through is None for name in (r.name for r in RESOURCES)):
        return None
    manifest = new_manifest(clock(), _data_as_of(mirror), settings.company_time_zone, source.name)
    return publish(mirror, settings.mirror_folder, manifest, settings.keep_versions)


def open_mirror(settings: Settings, source: Source) -> Mirror:
    """The work file of the source; call it with the writer's lock held."""
    path = settings.work_folder / source.work_file
    try:
        return Mirror.open(path, source.name, settings.encryption_key)
    except (SourceChangedError, MirrorUnreadableError, EncryptionError):
        if not source.disposable:
            raise
    for leftover in (path, path.with_name(f"{path.name}.wal")):
        leftover.unlink(missing_ok=True)
    return Mirror.open(path, source.name, settings.encryption_key)


def _data_as_of(mirror: Mirror) -> dt.datetime:
    """Up to when every resource is complete."""
    return min(bookmark.updated_through for bookmark in mirror.bookmarks().values() if bookmark.updated_through)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that is not itself a group."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
