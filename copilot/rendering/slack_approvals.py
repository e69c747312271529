"""A proposal as a Slack card with two buttons. They carry its id and nothing else: what is decided is stored."""

from __future__ import annotations

from copilot.governance.casebook import Case
from copilot.rendering.approval_words import SHOWN, history, money_facts, reasons, requests, state_words
from copilot.rendering.slack import Block, SlackMessage, button, contexts, escaped, plain_text, preformatted, texts
from copilot.wording.quoting import clean

APPROVE, REJECT = "approve", "reject"
TITLE = 150


def approval_card(case: Case) -> SlackMessage:
    """What would be done, for how much money, why, exactly which calls, and who must decide until when."""
    proposal = case.proposal
    title = clean(proposal.title, TITLE)
    facts = [
        *(f"{name}: {value}" for name, value in money_facts(proposal)),
        f"Needs: {' and '.join(case.needs)}" if case.needs else f"State: {state_words(case)}",
        f"Until: {case.expires_at:{SHOWN}}",
    ]
    if proposal.yearly_yield is not None and proposal.hurdle is not None:
        facts.append(f"Yield a year: {proposal.yearly_yield:.1%}, hurdle {proposal.hurdle:.1%}")
    blocks: list[Block] = [
        {"type": "header", "text": plain_text(title)},
        {"type": "section", "fields": [plain_text(fact) for fact in facts]},
        *texts("\n".join(reasons(case))),
        *preformatted([*requests(case), *history(case)]),
        *contexts([f"Proposal {case.id}, payload {case.payload_hash[:16]}, evidence {_evidence(case)}"]),
    ]
    if case.state == "open":
        pressed = [button("Approve", APPROVE, case.id), button("Reject", REJECT, case.id)]
        blocks.append({"type": "actions", "elements": pressed})
    return SlackMessage(escaped(title), tuple(blocks))


def _evidence(case: Case) -> str:
    return case.proposal.evidence_hash()[:16]
