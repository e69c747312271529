"""The register: designs go in before they start, one at a time, and a later change of any kind shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from copilot.canonical_json import canonical, sealed
from copilot.errors import PilotError
from copilot.governance.outcomes import Refused
from copilot.governance.people import People
from copilot.governance.policy import Pilot
from copilot.outcomes.design import Design, checked_start, monday_only, read_design
from copilot.outcomes.register import PilotRegister, Registered, pilot, registered, supplier_lists
from copilot.state.store import StateStore
from copilot.state.tables import pilots
from tests.copilot.outcomes.simulated_company import START, Company

ZONE = ZoneInfo("America/New_York")
PEOPLE = People.model_validate(
    {
        "people": [
            {"name": "rules", "identities": ["local:rules"], "roles": ["policy owner"]},
            {"name": "analyst", "identities": ["local:analyst"], "roles": ["proposer"]},
        ]
    }
)


class MovableClock:
    """Stands still until it is moved."""

    now = datetime(2026, 2, 28, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> MovableClock:
    """Two days before the start."""
    return MovableClock()


@pytest.fixture
def store(state_url: str, clock: MovableClock) -> Iterator[StateStore]:
    """An empty state store, on SQLite and on PostgreSQL."""
    with StateStore.open(state_url, clock) as opened:
        yield opened


@pytest.fixture
def register(store: StateStore) -> PilotRegister:
    """With one policy owner."""
    return PilotRegister(store, PEOPLE, ZONE)


@pytest.fixture(scope="module")
def drawn() -> Design:
    """Forty suppliers for eight weeks."""
    return Company(40).drawn(1, 12, 8)


def actions(store: StateStore) -> list[str]:
    """What the audit trail tells of, in order."""
    return [record["action"] for record in store.audit.records()]


def test_a_registered_design_comes_back_as_it_was(store: StateStore, register: PilotRegister, drawn: Design) -> None:
    """Document, hash and who did it; the trail has the hash."""
    row = register.register(drawn, "local:rules")
    assert isinstance(row, Registered)
    assert (row.design, row.registered_by) == (drawn, "rules")
    assert pilot(store).design == pilot(store, drawn.id[:5]).design == registered(store)[0].design == drawn
    assert [(r["action"], r["output"]) for r in store.audit.records()] == [("pilot registered", drawn.sha256())]


def test_only_before_the_start_and_only_a_policy_owner(
    store: StateStore, register: PilotRegister, drawn: Design, clock: MovableClock
) -> None:
    """The company's day counts: five in the morning UTC of Monday is still too late, three is Sunday there."""
    refused = register.register(drawn, "local:analyst")
    assert isinstance(refused, Refused)
    assert refused.control == "role"
    clock.now = datetime(2026, 3, 2, 5, 30, tzinfo=UTC)
    with pytest.raises(PilotError, match="registered before it starts"):
        register.register(drawn, "local:rules")
    clock.now = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    assert isinstance(register.register(drawn, "local:rules"), Registered)
    assert actions(store) == ["refused", "pilot registered"]


def test_one_pilot_at_a_time_unless_it_was_stopped(store: StateStore, register: PilotRegister, drawn: Design) -> None:
    """A second draw over the same weeks, which would move the holdout, is refused and in the trail."""
    other = Company(40).drawn(2, 12, 8)
    register.register(drawn, "local:rules")
    refused = register.register(other, "local:rules")
    assert isinstance(refused, Refused)
    assert refused.control == "one pilot at a time"
    assert isinstance(register.stop(drawn.id, "local:rules", "wrong weeks"), Registered)
    assert isinstance(register.stop(drawn.id, "local:rules", "again"), Refused)
    assert isinstance(register.register(other, "local:rules"), Registered)
    assert pilot(store, drawn.id).stop_reason == "wrong weeks"
    assert actions(store) == ["pilot registered", "refused", "pilot stopped", "refused", "pilot registered"]


@pytest.mark.parametrize("how", ["weeks", "sides", "sealed anew", "moved in time", "unstopped", "stopped"])
def test_a_change_in_the_database_shows(how: str, store: StateStore, register: PilotRegister, drawn: Design) -> None:
    """Whatever is changed, its own hash made anew or not, the design is not told any more."""
    register.register(drawn, "local:rules")
    if how == "unstopped":
        register.stop(drawn.id, "local:rules", "wrong weeks")
    body = drawn.plain()
    longer = {**body, "weeks": 9}
    swapped = {
        **body,
        "units": [{**body["units"][0], "arm": "holdout"}, {**body["units"][1], "arm": "pilot"}, *body["units"][2:]],
    }
    values = {
        "weeks": {"body": longer},
        "sides": {"body": swapped if body["units"][0]["arm"] == "pilot" else longer},
        "sealed anew": {"body": longer, "sha256": sealed(canonical(longer)), "ends": drawn.end + timedelta(weeks=1)},
        "moved in time": {"starts": date(2026, 4, 6)},
        "unstopped": {"stopped_at": None, "stopped_by": None, "stop_reason": None},
        "stopped": {"stopped_at": datetime(2026, 3, 1, tzinfo=UTC), "stopped_by": "rules", "stop_reason": "none"},
    }[how]
    with store.writing(pilots) as connection:
        connection.execute(update(pilots).values(values))
    with pytest.raises(PilotError, match="is not what was registered"):
        pilot(store)


def test_the_lists_fit_the_policy(drawn: Design) -> None:
    """Every name that a side bills under, in the form that the policy takes."""
    inside, held = supplier_lists(drawn)
    entry = Pilot(suppliers=inside, holdout=held)
    assert len(entry.suppliers) + len(entry.holdout) == len(drawn.units)


def test_starts_that_cannot_be_are_told_with_one_that_can() -> None:
    """A day that has come, and a day that is no Monday."""
    with pytest.raises(PilotError, match="the next Monday is 2026-03-09"):
        checked_start(START, START)
    with pytest.raises(PilotError, match="the next is 2026-03-09"):
        monday_only(date(2026, 3, 3))


def test_a_file_that_is_no_design_is_named(tmp_path: Path, drawn: Design) -> None:
    """The place and the rule; a good one is read."""
    file = tmp_path / "pilot.json"
    file.write_text(json.dumps(drawn.plain()), encoding="utf-8")
    assert read_design(file) == drawn
    file.write_text(json.dumps({**drawn.plain(), "weeks": 1}), encoding="utf-8")
    with pytest.raises(PilotError, match=r"pilot\.json is no design of a pilot: weeks: "):
        read_design(file)
