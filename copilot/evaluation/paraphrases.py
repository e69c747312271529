"""Other wordings of a question that must become the same plan, made by rule and not picked by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copilot.planning.plan import Clarify, Covered, Plan, Refuse
from semantic_layer.model import SemanticModel

_SHORTEST_SLIP = 7
"""Letters of a word that is worth misspelling; in shorter ones a slip makes another word."""


@dataclass(frozen=True)
class Paraphrase:
    """Another wording, and the rule that made it."""

    name: str
    text: str


Transform = Callable[[str], Iterator[str]]


def paraphrases(question: str, plan: Plan, model: SemanticModel) -> Iterator[Paraphrase]:
    """Every wording the rules make of a question; none twice, none like the question itself."""
    seen = {question}
    for name, transform in TRANSFORMS.items():
        for text in transform(question):
            if text not in seen:
                seen.add(text)
                yield Paraphrase(name, text)
    if isinstance(plan, Refuse | Clarify):
        return
    for name, text in (*_slips(question, plan.coverage), *_synonyms(question, plan.coverage, model)):
        if text not in seen:
            seen.add(text)
            yield Paraphrase(name, text)


def _bare(question: str) -> Iterator[str]:
    """Lower case, no punctuation at the end."""
    yield question.lower().rstrip("?!. ")


def _shouted(question: str) -> Iterator[str]:
    yield question.upper()


def _polite(question: str) -> Iterator[str]:
    yield f"hey can you pls tell me {question.rstrip('?. ')}, thx"
    yield f"Please show {question.rstrip('?. ')}"


def _turned(question: str) -> Iterator[str]:
    """As in "DPO by region" and "by region, DPO"."""
    match = re.fullmatch(r"([^,]+?) (by [a-z ]+)", question.rstrip("?. "), re.IGNORECASE)
    if match and " by " not in match[1] and not re.search(r"\b(top|over|under|more|vs)\b", question, re.IGNORECASE):
        yield f"{match[2]}, {match[1]}"


def _numbers(question: str) -> Iterator[str]:
    """As in 50k, 50,000 and 50'000."""
    for match in re.finditer(r"(?<![\w.,])(\d{1,3})k\b", question):
        thousands = match[1]
        for written in (f"{thousands},000", f"{thousands}'000", f"{thousands} thousand"):
            yield question[: match.start()] + written + question[match.end() :]
    for match in re.finditer(r"(?<![\w.,])(\d)m\b", question):
        for written in (f"{match[1]} million", f"{match[1]}mn", f"{match[1]},000,000"):
            yield question[: match.start()] + written + question[match.end() :]


_MONTHS_OF = {"1": "Jan-Mar", "2": "Apr-Jun", "3": "Jul-Sep", "4": "Oct-Dec"}
_NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth"}


def _quarters(question: str) -> Iterator[str]:
    """As in Q3, the third quarter, Jul-Sep and 2026-Q3; only quarters of the year that the bank is set in."""
    for match in re.finditer(r"\bQ([1-3])\b(?! ?(?:20)?\d\d)(?! last)", question):
        for written in (f"{match[1]}Q26", f"2026-Q{match[1]}", f"the {_NTH[match[1]]} quarter", _MONTHS_OF[match[1]]):
            yield question[: match.start()] + written + question[match.end() :]


_LOANS = {"supplier": "Lieferant", "suppliers": "Lieferanten", "by": "nach", "this year": "dieses Jahr"}


def _loans(question: str) -> Iterator[str]:
    """German words among the English ones."""
    for english, german in _LOANS.items():
        yield re.sub(rf"\b{english}\b(?! country| year end)", german, question)


_EXCLUSIONS = ("excluding", "without", "not including", "w/o", "except for", "ex")


def _exclusions(question: str) -> Iterator[str]:
    match = re.search(r"\b(excluding|without|not including)\b", question)
    for written in _EXCLUSIONS if match else ():
        yield question[: match.start()] + written + question[match.end() :] if match else question


TRANSFORMS: dict[str, Transform] = {
    "bare": _bare,
    "shouted": _shouted,
    "polite": _polite,
    "order": _turned,
    "number": _numbers,
    "quarter": _quarters,
    "loan word": _loans,
    "exclusion": _exclusions,
}


def _slips(question: str, coverage: tuple[Covered, ...]) -> Iterator[tuple[str, str]]:
    """Two neighbouring letters swapped in the longest word of the figure."""
    for covered in coverage:
        words = re.findall(r"[A-Za-z]+", covered.words) if covered.slot == "metric" else []
        longest = max(words, key=len, default="")
        if len(longest) >= _SHORTEST_SLIP:
            slipped = longest[:2] + longest[3] + longest[2] + longest[4:]
            yield "slip", question.replace(longest, slipped, 1)


def _synonyms(question: str, coverage: tuple[Covered, ...], model: SemanticModel) -> Iterator[tuple[str, str]]:
    """The figure called by every other name it has."""
    for covered in coverage:
        metric = model.metrics.get(covered.meaning) if covered.slot == "metric" else None
        says_more = (
            any(c.slot == "ambiguous" for c in coverage)
            or "invoice" in covered.words.lower()
            or (
                covered.words.lower() not in {name.lower() for name in (*metric.synonyms, metric.label)}
                if metric
                else True
            )
        )
        if metric is None or question.count(covered.words) != 1 or says_more:
            continue
        for synonym in metric.synonyms:
            yield "synonym", question.replace(covered.words, synonym, 1)
