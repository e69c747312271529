"""ResolvedQuery -> one DuckDB statement.

Each part of a metric is aggregated on its own entity (parts.py), and the parts meet here on a list of keys: no fact
ever multiplies another. The text is the same for the same query, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from sqlglot import exp

from semantic_layer.derived_columns import with_derived_columns
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
from semantic_layer.model import Dimension, Metric, SemanticModel
from semantic_layer.part_shapes import all_part_ctes, part_ctes
from semantic_layer.parts import NOT_ADDITIVE
from semantic_layer.parts_context import Cte, PartContext, Spine
from semantic_layer.periods import Period
from semantic_layer.pruning import cheap, pruned
from semantic_layer.resolver import ResolvedPart, ResolvedQuery, join_path
from semantic_layer.rollup import rollup_query

WHOLE = "__whole"
"""Ending of the name of a part that is read once more for the whole."""
DAY_ZERO = "CAST('2000-01-01' AS DATE)"
"""`as_of_day` in formulas counts days from here, and so do measures that carry a date times an amount."""


def compile_query(
    query: ResolvedQuery, model: SemanticModel, *, apart: bool = False, rollups: bool = False
) -> Statement:
    """The statement that answers the query: each row a group (`__group`) beside the whole, or the whole alone.

    Rows by dimension and time bucket; `__rows` and `__sum_<metric>` are what the groups count and add up to;
    `__total_<metric>`, `__part_<part>` and `__unconverted_<part>` (rows without a usable amount) are of the whole. The
    whole comes from the sums of the parts before they meet on the keys, or from the rows once more where sums of groups
    are no figure (medians, distinct counts, members) or where it must be computed `apart`.
    With `rollups`, balances read the tables of `compile_rollup` where those give the same.
    """
    spine = Spine.of(query)
    whole = _whole(query)
    again = _read_again(query, whole, apart=apart)
    parts = [PartContext(query, model, part, spine, query.grain is not None) for part in query.parts]
    parts += [PartContext(whole, model, part, Spine.of(whole), dimensional_time=False) for part in again.values()]
    answer = [
        ("answer_keys", _keys(query)),
        ("answer", _answer(query)),
        ("whole", _sums(query, spine)),
        ("totals", _totals(query, whole, spine, again)),
    ]
    ctes = [("spine", spine.sql()), *all_part_ctes(parts, rollups=rollups), *answer]
    return _assemble(model, query, ctes, _final(query))


def joined_for_groups(query: ResolvedQuery, model: SemanticModel) -> frozenset[tuple[str, str]]:
    """The entities, each with its key, that only the grouping joins: a key that repeats would count amounts twice."""
    found: set[tuple[str, str]] = set()
    for part in query.parts:
        context = PartContext(query, model, part, Spine.of(query), query.grain is not None)
        root = part.measure.entity
        anyway = {step for goal in context.entities_of_rows for step in join_path(model, root, goal) or ()}
        groups = {step for goal in context.entities_of_groups for step in join_path(model, root, goal) or ()}
        found |= {(step.to, step.to_key) for step in groups - anyway}
    return frozenset(found)


def compile_rollup(entity: str, query: ResolvedQuery, model: SemanticModel) -> Statement | None:
    """The statement that makes the sums by month of an entity; None when it keeps none."""
    rollup = model.entities[entity].rollup
    if rollup is None:
        return None
    return _assemble(model, query, [], rollup_query(entity, rollup, model, query.calendar.data_date))


def compile_repeats(entity: str, key: str, query: ResolvedQuery, model: SemanticModel) -> Statement:
    """The statement that counts how many rows of an entity share their key with another."""
    return _assemble(model, query, [], f"SELECT COUNT({key}) - COUNT(DISTINCT {key}) AS repeats FROM {entity}")


def _whole(query: ResolvedQuery) -> ResolvedQuery:
    """The query without its groups; under windows, the last window."""
    period = query.period
    if query.windowed:
        period = Period(query.buckets[-1].start, query.buckets[-1].end, period.label)
    return replace(query, dimensions=(), grain=None, buckets=(), having=(), order=(), hidden=(), period=period)


def _read_again(query: ResolvedQuery, whole: ResolvedQuery, *, apart: bool) -> dict[str, ResolvedPart]:
    """The parts whose whole is no sum of their groups, by name, as they are read for the whole."""
    wanted = {part.name for metric in whole.metrics for part in metric.parts}
    if not query.dimensions and not query.grain:
        return {}
    chosen = {p.name for p in query.parts if p.name in wanted and (apart or not _adds_up(p, query))}
    chosen |= {p.part.against for p in query.parts if p.name in chosen and p.part.against}
    found = {}
    for part in query.parts:
        if part.name in chosen:
            against = part.part.against and f"{part.part.against}{WHOLE}"
            renamed = part.part.model_copy(update={"against": against})
            found[part.name] = replace(part, name=f"{part.name}{WHOLE}", part=renamed)
    return found


def _adds_up(part: ResolvedPart, query: ResolvedQuery) -> bool:
    """Whether the groups of a part add up to its whole."""
    simple = part.part.read != "countback" and part.part.members is None and not query.windowed
    return simple and part.measure.agg not in NOT_ADDITIVE


def _totals(query: ResolvedQuery, whole: ResolvedQuery, spine: Spine, again: Mapping[str, ResolvedPart]) -> str:
    """The metrics of the whole: one row."""
    wanted = {part.name for metric in whole.metrics for part in metric.parts}
    parts = [part for part in query.parts if part.name in wanted]
    columns = [f"{_formula(metric, whole)} AS __total_{metric.name}" for metric in whole.metrics]
    for p in parts:
        columns += [f"{p.name}.{p.name} AS __part_{p.name}", f"{p.name}.unconverted AS __unconverted_{p.name}"]
    sources = [_whole_of(part, query, spine, again.get(part.name)) for part in parts]
    return f"SELECT {comma(columns)} FROM {' CROSS JOIN '.join(sources)}"


def _whole_of(part: ResolvedPart, query: ResolvedQuery, spine: Spine, again: ResolvedPart | None) -> str:
    """One part of the whole, under the part's name: read again, or added up over its groups."""
    name = part.name
    if again is not None:
        return f"(SELECT {again.name} AS {name}, unconverted FROM {again.name}) AS {name}"
    if not query.dimensions and not query.grain:
        return name
    last = ""
    if query.grain and part.part.read != "period":
        last = f" WHERE bucket = {literal(spine.rows[-1][0])}"
    return f"(SELECT SUM({name}) AS {name}, SUM(unconverted) AS unconverted FROM {name}{last}) AS {name}"


def compile_left_out(
    query: ResolvedQuery, model: SemanticModel, metric: Metric, measure_name: str, by: Dimension | None = None
) -> Statement:
    """The statement that adds up rows a metric leaves out by definition (a caveat measure), under the same filters.

    They are read as the metric reads its own rows, whatever figures stand beside it: a balance at its day, a flow over
    its period. With `by`, one row for each value of that dimension, the largest first.
    """
    measure = model.measures[measure_name]
    own = {part.name for part in metric.parts}
    read = [part for part in query.parts if part.name in own][-1]
    part = replace(read, name="left_out", measure=measure, clock_entity=measure.entity, clock=measure.at)
    whole = replace(query, dimensions=(by,) if by else (), grain=None, buckets=(), parts=(part,))
    context = PartContext(whole, model, part, Spine.of(whole), dimensional_time=False)
    final = "SELECT left_out FROM left_out"
    if by:
        order = f"WHERE left_out <> 0 ORDER BY ABS(left_out) DESC, {by.name}"
        final = f"SELECT {by.name}, left_out FROM left_out {order}"
    return _assemble(model, whole, [("spine", context.spine.sql()), *part_ctes(context)], final)


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


def _sums(query: ResolvedQuery, spine: Spine) -> str:
    """What the groups add up to: how many there are and the sum of each metric that adds up.

    The sums over everything are joined, not windows over everything: with threads, DuckDB can lose the rows of an empty
    `OVER ()` and fail.
    """
    last = f"as_of = {literal(spine.last)}"
    sums = [f"COUNT(*) FILTER(WHERE {_having(query)}) AS __rows"]
    for metric in query.metrics:
        scope = f" FILTER(WHERE {last})" if query.grain and query.is_balance(metric) else ""
        if metric.additive:
            sums.append(f"SUM({metric.name}){scope} AS __sum_{metric.name}")
    return f"SELECT {comma(sums)} FROM answer"


def _shares(query: ResolvedQuery) -> list[str]:
    """The share columns: of the whole, or of what the groups that share some values add up to."""
    within = [*(["bucket"] if query.grain else []), *query.query.share_within]
    found = []
    for metric in query.metrics:
        if metric.additive and query.query.share:
            whole = f"SUM({metric.name}) OVER (PARTITION BY {comma(within)})" if within else f"__sum_{metric.name}"
            found.append(f"{metric.name} / NULLIF({whole}, 0) AS {metric.name}__share")
    return found


def _final(query: ResolvedQuery) -> str:
    order = [_order_key(item.field, query, descending=item.descending) for item in query.order]
    ties = [_order_key(d.name, query) for d in query.dimensions]
    ties += [_order_key(query.grain, query)] if query.grain else []
    keys = comma(list(dict.fromkeys([*order, *ties]))) or "1"
    top = query.query.top_per
    within = f"PARTITION BY {comma([_within(name, query) for name in top.within])}" if top else ""
    places = f" QUALIFY ROW_NUMBER() OVER ({within} ORDER BY {keys}) <= {top.n}" if top else ""
    first = f"{comma([_order_key(name, query) for name in top.within])}, " if top else ""
    order_by = f"ORDER BY {first}{keys}"
    shares = _shares(query)
    beside = " CROSS JOIN whole" if shares and not (query.grain or query.query.share_within) else ""
    shown = f"SELECT {comma(['answer.*', *shares, 'TRUE AS __group'])} FROM answer{beside}"
    having = _having(query)
    if shares:  # a share is of all groups, so it is computed before any is left out
        shown = f"SELECT * FROM ({shown}) AS shared"
    groups = f"{shown} WHERE {having}{places} {order_by} LIMIT {query.limit}"
    return f"SELECT * FROM totals CROSS JOIN whole LEFT JOIN ({groups}) AS shown ON TRUE {order_by}"


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
    bodies = frozenset[str]().union(*(tables_of(body) for _, body in [*ctes, ("", final)]))
    bindings = Bindings(query.reporting_currency, query.calendar.data_date, literal(query.as_of))
    entities = [
        (name, entity_body(model.entities[name].sql, bindings))
        for name in with_dependencies(model, bodies & set(model.entities))
    ]
    known = {name: (name, model.entities[name].primary_key, body) for name, body in entities}

    def derived(body: str) -> str:
        return with_derived_columns(body, tuple(known[name] for name in sorted(tables_of(body) & known.keys())))

    kept = [(name, derived(body)) for name, body in ctes if name != "spine" or "spine" in bodies]
    entities = [(name, derived(body)) for name, body in entities]
    entities = pruned(entities, model.primary_keys, [final, *(body for _, body in kept)])
    if query.query.known_at:
        entities = as_known(entities, query.history, query.query.known_at)
    return Statement((*entities, *kept), final, cheap(entities))
