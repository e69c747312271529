import contextlib
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import FeedError
from sync.feeds.loading import feed_named, withdraw
from sync.mirror import Mirror

HEADER = "entity,period_month,account_class,currency,amount"
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)


def erp(*rows: str) -> str:
    """A file of ledger totals."""
    return "\n".join((HEADER, *rows)) + "\n"


def held(mirror: Mirror) -> list[Any]:
    """What the mirror holds now: entity and amount."""
    return mirror.query("SELECT entity, amount FROM feed_erp_totals ORDER BY ALL")


def test_good_rows_load_and_bad_ones_are_set_aside_with_line_and_reason(mirror: Mirror, loads: Any) -> None:
    """One bad row does not stop its file."""
    done = loads("erp_totals", erp("A,2026-10,cogs,USD,100.50", "B,2026-10,cogs,USD,NaN", "C,2026-10,cogs,USD,7"))

    assert (done.new, len(done.faults)) == (2, 1)
    assert held(mirror) == [("A", Decimal("100.5000")), ("C", Decimal("7.0000"))]
    ((file, line, field, problem, raw),) = mirror.query(
        "SELECT source_file, source_line, field, problem, raw FROM feed_rejected_rows"
    )
    assert (file, line, field, raw) == ("file.csv", 3, "amount", "B,2026-10,cogs,USD,NaN")
    assert "not a number" in str(problem)


def test_rows_carry_where_they_came_from_and_when(mirror: Mirror, loads: Any) -> None:
    """Every row can be traced to a line of a file and a time."""
    done = loads("erp_totals", erp("A,2026-10,cogs,USD,1"), "gl.csv")

    assert mirror.query("SELECT source_file, source_line, load_id, loaded_at, known_from FROM feed_erp_totals") == [
        ("gl.csv", 2, done.load_id, NOW, NOW)
    ]


def test_the_same_file_twice_changes_nothing(mirror: Mirror, loads: Any) -> None:
    """Neither rows nor register."""
    text = erp("A,2026-10,cogs,USD,1", "B,2026-10,cogs,USD,oops")
    loads("erp_totals", text)
    before = mirror.query("SELECT * FROM feed_erp_totals"), mirror.query("SELECT * FROM feed_loads")

    again = loads("erp_totals", text, hours=1)

    assert again.known
    assert (mirror.query("SELECT * FROM feed_erp_totals"), mirror.query("SELECT * FROM feed_loads")) == before
    assert mirror.query("SELECT count(*) FROM feed_erp_totals_past") == [(0,)]
    assert mirror.query("SELECT count(*) FROM feed_rejected_rows") == [(1,)]


def test_a_corrected_file_replaces_by_key_and_keeps_what_was_known(mirror: Mirror, loads: Any) -> None:
    """The old version ends when the new one begins."""
    loads("erp_totals", erp("A,2026-10,cogs,USD,1", "B,2026-10,cogs,USD,2"))
    done = loads("erp_totals", erp("A,2026-10,cogs,USD,9", "B,2026-10,cogs,USD,2"), hours=1)

    assert (done.new, done.changed, done.same) == (0, 1, 1)
    assert held(mirror) == [("A", Decimal(9)), ("B", Decimal(2))]
    assert mirror.query("SELECT entity, amount, known_from, known_to FROM feed_erp_totals_past") == [
        ("A", Decimal(1), NOW, NOW + dt.timedelta(hours=1))
    ]
    assert mirror.query("SELECT known_from FROM feed_erp_totals WHERE entity = 'B'") == [(NOW,)]


def test_an_old_file_that_comes_again_does_not_undo_a_correction(mirror: Mirror, loads: Any) -> None:
    """Both stay in a drop folder for ever, and the first one had a bad row, so it is read at every sync."""
    first = erp("A,2026-10,cogs,USD,1", "B,2026-10,cogs,USD,bad")
    loads("erp_totals", first, "first.csv")
    loads("erp_totals", erp("A,2026-10,cogs,USD,9", "B,2026-10,cogs,USD,2"), "second.csv", hours=1)

    loads("erp_totals", first, "first.csv", hours=2)

    assert held(mirror) == [("A", Decimal(9)), ("B", Decimal(2))]


def test_again_makes_an_old_file_stand(mirror: Mirror, loads: Any) -> None:
    """A person may go back to it."""
    loads("erp_totals", erp("A,2026-10,cogs,USD,1"))
    loads("erp_totals", erp("A,2026-10,cogs,USD,9"), hours=1)

    done = loads("erp_totals", erp("A,2026-10,cogs,USD,1"), hours=2, again=True)

    assert done.changed == 1
    assert held(mirror) == [("A", Decimal(1))]


def test_rows_set_aside_come_good_when_what_they_lacked_is_known(mirror: Mirror, loads: Any) -> None:
    """A supplier that the mirror did not know yet."""
    text = "supplier_number,source,measure,score_date,score\nS-7,vendor,risk_score,2026-11-01,41.5\n"
    first = loads("supplier_risk", text)
    assert "no supplier's number" in first.faults[0].problem
    with mirror.writing() as connection:
        connection.execute("INSERT INTO suppliers (id, number) VALUES (1501, 'S-7')")

    second = loads("supplier_risk", text, hours=1)

    assert second.new == 1
    assert mirror.query("SELECT supplier_id, score FROM feed_supplier_risk") == [(1501, Decimal("41.5"))]
    assert mirror.query("SELECT count(*) FROM feed_rejected_rows") == [(0,)]


def test_the_same_key_with_other_values_sets_all_of_them_aside(mirror: Mirror, loads: Any) -> None:
    """Nobody can tell which one is meant; the same row twice is one row."""
    done = loads(
        "erp_totals",
        erp("A,2026-10,cogs,USD,1", "B,2026-10,cogs,USD,5", "A,2026-10,cogs,USD,2", "B,2026-10,cogs,USD,5.00"),
    )

    assert held(mirror) == [("B", Decimal(5))]
    assert [fault.line for fault in done.faults] == [2, 4]
    assert "lines 2, 4" in done.faults[0].problem


def test_what_a_corrected_file_sets_aside_replaces_what_the_first_did(mirror: Mirror, loads: Any) -> None:
    """The table shows what is wrong now."""
    loads("erp_totals", erp("A,2026-10,cogs,USD,x", "B,2026-10,cogs,USD,y"))
    loads("erp_totals", erp("A,2026-10,cogs,USD,1", "B,2026-10,cogs,USD,z"), hours=1)

    assert mirror.query("SELECT raw FROM feed_rejected_rows") == [("B,2026-10,cogs,USD,z",)]


def test_a_load_can_be_withdrawn_and_stays_away(mirror: Mirror, loads: Any) -> None:
    """Its rows move to the past, and the file in the folder does not bring them back."""
    text = erp("A,2026-10,cogs,USD,1")
    done = loads("erp_totals", text)

    assert withdraw(mirror, done.load_id, NOW + dt.timedelta(hours=1)) == 1
    loads("erp_totals", text, hours=2)

    assert held(mirror) == []
    assert mirror.query("SELECT known_to FROM feed_erp_totals_past") == [(NOW + dt.timedelta(hours=1),)]
    with pytest.raises(FeedError, match="no load"):
        withdraw(mirror, "nonsense", NOW)


def test_a_kill_in_the_middle_leaves_nothing(mirror: Mirror, loads: Any) -> None:
    """Rows and register are written in one transaction."""
    with contextlib.suppress(RuntimeError), mirror.writing() as connection:
        connection.execute("INSERT INTO feed_loads (load_id) VALUES ('half')")
        raise RuntimeError

    assert mirror.query("SELECT count(*) FROM feed_loads") == [(0,)]
    assert loads("erp_totals", erp("A,2026-10,cogs,USD,1")).new == 1


def test_future_facts_are_set_aside(loads: Any) -> None:
    """A total of a month that has not begun is a slip."""
    done = loads("erp_totals", erp("A,2026-12,cogs,USD,1"))

    assert "after today" in done.faults[0].problem


def test_an_unknown_feed_is_an_error_that_names_the_feeds() -> None:
    """The way out is in the sentence."""
    with pytest.raises(FeedError, match="cash_positions"):
        feed_named("cash")


def test_entities_nobody_invoices_are_pointed_out(mirror: Mirror, loads: Any) -> None:
    """They load, as a ledger may know more entities, but a misspelt one is seen."""
    with mirror.writing() as connection:
        connection.execute("INSERT INTO invoices (id, account_type_name) VALUES (1, 'Acme US')")

    done = loads("erp_totals", erp("Acme US,2026-10,cogs,USD,1", "Acme USA,2026-10,cogs,USD,1"))

    assert done.strangers == ("Acme USA",)
    assert done.new == 2


entities = st.sampled_from(["A", "B", "C"])
versions = st.dictionaries(entities, st.integers(-5, 5), max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(versions, min_size=1, max_size=5))
def test_any_sequence_of_files_keeps_the_last_word_and_all_of_the_past(
    mirror: Mirror, loads: Any, files: list[dict[str, int]]
) -> None:
    """Against a plain model of the same: the current rows, and what was known after each file."""
    with mirror.writing() as connection:
        for table in ("feed_erp_totals", "feed_erp_totals_past", "feed_loads", "feed_rejected_rows"):
            connection.execute(f"DELETE FROM {table}")
    current: dict[str, int] = {}
    known: list[dict[str, int]] = []
    for hour, values in enumerate(files):
        text = erp(*(f"{entity},2026-10,cogs,USD,{amount}" for entity, amount in values.items()))
        loads("erp_totals", text, f"{hour}.csv", hours=hour, again=True)
        current |= values
        known.append(dict(current))

    assert dict(held(mirror)) == current
    for hour, expected in enumerate(known):
        moment = NOW + dt.timedelta(hours=hour)
        found = mirror.query(
            "SELECT entity, amount FROM feed_erp_totals WHERE known_from <= $moment "
            "UNION ALL SELECT entity, amount FROM feed_erp_totals_past "
            "WHERE known_from <= $moment AND known_to > $moment",
            {"moment": moment},  # type: ignore[arg-type]
        )
        assert dict(found) == expected
