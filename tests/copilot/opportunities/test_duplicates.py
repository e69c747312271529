"""Invoices sent twice: what counts as evidence, money once, and every planted pair with nothing else."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.opportunities.duplicate_reading import read_duplicates, read_faces
from copilot.opportunities.duplicates import MOST_ALIKE, Face, evidence_of, find_duplicates
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.planning.plan import Clock, OpportunityPlan, Refuse
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from copilot.surfaces.cli import app
from semantic_layer import SemanticLayer
from semantic_layer.query import Filter
from sync.sandbox import write_truth
from sync.sandbox.direct import write_mirror

TODAY, DAY = date(2026, 11, 22), date(2026, 11, 21)
CLOCK = Clock(today=TODAY, data_date=DAY)


@pytest.fixture(scope="module")
def layer(mirror_folder: Path) -> SemanticLayer:
    """The tiny company."""
    return SemanticLayer.load(mirror_folder)


def face(key: int, number: str, gross: str = "1000", *, family: str = "Alpha", after: int = 0, paid: str = "0") -> Face:
    """An invoice in dollars, so many days after the first of March."""
    return Face(
        document_id=key, number=number, supplier=family, family=family, currency="USD",
        day=date(2026, 3, 1) + timedelta(days=after), gross=Decimal(gross), amount=Decimal(gross), paid=Decimal(paid),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "evidence"),
    [
        ("INV-1001", "inv 1001", "same number"),
        ("INV-1001", "A-INV-1001", "number with a prefix"),
        ("INV-1001", "INV-1OO1", "number with a letter for a digit"),
        ("INV-1001", "INV-1002", None),
        ("INV-1001", "LONGER-INV-1001", None),
        ("7", "17", None),
        ("", "", None),
    ],
)
def test_a_pair_needs_its_number_as_evidence(one: str, other: str, evidence: str | None) -> None:
    """Of one family, with one amount, a week apart."""
    first, second = face(1, one), face(2, other, after=7)
    assert evidence_of(first, second) == evidence
    found = find_duplicates([second, first], DAY, "USD", "v1")
    assert [pair.payload.evidence for pair in found.pairs] == ([] if evidence is None else [evidence])
    assert all(pair.documents == (1, 2) for pair in found.pairs)


def test_amounts_families_and_time_keep_pairs_apart() -> None:
    """Half a percent, another supplier with another amount, and two months for what is only alike."""
    first = face(1, "INV-1001")
    assert find_duplicates([first, face(2, "INV-1001", "1005")], DAY, "USD", "v1").pairs
    assert not find_duplicates([first, face(2, "INV-1001", "1006")], DAY, "USD", "v1").pairs
    assert find_duplicates([first, face(2, "INV-1001", family="Beta", after=9)], DAY, "USD", "v1").pairs
    assert not find_duplicates([first, face(2, "INV-1001", "1001", family="Beta", after=9)], DAY, "USD", "v1").pairs
    assert not find_duplicates([first, face(2, "INV-1OO1", after=60)], DAY, "USD", "v1").pairs


def test_money_counts_once_and_by_what_was_paid() -> None:
    """Three of one number are two repeats; what was paid on a repeat comes back, what was not is kept."""
    books = [face(1, "A-77", paid="1000"), face(2, "A77", after=1, paid="980"), face(3, "A 77", after=2)]
    found = find_duplicates(books, DAY, "USD", "v1")
    assert sorted(pair.documents[1] for pair in found.pairs) == [2, 3]
    assert (found.recoverable, found.avoidable) == (Decimal("980.00"), Decimal("1000.00"))
    assert {pair.payload.state: pair.route for pair in found.pairs} == {
        "paid twice": "treasury review", "paid once": "recommend",
    }  # fmt: skip
    assert all(check.passed for check in found.checks)


def test_a_number_that_always_comes_is_no_number() -> None:
    """Rent under one number every month is not twenty duplicates."""
    rent = [face(key, "RENT2026", after=key * 30) for key in range(MOST_ALIKE + 1)]
    assert not find_duplicates(rent, DAY, "USD", "v1").pairs


@pytest.mark.parametrize(("preset", "seed"), [("tiny", 7), ("tiny", 12)])
def test_every_planted_pair_is_found_and_nothing_else(preset: str, seed: int, tmp_path: Path) -> None:
    """Recall and precision over pairs of which both documents count, against the labels of the generator."""
    write_mirror(tmp_path / "m.duckdb", preset, seed, TODAY)
    write_truth(tmp_path / "truth.json", preset, seed, TODAY)
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    planted = [
        (p["original_id"], p["copy_id"]) for kind in ("duplicates", "duplicate_ring") for p in truth[kind]["pairs"]
    ]
    layer = SemanticLayer.load(tmp_path / "m.duckdb")
    counting = {one.document_id for one in read_faces(layer)}
    labels = {frozenset(pair) for pair in planted if set(pair) <= counting}
    found = {frozenset(pair.documents) for pair in read_duplicates(layer, TreasuryPolicy()).pairs}
    assert len(labels) > 10
    assert found == labels


@pytest.mark.parametrize(
    "question",
    ["which invoices were sent twice", "which invoices did we pay twice", "what bills were probably invoiced twice"],
)
def test_questions_become_plans(layer: SemanticLayer, question: str) -> None:
    """A list is asked for; the figure of possible duplicates stays a figure, and a time is refused."""
    planner = RulePlanner(layer)
    plan = planner.plan(question, CLOCK)
    assert isinstance(plan, OpportunityPlan), plan
    assert plan.shows == "duplicates"
    for figure in ("possible duplicates this year", "show duplicate invoices", "which invoices are duplicates"):
        assert not isinstance(planner.plan(figure, CLOCK), OpportunityPlan)
    assert isinstance(planner.plan(f"{question} in Q3", CLOCK), Refuse)


def test_duplicates_are_told(mirror_folder: Path, layer: SemanticLayer, tmp_path: Path) -> None:
    """In chat and as a command; a filter keeps those of its later invoice."""
    engine = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path / 's.db'}"), today=TODAY)
    try:
        answer = engine.ask("which invoices were sent twice")
    finally:
        engine.close()
    assert answer.status == "answered", answer.narrative
    assert all(check.passed for check in answer.checks), answer.checks
    assert answer.headline is not None
    assert answer.table is not None
    whole = read_duplicates(layer, TreasuryPolicy())
    assert answer.table.row_count == len(whole.pairs)
    name = whole.pairs[0].payload.second.supplier
    mine = read_duplicates(layer, TreasuryPolicy(), (Filter(field="supplier", values=(name,)),))
    assert {pair.payload.second.supplier for pair in mine.pairs} == {name}
    assert 0 < len(mine.pairs) <= len(whole.pairs)
    told = CliRunner().invoke(app, ["duplicates", "--json", "--mirror", str(mirror_folder)])
    assert len(json.loads(told.output)["pairs"]) == len(whole.pairs)
