"""Questions, follow-ups, evidence and the trail with the state on a real server, as a company with several users runs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.errors import StateStoreError
from copilot.evidence import compare
from copilot.settings import Settings
from copilot.surfaces.cli import app


def test_a_conversation_goes_on_and_its_trail_verifies(
    new_database: Callable[[], str],
    mirror_folder: Path,
    company_today: date,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """DPO, a restart, by region; both answers replay to the same bytes; the commands find the trail intact."""
    url = new_database()
    settings = Settings(mirror=mirror_folder, state_url=url, _env_file=None)
    for question in ("dpo?", "and by region?"):
        engine = Engine.open(settings, today=company_today)
        answer = engine.ask(question, thread="t", actor="treasurer")
        assert answer.status == "answered"
        pack = engine.evidence_of(answer.evidence_id)
        assert compare(pack, engine.replay(pack)).identical
        assert engine.ask("what is\x00the weather in Oslo", thread="u").status == "refused"
        engine.close()
    assert answer.table is not None
    assert answer.table.columns[0].name == "region"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENOR_STATE_URL", url)
    checked = CliRunner().invoke(app, ["audit", "verify"])
    assert checked.stdout.startswith("Intact: 4 records")


def test_a_server_that_is_away_is_one_sentence(
    mirror_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the setting to look at, and no password."""
    monkeypatch.chdir(tmp_path)
    url = "postgresql+psycopg://tenor:hunter2@127.0.0.1:1/tenor"
    with pytest.raises(StateStoreError, match="Cannot open the state store"):
        Engine.open(Settings(mirror=mirror_folder, state_url=url, _env_file=None))
    monkeypatch.setenv("TENOR_STATE_URL", url)
    shown = CliRunner().invoke(app, ["ask", "dpo?", "--mirror", str(mirror_folder)])
    assert shown.exit_code == 1
    assert "Check that TENOR_STATE_URL names a reachable database" in shown.output
    assert "hunter2" not in shown.output
