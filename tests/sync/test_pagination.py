import asyncio
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import PageOrderError
from sync.pages import RawRecord
from sync.pagination import Window, page_after
from sync.resources import BY_NAME


@settings(max_examples=40, deadline=None)
@given(
    ids=st.sets(st.integers(min_value=1, max_value=2**62), max_size=60),
    page_size=st.integers(min_value=1, max_value=50),
    cap=st.integers(min_value=1, max_value=50),
)
def test_every_record_arrives_once_whatever_the_gaps_and_page_sizes(
    kit: Any, ids: set[int], page_size: int, cap: int
) -> None:
    """Any ids, any page size asked for, any smaller one that the tenant enforces."""
    stub = kit.StubCoupa(records={"/api/currencies": [kit.currency(number) for number in ids]}, cap=cap)

    async def read() -> list[int | None]:
        async with kit.client_of(stub, page_size=page_size) as client:
            return [
                record.id async for page in client.pages(BY_NAME["currencies"], Window()) for record in page.records
            ]

    assert asyncio.run(read()) == sorted(ids)


@settings(max_examples=40, deadline=None)
@given(
    ids=st.sets(st.integers(min_value=1, max_value=500), min_size=1, max_size=60),
    start=st.integers(min_value=0, max_value=500),
)
def test_a_reading_goes_on_after_any_id(kit: Any, ids: set[int], start: int) -> None:
    """Resuming reads what comes after the bookmark and nothing else."""
    stub = kit.StubCoupa(records={"/api/currencies": [kit.currency(number) for number in ids]})

    async def read() -> list[int | None]:
        async with kit.client_of(stub, page_size=7) as client:
            return [
                record.id
                async for page in client.pages(BY_NAME["currencies"], Window(), after=start)
                for record in page.records
            ]

    assert asyncio.run(read()) == sorted(number for number in ids if number > start)


def records(ids: list[int | None]) -> list[RawRecord]:
    """Records of these ids; None: one without an id."""
    return [RawRecord(json.dumps({} if number is None else {"id": number}).encode()) for number in ids]


@pytest.mark.parametrize("ids", [[7, 6], [8, None, 7], [5, 8, 6]])
def test_falling_ids_are_refused(ids: list[int | None]) -> None:
    """What is out of order may hide records."""
    with pytest.raises(PageOrderError, match="does not page by id"):
        page_after(records(ids), 5, "invoices")


@pytest.mark.parametrize("ids", [[5], [4, 5], [5, None]])
def test_a_page_with_nothing_new_is_refused(ids: list[int | None]) -> None:
    """It would be asked for again for ever."""
    with pytest.raises(PageOrderError, match="holds only records up to that id"):
        page_after(records(ids), 5, "invoices")


@given(
    st.lists(st.integers(6, 40), min_size=1, max_size=12, unique=True).map(sorted),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5))),
    st.data(),
)
def test_records_that_come_again_are_left_out_and_counted(
    ids: list[int], old: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever was served before, on this page or on one before, stands once; nothing else is left out."""
    mixed = list(ids)
    for place in data.draw(st.lists(st.integers(0, len(ids) - 1))):
        mixed.insert(mixed.index(ids[place]) + 1, ids[place])
    for place, number in old:
        mixed.insert(min(place, len(mixed)), number)

    page = page_after(records([*mixed, None]), 5, "invoices")

    assert page is not None
    assert [record.id for record in page.records] == [*ids, None]
    assert (page.last_id, page.repeated) == (ids[-1], len(mixed) - len(ids))


def test_a_page_without_any_id_is_refused() -> None:
    """The next page could not be asked for."""
    with pytest.raises(PageOrderError, match="no record with an id"):
        page_after(records([None, None]), 5, "invoices")


def test_records_without_an_id_are_passed_over() -> None:
    """They are set aside elsewhere; the page goes on after the last id; an empty one ends the list."""
    page = page_after(records([6, None, 9]), 5, "invoices")
    assert page is not None
    assert (len(page.records), page.last_id, page.repeated) == (3, 9, 0)
    assert page_after([], 5, "invoices") is None


async def test_a_server_that_ignores_the_keyset_is_not_read_for_ever(kit: Any, stub: Any) -> None:
    """The same page again is asked for again, three times in tests, and then an error: no endless circle."""
    from starlette.responses import JSONResponse  # noqa: PLC0415 - only here

    stub.script = [lambda _request: JSONResponse([{"id": 1}, {"id": 2}]) for _ in range(5)]
    async with kit.client_of(stub) as client:
        with pytest.raises(PageOrderError):
            [page async for page in client.pages(BY_NAME["currencies"], Window())]
    assert len(stub.calls) == 1 + 3


def test_a_window_is_half_open_and_in_utc() -> None:
    """`updated-at` from the start, inclusive, to the end, exclusive."""
    zone = dt.timezone(dt.timedelta(hours=-5))
    window = Window(dt.datetime(2026, 1, 1, tzinfo=zone), dt.datetime(2026, 1, 2, tzinfo=zone), {"paid": "false"})

    assert window.parameters() == {
        "paid": "false",
        "updated-at[gt_or_eq]": "2026-01-01T05:00:00Z",
        "updated-at[lt]": "2026-01-02T05:00:00Z",
    }
    assert Window().parameters() == {}
