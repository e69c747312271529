"""`tenor rotate-key`: state and chat history under a new key. Keys come from the environment, never from arguments."""

from __future__ import annotations

from pathlib import Path

import typer

from copilot.errors import StateKeyError
from copilot.settings import Settings
from copilot.state.encryption import rewrite
from copilot.state.store import file_of, open_store
from copilot.surfaces.command_parts import plain_errors, settings_of

CHAT_HISTORY = "chat.db"


def rotate_key() -> None:
    """Write state and chat history under a new key, or encrypt plain ones; for the mirror: tenor-sync rotate-key.

    Reads the old key from TENOR_ENCRYPTION_KEY and the new one from TENOR_NEW_ENCRYPTION_KEY. Stop the chat page first.
    Can be run again after a stop.

    Example: tenor rotate-key
    """
    with plain_errors():
        settings = settings_of(None)
        new = settings.new_encryption_key or settings.encryption_key
        if new is None:
            raise StateKeyError(
                "There is no key to write with. Set TENOR_NEW_ENCRYPTION_KEY to the new key, and TENOR_ENCRYPTION_KEY "
                "to the one in use, if there is one. Make a key with: openssl rand -base64 32"
            )
        done = [path for path in files_of(settings) if path.exists() and rewrite(path, settings.encryption_key, new)]
        open_store(settings.model_copy(update={"encryption_key": new})).close()
    for path in done:
        typer.echo(f"{path} is written under the new key.")
    rest = "Now set TENOR_ENCRYPTION_KEY to the new key and unset TENOR_NEW_ENCRYPTION_KEY."
    typer.echo(f"{'' if done else 'Everything is under the new key already. '}{rest}")


def files_of(settings: Settings) -> tuple[Path, ...]:
    """The SQLite files of the chat half, whether they exist or not."""
    state = file_of(settings.state_url)
    folder = Path(".tenor") if state is None else state.parent
    history = folder / CHAT_HISTORY
    return (history,) if state is None else (state, history)
