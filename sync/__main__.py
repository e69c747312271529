"""`tenor-sync`: the command line of the sync, and the only place that ends the process with an exit code."""

import asyncio
import datetime as dt
import functools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn, ParamSpec

import duckdb
import stamina
import typer
from rich.console import Console

from sync import demo, key_rotation
from sync.clock import clock_for
from sync.console import TerminalProgress, show_report, show_status
from sync.daemon import run_worker
from sync.delivery_commands import deliver_after_sync, deliver_command, outbox_commands
from sync.errors import SandboxError, SettingsError, SyncError
from sync.feed_commands import feed_commands
from sync.log_lines import write_lines
from sync.observability import Observatory
from sync.publish import open_published, read_manifest, refuse_to_replace_real_data
from sync.reconcile_command import reconcile_mirror
from sync.run import Source, SyncReport
from sync.schedule import schedule_of
from sync.settings import Settings, load_settings
from sync.worker import sync_once
from sync.writer_lock import holder

app = typer.Typer(
    name="tenor-sync",
    help="Mirrors Coupa into a DuckDB file that Tenor answers from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Arguments = ParamSpec("Arguments")
STOPPED: Final = 130
LONGEST_END: Final = 2.0  # seconds that a sandbox takes to end when its starter is gone

MirrorOption = Annotated[
    Path | None, typer.Option(help="Folder of the published mirror [default: .tenor/mirror, or TENOR_MIRROR].")
]
TodayOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="Fix the clock at the beginning of this day, such as 2026-11-22.")
]
DemoOption = Annotated[bool, typer.Option("--demo", help="Start the sandbox company inside and read that.")]
PresetOption = Annotated[str, typer.Option(help="Size of the sandbox company: tiny, small, medium.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the sandbox company.", min=0)]


def plain_errors(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """The command with its errors told in one plain sentence on standard error and a non-zero exit code."""

    @functools.wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SyncError as error:
            _fail(str(error))
        except OSError as error:
            _fail(
                f"{error.filename or 'A file'}: {error.strerror or error}; free the space or the right, and try again."
            )
        except duckdb.Error as error:
            first_line = str(error).splitlines()[0]
            _fail(f"DuckDB could not go on ({first_line}); nothing was published, and the next run goes on from there.")
        except KeyboardInterrupt:
            _fail("stopped; what was committed is kept, and the next run goes on from there.", STOPPED)

    return guarded


def _fail(sentence: str, code: int = 1) -> NoReturn:
    err.print(f"tenor-sync: {sentence}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


@app.command(epilog="Example: tenor-sync once --demo --preset tiny --today 2026-11-22")
@plain_errors
def once(
    *,
    demo_company: DemoOption = False,
    preset: PresetOption = demo.DEFAULT_PRESET,
    seed: SeedOption = demo.DEFAULT_SEED,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Read what changed in Coupa, publish a new version, and end.

    Without TENOR_COUPA_URL (or with --demo) this starts the sandbox company, reads it over HTTP, and stops it.
    """
    settings = load_settings(mirror=mirror)
    show_report(out, _sync(settings, _day(today), preset, seed, demo_company=demo_company))


@app.command(epilog="Example: tenor-sync run --schedule '*/15 6-20 * * 1-5'")
@plain_errors
def run(
    *,
    every: Annotated[
        str | None, typer.Option(help="Pause between two beginnings: 90s, 15m, 2h [default: 15m].")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Five fields of a crontab instead, or TENOR_SCHEDULE.", metavar="CRON")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="Where to answer health, metrics and call-outs; off: nowhere.")
    ] = None,
    mirror: MirrorOption = None,
) -> None:
    """Keep the mirror fresh: sync, wait, sync again, until stopped; log lines are JSON on standard error.

    Trouble that may pass (Coupa busy or unreachable) is logged and tried again at the next turn; anything else ends
    the command with exit code 1. SIGTERM ends it with 0 within seconds.
    """
    settings = load_settings(mirror=mirror, schedule=schedule, listen=listen)
    base_url, _, _ = settings.credentials()
    plan = schedule_of(every, settings.schedule, settings.zone)
    clock = clock_for(None, settings.zone)
    write_lines(settings)

    async def sync_and_deliver(watch: Observatory) -> SyncReport:
        report = await sync_once(settings, Source(base_url), clock, watch)
        await deliver_after_sync(settings, clock, watch)
        return report

    ended_by = run_worker(settings, plan, sync_and_deliver, clock)
    if ended_by == signal.SIGINT:
        raise KeyboardInterrupt


@app.command(epilog="Example: tenor-sync status")
@plain_errors
def status(*, mirror: MirrorOption = None) -> None:
    """Show what the published mirror holds, how fresh it is, and what was set aside."""
    settings = load_settings(mirror=mirror)
    folder = settings.mirror_folder
    manifest = read_manifest(folder, settings.encryption_key)
    with open_published(folder, settings.encryption_key) as published:
        show_status(out, folder, manifest, published, holder(settings.work_folder))


@app.command(epilog="Example: tenor-sync reconcile --erp control-accounts.csv")
@plain_errors
def reconcile(
    *,
    erp: Annotated[
        Path | None, typer.Option(help="Balances of control accounts: CSV with entity,currency,date,amount.")
    ] = None,
    tolerance: Annotated[str, typer.Option(help="Largest difference to a control account that still agrees.")] = "0.01",
    mirror: MirrorOption = None,
) -> None:
    """Compare counts and money of the published mirror with Coupa, by status, month and currency, and with the ledger.

    Ends with exit code 1 when they differ. What was found is kept in the mirror, where every reader sees it. A mirror
    of the sandbox company is compared with that same company.
    """
    try:
        allowed = Decimal(tolerance)
    except InvalidOperation:
        raise SettingsError(f"--tolerance {tolerance!r} is not an amount; try --tolerance 0.01") from None
    reconcile_mirror(out, load_settings(mirror=mirror), erp, allowed)


@app.command(name="rotate-key", epilog="Example: tenor-sync rotate-key")
@plain_errors
def rotate_key(*, mirror: MirrorOption = None) -> None:
    """Write the mirror under a new key, or encrypt a plain one; for state and chat history: tenor rotate-key.

    Reads the old key from TENOR_ENCRYPTION_KEY and the new one from TENOR_NEW_ENCRYPTION_KEY. Stop the worker first.
    Can be run again after a stop.
    """
    done = key_rotation.rotate_key(load_settings(mirror=mirror), dt.datetime.now(dt.UTC))
    for path in done:
        out.print(f"{path} is written under the new key.", markup=False, soft_wrap=True)
    rest = "Now set TENOR_ENCRYPTION_KEY to the new key and unset TENOR_NEW_ENCRYPTION_KEY."
    out.print(f"{'' if done else 'Everything is under the new key already. '}{rest}", soft_wrap=True)


@app.command(epilog="Example: tenor-sync sandbox --preset tiny --port 9400")
@plain_errors
def sandbox(  # noqa: PLR0913 - one argument per option of the command
    *,
    host: Annotated[str, typer.Option(help="Address to listen on; keep to loopback.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65_535)] = 9400,
    preset: PresetOption = demo.DEFAULT_PRESET,
    seed: SeedOption = demo.DEFAULT_SEED,
    today: TodayOption = None,
    time_zone: Annotated[str | None, typer.Option(help="The company's time zone.")] = None,
    rate_limit: Annotated[bool, typer.Option(help="Answer 429 beyond 25 requests a second, as Coupa does.")] = True,
    trouble: Annotated[
        list[str] | None,
        typer.Option(help="A fault to play, such as 'unavailable every=29'; repeatable. docs/sandbox.md lists them."),
    ] = None,
    trouble_seed: Annotated[int, typer.Option(help="Seed of faults that have a probability.")] = 0,
    truth: Annotated[Path | None, typer.Option(help="Only write what is planted in the company to this file.")] = None,
    until_stdin_closes: Annotated[bool, typer.Option("--until-stdin-closes", hidden=True)] = False,
) -> None:
    """Serve the sandbox company over HTTP, as Coupa would, until stopped.

    Point a sync at it with TENOR_COUPA_URL, TENOR_COUPA_CLIENT_ID and TENOR_COUPA_CLIENT_SECRET, as it prints.
    """
    from sync.sandbox import serve, write_truth  # noqa: PLC0415 - only this command needs it, and it is slow to load

    settings = load_settings(company_time_zone=time_zone)
    day = _day(today) or dt.datetime.now(settings.zone).date()
    if truth is not None:
        write_truth(truth, preset, seed, day, settings.company_time_zone)
        return
    if until_stdin_closes:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        serve(
            host,
            port,
            preset,
            seed,
            day,
            time_zone=settings.company_time_zone,
            rate_limit=rate_limit,
            troubles=trouble or (),
            trouble_seed=trouble_seed,
            announce=lambda line: print(line, flush=True),  # noqa: T201 - the address, for a person or the demo
        )
    except KeyboardInterrupt:
        err.print("tenor-sync: the sandbox has stopped.")
    except Exception as error:
        if type(error).__module__.startswith("sync.sandbox"):
            raise SandboxError(str(error)) from error
        raise


def _sync(settings: Settings, today: dt.date | None, preset: str, seed: int, *, demo_company: bool) -> SyncReport:
    """One sync of the Coupa in the settings, or of the sandbox company."""
    clock = clock_for(today, settings.zone)
    if settings.coupa_url is None or demo_company:
        company = demo.Company(preset, seed, today or clock().astimezone(settings.zone).date())
        # before the sandbox takes its time:
        refuse_to_replace_real_data(settings.mirror_folder, company.source.name, settings.encryption_key)
        why = "as asked" if demo_company else "because TENOR_COUPA_URL is not set"
        err.print(f"Reading the sandbox company ({preset}, seed {seed}, today {company.today}), {why}.", soft_wrap=True)
        with demo.sandbox_settings(settings, company, feeds=True) as reading, TerminalProgress(err) as progress:
            fixed = clock_for(company.today, settings.zone)
            return asyncio.run(sync_once(reading, company.source, fixed, progress))
    base_url, _, _ = settings.credentials()
    with TerminalProgress(err) as progress:
        return asyncio.run(sync_once(settings, Source(base_url), clock, progress))


def _day(text: str | None) -> dt.date | None:
    """The date of --today; raises SettingsError."""
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--today is {text!r}, which is not a date; write it like 2026-11-22.") from None


def _end_with_stdin() -> None:
    """Ends this process when whoever started it is gone. A signal that meets an import or a callback may be lost."""
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGINT)
    time.sleep(LONGEST_END)
    os._exit(0)


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


app.add_typer(feed_commands(plain_errors, out), name="feed")
app.command(name="deliver", epilog="Example: tenor-sync deliver")(deliver_command(plain_errors, out))
app.add_typer(outbox_commands(plain_errors, out), name="outbox")


def main() -> None:
    """The console script. Errors are one plain sentence on standard error; exit codes: 1 error, 2 usage, 130 stop."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s")
    stamina.instrumentation.set_on_retry_hooks([])  # every retry is told already, in a sentence
    signal.signal(signal.SIGTERM, _stop)
    app()


if __name__ == "__main__":
    main()
