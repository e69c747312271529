"""Invoices that were probably sent twice, told from the typed report."""

from __future__ import annotations

from decimal import Decimal

from copilot.advice.telling import Advice, Told
from copilot.narration.prose import Figure, Name, Slots, Term, fill, joined
from copilot.opportunities.duplicates import DuplicateReport
from copilot.wording import figures
from copilot.wording.quoting import quoted

LABEL = "At stake on invoices sent twice"
DEFINITION = (
    "Invoices that repeat an earlier one by their number (the same, with a prefix, with a letter for a digit, or the"
    " same from another supplier) and by their amount; what was paid on the later one, else its amount."
)
TEMPLATES = {
    "found": "{label}: {value} on {count} invoices; {recoverable} of it was paid on the repeat as well.",
    "first": "It starts with {name}: {amount}.",
    "none": "None of the {count} invoices repeats another by number and amount.",
}
"""Every sentence about invoices sent twice."""


def tell_duplicates(found: DuplicateReport, where: str, limit: int | None = None) -> Advice:
    """Pairs, the dearest first."""
    money = f"money:{found.currency}"
    value = found.recoverable + found.avoidable
    slots: Slots = {
        "label": Term(LABEL),
        "value": Figure(figures.headline(value, money), "headline.value"),
        "count": Figure(figures.headline(len(found.pairs), "count"), "outcome.pairs"),
        "recoverable": Figure(figures.headline(found.recoverable, money), "outcome.recoverable"),
    }
    looked_at: Slots = {"count": Figure(figures.headline(found.looked_at, "count"), "outcome.looked_at")}
    parts = [fill(TEMPLATES["found"], slots) if found.pairs else fill(TEMPLATES["none"], looked_at)]
    if found.pairs:
        top = found.pairs[0].payload
        amount = Figure(figures.headline(top.exposure, money), "table.at_stake")
        parts.append(fill(TEMPLATES["first"], {"name": Name(quoted(top.second.supplier)), "amount": amount}))
    day = found.as_of.isoformat()
    reading = "Invoices that were probably sent twice"
    return Advice(
        metric="sent_twice",
        label=LABEL,
        value=value if found.pairs else Decimal(0).quantize(Decimal("0.01")),
        unit=money,
        period=day,
        as_of=day,
        reading=f"{reading}; {where}" if where else reading,
        columns=(
            Told("supplier", "Supplier", "text", "dimension"), Told("invoice", "Invoice", "text", "dimension"),
            Told("date", "Date", "date", "dimension"), Told("repeats", "Repeats", "text", "dimension"),
            Told("of", "Of", "date", "dimension"), Told("from", "From", "text", "dimension"),
            Told("evidence", "Evidence", "text", "dimension"), Told("state", "State", "text", "dimension"),
            Told("at_stake", "At stake", money), Told("route", "Route", "text", "dimension"),
        ),
        rows=tuple(
            (
                p.second.supplier, p.second.number, p.second.day, p.first.number, p.first.day, p.first.supplier,
                p.evidence, p.state, p.exposure, item.route,
            )
            for item in found.pairs[:limit]
            for p in (item.payload,)
        ),
        prose=joined(parts),
        outcome=found,
        definition=DEFINITION,
        sources=(
            "invoices.invoice-number", "invoices.supplier", "invoices.invoice-date", "invoices.gross-total",
            "invoices.payments.amount-paid",
        ),
        caveats=(
            "A person looks at both documents before anything is claimed back or held.",
            "Invoices alike in amount and date only, such as rent, are in the figure of possible duplicates, not here.",
        ),
        checks=found.checks,
        follow_ups=("Possible duplicates", "Paid on possible duplicates this year"),
    )  # fmt: skip
