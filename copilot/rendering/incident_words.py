"""Recommendations that wait for a proposer, and deliveries that died: for a channel, a mailbox and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.message import EmailMessage

from copilot.governance.incidents import DeadLetter, Unproposed
from copilot.rendering.slack import Block, SlackMessage, button, contexts, escaped, plain_text, texts
from copilot.wording.quoting import clean

PROPOSE = "propose"
MOST = 10
"""Buttons in one message; the rest is counted, and stands on the page."""

Incidents = Sequence[Unproposed | DeadLetter]


def line_of(one: Unproposed | DeadLetter) -> str:
    """One incident in a line."""
    if isinstance(one, DeadLetter):
        about = f"{one.kind} on {one.object} of proposal {one.proposal} ({clean(one.title, 150)})"
        return f"{about} did not reach Coupa: {clean(one.trouble, 400)}"
    money = f"saves {one.saved} {one.currency}, worth {one.benefit} after the hurdle"
    return f"{clean(one.title, 200)}: {money}; last day {one.last_day}"


def title_of(incidents: Incidents) -> str:
    """What the message is about."""
    count = len(incidents)
    if isinstance(incidents[0], DeadLetter):
        return (
            "1 approved action did not reach Coupa" if count == 1 else f"{count} approved actions did not reach Coupa"
        )
    return "1 early payment is recommended" if count == 1 else f"{count} early payments are recommended"


def way_on(incidents: Incidents) -> str:
    """What people can do about it."""
    if isinstance(incidents[0], DeadLetter):
        return "Nothing more of those proposals is sent until somebody decides: `tenor-sync outbox list`."
    return "Nothing happens by itself: a proposer proposes, others approve. Figures are those of the first sight of it."


def incident_card(incidents: Incidents, page: str = "") -> SlackMessage:
    """The message of a channel; a recommendation bears a button that proposes it in the name of whoever presses."""
    title = title_of(incidents)
    blocks: list[Block] = [{"type": "header", "text": plain_text(title)}]
    for place, one in enumerate(incidents[:MOST]):
        blocks += texts(line_of(one))
        if isinstance(one, Unproposed):
            label = f"Propose {one.invoice}"
            pressed = button(label, f"{PROPOSE}_{place}", str(one.invoice))
            blocks.append({"type": "actions", "elements": [pressed]})
    blocks += contexts([way_on(incidents), *_rest(incidents, page)])
    return SlackMessage(escaped(title), tuple(blocks))


def incident_mail(incidents: Incidents, sender: str, recipient: str, page: str = "") -> EmailMessage:
    """The same as plain text: a mail proposes nothing."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, title_of(incidents)
    message["Auto-Submitted"] = "auto-generated"
    lines = [f"- {line_of(one)}" for one in incidents]
    message.set_content("\n".join([*lines, "", way_on(incidents), *([f"All of them: {page}"] if page else [])]))
    return message


def _rest(incidents: Incidents, page: str) -> Iterator[str]:
    if len(incidents) > MOST:
        yield f"{len(incidents) - MOST} more; `tenor approvals waiting` lists them."
    if page:
        yield f"All of them: {page}"
