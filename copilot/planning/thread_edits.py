"""Edits in fixed words: "how many", "in money", "the quarter before", "list them", "separately", "the difference".

Each takes the slots of the last plan and changes just what it names; the rest stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from copilot.planning.description import describe
from copilot.planning.gate import refusal
from copilot.planning.pass_figures import COUNT_OF
from copilot.planning.plan import Choice, Clarify, Clock, MetricPlan, Refuse
from copilot.planning.planner import Planner
from copilot.planning.slots import Slots
from copilot.planning.thread_merging import year_before
from copilot.planning.thread_references import LISTED, group_on_screen, is_selection, nth_row, pinned, which_one
from copilot.planning.thread_slots import slots_of
from copilot.planning.thread_state import ThreadState
from copilot.planning.time_reading import TimeReading
from copilot.simulations.levers import ExtendTerms
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Grain, Period, bucket, shift

LONGEST_TERMS = 180
_COUNTING = ("invoices_", "taken_")
"""Parts of a rate that count documents."""
Edit = Slots | Clarify | Refuse | None

_LEAD = r"^(?:and |but |so |ok |okay |then |now |also |what about |how about |just |only |the same )*"
_OTHER_DAYS = re.compile(r"^(?:and |what about |how about |make it )*(?:net )?(\d{1,3})(?: days)?$")
_WEEK = re.compile(r"\bweek (\d{1,2})\b")
_WORST = re.compile(r"\b(worst case|pessimistic|p90|bad case)\b")
_ONE_OF = re.compile(
    r"\b(?:biggest|largest|smallest|lowest|highest|worst|best|top|bottom|first|last) (?:one|ones|weeks?|groups?|entity|supplier|\d{1,3}|three|five|ten)\b"
)
_BEST = re.compile(r"\b(best case|optimistic|p10|good case)\b")
_NO_FILTERS = re.compile(r"^(remove|drop|clear|without|no) (all )?(the )?(filters?|conditions?)$")
_NO_GROUPS = re.compile(
    r"^(just |only )?(the )?(grand )?(total|overall|in total|all together|altogether|together)( only)?$"
    r"|^(remove|drop|without|no) (the )?(grouping|breakdown|split)$"
)
_ROWS = re.compile(r"(?:and |what about |make it |how about )?(?:the )?(?:top |first )?(\d{1,3})")
_IN_MONEY = re.compile(
    r"^(?:and |but )?(\$|€|in (money|dollars|\$|value|usd)|how much( money)?( is (that|it|this))?|(the )?(money|amount|value)s?)$"
)
_HOW_MANY = re.compile(
    _LEAD + r"(?:in |on |across |over |for |by )?(?:how many|#|(?:the )?(?:count|numbers?)|in numbers|as a count)"
    r"(?: of)?(?: (?:invoices?|bills?|documents?|discounts?|offers?|of them|of those|them|those))?"
    r"(?: (?:is|are|was|were|does|do|sits?|lie|stand|that|those|they|there|it|these|this|behind|in|make|up|included|affected|involved"
    r"|concerned|altogether|numbers))*$"
)
_SHIFTED = re.compile(
    _LEAD
    + r"(?:same )?(?:for |in |from )?(?:the )?(day|week|month|quarter|qtr|year) (before|after|earlier|later|prior|following)"
    r"(?: (?:that|it|this|then))?$"
)
_SEPARATE = re.compile(
    _LEAD + r"(?:show |split |break |separate |tell )?(?:(?:me )?(?:them|those|these|it|both) )?"
    r"(?:up |out |down )?(?:separately|individually|one by one|side by side|each|apart|by themselves)$"
    r"|^(?:split|separate|break) (?:them|those|these|both)(?: up| out| down)?$"
)
_LIST = re.compile(
    _LEAD
    + r"(?:please )?(?:list|show|give|see)(?: me)?(?: all)?(?: of)?(?: them| those| these| the invoices| invoices| the list| the details)(?: all)?$"
    r"|^(?:and )?which (?:invoices|ones)(?: are (?:they|those|these|that))?$|^(?:the )?(?:list|details)$"
)
_DIFFERENCE = re.compile(
    r"^(?:and )?(?:what(?:'s| is) )?(?:the )?(?:diff|difference|delta|change)(?: between (?:them|the two|both|those))?$"
    r"|^compare (?:them|both|the two|those)$"
)
_MOST_INVOICES = re.compile(
    r"^(?:and )?(?:which|who)(?: one| of (?:them|those|these))? (?:has|have|had) (?:the )?(most|fewest|least|more|fewer) "
    r"(?:invoices|bills|documents)$"
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
_RATIO = re.compile(_LEAD + r"(?:as |show |in )?(?:the |a )?(?:ratio|rate|percentage)$")
_BY_CHANGE = re.compile(
    r"^(?:sort|sorted|rank|ranked|order|ordered)(?: it| them| that)? by (?:the )?(?:change|difference|delta)$"
)
_FIGURE_OF_COUNT = {
    **{count: money for money, count in COUNT_OF.items()},
    "discount_missed_count": "discount_missed", "discount_captured_count": "discount_captured",
    "discount_offered_count": "discount_offered", "pending_approval_count": "pending_approval_value",
    "duplicate_count": "duplicate_risk", "term_cap_breaches": "term_cap_breach_value",
    "term_mismatch_count": "term_mismatch_leakage", "invoice_count": "spend",
}  # fmt: skip
"""A count of documents and the money in the same documents."""
_COUNT_OF_FIGURE = {money: count for count, money in _FIGURE_OF_COUNT.items()} | {
    "purchases": "invoice_count", "average_invoice_value": "invoice_count", "duplicate_paid": "duplicate_count",
}  # fmt: skip


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
        or _most_invoices(state, old, text, model)
        or _twin(state, old, text, model)
        or _all_of(old, text, planner, clock)
        or _shifted(old, text, clock, model, fiscal)
        or _both(state, text)
        or _separate(old, text)
        or _listed(state, old, text, planner)
        or _difference(state, text)
        or _ratio(state, old, text, model)
        or _by_change(text)
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


def _rows(old: Slots, text: str) -> Slots | None:
    rows = _ROWS.fullmatch(text)
    grouped = [name for name in old.group_by if name not in GRAINS]
    if rows and (old.limit or (grouped and not old.levers)) and int(rows[1]) > 0:
        old.limit = int(rows[1])
        old.signals |= {"top"}
        return old
    return None


_OF_PLANS: tuple[Callable[[Slots, str], Slots | Refuse | None], ...] = (_levers, _outflow, _wider, _rows)


def _twin(state: ThreadState, old: Slots, text: str, model: SemanticModel) -> Edit:
    """The count of the documents behind a figure, or the money behind a count; everything else stays."""
    if _IN_MONEY.match(text):
        return _swapped(state, old, _FIGURE_OF_COUNT, model)
    if not _HOW_MANY.match(text):
        return None
    if all(model.metrics[name].unit == "count" for name in old.metrics):
        return old
    found = _swapped(state, old, _COUNT_OF_FIGURE, model)
    if found is not None:
        return found
    names = ", ".join(model.metrics[name].label for name in old.metrics)
    if any(part.name.startswith(_COUNTING) for name in old.metrics for part in model.metrics[name].parts):
        old.notes.append(f"The counts behind {names} stand beside it in the table.")
        return old
    counts = [name for name in ("invoice_count", "open_invoice_count", "past_due_count") if name in model.metrics]
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question=f"There is no count behind {names}. Which count do you want instead?",
        choices=tuple(Choice(label=model.metrics[n].label, question=_with_figures(state, [n], model)) for n in counts),
    )


def _most_invoices(state: ThreadState, old: Slots, text: str, model: SemanticModel) -> Slots | None:
    """As in "which has the most invoices": the count behind the figure, one row."""
    found = _MOST_INVOICES.match(text)
    counted = _swapped(state, old, _COUNT_OF_FIGURE, model) if found and group_on_screen(state.last) else None
    if found is None or counted is None:
        return None
    counted.limit, counted.limit_per, counted.ranked_by = 1, [], None
    counted.descending = found[1] in {"most", "more"}
    counted.signals |= {"top"}
    return counted


def _all_of(old: Slots, text: str, planner: Planner, clock: Clock) -> Slots | None:
    """As in "back to all regions": no condition on them, and a row for each."""
    found = _ALL_OF.match(text)
    groups = planner.slots(f"by {found[1]}", clock, tuple(old.metrics)).group_by if found else []
    if len(groups) != 1 or groups[0] in GRAINS:
        return None
    old.filters = [f for f in old.filters if f.field != groups[0]]
    old.group_by = [*groups, *(name for name in old.group_by if name in GRAINS)]
    old.limit, old.limit_per, old.having, old.descending, old.ranked_by = None, [], [], None, None
    old.signals -= {"top", "list"}
    return old


def _swapped(state: ThreadState, old: Slots, twins: dict[str, str], model: SemanticModel) -> Slots | None:
    if not any(twins.get(name) in model.metrics for name in old.metrics):
        return None
    if is_selection(state.last) and state.shown is not None:
        rows = pinned(state, old)
        old = rows if isinstance(rows, Slots) else old
    old.metrics = list(dict.fromkeys(twins.get(name, name) for name in old.metrics))
    old.target, old.currency = None, None
    return old


def _with_figures(state: ThreadState, names: list[str], model: SemanticModel) -> str:
    """The question of the last plan with other figures, complete in itself."""
    last = state.last
    if not isinstance(last, MetricPlan):
        return f"What's our {model.metrics[names[0]].label}?"
    query = last.query.model_copy(update={"metrics": tuple(names), "having": (), "order": (), "limit": None})
    return describe(last.model_copy(update={"query": query}), model)


def _shifted(old: Slots, text: str, clock: Clock, model: SemanticModel, fiscal: int) -> Slots | None:
    """As in "and the quarter before", "the week after": told from the period on screen."""
    found = _SHIFTED.match(text)
    if found is None:
        return None
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


def _ratio(state: ThreadState, old: Slots, text: str, model: SemanticModel) -> Edit:
    """As in "the ratio": the rate that the figures on screen are part of."""
    if not _RATIO.match(text) or any(model.metrics[name].unit == "ratio" for name in old.metrics):
        return None
    related = dict.fromkeys(other for name in old.metrics for other in model.metrics[name].related)
    rates = [name for name in related if name in model.metrics and model.metrics[name].unit == "ratio"]
    if len(rates) == 1:
        old.metrics, old.target, old.having = rates, None, []
        return old
    if not rates:
        return None
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="Which rate do you mean?",
        choices=tuple(Choice(label=model.metrics[n].label, question=_with_figures(state, [n], model)) for n in rates),
    )


def _by_change(text: str) -> Refuse | None:
    if not _BY_CHANGE.match(text):
        return None
    return refusal(
        "OUT_OF_SCOPE", "Rows can be sorted by the figure, not by its change; the change is a column of its own.", ()
    )
