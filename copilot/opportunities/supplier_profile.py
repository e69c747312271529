"""One supplier in figures over the last 365 days: spend, agreed days, how it is paid, risk, and its contract."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from math import ceil

from copilot.opportunities.supplier_reading import Agreement, Document, Rating, Standing, SupplierFiles

YEAR = 365
BANDS = ("low", "medium", "high", "critical")
RISING_DAYS = 90
UNKNOWN = "unknown"
CLOSED_CONTRACTS = frozenset({"completed", "expired", "cancelled", "draft", "rejected"})
HELD = frozenset({"disputed"})


@dataclass(frozen=True)
class Profile:
    """A supplier with its recognised documents of the last 365 days; amounts are gross in the reporting currency.

    `held` are its documents in dispute, of any age; `older` its documents of the year before, for changes of terms.
    """

    standing: Standing
    as_of: date
    documents: tuple[Document, ...]
    older: tuple[Document, ...]
    held: tuple[Document, ...]
    ratings: tuple[Rating, ...]
    agreements: tuple[Agreement, ...]

    @cached_property
    def spend(self) -> Decimal:
        """Purchases of the last 365 days, credit notes taken off."""
        return sum((d.amount for d in self.documents if d.amount is not None), Decimal(0))

    @cached_property
    def invoices(self) -> tuple[Document, ...]:
        """Invoices with an amount, without credit notes."""
        return tuple(d for d in self.documents if not d.credit and d.amount is not None and d.amount > 0)

    @cached_property
    def days(self) -> int | None:
        """Agreed net days: half of the money has as many or fewer. None without due dates."""
        return weighted_median(_agreed(self.invoices))

    @cached_property
    def first_day(self) -> date:
        """The first invoice date; the data date without invoices."""
        return min((d.invoiced for d in self.invoices), default=self.as_of)

    @cached_property
    def last_day(self) -> date:
        """The last invoice date; the data date without invoices."""
        return max((d.invoiced for d in self.invoices), default=self.as_of)

    @cached_property
    def to_month_end(self) -> bool:
        """Whether every due date is the last day of a month."""
        dues = [d.due for d in self.invoices if d.due is not None]
        return bool(dues) and all((due + timedelta(days=1)).day == 1 for due in dues)

    @cached_property
    def terms(self) -> tuple[tuple[str, Decimal, int], ...]:
        """(term, money, invoices) of the last 365 days, the largest first."""
        money: dict[str, Decimal] = defaultdict(Decimal)
        count: Counter[str] = Counter()
        for document in self.invoices:
            money[document.term] += document.amount or 0
            count[document.term] += 1
        return tuple(sorted(((t, money[t], count[t]) for t in money), key=lambda row: (-row[1], row[0])))

    @cached_property
    def currency(self) -> str:
        """The document currency of most of the money."""
        return _main(self.invoices, lambda d: d.currency)

    @cached_property
    def entity(self) -> str:
        """The buying entity of most of the money."""
        return _main(self.invoices, lambda d: d.entity)

    @cached_property
    def buying_countries(self) -> tuple[str, ...]:
        """Countries of the entities that buy from it."""
        return tuple(sorted({d.entity_country for d in self.invoices if d.entity_country}))

    @cached_property
    def paid(self) -> tuple[Document, ...]:
        """Paid invoices with a due date."""
        return tuple(d for d in self.invoices if d.paid is not None and d.due is not None)

    @property
    def late_share(self) -> Decimal | None:
        """Share of the paid money that was paid after its due date; None when nothing was paid."""
        whole = sum((d.amount or Decimal(0) for d in self.paid), Decimal(0))
        late = sum((d.amount or Decimal(0) for d in self.paid if d.paid and d.due and d.paid > d.due), Decimal(0))
        return late / whole if whole else None

    @property
    def days_late(self) -> Decimal | None:
        """Mean days from due date to payment, by money; below zero is early."""
        whole = sum((d.amount or Decimal(0) for d in self.paid), Decimal(0))
        if not whole:
            return None
        days = sum(
            ((d.amount or Decimal(0)) * (d.paid - d.due).days for d in self.paid if d.paid and d.due), Decimal(0)
        )
        return days / whole

    @property
    def rating(self) -> Rating | None:
        """The latest risk score."""
        return self.ratings[-1] if self.ratings else None

    @property
    def band(self) -> str:
        """The band of the latest risk score, or unknown."""
        return self.rating.band if self.rating else UNKNOWN

    @property
    def bands_worse(self) -> int:
        """By how many bands risk is worse than 90 days before (0: no worse, or not known)."""
        now = self.rating
        before = [r for r in self.ratings if now and (now.day - r.day).days >= RISING_DAYS]
        if now is None or not before or now.band not in BANDS or before[-1].band not in BANDS:
            return 0
        return max(0, BANDS.index(now.band) - BANDS.index(before[-1].band))

    @property
    def contract(self) -> Agreement | None:
        """The contract in force that ends last; one without an end before all others."""
        live = [
            a
            for a in self.agreements
            if a.status not in CLOSED_CONTRACTS
            and (a.start is None or a.start <= self.as_of)
            and (a.end is None or a.end >= self.as_of)
        ]
        return max(live, key=lambda a: (a.end or date.max, a.id), default=None)

    @property
    def disputed(self) -> Decimal:
        """Money in dispute."""
        return sum((d.amount or Decimal(0) for d in self.held), Decimal(0))

    @property
    def with_offer(self) -> tuple[Document, ...]:
        """Invoices that carried a discount window."""
        return tuple(d for d in self.invoices if d.discount_end is not None)

    @property
    def taken_early(self) -> int:
        """Invoices paid within their discount window."""
        return sum(
            d.paid is not None and d.discount_end is not None and d.paid <= d.discount_end for d in self.invoices
        )

    def changed_since(self, first: date) -> date | None:
        """From when on another term is the usual one than at `first`; None when it is the same, or not known.

        Looks at the usual term of blocks of ninety days, of those with at least two invoices.
        """
        blocks: dict[int, list[Document]] = defaultdict(list)
        for document in (*self.older, *self.invoices):
            if not document.credit:
                blocks[(self.as_of - document.invoiced).days // 90].append(document)
        usual = {block: _main(found, lambda d: d.term) for block, found in blocks.items() if len(found) > 1}
        oldest = (self.as_of - first).days // 90
        known = sorted((block for block in usual if block <= oldest), reverse=True)
        for before, block in pairwise(known):
            if usual[block] != usual[before] and all(usual[later] == usual[block] for later in known if later < block):
                return self.as_of - timedelta(days=90 * (block + 1) - 1)
        return None


def profiles_of(files: SupplierFiles) -> tuple[Profile, ...]:
    """A profile of every supplier that billed in the last 365 days, in the order of ids."""
    start = files.as_of - timedelta(days=YEAR - 1)
    groups: dict[int, tuple[list[Document], list[Document], list[Document]]] = defaultdict(lambda: ([], [], []))
    for document in files.documents:
        recent, older, held = groups[document.supplier]
        if document.status in HELD and not document.credit:
            held.append(document)
        if document.population != "recognised" or document.invoiced > files.as_of:
            continue
        if document.invoiced >= start:
            recent.append(document)
        elif document.invoiced >= start - timedelta(days=YEAR):
            older.append(document)
    return tuple(
        Profile(
            standing=files.standings[key],
            as_of=files.as_of,
            documents=tuple(recent),
            older=tuple(older),
            held=tuple(held),
            ratings=tuple(r for r in files.ratings.get(key, ()) if r.day <= files.as_of),
            agreements=files.agreements.get(key, ()),
        )
        for key, (recent, older, held) in sorted(groups.items())
        if recent and key in files.standings
    )


def weighted_median(values: Iterable[tuple[int, Decimal]]) -> int | None:
    """The smallest value at which half of the weight is reached; None without weight."""
    rows = sorted(values)
    half = sum((weight for _, weight in rows), Decimal(0)) / 2
    reached = Decimal(0)
    for value, weight in rows:
        reached += weight
        if reached >= half and weight > 0:
            return value
    return None


def nearest_rank(values: Sequence[int], share: Decimal) -> int:
    """The value at a share of the way up, by nearest rank: always one of the values. Raises ValueError for none."""
    if not values:
        raise ValueError("A percentile needs at least one value.")
    return sorted(values)[max(1, ceil(share * len(values))) - 1]


def _agreed(documents: Iterable[Document]) -> list[tuple[int, Decimal]]:
    return [((d.due - d.invoiced).days, d.amount) for d in documents if d.due is not None and d.amount is not None]


def _main(documents: Iterable[Document], key: Callable[[Document], str]) -> str:
    money: dict[str, Decimal] = defaultdict(Decimal)
    for document in documents:
        money[key(document)] += document.amount or 0
    return max(sorted(money), key=lambda name: money[name], default="")
