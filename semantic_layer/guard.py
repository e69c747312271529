"""SQL that may run: one statement, a query, on published tables only, with known functions only.

A list of table names is no guard on DuckDB: `query('…')`, `query_table('…')` and `read_csv(…)` hide behind tables
without a name. So every table must be a plain identifier that resolves, by scope, to a CTE of the statement or to a
published table; functions come from a list; and what runs is the text rendered from the tree that was checked.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.optimizer.scope import traverse_scope

from semantic_layer.errors import GuardError, did_you_mean

FORBIDDEN = (
    exp.Command,
    exp.Into,
    exp.Parameter,
    exp.Placeholder,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Create,
    exp.Drop,
    exp.Set,
)
# Functions that sqlglot does not type, by name; everything it types is judged by class.
PLAIN_FUNCTIONS = frozenset({"last_day", "strftime", "epoch", "contains", "quantile_cont", "list_aggregate"})
FORBIDDEN_FUNCTIONS = (exp.ReadCSV, exp.GenerateSeries, exp.Unnest, exp.Explode)
MAX_CTES = 80
MAX_DEPTH = 400


def guard(sql: str, tables: Collection[str]) -> str:
    """The statement re-rendered from its checked tree. Raises GuardError naming the construct and the rule."""
    return _guarded(sql, frozenset(tables))


@lru_cache(maxsize=1024)
def _guarded(sql: str, tables: frozenset[str]) -> str:
    tree = _one_statement(sql)
    _only_reads(tree)
    _only_known_tables(tree, tables)
    _only_known_functions(tree)
    return tree.sql("duckdb", pretty=True)


def _one_statement(sql: str) -> exp.Expr:
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="duckdb") if s is not None]
    except (ParseError, TokenError, RecursionError) as error:
        raise GuardError("This is not SQL that DuckDB would understand.") from error
    if len(statements) != 1:
        raise GuardError(f"Exactly one statement may run; this text holds {len(statements)}.")
    return statements[0]


def _only_reads(tree: exp.Expr) -> None:
    if not isinstance(tree, exp.Query):
        raise GuardError(f"Only a SELECT may run, not {tree.key.upper()}.")
    for depth, node in enumerate(tree.walk()):
        if isinstance(node, FORBIDDEN):
            raise GuardError(f"{node.key.upper()} may not stand inside a query.")
        if depth > MAX_DEPTH * 100:
            raise GuardError("This statement is too large to check.")
    with_ = list(tree.find_all(exp.With))
    if any(node.args.get("recursive") for node in with_):
        raise GuardError("A recursive WITH may not run: nothing bounds it.")
    if sum(len(node.expressions) for node in with_) > MAX_CTES:
        raise GuardError(f"At most {MAX_CTES} WITH queries may stand in one statement.")


def _only_known_tables(tree: exp.Expr, tables: Collection[str]) -> None:
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise GuardError(f"{table.sql('duckdb')} is not a table: only published tables may be read, by their name.")
        if table.args.get("db") or table.args.get("catalog"):
            raise GuardError(f"{table.sql('duckdb')}: tables are named without a schema.")
    known = {name.lower() for name in tables}
    for scope in traverse_scope(tree):
        for name, (_, found) in scope.selected_sources.items():
            if isinstance(found, exp.Table) and found.name.lower() not in known:
                near = did_you_mean(found.name, known)
                hint = f" Did you mean {', '.join(near)}?" if near else ""
                raise GuardError(f"There is no published table {found.name!r} ({name}).{hint}")


def _only_known_functions(tree: exp.Expr) -> None:
    for function in tree.find_all(exp.Func):
        if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc):
            if str(function.name).lower() not in PLAIN_FUNCTIONS:
                raise GuardError(f"The function {function.name!r} may not be used; ask for it to be added to the list.")
        elif isinstance(function, FORBIDDEN_FUNCTIONS):
            raise GuardError(f"The function {function.sql_name().lower()!r} may not be used.")
