"""The results of a pilot as an answer, and the books they stand on against the certified figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from copilot.advice.pilot_told import tell_pilot
from copilot.advice.telling import compose_advice
from copilot.composition import Turn
from copilot.engine import Engine
from copilot.errors import PilotError
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.outcomes.designing import Books
from copilot.outcomes.evaluation import Happened, evaluate
from copilot.outcomes.panel import Weeks, panels
from copilot.outcomes.pilot_reading import read_books
from copilot.planning.plan import Clock, OpportunityPlan, Refuse
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from semantic_layer import SemanticLayer
from semantic_layer.periods import Period
from semantic_layer.query import Filter, MetricQuery
from semantic_layer.viewer import Viewer
from tests.copilot.outcomes.simulated_company import START, Company

CLOCK = Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21))
FIRST, WEEKS = date(2026, 6, 1), 22


@pytest.fixture(scope="module")
def books(layer: SemanticLayer) -> Books:
    """The tiny company's."""
    return read_books(layer, TreasuryPolicy())


@pytest.mark.parametrize(
    ("measure", "metric"), [("discount capture", "discount_capture_rate"), ("days to pay", "dpo_paid")]
)
def test_measures_tie_to_certified_figures(measure: str, metric: str, books: Books, layer: SemanticLayer) -> None:
    """Over all suppliers and weeks of a time the measure is the metric that everybody sees."""
    weeks = Weeks(FIRST, 0, WEEKS)
    found = panels(books.documents, books.payments, weeks, tuple(books.names), None)
    panel = next(panel for name, panel in found.items() if name == measure)
    ours = float((panel.value * panel.weight).sum()) / float(panel.weight.sum())
    theirs = layer.query(MetricQuery(metrics=(metric,), period=Period(weeks.first, weeks.end))).total[metric]
    assert isinstance(theirs, Decimal)
    assert ours == pytest.approx(float(theirs), abs=5.1e-7)


def test_the_late_rate_counts_what_was_not_paid_in_full_when_due(books: Books) -> None:
    """By hand over the same documents."""
    weeks = Weeks(FIRST, 0, WEEKS)
    panel = panels(books.documents, books.payments, weeks, tuple(books.names), None)["late rate"]
    due = [one for one in books.documents if one.due is not None and weeks.first <= one.due <= weeks.end]
    late = [one for one in due if one.paid_on is None or (one.due is not None and one.paid_on > one.due)]
    assert int(panel.weight.sum()) == len(due)
    assert float((panel.value * panel.weight).sum()) == pytest.approx(len(late))
    assert 0 < len(late) < len(due)


def test_a_part_of_the_company_is_no_pilot(layer: SemanticLayer) -> None:
    """A viewer of some rows is told so."""
    some = layer.seen_by(Viewer(name="emea", rows=(Filter(field="region", values=("EMEA",)),)))
    with pytest.raises(PilotError, match="you see a part of it"):
        read_books(some, TreasuryPolicy())


@pytest.mark.parametrize(
    "question",
    ["Pilot results so far", "How is the pilot going?", "what did the copilot deliver", "did following Tenor pay off?",
     "what effect did the pilot have", "verdict of the pilot", "pilot vs holdout"],
)  # fmt: skip
def test_words_ask_for_the_pilot(question: str, layer: SemanticLayer) -> None:
    """A plan without conditions; with a place or a time of its own it is refused."""
    planner = RulePlanner(layer)
    plan = planner.plan(question, CLOCK)
    assert isinstance(plan, OpportunityPlan), plan
    assert plan.shows == "pilot"
    assert isinstance(planner.plan(f"{question} in EMEA", CLOCK), Refuse)


def test_without_a_pilot_the_chat_says_how_to_begin_one(mirror_folder: Path, tmp_path: Path) -> None:
    """A refusal with the command."""
    settings = Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path / 's.db'}")
    engine = Engine.open(settings, today=CLOCK.today)
    try:
        answer = engine.ask("pilot results so far")
    finally:
        engine.close()
    assert answer.status == "refused"
    assert "tenor pilot design" in answer.narrative


@pytest.mark.parametrize("state", ["effect", "none", "running", "stopped"])
def test_every_number_of_the_answer_is_backed(state: str, turn: Turn) -> None:
    """The answer is governed, its sentences stand, and only a found effect has a figure."""
    company = Company(80, a_week=4.0)
    drawn = company.drawn(3, 12, 8)
    side = frozenset(one.parent for one in drawn.side("pilot"))
    played = company.books(5, 12, 8, side, 0.0 if state == "none" else 0.2)
    if state == "running":
        played = replace(played, data_date=START + timedelta(weeks=3))
    stopped = START + timedelta(weeks=2) if state == "stopped" else None
    found = evaluate(drawn, played, Happened(stopped_on=stopped))
    answer = compose_advice(turn, OpportunityPlan(shows="pilot"), tell_pilot(found))
    assert answer.status == "answered"
    assert answer.trust == "governed", answer.checks
    assert answer.narrative
    assert answer.headline is not None
    assert (answer.headline.value is not None) == (state == "effect")
