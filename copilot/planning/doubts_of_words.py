"""Words that nothing accounts for, that fit several things, or that name what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from copilot.planning.asking_back import (
    _LONGEST_QUOTE,
    DEFAULT_FIGURES,
    MOST_CHOICES,
    WITHOUT_IT,
    alike,
    label_of,
    quoted,
    refuse,
)
from copilot.planning.normalise import phrase, stem
from copilot.planning.plan import Choice, Clarify, Plan, Refuse
from copilot.planning.slots import Lexicon, Slots, Unclear
from copilot.planning.vocabulary import NAME_DIMENSIONS, Meaning
from copilot.planning.word_classes import COMPARATIVE_DOWN, COMPARATIVE_UP, COMPARERS, NEGATIONS, OVER, UNDER

_BEFORE_NAMES = frozenset({"for", "with", "from", "of", "at", "to", "supplier", "vendor", "owe", "fur", "chez", "bei"})
_PRONOUNS = frozenset({"it", "that", "this", "they", "those", "these"})
_DANGLING = re.compile(
    r"(?:^|\s)(?:by|per|for|with|from|of|in|at|on|to|and|or|but|the|a|an|our|not|than)$|^(?:and|or|but)\s",
    re.IGNORECASE,
)
_TURNING = (
    NEGATIONS
    | OVER
    | UNDER
    | COMPARATIVE_UP
    | COMPARATIVE_DOWN
    | COMPARERS
    | frozenset(
        "never ever still yet always same than without before after until till starting ending earlier later since from hide ignore ignoring omit omitting leaving barring excluded neither nor improved most least other rest".split()
    )
)
"""Words without which a question means something else, often the opposite."""
_SHORT = 12


def external(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001 - one shape for all doubts
    """A figure of the field whose inputs are not in Coupa, nor in any feed that was loaded."""
    model = lexicon.layer.model
    gone = next((error for name in slots.metrics if (error := lexicon.layer.missing_feed(name))), None)
    if gone is not None:
        labels = [model.metrics[name].label for name in gone.choices]
        ways = [Choice(label=label, question=f"What's our {label}?") for label in labels]
        return refuse("NEEDS_EXTERNAL_DATA", str(gone), slots, ways)
    if not slots.externals:
        return None
    found = model.external_metrics[slots.externals[0]]
    nearest = [model.metrics[name].label for name in found.nearest if name in model.metrics]
    near = f" The nearest figure we have: {' or '.join(nearest)}." if nearest else ""
    return refuse(
        "NEEDS_EXTERNAL_DATA",
        f"{found.label} needs {found.needs}.{near}",
        slots,
        [Choice(label=label, question=f"What's our {label}?") for label in nearest],
    )


def unresolved(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """Words that nothing accounts for: leaving one out could change the answer."""
    if not slots.unresolved:
        return None
    words = [word for word, _ in slots.unresolved]
    if not slots.metrics and not slots.outflow:
        return _without_referent(question, slots, lexicon) or _no_such_figure(words, slots, lexicon)
    known = [dimension for dimension in NAME_DIMENSIONS if dimension in lexicon.layer.model.dimensions]
    names = [name for dimension in known for name, _ in lexicon.layer.values(dimension)]
    label = label_of(slots, lexicon)
    named = any(
        before in _BEFORE_NAMES or (word[:1].isupper() and not question.startswith(word) and not question.isupper())
        for word, before in slots.unresolved
    )
    found = (name for word in words for name in alike(word, names) if named or _is_slip_of(word, name))
    near = list(dict.fromkeys(found))[:MOST_CHOICES]
    if near or named:
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        return refuse(
            "UNKNOWN_VALUE",
            f"I find no supplier, entity or category called {quoted(words)}.{hint}",
            slots,
            [Choice(label=name, question=f"{label} for {name}") for name in near]
            or [Choice(label=label, question=label)],
        )
    return refuse(
        "UNMAPPED_WORDS",
        f"I understand the question except for {quoted(words)}; leaving that out could change the answer, so I give none.",
        slots,
        [] if any(_dates(word, lexicon) for word in words) else _without(question, words, label),
    )


def _dates(words: str, lexicon: Lexicon) -> bool:
    """As in "dated", "received": a word of dating, without which a date means another one."""
    found = lexicon.vocabulary.phrases.get(phrase(words), ())
    return any(meaning.kind == "role" for meaning in found)


def _is_slip_of(word: str, name: str) -> bool:
    """Whether a word that stands where no name is expected is nearly a word of a name, not the beginning of one."""
    low = word.lower()
    parts = [part for part in name.lower().split() if len(part) > 3]
    return not any(low.startswith(part) or part.startswith(low) for part in parts if part != low)


def _without(question: str, words: Iterable[str], label: str) -> list[Choice]:
    """The question without the words that mean nothing here; whatever else it says stays."""
    rest = question
    if any(stem(part) in _TURNING or part in _TURNING for word in words for part in word.lower().split()):
        return []
    for word in words:
        rest = re.sub(rf"(?:\b(?:by|per)\s+)?(?<!\w){re.escape(word)}(?!\w)", " ", rest, count=1)
    rest = " ".join(rest.split()).strip(" ,;?!.")
    while _DANGLING.search(rest):
        rest = _DANGLING.sub("", rest).strip(" ,;?!.")
    return [Choice(label=f"{label}{WITHOUT_IT}" if label else rest, question=rest)] if rest and label else []


def _without_referent(question: str, slots: Slots, lexicon: Lexicon) -> Clarify | None:
    """As in "is it good?": a question about something that was never named."""
    words = re.findall(r"[a-z]+", question.lower())
    if len(words) > _SHORT or not _PRONOUNS & set(words) or slots.vague:
        return None
    shown = [lexicon.layer.model.metrics[name].label for name in DEFAULT_FIGURES if name in lexicon.layer.model.metrics]
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="Which figure do you mean?",
        choices=tuple(Choice(label=label, question=f"What's our {label}?") for label in shown),
        coverage=slots.coverage,
    )


def _no_such_figure(words: list[str], slots: Slots, lexicon: Lexicon) -> Refuse:
    model = lexicon.layer.model
    phrases = {text: m.name for m in model.metrics.values() for text in (m.label.lower(), *m.synonyms)}
    terms = [t for t in model.ambiguous_terms if t.term in slots.vague]
    near = [name for term in terms for name in term.metrics]
    near = near or list(dict.fromkeys(phrases[found] for word in words for found in alike(word.lower(), phrases)))
    shown = [model.metrics[name].label for name in near or DEFAULT_FIGURES if name in model.metrics][:MOST_CHOICES]
    hint = (
        f" Did you mean {', '.join(shown)}?"
        if near
        else " Name a figure, for example DPO, open payables or missed discounts."
    )
    return refuse(
        "UNKNOWN_METRIC" if near and not terms else "UNMAPPED_WORDS",
        f"I do not know what {quoted(words)} means here, so I give no figure.{hint}",
        slots,
        [Choice(label=label, question=f"What's our {label}?") for label in shown],
    )


def unclear(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """Words that fit several values, several days, or several things that happen to a document."""
    if not slots.unclear:
        return None
    found = slots.unclear[0]
    if found.days:
        return Clarify(
            reason="AMBIGUOUS_TIME",
            question=f"When is {question[found.start : found.end]}?",
            choices=tuple(Choice(label=_long_date(t), question=_replaced(question, found, t)) for t in found.days),
            coverage=slots.coverage,
        )
    if found.doings:
        return Clarify(
            reason="AMBIGUOUS_TIME",
            question=f'Which date does "{question[found.start : found.end]}" mean?',
            choices=tuple(
                Choice(label=f"When {done}", question=_replaced(question, found, w)) for w, done in found.doings
            ),
            coverage=slots.coverage,
        )
    return _which_value(question, found, slots, lexicon)


def _long_date(text: str) -> str:
    """A day or a month in words, from "2026-01-26" or "2026-01"."""
    day = date.fromisoformat(text if len(text) > len("2026-01") else f"{text}-01")
    return f"{day.day} {day:%B %Y}" if len(text) > len("2026-01") else f"{day:%B %Y}"


def _which_value(question: str, found: Unclear, slots: Slots, lexicon: Lexicon) -> Clarify:
    model, counts = lexicon.layer.model, lexicon.vocabulary.frequency
    ranked = sorted(found.meanings, key=lambda m: (-counts.get(m, 0), m.value, m.name))[:MOST_CHOICES]
    kinds = {m.name for m in ranked}
    kind = model.dimensions[ranked[0].name].label.lower() if len(kinds) == 1 else "one"

    def label(meaning: Meaning) -> str:
        return meaning.value if len(kinds) == 1 else f"{meaning.value} ({model.dimensions[meaning.name].label.lower()})"

    def text(meaning: Meaning) -> str:
        twice = len({m.value for m in ranked}) < len(ranked)
        return f"{model.dimensions[meaning.name].label.lower()} {meaning.value}" if twice else meaning.value

    more = len(found.meanings) - len(ranked)
    tail = f" ({more} more fit; type more of the name)" if more > 0 else ""
    return Clarify(
        reason="AMBIGUOUS_VALUE",
        question=f'Which {kind} do you mean by "{question[found.start : found.end][:_LONGEST_QUOTE]}"?{tail}',
        choices=tuple(Choice(label=label(m), question=_replaced(question, found, text(m))) for m in ranked),
        coverage=slots.coverage,
    )


def _replaced(question: str, found: Unclear, text: str) -> str:
    return f"{question[: found.start]}{text}{question[found.end :]}"


def absent(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A value that people know and the mirror does not hold."""
    if not slots.absent:
        return None
    dimension, value = slots.absent[0]
    label = lexicon.layer.model.dimensions[dimension].label.lower()
    held = [name for name, _ in lexicon.layer.values(dimension)[:MOST_CHOICES]]
    figure = label_of(slots, lexicon)
    return refuse(
        "UNKNOWN_VALUE",
        f"There is no data for {label} {value}.",
        slots,
        [Choice(label=name, question=f"{figure} for {name}") for name in held],
    )
