"""Scripted trouble, all of it off by default: what goes wrong, where, and at which calls.

    Faults.of("unavailable every=29", "cut calls=3,7 path=invoices at=0.3", "null share=0.01 attribute=paid", seed=4)

A trouble counts the calls on its path, so that the same client meets the same trouble in the same order. With
`probability` it draws from the seed, the address asked for and how often that was asked before: then the order in which
a client sends its requests makes no difference. What each fault does is in sync.sandbox.effects.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from sync.sandbox.errors import FaultScriptError

TOKEN_PATH = "oauth2/token"  # noqa: S105 -- an address


class Fault(StrEnum):
    """Everything that can be made to go wrong."""

    # Access
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 -- a name, not a secret
    REVOKED_TOKEN = "revoked_token"  # noqa: S105
    REVOKED_CLIENT = "revoked_client"
    INVALID_SCOPE = "invalid_scope"
    FORBIDDEN = "forbidden"
    # Answers that are none
    TOO_MANY_CALLS = "too_many_calls"
    NO_RETRY_AFTER = "no_retry_after"
    SERVER_ERROR = "server_error"
    HTML_ERROR = "html_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    GATEWAY_TIMEOUT = "gateway_timeout"
    # The way an answer travels
    SLOW = "slow"
    SLOW_BODY = "slow_body"
    CUT = "cut"
    DROPPED = "dropped"
    TRUNCATED_JSON = "truncated_json"
    HTML_PAGE = "html_page"
    EMPTY_BODY = "empty_body"
    # What happens in the instance meanwhile
    PAGE_SHIFT = "page_shift"
    CHILD_EDITS = "child_edits"
    LATE_UPDATES = "late_updates"
    HARD_DELETES = "hard_deletes"
    RANDOM_EDITS = "random_edits"
    CLOCK_SKEW = "clock_skew"
    # What the records look like
    HIDDEN_FIELDS = "hidden_fields"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    NULL = "null"
    BLANK = "blank"
    OUT_OF_RANGE = "out_of_range"
    WRONG_TYPE = "wrong_type"
    DUPLICATE_IDS = "duplicate_ids"
    UNSORTED = "unsorted"
    # What happens to a write; reads do not meet these
    WRITE_REFUSED = "write_refused"
    WRITE_IGNORED = "write_ignored"
    WRITE_LOST = "write_lost"


ON_WRITES = frozenset({Fault.WRITE_REFUSED, Fault.WRITE_IGNORED, Fault.WRITE_LOST})


def _numbers(text: str) -> tuple[int, ...]:
    """`3,5,8-10` as (3, 5, 8, 9, 10)."""
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        found.extend(range(int(low), int(high or low) + 1))
    return tuple(found)


_READ: Mapping[str, Callable[[str], Any]] = {
    "path": str,
    "calls": _numbers,
    "every": int,
    "after": int,
    "times": int,
    "probability": float,
    "uses": int,
    "seconds": float,
    "retry_after": str,
    "at": float,
    "attribute": str,
    "value": json.loads,
    "ids": _numbers,
    "share": float,
    "count": int,
}
"""How each argument is read from text."""


@dataclass(frozen=True)
class Trouble:
    """One fault, and where and when it is met. Without calls, every, probability or uses: at each call.

    path: the address below /api/, or `oauth2/token`, as a pattern. calls: numbers of calls on that path, from 1.
    every: each nth of them. after: not before so many. times: at most so often. probability: of each call. uses: once
    a token was used so often. Of a call that is met:
    seconds: how long to wait, or the clock's skew. retry_after: the header's value. at: the part of the body that
    arrives. attribute, value: a dotted path in the record and what to write there. ids, share: which records, by id or
    as a share of all ids. count: how many edits.
    """

    fault: Fault
    path: str = ""
    calls: tuple[int, ...] = ()
    every: int | None = None
    after: int = 0
    times: int | None = None
    probability: float | None = None
    uses: int | None = None
    seconds: float = 1.0
    retry_after: str | None = None
    at: float = 0.5
    attribute: str | None = None
    value: Any = None
    ids: tuple[int, ...] = ()
    share: float | None = None
    count: int = 1

    @property
    def pattern(self) -> str:
        """The path it is met on: that of tokens for what only a token request meets, else all of the API."""
        on_token = self.fault in (Fault.REVOKED_CLIENT, Fault.INVALID_SCOPE)
        return self.path or (TOKEN_PATH if on_token else "*")

    @classmethod
    def parse(cls, text: str) -> "Trouble":
        """A trouble from `name argument=value ...`; raises FaultScriptError."""
        name, *arguments = text.split()
        if name not in list(Fault):
            near = get_close_matches(name, list(Fault), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the faults are {', '.join(Fault)}."
            raise FaultScriptError(f"There is no fault '{name}'; {hint}")
        given: dict[str, Any] = {}
        for argument in arguments:
            key, _, value = argument.partition("=")
            if key not in _READ:
                near = get_close_matches(key, list(_READ), n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"the arguments are {', '.join(_READ)}."
                raise FaultScriptError(f"{name}: there is no argument '{key}'; {hint}")
            try:
                given[key] = _READ[key](value)
            except ValueError:
                raise FaultScriptError(f"{name}: {key} cannot be '{value}'.") from None
        return cls(Fault(name), **given)

    def text(self) -> str:
        """The trouble as `parse` reads it."""
        shown = [
            f"{item.name}={_shown(getattr(self, item.name))}"
            for item in fields(self)
            if item.name != "fault" and getattr(self, item.name) != item.default
        ]
        return " ".join([self.fault, *shown])

    def concerns(self, record_id: int) -> bool:
        """Whether a record is among those it meets; the same records each time."""
        if self.ids:
            return record_id in self.ids
        return self.share is None or _draw(self.fault, record_id) < self.share


@dataclass(frozen=True)
class Faults:
    """Which troubles to play, and the seed of those with a probability."""

    troubles: tuple[Trouble, ...] = ()
    seed: int = 0

    @classmethod
    def of(cls, *texts: str, seed: int = 0) -> "Faults":
        """Faults from lines of text; see Trouble.parse."""
        return cls(tuple(Trouble.parse(text) for text in texts), seed)


@dataclass
class FaultLine:
    """Plays a script call by call, and counts what was met."""

    script: Faults = field(default_factory=Faults)
    met: Counter[str] = field(default_factory=Counter)
    _calls: Counter[int] = field(default_factory=Counter)
    _played: Counter[int] = field(default_factory=Counter)
    _asked: Counter[str] = field(default_factory=Counter)

    def meeting(self, path: str, address: str, token_uses: int = 0, *, writes: bool = False) -> list[Trouble]:
        """The troubles that the next call meets. address: path and query; token_uses: of its token, before it.

        writes: whether it is one that writes.
        """
        if not self.script.troubles:
            return []
        self._asked[address] += 1
        found = []
        for place, trouble in enumerate(self.script.troubles):
            if _on(trouble.pattern, path) and (writes or trouble.fault not in ON_WRITES):
                self._calls[place] += 1
                if self._due(place, trouble, address, token_uses):
                    self._played[place] += 1
                    self.met[trouble.fault] += 1
                    found.append(trouble)
        return found

    def standing(self, fault: Fault) -> Trouble | None:
        """A trouble of a kind that does not wait for calls: a clock's skew, a rate limit without Retry-After."""
        return next((trouble for trouble in self.script.troubles if trouble.fault is fault), None)

    def _due(self, place: int, trouble: Trouble, address: str, token_uses: int) -> bool:
        number = self._calls[place]
        if number <= trouble.after or (trouble.times is not None and self._played[place] >= trouble.times):
            return False
        if trouble.uses is not None and token_uses < trouble.uses:
            return False
        if trouble.calls and number not in trouble.calls:
            return False
        if trouble.every is not None and number % trouble.every:
            return False
        chance = _draw(self.script.seed, place, address, self._asked[address])
        return trouble.probability is None or chance < trouble.probability


def _on(pattern: str, path: str) -> bool:
    """Whether a path fits; `*` means all of the API, not the token address."""
    return fnmatchcase(path, pattern) and (path != TOKEN_PATH or pattern != "*")


def _draw(*parts: object) -> float:
    """A number from 0 to 1, the same for the same parts."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
