"""Row policies and hidden fields: a viewer sees their rows and nothing of the others, in every figure, list and index."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pytest

from semantic_layer import Filter, MetricQuery, Order, QueryError, RecordQuery, SemanticLayer, UnknownNameError
from semantic_layer.errors import NotPermittedError
from semantic_layer.loader import load_model
from semantic_layer.viewer import Viewer

MODEL = load_model()
ENTITY = "Acme DE"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    """Two entities with paid, unpaid, late, discounted and credited documents each, in two currencies."""
    books = sys.modules["hand_written_books"].Books()
    books.supplier(1, "Alpha")
    books.supplier(2, "Beta", commodity_name="Rent", country_code="DE", parent_name="Holding")
    books.supplier(3, "Gamma", commodity_name="Travel", country_code="DE")
    books.rate("EUR", "2026-01-01", "1.10")
    books.rate("EUR", "2026-02-27", "1.20")
    books.rate("EUR", "2026-03-30", "1.25")
    german = {"legal_entity_name": ENTITY, "entity_country_code": "DE", "currency_code": "EUR"}
    offer = {"payment_term_id": 2, "payment_term_code": "2/10 Net 30"}
    for shift, more in ((0, {}), (100, german)):
        books.invoice(shift + 1, "1000", dated="2026-03-01", due="2026-03-15", paid=[("2026-03-20", "400")], **more)
        books.invoice(shift + 2, "2000", dated="2026-03-02", due="2026-03-31", supplier=2, paid=[("2026-03-08", "1960")],
                      discount="40", **more, **offer)  # fmt: skip
        books.invoice(shift + 3, "-150", dated="2026-03-03", is_credit_note=True, document_type="Credit Note", **more)
        books.invoice(shift + 4, "700", dated="2026-03-05", due="2026-04-04", approved="2026-03-09", **more, **offer)
        books.invoice(shift + 5, "90", dated="2026-03-06", due="2026-03-10", paid=[("2026-03-12", "90")], **more)
    books.invoice(200, "555", dated="2026-03-07", supplier=3, due="2026-03-09", **german)
    return SemanticLayer.load(books.publish(tmp_path_factory.mktemp("both")))


def numbers(layer: SemanticLayer, query: MetricQuery) -> tuple[Any, ...]:
    """What an answer says; for a question that cannot be asked, why."""
    try:
        found = layer.query(query)
    except QueryError as error:
        return (error.reason,)
    return (found.rows, dict(found.total), found.row_count, [(c.name, c.passed) for c in found.checks])


@pytest.mark.parametrize("metric", sorted(MODEL.metrics))
@pytest.mark.parametrize("group_by", [("supplier",), ("month",)])
def test_a_policy_is_a_filter_that_cannot_be_left_out(
    both: SemanticLayer, metric: str, group_by: tuple[str, ...]
) -> None:
    """For every metric: what a viewer of one entity gets is what filtering by that entity gives."""
    seen = both.seen_by(Viewer.of_entities("german team", [ENTITY]))
    if MODEL.metrics[metric].needs_feed is not None and group_by == ("supplier",):
        group_by = ("region",)  # a ledger knows no suppliers
    filtered = MetricQuery(
        metrics=(metric,), group_by=group_by, filters=(Filter(field="buying_entity", values=(ENTITY,)),)
    )
    free = MetricQuery(metrics=(metric,), group_by=group_by)
    expected = numbers(both, filtered)
    if expected == ("ILLEGAL_GROUPING",):
        assert numbers(seen, free) == ("NOT_PERMITTED",)
    else:
        assert numbers(seen, free) == expected


def test_the_policy_bites(both: SemanticLayer) -> None:
    """The comparison above can fail: the figure of everybody is another one."""
    spend = MetricQuery(metrics=("spend",))
    seen = both.seen_by(Viewer.of_entities("german team", [ENTITY]))
    assert both.query(spend).total["spend"] != seen.query(spend).total["spend"]


def test_asking_for_other_rows_gives_none(both: SemanticLayer) -> None:
    """A filter on another entity, or on everything but one's own, finds nothing."""
    seen = both.seen_by(Viewer.of_entities("german team", [ENTITY]))
    for other in (
        Filter(field="buying_entity", values=("Acme US",)),
        Filter(field="buying_entity", op="!=", values=(ENTITY,)),
        Filter(field="buying_entity", op="in", values=("Acme US", "Acme FR")),
    ):
        found = seen.query(MetricQuery(metrics=("invoice_count",), filters=(other,)))
        assert not found.total["invoice_count"]
    groups = seen.query(MetricQuery(metrics=("invoice_count",), group_by=("buying_entity",))).rows
    assert groups == ((ENTITY, 5),)


def test_a_viewer_of_nothing_sees_nothing(both: SemanticLayer) -> None:
    """No entity allowed is not every entity allowed."""
    nobody = both.seen_by(Viewer.of_entities("nobody", []))
    assert nobody.query(MetricQuery(metrics=("spend",))).total["spend"] in (None, Decimal(0))
    assert nobody.values("supplier") == ()


def test_value_indexes_and_lists_show_own_rows_only(both: SemanticLayer) -> None:
    """The words of others' suppliers are not in the index; their documents are in no list."""
    seen = both.seen_by(Viewer.of_entities("us team", ["Acme US"]))
    assert {name for name, _ in both.values("supplier")} == {"Alpha", "Beta", "Gamma"}
    assert {name for name, _ in seen.values("supplier")} == {"Alpha", "Beta"}
    listed = seen.records(RecordQuery(entity="invoice", columns=("invoice_id", "buying_entity")))
    assert {row[1] for row in listed.rows} == {"Acme US"}
    paid = seen.records(RecordQuery(entity="payment", columns=("invoice_id",)))
    assert {row[0] for row in paid.rows} == {1, 2, 5}
    with pytest.raises(NotPermittedError, match="cannot be limited"):
        seen.records(RecordQuery(entity="supplier", columns=("name",)))


HIDDEN_USES = (
    MetricQuery(metrics=("spend",), group_by=("supplier",)),
    MetricQuery(metrics=("spend",), group_by=("month", "supplier")),
    MetricQuery(metrics=("spend",), filters=(Filter(field="supplier", values=("Beta",)),)),
    MetricQuery(metrics=("spend",), filters=(Filter(field="supplier", op="contains", values=("e",)),)),
    MetricQuery(metrics=("spend",), group_by=("category",), order=(Order(field="supplier"),)),
    MetricQuery(metrics=("spend",), group_by=("parent",)),
)


@pytest.mark.parametrize("query", HIDDEN_USES)
def test_a_hidden_field_cannot_be_used(both: SemanticLayer, query: MetricQuery) -> None:
    """Neither shown, nor filtered, nor ordered by, nor under another name that reads the same column."""
    with pytest.raises(NotPermittedError):
        both.seen_by(Viewer("intern", hidden=frozenset({"supplier"}))).query(query)


@pytest.mark.parametrize(
    "query",
    [
        RecordQuery(entity="invoice", columns=("invoice_id", "supplier")),
        RecordQuery(entity="invoice", columns=("invoice_id",), filters=(Filter(field="supplier", values=("Beta",)),)),
        RecordQuery(entity="invoice", columns=("invoice_id",), order=(Order(field="parent"),)),
        RecordQuery(entity="supplier", columns=("name",)),
    ],
)
def test_a_hidden_field_is_in_no_list(both: SemanticLayer, query: RecordQuery) -> None:
    """Lists of records refuse it too, also as a column of its entity."""
    with pytest.raises(NotPermittedError):
        both.seen_by(Viewer("intern", hidden=frozenset({"supplier"}))).records(query)


def test_what_is_not_hidden_still_works(both: SemanticLayer) -> None:
    """The same figures by other fields; the hidden one is no legal dimension and has no values."""
    intern = both.seen_by(Viewer("intern", hidden=frozenset({"supplier"})))
    by_category = MetricQuery(metrics=("spend",), group_by=("category",))
    assert intern.query(by_category).rows == both.query(by_category).rows
    assert both.legal_dimensions("spend") - intern.legal_dimensions("spend") == {"supplier", "parent"}
    assert intern.values("supplier") == ()


def test_a_policy_on_a_misspelt_field_is_refused(both: SemanticLayer) -> None:
    """A policy that protects nothing must not pass in silence."""
    with pytest.raises(UnknownNameError, match="Did you mean supplier"):
        both.seen_by(Viewer("typo", hidden=frozenset({"suplier"})))


def test_results_are_kept_by_plan_version_and_permission(both: SemanticLayer) -> None:
    """The second time nothing runs; another viewer, even over the same cache, gets their own."""
    query = MetricQuery(metrics=("spend",), group_by=("category",))
    worded = query.model_copy(update={"filters": (Filter(field="currency", values=("EUR",), words="in euro"),)})
    plain = query.model_copy(update={"filters": (Filter(field="currency", values=("EUR",)),)})
    first = both.query(query)
    assert both.query(query) is first
    assert both.query(worded) is both.query(plain)
    seen = both.seen_by(Viewer.of_entities("german team", [ENTITY]))
    assert seen.query(query).rows != first.rows
    same_rights = both.seen_by(Viewer.of_entities("another german team", [ENTITY]))
    assert same_rights.query(query) is seen.query(query)
