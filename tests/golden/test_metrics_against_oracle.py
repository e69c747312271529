"""Every figure of the semantic layer against the oracle, which read the same company by another road.

In total, by every dimension, by month and quarter, on past days, and under filters; metrics alone and stitched together.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import pytest
from golden.comparison import (
    BUT_AGEING,
    METRICS,
    ageing_by,
    ageing_over,
    asked,
    by_dimension,
    by_dimension_and_time,
    by_time,
    compare,
    disagreements,
)
from oracle.books import Books, Document
from oracle.catalogue import FIGURES, ORDER_FIGURES
from oracle.ledger import LEDGER_FIGURES
from oracle.periods import Span, last_days, months, quarters

from semantic_layer import Filter, SemanticLayer

DATA_DATE = date(2026, 11, 21)
LAST_YEAR = last_days(365, DATA_DATE)
A_PAST_YEAR = Span(date(2025, 7, 1), date(2026, 6, 30))
TWELVE_MONTHS = Span(date(2025, 12, 1), DATA_DATE)
FOUR_QUARTERS = Span(date(2026, 1, 1), DATA_DATE)
ALL_MONTHS = Span(date(2024, 9, 1), DATA_DATE)

AGED = ("open_ap", "past_due_ap", "ap_ageing", "open_invoice_count", "past_due_count")
DIMENSIONS = ("supplier", "parent", "category", "buying_entity", "region", "currency", "payment_term", "status")
ORDER_DIMENSIONS = ("supplier", "parent", "category", "supplier_country", "currency", "payment_term")
MORE_DIMENSIONS = ("entity_country", "supplier_country", "document_type", "channel", "has_discount")

LONG_PAST = ("supplier", "category", "region", "payment_term", *MORE_DIMENSIONS)
"""A past day moves the clock of a figure, whatever it is grouped by: the hard company is asked for the other dimensions."""


def test_both_sides_end_on_the_same_day(layer: SemanticLayer, books: Books) -> None:
    """The clock says 22 November, so the last complete day is the 21st."""
    assert layer.data_date == books.data_date == DATA_DATE


@pytest.mark.parametrize("dimension", ["region"])
@pytest.mark.parametrize("metric", BUT_AGEING)
def test_a_metric_alone(layer: SemanticLayer, books: Books, metric: str, dimension: str) -> None:
    """The 365 days to the data's end, balances on its last day."""
    compare(asked(layer, (metric,), LAST_YEAR, (dimension,)), by_dimension(books, dimension, LAST_YEAR))


@pytest.mark.parametrize("dimension", DIMENSIONS + MORE_DIMENSIONS)
def test_all_metrics_in_one_table(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """All metrics stitched into one table, on the data's last day."""
    compare(asked(layer, BUT_AGEING, LAST_YEAR, (dimension,)), by_dimension(books, dimension, LAST_YEAR))


@pytest.mark.parametrize("dimension", LONG_PAST)
def test_all_metrics_on_a_day_long_past(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """The same on 30 June."""
    span = A_PAST_YEAR
    compare(asked(layer, BUT_AGEING, span, (dimension,)), by_dimension(books, dimension, span))


@pytest.mark.parametrize("span", [LAST_YEAR, A_PAST_YEAR], ids=["last year", "a past year"])
@pytest.mark.parametrize("dimension", ORDER_DIMENSIONS)
def test_figures_of_orders(layer: SemanticLayer, books: Books, dimension: str, span: Span) -> None:
    """Orders, receipts and commitments by what an order knows."""
    compare(asked(layer, ORDER_FIGURES, span, (dimension,)), by_dimension(books, dimension, span))


def test_figures_of_orders_by_month(layer: SemanticLayer, books: Books) -> None:
    """The balances of orders at each month end."""
    buckets = months(TWELVE_MONTHS)
    compare(asked(layer, ORDER_FIGURES, TWELVE_MONTHS, ("month",)), by_time(books, buckets, TWELVE_MONTHS))


@pytest.mark.parametrize("dimension", ["supplier", "buying_entity", "currency"])
def test_payments_that_fall_due(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """Open now and due in the next two months, or long ago."""
    for span in (Span(date(2026, 11, 22), date(2027, 1, 31)), LAST_YEAR):
        ours = asked(layer, ("payments_due", "discount_expiring"), span, (dimension,))
        compare(ours, by_dimension(books, dimension, span))


@pytest.mark.parametrize("dimension", ["account", "line_category"])
def test_spend_by_line(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """Lines by their own account and category."""
    ours = asked(layer, ("line_spend",), LAST_YEAR, (dimension,))["line_spend"]
    label = "account" if dimension == "account" else "category"
    expected: dict[tuple[str, ...], Decimal] = {}
    for one in books.documents:
        if one.recognised_on is not None and LAST_YEAR.has(one.invoice_date):
            for line in one.lines:
                key = (getattr(line, label),)
                expected[key] = expected.get(key, Decimal(0)) + books.as_flow(line.total, one)
    expected[()] = sum(expected.values(), Decimal(0))
    assert not disagreements("line_spend", ours, dict(expected))


@pytest.mark.parametrize("metric", ["ap_age_by_invoice_date"])
def test_age_by_invoice_date(layer: SemanticLayer, books: Books, metric: str) -> None:
    """Open AP by days since the invoice date on a past day."""
    day = A_PAST_YEAR.end
    edges = {"0-30": (-9999, 30), "31-60": (31, 60), "61-90": (61, 90), "91+": (91, 99999)}
    expected = {(): FIGURES[metric](books, A_PAST_YEAR)}
    for label, (least, most) in edges.items():
        part = books.narrowed(lambda one, least=least, most=most: least <= (day - one.invoice_date).days <= most)  # type: ignore[misc]
        expected[f"{label} days old",] = FIGURES[metric](part, A_PAST_YEAR)
    ours = asked(layer, (metric,), A_PAST_YEAR, ("invoice_age_bucket",))
    assert not disagreements(metric, ours[metric], dict(expected))


@pytest.mark.parametrize("span", [LAST_YEAR, A_PAST_YEAR], ids=["last year", "a past year"])
@pytest.mark.parametrize("metric", AGED)
def test_by_ageing_bucket(layer: SemanticLayer, books: Books, metric: str, span: Span) -> None:
    """Balances by days past due on their own as-of day."""
    compare(asked(layer, (metric,), span, ("ageing_bucket",)), by_dimension(books, "ageing_bucket", span))


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_ageing_by_dimension(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """The ageing of each group on a past day; its buckets add up to the open AP of the group."""
    ours = asked(layer, ("ap_ageing",), A_PAST_YEAR, (dimension, "ageing_bucket"))
    compare(ours, ageing_by(books, dimension, A_PAST_YEAR))


@pytest.mark.parametrize("metric", BUT_AGEING)
def test_by_month(layer: SemanticLayer, books: Books, metric: str) -> None:
    """Twelve months, the last one in progress: flows of the month, balances at its end."""
    compare(asked(layer, (metric,), TWELVE_MONTHS, ("month",)), by_time(books, months(TWELVE_MONTHS), TWELVE_MONTHS))


def test_by_month_since_the_beginning(layer: SemanticLayer, books: Books) -> None:
    """All metrics over more than two years, where balances start from nothing."""
    compare(asked(layer, BUT_AGEING, ALL_MONTHS, ("month",)), by_time(books, months(ALL_MONTHS), ALL_MONTHS))


def test_by_quarter(layer: SemanticLayer, books: Books) -> None:
    """Four quarters, the last one in progress."""
    compare(
        asked(layer, BUT_AGEING, FOUR_QUARTERS, ("quarter",)), by_time(books, quarters(FOUR_QUARTERS), FOUR_QUARTERS)
    )


@pytest.mark.parametrize(("grain", "buckets"), [("month", months(TWELVE_MONTHS)), ("quarter", quarters(TWELVE_MONTHS))])
def test_ageing_over_time(layer: SemanticLayer, books: Books, grain: str, buckets: Mapping[str, Span]) -> None:
    """The ageing at the end of each month and quarter: every document in its bucket of that day."""
    ours = asked(layer, ("ap_ageing",), TWELVE_MONTHS, (grain, "ageing_bucket"))
    compare(ours, ageing_over(books, buckets, TWELVE_MONTHS))


@pytest.mark.parametrize("dimension", ["region", "payment_term", "category"])
def test_by_dimension_and_quarter(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """Groups and time at once."""
    ours = asked(layer, BUT_AGEING, FOUR_QUARTERS, (dimension, "quarter"))
    compare(ours, by_dimension_and_time(books, dimension, quarters(FOUR_QUARTERS), FOUR_QUARTERS))


Keep = Callable[[Books], Callable[[Document], bool]]


def _over_5000(books: Books) -> Callable[[Document], bool]:
    return lambda one: books.as_flow(one.gross, one) > 5000


FILTERS: dict[str, tuple[Filter, Keep]] = {
    "currency = EUR": (
        Filter(field="currency", op="=", values=("EUR",)),
        lambda _: lambda one: one.labels["currency"] == "EUR",
    ),
    "region in EMEA, APAC": (
        Filter(field="region", op="in", values=("EMEA", "APAC")),
        lambda _: lambda one: one.labels["region"] in {"EMEA", "APAC"},
    ),
    "payment term not Net 30": (
        Filter(field="payment_term", op="!=", values=("Net 30",)),
        lambda _: lambda one: one.labels["payment_term"] != "Net 30",
    ),
    "supplier contains Industrial": (
        Filter(field="supplier", op="contains", values=("Industrial",)),
        lambda _: lambda one: "industrial" in one.labels["supplier"].casefold(),
    ),
    "amount over 5,000 dollars": (Filter(field="invoice_amount", op=">", values=("5000",)), _over_5000),
}


@pytest.mark.parametrize("words", FILTERS)
def test_filtered(layer: SemanticLayer, books: Books, words: str) -> None:
    """One condition, by category: total and groups are both narrowed."""
    condition, keep = FILTERS[words]
    narrowed = books.narrowed(keep(books))
    assert 0 < len(narrowed.documents) < len(books.documents), "the filter must tell documents apart"
    compare(
        asked(layer, BUT_AGEING, LAST_YEAR, ("category",), (condition,)), by_dimension(narrowed, "category", LAST_YEAR)
    )


def test_filtered_by_days_past_due(layer: SemanticLayer, books: Books) -> None:
    """Open over 30 days past due on a past day: the filter looks at that day, not at today."""
    day = A_PAST_YEAR.end
    late = books.narrowed(lambda one: one.due is not None and (day - one.due).days > 30)
    condition = Filter(field="days_past_due", op=">", values=("30",))
    ours = asked(layer, ("open_ap", "past_due_ap"), A_PAST_YEAR, ("supplier",), (condition,))
    compare(ours, by_dimension(late, "supplier", A_PAST_YEAR))


def test_intercompany_alone(layer: SemanticLayer, sister_books: Books) -> None:
    """Asked for by name, sister companies' documents make the same figures, and nobody else's."""
    assert sister_books.documents
    condition = Filter(field="intercompany", op="=", values=("true",))
    ours = asked(layer, BUT_AGEING, LAST_YEAR, ("buying_entity",), (condition,))
    compare(ours, by_dimension(sister_books, "buying_entity", LAST_YEAR))


def test_every_metric_is_in_the_exam(layer: SemanticLayer) -> None:
    """A metric that the model gains needs a formula here too."""
    assert set(layer.model.metrics) == {*METRICS, *LEDGER_FIGURES}
