"""Which values of the data a stretch of the question means: the side of a country, the dimension beside a name."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.planning.slots import Sheet
from copilot.planning.vocabulary import COUNTRIES, Meaning
from copilot.planning.word_classes import CONJUNCTIONS, GROUPERS, NEGATIONS, STOP_WORDS

SUPPLIERS = frozenset({"supplier", "parent"})
"""Dimensions of whom we buy from."""


def comma_between(sheet: Sheet, at: int) -> bool:
    """Whether a comma stands between a place and the next one."""
    return "," in sheet.question[sheet.spans[at].end : sheet.spans[min(at + 1, len(sheet) - 1)].start]


def _beside(sheet: Sheet, at: int) -> tuple[Meaning | None, int]:
    """The dimension named right beside a value ("German entity", "category marketing"), and its place."""
    for place in (at + 1, sheet.left(at, {"is", "the", "of", "in", "from"} | NEGATIONS)):
        span = sheet.span(place)
        found = span.one("dimension") if span and sheet.is_free(place) else None
        if place < at and (sheet.meaning(place - 1, "filter") or "").startswith("supplier_country"):
            continue  # "French suppliers in Germany": they have their country
        if found is not None and not (place < at and _is_grouping(sheet, place)):
            return found, place
    return None, at


def _is_grouping(sheet: Sheet, at: int) -> bool:
    return sheet.word(sheet.left(at, {"the", "each"})) in {"by", "per", "and", "each"}


def chosen_values(sheet: Sheet, at: int, values: Sequence[Meaning]) -> tuple[list[Meaning], int, int]:
    """The values meant, and the first and last place they take with the noun beside them."""
    beside, place = _beside(sheet, at)
    first, last = at, at
    if beside is not None:
        wanted = [
            m for m in values if m.name == beside.name or (m.name in COUNTRIES and m.name == _country_of(beside.name))
        ]
        if wanted:
            values = wanted
            takes = place < at and beside.name == wanted[0].name and place == at - 1
            takes = takes or (
                place == at + 1
                and not ranks(sheet, place)
                and (beside.name == wanted[0].name or wanted[0].name == "entity_country")
            )
            first, last = (min(at, place), max(at, place)) if takes else (at, at)
    if any(m.name in COUNTRIES for m in values):
        countries = [m for m in values if m.name in COUNTRIES]
        grouped = any(
            m.name == "supplier_country" for span in sheet.spans for m in span.meanings if m.kind == "dimension"
        )
        counted = "supplier_country" if sheet.slots.metrics == ["active_suppliers"] else None
        meant = (
            _listed_with(sheet, at)
            or _listed_before(sheet, at)
            or _of_ones(sheet, at)
            or counted
            or ("supplier_country" if grouped else "entity_country")
        )
        return [next((m for m in countries if m.name == meant), countries[0])], first, last
    return _of_names(sheet, values, partial=sheet.spans[at].partial), first, last


def ranks(sheet: Sheet, noun: int) -> bool:
    """Whether "by" a figure stands after a noun, or opens the question ("by overdue, suppliers in Brazil")."""
    places = [i for i in range(len(sheet)) if sheet.word(i) in GROUPERS and sheet.slot(i + 1) == "metric"]
    return any(i > noun or all(sheet.word(k) in STOP_WORDS for k in range(i)) for i in places)


def _listed_with(sheet: Sheet, at: int) -> str | None:
    """The kind of country that the one before it in a list was read as."""
    if sheet.word(at - 1) in {"in", "from", "of"} and sheet.word(at - 2) in CONJUNCTIONS:
        joined = at - 3  # "in Germany and in France"
    else:
        joined = at - 2 if sheet.word(at - 1) in CONJUNCTIONS else at - 1 if at and comma_between(sheet, at - 1) else -1
    before = (sheet.meaning(joined, "filter") or " ").split()
    return before[0] if before and before[0] in COUNTRIES else None


def _listed_before(sheet: Sheet, at: int) -> str | None:
    """As in "German and French suppliers": the noun after the list holds for all of it."""
    place = at + 1
    while place < len(sheet):
        if sheet.word(place) in CONJUNCTIONS:
            place += 1
        elif not comma_between(sheet, place - 1):
            return None
        span = sheet.span(place)
        if span is None or not any(m.name in COUNTRIES for m in span.meanings):
            return None
        noun = sheet.span(place + 1)
        owner = noun.one("dimension") if noun else None
        if owner is not None:
            return _country_of(owner.name)
        place += 1
    return None


def _of_ones(sheet: Sheet, at: int) -> str | None:
    """As in "suppliers excluding the German ones", "French supplier spend"."""
    if sheet.text(at + 1).split(" ")[0] in {"supplier", "suppliers", "vendor", "vendors"}:
        return "supplier_country"
    named = any(m.name in SUPPLIERS for span in sheet.spans[:at] for m in span.meanings if m.kind == "dimension")
    return "supplier_country" if named and sheet.word(at + 1) in {"one", "ones"} else None


def _country_of(dimension: str) -> str:
    return "supplier_country" if dimension in SUPPLIERS | {"supplier_country"} else "entity_country"


def _of_names(sheet: Sheet, values: Sequence[Meaning], *, partial: bool) -> list[Meaning]:
    """A supplier before the group of the same name; everything else that differs is asked."""
    others = [m for m in values if m.name not in SUPPLIERS]
    suppliers = [m for m in values if m.name == "supplier"] or [m for m in values if m.name == "parent"]
    if partial:  # another group of that name is another reading
        names = {m.value for m in suppliers}
        others = [*others, *(m for m in values if m.name == "parent" and m.value not in names)]
    found = [*suppliers, *others]
    if not partial and len(found) == 1:
        _note_on_group(sheet, found[0], values)
    return found


def _note_on_group(sheet: Sheet, chosen: Meaning, values: Sequence[Meaning]) -> None:
    group = Meaning("value", "parent", chosen.value)
    counts = sheet.vocabulary.frequency
    if chosen.name == "supplier" and group in values and counts.get(group, 0) > counts.get(chosen, 0):
        sheet.slots.notes.append(
            f'Read as the supplier alone; say "supplier group {chosen.value}" for the whole group.'
        )
