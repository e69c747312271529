"""One batch is merged while the next is read: neither the network nor the database waits for the other.

Batches are merged one after the other, in the order in which they are given, and no more than one waits: so memory
stays bounded, and the bookmark of a batch is never written before the batches that it speaks of.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sync.rows import Batch
from sync.state import Bookmark

Merge = Callable[[Batch, Bookmark], int]


class MergeAhead:
    """Merges batches in a thread by `merge`, which returns how many records changed; `changed` is their sum.

    Leaving the context waits for the batch at hand, whatever was raised, so that nothing goes on in the background;
    a cancelled task does not wait: the mirror itself ends only after that batch.
    """

    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._at_hand: asyncio.Task[int] | None = None
        self.changed = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.settle()
        elif self._at_hand is not None and not isinstance(error, asyncio.CancelledError):
            await asyncio.wait([self._at_hand])

    async def put(self, batch: Batch, bookmark: Bookmark) -> None:
        """Begins to merge a batch as soon as the one before is merged. Raises what merging that one raised."""
        await self.settle()
        self._at_hand = asyncio.create_task(asyncio.to_thread(self._merge, batch, bookmark))
        self._at_hand.add_done_callback(_looked_at)
        await asyncio.sleep(0)  # it begins now, also where the reader never waits

    async def settle(self) -> None:
        """Returns when everything that was put is merged; raises what that raised."""
        at_hand, self._at_hand = self._at_hand, None
        if at_hand is not None:
            self.changed += await asyncio.shield(at_hand)


def _looked_at(task: asyncio.Task[int]) -> None:
    """What a batch raised after its reader had failed itself is not reported a second time."""
    if not task.cancelled():
        task.exception()
