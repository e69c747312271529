"""By what.

Dimensions and time grains, told apart from nouns that only say what the figure is about ("our suppliers").
"""

from __future__ import annotations

from copilot.planning.calendar_words import GRAIN_ADVERBS, UNITS
from copilot.planning.pass_askers import read_askers
from copilot.planning.pass_causes import REASONS
from copilot.planning.slots import Sheet
from copilot.planning.value_choice import ranks
from copilot.planning.word_classes import COMPARERS, CONJUNCTIONS, FORECAST_WORDS, GROUPERS
from semantic_layer.periods import Grain

_NOUNS = frozenset({"supplier", "parent", "buying_entity"})
"""Dimensions whose names people also use for "whom we pay" and "who pays"."""

_OWNERS = frozenset(
    {
        "our",
        "to",
        "with",
        "from",
        "the",
        "we",
        "pay",
        "paying",
        "owe",
        "all",
        "for",
        "of",
        "in",
        "any",
        "their",
        "own",
        "at",
    }
)
_PLACES = frozenset({"in", "from", "within", "at", "on"})
_EACH = frozenset({"by", "each", "every", "per", "nach", "pro", "par", "je", "por"})


def read_grouping(sheet: Sheet) -> None:
    """Take dimensions and grains."""
    for at in sheet.free():
        if sheet.is_free(at):
            any(read(sheet, at) for read in (_grain, _bucket_end, _dimension, _side_by_side))
    slots = sheet.slots
    _each_of_them(sheet)
    read_askers(sheet)
    if slots.documents and not slots.group_by and slots.metrics and all(_looks_ahead(sheet, m) for m in slots.metrics):
        slots.signals |= {"top", "list"}  # "invoices due next week" are wanted one by one


def _each_of_them(sheet: Sheet) -> None:
    """As in "in Germany and France, top 3 each": within each of the values, or of the groups."""
    slots = sheet.slots
    each = next((at for at in sheet.free() if sheet.word(at) in {"each", "apiece"}), None)
    if (
        each is None
        or slots.limit is None
        or slots.limit_per
        or sheet.slot(each - 1) not in {"limit", "order", "group"}
    ):
        return
    several = [f.field for f in slots.filters if f.op == "in" and len(f.values) > 1]
    within = several[0] if len(several) == 1 else next((name for name in slots.group_by[1:]), None)
    if within is None or not [name for name in slots.group_by if name != within]:
        slots.unresolved.append((sheet.covered(each) or "each", ""))
        return
    slots.group(within)
    slots.limit_per.append(within)
    sheet.take(each, "group", f"within each {within}")


def _looks_ahead(sheet: Sheet, metric: str) -> bool:
    return sheet.model.metrics[metric].looks_ahead


def _side_by_side(sheet: Sheet, at: int) -> bool:
    """As in "EMEA vs APAC": a row for each of the values that stand on both sides."""
    if sheet.word(at) not in COMPARERS:
        return False
    several = [f for f in sheet.slots.filters if f.op == "in" and len(f.values) > 1]
    if len(several) != 1 or "filter" not in {sheet.slot(i) for i in range(at + 1, len(sheet))}:
        return False
    sheet.slots.group(several[0].field)
    sheet.take(at, "group", several[0].field)
    return True


def _grain(sheet: Sheet, at: int) -> bool:
    """As in "by month", "monthly", "each quarter", "month by month"."""
    word = sheet.word(at)
    if word in GRAIN_ADVERBS:
        return _take_grain(sheet, at, GRAIN_ADVERBS[word])
    grain = UNITS.get(word)
    if grain is None:
        return False
    if sheet.word(at + 1) == "by" and sheet.word(at + 2) == word:
        return _take_grain(sheet, at, grain, 3)
    before = sheet.left(at, {"calendar", "fiscal", "the"})
    if sheet.slot(before) == "order" or sheet.word(before) in {"which", "what"}:
        return "top" in sheet.slots.signals and _take_grain(sheet, at, grain)
    chained = sheet.word(at - 1) in CONJUNCTIONS and sheet.slot(at - 2) == "group"
    if not (sheet.word(before) in _EACH or sheet.text(at - 1) == "each" or chained):
        return False
    return _take_grain(sheet, at, grain)


def _take_grain(sheet: Sheet, at: int, grain: Grain, count: int = 1) -> bool:
    sheet.slots.group(grain)
    if sheet.slots.limit is not None and _says_each(sheet, at):
        sheet.slots.limit_per.append(grain)
    sheet.take(at, "group", grain, count)
    _take_grouper(sheet, at)
    return True


def _bucket_end(sheet: Sheet, at: int) -> bool:
    """As in "by month end", "at each quarter end": the balance at the end of every bucket."""
    span = sheet.spans[at]
    if span.time is None or not span.time.end_only or sheet.word(at - 1) not in _EACH or len(span.items) != 2:
        return False
    if sheet.figures and all(_looks_ahead(sheet, name) for name in sheet.figures):
        return False  # "due by year end" is a day, not a grouping
    grain = UNITS.get(span.items[0].stem)
    if grain == "year" and sheet.word(at - 1) == "by":
        return False  # "by year end" is a deadline, as "by the end of the year"
    return _take_grain(sheet, at, grain) if grain and span.items[1].text == "end" else False


def _dimension(sheet: Sheet, at: int) -> bool:
    names = [m.name for m in sheet.spans[at].meanings if m.kind == "dimension"]
    if not names or (sheet.text(at) in FORECAST_WORDS and sheet.word(at - 1) not in GROUPERS):
        return False
    if sheet.word(at - 1) == "only" and sheet.is_free(at - 1):
        return False  # "only net terms" narrows by what nobody knows
    name = next((n for n in names if sheet.model.dimensions[n].groupable), names[0])
    name = _country_of_whom(sheet, at, name)
    if name in REASONS.values() and not set(sheet.figures) & set(REASONS) and sheet.text(at) in {"reason", "reasons"}:
        return False  # of other figures no reason is known
    if sheet.word(at + 1) == "base":
        sheet.take(at, "noun", name, 2)
        _take_grouper(sheet, at, "noun")
        return True
    if not _is_grouping(sheet, at, name):
        sheet.take(at, "noun", name)
        return True
    sheet.slots.group(name)
    if sheet.slots.limit is not None and _says_each(sheet, at):
        sheet.slots.limit_per.append(name)
    sheet.take(at, "group", name)
    _take_grouper(sheet, at)
    return True


def _country_of_whom(sheet: Sheet, at: int, name: str) -> str:
    """As in "suppliers per country", "number of suppliers by country": their own, not that of the buying entity."""
    theirs = "supplier_country"
    if name != "entity_country" or theirs not in sheet.model.dimensions:
        return name
    owner = sheet.span(sheet.left(at, GROUPERS | {"in", "the", "each", "single"}))
    dimension = owner.one("dimension") if owner and owner is not sheet.span(at) else None
    counted = sheet.slots.metrics == ["active_suppliers"]
    each = sheet.word(at - 1) in GROUPERS or sheet.text(at - 1) == "each"
    return theirs if counted or (each and dimension is not None and dimension.name == "supplier") else name


def _says_each(sheet: Sheet, at: int) -> bool:
    """As in "top 3 categories in each region", "per region": the ranking starts again there."""
    place = sheet.left(at, {"the", "single", "individual"})
    return sheet.text(place) in {"each", "every", "per", "pro", "je", "par"}


def _take_grouper(sheet: Sheet, at: int, slot: str = "group") -> None:
    for place in range(at - 1, max(at - 5, -1), -1):
        if sheet.word(place) in GROUPERS and sheet.is_free(place):
            sheet.take(place, slot, "by")
        elif (sheet.word(place), sheet.word(place + 1)) == ("end", "of") or sheet.word(place) == "of":
            if sheet.word(place) == "end" and sheet.is_free(place):
                sheet.take(place, slot, "at the end of each", 2)
        elif sheet.word(place) not in {"the", "for", "down", "out", "up", "calendar", "fiscal", "a", "our"}:
            return


def _is_grouping(sheet: Sheet, at: int, name: str) -> bool:
    """Whether a dimension's name asks for a row each.

    Always, but for "our suppliers", "German suppliers", "supplier base".
    """
    before = sheet.left(at, {"calendar", "the", "our", "different", "various", "individual", "single"})
    if sheet.word(before) in GROUPERS | {"which", "list", "show"} or sheet.slot(before) in {"limit", "order"}:
        return True
    if sheet.word(at - 1) in CONJUNCTIONS and sheet.slot(at - 2) in {"group", "metric"}:
        return sheet.slot(at - 2) == "group" or name not in _NOUNS
    if name not in _NOUNS:
        return True
    return not _is_noun(sheet, at)


def _is_noun(sheet: Sheet, at: int) -> bool:
    """Whether the name says only whom we pay or who pays."""
    if sheet.slots.having and not sheet.slots.group_by:
        return False
    if ranks(sheet, at):
        return False  # "suppliers in Brazil by overdue": a list of them
    last_word = sheet.text(at - 1).rsplit(" ", 1)[-1]
    if sheet.slot(at - 1) == "filter" or last_word in _OWNERS:
        return True
    return sheet.word(at + 1) in _PLACES and sheet.slot(at + 2) == "filter"
