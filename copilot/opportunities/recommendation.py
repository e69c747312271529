"""What every opportunity comes as: what to do, what it is worth and how sure that is, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, Literal, TypeVar

Payload = TypeVar("Payload")
Route = Literal["recommend", "treasury review", "hold"]
REVIEW_BELOW = Decimal("0.60")
"""Less sure than this is looked at by treasury, whatever it is worth."""


@dataclass(frozen=True)
class Benefit:
    """Expected worth and the band it falls in, in `currency`, to the cent."""

    amount: Decimal
    low: Decimal
    high: Decimal
    currency: str


@dataclass(frozen=True)
class Confidence:
    """How sure a benefit is, 0 to 1, as its weakest part. Not calibrated: no outcome has been measured yet.

    `data`: what is known of what would be needed. `model`: chance that what is assumed about payment holds. `policy`:
    how far from the bar. `novelty`: how much like it was seen before, n / (n + 8).
    """

    data: Decimal
    model: Decimal
    policy: Decimal
    novelty: Decimal

    @property
    def overall(self) -> Decimal:
        """The weakest of the parts, but for the distance to the bar, which routes on its own."""
        return min(self.data, self.model, self.novelty)


@dataclass(frozen=True)
class Recommendation(Generic[Payload]):
    """One thing to do. `documents` are the ids behind it; after `expires` it is void."""

    payload: Payload
    route: Route
    benefit: Benefit
    confidence: Confidence
    rationale: tuple[str, ...]
    documents: tuple[int, ...]
    expires: date
    policy_version: str
    as_of: date
