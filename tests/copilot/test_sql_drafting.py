"""A language model drafts a SELECT over real HTTP: guarded, labelled, names kept at home, and nothing else ever runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from copilot.engine import Engine
from copilot.planning.sql_drafting import draft_asked
from copilot.scripted_endpoint import ScriptedEndpoint, fails, says
from copilot.settings import Settings

GOOD = "SELECT status, count(*) AS invoices FROM invoice GROUP BY ALL ORDER BY 2 DESC, 1"
ASKED = "draft SQL for invoices by status"
Open = Callable[..., Engine]


def answer(sql: str, *, possible: bool = True) -> str:
    """What the model says."""
    return json.dumps({"possible": possible, "sql": sql})


@pytest.fixture
def opened(mirror_folder: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens engines on Sunday 22 November 2026 that let people explore, with a model at an address or without."""
    engines: list[Engine] = []

    def make(endpoint: ScriptedEndpoint | None, **more: Any) -> Engine:
        model = {"model_base_url": endpoint.url, "model_name": "tiny", "model_api_key": "k"} if endpoint else {}
        base = {"mirror": mirror_folder, "state_url": f"sqlite:///{tmp_path}/state.db", "exploration": True}
        engines.append(Engine.open(Settings(**{**base, **model, **more}, _env_file=None), today=date(2026, 11, 22)))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        (ASKED, "invoices by status"),
        ("Please write me a query that counts invoices per weekday", "counts invoices per weekday"),
        ("write a SELECT: late invoices", "late invoices"),
        ("SQL: payments per user", "payments per user"),
        ("explore: suppliers without a country", "suppliers without a country"),
        ("What's our DPO?", None),
        ("show me the sequel", None),
        ("draft an email to Acme", None),
        ("query the overdue invoices", None),
    ],
)
def test_a_draft_is_asked_for_in_so_many_words(question: str, wanted: str | None) -> None:
    """Everything else stays a question for vetted metrics."""
    assert draft_asked(question) == wanted


def test_a_draft_runs_guarded_and_is_labelled(opened: Open) -> None:
    """The rows of the SELECT, who drafted it, no headline, no figure in the text, a metric offered for review."""
    with ScriptedEndpoint(says(answer(GOOD))) as endpoint:
        engine = opened(endpoint)
        found = engine.ask(ASKED)
        by_hand = engine.ask(GOOD)
    assert (found.status, found.trust, found.headline) == ("answered", "exploratory", None)
    assert found.table is not None
    assert by_hand.table is not None
    assert found.table.rows == by_hand.table.rows
    assert "the language model tiny drafted this SQL" in found.caveats[0]
    assert "the drafted SELECT" in found.narrative.replace("The drafted", "the drafted")
    assert not any(character.isdigit() for character in found.narrative)
    assert [action["kind"] for action in found.actions] == ["propose_metric"]
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "bad",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "DROP TABLE invoice",
        "SELECT secret FROM passwords",
        "",
        "SELECT 1; SELECT 2",
    ],
)
def test_what_the_guard_refuses_is_put_right_or_refused(opened: Open, bad: str) -> None:
    """One repair, told why; a second bad draft runs nothing."""
    with ScriptedEndpoint(says(answer(bad)), says(answer(GOOD))) as endpoint:
        assert opened(endpoint).ask(ASKED).status == "answered"
        assert "That does not pass" in json.dumps(endpoint.asked[1])
    with ScriptedEndpoint(says(answer(bad))) as endpoint:
        refused = opened(endpoint).ask(ASKED)
        assert (refused.status, refused.reason, refused.sql) == ("refused", "MISSING_INPUT", ())
        assert refused.narrative.startswith("The language model wrote nothing that may run")
        assert len(endpoint.asked) == 2


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (says("I would love to help!"), "its answer was no SELECT"),
        (says(answer("", possible=False)), "cannot answer this"),
        (fails(500), "HTTP 500"),
    ],
)
def test_a_model_without_a_draft_is_said(opened: Open, step: Any, why: str) -> None:
    """Prose, a plain no, a failing server: one sentence, nothing runs."""
    with ScriptedEndpoint(step) as endpoint:
        refused = opened(endpoint).ask(ASKED)
    assert (refused.status, refused.table) == ("refused", None)
    assert why in refused.narrative


def test_names_stay_at_home_and_come_back(opened: Open) -> None:
    """A supplier leaves as a code name and is in the SELECT that runs; no other value of the data leaves at all."""
    engine = opened(None)
    name = next(
        name for name, _ in engine.layer.values("supplier") if name.isascii() and '"' not in name and len(name) > 8
    )

    def sql_with_the_code(exchange: Any) -> None:
        text = exchange.body["messages"][-1]["content"]
        code = next(word for word in text.split() if word.startswith("SUPPLIER_"))
        says(answer(f"SELECT id FROM supplier WHERE name = '{code}'"))(exchange)

    with ScriptedEndpoint(sql_with_the_code) as endpoint:
        found = opened(endpoint).ask(f"draft SQL for the id of {name}")
        sent = json.dumps(endpoint.asked)
    assert found.table is not None
    assert len(found.table.rows) == 1
    assert name in found.sql[0]
    assert name not in sent
    others = [value for value, _ in engine.layer.values("supplier") if len(value) > 8]
    assert not [value for value in others if json.dumps(value)[1:-1] in sent]


def test_without_a_model_or_the_setting_there_is_no_draft(opened: Open) -> None:
    """The missing setting is named; where exploring is off, the model is not asked for SQL."""
    refused = opened(None).ask(ASKED)
    assert (refused.status, refused.reason) == ("refused", "MISSING_INPUT")
    assert "TENOR_MODEL_BASE_URL" in refused.narrative
    with ScriptedEndpoint(says(answer(GOOD))) as endpoint:
        off = opened(endpoint, exploration=False).ask(ASKED)
        assert off.trust != "exploratory"
        assert "SELECT in the SQL of DuckDB" not in json.dumps(endpoint.asked)


def test_the_model_sees_no_more_than_the_viewer(opened: Open, tmp_path: Path) -> None:
    """Columns that show a hidden field are not among those it is told."""
    policies = tmp_path / "people.yml"
    policies.write_text("viewers:\n  - name: auditor\n    hidden: [supplier]\n", encoding="utf-8")
    with ScriptedEndpoint(says(answer(GOOD))) as endpoint:
        opened(endpoint, policies=policies, viewer="auditor").ask("draft SQL for suppliers and their names")
        told = endpoint.asked[0]["messages"][0]["content"]
    line = next(line for line in told.splitlines() if line.startswith("- supplier:"))
    assert " name" not in line
    assert "country_code" in line
