"""Slots to plan: what is missing is asked, what is impossible is refused, the rest becomes one typed plan."""

from __future__ import annotations

from datetime import timedelta

from copilot.planning.discounts_decision import discounts_plan
from copilot.planning.doubts import DOUBTS, OUTFLOW_DOUBTS
from copilot.planning.doubts_of_conditions import left_out_already, of_one_document
from copilot.planning.gate import refusal
from copilot.planning.opportunity_decision import opportunity_plan
from copilot.planning.outflow_decision import outflow_plan
from copilot.planning.pass_causes import REASONS
from copilot.planning.plan import (
    Choice,
    Clarify,
    Clock,
    DefinePlan,
    ForecastPlan,
    Intent,
    MetricPlan,
    Plan,
    Refuse,
    WhyPlan,
)
from copilot.planning.query_building import build_query
from copilot.planning.ratios import ratio_of
from copilot.planning.scenario_decision import scenario_plan
from copilot.planning.slots import Lexicon, Slots
from copilot.planning.time_reading import TimeReading
from semantic_layer.periods import GRAINS, Grain, Period, bucket, shift
from semantic_layer.query import MetricQuery

_LONGEST: dict[Grain, int] = {"day": 1, "week": 7, "month": 31, "quarter": 92}
PROJECTED = "dpo_purchases"
"""The only figure that can be projected so far."""
FINER = ("spend", "line_spend")
"""A figure of documents, and the one of their lines."""
PAID = "payments_made"
"""Payments of days to come are cash out, which is forecast."""


def decide(question: str, slots: Slots, lexicon: Lexicon, clock: Clock) -> Plan:
    """The plan that the slots amount to. A doubt comes before any figure; at most one question is asked."""
    if "scenario" in slots.signals:
        return scenario_plan(slots, clock)
    advice = _what_to_do(slots, clock, lexicon.fiscal_year_start)
    if advice is not None:
        return advice
    _by_line(slots, lexicon)
    for doubt in OUTFLOW_DOUBTS if slots.outflow else DOUBTS:
        plan = doubt(question, slots, lexicon)
        if plan is not None:
            return plan
    if slots.outflow:
        return outflow_plan(slots, clock, lexicon.fiscal_year_start)
    if "why" in slots.signals and "define" not in slots.signals:
        return why_plan(slots, lexicon, clock)
    if "define" in slots.signals and not (slots.group_by or slots.filters or slots.period):
        return DefinePlan(metric=slots.metrics[0], other=slots.other, coverage=slots.coverage)
    looks_ahead = all(lexicon.layer.model.metrics[name].looks_ahead for name in slots.metrics)
    if "forecast" in slots.signals or (_in_future(slots, clock) and not looks_ahead):
        if slots.metrics == [PAID]:
            slots.metrics, slots.outflow = [], "cash"
            return outflow_plan(slots, clock, lexicon.fiscal_year_start)
        return _forecast(slots, lexicon, clock)
    return metric_plan(slots, lexicon, clock)


def _what_to_do(slots: Slots, clock: Clock, fiscal: int) -> Plan | None:
    """A choice of discounts, or another opportunity; None where neither is asked for."""
    if slots.discounts is not None:
        return discounts_plan(slots, slots.discounts, clock, fiscal)
    return None if slots.opportunity is None else opportunity_plan(slots, slots.opportunity, clock)


def _by_line(slots: Slots, lexicon: Lexicon) -> None:
    """As in "spend by account": what only lines have is read from the lines."""
    coarse, fine = FINER
    if slots.metrics != [coarse] or fine not in lexicon.layer.model.metrics:
        return
    wanted = {f.field for f in slots.filters} | (set(slots.group_by) - set(GRAINS))
    legal = lexicon.layer.legal_dimensions
    if not wanted <= legal(coarse) and wanted <= legal(fine):
        slots.metrics = [fine]
        slots.notes.append("Read from invoice lines: net of tax and of charges on the whole invoice.")


def metric_plan(slots: Slots, lexicon: Lexicon, clock: Clock) -> MetricPlan | Clarify | Refuse:
    """The slots as one query, a question about time where a comparison has no baseline, or why there is nothing to list."""
    if slots.having and not slots.group_by and len(slots.having) == 1 and slots.limit is None:
        slots.target, slots.having = slots.having[0].value, []
    slots.notes += left_out_already(slots, lexicon)
    ratio = ratio_of(lexicon.layer.model, slots.metrics) if slots.share_asked else None
    if ratio is not None:
        slots.metrics = [ratio]
        slots.signals.discard("share")
    built = build_query(slots, lexicon, clock)
    if built is None:
        return _ask_baseline(slots, lexicon)
    query, notes = built
    refused = of_one_document(query, slots, lexicon)
    if refused is not None:
        return refused
    return MetricPlan(
        intent=intent_of(query, has_target=slots.target is not None),
        query=query,
        target=slots.target,
        focus=slots.focus[1] if slots.focus and query.share and slots.focus[0] in query.group_by[:1] else None,
        notes=tuple(dict.fromkeys((*slots.notes, *notes))),
        coverage=slots.coverage,
    )


def why_plan(slots: Slots, lexicon: Lexicon, clock: Clock) -> Plan:
    """One figure taken apart: against the bucket before, a named baseline, or, of a group, against the whole."""
    if len(slots.metrics) != 1:
        labels = [lexicon.layer.model.metrics[name].label for name in slots.metrics]
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question="Which of these should I take apart?",
            choices=tuple(Choice(label=label, question=f"Why did {label} change?") for label in labels),
            coverage=slots.coverage,
        )
    by_reason = _by_reason(slots, lexicon, clock)
    if by_reason is not None:
        return by_reason
    names = [name for name in slots.group_by if name not in GRAINS]
    of_group = "level" in slots.signals and bool(slots.filters) and slots.compare is None
    if not of_group and slots.compare is None:
        defaulted = slots.period is None
        slots.period = slots.period or _last_closed(slots.compare_grain or "month", lexicon, clock)
        slots.compare_grain = slots.compare_grain or _grain_spanned(slots.period.period)
        if slots.compare_grain == "day" and lexicon.layer.model.metrics[slots.metrics[0]].time_role == "as_of":
            slots.compare_grain = "month"  # what a balance did since the day before says nothing
        if defaulted:
            slots.notes.append(f"No time was named: {slots.period.period} against the {slots.compare_grain} before.")
    slots.group_by, slots.limit, slots.having = [], None, []
    slots.signals -= {"top", "list", "share", "trend", "why"}
    built = build_query(slots, lexicon, clock)
    if built is None or (built[0].compare is None and not of_group):
        return _ask_baseline(slots, lexicon)
    query, notes = built
    return WhyPlan(
        query=query,
        against="whole" if of_group else "before",
        by=next((name for name in names if name not in {f.field for f in slots.filters}), ""),
        claimed=slots.claimed,
        notes=tuple(dict.fromkeys((*slots.notes, *notes))),
        coverage=slots.coverage,
    )


def _by_reason(slots: Slots, lexicon: Lexicon, clock: Clock) -> Plan | None:
    """As in "why do we miss discounts", where nothing is said to have changed: by the reason of each document."""
    reason = REASONS.get(slots.metrics[0], "")
    moved = (
        slots.claimed or slots.compare or slots.compare_grain or any(c.meaning == "a change" for c in slots.coverage)
    )
    if moved or "level" in slots.signals or slots.group_by or reason not in lexicon.layer.model.dimensions:
        return None
    if reason not in lexicon.layer.legal_dimensions(slots.metrics[0]):
        return None
    slots.signals.discard("why")
    slots.group(reason)
    return metric_plan(slots, lexicon, clock)


def _last_closed(grain: Grain, lexicon: Lexicon, clock: Clock) -> TimeReading:
    fiscal = lexicon.fiscal_year_start
    return TimeReading(shift(bucket(clock.today, grain, fiscal), grain, -1, fiscal), 0)


def _grain_spanned(period: Period) -> Grain:
    """The grain whose buckets are about as long: what a period is compared with when nothing else is said."""
    return next((grain for grain, days in _LONGEST.items() if period.days <= days), "year")


def intent_of(query: MetricQuery, *, has_target: bool = False) -> Intent:
    """What kind of question a query is."""
    if query.compare is not None or has_target:
        return "compare"
    if query.order and query.limit and query.group_by:
        return "top"
    if query.share:
        return "share"
    if any(grain in query.group_by for grain in GRAINS):
        return "trend"
    return "breakdown" if query.group_by else "value"


def _ask_baseline(slots: Slots, lexicon: Lexicon) -> Clarify:
    label = lexicon.layer.model.metrics[slots.metrics[0]].label
    if slots.period is not None and slots.period.open_start:
        days = (slots.period.period.start - timedelta(days=1), slots.period.period.start)
        return Clarify(
            reason="AMBIGUOUS_TIME",
            question="A change since which day?",
            choices=tuple(Choice(label=f"Since {day}", question=f"Change in {label} since {day}") for day in days),
            coverage=slots.coverage,
        )
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question="A change against what?",
        choices=(
            Choice(label="Month over month", question=f"{label} month over month"),
            Choice(label="Last quarter against the one before", question=f"Change in {label} last quarter"),
            Choice(label="A year earlier", question=f"{label} year over year"),
        ),
        coverage=slots.coverage,
    )


def _in_future(slots: Slots, clock: Clock) -> bool:
    """Whether the day that is asked about lies ahead; "by year end" is a deadline, and means the next one."""
    reading = slots.period
    if reading is None:
        return False
    return (slots.deadline or (reading.period.end if reading.end_only else reading.period.start)) > clock.today


def _forecast(slots: Slots, lexicon: Lexicon, clock: Clock) -> Plan:
    """Projected DPO; every other projection is refused by name."""
    model = lexicon.layer.model
    others = [model.metrics[name].label for name in slots.metrics if name != PROJECTED]
    if others or slots.group_by or slots.having or slots.compare or slots.share_asked:
        what = ", ".join(others) if others else "by group or against another period"
        return refusal(
            "OUT_OF_SCOPE",
            f"The only projection so far is DPO as a whole, with filters if you like; {what} cannot be projected yet.",
            ("Projected DPO next quarter", "What's our DPO?"),
        ).model_copy(update={"coverage": slots.coverage})
    target = target_period(slots.period, lexicon, clock)
    if isinstance(target, Refuse):
        return target.model_copy(update={"coverage": slots.coverage})
    notes = () if slots.period else (f"No date was named: read as {target.label or target}.",)
    return ForecastPlan(
        target=target, filters=tuple(slots.filters), notes=(*slots.notes, *notes), coverage=slots.coverage
    )


def target_period(reading: TimeReading | None, lexicon: Lexicon, clock: Clock) -> Period | Refuse:
    """The period a projection is read at the end of: named ones look ahead, none means the next quarter."""
    if reading is None:
        fiscal = lexicon.fiscal_year_start
        return shift(bucket(clock.today, "quarter", fiscal), "quarter", 1, fiscal)
    found = reading.ahead if reading.ahead and reading.period.end <= clock.data_date else reading.period
    if found.end <= clock.data_date:
        return refusal(
            "OUT_OF_SCOPE",
            f"{found} lies in the past: ask for DPO then, not for a projection.",
            (f"DPO {found}", "Projected DPO next quarter"),
        )
    return found
