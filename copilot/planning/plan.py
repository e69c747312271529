"""The typed plan: a closed union of what a question can become. Nothing else reaches the engine."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.simulations.levers import Lever
from semantic_layer.periods import Period
from semantic_layer.query import Filter, MetricQuery

Intent = Literal["value", "trend", "top", "compare", "breakdown", "share", "list", "define", "forecast"]
ReasonCode = Literal[
    "UNKNOWN_METRIC",
    "UNKNOWN_VALUE",
    "AMBIGUOUS_METRIC",
    "AMBIGUOUS_VALUE",
    "AMBIGUOUS_TIME",
    "ILLEGAL_GROUPING",
    "MIXED_CURRENCY",
    "NO_SNAPSHOT",
    "STALE_DATA",
    "MISSING_INPUT",
    "NOT_PERMITTED",
    "OUT_OF_SCOPE",
    "TOO_LARGE",
    "UNMAPPED_WORDS",
    "NEEDS_APPROVAL",
    "NEEDS_EXTERNAL_DATA",
    "LEGAL_LIMIT",
]


OpportunityView = Literal[
    "terms", "term_mismatches", "several_terms", "segments", "movers", "waits", "faster_stage", "duplicates", "pilot",
    "proposals",
]  # fmt: skip
"""What an opportunity is about."""
ProposalState = Literal["open", "approved", "rejected", "expired", "voided"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Covered(_Frozen):
    """What became of one piece of the question: its slot (metric, group, filter, time, limit, order, intent, stop)."""

    words: str
    slot: str
    meaning: str = ""


class Choice(_Frozen):
    """One way on: a short label and the full question that it stands for."""

    label: str
    question: str

    @property
    def told(self) -> str:
        """The question, with what its label adds: the figure behind it, a date in words."""
        return self.question if self.label in self.question else f"{self.question} ({self.label})"


class MetricPlan(_Frozen):
    """Run one metric query; `target` is a goal that the asker compares with, in the metric's unit.

    `focus` is the value of the first grouping whose share was asked for ("share of spend under contract").
    """

    kind: Literal["metric"] = "metric"
    intent: Intent
    query: MetricQuery
    target: Decimal | None = None
    focus: str | None = None
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class ForecastPlan(_Frozen):
    """Project a metric to a future date. `target` is the period the asker named; the projection is read at its end."""

    kind: Literal["forecast"] = "forecast"
    metric: Literal["dpo_projected"] = "dpo_projected"
    target: Period
    filters: tuple[Filter, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class OutflowPlan(_Frozen):
    """Forecast the cash that leaves for suppliers, and one view of it.

    `start` to `end` is the period that is asked about, `end` how far the forecast reaches. `balance`, `floor`,
    `shortfall` and `after_run` are of the cash that is left: at the end, at its lowest, the chance that it falls short,
    and on the day of the next payment run. `threshold` belongs to `chance` and is the floor of those four, `position` is what is on the accounts now,
    `week` to `week`, counted from the first whole week ahead. Amounts are in the reporting currency.
    """

    kind: Literal["outflow"] = "outflow"
    shows: Literal[
        "cash", "chance", "late", "run", "accruals", "week", "balance", "floor", "shortfall", "after_run", "position"
    ] = "cash"
    start: date
    end: date
    by: Literal["week", "layer", "buying_entity", "currency", "supplier"] = "week"
    threshold: Decimal | None = None
    week: int | None = None
    worst: bool = False
    """Read the 90 % quantile first instead of the median."""
    filters: tuple[Filter, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()

    def whole_weeks(self, day: date) -> int:
        """How many whole weeks (Monday to Sunday) after the week of `day` reach the end of the period; at least one."""
        sunday = day + timedelta(days=(7 - day.isoweekday()) % 7)
        return max(1, -(-(self.end - sunday).days // 7))


class ScenarioPlan(_Frozen):
    """What if: a baseline and a scenario with these levers, on the same random numbers."""

    kind: Literal["scenario"] = "scenario"
    levers: tuple[Lever, ...]
    until: date | None = None
    """The last day that is simulated; None leaves the usual half year."""
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class DiscountsPlan(_Frozen):
    """Choose early payments under the cash floors. `until` keeps to runs by that day, `next_run` to the first one.

    `least_yield` is a yearly rate (a fraction); `shows` says which figure stands first: what is saved, or the cash.
    """

    kind: Literal["discounts"] = "discounts"
    shows: Literal["choice", "cash"] = "choice"
    until: date | None = None
    next_run: bool = False
    least_yield: Decimal | None = None
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class MissedDiscountsPlan(_Frozen):
    """Why the discounts of a period were missed: by reason, and down to the stage of approval and approver."""

    kind: Literal["missed_discounts"] = "missed_discounts"
    start: date
    end: date
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class OpportunityPlan(_Frozen):
    """What to do beside discounts: longer terms, terms that do not agree, segments, waits in approval, doubles.

    `filters` choose the documents; `net_days` is a term that the asker names, `stage` and `within_days` an approval
    step and the days that it should take at most, `start` and `end` the days that are asked about (None: the last 365).
    """

    kind: Literal["opportunity"] = "opportunity"
    shows: OpportunityView
    filters: tuple[Filter, ...] = ()
    net_days: int | None = None
    stage: int | None = None
    within_days: int | None = None
    state: ProposalState | None = None
    """Of proposals: which ones; None for all."""
    limit: int | None = None
    """How many rows are wanted; the figure that stands first is of all."""
    start: date | None = None
    end: date | None = None
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class DefinePlan(_Frozen):
    """Explain a metric: definition, formula, source fields, relatives."""

    kind: Literal["define"] = "define"
    metric: str
    other: str | None = None
    """A second figure, by name, that it is told apart from."""
    coverage: tuple[Covered, ...] = ()


class WhyPlan(_Frozen):
    """Take a change or a difference apart.

    `query` has one metric, no grouping and, against the time before, a comparison; against the whole, a filter that the
    whole lacks. `by` is the dimension of the groups, or empty: the first that is legal and tells groups apart.
    """

    kind: Literal["why"] = "why"
    query: MetricQuery
    against: Literal["before", "whole"] = "before"
    by: str = ""
    claimed: Literal["up", "down"] | None = None
    """Which way the asker says it went; the answer says so when it did not."""
    notes: tuple[str, ...] = ()
    coverage: tuple[Covered, ...] = ()


class ExplorePlan(_Frozen):
    """Run a SELECT as exploration: guarded, in a process of its own, never a certified figure.

    It is the analyst's own, or the draft of a language model (`drafted_by`).
    """

    kind: Literal["explore"] = "explore"
    sql: str
    drafted_by: str | None = None
    coverage: tuple[Covered, ...] = ()
    """Empty: no word of it is read as a question."""


class Clarify(_Frozen):
    """Ask one question back, with choices."""

    kind: Literal["clarify"] = "clarify"
    reason: ReasonCode
    question: str
    choices: tuple[Choice, ...]
    coverage: tuple[Covered, ...] = ()


class Refuse(_Frozen):
    """Say no, why, and what can be asked instead. Carries no figure."""

    kind: Literal["refuse"] = "refuse"
    reason: ReasonCode
    message: str
    choices: tuple[Choice, ...] = ()
    coverage: tuple[Covered, ...] = ()


Modelled = ForecastPlan | OutflowPlan | ScenarioPlan | DiscountsPlan | MissedDiscountsPlan | OpportunityPlan
"""Plans that need more than a query: a model of payments, a simulation, a solver, what was approved."""

Plan = Annotated[
    MetricPlan
    | ForecastPlan
    | OutflowPlan
    | ScenarioPlan
    | DiscountsPlan
    | MissedDiscountsPlan
    | OpportunityPlan
    | DefinePlan
    | WhyPlan
    | ExplorePlan
    | Clarify
    | Refuse,
    Field(discriminator="kind"),
]


class Clock(_Frozen):
    """The two dates every reading hangs on: the asker's today and the last complete day in the mirror."""

    today: date
    data_date: date
