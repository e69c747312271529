"""Who runs this process: the actor of what is done at a terminal or on the local page."""

from __future__ import annotations

import os
import pwd


def account() -> str:
    """The account of the operating system, as `local:name`; `local` where it has none.

    As the system knows it: variables of the environment, which anybody can set, do not count.
    """
    try:
        return f"local:{pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return "local"
