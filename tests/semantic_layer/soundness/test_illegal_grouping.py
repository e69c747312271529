"""A grouping or filter that would count twice is refused, with ways out and without a number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from semantic_layer import Filter, IllegalGroupingError, MetricQuery, Period, SemanticLayer, UnknownNameError

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))


@pytest.fixture
def layer(books: Any, publish: Callable[[Any], SemanticLayer]) -> SemanticLayer:
    """One invoice with two lines on two accounts."""
    books.invoice(1, "100", dated="2026-02-01")
    books.add("invoice_lines", id=1, invoice_id=1, account_name="Travel")
    books.add("invoice_lines", id=2, invoice_id=1, account_name="IT")
    return publish(books)


@pytest.mark.parametrize("metric", ["spend", "open_ap", "dpo_purchases", "discount_missed", "on_time_rate"])
def test_header_money_by_line_account_is_refused(layer: SemanticLayer, metric: str) -> None:
    """One invoice lies on two accounts: by account 100 would show as 200."""
    with pytest.raises(IllegalGroupingError, match="cannot be grouped by gl account") as caught:
        layer.query(MetricQuery(metrics=(metric,), group_by=("account",), period=Q1))

    assert caught.value.reason == "ILLEGAL_GROUPING"
    assert set(caught.value.choices) <= layer.legal_dimensions(metric)
    assert not any(character.isdigit() for character in str(caught.value))


def test_a_filter_on_the_many_side_is_refused_too(layer: SemanticLayer) -> None:
    """Filtering the header by an account of a line would keep or drop whole invoices."""
    with pytest.raises(IllegalGroupingError, match="cannot be filtered by gl account"):
        layer.query(MetricQuery(metrics=("spend",), filters=(Filter(field="account", values=("IT",)),), period=Q1))


@pytest.mark.parametrize("metric", ["spend", "dpo_paid", "dpo_purchases", "discount_captured"])
def test_ageing_belongs_to_balances(layer: SemanticLayer, metric: str) -> None:
    """A bucket needs an as-of date; a flow has none."""
    with pytest.raises(IllegalGroupingError, match="as-of date"):
        layer.query(MetricQuery(metrics=(metric,), group_by=("ageing_bucket",), period=Q1))


def test_every_illegal_pair_is_refused(layer: SemanticLayer) -> None:
    """Whatever legal_dimensions leaves out is refused, always with a way out that works; what it lets in runs (test_ties)."""
    refused = 0
    for metric in layer.model.metrics:
        legal = layer.legal_dimensions(metric)
        for name, dimension in layer.model.dimensions.items():
            if name not in legal or not dimension.groupable:
                with pytest.raises(IllegalGroupingError) as caught:
                    layer.query(MetricQuery(metrics=(metric,), group_by=(name,), period=Q1))
                assert caught.value.choices, (metric, name)
                assert name in legal or set(caught.value.choices) <= legal, (metric, name)
                refused += 1
    assert refused >= 60


def test_a_misspelt_name_is_answered_with_the_nearest(layer: SemanticLayer) -> None:
    """There is no metric open_pa; open_ap is near."""
    with pytest.raises(UnknownNameError, match="Did you mean") as caught:
        layer.query(MetricQuery(metrics=("open_pa",)))
    assert "open_ap" in caught.value.choices
