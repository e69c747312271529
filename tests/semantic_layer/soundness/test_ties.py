"""Every additive metric by every legal dimension ties to its total, on the company that came over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import MetricQuery, Period, SemanticLayer
from semantic_layer.loader import load_model

MODEL = load_model()
WITH_THE_ORACLE = frozenset(
    [
        "supplier",
        "parent",
        "category",
        "buying_entity",
        "region",
        "currency",
        "payment_term",
        "status",
        "entity_country",
        "supplier_country",
        "document_type",
        "channel",
        "has_discount",
    ]
)
YEAR = Period(date(2026, 1, 1), date(2026, 11, 21))


@pytest.mark.parametrize("metric", MODEL.metrics)
def test_every_legal_grouping_runs_and_ties(layer: SemanticLayer, metric: str) -> None:
    """Parts plus (unassigned) equal the figure asked alone; every check that ran passed; the same text comes out twice.

    The text is compiled again for every third grouping, and by another figure for those between. Of the groupings that
    the oracle has for every figure, group by group (tests/golden), sums leave it every second one here, other figures
    two of three.
    """
    alone = layer.query(MetricQuery(metrics=(metric,), period=YEAR)).total[metric]
    place = list(MODEL.metrics).index(metric)
    found = MODEL.metrics[metric]
    adds_up = found.additive and found.unit == "money" and found.kind != "ratio"
    legal = [name for name in sorted(layer.legal_dimensions(metric)) if MODEL.dimensions[name].groupable]
    compared = WITH_THE_ORACLE if set(legal) >= WITH_THE_ORACLE else frozenset()
    for number, dimension in enumerate(legal):
        if dimension in compared and (number + place) % (2 if adds_up else 3):
            continue
        query = MetricQuery(metrics=(metric,), group_by=(dimension,), period=YEAR)
        result = layer.query(query)
        assert all(check.passed for check in result.checks), (dimension, result.checks)
        if (number + place) % 3 == 0:
            assert result.sql == layer.explain(query)
        assert result.total[metric] == alone, dimension
        if adds_up:
            parts = sum((v for v in result.column(metric) if isinstance(v, Decimal)), Decimal(0))
            assert abs(parts - Decimal(str(alone))) <= Decimal("0.01") * (len(result.rows) + 1)


@pytest.mark.parametrize("metric", [m.name for m in MODEL.metrics.values() if m.kind == "balance"])
def test_the_running_sum_agrees_with_the_scan(layer: SemanticLayer, metric: str) -> None:
    """A balance read from the running sum at twelve month ends is what twelve single questions give."""
    trend = layer.query(
        MetricQuery(metrics=(metric,), group_by=("month",), period=Period(date(2025, 12, 1), date(2026, 11, 21)))
    )
    totals: dict[object, Decimal] = {}  # an ageing has a row for each bucket of a month
    for row in trend.records():
        totals[row["month"]] = totals.get(row["month"], Decimal(0)) + Decimal(str(row[metric]))
    for month, value in totals.items():
        year, number = map(int, str(month).split("-"))
        last = min(date(year + number // 12, number % 12 + 1, 1).toordinal() - 1, YEAR.end.toordinal())
        single = layer.query(
            MetricQuery(metrics=(metric,), period=Period(date(year, number, 1), date.fromordinal(last)))
        )
        assert value == pytest.approx(Decimal(str(single.total[metric])), abs=Decimal("0.03"))


def test_a_key_that_repeats_is_said(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """A country that stands twice in the mirror would count invoices twice by region: the answer does not tie."""
    books.invoice(1, "100", dated="2026-03-01")
    layer = publish(books)
    query = MetricQuery(metrics=("spend",), group_by=("region",))
    assert all(check.passed for check in layer.query(query).checks)
    books.rows["countries"].append(dict(books.rows["countries"][0]))
    failed = [check.detail for check in publish(books).query(query).checks if not check.passed]
    assert failed == ["1 rows of country repeat a key, so amounts count twice"]
