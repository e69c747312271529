"""A purchase-to-pay event log (XES, plain or gzip) as a book: invoices entered and cleared, order item by order item.

Only order items with a single invoice entry (cancelled ones aside) are read: where there are more, nothing in the log
says which clearing pays which. The amount is the item's value: the log holds no invoice amounts. The invoice date is
the supplier's own where the log has it. There are no due dates.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import iterparse

from copilot.errors import HistoryFileError
from copilot.forecasting.book import Book
from copilot.forecasting.invoice_file import book_of_invoices

ENTERED, CLEARED, CANCELLED, WRITTEN = (
    "Record Invoice Receipt",
    "Clear Invoice",
    "Cancel Invoice Receipt",
    "Vendor creates invoice",
)
WORTH = "Cumulative net worth (EUR)"
OLDEST = timedelta(days=3 * 365)


def is_event_log(path: Path) -> bool:
    """Whether a file's name says that it is a log in XES, plain or gzip."""
    return path.name.lower().endswith((".xes", ".xes.gz"))


def read_event_log(path: Path) -> tuple[Book, date]:
    """The book of a log and the last day anything happened in it.

    Events more than three years before the middle one are slips of the clock and are left out. Raises HistoryFileError
    when the file is no XES log or holds no invoices, OSError when there is no file.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        opened = gzip.open if packed else open
        with cast("IO[bytes]", opened(path, "rb")) as stream:
            invoices = [invoice for trace in _traces(stream) for invoice in _invoices(trace)]
    except (ParseError, EOFError, gzip.BadGzipFile) as error:
        raise HistoryFileError(
            f"{path.name} is no event log that can be read (XES, plain or gzip): {error}."
        ) from error
    if not invoices:
        raise HistoryFileError(f"{path.name} holds no event {ENTERED!r}: it is no purchase-to-pay log.")
    middle = sorted(invoice["recognised_date"] for invoice in invoices)[len(invoices) // 2]
    return book_of_invoices([i for i in invoices if abs(i["recognised_date"] - middle) < OLDEST])


def _traces(stream: IO[bytes]) -> Iterator[tuple[dict[str, str], list[dict[str, str]]]]:
    """(attributes, events) of each order item, one at a time."""
    events: list[dict[str, str]] = []
    for _, element in iterparse(stream, events=("end",)):
        name = str(element.tag).rpartition("}")[2]
        if name == "event":
            events.append(_attributes(element))
            element.clear()
        elif name == "trace":
            yield _attributes(element), sorted(events, key=lambda event: event.get("time:timestamp", ""))
            events = []
            element.clear()


def _attributes(element: Element) -> dict[str, str]:
    return {child.get("key", ""): child.get("value", "") for child in element if child.get("value") is not None}


def _invoices(trace: tuple[dict[str, str], list[dict[str, str]]]) -> list[dict[str, Any]]:
    item, events = trace
    found: list[dict[str, Any]] = []
    written: list[date] = []
    cleared = 0
    worth = Decimal(0)
    for event in events:
        day, what = _day(event.get("time:timestamp", "")), event.get("concept:name")
        worth = max(worth, Decimal(event.get(WORTH, "0") or "0"))
        if day is None:
            continue
        if what == WRITTEN:
            written.append(day)
        elif what == ENTERED:
            found.append({"recognised_date": day, "invoice_date": written.pop(0) if written else day})
        elif what == CANCELLED and len(found) > cleared:
            found.pop()
        elif what == CLEARED and cleared < len(found):
            found[cleared]["paid_date"] = day
            cleared += 1
    if len(found) != 1:
        return []
    return [
        {
            "id": f"{item.get('concept:name', '')}/{place}",
            "supplier": item.get("(case) Vendor"),
            "entity": item.get("(case) Company"),
            "country": None,
            "currency": "EUR",
            "amount": max(worth, Decimal(1)),
            "due_date": None,
            "paid_date": None,
            **invoice,
            "invoice_date": min(invoice["invoice_date"], invoice["recognised_date"]),
        }
        for place, invoice in enumerate(found, start=1)
    ]


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None
