"""The bank of questions is read as it says, the scoring punishes what it should, and other wordings change nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from copilot.answer import Answer, CheckResult
from copilot.errors import QuestionBankError
from copilot.evaluation.bank import Bank, Case, Expected, QuestionTurn, load_bank
from copilot.evaluation.paraphrases import paraphrases
from copilot.evaluation.report import Extras, as_json, causes, lines, page
from copilot.evaluation.scoring import Verdict, evaluate, repeat_stability, scores
from copilot.evaluation.whole_answers import GROUNDED, answer_all, answer_scores
from copilot.planning.plan import Clock, Plan
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


def cases(*turns: tuple[str, Expected]) -> Bank:
    """A bank of single questions."""
    made = [Case(id=str(n), section="s", turns=(QuestionTurn(say=say, expect=e),)) for n, (say, e) in enumerate(turns)]
    return Bank(cases=tuple(made))


def test_reliability_punishes_wrong_figures_and_not_silence(planner: RulePlanner, clock: Clock) -> None:
    """Two right, one held back, one wrong, one wrong where none should be: (2 + 0 - 2c) / 5; precision and recall follow."""
    bank = cases(
        ("spend by region", Expected(metrics="spend", by="region")),
        ("tell me a joke", Expected(does="refuse")),
        ("spend by moon phase", Expected(metrics="spend")),
        ("open ap", Expected(metrics="spend")),
        ("wapt", Expected(does="ask")),
    )
    found = scores(evaluate(bank, planner, planner.layer.model, clock, vary=False))
    assert found.reliability == {0: 2 / 5, 1: 0.0, 10: pytest.approx(-18 / 5)}
    assert (found.confidently_wrong, found.wrong_rate) == (2, 0.4)
    assert (found.refusal_recall, found.refusal_precision) == (1, 0.5)
    assert (found.ask_recall, found.ask_precision) == (0, 1)


def test_follow_ups_and_repeats_are_counted(planner: RulePlanner, clock: Clock) -> None:
    """One of two follow-ups is expected otherwise; the same question is the same plan each time."""
    said = (
        QuestionTurn(say="spend by region", expect=Expected(metrics="spend", by="region")),
        QuestionTurn(say="and by category?", expect=Expected(metrics="spend", by="category")),
        QuestionTurn(say="only EMEA", expect=Expected(metrics="spend", by="category")),
    )
    bank = Bank(cases=(Case(id="t", section="thread", turns=said),))
    assert scores(evaluate(bank, planner, planner.layer.model, clock, vary=False)).follow_ups == 0.5
    assert repeat_stability(bank, planner, clock, 5) == 1

    class Wavering:
        """Says something else every other time."""

        def __init__(self) -> None:
            self.times = 0

        def plan(self, _question: str, clock: Clock) -> Plan:
            """Spend, or payables."""
            self.times += 1
            return planner.plan("spend" if self.times % 2 else "open ap", clock)

    assert repeat_stability(bank, Wavering(), clock, 4) == 0  # type: ignore[arg-type]  # a planner that only plans


def test_causes_are_counted_once_each(planner: RulePlanner, clock: Clock) -> None:
    """A slot that is missing, one that nobody asked for, and a refusal instead of an answer have names of their own."""
    bank = cases(
        ("spend", Expected(metrics="spend", by="region")),
        ("spend by region", Expected(metrics="spend")),
        ("spend by moon phase", Expected(metrics="spend")),
    )
    turns = evaluate(bank, planner, planner.layer.model, clock, vary=False)
    assert list(causes(turns)) == ["added by", "answer became refuse (UNMAPPED_WORDS)", "dropped by"]
    shown = page(turns, Extras(repeats=3, repeat_stability=1.0, tokens_in=1000, tokens_out=20, cost=Decimal("0.004")))
    for text in ("dropped by: 1", "3 repeats", "1,000 tokens", "Reliability, penalty 10", "Slots"):
        assert text in shown


def test_whole_answers_are_scored() -> None:
    """Follow-ups stay in their thread; prose that was withheld and a check that failed are counted and named."""

    class Scripted:
        """One good answer, one with a stray number, one refusal, then an error."""

        def __init__(self) -> None:
            self.threads: list[str | None] = []

        def ask(self, question: str, thread: str | None = None) -> Answer:
            """By the number of the question."""
            self.threads.append(thread)
            n = len(self.threads)
            if n == 4:
                raise ValueError("broken")
            checks = (
                CheckResult(name="ties_to_total", passed=True, detail=""),
                CheckResult(name=GROUNDED, passed=n != 2, detail=""),
            )
            return Answer(
                status="refused" if n == 3 else "answered", question=question, reading="", plan={}, narrative="",
                checks=() if n == 3 else checks, evidence_id="", thread=thread or f"t{n}", took_ms=1,
            )  # fmt: skip

    turns = tuple(QuestionTurn(say=say, expect=Expected()) for say in ("a", "b"))
    bank = Bank(
        cases=(
            Case(id="1", section="s", turns=turns),
            Case(id="2", section="s", turns=turns[:1]),
            Case(id="3", section="s", turns=turns),
        )
    )
    asker = Scripted()
    found = answer_scores(*answer_all(bank, asker))
    assert asker.threads == [None, "t1", None, None]
    assert (found.answers, found.prose_exact, found.checks_passed) == (2, 0.5, 0.75)
    assert found.failed == ("ValueError: a", "prose_grounded: b")


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
