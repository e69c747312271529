"""SQL fragments.

Expressions put on their entity, joins along many-to-one paths, conditions, literals. Text in, text out, by tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from sqlglot import Dialect, exp
from sqlglot.errors import ParseError

from semantic_layer.errors import CompilationError
from semantic_layer.model import Dimension, SemanticModel
from semantic_layer.resolver import ResolvedFilter, join_path

UNASSIGNED = "(unassigned)"


Tree = exp.Expr
"""Any node of a SQL tree."""
Literal_ = str | Decimal | date | bool | int
DUCKDB = Dialect.get_or_raise("duckdb")
"""The dialect, found once: looking it up by name costs as much as parsing a short expression."""


@dataclass(frozen=True)
class Statement:
    """One statement as its WITH queries (name and body) and what it ends in; the guard checks each by itself."""

    ctes: tuple[tuple[str, str], ...]
    final: str
    inline: frozenset[str] = frozenset()
    """WITH queries that cost less to read again than to keep."""


@dataclass(frozen=True)
class Bindings:
    """Values for the placeholders that YAML expressions may use."""

    reporting_currency: str
    data_date: date
    as_of: str = ""
    """SQL of the as-of date: a literal or a column of the spine."""


def literal(value: Literal_) -> str:
    """A SQL literal. DuckDB's plain quotes know one escape, the doubled quote; the guard parses all text again."""
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case date():
            return f"CAST('{value.isoformat()}' AS DATE)"
        case Decimal() | int():
            return format(value, "f") if isinstance(value, Decimal) else str(value)
        case str():
            return "'" + value.replace("'", "''") + "'"


def parse(sql: str) -> Tree:
    """One expression or statement as a tree; CompilationError when the text does not parse."""
    try:
        trees = DUCKDB.parse(sql)
    except ParseError as error:
        raise CompilationError(f"This SQL of the model does not parse: {sql}") from error
    if not trees or trees[0] is None:
        raise CompilationError(f"This SQL of the model is empty: {sql!r}")
    return trees[0]


def render(tree: Tree) -> str:
    """The tree as DuckDB text on one line. The tree is ours alone, so nothing is copied first."""
    return DUCKDB.generate(tree, copy=False)


@lru_cache(maxsize=4096)
def on_entity(expression: str, entity: str, bindings: Bindings) -> str:
    """The expression with bare columns put on `entity` and placeholders bound."""
    tree = parse(expression)
    for column in list(tree.find_all(exp.Column)):
        if not column.table:
            column.set("table", exp.to_identifier(entity))
    return render(bind(tree, bindings))


def bind(tree: Tree, bindings: Bindings) -> Tree:
    """The tree with :reporting_currency, :data_date and :as_of replaced."""
    values = {
        "reporting_currency": literal(bindings.reporting_currency),
        "data_date": literal(bindings.data_date),
        "as_of": bindings.as_of,
    }

    def replace(node: Tree) -> Tree:
        if isinstance(node, exp.Placeholder):
            bound = values.get(str(node.this))
            if not bound:
                raise CompilationError(f"Nothing is bound to :{node.this} here.")
            return parse(bound)
        return node

    return tree.transform(replace, copy=False)


def group_value(dimension: Dimension, bindings: Bindings) -> str:
    """What a dimension shows in a group: never NULL, so keys join plainly and orphans stay visible."""
    value = on_entity(dimension.expr, dimension.entity, bindings)
    if dimension.type == "boolean":
        return f"CASE WHEN {value} THEN 'yes' ELSE 'no' END"
    return f"COALESCE({value}, {literal(UNASSIGNED)})"


def condition(item: ResolvedFilter, bindings: Bindings) -> str:
    """The SQL of one filter; rows without a value count as different in negations and as false in flags."""
    value = on_entity(item.dimension.expr, item.dimension.entity, bindings)
    if item.dimension.type == "boolean":
        value = f"COALESCE({value}, FALSE)"
    values = [literal(v) for v in item.values]
    first = values[0] if values else ""
    shapes = {
        "is empty": f"{value} IS NULL",
        "is not empty": f"NOT {value} IS NULL",
        "!=": f"{value} IS DISTINCT FROM {first}",
        "in": f"{value} IN ({', '.join(values)})",
        "not in": f"(NOT {value} IN ({', '.join(values)}) OR {value} IS NULL)",
        "contains": f"CONTAINS(LOWER({value}), LOWER({first}))",
    }
    return shapes.get(item.op, f"{value} {item.op} {first}")


def source(model: SemanticModel, root: str, others: Iterable[str]) -> str:
    """FROM the root entity with a LEFT JOIN for each entity that is needed, along its path."""
    joined = {root}
    text = f"FROM {root}"
    for goal in sorted(set(others)):
        path = join_path(model, root, goal)
        if path is None:
            raise CompilationError(f"There is no many-to-one path from {root} to {goal}.")
        at = root
        for step in path:
            if step.to not in joined:
                joined.add(step.to)
                text += f" LEFT JOIN {step.to} ON {step.to}.{step.to_key} = {at}.{step.key}"
            at = step.to
    return text


def entities_of(*expressions: str) -> frozenset[str]:
    """The entities (table qualifiers) that expressions refer to."""
    return frozenset[str]().union(*(_qualifiers(text) for text in expressions))


@lru_cache(maxsize=4096)
def _qualifiers(expression: str) -> frozenset[str]:
    return frozenset(column.table for column in parse(expression).find_all(exp.Column) if column.table)


@lru_cache(maxsize=4096)
def outer_entities_of(condition_: str) -> frozenset[str]:
    """The entities that a condition refers to outside of its own subqueries."""
    tree = parse(condition_)
    return frozenset(c.table for c in tree.find_all(exp.Column) if c.table and c.find_ancestor(exp.Select) is None)


@lru_cache(maxsize=16)
def tree_of(sql: str) -> Tree:
    """As `parse`, for those who look at one text after another and change nothing in the tree."""
    return parse(sql)


@lru_cache(maxsize=4096)
def tables_of(body: str) -> frozenset[str]:
    """The names of the tables that a query reads."""
    return frozenset(table.name for table in tree_of(body).find_all(exp.Table))


@lru_cache(maxsize=1024)
def entity_body(sql: str, bindings: Bindings) -> str:
    """An entity's query with its placeholders bound."""
    return render(bind(parse(sql), bindings))


def with_dependencies(model: SemanticModel, names: Iterable[str]) -> tuple[str, ...]:
    """The entities and all they depend on, each after what it needs."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        for needed in model.entities[name].depends_on:
            visit(needed)
        ordered.append(name)

    for name in sorted(set(names)):
        visit(name)
    return tuple(ordered)


def comma(parts: Sequence[str]) -> str:
    """Parts joined for a SELECT list, empty ones left out."""
    return ", ".join(part for part in parts if part)
