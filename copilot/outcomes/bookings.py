"""Which invoices were booked as realised savings, as the store tells."""

from __future__ import annotations

from sqlalchemy import Connection, select

from copilot.governance.casebook import intact
from copilot.state.tables import outbox, proposals

SUBJECT = "realised savings of projects/{id}"


def booked_invoices(connection: Connection) -> frozenset[int]:
    """The invoices whose realised saving was read back from Coupa. Raises GovernanceError for a changed proposal."""
    subject = proposals.c.subject.startswith(SUBJECT.format(id=""))
    rows = connection.execute(select(proposals).where((proposals.c.state == "approved") & subject)).all()
    return frozenset(i for row in rows if carried_out(connection, row.id) for i in intact(row).documents)


def carried_out(connection: Connection, proposal: str) -> bool:
    """Whether all of its writes were read back; one without any is carried out by its approval."""
    return set(states(connection, proposal)) <= {"delivered"}


def states(connection: Connection, proposal: str) -> tuple[str, ...]:
    """How far each of its writes is."""
    return tuple(connection.execute(select(outbox.c.state).where(outbox.c.proposal == proposal)).scalars())
