"""Slots to one MetricQuery: which period, which grain, which baseline, which order. Notes say what was assumed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from copilot.planning.plan import Clock
from copilot.planning.slots import Lexicon, Slots
from copilot.planning.time_reading import TimeReading
from semantic_layer.model import Metric
from semantic_layer.periods import GRAINS, Grain, Period, add_months, bucket, is_whole, shift
from semantic_layer.query import MetricQuery, Order, TopPer

TOP_LIMIT = 10
LISTED = "invoice_id"
"""The dimension that gives each invoice a row."""
RANKED = "supplier"
"""What people rank when they do not say."""
_BUYERS_PLACE = frozenset({"region", "entity_country"})
_BUCKETS_BACK: dict[Grain, int] = {"day": 30, "week": 12, "month": 12, "quarter": 4, "year": 2}
Built = tuple[MetricQuery, tuple[str, ...]]


def build_query(slots: Slots, lexicon: Lexicon, clock: Clock) -> Built | None:
    """The query of some slots and the notes on it; None when a change is asked for without anything to compare with."""
    metrics = tuple(lexicon.layer.model.metrics[name] for name in slots.metrics)
    fiscal, balance = lexicon.fiscal_year_start, all(metric.time_role == "as_of" for metric in metrics)
    notes: list[str] = []
    listable = all(LISTED in lexicon.layer.legal_dimensions(name) for name in slots.metrics)
    group_by = _groups(slots, metrics, lexicon, notes, listable=listable)
    buckets = _buckets_side_by_side(slots, group_by, clock, fiscal)
    period: Period | None
    compare: Period | None
    if buckets:
        grain, period, compare = buckets
        group_by.append(grain)
    else:
        found_grain, period = _period(
            slots, group_by, clock, fiscal, balance=balance, looks_ahead=all(metric.looks_ahead for metric in metrics)
        )
        if found_grain and found_grain not in group_by:
            group_by.append(found_grain)
        if balance and _moved_since(slots):
            since = slots.period.since if slots.period else None
            if since is None:
                return None
            found_grain, period, slots.compare = None, None, TimeReading(Period(since, since), 0, end_only=True)
            slots.period = None
        period, compare = _comparison(slots, period, clock, fiscal, notes, balance=balance)
        if compare is None and "change" in slots.signals and not set(group_by) & set(GRAINS):
            return None
    if not all(metric.looks_ahead for metric in metrics):
        notes += _notes(slots, group_by, period, clock, balance=balance)
    order = _order(slots, metrics, group_by)
    query = MetricQuery(
        metrics=tuple(slots.metrics),
        group_by=tuple(group_by),
        filters=tuple(slots.filters),
        having=tuple(slots.having),
        top_per=_top_per(slots, group_by, notes),
        window=slots.rolling,
        known_at=_end_of(slots.known_on, lexicon.zone),
        period=period,
        time_role=slots.time_role,
        compare=compare,
        order=order,
        limit=None if _ranked_within(slots, group_by) else _limit(slots, order),
        share=_share(slots, metrics, group_by, notes),
        currency=slots.currency,
    )
    return query, tuple(notes)


def _groups(
    slots: Slots, metrics: Sequence[Metric], lexicon: Lexicon, notes: list[str], *, listable: bool
) -> list[str]:
    """The groupings, with the one that a ranking or a share implies."""
    names = list(dict.fromkeys(slots.group_by))
    if slots.share_asked and not names and len(metrics) == 1 and slots.filters:
        first = slots.filters[0]
        slots.filters = slots.filters[1:]
        slots.focus = (first.field, first.values[0]) if first.op == "=" else None
        label = lexicon.layer.model.dimensions[first.field].label
        sides = {"true": f'"{label}: yes"', "false": f'"{label}: no"'}
        named = ", ".join(sides.get(value, value) for value in first.values)
        notes.append(f"The share of {named} is of everything; the table shows the other parts, too.")
        return [first.field]
    ranked = slots.limit is not None or "top" in slots.signals
    within = [name for name in names if name in slots.limit_per]
    if ranked and slots.documents and listable and within and within == names:
        return [LISTED, *names]
    if ranked and names and not slots.limit_per:
        return names
    if ranked and not [name for name in names if name not in GRAINS]:
        if slots.documents and listable:
            return [LISTED, *names]
        ranked_by = _ranked_by(lexicon, slots.metrics[0])
        if ranked_by is None:
            return names
        notes.append(
            f"Ranked by {lexicon.layer.model.dimensions[ranked_by].label.lower()}, since no grouping was named."
        )
        return [ranked_by, *names]
    return names


def _ranked_by(lexicon: Lexicon, metric: str) -> str | None:
    """What a ranking without a grouping ranks: suppliers, and in another domain the first thing that has names."""
    legal, dimensions = lexicon.layer.legal_dimensions(metric), lexicon.layer.model.dimensions
    if RANKED in dimensions:
        return RANKED
    return next((name for name, found in dimensions.items() if found.searchable and name in legal), None)


def _buckets_side_by_side(
    slots: Slots, group_by: Sequence[str], clock: Clock, fiscal: int
) -> tuple[Grain, Period, Period] | None:
    """As in "Month over month" alone: the closed buckets of a year, each against the one before."""
    grain = slots.compare_grain
    if grain is None or grain in {"year", "day"} or group_by or slots.period or slots.compare:
        return None
    current = bucket(clock.today, grain, fiscal)
    first, last = shift(current, grain, -_BUCKETS_BACK[grain], fiscal), shift(current, grain, -1, fiscal)
    period = Period(first.start, last.end, f"last {_BUCKETS_BACK[grain]} {grain}s")
    before, until = shift(first, grain, -1, fiscal), shift(last, grain, -1, fiscal)
    return grain, period, Period(before.start, until.end, f"the {grain} before")


def _period(
    slots: Slots, group_by: Sequence[str], clock: Clock, fiscal: int, *, balance: bool, looks_ahead: bool = False
) -> tuple[Grain | None, Period | None]:
    """The grain and the period asked for."""
    reading = slots.period
    grain = next((g for g in GRAINS if g in group_by), None) or _implied_grain(slots, reading, balance=balance)
    if reading is None:
        return grain, _default_run(grain, clock, fiscal) if grain and not looks_ahead else None
    period = _day_meant(reading, balance=balance) or reading.period
    if looks_ahead:
        return grain, _due(slots, reading, clock, fiscal)
    if "trend" in slots.signals and reading.grain is not None and period.end < clock.data_date:
        period = Period(period.start, clock.data_date, f"{period} and to date")
    return grain, period


def _moved_since(slots: Slots) -> bool:
    """As in "change in overdue since 30 September": two days of a balance, not the way between them."""
    open_start = slots.period is not None and slots.period.open_start
    return open_start and "change" in slots.signals and "trend" not in slots.signals and slots.compare is None


def _day_meant(reading: TimeReading, *, balance: bool) -> Period | None:
    """The one day that "a year ago" means for a balance."""
    return Period(reading.day, reading.day, reading.day.isoformat()) if balance and reading.day else None


def _due(slots: Slots, reading: TimeReading, clock: Clock, fiscal: int) -> Period:
    """The days in which something falls due: the next such period, the rest of the one in progress, or all until a day."""
    period = reading.period
    if reading.ahead is not None and period.end <= clock.data_date:
        period = still_to_come(reading.ahead, clock, fiscal)
    if reading.grain == "day" and period.start == clock.today + timedelta(days=1):
        return Period(clock.today, period.end, f"until {period.end.isoformat()}")  # "in the next 14 days", and today
    if slots.until == "before" and period.start == period.end > clock.today:
        return Period(clock.today, period.end - timedelta(days=1), f"before {period.end.isoformat()}")
    until = bool(slots.until) or (reading.end_only and reading.ahead is not None and reading.ahead.days > 1)
    return (
        Period(clock.today, period.end, f"until {period.end.isoformat()}")
        if until and period.end >= clock.today
        else period
    )


def still_to_come(whole: Period, clock: Clock, fiscal: int) -> Period:
    """What is left of a period that has begun for what is still to be paid; on its last day, the next one."""
    grain = _whole_grain(whole, fiscal)
    if whole.end <= clock.today and grain is not None:
        return shift(whole, grain, 1, fiscal)
    return whole if whole.start >= clock.today else Period(clock.today, whole.end, f"rest of {whole}")


def _implied_grain(slots: Slots, reading: TimeReading | None, *, balance: bool) -> Grain | None:
    """The grain of a trend, of several balances, or of a run of quarters."""
    if slots.limit is not None or "top" in slots.signals or slots.compare or slots.compare_grain:
        return None
    if "trend" in slots.signals:
        return (reading.grain or _grain_of(reading.period)) if reading else "month"
    if reading is None:
        return None
    if balance and reading.grain:
        return reading.grain
    if balance and reading.open_start and "change" not in slots.signals:
        return _grain_of(reading.period)
    return None


def _grain_of(period: Period) -> Grain:
    return "month" if period.days > 62 else "week" if period.days > 14 else "day"


def _default_run(grain: Grain, clock: Clock, fiscal: int) -> Period:
    first = shift(bucket(clock.today, grain, fiscal), grain, -_BUCKETS_BACK[grain], fiscal)
    return Period(first.start, clock.data_date, f"last {_BUCKETS_BACK[grain]} {grain}s and to date")


def _comparison(
    slots: Slots, period: Period | None, clock: Clock, fiscal: int, notes: list[str], *, balance: bool
) -> tuple[Period | None, Period | None]:
    """The period, and the baseline it is compared with."""
    if slots.compare is not None:
        baseline = slots.compare.ahead if slots.compare.cut and slots.compare.ahead else slots.compare.period
        baseline = _day_meant(slots.compare, balance=balance) or baseline
        if period is not None and baseline == period:
            baseline = _run_before(period, fiscal)
        if period is not None and slots.compare.period.end > period.end:  # the later of two is what has changed
            period, baseline = _day_meant(slots.compare, balance=balance) or slots.compare.period, period
        alone = not slots.compare.end_only and not (slots.period is not None and slots.period.end_only)
        if period is not None and alone and _same_a_year_back(slots, period, baseline, fiscal):
            baseline = _year_before(period)
            notes.append(f"Compared with the same {_whole_grain(period, fiscal) or 'days'} a year earlier.")
        found = period or _counterpart(baseline, clock, fiscal, balance=balance)
    elif slots.compare_grain is not None:
        grain = slots.compare_grain
        default = (
            _year_to_date(clock, fiscal)
            if grain == "year"
            else shift(bucket(clock.today, grain, fiscal), grain, -1, fiscal)
        )
        found = period or default
        baseline = _year_before(found) if grain == "year" else shift(found, grain, -1, fiscal)
    elif "change" in slots.signals and period is not None and (grain_found := _whole_grain(period, fiscal)):
        found, baseline = period, shift(period, grain_found, -1, fiscal)
    elif "change" in slots.signals and (begun := _begun(slots, period, clock, fiscal)) is not None:
        found, baseline = period or begun[0], shift(begun[0], begun[1], -1, fiscal)
    else:
        return period, None
    return found, _like_for_like(found, baseline, clock, fiscal, notes, balance=balance)


def _begun(slots: Slots, period: Period | None, clock: Clock, fiscal: int) -> tuple[Period, Grain] | None:
    """The whole of a period in progress ("how did spend change this quarter"), and its grain."""
    whole = slots.period.ahead if slots.period is not None and slots.period.cut else None
    if period is not None and period.end == clock.data_date and period.label.endswith(" to date"):
        buckets = [bucket(period.start, grain, fiscal) for grain in ("week", "month", "quarter", "year")]
        whole = next((b for b in buckets if f"{b} to date" == period.label), whole)
    grain = _whole_grain(whole, fiscal) if whole is not None and period is not None else None
    return (whole, grain) if whole is not None and grain is not None else None


def _run_before(period: Period, fiscal: int) -> Period:
    """As many days or whole months right before: what "the prior 30 days" are after "the last 30 days"."""
    if (grain := _whole_grain(period, fiscal)) is not None:
        return shift(period, grain, -1, fiscal)
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month + 1
    last = period.start - timedelta(days=1)
    first = add_months(period.start, -months) if is_whole(period, "month") else last - timedelta(days=period.days - 1)
    return Period(first, last, f"{first.isoformat()} to {last.isoformat()}")


def _same_a_year_back(slots: Slots, period: Period, baseline: Period, fiscal: int) -> bool:
    """Whether a month or quarter stands against the whole year before it ("Q3 vs last year")."""
    reading = slots.period
    named = reading.ahead if reading is not None and reading.cut and reading.ahead else period
    shorter = named.days < baseline.days and (_whole_grain(named, fiscal) or "year") != "year"
    inside = baseline.start <= period.start and period.end <= baseline.end
    before = baseline.end < period.start and (period.start - baseline.end).days <= baseline.days
    return shorter and _whole_grain(baseline, fiscal) == "year" and (inside or before)


def _like_for_like(
    period: Period, baseline: Period, clock: Clock, fiscal: int, notes: list[str], *, balance: bool
) -> Period:
    """The baseline cut to as many days as a period in progress has; balances compare ends and need no cut."""
    if period.end < baseline.end and baseline.end > clock.data_date >= baseline.start:
        notes.append(f"{baseline} is not over: figures run to {clock.data_date.isoformat()}.")
        return Period(baseline.start, clock.data_date, f"{baseline} to date")
    begun = _whole_grain(baseline, fiscal) is not None or period.label.endswith("to date")
    in_progress = period.end == clock.data_date and begun
    if balance or not in_progress or baseline.days <= period.days or _whole_grain(period, fiscal):
        return baseline
    if _whole_grain(baseline, fiscal) == "year" and period.start == bucket(period.end, "year", fiscal).start:
        cut = _year_before(period)
        cut = (
            cut
            if cut.start == baseline.start
            else Period(baseline.start, baseline.start + timedelta(days=period.days - 1))
        )
    else:
        cut = Period(baseline.start, baseline.start + timedelta(days=period.days - 1))
    notes.append(f"The period in progress has {period.days} days, so {baseline} is cut to its first {cut.days} days.")
    return Period(cut.start, cut.end, f"{baseline}, same days")


def _whole_grain(period: Period, fiscal: int) -> Grain | None:
    for grain in ("week", "month", "quarter", "year"):
        if is_whole(period, grain, fiscal) and bucket(period.start, grain, fiscal).end == period.end:
            return grain
    return None


def _counterpart(baseline: Period, clock: Clock, fiscal: int, *, balance: bool) -> Period:
    """What a baseline alone is compared with.

    Today for balances, else the bucket in progress or the last closed one.
    """
    grain = _whole_grain(baseline, fiscal)
    if balance or grain is None:
        return Period(clock.data_date, clock.data_date, clock.data_date.isoformat())
    following = shift(baseline, grain, 1, fiscal)
    if following.start <= clock.data_date < following.end:
        return Period(following.start, clock.data_date, f"{following} to date")
    return shift(bucket(clock.today, grain, fiscal), grain, -1, fiscal)


def _year_to_date(clock: Clock, fiscal: int) -> Period:
    start = bucket(clock.data_date, "year", fiscal)
    return Period(start.start, clock.data_date, f"{start} to date")


def _year_before(period: Period) -> Period:
    start, end = _a_year_back(period.start), _a_year_back(period.end)
    if is_whole(period, "month"):
        end = bucket(end, "month").end
    return Period(start, end, f"{start.isoformat()} to {end.isoformat()}")


def _a_year_back(day: date) -> date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def _order(slots: Slots, metrics: Sequence[Metric], group_by: Sequence[str]) -> tuple[Order, ...]:
    """A ranking's order; everything else takes the semantic layer's natural order."""
    if not group_by or not ("top" in slots.signals or slots.limit is not None):
        return ()
    descending = slots.descending if slots.descending is not None else True
    ranked = next((metric for metric in metrics if metric.name == slots.ranked_by), metrics[0])
    if slots.by_direction:
        descending = (ranked.direction == "up") == (slots.by_direction == "best")
    return (Order(field=ranked.name, descending=descending),)


def _ranked_within(slots: Slots, group_by: Sequence[str]) -> tuple[str, ...]:
    """The groupings within each of which a ranking starts again: those said with "each", or all but the one ranked."""
    names = [name for name in group_by if name not in GRAINS]
    if slots.limit is None or not names or len(group_by) < 2:
        return ()
    each = tuple(name for name in group_by if name in slots.limit_per)
    ranked = next((name for name in names if name not in each), names[0])
    return each or tuple(name for name in group_by if name != ranked)


def _top_per(slots: Slots, group_by: Sequence[str], notes: list[str]) -> TopPer | None:
    within = _ranked_within(slots, group_by)
    if not within or slots.limit is None:
        return None
    notes.append(f"The first {slots.limit} within each {' and '.join(name.replace('_', ' ') for name in within)}.")
    return TopPer(n=slots.limit, within=within)


def _end_of(day: date | None, zone: tzinfo) -> datetime | None:
    """The moment at which a day has passed for the company."""
    return None if day is None else datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)


def _limit(slots: Slots, order: Sequence[Order]) -> int | None:
    if slots.limit is not None:
        return slots.limit
    return TOP_LIMIT if order and "list" not in slots.signals else None


def _share(slots: Slots, metrics: Sequence[Metric], group_by: Sequence[str], notes: list[str]) -> bool:
    if not slots.share_asked:
        return False
    if len(metrics) > 1:
        labels = " and ".join(metric.label for metric in metrics)
        notes.append(f"No ratio of {labels} is certified, so no share is shown.")
        return False
    if not metrics[0].additive:
        notes.append(f"{metrics[0].label} does not add up over groups, so there are no shares of it.")
        return False
    return bool(group_by)


def _notes(slots: Slots, group_by: Sequence[str], period: Period | None, clock: Clock, *, balance: bool) -> list[str]:
    """What was assumed about time and place."""
    found: list[str] = []
    grain = next((g for g in GRAINS if g in group_by), None)
    reading = slots.period
    if period is not None and balance and grain is None and period.start != period.end:
        found.append(f"A balance is read at the end of the period: {min(period.end, clock.data_date).isoformat()}.")
    elif reading is not None and reading.cut and not balance:
        found.append(f"{reading.cut} is not over: figures run to {clock.data_date.isoformat()}.")
    elif grain is not None and period is not None and period.end == clock.data_date and not is_whole(period, grain):
        found.append(f"The last {grain} is not over: it runs to {clock.data_date.isoformat()}.")
    if _BUYERS_PLACE & {*group_by, *(f.field for f in slots.filters)}:
        found.append("Regions and countries are those of the buying entity.")
    return found
