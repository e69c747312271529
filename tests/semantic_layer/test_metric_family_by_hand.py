"""More metrics worked out on paper: relatives of DPO, discounts, commitments, the process, concentration, the law."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.results import Value

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
Publish = Callable[[Any], SemanticLayer]
NEAR = Decimal("0.000001")


def figure(layer: SemanticLayer, metric: str, period: Period | None = Q1, **query: Any) -> Value:
    """One metric's total."""
    return layer.query(MetricQuery(metrics=(metric,), period=period, **query)).total[metric]


def order_line(books: Any, id: int, total: str, *, made: str = "2026-01-05", **line: Any) -> None:
    """An issued order of one line."""
    books.add(
        "purchase_orders",
        id=id,
        po_number=str(id),
        status="issued",
        supplier_id=1,
        currency_code="USD",
        created_date=date.fromisoformat(made),
        **{key: line.pop(key) for key in ("payment_term_id",) if key in line},
    )
    books.add(
        "purchase_order_lines",
        **{
            "id": id,
            "purchase_order_id": id,
            "type": "OrderQuantityLine",
            "status": "created",
            "total": Decimal(total),
            **line,
        },
    )


def receipt(books: Any, line: int, total: str, *, on: str = "2026-02-01", **values: Any) -> None:
    """A receiving transaction of an order line."""
    books.add(
        "receiving_transactions",
        **{
            "id": len(books.rows.get("receiving_transactions", ())) + 1,
            "type": "ReceivingQuantityConsumption",
            "status": "created",
            "order_line_id": line,
            "total": Decimal(total),
            "transaction_date": date.fromisoformat(on),
            **values,
        },
    )


def invoice_line(books: Any, invoice: int, total: str, **values: Any) -> None:
    """A line of an invoice."""
    number = len(books.rows.get("invoice_lines", ())) + 1
    books.add("invoice_lines", id=number, invoice_id=invoice, total=Decimal(total), **values)


def test_dpo_by_count_back(books: Any, publish: Publish) -> None:
    """Open 1,450; March (31 days) 1,000 and February (here 28 days) 1,100: 31 + 450 / 1,100 x 28 = 42.454545 days."""
    books.invoice(1, "1000", dated="2026-03-10")
    books.invoice(2, "450", dated="2026-02-10")
    books.invoice(3, "650", dated="2026-02-11", paid=[("2026-02-20", "650")])
    layer = publish(books)

    assert figure(layer, "dpo_countback") == pytest.approx(31 + Decimal(450) / 1100 * 28, abs=NEAR)


def test_count_back_carries_a_month_of_credits_into_the_one_before(books: Any, publish: Publish) -> None:
    """March -100, February 600, January 500; open 800: the record after February is 500 in 59 days, then 300 of 500 x 31."""
    books.invoice(1, "-100", dated="2026-03-10", is_credit_note=True, document_type="Credit Note")
    books.invoice(2, "600", dated="2026-02-10")
    books.invoice(3, "500", dated="2026-01-10", paid=[("2026-02-20", "200")])
    layer = publish(books)

    assert figure(layer, "open_ap") == Decimal("800.00")
    assert figure(layer, "dpo_countback") == pytest.approx(59 + Decimal(300) / 500 * 31, abs=NEAR)


def test_count_back_stops_after_twelve_months(books: Any, publish: Publish) -> None:
    """Owed since 2024, bought 10 in March: the balance is larger than a year of purchases, so March's 31 days are all there is."""
    books.invoice(1, "1000", dated="2024-06-10")
    books.invoice(2, "10", dated="2026-03-10")
    layer = publish(books)

    assert figure(layer, "dpo_countback") == Decimal(31)


def test_count_back_over_months_agrees_with_single_questions(books: Any, publish: Publish) -> None:
    """The trend reads each month end as its own question would."""
    books.invoice(1, "1000", dated="2026-01-10")
    books.invoice(2, "700", dated="2026-02-10", paid=[("2026-03-02", "700")])
    layer = publish(books)

    trend = layer.query(MetricQuery(metrics=("dpo_countback",), group_by=("month",), period=Q1))
    ends = {"2026-01": date(2026, 1, 31), "2026-02": date(2026, 2, 28), "2026-03": date(2026, 3, 31)}
    found = dict(zip(trend.column("month"), trend.column("dpo_countback"), strict=True))
    assert found == {month: figure(layer, "dpo_countback", Period(end, end)) for month, end in ends.items()}


def test_age_of_open_payables(books: Any, publish: Publish) -> None:
    """100 open for 10 days and 300 open for 50 days: 40 days; what was paid does not count."""
    books.invoice(1, "100", dated="2026-03-21")
    books.invoice(2, "300", dated="2026-02-09")
    books.invoice(3, "999", dated="2026-01-01", paid=[("2026-03-01", "999")])
    layer = publish(books)

    assert figure(layer, "dpo_open_age") == pytest.approx(Decimal(40), abs=NEAR)


def test_dpo_if_paid_on_terms(books: Any, publish: Publish) -> None:
    """Due in April but paid in March: on terms 300 would be open, 100 is; the gap is 200 / 300 x 90 = 60 days of room."""
    books.invoice(1, "200", dated="2026-03-01", due="2026-04-10", paid=[("2026-03-05", "200")])
    books.invoice(2, "100", dated="2026-03-01", due="2026-04-10")
    layer = publish(books)

    assert figure(layer, "best_possible_dpo") == Decimal(90)
    assert figure(layer, "dpo_purchases") == Decimal(30)
    assert figure(layer, "dpo_gap") == Decimal(60)


def test_paid_on_terms_means_at_once_when_approved_late(books: Any, publish: Publish) -> None:
    """Due on 10 March, approved on the 20th: never open on terms, and the gap is what we owe beyond them."""
    books.invoice(1, "100", dated="2026-03-01", due="2026-03-10", approved="2026-03-20")
    layer = publish(books)

    assert figure(layer, "best_possible_dpo") == Decimal(0)
    assert figure(layer, "dpo_gap") == Decimal(-90)


def test_days_to_pay_views(books: Any, publish: Publish) -> None:
    """Paid 40 days after its date and 30 after receipt (900), 20 and 10 (100): from receipt 28, median of 20 and 40 is 30."""
    books.invoice(1, "900", dated="2026-01-10", received_date=date(2026, 1, 20), paid=[("2026-02-19", "900")])
    books.invoice(2, "100", dated="2026-01-10", received_date=date(2026, 1, 20), paid=[("2026-01-30", "100")])
    layer = publish(books)

    assert figure(layer, "dpo_paid_received") == Decimal(28)
    assert figure(layer, "days_to_pay_median") == Decimal(30)
    assert figure(layer, "average_days_to_pay") == Decimal(20)


def test_payment_practice_bands(books: Any, publish: Publish) -> None:
    """Paid after 30, 31, 60 and 61 days: one within 30, two in 31 to 60, one after."""
    for number, paid in enumerate(["2026-01-31", "2026-02-01", "2026-03-02", "2026-03-03"], start=1):
        books.invoice(number, "100", dated="2026-01-01", paid=[(paid, "100")])
    layer = publish(books)

    assert figure(layer, "paid_within_30_rate") == Decimal("0.25")
    assert figure(layer, "paid_31_to_60_rate") == Decimal("0.5")
    assert figure(layer, "paid_over_60_rate") == Decimal("0.25")


def test_the_two_halves_of_days_beyond_terms(books: Any, publish: Publish) -> None:
    """100 paid 10 days late and 300 paid 2 days early: 10 late, 2 early, 1 in the mean of both; a quarter by value late."""
    books.invoice(1, "100", dated="2026-01-10", due="2026-02-09", paid=[("2026-02-19", "100")])
    books.invoice(2, "300", dated="2026-01-10", due="2026-02-09", paid=[("2026-02-07", "300")])
    layer = publish(books)

    assert figure(layer, "avg_days_late") == Decimal(10)
    assert figure(layer, "avg_days_early") == Decimal(2)
    assert figure(layer, "days_beyond_terms") == Decimal(1)
    assert figure(layer, "late_rate") == Decimal("0.5")
    assert figure(layer, "on_time_rate_value") == Decimal("0.75")


def test_paid_early_for_nothing(books: Any, publish: Publish) -> None:
    """500 paid 10 days early leak; 200 paid 3 days early are the last run; 98 paid early earned 2; due at once never leaks."""
    books.invoice(1, "500", dated="2026-01-10", due="2026-02-19", paid=[("2026-02-09", "500")])
    books.invoice(2, "200", dated="2026-01-10", due="2026-02-19", paid=[("2026-02-16", "200")])
    books.invoice(
        3, "100", dated="2026-01-10", due="2026-02-19", payment_term_id=2, paid=[("2026-01-15", "98")], discount="2"
    )
    books.invoice(4, "70", dated="2026-02-19", due="2026-02-19", paid=[("2026-02-09", "70")])
    layer = publish(books)

    assert figure(layer, "paid_early_leakage") == Decimal("500.00")
    assert figure(layer, "paid_early_average_cash") == Decimal("55.56")  # 5,000 amount-days over 90 days


def test_terms_of_the_master_and_of_orders(books: Any, publish: Publish) -> None:
    """1,000 from a supplier at 60 days and 3,000 from one at 30: 37.5; the same by order value; one term has no net days."""
    books.add("payment_terms", id=3, code="Net 60", days_for_net_payment=60)
    books.supplier(2, "Beta", payment_term_id=3)
    books.supplier(3, "Gamma")
    books.rows["suppliers"][0]["payment_term_id"] = 1
    books.invoice(1, "3000", dated="2026-01-10")
    books.invoice(2, "1000", dated="2026-01-10", supplier=2)
    books.invoice(3, "500", dated="2026-01-10", supplier=3)
    order_line(books, 11, "1000", payment_term_id=3)
    order_line(books, 12, "3000", payment_term_id=1)
    layer = publish(books)

    assert figure(layer, "wapt_master") == Decimal("37.5")
    assert figure(layer, "wapt_po") == Decimal("37.5")
    assert layer.query(MetricQuery(metrics=("wapt_master",), period=Q1)).caveats == (
        "1 invoices without master term left out.",
    )


def test_shorter_terms_than_agreed(books: Any, publish: Publish) -> None:
    """3,650 invoiced at 30 days on an order at 40: 10 days of it are 100 in cash over a year; equal terms leak nothing."""
    books.add("payment_terms", id=3, code="Net 40", days_for_net_payment=40)
    order_line(books, 11, "3650", payment_term_id=3)
    books.invoice(1, "3650", dated="2026-01-10")
    books.invoice(2, "100", dated="2026-01-10")
    invoice_line(books, 1, "3650", order_line_id=11)
    layer = publish(books)

    assert figure(layer, "term_mismatch_leakage") == Decimal("100.00")
    assert figure(layer, "term_mismatch_count") == 1


def test_run_drift_splits_into_three(books: Any, publish: Publish) -> None:
    """Runs on 5, 12 and 19 March. Due 2 March and paid on the 12th: 3 calendar, 7 missed. Due 2 and approved 6: 3 + 7 not ready."""
    books.invoice(1, "100", dated="2026-02-01", due="2026-03-02", paid=[("2026-03-12", "100")])
    books.invoice(2, "100", dated="2026-02-01", due="2026-03-02", approved="2026-03-06", paid=[("2026-03-12", "100")])
    books.invoice(3, "100", dated="2026-02-01", due="2026-03-10", paid=[("2026-03-05", "100")])
    layer = publish(books)

    assert figure(layer, "run_drift") == Decimal(10)
    assert figure(layer, "run_drift_calendar") == Decimal(3)
    assert figure(layer, "run_drift_missed") == Decimal("3.5")
    assert figure(layer, "run_drift_not_ready") == Decimal("3.5")


def test_payments_made(books: Any, publish: Publish) -> None:
    """Two payments of 400 and a credit of -100 netted: 700 left the account."""
    books.invoice(1, "800", dated="2026-01-10", paid=[("2026-02-01", "400"), ("2026-03-01", "400")])
    books.invoice(2, "-100", dated="2026-01-10", is_credit_note=True, paid=[("2026-03-01", "-100")])
    layer = publish(books)

    assert figure(layer, "payments_made") == Decimal("700.00")


def test_discounts_by_count_and_by_eligibility(books: Any, publish: Publish) -> None:
    """Windows end 11 March. One taken, one ready and not selected, one approved too late, one received too late."""
    terms = {"payment_term_id": 2}
    books.invoice(1, "100", dated="2026-03-01", paid=[("2026-03-05", "98")], discount="2", **terms)
    books.invoice(2, "200", dated="2026-03-01", **terms)
    books.invoice(3, "400", dated="2026-03-01", approved="2026-03-20", **terms)
    books.invoice(4, "800", dated="2026-03-01", received_date=date(2026, 3, 15), approved="2026-03-16", **terms)
    layer = publish(books)

    assert figure(layer, "discount_eligible") == Decimal("6.00")
    assert figure(layer, "discount_capture_rate_operational") == pytest.approx(Decimal(1) / 3, abs=NEAR)
    assert figure(layer, "discount_capture_rate_count") == Decimal("0.25")
    assert figure(layer, "discount_offered_count") == 4
    assert figure(layer, "discount_captured_count") == 1
    assert figure(layer, "discount_missed_count") == 3
    reasons = layer.query(MetricQuery(metrics=("discount_missed",), group_by=("discount_miss_reason",), period=Q1))
    assert dict(zip(reasons.column("discount_miss_reason"), reasons.column("discount_missed"), strict=True)) == {
        "received too late": Decimal("16.00"),
        "approved too late": Decimal("8.00"),
        "ready but not selected": Decimal("4.00"),
    }


def test_a_discount_taken_after_its_window(books: Any, publish: Publish) -> None:
    """2/10 of 1 March paid on the 20th with the discount: captured, and unearned."""
    books.invoice(1, "100", dated="2026-03-01", payment_term_id=2, paid=[("2026-03-20", "98")], discount="2")
    layer = publish(books)

    assert figure(layer, "discount_captured") == Decimal("2.00")
    assert figure(layer, "discount_unearned") == Decimal("2.00")


@pytest.mark.parametrize(
    ("percent", "window", "due", "simple", "on_360", "compound"),
    [
        ("2", 10, 30, "0.3724", "0.3673", "0.4459"),
        ("1", 10, 30, "0.1843", "0.1818", "0.2013"),
        ("0.5", 10, 30, "0.0917", "0.0905", "0.0958"),
        ("2", 10, 60, "0.1490", "0.1469", "0.1589"),
        ("1", 15, 60, "0.0819", "0.0808", "0.0849"),
        ("2", 15, 45, "0.2483", "0.2449", "0.2786"),
        ("3", 10, 90, "0.1411", "0.1392", "0.1491"),
        ("3", 30, 90, "0.1881", "0.1856", "0.2036"),
    ],
)
def test_returns_of_discounts(
    books: Any, publish: Publish, percent: str, window: int, due: int, simple: str, on_360: str, compound: str
) -> None:
    """The table of annual returns: simple on 365 and 360 days, and compound."""
    day = date(2026, 1, 1).toordinal()
    books.invoice(
        1,
        "10000",
        dated="2026-01-01",
        due=date.fromordinal(day + due).isoformat(),
        discount_percent=Decimal(percent),
        discount_due_date=date.fromordinal(day + window),
    )
    layer = publish(books)

    for metric, expected in (("discount_apr_simple", simple), ("discount_apr_360", on_360), ("discount_ear", compound)):
        assert figure(layer, metric) == pytest.approx(Decimal(expected), abs=Decimal("0.0001"))


def test_invoices_in_process_and_blocked(books: Any, publish: Publish) -> None:
    """500 pending approval, 100 disputed, 300 approved, 50 approved of a supplier on hold."""
    books.supplier(2, "Held", on_hold=True)
    books.invoice(1, "500", dated="2026-03-01", status="pending_approval", approved=None)
    books.invoice(2, "100", dated="2026-03-01", status="disputed", approved=None)
    books.invoice(3, "300", dated="2026-03-01")
    books.invoice(4, "50", dated="2026-03-01", supplier=2)
    layer = publish(books)

    assert figure(layer, "in_process_ap") == Decimal("600.00")
    assert figure(layer, "open_ap_incl_process") == Decimal("950.00")
    assert figure(layer, "blocked_ap") == Decimal("150.00")


def test_unapplied_credits_and_share_past_due(books: Any, publish: Publish) -> None:
    """Credits of -100 and -50, the second netted; 200 of 500 invoiced past due, so half of the 400 owed is."""
    books.invoice(1, "-100", dated="2026-03-01", is_credit_note=True)
    books.invoice(2, "-50", dated="2026-03-01", is_credit_note=True, paid=[("2026-03-10", "-50")])
    books.invoice(3, "200", dated="2026-02-01", due="2026-03-10")
    books.invoice(4, "300", dated="2026-02-01", due="2026-04-10")
    layer = publish(books)

    assert figure(layer, "unapplied_credits") == Decimal("-100.00")
    assert figure(layer, "past_due_share") == Decimal("0.5")


def test_age_by_invoice_date_is_another_table(books: Any, publish: Publish) -> None:
    """Dated 30, 31 and 91 days ago, none of them due: 0-30, 31-60 and over 90, while the ageing says not due."""
    books.invoice(1, "1", dated="2026-03-01", due="2026-06-01")
    books.invoice(2, "10", dated="2026-02-28", due="2026-06-01")
    books.invoice(3, "100", dated="2025-12-30", due="2026-06-01")
    layer = publish(books)

    result = layer.query(MetricQuery(metrics=("ap_age_by_invoice_date",), period=Q1))
    assert [tuple(row) for row in result.rows] == [
        ("0-30 days old", Decimal("1.00")),
        ("31-60 days old", Decimal("10.00")),
        ("91+ days old", Decimal("100.00")),
    ]
    ageing = layer.query(MetricQuery(metrics=("ap_ageing",), period=Q1))
    assert [tuple(row) for row in ageing.rows] == [("Not due", Decimal("111.00"))]


def test_received_not_invoiced_is_line_by_line(books: Any, publish: Publish) -> None:
    """Received 100 and 50, invoiced 60 on the first and 80 on the second: 40, for the overbilled line hides nothing."""
    books.invoice(1, "1", dated="2026-01-01")
    for line, received, billed in ((11, "100", "60"), (12, "50", "80")):
        order_line(books, line, "500")
        receipt(books, line, received)
        books.invoice(line, billed, dated="2026-03-01", status="pending_approval", approved=None)
        invoice_line(books, line, billed, order_line_id=line)
    receipt(books, 11, "7", status="voided")
    receipt(books, 11, "5", type="ReceivingQuantityReturnToSupplier", on="2026-03-30")
    layer = publish(books)

    assert figure(layer, "grni", Period(date(2026, 2, 28), date(2026, 2, 28))) == Decimal("150.00")
    assert figure(layer, "grni", Period(date(2026, 3, 29), date(2026, 3, 29))) == Decimal("40.00")
    assert figure(layer, "grni") == Decimal("35.00")


def test_accruals_add_services_and_invoices_in_process(books: Any, publish: Publish) -> None:
    """Received 40, a service of 30 needed by February, 20 net in process; a service needed in May is not due yet."""
    order_line(books, 11, "100")
    receipt(books, 11, "40")
    order_line(books, 12, "30", type="OrderAmountLine", need_by_date=date(2026, 2, 28))
    order_line(books, 13, "90", type="OrderAmountLine", need_by_date=date(2026, 5, 31))
    books.invoice(1, "24", dated="2026-03-01", status="pending_approval", approved=None, tax_amount=Decimal(4))
    layer = publish(books)

    assert figure(layer, "accrual_candidate") == Decimal("90.00")


def test_commitments_end_with_the_invoice(books: Any, publish: Publish) -> None:
    """An order of 100 with 60 invoiced and one of 50 with 80 invoiced: 40 is still bound; closed orders bind nothing."""
    books.invoice(1, "1", dated="2026-01-01")
    for line, total, billed in ((11, "100", "60"), (12, "50", "80")):
        order_line(books, line, total)
        books.invoice(line, billed, dated="2026-02-01")
        invoice_line(books, line, billed, order_line_id=line)
    order_line(books, 13, "999")
    books.rows["purchase_orders"][-1]["status"] = "closed"
    layer = publish(books)

    assert figure(layer, "committed_po", Period(date(2026, 1, 31), date(2026, 1, 31))) == Decimal("150.00")
    assert figure(layer, "committed_po") == Decimal("40.00")


def test_payments_falling_due_look_ahead(books: Any, publish: Publish) -> None:
    """100 due in 5 days, 50 due in 40 days, 70 paid already: the next 30 days need 100, April and May 150."""
    books.invoice(1, "100", dated="2026-03-01", due="2026-04-05")
    books.invoice(2, "50", dated="2026-03-01", due="2026-05-10")
    books.invoice(3, "70", dated="2026-03-01", due="2026-04-05", paid=[("2026-03-20", "70")])
    layer = publish(books)

    assert figure(layer, "payments_due", None) == Decimal("100.00")
    assert figure(layer, "payments_due", Period(date(2026, 4, 1), date(2026, 5, 31))) == Decimal("150.00")


def test_discounts_that_expire_look_ahead(books: Any, publish: Publish) -> None:
    """As of 31 March, 2/10: 4 until 5 April can be taken, 8 was taken, 16 expired on 20 March, 2 lasts until 10 April."""
    terms = {"payment_term_id": 2}
    books.invoice(1, "200", dated="2026-03-26", **terms)
    books.invoice(2, "400", dated="2026-03-26", paid=[("2026-03-28", "392")], discount="8", **terms)
    books.invoice(3, "800", dated="2026-03-10", **terms)
    books.invoice(4, "100", dated="2026-03-31", **terms)
    layer = publish(books)

    assert figure(layer, "discount_expiring", None) == Decimal("6.00")
    assert figure(layer, "discount_expiring", Period(date(2026, 4, 1), date(2026, 4, 7))) == Decimal("4.00")


def test_an_invoice_waits_for_one_approver_at_a_time(books: Any, publish: Publish) -> None:
    """First step decided on 10 March, second asked for on the 5th: on the 8th it waits for Ann, on the 12th for Bob."""
    books.invoice(1, "500", dated="2026-03-01", status="pending_approval", approved=None)
    books.add("users", id=1, fullname="Ann")
    books.add("users", id=2, fullname="Bob")
    for step, (who, status, decided) in enumerate(
        [(1, "approved", date(2026, 3, 10)), (2, "pending_approval", None)], start=1
    ):
        asked = datetime(2026, 3, 5, 12, tzinfo=UTC)
        books.add("approvals", id=step, approvable_type="InvoiceHeader", approvable_id=1, position=step, status=status,
                  approver_id=who, approval_date=decided, created_at=asked, created_date=asked.date())  # fmt: skip
    layer = publish(books)

    for day, who in ((date(2026, 3, 8), "Ann"), (date(2026, 3, 12), "Bob")):
        query = MetricQuery(
            metrics=("pending_approval_count", "pending_approval_value"),
            group_by=("approver",),
            period=Period(day, day),
        )
        assert [tuple(row) for row in layer.query(query).rows] == [(who, 1, Decimal("500.00"))]
    buckets = layer.query(MetricQuery(metrics=("pending_approval_count",), group_by=("waiting_bucket",), period=Q1))
    assert [tuple(row) for row in buckets.rows] == [("11+ days", 1)]


def test_stages_around_approval(books: Any, publish: Publish) -> None:
    """Received on the 1st at noon, sent for approval two days later, approved then, paid ten days on."""
    books.invoice(1, "100", dated="2026-03-01", approved="2026-03-03", paid=[("2026-03-13", "100")],
                  received_at=datetime(2026, 3, 1, 12, tzinfo=UTC))  # fmt: skip
    books.rows["approvals"][-1]["created_date"] = date(2026, 3, 3)
    layer = publish(books)

    assert figure(layer, "cycle_time_submit") == Decimal(2)
    assert figure(layer, "cycle_time_submit_p90") == Decimal(2)
    assert figure(layer, "cycle_time_payment") == Decimal(10)
    assert figure(layer, "cycle_time_payment_p90") == Decimal(10)


def test_touches_exceptions_and_channels(books: Any, publish: Publish) -> None:
    """Of four: one without approval, one rejected; of three recognised two by cXML and portal, one by inbox."""
    books.invoice(1, "100", dated="2026-03-01", approved=None, channel="cxml")
    books.invoice(2, "100", dated="2026-03-01", channel="csp")
    books.invoice(3, "100", dated="2026-03-01", channel="invoice_inbox")
    books.invoice(4, "100", dated="2026-03-01", status="rejected", approved=None)
    books.add("approvals", id=44, approvable_type="InvoiceHeader", approvable_id=4, status="rejected")
    layer = publish(books)

    assert figure(layer, "touchless_rate") == pytest.approx(Decimal(1) / 3, abs=NEAR)
    assert figure(layer, "exception_rate") == Decimal("0.25")
    assert figure(layer, "electronic_rate") == pytest.approx(Decimal(2) / 3, abs=NEAR)


def test_possible_duplicates(books: Any, publish: Publish) -> None:
    """INV-7 and inv 7 months apart, and two of 100.4 and 100 in a week; 101 is over half a percent away, another parent none."""
    books.supplier(2, "Beta")
    books.invoice(1, "500", dated="2026-01-01", invoice_number="INV-7")
    books.invoice(2, "500", dated="2026-03-01", invoice_number="inv 7", paid=[("2026-03-09", "60")])
    books.invoice(3, "100", dated="2026-02-01")
    books.invoice(4, "100.4", dated="2026-02-08")
    books.invoice(5, "101.5", dated="2026-02-08")
    books.invoice(6, "100", dated="2026-02-08", supplier=2)
    layer = publish(books)

    assert figure(layer, "duplicate_count") == 2
    assert figure(layer, "duplicate_risk") == Decimal("600.40")
    assert figure(layer, "duplicate_paid") == Decimal("60.00")


def test_spend_by_line_and_under_management(books: Any, publish: Publish) -> None:
    """60 on an order made before, 25 on one made after, 15 on none, 10 of freight on no line: 60 % managed, 40 maverick."""
    order_line(books, 11, "60")
    order_line(books, 12, "25", made="2026-03-05")
    books.invoice(1, "110", dated="2026-03-01")
    invoice_line(books, 1, "60", order_line_id=11, account_name="IT")
    invoice_line(books, 1, "25", order_line_id=12, account_name="IT")
    invoice_line(books, 1, "15", account_name="Travel")
    layer = publish(books)

    assert figure(layer, "spend") == Decimal("110.00")
    assert figure(layer, "line_spend") == Decimal("100.00")
    assert figure(layer, "spend_under_management") == Decimal("0.6")
    assert figure(layer, "maverick_spend") == Decimal("40.00")
    by_account = layer.query(MetricQuery(metrics=("line_spend",), group_by=("account",), period=Q1))
    assert dict(by_account.rows) == {"IT": Decimal("85.00"), "Travel": Decimal("15.00")}


def test_concentration(books: Any, publish: Publish) -> None:
    """Parents with 50, 30 and 20 (Gamma and Delta belong to one): HHI 3,800, two make 80 %, the tail is 20."""
    books.supplier(2, "Beta")
    books.supplier(3, "Gamma", parent_name="Greek")
    books.supplier(4, "Delta", parent_name="Greek")
    for supplier, amount in ((1, "50"), (2, "30"), (3, "15"), (4, "5")):
        books.invoice(supplier, amount, dated="2026-03-01", supplier=supplier)
    books.invoice(9, "-3", dated="2026-01-01", is_credit_note=True, supplier=2)
    layer = publish(books)

    assert figure(layer, "hhi", MARCH) == 3800
    assert figure(layer, "suppliers_for_80", MARCH) == 2
    assert figure(layer, "tail_spend", MARCH) == Decimal("20.00")
    assert figure(layer, "active_suppliers", MARCH) == 4
    assert figure(layer, "top_10_share", MARCH) == Decimal(1)


def test_share_of_the_ten_largest(books: Any, publish: Publish) -> None:
    """Eleven suppliers with 10 each: ten of eleven; a supplier with net credits is no share of anything."""
    for number in range(2, 13):
        books.supplier(number, f"S{number}")
        books.invoice(number, "10", dated="2026-03-01", supplier=number)
    books.invoice(1, "-5", dated="2026-03-01", is_credit_note=True)
    layer = publish(books)

    assert figure(layer, "top_10_share") == pytest.approx(Decimal(10) / 11, abs=NEAR)


def test_average_invoice_value(books: Any, publish: Publish) -> None:
    """Invoices of 100 and 300 and a credit note of -50: 200."""
    books.invoice(1, "100", dated="2026-03-01")
    books.invoice(2, "300", dated="2026-03-01")
    books.invoice(3, "-50", dated="2026-03-01", is_credit_note=True)
    layer = publish(books)

    assert figure(layer, "average_invoice_value") == Decimal("200.00")


def test_legal_caps_on_terms(books: Any, publish: Publish) -> None:
    """A German invoice at 61 days breaks the cap of 60, one at 60 does not, one of the United States has none."""
    books.invoice(1, "100", dated="2026-01-01", due="2026-03-03", entity_country_code="DE")
    books.invoice(2, "100", dated="2026-01-01", due="2026-03-02", entity_country_code="DE")
    books.invoice(3, "100", dated="2026-01-01", due="2026-06-01")
    layer = publish(books)

    assert figure(layer, "term_cap_breaches") == 1
    assert figure(layer, "term_cap_breach_value") == Decimal("100.00")


def test_statutory_interest(books: Any, publish: Publish) -> None:
    """EUR 50,000 paid 12 days late at 10.15 % is 166.85, and 40 once; in euros at a rate of one."""
    books.rate("EUR", "2026-01-10", "1")
    books.rate("EUR", "2026-02-20", "1")
    books.invoice(1, "50000", dated="2026-01-10", due="2026-02-09", entity_country_code="DE", currency_code="EUR",
                  paid=[("2026-02-21", "50000")])  # fmt: skip
    layer = publish(books)

    assert figure(layer, "late_interest_exposure") == Decimal("206.85")


def test_statutory_interest_changes_with_the_half_year(books: Any, publish: Publish) -> None:
    """36,500 due 21 June and paid 10 July 2025: 9 days at 11.15 % and 10 at 10.15 % are 201.85; part two adds no second 40."""
    books.rate("EUR", "2025-07-08", "2")
    books.invoice(
        1, "36500", dated="2025-05-01", due="2025-06-21", entity_country_code="DE", paid=[("2025-07-10", "36500")]
    )
    layer = publish(books)

    july = Period(date(2025, 7, 1), date(2025, 7, 31))
    assert figure(layer, "late_interest_exposure", july) == Decimal("201.85") + 80


def test_new_metrics_leave_intercompany_out(books: Any, publish: Publish) -> None:
    """An affiliate's order and line are in nobody's commitment by default."""
    books.rows["suppliers"][0]["is_intercompany"] = True
    order_line(books, 11, "100")
    layer = publish(books)

    assert figure(layer, "committed_po") == Decimal("0.00")
    assert figure(layer, "committed_po", filters=(Filter(field="intercompany", values=("true",)),)) == Decimal("100.00")
