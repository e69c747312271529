"""One standing question: what is asked, when, beyond which bound it is told, to whom, and with whose rights."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from copilot.errors import NoticeError
from copilot.notices.conditions import Condition

_MAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[a-z]{2,}", re.IGNORECASE)
_SLACK = re.compile(r"(?P<team>[TE][A-Z0-9]+)/(?P<place>[UWCG][A-Z0-9]+)")


class Address(BaseModel):
    """Where a notice goes: a mail address, or a person or channel of a Slack workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mail", "slack"]
    to: str
    workspace: str = ""

    @classmethod
    def of(cls, text: str) -> Address:
        """An address as people write it: ap@company.com, or slack:T0000000001/C0000000001. Raises NoticeError."""
        if text.startswith("slack:") and (found := _SLACK.fullmatch(text.removeprefix("slack:"))):
            return cls(kind="slack", to=found["place"], workspace=found["team"])
        if _MAIL.fullmatch(text):
            return cls(kind="mail", to=text)
        raise NoticeError(
            f"{text!r} is no place for a notice. Write a mail address, or slack:WORKSPACE/PERSON-OR-CHANNEL by id."
        )

    def __str__(self) -> str:
        return self.to if self.kind == "mail" else f"slack:{self.workspace}/{self.to}"


class Subscription(BaseModel):
    """`cron` is five fields in the company's zone; `condition` is None for a digest, which is always sent.

    `alerting` says that the figure was beyond its bound at the last look: a notice was sent for that incident.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    question: str
    cron: str
    condition: Condition | None
    address: Address
    viewer: str | None
    owner: str
    created_at: datetime
    looked_at: datetime
    alerting: bool = False
