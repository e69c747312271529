"""A finished text told again in the language of the question: the same slots, other words around them.

The scanner checks the English text against the cells; this only exchanges templates, direction words and labels, and
prints the same figures as that language writes them. Names from data and labels without a translation stay as they are.
"""

from __future__ import annotations

from string import Formatter

from copilot.narration.prose import Direction, Figure, Filled, Joined, Prose, Slot, Term
from copilot.narration.sentences import DIRECTIONS, LABELS, SENTENCES, WORDS, Translated
from copilot.wording.languages import Language, localised


def told(prose: Prose, language: Language) -> str:
    """The text in a language. English is what was written."""
    if language == "en":
        return prose.text
    text = _told(prose, language)
    return text[:1].upper() + text[1:]


def _told(part: Prose | Slot, language: Translated) -> str:
    if isinstance(part, Prose):
        return _prose(part, language)
    match part:
        case Figure(text=text):
            return localised(text, language)
        case Direction(text=text):
            return DIRECTIONS[language].get(text, text)
        case Term(text=text):
            return label_in(text, language)
        case _:
            return part.text


def _prose(part: Prose, language: Translated) -> str:
    match part.made:
        case Filled(template=template, slots=slots):
            pattern = SENTENCES[language].get(template, template)
            return "".join(
                literal + (_told(slots[name], language) if name is not None else "")
                for literal, name, _spec, _conversion in Formatter().parse(pattern)
            )
        case Joined(parts=parts, separator=separator):
            return _joined([_told(p, language) for p in parts], WORDS[language].get(separator, separator))
        case _:
            return SENTENCES[language].get(part.text, WORDS[language].get(part.text, part.text))


def _joined(parts: list[str], separator: str) -> str:
    """Parts one after the other; what follows a full stop begins with a capital."""
    text = ""
    for part in parts:
        begins = separator == " " and text.endswith(".")
        text += (separator if text else "") + (part[:1].upper() + part[1:] if begins else part)
    return text


def label_in(label: str, language: Language) -> str:
    """The label of a figure or dimension in a language, or as the catalogue has it."""
    if language == "en":
        return label
    known = LABELS[language]
    if label in known:
        return known[label]
    small, capital = label[:1].lower() + label[1:], label[:1].upper() + label[1:]
    if small in known:
        return known[small][:1].upper() + known[small][1:]
    return known.get(capital, label)
