"""The semantic layer against the best hand-written SQL for the same figures, on one generated mirror, interleaved.

    python benchmarks/semantic_speed.py [--invoices 1000000] [--rounds 5] [--file PATH]

The mirror is generated straight into the published tables (no sync): invoices, payments, approvals, suppliers, one
currency, partly paid and late, three years. Each question runs both ways, in turn; the ratio is the median of the pairs.
Times are processor time, all threads together.
Both sides must give the same rows to the cent, or the script says so and fails. Also: time to compile (median, p95),
and from the start of a process to its first SQL, with its peak memory.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.database import CONFIG
from sync.schema import COUPA_TABLES, OWN_TABLES

DATA_DAY = "2026-11-21"
YEARS = Period(date(2024, 11, 1), date(2026, 10, 31))
YEAR = Period(date(2025, 11, 1), date(2026, 10, 31))
LATEST = Period(date(2026, 10, 31), date(2026, 10, 31))

GENERATE = """
INSERT INTO countries BY NAME SELECT * FROM (VALUES ('US', 'United States', 'North America'), ('DE', 'Germany', 'EMEA'),
  ('IN', 'India', 'APAC'), ('BR', 'Brazil', 'LATAM')) AS t(code, name, region);
INSERT INTO payment_terms BY NAME SELECT 1 AS id, 'Net 30' AS code, 30 AS days_for_net_payment;
INSERT INTO payment_terms BY NAME SELECT 2 AS id, '2/10 Net 30' AS code, 30 AS days_for_net_payment, 10 AS days_for_discount_payment, 2 AS discount_rate;
INSERT INTO suppliers BY NAME SELECT i AS id, 'Supplier ' || i AS name, ['US', 'DE', 'IN', 'BR'][1 + i % 4] AS country_code,
  i % 200 = 0 AS is_intercompany, 'Category ' || (i % 25) AS commodity_name, 'active' AS status FROM range(1, 20001) t(i);
INSERT INTO invoices BY NAME
  WITH r AS (SELECT i, CAST(hash(i) // 4 AS BIGINT) AS h FROM range(1, {n} + 1) t(i)), d AS (
    SELECT i, h, DATE '2023-11-21' + CAST(h % 1096 AS INTEGER) AS day, CAST(100 + h % 1000000 / 100 AS DECIMAL(18, 2)) AS gross FROM r)
  SELECT i AS id, 'INV-' || i AS invoice_number, CASE WHEN h % 50 = 0 THEN 'voided' WHEN h % 41 = 0 THEN 'pending_approval' ELSE 'approved' END AS status,
    'Invoice' AS document_type, FALSE AS is_credit_note, 1 + h % 20000 AS supplier_id, 1 AS account_type_id, 'Chart' AS account_type_name,
    'Entity ' || (h % 8) AS legal_entity_name, ['US', 'DE', 'IN', 'BR'][1 + h % 4] AS entity_country_code, 'USD' AS currency_code,
    1 + h % 2 AS payment_term_id, ['Net 30', '2/10 Net 30'][1 + h % 2] AS payment_term_code, day AS invoice_date, day AS received_date,
    day AS created_date, day + 30 AS net_due_date, gross AS total_with_taxes, CAST(gross * 0.1 AS DECIMAL(18, 2)) AS tax_amount,
    day + 20 + CAST(i % 40 AS INTEGER) <= DATE '2026-11-21' AND h % 9 > 0 AS paid FROM d;
INSERT INTO approvals BY NAME SELECT id, 'InvoiceHeader' AS approvable_type, id AS approvable_id, 'approved' AS status, invoice_date + CAST(id % 7 AS INTEGER) AS approval_date,
  CAST(invoice_date + CAST(id % 7 AS INTEGER) AS TIMESTAMPTZ) AS approval_at, CAST(invoice_date AS TIMESTAMPTZ) AS created_at FROM invoices WHERE status = 'approved';
INSERT INTO invoice_payments BY NAME SELECT id * 2 AS id, id AS invoice_id, CASE WHEN id % 10 = 0 THEN CAST(total_with_taxes / 2 AS DECIMAL(18, 2)) ELSE total_with_taxes END AS amount_paid,
  invoice_date + 20 + CAST(id % 40 AS INTEGER) AS payment_date FROM invoices WHERE paid AND status = 'approved';
INSERT INTO invoice_payments BY NAME SELECT id * 2 + 1 AS id, id AS invoice_id, total_with_taxes - CAST(total_with_taxes / 2 AS DECIMAL(18, 2)) AS amount_paid,
  invoice_date + 20 + CAST(id % 40 AS INTEGER) AS payment_date FROM invoices WHERE paid AND status = 'approved' AND id % 10 = 0;
INSERT INTO mirror_manifest BY NAME SELECT 'speed' AS mirror_version, TIMESTAMPTZ '2026-11-22 00:00:00+00' AS data_as_of, TIMESTAMPTZ '2026-11-22 00:00:00+00' AS published_at, 'UTC' AS company_time_zone;
"""

OURS_ONLY = "NOT s.is_intercompany AND i.status = 'approved'"
JOINED = "invoices i JOIN suppliers s ON s.id = i.supplier_id"
# The same definition as ours: the last approval dates an invoice, the discount is what Coupa Pay says or what a full payment lacks.
EVENTS = f"""taken AS (
  SELECT d.source_transaction_id AS id, SUM(d.discount_total) AS taken FROM coupa_pay_payment_details d JOIN coupa_pay_payments p ON p.id = d.payment_id
  WHERE p.status IN ('payment_initiated', 'payment_in_progress', 'completed_successfully', 'completed_with_errors') GROUP BY 1
), approved AS (SELECT approvable_id AS id, MAX(approval_date) AS day FROM approvals WHERE status = 'approved' AND approvable_type = 'InvoiceHeader' GROUP BY 1
), settled AS (SELECT invoice_id AS id, SUM(amount_paid) AS amount, MAX(payment_date) AS last FROM invoice_payments GROUP BY 1
), i AS (
  SELECT i.id, i.total_with_taxes AS gross, i.paid AND NOT i.is_credit_note AS closed, COALESCE(a.day, i.received_date) AS day,
    ROUND(i.total_with_taxes * COALESCE(i.discount_percent, t.discount_rate) / 100, 2) AS offer
  FROM {JOINED} LEFT JOIN approved a ON a.id = i.id LEFT JOIN payment_terms t ON t.id = i.payment_term_id WHERE {OURS_ONLY}
), ev AS (
  SELECT day, gross AS amount FROM i UNION ALL SELECT p.payment_date, -p.amount_paid FROM invoice_payments p JOIN i ON i.id = p.invoice_id
  UNION ALL SELECT s.last, -COALESCE(t.taken, CASE WHEN i.closed AND ABS(gross - s.amount - offer) <= 0.01 THEN gross - s.amount ELSE 0 END)
    FROM i JOIN settled s ON s.id = i.id LEFT JOIN taken t ON t.id = i.id
), daily AS (SELECT day, SUM(amount) AS amount FROM ev GROUP BY day), running AS (SELECT day, SUM(amount) OVER (ORDER BY day) AS balance FROM daily),
spine AS (SELECT LAST_DAY(CAST(d AS DATE)) AS day FROM generate_series(DATE '2024-11-01', DATE '2026-10-01', INTERVAL 1 MONTH) t(d))"""

QUESTIONS: dict[str, tuple[MetricQuery, str]] = {
    "spend (one number)": (
        MetricQuery(metrics=("spend",), period=YEARS),
        f"SELECT SUM(total_with_taxes - tax_amount) FROM {JOINED} WHERE {OURS_ONLY} AND invoice_date BETWEEN '2024-11-01' AND '2026-10-31'",
    ),
    "spend by month": (
        MetricQuery(metrics=("spend",), group_by=("month",), period=YEARS),
        f"SELECT STRFTIME(d, '%Y-%m') AS m, SUM(x) FROM (SELECT invoice_date AS d, SUM(total_with_taxes - tax_amount) AS x FROM {JOINED} WHERE {OURS_ONLY} AND invoice_date BETWEEN '2024-11-01' AND '2026-10-31' GROUP BY 1) GROUP BY 1 ORDER BY 1",
    ),
    "spend by region, one category": (
        MetricQuery(metrics=("spend",), group_by=("region",), filters=(Filter(field="category", values=("Category 7",)),), period=YEARS),
        f"SELECT c.region, SUM(total_with_taxes - tax_amount) AS x FROM {JOINED} JOIN countries c ON c.code = i.entity_country_code WHERE {OURS_ONLY} AND s.commodity_name = 'Category 7' AND invoice_date BETWEEN '2024-11-01' AND '2026-10-31' GROUP BY 1 ORDER BY x DESC",
    ),
    "top 20 suppliers by spend": (
        MetricQuery(metrics=("spend",), group_by=("supplier",), period=YEAR, limit=20),
        f"SELECT s.name, SUM(total_with_taxes - tax_amount) AS x FROM {JOINED} WHERE {OURS_ONLY} AND invoice_date BETWEEN '2025-11-01' AND '2026-10-31' GROUP BY 1 ORDER BY x DESC, 1 LIMIT 20",
    ),
    "two facts: spend and paid, by region": (
        MetricQuery(metrics=("spend", "dpo_paid"), group_by=("region",), period=YEAR),
        f"""WITH a AS (SELECT c.region, SUM(total_with_taxes - tax_amount) AS x FROM {JOINED} JOIN countries c ON c.code = i.entity_country_code WHERE {OURS_ONLY} AND invoice_date BETWEEN '2025-11-01' AND '2026-10-31' GROUP BY 1),
        b AS (SELECT c.region, SUM(p.amount_paid * (p.payment_date - i.invoice_date)) / SUM(p.amount_paid) AS y FROM invoice_payments p JOIN invoices i ON i.id = p.invoice_id JOIN suppliers s ON s.id = i.supplier_id JOIN countries c ON c.code = i.entity_country_code WHERE {OURS_ONLY} AND p.payment_date BETWEEN '2025-11-01' AND '2026-10-31' GROUP BY 1)
        SELECT region, x, y FROM a FULL JOIN b USING (region) ORDER BY x DESC""",
    ),
    "open payables, 24 month ends": (
        MetricQuery(metrics=("open_ap",), group_by=("month",), period=YEARS),
        f"WITH {EVENTS} SELECT STRFTIME(s.day, '%Y-%m') AS m, r.balance FROM spine s ASOF JOIN running r ON r.day <= s.day ORDER BY 1",
    ),
    "open payables at one day": (
        MetricQuery(metrics=("open_ap",), period=LATEST),
        f"WITH {EVENTS} SELECT SUM(amount) FROM daily WHERE day <= '2026-10-31'",
    ),
    "DPO, 24 months": (
        MetricQuery(metrics=("dpo_purchases",), group_by=("month",), period=YEARS),
        f"""WITH {EVENTS}, bought AS (SELECT invoice_date AS day, SUM(total_with_taxes) AS x FROM {JOINED} WHERE {OURS_ONLY} GROUP BY 1),
        bought90 AS (SELECT s.day, SUM(x) AS x FROM spine s JOIN bought b ON b.day > s.day - 90 AND b.day <= s.day GROUP BY 1)
        SELECT STRFTIME(s.day, '%Y-%m') AS m, r.balance / t.x * 90 FROM spine s ASOF JOIN running r ON r.day <= s.day JOIN bought90 t ON t.day = s.day ORDER BY 1""",
    ),
    "weighted days to pay by category": (
        MetricQuery(metrics=("dpo_paid",), group_by=("category",), period=YEAR),
        f"SELECT s.commodity_name, SUM(p.amount_paid * (p.payment_date - i.invoice_date)) / SUM(p.amount_paid) AS y FROM invoice_payments p JOIN invoices i ON i.id = p.invoice_id JOIN suppliers s ON s.id = i.supplier_id WHERE {OURS_ONLY} AND p.payment_date BETWEEN '2025-11-01' AND '2026-10-31' GROUP BY 1 ORDER BY y DESC, 1",
    ),
}  # fmt: skip


def generate(file: Path, invoices: int) -> None:
    """Write the mirror."""
    with duckdb.connect(str(file)) as connection:
        for table in (*COUPA_TABLES, *OWN_TABLES):
            connection.execute(table.ddl())
        connection.execute(GENERATE.replace("{n}", str(invoices)))


def worked(run: Callable[[], Any]) -> float:
    """Milliseconds of processor time of one call, all threads: steadier than the clock on a busy machine."""
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1000


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds and result of one call."""
    start = time.perf_counter()
    result = run()
    return (time.perf_counter() - start) * 1000, result


def same(ours: Any, by_hand: list[tuple[Any, ...]]) -> bool:
    """Whether both sides say the same, to the cent (or a hundredth of a day)."""
    left = ours.rows or [tuple(ours.total.values())]
    if len(left) != len(by_hand):
        return False
    return all(_close(a, b) for one, other in zip(left, by_hand, strict=True) for a, b in zip(one, other, strict=False))


def _close(a: Any, b: Any) -> bool:
    return abs(Decimal(str(a)) - Decimal(str(b))) < Decimal("0.011") if isinstance(a, Decimal) else a == b


def process_start(file: Path) -> tuple[float, float]:
    """Seconds from the start of a process to its first SQL, and its peak memory in megabytes."""
    code = f"""
from pathlib import Path
from semantic_layer import MetricQuery, SemanticLayer
layer = SemanticLayer.load({str(file)!r})
layer.explain(MetricQuery(metrics=("spend",), group_by=("month",)))
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024)
"""
    took, done = timed(lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True))
    return took / 1000, float(done.stdout)


def main() -> int:
    """Run everything; 1 when a side says something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--file", type=Path, help="keep the mirror here, or use the one that is there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = chosen.file or Path(folder) / "speed.duckdb"
        if not file.exists():
            took, _ = timed(lambda: generate(file, chosen.invoices))
            print(f"generated {chosen.invoices:,} invoices in {took / 1000:.1f} s")
        return compare(file, chosen.rounds)


def compare(file: Path, rounds: int) -> int:
    """Time every question on both sides."""
    layer = SemanticLayer.load(file, time_limit=300)
    snapshot = layer.mirror.snapshot()
    hand = duckdb.connect(str(file), read_only=True, config=CONFIG)
    print("milliseconds of processor time")
    print(f"{'question':<40}{'hand ms':>9}{'ours ms':>9}{'ratio':>7}{'end to end':>11}{'ratio':>7}  rows")
    failed = 0
    for name, (query, sql) in QUESTIONS.items():
        statement = layer.explain(query)[0]
        equal = same(layer.query(query), hand.execute(sql).fetchall())
        pairs = []
        for turn in range(rounds):
            sides: list[tuple[str, Callable[[], Any]]] = [
                ("ours", lambda s=statement: snapshot.run(s)),  # type: ignore[misc]
                ("hand", lambda s=sql: hand.execute(s).fetchall()),  # type: ignore[misc]
            ]
            sides.append(("whole", lambda q=query: layer.query(q)))  # type: ignore[misc]
            layer.cache = type(layer.cache)()
            taken = {side: worked(run) for side, run in (sides if turn % 2 else sides[::-1])}
            pairs.append((taken["hand"], taken["ours"], taken["whole"]))
        by_hand, ours, whole = (statistics.median(pair[i] for pair in pairs) for i in range(3))
        ratios = [statistics.median(pair[i] / pair[0] for pair in pairs) for i in (1, 2)]
        print(
            f"{name:<40}{by_hand:>9.0f}{ours:>9.0f}{ratios[0]:>7.2f}{whole:>11.0f}{ratios[1]:>7.2f}  {'equal' if equal else 'DIFFERENT'}",
            flush=True,
        )
        failed += not equal
    _compile_times(layer)
    seconds, megabytes = process_start(file)
    print(f"process start to first SQL: {seconds:.2f} s, peak {megabytes:.0f} MB")
    return 1 if failed else 0


def _compile_times(layer: SemanticLayer) -> None:
    """Resolve, compile and guard, for questions not seen before: another first day each time."""
    taken = []
    for turn in range(40):
        for query, _ in QUESTIONS.values():
            period = query.period or YEAR
            fresh = query.model_copy(update={"period": Period(date(2023, 1, 1 + turn % 28), period.end)})
            if query.period != LATEST:
                taken.append(timed(lambda q=fresh: layer.explain(q))[0])  # type: ignore[misc]
    taken.sort()
    print(f"compile and check: median {statistics.median(taken):.1f} ms, p95 {taken[int(len(taken) * 0.95)]:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
