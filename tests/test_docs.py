"""The documents are tested like code: generated pages are fresh, links lead somewhere, errors and commands are documented, blocks run."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from copilot.surfaces.cli import app as tenor
from docs.generate import PAGES
from sync.__main__ import app as tenor_sync

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "chainlit.md", *sorted((ROOT / "docs").rglob("*.md"))]
BIN = Path(sys.executable).parent
WIDE = {**os.environ, "COLUMNS": "200"}


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name: str) -> None:
    """What `make docs` would write is what stands there."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("page", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page exists."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("package", ["copilot", "semantic_layer", "sync", "sync/sandbox"])
def test_the_tree_of_errors_is_drawn(package: str) -> None:
    """Each error class of a package stands in the tree at the top of its errors.py."""
    tree = ast.parse((ROOT / package / "errors.py").read_text(encoding="utf-8"))
    drawn = ast.get_docstring(tree) or ""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            assert node.name in drawn, node.name


@pytest.mark.parametrize(
    ("command", "app"), [("tenor", tenor), ("tenor-sync", tenor_sync)], ids=["tenor", "tenor-sync"]
)
def test_every_command_is_documented_and_helps(command: str, app: typer.Typer) -> None:
    """Each subcommand has a help text with an example, and stands in the documents."""
    run = subprocess.run([BIN / command, "--help"], capture_output=True, text=True, check=True, env=WIDE)
    listed = re.findall(r"^\W{0,3}([a-z]+(?:-[a-z]+)*)\s{2,}[A-Z]", run.stdout.split("Commands")[-1], re.MULTILINE)
    assert listed
    text = "\n".join(page.read_text(encoding="utf-8") for page in DOCS)
    for name in listed:
        shown = CliRunner().invoke(app, [name, "--help"], prog_name=command, env=WIDE)
        assert shown.exit_code == 0, shown.output
        assert "xample" in shown.stdout or f"{command} {name}" in shown.stdout, f"{command} {name}"
        assert f"{command} {name}" in text, f"{command} {name} is not documented"


def terminal_lines() -> list[tuple[str, ...]]:
    """The commands of the README's section on the terminal that read a mirror; those of one thread go together."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## In a terminal")[1].split("## ")[0]
    lines = re.findall(r"^\.venv/bin/(.+?)(?:\s+#.*)?$", section, re.MULTILINE)
    alone = [(line,) for line in lines if "once" not in line and "--thread" not in line]
    return [*alone, tuple(line for line in lines if "--thread" in line)]


@pytest.mark.parametrize("lines", terminal_lines(), ids=lambda lines: lines[0])
def test_the_commands_of_the_readme_run(lines: tuple[str, ...], mirror_folder: Path) -> None:
    """Each command as it stands in the README, beside the mirror of the tiny company."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TENOR_")}
    for line in lines:
        command, *arguments = shlex.split(line)
        run = subprocess.run(
            [BIN / command, *arguments],
            cwd=mirror_folder.parent.parent,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr + run.stdout
        assert run.stdout.strip()


GIT = shutil.which("git") or "git"
TRACKED = subprocess.run([GIT, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
    "\0"
)


def test_tracked_files_name_no_machine_and_no_registry() -> None:
    """No path of one machine and no address of a package registry in anything that others read."""
    machine = re.compile(r"(^|[^A-Za-z0-9_./-])/(work|root|home)/")
    registry = re.compile("py" + r"pi\.org|files\.python" + "hosted|registry" + r"\.npmjs")
    for name in filter(None, TRACKED):
        path = ROOT / name
        if not path.is_file() or path.suffix in {".png", ".svg", ".lock", ".gz"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert not machine.search(text), name
        assert not registry.search(text), name
