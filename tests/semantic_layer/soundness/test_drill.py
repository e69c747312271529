"""Every cell leads to records whose amounts add up to it to the cent."""

from __future__ import annotations

from datetime import date

import pytest

from semantic_layer import MetricQuery, Period, SemanticLayer
from semantic_layer.errors import MissingFeedError
from semantic_layer.loader import load_model

MODEL = load_model()
YEAR = Period(date(2026, 1, 1), date(2026, 11, 21))


@pytest.mark.parametrize("metric", sorted(MODEL.metrics))
def test_the_records_of_a_cell_add_up_to_it(layer: SemanticLayer, metric: str) -> None:
    """The first cell of every metric: each part re-adds, and an additive figure is what its records say."""
    by = next(name for name in ("category", "buying_entity") if name in layer.legal_dimensions(metric))
    query = MetricQuery(metrics=(metric,), group_by=(by,), period=YEAR)
    if layer.missing_feed(metric) is not None:
        with pytest.raises(MissingFeedError):
            layer.query(query)
        return
    answer = layer.query(query)
    shown = zip(answer.columns, answer.rows[0], strict=True) if answer.rows else ()
    cell = {column.name: str(value) for column, value in shown if column.role == "dimension"}

    drill = layer.drill(query, cell)

    assert bool(drill.rows) == bool(answer.rows)
    assert all(check.passed for check in drill.checks), drill.checks
    assert not drill.truncated
