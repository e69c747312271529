"""Lists: pages, order, operators, associations, projection and the errors of each."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.sandbox.company.company import RESOURCES, Company
from sync.sandbox.projection import render
from sync.sandbox.query import PAGE_CAP, Condition, Query, Selector, parse_query
from sync.sandbox.tables import Table

IDS = '["id"]'


def ids(records: list[dict[str, Any]]) -> list[int]:
    """Ids of records, in their order."""
    return [record["id"] for record in records]


@pytest.mark.parametrize("resource", RESOURCES)
async def test_every_resource_reads_whole_by_keyset(reader: Any, company: Company, resource: str) -> None:
    """Keyset pages, joined, are exactly the table, ids ascending."""
    records = await reader.all(resource, fields=IDS)
    assert ids(records) == company.resources[resource].ids.tolist()


async def test_pages_are_capped_at_fifty(reader: Any) -> None:
    """A larger limit is not refused, it is cut to 50; without a limit a page has 50."""
    assert len((await reader.get("invoices", limit=500, fields=IDS)).json()) == 50
    assert len((await reader.get("invoices", fields=IDS)).json()) == 50
    assert len((await reader.get("invoices", limit=7, fields=IDS)).json()) == 7


async def test_past_the_end_is_an_empty_list(reader: Any) -> None:
    """An offset beyond the last record answers 200 and a bare empty array."""
    answer = await reader.get("invoices", offset=1_000_000)
    assert (answer.status_code, answer.json()) == (200, [])


@given(limit=st.integers(1, 60), stride=st.sampled_from(["offset", "keyset"]), down=st.booleans(), status=st.booleans())
def test_pages_joined_are_the_whole(company: Company, limit: int, stride: str, *, down: bool, status: bool) -> None:
    """For any limit, direction and filter, pages by offset or by id give every match once, in order."""
    table = company.resources["purchase_orders"]
    selector = Selector(table)
    conditions = (Condition(("status",), "eq", "issued"),) if status else ()
    wanted = selector.page(Query(conditions, descending=down, limit=len(table))).tolist()
    got: list[int] = []
    while True:
        edge = () if stride == "offset" or not got else (_edge(table, got[-1], down=down),)
        offset = len(got) if stride == "offset" else 0
        rows = selector.page(Query(conditions + edge, descending=down, limit=min(limit, PAGE_CAP), offset=offset))
        got.extend(rows.tolist())
        if len(rows) < min(limit, PAGE_CAP):
            break
    assert got == wanted
    assert len(set(got)) == len(got)


def _edge(table: Table, row: int, *, down: bool) -> Condition:
    return Condition(("id",), "lt" if down else "gt", str(int(table.ids[row])))


async def test_order_and_direction(reader: Any) -> None:
    """order_by takes hyphens or underscores; dir=desc turns it round; ties keep id order."""
    up = await reader.ask('invoices?order_by=updated-at&fields=["id","updated_at"]')
    down = await reader.ask('invoices?order_by=updated_at&dir=desc&fields=["id","updated_at"]')
    stamps = [record["updated-at"] for record in up]
    assert stamps == sorted(stamps, key=dt.datetime.fromisoformat)
    assert down[0]["updated-at"] >= up[-1]["updated-at"]


OPERATOR_CASES = [
    ("status=approved", lambda r: r["status"] == "approved"),
    ("status[eq]=voided", lambda r: r["status"] == "voided"),
    ("status[not_eq]=approved", lambda r: r["status"] != "approved"),
    ("status[in]=voided,rejected", lambda r: r["status"] in ("voided", "rejected")),
    ("status[not_in]=approved,voided", lambda r: r["status"] not in ("approved", "voided")),
    ("invoice_number[contains]=-2025-", lambda r: "-2025-" in r["invoice-number"]),
    ("invoice-number[starts_with]=CN-", lambda r: r["invoice-number"].startswith("CN-")),
    ("invoice-number[ends_with]=7", lambda r: r["invoice-number"].endswith("7")),
    ("total-with-taxes[gt]=10000", lambda r: float(r["total-with-taxes"]) > 10_000),
    ("total_with_taxes[lt_or_eq]=100.5", lambda r: float(r["total-with-taxes"]) <= 100.5),
    ("id[lt]=91000", lambda r: r["id"] < 91_000),
    ("id[gt_or_eq]=93500", lambda r: r["id"] >= 93_500),
    ("date-received[blank]=true", lambda r: r["date-received"] is None),
    ("paid=false&status=approved", lambda r: not r["paid"] and r["status"] == "approved"),
    ("is-credit-note=true", lambda r: r["is-credit-note"]),
]
FIELDS = '["id","status","invoice-number","total-with-taxes","date-received","paid","is_credit_note"]'


@pytest.mark.parametrize(("query", "test"), OPERATOR_CASES, ids=[case[0] for case in OPERATOR_CASES])
async def test_each_operator_selects_what_it_says(reader: Any, query: str, test: Any) -> None:
    """Every operator against a scan of all invoices in plain Python."""
    everything = await reader.all("invoices", fields=FIELDS)
    parameters = dict(part.split("=") for part in query.split("&"))
    found = await reader.all("invoices", fields=FIELDS, **parameters)
    expected = [record["id"] for record in everything if test(record)]
    assert ids(found) == expected
    assert 0 < len(expected) < len(everything)


async def test_times_compare_as_instants_and_a_bare_date_is_midnight_utc(reader: Any) -> None:
    """The same instant in three writings gives the same answer; a bare date is midnight UTC."""
    spelt = ["2026-06-01", "2026-06-01T00:00:00Z", "2026-05-31T20:00:00-04:00"]
    answers = [ids(await reader.all("invoices", fields=IDS, **{"created-at[gt_or_eq]": text})) for text in spelt]
    everything = await reader.all("invoices", fields='["id","created-at"]')
    edge = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    expected = [record["id"] for record in everything if dt.datetime.fromisoformat(record["created-at"]) >= edge]
    assert answers == [expected] * 3
    assert expected


async def test_associations_at_one_and_two_levels(reader: Any) -> None:
    """supplier[name], payment-term[code], a plural collection, and an account inside a line."""
    fields = (
        '["id",{"supplier":["name"]},{"payment_term":["code"]},{"payments":["payment-date"]},'
        '{"invoice_lines":[{"account":["code"]}]}]'
    )
    everything = await reader.all("invoices", fields=fields)
    cases: list[tuple[dict[str, str], Any]] = [
        ({"supplier[name][contains]": "Ignore"}, lambda r: "Ignore" in r["supplier"]["name"]),
        ({"payment-term[code]": "2/10 Net 30"}, lambda r: r["payment-term"]["code"] == "2/10 Net 30"),
        (
            {"payments[payment-date][gt_or_eq]": "2026-11-01T00:00:00-04:00"},
            lambda r: any(p["payment-date"] >= "2026-11-01" for p in r["payments"]),
        ),
        (
            {"invoice-lines[account][code][starts_with]": "DE01-"},
            lambda r: any(line["account"]["code"].startswith("DE01-") for line in r["invoice-lines"]),
        ),
        (
            {"invoice-lines[account[code]]": "GB01-5060"},
            lambda r: any(line["account"]["code"] == "GB01-5060" for line in r["invoice-lines"]),
        ),
    ]
    for parameters, test in cases:
        expected = [record["id"] for record in everything if test(record)]
        assert ids(await reader.all("invoices", fields=IDS, **parameters)) == expected
        assert expected, parameters


async def test_conditions_on_one_collection_hold_for_one_record(reader: Any) -> None:
    """Two bounds on payments must be met by the same payment, not by two different ones."""
    fields = '["id",{"payments":["payment-date"]}]'
    everything = await reader.all("invoices", fields=fields)
    parts = [record for record in everything if len(record["payments"]) == 2]
    first, last = sorted(payment["payment-date"] for payment in parts[0]["payments"])
    found = await reader.all(
        "invoices",
        fields=IDS,
        **{"payments[payment-date][gt]": first, "payments[payment-date][lt]": last, "id": parts[0]["id"]},
    )
    assert first < last
    assert found == []


async def test_shortcuts_and_custom_fields(reader: Any) -> None:
    """supplier_id stands for supplier[id]; custom fields can be asked for by name."""
    some = (await reader.ask('invoices?limit=1&fields=["id",{"supplier":["id"]}]'))[0]
    same = await reader.all("invoices", fields=IDS, supplier_id=some["supplier"]["id"])
    assert some["id"] in ids(same)
    internal = await reader.all("suppliers", **{"custom-fields[intercompany]": "true"})
    assert internal
    assert all(record["custom-fields"]["intercompany"] for record in internal)


async def test_links_can_be_asked_for_absence(reader: Any) -> None:
    """contract[blank]=true finds the invoices without a contract."""
    without = await reader.all("invoices", fields='["id",{"contract":["id"]}]', **{"contract[blank]": "true"})
    with_one = await reader.all("invoices", fields='["id",{"contract":["id"]}]', **{"contract[blank]": "false"})
    assert {record["contract"] is None for record in without} == {True}
    assert {record["contract"] is None for record in with_one} == {False}


async def test_the_last_of_a_repeated_key_counts(reader: Any) -> None:
    """As Rails reads them."""
    found = await reader.ask('invoices?status=voided&status=rejected&fields=["status"]')
    assert {record["status"] for record in found} == {"rejected"}


async def test_fields_choose_what_is_written(reader: Any) -> None:
    """Hyphens or underscores in, hyphens out, in the order asked; nested objects and custom fields too."""
    wanted = '["invoice_number","id",{"supplier":["display-name",{"payment_term":["code"]}]},{"custom_fields":{}}]'
    record = (await reader.ask(f"invoices?limit=1&fields={wanted}"))[0]
    assert list(record) == ["invoice-number", "id", "supplier", "custom-fields"]
    assert list(record["supplier"]) == ["display-name", "payment-term"]
    assert list(record["supplier"]["payment-term"]) == ["code"]


async def test_return_object_limits_the_answer(reader: Any) -> None:
    """Limited gives ids; shallow gives own attributes with ids and natural keys of what is linked."""
    limited = (await reader.ask("invoices?limit=1&return_object=limited"))[0]
    shallow = (await reader.ask("invoices?limit=1&return_object=shallow"))[0]
    assert list(limited) == ["id"]
    assert set(shallow["supplier"]) == {"id", "name", "number"}
    assert all(set(line) == {"id"} for line in shallow["invoice-lines"])
    assert "total-with-taxes" in shallow


async def test_one_record_by_id(reader: Any, company: Company) -> None:
    """A bare object; the same as in the list; 404 with an errors object when there is none."""
    known = int(company.resources["invoices"].ids[5])
    one = await reader.ask(f"invoices/{known}")
    listed = await reader.ask(f"invoices?id={known}")
    missing = await reader.get("invoices/1")
    assert one == listed[0]
    assert missing.status_code == 404
    assert list(missing.json()["errors"]) == ["invoice_header"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("suplier_id=4", "did you mean 'supplier'"),
        ("due_date[gt]=2026-01-01", "unknown attribute 'due-date'"),
        ("status[like]=a", "'status' has no attribute or operator 'like'"),
        ("supplier[nmae]=x", "unknown attribute 'nmae'"),
        ("supplier=4", "name an attribute"),
        ("created-at[contains]=2026", "works on text only"),
        ("created-at[gt]=yesterday", "is not an ISO 8601"),
        ("id[gt]=abc", "is not a whole number"),
        ("paid=maybe", "neither true nor false"),
        ("total-with-taxes[gt]=much", "is not a decimal number"),
        ("limit=ten", "limit 'ten'"),
        ("offset=-1", "offset '-1'"),
        ("dir=up", "neither asc nor desc"),
        ("order_by=colour", "unknown order_by 'colour'"),
        ("order_by=supplier", "unknown order_by 'supplier'"),
        ("fields=id", "fields is not JSON"),
        ('fields={"id":1}', "fields must be a list"),
        ('fields=["idd"]', "unknown attribute 'idd'"),
        ('fields=[{"id":["x"]}]', "has no attributes of its own"),
        ("fields=[1]", "a name or an object"),
        ("return_object=none", "is not limited or shallow"),
        ("filter=mine", "filter 'mine' does not exist"),
        ("custom-fields[colour]=red", "unknown custom field"),
    ],
)
async def test_unreadable_queries_are_refused_in_coupas_shape(reader: Any, query: str, message: str) -> None:
    """400 and {"errors": {"<model>": [text]}}, the text naming the thing."""
    answer = await reader.http.get(f"/api/invoices?{query}", headers=reader.headers)
    assert answer.status_code == 400
    assert message in answer.json()["errors"]["invoice_header"][0]


async def test_types_are_written_as_coupa_writes_them(reader: Any) -> None:
    """Decimals as text, ids as numbers, times with the company's offset, floats as numbers, hyphenated keys."""
    invoice = (await reader.ask("invoices?limit=1&created-at[gt]=2026-07-01"))[0]
    term = (await reader.ask("payment_terms?code=2/10 Net 30"))[0]
    rate = (await reader.ask("exchange_rates?limit=1"))[0]
    assert isinstance(invoice["id"], int)
    assert invoice["total-with-taxes"].split(".")[1].isdigit()
    assert invoice["invoice-date"].endswith("T00:00:00-04:00")
    assert invoice["net-due-date"][10:19] == "T23:59:59"
    assert term["discount-rate"] == 2.0
    assert term["net-cutoff-day"] is None
    assert len(rate["rate"].split(".")[1]) == 9
    assert not any("_" in key for key in invoice)


def test_a_keyset_page_is_a_search_and_not_a_scan(company: Company) -> None:
    """Conditions on id leave no row list behind: the page is cut out of the id column."""
    selector = Selector(company.resources["invoices"])
    rows = selector.page(
        parse_query(selector.table, [("id[gt]", "91000"), ("order_by", "id"), ("limit", "50"), ("offset", "0")])
    )
    assert rows.tolist() == list(range(int(rows[0]), int(rows[0]) + 50))
    assert list(selector._kept.values()) == [None]


def test_a_record_renders_the_same_alone_and_in_company(company: Company) -> None:
    """Rendering a page at once changes nothing in any record of it."""
    table = company.resources["invoices"]
    rows = np.array([3, 700, 41], dtype=np.int64)
    together = render(table, rows, table.full_shape)
    alone = [render(table, rows[place : place + 1], table.full_shape)[0] for place in range(3)]
    assert together == alone
