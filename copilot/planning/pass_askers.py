"""What the asker wants to see a row of: "who", "when", "which invoices", "list", "show me the open invoices".

A question word that no reading accounts for is asked about: "who pays late" is no total.
"""

from __future__ import annotations

from copilot.planning.pass_causes import LONGEST_PREAMBLE
from copilot.planning.query_building import LISTED
from copilot.planning.slots import Sheet
from copilot.planning.word_classes import DOCUMENT_NOUNS

_SHOWING = frozenset("show display pull give see get need want send print".split())
_AROUND = frozenset("me us all the any our every of please those a are is to list need see".split())
_FOR_ME = frozenset({"me", "us", "all", "every", "them"})
_TOTALS = frozenset("total value amount sum much many number count share percent percentage average overall".split())
_OFFERS = frozenset({"discount", "offer"})
_HELPERS = frozenset("do did does are were have had should must will".split())
_STANDING = frozenset("stand sit at on with now in land currently standing today to".split())
"""As in "where do we stand on DPO", which asks for the figure."""
_NOT_LISTED = frozenset({"share", "define", "why", "trend", "change", "forecast", "scenario"})


def read_askers(sheet: Sheet) -> None:
    """Take question words and orders to list that say what there is a row of."""
    if not sheet.slots.metrics or sheet.slots.outflow:
        return
    _when(sheet)
    _who_or_where(sheet)
    _listed(sheet)


def _opening(sheet: Sheet, words: set[str]) -> int | None:
    """The place of a question word that opens the question, after words that say nothing."""
    for at in range(min(LONGEST_PREAMBLE, len(sheet))):
        if sheet.word(at) in words:
            return at if sheet.is_free(at) else None
        if not sheet.is_free(at) or not sheet.spans[at].is_word:
            return None
    return None


def _when(sheet: Sheet) -> None:
    """As in "when was overdue highest", by month; "when do we have to pay Acme", by day."""
    slots = sheet.slots
    at = _opening(sheet, {"when"})
    if at is None or slots.signals & {"define", "why"}:
        return
    if not slots.group_by and "top" in slots.signals:
        slots.group("month")
        sheet.take(at, "group", "month")
    elif all(sheet.model.metrics[name].looks_ahead for name in slots.metrics):
        slots.group("day")
        sheet.take(at, "group", "day")
    else:
        slots.unresolved.append((sheet.question[sheet.spans[at].start : sheet.spans[at].end], ""))
        sheet.take(at, "unresolved")


def _who_or_where(sheet: Sheet) -> None:
    """As in "who do we owe": by supplier. Who pays, and where something is, is asked."""
    slots = sheet.slots
    if not slots.group_by and _asks_approver(sheet):
        slots.group("approver")
        return
    at = _opening(sheet, {"who", "whom", "where"})
    if at is None or slots.group_by or slots.signals & {"define", "why"}:
        return
    words = " ".join(sheet.text(i) for i in range(at + 1, min(at + 4, len(sheet)))).split()
    ours = "we" in words[:2] and (words[0] == "we" or words[0] in _HELPERS)
    if sheet.word(at) != "where" and ours:
        slots.group("supplier")
        sheet.take(at, "group", "supplier")
    elif "top" not in slots.signals and (
        sheet.word(at) != "where" or (ours and words[2:3] != [] and not set(words[2:]) & _STANDING)
    ):
        slots.asker = "where" if sheet.word(at) == "where" else "who"
        sheet.take(at, "unclear", slots.asker)


def _asks_approver(sheet: Sheet) -> bool:
    """As in "who has the most pending approvals", "who is sitting on invoices": figures that are told by approver."""
    opens = _opening(sheet, {"who"}) is not None or any(sheet.text(at).startswith("who ") for at in range(len(sheet)))
    return opens and all("approver" in sheet.layer.legal_dimensions(name) for name in sheet.slots.metrics)


def _listed(sheet: Sheet) -> None:
    """As in "list open invoices of Acme", "which invoices are overdue", "show me the unpaid invoices": one by one."""
    slots = sheet.slots
    compared = slots.compare is not None or slots.compare_grain is not None
    if slots.group_by or len(slots.metrics) != 1 or slots.signals & _NOT_LISTED or compared:
        return
    if LISTED not in sheet.layer.legal_dimensions(slots.metrics[0]):
        return
    asked = next((at for at in sheet.free() if sheet.word(at) == "list"), None)
    documents = asked is not None and any(_names_documents(sheet, i) for i in range(asked + 1, len(sheet)))
    if documents or (sheet.model.metrics[slots.metrics[0]].unit == "money" and _shown_one_by_one(sheet)):
        slots.documents = True
        slots.signals |= {"top", "list"}


def _shown_one_by_one(sheet: Sheet) -> bool:
    if any(sheet.word(at) in _TOTALS for at in range(len(sheet))):
        return False
    for at in sheet.free():
        if sheet.word(at) not in _SHOWING | {"which"}:
            continue
        noun = at + 1
        if sheet.word(at) in _SHOWING and sheet.word(noun) not in _FOR_ME and sheet.text(noun) not in _FOR_ME:
            continue
        while sheet.is_free(noun) and sheet.word(noun) in _AROUND:
            noun += 1
        if _names_documents(sheet, noun) and _is_plural(sheet, noun, DOCUMENT_NOUNS):
            return True
        if sheet.word(at) == "which" and _is_plural(sheet, noun, _OFFERS):
            return True
    return False


def _names_documents(sheet: Sheet, at: int) -> bool:
    return sheet.word(at) in DOCUMENT_NOUNS or "invoice" in sheet.text(at)


def _is_plural(sheet: Sheet, at: int, nouns: frozenset[str]) -> bool:
    span = sheet.span(at)
    found = [token for token in span.items if token.stem in nouns] if span else []
    return any(sheet.question[token.start : token.end].lower().endswith("s") for token in found)
