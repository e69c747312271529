"""What windows by `updated-at` cannot see: children that change alone, deletions, updates that appear late.

    children    parents whose payments, lines or addresses changed since the last window, asked for by the child's time
    bad         records that were set aside, read again by id: what was wrong with them may have been put right
    open        every open document, read again by id: a balance rests on them
    sweep       all ids with their outlines, compared with the mirror; what differs is read again by id

What is read again by id stands, whatever its times say; an id that Coupa no longer answers is removed from the mirror
and stays in its history. All of it may be repeated or broken off anywhere.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sync.client import CoupaClient
from sync.drift import hidden_children
from sync.errors import TooManyGoneError
from sync.mirror import Merging, Mirror
from sync.outline import Outline
from sync.pages import Page
from sync.pagination import Window
from sync.resources import Reading, Resource
from sync.rows import Batch
from sync.run import Run
from sync.state import Bookmark

_FEW = 50  # records that may vanish at once without a question
_BAD = 500  # records set aside that are read again in a run without a sweep


@dataclass(frozen=True)
class Again:
    """What reading again came to: records read, and records that changed in the mirror."""

    read: int = 0
    changed: int = 0

    def __add__(self, other: "Again") -> "Again":
        return Again(self.read + other.read, self.changed + other.changed)


async def read_changed_children(
    client: CoupaClient, mirror: Mirror, run: Run, resource: Resource, since: dt.datetime
) -> Again:
    """Reads the records of which a child changed since then: Coupa may leave their own `updated-at` as it was."""
    total = Again()
    moment = Window(since=since).parameters()["updated-at[gt_or_eq]"]
    for child in resource.children:
        if not child.has_own_times:
            continue
        batch = Batch(resource)
        window = Window(filters={f"{child.attribute.replace('_', '-')}[updated-at][gt_or_eq]": moment})
        async for page in client.pages(resource, window):
            batch.hidden |= hidden_children(batch.resource, page.records)
            bad = batch.add_page(page.records, page.last_id)
            run.progress.page(resource.name, len(page.records), bad)
            if batch.read >= run.settings.batch_records:
                total += await _merge(mirror, run, batch)
                batch = Batch(resource)
        total += await _merge(mirror, run, batch)
    return total


async def keep_whole(
    client: CoupaClient, mirror: Mirror, run: Run, resource: Resource, bookmark: Bookmark
) -> tuple[Bookmark, Again]:
    """Reads open documents again and sweeps the ids, each when it is due; the bookmark says when that was.

    Records set aside are read again in any case: all of them with a sweep, some without.
    """
    if resource.reading is Reading.FULL_RELOAD:
        return bookmark, Again()
    sweeping = _due(bookmark.swept_at, run, dt.timedelta(hours=run.settings.sweep_hours))
    bad = await asyncio.to_thread(_bad_ids, mirror, run, resource)
    total = await read_again(client, mirror, run, resource, bad if sweeping else bad[:_BAD])
    if resource.open_rows and _due(bookmark.reread_at, run, dt.timedelta(minutes=run.settings.reread_minutes)):
        if bookmark.reread_at is not None or not run.settings.reread_minutes:
            total += await read_again(client, mirror, run, resource, await _open_ids(mirror, resource))
        bookmark = replace(bookmark, reread_at=run.now)
        await asyncio.to_thread(mirror.save_bookmark, bookmark)
    if sweeping:
        if bookmark.swept_at is not None or not run.settings.sweep_hours:
            total += await sweep(client, mirror, run, resource)
        bookmark = replace(bookmark, swept_at=run.now)
        await asyncio.to_thread(mirror.save_bookmark, bookmark)
    return bookmark, total


async def sweep(client: CoupaClient, mirror: Mirror, run: Run, resource: Resource) -> Again:
    """Compares the outlines of all records with the mirror's, and reads again what differs or is gone.

    Raises TooManyGoneError when more vanished than the settings allow.
    """
    outline = Outline(resource)
    doubtful: list[int] = []
    gone = held = after = 0
    seen: dict[int, tuple[object, ...]] = {}

    async def compare(last: int | None) -> None:
        nonlocal gone, held
        mirrored = await asyncio.to_thread(outline.in_mirror, mirror, after, last)
        wanted = {
            number
            for number, found in seen.items()
            if mirrored.get(number) != found and (number in mirrored or _in_depth(resource, run, found))
        }
        absent = mirrored.keys() - seen.keys()
        held += len(mirrored)
        gone += len(absent)
        doubtful.extend(sorted(wanted | absent))

    async for page in client.pages(resource, Window(), fields=outline.fields):
        seen |= {record.id: outline.of_record(record.value) for record in page.records if record.id is not None}
        if len(seen) >= run.settings.batch_records:
            await compare(page.last_id)
            seen, after = {}, page.last_id
    await compare(None)
    if gone > max(_FEW, run.settings.sweep_loss * held):
        raise TooManyGoneError(
            f"Coupa no longer shows {gone:,} of the {held:,} records of {resource.name!r} that the mirror holds; they "
            f"are kept. Check the scope {resource.scope!r} and the content groups of the OAuth client; if they were "
            "really deleted, raise TENOR_SWEEP_LOSS for one run.",
        )
    return await read_again(client, mirror, run, resource, doubtful)


async def read_again(client: CoupaClient, mirror: Mirror, run: Run, resource: Resource, ids: Sequence[int]) -> Again:
    """Reads records by id, some at a time; those that Coupa does not answer are removed."""
    total = Again()
    size = run.settings.page_size
    rounds = max(1, run.settings.batch_records // size)
    for start in range(0, len(ids), rounds * size):
        batch, gone = Batch(resource), set[int]()
        for first in range(start, min(start + rounds * size, len(ids)), size):
            asked = set(ids[first : first + size])
            gone |= asked - await _fetch(client, run, batch, asked)
        total += await _merge(mirror, run, batch, gone)
    return total


async def _fetch(client: CoupaClient, run: Run, batch: Batch, asked: set[int]) -> set[int]:
    """Adds the asked records to the batch; returns the ids of those that came."""
    found: set[int] = set()
    window = Window(filters={"id[in]": ",".join(map(str, sorted(asked)))})
    generated = cast("AsyncGenerator[Page]", client.pages(batch.resource, window))
    async with contextlib.aclosing(generated) as pages:
        async for page in pages:
            batch.hidden |= hidden_children(batch.resource, page.records)
            bad = batch.add_page(page.records, page.last_id)
            run.progress.page(batch.resource.name, len(page.records), bad)
            found |= {record.id for record in page.records if record.id is not None}
            if found >= asked:
                break
    return found


async def _merge(mirror: Mirror, run: Run, batch: Batch, gone: set[int] | None = None) -> Again:
    """Merges what was read beside the window in progress."""
    if not batch.read and not gone:
        return Again()
    how = Merging(run.now, latest=True, gone=sorted(gone or ()))
    changed = await asyncio.to_thread(mirror.merge, batch, None, run.run_id, run.clock(), how)
    return Again(batch.read, changed)


def _bad_ids(mirror: Mirror, run: Run, resource: Resource) -> list[int]:
    """Ids of records that an earlier run set aside, the longest ago first."""
    query = (
        "SELECT record_id FROM rejected_records WHERE resource = ? AND run_id <> ? AND record_id > 0 "
        "ORDER BY rejected_at, record_id"
    )
    return [int(str(row[0])) for row in mirror.query(query, [resource.name, run.run_id])]


async def _open_ids(mirror: Mirror, resource: Resource) -> list[int]:
    query = f'SELECT id FROM "{resource.table.name}" WHERE {resource.open_rows} ORDER BY id'  # noqa: S608
    rows = await asyncio.to_thread(mirror.query, query)
    return [int(str(row[0])) for row in rows]


def _in_depth(resource: Resource, run: Run, outline: tuple[object, ...]) -> bool:
    """Whether a record that the mirror lacks belongs into it: what is older than the look-back period does not."""
    start = run.depth.look_back_start if resource.looks_back else None
    updated = outline[0]
    return start is None or not isinstance(updated, dt.datetime) or updated >= start


def _due(last: dt.datetime | None, run: Run, every: dt.timedelta) -> bool:
    return last is None or run.now - last >= every
