"""What people should hear of once: recommended and not proposed, approved and not delivered."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from copilot.audit.chain import Event
from copilot.errors import NoticeError
from copilot.governance.incidents import DeadLetter, Unproposed, incidents
from copilot.governance.policy import Policy
from copilot.notices.announcing import Announcer, Incident
from copilot.notices.subscription import Address
from copilot.notices.times import QuietHours
from copilot.rendering.approval_words import summary
from copilot.rendering.incident_words import incident_card
from copilot.settings import Settings
from copilot.state.tables import outbox
from copilot.surfaces.approval_routes import add_approval_routes
from copilot.surfaces.incident_delivery import announcer
from tests.copilot.governance.small_office import PEOPLE, POLICY, Office, proposal

MAIL = Address.of("treasury@company.com")
HOSTILE = "<script>alert(1)</script> <!channel>"


def recommend(office: Office, invoice: int, **changes: Any) -> None:
    """What the watch tells of a new recommendation."""
    told = {
        "title": f"Pay {HOSTILE} {invoice} on 2026-12-01",
        "supplier": f"S{invoice}",
        "currency": "USD",
        "route": "recommend",
        "saved": "20.00",
        "benefit": "15.00",
        "confidence": "0.8",
        "pay_on": "2026-12-01",
        "last_day": "2026-12-02",
        **changes,
    }
    about = f"early payment of invoices/{invoice}"
    office.store.audit.append(Event(actor="tenor", role="", action="recommended", object=about, told=told))


def die(office: Office, key: str, proposal_id: str) -> None:
    """What the worker does when it gives an action up."""
    why = "Coupa refuses it (HTTP 400); see it with `tenor-sync outbox list`"
    with office.store.writing(outbox) as connection:
        connection.execute(update(outbox).where(outbox.c.key == key).values(state="dead", trouble=why))
    told = {"key": key, "kind": "invoice comment", "why": why, "again": None}
    about = f"proposal {proposal_id}"
    office.store.audit.append(Event(actor="worker:w", role="delivery", action="not delivered", object=about, told=told))


def found(office: Office) -> list[Unproposed | DeadLetter]:
    """The incidents now."""
    with office.store.reading() as connection:
        return list(incidents(connection, office.clock.now))


def invoices(office: Office) -> list[int]:
    """The invoices that wait for a proposer."""
    return [one.invoice for one in found(office) if isinstance(one, Unproposed)]


def test_what_is_recommended_waits_until_it_is_proposed_or_too_late(office: Office) -> None:
    """Open and approved ones are taken; a rejected one waits again; after its last day nothing does."""
    for invoice in (1, 2, 3):
        recommend(office, invoice)
    assert invoices(office) == [1, 2, 3]
    made = office.proposed(proposal(2))
    assert invoices(office) == [1, 3]
    office.desk.reject(made.id, "local:manager", "no")
    assert invoices(office) == [1, 2, 3]
    office.clock.now = datetime.combine(date(2026, 12, 3), time(1), UTC)
    assert invoices(office) == []


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"phase": 1}, []),
        ({"kinds": ("task",)}, []),
        ({"excluded_suppliers": ("S1",)}, [2]),
        ({"pilot": {"suppliers": ["S1"]}}, [1]),
        ({"pilot": {"suppliers": ["S1"], "holdout": ["S2"]}}, [1]),
    ],
)
def test_only_what_the_policy_lets_propose_is_told(office: Office, change: dict[str, Any], left: list[int]) -> None:
    """Phase, kinds, exclusions, pilot and holdout, as for a proposal."""
    recommend(office, 1)
    recommend(office, 2)
    office.enact(Policy.model_validate({**POLICY.plain(), **change}))
    assert invoices(office) == left


def test_nothing_is_routed_while_stopped_or_for_the_treasury_to_review(office: Office) -> None:
    """The kill switch, and a recommendation that is not one yet; records from before they told enough."""
    recommend(office, 1)
    recommend(office, 2, route="treasury review")
    about = "early payment of invoices/3"
    office.store.audit.append(Event(actor="tenor", role="", action="recommended", object=about, told={"title": "x"}))
    assert invoices(office) == [1]
    office.switches.stop("local:operator", "figures look wrong")
    assert invoices(office) == []


def test_a_dead_letter_is_one_incident_for_each_death(office: Office) -> None:
    """It says what, of which proposal, and why; the proposal says so wherever it is shown."""
    made = office.proposed(proposal())
    office.desk.approve(made.id, "local:manager")
    key = office.desk.case(made.id).effects[0].key
    die(office, key, made.id)
    (first,) = found(office)
    assert isinstance(first, DeadLetter)
    assert (first.died, first.proposal, "HTTP 400" in first.trouble) == (1, made.id, True)
    assert "approved, but 1 of 3 actions did not reach Coupa" in summary(office.desk.case(made.id))
    with office.store.writing(outbox) as connection:
        connection.execute(update(outbox).where(outbox.c.key == key).values(state="waiting"))
    assert found(office) == []
    die(office, key, made.id)
    (second,) = found(office)
    assert second.incident != first.incident


class Mailbox:
    """Where messages go in these tests, or why they do not."""

    def __init__(self, office: Office, quiet: str | None = None, *addresses: Address) -> None:
        self.sent: list[tuple[str, list[str]]] = []
        self.broken = ""
        self.announcer = Announcer(
            office.store.subscriptions,
            self.post,
            lambda *_: None,
            addresses or (MAIL,),
            ZoneInfo("America/New_York"),
            QuietHours.of(quiet),
        )

    def post(self, address: Address, incidents: Sequence[Incident]) -> None:
        """One message."""
        if self.broken and address == MAIL:
            raise NoticeError(self.broken)
        self.sent.append((str(address), [one.incident for one in incidents]))


def test_each_incident_is_told_once_to_each_address(office: Office) -> None:
    """Two new ones are one message; the next look tells what came since; a dead letter is a message of its own."""
    other = Address.of("slack:T0TENOR/C0TREASURY")
    box = Mailbox(office, None, MAIL, other)
    recommend(office, 1)
    recommend(office, 2)
    assert len(box.announcer.round(found(office), office.clock.now)) == 2
    assert [len(about) for _, about in box.sent] == [2, 2]
    assert box.announcer.round(found(office), office.clock.now) == []
    recommend(office, 3)
    made = office.proposed(proposal(9))
    office.desk.approve(made.id, "local:manager")
    die(office, office.desk.case(made.id).effects[0].key, made.id)
    box.announcer.round(found(office), office.clock.now)
    assert [(to, len(about)) for to, about in box.sent[2:]] == [(str(MAIL), 1)] * 2 + [(str(other), 1)] * 2


def test_quiet_hours_hold_it_back_and_nothing_is_lost(office: Office) -> None:
    """Ten in the morning in New York is quiet here; after that it comes."""
    box = Mailbox(office, "09:00-11:00")
    recommend(office, 1)
    assert box.announcer.round(found(office), office.clock.now) == ()
    office.clock.forward(hours=2)
    assert [one.why for one in box.announcer.round(found(office), office.clock.now)] == [""]


def test_what_fails_is_tried_again_and_keeps_nobody_waiting(office: Office) -> None:
    """The other address hears at once; the broken one after five minutes, once."""
    box = Mailbox(office, None, MAIL, Address.of("ap@company.com"))
    box.broken = "the server is away"
    recommend(office, 1)
    first = box.announcer.round(found(office), office.clock.now)
    assert [one.why for one in first] == ["the server is away", ""]
    box.broken = ""
    assert box.announcer.round(found(office), office.clock.now) == []
    office.clock.forward(minutes=6)
    assert [str(one.address) for one in box.announcer.round(found(office), office.clock.now)] == [str(MAIL)]
    assert box.announcer.round(found(office), office.clock.now) == []


def test_many_in_one_message_are_counted(office: Office) -> None:
    """Ten buttons, the rest on the page; the message is one that Slack takes."""
    for invoice in range(1, 15):
        recommend(office, invoice)
    card = incident_card([one for one in found(office) if isinstance(one, Unproposed)], "https://t.example/approvals")
    buttons = [e for block in card.blocks if block["type"] == "actions" for e in block["elements"]]
    assert len({button["action_id"] for button in buttons}) == 10
    assert "4 more" in str(card.blocks)
    assert "mrkdwn" not in str(card.blocks)
    assert len(card.blocks) <= 50


def test_a_real_mail_server_gets_it_and_other_domains_do_not(office: Office, tmp_path: Path) -> None:
    """Plain text with the lines; the trail tells to whom; an address outside is refused as a sentence."""
    received: list[bytes] = []

    class Sink:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
            received.append(envelope.content)
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(Sink(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        settings = Settings(
            state_url=f"sqlite:///{tmp_path}/x.db", smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none",
            mail_domains="company.com", approvals_to="treasury@company.com, out@elsewhere.com",
        )  # fmt: skip
        recommend(office, 1)
        first, second = announcer(settings, office.store).round(found(office), office.clock.now)
    finally:
        server.stop()
    assert (first.why, "TENOR_MAIL_DOMAINS" in second.why) == ("", True)
    message = email.message_from_bytes(received[0], policy=email.policy.default)
    assert message["Subject"] == "1 early payment is recommended"
    assert "saves 20.00 USD" in message.get_content()
    last = list(office.store.audit.records())[-1]
    assert (last["action"], last["object"]) == ("announced", "early payment of invoices/1")
    assert last["told"] == {"to": "treasury@company.com"}


def test_the_page_lists_them_and_proposes_in_the_name_of_who_presses(office: Office, tmp_path: Path) -> None:
    """Names are text; who is no proposer is refused; without figures it is a sentence and nothing is proposed."""
    (tmp_path / "people.yml").write_text(PEOPLE.model_dump_json(), encoding="utf-8")
    settings = Settings(people=tmp_path / "people.yml", mirror=tmp_path / "none")
    who = ["local:treasurer"]
    app = FastAPI()
    add_approval_routes(app, office.store, settings, Depends(lambda: None), lambda: who[0])
    http = TestClient(app, base_url="http://localhost")
    recommend(office, 7)
    made = office.proposed(proposal())
    office.desk.approve(made.id, "local:manager")
    die(office, office.desk.case(made.id).effects[0].key, made.id)
    shown = http.get("/approvals").text
    assert 'action="/approvals/recommended/7"' in shown
    assert "<script" not in shown
    assert "did not reach Coupa: Coupa refuses it (HTTP 400)" in shown
    assert "approved, but 1 of 3 actions did not reach Coupa" in shown
    refused = http.post("/approvals/recommended/7")
    assert (refused.status_code, "treasurer is not proposer" in refused.text) == (409, True)
    who[0] = "local:analyst"
    away = http.post("/approvals/recommended/7")
    assert (away.status_code, "mirror" in away.text) == (409, True)
    assert invoices(office) == [7]
