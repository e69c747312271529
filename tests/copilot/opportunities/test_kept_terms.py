from __future__ import annotations

from dataclasses import replace
from datetime import date

from copilot.opportunities.kept_terms import kept_terms
from copilot.opportunities.supplier_reading import Agreement, Standing
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.simulations.levers import KeptTerms

TODAY = date(2026, 11, 21)
FREE = Standing(1, "Free", "Free", "Goods", "US", "North America", False, False, True, False, "N30", 30)
LOCKED = Agreement(1, "C-1", "published", date(2025, 1, 1), date(2027, 6, 30), "fixed", "N30", 30)


def kept(standing: Standing, *agreements: Agreement, policy: TreasuryPolicy | None = None) -> tuple[KeptTerms, ...]:
    """What is found for one supplier."""
    return kept_terms({1: standing}, {1: agreements}, policy or TreasuryPolicy(), TODAY)


def test_who_keeps_the_terms_and_why() -> None:
    """Hold and standing come before policy, policy before contracts; nobody else is kept."""
    assert kept(FREE) == ()
    assert kept(replace(FREE, on_hold=True), LOCKED)[0].reason == "on hold"
    assert kept(replace(FREE, active=False))[0].reason == "not active"
    excluded = TreasuryPolicy(excluded_suppliers=("Free",))
    assert kept(FREE, LOCKED, policy=excluded)[0].reason == "excluded by policy"
    critical = TreasuryPolicy.model_validate({"terms": {"critical_suppliers": ["Free"]}})
    assert kept(FREE, policy=critical)[0].reason == "critical by policy"


def test_a_fixed_contract_keeps_terms_until_it_ends() -> None:
    """The last of those in force; not one that ended, that has not begun, that renews itself or that was cancelled."""
    (one,) = kept(FREE, LOCKED, replace(LOCKED, id=2, end=date(2028, 1, 31)))
    assert (one.reason, one.until) == ("under a fixed contract", date(2028, 1, 31))
    for loose in (
        replace(LOCKED, end=date(2026, 11, 20)),
        replace(LOCKED, start=date(2026, 12, 1)),
        replace(LOCKED, kind="auto_renew"),
        replace(LOCKED, status="cancelled"),
        replace(LOCKED, end=None),
    ):
        assert kept(FREE, loose) == ()
