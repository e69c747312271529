"""A viewer's policy put into a question: conditions inside every query of a fact, refusals for hidden fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date

from semantic_layer.errors import NotPermittedError
from semantic_layer.fragments import Bindings, literal
from semantic_layer.model import SemanticModel
from semantic_layer.provenance import dimension_origins, hidden_origins, origins_of
from semantic_layer.query import MetricQuery, RecordQuery
from semantic_layer.resolver import ResolvedFilter, ResolvedQuery, join_path, typed_filter
from semantic_layer.viewer import Viewer

_ANY_DAY = date(2000, 1, 1)
_ANY = Bindings("USD", _ANY_DAY, literal(_ANY_DAY))
"""Which columns an entity reads does not depend on the currency or the day."""


def hidden_fields(model: SemanticModel, viewer: Viewer, columns: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The hidden dimensions, and those that would show the same columns under another name (a parent's name)."""
    if not viewer.hidden:
        return frozenset()
    origins = hidden_origins(model, viewer.hidden, _ANY, columns)
    shown_again = {
        name
        for name, dimension in model.dimensions.items()
        if dimension.type in {"text", "boolean"} and dimension_origins(model, dimension, _ANY, columns) & origins
    }
    return viewer.hidden | shown_again


def permitted(resolved: ResolvedQuery, model: SemanticModel, viewer: Viewer, hidden: Collection[str]) -> ResolvedQuery:
    """The query with the viewer's rows among its filters, where every fact finds them.

    Raises NotPermittedError when it shows a hidden field or when a figure cannot be limited to the viewer's rows.
    """
    for dimension in resolved.dimensions:
        if dimension.name in hidden:
            raise NotPermittedError.of(dimension.name)
    rows = policy_filters(model, viewer)
    for metric in resolved.computed:
        measures = [*(part.measure for part in metric.parts), *metric.caveat_measures]
        for entity in {model.measures[name].entity for name in measures}:
            _require_reach(model, entity, metric.label, rows, homes=True)
    return replace(resolved, filters=(*resolved.filters, *rows)) if rows else resolved


def permitted_records(
    query: RecordQuery,
    model: SemanticModel,
    viewer: Viewer,
    hidden: Collection[str],
    columns: Mapping[str, frozenset[str]],
) -> RecordQuery:
    """The query with the viewer's rows among its filters. Raises NotPermittedError as for metrics."""
    require_visible(query, hidden)
    if query.entity not in model.entities:
        return query
    if viewer.hidden:
        secret = hidden_origins(model, viewer.hidden, _ANY, columns)
        own = origins_of(model, query.entity, _ANY, columns)
        for name in (*query.columns, *(order.field for order in query.order)):
            if name not in model.dimensions and own.get(name, frozenset()) & secret:
                raise NotPermittedError.of(name)
    _require_reach(model, query.entity, f"The list of {query.entity.replace('_', ' ')}", policy_filters(model, viewer))
    return query.model_copy(update={"filters": (*query.filters, *viewer.rows)}) if viewer.rows else query


def policy_filters(model: SemanticModel, viewer: Viewer) -> tuple[ResolvedFilter, ...]:
    """The viewer's row policy with its dimensions found and its values typed."""
    return tuple(typed_filter(item, model) for item in viewer.rows)


def can_be_limited(entity: str, rows: tuple[ResolvedFilter, ...], model: SemanticModel) -> bool:
    """Whether rows of an entity can be told apart by a policy."""
    return all(not row.dimension.as_of and join_path(model, entity, row.dimension.entity) is not None for row in rows)


def require_visible(query: MetricQuery | RecordQuery, hidden: Collection[str]) -> None:
    """Raise NotPermittedError when a query names a hidden field anywhere: shown, grouped, filtered, ordered, ranked."""
    if not hidden:
        return
    parts = query.model_dump(exclude={"metrics", "entity", "filters", "having", "period", "compare"})
    for name in (*(item.field for item in query.filters), *_texts(parts)):
        if name in hidden:
            raise NotPermittedError.of(name)


def _texts(value: object) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _require_reach(
    model: SemanticModel, entity: str, what: str, rows: tuple[ResolvedFilter, ...], *, homes: bool = False
) -> None:
    """Raise NotPermittedError where rows cannot tell whose they are; `homes`: other homes of a dimension count."""
    for row in rows:
        known = model.at_home(row.dimension, entity) if homes else join_path(model, entity, row.dimension.entity)
        if row.dimension.as_of or known is None:
            raise NotPermittedError(
                f"{what} cannot be limited to the rows that you may see (by {row.dimension.label.lower()}), "
                "so it is not shown."
            )
