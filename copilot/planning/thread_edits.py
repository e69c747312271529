"""Edits in fixed words: "how many", "in money", "the quarter before", "list them", "separately", "the difference".

Each takes the slots of the last plan and changes just what it names; the rest stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.planning.description import PHRASES
from copilot.planning.gate import refusal
from copilot.planning.plan import Clock, MetricPlan, Refuse
from copilot.planning.planner import Planner
from copilot.planning.slots import Slots
from copilot.planning.thread_merging import tied_to, year_before
from copilot.planning.thread_references import LISTED, is_selection, nth_row, pinned, which_one
from copilot.planning.thread_slots import slots_of
from copilot.planning.thread_state import ThreadState
from copilot.planning.thread_twins import LEAD, Edit, most_invoices, rate_of, twin
from copilot.planning.time_reading import TimeReading
from copilot.simulations.levers import ExtendTerms
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Grain, Period, bucket, shift
from semantic_layer.query import Filter, Having

LONGEST_TERMS = 180

_OTHER_DAYS = re.compile(r"^(?:and |what about |how about |make it )*(?:net )?(\d{1,3})(?: days)?$")
_WEEK = re.compile(r"\bweek (\d{1,2})\b")
_WORST = re.compile(r"\b(worst case|pessimistic|p90|bad case)\b")
_ONE_OF = re.compile(
    r"\b(?:biggest|largest|smallest|lowest|highest|worst|best|top|bottom|first|last) (?:one|ones|weeks?|groups?|entity|supplier|\d{1,3}|three|five|ten)\b"
)
_BEST = re.compile(r"\b(best case|optimistic|p10|good case)\b")
_NO_FILTERS = re.compile(r"^(remove|drop|clear|without|no) (all )?(the )?(filters?|conditions?)$")
_NO_BOUND = re.compile(
    r"^(?:remove|drop|clear|without|no|lift|forget)(?: the| that| any)? ?(?:([$€£]?[\d.,]+ ?(?:k|m|bn|mio|days?|%)?) )?"
    r"(?:limit|bound|threshold|cutoff|cut-off|minimum|maximum|min|max)$"
)
_NO_GROUPS = re.compile(
    r"^(just |only )?(the )?(grand )?(total|overall|in total|all together|altogether|together)( only| again| please)*$"
    r"|^(remove|drop|without|no) (the )?(grouping|breakdown|split)$"
)
_ROWS = re.compile(r"(?:and |what about |make it |how about )?(?:the )?(?:top |first )?(\d{1,3})")
_SHIFTED = re.compile(
    LEAD
    + r"(?:same )?(?:for |in |from )?(?:the )?(day|week|month|quarter|qtr|year) (before|after|earlier|later|prior|following)"
    r"(?: (?:that|it|this|then))?$"
)
_IN_PERCENT = re.compile(LEAD + r"in (?:%|percent|percentages?)$")
_NEXT_ONE = re.compile(LEAD + r"(?:the )?next (week|month|quarter)$")
_SEPARATE = re.compile(
    LEAD + r"(?:show |split |break |separate |tell )?(?:(?:me )?(?:them|those|these|it|both) )?"
    r"(?:up |out |down )?(?:separately|individually|one by one|side by side|each|apart|by themselves)$"
    r"|^(?:split|separate|break) (?:them|those|these|both)(?: up| out| down)?$"
)
_LIST = re.compile(
    LEAD
    + r"(?:please )?(?:list|show|give|see)(?: me)?(?: all)?(?: of)?(?: them| those| these| the invoices| invoices| the list| the details)(?: all)?$"
    r"|^(?:and |show(?: it)? )*as a list(?: of (?:the )?(?:invoices|bills|documents))?$|^invoice by invoice$"
    r"|^(?:and )?which (?:invoices|ones)(?: are (?:they|those|these|that))?$|^(?:the )?(?:list|details)$"
    r"|^(?:and )?(?:the )?(?:invoices|bills|documents)(?: (?:behind|under|in|for) (?:it|that|this|them|those|those figures|the figure))?$"
)
_DIFFERENCE = re.compile(
    r"^(?:and )?(?:what(?:'s| is) )?(?:the )?(?:diff|difference|delta|change)(?: between (?:them|the two|both|those))?$"
    r"|^compare (?:them|both|the two|those)$"
)
_MOVED = re.compile(
    r"^(?:and )?(?:which|what|who|only where|where)\b.*\b(?:improv|worsen|deteriorat|declin|rising|falling|grew|fell|dropped|went up|"
    r"went down|got better|got worse|increased|decreased)"
)
_ALL_OF = re.compile(r"^(?:back to |show |now )?all (?:of )?(?:the )?(\w+)(?: again)?$")
_A_YEAR = re.compile(
    r"\bwould (?:that|it|this) be\b.*\b(?:per|a|each|every) (?:year|month|quarter|annum)$|^annuali[sz]ed?\b"
)
_BOTH = re.compile(r"^(?:and |now )?(?:both|the two|both of (?:them|those))(?: together)?$")
_BY_CHANGE = re.compile(
    r"^(?:sort|sorted|rank|ranked|order|ordered)(?: it| them| that)? by (?:the )?(?:change|difference|delta)$"
)


def fixed_edit(state: ThreadState, text: str, planner: Planner, clock: Clock) -> Edit:
    """The slots of the last plan with what the words change, an answer to them that is no plan, or None."""
    last = state.last
    if last is None:
        return None
    if _A_YEAR.search(text):
        return refusal(
            "OUT_OF_SCOPE", "I do not scale a figure to another length of time; ask for that period itself.", ()
        )
    if _MOVED.search(text):
        message = "I cannot pick rows by how they changed; compare two periods, and the change of each row is a column."
        return refusal("OUT_OF_SCOPE", message, ())
    model, old = planner.lexicon.layer.model, slots_of(last)
    for read in _OF_PLANS:
        found = read(old, text)
        if found is not None:
            return found
    if not isinstance(last, MetricPlan):
        return None
    fiscal = planner.lexicon.fiscal_year_start
    return (
        nth_row(state, text)
        or which_one(last, text, model)
        or most_invoices(state, old, text, model)
        or twin(state, old, text, model)
        or _all_of(old, text, planner, clock)
        or _shifted(old, text, clock, model, fiscal)
        or _both(state, text)
        or _separate(old, text)
        or _listed(state, old, text, planner)
        or _difference(state, text)
        or rate_of(state, old, text, model)
        or _by_change(text)
        or _in_percent(old, text, model)
    )


def _levers(old: Slots, text: str) -> Slots | None:
    days = _OTHER_DAYS.match(text) if old.levers else None
    return _with_days(old, int(days[1])) if days else None


def _with_days(old: Slots, days: int) -> Slots | None:
    """The last what-if with other terms, where it has just one lever of terms; None where it has none or several."""
    places = [at for at, lever in enumerate(old.levers) if isinstance(lever, ExtendTerms)]
    if len(places) != 1 or not 0 < days <= LONGEST_TERMS:
        return None
    lever = old.levers[places[0]]
    target = {"add_days": days} if isinstance(lever, ExtendTerms) and lever.add_days else {"net_days": days}
    old.levers[places[0]] = lever.model_copy(update=target)
    return old


def _outflow(old: Slots, text: str) -> Slots | Refuse | None:
    """A week of the forecast, its bad end; what it cannot be cut to is said."""
    if old.outflow and _ONE_OF.search(text):
        return refusal("OUT_OF_SCOPE", "A forecast of cash lists every group; I cannot cut it to the largest ones.", ())
    if _BEST.search(text) and (old.outflow or "forecast" in old.signals):
        return refusal(
            "OUT_OF_SCOPE",
            "There is no best case of its own: the range of the answer before reaches from P10 to P90.",
            (),
        )
    if not old.outflow:
        return None
    if week := _WEEK.search(text):
        old.week_number = int(week[1])
        return old
    if _WORST.search(text):
        old.worst = True
        return old
    return None


def _wider(old: Slots, text: str) -> Slots | None:
    """Without filters, or in total."""
    if _NO_FILTERS.match(text):
        old.filters, old.having = [], []
        old.currency = None if old.currency == "document" else old.currency
        return old
    if _NO_GROUPS.match(text) and (old.group_by or text != "together"):
        old.group_by, old.limit, old.limit_per, old.having = [], None, [], []
        old.signals -= {"top", "list", "share", "trend"}
        return old
    return None


def _unbound(old: Slots, text: str) -> Slots | None:
    """As in "drop the 500k limit": no bound, and where there is none no number of rows either."""
    found = _NO_BOUND.match(text)
    if found is None:
        return None
    bounds: list[Filter | Having] = [f for f in old.filters if f.op[:1] in {"<", ">"}]
    said = "".join((found[1] or "").split()).removesuffix("days").removesuffix("day")
    meant = [b for b in [*bounds, *old.having] if not said or said in "".join(b.words.split())]
    if not meant and (said or old.limit is None):
        return None
    old.filters = [f for f in old.filters if f not in meant]
    old.having = [h for h in old.having if h not in meant]
    if not meant:
        old.limit, old.limit_per = None, []
        old.signals |= {"list"}
    return old


def _rows(old: Slots, text: str) -> Slots | None:
    rows = _ROWS.fullmatch(text)
    bounds = [f for f in old.filters if f.field in PHRASES and f.op[:1] in {"<", ">"}]
    if rows and old.limit is None and len(bounds) == 1 and not old.having:  # "make it 60" after "over 30 days"
        again = bounds[0].model_copy(update={"values": (rows[1],), "words": rows[1]})
        old.filters = [again if f is bounds[0] else f for f in old.filters]
        return old
    grouped = [name for name in old.group_by if name not in GRAINS]
    if rows and (old.limit or (grouped and not old.levers)) and int(rows[1]) > 0:
        old.limit = int(rows[1])
        old.signals |= {"top"}
        return old
    return None


_OF_PLANS: tuple[Callable[[Slots, str], Slots | Refuse | None], ...] = (_levers, _outflow, _wider, _unbound, _rows)


def _all_of(old: Slots, text: str, planner: Planner, clock: Clock) -> Slots | None:
    """As in "back to all regions": no condition on them, and a row for each."""
    found = _ALL_OF.match(text)
    groups = planner.slots(f"by {found[1]}", clock, tuple(old.metrics)).group_by if found else []
    if len(groups) != 1 or groups[0] in GRAINS:
        return None
    old.filters = [f for f in old.filters if f.field not in tied_to(groups[0])]
    old.group_by = [*groups, *(name for name in old.group_by if name in GRAINS)]
    old.limit, old.limit_per, old.having, old.descending, old.ranked_by = None, [], [], None, None
    old.signals -= {"top", "list"}
    return old


def _shifted(old: Slots, text: str, clock: Clock, model: SemanticModel, fiscal: int) -> Slots | None:
    """As in "and the quarter before", "the week after": told from the period on screen."""
    found = _SHIFTED.match(text)
    if found is None:
        return _one_further(old, text, clock, model, fiscal)
    grain: Grain = {"qtr": "quarter"}.get(found[1], found[1])  # type: ignore[assignment]  # the pattern's own words
    back = found[2] in {"before", "earlier", "prior"}
    period = old.period.period if old.period else Period(clock.data_date, clock.data_date)
    if grain == "year" and period.days <= 100 and old.period is not None:
        moved = year_before(period) if back else None
    else:
        edge = bucket(period.start if back else period.end, grain, fiscal)
        moved = shift(edge, grain, -1 if back else 1, fiscal)
    if moved is None:
        return None
    ahead = all(model.metrics[name].looks_ahead for name in old.metrics)
    if moved.start <= clock.data_date < moved.end and not ahead:
        old.notes.append(f"{moved} is not over: figures run to {clock.data_date.isoformat()}.")
        moved = Period(moved.start, clock.data_date, f"{moved} to date")
    old.period, old.compare, old.compare_grain = TimeReading(moved, 0), None, None
    return old


def _one_further(old: Slots, text: str, clock: Clock, model: SemanticModel, fiscal: int) -> Slots | None:
    """As in "next week" where the week ahead is on screen already: the one after it."""
    found = _NEXT_ONE.match(text)
    if found is None or old.period is None or not all(model.metrics[name].looks_ahead for name in old.metrics):
        return None
    grain: Grain = found[1]  # type: ignore[assignment]  # the pattern's own words
    shown = shift(bucket(clock.today, grain, fiscal), grain, 1, fiscal)
    if (old.period.period.start, old.period.period.end) != (shown.start, shown.end):
        return None
    old.period = TimeReading(shift(shown, grain, 1, fiscal), 0)
    return old


def _both(state: ThreadState, text: str) -> Slots | None:
    """As in "both" after Germany and then France: the last two values of one dimension."""
    if not _BOTH.match(text) or len(state.plans) < 2:
        return None
    one, two = state.plans[-2:]
    if not isinstance(one, MetricPlan) or not isinstance(two, MetricPlan):
        return None
    found = slots_of(two)
    for old in one.query.filters:
        new = next((f for f in found.filters if f.field == old.field and f.op == old.op == "="), None)
        if new is not None and new.values != old.values:
            found.filters = [old, *(f for f in found.filters if f is not new)]
            found.add_filter(new)
            return found
    return None


def _separate(old: Slots, text: str) -> Slots | None:
    """As in "separately": a row for each value of the condition that holds several."""
    several = [f.field for f in old.filters if f.op == "in" and len(f.values) > 1]
    if not several or not _SEPARATE.match(text):
        return None
    old.group(several[-1])
    return old


def _listed(state: ThreadState, old: Slots, text: str, planner: Planner) -> Edit:
    """As in "list them": a row for each document behind the figure."""
    if not _LIST.match(text):
        return None
    layer = planner.lexicon.layer
    lacking = [name for name in old.metrics if LISTED not in layer.legal_dimensions(name)]
    if lacking:
        label = layer.model.metrics[lacking[0]].label
        return refusal("ILLEGAL_GROUPING", f"{label} cannot be listed invoice by invoice.", (f"{label} by supplier",))
    rows = pinned(state, old) if is_selection(state.last) else old
    if isinstance(rows, Refuse):
        return rows
    rows.group_by, rows.limit, rows.limit_per, rows.having, rows.descending = [LISTED], None, [], [], True
    rows.compare, rows.compare_grain = None, None
    rows.signals = {"top", "list"}
    return rows


def _difference(state: ThreadState, text: str) -> Slots | None:
    """As in "diff?" after two answers that differ by their period only: the later one against the earlier one."""
    if not _DIFFERENCE.match(text) or len(state.plans) < 2:
        return None
    one, two = state.plans[-2:]
    if not isinstance(one, MetricPlan) or not isinstance(two, MetricPlan):
        return None
    first, second = one.query, two.query
    if first.period is None or second.period is None or first.compare or second.compare:
        return None
    if first.model_copy(update={"period": second.period}).identity() != second.identity():
        return None
    earlier, later = sorted((first.period, second.period), key=lambda period: period.end)
    found = slots_of(two)
    found.period, found.compare = TimeReading(later, 0), TimeReading(earlier, 0)
    return found


def _by_change(text: str) -> Refuse | None:
    if not _BY_CHANGE.match(text):
        return None
    return refusal(
        "OUT_OF_SCOPE", "Rows can be sorted by the figure, not by its change; the change is a column of its own.", ()
    )


def _in_percent(old: Slots, text: str, model: SemanticModel) -> Slots | None:
    """As in "and in %": the change of a comparison has that column already; of groups it is their share."""
    if not _IN_PERCENT.match(text):
        return None
    if old.compare is not None:
        old.notes.append("The change in percent is a column of the table.")
        return old
    if old.group_by and len(old.metrics) == 1 and model.metrics[old.metrics[0]].additive:
        old.signals.add("share")
        return old
    return None
