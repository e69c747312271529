"""Sentences with slots: the words are ours; what could be wrong is filled in by code and knows its source cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Literal

Sense = Literal["up", "down", "level", "largest", "smallest"]


@dataclass(frozen=True)
class Figure:
    """A formatted number, date or period. `source` names the cell of the answer or the part of the plan it shows."""

    text: str
    source: str


@dataclass(frozen=True)
class Name:
    """A value of a dimension, already cleaned and, where strangers wrote it, quoted."""

    text: str


@dataclass(frozen=True)
class Term:
    """Words of the vetted model: the label of a metric or dimension, a formula in words."""

    text: str


@dataclass(frozen=True)
class Direction:
    """A word that claims a direction or a rank, with what the cells say."""

    text: str
    sense: Sense


Slot = Figure | Name | Term | Direction


@dataclass(frozen=True)
class Filled:
    """How a text was made from a template, so that it can be told in another language."""

    template: str
    slots: Mapping[str, Slot | Prose]


@dataclass(frozen=True)
class Joined:
    """How a text was put together from parts."""

    parts: tuple[Prose | Slot, ...]
    separator: str


@dataclass(frozen=True)
class Prose:
    """Text together with the slots that fill it, and how it was made."""

    text: str = ""
    slots: tuple[Slot, ...] = ()
    made: Filled | Joined | None = field(default=None, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.text)


Slots = Mapping[str, Slot | Prose]


def fill(template: str, slots: Slots) -> Prose:
    """The template with each `{slot}` replaced; an empty Prose fills a slot with nothing."""
    used: list[Slot] = []
    pieces: list[str] = []
    for literal, name, _spec, _conversion in Formatter().parse(template):
        pieces.append(literal)
        if name is None:
            continue
        part = slots[name]
        pieces.append(part.text)
        used.extend(part.slots if isinstance(part, Prose) else (part,))
    return Prose("".join(pieces), tuple(used), Filled(template, slots))


def joined(parts: Iterable[Prose | Slot], separator: str = " ") -> Prose:
    """Non-empty parts one after the other."""
    kept = [part for part in parts if part.text]
    slots = [slot for part in kept for slot in (part.slots if isinstance(part, Prose) else (part,))]
    return Prose(separator.join(part.text for part in kept), tuple(slots), Joined(tuple(kept), separator))
