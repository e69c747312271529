"""Coupa's query string: conditions, order and page, answered as row numbers.

`status[in]=approved,voided&supplier[name][contains]=Works&id[gt]=500&order_by=id&limit=50` is split into conditions
(a path of attributes, an operator, a value), which are AND-ed. Conditions under one association must hold for one and
the same associated record, as they would in a SQL join. Conditions on the record's own `id` are binary searches.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import BoolArray, IntArray
from sync.sandbox.columns import OPERATORS, BadValueError, Column
from sync.sandbox.errors import BadQueryError
from sync.sandbox.tables import CustomFields, Table, ToMany, ToOne

PAGE_CAP = 50
RESERVED = frozenset({"limit", "offset", "order_by", "dir", "fields", "return_object", "filter"})
_KEPT_MASKS = 16
_ID_OPERATORS = frozenset({"eq", "gt", "lt", "gt_or_eq", "lt_or_eq"})


@dataclass(frozen=True)
class Condition:
    """One `path[operator]=value`; the path is made of attribute names, outermost first."""

    path: tuple[str, ...]
    operator: str
    value: str


@dataclass(frozen=True)
class Query:
    """A list request: conditions, order and page. `limit` is already capped at 50."""

    conditions: tuple[Condition, ...]
    order_by: str = "id"
    descending: bool = False
    limit: int = PAGE_CAP
    offset: int = 0


class Selector:
    """Answers queries over one table and keeps the row lists of the latest few condition sets.

    A client that pages through a filter repeats the same conditions with another offset or `id[gt]`; the kept row
    list makes every page after the first a slice.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._kept: dict[tuple[frozenset[Condition], str], IntArray | None] = {}

    def page(self, query: Query) -> IntArray:
        """The rows of one page, in order. Raises BadQueryError."""
        on_id = [c for c in query.conditions if c.path == ("id",) and c.operator in _ID_OPERATORS]
        others = frozenset(c for c in query.conditions if c not in on_id)
        rows = self._rows(others, query.order_by)
        if query.order_by == "id":
            rows_or_range = self._narrow(rows, on_id)
        else:
            masks = [_match(self.table, [condition]) for condition in on_id]
            chosen = rows if rows is not None else np.arange(len(self.table))
            rows_or_range = chosen[np.logical_and.reduce([mask[chosen] for mask in masks])] if masks else chosen
        if query.descending:
            rows_or_range = rows_or_range[::-1]
        picked = rows_or_range[query.offset : query.offset + query.limit]
        return np.asarray(picked, dtype=np.int64)

    def _rows(self, conditions: frozenset[Condition], order_by: str) -> IntArray | None:
        """All rows that satisfy the conditions, in order; None stands for every row by id."""
        key = (conditions, order_by)
        if key not in self._kept:
            if len(self._kept) >= _KEPT_MASKS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = self._find(conditions, order_by)
        return self._kept[key]

    def _find(self, conditions: frozenset[Condition], order_by: str) -> IntArray | None:
        rows: IntArray | None = None
        if conditions or self.table.live is not None:
            rows = np.flatnonzero(_match(self.table, sorted(conditions, key=repr))).astype(np.int64)
        if order_by == "id":
            return rows
        column = self.table.find(order_by)
        if not isinstance(column, Column):
            raise _unknown(self.table, order_by, "order_by")
        order = np.argsort(column.sort_keys(), kind="stable").astype(np.int64)
        return order if rows is None else order[np.isin(order, rows)]

    def _narrow(self, rows: IntArray | None, on_id: Sequence[Condition]) -> IntArray | range:
        """Rows between the bounds that the conditions on `id` set."""
        ids = self.table.ids if rows is None else self.table.ids[rows]
        low, high = 0, len(ids)
        for condition in on_id:
            value = _whole_number(self.table, condition.value)
            if condition.operator in ("gt", "gt_or_eq", "eq"):
                side: str = "right" if condition.operator == "gt" else "left"
                low = max(low, int(np.searchsorted(ids, value, side=side)))  # type: ignore[call-overload]
            if condition.operator in ("lt", "lt_or_eq", "eq"):
                side = "left" if condition.operator == "lt" else "right"
                high = min(high, int(np.searchsorted(ids, value, side=side)))  # type: ignore[call-overload]
        high = max(low, high)
        return range(low, high) if rows is None else rows[low:high]


def parse_query(table: Table, parameters: Iterable[tuple[str, str]]) -> Query:
    """The query that a request's parameters spell; a repeated key keeps its last value. Raises BadQueryError."""
    given = dict(parameters)
    conditions = [_condition(table, key, value) for key, value in given.items() if key not in RESERVED]
    _check_filter(table, given)
    direction = given.get("dir", "asc").lower()
    if direction not in ("asc", "desc"):
        raise BadQueryError(table.model, f"dir '{given['dir']}' is neither asc nor desc")
    return Query(
        conditions=tuple(conditions),
        order_by=given.get("order_by", "id").replace("_", "-"),
        descending=direction == "desc",
        limit=min(PAGE_CAP, _count(table, given, "limit", PAGE_CAP)),
        offset=_count(table, given, "offset", 0),
    )


def _check_filter(table: Table, given: Mapping[str, str]) -> None:
    named = given.get("filter")
    if named is not None and re.fullmatch(r"default_[a-z_]+_filter", named) is None:
        raise BadQueryError(table.model, f"filter '{named}' does not exist; use fields instead")


def _condition(table: Table, key: str, value: str) -> Condition:
    """Splits `supplier[primary-contact][email][contains]`, or the form with nested brackets, into path and operator."""
    steps = [step for step in re.split(r"[\[\]]", key) if step]
    if not steps:
        raise BadQueryError(table.model, "a query parameter has no name")
    operator = "eq"
    if len(steps) > 1 and steps[-1] in OPERATORS:
        operator = steps.pop()
    return Condition(tuple(step.replace("_", "-") for step in steps), operator, value)


def _count(table: Table, given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise BadQueryError(table.model, f"{name} '{text}' is not a whole number from 0")
    return int(text)


def _whole_number(table: Table, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadQueryError(table.model, f"id: '{text}' is not a whole number") from None


def _match(table: Table, conditions: Sequence[Condition]) -> BoolArray:
    """A mask over the table's live rows: those that satisfy all conditions."""
    mask = np.ones(len(table), dtype=np.bool_) if table.live is None else table.live.copy()
    groups: dict[str, list[Condition]] = {}
    for condition in conditions:
        groups.setdefault(condition.path[0], []).append(condition)
    for name, group in groups.items():
        mask &= _match_attribute(table, name, group)
    return mask


def _match_attribute(table: Table, name: str, group: Sequence[Condition]) -> BoolArray:
    attribute = table.find(name)
    if attribute is None:
        return _match_shortcut(table, name, group)
    if isinstance(attribute, Column):
        return _match_column(table, attribute, name, group)
    if any(len(condition.path) == 1 for condition in group):
        return _match_presence(table, attribute, name, group)
    inner = [Condition(condition.path[1:], condition.operator, condition.value) for condition in group]
    if isinstance(attribute, ToOne):
        found = _match(attribute.table, inner)
        linked = attribute.index >= 0
        return linked & found[attribute.index] if len(found) else linked
    if isinstance(attribute, ToMany):
        return _match_children(attribute, inner)
    return _match_custom(table, attribute, inner)


def _match_children(attribute: ToMany, inner: Sequence[Condition]) -> BoolArray:
    found = _match(attribute.table, inner)
    if attribute.order is not None:
        found = found[attribute.order]
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(found, dtype=np.int64)))
    some: BoolArray = running[attribute.starts[1:]] > running[attribute.starts[:-1]]
    return some


def _match_custom(table: Table, attribute: CustomFields, inner: Sequence[Condition]) -> BoolArray:
    mask = np.ones(len(table), dtype=np.bool_)
    for condition in inner:
        column = attribute.columns.get(condition.path[0])
        if column is None:
            raise BadQueryError(table.model, f"unknown custom field '{condition.path[0]}'")
        mask &= _match_column(table, column, condition.path[0], [condition])
    return mask


def _match_column(table: Table, column: Column, name: str, group: Sequence[Condition]) -> BoolArray:
    mask = np.ones(len(table), dtype=np.bool_)
    for condition in group:
        if len(condition.path) > 1:
            raise BadQueryError(table.model, f"'{name}' has no attribute or operator '{condition.path[1]}'")
        try:
            mask &= column.matches(condition.operator, condition.value)
        except BadValueError as problem:
            raise BadQueryError(table.model, f"{name}: {problem}") from None
    return mask


def _match_presence(
    table: Table, attribute: ToOne | ToMany | CustomFields, name: str, group: Sequence[Condition]
) -> BoolArray:
    """`contract[blank]=true`: whether a link leads anywhere; any other condition needs an attribute of the target."""
    mask = np.ones(len(table), dtype=np.bool_)
    for condition in group:
        if condition.operator != "blank" or len(condition.path) > 1 or not isinstance(attribute, ToOne):
            raise BadQueryError(table.model, f"'{name}' is an association: name an attribute, as in {name}[id]=1")
        mask &= (attribute.index < 0) == (condition.value.lower() == "true")
    return mask


def _match_shortcut(table: Table, name: str, group: Sequence[Condition]) -> BoolArray:
    """`supplier_id=4` for `supplier[id]=4`."""
    stem = name.removesuffix("-id")
    if stem == name or not isinstance(table.find(stem), ToOne):
        raise _unknown(table, name, "attribute")
    return _match_attribute(
        table, stem, [Condition((stem, "id"), condition.operator, condition.value) for condition in group]
    )


def _unknown(table: Table, name: str, what: str) -> BadQueryError:
    near = difflib.get_close_matches(name, table.attributes, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return BadQueryError(table.model, f"unknown {what} '{name}' of {table.model}{hint}")
