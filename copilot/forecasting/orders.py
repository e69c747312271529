"""Purchase orders line by line: what was ordered, received and billed, as known on a day.

A line is linked to the documents that bill it, so what is still to come of an order is what no document bills yet: an
order and its invoice are never both counted. Amounts are net of tax, in the reporting currency at the order's rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Columns = Mapping[str, Sequence[Any]]

CLOSED = frozenset({"closed", "soft_closed", "cancelled"})
NEVER = 0


@dataclass(frozen=True, eq=False)
class Orders:
    """Lines of orders that were not cancelled, in the order of their ids, with their receipts and bills.

    Days are ordinals. `live` lines can still be billed; `by_amount` lines are services, which nobody receives.
    `bill_document` is the id of the invoice. What was received and taken back is negative.
    """

    line_id: Ints
    supplier: tuple[str, ...]
    order_day: Ints
    total: Floats
    live: Flags
    by_amount: Flags
    receipt_row: Ints
    receipt_day: Ints
    received: Floats
    bill_row: Ints
    bill_day: Ints
    bill_document: Ints
    billed: Floats

    def __len__(self) -> int:
        return len(self.line_id)

    def known_on(self, day: date) -> Orders:
        """What was known at the end of `day`. Whether a line can still be billed is known for today only."""
        today = day.toordinal()
        keep = self.order_day <= today
        row = np.cumsum(keep) - 1
        came = keep[self.receipt_row] & (self.receipt_day <= today)
        sent = keep[self.bill_row] & (self.bill_day <= today)
        # A line that was billed or received later was still live then.
        later = np.zeros(len(self), dtype=np.bool_)
        later[self.bill_row[self.bill_day > today]] = True
        later[self.receipt_row[self.receipt_day > today]] = True
        return replace(
            self,
            line_id=self.line_id[keep],
            supplier=tuple(name for name, kept in zip(self.supplier, keep.tolist(), strict=True) if kept),
            order_day=self.order_day[keep],
            total=self.total[keep],
            live=(self.live | later)[keep],
            by_amount=self.by_amount[keep],
            receipt_row=row[self.receipt_row[came]],
            receipt_day=self.receipt_day[came],
            received=self.received[came],
            bill_row=row[self.bill_row[sent]],
            bill_day=self.bill_day[sent],
            bill_document=self.bill_document[sent],
            billed=self.billed[sent],
        )

    def still_to_bill(self) -> tuple[Floats, Floats]:
        """(received and not billed, ordered and neither received nor billed) per line; they share nothing."""
        size = len(self)
        came = np.bincount(self.receipt_row, weights=self.received, minlength=size)
        sent = np.bincount(self.bill_row, weights=self.billed, minlength=size)
        waiting = np.where(self.live, np.maximum(came - sent, 0.0), 0.0)
        rest = np.where(self.live, np.maximum(self.total - np.maximum(came, sent), 0.0), 0.0)
        return np.where(waiting < 0.005, 0.0, waiting), np.where(rest < 0.005, 0.0, rest)

    def first_day(self, rows: Ints, days: Ints) -> Ints:
        """The earliest of some dated rows per line (0: none)."""
        found = np.full(len(self), np.iinfo(np.int64).max)
        np.minimum.at(found, rows, days)
        return np.where(found == np.iinfo(np.int64).max, NEVER, found)

    def ordered_day(self, document_id: Ints) -> Ints:
        """For each document the day of the earliest order that it bills (0: none); `document_id` ascending."""
        found = np.full(len(document_id), np.iinfo(np.int64).max)
        place = np.searchsorted(document_id, self.bill_document)
        inside = place < len(document_id)
        inside[inside] = document_id[place[inside]] == self.bill_document[inside]
        np.minimum.at(found, place[inside], self.order_day[self.bill_row[inside]])
        return np.where(found == np.iinfo(np.int64).max, NEVER, found)


def orders_of(lines: Columns, receipts: Columns, bills: Columns, bill_documents: Mapping[int, int]) -> Orders:
    """Orders from columns of lines, receipts and invoice lines (the names of `book_reading`).

    `bill_documents` names the invoice of each invoice line. Lines of cancelled orders and lines without an amount in
    the reporting currency are left out, with what was received and billed on them.
    """
    status, line_status = lines["order_status"], lines["line_status"]
    rows = zip(status, line_status, lines["total_reporting"], lines["created_date"], strict=True)
    known = np.array(
        ["cancelled" not in {order, line} and None not in {total, day} for order, line, total, day in rows],
        dtype=np.bool_,
    )
    ids = np.array(lines["id"], dtype=np.int64)
    keep = np.flatnonzero(known)
    keep = keep[np.argsort(ids[keep], kind="stable")]
    ids = ids[keep]
    total, own = _amounts(lines["total_reporting"])[keep], _amounts(lines["total"])[keep]
    rate = np.divide(total, own, out=np.ones_like(total), where=own != 0)
    receipt_row, came = _rows_of(receipts["order_line_id"], ids)
    bill_row, sent = _rows_of(bills["order_line_id"], ids)
    documents = np.array([bill_documents.get(int(key), 0) for key in bills["id"]], dtype=np.int64)
    return Orders(
        line_id=ids,
        supplier=tuple(str(lines["supplier"][row]) for row in keep.tolist()),
        order_day=_days(lines["created_date"])[keep],
        total=total,
        live=np.array([status[row] == "issued" and line_status[row] not in CLOSED for row in keep.tolist()], np.bool_),
        by_amount=np.array([lines["line_type"][row] == "OrderAmountLine" for row in keep.tolist()], np.bool_),
        receipt_row=receipt_row,
        receipt_day=_days(receipts["transaction_date"])[came],
        received=_amounts(receipts["total"])[came] * rate[receipt_row],
        bill_row=bill_row,
        bill_day=_days(bills["received_date"])[sent],
        bill_document=documents[sent],
        billed=_amounts(bills["total"])[sent] * rate[bill_row],
    )


def _rows_of(keys: Sequence[Any], ids: Ints) -> tuple[Ints, Flags]:
    """(row of each key that is among `ids`, which keys are)."""
    key = np.array(keys, dtype=np.int64)
    row = np.searchsorted(ids, key)
    inside: Flags = row < len(ids)
    inside[inside] = ids[row[inside]] == key[inside]
    return row[inside], inside


def _days(values: Iterable[date | None]) -> Ints:
    return np.array([NEVER if value is None else value.toordinal() for value in values], dtype=np.int64)


def _amounts(values: Iterable[Decimal | None]) -> Floats:
    return np.array([0.0 if value is None else float(value) for value in values], dtype=np.float64)
