"""The WITH queries of one part of a metric, on its own entity: flows, trailing windows, balances, quantiles, shapes.

A balance is daily sums -> running sum -> as-of pick-up at each date of the spine; a trailing window reads the same
daily sums. Every part ends in a query of the part's own name with the columns: dimensions, bucket, value, unconverted.
"""

from __future__ import annotations

from collections.abc import Sequence

from semantic_layer.fragments import comma, literal
from semantic_layer.parts_context import Cte, PartContext
from semantic_layer.periods import FiscalCalendar
from semantic_layer.resolver import ResolvedQuery
from semantic_layer.staged_sums import Stages, can_be_staged

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
    if can_be_staged(context):
        return flows_ctes([context])
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
    keys = [*first.keys, *(["bucket"] if first.dimensional_time else [])]
    names = [context.part.name for context in contexts]
    picked = [(n, f"SELECT {comma([*keys, n, f'{n}__unconverted AS unconverted'])} FROM {rows}") for n in names]
    if all(can_be_staged(context) for context in contexts):
        stages = Stages(tuple(contexts), between, lambda day: _bucket_of(day, first.query), by_day=False)
        return [*stages.ctes(rows), *picked]
    values = []
    for context in contexts:
        name, money = context.part.name, context.part.measure.money != "none"
        unconverted = f"COUNT(*) FILTER(WHERE {context.value} IS NULL)" if money else "0"
        values += [f"{_aggregate(context)} AS {name}", f"{unconverted} AS {name}__unconverted"]
    body = f"SELECT {comma([*first.groups, bucket, *values])} {first.from_where(between)} {_group_all(first)}"
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
            window = join.replace("spine.as_of", literal(context.query.as_of))
            if can_be_staged(context):
                return _staged_window(context, window)
            columns = comma([*context.groups, f"{_aggregate(context)} AS {part.name}", unconverted])
            text = context.from_where(window)
            return [(part.name, f"SELECT {columns} {text} {_group_all(context)}")]
        daily = f"{part.name}__daily"
        columns = comma([*context.groups, f"{context.clock} AS day", f"{_aggregate(context)} AS amount", unconverted])
        until = f"{context.clock} <= {literal(context.spine.last)}"
        until += f" AND {context.clock} > {literal(context.spine.rows[0][1])} - {part.part.days}"
        days = [(daily, f"SELECT {columns} {context.from_where(until)} GROUP BY ALL")]
        if can_be_staged(context):
            days = _staged_days(context, until, daily)
        keys = comma(["spine.bucket", *(f"{daily}.{k}" for k in context.keys)])
        picked = (
            f"SELECT {keys}, SUM({daily}.amount) AS {part.name}, SUM({daily}.unconverted) AS unconverted FROM spine"
            f" JOIN {daily} ON {daily}.day > spine.{start} AND {daily}.day <= spine.as_of GROUP BY ALL"
        )
        return [*days, (part.name, picked)]
    return _from_rows(context)


def _staged_window(context: PartContext, window: str) -> list[Cte]:
    """A trailing window before one date, in two stages."""
    name = context.part.name
    columns = comma([*context.keys, name, f"{name}__unconverted AS unconverted"])
    stages = Stages((context,), window, lambda day: _bucket_of(day, context.query), by_day=False)
    return [*stages.ctes(f"{name}__window"), (name, f"SELECT {columns} FROM {name}__window")]


def _staged_days(context: PartContext, until: str, daily: str) -> list[Cte]:
    """The daily sums of a part, in two stages."""
    name = context.part.name
    columns = comma([*context.keys, "day", f"{name} AS amount", f"{name}__unconverted AS unconverted"])
    stages = Stages((context,), until, lambda day: _bucket_of(day, context.query), by_day=True)
    return [*stages.ctes(f"{name}__days"), (daily, f"SELECT {columns} FROM {name}__days")]


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
