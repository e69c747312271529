"""Whole answers to the questions of a bank: is every number of the prose exact, do the checks hold, how long it takes.

A number of the prose is exact when a cell of the same answer holds it, rounded as the prose rounds; the check runs with
every answer (`prose_grounded`), and a text that fails it is withheld.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Protocol

from copilot.answer import Answer
from copilot.evaluation.bank import Bank

GROUNDED = "prose_grounded"


class Asker(Protocol):
    """Whatever answers questions, such as the engine."""

    def ask(self, question: str, thread: str | None = None) -> Answer:
        """The answer to one question in a thread."""


@dataclass(frozen=True)
class AnswerScores:
    """The figures over whole answers; times are seconds."""

    answers: int
    prose_exact: float
    """Share of answers with prose over figures in which every number and direction has a cell behind it."""
    checks_passed: float
    """Share of all checks that ran with answers."""
    failed: tuple[str, ...]
    """The check, or the kind of error, and the question of each that failed."""
    p50: float
    p95: float


def answer_all(bank: Bank, asker: Asker) -> tuple[list[tuple[Answer, float]], list[str]]:
    """Every turn of every case as typed, each case in a thread of its own: (answer, seconds), and what broke."""
    found: list[tuple[Answer, float]] = []
    broken: list[str] = []
    for case in bank.cases:
        thread = None
        for turn in case.turns:
            started = time.perf_counter()
            try:
                answer = asker.ask(turn.say, thread)
            except Exception as error:  # noqa: BLE001 (whatever a question breaks is a finding, not the end)
                broken.append(f"{type(error).__name__}: {turn.say}")
                break
            found.append((answer, time.perf_counter() - started))
            thread = answer.thread
    return found, broken


def answer_scores(found: Sequence[tuple[Answer, float]], broken: Sequence[str] = ()) -> AnswerScores:
    """The figures of some answers, and the questions that broke."""
    answered = [answer for answer, _ in found if answer.status == "answered"]
    checks = [(check, answer) for answer in answered for check in answer.checks]
    prose = [check for check, _ in checks if check.name == GROUNDED]
    times = sorted(seconds for _, seconds in found) or [0.0]
    cuts = quantiles(times, n=20) if len(times) > 1 else times * 19
    return AnswerScores(
        answers=len(answered),
        prose_exact=_share(check.passed for check in prose),
        checks_passed=_share(check.passed for check, _ in checks),
        failed=(*broken, *(f"{check.name}: {answer.question}" for check, answer in checks if not check.passed)),
        p50=cuts[9],
        p95=cuts[18],
    )


def _share(passed: Iterable[bool]) -> float:
    known = list(passed)
    return sum(known) / len(known) if known else 1.0
