"""Which days a query is about: the period asked for or the default, cut at the end of the data, and rolling windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from semantic_layer.errors import NoDataError, QueryError
from semantic_layer.model import Metric
from semantic_layer.periods import FiscalCalendar, Grain, Period, bucket_end, bucket_start
from semantic_layer.query import MetricQuery, Window

Notes = tuple[tuple[str, str, str], ...]
"""(name, value, source) of every default that shaped the period."""

BALANCE_READS = frozenset({"balance", "trailing", "countback"})
SHOWN_BY_DEFAULT: dict[Grain, int] = {"day": 30, "week": 12, "month": 12, "quarter": 4, "year": 2}
"""How many buckets before the current one a trend shows when no period is asked for."""


@dataclass(frozen=True)
class Calendar:
    """What the resolver must know of time: the last complete day in the mirror and the fiscal calendar."""

    data_date: date
    fiscal_year_start: int | FiscalCalendar = 1


def resolve_period(
    query: MetricQuery, metrics: Sequence[Metric], calendar: Calendar, grain: Grain | None
) -> tuple[Period, Notes]:
    """The period of a query and what had to be assumed for it.

    Raises NoDataError for a past that lies after the data, QueryError when figures of the past and of the future are
    asked for together.
    """
    if any(metric.looks_ahead for metric in metrics):
        return _ahead(query, metrics, calendar)
    period, notes = _looking_back(query, metrics, calendar, grain)
    if query.window is None or grain is not None:
        return period, notes
    wide = Period(window_start(query.window, period.end, calendar), period.end, query.window.label)
    return wide, (*notes, ("period", f"{wide.start.isoformat()} to {wide.end.isoformat()}", "window of the question"))


def window_start(window: Window, end: date, calendar: Calendar) -> date:
    """The first day of a window that ends on `end`: so many buckets up to now, or since the bucket began."""
    day = bucket_start(end, window.grain, calendar.fiscal_year_start)
    if window.kind == "rolling" and window.grain == "day":
        return end - timedelta(days=window.size - 1)
    for _ in range(window.size - 1 if window.kind == "rolling" else 0):
        day = bucket_start(day - timedelta(days=1), window.grain, calendar.fiscal_year_start)
    return day


def natural_end(period: Period, grain: Grain, calendar: Calendar) -> date:
    """The day on which the bucket that holds the period's end is complete."""
    return bucket_end(period.end, grain, calendar.fiscal_year_start)


def _ahead(query: MetricQuery, metrics: Sequence[Metric], calendar: Calendar) -> tuple[Period, Notes]:
    """Figures by a date to come: any period is fine, the next days by default."""
    if not all(metric.looks_ahead for metric in metrics):
        past = ", ".join(metric.label for metric in metrics if not metric.looks_ahead)
        raise QueryError(
            f"{past} covers days that are over and the other figure days to come; ask for them one by one.",
            reason="AMBIGUOUS_TIME",
            choices=tuple(metric.name for metric in metrics),
        )
    if query.period is not None:
        return query.period, ()
    days = metrics[0].default_days
    first = calendar.data_date + timedelta(days=1)
    period = Period(first, first + timedelta(days=days - 1), f"next {days} days")
    return period, (("period", f"the {days} days from {first.isoformat()}", "default of the metric"),)


def _looking_back(
    query: MetricQuery, metrics: Sequence[Metric], calendar: Calendar, grain: Grain | None
) -> tuple[Period, Notes]:
    latest = calendar.data_date
    if query.period is None:
        return _default_period(metrics, calendar, grain)
    if query.period.start > latest:
        raise NoDataError(
            f"The mirror holds data up to {latest.isoformat()}; {query.period} starts later.",
            choices=(f"up to {latest.isoformat()}",),
        )
    if query.period.end <= latest:
        return query.period, ()
    cut = Period(query.period.start, latest, query.period.label)
    note = (("period", f"cut at {latest.isoformat()}, the last complete day in the mirror", "freshness"),)
    return cut, note


def _default_period(metrics: Sequence[Metric], calendar: Calendar, grain: Grain | None) -> tuple[Period, Notes]:
    latest = calendar.data_date
    if grain is not None:
        start = bucket_start(latest, grain, calendar.fiscal_year_start)
        for _ in range(SHOWN_BY_DEFAULT[grain]):
            start = bucket_start(start - timedelta(days=1), grain, calendar.fiscal_year_start)
        return Period(start, latest), (("period", f"last {grain}s up to {latest.isoformat()}", "default"),)
    if all(part.read in BALANCE_READS for metric in metrics for part in metric.parts):
        return Period(latest, latest), (("as of", latest.isoformat(), "last complete day in the mirror"),)
    days = metrics[0].default_days
    period = Period(latest - timedelta(days=days - 1), latest, f"last {days} days")
    return period, (("period", f"the {days} days to {latest.isoformat()}", "default of the metric"),)
