"""ResolvedQuery -> one DuckDB statement.

Each part of a metric is aggregated on its own entity (parts.py), and the parts meet here on a list of keys: no fact
ever multiplies another. The text is the same for the same query, byte for byte.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sqlglot import exp

from semantic_layer.fragments import (
    Bindings,
    Statement,
    comma,
    entity_body,
    literal,
    parse,
    render,
    tables_of,
    with_dependencies,
)
from semantic_layer.knowledge import as_known
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.part_shapes import part_ctes
from semantic_layer.parts import Cte, PartContext, Spine
from semantic_layer.periods import Period
from semantic_layer.resolver import ResolvedPart, ResolvedQuery

DAY_ZERO = "CAST('2000-01-01' AS DATE)"
"""`as_of_day` in formulas counts days from here, and so do measures that carry a date times an amount."""


def compile_query(query: ResolvedQuery, model: SemanticModel) -> Statement:
    """The statement that answers the query.

    Rows by dimension and time bucket, with check columns `__rows` and `__sum_<metric>`.
    """
    spine = Spine.of(query)
    parts = [
        cte
        for part in query.parts
        for cte in part_ctes(PartContext(query, model, part, spine, query.grain is not None))
    ]
    answer = [("answer_keys", _keys(query)), ("answer", _answer(query)), ("checked", _checked(query, spine))]
    return _assemble(model, query, [("spine", spine.sql()), *parts, *answer], _final(query))


def compile_total(query: ResolvedQuery, model: SemanticModel) -> Statement:
    """The statement for the whole.

    Same parts, no grouping, one row; `<part>__unconverted` counts rows without a usable amount.
    """
    period = query.period
    if query.windowed:
        period = Period(query.buckets[-1].start, query.buckets[-1].end, period.label)
    whole = replace(query, dimensions=(), grain=None, buckets=(), having=(), order=(), hidden=(), period=period)
    wanted = {part.name for metric in whole.metrics for part in metric.parts}
    whole = replace(whole, parts=tuple(part for part in whole.parts if part.name in wanted))
    spine = Spine.of(whole)
    parts = [
        cte for part in whole.parts for cte in part_ctes(PartContext(whole, model, part, spine, dimensional_time=False))
    ]
    columns = [f"{_formula(metric, whole)} AS {metric.name}" for metric in whole.metrics]
    columns += [
        f"{p.name}.{p.name} AS {p.name}__part, {p.name}.unconverted AS {p.name}__unconverted" for p in whole.parts
    ]
    final = f"SELECT {comma(columns)} FROM {' CROSS JOIN '.join(p.name for p in whole.parts)}"
    return _assemble(model, whole, [("spine", spine.sql()), *parts], final)


def compile_left_out(query: ResolvedQuery, model: SemanticModel, measure_name: str) -> Statement:
    """The statement that counts rows a metric leaves out by definition (a caveat measure), under the same filters."""
    measure = model.measures[measure_name]
    part = replace(query.parts[-1], name="left_out", measure=measure, clock_entity=measure.entity, clock=measure.at)
    whole = replace(query, dimensions=(), grain=None, buckets=(), parts=(part,))
    context = PartContext(whole, model, part, Spine.of(whole), dimensional_time=False)
    return _assemble(
        model, whole, [("spine", context.spine.sql()), *part_ctes(context)], "SELECT left_out FROM left_out"
    )


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
    columns += [f"{_formula(metric, query)} AS {metric.name}" for metric in query.computed]
    metric_names = {metric.name for metric in query.computed}
    columns += [f"{_part_value(p)} AS {p.name}" for p in query.parts if p.name not in metric_names]
    known = " OR ".join(f"COALESCE({p.name}.{p.name}, 0) <> 0" for p in query.parts)
    keep = "" if query.grain or not keys else f" WHERE {known}"
    return f"SELECT {comma(columns)} FROM answer_keys AS k{joins}{keep}"


def _part_value(part: ResolvedPart) -> str:
    empty_is_unknown = part.measure.agg in {"mean", "median", "p90"} or part.part.read == "countback"
    return f"{part.name}.{part.name}" if empty_is_unknown else f"COALESCE({part.name}.{part.name}, 0)"


def _formula(metric: Metric, query: ResolvedQuery) -> str:
    """The metric's formula over part columns; a division by zero gives no value."""
    timed = query.grain is not None
    values = {part.name: _part_value(part) for part in query.parts}
    values["period_days"] = "(k.as_of - k.starts_on + 1)" if timed else str(query.period.days)
    values["as_of_day"] = f"({'k.as_of' if timed else literal(query.as_of)} - {DAY_ZERO})"
    return _filled(metric.formula, tuple((name, values[name]) for name in _names_in(metric.formula)))


@lru_cache(maxsize=1024)
def _names_in(formula: str) -> tuple[str, ...]:
    return tuple(sorted({column.name for column in parse(formula).find_all(exp.Column)}))


@lru_cache(maxsize=4096)
def _filled(formula: str, values: tuple[tuple[str, str], ...]) -> str:
    """The formula with SQL in place of its names."""
    given = dict(values)

    def swap(node: exp.Expr) -> exp.Expr:
        return parse(given[node.name]) if isinstance(node, exp.Column) else node

    tree = parse(formula).transform(swap)
    for division in list(tree.find_all(exp.Div)):
        division.set("expression", exp.func("NULLIF", division.expression.copy(), exp.Literal.number(0)))
    return render(tree)


def _having(query: ResolvedQuery) -> str:
    return " AND ".join(f"{h.metric} {h.op} {literal(h.value)}" for h in query.having) or "TRUE"


def _checked(query: ResolvedQuery, spine: Spine) -> str:
    """The answer with what the checks need: how many groups, and what the groups add up to.

    The sums over everything are joined, not windows over everything: with threads, DuckDB can lose the rows of an empty
    `OVER ()` and fail.
    """
    last = f"as_of = {literal(spine.last)}"
    sums, shares = [f"COUNT(*) FILTER(WHERE {_having(query)}) AS __rows"], []
    for metric in query.metrics:
        scope = f" FILTER(WHERE {last})" if query.grain and query.is_balance(metric) else ""
        if metric.additive:
            sums.append(f"SUM({metric.name}){scope} AS __sum_{metric.name}")
            if query.query.share:
                within = [*(["bucket"] if query.grain else []), *query.query.share_within]
                whole = f"SUM({metric.name}) OVER (PARTITION BY {comma(within)})" if within else f"__sum_{metric.name}"
                shares.append(f"{metric.name} / NULLIF({whole}, 0) AS {metric.name}__share")
    whole = f"(SELECT {comma(sums)} FROM answer) AS __whole"
    return f"SELECT {comma(['answer.*', '__whole.*', *shares])} FROM answer CROSS JOIN {whole}"


def _final(query: ResolvedQuery) -> str:
    order = [_order_key(item.field, query, descending=item.descending) for item in query.order]
    ties = [_order_key(d.name, query) for d in query.dimensions]
    ties += [_order_key(query.grain, query)] if query.grain else []
    keys = comma(list(dict.fromkeys([*order, *ties]))) or "1"
    top = query.query.top_per
    within = f"PARTITION BY {comma([_within(name, query) for name in top.within])}" if top else ""
    places = f" QUALIFY ROW_NUMBER() OVER ({within} ORDER BY {keys}) <= {top.n}" if top else ""
    first = f"{comma([_order_key(name, query) for name in top.within])}, " if top else ""
    return f"SELECT * FROM checked WHERE {_having(query)}{places} ORDER BY {first}{keys} LIMIT {query.limit}"


def _within(name: str, query: ResolvedQuery) -> str:
    return "bucket" if name == query.grain else name


def _order_key(name: str, query: ResolvedQuery, *, descending: bool = False) -> str:
    direction = "DESC" if descending else "ASC"
    if name == query.grain:
        return f"as_of {direction}"
    dimension = next((d for d in query.dimensions if d.name == name), None)
    if dimension is not None and dimension.ordered:
        cases = " ".join(f"WHEN {literal(v.value)} THEN {i}" for i, v in enumerate(dimension.values))
        return f"CASE {dimension.name} {cases} ELSE {len(dimension.values)} END {direction}"
    return f"{name} {direction} NULLS LAST"


def _assemble(model: SemanticModel, query: ResolvedQuery, ctes: list[Cte], final: str) -> Statement:
    """Entities first, then our CTEs, then the final select. The guard parses it and renders what runs and is shown."""
    bodies = frozenset[str]().union(*(tables_of(body) for _, body in ctes))
    bindings = Bindings(query.reporting_currency, query.calendar.data_date, literal(query.as_of))
    entities = [
        (name, entity_body(model.entities[name].sql, bindings))
        for name in with_dependencies(model, bodies & set(model.entities))
    ]
    kept = [cte for cte in ctes if cte[0] != "spine" or "spine" in bodies]
    known = as_known(entities, query.history, query.query.known_at) if query.query.known_at else entities
    return Statement((*known, *kept), final)
