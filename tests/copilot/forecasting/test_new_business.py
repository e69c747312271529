from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from copilot.forecasting.current_terms import current_due_days, superseded_share
from copilot.forecasting.ledger import Document, Ledger, Settlement
from copilot.forecasting.new_business import learn
from copilot.forecasting.payment_timing import fit
from copilot.forecasting.season import learn_season, month_of, part_of_month

AS_OF = date(2026, 11, 21)


def terms(*net_days: int, supplier: str = "S", every: int = 3) -> list[Document]:
    """Documents of one supplier, oldest first, `every` days apart, the last one on AS_OF."""
    found = []
    for place, days in enumerate(net_days):
        day = AS_OF - timedelta(days=every * (len(net_days) - 1 - place))
        key = place + 1
        found.append(Document(key, supplier, "US01", "USD", False, day, day, day + timedelta(days=days), Decimal(10)))
    return found


def test_months_and_their_parts() -> None:
    """The tenth is early, the twentieth in the middle, the last late."""
    days = np.array([date(2026, 1, 10).toordinal(), date(2026, 2, 20).toordinal(), date(2026, 12, 31).toordinal()])
    assert month_of(days).tolist() == [0, 1, 11]
    assert part_of_month(days).tolist() == [0, 1, 2]


def test_a_season_is_found_and_chance_is_not() -> None:
    """A planted December at 1.5 shows, shrunk; even months show nothing; less than two years show no months."""
    today = AS_OF.toordinal()
    days = np.arange(today - 4 * 365 + 1, today + 1)
    december = np.where(month_of(days) == 11, 15, 10)
    found = learn_season(np.repeat(days, december), today)
    assert 1.25 < found.month[11] < 1.5
    assert np.delete(found.month, 11).max() < 1.0
    assert np.ptp(learn_season(np.repeat(days, 10), today).month) < 0.001
    assert np.ptp(learn_season(np.repeat(days, december)[-5000:], today).month) == 0.0


def test_busy_month_ends_are_found_from_one_year() -> None:
    """Half as much again after the twentieth: the last part lies above the others, and a factor multiplies both indices."""
    today = AS_OF.toordinal()
    days = np.arange(today - 364, today + 1)
    found = learn_season(np.repeat(days, np.where(part_of_month(days) == 2, 15, 10)), today)
    assert found.part[2] / found.part[0] > 1.4
    assert np.isclose(found.factor(days[-1:])[0], found.month[10] * found.part[2])
    assert np.ptp(learn_season(days[-200:], today).part) == 0.0


def test_terms_that_changed_for_good_replace_the_old_ones() -> None:
    """After four invoices at net 60 a supplier's earlier net 30 is history."""
    ledger = Ledger.of(terms(*[30] * 20, *[60] * 4), [])
    due = current_due_days(ledger) - ledger.invoice_day
    assert set(due.tolist()) == {60}
    assert superseded_share(ledger) == 20 / 24


def test_mixed_terms_stay_mixed() -> None:
    """A supplier with every fifth invoice at net 60 keeps both terms, whatever came last."""
    ledger = Ledger.of(terms(*([30, 30, 30, 30, 60] * 6), 30, 30, 30), [])
    assert superseded_share(ledger) == 0.0


def test_one_odd_invoice_at_the_end_is_no_change_of_terms() -> None:
    """Two documents are not enough to call a term gone, and an empty ledger has none."""
    assert superseded_share(Ledger.of(terms(*[30] * 20, 60, 60), [])) == 0.0
    assert superseded_share(Ledger.of([], [])) == 0.0


def test_curves_start_at_what_was_recognised_and_only_fall(world: Callable[..., Ledger]) -> None:
    """Each source day begins with all of its amount unpaid, and its purchases reach that amount once the lag has passed."""
    ledger = world(per_day=5.0, approval_lag=5)
    business = learn(ledger, fit(ledger, AS_OF), AS_OF, 60, np.random.default_rng(1))
    source = AS_OF.toordinal() - 364 + np.arange(365)
    inside = ledger.recognised_day >= source[0]
    by_day = np.bincount(ledger.recognised_day[inside] - source[0], weights=ledger.gross[inside], minlength=365)
    assert np.allclose(business.unpaid[:, 0, 0], by_day)
    assert np.diff(business.unpaid, axis=2).max() <= 1e-9
    assert business.bought[:, 4].sum() == 0.0
    assert np.allclose(business.bought[:, 5], by_day)
    assert business.steady_lag == 5.0


def test_the_level_is_that_of_the_last_ninety_days() -> None:
    """Where the number of documents doubled 90 days ago, an old day is scaled by two and a recent one by one."""
    documents = []
    for back in range(420):
        for _ in range(4 if back < 90 else 2):
            day = AS_OF - timedelta(days=back)
            key = len(documents) + 1
            documents.append(Document(key, "S", "US01", "USD", False, day, day, day + timedelta(days=30), Decimal(10)))
    paid = [Settlement(d.document_id, d.due_date, d.gross) for d in documents if d.due_date and d.due_date <= AS_OF]
    ledger = Ledger.of(documents, paid)
    business = learn(ledger, fit(ledger, AS_OF), AS_OF, 30, np.random.default_rng(1))
    assert business.level[-1] == 1.0
    assert np.isclose(business.level[60], 2.0)
