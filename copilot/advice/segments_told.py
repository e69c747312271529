"""Segments and who moved between them, told from the typed report."""

from __future__ import annotations

from copilot.advice.telling import Advice, Told
from copilot.narration.prose import Figure, Name, Prose, Slots, Term, fill, joined
from copilot.opportunities.segments import Mover, SegmentReport
from copilot.simulations.outcomes import Assumption
from copilot.wording import figures
from copilot.wording.quoting import quoted

LABEL = "Suppliers in segments"
MOVED = "Suppliers that changed segment"
DEFINITION = "The first rule that fits, on the invoices of 365 days, risk scores, contracts and the supplier master."
SOURCES = (
    "invoices.total-with-taxes", "invoices.net-due-date", "invoices.discount-due-date", "suppliers.on-hold",
    "suppliers.custom-fields", "contracts.end-date", "feed supplier_risk",
)  # fmt: skip
TEMPLATES = {
    "segments": "{label}: {count}. Of their purchases, {amount} are with those in {name}.",
    "moved": "{label} from {since} to {until}: {count}.",
    "first": "It starts with {name}, then in {after}.",
    "gone": "It starts with {name}, which billed nothing in the last year.",
}
"""Every sentence about segments."""


def tell_segments(found: SegmentReport, version: str, limit: int | None = None) -> Advice:
    """Every supplier with its segment and the reason, the largest first."""
    money = f"money:{found.currency}"
    top = max(found.sizes, key=lambda row: row[2], default=None)
    slots: Slots = {
        "label": Term(LABEL),
        "count": Figure(figures.headline(len(found.segments), "count"), "headline.value"),
        "amount": Figure(figures.headline(top[2] if top else 0, money), "outcome.sizes"),
        "name": Term(top[0] if top else "none"),
    }
    sizes = "; ".join(f"{name} {count} ({figures.headline(spend, money)})" for name, count, spend in found.sizes)
    return Advice(
        metric="supplier_segments",
        label=LABEL,
        value=len(found.segments),
        unit="count",
        period=found.as_of.isoformat(),
        as_of=found.as_of.isoformat(),
        reading="Segments of suppliers, and why",
        columns=(
            Told("supplier", "Supplier", "text", "dimension"), Told("segment", "Segment", "text", "dimension"),
            Told("reason", "Reason", "text", "dimension"), Told("spend", "Purchases", money),
            Told("days", "Net days", "count"),
        ),
        rows=tuple((s.supplier, s.segment, s.reason, s.spend, s.days) for s in found.segments[:limit]),
        prose=fill(TEMPLATES["segments"], slots),
        outcome=found,
        definition=DEFINITION,
        sources=SOURCES,
        terms=tuple(name for name, _, _ in found.sizes),
        caveats=(f"By segment: {sizes}.", "Who billed nothing in the last 365 days has no segment."),
        checks=found.checks,
        assumptions=(Assumption("version of the rules", version, "semantic model"),),
        follow_ups=("Spend by segment", "Which suppliers changed segment?", "DPO of discount candidates"),
    )  # fmt: skip


def tell_movers(found: SegmentReport, version: str, limit: int | None = None) -> Advice:
    """Who is in another segment than on the day before, and the rule that says so now."""
    money = f"money:{found.currency}"
    whole: Slots = {
        "label": Term(MOVED),
        "since": Figure(figures.day(found.since), "plan.start"),
        "until": Figure(figures.day(found.until), "plan.end"),
        "count": Figure(figures.headline(len(found.movers), "count"), "headline.value"),
    }
    parts = [fill(TEMPLATES["moved"], whole)]
    if found.movers:
        parts.append(_first(found.movers[0]))
    return Advice(
        metric="segment_movers",
        label=MOVED,
        value=len(found.movers),
        unit="count",
        period=f"{found.since.isoformat()}/{found.until.isoformat()}",
        as_of=found.as_of.isoformat(),
        reading=f"Suppliers whose segment on {figures.day(found.until)} is another than on {figures.day(found.since)}",
        columns=(
            Told("supplier", "Supplier", "text", "dimension"), Told("before", "Before", "text", "dimension"),
            Told("after", "After", "text", "dimension"), Told("reason", "Reason", "text", "dimension"),
            Told("spend", "Purchases", money),
        ),
        rows=tuple(
            (m.supplier, m.before or "(none)", m.after or "(none)", m.reason, m.spend) for m in found.movers[:limit]
        ),
        prose=joined(parts),
        outcome=found,
        definition=DEFINITION,
        sources=SOURCES,
        terms=tuple(name for name, _, _ in found.sizes),
        caveats=("Earlier days are worked out again from documents and scores until then; master data is today's.",),
        checks=found.checks,
        assumptions=(Assumption("version of the rules", version, "semantic model"),),
        follow_ups=("Spend by segment", "Which suppliers are in which segment?"),
    )  # fmt: skip


def _first(mover: Mover) -> Prose:
    name = Name(quoted(mover.supplier))
    if not mover.after:
        return fill(TEMPLATES["gone"], {"name": name})
    return fill(TEMPLATES["first"], {"name": name, "after": Term(mover.after)})
