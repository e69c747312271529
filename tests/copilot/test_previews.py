"""A question back shows the figure behind each choice, within its time, and stays a question when there is none."""

from __future__ import annotations

from datetime import date

import pytest

from copilot.planning.plan import Clarify, Clock
from copilot.planning.rule_planner import RulePlanner
from copilot.previews import with_previews
from semantic_layer import MetricQuery, Period, SemanticLayer
from semantic_layer.errors import NoDataError
from semantic_layer.results import ResultSet


@pytest.fixture
def asked(layer: SemanticLayer) -> tuple[Clarify, RulePlanner, Clock]:
    """A date that can be read in two ways."""
    planner, clock = RulePlanner(layer), Clock(today=date(2026, 11, 22), data_date=layer.data_date)
    plan = planner.plan("open ap on 05/06/2026", clock)
    assert isinstance(plan, Clarify)
    return plan, planner, clock


def test_each_choice_shows_its_own_figure(layer: SemanticLayer, asked: tuple[Clarify, RulePlanner, Clock]) -> None:
    """The balance of each day, as the layer gives it for that day; the questions stay as they were."""
    plan, planner, clock = asked
    shown = with_previews(plan, planner, clock, layer.query)
    assert [c.question for c in shown.choices] == [c.question for c in plan.choices]
    for day, choice in zip((date(2026, 6, 5), date(2026, 5, 6)), shown.choices, strict=True):
        total = layer.query(MetricQuery(metrics=("open_ap",), period=Period(day, day))).total["open_ap"]
        assert choice.label.startswith(f"{day.day} {day:%B %Y}: USD ")
        assert f"{float(str(total)) / 1000:.1f}k" in choice.label or f"{float(str(total)) / 1e6:.1f}m" in choice.label


def test_no_figure_is_no_harm(asked: tuple[Clarify, RulePlanner, Clock]) -> None:
    """Where the layer refuses, the choice goes without."""
    plan, planner, clock = asked

    def refuses(query: MetricQuery) -> ResultSet:
        raise NoDataError(f"nothing for {query.metrics[0]}", choices=())

    assert with_previews(plan, planner, clock, refuses) == plan


def test_previews_stop_when_time_is_up(layer: SemanticLayer, asked: tuple[Clarify, RulePlanner, Clock]) -> None:
    """The second choice is not computed once the first took too long."""
    plan, planner, clock = asked
    ticks = iter([0.0, 0.1, 9.0])
    shown = with_previews(plan, planner, clock, layer.query, now=lambda: next(ticks))
    assert "USD" in shown.choices[0].label
    assert "USD" not in shown.choices[1].label
