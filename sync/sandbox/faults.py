"""Scripted trouble, all of it off by default.

Every script counts the calls to `/api` of one running sandbox, so the same client meets the same faults in the same
order. `every=3` means the third, sixth, ninth call and so on.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What happens to one call instead of its answer."""

    EXPIRED_TOKEN = "expired_token"  # noqa: S105 -- a name, not a secret
    TOO_MANY_CALLS = "too_many_calls"
    UNAVAILABLE = "unavailable"
    HTML_ERROR = "html_error"


@dataclass(frozen=True)
class Faults:
    """Which faults to play.

    expire_tokens_after: a token is refused with 401 once it was used this many times.
    too_many_every: every nth call is answered 429 without a Retry-After header.
    unavailable_every: every nth call is answered 503.
    html_error_every: every nth call is answered 500 with an HTML page.
    delay_seconds: every answer waits this long.
    """

    expire_tokens_after: int | None = None
    too_many_every: int | None = None
    unavailable_every: int | None = None
    html_error_every: int | None = None
    delay_seconds: float = 0.0


@dataclass
class FaultLine:
    """Plays a script call by call."""

    script: Faults = field(default_factory=Faults)
    calls: int = 0

    def next(self, token_calls: int) -> Fault | None:
        """The fault that the next call meets, given how often its token was used before."""
        self.calls += 1
        script = self.script
        if script.expire_tokens_after is not None and token_calls >= script.expire_tokens_after:
            return Fault.EXPIRED_TOKEN
        for every, fault in (
            (script.too_many_every, Fault.TOO_MANY_CALLS),
            (script.unavailable_every, Fault.UNAVAILABLE),
            (script.html_error_every, Fault.HTML_ERROR),
        ):
            if every is not None and self.calls % every == 0:
                return fault
        return None
