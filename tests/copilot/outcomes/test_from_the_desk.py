"""From proposals on the desk to the funnel, the policy that keeps the holdout, and confidence against what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from copilot.advice.pilot_pages import pilot_html, pilot_markdown
from copilot.errors import GovernanceError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Refused
from copilot.governance.register import Register
from copilot.governance.switches import Switchboard
from copilot.outcomes.evaluation import Happened, evaluate
from copilot.outcomes.funnel import Followed, funnel
from copilot.outcomes.panel import Document
from copilot.outcomes.proposal_reading import read_proposals
from copilot.outcomes.register import supplier_lists
from copilot.outcomes.reliability import FEWEST_OUTCOMES, of_pairs, reliability
from copilot.state.store import StateStore
from copilot.state.tables import outbox, proposals
from tests.copilot.governance.small_office import PEOPLE, POLICY, MovableClock, Office, proposal
from tests.copilot.outcomes.simulated_company import START, Company

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """With a policy in force."""
    clock = MovableClock()
    with StateStore.open(f"sqlite:///{tmp_path / 'state.db'}", clock) as store:
        found = Office(
            store, clock, PEOPLE, Register(store, PEOPLE), Switchboard(store, PEOPLE), ApprovalDesk(store, PEOPLE)
        )
        found.enact(POLICY)
        yield found


def early(invoice: int, saved: str = "160.00") -> dict[str, object]:
    """What a proposal to pay an invoice early carries as evidence."""
    return {"recommendation": {"payload": {"document_id": invoice, "saved": saved}}}


def paid(invoice: int, taken: int) -> Document:
    """An invoice whose payment took so much."""
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    return Document(
        id=invoice, parent="N", supplier="N", day=day, amount=Decimal(8000), offered=Decimal(160), window_end=day,
        taken=Decimal(taken), due=day + timedelta(days=20), paid_on=day, disputed=False,
    )  # fmt: skip


def test_what_the_desk_decided_is_followed_to_the_payment(office: Office) -> None:
    """Approved and read back, approved and waiting, expired, rejected; a proposal about something else is none of them."""
    keys = {n: office.proposed(proposal(n, supplier=f"S{n}", evidence=early(n))).id for n in (1, 2, 3, 4)}
    office.proposed(proposal(5, subject="a change of terms", evidence={"inputs": "abc"}))
    for n in (1, 2):
        office.desk.approve(keys[n], "local:manager")
    office.desk.reject(keys[4], "local:manager", "not now")
    with office.store.writing(outbox) as connection:
        connection.execute(update(outbox).where(outbox.c.proposal == keys[1]).values(state="delivered"))
    office.clock.forward(hours=73)
    office.desk.expire()
    found = read_proposals(office.store, ZONE)
    assert {one.invoice: (one.state, one.executed) for one in found} == {
        1: ("approved", True), 2: ("approved", False), 3: ("expired", False), 4: ("rejected", False),
    }  # fmt: skip
    assert {one.confidence for one in found} == {Decimal("0.80")}
    told = funnel(found, {1: paid(1, 160), 3: paid(3, 160)}, office.clock.now.date(), None)
    assert [one.count for one in told.stages] == [4, 2, 1, 1]
    assert told.stages[0].amount == Decimal(640)
    assert {one.name: one.count for one in told.lost} == {
        "nobody decided in time": 1, "rejected": 1, "waiting to be written to Coupa": 1,
    }  # fmt: skip


def test_a_proposal_that_was_changed_counts_for_nothing(office: Office) -> None:
    """Made larger in the database afterwards: the denominators are frozen, and a change of them is an error."""
    key = office.proposed(proposal(1, evidence=early(1))).id
    body = proposal(1, evidence=early(1, "900.00")).plain()
    with office.store.writing(proposals) as connection:
        connection.execute(update(proposals).where(proposals.c.id == key).values(body=body))
    with pytest.raises(GovernanceError, match="was changed in the database"):
        read_proposals(office.store, ZONE)


def test_the_policy_of_a_pilot_refuses_the_holdout(office: Office) -> None:
    """The lists of a design in the policy: its pilot side can be proposed for, its holdout and strangers cannot."""
    drawn = Company(30).drawn(1, 12, 8)
    inside, held = supplier_lists(drawn)
    entry = {"pilot": {"suppliers": inside, "holdout": held}}
    office.enact(POLICY.model_validate({**POLICY.plain(), **entry}))
    for supplier, fits in ((inside[0], True), (held[0], False), ("a stranger", False)):
        found = office.desk.propose(proposal(1, supplier=supplier, policy=2), "local:analyst")
        assert isinstance(found, Refused) != fits, supplier


def test_a_policy_that_does_not_keep_the_holdout_fails_a_check() -> None:
    """While the pilot runs; with all of the holdout in it, with no policy at all, and afterwards it is kept."""
    company = Company(30)
    drawn = company.drawn(1, 12, 8)
    books = replace(company.books(1, 12, 8), data_date=START + timedelta(weeks=4))
    held = frozenset(supplier_lists(drawn)[1])

    def kept(happened: Happened) -> bool:
        found = evaluate(drawn, books, happened)
        return next(check for check in found.checks if check.name == "policy keeps the holdout").passed

    assert kept(Happened(kept_away=held))
    assert kept(Happened(kept_away=None))
    assert not kept(Happened(kept_away=frozenset()))
    assert not kept(Happened(kept_away=held - {min(held)}))


def test_confidence_is_held_against_what_came_true() -> None:
    """Ten called 90 % of which eight came true and ten called 50 % of which five did: off by 5 points on average."""
    pairs = [(Decimal("0.9"), Decimal(n < 8)) for n in range(10)] + [
        (Decimal("0.5"), Decimal(n < 5)) for n in range(10)
    ]
    found = of_pairs(pairs)
    assert (found.known, found.error, found.calibrated) == (20, Decimal("0.0500"), None)
    assert found.brier == Decimal("0.2100")  # (8 x 0.01 + 2 x 0.81 + 10 x 0.25) / 20
    assert [(one.count, one.stated, one.realised) for one in found.bins] == [
        (10, Decimal("0.5000"), Decimal("0.5000")), (10, Decimal("0.9000"), Decimal("0.8000")),
    ]  # fmt: skip
    assert of_pairs(pairs * 5).calibrated is True
    assert of_pairs([(Decimal("0.9"), Decimal(n % 2)) for n in range(FEWEST_OUTCOMES)]).calibrated is False
    assert of_pairs([]).brier is None


def test_only_what_was_carried_out_and_is_over_tells_of_confidence() -> None:
    """Of five, one was not approved, one has its window open, one took a cent less by rounding, and one took half."""
    made = datetime(2026, 11, 2, tzinfo=UTC)

    def one(invoice: int, state: str = "approved") -> Followed:
        return Followed(invoice, "N", Decimal(160), made, made.date(), state, 1, 1, 0, Decimal("0.8"))

    day = datetime(2026, 11, 21, tzinfo=UTC).date()
    books = {1: paid(1, 160), 2: paid(2, 160), 4: replace(paid(4, 160), taken=Decimal("159.99")), 5: paid(5, 80)}
    books[3] = replace(paid(3, 0), paid_on=None, window_end=day + timedelta(days=3))
    found = reliability([one(1), one(2, "expired"), one(3), one(4), one(5)], books, day)
    assert found.known == 3
    assert found.bins[0].realised == Decimal("0.6667")


def test_the_review_is_one_page() -> None:
    """Verdict, sides, guardrails, funnel, losses, confidence and a line to sign; hostile names do nothing in it."""
    company = Company(40)
    drawn = company.drawn(1, 12, 8).model_copy(update={"name": "<script>x</script>"})
    found = evaluate(drawn, company.books(1, 12, 8))
    html, text = pilot_html(found), pilot_markdown(found)
    assert "<script>" not in html
    for part in (
        "Verdict",
        "Both sides",
        "Guardrails",
        "From identified to captured",
        "Stated confidence",
        "signature",
    ):
        assert part in html
        assert part in text
    assert found.sha256 in html
