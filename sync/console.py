"""What a person sees at the terminal: progress with counts and rate while it runs, and tables when it is done."""

import datetime as dt
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from sync.publish import Manifest
from sync.run import ResourceOutcome, SyncReport

_REJECTED_SHOWN = 10


class TerminalProgress:
    """Progress of a run as one line per resource; silent where standard error is not a terminal."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<24}"),
            TextColumn("{task.fields[count]:>17}"),
            TextColumn("{task.fields[rate]:>8}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._lines: dict[str, TaskID] = {}
        self._rejected: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def page(self, resource: str, records: int, rejected: int) -> None:
        """Counts a page."""
        if resource not in self._lines:
            self._lines[resource] = self._bars.add_task(resource, total=None, count="", rate="", note="")
        self._rejected[resource] = self._rejected.get(resource, 0) + rejected
        line = self._lines[resource]
        self._bars.update(line, advance=records, note=_note(self._rejected[resource]))
        task = self._bars.tasks[self._bars.task_ids.index(line)]
        rate = f"{task.completed / task.elapsed:,.0f}/s" if task.elapsed else ""
        self._bars.update(line, count=f"{task.completed:,.0f} records", rate=rate)

    def finished(self, outcome: ResourceOutcome) -> None:
        """Ticks a resource off."""
        line = self._lines.get(outcome.resource)
        if line is not None:
            self._bars.update(line, total=max(outcome.read, 1), completed=outcome.read)
            self._bars.stop_task(line)

    def trouble(self, sentence: str) -> None:
        """Says why a request is tried again."""
        self._bars.console.print(f"{sentence} Trying again.", style="yellow", markup=False, soft_wrap=True)

    def publishing(self) -> None:
        """Says that the copy is being written."""
        self._bars.add_task("publishing", total=None, count="", rate="", note="")


def _note(rejected: int) -> str:
    return f"{rejected} set aside" if rejected else ""


def show_report(console: Console, report: SyncReport) -> None:
    """The result of a run: a line per resource, what was set aside, and where the mirror is."""
    table = Table(box=None, pad_edge=False)
    table.add_column("resource")
    for heading in ("read", "changed", "set aside", "in the mirror"):
        table.add_column(heading, justify="right")
    for outcome in report.outcomes:
        numbers = (outcome.read, outcome.changed, outcome.rejected, outcome.rows)
        table.add_row(outcome.resource, *(f"{number:,}" for number in numbers))
    console.print(table)
    for bad in report.rejected[:_REJECTED_SHOWN]:
        console.print(f"set aside: {bad}", style="yellow", markup=False, highlight=False)
    if len(report.rejected) > _REJECTED_SHOWN:
        console.print(f"... and {len(report.rejected) - _REJECTED_SHOWN:,} more, in the table rejected_records")
    for outcome in report.outcomes:
        if outcome.repeated:
            console.print(f"{outcome.resource}: {outcome.repeated:,} records came twice and were taken once")
    for sentence in report.feeds:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    read = sum(outcome.read for outcome in report.outcomes)
    rate = read / report.seconds if report.seconds else 0.0
    console.print(
        f"Read {read:,} records in {report.seconds:.1f} s ({rate:,.0f}/s); published {report.path} "
        f"(data up to {_time(report.manifest.data_as_of)}).",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def show_status(
    console: Console, folder: Path, manifest: Manifest, published: duckdb.DuckDBPyConnection, writer: str | None
) -> None:
    """What the published mirror holds, and who is writing the next one."""
    console.print(f"Mirror {folder}, version {manifest.mirror_version}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  source     {manifest.source}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  published  {_time(manifest.published_at)}", highlight=False)
    console.print(f"  data up to {_time(manifest.data_as_of)} (company time zone {manifest.company_time_zone})")
    console.print(f"  knows      what was known since {_time(manifest.known_since)}", highlight=False)
    console.print(f"  drift      {_drift(manifest)}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  writer     {writer or 'nobody is writing now'}", markup=False, highlight=False)
    rejected = dict(
        published.execute("SELECT resource, count(*) FROM rejected_records GROUP BY resource").fetchall(),
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("resource", "rows", "set aside", "complete up to", "read at"):
        table.add_column(heading, justify="right" if heading in {"rows", "set aside"} else "left")
    for resource, rows, through, synced in published.execute(
        "SELECT resource, row_count, updated_through, synced_at FROM sync_bookmarks ORDER BY resource",
    ).fetchall():
        table.add_row(resource, f"{rows:,}", f"{rejected.get(resource, 0):,}", _time(through), _time(synced))
    console.print(table)
    _show_changes(console, published)


def _show_changes(console: Console, published: duckdb.DuckDBPyConnection) -> None:
    """The last changes of Coupa's schema; versions published by an older program have no such table."""
    found = published.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_changes'").fetchone()
    if found is None:
        return
    query = (
        "SELECT resource, path, change, detail, noticed_at FROM schema_changes "
        "ORDER BY noticed_at DESC, resource, path LIMIT 10"
    )
    for resource, path, change, detail, noticed in published.execute(query).fetchall():
        line = f"schema: {resource} {path}: {change} ({detail}), noticed {_time(noticed)}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _drift(manifest: Manifest) -> str:
    """What the last comparison with Coupa and the ledger found."""
    if manifest.drift is None or manifest.reconciled_at is None:
        return "never compared; compare with: tenor-sync reconcile"
    when = _time(manifest.reconciled_at)
    if not manifest.drift:
        return f"none (compared {when})"
    return f"{manifest.drift} totals differ (compared {when}): {manifest.drift_summary}"


def _time(moment: dt.datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}Z"
