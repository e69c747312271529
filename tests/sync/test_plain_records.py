"""Two readings of one record must give the same rows: the fast one, and the one by the declared record types.

A third one, the slowest, is written here: it follows the paths of the mirror's columns through the decoded JSON.
"""

import datetime as dt
import json
import time
import types
import typing
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime

from sync.client import CoupaClient, open_http
from sync.errors import BrokenPageError, RejectedRecordError
from sync.fields import (
    ABSENT_IS_EMPTY,
    PLAIN_FORMS,
    CustomFields,
    Identifier,
    LineFields,
    LocalDate,
    Money,
    Percent,
    Quantity,
    Rate,
    Record,
    Total,
    Whole,
)
from sync.pages import RawRecord, split_records
from sync.pagination import Window
from sync.plain_records import PlainReader
from sync.rate_limit import RateLimiter
from sync.records import Invoice
from sync.resources import BY_NAME, RESOURCES, Resource
from sync.rows import Layout
from sync.schema import Column, Table

LAYOUTS = {resource.name: Layout(resource) for resource in RESOURCES}
RESOURCE_NAMES = sorted(LAYOUTS)
BLANK = st.sampled_from(["null", '""'])


def _quoted(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return values.map(json.dumps)


def _digits(places: int, most: int = 10**13) -> st.SearchStrategy[str]:
    return st.decimals(-most, most, places=places).map(lambda value: format(value, "f"))


TIMES = st.datetimes(
    dt.datetime(1990, 1, 1),  # noqa: DTZ001 -- the zone is drawn below
    dt.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))),
).map(dt.datetime.isoformat)

# JSON texts that are in their usual form, and any that a server might come to send.
USUAL: list[tuple[Any, st.SearchStrategy[str]]] = [
    (Identifier, st.integers(1, 2**63 - 1).map(str)),
    (Whole, st.integers(-(2**31), 2**31 - 1).map(str)),
    (Money, _quoted(st.integers(0, 4).flatmap(_digits))),
    (Total, _quoted(st.integers(0, 4).flatmap(lambda places: _digits(places, 10**22)))),
    (Quantity, _quoted(st.integers(0, 6).flatmap(_digits))),
    (Percent, st.one_of(_quoted(_digits(4, 9999)), _digits(3, 9999), st.integers(-99, 99).map(str))),
    (Rate, _quoted(st.decimals(Decimal("1e-9"), 10**9, places=9).map(lambda value: format(value, "f")))),
    (LocalDate, _quoted(st.one_of(TIMES, st.dates().map(dt.date.isoformat)))),
    (AwareDatetime, _quoted(st.one_of(TIMES, TIMES.map(lambda text: f"{text[:19]}Z")))),
    (
        CustomFields,
        st.dictionaries(
            st.sampled_from(["intercompany", "small-supplier", "erp_voucher"]),
            st.sampled_from(["null", '""', "true", "false", '"Yes"', '{"id": 4, "name": "no"}', ' "n" ']),
        ).map(lambda found: "{" + ", ".join(f'"{key}": {value}' for key, value in found.items()) + "}"),
    ),
    (
        LineFields,
        st.dictionaries(
            st.sampled_from(["cost-center", "project"]),
            st.sampled_from(["null", '""', '"CC-1"', '{"id": 4, "name": ""}', "true", "7"]),
        ).map(lambda found: "{" + ", ".join(f'"{key}": {value}' for key, value in found.items()) + "}"),
    ),
    (bool, st.sampled_from(["true", "false"])),
    (str, _quoted(st.text(min_size=1, max_size=8))),
]
KINDS = [
    "identifier",
    "whole",
    "money",
    "total",
    "quantity",
    "percent",
    "rate",
    "local_date",
    "time",
    "custom_fields",
    "line_fields",
    "boolean",
    "text",
]
ODD = r"""
null|""|true|false|0|-1|1.0|1e0|7|"7"|"07"|" 7 "|"yes"|"1_000"|"+5"|".5"|"5."|"-0"|"-0.0"|"1e3"|"1E-9"|"NaN"|"Infinity"
9223372036854775808|2147483648|0.1000000000000000055|2.00005|"2.00005"|"2.00015"|1e400|99999.9999|100000|"100000"
"99999.99995"|{}|[]|[{}]|{"id":""}|[""]|"0"|"0.0000000004"|"0.0000000006"|"\u0966"|"1\n"|"99999999999999999999999.9999"
"99999999999999999999999.99999"|"100000000000000000000000"|"2026-02-30"|"2026-02-29T00:00:00Z"|"2026-01-31"
"2026-01-31T24:00:00Z"|"2026-01-31T23:59:60Z"|"2026-01-31T23:59:59.9999999-05:00"|"2026-01-31T23:59:59.1234567Z"
"2026-01-31t00:00:00z"|"2026-01-31T00:00:00"|"2026-01-31T00:00:00+24:00"|"2026-01-31T00:00:00.123-05:00"|"20260131"
"2026-W05-6"|"2026-01-31T00:00Z"|"0001-01-01T00:00:00+10:00"|"9999-12-31T23:59:59.999999-14:00"|1767225600|"a\u0000b"
"99999999999999.9999"|"99999999999999.99995"|"100000000000000"|"0.1234565"|"a:\"\""|"\""|"\\"|"\ud83d\ude00"|[null]|{"code":30}|{"name":""}|"2026-01-31 00:00:00Z"
""".strip().replace("\n", "|")
ANYTHING = st.one_of(
    st.sampled_from(ODD.split("|")),
    _quoted(st.text(max_size=6)),
    _quoted(_digits(6)),
    _digits(12, 10**6),
)


def object_texts(record: type[Record], odd: int) -> st.SearchStrategy[str]:
    """JSON texts of a record; of a hundred values about `odd` are anything. Names without a hint are unknown fields."""
    hints = typing.get_type_hints(record, include_extras=True)
    fields = {
        name.replace("_", "-"): _texts(hints[name], odd, required=info.is_required())
        for name, info in record.model_fields.items()
    }
    spaces = st.sampled_from(["", "", " ", "\n  "])
    whole = st.fixed_dictionaries(
        {**fields, "surprise-1": ANYTHING if odd else st.sampled_from(['{"a":[""]}', "1.50"])}
    )
    return st.builds(
        lambda found, gap: "{" + ",".join(f'{gap}"{name}":{gap}{text}' for name, text in found.items()) + "}",
        whole,
        spaces,
    )


def _texts(hint: Any, odd: int, *, required: bool = True) -> st.SearchStrategy[str]:
    usual = _usual(hint, odd)
    if not required:
        usual = st.one_of(usual, usual, BLANK)
    return st.integers(0, 99).flatmap(lambda drawn: ANYTHING if drawn < odd else usual)


def _usual(hint: Any, odd: int) -> st.SearchStrategy[str]:
    for kind, texts in USUAL:
        if hint == kind:
            return texts
    if isinstance(hint, type) and issubclass(hint, Record):
        return object_texts(hint, odd)
    if hasattr(hint, "__metadata__") and hint.__metadata__ == (ABSENT_IS_EMPTY,):
        return _usual(hint.__origin__, odd)
    inner = typing.get_args(hint)[0]
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        return _usual(inner, odd)
    return st.lists(_texts(inner, odd), max_size=2).map(lambda items: "[" + ", ".join(items) + "]")


def values(rows: list[tuple[str, Any]], resource: Resource) -> list[tuple[str, dict[str, object]]]:
    """Rows as comparable values, by the types of their columns."""
    tables = {table.name: table for table in resource.tables}
    return [
        (name, {column.name: _compared(getattr(row, column.name), column.type) for column in tables[name].columns})
        for name, row in rows
    ]


def _compared(value: Any, kind: str) -> object:
    if value is None:
        return None
    if kind.startswith("DECIMAL"):
        assert isinstance(value, str), "decimals are laid out as text"
        return Decimal(value)
    if kind == "TIMESTAMPTZ":
        return (value, value.utcoffset())
    if kind == "JSON":
        text = value if isinstance(value, str) else msgspec.json.encode(value)
        return json.loads(text, parse_float=Decimal)
    return value


def reference(resource: Resource, text: str) -> list[tuple[str, dict[str, object]]]:
    """The rows of a record in its usual form, read the slow way."""
    record = json.loads(text, parse_float=Decimal)
    rows = [(resource.table.name, _row(resource.table, record, record))]
    for child in resource.children:
        holders = [record] if child.within is None else record[child.within.replace("_", "-")] or ()
        for owner, item in ((holder, item) for holder in holders for item in holder[child.keys[-1]] or ()):
            row = _row(child.table, item, owner)
            if child.within is not None:
                row["invoice_id" if "invoice_id" in row else "purchase_order_id"] = record["id"]
            elif child.table.has("custom_fields"):
                row["custom_fields"] = _without_blanks(row["custom_fields"])
            if child.parent_type is not None:
                row["approvable_type"] = row["approvable_type"] or child.parent_type
                row["approvable_id"] = row["approvable_id"] or record["id"]
            rows.append((child.table.name, row))
    return rows


def _without_blanks(value: Any) -> Any:
    """As lists of children hold custom fields: each member "" as null."""
    if isinstance(value, dict):
        return {key: None if item == "" else _without_blanks(item) for key, item in value.items()}
    return [_without_blanks(item) for item in value] if isinstance(value, list) else value


def _row(table: Table, record: Any, parent: Any) -> dict[str, object]:
    return {column.name: _cell(column, record, parent) for column in table.columns}


def _cell(column: Column, record: Any, parent: Any) -> object:
    if column.source in {"@raw", "^id", ""}:
        return {"@raw": record, "^id": parent["id"], "": None}[column.source]
    if column.source == "credit_note":
        said = record["is-credit-note"]
        return record["document-type"] == "Credit Note" if said in (None, "") else said
    if column.source == "invoice_id" and "document-id" in record:
        number = record["document-id"] or ""
        return int(number) if record["document-type"] == "InvoiceHeader" and number.isdecimal() else None
    if column.source in {"is_intercompany", "is_small_supplier"}:
        said = (record["custom-fields"] or {}).get(column.source.removeprefix("is_").replace("_", "-"))
        said = said["name"] if isinstance(said, dict) else said
        unsaid = False if column.source == "is_intercompany" else None
        return unsaid if said in (None, "") else str(said).lower() in {"true", "yes"}
    value = record
    for step in column.source.split("."):
        value = None if value in (None, "") else value[step.replace("_", "-")] if isinstance(value, dict) else value
    return _meaning(value, column.type)


def _meaning(value: Any, kind: str) -> object:
    if value in (None, ""):
        return None
    if kind.startswith("DECIMAL"):
        return Decimal(value)
    if kind == "DATE":
        return dt.datetime.fromisoformat(value).date()
    if kind == "TIMESTAMPTZ":
        moment = dt.datetime.fromisoformat(value)
        return (moment, moment.utcoffset())
    return value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), st.sampled_from(RESOURCE_NAMES))
def test_a_plain_record_means_the_same_in_all_three_readings(data: st.DataObject, name: str) -> None:
    """Every usual form is read fast, and to the value that the slow readings find, blanks and gaps included."""
    resource, layout = BY_NAME[name], LAYOUTS[name]
    text = data.draw(object_texts(resource.record, odd=0))
    record = RawRecord(text.encode())
    try:
        declared = values(layout.declared_rows(record), resource)
    except RejectedRecordError:  # by a rule over several fields
        assert layout.plain_rows(record) is None
        return

    fast = layout.plain_rows(record)
    assert fast is not None
    assert values(fast, resource) == declared == reference(resource, text)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), st.sampled_from(RESOURCE_NAMES))
def test_the_fast_reading_never_takes_what_the_record_types_refuse_or_read_otherwise(
    data: st.DataObject, name: str
) -> None:
    """Whatever is sent: either the fast reading leaves it to the record type, or both lay out the same rows."""
    resource, layout = BY_NAME[name], LAYOUTS[name]
    record = RawRecord(data.draw(object_texts(resource.record, odd=2)).encode())
    fast = layout.plain_rows(record)

    assert fast is None or values(fast, resource) == values(layout.declared_rows(record), resource)


@pytest.mark.parametrize("kind", [kind for kind, _ in USUAL], ids=KINDS)
@settings(max_examples=300, deadline=None)
@given(text=ANYTHING)
def test_a_plain_form_is_never_wider_than_its_kind(kind: Any, text: str) -> None:
    """Value by value: what a form takes, a record type with that one field takes too, as the same value."""
    record = type("One", (Record,), {"__annotations__": {"value": kind}, "__module__": __name__})
    content = f'{{"value":{text}}}'.encode()
    table = Table("one", tuple(Column(name, _COLUMN_OF[repr(kind)], "value") for name in ("a", "b")))
    plain = PlainReader(record).read(content)
    if plain is None:
        return
    try:
        fast = _laid_out(plain.typed, table)
    except ValueError:  # a date of no day there is
        return

    declared = record.model_validate(RawRecord(content).value)
    assert fast == _laid_out(declared, table)


_COLUMN_OF = {
    repr(kind): column
    for kind, column in (
        (Identifier, "BIGINT"),
        (Whole, "INTEGER"),
        (Money, "DECIMAL(18,4)"),
        (Total, "DECIMAL(32,4)"),
        (Quantity, "DECIMAL(30,6)"),
        (Percent, "DECIMAL(9,4)"),
        (Rate, "DECIMAL(30,9)"),
        (LocalDate, "DATE"),
        (AwareDatetime, "TIMESTAMPTZ"),
        (CustomFields, "JSON"),
        (LineFields, "JSON"),
        (bool, "BOOLEAN"),
        (str, "VARCHAR"),
    )
}


def _laid_out(record: Any, table: Table) -> object:
    from sync.row_paths import row_maker, spell_decimals  # noqa: PLC0415 - only here

    row = row_maker(table)(record, None, None)
    if isinstance(record, Record):
        spell_decimals(row, table)
    return _compared(row.a, table.columns[0].type)


def test_every_kind_of_value_has_a_form_and_a_strategy() -> None:
    """A new kind in the declarations must come with both, or its records are read slowly and unproven."""
    assert [repr(kind) for kind, _ in PLAIN_FORMS] == [repr(kind) for kind, _ in USUAL]


async def test_all_that_the_sandbox_sends_is_plain(sandbox: Any) -> None:
    """Else the fast reading would be lost without anybody noticing."""
    async with open_http(sandbox.settings, time.monotonic) as http:
        client = CoupaClient(http, RateLimiter(0, time.monotonic))
        for resource in RESOURCES:
            async for page in client.pages(resource, Window()):
                assert all(LAYOUTS[resource.name].plain_rows(record) for record in page.records)
                break


def test_a_record_type_with_validators_of_its_own_is_read_by_pydantic_alone() -> None:
    """A rule that the fast reading does not know of must not be passed over."""
    from pydantic import field_validator  # noqa: PLC0415 - only here

    class Strict(Invoice):
        @field_validator("status")
        @classmethod
        def _known(cls, status: str) -> str:
            return status

    with pytest.raises(TypeError, match="state the rule in `check`"):
        PlainReader(Strict)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_damaged_page_is_refused_or_still_holds_whole_records(kit: Any, data: st.DataObject) -> None:
    """Any bytes replaced, dropped or doubled: what is accepted is valid JSON, text for text."""
    page = json.dumps(
        [kit.invoice(7, note='a "quoted" \\ Zoë 😀'), {"id": 8, "n": [1.5, -2e3, None]}],
        ensure_ascii=data.draw(st.booleans()),
    )
    content = bytearray(page.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [
                    b"",
                    b'"',
                    b"\\",
                    b"\\u",
                    b"\xff",
                    b"\x00",
                    b"\n",
                    b",",
                    b"}",
                    b"]",
                    b"[",
                    b"0",
                    b"-",
                    b".",
                    b"e",
                    b"\\ud83d",
                ]
            )
        )
    try:
        records = split_records(bytes(content), "invoices")
    except BrokenPageError:
        return

    for record in records:
        assert json.loads(record.text) == json.loads(json.dumps(record.value, default=float))
