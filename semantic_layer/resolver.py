"""MetricQuery + model -> ResolvedQuery: every name found, every join legal, one period, one list of as-of dates.

The measure's own entity is the root. A dimension or filter is legal when many-to-one relationships lead to it;
anything else would count money more than once and is refused with the ways out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from semantic_layer.asked_period import Calendar, resolve_period, window_start
from semantic_layer.errors import IllegalGroupingError, MixedCurrencyError, QueryError, UnknownNameError
from semantic_layer.model import Dimension, Measure, Metric, Part, Relationship, SemanticModel, TimeRole
from semantic_layer.periods import GRAINS, Grain, Period, buckets
from semantic_layer.query import Filter, Having, MetricQuery, Order

DEFAULT_LIMIT = 10_000


@dataclass(frozen=True)
class ResolvedFilter:
    """A filter with its dimension and typed values."""

    dimension: Dimension
    op: str
    values: tuple[str | Decimal | date | bool, ...]


@dataclass(frozen=True)
class ResolvedPart:
    """One part of one metric: its measure, the date it runs on and where that date lives."""

    name: str
    part: Part
    measure: Measure
    clock_entity: str
    clock: str
    """Column (on `clock_entity`) or expression that dates a row."""


@dataclass(frozen=True)
class ResolvedQuery:
    """A query that is known to be legal."""

    query: MetricQuery
    metrics: tuple[Metric, ...]
    parts: tuple[ResolvedPart, ...]
    dimensions: tuple[Dimension, ...]
    grain: Grain | None
    period: Period
    as_of: date
    buckets: tuple[Period, ...]
    filters: tuple[ResolvedFilter, ...]
    having: tuple[Having, ...]
    order: tuple[Order, ...]
    limit: int
    currency: str
    """The currency of the amounts, or "document"."""
    reporting_currency: str
    """What amounts convert to where a rule needs one currency (filters by amount)."""
    calendar: Calendar
    assumptions: tuple[tuple[str, str, str], ...]
    hidden: tuple[Metric, ...] = ()
    """Metrics that conditions or the order need and nobody asked to see."""
    windowed: bool = False
    """Each time bucket shows a window that ends with it, wider than the bucket."""
    history: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tables that keep their past versions, with their columns: read as known at `query.known_at`."""

    @property
    def computed(self) -> tuple[Metric, ...]:
        """Every metric that the statement computes."""
        return (*self.metrics, *self.hidden)

    def is_balance(self, metric: Metric) -> bool:
        """Whether the metric's time buckets do not add up: each one stands for its last day."""
        return self.windowed or all(part.read != "period" for part in metric.parts)

    @property
    def currency_label(self) -> str:
        """The currency that amounts are shown in: the one document currency that a filter leaves, or "document"."""
        if self.currency != "document":
            return self.currency
        left = [f.values for f in self.filters if f.dimension.name == "currency" and f.op == "=" and len(f.values) == 1]
        return str(left[0][0]) if left else "document"


def join_path(model: SemanticModel, start: str, goal: str) -> tuple[Relationship, ...] | None:
    """The many-to-one joins that lead from one entity to another.

    Empty when they are the same, None when there is no path.
    """
    return model.path(start, goal)


def legal_dimensions(model: SemanticModel, metric: Metric) -> frozenset[str]:
    """The dimensions by which a metric may be grouped or filtered without counting twice."""
    return model.legal_dimensions(metric)


def resolve(
    query: MetricQuery,
    model: SemanticModel,
    calendar: Calendar,
    reporting_currency: str,
    secret: Collection[str] = (),
) -> ResolvedQuery:
    """Find every name and prove the query legal; `secret` dimensions are never offered as a way out.

    Raises UnknownNameError, IllegalGroupingError, MixedCurrencyError, NoDataError or QueryError with ways out.
    """
    metrics = tuple(_metric(model, name) for name in query.metrics)
    if not metrics:
        raise QueryError("A query needs at least one metric.", reason="UNKNOWN_METRIC")
    hidden = _hidden(query, model)
    everything = (*metrics, *hidden)
    grain, names = _grouping(query, metrics)
    dimensions = tuple(_dimension(model, name, secret) for name in names)
    for dimension in dimensions:
        _require_legal(model, everything, dimension, "grouped by", secret)
        if not dimension.groupable:
            raise IllegalGroupingError(
                f"{dimension.label} can filter an answer but not group it.",
                choices=tuple(name for name in ("supplier", "category") if name not in secret),
            )
    for target in query.targets:
        if target.metric not in query.metrics:
            raise UnknownNameError.of("metric in the answer", target.metric, query.metrics)
    for name in (*query.share_within, *(query.top_per.within if query.top_per else ())):
        if name not in {*names, grain}:
            raise UnknownNameError.of("column in the answer", name, [*names, *([grain] if grain else [])])
    filters = _filters(query, model, everything, secret)
    parts = _parts(query, model, everything)
    currency = _currency(query, metrics, dimensions, filters, reporting_currency)
    period, assumed = resolve_period(query, everything, calendar, grain)
    spans = buckets(period, grain, calendar.fiscal_year_start) if grain else ()
    if query.window and grain:
        spans = tuple(Period(window_start(query.window, b.end, calendar), b.end, b.label) for b in spans)
    return ResolvedQuery(
        query=query,
        metrics=metrics,
        parts=parts,
        dimensions=dimensions,
        grain=grain,
        period=period,
        as_of=period.end,
        buckets=spans,
        filters=filters,
        having=query.having,
        order=_order(query, model, metrics, dimensions, grain),
        limit=min(query.limit or DEFAULT_LIMIT, DEFAULT_LIMIT),
        currency=currency,
        reporting_currency=reporting_currency if currency == "document" else currency,
        calendar=calendar,
        assumptions=(*assumed, *_assumptions(metrics)),
        hidden=hidden,
        windowed=query.window is not None and grain is not None,
    )


def _hidden(query: MetricQuery, model: SemanticModel) -> tuple[Metric, ...]:
    """Metrics that a condition or the order names without their being asked for."""
    named = [h.metric for h in query.having]
    named += [o.field for o in query.order if o.field in model.metrics]
    return tuple(_metric(model, name) for name in dict.fromkeys(named) if name not in query.metrics)


def _metric(model: SemanticModel, name: str) -> Metric:
    if name not in model.metrics:
        raise UnknownNameError.of("metric", name, model.metrics)
    return model.metrics[name]


def _dimension(model: SemanticModel, name: str, secret: Collection[str] = ()) -> Dimension:
    if name not in model.dimensions:
        known = [*(shown for shown in model.dimensions if shown not in secret), *GRAINS]
        raise UnknownNameError.of("dimension", name, known, reason="ILLEGAL_GROUPING")
    return model.dimensions[name]


def _grouping(query: MetricQuery, metrics: tuple[Metric, ...]) -> tuple[Grain | None, tuple[str, ...]]:
    grains = [grain for grain in GRAINS if grain in query.group_by]
    if len(grains) > 1:
        raise QueryError(
            f"Group by one time grain at a time, not by {' and '.join(grains)}.",
            reason="AMBIGUOUS_TIME",
            choices=grains,
        )
    names = [name for name in query.group_by if name not in GRAINS]
    names += [m.requires_grouping for m in metrics if m.requires_grouping and m.requires_grouping not in names]
    return (grains[0] if grains else None), tuple(dict.fromkeys(names))


def _require_legal(
    model: SemanticModel, metrics: Iterable[Metric], dimension: Dimension, verb: str, secret: Collection[str]
) -> None:
    for metric in metrics:
        legal = legal_dimensions(model, metric)
        if dimension.name in legal:
            continue
        ways = tuple(sorted(name for name in legal - {*secret} if model.dimensions[name].groupable))[:6]
        why = (
            "it depends on an as-of date and the figure covers a period"
            if dimension.as_of
            else f"{_grain_of(model, metric)} can have several, so amounts would count twice"
        )
        raise IllegalGroupingError(
            f"{metric.label} cannot be {verb} {dimension.label.lower()}: {why}. Use {', '.join(ways)}.", choices=ways
        )


def _grain_of(model: SemanticModel, metric: Metric) -> str:
    return model.entities[model.measures[metric.parts[0].measure].entity].grain


def _filters(
    query: MetricQuery, model: SemanticModel, metrics: tuple[Metric, ...], secret: Collection[str]
) -> tuple[ResolvedFilter, ...]:
    asked = {f.field for f in query.filters}
    defaults = [f for metric in metrics for f in metric.filters if f.field not in asked]
    resolved: list[ResolvedFilter] = []
    for condition in (*query.filters, *dict.fromkeys(defaults)):
        item = typed_filter(condition, model, secret)
        _require_legal(model, metrics, item.dimension, "filtered by", secret)
        resolved.append(item)
    return tuple(resolved)


def typed_filter(condition: Filter, model: SemanticModel, secret: Collection[str] = ()) -> ResolvedFilter:
    """A filter with its dimension found and its values typed; `secret` names are never suggested."""
    dimension = _dimension(model, condition.field, secret)
    return ResolvedFilter(dimension, condition.op, _typed(condition, dimension))


def _typed(condition: Filter, dimension: Dimension) -> tuple[str | Decimal | date | bool, ...]:
    if condition.op not in {"is empty", "is not empty"} and not condition.values:
        raise QueryError(f"The filter on {dimension.label.lower()} has no value.", reason="UNKNOWN_VALUE")
    return tuple(_typed_value(value, dimension) for value in condition.values)


def _typed_value(value: str, dimension: Dimension) -> str | Decimal | date | bool:
    try:
        match dimension.type:
            case "number" | "money":
                return Decimal(value)
            case "date":
                return date.fromisoformat(value)
            case "boolean":
                return {"true": True, "false": False}[value]
            case "text":
                return value
    except (ValueError, InvalidOperation, KeyError) as error:
        raise QueryError(
            f"{value!r} is not a {dimension.type} and cannot be compared with {dimension.label.lower()}.",
            reason="UNKNOWN_VALUE",
        ) from error


def _parts(query: MetricQuery, model: SemanticModel, metrics: tuple[Metric, ...]) -> tuple[ResolvedPart, ...]:
    found: dict[str, ResolvedPart] = {}
    for metric in metrics:
        for part in metric.parts:
            measure = model.measures[part.measure]
            entity, clock = _clock(query.time_role, model, metric, part, measure)
            resolved = ResolvedPart(part.name, part, measure, entity, clock)
            if found.setdefault(part.name, resolved).part != part:
                raise QueryError(
                    f"{metric.label} and another metric both have a part {part.name!r}; ask for them one by one."
                )
    return tuple(found.values())


def _clock(role: str | None, model: SemanticModel, metric: Metric, part: Part, measure: Measure) -> tuple[str, str]:
    """The entity and the column that date a row.

    The asker's time role for period flows, else the measure's own clock.
    """
    if role is None or part.read != "period" or role == metric.time_role:
        return measure.entity, measure.at
    roles: dict[str, tuple[str, TimeRole]] = {}
    for name, entity in model.entities.items():
        if join_path(model, measure.entity, name) is not None:
            for candidate in entity.time_roles:
                roles.setdefault(candidate.name, (name, candidate))
    if role not in roles:
        raise UnknownNameError.of(f"date of {metric.label}", role, roles, reason="AMBIGUOUS_TIME")
    name, found = roles[role]
    return name, found.column


def _assumptions(metrics: tuple[Metric, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((metric.label, text, "metric definition") for metric in metrics for text in metric.assumptions)


def _order(
    query: MetricQuery,
    model: SemanticModel,
    metrics: tuple[Metric, ...],
    dimensions: tuple[Dimension, ...],
    grain: Grain | None,
) -> tuple[Order, ...]:
    names = {metric.name for metric in metrics} | {d.name for d in dimensions} | ({grain} if grain else set())
    names |= {item.name for item in _hidden(query, model)}
    for order in query.order:
        if order.field not in names:
            raise UnknownNameError.of("column in the answer", order.field, names)
    if query.order:
        return query.order
    if grain:
        return (Order(field=grain, descending=False),)
    if dimensions and not dimensions[0].ordered:
        return (Order(field=metrics[0].name),)
    return ()


def _currency(
    query: MetricQuery,
    metrics: tuple[Metric, ...],
    dimensions: tuple[Dimension, ...],
    filters: tuple[ResolvedFilter, ...],
    reporting: str,
) -> str:
    if query.currency in (None, reporting):
        return reporting
    if query.currency != "document":
        return str(query.currency)
    one_currency = any(f.dimension.name == "currency" and f.op == "=" and len(f.values) == 1 for f in filters)
    grouped = any(d.name == "currency" for d in dimensions)
    if not (one_currency or grouped):
        raise MixedCurrencyError(
            f"{metrics[0].label} in document currency would add several currencies. "
            f"Group by currency, name one currency, or use {reporting}.",
            choices=("by currency", f"in {reporting}"),
        )
    return "document"
