"""Cash once suppliers are paid: against a slow count, and as questions over a real mirror with and without the feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from copilot.engine import Engine
from copilot.forecasting.book import Book
from copilot.forecasting.cash_feed import CashFeed
from copilot.settings import Settings
from copilot.simulations.cash_ahead import cash_ahead
from copilot.simulations.outflow import OutflowSettings, forecast_outflow
from copilot.simulations.outflow_outcomes import OutflowForecast

AS_OF = date(2026, 11, 21)
FEED = CashFeed(
    position_day=AS_OF, balance=Decimal(50_000), accounts=2, forecast_of=AS_OF, reach=date(2026, 11, 30),
    movements=((date(2026, 11, 24), Decimal(9_000)), (date(2026, 11, 30), Decimal(-4_000))),
)  # fmt: skip


@pytest.fixture(scope="module")
def outflow(trade: Callable[..., Book]) -> OutflowForecast:
    """Four weeks of a steady company."""
    found = forecast_outflow(trade(), AS_OF, weeks=4, settings=OutflowSettings(paths=200, groups=()))
    assert isinstance(found, OutflowForecast)
    return found


def test_cash_is_counted_path_by_path(outflow: OutflowForecast) -> None:
    """Balance, movements and payments added up day by day in plain Python; after its reach the feed goes on at its mean."""
    first, last, floor = date(2026, 11, 25), date(2026, 12, 12), Decimal(20_000)
    found = cash_ahead(outflow, FEED, first, last, floor)
    daily, after = dict(FEED.movements), Decimal(5_000) / 9
    paths = []
    for path in outflow.paths:
        cash, line = float(FEED.balance), []
        for step in range((last - AS_OF).days):
            day = AS_OF + timedelta(days=step + 1)
            cash += float(daily.get(day, Decimal(0)) if day <= date(2026, 11, 30) else after) - float(path[step])
            line.append(cash)
        paths.append(line[(first - AS_OF).days - 1 :])
    by_hand = np.array(paths)
    assert [day.day for day in found.days] == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for place, day in enumerate(found.days):
        assert float(day.cash.mean) == pytest.approx(by_hand[:, place].mean(), abs=0.02)
        assert float(day.below) == pytest.approx((by_hand[:, place] < 20_000).mean(), abs=0.0006)
    assert float(found.below) == pytest.approx((by_hand < 20_000).any(axis=1).mean(), abs=0.0006)
    assert found.lowest.cash.median == min(day.cash.median for day in found.days)


def test_more_cash_and_a_lower_floor_are_never_worse(outflow: OutflowForecast) -> None:
    """The chance to fall short rises with the floor; the first day below it comes no later."""
    last = date(2026, 12, 15)
    chances = [
        cash_ahead(outflow, FEED, outflow.days[0].start, last, Decimal(floor)) for floor in (-(10**9), 0, 30_000, 10**9)
    ]
    assert [found.below for found in chances] == sorted(found.below for found in chances)
    assert (chances[0].below, chances[-1].below) == (0, 1)
    assert chances[0].first_below is None
    assert chances[-1].first_below == outflow.days[0].start


@pytest.fixture
def engine(mirror_folder: Path, company_today: date, tmp_path: Path) -> Iterator[Engine]:
    """An engine on Sunday 22 November 2026, with a policy that names a floor."""
    policy = tmp_path / "treasury.yml"
    policy.write_text("valid_from: 2026-01-01\nfloors: {company: 450000}\n", encoding="utf-8")
    settings = Settings(
        mirror=mirror_folder, state_url=f"sqlite:///{tmp_path}/state.db", treasury_policy=policy, _env_file=None
    )
    opened = Engine.open(settings, today=company_today)
    yield opened
    opened.close()


def test_the_floor_of_the_policy_is_what_cash_is_held_against(engine: Engine) -> None:
    """Lowest cash, the chance to fall short, the first day; every number has a cell behind it."""
    answer = engine.ask("when do we fall below the floor")
    assert answer.headline is not None
    assert answer.headline.label == "Lowest cash after supplier payments"
    assert "floor USD 450.0k" in answer.reading
    assert "does not reach USD 450.0k" in answer.narrative
    assert all(check.passed for check in answer.checks)
    assert answer.assumptions[0].name == "cash"
    chance = engine.ask("what is the risk of falling below the floor").headline
    assert chance is not None
    assert chance.unit == "ratio"
    assert chance.label == "Chance that cash falls short of USD 450.0k"


def test_after_the_next_run_is_the_balance_of_its_day(engine: Engine) -> None:
    """The day is that of the payment run ahead, and the figure that of the same day asked for by its date."""
    run = engine.ask("what do we pay in the next run?").headline
    after = engine.ask("how much cash will we have after the next payment run?")
    assert run is not None
    assert after.headline is not None
    assert after.headline.label == "Cash after the next payment run"
    assert after.headline.as_of == run.as_of
    assert run.as_of is not None
    that_day = engine.ask(f"what will our cash balance be on {date.fromisoformat(run.as_of):%d %B %Y}")
    assert that_day.headline is not None
    assert that_day.headline.value == after.headline.value
    assert "between" not in that_day.narrative


def test_without_the_cash_position_it_is_refused_by_name(
    tmp_path: Path, company_today: date, mirror_folder: Path
) -> None:
    """Who sees a part of the payables gets no cash of the company."""
    policies = tmp_path / "people.yml"
    policies.write_text(
        "viewers:\n  - name: emea\n    rows: [{field: region, op: in, values: [EMEA]}]\n", encoding="utf-8"
    )
    settings = Settings(
        mirror=mirror_folder,
        state_url=f"sqlite:///{tmp_path}/state.db",
        policies=policies,
        viewer="emea",
        _env_file=None,
    )
    opened = Engine.open(settings, today=company_today)
    answer = opened.ask("how much cash will we have at month end")
    opened.close()
    assert (answer.status, answer.reason) == ("refused", "NEEDS_EXTERNAL_DATA")
    assert "you see a part of the payables" in answer.narrative
    assert answer.headline is None
