"""What the commands of `tenor` share: options, settings, and errors as one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from copilot.errors import CopilotError
from copilot.settings import PREFIX, Settings
from semantic_layer.errors import MirrorMissingError, SemanticLayerError

ERROR = 1

MirrorOption = Annotated[
    Path | None, typer.Option("--mirror", help="The published mirror: folder, pointer or .duckdb file.")
]
TodayOption = Annotated[
    datetime | None,
    typer.Option("--today", formats=["%Y-%m-%d"], help="Fix the clock to this date, for example 2026-11-22."),
]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what can go wrong into one plain sentence on standard error and exit code 1."""
    try:
        yield
    except MirrorMissingError as error:
        fail(f"{error} Run `tenor-sync once` first." if "tenor-sync" not in str(error) else str(error))
    except (CopilotError, SemanticLayerError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"Cannot use {error.filename or 'a file'}: {error.strerror or error}.")


def fail(sentence: str) -> NoReturn:
    """End the command with a sentence on standard error and exit code 1."""
    typer.echo(" ".join(sentence.split()), err=True)
    raise typer.Exit(ERROR)


def settings_of(mirror: Path | None) -> Settings:
    """The settings, with the mirror that the command line names; raises CopilotError for one that is not valid."""
    try:
        return Settings() if mirror is None else Settings(mirror=mirror)
    except ValidationError as error:
        raise CopilotError(_setting_sentence(error)) from None


def day_of(today: datetime | None) -> date | None:
    """The day of an option."""
    return None if today is None else today.date()


def _setting_sentence(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = f"{PREFIX}{'_'.join(map(str, first['loc'])).upper()}"
    rule = first["msg"].removeprefix("Value error, ")
    return f"The setting {name} is not valid: {rule}. Correct it in the environment or in .env."
