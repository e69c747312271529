"""The day's account of the language model outlives a process."""

from __future__ import annotations

from datetime import date

from copilot.state.store import StateStore

DAY = date(2026, 11, 22)


def test_tokens_add_up_by_day_and_stay(state_url: str) -> None:
    """Two completions of a day are one sum, found again by the next process; another day starts at nothing."""
    with StateStore.open(state_url) as store:
        store.model_usage.add(DAY, 100, 20)
        store.model_usage.add(DAY, 1, 2)
    with StateStore.open(state_url) as store:
        assert store.model_usage.spent(DAY) == (101, 22)
        assert store.model_usage.spent(date(2026, 11, 23)) == (0, 0)
