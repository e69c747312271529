"""SQL from outside reaches published tables only, by one SELECT."""

from __future__ import annotations

import pytest

from semantic_layer import GuardError
from semantic_layer.guard import guard

TABLES = {"invoices", "suppliers"}

REFUSED = [
    "SELECT 1; SELECT 2",
    "DROP TABLE invoices",
    "INSERT INTO invoices SELECT * FROM invoices",
    "UPDATE invoices SET paid = TRUE",
    "CREATE TEMP TABLE t AS SELECT 1",
    "ATTACH 'x.duckdb'",
    "COPY invoices TO 'x.csv'",
    "SET memory_limit = '1TB'",
    "PRAGMA database_list",
    "EXPLAIN ANALYZE SELECT 1",
    "SUMMARIZE invoices",
    "DESCRIBE invoices",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('secret')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM read_csv('x.csv')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM 'x.csv'",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM main.invoices",
    "SELECT * FROM secrets",
    "SELECT (SELECT MAX(id) FROM secrets) FROM invoices",
    "WITH a AS (SELECT * FROM secrets) SELECT * FROM a",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT * FROM t",
    "SELECT UNNEST(RANGE(1000000000))",
    "SELECT * FROM RANGE(1000000000)",
    "SELECT getvariable('x')",
    "SELECT current_setting('temp_directory')",
    "SELECT $x",
    "not sql at all '",
    "",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(sql: str) -> None:
    """Each way round the guard that is known is closed, with a sentence that says why."""
    with pytest.raises(GuardError) as caught:
        guard(sql, TABLES)
    assert str(caught.value).endswith((".", "?", ")"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT status, COUNT(*) FROM invoices GROUP BY ALL",
        "SELECT s.name, SUM(i.total_with_taxes) FROM invoices AS i JOIN suppliers AS s ON s.id = i.supplier_id GROUP BY 1",
        "WITH invoices_2026 AS (SELECT * FROM invoices WHERE invoice_date >= DATE '2026-01-01') SELECT COUNT(*) FROM invoices_2026",
        "SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS n FROM invoices UNION ALL SELECT id, 0 FROM suppliers",
    ],
)
def test_allowed_and_rendered_again(sql: str) -> None:
    """A plain SELECT passes, and passing twice changes nothing."""
    once = guard(sql, TABLES)
    assert guard(once, TABLES) == once


def test_a_cte_does_not_open_a_table_of_the_same_name() -> None:
    """A WITH query called like an unpublished table hides it only inside its own scope."""
    guard("WITH secrets AS (SELECT 1 AS id) SELECT * FROM secrets", TABLES)
    with pytest.raises(GuardError):
        guard("SELECT * FROM (WITH secrets AS (SELECT 1 AS id) SELECT * FROM secrets) AS a, secrets AS b", TABLES)
