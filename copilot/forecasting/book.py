"""The whole payables book as arrays: what is owed, what is on its way to being owed, and what settled it.

A `Book` holds every document that was not withdrawn, recognised or not, and can be cut back to any past day by what
was known then (`known_on`). Amounts are in the reporting currency at the rate of the invoice date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.business_days import country_by_entity
from copilot.forecasting.ledger import Ledger
from copilot.forecasting.orders import Orders

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HELD = frozenset({"ap_hold", "on_hold", "booking_hold", "payable_adjustment"})
DISPUTED = frozenset({"disputed"})
NEVER = 0
"""The ordinal that stands for "no such day"."""


@dataclass(frozen=True, eq=False)
class Names:
    """The values behind the codes of one column."""

    code: Ints
    values: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[object]) -> Names:
        """Codes in alphabetical order of the values; None reads "(none)"."""
        texts = ["(none)" if value is None else str(value) for value in values]
        known = sorted(set(texts))
        rank = {text: place for place, text in enumerate(known)}
        return cls(np.fromiter((rank[text] for text in texts), np.int64, len(texts)), tuple(known))

    def at(self, rows: Ints | Flags) -> Names:
        """The same values for some rows."""
        return Names(self.code[rows], self.values)


@dataclass(frozen=True, eq=False)
class Book:
    """Documents in columns, in the order of their ids, and their settlements.

    Days are ordinals, 0 for none: `recognised_day` is 0 while a document is in process. `discount_rate` is a fraction.
    `paid_*` are payments (cash), `discount_*` what was settled without cash. `withdrawn_share` is the share of resolved
    documents that were rejected, voided or abandoned. `skipped` counts rows that were left out, by reason.
    """

    document_id: Ints
    numbers: tuple[str, ...]
    supplier: Names
    category: Names
    supplier_country: Names
    buying_entity: Names
    entity_country: Names
    currency: Names
    status: Names
    is_credit_note: Flags
    invoice_day: Ints
    received_day: Ints
    recognised_day: Ints
    due_day: Ints
    discount_day: Ints
    discount_rate: Floats
    gross: Floats
    paid_row: Ints
    paid_day: Ints
    paid: Floats
    discount_row: Ints
    discount_taken_day: Ints
    discount_taken: Floats
    withdrawn_share: float = 0.0
    skipped: Mapping[str, int] = field(default_factory=dict)
    orders: Orders | None = None
    """What is on order, where that is known."""

    def __len__(self) -> int:
        return len(self.document_id)

    def known_on(self, day: date) -> Book:
        """What was known at the end of `day`: documents received by then, recognised only if recognised by then.

        Holds and disputes are known for today only: a document still in process keeps its status, one recognised since
        reads "in process".
        """
        today = day.toordinal()
        keep = np.minimum(self.received_day, np.where(self.recognised_day > 0, self.recognised_day, 2**40)) <= today
        row = np.cumsum(keep) - 1
        later = (self.recognised_day > today)[keep]
        cut = self._picked(keep)
        status = cut.status
        if later.any():
            texts = np.array([*status.values, "in process"], dtype=object)
            codes = np.where(later, len(status.values), status.code)
            status = Names(codes, tuple(texts.tolist()))
        paid = keep[self.paid_row] & (self.paid_day <= today)
        taken = keep[self.discount_row] & (self.discount_taken_day <= today)
        return replace(
            cut,
            status=status,
            recognised_day=np.where(later, NEVER, cut.recognised_day),
            paid_row=row[self.paid_row[paid]],
            paid_day=self.paid_day[paid],
            paid=self.paid[paid],
            discount_row=row[self.discount_row[taken]],
            discount_taken_day=self.discount_taken_day[taken],
            discount_taken=self.discount_taken[taken],
            orders=None if self.orders is None else self.orders.known_on(day),
        )

    def _picked(self, keep: Flags) -> Book:
        names = {
            name: getattr(self, name).at(keep)
            for name in (
                "supplier", "category", "supplier_country", "buying_entity", "entity_country", "currency", "status",
            )
        }  # fmt: skip
        arrays = {
            name: getattr(self, name)[keep]
            for name in (
                "document_id", "is_credit_note", "invoice_day", "received_day", "recognised_day", "due_day",
                "discount_day", "discount_rate", "gross",
            )
        }  # fmt: skip
        numbers = tuple(self.numbers[row] for row in np.flatnonzero(keep)) if self.numbers else ()
        return replace(self, numbers=numbers, **names, **arrays)

    @cached_property
    def open_amount(self) -> Floats:
        """Gross less payments and discounts, per document; exact zeros where the rest is below half a cent."""
        left = self.gross - np.bincount(self.paid_row, weights=self.paid, minlength=len(self))
        left -= np.bincount(self.discount_row, weights=self.discount_taken, minlength=len(self))
        return np.where(np.abs(left) < 0.005, 0.0, left)

    @cached_property
    def ordered_day(self) -> Ints:
        """The day on which what a document bills was ordered (0: without an order, or not known)."""
        if self.orders is None:
            return np.zeros(len(self), dtype=np.int64)
        return self.orders.ordered_day(self.document_id)

    @cached_property
    def countries(self) -> tuple[str, ...]:
        """The country of each buying entity, in the order of its codes ("" when none is known)."""
        found = country_by_entity(
            self.buying_entity.code,
            self.entity_country.code,
            self.entity_country.values,
            len(self.buying_entity.values),
        )
        return tuple("" if code == "(none)" else code for code in found)

    @cached_property
    def recognised_rows(self) -> Ints:
        """Rows of the documents that are owed or were."""
        return np.flatnonzero(self.recognised_day > 0)

    @cached_property
    def ledger(self) -> Ledger:
        """The recognised documents alone, as the payment timing reads them (discounts count as settlements)."""
        rows = self.recognised_rows
        new = np.full(len(self), -1, dtype=np.int64)
        new[rows] = np.arange(len(rows))
        document = new[np.concatenate([self.paid_row, self.discount_row])]
        day = np.concatenate([self.paid_day, self.discount_taken_day])
        amount = np.concatenate([self.paid, self.discount_taken])
        order = np.lexsort((day, document))
        order = order[document[order] >= 0]
        return Ledger(
            document_id=self.document_id[rows],
            supplier=self.supplier.code[rows],
            buying_entity=self.buying_entity.code[rows],
            currency=self.currency.code[rows],
            is_credit_note=self.is_credit_note[rows],
            invoice_day=self.invoice_day[rows],
            recognised_day=self.recognised_day[rows],
            due_day=self.due_day[rows],
            gross=self.gross[rows],
            settled_document=document[order],
            settled_day=day[order],
            settled=amount[order],
            gross_exact=(),
            settled_exact=(),
            suppliers=self.supplier.values,
            buying_entities=self.buying_entity.values,
            currencies=self.currency.values,
            skipped=self.skipped,
        )

    def cash_by_day(self, first: int, last: int) -> Floats:
        """Cash that left on each day from ordinal `first` to `last`, both included."""
        inside = (self.paid_day >= first) & (self.paid_day <= last)
        size = last - first + 1
        return np.bincount(self.paid_day[inside] - first, weights=self.paid[inside], minlength=size).astype(np.float64)

    def first_day(self) -> int:
        """The first day on which anything was recognised (0: never)."""
        return int(self.recognised_day[self.recognised_rows].min(initial=2**40)) % 2**40


Columns = Mapping[str, Sequence[Any]]


def book_of(documents: Columns, payments: Columns) -> Book:
    """The book behind columns of documents and payments (the names of `book_reading.DOCUMENT_COLUMNS`).

    Dates are `date` or None, amounts Decimal or None. Documents without an amount or an invoice date are left out and
    counted. What neither a payment nor the open amount explains settles on the day of the last payment, as a discount.
    """
    population = documents["population"]
    gross, invoiced = documents["gross_reporting"], documents["invoice_date"]
    alive = [who != "dead" for who in population]
    complete = [amount is not None and day is not None for amount, day in zip(gross, invoiced, strict=True)]
    recognised_days = _days(documents["recognised_date"])
    dated = [who != "recognised" or day > 0 for who, day in zip(population, recognised_days.tolist(), strict=True)]
    keep = np.flatnonzero(np.array(alive, dtype=np.bool_) & np.array(complete) & np.array(dated))
    ids = np.array(documents["invoice_id"], dtype=np.int64)[keep]
    keep = keep[np.argsort(ids, kind="stable")]
    ids = np.sort(ids)
    skipped = _left_out(alive, complete, dated)

    def chosen(name: str) -> list[Any]:
        values = documents[name]
        return [values[row] for row in keep.tolist()]

    invoice_day = _days(chosen("invoice_date"))
    received = _days(chosen("received_date"))
    paid_row, paid_day, paid = _payments(payments, ids)
    total = _amounts(chosen("gross_reporting"))
    last = _days(chosen("last_payment_date"))
    rest = total - np.bincount(paid_row, weights=paid, minlength=len(ids)) - _amounts(chosen("open_reporting"))
    recognised = recognised_days[keep]
    taken = np.flatnonzero((np.abs(rest) >= 0.005) & (last > 0) & (recognised > 0))
    resolved = len(alive) - sum(1 for who in population if who not in {"dead", "recognised"})
    return Book(
        document_id=ids,
        numbers=tuple(str(value) for value in chosen("invoice_number")),
        supplier=Names.of(chosen("supplier")),
        category=Names.of(chosen("category")),
        supplier_country=Names.of(chosen("supplier_country")),
        buying_entity=Names.of(chosen("buying_entity")),
        entity_country=Names.of(chosen("entity_country_code")),
        currency=Names.of(chosen("currency")),
        status=Names.of(chosen("status")),
        is_credit_note=np.array([bool(value) for value in chosen("is_credit_note")], dtype=np.bool_),
        invoice_day=invoice_day,
        received_day=np.where(received > 0, received, invoice_day),
        recognised_day=recognised,
        due_day=_days(chosen("due_date")),
        discount_day=_days(chosen("discount_end_date")),
        discount_rate=_amounts(chosen("discount_rate")) / 100.0,
        gross=total,
        paid_row=paid_row,
        paid_day=paid_day,
        paid=paid,
        discount_row=taken,
        discount_taken_day=last[taken],
        discount_taken=rest[taken],
        withdrawn_share=alive.count(False) / resolved if resolved else 0.0,
        skipped=skipped,
    )


def _left_out(alive: list[bool], complete: list[bool], dated: list[bool]) -> dict[str, int]:
    rows = list(zip(alive, complete, dated, strict=True))
    found = {
        "no exchange rate or invoice date": sum(1 for live, whole, _ in rows if live and not whole),
        "no recognition date": sum(1 for live, whole, known in rows if live and whole and not known),
    }
    return {reason: count for reason, count in found.items() if count}


def _payments(payments: Columns, ids: Ints) -> tuple[Ints, Ints, Floats]:
    key = np.array(payments["invoice_id"], dtype=np.int64)
    day = _days(payments["payment_date"])
    amount = _amounts(payments["amount_reporting"])
    row = np.searchsorted(ids, key)
    known = (row < len(ids)) & (day > 0)
    known[known] = ids[row[known]] == key[known]
    return row[known], day[known], amount[known]


def _days(values: Iterable[date | None]) -> Ints:
    return np.array([NEVER if value is None else value.toordinal() for value in values], dtype=np.int64)


def _amounts(values: Iterable[Decimal | None]) -> Floats:
    return np.array([0.0 if value is None else float(value) for value in values], dtype=np.float64)
