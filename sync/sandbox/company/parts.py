"""All drawn columns of one company, gathered before they are laid out as Coupa's records."""

from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import IntArray
from sync.sandbox.company.documents import Documents, build_documents
from sync.sandbox.company.orders import (
    Contracts,
    Lines,
    Orders,
    build_contracts,
    build_lines,
    build_orders,
    under_contract,
)
from sync.sandbox.company.people import People, build_people
from sync.sandbox.company.presets import Frame
from sync.sandbox.company.rates import Rates, build_rates
from sync.sandbox.company.settlement import CoupaPay, Settlement, coupa_pay, settle
from sync.sandbox.company.stages import Approvals, Progress, run_stages
from sync.sandbox.company.supplier_book import SupplierBook
from sync.sandbox.company.suppliers import build_suppliers
from sync.sandbox.company.workdays import WorkCalendar

_CALENDAR_BEFORE = 120
_CALENDAR_AFTER = 900


@dataclass(frozen=True)
class Parts:
    """Everything that was drawn.

    drawn holds every document, in order of its day; documents only those that exist by the end of the data, in order
    of creation, which is the order of invoice ids. drawn_row leads from a document to its row in drawn (and so to its
    lines and orders), drawn_of_key from a key to it; row_of_key from a key to its row in documents, or -1.
    """

    frame: Frame
    calendar: WorkCalendar
    book: SupplierBook
    people: People
    rates: Rates
    drawn: Documents
    documents: Documents
    drawn_row: IntArray
    drawn_of_key: IntArray
    row_of_key: IntArray
    progress: Progress
    approvals: Approvals
    settlement: Settlement
    pay: CoupaPay
    lines: Lines
    orders: Orders
    contracts: Contracts
    contract: IntArray


def build_parts(frame: Frame) -> Parts:
    """Draws a whole company for the frame."""
    calendar = WorkCalendar(frame.first_day - _CALENDAR_BEFORE, frame.last_day + _CALENDAR_AFTER)
    book, people, rates = build_suppliers(frame), build_people(), build_rates(frame)
    drawn = build_documents(frame, book, rates)
    documents, progress, approvals = run_stages(frame, book, people, drawn, calendar)
    settlement = settle(frame, book, documents, progress, calendar)
    orders, lines = build_orders(frame, drawn, build_lines(frame, drawn))
    contracts = build_contracts(frame, book)
    drawn_of_key = np.empty(len(drawn), dtype=np.int64)
    drawn_of_key[drawn.key] = np.arange(len(drawn), dtype=np.int64)
    row_of_key = np.full(len(drawn), -1, dtype=np.int64)
    row_of_key[documents.key] = np.arange(len(documents), dtype=np.int64)
    return Parts(
        frame=frame,
        calendar=calendar,
        book=book,
        people=people,
        rates=rates,
        drawn=drawn,
        documents=documents,
        drawn_row=drawn_of_key[documents.key],
        drawn_of_key=drawn_of_key,
        row_of_key=row_of_key,
        progress=progress,
        approvals=approvals,
        settlement=settlement,
        pay=coupa_pay(frame, documents, progress, settlement, calendar),
        lines=lines,
        orders=orders,
        contracts=contracts,
        contract=under_contract(frame, documents, contracts),
    )
