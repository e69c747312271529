"""What a pilot came to, told from the typed results. No number is called an effect where the interval holds zero."""

from __future__ import annotations

from decimal import Decimal

from copilot.advice.telling import Advice, Told
from copilot.narration.prose import Figure, Prose, Slots, Term, fill, joined
from copilot.outcomes.design import Detectable
from copilot.outcomes.panel import Measure
from copilot.outcomes.results import (
    EffectFound,
    Finding,
    Guardrail,
    NoEffectFound,
    NotMeasured,
    NotYet,
    PilotResults,
    Reliability,
    Stage,
)
from copilot.wording import figures
from copilot.wording.quoting import clean

LABEL = "Effect of the pilot on discount capture"
DEFINITION = (
    "Change since the start of the pilot suppliers less that of the holdout, with supplier and week effects, weighted"
    " by amount; by intention to treat. The interval is clustered by supplier and by drawing the assignment again."
)
UNITS: dict[Measure, str] = {
    "discount capture": "ratio",
    "days to pay": "days",
    "late rate": "ratio",
    "cash effect": "ratio",
}
NAMES: dict[Measure, str] = {
    "discount capture": "discount capture",
    "days to pay": "days to pay, by amount",
    "late rate": "the late rate",
    "cash effect": "cash kept per amount paid",
}
TEMPLATES = {
    "found": "Against the holdout, {measure} changed by {effect} ({low} to {high}).",
    "money": "On the discounts offered to the pilot that came to {money}.",
    "none": "No effect on {measure} was found; the pilot could have seen {least}.",
    "blind": "No effect on {measure} was found; with so few and uneven suppliers it could have seen none of any size.",
    "yet": "{done} of {planned} weeks are over; the verdict comes on {day}.",
    "silent": "There is no verdict: {why}.",
    "funnel": "Of {identified} identified, {approved} was approved, {executed} carried out and {captured} captured.",
    "undecided": "For {amount} nobody decided in time: a loss of process, not a decision.",
    "nothing": "Nothing was proposed in its weeks.",
    "rehearsed": "A rehearsal: nobody was treated, so that any effect would be a false alarm.",
}
"""Every sentence about a pilot."""


def tell_pilot(found: PilotResults) -> Advice:
    """The verdict, both sides before and since, guardrails and funnel."""
    first = found.findings[0]
    effect = first.interval.effect if isinstance(first, EffectFound) else None
    over = f"{found.weeks} of {found.weeks_planned} weeks"
    return Advice(
        metric="pilot_effect",
        label=LABEL,
        value=effect,
        unit="ratio",
        period=f"{found.start.isoformat()}/{found.through.isoformat()}" if found.through else found.start.isoformat(),
        as_of=found.as_of.isoformat(),
        reading=f"Results of the pilot {clean(found.name, 80)}; {over}",
        columns=(
            Told("measure", "Measure", "text", "dimension"), Told("pilot_before", "Pilot before", "text", "dimension"),
            Told("pilot_since", "Pilot since", "text", "dimension"),
            Told("holdout_before", "Holdout before", "text", "dimension"),
            Told("holdout_since", "Holdout since", "text", "dimension"),
            Told("finding", "Finding", "text", "dimension"),
        ),
        rows=tuple(_row(found, finding) for finding in found.findings),
        prose=_prose(found),
        outcome=found,
        definition=DEFINITION,
        sources=(
            "invoices.discount-percent", "invoices.discount-due-date", "invoices.total-with-taxes",
            "invoices.net-due-date", "invoices.payments.payment-date", "suppliers.parent.name",
        ),
        terms=(*NAMES.values(), *NAMES),
        caveats=(*footnotes(found), *map(rail_words, found.guardrails), *_lost(found), *_sure(found.reliability)),
        checks=found.checks,
    )  # fmt: skip


def size_of(value: Decimal | None, measure: Measure) -> str:
    """The size of a change: in percentage points, or in days."""
    return figures.magnitude(value, UNITS[measure])


def detectable_line(one: Detectable) -> str:
    """What the pilot could see of one measure, before it starts."""
    before = "unknown" if one.before is None else figures.headline(one.before, UNITS[one.measure])
    told = "no effect, of any size" if one.least is None else f"{size_of(one.least, one.measure)} or more"
    better = "" if one.adjusted is None else f" ({size_of(one.adjusted, one.measure)} with the weeks before used fully)"
    return f"{one.measure}: {told}{better}; {one.suppliers} suppliers, {before} before"


def _row(found: PilotResults, finding: Finding) -> tuple[str, ...]:
    measure, unit = finding.measure, UNITS[finding.measure]
    levels = {(one.measure, one.arm): one for one in found.levels}
    cells = []
    for arm in ("pilot", "holdout"):
        one = levels.get((measure, "pilot" if arm == "pilot" else "holdout"))
        cells += [figures.headline(value, unit) for value in ((one.before, one.since) if one else (None, None))]
    return (measure, *cells, finding_words(finding))


def finding_words(finding: Finding) -> str:
    """A finding in a cell."""
    match finding:
        case EffectFound():
            i, unit = finding.interval, UNITS[finding.measure]
            low, high = (figures.change(value, unit) for value in (i.low, i.high))
            return f"{figures.change(i.effect, unit)} ({low} to {high})"
        case NoEffectFound(could_see=None):
            return "no effect was found; none of any size would have been seen"
        case NoEffectFound():
            return f"no effect was found; {size_of(finding.could_see, finding.measure)} or more would have been seen"
        case NotYet():
            return f"not before {figures.day(finding.on)}"
        case NotMeasured():
            return finding.why


def _prose(found: PilotResults) -> Prose:
    parts = [fill(TEMPLATES["rehearsed"], {})] if found.state == "rehearsed" else []
    parts += [part for finding in found.findings for part in _sentences(finding, found)]
    if found.state != "rehearsed":
        parts += _funnel(found)
    return joined(parts)


def _sentences(finding: Finding, found: PilotResults) -> list[Prose]:
    first = finding is found.findings[0]
    name = Term(NAMES[finding.measure])
    match finding:
        case EffectFound():
            return _effect(finding, found.currency)
        case NoEffectFound(could_see=None):
            return [fill(TEMPLATES["blind"], {"measure": name})]
        case NoEffectFound():
            least = Figure(f"{size_of(finding.could_see, finding.measure)} or more", "outcome.could_see")
            return [fill(TEMPLATES["none"], {"measure": name, "least": least})]
        case NotYet() if first:
            slots: Slots = {
                "done": Figure(figures.headline(found.weeks, "count"), "outcome.weeks"),
                "planned": Figure(figures.headline(found.weeks_planned, "count"), "outcome.weeks_planned"),
                "day": Figure(figures.day(finding.on), "outcome.end"),
            }
            return [fill(TEMPLATES["yet"], slots)]
        case NotMeasured() if first:
            return [fill(TEMPLATES["silent"], {"why": Term(finding.why)})]
    return []


def _effect(finding: EffectFound, currency: str) -> list[Prose]:
    i, unit = finding.interval, UNITS[finding.measure]
    slots: Slots = {
        "measure": Term(NAMES[finding.measure]),
        "effect": Figure(figures.change(i.effect, unit), "headline.value"),
        "low": Figure(figures.change(i.low, unit), "outcome.low"),
        "high": Figure(figures.change(i.high, unit), "outcome.high"),
    }
    parts = [fill(TEMPLATES["found"], slots)]
    if finding.money is not None and finding.measure == "discount capture":
        money = Figure(figures.headline(finding.money, f"money:{currency}"), "outcome.money")
        parts.append(fill(TEMPLATES["money"], {"money": money}))
    return parts


def _funnel(found: PilotResults) -> list[Prose]:
    unit = f"money:{found.currency}"
    if not found.funnel.stages[0].count:
        return [fill(TEMPLATES["nothing"], {})]
    slots: Slots = {
        stage.name: Figure(figures.headline(stage.amount, unit), f"outcome.funnel.{stage.name}")
        for stage in found.funnel.stages
    }
    parts = [fill(TEMPLATES["funnel"], slots)]
    undecided = next((one for one in found.funnel.lost if one.name == "nobody decided in time"), None)
    if undecided is not None:
        amount = Figure(figures.headline(undecided.amount, unit), "outcome.funnel.lost")
        parts.append(fill(TEMPLATES["undecided"], {"amount": amount}))
    return parts


def footnotes(found: PilotResults) -> tuple[str, ...]:
    """The second estimate, and the effect per what was treated."""
    lines = []
    for one in found.findings:
        if isinstance(one, EffectFound):
            unit = UNITS[one.measure]
            low, high = (figures.change(value, unit) for value in (one.adjusted.low, one.adjusted.high))
            lines.append(f"With the weeks before used fully, {NAMES[one.measure]} changed by {low} to {high}.")
        if isinstance(one, EffectFound) and one.treated is not None:
            lines.append(
                f"Footnote: per discount that was really approved, {figures.change(one.treated, UNITS[one.measure])}."
            )
    return tuple(lines)


def rail_words(one: Guardrail) -> str:
    """A guardrail as a sentence."""
    if one.breached is None:
        return f"Guardrail, {one.name}: not measured, {one.detail}."
    return f"Guardrail, {one.name}: {'BREACHED' if one.breached else 'kept'}; {one.detail}."


def _lost(found: PilotResults) -> tuple[str, ...]:
    return tuple(f"Fell out, {stage_words(one, found.currency)}." for one in found.funnel.lost)


def reliability_words(found: Reliability) -> str:
    """Whether stated confidence held, as a sentence."""
    if not found.known or found.brier is None or found.error is None:
        return "Stated confidence: no outcome is known yet."
    verdict = {None: "too few to judge", True: "it held", False: "it did NOT hold"}[found.calibrated]
    return (
        f"Stated confidence: {found.known} outcomes, off by {figures.headline(found.error, 'ratio')} on average, Brier"
        f" score {found.brier.quantize(Decimal('0.01'))}; {verdict}."
    )


def _sure(found: Reliability) -> tuple[str, ...]:
    return (reliability_words(found),) if found.known else ()


def stage_words(one: Stage, currency: str) -> str:
    """A stage of the funnel in words."""
    share = "" if one.share is None else f", {figures.headline(one.share, 'ratio')} of what was identified"
    return f"{one.name}: {one.count} for {figures.exact(one.amount, f'money:{currency}')}{share}"
