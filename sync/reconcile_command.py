"""`tenor-sync reconcile`: compare the published mirror with Coupa and the ledger, show it, keep it, fail on drift."""

import asyncio
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from rich.console import Console
from rich.table import Table

from sync import demo
from sync.clock import clock_for
from sync.errors import MirrorBusyError, ReconciliationError
from sync.publish import Manifest, open_published, read_manifest
from sync.reconciliation import COUPA, Comparison, Query, Reconciliation, keep, reconcile_with
from sync.run import Source
from sync.settings import Settings
from sync.tie_out import ledger_balances, read_balances, tie_out
from sync.worker import open_mirror, publish_again
from sync.writer_lock import only_writer

_EXAMPLES = 5
_SHOWN = 30


def reconcile_mirror(console: Console, settings: Settings, erp: Path | None, tolerance: Decimal) -> None:
    """Compares, shows, and writes what was found into the mirror.

    erp: balances of control accounts, or None for those of the feed `erp_totals`. Raises ReconciliationError when
    anything differs.
    """
    manifest = read_manifest(settings.mirror_folder, settings.encryption_key)
    company = demo.company_of(manifest.source)
    with open_published(settings.mirror_folder, settings.encryption_key) as published:
        query = _query(published)
        results = [_with_coupa(settings, company, query, manifest.data_as_of)]
        data_date = _data_date(manifest)
        balances = read_balances(erp) if erp else ledger_balances(query)
        if balances:
            results.append(tie_out(query, balances, tolerance, data_date))
    source = company.source if company else Source(manifest.source)
    clock = clock_for(company.today if company else None, ZoneInfo(settings.company_time_zone))
    _keep_results(console, settings, source, manifest, results, clock)
    for result in results:
        show_differences(console, result)
    differing = [result for result in results if not result.agrees]
    if differing:
        raise ReconciliationError(_sentence(differing))


def show_differences(console: Console, result: Reconciliation) -> None:
    """Prints Coupa's totals by name and status, and every total that differs."""
    theirs = "Coupa" if result.against == COUPA else "ledger"
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "status"):
        table.add_column(heading)
    for heading in (f"in the {theirs}", "in the mirror", f"money in the {theirs}", "money in the mirror", ""):
        table.add_column(heading.replace("the Coupa", "Coupa"), justify="right")
    shown = _by_status(result) if result.against == COUPA else ()
    for line in (*shown, *result.differing[:_SHOWN]):
        label = " ".join(filter(None, (line.status, line.month, line.currency)))
        counts = (f"{line.their_count:,}", f"{line.mirror_count:,}")
        money = (f"{line.their_money:,.2f}", f"{line.mirror_money:,.2f}")
        table.add_row(line.name, label, *counts, *money, "" if line.agrees else "differs")
    if table.row_count:
        console.print(table)
    if result.agrees:
        what = "control totals agree (by status, month and currency)"
        console.print(f"All {len(result.comparisons)} {what if result.against == COUPA else 'control accounts agree'}.")


def _by_status(result: Reconciliation) -> list[Comparison]:
    """Totals over all months; money of several currencies is not added up, so it is shown by currency."""
    sums: dict[tuple[str, str, str], list[Any]] = {}
    for line in result.comparisons:
        found = sums.setdefault((line.name, line.status, line.currency), [0, 0, Decimal(0), Decimal(0)])
        for place, value in enumerate((line.their_count, line.mirror_count, line.their_money, line.mirror_money)):
            found[place] += value
    return [Comparison(name, status, "", currency, *found) for (name, status, currency), found in sums.items()]


def _with_coupa(
    settings: Settings, company: demo.Company | None, query: Query, data_as_of: dt.datetime
) -> Reconciliation:
    """The comparison with the Coupa, or the sandbox company, that the mirror was read from."""
    if company is None:
        return asyncio.run(reconcile_with(settings, query, data_as_of))
    with demo.sandbox_settings(settings, company) as reading:
        return asyncio.run(reconcile_with(reading, query, data_as_of))


def _keep_results(
    console: Console,
    settings: Settings,
    source: Source,
    manifest: Manifest,
    results: list[Reconciliation],
    clock: Callable[[], dt.datetime],
) -> None:
    """Writes the results into the work file and publishes it again, so that readers see the drift or its end."""
    if source.name != manifest.source or not (settings.work_folder / source.work_file).exists():
        console.print("The work file of this mirror is not here, so the result is shown only.")
        return
    try:
        with only_writer(settings.work_folder, clock()), open_mirror(settings, source) as mirror:
            for result in results:
                keep(mirror, result, clock())
            publish_again(settings, mirror, source, clock)
    except MirrorBusyError:
        console.print("A sync is writing, so the result is shown only; it compares by itself when that is due.")


def _query(published: duckdb.DuckDBPyConnection) -> Query:
    return lambda sql: published.execute(sql).fetchall()


def _data_date(manifest: Manifest) -> dt.date:
    """The last complete day."""
    return manifest.data_as_of.astimezone(ZoneInfo(manifest.company_time_zone)).date() - dt.timedelta(days=1)


def _sentence(differing: list[Reconciliation]) -> str:
    parts = []
    for result in differing:
        if result.against == COUPA:
            names = sorted(
                {line.name for line in result.differing}
                | {name for side in (result.missing, result.gone) for name, ids in side.items() if ids}
            )
            examples = [
                f"{name}: {_some(result.missing.get(name, ()), 'not mirrored')}"
                f"{_some(result.gone.get(name, ()), 'gone at Coupa')}"
                for name in names
            ]
            parts.append(f"The mirror and Coupa differ in {', '.join(names)} ({'; '.join(examples)}).")
        else:
            parts.append(f"The mirror and the ledger differ: {result.summary}.")
    return (
        f"{' '.join(parts)} Look at the records set aside with: tenor-sync status; a sync with TENOR_SWEEP_HOURS=0 "
        "reads again whatever differs."
    )


def _some(ids: tuple[int, ...], what: str) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - _EXAMPLES} more" if len(ids) > _EXAMPLES else ""
    return f"ids {', '.join(map(str, ids[:_EXAMPLES]))}{more} {what} "
