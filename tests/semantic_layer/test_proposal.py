"""A SELECT becomes YAML for review where it is one figure of one entity, and a reason where it is not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from semantic_layer.errors import GuardError
from semantic_layer.layer import shipped_model
from semantic_layer.loader import load_model
from semantic_layer.model import Metric
from semantic_layer.proposal import propose

AVERAGE = (
    "SELECT sum(gross_reporting) / count(*) AS ticket_size FROM invoice WHERE status = 'approved' GROUP BY channel"
)


def proposed(sql: str) -> dict[str, Any]:
    """The YAML as it would be read."""
    found = yaml.safe_load(propose(sql, shipped_model()).text)
    assert isinstance(found, dict)
    return found


def test_a_ratio_of_two_aggregates() -> None:
    """Each aggregate is a measure under the WHERE, the arithmetic is the formula, and the metric fits its form."""
    found = proposed(AVERAGE)
    assert {(m["agg"], m["expr"], m["where"]) for m in found["measures"]} == {
        ("sum", "gross_reporting", "status = 'approved'"),
        ("count", "id", "status = 'approved'"),
    }
    metric = Metric.model_validate(found["metrics"][0])
    assert (metric.name, metric.formula) == ("ticket_size", "invoice_sum_gross_reporting / invoice_count_id")
    assert metric.certified_by is None


def test_a_proposal_fits_beside_the_shipped_model(tmp_path: Any) -> None:
    """Merged into a folder of metrics it loads and is sound."""
    proposal = propose(AVERAGE, shipped_model())
    assert not any(note.startswith("Does not fit") for note in proposal.notes)
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "new.yml").write_text(proposal.text)
    assert set(load_model(tmp_path).metrics) == {"ticket_size"}


def test_a_measure_that_exists_is_used_and_named() -> None:
    """What the model counts already is not proposed again; the reviewer is told which metrics read it."""
    proposal = propose(
        "SELECT i.status, sum(i.net_reporting) FROM invoice AS i WHERE i.population = 'recognised' GROUP BY 1",
        shipped_model(),
    )
    found = yaml.safe_load(proposal.text)
    assert "measures" not in found
    assert any("spend reads the same measures" in note for note in proposal.notes)
    assert any("by status" in note for note in proposal.notes)


def test_filters_distinct_and_new_groupings() -> None:
    """FILTER joins the WHERE, COUNT DISTINCT stays one, an unknown grouping is a proposed dimension."""
    found = proposed(
        "SELECT net_days > 45 AS long_terms, count(DISTINCT supplier_id) FILTER (WHERE paid) AS paid_suppliers "
        "FROM invoice WHERE NOT is_credit_note GROUP BY 1 ORDER BY 2 LIMIT 5"
    )
    assert found["measures"][0]["agg"] == "count_distinct"
    assert found["measures"][0]["where"] == "(NOT is_credit_note) AND (paid)"
    assert found["dimensions"][0]["expr"] == "net_days > 45"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT 1", "entity"),
        ("SELECT count(*) FROM invoices", "invoice"),
        ("SELECT count(*) FROM supplier", "no date"),
        ("SELECT sum(i.gross) FROM invoice i JOIN supplier s ON s.id = i.supplier_id", "joins"),
        ("WITH a AS (SELECT 1 AS x) SELECT sum(x) FROM a", "joins"),
        ("SELECT sum(gross), sum(net) FROM invoice", "one figure"),
        ("SELECT status FROM invoice", "one figure"),
        ("SELECT quantile_cont(gross, 0.9) FROM invoice", "cannot become a measure"),
        ("SELECT sum(gross) + net FROM invoice", "outside of every aggregate"),
        ("SELECT sum(gross) OVER () FROM invoice", "window"),
        ("SELECT count(*) FROM invoice UNION SELECT 2", "plain SELECT"),
        ("DROP TABLE invoice", "plain SELECT"),
        ("SELECT count(*) FROM invoice; SELECT 2", "plain SELECT"),
        ("SELEC nonsense FROM (", "one SELECT"),
    ],
)
def test_what_cannot_be_a_metric_says_why(sql: str, why: str) -> None:
    """A sentence with the reason, and no YAML."""
    with pytest.raises(GuardError, match=why):
        propose(sql, shipped_model())
