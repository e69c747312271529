from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from copilot.forecasting.book import Book
from copilot.simulations.calibration import UNMEASURED, BandStretch, Calibration, Coverage
from copilot.simulations.outflow import OutflowSettings, forecast_outflow
from copilot.simulations.outflow_outcomes import Band, HorizonOutOfReach, NothingToForecast, OutflowForecast

AS_OF = date(2026, 11, 21)
FAST = OutflowSettings(paths=300, groups=("currency",))


@pytest.fixture(scope="module")
def forecast(trade: Callable[..., Book]) -> OutflowForecast:
    """Thirteen weeks of a steady company."""
    found = forecast_outflow(trade(), AS_OF, settings=FAST)
    assert isinstance(found, OutflowForecast)
    return found


def test_weeks_are_whole_and_add_up(forecast: OutflowForecast) -> None:
    """Sunday is what is left of this week; then thirteen weeks from Monday; their means are the mean of the whole."""
    assert [week.label for week in forecast.weeks[:3]] == ["rest of this week", "week 1", "week 2"]
    assert (forecast.weeks[1].start, forecast.weeks[1].end) == (date(2026, 11, 23), date(2026, 11, 29))
    assert len(forecast.weeks) == 14
    means = sum(week.cash.mean for week in forecast.weeks)
    assert means == pytest.approx(forecast.total.mean, abs=Decimal("0.1"))
    assert sum(row.cash.mean for row in forecast.groups["currency"]) == pytest.approx(means, abs=Decimal("0.1"))
    assert all(check.passed for check in forecast.checks), forecast.checks


@pytest.mark.parametrize(("first", "last"), [((2026, 12, 1), (2026, 12, 31)), ((2026, 11, 23), (2026, 11, 29))])
def test_groups_are_of_the_days_asked_for(
    trade: Callable[..., Book], forecast: OutflowForecast, first: tuple[int, int, int], last: tuple[int, int, int]
) -> None:
    """Layers and groups of some days add up to those days, on the same paths; not to the whole forecast."""
    days = date(*first), date(*last)
    cut = forecast_outflow(trade(), AS_OF, settings=replace(FAST, first=days[0], last=days[1]))
    assert isinstance(cut, OutflowForecast)
    mean = forecast.band(*days).mean
    assert sum(layer.cash.mean for layer in cut.layers) == pytest.approx(mean, abs=Decimal("0.1"))
    assert sum(group.cash.mean for group in cut.groups["currency"]) == pytest.approx(mean, abs=Decimal("0.1"))
    assert cut.total == forecast.total
    assert mean < forecast.total.mean


@pytest.mark.parametrize("weeks", [1, 4])
def test_a_shorter_forecast_is_the_beginning_of_a_longer_one(
    trade: Callable[..., Book], forecast: OutflowForecast, weeks: int
) -> None:
    """Next week asked alone and week 1 of thirteen are one figure, band and all; the same of groups and late ones."""
    short = forecast_outflow(trade(), AS_OF, weeks=weeks, settings=FAST)
    assert isinstance(short, OutflowForecast)
    assert short.weeks == forecast.weeks[: weeks + 1]
    assert short.days == forecast.days[: len(short.days)]
    assert short.end < forecast.end
    longer = {one.document_id: one for one in forecast.late}
    assert short.late
    assert all(longer[one.document_id].chance == one.chance for one in short.late)


def test_the_band_of_a_sum_is_no_sum_of_bands(forecast: OutflowForecast) -> None:
    """Weeks do not all come out high together."""
    assert forecast.total.high < sum(week.cash.high for week in forecast.weeks)
    assert forecast.total.low > sum(week.cash.low for week in forecast.weeks)
    assert forecast.band(forecast.days[0].start, forecast.end) == forecast.total


def test_chances_are_counted_over_paths(forecast: OutflowForecast) -> None:
    """At least one week is likelier than any single one; against a count path by path."""
    threshold = forecast.week(2).week.cash.median
    found = forecast.chance_above(threshold, date(2026, 12, 1), date(2026, 12, 31))
    assert found.in_any_week >= max(chance for _, chance in found.by_week)
    first = (date(2026, 11, 30) - AS_OF).days - 1
    weeks = forecast.paths[:, first : first + 35].reshape(300, 5, 7).sum(axis=2)
    assert float(found.in_any_week) == pytest.approx(float((weeks > float(threshold)).any(axis=1).mean()), abs=0.001)
    with pytest.raises(IndexError, match="reaches from"):
        forecast.chance_above(threshold, AS_OF + timedelta(days=400), AS_OF + timedelta(days=410))


def test_a_week_says_what_it_holds(forecast: OutflowForecast) -> None:
    """Its layers add up to it; its documents are the ones most expected; there is no week 99."""
    content = forecast.week(1)
    assert sum(layer.cash.mean for layer in content.layers) == pytest.approx(content.week.cash.mean, abs=Decimal("0.1"))
    assert all(0 < document.chance <= 1 for document in content.documents)
    with pytest.raises(IndexError, match="weeks 1 to 13"):
        forecast.week(99)


def test_late_invoices_are_named(trade: Callable[..., Book]) -> None:
    """A company that always pays a week late: what is nearly due will be late, with a day after the due date."""
    book = trade(lateness=0.0, runs=(0,), terms=24)
    found = forecast_outflow(book, AS_OF, settings=FAST)
    assert isinstance(found, OutflowForecast)
    assert found.late
    assert all(row.chance >= Decimal("0.5") for row in found.late)
    assert all(row.expected is None or row.expected >= row.due for row in found.late)


def test_calibration_stretches_around_the_median(trade: Callable[..., Book], forecast: OutflowForecast) -> None:
    """Twice as wide, the same middle; the mean stays."""
    wide = forecast_outflow(trade(), AS_OF, settings=FAST, calibration=Calibration(BandStretch.constant(2.0)))
    assert isinstance(wide, OutflowForecast)
    one, two = forecast.total, wide.total
    assert two.median == one.median
    assert two.high - two.median == pytest.approx((one.high - one.median) * 2, abs=Decimal("0.05"))
    assert two.mean == one.mean


def test_each_horizon_has_its_own_stretch_and_coverage(trade: Callable[..., Book], forecast: OutflowForecast) -> None:
    """All thirteen weeks, the first and the fourth are stretched as measured for them; the sentence is of thirteen."""
    stretch = BandStretch(((1, 1.5), (13, 3.0)), ((1, 1.0), (4, 2.0), (13, 2.0)))
    measured = {weeks: Coverage(f"{weeks} weeks", 26, weeks) for weeks in (4, 13)}
    wide = forecast_outflow(trade(), AS_OF, settings=FAST, calibration=Calibration(stretch, measured))
    assert isinstance(wide, OutflowForecast)
    assert wide.coverage.sentence == "13 weeks"
    assert forecast.coverage == UNMEASURED

    def times(wider: Band, narrower: Band) -> float:
        return float((wider.high - wider.median) / (narrower.high - narrower.median))

    assert times(wide.total, forecast.total) == pytest.approx(3.0, abs=0.01)
    assert times(wide.week(4).week.cash, forecast.week(4).week.cash) == pytest.approx(2.0, abs=0.01)
    assert times(wide.week(1).week.cash, forecast.week(1).week.cash) == pytest.approx(1 + 1 / 21, abs=0.01)  # to day 8
    assert times(
        wide.band(AS_OF + timedelta(1), AS_OF + timedelta(7)), forecast.band(AS_OF + timedelta(1), AS_OF + timedelta(7))
    ) == pytest.approx(1.5, abs=0.01)
    assert stretch.until(49) == pytest.approx(2.25)  # half way from one week to thirteen
    assert stretch.between(22, 28) == 2.0


def test_exports_hold_the_same_figures(forecast: OutflowForecast) -> None:
    """The CSV has a line per day, the JSON the documented keys; a second forecast gives the same bytes."""
    lines = forecast.to_csv().splitlines()
    assert len(lines) == len(forecast.days) + 1
    content = json.loads(forecast.to_json())
    assert content["schema"] == "tenor.outflow/1"
    assert {"total", "days", "weeks", "runs", "layers", "groups", "accruals", "assumptions", "coverage"} <= set(content)
    assert np.isclose(sum(float(line.split(",")[2]) for line in lines[1:]), float(content["total"]["mean"]), atol=0.5)


def test_the_same_bytes_again(trade: Callable[..., Book], forecast: OutflowForecast) -> None:
    """Same book, day and settings."""
    again = forecast_outflow(trade(), AS_OF, settings=FAST)
    assert isinstance(again, OutflowForecast)
    assert again.to_json() == forecast.to_json()


def test_payments_dated_ahead_are_said(trade: Callable[..., Book]) -> None:
    """A book that knows of payments after the day of the forecast says how many, and forecasts them like others."""
    early = AS_OF - timedelta(days=7)
    found = forecast_outflow(trade(), early, settings=FAST)
    assert isinstance(found, OutflowForecast)
    (said,) = [item for item in found.assumptions if item.name == "payments dated ahead"]
    assert "not made yet" in said.value
    blind = forecast_outflow(trade().known_on(early), early, settings=FAST)
    assert isinstance(blind, OutflowForecast)
    assert blind.total == found.total
    assert not [item for item in blind.assumptions if item.name == "payments dated ahead"]


def test_what_cannot_be_forecast_is_said(trade: Callable[..., Book]) -> None:
    """Too little history names what is missing; a horizon has limits."""
    short = forecast_outflow(trade(days=40), AS_OF)
    assert isinstance(short, NothingToForecast)
    assert "90 days" in short.missing[0]
    far = forecast_outflow(trade(), AS_OF, weeks=30)
    assert isinstance(far, HorizonOutOfReach)
