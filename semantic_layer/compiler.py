"""ResolvedQuery -> one DuckDB statement.

Each part of a metric is aggregated on its own entity, in a CTE of its own, and the parts meet on a list of keys: no fact ever
multiplies another. Balances are daily sums -> running sum -> as-of pick-up; trailing windows read the same daily sums. The text
is the same for the same query, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sqlglot import exp

from semantic_layer.fragments import (
    Bindings,
    comma,
    condition,
    entities_of,
    entity_body,
    group_value,
    literal,
    on_entity,
    parse,
    render,
    source,
    tables_of,
    with_dependencies,
)
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import Grain
from semantic_layer.resolver import ResolvedPart, ResolvedQuery

AGGREGATES = {
    "sum": "SUM({})",
    "count": "COUNT({})",
    "count_distinct": "COUNT(DISTINCT {})",
    "median": "QUANTILE_CONT({}, 0.5)",
    "p90": "QUANTILE_CONT({}, 0.9)",
}
MAX_RATE_AGE_DAYS = 7


@dataclass(frozen=True)
class Spine:
    """One row per time bucket: its label, the as-of date that ends it and its first day. One unnamed row without a grain."""

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
class _PartContext:
    """All that the CTEs of one part share."""

    query: ResolvedQuery
    model: SemanticModel
    part: ResolvedPart
    spine: Spine
    dimensional_time: bool
    """Grouped by a time grain."""

    @property
    def bindings(self) -> Bindings:
        q = self.query
        as_of = "spine.as_of" if self.dimensional_time else literal(q.as_of)
        return Bindings(q.reporting_currency, q.calendar.data_date, as_of)

    @property
    def needs_closing_rate(self) -> bool:
        return self.part.measure.money == "document" and self.query.currency != "document"

    @property
    def uses_as_of(self) -> bool:
        return any(d.as_of for d in self.query.dimensions) or any(f.dimension.as_of for f in self.query.filters)

    @property
    def groups(self) -> list[str]:
        """`value AS name` for each dimension, and the currency while a closing rate is still to come."""
        groups = [f"{group_value(d, self.bindings)} AS {d.name}" for d in self.query.dimensions]
        return groups + (["invoice.currency AS __currency"] if self.needs_closing_rate else [])

    @property
    def keys(self) -> list[str]:
        return [d.name for d in self.query.dimensions] + (["__currency"] if self.needs_closing_rate else [])

    @property
    def clock(self) -> str:
        return on_entity(self.part.clock, self.part.clock_entity, self.bindings)

    @property
    def value(self) -> str:
        measure = self.part.measure
        text = measure.document_expr if self.query.currency == "document" and measure.document_expr else measure.expr
        return on_entity(text, measure.entity, self.bindings)

    @property
    def conditions(self) -> list[str]:
        measure = self.part.measure
        found = [on_entity(measure.where, measure.entity, self.bindings)] if measure.where else []
        return found + [condition(f, self.bindings) for f in self.query.filters]

    def from_where(self, *extra: str, spine_join: str = "") -> str:
        """FROM, the joins that any expression needs, the spine if asked for, WHERE."""
        conditions = [*self.conditions, *extra]
        needed = entities_of(*self.groups_only(), *conditions, self.value, self.clock) - {"spine"}
        text = source(self.model, self.part.measure.entity, needed)
        if spine_join:
            text += f" JOIN spine ON {spine_join}"
        return text + (f" WHERE {' AND '.join(conditions)}" if conditions else "")

    def groups_only(self) -> list[str]:
        """Group expressions without their aliases."""
        found = [group_value(d, self.bindings) for d in self.query.dimensions]
        return found + (["invoice.currency"] if self.needs_closing_rate else [])


Cte = tuple[str, str]


def compile_query(query: ResolvedQuery, model: SemanticModel) -> str:
    """The statement that answers the query: rows by dimension and time bucket, with check columns `__rows` and `__sum_<metric>`."""
    spine = Spine.of(query)
    parts = [
        cte for part in query.parts for cte in _part(_PartContext(query, model, part, spine, query.grain is not None))
    ]
    answer = [("answer_keys", _keys(query)), ("answer", _answer(query)), ("checked", _checked(query, spine))]
    return _assemble(model, query, [("spine", spine.sql()), *parts, *answer], _final(query))


def compile_total(query: ResolvedQuery, model: SemanticModel) -> str:
    """The statement for the whole: same parts, no grouping, one row; `<part>__unconverted` counts rows without a usable amount."""
    whole = replace(query, dimensions=(), grain=None, buckets=(), having=(), order=())
    spine = Spine.of(whole)
    parts = [
        cte for part in whole.parts for cte in _part(_PartContext(whole, model, part, spine, dimensional_time=False))
    ]
    columns = [f"{_formula(metric, whole)} AS {metric.name}" for metric in whole.metrics]
    columns += [
        f"{p.name}.{p.name} AS {p.name}__part, {p.name}.unconverted AS {p.name}__unconverted" for p in whole.parts
    ]
    final = f"SELECT {comma(columns)} FROM {' CROSS JOIN '.join(p.name for p in whole.parts)}"
    return _assemble(model, whole, [("spine", spine.sql()), *parts], final)


def compile_left_out(query: ResolvedQuery, model: SemanticModel, measure_name: str) -> str:
    """The statement that counts the rows a metric leaves out by definition (a caveat measure), under the same filters."""
    measure = model.measures[measure_name]
    part = replace(query.parts[-1], name="left_out", measure=measure, clock_entity=measure.entity, clock=measure.at)
    whole = replace(query, dimensions=(), grain=None, buckets=(), parts=(part,))
    context = _PartContext(whole, model, part, Spine.of(whole), dimensional_time=False)
    return _assemble(model, whole, [("spine", context.spine.sql()), *_part(context)], "SELECT left_out FROM left_out")


def _part(context: _PartContext) -> list[Cte]:
    read = context.part.part.read
    if context.part.measure.agg in {"median", "p90"}:
        return _quantile(context)
    if read == "balance" and (len(context.spine.rows) == 1 or context.uses_as_of):
        return _converted(context, _balance_by_scan(context))
    if read == "balance":
        return _converted(context, _balance_by_running_sum(context))
    return _window(context)


def _quantile(context: _PartContext) -> list[Cte]:
    between, bucket = _in_period(context)
    value = AGGREGATES[context.part.measure.agg].format(context.value)
    columns = comma([*context.groups, bucket, f"{value} AS {context.part.name}", "0 AS unconverted"])
    return [(context.part.name, f"SELECT {columns} {context.from_where(between)} {_group_all(context)}")]


def _in_period(context: _PartContext) -> tuple[str, str]:
    """The condition that keeps rows inside the period, and the bucket column of a row."""
    period = context.query.period
    between = f"{context.clock} BETWEEN {literal(period.start)} AND {literal(period.end)}"
    return between, _bucket_of(context.clock, context.query) if context.dimensional_time else ""


def _bucket_of(day: str, query: ResolvedQuery) -> str:
    """The label of the bucket that holds a day, as SQL over the spine's edges."""
    shape = {"day": "%Y-%m-%d", "month": "%Y-%m"}.get(query.grain or "")
    if shape:
        return f"STRFTIME({day}, '{shape}') AS bucket"
    cases = " ".join(f"WHEN {day} <= {literal(b.end)} THEN {literal(b.label)}" for b in query.buckets)
    return f"CASE {cases} END AS bucket"


def _group_all(context: _PartContext) -> str:
    return "GROUP BY ALL" if context.keys or context.dimensional_time else ""


def _aggregate(context: _PartContext) -> str:
    return AGGREGATES[context.part.measure.agg].format(context.value)


def _window(context: _PartContext) -> list[Cte]:
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
        columns = comma([*context.groups, f"{context.clock} AS day", f"{_aggregate(context)} AS amount"])
        rolled = (
            f"SELECT {columns} {context.from_where(f'{context.clock} <= {literal(context.spine.last)}')} GROUP BY ALL"
        )
        keys = comma(["spine.bucket", *(f"{daily}.{k}" for k in context.keys)])
        picked = (
            f"SELECT {keys}, SUM({daily}.amount) AS {part.name}, 0 AS unconverted FROM spine"
            f" JOIN {daily} ON {daily}.day > spine.{start} AND {daily}.day <= spine.as_of GROUP BY ALL"
        )
        return [(daily, rolled), (part.name, picked)]
    between, bucket = _in_period(context)
    columns = comma([*context.groups, bucket, f"{_aggregate(context)} AS {part.name}", unconverted])
    return [(part.name, f"SELECT {columns} {context.from_where(between)} {_group_all(context)}")]


def _balance_by_scan(context: _PartContext) -> list[Cte]:
    """Events up to each as-of date, summed: for one date, or where a dimension depends on the date."""
    name = f"{context.part.name}__balance"
    if context.dimensional_time:
        columns = comma(["spine.bucket", "spine.as_of", *context.groups, f"{_aggregate(context)} AS balance"])
        body = context.from_where(spine_join=f"{context.clock} <= spine.as_of")
        return [(name, f"SELECT {columns} {body} GROUP BY ALL")]
    as_of = literal(context.query.as_of)
    columns = comma([f"{as_of} AS as_of", *context.groups, f"{_aggregate(context)} AS balance"])
    return [
        (
            name,
            f"SELECT {columns} {context.from_where(f'{context.clock} <= {as_of}')} {'GROUP BY ALL' if context.keys else ''}",
        )
    ]


def _balance_by_running_sum(context: _PartContext) -> list[Cte]:
    """Daily sums -> running sum -> as-of pick-up at each date of the spine."""
    name, keys = context.part.name, context.keys
    up_to = f"{context.clock} <= {literal(context.spine.last)}"
    daily = f"SELECT {comma([*context.groups, f'{context.clock} AS day', f'{_aggregate(context)} AS amount'])} {context.from_where(up_to)} GROUP BY ALL"
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


def _converted(context: _PartContext, ctes: list[Cte]) -> list[Cte]:
    """The balance in the answer's currency: at the closing rate of its as-of date where it is still in document currency."""
    name = context.part.name
    bucket = "b.bucket" if context.dimensional_time else ""
    keys = [f"b.{d.name}" for d in context.query.dimensions]
    group = "GROUP BY ALL" if keys or bucket else ""
    if not context.needs_closing_rate:
        body = f"SELECT {comma([bucket, *keys])}{', ' if bucket or keys else ''}SUM(b.balance) AS {name}, 0 AS unconverted FROM {name}__balance AS b {group}"
        return [*ctes, (name, body)]
    currency = literal(context.query.currency)
    rate = f"CASE WHEN b.__currency = {currency} THEN 1 WHEN b.as_of - rate.rate_date <= {MAX_RATE_AGE_DAYS} THEN rate.rate END"
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


def _keys(query: ResolvedQuery) -> str:
    """Every combination of dimension values that any part knows, on every bucket of the spine."""
    names = comma([d.name for d in query.dimensions])
    if not names:
        return "SELECT bucket, starts_on, as_of FROM spine"
    union = " UNION ".join(f"SELECT DISTINCT {names} FROM {part.name}" for part in query.parts)
    spine = "spine.bucket, spine.starts_on, spine.as_of"
    return f"SELECT {spine}, {comma([f'u.{d.name}' for d in query.dimensions])} FROM spine CROSS JOIN ({union}) AS u"


def _answer(query: ResolvedQuery) -> str:
    """Parts met on the keys, metrics computed from their sums."""
    keys = [d.name for d in query.dimensions]
    joins = ""
    for part in query.parts:
        on = [f"k.{key} = {part.name}.{key}" for key in keys]
        if query.grain:
            on.append(f"k.bucket = {part.name}.bucket")
        joins += f" LEFT JOIN {part.name} ON {' AND '.join(on)}" if on else f" CROSS JOIN {part.name}"
    columns = [f"k.{key}" for key in keys] + ["k.bucket", "k.as_of"]
    columns += [f"{_formula(metric, query)} AS {metric.name}" for metric in query.metrics]
    metric_names = {metric.name for metric in query.metrics}
    columns += [f"{_part_value(p)} AS {p.name}" for p in query.parts if p.name not in metric_names]
    known = " OR ".join(f"COALESCE({p.name}.{p.name}, 0) <> 0" for p in query.parts)
    keep = "" if query.grain or not keys else f" WHERE {known}"
    return f"SELECT {comma(columns)} FROM answer_keys AS k{joins}{keep}"


def _part_value(part: ResolvedPart) -> str:
    return (
        f"{part.name}.{part.name}" if part.measure.agg in {"median", "p90"} else f"COALESCE({part.name}.{part.name}, 0)"
    )


def _formula(metric: Metric, query: ResolvedQuery) -> str:
    """The metric's formula over part columns; a division by zero gives no value."""
    parts = {part.name: part for part in query.parts}
    days = str(query.period.days) if query.grain is None else "(k.as_of - k.starts_on + 1)"

    def swap(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Column):
            return node
        return parse(days if node.name == "period_days" else _part_value(parts[node.name]))

    tree = parse(metric.formula).transform(swap)
    for division in list(tree.find_all(exp.Div)):
        division.set("expression", exp.func("NULLIF", division.expression.copy(), exp.Literal.number(0)))
    return render(tree)


def _having(query: ResolvedQuery) -> str:
    return " AND ".join(f"{h.metric} {h.op} {literal(h.value)}" for h in query.having) or "TRUE"


def _checked(query: ResolvedQuery, spine: Spine) -> str:
    """The answer with what the checks need: how many groups, and what the groups add up to."""
    last = f"as_of = {literal(spine.last)}"
    sums = []
    for metric in query.metrics:
        balance = all(part.read != "period" for part in metric.parts)
        scope = f" FILTER(WHERE {last})" if query.grain and balance else ""
        if metric.additive:
            sums.append(f"SUM({metric.name}){scope} OVER () AS __sum_{metric.name}")
            if query.query.share:
                by = "PARTITION BY bucket" if query.grain else ""
                sums.append(f"{metric.name} / NULLIF(SUM({metric.name}) OVER ({by}), 0) AS {metric.name}__share")
    return f"SELECT {comma(['*', f'COUNT(*) FILTER(WHERE {_having(query)}) OVER () AS __rows', *sums])} FROM answer"


def _final(query: ResolvedQuery) -> str:
    order = [_order_key(item.field, item.descending, query) for item in query.order]
    ties = [_order_key(d.name, descending=False, query=query) for d in query.dimensions]
    ties += [_order_key(query.grain, descending=False, query=query)] if query.grain else []
    return f"SELECT * FROM checked WHERE {_having(query)} ORDER BY {comma([*dict.fromkeys([*order, *ties])]) or '1'} LIMIT {query.limit}"


def _order_key(name: Grain | str, descending: bool, query: ResolvedQuery) -> str:
    direction = "DESC" if descending else "ASC"
    if name == query.grain:
        return f"as_of {direction}"
    dimension = next((d for d in query.dimensions if d.name == name), None)
    if dimension is not None and dimension.ordered:
        cases = " ".join(f"WHEN {literal(v.value)} THEN {i}" for i, v in enumerate(dimension.values))
        return f"CASE {dimension.name} {cases} ELSE {len(dimension.values)} END {direction}"
    return f"{name} {direction} NULLS LAST"


def _assemble(model: SemanticModel, query: ResolvedQuery, ctes: list[Cte], final: str) -> str:
    """Entities first, then our CTEs, then the final select. The guard parses it and renders what runs and is shown."""
    bodies = frozenset[str]().union(*(tables_of(body) for _, body in ctes))
    bindings = Bindings(query.reporting_currency, query.calendar.data_date, literal(query.as_of))
    entities = [
        (name, entity_body(model.entities[name].sql, bindings))
        for name in with_dependencies(model, bodies & set(model.entities))
    ]
    kept = [cte for cte in ctes if cte[0] != "spine" or "spine" in bodies]
    text = ", ".join(f"{name} AS ({body})" for name, body in [*entities, *kept])
    return f"WITH {text} {final}"
