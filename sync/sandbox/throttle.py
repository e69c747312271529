"""The rate limit: a leaky bucket that holds 20 calls and leaks 25 a second.

Within any t seconds at most 20 + 25 t calls are admitted, and a caller that keeps to that is never refused.
"""

from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass
class LeakyBucket:
    """`leak` calls a second drain from a bucket of `burst` calls; a call that would overflow it is refused."""

    leak: float = 25.0
    burst: float = 20.0
    level: float = 0.0
    last: float | None = None

    def admit(self, now: float) -> bool:
        """Whether a call at `now` (seconds on any steady clock) fits; if so it is poured in."""
        if self.last is not None:
            self.level = max(0.0, self.level - (now - self.last) * self.leak)
        self.last = now
        if self.level + 1.0 > self.burst + _ROUNDING:
            return False
        self.level += 1.0
        return True
