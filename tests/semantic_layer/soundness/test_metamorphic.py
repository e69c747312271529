"""What must stay true of every figure without knowing its value: complements, halves, order of rows, unrelated payments."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.errors import MissingFeedError
from semantic_layer.loader import load_model

MODEL = load_model()
YEAR = Period(date(2026, 1, 1), date(2026, 11, 21))
HALVES = (Period(date(2026, 1, 1), date(2026, 5, 17)), Period(date(2026, 5, 18), date(2026, 11, 21)))
ADDS = sorted(m.name for m in MODEL.metrics.values() if m.additive)
FLOWS = sorted(
    m.name
    for m in MODEL.metrics.values()
    if m.additive and all(p.read == "period" for p in m.parts) and "period_days" not in m.formula and not m.looks_ahead
)
CONDITIONS = (
    Filter(field="supplier_country", values=("DE",)),
    Filter(field="currency", op="in", values=("EUR", "GBP")),
)


def total(layer: SemanticLayer, metric: str, period: Period = YEAR, *filters: Filter) -> Decimal:
    """The whole figure, nothing as zero."""
    found = layer.query(MetricQuery(metrics=(metric,), period=period, filters=filters)).total[metric]
    assert found is None or isinstance(found, Decimal | int)
    return Decimal(found or 0)


@pytest.mark.parametrize("metric", ADDS)
def test_a_filter_and_its_complement_make_the_total(layer: SemanticLayer, metric: str) -> None:
    """What meets a condition and what does not, rows without a value among them, are all there is: within a cent of rounding."""
    opposite = {"=": "!=", "in": "not in"}
    whole = total(layer, metric)
    condition = next(c for c in CONDITIONS if c.field in layer.legal_dimensions(metric))
    inverse = condition.model_copy(update={"op": opposite[condition.op]})
    parts = total(layer, metric, YEAR, condition) + total(layer, metric, YEAR, inverse)
    assert abs(parts - whole) <= Decimal("0.01"), condition


@pytest.mark.parametrize("metric", FLOWS)
def test_two_halves_of_a_period_make_the_whole_of_a_flow(layer: SemanticLayer, metric: str) -> None:
    """Cut in the middle of a month, no day is lost and none counts twice: within a cent of rounding."""
    assert abs(sum(total(layer, metric, half) for half in HALVES) - total(layer, metric)) <= Decimal("0.01")


def test_two_halves_of_a_balance_do_not(layer: SemanticLayer) -> None:
    """A balance is the one of the last day; both halves together would owe everything twice."""
    assert total(layer, "open_ap", HALVES[1]) == total(layer, "open_ap")
    assert sum(total(layer, "open_ap", half) for half in HALVES) > total(layer, "open_ap")


def company(extra_payment: bool = False) -> Any:
    """A few documents of every sort; one invoice more or less paid."""
    books = sys.modules["hand_written_books"].Books()
    books.supplier(1, "Alpha")
    books.supplier(2, "Beta", country_code="DE", commodity_name="Rent", parent_name="Holding")
    for day, rate in (("2026-01-01", "1.10"), ("2026-03-01", "1.20"), ("2026-03-30", "1.25")):
        books.rate("EUR", day, rate)
    offer = {"payment_term_id": 2, "payment_term_code": "2/10 Net 30"}
    books.invoice(1, "1000", dated="2026-03-01", due="2026-03-15", paid=[("2026-03-20", "400"), ("2026-03-25", "600")])
    books.invoice(
        2,
        "2000",
        dated="2026-03-02",
        due="2026-03-31",
        supplier=2,
        paid=[("2026-03-08", "1960")],
        discount="40",
        **offer,
    )
    books.invoice(3, "-150", dated="2026-03-03", due="2026-04-03", is_credit_note=True, document_type="Credit Note")
    books.invoice(4, "700", dated="2026-03-05", due="2026-04-04", approved="2026-03-09", currency_code="EUR", **offer)
    books.invoice(
        5, "90", dated="2026-03-06", due="2026-03-10", supplier=2, paid=[("2026-03-12", "90")] if extra_payment else []
    )
    books.invoice(6, "90", dated="2026-03-07", due="2026-04-10", supplier=2)
    for number in range(1, 7):
        books.add("invoice_lines", id=number, invoice_id=number, account_name=f"A{number % 2}", total=Decimal(number))
    return books


def figures(layer: SemanticLayer, metric: str) -> Any:
    """What a metric says of March by supplier where it can, and as a whole; None without its feed."""
    group = ("supplier",) if "supplier" in layer.legal_dimensions(metric) else ()
    try:
        found = layer.query(
            MetricQuery(metrics=(metric,), group_by=group, period=Period(date(2026, 3, 1), date(2026, 3, 31)))
        )
    except MissingFeedError:
        return None
    return found.rows, dict(found.total)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], SemanticLayer]:
    """Publish books, each into a folder of its own."""

    def run(books: Any) -> SemanticLayer:
        folder: Path = tmp_path_factory.mktemp("books")
        return SemanticLayer.load(books.publish(folder))

    return run


@pytest.fixture(scope="module")
def straight(published: Callable[[Any], SemanticLayer]) -> SemanticLayer:
    """The company's rows as they were written."""
    return published(company())


@pytest.fixture(scope="module")
def reversed_rows(published: Callable[[Any], SemanticLayer]) -> SemanticLayer:
    """The same rows from the last to the first in every table."""
    books = company()
    books.rows = {table: rows[::-1] for table, rows in books.rows.items()}
    return published(books)


@pytest.fixture(scope="module")
def paid_more(published: Callable[[Any], SemanticLayer]) -> SemanticLayer:
    """The same documents with one payment more."""
    return published(company(extra_payment=True))


@pytest.mark.parametrize("metric", sorted(MODEL.metrics))
def test_the_order_of_rows_changes_nothing(straight: SemanticLayer, reversed_rows: SemanticLayer, metric: str) -> None:
    """No figure depends on which row was written first, ties in a ranking among them."""
    assert figures(straight, metric) == figures(reversed_rows, metric)


INVOICED = ("spend", "purchases", "invoice_count", "discount_offered", "wapt", "line_spend", "average_invoice_value", "hhi",
            "touchless_rate", "term_cap_breaches", "duplicate_risk", "cash_per_dpo_day", "active_suppliers")  # fmt: skip


@pytest.mark.parametrize("metric", INVOICED)
def test_an_unrelated_payment_changes_no_figure_of_invoices(
    straight: SemanticLayer, paid_more: SemanticLayer, metric: str
) -> None:
    """What was invoiced was invoiced, whoever is paid; the balance does move, so the payment is really there."""
    assert figures(straight, metric) == figures(paid_more, metric)
    assert figures(straight, "open_ap") != figures(paid_more, "open_ap")
