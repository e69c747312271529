"""Waits as read from one mirror: events, missed offers, runs, and how much of eligible discounts is taken."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from copilot.forecasting.book_reading import columns_of
from copilot.forecasting.record_reading import Rows
from copilot.opportunities.bottlenecks import Book
from copilot.opportunities.missed_discounts import NOT_SHOWN
from copilot.opportunities.missed_reading import read_missed_offers
from copilot.opportunities.process_log import RECEIVED, STEP, Happened, Way, by_document, stages_of
from copilot.opportunities.supplier_profile import YEAR
from copilot.opportunities.supplier_reading import Document, read_documents
from copilot.opportunities.treasury_policy import TreasuryPolicy
from semantic_layer import SemanticLayerError
from semantic_layer.periods import Period
from semantic_layer.query import Filter, MetricQuery, RecordQuery

EVENT_COLUMNS = ("document_id", "event_at", "activity", "actor")
HABIT = "discount_capture_rate_operational"
FULLY = Decimal(1)


def read_process(
    layer: Rows,
    policy: TreasuryPolicy,
    filters: tuple[Filter, ...] = (),
    *,
    start: date | None = None,
    end: date | None = None,
    currency: str = "USD",
) -> Book:
    """Invoices approved from `start` to `end` (default: the last 365 days). Raises what the layer raises."""
    last = min(end or layer.data_date, layer.data_date)
    first = start or last - timedelta(days=YEAR - 1)
    events = by_document(read_events(layer))
    documents = (d for d in read_documents(layer, filters) if d.population == "recognised" and not d.credit)
    ways = [way for d in documents if (way := _way(d, events.get(d.id, ()))) and first <= way.approved_day <= last]
    kept = {way.document for way in ways}
    missed = {offer.document_id: offer for offer in read_missed_offers(layer) if offer.document_id in kept}
    habit = _habit(layer, filters, first, last)
    return Book(tuple(ways), missed, read_runs(layer), habit, first, last, currency, policy.version)


def read_events(layer: Rows) -> list[Happened]:
    """All events; actors read NOT_SHOWN where the viewer may not see approvers."""
    try:
        found = columns_of(layer.records(RecordQuery(entity="process_event", columns=EVENT_COLUMNS)))
        actors = ["" if name is None else str(name) for name in found["actor"]]
        _require_approvers(layer)
    except SemanticLayerError:
        found = columns_of(layer.records(RecordQuery(entity="process_event", columns=EVENT_COLUMNS[:3])))
        actors = [NOT_SHOWN if str(what).startswith(STEP) else "" for what in found["activity"]]
    rows = zip(found["document_id"], found["event_at"], found["activity"], actors, strict=True)
    return [Happened(int(key), at, str(what), who) for key, at, what, who in rows]


def _require_approvers(layer: Rows) -> None:
    """Raise NotPermittedError when the viewer may not see approvers."""
    layer.records(RecordQuery(entity="approval_wait", columns=("approver",), limit=1))


def read_runs(layer: Rows) -> dict[str, list[date]]:
    """Days on which each entity paid something, in order."""
    query = RecordQuery(entity="payment", columns=("buying_entity", "payment_date", "population", "is_credit_note"))
    runs: dict[str, set[date]] = defaultdict(set)
    for entity, day, population, credit in layer.records(query).rows:
        if population == "recognised" and not credit and isinstance(day, date):
            runs[str(entity or "")].add(day)
    return {entity: sorted(days) for entity, days in runs.items()}


def _way(document: Document, events: tuple[Happened, ...]) -> Way | None:
    """The way of one invoice; None where it was not approved by anybody, or its receipt is not known."""
    received: Any = next((event.at for event in events if event.activity == RECEIVED), None)
    decided = [event.at for event in events if event.activity.startswith(STEP)]
    if received is None or not decided or document.approved is None or document.amount is None:
        return None
    return Way(
        document=document.id,
        entity=document.entity,
        amount=document.amount,
        received=received,
        approved=max(*decided, received) if len(decided) > 1 else max(decided[0], received),
        approved_day=document.approved,
        due=document.due,
        paid=document.paid,
        stages=stages_of(received, events),
        variant=tuple(event.activity for event in events),
    )


def _habit(layer: Rows, filters: tuple[Filter, ...], first: date, last: date) -> Decimal:
    """The share of eligible discounts that is taken; all of them where nothing was eligible."""
    total = layer.query(MetricQuery(metrics=(HABIT,), filters=filters, period=Period(first, last))).total[HABIT]
    return total if isinstance(total, Decimal) else FULLY
