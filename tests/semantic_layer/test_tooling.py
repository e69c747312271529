"""Tools for people who edit metrics: findings with file and line, checks against a mirror, differences, interchange."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import yaml

from semantic_layer import DefinitionError, MetricQuery, SemanticLayer
from semantic_layer.checking import Checked, check
from semantic_layer.definitions import Definitions, read_definitions
from semantic_layer.difference import definition_changes, number_changes
from semantic_layer.editor_schema import MODELINE, editor_schema
from semantic_layer.interchange import export, read_document
from semantic_layer.loader import SHIPPED, load_model
from semantic_layer.validation import validate

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 4, 1, 6, tzinfo=dt.UTC)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped files."""
    for part in ("models", "metrics"):
        shutil.copytree(SHIPPED / part, tmp_path / "my" / part)
    return tmp_path / "my"


@pytest.fixture
def mirror(books: Any, publish: Callable[[Any], SemanticLayer]) -> SemanticLayer:
    """Invoices of 800 and 200 and a credit note of 50."""
    books.invoice(1, "800", dated="2026-03-01", due="2026-03-31")
    books.invoice(2, "200", dated="2026-03-05", due="2026-03-31", paid=[("2026-03-20", "200")])
    books.invoice(3, "-50", dated="2026-03-06", is_credit_note=True, document_type="Credit Note")
    return publish(books)


def written(folder: Path, text: str, name: str = "metrics/mine.yml") -> Definitions:
    """The definitions with one more file."""
    (folder / name).write_text(text, encoding="utf-8")
    return read_definitions(folder)


def over(mirror: SemanticLayer, definitions: Definitions, *names: str) -> Checked:
    """A check of definitions against a mirror; only of some metrics when they are named."""
    if names:
        kept = {name: definitions.model.metrics[name] for name in names}
        definitions = replace(definitions, model=definitions.model.model_copy(update={"metrics": kept}))
    return check(definitions, SemanticLayer(definitions.model, mirror.mirror), NOW)


def metric_yaml(**changes: Any) -> str:
    """A sound metric, with changes."""
    entry = {
        "name": "mine", "label": "Mine", "kind": "flow", "unit": "money", "definition": "d", "formula_words": "f",
        "parts": [{"name": "mine", "measure": "net_spend"}], "formula": "mine", "time_role": "invoice_date",
        "lineage": ["invoices.id"], "owner": "me", **changes,
    }  # fmt: skip
    return yaml.safe_dump({"metrics": [entry]}, sort_keys=False)


def test_the_shipped_files_are_sound() -> None:
    """No findings, and the same model as the strict loader reads."""
    definitions = read_definitions()
    assert definitions.findings == []
    assert definitions.model.model_dump() == load_model().model_dump()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metrics: [", "mine.yml:1: error: this is not YAML"),
        ("- a\n", "mine.yml:1: error: a file holds sections"),
        ("\nmetrix: []\n", "mine.yml:2: error: there is no section 'metrix'. Did you mean metrics"),
        ("metrics: {a: b}\n", "mine.yml:1: error: metrics must be a list"),
        (metric_yaml(formla="x"), "mine.yml:16: error: metrics 'mine': there is no field 'formla'. Did you mean formula"),
        (metric_yaml(unit="euros"), "mine.yml:5: error: metrics 'mine': field unit"),
        (metric_yaml(parts=[{"name": "x", "measur": "y"}]), "there is no field 'parts.0.measur'. Did you mean measure"),
        (metric_yaml(parts=[{"name": "mine", "measure": "net_spendd"}]), "mine.yml:2: error: metric mine: unknown measure 'net_spendd' (did you mean net_spend"),
        (metric_yaml(formula="other"), "mine.yml:2: error: metric mine, formula: unknown part 'other'"),
        (metric_yaml(name="spend"), "error: metrics defines 'spend' twice; first in metrics/mine.yml:2"),
        (metric_yaml(synonyms=["open ap"]), "the words 'open ap' name"),
        (metric_yaml().replace("  owner: me\n", ""), "the field 'owner' is missing"),
    ],
)  # fmt: skip
def test_a_problem_is_told_with_its_line(copy: Path, text: str, says: str) -> None:
    """File, line, what is wrong and what was probably meant; the other metrics are still there."""
    definitions = written(copy, text)
    assert any(says in str(finding) for finding in definitions.findings), [str(f) for f in definitions.findings]
    assert len(set(load_model().metrics) - set(definitions.model.metrics)) <= 1
    assert "dpo_purchases" in definitions.model.metrics


def test_several_problems_are_told_at_once(copy: Path) -> None:
    """Two broken entries in two files: two findings, and both are left out."""
    (copy / "metrics" / "a.yml").write_text(metric_yaml(name="a", unit="?"), encoding="utf-8")
    definitions = written(copy, metric_yaml(name="b", kind="?"))
    assert [f.file for f in definitions.findings] == ["metrics/a.yml", "metrics/mine.yml"]
    assert not {"a", "b"} & set(definitions.model.metrics)


def test_every_metric_runs_by_every_legal_dimension(mirror: SemanticLayer) -> None:
    """The check over a small mirror, of every twelfth metric: no error."""
    definitions = read_definitions()
    found = over(mirror, definitions, *list(definitions.model.metrics)[::12])
    assert [str(f) for f in found.findings if f.severity == "error"] == []
    assert found.queries > 15 * found.metrics


def test_a_missing_column_breaks_only_what_reads_it(mirror: SemanticLayer, tmp_path: Path) -> None:
    """A mirror that lacks a column: the entity and its metrics are named, the others keep working."""
    file = tmp_path / "lacking.duckdb"
    shutil.copy(mirror.mirror.snapshot().file, file)
    with duckdb.connect(str(file)) as connection:
        connection.execute("ALTER TABLE approvals DROP COLUMN approval_at")
    lacking = SemanticLayer.load(file)
    found = over(lacking, read_definitions(), "spend", "cycle_time_approval")
    errors = [str(f) for f in found.findings if f.severity == "error"]
    assert any("entity 'approval' does not fit the mirror" in e and "approval_at" in e for e in errors)
    assert any("'cycle_time_approval' fails" in e for e in errors)
    assert not any("'spend' fails" in e for e in errors)
    assert lacking.query(MetricQuery(metrics=("spend",))).total["spend"] == Decimal(950)


def test_repeated_keys_and_orphans_are_found(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """A supplier twice, and an invoice of a supplier that is not there."""
    books.supplier(1, "Alpha again")
    books.invoice(1, "100", dated="2026-03-01", supplier=77)
    found = [str(f) for f in over(publish(books), read_definitions(), "spend").findings]
    assert any("entity 'supplier': 1 values of id repeat" in text for text in found)
    assert any("entity 'invoice': 1 rows point to a supplier that is not there" in text for text in found)


def test_age_and_expiry_are_warnings(mirror: SemanticLayer, copy: Path) -> None:
    """An old mirror and an ended certification are told, and do not fail the check."""
    definitions = written(copy, metric_yaml(review_by=dt.date(2026, 1, 31)))
    found = over(mirror, definitions, "mine")
    assert [str(f) for f in found.findings if "certification" in str(f)] == [
        "metrics/mine.yml:2: warning: the certification of 'mine' ended on 2026-01-31; ask me to review it"
    ]
    late = check(
        replace(definitions, model=definitions.model.model_copy(update={"metrics": {}})),
        mirror,
        NOW + dt.timedelta(days=3),
    )
    assert any("the mirror is 78 hours old" in str(f) for f in late.findings)
    assert found.sound


def test_a_diff_names_the_numbers_that_move(mirror: SemanticLayer, copy: Path) -> None:
    """A measure is changed: the metric whose own text did not change moves; others do not."""
    path = copy / "models" / "payables.yml"
    text = path.read_text(encoding="utf-8")
    measure = next(line for line in text.splitlines() if "{name: net_spend," in line)
    path.write_text(
        text.replace(
            measure, measure.replace("population = 'recognised'", "population = 'recognised' AND NOT is_credit_note")
        )
    )
    after = SemanticLayer(load_model(copy), mirror.mirror)
    changes = list(definition_changes(mirror.model, after.model))
    assert [(c.section, c.name, c.change, c.fields) for c in changes] == [
        ("measures", "net_spend", "changed", ("where",))
    ]
    moved = {(n.metric, n.group): (n.before, n.after) for n in number_changes(mirror, after)}
    assert moved["spend", "total"] == (Decimal(950), Decimal(1000))
    assert moved["spend", "2026-03"] == (Decimal(950), Decimal(1000))
    assert not any(metric == "open_ap" for metric, _ in moved)


def test_nothing_moves_between_equal_models(mirror: SemanticLayer, copy: Path) -> None:
    """The diff of a copy is empty."""
    same = SemanticLayer(load_model(copy), mirror.mirror)
    assert list(definition_changes(mirror.model, same.model)) == []
    assert list(number_changes(mirror, same)) == []


def example() -> str:
    """The worked example of the documents."""
    page = (ROOT / "docs" / "extending-metrics.md").read_text(encoding="utf-8")
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]


def test_the_worked_example_is_a_metric(mirror: SemanticLayer, copy: Path) -> None:
    """The block of the page, put beside the shipped files, gives the figure of its golden example; no Python changed."""
    definitions = written(copy, example(), "metrics/credit_notes.yml")
    assert definitions.findings == []
    layer = SemanticLayer(definitions.model, mirror.mirror)
    golden = definitions.model.metrics["credit_note_rate"].golden[0]
    assert layer.query(MetricQuery(metrics=("credit_note_rate",))).total["credit_note_rate"] == golden.value
    by_supplier = layer.query(MetricQuery(metrics=("credit_note_rate",), group_by=("supplier",)))
    assert by_supplier.records()[0] == {
        "supplier": "Alpha", "credit_note_rate": Decimal("0.05"), "credited": Decimal(50), "invoiced": Decimal(1000),
    }  # fmt: skip
    assert over(mirror, definitions, "credit_note_rate").sound


def test_the_editor_schema_knows_the_files() -> None:
    """Every shipped file fits the published schema, a misspelt field does not, and the files point to it."""
    validator = jsonschema.Draft202012Validator(editor_schema())
    for path in [*SHIPPED.glob("models/*.yml"), *SHIPPED.glob("metrics/*.yml")]:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(MODELINE + "../../docs/metrics.schema.json"), path.name
        content = json.loads(json.dumps(yaml.safe_load(text), default=str))
        assert list(validator.iter_errors(content)) == [], path.name
    assert list(validator.iter_errors({"metrics": [{"name": "x", "formla": "y"}]}))
    assert list(validator.iter_errors(yaml.safe_load(example()))) == []


def test_an_export_comes_back_the_same(tmp_path: Path) -> None:
    """Out to Ossie and in again: the same model, entry by entry."""
    model = load_model()
    document = yaml.safe_load(yaml.safe_dump(export(model)))
    found = read_document(document)
    assert found.left_out == ()
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "all.yml").write_text(yaml.safe_dump({k: list(v) for k, v in found.sections.items()}))
    assert load_model(tmp_path).model_dump() == model.model_dump()


def test_an_export_is_the_core_of_the_format() -> None:
    """Required fields, no others, and expressions in a dialect that the format knows."""
    document = export(load_model())
    assert {"version", "name", "datasets"} <= set(document)
    names = {dataset["name"] for dataset in document["datasets"]}
    for dataset in document["datasets"]:
        assert set(dataset) <= {"name", "source", "primary_key", "description", "fields", "custom_extensions"}
    for r in document["relationships"]:
        assert set(r) == {"name", "from", "to", "from_columns", "to_columns"}
        assert {r["from"], r["to"]} <= names
    spend = next(metric for metric in document["metrics"] if metric["name"] == "spend")
    assert spend["expression"]["dialects"] == [
        {
            "dialect": "ANSI_SQL",
            "expression": "SUM(invoice.net_reporting) FILTER(WHERE invoice.population = 'recognised')",
        }
    ]
    assert "Core cannot say it whole" in next(m for m in document["metrics"] if m["name"] == "open_ap")["description"]


def test_core_of_others_is_taken_and_the_rest_named() -> None:
    """A document of another tool: one aggregate and a ratio come in, an average and a bare column do not."""

    def metric(name: str, expression: str) -> dict[str, Any]:
        return {"name": name, "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": expression}]}}

    orders = {
        "name": "orders", "source": "shop.orders", "primary_key": ["id"],
        "fields": [{"name": "channel", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "channel"}]}}],
    }  # fmt: skip
    other = {
        "version": "0.1.1",
        "semantic_model": [
            {
                "name": "shop",
                "datasets": [orders],
                "metrics": [
                    metric("sales", "SUM(orders.amount)"),
                    metric("mean_order", "SUM(orders.amount) / COUNT(DISTINCT orders.id)"),
                    metric("average", "AVG(orders.amount)"),
                    metric("bare", "SUM(amount)"),
                ],
            }
        ],
    }
    found = read_document(other)
    assert [m["name"] for m in found.sections["metrics"]] == ["sales", "mean_order"]
    assert [m["agg"] for m in found.sections["measures"]] == ["sum", "sum", "count_distinct"]
    assert found.sections["metrics"][1]["formula"] == "mean_order_part_1 / mean_order_part_2"
    assert found.sections["entities"][0]["sql"] == "SELECT * FROM shop.orders"
    assert len(found.left_out) == 2
    assert "metric 'average'" in found.left_out[0]
    with pytest.raises(DefinitionError, match="no version"):
        read_document({"name": "x"})


def test_the_imported_model_is_sound() -> None:
    """What the strict check says of our own model after a round trip: nothing."""
    validate(load_model())
