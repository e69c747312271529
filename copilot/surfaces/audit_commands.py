"""`tenor audit`: export the trail, verify it, mark its end outside of the database, hold it, and seal what is old."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from copilot.audit.anchor import drop, held_against, key_of, read_anchors
from copilot.audit.chain import Broken, Head, Intact, Verdict, verify
from copilot.audit.exporting import export_lines, read_export, verify_export
from copilot.audit.sealing import beginning, part_files
from copilot.errors import AuditError
from copilot.governance.holds import HoldBook
from copilot.governance.outcomes import Refused
from copilot.governance.retention import NothingToSeal, Sealed, retain
from copilot.settings import Settings
from copilot.state.store import open_store
from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, plain_errors, settings_of
from copilot.surfaces.governance_parts import AsOption, chambers, granted

audit_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="The audit trail: export, verify, anchor, hold, seal."
)
hold_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Legal holds: records under one are never taken out."
)
audit_app.add_typer(hold_app, name="hold")

AnchorsOption = Annotated[
    Path | None, typer.Option("--anchors", help="Folder of anchors; without it TENOR_AUDIT_ANCHORS, where that is set.")
]


@audit_app.command()
def export() -> None:
    """Print the whole trail as JSON lines that `tenor audit verify FILE` checks without this database.

    Example: tenor audit export > trail.jsonl
    """
    with plain_errors(), open_store(settings_of(None)) as store:
        for line in export_lines(store.audit.records()):
            sys.stdout.write(f"{line}\n")


@audit_app.command(name="verify")
def verify_trail(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="An export; without it the live trail.")] = None,
    *,
    anchors: AnchorsOption = None,
    key: Annotated[str | None, typer.Option("--key", help="The public key that anchors and seals must bear.")] = None,
    sealed: Annotated[
        Path | None, typer.Option("--sealed", help="Folder of sealed parts, which are read before the trail.")
    ] = None,
) -> None:
    """Check that no record was changed, removed, added, moved or cut off; name the first that was.

    Example: tenor audit verify trail.jsonl

    Exit code: 0 intact, 1 broken or an error.
    """
    with plain_errors():
        settings = settings_of(None)
        read = _from_file(file, key) if file else _live(settings, key)
        if sealed is not None:
            read = _after_parts(sealed, read, key)
        folder = anchors or settings.audit_anchors
        marks = read_anchors(folder) if folder and folder.is_dir() else ()
        verdict = held_against(read.verdict, read.records, marks, key, read.start)
    match verdict:
        case Intact(head=head):
            seen = f", held against {len(marks)} anchors" if marks else ", without anchors"
            begin = (
                f" It begins after record {read.start.seq}, up to which the trail was sealed." if read.start.seq else ""
            )
            count = head.seq - read.start.seq
            typer.echo(f"Intact: {count} records{seen}. The last has the hash {head.hash}.{begin}")
        case Broken(place=place, why=why):
            typer.echo(f"Broken at record {place}: {why}.", err=True)
            raise typer.Exit(ERROR)


@audit_app.command()
def anchor(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Where anchors are kept.")] = None,
) -> None:
    """Write a signed mark of the trail's end to a folder that others keep.

    Example: tenor audit anchor /mnt/auditors
    """
    with plain_errors():
        settings = settings_of(None)
        target = folder or settings.audit_anchors
        if target is None:
            raise AuditError("Say where anchors are kept: name a folder, or set TENOR_AUDIT_ANCHORS.")
        with open_store(settings) as store:
            mark = key_of(settings.state_folder()).sign(store.audit.head(), datetime.now(UTC))
        path = drop(mark, target)
        typer.echo(f"Record {mark.seq} is marked in {path}. The public key is {mark.public_key}.")


@audit_app.command(name="seal")
def seal_old(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where sealed parts are kept, for good.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "the policy's retention",
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Move what is older than the policy keeps into a signed file that verifies alone; never what a hold covers.

    Example: tenor audit seal /mnt/archive

    Exit code: 0 sealed or nothing to seal, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        key = key_of(here.settings.state_folder())
        match retain(here.store, here.people, key, here.actor, folder, reason):
            case Refused() as refused:
                granted(refused)
            case NothingToSeal(cutoff=cutoff, oldest=oldest):
                first = "the trail is empty" if oldest is None else f"the oldest is of {oldest:%Y-%m-%d}"
                typer.echo(f"No record is older than {cutoff:%Y-%m-%d}: {first}.")
            case Sealed(seal=seal, file=file):
                typer.echo(f"Sealed: records {seal.after + 1} to {seal.through} are in {file}.")
                typer.echo(f"The seal bears the public key {seal.public_key}.")


@hold_app.command(name="add")
def add_hold(
    reason: Annotated[str, typer.Option("--reason", help="The case or the request it is for.")],
    *,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; all before.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; all after.")] = None,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Place a legal hold: nothing of those days is sealed while it is in force.

    Example: tenor audit hold add --reason "tax audit 2026" --from 2026-01-01

    Exit code: 0 placed, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        days = (None if day is None else day.date() for day in (first, last))
        hold = granted(HoldBook(here.store, here.people).place(here.actor, reason, *days))
        typer.echo(f"Hold {hold.id} covers {hold.days()}: {hold.reason}.")


@hold_app.command(name="list")
def list_holds(*, mirror: MirrorOption = None) -> None:
    """List the holds that are in force.

    Example: tenor audit hold list
    """
    with plain_errors(), chambers(settings_of(mirror)) as here:
        holds = HoldBook(here.store, here.people).holds()
        for hold in holds:
            asked = f"; {hold.release_asked_by} asks to release it" if hold.release_asked_by else ""
            when = f"{hold.placed_at:%Y-%m-%d}"
            typer.echo(f"{hold.id}  {hold.days()}  {hold.reason} ({hold.placed_by}, {when}{asked})")
        if not holds:
            typer.echo("No hold is in force.")


@hold_app.command(name="release")
def release_hold(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `tenor audit hold list` shows it.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Release a hold; the policy may want two people for that.

    Example: tenor audit hold release 1a2b3c4d --reason "the audit is closed"

    Exit code: 0 released or asked for, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        became = granted(HoldBook(here.store, here.people).release(key, here.actor, reason))
        typer.echo(f"Hold {key}: {'released' if became == 'released' else 'one more person must release it'}.")


@dataclass(frozen=True)
class _Read:
    """Records, where they begin, and the verdict on them."""

    records: list[dict[str, Any]]
    start: Head
    verdict: Verdict


def _live(settings: Settings, key: str | None) -> _Read:
    with open_store(settings) as store:
        records = list(store.audit.records())
    start = beginning(records, key)
    return _Read(records, Head(), start) if isinstance(start, Broken) else _Read(records, start, verify(records, start))


def _from_file(file: Path, key: str | None) -> _Read:
    try:
        with file.open(encoding="utf-8") as lines:
            records, end, seal = read_export(lines)
    except UnicodeDecodeError:
        raise AuditError(f"{file.name} is not an export of an audit trail: it holds bytes that are no text.") from None
    start = beginning(records, key) if seal is None else Head(seal.after, seal.after_hash)
    start = Head() if isinstance(start, Broken) else start
    return _Read(records, start, verify_export(records, end, seal, key))


def _after_parts(folder: Path, read: _Read, key: str | None) -> _Read:
    """The sealed parts of a folder and the trail after them, as the one chain that they were."""
    before: list[dict[str, Any]] = []
    for file in part_files(folder):
        part = _from_file(file, key)
        if isinstance(part.verdict, Broken):
            return _Read(part.records, part.start, Broken(part.verdict.place, f"{file.name}: {part.verdict.why}"))
        before += part.records
    if isinstance(read.verdict, Broken) or len(before) != read.start.seq:
        found = f"{folder} holds {len(before)} sealed records, but the trail begins after {read.start.seq}"
        verdict = read.verdict if isinstance(read.verdict, Broken) else Broken(len(before) + 1, found)
        return _Read(read.records, read.start, verdict)
    whole = [*before, *read.records]
    return _Read(whole, Head(), verify(whole))
