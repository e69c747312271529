"""A chart as a picture: a PNG file for Slack and documents, an SVG inside a page that needs no scripts.

Draws the same Plotly figure that the page shows (`copilot/charts.py`), so the two cannot tell different stories. Only
the kinds of trace that our charts hold are known: bars (upright, lying, floating, with error bars), lines and bands.
Text is printed as it stands: formulas and markup are off.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

WIDTH, DOTS_PER_INCH = 9.0, 160
"""Inches across, and dots in each: 1,440 pixels, sharp on a phone."""

TILE_WIDTH, TILE_HEIGHT = 6.4, 2.9
"""Inches of a chart inside a page; it grows and shrinks with its place."""

INK, GRID = "#54565b", "#d9dbdf"
BAND = (47 / 255, 127 / 255, 209 / 255, 0.22)
WIDEST_ROW = 64
"""Characters of labels beside each other that still can be told apart."""

EPOCH = date(1970, 1, 1)
_SCALES = ((1e9, "bn"), (1e6, "m"), (1e3, "k"))

rcParams["text.parse_math"] = False  # "$" is money
rcParams["font.size"] = 11
rcParams["svg.fonttype"] = "none"  # text stays text: it can be read out, searched and copied
rcParams["svg.hashsalt"] = "tenor"  # the same chart, the same bytes
_SIZE = re.compile(r' width="[\d.]+pt" height="[\d.]+pt"')
_FONT = re.compile(r"(?<=; )font-family: [^;\"]+;?|(?<=px )'[^\"]+?(?=[\";])")


def picture(chart: Mapping[str, Any]) -> bytes:
    """PNG bytes of a chart on a white ground."""
    out = io.BytesIO()
    with _no_warnings():
        _drawn(chart, WIDTH, _height(chart.get("layout", {}))).savefig(out, format="png", facecolor="white")
    return out.getvalue()


def drawing(chart: Mapping[str, Any], label: str) -> str:
    """SVG of a chart to stand inside a page, in the page's ink (`currentColor`), grid (`--line`) and fonts.

    `label` is what a screen reader says of it.
    """
    out = io.StringIO()
    with _no_warnings():
        figure = _drawn(chart, TILE_WIDTH, TILE_HEIGHT)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor").replace(GRID, "var(--line)")
    text = _FONT.sub("", _SIZE.sub("", text, count=1))
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def _drawn(chart: Mapping[str, Any], width: float, height: float) -> Figure:
    layout = chart.get("layout", {})
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _frame(axes)
    for trace, below in zip(chart["data"], [None, *chart["data"]], strict=False):
        (_bars if trace["type"] == "bar" else _line)(axes, trace, below, layout)
    _axis(axes, "x", layout.get("xaxis", {}))
    _axis(axes, "y", layout.get("yaxis", {}))
    axes.set_title(_plain(layout.get("title", {}).get("text", "")), loc="left", fontsize=13, color=INK)
    if layout.get("showlegend"):
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, labelcolor=INK)
    return figure


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in a script that no font here has
        yield


def _height(layout: Mapping[str, Any]) -> float:
    """Inches up, from the page's pixels."""
    return max(2.6, float(layout.get("height", 320)) / 80)


def _frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=INK, length=0)
    axes.set_axisbelow(True)


def _bars(axes: Axes, trace: Mapping[str, Any], _below: object, layout: Mapping[str, Any]) -> None:
    """Lying bars have their places on y, floating ones a base, forecasts an error on either side."""
    lying = trace.get("orientation") == "h"
    lengths = [value or 0.0 for value in trace["x" if lying else "y"]]
    places = trace["y" if lying else "x"]
    colours = trace.get("marker", {}).get("color", INK)
    if lying:
        drawn = axes.barh(places, lengths, color=colours, height=0.7)
    else:
        labels = [_plain(place) if isinstance(place, str) else place for place in places]
        error = trace.get("error_y")
        spread = [error["arrayminus"], error["array"]] if error else None
        drawn = axes.bar(labels, lengths, bottom=trace.get("base"), color=colours, width=0.7, yerr=spread, ecolor=INK)
    if texts := trace.get("text"):
        axes.bar_label(drawn, labels=[_plain(text) for text in texts], padding=3, fontsize=9, color=INK)
        _make_room(axes, lying=lying)
    axes.grid(visible=True, axis="x" if lying else "y", color=GRID, linewidth=0.8)
    if layout.get("yaxis", {}).get("autorange") == "reversed":
        axes.invert_yaxis()


def _make_room(axes: Axes, *, lying: bool) -> None:
    """Space for the numbers at the ends of bars, floating ones too; bars that grow from zero keep standing on it."""
    axes.use_sticky_edges = False
    low, high = axes.get_xlim() if lying else axes.get_ylim()
    span = high - low
    low, high = (low - 0.12 * span if low < -0.06 * span else 0.0), (high + 0.12 * span if high > 0 else 0.0)
    (axes.set_xlim if lying else axes.set_ylim)(low, high)


def _line(axes: Axes, trace: Mapping[str, Any], below: Mapping[str, Any] | None, layout: Mapping[str, Any]) -> None:
    """A line, or the upper edge of a band whose lower edge is the trace before it."""
    dated = layout.get("xaxis", {}).get("type") == "date"
    across: Any = _days(trace["x"]) if dated else [_plain(str(x)) for x in trace["x"]]
    up = [float("nan") if y is None else y for y in trace["y"]]
    if trace.get("fill") == "tonexty" and below is not None:
        axes.fill_between(across, below["y"], up, color=BAND, linewidth=0, label=_plain(trace.get("name", "")))
    elif trace.get("line", {}).get("width") != 0:
        marker = "o" if "markers" in trace.get("mode", "") else None
        style = trace["line"]
        axes.plot(
            across, up, color=style["color"], linewidth=2, marker=marker, markersize=4, label=_plain(trace["name"])
        )
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)


def _axis(axes: Axes, name: str, axis: Mapping[str, Any]) -> None:
    """Ticks, their wording, and the unit beside them."""
    side = getattr(axes, f"{name}axis")
    if axis.get("tickmode") == "array":
        side.set_ticks(list(axis["tickvals"]), labels=[_plain(text) for text in axis["ticktext"]])
        if name == "x" and _crowded(axis["ticktext"]):
            for label in side.get_ticklabels():
                label.set(rotation=35, ha="right", rotation_mode="anchor")
    elif axis.get("type") == "date":
        locator = AutoDateLocator()  # type: ignore[no-untyped-call] # matplotlib types most of itself, not this
        side.set_major_locator(locator)
        side.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call] # as above
    elif axis.get("type") == "category" and name == "x":
        _thin_out(axes)
    elif shape := _WORDING.get(axis.get("tickformat", "")):
        side.set_major_formatter(FuncFormatter(shape))
    if title := _plain(axis.get("title", {}).get("text", "")):
        side.set_label_text(title, color=INK)


def _thin_out(axes: Axes) -> None:
    """Every second or third label of a long row of months, the last one always among them."""
    labels = [label.get_text() for label in axes.get_xticklabels()]
    step = 1 + len("".join(labels)) // WIDEST_ROW
    axes.set_xticks([place for place in range(len(labels)) if (len(labels) - 1 - place) % step == 0])


def _crowded(labels: Sequence[str]) -> bool:
    return sum(map(len, labels)) > 90


def _days(texts: Sequence[str]) -> list[float]:
    """Days since 1970, as matplotlib counts them."""
    return [float((date.fromisoformat(text[:10]) - EPOCH).days) for text in texts]


def _scaled(value: float, _place: int | None = None) -> str:
    size = abs(value)
    for scale, letter in _SCALES:
        if size >= scale:
            return f"{value / scale:,.4g}{letter}"
    return f"{value:,.4g}"


def _percent(value: float, _place: int | None = None) -> str:
    return f"{value:.0%}"


_WORDING = {"~s": _scaled, ".0%": _percent}


def _plain(text: object) -> str:
    """Text without the escapes that the page's figure carries."""
    return html.unescape(str(text))
