"""The form that a language model fills in, its JSON Schema, and what a worked example of it looks like.

Flat, because small models fill in flat forms better. Every part carries the words of the question that it was read from,
so that each word of the question can be accounted for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from copilot.language_model import Schema
from copilot.planning.plan import Covered, MetricPlan
from semantic_layer.periods import GRAINS
from semantic_layer.query import FilterOperator, MetricQuery

OPERATORS: tuple[FilterOperator, ...] = ("=", "!=", ">", ">=", "<", "<=")


class MisfitError(ValueError):
    """The form names something that does not exist or that nobody asked for; the message goes back to the model."""


class FormFilter(BaseModel):
    """One condition on a dimension."""

    model_config = ConfigDict(extra="forbid")

    dimension: str
    op: FilterOperator = "="
    values: list[str] = Field(min_length=1, max_length=20)
    words: str = ""


class Form(BaseModel):
    """What the model fills in about a question."""

    model_config = ConfigDict(extra="forbid")

    answerable: bool
    metrics: list[str] = Field(default_factory=list, max_length=4)
    figure_words: str = ""
    group_by: list[str] = Field(default_factory=list, max_length=4)
    group_words: str = ""
    filters: list[FormFilter] = Field(default_factory=list, max_length=8)
    period_words: str = ""
    compare_words: str = ""
    top: int | None = Field(default=None, ge=1, le=1000)
    lowest_first: bool = False
    left_over: list[str] = Field(default_factory=list)

    def words(self) -> str:
        """All words that the form accounts for."""
        parts = (self.figure_words, self.group_words, self.period_words, self.compare_words)
        return " ".join((*parts, *(f.words for f in self.filters), *(v for f in self.filters for v in f.values)))


class FigureForm(BaseModel):
    """The short form, where the model picks the figure only."""

    model_config = ConfigDict(extra="forbid")

    answerable: bool
    metric: str = ""


def form_schema(metrics: Sequence[str], dimensions: Sequence[str]) -> Schema:
    """The JSON Schema of the form with the names that may stand in it.

    Every property is required and none is bounded: so strict modes of hosted models and grammars of local ones take it.
    """
    names = [*dimensions, *GRAINS]
    condition = _object(
        dimension=_one_of([*dimensions, *GRAINS]),
        op=_one_of(OPERATORS),
        values=_list({"type": "string"}),
        words={"type": "string"},
    )
    return _object(
        answerable={"type": "boolean"},
        metrics=_list(_one_of(metrics)),
        figure_words={"type": "string"},
        group_by=_list(_one_of(names)),
        group_words={"type": "string"},
        filters=_list(condition),
        period_words={"type": "string"},
        compare_words={"type": "string"},
        top={"type": ["integer", "null"]},
        lowest_first={"type": "boolean"},
        left_over=_list({"type": "string"}),
    )


def figure_schema(metrics: Sequence[str]) -> Schema:
    """The JSON Schema of the short form."""
    return _object(answerable={"type": "boolean"}, metric=_one_of(metrics))


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _one_of(names: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


def json_of(text: str) -> str:
    """The first JSON object of an answer that may have words or fences around it, or more after it."""
    start = text.find("{")
    if start < 0:
        return text
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return text[start:]
    return text[start:end]


def example_form(plan: MetricPlan) -> str | None:
    """The form of a question whose plan is known, as JSON text; None where the form cannot say it all."""
    query = plan.query
    unsaid = MetricQuery(metrics=query.metrics, group_by=query.group_by, filters=query.filters, period=query.period)
    rows = query.limit if query.limit and query.order else None
    bare = query.model_copy(update={"order": (), "limit": None})
    if bare.identity() != unsaid.identity() or plan.target is not None or (query.order and rows is None):
        return None
    form = Form(
        answerable=True,
        metrics=list(query.metrics),
        figure_words=_words(plan.coverage, "metric"),
        group_by=list(query.group_by),
        group_words=_words(plan.coverage, "group"),
        filters=[FormFilter(dimension=f.field, op=f.op, values=list(f.values), words=f.words) for f in query.filters],
        period_words=_words([c for c in plan.coverage if c.meaning != "preposition"], "time"),
        top=rows,
        lowest_first=bool(rows and not query.order[0].descending),
    )
    return form.model_dump_json()


def _words(coverage: Sequence[Covered], slot: str) -> str:
    return " ".join(covered.words for covered in coverage if covered.slot == slot)
