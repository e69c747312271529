"""A proposal, and what became of a decision, in words that every surface shows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.governance.casebook import Case
from copilot.governance.outcomes import Approved, Deciding, Proposed, Proposing, Refused, Rejected, StillNeeds, Voided
from copilot.governance.proposal import Proposal
from copilot.wording.quoting import clean

SHOWN = "%Y-%m-%d %H:%M UTC"


def outcome_sentence(outcome: Proposing | Deciding) -> str:
    """What became of a proposal or a decision."""
    match outcome:
        case Proposed():
            return f"waits for {' and '.join(outcome.offices)} (hash {outcome.payload_hash[:12]})"
        case Approved():
            by = "by the policy's standing decision" if outcome.by_policy else "now"
            queued = f"{len(outcome.keys)} actions are queued for Coupa" if outcome.keys else "nothing goes to Coupa"
            files = f"; {outcome.files} files to hand out" if outcome.files else ""
            return f"approved {by}; {queued}{files}"
        case StillNeeds():
            return f"your yes counts; {' and '.join(outcome.offices)} must still decide"
        case Rejected():
            return "rejected; nothing is sent"
        case Voided():
            return f"void, since {outcome.why}"
        case Refused():
            return f"refused ({outcome.control}): {outcome.why}"


def summary(case: Case) -> str:
    """A proposal in a line."""
    proposal = case.proposal
    money = ", ".join(f"{name.lower()} {value}" for name, value in money_facts(proposal))
    if case.state == "open":
        return f"{clean(proposal.title, 200)} ({money}): {' and '.join(case.needs)} by {case.expires_at:{SHOWN}}"
    states = ", ".join(f"{effect.kind} {effect.state}" for effect in case.effects)
    return f"{clean(proposal.title, 200)} ({money}): {state_words(case)}{f'; {states}' if states else ''}"


def money_facts(proposal: Proposal) -> list[tuple[str, str]]:
    """The cash that moves and what that is worth; where none does, what is booked."""
    if not proposal.amount and not proposal.benefit and proposal.at_stake:
        return [("Booked", f"{proposal.at_stake:,.2f} {proposal.currency} of realised savings")]
    return [
        ("Cash", f"{proposal.amount:,.2f} {proposal.currency}"),
        ("Worth", f"{proposal.benefit:,.2f} {proposal.currency} after the hurdle"),
    ]


def state_words(case: Case) -> str:
    """Its state; an approved one of which something died on its way says so."""
    dead = sum(effect.state == "dead" for effect in case.effects)
    return f"{case.state}, but {dead} of {len(case.effects)} actions did not reach Coupa" if dead else case.state


def reasons(case: Case) -> Iterator[str]:
    """Where it comes from, and why it is proposed."""
    proposal = case.proposal
    yield f"Proposed by {case.maker}, {case.made_at:{SHOWN}}, under version {proposal.policy} of the policy"
    yield from (clean(reason, 300) for reason in proposal.rationale)


def requests(case: Case) -> Iterator[str]:
    """Exactly what goes to Coupa, a line for each call."""
    for delivery in case.proposal.deliveries():
        body = json.dumps(dict(delivery.request.body), ensure_ascii=False)
        yield f"{delivery.request.method} /api/{delivery.request.path} {clean(body, 2000)}"


def history(case: Case) -> Iterator[str]:
    """Who decided, and how far its effects are."""
    for one in case.decisions:
        lent = f" for {one.on_behalf_of}" if one.on_behalf_of else ""
        said = f": {clean(one.reason, 300)}" if one.reason else ""
        yield f"{one.verdict} by {one.checker} as {one.office}{lent}, {one.decided_at:{SHOWN}}{said}"
    for effect in case.effects:
        remote = f", id {effect.remote_id} in Coupa" if effect.remote_id else ""
        trouble = f": {clean(effect.trouble, 400)}" if effect.trouble else ""
        yield f"{effect.kind} on {effect.object}: {effect.state}{remote}{trouble}"
