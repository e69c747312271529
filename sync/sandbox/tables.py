"""Tables of the sandbox: columns by attribute name, and the links between tables.

A table is a set of equally long columns under Coupa's hyphenated attribute names, plus associations: `ToOne` (an
invoice's supplier), `ToMany` (an invoice's lines) and `CustomFields`. Rows are numbered from 0 in ascending id order,
so a condition on `id` is a binary search.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Union

import numpy as np

from sync.sandbox.arrays import BoolArray, IntArray
from sync.sandbox.columns import Column, Integers

# What to write of a record: attribute name -> what to write of it (None: all of a scalar, the usual part of a link).
Shape = Mapping[str, Union["Shape", None]]


@dataclass(frozen=True)
class ToOne:
    """A link to at most one row of another table: `index` is its row, -1 where there is none.

    `shape` is what a full answer embeds; `keys` is what `return_object=shallow` embeds.
    """

    table: "Table"
    index: IntArray
    shape: Shape
    keys: tuple[str, ...] = ("id",)


@dataclass(frozen=True)
class ToMany:
    """A link to the rows of a child table: row `p` owns `order[starts[p]:starts[p + 1]]`."""

    table: "Table"
    starts: IntArray
    shape: Shape
    order: IntArray | None = None


@dataclass(frozen=True)
class CustomFields:
    """The `custom-fields` object: columns under the tenant's own names."""

    columns: Mapping[str, Column]


Attribute = Column | ToOne | ToMany | CustomFields


@dataclass(eq=False)
class Table:
    """One kind of record. `model` is the name under which Coupa reports errors, such as `invoice_header`.

    `live` is False for rows that are not there for a reader, deleted or not yet visible; None where all are. Links
    never lead to such a row. Only sync.sandbox.editing changes a table after it was built.
    """

    model: str
    ids: IntArray
    attributes: dict[str, Attribute] = field(default_factory=dict)
    live: BoolArray | None = None

    def __post_init__(self) -> None:
        self.attributes.setdefault("id", Integers(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def row_of(self, record_id: int) -> int | None:
        """The row of a live record; None where there is none."""
        row = int(np.searchsorted(self.ids, record_id))
        if row == len(self) or int(self.ids[row]) != record_id:
            return None
        return row if self.live is None or bool(self.live[row]) else None

    def live_rows(self) -> IntArray:
        """The rows of all live records, ascending."""
        every = np.arange(len(self), dtype=np.int64)
        return every if self.live is None else every[self.live]

    def find(self, name: str) -> Attribute | None:
        """The attribute under its hyphenated or underscored name."""
        return self.attributes.get(name.replace("_", "-"))

    @cached_property
    def full_shape(self) -> Shape:
        """What a request without `fields` is answered with: every attribute, links in their usual part."""
        return dict.fromkeys(self.attributes)

    @cached_property
    def shallow_shape(self) -> Shape:
        """`return_object=shallow`: own attributes, and of each link only its id and natural keys."""
        shape: dict[str, Shape | None] = {}
        for name, attribute in self.attributes.items():
            if isinstance(attribute, ToOne):
                shape[name] = dict.fromkeys(attribute.keys)
            elif isinstance(attribute, ToMany):
                shape[name] = {"id": None}
            else:
                shape[name] = None
        return shape


def resolve(text: str, table: Table) -> Attribute:
    """The attribute that a dotted path such as `supplier.parent` names; raises KeyError."""
    found: Attribute | None = None
    current: Table | None = table
    for step in text.split("."):
        found = current.attributes[step] if current is not None else None
        current = found.table if isinstance(found, ToOne | ToMany) else None
    if found is None:
        raise KeyError(text)
    return found
