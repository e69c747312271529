"""Rows and plan to the answer that people read: headline, table, narrative, chart, trust, caveats and what to ask next.

Pure: no clock, no store, no engine. The functions return an Answer without evidence id and duration; the engine adds
both. A clarification or a refusal carries no figure: no headline, no table, no chart, no SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from copilot.answer import Answer, Assumption, CheckResult, Freshness, Headline, LineageEntry, Table, TableColumn
from copilot.charts import chart_of, fan_chart
from copilot.headlines import headline_of, headline_of_all
from copilot.narration.facts import Facts
from copilot.narration.grounding import Support, Unsupported, support_of, unsupported
from copilot.narration.prose import Figure, Prose, Sense, Term
from copilot.narration.reading import forecast_reading, reading_of
from copilot.narration.retelling import told
from copilot.narration.template_narrator import (
    BAND,
    is_running,
    narrate,
    narrate_drivers,
    narrate_plainly,
    narrate_projection,
)
from copilot.planning.plan import Choice, Clarify, Clock, DefinePlan, ForecastPlan, MetricPlan, Refuse
from copilot.simulations.outcomes import Projection
from copilot.suggestions import follow_ups, of_definition
from copilot.tabulation import driver_table, json_cell, path_table, table_of, unit_of
from copilot.wording import figures
from copilot.wording.languages import Language, language_of
from copilot.wording.period_words import period_key, period_words
from copilot.wording.quoting import clean, name_of
from semantic_layer.errors import QueryError
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import Period
from semantic_layer.results import Check, ResultSet, Value

Trust = Literal["verified", "governed", "exploratory"]
_REASONS_OF_ERRORS = frozenset(
    [
        "UNKNOWN_METRIC",
        "UNKNOWN_VALUE",
        "ILLEGAL_GROUPING",
        "MIXED_CURRENCY",
        "NO_SNAPSHOT",
        "STALE_DATA",
        "NOT_PERMITTED",
        "TOO_LARGE",
        "MISSING_INPUT",
        "NEEDS_EXTERNAL_DATA",
    ]
)
PROJECTED_LABEL = "Projected DPO"


@dataclass(frozen=True)
class Turn:
    """What surrounds one question: its words, its thread, the clock, the data it is answered from."""

    question: str
    thread: str
    clock: Clock
    freshness: Freshness | None = None
    fiscal_year_start: int = 1

    @property
    def language(self) -> Language:
        """In which the answer is told: that of the question, else English."""
        return language_of(self.question) or "en"


def compose_metric(
    turn: Turn, plan: MetricPlan, result: ResultSet, model: SemanticModel, legal: Collection[str] = ()
) -> Answer:
    """The answer to a metric plan. `legal` are the dimensions the metric may be grouped by, for the follow-ups."""
    facts = Facts(
        plan=plan,
        model=model,
        table=table_of(plan, result, model),
        period=result.period,
        as_of=result.as_of,
        data_date=turn.clock.data_date,
        currency=result.currency,
        fiscal_year_start=turn.fiscal_year_start,
    )
    unit = unit_of(result, facts.metric)
    whole = headline_of_all(facts, result.total, unit) if facts.focus() is not None else None
    facts = replace(facts, headline=headline_of(facts, result.total, unit), whole=whole)
    prose = narrate(facts)
    stray = unsupported(prose.text, support_for(facts, prose))
    checks = (*_checks(result.checks), grounded([piece.words for piece in stray]))
    return Answer(
        status="answered",
        question=turn.question,
        reading=reading_of(plan, model, result.period, result.currency, turn.fiscal_year_start),
        plan=plan.model_dump(mode="json"),
        headline=facts.headline,
        table=facts.table,
        narrative=told(narrate_plainly(facts) if stray else prose, turn.language),
        chart=chart_of(facts.table, facts.headline),
        sql=result.sql,
        trust=trust_of([model.metrics[name] for name in plan.query.metrics], turn.clock.today, checks),
        checks=checks,
        caveats=tuple(dict.fromkeys((*plan.notes, *result.caveats, *_period_caveats(facts, result.caveats)))),
        assumptions=tuple(Assumption(name=n, value=v, source=s) for n, v, s in result.assumptions),
        lineage=_lineage(result),
        freshness=turn.freshness,
        follow_ups=follow_ups(facts, legal),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def compose_projection(
    turn: Turn, plan: ForecastPlan, outcome: Projection, model: SemanticModel, sql: Sequence[str] = ()
) -> Answer:
    """The answer to a forecast: median with its band, the fan, the drivers and every assumption.

    The table holds the drivers, whose effects add up to the change; the path is in the chart.
    """
    unit = "days"
    lead = _projected_headline(outcome, unit, turn.fiscal_year_start)
    table = driver_table(outcome)
    prose, stray = _projection_prose(outcome, lead, table)
    checks = (*_checks(outcome.checks), grounded([piece.words for piece in stray]))
    base = model.metrics.get("dpo_purchases")
    return Answer(
        status="answered",
        question=turn.question,
        reading=forecast_reading(plan, PROJECTED_LABEL, model, turn.fiscal_year_start),
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(prose, turn.language),
        chart=fan_chart(path_table(outcome.path, unit), lead),
        sql=tuple(sql),
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=plan.notes,
        assumptions=tuple(Assumption(name=n, value=v, source=s) for n, v, s in outcome.assumptions),
        lineage=(_metric_lineage(base),) if base is not None else (),
        freshness=turn.freshness,
        follow_ups=("What is our DPO?", "DPO trend last 12 months", "DPO by region"),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def compose_definition(turn: Turn, plan: DefinePlan, model: SemanticModel, legal: Collection[str] = ()) -> Answer:
    """The answer to "what is …": definition, formula, exclusions, relatives and sources; no figure of the company."""
    metric = model.metrics[plan.metric]
    columns = (
        TableColumn(name="aspect", label="Aspect", role="dimension", unit="text"),
        TableColumn(name="meaning", label="Meaning", role="dimension", unit="text"),
    )
    rows = tuple((aspect, meaning) for aspect, meaning in _definition_rows(metric, model) if meaning)
    formula = metric.formula_words.rstrip(".")
    return Answer(
        status="answered",
        question=turn.question,
        reading=f"Definition of {metric.label}",
        plan=plan.model_dump(mode="json"),
        table=Table(columns=columns, rows=rows, row_count=len(rows), truncated=False),
        narrative=" ".join(
            text
            for text in (
                f"{metric.label}: {metric.definition.rstrip('.')}.",
                f"It is computed as {formula}.",
                _told_apart(metric, plan.other, model),
            )
            if text
        ),
        trust=trust_of([metric], turn.clock.today, ()),
        lineage=(_metric_lineage(metric),),
        freshness=turn.freshness,
        follow_ups=of_definition(metric, model, legal),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _told_apart(metric: Metric, other: str | None, model: SemanticModel) -> str:
    """How a second figure differs, from the vetted words of the model."""
    if other is None:
        return ""
    if other in model.external_metrics:
        outside = model.external_metrics[other]
        return f"{outside.label} is another figure: it needs {outside.needs}."
    second = model.metrics[other]
    why = metric.not_the_same_as.get(other) or second.not_the_same_as.get(metric.name)
    definition = f"{second.label}: {second.definition.rstrip('.')}."
    return f"{definition} The difference: {why.rstrip('.')}." if why else definition


def compose_clarify(turn: Turn, plan: Clarify) -> Answer:
    """One question back, with choices."""
    return _without_figures(turn, "clarify", plan)


def compose_refusal(turn: Turn, plan: Refuse) -> Answer:
    """No, why, and what can be asked instead."""
    return _without_figures(turn, "refused", plan)


def refusal_of(error: QueryError, plan: MetricPlan | None, model: SemanticModel) -> Refuse:
    """The refusal that a query error of the semantic layer amounts to, its ways out turned into questions."""
    reason = error.reason if error.reason in _REASONS_OF_ERRORS else "OUT_OF_SCOPE"
    subject = model.metrics[plan.query.metrics[0]].label if plan and plan.query.metrics[0] in model.metrics else None
    choices = [_way_out(choice, subject, model) for choice in error.choices]
    return Refuse.model_validate({"reason": reason, "message": clean(str(error), 400), "choices": choices})


def support_for(facts: Facts, prose: Prose) -> Support:
    """What the cells of a metric answer, its plan and the vetted words of the model back."""
    query = facts.plan.query
    buckets = [bucket for bucket in facts.buckets() if bucket is not None]
    periods = [
        facts.words(facts.period),
        facts.when(facts.period),
        figures.day(facts.as_of),
        figures.day(facts.data_date),
    ]
    periods += [facts.bucket_words(bucket) for bucket in buckets]
    periods += [text for bucket in buckets for text in (facts.when(bucket), figures.day(bucket.end))]
    periods += [
        slot.text
        for slot in prose.slots
        if isinstance(slot, Figure) and slot.source.startswith(("plan.filters", "plan.having"))
    ]
    terms = [slot.text for slot in prose.slots if isinstance(slot, Term)]
    whole = ((facts.whole.value, facts.whole.unit),) if facts.whole else ()
    support = support_of(facts.headline, facts.table, periods=periods, terms=terms, inputs=whole)
    values = {name_of(value) for condition in query.filters for value in condition.values}
    values |= {name_of(facts.plan.focus)} if facts.plan.focus is not None else set()
    ends: frozenset[Sense] = frozenset(
        "largest" if order.descending else "smallest" for order in query.order[:1] if query.limit is not None
    )
    return replace(support, names=support.names | values, senses=support.senses | ends)


def trust_of(metrics: Sequence[Metric], today: date, checks: Sequence[CheckResult]) -> Trust:
    """Verified if every metric is certified, within its review date, and every check passed; otherwise governed."""
    certified = all(
        m.certified_by and m.certified_on and m.certified_on <= today and (m.review_by is None or today <= m.review_by)
        for m in metrics
    )
    return "verified" if certified and metrics and all(check.passed for check in checks) else "governed"


def _without_figures(turn: Turn, status: Literal["clarify", "refused"], plan: Clarify | Refuse) -> Answer:
    message = plan.question if isinstance(plan, Clarify) else plan.message
    return Answer(
        status=status,
        reason=plan.reason,
        question=turn.question,
        reading="; ".join(f"{c.words} = {c.meaning}" for c in plan.coverage if c.meaning),
        plan=plan.model_dump(mode="json"),
        narrative=message,
        freshness=turn.freshness,
        choices=plan.choices,
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _way_out(choice: str, subject: str | None, model: SemanticModel) -> Choice:
    if choice in model.dimensions and subject is not None:
        label = model.dimensions[choice].label.lower()
        return Choice(label=f"By {label}", question=f"{subject} by {label}")
    if choice in model.metrics:
        label = model.metrics[choice].label
        return Choice(label=label, question=label)
    return Choice(label=clean(choice), question=clean(choice))


def _checks(checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    return tuple(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in checks)


def grounded(stray: Sequence[str]) -> CheckResult:
    """Whether every number and direction word of the text has a cell behind it."""
    detail = "every number and direction in the text comes from a cell of this answer"
    if stray:
        detail = f"the text was withheld: {len(stray)} of its words have no cell behind them"
    return CheckResult(name="prose_grounded", passed=not stray, detail=detail)


def _period_caveats(facts: Facts, known: Sequence[str]) -> tuple[str, ...]:
    """What is to be known of the period: that it was assumed, lies ahead, or is not over."""
    return (*_one_period(facts), *_progress(facts, known))


def _progress(facts: Facts, known: Sequence[str]) -> tuple[str, ...]:
    """That a period is not over, unless the rows came with that remark."""
    cut = facts.in_progress()
    if cut is not None and any("is not complete" in caveat for caveat in known):
        return ()
    if cut is not None:
        return (f"{facts.bucket_words(cut)} is in progress: data to {figures.day(cut.end)}.",)
    if facts.metric.looks_ahead:
        return (f"What was open on {figures.day(facts.data_date)}; invoices that come in later are not in it.",)
    if is_running(facts):
        return (f"The period is in progress: data to {figures.day(facts.data_date)}.",)
    return ()


def _one_period(facts: Facts) -> tuple[str, ...]:
    """That several figures share one period where none was named: alone, some have another usual one."""
    metrics = [facts.model.metrics[name] for name in facts.plan.query.metrics]
    if facts.plan.query.period is not None or len(metrics) < 2 or all(m.time_role == "as_of" for m in metrics):
        return ()
    return (f"No period was named: all figures are for {facts.words(facts.period)}.",)


def _lineage(result: ResultSet) -> tuple[LineageEntry, ...]:
    return tuple(LineageEntry(metric=e.metric, definition=e.definition, fields=e.fields) for e in result.lineage)


def _metric_lineage(metric: Metric) -> LineageEntry:
    return LineageEntry(metric=metric.name, definition=metric.definition, fields=metric.lineage)


def _definition_rows(metric: Metric, model: SemanticModel) -> Sequence[tuple[str, str]]:
    def label(name: str) -> str:
        return model.metrics[name].label if name in model.metrics else name

    certified = (
        f"{metric.certified_by}, {figures.day(metric.certified_on)}"
        if metric.certified_by and metric.certified_on
        else ""
    )
    golden = "; ".join(f"{example.given}: {example.value}" for example in metric.golden)
    return (
        ("Definition", metric.definition),
        ("Formula", metric.formula_words),
        ("Left out", "; ".join(metric.exclusions)),
        ("Assumes", " ".join(metric.assumptions)),
        ("Not the same as", "; ".join(f"{label(name)}: {why}" for name, why in metric.not_the_same_as.items())),
        ("Related", ", ".join(label(name) for name in metric.related)),
        ("Worked example", golden),
        ("Coupa fields", ", ".join(metric.lineage)),
        ("Owner", metric.owner),
        ("Certified", certified),
    )


def _projection_prose(outcome: Projection, lead: Headline, table: Table) -> tuple[Prose, tuple[Unsupported, ...]]:
    """The two sentences of a projection, and what in them no cell backs."""
    drivers = [(driver.label, json_cell(driver.effect, lead.unit)) for driver in outcome.drivers]
    prose = narrate_projection(PROJECTED_LABEL, lead, narrate_drivers(drivers, lead.unit, lead))
    terms = (PROJECTED_LABEL, *(label for label, _effect in drivers))
    return prose, unsupported(prose.text, support_of(lead, table, periods=(BAND,), terms=terms))


def _projected_headline(outcome: Projection, unit: str, fiscal_year_start: int) -> Headline:
    def number(value: Value) -> float | int | str | None:
        cell = json_cell(value, unit)
        return None if isinstance(cell, bool) else cell

    low, high = json_cell(outcome.low, unit), json_cell(outcome.high, unit)
    return Headline(
        metric=outcome.metric,
        label=PROJECTED_LABEL,
        value=number(outcome.median),
        unit=unit,
        period=period_key(outcome.target, fiscal_year_start),
        as_of=outcome.target.end.isoformat(),
        low=low if isinstance(low, float) else None,
        high=high if isinstance(high, float) else None,
        previous=number(outcome.opening),
        delta=number(outcome.median - outcome.opening),
        baseline=period_words(Period(outcome.as_of, outcome.as_of), fiscal_year_start),
    )
