"""Why a supplier is not asked for longer terms: the first rule that fits, with what it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from copilot.opportunities.peers import Peers
from copilot.opportunities.supplier_profile import Profile
from copilot.opportunities.term_outcomes import Cap
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.simulations.legal_caps import cap_of

NEAR_RENEWAL = 365
"""A contract that ends within this many days can be talked about."""


OF_SMALL_ONLY = {"IN": None, "NL": 60}
"""Countries whose cap protects small suppliers, with what binds the others (None: nothing)."""


def cap_for(countries: Iterable[str], on: date, *, small: bool) -> Cap | None:
    """The strictest rule among some countries for a small or a larger supplier; None where none has one."""
    found = []
    for country in countries:
        cap = cap_of(country, on)
        days = cap.max_days if cap and (small or country not in OF_SMALL_ONLY) else OF_SMALL_ONLY.get(country)
        if cap is not None and days is not None:
            found.append(Cap(cap.country, days, cap.hard, cap.rule, cap.source))
    return min(found, key=lambda c: (c.days, not c.hard, c.country), default=None)


def cap_of_profile(profile: Profile) -> Cap | None:
    """The stricter of the supplier's country and those of the entities that buy from it."""
    countries = (profile.standing.country, *profile.buying_countries)
    return cap_for(countries, profile.as_of, small=profile.standing.small)


def too_small(profile: Profile, policy: TreasuryPolicy) -> tuple[str, str] | None:
    """Whether there is too little to negotiate about, or to know the terms by."""
    terms = policy.terms
    if profile.spend < terms.spend_floor:
        return "too little spend", f"{profile.spend:,.0f} in 365 days; the policy asks for {terms.spend_floor:,.0f}"
    if len(profile.invoices) < terms.least_invoices:
        return "too few invoices", f"{len(profile.invoices)} in 365 days; the policy asks for {terms.least_invoices}"
    if profile.days is None:
        return "no due dates", "no invoice of the last 365 days has a due date"
    if not profile.paid:
        return "nothing paid yet", "how it is paid is not known"
    return None


def veto(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    """The first veto: (reason, detail), None when there is none."""
    for rule in (_standing, _risk, _policy, _dispute, _sole_source, _contract, _changed):
        found = rule(profile, policy, peers)
        if found:
            return found
    return None


def _standing(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del policy, peers
    if profile.standing.on_hold:
        return "supplier on hold", "the supplier is on hold in Coupa"
    if not profile.standing.active:
        return "supplier not active", "the supplier is not active in Coupa"
    return None


def _risk(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del policy, peers
    rating = profile.rating
    if rating is not None and profile.band in {"high", "critical"}:
        return "supplier at risk", f"risk is {profile.band} ({rating.score:.0f} of 100 on {rating.day})"
    if rating is not None and profile.bands_worse >= 2:
        return "supplier at risk", f"risk got {profile.bands_worse} bands worse within 90 days ({rating.day})"
    return None


def _policy(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del peers
    name = profile.standing.name
    if name in policy.excluded_suppliers:
        return "excluded by policy", "named in excluded_suppliers"
    if name in policy.terms.critical_suppliers:
        return "critical supplier", "named in critical_suppliers"
    if profile.standing.small and policy.terms.protect_small:
        return "small supplier", "small suppliers are paid on time and not asked for credit (protect_small)"
    return None


def _dispute(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del peers
    limit = policy.terms.dispute_percent
    if profile.disputed * 100 > limit * profile.spend:
        return "open dispute", f"{profile.disputed:,.0f} in dispute, more than {limit} % of a year's spend"
    return None


def _sole_source(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del policy
    if not peers.alternatives(profile):
        return "no alternative", f"no other supplier of {profile.standing.category or 'its category'} in the region"
    return None


def _contract(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del policy, peers
    contract = profile.contract
    if contract is None or contract.kind != "fixed" or contract.end is None:
        return None
    if contract.end > profile.as_of + timedelta(days=NEAR_RENEWAL):
        return "contract locked", f"{contract.number} is fixed until {contract.end}"
    return None


def _changed(profile: Profile, policy: TreasuryPolicy, peers: Peers) -> tuple[str, str] | None:
    del peers
    since = profile.changed_since(profile.as_of - timedelta(days=policy.terms.settled_days))
    if since is not None:
        return "terms changed lately", f"another term is the usual one since about {since:%Y-%m}"
    return None
