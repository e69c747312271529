"""Captured discounts become realised savings: booked once, by a decision, in proportion, and again where it was given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from copilot.errors import GovernanceError
from copilot.governance.actions import BookSaving
from copilot.governance.desk import ApprovalDesk
from copilot.governance.early_payments import savings_on
from copilot.governance.outcomes import Approved, Proposed
from copilot.governance.policy import Policy
from copilot.governance.proposal import Proposal
from copilot.governance.register import Register
from copilot.governance.rules import Spent, standing_for, tier_of
from copilot.governance.switches import Switchboard
from copilot.outcomes.bookings import booked_invoices
from copilot.outcomes.designing import Books
from copilot.outcomes.funnel import funnel
from copilot.outcomes.panel import Document
from copilot.outcomes.proposal_reading import read_proposals
from copilot.outcomes.realising import Capture, booking
from copilot.state.store import StateStore
from copilot.state.tables import outbox
from tests.copilot.governance.small_office import PEOPLE, POLICY, MovableClock, Office, proposal

ZONE = ZoneInfo("America/New_York")
TARGETS = Policy.model_validate({**POLICY.plain(), "targets": {"savings_project": 3}})


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """With a policy in force that names a project."""
    clock = MovableClock()
    with StateStore.open(f"sqlite:///{tmp_path / 'state.db'}", clock) as store:
        found = Office(
            store, clock, PEOPLE, Register(store, PEOPLE), Switchboard(store, PEOPLE), ApprovalDesk(store, PEOPLE)
        )
        found.enact(TARGETS)
        yield found


def carried_out(office: Office, invoice: int, saved: str = "160.00") -> str:
    """An early payment that was approved and written: worth 120 of the 160 that it saves."""
    evidence = {"recommendation": {"payload": {"document_id": invoice, "saved": saved}}}
    comment = proposal(invoice).actions[:1]
    made = office.proposed(proposal(invoice, supplier=f"S{invoice}", evidence=evidence, actions=comment))
    assert isinstance(office.desk.approve(made.id, "local:manager"), Approved)
    settle(office, made.id, "delivered")
    return made.id


def settle(office: Office, key: str, state: str) -> None:
    """What the worker, or a person, made of the writes of a proposal."""
    with office.store.writing(outbox) as connection:
        connection.execute(update(outbox).where(outbox.c.proposal == key).values(state=state))


def books(office: Office, **taken: int) -> Books:
    """The books in which payments took so much: `i1=160`."""
    day = office.clock.now.date()
    documents = tuple(
        Document(
            id=int(name[1:]), parent="N", supplier="N", day=day, amount=Decimal(8000), offered=Decimal(160),
            window_end=day, taken=Decimal(amount), due=day + timedelta(days=20), paid_on=day, disputed=False,
        )
        for name, amount in taken.items()
    )  # fmt: skip
    return Books(
        data_date=day, mirror_version="7", currency="USD", documents=documents, payments=(), places={}, names={}, barred={}
    )  # fmt: skip


def found(office: Office, **taken: int) -> Proposal | None:
    """What would be booked now."""
    version = office.register.required()
    with office.store.reading() as connection:
        return booking(connection, books(office, **taken), version)


def decided(office: Office, made: Proposal) -> str:
    """Proposed by one person, approved by another."""
    opened = office.proposed(made)
    assert isinstance(office.desk.approve(opened.id, "local:manager"), Approved)
    return opened.id


def amounts(made: Proposal | None) -> tuple[Decimal, Decimal]:
    """From which amount to which."""
    assert made is not None
    (action,) = made.actions
    assert isinstance(action, BookSaving)
    assert action.which == "realized"
    return action.before, action.after


def test_what_was_taken_is_booked_once_and_shows_in_the_funnel(office: Office) -> None:
    """Two taken whole, one by half, one not at all, one not written; the next booking goes on from the last amount."""
    for invoice in (1, 2, 3, 4):
        carried_out(office, invoice)
    waiting = carried_out(office, 5)
    settle(office, waiting, "waiting")
    taken = {"i1": 160, "i2": 160, "i3": 80, "i4": 0, "i5": 160}
    made = found(office, **taken)
    assert made is not None
    assert made.documents == (1, 2, 3)
    assert amounts(made) == (Decimal(0), Decimal(300))
    assert (made.amount, made.benefit, made.at_stake) == (Decimal(0), Decimal(0), Decimal(300))
    key = decided(office, made)
    assert found(office, **taken) is None
    settle(office, key, "delivered")
    with office.store.reading() as connection:
        assert booked_invoices(connection) == {1, 2, 3}
    documents = {one.id: one for one in books(office, **taken).documents}
    told = funnel(read_proposals(office.store, ZONE), documents, office.clock.now.date(), None)
    assert [(one.name, one.count) for one in told.stages][-2:] == [("captured", 3), ("booked", 3)]
    settle(office, waiting, "delivered")
    assert amounts(found(office, **taken)) == (Decimal(300), Decimal(420))


def test_planned_and_realised_do_not_mix(office: Office) -> None:
    """What is planned next goes on from what was planned, whatever was realised in between."""
    carried_out(office, 1)
    with office.store.reading() as connection:
        before = savings_on(connection, 3)
    made = found(office, i1=160)
    assert made is not None
    decided(office, made)
    with office.store.reading() as connection:
        assert savings_on(connection, 3) == before
        assert savings_on(connection, 3, which="realized").booked == Decimal(120)


def test_a_booking_that_was_given_up_is_booked_with_the_next(office: Office) -> None:
    """Dropped by a person: its invoices are unbooked again, and the amount is that of before."""
    carried_out(office, 1)
    made = found(office, i1=160)
    assert made is not None
    settle(office, decided(office, made), "dropped")
    carried_out(office, 2)
    again = found(office, i1=160, i2=160)
    assert again is not None
    assert (again.documents, amounts(again)) == ((1, 2), (Decimal(0), Decimal(240)))


def test_a_dead_booking_blocks_the_next(office: Office) -> None:
    """Coupa holds another amount: until a person has looked, no second amount is put over it from the same begin."""
    carried_out(office, 1)
    made = found(office, i1=160)
    assert made is not None
    settle(office, decided(office, made), "dead")
    assert found(office, i1=160) is None


@pytest.mark.parametrize(("taken", "booked"), [("160", "120.00"), ("80", "60.00"), ("0.01", "0.00"), ("500", "120.00")])
def test_never_more_than_planned_is_booked(taken: str, booked: str) -> None:
    """In proportion to the discount, rounded down, at most the planned worth."""
    one = Capture(1, "p", Decimal(120), Decimal(160), Decimal(taken))
    assert one.booked == Decimal(booked)


def test_a_large_booking_needs_who_decides_about_such_amounts(office: Office) -> None:
    """No cash moves, yet the tier and the standing decisions count what is booked; a pilot does not forbid it."""
    action = BookSaving(project=3, about="projects/3", which="realized", before=Decimal(0), after=Decimal(200_000))
    changes: dict[str, Any] = {"amount": Decimal(0), "actions": (action,), "yearly_yield": None, "hurdle": None}
    large = proposal(1, supplier="", subject="realised savings of projects/3", **changes)
    assert tier_of(POLICY, large, Spent()).offices == ("treasurer",)
    standing = {"kinds": ["saving"], "up_to": 5000, "per_day": 8000, "least_confidence": "0.5", "until": "2026-12-31"}
    entry = {"phase": 3, "automatic": [standing], "pilot": {"suppliers": ["S1"]}}
    automatic = Policy.model_validate({**POLICY.plain(), **entry})
    assert standing_for(automatic, large, Spent(), office.clock.now.date()) is None
    office.enact(automatic)
    assert isinstance(office.desk.propose(large.model_copy(update={"policy": 2}), "local:analyst"), Proposed)


def test_without_a_project_it_is_said(office: Office) -> None:
    """A policy that names none books nothing."""
    office.enact(POLICY)
    with pytest.raises(GovernanceError, match="savings_project"):
        found(office, i1=160)
