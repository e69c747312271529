"""What the model says of a figure: the certified ratio of two of them, whether credit notes are part of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from semantic_layer.model import SemanticModel

_NO_CREDITS = re.compile(r"\bNOT (?:\w+\.)?is_credit_note\b")


def ratio_of(model: SemanticModel, figures: Sequence[str]) -> str | None:
    """The metric that divides one of two figures by the other, in whatever order they were named; None if there is none."""
    found = [
        metric.name
        for metric in model.metrics.values()
        if metric.unit == "ratio" and metric.kind == "ratio" and {part.name for part in metric.parts} == set(figures)
    ]
    return found[0] if len(found) == 1 and len(set(figures)) == 2 else None


def nets_credits(model: SemanticModel, name: str) -> bool:
    """Whether credit notes are part of a figure, as amounts below zero."""
    metric = model.metrics[name]
    said = "credit notes" in metric.exclusions or "credit notes do not count" in metric.definition
    return not said and not any(_NO_CREDITS.search(model.measures[part.measure].where or "") for part in metric.parts)
