"""Proposals asked for in chat: which state, made when, and never for somebody who sees a part of the company."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from copilot.advice.advising import advise
from copilot.advice.telling import Advice, compose_advice
from copilot.composition import Turn
from copilot.opportunities.term_outcomes import OpportunityRefused
from copilot.planning.plan import Clock, OpportunityPlan
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from semantic_layer import SemanticLayer
from semantic_layer.query import Filter
from semantic_layer.viewer import Viewer
from tests.copilot.governance.small_office import Office, proposal

CLOCK = Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21))


@pytest.mark.parametrize(
    ("question", "state", "days"),
    [
        ("open proposals", "open", None),
        ("which proposals were approved", "approved", None),
        ("which recommendations are still waiting for a decision", "open", None),
        ("what became of our recommendations", None, None),
        ("proposals rejected this month", "rejected", (date(2026, 11, 1), date(2026, 11, 22))),
        ("how many proposals expired", "expired", None),
    ],
)
def test_what_is_asked_is_what_is_planned(
    layer: SemanticLayer, question: str, state: str | None, days: tuple[date, date] | None
) -> None:
    """State and days, and nothing dropped."""
    plan = RulePlanner(layer).plan(question, CLOCK)
    assert isinstance(plan, OpportunityPlan), plan
    assert (plan.shows, plan.state) == ("proposals", state)
    assert (plan.start, plan.end) == (days or (None, None))


@pytest.mark.parametrize(
    "question",
    ["open proposals by supplier", "proposals for Germany", "open or rejected proposals", "proposals above 5000"],
)
def test_what_cannot_be_told_apart_is_not_told(layer: SemanticLayer, question: str) -> None:
    """A condition that would be dropped stops the turn."""
    assert not isinstance(RulePlanner(layer).plan(question, CLOCK), OpportunityPlan)


def told(office: Office, layer: SemanticLayer, url: str, **wanted: Any) -> Advice | OpportunityRefused:
    """The advice over the office's store."""
    del office
    return advise(layer, Settings(state_url=url), OpportunityPlan(shows="proposals", **wanted))


def test_figures_are_those_of_the_desk(office: Office, layer: SemanticLayer, state_url: str) -> None:
    """Counts and sums by hand; sentences hold no number that the table does not."""
    first = office.proposed(proposal(1, supplier="A", amount=Decimal(5_000)))
    office.proposed(proposal(2, supplier="B", amount=Decimal(7_000)))
    office.desk.approve(first.id, "local:manager")
    found = told(office, layer, state_url, state="open")
    assert isinstance(found, Advice)
    assert (found.value, [row[1] for row in found.rows]) == (1, [Decimal(7000)])
    assert found.rows[0][4] == "treasury manager by 2026-11-25 15:00 UTC"
    everything = told(office, layer, state_url)
    assert isinstance(everything, Advice)
    assert everything.value == 2
    assert {row[3]: row[4] for row in everything.rows}["approved"] == "0 of 3 in Coupa"
    answer = compose_advice(turn(), OpportunityPlan(shows="proposals"), everything)
    assert "Proposals: 2, for USD 12.0k of cash, worth USD 240.00" in answer.narrative
    assert all(check.passed for check in answer.checks)
    none = told(office, layer, state_url, start=date(2026, 1, 1), end=date(2026, 1, 31))
    assert isinstance(none, Advice)
    assert (none.value, none.reading) == (0, "Proposals; made 1 Jan 2026 to 31 Jan 2026")


def turn() -> Turn:
    """A turn of no thread."""
    return Turn(question="what became of our recommendations", thread="t", clock=CLOCK)


def test_who_sees_a_part_is_told_nothing(office: Office, layer: SemanticLayer, state_url: str) -> None:
    """Neither with rows of their own nor with a hidden supplier."""
    office.proposed(proposal())
    rows = (Filter(field="buying_entity", op="in", values=("Quellmark Deutschland GmbH",)),)
    for viewer in (Viewer("german team", rows), Viewer("auditor", (), frozenset({"supplier"}))):
        found = told(office, layer.seen_by(viewer), state_url)
        assert isinstance(found, OpportunityRefused)
        assert "part of it" in found.reason


def test_without_a_store_there_are_none(layer: SemanticLayer, tmp_path: Path) -> None:
    """A new store has no proposals, and says so."""
    found = advise(layer, Settings(state_url=f"sqlite:///{tmp_path}/new.db"), OpportunityPlan(shows="proposals"))
    assert isinstance(found, Advice)
    assert found.prose.text == "Proposals: none."
