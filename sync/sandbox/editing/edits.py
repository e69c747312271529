"""Edits of a served company: create, change, delete, hide and reveal records of any table, while readers read.

    edits = Edits(company, now=clock)
    app = create_app(edits.company, edits=edits)
    edits.change("invoices", 90123, {"status": "disputed"})
    edits.create("payments", {"amount-paid": "10.00"}, parent=90123, bump_parent=False)

`company` is a fork: the company that was given stays as it is. Tables are named as in `Company.tables`: resources and
nested ones (`invoice_lines`, `payments`, `approvals`, ...). An edit either takes place as a whole or raises EditError
and changes nothing; readers see the company before or after it, never in between.
"""

import datetime as dt
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from sync.sandbox.arrays import IntArray
from sync.sandbox.columns import Codes, Column, Integers, Texts, words
from sync.sandbox.company.company import Company
from sync.sandbox.editing.column_edits import instant, with_row, with_value
from sync.sandbox.editing.forks import children_of, every_table, forked, owners
from sync.sandbox.errors import EditError
from sync.sandbox.projection import Record, render
from sync.sandbox.tables import Attribute, CustomFields, Table, ToMany, ToOne

Values = Mapping[str, Any]
Moment = dt.datetime | str
OWNER_KEYS: dict[str, dict[str, str | None]] = {
    "approvals": {"approvable-id": None, "approvable-type": "InvoiceHeader"},
    "failed_tolerances": {"failable-id": None, "failable-type": "InvoiceHeader"},
    "payments": {"payable-id": None, "payable-type": "InvoiceHeader"},
    "purchase_order_lines": {"order-header-id": None},
    "payment_details": {"payment-id": None},
}
"""The attributes by which a nested record names its owner; None stands for the owner's id."""


@dataclass(frozen=True)
class Edit:
    """One edit that took place: its number from 1, when (UTC), and what was done to which record."""

    number: int
    at: dt.datetime
    verb: str
    table: str
    record_id: int


@dataclass
class Edits:
    """The editable company.

    now: the clock that stamps `updated-at`, aware; skew_seconds is how far the instance's clock is ahead of it.
    revision counts edits, so that a reader knows when a cached page is out of date. lock is held by every edit and by
    every answer.
    """

    source: Company = field(repr=False)
    now: Callable[[], dt.datetime]
    skew_seconds: float = 0.0
    revision: int = 0
    log: list[Edit] = field(default_factory=list, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    company: Company = field(init=False, repr=False)
    _hidden: dict[tuple[str, int], int | None] = field(default_factory=dict, init=False, repr=False)
    """Records created hidden, by table and id, with the owner that a nested one joins when it is revealed."""

    def __post_init__(self) -> None:
        self.company = forked(self.source)
        self._zone = self.company.parts.frame.zone
        self._tables = every_table(self.company)
        self._owner = {id(child): (owner, attribute) for owner, attribute, child in owners(self.company)}

    def moment(self) -> dt.datetime:
        """Now, by the clock of the instance."""
        return self.now() + dt.timedelta(seconds=self.skew_seconds)

    def create(
        self,
        table: str,
        values: Values,
        *,
        like: int | None = None,
        parent: int | None = None,
        at: Moment | None = None,
        bump_parent: bool = True,
        hidden: bool = False,
    ) -> int:
        """Adds a record and answers its id, the next after the table's last.

        values: attributes as JSON; a link is the id it leads to; nested lists create their records too. like: a record
        to copy all else from. parent: the owner of a nested record, whose updated-at moves unless bump_parent is
        False. at: created-at and updated-at instead of now. hidden: nobody sees the record until `reveal`, as with a
        transaction that gets its id early and commits late.
        """
        with self._edit():
            found = self._table(table)
            record_id = int(found.ids[-1]) + 1 if len(found) else 1
            moment = self._moment(at)
            given = {name.replace("_", "-"): value for name, value in values.items()}
            stamps = {"created-at": moment, "updated-at": moment} if "updated-at" in found.attributes else {}
            if parent is not None:
                keys = OWNER_KEYS.get(table, {})
                given = {name: parent if value is None else value for name, value in keys.items()} | given
            lists = {name: given.pop(name) for name in list(given) if isinstance(found.find(name), ToMany)}
            self._append(table, found, {**stamps, **given}, like)
            found.ids = np.append(found.ids, record_id)
            found.attributes["id"] = Integers(found.ids)
            self._show(found, len(found) - 1, visible=not hidden)
            if hidden:
                self._hidden[table, record_id] = parent
            elif parent is not None:
                self._adopt(table, found, parent, moment if bump_parent else None)
            self._done("create", table, record_id)
            for name, records in lists.items():
                self._create_nested(found, record_id, name, records, moment, hidden=hidden)
            return record_id

    def change(
        self,
        table: str,
        record_id: int,
        values: Values,
        *,
        at: Moment | None = None,
        stamp: bool = True,
        bump_parent: bool = False,
    ) -> None:
        """Changes attributes of a record.

        at: the updated-at to write instead of now; in the past, it is an update that becomes visible late. stamp: with
        False, updated-at stays as it is. bump_parent: moves the updated-at of the record that owns this one, too.
        """
        with self._edit():
            found = self._table(table)
            row = self._row(table, found, record_id)
            moment = self._moment(at)
            given = {name.replace("_", "-"): value for name, value in values.items()}
            if stamp and "updated-at" in found.attributes:
                given.setdefault("updated-at", moment)
            for name, value in given.items():
                found.attributes[name] = self._changed(table, found, name, row, value)
            if bump_parent:
                self._bump_owner(found, row, moment)
            self._done("change", table, record_id)

    def delete(self, table: str, record_id: int, *, at: Moment | None = None, bump_parent: bool = False) -> None:
        """Removes a record and what is nested in it for good, as Coupa does with draft invoices and remit-to addresses.

        Links to it become empty. Nothing but a list of ids shows that it is gone.
        """
        with self._edit():
            found = self._table(table)
            row = self._row(table, found, record_id)
            if bump_parent:
                self._bump_owner(found, row, self._moment(at))
            self._remove(found, row)
            self._hidden.pop((table, record_id), None)
            self._done("delete", table, record_id)

    def reveal(self, table: str, record_id: int) -> None:
        """Shows a record that was created hidden, with the created-at and updated-at of its creation."""
        with self._edit():
            if (table, record_id) not in self._hidden:
                raise EditError(f"{table} has no hidden record {record_id}; create one with hidden=True first.")
            found = self._table(table)
            row = self._row(table, found, record_id)
            self._show(found, row, visible=True)
            parent = self._hidden.pop((table, record_id))
            if parent is not None:
                self._adopt(table, found, parent, None, row)
            for name, child in [key for key, owner in self._hidden.items() if owner == record_id]:
                if self._owner_name(name) == table:
                    self.reveal(name, child)
            self._done("reveal", table, record_id)

    def apply(self, steps: Sequence[Values]) -> list[int | None]:
        """Carries out edits given as data, all or none; answers the id that each one made, if it made one.

        A step names its verb and the arguments of the method of that name, such as
        `{"verb": "change", "table": "invoices", "record_id": 7, "values": {"status": "voided"}, "at": "2026-..."}`.
        """
        with self._edit():
            return [self._step(step) for step in steps]

    def records(self, table: str) -> list[Record]:
        """Every live record of a table in full, by id: what a perfect reader holds now."""
        with self.lock:
            found = self._table(table)
            return render(found, found.live_rows(), found.full_shape)

    def ids(self, table: str) -> list[int]:
        """The ids of the live records of a table, ascending."""
        with self.lock:
            found = self._table(table)
            listed: list[int] = found.ids[found.live_rows()].tolist()
            return listed

    def value(self, table: str, record_id: int, name: str) -> Any:
        """One attribute of one record, as JSON."""
        with self.lock:
            found = self._table(table)
            row = self._row(table, found, record_id)
            return render(found, np.array([row], dtype=np.int64), {name: None})[0][name]

    def children(self, table: str, record_id: int, attribute: str) -> list[int]:
        """The ids of the records nested in a record."""
        with self.lock:
            found = self._table(table)
            link = found.attributes.get(attribute)
            if not isinstance(link, ToMany):
                raise EditError(f"{table} has no list '{attribute}'.")
            row = self._row(table, found, record_id)
            listed: list[int] = link.table.ids[children_of(link, np.array([row]))].tolist()
            return listed

    @contextmanager
    def _edit(self) -> Iterator[None]:
        """Holds the lock; puts everything back as it was when the edit fails."""
        with self.lock:
            before = [(table, table.ids, dict(table.attributes), table.live) for table in self._tables]
            counted, logged, hidden = self.revision, len(self.log), dict(self._hidden)
            try:
                yield
            except Exception:
                for table, ids, attributes, live in before:
                    table.ids, table.live = ids, live
                    table.attributes.clear()
                    table.attributes.update(attributes)
                self.revision, self._hidden = counted, hidden
                del self.log[logged:]
                raise

    def _step(self, step: Values) -> int | None:
        given = dict(step)
        verb = str(given.pop("verb", ""))
        if verb not in ("create", "change", "delete", "reveal"):
            near = get_close_matches(verb, ["create", "change", "delete", "reveal"], n=1)
            hint = f"did you mean '{near[0]}'?" if near else "the verbs are create, change, delete and reveal."
            raise EditError(f"There is no edit '{verb}'; {hint}")
        method = getattr(self, verb)
        try:
            inspect.signature(method).bind(**given)
        except TypeError as problem:
            raise EditError(f"{verb}: {problem}; see the arguments in docs/sandbox.md.") from None
        made: int | None = method(**given)
        return made

    def _done(self, verb: str, table: str, record_id: int) -> None:
        self.revision += 1
        self.log.append(Edit(len(self.log) + 1, self.moment(), verb, table, record_id))

    def _moment(self, at: Moment | None) -> dt.datetime:
        given = self.moment() if at is None else at
        moment = dt.datetime.fromisoformat(given) if isinstance(given, str) else given
        instant(self._zone, moment)
        return moment

    def _table(self, name: str) -> Table:
        if name not in self.company.tables:
            near = get_close_matches(name, self.company.tables, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(self.company.tables)}."
            raise EditError(f"The company has no table '{name}'{hint}")
        return self.company.tables[name]

    def _row(self, name: str, table: Table, record_id: int) -> int:
        """The row of a live or hidden record."""
        row = table.row_of(record_id)
        if row is None and (name, record_id) in self._hidden:
            row = int(np.searchsorted(table.ids, record_id))
        if row is None:
            raise EditError(f"{name} has no record {record_id}; list its ids first.")
        return row

    def _owner_name(self, name: str) -> str | None:
        """The table in whose records those of `name` are nested."""
        return self._owner.get(id(self.company.tables[name]), (None, ""))[0]

    def _append(self, table_name: str, table: Table, given: Values, like: int | None) -> None:
        """Adds a row to every attribute; the id follows."""
        template = None if like is None else self._row(table_name, table, like)
        unknown = [name for name in given if table.find(name) is None]
        if unknown:
            raise EditError(f"{table.model} has no attribute '{unknown[0]}'.")
        for name, attribute in list(table.attributes.items()):
            if name != "id":
                table.attributes[name] = self._extended(attribute, name, given, template)

    def _extended(self, attribute: Attribute, name: str, given: Values, template: int | None) -> Attribute:
        if isinstance(attribute, ToMany):
            size = len(attribute.starts) - 1
            return replace(attribute, starts=np.append(attribute.starts, attribute.starts[size]))
        if isinstance(attribute, ToOne):
            copied = -1 if template is None else int(attribute.index[template])
            row = self._target(attribute, given[name]) if name in given else copied
            return replace(attribute, index=np.append(attribute.index, row))
        if isinstance(attribute, CustomFields):
            asked = given.get(name) or {}
            columns = {
                field: with_row(column, asked[field] if field in asked else _copied(column, template))
                for field, column in attribute.columns.items()
            }
            return CustomFields(columns)
        value = given[name] if name in given else _copied(attribute, template)
        return with_row(attribute, _keyed(attribute, value))

    def _changed(self, table: str, found: Table, name: str, row: int, value: Any) -> Attribute:
        attribute = found.attributes.get(name)
        if attribute is None or name == "id" or isinstance(attribute, ToMany):
            near = get_close_matches(name, found.attributes, n=1)
            hint = "nested records have tables of their own" if isinstance(attribute, ToMany) else f"it has {near}"
            raise EditError(f"{table}: '{name}' cannot be changed; {hint}.")
        if isinstance(attribute, ToOne):
            index = attribute.index.copy()
            index[row] = self._target(attribute, value)
            return replace(attribute, index=index)
        if isinstance(attribute, CustomFields):
            return _custom(attribute, len(found), row, value)
        return with_value(attribute, row, _keyed(attribute, value))

    def _target(self, link: ToOne, value: Any) -> int:
        """The row that a link's value, an id or an object with one, leads to; -1 for null."""
        wanted = value.get("id") if isinstance(value, Mapping) else value
        if wanted is None:
            return -1
        row = link.table.row_of(int(wanted))
        if row is None:
            raise EditError(f"{link.table.model} has no record {wanted} to link to.")
        return row

    def _create_nested(
        self, owner: Table, owner_id: int, attribute: str, records: Any, moment: dt.datetime, *, hidden: bool
    ) -> None:
        link = owner.attributes[attribute]
        name = next((key for key, table in self.company.tables.items() if _leads_to(link, table)), None)
        if name is None or not isinstance(records, Sequence):
            raise EditError(f"'{attribute}' must be a list of records.")
        for record in records:
            self.create(name, record, parent=owner_id, at=moment, bump_parent=False, hidden=hidden)

    def _adopt(
        self, name: str, child: Table, parent: int, bump: dt.datetime | None, child_row: int | None = None
    ) -> None:
        """Links a row of the child, its last one unless told, to its owner."""
        if id(child) not in self._owner:
            raise EditError(f"{name} is not nested in another table; leave parent out.")
        owner_name, attribute = self._owner[id(child)]
        owner = self.company.tables[owner_name]
        row = self._row(owner_name, owner, parent)
        link = owner.attributes[attribute]
        assert isinstance(link, ToMany)  # noqa: S101 -- the owner was found by it
        added = len(child) - 1 if child_row is None else child_row
        starts, order = link.starts.copy(), _order(link)
        order = np.insert(order, starts[row + 1], added)
        starts[row + 1 :] += 1
        owner.attributes[attribute] = replace(link, starts=starts, order=order)
        if bump is not None:
            self._stamp(owner, row, bump)

    def _bump_owner(self, child: Table, row: int, moment: dt.datetime) -> None:
        if id(child) in self._owner:
            owner_name, attribute = self._owner[id(child)]
            owner = self.company.tables[owner_name]
            link = owner.attributes[attribute]
            place = _place(link, row)
            if isinstance(link, ToMany) and place is not None:
                self._stamp(owner, int(np.searchsorted(link.starts, place, side="right")) - 1, moment)

    def _stamp(self, table: Table, row: int, moment: dt.datetime) -> None:
        column = table.attributes.get("updated-at")
        if isinstance(column, Column):
            table.attributes["updated-at"] = with_value(column, row, moment)

    def _show(self, table: Table, row: int, *, visible: bool) -> None:
        live = np.ones(len(table), dtype=np.bool_) if table.live is None else table.live
        if len(live) < len(table):
            live = np.append(live, np.ones(len(table) - len(live), dtype=np.bool_))
        live = live.copy()
        live[row] = visible
        table.live = None if live.all() else live

    def _remove(self, table: Table, row: int) -> None:
        for link in _lists(table):
            for child in children_of(link, np.array([row])).tolist():
                self._remove(link.table, child)
        self._disown(table, row)
        for other in self._tables:
            for name, attribute in other.attributes.items():
                if isinstance(attribute, ToOne) and attribute.table is table and (attribute.index == row).any():
                    index = np.where(attribute.index == row, -1, attribute.index)
                    other.attributes[name] = replace(attribute, index=index)
        self._show(table, row, visible=False)

    def _disown(self, child: Table, row: int) -> None:
        """Takes a nested record out of its owner's list."""
        if id(child) not in self._owner:
            return
        owner_name, attribute = self._owner[id(child)]
        owner = self.company.tables[owner_name]
        link = owner.attributes[attribute]
        place = _place(link, row)
        if isinstance(link, ToMany) and place is not None:
            order = _order(link)
            starts = np.where(link.starts > place, link.starts - 1, link.starts)
            owner.attributes[attribute] = replace(link, starts=starts, order=np.delete(order, place))


def edits_of(company: Company, clock: Callable[[], float]) -> Edits:
    """Edits stamped with the end of the company's data plus the seconds that `clock` has counted since now."""
    frame = company.parts.frame
    end = dt.datetime.combine(frame.today, dt.time(), ZoneInfo(frame.zone.name)).astimezone(dt.UTC)
    begun = clock()
    return Edits(company, now=lambda: end + dt.timedelta(seconds=clock() - begun))


def _lists(table: Table) -> list[ToMany]:
    return [link for link in table.attributes.values() if isinstance(link, ToMany)]


def _leads_to(link: Attribute, table: Table) -> bool:
    return isinstance(link, ToMany) and link.table is table


def _place(link: Attribute, row: int) -> int | None:
    """Where a child row stands in its owners' lists."""
    if not isinstance(link, ToMany):
        return None
    if link.order is None:
        return row if row < int(link.starts[-1]) else None
    found = np.flatnonzero(link.order == row)
    return int(found[0]) if len(found) else None


def _order(link: ToMany) -> IntArray:
    """The child rows as the owners' lists hold them, one list after the other."""
    return np.arange(link.starts[-1], dtype=np.int64) if link.order is None else link.order


def _copied(column: Column, template: int | None) -> Any:
    return None if template is None else column.render(np.array([template], dtype=np.int64))[0]


def _keyed(column: Column, value: Any) -> Any:
    """Ids that a text column holds, as text."""
    return str(value) if isinstance(value, int) and isinstance(column, Codes | Texts) else value


def _custom(fields: CustomFields, size: int, row: int, values: Any) -> CustomFields:
    """Custom fields with some of them changed; a new name becomes a field of every record, empty elsewhere."""
    if not isinstance(values, Mapping):
        raise EditError("custom-fields must be an object of names and values.")
    columns = dict(fields.columns)
    for name, value in values.items():
        column = columns.get(name)
        columns[name] = with_value(words([None] * size) if column is None else column, row, value)
    return CustomFields(columns)
