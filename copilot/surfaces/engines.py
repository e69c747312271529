"""One engine for each set of rights, opened when somebody who has them asks first. Blocks: for worker threads."""

from __future__ import annotations

import threading
from datetime import date

from copilot import modelled_answers  # noqa: F401 (a server loads it before the first question that needs it)
from copilot.engine import Engine
from copilot.settings import Settings
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
