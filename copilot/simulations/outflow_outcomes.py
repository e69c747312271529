"""What an outflow forecast can come to. Money is Decimal in `currency`, to the cent; chances are fractions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.simulations.calibration import AS_SIMULATED, BandStretch, Coverage
from copilot.simulations.outcomes import Assumption
from semantic_layer.results import Check

Floats = NDArray[np.float64]
CENT = Decimal("0.01")
SCHEMA = "tenor.outflow/1"


class Band(NamedTuple):
    """10 %, 50 % and 90 % quantiles over the paths, and the mean. Means add up; quantiles do not."""

    low: Decimal
    median: Decimal
    high: Decimal
    mean: Decimal


class PeriodCash(NamedTuple):
    """Cash out from `start` to `end`, both included."""

    label: str
    start: date
    end: date
    cash: Band


class GroupCash(NamedTuple):
    """Cash out of one layer, entity, currency or supplier over the whole horizon."""

    name: str
    cash: Band
    share: Decimal


class ExpectedDocument(NamedTuple):
    """A document, the chance that it is paid in the period, and when it is due. `number` is the supplier's own."""

    document_id: int
    number: str
    supplier: str
    amount: Decimal
    due: date | None
    chance: Decimal


class LateDocument(NamedTuple):
    """A document that will probably be paid after its due date; `expected` is the median of its pay date."""

    document_id: int
    number: str
    supplier: str
    amount: Decimal
    due: date
    chance: Decimal
    expected: date | None
    state: str


class Accrual(NamedTuple):
    """What will probably be received but not yet recognised at a month end, by buying entity."""

    month_end: date
    buying_entity: str
    amount: Decimal
    documents: int


@dataclass(frozen=True)
class Chance:
    """Chances that cash out exceeds `threshold`: in at least one of the weeks, in each of them, and taken together."""

    threshold: Decimal
    start: date
    end: date
    in_any_week: Decimal
    by_week: tuple[tuple[str, Decimal], ...]
    in_total: Decimal


@dataclass(frozen=True)
class WeekContent:
    """What one week holds: its cash, by layer, and the known documents with the largest expected payments."""

    week: PeriodCash
    layers: tuple[GroupCash, ...]
    documents: tuple[ExpectedDocument, ...]


@dataclass(frozen=True)
class OutflowForecast:
    """Cash that will probably leave for suppliers, day by day, with everything that shaped it.

    `weeks` are calendar weeks, the first one cut to what is left of it; `runs` the days on which payments run. `paths`
    holds the simulated cash `[path, day]` (day 0 is the day after `as_of`), so that any sum has its own band.
    """

    as_of: date
    currency: str
    total: Band
    days: tuple[PeriodCash, ...]
    weeks: tuple[PeriodCash, ...]
    runs: tuple[PeriodCash, ...]
    layers: tuple[GroupCash, ...]
    groups: Mapping[str, tuple[GroupCash, ...]]
    contents: tuple[WeekContent, ...]
    late: tuple[LateDocument, ...]
    accruals: tuple[Accrual, ...]
    assumptions: tuple[Assumption, ...]
    checks: tuple[Check, ...]
    coverage: Coverage
    seed: int
    model_version: str
    paths: Floats = field(repr=False, compare=False)
    inputs: str = ""
    """Hash of everything that was read; with the seed, the paths and the horizon it gives the same bytes again."""
    mirror_version: str = ""
    stretch: BandStretch = AS_SIMULATED
    """By how much past outcomes asked bands to be stretched around their medians."""

    @property
    def end(self) -> date:
        """The last day of the forecast."""
        return self.days[-1].end

    def week(self, number: int) -> WeekContent:
        """The content of week `number`: 1 is the first whole week ahead. Raises IndexError outside the horizon."""
        whole = [content for content in self.contents if content.week.label.startswith("week ")]
        if not 1 <= number <= len(whole):
            raise IndexError(f"The forecast has weeks 1 to {len(whole)}, not {number}.")
        return whole[number - 1]

    def chance_above(self, threshold: Decimal, start: date | None = None, end: date | None = None) -> Chance:
        """Chances of more than `threshold`, over the weeks that overlap `start` to `end` (all by default).

        Raises IndexError when no week of the forecast does.
        """
        first, last = start or self.as_of + timedelta(days=1), end or self.end
        chosen = [week for week in self.weeks if week.end >= first and week.start <= last]
        if not chosen or last > self.end:
            raise IndexError(f"The forecast reaches from {self.days[0].start} to {self.end}.")
        sums = np.stack([self._stretched(week.start, week.end) for week in chosen], axis=1)
        over = sums > float(threshold)
        total = np.greater(self._stretched(max(first, self.days[0].start), last), float(threshold))
        by_week = tuple((week.label, chance(column)) for week, column in zip(chosen, over.T, strict=True))
        return Chance(threshold, first, last, chance(over.any(axis=1)), by_week, chance(total))

    def band(self, start: date, end: date) -> Band:
        """The band of everything between two days, from the paths: not the sum of the bands of its days."""
        return band_of(self._sum(start, end), self._factor(start, end))

    def weeks_within(self, start: date, end: date) -> tuple[PeriodCash, ...]:
        """The weeks from `start` to `end`; those at the edges hold what lies inside: all add up to the whole."""
        found = []
        for week in self.weeks:
            first, last = max(start, week.start), min(end, week.end)
            if (first, last) == (week.start, week.end):
                found.append(week)
            elif first <= last:
                found.append(PeriodCash(f"part of {week.label}", first, last, self.band(first, last)))
        return tuple(found)

    def _stretched(self, start: date, end: date) -> Floats:
        return stretched(self._sum(start, end), self._factor(start, end))

    def _factor(self, start: date, end: date) -> float:
        return self.stretch.between((start - self.as_of).days, (end - self.as_of).days)

    def _sum(self, start: date, end: date) -> Floats:
        first, last = (start - self.as_of).days - 1, (end - self.as_of).days
        added: Floats = self.paths[:, max(0, first) : last].sum(axis=1)
        return added

    def to_csv(self) -> str:
        """One line per day: date, week, mean, p10, p50, p90 and the currency."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("date", "week", "mean", "p10", "p50", "p90", "currency"))
        label = {day: week.label for week in self.weeks for day in _days(week)}
        for day in self.days:
            cash = day.cash
            cells = (cash.mean, cash.low, cash.median, cash.high)
            writer.writerow((day.start, label.get(day.start, ""), *cells, self.currency))
        return text.getvalue()

    def to_json(self) -> str:
        """The forecast without its paths, as documented in docs/forecasting.md."""
        content = {
            "schema": SCHEMA,
            "as_of": self.as_of,
            "currency": self.currency,
            "model": self.model_version,
            "seed": self.seed,
            "paths": len(self.paths),
            "total": self.total._asdict(),
            "days": [_row(day) for day in self.days],
            "weeks": [_row(week) for week in self.weeks],
            "runs": [_row(run) for run in self.runs],
            "layers": [_group(layer) for layer in self.layers],
            "groups": {name: [_group(row) for row in rows] for name, rows in self.groups.items()},
            "accruals": [row._asdict() for row in self.accruals],
            "assumptions": [row._asdict() for row in self.assumptions],
            "checks": [vars(check) for check in self.checks],
            "coverage": vars(self.coverage),
            "evidence": {
                "model": self.model_version,
                "inputs": self.inputs,
                "mirror_version": self.mirror_version,
                "seed": self.seed,
                "paths": len(self.paths),
                "as_of": self.as_of,
                "end": self.end,
                "stretch": self.stretch.content(),
            },
        }
        return json.dumps(content, default=str, indent=2, ensure_ascii=False)


@dataclass(frozen=True)
class NothingToForecast:
    """There is not enough to learn from; `missing` says what, in plain words."""

    as_of: date
    missing: tuple[str, ...]


@dataclass(frozen=True)
class HorizonOutOfReach:
    """The horizon is not within 1 to 26 weeks; `reason` says so."""

    as_of: date
    reason: str


OutflowOutcome = OutflowForecast | NothingToForecast | HorizonOutOfReach


def money(value: float) -> Decimal:
    """An amount to the cent."""
    return Decimal(value).quantize(CENT)


def chance(happened: Floats | NDArray[np.bool_] | np.bool_) -> Decimal:
    """A share of paths, to a tenth of a percent."""
    return Decimal(float(np.mean(happened))).quantize(Decimal("0.001"))


def stretched(values: Floats, factor: float) -> Floats:
    """Values moved away from their median by a factor (1 leaves them bit for bit)."""
    if factor == 1.0:
        return values
    middle = float(np.median(values))
    moved: Floats = middle + (values - middle) * factor
    return moved


def band_of(values: Floats, factor: float = 1.0) -> Band:
    """The band of values over paths."""
    low, median, high = np.quantile(stretched(values, factor), (0.1, 0.5, 0.9)).tolist()
    return Band(money(low), money(median), money(high), money(float(values.mean())))


def _days(week: PeriodCash) -> list[date]:
    return [week.start + timedelta(days=step) for step in range((week.end - week.start).days + 1)]


def _row(period: PeriodCash) -> dict[str, object]:
    return {"label": period.label, "start": period.start, "end": period.end, **period.cash._asdict()}


def _group(group: GroupCash) -> dict[str, object]:
    return {"name": group.name, "share": group.share, **group.cash._asdict()}
