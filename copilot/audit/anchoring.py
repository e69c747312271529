"""One mark of the trail's end a day, left by whoever answers: nobody has to remember it, no answer fails for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from copilot.audit.chain import Head
from copilot.errors import AuditError

_log = logging.getLogger(__name__)


class DailyAnchor:
    """Leaves a mark in a folder at the first call of each day (UTC)."""

    def __init__(self, folder: Path, key_folder: Path, head: Callable[[], Head]) -> None:
        self._folder = folder
        self._key_folder = key_folder
        self._head = head
        self._lock = threading.Lock()
        self._marked: date | None = None

    def mark(self, now: datetime) -> None:
        """Marks the trail's end if that was not done today; where the folder fails, it is logged and tried again."""
        with self._lock:
            if self._marked == now.date():
                return
            from copilot.audit.anchor import drop, key_of  # noqa: PLC0415 (loads cryptography, needed once a day)

            try:
                drop(key_of(self._key_folder).sign(self._head(), now), self._folder)
            except (AuditError, OSError) as error:
                _log.warning("No anchor of the audit trail was left: %s", error)
                return
            self._marked = now.date()
