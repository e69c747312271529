"""Compiled SQL against hand-written SQL for the same figures, interleaved in one process on one mirror.

    python benchmarks/compile_and_run.py [--mirror PATH | --preset medium] [--rounds 7]

Prints, per question, the median of pairwise ratios (ours / by hand) of the time to run, and the time to compile. Both
sides must give the same rows, or the script fails.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from semantic_layer import MetricQuery, Period, SemanticLayer
from semantic_layer.database import CONFIG
from sync.sandbox.direct import write_mirror

YEAR = Period(date(2025, 11, 1), date(2026, 10, 31))

# Written by hand from the definitions, for this data set: invoices paid through Coupa Pay, all rates fresh.
RATES = (
    "WITH usd AS (SELECT from_currency AS cur, rate_date AS day, rate FROM exchange_rates WHERE to_currency = 'USD')"
)
OPEN_EVENTS = f"""{RATES},
taken AS (
  SELECT d.source_transaction_id AS id, SUM(d.discount_total) AS taken FROM coupa_pay_payment_details d
  JOIN coupa_pay_payments p ON p.id = d.payment_id
  WHERE p.status IN ('payment_initiated', 'payment_in_progress', 'completed_successfully', 'completed_with_errors')
  GROUP BY 1
), approved AS (
  SELECT approvable_id AS id, MAX(approval_date) AS day FROM approvals
  WHERE status = 'approved' AND approvable_type = 'InvoiceHeader' GROUP BY 1
), settled AS (
  SELECT invoice_id AS id, SUM(amount_paid) AS amount, MAX(payment_date) AS last FROM invoice_payments GROUP BY 1
), i AS (
  SELECT i.id, i.currency_code AS cur, i.total_with_taxes AS gross, i.paid AND NOT i.is_credit_note AS closed,
    COALESCE(a.day, i.received_date, i.created_date) AS day,
    ROUND(i.total_with_taxes * COALESCE(i.discount_percent, t.discount_rate) / 100, 2) AS offer
  FROM invoices i JOIN suppliers s ON s.id = i.supplier_id AND NOT s.is_intercompany
  LEFT JOIN approved a ON a.id = i.id LEFT JOIN payment_terms t ON t.id = i.payment_term_id
  WHERE i.status = 'approved'
), ev AS (
  SELECT cur, day, gross AS amount FROM i
  UNION ALL SELECT i.cur, p.payment_date, -p.amount_paid FROM invoice_payments p JOIN i ON i.id = p.invoice_id
  UNION ALL SELECT i.cur, s.last,
    -COALESCE(t.taken, CASE WHEN i.closed AND ABS(gross - s.amount - offer) <= 0.01 THEN gross - s.amount ELSE 0 END)
    FROM i JOIN settled s ON s.id = i.id LEFT JOIN taken t ON t.id = i.id
)
"""
BY_HAND: dict[str, tuple[MetricQuery, str]] = {
    "spend by month": (
        MetricQuery(metrics=("spend",), group_by=("month",), period=YEAR),
        f"""{RATES} SELECT STRFTIME(invoice_date, '%Y-%m') AS m, ROUND(SUM((total_with_taxes - tax_amount) * COALESCE(r.rate, 1)), 2)
           FROM invoices i JOIN suppliers s ON s.id = i.supplier_id AND NOT s.is_intercompany
           ASOF LEFT JOIN usd r ON r.cur = i.currency_code AND r.day <= i.invoice_date
           WHERE i.status = 'approved' AND invoice_date BETWEEN '2025-11-01' AND '2026-10-31' GROUP BY 1 ORDER BY 1""",
    ),
    "top 20 suppliers by spend": (
        MetricQuery(metrics=("spend",), group_by=("supplier",), period=YEAR, limit=20),
        f"""{RATES} SELECT s.name, ROUND(SUM((total_with_taxes - tax_amount) * COALESCE(r.rate, 1)), 2) AS x
           FROM invoices i JOIN suppliers s ON s.id = i.supplier_id AND NOT s.is_intercompany
           ASOF LEFT JOIN usd r ON r.cur = i.currency_code AND r.day <= i.invoice_date
           WHERE i.status = 'approved' AND invoice_date BETWEEN '2025-11-01' AND '2026-10-31' GROUP BY 1 ORDER BY x DESC LIMIT 20""",
    ),
    "open payables at twelve month ends": (
        MetricQuery(metrics=("open_ap",), group_by=("month",), period=YEAR),
        OPEN_EVENTS
        + """, daily AS (SELECT cur, day, SUM(amount) AS amount FROM ev GROUP BY ALL),
        running AS (SELECT cur, day, SUM(amount) OVER (PARTITION BY cur ORDER BY day) AS balance FROM daily),
        spine AS (SELECT LAST_DAY(d::DATE) AS day FROM generate_series(DATE '2025-11-01', DATE '2026-10-01', INTERVAL 1 MONTH) t(d)),
        grid AS (SELECT spine.day, c.cur FROM spine, (SELECT DISTINCT cur FROM daily) c)
        SELECT STRFTIME(g.day, '%Y-%m') AS m, ROUND(SUM(r.balance * COALESCE(x.rate, 1)), 2) FROM grid g
        ASOF JOIN running r ON r.cur = g.cur AND r.day <= g.day
        ASOF LEFT JOIN usd x ON x.cur = g.cur AND x.day <= g.day GROUP BY 1 ORDER BY 1""",
    ),
}


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result of one call."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def same(ours: list[tuple[Any, ...]], by_hand: list[tuple[Any, ...]]) -> bool:
    """Whether both sides name the same rows with the same money, to the cent."""
    pairs = zip(ours, by_hand, strict=True)
    return all(a[0] == b[0] and abs(Decimal(str(a[1])) - Decimal(str(b[1]))) < Decimal("0.02") for a, b in pairs)


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", help="a published mirror (default: one written for this run)")
    parser.add_argument("--preset", default="medium", help="size of the company when no mirror is named")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(chosen.mirror) if chosen.mirror else Path(folder) / "bench.duckdb"
        if not chosen.mirror:
            write_mirror(path, chosen.preset, 7, date(2026, 11, 22))
        return compare(SemanticLayer.load(path), chosen.rounds)


def fetched(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a statement written by hand."""
    return connection.execute(sql).fetchall()


def compare(layer: SemanticLayer, rounds: int) -> int:
    """Time every question; 1 when a row differs."""
    snapshot = layer.mirror.snapshot()
    hand = duckdb.connect(str(snapshot.file), read_only=True, config=CONFIG)
    print(f"{'question':<38} {'by hand ms':>10} {'ratio':>6} {'compile ms':>10}  rows")
    failed = 0
    for name, (query, sql) in BY_HAND.items():
        compile_time, statements = timed(partial(layer.explain, query))
        ratios, base = [], []
        for turn in range(rounds):
            sides = [("ours", partial(snapshot.run, statements[0])), ("hand", partial(fetched, hand, sql))]
            taken = {side: timed(run)[0] for side, run in (sides if turn % 2 else sides[::-1])}
            ratios.append(taken["ours"] / taken["hand"])
            base.append(taken["hand"] * 1000)
        equal = same([(r[0], r[1]) for r in layer.query(query).rows], hand.execute(sql).fetchall())
        failed += not equal
        verdict = "equal" if equal else "DIFFERENT"
        print(
            f"{name:<38} {statistics.median(base):>10.1f} {statistics.median(ratios):>6.2f} {compile_time * 1000:>10.1f}  {verdict}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
