import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import BrokenPageError
from sync.pages import split_records

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(json_values), st.sampled_from([None, 2]), st.booleans())
def test_every_page_splits_into_its_records(values: list[Any], indent: int | None, ascii_only: bool) -> None:
    """Each record keeps its own text, compact or indented, and decodes to the same value."""
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    values = json.loads(text)

    records = split_records(text, "invoices")

    assert [json.loads(record.text) for record in records] == [
        json.loads(json.dumps(record.value)) for record in records
    ]
    assert len(records) == len(values)


def test_the_exact_text_and_exact_decimals_are_kept() -> None:
    """1.10 stays 1.10: no float in between."""
    (record,) = split_records(b' [ {"id": 1, "rate": 1.10} ] ', "payment_terms")

    assert record.text == '{"id": 1, "rate": 1.10}'
    assert record.value["rate"] == Decimal("1.10")


@given(st.integers(min_value=0, max_value=200))
def test_a_page_cut_anywhere_is_refused(cut: int) -> None:
    """Half a page is never taken for a whole one."""
    whole = json.dumps(
        [{"id": 1, "name": "Zoë"}, {"id": 2, "lines": [1, 2, {"a": None}]}, {"id": 3}], ensure_ascii=False
    ).encode()
    if cut >= len(whole):
        assert len(split_records(whole, "invoices")) == 3
        return
    with pytest.raises(BrokenPageError):
        split_records(whole[:cut], "invoices")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"errors": {}}',
        b"<html>",
        b"[1,]",
        b"[1 2]",
        b"[NaN]",
        b"[] []",
        b"null",
        b"\xff\xfe[]",
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_is_refused(content: bytes) -> None:
    """An error object, a log-in page, wrong JSON: none of them is an empty list."""
    with pytest.raises(BrokenPageError):
        split_records(content, "invoices")


def test_half_a_surrogate_pair_is_replaced_and_whole_ones_are_kept() -> None:
    """No database stores half a character; an escaped emoji is left exactly as it came."""
    half, whole = split_records(b'[{"name": "a\\ud800b", "n": 1}, {"name": "\\ud83d\\ude00"}]', "suppliers")

    assert half.value == {"name": "a\ufffdb", "n": 1}
    assert json.loads(half.text) == half.value
    assert whole.text == '{"name": "\\ud83d\\ude00"}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"id": 7}, 7), ({"id": "7"}, 7), ({"id": True}, None), ({}, None), ([], None), ({"id": "x"}, None)],
)
def test_the_id_of_a_record(value: object, expected: int | None) -> None:
    """Numbers and their text are ids, everything else is none."""
    (record,) = split_records(json.dumps([value]).encode(), "users")

    assert record.id == expected
