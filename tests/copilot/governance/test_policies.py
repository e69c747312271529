"""The register of policies, the people file and the switches."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select, update

from copilot.errors import GovernanceError, PeopleError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Approved, Refused
from copilot.governance.people import FORBIDDEN, ROLES, People, read_people, troubles
from copilot.governance.policy import Policy, differences, unheld
from copilot.governance.register import Version
from copilot.governance.switches import Switchboard
from copilot.state.store import StateStore
from copilot.state.tables import outbox, policies
from tests.copilot.governance.small_office import PEOPLE, POLICY, Office, proposal

FORBIDDEN_BY_CONTROL = {
    ("policy owner", "approver"),
    ("admin", "approver"),
    ("admin", "auditor"),
}
"""What the control of segregated duties names; the file forbids more, never less."""


@pytest.mark.parametrize(("first", "second"), list(combinations(ROLES, 2)))
def test_every_pair_of_roles_is_let_be_or_refused(first: Any, second: Any) -> None:
    """The matrix over all pairs, held by one person or half of it lent by a delegation."""
    alone = People.model_validate({"people": [{"name": "P", "identities": ["local:p"], "roles": [first, second]}]})
    forbidden = frozenset({first, second}) in FORBIDDEN
    assert bool(troubles(alone)) == forbidden
    if (first, second) in FORBIDDEN_BY_CONTROL or (second, first) in FORBIDDEN_BY_CONTROL:
        assert forbidden
    if "approver" not in {first, second}:
        return
    other = second if first == "approver" else first
    lent = {
        "people": [
            {"name": "P", "identities": ["local:p"], "roles": [other]},
            {"name": "Q", "identities": ["local:q"], "roles": ["approver"], "offices": ["treasurer"]},
        ],
        "delegations": [{"office": "treasurer", "giver": "Q", "taker": "P", "up_to": 5, "until": "2026-12-31"}],
    }
    assert bool(troubles(People.model_validate(lent))) == forbidden


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("people: [{name: A, identities: [x], roles: [king]}]", "people.0.roles.0"),
        ("people: [{name: A, identities: [x]}, {name: A, identities: [y]}]", "person 'A' stands there twice"),
        ("people: [{name: A, identities: [x]}, {name: B, identities: [x]}]", "identity 'x' stands there twice"),
        ("people: [{name: A, identities: [x], roles: [admin, auditor]}]", "'A' is admin and auditor"),
        ("people: [", "not YAML"),
        (
            (
                "people: [{name: A, identities: [x]}]\n"
                "delegations: [{office: CFO, giver: A, taker: B, up_to: 1, until: 2026-12-31}]"
            ),
            "'B', who is unknown",
        ),
        (
            (
                "people: [{name: A, identities: [x]}, {name: B, identities: [y]}]\n"
                "delegations: [{office: CFO, giver: A, taker: B, up_to: 1, until: 2026-12-31}]"
            ),
            "not theirs to lend",
        ),
        (
            (
                "people: [{name: A, identities: [x], roles: [approver], offices: [CFO]}]\n"
                "delegations: [{office: CFO, giver: A, taker: A, up_to: 1, until: 2026-12-31}]"
            ),
            "to themselves",
        ),
    ],
)
def test_a_people_file_that_breaks_a_rule_lets_nobody_in(text: str, rule: str, tmp_path: Path) -> None:
    """The sentence names the rule."""
    file = tmp_path / "people.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PeopleError, match=rule):
        read_people(file)


def test_without_a_people_file_nobody_decides(tmp_path: Path) -> None:
    """Not set, and not there, are said apart."""
    with pytest.raises(PeopleError, match="TENOR_PEOPLE"):
        read_people(None)
    with pytest.raises(PeopleError, match="cannot be read"):
        read_people(tmp_path / "none.yml")


def test_a_policy_takes_effect_when_another_owner_says_so(bare: Office) -> None:
    """Proposed, not in force; its proposer cannot approve it; then it holds from that moment on."""
    proposed = bare.register.propose(POLICY, "local:rules")
    assert isinstance(proposed, Version)
    assert bare.register.in_force() is None
    own = bare.register.approve(1, "local:rules")
    assert isinstance(own, Refused)
    assert own.control == "maker and checker"
    bare.clock.forward(hours=2)
    approved = bare.register.approve(1, "local:rules2")
    assert isinstance(approved, Version)
    assert approved.effective_from == bare.clock.now
    assert bare.register.in_force() == approved
    again = bare.register.approve(1, "local:rules2")
    assert isinstance(again, Refused)
    assert again.control == "single use"


@pytest.mark.parametrize("actor", ["local:analyst", "local:manager", "local:operator", "local:auditor", "local:nobody"])
def test_only_policy_owners_write_policies(bare: Office, actor: str) -> None:
    """Everybody else is refused, and the trail tells of it."""
    assert isinstance(bare.register.propose(POLICY, actor), Refused)
    bare.register.propose(POLICY, "local:rules")
    assert isinstance(bare.register.approve(1, actor), Refused)
    assert bare.register.in_force() is None
    assert [record["action"] for record in bare.store.audit.records()] == ["refused", "policy proposed", "refused"]


def test_no_policy_reaches_back(bare: Office) -> None:
    """One proposed for a past time holds from its approval; one for a later time waits for it."""
    yesterday, tomorrow = bare.clock.now - timedelta(days=1), bare.clock.now + timedelta(days=1)
    bare.register.propose(POLICY, "local:rules", yesterday)
    first = bare.register.approve(1, "local:rules2")
    assert isinstance(first, Version)
    assert first.effective_from == bare.clock.now
    bare.register.propose(POLICY.model_copy(update={"phase": 1}), "local:rules", tomorrow)
    bare.register.approve(2, "local:rules2")
    assert (bare.register.in_force() or first).number == 1
    bare.clock.forward(days=1)
    assert (bare.register.in_force() or first).number == 2
    bare.register.propose(POLICY, "local:rules")
    rejected = bare.register.reject(3, "local:rules2")
    assert isinstance(rejected, Version)
    assert rejected.state == "rejected"
    assert (bare.register.in_force() or first).number == 2


def test_a_policy_that_was_edited_in_the_database_is_not_used(office: Office) -> None:
    """Its text no longer fits its hash: nothing is decided under it."""
    with office.store.writing(policies) as connection:
        body = POLICY.model_copy(update={"expires_hours": 1440}).plain()
        connection.execute(update(policies).where(policies.c.version == 1).values(body=body))
    with pytest.raises(GovernanceError, match="changed in the database"):
        office.desk.propose(proposal(), "local:analyst")


def test_an_office_that_nobody_holds_is_said() -> None:
    """Before anybody waits for its decision."""
    assert unheld(POLICY, PEOPLE) == ()
    treasurers = Policy.model_validate({**POLICY.plain(), "tiers": [{"offices": ["chief treasurer", "CFO"]}]})
    assert unheld(treasurers, PEOPLE) == ("chief treasurer",)


def test_differences_name_each_entry_that_changes() -> None:
    """By its path, before and after; against nothing all of it is new."""
    after = Policy.model_validate({**POLICY.plain(), "phase": 3, "caps": {"per_day": 5}})
    assert differences(POLICY, after) == (
        'caps.per_day: "1000000" -> "5"',
        'caps.per_supplier: "400000" -> null',
        "phase: 2 -> 3",
    )
    assert differences(POLICY, POLICY) == ()
    assert "phase: nothing -> 2" in differences(None, POLICY)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"tiers": [{"up_to": 5, "offices": ["A"]}]}, "last tier"),
        ({"tiers": [{"offices": ["A"]}, {"offices": ["B"]}]}, "last tier"),
        (
            {"tiers": [{"up_to": 9, "offices": ["A"]}, {"up_to": 5, "offices": ["B"]}, {"offices": ["C"]}]},
            "small amounts to large",
        ),
        ({"tiers": []}, "at least 1"),
        ({"kinds": ["pay invoice"]}, "no kind of action"),
        (
            {
                "automatic": [
                    {"kinds": ["task"], "up_to": 1, "per_day": 1, "least_confidence": 1, "until": "2026-12-31"}
                ]
            },
            "phase 3",
        ),
        ({"pilot": {"suppliers": ["A"], "holdout": ["A"]}}, "in the pilot and in its holdout"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(change: dict[str, Any], rule: str) -> None:
    """Before anybody can propose it."""
    with pytest.raises(ValidationError, match=rule):
        Policy.model_validate({**POLICY.plain(), **change})


def test_one_person_stops_and_two_start_again(office: Office) -> None:
    """Proposals and decisions stop at once, also after a restart; the same person asking twice is one person."""
    made = office.proposed(proposal())
    assert office.switches.stop("local:auditor", "figures look wrong") == "stopped"
    assert office.switches.stop("local:analyst", "me too") == "stopped already"
    stopped = office.desk.approve(made.id, "local:manager")
    assert isinstance(stopped, Refused)
    assert (stopped.control, "figures look wrong" in stopped.why) == ("kill switch", True)
    assert isinstance(office.desk.propose(proposal(2, supplier="B"), "local:analyst"), Refused)
    url = office.store._engine.url.render_as_string(hide_password=False)
    with StateStore.open(url, office.clock) as reopened:
        assert isinstance(ApprovalDesk(reopened, PEOPLE).approve(made.id, "local:manager"), Refused)
        board = Switchboard(reopened, PEOPLE)
        assert board.revive("local:manager") == "one more person"
        assert board.revive("slack:T1:UM") == "one more person"
        assert isinstance(board.revive("local:analyst"), Refused)
        assert board.revive("local:rules") == "revived"
    assert isinstance(office.desk.approve(made.id, "local:manager"), Approved)


def test_one_kind_can_be_stopped_alone(office: Office) -> None:
    """What holds no such action goes on."""
    office.switches.stop("local:operator", "the project was closed", "saving")
    assert isinstance(office.desk.propose(proposal(), "local:analyst"), Refused)
    other = proposal(2, actions=(proposal().actions[0],))
    assert office.proposed(other).id
    assert [stop.feature for stop in office.switches.stops()] == ["saving"]
    with pytest.raises(GovernanceError, match="Did you mean saving"):
        office.switches.stop("local:operator", "typo", "savings")
    with pytest.raises(GovernanceError, match="not stopped"):
        office.switches.revive("local:operator", "task")


def test_what_is_queued_stays_while_all_is_stopped(office: Office) -> None:
    """The switch loses nothing: the worker finds the rows as they were."""
    made = office.proposed(proposal())
    office.desk.approve(made.id, "local:manager")
    office.switches.stop("local:cfo", "year end")
    with office.store.reading() as connection:
        assert [row.state for row in connection.execute(select(outbox))] == ["waiting"] * 3
