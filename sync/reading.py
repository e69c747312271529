"""One resource: the window that an earlier run left unfinished, then the newest, batch by batch, then its upkeep."""

import asyncio
from dataclasses import replace

from sync.client import CoupaClient
from sync.drift import Sampler, hidden_children
from sync.errors import SettingsError
from sync.merge_ahead import MergeAhead
from sync.mirror import Merging, Mirror, RunRecord
from sync.pagination import Window
from sync.resources import Reading, Resource
from sync.rows import Batch
from sync.run import ResourceOutcome, Run
from sync.state import Bookmark, begin, window
from sync.upkeep import keep_whole, read_changed_children


async def read_resource(client: CoupaClient, mirror: Mirror, run: Run, resource: Resource) -> ResourceOutcome:
    """Reads one resource up to now: first the window that an earlier run left unfinished, then the newest."""
    bookmark = mirror.bookmark(resource.name)
    if bookmark.updated_through is not None and bookmark.updated_through > run.now:
        raise SettingsError(
            f"The mirror already holds {resource.name!r} up to {bookmark.updated_through.isoformat()}, later than the "
            f"clock of this run ({run.now.isoformat()}); leave out --today, or name another folder with --mirror.",
        )
    await asyncio.to_thread(mirror.retry_rejected, resource, run.run_id, run.now)
    if bookmark.updated_through is None and run.depth.look_back_start is not None and resource.still_open:
        await _read_still_open(client, mirror, run, resource)
    totals, sampler = ResourceOutcome(resource.name, 0, 0, 0, 0, 0), Sampler(resource)
    while True:
        bookmark = begin(bookmark, resource, run.depth, run.now)
        bookmark, totals = await _read_window(client, mirror, run, resource, bookmark, totals, sampler)
        if bookmark.updated_through is None or bookmark.updated_through >= run.now:
            break
    _, again = await keep_whole(client, mirror, run, resource, bookmark)
    await asyncio.to_thread(sampler.note, mirror, run.now)
    rows = await asyncio.to_thread(mirror.count, resource.table)
    totals = replace(totals, read=totals.read + again.read, changed=totals.changed + again.changed, rows=rows)
    run.progress.finished(totals)
    return totals


async def _read_still_open(client: CoupaClient, mirror: Mirror, run: Run, resource: Resource) -> None:
    """Before the first window: what is older than the look-back period and still open, such as old unpaid invoices.

    A balance needs them. They are few, so a run that is stopped here reads them again.
    """
    batch = Batch(resource)
    still_open = Window(before=run.depth.look_back_start, filters=resource.still_open)
    async for page in client.pages(resource, still_open):
        bad = batch.add_page(page.records, page.last_id)
        run.progress.page(resource.name, len(page.records), bad)
    await asyncio.to_thread(mirror.merge, batch, None, run.run_id, run.clock(), Merging(run.now))


async def _read_window(
    client: CoupaClient,
    mirror: Mirror,
    run: Run,
    resource: Resource,
    bookmark: Bookmark,
    before: ResourceOutcome,
    sampler: Sampler,
) -> tuple[Bookmark, ResourceOutcome]:
    """Reads one window batch by batch; returns the finished bookmark and the counts so far."""
    started, read, rejected, pages, repeated = run.clock(), 0, 0, 0, 0
    whole = resource.reading is Reading.FULL_RELOAD
    how = Merging(run.now, whole=whole)
    batch = Batch(resource)

    def merge(ready: Batch, reached: Bookmark) -> int:
        return mirror.merge(ready, reached, run.run_id, run.clock(), how)

    async with MergeAhead(merge) as merging:
        async for page in client.pages(resource, window(bookmark, resource), after=bookmark.last_id or 0):
            sampler.look(page.records)
            batch.hidden |= hidden_children(resource, page.records)
            bad = batch.add_page(page.records, page.last_id)
            pages, repeated = pages + 1, repeated + page.repeated
            read, rejected = read + len(page.records), rejected + bad
            run.progress.page(resource.name, len(page.records), bad)
            if batch.read >= run.settings.batch_records and not whole:
                bookmark = bookmark.advanced(batch.last_id, run.clock())
                await merging.put(batch, bookmark)
                batch = Batch(resource)
        bookmark = bookmark.advanced(batch.last_id or bookmark.last_id or 0, run.clock())
        await merging.put(batch, bookmark)
    changed = merging.changed
    if bookmark.updated_through is not None and bookmark.window_from is not None:
        again = await read_changed_children(client, mirror, run, resource, bookmark.window_from)
        read, changed = read + again.read, changed + again.changed
    record = RunRecord(run.run_id, resource.name, resource.table, started, run.clock(), read, changed, pages, repeated)
    ended = await asyncio.to_thread(mirror.finish, bookmark.finished(run.clock()), record)
    return ended, ResourceOutcome(
        resource.name,
        before.read + read,
        before.changed + changed,
        before.rejected + rejected,
        before.pages + pages,
        ended.row_count,
        before.repeated + repeated,
    )
