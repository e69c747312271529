"""What-ifs in chat: told in grounded words, split over levers that add up, refused where the law or the input says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from copilot.engine import Engine
from copilot.settings import Settings


@pytest.fixture(scope="module")
def engine(mirror_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The real engine over the tiny company."""
    state = tmp_path_factory.mktemp("scenario") / "state.db"
    opened = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{state}"), today=date(2026, 11, 22))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "question",
    [
        "what if we move the top 20 suppliers to net 60",
        "if we take every discount above 12% what happens to cash in December?",
        "what if spend grows 10% but terms stay put",
    ],
)
def test_a_what_if_is_told_in_grounded_words(engine: Engine, question: str) -> None:
    """DPO beside the baseline, cash and benefit apart, every lever with who decides it."""
    answer = engine.ask(question)
    assert answer.status == "answered", answer.narrative
    assert all(c.passed for c in answer.checks if c.name == "prose_grounded"), answer.checks
    assert "a single time" in answer.narrative
    assert "per year" in answer.narrative
    assert answer.headline is not None
    assert answer.headline.baseline == "the baseline"


def test_shares_of_levers_add_up(engine: Engine) -> None:
    """Two levers: their Shapley shares of one-off cash add up to what both release together."""
    answer = engine.ask("combine: net 75 for the top 20 suppliers, spend grows 5%")
    assert answer.table is not None
    assert [row[0] for row in answer.table.rows] == ["Longer terms", "Spend"]
    names = [c.name for c in answer.table.columns]
    shares = [Decimal(str(row[names.index("dpo")])) for row in answer.table.rows]
    assert answer.headline is not None
    lead = answer.headline
    assert abs(sum(shares) - Decimal(str(lead.delta))) <= Decimal("0.03")
    assert Decimal(str(lead.value)) - Decimal(str(lead.previous)) == Decimal(str(lead.delta))
    assert any(c.startswith("No end was named") for c in answer.caveats)
    assert "simulated to 22 May 2027" in answer.reading
    assert shares[0] > shares[1]


def test_a_new_what_if_does_not_inherit_the_last(engine: Engine) -> None:
    """The levers of a new what-if are its own; "and 60?" changes the days of the last one."""
    engine.ask("what if German suppliers go to net 45", thread="w")
    sixty = engine.ask("and 60?", thread="w")
    assert [lever["net_days"] for lever in sixty.plan["levers"]] == [60]
    other = engine.ask("what if approvals are 30% faster", thread="w")
    assert [lever["kind"] for lever in other.plan["levers"]] == ["approval_speed"]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("what if French suppliers go to net 90", "LEGAL_LIMIT"),
        ("what if all suppliers go to net 500", "OUT_OF_SCOPE"),
        ("what if the moon explodes", "UNMAPPED_WORDS"),
        ("what if tail suppliers go to net 45", "OUT_OF_SCOPE"),
        ("what if suppliers in Germany go to net 45 by region", "OUT_OF_SCOPE"),
    ],
)
def test_what_cannot_be_simulated_is_refused(engine: Engine, question: str, reason: str) -> None:
    """The clause, the range, the word: named, and no figure."""
    answer = engine.ask(question)
    assert (answer.status, answer.reason) == ("refused", reason), answer.narrative
    assert answer.headline is None
    assert answer.choices
