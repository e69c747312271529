"""The rate limit: a leaky bucket that leaks 25 calls a second and holds 20 more."""

from dataclasses import dataclass


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
        if self.level + 1.0 > self.burst:
            return False
        self.level += 1.0
        return True
