"""The payables ledger as arrays: documents and what settled them, cut back to any past day.

Built from rows of the semantic layer's entities "invoice" and "payment". Amounts are in the reporting currency at the
rate of the invoice date; they enter and leave as Decimal, and are float only inside the arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from semantic_layer.results import RecordSet, Value

INVOICE_COLUMNS = (
    "invoice_id",
    "supplier",
    "buying_entity",
    "currency",
    "population",
    "is_credit_note",
    "invoice_date",
    "recognised_date",
    "due_date",
    "gross_reporting",
    "open_reporting",
    "last_payment_date",
)
PAYMENT_COLUMNS = ("invoice_id", "payment_date", "amount_reporting")
TRAILING_DAYS = 90
CENT = Decimal("0.01")

Days = NDArray[np.int64]
Amounts = NDArray[np.float64]


@dataclass(frozen=True)
class Document:
    """One recognised invoice or credit note. `gross` is in the reporting currency, negative for a credit note."""

    document_id: int
    supplier: str
    buying_entity: str
    currency: str
    is_credit_note: bool
    invoice_date: date
    recognised_date: date
    due_date: date | None
    gross: Decimal


@dataclass(frozen=True)
class Settlement:
    """What lowered a document's open amount on a day: a payment, a netted credit, or a discount taken with it."""

    document_id: int
    day: date
    amount: Decimal


@dataclass(frozen=True)
class Balance:
    """Where the ledger stands on a day. `dpo` is None when nothing was bought in the trailing 90 days."""

    day: date
    open_ap: Decimal
    purchases: Decimal
    open_documents: int

    @property
    def dpo(self) -> Decimal | None:
        """Open payables over purchases of the trailing 90 days, times 90, in days."""
        return self.open_ap / self.purchases * TRAILING_DAYS if self.purchases > 0 else None


@dataclass(frozen=True, eq=False)
class Ledger:
    """Documents in columns (sorted by id) and their settlements.

    Days are ordinals (`date.toordinal`); 0 means no due date.

    `gross_exact` and `settled_exact` hold the same amounts as Decimal, so that a balance is exact to the cent; a
    ledger that only serves to learn from has none, and no balance.
    `skipped` says which rows were left out, and why, with their number.
    """

    document_id: Days
    supplier: NDArray[np.int64]
    buying_entity: NDArray[np.int64]
    currency: NDArray[np.int64]
    is_credit_note: NDArray[np.bool_]
    invoice_day: Days
    recognised_day: Days
    due_day: Days
    gross: Amounts
    settled_document: NDArray[np.int64]
    settled_day: Days
    settled: Amounts
    gross_exact: tuple[Decimal, ...]
    settled_exact: tuple[Decimal, ...]
    suppliers: tuple[str, ...]
    buying_entities: tuple[str, ...]
    currencies: tuple[str, ...]
    skipped: Mapping[str, int]

    @classmethod
    def of(
        cls,
        documents: Iterable[Document],
        settlements: Iterable[Settlement],
        skipped: Mapping[str, int] | None = None,
    ) -> Ledger:
        """The ledger of some documents; settlements of documents that are not among them are ignored."""
        docs = sorted(documents, key=lambda document: document.document_id)
        rank = {document.document_id: row for row, document in enumerate(docs)}
        paid = sorted(
            (s for s in settlements if s.document_id in rank), key=lambda s: (rank[s.document_id], s.day, s.amount)
        )
        supplier, suppliers = _codes([d.supplier for d in docs])
        entity, entities = _codes([d.buying_entity for d in docs])
        currency, currencies = _codes([d.currency for d in docs])
        return cls(
            document_id=np.array([d.document_id for d in docs], dtype=np.int64),
            supplier=supplier,
            buying_entity=entity,
            currency=currency,
            is_credit_note=np.array([d.is_credit_note for d in docs], dtype=np.bool_),
            invoice_day=np.array([d.invoice_date.toordinal() for d in docs], dtype=np.int64),
            recognised_day=np.array([d.recognised_date.toordinal() for d in docs], dtype=np.int64),
            due_day=np.array([d.due_date.toordinal() if d.due_date else 0 for d in docs], dtype=np.int64),
            gross=np.array([float(d.gross) for d in docs], dtype=np.float64),
            settled_document=np.array([rank[s.document_id] for s in paid], dtype=np.int64),
            settled_day=np.array([s.day.toordinal() for s in paid], dtype=np.int64),
            settled=np.array([float(s.amount) for s in paid], dtype=np.float64),
            gross_exact=tuple(d.gross for d in docs),
            settled_exact=tuple(s.amount for s in paid),
            suppliers=suppliers,
            buying_entities=entities,
            currencies=currencies,
            skipped=dict(skipped or {}),
        )

    @classmethod
    def from_records(cls, invoices: RecordSet, payments: RecordSet) -> Ledger:
        """The ledger behind rows of the entities "invoice" and "payment".

        They need INVOICE_COLUMNS and PAYMENT_COLUMNS at least. Only recognised documents count. What neither a payment
        nor the open amount explains was a discount taken; it settles its part on the day of the last payment. Raises
        KeyError when a column is missing, ValueError when rows were cut off.
        """
        if invoices.truncated or payments.truncated:
            raise ValueError("A forecast needs every row, but the record set was cut off; raise its limit.")
        paid_rows = _picked(payments, PAYMENT_COLUMNS)
        settlements = [
            Settlement(cast("int", key), cast("date", day), cast("Decimal", amount))
            for key, day, amount in paid_rows
            if day is not None and amount is not None
        ]
        documents, discounts, skipped = _documents(invoices, settlements)
        return cls.of(documents, [*settlements, *discounts], skipped)

    def __len__(self) -> int:
        return len(self.document_id)

    def known_on(self, day: date) -> Ledger:
        """What was known at the end of `day`: documents recognised and settlements made by then, nothing later."""
        return self._cut(self.recognised_day <= day.toordinal(), self.settled_day <= day.toordinal())

    def _cut(self, keep: NDArray[np.bool_], keep_settled: NDArray[np.bool_]) -> Ledger:
        if keep.all() and keep_settled.all():
            return self
        keep_settled = keep_settled & keep[self.settled_document]
        new_row = np.cumsum(keep) - 1
        return Ledger(
            document_id=self.document_id[keep],
            supplier=self.supplier[keep],
            buying_entity=self.buying_entity[keep],
            currency=self.currency[keep],
            is_credit_note=self.is_credit_note[keep],
            invoice_day=self.invoice_day[keep],
            recognised_day=self.recognised_day[keep],
            due_day=self.due_day[keep],
            gross=self.gross[keep],
            settled_document=new_row[self.settled_document[keep_settled]],
            settled_day=self.settled_day[keep_settled],
            settled=self.settled[keep_settled],
            gross_exact=tuple(self.gross_exact[row] for row in np.flatnonzero(keep)) if self.gross_exact else (),
            settled_exact=tuple(self.settled_exact[row] for row in np.flatnonzero(keep_settled))
            if self.settled_exact
            else (),
            suppliers=self.suppliers,
            buying_entities=self.buying_entities,
            currencies=self.currencies,
            skipped=self.skipped,
        )

    @cached_property
    def open_amount(self) -> Amounts:
        """Gross less everything settled, per document; exact zeros where the rest is below half a cent."""
        left = self.gross - np.bincount(self.settled_document, weights=self.settled, minlength=len(self))
        return np.where(np.abs(left) < 0.005, 0.0, left)

    def balance(self, day: date, closing: Mapping[str, Decimal] | None = None) -> Balance:
        """Open payables and trailing purchases at the end of `day`, exact.

        `closing` gives open payables per currency at the closing rate of `day` (as the metric open_ap converts them);
        without it they stand at the rates of their invoice dates.
        """
        known = self.known_on(day)
        today = day.toordinal()
        window = (known.invoice_day > today - TRAILING_DAYS) & (known.invoice_day <= today)
        owed = (
            sum(closing.values(), Decimal(0))
            if closing is not None
            else sum(known.gross_exact, Decimal(0)) - sum(known.settled_exact, Decimal(0))
        )
        purchases = sum((known.gross_exact[row] for row in np.flatnonzero(window)), Decimal(0))
        return Balance(day, owed, purchases, int(np.count_nonzero(known.open_amount)))

    def open_by_currency(self, day: date) -> dict[str, Decimal]:
        """Open payables per currency at the end of `day`, at the rates of the invoice dates."""
        known = self.known_on(day)
        found = dict.fromkeys(self.currencies, Decimal(0))
        for code, amount in zip(known.currency.tolist(), known.gross_exact, strict=True):
            found[self.currencies[code]] += amount
        for code, amount in zip(known.currency[known.settled_document].tolist(), known.settled_exact, strict=True):
            found[self.currencies[code]] -= amount
        return found


def _documents(
    invoices: RecordSet, settlements: Sequence[Settlement]
) -> tuple[list[Document], list[Settlement], dict[str, int]]:
    paid: dict[int, Decimal] = {}
    for settlement in settlements:
        paid[settlement.document_id] = paid.get(settlement.document_id, Decimal(0)) + settlement.amount
    documents: list[Document] = []
    discounts: list[Settlement] = []
    skipped: dict[str, int] = {}
    for row in _picked(invoices, INVOICE_COLUMNS):
        key, supplier, entity, currency, population, credit, invoiced, recognised, due, gross, still_open, last = row
        if population != "recognised":
            continue
        if gross is None or invoiced is None or recognised is None:
            reason = "no exchange rate" if gross is None else "no invoice or recognition date"
            skipped[reason] = skipped.get(reason, 0) + 1
            continue
        document = Document(
            document_id=cast("int", key),
            supplier=str(supplier),
            buying_entity=str(entity),
            currency=str(currency),
            is_credit_note=bool(credit),
            invoice_date=cast("date", invoiced),
            recognised_date=cast("date", recognised),
            due_date=cast("date | None", due),
            gross=cast("Decimal", gross),
        )
        documents.append(document)
        rest = document.gross - paid.get(document.document_id, Decimal(0)) - cast("Decimal", still_open or Decimal(0))
        if rest and last is not None:
            discounts.append(Settlement(document.document_id, cast("date", last), rest))
        elif abs(rest) >= CENT:
            skipped["settled without a date"] = skipped.get("settled without a date", 0) + 1
    return documents, discounts, skipped


def _picked(records: RecordSet, columns: Sequence[str]) -> Iterable[tuple[Value, ...]]:
    missing = [name for name in columns if name not in records.columns]
    if missing:
        raise KeyError(f"The record set lacks {', '.join(missing)}; it has {', '.join(records.columns)}.")
    index = [records.columns.index(name) for name in columns]
    return (tuple(row[i] for i in index) for row in records.rows)


def _codes(names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    known = sorted(set(names))
    rank = {name: code for code, name in enumerate(known)}
    return np.array([rank[name] for name in names], dtype=np.int64), tuple(known)
