"""Is enough of the money dated? A figure over the few documents that have a date says nothing of the others."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from semantic_layer.compiler import compile_left_out
from semantic_layer.database import Rows
from semantic_layer.drilling import RECORD
from semantic_layer.errors import LowCoverageError
from semantic_layer.fragments import Statement
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.resolver import ResolvedQuery

LISTED = 100
"""How many records the list of what to fill in holds."""

Run = Callable[[Statement], Rows]


def require_coverage(metric: Metric, query: ResolvedQuery, model: SemanticModel, run: Run) -> None:
    """Raise LowCoverageError, with the records to fill in, when too little of the money has what the figure needs."""
    gate = metric.coverage
    if gate is None:
        return
    lacking = _amount(run(compile_left_out(query, model, metric, gate.lacking)))
    if not lacking:
        return
    everything = _amount(run(compile_left_out(query, model, metric, gate.all)))
    share = max(1 - lacking / everything, Decimal(0)) if everything else Decimal(0)
    if share < gate.at_least:
        found = run(compile_left_out(query, model, metric, gate.lacking, RECORD))
        missing = [(str(record), Decimal(amount)) for record, amount in found.rows]
        raise LowCoverageError(metric.label, gate.fix, share, gate.at_least, missing[:LISTED], len(missing))


def _amount(rows: Rows) -> Decimal:
    return abs(Decimal(rows.rows[0][0] or 0))
