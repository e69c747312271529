from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import pytest

from copilot.answer import Headline
from copilot.charts import COLOURS, INK, MAXIMUM_LINES, chart_of, fan_chart
from copilot.planning.plan import MetricPlan
from copilot.tabulation import path_table
from semantic_layer import Column, MetricQuery, Period

PATH = (
    (date(2026, 11, 21), Decimal("55.6"), Decimal("55.6"), Decimal("55.6")),
    (date(2027, 3, 31), Decimal("39.2"), Decimal("48.0"), Decimal("58.0")),
)
PROJECTED = Headline(
    metric="dpo_projected", label="Projected DPO", value=48.0, unit="days", period="2027-Q1", as_of="2027-03-31"
)


def test_one_value_without_comparison_needs_no_picture(answers: Any) -> None:
    """A single number is shown as a number."""
    assert answers.dpo().chart is None
    assert answers.nothing_paid().chart is None


def test_a_ranking_is_bars_in_order_one_per_row(answers: Any) -> None:
    """Two suppliers of the same name keep a bar each, and amounts hover exact."""
    chart = answers.missed_by_supplier().chart
    (bars,) = chart["data"]
    assert (bars["type"], bars["orientation"]) == ("bar", "h")
    assert bars["y"] == [0, 1, 2]
    assert chart["layout"]["yaxis"]["ticktext"] == ["Acme GmbH", "Beta SA", "Acme GmbH"]
    assert bars["hovertext"][0] == "Acme GmbH: USD 120,400.10"
    assert "3 of 312" in chart["layout"]["title"]["text"]


def test_a_trend_is_a_line_and_groups_are_lines(answers: Any) -> None:
    """Months on the axis in words; quarters by region give one line each."""
    (line,) = answers.spend_trend().chart["data"]
    assert line["x"] == ["Aug 2026", "Sep 2026", "Oct 2026", "Nov 2026"]
    assert line["y"] == [1e6, 1.5e6, 1.2e6, 0.2e6]
    lines = answers.dpo_by_region_and_quarter().chart["data"]
    assert [(trace["name"], trace["y"]) for trace in lines] == [("EMEA", [50.1, 52.1]), ("LATAM", [30.1, 31.1])]


def test_a_comparison_is_two_bars(answers: Any) -> None:
    """Baseline first, both amounts printed on their bars."""
    (bars,) = answers.spend_compared().chart["data"]
    assert bars["x"] == ["Q2 2026 (Apr\N{EN DASH}Jun)", "Q3 2026"]
    assert bars["text"] == ["USD 13.0m", "USD 12.4m"]


def test_a_missing_value_leaves_a_gap(answers: Any) -> None:
    """A group without a value gets no bar, not a bar of zero."""
    (bars,) = answers.dpo_by_region().chart["data"]
    assert bars["x"] == [52.1, 31.0, None]


def test_more_than_eight_groups_keep_the_largest_and_say_so(answers: Any) -> None:
    """Lines stay tellable apart; the title owns up to what is missing."""
    columns = [
        Column("month", "Month", "dimension", "text"),
        Column("supplier", "Supplier", "dimension", "text"),
        Column("spend", "Spend", "metric", "money:USD"),
    ]
    rows = [(month, f"S{i}", Decimal(i)) for month in ("2026-08", "2026-09") for i in range(1, 13)]
    period = Period(date(2026, 8, 1), date(2026, 9, 30))
    plan = MetricPlan(
        intent="trend", query=MetricQuery(metrics=("spend",), group_by=("month", "supplier"), period=period)
    )
    chart = answers.compose(plan, columns, rows, {"spend": Decimal(156)}).chart
    assert [trace["name"] for trace in chart["data"]] == [f"S{i}" for i in range(5, 13)]
    assert len(chart["data"]) == MAXIMUM_LINES
    assert "8 largest of 12" in chart["layout"]["title"]["text"]


def test_a_projection_is_a_fan() -> None:
    """A band between two edges and the median on top."""
    chart = fan_chart(path_table(PATH, "days"), PROJECTED)
    low, high, middle = chart["data"]
    assert high["fill"] == "tonexty"
    assert (low["y"], middle["y"], high["y"]) == ([55.6, 39.2], [55.6, 48.0], [55.6, 58.0])
    assert middle["x"] == ["2026-11-21", "2027-03-31"]


def test_names_are_printed_not_interpreted(answers: Any, hostile: tuple[str, ...]) -> None:
    """Plotly's pseudo-HTML and formulas are switched off in names from data."""
    chart = answers.missed_by_supplier(["<a href='http://evil'>x</a>", "$x^2$", *hostile]).chart
    text = json.dumps(chart)
    assert "<a" not in text
    assert "$" not in text
    assert "\\u202e" not in text


def test_every_chart_fits_the_page_and_plotly(answers: Any) -> None:
    """Transparent, no map, no mode bar, a unit on the value axis, a short title, and valid to Plotly itself."""
    charts = [answer.chart for answer in answers.every() if answer.chart is not None]
    charts.append(fan_chart(path_table(PATH, "days"), PROJECTED))
    for chart in charts:
        layout = chart["layout"]
        assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
        assert {trace["type"] for trace in chart["data"]} <= {"bar", "scatter"}
        assert "zoom" in layout["modebar"]["remove"]
        assert {layout["xaxis"].get("title", {}).get("text"), layout["yaxis"].get("title", {}).get("text")} & {
            "USD",
            "days",
            "%",
        }
        assert len(layout["title"]["text"]) <= 80
        assert go.Figure(chart).to_dict()["layout"]["font"]["color"] == INK


@pytest.mark.parametrize("colour", [*COLOURS, INK])
@pytest.mark.parametrize("page", ["#ffffff", "#171717"])
def test_colours_hold_on_light_and_dark(colour: str, page: str) -> None:
    """At least 3:1 against either page (WCAG 2.2, 1.4.11)."""
    lighter, darker = sorted((_luminance(colour), _luminance(page)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_a_chart_needs_its_metric_in_the_table(answers: Any) -> None:
    """No headline, no table or no rows: no chart."""
    answer = answers.dpo_by_region()
    assert chart_of(None, answer.headline) is None
    assert chart_of(answer.table, None) is None
    assert chart_of(answer.table.model_copy(update={"rows": ()}), answer.headline) is None


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
