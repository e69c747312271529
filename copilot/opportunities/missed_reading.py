"""What the tree of missed discounts reads: missed offers, approval waits, and the certified total it must tie to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from copilot.forecasting.book_reading import columns_of
from copilot.forecasting.record_reading import WITHOUT_INTERCOMPANY, Rows
from copilot.opportunities.missed_discounts import NOT_SHOWN, MissedOffer, MissedTree, Wait, missed_tree
from copilot.opportunities.offer_reading import read_rates
from copilot.opportunities.treasury_policy import TreasuryPolicy, with_rates
from semantic_layer import SemanticLayerError
from semantic_layer.periods import Period
from semantic_layer.query import Filter, MetricQuery, Order, RecordQuery

COLUMNS = (
    "invoice_id", "buying_entity", "currency", "received_date", "discount_end_date", "last_payment_date",
    "gross_reporting", "discount_offered_reporting", "discount_miss_reason", "population",
)  # fmt: skip
WAIT_COLUMNS = ("approval_id", "invoice_id", "approver", "wait_from", "event_date", "step")


def read_missed(
    layer: Rows, policy: TreasuryPolicy, start: date, end: date, *, currency: str = "USD", names: bool = True
) -> MissedTree:
    """The tree of a period, tied to the metric `discount_missed`. Raises what the layer raises.

    `names` is what the asker wants; a viewer who may not see approvers gets stages only.
    """
    day = layer.data_date
    policy = with_rates(policy, read_rates(layer), day)
    offers = read_missed_offers(layer)
    end = min(end, day)
    waits = read_waits(layer, {offer.document_id for offer in offers}, names=names)
    query = MetricQuery(metrics=("discount_missed",), filters=(WITHOUT_INTERCOMPANY,), period=Period(start, end))
    total = layer.query(query).total["discount_missed"]
    metric = total if isinstance(total, Decimal) else Decimal(0)
    return missed_tree(offers, waits, policy, start, end, currency=currency, metric=metric, last_day=day)


def read_missed_offers(layer: Rows) -> tuple[MissedOffer, ...]:
    """Offers with a reason why they were missed, in the order of their ids."""
    offered = Filter(field="has_discount", op="=", values=("true",))
    query = RecordQuery(
        entity="invoice",
        columns=COLUMNS,
        filters=(WITHOUT_INTERCOMPANY, offered),
        order=(Order(field="invoice_id", descending=False),),
    )
    columns = columns_of(layer.records(query))
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return tuple(_offer(row) for row in rows if _is_missed(row))


def _is_missed(row: dict[str, Any]) -> bool:
    known = row["discount_offered_reporting"] is not None and row["gross_reporting"] is not None
    return row["discount_miss_reason"] is not None and row["population"] != "dead" and known


def _offer(row: dict[str, Any]) -> MissedOffer:
    return MissedOffer(
        document_id=int(row["invoice_id"]),
        entity=str(row["buying_entity"]),
        currency=str(row["currency"]),
        received=row["received_date"],
        window_end=row["discount_end_date"],
        paid=row["last_payment_date"],
        amount=Decimal(row["gross_reporting"]),
        missed=Decimal(row["discount_offered_reporting"]),
        reason=str(row["discount_miss_reason"]),
    )


def read_waits(layer: Rows, documents: set[int], *, names: bool = True) -> dict[int, tuple[Wait, ...]]:
    """Approval steps by document; their approvers read NOT_SHOWN where they must not be seen, or are not wanted."""
    columns = WAIT_COLUMNS if names else tuple(name for name in WAIT_COLUMNS if name != "approver")
    try:
        rows = list(layer.records(RecordQuery(entity="approval_wait", columns=columns)).rows)
    except SemanticLayerError:
        if not names:
            raise
        return read_waits(layer, documents, names=False)
    if not names:
        rows = [(*row[:2], NOT_SHOWN, *row[2:]) for row in rows]
    return waits_of(rows, documents)


def waits_of(rows: Sequence[Sequence[Any]], documents: set[int]) -> dict[int, tuple[Wait, ...]]:
    """Waits from their steps in and out: (approval, document, approver, from, day, +1 or -1)."""
    begun: dict[int, tuple[int, str, date]] = {}
    decided: dict[int, date] = {}
    for approval, document, approver, since, day, step in rows:
        key = document_of(document)
        if key not in documents:
            continue
        if int(step) < 0:
            decided[int(approval)] = day
        elif since is not None:
            begun[int(approval)] = (key, "(nobody)" if approver is None else str(approver), since)
    found: dict[int, list[Wait]] = defaultdict(list)
    for approval, (document, approver, since) in sorted(begun.items()):
        found[document].append(Wait(approver, since, decided.get(approval)))
    return {document: tuple(waits) for document, waits in found.items()}


def document_of(value: object) -> int:
    """The id of a document, which rows of other entities show as "number #id"."""
    return int(str(value).rpartition("#")[2])


def last_quarter(day: date) -> tuple[date, date]:
    """First and last day of the calendar quarter before the one of `day`."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    end = first - timedelta(days=1)
    return date(end.year, end.month - 2, 1), end
