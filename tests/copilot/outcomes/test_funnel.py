"""The funnel: one count for each invoice, at what was identified first, and every loss by its name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from copilot.outcomes.funnel import Followed, funnel
from copilot.outcomes.panel import Document

DAY = date(2026, 11, 21)
MADE = datetime(2026, 11, 2, 15, tzinfo=UTC)


def followed(invoice: int, state: str, saved: int = 100, later: int = 0, sent: int = 1, **effects: int) -> Followed:
    """A proposal of the second of November, or so many hours later."""
    made = MADE + timedelta(hours=later)
    return Followed(
        invoice,
        "Acme",
        Decimal(saved),
        made,
        made.date(),
        state,
        sent,
        effects.get("delivered", 0),
        effects.get("dead", 0),
    )


def paid(invoice: int, taken: int, window_end: date = date(2026, 11, 10), paid_on: date | None = DAY) -> Document:
    """An invoice with a discount that was or was not taken."""
    return Document(
        id=invoice, parent="Acme", supplier="Acme", day=date(2026, 11, 1), amount=Decimal(5000), offered=Decimal(100),
        window_end=window_end, taken=Decimal(taken), due=date(2026, 12, 1), paid_on=paid_on, disputed=False,
    )  # fmt: skip


BOOKS = {
    1: paid(1, 95), 2: paid(2, 0), 3: paid(3, 100), 4: paid(4, 100),
    5: paid(5, 0, window_end=DAY + timedelta(days=2), paid_on=None), 6: paid(6, 0), 7: paid(7, 0), 8: paid(8, 0),
}  # fmt: skip
PROPOSALS = (
    followed(1, "approved", delivered=1),
    followed(2, "approved", delivered=1),
    followed(3, "expired"),
    followed(4, "rejected"),
    followed(5, "approved", delivered=1),
    followed(6, "open"),
    followed(7, "approved", dead=1),
    followed(8, "approved", sent=2, delivered=1),
)


def test_stages_and_losses_add_up() -> None:
    """Eight identified for 800: what is captured and what fell out are all of it."""
    found = funnel(PROPOSALS, BOOKS, DAY, None)
    assert [(one.name, one.count, one.amount) for one in found.stages] == [
        ("identified", 8, Decimal(800)), ("approved", 5, Decimal(500)), ("executed", 3, Decimal(300)),
        ("captured", 1, Decimal(100)),
    ]  # fmt: skip
    assert [one.share for one in found.stages] == [Decimal(1), Decimal("0.625"), Decimal("0.375"), Decimal("0.125")]
    assert {one.name: one.count for one in found.lost} == {
        "nobody decided in time": 1, "rejected": 1, "waiting for a decision": 1, "could not be written to Coupa": 1,
        "waiting to be written to Coupa": 1, "carried out, but the discount was not taken": 1,
        "carried out, its window still open": 1,
    }  # fmt: skip
    assert found.stages[-1].count + sum(one.count for one in found.lost) == found.stages[0].count
    assert found.taken == Decimal(95)  # what the payments say, not what was hoped


def test_a_discount_taken_without_approval_is_not_captured() -> None:
    """Invoices 3 and 4 gave their discount all the same: no work of the recommendation."""
    found = funnel([one for one in PROPOSALS if one.invoice in {3, 4}], BOOKS, DAY, None)
    assert (found.stages[-1].count, found.taken) == (0, 0)


def test_an_invoice_proposed_twice_counts_once_at_its_first_amount() -> None:
    """A first proposal expired at 120, a second of 80 was approved: 120 identified, 120 approved, nothing lost."""
    found = funnel([followed(1, "expired", 120), followed(1, "approved", 80, later=5, delivered=1)], BOOKS, DAY, None)
    assert [(one.count, one.amount) for one in found.stages] == [(1, Decimal(120))] * 4
    assert found.lost == ()


def test_verified_is_never_more_than_was_taken_and_never_less_than_nothing() -> None:
    """An effect of 60, of 600, for the worse, and none known."""
    said = {verified: funnel(PROPOSALS, BOOKS, DAY, verified).verified for verified in map(Decimal, (60, 600, -50))}
    assert said == {Decimal(60): Decimal(60), Decimal(600): Decimal(95), Decimal(-50): Decimal(0)}
    assert funnel(PROPOSALS, BOOKS, DAY, None).verified is None


def test_nothing_proposed_has_no_shares() -> None:
    """A share of nothing is not a number."""
    assert all(one.share is None and one.count == 0 for one in funnel((), {}, DAY, None).stages)
