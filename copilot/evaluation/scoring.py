"""Every turn of a bank put to a planner, its plan held against the expected one, and the points that follow.

Points after TrustSQL (arXiv 2403.15879): a wrong figure costs more than any number of refusals earns back.
"""

from __future__ import annotations

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

FIGURES = frozenset({"answer", "define", "forecast", "outflow", "scenario", "why"})
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

    @property
    def as_typed(self) -> bool:
        """Whether this is the case itself and not a paraphrase."""
        return self.wording == "as typed"


@dataclass(frozen=True)
class Scores:
    """The figures over some turns: shares are fractions, times are seconds."""

    turns: int
    points: float
    answered: float
    right_when_answered: float
    confidently_wrong: int
    refusal_recall: float
    ask_recall: float
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
        yield _scored(case, wording.name, say, turn.expect, plan, time.perf_counter() - started)
        if wording.name != "as typed":
            return


def _scored(case: Case, wording: str, say: str, expected: Expected, plan: Plan, seconds: float) -> Scored:
    does, slots = behaviour_of(plan), slots_of(plan)
    reason = plan.reason if isinstance(plan, Clarify | Refuse) else ""
    wanted = expected.slots()
    differs = tuple(name for name in SLOTS if slots.get(name) != wanted.get(name)) if does == expected.does else ()
    return Scored(
        case.id, case.section, wording, say, expected, does, reason,
        _verdict(expected, does, reason, differs), slots, differs, seconds,
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


def scores(turns: Sequence[Scored]) -> Scores:
    """The figures of some turns."""
    should_answer = [t for t in turns if t.expected.does in FIGURES]
    answered = [t for t in turns if t.does in FIGURES]
    refusals = [t for t in turns if t.expected.does == "refuse"]
    asks = [t for t in turns if t.expected.does == "ask"]
    same = [t for t in answered if t.does == t.expected.does]
    times = sorted(t.seconds for t in turns) or [0.0]
    cuts = quantiles(times, n=20) if len(times) > 1 else times * 19
    return Scores(
        turns=len(turns),
        points=sum(t.verdict.value for t in turns),
        answered=_share(should_answer, [t for t in should_answer if t in answered]),
        right_when_answered=_share(answered, [t for t in answered if t.verdict is Verdict.RIGHT]),
        confidently_wrong=sum(t.verdict is Verdict.WRONG for t in turns),
        refusal_recall=_share(refusals, [t for t in refusals if t.does in {"refuse", "ask"}]),
        ask_recall=_share(asks, [t for t in asks if t.does == "ask"]),
        needless_asks=sum(t.verdict is Verdict.ASKED_NEEDLESSLY for t in turns),
        needless_refusals=sum(t.verdict is Verdict.REFUSED_NEEDLESSLY for t in turns),
        stability=_stability(turns),
        slots={name: _share(same, [t for t in same if name not in t.differs]) for name in SLOTS},
        p50=cuts[9],
        p95=cuts[18],
    )


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
