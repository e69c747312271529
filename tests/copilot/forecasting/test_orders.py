from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from copilot.forecasting.book import Book
from copilot.forecasting.cash_paths import LAYERS, learn_model, simulate_cash
from copilot.forecasting.expected_bills import drawn_wait
from copilot.forecasting.orders import Orders, orders_of
from copilot.forecasting.recurring import recurring_series
from copilot.simulations.outflow import OutflowSettings, forecast_outflow
from copilot.simulations.outflow_outcomes import OutflowForecast

AS_OF = date(2026, 11, 21)
LINES = ("id", "supplier", "order_status", "line_status", "line_type", "created_date", "total", "total_reporting")


def by_hand(receipts: list[tuple[int, int, int]], bills: list[tuple[int, int, int, int]]) -> Orders:
    """Three lines of 100, 200 and 50 ordered on 1 November, and a cancelled one; (line, day of November, amount)."""
    day = date(2026, 11, 1)
    rows = [
        (1, "S1", "issued", "created", "OrderQuantityLine", day, Decimal(100), Decimal(100)),
        (2, "S2", "issued", "created", "OrderQuantityLine", day, Decimal(100), Decimal(200)),
        (3, "S3", "issued", "closed", "OrderAmountLine", day, Decimal(50), Decimal(50)),
        (4, "S4", "cancelled", "created", "OrderAmountLine", day, Decimal(50), Decimal(50)),
    ]
    came = {"order_line_id": [r[0] for r in receipts]}
    came |= {"transaction_date": [date(2026, 11, r[1]) for r in receipts], "total": [Decimal(r[2]) for r in receipts]}
    sent = {"id": [r[3] for r in bills], "order_line_id": [r[0] for r in bills]}
    sent |= {"received_date": [date(2026, 11, r[1]) for r in bills], "total": [Decimal(r[2]) for r in bills]}
    columns = dict(zip(LINES, zip(*rows, strict=True), strict=True))
    return orders_of(columns, came, sent, {row[3]: 1_000 + row[3] for row in bills})


@pytest.mark.parametrize(
    ("receipts", "bills", "received", "ordered"),
    [
        ([], [], [0, 0, 0], [100, 200, 0]),
        ([(1, 5, 60)], [], [60, 0, 0], [40, 200, 0]),
        ([(1, 5, 60)], [(1, 6, 60, 7)], [0, 0, 0], [40, 200, 0]),
        ([(1, 5, 100)], [(1, 6, 30, 7), (1, 9, 70, 8)], [0, 0, 0], [0, 200, 0]),
        ([], [(1, 6, 130, 7)], [0, 0, 0], [0, 200, 0]),
        ([(2, 5, 100), (2, 8, -40)], [(2, 6, 10, 7)], [0, 100, 0], [100, 80, 0]),
    ],
    ids=["ordered", "received", "billed", "billed twice", "billed above the order", "returned, other currency"],
)
def test_an_order_and_its_invoice_are_never_counted_twice(
    receipts: list[tuple[int, int, int]],
    bills: list[tuple[int, int, int, int]],
    received: list[float],
    ordered: list[float],
) -> None:
    """By hand: what is billed is neither received nor on order any more; closed and cancelled lines bind nothing."""
    orders = by_hand(receipts, bills)
    waiting, rest = orders.still_to_bill()
    assert (waiting.tolist(), rest.tolist()) == (received, ordered)


def test_orders_are_cut_back_to_a_day() -> None:
    """Before its bill came a line was on order, and before it was ordered it was nothing."""
    orders = by_hand([(1, 5, 60)], [(1, 9, 100, 7)])
    assert [float(part.sum()) for part in orders.known_on(date(2026, 11, 6)).still_to_bill()] == [60.0, 240.0]
    assert len(orders.known_on(date(2026, 10, 31))) == 0
    assert orders.ordered_day(np.array([5, 1_007])).tolist() == [0, date(2026, 11, 1).toordinal()]


def with_orders(book: Book, *, wait: int = 20, open_lines: int = 40) -> Book:
    """Every document with an even id was ordered `wait` days before it came; and lines still wait for their bill."""
    backed = np.flatnonzero(book.document_id % 2 == 0)
    today = AS_OF.toordinal()
    size = len(backed) + open_lines
    ordered = np.concatenate([book.received_day[backed] - wait, np.full(open_lines, today - wait // 2)])
    return replace(
        book,
        orders=Orders(
            line_id=np.arange(size),
            supplier=tuple(f"S{n % 15}" for n in range(size)),
            order_day=ordered,
            total=np.concatenate([book.gross[backed], np.full(open_lines, 1_000.0)]),
            live=np.ones(size, dtype=np.bool_),
            by_amount=np.ones(size, dtype=np.bool_),
            receipt_row=np.zeros(0, dtype=np.int64),
            receipt_day=np.zeros(0, dtype=np.int64),
            received=np.zeros(0),
            bill_row=np.arange(len(backed)),
            bill_day=book.received_day[backed],
            bill_document=book.document_id[backed],
            billed=book.gross[backed],
        ),
    )


def test_layers_by_name_add_up_and_orders_replace_what_they_stand_for(trade: Callable[..., Book]) -> None:
    """Six layers; what is on order leaves the residual; the same orders with a bill in process count no more."""
    book = trade()
    without = simulate_cash(learn_model(book, AS_OF), 56, 200, 1).layers
    known = simulate_cash(learn_model(with_orders(book), AS_OF), 56, 200, 1).layers
    assert tuple(known) == LAYERS
    assert without["ordered"].sum() == without["received not invoiced"].sum() == 0
    assert np.array_equal(without["approved"], known["approved"])
    assert known["residual"].sum() < without["residual"].sum()
    # Forty lines of 1,000 that come ten days from now and are due after thirty more; two runs a week.
    assert float(known["ordered"].sum(axis=1).mean()) == pytest.approx(40_000, rel=0.1)
    gone = simulate_cash(learn_model(with_orders(book, open_lines=0), AS_OF), 56, 200, 1).layers
    assert gone["ordered"].sum() == 0
    assert np.array_equal(gone["residual"], known["residual"])


def test_a_forecast_names_its_layers_and_says_what_of_orders_it_read(trade: Callable[..., Book]) -> None:
    """Amounts by layer add up to the total; the check on orders passes and is listed."""
    found = forecast_outflow(with_orders(trade()), AS_OF, settings=OutflowSettings(paths=200, groups=("supplier",)))
    assert isinstance(found, OutflowForecast)
    assert tuple(layer.name for layer in found.layers) == LAYERS
    assert sum(layer.cash.mean for layer in found.layers) == pytest.approx(found.total.mean, abs=Decimal("0.05"))
    assert sum(group.cash.mean for group in found.groups["supplier"]) == pytest.approx(
        found.total.mean, abs=Decimal("0.05")
    )
    assert {check.name for check in found.checks if check.passed} >= {"counted_once", "orders_counted_once"}
    orders = next(item.value for item in found.assumptions if item.name == "orders")
    assert "40 with more to come" in orders


def test_what_recurs_is_found_and_continued(trade: Callable[..., Book]) -> None:
    """A rent of 5,000 a month is a series; its next bills come in step; its copies leave the residual."""
    book = trade()
    last = AS_OF.toordinal() - 10
    days = np.array([last - 30 * step for step in reversed(range(12))])
    rows = np.searchsorted(book.received_day, days)
    code = np.full(len(book), 0)
    code[:] = book.supplier.code
    code[rows] = len(book.supplier.values)
    gross, recognised = book.gross.copy(), book.recognised_day.copy()
    received, invoiced = book.received_day.copy(), book.invoice_day.copy()
    gross[rows], recognised[rows], received[rows], invoiced[rows] = 5_000.0, days + 2, days, days
    rent = replace(
        book,
        supplier=replace(book.supplier, code=code, values=(*book.supplier.values, "Landlord")),
        buying_entity=replace(book.buying_entity, code=np.where(code == code[rows[0]], 0, book.buying_entity.code)),
        gross=gross,
        recognised_day=recognised,
        received_day=received,
        invoice_day=invoiced,
    )
    (series,) = recurring_series(rent, AS_OF.toordinal(), np.zeros(len(rent), dtype=np.int64))
    assert (series.step, series.amount, len(series.rows)) == (30, 5_000.0, 12)
    assert series.next_days(last, AS_OF.toordinal(), 91).tolist() == [20, 50, 80]
    layers = simulate_cash(learn_model(rent, AS_OF), 91, 200, 1).layers
    assert float(layers["recurring"].sum(axis=1).mean()) == pytest.approx(5_000 * 2, rel=0.25)


def test_a_wait_is_given_that_it_lasted_so_far() -> None:
    """Half end on day 10, half on day 20: what has waited 12 days ends in 8; what outlasts all never ends."""
    curve = np.concatenate([np.ones(10), np.full(10, 0.5), np.zeros(710)])
    chance = np.linspace(0.05, 0.95, 10)[None, :]
    assert sorted(drawn_wait(curve, np.array([0]), chance)[0].tolist()) == [10] * 5 + [20] * 5
    assert set(drawn_wait(curve, np.array([12]), chance)[0].tolist()) == {8}
    assert drawn_wait(curve, np.array([25]), chance).min() > 730
