"""What happens to each document between the supplier's desk and approval, and where it stands today.

Times are drawn as fractional days, moved off weekends and holidays, and then written as local seconds within office
hours (08:00 to 18:00); the mapping keeps their order. A document is never approved before it was created, nor created
before it was received.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray, ranges
from sync.sandbox.company.documents import Documents, take
from sync.sandbox.company.people import LEVELS, People
from sync.sandbox.company.presets import Frame
from sync.sandbox.company.reference import ENTITIES
from sync.sandbox.company.supplier_book import SupplierBook
from sync.sandbox.company.workdays import WorkCalendar
from sync.sandbox.zone import DAY

_SLOW_FACTOR = 5.0
_SLOW_MONEY_SHARE = 0.09
_LEVEL_LIMITS = (6_000.0, 60_000.0)
_NO_APPROVAL_LIMIT = 600.0


class Fate(IntEnum):
    """How a document ends unless time stops it earlier."""

    APPROVED = 0
    REJECTED = 1
    VOIDED = 2
    ABANDONED = 3
    INVALID = 4


STATUSES = (
    "approved",
    "rejected",
    "voided",
    "abandoned",
    "invalid",
    "draft",
    "new",
    "processing",
    "ap_hold",
    "on_hold",
    "booking_hold",
    "pending_receipt",
    "disputed",
    "pending_approval",
    "pending_action",
)
STATUS = {word: row for row, word in enumerate(STATUSES)}
_HOLDS = ("ap_hold", "ap_hold", "on_hold", "booking_hold", "pending_receipt", "pending_receipt")


@dataclass(frozen=True)
class Approvals:
    """One entry per approval step, sorted by document and position; moments are local seconds.

    decided is 0 while the step waits. status: 0 approved, 1 rejected, 2 pending_approval.
    """

    document: IntArray
    position: IntArray
    approver: IntArray
    created: IntArray
    decided: IntArray
    status: IntArray


APPROVAL_STATUSES = ("approved", "rejected", "pending_approval")


@dataclass(frozen=True)
class Progress:
    """Where each document stands, one entry per document; moments are local seconds, days are day numbers.

    recognised is the day the document entered open AP (only meaningful for status approved). requester and creator
    are users. received_known is False where Coupa has no date-received. held documents failed a tolerance or waited
    for a receipt, from held_from until held_to, which may lie after the end of the data.
    """

    received: IntArray
    received_known: BoolArray
    created: IntArray
    touched: IntArray
    status: IntArray
    recognised: IntArray
    disputed: BoolArray
    held: BoolArray
    held_from: IntArray
    held_to: IntArray
    requester: IntArray
    creator: IntArray


def run_stages(
    frame: Frame, book: SupplierBook, people: People, documents: Documents, calendar: WorkCalendar
) -> tuple[Documents, Progress, Approvals]:
    """Plays every document up to the end of the data; those not yet created are left out of the answer."""
    random = frame.stream("stages")
    clock = _Clock(calendar)
    count = len(documents)
    received = clock.work(documents.day + 0.4 + _lognormal(random, 1.3, 0.9, count, 45.0))
    created = clock.work(received + _lognormal(random, 0.15, 0.8, count, 8.0))
    first = clock.work(created + _waiting(random, documents))
    steps = _steps(random, book, people, documents)
    hold = (random.random(count) < 0.075) & (steps.levels > 0)
    dispute = (random.random(count) < 0.025) & (steps.levels > 0)
    unheld = clock.work(first + np.where(hold, _lognormal(random, 5.0, 1.1, count, 70.0), 0.0))
    released = clock.work(unheld + np.where(dispute, _lognormal(random, 16.0, 0.8, count, 140.0), 0.0))
    decided = _decisions(random, clock, people, released, steps)
    fate = _fates(random, documents)
    steps_end = np.where(steps.levels > 0, decided[np.arange(count), np.maximum(steps.levels - 1, 0)], created)
    end = frame.last_day + 1.0
    status = _statuses(random, fate, _Milestones(hold, dispute, first, released, steps_end, steps.levels), end)
    known = (random.random(count) >= 0.06) & (received < end)
    entered = np.where(steps.levels > 0, steps_end, np.where(known, received, created))
    progress = Progress(
        received=clock.seconds(received),
        received_known=known,
        created=clock.seconds(created),
        touched=clock.seconds(np.minimum(np.maximum(created, np.where(first < end, first, created)), end - 0.01)),
        status=status,
        recognised=np.floor(entered).astype(np.int64),
        disputed=dispute,
        held=hold & (first < end),
        held_from=clock.seconds(first),
        held_to=clock.seconds(unheld),
        requester=people.requesters[documents.entity, documents.supplier % people.requesters.shape[1]],
        creator=np.where(documents.key % 3 == 0, people.clerks[documents.key % len(people.clerks)], people.integration),
    )
    progress.requester[steps.own] = people.self_approver
    kept = np.lexsort((documents.key, created)).astype(np.int64)
    kept = kept[created[kept] < end]
    approvals = _approvals(clock, steps, released, decided, fate, status, kept, end)
    return take(documents, kept), take(progress, kept), approvals


class _Clock:
    """Moves fractional days to business days and writes them as seconds."""

    def __init__(self, calendar: WorkCalendar) -> None:
        self._calendar = calendar

    def work(self, moments: FloatArray) -> FloatArray:
        """The same moments, those on days off moved to the next business day at the same hour."""
        days = np.floor(moments).astype(np.int64)
        return self._calendar.business_on_or_after(days) + (moments - days)

    def seconds(self, moments: FloatArray) -> IntArray:
        """Local seconds between 08:00 and 18:00 of the moment's day."""
        days = np.floor(moments).astype(np.int64)
        return days * DAY + 8 * 3600 + ((moments - days) * 36_000).astype(np.int64)


@dataclass(frozen=True)
class _Steps:
    """Approval steps of each document: how many, who, and whether the requester approves."""

    levels: IntArray
    approvers: IntArray
    own: BoolArray


def _lognormal(random: np.random.Generator, median: float, sigma: float, count: int, cap: float) -> FloatArray:
    return np.minimum(median * np.exp(sigma * random.normal(0.0, 1.0, count)), cap)


def _waiting(random: np.random.Generator, documents: Documents) -> FloatArray:
    """Days from entry to the first approval step: almost none when touchless, else matching by hand."""
    touchless = random.random(len(documents)) < np.array([fact.touchless for fact in ENTITIES])[documents.entity]
    return np.where(touchless, 0.05, _lognormal(random, 1.6, 0.9, len(documents), 25.0))


def _steps(random: np.random.Generator, book: SupplierBook, people: People, documents: Documents) -> _Steps:
    count = len(documents)
    size = np.abs(documents.dollars)
    levels = 1 + np.searchsorted(np.array(_LEVEL_LIMITS), size).astype(np.int64)
    levels[(size < _NO_APPROVAL_LIMIT) & documents.ordered & (random.random(count) < 0.8)] = 0
    approvers = np.stack(
        [
            seats[documents.entity, (documents.supplier + documents.key % 2) % seats.shape[1]]
            for seats in people.approvers
        ],
        axis=1,
    )
    through_slow = np.isin(documents.supplier, _slow_suppliers(random, book, documents)) & (levels > 0)
    approvers[through_slow, levels[through_slow] - 1] = people.slow
    own = (levels > 0) & (documents.entity == 0) & ~through_slow & (random.random(count) < 0.035)
    approvers[own, 0] = people.self_approver
    return _Steps(levels, approvers, own)


def _slow_suppliers(random: np.random.Generator, book: SupplierBook, documents: Documents) -> IntArray:
    """Suppliers whose invoices go through the planted slow approver: about 9 % of money."""
    money = np.bincount(documents.supplier, weights=np.abs(documents.dollars), minlength=len(book))
    money[book.intercompany] = 0.0
    wanted, chosen = _SLOW_MONEY_SHARE * money.sum(), []
    for row in random.permutation(len(book)).tolist():
        if 0.0 < money[row] <= wanted * 1.15:
            chosen.append(row)
            wanted -= float(money[row])
    return np.array(chosen, dtype=np.int64)


def _decisions(
    random: np.random.Generator, clock: _Clock, people: People, released: FloatArray, steps: _Steps
) -> FloatArray:
    """The moment of each step's decision, one column per level; steps follow one another."""
    decided = np.zeros((len(released), LEVELS))
    before = released
    for level in range(LEVELS):
        spent = _lognormal(random, 0.75, 1.05, len(released), 25.0)
        spent = np.where(steps.approvers[:, level] == people.slow, np.minimum(spent * _SLOW_FACTOR, 60.0), spent)
        decided[:, level] = clock.work(before + spent)
        before = np.where(level < steps.levels, decided[:, level], before)
    return decided


def _fates(random: np.random.Generator, documents: Documents) -> IntArray:
    """1 % rejected, 1 % voided, 0.5 % abandoned, 0.1 % invalid; 70 % of plain duplicates are caught."""
    draw = random.random(len(documents))
    fate = np.select(
        [draw < 0.010, draw < 0.020, draw < 0.025, draw < 0.026],
        [Fate.REJECTED, Fate.VOIDED, Fate.ABANDONED, Fate.INVALID],
        Fate.APPROVED,
    ).astype(np.int64)
    caught = np.isin(documents.copy_kind, (1, 2)) & (random.random(len(documents)) < 0.7)
    fate[caught] = np.where(random.random(int(caught.sum())) < 0.5, Fate.REJECTED, Fate.VOIDED)
    fate[documents.copy_kind == 3] = Fate.APPROVED
    return fate


@dataclass(frozen=True)
class _Milestones:
    """What delays each document and when it passes each stage, in fractional days."""

    hold: BoolArray
    dispute: BoolArray
    first: FloatArray
    released: FloatArray
    approved: FloatArray
    levels: IntArray


def _statuses(random: np.random.Generator, fate: IntArray, stones: _Milestones, end: float) -> IntArray:
    """The status at the end of the data."""
    count = len(fate)
    holds = np.array([STATUS[word] for word in _HOLDS], dtype=np.int64)[random.integers(len(_HOLDS), size=count)]
    early = np.array([STATUS["draft"], STATUS["new"], STATUS["processing"]])[random.integers(3, size=count)]
    waiting = np.where(random.random(count) < 0.04, STATUS["pending_action"], STATUS["pending_approval"])
    final = np.where((fate == Fate.REJECTED) & (stones.levels == 0), Fate.VOIDED, fate)
    return np.select(
        [
            (fate == Fate.ABANDONED) | (fate == Fate.INVALID),
            stones.first >= end,
            (stones.released >= end) & stones.dispute,
            stones.released >= end,
            (stones.approved >= end) & (stones.levels > 0),
        ],
        [fate, early, STATUS["disputed"], np.where(stones.hold, holds, early), waiting],
        final,
    ).astype(np.int64)


def _approvals(
    clock: _Clock,
    steps: _Steps,
    released: FloatArray,
    decided: FloatArray,
    fate: IntArray,
    status: IntArray,
    kept: IntArray,
    end: float,
) -> Approvals:
    """The steps that exist by the end of the data, for the kept documents in their new order."""
    open_to = np.isin(
        status[kept],
        [STATUS[word] for word in ("approved", "rejected", "voided", "pending_approval", "pending_action")],
    )
    levels = np.where(open_to, steps.levels[kept], 0)
    rows = np.repeat(np.arange(len(kept), dtype=np.int64), levels)
    level = ranges(np.zeros_like(levels), levels)
    source = kept[rows]
    begun = np.where(level == 0, released[source], decided[source, np.maximum(level - 1, 0)])
    done = decided[source, level]
    last = level == steps.levels[source] - 1
    rejected = last & (fate[source] == Fate.REJECTED)
    exists = begun < end
    waiting = done >= end
    return Approvals(
        document=rows[exists],
        position=level[exists] + 1,
        approver=steps.approvers[source, level][exists],
        created=clock.seconds(begun[exists]),
        decided=np.where(waiting, 0, clock.seconds(np.where(waiting, begun, done)))[exists],
        status=np.where(waiting, 2, np.where(rejected, 1, 0))[exists],
    )
