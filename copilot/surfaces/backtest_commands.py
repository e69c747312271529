"""`tenor backtest`: would the forecasts have been right, on the mirror, an event log or any CSV of invoices?"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.surfaces.command_parts import ERROR, MirrorOption, plain_errors, settings_of

if TYPE_CHECKING:
    from copilot.forecasting.trials import Trial
    from copilot.simulations.backtest_report import BacktestReport

REPORT_NAME = "backtest.html"
DPO_ORIGINS = 26
FILE_HISTORY = 91
"""Days of history before the first origin in a file, which often holds no more than a year."""


def backtest(  # noqa: PLR0913 (the options of a command)
    *,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Read past invoices from this file (CSV, or an XES event log).")
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="Read a purchase-to-pay event log (XES or XES.gz) instead.")
    ] = None,
    day_first: Annotated[
        bool, typer.Option("--day-first", help="Dates with slashes in the CSV file start with the day.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Where to write the page with plots [default: beside the mirror].")
    ] = None,
    trials: Annotated[
        Path | None, typer.Option("--trials", help="Write every forecast and its outcome to this CSV file.")
    ] = None,
    origins: Annotated[
        int | None,
        typer.Option("--origins", min=4, max=78, help="Score the latest of these weekly origins [default: all]."),
    ] = None,
    paths: Annotated[int, typer.Option("--paths", min=50, max=5_000, help="Simulated paths per origin.")] = 500,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the random numbers.")] = 1,
    dpo: Annotated[bool, typer.Option("--dpo/--no-dpo", help="Back-test projected DPO too (mirror only).")] = True,
    mirror: MirrorOption = None,
) -> None:
    """Forecast again from past days, knowing only what was known then, and compare with what happened.

    Example: tenor backtest --json

    Example: tenor backtest --csv invoices.csv --report page.html

    Exit code: 0 scored, 1 error or too little history.
    """
    with plain_errors():
        if csv_file is not None and log is not None:
            raise typer.BadParameter("name one of --csv and --log: a back-test reads one history")
        if csv_file is not None or log is not None:
            found = _of_file(csv_file, log, origins, paths, seed, day_first=day_first)
            folder = None
        else:
            found, folder = _of_mirror(mirror, origins, paths, seed, with_dpo=dpo)
        _write(found, folder, report, trials)
        typer.echo(found.to_json() if as_json else "\n".join(found.lines()))
    raise typer.Exit(0 if found.scored else ERROR)


def _of_file(
    csv_file: Path | None, log: Path | None, origins: int | None, paths: int, seed: int, *, day_first: bool
) -> BacktestReport:
    from copilot.forecasting.event_log import is_event_log, read_event_log  # noqa: PLC0415 (numpy; other commands need not)
    from copilot.forecasting.invoice_file import read_invoices  # noqa: PLC0415
    from copilot.forecasting.outflow_backtest import backtest_outflow  # noqa: PLC0415
    from copilot.forecasting.timing_backtest import backtest_timing  # noqa: PLC0415
    from copilot.simulations.backtest_report import BacktestReport  # noqa: PLC0415

    if csv_file is not None and is_event_log(csv_file):
        csv_file, log = None, csv_file
    if csv_file is not None:
        book, last = read_invoices(csv_file, day_first=day_first)
        name = csv_file.name
    else:
        path = log or Path()
        book, last = read_event_log(path)
        name = path.name
    found = backtest_outflow(
        book, last, scored=origins, paths=paths, seed=seed, progress=_progress(), history=FILE_HISTORY
    )
    return BacktestReport(name, last, found, backtest_timing(book.ledger, last, book.countries), skipped=book.skipped)


def _of_mirror(
    mirror: Path | None, origins: int | None, paths: int, seed: int, *, with_dpo: bool
) -> tuple[BacktestReport, Path]:
    from copilot.forecasting.backtest import backtest as backtest_dpo  # noqa: PLC0415 (numpy; others need not)
    from copilot.forecasting.book_reading import read_book  # noqa: PLC0415
    from copilot.forecasting.outflow_backtest import backtest_outflow  # noqa: PLC0415
    from copilot.forecasting.timing_backtest import backtest_timing  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.simulations.backtest_report import BacktestReport, backtest_file  # noqa: PLC0415

    settings = settings_of(mirror)
    layer = open_layer(settings)
    book = read_book(layer)
    found = backtest_outflow(book, layer.data_date, scored=origins, paths=paths, seed=seed, progress=_progress())
    scores = (
        backtest_dpo(layer, count=origins or DPO_ORIGINS, paths=min(paths, 300), seed=seed).scores if with_dpo else ()
    )
    timing = backtest_timing(book.ledger, layer.data_date, book.countries)
    name = f"mirror {layer.mirror_version}"
    report = BacktestReport(
        name, layer.data_date, found, timing, tuple(asdict(score) for score in scores), book.skipped
    )
    return report, backtest_file(settings.mirror).parent


def _progress() -> Callable[[int, int], None] | None:
    """A counter on standard error when a person is watching."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, of: int) -> None:
        typer.echo(f"\r{done} of {of} origins", err=True, nl=done == of)

    return show


def _write(found: BacktestReport, folder: Path | None, report: Path | None, trials: Path | None) -> None:
    page = report or (folder / REPORT_NAME if folder else None)
    if page is not None:
        page.write_text(found.page(), encoding="utf-8")
        typer.echo(f"Report: {page}", err=True)
    if folder is not None:
        from copilot.simulations.backtest_report import SAVED  # noqa: PLC0415 (numpy; other commands need not)

        (folder / SAVED).write_text(found.to_json(), encoding="utf-8")
    if trials is not None:
        _write_trials(trials, found.outflow.trials)


def _write_trials(path: Path, trials: Sequence[Trial]) -> None:
    from copilot.forecasting.trials import QUANTILES  # noqa: PLC0415 (numpy; other commands need not)

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        names = ("method", "part", "span", "origin", "horizon", "point", "actual")
        writer.writerow([*names, *(f"p{100 * level:g}" for level in QUANTILES)])
        for trial in trials:
            cells = [getattr(trial, name) for name in names]
            writer.writerow([*cells[:5], *(f"{value:.2f}" for value in (*cells[5:], *trial.quantiles))])
