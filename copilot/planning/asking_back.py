"""What every question back and every refusal is made of: the figure in words, quoted words, likeness of names."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz

from copilot.planning.plan import Choice, ReasonCode, Refuse
from copilot.planning.slots import Lexicon, Slots

MOST_CHOICES = 4
WITHOUT_IT = " without it"
"""How the label of a choice ends that is the question less the words that mean nothing."""
DEFAULT_FIGURES = ("dpo_purchases", "open_ap", "spend", "discount_missed")
_LONGEST_QUOTE = 40
_ALIKE = 78


def label_of(slots: Slots, lexicon: Lexicon) -> str:
    """The figures that are asked for, by their labels."""
    if slots.outflow:
        return "AP outflow"
    return " and ".join(lexicon.layer.model.metrics[name].label for name in slots.metrics)


def quoted(words: Iterable[str]) -> str:
    """Words of the question in quotation marks, each once and cut to a readable length."""
    return ", ".join(f'"{word[:_LONGEST_QUOTE]}"' for word in dict.fromkeys(words))


def refuse(reason: ReasonCode, message: str, slots: Slots, choices: Iterable[Choice]) -> Refuse:
    """A refusal that knows what the question said."""
    return Refuse(reason=reason, message=message, choices=tuple(choices), coverage=slots.coverage)


def alike(word: str, choices: Iterable[str]) -> list[str]:
    """Up to three choices that are, in whole or in one of their words, much like a word of four letters or more."""
    word = word.lower()
    if len(word) < 4:
        return []

    def likeness(choice: str) -> float:
        return max(
            (fuzz.ratio(word, part) for part in (choice.lower(), *choice.lower().split()) if len(part) > 3), default=0.0
        )

    ranked = sorted(((likeness(choice), choice) for choice in choices), key=lambda pair: (-pair[0], pair[1]))
    return [choice for score, choice in ranked[:3] if score >= _ALIKE]
