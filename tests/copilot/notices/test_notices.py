"""Notices go out once, to whom they may, in a form that can be read, and stop when told; a real mail server takes them."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from copilot.answer import Answer, Headline
from copilot.errors import NoticeError
from copilot.notices.conditions import Condition
from copilot.notices.running import Failed, NoticeRunner, NotNeeded, Sent
from copilot.notices.stopping import PATH, StopWords
from copilot.notices.subscription import Address, Subscription
from copilot.notices.times import QuietHours
from copilot.rendering.notice_text import NoticeFrame
from copilot.state.store import StateStore
from copilot.surfaces.cli import app
from copilot.surfaces.notice_routes import add_notice_routes

ZONE = ZoneInfo("America/New_York")
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=ZONE)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = MONDAY - timedelta(days=1)

    def __call__(self) -> datetime:
        """The time now."""
        return self.time


class Desk:
    """A runner whose figure the test sets, and what it delivered."""

    def __init__(self, store: StateStore, clock: Clock, folder: Path) -> None:
        self.store, self.clock = store, clock
        self.value: str | None = "0.5"
        self.sent: list[NoticeFrame] = []
        self.broken = ""
        self.runner = NoticeRunner(
            store.subscriptions, self.ask, self.deliver, StopWords(folder), ZONE, None, "http://127.0.0.1:8000"
        )

    def ask(self, one: Subscription) -> Answer:
        """A capture rate."""
        lead = Headline(
            metric="discount_capture_rate", label="Discount capture rate", value=self.value, unit="ratio",
            period="2026-Q4", as_of="2026-11-21",
        )  # fmt: skip
        return Answer(
            status="answered", question=one.question, reading="", plan={}, headline=lead, narrative="It is so.",
            evidence_id="e1", thread="t", took_ms=1,
        )  # fmt: skip

    def deliver(self, subscription: Subscription, answer: Answer, frame: NoticeFrame) -> None:
        """Kept, or refused as a server would."""
        del subscription, answer
        if self.broken:
            raise NoticeError(self.broken)
        self.sent.append(frame)

    def subscribe(self, bound: str | None = None, cron: str = "0 8 * * *") -> Subscription:
        """A new one, from now on."""
        condition = Condition(op="<", bound=Decimal(bound)) if bound else None
        made = Subscription(
            id=f"s{len(self.store.subscriptions.all())}", question="capture rate", cron=cron, condition=condition,
            address=Address(kind="mail", to="ap@company.com"), viewer=None, owner="local", created_at=self.clock(), looked_at=self.clock(),
        )  # fmt: skip
        self.store.subscriptions.add(made.id, made.model_dump(mode="json"))
        return made

    def day(self, number: int) -> list[Any]:
        """A round on the morning of a day."""
        self.clock.time = MONDAY + timedelta(days=number, minutes=1)
        return list(self.runner.round(self.clock.time))


@pytest.fixture
def desk(tmp_path: Path, state_url: str) -> Iterator[Desk]:
    """A desk with an empty store, once in a file and once on a server."""
    clock = Clock()
    with StateStore.open(state_url, clock) as store:
        yield Desk(store, clock, tmp_path)


def test_a_digest_goes_out_once_for_each_time(desk: Desk) -> None:
    """However often somebody looks, and whoever does."""
    desk.subscribe()
    assert [type(o) for o in desk.day(0)] == [Sent]
    assert desk.day(0) == []
    assert [type(o) for o in desk.day(1)] == [Sent]
    assert [frame.key for frame in desk.sent] == ["s0.20261123T0800", "s0.20261124T0800"]


def test_two_workers_send_it_once(desk: Desk, state_url: str) -> None:
    """The claim in the database decides."""
    one = desk.subscribe()
    with StateStore.open(state_url, desk.clock) as other:
        assert desk.store.subscriptions.claim(one.id, MONDAY)
        assert not other.subscriptions.claim(one.id, MONDAY)


def test_an_alert_comes_once_for_each_incident(desk: Desk) -> None:
    """Beyond the bound, still beyond, back, beyond again."""
    desk.subscribe("0.4")
    kinds = []
    for day, value in enumerate(["0.5", "0.3", "0.2", "0.45", "0.1"]):
        desk.value = value
        kinds += [(type(o).__name__, getattr(o, "why", "")) for o in desk.day(day)]
    assert kinds == [
        ("NotNeeded", "within its bound"), ("Sent", ""), ("NotNeeded", "known"), ("NotNeeded", "within its bound"), ("Sent", ""),
    ]  # fmt: skip


def test_without_a_figure_no_alert_and_no_all_clear(desk: Desk) -> None:
    """A figure that cannot be read ends no incident."""
    desk.subscribe("0.4")
    desk.value = "0.3"
    desk.day(0)
    desk.value = None
    assert [type(o) for o in desk.day(1)] == [NotNeeded]
    desk.value = "0.3"
    desk.day(2)
    assert len(desk.sent) == 1


def test_what_fails_is_tried_again_and_sent_once(desk: Desk) -> None:
    """After five minutes, not at once; the reason stays known until then."""
    one = desk.subscribe()
    desk.broken = "The mail server is away."
    assert desk.day(0) == [Failed(desk.runner.repository and one, "The mail server is away.")]
    assert desk.store.subscriptions.outcomes(one.id)[0][1] == "failed: The mail server is away."
    desk.broken = ""
    assert desk.runner.round(desk.clock.time) == []
    desk.clock.time += timedelta(minutes=6)
    assert [type(o) for o in desk.runner.round(desk.clock.time)] == [Sent]
    desk.clock.time += timedelta(minutes=6)
    assert desk.runner.round(desk.clock.time) == []
    assert len(desk.sent) == 1


def test_in_quiet_hours_it_waits(desk: Desk) -> None:
    """And comes when they are over."""
    from dataclasses import replace  # noqa: PLC0415 (one use)

    desk.subscribe(cron="0 6 * * *")
    quiet = replace(desk.runner, quiet=QuietHours.of("20:00-07:00"))
    assert quiet.round(MONDAY - timedelta(hours=2)) == ()
    assert [type(o) for o in quiet.round(MONDAY)] == [Sent]


def test_a_stop_link_stops_by_its_button_only(desk: Desk, tmp_path: Path) -> None:
    """Opening it changes nothing; a guessed word, and another notice's word, open nothing."""
    one, other = desk.subscribe(), desk.subscribe()
    words = StopWords(tmp_path)
    page = FastAPI()
    add_notice_routes(page, desk.store.subscriptions, words)
    client = TestClient(page)
    place = words.link("", one.id) or f"{PATH}/{one.id}/{words.word(one.id)}"
    assert client.get(f"{PATH}/{one.id}/{words.word(other.id)}").status_code == 404
    assert client.post(f"{PATH}/{one.id}/guess").status_code == 404
    assert "Stop this notice" in client.get(place).text
    assert len(desk.store.subscriptions.all()) == 2
    assert "not sent any more" in client.post(place).text
    assert [body["id"] for body in desk.store.subscriptions.all()] == [other.id]
    assert client.post(place).status_code == 404
    assert (tmp_path / "notices.key").stat().st_mode & 0o777 == 0o600


class Mailbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (the library's name)
        """Takes everything but mail to nobody."""
        if envelope.rcpt_tos == ["nobody@company.com"]:
            return "550 no such mailbox"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """A mail server on this machine."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


def test_the_commands_from_adding_to_stopping(
    mailbox: tuple[Mailbox, int],
    mirror_folder: Path,
    company_today: date,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Added with what it would say, previewed, sent as a mail with figure, table and chart, listed, stopped."""
    box, port = mailbox
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "TENOR_MIRROR": str(mirror_folder), "TENOR_SMTP_HOST": "127.0.0.1", "TENOR_SMTP_PORT": str(port), "TENOR_SMTP_TLS": "none",
        "TENOR_MAIL_FROM": "tenor@company.com", "TENOR_MAIL_DOMAINS": "company.com", "TENOR_PUBLIC_URL": "http://127.0.0.1:8000",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    today = ["--today", company_today.isoformat()]

    def tenor(*words: str) -> Any:
        return CliRunner().invoke(app, ["notices", *words])

    question = "top 5 suppliers by overdue"
    added = tenor("add", question, "--when", "* * * * *", "--to", "cfo@company.com", *today)
    assert added.exit_code == 0, added.output
    key = added.output.split(":")[0]
    assert "It would say now: Past due payables" in added.output
    assert "Subject: Past due payables" in tenor("preview", key, *today).output
    foreign = tenor("add", question, "--when", "daily 8:00", "--to", "x@elsewhere.example", *today)
    assert foreign.exit_code == 1
    assert "may not be mailed to elsewhere.example" in foreign.output
    state = StateStore.open(f"sqlite:///{tmp_path}/.tenor/state.db")
    body = dict(next(iter(state.subscriptions.all())))
    state.subscriptions.replace(key, body | {"looked_at": "2026-11-01T00:00:00Z"})
    sent = tenor("run", "--once", *today)
    assert sent.exit_code == 0, sent.output
    (message,) = box.messages
    assert message["To"] == "cfo@company.com"
    assert message["Subject"].startswith("Past due payables")
    assert message["Message-ID"].startswith(f"<{key}.")
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    words = message.get_body(("plain",))
    shown = message.get_body(("html",))
    assert words is not None
    assert shown is not None
    assert f"{PATH}/{key}/" in words.get_content()
    assert "cid:chart" in shown.get_content()
    assert "<b>" not in shown.get_content()
    assert "&lt;b&gt;Ltd" in shown.get_content()
    assert ": sent" in tenor("list").output
    assert "no longer" in tenor("stop", key).output
    assert "There are none" in tenor("list").output
    assert [r["actor"] for r in state.audit.records()].count(f"notice:{key}") == 2
    state.close()


def test_a_server_that_refuses_is_a_failure_with_its_words(
    mailbox: tuple[Mailbox, int],
    mirror_folder: Path,
    company_today: date,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 1, the server's reason, and the notice stays to be tried again."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "TENOR_MIRROR": str(mirror_folder), "TENOR_SMTP_HOST": "127.0.0.1", "TENOR_SMTP_PORT": str(mailbox[1]), "TENOR_SMTP_TLS": "none",
        "TENOR_MAIL_DOMAINS": "company.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    today = ["--today", company_today.isoformat()]
    made = CliRunner().invoke(
        app, ["notices", "add", "DPO", "--when", "* * * * *", "--to", "nobody@company.com", *today]
    )
    key = made.output.split(":")[0]
    with StateStore.open(f"sqlite:///{tmp_path}/.tenor/state.db") as state:
        body = dict(next(iter(state.subscriptions.all())))
        state.subscriptions.replace(key, body | {"looked_at": "2026-11-01T00:00:00Z"})
    failed = CliRunner().invoke(app, ["notices", "run", "--once", *today])
    assert failed.exit_code == 1
    assert "no such mailbox" in failed.output
    with StateStore.open(f"sqlite:///{tmp_path}/.tenor/state.db") as state:
        assert state.subscriptions.outcomes(key)[0][1].startswith("failed: ")
        assert Subscription.model_validate(next(iter(state.subscriptions.all()))).looked_at == datetime(
            2026, 11, 1, tzinfo=UTC
        )
