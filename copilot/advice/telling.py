"""One form for every opportunity that is told: a figure, a table, sentences with slots, notes, and where it is from.

Pure. An `Advice` becomes an answer in chat, lines on a terminal, or a CSV file; each is made from the same cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from copilot.answer import Answer, Assumption, Cell, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.composition import Turn, compose_refusal, grounded
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Figure, Prose
from copilot.narration.retelling import told
from copilot.opportunities.term_outcomes import OpportunityRefused
from copilot.planning.plan import OpportunityPlan, Refuse
from copilot.rendering.table_file import csv_of_table
from copilot.simulations.outcomes import Assumption as Input
from copilot.tabulation import json_cell
from copilot.wording import figures
from copilot.wording.quoting import clean
from semantic_layer.results import Check, Value

LISTED = 50


@dataclass(frozen=True)
class Told:
    """One column of the table: name, label, role and unit as in the answer's schema."""

    name: str
    label: str
    unit: str
    role: str = "metric"


@dataclass(frozen=True)
class Advice:
    """An outcome ready to be told; `rows` hold typed values in the order of `columns`."""

    metric: str
    label: str
    value: Value
    unit: str
    period: str
    as_of: str
    reading: str
    columns: tuple[Told, ...]
    rows: tuple[tuple[Value, ...], ...]
    prose: Prose
    outcome: Any
    definition: str
    sources: tuple[str, ...]
    terms: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    assumptions: tuple[Input, ...] = ()
    follow_ups: tuple[str, ...] = ()


def compose_advice(turn: Turn, plan: OpportunityPlan, found: Advice | OpportunityRefused) -> Answer:
    """The answer, or the refusal by name."""
    if isinstance(found, OpportunityRefused):
        refusal = Refuse.model_validate({"reason": found.reason_code, "message": clean(found.reason, 600)})
        return compose_refusal(turn, refusal.model_copy(update={"coverage": plan.coverage}))
    lead = headline_of(found)
    table = table_of(found)
    said = [slot.text for slot in found.prose.slots if isinstance(slot, Figure)]
    stray = unsupported(found.prose.text, support_of(lead, table, periods=said, terms=(found.label, *found.terms)))
    checks = (
        *(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in found.checks),
        grounded([piece.words for piece in stray]),
    )
    return Answer(
        status="answered",
        question=turn.question,
        reading=found.reading,
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(found.prose, turn.language),
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=(*plan.notes, *found.caveats),
        assumptions=tuple(
            Assumption(name=a.name, value=clean(a.value, 300), source=a.source) for a in found.assumptions
        ),
        lineage=(LineageEntry(metric=found.metric, definition=found.definition, fields=found.sources),),
        freshness=turn.freshness,
        follow_ups=tuple(text for text in found.follow_ups if text != turn.question),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def headline_of(found: Advice) -> Headline:
    """The figure that stands first."""
    value = json_cell(found.value, found.unit)
    return Headline(
        metric=found.metric,
        label=found.label,
        value=value if not isinstance(value, bool) else None,
        unit=found.unit,
        period=found.period,
        as_of=found.as_of,
    )


def table_of(found: Advice, listed: int = LISTED) -> Table:
    """The first rows; text cleaned of what could act."""
    columns = tuple(
        TableColumn.model_validate({"name": c.name, "label": c.label, "role": c.role, "unit": c.unit})
        for c in found.columns
    )
    rows = tuple(
        tuple(_cell(v, c.unit) for v, c in zip(row, found.columns, strict=True)) for row in found.rows[:listed]
    )
    return Table(columns=columns, rows=rows, row_count=len(found.rows), truncated=len(found.rows) > listed)


def _cell(value: Value, unit: str) -> Cell:
    return clean(value, 300) if isinstance(value, str) else json_cell(value, unit)


def lines_of(found: Advice, listed: int = LISTED) -> list[str]:
    """The advice on a terminal: sentences, rows, notes, checks that failed."""
    lines = [found.prose.text, ""]
    cells = [[shown(v, c.unit) for v, c in zip(row, found.columns, strict=True)] for row in found.rows[:listed]]
    lines += aligned([[c.label for c in found.columns], *cells])
    if len(found.rows) > listed:
        lines.append(f"... and {len(found.rows) - listed} more; --csv writes all of them")
    lines += [f"Note: {clean(text, 400)}" for text in found.caveats]
    lines += [f"CHECK FAILED {c.name}: {c.detail}" for c in found.checks if not c.passed]
    return lines


def shown(value: Value, unit: str) -> str:
    """A cell as people read it on a terminal; nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value, 60)
    if unit in {"text", "date"}:
        return str(value)
    if unit == "number":
        return f"{value}"
    return figures.headline(value, unit)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with columns of one width."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def csv_of(found: Advice) -> str:
    """All rows as CSV; text that a spreadsheet would run is disarmed."""
    return csv_of_table(table_of(found, len(found.rows)))
