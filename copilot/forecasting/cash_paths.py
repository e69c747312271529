"""Simulated payments: for each path, the cash that leaves on each day ahead, by layer.

Layers never overlap. "approved": owed today. "in process": received, not yet recognised. "received not invoiced" and
"ordered": what order lines still have to be billed. "recurring": what comes by the calendar. "residual": all else;
whole past days are drawn again, less the documents that would already be in process or on order today and those of
recurring series, so that nothing counts in two layers. All layers of a path share a weekly slip of payments; the
residual ones also share their volume.

Days are offsets from the day of the forecast: 1 is tomorrow. Amounts are in the reporting currency, without currency
risk. Discounts that are usually taken are left out of the cash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.approval_timing import ApprovalTiming, fit_approvals
from copilot.forecasting.book import Book
from copilot.forecasting.business_days import closed_matrix
from copilot.forecasting.current_terms import current_due_days
from copilot.forecasting.expected_bills import Bills, Waits, expected_bills, learn_waits
from copilot.forecasting.inverse_tables import draw, draw_each, tables
from copilot.forecasting.ledger import Ledger
from copilot.forecasting.new_business import (
    POOL_DAYS,
    choices,
    deseasonalised_rate,
    draw_days,
    level_error,
    weekly_volatility,
)
from copilot.forecasting.payment_timing import (
    TERM_EDGES,
    Cells,
    PaymentTiming,
    cells_of,
    fit,
    step_of,
    usual_days,
    weekday,
)
from copilot.forecasting.recurring import Series, recurring_series
from copilot.forecasting.season import Season, learn_season

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BILLED_LATER = ("received not invoiced", "ordered", "recurring")
"""Layers of documents that are expected one by one, in the order of the codes of `expected_bills`."""
LAYERS = ("approved", "in process", *BILLED_LATER, "residual")
OWN_DRAWS = 10_000
"""Open documents (the largest) that are drawn for each path; the rest shares SHARED_DRAWS draws of the whole rest."""
SHARED_DRAWS = 500
DELAY_DRAWS = 32
FEW_DELAY_DRAWS = 8
"""Draws of the days to payment of each past document that may come again; few where there are many documents."""
MANY_DOCUMENTS = 50_000
WORLD_DRAWS = 3_000_000
"""About how many documents to come are drawn in all: it sets the number of worlds that the paths share."""
WORLDS = (50, 1_000)
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Model:
    """What was learned from a book cut back to `as_of`, and the book itself."""

    book: Book
    ledger: Ledger
    as_of: date
    timing: PaymentTiming
    approvals: ApprovalTiming
    cells: Cells
    rows: Ints
    """The row of `timing.rates` of each document of the ledger."""
    cash_share: Floats
    """Of what a document settles, the part that is cash: without an offer, with one."""
    waits: Waits | None = None
    """How long order lines wait for their bill; None when no orders are known."""
    series: tuple[Series, ...] = ()
    _arrivals: dict[int, Arrivals] = field(default_factory=dict)

    def arrivals(self, days: int) -> Arrivals:
        """What may come, with delays of up to `days` days; learned once, from random numbers of its own."""
        if days not in self._arrivals:
            self._arrivals[days] = learn_arrivals(self, days, np.random.Generator(np.random.PCG64(days)))
        return self._arrivals[days]

    @property
    def today(self) -> int:
        """The ordinal of the day of the forecast."""
        return self.as_of.toordinal()

    def cash_factor(self, book_rows: Ints) -> Floats:
        """The part of each document's amount that will be cash."""
        return self.cash_share[(self.book.discount_rate[book_rows] > 0).astype(np.int64)]


def learn_model(book: Book, as_of: date) -> Model:
    """Everything that can be learned from what was known at the end of `as_of`."""
    known = book.known_on(as_of)
    ledger = known.ledger
    timing = fit(ledger, as_of, known.countries)
    cells = cells_of(ledger)
    return Model(
        book=known,
        ledger=ledger,
        as_of=as_of,
        timing=timing,
        approvals=fit_approvals(known, as_of),
        cells=cells,
        rows=timing.cells(cells),
        cash_share=_cash_share(known, as_of.toordinal()),
        waits=_waits(known, as_of.toordinal()),
        series=recurring_series(known, as_of.toordinal(), known.ordered_day),
    )


def _waits(book: Book, today: int) -> Waits | None:
    """How order lines wait, and what tax and charges add to them (from last year's documents with an order)."""
    orders = book.orders
    if orders is None or not len(orders):
        return None
    recent = orders.bill_day > today - POOL_DAYS
    net = np.zeros(len(book))
    place = np.searchsorted(book.document_id, orders.bill_document[recent])
    place = np.minimum(place, max(0, len(book) - 1))
    mine = book.document_id[place] == orders.bill_document[recent]
    np.add.at(net, place[mine], orders.billed[recent][mine])
    whole = (net > 0) & (np.abs(book.gross - net) <= 0.5 * net)  # else other lines, without an order, are on it too
    return learn_waits(orders, today, book.gross[whole], net[whole])


def _cash_share(book: Book, today: int) -> Floats:
    share = np.ones(2)
    for offered in (0, 1):
        with_offer = book.discount_rate > 0
        recent_paid = (book.paid_day > today - POOL_DAYS) & (with_offer[book.paid_row] == bool(offered))
        recent_taken = (book.discount_taken_day > today - POOL_DAYS) & (with_offer[book.discount_row] == bool(offered))
        cash, saved = float(book.paid[recent_paid].sum()), float(book.discount_taken[recent_taken].sum())
        if cash > 0 and 0 < saved < cash:
            share[offered] = cash / (cash + saved)
    return share


@dataclass(frozen=True, eq=False)
class CashPaths:
    """Cash out, `[path, day]` with day 1 in column 0, per layer; `slices[name]` is the same of one value.

    `certain_mean` and `certain_variance` are the exact mean and variance per day of the layer "approved" before the
    shared slip (from the survival curves, no simulation), for the cross-check.
    """

    as_of: date
    layers: Mapping[str, Floats]
    before_slip: Floats
    slices: Mapping[str, Floats]
    model: Model

    @property
    def total(self) -> Floats:
        """All layers together."""
        found: Floats = sum(self.layers.values(), np.zeros_like(self.before_slip))
        return found

    def until(self, days: int) -> CashPaths:
        """The same paths, up to day `days`."""
        return replace(
            self,
            layers={name: cash[:, :days] for name, cash in self.layers.items()},
            before_slip=self.before_slip[:, :days],
            slices={name: cash[:, :days] for name, cash in self.slices.items()},
        )


def simulate_cash(
    model: Model, days: int, paths: int, seed: int, slice_of: Ints | None = None, names: tuple[str, ...] = ()
) -> CashPaths:
    """Simulate `paths` paths of `days` days.

    `slice_of` gives each document of the model's book a code into `names`; then the cash of each code is kept
    too. The paths are the same with and without it.
    """
    streams = [np.random.Generator(np.random.SFC64(child)) for child in np.random.SeedSequence(seed).spawn(5)]
    codes = np.zeros(len(model.book), dtype=np.int64) if slice_of is None else slice_of
    count = max(1, len(names))
    open_cash, open_slices = _open_layer(model, days, paths, streams[0], codes, count)
    waiting_cash, waiting_slices = _waiting_layer(model, days, paths, streams[1], codes, count)
    new_cash, new_slices = _new_layer(model, days, paths, streams[2], codes, count)
    late = slip_shares(model.timing.slip, days, paths, streams[3])
    later_cash, later_slices = _later_layers(model, days, paths, streams[4], codes, count)
    parts = (open_cash, waiting_cash, *later_cash, new_cash)
    layers = dict(zip(LAYERS, (slipped(cash, late) for cash in parts), strict=True))
    slices: dict[str, Floats] = {}
    if names:
        together = open_slices + waiting_slices + later_slices + new_slices
        slices = {name: slipped(together[:, place], late) for place, name in enumerate(names)}
    return CashPaths(model.as_of, layers, open_cash, slices, model)


def slip_shares(sigma: float, days: int, paths: int, generator: np.random.Generator) -> Floats:
    """`[path, week]`: the share of a week's payments that moves to the next week (negative: comes from it)."""
    weeks = -(-days // 7) + 1
    return np.clip(sigma * generator.standard_normal((paths, weeks)), -0.5, 0.5)


def slipped(cash: Floats, late: Floats) -> Floats:
    """Payments moved by whole weeks, so that they stay on their weekday; what leaves the last week is lost to view."""
    days = cash.shape[1]
    moved = np.repeat(late, 7, axis=1)[:, :days]
    ahead = np.zeros_like(cash)
    ahead[:, : max(0, days - 7)] = cash[:, 7:]
    later = cash * np.maximum(moved, 0.0)
    sooner = ahead * np.maximum(-moved, 0.0)
    result = cash - later + sooner
    result[:, 7:] += later[:, : max(0, days - 7)] - sooner[:, : max(0, days - 7)]
    return result


def open_survival(model: Model, days: int) -> Iterator[tuple[Ints, Floats]]:
    """Chunks of (open rows of the ledger, share unpaid at the end of each day ahead), largest amounts first."""
    amount = model.ledger.open_amount
    rows = np.flatnonzero(amount)
    rows = rows[np.argsort(-np.abs(amount[rows]), kind="stable")]
    for begin in range(0, len(rows), _CHUNK):
        part = rows[begin : begin + _CHUNK]
        start = np.full(len(part), model.today + 1)
        entity = model.ledger.buying_entity[part]
        yield part, model.timing.survival(model.rows[part], model.cells.anchor[part], start, days, entity)


def _open_layer(
    model: Model, days: int, paths: int, generator: np.random.Generator, codes: Ints, count: int
) -> tuple[Floats, Floats]:
    """Cash `[path, day]` of what is owed today, and the same per code `[path, code, day]`."""
    book_rows = model.book.recognised_rows
    amount = model.ledger.open_amount * model.cash_factor(book_rows)
    code = codes[book_rows]
    shared = min(SHARED_DRAWS, paths)
    own_sum, shared_sum = (np.zeros(draws * count * (days + 2)) for draws in (paths, shared))
    offsets = {draws: np.arange(draws, dtype=np.int64)[None, :] * (count * (days + 2)) for draws in {paths, shared}}
    done = 0
    for part, survival in open_survival(model, days):
        own = done < OWN_DRAWS
        draws, total = (paths, own_sum) if own else (shared, shared_sum)
        done += len(part)
        key = offsets[draws] + (code[part] * (days + 2))[:, None] + draw(tables(survival, generator), draws, generator)
        total += np.bincount(key.ravel(), weights=np.repeat(amount[part], draws), minlength=len(total))
    cube = own_sum.reshape(paths, count, days + 2)
    if done > OWN_DRAWS:
        cube = cube + shared_sum.reshape(shared, count, days + 2)[generator.integers(0, shared, paths)]
    kept = cube[:, :, 1 : days + 1]
    return kept.sum(axis=1), kept


def waiting_rows(model: Model) -> Ints:
    """Documents in process on the day of the forecast."""
    return np.flatnonzero(model.book.recognised_day == 0)


def waiting_cells(model: Model, rows: Ints, recognised: Ints) -> tuple[Ints, Ints]:
    """(row of the rates, anchor) of documents in process, if they are recognised on given days."""
    book = model.book
    due = book.due_day[rows]
    usual = usual_days(model.ledger)[book.supplier.code[rows]] if (due == 0).any() else 0
    expected = np.where(due > 0, due, book.invoice_day[rows] + usual)
    kind = np.select([book.is_credit_note[rows], due == 0, recognised > due], [3, 2, 1], default=0)
    anchor = np.maximum(recognised, expected)
    cells = Cells(
        kind=kind.astype(np.int64),
        terms=np.searchsorted(TERM_EDGES, expected - book.invoice_day[rows], side="right").astype(np.int64),
        buying_entity=book.buying_entity.code[rows],
        supplier=book.supplier.code[rows],
        anchor=anchor,
        entry=recognised,
    )
    return model.timing.cells(cells), anchor


def draw_waiting(model: Model, rows: Ints, days: int, draws: int, generator: np.random.Generator) -> tuple[Ints, Ints]:
    """(recognised, paid), `[document, draw]` of documents in process as offsets; days + 1: later or never."""
    if not len(rows):
        none = np.zeros((0, draws), dtype=np.int64)
        return none, none
    approved = draw(tables(model.approvals.survival(model.book, rows, model.today, days), generator), draws, generator)
    recognised = approved.astype(np.int64)
    recognised[generator.random(recognised.shape) < model.approvals.withdrawn_share] = days + 1
    paid = np.full(recognised.shape, days + 1, dtype=np.int64)
    document, path = np.nonzero(recognised <= days)
    offset = recognised[document, path]
    pair, member = np.unique(document * (days + 1) + offset, return_inverse=True)
    for begin in range(0, len(pair), 20_000):
        chosen = pair[begin : begin + 20_000]
        who, when = rows[chosen // (days + 1)], chosen % (days + 1)
        start = model.today + when
        timing_rows, anchor = waiting_cells(model, who, start)
        survival = model.timing.survival(timing_rows, anchor, start, days, model.book.buying_entity.code[who])
        inside = np.flatnonzero((member >= begin) & (member < begin + len(chosen)))
        drawn = draw_each(survival, member[inside] - begin, generator)
        paid[document[inside], path[inside]] = np.minimum(offset[inside] + drawn - 1, days + 1)
    return recognised, paid


def _waiting_layer(
    model: Model, days: int, paths: int, generator: np.random.Generator, codes: Ints, count: int
) -> tuple[Floats, Floats]:
    rows = waiting_rows(model)
    draws = min(paths, SHARED_DRAWS)
    amount = model.book.gross[rows] * model.cash_factor(rows)
    _, paid = draw_waiting(model, rows, days, draws, generator)
    key = (np.arange(draws)[None, :] * count + codes[rows][:, None]) * (days + 2) + paid
    total = np.bincount(key.ravel(), weights=np.repeat(amount, draws), minlength=draws * count * (days + 2))
    cube: Floats = total.astype(np.float64).reshape(draws, count, days + 2)[:, :, 1 : days + 1]
    if draws < paths:
        cube = cube[generator.integers(0, draws, paths)]
    return cube.sum(axis=1), cube


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Documents that may come, by the past day they are copies of.

    `row` are rows of the ledger in order of their recognition day, those of source day d being `row[start[d]:start[d +
    1]]`; `delay[document, draw]` is days from recognition to payment; `lag` days from receipt to recognition.
    """

    source: Ints
    row: Ints
    start: Ints
    delay: NDArray[np.int16]
    lag: Ints
    due: Ints
    """Due day of each document under today's terms (ordinal on the source calendar; 0 for none)."""
    ordered: Ints
    """Days from order to recognition of each document (-1: no order known)."""
    recurring: NDArray[np.bool_]
    """Which documents belong to a series."""
    chance: tuple[tuple[Ints, Floats], ...]
    level: Floats
    season: Season
    weekly_volatility: float
    level_error: float


def learn_arrivals(model: Model, days: int, generator: np.random.Generator) -> Arrivals:
    """What future days may bring, learned from the last year of recognised documents."""
    ledger, today = model.ledger, model.today
    first = max(today - POOL_DAYS + 1, int(ledger.recognised_day.min(initial=today)))
    source = np.arange(first, today + 1)
    pool = np.flatnonzero(ledger.recognised_day >= first)
    pool = pool[np.argsort(ledger.recognised_day[pool], kind="stable")]
    season = learn_season(ledger.recognised_day, today)
    rate = deseasonalised_rate(ledger.recognised_day, source, season)
    due = current_due_days(ledger)
    cells = cells_of(ledger, due)
    rows = model.timing.cells(cells)
    draws = FEW_DELAY_DRAWS if len(pool) > MANY_DOCUMENTS else DELAY_DRAWS
    delay = np.empty((len(pool), draws), dtype=np.int16)
    for begin in range(0, len(pool), 4_096):
        part = pool[begin : begin + 4_096]
        survival = model.timing.survival(
            rows[part], cells.anchor[part], cells.entry[part], days, ledger.buying_entity[part], closed=False
        )
        delay[begin : begin + len(part)] = draw_days(survival, draws, generator)
    received = model.book.received_day[model.book.recognised_rows][pool]
    ordered = model.book.ordered_day[model.book.recognised_rows][pool]
    in_series = np.zeros(len(model.book), dtype=np.bool_)
    for series in model.series:
        in_series[series.rows] = True
    return Arrivals(
        source=source,
        row=pool,
        start=np.searchsorted(ledger.recognised_day[pool], np.append(source, today + 1)),
        delay=delay,
        lag=np.maximum(ledger.recognised_day[pool] - received, 0),
        due=due[pool],
        ordered=np.where(ordered > 0, ledger.recognised_day[pool] - ordered, -1),
        recurring=in_series[model.book.recognised_rows][pool],
        chance=choices(source),
        level=np.divide(rate[-1], rate, out=np.ones_like(rate), where=rate > 0) / season.factor(source),
        season=season,
        weekly_volatility=weekly_volatility(ledger.recognised_day, source, season),
        level_error=level_error(ledger.recognised_day, today, len(pool)),
    )


@dataclass(frozen=True, eq=False)
class Worlds:
    """Documents to come, one entry per document of a world: where it was copied from, when it comes and is paid.

    `member` indexes the arrays of `Arrivals`; `recognised` and `paid` are offsets; `scale` lifts the amount to today's
    level and season.
    """

    world: Ints
    member: Ints
    recognised: Ints
    paid: Ints
    scale: Floats
    count: int


def draw_worlds(
    model: Model,
    arrivals: Arrivals,
    days: int,
    count: int,
    generator: np.random.Generator,
    *,
    residual: bool = False,
) -> Worlds:
    """`count` draws of all documents that arrive after today and are recognised within `days` days.

    With `residual` those that are on order today or belong to a series are left out, as other layers hold them.
    """
    future = model.today + 1 + np.arange(days)
    source = _source_days(arrivals, future, count, generator)
    size = np.diff(arrivals.start)[source]
    world = np.repeat(np.repeat(np.arange(count), days), size.ravel())
    offset = np.repeat(np.tile(np.arange(1, days + 1), count), size.ravel())
    begin = np.repeat(arrivals.start[:-1][source].ravel(), size.ravel())
    first = np.cumsum(size.ravel()) - size.ravel()
    member = begin + np.arange(len(world)) - np.repeat(first, size.ravel())
    new = arrivals.lag[member] < offset  # else it would be in process today already
    if residual:
        new &= (arrivals.ordered[member] < offset) & ~arrivals.recurring[member]
    world, offset, member = world[new], offset[new], member[new]
    scale = (arrivals.level[source] * arrivals.season.factor(future)[None, :]).ravel()[world * days + offset - 1]
    wait = arrivals.delay[member, generator.integers(0, arrivals.delay.shape[1], len(member))]
    paid = next_open_day(model, days)[
        model.ledger.buying_entity[arrivals.row[member]], np.minimum(offset + wait, days + 1)
    ]
    return Worlds(world, member, offset, paid, scale, count)


def next_open_day(model: Model, days: int) -> Ints:
    """`[entity, offset]`: the offset on which what falls on an offset is paid, past public holidays."""
    entities = len(model.book.buying_entity.values)
    found = np.tile(np.arange(days + 2, dtype=np.int64), (entities, 1))
    countries = model.timing.countries
    if any(countries):
        closed = closed_matrix(countries, model.today, model.today + days + 1)
        for offset in range(days, 0, -1):
            shut = closed[:, offset]
            found[shut, offset] = found[shut, offset + 1]
    return found


def _source_days(arrivals: Arrivals, future: Ints, count: int, generator: np.random.Generator) -> Ints:
    """The source day (index) of each future day, `[world, day]`; each world redraws the history itself first."""
    source = np.empty((count, len(future)), dtype=np.int64)
    kinds = weekday(future)
    for kind in np.unique(kinds).tolist():
        days, chance = arrivals.chance[kind]
        if not len(days):
            days, chance = np.arange(len(arrivals.source)), np.full(len(arrivals.source), 1.0 / len(arrivals.source))
        worth = max(1, round(1.0 / float((chance**2).sum())))
        redrawn = days[generator.choice(len(days), size=(count, worth), p=chance)]
        for column in np.flatnonzero(kinds == kind).tolist():
            source[:, column] = redrawn[np.arange(count), generator.integers(0, worth, count)]
    return source


def volumes(arrivals: Arrivals, days: int, paths: int, generator: np.random.Generator) -> Floats:
    """`[path, week]`: the factor on the documents that come in each week, with mean 1."""
    weeks = -(-days // 7)
    sigma, error = arrivals.weekly_volatility, arrivals.level_error
    weekly = np.exp(sigma * generator.standard_normal((paths, weeks)) - sigma**2 / 2)
    shared: Floats = weekly * np.exp(error * generator.standard_normal((paths, 1)) - error**2 / 2)
    return shared


def worlds_for(arrivals: Arrivals, days: int, paths: int) -> int:
    """How many worlds the paths share: as many as WORLD_DRAWS documents allow."""
    per_world = max(1.0, len(arrivals.row) / max(1, len(arrivals.source)) * days)
    return int(min(paths, np.clip(WORLD_DRAWS / per_world, *WORLDS)))


def _new_layer(
    model: Model, days: int, paths: int, generator: np.random.Generator, codes: Ints, count: int
) -> tuple[Floats, Floats]:
    arrivals = model.arrivals(days)
    number = worlds_for(arrivals, days, paths)
    worlds = draw_worlds(model, arrivals, days, number, generator, residual=True)
    book_rows = model.book.recognised_rows[arrivals.row]
    amount = (model.ledger.gross[arrivals.row] * model.cash_factor(book_rows))[worlds.member] * worlds.scale
    weeks = -(-days // 7)
    code = codes[book_rows][worlds.member]
    inside = worlds.paid <= days
    key = ((worlds.world * count + code) * weeks + (worlds.recognised - 1) // 7) * days + worlds.paid - 1
    size = number * count * weeks * days
    cube = np.bincount(key[inside], weights=amount[inside], minlength=size).reshape(number, count, weeks, days)
    factor = volumes(arrivals, days, paths, generator)
    pick = generator.integers(0, number, paths) if number < paths else np.arange(paths)
    kept = np.empty((paths, count, days))
    for begin in range(0, paths, 200):
        chunk = slice(begin, begin + 200)
        kept[chunk] = np.einsum("pcwd,pw->pcd", cube[pick[chunk]], factor[chunk], optimize=True)
    return kept.sum(axis=1), kept


def bills_to_come(model: Model, days: int, draws: int, generator: np.random.Generator) -> Bills:
    """What orders still have to be billed and what recurs, with the days on which each bill may come."""
    book = model.book
    series = [
        (book.supplier.values[book.supplier.code[found.rows[-1]]], int(book.received_day[found.rows[-1]]), found)
        for found in model.series
    ]
    return expected_bills(book.orders, model.waits, series, model.today, days, draws, generator)


def _later_layers(
    model: Model, days: int, paths: int, generator: np.random.Generator, codes: Ints, count: int
) -> tuple[list[Floats], Floats]:
    """Cash `[path, day]` of each layer of BILLED_LATER, and of all of them per code `[path, code, day]`.

    Each bill takes its days to recognition, its terms and its entity from a past document, on that one's weekday.
    """
    draws = min(paths, SHARED_DRAWS)
    bills = bills_to_come(model, days, draws, generator)
    arrivals = model.arrivals(days)
    layers, kinds = [], len(BILLED_LATER)
    if not len(bills) or not len(arrivals.row):
        none = np.zeros((paths, days))
        return [none] * kinds, np.zeros((paths, count, days))
    item, draw_of = np.nonzero(bills.comes <= days)
    member = _models(model, arrivals, bills, item, generator)
    ledger_row = arrivals.row[member]
    comes = bills.comes[item, draw_of] + arrivals.lag[member]
    turn = (weekday(model.ledger.recognised_day[ledger_row]) - weekday(model.today + comes) + 3) % 7 - 3
    recognised = np.maximum(comes + turn, 1)
    wait = arrivals.delay[member, generator.integers(0, arrivals.delay.shape[1], len(member))]
    entity = model.ledger.buying_entity[ledger_row]
    paid = next_open_day(model, days)[entity, np.minimum(recognised + wait, days + 1)]
    book_row = model.book.recognised_rows[ledger_row]
    amount = bills.amount[item] * model.cash_factor(book_row)
    inside = (paid >= 1) & (paid <= days)
    key = ((draw_of * kinds + bills.layer[item]) * count + codes[book_row]) * days + paid - 1
    total = np.bincount(key[inside], weights=amount[inside], minlength=draws * kinds * count * days)
    cube = total.astype(np.float64).reshape(draws, kinds, count, days)
    if draws < paths:
        cube = cube[generator.integers(0, draws, paths)]
    layers = [cube[:, kind].sum(axis=1) for kind in range(kinds)]
    return layers, cube.sum(axis=1)


def _models(model: Model, arrivals: Arrivals, bills: Bills, item: Ints, generator: np.random.Generator) -> Ints:
    """For each bill a past document to copy: one with an order (or of a series), of its supplier where there is one."""
    code_of = {name: code for code, name in enumerate(model.ledger.suppliers)}
    supplier = np.array([code_of.get(name, -1) for name in bills.supplier], dtype=np.int64)
    of_arrival = model.ledger.supplier[arrivals.row]
    found = np.full(len(item), -1, dtype=np.int64)
    everything = np.ones(len(of_arrival), dtype=np.bool_)
    for recurring in (False, True):
        fitting = arrivals.recurring if recurring else arrivals.ordered >= 0
        mine = (bills.layer[item] == BILLED_LATER.index("recurring")) == recurring
        for pool, own in ((fitting, True), (everything, True), (fitting, False), (everything, False)):
            left = np.flatnonzero(mine & (found < 0))
            members = np.flatnonzero(pool)
            if not len(left) or not len(members):
                continue
            found[left] = _picked_from(members, of_arrival, supplier[item[left]], generator, own=own)
    return found


def _picked_from(members: Ints, of_arrival: Ints, supplier: Ints, generator: np.random.Generator, *, own: bool) -> Ints:
    """One of `members` for each supplier, of the same supplier if `own` (-1: it has none)."""
    chance = generator.random(len(supplier))
    if not own:
        return members[(chance * len(members)).astype(np.int64)]
    ordered = members[np.argsort(of_arrival[members], kind="stable")]
    sorted_codes = of_arrival[ordered]
    low, high = (np.searchsorted(sorted_codes, supplier, side=side) for side in ("left", "right"))
    place = np.minimum(low + (chance * (high - low)).astype(np.int64), len(ordered) - 1)
    return np.where(high > low, ordered[place], -1)


def paid_chances(model: Model, days: int) -> tuple[Ints, Floats]:
    """(rows of the ledger that are open, `[row, day]` chance to be paid on each day ahead), largest amounts first."""
    rows: list[Ints] = []
    chances: list[Floats] = []
    for part, survival in open_survival(model, days):
        rows.append(part)
        chances.append(-np.diff(survival, axis=1, prepend=1.0))
    if not rows:
        return np.zeros(0, dtype=np.int64), np.zeros((0, days))
    return np.concatenate(rows), np.concatenate(chances)


def expected_rate(model: Model, x: Ints) -> Floats:
    """The company's rate at offsets from the anchor (for drawings)."""
    rate: Floats = model.timing.rates[0][step_of(x)]
    return rate
