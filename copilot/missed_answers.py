"""Why discounts were missed, as an answer: reasons that add to the whole, the stages of late approval beneath."""

from __future__ import annotations

from copilot.answer import Answer, Assumption, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.composition import Turn, compose_refusal, grounded
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Figure, Name, Prose, Slots, Term, fill, joined
from copilot.narration.retelling import told
from copilot.opportunities.discount_outcomes import DiscountsRefused
from copilot.opportunities.missed_discounts import BELOW_HURDLE, NOT_SHOWN, MissedTree
from copilot.planning.plan import MissedDiscountsPlan, Refuse
from copilot.tabulation import json_cell
from copilot.wording import figures
from copilot.wording.quoting import clean, quoted

LABEL = "Discounts missed"
METRIC = "discount_missed"
DEFINITION = (
    "Offers whose window closed in the period with nothing taken, each with the first reason that fits; what was"
    " approved too late belongs to its longest wait before the window's end."
)
SOURCES = (
    "invoices.discount-due-date", "invoices.discount-percent", "payment_terms.discount-rate",
    "invoices.approvals.approval-date", "invoices.payments.payment-date", "feed capital_rates",
)  # fmt: skip
TEMPLATES = {
    "whole": "{label} from {start} to {end} came to {total}: {count} offers.",
    "first": "Of it, {amount} ({share}) was {reason}.",
    "approver": "Of what approvers held too long, {amount} waited for {name}.",
    "decision": "Of it, {amount} did not reach the hurdle: a decision, set apart.",
}
"""Every sentence of this answer."""
STAGES = 12


def compose_missed(turn: Turn, plan: MissedDiscountsPlan, found: MissedTree | DiscountsRefused) -> Answer:
    """The answer, or the refusal by name."""
    if isinstance(found, DiscountsRefused):
        return compose_refusal(turn, Refuse(reason="MISSING_INPUT", message=clean(found.reason, 600)))
    money = f"money:{found.currency}"
    lead = Headline.model_validate(
        {
            "metric": METRIC, "label": LABEL, "unit": money, "value": json_cell(found.total, money),
            "period": f"{plan.start.isoformat()}/{plan.end.isoformat()}", "as_of": plan.end.isoformat(),
        }
    )  # fmt: skip
    table = _table(found)
    prose = _prose(found)
    said = [slot.text for slot in prose.slots if isinstance(slot, Figure)]

    terms = (LABEL, *(branch.reason for branch in found.branches))
    stray = unsupported(prose.text, support_of(lead, table, periods=said, terms=terms))
    checks = (
        *(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in found.checks),
        grounded([piece.words for piece in stray]),
    )
    return Answer(
        status="answered",
        question=turn.question,
        reading=f"Reasons of missed discounts; windows closed {figures.day(plan.start)} to {figures.day(plan.end)}",
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(prose, turn.language),
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=(*plan.notes, *_caveats(found)),
        assumptions=(
            Assumption(name="hurdle rate", value="splits what was ready", source="policy and capital rates"),
            Assumption(name="stage", value="the longest wait before the window's end", source="approvals"),
        ),
        lineage=(LineageEntry(metric=METRIC, definition=DEFINITION, fields=SOURCES),),
        freshness=turn.freshness,
        follow_ups=("Which discounts should we take this week?", "Discounts missed by supplier"),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _table(found: MissedTree) -> Table:
    """Reasons add up to the whole; rows with a stage are parts of the reason above them."""
    money = f"money:{found.currency}"
    columns = (
        TableColumn(name="reason", label="Reason", role="dimension", unit="text"),
        TableColumn(name="stage", label="Stage", role="dimension", unit="text"),
        TableColumn(name="approver", label="Approver", role="dimension", unit="text"),
        TableColumn(name="missed", label=LABEL, role="metric", unit=money),
        TableColumn(name="share", label="Share", role="share", unit="ratio"),
        TableColumn(name="offers", label="Offers", role="metric", unit="count"),
    )
    rows = []
    for branch in found.branches:
        reason = f"{branch.reason} (a decision)" if branch.decision else branch.reason
        rows.append((reason, "", "", json_cell(branch.amount, money), json_cell(branch.share, "ratio"), branch.offers))
        rows += [
            (reason, stage.stage, clean(stage.approver, 80), json_cell(stage.amount, money), None, stage.offers)
            for stage in branch.stages[:STAGES]
        ]
    return Table(columns=columns, rows=tuple(rows), row_count=len(rows), truncated=False)


def _prose(found: MissedTree) -> Prose:
    money = f"money:{found.currency}"
    slots: Slots = {
        "label": Term(LABEL),
        "start": Figure(figures.day(found.start), "plan.start"),
        "end": Figure(figures.day(found.end), "plan.end"),
        "total": Figure(figures.headline(found.total, money), "headline.value"),
        "count": Figure(figures.headline(found.offers, "count"), "outcome.offers"),
    }
    parts = [fill(TEMPLATES["whole"], slots)]
    if found.branches:
        top = found.branches[0]
        first: Slots = {
            "reason": Term(top.reason),
            "amount": Figure(figures.headline(top.amount, money), "table.missed"),
            "share": Figure(figures.headline(top.share, "ratio"), "table.share"),
        }
        parts.append(fill(TEMPLATES["first"], first))
    named = [row for row in found.approvers if row[0] != NOT_SHOWN]
    if named:
        who, amount, _ = named[0]
        approver: Slots = {
            "name": Name(quoted(who)),
            "amount": Figure(figures.headline(amount, money), "outcome.approvers"),
        }
        parts.append(fill(TEMPLATES["approver"], approver))
    decided = [branch.amount for branch in found.branches if branch.reason == BELOW_HURDLE]
    if decided:
        amount_set_apart = Figure(figures.headline(decided[0], money), "table.missed")
        parts.append(fill(TEMPLATES["decision"], {"amount": amount_set_apart}))
    return joined(parts)


def _caveats(found: MissedTree) -> tuple[str, ...]:
    hidden = sum(len(branch.stages) > STAGES for branch in found.branches)
    notes = ["Whether cash was short then is not known, so no offer is called cash constrained."]
    if hidden:
        notes.append(
            f"Of the stages the {STAGES} dearest are listed; together with the rest they add up to their reason."
        )
    if any(stage.approver == NOT_SHOWN for branch in found.branches for stage in branch.stages):
        notes.append("Approvers are not shown to you; stages are.")
    return tuple(notes)
