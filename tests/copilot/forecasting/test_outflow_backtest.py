from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from copilot.forecasting.baselines import DUE_DATE, HIERARCHICAL, LAST_MONTH, lateness, weekly_baselines
from copilot.forecasting.book import Book
from copilot.forecasting.outflow_backtest import OURS, WARM_UP, actual_weeks, backtest_outflow, origins_of, trials_at
from copilot.forecasting.trials import (
    QUANTILES,
    STRETCH_LIMITS,
    STRETCH_STEP,
    Trial,
    banded,
    calibrated,
    pinball,
    scores,
    stretches,
    widened,
)

AS_OF = date(2026, 11, 21)


def trial(actual: float, *, origin: date = AS_OF, method: str = OURS, point: float = 100.0) -> Trial:
    """A forecast of 100 with an 80 % band from 90 to 120, four weeks ahead."""
    return Trial(method, "all", "sum", origin, 4, point, (80.0, 90.0, 95.0, 100.0, 110.0, 120.0, 140.0), actual)


def test_scores_by_hand() -> None:
    """Actuals 110 and 130 against 100: errors of 10 and 30 on 240; one inside 90 to 120, both inside 80 to 140."""
    naive = [trial(110.0, method=LAST_MONTH, point=90.0), trial(130.0, method=LAST_MONTH, point=110.0)]
    found = {score.method: score for score in scores([trial(110.0), trial(130.0), *naive])}
    ours = found[OURS]
    assert (ours.wape, ours.bias) == (pytest.approx(40 / 240), pytest.approx(-40 / 240))
    assert dict(ours.coverage) == {50: 0.5, 80: 0.5, 95: 1.0}
    assert ours.mase == pytest.approx(20 / 20)


def test_pinball_by_hand() -> None:
    """Each quantile q pays q per unit below the truth and 1 - q per unit above it."""
    expected = np.mean(
        [q * 10 if f < 110 else (1 - q) * (f - 110) for q, f in zip(QUANTILES, [100.0] * 7, strict=True)]
    )
    assert pinball((100.0,) * 7, 110.0) == pytest.approx(expected)


def test_outcomes_move_the_stretch_once_they_are_known() -> None:
    """A miss widens by 0.8 of a step, a hit narrows by 0.2, each on the day it is known; there are limits."""
    weekly = [trial(500.0, origin=AS_OF + timedelta(weeks=week)) for week in range(7)]
    factors, today = stretches(weekly, AS_OF + timedelta(weeks=5))
    assert factors[:4] == (1.0,) * 4  # four weeks ahead: nothing is known before the fifth origin
    assert factors[4] == pytest.approx(math.exp(0.8 * STRETCH_STEP))
    assert today == factors[5] == pytest.approx(math.exp(1.6 * STRETCH_STEP))
    assert stretches(list(reversed(weekly)), AS_OF)[0] == tuple(reversed(factors))
    hits = [trial(100.0, origin=AS_OF + timedelta(weeks=week)) for week in range(60)]
    assert stretches(hits, AS_OF + timedelta(weeks=2))[1] == 1.0
    assert stretches(hits, date.max)[1] == pytest.approx(STRETCH_LIMITS[0])
    assert widened(trial(0.0), 2.0).quantiles == (60.0, 80.0, 90.0, 100.0, 120.0, 140.0, 180.0)


def recorded() -> dict[str, list[float]]:
    """Of sandbox companies by seed: how far each of some 80 weekly origins' outcome lay out, in bands as simulated."""
    found: dict[str, list[float]] = json.loads((Path(__file__).parent / "sandbox_stretches.json").read_text())
    return found


@pytest.mark.parametrize("seed", sorted(recorded(), key=int))
def test_every_company_gets_the_coverage_that_its_band_promises(seed: str) -> None:
    """Four weeks' cash: of the origins after the warm-up 74 to 86 % fall inside the 80 % band, company by company."""
    weekly = [
        trial(100.0 + 20.0 * stretch, origin=AS_OF + timedelta(weeks=week))
        for week, stretch in enumerate(recorded()[seed])
    ]
    (score,) = scores(calibrated(weekly)[WARM_UP:])
    assert score.trials >= 26
    assert 0.74 <= score.coverage[80] <= 0.86


def test_without_calibration_half_of_them_would_not() -> None:
    """What the test above rests on: as simulated, half of the companies or more are outside those limits."""
    shares = [
        sum(stretch <= 1.0 for stretch in found[WARM_UP:]) / len(found[WARM_UP:]) for found in recorded().values()
    ]
    assert len(shares) >= 14
    assert sum(not 0.74 <= share <= 0.86 for share in shares) >= len(shares) / 2


def test_calibration_looks_back_only() -> None:
    """A trial is widened by trials whose truth was known on its origin: changing any later one changes nothing."""
    trials = [trial(140.0, origin=AS_OF + timedelta(weeks=week)) for week in range(30)]
    changed = [*trials[:20], *(replace(item, actual=100.0) for item in trials[20:])]
    assert [t.quantiles for t in calibrated(trials)][:24] == [t.quantiles for t in calibrated(changed)][:24]
    assert calibrated(trials)[0].quantiles == trials[0].quantiles
    assert calibrated(trials)[29].quantiles != trials[29].quantiles


def test_rules_without_a_band_get_one_from_their_own_past() -> None:
    """A rule that was always 10 % low gets a band at 110 once enough of its truths are known."""
    rule = [
        replace(trial(110.0, origin=AS_OF + timedelta(weeks=week), method=DUE_DATE), quantiles=(100.0,) * 7)
        for week in range(12)
    ]
    assert banded(rule)[-1].quantiles == pytest.approx((110.0,) * 7)
    assert banded(rule)[3].quantiles == (100.0,) * 7


def test_an_origin_knows_nothing_of_what_came_after(trade: Callable[..., Book]) -> None:
    """Forecasts from a past day are the same whether or not the book already holds what followed."""
    book, origin = trade(), AS_OF - timedelta(days=91)
    seeing, blind = trials_at(book, origin, 50, 1), trials_at(book.known_on(origin), origin, 50, 1)
    assert [t.quantiles for t in seeing] == [t.quantiles for t in blind]
    assert [t.actual for t in seeing] != [t.actual for t in blind]


def test_actuals_by_part_add_up(trade: Callable[..., Book]) -> None:
    """Cash on known documents plus cash on new ones is all the cash of those weeks, counted again by hand."""
    book, origin = trade(), AS_OF - timedelta(days=91)
    actual = actual_weeks(book, origin, 13)
    today = origin.toordinal()
    by_hand = [0.0] * 13
    for row, day, amount in zip(book.paid_row.tolist(), book.paid_day.tolist(), book.paid.tolist(), strict=True):
        if 1 <= day - today <= 91:
            by_hand[(day - today - 1) // 7] += amount
        assert row < len(book)
    assert actual["all"].tolist() == pytest.approx(by_hand)
    assert (actual["open book"] + actual["new business"]).tolist() == pytest.approx(by_hand)
    assert (actual["approved"] + actual["in process"]).tolist() == pytest.approx(actual["open book"].tolist())
    assert (actual["on order"] + actual["not on order"]).tolist() == pytest.approx(actual["new business"].tolist())
    assert actual["approved"].sum() > 0
    assert actual["in process"].sum() > 0


def test_origins_leave_room_on_both_sides(trade: Callable[..., Book]) -> None:
    """Thirteen weeks ahead and half a year behind; a book without history has none."""
    found = origins_of(trade(days=400), AS_OF, 60)
    assert found[-1] == AS_OF - timedelta(weeks=13)
    assert found[0] >= AS_OF - timedelta(days=400 - 182)
    assert origins_of(trade(days=60), AS_OF, 26) == ()


def test_baselines_by_hand(trade: Callable[..., Book]) -> None:
    """The due-date rule pays every known document in the week it is due; last month repeats week by week."""
    book = trade(lateness=0.0).known_on(AS_OF)
    today = AS_OF.toordinal()
    rules = weekly_baselines(book, today, 8)
    owed = np.where(book.recognised_day > 0, book.open_amount, book.gross)
    second = (book.due_day > today + 7) & (book.due_day <= today + 14)
    assert rules[DUE_DATE][0][1] == pytest.approx(float(owed[second].sum()))
    assert rules[LAST_MONTH][0][0] == pytest.approx(float(book.cash_by_day(today - 27, today - 21).sum()))
    assert rules[LAST_MONTH][0][4] == rules[LAST_MONTH][0][0]
    assert float(np.median(lateness(book, today))) > 0  # runs on two days a week make everything late
    assert rules[HIERARCHICAL][0].sum() > 0


def test_a_well_behaved_company_is_forecast_well(trade: Callable[..., Book]) -> None:
    """Calibrated, unbiased and better than every rule on a company whose behaviour does not change."""
    found = backtest_outflow(trade(days=620, per_day=10.0, spread=0.4), AS_OF, scored=16, warm_up=10, paths=150)
    ours = found.score()
    assert ours is not None
    assert ours.wape < 0.10
    assert abs(ours.bias) < 0.04
    assert ours.coverage[80] >= 0.6
    for method in found.methods:
        other = found.score(method)
        assert other is not None
        assert ours.pinball < other.pinball, method
