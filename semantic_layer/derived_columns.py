"""Columns that a statement takes from an entity though the entity does not list them.

`population__is_recognised` is the condition by which a CASE gives 'recognised': comparing it costs a tenth of comparing
the words. `invoice__currency` of `payment` is the currency of the invoice that the payment's own SQL has joined
already, so that the statement need not join it once more. Both are found in the entity's SQL; what is not found stays
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from sqlglot import exp

from semantic_layer.fragments import parse, render

IS = "__is_"
OF = "__"
_PLAIN_WORD = re.compile(r"[a-z][a-z_]*")


@lru_cache(maxsize=4096)
def with_derived_columns(text: str, entities: tuple[tuple[str, str, str], ...]) -> str:
    """The query, reading derived columns where an entity can give them.

    `entities`: name, primary key and SQL of those that the query reads.
    """
    if not entities:
        return text
    known = {name: (key, sql) for name, key, sql in entities}
    tree = parse(text)
    changed = False
    for select in list(tree.find_all(exp.Select)):
        start = select.args.get("from_")
        if start is None or not isinstance(start.this, exp.Table) or start.this.name not in known:
            continue
        changed |= _reach_through(select, start.this, known)
        changed |= _use_flags(select, known)
    return render(tree) if changed else text


def _reach_through(select: exp.Select, root: exp.Table, known: Mapping[str, tuple[str, str]]) -> bool:
    """Take columns from what the root has joined itself, in place of a second join."""
    changed = False
    for join in list(select.args.get("joins") or ()):
        goal, on = join.this, join.args.get("on")
        if not isinstance(goal, exp.Table) or goal.name not in known or goal.alias or root.alias or join.side != "LEFT":
            continue
        key, link = known[goal.name][0], _link(on, goal.name, known[goal.name][0], root.name)
        if link is None or join.method or not gives(known[root.name][1], link, goal.name, key):
            continue
        join.pop()
        for column in select.find_all(exp.Column):
            if column.table == goal.name:
                column.set("this", exp.to_identifier(f"{goal.name}{OF}{column.name}"))
                column.set("table", exp.to_identifier(root.name))
        changed = True
    return changed


def _link(on: exp.Expr | None, goal: str, key: str, root: str) -> str | None:
    """The column of the root that equals the goal's key, when that is all the condition says."""
    if not isinstance(on, exp.EQ):
        return None
    for side, other in ((on.this, on.expression), (on.expression, on.this)):
        ends = isinstance(side, exp.Column) and isinstance(other, exp.Column)
        if ends and (side.table, side.name) == (goal, key) and other.table == root:
            return str(other.name)
    return None


@lru_cache(maxsize=512)
def gives(sql: str, link: str, goal: str, key: str) -> bool:
    """Whether an entity's SQL has joined the row of `goal` whose key is the entity's own column `link`."""
    branches = branches_of(parse(sql))
    names = [e.alias_or_name for e in branches[0].expressions] if branches else []
    if link not in names or any(len(branch.expressions) != len(names) for branch in branches):
        return False
    return all(_branch_gives(branch, branch.expressions[names.index(link)].unalias(), goal, key) for branch in branches)


def branches_of(tree: exp.Expr) -> list[exp.Select]:
    """The SELECTs of a chain of UNION ALL, in order (of one SELECT, itself); empty when it is something else."""
    if isinstance(tree, exp.Select):
        return [tree]
    if not isinstance(tree, exp.Union) or tree.args.get("distinct"):
        return []
    left, right = branches_of(tree.this), branches_of(tree.expression)
    return left + right if left and right else []


def _branch_gives(select: exp.Select, column: exp.Expr, goal: str, key: str) -> bool:
    """Whether one SELECT has joined the row of `goal` whose key is that column of it."""
    if select.args.get("group") or select.args.get("distinct"):
        return False
    found = [source for source in select.find_all(exp.Table) if source.name == goal]
    if len(found) != 1:
        return False
    alias = found[0].alias_or_name
    if isinstance(column, exp.Column) and (column.table, column.name) == (alias, key):
        return found[0].parent_select is select
    join = found[0].parent
    on = join.args.get("on") if isinstance(join, exp.Join) and join in (select.args.get("joins") or ()) else None
    sides = {on.this.sql(), on.expression.sql()} if isinstance(on, exp.EQ) else set()
    return sides == {f"{alias}.{key}", column.sql()}


def _use_flags(select: exp.Select, known: Mapping[str, tuple[str, str]]) -> bool:
    """Read the condition of a CASE in place of comparing its words, where that must hold for a row to count."""
    where = select.args.get("where")
    if where is None:
        return False
    changed = False
    tables = (table for table in select.find_all(exp.Table) if table.parent_select is select)
    aliases = {table.alias_or_name: table.name for table in tables}
    for part in list(where.this.flatten() if isinstance(where.this, exp.And) else [where.this]):
        column, word = part.this, part.args.get("expression")
        if not isinstance(part, exp.EQ) or not isinstance(column, exp.Column) or not isinstance(word, exp.Literal):
            continue
        entity, name = aliases.get(column.table, column.table), column.name
        goal, _, rest = name.partition(OF)
        if goal in known and rest:
            entity, name = goal, rest
        if entity in known and word.is_string and has_flag(known[entity][1], name, word.name):
            part.replace(exp.column(f"{column.name}{IS}{word.name}", table=column.table))
            changed = True
    return changed


@lru_cache(maxsize=512)
def has_flag(sql: str, column: str, word: str) -> bool:
    """Whether a column of an entity is a CASE whose first branch alone gives the word."""
    select = parse(sql)
    while isinstance(select, exp.Select):
        found = next((e.unalias() for e in select.expressions if e.alias_or_name == column), None)
        if found is not None:
            return flag_of(found, word) is not None
        start = select.args.get("from_")
        star = any(e.is_star for e in select.expressions) and not select.args.get("joins")
        if not star or start is None or not isinstance(start.this, exp.Subquery):
            return False
        select = start.this.this
    return False


def flag_of(case: exp.Expr, word: str) -> exp.Expr | None:
    """The condition under which a CASE gives a word, when its first branch and no other gives it."""
    if not isinstance(case, exp.Case) or case.this is not None or not _PLAIN_WORD.fullmatch(word):
        return None
    first, *others = case.args["ifs"]
    results = [*(branch.args["true"] for branch in others), case.args.get("default")]
    words = [result is None or (isinstance(result, exp.Literal) and result.name != word) for result in results]
    gives_word = isinstance(first.args["true"], exp.Literal) and first.args["true"].name == word
    return first.this if gives_word and all(words) else None


def derived(name: str, select: exp.Select) -> exp.Expr | None:
    """The expression of a derived column in an entity's SELECT, named; None when the SELECT cannot give it."""
    goal, _, rest = name.partition(OF)
    for source in select.find_all(exp.Table):
        if source.name == goal and rest and source.parent_select is select:
            return exp.alias_(exp.column(rest, table=source.alias_or_name), name)
    base, _, word = name.rpartition(IS)
    found = next((e.unalias() for e in select.expressions if e.alias_or_name == base), None)
    flag = flag_of(found, word) if found is not None else None
    return exp.alias_(flag.copy(), name) if flag is not None else None
