"""Segments: two workings of the same rules agree, each rule fires, movers have reasons, and questions see the dimension."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.opportunities.segment_reading import read_segments
from copilot.opportunities.segments import movers_of, segments_of
from copilot.opportunities.supplier_reading import Agreement, Document, Rating, Standing, SupplierFiles
from copilot.planning.plan import Clock, MetricPlan, OpportunityPlan
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from copilot.surfaces.cli import app
from semantic_layer import SemanticLayer
from semantic_layer.periods import Period
from semantic_layer.query import MetricQuery

DAY, TODAY = date(2026, 11, 21), date(2026, 11, 22)
CLOCK = Clock(today=TODAY, data_date=DAY)
LOW = (Rating(DAY, Decimal(10), "low"),)


def _standing(key: int, **changes: Any) -> Standing:
    values = {
        "id": key, "name": f"S{key}", "family": f"S{key}", "category": "Logistics", "country": "US",
        "region": "North America", "small": False, "on_hold": False, "active": True, "not_early": False,
        "master_term": "", "master_days": None,
    }  # fmt: skip
    return Standing(**{**values, **changes})


def _invoices(supplier: int, days: int, amount: int = 10_000, n: int = 6, window: int = 0) -> tuple[Document, ...]:
    found = []
    for month in range(n):
        day = DAY - timedelta(days=20 + 30 * month)
        due = day + timedelta(days=days)
        offer = day + timedelta(days=window) if window else None
        found.append(
            Document(
                id=supplier * 100 + month, supplier=supplier, entity="E", entity_country="US", currency="USD",
                status="approved", population="recognised", credit=False, invoiced=day, due=due, approved=day,
                received=day, discount_end=offer, paid=due, amount=Decimal(amount), term=f"Net {days}",
            )
        )  # fmt: skip
    return tuple(found)


def _files(days: int = 30, *, amount: int = 90_000, n: int = 6, window: int = 0, **changes: Any) -> SupplierFiles:
    """Supplier 1 as wanted among nine on net 60, of which two are as large."""
    rated = changes.pop("ratings", {1: LOW})
    agreements = changes.pop("agreements", {})
    standings = {1: _standing(1, **changes)} | {key: _standing(key) for key in range(2, 11)}
    rows = _invoices(1, days, amount, n, window)
    rows += tuple(d for key in range(2, 11) for d in _invoices(key, 60, 50_000 if key == 2 else 10_000))
    return SupplierFiles(DAY, rows, standings, rated, agreements, True)


LOCKED = {1: (Agreement(1, "C", "published", None, DAY + timedelta(days=800), "fixed", "", 30),)}
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Risk watch", {"on_hold": True}),
    ("Risk watch", {"ratings": {1: (Rating(DAY, Decimal(70), "high"),)}}),
    ("Pay-on-time protected", {"small": True}),
    ("Pay-on-time protected", {"country": "FR", "days": 55}),
    ("Tail", {"amount": 100}),
    ("Insufficient data", {"n": 3}),
    ("Discount candidate", {"window": 10}),
    ("Discount candidate", {"days": 45, "amount": 9_000}),
    ("Term negotiation priority", {}),
    ("Leave alone", {"agreements": LOCKED}),
    ("Leave alone", {"ratings": {}}),
    ("Critical cash preservation", {"days": 60}),
)


@pytest.mark.parametrize(("segment", "changes"), CASES)
def test_each_rule_fires_and_says_why(segment: str, changes: dict[str, Any]) -> None:
    """One supplier, one fact changed at a time."""
    found = segments_of(_files(**changes), DAY)[0]
    assert (found.supplier_id, found.segment) == (1, segment)
    assert found.reason


def test_both_workings_agree_for_every_supplier(layer: SemanticLayer) -> None:
    """The model's statements and our code give each supplier the same segment; spend ties to purchases; twice alike."""
    report = read_segments(layer)
    assert {check.name for check in report.checks} == {"agrees_with_the_model", "ties_to_metric"}
    assert all(check.passed for check in report.checks), report.checks
    assert sum(count for _, count, _ in report.sizes) == len(report.segments)
    assert len(report.sizes) >= 6
    assert read_segments(layer) == report


def test_a_mover_has_the_rule_that_moved_it() -> None:
    """A score that jumps moves a supplier to the watch list, and only that one."""
    files = _files()
    jumped = replace(files, ratings={1: (*LOW, Rating(DAY + timedelta(days=1), Decimal(90), "critical"))})
    movers = movers_of(segments_of(files, DAY), segments_of(jumped, DAY + timedelta(days=1)))
    assert [(m.supplier_id, m.before, m.after) for m in movers] == [(1, "Term negotiation priority", "Risk watch")]
    assert "critical" in movers[0].reason
    assert movers_of(segments_of(files, DAY), segments_of(files, DAY)) == ()


def test_a_figure_by_segment_adds_up(layer: SemanticLayer) -> None:
    """Spend by segment ties to spend; with a longer time, who has no segment is shown as unassigned."""
    for start in (date(2025, 11, 22), date(2024, 1, 1)):
        query = MetricQuery(metrics=("spend",), group_by=("segment",), period=Period(start, DAY))
        result = layer.query(query)
        assert all(check.passed for check in result.checks), result.checks
    named = {row[0] for row in result.rows}
    assert {"Tail", "Risk watch", "Pay-on-time protected"} <= named


@pytest.mark.parametrize(
    ("question", "field"),
    [("spend by segment", ""), ("DPO of strategic suppliers", "Critical cash preservation"),
     ("open AP of discount candidates", "Discount candidate")],
)  # fmt: skip
def test_questions_group_and_filter_by_segment(layer: SemanticLayer, question: str, field: str) -> None:
    """As any other dimension."""
    plan = RulePlanner(layer).plan(question, CLOCK)
    assert isinstance(plan, MetricPlan), plan
    assert [f.values for f in plan.query.filters if f.field == "segment"] == ([(field,)] if field else [])
    assert plan.query.group_by == (() if field else ("segment",))


def test_movers_are_asked_for_with_their_time(layer: SemanticLayer) -> None:
    """Both ends of the time are kept."""
    plan = RulePlanner(layer).plan("which suppliers changed segment last quarter", CLOCK)
    assert isinstance(plan, OpportunityPlan), plan
    assert (plan.shows, plan.start, plan.end) == ("movers", date(2026, 7, 1), date(2026, 9, 30))


def test_segments_are_told(mirror_folder: Path, tmp_path: Path) -> None:
    """In chat and as a command, with checks that passed."""
    engine = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path / 's.db'}"), today=TODAY)
    try:
        answers = [engine.ask(q) for q in ("which suppliers are in which segment", "who changed segments last quarter")]
    finally:
        engine.close()
    for answer in answers:
        assert answer.status == "answered", answer.narrative
        assert all(check.passed for check in answer.checks), answer.checks
        assert answer.narrative
    run = CliRunner().invoke(app, ["segments", "--movers", "--json", "--mirror", str(mirror_folder)])
    assert run.exit_code == 0, run.output
    assert json.loads(run.output)["since"] == "2026-10-22"
