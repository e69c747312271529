"""From a typed record to a row: the paths of `sync.schema`, made into one function per table.

The function is written out as Python and compiled once, as `dataclasses` does it: following each path by itself took
twice as long, and rows are most of what a sync works on.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec

from sync.fields import plain_percent
from sync.schema import PERCENT, Column, Table

Row = msgspec.Struct
RowMaker = Callable[[Any, Any, str | None], Row]


def row_maker(table: Table) -> RowMaker:
    """A function (record, parent, raw) -> row of `table`; raises ValueError where a date is of no day there is.

    A row has an attribute for each column and `_seq`. Values that are absent are left out when it is encoded.
    """
    row_type = msgspec.defstruct(
        f"{table.name}_row",
        [*((name, Any, None) for name in table.names), ("_seq", int, 0)],
        omit_defaults=True,
        gc=False,
    )
    values = ", ".join(_expression(column) for column in table.columns)
    known = {"Row": row_type, "date_of": _date_of, "percent": plain_percent}
    made: dict[str, RowMaker] = {}
    exec(f"def make(record, parent, raw): return Row({values})", known, made)  # noqa: S102 -- of our own schema only
    return made["make"]


def spell_decimals(row: Row, table: Table) -> None:
    """Writes a row's Decimals as text without an exponent, in place."""
    for column in table.columns:
        if column.type.startswith("DECIMAL"):
            value = getattr(row, column.name)
            setattr(row, column.name, None if value is None else format(value, "f"))


def _expression(column: Column) -> str:
    """How one column's value is fetched, as Python; a dotted path ends at the first None."""
    if column.source == "@raw":
        return "raw"
    if not column.source:
        return "None"  # written by `sync.rows`
    if column.source.startswith("^"):
        return f"parent.{column.source[1:]}"
    first, *rest = column.source.split(".")
    value = f"record.{first}"
    if rest:
        *above, last = rest
        steps = [f"(v := {value}) is None", *(f"(v := v.{step}) is None" for step in above)]
        value = f"None if {' or '.join(steps)} else v.{last}"
    if column.type == "DATE":
        return f"date_of({value})"
    return f"percent({value})" if column.type == PERCENT else f"({value})"


def _date_of(value: dt.date | dt.datetime | str | None) -> dt.date | None:
    """The date of a time in its own offset, or of its text; raises ValueError for text of no day there is."""
    if value is None:
        return None
    if isinstance(value, str):
        return dt.date.fromisoformat(value[:10])
    return value.date() if isinstance(value, dt.datetime) else value
