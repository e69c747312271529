"""Nothing lost, nothing doubled: see benchmarks/sync_survives.py, which plays thousands."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sync_survives.py"


@pytest.fixture(scope="module")
def survives() -> Any:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("sync_survives", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_random_edits_trouble_and_kills_leave_mirror_and_history_exact(survives: Any, tmp_path: Path) -> None:
    """Over 200 runs, most of them killed at a random moment: every row of every table, now and as known at each end."""
    tally = survives.play(scenarios=24, steps=8, seed=1, folder=tmp_path)

    assert tally.runs == 24 * 9
    assert tally.kills > 50
    assert tally.ended_well > 50
    assert tally.past_rows > 100
    assert tally.compared > 24 * 15
