"""Fixtures: an empty store with a clock that tests move, and the office around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from copilot.governance.desk import ApprovalDesk
from copilot.governance.register import Register
from copilot.governance.switches import Switchboard
from copilot.state.store import StateStore
from tests.copilot.governance.small_office import PEOPLE, POLICY, MovableClock, Office


@pytest.fixture
def clock() -> MovableClock:
    """Sunday afternoon."""
    return MovableClock()


@pytest.fixture
def store(state_url: str, clock: MovableClock) -> Iterator[StateStore]:
    """An empty state store: a file, or a database of a real server."""
    with StateStore.open(state_url, clock) as opened:
        yield opened


@pytest.fixture
def bare(store: StateStore, clock: MovableClock) -> Office:
    """People, but no policy yet."""
    return Office(
        store, clock, PEOPLE, Register(store, PEOPLE), Switchboard(store, PEOPLE), ApprovalDesk(store, PEOPLE)
    )


@pytest.fixture
def office(bare: Office) -> Office:
    """With the policy in force."""
    bare.enact(POLICY)
    return bare
