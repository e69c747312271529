"""The day's account of the language model outlives a process."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from copilot.state.store import StateStore

DAY = date(2026, 11, 22)


def test_tokens_add_up_by_day_and_stay(tmp_path: Path) -> None:
    """Two completions of a day are one sum, found again by the next process; another day starts at nothing."""
    url = f"sqlite:///{tmp_path}/state.db"
    with StateStore.open(url) as store:
        store.model_usage.add(DAY, 100, 20)
        store.model_usage.add(DAY, 1, 2)
    with StateStore.open(url) as store:
        assert store.model_usage.spent(DAY) == (101, 22)
        assert store.model_usage.spent(date(2026, 11, 23)) == (0, 0)
