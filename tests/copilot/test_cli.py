from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from copilot.settings import documented
from copilot.surfaces.cli import app, schema_text

COMMANDS = ("ask", "chat", "demo", "metrics", "schema", "replay", "backtest")
DOCUMENTS = Path(__file__).parents[2] / "docs"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in an empty folder, with no setting of the machine."""
    for name, _default, _help in documented():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def ask(run: Run, mirror_folder: Path) -> Run:
    """`tenor ask` on the tiny company, 22 November 2026."""
    return lambda *words: run("ask", *words, "--mirror", str(mirror_folder), "--today", "2026-11-22")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(command: str, run: Run) -> None:
    """--help of each command shows how it is typed."""
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: tenor {command}" in result.stdout


@pytest.mark.parametrize("command", [("ask", "dpo"), ("chat",), ("backtest",)])
def test_without_a_mirror_the_way_out_is_named(command: tuple[str, ...], run: Run) -> None:
    """One sentence on standard error, nothing else, exit code 1."""
    result = run(*command)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Run `tenor-sync once` first" in result.stderr


def test_the_installed_command_prints_no_traceback(tmp_path: Path) -> None:
    """As a process of its own, with a wrong setting: one sentence that names the setting."""
    environment = {**os.environ, "TENOR_FISCAL_YEAR_START": "14"}
    command = [sys.executable, "-c", "from copilot.surfaces.cli import main; main()", "ask", "dpo"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The setting TENOR_FISCAL_YEAR_START is not valid")
    assert "Traceback" not in done.stderr


def test_metrics_are_listed_explained_and_checked(run: Run) -> None:
    """The catalogue by name, one definition by any of its names, and the check of all of them."""
    assert "dpo_purchases" in run("metrics").stdout
    assert "dpo_purchases" in {row["name"] for row in json.loads(run("metrics", "--json").stdout)}
    for name in ("dpo_purchases", "DPO"):
        assert "over gross purchases of the 90 days" in " ".join(run("metrics", name).stdout.split())
    checked = run("metrics", "check")
    assert checked.exit_code == 0
    assert "are valid" in checked.stdout


def test_an_unknown_metric_names_the_nearest(run: Run) -> None:
    """A typing error is met with the names it may have meant."""
    result = run("metrics", "dpo_purchase")
    assert result.exit_code == 1
    assert "Did you mean dpo_purchases" in result.stderr


def test_the_schema_in_the_documents_is_the_schema_of_the_program(run: Run) -> None:
    """docs/answer.schema.json is what `tenor schema` prints, and it is a valid schema."""
    printed = run("schema").stdout
    assert printed == schema_text()
    assert printed == (DOCUMENTS / "answer.schema.json").read_text(), "run `tenor schema > docs/answer.schema.json`"
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))


def test_an_answer_reads_figure_first(ask: Run) -> None:
    """The number, two sentences, and where it came from."""
    result = ask("What is our DPO?")
    assert result.exit_code == 0, result.stderr
    assert " days  DPO" in result.stdout.splitlines()[0]
    assert "DPO stood at" in result.stdout
    assert "Trust: verified" in result.stdout


def test_an_answer_as_json_fits_the_schema(ask: Run) -> None:
    """Only JSON on standard output, valid against the published schema, with the SQL that ran."""
    result = ask("--json", "top 10 suppliers by missed discounts this year")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, json.loads(schema_text()))
    assert len(answer["table"]["rows"]) == 10
    assert answer["sql"]


def test_a_thread_goes_on(ask: Run) -> None:
    """A follow-up in the same thread keeps the metric."""
    first = json.loads(ask("--json", "What is our DPO?").stdout)
    second = json.loads(ask("--json", "and by region?", "--thread", first["thread"]).stdout)
    assert second["headline"]["metric"] == "dpo_purchases"
    assert second["table"]["columns"][0]["name"] == "region"


@pytest.mark.parametrize(
    ("question", "code"),
    [("What is our DPO?", 0), ("What's our exposure?", 3), ("What is our hurdle rate?", 4), ("how is the weather", 4)],
)
def test_exit_codes_tell_what_happened(question: str, code: int, ask: Run) -> None:
    """0 answered, 3 a question back, 4 refused; the latter two carry no figure."""
    result = ask("--json", question)
    assert result.exit_code == code, result.stdout
    answer = json.loads(result.stdout)
    assert (answer["headline"] is None) == (code != 0)


def test_follow_ups_work(ask: Run) -> None:
    """Every suggestion under an answer is answered when typed."""
    first = json.loads(ask("--json", "What is our DPO?").stdout)
    assert len(first["follow_ups"]) == 3
    for question in first["follow_ups"]:
        assert ask(question, "--thread", first["thread"]).exit_code == 0, question


def test_a_replay_is_identical(ask: Run, run: Run, mirror_folder: Path) -> None:
    """The plan behind an answer gives the same answer again; an unknown id says where ids stand."""
    answer = json.loads(ask("--json", "DPO by region").stdout)
    again = run("replay", answer["evidence_id"], "--mirror", str(mirror_folder))
    assert again.exit_code == 0, again.stdout + again.stderr
    assert "Identical" in again.stdout
    assert json.loads(run("replay", answer["evidence_id"], "--json", "--mirror", str(mirror_folder)).stdout)[
        "identical"
    ]
    missing = run("replay", "nope", "--mirror", str(mirror_folder))
    assert missing.exit_code == 1
    assert "foot of every answer" in missing.stderr


def test_a_backtest_prints_scores_and_writes_trials(run: Run, mirror_folder: Path, tmp_path: Path) -> None:
    """A table to read, and a file with every forecast and its outcome."""
    file = tmp_path / "trials.csv"
    page = tmp_path / "page.html"
    options = ("--trials", str(file), "--report", str(page), "--origins", "6", "--paths", "50", "--no-dpo")
    result = run("backtest", "--mirror", str(mirror_folder), *options)
    assert result.exit_code == 0, result.stderr
    assert "coverage" in result.stdout
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert {"method", "origin", "horizon", "p10", "p90", "actual"} <= set(rows[0])
    assert "<svg" in page.read_text(encoding="utf-8")


def test_explore_runs_a_select_and_nothing_else(mirror_folder: Path) -> None:
    """A SELECT gives rows, marked exploratory; a write, another table and a file are refused in one sentence."""
    run = CliRunner()
    sql = "SELECT status, count(*) AS n FROM invoice GROUP BY ALL ORDER BY 2 DESC"
    shown = run.invoke(app, ["explore", sql, "--mirror", str(mirror_folder), "--today", "2026-11-22"])
    assert shown.exit_code == 0, shown.output
    assert "approved" in shown.output
    assert "Exploratory" in shown.output
    for bad in ("DELETE FROM invoice", "SELECT * FROM secrets", "SELECT * FROM read_csv('/etc/passwd')"):
        refused = run.invoke(app, ["explore", bad, "--mirror", str(mirror_folder)])
        assert refused.exit_code == 1
        assert refused.stderr.count("\n") == 1
