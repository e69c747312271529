"""The model in the core of the Open Semantic Interchange (Apache Ossie, 0.2.0.dev0), out and in.

Core knows datasets, fields, relationships and metrics as expressions. It knows no balances, time roles, units, filters
or certification: what core cannot say travels beside it, whole, as an extension of the vendor TENOR, so that our own
export comes back the same. From others we take core: fields as dimensions, and metrics that are one aggregate, or a
ratio of two; anything else is named and left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from pydantic import BaseModel, ValidationError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from semantic_layer.errors import DefinitionError
from semantic_layer.fragments import Bindings, on_entity
from semantic_layer.loader import SECTIONS
from semantic_layer.model import Dimension, Entity, Measure, Metric, SemanticModel

VERSION = "0.2.0.dev0"
VENDOR = "TENOR"
DIALECT = "ANSI_SQL"
_AGGREGATES = {"sum": "SUM({})", "count": "COUNT({})", "count_distinct": "COUNT(DISTINCT {})"}
_QUANTILES = {"median": 0.5, "p90": 0.9}
_TYPES = {"text": "String", "number": "Decimal", "money": "Decimal", "date": "Date", "boolean": "Boolean"}
_FROM_TYPES = {
    "String": "text", "Integer": "number", "Decimal": "number", "Float": "number", "Boolean": "boolean", "Date": "date",
}  # fmt: skip

Json = dict[str, Any]


@dataclass(frozen=True)
class Imported:
    """What was taken: sections of a metric file, and what was left out with the reason."""

    sections: Mapping[str, tuple[Json, ...]]
    left_out: tuple[str, ...]


def export(model: SemanticModel, name: str = "tenor") -> Json:
    """The model as one Ossie document."""
    return {
        "version": VERSION,
        "name": name,
        "description": "Working-capital metrics over Coupa data. Balances and windows are in the extensions.",
        "datasets": [_dataset(entity, model) for entity in model.entities.values()],
        "relationships": [
            {
                "name": f"{entity.name}_to_{r.to}",
                "from": entity.name,
                "to": r.to,
                "from_columns": [r.key],
                "to_columns": [r.to_key],
            }
            for entity in model.entities.values()
            for r in entity.relationships
        ],
        "metrics": [_metric(metric, model) for metric in model.metrics.values()],
        "custom_extensions": [_extension({**_plain(model, "measures", "named_filters", "external_metrics"),
                                          "ambiguous_terms": [_dump(t) for t in model.ambiguous_terms]})],
    }  # fmt: skip


def _dataset(entity: Entity, model: SemanticModel) -> Json:
    fields = [d for d in model.dimensions.values() if d.entity == entity.name]
    return {
        "name": entity.name,
        "source": entity.sql.strip(),
        "primary_key": [key.strip() for key in entity.primary_key.split(",")],
        "description": entity.grain,
        "fields": [_field(dimension) for dimension in fields],
        "custom_extensions": [_extension(_dump(entity))],
    }


def _field(dimension: Dimension) -> Json:
    return {
        "name": dimension.name,
        "expression": _expression(dimension.expr),
        "dimension": {"is_time": dimension.type == "date"},
        "label": dimension.label,
        "datatype": _TYPES[dimension.type],
        "ai_context": {"synonyms": list(dimension.synonyms)},
        "custom_extensions": [_extension(_dump(dimension))],
    }


def _metric(metric: Metric, model: SemanticModel) -> Json:
    flow = all(part.read == "period" for part in metric.parts)
    note = "" if flow else " Core cannot say it whole: it is read at an as-of date; see the extension."
    return {
        "name": metric.name,
        "expression": _expression(_formula(metric, model)),
        "description": f"{metric.label}. {metric.definition}{note}",
        "datatype": "Integer" if metric.unit == "count" else "Decimal",
        "ai_context": {"synonyms": list(metric.synonyms), "instructions": metric.formula_words},
        "custom_extensions": [_extension(_dump(metric))],
    }


def _formula(metric: Metric, model: SemanticModel) -> str:
    """The formula with each part written as an aggregate of its entity."""
    tree = sqlglot.parse_one(metric.formula, dialect="duckdb")
    parts = {part.name: model.measures[part.measure] for part in metric.parts}

    def swap(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name in parts:
            return sqlglot.parse_one(_aggregate(parts[node.name]), dialect="duckdb")
        return node

    return tree.transform(swap).sql("duckdb")


def _aggregate(measure: Measure) -> str:
    value = _on(measure.expr, measure.entity)
    if measure.agg in _QUANTILES:
        text = f"QUANTILE_CONT({value}, {_QUANTILES[measure.agg]})"
    else:
        text = _AGGREGATES.get(measure.agg, "SUM({})").format(value)
    return text + (f" FILTER(WHERE {_on(measure.where, measure.entity)})" if measure.where else "")


def _on(expression: str, entity: str) -> str:
    from datetime import date  # noqa: PLC0415 (bindings stay symbolic: the placeholders are named in the text)

    text = re.sub(r":(reporting_currency|data_date|as_of)\b", r"\1", expression)
    return on_entity(text, entity, Bindings("", date.min))


def _expression(text: str) -> Json:
    return {"dialects": [{"dialect": DIALECT, "expression": text}]}


def _extension(data: Json) -> Json:
    return {"vendor_name": VENDOR, "data": json.dumps(data, sort_keys=True)}


def _dump(entry: BaseModel) -> Json:
    return dict(json.loads(entry.model_dump_json(exclude_defaults=True)))


def _plain(model: SemanticModel, *sections: str) -> Json:
    return {section: [_dump(entry) for entry in getattr(model, section).values()] for section in sections}


def read_document(document: Any) -> Imported:
    """The sections of a metric file from an Ossie document. Raises DefinitionError when it is none."""
    found: dict[str, list[Json]] = {section: [] for section in SECTIONS}
    left_out: list[str] = []
    for model in _models(document):
        own = _own(model)
        for section in ("measures", "named_filters", "external_metrics", "ambiguous_terms"):
            found[section] += own.get(section, ())
        entities = {name: dataset for dataset in model.get("datasets", ()) if (name := str(dataset.get("name", "")))}
        for name, dataset in entities.items():
            _read_dataset(name, dataset, model, found)
        for metric in model.get("metrics", ()):
            _read_metric(metric, found, left_out)
    kept = {section: tuple(entries) for section, entries in found.items() if entries}
    return Imported(kept, tuple(left_out))


def _models(document: Any) -> Iterator[Json]:
    """The models of a document: the document itself (0.2), or the list in it (0.1)."""
    if not isinstance(document, dict) or "version" not in document:
        raise DefinitionError("This is no Ossie document: it has no version.")
    models = document.get("semantic_model", [document])
    if not all(isinstance(model, dict) and model.get("datasets") for model in models):
        raise DefinitionError("This Ossie document has no datasets.")
    yield from models


def _own(node: Json) -> Json:
    """Our own extension of a node."""
    for extension in node.get("custom_extensions", ()):
        if extension.get("vendor_name") == VENDOR:
            return dict(json.loads(extension["data"]))
    return {}


def _read_dataset(name: str, dataset: Json, model: Json, found: dict[str, list[Json]]) -> None:
    if own := _own(dataset):
        found["entities"].append(own)
    else:
        source = str(dataset.get("source", name))
        relationships = [
            {"to": r["to"], "key": r["from_columns"][0], "to_key": r["to_columns"][0]}
            for r in model.get("relationships", ())
            if r["from"] == name and len(r["from_columns"]) == len(r["to_columns"]) == 1
        ]
        found["entities"].append(
            {
                "name": name,
                "grain": str(dataset.get("description", f"one row of {name}")),
                "primary_key": ", ".join(dataset.get("primary_key", ["id"])),
                "sql": source if source.lower().startswith(("select", "with")) else f"SELECT * FROM {source}",
                "relationships": relationships,
            }
        )
    for field in dataset.get("fields", ()):
        found["dimensions"].append(_own(field) or _dimension(name, field))


def _dimension(entity: str, field: Json) -> Json:
    label = str(field.get("label") or field["name"]).replace("_", " ")
    return {
        "name": field["name"],
        "label": label.capitalize(),
        "entity": entity,
        "expr": _text(field),
        "type": _FROM_TYPES.get(str(field.get("datatype", "String")), "text"),
        "synonyms": list(_context(field).get("synonyms", ())),
    }


def _text(node: Json) -> str:
    """The expression in our dialect's nearest kin."""
    dialects = {d["dialect"]: d["expression"] for d in node["expression"]["dialects"]}
    return str(dialects.get(DIALECT) or next(iter(dialects.values())))


def _context(node: Json) -> Json:
    context = node.get("ai_context", {})
    return context if isinstance(context, dict) else {"instructions": context}


def _read_metric(metric: Json, found: dict[str, list[Json]], left_out: list[str]) -> None:
    if own := _own(metric):
        found["metrics"].append(own)
        return
    name = str(metric.get("name", "?"))
    try:
        measures, formula = _measures(name, _text(metric))
    except (SqlglotError, ValueError, KeyError) as error:
        left_out.append(f"metric {name!r}: {error}")
        return
    entry = {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "kind": "flow" if len(measures) == 1 else "ratio",
        "unit": "ratio" if len(measures) > 1 else ("count" if measures[0]["agg"].startswith("count") else "money"),
        "definition": str(metric.get("description", name)),
        "formula_words": _text(metric),
        "parts": [{"name": m["name"], "measure": m["name"]} for m in measures],
        "formula": formula,
        "time_role": "to be chosen",
        "synonyms": list(_context(metric).get("synonyms", ())),
        "lineage": [f"{m['entity']}.{m['expr']}" for m in measures],
        "owner": "to be named",
    }
    try:
        Metric.model_validate(entry)
    except ValidationError as error:
        left_out.append(f"metric {name!r}: {error.errors()[0]['msg']}")
        return
    found["measures"] += measures
    found["metrics"].append(entry)


def _measures(name: str, text: str) -> tuple[list[Json], str]:
    """The aggregates of an expression as measures, and the formula over them."""
    tree = sqlglot.parse_one(text)
    aggregates = [a for a in tree.find_all(exp.AggFunc) if not a.find_ancestor(exp.AggFunc)]
    if not 1 <= len(aggregates) <= 2:
        raise ValueError("only one aggregate, or a ratio of two, can be taken")
    measures: list[Json] = []
    for number, aggregate in enumerate(aggregates, 1):
        part = name if len(aggregates) == 1 else f"{name}_part_{number}"
        measures.append(_measure(part, aggregate))
        column = exp.column(part)
        if aggregate is tree:
            tree = column
        else:
            aggregate.replace(column)
    return measures, tree.sql("duckdb")


def _measure(name: str, aggregate: exp.AggFunc) -> Json:
    kinds = {exp.Sum: "sum", exp.Count: "count"}
    if type(aggregate) not in kinds:
        raise ValueError(f"{aggregate.key} is not an aggregate that can be taken; SUM and COUNT are")
    distinct = isinstance(aggregate.this, exp.Distinct)
    value = aggregate.this.expressions[0] if distinct else aggregate.this
    tables = {column.table for column in aggregate.find_all(exp.Column)}
    if len(tables) != 1 or "" in tables:
        raise ValueError("an aggregate must read one dataset, by dataset.field")
    for column in value.find_all(exp.Column):
        column.set("table", None)
    return {
        "name": name,
        "entity": next(iter(tables)),
        "agg": "count_distinct" if distinct else kinds[type(aggregate)],
        "expr": value.sql("duckdb"),
        "at": "to be chosen",
    }
