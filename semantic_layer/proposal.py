"""An analyst's SELECT as a proposal for a metric: YAML for a pull request, never a metric by itself.

What can be taken over: aggregates of columns of one entity under one WHERE, combined by arithmetic. Each aggregate
becomes a measure (one that exists is used), the arithmetic the formula. Everything a person has to decide stands in
the YAML as words to be replaced; nothing in it is certified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

from semantic_layer.errors import DefinitionError, GuardError, did_you_mean
from semantic_layer.fragments import DUCKDB, Tree, parse, render
from semantic_layer.loader import SECTIONS
from semantic_layer.model import Entity, Measure, SemanticModel
from semantic_layer.validation import validate

AGGREGATES: Mapping[type[exp.Expr], str] = {exp.Sum: "sum", exp.Avg: "mean", exp.Median: "median", exp.Count: "count"}
TO_WRITE = "to be written by whoever proposes it"
_KIND_OF = {
    "sum": "flow",
    "count": "count",
    "count_distinct": "distinct_count",
    "mean": "duration",
    "median": "duration",
}


@dataclass(frozen=True)
class Proposal:
    """The YAML of one metric with its measures, the metric's name, and what the reviewer must look at."""

    name: str
    text: str
    notes: tuple[str, ...]


@dataclass
class _Draft:
    """What has been taken from a statement so far."""

    model: SemanticModel
    entity: Entity
    where: str | None
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)
    dimensions: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)


def propose(sql: str, model: SemanticModel) -> Proposal:
    """The proposal for a SELECT. Raises GuardError with the reason where it cannot be a metric."""
    tree = _select(sql)
    entity = _entity(tree, model)
    where = tree.args.get("where")
    draft = _Draft(model, entity, _bare(where.this) if where else None)
    metric = _metric(draft, tree)
    _groups(draft, tree)
    for part, why in (("limit", "the limit"), ("order", "the order"), ("having", "the condition on groups")):
        if tree.args.get(part):
            draft.notes.append(f"Left out: {why}; it belongs to a question, not to a metric.")
    document = {
        "dimensions": list(draft.dimensions.values()),
        "measures": list(draft.measures.values()),
        "metrics": [metric],
    }
    draft.notes += _problems(document, model)
    body = yaml.safe_dump({name: part for name, part in document.items() if part}, sort_keys=False, width=110)
    head = "".join(f"# {note}\n" for note in ("A proposal for review; nothing here is certified.", *draft.notes))
    return Proposal(str(metric["name"]), head + body, tuple(draft.notes))


def _select(sql: str) -> exp.Select:
    try:
        found = DUCKDB.parse(sql)
    except SqlglotError as error:
        raise GuardError("This is not one SELECT that can be read, so no metric can be made of it.") from error
    tree = found[0] if len(found) == 1 else None
    if not isinstance(tree, exp.Select):
        raise GuardError("Only one plain SELECT can become a metric, no set operation and nothing else.")
    if tree.args.get("with_") or tree.args.get("with") or tree.args.get("joins") or list(tree.find_all(exp.Subquery)):
        raise GuardError(
            "Only a SELECT from one entity can become a metric: joins and steps belong into an entity of the model."
        )
    if tree.args.get("distinct") or list(tree.find_all(exp.Window)):
        raise GuardError("A SELECT DISTINCT or a window function cannot become a metric.")
    return tree


def _entity(tree: exp.Select, model: SemanticModel) -> Entity:
    tables = [table.name for table in tree.find_all(exp.Table)]
    entity = model.entities.get(tables[0]) if len(tables) == 1 else None
    if entity is None:
        near = did_you_mean(tables[0], model.entities) if tables else ("invoice",)
        raise GuardError(f"A metric is made of one entity of the model, such as {', '.join(near) or 'invoice'}.")
    if not entity.time_roles:
        raise GuardError(f"{entity.name} has no date of its own, so its rows cannot be placed in a period.")
    return entity


def _metric(draft: _Draft, tree: exp.Select) -> dict[str, Any]:
    """The one projection that aggregates, as a metric; its aggregates become measures."""
    found = [p for p in tree.expressions if list(p.find_all(exp.AggFunc))]
    if len(found) != 1:
        raise GuardError("A metric is one figure: select exactly one expression with an aggregate, beside the groups.")
    bare = found[0].unalias().copy()
    if bare.find(exp.Column) is None and bare.find(exp.Star) is None:
        raise GuardError("The figure reads no column, so there is nothing to measure.")
    aggregates = _outermost(bare)
    parts = [_part(draft, node) for node in aggregates]
    formula = parts[0] if bare is aggregates[0] else _bare(_formula(bare, dict(zip(aggregates, parts, strict=True))))
    if _columns(parse(formula)) - set(parts):
        raise GuardError("A column outside of every aggregate cannot be part of a figure.")
    name = _free(_slug(found[0].alias or f"proposed_{parts[0]}"), draft.model.metrics)
    single = bare is aggregates[0]
    agg = _measure(draft, parts[0])["agg"] if single else ""
    money = single and _measure(draft, parts[0]).get("money", "none") != "none"
    draft.notes.append(
        "To decide: label, definition, formula in words, unit, direction, owner, synonyms, and who certifies it."
    )
    _like(draft, parts, formula)
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "kind": _KIND_OF.get(agg, "ratio"),
        "unit": "money" if money else "days" if agg in {"mean", "median"} else "count" if single else "ratio",
        "definition": f"Definition {TO_WRITE}.",
        "formula_words": f"formula in words {TO_WRITE}",
        "parts": [{"name": part, "measure": part} for part in dict.fromkeys(parts)],
        "formula": formula,
        **({"additive": True} if agg in {"sum", "count"} else {}),
        "time_role": draft.entity.time_roles[0].name,
        "lineage": sorted(f"{draft.entity.name}.{column}" for column in draft.columns) or [draft.entity.name],
        "owner": "to be named",
    }


def _outermost(tree: Tree) -> list[Tree]:
    """The aggregates that stand in no other one, with a FILTER around them where they have one."""
    nodes: list[Tree] = []
    for node in tree.find_all(exp.AggFunc):
        wrapped = node.parent if isinstance(node.parent, exp.Filter) else node
        nodes.append(wrapped)
    return nodes


def _formula(tree: Tree, names: Mapping[Tree, str]) -> Tree:
    """The arithmetic with a part's name in place of each aggregate."""
    by_text = {node.sql("duckdb"): name for node, name in names.items()}

    def put(node: Tree) -> Tree:
        name = by_text.get(node.sql("duckdb"))
        return exp.column(name) if name else node

    return tree.transform(put)


def _part(draft: _Draft, node: Tree) -> str:
    """The measure of one aggregate: one that the model has, or a new one."""
    aggregate = node.this if isinstance(node, exp.Filter) else node
    agg = AGGREGATES.get(type(aggregate))
    if agg is None:
        known = "SUM, COUNT, COUNT DISTINCT, AVG and MEDIAN"
        raise GuardError(f"{aggregate.sql('duckdb')} cannot become a measure; {known} can.")
    inner = aggregate.this
    if isinstance(inner, exp.Distinct):
        agg, inner = "count_distinct", inner.expressions[0]
    expr = draft.entity.primary_key if isinstance(inner, exp.Star) else _bare(inner)
    condition = _bare(node.expression.this) if isinstance(node, exp.Filter) else None
    where = " AND ".join(
        f"({text})" if draft.where and condition else text for text in (draft.where, condition) if text
    )
    draft.columns |= _columns(parse(expr)) | (_columns(parse(where)) if where else set())
    known_measure = _known(draft, agg, expr, where)
    if known_measure is not None:
        return known_measure
    name = _free(_slug(f"{draft.entity.name}_{agg}_{expr}"), {**draft.model.measures, **draft.measures})
    draft.measures[name] = {
        "name": name,
        "entity": draft.entity.name,
        "agg": agg,
        "expr": expr,
        **({"where": where} if where else {}),
        "at": draft.entity.time_roles[0].column,
        **({"money": "reporting"} if expr.endswith("_reporting") else {}),
    }
    if not expr.endswith("_reporting") and agg in {"sum", "mean", "median"}:
        draft.notes.append(f"To check: {expr} is taken as a number; if it is an amount, in which currency?")
    return name


def _known(draft: _Draft, agg: str, expr: str, where: str) -> str | None:
    """A measure that counts exactly this, in the model or in the draft."""
    mine = [
        m["name"] for m in draft.measures.values() if (m["agg"], m["expr"], m.get("where", "")) == (agg, expr, where)
    ]
    same = (
        m.name
        for m in draft.model.measures.values()
        if (m.entity, m.agg, _bare(parse(m.expr))) == (draft.entity.name, agg, expr)
        and (_bare(parse(m.where)) if m.where else "") == where
    )
    return next(iter(mine), None) or next(same, None)


def _measure(draft: _Draft, name: str) -> Mapping[str, Any]:
    found: Measure | None = draft.model.measures.get(name)
    return found.model_dump() if found else draft.measures[name]


def _like(draft: _Draft, parts: list[str], formula: str) -> None:
    """Metrics that are made of the very same measures: perhaps the proposal is one of them."""
    for metric in draft.model.metrics.values():
        if {part.measure for part in metric.parts} == set(parts):
            same = " by the same formula" if metric.formula == formula else ""
            draft.notes.append(f"To compare: {metric.name} reads the same measures{same}.")


def _groups(draft: _Draft, tree: exp.Select) -> None:
    """Groupings that the model knows are named; others become proposed dimensions."""
    group = tree.args.get("group")
    named = [p for p in tree.expressions if not list(p.find_all(exp.AggFunc))]
    asked = named if group is not None and (group.args.get("all") or group.expressions) else []
    for node in asked:
        expr = _bare(node.unalias())
        known = [
            d.name
            for d in draft.model.dimensions.values()
            if (d.entity, _bare(parse(d.expr))) == (draft.entity.name, expr)
        ]
        if known:
            draft.notes.append(f"The grouping is there already: ask for the metric by {known[0].replace('_', ' ')}.")
            continue
        name = _free(_slug(node.alias or expr), draft.model.dimensions)
        label = name.replace("_", " ").capitalize()
        draft.dimensions[name] = {"name": name, "label": label, "entity": draft.entity.name, "expr": expr}


def _problems(document: Mapping[str, Any], model: SemanticModel) -> Iterator[str]:
    """What the model's own checks say about it with the proposal in it."""
    try:
        added = {
            section: {**getattr(model, section), **{e["name"]: SECTIONS[section][0].model_validate(e) for e in entries}}
            for section, entries in document.items()
        }
        validate(model.model_copy(update=added))
    except (DefinitionError, ValueError) as error:
        yield f"Does not fit yet: {' '.join(str(error).split())[:300]}"


def _bare(tree: Tree) -> str:
    """The text of an expression with plain names: no table in front of a column, no quotes."""
    copied = tree.copy()
    for column in copied.find_all(exp.Column):
        column.set("table", None)
    for name in copied.find_all(exp.Identifier):
        name.set("quoted", None)
    return render(copied)


def _columns(tree: Tree) -> set[str]:
    return {column.name for column in tree.find_all(exp.Column)}


def _slug(text: str) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:48].rstrip("_")
    return found if found[:1].isalpha() else f"figure_{found}".rstrip("_")


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number behind it where it is taken."""
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found
