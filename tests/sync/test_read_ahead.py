import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import PageOrderError, UnreachableError
from sync.pages import Page, RawRecord
from sync.pagination import page_after
from sync.read_ahead import ReadAhead

IDS = st.one_of(
    st.sets(st.integers(min_value=1, max_value=400), max_size=300),
    st.sets(st.integers(min_value=1, max_value=2**62), max_size=300),
    st.builds(  # dense, a gap, dense again
        lambda low, high, start: {*range(1, low), *range(start, start + high)},
        st.integers(1, 150),
        st.integers(0, 150),
        st.integers(200, 10**9),
    ),
)


class Shelf:
    """A list of ids, served by keyset; counts how many requests are under way."""

    def __init__(self, ids: set[int], page: int = 7) -> None:
        self.ids = set(ids)
        self.page = page
        self.calls = 0
        self.under_way = 0
        self.most = 0
        self.on_call: Any = lambda _number: None

    async def fetch(self, after: int) -> Page | None:
        """The page after an id."""
        self.calls += 1
        self.on_call(self.calls)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        found = sorted(number for number in self.ids if number > after)[: self.page]
        await asyncio.sleep(0)
        self.under_way -= 1
        return page_after([RawRecord(json.dumps({"id": number}).encode()) for number in found], after, "things")

    async def newest(self, after: int) -> int | None:
        """The greatest id."""
        return max((number for number in self.ids if number > after), default=None)

    async def read(self, after: int = 0, width: int = 4) -> list[Page]:
        """All pages after an id."""
        return [page async for page in ReadAhead("things", self.fetch, self.newest, width).pages(after)]


def ids_of(pages: list[Page]) -> list[int | None]:
    """The ids of pages, in the order of arrival."""
    return [record.id for page in pages for record in page.records]


@settings(max_examples=120, deadline=None)
@given(ids=IDS, page=st.integers(1, 12), width=st.integers(1, 6), after=st.integers(0, 300))
def test_every_record_arrives_once_and_in_order(ids: set[int], page: int, width: int, after: int) -> None:
    """Whatever the gaps, the sizes of pages and the number of requests at a time, from any place on."""
    pages = asyncio.run(Shelf(ids, page).read(after, width))

    assert ids_of(pages) == sorted(number for number in ids if number > after)
    assert all(records.last_id >= max(ids_of([records])) for records in pages)  # type: ignore[type-var] # all have ids
    assert [found.last_id for found in pages] == sorted(found.last_id for found in pages)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), ids=st.sets(st.integers(1, 1000), min_size=30, max_size=300), width=st.integers(1, 5))
def test_records_that_stay_are_never_missed_while_others_come_and_go(
    data: st.DataObject, ids: set[int], width: int
) -> None:
    """Between any two requests records vanish, change places are taken by newer ones, and the list grows."""
    shelf = Shelf(ids)
    gone: set[int] = set()

    def shift(_number: int) -> None:
        victim = data.draw(st.sampled_from(sorted(ids)))
        gone.add(victim)
        shelf.ids.discard(victim)
        shelf.ids.add(max([*shelf.ids, 0]) + data.draw(st.integers(1, 50)) if len(shelf.ids) < 400 else 1)

    shelf.on_call = shift
    found = ids_of(asyncio.run(asyncio.wait_for(shelf.read(width=width), 20)))

    assert ids - gone - set(found) == set()
    assert len(found) == len(set(found))


async def test_requests_run_side_by_side_and_few_are_wasted() -> None:
    """A long list keeps all seats busy, and reads little more than there is."""
    shelf = Shelf(set(range(1, 5_001)), page=10)

    assert ids_of(await shelf.read(width=5)) == list(range(1, 5_001))
    assert shelf.most > 5
    assert shelf.calls <= 500 * 1.08


async def test_a_short_list_costs_no_more_than_reading_it_in_order() -> None:
    """Most runs bring a page or two; they must not pay for the long ones."""
    for count in (0, 3, 7, 9):
        shelf = Shelf(set(range(1, count + 1)))
        await shelf.read()
        assert shelf.calls == -(-count // 7) + 1


async def test_a_server_that_does_not_tell_the_newest_id_is_read_in_order() -> None:
    """One stretch without an end."""
    shelf = Shelf(set(range(1, 200)))

    async def unknown(_after: int) -> None:
        return None

    pages = [page async for page in ReadAhead("things", shelf.fetch, unknown, 4).pages(0)]
    assert ids_of(pages) == list(range(1, 200))
    assert shelf.most == 1


async def test_what_comes_before_an_error_arrives_and_nothing_after_it() -> None:
    """The bookmark of the last page stands for everything before it."""
    shelf = Shelf(set(range(1, 1_000)), page=10)

    def fail(number: int) -> None:
        if number == 30:
            raise UnreachableError("lost")

    shelf.on_call = fail
    found: list[int | None] = []

    async def read() -> None:
        async for page in ReadAhead("things", shelf.fetch, shelf.newest, 4).pages(0):
            found.extend(ids_of([page]))

    with pytest.raises(UnreachableError):
        await read()
    assert found == list(range(1, len(found) + 1))


async def test_stopping_early_leaves_nothing_running() -> None:
    """Who breaks off a list ends its requests."""
    shelf = Shelf(set(range(1, 1_000)))
    pages = ReadAhead("things", shelf.fetch, shelf.newest, 4).pages(0)
    async for page in pages:
        if page.last_id > 100:
            break
    await pages.aclose()

    assert len(asyncio.all_tasks()) == 1


async def test_memory_holds_a_bounded_number_of_pages_ahead() -> None:
    """A slow taker stops the readers: what waits does not grow with the list."""
    shelf = Shelf(set(range(1, 20_001)), page=10)
    pages = ReadAhead("things", shelf.fetch, shelf.newest, 3).pages(0)
    taken = [await anext(pages) for _ in range(3)]
    for _ in range(2_000):
        await asyncio.sleep(0)

    assert len(taken) == 3
    assert (
        shelf.calls < (3 + 5) * 16 + 8
    )  # pages of the seats, of the stretches beyond them, and of the one that is taken
    await pages.aclose()


async def test_pages_out_of_order_are_refused() -> None:
    """A server that ignores the keyset is not read for ever, in whichever stretch."""
    page = tuple(RawRecord(json.dumps({"id": number}).encode()) for number in (3, 9))

    async def same(after: int) -> Page | None:
        return page_after(page, after, "things")

    async def newest(_after: int) -> int:
        return 10_000

    with pytest.raises(PageOrderError):
        [found async for found in ReadAhead("things", same, newest, 4).pages(0)]
