"""The typed semantic model.

Entities, dimensions, measures, metrics, named filters. Frozen; read from YAML by loader.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from semantic_layer.query import Filter

DataType = Literal["text", "number", "money", "date", "boolean"]
Direction = Literal["up", "down", "neutral"]
MetricKind = Literal["flow", "balance", "trailing", "ratio", "duration", "count", "distinct_count", "concentration"]
Unit = Literal["money", "days", "ratio", "count"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Relationship(_Frozen):
    """A many-to-one join from the entity that declares it.

    `mandatory` promises that every key finds its parent (tested on load).
    """

    to: str
    key: str
    to_key: str = "id"
    mandatory: bool = False


class DimensionValue(_Frozen):
    """A value people call by other names ("Germany" for DE)."""

    value: str
    synonyms: tuple[str, ...] = ()


class Dimension(_Frozen):
    """Something to group and filter by. `searchable` dimensions get their values indexed for the planner."""

    name: str
    label: str
    entity: str
    expr: str
    homes: Mapping[str, str] = Field(default_factory=dict)
    """Where else the same thing is known: entity -> expression. Read when `entity` is out of reach of a figure."""
    type: DataType = "text"
    synonyms: tuple[str, ...] = ()
    values: tuple[DimensionValue, ...] = ()
    searchable: bool = False
    untrusted_text: bool = False
    groupable: bool = True
    as_of: bool = False
    """The value depends on the as-of date (ageing bucket, days past due): legal with balances only."""
    ordered: bool = False
    """The declared values stand in their natural order (ageing buckets)."""
    description: str = ""


class TimeRole(_Frozen):
    """A date that a period can mean ("paid in October")."""

    name: str
    label: str
    column: str
    synonyms: tuple[str, ...] = ()


class Measure(_Frozen):
    """An aggregate on one entity, at its own grain.

    `expr` is a row-level expression; `money` says it carries a currency.
    """

    name: str
    entity: str
    agg: Literal["sum", "count", "count_distinct", "mean", "median", "p90"]
    expr: str
    document_expr: str | None = None
    """The same amount in the currency of the document, where `expr` converts it."""
    where: str | None = None
    at: str
    """The date column that is the measure's own clock unless a time role says otherwise."""
    money: Literal["document", "reporting", "none"] = "none"
    """document: in the row's currency, converted at the as-of closing rate; reporting: converted in the entity."""
    times_days: bool = False
    """An amount times days, converted like an amount but no sum of money that could be shown."""
    currency: str = "invoice.currency"
    """Where the row's currency is read, for amounts in document currency."""


class Rating(_Frozen):
    """What decides the exchange rate of a row: rows of one currency and day have the same one."""

    currency: str
    day: str


class Rollup(_Frozen):
    """Sums of an entity by month that are made beforehand for large mirrors: balances read them where they suffice."""

    day: str
    """The entity's column that dates its rows."""
    sums: tuple[str, ...]
    keys: tuple[str, ...]
    """`entity.column` of what its rows lead to, by which questions group and filter."""


class Entity(_Frozen):
    """One grain. `sql` selects from the mirror's tables; it may use :reporting_currency and :data_date."""

    name: str
    grain: str
    primary_key: str
    sql: str
    relationships: tuple[Relationship, ...] = ()
    time_roles: tuple[TimeRole, ...] = ()
    depends_on: tuple[str, ...] = ()
    rated_by: Rating | None = None
    """Promises that each measure with a `document_expr` is that times the rate of these (tested for what we ship)."""
    rollup: Rollup | None = None
    small: bool = False
    """It has few rows, so those of other entities are grouped by its key before they are joined to it."""


class Members(_Frozen):
    """How a part looks at the members of each group (its suppliers) instead of at the group's plain sum.

    Members count with what they add up to when that is above zero: a net credit is no share of anything.
    """

    of: str
    """The dimension whose values are the members."""
    keep: Literal["all", "top", "squares", "needed", "rest"]
    """all: sum over members. top: sum over the `n` largest. squares: sum of squares. needed: how many of the largest it
    takes to reach `share` of the sum. rest: sum over the members beyond those."""
    n: int = 0
    share: Decimal = Decimal(0)


class Part(_Frozen):
    """One ingredient of a metric.

    A measure read as a flow in the period, a balance at the as-of date, a trailing window, or counted back: the days of
    latest flow that make up the balance of the part `against`, month by month, at most twelve.
    """

    name: str
    measure: str
    read: Literal["period", "balance", "trailing", "countback"] = "period"
    days: int = 0
    """Length of the trailing window, in days ending on the as-of date."""
    members: Members | None = None
    against: str | None = None


class FeedNeed(_Frozen):
    """Totals that a metric reads from a feed: without them it is refused by name, with the nearest figures.

    The feed's `table` has a row per month (`month`: any day of it) and per kind of total (`column`, of which `values`
    must all be there).
    """

    feed: str
    """As `tenor-sync feed load` calls it."""
    table: str
    column: str
    values: tuple[str, ...]
    month: str
    words: str
    """What is missing, after "needs"."""
    nearest: tuple[str, ...]


class Coverage(_Frozen):
    """How much of the money must have what the figure needs (a due date …): below that it is withheld, not shown."""

    lacking: str
    """Sum measure of the money that lacks it."""
    all: str
    """Sum measure of all the money the figure is about."""
    at_least: Decimal = Field(default=Decimal("0.8"), gt=0, le=1)
    fix: str
    """What is to be filled in, with its field in Coupa."""


class Golden(_Frozen):
    """A worked example from the literature or by hand, in words: what goes in, what comes out."""

    given: str
    value: Decimal


class Metric(_Frozen):
    """A vetted figure. The `formula` runs over the names of its parts and `period_days`."""

    name: str
    label: str
    kind: MetricKind
    unit: Unit
    definition: str
    formula_words: str
    parts: tuple[Part, ...]
    formula: str
    direction: Direction = "neutral"
    additive: bool = False
    """Groups add up to the total (checked at run time)."""
    time_role: str
    """Name of the default time role; "as_of" for balances."""
    default_days: int = 365
    """Length of the default period when the asker names none.

    Balances and trailing metrics take the latest as-of date.
    """
    dimensions: tuple[str, ...] = ()
    looks_ahead: bool = False
    """The period may lie in the future (payments falling due); without one it is the next `default_days` days."""
    requires_grouping: str | None = None
    """A dimension that is always part of the answer (ageing bucket)."""
    filters: tuple[Filter, ...] = ()
    synonyms: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    not_the_same_as: Mapping[str, str] = Field(default_factory=dict)
    exclusions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    lineage: tuple[str, ...]
    golden: tuple[Golden, ...] = ()
    caveat_measures: tuple[str, ...] = ()
    """Count measures of rows left out (no due date …): shown as caveats when above zero."""
    needs_feed: FeedNeed | None = None
    coverage: Coverage | None = None
    owner: str
    certified_by: str | None = None
    certified_on: date | None = None
    review_by: date | None = None


class NamedFilter(_Frozen):
    """Conditions people call by one word ("PO-backed", "German entity"), with their meaning in plain words."""

    name: str
    label: str
    filters: tuple[Filter, ...]
    synonyms: tuple[str, ...] = ()


class ExternalMetric(_Frozen):
    """A metric of the field that Coupa's data cannot give.

    Refused by name, with what is missing and the nearest of ours.
    """

    name: str
    label: str
    synonyms: tuple[str, ...]
    needs: str
    nearest: tuple[str, ...]


class AmbiguousTerm(_Frozen):
    """A word that fits several metrics ("exposure", "terms"): asked about, never guessed."""

    term: str
    synonyms: tuple[str, ...] = ()
    metrics: tuple[str, ...]
    question: str


class SemanticModel(_Frozen):
    """Everything that can be asked, by name."""

    entities: Mapping[str, Entity]
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]
    metrics: Mapping[str, Metric]
    named_filters: Mapping[str, NamedFilter] = Field(default_factory=dict)
    external_metrics: Mapping[str, ExternalMetric] = Field(default_factory=dict)
    ambiguous_terms: tuple[AmbiguousTerm, ...] = ()
    _paths: dict[tuple[str, str], tuple[Relationship, ...] | None] = PrivateAttr(default_factory=dict)
    _legal: dict[str, frozenset[str]] = PrivateAttr(default_factory=dict)
    _keys: dict[str, frozenset[str]] = PrivateAttr(default_factory=dict)

    @property
    def primary_keys(self) -> Mapping[str, frozenset[str]]:
        """Entity -> the columns that no two of its rows share."""
        if not self._keys:
            for name, entity in self.entities.items():
                self._keys[name] = frozenset(column.strip() for column in entity.primary_key.split(","))
        return self._keys

    def path(self, start: str, goal: str) -> tuple[Relationship, ...] | None:
        """The many-to-one joins that lead from one entity to another, the shortest way.

        Empty when they are the same, None when there is no path.
        """
        if (start, goal) not in self._paths:
            self._paths[start, goal] = self._find_path(start, goal)
        return self._paths[start, goal]

    def _find_path(self, start: str, goal: str) -> tuple[Relationship, ...] | None:
        queue: list[tuple[str, tuple[Relationship, ...]]] = [(start, ())]
        seen = {start}
        while queue:
            name, path = queue.pop(0)
            if name == goal:
                return path
            for relationship in self.entities[name].relationships:
                if relationship.to not in seen:
                    seen.add(relationship.to)
                    queue.append((relationship.to, (*path, relationship)))
        return None

    def at_home(self, dimension: Dimension, root: str) -> Dimension | None:
        """The dimension as rows of `root` know it, on its own entity or another home; None when out of reach."""
        if self.path(root, dimension.entity) is not None:
            return dimension
        for entity, expr in sorted(dimension.homes.items()):
            if self.path(root, entity) is not None:
                return dimension.model_copy(update={"entity": entity, "expr": expr})
        return None

    def legal_dimensions(self, metric: Metric) -> frozenset[str]:
        """The dimensions by which a metric may be grouped or filtered without counting twice."""
        if metric.name not in self._legal:
            roots = {self.measures[part.measure].entity for part in metric.parts}
            balance_only = all(part.read == "balance" for part in metric.parts)
            self._legal[metric.name] = frozenset(
                name
                for name, dimension in self.dimensions.items()
                if (balance_only or not dimension.as_of)
                and all(self.at_home(dimension, root) is not None for root in roots)
            )
        return self._legal[metric.name]
