"""Open proposals, and those settled last, as a page with two buttons each. No script; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from copilot.governance.casebook import Case
from copilot.governance.incidents import DeadLetter, Unproposed
from copilot.governance.switches import Stop
from copilot.rendering.approval_words import SHOWN, history, money_facts, reasons, requests, state_words
from copilot.rendering.evidence_page import template
from copilot.rendering.incident_words import line_of
from copilot.wording.quoting import clean


def approvals_page(
    cases: Iterable[Case],
    who: str,
    stops: Iterable[Stop] = (),
    *,
    incidents: Iterable[Unproposed | DeadLetter] = (),
    said: str = "",
    done: bool = True,
) -> str:
    """HTML. `said` is what became of the button that was pressed before; `done` whether it was done."""
    found = list(incidents)
    return template("approvals.html").render(
        who=clean(who, 100),
        said=clean(said, 1000),
        done=done,
        stops=[clean(f"{stop.feature} by {stop.actor}: {stop.reason}", 300) for stop in stops],
        dead=[line_of(one) for one in found if isinstance(one, DeadLetter)],
        unproposed=[{"invoice": one.invoice, "line": line_of(one)} for one in found if isinstance(one, Unproposed)],
        cards=[_card(case) for case in cases],
    )


def _card(case: Case) -> dict[str, Any]:
    proposal = case.proposal
    facts = money_facts(proposal)
    if proposal.yearly_yield is not None and proposal.hurdle is not None:
        facts.append(("Yield a year", f"{proposal.yearly_yield:.1%}, hurdle {proposal.hurdle:.1%}"))
    if case.state == "open":
        facts += [("Needs", " and ".join(case.needs)), ("Until", f"{case.expires_at:{SHOWN}}")]
    else:
        facts.append(("State", state_words(case)))
    return {
        "id": case.id,
        "title": clean(proposal.title, 200),
        "open": case.state == "open",
        "facts": facts,
        "reasons": list(reasons(case)),
        "requests": "\n".join(requests(case)),
        "history": list(history(case)),
        "hash": case.payload_hash,
        "evidence": proposal.evidence_hash(),
    }
