"""A figure is withheld when too little of the money has the dates it needs; the refusal lists what to fill in."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from copilot.composition import refusal_of
from semantic_layer import Filter, MetricQuery, Period, SemanticLayer
from semantic_layer.errors import LowCoverageError
from semantic_layer.loader import load_model
from semantic_layer.viewer import Viewer

MODEL = load_model()
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
GATED = sorted(name for name, metric in MODEL.metrics.items() if metric.coverage is not None)


def figure(layer: SemanticLayer, metric: str, **more: Any) -> Any:
    """The whole figure of March."""
    return layer.query(MetricQuery(metrics=(metric,), period=MARCH, **more)).total[metric]


@pytest.fixture(scope="module")
def undated(tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    """US: invoices of 200 with and 800 without a due date, each half paid or open. DE: 1,000 with, 100 without."""
    books = sys.modules["hand_written_books"].Books()
    books.supplier(1, "Alpha")
    german = {"legal_entity_name": "Acme DE", "entity_country_code": "DE"}
    for first, due, without, more in ((1, "100", "400", {}), (11, "500", "50", german)):
        books.invoice(first, due, dated="2026-03-01", due="2026-03-11", paid=[("2026-03-16", due)], **more)
        books.invoice(first + 1, due, dated="2026-03-01", due="2026-03-11", **more)
        books.invoice(first + 2, without, dated="2026-03-01", paid=[("2026-03-16", without)], **more)
        books.invoice(first + 3, without, dated="2026-03-01", **more)
    return SemanticLayer.load(books.publish(tmp_path_factory.mktemp("undated")))


US, DE = ({"filters": (Filter(field="buying_entity", values=(name,)),)} for name in ("Acme US", "Acme DE"))


@pytest.mark.parametrize("metric", GATED)
def test_too_little_is_dated(undated: SemanticLayer, metric: str) -> None:
    """In the US 20 % of the money has a due date: withheld, with the share, the bar and the invoices to fill in."""
    with pytest.raises(LowCoverageError) as withheld:
        figure(undated, metric, **US)
    error = withheld.value
    gate = MODEL.metrics[metric].coverage
    assert gate is not None
    assert (error.share, error.at_least) == (Decimal("0.2"), gate.at_least)
    assert {record for record, _ in error.missing} <= {"invoice 3", "invoice 4"}
    assert error.missing
    assert MODEL.metrics[metric].label in str(error)
    assert "20.0 % of the money has a due date" in str(error)
    assert f"{error.missing[0][0]} (400.00)" in str(error)


@pytest.mark.parametrize("metric", GATED)
def test_enough_is_dated(undated: SemanticLayer, metric: str) -> None:
    """In Germany 91 % has one: the figure stands, over what is dated, and the rest is counted where the metric counts it."""
    assert (figure(undated, metric, **DE) is None) == (metric == "avg_days_early"), "nothing was paid early"


def test_by_hand(undated: SemanticLayer) -> None:
    """Germany: 500 paid five days late, 500 open and past due, ten days of terms."""
    assert figure(undated, "days_beyond_terms", **DE) == 5
    assert figure(undated, "past_due_ap", **DE) == Decimal("500.00")
    assert figure(undated, "wapt", **DE) == 10


def test_the_whole_is_judged_by_the_whole(undated: SemanticLayer) -> None:
    """Both together: 600 of 1,050 paid is dated, 57 %; the records come the largest first, by entity as well."""
    with pytest.raises(LowCoverageError) as withheld:
        figure(undated, "days_beyond_terms", group_by=("buying_entity",))
    assert round(withheld.value.share, 4) == Decimal("0.5714")
    assert withheld.value.missing == (("invoice 3", Decimal(400)), ("invoice 13", Decimal(50)))


def test_what_needs_no_due_date_is_not_withheld(undated: SemanticLayer) -> None:
    """Open payables and days to pay do not ask for one."""
    assert figure(undated, "open_ap") == Decimal("1050.00")
    assert figure(undated, "dpo_paid") == 15


def test_the_list_is_the_viewers_own(undated: SemanticLayer) -> None:
    """Somebody of the US sees their own invoices to fill in, and their own share."""
    with pytest.raises(LowCoverageError) as withheld:
        figure(undated.seen_by(Viewer.of_entities("us team", ["Acme US"])), "past_due_ap")
    assert withheld.value.missing == (("invoice 4", Decimal(400)),)


def test_the_answer_says_it_plainly(undated: SemanticLayer) -> None:
    """In a conversation it is a refusal for want of input, with share and records in its sentence."""
    with pytest.raises(LowCoverageError) as withheld:
        figure(undated, "past_due_ap", **US)
    refusal = refusal_of(withheld.value, None, MODEL)
    assert refusal.reason == "MISSING_INPUT"
    assert "is withheld: 20.0 % of the money" in refusal.message
    assert "invoice 4 (400.00)" in refusal.message


def test_gates_name_measures_that_fit() -> None:
    """Both sides of a gate are sums on one entity, and some metrics have one."""
    assert len(GATED) >= 8
    for name in GATED:
        gate = MODEL.metrics[name].coverage
        assert gate is not None
        sides = [MODEL.measures[gate.lacking], MODEL.measures[gate.all]]
        assert {side.agg for side in sides} == {"sum"}
        assert len({side.entity for side in sides}) == 1


@pytest.mark.parametrize("beside", ["dpo_purchases", "spend", "open_ap"])
@pytest.mark.parametrize("metric", GATED)
def test_what_stands_beside_a_figure_changes_nothing(undated: SemanticLayer, metric: str, beside: str) -> None:
    """The documents it leaves out are read as the figure reads its own, not as its neighbour reads: same bar, same share."""
    for pair in ((metric, beside), (beside, metric)):
        with pytest.raises(LowCoverageError) as withheld:
            undated.query(MetricQuery(metrics=pair, period=MARCH, **US))
        assert withheld.value.share == Decimal("0.2")
        together = undated.query(MetricQuery(metrics=pair, period=MARCH, **DE))
        assert together.total[metric] == figure(undated, metric, **DE)


OF_DOCUMENTS = sorted(name for name, m in MODEL.metrics.items() if m.caveat_measures and m.needs_feed is None)
YEAR = Period(date(2026, 1, 1), date(2026, 11, 21))


@pytest.mark.parametrize("metric", OF_DOCUMENTS)
def test_caveats_do_not_depend_on_the_figures_beside(layer: SemanticLayer, metric: str) -> None:
    """As many documents are left out with another figure beside it, before it or after it, as without."""
    alone = set(layer.query(MetricQuery(metrics=(metric,), period=YEAR)).caveats)
    for beside in ("dpo_purchases", "spend", "open_ap"):
        for pair in ((metric, beside), (beside, metric)):
            assert alone <= set(layer.query(MetricQuery(metrics=pair, period=YEAR)).caveats)


EACH_KIND = sorted(
    {
        (m.time_role, m.kind): name for name, m in MODEL.metrics.items() if m.needs_feed is None and not m.looks_ahead
    }.values()
)


@pytest.mark.parametrize("metric", EACH_KIND)
def test_figures_are_the_same_beside_others(layer: SemanticLayer, metric: str) -> None:
    """One figure of every kind and clock with every other one: each as it is alone over the same days."""
    for other in (name for name in EACH_KIND if name > metric):
        together = layer.query(MetricQuery(metrics=(metric, other), period=YEAR)).total
        for name in (metric, other):
            alone = layer.query(MetricQuery(metrics=(name,), period=YEAR)).total
            assert together[name] == alone[name], (metric, other)
