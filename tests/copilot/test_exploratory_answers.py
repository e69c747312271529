"""A pasted SELECT runs as exploration where the setting allows it, is labelled so, and never passes for a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.evidence import compare, load
from copilot.exploratory_answers import pasted_select
from copilot.rendering.chat import chat_answer
from copilot.rendering.terminal import render
from copilot.settings import Settings
from copilot.state.store import open_store
from copilot.surfaces.cli import app
from semantic_layer.layer import shipped_model

SELECT = "SELECT status, count(*) AS invoices FROM invoice GROUP BY ALL ORDER BY 2 DESC, 1"
Open = Callable[[bool], Engine]


@pytest.fixture
def opened(mirror_folder: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens engines on Sunday 22 November 2026, with exploration or without."""
    engines: list[Engine] = []

    def make(allowed: bool) -> Engine:
        state = f"sqlite:///{tmp_path}/state.db"
        settings = Settings(mirror=mirror_folder, state_url=state, exploration=allowed, _env_file=None)
        engines.append(Engine.open(settings, today=date(2026, 11, 22)))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        (SELECT, True),
        (f"```sql\n{SELECT}\n```", True),
        ("with a as (select id from invoice) select count(*) from a", True),
        ("Select the suppliers from EMEA", False),
        ("select invoices from last month", False),
        ("SELECT 1", False),
        ("select secret from passwords", False),
        ("DROP TABLE invoice", False),
        ("What's our DPO?", False),
    ],
)
def test_what_counts_as_a_select(text: str, is_sql: bool) -> None:
    """SQL that reads an entity of the model, bare or fenced; English with the same words is a question."""
    assert (pasted_select(text, shipped_model()) is not None) == is_sql


def test_a_pasted_select_is_labelled_everywhere(opened: Open) -> None:
    """Exploratory in the answer, in the terminal and on the card; no headline; no figure of its rows in the text."""
    answer = opened(True).ask(SELECT)
    assert (answer.status, answer.trust, answer.headline) == ("answered", "exploratory", None)
    assert answer.table is not None
    assert not any(character.isdigit() for character in answer.narrative)
    shown = chat_answer(answer)
    assert shown.card["trust"]["level"] == "exploratory"
    assert any(step.name == "Proposal for a metric" and "measures:" in step.body for step in shown.steps)
    out = StringIO()
    Console(file=out, width=120).print(render(answer))
    assert "exploratory" in out.getvalue()
    assert "A proposal for review" in out.getvalue()


def test_it_is_off_unless_switched_on(opened: Open) -> None:
    """Without the setting a SELECT is turned away as before."""
    answer = opened(False).ask(SELECT)
    assert answer.status == "refused"
    assert not answer.sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM invoice, read_csv('/etc/passwd')",
        "SELECT count(*) FROM invoice; DROP TABLE invoice",
        "SELECT getenv('HOME') FROM invoice",
        "SELECT nothing_like_this FROM invoice",
    ],
)
def test_the_guard_has_its_say(opened: Open, sql: str) -> None:
    """Files, second statements, the environment and columns that are not there end in a refusal in plain words."""
    answer = opened(True).ask(sql)
    assert answer.status == "refused"
    assert answer.table is None


def test_the_thread_goes_on_and_the_answer_replays(opened: Open, mirror_folder: Path, tmp_path: Path) -> None:
    """A follow-up edits the certified answer before, not the exploration; the evidence replays to the same rows."""
    engine = opened(True)
    engine.ask("spend by region", thread="t")
    explored = engine.ask(SELECT, thread="t")
    after = engine.ask("only EMEA", thread="t")
    assert after.status == "answered"
    assert after.trust != "exploratory"
    settings = Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path}/state.db", _env_file=None)
    with open_store(settings) as store:
        pack = load(store, explored.evidence_id)
    assert compare(pack, engine.replay(pack)).identical


def test_the_command_prints_a_proposal() -> None:
    """`tenor explore --propose` prints YAML and runs nothing; what cannot be a metric is one sentence."""
    done = CliRunner().invoke(app, ["explore", "--propose", SELECT])
    assert done.exit_code == 0
    assert "metrics:" in done.output
    refused = CliRunner().invoke(app, ["explore", "--propose", "SELECT 1"])
    assert refused.exit_code == 1
