"""What a reply to a question back means: one of its choices by number or words, or all of them narrowed by a country."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from copilot.planning.normalise import fold
from copilot.planning.plan import Clarify, Clock
from copilot.planning.planner import Planner
from copilot.planning.vocabulary import COUNTRIES

LONGEST_EDIT = 200
"""Characters of a reply that can be an edit."""


def chosen_reply(pending: Clarify, text: str) -> str | None:
    """The question behind the choice that was named by its number, its words or most of them."""
    number = re.fullmatch(
        r"(?:#|no\.? |number |option |the )?(\d)(?:st|nd|rd|th)?(?: one)?|(?:the )?(first|second|third|fourth|last)(?: one)?",
        text,
    )
    if number:
        at = (
            int(number[1]) - 1
            if number[1]
            else {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}[number[2]]
        )
        return pending.choices[at].question if at < len(pending.choices) and at >= -1 and pending.choices else None
    words = [
        word
        for word in re.findall(r"[^\W_]+", text)
        if word not in {"the", "one", "ones", "a", "i", "mean", "meant", "please", "by", "of", "want"}
    ]
    if not words or len(words) > 8:
        return None
    halves = re.split(r",? or ", pending.question)
    told = halves if len(halves) == len(pending.choices) else [""] * len(pending.choices)
    scores = [
        max(_likeness(words, choice.label), _likeness(words, half))
        for choice, half in zip(pending.choices, told, strict=True)
    ]
    best = max(scores, default=0.0)
    return pending.choices[scores.index(best)].question if best >= 85 and scores.count(best) == 1 else None


def narrowed_reply(pending: Clarify, question: str, planner: Planner, clock: Clock) -> str | None:
    """As in "The German one" of several names: all of them, from suppliers of that country."""
    if pending.reason != "AMBIGUOUS_VALUE" or len(question) > LONGEST_EDIT:
        return None
    said = planner.slots(question, clock)
    places = [f for f in said.filters if f.field in COUNTRIES and f.op == "="]
    if len(places) != 1 or len(said.filters) > 1 or said.unresolved or said.metrics:
        return None
    labels = [choice.label for choice in pending.choices]
    together = pending.choices[0].question.replace(labels[0], " and ".join(labels))
    return f"{together} {places[0].words} suppliers"


def _likeness(words: list[str], label: str) -> float:
    """How surely words mean a label: every word must be in it, spelt the same or nearly so."""
    parts = re.findall(r"[^\W_]+", fold(label))
    found = [max((fuzz.ratio(word, part) for part in parts), default=0.0) for word in words]
    exact = " ".join(words) == " ".join(parts)
    return 101.0 if exact else min(found, default=0.0)
