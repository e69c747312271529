"""What happened once is told once to each address: new recommendations, and deliveries that died.

    incidents -> quiet hours? -> claimed for this address? -> one message for all that are new -> settled, in the trail

What fails is kept with its reason and tried again, as notices are; nobody else is kept waiting by it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from copilot.errors import CopilotError
from copilot.governance.incidents import DeadLetter, Unproposed
from copilot.notices.subscription import Address
from copilot.notices.times import QuietHours
from copilot.state.subscriptions import FAILED, SubscriptionRepository

_log = logging.getLogger(__name__)
_DUE = datetime(2000, 1, 1, tzinfo=UTC)
"""An incident has no time of the calendar: its name alone is claimed."""

Incident = Unproposed | DeadLetter


class Post(Protocol):
    """Sends one message about incidents of one kind, or raises a CopilotError with the reason."""

    def __call__(self, address: Address, incidents: Sequence[Incident]) -> None:
        """One message."""


@dataclass(frozen=True)
class Told:
    """One message went out about these incidents, or `why` not: it is tried again later."""

    address: Address
    incidents: Sequence[Incident]
    why: str = ""


@dataclass(frozen=True)
class Announcer:
    """Everything that a round needs. `record` puts one event into the audit trail."""

    repository: SubscriptionRepository
    post: Post
    record: Callable[[Address, Sequence[Incident]], None]
    addresses: Sequence[Address]
    zone: ZoneInfo
    quiet: QuietHours | None = None

    def round(self, incidents: Sequence[Incident], now: datetime) -> Sequence[Told]:
        """One look; `now` is aware. In quiet hours nothing is claimed: it comes after them."""
        if self.quiet is not None and self.quiet.holds(now, self.zone):
            return ()
        kinds = [[one for one in incidents if isinstance(one, kind)] for kind in (Unproposed, DeadLetter)]
        told = [self._told(address, found) for address in self.addresses for found in kinds]
        return [one for one in told if one is not None]

    def _told(self, address: Address, incidents: Sequence[Incident]) -> Told | None:
        mine = [one for one in incidents if self.repository.claim(_key(address, one), _DUE)]
        if not mine:
            return None
        try:
            self.post(address, mine)
        except CopilotError as error:
            return self._settled(Told(address, mine, str(error)))
        except Exception:  # noqa: BLE001 (the edge of one message: the others go on)
            _log.exception("a message to %s failed", address)
            return self._settled(Told(address, mine, "something went wrong; the log has the details"))
        self.record(address, mine)
        return self._settled(Told(address, mine))

    def _settled(self, told: Told) -> Told:
        for one in told.incidents:
            self.repository.settle(_key(told.address, one), _DUE, f"{FAILED}{told.why}" if told.why else "sent")
        return told


def _key(address: Address, incident: Incident) -> str:
    """As long as a subscription's id may be."""
    return hashlib.sha256(f"{address}\n{incident.incident}".encode()).hexdigest()
