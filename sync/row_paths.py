"""From a typed record to a row: the paths of `sync.schema`, looked up once per table."""

import datetime as dt
import operator
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sync.fields import plain_percent
from sync.schema import PERCENT, Column, Table

Value = Callable[[Any, Any, str | None], object]
Row = msgspec.Struct
RowMaker = Callable[[Any, Any, str | None], Row]


def row_maker(table: Table) -> RowMaker:
    """A function (record, parent, raw) -> row of `table`, with every path of the table looked up once.

    A row has an attribute for each column and `_seq`. Values that are absent are left out when it is encoded.
    """
    simple = [column.name for column in table.columns if _is_simple(column)]
    others = [column for column in table.columns if not _is_simple(column)]
    values = tuple(_value(column) for column in others)
    names = [*simple, *(column.name for column in others)]
    row_type = msgspec.defstruct(
        f"{table.name}_row",
        [*((name, Any, None) for name in names), ("_seq", int, 0)],
        omit_defaults=True,
        gc=False,
    )
    fetch = _several(simple)

    def make(record: Any, parent: Any, raw: str | None) -> Row:
        return row_type(*fetch(record), *[value(record, parent, raw) for value in values])

    return make


def spell_decimals(row: Row, table: Table) -> None:
    """Writes a row's Decimals as text without an exponent, in place."""
    for column in table.columns:
        if column.type.startswith("DECIMAL"):
            value = getattr(row, column.name)
            setattr(row, column.name, None if value is None else format(value, "f"))


def _is_simple(column: Column) -> bool:
    """Whether the value is the attribute of the column's own name."""
    return column.source == column.name and column.type not in {"DATE", PERCENT}


def _several(names: list[str]) -> Callable[[Any], tuple[object, ...]]:
    """A function that gives the attributes of these names as a tuple."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


def _value(column: Column) -> Value:
    """How one column's value is fetched."""
    if column.source == "@raw":
        return lambda _record, _parent, raw: raw
    if not column.source:
        return lambda _record, _parent, _raw: None  # written by `sync.rows`
    if column.source.startswith("^"):
        from_parent = operator.attrgetter(column.source[1:])
        return lambda _record, parent, _raw: from_parent(parent)
    fetch = _path(column.source.split("."))
    if column.type == "DATE":
        return lambda record, _parent, _raw: _date_of(fetch(record))
    if column.type == PERCENT:
        return lambda record, _parent, _raw: plain_percent(fetch(record))
    return lambda record, _parent, _raw: fetch(record)


def _path(steps: Iterable[str]) -> Callable[[Any], Any]:
    """A dotted path that ends at the first None."""
    first, *rest = (operator.attrgetter(step) for step in steps)
    if not rest:
        return first

    def fetch(record: Any) -> Any:
        value = first(record)
        for step in rest:
            if value is None:
                return None
            value = step(value)
        return value

    return fetch


def _date_of(value: dt.date | dt.datetime | str | None) -> dt.date | None:
    """The date of a time in its own offset, or of its text; raises ValueError for text of no day there is."""
    if value is None:
        return None
    if isinstance(value, str):
        return dt.date.fromisoformat(value[:10])
    return value.date() if isinstance(value, dt.datetime) else value
