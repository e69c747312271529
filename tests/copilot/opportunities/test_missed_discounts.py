"""Why discounts were missed: the tree adds up, its decisions stand apart, and the planted slow approver is found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.engine import Engine
from copilot.opportunities.missed_discounts import (
    BEFORE_APPROVAL,
    NOT_SHOWN,
    MissedOffer,
    Wait,
    blamed,
    missed_tree,
    reason_of,
)
from copilot.opportunities.missed_reading import last_quarter, read_missed, read_missed_offers, read_waits
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.planning.plan import Clock, MissedDiscountsPlan, Refuse
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from semantic_layer import SemanticLayer
from semantic_layer.viewer import Viewer
from sync.sandbox import write_truth

START, END = date(2026, 7, 1), date(2026, 9, 30)
WHOLE = date(2024, 1, 1), date(2026, 11, 21)
POLICY = TreasuryPolicy(hurdle_percent={"*": Decimal(8)})
OFFER = MissedOffer(
    document_id=1, entity="Acme US", currency="USD", received=date(2026, 8, 1), window_end=date(2026, 8, 11),
    paid=date(2026, 8, 31), amount=Decimal(10_000), missed=Decimal(200), reason="ready but not selected",
)  # fmt: skip


def test_what_yields_less_than_the_hurdle_is_a_decision() -> None:
    """2 % for 20 days is 37 % a year and a loss; for 100 days it is 7.4 %, below the hurdle of 8 %."""
    assert reason_of(OFFER, POLICY, END) == "ready but not selected"
    late = replace(OFFER, paid=OFFER.window_end + timedelta(days=100))
    assert reason_of(late, POLICY, END) == "below the hurdle"
    assert reason_of(late, TreasuryPolicy(), END) == "ready but not selected"
    assert reason_of(replace(late, reason="approved too late"), POLICY, END) == "approved too late"


def test_what_is_not_paid_yet_is_judged_by_the_days_so_far() -> None:
    """Open after 120 days: 2 % earned 6.2 % a year until now, less than the hurdle."""
    waiting = replace(OFFER, paid=None)
    assert reason_of(waiting, POLICY, OFFER.window_end + timedelta(days=120)) == "below the hurdle"


def test_the_longest_wait_before_the_windows_end_is_named() -> None:
    """Three days before approval, one at the first step, six at the second, of which what follows the end is left out."""
    waits = (
        Wait("First", date(2026, 8, 4), date(2026, 8, 5)),
        Wait("Second", date(2026, 8, 5), date(2026, 8, 30)),
        Wait("Third", date(2026, 8, 30), None),
    )
    assert blamed(OFFER, waits) == ("approval step 2", "Second", 6)
    assert blamed(OFFER, ()) == (BEFORE_APPROVAL, "", 10)
    assert blamed(replace(OFFER, received=date(2026, 7, 20)), waits)[0] == BEFORE_APPROVAL


REASONS = ("received too late", "approved too late", "no run in the window", "ready but not selected")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(REASONS),
            st.decimals(min_value="0.0001", max_value="9999", places=6),
            st.integers(0, 120),
        ),
        max_size=30,
    )
)
def test_the_tree_always_adds_up(rows: list[tuple[str, Decimal, int]]) -> None:
    """Whatever was missed: money and shares of the branches add to the whole, and stages to their branch."""
    offers = [
        replace(OFFER, document_id=key, reason=reason, missed=money, window_end=START + timedelta(days=days))
        for key, (reason, money, days) in enumerate(rows)
    ]
    waits = {key: (Wait(f"A{key % 3}", START - timedelta(days=9), None),) for key in range(0, len(rows), 2)}
    tree = missed_tree(offers, waits, POLICY, START, END)
    inside = [money for _, money, days in rows if START + timedelta(days=days) <= END]
    assert tree.total == sum(inside, Decimal(0)).quantize(Decimal("0.01"))
    assert all(check.passed for check in tree.checks)
    assert tree.lost + sum((b.amount for b in tree.branches if b.decision), Decimal(0)) == tree.total


def test_the_tree_ties_to_the_certified_figure(layer: SemanticLayer) -> None:
    """Over the whole history and over a quarter: to the cent of the metric, on the tiny company."""
    for start, end in (WHOLE, (START, END)):
        tree = read_missed(layer, TreasuryPolicy(), start, end)
        assert {check.name: check.passed for check in tree.checks}["ties_to_metric"], tree.checks
        assert all(check.passed for check in tree.checks)


def test_the_planted_slow_approver_is_found_and_nobody_else(layer: SemanticLayer, tmp_path: Path) -> None:
    """The one who takes five times as long has the longest waits of all approvers who cost discounts."""
    write_truth(tmp_path / "truth.json", "tiny", 7, date(2026, 11, 22))
    slow = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["slow_approver"]
    assert slow["median_days_per_step"] > 3 * slow["median_days_per_step_of_others"]
    offers = read_missed_offers(layer)
    waits = read_waits(layer, {offer.document_id for offer in offers})
    tree = missed_tree(offers, waits, POLICY, *WHOLE)
    late = sum(branch.offers for branch in tree.branches if branch.reason == "approved too late")
    assert late == sum(offer.reason == "approved too late" for offer in offers)
    by_count = sorted(tree.approvers, key=lambda row: -row[2])
    assert "Capital" in by_count[0][0], tree.approvers
    others = [count for who, _, count in tree.approvers if "Capital" not in who]
    assert by_count[0][2] > max(others, default=0)


def test_names_of_approvers_are_shown_to_those_who_may_see_them(layer: SemanticLayer) -> None:
    """A viewer from whom approvers are hidden gets the same money by stage, and no name."""
    seen = layer.seen_by(Viewer("clerk", hidden=frozenset({"approver"})))
    hidden = read_missed(seen, POLICY, *WHOLE)
    shown = read_missed(layer, POLICY, *WHOLE)
    assert hidden.total == shown.total
    names = {stage.approver for branch in hidden.branches for stage in branch.stages}
    assert names <= {"", NOT_SHOWN}
    assert all(stage.approver != NOT_SHOWN for branch in shown.branches for stage in branch.stages)


def test_the_last_quarter_is_the_one_before() -> None:
    """In any quarter, also across the turn of the year."""
    assert last_quarter(date(2026, 11, 21)) == (START, END)
    assert last_quarter(date(2026, 2, 1)) == (date(2025, 10, 1), date(2025, 12, 31))


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ("why did we miss discounts last quarter by approver", (START, END)),
        ("which approvers cost us the most in lost discounts", (START, END)),
        ("missed discounts by approval stage in October", (date(2026, 10, 1), date(2026, 10, 31))),
    ],
)
def test_questions_for_stages_become_the_tree(layer: SemanticLayer, question: str, days: tuple[date, date]) -> None:
    """The period lands in the plan; without one it is the last quarter, which is said."""
    plan = RulePlanner(layer).plan(question, Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21)))
    assert isinstance(plan, MissedDiscountsPlan), plan
    assert (plan.start, plan.end) == days


def test_a_tree_of_one_supplier_is_refused_and_not_told_for_all(layer: SemanticLayer) -> None:
    """A condition that the tree cannot keep is never dropped."""
    clock = Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21))
    assert isinstance(RulePlanner(layer).plan("missed discounts by approver in Germany", clock), Refuse)


def test_the_tree_is_told_in_chat(mirror_folder: Path, tmp_path: Path) -> None:
    """From the question to an answer whose checks all passed and whose text stands on its figures."""
    settings_here = Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path / 's.db'}")
    engine = Engine.open(settings_here, today=date(2026, 11, 22))
    try:
        answer = engine.ask("which approvers cost us the most in lost discounts this year")
    finally:
        engine.close()
    assert answer.status == "answered", answer.narrative
    assert all(check.passed for check in answer.checks), answer.checks
    assert answer.narrative
