"""Slots of a what-if to one plan; a lever that was not understood, or lies outside its range, is refused by name."""

from __future__ import annotations

from datetime import date

from copilot.planning.gate import refusal
from copilot.planning.plan import Clock, Refuse, ScenarioPlan
from copilot.planning.slots import Slots
from copilot.simulations.levers import ExtendTerms

SHOWN = frozenset({"dpo_purchases", "spend", "purchases", "wapt", "open_ap"})
"""Figures that a what-if may name, since its answer is about them anyway."""

SUGGESTED = (
    "What if the top 20 suppliers go to net 60?",
    "What if we take every discount above 12%?",
    "What if approvals are 30% faster?",
)


def scenario_plan(slots: Slots, clock: Clock) -> ScenarioPlan | Refuse:
    """The levers in the order they were named."""
    if slots.out_of_range:
        return _refused(slots, f"This is outside what can be simulated: {'; '.join(slots.out_of_range)}.")
    if slots.unresolved:
        words = ", ".join(f'"{word[:40]}"' for word, _ in slots.unresolved)
        return _refused(
            slots,
            f"I understand the what-if except for {words}; leaving that out could change the answer, so I give none.",
        )
    if not slots.levers:
        return _refused(slots, "I find nothing in this what-if that I can change.")
    strange = [*(name for name in slots.metrics if name not in SHOWN), *slots.externals, *slots.vague]
    if strange:
        names = ", ".join(name.replace("_", " ") for name in strange)
        return _refused(slots, f"A what-if cannot be about {names}.")
    odd = _odd_choice(slots)
    if odd is not None:
        return _refused(slots, odd)
    if slots.group_by or slots.filters or slots.having or slots.compare or slots.threshold:
        return _refused(slots, "A what-if is shown as a whole, without groups or conditions on the result.")
    notes = list(slots.notes)
    until = _until(slots, clock)
    if until is not None:
        notes.append(f"Simulated to {until.isoformat()}; the table has every week.")
    if any(isinstance(lever, ExtendTerms) and lever.acceptance == 1 for lever in slots.levers):
        notes.append("Every selected supplier is taken to agree; fewer will.")
    return ScenarioPlan(
        levers=tuple(slots.levers), until=until, notes=tuple(dict.fromkeys(notes)), coverage=slots.coverage
    )


def _odd_choice(slots: Slots) -> str | None:
    """Why the suppliers that are named cannot be chosen together, or None."""
    if slots.limit is not None or slots.descending is not None:
        return 'Suppliers can be chosen by name, category, country, or as "the top 20 suppliers".'
    terms = [lever for lever in slots.levers if isinstance(lever, ExtendTerms) and lever.net_days]
    if len({lever.net_days for lever in terms}) > 1 and len({lever.selection for lever in terms}) == 1:
        return "Two new terms are named for the same suppliers; ask for each as a what-if of its own."
    if any(lever.selection.top_suppliers and lever.selection.suppliers for lever in slots.levers):
        return "The largest suppliers and others by name cannot be one choice; ask for each."
    return None


def _until(slots: Slots, clock: Clock) -> date | None:
    """The end of the period that was named, where it lies ahead."""
    reading = slots.period
    if reading is None:
        return None
    period = reading.ahead if reading.ahead and reading.period.end <= clock.data_date else reading.period
    return period.end if period.end > clock.data_date else None


def _refused(slots: Slots, message: str) -> Refuse:
    ways = (
        "Levers are: terms, discounts, payment run days, approval speed, early payment, spend, hurdle or revolver rate."
    )
    found = refusal("UNMAPPED_WORDS" if slots.unresolved else "OUT_OF_SCOPE", f"{message} {ways}", SUGGESTED)
    return found.model_copy(update={"coverage": slots.coverage})
