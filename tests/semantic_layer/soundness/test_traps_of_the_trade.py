"""Traps that payables teams and other tools fall into, each drawn with the wrong number beside the right one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import IllegalGroupingError, MetricQuery, Period, SemanticLayer

Publish = Callable[[Any], SemanticLayer]
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def figure(layer: SemanticLayer, metric: str, period: Period = MARCH) -> Any:
    """The whole figure."""
    return layer.query(MetricQuery(metrics=(metric,), period=period)).total[metric]


def test_the_snippet_that_sums_totals(books: Any, publish: Publish) -> None:
    """Summing `total` gives 100 + 200 EUR - 30 + 500 + 70 = 840. In dollars, netted and recognised only: 100 + 220 - 30 = 290."""
    books.rate("EUR", "2026-03-01", "1.10")
    books.invoice(1, "100", dated="2026-03-02")
    books.invoice(2, "200", dated="2026-03-02", currency_code="EUR")
    books.invoice(3, "-30", dated="2026-03-02", is_credit_note=True, document_type="Credit Note")
    books.invoice(4, "500", dated="2026-03-02", status="posted")  # no status of Coupa
    books.invoice(5, "70", dated="2026-03-02", status="voided")
    assert figure(publish(books), "spend") == Decimal("290.00")


def test_the_basis_of_a_discount_rate_is_in_its_name(books: Any, publish: Publish) -> None:
    """2/10 net 30 is 37.24 % on 365 days, 36.73 % on 360, 44.59 % compounded: three figures with three names."""
    books.invoice(1, "1000", dated="2026-03-02", due="2026-04-01", payment_term_id=2, payment_term_code="2/10 Net 30")
    layer = publish(books)
    shown = {m: round(figure(layer, m), 4) for m in ("discount_apr_simple", "discount_apr_360", "discount_ear")}
    assert shown == {"discount_apr_simple": Decimal("0.3724"), "discount_apr_360": Decimal("0.3673"),
                     "discount_ear": Decimal("0.4459")}  # fmt: skip
    assert len({layer.model.metrics[name].label for name in shown}) == 3
    assert "360" in layer.model.metrics["discount_apr_360"].label


def test_dpo_rises_because_purchases_fell(books: Any, publish: Publish) -> None:
    """Open 900 both times; purchases of 90 days fall from 1,800 to 900, so DPO doubles: both parts stand beside it."""
    books.invoice(1, "900", dated="2025-12-20", due="2026-06-01")
    books.invoice(2, "900", dated="2026-01-25", due="2026-02-20", paid=[("2026-02-01", "900")])
    layer = publish(books)
    seen = []
    for day in (date(2026, 3, 15), date(2026, 3, 31)):
        result = layer.query(MetricQuery(metrics=("dpo_purchases",), period=Period(day, day)))
        seen.append({name: result.records()[0][name] for name in ("dpo_purchases", "open_ap", "purchases_90d")})
    assert [row["open_ap"] for row in seen] == [Decimal("900.00")] * 2
    assert [row["purchases_90d"] for row in seen] == [Decimal("1800.00"), Decimal("900.00")]
    assert [row["dpo_purchases"] for row in seen] == [45, 90]


def test_a_thin_last_run_shows_in_the_path_of_the_quarter(books: Any, publish: Publish) -> None:
    """Open 900 until the 20th and 500 from there, back to 900 on the 31st: the quarter's end alone hides the dip."""
    books.invoice(1, "500", dated="2026-02-01", due="2026-06-01")
    books.invoice(2, "400", dated="2026-02-01", due="2026-03-20", paid=[("2026-03-20", "400")])
    books.invoice(3, "400", dated="2026-03-31", due="2026-04-30")
    layer = publish(books)
    days = MetricQuery(metrics=("open_ap",), group_by=("day",), period=Period(date(2026, 3, 19), date(2026, 3, 31)))
    path = layer.query(days).column("open_ap")
    assert path[0] == path[-1] == Decimal("900.00")
    assert min(Decimal(str(value)) for value in path) == Decimal("500.00")


def test_a_credit_note_that_is_paid_out_has_no_days_to_pay(books: Any, publish: Publish) -> None:
    """1,000 after 20 days and a credit of -500 netted after 2: weighted with it 38 days, and 20 without."""
    books.invoice(1, "1000", dated="2026-03-01", due="2026-03-31", paid=[("2026-03-21", "1000")])
    books.invoice(
        2, "-500", dated="2026-03-19", is_credit_note=True, document_type="Credit Note", paid=[("2026-03-21", "-500")]
    )
    assert figure(publish(books), "dpo_paid") == 20


def test_faster_approval_alone_moves_no_payment(books: Any, publish: Publish) -> None:
    """Two invoices paid on their due day, one approved at once and one on the last day: the same days to pay."""
    books.invoice(1, "100", dated="2026-03-01", due="2026-03-31", approved="2026-03-02", paid=[("2026-03-31", "100")])
    books.supplier(2, "Beta")
    books.invoice(
        2, "100", dated="2026-03-01", due="2026-03-31", approved="2026-03-30", supplier=2, paid=[("2026-03-31", "100")]
    )
    result = publish(books).query(MetricQuery(metrics=("dpo_paid",), group_by=("supplier",), period=MARCH))
    assert set(result.column("dpo_paid")) == {30}


def test_the_offer_is_worked_out_from_the_term(books: Any, publish: Publish) -> None:
    """2 % of 1,000 is 20, whatever window or amount a supplier typed beside it; a percent on the invoice itself beats the term."""
    offer = {"payment_term_id": 2, "payment_term_code": "2/10 Net 30"}
    books.invoice(1, "1000", dated="2026-03-02", due="2026-04-01", **offer)
    books.invoice(2, "1000", dated="2026-03-02", due="2026-04-01", discount_percent=Decimal(3), **offer)
    assert figure(publish(books), "discount_offered") == Decimal("50.00")


def test_statutory_interest_is_named_a_maximum(layer: SemanticLayer) -> None:
    """Few suppliers claim: the definition that stands under the figure says so."""
    metric = layer.model.metrics["late_interest_exposure"]
    assert "maximum" in metric.definition.lower()


def test_a_parent_that_is_empty_is_the_supplier_itself(books: Any, publish: Publish) -> None:
    """Two of one holding make 60 of 100: shares of 60 and 40 squared are 5,200; by supplier it would be 3,400."""
    for number, (amount, parent) in enumerate((("30", "Holding"), ("30", "Holding"), ("40", None)), start=2):
        books.supplier(number, f"S{number}", parent_name=parent)
        books.invoice(number, amount, dated="2026-03-02", supplier=number)
    assert figure(publish(books), "hhi") == 5200


def test_the_fixture_that_other_layers_fail(books: Any, publish: Publish) -> None:
    """Invoices of 100, 200, 50 and 70 (unknown supplier), payments of 150, credits of 10: 420, 150 and 10 at once.

    By supplier 300, 50 and 70 unassigned, and never by payment method, where they read 400 or 520. No grouping comes
    unasked: the whole is one row.
    """
    books.supplier(2, "Beta")
    books.invoice(1, "100", dated="2026-03-01", paid=[("2026-03-10", "60"), ("2026-03-12", "40")])
    books.invoice(2, "200", dated="2026-03-01", paid=[("2026-03-11", "50")])
    books.invoice(3, "50", dated="2026-03-02", supplier=2)
    books.invoice(4, "70", dated="2026-03-02", supplier=99)
    books.invoice(5, "-10", dated="2026-03-03", supplier=2, is_credit_note=True, document_type="Credit Note")
    layer = publish(books)
    facts = ("average_invoice_value", "payments_made", "unapplied_credits", "invoice_count")
    result = layer.query(MetricQuery(metrics=facts, period=MARCH))
    assert len(result.rows) == 1
    assert (result.total["average_invoice_value"], result.total["invoice_count"]) == (Decimal("105.00"), 4)  # 420 / 4
    assert (result.total["payments_made"], result.total["unapplied_credits"]) == (Decimal("150.00"), Decimal("-10.00"))
    grouped = layer.query(MetricQuery(metrics=("purchases",), group_by=("supplier",), period=MARCH))
    assert dict(grouped.rows) == {
        "Alpha": Decimal("300.00"),
        "Beta": Decimal("40.00"),
        "(unassigned)": Decimal("70.00"),
    }
    with pytest.raises(IllegalGroupingError):
        layer.query(MetricQuery(metrics=("purchases",), group_by=("approver",), period=MARCH))
