"""Proposals in Slack: `/tenor approvals` shows what waits, two buttons decide, `/tenor propose` submits.

Who decides is who Slack signed. The people file is read anew for each press, so that whoever was taken off it decides
no more. Everything here blocks: it is called in worker threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from copilot.errors import PeopleError
from copilot.governance.casebook import Case
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, Role, read_people
from copilot.governance.submitting import submit
from copilot.rendering.approval_words import outcome_sentence
from copilot.rendering.slack import SlackMessage, note
from copilot.rendering.slack_approvals import approval_card
from copilot.settings import Settings
from copilot.state.store import StateStore
from semantic_layer import SemanticLayer

MOST = 10
READERS: tuple[Role, ...] = ("proposer", "approver", "policy owner", "admin", "auditor")


class SlackApprovals:
    """What the Slack surface asks of governance. `layer` gives the whole company's figures, when it is asked."""

    def __init__(self, store: StateStore, settings: Settings, layer: Callable[[], SemanticLayer]) -> None:
        self._store = store
        self._settings = settings
        self._layer = layer

    def waiting(self, actor: str) -> Sequence[SlackMessage]:
        """A card for each open proposal. Raises PeopleError without a people file."""
        people = self._people()
        reader = people.with_role(actor, *READERS)
        if isinstance(reader, Refused):
            return [note(f"Proposals are not for you: {reader.why}")]
        desk = ApprovalDesk(self._store, people)
        desk.expire()
        cases = desk.cases(open_only=True)
        cards = [approval_card(case) for case in cases[:MOST]]
        if len(cases) > MOST:
            cards.append(note(f"{len(cases) - MOST} more are open."))
        return cards or [note("Nothing waits for a decision.")]

    def propose(self, actor: str, numbers: Sequence[str]) -> Sequence[SlackMessage]:
        """Submits what is recommended for these invoices, or for the next run; a card for each that waits.

        Raises PeopleError or GovernanceError.
        """
        people = self._people()
        maker = people.with_role(actor, "proposer")
        if isinstance(maker, Refused):
            return [note(f"You cannot propose: {maker.why}")]
        currency = self._settings.reporting_currency
        done = submit(self._store, people, self._layer(), actor, currency=currency, numbers=numbers, most=MOST)
        lines = [f"{one.title}: {outcome_sentence(one.outcome)}" for one in done]
        return [note("\n".join(lines) or "No early payment is recommended now.")]

    def decide(self, key: str, actor: str, *, approve: bool) -> tuple[SlackMessage, Case | None]:
        """One press: what became of it, and the proposal as it stands now. Raises PeopleError."""
        desk = ApprovalDesk(self._store, self._people())
        outcome = desk.approve(key, actor) if approve else desk.reject(key, actor, "rejected in Slack")
        sentence = note(f"{'Approve' if approve else 'Reject'}: {outcome_sentence(outcome)}")
        if isinstance(outcome, Refused):
            return sentence, None
        return sentence, desk.case(key)

    def _people(self) -> People:
        people = read_people(self._settings.people)
        if people.demo:
            raise PeopleError("A people file with demo: true is for the terminal; nobody decides in Slack with it.")
        return people
