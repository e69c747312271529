"""Stated confidence against what happened: of recommendations called 80 % sure, do eight of ten come true?

True is a recommendation whose discount was taken, at least as large as it was stated. Only those that were carried out
and whose window is over count: what nobody approved says nothing about the forecast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from copilot.outcomes.funnel import Followed
from copilot.outcomes.panel import Document
from copilot.outcomes.results import Bin, Reliability

FEWEST_OUTCOMES = 50
"""With fewer, a calibration error of a few hundredths is chance."""
BINS = 5
ROUNDING = Decimal("0.99")
"""What is taken is rounded in another currency, at times, than what was stated."""
BAR = Decimal("0.05")
PLACES = Decimal("0.0001")


def reliability(proposals: Iterable[Followed], documents: Mapping[int, Document], as_of: date) -> Reliability:
    """Over the latest proposal of each invoice."""
    latest = {one.invoice: one for one in sorted(proposals, key=lambda one: one.made_at) if one.executed}
    pairs = []
    for invoice, one in sorted(latest.items()):
        document = documents.get(invoice)
        if one.confidence is None or document is None or not _settled(document, as_of):
            continue
        pairs.append((one.confidence, Decimal(1 if document.taken >= one.saved * ROUNDING else 0)))
    return of_pairs(pairs)


def of_pairs(pairs: list[tuple[Decimal, Decimal]]) -> Reliability:
    """From (stated, 1 for true or 0)."""
    if not pairs:
        return Reliability(0, None, None, None, ())
    count = len(pairs)
    brier = sum(((stated - true) ** 2 for stated, true in pairs), Decimal(0)) / count
    groups: dict[int, list[tuple[Decimal, Decimal]]] = {}
    for stated, true in pairs:
        groups.setdefault(min(int(stated * BINS), BINS - 1), []).append((stated, true))
    bins = tuple(_bin(group) for _, group in sorted(groups.items()))
    error = sum((one.count * abs(one.stated - one.realised) for one in bins), Decimal(0)) / count
    calibrated = None if count < FEWEST_OUTCOMES else error <= BAR
    return Reliability(count, brier.quantize(PLACES), error.quantize(PLACES), calibrated, bins)


def _bin(group: list[tuple[Decimal, Decimal]]) -> Bin:
    stated, true = (sum(column, Decimal(0)) / len(group) for column in zip(*group, strict=True))
    return Bin(len(group), stated.quantize(PLACES), true.quantize(PLACES))


def _settled(document: Document, as_of: date) -> bool:
    return document.paid_on is not None or (document.window_end is not None and document.window_end < as_of)
