"""One engine for each set of rights, opened when somebody who has them asks first. Blocks: for worker threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from copilot.engine import Engine
from copilot.errors import PolicyError
from copilot.settings import Settings
from copilot.surfaces.slack.people import Directory, read_directory
from semantic_layer.viewer import Viewer


class Engines:
    """Engines by the rights of a viewer. Safe to share between threads; close it when done."""

    def __init__(self, settings: Settings, today: date | None = None) -> None:
        self._settings = settings
        self._today = today
        self._open: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def of(self, viewer: Viewer) -> Engine:
        """The engine that sees what this viewer sees. Raises as `Engine.open`."""
        with self._lock:
            found = self._open.get(viewer.identity())
            if found is None:
                name = viewer.name if self._settings.policies else None
                found = Engine.open(self._settings.model_copy(update={"viewer": name}), today=self._today)
                self._open[viewer.identity()] = found
            return found

    def close(self) -> None:
        """Closes every engine."""
        with self._lock:
            for engine in self._open.values():
                engine.close()
            self._open.clear()


class LiveDirectory:
    """The people file as it stands now: it is read again whenever it or the policies file was changed.

    Whoever is taken off the list is not answered any more. A file that has become unusable lets nobody in; `report` is
    told why.
    """

    def __init__(self, path: Path, settings: Settings, report: Callable[[str], None]) -> None:
        self._path = path
        self._settings = settings
        self._report = report
        self._stamp = self._changed()
        self._directory = read_directory(path, settings)

    def current(self) -> Directory:
        """The people who are let in at this moment."""
        stamp = self._changed()
        if stamp != self._stamp:
            try:
                self._directory = read_directory(self._path, self._settings)
            except PolicyError as error:
                self._directory = Directory()
                self._report(str(error))
            self._stamp = stamp
        return self._directory

    def _changed(self) -> tuple[float, ...]:
        files = (self._path, self._settings.policies)
        return tuple(file.stat().st_mtime_ns if file and file.exists() else 0 for file in files)
