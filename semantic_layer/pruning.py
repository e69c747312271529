"""Entities cut down to what a statement reads: the columns asked for, and no join that nothing is read from.

An entity's SQL names all that can be known of it, with a join for each table that some column needs. A statement reads
a few of those columns. A LEFT JOIN goes when nothing of it is read and its key is unique on the other side (an id of
the mirror, the primary key of an entity, the keys of a GROUP BY): then it neither adds nor drops a row. Whatever this
module does not understand stays as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from sqlglot import exp

from semantic_layer.derived_columns import branches_of, derived
from semantic_layer.fragments import parse, render, tree_of

Cte = tuple[str, str]
Columns = frozenset[str] | None
"""Names of columns; None for all of them."""
Needs = Mapping[str, Columns]
"""Table or WITH query -> the columns that are read of it."""
Keys = tuple[tuple[str, frozenset[str]], ...]
"""Entities with their primary keys, as they may be remembered by."""

NOTHING: frozenset[str] = frozenset()


def pruned(entities: Sequence[Cte], keys: Mapping[str, frozenset[str]], readers: Iterable[str]) -> list[Cte]:
    """The entities, each after what it needs, as far as the readers (texts of queries) read them."""
    wanted: dict[str, Columns] = {}
    for text in readers:
        _add(wanted, needs_of(text))
    unique = tuple(sorted(keys.items()))
    kept: list[Cte] = []
    for name, body in reversed(entities):
        if name not in wanted:
            continue
        columns = wanted[name]
        shorter = body if columns is None else _cut(body, columns, unique)
        _add(wanted, needs_of(shorter))
        kept.append((name, shorter))
    return kept[::-1]


def cheap(entities: Sequence[Cte]) -> frozenset[str]:
    """The entities that are no more than columns of a table, of other such entities and of what they look up there."""
    found: set[str] = set()
    names = {name for name, _ in entities}
    for name, body in entities:
        if is_mapping(body) and needs_of(body).keys() & names <= found:
            found.add(name)
    return frozenset(found)


@lru_cache(maxsize=1024)
def is_mapping(body: str) -> bool:
    """Whether a query only maps rows: nothing is grouped, sorted, put together or joined but by LEFT JOIN."""
    tree = parse(body)
    if not isinstance(tree, exp.Select):
        return False
    costly = tree.find(exp.Group, exp.Distinct, exp.Window, exp.Union, exp.AggFunc, exp.Order)
    return costly is None and all(join.side == "LEFT" and not join.method for join in tree.find_all(exp.Join))


def _add(wanted: dict[str, Columns], more: Needs) -> None:
    """Put what one query reads to what others read."""
    for name, columns in more.items():
        have = wanted.get(name, NOTHING)
        wanted[name] = None if columns is None or have is None else have | columns


@lru_cache(maxsize=4096)
def needs_of(text: str) -> Needs:
    """What a query reads of each table or WITH query that it names."""
    found: dict[str, Columns] = {}
    tree = tree_of(text)
    for select in tree.find_all(exp.Select):
        _add(found, _needs_of_select(select))
    return {table.name: None for table in tree.find_all(exp.Table)} | found


def _needs_of_select(select: exp.Select) -> Needs:
    """What one SELECT reads of the tables in its own FROM; columns without a table may be of any of them."""
    read = _columns_read(select)
    bare = read.get("", NOTHING)
    found: dict[str, Columns] = {}
    for source in _sources(select):
        if isinstance(source, exp.Table):
            columns = read.get(source.alias_or_name, NOTHING)
            whole = columns is None or bare is None or source.alias_or_name in bare
            _add(found, {source.name: None if whole else (columns or NOTHING) | (bare or NOTHING)})
    return found


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    """What stands in FROM and in the joins, in order."""
    start = select.args.get("from_")
    if start is not None:
        yield start.this
    for join in select.args.get("joins") or ():
        yield join.this


def _columns_read(select: exp.Select, without: exp.Expr | None = None) -> dict[str, Columns]:
    """Qualifier -> columns read in a SELECT and the subqueries of its expressions; None for `x.*`, "" for no qualifier.

    Derived tables in FROM are worlds of their own and not looked into; `without` is left out.
    """
    found: dict[str, Columns] = {}
    for node in _walk(select, without):
        if isinstance(node, exp.Column):
            _add(found, {node.table: None if isinstance(node.this, exp.Star) else frozenset({node.name})})
        elif isinstance(node, exp.Join) and node.args.get("using"):
            _add(found, {"": frozenset(name.name for name in node.args["using"])})
        elif _takes_all(node):
            _add(found, {"": None})
    return found


def _takes_all(node: exp.Expr) -> bool:
    """Whether a node may read any column of any table: `*`, COLUMNS(…), NATURAL JOIN."""
    star = isinstance(node, exp.Star) and not isinstance(node.parent, exp.Column | exp.Count)
    return star or isinstance(node, exp.Columns) or (isinstance(node, exp.Join) and node.method == "NATURAL")


def _walk(select: exp.Select, without: exp.Expr | None) -> Iterator[exp.Expr]:
    derived = {id(source) for source in _sources(select) if isinstance(source, exp.Subquery)}
    stack: list[exp.Expr] = [select]
    while stack:
        node = stack.pop()
        if node is without or id(node) in derived:
            continue
        yield node
        stack.extend(node.iter_expressions())


@lru_cache(maxsize=2048)
def _cut(body: str, columns: frozenset[str], keys: Keys) -> str:
    """The body with these columns only, and without the joins that they do not need."""
    tree = parse(body)
    if isinstance(tree, exp.Query):
        _cut_query(tree, columns, dict(keys))
    return render(tree)


def _cut_query(tree: exp.Query, columns: frozenset[str], keys: Mapping[str, frozenset[str]]) -> None:
    if isinstance(tree, exp.Union):
        _cut_union(tree, columns, keys)
    elif isinstance(tree, exp.Select) and _is_plain(tree):
        _expand(tree, columns)
        _drop_columns(tree, columns)
        _cut_sources(tree, keys)


def _is_plain(select: exp.Select) -> bool:
    """Whether columns may be left out without changing rows."""
    group = select.args.get("group")
    by_place = group is not None and (
        group.args.get("all") or any(isinstance(e, exp.Literal) for e in group.expressions)
    )
    if select.args.get("distinct") or select.args.get("with_") or by_place:
        return False
    return not any(_makes_rows(node, grouped=group is not None) for e in select.expressions for node in e.walk())


def _makes_rows(node: exp.Expr, *, grouped: bool) -> bool:
    """Whether a column decides how many rows there are: an aggregate without GROUP BY, or one that unfolds lists."""
    if isinstance(node, exp.Explode | exp.Unnest):
        return True
    if grouped or not isinstance(node, exp.AggFunc | exp.Anonymous):
        return False
    above = node.parent
    while isinstance(above, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        above = above.parent
    return not isinstance(above, exp.Window)


def _cut_union(tree: exp.Union, columns: frozenset[str], keys: Mapping[str, frozenset[str]]) -> None:
    """Leave out the same places in each branch: a UNION knows its columns by their place in the first one."""
    branches = branches_of(tree)
    if not branches or not all(_is_plain(s) and not any(e.is_star for e in s.expressions) for s in branches):
        return
    names = [e.alias_or_name for e in branches[0].expressions]
    for name in sorted(columns - set(names)):
        found = [derived(name, select) for select in branches]
        if all(expression is not None for expression in found):
            names.append(name)
            for select, expression in zip(branches, found, strict=True):
                select.append("expressions", expression)
    kept = [i for i, name in enumerate(names) if name in columns] or [0]
    for select in branches:
        select.set("expressions", [select.expressions[i] for i in kept])
        _cut_sources(select, keys)


def _expand(select: exp.Select, columns: frozenset[str]) -> None:
    """`x.*` as the columns that are wanted and not named beside it, where it is clear that they are of x."""
    stars = [e for e in select.expressions if e.is_star]
    if len(stars) != 1 or not isinstance(stars[0], exp.Column) or select.args.get("joins"):
        return
    named = {e.alias_or_name for e in select.expressions if not e.is_star}
    table = stars[0].table
    listed = [exp.column(name, table=table) for name in sorted(columns - named)]
    select.set("expressions", [*listed, *(e for e in select.expressions if not e.is_star)])


def _drop_columns(select: exp.Select, columns: frozenset[str]) -> None:
    """Leave out the columns that nobody wants, in the SELECT itself neither."""
    if any(e.is_star for e in select.expressions):
        return
    names = {e.alias_or_name for e in select.expressions}
    more = [derived(name, select) for name in sorted(columns - names)]
    listed = [*select.expressions, *(found for found in more if found is not None)]
    select.set("expressions", listed)
    kept = {e.alias_or_name for e in listed if e.alias_or_name in columns}
    while True:
        left_out = [e for e in listed if e.alias_or_name not in kept]
        for expression in left_out:
            expression.pop()
        bare = _columns_read(select).get("", NOTHING) or NOTHING
        read = {e.alias_or_name for e in left_out if e.alias_or_name in bare}
        kept |= read
        select.set("expressions", [e for e in listed if e.alias_or_name in kept])
        if not read:
            break
    if not select.expressions:
        select.set("expressions", listed[:1])


def _cut_sources(select: exp.Select, keys: Mapping[str, frozenset[str]]) -> None:
    """Leave out joins that nothing is read from, the last first, and cut the derived tables that stay."""
    for join in reversed(list(select.args.get("joins") or ())):
        if _is_idle(join, select, keys):
            join.pop()
    read = _columns_read(select)
    bare = read.get("", NOTHING)
    for source in _sources(select):
        if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Query):
            columns = read.get(source.alias, NOTHING)
            if columns is not None and bare is not None:
                _cut_query(source.this, columns | bare, keys)


def _is_idle(join: exp.Join, select: exp.Select, keys: Mapping[str, frozenset[str]]) -> bool:
    """Whether a LEFT JOIN neither gives a column nor changes the number of rows."""
    on = join.args.get("on")
    if join.side != "LEFT" or on is None:
        return False
    alias = join.this.alias_or_name
    read = _columns_read(select, without=join)
    if alias in read or "" in read:
        return False
    asof = join.method == "ASOF"
    return asof or any(unique <= _joined_by(on, alias) for unique in _unique_keys(join.this, keys))


def _joined_by(on: exp.Expr, alias: str) -> frozenset[str]:
    """The columns of a joined table that must equal something of another one."""
    found = set()
    for part in on.flatten() if isinstance(on, exp.And) else [on]:
        if isinstance(part, exp.EQ):
            for side, other in ((part.this, part.expression), (part.expression, part.this)):
                of_it = isinstance(side, exp.Column) and side.table == alias
                if of_it and all(c.table not in {alias, ""} for c in other.find_all(exp.Column)):
                    found.add(side.name)
    return frozenset(found)


def _unique_keys(source: exp.Expr, keys: Mapping[str, frozenset[str]]) -> list[frozenset[str]]:
    """Sets of columns that no two rows of a source share."""
    if isinstance(source, exp.Table):
        return [keys.get(source.name, frozenset({"id"}))]
    inner = source.this if isinstance(source, exp.Subquery) else None
    group = inner.args.get("group") if isinstance(inner, exp.Select) else None
    if not isinstance(inner, exp.Select) or group is None or group.args.get("all"):
        return []
    names = {e.unalias().sql(): e.alias_or_name for e in inner.expressions}
    by = [names.get(e.sql()) for e in group.expressions]
    return [frozenset(name for name in by if name)] if by and all(by) else []
