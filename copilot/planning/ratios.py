"""The certified ratio of two figures, where the model has one: overdue and open payables make the share past due."""

from __future__ import annotations

from collections.abc import Sequence

from semantic_layer.model import SemanticModel


def ratio_of(model: SemanticModel, figures: Sequence[str]) -> str | None:
    """The metric that divides one of two figures by the other, in whatever order they were named; None if there is none."""
    found = [
        metric.name
        for metric in model.metrics.values()
        if metric.unit == "ratio" and metric.kind == "ratio" and {part.name for part in metric.parts} == set(figures)
    ]
    return found[0] if len(found) == 1 and len(set(figures)) == 2 else None
