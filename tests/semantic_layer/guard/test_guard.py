"""The guard: what it lets through cannot read or change anything but the published views; honest SQL is not refused.

What passes is run, on an engine without any hardening, beside canaries: tables that are not published, a table in
another schema, a file. So the guard alone must hold.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from semantic_layer import GuardError, SemanticLayer
from semantic_layer.exploration import view_definitions
from semantic_layer.guard import guard, guard_foreign, guard_queries
from semantic_layer.viewer import EVERYBODY

TODAY = date(2026, 4, 1)
CANARY = "CANARY-5b1f"
UNNAMED = "unnamed_7c2e"
"""A table that no attack names: its name can come from the catalogue only."""
HERE = Path(__file__).parent


def _attacks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("guard_attacks", HERE / "attacks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def corpus() -> tuple[str, ...]:
    """The legitimate statements; a line that continues the one before starts with FROM after a comment."""
    lines = (HERE / "corpus.sql").read_text(encoding="utf-8").splitlines()
    joined: list[str] = []
    for line in lines:
        if joined and "--" in joined[-1]:
            joined[-1] += "\n" + line
        elif line.strip():
            joined.append(line)
    return tuple(joined)


class Arena:
    """An unhardened engine with published views, canaries and a trap for everything that changes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, views: frozenset[str], folder: Path) -> None:
        self.connection = connection
        self.views = views
        self.file = folder / "canary.csv"
        self.folder = folder
        self.file.write_text(f"a,b\n{CANARY},1\n", encoding="utf-8")
        connection.execute("CREATE SCHEMA secret")
        connection.execute(f"CREATE TABLE secret.t AS SELECT '{CANARY}' AS canary")
        connection.execute(f"CREATE TABLE secret.hidden AS SELECT '{CANARY}' AS canary")
        connection.execute(f"CREATE TABLE hidden AS SELECT '{CANARY}' AS canary")
        connection.execute(f"CREATE TABLE {UNNAMED} AS SELECT 1 AS x")
        connection.execute(f"SET VARIABLE v = '{CANARY}'")
        connection.execute("SET memory_limit = '300MB'")
        self.before = self.state()

    def state(self) -> tuple[Any, ...]:
        """Everything a statement could have left behind."""
        look = self.connection.execute
        return (
            look("SELECT database_name, schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall(),
            look("SELECT database_name, schema_name, view_name FROM duckdb_views() ORDER BY ALL").fetchall(),
            look("SELECT name, value FROM duckdb_settings() ORDER BY ALL").fetchall(),
            look("SELECT name FROM duckdb_variables() ORDER BY ALL").fetchall(),
            look("SELECT count(*) FROM duckdb_functions() WHERE NOT internal").fetchall(),
            look("SELECT database_name FROM duckdb_databases() ORDER BY ALL").fetchall(),
            look("SELECT count(*) FROM hidden").fetchall(),
            sorted(path.name for path in self.folder.iterdir()),
        )

    def run(self, sql: str, seconds: float = 1.0) -> str:
        """All that came back, as text; what the engine refuses or a timer stops gives its message."""
        timer = threading.Timer(seconds, self.connection.interrupt)
        timer.start()
        try:
            return repr(self.connection.execute(sql).fetchmany(1000))
        except duckdb.Error as error:
            return f"refused by the engine: {str(error)[:200]}"
        finally:
            timer.cancel()


@pytest.fixture
def arena(books: Any, publish: Any, tmp_path: Path) -> Iterator[Arena]:
    """The views over a few documents, and the canaries."""
    books.supplier(2, "Beta", country_code="DE", commodity_name="Rent")
    books.rate("EUR", "2026-03-01", "1.10")
    books.invoice(1, "1000", dated="2026-03-01", due="2026-03-31", paid=[("2026-03-20", "400")])
    books.invoice(2, "200", dated="2026-03-05", supplier=2, currency_code="EUR", due="2026-03-15")
    books.invoice(3, "-50", dated="2026-03-06", is_credit_note=True, document_type="Credit Note")
    layer: SemanticLayer = publish(books)
    folder = tmp_path / "canaries"
    folder.mkdir()
    snapshot = layer.mirror.snapshot()
    connection = duckdb.connect(":memory:")
    connection.execute(f"ATTACH '{snapshot.file}' AS mirror (READ_ONLY)")
    views = view_definitions(layer.model, layer.data_date, "USD", EVERYBODY, snapshot.columns)
    for name, body in views.items():
        connection.execute(f'CREATE VIEW "{name}" AS {body}')
    yield Arena(connection, frozenset(views), folder)
    connection.close()


def _attempt(arena: Arena, attack: str) -> tuple[str, str] | None:
    """What an attack got to run and what came back; None when it was refused. Refusing must not take long."""
    start = time.perf_counter()
    try:
        passed = guard_foreign(attack, arena.views, TODAY)
    except GuardError:
        return None
    finally:
        assert time.perf_counter() - start < 3, f"the guard took too long over {attack[:200]!r}"
    return passed, arena.run(passed)


def test_no_attack_escapes(arena: Arena) -> None:
    """Fragments in every place and whole texts: what passes reads no canary and leaves nothing behind."""
    attacks = list(_attacks().combined(str(arena.file)))
    assert len(attacks) > 4000
    passed = 0
    for attack in attacks:
        got = _attempt(arena, attack)
        if got is not None:
            passed += 1
            assert CANARY not in got[1], f"{attack!r} read a canary by {got[0]!r}"
            assert UNNAMED not in got[1], f"{attack!r} saw the catalogue by {got[0]!r}"
    assert arena.state() == arena.before
    assert passed < len(attacks) / 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_changed_tree_escapes(arena: Arena, seed: int) -> None:
    """Honest statements with one node changed for a hostile one, disguised."""
    passed = 0
    for attack in _attacks().mutated(corpus(), str(arena.file), 1000, seed):
        got = _attempt(arena, attack)
        if got is not None:
            passed += 1
            assert CANARY not in got[1], f"{attack!r} read a canary by {got[0]!r}"
            assert UNNAMED not in got[1], f"{attack!r} saw the catalogue by {got[0]!r}"
    assert arena.state() == arena.before
    assert passed < 300


def test_the_arena_notices_an_escape(arena: Arena) -> None:
    """The proof can fail: unguarded, the same attacks do read the canaries and do change the session."""
    assert CANARY in arena.run("SELECT * FROM query('SELECT * FROM secret.t')")
    assert CANARY in arena.run(f"SELECT * FROM '{arena.file}'")
    assert CANARY in arena.run("SELECT getvariable('v')")
    assert CANARY in arena.run("WITH hidden AS (SELECT * FROM hidden) SELECT * FROM hidden")
    arena.run("CREATE TEMP TABLE x AS SELECT 1")
    arena.connection.execute("CREATE TABLE y (a INT)")
    assert arena.state() != arena.before


def test_the_corpus_is_large() -> None:
    """At least 150 different statements that an analyst would write."""
    assert len(set(corpus())) >= 150


def test_honest_sql_runs(arena: Arena) -> None:
    """No statement of the corpus is refused, by the guard or by the engine, and each means what it meant."""
    for sql in corpus():
        passed = guard_foreign(sql, arena.views, TODAY)
        by_guard = arena.run(passed)
        assert not by_guard.startswith("refused"), f"{sql}\n{passed}\n{by_guard}"
        told_apart = "LIMIT" not in sql or "ORDER BY" in sql
        if told_apart and "current_date" not in sql and "today()" not in sql:
            assert sorted(by_guard) == sorted(arena.run(sql)), sql


def test_the_clock_stands_still(arena: Arena) -> None:
    """current_date in somebody's SQL is the day of the question, not the engine's."""
    assert "datetime.date(2026, 4, 1)" in arena.run(guard_foreign("SELECT current_date AS d", arena.views, TODAY))


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT * FROM invioce", "Did you mean invoice"),
        ("DROP TABLE invoice", "Only a SELECT may run"),
        ("SELECT 1; SELECT 2", "Exactly one statement"),
        ("SELECT * FROM read_csv('x')", "not a table"),
        ("SELECT getenv('HOME')", "function 'getenv' may not be used"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "recursive"),
        ("SELECT * FROM invoice FOR UPDATE", "LOCK may not stand"),
        ("SELECT * FROM main.invoice", "without a schema"),
    ],
)
def test_a_refusal_names_the_rule(sql: str, says: str) -> None:
    """The message says what was refused, by which rule, and what was probably meant."""
    with pytest.raises(GuardError, match=says):
        guard_foreign(sql, {"invoice", "supplier"}, TODAY)


def test_every_compiled_statement_passes(layer: SemanticLayer) -> None:
    """The text that passed query by query passes whole as well, and stays the same: each metric by one of its dimensions.

    That every metric passes by every legal dimension, query by query, is seen where they all run (test_ties).
    """
    from semantic_layer import MetricQuery  # noqa: PLC0415

    tables = layer.mirror.snapshot().tables
    for turn, metric in enumerate(layer.model.metrics):
        legal = [name for name in sorted(layer.legal_dimensions(metric)) if layer.model.dimensions[name].groupable]
        statements = layer.explain(MetricQuery(metrics=(metric,), group_by=(legal[turn % len(legal)],)))
        assert [guard(sql, tables) for sql in statements] == list(statements)


@pytest.mark.parametrize(
    ("ctes", "final", "says"),
    [
        ((("a", "SELECT * FROM secrets"),), "SELECT * FROM a", "no published table 'secrets'"),
        ((("a", "SELECT * FROM b"), ("b", "SELECT 1 AS x")), "SELECT * FROM a", "no published table 'b'"),
        ((("a", "SELECT * FROM a"),), "SELECT * FROM a", "no published table 'a'"),
        ((("a", "SELECT 1), b AS (SELECT * FROM invoice"),), "SELECT * FROM a", "not SQL"),
        ((("a", "SELECT 1 AS x"),), "SELECT * FROM a; SELECT 2", "Exactly one statement"),
        ((("a", "SELECT 1 AS x"),), "SELECT getenv('HOME') FROM a", "function 'getenv'"),
        ((("a", "SELECT * FROM read_csv('x')"),), "SELECT * FROM a", "not a table"),
        ((("a AS (SELECT 1), b", "SELECT 1 AS x"),), "SELECT * FROM invoice", "not a name"),
        (tuple((f"a{i}", "SELECT 1 AS x") for i in range(121)), "SELECT * FROM a1", "At most 120"),
        ((("a", "SELECT 'two\nlines' AS x FROM secrets"),), "SELECT * FROM a", "no published table 'secrets'"),
    ],
)
def test_queries_checked_one_by_one_are_refused_too(ctes: tuple[tuple[str, str], ...], final: str, says: str) -> None:
    """No WITH query reads what comes after it, reaches into another by its text, or holds what guard would refuse."""
    with pytest.raises(GuardError, match=says):
        guard_queries(ctes, final, {"invoice"})


def test_queries_checked_one_by_one_read_as_the_whole() -> None:
    """The text is the one that guard renders from the whole statement, also where a value holds a line break."""
    for value in ("it''s", "two\nlines"):
        ctes = (("a", f"SELECT id, '{value}' AS x FROM invoice"), ("b", "WITH c AS (SELECT x FROM a) SELECT x FROM c"))
        final = "SELECT x, COUNT(*) FILTER (WHERE x > 'k') AS n FROM b GROUP BY ALL"
        whole = f"WITH {', '.join(f'{name} AS ({body})' for name, body in ctes)} {final}"
        assert guard_queries(ctes, final, {"invoice"}) == guard(whole, {"invoice"})
