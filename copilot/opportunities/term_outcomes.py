"""What a search for longer terms gives: proposals with their numbers, who is left out and why, or a refusal by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from copilot.opportunities.peers import Benchmark
from copilot.opportunities.recommendation import Recommendation
from copilot.simulations.outcomes import Assumption
from semantic_layer.results import Check


@dataclass(frozen=True)
class Score:
    """0 to 100 in parts: cash 40 (by its logarithm), gap to peers 20, leverage 15, timing 15, behaviour 10."""

    cash: int
    gap: int
    leverage: int
    timing: int
    behaviour: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.cash + self.gap + self.leverage + self.timing + self.behaviour


@dataclass(frozen=True)
class Cap:
    """The longest term that law allows for a supplier; `country` is whose law it is."""

    country: str
    days: int
    hard: bool
    rule: str
    source: str


@dataclass(frozen=True)
class TermChange:
    """A proposal to one supplier: from `current_days` to `target_days` net.

    The range to negotiate in: open at `opening_days`, walk away at `least_days`. Money is in the reporting currency,
    rates and shares are fractions. `cash_released` is one-off and expected (acceptance and pass-through are in it),
    `yearly_benefit` is that cash at the hurdle rate; `supplier_cost` is a year at the supplier's rate once it agrees;
    `price_give` is the share of price that pays the supplier as much as the extension takes at our rate.
    """

    supplier_id: int
    supplier: str
    family: str
    category: str
    country: str
    region: str
    entity: str
    currency: str
    spend: Decimal
    invoices: int
    current_days: int
    target_days: int
    opening_days: int
    least_days: int
    peers: Benchmark
    cap: Cap | None
    limited_by: str
    contract_end: date | None
    acceptance: Decimal
    pass_through: Decimal
    days_late: Decimal
    late_share: Decimal
    risk_band: str
    cash_released: Decimal
    cash_if_agreed: Decimal
    yearly_benefit: Decimal
    rate: Decimal
    supplier_cost: Decimal
    supplier_rate: Decimal
    price_give: Decimal
    score: Score

    @property
    def gap(self) -> int:
        """Days between what is agreed and the target."""
        return self.target_days - self.current_days


@dataclass(frozen=True)
class LeftSupplier:
    """A supplier that is not proposed: the first reason that fits, and what it comes from."""

    supplier_id: int
    supplier: str
    spend: Decimal
    days: int | None
    reason: str
    detail: str


@dataclass(frozen=True)
class TermOpportunities:
    """All proposals, the highest score first, and everybody else that billed in the last 365 days."""

    as_of: date
    currency: str
    found: tuple[Recommendation[TermChange], ...]
    left_out: tuple[LeftSupplier, ...]
    spend: Decimal
    cash_released: Decimal
    yearly_benefit: Decimal
    checks: tuple[Check, ...]
    assumptions: tuple[Assumption, ...]


@dataclass(frozen=True)
class OpportunityRefused:
    """Why nothing is proposed, and the way out."""

    as_of: date
    reason_code: Literal["MISSING_INPUT", "LEGAL_LIMIT", "OUT_OF_SCOPE", "UNKNOWN_VALUE"]
    reason: str


TermsOutcome = TermOpportunities | OpportunityRefused
