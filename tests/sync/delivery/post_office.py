"""What tests of delivery share: an approved proposal in a real state store, a sandbox, a clock, a worker that dies."""

import asyncio
import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from pydantic import SecretStr
from sqlalchemy import create_engine, event, text

from copilot.governance.actions import AddApprover, BookSaving, CommentOnInvoice, GiveTask, RecordRecommendation
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Approved, Proposed
from copilot.governance.people import People
from copilot.governance.policy import Policy
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register
from copilot.state.store import StateStore
from sync.auth import ClientCredentials
from sync.delivery.delivering import Courier, Outcome
from sync.delivery.state_table import Outbox, open_outbox
from sync.delivery.write_client import WriteClient
from sync.rate_limit import RateLimiter
from sync.sandbox.access import WRITE_CLIENT
from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.faults import Faults
from sync.sandbox.projection import render
from sync.sandbox.writes import Papers
from sync.settings import DEFAULT_WRITE_SCOPES, Settings

START = dt.datetime(2026, 11, 22, 15, tzinfo=dt.UTC)
PEOPLE = People.model_validate(
    {
        "people": [
            {"name": "analyst", "identities": ["a"], "roles": ["proposer"]},
            {"name": "treasurer", "identities": ["t"], "roles": ["approver"], "offices": ["treasurer"]},
            {"name": "owner", "identities": ["o"], "roles": ["policy owner"]},
            {"name": "other owner", "identities": ["p"], "roles": ["policy owner"]},
        ]
    }
)


class KilledError(BaseException):
    """The worker is gone: nothing of ours catches this."""


def invoice_and_user(company: Company) -> tuple[int, int]:
    """An approved, unpaid invoice and somebody who is not among its approvers."""
    invoices = company.resources["invoices"]
    shape: Any = {"id": None, "status": None, "paid": None, "approvals": None}
    for record in render(invoices, np.flip(invoices.live_rows()), shape):
        if record["status"] == "approved" and not record["paid"]:
            taken = {one["approver"]["id"] for one in record["approvals"] if one["approver"]}
            users = company.resources["users"].ids
            return int(record["id"]), int(next(user for user in users if user not in taken))
    raise AssertionError("every invoice is paid")


def approved_store(file: Path, invoice: int, user: int) -> Path:
    """A state file with one approved proposal."""
    approve_at(f"sqlite:///{file}", invoice, user)
    with create_engine(f"sqlite:///{file}").begin() as connection:
        connection.execute(text("SELECT 1"))
    file.with_name(file.name + "-wal").unlink(missing_ok=True)
    return file


def approve_at(url: str, invoice: int, user: int) -> None:
    """Makes a state store with one approved proposal: comment, approver, record, task and saving."""
    with StateStore.open(url, lambda: START) as store:
        register, desk = Register(store, PEOPLE), ApprovalDesk(store, PEOPLE)
        register.propose(Policy.model_validate({"phase": 2, "tiers": [{"offices": ["treasurer"]}]}), "o")
        register.approve(1, "p")
        about = f"invoices/{invoice}"
        proposal = Proposal(
            subject=f"early payment of {about}",
            title="Pay early",
            supplier="Nordwind",
            amount=Decimal(900),
            benefit=Decimal("12.50"),
            currency="USD",
            actions=(
                CommentOnInvoice(invoice=invoice, text="Take 2 % by 1 December"),
                AddApprover(invoice=invoice, user=user),
                RecordRecommendation(definition=7, about=about, fields={"tenor-benefit": "12.50"}),
                GiveTask(under="user_groups", id=4, title="Look", text="Pay early?", due=dt.date(2026, 12, 1)),
                BookSaving(project=3, about=about, which="planned", before=Decimal(0), after=Decimal("12.50")),
            ),
            evidence={"inputs": "abc"},
            policy=1,
        )
        made = desk.propose(proposal, "a")
        assert isinstance(made, Proposed)
        assert isinstance(desk.approve(made.id, "t"), Approved)


@dataclass
class PostOffice:
    """A state store, a Coupa look-alike that keeps what is written, and a clock. `papers` is what Coupa holds."""

    state_url: str
    edits: Edits
    papers: Papers
    invoice: int
    user: int
    now: dt.datetime = START
    troubles: tuple[str, ...] = ()
    _app: Any = field(default=None, repr=False)

    @classmethod
    def over(cls, approved: Path, company: Company, folder: Path, *troubles: str) -> "PostOffice":
        """A copy of an approved store beside a new sandbox over the company."""
        file = folder / "state.db"
        shutil.copy(approved, file)
        edits = Edits(company, now=lambda: START)
        return cls(f"sqlite:///{file}", edits, Papers(), *invoice_and_user(company), troubles=troubles)

    @property
    def settings(self) -> Settings:
        """Settings that name the store."""
        return Settings(state_url=self.state_url)

    def outbox(self, worker: str = "one") -> Outbox:
        """The outbox, for a worker of that name."""
        return open_outbox(self.settings, worker)

    def app(self) -> Any:
        """The sandbox, with its troubles."""
        if self._app is None:
            faults = Faults.of(*self.troubles)
            self._app = create_app(self.edits, rate_limit=False, faults=faults, papers=self.papers)
        return self._app

    def coupa(self, touch: Callable[[], None] = lambda: None) -> WriteClient:
        """The writing client, in process; `touch` is called before and after each request."""
        inner = httpx.ASGITransport(self.app())

        class Touched(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                touch()
                try:
                    answer = await inner.handle_async_request(request)
                except ConnectionResetError as error:  # how a dropped connection looks in process
                    raise httpx.ReadError(str(error)) from error
                touch()
                return answer

        auth = ClientCredentials(
            "http://sandbox",
            WRITE_CLIENT.client_id,
            SecretStr("tenor-write-secret"),
            DEFAULT_WRITE_SCOPES,
            now=lambda: 0.0,
        )
        headers = {"Accept": "application/json"}
        http = httpx.AsyncClient(transport=Touched(), auth=auth, base_url="http://sandbox", headers=headers)
        seconds = [0.0]

        async def sleep(pause: float) -> None:
            seconds[0] += pause

        return WriteClient(http, RateLimiter(0, lambda: seconds[0], sleep))

    def deliver(self, worker: str = "one", *, dies_at: int | None = None) -> list[Outcome]:
        """One pass; with `dies_at` the worker is gone at the n-th touch of the network or the database."""
        touches = 0

        def touch() -> None:
            nonlocal touches
            touches += 1
            if touches == dies_at:
                raise KilledError

        box = self.outbox(worker)
        engine = box._engine
        event.listen(engine, "before_cursor_execute", lambda *_: touch())
        event.listen(engine, "commit", lambda *_: touch())
        scopes = frozenset(DEFAULT_WRITE_SCOPES.split())
        try:
            courier = Courier(box, self.coupa(touch), scopes, lambda: self.now, dt.timedelta(minutes=1))
            return asyncio.run(courier.deliver())
        finally:
            box.close()

    def settle(self) -> None:
        """Time passes and workers come until nothing is due any more."""
        for _ in range(150):
            self.now += dt.timedelta(minutes=61)
            self.deliver(f"at {self.now:%H:%M}")
            if not [row for row in self.rows() if row["state"] in {"waiting", "sending"}]:
                return
        raise AssertionError("it never came to an end")

    def rows(self) -> list[Any]:
        """The outbox."""
        box = self.outbox()
        try:
            return list(box.rows())
        finally:
            box.close()

    def states(self) -> list[str]:
        """The states of its rows, in order."""
        return [row["state"] for row in self.rows()]

    def effects(self) -> tuple[int, int, int, int, str]:
        """Comments, approvals of the person, records and tasks in Coupa, and the planned savings."""
        table = self.edits.company.tables["invoices"]
        record = render(table, np.array([table.row_of(self.invoice)]), {"approvals": None})[0]
        mine = [one for one in record["approvals"] if one["approver"] and one["approver"]["id"] == self.user]
        lists = self.papers.lists
        return (
            len(lists.get(f"invoices/{self.invoice}/comments", [])),
            len(mine),
            len(lists.get("custom_objects/7/object_instances", [])),
            len(lists.get("user_groups/4/tasks", [])),
            self.papers.projects[3]["additional-planned-savings"],
        )


ONCE = (1, 1, 1, 1, "12.50")
NEVER = (0, 0, 0, 0, "0.00")
