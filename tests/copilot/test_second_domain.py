"""An insurer in YAML: the same planner and the same compiler answer dbt's public questions, without a change in code."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from copilot.conversation import ThreadState, converse
from copilot.evaluation.bank import Bank, load_bank
from copilot.evaluation.scoring import Verdict, evaluate
from copilot.planning.plan import Clock, MetricPlan
from copilot.planning.rule_planner import RulePlanner
from semantic_layer import SemanticLayer
from semantic_layer.database import Mirror
from semantic_layer.loader import load_model
from semantic_layer.validation import validate

ACME = Path(__file__).parents[2] / "examples" / "acme"
GOLD: Mapping[str, str] = yaml.safe_load((ACME / "gold.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The insurer's data, made anew."""
    spec = importlib.util.spec_from_file_location("acme_build", ACME / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Path(module.build(tmp_path_factory.mktemp("acme") / "acme.duckdb"))


@pytest.fixture(scope="module")
def layer(mirror: Path) -> SemanticLayer:
    """The insurer's metrics over its data."""
    return SemanticLayer(load_model(ACME), Mirror(mirror))


@pytest.fixture(scope="module")
def planner(layer: SemanticLayer) -> RulePlanner:
    """The planner of the product."""
    return RulePlanner(layer)


@pytest.fixture(scope="module")
def bank() -> Bank:
    """The public questions and ours."""
    return load_bank(ACME / "questions.yml")


@pytest.fixture(scope="module")
def clock(layer: SemanticLayer) -> Clock:
    """Sunday 22 November 2026; data to the day before."""
    return Clock(today=date(2026, 11, 22), data_date=layer.data_date)


def test_the_model_is_sound(layer: SemanticLayer) -> None:
    """Names, paths and words hold together."""
    validate(layer.model)


def test_every_question_becomes_its_plan(bank: Bank, planner: RulePlanner, layer: SemanticLayer, clock: Clock) -> None:
    """All of dbt's questions, ours, a thread of four, and what must be asked back or refused."""
    turns = evaluate(bank, planner, layer.model, clock, vary=False)
    assert [(t.case, t.does, t.reason, t.differs) for t in turns if t.verdict is not Verdict.RIGHT] == []


def test_in_other_words_no_figure_is_wrong(
    bank: Bank, planner: RulePlanner, layer: SemanticLayer, clock: Clock
) -> None:
    """Shouted, polite, misspelt, by every synonym: a figure that is read is read rightly."""
    turns = evaluate(bank, planner, layer.model, clock)
    assert [(t.case, t.say, t.differs) for t in turns if t.verdict is Verdict.WRONG] == []
    assert sum(t.verdict is Verdict.RIGHT for t in turns) > 0.9 * len(turns)


def plain(value: Any) -> Any:
    """A cell to compare by: numbers to six places, everything else as text, nothing as nothing."""
    if value is None or value == "(unassigned)":
        return None
    return round(Decimal(str(value)), 6) if isinstance(value, int | float | Decimal) else str(value)


@pytest.mark.parametrize("case", sorted(GOLD))
def test_answers_equal_sql_written_by_hand(
    case: str, bank: Bank, planner: RulePlanner, layer: SemanticLayer, mirror: Path, clock: Clock
) -> None:
    """Every row and every cent, missing parents in a group of their own."""
    say = next(c for c in bank.cases if c.id == case).turns[0].say
    plan, _ = converse(ThreadState(), say, planner, clock)
    assert isinstance(plan, MetricPlan)
    found = layer.query(plan.query)
    names = [column.name for column in found.columns]
    shown = [names.index(name) for name in (*plan.query.group_by, *plan.query.metrics)]
    with duckdb.connect(str(shutil.copy(mirror, mirror.with_name("copy.duckdb")))) as connection:
        gold = connection.execute(GOLD[case]).fetchall()

    def keyed(rows: Any) -> list[tuple[Any, ...]]:
        return sorted(((*(str(plain(cell)) for cell in row[:-1]), plain(row[-1])) for row in rows), key=repr)

    ours = keyed([[row[at] for at in shown] for row in found.rows])
    expected = keyed(gold)
    assert len(ours) == len(expected)
    for mine, theirs in zip(ours, expected, strict=True):
        assert mine[:-1] == theirs[:-1]
        assert float(mine[-1]) == pytest.approx(float(theirs[-1]), abs=0.01)
