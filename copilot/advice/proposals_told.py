"""Proposals and what became of them, told: how many wait, for whom, and what was captured of what was identified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from copilot.advice.telling import Advice, Told
from copilot.governance.casebook import Case
from copilot.narration.prose import Figure, Prose, Slots, Term, fill, joined
from copilot.outcomes.results import Funnel
from copilot.wording import figures
from copilot.wording.quoting import clean
from semantic_layer.results import Check

DEFINITION = (
    "Proposals made in Tenor, by their state. Identified is the discount as it was proposed, each invoice once;"
    " executed what was approved and read back in Coupa; captured what was paid with the discount taken."
)
LABELS = {"open": "Open proposals", "": "Proposals"}
TEMPLATES = {
    "count": "{label}: {count}, for {cash} of cash, worth {worth} after the hurdle.",
    "none": "{label}: none.",
    "funnel": "Of {identified} identified, {approved} was approved, {executed} carried out and {captured} captured.",
    "booked": "{booked} of it is booked as realised savings.",
}
"""Every sentence about proposals."""


@dataclass(frozen=True)
class Proposals:
    """What is told: the cases of a state (empty: all), made on days (empty: any), and the funnel of all of them."""

    cases: tuple[Case, ...]
    state: str
    made: str
    currency: str
    as_of: date
    funnel: Funnel


def tell_proposals(found: Proposals) -> Advice:
    """Open ones by who must decide; settled ones with how far they are in Coupa."""
    label = LABELS.get(found.state, f"{found.state.capitalize()} proposals")
    worth = sum((case.proposal.benefit for case in found.cases), Decimal(0))
    return Advice(
        metric="proposals",
        label=label,
        value=len(found.cases),
        unit="count",
        period=found.as_of.isoformat(),
        as_of=found.as_of.isoformat(),
        reading=f"{label}; made {found.made}" if found.made else label,
        columns=(
            Told("proposal", "Proposal", "text", "dimension"),
            Told("cash", "Cash", f"money:{found.currency}"),
            Told("worth", "Worth after the hurdle", f"money:{found.currency}"),
            Told("state", "State", "text", "dimension"),
            Told("next", "Next", "text", "dimension"),
        ),
        rows=tuple(
            (case.proposal.title, case.proposal.amount, case.proposal.benefit, case.state, _next(case))
            for case in found.cases
        ),
        prose=_prose(found, label, worth),
        outcome=found,
        definition=DEFINITION,
        sources=("proposals", "decisions", "outbox", "invoices.discount-percent", "invoices.payments.payment-date"),
        terms=(label,),
        checks=(
            Check("adds_up", all(case.proposal.currency == found.currency for case in found.cases), "one currency"),
        ),
        follow_ups=("Which discounts should we take this week?", "Which proposals were approved?"),
    )


def _next(case: Case) -> str:
    """Who must decide until when, or how far it is in Coupa."""
    if case.state == "open":
        return f"{' and '.join(case.needs)} by {case.expires_at:%Y-%m-%d %H:%M} UTC"
    if not case.effects:
        return "nothing goes to Coupa"
    states = [effect.state for effect in case.effects]
    dead = next((effect.trouble for effect in case.effects if effect.state == "dead"), None)
    told = f"{states.count('delivered')} of {len(states)} in Coupa"
    return f"{told}; {clean(dead, 160)}" if dead else told


def _prose(found: Proposals, label: str, worth: Decimal) -> Prose:
    money = f"money:{found.currency}"
    if not found.cases:
        parts = [fill(TEMPLATES["none"], {"label": Term(label)})]
    else:
        cash = sum((case.proposal.amount for case in found.cases), Decimal(0))
        slots: Slots = {
            "label": Term(label),
            "count": Figure(figures.headline(len(found.cases), "count"), "headline.value"),
            "cash": Figure(figures.headline(cash, money), "table.cash"),
            "worth": Figure(figures.headline(worth, money), "table.worth"),
        }
        parts = [fill(TEMPLATES["count"], slots)]
    return joined([*parts, *_funnel(found, money)])


def _funnel(found: Proposals, money: str) -> Sequence[Prose]:
    if found.state or found.made or not found.funnel.stages or not found.funnel.stages[0].count:
        return ()
    slots: Slots = {
        stage.name: Figure(figures.headline(stage.amount, money), f"outcome.funnel.{stage.name}")
        for stage in found.funnel.stages
    }
    parts = [fill(TEMPLATES["funnel"], slots)]
    return [*parts, fill(TEMPLATES["booked"], slots)] if "booked" in slots else parts
