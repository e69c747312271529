"""What treasury has decided: hurdle rates, cash floors, caps, exclusions. A YAML file, versioned by its content.

```yaml
hurdle_percent: {"*": 8.0, EUR: 5.5}     # a year; without a currency here, the feed capital_rates says (kind hurdle)
band_points: 1.0                          # this near the hurdle, treasury looks at each case
floors: {company: 5000000, entities: {"Acme GmbH": 400000}, currencies: {EUR: 250000}}
run_cap: 2000000                          # cash paid early on one day
supplier_cap: 500000                      # cash paid early to one supplier
excluded_suppliers: [Acme Ltd]
terms: {standard_days: 60, spend_floor: 25000, acceptance: 0.5, supplier_rate_percent: {"*": 10.0}}
```

Amounts are in the reporting currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.errors import TreasuryPolicyError

Percent = Annotated[Decimal, Field(ge=0, le=500)]
Amount = Annotated[Decimal, Field(ge=0)]
EVERY = "*"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Floors(_Frozen):
    """Cash to keep: of the company, of buying entities, of document currencies; what is not named has no floor."""

    company: Amount = Decimal(0)
    entities: Mapping[str, Amount] = Field(default_factory=dict)
    currencies: Mapping[str, Amount] = Field(default_factory=dict)


Share = Annotated[Decimal, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=0, le=365)]


class TermsPolicy(_Frozen):
    """What decides about longer terms: the company's standard, from what size on, and what is assumed of suppliers.

    `acceptance` is the chance that a supplier agrees, with a low and a high case; `supplier_rate_percent` what credit
    costs a supplier a year, by currency or for all (*).
    """

    standard_days: Days = 60
    least_gain_days: Days = 5
    spend_floor: Amount = Decimal(25_000)
    least_invoices: Annotated[int, Field(ge=1)] = 4
    least_peers: Annotated[int, Field(ge=2)] = 5
    acceptance: Share = Decimal("0.5")
    acceptance_low: Share = Decimal("0.25")
    acceptance_high: Share = Decimal("0.8")
    supplier_rate_percent: Mapping[str, Percent] = Field(default_factory=lambda: {EVERY: Decimal(10)})
    dispute_percent: Percent = Decimal(5)
    settled_days: Days = 365
    """Terms changed within this many days are left alone."""
    protect_small: bool = True
    critical_suppliers: tuple[str, ...] = ()

    def supplier_rate(self, currency: str) -> Decimal:
        """What a year of credit costs a supplier (a fraction): of its currency, else of all, else 10 %."""
        rates = self.supplier_rate_percent
        return rates.get(currency, rates.get(EVERY, Decimal(10))) / 100


class TreasuryPolicy(_Frozen):
    """The decisions that hold from `valid_from` on; see the module for an example."""

    valid_from: date | None = None
    hurdle_percent: Mapping[str, Percent] = Field(default_factory=dict)
    band_points: Percent = Decimal(1)
    floors: Floors = Floors()
    run_cap: Amount | None = None
    supplier_cap: Amount | None = None
    excluded_suppliers: tuple[str, ...] = ()
    terms: TermsPolicy = TermsPolicy()
    quantile: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.10")
    """The cautious level of cash that floors are held against: one case in ten is worse."""

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits of the hash of the content: the same decisions have the same version."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def hurdle(self, entity: str, currency: str) -> Decimal | None:
        """The yearly rate (a fraction) of an entity and currency, the most specific one; None when none is set."""
        for name in (f"{entity}/{currency}", entity, currency, EVERY):
            if name in self.hurdle_percent:
                return self.hurdle_percent[name] / 100
        return None


def load_policy(path: Path) -> TreasuryPolicy:
    """The policy of a file; the default one where there is no file. Raises TreasuryPolicyError."""
    if not path.exists():
        return TreasuryPolicy()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TreasuryPolicy.model_validate(content or {})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise TreasuryPolicyError(f"{path.name}: {place}: {first['msg']}. See docs/opportunities.md.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TreasuryPolicyError(f"{path.name} is not readable as YAML: {error}") from None


Rates = tuple[tuple[str, str, date, Decimal], ...]
"""Hurdle rates of the feed: (entity or *, currency or *, first day, percent a year)."""


def with_rates(policy: TreasuryPolicy, rates: Rates, on: date) -> TreasuryPolicy:
    """The policy with the hurdles of the feed in force on a day, where it names none of its own."""
    latest: dict[str, tuple[date, Decimal]] = {}
    for entity, currency, since, percent in rates:
        name = currency if entity == EVERY else entity if currency == EVERY else f"{entity}/{currency}"
        if since <= on and (name not in latest or since > latest[name][0]):
            latest[name] = (since, percent)
    fed = {name: percent for name, (_, percent) in sorted(latest.items())}
    return policy.model_copy(update={"hurdle_percent": {**fed, **policy.hurdle_percent}})
