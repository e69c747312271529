"""The list of a payment run: what was approved for a day, once for each invoice, handed to people only."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from copilot.errors import GovernanceError
from copilot.governance.actions import CommentOnInvoice, PaymentRunFile
from copilot.governance.outcomes import Approved, Refused
from copilot.governance.run_lists import hand_out_run
from tests.copilot.governance.small_office import PEOPLE, Office, proposal

DAY = date(2026, 12, 1)


def approved(office: Office, invoice: int, **changes: Any) -> None:
    """An approved early payment, worth 8,000 of cash on the first of December."""
    payload = {"document_id": invoice, "number": f"BW-{invoice}", "pay_on": "2026-12-01", "saved": "160.00"}
    evidence = {"recommendation": {"payload": {**payload, **changes}}}
    made = office.proposed(proposal(invoice, supplier=f"S{invoice}", evidence=evidence))
    assert isinstance(office.desk.approve(made.id, "local:manager"), Approved)


def taken(office: Office, actor: str = "local:analyst", day: date = DAY) -> PaymentRunFile | Refused:
    """The list of a day."""
    return hand_out_run(office.store, PEOPLE, day, actor)


def test_what_was_approved_for_a_day_is_one_list(office: Office) -> None:
    """By supplier, with cash and discount as approved; open, other days and other subjects are not in it."""
    for invoice in (3, 1):
        approved(office, invoice)
    approved(office, 4, pay_on="2026-12-08")
    office.proposed(proposal(5, supplier="S5"))
    other = proposal(6, supplier="S6", actions=(CommentOnInvoice(invoice=6, text="x"),), evidence={"inputs": "abc"})
    office.desk.approve(office.proposed(other).id, "local:manager")
    found = taken(office)
    assert isinstance(found, PaymentRunFile)
    assert [(line.invoice, line.number, line.cash, line.discount) for line in found.lines] == [
        (1, "BW-1", Decimal("8000.00"), Decimal("160.00")),
        (3, "BW-3", Decimal("8000.00"), Decimal("160.00")),
    ]
    last = list(office.store.audit.records())[-1]
    assert (last["action"], last["object"], last["told"]["invoices"]) == (
        "handed out",
        "payment run 2026-12-01",
        [1, 3],
    )


def test_an_invoice_stands_there_once_as_approved_last(office: Office) -> None:
    """Approved anew for another day under a new policy: the old day has it no more."""
    approved(office, 1)
    office.clock.forward(days=1)
    version = office.enact(office.register.required().policy.model_copy(update={"expires_hours": 24}))
    payload = {"document_id": 1, "number": "BW-1", "pay_on": "2026-12-08", "saved": "160.00"}
    again = proposal(1, supplier="S1", evidence={"recommendation": {"payload": payload}}, policy=version.number)
    office.desk.approve(office.proposed(again).id, "local:treasurer")
    with pytest.raises(GovernanceError, match="approved days: 2026-12-08"):
        taken(office)
    assert isinstance(taken(office, day=date(2026, 12, 8)), PaymentRunFile)


def test_who_may_take_it_and_when_not(office: Office) -> None:
    """Proposers and approvers; nobody while it is stopped; each refusal is told."""
    approved(office, 1)
    for actor, may in {
        "local:analyst": True,
        "local:treasurer": True,
        "local:auditor": False,
        "local:x": False,
    }.items():
        assert isinstance(taken(office, actor), PaymentRunFile) == may
    office.switches.stop("local:operator", "figures look wrong")
    found = taken(office)
    assert isinstance(found, Refused)
    assert found.control == "kill switch"
    assert list(office.store.audit.records())[-1]["action"] == "refused"
