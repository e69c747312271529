"""Each metric against figures worked out by hand; the books stand in the test's docstring or body."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer, Value

Publish = Callable[[Any], SemanticLayer]
Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def figure(layer: SemanticLayer, metric: str, period: Period = Q1, **extra: Any) -> Value:
    """The total of one metric over a period."""
    return layer.query(MetricQuery(metrics=(metric,), period=period, **extra)).total[metric]


def table(layer: SemanticLayer, metric: str, *by: str, period: Period = Q1) -> dict[Value, Value]:
    """One metric by dimensions, as {first dimension: value}."""
    result = layer.query(MetricQuery(metrics=(metric,), group_by=by, period=period))
    return dict(zip(result.column(by[0]), result.column(metric), strict=True))


def test_open_ap_nets_payments_and_credit_notes(books: Any, publish: Publish) -> None:
    """1,000 approved 1 Mar, 400 paid 10 Mar, a credit note of -100 approved 12 Mar: 500 owed on 15 Mar, 1,000 on 9 Mar."""
    books.invoice(1, "1000", dated="2026-03-01", paid=[("2026-03-10", "400")])
    books.invoice(2, "-100", dated="2026-03-12", document_type="Credit Note", is_credit_note=True)
    layer = publish(books)

    assert figure(layer, "open_ap", Period(date(2026, 3, 15), date(2026, 3, 15))) == Decimal("500.00")
    assert figure(layer, "open_ap", Period(date(2026, 3, 9), date(2026, 3, 9))) == Decimal("1000.00")


def test_an_invoice_counts_from_its_last_approval(books: Any, publish: Publish) -> None:
    """Dated 1 Mar, approved 20 Mar: not owed on the 19th, owed on the 20th."""
    books.invoice(1, "100", dated="2026-03-01", approved="2026-03-20")
    layer = publish(books)

    assert figure(layer, "open_ap", Period(date(2026, 3, 19), date(2026, 3, 19))) == Decimal("0.00")
    assert figure(layer, "open_ap", Period(date(2026, 3, 20), date(2026, 3, 20))) == Decimal("100.00")


@pytest.mark.parametrize("status", ["pending_approval", "disputed", "voided", "rejected", "draft"])
def test_only_approved_documents_are_owed(books: Any, publish: Publish, status: str) -> None:
    """A document in any other status is not in the balance, in spend or in purchases."""
    books.invoice(1, "100", dated="2026-03-01", status=status)
    books.invoice(2, "7", dated="2026-03-01")
    layer = publish(books)

    assert figure(layer, "open_ap") == Decimal("7.00")
    assert figure(layer, "spend") == Decimal("7.00")
    assert figure(layer, "purchases") == Decimal("7.00")


def test_a_discount_taken_settles_its_part(books: Any, publish: Publish) -> None:
    """13,200 at 2 % paid with 12,936: nothing is owed after the payment, and 264 were captured."""
    books.invoice(1, "13200", dated="2026-03-01", payment_term_id=2, paid=[("2026-03-09", "12936")], discount="264")
    layer = publish(books)

    assert figure(layer, "open_ap") == Decimal("0.00")
    assert figure(layer, "discount_captured") == Decimal("264.00")


def test_a_discount_without_coupa_pay_is_read_from_the_short_payment(books: Any, publish: Publish) -> None:
    """Paid in full with 98 of 100 under 2/10: the missing 2 equal the offer, so they are the discount."""
    books.invoice(1, "100", dated="2026-03-01", payment_term_id=2, paid=[("2026-03-09", "98")], discount_percent=None)
    books.rows["invoices"][-1]["paid"] = True
    layer = publish(books)

    assert figure(layer, "discount_captured") == Decimal("2.00")
    assert figure(layer, "open_ap") == Decimal("0.00")


def test_ageing_boundaries(books: Any, publish: Publish) -> None:
    """As of 31 Mar: due that day is not due; 1 day late is 1-30; 30 days is 1-30; 31 is 31-60; 90 is 61-90; 91 is 90+."""
    for number, (due, _) in enumerate(
        [
            ("2026-03-31", 0),
            ("2026-03-30", 1),
            ("2026-03-01", 30),
            ("2026-02-28", 31),
            ("2025-12-31", 90),
            ("2025-12-30", 91),
        ]
    ):
        books.invoice(number, str(10**number), dated="2025-12-01", due=due)
    books.invoice(9, "7", dated="2026-01-01")
    layer = publish(books)

    assert table(layer, "ap_ageing", "ageing_bucket") == {
        "Not due": Decimal("1.00"),
        "1-30": Decimal("110.00"),
        "31-60": Decimal("1000.00"),
        "61-90": Decimal("10000.00"),
        "90+": Decimal("100000.00"),
        "(no due date)": Decimal("7.00"),
    }
    assert figure(layer, "past_due_ap") == Decimal("111110.00")
    assert figure(layer, "past_due_count") == 5


def test_past_due_over_time_follows_due_dates(books: Any, publish: Publish) -> None:
    """Due 10 Feb, paid 5 Mar: past due at the end of February only."""
    books.invoice(1, "100", dated="2026-01-10", due="2026-02-10", paid=[("2026-03-05", "100")])
    layer = publish(books)

    assert table(layer, "past_due_ap", "month") == {
        "2026-01": Decimal("0.00"),
        "2026-02": Decimal("100.00"),
        "2026-03": Decimal("0.00"),
    }


def test_dpo_on_purchases(books: Any, publish: Publish) -> None:
    """Open 1,450 of 3,000 bought in the 90 days to 31 Mar: 1,450 / 3,000 x 90 = 43.5; 30 Dec 2025 is outside, 31 Dec is day 91."""
    books.invoice(1, "1450", dated="2026-03-10")
    books.invoice(2, "1550", dated="2026-01-01", paid=[("2026-02-01", "1550")])
    books.invoice(3, "9999", dated="2025-12-31", paid=[("2026-01-15", "9999")])
    layer = publish(books)

    assert figure(layer, "dpo_purchases") == Decimal("43.500000")
    result = layer.query(MetricQuery(metrics=("dpo_purchases",), period=Q1))
    assert result.records()[0]["open_ap"] == Decimal("1450.00")
    assert result.records()[0]["purchases_90d"] == Decimal("3000.00")


def test_dpo_of_groups_is_a_ratio_of_sums(books: Any, publish: Publish) -> None:
    """Alpha 90 days on 100, Beta 0 days on 900: the total is 9 days, not the mean of 45."""
    books.supplier(2, "Beta")
    books.invoice(1, "100", dated="2026-03-01")
    books.invoice(2, "900", dated="2026-03-01", supplier=2, paid=[("2026-03-02", "900")])
    layer = publish(books)

    assert table(layer, "dpo_purchases", "supplier") == {"Alpha": Decimal(90), "Beta": Decimal(0)}
    assert figure(layer, "dpo_purchases") == Decimal(9)


def test_days_to_pay_weighs_by_amount(books: Any, publish: Publish) -> None:
    """900 paid after 40 days and 100 after 10 days: 37 days."""
    books.invoice(1, "900", dated="2026-01-10", paid=[("2026-02-19", "900")])
    books.invoice(2, "100", dated="2026-01-10", paid=[("2026-01-20", "100")])
    layer = publish(books)

    assert figure(layer, "dpo_paid") == Decimal(37)


def test_days_beyond_terms_nets_early_and_late(books: Any, publish: Publish) -> None:
    """100 paid 10 days late and 300 paid 2 days early: 1 day; a document without a due date is left out and said."""
    books.invoice(1, "100", dated="2026-01-10", due="2026-02-09", paid=[("2026-02-19", "100")])
    books.invoice(2, "300", dated="2026-01-10", due="2026-02-09", paid=[("2026-02-07", "300")])
    books.invoice(3, "50", dated="2026-01-10", paid=[("2026-02-07", "50")])
    layer = publish(books)

    assert figure(layer, "days_beyond_terms") == Decimal(1)
    result = layer.query(MetricQuery(metrics=("days_beyond_terms",), period=Q1))
    assert result.caveats == ("1 payments without due date left out.",)


def test_weighted_average_terms(books: Any, publish: Publish) -> None:
    """1,000 at 60 days and 3,000 at 30 days: 37.5 days."""
    books.invoice(1, "1000", dated="2026-01-10", due="2026-03-11")
    books.invoice(2, "3000", dated="2026-01-10", due="2026-02-09")
    layer = publish(books)

    assert figure(layer, "wapt") == Decimal("37.5")


def test_on_time_counts_the_last_part(books: Any, publish: Publish) -> None:
    """Two parts, the second late: the invoice is late. Unpaid ones do not count. On the due date is on time."""
    books.invoice(1, "100", dated="2026-01-10", due="2026-02-09", paid=[("2026-02-01", "50"), ("2026-02-10", "50")])
    books.invoice(2, "100", dated="2026-01-10", due="2026-02-09", paid=[("2026-02-09", "100")])
    books.invoice(3, "100", dated="2026-01-10", due="2026-02-09")
    layer = publish(books)

    assert figure(layer, "on_time_rate") == Decimal("0.5")


def test_discount_cohort_adds_up(books: Any, publish: Publish) -> None:
    """Offers of 2, 4, 6 and 8: captured, missed, still open on 31 Mar (window to 8 Apr), and one on a voided invoice."""
    terms = {"payment_term_id": 2}
    books.invoice(1, "100", dated="2026-03-01", paid=[("2026-03-09", "98")], discount="2", **terms)
    books.invoice(2, "200", dated="2026-03-05", **terms)
    books.invoice(3, "300", dated="2026-03-29", **terms)
    books.invoice(4, "400", dated="2026-03-05", status="voided", **terms)
    layer = publish(books)

    assert figure(layer, "discount_offered") == Decimal("12.00")
    assert figure(layer, "discount_captured") == Decimal("2.00")
    assert figure(layer, "discount_missed") == Decimal("4.00")
    assert figure(layer, "discount_open") == Decimal("6.00")
    assert figure(layer, "discount_capture_rate") == pytest.approx(Decimal(2) / 6, abs=Decimal("0.000001"))


def test_a_window_that_ends_on_the_last_day_is_closed(books: Any, publish: Publish) -> None:
    """2/10 dated 21 Mar ends on 31 Mar, the last complete day: missed, not open."""
    books.invoice(1, "100", dated="2026-03-21", payment_term_id=2)
    layer = publish(books)

    assert figure(layer, "discount_missed") == Decimal("2.00")
    assert figure(layer, "discount_open") == Decimal("0.00")
    assert figure(layer, "discount_open", Period(date(2026, 3, 30), date(2026, 3, 30))) == Decimal("2.00")


def test_a_percent_on_the_invoice_beats_the_term(books: Any, publish: Publish) -> None:
    """10.80 at 2.5 % on the header is 0.27, whatever the term says."""
    books.invoice(1, "10.80", dated="2026-03-01", payment_term_id=2, discount_percent=Decimal("2.5"))
    layer = publish(books)

    assert figure(layer, "discount_offered") == Decimal("0.27")


def test_spend_is_net_and_purchases_are_gross(books: Any, publish: Publish) -> None:
    """1,190 with tax 190 and a credit note of -119 with tax -19: spend 900, purchases 1,071."""
    books.invoice(1, "1190", dated="2026-03-01", tax_amount=Decimal(190))
    books.invoice(
        2, "-119", dated="2026-03-01", tax_amount=Decimal(-19), is_credit_note=True, document_type="Credit Note"
    )
    layer = publish(books)

    assert figure(layer, "spend") == Decimal("900.00")
    assert figure(layer, "purchases") == Decimal("1071.00")
    assert figure(layer, "invoice_count") == 1


def test_cash_per_day_of_dpo(books: Any, publish: Publish) -> None:
    """365 m of purchases in 365 days: one day holds one million."""
    books.invoice(1, "365000000", dated="2025-04-01")
    layer = publish(books)

    assert figure(layer, "cash_per_dpo_day", Period(date(2025, 4, 1), date(2026, 3, 31))) == Decimal("1000000.00")
    assert layer.query(MetricQuery(metrics=("cash_per_dpo_day",))).total["cash_per_dpo_day"] == Decimal("1000000.00")


def test_cycle_time_is_a_median_by_count(books: Any, publish: Publish) -> None:
    """Received to paid in 10, 20 and 60 days: median 20, P90 between the last two (52 by interpolation)."""
    for number, paid in enumerate(["2026-01-20", "2026-01-30", "2026-03-11"], start=1):
        books.invoice(number, "100", dated="2026-01-10", paid=[(paid, "100")])
    layer = publish(books)

    assert figure(layer, "cycle_time") == Decimal(20)
    assert figure(layer, "cycle_time_p90") == Decimal(52)


def test_intercompany_is_left_out_unless_asked(books: Any, publish: Publish) -> None:
    """An affiliate's 900 is not in the figure by default and is all of it when asked for."""
    books.supplier(2, "Affiliate", is_intercompany=True)
    books.invoice(1, "100", dated="2026-03-01")
    books.invoice(2, "900", dated="2026-03-01", supplier=2)
    layer = publish(books)

    assert figure(layer, "open_ap") == Decimal("100.00")
    assert figure(layer, "open_ap", filters=(Filter(field="intercompany", values=("true",)),)) == Decimal("900.00")
    assert figure(
        layer, "open_ap", filters=(Filter(field="intercompany", op="in", values=("true", "false")),)
    ) == Decimal("1000.00")


def test_balances_convert_at_closing_and_flows_at_the_invoice_date(books: Any, publish: Publish) -> None:
    """100 EUR at 1.10 when invoiced and 1.20 at the close: purchases 110, owed 120."""
    books.rate("EUR", "2026-03-01", "1.10")
    books.rate("EUR", "2026-03-30", "1.20")
    books.invoice(1, "100", dated="2026-03-02", currency_code="EUR")
    layer = publish(books)

    assert figure(layer, "purchases", MARCH) == Decimal("110.00")
    assert figure(layer, "open_ap", MARCH) == Decimal("120.00")


def test_filters_by_amount_are_in_the_reporting_currency(books: Any, publish: Publish) -> None:
    """Over 100 USD: 95 EUR at 1.10 pass, 99 USD do not."""
    books.rate("EUR", "2026-03-01", "1.10")
    books.invoice(1, "95", dated="2026-03-01", currency_code="EUR")
    books.invoice(2, "99", dated="2026-03-01")
    layer = publish(books)

    over = (Filter(field="invoice_amount", op=">", values=("100",)),)
    assert figure(layer, "purchases", filters=over) == Decimal("104.50")


def test_compare_aligns_periods_by_position(books: Any, publish: Publish) -> None:
    """Spend 30 in March against 10 in February: +20, with both months' rows side by side."""
    books.invoice(1, "10", dated="2026-02-10")
    books.invoice(2, "30", dated="2026-03-10")
    layer = publish(books)

    february = Period(date(2026, 2, 1), date(2026, 2, 28))
    result = layer.query(MetricQuery(metrics=("spend",), period=MARCH, compare=february))
    assert result.total["spend__previous"] == Decimal("10.00")
    assert result.total["spend__delta"] == Decimal("20.00")


def test_a_flag_and_a_date_are_a_payment(books: Any, publish: Publish) -> None:
    """A ledger that writes back `paid` and the date only: 100 paid on 10 Mar in full, as a payment record would say."""
    books.invoice(1, "100", dated="2026-03-01", due="2026-03-08")
    books.rows["invoices"][-1] |= {"paid": True, "payment_date": date(2026, 3, 10)}
    layer = publish(books)

    assert figure(layer, "open_ap", Period(date(2026, 3, 9), date(2026, 3, 9))) == Decimal("100.00")
    assert figure(layer, "open_ap", Period(date(2026, 3, 10), date(2026, 3, 10))) == Decimal("0.00")
    assert figure(layer, "dpo_paid") == Decimal(9)
    assert figure(layer, "days_beyond_terms") == Decimal(2)
    assert figure(layer, "on_time_rate") == Decimal(0)
