"""Whole turns: a question in words against figures computed without our SQL, and what may go wrong on the way."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from copilot.engine import Engine
from copilot.evidence import compare, load
from copilot.settings import Settings
from copilot.state.store import StateStore
from semantic_layer import MirrorMissingError
from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company

_TESTS = str(Path(__file__).parents[1])
if _TESTS not in sys.path:
    sys.path.append(_TESTS)

from oracle import figures  # noqa: E402
from oracle.books import Books, open_books  # noqa: E402
from oracle.pages import read_company  # noqa: E402
from oracle.periods import Span  # noqa: E402

SEED = 7


@pytest.fixture(scope="module")
def books(company_today: date) -> Books:
    """The tiny company, read raw over HTTP into plain Python."""
    company = build_company("tiny", SEED, company_today)
    return open_books(read_company(create_app(company, rate_limit=False)), company_today - timedelta(days=1))


@pytest.fixture
def settings(mirror_folder: Path, tmp_path: Path) -> Settings:
    """The shared mirror with a state store of the test's own."""
    return Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path}/state.db", _env_file=None)


@pytest.fixture
def engine(settings: Settings, company_today: date) -> Iterator[Engine]:
    """An engine on Sunday 22 November 2026."""
    opened = Engine.open(settings, today=company_today)
    yield opened
    opened.close()


def spans(first: str, last: str) -> Span:
    """A span of the oracle from two ISO dates."""
    return Span(date.fromisoformat(first), date.fromisoformat(last))


def test_what_is_our_dpo(engine: Engine, books: Books) -> None:
    """The headline equals the oracle to 0.01 days; the first sentence holds the figure."""
    answer = engine.ask("What's our DPO?")

    expected = figures.dpo_purchases(books, spans("2026-11-21", "2026-11-21"))
    assert answer.status == "answered"
    assert answer.headline is not None
    assert answer.headline.value == pytest.approx(float(expected), abs=0.005)
    assert f"{float(expected):.1f} days" in answer.narrative
    assert all(check.passed for check in answer.checks)


def test_dpo_by_region_last_four_quarters(engine: Engine, books: Books) -> None:
    """Sixteen cells, each the oracle's DPO of that region at that quarter's end."""
    answer = engine.ask("DPO by region, last four quarters")

    assert answer.table is not None
    names = [column.name for column in answer.table.columns]
    ends = {"2025-Q4": "2025-12-31", "2026-Q1": "2026-03-31", "2026-Q2": "2026-06-30", "2026-Q3": "2026-09-30"}
    regions = books.by("region")
    assert len(answer.table.rows) == len(ends) * len(regions)
    for row in answer.table.rows:
        cell = dict(zip(names, row, strict=True))
        day = ends[str(cell["quarter"])]
        expected = figures.dpo_purchases(regions[str(cell["region"])], spans(day, day))
        assert cell["dpo_purchases"] == pytest.approx(float(expected), abs=0.005), cell
    assert answer.chart is not None


def test_top_suppliers_by_missed_discounts(engine: Engine, books: Books) -> None:
    """Ten rows, the oracle's ten largest, each to the cent."""
    answer = engine.ask("top 10 suppliers by missed discounts this year")

    year = spans("2026-01-01", "2026-11-21")
    missed = {name: figures.discount_missed(own, year) for name, own in books.by("supplier").items()}
    ranked = sorted(missed.values(), reverse=True)[:10]
    assert answer.table is not None
    shown = [(str(row[0]), row[1]) for row in answer.table.rows]
    assert [float(str(value)) for _, value in shown] == pytest.approx([float(v) for v in ranked], abs=0.0051)
    for name, value in shown:
        assert float(str(value)) == pytest.approx(float(missed[name]), abs=0.0051)
    assert answer.table.row_count == sum(1 for value in missed.values() if value)


def test_the_share_that_is_asked_for_comes_first(engine: Engine, books: Books) -> None:
    """Germany's part of all open payables, not the whole; none where it has none."""
    answer = engine.ask("Germany's share of open AP")

    day = spans("2026-11-21", "2026-11-21")
    whole = figures.open_ap(books, day)
    part = figures.open_ap(books.by("entity_country")["Germany"], day)
    assert answer.headline is not None
    assert answer.headline.value == pytest.approx(float(part / whole), abs=1e-6)
    assert answer.narrative.startswith(f"Germany accounts for {100 * part / whole:.1f}% of the total. Open payables")
    assert all(check.passed for check in answer.checks)


def test_projected_dpo_starts_from_the_actual(engine: Engine, books: Books) -> None:
    """The projection opens at the oracle's DPO, has a range around its median, names its seed and ties its checks."""
    answer = engine.ask("projected DPO next quarter")

    expected = figures.dpo_purchases(books, spans("2026-11-21", "2026-11-21"))
    headline = answer.headline
    assert headline is not None
    assert headline.previous == pytest.approx(float(expected), abs=0.01)
    assert isinstance(headline.low, float)
    assert isinstance(headline.high, float)
    assert isinstance(headline.value, float)
    assert headline.low < headline.value < headline.high
    assert headline.as_of == "2027-03-31"
    assert answer.assumptions
    again = engine.ask("projected DPO next quarter")
    assert again.headline == headline


def test_follow_ups_in_a_thread_survive_a_restart(settings: Settings, company_today: date) -> None:
    """DPO -> and by region -> (another process) -> same for Q2."""
    first = Engine.open(settings, today=company_today)
    first.ask("dpo?", thread="t")
    first.ask("and by region?", thread="t")
    first.close()
    second = Engine.open(settings, today=company_today)
    answer = second.ask("same for Q2", thread="t")
    second.close()

    assert answer.headline is not None
    assert answer.headline.as_of == "2026-06-30"
    assert answer.table is not None
    assert answer.table.columns[0].name == "region"


@pytest.mark.parametrize(
    ("question", "status", "reason"),
    [
        ("What is our hurdle rate?", "refused", "NEEDS_EXTERNAL_DATA"),
        ("dpo by gl account", "refused", "ILLEGAL_GROUPING"),
        ("spend by ageing bucket", "refused", "ILLEGAL_GROUPING"),
        ("open ap in 2019", "refused", "NO_SNAPSHOT"),
        ("dpo for Unobtainium Trading", "refused", None),
        ("What's our exposure?", "clarify", "AMBIGUOUS_METRIC"),
        ("'; DROP TABLE invoices; --", "refused", "UNMAPPED_WORDS"),
        ("", "refused", "UNMAPPED_WORDS"),
        ("dpo " * 3000, "refused", "TOO_LARGE"),
    ],
)
def test_no_figure_where_there_is_none(engine: Engine, question: str, status: str, reason: str | None) -> None:
    """A refusal and a question back carry no headline, no rows, no chart and no SQL; the tables stand."""
    answer = engine.ask(question)

    assert answer.status == status
    assert reason is None or answer.reason == reason
    assert (answer.headline, answer.table, answer.chart, answer.sql) == (None, None, None, ())
    assert engine.ask("what's our dpo?").status == "answered"


def test_what_cannot_be_carried_out_leaves_the_thread(engine: Engine) -> None:
    """A median has no parts; the next follow-up edits the answer before, and "those" are the rows that it showed."""
    engine.ask("approval time by entity in October", thread="left")
    assert engine.ask("why", thread="left").status == "refused"
    again = engine.ask("last quarter instead", thread="left")
    assert (again.plan["kind"], again.plan["query"]["group_by"]) == ("metric", ["buying_entity"])
    shown = engine.ask("top 3 suppliers by open AP", thread="left")
    assert shown.table is not None
    theirs = engine.ask("and their dpo", thread="left")
    assert theirs.table is not None
    assert {row[0] for row in theirs.table.rows} <= {row[0] for row in shown.table.rows}
    assert theirs.caveats[0].startswith("Changed: now DPO; only supplier")


def test_every_follow_up_and_choice_can_be_asked(engine: Engine) -> None:
    """What an answer offers next is answered, in its thread."""
    for question in (
        "What's our DPO?",
        "spend by category this year",
        "projected DPO next quarter",
        "What's our exposure?",
    ):
        answer = engine.ask(question, thread="offers")
        for offer in (*answer.follow_ups, *(choice.question for choice in answer.choices)):
            thread = f"{question}-{offer}"
            engine.ask(question, thread=thread)
            assert engine.ask(offer, thread=thread).status == "answered", offer


def test_the_evidence_replays_to_the_same_answer(engine: Engine, settings: Settings) -> None:
    """A stored answer is found by its id, and running its plan again changes nothing."""
    answer = engine.ask("open AP by region")
    with StateStore.open(settings.state_url) as store:
        pack = load(store, answer.evidence_id)

    comparison = compare(pack, engine.replay(pack))
    assert comparison.same_mirror
    assert comparison.identical, comparison.differences


def test_a_missing_mirror_is_one_plain_sentence(tmp_path: Path) -> None:
    """The way out is named."""
    settings = Settings(mirror=tmp_path / "none", state_url=f"sqlite:///{tmp_path}/s.db", _env_file=None)
    with pytest.raises(MirrorMissingError, match="tenor-sync once"):
        Engine.open(settings)


def test_a_mirror_replaced_while_questions_run(mirror_folder: Path, tmp_path: Path, company_today: date) -> None:
    """New versions appear under new names while four threads ask: every answer is whole, and the last version answers at the end."""
    folder = tmp_path / "mirror"
    shutil.copytree(mirror_folder, folder)
    pointer = json.loads((folder / "current.json").read_text())
    engine = Engine.open(
        Settings(mirror=folder, state_url=f"sqlite:///{tmp_path}/s.db", _env_file=None), today=company_today
    )
    figures_seen: list[Any] = []

    def ask() -> None:
        for _ in range(5):
            answer = engine.ask("open AP by region")
            figures_seen.append((answer.status, answer.headline and answer.headline.value))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        name = f"mirror-new-{number}.duckdb"
        shutil.copy(folder / pointer["file"], folder / name)
        staged = folder / "next.json"
        staged.write_text(json.dumps({**pointer, "file": name}))
        staged.replace(folder / "current.json")
    for thread in threads:
        thread.join()

    assert len(set(figures_seen)) == 1
    assert figures_seen[0][0] == "answered"
    assert engine.layer.mirror.snapshot().file.name == "mirror-new-3.duckdb"
    engine.close()


def test_an_old_mirror_says_so_first(settings: Settings) -> None:
    """Ten days without a sync stand in front of the caveats."""
    late = Engine.open(settings, today=date(2026, 12, 1))
    assert "10 days before today" in late.ask("what's our dpo?").caveats[0]
    late.close()


def test_names_in_the_data_are_data(engine: Engine) -> None:
    """A supplier called like an order is listed, quoted, and changes nothing."""
    answer = engine.ask("open AP by supplier")

    assert answer.table is not None
    names = [str(row[0]) for row in answer.table.rows]
    assert len(names) == answer.table.row_count or answer.table.truncated
    assert engine.ask("what's our dpo?").headline == engine.ask("what's our dpo?").headline


def test_a_mirror_that_differs_from_coupa_is_not_trusted(engine: Engine) -> None:
    """Drift of control totals stands first among the caveats and takes the badge away; agreement says nothing."""
    from copilot.engine import _with_drift  # noqa: PLC0415 - the caveat by itself

    answer = engine.ask("What's our DPO?")
    assert answer.freshness is not None
    assert not any("control totals" in caveat for caveat in answer.caveats)
    drifted = answer.model_copy(update={"freshness": answer.freshness.model_copy(update={"drift": 3})})
    shown = _with_drift(drifted)
    assert "3 control totals" in shown.caveats[0]
    assert shown.trust == "exploratory"
