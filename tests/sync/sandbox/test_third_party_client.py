"""A client written by others for Coupa, as published on PyPI, reads the sandbox unchanged and gets every record."""

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from coupa_async_client import CoupaAsyncClient
from coupa_async_client.sync_client import CoupaClient

from sync.sandbox import Address, running
from sync.sandbox.access import SCOPES
from sync.sandbox.app import create_app
from sync.sandbox.company.company import RESOURCES, Company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.faults import Faults

NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def edits(company: Company) -> Edits:
    """The tiny company and what a perfect reader holds of it."""
    return Edits(company, now=lambda: NOW)


@pytest.fixture(scope="module")
def address(edits: Edits) -> Iterator[Address]:
    """The tiny company over real HTTP; the client knows no limit of its own, so the sandbox's is off."""
    with running(create_app(edits, rate_limit=False)) as found:
        yield found


def arguments(address: Address, *scopes: str) -> dict[str, Any]:
    """What both clients are made of."""
    return {
        "base_url": f"{address.url}/api",
        "token_url": f"{address.url}/oauth2/token",
        "client_id": address.client_id,
        "client_secret": address.client_secret,
        "scopes": scopes,
    }


@pytest.fixture
async def client(address: Address) -> AsyncIterator[CoupaAsyncClient]:
    """Their client in its default settings: ten pages of fifty at once, by offset."""
    async with CoupaAsyncClient(**arguments(address, *sorted(set(SCOPES.values())))) as opened:
        yield opened


@pytest.mark.parametrize("resource", RESOURCES)
async def test_it_gets_every_record(client: CoupaAsyncClient, edits: Edits, resource: str) -> None:
    """Each once; the pages of a batch come in order."""
    fields = '["id"]'
    found = [item["id"] async for item in client.iter_items(resource, params={"order_by": "id"}, fields=fields)]
    assert found == edits.ids(resource)


async def test_records_arrive_whole(client: CoupaAsyncClient, edits: Edits) -> None:
    """Without fields, an invoice is all that the sandbox holds of it, nested records too."""
    wanted = {record["id"]: record for record in edits.records("invoices")}
    count = 0
    async for invoice in client.iter_items("invoices", params={"status": "pending_approval"}):
        assert invoice == wanted[invoice["id"]]
        count += 1
    assert count == sum(record["status"] == "pending_approval" for record in wanted.values()) > 0


async def test_its_filters_are_understood(client: CoupaAsyncClient, edits: Edits) -> None:
    """The query of its own handbook: a window of updated-at, and fields through links."""
    window = {"updated-at[gt_or_eq]": "2026-11-16T00:00:00-05:00", "updated-at[lt]": "2026-11-19T00:00:00-05:00"}
    fields = '["id","status",{"approver":["id","login"]}]'
    found = [item async for item in client.iter_items("approvals", params=window, fields=fields)]
    wanted = [r for r in edits.records("approvals") if "2026-11-16T00" <= r["updated-at"] < "2026-11-19T00"]
    assert [item["id"] for item in found] == [record["id"] for record in wanted]
    assert wanted
    assert set(found[0]) == {"id", "status", "approver"}
    assert found[0]["approver"]["login"] == wanted[0]["approver"]["login"]


def test_its_other_client_reads_too(address: Address, edits: Edits) -> None:
    """The one without asyncio, one page after the other."""
    with CoupaClient(**arguments(address)) as client:
        found = [item["id"] for item in client.items("suppliers", params={"status[eq]": "active"}, fields='["id"]')]
    assert found == [record["id"] for record in edits.records("suppliers") if record["status"] == "active"]


async def test_it_waits_as_the_sandbox_asks(edits: Edits) -> None:
    """A 429 with Retry-After is honoured by it and met once: the page arrives after all."""
    faults = Faults.of("too_many_calls calls=1 retry_after=0")
    with running(create_app(edits, rate_limit=False, faults=faults)) as address:
        async with CoupaAsyncClient(**arguments(address)) as client:
            found = [item["id"] async for item in client.iter_items("currencies", params={}, concurrent=1)]
    assert found == edits.ids("currencies")
