"""Which number comes first: the total, the value beside its baseline, the leading group, or the latest whole period.

Differences are taken here, once, on exact decimals; narration only formats them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from copilot.answer import Headline
from copilot.narration.facts import TARGET, Facts
from copilot.narration.template_narrator import is_whole
from copilot.tabulation import json_cell
from copilot.wording.figures import day, decimal_of
from copilot.wording.period_words import period_key, whole_grain
from semantic_layer.periods import Period, buckets
from semantic_layer.results import Value


def headline_of(facts: Facts, total: Mapping[str, Value], unit: str) -> Headline:
    """The first number of a metric answer."""
    focus, column = facts.focus(), facts.role("share")
    if focus is not None and column is not None and (share := decimal_of(focus[1])) is not None:
        label = f"{facts.metric.label}: share of {focus[0].text}"
        return _headline(facts, label, column.unit, share, facts.period, facts.as_of, None, None)
    return headline_of_all(facts, total, unit)


def headline_of_all(facts: Facts, total: Mapping[str, Value], unit: str) -> Headline:
    """The first number where no group's share was asked for."""
    if facts.grain is not None and not facts.dimensions and not facts.metric.looks_ahead:
        return _of_trend(facts, unit) or _of_total(facts, total, unit)
    if facts.plan.intent == "top" and facts.dimensions and facts.table.rows:
        return _of_first(facts, unit)
    return _of_total(facts, total, unit)


def _of_total(facts: Facts, total: Mapping[str, Value], unit: str) -> Headline:
    name = facts.metric.name
    value, previous = decimal_of(total.get(name)), decimal_of(total.get(f"{name}__previous"))
    compared = facts.plan.query.compare
    baseline = None if compared is None else _day_or_period(facts, compared)
    if previous is None and facts.plan.target is not None:
        previous, baseline = facts.plan.target, TARGET
    label = f"{facts.metric.label}, all groups together" if is_whole(facts) else facts.metric.label
    return _headline(facts, label, unit, value, facts.period, facts.as_of, previous, baseline)


def _day_or_period(facts: Facts, compared: Period) -> str:
    """A balance is held against one day, everything else against a period."""
    return day(min(compared.end, facts.data_date)) if facts.is_balance else facts.words(compared)


def _of_first(facts: Facts, unit: str) -> Headline:
    row = facts.table.rows[0]
    index = facts.index(facts.metric.name)
    value = decimal_of(row[index]) if index is not None else None
    label = f"{facts.metric.label}: {facts.row_name(row).text}"
    return _headline(facts, label, unit, value, facts.period, facts.as_of, None, None)


def _of_trend(facts: Facts, unit: str) -> Headline | None:
    """The latest whole bucket beside the one before it; a bucket in progress leads only when there is no other."""
    cells = zip(facts.buckets(), facts.values(facts.metric.name), strict=True)
    dated = sorted(((b, decimal_of(v)) for b, v in cells if b is not None), key=lambda pair: pair[0].start)
    whole = [pair for pair in dated if not facts.is_cut(pair[0])] or dated[-1:]
    if not whole:
        return None
    bucket, value = whole[-1]
    before = _baseline_bucket(facts, bucket) or (whole[-2] if len(whole) > 1 else None)
    baseline = facts.bucket_words(before[0]) if before else None
    previous = before[1] if before else None
    return _headline(facts, facts.metric.label, unit, value, bucket, bucket.end, previous, baseline)


def _baseline_bucket(facts: Facts, bucket: Period) -> tuple[Period, Decimal | None] | None:
    """The bucket of the other period that stands beside this one; None where nothing is compared."""
    compared, grain = facts.plan.query.compare, facts.grain
    at = facts.index(f"{facts.metric.name}__previous")
    if compared is None or grain is None or at is None:
        return None
    place = next((i for i, found in enumerate(facts.buckets()) if found == bucket), None)
    others = buckets(compared, grain, facts.fiscal_year_start)
    if place is None or place >= len(others):
        return None
    return others[place], decimal_of(facts.table.rows[place][at])


def _headline(
    facts: Facts,
    label: str,
    unit: str,
    value: Decimal | None,
    period: Period,
    as_of: date,
    previous: Decimal | None,
    baseline: str | None,
) -> Headline:
    both = value is not None and previous is not None
    return Headline(
        metric=facts.metric.name,
        label=label,
        value=_number(value, unit),
        unit=unit,
        period=_key(facts, period, as_of),
        as_of=as_of.isoformat(),
        previous=_number(previous, unit),
        delta=_number(value - previous, unit) if both and value is not None and previous is not None else None,
        baseline=baseline if previous is not None else None,
    )


def _key(facts: Facts, period: Period, as_of: date) -> str:
    """A balance without a calendar period of its own belongs to its day."""
    odd = whole_grain(period, facts.fiscal_year_start) is None
    return as_of.isoformat() if facts.is_balance and odd else period_key(period, facts.fiscal_year_start)


def _number(value: Decimal | None, unit: str) -> str | float | int | None:
    cell = json_cell(value, unit)
    return None if isinstance(cell, bool) else cell
