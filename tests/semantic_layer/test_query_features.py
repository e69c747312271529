"""What a question can ask for beyond a table: windows, top of each group, hidden figures, targets, calendars, the second clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import (
    Filter,
    FiscalCalendar,
    Having,
    MetricQuery,
    NoDataError,
    Order,
    Period,
    QueryError,
    SemanticLayer,
    Target,
    TopPer,
    Window,
)

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))
Publish = Callable[[Any], SemanticLayer]


@pytest.fixture
def layer(books: Any, publish: Publish) -> SemanticLayer:
    """Three months of Alpha (10, 20, 40) and of Beta (1, 2, 4, in Germany); Gamma 8 in March, in Germany."""
    books.supplier(2, "Beta")
    books.supplier(3, "Gamma")
    for month, amount in ((1, 10), (2, 20), (3, 40)):
        books.invoice(month, str(amount), dated=f"2026-0{month}-10")
        books.invoice(10 + month, str(amount // 10), dated=f"2026-0{month}-10", supplier=2, entity_country_code="DE")
    books.invoice(20, "8", dated="2026-03-10", supplier=3, entity_country_code="DE")
    return publish(books)


def test_a_rolling_window_ends_with_each_month(layer: SemanticLayer) -> None:
    """Rolling two months: 11, 33 and 74; January sees nothing before it, and the total is the last window."""
    query = MetricQuery(metrics=("spend",), group_by=("month",), period=Q1, window=Window(size=2, grain="month"))
    result = layer.query(query)

    assert result.column("spend") == (Decimal("11.00"), Decimal("33.00"), Decimal("74.00"))
    assert result.total["spend"] == Decimal("74.00")
    assert all(check.passed for check in result.checks)


def test_a_window_looks_back_before_the_period(layer: SemanticLayer) -> None:
    """March alone, rolling two months, still adds February."""
    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    rolling = Window(size=2, grain="month")
    assert (
        layer.query(MetricQuery(metrics=("spend",), group_by=("month",), period=march, window=rolling)).total["spend"]
        == 74
    )
    assert layer.query(MetricQuery(metrics=("spend",), period=march, window=rolling)).total["spend"] == 74


def test_year_to_date(layer: SemanticLayer) -> None:
    """11, then 33, then 85: each month shows the year up to its end; ratios take both parts so far."""
    query = MetricQuery(
        metrics=("spend", "invoice_count"), group_by=("month",), period=Q1, window=Window(kind="to_date", grain="year")
    )
    result = layer.query(query)

    assert result.column("spend") == (Decimal("11.00"), Decimal("33.00"), Decimal("85.00"))
    assert result.column("invoice_count") == (2, 4, 7)


def test_the_top_of_each_group(layer: SemanticLayer) -> None:
    """The largest supplier of each region: Gamma's 8 beats Beta's 7 in EMEA."""
    query = MetricQuery(
        metrics=("spend",), group_by=("region", "supplier"), period=Q1, top_per=TopPer(n=1, within=("region",))
    )
    result = layer.query(query)

    assert [tuple(row) for row in result.rows] == [
        ("EMEA", "Gamma", Decimal("8.00")),
        ("North America", "Alpha", Decimal("70.00")),
    ]
    assert result.total["spend"] == Decimal("85.00")


def test_share_within_a_group(layer: SemanticLayer) -> None:
    """Beta has 7 of the 15 of EMEA, not 7 of 85."""
    query = MetricQuery(
        metrics=("spend",), group_by=("region", "supplier"), period=Q1, share=True, share_within=("region",)
    )
    rows = {row["supplier"]: row["spend__share"] for row in layer.query(query).records()}

    assert rows["Beta"] == pytest.approx(Decimal(7) / 15, abs=Decimal("0.000001"))
    assert rows["Alpha"] == 1


def test_conditions_on_a_figure_that_is_not_shown(layer: SemanticLayer) -> None:
    """Open payables of suppliers with more than two invoices, ordered by their count; the count itself stays away."""
    query = MetricQuery(
        metrics=("open_ap",),
        group_by=("supplier",),
        period=Q1,
        having=(Having(metric="invoice_count", op=">", value=Decimal(2)),),
        order=(Order(field="spend"),),
    )
    result = layer.query(query)

    assert [column.name for column in result.columns] == ["supplier", "open_ap"]
    assert result.column("supplier") == ("Alpha", "Beta")


def test_targets_stand_beside_the_figure(layer: SemanticLayer) -> None:
    """A target of 50: Alpha is 20 over, Beta 43 under, the whole 35 over."""
    query = MetricQuery(
        metrics=("spend",), group_by=("supplier",), period=Q1, targets=(Target(metric="spend", value=Decimal(50)),)
    )
    result = layer.query(query)

    gaps = {row["supplier"]: row["spend__gap"] for row in result.records()}
    assert gaps == {"Alpha": Decimal("20.00"), "Beta": Decimal("-43.00"), "Gamma": Decimal("-42.00")}
    assert result.total["spend__gap"] == Decimal("35.00")
    with pytest.raises(QueryError, match="open_ap"):
        layer.query(MetricQuery(metrics=("spend",), targets=(Target(metric="open_ap", value=Decimal(1)),)))


def test_buckets_cut_short_are_named(layer: SemanticLayer) -> None:
    """From 15 January to 31 March: January is not whole."""
    period = Period(date(2026, 1, 15), date(2026, 3, 31))
    assert layer.query(MetricQuery(metrics=("spend",), group_by=("month",), period=period)).partial == ("2026-01",)


def test_a_calendar_of_whole_weeks(books: Any, publish: Publish) -> None:
    """4-4-5: fiscal 2026 begins on 4 January, its third period ends on 4 April; 3 January is still of 2025."""
    books.invoice(1, "1", dated="2026-01-03")
    books.invoice(2, "10", dated="2026-01-04")
    books.invoice(3, "100", dated="2026-03-29")
    plain = publish(books)
    layer = SemanticLayer(plain.model, plain.mirror, fiscal_year_start=FiscalCalendar())

    by_month = layer.query(MetricQuery(metrics=("spend",), group_by=("month",), period=Q1))
    assert [tuple(row) for row in by_month.rows] == [
        ("2025-P12", Decimal("1.00")),
        ("2026-P01", Decimal("10.00")),
        ("2026-P02", Decimal("0.00")),
        ("2026-P03", Decimal("100.00")),
    ]
    by_year = layer.query(MetricQuery(metrics=("spend",), group_by=("year",), period=Q1))
    assert dict(by_year.rows) == {"2025": Decimal("1.00"), "2026": Decimal("110.00")}


def test_a_fiscal_year_of_53_weeks() -> None:
    """Years end on the Saturday nearest to 31 December: 2025 has 53 weeks, and the last one is in its twelfth period."""
    calendar = FiscalCalendar()
    edges = calendar.edges(2025)

    assert (edges[-1] - edges[0]).days == 53 * 7
    assert (edges[12] - edges[11]).days == 6 * 7
    assert (calendar.edges(2026)[-1] - calendar.edges(2026)[0]).days == 52 * 7


def _with_history(books: Any) -> None:
    """Known since 1 March: an invoice of 100, corrected to 90 on 20 March, and one of 7 that came on 25 March."""
    early, corrected, later = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 20, 25))
    books.as_of = datetime(2026, 4, 1, tzinfo=UTC)
    books.invoice(1, "90", dated="2026-02-10", known_from=corrected)
    books.invoice(2, "7", dated="2026-02-10", known_from=later)
    old = {**books.rows["invoices"][0], "total_with_taxes": Decimal(100), "known_from": early, "known_to": corrected}
    books.add("invoices_past", **old)
    books.known_since = early


def test_an_old_answer_is_not_rewritten_by_a_correction(books: Any, publish: Publish) -> None:
    """Spend as known on 10 March is 100, on 22 March 90, now 97: the event clock stays, only the knowledge moves."""
    _with_history(books)
    layer = publish(books)

    def known(day: int) -> Any:
        moment = datetime(2026, 3, day, tzinfo=UTC)
        return layer.query(
            MetricQuery(metrics=("spend",), period=Period(date(2026, 2, 1), date(2026, 2, 28)), known_at=moment)
        ).total["spend"]

    assert known(10) == Decimal("100.00")
    assert known(20) == Decimal("90.00")
    assert known(26) == Decimal("97.00")
    assert layer.query(MetricQuery(metrics=("spend",), period=Q1)).total["spend"] == Decimal("97.00")


def test_before_the_mirror_knew_anything_it_says_so(books: Any, publish: Publish) -> None:
    """A knowledge date before the first sync has no snapshot; neither has a mirror without history."""
    _with_history(books)
    layer = publish(books)
    with pytest.raises(NoDataError, match="2026-03-01") as caught:
        layer.query(MetricQuery(metrics=("spend",), known_at=datetime(2026, 2, 20, tzinfo=UTC)))
    assert caught.value.reason == "NO_SNAPSHOT"


def test_a_cell_leads_to_its_records(layer: SemanticLayer) -> None:
    """Beta's February is one invoice of 2; the records add up and say so."""
    query = MetricQuery(metrics=("spend",), group_by=("month", "supplier"), period=Q1)
    drill = layer.drill(query, {"month": "2026-02", "supplier": "Beta"})

    assert [(row[0], Decimal(str(row[1]))) for row in drill.rows] == [("invoice 12", Decimal(2))]
    assert all(check.passed for check in drill.checks)


def test_both_parts_of_a_ratio_can_be_followed(layer: SemanticLayer) -> None:
    """DPO of EMEA: its three open invoices and its purchases, each re-added."""
    query = MetricQuery(
        metrics=("dpo_purchases",), group_by=("region",), period=Q1, filters=(Filter(field="region", values=("EMEA",)),)
    )
    drill = layer.drill(query, {"region": "EMEA"})

    assert drill.columns == ("record", "open_ap", "purchases_90d")
    assert len(drill.rows) == 4
    assert [check.name for check in drill.checks] == ["re_adds:open_ap", "re_adds:purchases_90d"]
    assert all(check.passed for check in drill.checks)


def test_a_period_that_the_mirror_does_not_reach_is_said(layer: SemanticLayer) -> None:
    """The year before begins long before the first invoice; as a baseline it says so, too."""
    late = Period(date(2025, 7, 1), date(2026, 3, 31))
    found = layer.query(MetricQuery(metrics=("spend",), period=late))
    assert found.caveats == (
        "The mirror's first invoice is of 2026-01-10: 2025-07-01 to 2026-03-31 holds nothing before it.",
    )
    compared = layer.query(
        MetricQuery(metrics=("spend",), period=Period(date(2026, 3, 1), date(2026, 3, 31)), compare=late)
    )
    assert found.caveats[0] in compared.caveats
    assert layer.query(MetricQuery(metrics=("spend",), period=Q1)).caveats == ()


def test_groups_beyond_a_limit_are_not_called_gone(layer: SemanticLayer) -> None:
    """Gamma comes in March only; Alpha and Beta of February are listed, or cut by the limit, but never gone."""
    months = {
        "period": Period(date(2026, 3, 1), date(2026, 3, 31)),
        "compare": Period(date(2026, 2, 1), date(2026, 2, 28)),
    }
    top = layer.query(
        MetricQuery(metrics=("spend",), group_by=("supplier",), limit=1, order=(Order(field="spend"),), **months)
    )
    assert [row[0] for row in top.rows] == ["Alpha"]
    assert not [c for c in top.caveats if "no figure now" in c]
    german = {"filters": (Filter(field="invoice_amount", op=">", values=("5",)),), "group_by": ("supplier",)}
    turned = {"period": months["compare"], "compare": months["period"]}
    gone = layer.query(MetricQuery(metrics=("spend",), **german, **turned))
    assert [c for c in gone.caveats if c.startswith("1 groups")]
