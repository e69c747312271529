"""A what-if as an answer: what changes, what it is worth once and per year, who causes it, what binds it.

Pure, like `composition`: the engine runs the simulation, this tells it. One-off cash and benefit per year are never
added.
"""

from __future__ import annotations

from decimal import Decimal

from copilot.answer import Answer, Assumption, Cell, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.charts import two_lines
from copilot.composition import Turn, compose_refusal, grounded
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Direction, Figure, Prose, Slots, Term, fill, joined
from copilot.narration.retelling import told
from copilot.narration.template_narrator import BAND
from copilot.planning.plan import Choice, Refuse, ScenarioPlan
from copilot.planning.scenario_decision import SUGGESTED
from copilot.simulations.levers import (
    ApprovalSpeed,
    CaptureDiscounts,
    CashFloor,
    ExtendTerms,
    HurdleRate,
    Lever,
    RunDays,
    Selection,
    SpendGrowth,
    StopEarlyPayment,
)  # fmt: skip
from copilot.simulations.scenarios import LeverRefused, Scenario, ScenarioOutcome
from copilot.tabulation import json_cell
from copilot.wording import figures
from copilot.wording.quoting import clean

LABEL = "DPO in the scenario"
METRIC = "dpo_scenario"
DEFINITION = (
    "DPO and cash out with the levers, against the same simulated documents without them, at the end of the horizon; "
    "figures and differences are means over the simulated paths, so they add up."
)
SOURCES = (
    "invoices.total-with-taxes", "invoices.payment-term", "invoices.net-due-date", "invoices.discount-due-date",
    "invoices.approvals.approval-date", "invoices.payments.payment-date", "invoices.payments.amount-paid",
)  # fmt: skip
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_NAMES = {
    "extend_terms": "Longer terms", "capture_discounts": "Discounts taken", "run_days": "Payment run days",
    "approval_speed": "Faster approval", "stop_early_payment": "No early payment", "spend_growth": "Spend",
    "hurdle_rate": "Hurdle rate",
}  # fmt: skip


def compose_scenario(turn: Turn, plan: ScenarioPlan, outcome: Scenario) -> Answer:
    """The answer to a what-if, or the refusal with its reason (a legal cap, a missing feed, too little history)."""
    if isinstance(outcome, LeverRefused):
        choices = tuple(Choice(label=text, question=text) for text in SUGGESTED)
        refusal = Refuse.model_validate(
            {"reason": outcome.reason_code, "message": clean(outcome.reason, 600), "choices": choices}
        )
        return compose_refusal(turn, refusal.model_copy(update={"coverage": plan.coverage}))
    lead = _headline(outcome)
    table = _table(outcome)
    prose = _prose(outcome, lead)
    money = f"money:{outcome.currency}"
    said = [figures.headline(value, money) for value in _amounts(outcome)]
    periods = [BAND, figures.day(outcome.horizon), *said, *(figures.change(v, money) for v in _amounts(outcome))]
    stray = unsupported(prose.text, support_of(lead, table, periods=periods, terms=(LABEL, *_NAMES.values())))
    checks = (
        *(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in outcome.checks),
        grounded([piece.words for piece in stray]),
    )
    return Answer(
        status="answered",
        question=turn.question,
        reading="What if: " + "; ".join((*map(spoken, outcome.levers), f"simulated to {figures.day(outcome.horizon)}")),
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(prose, turn.language),
        chart=_chart(outcome, lead),
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=(
            *plan.notes,
            *_horizon(plan, outcome),
            *(f"{clean(g.name, 60)}: {clean(g.detail, 400)}" for g in outcome.guards),
        ),
        assumptions=tuple(Assumption(name=a.name, value=a.value, source=a.source) for a in outcome.assumptions),
        lineage=(LineageEntry(metric=METRIC, definition=DEFINITION, fields=SOURCES),),
        freshness=turn.freshness,
        follow_ups=(*(text for text in SUGGESTED if text != turn.question), "AP outflow for 13 weeks"),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _horizon(plan: ScenarioPlan, outcome: ScenarioOutcome) -> tuple[str, ...]:
    """That the end was not asked for."""
    if plan.until is not None:
        return ()
    return (f"No end was named: simulated half a year ahead, to {figures.day(outcome.horizon)}.",)


def spoken(lever: Lever) -> str:  # noqa: PLR0911 - one return for each lever
    """What a lever does, in words."""
    whom = _whom(lever.selection)
    match lever:
        case ExtendTerms():
            target = f"net {lever.net_days}" if lever.net_days is not None else f"{lever.add_days} days more"
            start = f" from {lever.start.isoformat()}" if lever.start else ""
            return f"new invoices of {whom} at {target}{start}, {figures.headline(lever.acceptance, 'ratio')} agree"
        case CaptureDiscounts():
            return f"discounts of {whom} taken from {figures.headline(lever.hurdle, 'ratio')} a year"
        case RunDays():
            return f"payment runs on {', '.join(_DAYS[day] for day in lever.weekdays)}"
        case ApprovalSpeed():
            return f"approvals {figures.headline(lever.faster, 'ratio')} faster for {whom}"
        case StopEarlyPayment():
            return f"nothing of {whom} paid more than {lever.tolerance_days} days early"
        case SpendGrowth():
            return f"spend with {whom} changes by {figures.headline(lever.growth, 'ratio')}"
        case CashFloor():
            return f"nothing is paid early that would take cash below {figures.headline(lever.floor, 'money')}"
        case HurdleRate():
            return f"a year of cash is worth {figures.headline(lever.rate, 'ratio')}"


def _whom(selection: Selection) -> str:
    named = (*selection.suppliers, *selection.categories, *selection.supplier_countries, *selection.buying_entities)
    words = [f"the {selection.top_suppliers} largest suppliers"] if selection.top_suppliers else []
    words += [clean(name, 60) for name in named]
    terms = f" (now net {' or '.join(str(days) for days in selection.now_net_days)})" if selection.now_net_days else ""
    without = (
        f" except {', '.join(clean(n, 60) for n in selection.excluded_suppliers)}"
        if selection.excluded_suppliers
        else ""
    )
    return (", ".join(words) or "all suppliers") + terms + without


def _amounts(outcome: ScenarioOutcome) -> tuple[Decimal, ...]:
    cash = outcome.one_off_cash
    return (cash.mean, cash.low, cash.high, outcome.yearly_benefit, outcome.supplier_cost)


def _headline(outcome: ScenarioOutcome) -> Headline:
    """Means on both sides: their difference is the mean difference, which the levers' shares add up to."""
    band, change = outcome.dpo_scenario, outcome.change_dpo
    day = outcome.horizon.isoformat()

    def days(value: Decimal) -> Cell:
        return json_cell(value, "days")

    return Headline.model_validate(
        {
            "metric": METRIC, "label": LABEL, "unit": "days", "period": day, "as_of": day,
            "value": days(band.mean), "low": days(band.low), "high": days(band.high),
            "previous": days(band.mean - change.mean), "delta": days(change.mean), "baseline": "the baseline",
        }
    )  # fmt: skip


def _table(outcome: ScenarioOutcome) -> Table:
    """What each lever contributes; the shares add up to the whole."""
    money = f"money:{outcome.currency}"
    columns = (
        TableColumn(name="lever", label="Lever", role="dimension", unit="text"),
        TableColumn(name="owner", label="Decided by", role="dimension", unit="text"),
        TableColumn(name="dpo", label="DPO", role="delta", unit="days"),
        TableColumn(name="one_off_cash", label="One-off cash", role="delta", unit=money),
        TableColumn(name="yearly_benefit", label="Benefit per year", role="delta", unit=money),
    )
    rows = tuple(
        (
            _NAMES[share.kind], share.owner, json_cell(share.dpo, "days"),
            json_cell(share.one_off_cash, money), json_cell(share.yearly_benefit, money),
        )
        for share in outcome.split
    )  # fmt: skip
    return Table(columns=columns, rows=rows, row_count=len(rows), truncated=False)


TEMPLATES = {
    "change": (
        "{label} comes to {value} on {when}, {size} {direction} than without it ({previous}), on average of the paths."
    ),
    "level": "{label} comes to {value} on {when}, the same as without it.",
    "worth": "Cash released, a single time: {cash} ({band} from {low} to {high}); benefit per year: {benefit}.",
    "suppliers": "Suppliers would bear {cost} a year.",
}
"""Every sentence of a what-if."""


def _prose(outcome: ScenarioOutcome, lead: Headline) -> Prose:
    money = f"money:{outcome.currency}"
    cash = outcome.one_off_cash
    base: Slots = {
        "label": Term(LABEL),
        "value": Figure(figures.headline(lead.value, "days"), "headline.value"),
        "when": Figure(figures.day(outcome.horizon), "headline.as_of"),
    }
    if figures.is_level(lead.delta, "days"):
        first = fill(TEMPLATES["level"], base)
    else:
        up = outcome.change_dpo.mean > 0
        slots: Slots = {
            **base,
            "size": Figure(figures.magnitude(lead.delta, "days"), "headline.delta"),
            "direction": Direction("higher", "up") if up else Direction("lower", "down"),
            "previous": Figure(figures.headline(lead.previous, "days"), "headline.previous"),
        }
        first = fill(TEMPLATES["change"], slots)
    worth: Slots = {
        "band": Figure(BAND, "outcome.one_off_cash"),
        "cash": Figure(figures.headline(cash.mean, money), "outcome.one_off_cash"),
        "low": Figure(figures.headline(cash.low, money), "outcome.one_off_cash"),
        "high": Figure(figures.headline(cash.high, money), "outcome.one_off_cash"),
        "benefit": Figure(figures.headline(outcome.yearly_benefit, money), "outcome.yearly_benefit"),
    }
    parts = [first, fill(TEMPLATES["worth"], worth)]
    if outcome.supplier_cost > 0:
        cost = Figure(figures.headline(outcome.supplier_cost, money), "outcome.supplier_cost")
        parts.append(fill(TEMPLATES["suppliers"], {"cost": cost}))
    return joined(parts)


def _chart(outcome: ScenarioOutcome, lead: Headline) -> dict[str, object] | None:
    if len(outcome.weeks) < 2:
        return None
    days = [week.end.isoformat() for week in outcome.weeks]
    without = [week.dpo_baseline for week in outcome.weeks]
    with_levers = [week.dpo_scenario for week in outcome.weeks]
    return two_lines(lead, days, ("Baseline", without), ("Scenario", with_levers))
