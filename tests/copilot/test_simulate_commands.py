from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from copilot.surfaces.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(mirror_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `tenor simulate …` on the tiny company, away from any .env."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["simulate", *words, "--mirror", str(mirror_folder)])


def test_cash_out_as_text_json_and_csv(run: Run, tmp_path: Path) -> None:
    """The days of the file add up to the expected total of the JSON; the text says how often it was right."""
    file = tmp_path / "cash.csv"
    text = run("outflow", "--weeks", "4", "--above", "50000", "--csv", str(file), "--by", "currency", "--late")
    assert text.exit_code == 0, text.stderr
    assert "in at least one week" in text.stdout
    assert "tenor backtest" in text.stdout or "past forecasts" in text.stdout  # another test may have measured
    found = json.loads(run("outflow", "--weeks", "4", "--json").stdout)
    assert found["schema"] == "tenor.outflow/1"
    assert all(check["passed"] for check in found["checks"])
    days = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert sum(float(day["mean"]) for day in days) == pytest.approx(float(found["total"]["mean"]), abs=0.5)


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--weeks", "40"), "1 to 26 weeks"), (("--by", "moon"), "buying_entity"), (("--above", "lots"), "no amount")],
)
def test_what_cannot_be_forecast_is_said(run: Run, words: tuple[str, ...], says: str) -> None:
    """One plain sentence with the way out."""
    result = run("outflow", *words)
    assert result.exit_code in (1, 4)
    assert says in result.stderr


def test_a_scenario_is_saved_and_run_again(run: Run, tmp_path: Path) -> None:
    """The saved file gives the same outcome as the options."""
    file = tmp_path / "scenario.json"
    one = run("scenario", "--add-days", "10", "--run-days", "Tue,Thu", "--hurdle", "0.1", "--save", str(file), "--json")
    assert one.exit_code == 0, one.stderr
    assert json.loads(one.stdout) == json.loads(run("scenario", "--file", str(file), "--json").stdout)
    text = run("scenario", "--stop-early", "0")
    assert "Shapley" in text.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--net-days", "90", "--country", "FR"), 4, "L441-10"),
        (("--add-days", "500"), 1, "0 to 120 days longer, not 500"),
        (("--add-days", "5", "--net-days", "60"), 1, "contradict each other"),
        (("--capture", "0.1", "--acceptance", "0.5"), 1, "about longer terms"),
        (("--hurdle", "0.1", "--top", "5"), 1, "whole company"),
        (("--add-days", "5", "--country", "France"), 4, "such as DE"),
        ((), 4, "at least one lever"),
        (("--add-days", "5", "--supplier", "Nobody"), 4, "no supplier 'Nobody'"),
        (("--run-days", "Tue,Noday"), 1, "no weekday"),
    ],
)
def test_what_cannot_be_simulated_is_said(run: Run, words: tuple[str, ...], code: int, says: str) -> None:
    """A refusal by law names the clause; a slip names the range."""
    result = run("scenario", *words)
    assert result.exit_code == code
    assert says in result.stderr


def test_saved_scenarios_stand_side_by_side(run: Run) -> None:
    """By name, on the same horizon and seed; a name that nobody saved lists those that were."""
    for words in (("--add-days", "10", "--save", "ten days"), ("--run-days", "Tue", "--save", "tuesdays")):
        saved = run("scenario", *words, "--days", "60")
        assert saved.exit_code == 0, saved.stderr
    text = run("compare", "ten days", "tuesdays")
    assert "ten days" in text.stdout.splitlines()[1]
    content = json.loads(run("compare", "ten days", "tuesdays", "--json").stdout)
    one, other = content["scenarios"]
    assert (one["name"], one["seed"], one["inputs"]) == ("ten days", other["seed"], other["inputs"])
    assert one["dpo_baseline"] == other["dpo_baseline"]
    assert content["mirror_version"]
    assert "ten days: extend terms; 60 days" in run("saved").stdout
    unknown = run("compare", "nine days")
    assert unknown.exit_code == 1
    assert "ten days, tuesdays" in unknown.stderr
