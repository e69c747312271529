"""Whoever may see one entity and no supplier gets just that, on every surface: answers, questions back, lists, files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.errors import EvidenceMissingError, PolicyError
from copilot.evidence import load
from copilot.layer_opening import open_layer
from copilot.rendering.terminal import render
from copilot.settings import Settings
from copilot.state.store import open_store
from copilot.surfaces.cli import app
from semantic_layer import RecordQuery, SemanticLayer, UnknownNameError
from semantic_layer.errors import NotPermittedError

OURS = "Quellmark Deutschland GmbH"
POLICIES = f"""
viewers:
  - name: german team
    rows: [{{field: buying_entity, op: in, values: ["{OURS}"]}}]
  - name: german intern
    rows: [{{field: buying_entity, op: in, values: ["{OURS}"]}}]
    hidden: [supplier]
  - name: group
"""
QUESTIONS = (
    "What's our DPO?",
    "spend by buying entity",
    "open ap by supplier",
    "top 10 suppliers by spend this year",
    "spend by region, last four quarters",
    "spend for {other}",
    "spend with {vendor}",
    "spend with {slip}",
    "open ap in 2019",
    "What's our exposure?",
    "why did DPO change last quarter",
    "best suppliers",
    "cash forecast for the next four weeks",
    "projected DPO next quarter",
    "what if we pay Deutschland ten days later",
    "DSO by entity",
    "spend by parent",
    "ap ageing by buying entity",
    "grni",
    "what does dpo mean",
    "spend by gl account",
)


@pytest.fixture(scope="module")
def settings(mirror_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A state store of its own, and the policies."""
    home = tmp_path_factory.mktemp("viewers")
    (home / "policies.yml").write_text(POLICIES)
    return Settings(mirror=mirror_folder, state_url=f"sqlite:///{home}/state.db", policies=home / "policies.yml")


def seen_by(settings: Settings, viewer: str | None) -> Settings:
    """The settings with somebody who asks."""
    return settings.model_copy(update={"viewer": viewer})


@pytest.fixture(scope="module")
def engines(settings: Settings, company_today: date) -> Iterator[dict[str, Engine]]:
    """One engine for each viewer."""
    found = {
        name: Engine.open(seen_by(settings, name), today=company_today)
        for name in ("german team", "german intern", "group")
    }
    yield found
    for engine in found.values():
        engine.close()


def forbidden(layer: SemanticLayer, seen: SemanticLayer) -> set[str]:
    """Names of entities and suppliers that a viewer may not see, in capitals."""
    names = ("buying_entity", "supplier", "parent", "category")
    every = {name.upper() for dimension in names[:3] for name, _ in layer.values(dimension)}
    return every - {name.upper() for dimension in names for name, _ in seen.values(dimension)}


@pytest.mark.parametrize("viewer", ["german team", "german intern"])
def test_no_name_that_is_hidden_is_in_any_answer(layer: SemanticLayer, engines: dict[str, Engine], viewer: str) -> None:
    """Answers, refusals, questions back with their previews, follow-ups: as JSON, as printed, and as kept for later."""
    engine = engines[viewer]
    secret = forbidden(layer, engine.layer)
    assert len(secret) > 20
    other = "Quellmark Brasil Ltda"
    vendor = max((n for n, _ in layer.values("supplier") if n.upper() in secret), key=len)
    statuses = []
    for text in QUESTIONS:
        question = text.format(other=other, vendor=vendor, slip=vendor[:-2])
        answer = engine.ask(question, "one thread")
        shown = answer.model_dump(mode="json")
        told = (json.dumps(shown, ensure_ascii=False) + _printed(answer)).upper()
        for words in (
            question,
            *(piece["words"] for piece in (shown["plan"] or {}).get("coverage", ()) if piece.get("words")),
        ):
            told = told.replace(words.upper(), "")
        leaked = {name for name in secret if name in told and name not in question.upper()}
        assert not leaked, f"{question!r} told {sorted(leaked)[:5]}"
        statuses.append(answer.status)
    assert statuses.count("answered") >= 5, "a viewer who is told nothing proves nothing"


def _printed(answer: object) -> str:
    from rich.console import Console  # noqa: PLC0415 (one test needs it)

    console = Console(width=200, record=True, quiet=True)
    console.print(render(answer))  # type: ignore[arg-type]
    return console.export_text()


def test_figures_are_those_of_ones_own_rows(engines: dict[str, Engine]) -> None:
    """What the team is told without saying whose is what the group is told about the team's entity."""
    for figure in ("spend last quarter", "What's our DPO?", "open ap"):
        ours = engines["german team"].ask(figure, "own")
        asked = engines["group"].ask(f"{figure.rstrip('?')} for {OURS}", "of them")
        assert ours.headline is not None
        assert asked.headline is not None
        assert ours.headline.value == asked.headline.value


def test_a_hidden_field_is_refused_and_not_offered(engines: dict[str, Engine]) -> None:
    """Asked by supplier, the intern hears no; no way out leads there either."""
    answer = engines["german intern"].ask("open ap by supplier")
    assert answer.status == "refused"
    assert answer.reason == "NOT_PERMITTED"
    refused = engines["german intern"].ask("spend by ageing bucket")
    assert refused.status == "refused"
    assert "supplier" not in json.dumps([c.model_dump(mode="json") for c in refused.choices]).lower()


def test_the_first_day_of_others_is_not_told(layer: SemanticLayer, engines: dict[str, Engine]) -> None:
    """The refusal of a day before the data names the viewer's own first day."""
    seen = engines["german team"].layer
    first = min(row[0] for row in seen.records(RecordQuery(entity="invoice", columns=("invoice_date",))).rows)
    earliest = min(row[0] for row in layer.records(RecordQuery(entity="invoice", columns=("invoice_date",))).rows)
    assert earliest < first, "the company must begin elsewhere for this to show anything"
    told = engines["german team"].ask("open ap in 2019").model_dump_json()
    assert first.isoformat() in told
    assert earliest.isoformat() not in told


def test_nobody_goes_on_in_a_conversation_of_other_rights(engines: dict[str, Engine]) -> None:
    """The same thread name is another conversation: "and by quarter?" has nothing before it."""
    engines["group"].ask("spend for Quellmark Brasil Ltda", "shared")
    assert "Brasil" not in engines["german team"].ask("and by quarter?", "shared").model_dump_json()


def test_evidence_of_other_rights_cannot_be_replayed(engines: dict[str, Engine], settings: Settings) -> None:
    """The pack shows what was shown: only who has the same rights gets it; the owner still does."""
    answer = engines["group"].ask("spend by buying entity")
    own = engines["german team"].ask("spend by buying entity")
    with open_store(settings) as store:
        packs = [load(store, found.evidence_id) for found in (answer, own)]
    with pytest.raises(EvidenceMissingError):
        engines["german team"].replay(packs[0])
    with pytest.raises(EvidenceMissingError):
        engines["group"].replay(packs[1])
    assert engines["german team"].replay(packs[1]).table == own.table


def test_where_there_are_policies_nobody_comes_in_without_a_name(settings: Settings, tmp_path: Path) -> None:
    """No viewer, a misspelt one, a viewer without a file, a file that is none: nothing opens, and the way out is told."""
    with pytest.raises(PolicyError, match="TENOR_VIEWER: german intern, german team, group"):
        open_layer(settings)
    with pytest.raises(PolicyError, match="Did you mean german team"):
        open_layer(seen_by(settings, "german taem"))
    with pytest.raises(PolicyError, match="TENOR_POLICIES"):
        open_layer(settings.model_copy(update={"policies": None, "viewer": "group"}))
    for content in ("viewers: [", "viewers: [{name: a}, {name: a}]", "viewers: [{nam: a}]", "[]"):
        broken = tmp_path / "policies.yml"
        broken.write_text(content)
        with pytest.raises(PolicyError, match=r"policies\.yml"):
            open_layer(settings.model_copy(update={"policies": broken, "viewer": "a"}))
    typo = tmp_path / "policies.yml"
    typo.write_text("viewers: [{name: a, hidden: [suplier]}]")
    with pytest.raises(UnknownNameError, match="Did you mean supplier"):
        open_layer(settings.model_copy(update={"policies": typo, "viewer": "a"}))


def test_the_commands_hold_to_it_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tenor ask` and `tenor explore` read the same settings; a query of one's own sees one's own rows."""
    monkeypatch.setenv("TENOR_POLICIES", str(settings.policies))
    monkeypatch.setenv("TENOR_MIRROR", str(settings.mirror))
    monkeypatch.setenv("TENOR_STATE_URL", settings.state_url)
    runner = CliRunner()
    assert "TENOR_VIEWER" in runner.invoke(app, ["ask", "What's our DPO?"]).output
    monkeypatch.setenv("TENOR_VIEWER", "german intern")
    told = runner.invoke(app, ["ask", "spend by buying entity", "--json", "--today", "2026-11-22"]).output
    assert OURS in told
    assert "Brasil" not in told
    monkeypatch.setenv("TENOR_VIEWER", "german team")
    listed = runner.invoke(app, ["explore", "SELECT DISTINCT buying_entity FROM invoice", "--csv"]).output
    assert listed.split("\n")[1:-1] == [OURS]
    with pytest.raises(NotPermittedError):
        open_layer(seen_by(settings, "german intern")).records(RecordQuery(entity="invoice", columns=("supplier",)))
