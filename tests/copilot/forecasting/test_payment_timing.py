from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from copilot.forecasting.ledger import Document, Ledger, Settlement
from copilot.forecasting.new_business import draw_days
from copilot.forecasting.payment_timing import PaymentTiming, cells_of, fit, usual_days

AS_OF = date(2026, 11, 21)


def survival_from_recognition(ledger: Ledger, timing: PaymentTiming, row: int, days: int = 60) -> np.ndarray:
    """Share of one document unpaid at the end of each day from its recognition."""
    cells = cells_of(ledger)
    chosen = np.array([row])
    return timing.survival(timing.cells(cells)[chosen], cells.anchor[chosen], cells.entry[chosen], days)[0]


def document(key: int, due: date, supplier: str = "S", *, recognised: date | None = None) -> Document:
    """An invoice at net 30."""
    start = due - timedelta(days=30)
    return Document(key, supplier, "US01", "USD", False, start, recognised or start, due, Decimal(100))


def test_a_fixed_pay_day_is_learned(world: Callable[..., Ledger]) -> None:
    """Where every invoice is paid on its due date, none is expected before and nearly all on it."""
    ledger = world(per_day=3.0)
    timing = fit(ledger, AS_OF)
    unpaid = survival_from_recognition(ledger, timing, len(ledger) - 1)
    due_in = int(ledger.due_day[-1] - ledger.recognised_day[-1])
    assert unpaid[due_in - 1] > 0.99
    assert unpaid[due_in] < 0.02


def test_run_days_are_learned_and_nothing_is_paid_on_other_days(world: Callable[..., Ledger]) -> None:
    """Payments fall on the weekdays on which they fell before."""
    ledger = world(runs=(1, 3), lateness=4.0)
    timing = fit(ledger, AS_OF)
    assert timing.weekdays[[0, 2, 4, 5, 6]].tolist() == [0.0] * 5
    assert timing.weekdays[[1, 3]].min() > 1.0
    unpaid = survival_from_recognition(ledger, timing, len(ledger) - 1)
    first = int(ledger.recognised_day[-1])
    paid = -np.diff(np.concatenate([[1.0], unpaid]))
    days = {(first + offset + 6) % 7 for offset in np.flatnonzero(paid > 1e-12).tolist()}
    assert days == {1, 3}


@pytest.mark.parametrize("before", [True, False])
def test_what_is_due_between_two_runs_is_paid_in_the_one_that_is_usual(*, before: bool) -> None:
    """Runs on Tuesdays and Thursdays: due on a Sunday means Thursday before, or Tuesday after, as it always did."""
    documents = [document(key, AS_OF - timedelta(days=300 - key // 2)) for key in range(600)]
    settlements = []
    for doc in documents:
        paid = doc.due_date or AS_OF
        while paid.weekday() not in {1, 3}:
            paid += timedelta(days=-1 if before else 1)
        if paid <= AS_OF:
            settlements.append(Settlement(doc.document_id, paid, doc.gross))
    timing = fit(Ledger.of(documents, settlements), AS_OF)
    coming = [document(key, AS_OF + timedelta(days=ahead), recognised=AS_OF) for key, ahead in enumerate((8, 13))]
    cells = cells_of(Ledger.of(coming, []))  # due on a Sunday and on the Friday after it
    unpaid = timing.survival(timing.cells(cells), cells.anchor, cells.entry + 1, 20, cells.buying_entity)
    thursday, next_tuesday, next_thursday = 5, 10, 12
    sunday, friday = unpaid
    if before:
        assert sunday[thursday - 1] < 0.1
        assert friday[next_tuesday - 1] > 0.9
        assert friday[next_thursday - 1] < 0.1
    else:
        assert sunday[thursday - 1] > 0.9
        assert sunday[next_tuesday - 1] < 0.1
        assert friday[next_thursday - 1] > 0.9


def test_an_entity_without_history_is_paid_as_the_company_is() -> None:
    """The ledger knows of an entity that has no document yet: its runs and turns are those of all."""
    known = [document(key, AS_OF - timedelta(days=200 - key)) for key in range(160)]
    settlements = [Settlement(doc.document_id, doc.due_date or AS_OF, doc.gross) for doc in known]
    later = replace(
        document(500, AS_OF + timedelta(days=200)), buying_entity="US02", recognised_date=AS_OF + timedelta(days=90)
    )
    ledger = Ledger.of([*known, later], settlements)
    timing = fit(ledger, AS_OF)
    cells = cells_of(ledger).picked(np.array([len(ledger) - 1]))
    unpaid = timing.survival(timing.cells(cells), cells.anchor, cells.entry, 130, cells.buying_entity)[0]
    assert unpaid[105] > 0.9
    assert unpaid[112] < 0.1


def test_open_documents_count_as_unpaid_so_far() -> None:
    """Half of the invoices of a supplier are paid at once, half stall: paid-only timing would say that all are paid at once."""
    documents = [document(key, AS_OF - timedelta(days=200 - key)) for key in range(160)]
    settlements = [Settlement(d.document_id, d.due_date or AS_OF, d.gross) for d in documents if d.document_id % 2]
    timing = fit(Ledger.of(documents, settlements), AS_OF)
    fresh = Ledger.of([document(1, AS_OF + timedelta(days=30))], [])
    unpaid = survival_from_recognition(fresh, timing, 0)
    assert 0.45 < unpaid[40] < 0.55


def test_a_supplier_with_history_keeps_its_habit_and_a_new_one_gets_the_average() -> None:
    """Shrinkage: many observations outweigh the parent's rate, none leave it alone."""
    documents, settlements = [], []
    for key in range(600):
        late = key % 2 == 0
        doc = document(key, AS_OF - timedelta(days=300 - key // 3), "Late" if late else "Prompt")
        documents.append(doc)
        settlements.append(Settlement(key, (doc.due_date or AS_OF) + timedelta(days=10 if late else 0), doc.gross))
    coming = AS_OF + timedelta(days=30)
    new = [document(1000, coming, "Late"), document(1001, coming, "Prompt"), document(1002, coming, "New")]
    ledger = Ledger.of([*documents, *new], settlements)
    timing = fit(ledger, AS_OF)
    on_due = [survival_from_recognition(ledger, timing, len(ledger) - 3 + n)[31] for n in range(3)]
    assert on_due[0] > 0.8
    assert on_due[1] < 0.2
    assert 0.3 < on_due[2] < 0.7


def test_an_old_open_document_is_paid_tomorrow_at_the_earliest() -> None:
    """What remains of the distribution given the age: the draw of an overdue invoice starts at the first future day."""
    documents = [document(key, AS_OF - timedelta(days=100 - key % 90)) for key in range(300)]
    settlements = [Settlement(d.document_id, d.due_date or AS_OF, d.gross) for d in documents[1:]]
    ledger = Ledger.of(documents, settlements)
    cells = cells_of(ledger)
    timing = fit(ledger, AS_OF)
    tomorrow = np.array([AS_OF.toordinal() + 1])
    unpaid = timing.survival(timing.cells(cells)[:1], cells.anchor[:1], tomorrow, 30)
    assert np.all(np.diff(unpaid[0]) <= 0)
    assert unpaid[0, 0] <= 1.0
    days = draw_days(unpaid, 100, np.random.default_rng(1))
    assert days.min() >= 0


def test_the_share_of_a_part_payment_counts_and_the_rest_stays_at_risk() -> None:
    """A document paid by half weighs half a settlement."""
    doc = document(1, AS_OF - timedelta(days=20))
    ledger = Ledger.of([doc], [Settlement(1, AS_OF - timedelta(days=10), Decimal(50))])
    timing = fit(ledger, AS_OF)
    assert (timing.observed, timing.at_risk) == (1, 2)


def test_documents_without_due_date_and_prepaid_ones_are_no_obstacle() -> None:
    """No due date: timing runs from recognition. Paid before it was recognised: seen on that one day."""
    undated = Document(1, "S", "US01", "USD", False, AS_OF, AS_OF - timedelta(days=40), None, Decimal(10))
    prepaid = document(2, AS_OF + timedelta(days=5), recognised=AS_OF - timedelta(days=2))
    ledger = Ledger.of(
        [undated, prepaid],
        [
            Settlement(1, AS_OF - timedelta(days=10), Decimal(10)),
            Settlement(2, AS_OF - timedelta(days=9), Decimal(100)),
        ],
    )
    timing = fit(ledger, AS_OF)
    assert timing.observed == 2
    assert survival_from_recognition(ledger, timing, 0)[30] < 1.0


@pytest.mark.parametrize("ledger", [Ledger.of([], []), Ledger.of([document(1, AS_OF)], [])])
def test_without_settlements_nothing_is_ever_paid(ledger: Ledger) -> None:
    """No history is no opinion: the rates are zero and the caller sees that nothing was observed."""
    timing = fit(ledger, AS_OF)
    assert timing.observed == 0
    assert timing.rates.sum() == 0.0


def test_draws_follow_the_distribution() -> None:
    """Of 1,000 draws the share on each day is its probability (stratified: to one draw), and the rest is later."""
    survival = np.array([[0.75, 0.75, 0.25], [1.0, 0.5, 0.5]])
    drawn = draw_days(survival, 1000, np.random.default_rng(3))
    assert np.abs(np.bincount(drawn[0], minlength=4) - [250, 0, 500, 250]).max() <= 1
    assert np.abs(np.bincount(drawn[1], minlength=4) - [0, 500, 0, 500]).max() <= 1


def test_a_habit_counts_what_is_still_open() -> None:
    """Nine of twenty paid after ten days, eleven still open after forty: half take longer than forty days, not ten."""
    invoiced = AS_OF - timedelta(days=40)
    documents = [
        Document(key, "S1", "US01", "USD", False, invoiced, invoiced, None, Decimal(100)) for key in range(1, 21)
    ]
    paid = [Settlement(key, invoiced + timedelta(days=10), Decimal(100)) for key in range(1, 10)]
    seen = [
        Document(99, "S2", "US01", "USD", False, AS_OF, AS_OF, None, Decimal(1)),
    ]
    open_half = Ledger.of([*documents, *seen], paid)
    assert usual_days(open_half)[0] == 40
    all_paid = [Settlement(key, invoiced + timedelta(days=10), Decimal(100)) for key in range(1, 21)]
    assert usual_days(Ledger.of([*documents, *seen], all_paid))[0] == 10
