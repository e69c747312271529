"""What each lever does to simulated documents: a pure function of the drawn ones, with no new random numbers.

Payments that a lever moves land on the next payment run; those it does not move stay bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.book import Book, Names
from copilot.forecasting.business_days import closed_matrix
from copilot.forecasting.cash_paths import Model
from copilot.forecasting.event_paths import NEW, NO_DAY, OPEN, Events, added, cash_out
from copilot.simulations.legal_caps import cap_of
from copilot.simulations.levers import (
    ApprovalSpeed,
    CaptureDiscounts,
    CashFloor,
    ExtendTerms,
    HurdleRate,
    Lever,
    RunDays,
    Selection,
    SpendGrowth,
    StopEarlyPayment,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ORDER = (SpendGrowth, ApprovalSpeed, ExtendTerms, RunDays, StopEarlyPayment, CaptureDiscounts, CashFloor, HurdleRate)
"""Levers act in this order, whatever the order they are given in: the result depends on the set alone."""
NO_CAP = 10**6
ADVANCE_DAYS = 120
"""The longest time by which a payment may come early under a cash floor."""


@dataclass(frozen=True, eq=False)
class Runs:
    """For each buying entity and offset: whether a run is on it, the next one at or after it, the last one before it.

    Tables are `[entity, offset]` with offsets from 0; the last column stands for everything later.
    """

    on: Flags
    following: Ints
    before: Ints

    @classmethod
    def of(cls, model: Model, weekdays: Flags, days: int) -> Runs:
        """Runs on `weekdays[entity, 7]`; a holiday moves its run to the next day that is none."""
        day = model.today + np.arange(-7, days + 2)
        on = weekdays[:, (day + 6) % 7].copy()
        if any(model.timing.countries):
            closed = closed_matrix(model.timing.countries, int(day[0]), int(day[-1]))
            for place in range(len(day) - 1):
                moved = on[:, place] & closed[:, place]
                on[moved, place + 1] = True
                on[moved, place] = False
        on = on[:, 7:]
        size = on.shape[1]
        following = np.where(on, np.arange(size), size - 1)
        following = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]
        latest = np.maximum.accumulate(np.where(on, np.arange(size), 0), axis=1)
        before = np.concatenate([np.zeros((len(on), 1), dtype=np.int64), latest[:, :-1]], axis=1)
        return cls(on, following, before)

    def next_at(self, entity: Ints, offset: Ints) -> Ints:
        """The first run at or after an offset (the offset itself beyond the tables)."""
        last = self.following.shape[1] - 1
        found = self.following[entity, np.clip(offset, 0, last)]
        return np.where(offset >= last, offset, found)

    def last_at(self, entity: Ints, offset: Ints) -> Ints:
        """The last run at or before an offset (0: none since today)."""
        last = self.before.shape[1] - 1
        place = np.clip(offset, 0, last)
        return np.where(self.on[entity, place], place, self.before[entity, place])


def learned_runs(model: Model, days: int) -> Runs:
    """The runs as learned from history."""
    return Runs.of(model, model.timing.run_days(), days)


def apply(model: Model, events: Events, levers: Iterable[Lever], cash: Floats | None = None) -> Events:
    """The events under some levers.

    `cash` `[day]` is the cash at the end of each day ahead, suppliers not paid; without it a floor holds nothing back.
    """
    given = tuple(levers)
    floor = floor_of(given)
    runs = learned_runs(model, events.days)
    for kind in ORDER:
        for lever in given:
            if isinstance(lever, kind):
                if isinstance(lever, RunDays):
                    events, runs = _run_days(model, events, lever, runs)
                elif isinstance(lever, CaptureDiscounts):
                    events = _capture(model, events, lever, runs, None if floor is None else cash, floor or 0.0)
                else:
                    events = _applied(model, events, lever, runs)
    return events


def floor_of(levers: Iterable[Lever]) -> float | None:
    """The highest floor under cash that some levers ask for; None when none does."""
    floors = [float(lever.floor) for lever in levers if isinstance(lever, CashFloor)]
    floors += [
        float(lever.cash_floor)
        for lever in levers
        if isinstance(lever, CaptureDiscounts) and lever.cash_floor is not None
    ]
    return max(floors, default=None)


def _applied(model: Model, events: Events, lever: Lever, runs: Runs) -> Events:
    match lever:
        case SpendGrowth():
            return _spend_growth(model, events, lever)
        case ApprovalSpeed():
            return _approval_speed(model, events, lever, runs)
        case ExtendTerms():
            return _extend_terms(model, events, lever, runs)
        case StopEarlyPayment():
            return _stop_early(model, events, lever, runs)
        case _:
            return events


def selected(book: Book, selection: Selection, today: int) -> Flags:
    """Which documents of a book a selection means."""
    keep = np.ones(len(book), dtype=np.bool_)
    columns: tuple[tuple[Names, tuple[str, ...]], ...] = (
        (book.supplier, selection.suppliers),
        (book.category, selection.categories),
        (book.supplier_country, selection.supplier_countries),
        (book.buying_entity, selection.buying_entities),
    )
    for column, wanted in columns:
        if wanted:
            keep &= _codes_in(column, wanted)[column.code]
    if selection.now_net_days:
        keep &= np.isin(book.due_day - book.invoice_day, selection.now_net_days) & (book.due_day > 0)
    if selection.excluded_suppliers:
        keep &= ~_codes_in(book.supplier, selection.excluded_suppliers)[book.supplier.code]
    if selection.top_suppliers:
        recent = keep & (book.invoice_day > today - 365) & (book.recognised_day > 0)
        spend = np.bincount(book.supplier.code[recent], book.gross[recent], len(book.supplier.values))
        largest = np.argsort(-spend, kind="stable")[: selection.top_suppliers]
        chosen = np.zeros(len(book.supplier.values), dtype=np.bool_)
        chosen[largest[spend[largest] > 0]] = True
        keep &= chosen[book.supplier.code]
    return keep


def _codes_in(column: Names, wanted: tuple[str, ...]) -> Flags:
    lowered = {value.casefold() for value in wanted}
    return np.array([value.casefold() in lowered for value in column.values], dtype=np.bool_)


def legal_limits(model: Model, lever: ExtendTerms) -> Ints:
    """The longest net days that law allows each document of the book under a lever (NO_CAP for none).

    The stricter of the supplier's country and the buying entity's.
    """
    book = model.book
    limits = []
    for column in (book.supplier_country, book.entity_country):
        by_code = []
        for country in column.values:
            cap = cap_of(country, lever.start or model.as_of)
            binding = cap is not None and (cap.hard or not lever.express_agreement)
            by_code.append(cap.max_days if cap is not None and binding else NO_CAP)
        limits.append(np.array(by_code or [NO_CAP], dtype=np.int64)[column.code])
    return np.minimum(*limits)


def _spend_growth(model: Model, events: Events, lever: SpendGrowth) -> Events:
    grown = selected(model.book, lever.selection, model.today)[events.row] & (events.layer == NEW)
    factor = np.where(grown, 1.0 + float(lever.growth), 1.0)
    return events.changed(amount=events.amount * factor, cash=events.cash * factor)


def _approval_speed(model: Model, events: Events, lever: ApprovalSpeed, runs: Runs) -> Events:
    faster = float(lever.faster)
    mine = selected(model.book, lever.selection, model.today)[events.row] & (events.layer != OPEN)
    wait = events.recognised - events.received
    sooner = events.received + np.ceil(wait * (1.0 - faster)).astype(np.int64)
    live = events.recognised <= events.days
    recognised = np.where(mine & live & (wait > 0), np.maximum(sooner, 1), events.recognised)
    recognised = np.minimum(recognised, events.recognised)
    return events.changed(recognised=recognised, paid=_moved(model, events, runs, events.due, events.due, recognised))


def _moved(model: Model, events: Events, runs: Runs, due: Ints, new_due: Ints, recognised: Ints) -> Ints:
    """Pay days after due and recognition days changed: ready as far from the later of both as before, then a run."""
    before = np.maximum(events.recognised, due)
    after = np.maximum(recognised, new_due)
    shift = after - before
    entity = model.book.buying_entity.code[events.row]
    landed = runs.next_at(entity, np.maximum(ready_days(events, runs, entity) + shift, np.maximum(recognised, 1)))
    landed = np.where(shift < 0, np.minimum(landed, events.paid), landed)
    later = events.paid > events.days  # beyond what was drawn: nobody knows the day, so nothing moves
    return np.where((shift == 0) | later, events.paid, landed)


def ready_days(events: Events, runs: Runs, entity: Ints) -> Ints:
    """When each payment was ready: somewhere after the run before the one that paid it (urgent ones: on their day).

    Without it a shift of ten days would become one of up to fourteen, as payments only ever move to the next run.
    """
    place = np.clip(events.paid, 0, events.days)
    previous = runs.before[entity, place]
    ready = previous + 1 + np.floor(events.chance * (place - previous)).astype(np.int64)
    ready = np.maximum(ready, np.minimum(np.maximum(events.recognised, 1), place))
    at_run = (events.paid >= 1) & (events.paid <= events.days) & runs.on[entity, place]
    return np.where(at_run, ready, events.paid)


def kept_until(book: Book, lever: ExtendTerms, today: int) -> Ints:
    """By code of the supplier: the last day ahead on which its terms stay (NO_CAP: all days; -NO_CAP: none)."""
    last = {kept.supplier.casefold(): kept.until for kept in lever.kept}
    return np.array(
        [
            -NO_CAP if name not in last else NO_CAP if (until := last[name]) is None else until.toordinal() - today
            for name in (value.casefold() for value in book.supplier.values)
        ],
        dtype=np.int64,
    )


def extension(model: Model, events: Events, lever: ExtendTerms) -> Ints:
    """Days by which each drawn document falls due later under a lever, legal caps respected."""
    book = model.book
    start = (lever.start.toordinal() if lever.start else model.today + 1) - model.today
    # One uniform draw per supplier decides whether it accepts; what is left of it, when.
    accepts = events.supplier_chance < float(lever.acceptance)
    place = events.supplier_chance / max(float(lever.acceptance), 1e-9)
    begins = start + np.floor(place * lever.ramp_days)
    net = events.due - events.invoiced
    anyone = lever.selection.model_copy(update={"now_net_days": ()})  # a drawn document has the terms of today
    mine = selected(book, anyone, model.today)[events.row] & accepts
    if lever.selection.now_net_days:
        mine &= np.isin(net, lever.selection.now_net_days)
    mine &= (events.layer != OPEN) & (events.invoiced >= begins) & ~book.is_credit_note[events.row]
    mine &= events.due != NO_DAY
    mine &= events.invoiced > kept_until(book, lever, model.today)[book.supplier.code[events.row]]
    wanted = net + lever.add_days if lever.net_days is None else np.maximum(net, lever.net_days)
    allowed = np.maximum(np.minimum(wanted, legal_limits(model, lever)[events.row]), net)
    return np.where(mine, allowed - net, 0)


def _extend_terms(model: Model, events: Events, lever: ExtendTerms, runs: Runs) -> Events:
    due = events.due + extension(model, events, lever)
    return events.changed(due=due, paid=_moved(model, events, runs, events.due, due, events.recognised))


def _run_days(model: Model, events: Events, lever: RunDays, runs: Runs) -> tuple[Events, Runs]:
    if not lever.weekdays:
        return events, runs
    weekdays = model.timing.run_days().copy()
    touched = np.unique(model.book.buying_entity.code[selected(model.book, lever.selection, model.today)])
    weekdays[touched] = np.isin(np.arange(7), lever.weekdays)
    changed = Runs.of(model, weekdays, events.days)
    entity = model.book.buying_entity.code[events.row]
    inside = (events.paid >= 1) & (events.paid <= events.days)
    place = np.clip(events.paid, 0, events.days)
    at_run = inside & runs.on[entity, place]
    moved = np.where(at_run, changed.next_at(entity, ready_days(events, runs, entity)), events.paid)
    return events.changed(paid=moved), changed


def _stop_early(model: Model, events: Events, lever: StopEarlyPayment, runs: Runs) -> Events:
    if lever.tolerance_days is None:
        return events
    mine = selected(model.book, lever.selection, model.today)[events.row]
    earliest = events.due - lever.tolerance_days
    early = mine & (events.due != NO_DAY) & (events.paid < earliest) & (events.discount_rate == 0)
    early &= ~model.book.is_credit_note[events.row]
    entity = model.book.buying_entity.code[events.row]
    # The first run inside the tolerance, but never past the last one that is still in time.
    in_time = runs.last_at(entity, np.maximum(events.due, 1))
    landed = np.minimum(runs.next_at(entity, np.maximum(earliest, 1)), in_time)
    return events.changed(paid=np.where(early, np.maximum(landed, events.paid), events.paid))


def yearly_yield(events: Events) -> Floats:
    """What an offer earns a year: d / (1 - d) x 365 / (due - end of the window); infinite when nothing is deferred."""
    days = np.maximum(events.due - events.discount, 0).astype(np.float64)
    gain = events.discount_rate / np.maximum(1.0 - events.discount_rate, 1e-9)
    found: Floats = np.divide(gain * 365.0, days, out=np.full(len(days), np.inf), where=days > 0)
    return found


def _capture(
    model: Model, events: Events, lever: CaptureDiscounts, runs: Runs, cash: Floats | None, floor: float
) -> Events:
    offered = (events.discount != NO_DAY) & (events.discount_rate > 0) & (events.discount >= 1)
    mine = selected(model.book, lever.selection, model.today)[events.row] & offered
    entity = model.book.buying_entity.code[events.row]
    target = runs.last_at(entity, events.discount)
    possible = (target >= np.maximum(events.recognised, 1)) & (target < events.paid)
    taken = mine & possible & (events.chance < float(lever.share)) & (yearly_yield(events) >= float(lever.hurdle))
    if cash is not None:
        taken = _above_floor(events, np.where(taken, target, events.paid), taken, cash - floor)
    return events.changed(
        paid=np.where(taken, target, events.paid),
        cash=np.where(taken, events.amount * (1.0 - events.discount_rate), events.cash),
    )


def _above_floor(events: Events, paid: Ints, taken: Flags, room: Floats) -> Flags:
    """Which of the early payments leave cash above its floor on every day until the invoice would have been paid.

    Run by run in time, the best yield first on each path. `room` `[day]` is cash over the floor, suppliers not paid.
    A path that is below its floor anyway takes nothing meanwhile. What is paid early for longer than ADVANCE_DAYS is
    left out, so that a run looks that far ahead and no further.
    """
    days = len(room)
    left = room[None, :] - np.cumsum(cash_out(events, days), axis=1)
    kept = np.zeros(len(taken), dtype=np.bool_)
    end = np.minimum(events.paid, days + 1)
    fits = taken & (paid <= days) & (end - paid <= ADVANCE_DAYS)
    worth = yearly_yield(events)
    for day in np.unique(paid[fits]).tolist():
        rows = np.flatnonzero(fits & (paid == day))
        rows = rows[np.lexsort((-worth[rows], events.path[rows]))]
        path, amount = events.path[rows], events.amount[rows]
        ahead = left[:, day - 1 : day - 1 + ADVANCE_DAYS].min(axis=1)
        total = np.cumsum(amount)
        first = np.searchsorted(path, path, side="left")
        so_far = total - np.where(first > 0, total[first - 1], 0.0)
        rows = rows[so_far <= ahead[path]]
        kept[rows] = True
        size = events.paths * (days + 2)
        moved = added(events.path[rows] * (days + 2) + day - 1, events.amount[rows], size)
        moved -= added(events.path[rows] * (days + 2) + end[rows] - 1, events.amount[rows], size)
        left = left - np.cumsum(moved.reshape(events.paths, days + 2), axis=1)[:, :days]
    return kept
