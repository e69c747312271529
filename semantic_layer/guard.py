"""SQL that may run: one statement, a query, on published relations only, made of known constructs and functions only.

A list of table names is no guard on DuckDB: `query('…')`, `query_table('…')` and `read_csv(…)` hide behind tables
without a name, and a quoted file name is a table. So everything is refused that is not known: each node of the tree is
of a class that stands in vocabulary.py, each function is on its list (whether the parser has a class for it or not),
each table is a plain identifier that resolves, by scope, to a WITH query or to a published relation; and what runs is
the text rendered from the tree that was checked.

`guard` checks what our compiler wrote. `guard_queries` does the same one WITH query at a time and remembers each, since
the statements of one model share most of theirs. `guard_foreign` checks what anybody else wrote: it adds caps on size
and depth (before parsing: a parser can be made to work for ever), quotes every identifier, drops comments, replaces the
clock by a date, and checks the rendered text once more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from textwrap import indent

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from semantic_layer.errors import GuardError, did_you_mean
from semantic_layer.fragments import DUCKDB
from semantic_layer.vocabulary import FUNCTIONS, NODES, TABLE_ARGUMENTS, TYPES

MAX_CTES = 120
MAX_CHARACTERS = 20_000
MAX_TOKENS = 4_000
MAX_DEPTH = 40
MAX_JOINS = 12
"""More joins in a row without a condition make the parser's work double with each."""
MAX_FOREIGN_CTES = 20
MAX_SETS = 20

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_UNARY = frozenset({TokenType.NOT, TokenType.DASH, TokenType.TILDE, TokenType.PLUS})
_CHAINED = frozenset({TokenType.DCOLON, TokenType.R_BRACKET})
_HARMLESS = frozenset({exp.Identifier, exp.Literal, exp.And, exp.EQ, exp.Alias, exp.Paren})
"""Known nodes without anything more to check, looked at first because most nodes are of these classes."""
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def guard(sql: str, tables: Collection[str]) -> str:
    """The compiled statement, rendered from its checked tree. Raises GuardError naming the construct and the rule."""
    return _guarded(sql, frozenset(tables))


@lru_cache(maxsize=1024)
def _guarded(sql: str, tables: frozenset[str]) -> str:
    tree = _one_query(sql)
    _check(tree, tables, MAX_CTES)
    return DUCKDB.generate(tree, pretty=True, copy=False)


@dataclass(frozen=True)
class _Checked:
    """A query that holds only known constructs: its text, and what it reads that it does not define itself."""

    text: str
    inner: str
    """The text as it stands inside a WITH, two places to the right."""
    reads: tuple[str, ...]
    ctes: int


def guard_queries(
    ctes: Sequence[tuple[str, str]], final: str, tables: Collection[str], inline: Collection[str] = ()
) -> str:
    """`WITH <name> AS (<query>), … <final>`, checked and rendered as `guard` would. Raises GuardError as it does.

    Each query is parsed, checked and rendered alone, so no text of one can reach into another; it may read the
    published tables and the WITH queries before it. Those of `inline` are read anew by each query that names them.
    """
    if not ctes or any("\n" in text for text in (final, *(body for _, body in ctes))):
        return guard(
            f"WITH {', '.join(f'{name} AS ({body})' for name, body in ctes)} {final}" if ctes else final, tables
        )
    known = {name.lower() for name in tables}
    count, texts = len(ctes), []
    for name, body in (*ctes, ("", final)):
        checked = _checked(body)
        count += checked.ctes
        for read in checked.reads:
            if read.lower() not in known:
                raise _unknown_table(read, known)
        if name and not _PLAIN_NAME.fullmatch(name):
            raise GuardError(f"{name!r} is not a name that a WITH query may have.")
        known.add(name)
        how = "AS NOT MATERIALIZED" if name in inline else "AS"
        texts.append(f"{name} {how} (\n{checked.inner}\n)" if name else checked.text)
    if count > MAX_CTES:
        raise GuardError(f"At most {MAX_CTES} WITH queries may stand in one statement.")
    return f"WITH {', '.join(texts[:-1])}\n{texts[-1]}"


@lru_cache(maxsize=4096)
def _checked(body: str) -> _Checked:
    tree = _one_query(body)
    ctes = 0
    reads: dict[str, None] = {}
    for node in tree.walk():
        ctes += _require_construct(node)
        if isinstance(node, exp.Table):
            _require_plain(node)
            if node.name.lower() not in set(_with_queries_in_scope(node)):
                reads[node.name] = None
    text = DUCKDB.generate(tree, pretty=True, copy=False)
    return _Checked(text, indent(text, "  "), tuple(reads), ctes)


def guard_foreign(sql: str, views: Collection[str], today: date) -> str:
    """SQL from outside, as it may run on the published views; the clock in it stands still at `today`.

    Raises GuardError naming the construct, the rule and the way out.
    """
    known = frozenset(view.lower() for view in views)
    _within_size(sql)
    tree = _one_query(sql)
    _check(tree, known, MAX_FOREIGN_CTES)
    if sum(1 for _ in tree.find_all(exp.SetOperation)) > MAX_SETS:
        raise GuardError(f"At most {MAX_SETS} UNION, EXCEPT or INTERSECT may stand in one statement.")
    still = tree.transform(_stop_clock, today, copy=False)
    try:
        text = still.sql("duckdb", pretty=True, identify=True, comments=False)
    except (SqlglotError, RecursionError, ValueError) as error:
        raise GuardError("This statement cannot be written as DuckDB SQL.") from error
    _check(_one_query(text), known, MAX_FOREIGN_CTES)
    return text


def _within_size(sql: str) -> None:
    """Refuse what is too large or too deep to parse in bounded time."""
    if len(sql) > MAX_CHARACTERS:
        raise GuardError(f"This statement has {len(sql):,} characters; at most {MAX_CHARACTERS:,} may run.")
    tokens = _tokens(sql)
    if len(tokens) > MAX_TOKENS:
        raise GuardError(f"This statement has {len(tokens):,} words; at most {MAX_TOKENS:,} may run.")
    if _depth(tokens) > MAX_DEPTH:
        raise GuardError(f"This statement is nested too deeply; at most {MAX_DEPTH} levels may run.")
    joins = sum(1 for token in tokens if token.token_type == TokenType.JOIN)
    if joins > MAX_JOINS:
        raise GuardError(f"This statement has {joins} joins; at most {MAX_JOINS} may run.")


def _tokens(sql: str) -> list[Token]:
    try:
        return sqlglot.tokenize(sql, read="duckdb")
    except (TokenError, ValueError) as error:
        raise GuardError("This is not SQL that DuckDB would understand.") from error


def _depth(tokens: list[Token]) -> int:
    """How deep the brackets go, counting a run of signs or casts as levels too."""
    level = deepest = run = 0
    for token in tokens:
        kind = token.token_type
        level += (kind in _OPENING) - (kind in _CLOSING)
        run = run + 1 if kind in _UNARY or kind in _CHAINED else (run if kind in _OPENING else max(run - 1, 0))
        deepest = max(deepest, level + run)
    return deepest


def _one_query(sql: str) -> exp.Query:
    try:
        statements = [s for s in DUCKDB.parse(sql) if s is not None]
    except (ParseError, TokenError, RecursionError, ValueError) as error:
        raise GuardError("This is not SQL that DuckDB would understand.") from error
    if len(statements) != 1:
        raise GuardError(f"Exactly one statement may run; this text holds {len(statements)}.")
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise GuardError(f"Only a SELECT may run, not {tree.key.upper()}.")
    return tree


def _check(tree: exp.Query, tables: frozenset[str], ctes: int) -> None:
    known = frozenset(name.lower() for name in tables)
    count = 0
    for node in tree.walk():
        count += _require_construct(node)
        if isinstance(node, exp.Table):
            _require_plain(node)
            if node.name.lower() not in known and node.name.lower() not in set(_with_queries_in_scope(node)):
                raise _unknown_table(node.name, known)
    if count > ctes:
        raise GuardError(f"At most {ctes} WITH queries may stand in one statement.")


def _require_construct(node: exp.Expr) -> int:
    """Refuse a node that is not on the lists; how many WITH queries it defines."""
    kind = type(node)
    if kind in _HARMLESS:
        return 0
    if kind.__name__ not in NODES and kind.__name__ not in FUNCTIONS:
        raise _refused(node)
    if isinstance(node, exp.With):
        if node.args.get("recursive"):
            raise GuardError("A recursive WITH may not run: nothing bounds it.")
        return len(node.expressions)
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        _require_function(node)
    elif isinstance(node, exp.DataType) and (node.this not in TYPES or (node.expressions and not _plain(node))):
        raise GuardError(f"{node.sql('duckdb')} is not a type that may be used here.")
    elif isinstance(node, exp.Column) and (node.args.get("db") or node.args.get("catalog")):
        raise GuardError(f"{node.sql('duckdb')}: a column is named by its table and its name, no more.")
    return 0


def _plain(node: exp.DataType) -> bool:
    """Whether the type's parameters are numbers, as in DECIMAL(18, 2)."""
    return all(isinstance(parameter, exp.DataTypeParam) for parameter in node.expressions)


def _refused(node: exp.Expr) -> GuardError:
    """The error for a construct that is not on the list."""
    if isinstance(node, exp.Func):
        return _unknown_function(node.sql_name())
    return GuardError(f"{node.key.upper()} may not stand in a query here; write it with plain SELECTs.")


def _require_function(node: exp.Anonymous | exp.AnonymousAggFunc) -> None:
    name = node.name if isinstance(node.this, str | exp.Identifier) else ""
    if not name or name.lower() not in FUNCTIONS:
        raise _unknown_function(name)


def _unknown_function(name: str) -> GuardError:
    near = did_you_mean(name, (n for n in FUNCTIONS if n.islower()))
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return GuardError(f"The function {name.lower()!r} may not be used here.{hint}")


def _require_plain(table: exp.Table) -> None:
    """Refuse a table that is not a plain name."""
    if not isinstance(table.this, exp.Identifier):
        raise GuardError(f"{table.sql('duckdb')} is not a table: only published tables may be read, by their name.")
    if table.args.get("db") or table.args.get("catalog"):
        raise GuardError(f"{table.sql('duckdb')}: tables are named without a schema.")
    if odd := {key for key, value in table.args.items() if value} - TABLE_ARGUMENTS:
        shown = table.sql("duckdb")
        raise GuardError(f"{shown}: a table is read by its name alone, without {', '.join(sorted(odd))}.")


def _unknown_table(name: str, known: Collection[str]) -> GuardError:
    """The error for a name that is neither a WITH query in scope nor a published relation."""
    near = did_you_mean(name, known)
    hint = f" Did you mean {', '.join(near)}?" if near else f" There are: {', '.join(sorted(known)[:12])}."
    return GuardError(f"There is no published table {name!r}.{hint}")


def _with_queries_in_scope(table: exp.Table) -> Iterator[str]:
    """The names of the WITH queries that a table may mean: those of enclosing queries, each only after it is defined.

    A WITH query is not in scope in itself: there its name still means the table of that name.
    """
    below: exp.Expr = table
    inside: exp.Expr | None = None
    node = table.parent
    while node is not None:
        if isinstance(node, exp.With):
            inside = below
        if isinstance(node, exp.Query) and (with_ := node.args.get("with_")) is not None:
            for cte in with_.expressions:
                if below is with_ and cte is inside:
                    break
                yield cte.alias.lower()
        below, node = node, node.parent


def _stop_clock(node: exp.Expr, today: date) -> exp.Expr:
    """The day on which the question is asked, in place of the engine's clock."""
    if isinstance(node, exp.CurrentDate):
        return exp.cast(exp.Literal.string(today.isoformat()), exp.DType.DATE)
    return node
