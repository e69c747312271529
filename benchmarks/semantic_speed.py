"""The semantic layer against the best hand-written SQL for the same figures, on one generated mirror, interleaved.

    python -m benchmarks.semantic_speed [--invoices 1000000] [--rounds 5] [--file PATH] [--only WORDS]

The mirror is generated straight into the published tables (wide_mirror.py). The hand-written side knows this mirror and
takes what it can from that: no supplier is missing, every day has a rate. It answers the same question by the same
definitions (last approval, discount taken, rates of the day) on a connection with the same settings.
Each question runs both ways, in turn; the ratio is the median of the pairs. Times are processor time, all threads
together. `ours` is our statements alone, `end to end` the whole call: resolving, compiling, checking, running, rounding.
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

from benchmarks.wide_mirror import write_wide_mirror
from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.database import CONFIG

DATA_DAY = "2026-11-21"
YEARS = Period(date(2024, 11, 1), date(2026, 10, 31))
YEAR = Period(date(2025, 11, 1), date(2026, 10, 31))
BEFORE = Period(date(2024, 11, 1), date(2025, 10, 31))
LATEST = Period(date(2026, 10, 31), date(2026, 10, 31))

IN_USD = "CASE WHEN {0} = 'USD' THEN 1 ELSE r.rate END"
RATES = "rates AS (SELECT from_currency AS cur, rate_date AS day, rate FROM exchange_rates WHERE to_currency = 'USD')"
OWN = "JOIN suppliers s ON s.id = i.supplier_id AND NOT s.is_intercompany"
INVOICED = f"FROM invoices i {OWN}"
RATED = "LEFT JOIN rates r ON r.cur = x.cur AND r.day = x.day"
WORTH = f"SUM(x.amount * {IN_USD.format('x.cur')})"
"""Amounts are added up by currency and day before they are converted: exact, and a day has few rates."""
MONTHS = "SELECT LAST_DAY(CAST(d AS DATE)) AS day FROM generate_series(DATE '2024-11-01', DATE '2026-10-01', INTERVAL 1 MONTH) t(d)"


def spent(keys: str = "", names: str = "", joins: str = "", where: str = "", period: Period = YEARS) -> str:
    """Spend by some keys, each `expression AS name`, by hand."""
    listed, grouped = (f"{keys}, ", f"{names}, ") if keys else ("", "")
    return f"""WITH {RATES}, x AS (SELECT {listed}i.currency_code AS cur, i.invoice_date AS day, SUM(i.total_with_taxes - i.tax_amount) AS amount
      {INVOICED} {joins} WHERE i.status = 'approved' AND i.invoice_date BETWEEN '{period.start}' AND '{period.end}' {where} GROUP BY ALL)
    SELECT {grouped}{WORTH} AS spend FROM x {RATED} GROUP BY ALL"""


def events(key: str = "", join: str = "") -> str:
    """WITH queries of what raises and lowers payables by day and currency; the last approval dates an invoice."""
    k, named = (f"{key}, ", f"{key.rsplit(' AS ', maxsplit=1)[-1]}, ") if key else ("", "")
    return f"""taken AS (
      SELECT d.source_transaction_id AS id, SUM(d.discount_total) AS taken FROM coupa_pay_payment_details d JOIN coupa_pay_payments p ON p.id = d.payment_id
      WHERE p.status IN ('payment_initiated', 'payment_in_progress', 'completed_successfully', 'completed_with_errors') GROUP BY 1
    ), approved AS (SELECT approvable_id AS id, MAX(approval_date) AS day FROM approvals WHERE status = 'approved' AND approvable_type = 'InvoiceHeader' GROUP BY 1
    ), settled AS (SELECT invoice_id AS id, SUM(amount_paid) AS amount, MAX(payment_date) AS last FROM invoice_payments GROUP BY 1
    ), i AS (
      SELECT {k}i.id, i.currency_code AS cur, i.total_with_taxes AS gross, i.paid AND NOT i.is_credit_note AS closed, COALESCE(a.day, i.received_date) AS day,
        ROUND(i.total_with_taxes * COALESCE(i.discount_percent, t.discount_rate) * 0.01, 2) AS offer
      {INVOICED} {join} LEFT JOIN approved a ON a.id = i.id LEFT JOIN payment_terms t ON t.id = i.payment_term_id WHERE i.status = 'approved'
    ), ev AS (
      SELECT {named}cur, day, gross AS amount FROM i UNION ALL SELECT {named}cur, p.payment_date, -p.amount_paid FROM invoice_payments p JOIN i ON i.id = p.invoice_id
      UNION ALL SELECT {named}cur, s.last, -COALESCE(t.taken, CASE WHEN i.closed AND ABS(gross - s.amount - offer) <= 0.01 THEN gross - s.amount ELSE 0 END)
        FROM i JOIN settled s ON s.id = i.id LEFT JOIN taken t ON t.id = i.id
    ), daily AS (SELECT {named}cur, day, SUM(amount) AS amount FROM ev WHERE day <= '2026-10-31' GROUP BY ALL),
    running AS (SELECT {named}cur, day, SUM(amount) OVER (PARTITION BY {named}cur ORDER BY day) AS balance FROM daily), {RATES}, spine AS ({MONTHS})"""


def owed(name: str = "") -> str:
    """The balances of `events` at each end of a month, in USD."""
    key, same_key = (f"{name}, ", f"AND r.{name} = g.{name}") if name else ("", "")
    return f"""SELECT g.day, {f"g.{name}, " if name else ""}SUM(b.balance * {IN_USD.format("g.cur")}) AS owed
      FROM (SELECT * FROM spine, (SELECT DISTINCT {key}cur FROM daily)) g ASOF LEFT JOIN running b ON b.cur = g.cur {same_key.replace("r.", "b.")} AND b.day <= g.day
      LEFT JOIN rates r ON r.cur = g.cur AND r.day = g.day GROUP BY ALL"""


def bought(key: str = "", name: str = "", join: str = "") -> str:
    """Purchases by day (and key) in USD."""
    k, n = (f"{key}, ", f"{name}, ") if key else ("", "")
    return f"""SELECT {n}x.day, {WORTH} AS amount FROM (SELECT {k}i.currency_code AS cur, i.invoice_date AS day, SUM(i.total_with_taxes) AS amount
      {INVOICED} {join} WHERE i.status = 'approved' GROUP BY ALL) AS x {RATED} GROUP BY ALL"""


PAID = f"""(SELECT {{0}} AS k, i.currency_code AS cur, i.invoice_date AS day, SUM(p.amount_paid * (p.payment_date - i.invoice_date)) AS days, SUM(p.amount_paid) AS amount
      FROM invoice_payments p JOIN invoices i ON i.id = p.invoice_id {OWN} {{1}} WHERE i.status = 'approved' AND p.payment_date BETWEEN '{YEAR.start}' AND '{YEAR.end}' GROUP BY ALL) AS x"""
DAYS_TO_PAY = f"SELECT k, {WORTH.replace('amount', 'days')} / {WORTH} AS y FROM {PAID} {RATED} GROUP BY ALL"
OF_COUNTRY = "JOIN countries c ON c.code = i.entity_country_code"
CATEGORY_7 = (Filter(field="category", values=("Category 7",)),)
TWENTY_MONTHS = f"""bought90 AS (SELECT s.day, SUM(b.amount) AS amount FROM spine s JOIN ({bought()}) b ON b.day > s.day - 90 AND b.day <= s.day GROUP BY ALL)"""
BY_REGION = f"""bought90 AS (SELECT s.day, b.region, SUM(b.amount) AS amount FROM spine s JOIN ({bought("c.region AS region", "region", OF_COUNTRY)}) b ON b.day > s.day - 90 AND b.day <= s.day GROUP BY ALL)"""
OFFERS = f"""SELECT i.id, i.currency_code AS cur, i.invoice_date AS day, {{0}} i.total_with_taxes AS gross, i.paid, COALESCE(i.discount_due_date, i.invoice_date + t.days_for_discount_payment) AS ends,
      ROUND(i.total_with_taxes * COALESCE(i.discount_percent, t.discount_rate) * 0.01, 2) AS offer
    {INVOICED} {{1}} JOIN payment_terms t ON t.id = i.payment_term_id WHERE i.status NOT IN ('voided', 'rejected', 'abandoned', 'invalid') AND NOT i.is_credit_note AND COALESCE(i.discount_percent, t.discount_rate, 0) > 0"""
TAKEN = """settled AS (SELECT invoice_id AS id, SUM(amount_paid) AS amount FROM invoice_payments GROUP BY 1),
    o AS (SELECT o.*, CASE WHEN o.paid AND ABS(o.gross - s.amount - o.offer) <= 0.01 THEN o.gross - s.amount ELSE 0 END AS taken FROM offers o LEFT JOIN settled s ON s.id = o.id)"""

QUESTIONS: dict[str, tuple[MetricQuery, str, float]] = {
    "spend, one number": (MetricQuery(metrics=("spend",), period=YEARS), spent(), 1.05),
    "spend by month": (
        MetricQuery(metrics=("spend",), group_by=("month",), period=YEARS),
        f"SELECT STRFTIME(day, '%Y-%m') AS m, SUM(spend) FROM ({spent('i.invoice_date AS d', 'x.day')}) GROUP BY 1 ORDER BY 1".replace("i.invoice_date AS d, ", ""),
        1.05,
    ),
    "spend by month and region, one category": (
        MetricQuery(metrics=("spend",), group_by=("month", "region"), filters=CATEGORY_7, period=YEARS),
        f"SELECT STRFTIME(day, '%Y-%m') AS m, region, SUM(spend) FROM ({spent('c.region AS region', 'x.day, region', OF_COUNTRY, chr(65) + 'ND s.commodity_name = ' + repr('Category 7'))}) GROUP BY ALL ORDER BY 1, 2",
        1.10,
    ),
    "top 20 suppliers by spend": (
        MetricQuery(metrics=("spend",), group_by=("supplier",), period=YEAR, limit=20),
        f"WITH {RATES}, x AS (SELECT i.supplier_id, SUM((i.total_with_taxes - i.tax_amount) * {IN_USD.format('i.currency_code')}) AS amount {INVOICED} LEFT JOIN rates r ON r.cur = i.currency_code AND r.day = i.invoice_date WHERE i.status = 'approved' AND i.invoice_date BETWEEN '{YEAR.start}' AND '{YEAR.end}' GROUP BY ALL) SELECT s.name, SUM(amount) AS y FROM x JOIN suppliers s ON s.id = x.supplier_id GROUP BY 1 ORDER BY y DESC, 1 LIMIT 20",
        1.10,
    ),
    "weighted days to pay by category": (
        MetricQuery(metrics=("dpo_paid",), group_by=("category",), period=YEAR),
        f"WITH {RATES} {DAYS_TO_PAY.replace('{0}', 's.commodity_name').replace('{1}', '')} ORDER BY y DESC, 1",
        1.05,
    ),
    "two facts: spend and days to pay by region": (
        MetricQuery(metrics=("spend", "dpo_paid"), group_by=("region",), period=YEAR),
        f"SELECT a.region, a.spend, b.y FROM ({spent('c.region AS region', 'region', OF_COUNTRY, period=YEAR)}) a FULL JOIN (WITH {RATES} {DAYS_TO_PAY.replace('{0}', 'c.region').replace('{1}', OF_COUNTRY)}) b ON a.region = b.k ORDER BY 2 DESC",
        1.3,
    ),
    "spend by region against the year before": (
        MetricQuery(metrics=("spend",), group_by=("region",), period=YEAR, compare=BEFORE),
        f"SELECT region, SUM(spend) FILTER (WHERE day >= '{YEAR.start}') AS x, SUM(spend) FILTER (WHERE day < '{YEAR.start}') AS y, x - y FROM ({spent('c.region AS region', 'x.day, region', OF_COUNTRY)}) GROUP BY ALL ORDER BY x DESC",
        1.2,
    ),
    "discount capture rate by region and month": (
        MetricQuery(metrics=("discount_capture_rate",), group_by=("month", "region"), period=YEARS),
        f"WITH {RATES}, offers AS ({OFFERS.replace('{0}', 'c.region,').replace('{1}', OF_COUNTRY)}), {TAKEN} SELECT STRFTIME(ends, '%Y-%m') AS m, region, SUM(x.taken * {IN_USD.format('x.cur')}) / SUM(x.offer * {IN_USD.format('x.cur')}) FROM (SELECT region, ends, cur, day, SUM(taken) AS taken, SUM(offer) AS offer FROM o WHERE ends BETWEEN '{YEARS.start}' AND '{YEARS.end}' GROUP BY ALL) x {RATED} GROUP BY ALL ORDER BY 1, 2",
        1.10,
    ),
    "top 20 suppliers by missed discount": (
        MetricQuery(metrics=("discount_missed",), group_by=("supplier",), period=YEAR, limit=20),
        f"WITH {RATES}, offers AS ({OFFERS.replace('{0}', 'i.supplier_id,').replace('{1}', '')}), {TAKEN}, x AS (SELECT supplier_id, SUM(x.offer * {IN_USD.format('x.cur')}) AS amount FROM o AS x {RATED} WHERE taken = 0 AND ends BETWEEN '{YEAR.start}' AND '{YEAR.end}' GROUP BY 1) SELECT s.name, SUM(amount) AS y FROM x JOIN suppliers s ON s.id = x.supplier_id GROUP BY 1 ORDER BY y DESC, 1 LIMIT 20",
        1.10,
    ),
    "open payables, 24 month ends": (
        MetricQuery(metrics=("open_ap",), group_by=("month",), period=YEARS),
        f"WITH {events()} SELECT STRFTIME(day, '%Y-%m') AS m, owed FROM ({owed()}) ORDER BY 1",
        1.2,
    ),
    "open payables, 24 month ends by region": (
        MetricQuery(metrics=("open_ap",), group_by=("month", "region"), period=YEARS),
        f"WITH {events('c.region AS region', OF_COUNTRY)} SELECT STRFTIME(day, '%Y-%m') AS m, region, owed FROM ({owed('region')}) ORDER BY 1, 2",
        1.2,
    ),
    "DPO, 24 months": (
        MetricQuery(metrics=("dpo_purchases",), group_by=("month",), period=YEARS),
        f"WITH {events()}, {TWENTY_MONTHS} SELECT STRFTIME(o.day, '%Y-%m') AS m, o.owed / b.amount * 90 FROM ({owed()}) o JOIN bought90 b ON b.day = o.day ORDER BY 1",
        1.2,
    ),
    "DPO by region, 24 months": (
        MetricQuery(metrics=("dpo_purchases",), group_by=("month", "region"), period=YEARS),
        f"WITH {events('c.region AS region', OF_COUNTRY)}, {BY_REGION} SELECT STRFTIME(o.day, '%Y-%m') AS m, o.region, o.owed / b.amount * 90 FROM ({owed('region')}) o JOIN bought90 b ON b.day = o.day AND b.region = o.region ORDER BY 1, 2",
        1.2,
    ),
}  # fmt: skip


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--file", type=Path, help="keep the mirror here, or use the one that is there")
    parser.add_argument("--only", default="", help="questions whose name holds these words")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = chosen.file or Path(folder) / "speed.duckdb"
        if not file.exists():
            took, _ = timed(lambda: write_wide_mirror(file, chosen.invoices))
            print(f"generated {chosen.invoices:,} invoices in {took / 1000:.1f} s")
        layer = SemanticLayer.load(file, time_limit=300)
        layer.rollups_from = 10**12
        failed = compare(layer, chosen.rounds, chosen.only)
        rollup(layer)
        compile_times(layer)
        seconds, megabytes = process_start(file)
        print(f"process start to first SQL: {seconds:.2f} s, peak {megabytes:.0f} MB")
        return 1 if failed else 0


def compare(layer: SemanticLayer, rounds: int, only: str) -> int:
    """Time every question on both sides; how many differ."""
    snapshot = layer.mirror.snapshot()
    hand = duckdb.connect(str(snapshot.file), read_only=True, config=CONFIG)
    print("milliseconds of processor time")
    print(f"{'question':<44}{'by hand':>9}{'ours':>8}{'ratio':>7}{'end to end':>12}{'goal':>6}  rows")
    failed = 0
    for name, (query, sql, goal) in ((n, q) for n, q in QUESTIONS.items() if only in n):
        result = layer.query(query)
        equal = same(result, hand.execute(sql).fetchall())
        pairs = []
        for turn in range(rounds):
            layer.cache = type(layer.cache)()
            sides: list[tuple[str, Callable[[], Any]]] = [
                ("ours", lambda statements=result.sql: [snapshot.run(s) for s in statements]),  # type: ignore[misc]
                ("hand", lambda s=sql: hand.execute(s).fetchall()),  # type: ignore[misc]
                ("whole", lambda q=query: layer.query(q)),  # type: ignore[misc]
            ]
            taken = {side: worked(run) for side, run in (sides if turn % 2 else sides[::-1])}
            pairs.append((taken["hand"], taken["ours"], taken["whole"]))
        by_hand, ours = (statistics.median(pair[i] for pair in pairs) for i in range(2))
        ratios = [statistics.median(pair[i] / pair[0] for pair in pairs) for i in (1, 2)]
        verdict = "equal" if equal else "DIFFERENT"
        row = f"{name:<44}{by_hand:>9.0f}{ours:>8.0f}{ratios[0]:>7.2f}{ratios[1]:>12.2f}{goal:>6.2f}"
        print(f"{row}  {verdict}, {'met' if ratios[1] <= goal else 'missed'}", flush=True)
        failed += not equal
    return failed


def rollup(layer: SemanticLayer) -> None:
    """Balances from sums by month: how long the first question takes, which makes them, and the next ones."""
    layer.rollups_from = 0
    for name, (query, _, _) in ((n, q) for n, q in QUESTIONS.items() if "open payables" in n):
        layer.cache = type(layer.cache)()
        took = [timed(lambda q=query: layer.query(q))[0]]  # type: ignore[misc]
        for _ in range(5):
            layer.cache = type(layer.cache)()
            took.append(timed(lambda q=query: layer.query(q))[0])  # type: ignore[misc]
        print(f"{name}, sums by month: first {took[0]:,.0f} ms, then {statistics.median(took[1:]):.0f} ms")


def compile_times(layer: SemanticLayer) -> None:
    """Resolve, compile and guard, for questions not seen before: another first day each time."""
    taken = []
    for turn in range(40):
        for query, _, _ in QUESTIONS.values():
            period = query.period or YEAR
            fresh = query.model_copy(update={"period": Period(date(2023, 1, 1 + turn % 28), period.end)})
            taken.append(timed(lambda q=fresh: layer.explain(q))[0])  # type: ignore[misc]
    taken.sort()
    print(f"compile and check: median {statistics.median(taken):.1f} ms, p95 {taken[int(len(taken) * 0.95)]:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
