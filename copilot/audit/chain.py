"""Records that name the record before them: a chain in which a changed, missing, moved or added record shows.

    hash = SHA-256 of the canonical JSON of every other field, the previous record's hash among them

The first record's `previous` is 64 zeros. A chain whose newest records were cut off is still a chain: only a mark kept
elsewhere (an anchor, or the last line of an export) shows that; see `anchor.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.canonical_json import canonical, sealed

START = "0" * 64
Action = Literal[
    "signed in", "answered", "opened", "exported", "replayed",
    "policy proposed", "policy approved", "policy rejected", "stopped", "revival asked", "revived",
    "recommended", "announced", "proposed", "approved", "rejected", "expired", "voided", "refused", "handed out",
    "delivered", "not delivered", "reconciled",
    "pilot registered", "pilot stopped",
    "hold placed", "hold release asked", "hold released", "trail sealed",
]  # fmt: skip


class Event(BaseModel):
    """What happened. `input` and `output` are SHA-256 of what went in (a plan) and came out (a pack, a file)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actor: str
    role: str
    action: Action
    object: str
    input: str = ""
    output: str = ""
    policy: str = ""
    model: str = ""
    code: str = ""
    told: Mapping[str, Any] = Field(default_factory=dict)
    """What a reader of the trail wants to see at once, such as the question and the status of its answer."""


class Record(Event):
    """An event in its place: `seq` counts from 1 without gaps, `time` is ISO in UTC."""

    seq: int
    time: str
    previous: str
    hash: str

    def computed(self) -> str:
        """The hash that the fields give."""
        return sealed(canonical(self.model_dump(mode="json", exclude={"hash"})))


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many records, and the hash of the last."""

    seq: int = 0
    hash: str = START


@dataclass(frozen=True)
class Intact:
    """Every record is where and as it was written."""

    head: Head


@dataclass(frozen=True)
class Broken:
    """The first record that is not, by its place in what was read (from 1), and why."""

    place: int
    why: str


Verdict = Intact | Broken


def next_record(event: Event, after: Head, now: datetime) -> Record:
    """The event as the record after `after`; `now` is aware."""
    fields = event.model_dump(mode="json")
    time = now.astimezone(UTC).isoformat(timespec="microseconds")
    unsealed = Record(**fields, seq=after.seq + 1, time=time, previous=after.hash, hash="")
    return unsealed.model_copy(update={"hash": unsealed.computed()})


def verify(records: Iterable[Mapping[str, Any]], start: Head | None = None) -> Verdict:
    """Walks a chain from its first record, or from one after `start`."""
    head = start or Head()
    for place, fields in enumerate(records, start=1):
        try:
            record = Record.model_validate(fields)
        except ValidationError as error:
            wrong = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"])) or "its form"
            return Broken(place, f"it is not a record of this trail ({wrong})")
        try:
            why = _wrong(record, head)
        except UnicodeEncodeError:  # half of a surrogate pair, as an escape in JSON can name it
            why = "it holds characters that no record holds"
        if why is not None:
            return Broken(place, why)
        head = Head(record.seq, record.hash)
    return Intact(head)


def _wrong(record: Record, head: Head) -> str | None:
    if record.hash != record.computed():
        return f"record {record.seq} was changed after it was written: its hash does not fit its fields"
    if record.seq != head.seq + 1:
        return f"record {record.seq} stands where record {head.seq + 1} belongs: one was removed, added or moved"
    if record.previous != head.hash:
        return f"record {record.seq} does not follow the record before it: one was replaced"
    return None
