"""A difference taken apart, as an answer: the figure, its change, what each part and each group adds, a waterfall.

Pure, like `composition`: no clock, no store, no engine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from copilot.answer import Answer, Assumption, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.charts import waterfall_chart
from copilot.composition import Turn, compose_refusal, grounded, trust_of
from copilot.drivers import TOLERANCE, Apart, Contribution, Decomposition, NotDecomposable, largest
from copilot.headlines import headline_of
from copilot.narration.facts import Facts
from copilot.narration.grounding import Support, support_of, unsupported
from copilot.narration.prose import Direction, Figure, Name, Prose, Slots, Term, fill, joined
from copilot.narration.reading import reading_of
from copilot.narration.retelling import told
from copilot.narration.template_narrator import TEMPLATES, narrate_drivers, narrate_plainly
from copilot.planning.plan import Choice, MetricPlan, Refuse, WhyPlan
from copilot.tabulation import json_cell, table_of, trailing_label, unit_of
from copilot.wording import figures
from copilot.wording.quoting import clean
from semantic_layer.model import SemanticModel
from semantic_layer.results import ResultSet

SHOWN = 8
"""Groups in the waterfall; the others are one bar."""
WHOLE = "the company as a whole"
ARITHMETIC = Assumption(
    name="contributions",
    value="arithmetic shares of the difference; they show where it arose, not why people acted",
    source="the decomposition in docs/answers.md",
)


def compose_explanation(turn: Turn, plan: WhyPlan, apart: Apart, model: SemanticModel) -> Answer:
    """The answer to a "why", or a refusal where the figure has no parts."""
    if isinstance(apart.found, NotDecomposable):
        return compose_refusal(turn, _no_parts(plan, apart, apart.found, model))
    whole, found = apart.whole, apart.found
    facts = _facts(turn, plan, whole, model)
    unit = unit_of(whole, facts.metric)
    lead = _headline(facts, plan, found, unit)
    label = model.dimensions[apart.dimension].label
    table = _table(found, apart.dimension, label, unit, model, against_whole=plan.against == "whole")
    prose = _prose(facts, plan, found, lead, label, unit, model)
    stray = unsupported(prose.text, _support(facts, found, lead, label, unit, table, model))
    checks = (
        *(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in whole.checks),
        _adds_up(found, unit),
        grounded([piece.words for piece in stray]),
    )
    steps = [(c.group, c.total) for c in largest(found.contributions, SHOWN)]
    return Answer(
        status="answered",
        question=turn.question,
        reading=_reading(facts, plan, label, turn, model),
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative=told(narrate_plainly(facts) if stray else prose, turn.language),
        chart=waterfall_chart(lead, steps, found.difference),
        sql=apart.sql,
        trust=trust_of([facts.metric], turn.clock.today, checks),
        checks=checks,
        caveats=tuple(dict.fromkeys((*_premise(plan, found, facts), *plan.notes, *whole.caveats))),
        assumptions=(*(Assumption(name=n, value=v, source=s) for n, v, s in whole.assumptions), ARITHMETIC),
        lineage=tuple(LineageEntry(metric=e.metric, definition=e.definition, fields=e.fields) for e in whole.lineage),
        freshness=turn.freshness,
        follow_ups=_follow_ups(facts, apart.dimension, model),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _no_parts(plan: WhyPlan, apart: Apart, found: NotDecomposable, model: SemanticModel) -> Refuse:
    label = model.metrics[plan.query.metrics[0]].label
    instead = (f"{label} by {model.dimensions[apart.dimension].label.lower()}", f"{label} trend last 12 months")
    return Refuse(
        reason="OUT_OF_SCOPE",
        message=f"I cannot take {label} apart: {found.reason}.",
        choices=tuple(Choice(label=text, question=text) for text in instead),
        coverage=plan.coverage,
    )


def _support(
    facts: Facts, found: Decomposition, lead: Headline, label: str, unit: str, table: Table, model: SemanticModel
) -> Support:
    """What the text may say: the cells, the periods, and the effects of the parts, which are sums of cells."""
    periods = [facts.words(facts.period), facts.when(facts.period), figures.day(facts.as_of), lead.baseline or ""]
    periods += [figures.change(json_cell(found.effect(at), unit), unit) for at in range(len(found.effects))]
    terms = [facts.metric.label, label.lower(), *(_effect_label(name, model) for name in found.effects)]
    return support_of(lead, table, periods=periods, terms=terms)


def _facts(turn: Turn, plan: WhyPlan, whole: ResultSet, model: SemanticModel) -> Facts:
    inner = MetricPlan(intent="compare", query=plan.query)
    facts = Facts(
        plan=inner,
        model=model,
        table=table_of(inner, whole, model),
        period=whole.period,
        as_of=whole.as_of,
        data_date=turn.clock.data_date,
        currency=whole.currency,
        fiscal_year_start=turn.fiscal_year_start,
    )
    return replace(facts, headline=headline_of(facts, whole.total, unit_of(whole, facts.metric)))


def _headline(facts: Facts, plan: WhyPlan, found: Decomposition, unit: str) -> Headline:
    base = facts.headline
    assert base is not None  # noqa: S101 - Facts are built with it
    baseline = base.baseline
    if plan.against == "whole":
        baseline = WHOLE
    elif facts.is_balance and plan.query.compare is not None:
        baseline = figures.day(plan.query.compare.end)
    return base.model_copy(
        update={
            "previous": json_cell(found.before, unit),
            "delta": json_cell(found.difference, unit),
            "baseline": baseline,
        }
    )


def _table(
    found: Decomposition, dimension: str, label: str, unit: str, model: SemanticModel, *, against_whole: bool
) -> Table:
    """One row a group: its own figure before and now, its effects, its contribution."""
    several = len(found.effects) > 1
    sides = ("Whole company", "This group") if against_whole else ("Before", "Now")
    columns = [
        TableColumn(name=dimension, label=label, role="dimension", unit="text"),
        TableColumn(name="before", label=sides[0], role="metric", unit=unit),
        TableColumn(name="now", label=sides[1], role="metric", unit=unit),
        *(
            TableColumn(name=f"{name}__effect", label=_effect_label(name, model), role="delta", unit=unit)
            for name in found.effects
            if several
        ),
        TableColumn(name="contribution", label="Contribution", role="delta", unit=unit),
    ]
    rows = tuple(_row(c, unit, several=several) for c in found.contributions)
    return Table(columns=tuple(columns), rows=rows, row_count=len(rows), truncated=False)


def _row(found: Contribution, unit: str, *, several: bool) -> tuple[str | int | float | bool | None, ...]:
    effects = [json_cell(effect, unit) for effect in found.effects] if several else []
    return (
        clean(found.group),
        json_cell(found.before, unit),
        json_cell(found.now, unit),
        *effects,
        json_cell(found.total, unit),
    )


_EFFECTS = {"rate": "Own figures", "mix": "Weights", "Change": "Change"}


def _effect_label(name: str, model: SemanticModel) -> str:
    if name in _EFFECTS:
        return _EFFECTS[name]
    if name in model.metrics:
        return model.metrics[name].label
    return trailing_label(name) or name.replace("_", " ").capitalize()


def _prose(
    facts: Facts, plan: WhyPlan, found: Decomposition, lead: Headline, label: str, unit: str, model: SemanticModel
) -> Prose:
    first = narrate_plainly(facts)
    parts = [(_effect_label(name, model), json_cell(found.effect(at), unit)) for at, name in enumerate(found.effects)]
    join: Literal["from day", "from baseline", "from whole"] = "from baseline"
    if plan.against == "whole":
        join = "from whole"
    elif facts.is_balance:
        join = "from day"
    second = narrate_drivers(parts if len(parts) > 1 else (), unit, lead, join=join)
    return joined((first, second, _groups(found, label, unit)))


def _groups(found: Decomposition, label: str, unit: str) -> Prose:
    """The two groups that add most."""
    top = largest(found.contributions, 2)
    if not top:
        return Prose()
    slots: Slots = {
        "dimension": Term(label.lower()),
        "direction": Direction("largest", "largest"),
        "name": Name(figures.exact(clean(top[0].group), "text")),
        "change": Figure(figures.change(json_cell(top[0].total, unit), unit), "table.contribution"),
    }
    text = fill(TEMPLATES["contribution"], slots)
    if len(top) > 1:
        more: Slots = {
            "name": Name(figures.exact(clean(top[1].group), "text")),
            "change": Figure(figures.change(json_cell(top[1].total, unit), unit), "table.contribution"),
        }
        text = joined((text, fill(TEMPLATES["contribution next"], more)), "")
    return joined((text, Prose(".")), "")


def _premise(plan: WhyPlan, found: Decomposition, facts: Facts) -> tuple[str, ...]:
    """That the figure did not go the way the question says."""
    if plan.claimed is None or found.difference == 0:
        return (f"{facts.metric.label} did not change.",) if plan.claimed and not found.difference else ()
    went = "up" if found.difference > 0 else "down"
    return () if went == plan.claimed else (f"The question says it went {plan.claimed}; it went {went}.",)


def _adds_up(found: Decomposition, unit: str) -> CheckResult:
    kind = unit.partition(":")[0]
    detail = f"contributions add up to the difference within {TOLERANCE} {'' if kind == 'money' else kind}".rstrip()
    if found.rounding:
        detail += f"; {found.rounding} of rounding is in the largest"
    if not found.adds_up:
        detail = f"contributions miss the difference by {found.residual}"
    return CheckResult(name="contributions_add_up", passed=found.adds_up, detail=detail)


def _reading(facts: Facts, plan: WhyPlan, label: str, turn: Turn, model: SemanticModel) -> str:
    base = reading_of(facts.plan, model, facts.period, facts.currency, turn.fiscal_year_start)
    against = f", against {WHOLE}" if plan.against == "whole" else ""
    return f"{base}{against}, taken apart by {label.lower()}"


def _follow_ups(facts: Facts, dimension: str, model: SemanticModel) -> tuple[str, ...]:
    label = facts.metric.label
    others = [name for name in ("region", "category", "supplier", "buying_entity") if name != dimension]
    names = [model.dimensions[name].label.lower() for name in others if name in model.dimensions][:2]
    return (*(f"Why did {label} change, by {name}?" for name in names), f"{label} trend last 12 months")
