from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from copilot.forecasting.ledger import Document, Ledger, Settlement
from copilot.simulations.outcomes import Outcome, Projection, TargetOutOfReach, TooLittleHistory
from copilot.simulations.projected_dpo import Settings, project
from semantic_layer.periods import Period

AS_OF = date(2026, 11, 21)
Q1 = Period(date(2027, 1, 1), date(2027, 3, 31), "Q1 2027")
QUICK = Settings(paths=400, seed=7)


def projected(outcome: Outcome) -> Projection:
    """The projection, or a failure that shows what came instead."""
    assert isinstance(outcome, Projection), outcome
    return outcome


def documents_of(ledger: Ledger) -> tuple[list[Document], list[Settlement]]:
    """The documents and settlements that a ledger was made of."""
    day = date.fromordinal
    documents = [
        Document(
            int(ledger.document_id[row]),
            ledger.suppliers[ledger.supplier[row]],
            ledger.buying_entities[ledger.buying_entity[row]],
            ledger.currencies[ledger.currency[row]],
            bool(ledger.is_credit_note[row]),
            day(int(ledger.invoice_day[row])),
            day(int(ledger.recognised_day[row])),
            day(int(ledger.due_day[row])) if ledger.due_day[row] else None,
            ledger.gross_exact[row],
        )
        for row in range(len(ledger))
    ]
    settlements = [
        Settlement(int(ledger.document_id[doc]), day(int(when)), amount)
        for doc, when, amount in zip(ledger.settled_document, ledger.settled_day, ledger.settled_exact, strict=True)
    ]
    return documents, settlements


def test_a_steady_company_converges_to_the_closed_form(world: Callable[..., Ledger]) -> None:
    """Paid on day 30, recognised on day 5: (30 - 5) days of payables over 85 days of known purchases, times 90."""
    found = projected(project(world(per_day=25.0), Q1, AS_OF, settings=QUICK))
    closed = 25 * 90 / 85
    assert abs(float(found.median) / closed - 1) < 0.02
    assert found.low < found.median < found.high


def test_longer_terms_raise_the_projection_to_the_new_closed_form(world: Callable[..., Ledger]) -> None:
    """Net 45 instead of 30 for invoices of the last month: the opening hardly knows, the target does."""
    ledger = world(per_day=12.0, terms=30, new_terms=45, changed_on=date(2026, 10, 21))
    found = projected(project(ledger, Q1, AS_OF, settings=QUICK))
    closed = 40 * 90 / 85
    assert abs(float(found.median) / closed - 1) < 0.04
    assert found.opening < 36


def test_the_opening_is_the_actual_value_and_the_drivers_add_up(world: Callable[..., Ledger]) -> None:
    """The walk starts where the ledger stands, to 0.01 days, and the change is explained exactly."""
    ledger = world(lateness=4.0, runs=(1, 3))
    actual = ledger.balance(AS_OF).dpo
    assert actual is not None
    found = projected(project(ledger, Q1, AS_OF, metric_value=actual, settings=QUICK))
    assert abs(found.opening - actual) <= Decimal("0.01")
    assert sum(driver.effect for driver in found.drivers) == found.median - found.opening
    assert {check.name: check.passed for check in found.checks} == {
        "opening_ties": True,
        "opening_explained": True,
        "drivers_add_up": True,
        "steady_state": True,
    }


def test_a_metric_that_disagrees_is_shown(world: Callable[..., Ledger]) -> None:
    """If the ledger does not tie to the metric the check fails aloud."""
    found = projected(project(world(), Q1, AS_OF, metric_value=Decimal("99.0"), settings=QUICK))
    assert [check.name for check in found.checks if not check.passed] == ["opening_ties"]


def test_closing_rates_lift_the_opening(world: Callable[..., Ledger]) -> None:
    """Open payables start at the balance that the metric converts at the closing rate."""
    ledger = world()
    closing = {"USD": ledger.balance(AS_OF).open_ap * Decimal("1.1")}
    plain = projected(project(ledger, Q1, AS_OF, settings=QUICK))
    lifted = projected(project(ledger, Q1, AS_OF, closing=closing, settings=QUICK))
    assert abs(lifted.opening / plain.opening - Decimal("1.1")) < Decimal("0.001")
    assert lifted.path[1].p50 > plain.path[1].p50
    assert all(check.passed for check in lifted.checks)


def test_a_balance_that_no_document_explains_is_shown(world: Callable[..., Ledger]) -> None:
    """A closing balance of a currency in which nothing is open stays aside, and a check says so."""
    ledger = world()
    closing = {"USD": ledger.balance(AS_OF).open_ap, "EUR": Decimal(50_000)}
    found = projected(project(ledger, Q1, AS_OF, closing=closing, settings=QUICK))
    assert [check.name for check in found.checks if not check.passed][:1] == ["opening_explained"]


def test_the_same_seed_gives_the_same_outcome_and_another_does_not(world: Callable[..., Ledger]) -> None:
    """Reproducible to the last digit, also when the rows come in another order."""
    ledger = world(lateness=3.0)
    first = project(ledger, Q1, AS_OF, settings=QUICK)
    documents, settlements = documents_of(ledger)
    again = project(Ledger.of(reversed(documents), reversed(settlements)), Q1, AS_OF, settings=QUICK)
    assert first == again
    assert project(ledger, Q1, AS_OF, settings=replace(QUICK, seed=8)) != first


def test_the_path_goes_week_by_week_from_today_to_the_target(world: Callable[..., Ledger]) -> None:
    """The fan starts at a point, keeps to one weekday and ends on the target with the headline's band."""
    found = projected(project(world(), Q1, AS_OF, settings=QUICK))
    assert found.path[0] == (AS_OF, found.opening, found.opening, found.opening)
    assert found.path[-1] == (Q1.end, found.low, found.median, found.high)
    assert {point.day.weekday() for point in found.path[1:]} == {Q1.end.weekday()}
    assert all(point.p10 <= point.p50 <= point.p90 for point in found.path)


def test_widening_stretches_the_band_around_its_median(world: Callable[..., Ledger]) -> None:
    """A factor of two doubles both sides and leaves the median alone."""
    ledger = world()
    plain = projected(project(ledger, Q1, AS_OF, settings=QUICK))
    wide = projected(project(ledger, Q1, AS_OF, settings=replace(QUICK, widening=Decimal(2))))
    assert wide.median == plain.median
    assert abs((wide.high - wide.median) - 2 * (plain.high - plain.median)) <= Decimal("0.02")


def test_partial_payments_credits_and_missing_due_dates_are_carried(world: Callable[..., Ledger]) -> None:
    """A half-paid invoice, an open credit note and an undated invoice are in the opening and do not break the walk."""
    documents, settlements = documents_of(world())
    day = AS_OF - timedelta(days=3)
    extra = [
        Document(90_001, "S1", "US01", "USD", False, day, day, AS_OF + timedelta(days=20), Decimal("5000.00")),
        Document(90_002, "S2", "US01", "USD", True, day, day, None, Decimal("-800.00")),
        Document(90_003, "S3", "US01", "USD", False, day, day, None, Decimal("300.00")),
    ]
    before = Ledger.of(documents, settlements).balance(AS_OF)
    ledger = Ledger.of([*documents, *extra], [*settlements, Settlement(90_001, AS_OF, Decimal("2000.00"))])
    found = projected(project(ledger, Q1, AS_OF, settings=QUICK))
    assert found.opening_ap == before.open_ap + Decimal("2500.00")
    assert all(check.passed for check in found.checks)


def test_nothing_open_today_is_a_fine_place_to_start(world: Callable[..., Ledger]) -> None:
    """With every document paid the opening is zero and new business fills the book again."""
    documents, settlements = documents_of(world(terms=10, approval_lag=2))
    paid = {s.document_id for s in settlements}
    settlements += [Settlement(d.document_id, AS_OF, d.gross) for d in documents if d.document_id not in paid]
    found = projected(project(Ledger.of(documents, settlements), Q1, AS_OF, settings=QUICK))
    assert found.opening == 0
    assert found.median > 3


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"per_day": 0.0}, "payments"),
        ({"days": 30}, "90 days of approved documents"),
        ({"per_day": 0.1}, "documents approved"),
    ],
)
def test_too_little_history_says_what_is_missing(
    world: Callable[..., Ledger], behaviour: dict[str, float], words: str
) -> None:
    """No number without enough to learn it from."""
    outcome = project(world(**behaviour), Q1, AS_OF)
    assert isinstance(outcome, TooLittleHistory)
    assert any(words in item for item in outcome.missing)


@pytest.mark.parametrize(
    ("end", "words"), [(AS_OF, "no forecast"), (date(2026, 9, 30), "no forecast"), (date(2028, 3, 31), "over a year")]
)
def test_a_target_in_the_past_or_too_far_is_refused(world: Callable[..., Ledger], end: date, words: str) -> None:
    """The projection reaches from tomorrow to a year from now."""
    outcome = project(world(days=100), Period(end, end), AS_OF)
    assert isinstance(outcome, TargetOutOfReach)
    assert words in outcome.reason


def test_a_target_within_the_week_has_a_path(world: Callable[..., Ledger]) -> None:
    """Even tomorrow can be projected: one step, a narrow band."""
    tomorrow = AS_OF + timedelta(days=1)
    found = projected(project(world(), Period(tomorrow, tomorrow), AS_OF, settings=QUICK))
    assert [point.day for point in found.path] == [AS_OF, tomorrow]
    assert abs(found.median - found.opening) < 5


def test_the_future_does_not_leak_in(world: Callable[..., Ledger]) -> None:
    """A ledger that knows what happened after the data date gives the same projection as one that does not."""
    knowing = world(known=AS_OF + timedelta(days=60), lateness=3.0)
    assert project(knowing, Q1, AS_OF, settings=QUICK) == project(knowing.known_on(AS_OF), Q1, AS_OF, settings=QUICK)


def test_the_band_covers_the_truth_about_eight_times_in_ten(world: Callable[..., Ledger]) -> None:
    """Over 200 synthetic companies with heavy-tailed amounts the 10-90 band holds the later truth in 72 to 88 % (3 sigma)."""
    target = Period(AS_OF + timedelta(days=60), AS_OF + timedelta(days=60))
    hits = []
    for seed in range(200):
        ledger = world(seed=seed, days=400, per_day=1.5, lateness=4.0, runs=(1, 3), spread=1.0, known=target.end)
        found = projected(project(ledger, target, AS_OF, settings=Settings(paths=120, seed=seed)))
        actual = ledger.balance(target.end).dpo
        assert actual is not None
        hits.append(found.low <= actual <= found.high)
    assert 0.72 <= float(np.mean(hits)) <= 0.88


def test_twelve_thousand_documents_and_two_thousand_paths_take_seconds(world: Callable[..., Ledger]) -> None:
    """The whole projection stays interactive (the bound allows for a busy machine)."""
    ledger = world(per_day=28.0, lateness=3.0, runs=(1, 3))
    assert len(ledger) > 11_000
    started = time.perf_counter()
    projected(project(ledger, Q1, AS_OF))
    assert time.perf_counter() - started < 6
