"""Segments as read from one mirror: the model's dimension beside our own working out of the same rules."""

from __future__ import annotations

from datetime import date, timedelta

from copilot.forecasting.record_reading import Rows
from copilot.opportunities.segments import SegmentReport, segment_report
from copilot.opportunities.supplier_reading import read_suppliers
from copilot.opportunities.term_reading import certified
from semantic_layer.query import RecordQuery

SINCE_DAYS = 30
"""Moves are told since so many days, unless a day is named."""


def read_segments(
    layer: Rows, since: date | None = None, until: date | None = None, *, currency: str = "USD"
) -> SegmentReport:
    """The report as of the data date. Raises what the layer raises."""
    files = read_suppliers(layer)
    query = RecordQuery(entity="supplier_segment", columns=("supplier_id", "segment"))
    of_model = {int(str(key)): str(segment) for key, segment in layer.records(query).rows}
    day = since or files.as_of - timedelta(days=SINCE_DAYS)
    metric = certified(layer, "purchases")
    return segment_report(files, day, until, currency=currency, of_model=of_model, metric=metric)
