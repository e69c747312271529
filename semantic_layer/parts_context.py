"""What the WITH queries of one part of a metric share: its spine, groups, conditions, clock, value and joins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from semantic_layer.fragments import (
    Bindings,
    condition,
    entities_of,
    group_value,
    literal,
    on_entity,
    outer_entities_of,
    source,
)
from semantic_layer.model import Dimension, SemanticModel
from semantic_layer.resolver import ResolvedFilter, ResolvedPart, ResolvedQuery, join_path

Cte = tuple[str, str]
"""Name and body of a WITH query."""

MEMBER = "__member"
"""Column of the members that a concentration looks at."""


@dataclass(frozen=True)
class Spine:
    """One row per time bucket.

    Its label, the as-of date that ends it and its first day. One unnamed row without a grain.
    """

    rows: tuple[tuple[str, date, date], ...]

    @classmethod
    def of(cls, query: ResolvedQuery) -> Spine:
        """The spine of a query."""
        if query.grain is None:
            return cls((("", query.period.end, query.period.start),))
        return cls(tuple((b.label, b.end, b.start) for b in query.buckets))

    @property
    def last(self) -> date:
        """The latest as-of date."""
        return self.rows[-1][1]

    def sql(self) -> str:
        """The spine as a CTE body."""
        values = ", ".join(f"({literal(label)}, {literal(end)}, {literal(start)})" for label, end, start in self.rows)
        return f"SELECT * FROM (VALUES {values}) AS t(bucket, as_of, starts_on)"


@dataclass(frozen=True)
class PartContext:
    """All that the WITH queries of one part share."""

    query: ResolvedQuery
    model: SemanticModel
    part: ResolvedPart
    spine: Spine
    dimensional_time: bool
    """Grouped by a time grain."""
    by_list: bool = True
    """Look rows that must not be marked up in the list of the marked."""

    @property
    def bindings(self) -> Bindings:
        """Values of the placeholders; the as-of date is a column of the spine under a time grain."""
        q = self.query
        as_of = "spine.as_of" if self.dimensional_time else literal(q.as_of)
        return Bindings(q.reporting_currency, q.calendar.data_date, as_of)

    @property
    def needs_closing_rate(self) -> bool:
        """Whether the balance is still in document currency and must be converted at its as-of date."""
        return self.part.measure.money == "document" and self.query.currency != "document"

    @property
    def uses_as_of(self) -> bool:
        """Whether a dimension or filter depends on the as-of date."""
        return any(d.as_of for d in self.query.dimensions) or any(f.dimension.as_of for f in self.query.filters)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions as the part's own rows know them, and the members that it looks at, last."""
        root, wanted = self.part.measure.entity, self.query.dimensions
        if self.part.part.members:
            members = self.model.dimensions[self.part.part.members.of]
            wanted = (*wanted, members.model_copy(update={"name": MEMBER}))
        return tuple(self.model.at_home(d, root) or d for d in wanted)

    @property
    def currency(self) -> str:
        """The expression of a row's currency."""
        return on_entity(self.part.measure.currency, self.part.measure.entity, self.bindings)

    @property
    def groups(self) -> list[str]:
        """`value AS name` for each dimension, and the currency while a closing rate is still to come."""
        groups = [f"{group_value(d, self.bindings)} AS {d.name}" for d in self.dimensions]
        return groups + ([f"{self.currency} AS __currency"] if self.needs_closing_rate else [])

    @property
    def keys(self) -> list[str]:
        """Names of the columns by which the part is grouped."""
        return [d.name for d in self.dimensions] + (["__currency"] if self.needs_closing_rate else [])

    @property
    def clock(self) -> str:
        """The expression that dates a row."""
        return on_entity(self.part.clock, self.part.clock_entity, self.bindings)

    @property
    def value(self) -> str:
        """The row-level amount."""
        measure = self.part.measure
        text = measure.document_expr if self.query.currency == "document" and measure.document_expr else measure.expr
        return on_entity(text, measure.entity, self.bindings)

    @property
    def conditions(self) -> list[str]:
        """What rows must meet: the measure's own condition and the filters."""
        measure = self.part.measure
        found = [on_entity(measure.where, measure.entity, self.bindings)] if measure.where else []
        return found + [self._met(item) for item in self._filters()]

    def _filters(self) -> list[ResolvedFilter]:
        root = self.part.measure.entity
        return [replace(f, dimension=self.model.at_home(f.dimension, root) or f.dimension) for f in self.query.filters]

    def _met(self, item: ResolvedFilter) -> str:
        """The condition of a filter. Rows that must not be marked (intercompany) are looked up in the list of those.

        That list is short, and a row without a parent is not on it, as it should be; a LEFT JOIN to all the parents
        costs three times as much.
        """
        dimension = item.dimension
        text = condition(item, self.bindings)
        path = join_path(self.model, self.part.measure.entity, dimension.entity)
        unmarked = dimension.type == "boolean" and item.op == "=" and item.values == (False,) and not dimension.as_of
        if not self.by_list or not path or not unmarked or entities_of(text) != {dimension.entity}:
            return text
        at = self.part.measure.entity if len(path) == 1 else path[-2].to
        marked = condition(replace(item, values=(True,)), self.bindings)
        listed = f"SELECT {dimension.entity}.{path[-1].to_key} FROM {dimension.entity} WHERE {marked}"
        return f"({at}.{path[-1].key} IN ({listed})) IS DISTINCT FROM TRUE"

    def from_where(self, *extra: str, spine_join: str = "", groups: frozenset[str] | None = None) -> str:
        """FROM, the joins that any expression needs, the spine if asked for, WHERE. `extra` adds no entity.

        `groups` are the entities that groups are read from, where they are fewer than those of the dimensions.
        """
        conditions = [*self.conditions, *extra]
        needed = (self.entities_of_groups if groups is None else groups) | self.entities_of_rows
        text = source(self.model, self.part.measure.entity, needed)
        if spine_join:
            text += f" JOIN spine ON {spine_join}"
        return text + (f" WHERE {' AND '.join(conditions)}" if conditions else "")

    @property
    def entities_of_groups(self) -> frozenset[str]:
        """The entities that the groups are read from."""
        return entities_of(*self.groups_only()) - {"spine"}

    @property
    def entities_of_rows(self) -> frozenset[str]:
        """The entities that say whether a row counts, when and how much."""
        found = entities_of(self.value, self.clock)
        for text in self.conditions:
            found |= outer_entities_of(text)
        return found - {"spine"}

    def groups_only(self) -> list[str]:
        """Group expressions without their aliases."""
        found = [group_value(d, self.bindings) for d in self.dimensions]
        return found + ([self.currency] if self.needs_closing_rate else [])
