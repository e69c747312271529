"""Questions put together from parts whose meaning is known, in any order: no part may be lost, turned round or moved elsewhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from copilot.planning.plan import Clock, MetricPlan
from copilot.planning.rule_planner import RulePlanner
from semantic_layer.query import MetricQuery

FLOWS = {
    "spend": ("spend", "total spend"), "discount_missed": ("missed discounts", "discounts missed"),
    "payments_made": ("payments made", "payments"), "late_rate": ("late rate", "late payment rate"), "dpo_paid": ("days to pay",),
    "invoice_count": ("number of invoices",), "cycle_time_approval": ("approval time",),
}  # fmt: skip
BALANCES = {
    "open_ap": ("open AP", "unpaid invoices", "accounts payable"), "past_due_ap": ("overdue", "past due AP", "overdue balance"),
    "dpo_purchases": ("DPO",), "past_due_count": ("number of overdue invoices",),
}  # fmt: skip
CONDITIONS = (
    (("in Germany", "for the German entity"), "entity_country = Germany"),
    (("excluding marketing", "without marketing", "ex marketing"), "category != Marketing"),
    (("in EMEA", "for EMEA"), "region = EMEA"),
    (("for Kelxovia", "with Kelxovia"), "supplier = Kelxovia Tooling SA"),
    (("for invoices over 50k", "on invoices above 50,000"), "invoice_amount > 50000"),
    (("for suppliers in France", "with french suppliers"), "supplier_country = FR"),
    (("on net 30 terms", "with terms net 30"), "payment_term = Net 30"),
    (("for marketing and logistics",), "category in Logistics, Marketing"),
    (("outside APAC", "except APAC"), "region != APAC"),
    (("for german and french suppliers",), "supplier_country in DE, FR"),
)
AGES = (
    (("over 60 days past due", "overdue by more than 60 days"), "days_past_due > 60"),
    (("over 90 days old",), "days_since_invoice > 90"),
)
GROUPS = (
    (("by supplier", "per vendor"), "supplier", "suppliers"), (("by entity",), "buying_entity", "entities"),
    (("by region",), "region", "regions"), (("by category", "per category"), "category", "categories"),
)  # fmt: skip
PERIODS = (
    (("in Q3", "q3"), "2026-07-01..2026-09-30"), (("last month", "in October"), "2026-10-01..2026-10-31"),
    (("in 2025",), "2025-01-01..2025-12-31"), (("ytd", "this year"), "2026-01-01..2026-11-21"),
)  # fmt: skip
POLITE = ("", "", "", "pls show ", "what is our ", "tell me the ")
PARTS_OF_ONE_QUESTION = 2


@dataclass(frozen=True)
class Composed:
    """A question and what it says, slot by slot."""

    text: str
    slots: tuple[object, ...]


def compose(chance: random.Random) -> Composed:
    """A question of a figure, up to three conditions, a grouping or ranking, and a period, in any order."""
    balance = chance.random() < 0.4
    figure, words = chance.choice(sorted((BALANCES if balance else FLOWS).items()))
    chosen = {
        said.split()[0]: (text, said)
        for text, said in chance.sample(CONDITIONS, chance.randint(0, PARTS_OF_ONE_QUESTION))
    }
    conditions = [(chance.choice(texts), said) for texts, said in chosen.values()]
    if figure in {"open_ap", "past_due_ap"} and chance.random() < 0.3:
        texts, said = chance.choice(AGES)
        conditions.append((chance.choice(texts), said))
    group = chance.choice(GROUPS) if chance.random() < 0.6 else None
    period = chance.choice(PERIODS) if chance.random() < 0.6 else None
    top = chance.choice((None, 3)) if group else None
    lead = f"top {top} {group[2]} by {chance.choice(words)}" if group and top else chance.choice(words)
    rest = [text for text, _said in conditions] + ([chance.choice(period[0])] if period else [])
    rest += [chance.choice(group[0])] if group and not top else []
    chance.shuffle(rest)
    first = [f"{rest.pop()},"] if rest and not top and chance.random() < 0.2 else []
    text = f"{chance.choice(POLITE)}{' '.join([*first, lead, *rest])}"
    all_said = tuple(sorted(said for _text, said in conditions))
    return Composed(text, (figure, all_said, group[1] if group else None, period[1] if period else None, top))


def slots_of(query: MetricQuery, asked: Composed) -> tuple[object, ...]:
    """The slots of a query in the words of the composition; a period that was not asked for is none."""
    conditions = sorted(f"{f.field} {f.op} {', '.join(sorted(f.values))}" for f in query.filters)
    period = f"{query.period.start}..{query.period.end}" if query.period and asked.slots[3] else None
    groups = ", ".join(query.group_by) or None
    return (", ".join(query.metrics), tuple(conditions), groups, period, query.limit)


@pytest.mark.parametrize("seed", range(4))
def test_no_part_of_a_composed_question_is_lost(planner: RulePlanner, clock: Clock, seed: int) -> None:
    """Whatever the order and the words, an answer has just the parts of its question, and nearly all are answered."""
    chance = random.Random(seed)  # noqa: S311 (examples)
    asked = [compose(chance) for _ in range(250)]
    plans = [planner.plan(question.text, clock) for question in asked]
    answered = [(q, p) for q, p in zip(asked, plans, strict=True) if isinstance(p, MetricPlan)]
    wrong = [
        f"{q.text}: {q.slots} became {slots_of(p.query, q)}" for q, p in answered if slots_of(p.query, q) != q.slots
    ]
    assert not wrong, shown(wrong)
    assert len(answered) >= 0.98 * len(asked)


def shown(wrong: Sequence[str]) -> str:
    """A few of the failures, a line each."""
    return "\n".join(wrong[:10])


BOUNDED = {
    "spend": ("spend", "100k", "100000"), "open_ap": ("open AP", "1m", "1000000"), "past_due_ap": ("overdue", "50,000", "50000"),
    "late_rate": ("late rate", "20%", "0.2"), "discount_capture_rate": ("capture rate", "50 percent", "0.5"),
    "dpo_purchases": ("DPO", "45 days", "45"), "cycle_time_approval": ("approval time", "5 days", "5"),
    "past_due_count": ("number of overdue invoices", "10", "10"),
}  # fmt: skip
OPERATORS = {"over": ">", "more than": ">", "under": "<", "less than": "<", "at least": ">=", "at most": "<="}


@pytest.mark.parametrize("seed", range(2))
def test_bounds_on_groups_stay_with_their_figure(planner: RulePlanner, clock: Clock, seed: int) -> None:
    """As in "entities with overdue over 100k and number of invoices under 5 in Germany": each bound is of its own figure."""
    chance = random.Random(seed)  # noqa: S311 (examples)
    for _ in range(150):
        names = chance.sample(sorted(BOUNDED), chance.randint(1, PARTS_OF_ONE_QUESTION))
        bounds = [(name, *BOUNDED[name], chance.choice(sorted(OPERATORS))) for name in names]
        _by, group, noun = chance.choice(GROUPS)
        texts, said = chance.choice(CONDITIONS[:4])
        parts = " and ".join(f"{words} {how} {amount}" for _name, words, amount, _value, how in bounds)
        plan = planner.plan(f"{noun} with {parts} {texts[0]}", clock)
        assert isinstance(plan, MetricPlan), parts
        having = {(h.metric, h.op, format(h.value, "f")) for h in plan.query.having}
        assert having == {(name, OPERATORS[how], value) for name, _words, _amount, value, how in bounds}, parts
        assert plan.query.group_by == (group,)
        assert [f"{f.field} {f.op} {', '.join(f.values)}" for f in plan.query.filters] == [said], parts


TIMES = (
    "Q3", "3Q26", "in Q3 2025", "Jul-Sep", "third quarter", "last month", "this quarter", "last year", "ytd", "mtd", "last 3 months",
    "last 4 quarters", "last 90 days", "this week", "yesterday", "since July", "since 1 July", "in October", "october 2025", "in 2025", "FY26",
    "H1 2025", "week 42", "on 31.10.", "on 31 October", "as of 30 June", "end of September", "month end", "year end 2025",
    "from January to March", "between March and May", "from 3 to 10 March 2026", "rolling 12 months", "l3m", "two quarters ago",
    "a year ago", "the month before last", "first nine months", "April to date", "three months ended September", "first half of October",
    "last half year",
)  # fmt: skip


@pytest.mark.parametrize("figure", ["spend", "open AP", "late rate"])
def test_time_means_the_same_wherever_it_stands(planner: RulePlanner, clock: Clock, figure: str) -> None:
    """The period does not hang on its place in the question, nor on what stands beside it."""
    for when in TIMES:
        forms = [f"{figure} {when} by supplier", f"{figure} by supplier {when}", f"{when}, {figure} by supplier"]
        forms += [f"{figure} by supplier in Germany {when}", f"{figure} excluding marketing {when} by supplier"]
        plans = [planner.plan(text, clock) for text in forms]
        queries = [plan.query for plan in plans if isinstance(plan, MetricPlan)]
        assert len(queries) == len(forms), when
        read = {(str(q.period.start), str(q.period.end), frozenset(q.group_by)) for q in queries if q.period}
        assert len(read) == 1, (when, read)
        assert [len(q.filters) for q in queries] == [0, 0, 0, 1, 1], when
