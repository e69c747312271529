"""Amounts are added up before they are converted, and what is read of an entity is what it says of itself."""

from __future__ import annotations

from datetime import date

import pytest

from semantic_layer import MetricQuery, Period, SemanticLayer
from semantic_layer.derived_columns import has_flag, with_derived_columns
from semantic_layer.fragments import Bindings, entities_of, entity_body, on_entity, source, tables_of, with_dependencies
from semantic_layer.layer import shipped_model

MODEL = shipped_model()
CONVERTED = sorted(
    name
    for name, measure in MODEL.measures.items()
    if measure.document_expr and MODEL.entities[measure.entity].rated_by is not None
)
CASE = "SELECT f.*, f.a * 2 AS b FROM (SELECT {} AS kind, t.a FROM t) AS f"


@pytest.mark.parametrize("name", CONVERTED)
def test_an_amount_is_that_of_the_document_times_the_rate_of_its_day(layer: SemanticLayer, name: str) -> None:
    """`rated_by` promises it, row by row and for each measure of the entity; then sums may be converted."""
    measure = MODEL.measures[name]
    rating = MODEL.entities[measure.entity].rated_by
    assert rating is not None
    bindings = Bindings("EUR", layer.data_date, f"CAST('{layer.data_date}' AS DATE)")
    texts = [measure.expr, measure.document_expr or "", rating.currency, rating.day]
    amount, document, currency, day = (on_entity(text, measure.entity, bindings) for text in texts)
    rows = source(MODEL, measure.entity, entities_of(amount, document, currency, day))
    rate = f"CASE WHEN {currency} = 'EUR' THEN 1 ELSE r.rate END"
    joined = f"{rows} LEFT JOIN rate_day AS r ON r.currency = {currency} AND r.day = {day}"
    needed = with_dependencies(MODEL, tables_of(f"SELECT 1 {joined}"))
    ctes = ", ".join(f"{entity} AS ({entity_body(MODEL.entities[entity].sql, bindings)})" for entity in needed)
    wrong = f"COUNT(*) FILTER (WHERE {amount} IS DISTINCT FROM ({document}) * {rate})"
    sql = f"WITH {ctes} SELECT {wrong}, COUNT({amount}) {joined}"
    found = layer.mirror.snapshot().run(sql).rows[0]
    assert found[0] == 0
    assert found[1] > 0


def test_millions_of_amounts_are_not_converted_one_by_one(layer: SemanticLayer) -> None:
    """Spend by month reads the net amounts of documents, and rates meet their sums by currency and day."""
    (sql,) = layer.explain(MetricQuery(metrics=("spend",), group_by=("month", "region")))
    assert "net_reporting" not in sql
    assert "payment_terms" not in sql
    assert "__rated_day" in sql


def test_suppliers_are_converted_row_by_row(layer: SemanticLayer) -> None:
    """As many groups as suppliers and days would be as many as rows."""
    (sql,) = layer.explain(MetricQuery(metrics=("spend",), group_by=("supplier",)))
    assert "__rated_day" not in sql


@pytest.mark.parametrize(
    ("case", "flag"),
    [
        ("CASE WHEN t.s = 'x' THEN 'good' WHEN t.s = 'y' THEN 'bad' ELSE 'other' END", True),
        ("CASE WHEN t.s = 'x' THEN 'bad' WHEN t.s = 'y' THEN 'good' END", False),
        ("CASE WHEN t.s = 'x' THEN 'good' WHEN t.s = 'y' THEN 'good' END", False),
        ("CASE WHEN t.s = 'x' THEN 'good' ELSE t.s END", False),
        ("CASE t.s WHEN 'x' THEN 'good' END", False),
        ("UPPER(t.s)", False),
    ],
)
def test_a_word_of_a_case_is_a_condition_only_when_one_branch_first_gives_it(case: str, flag: bool) -> None:
    """In any other shape the words are compared."""
    assert has_flag(CASE.format(case), "kind", "good") is flag


@pytest.mark.parametrize(
    ("payment", "reached"),
    [
        ("SELECT p.id, p.bill FROM paid AS p JOIN invoice AS i ON i.id = p.bill", True),
        ("SELECT p.id, i.id AS bill FROM paid AS p LEFT JOIN invoice AS i ON i.id = p.bill", True),
        ("SELECT p.id, p.bill FROM paid AS p JOIN invoice AS i ON i.id = p.other", False),
        ("SELECT p.id, p.bill FROM paid AS p JOIN invoice AS i ON i.number = p.bill", False),
        ("SELECT p.id, p.bill FROM paid AS p JOIN invoice AS i ON i.id = p.bill GROUP BY p.id, p.bill", False),
        ("SELECT p.id, p.bill FROM paid AS p", False),
    ],
)
def test_a_row_that_an_entity_has_joined_is_not_joined_again(payment: str, reached: bool) -> None:
    """Only the very row, by the key of the one and the link of the other."""
    text = "SELECT invoice.kind, COUNT(payment.id) FROM payment LEFT JOIN invoice ON invoice.id = payment.bill GROUP BY ALL"
    entities = (("invoice", "id", "SELECT id, kind FROM invoices"), ("payment", "id", payment))
    assert ("JOIN" not in with_derived_columns(text, entities)) is reached


def test_rates_of_each_day_give_the_same_cents_as_rates_of_each_row(layer: SemanticLayer) -> None:
    """A year of spend by category, converted in sums, is what the rows give when each is converted."""
    year = Period(date(2025, 11, 1), date(2026, 10, 31))
    result = layer.query(MetricQuery(metrics=("spend",), group_by=("supplier",), period=year))
    staged = layer.query(MetricQuery(metrics=("spend",), group_by=("category",), period=year))
    assert staged.total == result.total
