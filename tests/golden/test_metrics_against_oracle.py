"""Every figure of the semantic layer against the oracle, which read the same company by another road.

Money agrees to the cent, days to a hundredth, ratios to a millionth, counts exactly: in total, by every dimension, by month
and quarter, on past days, and under filters. A group that only one side shows must be empty on the other.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import pytest
from oracle import figures
from oracle.books import Books, Document
from oracle.periods import Span, last_days, months, quarters

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer

DATA_DATE = date(2026, 11, 21)
LAST_YEAR = last_days(365, DATA_DATE)
A_PAST_YEAR = Span(date(2025, 7, 1), date(2026, 6, 30))
TWELVE_MONTHS = Span(date(2025, 12, 1), DATA_DATE)
FOUR_QUARTERS = Span(date(2026, 1, 1), DATA_DATE)

METRICS = tuple(figures.FIGURES)
AGED = ("open_ap", "past_due_ap", "ap_ageing", "open_invoice_count", "past_due_count")
DIMENSIONS = ("supplier", "parent", "category", "buying_entity", "region", "currency", "payment_term", "status")
MORE_DIMENSIONS = ("entity_country", "supplier_country", "document_type", "channel", "has_discount")

DAYS = (
    "dpo_purchases",
    "dpo_paid",
    "wapt",
    "days_beyond_terms",
    "cycle_time",
    "cycle_time_p90",
    "cycle_time_approval",
    "cycle_time_approval_p90",
)
RATIOS = ("on_time_rate", "discount_capture_rate")
COUNTS = ("invoice_count", "open_invoice_count", "past_due_count")
MONEY = tuple(name for name in METRICS if name not in DAYS + RATIOS + COUNTS)
TOLERANCE = (
    dict.fromkeys(MONEY, Decimal("0.01"))
    | dict.fromkeys(DAYS, Decimal("0.01"))
    | dict.fromkeys(RATIOS, Decimal("0.000001"))
    | dict.fromkeys(COUNTS, Decimal(0))
)

Labels = tuple[str, ...]
Figures = dict[Labels, Decimal | None]


def asked(
    layer: SemanticLayer, metric: str, span: Span, group_by: Labels = (), filters: tuple[Filter, ...] = ()
) -> Figures:
    """Our answer: the value of each group by its labels; the total has no labels."""
    return asked_together(layer, (metric,), span, group_by, filters)[metric]


def asked_together(
    layer: SemanticLayer, metrics: Labels, span: Span, group_by: Labels = (), filters: tuple[Filter, ...] = ()
) -> dict[str, Figures]:
    """Our answers to one question for several metrics; each holds its groups and, without labels, the total."""
    query = MetricQuery(metrics=metrics, group_by=group_by, period=Period(span.start, span.end), filters=filters)
    result = layer.query(query)
    records = result.records()
    keys = [tuple(str(record[name]) for name in group_by) for record in records] if group_by else []
    assert len(set(keys)) == len(keys), "a group came twice"
    assert not result.truncated, "a group was left out"
    return {
        metric: {(): _number(result.total[metric])}
        | {key: _number(record[metric]) for key, record in zip(keys, records, strict=False)}
        for metric in metrics
    }


def _number(value: object) -> Decimal | None:
    match value:
        case None:
            return None
        case Decimal():
            return value
        case int():
            return Decimal(value)
    raise AssertionError(f"a figure must be a Decimal, a count or nothing, not {value!r}")


def compare(metric: str, ours: Figures, oracle: Figures) -> None:
    """Fails with every group that disagrees."""
    wrong = [
        labels
        for labels in sorted(ours.keys() | oracle.keys())
        if not _agree(metric, ours.get(labels), oracle.get(labels))
    ]
    lines = [
        f"{' / '.join(key) or 'total'}: ours {ours.get(key, 'absent')}, oracle {oracle.get(key, 'absent')}"
        for key in wrong
    ]
    assert not wrong, f"{metric}: {len(wrong)} of {len(oracle)} figures disagree\n  " + "\n  ".join(lines[:20])


def _agree(metric: str, ours: Decimal | None, oracle: Decimal | None) -> bool:
    if metric in MONEY + COUNTS:
        ours, oracle = ours or Decimal(0), oracle or Decimal(0)
    if ours is None or oracle is None:
        return ours is oracle
    return abs(ours - oracle) <= TOLERANCE[metric]


def by_dimension(metric: str, books: Books, dimension: str, span: Span) -> Figures:
    """The oracle's figures of each group, and of the whole."""
    figure = figures.FIGURES[metric]
    groups = figures.by_ageing(books, span.end) if dimension == "ageing_bucket" else books.by(dimension)
    return {(): figure(books, span)} | {(label,): figure(group, span) for label, group in groups.items()}


def by_time(metric: str, books: Books, buckets: Mapping[str, Span], whole: Span) -> Figures:
    """The oracle's figures of each month or quarter, and of the whole."""
    figure = figures.FIGURES[metric]
    return {(): figure(books, whole)} | {(label,): figure(books, bucket) for label, bucket in buckets.items()}


def with_ageing(metric: str, labels: Labels) -> Labels:
    """An ageing is by bucket whatever else it is by: its rows carry the bucket last, unasked."""
    return (*labels, "ageing_bucket") if metric == "ap_ageing" else labels


def aged(metric: str, books: Books, dimension: str, span: Span) -> Figures:
    """The oracle's figures of each group and, for an ageing, of each bucket within it."""
    if metric != "ap_ageing":
        return by_dimension(metric, books, dimension, span)
    buckets = figures.by_ageing(books, span.end)
    found: Figures = {(): figures.open_ap(books, span)}
    for bucket, part in buckets.items():
        found |= {(label, bucket): figures.open_ap(group, span) for label, group in part.by(dimension).items()}
    return found


def test_both_sides_end_on_the_same_day(layer: SemanticLayer, books: Books) -> None:
    """The clock says 22 November, so the last complete day is the 21st."""
    assert layer.data_date == books.data_date == DATA_DATE


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("metric", METRICS)
def test_last_year_by_dimension(layer: SemanticLayer, books: Books, metric: str, dimension: str) -> None:
    """The 365 days to the data's end, balances on its last day, one question for each."""
    ours = asked(layer, metric, LAST_YEAR, with_ageing(metric, (dimension,)))
    compare(metric, ours, aged(metric, books, dimension, LAST_YEAR))


@pytest.mark.parametrize("dimension", DIMENSIONS + MORE_DIMENSIONS)
def test_a_past_year_by_dimension_in_one_question(layer: SemanticLayer, books: Books, dimension: str) -> None:
    """Balances on 30 June, long past, and flows of the year before it, all metrics stitched into one table."""
    together = tuple(name for name in METRICS if name != "ap_ageing")
    ours = asked_together(layer, together, A_PAST_YEAR, (dimension,))
    for metric in together:
        compare(metric, ours[metric], by_dimension(metric, books, dimension, A_PAST_YEAR))


@pytest.mark.parametrize("span", [LAST_YEAR, A_PAST_YEAR], ids=["last year", "a past year"])
@pytest.mark.parametrize("metric", AGED)
def test_by_ageing_bucket(layer: SemanticLayer, books: Books, metric: str, span: Span) -> None:
    """Balances by days past due on their own as-of day."""
    compare(metric, asked(layer, metric, span, ("ageing_bucket",)), by_dimension(metric, books, "ageing_bucket", span))


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "ap_ageing"])
def test_by_month(layer: SemanticLayer, books: Books, metric: str) -> None:
    """Twelve months, the last one in progress: flows of the month, balances at its end."""
    expected = by_time(metric, books, months(TWELVE_MONTHS), TWELVE_MONTHS)
    compare(metric, asked(layer, metric, TWELVE_MONTHS, ("month",)), expected)


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "ap_ageing"])
def test_by_quarter(layer: SemanticLayer, books: Books, metric: str) -> None:
    """Four quarters, the last one in progress."""
    expected = by_time(metric, books, quarters(FOUR_QUARTERS), FOUR_QUARTERS)
    compare(metric, asked(layer, metric, FOUR_QUARTERS, ("quarter",)), expected)


@pytest.mark.parametrize(("grain", "buckets"), [("month", months(TWELVE_MONTHS)), ("quarter", quarters(TWELVE_MONTHS))])
def test_ageing_over_time(layer: SemanticLayer, books: Books, grain: str, buckets: Mapping[str, Span]) -> None:
    """The ageing on the last day of each month and quarter: every document in the bucket of that day."""
    expected: Figures = {(): figures.open_ap(books, TWELVE_MONTHS)}
    for label, bucket in buckets.items():
        parts = figures.by_ageing(books, bucket.end)
        expected |= {(label, name): figures.open_ap(part, bucket) for name, part in parts.items()}
    compare("ap_ageing", asked(layer, "ap_ageing", TWELVE_MONTHS, (grain, "ageing_bucket")), expected)


@pytest.mark.parametrize("dimension", ["region", "payment_term"])
@pytest.mark.parametrize("metric", [name for name in METRICS if name != "ap_ageing"])
def test_by_dimension_and_quarter(layer: SemanticLayer, books: Books, metric: str, dimension: str) -> None:
    """Groups and time at once."""
    expected: Figures = {(): figures.FIGURES[metric](books, FOUR_QUARTERS)}
    for quarter, span in quarters(FOUR_QUARTERS).items():
        found = by_dimension(metric, books, dimension, span)
        expected |= {(*labels, quarter): value for labels, value in found.items() if labels}
    compare(metric, asked(layer, metric, FOUR_QUARTERS, (dimension, "quarter")), expected)


def _over_5000(books: Books) -> Callable[[Document], bool]:
    return lambda one: books.as_flow(one.gross, one) > 5000


FILTERS: dict[str, tuple[Filter, Callable[[Books], Callable[[Document], bool]]]] = {
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
    """One condition, by category, all metrics stitched: total and groups are both narrowed."""
    condition, keep = FILTERS[words]
    narrowed = books.narrowed(keep(books))
    assert 0 < len(narrowed.documents) < len(books.documents), "the filter must tell documents apart"
    together = tuple(name for name in METRICS if name != "ap_ageing")
    ours = asked_together(layer, together, LAST_YEAR, ("category",), (condition,))
    for metric in together:
        compare(metric, ours[metric], by_dimension(metric, narrowed, "category", LAST_YEAR))


def test_filtered_by_days_past_due(layer: SemanticLayer, books: Books) -> None:
    """Open over 30 days past due on a past day: the filter looks at that day, not at today."""
    day = A_PAST_YEAR.end
    late = books.narrowed(lambda one: one.due is not None and (day - one.due).days > 30)
    ours = asked(layer, "open_ap", A_PAST_YEAR, ("supplier",), (Filter(field="days_past_due", op=">", values=("30",)),))
    compare("open_ap", ours, by_dimension("open_ap", late, "supplier", A_PAST_YEAR))


@pytest.mark.parametrize("metric", ["spend", "purchases", "open_ap", "dpo_paid", "wapt"])
def test_intercompany_alone(layer: SemanticLayer, sister_books: Books, metric: str) -> None:
    """Asked for by name, sister companies' documents make the same figures, and nobody else's."""
    assert sister_books.documents
    ours = asked(
        layer, metric, LAST_YEAR, ("buying_entity",), (Filter(field="intercompany", op="=", values=("true",)),)
    )
    compare(metric, ours, by_dimension(metric, sister_books, "buying_entity", LAST_YEAR))
