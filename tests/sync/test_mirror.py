import datetime as dt
import itertools
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import schema
from sync.errors import EmptyReloadError, MirrorUnreadableError, SourceChangedError
from sync.mirror import Merging, Mirror
from sync.pages import split_records
from sync.resources import BY_NAME, Resource
from sync.rows import Batch
from sync.state import Bookmark

INVOICES = BY_NAME["invoices"]


def batch_of(resource: Resource, records: list[Any]) -> Batch:
    """A batch of one page."""
    batch = Batch(resource)
    batch.add_page(split_records(json.dumps(records).encode(), resource.name), 0)
    return batch


def merge(mirror: Mirror, resource: Resource, records: list[Any], now: dt.datetime, *, whole: bool = False) -> int:
    """Merges records; returns how many changed."""
    return mirror.merge(batch_of(resource, records), Bookmark(resource.name), "run-1", now, Merging(now, whole=whole))


def content(mirror: Mirror) -> dict[str, list[tuple[object, ...]]]:
    """Everything that came from Coupa, in order."""
    return {table.name: mirror.query(f'SELECT * FROM "{table.name}" ORDER BY ALL') for table in schema.COUPA_TABLES}


def test_an_invoice_arrives_to_the_cent(mirror: Mirror, kit: Any) -> None:
    """Row, line, payment and approval, with exact money and the company's dates."""
    assert merge(mirror, INVOICES, [kit.invoice(7)], kit.now) == 1

    assert mirror.query(
        "SELECT total_with_taxes, received_date, received_at, raw->>'invoice-number' FROM invoices"
    ) == [
        (Decimal("13200.0000"), dt.date(2026, 1, 12), dt.datetime(2026, 1, 13, 4, 30, tzinfo=dt.UTC), "BW-7"),
    ]
    assert mirror.query("SELECT id, invoice_id, quantity FROM invoice_lines") == [(70, 7, Decimal("40.0000"))]
    assert mirror.query("SELECT amount_paid, payment_date FROM invoice_payments") == [
        (Decimal("12936.0000"), dt.date(2026, 1, 21))
    ]
    assert mirror.query("SELECT approvable_id, status, approval_date FROM approvals") == [
        (7, "approved", dt.date(2026, 1, 13))
    ]


def test_merging_again_changes_nothing(mirror: Mirror, kit: Any) -> None:
    """Read twice, stored once."""
    merge(mirror, INVOICES, [kit.invoice(7), kit.invoice(8)], kit.now)
    before = content(mirror)

    assert merge(mirror, INVOICES, [kit.invoice(7), kit.invoice(8)], kit.now) == 0
    assert content(mirror) == before


def version_of(kit: Any, number: int, version: int) -> dict[str, Any]:
    """A version of an invoice with its own lines, payments and approvals; a later one is updated later."""
    moment = (dt.datetime(2026, 1, 13, tzinfo=dt.UTC) + dt.timedelta(hours=version)).isoformat()
    base = number * 100
    return kit.invoice(
        number,
        **{
            "updated-at": moment,
            "total-with-taxes": f"{version}.00",
            "invoice-lines": [{"id": base + line, "total": f"{version}.00"} for line in range(version % 4)],
            "payments": [
                {"id": base + payment, "amount-paid": "1.00", "payment-date": "2026-01-21"}
                for payment in range((version + 1) % 3)
            ],
            "approvals": [
                {
                    "id": base + step,
                    "approvable-type": "InvoiceHeader",
                    "approvable-id": number,
                    "status": str(version),
                    "updated-at": moment,
                }
                for step in range((version + 2) % 3)
            ],
        },
    )


@settings(max_examples=15, deadline=None)
@given(
    readings=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=14),
    cuts=st.lists(st.integers(0, 14), max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_any_order_and_any_batches_give_the_same_mirror(
    kit: Any, tmp_path_factory: Any, readings: list[tuple[int, int]], cuts: list[int], order: Any
) -> None:
    """However versions of the same invoices are read, repeated and batched, the newest stand, with their own children."""
    shuffled = list(readings)
    order.shuffle(shuffled)
    edges = sorted({0, len(shuffled), *(cut for cut in cuts if cut < len(shuffled))})
    with kit.new_mirror(tmp_path_factory.mktemp("any") / "work.duckdb") as mirror:
        for start, end in itertools.pairwise(edges):
            merge(mirror, INVOICES, [version_of(kit, *reading) for reading in shuffled[start:end]], kit.now)
        newest = {number: max(version for found, version in readings if found == number) for number, _ in readings}

        assert mirror.query("SELECT id, CAST(total_with_taxes AS INTEGER) FROM invoices ORDER BY id") == sorted(
            newest.items()
        )
        for table, attribute in (
            ("invoice_lines", "invoice-lines"),
            ("invoice_payments", "payments"),
            ("approvals", "approvals"),
        ):
            expected = sorted(
                child["id"]
                for number, version in newest.items()
                for child in version_of(kit, number, version)[attribute]
            )
            assert mirror.query(f'SELECT id FROM "{table}" ORDER BY id') == [(number,) for number in expected]
        assert mirror.query(
            "SELECT count(*) FROM approvals a JOIN invoices i ON i.id = a.approvable_id WHERE a.updated_at <> i.updated_at"
        ) == [(0,)]


def test_an_older_version_does_not_replace_a_newer_one(mirror: Mirror, kit: Any) -> None:
    """Neither the invoice nor its lines."""
    merge(mirror, INVOICES, [version_of(kit, 1, 5)], kit.now)
    before = content(mirror)

    assert merge(mirror, INVOICES, [version_of(kit, 1, 2)], kit.now) == 0
    assert content(mirror) == before


def test_a_newer_approval_outlives_an_older_invoice(mirror: Mirror, kit: Any) -> None:
    """Approvals arrive on their own too: what is newer than the invoice's copy stands; others' approvals are not touched."""
    later = "2026-02-01T00:00:00Z"
    mine = {"id": 70, "approvable-type": "InvoiceHeader", "approvable-id": 7, "status": "approved", "updated-at": later}
    added = {**mine, "id": 71}
    other = {**mine, "id": 72, "approvable-type": "RequisitionHeader"}
    merge(mirror, BY_NAME["approvals"], [mine, added, other], kit.now)

    merge(mirror, INVOICES, [kit.invoice(7)], kit.now)
    assert mirror.query("SELECT id, updated_at FROM approvals ORDER BY id") == [
        (number, dt.datetime(2026, 2, 1, tzinfo=dt.UTC)) for number in (70, 71, 72)
    ]

    merge(mirror, INVOICES, [kit.invoice(7, **{"updated-at": "2026-03-01T00:00:00Z", "approvals": []})], kit.now)
    assert mirror.query("SELECT id FROM approvals") == [(72,)]


def test_a_full_reload_removes_what_is_gone_but_keeps_what_is_only_unreadable(mirror: Mirror, kit: Any) -> None:
    """Currency 2 is gone, currency 3 came malformed: its last good row stays."""
    currencies = BY_NAME["currencies"]
    merge(mirror, currencies, [kit.currency(number) for number in (1, 2, 3)], kit.now, whole=True)

    assert merge(mirror, currencies, [kit.currency(1), {"id": 3, "code": None}], kit.now, whole=True) == 1

    assert mirror.query("SELECT id FROM currencies ORDER BY id") == [(1,), (3,)]


def test_a_list_that_is_suddenly_empty_is_not_believed(mirror: Mirror, kit: Any) -> None:
    """A lost scope must not empty the mirror."""
    currencies = BY_NAME["currencies"]
    merge(mirror, currencies, [kit.currency(1)], kit.now, whole=True)

    with pytest.raises(EmptyReloadError, match=r"core\.common\.read"):
        merge(mirror, currencies, [], kit.now, whole=True)
    assert mirror.query("SELECT id FROM currencies") == [(1,)]


def test_a_bad_record_is_kept_reported_and_cleared_once_good(mirror: Mirror, kit: Any) -> None:
    """The good ones go in, the last good version of the bad one stays, and its rejection ends when it comes good."""
    merge(mirror, INVOICES, [kit.invoice(7)], kit.now)
    bad = kit.invoice(7, **{"total-with-taxes": "?", "updated-at": "2026-02-01T00:00:00Z"})
    for _ in range(2):
        merge(mirror, INVOICES, [bad, kit.invoice(8), None, 5], kit.now)

    assert [(found.resource, found.record_id, found.field) for found in mirror.rejected()] == [
        ("invoices", 7, "total-with-taxes"),
        ("invoices", None, "(record)"),
        ("invoices", None, "(record)"),
    ]
    assert mirror.query("SELECT id, total_with_taxes FROM invoices ORDER BY id") == [
        (7, Decimal(13200)),
        (8, Decimal(13200)),
    ]

    merge(
        mirror,
        INVOICES,
        [kit.invoice(7, **{"total-with-taxes": "5.00", "updated-at": "2026-02-01T00:00:00Z"})],
        kit.now,
    )
    assert [found.record_id for found in mirror.rejected()] == [None, None]


def test_records_set_aside_are_typed_again(mirror: Mirror, kit: Any) -> None:
    """A newer program may read what an older one could not; what stays bad stays set aside."""
    now_good = json.dumps(kit.invoice(7))
    mirror._connection.execute(
        "INSERT INTO rejected_records VALUES ('invoices', 7, 'status', 'unknown', ?, 'run-0', ?)", [now_good, kit.now]
    )
    merge(mirror, INVOICES, [kit.invoice(8, paid="?")], kit.now)

    assert mirror.retry_rejected(INVOICES, "run-2", kit.now) == 1

    assert mirror.query("SELECT id FROM invoices") == [(7,)]
    assert [found.record_id for found in mirror.rejected()] == [8]


def test_hostile_text_is_only_text(mirror: Mirror, kit: Any) -> None:
    """Quotes, SQL, line breaks, emojis, half characters and a zero byte go in and come out."""
    name = "x'); DROP TABLE invoices; --\n\r\t\"\\ \u2028 😀 \ud800 \x00 end"
    merge(mirror, BY_NAME["suppliers"], [{"id": 1, "name": name, "updated-at": "2026-01-01T00:00:00Z"}], kit.now)

    assert mirror.query("SELECT name, raw->>'name' = name FROM suppliers") == [(name.replace("\ud800", "\ufffd"), True)]


def test_a_failing_batch_leaves_rows_and_bookmark_as_they_were(mirror: Mirror, kit: Any) -> None:
    """Rows and bookmark move together or not at all."""
    merge(mirror, INVOICES, [kit.invoice(7)], kit.now)
    before = content(mirror), mirror.bookmarks()
    broken = batch_of(INVOICES, [kit.invoice(8)])
    broken.lines["invoice_lines"] = [b"{not json"]

    with pytest.raises(duckdb.Error):
        mirror.merge(broken, Bookmark("invoices", last_id=8), "run-1", kit.now, Merging(kit.now))

    assert (content(mirror), mirror.bookmarks()) == before
    assert merge(mirror, INVOICES, [kit.invoice(8)], kit.now) == 1


def test_a_record_of_many_megabytes_gets_the_memory_it_needs(mirror: Mirror, kit: Any) -> None:
    """A sync keeps to little memory, and asks for more when a record cannot do with it."""
    limit = mirror.query("SELECT current_setting('memory_limit')")
    huge = kit.invoice(7, surprise="x" * 20_000_000)

    assert merge(mirror, INVOICES, [huge], kit.now) == 1

    assert mirror.query("SELECT length(raw) > 20000000 FROM invoices") == [(True,)]
    assert mirror.query("SELECT current_setting('memory_limit')") == limit


def test_records_of_which_only_children_are_known_are_merged_whole(mirror: Mirror, kit: Any) -> None:
    """An approval that came by itself before its invoice is not doubled, and the newer version of it stands."""
    later = kit.invoice(7)["approvals"][0] | {"updated-at": "2026-11-20T00:00:00-05:00", "status": "rejected"}
    merge(mirror, BY_NAME["approvals"], [later | {"approvable-type": "InvoiceHeader", "approvable-id": 7}], kit.now)

    assert merge(mirror, INVOICES, [kit.invoice(7), kit.invoice(8)], kit.now) == 2

    assert mirror.query("SELECT approvable_id, status FROM approvals WHERE id = ?", [later["id"]]) == [(7, "rejected")]
    assert mirror.query("SELECT count(*), count(DISTINCT id) FROM approvals") == [(2, 2)]


def test_countries_come_with_the_program(mirror: Mirror) -> None:
    """Every country has a name and one of the four regions."""
    rows = mirror.query("SELECT code, name, region FROM countries")
    regions = {code: region for code, _, region in rows}

    assert len(rows) == len(regions) >= 249
    assert set(regions.values()) == {"North America", "EMEA", "APAC", "LATAM"}
    expected = {
        "US": "North America",
        "CA": "North America",
        "MX": "LATAM",
        "BR": "LATAM",
        "DE": "EMEA",
        "GB": "EMEA",
        "IN": "APAC",
        "JP": "APAC",
        "NA": "EMEA",
    }
    assert {code: regions[code] for code in expected} == expected


def test_a_work_file_belongs_to_one_coupa(mirror: Mirror, tmp_path: Path) -> None:
    """Two tenants' ids must not mix."""
    mirror.close()
    with pytest.raises(SourceChangedError, match="mirrors http://stub, not https://other"):
        Mirror.open(tmp_path / "sync" / "work.duckdb", "https://other")


def test_a_damaged_or_newer_work_file_is_told_apart(mirror: Mirror, tmp_path: Path) -> None:
    """Each with what to do about it."""
    path = tmp_path / "sync" / "work.duckdb"
    mirror._connection.execute("UPDATE sync_source SET schema_version = 99")
    mirror.close()
    with pytest.raises(MirrorUnreadableError, match="newer Tenor"):
        Mirror.open(path, "http://stub")
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(MirrorUnreadableError, match="delete it and sync again"):
        Mirror.open(path, "http://stub")


@pytest.mark.usefixtures("mirror")
def test_a_work_file_held_by_another_program_is_busy(tmp_path: Path) -> None:
    """The sentence says to close the other program."""
    code = (
        "import sys; from pathlib import Path\nfrom sync.mirror import Mirror\nfrom sync.errors import MirrorBusyError\n"
        "try: Mirror.open(Path(sys.argv[1]), 'http://stub')\nexcept MirrorBusyError as error: print(error)"
    )
    path = tmp_path / "sync" / "work.duckdb"
    root = Path(schema.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, cwd=root
    )
    assert "held open by another program" in found.stdout
