"""From raw records to rows: types each record, sets aside what cannot be typed, and lays rows out as JSON lines.

DuckDB reads JSON lines with explicit column types about fifty times faster than row-by-row inserts; the typed record
in between is what guards correctness. So no value reaches DuckDB that was not checked here first.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sync.errors import RejectedRecordError
from sync.pages import RawRecord
from sync.plain_records import PlainReader
from sync.records import parse_record
from sync.resources import Child, Resource
from sync.row_paths import Row, row_maker, spell_decimals

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")  # of custom fields; money is text by then


@dataclass(frozen=True)
class Rejected:
    """A record that could not be typed, as it is kept and reported."""

    resource: str
    record_id: int | None
    field: str
    problem: str
    raw: str

    def line(self, number: int, run_id: str, at: dt.datetime) -> bytes:
        """The record as a row of `rejected_records`, laid out as a JSON line."""
        return _ENCODER.encode({**vars(self), "run_id": run_id, "rejected_at": at, "_seq": number})

    def __str__(self) -> str:
        return f"{self.resource} {self.record_id or '(no id)'}: {self.field}: {self.problem}"


@dataclass
class Batch:
    """Rows of some pages of one resource, ready to be merged in one transaction.

    `lines` holds JSON lines by table name; a child's line carries `_seq`, the number of the record it came with, so
    that of two versions of a record in one batch only the winner's children count. `hidden` are lists of children
    that Coupa does not send: those in the mirror stay. `ids` are those of the rows by table name, and `repeated` the
    tables of which an id came more than once.
    """

    resource: Resource
    lines: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0
    pages: int = 0
    last_id: int = 0
    hidden: set[str] = field(default_factory=set)
    ids: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    repeated: set[str] = field(default_factory=set)

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
        layout = _layout(self.resource)
        try:
            rows = layout.rows(record)
        except RejectedRecordError as error:
            self.rejected.append(Rejected(self.resource.name, record.id, error.field, error.problem, record.text))
            return
        for name, row in rows:
            row._seq = self.read  # type: ignore[attr-defined] # noqa: SLF001 -- a column that every row has
            self.lines[name].append(_ENCODER.encode(row))
            ids = self.ids[name]
            if row.id in ids:  # type: ignore[attr-defined] # as above
                self.repeated.add(name)
            ids.add(row.id)  # type: ignore[attr-defined] # as above


class Layout:
    """How the records of one resource become rows of its tables."""

    def __init__(self, resource: Resource) -> None:
        self.resource: Final = resource
        self._own = row_maker(resource.table)
        self._children = [(child, row_maker(child.table)) for child in resource.children]
        self._plain = _plain_reader(resource)
        self._texts = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def rows(self, record: RawRecord) -> list[tuple[str, Row]]:
        """The rows of a record by table name, its own first; raises RejectedRecordError."""
        return self.plain_rows(record) or self.declared_rows(record)

    def plain_rows(self, record: RawRecord) -> list[tuple[str, Row]] | None:
        """The rows of a record that has each value in its usual form; None for any other."""
        plain = self._plain.read(record.content) if self._plain is not None else None
        if plain is None:
            return None
        typed = plain.typed
        try:
            rows = [(self.resource.table.name, self._own(typed, None, record.text))]
            for child, make in self._children:
                kept = plain.kept.get(child.attribute)
                for owner in _owners(typed, child):
                    if kept is None:
                        made = [make(item, owner, None) for item in getattr(owner, child.attribute) or ()]
                    else:
                        made = [make(item, owner, raw) for item, raw in kept]
                    rows += [(child.table.name, _of_parent(row, child, typed)) for row in made]
        except ValueError:  # a date of no day there is
            return None
        return rows

    def declared_rows(self, record: RawRecord) -> list[tuple[str, Row]]:
        """The rows of any record, by its record type; raises RejectedRecordError."""
        typed = parse_record(self.resource.record, _value(record))
        rows = [(self.resource.table, self._own(typed, None, record.text))]
        for child, make in self._children:
            for owner in _owners(typed, child):
                items = getattr(owner, child.attribute)
                texts = self._item_texts(record, child) if child.table.has("raw") else (None,) * len(items)
                rows += [
                    (child.table, _of_parent(make(item, owner, raw), child, typed))
                    for item, raw in zip(items, texts, strict=True)
                ]
        for table, row in rows:
            spell_decimals(row, table)
        return [(table.name, row) for table, row in rows]

    def _item_texts(self, record: RawRecord, child: Child) -> list[str]:
        """The exact texts of a list's items."""
        found = self._texts.decode(record.content).get(child.attribute.replace("_", "-"))
        items = msgspec.json.decode(found, type=list[msgspec.Raw] | str | None) if found is not None else None
        return [bytes(item).decode("utf-8") for item in items or ()]


def _plain_reader(resource: Resource) -> PlainReader | None:
    """The fast reader, or None for a record type that only pydantic can read."""
    try:
        return PlainReader(resource.record, [child.attribute for child in resource.children if child.table.has("raw")])
    except TypeError:
        return None


def _owners(record: Any, child: Child) -> Iterable[Any]:
    """What holds the lists of a child: the record, or the items of a list in it."""
    return (record,) if child.within is None else getattr(record, child.within) or ()


def _of_parent(row: Any, child: Child, parent: Any) -> Row:
    """The row with what the record knows: its id two levels down, and what a thin payload may leave out."""
    if child.within is not None:
        setattr(row, str(child.table.parent_key), parent.id)
    if child.parent_type is not None:
        row.approvable_type = row.approvable_type or child.parent_type
        row.approvable_id = row.approvable_id or parent.id
    return row  # type: ignore[no-any-return] # rows are made per table


def _value(record: RawRecord) -> object:
    try:
        return record.value
    except (ValueError, RecursionError):
        raise RejectedRecordError("(record)", "holds a number too long, or lists too deep, to be read") from None


_LAYOUTS: dict[str, Layout] = {}


def _layout(resource: Resource) -> Layout:
    """The layout of a resource, made once."""
    held = _LAYOUTS.get(resource.name)
    if held is None or held.resource is not resource:
        held = _LAYOUTS[resource.name] = Layout(resource)
    return held
