"""`tenor explore`: an analyst's own SELECT, guarded, in a process of its own, never certified."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from copilot.surfaces.command_parts import MirrorOption, TodayOption, day_of, plain_errors, settings_of
from copilot.wording.quoting import clean

SHOWN = 50
"""Rows printed as a table; --csv and --json give all."""


def explore(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over the entities of the semantic model.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print columns, rows and the SQL that ran as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    proposal: Annotated[bool, typer.Option("--propose", help="Print a metric made of it, as YAML for review.")] = False,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Run your own SELECT on the mirror's entities. What it gives is exploratory, never a certified figure.

    Example: tenor explore "SELECT status, count(*) AS invoices FROM invoice GROUP BY ALL ORDER BY 2 DESC"

    Exit code: 0 done, 1 error or a statement that the guard does not let through.
    """
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (loads the model; other commands need not)

    if proposal:
        _propose(sql)
        return
    with plain_errors():
        settings = settings_of(mirror)
        layer = open_layer(settings)
        day = day_of(today) or datetime.now(UTC).astimezone(settings.time_zone()).date()
        found = layer.explore(sql, day)
    if as_json:
        body = {"trust": "exploratory", "columns": found.columns, "rows": found.rows, "truncated": found.truncated}
        typer.echo(json.dumps({**body, "sql": found.sql}, indent=2, default=str))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows([_csv_cell(value) for value in row] for row in found.rows)
    else:
        _print(found.columns, found.rows, truncated=found.truncated)


def _propose(sql: str) -> None:
    """The proposal, for a file of your own metrics; nothing runs."""
    from semantic_layer.loader import load_model  # noqa: PLC0415 (loads the model)
    from semantic_layer.proposal import propose  # noqa: PLC0415

    with plain_errors():
        typer.echo(propose(sql, load_model()).text, nl=False)


def _csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet runs: text that could be a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _print(columns: tuple[str, ...], rows: tuple[tuple[Any, ...], ...], *, truncated: bool) -> None:
    console = Console(highlight=False)
    grid = Table(box=None, pad_edge=False)
    for name in columns:
        grid.add_column(clean(name), overflow="fold")
    for row in rows[:SHOWN]:
        grid.add_row(*(Text("" if value is None else clean(str(value), 200)) for value in row))
    console.print(grid)
    more = len(rows) - SHOWN
    if more > 0 or truncated:
        console.print(
            Text(f"{max(more, 0):,} more rows{' and others beyond the limit' if truncated else ''}: --csv prints them.")
        )
    console.print(Text("Exploratory: your own SQL, no certified figure."))
