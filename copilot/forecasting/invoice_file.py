"""A CSV file of past invoices as a book, so that the back-test runs on anybody's ledger.

Needed: an amount, an invoice date and a payment date (empty while open); welcome: id, supplier, entity, currency, due
date, recognition date, country. Columns are found by their usual names in any case, with spaces, dashes or underscores.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from copilot.errors import HistoryFileError
from copilot.forecasting.book import Book, book_of
from copilot.forecasting.book_reading import DOCUMENT_COLUMNS

NAMES = {
    "id": ("invoiceid", "invoicenumber", "invoiceno", "documentid", "documentnumber", "id", "number"),
    "supplier": (
        "supplier", "suppliername", "vendor", "vendorname", "vendorid", "supplierid", "customerid", "customer", "payee",
    ),
    "entity": ("buyingentity", "entity", "company", "companycode", "legalentity", "businessunit", "bu"),
    "country": ("country", "entitycountry", "countrycode"),
    "currency": ("currency", "currencycode"),
    "amount": ("amount", "gross", "grossamount", "invoiceamount", "total", "totalwithtaxes", "value"),
    "invoice_date": ("invoicedate", "documentdate", "date"),
    "recognised_date": (
        "recogniseddate", "recognizeddate", "approvaldate", "approveddate", "postingdate", "bookingdate",
    ),
    "due_date": ("duedate", "netduedate", "paymentduedate"),
    "paid_date": ("paiddate", "paymentdate", "settleddate", "clearingdate", "cleareddate", "datepaid"),
}  # fmt: skip
NEEDED = ("amount", "invoice_date", "paid_date")
FAR_DAYS = 180
"""So long after the last invoice payments of it may still be known."""
FUTURE = "payments dated ahead (taken as not made yet)"


def read_invoices(path: Path, *, day_first: bool = False) -> tuple[Book, date]:
    """The book of a CSV file and the last day anything happened in it.

    Dates are ISO, or with slashes or dots: month first unless `day_first` (dots: always day first). Raises
    HistoryFileError for a missing column, an unreadable cell (with its line) or an empty file, OSError for no file.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        sample = file.read(4_096)
        file.seek(0)
        delimiter = max(",;\t|", key=sample.split("\n", 1)[0].count)
        rows = list(csv.reader(file, delimiter=delimiter))
    if len(rows) < 2:
        raise HistoryFileError(f"{path.name} holds no invoices: it needs a line of column names and lines below it.")
    place = _columns(path, rows[0])
    invoices = [_invoice(path, line, row, place, day_first) for line, row in enumerate(rows[1:], start=2) if any(row)]
    return book_of_invoices(invoices)


def book_of_invoices(invoices: Sequence[dict[str, Any]]) -> tuple[Book, date]:
    """The book of invoices given as id, supplier, entity, country, currency, amount and the four dates.

    Each is paid at once; a payment date before the invoice date is moved to it. A payment dated more than FAR_DAYS
    after the last invoice of all has not been made yet, whatever the file says: it is left out and counted as skipped.
    Raises HistoryFileError when there is no invoice. Also gives the last day anything happened.
    """
    if not invoices:
        raise HistoryFileError("There is no invoice to learn from in that file.")
    latest = max(invoice["recognised_date"] for invoice in invoices) + timedelta(days=FAR_DAYS)
    ahead = sum(invoice["paid_date"] is not None and invoice["paid_date"] > latest for invoice in invoices)
    invoices = [
        {
            **invoice,
            "paid_date": None if invoice["paid_date"] and invoice["paid_date"] > latest else invoice["paid_date"],
        }
        for invoice in invoices
    ]
    last = max(max(i["recognised_date"], i["paid_date"] or i["recognised_date"]) for i in invoices)
    documents: dict[str, list[Any]] = {name: [] for name in DOCUMENT_COLUMNS}
    payments: dict[str, list[Any]] = {"invoice_id": [], "payment_date": [], "amount_reporting": []}
    for key, invoice in enumerate(invoices, start=1):
        paid = None if invoice["paid_date"] is None else max(invoice["paid_date"], invoice["recognised_date"])
        row = {
            "invoice_id": key,
            "invoice_number": invoice["id"] or str(key),
            "supplier": invoice["supplier"],
            "category": None,
            "supplier_country": None,
            "buying_entity": invoice["entity"],
            "entity_country_code": invoice["country"],
            "currency": invoice["currency"],
            "status": "approved",
            "population": "recognised",
            "is_credit_note": invoice["amount"] < 0,
            "invoice_date": invoice["invoice_date"],
            "received_date": invoice["recognised_date"],
            "recognised_date": invoice["recognised_date"],
            "due_date": invoice["due_date"],
            "discount_end_date": None,
            "discount_rate": None,
            "gross_reporting": invoice["amount"],
            "open_reporting": Decimal(0) if paid else invoice["amount"],
            "last_payment_date": paid,
        }
        for name, value in row.items():
            documents[name].append(value)
        if paid:
            for name, value in zip(payments, (key, paid, invoice["amount"]), strict=True):
                payments[name].append(value)
    book = book_of(documents, payments)
    return (replace(book, skipped={**book.skipped, FUTURE: ahead}) if ahead else book), last


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    plain = ["".join(c for c in name.lower() if c.isalnum()) for name in header]
    place = {}
    for name, known in NAMES.items():
        found = [plain.index(alias) for alias in known if alias in plain]
        if found:
            place[name] = found[0]
    missing = [name for name in NEEDED if name not in place]
    if missing:
        wanted = " and ".join(f"{name.replace('_', ' ')} (such as {NAMES[name][0]})" for name in missing)
        raise HistoryFileError(f"{path.name} has no column for {wanted}; it has {', '.join(header)}.")
    return place


def _invoice(path: Path, line: int, row: Sequence[str], place: dict[str, int], day_first: bool) -> dict[str, Any]:  # noqa: FBT001
    def cell(name: str) -> str:
        at = place.get(name)
        return row[at].strip() if at is not None and at < len(row) else ""

    try:
        dates = {name: _day(cell(name), day_first=day_first) for name in NAMES if name.endswith("_date")}
        amount = Decimal(cell("amount").replace(" ", "").replace(",", "") or "x")
    except (ValueError, InvalidOperation) as error:
        raise HistoryFileError(
            f"{path.name}, line {line}: {' '.join(row)[:80]!r} has a date or an amount that cannot be read. Dates are"
            " like 2026-11-22 (or 11/22/2026; with --day-first 22/11/2026), amounts like 1234.50."
        ) from error
    if dates["invoice_date"] is None:
        raise HistoryFileError(f"{path.name}, line {line} has no invoice date; leave such invoices out.")
    texts = {name: cell(name) or None for name in ("id", "supplier", "entity", "country", "currency")}
    recognised = dates["recognised_date"] or dates["invoice_date"]
    country = texts["country"] if texts["country"] and len(texts["country"]) == 2 else None
    return {**texts, **dates, "country": country, "amount": amount, "recognised_date": recognised}


def _day(text: str, *, day_first: bool) -> date | None:
    if not text or text.lower() in {"null", "none", "nan", "nat"}:
        return None
    short = text.replace("T", " ").partition(" ")[0]
    if "/" in short:
        return datetime.strptime(short, "%d/%m/%Y" if day_first else "%m/%d/%Y").date()  # noqa: DTZ007 (a date)
    if "." in short:
        return datetime.strptime(short, "%d.%m.%Y").date()  # noqa: DTZ007 (a date)
    return date.fromisoformat(short)
