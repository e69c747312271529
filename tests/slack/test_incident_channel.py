"""Incidents in a channel: one message, a button that proposes in the name of whoever presses, rights as for answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from copilot.governance.incidents import Unproposed
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.surfaces.incident_delivery import announcer

pytestmark = pytest.mark.usefixtures("adapter")
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
HOSTILE = "<!channel> *Pay* me"


@pytest.fixture
def store(settings: Settings) -> Iterator[StateStore]:
    """The adapter's state store."""
    with StateStore.open(settings.state_url) as opened:
        yield opened


def recommended(invoice: int) -> Unproposed:
    """One early payment."""
    return Unproposed(
        invoice=invoice,
        subject=f"early payment of invoices/{invoice}",
        title=f"Pay {HOSTILE}",
        supplier="S",
        saved="20.00",
        benefit="15.00",
        currency="USD",
        pay_on=date(2026, 12, 1),
        last_day=date(2026, 12, 2),
        seen_at=NOON,
    )


def told(settings: Settings, store: StateStore, to: str, *about: Unproposed) -> list[str]:
    """Why each message did not go out; empty where it did."""
    named = settings.model_copy(update={"approvals_to": to})
    return [one.why for one in announcer(named, store).round(about, NOON)]


def test_a_channel_hears_once_and_a_button_proposes(space: Any, settings: Settings, store: StateStore) -> None:
    """A strict Slack takes the card; whoever presses needs the role; the figures are computed anew."""
    about = (recommended(5), recommended(6))
    assert told(settings, store, "slack:T0TENOR/C0TREASURY", *about) == [""]
    assert told(settings, store, "slack:T0TENOR/C0TREASURY", *about) == []
    (message,) = [one for one in space.messages if one.channel == "C0TREASURY"]
    assert [button["value"] for button in message.buttons()] == ["5", "6"]
    assert "saves 20.00 USD" in message.shown()
    assert "https://tenor.example.com/approvals" in message.shown()
    space.press("U0CFO", message, "propose_0")
    space.wait(lambda: len(space.responses) == 1)
    assert "CFO is not proposer" in str(space.responses[0])
    space.press("U0TREASURER", message, "propose_1")
    space.wait(lambda: len(space.responses) == 2)
    assert "there is no mirror here" in str(space.responses[1])


@pytest.mark.parametrize("place", ["C0VOUCHED", "C0UNKNOWN", "U0BERLIN"])
def test_a_channel_that_may_not_see_all_hears_nothing(
    space: Any, settings: Settings, store: StateStore, place: str
) -> None:
    """Its viewer is limited, or it is not in the file at all."""
    (why,) = told(settings, store, f"slack:T0TENOR/{place}", recommended(5))
    assert "may not get the whole company's figures" in why
    assert not space.messages


def test_what_slack_refuses_is_a_sentence(space: Any, settings: Settings, store: StateStore, files: Path) -> None:
    """A limit that does not end; nothing is counted as told."""
    del files
    space.limited["chat.postMessage"] = 99
    (why,) = told(settings, store, "slack:T0TENOR/C0TREASURY", recommended(5))
    assert "Slack did not take it" in why
