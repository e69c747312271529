"""Threads.

A typed state, and questions that edit the last answer ("and by region?", "same for Q2", "only above 50k", "go back").

A follow-up is read into the same slots as a whole question and laid over the slots of the last plan; the result goes through
the same decision. So an edit can be asked about or refused like any question, and it can never drop a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from pydantic import BaseModel, ConfigDict
from rapidfuzz import fuzz

from copilot.planning.gate import turned_away
from copilot.planning.normalise import fold
from copilot.planning.pass_figures import COUNT_OF
from copilot.planning.plan import (
    Clarify,
    Clock,
    ForecastPlan,
    MetricPlan,
    OutflowPlan,
    Plan,
    Refuse,
    ScenarioPlan,
    WhyPlan,
)
from copilot.planning.planner import Planner
from copilot.planning.slots import Slots
from copilot.planning.time_phrases import TimeReading
from copilot.planning.vocabulary import COUNTRIES
from copilot.simulations.levers import ExtendTerms
from semantic_layer.periods import GRAINS, Period
from semantic_layer.query import Filter, MetricQuery

DEPTH = 20
"""How many answers can be gone back over."""

Figures = MetricPlan | ForecastPlan | OutflowPlan | ScenarioPlan | WhyPlan
_OTHER_DAYS = re.compile(r"^(?:and |what about |how about |make it )*(?:net )?(\d{1,3})(?: days)?$")
_WEEK = re.compile(r"\bweek (\d{1,2})\b")
LONGEST_TERMS = 180
_WORST = re.compile(r"\b(worst case|pessimistic|p90|bad case)\b")
_FIGURES = (MetricPlan, ForecastPlan, OutflowPlan, ScenarioPlan, WhyPlan)
_LONGEST_EDIT = 200
_BACK = re.compile(
    r"^((no )?(go |take me )?back|undo|revert|previous( one)?|remove (that|this|it)|scratch that|never ?mind)( please)?$"
)
_AFRESH = re.compile(r"^(start (over|again|afresh)|reset|new (question|topic)|clear( all| everything)?)$")
_NO_FILTERS = re.compile(r"^(remove|drop|clear|without|no) (all )?(the )?(filters?|conditions?)$")
_NO_GROUPS = re.compile(
    r"^(just |only )?(the )?(total|overall|in total|all together|altogether)( only)?$|^(remove|drop|without|no) (the )?(grouping|breakdown|split)$"
)
_POLITE = re.compile(
    r"^((ok|okay|now|then|so|well|just|please|pls|can you|could you|show( me)?( it| that| this)?|give me( it| that)?|try|do it|do that|i mean|i meant)[ ,:]+)+",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"^((and|and now|but|also|instead|make it|(the )?same( thing| question| again)?( but)?( for| in| with| by)?|what about|how about|"
    r"change (it |that )?to|switch to|(break|split|cut) (it|that|this)( down| up| out)?)[ ,:]+)+",
    re.IGNORECASE,
)
_WIDENS = re.compile(r"^(also|and also|plus|add)\b|\b(too|as well|also)$", re.IGNORECASE)
_TRAILING = re.compile(r"( (instead|too|as well|also|please|pls|then|though))+$", re.IGNORECASE)
_IN_MONEY = re.compile(r"^(\$|€|in (money|dollars|\$|value|usd)|how much( money)?|(the )?(money|amount|value)s?)$")
_IN_NUMBERS = re.compile(r"^(how many|#|(the )?(count|number)s?|in numbers|(count|number) of invoices)$")
_MONEY_OF = {count: money for money, count in COUNT_OF.items()} | {"invoice_count": "spend"}
_COUNT_OF = {**COUNT_OF, "spend": "invoice_count"}


class ThreadState(BaseModel):
    """What a thread remembers: the plans that gave figures, newest last, and the question that waits for an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: tuple[Figures, ...] = ()
    pending: Clarify | None = None

    @property
    def last(self) -> Figures | None:
        """The plan that a follow-up edits."""
        return self.plans[-1] if self.plans else None


def converse(state: ThreadState, question: str, planner: Planner, clock: Clock) -> tuple[Plan, ThreadState]:
    """The plan of a question in its thread, and the thread after it.

    Pure: the same state and question give the same plan.
    """
    text = fold(question).strip(" \t\n?!.,;")
    if _BACK.match(text):
        return _back(state)
    if _AFRESH.match(text):
        return _nothing("The thread starts afresh: ask a new question."), ThreadState()
    chosen = (
        _chosen(state.pending, text) or _narrowed(state.pending, question, planner, clock) if state.pending else None
    )
    asked = chosen or question
    plan = _fixed_edit(state, text, planner, clock) or turned_away(asked) or _follow(state, asked, planner, clock)
    plan = plan or planner.plan(asked, clock)
    return plan, _after(state, plan)


def _after(state: ThreadState, plan: Plan) -> ThreadState:
    """Figures are remembered; a question back waits; a refusal changes nothing."""
    if (
        isinstance(plan, MetricPlan)
        and isinstance(state.last, MetricPlan)
        and plan.query.identity() == state.last.query.identity()
    ):
        return ThreadState(plans=state.plans)
    if isinstance(plan, _FIGURES):
        return ThreadState(plans=(*state.plans, plan)[-DEPTH:])
    return ThreadState(plans=state.plans, pending=plan if isinstance(plan, Clarify) else None)


def _chosen(pending: Clarify, text: str) -> str | None:
    """The question behind the choice that was named by its number, its words or most of them."""
    number = re.fullmatch(
        r"(?:#|no\.? |number |option |the )?(\d)(?:st|nd|rd|th)?(?: one)?|(?:the )?(first|second|third|fourth|last)(?: one)?",
        text,
    )
    if number:
        at = (
            int(number[1]) - 1
            if number[1]
            else {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}[number[2]]
        )
        return pending.choices[at].question if at < len(pending.choices) and at >= -1 and pending.choices else None
    words = [
        word
        for word in re.findall(r"[^\W_]+", text)
        if word not in {"the", "one", "ones", "a", "i", "mean", "meant", "please", "by", "of", "want"}
    ]
    if not words or len(words) > 8:
        return None
    halves = re.split(r",? or ", pending.question)
    told = halves if len(halves) == len(pending.choices) else [""] * len(pending.choices)
    scores = [
        max(_likeness(words, choice.label), _likeness(words, half))
        for choice, half in zip(pending.choices, told, strict=True)
    ]
    best = max(scores, default=0.0)
    return pending.choices[scores.index(best)].question if best >= 85 and scores.count(best) == 1 else None


def _narrowed(pending: Clarify, question: str, planner: Planner, clock: Clock) -> str | None:
    """As in "The German one" of several names: all of them, from suppliers of that country."""
    if pending.reason != "AMBIGUOUS_VALUE" or len(question) > _LONGEST_EDIT:
        return None
    said = planner.slots(question, clock)
    places = [f for f in said.filters if f.field in COUNTRIES and f.op == "="]
    if len(places) != 1 or len(said.filters) > 1 or said.unresolved or said.metrics:
        return None
    labels = [choice.label for choice in pending.choices]
    together = pending.choices[0].question.replace(labels[0], " and ".join(labels))
    return f"{together} {places[0].words} suppliers"


def _likeness(words: list[str], label: str) -> float:
    """How surely words mean a label: every word must be in it, spelt the same or nearly so."""
    parts = re.findall(r"[^\W_]+", fold(label))
    found = [max((fuzz.ratio(word, part) for part in parts), default=0.0) for word in words]
    exact = " ".join(words) == " ".join(parts)
    return 101.0 if exact else min(found, default=0.0)


def _back(state: ThreadState) -> tuple[Plan, ThreadState]:
    if len(state.plans) < 2:
        return _nothing("There is no earlier answer in this thread to go back to."), ThreadState(plans=state.plans)
    plans = state.plans[:-1]
    return plans[-1].model_copy(update={"notes": ("Back to the answer before.",)}), ThreadState(plans=plans)


def _nothing(message: str) -> Refuse:
    return Refuse(reason="MISSING_INPUT", message=message)


def _fixed_edit(state: ThreadState, text: str, planner: Planner, clock: Clock) -> Plan | None:
    """Edits in fixed words: without filters, in total, "$?", "how many?", another number of rows."""
    last = state.last
    slots = _simple_edit(_slots_of(last), text) if last is not None else None
    return _decided(last, slots, text, planner, clock) if last is not None and slots is not None else None


def _follow(state: ThreadState, question: str, planner: Planner, clock: Clock) -> Plan | None:
    """The last plan with what the question changes, or None where the question stands alone."""
    last = state.last
    if last is None or len(question) > _LONGEST_EDIT:
        return None
    text = _POLITE.sub("", question.strip(" \t\n?!.,;"))
    led = _LEADING.match(text)
    rest = _TRAILING.sub("", text[led.end() :] if led else text)
    old = _slots_of(last)
    new = planner.slots(rest, clock, tuple(old.metrics))
    if not _is_edit(new, led=led is not None):
        return None
    widens = _WIDENS.search(text) is not None
    return _decided(last, _laid_over(old, new, clock, widens=widens), rest, planner, clock)


def _is_edit(new: Slots, *, led: bool) -> bool:
    """Whether words change an answer rather than ask for another one."""
    if new.externals or new.vague or new.signals & {"define", "scenario"}:
        return False
    if new.metrics or new.outflow:
        return led and not new.outflow
    return _says_something(new)


def _says_something(new: Slots) -> bool:
    found = (
        new.group_by, new.filters, new.having, new.unclear, new.absent, new.period, new.compare, new.compare_grain, new.limit,
        new.currency, new.target, new.notes, new.bound_on_group, new.wrong_currency, new.signals - {"define"},
    )  # fmt: skip
    return any(found)


def _simple_edit(old: Slots, text: str) -> Slots | None:
    """Edits in fixed words: without filters, in total, "$?", "how many?", "worst case", "what is in week 3"."""
    days = _OTHER_DAYS.match(text) if old.levers else None
    if days:
        return _with_days(old, int(days[1]))
    week = _WEEK.search(text) if old.outflow else None
    if week:
        old.week_number = int(week[1])
        return old
    if old.outflow and _WORST.search(text):
        old.worst = True
        return old
    if _NO_FILTERS.match(text):
        old.filters, old.having = [], []
        old.currency = None if old.currency == "document" else old.currency
        return old
    if _NO_GROUPS.match(text):
        old.group_by, old.limit, old.having = [], None, []
        old.signals -= {"top", "list", "share", "trend"}
        return old
    rows = re.fullmatch(r"(?:and |what about |make it |how about )?(?:the )?(?:top |first )?(\d{1,3})", text)
    if rows and old.limit and int(rows[1]) > 0:
        old.limit = int(rows[1])
        return old
    for pattern, twins in ((_IN_MONEY, _MONEY_OF), (_IN_NUMBERS, _COUNT_OF)):
        if pattern.match(text) and any(name in twins for name in old.metrics):
            old.metrics = [twins.get(name, name) for name in old.metrics]
            return old
    return None


def _with_days(old: Slots, days: int) -> Slots | None:
    """The last what-if with other terms, where it has just one lever of terms; None where it has none or several."""
    places = [at for at, lever in enumerate(old.levers) if isinstance(lever, ExtendTerms)]
    if len(places) != 1 or not 0 < days <= LONGEST_TERMS:
        return None
    lever = old.levers[places[0]]
    target = {"add_days": days} if isinstance(lever, ExtendTerms) and lever.add_days else {"net_days": days}
    old.levers[places[0]] = lever.model_copy(update=target)
    return old


def _slots_of(plan: Figures) -> Slots:
    """A plan as the slots it came from."""
    if isinstance(plan, ScenarioPlan):
        return Slots(levers=list(plan.levers), signals={"scenario"})
    if isinstance(plan, OutflowPlan):
        return Slots(
            group_by=[] if plan.by == "week" else [plan.by],
            filters=list(plan.filters),
            period=TimeReading(Period(plan.start, plan.end), 0),
            outflow="cash" if plan.shows == "week" else plan.shows,
            threshold=plan.threshold,
            worst=plan.worst,
        )
    if isinstance(plan, ForecastPlan):
        reading = TimeReading(plan.target, 0)
        return Slots(metrics=["dpo_purchases"], filters=list(plan.filters), period=reading, signals={"forecast"})
    query = plan.query
    found = Slots(
        metrics=list(query.metrics),
        group_by=list(query.group_by),
        filters=list(query.filters),
        having=list(query.having),
        period=TimeReading(query.period, 0) if query.period else None,
        compare=TimeReading(query.compare, 0) if query.compare else None,
        time_role=query.time_role,
        known_on=query.known_at.date() - timedelta(days=1) if query.known_at else None,
        limit=query.limit,
        currency=query.currency,
        target=plan.target if isinstance(plan, MetricPlan) else None,
    )
    if isinstance(plan, WhyPlan):
        found.signals |= {"why", "level"} if plan.against == "whole" else {"why"}
    if query.order:
        found.descending = query.order[0].descending
        found.signals |= {"top"} if query.limit else {"top", "list"}
    if query.share:
        found.signals.add("share")
    return found


def _laid_over(old: Slots, new: Slots, clock: Clock, *, widens: bool) -> Slots:
    """The old slots with each one that the follow-up fills; what it says about time drops an old comparison."""
    old.metrics = new.metrics or old.metrics
    _lay_groups(old, new, widens=widens)
    _lay_time(old, new, clock)
    old.filters = _merged(old.filters, new.filters, widens=widens)
    old.having = [*([] if new.group_by else old.having), *new.having]
    if new.limit is not None or "top" in new.signals:
        old.limit = new.limit or old.limit
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
    for name in (
        "unclear",
        "absent",
        "extra_periods",
        "unresolved",
        "notes",
        "coverage",
        "bound_on_group",
        "wrong_currency",
    ):
        setattr(old, name, getattr(new, name))
    return old


def _lay_groups(old: Slots, new: Slots, *, widens: bool) -> None:
    """Another dimension takes the place of the old one, a grain joins it.

    A ranking does not survive another grouping.
    """
    names = [name for name in new.group_by if name not in GRAINS]
    grains = [name for name in new.group_by if name in GRAINS]
    if not (names or grains or "trend" in new.signals):
        return
    kept = [name for name in old.group_by if name not in GRAINS]
    kept_grains = [name for name in old.group_by if name in GRAINS]
    names = [*kept, *(n for n in names if n not in kept)] if widens or not names else names
    old.group_by = [*names, *(grains or kept_grains)]
    if (new.limit is None and "top" not in new.signals and names != kept) or grains or "trend" in new.signals:
        old.limit, old.descending = None, None
        old.signals -= {"top", "list"}
    if old.compare is not None and (grains or "trend" in new.signals):
        old.compare = None


def _lay_time(old: Slots, new: Slots, clock: Clock) -> None:
    compares = new.compare is not None or new.compare_grain is not None or "change" in new.signals
    if new.period is not None:
        old.compare = None
        old.period = _a_year_back(old, new.period, clock) or new.period
    if compares:
        old.compare, old.compare_grain = new.compare, new.compare_grain


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
    start, end = old.period.period.start, old.period.period.end
    if (start.month, start.day) == (2, 29) or (end.month, end.day) == (2, 29):
        return None
    back = Period(start.replace(year=start.year - 1), end.replace(year=end.year - 1))
    return TimeReading(Period(back.start, back.end, f"{back.start.isoformat()} to {back.end.isoformat()}"), 0)


def _merged(old: Iterable[Filter], new: list[Filter], *, widens: bool) -> list[Filter]:
    """New conditions beside the old.

    One on the same dimension and side replaces or widens it, one that denies it removes it.
    """
    found = Slots(filters=[])
    removed: set[str] = set()
    for condition in old:
        denied = [f for f in new if f.field == condition.field and {f.op, condition.op} <= {"=", "!=", "in", "not in"}]
        opposite = [f for f in denied if (f.op in {"!=", "not in"}) != (condition.op in {"!=", "not in"})]
        if any(set(f.values) & set(condition.values) for f in opposite):
            left = tuple(v for v in condition.values if not any(v in f.values for f in opposite))
            removed.add(condition.field)
            if left:
                found.add_filter(
                    condition.model_copy(
                        update={"values": left, "op": "=" if condition.op == "in" and len(left) == 1 else condition.op}
                    )
                )
        elif not any(_same_side(f, condition) for f in new) or widens:
            found.add_filter(condition)
    for condition in new:
        if condition.field not in removed:
            found.add_filter(condition)
    return found.filters


def _same_side(one: Filter, other: Filter) -> bool:
    denies = {"!=", "not in"}
    return one.field == other.field and (one.op in denies) == (other.op in denies)


def _decided(last: Figures, slots: Slots, question: str, planner: Planner, clock: Clock) -> Plan:
    """The plan of the changed slots, with what changed said in one sentence."""
    plan = planner.plan_of(question, slots, clock)
    if isinstance(plan, MetricPlan) and isinstance(last, MetricPlan):
        said = _difference(last.query, plan.query, last.target, plan.target)
        return plan.model_copy(update={"notes": (said, *plan.notes)})
    if isinstance(plan, ForecastPlan) and isinstance(last, ForecastPlan):
        words = [f"projected to the end of {plan.target}"] if plan.target != last.target else []
        words += [_condition(f) for f in plan.filters if f not in last.filters]
        said = f"Changed: {'; '.join(words)}." if words else "Nothing changed."
        return plan.model_copy(update={"notes": (said, *plan.notes)})
    return plan


def _difference(old: MetricQuery, new: MetricQuery, old_target: Decimal | None, new_target: Decimal | None) -> str:
    """What a follow-up changed, in one sentence."""
    said: list[str] = []
    if old.metrics != new.metrics:
        said.append(f"now {' and '.join(name.replace('_', ' ') for name in new.metrics)}")
    if old.group_by != new.group_by:
        said.append(
            f"grouped by {' and '.join(name.replace('_', ' ') for name in new.group_by)}"
            if new.group_by
            else "no grouping"
        )
    if old.period != new.period and new.period:
        said.append(f"period {new.period}")
    if old.compare != new.compare:
        said.append(f"compared with {new.compare}" if new.compare else "no comparison")
    said += [f"{_condition(f)}" for f in new.filters if f not in old.filters]
    said += [f"no longer {_condition(f)}" for f in old.filters if not any(_same_side(f, g) for g in new.filters)]
    said += [f"{h.metric.replace('_', ' ')} {h.op} {h.value}" for h in new.having if h not in old.having]
    if ([o.descending for o in old.order], old.limit) != ([o.descending for o in new.order], new.limit):
        said.append(
            f"{'top' if not new.order or new.order[0].descending else 'bottom'} {new.limit}"
            if new.limit
            else "all rows"
        )
    if old.currency != new.currency:
        said.append(
            "amounts as invoiced" if new.currency == "document" else f"in {new.currency or 'the reporting currency'}"
        )
    if old.share != new.share:
        said.append("with shares" if new.share else "without shares")
    if old_target != new_target:
        said.append(f"against {new_target}")
    return f"Changed: {'; '.join(said)}." if said else "Nothing changed."


def _condition(condition: Filter) -> str:
    words = {"=": "only", "in": "only", "!=": "without", "not in": "without"}
    name = condition.field.replace("_", " ")
    if condition.op in words:
        return f"{words[condition.op]} {name} {', '.join(condition.values)}"
    return f"only {name} {condition.op} {', '.join(condition.values)}"
