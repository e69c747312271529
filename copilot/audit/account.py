"""Who runs this process: the actor of what is done at a terminal or on the local page."""

from __future__ import annotations

import getpass


def account() -> str:
    """The account of the operating system, as `local:name`; `local` where it has none."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):
        return "local"
