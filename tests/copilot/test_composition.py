from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from copilot.answer import Answer
from copilot.composition import (
    Turn,
    compose_clarify,
    compose_definition,
    compose_projection,
    compose_refusal,
    refusal_of,
    trust_of,
)
from copilot.planning.plan import Choice, Clarify, DefinePlan, ForecastPlan, MetricPlan, Refuse
from copilot.simulations.outcomes import Assumption, Driver, PathPoint, Projection
from semantic_layer import Check, Column, IllegalGroupingError, MetricQuery, Period, SemanticModel, UnknownNameError

Q1 = Period(date(2027, 1, 1), date(2027, 3, 31), "Q1 2027")


@pytest.fixture
def projection() -> Projection:
    """A fall from 55.6 to 48.0 days with two drivers that add up to it."""
    opening, target = date(2026, 11, 21), date(2027, 3, 31)
    return Projection(
        metric="dpo_projected",
        target=Q1,
        as_of=opening,
        median=Decimal("48.00"),
        low=Decimal("39.20"),
        high=Decimal("58.00"),
        opening=Decimal("55.60"),
        opening_ap=Decimal(512439),
        opening_purchases=Decimal(829100),
        currency="USD",
        path=(
            PathPoint(opening, *[Decimal("55.60")] * 3),
            PathPoint(target, Decimal("39.2"), Decimal(48), Decimal(58)),
        ),
        drivers=(
            Driver("open_ap", "Open payables", Decimal("-12.90"), Decimal(512439), Decimal(404693)),
            Driver("purchases", "Purchases", Decimal("5.30"), Decimal(829100), Decimal(757517)),
        ),
        assumptions=(Assumption("seed", "1", "model"),),
        checks=(Check("drivers_add_up", passed=True, detail="-7.60 days"),),
        seed=1,
        paths=500,
        model_version="1",
    )


def test_a_value_leads_with_the_total(answers: Any) -> None:
    """Days are a number, the date is ISO, the total comes first."""
    lead = answers.dpo().headline
    assert (lead.metric, lead.value, lead.unit, lead.period, lead.as_of) == (
        "dpo_purchases",
        47.3123,
        "days",
        "2026-11-21",
        "2026-11-21",
    )


def test_a_comparison_carries_baseline_and_change(answers: Any) -> None:
    """Money stays decimal text through the subtraction."""
    lead = answers.spend_compared().headline
    assert (lead.value, lead.previous, lead.delta) == ("12431220.15", "13000000.00", "-568779.85")
    assert (lead.period, lead.baseline) == ("2026-Q3", "Q2 2026 (Apr\N{EN DASH}Jun)")


def test_a_ranking_leads_with_its_first_group(answers: Any) -> None:
    """The label names the group as quoted data, the table adds each share of the total."""
    answer = answers.missed_by_supplier()
    assert (answer.headline.label, answer.headline.value) == ("Discounts missed: “Acme GmbH”", "120400.10")
    assert [c.name for c in answer.table.columns] == ["supplier", "discount_missed", "discount_missed__share"]
    assert answer.table.rows[0][2] == 0.122842


def test_a_trend_leads_with_the_latest_whole_bucket(answers: Any) -> None:
    """November has three weeks only: October leads, beside September, and a caveat says why."""
    answer = answers.spend_trend()
    lead = answer.headline
    assert (lead.period, lead.as_of, lead.value, lead.delta, lead.baseline) == (
        "2026-10",
        "2026-10-31",
        "1200000.00",
        "-300000.00",
        "Sep 2026",
    )
    assert answer.caveats == ("Nov 2026 is in progress: data to 21 Nov 2026.",)


def test_a_target_is_a_baseline(answers: Any) -> None:
    """The gap to a goal is shown like any other change."""
    lead = answers.capture_against_target().headline
    assert (lead.value, lead.previous, lead.delta, lead.baseline) == (0.481, 0.6, -0.119, "target")


def test_nothing_is_not_zero(answers: Any) -> None:
    """No documents give no value; an empty ranking keeps its total of zero."""
    assert answers.nothing_paid().headline.value is None
    assert answers.no_groups().headline.value == "0.00"


@pytest.mark.parametrize("values", [("100", "-20"), ("0", "0")])
def test_shares_appear_only_where_they_mean_something(values: tuple[str, str], answers: Any) -> None:
    """Credits below zero or an empty whole make a share misleading."""
    columns = [Column("region", "Region", "dimension", "text"), Column("spend", "Spend", "metric", "money:USD")]
    rows = [("EMEA", Decimal(values[0])), ("APAC", Decimal(values[1]))]
    plan = MetricPlan(intent="breakdown", query=MetricQuery(metrics=("spend",), group_by=("region",)))
    answer = answers.compose(plan, columns, rows, {"spend": sum(row[1] for row in rows)})
    assert [c.role for c in answer.table.columns] == ["dimension", "metric"]


def test_shares_of_all_groups_make_one(answers: Any) -> None:
    """With every group listed the shares add up."""
    columns = [Column("region", "Region", "dimension", "text"), Column("spend", "Spend", "metric", "money:USD")]
    rows = [("EMEA", Decimal("333.33")), ("APAC", Decimal("333.33")), ("LATAM", Decimal("333.34"))]
    plan = MetricPlan(intent="breakdown", query=MetricQuery(metrics=("spend",), group_by=("region",)))
    answer = answers.compose(plan, columns, rows, {"spend": Decimal(1000)})
    assert sum(row[2] for row in answer.table.rows) == pytest.approx(1, abs=1e-5)


def test_trust_is_computed(answers: Any, model: SemanticModel) -> None:
    """Certified, in date and checked is verified; anything less is governed."""
    assert answers.dpo().trust == "verified"
    metric = model.metrics["dpo_purchases"]
    assert metric.review_by is not None
    assert trust_of([metric], date(2030, 1, 1), ()) == "governed"
    assert trust_of([metric.model_copy(update={"certified_by": None})], date(2026, 11, 22), ()) == "governed"
    plan = MetricPlan(intent="value", query=MetricQuery(metrics=("spend",)))
    columns = [Column("spend", "Spend", "metric", "money:USD")]
    failed = (Check("ties_to_total", passed=False, detail="off by 1.00"),)
    answer = answers.compose(plan, columns, [(Decimal(1),)], {"spend": Decimal(1)}, checks=failed)
    assert answer.trust == "governed"


def test_follow_ups_are_three_and_legal(answers: Any) -> None:
    """A cut that is legal and not made yet, and the past; with filters they edit the thread."""
    assert answers.dpo().follow_ups == ("DPO by region", "DPO trend last 12 months", "DPO by category")
    assert answers.spend_compared().follow_ups[2] == "Top 10 suppliers by spend"
    assert answers.capture_against_target().follow_ups == (
        "And by region?",
        "Same for last quarter",
        "And by category?",
    )


def test_a_projection_shows_band_drivers_and_assumptions(
    projection: Projection, turn: Turn, model: SemanticModel
) -> None:
    """The range stands beside the median, the drivers' effects add up to the change, nothing is called verified."""
    answer = compose_projection(turn, ForecastPlan(target=Q1), projection, model)
    lead = answer.headline
    assert lead is not None
    assert answer.table is not None
    assert (lead.value, lead.low, lead.high, lead.delta) == (48.0, 39.2, 58.0, -7.6)
    assert sum(float(row[1] or 0) for row in answer.table.rows) == pytest.approx(-7.6)
    assert answer.chart is not None
    assert answer.trust == "governed"
    assert all(check.passed for check in answer.checks)
    assert answer.narrative == (
        "Projected DPO comes to 48.0 days on 31 Mar 2027, with a range (P10\N{EN DASH}P90) from 39.2 days to 58.0 days. "
        "That is down 7.6 days from 55.6 days on 21 Nov 2026; the largest driver is Open payables (-12.9 days)."
    )


@pytest.mark.parametrize("name", ["dpo_purchases", "spend", "discount_capture_rate", "cycle_time_p90"])
def test_a_definition_explains_without_a_figure(name: str, turn: Turn, model: SemanticModel) -> None:
    """Definition, formula and Coupa fields, no number of the company."""
    answer = compose_definition(turn, DefinePlan(metric=name), model, ("region",))
    assert answer.headline is None
    assert answer.table is not None
    aspects = dict(answer.table.rows)
    assert aspects["Definition"] == model.metrics[name].definition
    assert "invoices." in str(aspects["Coupa fields"])
    assert 2 <= len(answer.follow_ups) <= 3


@pytest.mark.parametrize("status", ["clarify", "refused"])
def test_a_question_back_or_a_refusal_carries_no_figure(status: str, turn: Turn) -> None:
    """No headline, table, chart or SQL: only the sentence and the ways on."""
    choices = (Choice(label="DPO", question="DPO"),)
    if status == "clarify":
        answer = compose_clarify(turn, Clarify(reason="AMBIGUOUS_METRIC", question="Which exposure?", choices=choices))
    else:
        answer = compose_refusal(turn, Refuse(reason="OUT_OF_SCOPE", message="Not a question for me.", choices=choices))
    assert answer.status == status
    assert (answer.headline, answer.table, answer.chart, answer.sql) == (None, None, None, ())
    assert answer.choices == choices
    assert not any(character.isdigit() for character in answer.narrative)


def test_errors_of_the_layer_become_refusals_with_questions(model: SemanticModel) -> None:
    """An illegal grouping offers the legal ones as questions; a wrong name offers the nearest."""
    plan = MetricPlan(intent="breakdown", query=MetricQuery(metrics=("spend",), group_by=("ageing_bucket",)))
    refused = refusal_of(IllegalGroupingError("Spend has no age.", choices=("region", "supplier")), plan, model)
    assert refused.reason == "ILLEGAL_GROUPING"
    assert [choice.question for choice in refused.choices] == ["Spend by region", "Spend by supplier"]
    unknown = refusal_of(UnknownNameError.of("metric", "dpo_purchase", model.metrics), None, model)
    assert unknown.choices[0].question == "DPO"


def test_every_answer_fits_the_published_schema(answers: Any) -> None:
    """The JSON that goes out is the JSON that is documented, and it reads back as the same answer."""
    schema = Answer.model_json_schema(by_alias=True)
    for answer in answers.every():
        text = answer.to_json()
        back = Answer.model_validate_json(text)
        jsonschema.validate(back.model_dump(mode="json", by_alias=True), schema)
        assert back == answer
