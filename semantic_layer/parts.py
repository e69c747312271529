"""The WITH queries of one part of a metric, on its own entity: flows, trailing windows, balances, quantiles, shapes.

A balance is daily sums -> running sum -> as-of pick-up at each date of the spine; a trailing window reads the same
daily sums. Every part ends in a query of the part's own name with the columns: dimensions, bucket, value, unconverted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from semantic_layer.fragments import Bindings, comma, condition, entities_of, group_value, literal, on_entity, source
from semantic_layer.model import Dimension, SemanticModel
from semantic_layer.periods import FiscalCalendar
from semantic_layer.resolver import ResolvedPart, ResolvedQuery

Cte = tuple[str, str]
"""Name and body of a WITH query."""

MEMBER = "__member"
"""Column of the members that a concentration looks at."""

AGGREGATES = {
    "sum": "SUM({})",
    "count": "COUNT({})",
    "count_distinct": "COUNT(DISTINCT {})",
    "mean": "AVG({})",
    "median": "QUANTILE_CONT({}, 0.5)",
    "p90": "QUANTILE_CONT({}, 0.9)",
}
MAX_RATE_AGE_DAYS = 7
NOT_ADDITIVE = frozenset({"count_distinct", "mean", "median", "p90"})
"""Aggregates that cannot be built from daily sums."""


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
        at_home = ((f, self.model.at_home(f.dimension, measure.entity) or f.dimension) for f in self.query.filters)
        return found + [condition(replace(f, dimension=d), self.bindings) for f, d in at_home]

    def from_where(self, *extra: str, spine_join: str = "") -> str:
        """FROM, the joins that any expression needs, the spine if asked for, WHERE. `extra` adds no entity."""
        conditions = [*self.conditions, *extra]
        needed = self.entities_of_groups | self.entities_of_rows
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
        return entities_of(*self.conditions, self.value, self.clock) - {"spine"}

    def groups_only(self) -> list[str]:
        """Group expressions without their aliases."""
        found = [group_value(d, self.bindings) for d in self.dimensions]
        return found + ([self.currency] if self.needs_closing_rate else [])


def plain_ctes(context: PartContext) -> list[Cte]:
    """The WITH queries that end in the value of a part that is an aggregate of rows."""
    read = context.part.part.read
    if context.part.measure.agg in NOT_ADDITIVE or (context.query.windowed and context.dimensional_time):
        return _from_rows(context) if read == "period" else _window(context)
    if read == "balance" and (len(context.spine.rows) == 1 or context.uses_as_of):
        return _converted(context, _balance_by_scan(context))
    if read == "balance":
        return _converted(context, _balance_by_running_sum(context))
    return _window(context)


def _from_rows(context: PartContext) -> list[Cte]:
    """An aggregate of the rows themselves: in each bucket, or in the window that ends with it."""
    unconverted = f"COUNT(*) FILTER(WHERE {context.value} IS NULL) AS unconverted"
    if context.part.measure.money == "none":
        unconverted = "0 AS unconverted"
    value = f"{_aggregate(context)} AS {context.part.name}"
    if context.query.windowed and context.dimensional_time:
        join = f"{context.clock} BETWEEN spine.starts_on AND spine.as_of"
        columns = comma([*context.groups, "spine.bucket", value, unconverted])
        return [(context.part.name, f"SELECT {columns} {context.from_where(spine_join=join)} GROUP BY ALL")]
    between, bucket = _in_period(context)
    columns = comma([*context.groups, bucket, value, unconverted])
    return [(context.part.name, f"SELECT {columns} {context.from_where(between)} {_group_all(context)}")]


def flow_of_rows(context: PartContext) -> tuple[object, ...] | None:
    """What parts must share to be aggregated in one pass over their rows; None for a part that is more than that."""
    part, measure = context.part, context.part.measure
    plain = part.part.read == "period" and part.part.members is None and not context.query.windowed
    if not plain or context.needs_closing_rate:
        return None
    rows = (measure.entity, measure.where, part.clock_entity, part.clock, context.entities_of_rows)
    return (*rows, context.spine.rows, context.dimensional_time, tuple(context.keys))


def flows_ctes(contexts: Sequence[PartContext]) -> list[Cte]:
    """Several parts from one pass over the rows that they share."""
    first = contexts[0]
    between, bucket = _in_period(first)
    rows = f"{first.part.name}__rows"
    values = []
    for context in contexts:
        name, money = context.part.name, context.part.measure.money != "none"
        unconverted = f"COUNT(*) FILTER(WHERE {context.value} IS NULL)" if money else "0"
        values += [f"{_aggregate(context)} AS {name}", f"{unconverted} AS {name}__unconverted"]
    body = f"SELECT {comma([*first.groups, bucket, *values])} {first.from_where(between)} {_group_all(first)}"
    keys = [*first.keys, *(["bucket"] if first.dimensional_time else [])]
    names = [context.part.name for context in contexts]
    picked = [(n, f"SELECT {comma([*keys, n, f'{n}__unconverted AS unconverted'])} FROM {rows}") for n in names]
    return [(rows, body), *picked]


def _in_period(context: PartContext) -> tuple[str, str]:
    """The condition that keeps rows inside the period, and the bucket column of a row."""
    period = context.query.period
    between = f"{context.clock} BETWEEN {literal(period.start)} AND {literal(period.end)}"
    return between, _bucket_of(context.clock, context.query) if context.dimensional_time else ""


def _bucket_of(day: str, query: ResolvedQuery) -> str:
    """The label of the bucket that holds a day, as SQL over the spine's edges."""
    fiscal = isinstance(query.calendar.fiscal_year_start, FiscalCalendar)
    shape = {"day": "%Y-%m-%d", "month": "" if fiscal else "%Y-%m"}.get(query.grain or "")
    if shape:
        return f"STRFTIME({day}, '{shape}') AS bucket"
    cases = " ".join(f"WHEN {day} <= {literal(b.end)} THEN {literal(b.label)}" for b in query.buckets)
    return f"CASE {cases} END AS bucket"


def _group_all(context: PartContext) -> str:
    return "GROUP BY ALL" if context.keys or context.dimensional_time else ""


def _aggregate(context: PartContext) -> str:
    return AGGREGATES[context.part.measure.agg].format(context.value)


def _window(context: PartContext) -> list[Cte]:
    """A flow over the period, or over the trailing days before each as-of date."""
    part = context.part
    unconverted = f"COUNT(*) FILTER(WHERE {context.value} IS NULL) AS unconverted"
    if part.part.read == "trailing":
        start = f"as_of - {part.part.days}"
        join = f"{context.clock} > spine.{start} AND {context.clock} <= spine.as_of"
        if not context.dimensional_time:
            columns = comma([*context.groups, f"{_aggregate(context)} AS {part.name}", unconverted])
            text = context.from_where(join.replace("spine.as_of", literal(context.query.as_of)))
            return [(part.name, f"SELECT {columns} {text} {_group_all(context)}")]
        daily = f"{part.name}__daily"
        columns = comma([*context.groups, f"{context.clock} AS day", f"{_aggregate(context)} AS amount", unconverted])
        rolled = (
            f"SELECT {columns} {context.from_where(f'{context.clock} <= {literal(context.spine.last)}')} GROUP BY ALL"
        )
        keys = comma(["spine.bucket", *(f"{daily}.{k}" for k in context.keys)])
        picked = (
            f"SELECT {keys}, SUM({daily}.amount) AS {part.name}, SUM({daily}.unconverted) AS unconverted FROM spine"
            f" JOIN {daily} ON {daily}.day > spine.{start} AND {daily}.day <= spine.as_of GROUP BY ALL"
        )
        return [(daily, rolled), (part.name, picked)]
    return _from_rows(context)


def _balance_by_scan(context: PartContext) -> list[Cte]:
    """Events up to each as-of date, summed: for one date, or where a dimension depends on the date."""
    name = f"{context.part.name}__balance"
    if context.dimensional_time:
        columns = comma(["spine.bucket", "spine.as_of", *context.groups, f"{_aggregate(context)} AS balance"])
        body = context.from_where(spine_join=f"{context.clock} <= spine.as_of")
        return [(name, f"SELECT {columns} {body} GROUP BY ALL")]
    as_of = literal(context.query.as_of)
    columns = comma([f"{as_of} AS as_of", *context.groups, f"{_aggregate(context)} AS balance"])
    body = context.from_where(f"{context.clock} <= {as_of}")
    return [(name, f"SELECT {columns} {body} {'GROUP BY ALL' if context.keys else ''}")]


def _balance_by_running_sum(context: PartContext) -> list[Cte]:
    """Daily sums -> running sum -> as-of pick-up at each date of the spine."""
    name, keys = context.part.name, context.keys
    up_to = f"{context.clock} <= {literal(context.spine.last)}"
    columns = comma([*context.groups, f"{context.clock} AS day", f"{_aggregate(context)} AS amount"])
    daily = f"SELECT {columns} {context.from_where(up_to)} GROUP BY ALL"
    partition = f"PARTITION BY {comma(keys)} " if keys else ""
    running = (
        f"SELECT {comma([*keys, 'day'])}, SUM(amount) OVER ({partition}ORDER BY day) AS balance FROM {name}__daily"
    )
    grid = f"SELECT {comma(['spine.bucket', 'spine.as_of', *(f'k.{k}' for k in keys)])} FROM spine"
    if keys:
        grid += f" CROSS JOIN (SELECT DISTINCT {comma(keys)} FROM {name}__daily) AS k"
    matches = " AND ".join([*(f"g.{k} = r.{k}" for k in keys), "g.as_of >= r.day"])
    picked = (
        f"SELECT {comma(['g.bucket', 'g.as_of', *(f'g.{k}' for k in keys)])}, COALESCE(r.balance, 0) AS balance"
        f" FROM {name}__grid AS g ASOF LEFT JOIN {name}__running AS r ON {matches}"
    )
    return [
        (f"{name}__daily", daily),
        (f"{name}__running", running),
        (f"{name}__grid", grid),
        (f"{name}__balance", picked),
    ]


def _converted(context: PartContext, ctes: list[Cte]) -> list[Cte]:
    """The balance in the answer's currency.

    At the closing rate of its as-of date where it is still in document currency.
    """
    name = context.part.name
    bucket = "b.bucket" if context.dimensional_time else ""
    keys = [f"b.{d.name}" for d in context.dimensions]
    group = "GROUP BY ALL" if keys or bucket else ""
    if not context.needs_closing_rate:
        columns = comma([bucket, *keys, f"SUM(b.balance) AS {name}", "0 AS unconverted"])
        body = f"SELECT {columns} FROM {name}__balance AS b {group}"
        return [*ctes, (name, body)]
    currency = literal(context.query.currency)
    fresh = f"b.as_of - rate.rate_date <= {MAX_RATE_AGE_DAYS}"
    rate = f"CASE WHEN b.__currency = {currency} THEN 1 WHEN {fresh} THEN rate.rate END"
    rated = (
        f"SELECT b.*, {rate} AS rate FROM {name}__balance AS b"
        f" ASOF LEFT JOIN rate ON rate.currency = b.__currency AND rate.rate_date <= b.as_of"
    )
    columns = comma(
        [
            bucket,
            *keys,
            f"SUM(b.balance * b.rate) AS {name}",
            "COUNT(*) FILTER(WHERE b.rate IS NULL AND b.balance <> 0) AS unconverted",
        ]
    )
    return [*ctes, (f"{name}__rated", rated), (name, f"SELECT {columns} FROM {name}__rated AS b {group}")]
