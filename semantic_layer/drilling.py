"""From a cell of an answer to the records behind it: the same statement, grouped by record as well.

Because the parts are computed as for the answer, what the records put in adds up to the cell, and a check says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from semantic_layer.database import Rows
from semantic_layer.fragments import UNASSIGNED
from semantic_layer.model import Dimension, Part, SemanticModel
from semantic_layer.periods import GRAINS, FiscalCalendar, Grain, Period, buckets
from semantic_layer.query import Filter, MetricQuery
from semantic_layer.resolver import ResolvedQuery
from semantic_layer.results import Check, Drill

RECORD = Dimension(
    name="record",
    label="Record",
    entity="invoice",
    expr="'invoice ' || CAST(id AS VARCHAR)",
    homes={
        "ledger_event": "'ledger of ' || buying_entity || ', ' || CAST(month_end AS VARCHAR)",
        "order_line": "'order line ' || CAST(id AS VARCHAR)",
    },
)
"""What a part is made of: an invoice where its rows lead to one, else a month of a ledger, else an order line."""

ADDS_UP = frozenset({"sum", "count"})
HALF_A_CENT = Decimal("0.005")


def cell_query(
    query: MetricQuery, cell: Mapping[str, str], model: SemanticModel, fiscal: int | FiscalCalendar = 1
) -> MetricQuery:
    """The query of one cell: its dimension values as filters, its time bucket as the period, nothing else."""
    filters, period = list(query.filters), query.period
    for name, value in cell.items():
        if name not in GRAINS:
            filters.append(_cell_filter(name, value, model.dimensions.get(name)))
    grain = next((name for name in GRAINS if name in cell), None)
    if grain is not None and period is not None:
        period = next((b for b in _buckets(query, grain, fiscal) if b.label == cell[grain]), period)
    bare = {"group_by": (), "having": (), "order": (), "limit": None, "compare": None, "share": False, "top_per": None}
    return query.model_copy(update={**bare, "targets": (), "filters": tuple(filters), "period": period})


def by_record(resolved: ResolvedQuery) -> ResolvedQuery:
    """The resolved cell grouped by record alone, its parts as plain sums of rows."""
    parts = tuple(replace(part, part=_plain(part.part)) for part in resolved.parts)
    return replace(resolved, parts=parts, dimensions=(RECORD,), grain=None, buckets=(), order=(), having=())


def drill_of(resolved: ResolvedQuery, records: Rows, total: Rows, sql: tuple[str, ...]) -> Drill:
    """The records with what they put into each part, and whether they add up to the cell."""
    names = [part.name for part in resolved.parts]
    index = {name: i for i, name in enumerate(records.columns)}
    rows = tuple(tuple(row[index[name]] for name in ("record", *names)) for row in records.rows)
    whole = dict(zip(total.columns, total.rows[0], strict=True))
    totals = {name: whole[f"{name}__part"] for name in names}
    checks = []
    for at, part in enumerate(resolved.parts, start=1):
        if part.measure.agg in ADDS_UP:
            added = sum((Decimal(str(row[at] or 0)) for row in rows), Decimal(0))
            difference = abs(added - Decimal(str(totals[part.name] or 0)))
            detail = f"{len(rows)} records add up to {added}"
            checks.append(Check(f"re_adds:{part.name}", difference <= HALF_A_CENT, detail))
    return Drill(("record", *names), rows, totals, tuple(checks), records.truncated, sql)


def _plain(part: Part) -> Part:
    read = {"read": "trailing", "days": 365} if part.read == "countback" else {}
    return part.model_copy(update={**read, "members": None, "against": None})


def _cell_filter(name: str, value: str, dimension: Dimension | None) -> Filter:
    if value == UNASSIGNED:
        return Filter(field=name, op="is empty")
    if dimension is not None and dimension.type == "boolean":
        return Filter(field=name, values=("true" if value == "yes" else "false",))
    return Filter(field=name, values=(value,))


def _buckets(query: MetricQuery, grain: Grain, fiscal: int | FiscalCalendar) -> tuple[Period, ...]:
    return buckets(query.period, grain, fiscal) if query.period else ()
