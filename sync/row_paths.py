"""From a typed record to a row: the paths of `sync.schema`, looked up once per table."""

import datetime as dt
import operator
from collections.abc import Callable, Iterable
from typing import Any

from sync.schema import Column, Table

Value = Callable[[Any, Any, str | None], object]


def row_maker(table: Table) -> Callable[[Any, Any, str | None], dict[str, object]]:
    """A function (record, parent, raw) -> row of `table`, with every path of the table looked up once."""
    makers = [(column.name, _value(column)) for column in table.columns]

    def make(record: Any, parent: Any, raw: str | None) -> dict[str, object]:
        return {name: value(record, parent, raw) for name, value in makers}

    return make


def _value(column: Column) -> Value:
    """How one column's value is fetched."""
    if column.source == "@raw":
        return lambda _record, _parent, raw: raw
    if column.source.startswith("^"):
        from_parent = operator.attrgetter(column.source[1:])
        return lambda _record, parent, _raw: from_parent(parent)
    fetch = _path(column.source.split("."))
    if column.type == "DATE":
        return lambda record, _parent, _raw: _date_of(fetch(record))
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


def _date_of(value: dt.date | dt.datetime | None) -> dt.date | None:
    """The date of a time in its own offset; dates stay as they are."""
    return value.date() if isinstance(value, dt.datetime) else value
