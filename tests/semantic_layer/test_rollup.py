"""Balances of large mirrors from sums by month: the same cents, and only where those suffice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.compiler import compile_query
from semantic_layer.rollup import ENDING
from semantic_layer.viewer import Viewer

MONTHS = Period(date(2025, 9, 1), date(2026, 10, 31))
TODAY = Period(date(2026, 11, 21), date(2026, 11, 21))
MID_MONTH = Period(date(2026, 3, 15), date(2026, 3, 15))
EMEA = Filter(field="region", values=("EMEA",))
BOUNDED = Filter(field="invoice_amount", op=">", values=("1000",))
APPROVED = Filter(field="status", values=("approved",))


@pytest.fixture(scope="module")
def both(mirror_folder: Path) -> tuple[SemanticLayer, SemanticLayer]:
    """The layer over the tiny company, with sums by month and without."""
    rolled, plain = SemanticLayer.load(mirror_folder), SemanticLayer.load(mirror_folder)
    rolled.rollups_from = 0
    return rolled, plain


def reads_rollup(layer: SemanticLayer, query: MetricQuery) -> bool:
    """Whether the statement that ran reads sums by month."""
    return f"payable_event{ENDING}" in layer.query(query).sql[0]


@pytest.mark.parametrize("metric", ["open_ap", "dpo_purchases"])
@pytest.mark.parametrize("group_by", [(), ("region",), ("category", "buying_entity"), ("currency",)])
@pytest.mark.parametrize("filters", [(), (EMEA,)], ids=["all", "EMEA"])
def test_a_balance_from_sums_by_month_is_the_same_to_the_cent(
    both: tuple[SemanticLayer, SemanticLayer], metric: str, group_by: tuple[str, ...], filters: tuple[Filter, ...]
) -> None:
    """At each end of a month and today, by and under everything that the sums keep apart."""
    for keys, period in ((group_by, TODAY), ((*group_by, "month"), MONTHS)):
        query = MetricQuery(metrics=(metric,), group_by=keys, period=period, filters=filters)
        rolled, plain = (layer.query(query) for layer in both)
        assert (rolled.rows, rolled.total, rolled.caveats) == (plain.rows, plain.total, plain.caveats)
        assert all(check.passed for check in rolled.checks)
        assert reads_rollup(both[0], query)
        assert not reads_rollup(both[1], query)


@pytest.mark.parametrize(
    "query",
    [
        MetricQuery(metrics=("open_ap",), period=MID_MONTH),
        MetricQuery(metrics=("open_ap",), group_by=("week",), period=MONTHS),
        MetricQuery(metrics=("open_ap",), group_by=("payment_term",), period=TODAY),
        MetricQuery(metrics=("open_ap",), group_by=("supplier",), period=TODAY),
        MetricQuery(metrics=("open_ap",), group_by=("ageing_bucket",), period=TODAY),
        MetricQuery(metrics=("open_ap",), filters=(APPROVED,), period=TODAY),
        MetricQuery(metrics=("open_ap",), filters=(BOUNDED,), period=TODAY),
        MetricQuery(metrics=("past_due_ap",), period=TODAY),
    ],
    ids=["mid month", "weeks", "payment term", "supplier", "ageing", "status", "amount of an invoice", "past due"],
)
def test_what_sums_by_month_lack_is_read_from_the_events(
    both: tuple[SemanticLayer, SemanticLayer], query: MetricQuery
) -> None:
    """A date inside an old month, and any grouping, filter or figure that needs more of an event."""
    assert not reads_rollup(both[0], query)
    assert both[0].query(query).rows == both[1].query(query).rows


def test_what_was_known_at_a_moment_is_read_from_the_events(both: tuple[SemanticLayer, SemanticLayer]) -> None:
    """The sums are of what is known now."""
    known = datetime(2026, 11, 22, 12, tzinfo=UTC)
    resolved = both[0]._resolve(MetricQuery(metrics=("open_ap",), period=TODAY), both[0].mirror.snapshot())
    asked = resolved.query.model_copy(update={"known_at": known})
    statement = compile_query(replace(resolved, query=asked), both[0].model, rollups=True)
    assert not any(ENDING in text for _, text in statement.ctes)


def test_who_may_see_a_part_sees_that_part_of_the_sums(both: tuple[SemanticLayer, SemanticLayer]) -> None:
    """A policy of rows is a condition on the sums like any other."""
    viewer = Viewer(name="emea", rows=(EMEA,))
    query = MetricQuery(metrics=("open_ap",), group_by=("buying_entity",), period=TODAY)
    limited, plain = (layer.seen_by(viewer).query(query) for layer in both)
    assert limited.rows == plain.rows
    assert limited.total != both[0].query(query).total
    assert ENDING in limited.sql[0]


def test_the_records_behind_a_cell_are_the_events_of_that_cell(both: tuple[SemanticLayer, SemanticLayer]) -> None:
    """Sums by month have no records: a drill-down reads the events, and adds up to the figure from the sums."""
    query = MetricQuery(metrics=("open_ap",), group_by=("region",), period=TODAY)
    region, amount = both[0].query(query).rows[0][:2]
    drill = both[0].drill(query, {"region": str(region)})
    assert ENDING not in drill.sql[0]
    assert isinstance(drill.totals["open_ap"], Decimal)
    assert drill.totals["open_ap"].quantize(Decimal("0.01"), ROUND_HALF_UP) == amount
