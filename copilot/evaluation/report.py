"""The scores of an evaluation as JSON, as lines for a terminal, and as a page with the failures by cause."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from copilot.evaluation.scoring import Scored, Verdict, scores


def as_json(turns: Sequence[Scored]) -> dict[str, Any]:
    """All figures, over everything, as typed, and by section; and every turn that was not right."""
    typed = [t for t in turns if t.as_typed]
    return {
        "all": asdict(scores(turns)),
        "as_typed": asdict(scores(typed)),
        "sections": {name: asdict(scores([t for t in typed if t.section == name])) for name in _sections(turns)},
        "failures": [_failure(t) for t in turns if t.verdict is not Verdict.RIGHT],
    }


def _sections(turns: Sequence[Scored]) -> list[str]:
    return list(dict.fromkeys(t.section for t in turns))


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


def lines(turns: Sequence[Scored], most: int = 40) -> Iterator[str]:
    """What a terminal shows: the figures, then the failures, wrong figures first."""
    for name, part in (("as typed", [t for t in turns if t.as_typed]), ("with paraphrases", list(turns))):
        found = scores(part)
        yield (
            f"{name}: {found.turns} turns, {found.points:g} points; answered {found.answered:.1%}, "
            f"right when answered {found.right_when_answered:.1%}, confidently wrong {found.confidently_wrong}; "
            f"refusals met {found.refusal_recall:.1%}, questions back met {found.ask_recall:.1%}, "
            f"needless questions {found.needless_asks}, needless refusals {found.needless_refusals}; "
            f"same plan over paraphrases {found.stability:.1%}; "
            f"{found.p50 * 1000:.1f} ms median, {found.p95 * 1000:.1f} ms p95"
        )
    failures = sorted((t for t in turns if t.verdict is not Verdict.RIGHT), key=lambda t: (t.verdict.value, t.case))
    for turn in failures[:most]:
        differs = "; ".join(f"{n}: {turn.expected.slots().get(n)} became {turn.slots.get(n)}" for n in turn.differs)
        cause = differs or f"{turn.expected.does} became {turn.does} {turn.reason}".strip()
        yield f"  {_words(turn)}  {turn.case} ({turn.wording})  {turn.say[:90]}  [{cause}]"
    if len(failures) > most:
        yield f"  and {len(failures) - most} more; --json lists all of them."


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left }
"""
_COLUMNS = (
    "Part", "Turns", "Points", "Answered", "Right when answered", "Confidently wrong", "Refusals met", "Same plan",
)  # fmt: skip
_TITLE = "Questions and how they were read"


def page(turns: Sequence[Scored]) -> str:
    """A page of its own: scores by section, causes counted, failures listed. Needs nothing from the network."""
    typed = [t for t in turns if t.as_typed]
    parts = [("Everything", list(turns)), ("As typed", typed)]
    parts += [(f"Section {name}", [t for t in typed if t.section == name]) for name in _sections(turns)]
    bad = [t for t in turns if t.verdict is not Verdict.RIGHT]
    causes = Counter(n for t in bad for n in t.differs)
    causes.update(f"{t.expected.does} became {t.does}" for t in bad if not t.differs)
    failures = ((t.case, t.wording, t.say[:200], _words(t), ", ".join(t.differs) or t.reason or t.does) for t in bad)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{_TITLE}</title><style>{_STYLE}</style>"
        f"<h1>{_TITLE}</h1>{_table(_COLUMNS, (_row(name, part) for name, part in parts))}"
        f"<h2>Causes</h2>{_table(('Cause', 'Turns'), causes.most_common())}"
        f"<h2>Not right</h2>{_table(('Case', 'Wording', 'Said', 'Verdict', 'Cause'), failures)}</html>"
    )


def _words(turn: Scored) -> str:
    return turn.verdict.name.lower().replace("_", " ")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _row(name: str, part: Sequence[Scored]) -> Sequence[object]:
    found = scores(part)
    return (
        name, found.turns, f"{found.points:g}", f"{found.answered:.1%}", f"{found.right_when_answered:.1%}",
        found.confidently_wrong, f"{found.refusal_recall:.1%}", f"{found.stability:.1%}",
    )  # fmt: skip
