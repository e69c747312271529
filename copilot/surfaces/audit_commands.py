"""`tenor audit`: export the trail, verify it or an export of it, and mark its end outside of the database."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from copilot.audit.anchor import drop, held_against, key_of, read_anchors
from copilot.audit.chain import Broken, Intact, Verdict, verify
from copilot.audit.exporting import export_lines, read_export, verify_export
from copilot.errors import AuditError
from copilot.settings import Settings
from copilot.state.store import open_store
from copilot.surfaces.command_parts import ERROR, plain_errors, settings_of

audit_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="The audit trail: export, verify, anchor.")

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
    key: Annotated[str | None, typer.Option("--key", help="The public key that anchors must bear.")] = None,
) -> None:
    """Check that no record was changed, removed, added, moved or cut off; name the first that was.

    Example: tenor audit verify trail.jsonl

    Exit code: 0 intact, 1 broken or an error.
    """
    with plain_errors():
        settings = settings_of(None)
        records, verdict = _from_file(file) if file else _live(settings)
        folder = anchors or settings.audit_anchors
        marks = read_anchors(folder) if folder and folder.is_dir() else ()
        verdict = held_against(verdict, records, marks, key)
    match verdict:
        case Intact(head=head):
            seen = f", held against {len(marks)} anchors" if marks else ", without anchors"
            typer.echo(f"Intact: {head.seq} records{seen}. The last has the hash {head.hash}.")
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


def _live(settings: Settings) -> tuple[list[dict[str, Any]], Verdict]:
    with open_store(settings) as store:
        records = list(store.audit.records())
    return records, verify(records)


def _from_file(file: Path) -> tuple[list[dict[str, Any]], Verdict]:
    try:
        with file.open(encoding="utf-8") as lines:
            records, end = read_export(lines)
    except UnicodeDecodeError:
        raise AuditError(f"{file.name} is not an export of an audit trail: it holds bytes that are no text.") from None
    return records, verify_export(records, end)
