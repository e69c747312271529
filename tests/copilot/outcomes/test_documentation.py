"""The page on outcomes is tried as it stands: its commands run in order, and print what it quotes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from copilot.governance.policy import Pilot
from copilot.outcomes.panel import MEASURES
from copilot.surfaces.cli import app

PAGE = (Path(__file__).parents[3] / "docs" / "outcomes.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The code blocks of the page that begin so."""
    return re.findall(rf"```{re.escape(kind)}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def page_folder(tmp_path: Path, mirror_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's file, the settings that it names, and nothing else."""
    (tmp_path / "people.yml").write_text(blocks("yaml people.yml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENOR_PEOPLE", "people.yml")
    monkeypatch.setenv("TENOR_STATE_URL", "sqlite:///state.db")
    monkeypatch.setenv("TENOR_MIRROR", str(mirror_folder))
    return tmp_path


def run(line: str) -> Result:
    """One command of the page; what it redirects goes to that file."""
    command, _, file = line.partition(" > ")
    words = shlex.split(command)[1:]
    fixed = ["--today", "2026-11-22"] if {"register", "stop"} & set(words) else []
    found = CliRunner().invoke(app, [*words, *fixed])
    if file:
        Path(file).write_text(found.stdout, encoding="utf-8")
    return found


@pytest.mark.usefixtures("page_folder")
def test_the_commands_of_the_page_run_in_order() -> None:
    """From a rehearsal to results; what the page quotes is what is printed, and the trail is whole."""
    said: dict[str, str] = {}
    for line in "".join(blocks("sh")).splitlines():
        found = run(line)
        assert found.exit_code == 0, (line, found.stderr)
        said[line] = found.stdout
    designed = next(text for line, text in said.items() if "design" in line and "json" not in line)
    for quoted in blocks("text")[0].splitlines():
        assert quoted in designed, designed
    assert "A rehearsal: nobody was treated" in next(text for line, text in said.items() if "rehearse" in line)
    assert "unchanged since" in said["tenor pilot show"]
    assert Pilot.model_validate(yaml.safe_load(said["tenor pilot show --policy"])["pilot"]).holdout
    assert "0 of 26 weeks are over; the verdict comes on 24 May 2027." in said["tenor pilot results"]
    results = json.loads(said["tenor pilot results --json"])
    assert {one["kind"] for one in results["findings"]} == {"NotYet"}
    key = results["pilot"]
    assert run(f'tenor pilot stop {key} --reason "a test" --as controller').exit_code == 0
    assert "There is no verdict: the pilot was stopped" in run("tenor pilot results").stdout
    assert run(f'tenor pilot stop {key} --reason "a test" --as controller').exit_code == 4
    assert CliRunner().invoke(app, ["audit", "verify"]).stdout.startswith("Intact: 3 records")


@pytest.mark.usefixtures("page_folder")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tenor pilot results", "design one with `tenor pilot design`"),
        ("tenor pilot design --start 2026-11-16", "the next Monday is 2026-11-23"),
        ("tenor pilot design --start 2026-11-25", "Weeks begin on Monday"),
        ("tenor pilot rehearse --start 2026-11-16 --weeks 4", "take an earlier --start"),
        ("tenor pilot design --start 2026-11-23 --baseline-weeks 10", "a pilot needs 12"),
        ("tenor pilot register people.yml --as controller", "people.yml is no design of a pilot"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_with_the_way_out(line: str, told: str) -> None:
    """Exit code 1 and no trace of Python."""
    found = run(line)
    assert found.exit_code == 1
    assert told in found.stderr
    assert "Traceback" not in found.output


def test_the_page_names_every_measure() -> None:
    """In the table of measures."""
    for measure in MEASURES:
        assert f"| `{measure}`" in PAGE
