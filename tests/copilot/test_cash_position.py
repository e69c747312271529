"""Cash as it is now: of the accounts' latest balances, by entity and currency, and never confused with cash to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from copilot.engine import Engine
from copilot.planning.plan import Clock, OutflowPlan
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from semantic_layer import SemanticLayer
from semantic_layer.query import RecordQuery

CLOCK = Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21))


@pytest.fixture
def engine(mirror_folder: Path, company_today: date, tmp_path: Path) -> Iterator[Engine]:
    """Over the tiny company, whose treasury's feeds are loaded."""
    opened = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path}/s.db"), today=company_today)
    yield opened
    opened.close()


def by_hand(layer: SemanticLayer) -> Decimal:
    """The latest booked balance of each account within seven days, added up."""
    columns = ("bank_account", "position_date", "amount_reporting")
    latest: dict[object, tuple[date, Decimal]] = {}
    for account, day, amount in layer.records(RecordQuery(entity="cash_balance", columns=columns)).rows:
        assert isinstance(day, date)
        assert isinstance(amount, Decimal)
        fresh = layer.data_date - timedelta(days=7) < day <= layer.data_date
        if fresh and (account not in latest or latest[account][0] < day):
            latest[account] = (day, amount)
    return sum((amount for _, amount in latest.values()), Decimal(0))


@pytest.mark.parametrize(
    "question", ["what's our cash position", "how much cash do we have", "cash on hand by currency"]
)
def test_it_is_what_the_accounts_hold(engine: Engine, layer: SemanticLayer, question: str) -> None:
    """To the cent, the parts add up, and the sentence says as of when."""
    answer = engine.ask(question)
    assert answer.headline is not None
    assert answer.table is not None
    assert Decimal(str(answer.headline.value)) == by_hand(layer).quantize(Decimal("0.01"))
    parts = sum((Decimal(str(row[1])) for row in answer.table.rows), Decimal(0))
    assert abs(parts - Decimal(str(answer.headline.value))) < Decimal("0.05")
    assert all(check.passed for check in answer.checks)
    assert "20 Nov 2026" in answer.narrative


@pytest.mark.parametrize(
    ("question", "shows"),
    [
        ("how much cash do we have", "position"),
        ("Cash balance today?", "position"),
        ("bank balance", "position"),
        ("how much cash will we have in week 3", "balance"),
        ("how much cash do we have at the end of next month", "balance"),
    ],
)
def test_now_and_later_are_told_apart(layer: SemanticLayer, question: str, shows: str) -> None:
    """The present is no forecast, and a day to come is none of the present."""
    plan = RulePlanner(layer).plan(question, CLOCK)
    assert isinstance(plan, OutflowPlan), plan
    assert plan.shows == shows


@pytest.mark.parametrize(
    "question", ["cash position last month", "cash position of Germany", "cash position by supplier"]
)
def test_what_the_feed_does_not_tell_is_not_told(layer: SemanticLayer, question: str) -> None:
    """Neither the past, nor a part that is no entity or currency."""
    plan = RulePlanner(layer).plan(question, CLOCK)
    assert not isinstance(plan, OutflowPlan)


def test_who_sees_a_part_of_the_company_is_not_told(mirror_folder: Path, company_today: date, tmp_path: Path) -> None:
    """Cash is told for all of it; the refusal holds no number."""
    policies = tmp_path / "policies.yml"
    rows = "[{field: buying_entity, op: in, values: [Quellmark Deutschland GmbH]}]"
    policies.write_text(f"viewers:\n  - {{name: german team, rows: {rows}}}\n", encoding="utf-8")
    state = f"sqlite:///{tmp_path}/v.db"
    settings = Settings(mirror=mirror_folder, state_url=state, policies=policies, viewer="german team")
    opened = Engine.open(settings, today=company_today)
    answer = opened.ask("what's our cash position")
    opened.close()
    assert (answer.status, answer.headline) == ("refused", None)
    assert "part of the company" in answer.narrative
