"""How an answer of the semantic layer is held against the oracle: money to the cent, days and ratios to a millionth."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from oracle import figures
from oracle.books import Books
from oracle.catalogue import FIGURES, ORDER_FIGURES
from oracle.periods import Span

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer

METRICS = tuple(FIGURES)
ASKED_ALONE = ("ap_ageing", "ap_age_by_invoice_date", "payments_due", "discount_expiring", *ORDER_FIGURES)
"""An ageing is by bucket whatever else it is by, payments due look ahead, and orders know other groups than invoices."""
BUT_AGEING = tuple(name for name in METRICS if name not in ASKED_ALONE)

DAYS = (
    "dpo_purchases",
    "dpo_paid",
    "wapt",
    "days_beyond_terms",
    "cycle_time",
    "cycle_time_p90",
    "cycle_time_approval",
    "cycle_time_approval_p90",
    "dpo_countback",
    "dpo_open_age",
    "best_possible_dpo",
    "dpo_gap",
    "dpo_paid_received",
    "days_to_pay_median",
    "average_days_to_pay",
    "wapt_master",
    "wapt_po",
    "avg_days_late",
    "avg_days_early",
    "run_drift",
    "run_drift_calendar",
    "run_drift_not_ready",
    "run_drift_missed",
    "cycle_time_submit",
    "cycle_time_submit_p90",
    "cycle_time_payment",
    "cycle_time_payment_p90",
)
RATIOS = (
    "on_time_rate",
    "on_time_rate_value",
    "late_rate",
    "paid_within_30_rate",
    "paid_31_to_60_rate",
    "paid_over_60_rate",
    "discount_capture_rate",
    "discount_capture_rate_operational",
    "discount_capture_rate_count",
    "discount_apr_simple",
    "discount_apr_360",
    "discount_ear",
    "past_due_share",
    "touchless_rate",
    "exception_rate",
    "electronic_rate",
    "spend_under_management",
    "top_10_share",
)
COUNTS = (
    "invoice_count",
    "open_invoice_count",
    "past_due_count",
    "term_mismatch_count",
    "discount_offered_count",
    "discount_captured_count",
    "discount_missed_count",
    "pending_approval_count",
    "duplicate_count",
    "suppliers_for_80",
    "active_suppliers",
    "term_cap_breaches",
)
INDICES = ("hhi",)
MONEY = tuple(name for name in METRICS if name not in DAYS + RATIOS + COUNTS + INDICES)
TOLERANCE = (
    dict.fromkeys(MONEY, Decimal("0.0051"))  # one side is rounded to the cent, so half a cent apart is the same cent
    | dict.fromkeys(DAYS + RATIOS, Decimal("0.000001"))
    | dict.fromkeys(COUNTS, Decimal(0))
    | dict.fromkeys(INDICES, Decimal("0.5001"))
)

Labels = tuple[str, ...]
Figures = dict[Labels, Decimal | None]


AT_ONCE = 8
"""How many metrics fit in one statement."""


def asked(
    layer: SemanticLayer, metrics: Labels, span: Span, group_by: Labels = (), filters: tuple[Filter, ...] = ()
) -> dict[str, Figures]:
    """Our answers to one question: by metric, the value of each group by its labels, and the total, which has no labels."""
    found: dict[str, Figures] = {}
    for first in range(0, len(metrics), AT_ONCE):
        found |= _asked(layer, metrics[first : first + AT_ONCE], span, group_by, filters)
    return found


def _asked(
    layer: SemanticLayer, metrics: Labels, span: Span, group_by: Labels, filters: tuple[Filter, ...]
) -> dict[str, Figures]:
    query = MetricQuery(metrics=metrics, group_by=group_by, period=Period(span.start, span.end), filters=filters)
    result = layer.query(query)
    records = result.records() if group_by else []
    keys = [tuple(str(record[name]) for name in group_by) for record in records]
    assert len(set(keys)) == len(keys), "a group came twice"
    assert not result.truncated, "a group was left out"
    return {
        metric: {(): _number(result.total[metric])}
        | {key: _number(record[metric]) for key, record in zip(keys, records, strict=True)}
        for metric in metrics
    }


def compare(ours: Mapping[str, Figures], oracle: Callable[[str], Figures]) -> None:
    """Fails with every group of every metric that disagrees; `oracle` hands out its figures by metric.

    A group that only one side shows must be empty on the other.
    """
    wrong = {metric: lines for metric, found in ours.items() if (lines := disagreements(metric, found, oracle(metric)))}
    shown = [f"{metric}, {len(lines)} groups: " + "; ".join(lines[:12]) for metric, lines in wrong.items()]
    assert not wrong, f"{len(wrong)} of {len(ours)} metrics disagree\n" + "\n".join(shown)


def disagreements(metric: str, ours: Figures, oracle: Figures) -> list[str]:
    """One line for each group that disagrees."""
    wrong = [
        labels
        for labels in sorted(ours.keys() | oracle.keys())
        if not _agree(metric, ours.get(labels), oracle.get(labels))
    ]
    return [
        f"{' / '.join(key) or 'total'}: ours {ours.get(key, 'absent')}, oracle {oracle.get(key, 'absent')}"
        for key in wrong
    ]


def by_dimension(books: Books, dimension: str, span: Span) -> Callable[[str], Figures]:
    """The oracle's figures of each group, and of the whole."""
    groups = figures.by_ageing(books, span.end) if dimension == "ageing_bucket" else books.by(dimension)

    def found(metric: str) -> Figures:
        figure = FIGURES[metric]
        return {(): figure(books, span)} | {(label,): figure(group, span) for label, group in groups.items()}

    return found


def by_time(books: Books, buckets: Mapping[str, Span], whole: Span) -> Callable[[str], Figures]:
    """The oracle's figures of each month or quarter, and of the whole."""

    def found(metric: str) -> Figures:
        figure = FIGURES[metric]
        return {(): figure(books, whole)} | {(label,): figure(books, bucket) for label, bucket in buckets.items()}

    return found


def by_dimension_and_time(
    books: Books, dimension: str, buckets: Mapping[str, Span], whole: Span
) -> Callable[[str], Figures]:
    """The oracle's figures of each group in each month or quarter, and of the whole."""
    groups = books.by(dimension)

    def found(metric: str) -> Figures:
        figure = FIGURES[metric]
        cells: Figures = {
            (group, label): figure(groups[group], bucket) for group in groups for label, bucket in buckets.items()
        }
        return {(): figure(books, whole)} | cells

    return found


def ageing_by(books: Books, dimension: str, span: Span) -> Callable[[str], Figures]:
    """The oracle's open AP of each group and bucket, and of the whole."""

    def found(_: str) -> Figures:
        cells: Figures = {(): figures.open_ap(books, span)}
        for bucket, part in figures.by_ageing(books, span.end).items():
            cells |= {(label, bucket): figures.open_ap(group, span) for label, group in part.by(dimension).items()}
        return cells

    return found


def ageing_over(books: Books, buckets: Mapping[str, Span], whole: Span) -> Callable[[str], Figures]:
    """The oracle's ageing on the last day of each month or quarter, and open AP at the very end."""

    def found(_: str) -> Figures:
        cells: Figures = {(): figures.open_ap(books, whole)}
        for label, bucket in buckets.items():
            parts = figures.by_ageing(books, bucket.end)
            cells |= {(label, name): figures.open_ap(part, bucket) for name, part in parts.items()}
        return cells

    return found


def _number(value: object) -> Decimal | None:
    match value:
        case None | Decimal():
            return value
        case int():
            return Decimal(value)
    raise AssertionError(f"a figure must be a Decimal, a count or nothing, not {value!r}")


def _agree(metric: str, ours: Decimal | None, oracle: Decimal | None) -> bool:
    if metric in (*MONEY, *COUNTS, "dpo_countback"):
        ours, oracle = ours or Decimal(0), oracle or Decimal(0)
    if ours is None or oracle is None:
        return ours is oracle
    return abs(ours - oracle) <= TOLERANCE[metric]
