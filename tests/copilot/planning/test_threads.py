"""Follow-ups keep what was on screen, or say what became of it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from copilot.conversation import Choosing, ThreadState, converse, remembering
from copilot.planning.plan import Clarify, Clock, ForecastPlan, MetricPlan, Refuse, ScenarioPlan, WhyPlan
from copilot.planning.rule_planner import RulePlanner
from semantic_layer.query import MetricQuery

THREE = ("Fenvanzar Polymers plc", "Orion Freight AB", "Hollolis Grid LLC")


class Chat:
    """A thread that takes one question after the other; answers with one grouping show three rows."""

    def __init__(self, planner: RulePlanner, clock: Clock, rows: tuple[str | None, ...] = THREE) -> None:
        self.state, self._planner, self._clock, self._rows = ThreadState(), planner, clock, rows

    def says(self, question: str) -> Any:
        """The plan of the next question; the state goes through JSON, as in the store."""
        plan, state = converse(self.state, question, self._planner, self._clock)
        if isinstance(plan, MetricPlan):
            names = [*plan.query.group_by, *plan.query.metrics]
            shown = [[name, *(0 for _ in names[1:])] for name in self._rows]
            state = remembering(state, names, shown, self._planner.layer.values)
        self.state = ThreadState.model_validate_json(state.model_dump_json())
        return plan


@pytest.fixture
def chat(planner: RulePlanner, clock: Clock) -> Chat:
    """A new thread."""
    return Chat(planner, clock)


def conditions(plan: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    """The filters of a plan without the words they came from."""
    return [(f.field, f.op, f.values) for f in plan.query.filters]


@pytest.mark.parametrize(
    ("first", "follow", "metric"),
    [
        ("open AP in GBP", "how many invoices", "open_invoice_count"),
        ("overdue in Germany as of 30 Sep", "how many invoices is that", "past_due_count"),
        ("discounts missed in Q3 for Germany", "count of invoices", "discount_missed_count"),
        ("spend with Marketing last month", "how many are there?", "invoice_count"),
        ("number of open invoices in Germany", "$?", "open_ap"),
    ],
)
def test_how_many_keeps_the_conditions(chat: Chat, first: str, follow: str, metric: str) -> None:
    """The count of the documents on screen: same filters, same period, another figure, and that is said."""
    before = chat.says(first)
    after = chat.says(follow)
    assert after.query.metrics == (metric,)
    assert (conditions(after), after.query.period) == (conditions(before), before.query.period)
    assert after.notes[0].startswith("Changed: now")


def test_how_many_without_a_count_is_asked(chat: Chat) -> None:
    """DPO counts nothing: the counts that are offered keep the conditions."""
    chat.says("dpo for Germany as of 30 June")
    asked = chat.says("how many")
    assert isinstance(asked, Clarify)
    chosen = chat.says("2")
    assert chosen.query.metrics == ("open_invoice_count",)
    assert conditions(chosen) == [("entity_country", "=", ("Germany",))]
    assert chosen.query.period.end.isoformat() == "2026-06-30"


@pytest.mark.parametrize("follow", ["no, France", "no France", "sorry, France", "i meant France", "No - France"])
def test_a_correction_replaces(chat: Chat, follow: str) -> None:
    """A correction takes the place of the condition before; it is no exclusion."""
    chat.says("dpo")
    chat.says("Germany only")
    assert conditions(chat.says(follow)) == [("entity_country", "=", ("France",))]


def test_a_correction_of_another_kind_replaces_the_last_condition(chat: Chat) -> None:
    """Marketing instead of Germany, and the line names both."""
    chat.says("spend")
    chat.says("Germany only")
    plan = chat.says("no, marketing")
    assert conditions(plan) == [("category", "=", ("Marketing",))]
    assert "Marketing" in plan.notes[0]
    assert "no longer only country of the buying entity Germany" in plan.notes[0]


def test_no_with_a_noun_still_leaves_out(chat: Chat) -> None:
    """As in "no marketing" where nothing of that kind was chosen before."""
    chat.says("spend by category")
    assert conditions(chat.says("no marketing")) == [("category", "!=", ("Marketing",))]


@pytest.mark.parametrize(
    ("follow", "metric"),
    [
        ("and their dpo", "dpo_purchases"),
        ("what is their spend", "spend"),
        ("late rate of those", "late_rate"),
        ("how much of that is overdue?", "open_ap"),
        ("how many invoices is that", "open_invoice_count"),
    ],
)
def test_pointing_words_keep_the_rows_on_screen(chat: Chat, follow: str, metric: str) -> None:
    """The three suppliers that were shown, not a new top three."""
    chat.says("top 3 suppliers by open AP")
    plan = chat.says(follow)
    assert plan.query.metrics == (metric,)
    assert ("supplier", "in", THREE) in conditions(plan)
    assert (plan.query.group_by, plan.query.limit) == (("supplier",), None)
    assert "no longer top 3" in plan.notes[0]


def test_their_terms_are_a_row_for_each(chat: Chat) -> None:
    """A second dimension of the rows on screen stands beside the first."""
    chat.says("top 3 suppliers by missed discounts in Q3")
    plan = chat.says("what are their payment terms")
    assert plan.query.group_by == ("supplier", "payment_term")
    assert ("supplier", "in", THREE) in conditions(plan)


def test_rows_that_are_not_remembered_are_asked_for(planner: RulePlanner, clock: Clock) -> None:
    """A thread that does not know what was shown does not guess."""
    state = ThreadState()
    _plan, state = converse(state, "top 3 suppliers by open AP", planner, clock)
    plan, _state = converse(state, "and their dpo", planner, clock)
    assert isinstance(plan, Refuse)


def test_one_row_of_the_answer(chat: Chat) -> None:
    """As in "the second one only"; a row that is not there is not made up."""
    chat.says("open AP by supplier")
    assert conditions(chat.says("second one only")) == [("supplier", "=", ("Orion Freight AB",))]
    chat.says("back")
    assert isinstance(chat.says("the fifth one"), Refuse)


def test_hostile_names_are_pinned_as_the_mirror_writes_them(planner: RulePlanner, clock: Clock) -> None:
    """The table shows a name cleaned; the condition holds the name of the data."""
    raw = "Bad\u202eName\nInc"
    state = ThreadState(plans=(planner.plan("top 3 suppliers by spend", clock),))
    state = remembering(state, ["supplier", "spend"], [["BadName Inc", "1"]], lambda _name: ((raw, 1),))
    assert state.shown is not None
    assert state.shown.values == (raw,)


@pytest.mark.parametrize(
    ("first", "follow", "start", "end"),
    [
        ("capture rate last quarter", "and the quarter before", "2026-04-01", "2026-06-30"),
        ("payments due next week", "the week after", "2026-11-30", "2026-12-06"),
        ("spend in Q3", "and the year before", "2025-07-01", "2025-09-30"),
        ("open AP as of 30 Sep", "the month before", "2026-08-01", "2026-08-31"),
        ("spend in October", "the month after", "2026-11-01", "2026-11-21"),
    ],
)
def test_periods_are_told_from_the_one_on_screen(chat: Chat, first: str, follow: str, start: str, end: str) -> None:
    """The bucket before or after the period of the last answer; one in progress is cut at the data."""
    chat.says(first)
    period = chat.says(follow).query.period
    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


def test_fixed_words(chat: Chat) -> None:
    """The difference, the rate, a row each, the invoices behind, and back to a grouping of before."""
    chat.says("discounts missed with Direct Materials in H1")
    chat.says("and in Q3?")
    both = chat.says("diff?")
    assert (both.query.period.label, both.query.compare.label) == ("2026-Q3", "H1 2026")
    assert chat.says("the ratio").query.metrics == ("discount_capture_rate",)
    chat.says("discounts captured in 2026")
    assert chat.says("and missed").query.metrics == ("discount_missed",)
    chat.says("dpo for UK and Germany")
    assert chat.says("separately").query.group_by == ("entity_country",)
    chat.says("open AP by supplier in EUR")
    listed = chat.says("list them")
    assert (listed.query.group_by, listed.query.limit) == (("invoice_id",), None)
    assert chat.says("convert to USD").query.currency == "USD"
    chat.says("top 5 suppliers by spend")
    chat.says("by region instead")
    chat.says("without Marketing")
    again = chat.says("go back to suppliers")
    assert (again.query.group_by, again.query.limit) == (("supplier",), 5)
    assert conditions(again) == [("category", "!=", ("Marketing",))]


def test_the_worst_is_one_row_by_the_measure_on_screen(chat: Chat) -> None:
    """High for a late rate, low for a rate on time; neither for DPO, so that is asked."""
    chat.says("late rate by category in October")
    assert [(o.field, o.descending) for o in chat.says("which is the worst").query.order] == [("late_rate", True)]
    chat.says("on time rate by category in October")
    worst = chat.says("which one is the worst?")
    assert ([o.descending for o in worst.query.order], worst.query.limit) == ([False], 1)
    chat.says("dpo by region")
    assert isinstance(chat.says("which is the worst"), Clarify)
    assert chat.says("the lowest").query.order[0].descending is False
    chat.says("open AP")
    assert isinstance(chat.says("which is the highest"), Refuse)
    oldest = chat.says("which is the oldest")
    assert (oldest.query.metrics, oldest.query.group_by, oldest.query.limit) == (("dpo_open_age",), ("invoice_id",), 1)


def test_what_ifs_in_a_thread_keep_roles_or_ask(chat: Chat) -> None:
    """The buying entity's country is not turned into the supplier's in silence."""
    chat.says("dpo for Germany")
    asked = chat.says("and what would it be on net 60?")
    assert isinstance(asked, Clarify)
    plan = chat.says("suppliers in Germany")
    assert isinstance(plan, ScenarioPlan)
    assert plan.levers[0].selection.supplier_countries == ("DE",)
    chat.says("dpo for brazil")
    assert isinstance(chat.says("what if brazil goes net 60"), Clarify)
    chat.says("dpo for Marketing")
    marketing = chat.says("what would it be at net 45?")
    assert marketing.levers[0].selection.categories == ("Marketing",)


def test_bounds_on_rows_and_conditions_with_other_figures(chat: Chat) -> None:
    """Those over 10k are rows on screen; a figure that only bounds leaves the one on screen as it is."""
    chat.says("spend by supplier in Q3")
    plan = chat.says("only those over 10k")
    assert [(h.metric, h.op, str(h.value)) for h in plan.query.having] == [("spend", ">", "10000")]
    assert not any("each invoice" in note for note in plan.notes)
    assert conditions(plan) == []
    refused = chat.says("with many payments made")
    assert isinstance(refused, Refuse)
    share = chat.says("overdue by supplier")
    assert share.query.metrics == ("past_due_ap",)
    chat.says("more than 30 days late")
    ratio = chat.says("in percent of their open ap")
    assert (ratio.query.metrics, conditions(ratio)) == (("past_due_share",), [])
    assert "no longer only days past due > 30" in ratio.notes[0]


def test_the_day_of_a_balance_is_no_period_of_a_flow(chat: Chat) -> None:
    """Spend after open payables of one day covers the year up to that day, and says so."""
    chat.says("open AP as of 30 Sep by supplier")
    plan = chat.says("and spend")
    assert (plan.query.period.start.isoformat(), plan.query.period.end.isoformat()) == ("2025-10-01", "2026-09-30")
    assert "the year to 2026-09-30" in plan.notes[0]


def test_a_new_question_names_what_it_leaves(chat: Chat) -> None:
    """A figure of its own starts afresh, and the line says what does not hold any more."""
    chat.says("spend by category for Germany in Q3")
    plan = chat.says("what's our DPO?")
    assert plan.query.filters == ()
    assert plan.notes[0].startswith("A new question")
    for words in ("by category", "Germany", "2026-Q3"):
        assert words in plan.notes[0]


def test_a_forecast_of_cash_reaches_as_far_as_the_last_word(chat: Chat) -> None:
    """Eight weeks instead of four, and that is said."""
    chat.says("cash out next 4 weeks")
    plan = chat.says("make it the next 8 weeks")
    assert plan.end.isoformat() == "2027-01-17"
    assert "was" in plan.notes[0]


def test_why_one_is_the_lowest_is_told_against_the_whole(chat: Chat) -> None:
    """Not against the day before the balance's day."""
    chat.says("dpo by entity as of 30 June")
    plan = chat.says("why is japan lowest")
    assert (plan.against, plan.query.compare) == ("whole", None)
    assert any("a ranking shows" in note for note in plan.notes)
    chat.says("dpo as of 30 June")
    assert chat.says("why did it change").query.compare.end.isoformat() == "2026-05-31"


def test_a_baseline_is_cut_to_the_days_of_a_half_year_in_progress(chat: Chat) -> None:
    """The second half to date against as many days of the first."""
    chat.says("spend with Direct Materials in H1")
    chat.says("and H2?")
    plan = chat.says("diff?")
    assert plan.query.period.days == plan.query.compare.days
    assert any("is cut to its first" in note for note in plan.notes)


def test_without_the_unknown_word_the_rest_stays(planner: RulePlanner, clock: Clock) -> None:
    """The way out keeps the filter and the period; it leaves out only what its label says."""
    refused = planner.plan("spend by blubber for Germany in Q3", clock)
    assert isinstance(refused, Refuse)
    way: Any = planner.plan(refused.choices[0].question, clock)
    assert refused.choices[0].label == "Spend without it"
    assert conditions(way) == [("entity_country", "=", ("Germany",))]
    assert (way.query.period.start, way.query.period.end) == (date(2026, 7, 1), date(2026, 9, 30))


def test_a_share_of_two_figures_is_their_certified_ratio(planner: RulePlanner, clock: Clock) -> None:
    """Overdue as a share of open payables is a metric; two figures without a ratio say which they are."""
    plan: Any = planner.plan("share of AP thats overdue", clock)
    assert plan.query.metrics == ("past_due_share",)
    other: Any = planner.plan("top 10 suppliers by spend share and overdue", clock)
    assert "No ratio of Spend and Past due payables is certified, so no share is shown." in other.notes


@pytest.mark.parametrize(
    ("first", "follow", "same"),
    [
        ("spend by country in October", "leave out the us", "excluding the US"),
        ("payments due next week", "anything over 25k?", "over 25k"),
        ("overdue by ageing bucket over 60 days overdue", "no, over 30", "over 30 days overdue"),
        ("approval time in October", "was it better in september?", "vs september"),
        ("cash out next 8 weeks", "and 12 weeks", "next 12 weeks"),
        ("late rate by category in Q3", "just the worst", "which is the worst"),
        ("open AP in EUR", "in how many invoices", "how many invoices"),
    ],
)
def test_turns_of_phrase(planner: RulePlanner, clock: Clock, first: str, follow: str, same: str) -> None:
    """Other people's words for the same edit give the same plan."""
    plans = []
    for words in (follow, same):
        chat = Chat(planner, clock)
        chat.says(first)
        plans.append(chat.says(words).model_dump(exclude={"coverage", "notes"}))
    for plan in plans:
        for condition in plan.get("query", {}).get("filters", []):
            condition.pop("words")
    assert plans[0] == plans[1]


def test_it_is_no_value(chat: Chat) -> None:
    """As in "without it again": the condition of the turn before goes; "it" is never the category IT."""
    before = chat.says("spend last month")
    chat.says("only Marketing")
    assert chat.says("without it again").query == before.query
    assert not conditions(chat.says("and by region"))
    assert isinstance(chat.says("just it"), Refuse)


def test_a_place_takes_the_place_of_another(chat: Chat) -> None:
    """An entity, then a country: not the entity of one country in another one."""
    chat.says("dpo for quellmark uk")
    plan = chat.says("what about canada")
    assert conditions(plan) == [("entity_country", "=", ("Canada",))]
    assert "no longer only buying entity" in plan.notes[0]


def test_another_period_as_well_is_a_comparison(chat: Chat) -> None:
    """Both periods stay."""
    chat.says("spend by category in Q3")
    plan = chat.says("show Q2 as well")
    assert (str(plan.query.period), str(plan.query.compare)) == ("2026-Q3", "2026-Q2")


def test_a_cause_has_no_course_over_time(chat: Chat) -> None:
    """By month after "why" is the figure by month, and that is said."""
    chat.says("why did dpo drop in October")
    plan = chat.says("by month")
    assert plan.query.group_by == ("month",)
    assert plan.notes[0].startswith("Changed: now DPO")


def test_whom_a_what_if_is_about_is_kept(chat: Chat) -> None:
    """They are the suppliers on screen; countries of entities cannot be selected, so that is asked."""
    chat.says("top 3 suppliers by spend")
    plan = chat.says("what if they go to net 60")
    assert plan.levers[0].selection.suppliers == THREE
    chat.says("top 3 countries by spend")
    assert isinstance(chat.says("what if they go to net 60"), Clarify)
    chat.says("spend with Marketing")
    assert chat.says("what if they go to net 60").levers[0].selection.categories == ("Marketing",)
    chat.says("spend in EMEA")
    assert isinstance(chat.says("what if they go to net 60"), Clarify)


def test_explain_is_what_the_figure_is(chat: Chat) -> None:
    """After a plain figure the definition, after a comparison the cause."""
    chat.says("dpo")
    assert chat.says("explain").metric == "dpo_purchases"
    assert chat.says("how is that calculated?").metric == "dpo_purchases"
    chat.says("dpo in Q3 vs Q2")
    assert chat.says("explain").kind == "why"


def test_a_forecast_that_is_asked_of_the_past_is_measured(chat: Chat) -> None:
    """Projected DPO, then what it is today: the DPO of today."""
    chat.says("projected dpo end of march")
    plan = chat.says("what is it today")
    assert (plan.kind, plan.query.metrics) == ("metric", ("dpo_purchases",))
    assert plan.notes[0].startswith("Changed: now DPO")


def test_one_worst_is_one_row_and_nothing_is_scaled(chat: Chat) -> None:
    """As in "worst entity"; "how much would that be per year" is no grouping."""
    chat.says("late rate in Q3")
    assert chat.says("worst entity").query.limit == 1
    assert chat.says("worst entities").query.limit != 1
    chat.says("discounts missed in H1")
    assert isinstance(chat.says("how much would that be per year"), Refuse)


def test_not_this_but_that(chat: Chat) -> None:
    """What comes after the comma is meant; and a denial of two values keeps the one that was not there."""
    chat.says("spend on MRO in the uk")
    assert ("entity_country", "=", ("Brazil",)) in conditions(chat.says("not the uk, brazil"))
    chat.says("spend by category for the uk")
    assert conditions(chat.says("without the uk and brazil")) == [("entity_country", "!=", ("Brazil",))]


def test_the_most_invoices_is_a_count(chat: Chat) -> None:
    """One row, by the number of documents behind the figure."""
    chat.says("open payables by entity")
    plan = chat.says("which has the most invoices")
    assert (plan.query.metrics, plan.query.limit) == (("open_invoice_count",), 1)


def test_countries_are_those_of_the_rows_on_screen(chat: Chat) -> None:
    """Suppliers' countries stay suppliers' countries."""
    chat.says("days to pay by supplier country")
    assert conditions(chat.says("germany and france only")) == [("supplier_country", "in", ("DE", "FR"))]
    chat.says("days to pay by country")
    assert conditions(chat.says("germany only")) == [("entity_country", "=", ("Germany",))]


def test_all_of_them_again(chat: Chat) -> None:
    """No condition on regions, a row for each; rows are not picked by how they changed."""
    chat.says("dpo by region")
    chat.says("only EMEA")
    plan = chat.says("back to all regions")
    assert (plan.query.group_by, conditions(plan)) == (("region",), [])
    assert isinstance(chat.says("which regions improved"), Refuse)


def test_both_of_two_and_then_apart(chat: Chat) -> None:
    """Germany, France, both, side by side, and the worse of them."""
    chat.says("on-time rate for germany ytd")
    chat.says("and france?")
    both = chat.says("both")
    assert conditions(both) == [("entity_country", "in", ("Germany", "France"))]
    assert chat.says("side by side please").query.group_by == ("entity_country",)
    worse = chat.says("which one is worse")
    assert (worse.query.limit, worse.query.order[0].descending) == (1, False)


def test_a_vague_word_about_the_rows_keeps_the_rows(chat: Chat) -> None:
    """The terms of the suppliers on screen are asked about, and the choice is about them, not about everybody."""
    chat.says("top 3 suppliers by spend")
    assert isinstance(chat.says("what terms do they have"), Clarify)
    plan = chat.says("1")
    assert plan.query.metrics == ("wapt",)
    assert ("supplier", "in", THREE) in conditions(plan)


def test_choices_are_previewed_as_the_thread_would_take_them(chat: Chat, planner: RulePlanner, clock: Clock) -> None:
    """The figure beside a choice is the one that choosing it gives."""
    chat.says("dpo for Germany as of 30 June")
    asked = chat.says("how many")
    seen = Choosing(chat.state, planner).plan(asked.choices[1].question, clock)
    assert seen.model_dump(exclude={"notes"}) == chat.says("2").model_dump(exclude={"notes"})


def test_thanks_are_no_question(chat: Chat) -> None:
    """Thanks leave the thread as it was."""
    chat.says("dpo by region")
    assert isinstance(chat.says("thx"), Refuse)
    assert chat.says("by category").query.group_by == ("category",)


# --- the law of threads, over generated ones

FIRST = (
    "spend by category for Germany in Q3", "top 5 suppliers by open AP", "late rate by entity last quarter", "dpo",
    "top 3 categories by spend in each region", "open AP in GBP as of 30 Sep", "discounts missed by supplier and month this year",
    "spend in Q3 vs Q2 by category", "spend and overdue by category, top 4 by overdue", "suppliers with spend over 2m in Q3", "capture rate vs 60% target", "share of spend by category",
    "open AP on 30 June as known on 2 July", "rolling 3 month otp for marketing", "payments due next week over 20k",
    "spend excluding marketing by region in Q3", "projected dpo next quarter for Germany", "cash out next 4 weeks",
    "why did dpo drop in October", "what if the top 20 suppliers go to net 60", "number of invoices approved in October",
)  # fmt: skip
NEXT = (
    "by supplier", "and by month", "for France", "no, France", "without Marketing", "same for Q2", "and last year?", "vs last quarter",
    "top 5", "only those over 10k", "how many invoices", "$?", "and their dpo", "and spend", "which is the worst", "list them",
    "in EUR", "convert to USD", "the quarter before", "total", "without filters", "as a share", "why", "sort ascending",
    "what if they go to net 60", "what's our late rate?", "and what would it be on net 45?", "second one only", "separately",
    "projected dpo next quarter", "not disputed", "go back to suppliers", "diff?", "the ratio", "cash out next 6 weeks",
)  # fmt: skip


def lost(before: MetricQuery, after: MetricQuery) -> list[str]:
    """Words for each slot of a query that the next one does not have; written apart from the code under test."""
    found = [value for f in before.filters for value in f.values[:5] if f not in after.filters and not _kept(f, after)]
    found += [_noun(name) for name in before.group_by if name not in after.group_by]
    found += [str(h.value) for h in before.having if h not in after.having]
    for name, words in (("limit", "top|bottom"), ("top_per", "within"), ("share", "share"), ("window", "each over")):
        if getattr(before, name) and getattr(before, name) != getattr(after, name):
            found.append(words)
    for name in ("period", "compare", "known_at", "time_role", "currency"):
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and (old != new):
            found.append(
                {"known_at": "known", "time_role": "dated", "currency": "as invoiced|in [A-Z]{3}"}.get(
                    name, r"\d{4}|months|weeks|to date"
                )
            )
    return found


def _kept(condition: Any, after: MetricQuery) -> bool:
    return any(
        f.field == condition.field and f.op == condition.op and set(condition.values) <= set(f.values)
        for f in after.filters
    )


def _noun(name: str) -> str:
    return {"buying_entity": "buying entity", "invoice_id": "invoice", "entity_country": "country"}.get(name, name)


@pytest.mark.parametrize("first", FIRST)
def test_every_slot_is_kept_or_named(planner: RulePlanner, clock: Clock, first: str) -> None:
    """After any two follow-ups no slot of the plan before is gone without a word in the line of changes."""
    for at, follow in enumerate(NEXT):
        third = NEXT[at * 7 % len(NEXT)]
        chat = Chat(planner, clock)
        before: Any = None
        for question in (first, follow, third)[: 3 if at % 4 == FIRST.index(first) % 4 else 2]:
            plan = chat.says(question)
            if before is not None and not isinstance(plan, Clarify | Refuse):
                _assert_named(before, plan, f"{first} > {follow} > {third}: {question}")
            before = (
                plan
                if isinstance(plan, MetricPlan | WhyPlan)
                else before
                if isinstance(plan, Clarify | Refuse)
                else None
            )


def _assert_named(before: Any, plan: Any, where: str) -> None:
    line = " ".join(getattr(plan, "notes", ())[:2])
    target = {"period": plan.target} if isinstance(plan, ForecastPlan) else {}
    other = {"metrics": ("dpo_purchases",), "filters": getattr(plan, "filters", ())} | target
    query = getattr(plan, "query", None) or MetricQuery.model_validate(other)
    missing = [
        words
        for words in lost(before.query, query)
        if not re.search(words if "\\" in words or "|" in words else re.escape(words), line)
    ]
    if isinstance(plan, WhyPlan):
        missing = [words for words in missing if words != _noun(plan.by)]
    assert not missing, f"{where}: {missing} not in {line!r}"
