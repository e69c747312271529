"""Terms that do not agree with each other: on the invoice and on paper, and several of them for one supplier family.

An invoice is too short when its term gives fewer net days than the longest of its orders, its contract and the master.
Cash held back = amount x missing days / 365 over a year of invoices: what the ledger would hold more on average.
The master is known as it is today only: what was billed before any invoice came on its term is set apart as older.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from copilot.opportunities.recommendation import Benefit, Confidence, Recommendation
from copilot.opportunities.supplier_profile import YEAR, Profile, profiles_of
from copilot.opportunities.supplier_reading import Document, SupplierFiles
from copilot.opportunities.term_vetoes import cap_of_profile
from copilot.opportunities.treasury_policy import TreasuryPolicy
from semantic_layer.results import Check

CENT, STEP, PLACES = Decimal("0.01"), Decimal("0.01"), Decimal("0.0001")
LEAST_SHARE = Decimal("0.05")
"""A term of less than this share of a family's money does not count as one of several."""
VALID_DAYS = 90


@dataclass(frozen=True)
class PaperTerm:
    """The terms that speak of one invoice, as (code, net days); days are None for terms by calendar day."""

    document_id: int
    invoice: tuple[str, int | None]
    order: tuple[str, int | None]
    contract: tuple[str, int | None]
    master: tuple[str, int | None]

    @property
    def best(self) -> tuple[str, int] | None:
        """(where, days) of the longest term on paper; None when no paper says days."""
        papers = (("order", self.order), ("contract", self.contract), ("master", self.master))
        known = [(where, days) for where, (_, days) in papers if days is not None]
        return max(known, key=lambda item: item[1], default=None)

    @property
    def missing_days(self) -> int:
        """Days by which the invoice is shorter than the longest paper; 0 when it is not, or not known."""
        best = self.best
        if best is None or self.invoice[1] is None:
            return 0
        return max(0, best[1] - self.invoice[1])


@dataclass(frozen=True)
class TermMismatch:
    """One supplier whose invoices came with shorter terms than agreed. Money in the reporting currency.

    `agreed_in` is where most of the money has its longer term; `cash_held` is one-off, `cost` a year at the hurdle.
    """

    supplier_id: int
    supplier: str
    invoices: int
    amount: Decimal
    mean_days: Decimal
    agreed_in: str
    cash_held: Decimal
    cost: Decimal


@dataclass(frozen=True)
class SeveralTerms:
    """One supplier family that bills on several terms: (term, money, share, invoices), the largest first.

    `longest` is the longest lawful one in use; `cash_released` what all of them on it would free.
    """

    family: str
    suppliers: int
    terms: tuple[tuple[str, Decimal, Decimal, int], ...]
    spend: Decimal
    longest: int
    cash_released: Decimal


@dataclass(frozen=True)
class MismatchReport:
    """Both kinds of the last 365 days, the dearest first."""

    as_of: date
    currency: str
    mismatches: tuple[Recommendation[TermMismatch], ...]
    several: tuple[SeveralTerms, ...]
    cost: Decimal
    older: Decimal
    """Cash of invoices from before the master's term of today was in use, which is no mistake: not in any row."""
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class _Row:
    """One invoice with too short a term; `older` where the master alone says so, and did not yet."""

    document: Document
    days: int
    where: str
    older: bool

    @property
    def amount(self) -> Decimal:
        """Its gross amount."""
        return self.document.amount or Decimal(0)


def find_mismatches(
    files: SupplierFiles,
    papers: Sequence[PaperTerm],
    policy: TreasuryPolicy,
    *,
    currency: str = "USD",
    metric: Decimal | None = None,
) -> MismatchReport:
    """Mismatches and families on several terms; `metric` is the certified cash that all of it must tie to."""
    profiles = profiles_of(files)
    by_document = {paper.document_id: paper for paper in papers}
    rows = [(p, _rows(p, by_document)) for p in profiles]
    found = [_mismatch(p, [r for r in mine if not r.older], policy, currency) for p, mine in rows if _mistaken(mine)]
    found.sort(key=lambda r: (-r.payload.cash_held, r.payload.supplier_id))
    several = tuple(sorted(_several(profiles), key=lambda s: (-s.cash_released, -s.spend, s.family)))
    older = _cash([r for _, mine in rows for r in mine if r.older])
    whole = _cash([r for _, mine in rows for r in mine])
    shares = all(sum(row[2] for row in item.terms) <= 1 for item in several)
    checks = [Check("shares_within_one", shares, "shares of terms never exceed the family's money")]
    if metric is not None:
        detail = f"{whole:,.2f} with what is older, {metric:,.2f} by the certified metric"
        checks.append(Check("ties_to_metric", abs(metric - whole) <= CENT, detail))
    cost = sum((r.payload.cost for r in found), Decimal(0))
    return MismatchReport(files.as_of, currency, tuple(found), several, cost, older, tuple(checks))


def _rows(profile: Profile, papers: dict[int, PaperTerm]) -> list[_Row]:
    """Invoices of a supplier with too short a term."""
    on_master = [d.invoiced for d in (*profile.older, *profile.invoices) if d.term == profile.standing.master_term]
    since = min(on_master, default=date.min)
    found = []
    for document in profile.invoices:
        paper = papers.get(document.id)
        if paper is None or not paper.missing_days or paper.best is None:
            continue
        others = [n for _, n in (paper.order, paper.contract) if n is not None]
        master_alone = max(others, default=-1) <= (paper.invoice[1] or 0)
        found.append(_Row(document, paper.missing_days, paper.best[0], master_alone and document.invoiced < since))
    return found


def _mistaken(rows: Iterable[_Row]) -> bool:
    return any(not row.older for row in rows)


def _cash(rows: Iterable[_Row]) -> Decimal:
    """Average cash that the missing days hold less, over a year."""
    return (sum((row.amount * row.days for row in rows), Decimal(0)) / YEAR).quantize(CENT)


def _mismatch(
    profile: Profile, rows: Sequence[_Row], policy: TreasuryPolicy, currency: str
) -> Recommendation[TermMismatch]:
    amount = sum((row.amount for row in rows), Decimal(0))
    where: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        where[row.where] += row.amount
    agreed_in = max(sorted(where), key=lambda name: where[name])
    rate = policy.hurdle(profile.entity, profile.currency)
    cash = _cash(rows)
    cost = (cash * (rate or Decimal(0))).quantize(CENT)
    days = (sum((row.amount * row.days for row in rows), Decimal(0)) / amount).quantize(STEP)
    sentences = [f"{len(rows)} invoices carry terms {days:.0f} days shorter than the {agreed_in} agrees on"]
    if rate is None:
        sentences.append(f"no hurdle rate for {profile.entity} and {profile.currency}: the cost is not counted")
    name = profile.standing.name
    return Recommendation(
        payload=TermMismatch(profile.standing.id, name, len(rows), amount.quantize(CENT), days, agreed_in, cash, cost),
        route="recommend" if rate is not None else "treasury review",
        benefit=Benefit(cost, Decimal(0).quantize(CENT), cost, currency),
        confidence=Confidence(Decimal(1), Decimal("0.8"), Decimal(1), _seen(len(rows))),
        rationale=tuple(sentences),
        documents=tuple(row.document.id for row in rows),
        expires=profile.as_of + timedelta(days=VALID_DAYS),
        policy_version=policy.version,
        as_of=profile.as_of,
    )


def _seen(n: int) -> Decimal:
    return (Decimal(n) / (n + 8)).quantize(STEP)


def _several(profiles: Iterable[Profile]) -> Iterable[SeveralTerms]:
    families: dict[str, list[Profile]] = defaultdict(list)
    for profile in profiles:
        families[profile.standing.family].append(profile)
    for family, members in families.items():
        found = _of_family(family, members)
        if found is not None:
            yield found


def _of_family(family: str, members: Sequence[Profile]) -> SeveralTerms | None:
    groups: dict[str, list[Document]] = defaultdict(list)
    for document in (d for profile in members for d in profile.invoices if d.term):
        groups[document.term].append(document)
    money = {term: sum((d.amount or Decimal(0) for d in found), Decimal(0)) for term, found in groups.items()}
    spend = sum(money.values(), Decimal(0))
    kept = sorted(
        (t for t in groups if len(groups[t]) > 1 and money[t] >= LEAST_SHARE * spend), key=lambda t: (-money[t], t)
    )
    if len(kept) < 2 or not spend:
        return None
    days = {term: mean for term in kept if (mean := _mean_days(groups[term])) is not None}
    caps = [cap.days for profile in members if (cap := cap_of_profile(profile)) is not None]
    longest = max((n for n in days.values() if not caps or n <= min(caps)), default=0)
    freed = sum((money[t] * max(0, longest - n) for t, n in days.items()), Decimal(0)) / YEAR
    rows = tuple(
        (t, money[t].quantize(CENT), (money[t] / spend).quantize(PLACES, rounding="ROUND_FLOOR"), len(groups[t]))
        for t in kept
    )
    return SeveralTerms(family, len(members), rows, spend.quantize(CENT), longest, freed.quantize(CENT))


def _mean_days(documents: Sequence[Document]) -> int | None:
    """Net days of one term, rounded: terms by calendar day differ from invoice to invoice."""
    days = [(d.due - d.invoiced).days for d in documents if d.due is not None]
    return round(sum(days) / len(days)) if days else None
