"""The one place that knows the solver: prices of cash from the linear relaxation, and exact choices of small books.

What comes back is advice: `Prices.bound` proves bounds again and `Problem.fits` checks choices exactly.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

from copilot.opportunities.problem import Floats, Ints, Prices, Problem

UNIT = 100_000.0
"""Cents to a unit of the model (thousands): solvers like numbers near one."""


SECONDS = 20.0
"""A net, not a budget: no book that comes here takes so long on a machine of our size."""


def cash_prices(problem: Problem) -> Prices | None:
    """The duals of the linear relaxation; None when it was not solved."""
    solver = _model(problem, whole=False)
    solver.setOptionValue("time_limit", SECONDS)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = solver.getSolution()
    options, pools = len(problem), problem.room.shape[0]
    reduced = np.asarray(solution.col_dual, dtype=np.float64)[options:]
    rows = np.asarray(solution.row_dual, dtype=np.float64)
    caps = rows[len(rows) - len(problem.limit) :]
    return Prices(
        cash=np.maximum(-reduced, 0.0).reshape(pools, problem.days) / UNIT,
        caps=np.maximum(-caps, 0.0) / UNIT,
    )


def best_choice(problem: Problem, nodes: int | None = None) -> Ints | None:
    """The options of the best choice, or of the best one found within so many branches; None when there was none."""
    solver = _model(problem, whole=True)
    solver.setOptionValue("time_limit", SECONDS)
    if nodes is not None:
        solver.setOptionValue("mip_max_nodes", nodes)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", 1e-7)
    solver.run()
    solution = solver.getSolution()
    if not solution.value_valid:
        return None
    chosen: Ints = np.flatnonzero(np.asarray(solution.col_value)[: len(problem)] > 0.5)
    return chosen


def _model(problem: Problem, *, whole: bool) -> Any:
    """Minimise minus the value. Columns: options, then the balance that is tied up by pool and day.

    Rows: one per offer, one per pool and day (balance = balance of the day before + paid early - paid otherwise), one
    per cap. Two entries of a balance row per option and pool, where cumulative rows would have one for each day.
    """
    rows, columns, entries = _entries(problem)
    days, pools, options = problem.days, problem.room.shape[0], len(problem)
    balances = pools * days
    program = highspy.HighsLp()
    program.num_col_ = options + balances
    program.num_row_ = problem.offers + balances + len(problem.limit)
    program.col_cost_ = np.concatenate([-problem.value, np.zeros(balances)])
    program.col_lower_ = np.concatenate([np.zeros(options), np.full(balances, -highspy.kHighsInf)])
    program.col_upper_ = np.concatenate([np.ones(options), problem.room.ravel() / UNIT])
    program.row_lower_ = np.concatenate(
        [
            np.full(problem.offers, -highspy.kHighsInf),
            np.zeros(balances),
            np.full(len(problem.limit), -highspy.kHighsInf),
        ]
    )
    program.row_upper_ = np.concatenate([np.ones(problem.offers), np.zeros(balances), problem.limit / UNIT])
    order = np.lexsort((rows, columns))
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = np.searchsorted(columns[order], np.arange(program.num_col_ + 1)).astype(np.int32)
    program.a_matrix_.index_ = rows[order].astype(np.int32)
    program.a_matrix_.value_ = entries[order]
    if whole:
        kinds = [highspy.HighsVarType.kInteger] * options + [highspy.HighsVarType.kContinuous] * balances
        program.integrality_ = kinds
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # its constructor has no annotations
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("random_seed", 1)
    solver.passModel(program)
    return solver


def _entries(problem: Problem) -> tuple[Ints, Ints, Floats]:
    """(row, column, entry) of the constraint matrix."""
    days, pools, options = problem.days, problem.room.shape[0], len(problem)
    choice = np.arange(options)
    first = problem.offers
    rows, columns, entries = [problem.offer], [choice], [np.ones(options)]
    balance = np.arange(pools * days)
    rows += [first + balance, first + balance[balance % days > 0]]
    columns += [options + balance, options + balance[balance % days > 0] - 1]
    entries += [np.ones(len(balance)), -np.ones(int((balance % days > 0).sum()))]
    for column in range(problem.pools.shape[1]):
        pool = problem.pools[:, column]
        pays, repaid = pool >= 0, (pool >= 0) & (problem.until < days)
        rows += [first + (pool * days + problem.pay)[pays], first + (pool * days + problem.until)[repaid]]
        columns += [choice[pays], choice[repaid]]
        entries += [-problem.cash[pays] / UNIT, problem.gross[repaid] / UNIT]
    for column in range(problem.caps.shape[1]):
        cap = problem.caps[:, column]
        capped = cap >= 0
        rows.append(first + pools * days + cap[capped])
        columns.append(choice[capped])
        entries.append(problem.cash[capped] / UNIT)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(entries)
