"""A state store that is full: nothing is kept in part, and nobody is told that it worked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from copilot.audit.anchor import key_of
from copilot.errors import CopilotError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Approved
from copilot.governance.policy import Policy
from copilot.governance.register import Register
from copilot.governance.retention import Sealed, retain
from copilot.governance.switches import Switchboard
from copilot.state.store import StateStore
from copilot.state.tables import audit_events
from tests.copilot.governance.small_office import PEOPLE, POLICY, MovableClock, Office, proposal

FULL = (CopilotError, IntegrityError)
"""A real full disk is a StateStoreError; the rule that stands for it here comes as an IntegrityError."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office over a file, in which a table can be filled up."""
    clock = MovableClock()
    with StateStore.open(f"sqlite:///{tmp_path / 'state.db'}", clock) as store:
        found = Office(
            store, clock, PEOPLE, Register(store, PEOPLE), Switchboard(store, PEOPLE), ApprovalDesk(store, PEOPLE)
        )
        found.enact(Policy.model_validate({**POLICY.plain(), "retention": {"keep_months": 12}}))
        yield found


def fill(office: Office, what: str = "INSERT", table: str = "audit_events") -> None:
    """From now on the store refuses this."""
    with office.store.writing(audit_events) as connection:
        rule = f"BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        connection.execute(text(f"CREATE TRIGGER full {rule}"))


def empty(office: Office) -> None:
    """There is room again."""
    with office.store.writing(audit_events) as connection:
        connection.execute(text("DROP TRIGGER full"))


@pytest.mark.parametrize("table", ["audit_events", "outbox", "decisions"])
def test_an_approval_that_cannot_be_kept_is_none(office: Office, table: str) -> None:
    """Wherever it ends: the proposal is open, nothing is queued, the trail is as it was; later the same press works."""
    made = office.proposed(proposal())
    before = list(office.store.audit.records())
    fill(office, table=table)
    with pytest.raises(FULL, match="full"):
        office.desk.approve(made.id, "local:manager")
    empty(office)
    case = office.desk.case(made.id)
    assert (case.state, case.decisions, case.effects) == ("open", (), ())
    assert list(office.store.audit.records()) == before
    assert isinstance(office.desk.approve(made.id, "local:manager"), Approved)


@pytest.mark.parametrize("table", ["audit_events", "proposals"])
def test_a_proposal_that_cannot_be_kept_is_none(office: Office, table: str) -> None:
    """Neither a row nor a record."""
    fill(office, table=table)
    with pytest.raises(FULL, match="full"):
        office.desk.propose(proposal(), "local:analyst")
    empty(office)
    assert office.desk.cases() == ()


@pytest.mark.parametrize("what", ["INSERT", "DELETE"])
def test_what_cannot_be_sealed_stays(office: Office, tmp_path: Path, what: str) -> None:
    """The file may stand, but no record is gone; with room the same file is used."""
    office.clock.forward(days=800)
    before = list(office.store.audit.records())
    fill(office, what)
    with pytest.raises(FULL, match="full"):
        retain(office.store, PEOPLE, key_of(tmp_path), "local:operator", tmp_path / "archive", "yearly")
    empty(office)
    assert list(office.store.audit.records()) == before
    done = retain(office.store, PEOPLE, key_of(tmp_path), "local:operator", tmp_path / "archive", "yearly")
    assert isinstance(done, Sealed)
    assert len(list((tmp_path / "archive").iterdir())) == 1
