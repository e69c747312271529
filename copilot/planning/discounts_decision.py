"""Slots to a choice of discounts; what it cannot be asked with is refused by name."""

from __future__ import annotations

from copilot.planning.gate import refusal
from copilot.planning.plan import Clock, DiscountsPlan, MissedDiscountsPlan, Refuse
from copilot.planning.slots import DiscountAsk, Slots
from semantic_layer.periods import bucket, shift

SUGGESTED = (
    "Which discounts should we take this week?",
    "Cash-constrained discounts for the next run",
    "What would taking all discounts above 12 % cost in cash?",
)


def discounts_plan(
    slots: Slots, asked: DiscountAsk, clock: Clock, fiscal: int = 1
) -> DiscountsPlan | MissedDiscountsPlan | Refuse:
    """The plan, or why it cannot be had that way: a choice is made for the whole company, over all offers."""
    if slots.unresolved:
        words = ", ".join(f'"{word[:40]}"' for word, _ in slots.unresolved)
        return _refused(
            slots, "UNMAPPED_WORDS", f"I understand the choice of discounts except for {words}; so I give none."
        )
    if slots.group_by or slots.filters or slots.having or slots.compare or slots.metrics or slots.externals:
        message = "Discounts are chosen over all offers and all cash at once, without groups or conditions."
        return _refused(slots, "OUT_OF_SCOPE", message)
    if asked.shows == "missed":
        return _missed(slots, clock, fiscal)
    reading = slots.period
    until = None
    if reading is not None:
        until = (reading.ahead if reading.ahead and reading.period.end <= clock.data_date else reading.period).end
        if until <= clock.data_date:
            message = f"{reading.period} lies in the past: offers are chosen for runs to come."
            return _refused(slots, "OUT_OF_SCOPE", message)
    return DiscountsPlan(
        shows="cash" if asked.shows == "cash" else "choice",
        until=until,
        next_run=asked.next_run,
        least_yield=asked.least_yield,
        notes=tuple(dict.fromkeys(slots.notes)),
        coverage=slots.coverage,
    )


def _missed(slots: Slots, clock: Clock, fiscal: int) -> MissedDiscountsPlan | Refuse:
    """The period that was named, else the last quarter that is over."""
    named = slots.period is not None
    period = (
        slots.period.period if slots.period else shift(bucket(clock.today, "quarter", fiscal), "quarter", -1, fiscal)
    )
    if period.start > clock.data_date:
        return _refused(slots, "OUT_OF_SCOPE", f"{period} is still to come: nothing was missed then.")
    note = () if named else (f"No time was named: read as {period}.",)
    return MissedDiscountsPlan(
        start=period.start,
        end=min(period.end, clock.data_date),
        notes=tuple(dict.fromkeys((*slots.notes, *note))),
        coverage=slots.coverage,
    )


def _refused(slots: Slots, reason: str, message: str) -> Refuse:
    found = refusal("UNMAPPED_WORDS" if reason == "UNMAPPED_WORDS" else "OUT_OF_SCOPE", message, SUGGESTED)
    return found.model_copy(update={"coverage": slots.coverage})
