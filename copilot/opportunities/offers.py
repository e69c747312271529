"""Early-payment offers: what a supplier gives up for being paid on an earlier day. Amounts are Decimal, to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
YEAR = Decimal(365)


@dataclass(frozen=True)
class StaticWindow:
    """A rate (fraction) on payments up to a day, nothing after it: "2/10 net 30", or the invoice's own percent."""

    rate: Decimal
    until: date
    kind: str = "static terms"

    def discount(self, amount: Decimal, day: date) -> Decimal:
        """What is saved by paying `amount` on `day`."""
        return _cents(amount * self.rate) if day <= self.until else Decimal(0)

    @property
    def last_day(self) -> date:
        """The last day on which anything is saved."""
        return self.until


@dataclass(frozen=True)
class SlidingScale:
    """A yearly rate (fraction) for each day before the due date; a full `rate` up to `full_until` if given."""

    yearly: Decimal
    due: date
    full_until: date | None = None
    rate: Decimal = Decimal(0)
    kind: str = "sliding scale"

    def discount(self, amount: Decimal, day: date) -> Decimal:
        """The amount x yearly rate x days before due / 365, or the full rate while it lasts."""
        if self.full_until is not None and day <= self.full_until:
            return _cents(amount * self.rate)
        early = max(0, (self.due - day).days)
        return _cents(amount * self.yearly * early / YEAR)

    @property
    def last_day(self) -> date:
        """The day before the due date."""
        return date.fromordinal(self.due.toordinal() - 1)


@dataclass(frozen=True)
class Tiers:
    """Rates (fractions) that fall with time: (last day, rate), earliest first."""

    steps: tuple[tuple[date, Decimal], ...]
    kind: str = "tiers"

    def discount(self, amount: Decimal, day: date) -> Decimal:
        """The rate of the first step whose last day is not over."""
        return next((_cents(amount * rate) for last, rate in self.steps if day <= last), Decimal(0))

    @property
    def last_day(self) -> date:
        """The last day of the last step."""
        return self.steps[-1][0]


@dataclass(frozen=True)
class AcceptedRequest:
    """A supplier's request for early payment that was accepted: so much less for payment by a day."""

    saved: Decimal
    pay_by: date
    kind: str = "early-payment request"

    def discount(self, amount: Decimal, day: date) -> Decimal:
        """The agreed sum, never more than the amount."""
        return min(self.saved, amount) if day <= self.pay_by else Decimal(0)

    @property
    def last_day(self) -> date:
        """The day agreed."""
        return self.pay_by


Curve = StaticWindow | SlidingScale | Tiers | AcceptedRequest


@dataclass(frozen=True)
class Offer:
    """One open invoice with an offer. `amount` is what is still owed, in the reporting currency.

    `ready` is the first day on which it may be paid; None while it is not approved. `barred` says why policy keeps it
    from being paid early ("" when nothing does).
    """

    document_id: int
    number: str
    supplier: str
    entity: str
    currency: str
    amount: Decimal
    curve: Curve
    due: date | None
    ready: date | None
    status: str = "approved"
    barred: str = ""


def yearly_yield(amount: Decimal, saved: Decimal, days: int) -> Decimal | None:
    """Yearly yield d / (1 - d) x 365 / days earlier (simple, 365 days), to 0.0001; None when nothing comes earlier."""
    if days <= 0 or saved >= amount:
        return None
    return (saved / (amount - saved) * YEAR / days).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def net_value(amount: Decimal, saved: Decimal, days: int, hurdle: Decimal) -> float:
    """Net worth: what is saved less what the cash would have earned until then, compounding at the hurdle.

    saved - (amount - saved) x ((1 + hurdle)^(days / 365) - 1).
    """
    growth: float = (1.0 + float(hurdle)) ** (days / 365.0) - 1.0
    return float(saved) - float(amount - saved) * growth


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
