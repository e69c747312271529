from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from copilot.forecasting.book import Book
from copilot.forecasting.cash_paths import learn_model, open_survival, paid_chances, simulate_cash, slipped
from copilot.forecasting.closed_form import quantile_of_sum
from copilot.forecasting.inverse_tables import SIZE, draw, draw_each, tables

AS_OF = date(2026, 11, 21)


def generator(seed: int = 1) -> np.random.Generator:
    """A generator of its own for each test."""
    return np.random.Generator(np.random.PCG64(seed))


def test_tables_hold_the_exact_chances_on_average() -> None:
    """Over many rounds of the random offset, every day has its own chance to within a thousandth."""
    survival = np.array([[0.7, 0.7, 0.2501, 0.05]])
    count = np.zeros(6)
    for seed in range(400):
        count += np.bincount(tables(survival, generator(seed))[0], minlength=6)
    assert (count / (400 * SIZE))[1:] == pytest.approx([0.3, 0.0, 0.4499, 0.2001, 0.05], abs=1e-4)


def test_drawing_by_table_and_by_search_agree() -> None:
    """Two ways to draw the same curve: shares per day within three standard errors of the curve's own."""
    survival = np.array([[0.9, 0.5, 0.1], [1.0, 0.2, 0.2]])
    drawn = draw(tables(survival, generator()), 50_000, generator(2))
    searched = draw_each(survival, np.repeat([0, 1], 50_000), generator(3)).reshape(2, -1)
    for row, chances in enumerate(([0.1, 0.4, 0.4, 0.1], [0.0, 0.8, 0.0, 0.2])):
        for days in (drawn[row], searched[row]):
            share = np.bincount(days, minlength=5)[1:] / 50_000
            assert share == pytest.approx(chances, abs=0.007)


def test_a_slip_moves_whole_weeks_and_loses_nothing_inside() -> None:
    """Half of week 1 moves to the same weekday of week 2; a negative slip brings half of week 2 forward."""
    cash = np.zeros((2, 21))
    cash[:, 1], cash[:, 8] = 100.0, 40.0
    late = np.array([[0.5, 0.0, 0.0, 0.0], [-0.5, 0.0, 0.0, 0.0]])
    moved = slipped(cash, late)
    assert (moved[0, 1], moved[0, 8]) == (50.0, 90.0)
    assert (moved[1, 1], moved[1, 8]) == (120.0, 20.0)
    assert moved.sum(axis=1).tolist() == [140.0, 140.0]


def test_the_approved_layer_agrees_with_a_slow_simulation(trade: Callable[..., Book]) -> None:
    """One document and one path at a time, day by day from the hazard itself: same mean and spread per week."""
    model = learn_model(trade(per_day=1.0), AS_OF)
    paths, days = 4_000, 28
    fast = simulate_cash(model, days, paths, 5).before_slip
    amount, slow = model.ledger.open_amount, np.zeros((paths, days))
    random = generator(9)
    for part, survival in open_survival(model, days):
        for row, curve in zip(part.tolist(), survival, strict=True):
            before = np.concatenate([[1.0], curve[:-1]])
            hazard = 1.0 - np.divide(curve, before, out=np.zeros(days), where=before > 0)
            happened = random.random((paths, days)) < hazard
            first = np.where(happened.any(axis=1), happened.argmax(axis=1), days)
            inside = first < days
            slow[np.flatnonzero(inside), first[inside]] += amount[row]
    for week in range(4):
        one, other = (cash[:, 7 * week : 7 * week + 7].sum(axis=1) for cash in (fast, slow))
        error = one.std() / np.sqrt(paths)
        assert abs(one.mean() - other.mean()) < 5 * error + 1e-6
        assert one.std() == pytest.approx(other.std(), rel=0.08, abs=1.0)


def test_convolution_agrees_with_enumeration() -> None:
    """Twelve documents, one of them a credit note: all 4,096 outcomes listed by hand give the same quantile."""
    amount = np.array([100.0, 50, 30, 20, 10, 5, 400, 75, 60, -80, 45, 15])
    chance = np.linspace(0.1, 0.9, 12)
    bits = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    weight = np.where(bits == 1, chance, 1 - chance).prod(axis=1)
    total = bits @ amount
    order = np.argsort(total)
    exact = total[order][np.searchsorted(np.cumsum(weight[order]), 0.95)]
    assert quantile_of_sum(amount, chance, 0.95) == pytest.approx(exact, rel=0.005)


def test_convolution_agrees_with_simulation_on_a_large_book() -> None:
    """Ten thousand heavy-tailed documents: the 95th percentile of 20,000 simulated sums within half a percent."""
    random = generator()
    amount, chance = random.lognormal(7, 1.5, 10_000), random.random(10_000)
    drawn = np.concatenate([(random.random((500, 10_000)) < chance) @ amount for _ in range(40)])
    assert quantile_of_sum(amount, chance, 0.95) == pytest.approx(float(np.quantile(drawn, 0.95)), rel=0.005)


def test_every_document_is_in_one_layer(trade: Callable[..., Book]) -> None:
    """Over a horizon that is long enough, the first two layers pay what is owed and in process, no more and no less."""
    book = trade(lateness=1.0)
    model = learn_model(replace(book, withdrawn_share=0.0), AS_OF)
    simulated = simulate_cash(model, 182, 400, 1)
    waiting = float(book.gross[book.recognised_day == 0].sum())
    assert waiting > 0
    approved, in_process = (float(simulated.layers[name].sum(axis=1).mean()) for name in ("approved", "in process"))
    assert approved == pytest.approx(float(model.ledger.open_amount.sum()), rel=0.02)
    assert in_process == pytest.approx(waiting, rel=0.05)


def test_new_business_continues_the_old(trade: Callable[..., Book]) -> None:
    """In a steady company the cash of weeks 9 to 13 is that of the last 13 weeks, within its noise."""
    book = trade(days=700, per_day=12.0, spread=0.3)
    model = learn_model(book, AS_OF)
    today = AS_OF.toordinal()
    past = float(book.cash_by_day(today - 90, today).sum()) / 13
    simulated = simulate_cash(model, 91, 300, 1)
    ahead = float(simulated.total[:, 56:].sum(axis=1).mean()) / 5
    assert ahead == pytest.approx(past, rel=0.06)


def test_slices_add_up_and_change_nothing(trade: Callable[..., Book]) -> None:
    """The paths are the same bytes with a breakdown and without, and its parts add up to them."""
    model = learn_model(trade(), AS_OF)
    plain = simulate_cash(model, 28, 100, 3)
    currency = model.book.currency
    cut = simulate_cash(model, 28, 100, 3, currency.code, currency.values)
    assert np.allclose(plain.total, cut.total, rtol=1e-12)
    parts = sum(daily.sum(axis=1) for daily in cut.slices.values())
    assert np.allclose(parts, cut.total.sum(axis=1))


def test_payments_fall_on_runs_and_never_on_holidays(trade: Callable[..., Book]) -> None:
    """Thursday the 26th of November is Thanksgiving: next to nothing leaves, Friday takes its place."""
    model = learn_model(trade(per_day=8.0), AS_OF)
    cash = simulate_cash(model, 28, 200, 1).total.mean(axis=0)
    by_day = {(AS_OF.toordinal() + place): value for place, value in enumerate(cash.tolist(), start=1)}
    thanksgiving = date(2026, 11, 26).toordinal()
    assert by_day[thanksgiving] < 0.03 * by_day[thanksgiving + 7]  # what slips by a week knows no holidays
    assert by_day[thanksgiving + 1] > 0.2 * by_day[thanksgiving + 7]
    runs = sum(value for day, value in by_day.items() if (day + 6) % 7 in (1, 3) or day == thanksgiving + 1)
    assert runs > 0.95 * cash.sum()


def test_held_documents_come_later(trade: Callable[..., Book]) -> None:
    """The same documents in process, on hold: less of them is recognised and paid soon."""
    usual, held = (
        learn_model(trade(per_day=8.0, approval_lag=9, terms=7, waiting_status=status), AS_OF)
        for status in ("pending_approval", "ap_hold")
    )
    soon = [simulate_cash(model, 14, 300, 1).layers["in process"].sum(axis=1).mean() for model in (usual, held)]
    assert soon[1] < 0.9 * soon[0]


def test_chances_of_payment_sum_to_at_most_one(trade: Callable[..., Book]) -> None:
    """Per document, over the days ahead."""
    rows, chances = paid_chances(learn_model(trade(), AS_OF), 60)
    assert len(rows) > 50
    assert (chances >= 0).all()
    assert (chances.sum(axis=1) <= 1.0 + 1e-9).all()
