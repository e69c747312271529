"""Longer terms, mismatches and families on several terms, told from their typed outcomes."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from copilot.advice.telling import Advice, Told
from copilot.narration.prose import Figure, Name, Prose, Slots, Term, fill, joined
from copilot.opportunities.recommendation import Recommendation
from copilot.opportunities.term_mismatches import MismatchReport
from copilot.opportunities.term_outcomes import LeftSupplier, TermChange, TermOpportunities
from copilot.opportunities.terms import OVER_CAP
from copilot.wording import figures
from copilot.wording.quoting import clean, quoted

LABEL = "Cash that longer terms would free"
BENEFIT = "Yearly benefit"
DEFINITION = (
    "For each supplier: purchases of 365 days / 365 x added days x acceptance x pass-through. The target is the least"
    " of the legal cap, the company's standard and the peers' upper quarter; pass-through takes off days already late."
)
SOURCES = (
    "invoices.total-with-taxes", "invoices.invoice-date", "invoices.net-due-date", "invoices.payments.payment-date",
    "suppliers.commodity", "suppliers.primary-address", "suppliers.custom-fields", "contracts.end-date",
    "contracts.payment-term", "feed supplier_risk", "feed capital_rates",
)  # fmt: skip
NAMED_REASONS = 6
NAMED_BREACHES = 5
TEMPLATES = {
    "found": "{label}: {cash} expected from {count} suppliers, worth {benefit} a year at the hurdle rate.",
    "first": "It starts with {name}: net {now} to net {target}, {cash} of cash.",
    "none": "No supplier is worth asking: {count} were looked at, each with the reason why not.",
    "mismatch": "{label}: {cash} on {count} invoices of {suppliers} suppliers.",
    "agreed": "Every invoice has at least the days of its order, its contract and the supplier master.",
    "several": "{count} supplier families bill on terms of different lengths; aligning them would free {cash}.",
    "family": "It starts with {name} on {terms} terms.",
    "none_several": "Every supplier family bills on the same terms throughout.",
}
"""Every sentence about terms."""


def tell_terms(found: TermOpportunities, where: str, limit: int | None = None) -> Advice:
    """Proposals, the best first; `where` says which documents, `limit` how many rows."""
    money = f"money:{found.currency}"
    shown = found.found[:limit]
    day = found.as_of.isoformat()
    return Advice(
        metric="term_cash_released",
        label=LABEL,
        value=found.cash_released,
        unit=money,
        period=day,
        as_of=day,
        reading=_reading("Longer payment terms against peers, law and policy", where),
        columns=(
            Told("supplier", "Supplier", "text", "dimension"), Told("country", "Country", "text", "dimension"),
            Told("category", "Category", "text", "dimension"), Told("current", "Net days", "count"),
            Told("target", "Target", "count"), Told("opening", "Open at", "count"),
            Told("least", "Walk away at", "count"),
            Told("peers", "Peers", "text", "dimension"), Told("cash", "Cash expected", money),
            Told("benefit", BENEFIT, money), Told("cost", "Supplier's yearly cost if agreed", money),
            Told("give", "Price-neutral give", "ratio"), Told("late", "Our days late", "days"),
            Told("score", "Score", "count"), Told("route", "Route", "text", "dimension"),
        ),
        rows=tuple(_row(item) for item in shown),
        prose=joined(_sentences(found, money)),
        outcome=found,
        definition=DEFINITION,
        sources=SOURCES,
        terms=(BENEFIT,),
        caveats=(*_breaches(found.left_out), *_reasons(found.left_out), *_notes(found)),
        checks=found.checks,
        assumptions=found.assumptions,
        follow_ups=("Which suppliers have several payment terms?", "Where can we extend terms in EMEA?"),
    )  # fmt: skip


def _reading(what: str, where: str) -> str:
    return f"{what}; {where}" if where else what


def _row(item: Recommendation[TermChange]) -> tuple[str | int | Decimal, ...]:
    c = item.payload
    peers = f"{c.peers.n} of the same {c.peers.level}, {c.peers.first} to {c.peers.last}"
    return (
        c.supplier, c.country, c.category, c.current_days, c.target_days, c.opening_days, c.least_days, peers,
        c.cash_released, c.yearly_benefit, c.supplier_cost, c.price_give, c.days_late, c.score.total, item.route,
    )  # fmt: skip


def _sentences(found: TermOpportunities, money: str) -> list[Prose]:
    if not found.found:
        count = Figure(figures.headline(len(found.left_out), "count"), "outcome.left_out")
        return [fill(TEMPLATES["none"], {"count": count})]
    best = found.found[0].payload
    whole: Slots = {
        "label": Term(LABEL),
        "cash": Figure(figures.headline(found.cash_released, money), "headline.value"),
        "count": Figure(figures.headline(len(found.found), "count"), "outcome.found"),
        "benefit": Figure(figures.headline(found.yearly_benefit, money), "outcome.yearly_benefit"),
    }
    first: Slots = {
        "name": Name(quoted(best.supplier)),
        "now": Figure(str(best.current_days), "table.current"),
        "target": Figure(str(best.target_days), "table.target"),
        "cash": Figure(figures.headline(best.cash_released, money), "table.cash"),
    }
    return [fill(TEMPLATES["found"], whole), fill(TEMPLATES["first"], first)]


def _breaches(left: tuple[LeftSupplier, ...]) -> tuple[str, ...]:
    over = [item for item in left if item.reason == OVER_CAP]
    if not over:
        return ()
    named = "; ".join(f"{clean(i.supplier, 60)}: {clean(i.detail, 200)}" for i in over[:NAMED_BREACHES])
    more = f"; and {len(over) - NAMED_BREACHES} more" if len(over) > NAMED_BREACHES else ""
    return (f"Over a cap that agreement cannot extend, so to be shortened (verify with counsel): {named}{more}.",)


def _reasons(left: tuple[LeftSupplier, ...]) -> tuple[str, ...]:
    counts = Counter(item.reason for item in left if item.reason != OVER_CAP)
    found = []
    for reason, count in counts.most_common(NAMED_REASONS):
        first = next(item for item in left if item.reason == reason)
        found.append(f"Left out, {reason}: {count}, such as {clean(first.supplier, 60)}: {clean(first.detail, 200)}.")
    return tuple(found)


def _notes(found: TermOpportunities) -> tuple[str, ...]:
    notes = ["A change of terms is always decided by people, procurement and treasury together; nothing is sent."]
    if any(item.payload.cap for item in found.found):
        notes.append("Legal caps are a table with sources and dates: verify with counsel before asking.")
    return tuple(notes)


def tell_mismatches(found: MismatchReport, where: str, limit: int | None = None) -> Advice:
    """Invoices with shorter terms than agreed, by supplier."""
    money = f"money:{found.currency}"
    label = "Cash lost to terms shorter than agreed"
    cash = sum((item.payload.cash_held for item in found.mismatches), Decimal(0))
    count = sum(item.payload.invoices for item in found.mismatches)
    slots: Slots = {
        "label": Term(label),
        "cash": Figure(figures.headline(cash, money), "headline.value"),
        "count": Figure(figures.headline(count, "count"), "outcome.invoices"),
        "suppliers": Figure(figures.headline(len(found.mismatches), "count"), "outcome.mismatches"),
    }
    day = found.as_of.isoformat()
    return Advice(
        metric="term_mismatch_cash",
        label=label,
        value=cash,
        unit=money,
        period=day,
        as_of=day,
        reading=_reading("Invoices with shorter terms than agreed, 365 days by invoice date", where),
        columns=(
            Told("supplier", "Supplier", "text", "dimension"), Told("invoices", "Invoices", "count"),
            Told("amount", "Amount", money), Told("days", "Days short", "days"),
            Told("agreed_in", "Agreed in", "text", "dimension"), Told("cash", "Cash held less", money),
            Told("cost", "Cost a year", money), Told("route", "Route", "text", "dimension"),
        ),
        rows=tuple(
            (c.supplier, c.invoices, c.amount, c.mean_days, c.agreed_in, c.cash_held, c.cost, item.route)
            for item in found.mismatches[:limit]
            for c in (item.payload,)
        ),
        prose=fill(TEMPLATES["mismatch" if found.mismatches else "agreed"], slots),
        outcome=found,
        definition="Amount x (longest days of order, contract or master - days of the invoice) / 365, where shorter.",
        sources=(
            "invoices.payment-term", "purchase_orders.payment-term", "contracts.payment-term", "suppliers.payment-term",
        ),
        caveats=(
            "Terms by calendar day have no net days and agree on nothing here.",
            f"Set apart, billed before the master's term of today was in use: {figures.headline(found.older, money)}.",
        ),
        checks=found.checks,
        follow_ups=("Which suppliers have several payment terms?",),
    )  # fmt: skip


def tell_several(found: MismatchReport, where: str, limit: int | None = None) -> Advice:
    """Supplier families that bill on several terms."""
    money = f"money:{found.currency}"
    cash = sum((item.cash_released for item in found.several), Decimal(0))
    slots: Slots = {
        "count": Figure(figures.headline(len(found.several), "count"), "headline.value"),
        "cash": Figure(figures.headline(cash, money), "outcome.cash_released"),
    }
    parts = [fill(TEMPLATES["several" if found.several else "none_several"], slots)]
    if found.several:
        first = found.several[0]
        number = Figure(figures.headline(len(first.terms), "count"), "table.terms")
        parts.append(fill(TEMPLATES["family"], {"name": Name(quoted(first.family)), "terms": number}))
    day = found.as_of.isoformat()
    return Advice(
        metric="families_on_several_terms",
        label="Supplier families on several terms",
        value=len(found.several),
        unit="count",
        period=day,
        as_of=day,
        reading=_reading("Supplier families on several payment terms, 365 days by invoice date", where),
        columns=(
            Told("family", "Supplier family", "text", "dimension"), Told("suppliers", "Suppliers", "count"),
            Told("count", "Terms", "count"), Told("terms", "Terms with their share", "text", "dimension"),
            Told("spend", "Purchases", money), Told("longest", "Longest lawful", "count"),
            Told("cash", "Cash if aligned", money),
        ),
        rows=tuple(
            (
                item.family, item.suppliers, len(item.terms),
                ", ".join(f"{term} {share:.0%}" for term, _, share, _ in item.terms), item.spend, item.longest,
                item.cash_released,
            )
            for item in found.several[:limit]
        ),
        prose=joined(parts),
        outcome=found,
        definition=(
            "Terms with at least two invoices and 5 % of a family's money in 365 days; a family is a parent with its"
            " suppliers."
        ),
        sources=("invoices.payment-term", "suppliers.parent"),
        caveats=("Cash if aligned: all on the longest lawful term in use, paid to the day; not agreed with anybody.",),
        checks=found.checks,
        follow_ups=("Which suppliers should we renegotiate terms with?",),
    )  # fmt: skip
