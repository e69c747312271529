"""Slots to plan: what is missing is asked, what is impossible is refused, the rest becomes one typed query."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from rapidfuzz import fuzz

from copilot.planning.plan import (
    Choice,
    Clarify,
    Clock,
    Covered,
    DefinePlan,
    ForecastPlan,
    Intent,
    MetricPlan,
    Plan,
    Refuse,
)
from copilot.reading.slots import Slots
from copilot.reading.time_phrases import TimeReading
from copilot.reading.vocabulary import Layer
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import GRAINS, Grain, Period, bucket, is_whole, shift
from semantic_layer.query import MetricQuery, Order

TOP_LIMIT = 10
DEFAULT_METRICS = ("dpo_purchases", "open_ap", "spend")
MOST_CHOICES = 4


def decide(question: str, slots: Slots, layer: Layer, clock: Clock, fiscal_year_start: int = 1) -> Plan:
    """The plan that the slots amount to."""
    for ask in (_external, _unresolved, _unclear_value, _unclear_date, _no_metric, _periods):
        plan = ask(question, slots, layer)
        if plan is not None:
            return plan
    metrics = tuple(layer.model.metrics[name] for name in slots.metrics)
    coverage = tuple(slots.coverage)
    if "define" in slots.intents and not (slots.group_by or slots.filters or slots.period):
        return DefinePlan(metric=slots.metrics[0], coverage=coverage)
    if "forecast" in slots.intents or _in_future(slots.period, clock):
        return _forecast(slots, metrics, clock, fiscal_year_start, coverage)
    query, notes = metric_query(slots, metrics, clock, fiscal_year_start)
    return MetricPlan(
        intent=intent_of(query, slots.target),
        query=query,
        target=slots.target,
        notes=(*slots.notes, *notes),
        coverage=coverage,
    )


def _quote(words: list[str]) -> str:
    return ", ".join(f'"{word[:40]}"' for word in dict.fromkeys(words))


def _external(question: str, slots: Slots, layer: Layer) -> Plan | None:  # noqa: ARG001 - one shape for all askers
    if not slots.externals:
        return None
    external = layer.model.external_metrics[slots.externals[0]]
    nearest = [layer.model.metrics[name] for name in external.nearest]
    return Refuse(
        reason="NEEDS_EXTERNAL_DATA",
        message=f"{external.label} needs {external.needs}. The nearest certified metrics are {' and '.join(m.label for m in nearest)}.",
        choices=tuple(Choice(label=m.label, question=f"What's our {m.label}?") for m in nearest),
        coverage=tuple(slots.coverage),
    )


def _unresolved(question: str, slots: Slots, layer: Layer) -> Plan | None:  # noqa: ARG001
    if not slots.unresolved:
        return None
    model, words = layer.model, slots.unresolved
    if not slots.metrics and not slots.ambiguous:
        near = list(dict.fromkeys(name for word in words for name in _nearest_metrics(word, model)))
        found = [model.metrics[name] for name in near or DEFAULT_METRICS if name in model.metrics]
        return Refuse(
            reason="UNKNOWN_METRIC" if near else "UNMAPPED_WORDS",
            message=f"I do not know what {_quote(words)} means here, so I give no figure.",
            choices=tuple(Choice(label=m.label, question=f"What's our {m.label}?") for m in found[:3]),
            coverage=tuple(slots.coverage),
        )
    names = [name for dimension in ("supplier", "buying_entity", "category") for name, _ in layer.values(dimension)]
    near_names = [name for word in words for name in _alike(word, names)][:3]
    metric = model.metrics[slots.metrics[0]].label if slots.metrics else "it"
    if near_names:
        return Refuse(
            reason="UNKNOWN_VALUE",
            message=f"I find no supplier, entity or category called {_quote(words)}. Did you mean {', '.join(near_names)}?",
            choices=tuple(Choice(label=name, question=f"{metric} for {name}") for name in near_names),
            coverage=tuple(slots.coverage),
        )
    return Refuse(
        reason="UNMAPPED_WORDS",
        message=f"I understand the question except for {_quote(words)}; leaving that out could change the answer, so I give none.",
        choices=(Choice(label=f"{metric} without it", question=metric),) if slots.metrics else (),
        coverage=tuple(slots.coverage),
    )


def _nearest_metrics(word: str, model: SemanticModel) -> list[str]:
    """Names of the metrics that have a phrase much like the word."""
    phrases = {s: m.name for m in model.metrics.values() for s in (m.label.lower(), *m.synonyms)}
    return [phrases[found] for found in _alike(word, phrases)]


def _alike(word: str, choices: Iterable[str]) -> list[str]:
    """Up to three choices that are, in whole or in one of their words, much like a word of four letters or more."""
    if len(word) < 4:
        return []

    def likeness(choice: str) -> float:
        return max(fuzz.ratio(word, part) for part in (choice.lower(), *choice.lower().split()))

    ranked = sorted(((likeness(c), c) for c in choices), key=lambda pair: (-pair[0], pair[1]))
    return [choice for score, choice in ranked[:3] if score >= 78]


def _unclear_value(question: str, slots: Slots, layer: Layer) -> Plan | None:
    if not slots.choices:
        return None
    words, meanings = slots.choices[0]
    volumes = {(d, v): n for d in {m.name for m in meanings} for v, n in layer.values(d)}
    ranked = sorted(meanings, key=lambda m: (-volumes.get((m.name, m.value), 0), m.value))[:MOST_CHOICES]
    label = layer.model.dimensions[meanings[0].name].label.lower()
    return Clarify(
        reason="AMBIGUOUS_VALUE",
        question=f'Which {label} do you mean by "{words[:40]}"?',
        choices=tuple(Choice(label=m.value, question=_replaced(question, words, m.value)) for m in ranked),
        coverage=tuple(slots.coverage),
    )


def _replaced(question: str, words: str, name: str) -> str:
    at = question.lower().find(words)
    return f"{question[:at]}{name}{question[at + len(words) :]}" if at >= 0 else f"{question} for {name}"


def _unclear_date(question: str, slots: Slots, layer: Layer) -> Plan | None:  # noqa: ARG001
    if slots.unclear_date is None:
        return None
    words, reading = slots.unclear_date
    days: list[date] = [reading.period.start, *([reading.other.start] if reading.other else [])]
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question=f"Which day is {words}?",
        choices=tuple(Choice(label=f"{d:%d %B %Y}", question=_replaced(question, words, d.isoformat())) for d in days),
        coverage=tuple(slots.coverage),
    )


def _no_metric(question: str, slots: Slots, layer: Layer) -> Plan | None:
    if slots.metrics:
        return None
    model = layer.model
    if slots.ambiguous:
        term = next(t for t in model.ambiguous_terms if t.term == slots.ambiguous[0])
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question=term.question,
            choices=tuple(
                Choice(label=model.metrics[n].label, question=_about(question, model.metrics[n])) for n in term.metrics
            ),
            coverage=tuple(slots.coverage),
        )
    if "forecast" in slots.intents or slots.group_by or slots.filters or slots.period:
        names = ("dpo_purchases", "open_ap", "spend", "discount_missed")
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question="Which figure do you want to see?",
            choices=tuple(
                Choice(label=model.metrics[n].label, question=f"{model.metrics[n].label} {question}")
                for n in names
                if n in model.metrics
            ),
            coverage=tuple(slots.coverage),
        )
    return Refuse(
        reason="UNKNOWN_METRIC",
        message="I find no figure of the catalogue in this; name one, for example DPO, open payables or missed discounts.",
        choices=tuple(
            Choice(label=q, question=q)
            for q in ("What's our DPO?", "Open AP by supplier", "Spend by category this year")
        ),
        coverage=tuple(slots.coverage),
    )


def _about(question: str, metric: Metric) -> str:
    """The metric put to the rest of the question: only its shape is kept, since the word that was unclear is replaced."""
    tail = "by supplier" if "supplier" in question.lower() else ""
    return f"{metric.label} {tail}".strip()


def _periods(question: str, slots: Slots, layer: Layer) -> Plan | None:  # noqa: ARG001
    if not slots.extra_periods or slots.period is None:
        return None
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question='Which period do you mean? To compare two, say "Q3 vs Q2".',
        choices=tuple(
            Choice(label=str(words), question=f"{layer.model.metrics[slots.metrics[0]].label} {words}")
            for words in [str(slots.period.period), *slots.extra_periods][:MOST_CHOICES]
        ),
        coverage=tuple(slots.coverage),
    )


def _in_future(reading: TimeReading | None, clock: Clock) -> bool:
    return reading is not None and reading.period.start > clock.data_date


def _forecast(
    slots: Slots, metrics: tuple[Metric, ...], clock: Clock, fiscal: int, coverage: tuple[Covered, ...]
) -> Plan:
    others = [m.label for m in metrics if m.name != "dpo_purchases"]
    if others or slots.group_by:
        what = f"{', '.join(others)}" if others else "DPO by group"
        return Refuse(
            reason="OUT_OF_SCOPE",
            message=f"I can project DPO as a whole, with filters, but not yet {what}.",
            choices=(Choice(label="Projected DPO next quarter", question="Projected DPO next quarter"),),
            coverage=coverage,
        )
    target = (
        slots.period.period if slots.period else shift(bucket(clock.today, "quarter", fiscal), "quarter", 1, fiscal)
    )
    if target.end <= clock.data_date:
        target = shift(bucket(clock.today, "quarter", fiscal), "quarter", 1, fiscal)
    if not target.label:
        target = Period(target.start, target.end, str(target))
    return ForecastPlan(target=target, filters=tuple(slots.filters), notes=tuple(slots.notes), coverage=coverage)


def metric_query(
    slots: Slots, metrics: tuple[Metric, ...], clock: Clock, fiscal: int
) -> tuple[MetricQuery, tuple[str, ...]]:
    """The query of some slots, and notes on what was assumed about time."""
    notes: list[str] = []
    balance = all(m.time_role == "as_of" for m in metrics)
    group_by = list(dict.fromkeys(slots.group_by))
    period, grain = _period_and_grain(slots, clock, fiscal, group_by, balance=balance)
    if grain and grain not in group_by:
        group_by.append(grain)
    compare, period = _comparison(slots, period, clock, fiscal, notes, balance=balance)
    if period is not None:
        notes += _time_notes(period, clock, fiscal, balance=balance, grain=grain)
    query = MetricQuery(
        metrics=tuple(slots.metrics),
        group_by=tuple(group_by),
        filters=tuple(slots.filters),
        having=tuple(slots.having),
        period=period,
        time_role=slots.time_role,
        compare=compare,
        order=_order(slots, metrics, group_by),
        limit=slots.limit or (TOP_LIMIT if "top" in slots.intents and group_by else None),
        share="share" in slots.intents,
        currency=slots.currency,
    )
    return query, tuple(notes)


def _period_and_grain(
    slots: Slots, clock: Clock, fiscal: int, group_by: list[str], *, balance: bool
) -> tuple[Period | None, Grain | None]:
    asked = next((g for g in GRAINS if g in group_by), None)
    reading = slots.period
    grain: Grain | None = asked
    if grain is None and reading is not None and reading.grain and (balance or group_by or "trend" in slots.intents):
        grain = reading.grain
    if grain is None and "trend" in slots.intents:
        grain = "month"
    if reading is None:
        if grain is None:
            return None, None
        first = bucket(clock.today, grain, fiscal)
        back = {"day": 30, "week": 12, "month": 12, "quarter": 4, "year": 2}[grain]
        return Period(shift(first, grain, -back, fiscal).start, clock.data_date, f"last {back} {grain}s to date"), grain
    period = reading.period
    if "trend" in slots.intents and reading.grain == grain and period.end < clock.data_date:
        period = Period(period.start, clock.data_date, f"{period} to date")
    return period, grain


def _comparison(
    slots: Slots, period: Period | None, clock: Clock, fiscal: int, notes: list[str], *, balance: bool
) -> tuple[Period | None, Period | None]:
    """The baseline, and the period that it is compared with."""
    if slots.compare is None and slots.compare_grain is None:
        return None, period
    if slots.compare is not None:
        baseline = slots.compare.period
        if period is None:
            period = _after(baseline, clock, fiscal)
    else:
        grain: Grain = next(g for g in GRAINS if g == slots.compare_grain)
        if period is None:
            period = (
                shift(bucket(clock.today, grain, fiscal), grain, -1, fiscal)
                if grain != "year"
                else _year_to_date(clock, fiscal)
            )
        baseline = _year_before(period) if grain == "year" else shift(period, grain, -1, fiscal)
    cut = min(period.end, clock.data_date)
    if not balance and cut < period.end and baseline.days > (cut - period.start).days + 1:
        end = baseline.start + timedelta(days=(cut - period.start).days)
        notes.append(f"{period} is not over: {baseline} is cut to the same number of days.")
        baseline = Period(baseline.start, end, f"{baseline}, same days")
    return baseline, period


def _after(baseline: Period, clock: Clock, fiscal: int) -> Period:
    """The period that a baseline alone is compared with: its successor, or today for balances and odd ranges."""
    for grain in GRAINS[1:]:
        if is_whole(baseline, grain, fiscal) and bucket(baseline.start, grain, fiscal).end == baseline.end:
            following = shift(baseline, grain, 1, fiscal)
            if following.start <= clock.data_date:
                return following
    return Period(clock.data_date, clock.data_date, clock.data_date.isoformat())


def _year_to_date(clock: Clock, fiscal: int) -> Period:
    return Period(bucket(clock.data_date, "year", fiscal).start, clock.data_date, "year to date")


def _year_before(period: Period) -> Period:
    def back(day: date) -> date:
        try:
            return day.replace(year=day.year - 1)
        except ValueError:
            return day.replace(year=day.year - 1, day=28)

    label = f"{back(period.start).isoformat()} to {back(period.end).isoformat()}"
    return Period(back(period.start), back(period.end), label)


def _time_notes(period: Period, clock: Clock, fiscal: int, *, balance: bool, grain: Grain | None) -> list[str]:  # noqa: ARG001
    if balance and grain is None and period.start != period.end:
        end = min(period.end, clock.data_date)
        return [f"Read at the end of the period: {end.isoformat()}."]
    if not balance and period.end > clock.data_date and period.label:
        return [f"{period.label} is not over: figures run to {clock.data_date.isoformat()}."]
    return []


def _order(slots: Slots, metrics: tuple[Metric, ...], group_by: list[str]) -> tuple[Order, ...]:
    if "top" not in slots.intents or not group_by:
        return ()
    descending = slots.descending if slots.descending is not None else True
    if slots.worst:
        good_is_high = metrics[0].direction == "up"
        descending = good_is_high if slots.worst == "best" else not good_is_high
    return (Order(field=metrics[0].name, descending=descending),)


def intent_of(query: MetricQuery, target: Decimal | None = None) -> Intent:
    """What kind of question a query is."""
    if query.compare is not None or target is not None:
        return "compare"
    if query.order and query.limit and query.group_by:
        return "top"
    if query.share:
        return "share"
    if any(g in query.group_by for g in GRAINS):
        return "trend"
    return "breakdown" if query.group_by else "value"
