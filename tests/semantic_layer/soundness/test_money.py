"""Money of several currencies never adds without a rate; stale rates are counted, not used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import Filter, MetricQuery, MixedCurrencyError, Period, SemanticLayer

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))


@pytest.fixture
def layer(books: Any, publish: Callable[[Any], SemanticLayer]) -> SemanticLayer:
    """100 USD, 100 EUR at 1.10 and 1,000 JPY with no rate at all."""
    books.rate("EUR", "2026-02-01", "1.10")
    books.rate("EUR", "2026-03-31", "1.20")
    books.invoice(1, "100", dated="2026-02-01")
    books.invoice(2, "100", dated="2026-02-01", currency_code="EUR")
    books.invoice(3, "1000", dated="2026-02-01", currency_code="JPY")
    return publish(books)


@pytest.mark.parametrize("metric", ["purchases", "open_ap"])
def test_an_amount_without_a_rate_is_counted_and_said(layer: SemanticLayer, metric: str) -> None:
    """The yen are not in the total, the check fails aloud, and nothing is taken at 1:1."""
    result = layer.query(MetricQuery(metrics=(metric,), period=Q1))

    assert result.total[metric] == {"purchases": Decimal("210.00"), "open_ap": Decimal("220.00")}[metric]
    assert [check.passed for check in result.checks] == [False]
    assert "1 amounts have no exchange rate" in result.caveats[0]


def test_a_rate_older_than_seven_days_does_not_count(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """A rate of 1 February serves an invoice of 8 February and not one of 9 February."""
    books.rate("EUR", "2026-02-01", "1.10")
    books.invoice(1, "100", dated="2026-02-08", currency_code="EUR")
    books.invoice(2, "100", dated="2026-02-09", currency_code="EUR")

    result = publish(books).query(MetricQuery(metrics=("purchases",), period=Q1))

    assert result.total["purchases"] == Decimal("110.00")
    assert not all(check.passed for check in result.checks)


def test_document_currency_needs_one_currency(layer: SemanticLayer) -> None:
    """As invoiced: refused over all currencies, answered by currency or for one."""
    with pytest.raises(MixedCurrencyError, match="several currencies"):
        layer.query(MetricQuery(metrics=("purchases",), period=Q1, currency="document"))

    by = layer.query(MetricQuery(metrics=("purchases",), group_by=("currency",), period=Q1, currency="document"))
    only = (Filter(field="currency", values=("JPY",)),)
    yen = layer.query(MetricQuery(metrics=("purchases",), filters=only, period=Q1, currency="document"))
    assert dict(by.rows) == {"USD": Decimal(100), "EUR": Decimal(100), "JPY": Decimal(1000)}
    assert yen.total["purchases"] == Decimal("1000.00")


def test_cents_are_exact(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Ten thousand times ten cents is one thousand, to the cent."""
    for number in range(200):
        books.add("invoices", id=number, status="approved", is_credit_note=False, supplier_id=1, currency_code="USD", created_date=date(2026, 2, 1),
                  invoice_date=date(2026, 2, 1), total_with_taxes=Decimal("0.10"), tax_amount=Decimal(0), paid=False)  # fmt: skip
    assert publish(books).query(MetricQuery(metrics=("purchases",), period=Q1)).total["purchases"] == Decimal("20.00")
