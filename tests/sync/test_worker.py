import asyncio
import datetime as dt
from typing import Any

import pytest
from starlette.responses import HTMLResponse, Response

from sync import errors
from sync.mirror import Mirror
from sync.reading import read_resource
from sync.resources import BY_NAME, RESOURCES
from sync.run import Run
from sync.state import Depth
from sync.worker import read_all

INVOICES, CURRENCIES = BY_NAME["invoices"], BY_NAME["currencies"]


async def read(kit: Any, stub: Any, mirror: Mirror, run: Run, *names: str) -> Any:
    """Reads some resources of the stub into the mirror."""
    async with kit.client_of(stub, page_size=run.settings.page_size) as client:
        return await read_all(client, mirror, run, tuple(BY_NAME[name] for name in names))


async def test_every_resource_is_read_and_bookmarked(kit: Any, stub: Any, mirror: Mirror) -> None:
    """All eleven, in their order, up to the beginning of the run; runs are on record."""
    stub.records["/api/invoices"] = [kit.invoice(number) for number in range(1, 121)]
    stub.records["/api/currencies"] = [kit.currency(1)]
    run = kit.make_run(batch_records=50)

    outcomes = await read(kit, stub, mirror, run, *(resource.name for resource in RESOURCES))

    assert [outcome.resource for outcome in outcomes] == [resource.name for resource in RESOURCES]
    invoices = outcomes[0]
    assert (invoices.read, invoices.changed, invoices.rejected, invoices.pages, invoices.rows) == (120, 120, 0, 3, 120)
    assert {bookmark.updated_through for bookmark in mirror.bookmarks().values()} == {kit.now}
    assert mirror.query("SELECT run_id, records_read, pages FROM sync_runs WHERE resource = 'invoices'") == [
        ("run-1", 120, 3)
    ]
    assert {name for name, *_ in run.progress.pages} == {"invoices", "currencies"}


async def test_the_second_run_reads_only_what_changed(kit: Any, stub: Any, mirror: Mirror) -> None:
    """One changed, one new, one changed after the run began: the last waits for the next run."""
    records = [kit.invoice(number) for number in range(1, 6)]
    stub.records["/api/invoices"] = records
    await read(kit, stub, mirror, kit.make_run(), "invoices")
    later = kit.now + dt.timedelta(hours=1)
    records[1] = kit.invoice(2, **{"updated-at": (later - dt.timedelta(minutes=1)).isoformat(), "payments": []})
    records[2] = kit.invoice(3, **{"updated-at": (later + dt.timedelta(seconds=1)).isoformat(), "status": "voided"})
    records.append(kit.invoice(6, **{"updated-at": (kit.now - dt.timedelta(minutes=5)).isoformat()}))

    (outcome,) = await read(kit, stub, mirror, kit.make_run(later, reread_minutes=600), "invoices")

    assert (outcome.read, outcome.changed, outcome.rows) == (2, 2, 6)
    assert mirror.query("SELECT invoice_id FROM invoice_payments ORDER BY 1") == [(1,), (3,), (4,), (5,), (6,)]
    assert mirror.query("SELECT status FROM invoices WHERE id = 3") == [("approved",)]


async def test_the_look_back_leaves_out_the_old_but_not_the_old_and_open(kit: Any, stub: Any, mirror: Mirror) -> None:
    """An unpaid invoice from before the period is part of today's balance."""
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    stub.records["/api/invoices"] = [kit.invoice(1, **{"updated-at": "2024-01-01T00:00:00Z"}), kit.invoice(2)]
    run = kit.make_run()
    run = Run(run.run_id, run.now, run.clock, Depth(start, dt.timedelta(0)), run.settings, run.progress)

    await read(kit, stub, mirror, run, "invoices")

    queries = [query for _, query in stub.calls]
    assert queries[0]["paid"] == "false"
    assert queries[0]["status[in]"].startswith("approved,")
    assert queries[0]["updated-at[lt]"] == "2025-01-01T00:00:00Z"
    assert queries[-1]["updated-at[gt_or_eq]"] == "2025-01-01T00:00:00Z"
    assert mirror.query("SELECT id FROM invoices ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4, 5])
async def test_a_stopped_run_goes_on_and_loses_nothing(kit: Any, stub: Any, mirror: Mirror, stop_after: int) -> None:
    """Whatever page it stops at, the next run reads the rest, and the whole is there once."""
    stub.records["/api/invoices"] = [kit.invoice(number) for number in range(1, 58)]
    run = kit.make_run(page_size=10, batch_records=20)

    def stop(_request: object) -> Response:
        raise KeyboardInterrupt

    stub.script = [None] * stop_after + [stop]
    with pytest.raises(KeyboardInterrupt):
        async with kit.client_of(stub, page_size=10) as client:
            await read_resource(client, mirror, run, INVOICES)
    committed = mirror.query("SELECT count(*) FROM invoices")[0][0]
    assert committed == stop_after // 2 * 20
    stub.calls.clear()
    later = kit.now + dt.timedelta(hours=1)

    (outcome,) = await read(kit, stub, mirror, kit.make_run(later, page_size=10), "invoices")

    assert stub.calls[0][1]["id[gt]"] == str(committed)
    assert outcome.rows == 57
    assert mirror.query("SELECT count(*), count(DISTINCT id) FROM invoice_lines") == [(57, 57)]
    assert mirror.bookmark("invoices").updated_through == later


async def test_one_closed_resource_does_not_stop_the_others(kit: Any, stub: Any, mirror: Mirror) -> None:
    """The message names it; what could be read is in the mirror; the next run needs only the rest."""
    stub.records = {"/api/currencies": [kit.currency(1)], "/api/users": [], "/api/invoices": [kit.invoice(1)]}

    def closed(request: Any) -> Response | None:
        return Response(status_code=403) if request.url.path == "/api/suppliers" else None

    stub.script = [closed] * 40
    with pytest.raises(
        errors.IncompleteSyncError,
        match=r"'suppliers': grant it the scope 'core\.supplier\.read'.*Nothing was published",
    ):
        await read(kit, stub, mirror, kit.make_run(), "suppliers", "currencies", "invoices", "users")

    assert mirror.query("SELECT count(*) FROM invoices") == [(1,)]
    assert mirror.bookmark("suppliers").updated_through is None


async def test_what_concerns_all_resources_stops_at_once(kit: Any, stub: Any, mirror: Mirror) -> None:
    """Refused credentials are told once, as they are, not as a group, and not tried eleven times."""
    stub.token_script = [Response(b'{"error": "invalid_client"}', 401)]
    with pytest.raises(errors.CredentialsRefusedError, match="refuses the id or secret"):
        await read(kit, stub, mirror, kit.make_run(), *(resource.name for resource in RESOURCES))
    assert stub.tokens == 1
    assert stub.calls == []


async def test_lasting_trouble_of_the_server_ends_the_run_as_retriable(kit: Any, stub: Any, mirror: Mirror) -> None:
    """`run` waits and tries again; `once` says so."""
    stub.script = [HTMLResponse("sorry", 500)] * 50
    with pytest.raises(errors.RetriableSyncError, match="try again later"):
        await read(kit, stub, mirror, kit.make_run(), "users", "invoices")


async def test_a_bad_record_does_not_stop_a_run(kit: Any, stub: Any, mirror: Mirror) -> None:
    """It is reported with resource, id and field; the next run clears it once it is corrected."""
    records = [kit.invoice(1), kit.invoice(2, **{"total-with-taxes": "12,50"}), kit.invoice(3)]
    stub.records["/api/invoices"] = records
    (outcome,) = await read(kit, stub, mirror, kit.make_run(), "invoices")
    assert (outcome.read, outcome.rejected, outcome.rows) == (3, 1, 2)
    assert [(bad.resource, bad.record_id, bad.field) for bad in mirror.rejected()] == [
        ("invoices", 2, "total-with-taxes")
    ]

    later = kit.now + dt.timedelta(hours=1)
    records[1] = kit.invoice(2, **{"updated-at": kit.now.isoformat()})
    (outcome,) = await read(kit, stub, mirror, kit.make_run(later), "invoices")
    assert (outcome.rejected, outcome.rows) == (0, 3)
    assert mirror.rejected() == ()


async def test_a_clock_that_went_back_is_refused(kit: Any, stub: Any, mirror: Mirror) -> None:
    """A mirror cannot be un-read to an earlier day."""
    await read(kit, stub, mirror, kit.make_run(), "users")
    with pytest.raises(errors.SettingsError, match="later than the clock of this run"):
        await read(kit, stub, mirror, kit.make_run(kit.now - dt.timedelta(days=1)), "users")


async def test_a_full_reload_runs_again_and_again(kit: Any, stub: Any, mirror: Mirror) -> None:
    """Without any condition on `updated-at`, which some lists do not have; what is gone goes."""
    stub.records["/api/currencies"] = [kit.currency(1), kit.currency(2, "EUR")]
    await read(kit, stub, mirror, kit.make_run(), "currencies")
    stub.records["/api/currencies"] = [kit.currency(2, "EUR")]

    (outcome,) = await read(kit, stub, mirror, kit.make_run(kit.now + dt.timedelta(hours=1)), "currencies")

    assert (outcome.read, outcome.changed, outcome.rows) == (1, 1, 1)
    assert not any("updated-at" in name for _, query in stub.calls for name in query)


async def test_an_interrupted_merge_is_waited_for(kit: Any, stub: Any, mirror: Mirror) -> None:
    """Cancelling a run in the middle of a merge leaves a file that opens and goes on."""
    stub.records["/api/invoices"] = [kit.invoice(number) for number in range(1, 101)]
    task = asyncio.create_task(read(kit, stub, mirror, kit.make_run(batch_records=10, page_size=10), "invoices"))
    while not mirror.query("SELECT count(*) FROM invoices")[0][0]:  # noqa: ASYNC110 - the mirror has no event to await
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await read(kit, stub, mirror, kit.make_run(), "invoices")
    assert mirror.query("SELECT count(*), count(DISTINCT id) FROM invoices") == [(100, 100)]
