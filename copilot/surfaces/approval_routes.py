"""The page of approvals on this machine: what waits, and two buttons. Who presses is the account of the process.

Plain functions, so that they run in worker threads. Other web sites cannot press: the page's guard refuses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from copilot.audit.account import account
from copilot.errors import CopilotError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.incidents import incidents
from copilot.governance.outcomes import Refused, Voided
from copilot.governance.people import People, read_people
from copilot.governance.switches import Switchboard
from copilot.rendering.approval_words import outcome_sentence
from copilot.rendering.approvals_page import approvals_page
from copilot.settings import Settings
from copilot.state.store import StateStore
from semantic_layer.errors import SemanticLayerError

PATH = "/approvals"
SETTLED = 10
"""How many of the latest settled proposals stand below the open ones."""


def add_approval_routes(
    app: FastAPI, store: StateStore, settings: Settings, signed_in: Any, who: Callable[[], str] = account
) -> None:
    """`signed_in` is the dependency that refuses with 401 whoever has no session. The people file is read each time."""

    def page(said: str = "", *, done: bool = True, status: int = 200) -> HTMLResponse:
        try:
            people = read_people(settings.people)
        except CopilotError as error:
            shown = approvals_page((), who(), said=str(error), done=False)
        else:
            shown = _shown(store, people, who(), said, done=done)
        return HTMLResponse(shown, status, headers={"cache-control": "private, no-store"})

    @app.get(PATH, dependencies=[signed_in])
    def waiting() -> HTMLResponse:
        return page()

    @app.post(f"{PATH}/recommended/{{invoice}}", dependencies=[signed_in])
    def proposed(invoice: int) -> HTMLResponse:
        try:
            sentence, done = _proposed(store, settings, invoice, who())
        except (CopilotError, SemanticLayerError) as error:
            sentence, done = str(error), False
        return page(sentence, done=done, status=200 if done else 409)

    @app.post(f"{PATH}/{{key}}/{{verdict}}", dependencies=[signed_in])
    def decided(key: str, verdict: Literal["approve", "reject"], seen: str = "") -> HTMLResponse:
        try:
            desk = ApprovalDesk(store, read_people(settings.people))
            if verdict == "approve":
                outcome = desk.approve(key, who(), payload_hash=seen)
            else:
                outcome = desk.reject(key, who(), "rejected on the page")
        except CopilotError as error:
            return page(str(error), done=False, status=409)
        refused = isinstance(outcome, Refused | Voided)
        sentence = f"{'Approve' if verdict == 'approve' else 'Reject'}: {outcome_sentence(outcome)}"
        return page(sentence, done=not refused, status=409 if refused else 200)


def _proposed(store: StateStore, settings: Settings, invoice: int, who: str) -> tuple[str, bool]:
    """What became of proposing it, and whether it was. Raises CopilotError or SemanticLayerError."""
    from copilot.governance.submitting import submit  # noqa: PLC0415 (numpy and the solver; the page needs neither)
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (as above)

    people = read_people(settings.people)
    maker = people.with_role(who, "proposer")
    if isinstance(maker, Refused):
        return f"Propose: refused ({maker.control}): {maker.why}", False
    whole = settings.model_copy(update={"policies": None, "viewer": None})  # cash pays for all payables
    currency = settings.reporting_currency
    (one,) = submit(store, people, open_layer(whole), who, currency=currency, numbers=[str(invoice)])
    return f"{one.title}: {outcome_sentence(one.outcome)}", not isinstance(one.outcome, Refused)


def _shown(store: StateStore, people: People, who: str, said: str, *, done: bool) -> str:
    person = people.known(who)
    if person is None or not person.roles:
        return approvals_page((), who, said=said or f"{who} has no role in the people file.", done=False)
    desk = ApprovalDesk(store, people)
    desk.expire()
    cases = desk.cases()
    opened = [case for case in cases if case.state == "open"]
    settled = [case for case in cases if case.state != "open"][:SETTLED]
    stops = Switchboard(store, people).stops()
    with store.reading() as connection:
        found = incidents(connection, store.clock())
    return approvals_page([*opened, *settled], person.name, stops, incidents=found, said=said, done=done)
