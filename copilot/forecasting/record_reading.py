"""What a projection reads from the semantic layer: its rows, and the balance it must start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from copilot.forecasting.ledger import INVOICE_COLUMNS, PAYMENT_COLUMNS, Ledger
from semantic_layer.periods import Period
from semantic_layer.query import Filter, MetricQuery, RecordQuery
from semantic_layer.results import RecordSet, ResultSet

WITHOUT_INTERCOMPANY = Filter(field="intercompany", op="=", values=("false",))


class Rows(Protocol):
    """What is needed of the semantic layer."""

    @property
    def data_date(self) -> date:
        """The last complete day."""

    def records(self, query: RecordQuery) -> RecordSet:
        """Rows of one entity."""

    def query(self, query: MetricQuery) -> ResultSet:
        """The answer to a metric query."""


def record_queries(filters: tuple[Filter, ...] = ()) -> tuple[RecordQuery, RecordQuery]:
    """The queries for documents and payments.

    Intercompany stays out unless the filters speak of it, as in the metrics.
    """
    if not any(item.field == WITHOUT_INTERCOMPANY.field for item in filters):
        filters = (*filters, WITHOUT_INTERCOMPANY)
    return (
        RecordQuery(entity="invoice", columns=INVOICE_COLUMNS, filters=filters),
        RecordQuery(entity="payment", columns=PAYMENT_COLUMNS, filters=filters),
    )


def read_ledger(layer: Rows, filters: tuple[Filter, ...] = ()) -> Ledger:
    """The ledger of the documents that match `filters`. Raises what the layer raises."""
    documents, payments = record_queries(filters)
    return Ledger.from_records(layer.records(documents), layer.records(payments))


def closing_balances(layer: Rows, filters: tuple[Filter, ...] = ()) -> dict[str, Decimal]:
    """Open payables on the data date by document currency, in the reporting currency at that day's closing rate."""
    day = layer.data_date
    result = layer.query(
        MetricQuery(metrics=("open_ap",), group_by=("currency",), filters=filters, period=Period(day, day))
    )
    return {
        str(row["currency"]): Decimal(str(row["open_ap"])) for row in result.records() if row["open_ap"] is not None
    }


@dataclass(frozen=True)
class FixedRows:
    """A semantic layer that always answers the same: the double for tests and examples."""

    data_date: date
    sets: Mapping[str, RecordSet]
    result: ResultSet

    def records(self, query: RecordQuery) -> RecordSet:
        """The rows of the query's entity."""
        return self.sets[query.entity]

    def query(self, query: MetricQuery) -> ResultSet:
        """The one result, whatever the query."""
        del query
        return self.result
