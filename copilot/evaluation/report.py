"""The scores of an evaluation as JSON, as lines for a terminal, and as a page with the failures by cause."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from copilot.evaluation.scoring import PENALTIES, Scored, Scores, Verdict, scores
from copilot.evaluation.whole_answers import AnswerScores


@dataclass(frozen=True)
class Extras:
    """What is measured beside the plans; None where it was not asked for."""

    repeats: int | None = None
    repeat_stability: float | None = None
    answers: AnswerScores | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    """Of the language model, at the prices of the settings."""


NONE = Extras()


def as_json(turns: Sequence[Scored], extras: Extras = NONE) -> dict[str, Any]:
    """All figures, over everything, as typed, by section and by wording; and every turn that was not right."""
    typed = [t for t in turns if t.as_typed]
    return {
        "extras": asdict(extras),
        "all": asdict(scores(turns)),
        "as_typed": asdict(scores(typed)),
        "sections": {name: asdict(scores([t for t in typed if t.section == name])) for name in _sections(turns)},
        "wordings": {name: asdict(scores(part)) for name, part in _by_wording(turns).items()},
        "causes": {cause: len(part) for cause, part in causes(turns).items()},
        "failures": [_failure(t) for t in turns if t.verdict is not Verdict.RIGHT],
    }


def _sections(turns: Sequence[Scored]) -> list[str]:
    return list(dict.fromkeys(t.section for t in turns))


def _by_wording(turns: Sequence[Scored]) -> dict[str, list[Scored]]:
    names = dict.fromkeys(t.wording for t in turns)
    return {name: [t for t in turns if t.wording == name] for name in names}


def causes(turns: Iterable[Scored]) -> dict[str, list[Scored]]:
    """Turns that were not right by what went wrong with them, the commonest first; each under one cause."""
    found: dict[str, list[Scored]] = {}
    for turn in turns:
        if turn.verdict is not Verdict.RIGHT:
            found.setdefault(_cause(turn), []).append(turn)
    return dict(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])))


def _cause(turn: Scored) -> str:
    if turn.differs:
        gone = [name for name in turn.differs if name not in turn.slots]
        new = [name for name in turn.differs if name not in turn.expected.slots()]
        kind = "dropped" if gone else "added" if new else "other"
        return f"{kind} {(gone or new or list(turn.differs))[0]}"
    if turn.expected.does == turn.does:
        return f"{turn.does} for another reason: {turn.reason or 'none'} instead of {turn.expected.reason}"
    return f"{turn.expected.does} became {turn.does}{f' ({turn.reason})' if turn.reason else ''}"


def _failure(turn: Scored) -> dict[str, Any]:
    return {
        "case": turn.case,
        "wording": turn.wording,
        "say": turn.say,
        "verdict": turn.verdict.name.lower(),
        "expected": turn.expected.does,
        "got": turn.does,
        "reason": turn.reason,
        "differs": {name: [turn.expected.slots().get(name), turn.slots.get(name)] for name in turn.differs},
    }


def lines(turns: Sequence[Scored], extras: Extras = NONE, most: int = 40) -> Iterator[str]:
    """What a terminal shows: the figures, then the failures, wrong figures first."""
    for name, part in (("as typed", [t for t in turns if t.as_typed]), ("with paraphrases", list(turns))):
        yield f"{name}: {_sentence(scores(part))}"
    yield from _more(extras)
    failures = sorted((t for t in turns if t.verdict is not Verdict.RIGHT), key=lambda t: (t.verdict.value, t.case))
    for turn in failures[:most]:
        differs = "; ".join(f"{n}: {turn.expected.slots().get(n)} became {turn.slots.get(n)}" for n in turn.differs)
        cause = differs or f"{turn.expected.does} became {turn.does} {turn.reason}".strip()
        yield f"  {_words(turn)}  {turn.case} ({turn.wording})  {turn.say[:90]}  [{cause}]"
    if len(failures) > most:
        yield f"  and {len(failures) - most} more; --json lists all of them."


def _sentence(found: Scores) -> str:
    trusted = ", ".join(f"{value:.3f} at {penalty}" for penalty, value in found.reliability.items())
    weak = ", ".join(f"{name} {share:.1%}" for name, share in found.slots.items() if share < 1)
    return (
        f"{found.turns} turns, {found.points:g} points; reliability {trusted}; answered {found.answered:.1%}, "
        f"right when answered {found.right_when_answered:.1%}, confidently wrong {found.confidently_wrong} "
        f"({found.wrong_rate:.2%}); refusals met {found.refusal_recall:.1%}, due {found.refusal_precision:.1%}; "
        f"questions back met {found.ask_recall:.1%}, due {found.ask_precision:.1%}; "
        f"needless questions {found.needless_asks}, needless refusals {found.needless_refusals}; "
        f"follow-ups right {found.follow_ups:.1%}; same plan over paraphrases {found.stability:.1%}; "
        f"slots {weak or 'all right'}; {found.p50 * 1000:.1f} ms median, {found.p95 * 1000:.1f} ms p95"
    )


def _more(extras: Extras) -> Iterator[str]:
    if extras.repeat_stability is not None:
        yield f"same plan over {extras.repeats} repeats: {extras.repeat_stability:.1%}"
    if extras.answers is not None:
        found = extras.answers
        yield (
            f"whole answers: {found.answers}; numbers in prose exact {found.prose_exact:.1%}, checks passed "
            f"{found.checks_passed:.1%}; {found.p50 * 1000:.0f} ms median, {found.p95 * 1000:.0f} ms p95"
        )
        yield from (f"  failed  {text[:120]}" for text in found.failed[:20])
    if extras.tokens_in:
        yield f"language model: {extras.tokens_in:,} tokens read, {extras.tokens_out:,} written, cost {extras.cost:f}"


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left }
"""
_COLUMNS = (
    "Part", "Turns", "Points", *(f"Reliability, penalty {penalty}" for penalty in PENALTIES), "Answered",
    "Right when answered", "Confidently wrong", "Refusals met", "Refusals due", "Questions back met",
    "Questions back due", "Follow-ups right", "Same plan", "p50 ms", "p95 ms",
)  # fmt: skip
_TITLE = "Questions and how they were read"


def page(turns: Sequence[Scored], extras: Extras = NONE) -> str:
    """A page of its own: scores by section and wording, slots, failures by cause. Needs nothing from the network."""
    typed = [t for t in turns if t.as_typed]
    parts = [("Everything", list(turns)), ("As typed", typed)]
    parts += [(f"Section {name}", [t for t in typed if t.section == name]) for name in _sections(turns)]
    worded = [(f"Wording: {name}", part) for name, part in _by_wording(turns).items() if name != "as typed"]
    slots = ((name, f"{share:.2%}") for name, share in scores(turns).slots.items())
    more = "".join(f"<p>{html.escape(line)}</p>" for line in _more(extras))
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{_TITLE}</title><style>{_STYLE}</style>"
        f"<h1>{_TITLE}</h1>{_table(_COLUMNS, (_row(name, part) for name, part in parts))}{more}"
        f"<h2>In other words</h2>{_table(_COLUMNS, (_row(name, part) for name, part in worded))}"
        f"<h2>Slots</h2>{_table(('Slot', 'Right where the figure was given'), slots)}"
        f"<h2>Not right, by cause</h2>{''.join(_of_cause(c, part) for c, part in causes(turns).items())}</html>"
    )


def _of_cause(cause: str, turns: Sequence[Scored]) -> str:
    """One cause with its turns, folded away."""
    rows = ((t.case, t.wording, t.say[:200], _words(t), ", ".join(t.differs) or t.reason or t.does) for t in turns)
    found = _table(("Case", "Wording", "Said", "Verdict", "Differs"), rows)
    return f"<details><summary>{html.escape(cause)}: {len(turns)}</summary>{found}</details>"


def _words(turn: Scored) -> str:
    return turn.verdict.name.lower().replace("_", " ")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _row(name: str, part: Sequence[Scored]) -> Sequence[object]:
    found = scores(part)
    return (
        name, found.turns, f"{found.points:g}", *(f"{value:.3f}" for value in found.reliability.values()),
        f"{found.answered:.1%}", f"{found.right_when_answered:.1%}", found.confidently_wrong,
        f"{found.refusal_recall:.1%}", f"{found.refusal_precision:.1%}", f"{found.ask_recall:.1%}",
        f"{found.ask_precision:.1%}", f"{found.follow_ups:.1%}", f"{found.stability:.1%}",
        f"{found.p50 * 1000:.1f}", f"{found.p95 * 1000:.1f}",
    )  # fmt: skip
