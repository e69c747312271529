"""What discount selection reads from the semantic layer: open offers, hurdle rates, and cash by pool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from copilot.forecasting.book import Book
from copilot.forecasting.book_reading import columns_of, read_book
from copilot.forecasting.cash_feed import CashFeed, NoCashFeed, cash_of
from copilot.forecasting.record_reading import WITHOUT_INTERCOMPANY, Rows
from copilot.opportunities.offers import Offer, StaticWindow
from copilot.opportunities.treasury_policy import Rates
from semantic_layer import SemanticLayerError
from semantic_layer.query import Filter, Order, RecordQuery

OFFER_COLUMNS = (
    "invoice_id", "invoice_number", "supplier", "buying_entity", "currency", "status", "population", "due_date",
    "recognised_date", "discount_end_date", "discount_rate", "gross_reporting", "open_reporting",
)  # fmt: skip
COMPANY = "company"
LOAD_RATES = (
    "load hurdle rates with `tenor-sync feed load capital_rates FILE`, or write hurdle_percent into treasury.yml"
)


@dataclass(frozen=True)
class CashBooks:
    """Cash of the company, of buying entities and of currencies; only whole pools that the feeds speak of.

    `balances` are (entity, currency, account, day, amount), `movements` (entity, currency, made on, day, amount).
    """

    balances: tuple[tuple[Any, ...], ...]
    movements: tuple[tuple[Any, ...], ...]

    def pool(self, kind: str, name: str, as_of: date) -> CashFeed | NoCashFeed:
        """Cash of one pool: kind "company", "entity" or "currency"."""
        place = {"entity": 0, "currency": 1}.get(kind)

        def mine(row: tuple[Any, ...]) -> bool:
            return place is None or row[place] == name

        return cash_of(
            [row[2:] for row in self.balances if mine(row)], [row[2:] for row in self.movements if mine(row)], as_of
        )


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that a choice of discounts hangs on, as read from one mirror."""

    as_of: date
    book: Book
    offers: tuple[Offer, ...]
    cash: CashBooks
    rates: Rates


def read_inputs(layer: Rows) -> Inputs:
    """The inputs as of the data date. Raises what the layer raises."""
    day = layer.data_date
    return Inputs(day, read_book(layer), read_offers(layer), read_cash_books(layer), read_rates(layer))


def read_offers(layer: Rows) -> tuple[Offer, ...]:
    """Offers of terms and headers that can still be taken: open, the window not over. In the order of their ids.

    What is not approved yet carries its gross amount and no ready day.
    """
    day = layer.data_date
    offered = Filter(field="has_discount", op="=", values=("true",))
    query = RecordQuery(
        entity="invoice",
        columns=OFFER_COLUMNS,
        filters=(WITHOUT_INTERCOMPANY, offered),
        order=(Order(field="invoice_id", descending=False),),
    )
    columns = columns_of(layer.records(query))
    barred = _barred(layer)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return tuple(_offer(row, day, barred) for row in rows if _still_open(row, day))


def _still_open(row: dict[str, Any], day: date) -> bool:
    last, rate = row["discount_end_date"], row["discount_rate"]
    if row["population"] == "dead" or last is None or rate is None or last <= day:
        return False
    amount = _amount(row)
    return amount is not None and amount >= Decimal("0.01")


def _amount(row: dict[str, Any]) -> Decimal | None:
    found = row["open_reporting"] if row["population"] == "recognised" else row["gross_reporting"]
    return None if found is None else Decimal(found)


def _offer(row: dict[str, Any], day: date, barred: dict[str, str]) -> Offer:
    approved = row["population"] == "recognised"
    supplier = str(row["supplier"])
    amount = _amount(row) or Decimal(0)
    return Offer(
        document_id=int(row["invoice_id"]),
        number=str(row["invoice_number"]),
        supplier=supplier,
        entity="(none)" if row["buying_entity"] is None else str(row["buying_entity"]),
        currency=str(row["currency"]),
        amount=amount.quantize(Decimal("0.01")),
        curve=StaticWindow(Decimal(row["discount_rate"]) / 100, row["discount_end_date"]),
        due=row["due_date"],
        ready=day + timedelta(days=1) if approved else None,
        status=str(row["status"]),
        barred=barred.get(supplier, ""),
    )


def _barred(layer: Rows) -> dict[str, str]:
    try:
        query = RecordQuery(entity="unaccelerated_supplier", columns=("supplier_name", "on_hold", "do_not_accelerate"))
        rows = layer.records(query).rows
    except (SemanticLayerError, KeyError):
        return {}
    return {
        str(name): "the supplier is on hold" if hold else "Coupa says not to pay it early" for name, hold, _ in rows
    }


def read_rates(layer: Rows) -> Rates:
    """Hurdle rates of the feed; none where it is not loaded."""
    try:
        query = RecordQuery(
            entity="hurdle_rate", columns=("rate_entity", "rate_currency", "valid_from", "rate_percent")
        )
        rows = layer.records(query).rows
    except (SemanticLayerError, KeyError):
        return ()
    return tuple(
        (str(e), str(c), day, Decimal(str(p))) for e, c, day, p in rows if isinstance(day, date) and p is not None
    )


def read_cash_books(layer: Rows) -> CashBooks:
    """Balances and forecast movements of the cash feeds; empty where they are not loaded."""
    balance = ("pool_entity", "pool_currency", "bank_account", "position_date", "amount_reporting")
    movement = ("pool_entity", "pool_currency", "as_of_date", "forecast_date", "amount_reporting")
    return CashBooks(_rows(layer, "pool_balance", balance), _rows(layer, "pool_movement", movement))


def _rows(layer: Rows, entity: str, columns: tuple[str, ...]) -> tuple[tuple[Any, ...], ...]:
    """In an order of their own: these records have no id, and a decision must come out the same to the byte."""
    try:
        return tuple(sorted(layer.records(RecordQuery(entity=entity, columns=columns)).rows, key=repr))
    except (SemanticLayerError, KeyError):
        return ()
