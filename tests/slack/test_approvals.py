"""Proposals decided by buttons: Slack says who pressed, the store says what is decided."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from copilot.governance.actions import CommentOnInvoice
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Proposed
from copilot.governance.people import read_people
from copilot.governance.policy import Policy
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.state.tables import outbox

pytestmark = pytest.mark.usefixtures("adapter")
TREASURER = "slack:T0TENOR:U0TREASURER"
HOSTILE = "<!channel> *Pay* me"


@pytest.fixture
def store(settings: Settings, files: Path) -> Iterator[StateStore]:
    """The adapter's state store, with a policy in force."""
    with StateStore.open(settings.state_url) as opened:
        register = Register(opened, read_people(files / "deciders.yml"))
        register.propose(Policy.model_validate({"phase": 2, "tiers": [{"offices": ["CFO"]}]}), "local:owner")
        register.approve(1, "local:owner2")
        yield opened


@pytest.fixture
def made(store: StateStore, files: Path) -> Proposed:
    """A proposal of the treasurer's."""
    proposal = Proposal(
        subject="early payment of invoices/5",
        title=f"Pay {HOSTILE} early",
        supplier=HOSTILE,
        amount=Decimal(900),
        benefit=Decimal("12.50"),
        currency="USD",
        rationale=("2 % for 20 days",),
        actions=(CommentOnInvoice(invoice=5, text=f"Take 2 % of {HOSTILE}"),),
        evidence={"inputs": "abc"},
        policy=1,
    )
    found = ApprovalDesk(store, read_people(files / "deciders.yml")).propose(proposal, TREASURER)
    assert isinstance(found, Proposed)
    return found


class Card:
    """A card as the look-alike of Slack needs it to press a button of it."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.channel, self.ts, self.thread = "C0PAYABLES", "1.0", None
        self.response = response

    def buttons(self) -> list[dict[str, Any]]:
        """Its buttons."""
        return [e for block in self.response["blocks"] if block["type"] == "actions" for e in block["elements"]]


def said(space: Any, count: int) -> list[str]:
    """Every text of the answers to commands and presses so far, once there are so many."""
    space.wait(lambda: len(space.responses) >= count)
    return [str(response) for response in space.responses]


def queued(store: StateStore) -> int:
    """Rows in the outbox."""
    with store.reading() as connection:
        return len(connection.execute(select(outbox.c.key)).all())


def test_a_card_shows_what_is_decided_and_a_button_decides_it(space: Any, store: StateStore, made: Proposed) -> None:
    """The CFO sees the exact call and approves; the card changes; a second press and the maker's change nothing."""
    space.command("U0CFO", "approvals", "C0PAYABLES")
    (card,) = said(space, 1)
    assert "POST /api/invoices/5/comments" in card
    assert made.payload_hash[:16] in card
    shown = Card(space.responses[0])
    assert [button["value"] for button in shown.buttons()] == [made.id] * 2
    space.press("U0TREASURER", shown, "approve")
    assert "maker and checker" in said(space, 2)[-1]
    space.press("U0GUEST", shown, "approve")
    assert "not in the people file" in said(space, 3)[-1]
    assert queued(store) == 0
    space.press("U0CFO", shown, "approve")
    texts = said(space, 5)
    assert "approved now; 1 actions are queued" in texts[4]
    assert "'type': 'actions'" not in texts[3]
    space.press("U0CFO", shown, "approve")
    assert "single use" in said(space, 6)[-1]
    assert queued(store) == 1


def test_a_forged_button_decides_nothing(space: Any, store: StateStore, made: Proposed) -> None:
    """An id that does not exist, and one with more behind it."""
    space.command("U0CFO", "approvals", "C0PAYABLES")
    said(space, 1)
    shown = Card(space.responses[0])
    for place, forged in enumerate(("deadbeef", f"{made.id}:reject", ""), start=2):
        space.press("U0CFO", shown, "approve", forged)
        assert "no proposal" in said(space, place)[-1]
    assert queued(store) == 0


def test_who_was_taken_off_the_list_decides_no_more(space: Any, store: StateStore, made: Proposed, files: Path) -> None:
    """The people file is read anew for each press."""
    space.command("U0CFO", "approvals", "C0PAYABLES")
    said(space, 1)
    deciders = files / "deciders.yml"
    deciders.write_text(deciders.read_text().replace("roles: [approver], offices: [CFO]", "roles: []"))
    space.press("U0CFO", Card(space.responses[0]), "approve")
    assert "no office for this amount" in said(space, 2)[-1]
    assert (queued(store), made.offices) == (0, ("CFO",))


def test_names_are_printed_as_they_are(space: Any, made: Proposed) -> None:
    """A supplier's name calls nobody and formats nothing, wherever it stands on the card."""
    space.command("U0CFO", "approvals", "C0PAYABLES")
    said(space, 1)
    response = space.responses[0]
    assert "mrkdwn" not in str(response["blocks"])
    assert "<!channel>" not in response["text"]
    assert made.id in str(response)


def test_rejecting_and_proposing_from_slack(space: Any, store: StateStore, made: Proposed) -> None:
    """A no ends it; proposing needs the role, and says in a sentence what is missing."""
    space.command("U0CFO", "approvals", "C0PAYABLES")
    said(space, 1)
    space.press("U0CFO", Card(space.responses[0]), "reject")
    assert "rejected; nothing is sent" in said(space, 3)[-1]
    space.command("U0CFO", "approvals", "C0PAYABLES")
    assert "Nothing waits" in said(space, 4)[-1]
    space.command("U0CFO", "propose BW-1", "C0PAYABLES")
    assert "CFO is not proposer" in said(space, 5)[-1]
    space.command("U0TREASURER", "propose BW-1", "C0PAYABLES")
    assert "there is no mirror here" in said(space, 6)[-1]
    assert (queued(store), made.offices) == (0, ("CFO",))
