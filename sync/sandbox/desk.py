"""What one running sandbox holds: the company, its access rules, its troubles, its pages and its counters."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from sync.sandbox.access import TokenDesk
from sync.sandbox.arrays import IntArray
from sync.sandbox.company.company import Company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.editing.random_edits import RandomEdits
from sync.sandbox.faults import Fault, FaultLine, Trouble
from sync.sandbox.projection import Record, render, shape_of
from sync.sandbox.query import Selector
from sync.sandbox.tables import Shape, Table
from sync.sandbox.throttle import LeakyBucket
from sync.sandbox.writes import Papers

_ENCODER = msgspec.json.Encoder()
_KEPT_SHAPES = 32
_KEPT_BYTES = 512 * 1024 * 1024


@dataclass
class Written:
    """Records of one table in one shape, as JSON text, written once and kept until the company is edited."""

    table: Table
    shape: Shape
    texts: dict[int, bytes] = field(default_factory=dict)

    def page(self, rows: IntArray, room: int) -> tuple[bytes, int]:
        """The JSON list of the rows, and how many bytes more are kept now; keeps nothing once there is no room."""
        wanted = rows.tolist()
        missing = [row for row in wanted if row not in self.texts]
        fresh: dict[int, bytes] = {}
        if missing:
            records = render(self.table, np.array(missing, dtype=np.int64), self.shape)
            fresh = {row: json_bytes(record) for row, record in zip(missing, records, strict=True)}
        body = b"[" + b",".join([fresh[row] if row in fresh else self.texts[row] for row in wanted]) + b"]"
        if room <= 0:
            return body, 0
        self.texts.update(fresh)
        return body, sum(len(text) for text in fresh.values())


@dataclass
class Counters:
    """What was asked and answered. first and last are the seconds of the sandbox's clock at which calls arrived."""

    calls: int = 0
    refused_by_rate_limit: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    first: float | None = None
    last: float | None = None

    def arrived(self, now: float) -> None:
        """Counts a call to /api."""
        self.calls += 1
        self.first = now if self.first is None else self.first
        self.last = now

    def shown(self) -> dict[str, Any]:
        """The counters as JSON."""
        seconds = (self.last or 0.0) - (self.first or 0.0)
        return {
            "calls": self.calls,
            "refused_by_rate_limit": self.refused_by_rate_limit,
            "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            "seconds": round(seconds, 6),
        }


@dataclass
class Desk:
    """Everything one running sandbox holds."""

    edits: Edits
    tokens: TokenDesk
    faults: FaultLine
    bucket: LeakyBucket | None
    clock: Callable[[], float]
    counters: Counters = field(default_factory=Counters)
    papers: Papers = field(default_factory=Papers)
    editors: dict[Fault, RandomEdits] = field(default_factory=dict)
    _selectors: dict[str, Selector] = field(default_factory=dict, repr=False)
    _written: dict[tuple[str, str], Written] = field(default_factory=dict, repr=False)
    _kept: int = 0
    _revision: int = 0

    @property
    def company(self) -> Company:
        """The company as it is now."""
        return self.edits.company

    def play(self, faults: FaultLine) -> None:
        """Replaces the troubles; counting starts anew."""
        self.faults = faults
        self.editors.clear()
        skew = faults.standing(Fault.CLOCK_SKEW)
        self.edits.skew_seconds = 0.0 if skew is None else skew.seconds

    def selector(self, resource: str) -> Selector:
        """The selector of a resource, made once until the company is edited. Hold the lock of the edits."""
        self._forget_if_edited()
        return self._selectors.setdefault(resource, Selector(self.company.resources[resource]))

    def written(self, resource: str, parameters: Mapping[str, str]) -> Written:
        """The kept texts of a resource in the shape that a call asks for. Hold the lock. Raises BadQueryError."""
        self._forget_if_edited()
        asked = ("fields", "return_object")
        key = (resource, next((f"{name}={parameters[name]}" for name in asked if name in parameters), ""))
        if key not in self._written:
            table = self.company.resources[resource]
            if len(self._written) >= _KEPT_SHAPES:
                gone = self._written.pop(next(iter(self._written)))
                self._kept -= sum(len(text) for text in gone.texts.values())
            self._written[key] = Written(table, shape_of(table, parameters))
        return self._written[key]

    def page(self, written: Written, rows: IntArray) -> bytes:
        """The JSON list of the rows. Hold the lock."""
        body, added = written.page(rows, _KEPT_BYTES - self._kept)
        self._kept += added
        return body

    def end_tokens(self, which: str, header: str | None) -> None:
        """Puts an end to the token of a call (`this`) or to all of them (`all`)."""
        if which == "all":
            self.tokens.end_all()
        elif which == "this":
            self.tokens.end(header)

    def _forget_if_edited(self) -> None:
        if self._revision != self.edits.revision:
            self._selectors.clear()
            self._written.clear()
            self._kept, self._revision = 0, self.edits.revision


def one_before(written: Written, rows: IntArray) -> Record | None:
    """The record that stands ahead of a page in the table; None at its start."""
    live = written.table.live_rows()
    place = int(np.searchsorted(live, rows[0])) if len(rows) else 0
    return render(written.table, live[place - 1 : place], written.shape)[0] if place else None


def met(troubles: Sequence[Trouble], fault: Fault) -> bool:
    """Whether a fault is among the troubles."""
    return any(trouble.fault is fault for trouble in troubles)


def json_bytes(value: Any) -> bytes:
    """Compact JSON."""
    return _ENCODER.encode(value)
