"""Every metric by every grouping and filter, held against an independent reading of the same company.

    python -m benchmarks.sweep                       three companies
    python -m benchmarks.sweep --company tiny:11     one of them: preset and seed

The semantic layer answers from a mirror that `tenor-sync` made over HTTP. The oracle (tests/oracle) reads the raw pages by
itself and works every figure out in plain Python, from the definitions and not from our SQL. Printed are the values
compared and every difference: money to the cent, days and ratios to a millionth. Exit code 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from golden.comparison import METRICS, Figures, by_dimension, by_time, disagreements  # noqa: E402
from oracle.books import Books, Document, open_books  # noqa: E402
from oracle.catalogue import ORDER_FIGURES  # noqa: E402
from oracle.pages import read_company  # noqa: E402
from oracle.periods import Span, last_days, months  # noqa: E402

from semantic_layer import Filter, MetricQuery, Period, QueryError, SemanticLayer  # noqa: E402
from sync.sandbox.app import create_app  # noqa: E402
from sync.sandbox.company.company import build_company  # noqa: E402

TODAY = date(2026, 11, 22)
COMPANIES = ("tiny:7", "tiny:11", "tiny:23")
ALONE = frozenset({"ap_ageing", "ap_age_by_invoice_date", "payments_due", "discount_expiring"})
"""Always by bucket, or over days to come: tests/golden compares these with questions of their own."""
DIMENSIONS = (
    "supplier", "parent", "category", "buying_entity", "region", "currency", "payment_term", "status",
    "entity_country", "supplier_country", "document_type", "channel", "has_discount",
)  # fmt: skip

Keep = Callable[[Document], bool]
Outcome = tuple[str, int, list[str]]

FILTERS: Mapping[str, tuple[tuple[Filter, ...], Keep]] = {
    "all": ((), lambda _: True),
    "EUR": ((Filter(field="currency", values=("EUR",)),), lambda one: one.labels["currency"] == "EUR"),
    "not Net 30": (
        (Filter(field="payment_term", op="!=", values=("Net 30",)),),
        lambda one: one.labels["payment_term"] != "Net 30",
    ),
    "EMEA and APAC": (
        (Filter(field="region", op="in", values=("EMEA", "APAC")),),
        lambda one: one.labels["region"] in {"EMEA", "APAC"},
    ),
}


def mirror_of(preset: str, seed: int, home: Path) -> SemanticLayer:
    """The layer over a mirror of the company, made by the command a user would type."""
    command = [sys.executable, "-m", "sync", "once", "--demo", "--preset", preset, "--seed", str(seed)]
    command += ["--today", TODAY.isoformat(), "--mirror", str(home / "mirror")]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TENOR_")}
    subprocess.run(
        command, cwd=home, env={**clean, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, timeout=900
    )
    return SemanticLayer.load(home / "mirror")


def compared(layer: SemanticLayer, books: Books, span: Span, filters: Sequence[str]) -> Iterator[Outcome]:
    """(what was asked, values compared, differences) of every question."""
    for words in filters:
        conditions, keep = FILTERS[words]
        kept = books if words == "all" else books.narrowed(keep)
        names = [name for name in METRICS if name not in ALONE and (words == "all" or name not in ORDER_FIGURES)]
        for by in (*DIMENSIONS, "month"):
            oracle = by_time(kept, months(span), span) if by == "month" else by_dimension(kept, by, span)
            for metric in (name for name in names if by == "month" or by in layer.legal_dimensions(name)):
                query = MetricQuery(
                    metrics=(metric,), group_by=(by,), filters=conditions, period=Period(span.start, span.end)
                )
                yield _one(layer, query, f"{metric} by {by}, {words}", oracle)


def _one(layer: SemanticLayer, query: MetricQuery, title: str, oracle: Callable[[str], Figures]) -> Outcome:
    metric, by = query.metrics[0], query.group_by[0]
    try:
        result = layer.query(query)
    except QueryError as error:
        return title, 0, [f"refused: {error}"]
    ours: dict[tuple[str, ...], Any] = {(): result.total[metric]}
    ours |= {(str(row[by]),): row[metric] for row in result.records()}
    return title, len(ours), disagreements(metric, ours, oracle(metric))


def main() -> int:
    """Sweep the companies that are asked for; print what was compared and every difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--company", action="append", help="preset:seed, again for more (default: three)")
    parser.add_argument("--days", type=int, default=365, help="length of the period that ends with the data")
    parser.add_argument(
        "--filter", action="append", choices=list(FILTERS), help="again for more (default: all of them)"
    )
    chosen = parser.parse_args()
    worst = 0
    for company in chosen.company or COMPANIES:
        preset, seed = company.split(":")
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            layer = mirror_of(preset, int(seed), Path(folder))
            pages = read_company(create_app(build_company(preset, int(seed), TODAY), rate_limit=False))
            books = open_books(pages, TODAY - timedelta(days=1))
            span = last_days(chosen.days, TODAY - timedelta(days=1))
            questions = values = differences = 0
            for title, count, wrong in compared(layer, books, span, chosen.filter or list(FILTERS)):
                questions, values, differences = questions + 1, values + count, differences + len(wrong)
                for line in wrong[:3]:
                    print(f"  {company} {title}: {line}", flush=True)
        took = time.perf_counter() - started
        print(
            f"{company}: {questions:,} questions, {values:,} values, {differences:,} differences ({took:.0f} s)",
            flush=True,
        )
        worst += differences
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
