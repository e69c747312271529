"""What of a record is written: the `fields` and `return_object` parameters, and the writing itself."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sync.sandbox.arrays import IntArray, ranges
from sync.sandbox.columns import Column
from sync.sandbox.errors import BadQueryError
from sync.sandbox.tables import Attribute, CustomFields, Shape, Table, ToMany, ToOne

Record = dict[str, Any]


def shape_of(table: Table, parameters: Mapping[str, str]) -> Shape:
    """The shape that `fields` or `return_object` ask for; `fields` wins. Raises BadQueryError."""
    if "fields" in parameters:
        return _parse_fields(table, parameters["fields"])
    wanted = parameters.get("return_object")
    if wanted is None:
        return table.full_shape
    if wanted == "limited":
        return {"id": None}
    if wanted == "shallow":
        return table.shallow_shape
    raise BadQueryError(table.model, f"return_object '{wanted}' is not limited or shallow (none works on writes only)")


def render(table: Table, rows: IntArray, shape: Shape) -> list[Record]:
    """The records of the given rows, in their order, each with the attributes of `shape`."""
    if len(rows) == 0:
        return []
    names = list(shape)
    columns = [_render_attribute(table.attributes[name], rows, shape[name]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _render_attribute(attribute: Attribute, rows: IntArray, shape: Shape | None) -> Sequence[Any]:
    if isinstance(attribute, Column):
        return attribute.render(rows)
    if isinstance(attribute, ToOne):
        return _render_one(attribute, rows, shape)
    if isinstance(attribute, ToMany):
        return _render_many(attribute, rows, shape)
    return _render_custom(attribute, rows, shape)


def _render_one(link: ToOne, rows: IntArray, shape: Shape | None) -> Sequence[Any]:
    targets, places = np.unique(link.index[rows], return_inverse=True)
    gone = int(targets[0]) < 0
    records: list[Record | None] = [None] if gone else []
    records.extend(render(link.table, targets[1:] if gone else targets, shape or link.shape))
    return [records[place] for place in places.tolist()]


def _render_many(link: ToMany, rows: IntArray, shape: Shape | None) -> Sequence[Any]:
    first, last = link.starts[rows], link.starts[rows + 1]
    children = ranges(first, last)
    if link.order is not None:
        children = link.order[children]
    records = render(link.table, children, shape or link.shape)
    answer, taken = [], 0
    for count in (last - first).tolist():
        answer.append(records[taken : taken + count])
        taken += count
    return answer


def _render_custom(attribute: CustomFields, rows: IntArray, shape: Shape | None) -> Sequence[Any]:
    names = list(shape or attribute.columns)
    if not names:
        return [{} for _ in range(len(rows))]
    columns = [attribute.columns[name].render(rows) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _parse_fields(table: Table, text: str) -> Shape:
    try:
        wanted = json.loads(text)
    except json.JSONDecodeError:
        raise BadQueryError(table.model, f"fields is not JSON; write it as {_EXAMPLE}") from None
    return _shape(table, wanted)


_EXAMPLE = '["id",{"supplier":["id","name"]},{"custom_fields":{}}]'


def _shape(table: Table, wanted: Any) -> Shape:
    if not isinstance(wanted, list):
        raise BadQueryError(table.model, f"fields must be a list; write it as {_EXAMPLE}")
    shape: dict[str, Shape | None] = {}
    for item in wanted:
        for name, inner in [(item, None)] if isinstance(item, str) else _pairs(table, item):
            attribute = table.find(name)
            if attribute is None:
                raise BadQueryError(table.model, f"fields: unknown attribute '{name}' of {table.model}")
            shape[name.replace("_", "-")] = _inner_shape(table, attribute, name, inner)
    return shape


def _pairs(table: Table, item: Any) -> list[tuple[str, Any]]:
    if not isinstance(item, dict):
        raise BadQueryError(table.model, f"fields: each entry is a name or an object; write it as {_EXAMPLE}")
    return list(item.items())


def _inner_shape(table: Table, attribute: Attribute, name: str, inner: Any) -> Shape | None:
    if not inner:
        return None
    if isinstance(attribute, ToOne | ToMany):
        return _shape(attribute.table, inner)
    if isinstance(attribute, CustomFields) and isinstance(inner, list):
        known = [str(part).replace("_", "-") for part in inner]
        return {part: None for part in known if part in attribute.columns}
    raise BadQueryError(table.model, f"fields: '{name}' has no attributes of its own")
