"""What was not foreseen: its details go to the log, the person gets a reference to them and nothing of its inside."""

from __future__ import annotations

import logging
import secrets

_log = logging.getLogger("tenor")


def log_failure(what: str, error: BaseException | None = None) -> str:
    """Logs the exception being handled (or `error`) with its traceback; the reference under which it can be found."""
    reference = secrets.token_hex(4)
    _log.error("%s failed, reference %s", what, reference, exc_info=error or True)
    return reference


def failure_sentence(what: str, error: BaseException | None = None) -> str:
    """The sentence that a person is told."""
    return (
        "Something went wrong on our side, so there is no figure to show. Please ask again; if it happens again, "
        f"give your administrator the reference {log_failure(what, error)}."
    )
