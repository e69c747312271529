"""What a change of the metric files changes: definitions, and the numbers that move with them, before it is merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from semantic_layer.errors import SemanticLayerError
from semantic_layer.layer import SemanticLayer
from semantic_layer.model import SemanticModel
from semantic_layer.query import MetricQuery
from semantic_layer.results import Value


@dataclass(frozen=True)
class DefinitionChange:
    """An entry that was added, removed or changed; `fields` are those that differ."""

    section: str
    name: str
    change: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class NumberChange:
    """A figure that differs: the metric, the group, and both values (text where a side cannot answer)."""

    metric: str
    group: str
    before: Value
    after: Value


def definition_changes(before: SemanticModel, after: SemanticModel) -> Iterator[DefinitionChange]:
    """Entries that differ, section by section."""
    for section in ("entities", "dimensions", "measures", "metrics", "named_filters", "external_metrics"):
        old, new = getattr(before, section), getattr(after, section)
        for name in sorted({*old, *new}):
            if name not in new:
                yield DefinitionChange(section, name, "removed")
            elif name not in old:
                yield DefinitionChange(section, name, "added")
            elif old[name] != new[name]:
                fields = type(new[name]).model_fields
                differing = tuple(f for f in fields if getattr(old[name], f) != getattr(new[name], f))
                yield DefinitionChange(section, name, "changed", differing)


def number_changes(before: SemanticLayer, after: SemanticLayer) -> Iterator[NumberChange]:
    """The figures that move on the mirror of both: each common metric as a whole, by month and by buying entity.

    A metric moves also when its own text did not change but that of an entity or measure behind it did.
    """
    for name in after.model.metrics:
        if name not in before.model.metrics:
            continue
        for group_by in ((), ("month",), ("buying_entity",)):
            if _asked_alike(before, after, name, group_by):
                continue
            old, new = _figures(before, name, group_by), _figures(after, name, group_by)
            for group in sorted({*old, *new}):
                if old.get(group) != new.get(group):
                    yield NumberChange(name, group, old.get(group), new.get(group))


def _asked_alike(before: SemanticLayer, after: SemanticLayer, metric: str, group_by: tuple[str, ...]) -> bool:
    """Whether both sides would run the same statement on the same version of one mirror: then no figure can move."""
    old, new = before.model.metrics[metric], after.model.metrics[metric]
    if before.mirror is not after.mirror or old.unit != new.unit:
        return False
    query = MetricQuery(metrics=(metric,), group_by=group_by)
    try:
        return before.explain(query) == after.explain(query)
    except SemanticLayerError:
        return False


def _figures(layer: SemanticLayer, metric: str, group_by: tuple[str, ...]) -> dict[str, Value]:
    """Value by group; the refusal where it cannot be asked."""
    if group_by == ("buying_entity",) and "buying_entity" not in layer.legal_dimensions(metric):
        return {}
    try:
        result = layer.query(MetricQuery(metrics=(metric,), group_by=group_by))
    except SemanticLayerError as error:
        return {", ".join(group_by) or "total": f"refused: {error}"}
    if not group_by:
        return {"total": result.total[metric]}
    at = [c.name for c in result.columns].index(metric)
    keys = [i for i, c in enumerate(result.columns) if c.role == "dimension"]
    return {", ".join(str(row[i]) for i in keys): row[at] for row in result.rows}
