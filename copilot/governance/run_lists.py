"""The list for whoever makes up a payment run: every early payment of that day that was approved, as one file.

Amounts are those that were approved; whether an invoice was paid meanwhile, the run shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from copilot.canonical_json import canonical, sealed
from copilot.errors import GovernanceError
from copilot.governance.actions import PaymentLine, PaymentRunFile
from copilot.governance.casebook import intact
from copilot.governance.outcomes import Refused
from copilot.governance.people import People
from copilot.governance.proposal import Proposal
from copilot.governance.switches import stopped
from copilot.governance.trail import sitting
from copilot.state.store import StateStore
from copilot.state.tables import proposals

KIND = "payment run file"


def approved_days(connection: Connection) -> tuple[date, ...]:
    """The days for which an early payment is approved, in order."""
    return tuple(sorted({line.pay_on for line in _lines(connection)}))


def hand_out_run(store: StateStore, people: People, day: date, actor: str) -> PaymentRunFile | Refused:
    """The list of a day, for a proposer or approver; the audit trail tells who got it, and which.

    Raises GovernanceError where nothing is approved for that day.
    """
    with sitting(store, proposals, actor) as here:
        about = f"payment run {day}"
        person = people.with_role(actor, "proposer", "approver")
        if isinstance(person, Refused):
            return here.refuse(about, "hand out", person)
        if (stop := stopped(here.connection, (KIND,))) is not None:
            return here.refuse(about, "hand out", stop)
        lines = tuple(line for line in _lines(here.connection) if line.pay_on == day)
        if not lines:
            known = ", ".join(map(str, approved_days(here.connection))) or "none so far"
            raise GovernanceError(f"No early payment on {day} is approved; approved days: {known}.")
        file = PaymentRunFile(lines=lines)
        told = {"lines": len(lines), "invoices": [line.invoice for line in lines]}
        here.tell("handed out", about, output=sealed(canonical(file.content())), told=told)
        return file


def _lines(connection: Connection) -> list[PaymentLine]:
    """One for each invoice, by number: what was approved last."""
    query = select(proposals).where(proposals.c.state == "approved").order_by(proposals.c.settled_at, proposals.c.id)
    found = (_line(intact(row)) for row in connection.execute(query).all())
    latest = {line.invoice: line for line in found if line is not None}
    return sorted(latest.values(), key=lambda line: (line.pay_on, line.supplier, line.number))


def _line(proposal: Proposal) -> PaymentLine | None:
    """None for a proposal about something else."""
    payload = proposal.evidence.get("recommendation")
    payload = payload.get("payload") if isinstance(payload, Mapping) else None
    if not isinstance(payload, Mapping) or not {"document_id", "number", "pay_on", "saved"} <= set(payload):
        return None
    values: dict[str, Any] = {
        "invoice": payload["document_id"],
        "number": str(payload["number"])[:200],
        "supplier": proposal.supplier[:200],
        "pay_on": payload["pay_on"],
        "cash": proposal.amount,
        "discount": Decimal(str(payload["saved"])),
        "currency": proposal.currency,
    }
    return PaymentLine.model_validate(values)
