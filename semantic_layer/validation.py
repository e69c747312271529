"""Cross-checks over the whole model: names exist, SQL parses, paths lead somewhere, words mean one thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from sqlglot import exp

from semantic_layer.errors import CompilationError, DefinitionError, did_you_mean
from semantic_layer.fragments import parse
from semantic_layer.model import SemanticModel
from semantic_layer.resolver import join_path, legal_dimensions


def validate(model: SemanticModel) -> None:
    """Raise DefinitionError with every problem found, one per line."""
    problems = list(_problems(model))
    if problems:
        raise DefinitionError("The semantic model is not sound:\n" + "\n".join(f"- {p}" for p in problems))


def _problems(model: SemanticModel) -> Iterator[str]:
    for check in (_references, _expressions, _metric_paths, _synonyms, _collisions):
        yield from check(model)


def _references(model: SemanticModel) -> Iterator[str]:
    """Every name that points at something points at something that exists."""
    for kind, name, known, where in _pointers(model):
        if name not in known:
            near = did_you_mean(name, known)
            yield f"{where}: unknown {kind} {name!r}" + (f" (did you mean {', '.join(near)}?)" if near else "")


def _pointers(model: SemanticModel) -> Iterator[tuple[str, str, Collection[str], str]]:
    """(kind, name, names that exist, where it stands) of every reference in the model."""
    for entity in model.entities.values():
        for needed in (*entity.depends_on, *(r.to for r in entity.relationships)):
            yield "entity", needed, model.entities, f"entity {entity.name}"
    yield from (("entity", d.entity, model.entities, f"dimension {d.name}") for d in model.dimensions.values())
    yield from (("entity", m.entity, model.entities, f"measure {m.name}") for m in model.measures.values())
    for metric in model.metrics.values():
        gate = (metric.coverage.lacking, metric.coverage.all) if metric.coverage else ()
        for measure in (*(p.measure for p in metric.parts), *metric.caveat_measures, *gate):
            yield "measure", measure, model.measures, f"metric {metric.name}"
        near = (*metric.related, *(metric.needs_feed.nearest if metric.needs_feed else ()))
        yield from (("metric", r, model.metrics, f"metric {metric.name}, related") for r in near)
        known = {part.name for part in metric.parts} | {"period_days", "as_of_day"}
        for column in parse(metric.formula).find_all(exp.Column):
            yield "part", column.name, known, f"metric {metric.name}, formula"
    for term in model.ambiguous_terms:
        yield from (("metric", name, model.metrics, f"ambiguous term {term.term}") for name in term.metrics)


def _expressions(model: SemanticModel) -> Iterator[str]:
    texts = [(f"entity {e.name}", e.sql) for e in model.entities.values()]
    texts += [(f"dimension {d.name}", d.expr) for d in model.dimensions.values()]
    for measure in model.measures.values():
        texts += [
            (f"measure {measure.name}", t)
            for t in (measure.expr, measure.document_expr, measure.where, measure.at)
            if t
        ]
    for where, text in texts:
        try:
            parse(text)
        except CompilationError as error:
            yield f"{where}: {error}"


def _metric_paths(model: SemanticModel) -> Iterator[str]:
    for metric in model.metrics.values():
        if any(part.measure not in model.measures for part in metric.parts):
            continue
        legal = legal_dimensions(model, metric)
        for condition in metric.filters:
            if condition.field not in legal:
                yield f"metric {metric.name}: its own filter on {condition.field!r} is out of reach"
        for part in metric.parts:
            measure = model.measures[part.measure]
            holder = measure.currency.split(".")[0]
            if measure.money == "document" and join_path(model, measure.entity, holder) is None:
                yield f"metric {metric.name}: {measure.name} is in document currency but cannot read {holder}"


def _synonyms(model: SemanticModel) -> Iterator[str]:
    """A phrase may name one metric only; a phrase with several meanings belongs under ambiguous_terms."""
    owners: dict[str, list[str]] = {}
    named = [(m.name, m.label, m.synonyms) for m in model.metrics.values()]
    named += [(m.name, m.label, m.synonyms) for m in model.external_metrics.values()]
    for name, label, synonyms in named:
        for phrase in {label.lower(), *(s.lower() for s in synonyms)}:
            owners.setdefault(phrase, []).append(name)
    for phrase, names in sorted(owners.items()):
        if len(names) > 1:
            yield f"the words {phrase!r} name {' and '.join(names)}"


def _collisions(model: SemanticModel) -> Iterator[str]:
    """A metric's name must not be the name of an entity: both become names in the statement."""
    names = Counter([*model.entities, *model.metrics])
    names.update({p.name for m in model.metrics.values() for p in m.parts} - set(model.metrics))
    for name, count in names.items():
        if count > 1:
            yield f"{name!r} is the name of several things"
