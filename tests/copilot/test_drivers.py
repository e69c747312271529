"""Contributions add up to the difference, exactly, whatever the amounts are; and to a computation by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.drivers import Decomposition, NotDecomposable, decompose, ratio_of, take_apart
from copilot.planning.plan import WhyPlan
from semantic_layer import MetricQuery, Period, SemanticLayer
from semantic_layer.loader import load_model
from semantic_layer.query import Filter
from semantic_layer.results import Column, ResultSet

MODEL = load_model()
SEP, OCT = Period(date(2026, 9, 1), date(2026, 9, 30)), Period(date(2026, 10, 1), date(2026, 10, 31))
Q2, Q3 = Period(date(2026, 4, 1), date(2026, 6, 30)), Period(date(2026, 7, 1), date(2026, 9, 30))


def result(
    metric: str, rows: dict[str, tuple[Decimal | None, ...]], parts: tuple[str, ...], total: Decimal
) -> ResultSet:
    """A result grouped by category: the figure, then its parts."""
    columns = (Column("category", "Category", "dimension", "text"), Column(metric, metric, "metric", "days"))
    columns += tuple(Column(part, part, "metric", "money:USD", metric) for part in parts)
    return ResultSet(
        columns, tuple((name, *cells) for name, cells in rows.items()), {metric: total}, len(rows), truncated=False, sql=(),
        checks=(), caveats=(), lineage=(), period=OCT, as_of=OCT.end, currency="USD",
    )  # fmt: skip


AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=2)
BOOK = st.dictionaries(st.sampled_from("ABCDEF"), st.tuples(AMOUNTS, AMOUNTS), min_size=1)


def dpo(book: dict[str, tuple[Decimal, Decimal]]) -> ResultSet | None:
    """DPO by category from (open, purchases); None where there are no purchases at all."""
    owed, bought = (sum((cells[at] for cells in book.values()), Decimal(0)) for at in (0, 1))
    if not bought:
        return None
    rows: dict[str, tuple[Decimal | None, ...]] = {
        name: (a / b * 90 if b else None, a, b) for name, (a, b) in book.items()
    }
    return result("dpo_purchases", rows, ("open_ap", "purchases_90d"), owed / bought * 90)


@settings(max_examples=80, deadline=None)
@given(before=BOOK, now=BOOK)
def test_balances_over_purchases_add_up(
    before: dict[str, tuple[Decimal, Decimal]], now: dict[str, tuple[Decimal, Decimal]]
) -> None:
    """Open payables and purchases by group; groups come and go; the sum is the change of DPO."""
    sides = dpo(before), dpo(now)
    if sides[0] is None or sides[1] is None:
        return
    for nested in (False, True):
        found = decompose(MODEL.metrics["dpo_purchases"], "category", sides[0], sides[1], nested=nested)
        assert isinstance(found, Decomposition)
        size = max(abs(found.before), abs(found.now), Decimal(1))
        assert abs(found.residual) <= size * Decimal("1e-18") * len(found.contributions) + Decimal("1e-15") * size


@settings(max_examples=80, deadline=None)
@given(
    before=st.dictionaries(
        st.sampled_from("ABCDEF"), st.tuples(st.integers(1, 120), st.integers(1, 10**9)), min_size=1
    ),
    now=st.dictionaries(st.sampled_from("ABCDEF"), st.tuples(st.integers(1, 120), st.integers(1, 10**9)), min_size=1),
)
def test_rates_and_weights_add_up(before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]) -> None:
    """A weighted average: own figures and weights add up, and equal the same formula in exact fractions."""

    def whole(book: dict[str, tuple[int, int]]) -> Fraction:
        return Fraction(sum(r * w for r, w in book.values()), sum(w for _, w in book.values()))

    def side(book: dict[str, tuple[int, int]]) -> ResultSet:
        total = whole(book)
        exact = Decimal(total.numerator) / Decimal(total.denominator)
        return result("wapt", {n: (Decimal(r), Decimal(w)) for n, (r, w) in book.items()}, ("termed_amount",), exact)

    found = decompose(MODEL.metrics["wapt"], "category", side(before), side(now))
    assert isinstance(found, Decomposition)
    assert abs(found.residual) < Decimal("1e-15")
    overall = whole(before) + whole(now)
    for contribution in found.contributions:
        old, new = before.get(contribution.group), now.get(contribution.group)
        r0, r1 = (old or new or (0, 0))[0], (new or old or (0, 0))[0]
        w0 = Fraction(old[1], sum(w for _, w in before.values())) if old else Fraction(0)
        w1 = Fraction(new[1], sum(w for _, w in now.values())) if new else Fraction(0)
        rate, mix = (w0 + w1) * (r1 - r0) / 2, (w1 - w0) * (r0 + r1 - overall) / 2
        assert abs(float(contribution.effects[0]) - float(rate)) < 1e-9
        assert abs(float(contribution.effects[1]) - float(mix)) < 1e-9


def test_by_hand() -> None:
    """Open 300 over purchases 900 is 30 days; 450 over 1,000 is 40.5: +14.25 by payables, -3.75 by purchases."""
    before = dpo({"A": (Decimal(200), Decimal(600)), "B": (Decimal(100), Decimal(300))})
    now = dpo({"A": (Decimal(350), Decimal(700)), "B": (Decimal(100), Decimal(300))})
    assert before is not None
    assert now is not None
    found = decompose(MODEL.metrics["dpo_purchases"], "category", before, now)
    assert isinstance(found, Decomposition)
    assert (found.before, found.now) == (Decimal(30), Decimal("40.5"))
    assert [round(found.effect(i), 6) for i in (0, 1)] == [Decimal("14.25"), Decimal("-3.75")]
    assert [(c.group, round(c.total, 6)) for c in found.contributions] == [("A", Decimal("10.5")), ("B", Decimal(0))]


def test_what_has_no_parts_says_so() -> None:
    """A median is no sum; a part of a sum says nothing about it."""
    assert ratio_of(MODEL.metrics["cycle_time_approval"]) is None
    one = result("cycle_time_approval", {"A": (Decimal(2),)}, (), Decimal(2))
    assert isinstance(decompose(MODEL.metrics["cycle_time_approval"], "category", one, one), NotDecomposable)
    spend = result("spend", {"A": (Decimal(2),)}, (), Decimal(2))
    assert isinstance(decompose(MODEL.metrics["spend"], "category", spend, spend, nested=True), NotDecomposable)


ALWAYS = frozenset(
    {"dpo_purchases", "wapt", "dpo_paid", "on_time_rate", "discount_capture_rate", "spend", "open_ap", "past_due_ap"}
)
"""Figures that must always come apart; some others are divided by what is no amount."""
CHANGING = [name for name, m in MODEL.metrics.items() if m.additive or ratio_of(m)]


@pytest.mark.parametrize("metric", CHANGING)
def test_every_figure_of_the_company_adds_up(layer: SemanticLayer, metric: str) -> None:
    """On real rows, for every metric with parts, by two dimensions, against the quarter before."""
    if layer.model.metrics[metric].requires_grouping:
        pytest.skip("it is only shown by its own buckets")
    for dimension in {"buying_entity", "category"} & layer.legal_dimensions(metric):
        plan = WhyPlan(query=MetricQuery(metrics=(metric,), period=Q3, compare=Q2), by=dimension)
        apart = take_apart(layer, plan)
        if metric not in ALWAYS and isinstance(apart.found, NotDecomposable):
            assert "stands alone" in apart.found.reason or "no value" in apart.found.reason
            continue
        assert isinstance(apart.found, Decomposition), apart.found
        assert apart.found.adds_up, apart.found.residual
        assert apart.found.difference == apart.found.now - apart.found.before
        assert apart.found.contributions or apart.found.before == apart.found.now == 0


@pytest.mark.parametrize("metric", ["dpo_purchases", "wapt", "on_time_rate", "discount_capture_rate"])
def test_a_group_against_the_whole_adds_up(layer: SemanticLayer, metric: str) -> None:
    """Own figures and weights of one region's categories explain its distance from the company."""
    region = Filter(field="region", op="=", values=("EMEA",))
    apart = take_apart(layer, WhyPlan(query=MetricQuery(metrics=(metric,), filters=(region,)), against="whole"))
    assert isinstance(apart.found, Decomposition)
    assert apart.dimension == "category"
    assert apart.found.adds_up, apart.found.residual
    assert apart.found.effects == ("rate", "mix")
