"""A figure never changes because something else joined its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from semantic_layer import MetricQuery, Period, SemanticLayer

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))


def test_several_payments_and_approvals_leave_the_invoice_whole(
    books: Any, publish: Callable[[Any], SemanticLayer]
) -> None:
    """Invoice 100, three payments, two approvals, two lines: spend is 100, not 600.

    invoice | payments   | approvals
    100     | 30, 30, 40 | 1, 2
    """
    books.invoice(1, "100", dated="2026-03-01", paid=[("2026-03-05", "30"), ("2026-03-06", "30"), ("2026-03-07", "40")])
    books.add(
        "approvals",
        id=99,
        approvable_type="InvoiceHeader",
        approvable_id=1,
        status="approved",
        approval_date=date(2026, 3, 1),
    )
    books.add("invoice_lines", id=1, invoice_id=1, total=Decimal(50))
    books.add("invoice_lines", id=2, invoice_id=1, total=Decimal(50))
    layer = publish(books)

    result = layer.query(MetricQuery(metrics=("spend", "dpo_paid", "invoice_count"), group_by=("supplier",), period=Q1))

    assert result.records()[0]["spend"] == Decimal("100.00")
    assert result.records()[0]["invoice_count"] == 1


def test_three_facts_in_one_answer_keep_their_totals(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """420 invoiced, 150 paid, so 270 owed; by supplier nothing is lost or doubled."""
    books.supplier(2, "Beta")
    books.invoice(1, "100", dated="2026-02-01", paid=[("2026-02-10", "100")])
    books.invoice(2, "200", dated="2026-02-01")
    books.invoice(3, "50", dated="2026-02-01", supplier=2, paid=[("2026-02-10", "25"), ("2026-02-20", "25")])
    books.invoice(4, "70", dated="2026-02-01", supplier=2)
    layer = publish(books)

    result = layer.query(
        MetricQuery(metrics=("purchases", "open_ap", "discount_missed"), group_by=("supplier",), period=Q1)
    )

    assert result.total["purchases"] == Decimal("420.00")
    assert result.total["open_ap"] == Decimal("270.00")
    assert {(r["supplier"], r["purchases"], r["open_ap"]) for r in result.records()} == {
        ("Alpha", Decimal("300.00"), Decimal("200.00")),
        ("Beta", Decimal("120.00"), Decimal("70.00")),
    }


def test_an_unrelated_payment_changes_no_invoice_total(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Adding a payment to one invoice moves what is owed and leaves spend alone."""
    books.invoice(1, "100", dated="2026-02-01")
    books.invoice(2, "200", dated="2026-02-01")
    before = publish(books).query(MetricQuery(metrics=("spend", "open_ap"), period=Q1)).total
    books.add("invoice_payments", id=500, invoice_id=2, amount_paid=Decimal(40), payment_date=date(2026, 3, 1))
    after = publish(books).query(MetricQuery(metrics=("spend", "open_ap"), period=Q1)).total

    assert after["spend"] == before["spend"]
    assert before["open_ap"] - after["open_ap"] == Decimal("40.00")  # type: ignore[operator]
