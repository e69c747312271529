"""The bank of questions is read as it says, the scoring punishes what it should, and other wordings change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.errors import QuestionBankError
from copilot.evaluation.bank import Bank, Case, Expected, QuestionTurn, load_bank
from copilot.evaluation.paraphrases import paraphrases
from copilot.evaluation.report import as_json, lines, page
from copilot.evaluation.scoring import Verdict, evaluate, scores
from copilot.planning.plan import Clock
from copilot.planning.rule_planner import RulePlanner

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(scope="session")
def bank() -> Bank:
    """The bank that ships with the benchmarks."""
    return load_bank(ROOT / "benchmarks" / "questions.yml")


def one(expected: Expected, say: str) -> Bank:
    """A bank of one question."""
    return Bank(cases=(Case(id="1", section="s", turns=(QuestionTurn(say=say, expect=expected),)),))


def test_the_bank_is_read_and_nothing_is_read_wrongly(bank: Bank, planner: RulePlanner, clock: Clock) -> None:
    """No figure is confidently wrong in any wording; what must be refused or asked is; nearly all is answered."""
    turns = evaluate(bank, planner, planner.layer.model, clock)
    wrong = [(t.case, t.say, t.differs) for t in turns if t.verdict is Verdict.WRONG]
    assert wrong == []
    found = scores(turns)
    assert found.turns > 1000
    assert found.answered >= 0.95
    assert found.refusal_recall == 1
    assert found.ask_recall == 1
    assert found.stability >= 0.99


@pytest.mark.parametrize(
    ("expected", "say", "verdict", "differs"),
    [
        (Expected(metrics="spend"), "spend by region", Verdict.WRONG, ("by",)),
        (Expected(metrics="open_ap"), "spend", Verdict.WRONG, ("metrics",)),
        (Expected(does="refuse"), "spend", Verdict.WRONG, ()),
        (Expected(metrics="spend"), "spend by moon phase", Verdict.REFUSED_NEEDLESSLY, ()),
        (Expected(metrics="spend"), "best suppliers", Verdict.ASKED_NEEDLESSLY, ()),
        (Expected(does="refuse", reason="LEGAL_LIMIT"), "dpo by moon phase", Verdict.OTHER_CODE, ()),
        (Expected(metrics="spend", by="region"), "spend by region", Verdict.RIGHT, ()),
    ],
)
def test_verdicts(
    planner: RulePlanner, clock: Clock, expected: Expected, say: str, verdict: Verdict, differs: tuple[str, ...]
) -> None:
    """A dropped slot is wrong, not nearly right; caution is never worse than a wrong figure."""
    turn = evaluate(one(expected, say), planner, planner.layer.model, clock, vary=False)[0]
    assert (turn.verdict, turn.differs) == (verdict, differs)


def test_paraphrases_are_other_wordings(planner: RulePlanner, clock: Clock) -> None:
    """None repeats another or the question; numbers, quarters, order, slips and synonyms are all varied."""
    question = "missed discounts over 50k by supplier in Q3"
    found = list(paraphrases(question, planner.plan(question, clock), planner.layer.model))
    texts = [p.text for p in found]
    assert len(set(texts)) == len(texts)
    assert question not in texts
    assert {"bare", "shouted", "polite", "number", "quarter", "loan word"} <= {p.name for p in found}


def test_reports_name_the_failure(planner: RulePlanner, clock: Clock) -> None:
    """The failure, its cause and hostile text are in every form of the report, the text escaped on the page."""
    turns = evaluate(
        one(Expected(metrics="open_ap"), "spend <script>"), planner, planner.layer.model, clock, vary=False
    )
    turns += evaluate(one(Expected(metrics="open_ap"), "spend"), planner, planner.layer.model, clock, vary=False)
    assert "metrics: ('open_ap',) became ('spend',)" in "\n".join(lines(turns))
    assert json.loads(json.dumps(as_json(turns), default=str))["failures"][1]["verdict"] == "wrong"
    shown = page(turns)
    assert "<script>" not in shown
    assert "spend &lt;script&gt;" in shown


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cases: [", "not YAML"),
        ("cases: [{id: a, section: s, turns: []}]", "cases.0.turns"),
        ("cases: [{id: a, section: s, turns: [{say: x, expect: {metric: spend}}]}]", "metric"),
        (
            "cases: [{id: a, section: s, turns: [{say: x, expect: {}}]}, {id: a, section: s, turns: [{say: y, expect: {}}]}]",
            "used twice",
        ),
    ],
)
def test_a_broken_bank_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    """The file, the place and the rule are named."""
    path = tmp_path / "bank.yml"
    path.write_text(text)
    with pytest.raises(QuestionBankError, match=says):
        load_bank(path)
    with pytest.raises(QuestionBankError, match="cannot be read"):
        load_bank(tmp_path / "none.yml")
