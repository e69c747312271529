"""What a language model may cost: tokens for one question, tokens and money for one day.

A day is a calendar day in UTC, of the real clock: a bill does not follow the clock of a demo. Prices are in any
currency, for a million tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

MILLION = Decimal(1_000_000)


class Ledger(Protocol):
    """Keeps what was used."""

    def spent(self, day: date) -> tuple[int, int]:
        """Tokens read and written by the model on a day."""

    def add(self, day: date, tokens_in: int, tokens_out: int) -> None:
        """Tokens of one more completion."""


@dataclass
class MemoryLedger:
    """For one process and no longer; the state store keeps the real one."""

    days: dict[date, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))

    def spent(self, day: date) -> tuple[int, int]:
        """Tokens in and out."""
        return self.days[day]

    def add(self, day: date, tokens_in: int, tokens_out: int) -> None:
        """Add one completion."""
        read, written = self.days[day]
        self.days[day] = (read + tokens_in, written + tokens_out)


@dataclass(frozen=True)
class Budget:
    """The limits; None is no limit. Prices for a million tokens."""

    tokens_per_question: int | None = None
    tokens_per_day: int | None = None
    cost_per_day: Decimal | None = None
    price_in: Decimal = Decimal(0)
    price_out: Decimal = Decimal(0)

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Money for so many tokens."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / MILLION


def utc_day() -> date:
    """The calendar day in UTC."""
    return datetime.now(UTC).date()


@dataclass
class Allowance:
    """A budget with its ledger: asked before each completion, told after it."""

    budget: Budget = field(default_factory=Budget)
    ledger: Ledger = field(default_factory=MemoryLedger)
    day: Callable[[], date] = utc_day

    def exceeded(self, needed: int, used: int = 0) -> str | None:
        """Which limit `needed` tokens, after `used` ones of the same question, would pass; None when none."""
        limits = self.budget
        if limits.tokens_per_question is not None and used + needed > limits.tokens_per_question:
            return "the question needs more tokens than its budget allows"
        read, written = self.ledger.spent(self.day())
        if limits.tokens_per_day is not None and read + written + needed > limits.tokens_per_day:
            return "today's budget of tokens is used up"
        if limits.cost_per_day is not None and limits.cost(read + needed, written) > limits.cost_per_day:
            return "today's budget of money is used up"
        return None

    def book(self, tokens_in: int, tokens_out: int) -> None:
        """Put one completion on today's account."""
        self.ledger.add(self.day(), tokens_in, tokens_out)
