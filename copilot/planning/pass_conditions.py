"""Which documents count.

Values ("for Germany", "excluding utilities"), named conditions ("not disputed"), intercompany, currency.
"""

from __future__ import annotations

from collections.abc import Sequence

from copilot.planning.pass_causes import REASONS
from copilot.planning.pass_figures import LATENESS
from copilot.planning.ratios import nets_credits
from copilot.planning.slots import Sheet, Unclear
from copilot.planning.vocabulary import COUNTRIES, Meaning
from copilot.planning.word_classes import ADDITIONS, CONJUNCTIONS, DOCUMENT_NOUNS, GROUPERS, NEGATIONS
from semantic_layer.query import Filter, FilterOperator

_PLACES = frozenset({"entity_country", "supplier_country", "region", "currency"})
"""Dimensions of which a value that the mirror lacks is reported instead of answered with nothing."""

_FLIPPED: dict[str, FilterOperator] = {
    "=": "!=",
    "!=": "=",
    "in": "not in",
    "not in": "in",
    ">": "<=",
    "<=": ">",
    "<": ">=",
    ">=": "<",
}
_BETWEEN = (
    frozenset(
        {
            "the",
            "any",
            "all",
            "our",
            "for",
            "from",
            "in",
            "of",
            "be",
            "is",
            "are",
            "that",
            "those",
            "one",
            "ones",
            "other",
            "on",
            "under",
        }
    )
    | DOCUMENT_NOUNS
)
_EVERYTHING = frozenset({"all", "everything", "anything", "everyone"})
_SUPPLIERS = frozenset({"supplier", "parent"})
_ORIGINAL = frozenset({"original", "local", "native", "document", "invoice", "transaction", "invoiced"})
_WITH_ORDER = "with_order"
_BECAUSE = frozenset({"because", "cause", "of", "due", "to", "by", "from"})
_OF_LINES = frozenset({"has_order", "has_contract"})


def read_conditions(sheet: Sheet) -> None:
    """Take every span that narrows the documents."""
    for at in sheet.free():
        if sheet.is_free(at):
            any(read(sheet, at) for read in (_yes_or_no, _named, _lateness, _as_invoiced, _net_of, _values, _orders))


def _negation_left(sheet: Sheet, at: int) -> int | None:
    """The place of the negation that reaches a value: over fillers, and over values joined to it."""
    place = at - 1
    while place >= 0:
        word = sheet.word(place)
        if word == "bar" and place == at - 1:
            return place
        if word in {"but", "bar", "save"} and _all_before(sheet, place):
            return place
        if word in NEGATIONS and (sheet.is_free(place) or sheet.slot(place) == "negation"):
            return place
        joined = word in CONJUNCTIONS and place > 0 and sheet.slot(place - 1) == "filter"
        if not (word in _BETWEEN or joined or (sheet.slot(place) == "filter" and _reaches_on(sheet, place))):
            return None
        place -= 1
    return None


def _all_before(sheet: Sheet, at: int) -> bool:
    """As in "all but", "all categories but", "every region but"."""
    owner = sheet.span(at - 1)
    named = owner is not None and owner.one("dimension") is not None
    return sheet.word(at - 1) in _EVERYTHING or (named and sheet.word(at - 2) in _EVERYTHING | {"every", "any", "each"})


def _reaches_on(sheet: Sheet, at: int) -> bool:
    """Whether a value to the left hands its negation on.

    Only across "and", "or" or a comma, not across a new thought.
    """
    return sheet.word(at + 1) in CONJUNCTIONS - {"but"} or sheet.slot(at + 1) == "filter" or _comma_between(sheet, at)


def _comma_between(sheet: Sheet, at: int) -> bool:
    return "," in sheet.question[sheet.spans[at].end : sheet.spans[min(at + 1, len(sheet) - 1)].start]


def _take_negation(sheet: Sheet, place: int | None) -> bool:
    if place is not None and sheet.is_free(place):
        sheet.take(place, "negation")
    return place is not None


def _yes_or_no(sheet: Sheet, at: int) -> bool:
    """Intercompany and other dimensions that are true or false."""
    span = sheet.spans[at]
    meanings = (*_of_supplier(sheet, at), *span.meanings)
    found = next(
        (m for m in meanings if m.kind == "dimension" and sheet.model.dimensions[m.name].type == "boolean"), None
    )
    if found is None or sheet.word(sheet.left(at, {"the"})) in {"by", "per"}:
        return False
    negated = _take_negation(sheet, _negation_left(sheet, at))
    if found.name == "intercompany":
        return _intercompany(sheet, at, negated=negated)
    condition = Filter(field=found.name, op="=", values=("false" if negated else "true",), words=span.text)
    sheet.slots.add_filter(condition)
    sheet.take(at, "filter", f"{found.name} = {condition.values[0]}")
    return True


def _of_supplier(sheet: Sheet, at: int) -> tuple[Meaning, ...]:
    """What words right after "suppliers" mean of suppliers: "suppliers on hold" are not invoices on hold."""
    owner = sheet.span(sheet.left(at, {"that", "who", "which", "are", "is", "be", "not"}))
    if owner is None or (meaning := owner.one("dimension")) is None or meaning.name not in _SUPPLIERS:
        return ()
    return sheet.vocabulary.phrases.get(("supplier", *(token.stem for token in sheet.spans[at].items)), ())


def _intercompany(sheet: Sheet, at: int, *, negated: bool) -> bool:
    if negated:
        sheet.slots.notes.append("Intercompany suppliers are left out of every figure already.")
        sheet.take(at, "filter", "intercompany is left out by default")
        return True
    both = sheet.word(at - 1) in ADDITIONS and sheet.word(at + 1) != "only"
    start = at - 1 if both and sheet.is_free(at - 1) else at
    values = ("true", "false") if both else ("true",)
    sheet.slots.add_filter(
        Filter(field="intercompany", op="in" if both else "=", values=values, words=sheet.spans[at].text)
    )
    sheet.take(start, "filter", "intercompany included" if both else "intercompany only", at + 1 - start)
    return True


def _named(sheet: Sheet, at: int) -> bool:
    """Conditions that the model names by one phrase."""
    named = sheet.spans[at].one("filter")
    if named is None or _of_a_supplier(sheet, at, named.name):
        return False
    _named_filter(sheet, at, named.name)
    return True


def _orders(sheet: Sheet, at: int) -> bool:
    """As in "PO spend", "PO invoices only", "spend excluding PO": backed by an order, or not."""
    if sheet.word(at) != "po" or _WITH_ORDER not in sheet.model.named_filters:
        return False
    about = sheet.slot(at + 1) == "metric" or sheet.word(at + 1) in DOCUMENT_NOUNS
    if not about and sheet.word(sheet.left(at, {"for", "the"})) not in NEGATIONS:
        return False
    if sheet.word(at - 1) in GROUPERS:
        return False
    _named_filter(sheet, at, _WITH_ORDER)
    return True


def _of_a_supplier(sheet: Sheet, at: int, name: str) -> bool:
    """As in "suppliers with a contract": of suppliers nobody knows it, only of invoices and their lines."""
    owner = sheet.span(sheet.left(at, {"that", "who", "are", "we", "have"}))
    dimension = owner.one("dimension") if owner else None
    about_lines = {condition.field for condition in sheet.model.named_filters[name].filters} <= _OF_LINES
    return about_lines and dimension is not None and dimension.name in _SUPPLIERS


def _lateness(sheet: Sheet, at: int) -> bool:
    """As in "overdue" beside another balance, which the figures left for here."""
    metric = sheet.spans[at].one("metric")
    if metric is None or metric.name not in LATENESS or "overdue" not in sheet.model.named_filters:
        return False
    _named_filter(sheet, at, "overdue")
    return True


def _named_filter(sheet: Sheet, at: int, name: str) -> None:
    negated = _take_negation(sheet, _negation_left(sheet, at))
    for condition in sheet.model.named_filters[name].filters:
        op, values = (_FLIPPED[condition.op] if negated else condition.op), condition.values
        if negated and sheet.model.dimensions[condition.field].type == "boolean":
            op, values = condition.op, tuple("false" if value == "true" else "true" for value in values)
        sheet.slots.add_filter(condition.model_copy(update={"op": op, "values": values, "words": sheet.spans[at].text}))
    sheet.take(at, "filter", f"{'not ' if negated else ''}{name}")


def _values(sheet: Sheet, at: int) -> bool:
    """Values of dimensions: names, countries, statuses, currencies."""
    span = sheet.spans[at]
    values = [m for m in span.meanings if m.kind == "value"]
    if not values or _after_addition(sheet, at) or _is_dating(sheet, at):
        return False
    chosen, first, last = _choose(sheet, at, values)
    if _only_alike(sheet, at):
        return False
    if len(chosen) > 1:
        _take_negation(sheet, _negation_left(sheet, at))
        sheet.slots.unclear.append(Unclear(span.text, span.start, span.end, tuple(chosen)))
        sheet.take(first, "filter", "several values", last + 1 - first)
        return True
    meaning = chosen[0]
    if meaning.name == "currency" and sheet.word(at - 1) in {"many", "much"}:
        sheet.take(at, "stop")  # "how many dollars" asks for money
        return True
    negated = _take_negation(sheet, _negation_left(sheet, first))
    if meaning.name == "currency" and not negated and sheet.word(at - 1) in {"in", "en"} and _is_money(sheet):
        return _in_currency(sheet, at, meaning.value)
    if meaning.name in _PLACES and not sheet.has_value(meaning.name, meaning.value) and not negated:
        sheet.slots.absent.append((meaning.name, meaning.value))
    op: FilterOperator = "!=" if negated else "="
    sheet.slots.add_filter(Filter(field=meaning.name, op=op, values=(meaning.value,), words=span.text))
    sheet.take(first, "filter", f"{meaning.name} {op} {meaning.value}", last + 1 - first)
    _take_because(sheet, first, meaning.name)
    return True


def _take_because(sheet: Sheet, first: int, name: str) -> None:
    """As in "missed because of late approval": the words that lead to a reason."""
    for place in (first - 1, first - 2):
        if name in REASONS.values() and sheet.word(place) in _BECAUSE and sheet.is_free(place):
            sheet.take(place, "filter", "the reason")


def _as_invoiced(sheet: Sheet, at: int) -> bool:
    """As in "in original currency": amounts as invoiced, a row for each currency."""
    named = sheet.span(at + 1)
    kind = sheet.spans[at].one("dimension")
    whole = kind is not None and kind.name == "currency" and sheet.text(at) != "currency"
    split = sheet.word(at) in _ORIGINAL and named is not None and any(m.name == "currency" for m in named.meanings)
    if sheet.word(at - 1) not in {"in", "at"} or not (whole or split) or not _is_money(sheet):
        return False
    sheet.slots.currency = "document"
    if not any(f.field == "currency" for f in sheet.slots.filters):
        sheet.slots.group("currency")
    sheet.slots.notes.append("Amounts as invoiced, by currency.")
    sheet.take(at - 1, "currency", "as invoiced", 3 if split else 2)
    return True


def _net_of(sheet: Sheet, at: int) -> bool:
    """As in "spend minus credit notes", "net of credit notes": what most figures in money are already."""
    if not any(m.value == "Credit Note" for m in sheet.spans[at].meanings):
        return False
    first = at - 1 if sheet.word(at - 1) in {"minus", "less"} else at - 2
    if first == at - 2 and (sheet.word(first), sheet.word(at - 1)) != ("net", "of"):
        return False
    label = " and ".join(sheet.model.metrics[name].label for name in sheet.figures)
    if not sheet.figures or not all(nets_credits(sheet.model, name) for name in sheet.figures):
        return False
    sheet.slots.notes.append(f"{label} is net of credit notes already.")
    sheet.take(first, "filter", "net of credit notes", at + 1 - first)
    return True


def _only_alike(sheet: Sheet, at: int) -> bool:
    """As in "suppliers like Acme": which ones are alike nobody knows."""
    return sheet.word(at - 1) == "like" and sheet.is_free(at - 1) and sheet.spans[at].one("value") is not None


def _after_addition(sheet: Sheet, at: int) -> bool:
    """As in "including utilities" narrows nothing and adds nothing we know of: left for a question back."""
    return sheet.word(at - 1) in ADDITIONS - {"with", "plus"} and sheet.is_free(at - 1)


def _is_dating(sheet: Sheet, at: int) -> bool:
    """As in "approved in October": when it happened, not the state that documents are in now."""
    if sheet.spans[at].one("role") is None:
        return False
    right = at + 1
    while sheet.word(right) in {"in", "on", "during", "since", "between", "from"}:
        right += 1
    span = sheet.span(right)
    return span is not None and span.time is not None


def _is_money(sheet: Sheet) -> bool:
    return not sheet.figures or all(sheet.model.metrics[name].unit == "money" for name in sheet.figures)


def _in_currency(sheet: Sheet, at: int, code: str) -> bool:
    """As in "in EUR": the reporting currency, or documents of a currency in that currency."""
    if code == sheet.reporting_currency:
        sheet.slots.currency = code
        sheet.take(at - 1, "currency", code, 2)
        return True
    if not sheet.has_value("currency", code):
        sheet.slots.absent.append(("currency", code))
    sheet.slots.currency = "document"
    sheet.slots.add_filter(Filter(field="currency", op="=", values=(code,), words=f"in {code}"))
    sheet.slots.notes.append(f"Only documents in {code}, in {code} as invoiced.")
    sheet.take(at - 1, "currency", f"documents in {code}, as invoiced", 2)
    return True


def _beside(sheet: Sheet, at: int) -> tuple[Meaning | None, int]:
    """The dimension named right beside a value ("German entity", "category marketing"), and its place."""
    for place in (at + 1, sheet.left(at, {"is", "the", "of", "in", "from"} | NEGATIONS)):
        span = sheet.span(place)
        found = span.one("dimension") if span and sheet.is_free(place) else None
        if found is not None and not (place < at and _is_grouping(sheet, place)):
            return found, place
    return None, at


def _is_grouping(sheet: Sheet, at: int) -> bool:
    return sheet.word(sheet.left(at, {"the", "each"})) in {"by", "per", "and", "each"}


def _choose(sheet: Sheet, at: int, values: Sequence[Meaning]) -> tuple[list[Meaning], int, int]:
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
            takes = takes or (place == at + 1 and (beside.name == wanted[0].name or wanted[0].name == "entity_country"))
            first, last = (min(at, place), max(at, place)) if takes else (at, at)
    if any(m.name in COUNTRIES for m in values):
        countries = [m for m in values if m.name in COUNTRIES]
        grouped = any(
            m.name == "supplier_country" for span in sheet.spans for m in span.meanings if m.kind == "dimension"
        )
        counted = "supplier_country" if sheet.slots.metrics == ["active_suppliers"] else None
        meant = (
            _listed_with(sheet, at)
            or _of_ones(sheet, at)
            or counted
            or ("supplier_country" if grouped else "entity_country")
        )
        return [next((m for m in countries if m.name == meant), countries[0])], first, last
    return _of_names(sheet, values, partial=sheet.spans[at].partial), first, last


def _listed_with(sheet: Sheet, at: int) -> str | None:
    """The kind of country that the one before it in a list was read as."""
    if sheet.word(at - 1) in {"in", "from", "of"} and sheet.word(at - 2) in CONJUNCTIONS:
        joined = at - 3  # "in Germany and in France"
    else:
        joined = (
            at - 2 if sheet.word(at - 1) in CONJUNCTIONS else at - 1 if at and _comma_between(sheet, at - 1) else -1
        )
    before = (sheet.meaning(joined, "filter") or " ").split()
    return before[0] if before and before[0] in COUNTRIES else None


def _of_ones(sheet: Sheet, at: int) -> str | None:
    """As in "suppliers excluding the German ones"."""
    named = any(m.name in _SUPPLIERS for span in sheet.spans[:at] for m in span.meanings if m.kind == "dimension")
    return "supplier_country" if named and sheet.word(at + 1) in {"one", "ones"} else None


def _country_of(dimension: str) -> str:
    return "supplier_country" if dimension in _SUPPLIERS | {"supplier_country"} else "entity_country"


def _of_names(sheet: Sheet, values: Sequence[Meaning], *, partial: bool) -> list[Meaning]:
    """A supplier before the group of the same name; everything else that differs is asked."""
    others = [m for m in values if m.name not in _SUPPLIERS]
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
