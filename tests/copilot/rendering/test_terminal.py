from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from copilot.answer import Answer
from copilot.planning.plan import Choice
from copilot.rendering.terminal import render, sparks


def shown(answer: Answer, width: int = 100, *, sql: bool = False, colour: bool = False) -> str:
    """The answer as a terminal of that width prints it."""
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=colour)
    console.print(render(answer, sql=sql))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_figure_comes_first_with_its_exact_amount(answers: Any) -> None:
    """Short in the headline, to the cent beside it, the change with its baseline."""
    first = shown(answers.spend_compared(), width=160).splitlines()[0]
    assert first == (
        "USD 12.4m  Spend  (USD 12,431,220.15)  -USD 568.8k vs Q2 2026 (Apr\N{EN DASH}Jun)  Q3 2026 (to 30 Sep 2026)"
    )


def test_a_ranking_has_bars_and_counts_what_is_hidden(answers: Any) -> None:
    """Numbers to the right, a bar per row, the longest for the largest."""
    text = shown(answers.missed_by_supplier())
    bars = [line.count("█") for line in text.splitlines() if "█" in line]
    assert bars == sorted(bars, reverse=True)
    assert bars[0] == 16
    assert "309 more not shown" in text
    assert "120,400.10" in text


def test_a_trend_has_a_sparkline(answers: Any) -> None:
    """One block per month between the ends."""
    assert "Aug 2026  ▅█▆▁  Nov 2026" in shown(answers.spend_trend())


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int, answers: Any) -> None:
    """Every kind of answer fits, also with hostile and very long names."""
    for answer in (*answers.every(), answers.missed_by_supplier(["x" * 300, "株" * 100])):
        console = Console(width=width)
        for line in shown(answer, width).splitlines():
            assert console.measure(line.rstrip()).maximum <= width


@pytest.mark.parametrize("width", [20, 34, 46, 60, 80, 120])
def test_no_number_is_ever_cut(width: int, answers: Any) -> None:
    """Columns that do not fit are left out by name or listed below each other; a figure is shown whole or not at all."""
    text = shown(answers.missed_by_supplier(["A supplier with rather a long name", "Beta SA"]), width)
    assert "120,400.10" in text
    assert "60,200.05" in text
    flat = " ".join(text.split())
    assert "12.3%" in text.split("Trust")[0].split("total;")[-1] or "Too narrow to show: Share of total" in flat


def test_names_are_not_read_as_markup(answers: Any) -> None:
    """Rich's own markup and escape sequences in a name are printed, not obeyed."""
    text = shown(answers.missed_by_supplier(["[bold red]x[/bold red]", "\x1b[31mred"]), colour=True)
    assert "[bold red]x[/bold red]" in text
    assert "\x1b[31m" not in text


def test_without_colours_nothing_is_lost(answers: Any) -> None:
    """The plain text has the words: trust, checks, caveats, freshness, next steps, and the SQL on request."""
    text = shown(answers.spend_trend(), sql=True)
    assert "\x1b" not in text
    for piece in (
        "Read as:",
        "Trust: verified; 2 checks passed",
        "Note: Nov 2026 is in progress",
        "Data: as of",
        "Next:",
        "SELECT 1",
    ):
        assert piece in text
    assert "SELECT 1" not in shown(answers.spend_trend())


def test_choices_are_listed(answers: Any) -> None:
    """A question back shows what to type."""
    choice = Choice(label="DPO", question="What is our DPO?")
    answer = answers.nothing_paid().model_copy(update={"choices": (choice,), "headline": None})
    assert "? What is our DPO?" in shown(answer)


def test_sparks_take_gaps_and_flat_lines() -> None:
    """A missing value is a blank; equal values are level."""
    assert sparks([1.0, None, 3.0]) == "▁ █"
    assert sparks([5.0, 5.0]) == "▁▁"
    assert sparks([None]) == ""
