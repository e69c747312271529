"""Segments by rules, worked out a second time: with the reason of each supplier, as of any day, and who moved and why.

The dimension `segment` of the semantic model is what questions use; these are the same rules in other code. An answer
about segments compares both, supplier by supplier.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from copilot.opportunities.peers import large_suppliers
from copilot.opportunities.supplier_profile import YEAR, Profile, nearest_rank, profiles_of
from copilot.opportunities.supplier_reading import SupplierFiles
from copilot.opportunities.term_vetoes import cap_for
from semantic_layer.results import Check

RISK, PROTECTED, TAIL, UNKNOWN = "Risk watch", "Pay-on-time protected", "Tail", "Insufficient data"
DISCOUNT, TERMS, CASH, ALONE = (
    "Discount candidate", "Term negotiation priority", "Critical cash preservation", "Leave alone",
)  # fmt: skip
ORDER = (RISK, PROTECTED, TAIL, UNKNOWN, DISCOUNT, TERMS, CASH, ALONE)
TAIL_FROM = Decimal("0.95")
LEAST_INVOICES, LEAST_PEERS = 4, 5
GAP, LONG, LATE, NEAR_CAP = 10, 45, 5, 5
Where = tuple[str, str]


@dataclass(frozen=True)
class SupplierSegment:
    """The segment of one supplier on a day, and what decided it. Spend in the reporting currency."""

    supplier_id: int
    supplier: str
    segment: str
    reason: str
    spend: Decimal
    days: int | None


@dataclass(frozen=True)
class Mover:
    """A supplier that changed its segment between two days; `before` or `after` is empty where it had not billed."""

    supplier_id: int
    supplier: str
    before: str
    after: str
    spend: Decimal
    reason: str


@dataclass(frozen=True)
class SegmentReport:
    """All segments on a day, the largest spend first, and who moved from `since` to `until`."""

    as_of: date
    since: date
    until: date
    currency: str
    segments: tuple[SupplierSegment, ...]
    movers: tuple[Mover, ...]
    checks: tuple[Check, ...]

    @property
    def sizes(self) -> tuple[tuple[str, int, Decimal], ...]:
        """(segment, suppliers, spend) in the order of the rules."""
        count = Counter(item.segment for item in self.segments)
        money: dict[str, Decimal] = defaultdict(Decimal)
        for item in self.segments:
            money[item.segment] += item.spend
        return tuple((name, count[name], money[name]) for name in ORDER if count[name])


def segment_report(
    files: SupplierFiles,
    since: date,
    until: date | None = None,
    *,
    currency: str = "USD",
    of_model: Mapping[int, str] | None = None,
    metric: Decimal | None = None,
) -> SegmentReport:
    """Segments today and the moves from a day to another (default: today).

    `of_model` are the model's own segments, `metric` certified purchases; both are compared.
    """
    last = min(until or files.as_of, files.as_of)
    now, before = segments_of(files, files.as_of), segments_of(files, since)
    after = now if last == files.as_of else segments_of(files, last)
    spend = sum((item.spend for item in now), Decimal(0))
    checks = []
    if of_model is not None:
        mine = {item.supplier_id: item.segment for item in now}
        differ = sorted(key for key in mine.keys() | of_model.keys() if mine.get(key) != of_model.get(key))
        detail = f"{len(mine)} suppliers, {len(differ)} of them otherwise in the semantic model"
        checks.append(Check("agrees_with_the_model", not differ, detail))
    if metric is not None:
        near = abs(metric - spend) <= Decimal("0.01")
        checks.append(Check("ties_to_metric", near, f"{spend:,.2f} in segments, {metric:,.2f} in purchases"))
    order = tuple(sorted(now, key=lambda item: (-item.spend, item.supplier_id)))
    return SegmentReport(files.as_of, since, last, currency, order, movers_of(before, after), tuple(checks))


def segments_of(files: SupplierFiles, day: date) -> tuple[SupplierSegment, ...]:
    """The segments on a day, by supplier id: documents and scores until then, master data as it is today."""
    profiles = profiles_of(replace(files, as_of=day))
    marks = peer_marks(profiles)
    large = large_suppliers(profiles)
    tail = _tail(profiles)
    return tuple(_segment(p, marks, large=p.standing.id in large, tail=p.standing.id in tail) for p in profiles)


def movers_of(before: Sequence[SupplierSegment], after: Sequence[SupplierSegment]) -> tuple[Mover, ...]:
    """Who is in another segment than before, the largest spend first."""
    old, new = {s.supplier_id: s for s in before}, {s.supplier_id: s for s in after}
    found = []
    for key in old.keys() | new.keys():
        was, now = old.get(key), new.get(key)
        if was and now and was.segment == now.segment:
            continue
        item = now or was
        if item is None:
            continue
        reason = now.reason if now else "no invoice in the last 365 days"
        spend = max(was.spend if was else Decimal(0), now.spend if now else Decimal(0))
        found.append(Mover(key, item.supplier, was.segment if was else "", now.segment if now else "", spend, reason))
    return tuple(sorted(found, key=lambda mover: (-mover.spend, mover.supplier_id)))


def peer_marks(profiles: Sequence[Profile]) -> dict[Where, int | None]:
    """The upper quarter of net days by category and region, of five suppliers at least; wider where there are fewer."""
    cells: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for profile in profiles:
        if profile.days is not None and len(profile.invoices) >= LEAST_INVOICES:
            for key in _cells(profile):
                cells[key].append(profile.days)
    marks: dict[Where, int | None] = {}
    for profile in profiles:
        enough = [cells[key] for key in _cells(profile) if len(cells[key]) >= LEAST_PEERS]
        known = _cells(profile)[0] in cells and profile.standing.category and profile.standing.region
        where = (profile.standing.category, profile.standing.region)
        marks[where] = nearest_rank(enough[0], Decimal("0.75")) if known and enough else None
    return marks


def _cells(profile: Profile) -> tuple[tuple[str, ...], ...]:
    category, region = profile.standing.category, profile.standing.region
    return ("both", category, region), ("category", category), ("region", region)


def _tail(profiles: Sequence[Profile]) -> frozenset[int]:
    """Suppliers that begin after 95 % of spend, the largest first."""
    order = sorted(profiles, key=lambda p: (-p.spend, p.standing.id))
    whole = sum((max(p.spend, Decimal(0)) for p in order), Decimal(0))
    found, before = set(), Decimal(0)
    for profile in order:
        if before >= whole * TAIL_FROM:
            found.add(profile.standing.id)
        before += max(profile.spend, Decimal(0))
    return frozenset(found)


def _segment(profile: Profile, marks: Mapping[Where, int | None], *, large: bool, tail: bool) -> SupplierSegment:
    mark = marks.get((profile.standing.category, profile.standing.region))
    found = _guarded(profile, tail=tail) or _open(profile, mark, large=large, tail=tail)
    segment, reason = found or (ALONE, "no rule asks for anything")
    standing = profile.standing
    return SupplierSegment(standing.id, standing.name, segment, reason, profile.spend, profile.days)


def _guarded(profile: Profile, *, tail: bool) -> tuple[str, str] | None:
    """Rules that keep a supplier from any initiative."""
    days, cap = profile.days, cap_for((profile.standing.country,), profile.as_of, small=False)
    risk = _at_risk(profile)
    if risk:
        return RISK, risk
    if profile.standing.small:
        return PROTECTED, "a small supplier"
    if cap is not None and days is not None and days >= cap.days - NEAR_CAP:
        return PROTECTED, f"net {days}, at the legal cap of {cap.days} days"
    if tail and not profile.with_offer:
        return TAIL, "in the last 5 % of spend, without discount offers"
    if len(profile.invoices) < LEAST_INVOICES or days is None:
        return UNKNOWN, f"{len(profile.invoices)} invoices in 365 days" if days is not None else "no due dates"
    return None


def _at_risk(profile: Profile) -> str:
    """Why a supplier is watched; empty when it is not."""
    if profile.standing.on_hold:
        return "on hold in Coupa"
    if profile.band in {"high", "critical"} and profile.rating:
        return f"risk {profile.band}, {profile.rating.score:.0f} of 100"
    return f"risk {profile.bands_worse} bands worse within ninety days" if profile.bands_worse >= 2 else ""


def _open(profile: Profile, mark: int | None, *, large: bool, tail: bool) -> tuple[str, str] | None:
    """Rules that ask for something."""
    days = profile.days or 0
    if _can_take_discounts(profile):
        return DISCOUNT, f"{len(profile.with_offer)} invoices with an offer that approval can meet"
    late = profile.days_late
    if not large and not tail and days >= LONG and late is not None and late <= LATE:
        return DISCOUNT, f"mid-sized on net {days}, paid {late:.1f} days after the due date: may want cash early"
    if not large or profile.band != "low":
        return None
    contract = profile.contract
    ends = contract is None or (contract.end is not None and contract.end <= profile.as_of + timedelta(days=YEAR))
    if mark is not None and mark - days >= GAP and ends:
        return TERMS, f"large, low risk, net {days} where peers have {mark}"
    if not profile.with_offer and days >= LONG:
        return CASH, f"large, low risk, net {days}, no discount: pay on the last run"
    return None


def _can_take_discounts(profile: Profile) -> bool:
    """Whether half of its offers are approved before half of their windows end."""
    offers = profile.with_offer
    lags = [(d.approved - d.received).days for d in offers if d.approved and d.received]
    windows = [(d.discount_end - d.received).days for d in offers if d.discount_end and d.received]
    if not lags or not windows:
        return False
    return nearest_rank(lags, Decimal("0.5")) < nearest_rank(windows, Decimal("0.5"))
