"""Fixtures that every part shares: one clock, one small company, one mirror synced from it over real HTTP."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pytest

from semantic_layer import SemanticLayer
from sync.sandbox.feeds import write_feeds

TODAY = date(2026, 11, 22)
SEED = 7


@pytest.fixture(scope="session")
def company_today() -> date:
    """The asker's today in every test: a Sunday, so that "last week" and "this quarter" have known answers."""
    return TODAY


@pytest.fixture(scope="session")
def mirror_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A mirror of the tiny company, made by the command a user would type: once, and copied for each worker."""
    folder = tmp_path_factory.mktemp("company") / ".tenor" / "mirror"
    if worker_id == "master":
        _sync(folder)
        return folder
    first = tmp_path_factory.getbasetemp().parent / "company_of_all_workers" / ".tenor" / "mirror"
    first.parent.mkdir(parents=True, exist_ok=True)
    with (first.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not first.exists():
            made = first.with_name("being made")
            _sync(made)
            made.rename(first)
    shutil.copytree(first, folder)
    return folder


def _sync(folder: Path) -> None:
    """The demo company, and the whole of its ledger, of which the demo itself leaves out what payables do not need."""
    _run(folder, "once", "--demo", "--preset", "tiny", "--seed", str(SEED), "--today", TODAY.isoformat())
    with tempfile.TemporaryDirectory() as feeds:
        files = write_feeds(Path(feeds), "tiny", SEED, TODAY)
        ledger = next(file for file in files if file.name == "erp_totals.csv")
        _run(folder, "feed", "load", "erp_totals", str(ledger), "--today", TODAY.isoformat())


def _run(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "sync", *words, "--mirror", str(folder)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TENOR_")}
    run = subprocess.run(
        command, cwd=folder.parent.parent, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert run.returncode == 0, f"{' '.join(words)} failed:\n{run.stdout}\n{run.stderr}"


@pytest.fixture(scope="session")
def layer(mirror_folder: Path) -> SemanticLayer:
    """The semantic layer over the tiny company."""
    return SemanticLayer.load(mirror_folder)
