from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from copilot.forecasting.book import Book
from copilot.forecasting.cash_paths import learn_model
from copilot.forecasting.event_paths import OPEN, draw_events
from copilot.simulations.dpo_methods import count_back, monthly_purchases, project_methods

AS_OF = date(2026, 11, 21)


def test_count_back_by_hand() -> None:
    """1,450 owed, 1,000 bought in a month of 31 days and 1,100 in the one before: 31 + 450/1,100 x 30 = 43.27 days."""
    days, capped = count_back(np.array([1450.0]), np.array([[1000.0, 1100.0]]), np.array([31.0, 30.0]))
    assert days.round(2).tolist() == [43.27]
    assert not capped.any()


def test_a_month_of_credits_is_carried_and_a_year_is_the_end() -> None:
    """-100 in the latest month lowers the month before it; a balance beyond all months is capped and said."""
    days, capped = count_back(np.array([450.0, 5000.0]), np.array([[-100.0, 1000.0]] * 2), np.array([30.0, 31.0]))
    assert days.tolist() == pytest.approx([450 / 900 * 61, 61])
    assert capped.tolist() == [False, True]


def test_months_agree_with_a_slow_count(trade: Callable[..., Book]) -> None:
    """Purchases of each month of one path, document by document."""
    model = learn_model(trade(), AS_OF)
    events = draw_events(model, 40, 1)
    target = AS_OF + timedelta(days=40)
    monthly, length = monthly_purchases(model, events, target)
    assert length[:3].tolist() == [31.0, 30.0, 31.0]
    path, start = 3, date(2026, 12, 1).toordinal()
    by_hand = sum(
        float(events.amount[at])
        for at in np.flatnonzero((events.path == path) & (events.layer != OPEN) & (events.recognised <= 40))
        if start <= events.invoiced[at] + model.today <= target.toordinal()
    )
    assert monthly[path, 0] == pytest.approx(by_hand)


def test_methods_agree_on_a_steady_company(trade: Callable[..., Book]) -> None:
    """Without growth or season the three say the same within two days; out of reach is refused."""
    book = trade(days=700, per_day=10.0, spread=0.3, approval_lag=0)
    found = project_methods(book, AS_OF, AS_OF + timedelta(days=100))
    assert found.balance.mean == pytest.approx(found.average.mean, abs=2)
    assert found.count_back.mean == pytest.approx(found.balance.mean, abs=2)
    assert found.capped == 0.0
    with pytest.raises(ValueError, match="1 to 366"):
        project_methods(book, AS_OF, AS_OF)
