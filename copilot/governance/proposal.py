"""One thing to do, frozen: what would be sent, for how much money, on which evidence, under which policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.canonical_json import canonical, sealed
from copilot.governance.actions import Action, BookSaving, Delivery, InCoupa, OutsideCoupa, delivery_of

CENTS = 100


class Proposal(BaseModel):
    """What is decided about. `amount` (the cash that moves) and `benefit` are in `currency`, to the cent.

    `subject` names what it is about, so that there is one open proposal of it; `yearly_yield` and `hurdle` are
    fractions, where a hurdle applies. `evidence` is what the recommendation was computed from, as plain JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["tenor.proposal/1"] = Field(default="tenor.proposal/1", alias="schema")
    subject: Annotated[str, Field(min_length=1, max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=300)]
    supplier: str
    amount: Annotated[Decimal, Field(ge=0)]
    benefit: Decimal
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    yearly_yield: Decimal | None = None
    hurdle: Decimal | None = None
    confidence: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    rationale: tuple[str, ...] = ()
    documents: tuple[int, ...] = ()
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    evidence: Mapping[str, Any]
    last_day: date | None = None
    """After this day it makes no sense any more."""
    policy: Annotated[int, Field(ge=1)]

    def plain(self) -> dict[str, Any]:
        """The content as plain values."""
        return self.model_dump(mode="json", by_alias=True)

    def deliveries(self) -> tuple[Delivery, ...]:
        """What goes to Coupa, in order."""
        return tuple(delivery_of(action, self.policy) for action in self.actions if isinstance(action, InCoupa))

    def files(self) -> tuple[OutsideCoupa, ...]:
        """What people are handed."""
        return tuple(action for action in self.actions if isinstance(action, OutsideCoupa))

    def evidence_hash(self) -> str:
        """SHA-256 of the evidence: maker and checker see the same."""
        return sealed(canonical(self.evidence))

    def payload_hash(self) -> str:
        """SHA-256 of all of it, the exact requests included: what a decision is bound to."""
        content = {**self.plain(), "evidence": self.evidence_hash()}
        return sealed(canonical([content, [delivery.plain() for delivery in self.deliveries()]]))

    @property
    def cents(self) -> int:
        """The amount in hundredths."""
        return int((self.amount * CENTS).to_integral_value())

    @property
    def at_stake(self) -> Decimal:
        """What tiers and standing decisions count: the cash, or what is booked as realised where that is more."""
        booked = (a.after - a.before for a in self.actions if isinstance(a, BookSaving) and a.which == "realized")
        return max(self.amount, sum(booked, Decimal(0)))

    @property
    def points_above_hurdle(self) -> Decimal | None:
        """Percentage points of yearly yield above the hurdle; None where there is none."""
        return None if self.yearly_yield is None or self.hurdle is None else (self.yearly_yield - self.hurdle) * 100
