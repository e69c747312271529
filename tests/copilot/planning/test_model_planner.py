"""The model fills in a form; our rules judge it. What it leaves out, invents or breaks never becomes an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.errors import LanguageModelError
from copilot.language_model import ScriptedModel
from copilot.planning.model_planner import NOTE, ModelPlanner
from copilot.planning.plan import Clarify, Clock, MetricPlan, Refuse
from copilot.planning.planner import SecondOpinion
from copilot.planning.rule_planner import RulePlanner

STRANGE = "how much dough went to the folks who print our adverts"
"""A question the rules have no words for."""


def form(**slots: Any) -> str:
    """A filled-in form as a model writes it."""
    return json.dumps({"answerable": True, **slots})


def plan_with(planner: RulePlanner, clock: Clock, question: str, *answers: str | Exception) -> Any:
    """The plan of rules and model together, and the model."""
    model = ScriptedModel(*answers)
    return SecondOpinion(planner, ModelPlanner(planner, model)).plan(question, clock), model


def test_a_model_widens_the_language(planner: RulePlanner, clock: Clock) -> None:
    """Words that the rules do not know become a plan, marked as read by the model, every word accounted for."""
    plan, model = plan_with(planner, clock, STRANGE, form(metrics=["spend"]))
    assert isinstance(plan, MetricPlan)
    assert plan.query.metrics == ("spend",)
    assert NOTE in plan.notes
    assert {c.slot for c in plan.coverage} == {"model"}
    assert STRANGE in model.asked[0][-1].text


def test_one_repair(planner: RulePlanner, clock: Clock) -> None:
    """A metric that does not exist is named back to the model, which may put it right once."""
    plan, model = plan_with(planner, clock, STRANGE, form(metrics=["ad_spend"]), form(metrics=["spend"]))
    assert isinstance(plan, MetricPlan)
    assert "ad_spend" in model.asked[1][-1].text


@pytest.mark.parametrize(
    "answers",
    [
        ("not json", "still not json"),
        ("", ""),
        ('{"answerable": true, "metrics": ["spend"', "{}"),
        (form(metrics=["spend"], sql="SELECT 1"), form(metrics=["spend"], sql="SELECT 1")),
        (form(metrics=["spend"], left_over=["adverts"]),),
        (json.dumps({"answerable": False}),),
        (LanguageModelError("The language model did not answer in time."),),
        (form(metrics=["spend"], filters=[{"dimension": "category", "values": ["Marketing"]}]),) * 2,
        (form(metrics=["spend"], filters=[{"dimension": "category", "values": ["Adverts"]}]),) * 2,
        (form(metrics=["spend"], period_words="last year"),) * 2,
        (form(metrics=["spend"], group_by=["moon_phase"]),) * 2,
        (form(metrics=["spend"], top=7),) * 2,
        (form(metrics=[]),) * 2,
    ],
    ids=[
        "prose", "nothing", "half a JSON", "SQL", "words left over", "not answerable", "time-out", "a filter nobody asked for",
        "a value that does not exist", "a period nobody named", "no such dimension", "a number nobody said", "no metric",
    ],
)  # fmt: skip
def test_nonsense_leaves_the_refusal(planner: RulePlanner, clock: Clock, answers: tuple[str | Exception, ...]) -> None:
    """Garbage, inventions and silence end where they would have ended without a model: in a refusal."""
    plan, _ = plan_with(planner, clock, STRANGE, *answers)
    assert isinstance(plan, Refuse)


@pytest.mark.parametrize(
    ("question", "partial"),
    [
        ("what dough did we shell out excluding marketing", {"metrics": ["spend"]}),
        ("what dough did we shell out by region", {"metrics": ["spend"]}),
        ("what dough did we shell out in Q3", {"metrics": ["spend"]}),
        ("whom did we shell out most dough to, top 5", {"metrics": ["spend"], "top": 10}),
    ],
)
def test_a_model_cannot_drop_what_the_rules_read(
    planner: RulePlanner, clock: Clock, question: str, partial: dict[str, Any]
) -> None:
    """A filter, grouping, period or limit that stands in the question must be in the form."""
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


def test_a_model_that_is_away_is_said(planner: RulePlanner, clock: Clock) -> None:
    """The rules answer alone, and a note says that they did."""
    plan, _ = plan_with(planner, clock, "spend by region", LanguageModelError("The language model cannot be reached."))
    assert isinstance(plan, MetricPlan)
    assert any("rules read this question alone" in note for note in plan.notes)


def test_the_model_sees_names_but_no_data(planner: RulePlanner, clock: Clock) -> None:
    """Metrics and dimensions are in the prompt; no supplier's name is, hostile ones least of all."""
    _, model = plan_with(planner, clock, STRANGE, form(metrics=["spend"]))
    sent = " ".join(message.text for message in model.asked[0])
    assert "discount_capture_rate" in sent
    assert "Fenvanzar" not in sent
    assert "Ignore previous instructions" not in sent


@pytest.mark.parametrize("question", ["", "'; DROP TABLE invoices; --", "pay everyone 15 days late", "What's our DSO?"])
def test_what_is_turned_away_never_reaches_the_model(planner: RulePlanner, clock: Clock, question: str) -> None:
    """Refusals on principle are not up for a second opinion."""
    plan, model = plan_with(planner, clock, question, form(metrics=["spend"]))
    assert isinstance(plan, Refuse)
    assert not model.asked
