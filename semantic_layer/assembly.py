"""Raw rows -> ResultSet.

Typed columns, rounded at the border, the total, the checks that tie parts to it, the caveats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from semantic_layer.asked_period import natural_end
from semantic_layer.database import Rows
from semantic_layer.fragments import UNASSIGNED
from semantic_layer.model import Metric
from semantic_layer.periods import Period, bucket
from semantic_layer.query import Target
from semantic_layer.resolver import ResolvedPart, ResolvedQuery
from semantic_layer.results import Check, Column, Lineage, ResultSet, Value

CENT = Decimal("0.01")
FINE = Decimal("0.000001")
TOLERANCE = Decimal("0.005")


def rounded(value: Any, unit: str) -> Value:
    """A value as it leaves the layer: money to the cent, days and ratios to six places, counts whole."""
    if value is None or isinstance(value, str | bool):
        return value
    if unit == "count":
        return int(value)
    if unit in {"text", "date"}:
        return value  # type: ignore[no-any-return]  # dates come typed from the engine
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return exact.quantize(CENT if unit.startswith("money") else FINE, ROUND_HALF_UP)


def metric_unit(metric: Metric, query: ResolvedQuery) -> str:
    """The unit of a metric's column; money carries its currency."""
    if metric.unit != "money":
        return metric.unit
    return f"money:{query.currency_label}"


def _part_unit(part: ResolvedPart, query: ResolvedQuery) -> str | None:
    """The unit of a ratio's part, or None where it is a product that means nothing alone (amount x days)."""
    if part.measure.times_days:
        return None
    if part.measure.money != "none":
        return f"money:{query.currency_label}"
    return "count" if part.measure.agg == "count" else None


def columns_of(query: ResolvedQuery) -> tuple[tuple[Column, str], ...]:
    """The columns of the answer, each with the name of its column in the statement."""
    found: list[tuple[Column, str]] = []
    if query.grain:
        found.append((Column(query.grain, query.grain.capitalize(), "dimension", "text"), "bucket"))
    found += [(Column(d.name, d.label, "dimension", "text"), d.name) for d in query.dimensions]
    for metric in query.metrics:
        found.append((Column(metric.name, metric.label, "metric", metric_unit(metric, query)), metric.name))
        if query.query.share and metric.additive:
            found.append(
                (
                    Column(f"{metric.name}__share", f"Share of {metric.label.lower()}", "share", "ratio"),
                    f"{metric.name}__share",
                )
            )
    names = {column.name for column, _ in found}
    for metric in query.metrics:
        if metric.kind != "ratio" or len(metric.parts) < 2:
            continue
        for part in (p for p in query.parts if p.name in {x.name for x in metric.parts} and p.name not in names):
            unit = _part_unit(part, query)
            if unit:
                names.add(part.name)
                found.append(
                    (
                        Column(part.name, part.name.replace("_", " ").capitalize(), "metric", unit, metric.name),
                        part.name,
                    )
                )
    return tuple(found)


def parted(rows: Rows) -> tuple[Rows, Rows]:
    """The groups of a statement, and the one row of its whole (`<metric>`, `<part>__part`, `<part>__unconverted`)."""
    marks = {"__total_": "", "__part_": "__part", "__unconverted_": "__unconverted"}
    names: dict[int, str] = {}
    for i, name in enumerate(rows.columns):
        for mark, ending in marks.items():
            if name.startswith(mark):
                names[i] = f"{name.removeprefix(mark)}{ending}"
    group = rows.columns.index("__group")
    groups = tuple(row for row in rows.rows if row[group])
    whole = Rows(tuple(names.values()), (tuple(rows.rows[0][i] for i in names),), truncated=False)
    return Rows(rows.columns, groups, rows.truncated), whole


def repeated_keys(repeats: Mapping[str, int]) -> tuple[Check, ...]:
    """A failed check for each entity whose key repeats: its rows would count amounts twice."""
    return tuple(
        Check("ties_to_total", passed=False, detail=f"{count:,} rows of {entity} repeat a key, so amounts count twice")
        for entity, count in repeats.items()
        if count
    )


def assemble(
    query: ResolvedQuery,
    main: Rows,
    total: Rows,
    left_out: Mapping[str, int],
    sql: Sequence[str],
    beside: tuple[Check, ...] = (),
) -> ResultSet:
    """The ResultSet of one run.

    `main` has the groups, `total` the single row of the whole, `left_out` counts by measure; `beside` are
    checks that were made elsewhere.
    """
    columns = columns_of(query)
    index = {name: i for i, name in enumerate(main.columns)}
    rows = tuple(tuple(rounded(row[index[raw]], column.unit) for column, raw in columns) for row in main.rows)
    whole = dict(zip(total.columns, total.rows[0], strict=True))
    totals: dict[str, Value] = {m.name: rounded(whole[m.name], metric_unit(m, query)) for m in query.metrics}
    count = int(main.rows[0][index["__rows"]]) if main.rows else 0
    checks = (*_checks(query, main, index, whole), *beside)
    failed = tuple(f"Check failed: {check.detail}." for check in checks if not check.passed)
    result = ResultSet(
        columns=tuple(column for column, _ in columns),
        rows=rows,
        total=totals,
        row_count=count,
        truncated=count > len(rows),
        sql=tuple(sql),
        checks=checks,
        caveats=(*failed, *_caveats(query, rows, columns, left_out)),
        lineage=tuple(
            Lineage(m.name, m.label, f"{m.definition} ({m.formula_words})", m.lineage) for m in query.metrics
        ),
        period=query.period,
        as_of=query.as_of,
        currency=query.currency_label,
        assumptions=query.assumptions,
        partial=_partial(query),
    )
    return with_targets(result, query.query.targets)


def _partial(query: ResolvedQuery) -> tuple[str, ...]:
    """The labels of time buckets that the period cuts short: the first or the last, or both."""
    if query.grain is None or query.windowed:
        return ()
    start = query.calendar.fiscal_year_start
    whole = [bucket(b.start, query.grain, start) for b in query.buckets]
    return tuple(b.label for b, w in zip(query.buckets, whole, strict=True) if (b.start, b.end) != (w.start, w.end))


def with_targets(result: ResultSet, targets: Sequence[Target]) -> ResultSet:
    """The answer with `<metric>__target` and `<metric>__gap` (figure less target) for each target of a shown metric."""
    columns, rows, total = list(result.columns), [list(row) for row in result.rows], dict(result.total)
    for target in targets:
        at = next(i for i, column in enumerate(columns) if column.name == target.metric)
        name, unit = columns[at].label, columns[at].unit
        goal = int(target.value) if unit == "count" else target.value
        columns.append(Column(f"{target.metric}__target", f"Target of {name.lower()}", "metric", unit, target.metric))
        columns.append(Column(f"{target.metric}__gap", f"{name} less target", "delta", unit))
        for row in rows:
            row += [goal, difference(row[at], goal)]
        total[f"{target.metric}__target"] = goal
        total[f"{target.metric}__gap"] = difference(total[target.metric], goal)
    return replace(result, columns=tuple(columns), rows=tuple(tuple(row) for row in rows), total=total)


def _checks(query: ResolvedQuery, main: Rows, index: Mapping[str, int], whole: Mapping[str, Any]) -> list[Check]:
    grouped = bool(query.dimensions or query.grain)
    tied = [m for m in query.metrics if m.additive and grouped and m.kind != "ratio"]
    found = [_tie_out(metric, query, main, index, whole) for metric in tied]
    for part in query.parts:
        missing = int(whole.get(f"{part.name}__unconverted") or 0)
        detail = (
            "every amount has an exchange rate"
            if missing == 0
            else f"{missing} amounts have no exchange rate at most seven days old and are not in the figure"
        )
        if part.measure.money != "none":
            found.append(Check(f"converted:{part.name}", missing == 0, detail))
    return found


def _tie_out(
    metric: Metric, query: ResolvedQuery, main: Rows, index: Mapping[str, int], whole: Mapping[str, Any]
) -> Check:
    """Whether the groups, all of them, add up to the total that was computed apart."""
    parts = Decimal(str(main.rows[0][index[f"__sum_{metric.name}"]] or 0)) if main.rows else Decimal(0)
    expected = Decimal(str(whole[metric.name] or 0))
    difference = parts - expected
    unit = metric_unit(metric, query)
    if query.having and not main.rows:
        return Check("ties_to_total", passed=True, detail=f"{metric.label}: no group meets the condition")
    passed = abs(difference) <= TOLERANCE
    detail = f"{metric.label}: groups add up to {rounded(parts, unit)}, the total is {rounded(expected, unit)}"
    return Check("ties_to_total", passed, detail if passed else f"{detail}: they differ by {rounded(difference, unit)}")


def _caveats(
    query: ResolvedQuery,
    rows: Sequence[Sequence[Value]],
    columns: Sequence[tuple[Column, str]],
    left_out: Mapping[str, int],
) -> list[str]:
    found = [f"{count:,} {name.replace('_', ' ')} left out." for name, count in left_out.items() if count]
    for i, (column, _) in enumerate(columns):
        orphans = sum(1 for row in rows if row[i] == UNASSIGNED)
        if column.role == "dimension" and orphans:
            found.append(f"Amounts without a {column.label.lower()} are shown as {UNASSIGNED}.")
    if query.grain and query.as_of < natural_end(query.period, query.grain, query.calendar):
        found.append(f"The last {query.grain} is not complete: it ends at {query.as_of.isoformat()}.")
    return found


_HISTORY = "The mirror's first invoice is of"
"""How the warning begins that a period is not whole; a baseline hands it on."""
_SILENCE = timedelta(days=31)
"""A company can be without an invoice for so long; a longer silence is a mirror that begins later."""


def history_caveat(query: ResolvedQuery, first: Any) -> str | None:
    """A warning when a window or a period reaches back before the first invoice in the mirror."""
    reach = max((p.part.days for p in query.parts), default=0)
    earliest = query.buckets[0].end if query.buckets else query.period.end
    if first is not None and reach and earliest - timedelta(days=reach) < first:
        return (
            f"The window of {reach} days reaches back before the first invoice in the mirror ({first.isoformat()}): "
            "early figures are too high."
        )
    late = first is not None and query.period.start + _SILENCE < first
    if late and any(p.part.read == "period" for p in query.parts):
        return f"{_HISTORY} {first.isoformat()}: {query.period} holds nothing before it."
    return None


def compared(current: ResultSet, previous: ResultSet, query: ResolvedQuery, baseline: Period) -> ResultSet:
    """Both runs side by side.

    Rows aligned by their dimensions, or by position where a time grain makes the keys differ.
    """
    keys = [i for i, c in enumerate(current.columns) if c.role == "dimension" and c.name != query.grain]
    grain_at = next((i for i, c in enumerate(current.columns) if c.name == query.grain), None)
    old = _by_key(previous, keys, grain_at)
    columns: list[Column] = []
    for column in current.columns:
        columns.append(column)
        if column.name in current.total:
            columns.append(Column(f"{column.name}__previous", f"{column.label}, {baseline}", "metric", column.unit))
            columns.append(Column(f"{column.name}__delta", "Change", "delta", column.unit))
    rows = []
    for key, row in _by_key(current, keys, grain_at).items():
        before = old.get(key)
        cells: list[Value] = []
        for i, column in enumerate(current.columns):
            cells.append(row[i])
            if column.name in current.total:
                cells += [before[i] if before else None, difference(row[i], before[i] if before else None)]
        rows.append(tuple(cells))
    total = dict(current.total)
    for name, value in previous.total.items():
        total[f"{name}__previous"] = value
        total[f"{name}__delta"] = difference(current.total[name], value)
    cut = query.query.limit is not None or query.query.top_per is not None or query.having
    gone = 0 if cut or grain_at is not None else len(set(old) - set(_by_key(current, keys, grain_at)))
    caveats = current.caveats + tuple(c for c in previous.caveats if c.startswith(_HISTORY))
    if gone:
        caveats += (f"{gone} groups of {baseline} have no figure now and are not listed.",)
    return replace(
        current,
        columns=tuple(columns),
        rows=tuple(rows),
        total=total,
        sql=current.sql + previous.sql,
        checks=current.checks + previous.checks,
        caveats=caveats,
    )


def _by_key(result: ResultSet, keys: Sequence[int], grain_at: int | None) -> dict[tuple[Value, ...], tuple[Value, ...]]:
    """Rows by their dimension values; with a time grain also by the position of their bucket."""
    if grain_at is None:
        return {tuple(row[i] for i in keys): row for row in result.rows}
    labels = sorted({str(row[grain_at]) for row in result.rows})
    return {(labels.index(str(row[grain_at])), *(row[i] for i in keys)): row for row in result.rows}


def difference(now: Value, before: Value) -> Value:
    """Now less before; None when either is missing."""
    if isinstance(now, Decimal) and isinstance(before, Decimal):
        return now - before
    if isinstance(now, int) and isinstance(before, int):
        return now - before
    return None
