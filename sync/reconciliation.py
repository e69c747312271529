"""Control totals: counts and money per resource and status, from Coupa's own ids against the published mirror.

Records that changed in Coupa after the mirror's `data_as_of` are left out on both sides: they are news, not a
difference. Coupa has no count endpoint, so ids are read page by page with as few fields as possible.
"""

import asyncio
import datetime as dt
import time
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb
from rich.console import Console
from rich.table import Table

from sync.client import CoupaClient, RateLimiter, open_http
from sync.clock import months_before
from sync.errors import ReconciliationError
from sync.pagination import Window
from sync.publish import Manifest
from sync.resources import RESOURCES, Resource
from sync.settings import Settings

_EXAMPLES = 5


@dataclass(frozen=True)
class Control:
    """A record's part of the control totals; `updated_at` is aware, `money` in the record's own currency."""

    status: str
    money: Decimal
    updated_at: dt.datetime | None


@dataclass(frozen=True)
class Comparison:
    """One resource and status: how many records and how much money Coupa and the mirror hold."""

    resource: str
    status: str
    coupa_count: int
    mirror_count: int
    coupa_money: Decimal
    mirror_money: Decimal

    @property
    def agrees(self) -> bool:
        """Whether both sides are equal, to the last decimal."""
        return self.coupa_count == self.mirror_count and self.coupa_money == self.mirror_money


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons, and ids that only one side has."""

    comparisons: tuple[Comparison, ...]
    missing: dict[str, tuple[int, ...]] = field(default_factory=dict)
    gone: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return all(comparison.agrees for comparison in self.comparisons)


async def reconcile_with(
    settings: Settings, published: duckdb.DuckDBPyConnection, manifest: Manifest
) -> Reconciliation:
    """Compares the published mirror with the Coupa of the settings."""
    async with open_http(settings, time.monotonic) as http:
        limiter = RateLimiter(settings.requests_per_second, time.monotonic)
        client = CoupaClient(http, limiter, page_size=settings.page_size, attempts=settings.attempts)
        seats = asyncio.Semaphore(settings.concurrency)

        async def seated(resource: Resource) -> dict[int, Control]:
            async with seats:
                return await _at_coupa(client, resource, settings, manifest)

        found = await asyncio.gather(*(seated(resource) for resource in RESOURCES))
    comparisons: list[Comparison] = []
    missing: dict[str, tuple[int, ...]] = {}
    gone: dict[str, tuple[int, ...]] = {}
    for resource, coupa in zip(RESOURCES, found, strict=True):
        mirror = _in_mirror(published, resource)
        news = {
            key for key, control in coupa.items() if control.updated_at and control.updated_at >= manifest.data_as_of
        }
        comparisons += compare(resource.name, _without(coupa, news), _without(mirror, news))
        missing[resource.name] = tuple(sorted(coupa.keys() - mirror.keys() - news))
        gone[resource.name] = tuple(sorted(mirror.keys() - coupa.keys()))
    return Reconciliation(tuple(comparisons), missing, gone)


def compare(resource: str, coupa: dict[int, Control], mirror: dict[int, Control]) -> list[Comparison]:
    """Totals per status of both sides, side by side."""
    sides = (_totals(coupa), _totals(mirror))
    return [
        Comparison(
            resource,
            status,
            sides[0][status][0],
            sides[1][status][0],
            sides[0][status][1],
            sides[1][status][1],
        )
        for status in sorted({*sides[0], *sides[1]})
    ]


def _totals(controls: dict[int, Control]) -> defaultdict[str, tuple[int, Decimal]]:
    totals: defaultdict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for control in controls.values():
        count, money = totals[control.status]
        totals[control.status] = (count + 1, money + control.money)
    return totals


def _without(controls: dict[int, Control], ids: set[int]) -> dict[int, Control]:
    return {key: control for key, control in controls.items() if key not in ids}


async def _at_coupa(
    client: CoupaClient, resource: Resource, settings: Settings, manifest: Manifest
) -> dict[int, Control]:
    """Coupa's side, by id, of what the mirror should hold."""
    since = None
    if resource.looks_back and settings.lookback_months:
        since = months_before(manifest.data_as_of, settings.lookback_months)
    wanted = ["id", *_columns(resource)]
    fields = "[" + ",".join(f'"{name}"' for name in wanted) + "]"
    controls: dict[int, Control] = {}
    async for page in client.pages(resource, Window(since=since), fields=fields):
        for record in page.records:
            if record.id is None:
                continue
            updated = record.value.get("updated-at")
            money = record.value.get((resource.money or "").replace("_", "-"))
            controls[record.id] = Control(
                str(record.value.get(resource.status or "") or ""),
                Decimal(money) if money not in {None, ""} else Decimal(0),
                dt.datetime.fromisoformat(updated) if updated else None,
            )
    return controls


def _in_mirror(published: duckdb.DuckDBPyConnection, resource: Resource) -> dict[int, Control]:
    """The mirror's side, by id."""
    status = resource.status or "''"
    money = resource.money or "0"
    rows = published.execute(
        f"SELECT id, coalesce({status}, ''), coalesce({money}, 0) FROM \"{resource.table.name}\"",  # noqa: S608
    ).fetchall()
    return {row[0]: Control(row[1], Decimal(row[2]), None) for row in rows}


def _columns(resource: Resource) -> list[str]:
    """The columns that are compared, as far as the record type has them."""
    names = (resource.status, resource.money, "updated_at")
    return [name for name in names if name is not None and name in resource.record.model_fields]


def show_differences(console: Console, result: Reconciliation) -> None:
    """Prints the comparison; raises ReconciliationError when the sides differ."""
    table = Table(box=None, pad_edge=False)
    for heading in ("resource", "status"):
        table.add_column(heading)
    for heading in ("in Coupa", "in the mirror", "money in Coupa", "money in the mirror", ""):
        table.add_column(heading, justify="right")
    for line in result.comparisons:
        table.add_row(
            line.resource,
            line.status,
            f"{line.coupa_count:,}",
            f"{line.mirror_count:,}",
            f"{line.coupa_money:,.2f}",
            f"{line.mirror_money:,.2f}",
            "" if line.agrees else "differs",
        )
    console.print(table)
    if result.agrees:
        console.print(f"All {len(result.comparisons)} totals agree.")
        return
    differing = sorted({line.resource for line in result.comparisons if not line.agrees})
    examples = [
        f"{name}: {_some(result.missing.get(name, ()), 'not mirrored')}"
        f"{_some(result.gone.get(name, ()), 'gone at Coupa')}"
        for name in differing
    ]
    raise ReconciliationError(
        f"The mirror and Coupa differ in {', '.join(differing)} ({'; '.join(examples)}). Look at the records set aside "
        "with: tenor-sync status; read everything again by moving the work folder away and running: tenor-sync once",
    )


def _some(ids: tuple[int, ...], what: str) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - _EXAMPLES} more" if len(ids) > _EXAMPLES else ""
    return f"ids {', '.join(map(str, ids[:_EXAMPLES]))}{more} {what} "
