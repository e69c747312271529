"""A decision computed again: the same mirror, policy, seed and code give the same evidence and the same payload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from copilot.canonical_json import canonical
from copilot.governance.actions import BookSaving
from copilot.governance.casebook import Case
from copilot.governance.early_payments import NOTHING, Savings, early_payment
from copilot.governance.proposal import Proposal
from copilot.governance.register import Version
from copilot.opportunities.discount_outcomes import DiscountPlan
from copilot.opportunities.discount_plan import plan_discounts
from copilot.opportunities.offer_reading import read_inputs
from semantic_layer import SemanticLayer

Again = Callable[[Case, SemanticLayer, Version], Proposal | None]


@dataclass(frozen=True)
class Replayed:
    """What was found: `differences` are paths into the proposal with what was and what is now; none: the same bytes."""

    same_mirror: bool
    differences: tuple[tuple[str, str, str], ...]

    @property
    def identical(self) -> bool:
        """Whether evidence and payload are the same to the byte."""
        return not self.differences


def early_payment_again(case: Case, layer: SemanticLayer, version: Version) -> Proposal | None:
    """The proposal of an early payment as it comes out now; None where it is not recommended."""
    before = case.proposal
    seed = int(before.evidence.get("seed", 1))
    plan = plan_discounts(read_inputs(layer), version.policy.treasury, currency=before.currency, seed=seed)
    if not isinstance(plan, DiscountPlan):
        return None
    found = next((one for one in plan.taken if one.documents == before.documents), None)
    if found is None:
        return None
    return early_payment(found, plan, version, layer.mirror_version, _savings(before))


def replay(case: Case, layer: SemanticLayer, version: Version, again: Again = early_payment_again) -> Replayed:
    """Computes the proposal of a case again, on the mirror at hand and the version of the policy it was made under."""
    before = case.proposal
    same_mirror = before.evidence.get("mirror_version") == layer.mirror_version
    now = again(case, layer, version)
    if now is None:
        return Replayed(same_mirror, ((before.subject, "recommended", "not recommended"),))
    found = tuple(_differences(before.plain(), now.plain(), ""))
    if not found and now.payload_hash() != case.payload_hash:
        found = (("payload", case.payload_hash, now.payload_hash()),)
    return Replayed(same_mirror, found)


def _savings(before: Proposal) -> Savings:
    """The state of the project's savings that the proposal was made on: frozen in what it would book."""
    booking = next((action for action in before.actions if isinstance(action, BookSaving)), None)
    if booking is None:
        return Savings(free=False)
    return Savings(booking.before, booking.after - booking.before - before.benefit + NOTHING)


def _differences(before: Any, now: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            yield from _differences(before.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for place, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences(one, other, f"{path}[{place}]")
    elif before != now:
        yield path, canonical(before), canonical(now)
