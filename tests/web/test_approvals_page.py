"""The page of approvals: what is shown is what is decided, by whoever the operating system says, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from copilot.governance.actions import CommentOnInvoice
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Proposed
from copilot.governance.people import read_people
from copilot.governance.policy import Policy
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register
from copilot.governance.switches import Switchboard
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.surfaces.approval_routes import add_approval_routes
from copilot.surfaces.web_security import PageGuard

HOSTILE = "<script>alert(1)</script>"
PEOPLE = """
people:
  - {name: analyst, identities: ["local:analyst"], roles: [proposer]}
  - {name: treasurer, identities: ["local:treasurer"], roles: [approver], offices: [treasurer]}
  - {name: owner, identities: ["local:owner"], roles: [policy owner]}
  - {name: other owner, identities: ["local:owner2"], roles: [policy owner]}
"""


class Page:
    """The page, and whoever sits before it."""

    def __init__(self, folder: Path, store: StateStore) -> None:
        self.who = "local:treasurer"
        (folder / "people.yml").write_text(PEOPLE)
        self.people = read_people(folder / "people.yml")
        app = FastAPI()
        settings = Settings(people=folder / "people.yml")
        add_approval_routes(app, store, settings, Depends(lambda: None), lambda: self.who)
        app.add_middleware(PageGuard)
        self.http = TestClient(app, base_url="http://localhost")
        register = Register(store, self.people)
        register.propose(Policy.model_validate({"phase": 2, "tiers": [{"offices": ["treasurer"]}]}), "local:owner")
        register.approve(1, "local:owner2")
        self.desk = ApprovalDesk(store, self.people)
        self.switches = Switchboard(store, self.people)

    def propose(self, invoice: int = 5) -> Proposed:
        """An open proposal."""
        made = self.desk.propose(
            Proposal(
                subject=f"early payment of invoices/{invoice}",
                title=f"Pay {HOSTILE} early",
                supplier=f"{HOSTILE} {invoice}",
                amount=Decimal(900),
                benefit=Decimal("12.50"),
                currency="USD",
                rationale=(f"2 % of {HOSTILE}",),
                actions=(CommentOnInvoice(invoice=invoice, text=f"Take 2 % of {HOSTILE}"),),
                evidence={"inputs": "abc"},
                policy=1,
            ),
            "local:analyst",
        )
        assert isinstance(made, Proposed)
        return made


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The page over an empty store."""
    url = f"sqlite:///{tmp_path}/state.db"
    with StateStore.open(url, lambda: datetime(2026, 11, 22, 15, tzinfo=UTC)) as store:
        yield Page(tmp_path, store)


def test_what_waits_is_shown_whole_and_decided_once(page: Page) -> None:
    """The exact call, the hash in the button; approved, and then no button any more."""
    assert "Nothing waits for a decision" in page.http.get("/approvals").text
    made = page.propose()
    shown = page.http.get("/approvals").text
    assert "POST /api/invoices/5/comments" in shown
    assert f"/approvals/{made.id}/approve?seen={made.payload_hash}" in shown
    assert "You are treasurer" in shown
    done = page.http.post(f"/approvals/{made.id}/approve", params={"seen": made.payload_hash})
    assert (done.status_code, "1 actions are queued" in done.text) == (200, True)
    assert "<button" not in done.text
    again = page.http.post(f"/approvals/{made.id}/approve", params={"seen": made.payload_hash})
    assert (again.status_code, "single use" in again.text) == (409, True)


def test_names_are_text_on_the_page(page: Page) -> None:
    """Whatever a supplier is called, the browser runs none of it."""
    page.propose()
    shown = page.http.get("/approvals").text
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_the_maker_a_stranger_and_another_hash_are_refused(page: Page) -> None:
    """Each with a sentence and without an effect."""
    made = page.propose()
    page.who = "local:analyst"
    assert "maker and checker" in page.http.post(f"/approvals/{made.id}/approve").text
    page.who = "local:stranger"
    refused = page.http.get("/approvals").text
    assert "has no role" in refused
    assert made.id not in refused
    assert page.http.post(f"/approvals/{made.id}/approve").status_code == 409
    page.who = "local:treasurer"
    assert "payload" in page.http.post(f"/approvals/{made.id}/approve", params={"seen": "f" * 64}).text
    assert page.http.post("/approvals/deadbeef/approve").status_code == 409
    assert page.http.post(f"/approvals/{made.id}/pay").status_code == 422
    assert page.desk.case(made.id).state == "open"


def test_another_web_site_cannot_press_the_button(page: Page) -> None:
    """A form that posts from elsewhere is refused before it is looked at."""
    made = page.propose()
    sent = page.http.post(f"/approvals/{made.id}/approve", headers={"origin": "http://evil.example"})
    assert sent.status_code == 403
    assert page.desk.case(made.id).state == "open"


def test_a_rejection_and_a_stop_are_said(page: Page) -> None:
    """No ends it; what is stopped stands above everything."""
    made = page.propose()
    assert "rejected; nothing is sent" in page.http.post(f"/approvals/{made.id}/reject").text
    page.propose(6)
    page.switches.stop("local:treasurer", "figures look wrong")
    assert "Stopped: * by treasurer: figures look wrong" in page.http.get("/approvals").text
    assert page.http.post(f"/approvals/{page.desk.cases()[0].id}/approve").status_code == 409


def test_without_a_people_file_the_page_says_so(page: Page, tmp_path: Path) -> None:
    """It is read each time."""
    (tmp_path / "people.yml").unlink()
    assert "cannot be read" in page.http.get("/approvals").text
