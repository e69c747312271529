"""Where invoices wait and what shorter waits would bring, told from the typed report."""

from __future__ import annotations

from decimal import Decimal

from copilot.advice.telling import Advice, Told
from copilot.narration.prose import Figure, Prose, Slots, Term, fill, joined
from copilot.opportunities.bottlenecks import Wait, WaitReport
from copilot.opportunities.missed_discounts import NOT_SHOWN
from copilot.wording import figures
from copilot.wording.quoting import clean

LABEL = "Days from receipt to approval (median)"
GAIN = "Discounts taken by earlier approval"
DEFINITION = (
    "Stages fill the way from receipt to approval. A gain cuts one stage of each invoice and leaves the rest: offers"
    " that were approved too late and would have been in time for a run, times the share of such taken today."
)
SOURCES = (
    "invoices.date-received", "approvals.created-at", "approvals.approval-date", "invoices.failed-tolerances",
    "invoices.discount-due-date", "invoices.payments.payment-date",
)  # fmt: skip
TEMPLATES = {
    "median": "{label} from {start} to {end}: {median}, over {count} invoices.",
    "stage": "{share} of those days pass in the stage “{stage}”, {days} at the median.",
    "gain": "{label}: {expected} expected of {regained} with {stage} done within {within}, over {count} invoices.",
    "late": "{late} approved after their due date would have been approved in time.",
    "none": "No invoice was approved in that time.",
}
"""Every sentence about waits."""


def tell_waits(found: WaitReport, where: str, limit: int | None = None) -> Advice:
    """Stages, the largest share of days first, each with what its quicker quarter would bring."""
    money = f"money:{found.currency}"
    stages = [wait for wait in found.waits if wait.share_of_days]
    return Advice(
        metric="receipt_to_approval_days",
        label=LABEL,
        value=found.median,
        unit="days",
        period=f"{found.start.isoformat()}/{found.end.isoformat()}",
        as_of=found.end.isoformat(),
        reading=_reading("Waits of invoices approved", found, where),
        columns=(
            Told("stage", "Stage", "text", "dimension"), Told("cases", "Invoices", "count"),
            Told("median", "Median", "days"), Told("p90", "Nine of ten within", "days"),
            Told("share", "Share of days", "ratio", "share"), Told("within", "If within", "days"),
            Told("saved", "Days saved", "days"), Told("regained", "Offers in time again", money),
            Told("expected", GAIN, money), Told("late", "Late approvals avoided", "count"),
        ),
        rows=tuple(_row(found, wait) for wait in found.waits[:limit]),
        prose=joined(_sentences(found, stages)),
        outcome=found,
        definition=DEFINITION,
        sources=SOURCES,
        terms=(GAIN, *(wait.stage for wait in found.waits)),
        caveats=(*_slow(found), *_actions(found, money), *_usual(found), *_notes()),
        checks=found.checks,
        follow_ups=(
            "What would approving stage 2 within 2 days bring?", "Which approvers cost us the most in lost discounts?",
        ),
    )  # fmt: skip


def tell_faster(found: WaitReport, where: str) -> Advice:
    """One action: what a stage within so many days brings."""
    money = f"money:{found.currency}"
    action = found.actions[0].payload
    slots: Slots = {
        "label": Term(GAIN),
        "expected": Figure(figures.headline(action.expected, money), "headline.value"),
        "regained": Figure(figures.headline(action.regained, money), "table.regained"),
        "stage": Term(action.stage),
        "within": Figure(figures.headline(action.within, "days"), "table.within"),
        "count": Figure(figures.headline(action.cases, "count"), "table.cases"),
    }
    late: Slots = {"late": Figure(figures.headline(action.late_avoided, "count"), "table.late")}
    return Advice(
        metric="discounts_by_faster_approval",
        label=GAIN,
        value=action.expected,
        unit=money,
        period=f"{found.start.isoformat()}/{found.end.isoformat()}",
        as_of=found.end.isoformat(),
        reading=_reading(f"{action.stage} within {action.within.normalize():f} days", found, where),
        columns=(
            Told("stage", "Stage", "text", "dimension"), Told("within", "Within", "days"),
            Told("cases", "Invoices", "count"), Told("slower", "Took longer", "count"),
            Told("saved", "Days saved", "days"), Told("offers", "Offers", "count"),
            Told("regained", "Offers in time again", money), Told("expected", GAIN, money),
            Told("late", "Late approvals avoided", "count"), Told("late_amount", "Their amount", money),
        ),
        rows=((
            action.stage, action.within, action.cases, action.slower, action.days_saved, action.offers, action.regained,
            action.expected, action.late_avoided, action.late_amount,
        ),),
        prose=joined([fill(TEMPLATES["gain"], slots), fill(TEMPLATES["late"], late)]),
        outcome=found,
        definition=DEFINITION,
        sources=SOURCES,
        terms=(action.stage,),
        caveats=(f"Of eligible offers {figures.headline(found.habit, 'ratio')} are taken today.", *_notes()),
        checks=found.checks,
        follow_ups=("Where do invoices get stuck?", "Why did we miss discounts last quarter?"),
    )  # fmt: skip


def _reading(what: str, found: WaitReport, where: str) -> str:
    days = f"{what}, {figures.day(found.start)} to {figures.day(found.end)}"
    return f"{days}; {where}" if where else days


def _row(found: WaitReport, wait: Wait) -> tuple[str | int | Decimal | None, ...]:
    row = (wait.stage, wait.cases, wait.median, wait.p90, wait.share_of_days or None)
    for item in found.actions:
        action = item.payload
        if action.stage == wait.stage and action.within == wait.p25 and not action.actor:
            return (*row, action.within, action.days_saved, action.regained, action.expected, action.late_avoided)
    return (*row, None, None, None, None, None)


def _sentences(found: WaitReport, stages: list[Wait]) -> list[Prose]:
    if not found.ways:
        return [fill(TEMPLATES["none"], {})]
    whole: Slots = {
        "label": Term(LABEL),
        "start": Figure(figures.day(found.start), "plan.start"),
        "end": Figure(figures.day(found.end), "plan.end"),
        "median": Figure(figures.headline(found.median, "days"), "headline.value"),
        "count": Figure(figures.headline(found.ways, "count"), "outcome.ways"),
    }
    parts = [fill(TEMPLATES["median"], whole)]
    if stages:
        top: Slots = {
            "share": Figure(figures.headline(stages[0].share_of_days, "ratio"), "table.share"),
            "stage": Term(stages[0].stage),
            "days": Figure(figures.headline(stages[0].median, "days"), "table.median"),
        }
        parts.append(fill(TEMPLATES["stage"], top))
    return parts


def _slow(found: WaitReport) -> tuple[str, ...]:
    slow = [row for row in found.actors if row[1] != NOT_SHOWN][:3]
    if not slow:
        return ()
    named = "; ".join(f"{clean(who, 60)}, {stage}: {days} days over {n} invoices" for stage, who, n, days in slow)
    return (f"The slowest at the median: {named}.",)


def _actions(found: WaitReport, money: str) -> tuple[str, ...]:
    """The three actions that bring most; each by itself, as they overlap."""
    lines = []
    for item in found.actions[:3]:
        action = item.payload
        gain, who = figures.headline(action.expected, money), clean(action.actor, 60) or action.stage
        lines.append(f"{who} within {action.within.normalize():f} days: {gain} of discounts expected")
    return (f"By itself each: {'; '.join(lines)}. Gains overlap and are not to be added.",) if lines else ()


def _usual(found: WaitReport) -> tuple[str, ...]:
    shown = "; ".join(f"{' > '.join(v.activities)} ({v.share:.1%})" for v in found.variants[:3])
    if not shown:
        return ()
    rework = f"{found.failed} failed a tolerance" + (f", {found.rejected} were rejected once" if found.rejected else "")
    return (f"{len(found.variants)} ways of going; the usual ones: {shown}. Of all, {rework}.",)


def _notes() -> tuple[str, ...]:
    return (
        "Holds and disputes leave no history in Coupa, so a wait in them counts to the stage in which it fell.",
        "Who approved without anybody's step has no way here.",
    )
