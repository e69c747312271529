"""What may be asked of the semantic layer: the only thing a planner, human or model, can hand over.

Values in filters are text in canonical form (ISO dates, plain decimals, `true`/`false`); the resolver gives them the
type of their dimension, so a query is the same bytes whoever wrote it, and its hash is the identity of the answer.
"""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from semantic_layer.periods import Grain, Period

FilterOperator = Literal["=", "!=", "in", "not in", ">", ">=", "<", "<=", "contains", "is empty", "is not empty"]
Comparison = Literal[">", ">=", "<", "<=", "=", "!="]


def _canonical(values: object) -> object:
    if not isinstance(values, tuple | list):
        values = (values,)
    return tuple(_canonical_one(value) for value in values)


def _canonical_one(value: object) -> object:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case int() | float():
            return format(Decimal(str(value)), "f")
        case _:
            return value


class Filter(BaseModel):
    """One condition on a dimension. `words` are the words of the question it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    op: FilterOperator = "="
    values: Annotated[tuple[str, ...], BeforeValidator(_canonical)] = ()
    words: str = ""


class Having(BaseModel):
    """A condition on a metric of the answer, after grouping ("suppliers with spend over 2m")."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    op: Comparison
    value: Decimal
    words: str = ""


class Target(BaseModel):
    """What a metric should be: the answer shows it, and how far each row is from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: Decimal
    words: str = ""


class Window(BaseModel):
    """A span that ends with each time bucket (or with the period, when there is no bucket).

    rolling: the last `size` buckets of `grain`. to_date: since the bucket of `grain` began (year to date).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rolling", "to_date"] = "rolling"
    size: Annotated[int, Field(ge=1, le=1000)] = 1
    grain: Grain = "month"

    @property
    def label(self) -> str:
        """How people call it."""
        return f"{self.grain} to date" if self.kind == "to_date" else f"last {self.size} {self.grain}s"


class TopPer(BaseModel):
    """The first `n` rows of each value of `within` ("the three largest suppliers of each region")."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: Annotated[int, Field(ge=1)]
    within: tuple[str, ...]


class Order(BaseModel):
    """Sort key: a metric (asked for or not) or a dimension of the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    descending: bool = True


class MetricQuery(BaseModel):
    """Metrics by dimensions under conditions, over a period.

    `group_by` takes dimensions and time grains (day, week, month, quarter, year). Balances read `period.end` as their
    as-of date, or one as-of date per time bucket. `compare` runs the same query over another period and adds the
    change. `currency` is the reporting currency, or "document" for amounts as invoiced (legal when grouped by or
    filtered to one currency). `share` adds each row's share of the total. `having` and `order` may name metrics that
    are not shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    having: tuple[Having, ...] = ()
    period: Period | None = None
    time_role: str | None = None
    compare: Period | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    share: bool = False
    currency: str | None = None
    share_within: tuple[str, ...] = ()
    """With `share`: each row's share of the total of these dimensions' values instead of the whole."""
    window: Window | None = None
    top_per: TopPer | None = None
    targets: tuple[Target, ...] = ()
    known_at: AwareDatetime | None = None
    """Read the mirror as it was known at this moment: later corrections and later arrivals do not count."""

    def identity(self) -> str:
        """SHA-256 over the query without the words and labels it came from: equal questions have equal identities."""
        bare = self.model_copy(
            update={
                "filters": tuple(sorted((f.model_copy(update={"words": ""}) for f in self.filters), key=repr)),
                "having": tuple(sorted((h.model_copy(update={"words": ""}) for h in self.having), key=repr)),
                "period": self.period and Period(self.period.start, self.period.end),
                "compare": self.compare and Period(self.compare.start, self.compare.end),
            }
        )
        unused = {name for name in _LATER_FIELDS if getattr(bare, name) == type(bare).model_fields[name].default}
        return hashlib.sha256(bare.model_dump_json(exclude=unused).encode()).hexdigest()


# Fields that came after the first answers were kept: left out of the identity while unused, so that it stays the same.
_LATER_FIELDS = ("share_within", "window", "top_per", "targets", "known_at")


class RecordQuery(BaseModel):
    """Rows of one entity, as the semantic layer sees them: what a simulation reads and what stands behind a figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entity: str
    columns: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
