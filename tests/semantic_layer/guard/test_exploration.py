"""Exploratory SQL in its own process: right values, limits that bite, doors that are shut even behind the guard."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from semantic_layer import ExecutionError, Filter, GuardError, TimeLimitError, child
from semantic_layer.encryption import _load_openssl
from semantic_layer.errors import TooLargeError
from semantic_layer.exploration import Exploration, Limits, Source, explore, view_definitions
from semantic_layer.viewer import EVERYBODY, Viewer

TODAY = date(2026, 4, 1)


@pytest.fixture
def asked(books: Any, publish: Any) -> Any:
    """Two buying entities with a document each; a call runs SQL as a viewer."""
    books.supplier(2, "Beta", commodity_name="Rent")
    books.invoice(1, "1000", dated="2026-03-01", due="2026-03-31", paid=[("2026-03-20", "400")])
    books.invoice(2, "200.50", dated="2026-03-05", supplier=2, legal_entity_name="Acme DE", entity_country_code="DE")
    layer = publish(books)
    snapshot = layer.mirror.snapshot()
    source = Source(snapshot.file, snapshot.columns, layer.data_date)

    def run(sql: str, viewer: Viewer = EVERYBODY, limits: Limits | None = None) -> Exploration:
        return explore(sql, layer.model, "USD", viewer, source, TODAY, limits)

    run.layer = layer  # type: ignore[attr-defined]
    run.source = source  # type: ignore[attr-defined]
    return run


def test_values_travel_with_their_types(asked: Any) -> None:
    """Money comes back as Decimal, days as dates, nothing as None, lists as tuples."""
    found = asked("SELECT id, gross, invoice_date, due_date, paid, [1, 2] AS l, 1e0 / 3 AS f FROM invoice ORDER BY id")
    assert found.rows[0] == (1, Decimal("1000.0000"), date(2026, 3, 1), date(2026, 3, 31), False, (1, 2), 1 / 3)
    assert found.rows[1][3] is None
    assert found.columns[:2] == ("id", "gross")
    assert not found.truncated
    assert '"gross"' in found.sql


def test_the_row_cap_is_said(asked: Any) -> None:
    """More rows than the cap: the rows up to it, and `truncated`."""
    found = asked("SELECT * FROM invoice, payable_event", limits=Limits(rows=3))
    assert (len(found.rows), found.truncated) == (3, True)


def test_a_huge_cell_is_not_carried(asked: Any) -> None:
    """The size of the answer is bounded too."""
    found = asked("SELECT invoice_number FROM invoice ORDER BY 1", limits=Limits(characters=7))
    assert (len(found.rows), found.truncated) == (1, True)


def test_a_bomb_is_refused_before_it_runs(asked: Any) -> None:
    """A cross join whose estimate is beyond the limit is not run at all."""
    bomb = "SELECT count(*) FROM " + ", ".join(f"invoice AS i{n}, supplier AS s{n}" for n in range(12))
    with pytest.raises(TooLargeError, match=r"expects .* rows"):
        asked(bomb, limits=Limits(estimated_rows=1000))


def test_a_runaway_is_stopped_in_time(asked: Any) -> None:
    """What runs past its limit is interrupted; the process is gone."""
    values = "(VALUES " + ", ".join(f"({n})" for n in range(150)) + ")"
    runaway = (
        "SELECT count(*) FROM "
        + ", ".join(f"{values} AS v{n}(x)" for n in range(5))
        + " WHERE v0.x * v1.x % 7 = v2.x + v3.x - v4.x"
    )
    start = time.perf_counter()
    with pytest.raises(TimeLimitError, match=r"longer than 0.5 s"):
        asked(runaway, limits=Limits(seconds=0.5, estimated_rows=10**18))
    assert time.perf_counter() - start < 4


def test_memory_is_capped(asked: Any) -> None:
    """A statement that collects too much fails cleanly."""
    values = "(VALUES " + ", ".join(f"({n})" for n in range(300)) + ")"
    greedy = f"SELECT length(string_agg(a.x || '-' || b.x || '-' || c.x, ',')) FROM {values} AS a(x), {values} AS b(x), {values} AS c(x)"
    with pytest.raises(ExecutionError, match=r"emory|process"):
        asked(greedy, limits=Limits(memory="40MB", estimated_rows=10**12))


def test_what_the_engine_refuses_is_said(asked: Any) -> None:
    """An unknown column gives the engine's own sentence."""
    with pytest.raises(ExecutionError, match="refused the statement"):
        asked("SELECT nosuchcolumn FROM invoice")


SHUT = (
    "SELECT * FROM read_csv('/etc/hosts')",
    "SELECT * FROM '/etc/hosts'",
    "SELECT * FROM glob('/*')",
    "COPY (SELECT 1) TO '/tmp/escaped.csv'",
    "ATTACH '/tmp/escaped.db' AS x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "SET lock_configuration = false",
    "SET enable_external_access = true",
    "INSERT INTO mirror.main.invoices (id) VALUES (1)",
    "DROP TABLE mirror.main.invoices",
    "SELECT getenv('HOME')",
)


def test_the_engine_holds_without_the_guard(asked: Any) -> None:
    """The second wall: the process refuses these even when they reach it unguarded."""
    request = {
        "file": str(asked.source.file), "key": None, "catalog": "mirror", "seconds": 5, "rows": 10,
        "estimated_rows": 10**9, "memory": "200MB", "threads": 1, "characters": 10**6,
        "views": view_definitions(asked.layer.model, asked.layer.data_date, "USD", EVERYBODY, asked.source.columns),
    }  # fmt: skip
    held = []
    for sql in SHUT:
        with closing(child.opened({**request, "sql": sql})) as connection, suppress(child.duckdb.Error):
            connection.execute(sql).fetchall()
            pytest.fail(f"{sql} ran")
        held.append(sql)
    assert len(held) == 13


def test_a_viewer_of_one_entity_sees_its_rows_only(asked: Any) -> None:
    """In every view: facts by their path to the entity, others where a visible row points to them."""
    german = Viewer.of_entities("german team", ["Acme DE"])
    assert asked("SELECT id FROM invoice", german).rows == ((2,),)
    assert asked("SELECT count(*) FROM payment", german).rows == ((0,),)
    assert asked("SELECT DISTINCT invoice_id FROM payable_event", german).rows == ((2,),)
    assert asked("SELECT name FROM supplier", german).rows == (("Beta",),)
    assert asked("SELECT invoice_id FROM approval", german).rows == ((2,),)
    assert len(asked("SELECT code FROM country", german).rows) == 2
    with pytest.raises(GuardError, match="no published table 'recorded_payment'"):
        asked("SELECT * FROM recorded_payment", german)


def test_a_hidden_field_has_no_column(asked: Any) -> None:
    """Neither under its own name nor under that of a column that reads it."""
    viewer = Viewer(name="intern", hidden=frozenset({"supplier"}))
    for column in ("name", "parent"):
        with pytest.raises(ExecutionError, match=column):
            asked(f"SELECT {column} FROM supplier", viewer)
    assert asked("SELECT category FROM supplier ORDER BY 1", viewer).rows == (("IT",), ("Rent",))
    with pytest.raises(ExecutionError, match="name"):
        asked("SELECT id FROM supplier ORDER BY name", viewer)


def test_every_view_runs(asked: Any) -> None:
    """Each entity of the model is a view that can be read, also under a policy with a hidden field."""
    viewer = Viewer("both", (Filter(field="region", values=("EMEA",)),), frozenset({"supplier"}))
    for who in (EVERYBODY, viewer):
        views = view_definitions(asked.layer.model, asked.layer.data_date, "USD", who, asked.source.columns)
        assert {"invoice", "payment", "supplier"} <= set(views)
        names = sorted(views)
        for start in range(0, len(names), 15):
            some = names[start : start + 15]
            joined = " UNION ALL ".join(f"SELECT '{name}' AS view, count(*) AS n FROM {name}" for name in some)
            assert len(asked(joined, who).rows) == len(some)


def test_a_view_needs_its_tables(asked: Any) -> None:
    """A mirror that lacks a table: the entities that read it are no views, the others stay."""
    fewer = {table: names for table, names in asked.source.columns.items() if table != "invoice_lines"}
    views = view_definitions(asked.layer.model, asked.layer.data_date, "USD", EVERYBODY, fewer)
    assert "invoice_line" not in views
    assert "invoice" in views
    assert "secret-key" not in repr(replace(asked.source, key=SecretStr("secret-key")))


def test_an_encrypted_mirror_is_read_with_its_key(asked: Any, tmp_path: Any) -> None:
    """The key travels by standard input and as a bound value; without it nothing is read."""
    file = tmp_path / "encrypted.duckdb"
    writer = child.duckdb.connect(":memory:")
    _load_openssl(writer)
    writer.execute(f"ATTACH '{file}' AS e (ENCRYPTION_KEY 'some-key')")
    writer.execute(f"ATTACH '{asked.source.file}' AS plain (READ_ONLY)")
    writer.execute("COPY FROM DATABASE plain TO e")
    writer.close()
    source = replace(asked.source, file=file, key=SecretStr("some-key"))
    found = explore("SELECT count(*) FROM invoice", asked.layer.model, "USD", EVERYBODY, source, TODAY)
    assert found.rows == ((2,),)
    with pytest.raises(ExecutionError):
        explore("SELECT count(*) FROM invoice", asked.layer.model, "USD", EVERYBODY, replace(source, key=None), TODAY)
