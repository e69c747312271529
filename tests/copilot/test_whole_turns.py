"""Questions of the bank as whole turns over a real mirror: read, run, told, checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from copilot.engine import Engine
from copilot.evaluation.bank import Case, load_bank
from copilot.settings import Settings

BANK = load_bank(Path(__file__).parents[2] / "benchmarks" / "questions.yml")
PARTS = 8
WARNINGS = frozenset({"steady_state"})
"""Comparisons that may fail on a company this small: a closed form beside a simulated week."""
SAMPLE = 3
"""Every so many cases is asked in full; all are read by the planner's own tests."""


@pytest.fixture(scope="module")
def engine(mirror_folder: Path, company_today: date, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all turns, as in one long day."""
    state = tmp_path_factory.mktemp("turns") / "state.db"
    settings = Settings(mirror=mirror_folder, state_url=f"sqlite:///{state}", _env_file=None)
    opened = Engine.open(settings, today=company_today)
    yield opened
    opened.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_turns_end_in_an_answer_a_question_or_a_refusal(engine: Engine, part: int) -> None:
    """Nothing is raised; what is answered passes its checks; what is not carries no figure."""
    cases: list[Case] = list(BANK.cases)[::SAMPLE][part::PARTS]
    assert cases
    for case in cases:
        for turn in case.turns:
            answer = engine.ask(turn.say, thread=f"turns-{case.id}")
            assert answer.narrative, turn.say
            if answer.status == "answered":
                failed = {check.name for check in answer.checks if not check.passed}
                assert failed <= WARNINGS, turn.say
            else:
                assert answer.headline is None, turn.say
                assert answer.table is None, turn.say
                assert answer.reason, turn.say
