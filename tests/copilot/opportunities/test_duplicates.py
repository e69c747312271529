"""Invoices sent twice: what counts as evidence, money once, and every planted pair with nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.opportunities.duplicate_reading import read_duplicates, read_faces
from copilot.opportunities.duplicates import MOST_ALIKE, Face, find_duplicates
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
        ("INV-10473", "INV-10743", "number with swapped digits"),
        ("INV-10473", "INV-10437", "number with swapped digits"),
        ("INV-10473", "INV-17473", None),
        ("INV-10473", "INV-10374", None),
        ("INV-10473", "INV-40173", None),
        ("4AB-1001", "A4B-1001", None),
        ("INV-1001", "LONGER-INV-1001", None),
        ("7", "17", None),
        ("", "", None),
    ],
)
def test_a_pair_needs_its_number_as_evidence(one: str, other: str, evidence: str | None) -> None:
    """Of one family, with one amount, a week apart."""
    first, second = face(1, one), face(2, other, after=7)
    found = find_duplicates([second, first], DAY, "USD", "v1")
    assert [pair.payload.evidence for pair in found.pairs] == ([] if evidence is None else [evidence])
    assert all(pair.documents == (1, 2) for pair in found.pairs)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [("INV-10473", "INV-17473", True), ("INV-10473", "INV-10483", False), ("INV-10473", "INV-17483", False)],
)
def test_a_digit_keyed_wrongly_needs_the_same_day(one: str, other: str, found: bool) -> None:
    """One digit, far enough away not to be the next number, on an invoice of one day over one amount."""
    same_day = [face(1, one), face(2, other)]
    assert [p.payload.evidence for p in find_duplicates(same_day, DAY, "USD", "v1").pairs] == (
        ["number with a digit keyed wrongly"] if found else []
    )
    assert not find_duplicates([face(1, one), face(2, other, "1000.01")], DAY, "USD", "v1").pairs
    assert not find_duplicates([face(1, one), face(2, other, family="Beta")], DAY, "USD", "v1").pairs


def test_slips_added_to_the_company_are_found_and_nothing_else(layer: SemanticLayer) -> None:
    """Every hundredth invoice is keyed again with two digits swapped or with one that is another."""
    faces = read_faces(layer)
    before = {pair.documents for pair in find_duplicates(faces, DAY, "USD", "v1").pairs}
    added, expected = [], set()
    for place, original in enumerate(faces[::100]):
        digits = [at for at, sign in enumerate(original.number) if sign.isdigit()]
        text = list(original.number)
        high = digits[-4]  # the thousands, so that it is not the next number
        if place % 2 and text[high] != text[digits[-3]] and digits[-3] == high + 1:
            text[high], text[high + 1] = text[high + 1], text[high]
        else:
            text[high] = str((int(text[high]) + 3) % 10)
        copy = replace(original, document_id=10**9 + place, number="".join(text))
        added.append(copy)
        expected.add((original.document_id, copy.document_id))
    found = {pair.documents for pair in find_duplicates([*faces, *added], DAY, "USD", "v1").pairs}
    assert len(expected) > 15
    assert found == before | expected


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
