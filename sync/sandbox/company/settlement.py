"""How approved documents are paid: runs, lateness, discounts, part payments, and the Coupa Pay records of them.

Lateness is a mixture around the due date (early on a run, on the last run before it, then three late bands), with
habits by entity and supplier. A payment is never earlier than the first run after approval plus the cut-off, except
for urgent payments outside the runs.
"""

from dataclasses import dataclass

import numpy as np

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray, starts_of
from sync.sandbox.company.documents import Documents
from sync.sandbox.company.presets import Frame
from sync.sandbox.company.reference import DRESSING_ENTITY, EARLY_ENTITY, ENTITIES, ENTITY_INDEX
from sync.sandbox.company.stages import STATUS, Progress
from sync.sandbox.company.supplier_book import SupplierBook
from sync.sandbox.company.terms import NO_DAY, month_end
from sync.sandbox.company.workdays import WorkCalendar

CAPTURE_ODDS = 0.40
_UNEARNED_ODDS = 0.008
_URGENT_ODDS = 0.03
_PARTIAL_ODDS = 0.025
_DRESSING_ODDS = 0.55
_BANDS = (0.16, 0.55, 0.15, 0.09, 0.04, 0.01)
_EARLY_BANDS = (0.85, 0.10, 0.03, 0.015, 0.005, 0.0)


@dataclass(frozen=True)
class Payments:
    """Payments recorded on invoices, sorted by day; amounts in hundredths.

    discount is the discount taken with the document's last payment (0 on the others). urgent: outside the runs.
    """

    document: IntArray
    day: IntArray
    amount: IntArray
    discount: IntArray
    urgent: BoolArray


@dataclass(frozen=True)
class Settlement:
    """Payments, and per document: whether it is fully paid, its last payment's day (NO_DAY if none), discount taken."""

    payments: Payments
    paid: BoolArray
    last_day: IntArray
    paid_amount: IntArray
    discount: IntArray
    offered: IntArray


def offered_amounts(documents: Documents) -> IntArray:
    """Total with taxes times the rate, rounded half up to hundredths; 0 without an offer."""
    basis = np.round(documents.rate * 100.0).astype(np.int64)
    return (documents.total * basis + 5_000) // 10_000 * (basis > 0)


def settle(
    frame: Frame, book: SupplierBook, documents: Documents, progress: Progress, calendar: WorkCalendar
) -> Settlement:
    """Pays what is approved, up to the last day of the data."""
    random = frame.stream("settlement")
    ready = progress.recognised
    day, urgent = _pay_days(random, book, documents, ready, calendar)
    day, taken = _discounts(random, documents, ready, calendar, day)
    urgent &= ~taken
    offered = offered_amounts(documents)
    split = (
        (random.random(len(documents)) < _PARTIAL_ODDS)
        & ~taken
        & ~documents.credit
        & ~urgent
        & (documents.total > 20_000)
    )
    rest_day = calendar.run_on_or_after(day + random.integers(7, 30, len(documents)))
    part = np.round(documents.total * random.uniform(0.4, 0.7, len(documents)) / 100.0).astype(np.int64) * 100
    approved = progress.status == STATUS["approved"]
    whole = documents.total - np.where(taken, offered, 0)
    payments = _in_order(
        frame,
        document=np.concatenate((np.flatnonzero(approved), np.flatnonzero(approved & split))),
        day=np.concatenate((day[approved], rest_day[approved & split])),
        amount=np.concatenate((np.where(split, part, whole)[approved], (documents.total - part)[approved & split])),
        discount=np.concatenate(
            (np.where(taken, offered, 0)[approved], np.zeros(int((approved & split).sum()), np.int64))
        ),
        urgent=np.concatenate((urgent[approved], np.zeros(int((approved & split).sum()), np.bool_))),
    )
    return _summary(documents, payments, offered)


def _summary(documents: Documents, payments: Payments, offered: IntArray) -> Settlement:
    count = len(documents)
    paid_amount = np.zeros(count, dtype=np.int64)
    discount = np.zeros(count, dtype=np.int64)
    last_day = np.full(count, NO_DAY, dtype=np.int64)
    np.add.at(paid_amount, payments.document, payments.amount)
    np.add.at(discount, payments.document, payments.discount)
    np.maximum.at(last_day, payments.document, payments.day)
    paid = (last_day != NO_DAY) & (paid_amount + discount == documents.total)
    return Settlement(payments, paid, last_day, paid_amount, discount, offered)


def _in_order(
    frame: Frame, *, document: IntArray, day: IntArray, amount: IntArray, discount: IntArray, urgent: BoolArray
) -> Payments:
    order = np.lexsort((document, day))
    order = order[day[order] <= frame.last_day]
    return Payments(document[order], day[order], amount[order], discount[order], urgent[order])


def _pay_days(
    random: np.random.Generator,
    book: SupplierBook,
    documents: Documents,
    ready: IntArray,
    calendar: WorkCalendar,
) -> tuple[IntArray, BoolArray]:
    """The day each document would be paid without a discount, and whether that is an urgent payment."""
    count = len(documents)
    early_entity = documents.entity == ENTITY_INDEX[EARLY_ENTITY]
    band = np.where(
        early_entity,
        random.choice(len(_EARLY_BANDS), count, p=_EARLY_BANDS),
        random.choice(len(_BANDS), count, p=_BANDS),
    )
    habit = np.round(book.lateness[documents.supplier]).astype(np.int64)
    shift = np.select(
        [band == 0, band == 1, band == 2, band == 3, band == 4],
        [
            -np.where(
                early_entity, random.integers(9, 22, count), np.maximum(random.integers(4, 16, count) - habit, 3)
            ),
            np.zeros(count, dtype=np.int64),
            random.integers(1, 8, count),
            np.maximum(random.integers(8, 31, count) + habit, 8),
            random.integers(31, 91, count),
        ],
        random.integers(91, 150, count),
    )
    target = np.maximum(documents.due + shift, documents.day)
    day = np.where(shift <= 0, calendar.run_on_or_before(target), calendar.run_on_or_after(target))
    day = np.maximum(day, calendar.first_run_for(ready))
    urgent = (random.random(count) < _URGENT_ODDS) & ~documents.credit
    fast = calendar.business_after(ready, 1)
    urgent &= fast < day
    day = np.where(urgent, fast, day)
    dressed = (documents.entity == ENTITY_INDEX[DRESSING_ENTITY]) & ~urgent & in_quarter_tail(day)
    dressed &= random.random(count) < _DRESSING_ODDS
    return np.where(dressed, calendar.run_on_or_after(_quarter_end(day) + 1), day), urgent


def _quarter_end(days: IntArray) -> IntArray:
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    last = (months // 3 * 3 + 2).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return month_end(last)


def in_quarter_tail(days: IntArray) -> BoolArray:
    """Whether a day lies in the last eight days of its quarter, which hold its last two runs."""
    return _quarter_end(days) - days < 8


def _discounts(
    random: np.random.Generator, documents: Documents, ready: IntArray, calendar: WorkCalendar, day: IntArray
) -> tuple[IntArray, BoolArray]:
    """Moves captured discounts to the last run inside their window; says whose discount is taken, late ones too."""
    offered = (documents.rate > 0.0) & (documents.discount_due != NO_DAY)
    last = calendar.run_on_or_before(np.where(offered, documents.discount_due, documents.day))
    first = calendar.first_run_for(ready)
    eager = random.random(len(documents)) < CAPTURE_ODDS
    captured = offered & (first <= last) & eager
    unearned = offered & ~captured & (random.random(len(documents)) < _UNEARNED_ODDS)
    return np.where(captured, last, day), captured | unearned


@dataclass(frozen=True)
class CoupaPay:
    """Coupa Pay payments and their details; details are sorted by payment. Amounts in hundredths.

    status is a row of PAY_STATUSES. released and updated are local seconds.
    """

    day: IntArray
    supplier: IntArray
    entity: IntArray
    currency: IntArray
    total: IntArray
    status: IntArray
    detail_starts: IntArray
    detail_payment: IntArray
    detail_document: IntArray
    detail_amount: IntArray
    detail_discount: IntArray


PAY_STATUSES = (
    "completed_successfully",
    "completed_with_errors",
    "payment_in_progress",
    "payment_initiated",
    "cancelled",
)
_CANCELLED_ODDS = 0.006


def coupa_pay(
    frame: Frame, documents: Documents, progress: Progress, settlement: Settlement, calendar: WorkCalendar
) -> CoupaPay:
    """Groups payments of Coupa Pay entities by run, supplier and entity; groups that net to nothing are left out.

    A few payments were first cancelled at an earlier run: those carry the same details under status cancelled.
    """
    random = frame.stream("coupa pay")
    payments = settlement.payments
    inside = np.array([fact.coupa_pay for fact in ENTITIES])[documents.entity[payments.document]]
    rows = np.flatnonzero(inside).astype(np.int64)
    document = payments.document[rows]
    key = (payments.day[rows] * 1_000_000 + documents.supplier[document]) * 16 + documents.entity[document]
    _, group = np.unique(key, return_inverse=True)
    totals = np.bincount(group, weights=payments.amount[rows]).astype(np.int64)
    keep = totals[group] > 0
    rows, group, document = rows[keep], group[keep], document[keep]
    _, group = np.unique(group, return_inverse=True)
    order = np.argsort(group, kind="stable")
    rows, group, document = rows[order], group[order].astype(np.int64), document[order]
    day = payments.day[rows]
    status = _pay_statuses(random, frame, day, group)
    retry = _retries(random, calendar, progress, group, document, day)
    chosen = np.flatnonzero(retry[group] != NO_DAY)
    shadow = int(group[-1]) + 1 if len(group) else 0
    return _assemble(
        documents,
        payments,
        rows=np.concatenate((rows, rows[chosen])),
        group=np.concatenate((group, group[chosen] + shadow)),
        day=np.concatenate((day, retry[group][chosen])),
        status=np.concatenate((status, np.full(len(chosen), PAY_STATUSES.index("cancelled")))),
    )


def _pay_statuses(random: np.random.Generator, frame: Frame, day: IntArray, group: IntArray) -> IntArray:
    age = frame.last_day - day
    error = random.random(int(group.max()) + 1 if len(group) else 0)[group] < 0.008
    return np.select([age >= 3, age >= 1], [np.where(error, 1, 0), 2], 3).astype(np.int64)


def _retries(
    random: np.random.Generator,
    calendar: WorkCalendar,
    progress: Progress,
    group: IntArray,
    document: IntArray,
    day: IntArray,
) -> IntArray:
    """For each group the earlier run at which a first attempt was cancelled, or NO_DAY."""
    count = int(group.max()) + 1 if len(group) else 0
    ready = np.zeros(count, dtype=np.int64)
    np.maximum.at(ready, group, progress.recognised[document])
    paid = np.zeros(count, dtype=np.int64)
    paid[group] = day
    earlier = calendar.run_on_or_before(paid - 1) if count else paid
    possible = (earlier > ready) & (random.random(count) < _CANCELLED_ODDS)
    return np.where(possible, earlier, NO_DAY)


def _assemble(
    documents: Documents, payments: Payments, *, rows: IntArray, group: IntArray, day: IntArray, status: IntArray
) -> CoupaPay:
    """Numbers the payments by day and collects their details."""
    count = int(group.max()) + 1 if len(group) else 0
    used, number = np.unique(group, return_inverse=True)
    first = np.zeros(len(used), dtype=np.int64)
    first[number[::-1]] = np.arange(len(group), dtype=np.int64)[::-1]
    by_day = np.lexsort((used, day[first])) if count else np.zeros(0, dtype=np.int64)
    place = np.empty(len(used), dtype=np.int64)
    place[by_day] = np.arange(len(used), dtype=np.int64)
    payment = place[number]
    order = np.lexsort((rows, payment))
    rows, payment, day, status = rows[order], payment[order], day[order], status[order]
    starts = starts_of(payment, len(used))
    head = starts[:-1]
    document = payments.document[rows]
    weights: FloatArray = payments.amount[rows].astype(np.float64)
    return CoupaPay(
        day=day[head],
        supplier=documents.supplier[document][head],
        entity=documents.entity[document][head],
        currency=documents.currency[document][head],
        total=np.bincount(payment, weights=weights, minlength=len(used)).astype(np.int64),
        status=status[head],
        detail_starts=starts,
        detail_payment=payment,
        detail_document=document,
        detail_amount=payments.amount[rows],
        detail_discount=payments.discount[rows],
    )
