"""Spanish questions: the small words, the calendar and the groupings; figures as the catalogue names them."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.planning.plan import Clock
from copilot.planning.rule_planner import RulePlanner


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ("¿Cuál es nuestro DPO?", "what is our DPO?"),
        ("DPO por región", "DPO by region"),
        ("¿Cuánto es el DPO del último trimestre?", "DPO last quarter"),
        ("DPO por mes este año", "DPO by month this year"),
        ("DPO en marzo sin Marketing", "DPO in March without Marketing"),
        ("DPO desde enero por región", "DPO since January by region"),
    ],
)
def test_spanish_reads_as_english(planner: RulePlanner, clock: Clock, spanish: str, english: str) -> None:
    """The same query, slot by slot."""
    one: Any = planner.plan(spanish, clock)
    other: Any = planner.plan(english, clock)
    assert one.query.identity() == other.query.identity()
