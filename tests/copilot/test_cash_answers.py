"""Cash ahead in chat: every view says its figures with a cell behind each, adds up, and refuses what it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from copilot.answer import Answer
from copilot.engine import Engine
from copilot.settings import Settings


@pytest.fixture(scope="module")
def engine(mirror_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The real engine over the tiny company."""
    state = tmp_path_factory.mktemp("cash") / "state.db"
    opened = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{state}"), today=date(2026, 11, 22))
    yield opened
    opened.close()


def column(answer: Answer, name: str) -> list[object]:
    """The cells of a column."""
    assert answer.table is not None
    at = [c.name for c in answer.table.columns].index(name)
    return [row[at] for row in answer.table.rows]


QUESTIONS = (
    "AP outflow for 6 weeks",
    "AP outflow by buying entity",
    "AP outflow by layer",
    "chance we need more than 40k in any week of December",
    "next payment run",
    "which open invoices will probably be paid late",
    "expected accruals at month end",
    "AP outflow for EMEA next month",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_view_is_told_in_grounded_words(engine: Engine, question: str) -> None:
    """A figure first, a sentence that no scanner stops, a measured or admitted coverage, named assumptions."""
    answer = engine.ask(question)
    assert answer.status == "answered", answer.narrative
    assert answer.trust == "governed", [c for c in answer.checks if not c.passed]
    assert answer.headline is not None
    assert answer.narrative
    assert any("back" in caveat or "overage" in caveat for caveat in answer.caveats)
    assert len(answer.assumptions) >= 5


def test_weeks_at_the_edges_hold_what_lies_inside(engine: Engine) -> None:
    """December begins on a Tuesday: the weeks of its answer are cut to it, and their means are December's."""
    december = engine.ask("AP outflow in December")
    assert (column(december, "from")[0], column(december, "to")[-1]) == ("2026-12-01", "2026-12-31")
    assert column(december, "week")[0] == "part of week 2"
    layers = engine.ask("AP outflow by layer in December")
    means = [sum(Decimal(str(v)) for v in column(answer, "mean")) for answer in (december, layers)]
    assert abs(means[0] - means[1]) <= Decimal("0.10")


def test_weeks_and_layers_add_up_to_the_same_cash(engine: Engine) -> None:
    """Means add up over weeks and over layers to the same total; the band of the total is narrower than summed bands."""
    weeks, layers = engine.ask("AP outflow for 6 weeks"), engine.ask("AP outflow by layer for 6 weeks")
    by_week = sum(Decimal(str(v)) for v in column(weeks, "mean"))
    by_layer = sum(Decimal(str(v)) for v in column(layers, "mean"))
    assert abs(by_week - by_layer) <= Decimal("0.10")
    assert weeks.headline is not None
    low, high = (Decimal(str(v)) for v in (weeks.headline.low, weeks.headline.high))
    summed = sum(Decimal(str(v)) for v in column(weeks, "p90")) - sum(Decimal(str(v)) for v in column(weeks, "p10"))
    assert high - low < summed


def test_the_same_question_gives_the_same_cash(engine: Engine) -> None:
    """Seeded: two runs print the same cells."""
    first, second = engine.ask("AP outflow for 6 weeks"), engine.ask("AP outflow for 6 weeks")
    assert first.table == second.table
    assert first.headline == second.headline


def test_a_thread_about_cash(engine: Engine) -> None:
    """Narrower, then its worst case, then the third week of it."""
    whole = engine.ask("cash out next 4 weeks", thread="cash")
    emea = engine.ask("only EMEA", thread="cash")
    worst = engine.ask("worst case", thread="cash")
    week = engine.ask("what's in week 3 that's so big", thread="cash")
    values = [a.headline.value for a in (whole, emea, worst, week) if a.headline is not None]
    assert [a.status for a in (whole, emea, worst, week)] == ["answered"] * 4
    assert Decimal(str(values[1])) < Decimal(str(values[0]))
    assert Decimal(str(values[2])) > Decimal(str(values[1]))
    assert worst.headline is not None
    assert worst.headline.value == worst.headline.high
    assert week.plan["week"] == 3
    assert week.plan["filters"] == worst.plan["filters"]


@pytest.mark.parametrize("question", ["what is in week 3", "What's in week 3?", "what is in week 3 of the forecast"])
def test_what_is_in_a_week(engine: Engine, question: str) -> None:
    """The third whole week ahead, with the documents that will probably be paid in it."""
    answer = engine.ask(question)
    assert answer.status == "answered"
    assert (answer.plan["shows"], answer.plan["week"]) == ("week", 3)
    assert answer.headline is not None


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("AP outflow last month", "past"),
        ("AP outflow for 60 weeks", "26 weeks ahead"),
        ("what is in week 60", "26 weeks ahead"),
        ("AP outflow by category", "not by category"),
        ("AP outflow until end of 2028", "26 weeks"),
        ("AP outflow for supplier Nobody Knows Ltd", ""),
    ],
)
def test_what_cannot_be_forecast_is_refused(engine: Engine, question: str, says: str) -> None:
    """The past, an unknown grouping, too far ahead, a supplier nobody has: a sentence, no figure."""
    answer = engine.ask(question)
    assert answer.status == "refused"
    assert answer.headline is None
    assert says in answer.narrative


def test_the_measured_coverage_stands_under_a_forecast(mirror_folder: Path, tmp_path: Path) -> None:
    """What a back-test beside the mirror found is said; without one, that nothing was measured."""
    import json  # noqa: PLC0415
    import shutil  # noqa: PLC0415

    mirror = tmp_path / "mirror"
    shutil.copytree(mirror_folder, mirror)
    saved = {
        "schema": "tenor.backtest/1", "coverage_80": 0.77, "wape_4w": 0.094, "bias_4w": -0.024, "origins": 26,
        "origin_dates": ["2026-02-28", "2026-10-24"], "stretches": {"sum": {"4": 1.3}, "week": {}}, "projected_dpo": [{"coverage": 0.8, "horizon": 30}],
    }  # fmt: skip

    def caveats(question: str) -> str:
        opened = Engine.open(
            Settings(mirror=mirror, state_url=f"sqlite:///{tmp_path / 'state.db'}"), today=date(2026, 11, 22)
        )
        try:
            answer = opened.ask(question)
        finally:
            opened.close()
        return " ".join((*answer.caveats, *(a.value for a in answer.assumptions)))

    assert "run `tenor backtest`" in caveats("AP outflow for 4 weeks")
    (tmp_path / "backtest.json").write_text(json.dumps(saved))
    assert "77%" in caveats("AP outflow for 4 weeks")
    assert "80% at 30 days" in caveats("projected DPO next quarter")
