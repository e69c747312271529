"""Which discounts to take, end to end on a small company whose habits are known: paid on day 38, runs on Tuesdays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from copilot.errors import TreasuryPolicyError
from copilot.forecasting.book import book_of
from copilot.forecasting.book_reading import DOCUMENT_COLUMNS
from copilot.opportunities.discount_outcomes import DiscountPlan, DiscountsRefused, RankedOffers
from copilot.opportunities.discount_plan import explained, plan_discounts
from copilot.opportunities.offer_reading import CashBooks, Inputs
from copilot.opportunities.offers import (
    AcceptedRequest,
    Offer,
    SlidingScale,
    StaticWindow,
    Tiers,
    net_value,
    yearly_yield,
)
from copilot.opportunities.treasury_policy import Floors, TreasuryPolicy, load_policy, with_rates

TODAY = date(2026, 11, 21)
"""A Saturday: ten days after an invoice of 14 November is a Tuesday, and so is day 38."""
POLICY = TreasuryPolicy(hurdle_percent={"*": Decimal(8)})
HABIT = 38


def _document(key: int, day: date, amount: str, paid: date | None) -> dict[str, Any]:
    return {
        **dict.fromkeys(DOCUMENT_COLUMNS),
        "invoice_id": key, "invoice_number": f"INV-{key}", "supplier": f"Supplier {key % 4}", "buying_entity": "Acme US",
        "entity_country_code": "US", "currency": "USD", "status": "approved", "population": "recognised",
        "is_credit_note": False, "invoice_date": day, "received_date": day, "recognised_date": day,
        "due_date": day + timedelta(days=30), "gross_reporting": Decimal(amount), "last_payment_date": paid,
        "open_reporting": Decimal(0) if paid else Decimal(amount),
    }  # fmt: skip


def _inputs(amounts: tuple[str, ...] = ("10000", "20000", "30000"), cash: str | None = "500000") -> Inputs:
    """A year of invoices of Saturdays, each paid 38 days later; open ones of 14 November at 2/10 net 30."""
    documents, payments = [], []
    key = 0
    for week in range(60, 0, -1):
        day = date(2026, 11, 14) - timedelta(weeks=week)
        for _ in range(4):
            key += 1
            paid = day + timedelta(days=HABIT)
            documents.append(_document(key, day, "9000", paid if paid <= TODAY else None))
            if paid <= TODAY:
                payments.append({"invoice_id": key, "payment_date": paid, "amount_reporting": Decimal(9000)})
    offers = []
    for place, amount in enumerate(amounts):
        key = 1001 + place
        documents.append(_document(key, date(2026, 11, 14), amount, None))
        offers.append(_offer(key, amount))
    book = book_of(_columns(documents), _columns(payments))
    balances = (("Acme US", "USD", "1", TODAY, Decimal(cash)),) if cash is not None else ()
    movements = tuple(("Acme US", "USD", TODAY, TODAY + timedelta(days=day), Decimal(5200)) for day in range(1, 91))
    return Inputs(TODAY, book, tuple(offers), CashBooks(balances, movements if balances else ()), ())


def _offer(key: int, amount: str) -> Offer:
    return Offer(
        document_id=key, number=f"INV-{key}", supplier=f"Supplier {key % 4}", entity="Acme US", currency="USD",
        amount=Decimal(amount), curve=StaticWindow(Decimal("0.02"), date(2026, 11, 24)), due=date(2026, 12, 14),
        ready=TODAY + timedelta(days=1),
    )  # fmt: skip


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _plan(inputs: Inputs, policy: TreasuryPolicy = POLICY, **more: Any) -> DiscountPlan:
    found = plan_discounts(inputs, policy, **more)
    assert isinstance(found, DiscountPlan), found
    return found


def test_the_yield_is_by_habit_and_not_by_paper() -> None:
    """2/10 net 30 of a supplier that is paid on day 38 earns 26.60 % a year, not the 37.24 % of the paper."""
    found = _plan(_inputs())
    payment = found.taken[0].payload
    assert (payment.pay_on, payment.otherwise_on) == (date(2026, 11, 24), date(2026, 12, 22))
    assert payment.yearly_yield == Decimal("0.2660")
    assert [r.route for r in found.taken] == ["recommend"] * 3
    assert found.saved == Decimal("1200.00")
    assert found.cash == Decimal("58800.00")
    assert all(check.passed for check in found.checks)


@pytest.mark.parametrize(
    ("rate", "early", "otherwise", "expected"),
    [("0.02", 10, 30, "0.3724"), ("0.01", 10, 30, "0.1843"), ("0.005", 10, 30, "0.0917"), ("0.02", 10, 60, "0.1490"),
     ("0.01", 15, 60, "0.0819"), ("0.02", 15, 45, "0.2483"), ("0.03", 10, 90, "0.1411"), ("0.03", 30, 90, "0.1881")],
)  # fmt: skip
def test_yields_of_well_known_terms(rate: str, early: int, otherwise: int, expected: str) -> None:
    """The textbook table of simple yearly yields on 365 days."""
    amount = Decimal(100_000)
    assert yearly_yield(amount, amount * Decimal(rate), otherwise - early) == Decimal(expected)


def test_net_value_weighs_the_cash_until_it_would_have_left() -> None:
    """2 % of 100,000 twenty days early at 8 % costs 414.14 of interest: 98,000 x (1.08^(20/365) - 1)."""
    assert net_value(Decimal(100_000), Decimal(2_000), 20, Decimal("0.08")) == pytest.approx(1_585.9, abs=0.5)
    assert yearly_yield(Decimal(100), Decimal(2), 0) is None


def test_curves_save_what_their_terms_say() -> None:
    """A cliff, a slide with a full start, tiers, and a fixed sum of an accepted request."""
    day, due = date(2026, 11, 24), date(2026, 12, 14)
    amount = Decimal("36500.00")
    assert StaticWindow(Decimal("0.02"), day).discount(amount, day + timedelta(days=1)) == 0
    slide = SlidingScale(Decimal("0.10"), due, full_until=day, rate=Decimal("0.015"))
    assert slide.discount(amount, day) == Decimal("547.50")
    assert slide.discount(amount, day + timedelta(days=1)) == Decimal("190.00")
    tiers = Tiers(((day, Decimal("0.02")), (due, Decimal("0.01"))))
    assert [tiers.discount(amount, d) for d in (day, due, due + timedelta(days=1))] == [730, 365, 0]
    assert AcceptedRequest(Decimal(50), day).discount(Decimal(40), day) == 40


def test_a_floor_leaves_offers_and_says_what_cash_is_missing() -> None:
    """Cash for about half of the offers: the floor holds to the cent, and the rest says how much more it needs."""
    inputs = _inputs(("10000", "20000", "30000", "7000"))
    free = _plan(inputs)
    floor = free.lowest_room + free.cash - Decimal(31_000)
    tight = _plan(inputs, POLICY.model_copy(update={"floors": Floors(company=floor)}))
    assert tight.lowest_room >= 0
    assert Decimal(0) < tight.cash <= Decimal(31_000) + Decimal("0.01")
    assert tight.value <= min(free.value, tight.bound)
    short = [item for item in tight.left_out if item.reason == "cash is short"]
    assert short
    assert "more above the floor of the company" in short[0].detail
    assert tight.prices
    assert all(r.route == "treasury review" for r in tight.taken)
    assert tight.more_cash is not None
    assert all(check.passed for check in tight.checks)


def test_a_floor_that_breaks_by_itself_is_refused_with_day_and_sum() -> None:
    """A floor above all the cash there is: refused, naming the first day, the worst day and the sum missing."""
    found = plan_discounts(_inputs(), POLICY.model_copy(update={"floors": Floors(company=Decimal(10_000_000))}))
    assert isinstance(found, DiscountsRefused)
    assert found.reason_code == "MISSING_INPUT"
    assert "first on 2026-11-22" in found.reason
    assert "are missing" in found.reason


def test_without_a_cash_feed_offers_are_ranked_and_no_optimum_is_claimed() -> None:
    """No cash position: the offers in the order of their yields, and what is missing by name."""
    found = plan_discounts(_inputs(cash=None), POLICY)
    assert isinstance(found, RankedOffers)
    assert "cash_positions" in found.missing
    assert [o.document_id for o in found.offers] == [1001, 1002, 1003]


def test_without_a_hurdle_nothing_is_valued() -> None:
    """A missing hurdle rate is refused with the feed and the file that would give it."""
    found = plan_discounts(_inputs(), TreasuryPolicy())
    assert isinstance(found, DiscountsRefused)
    assert "No hurdle rate is set for USD" in found.reason
    assert "capital_rates" in found.reason


def test_what_cannot_or_should_not_be_paid_early_is_left_out_with_its_reason() -> None:
    """Holds, exclusions, missing approvals, a window without a run, and a yield below the hurdle."""
    inputs = _inputs(("1000", "1000", "1000", "1000", "1000"))
    held, excluded, waiting, late, poor = inputs.offers
    offers = (
        replace(held, barred="the supplier is on hold"),
        replace(excluded, supplier="Acme Ltd"),
        replace(waiting, ready=None, status="pending_approval"),
        replace(late, curve=StaticWindow(Decimal("0.02"), date(2026, 11, 23))),
        replace(poor, curve=StaticWindow(Decimal("0.001"), date(2026, 11, 24))),
    )
    found = _plan(replace(inputs, offers=offers), POLICY.model_copy(update={"excluded_suppliers": ("acme ltd",)}))
    assert not found.taken
    assert [item.reason for item in found.left_out] == [
        "excluded by policy", "excluded by policy", "not approved yet", "no run in the window", "below the hurdle",
    ]  # fmt: skip
    last = explained(found, poor.document_id)
    assert last is not None
    assert "a decision, not a loss" in last.detail


def test_a_supplier_that_is_paid_in_time_anyway_is_no_gain() -> None:
    """A window that reaches beyond the habitual day: the discount comes by itself, so nothing is claimed."""
    inputs = _inputs(("5000",))
    offer = replace(inputs.offers[0], curve=StaticWindow(Decimal("0.02"), date(2026, 12, 23)))
    found = _plan(replace(inputs, offers=(offer,)))
    assert [item.reason for item in found.left_out] == ["paid in time anyway"]


def test_a_slide_is_paid_on_the_run_that_is_worth_most() -> None:
    """12 % a year for each day before due, hurdle 8 %: the first Tuesday ahead earns more than any later one."""
    inputs = _inputs(("50000",))
    offer = replace(inputs.offers[0], curve=SlidingScale(Decimal("0.25"), date(2026, 12, 14)))
    found = _plan(replace(inputs, offers=(offer,)))
    assert found.taken[0].payload.pay_on == date(2026, 11, 24)
    assert found.taken[0].payload.saved == Decimal("684.93")


def test_a_least_yield_leaves_the_rest_by_name() -> None:
    """Only offers above 30 % a year: those of 26.6 % are left with what they would bring."""
    found = _plan(_inputs(), least_yield=Decimal("0.30"))
    assert not found.taken
    assert {item.reason for item in found.left_out} == {"below what was asked for"}
    assert {item.yearly_yield for item in found.left_out} == {Decimal("0.2660")}


def test_caps_hold_on_runs_and_suppliers() -> None:
    """30,000 on one day at most: the best that fits is 10,000 and 20,000 less their discounts."""
    capped = _plan(_inputs(), POLICY.model_copy(update={"run_cap": Decimal(30_000)}))
    assert max(cash for _, cash in capped.runs) <= 30_000
    assert capped.cash == Decimal("29400.00")
    none = _plan(_inputs(), POLICY.model_copy(update={"supplier_cap": Decimal(5_000)}))
    assert not none.taken


def test_the_same_inputs_give_the_same_plan() -> None:
    """Seeds and clocks are arguments: two runs agree in every field, and the policy's version in its content."""
    assert _plan(_inputs()) == _plan(_inputs())
    assert POLICY.version == TreasuryPolicy(hurdle_percent={"*": Decimal(8)}).version
    assert POLICY.version != TreasuryPolicy(hurdle_percent={"*": Decimal(9)}).version


def test_hurdles_of_the_feed_hold_from_their_day_and_yield_to_the_policy() -> None:
    """The latest rate in force counts, the most specific one first; the policy's own rate stands above the feed's."""
    rates = (
        ("*", "USD", date(2026, 1, 1), Decimal("7.5")),
        ("*", "USD", date(2027, 1, 1), Decimal(9)),
        ("Acme US", "USD", date(2025, 1, 1), Decimal(10)),
        ("*", "EUR", date(2025, 1, 1), Decimal(4)),
    )
    fed = with_rates(TreasuryPolicy(hurdle_percent={"EUR": Decimal(5)}), rates, TODAY)
    assert fed.hurdle("Acme DE", "USD") == Decimal("0.075")
    assert fed.hurdle("Acme US", "USD") == Decimal("0.10")
    assert fed.hurdle("Acme DE", "EUR") == Decimal("0.05")
    assert fed.hurdle("Acme DE", "GBP") is None


def test_a_policy_file_is_read_or_refused_by_entry(tmp_path: Any) -> None:
    """Amounts and rates come from YAML; a wrong entry is named."""
    file = tmp_path / "treasury.yml"
    assert load_policy(file) == TreasuryPolicy()
    file.write_text("hurdle_percent: {'*': 8.0}\nfloors: {company: 5000000}\n", encoding="utf-8")
    assert load_policy(file).floors.company == 5_000_000
    file.write_text("floors: {company: -1}\n", encoding="utf-8")
    with pytest.raises(TreasuryPolicyError, match=r"floors\.company"):
        load_policy(file)
