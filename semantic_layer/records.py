"""Rows rather than figures: the documents behind a number, the inputs of a simulation, the values of a dimension."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from semantic_layer.asked_period import Calendar
from semantic_layer.errors import IllegalGroupingError, UnknownNameError
from semantic_layer.fragments import (
    Bindings,
    comma,
    condition,
    entities_of,
    entity_body,
    literal,
    on_entity,
    parse,
    source,
    tables_of,
    with_dependencies,
)
from semantic_layer.model import Dimension, SemanticModel
from semantic_layer.query import RecordQuery
from semantic_layer.resolver import ResolvedFilter, join_path, typed_filter

# Columns under the names that simulations use; everything else is a dimension or a column of the entity itself.
RECOGNISED = (
    "CASE WHEN invoice.population = 'recognised' THEN COALESCE(approval.approved_date, invoice.received_date) END"
)
ALIASES = {
    ("invoice", "invoice_id"): "invoice.id",
    ("payment", "invoice_id"): "payment.invoice_id",
    ("invoice_line", "invoice_id"): "invoice_line.invoice_id",
    ("invoice", "recognised_date"): RECOGNISED,
    ("invoice", "last_payment_date"): "settlement.last_payment_date",
    ("invoice", "fully_paid_date"): "settlement.fully_paid_date",
    ("invoice", "discount_taken_reporting"): "invoice.rate * COALESCE(settlement.discount_taken, 0)",
    ("invoice", "open_reporting"): (
        "CASE WHEN invoice.population = 'recognised' THEN invoice.rate"
        " * (invoice.gross - COALESCE(settlement.amount_paid, 0) - COALESCE(settlement.discount_taken, 0)) ELSE 0 END"
    ),
    ("payment", "recognised_date"): RECOGNISED,
    **{("payment", name): f"invoice.{name}" for name in ("invoice_date", "due_date", "population", "is_credit_note")},
}


def compile_records(query: RecordQuery, model: SemanticModel, calendar: Calendar, reporting_currency: str) -> str:
    """The statement that lists rows of one entity.

    Raises UnknownNameError or IllegalGroupingError for columns out of reach.
    """
    if query.entity not in model.entities:
        raise UnknownNameError.of("entity", query.entity, model.entities)
    bindings = Bindings(reporting_currency, calendar.data_date, literal(calendar.data_date))
    columns = {name: _column(query.entity, name, model, bindings) for name in query.columns}
    filters = [_filter(query.entity, model, f.field, typed_filter(f, model)) for f in query.filters]
    conditions = [condition(item, bindings) for item in filters]
    body = f"SELECT {comma([f'{sql} AS {name}' for name, sql in columns.items()])} "
    body += source(model, query.entity, entities_of(*columns.values(), *conditions) - {query.entity})
    if conditions:
        body += f" WHERE {' AND '.join(conditions)}"
    order = [f"{o.field} {'DESC' if o.descending else 'ASC'} NULLS LAST" for o in query.order if o.field in columns]
    if order:
        body += f" ORDER BY {comma(order)}"
    if query.limit is not None:
        body += f" LIMIT {query.limit}"
    return with_entities(body, model, bindings)


DOCUMENTS = "invoice"
"""The entity by which values are counted; what it does not lead to is counted by the rows that bear it."""


def values_root(dimension: Dimension, model: SemanticModel) -> str:
    """The entity whose rows are counted: documents where each has one value of the dimension, else its own rows."""
    by_document = DOCUMENTS in model.entities and join_path(model, DOCUMENTS, dimension.entity) is not None
    return DOCUMENTS if by_document else dimension.entity


def compile_values(
    dimension: str,
    model: SemanticModel,
    calendar: Calendar,
    reporting_currency: str,
    rows: tuple[ResolvedFilter, ...] = (),
) -> str:
    """The values of a dimension with the number of documents behind each, among the documents that `rows` allow."""
    found = model.dimensions.get(dimension)
    if found is None:
        raise UnknownNameError.of("dimension", dimension, model.dimensions)
    bindings = Bindings(reporting_currency, calendar.data_date, literal(calendar.data_date))
    value = on_entity(found.expr, found.entity, bindings)
    conditions = [f"NOT {value} IS NULL", *(condition(row, bindings) for row in rows)]
    body = f"SELECT {value} AS value, COUNT(*) AS documents "
    needed = entities_of(value, *conditions)
    root = DOCUMENTS if _reaches(model, DOCUMENTS, needed) else found.entity
    body += source(model, root, needed - {root})
    body += f" WHERE {' AND '.join(conditions)} GROUP BY ALL ORDER BY documents DESC, value"
    return with_entities(body, model, bindings)


def _reaches(model: SemanticModel, root: str, needed: Iterable[str]) -> bool:
    """Whether an entity exists and leads to all others along many-to-one joins."""
    return root in model.entities and all(join_path(model, root, name) is not None for name in needed)


def with_entities(body: str, model: SemanticModel, bindings: Bindings) -> str:
    """The statement with a WITH query for each entity that it reads."""
    used = tables_of(body) & set(model.entities)
    ctes = [f"{name} AS ({entity_body(model.entities[name].sql, bindings)})" for name in with_dependencies(model, used)]
    return f"WITH {', '.join(ctes)} {body}"


def _column(entity: str, name: str, model: SemanticModel, bindings: Bindings) -> str:
    if (entity, name) in ALIASES:
        return ALIASES[entity, name]
    dimension = model.dimensions.get(name)
    if dimension is not None:
        if join_path(model, entity, dimension.entity) is None:
            raise IllegalGroupingError(f"{dimension.label} cannot be listed for each {model.entities[entity].grain}.")
        return on_entity(dimension.expr, dimension.entity, bindings)
    own = _own_columns(model, entity)
    if name not in own:
        raise UnknownNameError.of("column", name, [*own, *model.dimensions])
    return f"{entity}.{name}"


def _own_columns(model: SemanticModel, entity: str) -> frozenset[str]:
    """The columns an entity's SQL selects; a star stands for those of the query it reads."""
    tree = parse(model.entities[entity].sql)
    names: set[str] = set()
    for select in tree.find_all(exp.Select):
        names |= {projection.alias_or_name for projection in select.expressions if projection.alias_or_name != "*"}
    return frozenset(names)


def _filter(entity: str, model: SemanticModel, name: str, item: ResolvedFilter) -> ResolvedFilter:
    if join_path(model, entity, item.dimension.entity) is None:
        raise IllegalGroupingError(f"{name!r} cannot filter rows of {entity}.")
    return item
