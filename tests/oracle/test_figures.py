"""The oracle's own exam: small books whose figures were worked out by hand, with the working in each docstring."""

from datetime import date
from decimal import Decimal

import pytest
from oracle import figures
from oracle import handmade as by_hand
from oracle.books import Books
from oracle.periods import Span, last_days, months, quarters

YEAR = Span(date(2026, 1, 1), date(2026, 12, 31))


def until(day: str) -> Span:
    """The year up to a day."""
    return Span(date(2026, 1, 1), date.fromisoformat(day))


@pytest.fixture
def ledger() -> Books:
    """Seven documents in two currencies.

    | id | what | gross | tax | invoiced | approved | due | paid |
    | 1 | invoice | 1,200 | 200 | 1 Mar | 3 Mar | 31 Mar | 1,200 on 30 Mar |
    | 2 | invoice | 600 | 100 | 10 Mar | 12 Mar | 9 Apr | 200 on 9 Apr, 400 on 19 Apr |
    | 3 | credit note | -240 | -40 | 15 Mar | 15 Mar | 14 Apr | open |
    | 4 | invoice, EUR | 1,000 | 0 | 20 Mar (at 1.10) | 25 Mar | 19 Apr | open |
    | 5 | invoice, no due date | 50 | 0 | 1 Apr | 2 Apr | none | open |
    | 6 | invoice on hold | 9,999 | 0 | 1 Apr | - | 1 May | - |
    | 7 | void invoice | 7,777 | 0 | 1 Apr | 2 Apr | 1 May | - |
    """
    return by_hand.books(
        by_hand.invoice(1, "1200.00", "2026-03-01", tax="200.00", approved="2026-03-03", due="2026-03-31", fully=True,
                        paid=[("2026-03-30", "1200.00")]),
        by_hand.invoice(2, "600.00", "2026-03-10", tax="100.00", approved="2026-03-12", due="2026-04-09", fully=True,
                        paid=[("2026-04-09", "200.00"), ("2026-04-19", "400.00")]),
        by_hand.credit_note(3, "-240.00", "2026-03-15", tax="-40.00", due="2026-04-14"),
        by_hand.invoice(4, "1000.00", "2026-03-20", approved="2026-03-25", due="2026-04-19", currency="EUR"),
        by_hand.invoice(5, "50.00", "2026-04-01", approved="2026-04-02", due=None),
        by_hand.invoice(6, "9999.00", "2026-04-01", due="2026-05-01", status="on_hold"),
        by_hand.invoice(7, "7777.00", "2026-04-01", due="2026-05-01", status="voided"),
        rates=[by_hand.rate("EUR", day, rate) for day, rate in
               [("2026-03-20", "1.10"), ("2026-03-31", "1.20"), ("2026-04-15", "1.25"), ("2026-04-20", "1.30")]],
    )  # fmt: skip


def test_spend_and_purchases(ledger: Books) -> None:
    """March: net 1000 + 500 - 200 + 1000 EUR * 1.10 = 2,400; gross 1200 + 600 - 240 + 1100 = 2,660. April: 50, not the held one."""
    march, april = Span(date(2026, 3, 1), date(2026, 3, 31)), Span(date(2026, 4, 1), date(2026, 4, 30))
    assert (figures.spend(ledger, march), figures.purchases(ledger, march)) == (2400, 2660)
    assert figures.purchases(ledger, april) == 50


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-02", 0), ("2026-03-03", 1200), ("2026-03-31", 1560), ("2026-04-15", 1460), ("2026-04-20", 1110)],
)
def test_open_ap(ledger: Books, day: str, expected: int) -> None:
    """Open AP at the day's closing rate.

    31 March: 600 - 240 + 1000 * 1.20 = 1,560 (document 1 was paid on the 30th).
    15 April: 400 - 240 + 1250 + 50 = 1,460. 20 April: -240 + 1300 + 50 = 1,110.
    """
    assert figures.open_ap(ledger, until(day)) == expected


def test_past_due(ledger: Books) -> None:
    """15 April: 400 of document 2 and -240 of the credit note are past due; document 4, due on the 19th, joins on the 20th."""
    assert figures.past_due_ap(ledger, until("2026-04-15")) == 160
    assert figures.past_due_ap(ledger, until("2026-04-19")) == Decimal(-240)
    assert figures.past_due_ap(ledger, until("2026-04-20")) == 1060


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-5, "Not due"),
        (0, "Not due"),
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "90+"),
    ],
)
def test_ageing_boundaries(days: int, bucket: str) -> None:
    """The due day itself is not late; days 30, 60 and 90 close their buckets."""
    due = date(2026, 3, 31)
    assert figures.ageing_bucket(due, date.fromordinal(due.toordinal() + days)) == bucket


def test_ageing_adds_up_to_open_ap(ledger: Books) -> None:
    """20 April: not due 0; 1-30 days -240 + 1300 = 1,060; no due date 50; together 1,110."""
    day = date(2026, 4, 20)
    found = {
        label: figures.ap_ageing(part, until("2026-04-20")) for label, part in figures.by_ageing(ledger, day).items()
    }
    assert {label: value for label, value in found.items() if value} == {"1-30": 1060, "(no due date)": 50}
    assert sum(found.values()) == figures.open_ap(ledger, until("2026-04-20"))


def test_dpo_purchases(ledger: Books) -> None:
    """15 April: open AP 1,460 over purchases since 16 January of 2,710, times 90 = 48.487 days."""
    assert figures.dpo_purchases(ledger, until("2026-04-15")) == Decimal(1460 * 90) / 2710


def test_dpo_window_is_ninety_days_with_its_last_day() -> None:
    """100 invoiced on 2 January falls out of the window of 2 April and is in that of 1 April: 200 * 90 / 100, then / 200."""
    books = by_hand.books(by_hand.invoice(1, "100.00", "2026-01-02"), by_hand.invoice(2, "100.00", "2026-02-01"))
    assert figures.dpo_purchases(books, until("2026-04-01")) == 90
    assert figures.dpo_purchases(books, until("2026-04-02")) == 180


def test_dpo_without_purchases_is_no_number() -> None:
    """Nothing invoiced in the window: nothing to divide by."""
    assert figures.dpo_purchases(by_hand.books(), YEAR) is None


def test_dpo_paid_and_days_beyond_terms(ledger: Books) -> None:
    """March: 29 days, 1 early. April: (200 * 30 + 400 * 40) / 600 = 36.67 days, (200 * 0 + 400 * 10) / 600 = 6.67 late."""
    march, april = Span(date(2026, 3, 1), date(2026, 3, 31)), Span(date(2026, 4, 1), date(2026, 4, 30))
    assert (figures.dpo_paid(ledger, march), figures.days_beyond_terms(ledger, march)) == (29, -1)
    assert figures.dpo_paid(ledger, april) == Decimal(22000) / 600
    assert figures.days_beyond_terms(ledger, april) == Decimal(4000) / 600


def test_payment_timing_weighs_with_the_rate_of_the_invoice_date() -> None:
    """USD 110 paid after 10 days, EUR 100 (1.10 when invoiced, 2.00 when paid) after 20: (110 * 10 + 110 * 20) / 220 = 15."""
    books = by_hand.books(
        by_hand.invoice(1, "110.00", "2026-03-01", paid=[("2026-03-11", "110.00")]),
        by_hand.invoice(2, "100.00", "2026-03-01", paid=[("2026-03-21", "100.00")], currency="EUR"),
        rates=[by_hand.rate("EUR", "2026-03-01", "1.10"), by_hand.rate("EUR", "2026-03-21", "2.00")],
    )
    assert figures.dpo_paid(books, YEAR) == 15


def test_wapt(ledger: Books) -> None:
    """Net days 30 each for documents 1, 2, 4, 6; one of 60 days and 300 would give (1200*30 + 300*60) / 1500 = 36 with the first."""
    assert figures.wapt(ledger, YEAR) == 30
    books = by_hand.books(
        by_hand.invoice(1, "1200.00", "2026-03-01", due="2026-03-31"),
        by_hand.invoice(2, "300.00", "2026-03-01", due="2026-04-30"),
        by_hand.invoice(3, "5000.00", "2026-03-01", due=None),
        by_hand.credit_note(4, "-900.00", "2026-03-01", due="2026-03-01"),
    )
    assert figures.wapt(books, YEAR) == 36


def test_on_time_rate(ledger: Books) -> None:
    """Document 1 paid before its due date, document 2 (its last part) ten days after: one of two; on the due date is on time."""
    assert figures.on_time_rate(ledger, YEAR) == Decimal("0.5")
    exact = by_hand.invoice(1, "10.00", "2026-03-01", due="2026-03-31", fully=True, paid=[("2026-03-31", "10.00")])
    assert figures.on_time_rate(by_hand.books(exact), YEAR) == 1


@pytest.fixture
def offers() -> Books:
    """Six offers of 2/10 on 10,000 (200 each), data to 30 April; the last one in EUR at 1.50.

    1 taken in time (ERP: 9,800 on 8 March), 2 paid in full on 5 April, 3 taken late by Coupa Pay on 20 March,
    4 unpaid with a closed window, 5 unpaid with the window open until 5 May, 6 on hold, invoiced 21 April, window to 1 May.
    """
    two_ten = by_hand.TWO_TEN
    return by_hand.books(
        by_hand.invoice(1, "10000.00", "2026-03-01", fully=True, paid=[("2026-03-08", "9800.00")], term=two_ten),
        by_hand.invoice(2, "10000.00", "2026-03-02", fully=True, paid=[("2026-04-05", "10000.00")], term=two_ten),
        by_hand.invoice(3, "10000.00", "2026-03-03", fully=True, paid=[("2026-03-20", "9800.00")], term=two_ten),
        by_hand.invoice(4, "10000.00", "2026-04-20", term=two_ten),
        by_hand.invoice(5, "10000.00", "2026-04-25", term=two_ten),
        by_hand.invoice(6, "10000.00", "2026-04-21", status="on_hold", currency="EUR", term=two_ten),
        today="2026-04-30",
        pay=[by_hand.coupa_pay(3, "200.00")],
        rates=[by_hand.rate("EUR", "2026-04-20", "1.50")],
    )


def test_discounts(offers: Books) -> None:
    """Discounts of the year to 30 April.

    Offered 5 * 200 + 200 * 1.50 = 1,300. Captured 200 + 200 (the late one too) = 400, all in March.
    Closed windows: 1, 2, 3 in March and 4 on 30 April itself. Missed: 2 and 4 = 400. Rate 400 / 800.
    Open at 30 April: 5 (200) and 6 (300), which need no approval.
    """
    span = until("2026-04-30")
    assert figures.discount_offered(offers, span) == 1300
    assert figures.discount_captured(offers, Span(date(2026, 3, 1), date(2026, 3, 31))) == 400
    assert figures.discount_missed(offers, span) == 400
    assert figures.discount_capture_rate(offers, span) == Decimal("0.5")
    assert figures.discount_open(offers, span) == 500


def test_discounts_open_in_the_past(offers: Books) -> None:
    """8 March: 1 is paid that day, 2 and 3 run: 400. 7 March: 600. 12 March: 2's window ends that day, 3's on the 13th: 200."""
    assert [figures.discount_open(offers, until(f"2026-03-{day}")) for day in ("07", "08", "12")] == [600, 400, 200]


def test_windows_that_are_still_open_are_neither_missed_nor_rated(offers: Books) -> None:
    """Asked for the whole year, 5 and 6 stay out: their windows end after the data."""
    assert figures.discount_missed(offers, YEAR) == figures.discount_missed(offers, until("2026-04-30"))
    assert figures.discount_capture_rate(offers, YEAR) == Decimal("0.5")


def test_cycle_times() -> None:
    """Receipt to last payment 10, 20, 40 days: median 20; the 90 % point lies at 0.9 * 2 = 1.8: 20 + 0.8 * 20 = 36."""
    books = by_hand.books(
        by_hand.invoice(1, "1.00", "2026-03-01", fully=True, paid=[("2026-03-11", "1.00")]),
        by_hand.invoice(2, "1.00", "2026-03-01", fully=True, paid=[("2026-03-21", "1.00")]),
        by_hand.invoice(3, "1.00", "2026-03-01", fully=True, paid=[("2026-03-11", "0.50"), ("2026-04-10", "0.50")]),
        by_hand.credit_note(4, "-1.00", "2026-03-01", fully=True, paid=[("2026-12-01", "-1.00")]),
        by_hand.invoice(5, "1.00", "2026-03-01", paid=[("2026-09-11", "0.50")]),
    )
    assert (figures.cycle_time(books, YEAR), figures.cycle_time_p90(books, YEAR)) == (20, 36)


def test_approval_time_is_a_fraction_of_days_over_all_steps() -> None:
    """Steps made at 9:00 on the 2nd and 3rd, approved at 15:00 on the 3rd and 21:00 on the 4th: 2 days 12 hours."""
    steps = [
        by_hand.approval("2026-03-02T09:00:00-05:00", "2026-03-03T15:00:00-05:00"),
        by_hand.approval("2026-03-03T09:00:00-05:00", "2026-03-04T21:00:00-05:00"),
    ]
    books = by_hand.books(by_hand.invoice(1, "1.00", "2026-03-01", approvals=steps))
    assert figures.cycle_time_approval(books, YEAR) == figures.cycle_time_approval_p90(books, YEAR) == Decimal("2.5")


def test_counts(ledger: Books) -> None:
    """March: documents 1, 2 and 4. Open on 15 April: 2, 4 and 5, of which 2 is past due; on the 20th 4 and 5, and 4 is past due."""
    assert figures.invoice_count(ledger, Span(date(2026, 3, 1), date(2026, 3, 31))) == 3
    found = [
        (figures.open_invoice_count(ledger, until(day)), figures.past_due_count(ledger, until(day)))
        for day in ("2026-04-15", "2026-04-20")
    ]
    assert found == [(3, 1), (2, 1)]


def test_cash_per_dpo_day() -> None:
    """365 million of purchases in 365 days: one million a day."""
    books = by_hand.books(by_hand.invoice(1, "365000000.00", "2026-03-01"))
    assert figures.cash_per_dpo_day(books, last_days(365, date(2026, 11, 21))) == 1_000_000


def test_months_and_quarters_of_a_span() -> None:
    """From 15 November to 3 February: four months and two quarters, cut at both ends."""
    span = Span(date(2025, 11, 15), date(2026, 2, 3))
    assert months(span) == {
        "2025-11": Span(date(2025, 11, 15), date(2025, 11, 30)),
        "2025-12": Span(date(2025, 12, 1), date(2025, 12, 31)),
        "2026-01": Span(date(2026, 1, 1), date(2026, 1, 31)),
        "2026-02": Span(date(2026, 2, 1), date(2026, 2, 3)),
    }
    assert quarters(span) == {
        "2025-Q4": Span(date(2025, 11, 15), date(2025, 12, 31)),
        "2026-Q1": Span(date(2026, 1, 1), date(2026, 2, 3)),
    }


def test_quantile_lies_on_the_line_between_neighbours() -> None:
    """Of 1, 2, 3, 4 the median is 2.5 and the 90 % point 3.7; of one value, that value; of none, none."""
    four = [Decimal(value) for value in (4, 1, 3, 2)]
    assert (figures.quantile(four, Decimal("0.5")), figures.quantile(four, Decimal("0.9"))) == (
        Decimal("2.5"),
        Decimal("3.7"),
    )
    assert figures.quantile([Decimal(7)], Decimal("0.9")) == 7
    assert figures.quantile([], Decimal("0.5")) is None
