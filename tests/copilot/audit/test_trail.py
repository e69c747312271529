"""The trail as a company keeps it: every answer in it, exported, verified and anchored by the commands."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from click.testing import Result
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from copilot.audit.chain import Action, Event, Intact, verify
from copilot.engine import Engine
from copilot.settings import Settings
from copilot.state.store import StateStore
from copilot.surfaces.cli import app

TENOR = Path(sys.executable).with_name("tenor")


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command as an auditor types it, beside the state of the company, in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TENOR_")}
    return subprocess.run(
        [TENOR, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def tenor(folder: Path, *words: str) -> Result:
    """The same within this process, which spares the start of one."""
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, words, env={k: None for k in os.environ if k.startswith("TENOR_")})


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, mirror_folder: Path, company_today: date) -> Path:
    """A folder with a state store in which three questions were answered, one of them refused."""
    folder = tmp_path_factory.mktemp("audited")
    settings = Settings(mirror=mirror_folder, state_url=f"sqlite:///{folder}/.tenor/state.db")
    engine = Engine.open(settings, today=company_today)
    try:
        engine.ask("what's our DPO?", "t", "slack:T1:U1")
        engine.ask("and by region?", "t", "slack:T1:U1")
        engine.ask("what is the weather in Oslo")
    finally:
        engine.close()
    return folder


def test_the_trail_tells_who_was_shown_what_and_verifies_offline(company: Path, tmp_path: Path) -> None:
    """Question, actor, rights, plan and seal of each answer; the export is checked away from the database."""
    exported = typed(company, "audit", "export")
    assert exported.returncode == 0
    records = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [r["told"]["question"] for r in records[:3]] == [
        "what's our DPO?",
        "and by region?",
        "what is the weather in Oslo",
    ]
    assert [r["told"]["status"] for r in records[:3]] == ["answered", "answered", "refused"]
    assert records[0]["actor"] == "slack:T1:U1"
    assert records[2]["actor"].startswith("local")
    assert (records[0]["role"], records[0]["model"]) == ("everybody", "rules")
    (tmp_path / "trail.jsonl").write_text(exported.stdout, encoding="utf-8")
    checked = typed(tmp_path, "audit", "verify", "trail.jsonl")
    assert checked.stdout.startswith("Intact: 3 records, without anchors.")
    (tmp_path / "trail.jsonl").write_text(exported.stdout.replace("Oslo", "Rome"), encoding="utf-8")
    broken = tenor(tmp_path, "audit", "verify", "trail.jsonl")
    assert broken.exit_code == 1
    assert broken.stderr.startswith("Broken at record 3: record 3 was changed")


def test_the_seal_in_the_trail_is_that_of_the_evidence(company: Path) -> None:
    """Evidence that was changed together with its own seal still differs from the trail."""
    with StateStore.open(f"sqlite:///{company}/.tenor/state.db") as store:
        for record in store.audit.records():
            turn = store.turns.get(record["object"])
            assert turn is not None
            assert record["output"] == turn.sha256


def test_records_deleted_from_the_database_show(company: Path, tmp_path: Path) -> None:
    """In the middle by the chain itself; at the end by the anchor that was left elsewhere."""
    marks = tmp_path / "marks"
    marked = tenor(company, "audit", "anchor", str(marks))
    assert marked.exit_code == 0, marked.stderr
    public = marked.stdout.split()[-1].rstrip(".")
    whole = tenor(company, "audit", "verify", "--anchors", str(marks), "--key", public)
    assert "held against 1 anchors" in whole.stdout
    engine = create_engine(f"sqlite:///{company}/.tenor/state.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT * FROM audit_events WHERE seq = 3"))
        connection.execute(text("DELETE FROM audit_events WHERE seq = 3"))
    assert tenor(company, "audit", "verify").exit_code == 0
    cut = tenor(company, "audit", "verify", "--anchors", str(marks))
    assert cut.exit_code == 1
    assert "the newest records were cut off" in cut.stderr
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO audit_events SELECT * FROM kept"))
        connection.execute(text("DROP TABLE kept"))
        connection.execute(text("UPDATE audit_events SET actor = 'nobody' WHERE seq = 2"))
    changed = tenor(company, "audit", "verify")
    assert changed.stderr.startswith("Broken at record 2: record 2 was changed")
    engine.dispose()


def test_many_writers_make_one_chain(state_url: str) -> None:
    """Two stores over one database, eight threads: no gap, no fork."""
    with StateStore.open(state_url) as one, StateStore.open(state_url) as two:

        def write(store: StateStore) -> None:
            for i in range(10):
                store.audit.append(Event(actor="a", role="r", action="opened", object=str(i)))

        writers = [threading.Thread(target=write, args=(store,)) for store in (one, two) * 4]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        found = verify(one.audit.records())
        assert isinstance(found, Intact)
        assert found.head.seq == 80


def test_an_anchor_is_left_by_itself_each_day(mirror_folder: Path, company_today: date, tmp_path: Path) -> None:
    """With the setting, the first answer of the day marks the trail; a folder that fails costs no answer."""
    marks = tmp_path / "marks"
    settings = Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path}/state.db", audit_anchors=marks)
    engine = Engine.open(settings, today=company_today)
    try:
        assert engine.ask("what's our DPO?").status == "answered"
        engine.ask("spend last month")
    finally:
        engine.close()
    assert len(list(marks.iterdir())) == 1
    (tmp_path / "file").write_text("in the way")
    blocked = settings.model_copy(update={"audit_anchors": tmp_path / "file"})
    engine = Engine.open(blocked, today=company_today)
    try:
        assert engine.ask("what's our DPO?").status == "answered"
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not json\n", "Line 1 of the export is not JSON"),
        (b"[1]\n", "Line 1 of the export is not a record"),
        (b"\xff\xfe\n", "holds bytes that are no text"),
        (b'{"seq": 1}\n', "Broken at record 1: it is not a record of this trail"),
    ],
)
def test_a_file_that_is_no_export_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    """With the line; never a traceback."""
    (tmp_path / "x.jsonl").write_bytes(content)
    found = tenor(tmp_path, "audit", "verify", "x.jsonl")
    assert found.exit_code == 1
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


def test_every_action_is_documented() -> None:
    """A reader of the trail finds what each one means."""
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    missing = [action for action in get_args(Action) if f"`{action}`" not in page]
    assert not missing
