"""Marks of the chain's end kept outside of the database, signed: what shows that the newest records were cut off.

An anchor is a small JSON file in a folder that others keep (a mounted share, an object store that forbids overwriting).
It says how long the chain was, with which hash, at what time, and bears an Ed25519 signature; its public key should be
kept elsewhere, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel, ConfigDict, ValidationError

from copilot.audit.chain import Broken, Head, Intact, Verdict
from copilot.canonical_json import canonical
from copilot.errors import AuditError

SCHEMA = "tenor.anchor/1"
KEY_FILE = "audit-anchor.key"


class Anchor(BaseModel):
    """One mark. `time` is ISO in UTC, `signature` and `public_key` are hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: str = SCHEMA
    seq: int
    hash: str
    time: str
    public_key: str
    signature: str = ""

    def signed_text(self) -> bytes:
        """What the signature covers."""
        return canonical(self.model_dump(mode="json", exclude={"signature"})).encode()

    def is_genuine(self, trusted: str | None = None) -> bool:
        """Whether the signature fits, and is of the trusted public key where one is given."""
        return is_signed(self.signed_text(), self.signature, self.public_key, trusted)


def is_signed(text: bytes, signature: str, public_key: str, trusted: str | None = None) -> bool:
    """Whether a signature (hexadecimal) of a key fits a text, and the key is the trusted one where one is given."""
    if trusted is not None and trusted != public_key:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class AnchorKey:
    """The key that signs; its private half never leaves its file."""

    _private: Ed25519PrivateKey

    @classmethod
    def at(cls, path: Path) -> AnchorKey:
        """The key in a file, made (for its owner only) when there is none."""
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                made = Ed25519PrivateKey.generate()
                file.write(made.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        except FileExistsError:
            pass
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))

    @property
    def public(self) -> str:
        """The public half, in hexadecimal: what an auditor keeps."""
        return self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, head: Head, now: datetime) -> Anchor:
        """A mark of the chain's end; `now` is aware."""
        time = now.astimezone(UTC).isoformat(timespec="seconds")
        unsigned = Anchor(seq=head.seq, hash=head.hash, time=time, public_key=self.public)
        return unsigned.model_copy(update={"signature": self.signature(unsigned.signed_text())})

    def signature(self, text: bytes) -> str:
        """The signature on a text, in hexadecimal."""
        return self._private.sign(text).hex()


def key_of(folder: Path) -> AnchorKey:
    """The key in the folder of the state."""
    folder.mkdir(parents=True, exist_ok=True)
    return AnchorKey.at(folder / KEY_FILE)


def drop(anchor: Anchor, folder: Path) -> Path:
    """Writes the mark as a file of its own; one of the same place of the chain is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"audit-{anchor.seq:012d}.json"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(anchor.model_dump_json(indent=2) + "\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise AuditError(f"The anchor cannot be written to {folder} ({error.strerror or error}).") from error
    return path


def read_anchors(folder: Path) -> tuple[Anchor, ...]:
    """The marks in a folder, oldest first. Raises AuditError for a file that is none."""
    found = []
    for path in sorted(folder.glob("audit-*.json")):
        try:
            found.append(Anchor.model_validate(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, ValidationError):
            raise AuditError(f"{path.name} in {folder} is not an anchor of an audit trail.") from None
    return tuple(sorted(found, key=lambda anchor: anchor.seq))


def held_against(
    verdict: Verdict,
    records: Iterable[Mapping[str, Any]],
    anchors: Iterable[Anchor],
    trusted: str | None = None,
    start: Head | None = None,
) -> Verdict:
    """The verdict on a chain once every mark was looked up in it.

    `start` is where the chain begins: a mark of a record before it, in a part that was sealed, cannot be looked up.
    """
    if isinstance(verdict, Broken):
        return verdict
    begin = start or Head()
    hashes = {begin.seq: begin.hash, **{record["seq"]: record["hash"] for record in records}}
    for anchor in anchors:
        if not anchor.is_genuine(trusted):
            return Broken(anchor.seq, f"the anchor of record {anchor.seq} bears no signature of the trusted key")
        if anchor.seq > verdict.head.seq:
            return Broken(
                verdict.head.seq + 1,
                f"the chain ends with record {verdict.head.seq}, but an anchor of {anchor.time} saw record "
                f"{anchor.seq}: the newest records were cut off",
            )
        if anchor.seq >= begin.seq and anchor.seq and hashes.get(anchor.seq) != anchor.hash:
            return Broken(anchor.seq, f"record {anchor.seq} is not the one that an anchor of {anchor.time} saw")
    return verdict


__all__ = ["Anchor", "AnchorKey", "Intact", "drop", "held_against", "read_anchors"]
