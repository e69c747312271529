"""Companies made from companies: a fork that can be edited apart, and a pocket company of a few dozen records."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from sync.sandbox.arrays import IntArray, ranges
from sync.sandbox.columns import Column, Integers
from sync.sandbox.company.company import Company
from sync.sandbox.editing.column_edits import with_rows
from sync.sandbox.errors import EditError
from sync.sandbox.tables import Attribute, CustomFields, Table, ToMany, ToOne

_RATES = 6
_FEW = 2


def forked(company: Company) -> Company:
    """A company with the same records whose tables can be edited without touching the given one; takes about 1 ms."""
    copies = {id(table): replace(table, attributes={}) for table in every_table(company)}
    for table in every_table(company):
        copy = copies[id(table)]
        for name, attribute in table.attributes.items():
            if isinstance(attribute, ToOne | ToMany):
                copy.attributes[name] = replace(attribute, table=copies[id(attribute.table)])
            elif isinstance(attribute, CustomFields):
                copy.attributes[name] = CustomFields(dict(attribute.columns))
            else:
                copy.attributes[name] = attribute
    return replace(company, tables={name: copies[id(table)] for name, table in company.tables.items()})


def pocket(company: Company, invoices: int = 6) -> Company:
    """A company of a few dozen records: the latest invoices, an even share of them paid, and all that they refer to.

    Documents keep their ids, values and links, so that it reads like any other company; a few contracts and allocations
    of payables come along, so that no resource is empty. What is left out is other invoices, their orders, receipts and
    payments, and the suppliers, users and rates that nothing in it refers to.
    """
    chosen = _Chosen(company)
    headers = company.tables["invoices"]
    paid = headers.attributes["payments"]
    if not isinstance(paid, ToMany):
        raise EditError("This company's invoices have no payments to choose by.")
    count = np.diff(paid.starts)
    with_payments, without = np.flatnonzero(count > 0), np.flatnonzero(count == 0)
    half = (invoices + 1) // 2
    rows = np.concatenate((with_payments[-half:], without[-(invoices - half) :] if invoices > half else without[:0]))
    chosen.add(headers, rows.tolist())
    _add_orders(company, chosen, rows)
    _add_coupa_pay(company, chosen)
    _add_linked(chosen, company.tables["supplier_risk_aware_feed"], "supplier")
    chosen.add(company.tables["exchange_rates"], range(_RATES))
    for name in ("contracts", "payables/allocations"):
        chosen.add(company.tables[name], range(min(_FEW, len(company.tables[name]))))
    return chosen.company()


def every_table(company: Company) -> list[Table]:
    """All tables of a company, those without a name of their own too."""
    found: dict[int, Table] = {}
    waiting = list(company.tables.values())
    while waiting:
        table = waiting.pop()
        if id(table) not in found:
            found[id(table)] = table
            waiting.extend(link.table for link in table.attributes.values() if isinstance(link, ToOne | ToMany))
    return list(found.values())


class _Chosen:
    """Rows that a smaller company keeps; adding a row adds all rows it leads to."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._tables = {id(table): table for table in every_table(company)}
        self._rows: dict[int, set[int]] = {key: set() for key in self._tables}

    def add(self, table: Table, rows: Iterable[int]) -> None:
        """Adds rows and, through links, what they need."""
        fresh = set(rows) - self._rows[id(table)]
        if not fresh:
            return
        self._rows[id(table)] |= fresh
        new = np.array(sorted(fresh), dtype=np.int64)
        for link in table.attributes.values():
            if isinstance(link, ToOne):
                self.add(link.table, {row for row in link.index[new].tolist() if row >= 0})
            elif isinstance(link, ToMany):
                self.add(link.table, children_of(link, new).tolist())

    def rows(self, table: Table) -> IntArray:
        """The rows kept so far, ascending."""
        return np.array(sorted(self._rows[id(table)]), dtype=np.int64)

    def company(self) -> Company:
        """The smaller company."""
        kept = {key: self.rows(table) for key, table in self._tables.items()}
        copies = {key: replace(table, ids=table.ids[kept[key]], attributes={}) for key, table in self._tables.items()}
        for key, table in self._tables.items():
            for name, attribute in table.attributes.items():
                copies[key].attributes[name] = _cut(attribute, kept[key], kept, copies)
            copies[key].attributes["id"] = Integers(copies[key].ids)
        tables = {name: copies[id(table)] for name, table in self._company.tables.items()}
        return replace(self._company, tables=tables)


def _cut(attribute: Attribute, rows: IntArray, kept: dict[int, IntArray], copies: dict[int, Table]) -> Attribute:
    """An attribute with the given rows only, its links renumbered."""
    if isinstance(attribute, Column):
        return with_rows(attribute, rows)
    if isinstance(attribute, CustomFields):
        return CustomFields({name: with_rows(column, rows) for name, column in attribute.columns.items()})
    target = kept[id(attribute.table)]
    if isinstance(attribute, ToOne):
        index = attribute.index[rows]
        moved = np.where(index < 0, -1, np.searchsorted(target, index)).astype(np.int64)
        return replace(attribute, table=copies[id(attribute.table)], index=moved)
    counts = np.diff(attribute.starts)[rows]
    starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))
    order = np.searchsorted(target, children_of(attribute, rows)).astype(np.int64)
    return replace(attribute, table=copies[id(attribute.table)], starts=starts, order=order)


def children_of(link: ToMany, rows: IntArray) -> IntArray:
    """The child rows of the given rows, in their order."""
    places = ranges(link.starts[rows], link.starts[rows + 1])
    return places if link.order is None else link.order[places]


def owners(company: Company) -> Iterator[tuple[str, str, Table]]:
    """(owner's name, attribute, child table) of every list of nested records."""
    for name, table in company.tables.items():
        for attribute, link in table.attributes.items():
            if isinstance(link, ToMany):
                yield name, attribute, link.table


def _add_orders(company: Company, chosen: _Chosen, invoice_rows: IntArray) -> None:
    """The orders behind the chosen invoices' lines, and the receipts of their lines."""
    lines, orders = company.tables["invoice_lines"], company.tables["purchase_orders"]
    numbers = lines.attributes["order-header-num"]
    link = company.tables["invoices"].attributes["invoice-lines"]
    if not isinstance(numbers, Column) or not isinstance(link, ToMany):
        return
    wanted = {int(str(text)) for text in numbers.render(children_of(link, invoice_rows)) if text is not None}
    chosen.add(orders, np.flatnonzero(np.isin(orders.ids, list(wanted))).tolist())
    _add_linked(chosen, company.tables["receiving_transactions"], "order-line")


def _add_linked(chosen: _Chosen, table: Table, attribute: str) -> None:
    """The records of a table whose link leads to a record that was chosen before."""
    link = table.attributes[attribute]
    if isinstance(link, ToOne):
        chosen.add(table, np.flatnonzero(np.isin(link.index, chosen.rows(link.table))).tolist())


def _add_coupa_pay(company: Company, chosen: _Chosen) -> None:
    """Coupa Pay payments with a detail for a chosen invoice, except those that pay many others besides."""
    payments, details = company.tables["coupa_pay/payments"], company.tables["payment_details"]
    link, source = payments.attributes["payment-details"], details.attributes["source-transaction-id"]
    if not isinstance(link, ToMany) or not isinstance(source, Integers):
        return
    chosen_ids = company.tables["invoices"].ids[chosen.rows(company.tables["invoices"])]
    ours = set(np.flatnonzero(np.isin(source.values, chosen_ids)).tolist())
    for row in np.flatnonzero(np.diff(link.starts) <= 2).tolist():
        if ours & set(children_of(link, np.array([row], dtype=np.int64)).tolist()):
            chosen.add(payments, [row])
