"""Balances from sums by month: which parts of a query may read them, and the statement that makes them.

A balance adds up all events to a date. Where the date is the end of a month, the events of each month may be added up
beforehand, by what questions group and filter by; decimals are exact, so the figure is the same to the last cent. The
last two months keep their days, so that a balance of today is one of these, too. A part that needs anything else of an
event (its due date, its invoice) or a date in the middle of an older month reads the events themselves, and so does a
question about what was known at a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlglot import exp

from semantic_layer.derived_columns import OF
from semantic_layer.fragments import comma, entities_of, literal, on_entity, parse, render, source
from semantic_layer.model import Rollup, SemanticModel
from semantic_layer.parts_context import Cte, PartContext

ENDING = "_by_month"


def rolled_up(context: PartContext, ctes: Sequence[Cte]) -> list[Cte] | None:
    """The WITH queries of a part over the sums by month; None where those do not hold all that the part reads."""
    entity = context.part.measure.entity
    rollup = context.model.entities[entity].rollup
    if rollup is None or not _is_plain_balance(context, rollup):
        return None
    found = [(name, _over(body, entity, rollup) or body) for name, body in ctes]
    return found if found != list(ctes) else None


def _is_plain_balance(context: PartContext, rollup: Rollup) -> bool:
    """Whether a part is the sum of all that lies before dates that the rollup knows."""
    part, measure = context.part, context.part.measure
    plain = part.part.read == "balance" and measure.agg == "sum" and measure.expr in rollup.sums
    on_its_clock = context.clock == on_entity(rollup.day, measure.entity, context.bindings)
    if not plain or not on_its_clock or context.query.windowed or context.query.query.known_at is not None:
        return False
    days_kept = first_day_kept(context.query.calendar.data_date)
    return all(as_of >= days_kept or _ends_month(as_of) for _, as_of, _ in context.spine.rows)


def first_day_kept(data_date: date) -> date:
    """From this day on the rollup has each day: the first of the month before that of the data's last day."""
    return (data_date.replace(day=1) - timedelta(days=1)).replace(day=1)


def _ends_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _over(body: str, entity: str, rollup: Rollup) -> str | None:
    """The query over the rollup; None when it reads something that the rollup does not have."""
    tree = parse(body)
    start = tree.args.get("from_") if isinstance(tree, exp.Select) else None
    if start is None or not isinstance(start.this, exp.Table) or start.this.name != entity or start.this.alias:
        return None
    homes = {key.partition(".")[0] for key in rollup.keys}
    for join in list(tree.args.get("joins") or ()):
        if join.this.name in homes:
            if join.side != "LEFT" or not isinstance(join.args.get("on"), exp.EQ):
                return None
            join.pop()
    for column in list(tree.find_all(exp.Column)):
        name = _name_in(column, entity, rollup, homes)
        if name is None:
            return None
        if column.table in {entity, *homes}:
            column.replace(exp.column(name, table=f"{entity}{ENDING}"))
    start.this.set("this", exp.to_identifier(f"{entity}{ENDING}"))
    return render(tree)


def _name_in(column: exp.Column, entity: str, rollup: Rollup, homes: set[str]) -> str | None:
    """The name of a column as the statement may use it over the rollup; None where it may not be used so."""
    if column.table in homes:
        return f"{column.table}{OF}{column.name}" if f"{column.table}.{column.name}" in rollup.keys else None
    if column.table != entity:
        return column.name if column.table else None
    parent = column.parent
    if column.name in rollup.sums:
        return column.name if isinstance(parent, exp.Sum) else None
    shown = isinstance(parent, exp.Alias) and parent.alias == "day"
    bounded = isinstance(parent, exp.LTE) and parent.this is column and not parent.expression.find(exp.Column)
    return column.name if column.name == rollup.day and (shown or bounded) else None


def rollup_query(entity: str, rollup: Rollup, model: SemanticModel, data_date: date) -> str:
    """What makes the rollup: its keys, the day or the month's last day, and the sums."""
    days_kept = literal(first_day_kept(data_date))
    day = f"{entity}.{rollup.day}"
    keys = [f"{key} AS {key.replace('.', OF)}" for key in rollup.keys]
    rolled = f"CASE WHEN {day} >= {days_kept} THEN {day} ELSE LAST_DAY({day}) END AS {rollup.day}"
    sums = [f"SUM({entity}.{name}) AS {name}" for name in rollup.sums]
    return f"SELECT {comma([*keys, rolled, *sums])} {source(model, entity, entities_of(*rollup.keys))} GROUP BY ALL"
