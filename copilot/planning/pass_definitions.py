"""What a figure is: how it is computed, from what, by whom, what it leaves out, how it differs from another.

Such a question is answered with the definition and no figure of the company, so what else it says is only its topic.
"""

from __future__ import annotations

from copilot.planning.pass_causes import LONGEST_PREAMBLE
from copilot.planning.slots import Sheet

_DIFFERENT = frozenset("different differ difference distinguish versus".split())
_SOURCES = frozenset("field source sourced lineage come derived column table".split())
_OWNERS = frozenset("own owner owned maintain certified certify certification approved define".split())
_SCOPE = frozenset("include included includes exclude excluded contain contains cover count counted".split())
_ASKS = frozenset("what where which who does doe do is are how why".split())


def read_definitions(sheet: Sheet) -> None:
    """Take a question about a figure rather than for it."""
    slots = sheet.slots
    named = [*slots.metrics, *slots.externals]
    start = next((at for at in range(min(len(sheet), LONGEST_PREAMBLE)) if sheet.word(at) in _ASKS), None)
    if not named or start is None or not _about(sheet, start, two=len(named) > 1):
        return
    slots.signals.add("define")
    slots.signals.discard("why")
    if len(named) > 1:
        slots.metrics, slots.externals = named[:1], []
        slots.other = named[1]
    for at in sheet.free():
        sheet.take(at, "intent", "definition")


def _about(sheet: Sheet, start: int, *, two: bool) -> bool:
    words = {sheet.word(at) for at in range(len(sheet))}
    first, second = sheet.word(start), sheet.word(start + 1)
    if two and words & _DIFFERENT:
        return True
    if first in {"where", "which", "what"} and words & _SOURCES:
        return second in {"does", "doe", "do", "is", "are"} or "from" in words or "field" in words
    if first == "who":
        return bool(words & _OWNERS)
    if first in {"does", "doe", "do", "is"}:
        return bool(words & _SCOPE) and second not in {"we", "our"}
    return first == "what" and second in {"is", "are"} and bool(words & {"included", "excluded", "counted"})
