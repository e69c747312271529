"""The outline of a record: what tells, at the least cost, whether the mirror holds it as Coupa does.

Its `updated-at`, the ids and times of its children, and what it copies from other records (a supplier's parent, a
payment term's code), which changes without touching it. The ids of all records with their outlines, read in order,
show deletions, updates that became visible late, children that changed alone, and renamed links.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sync.mirror import Mirror
from sync.resources import Resource
from sync.schema import Column, Table

Values = tuple[object, ...]


class Outline:
    """The outlines of one resource, from Coupa's records and from the mirror's rows."""

    def __init__(self, resource: Resource) -> None:
        self._resource: Final = resource
        self._columns: Final = _columns(resource.table)
        self._children: Final = [
            (child, _columns(child.table)) for child in resource.children if child.parent_type is None
        ]

    @property
    def fields(self) -> str:
        """The value of Coupa's `fields` parameter."""
        tree: dict[str, Any] = {}
        _plant(tree, self._columns)
        for child, columns in self._children:
            place = tree
            for step in filter(None, (child.within, child.attribute)):
                place = place.setdefault(step, {})
            _plant(place, columns)
        return json.dumps(_listed(tree), separators=(",", ":"))

    def of_record(self, value: dict[str, Any]) -> Values:
        """The outline of a record as Coupa sends it."""
        children = (
            frozenset((int(item["id"]), *_read(item, columns)) for item in child.items(value))
            for child, columns in self._children
        )
        return (*_read(value, self._columns), *children)

    def in_mirror(self, mirror: Mirror, after: int, last: int | None) -> dict[int, Values]:
        """The outlines of the rows with after < id <= last (None: no end), by id."""
        own = _select(self._resource.table, "id", self._columns, after, last)
        found = {row[0]: row[1:] for row in mirror.query(own)}
        children = []
        for child, columns in self._children:
            items: defaultdict[Any, set[Values]] = defaultdict(set)
            query = _select(child.table, str(child.table.parent_key), columns, after, last, "id")
            for row in mirror.query(query):
                items[row[0]].add(row[1:])
            children.append(items)
        return {
            int(str(key)): (*values, *(frozenset(items.get(key, ())) for items in children))
            for key, values in found.items()
        }


def _columns(table: Table) -> list[Column]:
    """The columns that tell: the time of the last change, and texts that are copied from other records."""
    return [
        column
        for column in table.columns
        if column.name == "updated_at" or ("." in column.source and column.type == "VARCHAR")
    ]


def _plant(tree: dict[str, Any], columns: Sequence[Column]) -> None:
    """Adds the id and the fields of columns to a tree of names."""
    tree.setdefault("id", {})
    for column in columns:
        place = tree
        for step in column.source.split("."):
            place = place.setdefault(step, {})


def _listed(tree: dict[str, Any]) -> list[Any]:
    """A tree of names as Coupa takes fields."""
    return [{name: _listed(inner)} if inner else name for name, inner in tree.items()]


def _read(value: Any, columns: Sequence[Column]) -> Values:
    """The values of columns in a record."""
    found: list[object] = []
    for column in columns:
        item = value
        for step in column.source.split("."):
            item = item.get(step.replace("_", "-")) if isinstance(item, dict) else None
        if item in {None, ""}:
            found.append(None)
        else:
            found.append(dt.datetime.fromisoformat(item) if column.name == "updated_at" else str(item))
    return tuple(found)


def _select(table: Table, key: str, columns: Sequence[Column], after: int, last: int | None, *more: str) -> str:
    names = ", ".join(f'"{name}"' for name in (key, *more, *(column.name for column in columns)))
    end = "" if last is None else f' AND "{key}" <= {last}'
    return f'SELECT {names} FROM "{table.name}" WHERE "{key}" > {after}{end}'  # noqa: S608
