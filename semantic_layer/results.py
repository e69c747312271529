"""What comes back: rows with typed columns, the total they belong to, the SQL that ran and the checks it passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from semantic_layer.periods import Period

Value = Decimal | str | int | bool | date | None
Role = Literal["dimension", "metric", "share", "delta"]


@dataclass(frozen=True)
class Column:
    """A column of the answer.

    `unit` is days, ratio, count, date, text, or money:<currency>; `part_of` names the ratio it explains.
    """

    name: str
    label: str
    role: Role
    unit: str
    part_of: str | None = None


@dataclass(frozen=True)
class Check:
    """One check that ran with the answer."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Lineage:
    """Where a metric comes from: its definition in words and the Coupa fields it reads."""

    metric: str
    label: str
    definition: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class ResultSet:
    """The answer to one MetricQuery.

    `rows` follow `columns`; money is Decimal, days and ratios are Decimal. `total` holds each metric for the whole
    (no grouping, no limit); with a comparison also `<metric>__previous`. `row_count` counts the groups before the
    limit.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    total: Mapping[str, Value]
    row_count: int
    truncated: bool
    sql: tuple[str, ...]
    checks: tuple[Check, ...]
    caveats: tuple[str, ...]
    lineage: tuple[Lineage, ...]
    period: Period
    as_of: date
    currency: str
    assumptions: tuple[tuple[str, str, str], ...] = field(default=())
    """(name, value, source) of every default that shaped the figure."""
    partial: tuple[str, ...] = ()
    """Labels of the time buckets that are cut short by the period."""

    def column(self, name: str) -> tuple[Value, ...]:
        """All values of one column."""
        index = [c.name for c in self.columns].index(name)
        return tuple(row[index] for row in self.rows)

    def records(self) -> list[dict[str, Value]]:
        """Rows as dicts by column name."""
        names = [c.name for c in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Drill:
    """The records behind one cell: each row a record and what it puts into each part of the figure, exactly.

    `totals` are the parts of the cell, computed apart; `checks` hold that the records add up to them to the cent.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    totals: Mapping[str, Value]
    checks: tuple[Check, ...]
    truncated: bool
    sql: tuple[str, ...]


@dataclass(frozen=True)
class RecordSet:
    """Rows of one entity."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool
    sql: str
