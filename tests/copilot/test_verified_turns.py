"""Verified questions in whole turns and at the command line, over a synced company."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.rendering.chat import card
from copilot.settings import Settings
from copilot.surfaces.cli import app

TODAY = "2026-11-22"


@pytest.fixture
def settings(mirror_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The shared mirror with a state store and a file of verified questions of the test's own."""
    monkeypatch.setenv("TENOR_MIRROR", str(mirror_folder))
    monkeypatch.setenv("TENOR_STATE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("TENOR_VERIFIED", str(tmp_path / "verified.yml"))
    return Settings(_env_file=None)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on Sunday 22 November 2026."""
    opened = Engine.open(settings, today=date(2026, 11, 22))
    yield opened
    opened.close()


def run(*words: str, code: int = 0) -> str:
    """What a command prints."""
    found = CliRunner().invoke(app, ["verified", *words])
    assert found.exit_code == code, found.output
    return found.output


def test_the_badge_the_slot_and_the_edit(engine: Engine) -> None:
    """A question the rules read earns the badge; a slot is changed in the thread; a follow-up that adds loses it."""
    first = engine.ask("top 10 suppliers by spend this year", thread="t")
    assert first.verified is not None
    assert first.verified.id == "top_suppliers_by_spend"
    assert "top_suppliers_by_spend" in card(first)["why"]["verified"]
    second = engine.ask("limit: 3", thread="t")
    assert second.verified is not None
    assert second.table is not None
    assert len(second.table.rows) == 3
    assert first.table is not None
    assert second.table.rows == first.table.rows[:3]
    third = engine.ask("only EMEA", thread="t")
    assert third.status == "answered"
    assert third.verified is None


def test_an_answer_becomes_a_question_that_runs_and_expires(engine: Engine) -> None:
    """From the evidence of an answer to the file, to a run with another period, to out of force."""
    answer = engine.ask("spend by category in Q2 for EMEA")
    options = ["--id", "emea_categories", "--owner", "procurement", "--by", "controller", "--today", TODAY]
    run("add", answer.evidence_id, *options, "--slot", "period", "--slot", "region", "--paraphrase", "emea cake")
    listed = json.loads(run("list", "--json", "--today", TODAY))
    assert next(q for q in listed if q["id"] == "emea_categories")["in_force"]
    again = json.loads(run("run", "emea_categories", "--set", "period=Q2 2026", "--json", "--today", TODAY))
    assert answer.table is not None
    assert again["table"]["rows"] == json.loads(answer.to_json())["table"]["rows"]
    assert again["verified"]["owner"] == "procurement"
    assert "0 errors" in run("check", "--today", TODAY)
    run("expire", "emea_categories", "--today", TODAY)
    assert "expired" in run("list", "--today", TODAY)


def test_commands_refuse_in_one_sentence(engine: Engine) -> None:
    """A question that is not there, a slot that is not, a value that does not fit, an answer without a metric."""
    refused = engine.ask("tell me a joke")
    for words in (
        ("run", "nothing_like_this"),
        ("run", "dpo", "--set", "period=Q2"),
        ("run", "spend_of_period", "--set", "period=banana"),
        ("run", "spend_of_period", "--set", "period"),
        ("add", refused.evidence_id, "--id", "x", "--owner", "o", "--by", "b"),
        ("expire", "nothing_like_this"),
    ):
        assert "\n" not in run(*words, code=1).strip()


def test_a_check_of_the_metrics_looks_at_stored_plans(settings: Settings) -> None:
    """A stored plan whose metric is gone fails `tenor metrics check`, which names the question."""
    settings.verified.write_text(
        "verified_questions:\n"
        "  - {id: lost, question: what is lost, plan: {metrics: [gone]}, owner: treasury, verified_by: controller,\n"
        "     verified_on: 2026-11-01, expires_on: 2027-01-01}\n"
    )
    found = CliRunner().invoke(app, ["metrics", "check", "--definitions-only", "--today", TODAY])
    assert found.exit_code == 1
    assert "lost" in found.output
    assert "gone" in found.output
