"""Control totals: counts and money by status, month and currency, from Coupa's own records against the mirror.

Coupa has no count endpoint, so all ids are read page by page with as few fields as possible, apart from what the sync
reads and with none of its typing. Records that changed in Coupa after the mirror's `data_as_of` are left out on both
sides: they are news, not a difference. A second comparison ties open payables to control accounts of the ledger
(`sync.tie_out`). What differed is kept in the mirror, so that everyone who reads it can say so.
"""

import asyncio
import datetime as dt
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sync.client import CoupaClient, open_http
from sync.clock import months_before
from sync.mirror import Mirror
from sync.pagination import Window
from sync.rate_limit import BURST, RateLimiter
from sync.resources import RESOURCES, Child, Resource
from sync.schema import Column
from sync.settings import Settings

COUPA: Final = "coupa"
LEDGER: Final = "ledger"
Query = Callable[[str], list[tuple[Any, ...]]]
Key = tuple[str, str, str]  # status, month as 2026-10, currency code; "" where there is none
Total = tuple[int, Decimal]  # records, and their money in that currency


@dataclass(frozen=True)
class Comparison:
    """One total of both sides. `name` is the resource, or the buying entity of a control account."""

    name: str
    status: str
    month: str
    currency: str
    their_count: int
    mirror_count: int
    their_money: Decimal
    mirror_money: Decimal
    tolerance: Decimal = Decimal(0)

    @property
    def agrees(self) -> bool:
        """Whether both sides are equal: counts exactly, money to the tolerance."""
        apart = abs(self.their_money - self.mirror_money)
        return self.their_count == self.mirror_count and apart <= self.tolerance

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.name, self.status, self.month, self.currency)))
        if self.their_count != self.mirror_count:
            return f"{what}: {self.their_count:,} there, {self.mirror_count:,} in the mirror"
        return f"{what}: {self.their_money:,.2f} there, {self.mirror_money:,.2f} in the mirror"


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons against one side, and ids that only one side has."""

    comparisons: tuple[Comparison, ...]
    missing: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    gone: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    against: str = COUPA

    @property
    def differing(self) -> tuple[Comparison, ...]:
        """The comparisons that do not agree."""
        return tuple(comparison for comparison in self.comparisons if not comparison.agrees)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs: no total, and no id."""
        return not self.differing and not any(self.missing.values()) and not any(self.gone.values())

    @property
    def drift(self) -> int:
        """How many totals differ; where they all agree and ids do not, how many resources have such ids."""
        return len(self.differing) or sum(bool(ids) for side in (self.missing, self.gone) for ids in side.values())

    @property
    def summary(self) -> str:
        """What differs, in a sentence; empty when all agree."""
        found = [str(comparison) for comparison in self.differing]
        found += [f"{name}: {len(ids)} records not mirrored" for name, ids in self.missing.items() if ids]
        found += [f"{name}: {len(ids)} records gone" for name, ids in self.gone.items() if ids]
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        return "; ".join(found[:3]) + more


@dataclass
class _Side:
    """Coupa's side of one resource, as it is read."""

    totals: defaultdict[Key, Total] = field(default_factory=lambda: defaultdict(lambda: (0, Decimal(0))))
    children: dict[str, defaultdict[Key, Total]] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)
    news: set[int] = field(default_factory=set)

    def add(self, key: Key, money: Decimal) -> None:
        """Counts one record."""
        _add(self.totals, key, money)

    def add_children(self, resource: Resource, key: Key, value: Any) -> None:
        """Counts the items of its lists, and its custom fields, under the record's own key."""
        for child in _compared(resource):
            totals = self.children.setdefault(child.table.name, defaultdict(lambda: (0, Decimal(0))))
            for item in child.items(value):
                _add(totals, key, Decimal(item.get(str(child.money).replace("_", "-")) or 0))
        if resource.table.has("custom_fields"):
            totals = self.children.setdefault(_custom(resource), defaultdict(lambda: (0, Decimal(0))))
            for found in (value.get("custom-fields") or {}).values():
                if found not in (None, ""):
                    _add(totals, key, Decimal(0))


def _add(totals: defaultdict[Key, Total], key: Key, money: Decimal) -> None:
    count, total = totals[key]
    totals[key] = (count + 1, total + money)


def _compared(resource: Resource) -> list[Child]:
    """The lists whose items are counted and added up."""
    return [child for child in resource.children if child.money is not None]


def _custom(resource: Resource) -> str:
    return f"{resource.name} custom fields"


async def reconcile_with(settings: Settings, query: Query, data_as_of: dt.datetime) -> Reconciliation:
    """Compares a mirror, asked by `query`, with the Coupa of the settings."""
    async with open_http(settings, time.monotonic) as http:
        limiter = RateLimiter(settings.requests_per_second, time.monotonic, burst=BURST)
        client = CoupaClient(
            http, limiter, page_size=settings.page_size, attempts=settings.attempts, concurrency=settings.concurrency
        )
        return await reconcile(client, settings, query, data_as_of)


async def reconcile(client: CoupaClient, settings: Settings, query: Query, data_as_of: dt.datetime) -> Reconciliation:
    """Compares a mirror, asked by `query`, with Coupa."""
    seats = asyncio.Semaphore(settings.concurrency)

    async def seated(resource: Resource) -> _Side:
        async with seats:
            return await _at_coupa(client, resource, settings, data_as_of, held[resource.name])

    held = {
        resource.name: {int(row[0]) for row in query(f'SELECT id FROM "{resource.table.name}"')}  # noqa: S608
        for resource in RESOURCES
    }
    found = await asyncio.gather(*(seated(resource) for resource in RESOURCES))
    comparisons: list[Comparison] = []
    missing: dict[str, tuple[int, ...]] = {}
    gone: dict[str, tuple[int, ...]] = {}
    for resource, coupa in zip(RESOURCES, found, strict=True):
        comparisons += compare(resource.name, coupa.totals, _in_mirror(query, resource, coupa.news))
        comparisons += _compare_children(query, resource, coupa)
        missing[resource.name] = tuple(sorted(coupa.ids - held[resource.name]))
        gone[resource.name] = tuple(sorted(held[resource.name] - coupa.ids - coupa.news))
    return Reconciliation(tuple(comparisons), missing, gone)


def keep(mirror: Mirror, result: Reconciliation, at: dt.datetime) -> None:
    """Writes a comparison into the mirror: what agreed as a count, what differed total by total."""
    with mirror.writing() as connection:
        connection.execute("DELETE FROM reconciliation_totals WHERE against = ?", [result.against])
        connection.execute(
            "INSERT INTO reconciliations VALUES (?, ?, ?, ?, ?)",
            [at, result.against, len(result.comparisons), result.drift, result.summary or None],
        )
        for line in result.differing:
            connection.execute(
                "INSERT INTO reconciliation_totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    at,
                    result.against,
                    line.name,
                    line.status,
                    line.month,
                    line.currency,
                    line.their_count,
                    line.mirror_count,
                    line.their_money,
                    line.mirror_money,
                ],
            )


def compare(
    name: str, theirs: Mapping[Key, Total], mirror: Mapping[Key, Total], tolerance: Decimal = Decimal(0)
) -> list[Comparison]:
    """Totals of both sides, side by side."""
    nothing = (0, Decimal(0))
    comparisons = []
    for key in sorted({*theirs, *mirror}):
        (their_count, their_money), (count, money) = theirs.get(key, nothing), mirror.get(key, nothing)
        comparisons.append(Comparison(name, *key, their_count, count, their_money, money, tolerance))
    return comparisons


async def _at_coupa(
    client: CoupaClient, resource: Resource, settings: Settings, data_as_of: dt.datetime, held: set[int]
) -> _Side:
    """Coupa's side of what the mirror should hold, and of what it holds beside that.

    It should hold what changed within the look-back period and what is still open of the time before. It holds more:
    what has left that period since, and approvals that came with invoices.
    """
    since = None
    if resource.looks_back and settings.lookback_months:
        since = months_before(data_as_of, settings.lookback_months)
    also = held | (await _still_open(client, resource, since) if since is not None else set())
    paths = {
        name: _path(resource, name)
        for name in (resource.status, resource.dated, resource.currency, resource.money)
        if name is not None
    }
    side = _Side()
    nested = [list(filter(None, (child.within, child.attribute, child.money))) for child in _compared(resource)]
    async for page in client.pages(resource, Window(), fields=_fields(resource, [*paths.values(), *nested])):
        for record in page.records:
            value = record.value
            if record.id is None:
                continue
            updated = value.get("updated-at") and dt.datetime.fromisoformat(value["updated-at"])
            if updated and updated >= data_as_of:
                side.news.add(record.id)
                continue
            if since is not None and updated and updated < since and record.id not in also:
                continue
            side.ids.add(record.id)
            found = {name: _found(value, path) for name, path in paths.items()}
            key = (
                str(found.get(resource.status or "") or ""),
                str(found.get(resource.dated or "") or "")[:7],
                str(found.get(resource.currency or "") or ""),
            )
            side.add(key, Decimal(found.get(resource.money or "") or 0))
            side.add_children(resource, key, value)
    return side


async def _still_open(client: CoupaClient, resource: Resource, since: dt.datetime) -> set[int]:
    """Ids of what is older than the look-back period and still open."""
    if not resource.still_open:
        return set()
    window = Window(before=since, filters=resource.still_open)
    return {
        record.id
        async for page in client.pages(resource, window, fields='["id"]')
        for record in page.records
        if record.id is not None
    }


def _in_mirror(query: Query, resource: Resource, news: Iterable[int]) -> dict[Key, Total]:
    """The mirror's side, without the records that changed since."""
    return _totals(
        query, resource, news, f'"{resource.table.name}" t', f"t.{resource.money}" if resource.money else "0"
    )


def _compare_children(query: Query, resource: Resource, coupa: _Side) -> list[Comparison]:
    """Items of lists, and values of custom fields, by the keys of the records that hold them."""
    found: list[Comparison] = []
    for child in _compared(resource):
        joined = f'"{resource.table.name}" t JOIN "{child.table.name}" c ON c.{child.table.parent_key} = t.id'
        held = _totals(query, resource, coupa.news, joined, f"c.{child.money}")
        found += compare(child.table.name, coupa.children.get(child.table.name, {}), held)
    if resource.table.has("custom_fields"):
        joined = (
            f'"{resource.table.name}" t JOIN custom_field_values c '
            f"ON c.record_type = '{resource.table.name}' AND c.record_id = t.id"
        )
        held = _totals(query, resource, coupa.news, joined, "0")
        found += compare(_custom(resource), coupa.children.get(_custom(resource), {}), held)
    return found


def _totals(query: Query, resource: Resource, news: Iterable[int], rows_of: str, money: str) -> dict[Key, Total]:
    """Counts and sums of joined rows, by the keys of the resource's own table `t`."""
    status = f"coalesce(t.{resource.status}, '')" if resource.status else "''"
    month = f"coalesce(strftime(t.{resource.dated}, '%Y-%m'), '')" if resource.dated else "''"
    currency = f"coalesce(t.{resource.currency}, '')" if resource.currency else "''"
    left_out = ", ".join(map(str, news))
    rows = query(
        f"SELECT {status}, {month}, {currency}, count(*), coalesce(sum({money}), 0) FROM {rows_of}"  # noqa: S608
        f"{f' WHERE t.id NOT IN ({left_out})' if left_out else ''} GROUP BY 1, 2, 3",
    )
    return {(row[0], row[1], row[2]): (int(row[3]), Decimal(row[4])) for row in rows}


def _path(resource: Resource, name: str) -> list[str]:
    """Where in a record a column comes from."""
    column: Column = next(column for column in resource.table.columns if column.name == name)
    return column.source.split(".")


def _fields(resource: Resource, paths: Iterable[list[str]]) -> str:
    """The value of `fields` for the columns that are compared."""
    tree: dict[str, Any] = {"id": {}}
    if resource.table.has("updated_at"):
        tree["updated_at"] = {}
    if resource.table.has("custom_fields"):
        tree["custom_fields"] = {}
    for path in paths:
        place = tree
        for step in path:
            place = place.setdefault(step, {})
    return json.dumps(_listed(tree), separators=(",", ":"))


def _listed(tree: Mapping[str, Any]) -> list[Any]:
    return [
        {name: _listed(inner) if inner else {}} if inner or name == "custom_fields" else name
        for name, inner in tree.items()
    ]


def _found(value: Any, path: list[str]) -> Any:
    """The value at a path, in a record as Coupa sends it."""
    for step in path:
        value = value.get(step.replace("_", "-")) if isinstance(value, dict) else None
    return value
