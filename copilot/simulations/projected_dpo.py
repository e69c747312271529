"""Projected DPO: where days payable outstanding (purchases view) will probably stand at the end of a future period.

Rolls the ledger forward day by day from the actual balance and reads open payables / purchases of the trailing 90
days x 90 on the target date, as the metric will be read on that day (documents recognised by then). Median and 10-90
band over simulated paths. Formulas: research of the payables literature, summed up in docs/forecasting.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from numpy.typing import NDArray

from copilot.forecasting.current_terms import superseded_share
from copilot.forecasting.fingerprint import fingerprint
from copilot.forecasting.ledger import TRAILING_DAYS, Balance, Ledger
from copilot.forecasting.new_business import LEVEL_DAYS
from copilot.forecasting.payment_timing import HALF_LIFE_DAYS, HISTORY_DAYS, SHRINKAGE
from copilot.forecasting.roll_forward import Walk, walk
from copilot.simulations.outcomes import (
    Assumption,
    Driver,
    Outcome,
    PathPoint,
    Projection,
    TargetOutOfReach,
    TooLittleHistory,
)
from semantic_layer.periods import Period
from semantic_layer.results import Check

METRIC = "dpo_projected"
MODEL_VERSION = "projected-dpo/1"
PATHS = 2_000
SEED = 1
BAND = (0.1, 0.5, 0.9)
HORIZON_LIMIT = 366
HISTORY_MINIMUM = 90
SETTLEMENT_MINIMUM = 30
DOCUMENT_MINIMUM = 20
TIE_TOLERANCE = Decimal("0.01")
STEADY_TOLERANCE = 0.10
UNEXPLAINED_LIMIT = 0.01
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How the projection is run.

    `widening` stretches the band around its median (from the back-test; 1 = as simulated); `coverage` is the sentence
    that says how often past projections were right.
    """

    paths: int = PATHS
    seed: int = SEED
    widening: Decimal = Decimal(1)
    currency: str = "USD"
    coverage: str = "not measured on this mirror yet: run `tenor backtest`"


def project(
    ledger: Ledger,
    target: Period,
    as_of: date,
    *,
    closing: Mapping[str, Decimal] | None = None,
    metric_value: Decimal | None = None,
    settings: Settings | None = None,
) -> Outcome:
    """Project DPO to `target.end` from what was known at the end of `as_of`.

    `closing` is open payables by document currency at the closing rate of `as_of`; without it the opening stands at
    the rates of the invoice dates. `metric_value` is the metric dpo_purchases on `as_of`: the opening is checked
    against it. The same ledger, dates and settings give the same outcome.
    """
    chosen = settings or Settings()
    days = (target.end - as_of).days
    if not 1 <= days <= HORIZON_LIMIT:
        return TargetOutOfReach(METRIC, target, as_of, _out_of_reach(target, as_of))
    opening = ledger.balance(as_of, closing)
    missing = _missing(ledger, as_of, opening)
    if missing:
        return TooLittleHistory(METRIC, target, as_of, missing)
    weekly = _weekly(as_of, target.end)
    last_week = [day for back in range(6, -1, -1) if (day := target.end - timedelta(days=back)) > as_of]
    grid = sorted({*weekly, *last_week})
    walked = walk(ledger, as_of, grid, chosen.paths, chosen.seed, closing)
    if np.isnan(walked.dpo).mean() > 0.01:
        sparse = f"purchases on most days: some simulated quarters up to {target.end.isoformat()} hold none"
        return TooLittleHistory(METRIC, target, as_of, (sparse,))
    found = _projection(ledger, target, opening, walked, weekly, metric_value, chosen)
    return replace(found, inputs=fingerprint(ledger.known_on(as_of), as_of, dict(closing or {})))


def _out_of_reach(target: Period, as_of: date) -> str:
    if target.end <= as_of:
        return (
            f"{target} ends on {target.end.isoformat()} and the data reaches to {as_of.isoformat()}: that is no"
            " forecast. Ask for DPO of that period instead."
        )
    return f"{target} ends over a year after {as_of.isoformat()}; the projection reaches {HORIZON_LIMIT} days at most."


def _missing(ledger: Ledger, as_of: date, opening: Balance) -> tuple[str, ...]:
    known = ledger.known_on(as_of)
    today = as_of.toordinal()
    history = today - int(known.recognised_day.min(initial=today))
    settled = int(np.count_nonzero(known.settled_day > today - HISTORY_DAYS))
    recent = int(np.count_nonzero(known.recognised_day > today - LEVEL_DAYS))
    found = []
    if history < HISTORY_MINIMUM:
        found.append(f"{HISTORY_MINIMUM} days of approved documents (there are {history})")
    if settled < SETTLEMENT_MINIMUM:
        found.append(f"{SETTLEMENT_MINIMUM} payments in the last year (there are {settled})")
    if recent < DOCUMENT_MINIMUM:
        found.append(f"{DOCUMENT_MINIMUM} documents approved in the last {LEVEL_DAYS} days (there are {recent})")
    if opening.purchases <= 0:
        found.append(f"purchases in the last {TRAILING_DAYS} days")
    return tuple(found)


def _weekly(as_of: date, end: date) -> list[date]:
    """Weekly dates that end on `end`: all on its weekday, so that payment runs do not make the path jump."""
    weeks = (end - as_of).days // 7
    days = (end - timedelta(days=7 * back) for back in range(weeks, -1, -1))
    return [day for day in days if day > as_of]


def _projection(
    ledger: Ledger,
    target: Period,
    opening: Balance,
    walked: Walk,
    weekly: list[date],
    metric_value: Decimal | None,
    settings: Settings,
) -> Projection:
    start = _days(opening.dpo or Decimal(0))
    band = _band(walked, float(settings.widening))
    column = {day: index for index, day in enumerate(walked.grid)}
    points = [PathPoint(day, *(_days(value) for value in band[:, column[day]].tolist())) for day in weekly]
    end = points[-1]
    drivers = _drivers(walked, opening, end.p50 - start)
    return Projection(
        metric=METRIC,
        target=target,
        as_of=opening.day,
        median=end.p50,
        low=end.p10,
        high=end.p90,
        opening=start,
        opening_ap=opening.open_ap,
        opening_purchases=opening.purchases,
        currency=settings.currency,
        path=(PathPoint(opening.day, start, start, start), *points),
        drivers=drivers,
        assumptions=_assumptions(ledger, opening.day, walked, settings),
        checks=_checks(walked, opening, metric_value, drivers, end.p50 - start),
        seed=settings.seed,
        paths=settings.paths,
        model_version=MODEL_VERSION,
    )


def _days(value: Decimal | float) -> Decimal:
    return Decimal(value).quantize(TIE_TOLERANCE, rounding=ROUND_HALF_EVEN)


def _band(walked: Walk, widening: float) -> Floats:
    """Quantiles by date, `[3, date]`, stretched around the median."""
    found = np.nanquantile(walked.dpo, BAND, axis=0)
    stretched: Floats = found[1] + (found - found[1]) * widening
    return stretched


def _drivers(walked: Walk, opening: Balance, change: Decimal) -> tuple[Driver, ...]:
    """The change split into payables and purchases: each moved alone, averaged over both orders.

    Taken on the paths near the median. A path's two effects add up to its change; what rounding and the choice of
    paths leave over goes to the purchases, so that the sum is exact.
    """
    dpo = walked.dpo[:, -1]
    rank = np.argsort(dpo, kind="stable")
    central = rank[int(len(rank) * 0.45) : max(int(len(rank) * 0.55), int(len(rank) * 0.45) + 1)]
    owed, bought = walked.payables[central, -1], walked.purchases[central, -1]
    owed_before, bought_before = float(opening.open_ap), float(opening.purchases)
    effect = (owed - owed_before) * (1 / bought_before + 1 / bought) / 2 * TRAILING_DAYS
    ap_effect = _days(float(effect.mean()))
    return (
        Driver("open_ap", "Open payables", ap_effect, opening.open_ap, _money(owed)),
        Driver("purchases_90d", "Purchases of the last 90 days", change - ap_effect, opening.purchases, _money(bought)),
    )


def _money(amounts: Floats) -> Decimal:
    return Decimal(float(amounts.mean())).quantize(Decimal("0.01"))


def steady_state(walked: Walk) -> float:
    """DPO if nothing changed any more, in closed form (Little's law).

    Mean days from recognition to payment, amount-weighted, over the share of 90 days' purchases that is recognised in
    time: days x 90 / (90 - mean lag from invoice to recognition).
    """
    business = walked.new_business
    return business.steady_days * TRAILING_DAYS / (TRAILING_DAYS - min(business.steady_lag, TRAILING_DAYS - 1.0))


def _checks(
    walked: Walk, opening: Balance, metric_value: Decimal | None, drivers: tuple[Driver, ...], change: Decimal
) -> tuple[Check, ...]:
    start = opening.dpo or Decimal(0)
    simulated = Decimal(float(walked.dpo[0, 0]))
    reference = start if metric_value is None else metric_value
    ties = abs(simulated - reference) <= TIE_TOLERANCE and abs(start - reference) <= TIE_TOLERANCE
    unexplained = abs(walked.unallocated) / max(abs(float(opening.open_ap)), 1.0)
    explained = sum((driver.effect for driver in drivers), Decimal(0))
    closed = steady_state(walked)
    # A week of dates: payment runs move DPO within the week, and the closed form knows no weekdays.
    reached = float(np.nanmean(np.nanmedian(walked.dpo[:, -7:], axis=0)))
    gap = reached / closed - 1 if closed > 0 else 0.0
    against = "the ledger" if metric_value is None else "the metric"
    return (
        Check("opening_ties", ties, f"simulated opening {simulated:.2f} days, {against} {reference:.2f} days"),
        Check("opening_explained", unexplained <= UNEXPLAINED_LIMIT, f"{unexplained:.2%} of it is no open document"),
        Check("drivers_add_up", explained == change, f"effects {explained} of a change of {change} days"),
        Check(
            "steady_state",
            abs(gap) <= STEADY_TOLERANCE,
            f"closed form {closed:.2f} days, simulated week {reached:.2f} days ({gap:+.1%});"
            " season and backlog explain small gaps",
        ),
    )


def _spread(index: Floats) -> str:
    return "alike" if np.ptp(index) < 0.005 else f"from {index.min():.2f} to {index.max():.2f}"


def _assumptions(ledger: Ledger, as_of: date, walked: Walk, settings: Settings) -> tuple[Assumption, ...]:
    timing, business = walked.timing, walked.new_business
    learned = f"ledger, {HISTORY_DAYS} days to {as_of.isoformat()}"
    runs = ", ".join(
        f"{name} {share:.0%}" for name, share in zip(WEEKDAYS, timing.weekdays / 7, strict=True) if share >= 0.005
    )
    season = f"months {_spread(business.season.month)}, parts of the month {_spread(business.season.part)}"
    return (
        Assumption(
            "payment timing",
            f"day by day from the due date, {timing.observed:,} payments and {timing.at_risk - timing.observed:,} open"
            f" items, half-life {HALF_LIFE_DAYS:.0f} days, shrinkage {SHRINKAGE:.0f}",
            learned,
        ),
        Assumption("payment run days", runs or "none seen", learned),
        Assumption("weekly delay shared by all payments", f"{timing.weekly_delay:.1f} days (sd)", learned),
        Assumption(
            "new documents",
            f"as in {business.documents:,} recent ones, at the level of the last {LEVEL_DAYS} days",
            learned,
        ),
        Assumption("season", season, "ledger, whole years of document counts"),
        Assumption(
            "terms of new documents",
            f"today's; superseded terms on {superseded_share(ledger.known_on(as_of)):.1%} of past documents replaced",
            learned,
        ),
        Assumption("approval lag", f"{business.steady_lag:.1f} days from invoice to recognition", learned),
        Assumption("documents in approval", "arrive at the usual pace; the present queue is not read", "model"),
        Assumption("purchases", "invoices recognised by the target date, as the metric will be read then", "model"),
        Assumption("exchange rates", f"stay at those of {as_of.isoformat()}", "model"),
        Assumption("policy", "no change of terms, runs or discount policy after the data date", "model"),
        Assumption("measured coverage", settings.coverage, "back-test"),
        Assumption("band", f"10th to 90th percentile, stretched by {settings.widening}", "simulation and back-test"),
    )
