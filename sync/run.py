"""What the parts of one run share: its clock and settings, who watches it, and what it reports."""

import datetime as dt
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sync.clock import Clock, months_before
from sync.publish import Manifest
from sync.rows import Rejected
from sync.settings import Settings
from sync.state import Depth

WORK_FILE: Final = "work.duckdb"


@dataclass(frozen=True)
class ResourceOutcome:
    """What one run did to one resource. `repeated` records were served twice, and taken once."""

    resource: str
    read: int
    changed: int
    rejected: int
    pages: int
    rows: int
    repeated: int = 0


@dataclass(frozen=True)
class SyncReport:
    """What one run did. `rejected` are all records that are set aside now, also those of earlier runs.

    `feeds` says in a sentence each what happened to feeds.
    """

    run_id: str
    manifest: Manifest
    path: Path
    outcomes: tuple[ResourceOutcome, ...]
    rejected: tuple[Rejected, ...]
    seconds: float
    feeds: tuple[str, ...] = ()


class Progress(Protocol):
    """Who watches a run. All methods return at once."""

    def page(self, resource: str, records: int, rejected: int) -> None:
        """A page was read; counts are of this page."""

    def finished(self, outcome: ResourceOutcome) -> None:
        """A resource was read to its end."""

    def trouble(self, sentence: str) -> None:
        """A request failed and is going to be tried again."""

    def publishing(self) -> None:
        """All was read; the finished copy is being written."""


@dataclass(frozen=True)
class Source:
    """Where the data comes from: its name in the manifest, and the work file that mirrors it.

    A disposable work file (the demo's) is made afresh when it mirrors another source.
    """

    name: str
    work_file: str = WORK_FILE
    disposable: bool = False


@dataclass(frozen=True)
class Run:
    """What every part of one run shares."""

    run_id: str
    now: dt.datetime
    clock: Clock
    depth: Depth
    settings: Settings
    progress: Progress


def new_run(settings: Settings, clock: Clock, progress: Progress) -> Run:
    """A run that begins now."""
    now = clock()
    months = settings.lookback_months
    depth = Depth(
        look_back_start=months_before(now, months) if months else None,
        overlap=dt.timedelta(minutes=settings.overlap_minutes),
    )
    return Run(f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", now, clock, depth, settings, progress)
