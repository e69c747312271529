"""What a buyer takes into a talk about terms with one supplier: facts, range, ways to deal, our own lateness, risks.

Figures come from the search for longer terms; who is not to be asked gets a pack that says so. Ways to deal:
longer terms; a discount for early payment, which pays both between our rate and the supplier's; supplier finance.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from rapidfuzz import process

from copilot.errors import CopilotError
from copilot.opportunities.peers import Benchmark, Peers
from copilot.opportunities.recommendation import Recommendation
from copilot.opportunities.segments import segments_of
from copilot.opportunities.supplier_profile import YEAR, Profile, profiles_of
from copilot.opportunities.supplier_reading import Agreement, SupplierFiles
from copilot.opportunities.term_outcomes import Cap, LeftSupplier, TermChange
from copilot.opportunities.term_vetoes import cap_of_profile
from copilot.opportunities.terms import propose
from copilot.opportunities.treasury_policy import TreasuryPolicy

CENT, FINE = Decimal("0.01"), Decimal("0.000001")
EARLY_DAYS = 10
"""Days after the invoice on which an early payment would be made."""
MONTHS = 12


@dataclass(frozen=True)
class Month:
    """Payments of one month: mean days from due date to payment by money (below zero: early), and how many."""

    first: date
    days_late: Decimal
    payments: int


@dataclass(frozen=True)
class Deal:
    """One way to deal: what it is, what it gives us and costs them a year (reporting currency), and what to heed."""

    name: str
    ours: Decimal
    theirs: Decimal
    terms: str
    heed: str


@dataclass(frozen=True)
class NegotiationPack:
    """One supplier; `proposal` is None where it is not to be asked, `why_not` then says why."""

    as_of: date
    currency: str
    supplier_id: int
    supplier: str
    category: str
    country: str
    region: str
    segment: str
    spend: Decimal
    spend_before: Decimal
    invoices: int
    days: int | None
    terms: tuple[tuple[str, Decimal, int], ...]
    risk: str
    contract: Agreement | None
    cap: Cap | None
    peers: Benchmark | None
    late_share: Decimal
    days_late: Decimal
    months: tuple[Month, ...]
    proposal: Recommendation[TermChange] | None
    why_not: str
    deals: tuple[Deal, ...]
    points: tuple[str, ...]
    risks: tuple[str, ...]


def pack_of(files: SupplierFiles, policy: TreasuryPolicy, name: str, *, currency: str = "USD") -> NegotiationPack:
    """The pack of a supplier by name or id. Raises CopilotError for one that did not bill in the last 365 days."""
    profiles = profiles_of(files)
    profile = _named(profiles, name)
    peers = Peers(profiles, policy.terms.least_invoices, policy.terms.least_peers)
    found = propose(profile, peers, policy, currency, rated=files.rated)
    proposal = None if isinstance(found, LeftSupplier) else found
    why_not = f"{found.reason}: {found.detail}" if isinstance(found, LeftSupplier) else ""
    segment = next(s.segment for s in segments_of(files, files.as_of) if s.supplier_id == profile.standing.id)
    return NegotiationPack(
        as_of=files.as_of,
        currency=currency,
        supplier_id=profile.standing.id,
        supplier=profile.standing.name,
        category=profile.standing.category,
        country=profile.standing.country,
        region=profile.standing.region,
        segment=segment,
        spend=profile.spend.quantize(CENT),
        spend_before=sum((d.amount or Decimal(0) for d in profile.older), Decimal(0)).quantize(CENT),
        invoices=len(profile.invoices),
        days=profile.days,
        terms=profile.terms,
        risk=_risk(profile),
        contract=profile.contract,
        cap=cap_of_profile(profile),
        peers=peers.of(profile),
        late_share=(profile.late_share or Decimal(0)).quantize(Decimal("0.0001")),
        days_late=(profile.days_late or Decimal(0)).quantize(CENT),
        months=_months(profile),
        proposal=proposal,
        why_not=why_not,
        deals=_deals(proposal.payload, profile) if proposal else (),
        points=_points(proposal.payload, profile) if proposal else (),
        risks=_risks(profile, files),
    )


def renewals(files: SupplierFiles, first_days: int = 7, last_days: int = 14) -> tuple[tuple[date, str, int], ...]:
    """(end, supplier, id) of contracts that end so many days from now: packs are due. The nearest first."""
    first, last = files.as_of + timedelta(days=first_days), files.as_of + timedelta(days=last_days)
    found = []
    for profile in profiles_of(files):
        contract = profile.contract
        if contract and contract.end and first <= contract.end <= last:
            found.append((contract.end, profile.standing.name, profile.standing.id))
    return tuple(sorted(found))


def _named(profiles: tuple[Profile, ...], name: str) -> Profile:
    wanted = name.strip().casefold()
    for profile in profiles:
        if wanted in {profile.standing.name.casefold(), str(profile.standing.id)}:
            return profile
    near = process.extract(name, [p.standing.name for p in profiles], limit=3, score_cutoff=60)
    hint = ", ".join(str(match[0])[:60] for match in near)
    also = f" Did you mean {hint}?" if hint else ""
    raise CopilotError(f"No supplier {name[:60]!r} billed in the last 365 days.{also}")


def _risk(profile: Profile) -> str:
    rating = profile.rating
    return "not rated" if rating is None else f"{rating.band}, {rating.score:.0f} of 100 on {rating.day}"


def _months(profile: Profile) -> tuple[Month, ...]:
    groups: dict[date, list[tuple[int, Decimal]]] = defaultdict(list)
    for document in profile.paid:
        if document.paid is not None and document.due is not None and document.amount is not None:
            groups[document.paid.replace(day=1)].append(((document.paid - document.due).days, document.amount))
    found = []
    for first in sorted(groups)[-MONTHS:]:
        whole = sum((amount for _, amount in groups[first]), Decimal(0))
        late = sum((amount * days for days, amount in groups[first]), Decimal(0)) / whole
        found.append(Month(first, late.quantize(CENT), len(groups[first])))
    return tuple(found)


def _deals(change: TermChange, profile: Profile) -> tuple[Deal, ...]:
    """The ways to deal, each over a year: longer terms, a discount for paying on day ten, supplier finance."""
    early = max(0, change.current_days - EARLY_DAYS)
    held = profile.spend / YEAR
    ours, theirs = change.rate * early / YEAR, change.supplier_rate * early / YEAR
    longer = Deal(
        name="longer terms",
        ours=(change.cash_if_agreed * change.rate).quantize(CENT),
        theirs=-change.supplier_cost,
        terms=f"net {change.current_days} to net {change.target_days}",
        heed=f"they lose {change.supplier_cost:,.0f} a year; {change.price_give:.2%} of price makes up for our gain",
    )
    middle = (ours + theirs) / 2
    discount = Deal(
        name="discount for early payment",
        ours=(change.spend * (middle - ours)).quantize(CENT),
        theirs=(held * early * change.supplier_rate - change.spend * middle).quantize(CENT),
        terms=f"{middle:.2%} for payment on day {EARLY_DAYS} instead of day {change.current_days}",
        heed=f"pays both from {min(ours, theirs):.2%} to {max(ours, theirs):.2%}, our rate and theirs; takes cash",
    )
    wait = max(0, change.target_days - EARLY_DAYS)
    financed = (held * wait * change.rate).quantize(CENT)
    finance = Deal(
        name="supplier finance",
        ours=(change.cash_if_agreed * change.rate).quantize(CENT),
        theirs=(held * early * change.supplier_rate - financed).quantize(CENT),
        terms=f"a bank pays on day {EARLY_DAYS}, we pay it on day {change.target_days}; {change.rate:.1%} a year",
        heed="to be disclosed (ASU 2022-04, IAS 7), may count as debt; the bank's rate is not known, ours stands in",
    )
    return longer, discount, finance


def _points(change: TermChange, profile: Profile) -> tuple[str, ...]:
    """What to say, the strongest first, and what to expect to hear."""
    peers = change.peers
    found = [
        (
            f"{peers.n} supplier families of the same {peers.level} agree on {peers.p50} days in the middle and"
            f" {peers.p75} at the upper quarter; this one is on {change.current_days}."
        ),
        f"Open at {change.opening_days} days, aim at {change.target_days}, walk away below {change.least_days}.",
        f"Purchases of {change.spend:,.0f} on {change.invoices} invoices in 365 days.",
    ]
    if change.late_share > 0:
        found.append(
            f"Expect to hear that we pay late: {change.late_share:.0%} of the money was paid after its due date,"
            f" {change.days_late:.1f} days from due date to payment on average. Offer to pay on time."
        )
    else:
        found.append("We have paid nothing late in the last 365 days: say so.")
    if profile.contract and profile.contract.end:
        found.append(
            f"Contract {profile.contract.number} ends on {profile.contract.end}: settle terms with the renewal."
        )
    return tuple(found)


def _risks(profile: Profile, files: SupplierFiles) -> tuple[str, ...]:
    found = []
    cap = cap_of_profile(profile)
    if cap is not None:
        kind = "cannot be extended by agreement" if cap.hard else "only by express and fair agreement beyond"
        found.append(f"Law of {cap.country}: {cap.days} days, {kind}. {cap.rule} ({cap.source}). Verify with counsel.")
    if profile.rating is None:
        found.append("The supplier's risk is not rated." if files.rated else "There is no feed of supplier risk.")
    elif profile.band != "low":
        found.append(f"Risk is {profile.band}: longer terms weaken a supplier that is not strong.")
    if profile.disputed:
        found.append(f"{profile.disputed:,.0f} is in dispute: settle it first.")
    if profile.contract is None:
        found.append("No contract in force is known.")
    return tuple(found) or ("None known.",)
