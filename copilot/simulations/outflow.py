"""AP outflow: the cash that will probably leave for suppliers over the coming weeks.

Reads a book as it was known on a day, learns from it, simulates paths, and sums them up every way that treasury asks:
by day, week, run, layer, entity, currency, supplier; what a week holds; which invoices will be late; what to accrue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.behaviour import habits
from copilot.forecasting.book import Book, Names
from copilot.forecasting.cash_paths import (
    CashPaths,
    Model,
    draw_waiting,
    learn_model,
    paid_chances,
    simulate_cash,
    waiting_rows,
)
from copilot.forecasting.closed_form import quantile_of_sum
from copilot.forecasting.fingerprint import fingerprint
from copilot.forecasting.terms_change import terms_change
from copilot.simulations.calibration import AS_SIMULATED, UNCALIBRATED, BandStretch, Calibration
from copilot.simulations.outcomes import Assumption
from copilot.simulations.outflow_outcomes import (
    Accrual,
    ExpectedDocument,
    GroupCash,
    HorizonOutOfReach,
    LateDocument,
    NothingToForecast,
    OutflowForecast,
    OutflowOutcome,
    PeriodCash,
    WeekContent,
    band_of,
    money,
)
from semantic_layer.results import Check

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODEL_VERSION = "outflow/1"
PATHS = 2_000
SEED = 1
REACHES = (13, 26)
"""Weeks that are simulated: the next of these. A shorter forecast is the beginning of it, to the cent."""
WEEKS_LIMIT = REACHES[-1]
HISTORY_MINIMUM = 90
PAYMENT_MINIMUM = 30
CHECKED_DAYS = 28
CHECK_TOLERANCE = 0.005
TOP_NAMES = 20
LISTED = 200
LATE_FROM = 0.5
GROUPS = ("buying_entity", "currency", "supplier")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class OutflowSettings:
    """How the forecast is run; `groups` are the breakdowns wanted (of GROUPS), `currency` that of the amounts.

    Layers and groups are of the days from `first` to `last`, or of all that are forecast.
    """

    paths: int = PATHS
    seed: int = SEED
    currency: str = "USD"
    groups: tuple[str, ...] = ("buying_entity", "currency")
    first: date | None = None
    last: date | None = None
    mirror_version: str = ""
    """The published mirror that the book was read from, for the evidence."""


def forecast_outflow(
    book: Book,
    as_of: date,
    *,
    weeks: int = 13,
    settings: OutflowSettings | None = None,
    calibration: Calibration = UNCALIBRATED,
) -> OutflowOutcome:
    """Cash out for what is left of this week and `weeks` whole weeks (Monday to Sunday), as known on `as_of`.

    The same book, day and settings give the same bytes.
    """
    if not 1 <= weeks <= WEEKS_LIMIT:
        return HorizonOutOfReach(as_of, f"An outflow forecast reaches 1 to {WEEKS_LIMIT} weeks ahead, not {weeks}.")
    chosen = settings or OutflowSettings()
    missing = _missing(book, as_of)
    if missing:
        return NothingToForecast(as_of, missing)
    model = learn_model(book, as_of)
    stub = (7 - as_of.isoweekday()) % 7
    days = stub + 7 * weeks
    reach = stub + 7 * next(whole for whole in REACHES if weeks <= whole)
    simulated = simulate_cash(model, reach, chosen.paths, chosen.seed).until(days)
    found = _forecast(model, simulated, days, reach, chosen, calibration)
    ahead = int(np.count_nonzero(book.paid_day > as_of.toordinal()))
    if not ahead:
        return found
    known = Assumption(
        "payments dated ahead", f"{ahead:,} dated after {as_of}: not made yet, forecast like others", "data"
    )
    return replace(found, assumptions=(*found.assumptions, known))


def _missing(book: Book, as_of: date) -> tuple[str, ...]:
    today = as_of.toordinal()
    first = book.first_day()
    history = today - first if first else 0
    payments = int(np.count_nonzero((book.paid_day <= today) & (book.paid_day > today - 365)))
    found = []
    if history < HISTORY_MINIMUM:
        found.append(f"{HISTORY_MINIMUM} days of approved documents (there are {history})")
    if payments < PAYMENT_MINIMUM:
        found.append(f"{PAYMENT_MINIMUM} payments in the last year (there are {payments})")
    return tuple(found)


def _forecast(
    model: Model, simulated: CashPaths, days: int, reach: int, settings: OutflowSettings, calibration: Calibration
) -> OutflowForecast:
    total = simulated.total
    start = model.as_of + timedelta(days=1)
    stretch = calibration.stretch
    calendar = [start + timedelta(days=step) for step in range(days)]
    rows, chances = paid_chances(model, days)
    span = _span(model, settings)
    spread = stretch.between((span.start or 0) + 1, span.stop or days)
    weeks = tuple(_period(label, total, calendar, low, high, stretch) for label, low, high in _weeks(calendar))
    return OutflowForecast(
        as_of=model.as_of,
        currency=settings.currency,
        total=band_of(total.sum(axis=1), stretch.until(days)),
        days=tuple(_period(day.isoformat(), total, calendar, at, at, AS_SIMULATED) for at, day in enumerate(calendar)),
        weeks=weeks,
        runs=tuple(
            _period(f"run of {calendar[at].isoformat()}", total, calendar, at, at, AS_SIMULATED)
            for at in _runs(model, days)
        ),
        layers=_groups({name: cash[:, span].sum(axis=1) for name, cash in simulated.layers.items()}, spread),
        groups={name: _sliced(model, days, reach, settings, name, spread) for name in settings.groups},
        contents=_contents(model, simulated, weeks, rows, chances),
        late=_late(model, rows, chances, days, reach, settings),
        accruals=_accruals(model, days),
        assumptions=_assumptions(model, settings, stretch.until(days)),
        checks=_checks(model, simulated, chances, rows),
        coverage=calibration.coverage(days),
        seed=settings.seed,
        model_version=MODEL_VERSION,
        paths=total,
        inputs=fingerprint(model.book, model.as_of),
        mirror_version=settings.mirror_version,
        stretch=stretch,
    )


def _span(model: Model, settings: OutflowSettings) -> slice:
    """The columns of the days that groups are wanted of."""
    low = max(0, (settings.first - model.as_of).days - 1) if settings.first else None
    return slice(low, (settings.last - model.as_of).days if settings.last else None)


def _weeks(calendar: Sequence[date]) -> list[tuple[str, int, int]]:
    """(label, first and last place) of each calendar week; what is left of the present one is "rest of this week"."""
    found: list[tuple[str, int, int]] = []
    begin, number = 0, 0
    for place, day in enumerate(calendar):
        if day.isoweekday() == 7 or place == len(calendar) - 1:
            whole = place - begin == 6
            number += whole
            found.append((f"week {number}" if whole else "rest of this week", begin, place))
            begin = place + 1
    return found


def _period(
    label: str, cash: Floats, calendar: Sequence[date], low: int, high: int, stretch: BandStretch
) -> PeriodCash:
    factor = stretch.between(low + 1, high + 1)
    return PeriodCash(label, calendar[low], calendar[high], band_of(cash[:, low : high + 1].sum(axis=1), factor))


def _runs(model: Model, days: int) -> list[int]:
    """Places of the days on which at least one entity runs payments."""
    factors = model.timing.calendar(model.today + 1, model.today + days)
    return np.flatnonzero((factors >= 1.0).any(axis=0)).tolist()


def _groups(cash: Mapping[str, Floats], factor: float) -> tuple[GroupCash, ...]:
    whole = sum(float(values.mean()) for values in cash.values())
    found = []
    for name, values in cash.items():
        share = Decimal(float(values.mean()) / whole if whole else 0.0).quantize(Decimal("0.0001"))
        found.append(GroupCash(name, band_of(values, factor), share))
    return tuple(found)


def _sliced(
    model: Model, days: int, reach: int, settings: OutflowSettings, name: str, factor: float
) -> tuple[GroupCash, ...]:
    """The days wanted by one dimension, largest first; beyond TOP_NAMES values the rest is added up."""
    column: Names = getattr(model.book, name)
    size = np.bincount(column.code, weights=np.abs(model.book.gross), minlength=len(column.values))
    largest = np.argsort(-size, kind="stable")[:TOP_NAMES]
    rest = len(largest)
    place = np.full(len(column.values), rest)
    place[largest] = np.arange(rest)
    names = [column.values[code] for code in largest.tolist()]
    if len(column.values) > rest:
        names.append(f"{len(column.values) - rest} others")
    drawn = simulate_cash(model, reach, settings.paths, settings.seed, place[column.code], tuple(names))
    simulated = drawn.until(days)
    span = _span(model, settings)
    cash = {label: daily[:, span].sum(axis=1) for label, daily in simulated.slices.items()}
    ordered = dict(sorted(cash.items(), key=lambda item: -float(item[1].mean())))
    return _groups(ordered, factor)


def _contents(
    model: Model, simulated: CashPaths, weeks: Sequence[PeriodCash], rows: Ints, chances: Floats
) -> tuple[WeekContent, ...]:
    found = []
    amount = model.ledger.open_amount[rows]
    for week in weeks:
        low, high = (week.start - model.as_of).days - 1, (week.end - model.as_of).days
        layers = _groups({name: cash[:, low:high].sum(axis=1) for name, cash in simulated.layers.items()}, 1.0)
        paid = chances[:, low:high].sum(axis=1)
        top = np.argsort(-(paid * np.abs(amount)), kind="stable")[:10]
        documents = tuple(_expected(model, int(rows[at]), float(paid[at])) for at in top if paid[at] > 0.005)
        found.append(WeekContent(week, layers, documents))
    return tuple(found)


def _expected(model: Model, row: int, paid: float) -> ExpectedDocument:
    at = int(model.book.recognised_rows[row])
    return ExpectedDocument(
        document_id=int(model.book.document_id[at]),
        number=model.book.numbers[at],
        supplier=model.book.supplier.values[model.book.supplier.code[at]],
        amount=money(float(model.ledger.open_amount[row])),
        due=_date(int(model.book.due_day[at])),
        chance=Decimal(paid).quantize(Decimal("0.001")),
    )


def _date(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if ordinal > 0 else None


def _late(
    model: Model, rows: Ints, chances: Floats, days: int, reach: int, settings: OutflowSettings
) -> tuple[LateDocument, ...]:
    """Invoices not yet late that will be, with a chance of at least LATE_FROM; the surest and largest first."""
    found = []
    book, today = model.book, model.today
    paid_by = np.cumsum(chances, axis=1)
    due = model.ledger.due_day[rows]
    candidates = np.flatnonzero((due >= today) & (due < today + days) & (model.ledger.open_amount[rows] > 0))
    for at in candidates.tolist():
        ahead = int(due[at]) - today
        late = 1.0 - (float(paid_by[at, ahead - 1]) if ahead else 0.0)
        if late >= LATE_FROM:
            row = int(book.recognised_rows[rows[at]])
            reached = int(np.searchsorted(paid_by[at], 0.5))
            amount = float(model.ledger.open_amount[rows[at]])
            found.append(_late_document(model, row, amount, late, reached + 1 if reached < days else 0, "approved"))
    waiting = waiting_rows(model)
    generator = np.random.Generator(np.random.SFC64([settings.seed, 7]))
    _, paid = draw_waiting(model, waiting, reach, 200, generator)
    for at, row in enumerate(waiting.tolist()):
        ahead = int(book.due_day[row]) - today
        late = float((paid[at] > ahead).mean())
        if 0 <= ahead < days and book.gross[row] > 0 and late >= LATE_FROM:
            middle = int(np.median(paid[at]))
            state = book.status.values[book.status.code[row]]
            found.append(
                _late_document(model, row, float(book.gross[row]), late, middle if middle <= days else 0, state)
            )
    found.sort(key=lambda item: (-item.chance * item.amount, item.document_id))
    return tuple(found[:LISTED])


def _late_document(model: Model, row: int, amount: float, late: float, ahead: int, state: str) -> LateDocument:
    return LateDocument(
        document_id=int(model.book.document_id[row]),
        number=model.book.numbers[row],
        supplier=model.book.supplier.values[model.book.supplier.code[row]],
        amount=money(amount),
        due=date.fromordinal(int(model.book.due_day[row])),
        chance=Decimal(late).quantize(Decimal("0.001")),
        expected=model.as_of + timedelta(days=ahead) if ahead else None,
        state=state,
    )


def _accruals(model: Model, days: int) -> tuple[Accrual, ...]:
    """Documents in process today that will probably not be recognised by the coming month end."""
    day = model.as_of + timedelta(days=1)
    month_end = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    ahead = (month_end - model.as_of).days
    rows = waiting_rows(model)
    if not len(rows) or not 1 <= ahead <= days:
        return ()
    left = model.approvals.survival(model.book, rows, model.today, ahead)[:, -1]
    live = 1.0 - model.approvals.withdrawn_share
    entity = model.book.buying_entity
    found = []
    for code in np.unique(entity.code[rows]).tolist():
        mine = entity.code[rows] == code
        amount = money(float((model.book.gross[rows][mine] * left[mine]).sum() * live))
        found.append(Accrual(month_end, entity.values[code], amount, int(mine.sum())))
    return tuple(found)


def _assumptions(model: Model, settings: OutflowSettings, factor: float) -> tuple[Assumption, ...]:
    timing, learned = model.timing, f"documents and payments known on {model.as_of.isoformat()}"
    still_open = timing.at_risk - timing.observed
    runs = ", ".join(
        f"{day} {share:.0%}" for day, share in zip(WEEKDAYS, timing.weekdays / 7, strict=True) if share >= 0.005
    )
    kept = ", ".join(sorted({country for country in timing.countries if country}))
    approved = f"{model.approvals.observed:,} approvals; {model.approvals.withdrawn_share:.1%} of documents withdrawn"
    saved = f"{1.0 - float(model.cash_share[1]):.2%} of what carries an offer is saved, as before"
    band = f"10th to 90th percentile of {settings.paths:,} paths, stretched by {factor:.2f}"
    new = "whole past days again at the level of the last 90 days, less what is in process, on order or recurring"
    return (
        Assumption("payment timing", f"{timing.observed:,} payments, {still_open:,} still open", learned),
        Assumption("payment runs", runs or "none seen", learned),
        Assumption("public holidays", kept or "none: no country of the buying entities is known", "holidays"),
        Assumption("approval", approved, learned),
        Assumption("held and disputed documents", "approved at half and a quarter of the usual pace", "assumption"),
        Assumption("discounts", saved, learned),
        Assumption("weekly slip of payments", f"{timing.slip:.1%} of a week (sd), shared by all", learned),
        Assumption("new documents", new, learned),
        Assumption("orders", _orders_sentence(model), "order lines" if model.book.orders is not None else "model"),
        Assumption("habits that go on", _habits_sentence(model), learned),
        Assumption("recurring documents", _series_sentence(model), learned),
        Assumption("exchange rates", "those of the invoice dates; no currency risk in the band", "model"),
        Assumption("band", band, "simulation and back-test"),
        Assumption("seed", str(settings.seed), "setting"),
    )


def _orders_sentence(model: Model) -> str:
    orders = model.book.orders
    if orders is None or model.waits is None:
        return "no order lines are known here: an order counts once, when its invoice comes"
    received, ordered = orders.still_to_bill()
    return (
        f"{np.count_nonzero(received):,} lines received and not billed ({received.sum():,.0f} net),"
        f" {np.count_nonzero(ordered):,} with more to come ({ordered.sum():,.0f}); what no document bills yet,"
        f" plus {model.waits.tax - 1.0:.1%} tax and charges"
    )


def _habits_sentence(model: Model) -> str:
    change = terms_change(model.ledger)
    found = [habit.sentence for habit in habits(model)] + ([change.sentence] if change else [])
    return "; ".join(found) or "nothing stands out"


def _series_sentence(model: Model) -> str:
    if not model.series:
        return "none: no supplier without orders bills at a steady step for a steady amount"
    return f"{len(model.series)} series continue at their own step and amount"


def _orders_check(model: Model) -> Check:
    """What of each order is billed, received and still to come make up the order, no part of it twice."""
    orders = model.book.orders
    if orders is None:
        return Check("orders_counted_once", True, "no order lines are known here")  # noqa: FBT003 (a check's verdict)
    received, ordered = orders.still_to_bill()
    came = np.bincount(orders.receipt_row, weights=orders.received, minlength=len(orders))
    sent = np.bincount(orders.bill_row, weights=orders.billed, minlength=len(orders))
    whole = np.maximum(orders.total, np.maximum(came, sent))
    twice = orders.live & (sent + received + ordered > whole + 0.02)
    detail = f"of {len(orders):,} order lines, {int(twice.sum())} have more billed and to come than was ordered"
    return Check("orders_counted_once", not twice.any(), detail)


def _checks(model: Model, simulated: CashPaths, chances: Floats, rows: Ints) -> tuple[Check, ...]:
    days = min(CHECKED_DAYS, simulated.before_slip.shape[1])
    cash = simulated.before_slip[:, :days].sum(axis=1)
    amount = model.ledger.open_amount[rows] * model.cash_factor(model.book.recognised_rows[rows])
    exact = quantile_of_sum(amount, chances[:, :days].sum(axis=1), 0.95) if len(rows) else 0.0
    drawn = float(np.quantile(cash, 0.95))
    gap = abs(drawn - exact)
    # The simulated quantile is itself a draw: three of its standard errors are no disagreement.
    noise = 3.0 * float(cash.std()) * 2.1 / np.sqrt(len(cash))
    overlap = set(model.book.recognised_rows.tolist()) & set(waiting_rows(model).tolist())
    parts = sum(float(layer.sum()) for layer in simulated.layers.values())
    whole = float(simulated.total.sum())
    return (
        Check("layers_add_up", abs(parts - whole) <= 1e-6 * max(1.0, abs(whole)), "sum of the layers is the total"),
        Check("counted_once", not overlap, "no document is in two layers"),
        _orders_check(model),
        Check(
            "closed_form",
            bool(gap <= max(CHECK_TOLERANCE * abs(exact), noise)),
            f"95th percentile of {days} days of what is approved: {drawn:,.0f} simulated, {exact:,.0f} by convolution",
        ),
    )
