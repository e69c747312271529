"""The answer every surface shows: UI-neutral, versioned, published as JSON Schema (`tenor schema`).

Ratios are fractions (0.182), money is a decimal string with its currency in the unit, dates are ISO. A refusal carries
no number.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.planning.plan import Choice, ReasonCode

SCHEMA = "tenor.answer/1"
Cell = str | int | float | bool | None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Headline(_Frozen):
    """The number first. `value` is a decimal string for money, a number for days, ratios and counts."""

    metric: str
    label: str
    value: str | float | int | None
    unit: str
    period: str
    as_of: str
    low: str | float | None = None
    high: str | float | None = None
    previous: str | float | int | None = None
    delta: str | float | int | None = None
    baseline: str | None = None


class TableColumn(_Frozen):
    """A column: role dimension, metric, share or delta; unit days, money:USD, ratio, count, date or text."""

    name: str
    label: str
    role: Literal["dimension", "metric", "share", "delta"]
    unit: str
    part_of: str | None = None


class Table(_Frozen):
    """Rows in the order shown; `row_count` counts all groups before a limit."""

    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    row_count: int
    truncated: bool


class CheckResult(_Frozen):
    """A check that ran with the answer."""

    name: str
    passed: bool
    detail: str


class Assumption(_Frozen):
    """A default or input that shaped the figure, and where it came from."""

    name: str
    value: str
    source: str


class LineageEntry(_Frozen):
    """From a metric back to its definition and the Coupa fields it reads."""

    metric: str
    definition: str
    fields: tuple[str, ...]


class VerifiedParameter(_Frozen):
    """A slot of a verified question: say "name: value" to run it again with another value, without any model."""

    name: str
    kind: Literal["period", "value", "number"]
    value: str


class VerifiedUse(_Frozen):
    """The answer's plan is exactly that of a question that somebody has verified. Days are ISO dates."""

    id: str
    question: str
    owner: str
    verified_by: str
    verified_on: str
    expires_on: str
    parameters: tuple[VerifiedParameter, ...] = ()


class Freshness(_Frozen):
    """How recent the data is."""

    data_as_of: str
    mirror_version: str
    drift: int | None = None
    """Control totals that differed from Coupa when they were last compared; null where they never were."""


class Answer(_Frozen):
    """One answered, clarified or refused turn."""

    schema_: Literal["tenor.answer/1"] = Field(default="tenor.answer/1", alias="schema")
    status: Literal["answered", "clarify", "refused"]
    reason: ReasonCode | None = None
    question: str
    reading: str
    plan: dict[str, Any]
    headline: Headline | None = None
    table: Table | None = None
    narrative: str
    chart: dict[str, Any] | None = None
    sql: tuple[str, ...] = ()
    trust: Literal["verified", "governed", "exploratory"] = "governed"
    verified: VerifiedUse | None = None
    """Set where a person stands for this very plan; a question that is merely alike does not count."""
    checks: tuple[CheckResult, ...] = ()
    caveats: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    lineage: tuple[LineageEntry, ...] = ()
    freshness: Freshness | None = None
    follow_ups: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    actions: tuple[dict[str, Any], ...] = ()
    evidence_id: str
    thread: str
    took_ms: int

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self, indent: int | None = None) -> str:
        """The contract's JSON text."""
        return self.model_dump_json(by_alias=True, indent=indent)
