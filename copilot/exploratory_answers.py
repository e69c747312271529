"""A SELECT that somebody pasted into a question: when it counts as one, and the answer it becomes.

Such an answer is labelled exploratory in every place that shows trust. It has no headline, and its text repeats no
figure of its rows. It offers the SELECT as a proposal for a metric, as YAML for review, where one can be made of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from copilot.answer import Answer, Cell, Table, TableColumn
from copilot.composition import Turn
from copilot.planning.plan import ExplorePlan, ReasonCode, Refuse
from copilot.wording.quoting import clean
from semantic_layer.errors import GuardError, SemanticLayerError, TimeLimitError, TooLargeError
from semantic_layer.exploration import Exploration
from semantic_layer.fragments import DUCKDB
from semantic_layer.model import SemanticModel
from semantic_layer.proposal import propose

SHOWN = 200
"""Rows kept in an answer; `tenor explore --csv` gives all."""
_BEGINS = re.compile(r"^\s*(select|with)\b.*\bfrom\b", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"^\s*```(?:sql)?\s*(.*?)\s*```\s*$", re.IGNORECASE | re.DOTALL)


def pasted_select(question: str, model: SemanticModel) -> ExplorePlan | None:
    """The plan of a question that is a SELECT over an entity of the model, alone or in a code fence; None otherwise.

    "Select the suppliers from EMEA" is English: it names no entity where SQL has one.
    """
    fenced = _FENCE.match(question)
    text = fenced[1] if fenced else question
    if not _BEGINS.match(text):
        return None
    try:
        found = DUCKDB.parse(text)
    except SqlglotError:
        return None
    query = found[0] if found else None
    tables = {table.name.lower() for table in query.find_all(exp.Table)} if isinstance(query, exp.Query) else set()
    return ExplorePlan(sql=text) if tables & {name.lower() for name in model.entities} else None


def compose_exploration(turn: Turn, plan: ExplorePlan, found: Exploration, model: SemanticModel) -> Answer:
    """The rows with their label, the SQL that ran, and what a metric of it would look like."""
    rows = tuple(tuple(_cell(value) for value in row) for row in found.rows[:SHOWN])
    cut = found.truncated or len(found.rows) > SHOWN
    author = f"the language model {clean(plan.drafted_by, 40)} drafted" if plan.drafted_by else "you wrote"
    caveats = [f"Exploratory: {author} this SQL. No vetted metric stands behind it, and nothing ties it to a total."]
    if plan.drafted_by:
        caveats.append("Read the SQL before you use a figure of it: a draft can ask for something else than you meant.")
    if cut:
        caveats.append("Not all rows are shown: `tenor explore --csv` gives more.")
    whose = "The drafted" if plan.drafted_by else "Your"
    offer, action = _offer(plan.sql, model)
    return Answer(
        status="answered",
        question=turn.question,
        reading=f"{'a drafted' if plan.drafted_by else 'your own'} SELECT, run through the guard",
        plan=plan.model_dump(mode="json"),
        table=Table(columns=_columns(found.columns), rows=rows, row_count=len(found.rows), truncated=cut),
        narrative=f"{whose} SELECT ran as exploration; it is no certified figure. {offer}",
        sql=(found.sql,),
        trust="exploratory",
        caveats=tuple(caveats),
        freshness=turn.freshness,
        actions=action,
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def refused_exploration(error: SemanticLayerError) -> Refuse:
    """What the guard or the engine said no to."""
    reason: ReasonCode = "TOO_LARGE" if isinstance(error, TooLargeError | TimeLimitError) else "NOT_PERMITTED"
    return Refuse(reason=reason, message=str(error))


def _offer(sql: str, model: SemanticModel) -> tuple[str, tuple[dict[str, Any], ...]]:
    """What can be done with it: a proposal for review, or why there is none."""
    try:
        proposal = propose(sql, model)
    except GuardError as error:
        return f"It cannot become a metric as it stands. {error}", ()
    offered = "It can become a metric: the proposal below is for review, and nothing changes until somebody merges it."
    return offered, ({"kind": "propose_metric", "name": proposal.name, "yaml": proposal.text},)


def _columns(names: Sequence[str]) -> tuple[TableColumn, ...]:
    """All columns as text: what a number of somebody else's SQL counts is not known here."""
    used: dict[str, int] = {}
    found: list[TableColumn] = []
    for name in names:
        used[name] = used.get(name, 0) + 1
        unique = name if used[name] == 1 else f"{name}_{used[name]}"
        found.append(TableColumn(name=unique, label=unique, role="dimension", unit="text"))
    return tuple(found)


def _cell(value: Any) -> Cell:
    match value:
        case None | str():
            return value
        case Decimal():
            return format(value, "f")
        case date() | datetime():
            return value.isoformat()
        case _:
            return str(value)
