"""From raw records to rows: types each record, sets aside what cannot be typed, and lays rows out as JSON lines.

DuckDB reads JSON lines with explicit column types about fifty times faster than row-by-row inserts; the typed record
in between is what guards correctness. So no value reaches DuckDB that was not checked here first.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sync import schema
from sync.errors import RejectedRecordError
from sync.pages import RawRecord
from sync.records import parse_record
from sync.resources import Resource
from sync.row_paths import row_maker


@dataclass(frozen=True)
class Rejected:
    """A record that could not be typed, as it is kept and reported."""

    resource: str
    record_id: int | None
    field: str
    problem: str
    raw: str

    def line(self, number: int, run_id: str, at: dt.datetime) -> str:
        """The record as a row of `rejected_records`, laid out as a JSON line."""
        return _ENCODER.encode({**vars(self), "run_id": run_id, "rejected_at": at, "_seq": number})

    def __str__(self) -> str:
        return f"{self.resource} {self.record_id or '(no id)'}: {self.field}: {self.problem}"


@dataclass
class Batch:
    """Rows of some pages of one resource, ready to be merged in one transaction.

    `lines` holds JSON lines by table name; a child's line carries `_seq`, the number of the record it came with, so
    that of two versions of a record in one batch only the winner's children count.
    """

    resource: Resource
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    pages: int = 0
    last_id: int = 0

    def add_page(self, records: Iterable[RawRecord], last_id: int) -> int:
        """Takes a page; returns how many of its records were set aside."""
        before = len(self.rejected)
        for record in records:
            self.add(record)
        self.pages += 1
        self.last_id = last_id
        return len(self.rejected) - before

    def add(self, record: RawRecord) -> None:
        """Types one record and lays out its rows; a record that cannot be typed is set aside whole."""
        self.read += 1
        try:
            typed = parse_record(self.resource.record, record.value)
        except RejectedRecordError as error:
            self.rejected.append(Rejected(self.resource.name, record.id, error.field, error.problem, record.text))
            return
        makers = _makers(self.resource)
        own = makers[0](typed, None, record.text)
        self._lay_out(self.resource.table, own)
        for child, make in zip(self.resource.children, makers[1:], strict=True):
            name = child.attribute.replace("_", "-")
            raw_items = record.value.get(name) if child.table.has("raw") else None
            for number, item in enumerate(getattr(typed, child.attribute)):
                raw = None if raw_items is None else _json_text(raw_items[number])
                row = make(item, typed, raw)
                if child.parent_type is not None:  # the parent knows what a thin payload may leave out
                    row["approvable_type"] = row["approvable_type"] or child.parent_type
                    row["approvable_id"] = row["approvable_id"] or own["id"]
                self._lay_out(child.table, row)

    def _lay_out(self, table: schema.Table, row: dict[str, object]) -> None:
        row["_seq"] = self.read
        self.lines[table.name].append(_ENCODER.encode(row))


_MAKERS: dict[str, list[Any]] = {}


def _makers(resource: Resource) -> list[Any]:
    """The row makers of a resource's own table and its children's, made once."""
    if resource.name not in _MAKERS:
        _MAKERS[resource.name] = [row_maker(table) for table in resource.tables]
    return _MAKERS[resource.name]


def _plain(value: object) -> object:
    """Values that JSON has no type for, as the text that DuckDB reads exactly."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date):  # a time is a date too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _json_text(value: object) -> str:
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain, check_circular=False)
