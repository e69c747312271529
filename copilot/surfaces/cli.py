"""The command `tenor`: ask in a terminal, open the chat, look at metrics, replay an answer.

Exit codes: 0 answered, 1 an error (one plain sentence on standard error), 2 wrong usage, 3 a question back, 4 refused.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from copilot.answer import Answer
from copilot.errors import CopilotError
from copilot.evidence import compare, load
from copilot.rendering.terminal import render
from copilot.settings import Settings
from copilot.state.store import open_store
from copilot.surfaces.approval_commands import approvals_app
from copilot.surfaces.audit_commands import audit_app
from copilot.surfaces.backtest_commands import backtest
from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, day_of, plain_errors, settings_of
from copilot.surfaces.discount_commands import discounts, missed_discounts
from copilot.surfaces.eval_command import evaluate_bank
from copilot.surfaces.explore_command import explore
from copilot.surfaces.key_command import rotate_key
from copilot.surfaces.metrics_commands import metrics_app
from copilot.surfaces.notice_commands import notices_app
from copilot.surfaces.opportunity_commands import (
    duplicates,
    pack,
    segments,
    several_terms,
    term_mismatches,
    terms,
    waits,
)
from copilot.surfaces.pilot_commands import pilot_app
from copilot.surfaces.policy_commands import policy_app
from copilot.surfaces.simulate_commands import simulate_app
from copilot.surfaces.slack_command import slack
from copilot.surfaces.verified_commands import verified_app
from semantic_layer.errors import MirrorMissingError

EXIT_CODES = {"answered": 0, "clarify": 3, "refused": 4}
SYNC_FIRST = "There is no mirror at {path}. Run `tenor-sync once` first, or name one with --mirror."

app = typer.Typer(
    name="tenor",
    help="Ask a company that buys through Coupa about its working capital.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")]


@app.command()
def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question in plain words.")],
    *,
    thread: Annotated[str | None, typer.Option("--thread", help="Go on in this conversation.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON (see `tenor schema`).")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL that ran, too.")] = False,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Ask one question.

    Example: tenor ask "DPO by region, last four quarters"

    Exit code: 0 answered, 1 error, 3 a question back, 4 refused.
    """
    from copilot.engine import Engine  # noqa: PLC0415 (loads the whole product; other commands need not)

    with plain_errors():
        engine = Engine.open(settings_of(mirror), today=day_of(today))
        try:
            answer = engine.ask(question, thread=thread)
        finally:
            engine.close()
        _show(answer, as_json=as_json, sql=sql)
    raise typer.Exit(EXIT_CODES[answer.status])


@app.command()
def chat(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: PortOption = 8000,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Open the chat page on this machine.

    Example: tenor chat --port 8000
    """
    with plain_errors():
        settings = settings_of(mirror)
        _require_mirror(settings.mirror)
        _serve(settings, host, port, day_of(today))


@app.command()
def demo(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: PortOption = 8000,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Open the chat page on the sandbox company, synced first if there is no mirror yet.

    Example: tenor demo --today 2026-11-22
    """
    with plain_errors():
        settings = settings_of(mirror)
        if not _is_mirror(settings.mirror):
            _sync_the_sandbox(today)
        _require_mirror(settings.mirror)
        _serve(settings, host, port, day_of(today))


@app.command()
def schema() -> None:
    """Print the JSON Schema of an answer.

    Example: tenor schema > answer.schema.json
    """
    typer.echo(schema_text(), nl=False)


@app.command()
def replay(
    evidence_id: Annotated[str, typer.Argument(metavar="ID", help="The evidence id at the foot of an answer.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
    mirror: MirrorOption = None,
) -> None:
    """Run the plan behind an answer again and compare with what was shown.

    Example: tenor replay 5f0c2c0e-0d6e-4b52-9f7a-3f4f6c3f5a10

    Exit code: 0 identical, 1 error or different.
    """
    from copilot.engine import Engine  # noqa: PLC0415 (loads the whole product; other commands need not)

    with plain_errors():
        settings = settings_of(mirror)
        with open_store(settings) as store:
            pack = load(store, evidence_id)
        engine = Engine.open(settings, today=pack.today)
        try:
            found = compare(pack, engine.replay(pack))
            engine.told("replayed", pack.id, {"identical": found.identical})
        finally:
            engine.close()
    if as_json:
        differences = [vars(difference) for difference in found.differences]
        typer.echo(
            json.dumps({"identical": found.identical, "same_mirror": found.same_mirror, "differences": differences})
        )
    elif found.identical:
        typer.echo(f"Identical: {pack.question!r} gives the same answer again.")
    else:
        why = "on the same mirror: please report this" if found.same_mirror else "because the mirror is newer"
        typer.echo(f"{len(found.differences)} values differ, {why}.")
        for difference in found.differences[:20]:
            typer.echo(f"  {difference.path}: {difference.before} is now {difference.after}")
    raise typer.Exit(0 if found.identical else ERROR)


app.add_typer(audit_app, name="audit")
app.add_typer(approvals_app, name="approvals")
app.add_typer(policy_app, name="policy")
app.add_typer(pilot_app, name="pilot")
app.command()(backtest)
app.command()(discounts)
app.command()(missed_discounts)
app.command()(terms)
app.command()(several_terms)
app.command()(term_mismatches)
app.command()(segments)
app.command()(pack)
app.command()(waits)
app.command()(duplicates)
app.command(name="eval")(evaluate_bank)
app.command()(explore)
app.add_typer(metrics_app, name="metrics")
app.add_typer(simulate_app, name="simulate")
app.add_typer(verified_app, name="verified")
app.command(name="rotate-key")(rotate_key)
app.command()(slack)
app.add_typer(notices_app, name="notices")


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()


def schema_text() -> str:
    """The JSON Schema of an answer, as docs/answer.schema.json holds it."""
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Answer.model_json_schema(by_alias=True)}
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _is_mirror(path: Path) -> bool:
    return path.is_file() or (path / "current.json").is_file()


def _require_mirror(path: Path) -> None:
    if not _is_mirror(path):
        raise MirrorMissingError(SYNC_FIRST.format(path=path))


def _sync_the_sandbox(today: datetime | None) -> None:
    """Run the sync worker as a process of its own: it is the only one that holds Coupa's credentials."""
    command = [sys.executable, "-m", "sync", "once", "--demo"]
    if today is not None:
        command += ["--today", today.date().isoformat()]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 (our own module, no shell)
        raise CopilotError("The sandbox company could not be synced. Run `tenor-sync once --demo` to see why.")


def _serve(settings: Settings, host: str, port: int, today: date | None) -> None:
    from copilot.surfaces.web import serve  # noqa: PLC0415 (importing the page takes seconds)

    with suppress(KeyboardInterrupt):
        serve(host=host, port=port, mirror=settings.mirror, today=today, announce=typer.echo)


def _show(answer: Answer, *, as_json: bool, sql: bool) -> None:
    if as_json:
        typer.echo(answer.to_json(indent=2))
    else:
        Console(highlight=False).print(render(answer, sql=sql))


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
