"""Whole files that are not what they seem."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.feeds.declarations import FEEDS
from sync.mirror import Mirror

HEADER = "entity,period_month,account_class,currency,amount"
ROW = "A,2026-10,cogs,USD,1.50"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text"),
        (b"PK\x03\x04\x00\x00", "zero bytes"),
        (f"{HEADER}\n{ROW}".encode("utf-16"), "UTF-16"),
        (b"ent,month\n1,2\n", "lacks entity"),
        (f"{HEADER},amount\n{ROW},2\n".encode(), "twice"),
        (f'{HEADER}\n"A,2026-10,cogs,USD,1\n'.encode(), "line 2"),
        (b"<html><body>Sign in</body></html>", "none of the formats"),
        (b'[{"a": 1}]', "none of the formats"),
        ("müll".encode("cp1252"), "not text in utf-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(mirror: Mirror, loads: Any, content: bytes, reason: str) -> None:
    """The reason is registered, and nothing is loaded."""
    done = loads("erp_totals", content)

    assert done.problem is not None
    assert reason in done.problem
    assert mirror.query("SELECT problem FROM feed_loads") == [(done.problem,)]
    assert mirror.query("SELECT count(*) FROM feed_erp_totals") == [(0,)]


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{HEADER}\r\n{ROW}\r\n",
        f"{HEADER}\n\n{ROW}\n\n",
        f"{HEADER};note\n{ROW};x".replace(",", ";"),
        f"{HEADER}\n{ROW}".replace(",", "\t"),
        f"{HEADER.upper()}\n{ROW}",
        f'"{HEADER.replace(",", chr(34) + "," + chr(34))}"\n{ROW}',
        "amount,currency,account_class,period_month,entity\n1.50,USD,cogs,2026-10,A",
    ],
)
def test_files_of_common_programs_are_read(mirror: Mirror, loads: Any, text: str) -> None:
    """A byte order mark, blank lines, semicolons, tabs, quotes, capitals, another order of columns."""
    assert loads("erp_totals", text).new == 1
    assert mirror.query("SELECT entity, amount::VARCHAR FROM feed_erp_totals") == [("A", "1.5000")]


def test_declared_commas_encoding_and_names_are_used(mirror: Mirror, loads: Any) -> None:
    """As a German ERP exports."""
    text = "Firma;Monat;account_class;currency;Betrag\nMüller;2026-10;cogs;EUR;1.234,50\n"
    names = {"Firma": "entity", "Monat": "period_month", "Betrag": "amount"}

    done = loads("erp_totals", text.encode("cp1252"), decimal=",", thousands=".", encoding="cp1252", columns=names)

    assert done.new == 1
    assert mirror.query("SELECT entity, amount::VARCHAR FROM feed_erp_totals") == [("Müller", "1234.5000")]


def test_a_wrong_delimiter_names_what_was_seen(loads: Any) -> None:
    """The sentence shows the header as it was split."""
    done = loads("erp_totals", f"{HEADER}\n{ROW}\n", delimiter=";")

    assert "delimiter ';'" in str(done.problem)


def test_rows_with_too_few_cells_are_set_aside_and_lines_count_on(loads: Any) -> None:
    """A cell with a line break spans two lines of the file."""
    done = loads("erp_totals", f'{HEADER}\n{ROW}\nA,2026-09\n"B\nC",2026-10,cogs,USD,1\nD,2026-10,cogs,USD,x\n')

    assert [(fault.line, fault.field) for fault in done.faults] == [(3, None), (4, "entity"), (6, "amount")]


def test_columns_that_are_not_used_are_told(loads: Any) -> None:
    """One of them may be a misspelt optional column."""
    text = "entity,currency,as_of_date,forecast_date,category,amount,lower\nA,USD,2026-11-20,2026-11-27,receipts,5,4\n"

    assert loads("cash_forecasts", text).unused == ("lower",)


def test_forecast_bounds_enclose_the_amount_and_look_ahead(loads: Any) -> None:
    """Rules of a whole row."""
    header = "entity,currency,as_of_date,forecast_date,category,amount,low,high"
    done = loads(
        "cash_forecasts",
        f"{header}\nA,USD,2026-11-20,2026-11-27,r,5,6,\nA,USD,2026-11-20,2026-11-28,r,5,,4\n"
        "A,USD,2026-11-20,2026-11-19,r,5,,\nA,USD,2026-11-20,2026-11-30,r,5,4,6\nA,USD,2026-11-20,2026-12-01,r,-5,,\n",
    )

    assert done.new == 1
    assert [fault.field for fault in done.faults] == ["low", "high", "forecast_date", "amount"]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_at_all_break_a_load(loads: Any, feed: Any, content: bytes) -> None:
    """Whatever comes is refused, set aside or loaded: never an error of another kind."""
    starts = [b"", b"01,", b":20:", b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'>", b"{", b"["]
    for start in starts:
        done = loads(feed.name, start + content)
        assert done.problem is not None or done.read == len(done.faults) + done.new + done.same + done.changed


def test_what_is_set_aside_is_kept_short_and_printable(mirror: Mirror, loads: Any) -> None:
    """A terminal that shows it cannot be steered by it."""
    loads("erp_totals", f"{HEADER}\nA\x1b[2J{'x' * 900},2026-10,cogs,USD,1\n")

    ((raw,),) = mirror.query("SELECT raw FROM feed_rejected_rows")
    assert "\x1b" not in str(raw)
    assert len(str(raw)) <= 501
