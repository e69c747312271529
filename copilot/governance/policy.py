"""What was decided beforehand, as one document: a version of it is proposed by one person, approved by another.

```yaml
phase: 2                          # 1 read only, 2 recommend, 3 low-risk automation
tiers:                            # amounts in the reporting currency; the last has no limit
  - {up_to: 10000, offices: [treasury manager]}
  - {up_to: 250000, offices: [treasurer]}
  - {offices: [treasurer, CFO]}
caps: {per_day: 1000000, per_supplier: 250000, supplier_days: 30}
kinds: [invoice comment, recommendation record, saving]
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from copilot.canonical_json import canonical, sealed
from copilot.governance.actions import KINDS
from copilot.governance.people import People
from copilot.opportunities.treasury_policy import TreasuryPolicy

Amount = Annotated[Decimal, Field(ge=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tier(_Frozen):
    """Up to an amount (None: any), one decision of each office is needed, each by another person."""

    up_to: Amount | None = None
    offices: Annotated[tuple[str, ...], Field(min_length=1)]


class Caps(_Frozen):
    """What may be approved in all: on one day (UTC), and to one supplier within `supplier_days`. None: no limit.

    Smaller sums to one supplier count together for the tier, too, so that nothing is gained by splitting.
    """

    per_day: Amount | None = None
    per_supplier: Amount | None = None
    supplier_days: Annotated[int, Field(ge=1, le=366)] = 30


class Pilot(_Frozen):
    """Where there is one, proposals are for its suppliers only; the holdout is never proposed for."""

    suppliers: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = sorted(set(self.suppliers) & set(self.holdout))
        if both:
            message = f"{both[0]!r} cannot be in the pilot and in its holdout"
            raise ValueError(message)
        return self


class Standing(_Frozen):
    """What goes out without a decision for each case (phase 3): decided once, within limits, up to a day."""

    kinds: Annotated[tuple[str, ...], Field(min_length=1)]
    up_to: Amount
    per_day: Amount
    least_confidence: Annotated[Decimal, Field(ge=0, le=1)]
    until: date


class Targets(_Frozen):
    """Where recommendations are written to in Coupa: ids that its administrator made. None: that is not written."""

    record_definition: Annotated[int, Field(gt=0)] | None = None
    savings_project: Annotated[int, Field(gt=0)] | None = None
    user_group: Annotated[int, Field(gt=0)] | None = None


class Retention(_Frozen):
    """How long the audit trail stays where it is; what is older may be sealed and taken out, into files."""

    keep_months: Annotated[int, Field(ge=12, le=1200)]
    people_to_release: Literal[1, 2] = 2
    """How many people end a hold."""


class Policy(_Frozen):
    """One version's content."""

    phase: Literal[1, 2, 3]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    kinds: tuple[str, ...] = KINDS
    caps: Caps = Caps()
    near_hurdle_points: Annotated[Decimal, Field(ge=0)] = Decimal(1)
    """A yield this few percentage points above the hurdle needs the next tier; one below it needs the last."""
    expires_hours: Annotated[int, Field(ge=1, le=24 * 60)] = 72
    """An open proposal is void after that; silence is no."""
    pilot: Pilot | None = None
    excluded_suppliers: tuple[str, ...] = ()
    automatic: tuple[Standing, ...] = ()
    targets: Targets = Targets()
    treasury: TreasuryPolicy = TreasuryPolicy()
    """Hurdles, floors and caps that recommendations are computed with."""
    retention: Retention | None = None
    """None: nothing of the audit trail is ever taken out."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind in (*self.kinds, *(kind for one in self.automatic for kind in one.kinds)):
            if kind not in KINDS:
                message = f"{kind!r} is no kind of action; there are {', '.join(KINDS)}"
                raise ValueError(message)
        limits = [tier.up_to for tier in self.tiers]
        if limits[-1] is not None or None in limits[:-1]:
            raise ValueError("the last tier, and only that, has no up_to: every amount needs somebody's decision")
        if sorted(limit for limit in limits if limit is not None) != limits[:-1]:
            raise ValueError("tiers go from small amounts to large ones")
        if self.automatic and self.phase < 3:
            raise ValueError("automatic decisions need phase 3")
        return self

    def sha256(self) -> str:
        """The hash of the content."""
        return sealed(canonical(self.plain()))

    def plain(self) -> dict[str, Any]:
        """The content as plain values."""
        return self.model_dump(mode="json")

    @model_serializer(mode="wrap")
    def _without_later_entries(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """An entry that came later is left out where it is unset: what was hashed before keeps its hash."""
        content: dict[str, Any] = whole(self)
        return content if self.retention is not None else {k: v for k, v in content.items() if k != "retention"}


def unheld(policy: Policy, people: People) -> tuple[str, ...]:
    """Offices that a tier asks for and that no approver holds."""
    held = {office for person in people.people if person.may("approver") for office in person.offices}
    return tuple(sorted({office for tier in policy.tiers for office in tier.offices} - held))


def differences(before: Policy | None, after: Policy) -> tuple[str, ...]:
    """What changes from one version to the next, a line for each entry."""
    old = {} if before is None else dict(_entries(before.plain()))
    new = dict(_entries(after.plain()))
    lines = []
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            shown = [canonical(side[path]) if path in side else "nothing" for side in (old, new)]
            lines.append(f"{path}: {shown[0]} -> {shown[1]}")
    return tuple(lines)


def _entries(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a document, by their dotted path; a list is one leaf, since its order means something."""
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _entries(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, value
