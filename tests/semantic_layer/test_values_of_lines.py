"""Values of dimensions that invoices do not lead to (accounts of lines, steps of approvals) are listed as well."""

from __future__ import annotations

from datetime import date

import pytest

from semantic_layer.asked_period import Calendar
from semantic_layer.layer import shipped_model
from semantic_layer.records import compile_values
from semantic_layer.resolver import join_path

MODEL = shipped_model()


@pytest.mark.parametrize("name", sorted(n for n, d in MODEL.dimensions.items() if not d.as_of))
def test_the_values_of_every_dimension_compile(name: str) -> None:
    """A dimension that invoices reach is counted by invoices, every other one by the rows that bear it."""
    sql = compile_values(name, MODEL, Calendar(date(2026, 11, 21)), "USD")
    entity = MODEL.dimensions[name].entity
    root = "invoice" if join_path(MODEL, "invoice", entity) is not None else entity
    assert f"FROM {root}" in sql.split("AS documents")[-1]
