"""Coupa's call-outs: who may send one, and what is made of it.

A call-out is a hint that a record has changed, nothing more: no value of it is stored, Coupa is read again instead. So
a forged, repeated or lost one can at worst cause or spare a reading. It is taken only from a sender who knows the
secret (`TENOR_CALLOUT_SECRET`), in one of two ways:

    token       Coupa's own way: client credentials in a Basic header at /oauth2/token give a bearer token for an hour
    signature   X-Tenor-Timestamp: <seconds since 1970>, X-Tenor-Signature: sha256=<hex of HMAC-SHA256 of
                "<timestamp>.<body>">, within five minutes; the same signature again changes nothing
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

LARGEST_BODY: Final = 1024 * 1024  # bytes
TOKEN_SECONDS: Final = 3600
WINDOW_SECONDS: Final = 300
MOST_HINTS: Final = 1000
_MOST_SIGNATURES: Final = 10_000


@dataclass(frozen=True)
class Hint:
    """A record that may have changed; the id is None when the call-out names none."""

    resource: str
    record_id: int | None


@dataclass(frozen=True)
class Refused:
    """Why a call-out is not taken: an HTTP status and a sentence."""

    status: int
    sentence: str


@dataclass(frozen=True)
class Admitted:
    """The sender knows the secret; `repeated` says that this very message was taken before."""

    repeated: bool = False


class Hints:
    """Hints that wait for the next sync, each once, and no more than `most`: one sync reads whatever has changed."""

    def __init__(self, most: int = MOST_HINTS) -> None:
        self._most = most
        self._waiting: dict[Hint, None] = {}

    def add(self, hint: Hint) -> bool:
        """Keeps a hint; False when it waits already, or there are too many to tell apart: a sync is due anyway."""
        if hint in self._waiting or len(self._waiting) >= self._most:
            return False
        self._waiting[hint] = None
        return True

    def take(self) -> tuple[Hint, ...]:
        """All that wait, which then wait no more."""
        taken = tuple(self._waiting)
        self._waiting.clear()
        return taken

    def __len__(self) -> int:
        return len(self._waiting)


class Gate:
    """Checks senders. `now` counts seconds since 1970."""

    def __init__(self, client_id: str, secret: SecretStr, now: Callable[[], float]) -> None:
        self._client_id = client_id
        self._secret = secret.get_secret_value().encode()
        self._now = now
        self._seen: dict[str, float] = {}

    def token(self, authorization: str) -> dict[str, str | int] | Refused:
        """The answer to a token request with that Authorization header."""
        kind, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True) if kind.lower() == "basic" else b""
        except binascii.Error:
            given = b""
        if not hmac.compare_digest(given, self._client_id.encode() + b":" + self._secret):
            return Refused(401, "The client id or secret is not the one of TENOR_CALLOUT_CLIENT_ID and _SECRET.")
        until = str(int(self._now()) + TOKEN_SECONDS)
        return {
            "access_token": f"{until}.{self._sign('token', until)}",
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
        }

    def admit(self, headers: Mapping[str, str], body: bytes) -> Admitted | Refused:
        """Whether the sender of a call-out knows the secret; header names in lower case."""
        signature = headers.get("x-tenor-signature")
        if signature is not None:
            return self._admit_signed(headers.get("x-tenor-timestamp", ""), signature, body)
        kind, _, token = headers.get("authorization", "").partition(" ")
        until, _, seal = token.partition(".")
        genuine = kind.lower() == "bearer" and hmac.compare_digest(seal.encode(), self._sign("token", until).encode())
        if not genuine:
            return Refused(401, "A call-out needs a bearer token of /oauth2/token, or a signature.")
        if float(until) < self._now():
            return Refused(401, "The token has expired; get a new one at /oauth2/token.")
        return Admitted()

    def _admit_signed(self, timestamp: str, signature: str, body: bytes) -> Admitted | Refused:
        wanted = "sha256=" + hmac.digest(self._secret, timestamp.encode() + b"." + body, "sha256").hex()
        if not hmac.compare_digest(signature.encode(), wanted.encode()):
            return Refused(401, "The signature is not one of this body and timestamp.")
        if not timestamp.isdecimal() or abs(self._now() - int(timestamp)) > WINDOW_SECONDS:
            return Refused(401, f"The timestamp is more than {WINDOW_SECONDS} seconds away from now.")
        self._seen = {known: at for known, at in self._seen.items() if self._now() - at <= 2 * WINDOW_SECONDS}
        if signature in self._seen:
            return Admitted(repeated=True)
        if len(self._seen) >= _MOST_SIGNATURES:
            return Refused(503, "Too many call-outs at once; send it again in five minutes.")
        self._seen[signature] = self._now()
        return Admitted()

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.digest(self._secret, f"{purpose}:{text}".encode(), "sha256").hex()


def hint_of(resource: str, body: bytes) -> Hint:
    """What a call-out points at: the id of its JSON object, on top or one level down; other bodies name no id."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Hint(resource, None)
    for candidate in (found, *(found.values() if isinstance(found, dict) else ())):
        number = candidate.get("id") if isinstance(candidate, dict) else None
        if isinstance(number, int) and not isinstance(number, bool):
            return Hint(resource, number)
    return Hint(resource, None)
