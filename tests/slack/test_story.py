"""One invoice from its arrival to the discount that was taken: sync, recommendation, two people, Coupa, payment."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from copilot.engine import Engine
from copilot.governance.desk import ApprovalDesk
from copilot.governance.incidents import unproposed
from copilot.governance.outcomes import Approved, Proposed
from copilot.governance.people import read_people
from copilot.governance.policy import Policy
from copilot.governance.register import Register
from copilot.governance.replaying import replay
from copilot.governance.watching import trace, watch
from copilot.layer_opening import open_layer
from copilot.outcomes.funnel import funnel
from copilot.outcomes.pilot_reading import read_books
from copilot.outcomes.proposal_reading import read_proposals
from copilot.outcomes.realising import computed_again, realise
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.surfaces.approval_routes import add_approval_routes
from copilot.surfaces.incident_delivery import announcer
from copilot.surfaces.slack.adapter import SlackSurface
from copilot.surfaces.slack.approvals import SlackApprovals
from copilot.surfaces.slack.live_directory import LiveDirectory
from copilot.surfaces.slack.serving import PATH, bolt_app, http_app
from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.feeds import write_feeds
from sync.sandbox.projection import render
from sync.sandbox.writes import Papers

TODAY = dt.date(2026, 11, 22)
POLICY = {
    "phase": 2,
    "tiers": [{"up_to": 10000, "offices": ["CFO"]}, {"offices": ["CFO"]}],
    "targets": {"record_definition": 7, "savings_project": 3},
    "treasury": {"hurdle_percent": {"*": 8}},
}


@dataclass
class Coupa:
    """The company that is edited, what was written to it, and the commands that read it and write to it."""

    edits: Edits
    papers: Papers
    clock: list[dt.datetime]
    folder: Path
    url: str

    def command(self, *words: str) -> str:
        """One command of the worker, with the credentials that only it holds; what it printed."""
        env = {
            "PATH": os.environ["PATH"],
            "TENOR_COUPA_URL": self.url,
            "TENOR_COUPA_CLIENT_ID": "tenor-demo",
            "TENOR_COUPA_CLIENT_SECRET": "tenor-demo-secret",
            "TENOR_COUPA_WRITE_CLIENT_ID": "tenor-write",
            "TENOR_COUPA_WRITE_CLIENT_SECRET": "tenor-write-secret",
            "TENOR_STATE_URL": f"sqlite:///{self.folder}/state.db",
            "TENOR_MIRROR": str(self.folder / "mirror"),
            "TENOR_FEEDS": str(self.folder / "feeds"),
            "TENOR_LOOKBACK_MONTHS": "0",
            "TENOR_REQUESTS_PER_SECOND": "0",
            "TENOR_CONCURRENCY": "16",
        }
        done = subprocess.run(
            [sys.executable, "-m", "sync", *words],
            env=env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def arrives(self, like: str, number: str) -> int:
        """An approved invoice with an open discount, like the one of that number; its id."""
        self.clock[0] = dt.datetime(2026, 11, 22, 15, tzinfo=dt.UTC)
        table = self.edits.company.tables["invoices"]
        latest = render(table, table.live_rows()[-100:], {"id": None, "invoice-number": None, "approvals": None})
        old = next(one for one in latest if one["invoice-number"] == like)
        invoice = self.edits.create("invoices", {"invoice-number": number}, like=old["id"])
        for one in old["approvals"]:
            kept = {name: one[name] for name in ("position", "status", "approval-date")}
            people = {name: one[name]["id"] for name in ("approver", "approved-by")}
            self.edits.create("approvals", {**kept, **people}, parent=invoice)
        return invoice

    def pays(self, invoice: int, amount: Decimal) -> None:
        """The run of 3 December pays it with the discount taken."""
        self.clock[0] = dt.datetime(2026, 12, 3, 17, tzinfo=dt.UTC)
        day = "2026-12-03T12:00:00-05:00"
        self.edits.create("payments", {"amount-paid": str(amount), "payment-date": day}, parent=invoice)
        self.edits.change("invoices", invoice, {"paid": True, "payment-date": day})


@pytest.fixture
def coupa(tmp_path: Path) -> Iterator[Coupa]:
    """A tiny company over real HTTP."""
    clock = [dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC)]
    edits = Edits(build_company("tiny", 11, TODAY), now=lambda: clock[0])
    papers = Papers()
    (tmp_path / "feeds").mkdir()
    write_feeds(tmp_path / "feeds", "tiny", 11, TODAY, "America/New_York")
    with running(create_app(edits, rate_limit=False, papers=papers)) as address:
        yield Coupa(edits, papers, clock, tmp_path, address.url)


def beside(name: str) -> Any:
    """A module that lies beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def whole(coupa: Coupa, settings: Settings) -> Settings:
    """Settings under which everything is seen."""
    state = f"sqlite:///{coupa.folder}/state.db"
    return settings.model_copy(update={"mirror": coupa.folder / "mirror", "state_url": state, "policies": None})


@pytest.fixture
def store(whole: Settings, files: Path) -> Iterator[StateStore]:
    """The state store with the policy in force."""
    with StateStore.open(whole.state_url, lambda: dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)) as opened:
        register = Register(opened, read_people(files / "deciders.yml"))
        register.propose(Policy.model_validate(POLICY), "local:owner")
        register.approve(1, "local:owner2")
        yield opened


@pytest.fixture
def slack(whole: Settings, settings: Settings, store: StateStore, space: Any, files: Path) -> Iterator[Any]:
    """The look-alike of Slack, in which proposals are made and decided."""
    approvals = SlackApprovals(store, whole, lambda: open_layer(whole))
    directory = LiveDirectory(files / "people.yml", settings, lambda _: None)
    surface = SlackSurface(NoEngines(), directory, store.slack_questions, None, approvals)
    assert settings.slack_bot_token is not None
    bolt = bolt_app(settings, settings.slack_bot_token)
    surface.register(bolt)
    with load_workspace().running(http_app(bolt)) as url:
        space.events_url = f"{url.rstrip('/')}{PATH}"
        yield space
    surface.close()


def seen(whole: Settings, store: StateStore, files: Path) -> list[tuple[str, int]]:
    """(title, invoice) of what the mirror recommends for the first time."""
    found = watch(store, read_people(files / "deciders.yml"), open_layer(whole), currency="USD")
    return [(one.title, int(one.subject.rpartition("/")[2])) for one in found]


def asked(whole: Settings, question: str) -> dict[Any, Any]:
    """The rows of an answer by their first cell."""
    engine = Engine.open(whole, today=dt.date(2026, 11, 23))
    answer = engine.ask(question)
    engine.close()
    assert answer.table is not None
    return {row[0]: row for row in answer.table.rows}


def announced(slack: Any, settings: Settings, store: StateStore, invoice: int) -> Any:
    """The message about the invoice in the treasury's channel, which comes once, and the id of its button."""
    told = announcer(settings.model_copy(update={"approvals_to": "slack:T0TENOR/C0TREASURY"}), store)
    for _ in range(2):
        with store.reading() as connection:
            found = [one for one in unproposed(connection, store.clock()) if one.invoice == invoice]
        told.round(found, store.clock())
    (message,) = [one for one in slack.messages if one.channel == "C0TREASURY"]
    (button,) = message.buttons()
    assert button["value"] == str(invoice)
    return message, button["action_id"]


def decided(slack: Any, message: Any, button: str, album: Any) -> str:
    """The treasurer presses the button that proposes, the CFO the one that approves; what it says then."""
    slack.press("U0TREASURER", message, button)
    assert "waits for CFO" in str(slack.wait(lambda: slack.responses)[0])
    slack.command("U0CFO", "approvals", "C0PAYABLES")
    slack.wait(lambda: len(slack.responses) == 2)
    slack.press("U0CFO", beside("test_approvals").Card(slack.responses[1]), "approve")
    slack.wait(lambda: len(slack.responses) == 4)
    album.slack("proposed-and-decided", *slack.responses[:4])
    return str(slack.responses[3])


def approvals_shown(store: StateStore, settings: Settings) -> str:
    """The page of approvals, as whoever owns the policy sees it."""
    app = FastAPI()
    add_approval_routes(app, store, settings, Depends(lambda: None), lambda: "local:owner")
    return TestClient(app, base_url="http://localhost").get("/approvals").text


def realised(whole: Settings, store: StateStore, files: Path) -> Proposed:
    """The treasurer proposes to book what was captured, the CFO approves."""
    people = read_people(files / "deciders.yml")
    _, made = realise(store, people, open_layer(whole), "slack:T0TENOR:U0TREASURER")
    assert isinstance(made, Proposed)
    assert isinstance(ApprovalDesk(store, people).approve(made.id, "slack:T0TENOR:U0CFO"), Approved)
    return made


def test_from_arrival_to_the_discount_that_was_taken(
    coupa: Coupa, whole: Settings, settings: Settings, store: StateStore, slack: Any, files: Path
) -> None:
    """Seen in the next sync, told and shown in chat, proposed and approved by buttons, in Coupa once, paid, booked."""
    invoice = coupa.arrives("ACC000515", "STORY-1")

    coupa.command("once", "--today", "2026-11-23")
    assert ("Pay STORY-1 of Ardderwick Cartons Corp on 2026-12-03", invoice) in seen(whole, store, files)
    assert seen(whole, store, files) == []
    saved = Decimal(str(asked(whole, "which discounts should we take")["STORY-1"][5]))

    album = beside("story_pictures").Album()
    message, button = announced(slack, settings, store, invoice)
    album.slack("announced", message)
    album.page("waiting-for-a-proposer", approvals_shown(store, settings))
    assert "approved now; 3 actions are queued" in decided(slack, message, button, album)
    for _ in range(2):
        coupa.command("deliver")
    (comment,) = coupa.papers.lists[f"invoices/{invoice}/comments"]
    (record,) = coupa.papers.lists["custom_objects/7/object_instances"]
    assert f"take the discount of {saved} USD" in comment["comments"]
    fields = record["custom-fields"]
    assert fields["tenor-invoice"] == invoice
    assert coupa.papers.projects[3]["additional-planned-savings"] == fields["tenor-benefit"]
    assert "All 3 delivered actions are in Coupa" in coupa.command("outbox", "check")

    coupa.pays(invoice, Decimal("1530.08"))
    coupa.command("once", "--today", "2026-12-05")
    booking = realised(whole, store, files)
    for _ in range(2):
        coupa.command("deliver")
    assert coupa.papers.projects[3]["additional-realized-savings"] == fields["tenor-benefit"]
    album.page("booked", approvals_shown(store, settings))
    layer = open_layer(whole)
    documents = {one.id: one for one in read_books(layer, Policy.model_validate(POLICY).treasury).documents}
    found = funnel(read_proposals(store, whole.time_zone()), documents, layer.data_date, None)
    stages = [(stage.name, stage.count, stage.amount) for stage in found.stages]
    assert stages == [(name, 1, saved) for name in ("identified", "approved", "executed", "captured", "booked")]
    told = [event["action"] for event in trace(store, invoice)]
    assert told == ["recommended", "announced", "proposed", "approved", *["delivered"] * 3]
    version = Register(store, read_people(files / "deciders.yml")).version(1)
    case = ApprovalDesk(store, read_people(files / "deciders.yml")).case(booking.id)
    assert replay(case, layer, version, computed_again).identical


class NoEngines:
    """Nobody asks a question in this story's Slack."""

    def of(self, viewer: Any) -> Any:
        """None is there."""
        raise AssertionError(viewer)


def load_workspace() -> Any:
    """The look-alike of Slack, as the fixtures have loaded it."""
    return sys.modules["workspace"]
