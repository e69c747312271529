"""Why discounts were missed: reasons in money that add to the whole, down to the approval stage and approver.

Every missed offer has one reason, the first that fits: received too late, held or disputed, approved too late, paid in
time without it, no run in the window; of what was ready in time, what yielded less than the hurdle is a decision and
stands apart, the rest was not selected. What was approved too late belongs to its longest wait before the window's end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from copilot.opportunities.offers import yearly_yield
from copilot.opportunities.treasury_policy import TreasuryPolicy
from semantic_layer.results import Check

APPROVED_TOO_LATE = "approved too late"
READY = "ready but not selected"
BELOW_HURDLE = "below the hurdle"
NO_HURDLE = "no hurdle rate known"
DECISIONS = frozenset({BELOW_HURDLE})
"""Reasons that are decisions and no losses."""
BEFORE_APPROVAL = "before the first approval"
NOT_SHOWN = "(not shown)"
CENT, PLACES = Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True)
class MissedOffer:
    """One offer whose window closed with nothing taken. `missed` is in the reporting currency, unrounded."""

    document_id: int
    entity: str
    currency: str
    received: date | None
    window_end: date
    paid: date | None
    amount: Decimal
    missed: Decimal
    reason: str


@dataclass(frozen=True)
class Wait:
    """One approval step: whom it waited for, from when, until when (None: still)."""

    approver: str
    begun: date
    decided: date | None


@dataclass(frozen=True)
class Stage:
    """What one stage of approval, or one approver in it, cost: money and offers. Days are the mean of those waits."""

    stage: str
    approver: str
    amount: Decimal
    offers: int
    days: Decimal


@dataclass(frozen=True)
class Branch:
    """One reason with its share of everything missed (a fraction) and the stages behind it, the dearest first."""

    reason: str
    amount: Decimal
    share: Decimal
    offers: int
    decision: bool
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True)
class MissedTree:
    """Everything missed in a period by reason, the dearest first; amounts add up to `total`, shares to one."""

    start: date
    end: date
    currency: str
    total: Decimal
    offers: int
    branches: tuple[Branch, ...]
    checks: tuple[Check, ...]

    @property
    def approvers(self) -> tuple[tuple[str, Decimal, int], ...]:
        """(approver, money, offers) over all their stages, the dearest first; nobody for what never reached one."""
        found: dict[str, tuple[Decimal, int]] = {}
        for stage in (stage for branch in self.branches for stage in branch.stages if stage.approver):
            money, offers = found.get(stage.approver, (Decimal(0), 0))
            found[stage.approver] = money + stage.amount, offers + stage.offers
        return tuple(sorted(((who, *cost) for who, cost in found.items()), key=lambda row: (-row[1], row[0])))

    @property
    def lost(self) -> Decimal:
        """What was missed without a decision."""
        return sum((branch.amount for branch in self.branches if not branch.decision), Decimal(0))


def missed_tree(
    offers: Iterable[MissedOffer],
    waits: Mapping[int, tuple[Wait, ...]],
    policy: TreasuryPolicy,
    start: date,
    end: date,
    *,
    currency: str = "USD",
    metric: Decimal | None = None,
    last_day: date | None = None,
) -> MissedTree:
    """The tree of the windows that closed from `start` to `end`.

    `metric` is the certified figure that the total must tie to; `last_day` stands for the day of payment of what is
    not paid yet (default: `end`).
    """
    mine = [offer for offer in offers if start <= offer.window_end <= end]
    by_reason: dict[str, list[MissedOffer]] = defaultdict(list)
    for offer in mine:
        by_reason[reason_of(offer, policy, last_day or end)].append(offer)
    exact = {reason: sum((o.missed for o in found), Decimal(0)) for reason, found in by_reason.items()}
    total = sum(exact.values(), Decimal(0)).quantize(CENT)
    order = sorted(exact, key=lambda reason: (-exact[reason], reason))
    amounts = _shared([exact[reason] for reason in order], total)
    shares = _shared_fractions(amounts, total)
    branches = tuple(
        Branch(
            reason=reason,
            amount=amount,
            share=share,
            offers=len(by_reason[reason]),
            decision=reason in DECISIONS,
            stages=_stages(by_reason[reason], waits, amount) if reason == APPROVED_TOO_LATE else (),
        )
        for reason, amount, share in zip(order, amounts, shares, strict=True)
    )
    return MissedTree(start, end, currency, total, len(mine), branches, _checks(branches, total, len(mine), metric))


def reason_of(offer: MissedOffer, policy: TreasuryPolicy, last_day: date) -> str:
    """The reason of one offer: of what was ready, whether its yield until it was paid reached the hurdle."""
    if offer.reason != READY:
        return offer.reason
    hurdle = policy.hurdle(offer.entity, offer.currency)
    if hurdle is None:
        return READY
    gain = yearly_yield(offer.amount, offer.missed, ((offer.paid or last_day) - offer.window_end).days)
    return BELOW_HURDLE if gain is not None and gain < hurdle else READY


def _stages(offers: list[MissedOffer], waits: Mapping[int, tuple[Wait, ...]], whole: Decimal) -> tuple[Stage, ...]:
    found: dict[tuple[str, str], list[tuple[Decimal, int]]] = defaultdict(list)
    for offer in offers:
        stage, approver, days = blamed(offer, waits.get(offer.document_id, ()))
        found[stage, approver].append((offer.missed, days))
    keys = sorted(found, key=lambda key: (-sum(money for money, _ in found[key]), key))
    amounts = _shared([sum((money for money, _ in found[key]), Decimal(0)) for key in keys], whole)
    return tuple(
        Stage(
            stage=key[0],
            approver=key[1],
            amount=amount,
            offers=len(found[key]),
            days=(Decimal(sum(days for _, days in found[key])) / len(found[key])).quantize(CENT),
        )
        for key, amount in zip(keys, amounts, strict=True)
    )


def blamed(offer: MissedOffer, waits: tuple[Wait, ...]) -> tuple[str, str, int]:
    """(stage, approver, days) of the longest wait up to the window's end; of equal ones the first.

    Days before the first approval was asked for count as a stage of their own, which nobody is named for.
    """
    steps = sorted(waits, key=lambda wait: (wait.begun, wait.decided or date.max, wait.approver))
    first = steps[0].begun if steps else offer.window_end
    begun = offer.received or first
    spans = [(BEFORE_APPROVAL, "", (min(first, offer.window_end) - begun).days)]
    for place, wait in enumerate(steps, start=1):
        until = min(wait.decided or offer.window_end, offer.window_end)
        spans.append((f"approval step {place}", wait.approver, (until - wait.begun).days))
    longest = max(span[2] for span in spans)
    return next(span for span in spans if span[2] == longest)


def _shared(values: list[Decimal], total: Decimal) -> list[Decimal]:
    """Amounts to the cent that add up to `total`: the last cents go to the largest remainders."""
    down = [value.quantize(CENT, rounding="ROUND_FLOOR") for value in values]
    left = int((total - sum(down, Decimal(0))) / CENT)
    order = sorted(range(len(values)), key=lambda place: (down[place] - values[place], place))
    for place in order[: max(0, left)]:
        down[place] += CENT
    return down


def _shared_fractions(amounts: list[Decimal], total: Decimal) -> list[Decimal]:
    """Shares to 0.0001 that add up to one, by the largest remainder; zeros of a total of nothing."""
    if total <= 0:
        return [Decimal(0) for _ in amounts]
    exact = [amount / total for amount in amounts]
    down = [share.quantize(PLACES, rounding="ROUND_FLOOR") for share in exact]
    left = int((1 - sum(down, Decimal(0))) / PLACES)
    order = sorted(range(len(exact)), key=lambda place: (down[place] - exact[place], place))
    for place in order[: max(0, left)]:
        down[place] += PLACES
    return down


def _checks(branches: tuple[Branch, ...], total: Decimal, offers: int, metric: Decimal | None) -> tuple[Check, ...]:
    money = sum((branch.amount for branch in branches), Decimal(0))
    shares = sum((branch.share for branch in branches), Decimal(0))
    staged = all(
        not branch.stages or sum((s.amount for s in branch.stages), Decimal(0)) == branch.amount for branch in branches
    )
    once = sum(branch.offers for branch in branches) == offers
    found = [
        Check("reasons_add_up", money == total and once, f"{money:,.2f} of {total:,.2f} over {offers} offers"),
        Check("shares_add_to_one", shares == (1 if total > 0 else 0), f"{shares:.4f}"),
        Check("stages_add_up", staged, "stages of what was approved too late add up to it"),
    ]
    if metric is not None:
        near = abs(metric - total) <= CENT
        found.append(Check("ties_to_metric", near, f"{total:,.2f} here, {metric:,.2f} in discounts missed"))
    return tuple(found)
