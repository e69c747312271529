"""A bank of questions: what is said, turn by turn, and the plan that each turn should become."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from copilot.errors import QuestionBankError
from copilot.planning.plan import (
    DefinePlan,
    ForecastPlan,
    MetricPlan,
    OutflowPlan,
    Plan,
    ReasonCode,
    ScenarioPlan,
    WhyPlan,
)
from copilot.simulations.levers import Lever
from semantic_layer.periods import Period
from semantic_layer.query import Filter

Behaviour = Literal[
    "answer", "ask", "refuse", "define", "forecast", "outflow", "scenario", "why", "explore", "discounts",
    "opportunity",
]  # fmt: skip
Slots = Mapping[str, Any]
"""Slot name to its canonical text or texts; an empty slot is absent."""

SLOTS = (
    "metrics", "by", "where", "having", "period", "compare",
    "order", "limit", "per", "share", "currency", "target", "dated", "known", "window", "other",
    "shows", "threshold", "week", "levers",
)  # fmt: skip
"""The slots that are scored, in the order of reports."""


UNORDERED = frozenset({"by", "where"})
"""Slots whose parts mean the same in any order: the order of groupings only moves columns."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Expected(BaseModel):
    """What one turn should become. Slots that are not named must be empty."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    does: Behaviour = "answer"
    reason: ReasonCode | None = None
    metrics: Names = ()
    by: Names = ()
    where: Names = ()
    having: Names = ()
    period: str = ""
    compare: str = ""
    order: str = ""
    limit: str = ""
    per: Names = ()
    share: bool = False
    currency: str = ""
    target: str = ""
    dated: str = ""
    window: str = ""
    known: str = ""
    other: str = ""
    shows: str = ""
    threshold: str = ""
    week: str = ""
    levers: Names = ()

    def slots(self) -> Slots:
        """The slots that are filled, each in canonical form."""
        found = self.model_dump(exclude={"does", "reason"}, exclude_defaults=True)
        return {name: tuple(sorted(value)) if name in UNORDERED else value for name, value in found.items()}


class QuestionTurn(BaseModel):
    """One thing said in a thread."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: str
    expect: Expected


class Case(BaseModel):
    """A thread of one or more turns. Only the first turn is paraphrased."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    section: str
    turns: tuple[QuestionTurn, ...] = Field(min_length=1)


class Bank(BaseModel):
    """All cases; ids are unique."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cases: tuple[Case, ...]


def load_bank(path: Path) -> Bank:
    """The bank in a YAML file; raises QuestionBankError with the place of what does not fit."""
    try:
        found = Bank.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        why = error.strerror
        raise QuestionBankError(f"{path} cannot be read ({why}); name a bank of questions with --bank.") from error
    except yaml.YAMLError as error:
        raise QuestionBankError(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise QuestionBankError(f"{path}, {place}: {first['msg']}.") from error
    ids = [case.id for case in found.cases]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise QuestionBankError(f"{path}: the id {twice[0]!r} is used twice; ids name one case each.")
    return found


def behaviour_of(plan: Plan) -> Behaviour:
    """What a plan does."""
    return _BEHAVIOURS[plan.kind]


_BEHAVIOURS: Mapping[str, Behaviour] = {
    "metric": "answer", "forecast": "forecast", "outflow": "outflow", "scenario": "scenario",
    "define": "define", "why": "why", "clarify": "ask", "refuse": "refuse", "explore": "explore",
    "discounts": "discounts", "missed_discounts": "discounts", "opportunity": "opportunity",
}  # fmt: skip


def slots_of(plan: Plan) -> Slots:
    """The filled slots of a plan in the same canonical form as `Expected.slots`."""
    match plan:
        case MetricPlan():
            found = _of_query(plan)
        case ForecastPlan():
            found = {"period": _period(plan.target), "where": tuple(sorted(_condition(f) for f in plan.filters))}
        case DefinePlan():
            found = {"metrics": (plan.metric,), "other": plan.other or ""}
        case ScenarioPlan():
            found = {"levers": tuple(_lever(lever) for lever in plan.levers)}
        case OutflowPlan():
            found = _of_outflow(plan)
        case WhyPlan():
            found = _of_query(plan) | {"by": (plan.by,) if plan.by else ()}
        case _:
            found = {}
    return {n: tuple(sorted(value)) if n in UNORDERED else value for n, value in found.items() if value}


def _lever(lever: Lever) -> str:
    """As in "extend_terms net_days=60 top_suppliers=20": the kind and what is set, names sorted."""
    data = lever.model_dump(exclude_defaults=True, mode="json")
    chosen = {**data.pop("selection", {}), **data}
    chosen.pop("kind", None)
    texts = [f"{k}={','.join(map(str, v)) if isinstance(v, list) else v}" for k, v in sorted(chosen.items())]
    return " ".join((lever.kind, *texts))


def _of_outflow(plan: OutflowPlan) -> dict[str, Any]:
    return {
        "shows": plan.shows,
        "period": _period(Period(plan.start, plan.end)),
        "by": () if plan.by == "week" else (plan.by,),
        "where": tuple(sorted(_condition(f) for f in plan.filters)),
        "threshold": format(plan.threshold, "f") if plan.threshold is not None else "",
        "week": str(plan.week or ""),
    }


def _of_query(plan: MetricPlan | WhyPlan) -> dict[str, Any]:
    query = plan.query
    return {
        "metrics": query.metrics,
        "by": query.group_by,
        "where": tuple(sorted(_condition(f) for f in query.filters)),
        "having": tuple(f"{h.metric} {h.op} {h.value:f}" for h in query.having),
        "period": _period(query.period),
        "compare": _period(query.compare),
        "order": ("down" if query.order[0].descending else "up") if query.order else "",
        "limit": str(query.limit or ""),
        "per": (f"{query.top_per.n} {', '.join(query.top_per.within)}",) if query.top_per else (),
        "known": query.known_at.date().isoformat() if query.known_at else "",
        "window": query.window.label if query.window else "",
        "share": query.share,
        "currency": query.currency or "",
        "target": str(plan.target) if isinstance(plan, MetricPlan) and plan.target is not None else "",
        "dated": query.time_role or "",
    }


def _condition(condition: Filter) -> str:
    op = {"in": "=", "not in": "!="}.get(condition.op, condition.op)
    return f"{condition.field} {op} {', '.join(sorted(condition.values))}"


def _period(period: Period | None) -> str:
    return f"{period.start.isoformat()}..{period.end.isoformat()}" if period else ""
