"""A follow-up's slots laid over those of the last plan: each slot that it fills replaces the old one, the others stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal

from copilot.planning.plan import Clock
from copilot.planning.ratios import ratio_of
from copilot.planning.slots import Slots
from copilot.planning.time_reading import TimeReading
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Period, month_end
from semantic_layer.query import Filter, Having

_SIDES = frozenset({"=", "!=", "in", "not in"})
_DENIED = frozenset({"!=", "not in"})
_LAID = frozenset(
    "metrics group_by filters having period compare compare_grain time_role limit limit_per known_on rolling descending "
    "by_direction ranked_by levers outflow threshold weeks run_day week_number worst currency target signals".split()
)
"""Slots that stay unless the follow-up fills them; every other one is about the words of one question only."""


def laid_over(
    old: Slots, new: Slots, clock: Clock, model: SemanticModel, *, widens: bool = False, adds: bool = False
) -> Slots:
    """The old slots with each one that the follow-up fills; what it says about time drops an old comparison."""
    if new.metrics:
        _to_ratio(old, new, model)
        _fit_period(old, new, clock, model)
        old.metrics = [*old.metrics, *(m for m in new.metrics if m not in old.metrics)] if adds else new.metrics
        old.target = None
    _lay_groups(old, new, widens=widens)
    _lay_time(old, new, clock, widens=widens)
    old.filters = merged(old.filters, new.filters, widens=widens)
    old.having = [*_havings_kept(old, new), *new.having]
    if new.limit is not None or "top" in new.signals:
        anew = bool(new.group_by) and "list" not in new.signals  # "worst entities": a ranking of its own
        old.limit = new.limit or (None if anew else old.limit)
        old.limit_per = new.limit_per or (old.limit_per if new.limit is None else [])
        old.descending = new.descending if new.descending is not None or new.by_direction else old.descending
        old.by_direction = new.by_direction
    old.signals |= new.signals
    if new.currency:
        old.currency = new.currency
    elif old.currency == "document" and any(f.field == "currency" for f in new.filters):
        old.currency = None
    old.target = new.target or old.target
    old.time_role = new.time_role or old.time_role
    old.known_on = new.known_on or old.known_on
    old.rolling = new.rolling or old.rolling
    _lay_outflow(old, new)
    old.ranked_by = new.ranked_by or (old.ranked_by if old.ranked_by in old.metrics else None)
    for slot in fields(Slots):
        if slot.name not in _LAID:
            setattr(old, slot.name, getattr(new, slot.name))
    return old


def _lay_outflow(old: Slots, new: Slots) -> None:
    """How far a forecast of cash reaches, and what it is asked for; another period closes the week that was open."""
    if new.weeks is not None or new.run_day is not None:
        old.weeks, old.run_day, old.period = new.weeks, new.run_day, None
    old.threshold = new.threshold if new.threshold is not None else old.threshold
    old.week_number = new.week_number
    old.levers = new.levers or old.levers


_OF_ONE_PART = frozenset({"days_past_due", "ageing_bucket"})
"""Conditions that would cut the whole of a ratio down to its part, so that every share were one."""


def _to_ratio(old: Slots, new: Slots, model: SemanticModel) -> None:
    """As in "in percent of their open AP" after what is overdue: the certified ratio of the two."""
    ratio = ratio_of(model, [*old.metrics, *new.metrics]) if "share" in new.signals else None
    if ratio is not None:
        new.metrics = [ratio]
        new.signals.discard("share")
        old.filters = [f for f in old.filters if f.field not in _OF_ONE_PART]


def _havings_kept(old: Slots, new: Slots) -> list[Having]:
    """Conditions on groups stay unless the groups are others, or the same bound is given anew."""
    if [name for name in new.group_by if name not in GRAINS]:
        return []
    given = {(h.metric, h.op[:1]) for h in new.having}
    kept = [h for h in old.having if (h.metric, h.op[:1]) not in given]
    return [h for h in kept if not any(_leaves_nothing(h, other) for other in new.having)]


def _leaves_nothing(one: Having, other: Having) -> bool:
    """As in "below 40" after "above 60": no group can meet both, so the later bound is meant alone."""
    if one.metric != other.metric or one.op[:1] == other.op[:1] or not {one.op[:1], other.op[:1]} <= {"<", ">"}:
        return False
    low, high = (one, other) if one.op[:1] == ">" else (other, one)
    return low.value >= high.value


def _crossed(one: Filter, other: Filter) -> bool:
    """Two bounds on one number of which the lower lies above the upper."""
    if one.field != other.field or one.op[:1] == other.op[:1] or not {one.op[:1], other.op[:1]} <= {"<", ">"}:
        return False
    low, high = (one, other) if one.op[:1] == ">" else (other, one)
    return Decimal(low.values[0]) >= Decimal(high.values[0])


def _fit_period(old: Slots, new: Slots, clock: Clock, model: SemanticModel) -> None:
    """The day of a balance is no period for what happens over time: the year up to it. What falls due lies ahead."""
    if new.period is not None or old.period is None:
        return
    figures = [model.metrics[name] for name in new.metrics]
    period = old.period.period
    if all(figure.looks_ahead for figure in figures) and period.end <= clock.data_date:
        old.period = None
        return
    balance = all(model.metrics[name].time_role == "as_of" for name in old.metrics)
    if not balance or period.start != period.end or any(figure.time_role == "as_of" for figure in figures):
        return
    if period.end == clock.data_date:
        old.period = None
        return
    start = period.end.replace(year=period.end.year - 1, day=min(period.end.day, 28)) + timedelta(days=1)
    if period.end.day <= 28:
        old.period = TimeReading(Period(start, period.end, f"the year to {period.end.isoformat()}"), 0)
    else:
        old.period = TimeReading(
            Period(period.end - timedelta(days=364), period.end, f"the year to {period.end.isoformat()}"), 0
        )


def _lay_groups(old: Slots, new: Slots, *, widens: bool) -> None:
    """Another dimension takes the place of the old one, a grain joins it.

    A ranking does not survive another grouping.
    """
    names = [name for name in new.group_by if name not in GRAINS]
    grains = [name for name in new.group_by if name in GRAINS]
    if grains or "trend" in new.signals:  # a cause has no course over time: the figure itself
        old.signals -= {"why", "level"}
    if not (names or grains or "trend" in new.signals):
        return
    kept = [name for name in old.group_by if name not in GRAINS]
    kept_grains = [name for name in old.group_by if name in GRAINS]
    names = [*kept, *(n for n in names if n not in kept)] if widens or not names else names
    old.group_by = [*names, *(grains or kept_grains)]
    old.limit_per = [name for name in old.limit_per if name in old.group_by]
    if (new.limit is None and "top" not in new.signals and names != kept) or grains or "trend" in new.signals:
        old.limit, old.descending, old.limit_per = None, None, []
        old.signals -= {"top", "list"}
    if old.compare is not None and (grains or "trend" in new.signals):
        old.compare = None


def _lay_time(old: Slots, new: Slots, clock: Clock, *, widens: bool) -> None:
    """Another period takes the place of the old one; "last year as well" is held against it."""
    if widens and new.period is not None and old.period is not None and new.compare is None:
        new.compare, new.period = new.period, None
    compares = new.compare is not None or new.compare_grain is not None or "change" in new.signals
    if new.period is not None:
        if "forecast" in old.signals and "forecast" not in new.signals and _is_past(new.period, clock):
            old.signals.discard("forecast")  # a day that has passed is measured, not projected
        old.compare = None
        said_year = any(c.slot == "time" and any(char.isdigit() for char in c.words) for c in new.coverage)
        back = None if said_year else _a_year_back(old, new.period, clock)
        old.period = back or _within_year(old, new.period) or new.period
    if compares:
        old.compare, old.compare_grain = new.compare, new.compare_grain


def _within_year(old: Slots, reading: TimeReading) -> TimeReading | None:
    """As in "only Q2" after a whole year was shown: the one of that year, where no year is said."""
    shown = old.period.period if old.period is not None else None
    if shown is None or shown.days < 360 or reading.ahead is None or reading.cut or reading.end_only:
        return None
    start, step = reading.period.start, shown.end.year - reading.period.start.year
    if (
        not step
        or shown.start.year != shown.end.year
        or (start.month, start.day) == (2, 29)
        or reading.period.days > 184
    ):
        return None
    end = reading.period.end
    last = (
        month_end(date(end.year + step, end.month, 1)) if end == month_end(end) else end.replace(year=end.year + step)
    )
    first = start.replace(year=start.year + step)
    return TimeReading(Period(first, last, f"{first.isoformat()} to {last.isoformat()}"), 0)


def _is_past(reading: TimeReading, clock: Clock) -> bool:
    """Whether only days that have passed can be meant; December alone can be the next one."""
    return reading.period.end <= clock.data_date and (reading.ahead is None or reading.ahead.days == 1)


def _a_year_back(old: Slots, reading: TimeReading, clock: Clock) -> TimeReading | None:
    """As in "And last year?" of a month or a quarter: the same one a year earlier."""
    last_year = reading.period.label == str(clock.today.year - 1) and reading.period.days > 360 and not reading.end_only
    if (
        not last_year
        or old.period is None
        or old.period.period.days > 100
        or old.period.period.end.year != clock.today.year
    ):
        return None
    back = year_before(old.period.period)
    return TimeReading(back, 0) if back is not None else None


def year_before(period: Period) -> Period | None:
    """The same days a year earlier; None where one of them is the 29th of February."""
    if (2, 29) in {(period.start.month, period.start.day), (period.end.month, period.end.day)}:
        return None
    start, end = period.start.replace(year=period.start.year - 1), period.end.replace(year=period.end.year - 1)
    return Period(start, end, f"{start.isoformat()} to {end.isoformat()}")


def merged(old: Iterable[Filter], new: list[Filter], *, widens: bool = False) -> list[Filter]:
    """New conditions beside the old.

    One on the same dimension and side replaces or widens it, one that denies it removes it.
    """
    found, old = Slots(filters=[]), tuple(old)
    removed: set[str] = set()
    for condition in old:
        denied = [f for f in new if f.field == condition.field and {f.op, condition.op} <= _SIDES]
        opposite = [f for f in denied if (f.op in _DENIED) != (condition.op in _DENIED)]
        if any(set(f.values) & set(condition.values) for f in opposite):
            left = tuple(v for v in condition.values if not any(v in f.values for f in opposite))
            removed.add(condition.field)
            if left:
                op = "=" if condition.op == "in" and len(left) == 1 else condition.op
                found.add_filter(condition.model_copy(update={"values": left, "op": op}))
        elif not any(_replaces(f, condition) or _crossed(f, condition) for f in new) or widens:
            found.add_filter(condition)
    for condition in new:
        rest = condition if condition.field not in removed else _not_yet_gone(condition, old)
        if rest is not None:
            found.add_filter(rest)
    return found.filters


def _not_yet_gone(condition: Filter, old: Iterable[Filter]) -> Filter | None:
    """What a condition still says once the values that it took away are gone: "not A and B" after only A, without B."""
    known = {value for f in old if f.field == condition.field for value in f.values}
    left = tuple(value for value in condition.values if value not in known)
    if not left or condition.op not in _DENIED:
        return None
    return condition.model_copy(update={"values": left, "op": "!=" if len(left) == 1 else "not in"})


_ONE_THING = ({"buying_entity", "entity_country", "region"},)
"""Dimensions that name one thing more or less finely: Canada after an entity in Britain is no second condition."""


def tied_to(dimension: str) -> frozenset[str]:
    """The dimensions that name the same thing, among them the one given."""
    return frozenset(next((names for names in _ONE_THING if dimension in names), {dimension}))


def _replaces(new: Filter, old: Filter) -> bool:
    """Whether a condition takes the place of an old one.

    The same side of the same dimension; a bound takes the place of a bound of its direction, not of the other end.
    """
    if new.op in {"=", "in"} and old.op in {"=", "in"} and new.field != old.field:
        return any({new.field, old.field} <= names for names in _ONE_THING)
    if new.field != old.field or (new.op in _DENIED) != (old.op in _DENIED):
        return False
    return (new.op in _SIDES) or (old.op in _SIDES) or new.op[:1] == old.op[:1]
