"""Several pages of one list at a time, in order all the same.

A page can be asked for by any id, not only by the last one seen. So the ids ahead are cut into stretches of about as
many records each, which are read at the same time, every one by keyset. A stretch ends with the first page that reaches
beyond it (what that page holds of the next stretch is left to the next), so no request is spent on finding its end; the
last stretch has no end and goes on to the empty page that ends the list. Whatever the gaps between ids are, stretches
touch: wrong guesses cost requests, never records.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from sync.pages import Page

Fetch = Callable[[int], Coroutine[Any, Any, Page | None]]
Newest = Callable[[int], Coroutine[Any, Any, int | None]]

_MOST_PAGES: Final = 16  # of a stretch: half a page of each is read twice, and all of it may wait in memory
_LEAST_PAGES: Final = 3
_SPARE: Final = 4  # long stretches beyond the seats, so that none is empty while the first is awaited


@dataclass(eq=False)
class _Stretch:
    """The records with after < id <= end (None: all that follow); its pages wait in `pages`, None ends them."""

    after: int
    end: int | None
    planned: float  # pages that it will have by the gaps between ids
    pages: "asyncio.Queue[Page | None]" = field(default_factory=lambda: asyncio.Queue(_MOST_PAGES + 4))
    records: int = 0
    error: Exception | None = None

    async def taken(self) -> Page | None:
        """The next page, or None after the last; raises what the reader met."""
        page = await self.pages.get()
        if page is None and self.error is not None:
            raise self.error
        return page


class ReadAhead:
    """One list: `fetch` gives the page after an id, if any; `newest` the greatest id after one, if the server tells.

    `width` is how many stretches may be read at a time; 1 reads page after page, each when it is taken. A first page
    of less than `full` records is likely all there is, so the newest id is not asked for yet.
    """

    def __init__(self, name: str, fetch: Fetch, newest: Newest, width: int, full: int = 1) -> None:
        self._name = name
        self._fetch = fetch
        self._newest = newest
        self._width = width
        self._full = full

    async def pages(self, after: int) -> AsyncGenerator[Page, None]:
        """The pages after an id, to the end of the list. Raises what `fetch` raises."""
        if self._width == 1:
            while (page := await self._fetch(after)) is not None:
                yield page
                after = page.last_id
            return
        first = await self._fetch(after)
        if first is None:
            return
        newest = asyncio.create_task(self._newest(first.last_id)) if len(first.records) >= self._full else None
        following = asyncio.create_task(self._fetch(first.last_id))
        try:
            yield first
            second = await following
            if second is None:
                return
            yield second
            end = second.last_id
            last = await newest if newest is not None else await self._newest(end)
        finally:
            await _end(following, newest)
        start = next(record.id for record in first.records if record.id is not None)
        read = len(first.records) + len(second.records)
        plan = _Plan(end, max(end, last or end), (end - start + 1) / read, read / 2, self._width)
        async with aclosing(self._stretches(plan)) as pages:
            async for page in pages:
                yield page

    async def _stretches(self, plan: "_Plan") -> AsyncGenerator[Page, None]:
        under_way: deque[tuple[_Stretch, asyncio.Task[None]]] = deque()
        try:
            while True:
                while self._has_room(under_way) and (stretch := plan.next()) is not None:
                    task = asyncio.create_task(self._read(stretch), name=f"{self._name} after {stretch.after}")
                    under_way.append((stretch, task))
                if not under_way:
                    return
                head, _ = under_way[0]
                while (page := await head.taken()) is not None:
                    yield page
                under_way.popleft()
                plan.learn(head)
        finally:
            await _end(*(task for _, task in under_way))

    def _has_room(self, under_way: Iterable[tuple[_Stretch, object]]) -> bool:
        """Whether another stretch may begin: by the pages that may wait, so that many short ones may."""
        return sum(stretch.planned for stretch, _ in under_way) < (self._width + _SPARE) * _MOST_PAGES

    async def _read(self, stretch: _Stretch) -> None:
        """Reads a stretch to its end, or to its first error, which waits for its turn."""
        after = stretch.after
        try:
            while (page := await self._fetch(after)) is not None:
                mine = _up_to(stretch.end, page)
                if mine.records:
                    stretch.records += len(mine.records)
                    await stretch.pages.put(mine)
                after = page.last_id
                if stretch.end is not None and after >= stretch.end:
                    break
        except Exception as error:  # noqa: BLE001 -- raised again by `taken`
            stretch.error = error
        await stretch.pages.put(None)


async def _end(*tasks: "asyncio.Task[Any] | None") -> None:
    """Ends the tasks that are still under way; what the others raised has been told, or comes too late."""
    known = [task for task in tasks if task is not None]
    for task in known:
        task.cancel()
    await asyncio.gather(*known, return_exceptions=True)


class _Plan:
    """Where the next stretch begins and ends, by the gaps between the ids that were seen."""

    def __init__(self, after: int, newest: int, gap: float, page: float, width: int) -> None:
        self._start: int | None = after
        self._newest = newest
        self._gap = gap  # ids for each record
        self._page = page  # records of a page
        self._width = width

    def next(self) -> _Stretch | None:
        """The next stretch; the one that reaches the newest id has no end. None after that one."""
        if self._start is None:
            return None
        ids = self._gap * self._page
        pages = min(_MOST_PAGES, max(_LEAST_PAGES, (self._newest - self._start) / ids / self._width))
        end = self._start + max(1, int(ids * pages))
        stretch = _Stretch(self._start, end if end < self._newest else None, pages)
        self._start = stretch.end
        return stretch

    def learn(self, stretch: _Stretch) -> None:
        """Takes into account how dense the ids of a stretch were."""
        if stretch.end is not None:
            found = (stretch.end - stretch.after) / max(stretch.records, 1)
            self._gap = max(1.0, min((self._gap + found) / 2, 4 * self._gap))


def _up_to(end: int | None, page: Page) -> Page:
    """The part of a page that belongs to a stretch: what comes before the first id beyond its end."""
    if end is None or page.last_id <= end:
        return page
    beyond = next(number for number, record in enumerate(page.records) if record.id is not None and record.id > end)
    return Page(page.records[:beyond], end, page.repeated)
