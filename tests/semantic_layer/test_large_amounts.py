"""Amounts as large as the mirror holds: what is worked out from them is right, or an error, and never cut."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from semantic_layer import MetricQuery, Period, SemanticLayer

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))
LARGEST = "99999999999999.99"  # in rupiah, which are many


@pytest.mark.parametrize(
    ("metric", "rupiah"),
    [
        ("spend", 3 * Decimal(LARGEST)),
        ("discount_offered", 3 * Decimal("2000000000000.00")),
        ("discount_missed", 3 * Decimal("2000000000000.00")),
        ("dpo_paid", Decimal(30)),
        ("wapt", Decimal(4)),
    ],
)
def test_the_largest_amounts_are_worked_with_exactly(
    books: Any, publish: Callable[[Any], SemanticLayer], metric: str, rupiah: Decimal
) -> None:
    """Three invoices at 2 % that miss their discount, paid in full on day 30, due on day 4; in their own currency."""
    books.rate("IDR", "2026-02-01", "0.00006")
    for number in range(1, 4):
        books.invoice(
            number, LARGEST, dated="2026-02-01", due="2026-02-05", paid=[("2026-03-03", LARGEST)], payment_term_id=2,
            currency_code="IDR",
        )  # fmt: skip

    found = publish(books).query(MetricQuery(metrics=(metric,), group_by=("currency",), period=Q1, currency="document"))

    assert dict(zip(found.column("currency"), found.column(metric), strict=True)) == {"IDR": pytest.approx(rupiah)}


@pytest.mark.parametrize("percent", ["0.0001", "2", "3.3333", "100", "250"])
def test_offers_around_the_limit_of_the_quick_way_are_to_the_cent(
    books: Any, publish: Callable[[Any], SemanticLayer], percent: str
) -> None:
    """Up to 100 million and 100 % an offer is worked out in 64 bits, beyond in 128: ties round up on both sides."""
    amounts = [Decimal(text) for text in ("0.01", "2.50", "99999999.99", "100000000.00", "100000000.01", "5e10")]
    for number, amount in enumerate(amounts, 1):
        books.invoice(number, f"{amount:f}", dated="2026-02-01", due="2026-02-05", discount_percent=percent)

    found = publish(books).query(MetricQuery(metrics=("discount_offered",), period=Q1))

    cent = Decimal("0.01")
    offers = [(amount * Decimal(percent) / 100).quantize(cent, ROUND_HALF_UP) for amount in amounts]
    assert found.total["discount_offered"] == sum(offers)
