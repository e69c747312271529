"""A part of the trail that was sealed and taken out: a file that verifies alone, and a signed seal in what is left.

    records 1..50  ->  audit-sealed-000000000001-000000000050.jsonl, which ends in the seal
    records 51..   ->  the live trail; one of them, "trail sealed", bears the same seal

The first record that is left names the hash of the last one that was taken out, and so does the seal: what is left is
still a chain. Where records are missing at the beginning and no such seal tells of them, they were removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.audit.anchor import AnchorKey, is_signed
from copilot.audit.chain import Broken, Head
from copilot.canonical_json import canonical

SEALED: Final = "trail sealed"
NAME = "audit-sealed-{first:012d}-{last:012d}.jsonl"


class Seal(BaseModel):
    """Records `after` + 1 to `through` were taken out whole. `time` is ISO in UTC, the rest hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["tenor.seal/1"] = Field(default="tenor.seal/1", alias="schema")
    after: int
    after_hash: str
    through: int
    hash: str
    time: str
    public_key: str
    signature: str = ""

    def signed_text(self) -> bytes:
        """What the signature covers."""
        return canonical(self.model_dump(mode="json", by_alias=True, exclude={"signature"})).encode()

    def is_genuine(self, trusted: str | None = None) -> bool:
        """Whether the signature fits, and is of the trusted public key where one is given."""
        return is_signed(self.signed_text(), self.signature, self.public_key, trusted)

    def plain(self) -> dict[str, Any]:
        """As the file and the record keep it."""
        return self.model_dump(mode="json", by_alias=True)

    def file_name(self) -> str:
        """The name of the file that holds its records."""
        return NAME.format(first=self.after + 1, last=self.through)


def seal_of(key: AnchorKey, after: Head, end: Head, now: datetime) -> Seal:
    """A signed seal on the records after one head, up to another; `now` is aware."""
    time = now.astimezone(UTC).isoformat(timespec="seconds")
    unsigned = Seal(
        after=after.seq, after_hash=after.hash, through=end.seq, hash=end.hash, time=time, public_key=key.public
    )
    return unsigned.model_copy(update={"signature": key.signature(unsigned.signed_text())})


def seal_in(fields: Any) -> Seal | None:
    """The seal that plain values hold; None where they are none."""
    try:
        return Seal.model_validate(fields)
    except ValidationError:
        return None


def seals_told(records: Iterable[Mapping[str, Any]]) -> tuple[Seal, ...]:
    """The seals that records of a trail bear, oldest first."""
    told = (record.get("told") for record in records if record.get("action") == SEALED)
    found = (seal_in(one.get("seal")) for one in told if isinstance(one, Mapping))
    return tuple(seal for seal in found if seal is not None)


def beginning(records: Sequence[Mapping[str, Any]], trusted: str | None = None) -> Head | Broken:
    """Where a trail that was read begins: at its first record, or after those that a seal in it tells of."""
    first = records[0].get("seq") if records else 1
    if not isinstance(first, int) or first <= 1:
        return Head()
    wanted = Head(first - 1, str(records[0].get("previous")))
    seal = next((one for one in seals_told(records) if Head(one.through, one.hash) == wanted), None)
    if seal is None:
        return Broken(1, f"it begins with record {first}, and no seal in it tells of those before: they were removed")
    if not seal.is_genuine(trusted):
        return Broken(1, f"the seal on the records up to {seal.through} bears no signature of the trusted key")
    return wanted


def part_fault(records: Sequence[Mapping[str, Any]], seal: Seal, trusted: str | None = None) -> str | None:
    """Why a file is not the part that its seal says; None when it is, as far as its ends go."""
    if not seal.is_genuine(trusted):
        return f"the seal on the records up to {seal.through} bears no signature of the trusted key"
    ends = [(records[at].get("seq"), records[at].get(name)) for at, name in ((0, "previous"), (-1, "hash"))]
    if ends != [(seal.after + 1, seal.after_hash), (seal.through, seal.hash)]:
        return f"it does not hold the records {seal.after + 1} to {seal.through}, as its seal says"
    return None


def part_files(folder: Path) -> tuple[Path, ...]:
    """The files of sealed parts in a folder, oldest first."""
    return tuple(sorted(folder.glob("audit-sealed-*.jsonl")))


def sealed_lines(lines: Iterable[str], seal: Seal) -> Iterable[str]:
    """The lines of an export with the seal in the last one."""
    held = ""
    for line in lines:
        if held:
            yield held
        held = line
    yield canonical({**json.loads(held), "seal": seal.plain()})
