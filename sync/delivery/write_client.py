"""Coupa, asked and written to with the writing client: what it answers comes back as an outcome, not as a status.

Answers to reads are pages of at most 50, read to their end by id. A write is made once: whether it is made again is
decided by who has looked meanwhile.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from sync.client import retry_after
from sync.errors import CredentialsRefusedError, RateLimitedError, RetriableSyncError, ServerTroubleError
from sync.rate_limit import RateLimiter

PAGE: Final = 50
_LISTS: Final = re.compile(r"[a-z_]+|[a-z_]+/\d+/[a-z_]+")
_SHOWN: Final = 300


@dataclass(frozen=True)
class Gone:
    """What was to be looked at does not exist (404)."""


@dataclass(frozen=True)
class NotAllowed:
    """The token lacks a right (403)."""


@dataclass(frozen=True)
class Passing:
    """Trouble that may pass: too many calls, 5xx, no connection. `wait` in seconds, where Coupa says it."""

    why: str
    wait: float | None = None


@dataclass(frozen=True)
class Taken:
    """A write that Coupa says it took (2xx), with the id that it gave, where it gave one."""

    remote_id: str | None


@dataclass(frozen=True)
class TurnedDown:
    """A write that Coupa refuses for good (4xx), with its own words, shortened."""

    why: str


Read = Any
Looked = Gone | NotAllowed | Passing
Wrote = Taken | TurnedDown | Gone | NotAllowed | Passing


class WriteClient:
    """One Coupa, by the writing client."""

    def __init__(self, http: httpx.AsyncClient, limiter: RateLimiter) -> None:
        self._http = http
        self._limiter = limiter

    async def read(self, path: str, query: Mapping[str, str]) -> tuple[Read, None] | tuple[None, Looked]:
        """The JSON at a path: one record, or every record of a list. Raises CredentialsRefusedError."""
        if _LISTS.fullmatch(path) is None:
            return await self._get(path, dict(query))
        records: list[Any] = []
        after = 0
        while True:
            page = {**query, "limit": str(PAGE), "order_by": "id", "dir": "asc", "id[gt]": str(after)}
            found, trouble = await self._get(path, page)
            if trouble is not None:
                return None, trouble
            if not isinstance(found, list):
                return None, Passing(f"the list at {path} is none")
            records += found
            ids = [record["id"] for record in found if isinstance(record, dict) and isinstance(record.get("id"), int)]
            if len(found) < PAGE or not ids or max(ids) <= after:
                return records, None
            after = max(ids)

    async def write(self, method: str, path: str, body: Mapping[str, Any]) -> Wrote:
        """Sends it once. Raises CredentialsRefusedError."""
        answer = await self._send(method, path, json=dict(body))
        if not isinstance(answer, httpx.Response):
            return answer
        if answer.is_success:
            return Taken(_id_in(answer))
        refused = _refusal(answer)
        return refused if refused is not None else TurnedDown(_own_words(answer))

    async def _get(self, path: str, query: Mapping[str, str]) -> tuple[Read, None] | tuple[None, Looked]:
        answer = await self._send("GET", path, params=dict(query))
        if not isinstance(answer, httpx.Response):
            return None, answer
        if answer.status_code == httpx.codes.OK:
            try:
                return answer.json(), None
            except ValueError:
                return None, Passing(f"the answer at {path} is not JSON")
        refused = _refusal(answer)
        return None, refused if refused is not None else Passing(f"HTTP {answer.status_code} at {path}")

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response | Passing:
        await self._limiter.wait()
        try:
            answer = await self._http.request(method, f"/api/{path}", **content)
        except RateLimitedError as error:
            return Passing(str(error), error.retry_after)
        except ServerTroubleError as error:
            return Passing(str(error), error.retry_after)
        except RetriableSyncError as error:
            return Passing(str(error))
        except httpx.TransportError as error:
            return Passing(f"Coupa did not answer ({type(error).__name__})")
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise CredentialsRefusedError(
                "Coupa refuses the writing client's fresh token (HTTP 401); check TENOR_COUPA_WRITE_CLIENT_ID in Coupa."
            )
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._limiter.refused(retry_after(answer.headers.get("Retry-After"), dt.datetime.now(dt.UTC)))
        return answer


def _refusal(answer: httpx.Response) -> Gone | NotAllowed | Passing | None:
    """The outcomes that reads and writes share; None for what only a write can meet."""
    status = answer.status_code
    if status == httpx.codes.NOT_FOUND:
        return Gone()
    if status == httpx.codes.FORBIDDEN:
        return NotAllowed()
    wait = retry_after(answer.headers.get("Retry-After"), dt.datetime.now(dt.UTC))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Passing("Coupa gets too many requests (HTTP 429)", wait)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or answer.is_redirect:
        return Passing(f"Coupa is in trouble (HTTP {status})", wait)
    return None


def _id_in(answer: httpx.Response) -> str | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return str(found["id"]) if isinstance(found, dict) and "id" in found else None


def _own_words(answer: httpx.Response) -> str:
    """Coupa's reason, as far as it gives one: `{"errors": {"model": ["reason"]}}`."""
    try:
        errors = answer.json()["errors"]
        words = "; ".join(str(reason) for reasons in errors.values() for reason in reasons)
    except (ValueError, KeyError, TypeError, AttributeError):
        words = ""
    plain = " ".join("".join(c if c.isprintable() else " " for c in words).split())[:_SHOWN]
    return f"HTTP {answer.status_code}{f': {plain}' if plain else ''}"
