"""Decisions: bound to one payload, by somebody else, once, in time, under the policy in force."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from copilot.audit.chain import Intact, verify
from copilot.canonical_json import canonical, sealed
from copilot.errors import GovernanceError
from copilot.governance.actions import CommentOnInvoice, Outreach
from copilot.governance.casebook import Case
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Approved, Proposed, Refused, Rejected, StillNeeds, Voided
from copilot.governance.policy import Policy
from copilot.governance.rules import Spent, tier_of
from copilot.state.store import StateStore
from copilot.state.tables import outbox, proposals
from tests.copilot.governance.small_office import PEOPLE, POLICY, Office, proposal


def queued(store: StateStore) -> list[Any]:
    """The outbox, by proposal and position."""
    with store.reading() as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.proposal, outbox.c.position)))


def trail(store: StateStore) -> list[tuple[str, str]]:
    """(action, object) of every record, after the chain was found intact."""
    records = list(store.audit.records())
    assert isinstance(verify(records), Intact)
    return [(record["action"], record["object"]) for record in records]


def control(found: object) -> str:
    """The control that refused."""
    assert isinstance(found, Refused), found
    return found.control


def test_a_second_person_approves_and_the_exact_requests_are_queued(office: Office) -> None:
    """Maker proposes, checker approves: three rows in the outbox, in order, each with the hash of what it holds."""
    made = office.proposed(proposal())
    assert made.offices == ("treasury manager",)
    found = office.desk.approve(made.id, "local:manager", payload_hash=made.payload_hash[:12])
    assert isinstance(found, Approved)
    rows = queued(office.store)
    assert [row.kind for row in rows] == ["invoice comment", "recommendation record", "saving"]
    assert tuple(row.key for row in rows) == found.keys
    assert all(row.request_hash == sealed(canonical(row.request)) for row in rows)
    assert rows[0].request["body"]["comments"].endswith(f"[tenor:{rows[0].key[:16]}]")
    assert trail(office.store)[-2:] == [("proposed", f"proposal {made.id}"), ("approved", f"proposal {made.id}")]


def test_nobody_approves_their_own_proposal_under_another_identity(office: Office) -> None:
    """The maker comes back through Slack: it is the same person."""
    made = office.proposed(proposal(), "local:manager")
    assert control(office.desk.approve(made.id, "slack:T1:UM")) == "maker and checker"
    assert not queued(office.store)
    assert trail(office.store)[-1] == ("refused", f"proposal {made.id}")


@pytest.mark.parametrize(
    ("actor", "why"),
    [
        ("local:stranger", "identity"),
        ("local:analyst2", "office"),
        ("local:cfo", "office"),
        ("local:operator", "office"),
        ("local:rules", "office"),
        ("local:auditor", "office"),
        ("local:reader", "office"),
    ],
)
def test_who_has_not_the_office_does_not_decide(office: Office, actor: str, why: str) -> None:
    """Strangers, proposers, owners, admins, auditors and the wrong office are refused, for yes and, strangers, for no."""
    made = office.proposed(proposal())
    assert control(office.desk.approve(made.id, actor)) == why
    assert office.desk.case(made.id).state == "open"
    assert not queued(office.store)


def test_a_large_amount_needs_two_people_in_two_offices(office: Office) -> None:
    """The first yes leaves the other office, the same person cannot give both."""
    made = office.proposed(proposal(amount=Decimal(300_000)))
    assert made.offices == ("treasurer", "CFO")
    assert office.desk.approve(made.id, "local:treasurer") == StillNeeds(made.id, ("CFO",))
    assert control(office.desk.approve(made.id, "local:treasurer")) == "one person, one decision"
    assert office.desk.case(made.id).needs == ("CFO",)
    assert not queued(office.store)
    assert isinstance(office.desk.approve(made.id, "local:cfo"), Approved)
    assert len(queued(office.store)) == 3


def test_a_lent_office_counts_within_its_limits_and_once(office: Office) -> None:
    """The deputy decides for the treasurer up to 50,000 until year end; the treasurer has then decided."""
    small = office.proposed(proposal(1, amount=Decimal(40_000)))
    assert isinstance(office.desk.approve(small.id, "local:deputy"), Approved)
    assert office.desk.case(small.id).decisions[0].on_behalf_of == "treasurer"
    more = office.proposed(proposal(4, amount=Decimal(40_000)))
    assert control(office.desk.approve(more.id, "local:deputy")) == "office"  # 80,000 to one supplier
    large = office.proposed(proposal(2, amount=Decimal(60_000), supplier="Another"))
    assert control(office.desk.approve(large.id, "local:deputy")) == "office"
    office.desk.withdraw(large.id, "local:analyst")
    office.desk.withdraw(more.id, "local:analyst")
    office.clock.forward(days=60)
    late = office.proposed(proposal(3, amount=Decimal(40_000), last_day=None))
    assert control(office.desk.approve(late.id, "local:deputy")) == "office"


def test_two_decisions_for_one_person_are_one(bare: Office) -> None:
    """Where two offices are needed, the one who lent an office has decided with it."""
    people = PEOPLE.model_copy(
        update={
            "people": (
                *(p for p in PEOPLE.people if p.name != "CFO"),
                PEOPLE.people[5].model_copy(update={"offices": ("CFO", "treasurer")}),
            ),
            "delegations": (PEOPLE.delegations[0].model_copy(update={"giver": "CFO", "up_to": Decimal(900_000)}),),
        }
    )
    bare.enact(POLICY)
    desk = ApprovalDesk(bare.store, people)
    made = desk.propose(proposal(amount=Decimal(300_000)), "local:analyst")
    assert isinstance(made, Proposed)
    assert desk.approve(made.id, "local:deputy") == StillNeeds(made.id, ("CFO",))
    assert control(desk.approve(made.id, "local:cfo")) == "one person, one decision"


def test_splitting_an_amount_gains_nothing(office: Office) -> None:
    """Ten of 9,000 to one supplier: the second needs the treasurer already, and the cap of the supplier ends it."""
    offices = [office.proposed(proposal(at, amount=Decimal(9_000))).offices for at in range(1, 4)]
    assert offices == [("treasury manager",), ("treasurer",), ("treasurer",)]
    first = office.desk.cases()[-1]
    assert first.needs == ("treasurer",)
    for at in range(4, 45):
        office.proposed(proposal(at, amount=Decimal(9_000)))
    assert control(office.desk.propose(proposal(45, amount=Decimal(9_000)), "local:analyst")) == "cap of a supplier"


def test_what_came_after_raises_the_tier_of_what_waits(office: Office) -> None:
    """A small proposal that waited while others to the same supplier came is decided by who decides about the sum."""
    first = office.proposed(proposal(1, amount=Decimal(9_000)))
    office.proposed(proposal(2, amount=Decimal(200_000)))
    assert control(office.desk.approve(first.id, "local:manager")) == "office"
    assert isinstance(office.desk.approve(first.id, "local:treasurer"), Approved)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.integers(1, 400_000), min_size=1, max_size=8),
    above=st.sampled_from([None, Decimal("0.20"), Decimal("0.005"), Decimal("-0.01")]),
)
def test_the_last_part_needs_no_less_than_the_whole(parts: list[int], above: Decimal | None) -> None:
    """However an amount is split, its last part needs the tier of the sum; nearer to the hurdle never a lower one."""
    whole, before = Decimal(sum(parts)), Decimal(sum(parts[:-1]))
    rates = {} if above is None else {"hurdle": Decimal("0.08"), "yearly_yield": Decimal("0.08") + above}
    if above is None:
        rates = {"hurdle": None, "yearly_yield": None}
    once = tier_of(POLICY, proposal(amount=whole, **rates), Spent())
    split = tier_of(POLICY, proposal(amount=Decimal(parts[-1]), **rates), Spent(supplier=before))
    assert split == once
    by_money = tier_of(POLICY, proposal(amount=whole, hurdle=None, yearly_yield=None), Spent())
    assert POLICY.tiers.index(once) >= POLICY.tiers.index(by_money)


def test_near_the_hurdle_the_next_tier_decides_and_below_it_the_last(office: Office) -> None:
    """A yield half a point above the hurdle goes to the treasurer, one below it to treasurer and CFO."""
    near = office.proposed(proposal(1, yearly_yield=Decimal("0.085")))
    below = office.proposed(proposal(2, supplier="B", yearly_yield=Decimal("0.07")))
    assert (near.offices, below.offices) == (("treasurer",), ("treasurer", "CFO"))


def test_a_button_that_is_pressed_again_does_nothing(office: Office) -> None:
    """Replayed, after approval or after rejection: refused, told in the trail, still three rows."""
    made = office.proposed(proposal())
    office.desk.approve(made.id, "local:manager")
    assert control(office.desk.approve(made.id, "local:manager2")) == "single use"
    assert control(office.desk.reject(made.id, "local:manager2")) == "single use"
    assert len(queued(office.store)) == 3
    other = office.proposed(proposal(5, supplier="B"))
    assert office.desk.reject(other.id, "local:manager", "not now") == Rejected(other.id)
    assert control(office.desk.approve(other.id, "local:manager2")) == "single use"
    assert len(queued(office.store)) == 3


def test_an_id_that_was_made_up_is_refused_and_told(office: Office) -> None:
    """A forged button."""
    assert control(office.desk.approve("deadbeef", "local:manager")) == "identity of the proposal"
    assert trail(office.store)[-1] == ("refused", "proposal deadbeef")


def test_silence_is_no(office: Office) -> None:
    """After the policy's hours a decision comes too late, and what nobody opened is swept."""
    made, other = office.proposed(proposal(1)), office.proposed(proposal(2, supplier="B"))
    office.clock.forward(hours=73)
    assert isinstance(office.desk.approve(made.id, "local:manager"), Voided)
    assert office.desk.case(made.id).state == "expired"
    assert office.desk.expire() == (other.id,)
    assert not queued(office.store)
    assert ("expired", f"proposal {other.id}") in trail(office.store)


def test_what_was_changed_in_the_database_is_void(office: Office) -> None:
    """Text, amount or supplier changed behind the program: nothing is queued, whoever approves."""
    changes: list[dict[str, Any]] = [{"cents": 1}, {"supplier": "B"}, {"payload_hash": "0" * 64}]
    for at, change in enumerate(changes, start=1):
        made = office.proposed(proposal(at, supplier=f"S{at}"))
        with office.store.writing(proposals) as connection:
            connection.execute(update(proposals).where(proposals.c.id == made.id).values(change))
        found = office.desk.approve(made.id, "local:manager")
        assert isinstance(found, Voided)
        assert "changed in the database" in found.why
    made = office.proposed(proposal(9, supplier="S9"))
    with office.store.writing(proposals) as connection:
        body = proposal(9, supplier="S9", actions=(CommentOnInvoice(invoice=9, text="Something else"),)).plain()
        connection.execute(update(proposals).where(proposals.c.id == made.id).values(body=body))
    with pytest.raises(GovernanceError, match="changed in the database"):
        office.desk.case(made.id)
    assert isinstance(office.desk.approve(made.id, "local:manager"), Voided)
    assert not queued(office.store)


def test_what_the_checker_saw_is_what_is_approved(office: Office) -> None:
    """Another hash than the stored one is refused, and the proposal stays open."""
    made = office.proposed(proposal())
    assert control(office.desk.approve(made.id, "local:manager", payload_hash="f" * 12)) == "payload"
    assert office.desk.case(made.id).state == "open"


def test_an_edit_voids_what_was_open_before(office: Office) -> None:
    """The maker proposes anew: the old one is over, and a decision on it is refused; others cannot edit it."""
    made = office.proposed(proposal())
    better = proposal(benefit=Decimal("110.00"))
    assert control(office.desk.propose(better, "local:analyst2", instead_of=made.id)) == "maker"
    assert control(office.desk.propose(better, "local:analyst")) == "one at a time"
    again = office.desk.propose(better, "local:analyst", instead_of=made.id)
    assert isinstance(again, Proposed)
    assert control(office.desk.approve(made.id, "local:manager")) == "single use"
    assert isinstance(office.desk.approve(again.id, "local:manager"), Approved)


def test_an_edit_that_is_refused_leaves_the_old_one_open(office: Office) -> None:
    """Nothing is lost by a proposal that the policy does not let pass."""
    made = office.proposed(proposal())
    huge = proposal(amount=Decimal(500_000))
    assert control(office.desk.propose(huge, "local:analyst", instead_of=made.id)) == "cap of a supplier"
    assert office.desk.case(made.id).state == "open"


def test_the_policy_changes_between_request_and_approval(office: Office) -> None:
    """The proposal is void, says why, and may be made anew under the new version."""
    made = office.proposed(proposal())
    office.enact(POLICY.model_copy(update={"expires_hours": 24}))
    found = office.desk.approve(made.id, "local:manager")
    assert isinstance(found, Voided)
    assert "version 1 of the policy" in found.why
    assert isinstance(office.desk.propose(proposal(policy=2), "local:analyst"), Proposed)


def test_the_same_action_is_queued_once_ever(office: Office) -> None:
    """What was approved and sent is not approved again, by anybody."""
    made = office.proposed(proposal())
    office.desk.approve(made.id, "local:manager")
    assert control(office.desk.propose(proposal(), "local:analyst2")) == "exactly once"


def test_of_many_who_approve_at_once_one_wins(office: Office) -> None:
    """Twelve threads press the button together: one approval, three rows, everybody else is refused."""
    made = office.proposed(proposal())
    start = threading.Barrier(12)
    found: list[object] = []

    def press(actor: str) -> None:
        start.wait()
        found.append(office.desk.approve(made.id, actor))

    people = ["local:manager", "local:manager2", "local:treasurer"] * 4
    threads = [threading.Thread(target=press, args=(actor,)) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Approved) for one in found) == 1
    assert sum(isinstance(one, Refused) for one in found) == 11
    assert len(queued(office.store)) == 3
    assert trail(office.store).count(("approved", f"proposal {made.id}")) == 1


def test_phase_one_pilot_exclusions_and_kinds_are_kept(bare: Office) -> None:
    """Each rule refuses by its name, and what it protects stays as it is."""
    cases = {
        "phase": {"phase": 1},
        "kinds of action": {"kinds": ("task",)},
        "exclusions": {"excluded_suppliers": ("Nordwind Papier GmbH",)},
    }
    for number, (name, change) in enumerate(cases.items(), start=1):
        bare.enact(POLICY.model_copy(update=change))
        assert control(bare.desk.propose(proposal(policy=number), "local:analyst")) == name
    for number, pilot in enumerate(({"holdout": ["Nordwind Papier GmbH"]}, {"suppliers": ["B"]}), start=4):
        bare.enact(Policy.model_validate({**POLICY.plain(), "pilot": pilot}))
        assert control(bare.desk.propose(proposal(policy=number), "local:analyst")) == "pilot"
    bare.enact(POLICY)
    late = proposal(policy=6, last_day=bare.clock.now.date().replace(day=21))
    assert control(bare.desk.propose(late, "local:analyst")) == "expiry"


def test_without_a_policy_nothing_is_proposed(bare: Office) -> None:
    """The register is empty."""
    assert control(bare.desk.propose(proposal(), "local:analyst")) == "policy"


def test_a_standing_decision_covers_small_and_sure_things_only(bare: Office) -> None:
    """Phase 3: within limits it goes out by itself and is told as such; beyond them people decide."""
    automatic = {
        "kinds": ["invoice comment"],
        "up_to": 5000,
        "per_day": 8000,
        "least_confidence": "0.75",
        "until": "2026-12-31",
    }
    bare.enact(Policy.model_validate({**POLICY.plain(), "phase": 3, "automatic": [automatic]}))

    def comment(invoice: int, **changes: Any) -> object:
        action = CommentOnInvoice(invoice=invoice, text="Take 2 %")
        values = {"supplier": f"S{invoice}", "amount": Decimal(4_000), "actions": (action,), **changes}
        return bare.desk.propose(proposal(invoice, **values), "local:analyst")

    assert isinstance(found := comment(1), Approved)
    assert found.by_policy
    assert bare.desk.case(found.id).decisions[0].office == "standing decision"
    assert isinstance(comment(2, confidence=Decimal("0.7")), Proposed)
    assert isinstance(comment(3, amount=Decimal(6_000)), Proposed)
    assert isinstance(comment(4, supplier="S1"), Proposed)
    assert isinstance(comment(5, yearly_yield=Decimal("0.081")), Proposed)
    assert isinstance(comment(6), Approved)
    assert isinstance(comment(7), Proposed)
    bare.clock.forward(days=60)
    assert isinstance(comment(8, last_day=None), Proposed)


def test_drafts_are_handed_out_after_approval_only(office: Office) -> None:
    """Words for a supplier are approved like anything else, and the trail tells who took them."""
    draft = Outreach(supplier="Nordwind Papier GmbH", subject="Terms", text="We would like to pay earlier.")
    made = office.proposed(proposal(actions=(draft,)))
    assert control(office.desk.hand_out(made.id, "local:analyst")) == "approval"
    assert office.desk.approve(made.id, "local:manager") == Approved(made.id, (), 1)
    assert control(office.desk.hand_out(made.id, "local:auditor")) == "role"
    assert office.desk.hand_out(made.id, "local:analyst") == (draft,)
    assert trail(office.store)[-1] == ("handed out", f"proposal {made.id}")
    assert not queued(office.store)


def test_only_its_maker_takes_a_proposal_back(office: Office) -> None:
    """And then it is over."""
    made = office.proposed(proposal())
    assert control(office.desk.withdraw(made.id, "local:analyst2")) == "maker"
    assert isinstance(office.desk.withdraw(made.id, "local:analyst"), Voided)
    assert control(office.desk.approve(made.id, "local:manager")) == "single use"


def test_a_case_tells_what_happened(office: Office) -> None:
    """Maker, decisions, what is needed and how far its effects are."""
    made = office.proposed(proposal())
    open_case = office.desk.case(made.id)
    assert (open_case.maker, open_case.state, open_case.needs) == ("analyst", "open", ("treasury manager",))
    office.desk.approve(made.id, "local:manager2")
    closed: Case = office.desk.cases()[0]
    assert [(one.checker, one.verdict, one.office) for one in closed.decisions] == [
        ("other manager", "approved", "treasury manager")
    ]
    assert [effect.state for effect in closed.effects] == ["waiting"] * 3
    assert office.desk.cases(open_only=True) == ()
    with pytest.raises(GovernanceError, match="no proposal"):
        office.desk.case("nothing")
