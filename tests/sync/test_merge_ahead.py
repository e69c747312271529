"""Merging while reading: in order, one at a time, and nothing that goes wrong is forgotten."""

import asyncio
import threading

import pytest

from sync.merge_ahead import MergeAhead
from sync.resources import BY_NAME
from sync.rows import Batch
from sync.state import Bookmark


def numbered(number: int) -> tuple[Batch, Bookmark]:
    """A batch that ends with an id, and its bookmark."""
    return Batch(BY_NAME["invoices"], read=number), Bookmark("invoices", last_id=number)


async def test_a_batch_is_merged_while_the_reader_goes_on() -> None:
    """`put` returns before the batch is merged, and the next `put` only after it."""
    may_end, seen = threading.Event(), list[int]()

    def merge(batch: Batch, _reached: Bookmark) -> int:
        assert may_end.wait(10)
        seen.append(batch.read)
        return batch.read

    async with MergeAhead(merge) as merging:
        await merging.put(*numbered(1))
        assert seen == []
        second = asyncio.create_task(merging.put(*numbered(2)))
        await asyncio.sleep(0.01)
        assert not second.done()
        may_end.set()
        await second
        assert seen[:1] == [1]

    assert (seen, merging.changed) == ([1, 2], 3)


async def test_what_merging_raised_stops_the_reader_before_the_next_batch() -> None:
    """Else its bookmark would be written without the batch that failed."""
    seen = list[int]()

    def merge(batch: Batch, _reached: Bookmark) -> int:
        seen.append(batch.read)
        raise ValueError("no room")

    async def read() -> None:
        async with MergeAhead(merge) as merging:
            await merging.put(*numbered(1))
            await merging.put(*numbered(2))

    with pytest.raises(ValueError, match="no room"):
        await read()
    assert seen == [1]


async def test_the_last_batch_counts_too() -> None:
    """Its error is raised when the context ends."""

    def merge(_batch: Batch, _reached: Bookmark) -> int:
        raise ValueError("no room")

    async def read() -> None:
        async with MergeAhead(merge) as merging:
            await merging.put(*numbered(1))

    with pytest.raises(ValueError, match="no room"):
        await read()


async def test_a_reader_that_fails_waits_for_the_batch_at_hand() -> None:
    """Nothing is merged behind the back of who reads on, and the reader's own error is the one that is told."""
    began, merged = threading.Event(), threading.Event()

    def merge(_batch: Batch, _reached: Bookmark) -> int:
        began.wait(10)
        merged.set()
        raise ValueError("told second")

    async def read() -> None:
        async with MergeAhead(merge) as merging:
            await merging.put(*numbered(1))
            began.set()
            raise LookupError

    with pytest.raises(LookupError):
        await read()
    assert merged.is_set()


async def test_a_cancelled_reader_does_not_wait() -> None:
    """A worker that is told to stop stops; the batch at hand ends by itself."""
    may_end, merged = threading.Event(), threading.Event()

    def merge(_batch: Batch, _reached: Bookmark) -> int:
        may_end.wait(10)
        merged.set()
        return 1

    async def read() -> None:
        async with MergeAhead(merge) as merging:
            await merging.put(*numbered(1))
            await merging.put(*numbered(2))

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader

    assert not merged.is_set()
    may_end.set()
    assert await asyncio.to_thread(merged.wait, 10)
