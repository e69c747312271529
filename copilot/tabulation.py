"""Rows to the answer's table: typed cells become JSON cells, shares are added where they mean something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from copilot.answer import Cell, Table, TableColumn
from copilot.planning.plan import MetricPlan
from copilot.simulations.outcomes import Projection
from copilot.wording.figures import currency_of, decimal_of, decimals, rounded
from copilot.wording.quoting import clean
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import GRAINS
from semantic_layer.results import Column, ResultSet, Value

RATIO_PLACES, DAY_PLACES = 6, 4
"""Decimals kept in the JSON: enough to re-derive what is shown, few enough to be the same on every machine."""

_TRAILING = re.compile(r"(.+)_(\d+)d")

PATH_LABELS = {"date": "Day", "p10": "P10", "p50": "Median", "p90": "P90"}
"""Columns of the table of a projection, in order."""


def json_cell(value: Value, unit: str) -> Cell:
    """A value in JSON: money as decimal text in minor units, other numbers as numbers, dates ISO, text cleaned."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return clean(value)
    number = decimal_of(value)
    return value if value is None or isinstance(value, bool) else None if number is None else _number(number, unit)


def _number(number: Decimal, unit: str) -> str | int | float:
    match unit.partition(":")[0]:
        case "money":
            return format(rounded(number, decimals(currency_of(unit))), "f")
        case "count":
            return int(rounded(number, 0))
        case "days":
            return float(rounded(number, DAY_PLACES))
        case _:
            return float(rounded(number, RATIO_PLACES))


def table_of(plan: MetricPlan, result: ResultSet, model: SemanticModel) -> Table:
    """The table of a metric answer, rows in the order of the result."""
    columns = [
        TableColumn(name=c.name, label=_label(c, model), role=c.role, unit=c.unit, part_of=c.part_of)
        for c in result.columns
    ]
    rows = [[json_cell(value, c.unit) for value, c in zip(row, columns, strict=True)] for row in result.rows]
    shares = _shares(plan, result, model)
    if shares is not None:
        name = plan.query.metrics[0]
        at = [c.name for c in columns].index(name) + 1
        columns.insert(
            at, TableColumn(name=f"{name}__share", label="Share of total", role="share", unit="ratio", part_of=name)
        )
        for row, share in zip(rows, shares, strict=True):
            row.insert(at, json_cell(share, "ratio"))
    return Table(
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
        row_count=result.row_count,
        truncated=result.truncated,
    )


def _label(column: Column, model: SemanticModel) -> str:
    """A part of a ratio bears the name of the metric it equals, or says the days it trails."""
    if column.part_of is None:
        return column.label
    if column.name in model.metrics:
        return model.metrics[column.name].label
    return trailing_label(column.name) or column.label


def trailing_label(name: str) -> str | None:
    """The label of a part that trails so many days ("purchases_90d"), or None for any other name."""
    found = _TRAILING.fullmatch(name)
    return f"{found[1].replace('_', ' ').capitalize()} of {found[2]} days" if found else None


def _shares(plan: MetricPlan, result: ResultSet, model: SemanticModel) -> list[Decimal] | None:
    """Each group's share where it has a meaning: an additive metric, groups that are not times, none below zero."""
    name = plan.query.metrics[0]
    total = decimal_of(result.total.get(name))
    dimensions = [c for c in result.columns if c.role == "dimension"]
    timed = any(c.name in GRAINS for c in dimensions)
    given = any(c.role == "share" for c in result.columns)
    if given or timed or not dimensions or not model.metrics[name].additive or total is None or total <= 0:
        return None
    values = [decimal_of(value) for value in result.column(name)]
    if any(value is not None and value < 0 for value in values):
        return None
    return [(value or Decimal(0)) / total for value in values]


def unit_of(result: ResultSet, metric: Metric) -> str:
    """The unit of a metric in this result, also when no row shows it."""
    found = next((c.unit for c in result.columns if c.name == metric.name), None)
    return found or (f"money:{result.currency}" if metric.unit == "money" else metric.unit)


def driver_table(outcome: Projection) -> Table:
    """What moves a projection between its opening and its median: effects in days, and the amounts behind them."""
    money = f"money:{outcome.currency}"
    columns = (
        TableColumn(name="driver", label="Driver", role="dimension", unit="text"),
        TableColumn(name="effect", label="Effect", role="delta", unit="days"),
        TableColumn(name="before", label="Now", role="metric", unit=money),
        TableColumn(name="after", label="Projected", role="metric", unit=money),
    )
    rows = tuple(
        (d.label, json_cell(d.effect, "days"), json_cell(d.before, money), json_cell(d.after, money))
        for d in outcome.drivers
    )
    return Table(columns=columns, rows=rows, row_count=len(rows), truncated=False)


def path_table(path: Sequence[tuple[date, Decimal, Decimal, Decimal]], unit: str) -> Table:
    """The days of a projection: tenth percentile, median, ninetieth percentile."""
    columns = tuple(
        TableColumn(name=name, label=label, role="dimension", unit="date")
        if name == "date"
        else TableColumn(name=name, label=label, role="metric", unit=unit)
        for name, label in PATH_LABELS.items()
    )
    rows = tuple((day.isoformat(), *(json_cell(value, unit) for value in values)) for day, *values in path)
    return Table(columns=columns, rows=rows, row_count=len(rows), truncated=False)
