"""A rule planner over the tiny company, with the clock of the question bank."""

from __future__ import annotations

from datetime import date

import pytest

from copilot.planning.plan import Clock
from copilot.reading.rule_planner import RulePlanner
from semantic_layer import SemanticLayer


@pytest.fixture(scope="session")
def clock(layer: SemanticLayer) -> Clock:
    """Sunday 22 November 2026, data to the day before."""
    return Clock(today=date(2026, 11, 22), data_date=layer.data_date)


@pytest.fixture(scope="session")
def planner(layer: SemanticLayer) -> RulePlanner:
    """The planner, its vocabulary built from the model and the mirror."""
    return RulePlanner(layer)
