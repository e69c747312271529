"""What a proposal or a decision can come to. A refusal names the control that refused, and why, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refused:
    """Nothing was changed but the audit trail, which tells of it. `control` is short: `maker and checker`."""

    control: str
    why: str


@dataclass(frozen=True)
class Proposed:
    """It waits for decisions of these offices, each by another person than its maker."""

    id: str
    payload_hash: str
    offices: tuple[str, ...]


@dataclass(frozen=True)
class Approved:
    """Everything that was needed is there. `keys` are the actions in the outbox, `files` how many are handed out."""

    id: str
    keys: tuple[str, ...]
    files: int
    by_policy: bool = False


@dataclass(frozen=True)
class StillNeeds:
    """The decision counts; these offices must still decide."""

    id: str
    offices: tuple[str, ...]


@dataclass(frozen=True)
class Rejected:
    """Somebody said no: it is over."""

    id: str


@dataclass(frozen=True)
class Voided:
    """It is void, and why: it expired, was edited, or what it was approved under is no longer so."""

    id: str
    why: str


Proposing = Proposed | Approved | Refused
Deciding = Approved | StillNeeds | Rejected | Voided | Refused
