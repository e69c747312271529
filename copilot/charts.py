"""Answer to Plotly figure, as a plain dict: the kind follows from the question, colours hold on light and dark pages.

    one value, nothing beside it       none
    one value beside its baseline      two bars
    groups                             horizontal bars, as ranked
    time                               line
    time and groups                    one line per group, at most eight
    projection                         fan: band and median
    what if                            two lines, without and with
    cash out                           bars of medians with their P10 to P90
    why                                waterfall from the figure before to the figure now

Positions of points are floats because a screen has pixels; amounts stay in the hover text, formatted from the exact
cell.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

from copilot.answer import Cell, Headline, Table, TableColumn
from copilot.tabulation import PATH_LABELS
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import clean
from semantic_layer.periods import GRAINS

COLOURS = ("#2f7fd1", "#d9662b", "#1f9a75", "#b5639f", "#8a7a1f", "#7a6fd0", "#c2556a", "#6b8391")
"""Each at least 3:1 against white and against the dark page."""

INK, GRID, BAND = "#7d7f85", "rgba(125,127,133,0.25)", "rgba(47,127,209,0.22)"
MAXIMUM_LINES = 8
MAXIMUM_BARS = 25
_VISIBLE = Decimal("0.005")
"""A step that is smaller than half a cent or half a hundredth of a day is no step."""
Row = tuple[Cell, ...]
Chart = dict[str, Any]


def chart_of(table: Table | None, headline: Headline | None) -> Chart | None:
    """The chart of a metric answer, None where a picture would add nothing."""
    if table is None or headline is None or headline.value is None:
        return None
    time = next((c for c in table.columns if c.name in GRAINS), None)
    groups = [c for c in table.columns if c.role == "dimension" and c.name not in GRAINS]
    metric = next((c for c in table.columns if c.name == headline.metric), None)
    if metric is None or not table.rows:
        return None
    if time is not None:
        return _lines(table, time, groups, metric, headline)
    if groups and len(table.rows) > 1:
        return _ranking(table, groups, metric, headline)
    if headline.previous is not None and not groups:
        return _pair(headline)
    return None


def fan_chart(table: Table, headline: Headline) -> Chart:
    """Band and median of a projection; the table has the columns date, p10, p50, p90."""
    positions = [[c.name for c in table.columns].index(name) for name in PATH_LABELS]
    dates, low, middle, high = ([row[position] for row in table.rows] for position in positions)
    unit = headline.unit
    edge = {"mode": "lines", "type": "scatter", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    traces = [
        {**edge, "x": dates, "y": [_position(v) for v in low], "name": "P10"},
        {**edge, "x": dates, "y": [_position(v) for v in high], "name": "P10 to P90"}
        | {"fill": "tonexty", "fillcolor": BAND, "showlegend": True},
        _line(dates, middle, "Median", unit, COLOURS[0]),
    ]
    return {"data": traces, "layout": _layout(headline, unit, legend=True, dates=True)}


def waterfall_chart(headline: Headline, steps: Sequence[tuple[str, Decimal]], difference: Decimal) -> Chart:
    """From the figure before to the figure now in steps; what the steps miss of the difference is one more."""
    before = figures.decimal_of(headline.previous) or Decimal(0)
    rest = difference - sum((size for _, size in steps), Decimal(0))
    moves = [*steps, *([("All others", rest)] if abs(rest) > _VISIBLE else [])]
    starts = list(accumulate((size for _, size in moves), initial=before))
    labels = [headline.baseline or "Before", *(clean(name, 24) for name, _ in moves), key_words(headline.period)]
    values = [before, *(size for _, size in moves), before + difference]
    bases = [Decimal(0), *starts[:-1], Decimal(0)]
    colours = [INK, *(COLOURS[2] if size > 0 else COLOURS[1] for _, size in moves), COLOURS[0]]
    texts = [figures.headline(v, headline.unit) for v in (values[0], values[-1])]
    changes = [figures.change(size, headline.unit) for _, size in moves]
    bars = {
        "type": "bar",
        "x": list(range(len(values))),
        "y": [float(value) for value in values],
        "base": [float(base) for base in bases],
        "text": [texts[0], *changes, texts[1]],
        "textposition": "auto",
        "hovertext": [
            f"{_escaped(label)}: {text}" for label, text in zip(labels, [texts[0], *changes, texts[1]], strict=True)
        ],
        "hoverinfo": "text",
        "marker": {"color": colours},
        "showlegend": False,
    }
    layout = _layout(headline, headline.unit, legend=False, dates=False)
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [_escaped(label) for label in labels],
    }
    layout["xaxis"] = _axis() | ticks | {"showgrid": False}
    return {"data": [bars], "layout": layout}


def bars_with_band(headline: Headline, rows: Sequence[tuple[str, tuple[Decimal, Decimal, Decimal, Decimal]]]) -> Chart:
    """Bars of medians with their P10 to P90; `rows` are (label, (low, median, high, mean))."""
    middle = [band[1] for _, band in rows]
    bars = {
        "type": "bar",
        "x": list(range(len(rows))),
        "y": [float(value) for value in middle],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [float(band[2] - band[1]) for _, band in rows],
            "arrayminus": [float(band[1] - band[0]) for _, band in rows],
            "color": INK,
        },
        "hovertext": [
            f"{_escaped(label)}: {figures.exact(band[1], headline.unit)} (P10 {figures.exact(band[0], headline.unit)}, "
            f"P90 {figures.exact(band[2], headline.unit)})"
            for label, band in rows
        ],
        "hoverinfo": "text",
        "marker": {"color": COLOURS[0]},
        "showlegend": False,
    }
    layout = _layout(headline, headline.unit, legend=False, dates=False)
    ticks = {"tickmode": "array", "tickvals": list(range(len(rows))), "ticktext": [_escaped(name) for name, _ in rows]}
    layout["xaxis"] = _axis() | ticks | {"showgrid": False}
    return {"data": [bars], "layout": layout}


def two_lines(
    headline: Headline,
    days: Sequence[str],
    first: tuple[str, Sequence[Decimal]],
    second: tuple[str, Sequence[Decimal]],
) -> Chart:
    """Two courses of one figure over the same days: the first grey, the second in front."""
    traces = [
        _line(days, [format(value, "f") for value in values], name, headline.unit, colour)
        for (name, values), colour in ((first, INK), (second, COLOURS[0]))
    ]
    return {"data": traces, "layout": _layout(headline, headline.unit, legend=True, dates=True)}


def _lines(
    table: Table, time: TableColumn, groups: Sequence[TableColumn], metric: TableColumn, headline: Headline
) -> Chart:
    at = table.columns.index(time)
    value = table.columns.index(metric)
    keys = sorted({str(row[at]) for row in table.rows})
    series: dict[str, dict[str, Cell]] = {}
    for row in table.rows:
        series.setdefault(_group(table, groups, row), {})[str(row[at])] = row[value]
    kept = sorted(series, key=lambda name: -_size(series[name].values()))[:MAXIMUM_LINES]
    names = [name for name in series if name in kept]
    traces = [
        _line([_tick(key) for key in keys], [series[name].get(key) for key in keys], name, metric.unit, COLOURS[i])
        for i, name in enumerate(names)
    ]
    layout = _layout(headline, metric.unit, legend=len(names) > 1, dates=False)
    if len(series) > len(names):
        layout["title"]["text"] += f" ({len(names)} largest of {len(series)})"
    return {"data": traces, "layout": layout}


def _ranking(table: Table, groups: Sequence[TableColumn], metric: TableColumn, headline: Headline) -> Chart:
    """Bars by position, not by name: two groups may bear the same name."""
    value = table.columns.index(metric)
    rows = table.rows[:MAXIMUM_BARS]
    places = list(range(len(rows)))
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [_position(row[value]) for row in rows],
        "y": places,
        "text": [figures.headline(row[value], metric.unit) for row in rows],
        "textposition": "auto",
        "hovertext": [_escaped(f"{_plain(table, groups, row)}: {_exact(row[value], metric.unit)}") for row in rows],
        "hoverinfo": "text",
        "marker": {"color": COLOURS[0]},
        "showlegend": False,
    }
    layout = _layout(headline, metric.unit, legend=False, dates=False)
    layout["xaxis"] = _value_axis(metric.unit)
    layout["yaxis"] = _axis() | {
        "autorange": "reversed",
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [_group(table, groups, row) for row in rows],
        "showgrid": False,
    }
    layout["height"] = max(220, 90 + 28 * len(rows))
    if table.row_count > len(rows):
        layout["title"]["text"] += f" ({len(rows)} of {table.row_count:,})"
    return {"data": [bars], "layout": layout}


def _pair(headline: Headline) -> Chart:
    values = [headline.previous, headline.value]
    now = key_words(headline.period)
    bars = {
        "type": "bar",
        "x": [_escaped(headline.baseline or "Before"), _escaped(now)],
        "y": [_position(value) for value in values],
        "text": [figures.headline(value, headline.unit) for value in values],
        "textposition": "auto",
        "hovertext": [_exact(value, headline.unit) for value in values],
        "hoverinfo": "text",
        "marker": {"color": [INK, COLOURS[0]]},
        "showlegend": False,
    }
    return {"data": [bars], "layout": _layout(headline, headline.unit, legend=False, dates=False)}


def _line(x: Sequence[Cell], y: Sequence[Cell], name: str, unit: str, colour: str) -> Chart:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(x) <= 40 else "lines",
        "x": list(x),
        "y": [_position(value) for value in y],
        "name": name,
        "hovertext": [f"{name} {x_value}: {_exact(value, unit)}".strip() for x_value, value in zip(x, y, strict=True)],
        "hoverinfo": "text",
        "connectgaps": False,
        "line": {"color": colour, "width": 2},
    }


def _layout(headline: Headline, unit: str, *, legend: bool, dates: bool) -> Chart:
    return {
        "title": {"text": _escaped(clean(headline.label, 60)), "font": {"size": 14}, "x": 0, "xanchor": "left"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12},
        "margin": {"l": 8, "r": 16, "t": 40, "b": 8},
        "xaxis": _axis() | ({"type": "date"} if dates else {"type": "category"}),
        "yaxis": _value_axis(unit),
        "showlegend": legend,
        "legend": {"orientation": "h", "y": -0.2, "x": 0},
        "modebar": {"remove": ["zoom", "pan", "select", "lasso", "zoomin", "zoomout", "autoscale", "reset", "toimage"]},
        "hovermode": "closest",
        "height": 320,
    }


def _axis() -> Chart:
    return {"gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID, "automargin": True}


def _value_axis(unit: str) -> Chart:
    """An axis that names its unit: the currency, days or percent."""
    kind = unit.partition(":")[0]
    title = {"money": figures.currency_of(unit), "days": "days", "count": "count"}.get(kind, "")
    shape = {"ratio": ".0%", "money": "~s"}.get(kind, "")
    extra: Chart = {"tickformat": shape} if shape else {}
    return _axis() | {"title": {"text": title or "%" if kind == "ratio" else title}} | extra


def _group(table: Table, groups: Sequence[TableColumn], row: Row) -> str:
    return _escaped(clean(_plain(table, groups, row), 36))


def _plain(table: Table, groups: Sequence[TableColumn], row: Row) -> str:
    cells = [row[table.columns.index(column)] for column in groups]
    return ", ".join("(unassigned)" if cell is None else figures.exact(cell, "text") for cell in cells)


def _escaped(text: str) -> str:
    """Text that Plotly prints as it stands: its pseudo-HTML and formulas switched off."""
    return html.escape(text, quote=False).replace("$", "&#36;")


def _exact(value: Cell, unit: str) -> str:
    return figures.exact(value, unit)


def _tick(key: str) -> str:
    return _escaped(key_words(key))


def _position(value: Cell) -> float | None:
    number = figures.decimal_of(value)
    return None if number is None else float(number)


def _size(values: Iterable[Cell]) -> float:
    return sum(abs(_position(value) or 0.0) for value in values)
