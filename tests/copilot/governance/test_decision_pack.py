"""The pack of a decision: whatever is changed in it shows, and it says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.errors import GovernanceError
from copilot.governance.decision_pack import DecisionPack, faults, pack_of, read_pack
from copilot.governance.outcomes import Approved
from copilot.governance.watching import trace_of
from tests.copilot.governance.small_office import Office, proposal


@pytest.fixture
def pack(office: Office) -> DecisionPack:
    """Of an approved proposal."""
    made = office.proposed(proposal())
    assert isinstance(office.desk.approve(made.id, "local:manager"), Approved)
    case = office.desk.case(made.id)
    return pack_of(case, office.register.version(1), trace_of(office.store, case.proposal.subject))


def test_a_pack_is_read_back_as_it_was_written(pack: DecisionPack) -> None:
    """Nothing is wrong with it, and it holds what an auditor asks for."""
    read = read_pack(pack.text())
    assert read == pack
    assert list(faults(read)) == []
    assert [record.action for record in read.records] == ["proposed", "approved"]
    assert (read.maker, read.decisions[0].checker, read.policy_decided_by) == ("analyst", "manager", "more rules")


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("proposal", "amount"), "1.00", "not the one that was decided about"),
        (("proposal", "evidence", "inputs"), "xyz", "not the one that was decided about"),
        (("proposal", "actions", 0, "text"), "Something else", "not the one that was decided about"),
        (("policy", "expires_hours"), 1, "seal does not fit"),
        (("maker",), "manager", "its maker decided"),
        (("decisions", 0, "checker"), "analyst", "its maker decided"),
        (("records", 0, "actor"), "local:nobody", "was changed"),
        (("records", 1, "output"), "0" * 64, "another payload"),
        (("effects", 0, "key"), "f" * 64, "not what the proposal holds"),
        (("payload_hash",), "0" * 64, "not the one that was decided about"),
    ],
)
def test_what_was_changed_is_named(pack: DecisionPack, path: tuple[Any, ...], value: Any, fault: str) -> None:
    """Also where somebody made a new seal, but for what only the seal covers."""
    plain = json.loads(pack.text())
    place = plain
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    changed = DecisionPack.model_validate(plain)
    assert any(fault in one for one in faults(changed))
    again = changed.model_copy(update={"seal": changed.computed_seal()})
    assert bool(list(faults(again))) == (path[0] != "policy")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_character_is_found(pack: DecisionPack, data: st.DataObject) -> None:
    """One character of the file, anywhere: the file is no pack any more, or something is wrong with it."""
    text = pack.text()
    place = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.sampled_from([c for c in '0a}z,"7' if c != text[place]]))
    changed = text[:place] + other + text[place + 1 :]
    try:
        found = read_pack(changed)
    except GovernanceError:
        return
    assert list(faults(found)) or found == pack


def test_something_else_is_no_pack() -> None:
    """One sentence."""
    with pytest.raises(GovernanceError, match="not the pack of a decision"):
        read_pack("{}")
