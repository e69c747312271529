"""Which days are meant: an end that is not said, several periods, two grains."""

from __future__ import annotations

from datetime import date, timedelta

from copilot.planning.asking_back import MOST_CHOICES, label_of
from copilot.planning.plan import Choice, Clarify, Plan
from copilot.planning.slots import THEN, Lexicon, Slots
from semantic_layer.periods import GRAINS, Period


def from_when(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "spend until end of June", "payments due from 1 December": one end of the period is not said."""
    if not slots.until or slots.period is None or slots.outflow or slots.deadline:
        return None
    found = [lexicon.layer.model.metrics[name] for name in slots.metrics]
    ahead = bool(found) and all(metric.looks_ahead for metric in found)
    balance = all(metric.time_role == "as_of" for metric in found)
    if not found or (ahead and slots.until not in {"from", "after"}):
        return None
    if balance and slots.until not in {"before", "after", "from"}:
        return None
    period, label = slots.period.period, label_of(slots, lexicon)
    if slots.until == "before":
        period = Period(
            date(period.start.year - (period.start.day == period.start.month == 1), 1, 1),
            period.start - timedelta(days=1),
        )
    elif slots.until in {"from", "after"}:
        named = slots.period.ahead if ahead and slots.period.ahead else period
        past = slots.until == "after" or (slots.period.end_only and named.days > 1)  # "from the end of June"
        start = named.end + timedelta(days=1) if past else named.start
        period = Period(start, max(start, slots.period.period.end))
    else:
        period = Period(date(period.end.year, 1, 1), period.end)
    return _open_ended(slots, period, label, balance=balance)


def _open_ended(slots: Slots, period: Period, label: str, *, balance: bool) -> Clarify:
    """Which days: to the end of the year's data, from its start, or only the days that were named."""
    named = slots.period.period if slots.period else period
    if slots.period and slots.period.ahead and named.end < period.start:
        named = slots.period.ahead
    since = Choice(label=f"Since {period.start.isoformat()}", question=f"{label} since {period.start.isoformat()}")
    whole = Choice(
        label=f"{period.start} to {period.end}",
        question=f"{label} from {period.start.isoformat()} to {period.end.isoformat()}",
    )
    only = Choice(label=f"Only {named}", question=f"{label} from {named.start.isoformat()} to {named.end.isoformat()}")
    as_of = Choice(label=f"As of {period.end.isoformat()}", question=f"{label} as of {period.end.isoformat()}")
    both = (whole,) if whole.question == only.question else (whole, only)
    choices = {"before": (whole,), "after": (since,), "from": (since, only)}.get(slots.until, both)
    if slots.until == "from" and slots.period and slots.period.end_only and slots.period.period.days > 1:
        choices = (since,)
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question="As of which day?" if balance else "From which day to which?",
        choices=(as_of,) if balance else choices,
        coverage=slots.coverage,
    )


def several_periods(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """More than one period, and no word that says how they belong together."""
    if not slots.extra_periods or slots.period is None:
        return None
    figure = label_of(slots, lexicon)
    first = next(
        (c.words for c in slots.coverage if c.slot == "time" and c.meaning != "preposition"), str(slots.period.period)
    )
    periods = list(dict.fromkeys([first, *slots.extra_periods]))[: MOST_CHOICES - 1]
    choices = [Choice(label=words, question=f"{figure} {words}") for words in periods]
    if len(periods) == 2:
        choices.append(
            Choice(label=f"{periods[0]} against {periods[1]}", question=f"{figure} {periods[0]} vs {periods[1]}")
        )
    return Clarify(
        reason="AMBIGUOUS_TIME", question="Which period do you mean?", choices=tuple(choices), coverage=slots.coverage
    )


def two_grains(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """By month and by quarter at once."""
    grains = [name for name in slots.group_by if name in GRAINS]
    if len(grains) < 2:
        return None
    figure = label_of(slots, lexicon)
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question="By which of these?",
        choices=tuple(Choice(label=f"By {grain}", question=f"{figure} by {grain}") for grain in grains),
        coverage=slots.coverage,
    )


def same_a_year_back(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "same quarter last year spend": that quarter by itself, or this one against it."""
    if not slots.same_back:
        return None
    unit, then = slots.same_back
    words = next((c.words for c in slots.coverage if c.meaning == THEN), "")
    named = f"as of {then.end}" if then.start == then.end else f"from {then.start} to {then.end}"
    against = f"this {unit} vs same {unit} last year" if unit in {"quarter", "month", "week"} else "year over year"
    choices = tuple(
        Choice(label=label, question=" ".join(question.replace(words, f" {said} ", 1).split()))
        for label, said in (("Compared with now", against), (f"Only {then.start} to {then.end}", named))
    )
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question="That time by itself, or compared with now?",
        choices=choices,
        coverage=slots.coverage,
    )
