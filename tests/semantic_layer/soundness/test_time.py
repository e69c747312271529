"""Month ends are month ends; windows are not cut by the period asked for; partial periods are said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_layer import MetricQuery, NoDataError, Period, SemanticLayer
from semantic_layer.periods import GRAINS, Grain, bucket, buckets, month_end, shift

days = st.dates(min_value=date(2001, 1, 1), max_value=date(2099, 12, 31))
grains = st.sampled_from(GRAINS)
fiscal = st.integers(min_value=1, max_value=12)


@given(days, grains, fiscal)
def test_buckets_tile_the_calendar(day: date, grain: Grain, start: int) -> None:
    """Each bucket holds its day, ends the day before the next begins, and has its own label."""
    here, following = bucket(day, grain, start), shift(bucket(day, grain, start), grain, 1, start)

    assert here.start <= day <= here.end
    assert following.start == here.end + timedelta(days=1)
    assert shift(following, grain, -1, start) == here
    assert here.label != following.label


@given(days, st.integers(min_value=0, max_value=800), grains, fiscal)
def test_buckets_of_a_period_add_up_to_it(day: date, length: int, grain: Grain, start: int) -> None:
    """Cut to the period, without gap or overlap."""
    period = Period(day, day + timedelta(days=length))
    found = buckets(period, grain, start)

    assert found[0].start == period.start
    assert found[-1].end == period.end
    assert sum(b.days for b in found) == period.days
    assert len({b.label for b in found}) == len(found)


def test_month_ends_do_not_drift() -> None:
    """From 31 January: 28 February, then 31 March again."""
    ends = [b.end for b in buckets(Period(date(2026, 1, 31), date(2026, 4, 30)), "month")]

    assert ends == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert month_end(date(2024, 2, 1)) == date(2024, 2, 29)


def test_a_trailing_window_reaches_back_before_the_period(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """DPO of March looks at purchases since 1 January, although only March was asked for."""
    books.invoice(1, "900", dated="2026-01-15", paid=[("2026-01-20", "900")])
    books.invoice(2, "100", dated="2026-03-15")
    layer = publish(books)

    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    alone = layer.query(MetricQuery(metrics=("dpo_purchases",), period=march))
    trend = layer.query(MetricQuery(metrics=("dpo_purchases",), group_by=("month",), period=march))
    assert alone.total["dpo_purchases"] == Decimal(9)
    assert trend.column("dpo_purchases") == (Decimal(9),)


def test_a_partial_month_is_said(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Asked up to 30 April with data up to 31 March: cut and said; asked to 15 March by month: not complete."""
    books.invoice(1, "100", dated="2026-03-15")
    layer = publish(books)

    cut = layer.query(MetricQuery(metrics=("spend",), period=Period(date(2026, 3, 1), date(2026, 4, 30))))
    part = layer.query(
        MetricQuery(metrics=("spend",), group_by=("month",), period=Period(date(2026, 3, 1), date(2026, 3, 20)))
    )
    assert cut.period.end == date(2026, 3, 31)
    assert ("period", "cut at 2026-03-31, the last complete day in the mirror", "freshness") in cut.assumptions
    assert part.caveats == ("The last month is not complete: it ends at 2026-03-20.",)


@pytest.mark.parametrize(
    "period", [Period(date(2026, 4, 1), date(2026, 4, 30)), Period(date(2025, 1, 1), date(2025, 1, 31))]
)
def test_outside_the_data_there_is_no_figure(
    books: Any, publish: Callable[[Any], SemanticLayer], period: Period
) -> None:
    """Before the first invoice and after the last complete day the answer is a refusal, not a zero."""
    books.invoice(1, "100", dated="2026-03-15")
    with pytest.raises(NoDataError) as caught:
        publish(books).query(MetricQuery(metrics=("open_ap",), period=period))
    assert caught.value.reason == "NO_SNAPSHOT"


def test_halves_of_a_period_add_up_for_flows(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Spend of January and of February and March is spend of the quarter."""
    for number, dated in enumerate(["2026-01-31", "2026-02-01", "2026-02-28", "2026-03-31"]):
        books.invoice(number, str(10**number), dated=dated)
    layer = publish(books)

    def spend(start: date, end: date) -> Any:
        return layer.query(MetricQuery(metrics=("spend",), period=Period(start, end))).total["spend"]

    parts = spend(date(2026, 1, 1), date(2026, 1, 31)) + spend(date(2026, 2, 1), date(2026, 3, 31))
    assert parts == spend(date(2026, 1, 1), date(2026, 3, 31)) == Decimal("1111.00")
