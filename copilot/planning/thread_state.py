"""What a thread remembers: the plans that gave figures, the rows that the last answer showed, a question that waits."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from copilot.planning.plan import Clarify, ForecastPlan, MetricPlan, OutflowPlan, ScenarioPlan, WhyPlan

DEPTH = 20
"""How many answers can be gone back over."""
MOST_SHOWN = 200
"""Rows of an answer that "those" can mean; more are not remembered."""

Figures = MetricPlan | ForecastPlan | OutflowPlan | ScenarioPlan | WhyPlan
FIGURES = (MetricPlan, ForecastPlan, OutflowPlan, ScenarioPlan, WhyPlan)


class Shown(BaseModel):
    """The rows of the last answer, named by one dimension, in their order. None stands for rows without a name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: str
    values: tuple[str | None, ...]


class ThreadState(BaseModel):
    """The plans that gave figures, newest last; the rows on screen; the question that waits for an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: tuple[Figures, ...] = ()
    shown: Shown | None = None
    pending: Clarify | None = None
    edits: bool = False
    """Whether the question that waits came of a follow-up: its answer is one, too."""

    @property
    def last(self) -> Figures | None:
        """The plan that a follow-up edits."""
        return self.plans[-1] if self.plans else None
