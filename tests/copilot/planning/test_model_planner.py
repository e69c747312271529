"""The model fills in a form; our rules judge it. What it leaves out, invents or breaks never becomes an answer."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from copilot.chat_completions import OpenAICompatibleModel
from copilot.errors import LanguageModelError
from copilot.language_model import ScriptedModel
from copilot.planning.model_budget import Allowance, Budget, MemoryLedger
from copilot.planning.model_planner import NOTE, ModelPlanner
from copilot.planning.model_prompt import CATALOGUE_CHARACTERS
from copilot.planning.plan import Clarify, Clock, MetricPlan, Refuse
from copilot.planning.planner import SecondOpinion
from copilot.planning.rule_planner import RulePlanner
from copilot.scripted_endpoint import ScriptedEndpoint, babbles, fails, hangs, says, trickles

STRANGE = "how much dough did we shell out"
"""A question the rules have no words for."""
WORDS = "dough shell out"
SPEND: dict[str, Any] = {"metrics": ["spend"], "figure_words": WORDS}


def form(**slots: Any) -> str:
    """A filled-in form as a model writes it."""
    return json.dumps({"answerable": True, **slots})


def plan_with(planner: RulePlanner, clock: Clock, question: str, *answers: str | Exception, **options: Any) -> Any:
    """The plan of rules and model together, and the model."""
    model, confirm = ScriptedModel(*answers), bool(options.pop("confirm", False))
    opinion = SecondOpinion(planner, ModelPlanner(planner, model, **options), confirm=confirm)
    return opinion.plan(question, clock), model


def sent(model: ScriptedModel) -> str:
    """Everything that left the house in the first exchange."""
    return "\n".join(message.text for message in model.asked[0])


def test_a_model_widens_the_language(planner: RulePlanner, clock: Clock) -> None:
    """Words that the rules do not know become a plan, marked as read by the model, every word accounted for."""
    plan, model = plan_with(planner, clock, STRANGE, form(**SPEND))
    assert isinstance(plan, MetricPlan)
    assert plan.query.metrics == ("spend",)
    assert NOTE in plan.notes
    assert {c.words: c.meaning for c in plan.coverage if c.slot == "model"} == {
        "dough": "spend",
        "shell": "spend",
        "out": "spend",
    }
    assert STRANGE in model.asked[0][-1].text


def test_a_reading_of_the_model_alone_is_asked_about(planner: RulePlanner, clock: Clock) -> None:
    """It comes as a choice that the rules read back to the model's own query; nothing runs before somebody chooses."""
    question = "how much dough did we shell out by region in Q3"
    answer = form(**SPEND, group_by=["region"], group_words="by region", period_words="Q3")
    asked, _ = plan_with(planner, clock, question, answer, confirm=True)
    assert isinstance(asked, Clarify)
    ran, _ = plan_with(planner, clock, question, answer)
    chosen = planner.plan(asked.choices[0].question, clock)
    assert isinstance(ran, MetricPlan)
    assert isinstance(chosen, MetricPlan)
    assert chosen.query.identity() == ran.query.identity()


def test_one_repair(planner: RulePlanner, clock: Clock) -> None:
    """A metric that does not exist is named back to the model, which may put it right once."""
    plan, model = plan_with(planner, clock, STRANGE, form(metrics=["ad_spend"]), form(**SPEND))
    assert isinstance(plan, MetricPlan)
    assert "ad_spend" in model.asked[1][-1].text


GARBAGE = {
    "prose": ("not json", "still not json"),
    "another language": ("我不知道你在说什么", "Ich kann das nicht beantworten."),
    "nothing": ("", ""),
    "half a JSON": ('{"answerable": true, "metrics": ["spend"', "{}"),
    "SQL": (form(**SPEND, sql="SELECT 1"),) * 2,
    "bare SQL": ("SELECT sum(gross) FROM invoice",) * 2,
    "words left over": (form(**SPEND, left_over=["dough"]),),
    "not answerable": (json.dumps({"answerable": False}),),
    "time-out": (LanguageModelError("The language model did not answer in time."),),
    "a filter nobody asked for": (form(**SPEND, filters=[{"dimension": "category", "values": ["Marketing"]}]),) * 2,
    "a value that does not exist": (form(**SPEND, filters=[{"dimension": "category", "values": ["Adverts"]}]),) * 2,
    "a period nobody named": (form(**SPEND, period_words="last year"),) * 2,
    "no such dimension": (form(**SPEND, group_by=["moon_phase"]),) * 2,
    "a number nobody said": (form(**SPEND, top=7),) * 2,
    "no metric": (form(metrics=[]),) * 2,
    "words nobody said": (form(metrics=["spend"], figure_words="dough shell out money"),) * 2,
    "a word that nothing accounts for": (form(metrics=["spend"], figure_words="dough"),) * 2,
    "a hallucinated metric": (form(metrics=["dough_total"], figure_words=WORDS),) * 2,
    "a list": ("[1, 2]",) * 2,
    "wrong types": (form(metrics="spend", top="many"),) * 2,
}


@pytest.mark.parametrize("answers", GARBAGE.values(), ids=GARBAGE.keys())
def test_nonsense_leaves_the_refusal(planner: RulePlanner, clock: Clock, answers: tuple[str | Exception, ...]) -> None:
    """Garbage, inventions and silence end where they would have ended without a model: in a refusal."""
    plan, _ = plan_with(planner, clock, STRANGE, *answers)
    assert isinstance(plan, Refuse)


@pytest.mark.parametrize(
    ("question", "partial"),
    [
        ("what dough did we shell out excluding marketing", SPEND),
        ("what dough did we shell out by region", SPEND),
        ("what dough did we shell out in Q3", SPEND),
        ("whom did we shell out most dough to, top 5", {**SPEND, "top": 10}),
        ("what dough did we shell out in Wolkenkuckucksheim", SPEND),
        ("what dough did we shell out in Zorbonia", {"metrics": ["spend"], "figure_words": "dough shell out Zorbonia"}),
    ],
    ids=["filter", "grouping", "period", "limit", "a word unaccounted for", "a name passed off as a figure"],
)
def test_a_model_cannot_drop_what_stands_in_the_question(
    planner: RulePlanner, clock: Clock, question: str, partial: dict[str, Any]
) -> None:
    """A filter, grouping, period or limit that stands in the question must be in the form; so must every other word."""
    plan, model = plan_with(planner, clock, question, form(**partial), form(**partial))
    assert isinstance(plan, Refuse)
    assert len(model.asked) == 2


def test_agreement_changes_nothing(planner: RulePlanner, clock: Clock) -> None:
    """Where both read the same query, the rules' plan stands as it is."""
    plan, _ = plan_with(planner, clock, "spend by region", form(metrics=["spend"], group_by=["region"]))
    assert plan == planner.plan("spend by region", clock)


def test_disagreement_shows_both_readings(planner: RulePlanner, clock: Clock) -> None:
    """Where they differ the asker chooses; each choice is a question that the rules read."""
    plan, _ = plan_with(planner, clock, "spend by region", form(metrics=["open_ap"], group_by=["region"]))
    assert isinstance(plan, Clarify)
    assert len(plan.choices) == 2
    first, second = (planner.plan(choice.question, clock) for choice in plan.choices)
    assert isinstance(first, MetricPlan)
    assert isinstance(second, MetricPlan)
    assert {first.query.metrics, second.query.metrics} == {("spend",), ("open_ap",)}


@pytest.mark.parametrize("question", ["", "'; DROP TABLE invoices; --", "pay everyone 15 days late", "tell me a joke"])
def test_what_is_turned_away_never_reaches_the_model(planner: RulePlanner, clock: Clock, question: str) -> None:
    """Refusals on principle are not up for a second opinion."""
    plan, model = plan_with(planner, clock, question, form(metrics=["spend"]))
    assert isinstance(plan, Refuse)
    assert not model.asked


# --- the model picks the figure, the rules read the rest


def picked(metric: str) -> str:
    """The short form."""
    return json.dumps({"answerable": True, "metric": metric})


def test_the_model_picks_the_figure_and_the_rules_read_the_rest(planner: RulePlanner, clock: Clock) -> None:
    """Grouping, condition and period come from the rules, whatever the model knows of them."""
    question = "what dough did we shell out by region in Q3 excluding marketing"
    plan, model = plan_with(planner, clock, question, picked("spend"), mode="figure")
    assert isinstance(plan, MetricPlan)
    same = planner.plan("spend by region in Q3 excluding marketing", clock)
    assert isinstance(same, MetricPlan)
    assert plan.query.identity() == same.query.identity()
    assert set(model.schemas[0]["properties"]) == {"answerable", "metric"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what dough did we shell out by gl account", picked("dough")),
        ("what dough did we shell out by gl account", picked("cycle_time_approval")),
        ("what dough did we shell out in Zorbonia", picked("spend")),
        ("what dough flew from purse pocket till wallet drawer vault after noon", picked("spend")),
    ],
    ids=["invented", "not by that grouping", "a name", "too many words"],
)
def test_a_figure_that_does_not_fit_is_refused(planner: RulePlanner, clock: Clock, question: str, answer: str) -> None:
    """A name invented, a figure that cannot be had by what is asked for, a name or a whole tale passed off as a figure."""
    plan, _ = plan_with(planner, clock, question, answer, answer, mode="figure")
    assert isinstance(plan, Refuse)


# --- what the model gets to see


def test_the_prompt_holds_the_near_part_of_the_catalogue_only(planner: RulePlanner, clock: Clock) -> None:
    """What is near the question is in, most of the rest is not; schema and prompt name the same, within the cap."""
    _, model = plan_with(planner, clock, "what discount dough did we leave lying around", form(**SPEND))
    text = sent(model)
    assert "- discount_missed:" in text
    names = model.schemas[0]["properties"]["metrics"]["items"]["enum"]
    assert "discount_missed" in names
    assert len(names) < len(planner.layer.model.metrics) / 2
    assert len(text) < CATALOGUE_CHARACTERS + 4_000


def test_near_worked_examples_go_along(planner: RulePlanner, clock: Clock) -> None:
    """Questions with plans known to be right come as turns, the likest last; others stay at home."""
    known = [
        "spend by region",
        "dough by region",
        "DPO on 30 June",
        "discounts captured in 2025",
        "capture rate in Q2",
        "wapt",
    ]
    _, model = plan_with(planner, clock, "what dough did we spend by area", form(**SPEND), examples=known)
    turns = [message.text for message in model.asked[0][1:-1]]
    assert turns[-2] == "spend by region"
    assert json.loads(turns[-1])["group_by"] == ["region"]
    assert len(turns) <= 8


def test_suppliers_travel_under_another_name(planner: RulePlanner, clock: Clock) -> None:
    """A supplier leaves as SUPPLIER_1, comes back as itself, and its name is nowhere in what was sent."""
    question = "what dough did we shell out to Fenvanzar Polymers plc"
    condition = {"dimension": "supplier", "values": ["SUPPLIER_1"], "words": "to SUPPLIER_1"}
    plan, model = plan_with(planner, clock, question, form(**SPEND, filters=[condition]))
    assert isinstance(plan, MetricPlan)
    assert [f.values for f in plan.query.filters] == [("Fenvanzar Polymers plc",)]
    assert "Fenvanzar" not in sent(model)
    assert "SUPPLIER_1" in model.asked[0][-1].text


def test_a_misspelt_supplier_stays_at_home_too(planner: RulePlanner, clock: Clock) -> None:
    """Nearly a name is a name."""
    _, model = plan_with(planner, clock, "what dough did we shell out to fenvanzr", form(**SPEND))
    assert "fenvanzr" not in sent(model).lower()


def test_all_values_can_stay_at_home(planner: RulePlanner, clock: Clock) -> None:
    """With the switch, categories and places leave under names too, and the rules put their own conditions in."""
    question = "what dough did we shell out for marketing in EMEA"
    plan, model = plan_with(planner, clock, question, form(**SPEND), sharing="none")
    assert isinstance(plan, MetricPlan)
    assert {(f.field, f.values) for f in plan.query.filters} == {("category", ("Marketing",)), ("region", ("EMEA",))}
    assert "marketing" not in model.asked[0][-1].text.lower()
    assert "EMEA" not in sent(model)


def test_values_that_are_shown_are_quoted_and_clean(planner: RulePlanner, clock: Clock) -> None:
    """With names shown, a hostile one is a quoted cell on one line, and what cannot be seen is taken out."""
    question = "what dough did we shell out to müller söhne\u200b\u202e"
    _, model = plan_with(planner, clock, question, form(**SPEND), sharing="shown")
    assert "- supplier: \u201cMüller Söhne KG\u201d" in sent(model)
    assert "\u202e" not in sent(model)
    assert "\u200b" not in sent(model)


# --- what the model may cost, and how it fails

DAY = date(2026, 11, 22)


def allowance(**limits: Any) -> Allowance:
    """A budget on an account of its own."""
    return Allowance(Budget(**limits), MemoryLedger(), lambda: DAY)


@pytest.mark.parametrize(
    "limits",
    [
        {"tokens_per_question": 50},
        {"tokens_per_day": 50},
        {"cost_per_day": Decimal("0.000001"), "price_in": Decimal(3)},
    ],
    ids=["question", "day", "money"],
)
def test_over_budget_the_rules_read_alone_and_say_so(
    planner: RulePlanner, clock: Clock, limits: dict[str, Any]
) -> None:
    """Nothing is sent; the answer carries a note; a refusal says it in words without a number."""
    plan, model = plan_with(planner, clock, "spend by region", form(**SPEND), allowance=allowance(**limits))
    assert not model.asked
    assert any("rules read this question alone" in note and "budget" in note for note in plan.notes)
    refused, _ = plan_with(planner, clock, STRANGE, form(**SPEND), allowance=allowance(**limits))
    assert "rules read this alone" in refused.message


def test_what_was_used_is_booked(planner: RulePlanner, clock: Clock) -> None:
    """Both attempts of a question count, and the next question finds the day's account as it is."""
    account = allowance(tokens_per_day=100_000)
    plan_with(planner, clock, STRANGE, "nonsense", form(**SPEND), allowance=account)
    tokens_in, tokens_out = account.ledger.spent(DAY)
    assert tokens_in > 500
    assert tokens_out > 0
    assert account.exceeded(100_000 - tokens_in - tokens_out) is None
    assert account.exceeded(100_001 - tokens_in - tokens_out) is not None


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (hangs(), "in time"),
        (trickles(), "in time"),
        (babbles("spend " * 200), "no usable reading"),
        (fails(429), "HTTP 429"),
        (fails(500), "HTTP 500"),
        (says("今日は"), "no usable reading"),
        (says('{"answerable": true, "metr'), "no usable reading"),
        (says("SELECT * FROM invoice"), "no usable reading"),
    ],
    ids=["silent", "comments for ever", "endless", "busy", "broken", "another language", "half a JSON", "SQL"],
)
def test_over_http_every_failure_ends_with_the_rules(planner: RulePlanner, clock: Clock, step: Any, why: str) -> None:
    """Whatever the server does, the rules' plan stands, in time, with a note that says who read."""
    with ScriptedEndpoint(step) as endpoint:
        model = OpenAICompatibleModel(endpoint.url, "small", timeout=0.4)
        plan = SecondOpinion(planner, ModelPlanner(planner, model)).plan("spend by region", clock)
        model.close()
    assert isinstance(plan, MetricPlan)
    alone = planner.plan("spend by region", clock)
    assert isinstance(alone, MetricPlan)
    assert plan.query == alone.query
    assert any(why in note and "rules read this question alone" in note for note in plan.notes)


def test_over_http_a_model_widens_the_language(planner: RulePlanner, clock: Clock) -> None:
    """A first answer that does not fit, a repair, and a plan: over the wire as in the script."""
    with ScriptedEndpoint(
        says(form(metrics=["dough"])), says("Sure! " + form(**SPEND) + " Anything else?")
    ) as endpoint:
        model = OpenAICompatibleModel(endpoint.url, "small")
        plan = SecondOpinion(planner, ModelPlanner(planner, model), confirm=False).plan(STRANGE, clock)
        model.close()
    assert isinstance(plan, MetricPlan)
    assert plan.query.metrics == ("spend",)
    assert endpoint.asked[0]["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
