"""Facts are read as few times as a figure needs."""

from __future__ import annotations

import re

import pytest

from semantic_layer import MetricQuery, SemanticLayer


@pytest.mark.parametrize(("metric", "fact", "times"), [("dpo_paid", "payment", 1), ("spend", "invoice", 1)])
@pytest.mark.parametrize("group_by", [(), ("month",), ("category",)])
def test_parts_of_one_fact_share_one_pass(
    layer: SemanticLayer, metric: str, fact: str, times: int, group_by: tuple[str, ...]
) -> None:
    """Both parts of a ratio, the groups and the total come from one pass over the rows of the fact."""
    (sql,) = layer.explain(MetricQuery(metrics=(metric,), group_by=group_by))
    assert len(re.findall(rf"FROM {fact}\b", sql)) == times
