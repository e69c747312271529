"""Slots to an opportunity; what it cannot be asked with is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from copilot.planning.gate import refusal
from copilot.planning.plan import Clock, OpportunityPlan, OpportunityView, Refuse
from copilot.planning.slots import OpportunityAsk, Slots
from semantic_layer.periods import Period

SUGGESTED = (
    "Which suppliers should we renegotiate terms with?",
    "Where can we extend terms in EMEA?",
    "Which suppliers have several payment terms?",
)
FIELDS = frozenset(
    ["supplier", "parent", "category", "supplier_country", "buying_entity", "entity_country", "region", "currency"]
)
"""What the documents behind an opportunity can be limited by."""
LISTED = frozenset({"supplier", "parent", "segment"})
"""What is listed anyway."""

_PILOT = "A pilot is judged whole, over its own suppliers and weeks; leave the rest out."
_PROPOSALS = "Proposals are told by their state and the day they were made; leave the rest out."
_TERMS = "Terms are compared over the last 365 days; leave the time out."
_SEGMENTS = "Segments are told for all suppliers; ask for a figure by segment instead."
UNFILTERED: Mapping[OpportunityView, str] = {
    "segments": _SEGMENTS,
    "movers": _SEGMENTS,
    "pilot": _PILOT,
    "proposals": _PROPOSALS,
}
"""Why some are told for everything at once."""
TIMELESS: Mapping[OpportunityView, str] = {
    "terms": _TERMS,
    "term_mismatches": _TERMS,
    "several_terms": _TERMS,
    "duplicates": "Invoices are compared over all days; leave the time out.",
    "pilot": _PILOT,
}
"""Why some have no time."""


def opportunity_plan(slots: Slots, asked: OpportunityAsk, clock: Clock) -> OpportunityPlan | Refuse:
    """The plan, or why it cannot be had that way."""
    if slots.unresolved:
        words = ", ".join(f'"{word[:40]}"' for word, _ in slots.unresolved)
        return _refused(slots, "UNMAPPED_WORDS", f"I understand the question except for {words}; so I propose nothing.")
    if slots.absent:
        kind, value = slots.absent[0]
        return _refused(slots, "UNKNOWN_VALUE", f'The mirror has no {kind.replace("_", " ")} "{value[:40]}".')
    if slots.unclear:
        return _refused(
            slots, "AMBIGUOUS_VALUE", f'"{slots.unclear[0].words[:60]}" fits several values; write it in full.'
        )
    strange = [f.field for f in slots.filters if f.field not in FIELDS or f.op not in {"=", "in", "!=", "not in"}]
    grouped = bool(set(slots.group_by) - LISTED or slots.metrics or slots.externals or slots.limit_per)
    if strange or grouped or slots.having or slots.compare or slots.bound_on_group or slots.known_on or slots.rolling:
        message = (
            "Opportunities can be limited by supplier, category, country, entity, region or currency, nothing else."
        )
        return _refused(slots, "OUT_OF_SCOPE", message)
    if slots.limit is not None and asked.net_days is not None:
        return _refused(
            slots, "OUT_OF_SCOPE", "A named term is asked of suppliers by name, country, category or region."
        )
    period = slots.period.period if slots.period else None
    if period is not None and period.start > clock.data_date:
        return _refused(slots, "OUT_OF_SCOPE", f"{period} is still to come.")
    whole = (slots.filters and UNFILTERED.get(asked.shows)) or (period is not None and TIMELESS.get(asked.shows))
    if whole:
        return _refused(slots, "OUT_OF_SCOPE", whole)
    return OpportunityPlan(
        shows=asked.shows,
        filters=tuple(slots.filters),
        net_days=asked.net_days,
        stage=asked.stage,
        within_days=asked.within_days,
        state=asked.state,
        limit=slots.limit,
        start=period.start if period else None,
        end=_last_day(period, asked, clock) if period else None,
        notes=tuple(dict.fromkeys(slots.notes)),
        coverage=slots.coverage,
    )


def _last_day(period: Period, asked: OpportunityAsk, clock: Clock) -> date:
    """The last day that is asked about. Proposals are made until today, whatever day the mirror ends on."""
    if asked.shows == "proposals" and period.end >= clock.data_date:
        return clock.today
    return min(period.end, clock.data_date)


def _refused(slots: Slots, reason: str, message: str) -> Refuse:
    found = refusal("OUT_OF_SCOPE", message, SUGGESTED)
    return Refuse.model_validate(found.model_dump() | {"reason": reason, "coverage": slots.coverage})
