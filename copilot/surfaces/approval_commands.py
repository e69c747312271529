"""`tenor approvals`: recommendations proposed, decided by others, and followed until they are in Coupa."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from copilot.audit.chain import Event
from copilot.governance.actions import Outreach, OutsideCoupa, PaymentRunFile
from copilot.governance.casebook import Case
from copilot.governance.outcomes import Deciding, Proposing, Refused, Voided
from copilot.governance.run_lists import hand_out_run
from copilot.rendering.approval_words import history, outcome_sentence, reasons, requests, summary
from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, plain_errors, settings_of
from copilot.surfaces.governance_parts import REFUSED, AsOption, chambers, granted
from copilot.surfaces.watch_commands import realise, waiting, watch
from copilot.wording.quoting import clean

approvals_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Propose, decide, and follow what goes to Coupa."
)
approvals_app.command()(watch)
approvals_app.command()(waiting)
approvals_app.command()(realise)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `tenor approvals list` shows it.")]
NAMES = ("number", "supplier")
"""Text of others in a payment run's list, which a spreadsheet must not run."""


@approvals_app.command()
def propose(
    invoices: Annotated[
        list[str] | None, typer.Argument(metavar="[INVOICE]...", help="Numbers; without any, the next run's.")
    ] = None,
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many.")] = 20,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Propose recommended early payments under the policy in force; other people decide.

    Example: tenor approvals propose BW-2026-0117

    Exit code: 0 all proposed, 1 error, 4 something was refused.
    """
    from copilot.governance.submitting import submit  # noqa: PLC0415 (numpy and the solver; other commands need neither)
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (as above)

    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        currency = here.settings.reporting_currency
        done = submit(
            here.store,
            here.people,
            open_layer(here.settings),
            here.actor,
            currency=currency,
            numbers=invoices or [],
            most=most,
        )
        for one in done:
            _say(getattr(one.outcome, "id", "-"), one.title, one.outcome)
        if not done:
            typer.echo("No early payment is recommended now; `tenor discounts` says why.")
        raise typer.Exit(REFUSED if any(isinstance(one.outcome, Refused) for one in done) else 0)


@approvals_app.command(name="list")
def list_cases(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are settled, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """List open proposals, with who must decide and until when.

    Example: tenor approvals list
    """
    with plain_errors(), chambers(settings_of(mirror), today=today) as here:
        here.desk.expire()
        cases = here.desk.cases(open_only=not every)
        if as_json:
            typer.echo(json.dumps([plain_case(case) for case in cases], indent=2, ensure_ascii=False))
            return
        for case in cases:
            typer.echo(f"{case.id}  {summary(case)}")
        if not cases:
            typer.echo("Nothing waits for a decision." if not every else "Nothing was proposed yet.")


@approvals_app.command()
def show(
    key: IdArgument,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON, the evidence included.")] = False,
    mirror: MirrorOption = None,
) -> None:
    """Show a proposal whole: why, what exactly would be sent, who decided, and what became of it.

    Example: tenor approvals show 1a2b3c4d5e6f7a8b
    """
    with plain_errors(), chambers(settings_of(mirror)) as here:
        case = here.desk.case(key)
        typer.echo(json.dumps(plain_case(case), indent=2, ensure_ascii=False) if as_json else "\n".join(_whole(case)))


@approvals_app.command()
def approve(
    key: IdArgument,
    *,
    seen: Annotated[str, typer.Option("--hash", help="The hash you saw: refused if what is stored differs.")] = "",
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Say yes to what somebody else proposed.

    Example: tenor approvals approve 1a2b3c4d5e6f7a8b --hash 5f0c2c0e

    Exit code: 0 decided, 1 error, 4 refused or void.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        _decided(key, here.desk.approve(key, here.actor, payload_hash=seen))


@approvals_app.command()
def reject(
    key: IdArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for its maker and for the record.")] = "",
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Say no to what somebody else proposed.

    Example: tenor approvals reject 1a2b3c4d5e6f7a8b --reason "cash is short that week"

    Exit code: 0 decided, 1 error, 4 refused or void.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        _decided(key, here.desk.reject(key, here.actor, reason))


@approvals_app.command()
def withdraw(
    key: IdArgument, *, acting_as: AsOption = None, today: TodayOption = None, mirror: MirrorOption = None
) -> None:
    """Take back what you proposed yourself.

    Example: tenor approvals withdraw 1a2b3c4d5e6f7a8b

    Exit code: 0 taken back, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        outcome = here.desk.withdraw(key, here.actor)
        _say(key, "Withdrawn", outcome)
        raise typer.Exit(REFUSED if isinstance(outcome, Refused) else 0)


@approvals_app.command(name="hand-out")
def hand_out(
    key: IdArgument,
    *,
    folder: Annotated[Path, typer.Option("--to", help="Folder for the files.")] = Path(),
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Write the drafts and lists of an approved proposal as files; nothing is sent.

    Example: tenor approvals hand-out 1a2b3c4d5e6f7a8b --to approved

    Exit code: 0 written, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        folder.mkdir(parents=True, exist_ok=True)
        files = granted(here.desk.hand_out(key, here.actor))
        for number, file in enumerate(files, start=1):
            typer.echo(f"Written: {_write(file, folder, f'{key}-{number}')}")
        if not files:
            typer.echo("It holds no draft and no list: everything in it goes to Coupa.")


@approvals_app.command(name="run-file")
def run_file(
    day: Annotated[datetime, typer.Argument(metavar="DAY", formats=["%Y-%m-%d"], help="The day of the payment run.")],
    *,
    folder: Annotated[Path, typer.Option("--to", help="Folder for the file.")] = Path(),
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Write every approved early payment of a payment run into one CSV, for whoever makes it up; nothing is paid.

    Example: tenor approvals run-file 2026-12-03 --to approved

    Exit code: 0 written, 1 error or nothing approved, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        folder.mkdir(parents=True, exist_ok=True)
        file = granted(hand_out_run(here.store, here.people, day.date(), here.actor))
        cash = sum((line.cash for line in file.lines), Decimal(0))
        written = _write(file, folder, f"run-{day:%Y-%m-%d}")
        typer.echo(f"Written: {written}, {len(file.lines)} invoices, {cash:,.2f} {file.lines[0].currency}")


@approvals_app.command()
def pack(
    key: IdArgument,
    *,
    file: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("decision.json"),
    mirror: MirrorOption = None,
) -> None:
    """Write a decision into one file that verifies alone: evidence, policy, who decided, what was sent.

    Example: tenor approvals pack 1a2b3c4d5e6f7a8b --to decision.json
    """
    from copilot.governance.decision_pack import pack_of  # noqa: PLC0415 (needed here only)
    from copilot.governance.watching import trace_of  # noqa: PLC0415 (numpy and the solver)

    with plain_errors(), chambers(settings_of(mirror)) as here:
        case = here.desk.case(key)
        version = here.register.version(case.proposal.policy)
        made = pack_of(case, version, trace_of(here.store, case.proposal.subject))
        file.write_text(made.text(), encoding="utf-8")
        event = Event(actor=here.actor, role="", action="exported", object=f"proposal {key}", output=made.seal)
        here.store.audit.append(event)
        typer.echo(f"Written: {file}, seal {made.seal}")


@approvals_app.command()
def verify(file: Annotated[Path, typer.Argument(metavar="FILE", help="A pack of a decision.")]) -> None:
    """Check the pack of a decision on any machine, without database, mirror or network.

    Example: tenor approvals verify decision.json

    Exit code: 0 as it was written, 1 changed or an error.
    """
    from copilot.governance.decision_pack import faults, read_pack  # noqa: PLC0415 (needed here only)

    with plain_errors():
        found = read_pack(file.read_text(encoding="utf-8"))
        wrong = list(faults(found))
        for fault in wrong:
            typer.echo(f"Broken: {fault}.", err=True)
        if wrong:
            raise typer.Exit(ERROR)
        typer.echo(f"As it was written: {found.proposal.title}, {found.state}, {len(found.records)} records.")


@approvals_app.command(name="trace")
def trace_invoice(
    invoice: Annotated[int, typer.Argument(metavar="INVOICE", help="Its id in Coupa.")], *, mirror: MirrorOption = None
) -> None:
    """Print all that happened to an invoice's early payment, from the recommendation to its delivery in Coupa.

    Example: tenor approvals trace 93902
    """
    from copilot.governance.watching import trace  # noqa: PLC0415 (numpy and the solver)

    with plain_errors(), chambers(settings_of(mirror)) as here:
        events = list(trace(here.store, invoice))
        for event in events:
            told = ", ".join(f"{name} {clean(str(value), 120)}" for name, value in event["told"].items())
            typer.echo(f"{event['time'][:19]}  {event['action']} by {event['actor']}: {told}")
        if not events:
            typer.echo("Nothing happened to it.")


@approvals_app.command()
def replay(key: IdArgument, *, mirror: MirrorOption = None) -> None:
    """Compute a proposal again, on the mirror and under the policy that it was made with, and compare to the byte.

    Example: tenor approvals replay 1a2b3c4d5e6f7a8b

    Exit code: 0 identical, 1 error or different.
    """
    from copilot.governance.replaying import replay as compute_again  # noqa: PLC0415 (numpy and the solver)
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (as above)
    from copilot.outcomes.realising import computed_again, is_booking  # noqa: PLC0415 (as above)

    with plain_errors(), chambers(settings_of(mirror)) as here:
        case = here.desk.case(key)
        version = here.register.version(case.proposal.policy)
        wanted = str(case.proposal.evidence.get("mirror_version", ""))
        file = here.settings.mirror / f"mirror-{wanted}.duckdb"
        settings = here.settings.model_copy(update={"mirror": file}) if file.is_file() else here.settings
        found = compute_again(
            case, open_layer(settings), version, *([computed_again] if is_booking(case.proposal) else [])
        )
        if found.identical:
            typer.echo(f"Identical: {case.proposal.title} comes out the same, to the byte.")
            return
        why = "on the same mirror: please report this" if found.same_mirror else f"mirror {wanted} is no longer here"
        typer.echo(f"{len(found.differences)} values differ ({why}).")
        for path, before, now in found.differences[:20]:
            typer.echo(f"  {path}: {before} is now {now}")
        raise typer.Exit(ERROR)


def plain_case(case: Case) -> dict[str, Any]:
    """A proposal with all that happened to it, as plain values."""
    return {
        "id": case.id,
        "state": case.state,
        "maker": case.maker,
        "made_at": case.made_at.isoformat(),
        "expires_at": case.expires_at.isoformat(),
        "payload_hash": case.payload_hash,
        "evidence_hash": case.proposal.evidence_hash(),
        "needs": list(case.needs),
        "decisions": [{**vars(one), "decided_at": one.decided_at.isoformat()} for one in case.decisions],
        "effects": [vars(one) for one in case.effects],
        "deliveries": [delivery.plain() for delivery in case.proposal.deliveries()],
        "proposal": case.proposal.plain(),
    }


def _say(key: str, title: str, outcome: Proposing | Deciding) -> None:
    typer.echo(f"{key}  {title}: {outcome_sentence(outcome)}", err=isinstance(outcome, Refused))


def _decided(key: str, outcome: Deciding) -> None:
    _say(key, "Decision", outcome)
    if isinstance(outcome, Refused | Voided):
        raise typer.Exit(REFUSED)


def _whole(case: Case) -> list[str]:
    return [
        f"{case.id}  {summary(case)}",
        *reasons(case),
        f"Payload {case.payload_hash}",
        f"Evidence {case.proposal.evidence_hash()}",
        "Exactly this goes to Coupa:",
        *(f"  {line}" for line in requests(case)),
        *history(case),
    ]


def _write(file: OutsideCoupa, folder: Path, name: str) -> Path:
    from copilot.rendering.table_file import disarmed  # noqa: PLC0415 (needed here only)

    match file:
        case Outreach():
            path = folder / f"{name}.txt"
            path.write_text(f"To: {file.supplier}\nSubject: {file.subject}\n\n{file.text}\n", encoding="utf-8")
        case PaymentRunFile():
            path = folder / f"{name}.csv"
            with path.open("w", newline="", encoding="utf-8") as stream:
                rows = [line.model_dump(mode="json") for line in file.lines]
                writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(
                    {**row, "number": disarmed(row["number"]), "supplier": disarmed(row["supplier"])} for row in rows
                )
    return path
