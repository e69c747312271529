"""The people file as it stands now, whoever changes it while Tenor runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from copilot.errors import PolicyError
from copilot.settings import Settings
from copilot.surfaces.slack.people import Directory, read_directory


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
