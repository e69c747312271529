"""The typed semantic model.

Entities, dimensions, measures, metrics, named filters. Frozen; read from YAML by loader.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from semantic_layer.query import Filter

DataType = Literal["text", "number", "money", "date", "boolean"]
Direction = Literal["up", "down", "neutral"]
MetricKind = Literal["flow", "balance", "trailing", "ratio", "duration", "count"]
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
    agg: Literal["sum", "count", "count_distinct", "median", "p90"]
    expr: str
    document_expr: str | None = None
    """The same amount in the currency of the document, where `expr` converts it."""
    where: str | None = None
    at: str
    """The date column that is the measure's own clock unless a time role says otherwise."""
    money: Literal["document", "reporting", "none"] = "none"
    """document.

    In the row's currency, converted at the as-of closing rate; reporting: already converted in the entity.
    """


class Entity(_Frozen):
    """One grain. `sql` selects from the mirror's tables; it may use :reporting_currency and :data_date."""

    name: str
    grain: str
    primary_key: str
    sql: str
    relationships: tuple[Relationship, ...] = ()
    time_roles: tuple[TimeRole, ...] = ()
    depends_on: tuple[str, ...] = ()


class Part(_Frozen):
    """One ingredient of a metric.

    A measure read as a flow in the period, a balance at the as-of date, or a trailing window.
    """

    name: str
    measure: str
    read: Literal["period", "balance", "trailing"] = "period"
    days: int = 0
    """Length of the trailing window, in days ending on the as-of date."""


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
