"""Waits: stages fill the way, gains are marginal and bounded, and the planted slow approver is the slowest."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.opportunities.bottlenecks import EVERY, Book, faster, slow_approvers, wait_report
from copilot.opportunities.missed_discounts import APPROVED_TOO_LATE, NOT_SHOWN, MissedOffer
from copilot.opportunities.process_log import (
    BEFORE,
    MATCHING,
    STEP,
    Happened,
    StageTime,
    Way,
    by_document,
    stages_of,
    variants_of,
)
from copilot.opportunities.process_reading import read_process
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.planning.plan import Clock, OpportunityPlan, Refuse
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from copilot.surfaces.cli import app
from semantic_layer import SemanticLayer
from semantic_layer.viewer import Viewer
from sync.sandbox import write_truth

TODAY, DAY = date(2026, 11, 22), date(2026, 11, 21)
CLOCK = Clock(today=TODAY, data_date=DAY)
START = datetime(2026, 8, 3, 9, tzinfo=UTC)


def _at(days: float) -> datetime:
    return START + timedelta(days=days)


def test_stages_fill_the_way() -> None:
    """Two days to a request after a failed tolerance, one day and four days for two steps: seven in all."""
    events = by_document([
        Happened(1, _at(7), f"{STEP}2", "B"), Happened(1, _at(0), "received"), Happened(1, _at(3), f"{STEP}1", "A"),
        Happened(1, _at(1), "tolerance failed"), Happened(1, _at(2), "approval asked for"),
    ])[1]  # fmt: skip
    assert stages_of(_at(0), events) == (
        StageTime(MATCHING, Decimal(2)), StageTime(f"{STEP}1", Decimal(1), "A"), StageTime(f"{STEP}2", Decimal(4), "B"),
    )  # fmt: skip
    assert events[0].activity == "received"


def test_variants_count_cases_and_money() -> None:
    """Three invoices on two ways."""
    found = variants_of([(("a", "b"), Decimal(1)), (("a",), Decimal(9)), (("a", "b"), Decimal(2))])
    assert [(v.activities, v.cases, v.amount) for v in found] == [(("a", "b"), 2, Decimal(3)), (("a",), 1, Decimal(9))]


def _way(key: int, days: tuple[float, ...], due: int = 30) -> Way:
    """A way with so many days before the request and in each step, by approvers A1, A2, ..."""
    total = sum(days)
    stages = [StageTime(BEFORE, Decimal(str(days[0])))]
    stages += [StageTime(f"{STEP}{n}", Decimal(str(d)), f"A{n}") for n, d in enumerate(days[1:], 1)]
    return Way(
        document=key, entity="Acme", amount=Decimal(1000), received=START, approved=_at(total),
        approved_day=(START + timedelta(days=total)).date(), due=START.date() + timedelta(days=due), paid=None,
        stages=tuple(stages), variant=("received",),
    )  # fmt: skip


def _book(*ways: Way, runs: tuple[int, ...] = tuple(range(0, 60, 2))) -> Book:
    """Every invoice offers 20 for payment within ten days, approved too late where that came after."""
    end = START.date() + timedelta(days=10)
    missed = {
        way.document: MissedOffer(
            document_id=way.document, entity="Acme", currency="USD", received=START.date(), window_end=end, paid=None,
            amount=way.amount, missed=Decimal(20), reason=APPROVED_TOO_LATE,
        )
        for way in ways
        if way.approved_day > end
    }  # fmt: skip
    days = [START.date() + timedelta(days=n) for n in runs]
    return Book(ways, missed, {"Acme": days}, Decimal("0.5"), START.date(), DAY, "USD", "v")


def test_a_regained_offer_is_one_that_comes_into_its_window_before_a_run() -> None:
    """Approved on day 14 of ten: step 2 took ten days; at most two days bring it to day six. Without a run: nothing."""
    way = _way(1, (2, 2, 10))
    found = faster(_book(way), f"{STEP}2", Decimal(2))
    assert (found.offers, found.regained, found.expected, found.days_saved) == (1, Decimal(20), Decimal(10), Decimal(8))
    assert faster(_book(way), f"{STEP}1", Decimal(1)).regained == 0
    assert faster(_book(way, runs=(5, 20)), f"{STEP}2", Decimal(2)).regained == 0
    late = faster(_book(_way(1, (2, 2, 10), due=12)), f"{STEP}2", Decimal(2))
    assert (late.late_avoided, late.late_amount) == (1, Decimal(1000))


STEP_DAYS = st.floats(min_value=0, max_value=20).map(lambda value: round(value, 2))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEP_DAYS, STEP_DAYS, STEP_DAYS), min_size=1, max_size=12), st.integers(0, 10))
def test_gains_never_fall_with_a_tighter_limit_and_never_exceed_what_was_missed(
    days: list[tuple[float, float, float]], within: int
) -> None:
    """Monotone in the limit, zero without one, bounded by what was approved too late; all checks hold."""
    book = _book(*(_way(key, each) for key, each in enumerate(days)))
    report = wait_report(book)
    assert all(check.passed for check in report.checks), report.checks
    for stage in (BEFORE, f"{STEP}1", STEP):
        tight, loose = faster(book, stage, Decimal(within)), faster(book, stage, Decimal(within + 1))
        assert tight.regained >= loose.regained
        assert tight.days_saved >= loose.days_saved
        assert tight.regained <= sum(offer.missed for offer in book.missed.values())
    one, both = faster(book, f"{STEP}2", Decimal(within)), faster(book, STEP, Decimal(within))
    assert one.regained <= both.regained
    assert both.stage == EVERY


def test_who_takes_three_times_as_long_is_named() -> None:
    """Thirty invoices at A2 with nine days against one day elsewhere; hidden names are never among them."""
    ways = tuple(_way(key, (1, 1, 9)) for key in range(30))
    assert slow_approvers(ways) == (("A2", Decimal(1)),)
    hidden = tuple(replace(w, stages=tuple(replace(s, actor=NOT_SHOWN) for s in w.stages)) for w in ways)
    assert slow_approvers(hidden) == ()


def test_the_planted_slow_approver_is_the_slowest(layer: SemanticLayer, tmp_path: Path) -> None:
    """First by the median, and named in an action; a viewer who may not see approvers gets no name at all."""
    write_truth(tmp_path / "truth.json", "tiny", 7, TODAY)
    login = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["slow_approver"]["login"]
    assert login == "approver.group.capex"
    report = wait_report(read_process(layer, TreasuryPolicy(), start=date(2024, 1, 1)))
    assert all(check.passed for check in report.checks), report.checks
    assert "Capital" in report.actors[0][1]
    assert {a.payload.actor for a in report.actions if a.payload.actor} == {report.actors[0][1]}
    seen = layer.seen_by(Viewer("clerk", hidden=frozenset({"approver"})))
    hidden = wait_report(read_process(seen, TreasuryPolicy(), start=date(2024, 1, 1)))
    assert {who for _, who, _, _ in hidden.actors} == {NOT_SHOWN}
    assert hidden.waits == report.waits
    assert not any(a.payload.actor for a in hidden.actions)


@pytest.mark.parametrize(
    ("question", "shows", "stage", "within"),
    [
        ("where do invoices get stuck", "waits", None, None),
        ("what are our bottlenecks", "waits", None, None),
        ("what would approving stage 2 within 2 days bring", "faster_stage", 2, 2),
        ("what would approving within 3 days bring", "faster_stage", None, 3),
    ],
)
def test_questions_become_plans(
    layer: SemanticLayer, question: str, shows: str, stage: int | None, within: int | None
) -> None:
    """With the step and the days that were said."""
    plan = RulePlanner(layer).plan(question, CLOCK)
    assert isinstance(plan, OpportunityPlan), plan
    assert (plan.shows, plan.stage, plan.within_days) == (shows, stage, within)
    assert isinstance(RulePlanner(layer).plan("where do invoices not get stuck", CLOCK), Refuse)


def test_waits_are_told(mirror_folder: Path, tmp_path: Path) -> None:
    """In chat and as a command; an unknown step is refused with those there are."""
    engine = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path / 's.db'}"), today=TODAY)
    try:
        questions = ("where do invoices get stuck", "what would approving stage 2 within 2 days bring")
        answers = [engine.ask(question) for question in questions]
        refused = engine.ask("what would approving stage 9 within 2 days bring")
    finally:
        engine.close()
    for answer in answers:
        assert answer.status == "answered", answer.narrative
        assert all(check.passed for check in answer.checks), answer.checks
        assert answer.narrative
    assert (refused.status, refused.reason) == ("refused", "UNKNOWN_VALUE")
    run, mirror = CliRunner(), ["--mirror", str(mirror_folder)]
    assert json.loads(run.invoke(app, ["waits", "--stage", "2", "--within", "2", "--json", *mirror]).output)["actions"]
    assert run.invoke(app, ["waits", "--stage", "9", *mirror]).exit_code == 4
