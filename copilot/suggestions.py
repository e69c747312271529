"""Where to go from an answer: three questions that this product can answer, nearest first."""

from __future__ import annotations

from collections.abc import Collection

from copilot.narration.facts import Facts
from copilot.narration.template_narrator import spoken
from semantic_layer.model import Metric, SemanticModel

PREFERRED = ("region", "supplier", "category", "buying_entity", "payment_term", "currency")
"""Dimensions worth offering, most telling first."""

LIMIT = 3


def follow_ups(facts: Facts, legal: Collection[str]) -> tuple[str, ...]:
    """Three questions: another cut, the past, the suppliers behind it. With filters they are edits of the thread.

    `legal` are the dimensions the metric may be grouped by.
    """
    metric, query = facts.metric, facts.plan.query
    filtered = bool(query.filters)
    offers: list[str] = []
    for name in (n for n in PREFERRED if n in legal and n not in query.group_by):
        if name == "supplier" and not metric.additive:
            continue
        if name == "supplier" and not filtered:
            offers.append(f"Top 10 suppliers by {spoken(metric.label)}")
            continue
        label = facts.model.dimensions[name].label.lower()
        offers.append(f"And by {label}?" if filtered else f"{metric.label} by {label}")
    time = "Same for last quarter" if filtered else f"{metric.label} trend last 12 months"
    if facts.grain is not None:
        time = "Same for last year" if filtered else f"{metric.label} last quarter"
    offers.insert(1, time)
    return tuple(offers[:LIMIT])


def of_definition(metric: Metric, model: SemanticModel, legal: Collection[str]) -> tuple[str, ...]:
    """What to ask after a definition: the figure, a cut of it, a relative."""
    offers = [f"What is our {spoken(metric.label)}?"]
    cut = next((n for n in PREFERRED if n in legal), None)
    if cut is not None:
        offers.append(f"{metric.label} by {model.dimensions[cut].label.lower()}")
    offers.extend(f"Define {spoken(model.metrics[name].label)}" for name in metric.related if name in model.metrics)
    return tuple(offers[:LIMIT])
