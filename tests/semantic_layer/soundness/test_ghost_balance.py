"""A balance has one as-of date for all groups; what is paid off is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from semantic_layer import MetricQuery, Period, SemanticLayer


def test_a_paid_off_supplier_does_not_come_back(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Beta owed 50 in January and February and is paid off in March: 0 in March, total 90.

    month end | Alpha | Beta
    Jan       | 300   | 50
    Feb       | 150   | 50
    Mar       | 90    | 0
    """
    books.supplier(2, "Beta")
    books.invoice(1, "300", dated="2026-01-05", paid=[("2026-02-10", "150"), ("2026-03-10", "60")])
    books.invoice(2, "50", dated="2026-01-05", supplier=2, paid=[("2026-03-03", "50")])
    layer = publish(books)

    march = layer.query(
        MetricQuery(metrics=("open_ap",), group_by=("supplier",), period=Period(date(2026, 3, 1), date(2026, 3, 31)))
    )
    trend = layer.query(
        MetricQuery(
            metrics=("open_ap",), group_by=("supplier", "month"), period=Period(date(2026, 1, 1), date(2026, 3, 31))
        )
    )

    assert march.rows == (("Alpha", Decimal("90.00")),)
    assert march.total["open_ap"] == Decimal("90.00")
    assert {(r["month"], r["supplier"]): r["open_ap"] for r in trend.records()} == {
        ("2026-01", "Alpha"): Decimal("300.00"), ("2026-01", "Beta"): Decimal("50.00"),
        ("2026-02", "Alpha"): Decimal("150.00"), ("2026-02", "Beta"): Decimal("50.00"),
        ("2026-03", "Alpha"): Decimal("90.00"), ("2026-03", "Beta"): Decimal("0.00"),
    }  # fmt: skip


def test_a_balance_is_not_summed_over_time(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """100 owed at three month ends is 100 at the end, not 300."""
    books.invoice(1, "100", dated="2026-01-05")
    layer = publish(books)

    result = layer.query(
        MetricQuery(metrics=("open_ap",), group_by=("month",), period=Period(date(2026, 1, 1), date(2026, 3, 31)))
    )

    assert result.column("open_ap") == (Decimal("100.00"),) * 3
    assert result.total["open_ap"] == Decimal("100.00")
    assert all(check.passed for check in result.checks)


def test_a_quiet_month_keeps_the_balance(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """No event in February does not mean no balance in February."""
    books.invoice(1, "100", dated="2026-01-05", paid=[("2026-03-05", "100")])
    layer = publish(books)

    result = layer.query(
        MetricQuery(metrics=("open_ap",), group_by=("month",), period=Period(date(2026, 1, 1), date(2026, 3, 31)))
    )

    assert result.column("open_ap") == (Decimal("100.00"), Decimal("100.00"), Decimal("0.00"))
