"""Sums in two stages: rows by day and currency first, exchange rates, labels and small dimensions on those few sums.

A rate is the same for all amounts of one currency and day, and decimals are exact, so converting the sum gives the same
figure as converting each amount: only millions of wide multiplications fewer. Nor does a region differ among the rows
of one country.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semantic_layer.fragments import comma, entities_of, group_value, literal, on_entity
from semantic_layer.model import Dimension
from semantic_layer.parts_context import Cte, PartContext
from semantic_layer.resolver import join_path

MAX_DIMENSIONS = 3
"""More dimensions than that have about as many groups and days as there are rows."""
Bucket = Callable[[str], str]
"""SQL of a day -> `<label> AS bucket`; "" where nothing is grouped by time."""


@dataclass(frozen=True)
class Stages:
    """What the two stages share: the parts (of one fact, under the same conditions) and how their time is grouped."""

    contexts: tuple[PartContext, ...]
    condition: str
    bucket: Bucket
    by_day: bool
    """One row for each day of the part's own clock, in place of each bucket."""

    @property
    def first(self) -> PartContext:
        """The part that speaks for all where they agree."""
        return self.contexts[0]

    def ctes(self, name: str) -> list[Cte]:
        """The WITH queries that end in `name`: keys, `day` or `bucket`, of each part its sum and `__unconverted`."""
        inner = f"{name}__sums"
        values = [column for context in self.contexts for column in _summed(context)]
        body = self.first.from_where(self.condition, groups=self._entities_of_rows())
        sums = f"SELECT {comma([*self._row_keys(), 'COUNT(*) AS __rows', *values])} {body} GROUP BY ALL"
        joins = [f" LEFT JOIN {e} ON {e}.{to_key} = d.__key_of_{e}" for e, (to_key, _) in sorted(self._small().items())]
        if self._rated():
            joins.append(" LEFT JOIN rate_day AS r ON r.currency = d.__rated_currency AND r.day = d.__rated_day")
        out = [column for context in self.contexts for column in _worth(context)]
        grouped = [*self._group_keys(), self._time_of_sums()]
        group = "GROUP BY ALL" if any(grouped) else ""
        return [(inner, sums), (name, f"SELECT {comma([*grouped, *out])} FROM {inner} AS d{''.join(joins)} {group}")]

    def _rated(self) -> bool:
        return any(is_converted(context) for context in self.contexts)

    def _small(self) -> dict[str, tuple[str, str]]:
        """Small entities that the groups are read from: their key, and what equals it in a row."""
        return {d.entity: found for d in self.first.dimensions if (found := _small_key(d, self.first)) is not None}

    def _entities_of_rows(self) -> frozenset[str]:
        return entities_of(*(key.rsplit(" AS ", 1)[0] for key in self._row_keys()))

    def _row_keys(self) -> list[str]:
        """What the first stage groups by."""
        small = self._small()
        keys = [f"{at} AS __key_of_{entity}" for entity, (_, at) in sorted(small.items())]
        bindings = self.first.bindings
        keys += [f"{group_value(d, bindings)} AS {d.name}" for d in self.first.dimensions if d.entity not in small]
        day = self._rated_day()
        if self._rated():
            keys += [f"{self._rated_by('currency')} AS __rated_currency", f"{day} AS __rated_day"]
        if self.first.clock != day or not self._rated():
            if self.by_day or (self.first.dimensional_time and not self._rated()):
                keys.append(f"{self.first.clock} AS __day")
            elif self.first.dimensional_time:
                keys.append(self.bucket(self.first.clock))
        return keys

    def _rated_day(self) -> str:
        return self._rated_by("day") if self._rated() else ""

    def _rated_by(self, field: str) -> str:
        context = next(context for context in self.contexts if is_converted(context))
        entity = context.part.measure.entity
        rating = context.model.entities[entity].rated_by
        return on_entity(getattr(rating, field), entity, context.bindings)

    def _group_keys(self) -> list[str]:
        """What the second stage groups by, but for time."""
        small, bindings = self._small(), self.first.bindings
        dimensions = self.first.dimensions
        return [f"{group_value(d, bindings)} AS {d.name}" if d.entity in small else f"d.{d.name}" for d in dimensions]

    def _time_of_sums(self) -> str:
        """The time column of the second stage."""
        same = self._rated() and self.first.clock == self._rated_day()
        day = "d.__rated_day" if same else "d.__day"
        if self.by_day:
            return f"{day} AS day"
        if not self.first.dimensional_time:
            return ""
        return self.bucket(day) if same or not self._rated() else "d.bucket"


def can_be_staged(context: PartContext) -> bool:
    """Whether a part is a sum that may be converted, or a count, by few groups."""
    measure, model = context.part.measure, context.model
    if measure.agg not in {"sum", "count"} or context.needs_closing_rate or context.uses_as_of:
        return False
    if len(context.dimensions) > MAX_DIMENSIONS or any(d.untrusted_text for d in context.dimensions):
        return False
    if measure.agg == "count":
        return measure.money == "none"
    return measure.document_expr is not None and model.entities[measure.entity].rated_by is not None


def is_converted(context: PartContext) -> bool:
    """Whether a part's amounts are to be multiplied by a rate."""
    return context.part.measure.agg == "sum" and context.query.currency != "document"


def _document_value(context: PartContext) -> str:
    """The row-level amount before it is converted."""
    measure = context.part.measure
    return on_entity(measure.document_expr or measure.expr, measure.entity, context.bindings)


def _summed(context: PartContext) -> list[str]:
    """The columns of a part in the first stage."""
    name = context.part.name
    if context.part.measure.agg == "count":
        return [f"COUNT({context.value}) AS {name}"]
    value = _document_value(context)
    return [f"SUM({value}) AS {name}", f"COUNT({value}) AS {name}__known"]


def _worth(context: PartContext) -> list[str]:
    """The columns of a part in the second stage."""
    name, currency = context.part.name, literal(context.query.reporting_currency)
    if context.part.measure.agg == "count":
        return [f"CAST(COALESCE(SUM(d.{name}), 0) AS BIGINT) AS {name}", f"0 AS {name}__unconverted"]
    rate = f"CASE WHEN d.__rated_currency = {currency} THEN 1 ELSE r.rate END"
    amount, unknown = f"d.{name}", f"d.__rows - d.{name}__known"
    if is_converted(context):
        amount = f"{amount} * {rate}"
        unknown = f"CASE WHEN {rate} IS NULL THEN d.__rows ELSE {unknown} END"
    lost = f"CAST(COALESCE(SUM({unknown}), 0) AS BIGINT)" if context.part.measure.money != "none" else "0"
    return [f"SUM({amount}) AS {name}", f"{lost} AS {name}__unconverted"]


def _small_key(dimension: Dimension, context: PartContext) -> tuple[str, str] | None:
    """The key of a small entity that a dimension lives on and what equals it in a row; None for any other dimension."""
    if not context.model.entities[dimension.entity].small:
        return None
    path = join_path(context.model, context.part.measure.entity, dimension.entity)
    if not path or entities_of(group_value(dimension, context.bindings)) != {dimension.entity}:
        return None
    at = context.part.measure.entity if len(path) == 1 else path[-2].to
    return path[-1].to_key, f"{at}.{path[-1].key}"
