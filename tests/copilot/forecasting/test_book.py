from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from copilot.forecasting.book import Book, book_of
from copilot.forecasting.book_reading import DOCUMENT_COLUMNS, read_book
from copilot.forecasting.business_days import closed_days, closed_matrix
from copilot.forecasting.cash_paths import learn_model
from copilot.forecasting.payment_timing import run_factors
from semantic_layer import Filter, MetricQuery, Period, SemanticLayer

AS_OF = date(2026, 11, 21)
ROW: dict[str, Any] = {
    "invoice_id": 1, "invoice_number": "A-1", "supplier": "S", "category": "C", "supplier_country": "US",
    "buying_entity": "E", "entity_country_code": "US", "currency": "USD", "status": "approved",
    "population": "recognised", "is_credit_note": False, "invoice_date": date(2026, 9, 1),
    "received_date": date(2026, 9, 2), "recognised_date": date(2026, 9, 10), "due_date": date(2026, 10, 1),
    "discount_end_date": None, "discount_rate": None, "gross_reporting": Decimal(100),
    "open_reporting": Decimal(0), "last_payment_date": date(2026, 10, 6),
}  # fmt: skip


def one(*payments: tuple[int, date, str], **change: object) -> Book:
    """A book of one document and its payments."""
    row = ROW | change
    columns = list(zip(*payments, strict=True)) or [(), (), ()]
    amounts = [Decimal(value) for value in columns[2]]
    paid = {"invoice_id": columns[0], "payment_date": columns[1], "amount_reporting": amounts}
    return book_of({name: [row[name]] for name in DOCUMENT_COLUMNS}, paid)


def test_a_discount_settles_without_cash() -> None:
    """98 paid on an invoice of 100 that is settled: the two are a discount on the day of the payment, and no cash."""
    book = one((1, date(2026, 10, 6), "98.00"))
    assert book.open_amount.tolist() == [0.0]
    assert book.discount_taken.tolist() == [2.0]
    assert book.cash_by_day(date(2026, 10, 6).toordinal(), date(2026, 10, 6).toordinal()).tolist() == [98.0]


def test_the_clock_of_knowledge() -> None:
    """Before receipt nothing is known; then it is in process without a recognition; then owed; then paid in part."""
    book = one((1, date(2026, 10, 6), "60.00"), open_reporting=Decimal(40))
    assert len(book.known_on(date(2026, 9, 1))) == 0
    waiting = book.known_on(date(2026, 9, 9))
    assert (waiting.recognised_day.tolist(), waiting.status.values[waiting.status.code[0]]) == ([0], "in process")
    assert book.known_on(date(2026, 9, 10)).open_amount.tolist() == [100.0]
    assert book.known_on(date(2026, 10, 6)).open_amount.tolist() == [40.0]


def test_withdrawn_and_incomplete_documents_stay_out() -> None:
    """A rejected one counts in the share of withdrawals only; one without a rate is counted as left out."""
    assert len(one(population="dead")) == 0
    assert one(population="dead").withdrawn_share == 1.0
    assert one(gross_reporting=None).skipped == {"no exchange rate or invoice date": 1}
    assert one(recognised_date=None).skipped == {"no recognition date": 1}


def test_holidays_of_a_country_and_of_none() -> None:
    """Thanksgiving is one in the United States; an unknown country has none."""
    thanksgiving = date(2026, 11, 26).toordinal()
    assert thanksgiving in closed_days("US", 2026, 2026)
    assert closed_days("XX", 2026, 2026) == frozenset()
    matrix = closed_matrix(("US", "", "DE"), thanksgiving, thanksgiving)
    assert matrix[:, 0].tolist() == [True, False, False]


def test_a_run_on_a_holiday_moves_to_the_next_open_day() -> None:
    """Thursday's factor falls on Friday when Thursday is Thanksgiving; the week keeps its sum."""
    thursday = np.array([[0.0, 0, 0, 7, 0, 0, 0]])
    first = date(2026, 11, 23).toordinal()
    assert run_factors(thursday, ("US",), first, first + 6).tolist() == [[0, 0, 0, 0, 7, 0, 0]]
    assert run_factors(thursday, ("DE",), first, first + 6).tolist() == [[0, 0, 0, 7, 0, 0, 0]]


def test_runs_are_learned(trade: Callable[..., Book]) -> None:
    """A company that pays on Tuesdays and Thursdays is seen to."""
    model = learn_model(trade(), AS_OF)
    assert np.flatnonzero(model.timing.run_days().all(axis=0)).tolist() == [1, 3]
    assert model.book.countries == ("US", "US")


def test_the_book_ties_to_the_metric(layer: SemanticLayer) -> None:
    """What is open, document by document, is open payables to the cent, where no exchange rate comes between."""
    dollars = (Filter(field="currency", values=("USD",)),)
    book = read_book(layer, dollars)
    day = layer.data_date
    owed = layer.query(MetricQuery(metrics=("open_ap",), filters=dollars, period=Period(day, day))).total["open_ap"]
    assert float(book.open_amount[book.recognised_rows].sum()) == pytest.approx(float(str(owed)), abs=0.05)
