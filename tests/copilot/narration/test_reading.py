"""What was understood is said in full: every figure of a question with the date by which it falls into the period."""

from __future__ import annotations

from datetime import date

from copilot.narration.reading import reading_of
from copilot.planning.plan import MetricPlan
from semantic_layer import MetricQuery, Period, SemanticLayer

YEAR = Period(date(2026, 1, 1), date(2026, 11, 21))


def _reading(layer: SemanticLayer, *metrics: str, role: str | None = None) -> str:
    query = MetricQuery(metrics=metrics, period=YEAR, time_role=role)
    return reading_of(MetricPlan(intent="value", query=query), layer.model, YEAR, "USD")


def test_figures_by_different_dates_name_each_date(layer: SemanticLayer) -> None:
    """Offered by invoice date, captured by payment, missed by the end of the window: one word for all would be wrong."""
    read = _reading(layer, "discount_offered", "discount_captured", "discount_missed")
    assert "2026 by invoice date" in read
    assert "Discounts captured by date of the last payment" in read
    assert "Discounts missed by end of the discount window" in read


def test_a_date_that_the_asker_names_holds_for_all(layer: SemanticLayer) -> None:
    """Then there is one, and it is said once."""
    read = _reading(layer, "discount_offered", "discount_captured", role="invoice_date")
    assert read.count(" by ") == 1
