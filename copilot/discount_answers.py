"""A choice of discounts as an answer: what to take on which run, what it is worth, the proof, and why others are left.

Pure, like `composition`: the engine makes the choice, this tells it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from copilot.answer import Answer, Assumption, Cell, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.composition import Turn, compose_refusal, grounded
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Figure, Prose, Slots, Term, fill, joined
from copilot.narration.retelling import told
from copilot.opportunities.discount_outcomes import (
    DiscountOutcome,
    DiscountPlan,
    DiscountsRefused,
    EarlyPayment,
    LeftOut,
    RankedOffers,
)
from copilot.opportunities.recommendation import Recommendation
from copilot.planning.discounts_decision import SUGGESTED
from copilot.planning.plan import Choice, DiscountsPlan, Refuse
from copilot.simulations.outcomes import Assumption as Input
from copilot.tabulation import json_cell
from copilot.wording import figures
from copilot.wording.quoting import clean

METRIC = "discounts_to_take"
LABELS = {"choice": "Discounts to take", "cash": "Cash paid early for discounts"}
DEFINITION = (
    "Offers whose net value at the hurdle rate is positive, chosen so that no cash floor is broken on any day of the"
    " next ninety; the yearly yield counts from the run that pays early to the run on which habit would pay."
)
SOURCES = (
    "invoices.total-with-taxes", "invoices.discount-percent", "invoices.discount-due-date", "invoices.payment-term",
    "invoices.payments.payment-date", "suppliers.do-not-accelerate", "suppliers.on-hold", "feed cash_positions",
    "feed cash_forecasts", "feed capital_rates",
)  # fmt: skip
LISTED = 50
NAMED_REASONS = 4
FOLLOW_UPS = (*SUGGESTED, "Why did we miss discounts last quarter?")


def compose_discounts(turn: Turn, plan: DiscountsPlan, outcome: DiscountOutcome) -> Answer:
    """The answer to a choice of discounts: the choice, a ranking without an optimum, or the refusal by name."""
    match outcome:
        case DiscountsRefused():
            choices = tuple(Choice(label=text, question=text) for text in SUGGESTED)
            refusal = Refuse.model_validate(
                {"reason": outcome.reason_code, "message": clean(outcome.reason, 600), "choices": choices}
            )
            return compose_refusal(turn, refusal.model_copy(update={"coverage": plan.coverage}))
        case RankedOffers():
            return _ranking(turn, plan, outcome)
        case DiscountPlan():
            return _choice(turn, plan, outcome)


def shown_of(plan: DiscountsPlan, found: DiscountPlan) -> tuple[tuple[Recommendation[EarlyPayment], ...], str]:
    """What of the choice is asked about, and a note where that is not what was said: the next run if none is left."""
    runs = [day for day, _ in found.runs]
    until, note = plan.until, ""
    if runs and (plan.next_run or (until is not None and until < runs[0])):
        if not plan.next_run:
            note = f"No run of this choice is left by {figures.day(until or runs[0])}: read as the run after it."
        until = runs[0]
    return tuple(r for r in found.taken if until is None or r.payload.pay_on <= until), note


def _choice(turn: Turn, plan: DiscountsPlan, found: DiscountPlan) -> Answer:
    shown, note = shown_of(plan, found)
    payments = [item.payload for item in shown]
    lead = _headline(plan, payments, found.currency, found.as_of)
    table = _table(payments, [item.route for item in shown], found.currency)
    prose = _prose(plan, payments, found)
    notes = (*plan.notes, *((note,) if note else ()), *_unshown(found, shown))
    caveats = (*notes, *_reasons(found.left_out), *(price.sentence for price in found.prices[:2]), *_proof(found))
    checks = tuple(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in found.checks)
    return _answer(turn, plan, lead, table, prose, caveats, found.assumptions, checks)


def _ranking(turn: Turn, plan: DiscountsPlan, found: RankedOffers) -> Answer:
    lead = _headline(plan, found.offers, found.currency, found.as_of)
    table = _table(found.offers, ["no choice"] * len(found.offers), found.currency)
    money = f"money:{found.currency}"
    saved = sum((offer.saved for offer in found.offers), Decimal(0))
    slots: Slots = {
        "count": Figure(figures.headline(len(found.offers), "count"), "outcome.offers"),
        "saved": Figure(figures.headline(saved, money), "outcome.saved"),
    }
    prose = fill(TEMPLATES["ranked"], slots)
    caveats = (*plan.notes, f"No optimum is claimed: {clean(found.missing, 300)}.", *_reasons(found.left_out))
    return _answer(turn, plan, lead, table, prose, caveats, found.assumptions, ())


def _answer(
    turn: Turn,
    plan: DiscountsPlan,
    lead: Headline,
    table: Table,
    prose: Prose,
    caveats: tuple[str, ...],
    assumptions: Sequence[Input],
    checks: tuple[CheckResult, ...],
) -> Answer:
    said = [slot.text for slot in prose.slots if isinstance(slot, Figure)]
    stray = unsupported(prose.text, support_of(lead, table, periods=said, terms=tuple(LABELS.values())))
    checks = (*checks, grounded([piece.words for piece in stray]))
    return Answer(
        status="answered",
        question=turn.question,
        reading=_reading(plan),
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(prose, turn.language),
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=caveats,
        assumptions=tuple(Assumption(name=a.name, value=clean(a.value, 300), source=a.source) for a in assumptions),
        lineage=(LineageEntry(metric=METRIC, definition=DEFINITION, fields=SOURCES),),
        freshness=turn.freshness,
        follow_ups=tuple(text for text in FOLLOW_UPS if text != turn.question),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _reading(plan: DiscountsPlan) -> str:
    parts = ["Discounts to take under the cash floors"]
    if plan.least_yield is not None:
        parts.append(f"from {figures.headline(plan.least_yield, 'ratio')} a year")
    if plan.next_run:
        parts.append("the next run")
    elif plan.until is not None:
        parts.append(f"runs by {figures.day(plan.until)}")
    return "; ".join(parts)


def _headline(plan: DiscountsPlan, payments: Sequence[EarlyPayment], currency: str, as_of: date) -> Headline:
    value = sum((p.saved if plan.shows == "choice" else p.cash for p in payments), Decimal(0))
    return Headline(
        metric=METRIC if plan.shows == "choice" else "discount_cash",
        label=LABELS[plan.shows],
        value=_cell(json_cell(value, f"money:{currency}")),
        unit=f"money:{currency}",
        period=as_of.isoformat(),
        as_of=as_of.isoformat(),
    )


def _cell(value: Cell) -> str | float | int | None:
    return value if not isinstance(value, bool) else None


def _table(payments: Sequence[EarlyPayment], routes: Sequence[str], currency: str) -> Table:
    money = f"money:{currency}"
    columns = (
        TableColumn(name="invoice", label="Invoice", role="dimension", unit="text"),
        TableColumn(name="supplier", label="Supplier", role="dimension", unit="text"),
        TableColumn(name="pay_on", label="Pay on", role="dimension", unit="date"),
        TableColumn(name="otherwise_on", label="Otherwise paid on", role="dimension", unit="date"),
        TableColumn(name="cash", label="Cash", role="metric", unit=money),
        TableColumn(name="saved", label="Saves", role="metric", unit=money),
        TableColumn(name="yearly_yield", label="Yield a year", role="metric", unit="ratio"),
        TableColumn(name="net_value", label="Worth after the hurdle", role="metric", unit=money),
        TableColumn(name="route", label="Route", role="dimension", unit="text"),
    )
    rows = tuple(
        (
            clean(p.number, 60), clean(p.supplier, 80), p.pay_on.isoformat(), p.otherwise_on.isoformat(),
            json_cell(p.cash, money), json_cell(p.saved, money), json_cell(p.yearly_yield, "ratio"),
            json_cell(p.net_value, money), route,
        )
        for p, route in list(zip(payments, routes, strict=True))[:LISTED]
    )  # fmt: skip
    return Table(columns=columns, rows=rows, row_count=len(payments), truncated=len(payments) > LISTED)


TEMPLATES = {
    "taken": "{label}: {count} invoices paid early save {saved} for {cash} of cash, worth {worth} after the hurdle.",
    "none": "No offer is worth taking on the runs of that time.",
    "cash": "With the floor of the company kept, {room} of cash is left on {day}, the day on which it is tightest.",
    "proof": "Over all runs the choice is worth {value}; {bound} is the proven limit of any choice.",
    "ranked": "{count} offers pass the hurdle and would save {saved}; they are ranked by yield only.",
}
"""Every sentence of a choice of discounts."""


def _prose(plan: DiscountsPlan, payments: Sequence[EarlyPayment], found: DiscountPlan) -> Prose:
    money = f"money:{found.currency}"

    def amount(value: Decimal, source: str) -> Figure:
        return Figure(figures.headline(value, money), source)

    parts = [fill(TEMPLATES["none"], {})]
    if payments:
        slots: Slots = {
            "label": Term(LABELS[plan.shows]),
            "count": Figure(figures.headline(len(payments), "count"), "table.rows"),
            "saved": amount(sum((p.saved for p in payments), Decimal(0)), "table.saved"),
            "cash": amount(sum((p.cash for p in payments), Decimal(0)), "table.cash"),
            "worth": amount(sum((p.net_value for p in payments), Decimal(0)), "table.net_value"),
        }
        parts = [fill(TEMPLATES["taken"], slots)]
    day = Figure(figures.day(found.lowest_day), "outcome.lowest_day")
    parts.append(fill(TEMPLATES["cash"], {"room": amount(found.lowest_room, "outcome.lowest_room"), "day": day}))
    proof: Slots = {"bound": amount(found.bound, "outcome.bound"), "value": amount(found.value, "outcome.value")}
    parts.append(fill(TEMPLATES["proof"], proof))
    return joined(parts)


def _unshown(found: DiscountPlan, shown: Sequence[Recommendation[EarlyPayment]]) -> tuple[str, ...]:
    later = len(found.taken) - len(shown)
    if not later:
        return ()
    return (f"{later} more offers are best taken on later runs: their windows are still open then.",)


def _reasons(left: Sequence[LeftOut]) -> tuple[str, ...]:
    """Why offers are left out: counts by reason, and the most valuable one of each."""
    counts = Counter(item.reason for item in left)
    found = []
    for reason, count in counts.most_common(NAMED_REASONS):
        first = next(item for item in left if item.reason == reason)
        detail = f"{clean(first.number, 40)}, {clean(first.supplier, 60)}: {clean(first.detail, 250)}"
        found.append(f"Left out, {reason}: {count} {'offer' if count == 1 else 'offers'}, such as {detail}.")
    return tuple(found)


def _proof(found: DiscountPlan) -> tuple[str, ...]:
    """How far the search went, and what rules of thumb and more cash would have made of it."""
    gap = figures.headline(found.gap, "ratio")
    lines = [f"Search: {found.method}; at most {gap} of the bound is missing."]
    money = f"money:{found.currency}"
    if found.method != "all fit":
        lost = ", ".join(f"{name} {figures.headline(loss, money)}" for name, loss in found.lost_by_rule.items())
        lines.append(f"Rules of thumb would have earned less by: {lost}.")
    if found.more_cash is not None:
        extra = figures.headline(found.more_cash.extra, money)
        lines.append(f"With {extra} more cash, {figures.headline(found.more_cash.gain, money)} more could be earned.")
    return tuple(lines)
