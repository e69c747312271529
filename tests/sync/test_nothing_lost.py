"""Nothing lost, nothing doubled: see benchmarks/sync_survives.py, which plays thousands."""

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sync_survives.py"
SCENARIOS, STEPS, KILLS = 2, 11, 11  # of each seed; a scenario goes on until so many runs were killed
SEEDS = range(1, 17, SCENARIOS)


@pytest.fixture(scope="session")
def survives() -> Any:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("sync_survives", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def worker(survives: Any) -> Iterator[Any]:
    """A process that forks a child for each run."""
    found = survives.Worker()
    yield found
    found.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_random_edits_trouble_and_kills_leave_mirror_and_history_exact(survives: Any, worker: Any, seed: int) -> None:
    """Over 200 runs, nearly all killed at a random moment: every row of every table, now and as known then."""
    with tempfile.TemporaryDirectory(dir=survives.quick_folder()) as folder:
        tally = survives.play(SCENARIOS, STEPS, seed, Path(folder), [worker], others=2, deadly=0.88, kills=KILLS)

    assert tally.kills >= SCENARIOS * KILLS
    assert tally.runs >= SCENARIOS * (KILLS + 2)
    assert SCENARIOS * (KILLS + 2) * len(SEEDS) > 200
    assert tally.ended_well >= SCENARIOS
    assert tally.past_rows > 10
    assert tally.compared >= SCENARIOS * 6
