"""What is known of suppliers, read from the semantic layer: documents, standing, risk scores, contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from copilot.forecasting.book_reading import columns_of
from copilot.forecasting.record_reading import WITHOUT_INTERCOMPANY, Rows
from semantic_layer import SemanticLayerError
from semantic_layer.query import Filter, Order, RecordQuery

DOCUMENT_COLUMNS = (
    "invoice_id", "supplier_id", "buying_entity", "entity_country_code", "currency", "status", "population",
    "is_credit_note", "invoice_date", "due_date", "recognised_date", "received_date", "discount_end_date",
    "last_payment_date", "gross_reporting", "payment_term",
)  # fmt: skip
STANDING_COLUMNS = (
    "supplier_id", "supplier_name", "family", "supplier_category", "located_in", "located_region", "is_small", "held",
    "supplier_status", "not_early", "master_code", "master_days",
)  # fmt: skip
RATING_COLUMNS = ("supplier_id", "score_date", "score", "band")
AGREEMENT_COLUMNS = (
    "contract_id", "supplier_id", "contract_number", "contract_status", "start_date", "end_date", "term_type",
    "contract_code", "contract_days",
)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """One invoice or credit note; `amount` is gross in the reporting currency, None without a rate."""

    id: int
    supplier: int
    entity: str
    entity_country: str
    currency: str
    status: str
    population: str
    credit: bool
    invoiced: date
    due: date | None
    approved: date | None
    received: date | None
    discount_end: date | None
    paid: date | None
    amount: Decimal | None
    term: str


@dataclass(frozen=True)
class Standing:
    """One supplier as the master knows it."""

    id: int
    name: str
    family: str
    category: str
    country: str
    region: str
    small: bool
    on_hold: bool
    active: bool
    not_early: bool
    master_term: str
    master_days: int | None


@dataclass(frozen=True)
class Rating:
    """One risk score, 0 (safe) to 100, and its band: low, medium, high, critical."""

    day: date
    score: Decimal
    band: str


@dataclass(frozen=True)
class Agreement:
    """One contract. `kind` is fixed, auto_renew or perpetual; without an end nothing says when it ends."""

    id: int
    number: str
    status: str
    start: date | None
    end: date | None
    kind: str
    term: str
    days: int | None


@dataclass(frozen=True)
class SupplierFiles:
    """Everything read, by supplier id where it belongs to one; documents in the order of their ids."""

    as_of: date
    documents: tuple[Document, ...]
    standings: dict[int, Standing]
    ratings: dict[int, tuple[Rating, ...]]
    agreements: dict[int, tuple[Agreement, ...]]
    rated: bool
    """Whether there is a feed of risk scores at all."""


def read_suppliers(layer: Rows, filters: tuple[Filter, ...] = ()) -> SupplierFiles:
    """The files as of the data date, without intercompany. Raises what the layer raises."""
    ratings = _by_supplier(layer, "supplier_rating", RATING_COLUMNS)
    agreements = _by_supplier(layer, "agreement", AGREEMENT_COLUMNS)
    standings = map(_standing, _rows(layer, "supplier_standing", STANDING_COLUMNS))
    return SupplierFiles(
        as_of=layer.data_date,
        documents=read_documents(layer, filters),
        standings={standing.id: standing for standing in standings},
        ratings={key: tuple(sorted(map(_rating, rows), key=lambda r: r.day)) for key, rows in ratings.items()},
        agreements={key: tuple(sorted(map(_agreement, rows), key=lambda a: a.id)) for key, rows in agreements.items()},
        rated=bool(ratings),
    )


def read_standings(layer: Rows) -> tuple[dict[int, Standing], dict[int, tuple[Agreement, ...]]]:
    """Suppliers and their contracts alone, without documents; nothing where the viewer's rights do not have them."""
    agreements = _by_supplier(layer, "agreement", AGREEMENT_COLUMNS)
    standings = _by_supplier(layer, "supplier_standing", STANDING_COLUMNS)
    return (
        {key: _standing(rows[0]) for key, rows in standings.items()},
        {key: tuple(sorted(map(_agreement, rows), key=lambda a: a.id)) for key, rows in agreements.items()},
    )


def read_documents(layer: Rows, filters: tuple[Filter, ...] = ()) -> tuple[Document, ...]:
    """Documents that are not dead and match the filters, without intercompany."""
    query = RecordQuery(
        entity="invoice",
        columns=DOCUMENT_COLUMNS,
        filters=(*filters, WITHOUT_INTERCOMPANY),
        order=(Order(field="invoice_id", descending=False),),
    )
    columns = columns_of(layer.records(query))
    rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    return tuple(_document(row) for row in rows if row["population"] != "dead" and row["invoice_date"] is not None)


def _rows(layer: Rows, entity: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    query = RecordQuery(entity=entity, columns=columns)
    found = columns_of(layer.records(query))
    for values in zip(*found.values(), strict=True):
        yield dict(zip(found, values, strict=True))


def _by_supplier(layer: Rows, entity: str, columns: tuple[str, ...]) -> dict[int, list[dict[str, Any]]]:
    """Rows by supplier; nothing where the mirror or the viewer's rights do not have them."""
    found: dict[int, list[dict[str, Any]]] = {}
    try:
        for row in _rows(layer, entity, columns):
            if row["supplier_id"] is not None:
                found.setdefault(int(row["supplier_id"]), []).append(row)
    except (SemanticLayerError, KeyError):
        return {}
    return found


def _document(row: dict[str, Any]) -> Document:
    return Document(
        id=int(row["invoice_id"]),
        supplier=int(row["supplier_id"] or 0),
        entity=_text(row["buying_entity"]),
        entity_country=_text(row["entity_country_code"]),
        currency=_text(row["currency"]),
        status=_text(row["status"]),
        population=_text(row["population"]),
        credit=bool(row["is_credit_note"]),
        invoiced=row["invoice_date"],
        due=row["due_date"],
        approved=row["recognised_date"],
        received=row["received_date"],
        discount_end=row["discount_end_date"],
        paid=row["last_payment_date"],
        amount=None if row["gross_reporting"] is None else Decimal(row["gross_reporting"]),
        term=_text(row["payment_term"]),
    )


def _standing(row: dict[str, Any]) -> Standing:
    return Standing(
        id=int(row["supplier_id"]),
        name=_text(row["supplier_name"]),
        family=_text(row["family"]),
        category=_text(row["supplier_category"]),
        country=_text(row["located_in"]),
        region=_text(row["located_region"]),
        small=bool(row["is_small"]),
        on_hold=bool(row["held"]),
        active=row["supplier_status"] == "active",
        not_early=bool(row["not_early"]),
        master_term=_text(row["master_code"]),
        master_days=_whole(row["master_days"]),
    )


def _rating(row: dict[str, Any]) -> Rating:
    return Rating(row["score_date"], Decimal(str(row["score"])), _text(row["band"]))


def _agreement(row: dict[str, Any]) -> Agreement:
    return Agreement(
        id=int(row["contract_id"]),
        number=_text(row["contract_number"]),
        status=_text(row["contract_status"]),
        start=row["start_date"],
        end=row["end_date"],
        kind=_text(row["term_type"]),
        term=_text(row["contract_code"]),
        days=_whole(row["contract_days"]),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
