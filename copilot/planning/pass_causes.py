"""Why: words that ask what a change or a difference is made of. They come first, since "drop" also leaves things out."""

from __future__ import annotations

from copilot.planning.slots import Sheet

_OPENERS = (
    ("what", "is", "behind"), ("what", "lie", "behind"), ("what", "drove"), ("what", "drive"), ("what", "caused"), ("what", "cause"),
    ("what", "explain"), ("what", "moved"), ("what", "made"), ("what", "happened"), ("how", "come"), ("root", "cause"), ("reason", "for"), ("driver", "of"),
    ("explain", "why"), ("explain",), ("why",), ("warum",), ("weshalb",), ("wieso",), ("pourquoi",),
)  # fmt: skip
REASONS = {"discount_missed": "discount_miss_reason", "discount_missed_count": "discount_miss_reason"}
"""Figures of which each document says why."""
LONGEST_PREAMBLE = 10
"""Words that may stand before the question itself: "hey, can you please tell me …"."""

_UP = frozenset(
    "up rise rose risen rising increase increased increasing grow grew grown growing jump jumped climb climbed spike spiked gestiegen augmente "
    "gain gained higher more longer".split()
)
_DOWN = frozenset(
    "down drop dropped dropping fall fell fallen falling decline declined decrease decreased decreasing shrink shrank dip dipped gefallen gesunken tombe baisse "
    "plunge plunged lower less shorter".split()
)
_TURN = frozenset("change changed move moved movement swing worse better different".split())
_LEVEL = frozenset("low high lower higher slow fast bad poor weak".split())
_PLAIN = frozenset("low high slow fast bad poor weak".split())
_EXTREME = frozenset("lowest highest worst best smallest largest biggest".split())
"""As in "why is Japan lowest": a level against the others, whatever stands before it."""


def read_causes(sheet: Sheet) -> None:
    """Take the question for causes and the words that say which way the figure went."""
    opening = _opener(sheet)
    if opening is None or _only_explain(sheet, opening[0]):
        return
    sheet.slots.signals.add("why")
    sheet.take(opening[0], "intent", "why", opening[1])
    extreme = next((sheet.word(at) for at in sheet.free() if sheet.word(at) in _EXTREME), "")
    if extreme:
        sheet.slots.notes.append(f"Told against the company as a whole; which one is the {extreme}, a ranking shows.")
    level = extreme or any(
        sheet.word(at) in _PLAIN or (sheet.word(at) in _LEVEL and sheet.word(at - 1) in {"so", "is", "are", "too"})
        for at in sheet.free()
    )
    for at in sheet.free():
        word = sheet.word(at)
        if word in _UP | _DOWN | _TURN | _LEVEL | _EXTREME and sheet.word(at + 1) != "than":
            if word in _UP | _DOWN:
                sheet.slots.claimed = "up" if word in _UP else "down"
            sheet.take(at, "intent", "a change")
    if level:
        sheet.slots.signals.add("level")
        sheet.slots.claimed = None


def _only_explain(sheet: Sheet, at: int) -> bool:
    """As in "explain the capture rate": what it is, when nothing is said to have moved."""
    moves = _UP | _DOWN | _TURN | {"difference", "variance", "gap"}
    return sheet.word(at) == "explain" and not any(sheet.word(i) in moves for i in range(len(sheet)))


def _opener(sheet: Sheet) -> tuple[int, int] | None:
    for at in range(min(len(sheet), LONGEST_PREAMBLE)):
        for words in _OPENERS:
            if all(sheet.word(at + i) == word for i, word in enumerate(words)):
                return (at, len(words))
    return None
