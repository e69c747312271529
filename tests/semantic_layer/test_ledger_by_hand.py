"""Days of the balance sheet from small ledgers, worked out by hand; refused by name where no ledger was loaded."""

from __future__ import annotations

import sys
from calendar import monthrange
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.errors import IllegalGroupingError, MissingFeedError, NoDataError
from semantic_layer.viewer import Viewer

Publish = Callable[[Any], SemanticLayer]
LEDGER_METRICS = ("dpo_balance_ending", "dpo_balance_average", "dio", "dso", "ccc")
MONTHS = [(2025, m) for m in range(3, 13)] + [(2026, m) for m in range(1, 4)]
"""March 2025 to March 2026: the opening balance and the twelve months after it."""


def ledger(books: Any, chart: str, currency: str = "USD", **monthly: dict[tuple[int, int], str] | str) -> None:
    """Totals of one entity: a text is the same every month, a dict says each month's."""
    for kind, amounts in monthly.items():
        for year, month in MONTHS:
            amount = amounts if isinstance(amounts, str) else amounts.get((year, month))
            if amount is not None:
                books.add("feed_erp_totals", entity=chart, period_month=date(year, month, 1), account_class=kind,
                          currency=currency, amount=Decimal(amount))  # fmt: skip


def figure(layer: SemanticLayer, metric: str, day: str = "2026-03-31") -> Any:
    """The whole figure as of a day."""
    at = date.fromisoformat(day)
    return layer.query(MetricQuery(metrics=(metric,), period=Period(at, at))).total[metric]


def small() -> Any:
    """Books of one entity: costs of 300 and revenue of 600 a month, payables from 600 (March 2025) to 1,000."""
    books = sys.modules["hand_written_books"].Books()
    books.supplier(1, "Alpha")
    books.invoice(1, "10", dated="2025-03-01", due="2025-03-31")
    ledger(
        books, "US Chart", cogs="300", revenue="600", inventory="500", receivables="600",
        ap_control={(2025, 3): "600", (2026, 2): "990", (2026, 3): "1000"},
    )  # fmt: skip
    return books


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    """The layer over the small books."""
    return SemanticLayer.load(small().publish(tmp_path_factory.mktemp("ledger")))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    """The layer over books without a ledger."""
    books = sys.modules["hand_written_books"].Books()
    books.supplier(1, "Alpha")
    books.invoice(1, "10", dated="2026-03-01", due="2026-03-31")
    return SemanticLayer.load(books.publish(tmp_path_factory.mktemp("bare")))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("dpo_balance_ending", "101.388889"),  # 1,000 / 3,600 x 365
        ("dpo_balance_average", "81.111111"),  # (600 + 1,000) / 2 / 3,600 x 365
        ("dio", "50.694444"),  # 500 / 3,600 x 365
        ("dso", "30.416667"),  # 600 / 7,200 x 365
        ("ccc", "-20.277778"),  # 30.416667 + 50.694444 - 101.388889
    ],
)
def test_worked_by_hand(layer: SemanticLayer, metric: str, expected: str) -> None:
    """Costs of twelve months are 3,600 and revenue 7,200; the flows of the thirteenth month do not count."""
    assert figure(layer, metric) == Decimal(expected)


def test_within_a_month_the_last_closed_month_counts(layer: SemanticLayer) -> None:
    """On 30 March the ledger of February is the last: 990 / 3,600 x 365, but its twelve months are not all there."""
    assert figure(layer, "dpo_balance_ending", "2026-03-30") == Decimal("100.375000")
    assert figure(layer, "dpo_balance_average", "2026-03-30") is None, "nobody sent payables of February 2025"


@pytest.mark.parametrize("metric", LEDGER_METRICS)
def test_without_a_ledger_it_is_refused_by_name(bare: SemanticLayer, metric: str) -> None:
    """The refusal names the figure, the feed to load and what is nearest; every other figure works."""
    with pytest.raises(MissingFeedError, match="erp_totals") as refused:
        bare.query(MetricQuery(metrics=(metric,)))
    assert bare.model.metrics[metric].label in str(refused.value)
    assert refused.value.reason == "NEEDS_EXTERNAL_DATA"
    assert bare.model.metrics[refused.value.choices[0]].label in str(refused.value)
    assert bare.query(MetricQuery(metrics=(refused.value.choices[0],))).total


def test_with_half_of_its_totals_it_is_refused_too(books: Any, publish: Publish) -> None:
    """Inventory without costs is no DIO."""
    books.invoice(1, "10", dated="2026-03-01")
    ledger(books, "US Chart", inventory="500")
    with pytest.raises(MissingFeedError, match="DIO"):
        figure(publish(books), "dio")


def test_a_ledger_that_ends_early_says_until_when(publish: Publish) -> None:
    """On 30 April the totals of March are the last there are: asked for April's, the answer names March."""
    one = small()
    one.as_of = one.as_of.replace(month=5)
    one.invoice(2, "10", dated="2026-04-20")
    with pytest.raises(NoDataError, match=r"2026-04.*ends with 2026-03") as refused:
        figure(publish(one), "dso", "2026-04-30")
    assert refused.value.choices == ("as of 2026-03-31",)


def test_a_missing_month_is_missing_and_never_zero(books: Any, publish: Publish) -> None:
    """One entity lacks the costs of one month: it is left out of both sides, counted, and the other one stands."""
    books.invoice(1, "10", dated="2025-03-01")
    books.invoice(2, "10", dated="2025-03-01", account_type_name="DE Chart", legal_entity_name="Acme DE")
    ledger(books, "US Chart", cogs="300", ap_control="1000")
    gap = {month: "300" for month in MONTHS if month != (2025, 8)}
    ledger(books, "DE Chart", cogs=gap, ap_control="9000")
    result = publish(books).query(MetricQuery(metrics=("dpo_balance_ending",), group_by=("buying_entity",)))
    assert result.records() == [{"buying_entity": "Acme US", "dpo_balance_ending": Decimal("101.388889"),
                                 "ledger_cogs": Decimal("3600.00")}]  # fmt: skip
    assert result.total["dpo_balance_ending"] == Decimal("101.388889")
    assert any(c.startswith("1 ledgers without payables or costs") for c in result.caveats)


def test_flows_at_the_mean_rate_and_balances_at_the_closing_rate(books: Any, publish: Publish) -> None:
    """Rates of 1.00 and 1.20 in each month mean 1.10: 12 x 100 x 1.10 = 1,320; payables 220 x 1.20 = 264; 264 / 1,320 x 365."""
    books.invoice(1, "10", dated="2025-03-01")
    for year, month in MONTHS:
        books.rate("EUR", f"{year}-{month:02}-01", "1.00")
        books.rate("EUR", f"{year}-{month:02}-{monthrange(year, month)[1]}", "1.20")
    ledger(books, "US Chart", "EUR", cogs="100", ap_control="220")
    assert figure(publish(books), "dpo_balance_ending") == Decimal("73.000000")


def test_a_total_that_cannot_be_converted_leaves_its_entity_out(books: Any, publish: Publish) -> None:
    """Payables of 1,000 dollars and 5 yen without a rate are not 1,000 dollars."""
    books.invoice(1, "10", dated="2025-03-01")
    ledger(books, "US Chart", cogs="300", ap_control="1000")
    ledger(books, "US Chart", "JPY", ap_control="5")
    assert figure(publish(books), "dpo_balance_ending") is None


def test_by_month_each_month_has_its_own_ledger(layer: SemanticLayer) -> None:
    """February 990, March 1,000, over 3,600 x 365; months whose twelve months are not there have no figure."""
    months = Period(date(2026, 1, 1), date(2026, 3, 31))
    result = layer.query(MetricQuery(metrics=("dpo_balance_ending",), group_by=("month",), period=months))
    assert result.column("dpo_balance_ending") == (None, Decimal("100.375000"), Decimal("101.388889"))


def test_what_a_ledger_does_not_know_is_refused_with_what_it_does(layer: SemanticLayer) -> None:
    """A ledger has no suppliers; it has entities."""
    with pytest.raises(IllegalGroupingError) as refused:
        layer.query(MetricQuery(metrics=("dso",), group_by=("supplier",)))
    assert "buying_entity" in refused.value.choices


def test_a_row_policy_holds_here_too(books: Any, publish: Publish) -> None:
    """Somebody of one entity sees its ledger alone, as a filter would show it."""
    books.invoice(1, "10", dated="2025-03-01")
    books.invoice(2, "10", dated="2025-03-01", account_type_name="DE Chart", legal_entity_name="Acme DE")
    ledger(books, "US Chart", cogs="300", ap_control="1000")
    ledger(books, "DE Chart", cogs="300", ap_control="9000")
    layer = publish(books)
    query = MetricQuery(metrics=("dpo_balance_ending",))
    german = layer.seen_by(Viewer.of_entities("german team", ["Acme DE"])).query(query).total
    asked = query.model_copy(update={"filters": (Filter(field="buying_entity", values=("Acme DE",)),)})
    assert german == layer.query(asked).total == {"dpo_balance_ending": Decimal("912.500000")}


def test_each_ledger_stands_behind_the_figure(layer: SemanticLayer) -> None:
    """Drilling into the figure names the entity and the month whose totals make it, and they add up."""
    drill = layer.drill(MetricQuery(metrics=("dso",), period=Period(date(2026, 3, 31), date(2026, 3, 31))))
    assert [row[0] for row in drill.rows] == ["ledger of Acme US, 2026-03-31"]
    assert all(check.passed for check in drill.checks)
