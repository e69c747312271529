"""Figures that outside totals feed: whether the mirror holds them, and up to which month."""

from __future__ import annotations

from datetime import date, timedelta

from semantic_layer.database import Snapshot
from semantic_layer.errors import MissingFeedError, NoDataError
from semantic_layer.fragments import literal
from semantic_layer.model import FeedNeed, Metric, SemanticModel


def last_month(need: FeedNeed, snapshot: Snapshot) -> date | None:
    """The first day of the last month for which the mirror holds every kind of total; None without them."""
    if not {need.column, need.month} <= snapshot.columns.get(need.table, frozenset()):
        return None
    kinds = ", ".join(literal(value) for value in need.values)
    found = snapshot.run(
        f"SELECT {need.column}, MAX({need.month}) FROM {need.table} WHERE {need.column} IN ({kinds}) GROUP BY ALL"
    ).rows
    if {kind for kind, _ in found} != set(need.values):
        return None
    return min(month for _, month in found).replace(day=1)  # type: ignore[no-any-return]  # typed by the engine


def missing_feed(metric: Metric, model: SemanticModel) -> MissingFeedError | None:
    """The refusal of a figure whose totals are not there; None for one that needs none."""
    need = metric.needs_feed
    if need is None:
        return None
    nearest = [name for name in need.nearest if name in model.metrics]
    labels = [model.metrics[name].label for name in nearest]
    return MissingFeedError.of(metric.label, need.words, need.feed, nearest, labels)


def require_month(metric: Metric, last: date, as_of: date) -> None:
    """Raise NoDataError when the totals end before the last month that was over on the as-of date."""
    closed = (as_of + timedelta(days=1)).replace(day=1) - timedelta(days=1)
    end = (last + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if end < closed:
        raise NoDataError(
            f"{metric.label} needs the ledger's totals of {closed:%Y-%m}, and the feed ends with {last:%Y-%m}.",
            choices=(f"as of {end.isoformat()}",),
        )
