"""Every turn of a bank put to a planner, its plan held against the expected one, and the points that follow.

Points after TrustSQL (arXiv 2403.15879): a wrong figure costs more than any number of refusals earns back. Reliability
is its score at three penalties c: per turn 1 for a right figure or a right refusal, 0 for holding back where a figure
could be had, -c for a wrong figure or one where none should have been; the mean over all turns.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import quantiles

from copilot.conversation import ThreadState, converse
from copilot.evaluation.bank import SLOTS, Bank, Case, Expected, Slots, behaviour_of, slots_of
from copilot.evaluation.paraphrases import Paraphrase, paraphrases
from copilot.planning.plan import Clarify, Clock, Plan, Refuse
from copilot.planning.planner import Planner
from semantic_layer.model import SemanticModel

FIGURES = frozenset({"answer", "define", "forecast", "outflow", "scenario", "why", "discounts", "opportunity"})
"""What counts as an answer."""


class Verdict(Enum):
    """How a turn went; the value is its points."""

    RIGHT = 1.0
    ASKED_NEEDLESSLY = -0.25
    REFUSED_NEEDLESSLY = 0.0
    OTHER_CODE = 0.5
    """Rightly asked or refused, for another reason than expected."""
    WRONG = -2.0
    """A figure with a slot that differs, or a figure where none should have been."""


@dataclass(frozen=True)
class Scored:
    """One turn of one wording of one case."""

    case: str
    section: str
    wording: str
    say: str
    expected: Expected
    does: str
    reason: str
    verdict: Verdict
    slots: Slots
    differs: tuple[str, ...]
    seconds: float
    turn: int = 0
    """Place in its thread: 0 is the question that starts it, others are follow-ups."""

    @property
    def as_typed(self) -> bool:
        """Whether this is the case itself and not a paraphrase."""
        return self.wording == "as typed"


@dataclass(frozen=True)
class Scores:
    """The figures over some turns: shares are fractions, times are seconds."""

    turns: int
    points: float
    reliability: dict[int, float]
    """TrustSQL's score by penalty; at most 1, and below 0 where silence would have been better."""
    answered: float
    right_when_answered: float
    confidently_wrong: int
    wrong_rate: float
    refusal_recall: float
    refusal_precision: float
    """Of what was refused, the share that had to be refused or asked about."""
    ask_recall: float
    ask_precision: float
    """Of what was asked back, the share that had to be asked about or refused."""
    follow_ups: float
    """Share of follow-ups in threads that were right."""
    needless_asks: int
    needless_refusals: int
    stability: float
    slots: dict[str, float]
    p50: float
    p95: float


def evaluate(bank: Bank, planner: Planner, model: SemanticModel, clock: Clock, *, vary: bool = True) -> list[Scored]:
    """All turns of all cases, as typed and (with `vary`) in every paraphrase."""
    found: list[Scored] = []
    for case in bank.cases:
        found += _thread(case, Paraphrase("as typed", case.turns[0].say), planner, clock)
        if vary:
            plan = planner.plan(case.turns[0].say, clock)
            for other in paraphrases(case.turns[0].say, plan, model):
                found += _thread(case, other, planner, clock)
    return found


def _thread(case: Case, wording: Paraphrase, planner: Planner, clock: Clock) -> Iterable[Scored]:
    """The turns of one case, the first in the wording given; of a paraphrase only the first is scored."""
    state = ThreadState()
    for number, turn in enumerate(case.turns):
        say = wording.text if number == 0 else turn.say
        started = time.perf_counter()
        plan, state = converse(state, say, planner, clock)
        yield _scored(case, wording.name, say, turn.expect, plan, time.perf_counter() - started, number)
        if wording.name != "as typed":
            return


def _scored(case: Case, wording: str, say: str, expected: Expected, plan: Plan, seconds: float, number: int) -> Scored:
    does, slots = behaviour_of(plan), slots_of(plan)
    reason = plan.reason if isinstance(plan, Clarify | Refuse) else ""
    wanted = expected.slots()
    differs = tuple(name for name in SLOTS if slots.get(name) != wanted.get(name)) if does == expected.does else ()
    return Scored(
        case.id, case.section, wording, say, expected, does, reason,
        _verdict(expected, does, reason, differs), slots, differs, seconds, number,
    )  # fmt: skip


def _verdict(expected: Expected, does: str, reason: str, differs: Sequence[str]) -> Verdict:
    if does == expected.does:
        if does in {"ask", "refuse"}:
            return Verdict.RIGHT if expected.reason in {None, reason} else Verdict.OTHER_CODE
        return Verdict.WRONG if differs else Verdict.RIGHT
    if does == "ask":
        return Verdict.OTHER_CODE if expected.does == "refuse" else Verdict.ASKED_NEEDLESSLY
    if does == "refuse":
        return Verdict.OTHER_CODE if expected.does == "ask" else Verdict.REFUSED_NEEDLESSLY
    return Verdict.WRONG


PENALTIES = (0, 1, 10)
"""What a wrong figure costs in the three scores of reliability."""
_HELD_BACK = frozenset({"refuse", "ask"})


def scores(turns: Sequence[Scored]) -> Scores:
    """The figures of some turns."""
    should_answer = [t for t in turns if t.expected.does in FIGURES]
    answered = [t for t in turns if t.does in FIGURES]
    should_hold = [t for t in turns if t.expected.does in _HELD_BACK]
    refusals, asks = ([t for t in should_hold if t.expected.does == does] for does in ("refuse", "ask"))
    refused, asked = ([t for t in turns if t.does == does] for does in ("refuse", "ask"))
    same = [t for t in answered if t.does == t.expected.does]
    later = [t for t in turns if t.turn > 0]
    wrong = sum(t.verdict is Verdict.WRONG for t in turns)
    times = sorted(t.seconds for t in turns) or [0.0]
    cuts = quantiles(times, n=20) if len(times) > 1 else times * 19
    return Scores(
        turns=len(turns),
        points=sum(t.verdict.value for t in turns),
        reliability={c: sum(_trusted(t, c) for t in turns) / (len(turns) or 1) for c in PENALTIES},
        answered=_share(should_answer, [t for t in should_answer if t.does in FIGURES]),
        right_when_answered=_share(answered, [t for t in answered if t.verdict is Verdict.RIGHT]),
        confidently_wrong=wrong,
        wrong_rate=wrong / (len(turns) or 1),
        refusal_recall=_share(refusals, [t for t in refusals if t.does in _HELD_BACK]),
        refusal_precision=_share(refused, [t for t in refused if t.expected.does in _HELD_BACK]),
        ask_recall=_share(asks, [t for t in asks if t.does == "ask"]),
        ask_precision=_share(asked, [t for t in asked if t.expected.does in _HELD_BACK]),
        follow_ups=_share(later, [t for t in later if t.verdict is Verdict.RIGHT]),
        needless_asks=sum(t.verdict is Verdict.ASKED_NEEDLESSLY for t in turns),
        needless_refusals=sum(t.verdict is Verdict.REFUSED_NEEDLESSLY for t in turns),
        stability=_stability(turns),
        slots={name: _share(same, [t for t in same if name not in t.differs]) for name in SLOTS},
        p50=cuts[9],
        p95=cuts[18],
    )


def _trusted(turn: Scored, penalty: int) -> float:
    """One turn's part of TrustSQL's score."""
    if turn.verdict is Verdict.WRONG:
        return -penalty
    if turn.expected.does in _HELD_BACK:
        return 1 if turn.does in _HELD_BACK else -penalty
    return 1 if turn.verdict is Verdict.RIGHT else 0


def repeat_stability(bank: Bank, planner: Planner, clock: Clock, times: int) -> float:
    """Share of questions as typed that become the very same plan each of `times` times."""
    same = [len({_hash(planner.plan(case.turns[0].say, clock)) for _ in range(times)}) <= 1 for case in bank.cases]
    return sum(same) / len(same) if same else 1.0


def _hash(plan: Plan) -> str:
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()


def _stability(turns: Sequence[Scored]) -> float:
    """Share of paraphrases that become what the question as typed became."""
    typed: dict[str, Scored] = {}
    for turn in turns:
        if turn.as_typed:
            typed.setdefault(turn.case, turn)
    varied = [t for t in turns if not t.as_typed and t.case in typed]
    return _share(varied, [t for t in varied if (t.does, t.slots) == (typed[t.case].does, typed[t.case].slots)])


def _share(whole: Sequence[Scored], part: Sequence[Scored]) -> float:
    return len(part) / len(whole) if whole else 1.0
