"""The pages on approvals are tried as they stand: their files are read, their commands run in order."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from copilot.governance.actions import KINDS
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Proposed
from copilot.governance.people import ROLES, read_people
from copilot.governance.policy import Policy
from copilot.governance.register import Register
from copilot.governance.replaying import Replayed, replay
from copilot.governance.submitting import submit
from copilot.state.store import StateStore
from copilot.surfaces.cli import app
from semantic_layer import SemanticLayer

PAGE = (Path(__file__).parents[3] / "docs" / "approvals.md").read_text(encoding="utf-8")
EXAMPLE_ID = "1a2b3c4d5e6f7a8b"


def blocks(kind: str) -> list[str]:
    """The code blocks of the page that begin so."""
    return re.findall(rf"```{re.escape(kind)}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def offering_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny company that has discounts on offer."""
    folder = tmp_path_factory.mktemp("offers") / "mirror"
    command = [sys.executable, "-m", "sync", "once", "--demo", "--preset", "tiny", "--seed", "11"]
    options = ["--today", "2026-11-22", "--mirror", str(folder)]
    subprocess.run([*command, *options], check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def page_folder(tmp_path: Path, offering_mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files, the settings that it names, and nothing else."""
    for name in ("people.yml", "policy.yml"):
        (tmp_path / name).write_text(blocks(f"yaml {name}")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENOR_PEOPLE", "people.yml")
    monkeypatch.setenv("TENOR_STATE_URL", "sqlite:///state.db")
    monkeypatch.setenv("TENOR_MIRROR", str(offering_mirror))
    return tmp_path


TIMELESS = ("show", "audit", "diff", "hand-out", "replay", "pack", "verify")


def run(line: str) -> Result:
    """One command of the page, on the day after the company's last."""
    words = shlex.split(line)[1:]
    fixed = [] if set(words) & set(TIMELESS) else ["--today", "2026-11-22"]
    return CliRunner().invoke(app, [*words, *fixed])


@pytest.mark.usefixtures("page_folder")
def test_the_commands_of_the_page_run_in_order() -> None:
    """From the first policy to an approved proposal, and then the switch; each ends well and says what it did."""
    said: dict[str, str] = {}
    key = ""
    for line in "".join(blocks("sh")).splitlines():
        found = run(line.replace(EXAMPLE_ID, key))
        assert found.exit_code == 0, (line, found.stderr)
        said[line] = found.stdout
        if line.startswith("tenor approvals propose"):
            cases = json.loads(run("tenor approvals list --json").stdout)
            key = cases[0]["id"]
    assert "actions are queued for Coupa" in said[f"tenor approvals approve {EXAMPLE_ID} --as treasurer"]
    assert f"{key}  Pay" in said["tenor approvals list --all"]
    assert "POST /api/invoices/" in said[f"tenor approvals show {EXAMPLE_ID}"]
    assert said[f"tenor approvals replay {EXAMPLE_ID}"].startswith("Identical")
    assert said["tenor approvals verify decision.json"].startswith("As it was written")
    assert said["tenor audit verify"].startswith("Intact")
    assert "revived" in said["tenor policy revive --as treasurer"]
    shown = json.loads(run(f"tenor approvals show {key} --json").stdout)
    day = shown["proposal"]["evidence"]["recommendation"]["payload"]["pay_on"]
    listed = run(f'tenor approvals run-file {day} --to lists --as "treasury analyst"')
    assert (listed.exit_code, "1 invoices" in listed.stdout) == (0, True), listed.stderr
    (row,) = Path(f"lists/run-{day}.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert row.split(",")[0] == str(shown["proposal"]["documents"][0])


@pytest.mark.usefixtures("page_folder")
def test_refusals_have_a_code_of_their_own_and_are_in_the_trail() -> None:
    """The maker's own yes, a policy by its own author, a made-up id: code 4, one sentence, one record each."""
    run("tenor policy propose policy.yml --as controller")
    assert run("tenor policy approve 1 --as controller").exit_code == 4
    run('tenor policy approve 1 --as "head of accounting"')
    run('tenor approvals propose --most 1 --as "treasury analyst"')
    key = json.loads(run("tenor approvals list --json").stdout)[0]["id"]
    own = run(f'tenor approvals approve {key} --as "treasury analyst"')
    assert (own.exit_code, "maker and checker" in own.stderr) == (4, True)
    assert run("tenor approvals approve deadbeef --as treasurer").exit_code == 4
    assert run(f'tenor approvals withdraw {key} --as "treasury analyst"').exit_code == 0
    refused = [json.loads(line) for line in run("tenor audit export").stdout.splitlines()]
    controls = [record["told"]["control"] for record in refused if record.get("action") == "refused"]
    assert controls == ["maker and checker", "maker and checker", "identity of the proposal"]


@pytest.mark.usefixtures("page_folder")
def test_nobody_acts_as_somebody_else_outside_of_a_demo(page_folder: Path) -> None:
    """Without demo: true, --as is refused; without a people file everything is."""
    people = page_folder / "people.yml"
    people.write_text(people.read_text(encoding="utf-8").replace("demo: true", "demo: false"), encoding="utf-8")
    found = run("tenor policy propose policy.yml --as controller")
    assert (found.exit_code, "--as and --today are for people files" in found.stderr) == (1, True)
    stranger = CliRunner().invoke(app, ["policy", "propose", "policy.yml"])
    assert (stranger.exit_code, "is not in the people file" in stranger.stderr) == (4, True)
    people.unlink()
    assert "cannot be read" in run("tenor approvals list").stderr


@pytest.mark.usefixtures("page_folder")
def test_every_decision_is_computed_again_to_the_byte(offering_mirror: Path) -> None:
    """Proposals under several policies come out the same; with another seed's cash or hurdle they would not.

    TENOR_REPLAYS says how many; the hurdles are drawn with a fixed seed.
    """
    wanted, draw = int(os.environ.get("TENOR_REPLAYS", "4")), random.Random(7)  # noqa: S311 (hurdles to try)
    percents = itertools.chain((2.0, 9.25), (draw.randint(0, 1100) / 100 for _ in itertools.count()))
    layer = SemanticLayer.load(offering_mirror)
    people = read_people(Path("people.yml"))
    plain = yaml.safe_load(blocks("yaml policy.yml")[0])
    checked = 0
    with StateStore.open("sqlite:///many.db", lambda: datetime(2026, 11, 22, 17, tzinfo=UTC)) as store:
        register, desk = Register(store, people), ApprovalDesk(store, people)
        for number, percent in enumerate(percents, start=1):
            plain["treasury"] = {"hurdle_percent": {"*": percent}}
            register.propose(Policy.model_validate(plain), "demo:controller")
            register.approve(number, "demo:accounting")
            for one in submit(store, people, layer, "demo:analyst", currency="USD"):
                assert isinstance(one.outcome, Proposed), one
                found = replay(desk.case(one.outcome.id), layer, register.version(number))
                assert found == Replayed(same_mirror=True, differences=())
                other = replay(desk.case(one.outcome.id), layer, register.version(1))
                assert other.identical == (number == 1)
                desk.withdraw(one.outcome.id, "demo:analyst")
                checked += 1
            if checked >= wanted and number >= 2:
                break
    assert checked >= wanted


def test_the_page_names_every_kind_role_and_entry() -> None:
    """What can be sent, who may do what, and what a policy says: nothing is missing on the page."""
    for name in (*KINDS, *Policy.model_fields):
        assert f"`{name}`" in PAGE, name
    for role in ROLES:
        assert role in PAGE
    assert Policy.model_validate(yaml.safe_load(blocks("yaml policy.yml")[0])).phase == 2


@pytest.mark.parametrize("name", ["people.yml", "policy.yml"])
def test_the_files_of_the_page_are_there_to_be_used(name: str) -> None:
    """The examples are the same text."""
    example = Path(__file__).parents[3] / "examples" / name
    assert example.read_text(encoding="utf-8") == blocks(f"yaml {name}")[0]
