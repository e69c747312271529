"""Which suppliers to ask for longer terms: the target, what it frees, what it costs them, and how good the case is.

Target = the least of the legal cap, the company's standard, the peers' upper quarter (P75) and the contract's own.
Cash released = spend / 365 x days x acceptance x pass-through; a year's benefit = that cash x the hurdle rate.
Pass-through is what of the days reaches the actual payment, from how each invoice of the last year was paid: one paid
twelve days late gains twelve days less. Price-neutral give = days x rate / 365.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import log10

from copilot.opportunities.peers import Benchmark, Peers
from copilot.opportunities.recommendation import REVIEW_BELOW, Benefit, Confidence, Recommendation, Route
from copilot.opportunities.supplier_profile import YEAR, Profile, profiles_of
from copilot.opportunities.supplier_reading import SupplierFiles
from copilot.opportunities.term_outcomes import (
    Cap,
    LeftSupplier,
    OpportunityRefused,
    Score,
    TermChange,
    TermOpportunities,
    TermsOutcome,
)
from copilot.opportunities.term_vetoes import cap_of_profile, too_small, veto
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.simulations.outcomes import Assumption
from semantic_layer.results import Check

CENT, STEP, PLACES, FINE = Decimal("0.01"), Decimal("0.01"), Decimal("0.0001"), Decimal("0.000001")
VALID_DAYS = 90
"""A proposal is void after this many days, or when the contract ends."""
OVER_CAP = "over the legal cap"
OVER_SOFT_CAP = "over a cap that needs express agreement"
BEYOND_LAW = "longer than law allows"
HOLD_BELOW = 25
"""A score below this is not worth a conversation."""


def find_terms(
    files: SupplierFiles,
    policy: TreasuryPolicy,
    *,
    currency: str = "USD",
    part: SupplierFiles | None = None,
    wanted: int | None = None,
    metric: Decimal | None = None,
) -> TermsOutcome:
    """The proposals, compared with all suppliers.

    `part` holds the documents that are asked about (default: all), `wanted` net days that the asker names instead of
    the peers' and the company's, `metric` the certified purchases of the last 365 days that spend must tie to.
    """
    peers = Peers(profiles_of(files), policy.terms.least_invoices, policy.terms.least_peers)
    asked = profiles_of(part or files)
    refused = beyond_law(asked, wanted)
    if refused is not None:
        return OpportunityRefused(files.as_of, "LEGAL_LIMIT", refused)
    found: list[Recommendation[TermChange]] = []
    left: list[LeftSupplier] = []
    for profile in asked:
        proposal = propose(profile, peers, policy, currency, rated=files.rated, wanted=wanted)
        if isinstance(proposal, LeftSupplier):
            left.append(proposal)
        else:
            found.append(proposal)
    if not found and left and all(item.reason == "no hurdle rate" for item in left):
        return OpportunityRefused(files.as_of, "MISSING_INPUT", f"There is no hurdle rate: {left[0].detail}.")
    found.sort(key=lambda r: (-r.payload.score.total, -r.benefit.amount, r.payload.supplier_id))
    left.sort(key=lambda item: (-item.spend, item.supplier_id))
    spend = sum((p.spend for p in asked), Decimal(0))
    return TermOpportunities(
        as_of=files.as_of,
        currency=currency,
        found=tuple(found),
        left_out=tuple(left),
        spend=spend.quantize(CENT),
        cash_released=sum((r.payload.cash_released for r in found), Decimal(0)),
        yearly_benefit=sum((r.benefit.amount for r in found), Decimal(0)),
        checks=_checks(found, left, asked, metric),
        assumptions=_assumptions(policy, files),
    )


def propose(
    profile: Profile, peers: Peers, policy: TreasuryPolicy, currency: str, *, rated: bool, wanted: int | None = None
) -> Recommendation[TermChange] | LeftSupplier:
    """The proposal to one supplier, or why there is none."""
    cap = cap_of_profile(profile)
    problem = _unlawful(profile, cap, wanted) or too_small(profile, policy) or veto(profile, policy, peers)
    if problem:
        return _left(profile, *problem)
    benchmark = peers.of(profile)
    if benchmark is None:
        return _left(profile, "too few peers", f"fewer than {policy.terms.least_peers} comparable supplier families")
    rate = policy.hurdle(profile.entity, profile.currency)
    if rate is None:
        missing = f"none for {profile.entity} and {profile.currency}: load capital_rates or write hurdle_percent"
        return _left(profile, "no hurdle rate", missing)
    target, limited_by = target_of(profile, benchmark, cap, policy, wanted)
    if target - (profile.days or 0) < policy.terms.least_gain_days:
        return _left(profile, "no room", f"net {profile.days}; {limited_by} allows net {target}")
    case = _Case(profile, benchmark, cap, target, limited_by, rate, peers.alternatives(profile), policy)
    return _recommendation(case, currency, rated=rated)


def _unlawful(profile: Profile, cap: Cap | None, wanted: int | None) -> tuple[str, str] | None:
    """What law says against the terms there are, or against those that are wanted."""
    current = profile.days or 0
    if cap is not None and current > cap.days and not _month_end_in_france(profile, cap):
        return OVER_CAP if cap.hard else OVER_SOFT_CAP, f"net {current} against {cap.days} days: {cap.rule}"
    if cap is not None and wanted is not None and wanted > cap.days:
        return BEYOND_LAW, f"net {wanted} against {cap.days} days: {cap.rule}"
    return None


def _month_end_in_france(profile: Profile, cap: Cap) -> bool:
    """Terms to the end of a month, which French law counts apart: 45 days and what is left of the month."""
    return cap.country == "FR" and profile.to_month_end and (profile.days or 0) <= 45 + 30


def beyond_law(asked: Sequence[Profile], wanted: int | None) -> str | None:
    """Why a term cannot be asked of anybody: no supplier may have it by law. None when at least one may."""
    caps = [cap_of_profile(profile) for profile in asked]
    if wanted is None or not caps or any(cap is None or cap.days >= wanted for cap in caps):
        return None
    rules = {cap.country: cap for cap in caps if cap is not None}
    clauses = "; ".join(f"{cap.rule} ({cap.source})" for _, cap in sorted(rules.items()))
    longest = max(cap.days for cap in rules.values())
    return f"Net {wanted} is longer than law allows there: {clauses}. The longest to ask for is {longest} days."


def target_of(
    profile: Profile, benchmark: Benchmark, cap: Cap | None, policy: TreasuryPolicy, wanted: int | None = None
) -> tuple[int, str]:
    """(days, which limit it is) of the longest term to aim at."""
    standard = policy.terms.standard_days
    limits = [
        (benchmark.p75, f"the peers' upper quarter ({benchmark.p75} days)"),
        (standard, f"the company's standard ({standard} days)"),
    ]
    if wanted is not None:
        limits = [(wanted, f"the question ({wanted} days)")]
    if cap is not None:
        limits.append((cap.days, f"the law of {cap.country} ({cap.days} days)"))
    contract = profile.contract
    if contract is not None and contract.kind == "fixed" and contract.days is not None and contract.end is None:
        limits.append((contract.days, f"contract {contract.number} ({contract.days} days)"))
    return min(limits, key=lambda limit: limit[0])


def pass_through(profile: Profile, days: int) -> Decimal:
    """The share of `days` that reaches the payments, by money: what is late already is taken off, never below zero."""
    whole, moved = Decimal(0), Decimal(0)
    for document in profile.paid:
        if document.paid is None or document.due is None or document.amount is None:
            continue
        gained = min(days, max(0, (document.due - document.paid).days + days))
        whole += document.amount
        moved += document.amount * gained / days
    return moved / whole if whole else Decimal(0)


@dataclass(frozen=True)
class _Case:
    """One supplier with all that a proposal is computed from; `rate` is the hurdle (a fraction)."""

    profile: Profile
    benchmark: Benchmark
    cap: Cap | None
    target: int
    limited_by: str
    rate: Decimal
    alternatives: int
    policy: TreasuryPolicy

    @property
    def days(self) -> int:
        """Days that the target adds."""
        return self.target - (self.profile.days or 0)

    @property
    def agreed(self) -> Decimal:
        """Cash that the days hold once they are agreed and paid to the day."""
        return self.profile.spend / YEAR * self.days

    @property
    def through(self) -> Decimal:
        """Pass-through of those days."""
        return pass_through(self.profile, self.days)

    @property
    def expected(self) -> Decimal:
        """Cash by acceptance and pass-through."""
        return self.agreed * self.policy.terms.acceptance * self.through


def _recommendation(case: _Case, currency: str, *, rated: bool) -> Recommendation[TermChange]:
    profile, terms = case.profile, case.policy.terms
    change = _change(case)
    confidence = Confidence(
        data=_known(profile, rated=rated),
        model=terms.acceptance.quantize(STEP),
        policy=min(Decimal(change.score.total) / 100, Decimal(1)).quantize(STEP),
        novelty=(Decimal(len(profile.paid)) / (len(profile.paid) + 8)).quantize(STEP),
    )
    low = case.agreed * case.rate * terms.acceptance_low * case.through
    high = case.agreed * case.rate * terms.acceptance_high
    return Recommendation(
        payload=change,
        route=route_of(change, confidence),
        benefit=Benefit(change.yearly_benefit, low.quantize(CENT), high.quantize(CENT), currency),
        confidence=confidence,
        rationale=_sentences(change),
        documents=tuple(d.id for d in profile.invoices),
        expires=_expiry(profile),
        policy_version=case.policy.version,
        as_of=profile.as_of,
    )


def _change(case: _Case) -> TermChange:
    profile, benchmark, cap, standing = case.profile, case.benchmark, case.cap, case.profile.standing
    current, contract = profile.days or 0, profile.contract
    supplier_rate = case.policy.terms.supplier_rate(profile.currency)
    opening = max(benchmark.p90, case.target)
    return TermChange(
        supplier_id=standing.id,
        supplier=standing.name,
        family=standing.family,
        category=standing.category,
        country=standing.country,
        region=standing.region,
        entity=profile.entity,
        currency=profile.currency,
        spend=profile.spend.quantize(CENT),
        invoices=len(profile.invoices),
        current_days=current,
        target_days=case.target,
        opening_days=min(opening, cap.days) if cap else opening,
        least_days=min(max(benchmark.p50, current), case.target),
        peers=benchmark,
        cap=cap,
        limited_by=case.limited_by,
        contract_end=contract.end if contract else None,
        acceptance=case.policy.terms.acceptance,
        pass_through=case.through.quantize(PLACES),
        days_late=(profile.days_late or Decimal(0)).quantize(CENT),
        late_share=(profile.late_share or Decimal(0)).quantize(PLACES),
        risk_band=profile.band,
        cash_released=case.expected.quantize(CENT),
        cash_if_agreed=case.agreed.quantize(CENT),
        yearly_benefit=(case.expected * case.rate).quantize(CENT),
        rate=case.rate,
        supplier_cost=(case.agreed * supplier_rate).quantize(CENT),
        supplier_rate=supplier_rate,
        price_give=(case.rate * case.days / YEAR).quantize(FINE),
        score=score_of(profile, benchmark, case.expected, case.alternatives),
    )


def route_of(change: TermChange, confidence: Confidence) -> Route:
    """People always decide about terms; what is unsure, or not much of a case, is marked as such."""
    if change.score.total < HOLD_BELOW:
        return "hold"
    return "treasury review" if confidence.overall < REVIEW_BELOW else "recommend"


def score_of(profile: Profile, benchmark: Benchmark, cash: Decimal, alternatives: int) -> Score:
    """The parts of the score; cash counts from a thousand (0) to a million (40), a gap of thirty days in full."""
    power = log10(max(float(cash), 1.0))
    gap = max(0, benchmark.p75 - (profile.days or 0))
    contract = profile.contract
    left = (contract.end - profile.as_of).days if contract and contract.end else None
    timing = 8 if left is None else 15 if left <= 180 else 8 if left <= YEAR else 0
    return Score(
        cash=round(40 * min(1.0, max(0.0, (power - 3) / 3))),
        gap=round(20 * min(1.0, gap / 30)),
        leverage=round(15 * min(1.0, alternatives / 10)),
        timing=timing,
        behaviour=round(10 * float(profile.late_share or 0)),
    )


def _known(profile: Profile, *, rated: bool) -> Decimal:
    """Share of the money with a due date, taken down by a quarter when risk is not known."""
    whole = sum((d.amount or Decimal(0) for d in profile.invoices), Decimal(0))
    dated = sum((d.amount or Decimal(0) for d in profile.invoices if d.due is not None), Decimal(0))
    known = dated / whole if whole else Decimal(0)
    return (known if rated and profile.rating else known * Decimal("0.75")).quantize(STEP)


def _expiry(profile: Profile) -> date:
    last = profile.as_of + timedelta(days=VALID_DAYS)
    contract = profile.contract
    return min(last, contract.end) if contract and contract.end and contract.kind == "fixed" else last


def _left(profile: Profile, reason: str, detail: str) -> LeftSupplier:
    spend = profile.spend.quantize(CENT)
    return LeftSupplier(profile.standing.id, profile.standing.name, spend, profile.days, reason, detail)


def _sentences(change: TermChange) -> tuple[str, ...]:
    peers = change.peers
    found = [
        f"Net {change.current_days} to net {change.target_days}, which {change.limited_by} sets",
        (
            f"{peers.n} families of the same {peers.level} agree on {peers.p50} (middle), {peers.p75} (upper quarter)"
            f" and {peers.p90} days; invoices of {peers.first} to {peers.last}"
        ),
        (
            f"{change.cash_if_agreed:,.0f} of cash if agreed and paid to the day; {change.cash_released:,.0f} expected"
            f" at {change.acceptance:.0%} acceptance and {change.pass_through:.0%} pass-through"
        ),
        f"costs the supplier {change.supplier_cost:,.0f} a year at {change.supplier_rate:.1%}",
        f"price-neutral give: {change.price_give:.3%} of price",
    ]
    if change.days_late > 0:
        found.append(f"we pay {change.days_late:.1f} days after the due date on average, which weakens the ask")
    if change.cap is not None:
        found.append(f"law: {change.cap.rule}; verify with counsel")
    return tuple(found)


def _checks(
    found: Sequence[Recommendation[TermChange]],
    left: Sequence[LeftSupplier],
    asked: Sequence[Profile],
    metric: Decimal | None,
) -> tuple[Check, ...]:
    spend = sum((p.spend for p in asked), Decimal(0)).quantize(CENT)
    legal = all(r.payload.cap is None or r.payload.opening_days <= r.payload.cap.days for r in found)
    once = len(found) + len(left) == len(asked)
    recomputed = all(_agrees(r.payload) for r in found)
    checks = [
        Check("every_supplier_once", once, f"{len(found)} proposed, {len(left)} left out, {len(asked)} in all"),
        Check("within_the_law", legal, "no target or opening is beyond a legal cap"),
        Check(
            "benefit_recomputed",
            recomputed,
            "spend / 365 x days x acceptance x pass-through x rate, from what is shown",
        ),
    ]
    if metric is not None:
        checks.append(
            Check("ties_to_metric", abs(metric - spend) <= CENT, f"{spend:,.2f} here, {metric:,.2f} in purchases")
        )
    return tuple(checks)


def _agrees(change: TermChange) -> bool:
    """Whether the benefit follows from the numbers that are shown, whose rounding is allowed for."""
    whole = change.spend * change.gap * change.acceptance * change.rate / YEAR
    return abs(change.yearly_benefit - whole * change.pass_through) <= CENT + whole * PLACES


def _assumptions(policy: TreasuryPolicy, files: SupplierFiles) -> tuple[Assumption, ...]:
    terms = policy.terms
    band = f"{terms.acceptance:.0%} ({terms.acceptance_low:.0%} to {terms.acceptance_high:.0%})"
    rates = ", ".join(f"{name} {percent} %" for name, percent in sorted(terms.supplier_rate_percent.items()))
    return (
        Assumption("acceptance", band, "policy, not measured"),
        Assumption("pass-through", "days late are not gained again", "payments of the last 365 days"),
        Assumption("supplier's rate a year", rates, "policy"),
        Assumption("legal caps", "verify with counsel", "table of caps, checked 2026-11-22"),
        Assumption("supplier risk", "known" if files.rated else "no feed: not vetoed by risk", "feed supplier_risk"),
    )
