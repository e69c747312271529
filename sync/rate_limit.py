"""One rate for all requests: as fast as allowed, in small bursts, and slower for a while after a refusal."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

BURST: Final = 10  # half of what Coupa lets through at once: the other half absorbs what the network bunches up
_CUT: Final = 0.75  # the share of the rate that is left after a refusal
_RECOVERY_SECONDS: Final = 60.0  # in which a rate that was cut to nothing would be whole again
_DEAF_SECONDS: Final = 1.0  # refusals of requests that were under way together count as one
_PAUSE_SECONDS: Final = 1.0  # after a refusal that does not say how long to wait
LONGEST_PAUSE: Final = 300.0  # seconds; a longer Retry-After is not waited for in one go


class RateLimiter:
    """At most `burst` + `per_second` x t requests in any t seconds (per_second 0: no limit). One for all resources.

    A leaky bucket such as Coupa's (25 a second, 20 at once) never refuses who keeps to less. When it does refuse,
    because others call it too, everybody here waits, and the rate is cut and grows back.
    """

    def __init__(
        self,
        per_second: float,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        burst: int = 1,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._sleep = sleep
        self._next = 0.0  # when the next request is due at an even pace
        self._held_until = 0.0
        self._cut_at = float("-inf")
        self._cut_rate = per_second

    @property
    def rate(self) -> float:
        """Requests a second that are allowed now."""
        grown = self._cut_rate + self._per_second * (self._now() - self._cut_at) / _RECOVERY_SECONDS
        return min(self._per_second, grown)

    async def wait(self) -> None:
        """Returns when the next request may be sent."""
        if self._per_second:
            now, gap = self._now(), 1 / self.rate
            start = max(now, self._next - (self._burst - 1) * gap)
            self._next = max(self._next, now) + gap
            if start > now:
                await self._sleep(start - now)
        while (held := self._held_until - self._now()) > 0:
            await self._sleep(held)

    def refused(self, retry_after: float | None) -> None:
        """Coupa refused a request: nothing is sent for `retry_after` seconds, and then less than before."""
        now = self._now()
        pause = _PAUSE_SECONDS if retry_after is None else min(retry_after, LONGEST_PAUSE)
        self._held_until = max(self._held_until, now + pause)
        if now - self._cut_at >= _DEAF_SECONDS:
            self._cut_rate, self._cut_at = self.rate * _CUT, now
            self._next = max(self._next, self._held_until)
