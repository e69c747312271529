"""Which documents count.

Values ("for Germany", "excluding utilities"), named conditions ("not disputed"), intercompany, currency.
"""

from __future__ import annotations

from copilot.planning.pass_causes import REASONS
from copilot.planning.pass_figures import LATENESS
from copilot.planning.ratios import nets_credits
from copilot.planning.slots import Sheet, Unclear
from copilot.planning.tagging import Span
from copilot.planning.value_choice import SUPPLIERS, chosen_values, comma_between
from copilot.planning.vocabulary import Meaning
from copilot.planning.word_classes import ADDITIONS, COMPARERS, CONJUNCTIONS, DOCUMENT_NOUNS, GROUPERS, NEGATIONS
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
_ORIGINAL = frozenset({"original", "local", "native", "document", "invoice", "transaction", "invoiced"})
_WITH_ORDER = "with_order"
_BECAUSE = frozenset({"because", "cause", "of", "due", "to", "by", "from"})
_OF_LINES = frozenset({"has_order", "has_contract"})


def read_conditions(sheet: Sheet) -> None:
    """Take every span that narrows the documents."""
    for at in sheet.free():
        if sheet.is_free(at):
            any(read(sheet, at) for read in (_yes_or_no, _named, _lateness, _as_invoiced, _net_of, _values, _orders))
    _both_sides(sheet)
    _weaker(sheet)


def _weaker(sheet: Sheet) -> None:
    """As in "overdue by more than 60 days": overdue says nothing beside the longer time."""
    bounds = [f for f in sheet.slots.filters if f.field == "days_past_due" and f.op in {">", ">="}]
    if len(bounds) > 1:
        sheet.slots.filters[:] = [f for f in sheet.slots.filters if f not in bounds or f.values != ("0",)]


def _both_sides(sheet: Sheet) -> None:
    """As in "with and without PO", "PO vs non-PO spend": a row for each, not both at once."""
    slots = sheet.slots
    for condition in tuple(slots.filters):
        boolean = sheet.model.dimensions[condition.field].type == "boolean" and condition.field != "intercompany"
        if boolean and condition.op == "in" and set(condition.values) == {"true", "false"}:
            slots.filters.remove(condition)
            slots.group(condition.field)
            for at in sheet.free():
                if sheet.word(at) in COMPARERS | CONJUNCTIONS and sheet.slot(at + 1) == "filter":
                    sheet.take(at, "group", condition.field)


def _negation_left(sheet: Sheet, at: int) -> int | None:
    """The place of the negation that reaches a value: over fillers, and over values joined to it."""
    place = at - 1
    while place >= 0:
        word = sheet.word(place)
        if word == "minus" and sheet.slot(at + 1) == "metric" and any(sheet.slot(i) == "metric" for i in range(place)):
            return None  # "MRO spend minus packaging spend" is a sum, not a condition
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
    return sheet.word(at + 1) in CONJUNCTIONS - {"but"} or sheet.slot(at + 1) == "filter" or comma_between(sheet, at)


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
    if owner is None or (meaning := owner.one("dimension")) is None or meaning.name not in SUPPLIERS:
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
    other = sheet.span(at + 2)
    about = about or (sheet.word(at + 1) in COMPARERS | CONJUNCTIONS and other is not None and _without_order(other))
    if not about and sheet.word(sheet.left(at, {"for", "the"})) not in NEGATIONS:
        return False
    if sheet.word(at - 1) in GROUPERS:
        return False
    _named_filter(sheet, at, _WITH_ORDER)
    return True


def _without_order(span: Span) -> bool:
    named = span.one("filter")
    return named is not None and named.name == "without_order"


def _of_a_supplier(sheet: Sheet, at: int, name: str) -> bool:
    """As in "suppliers with a contract": of suppliers nobody knows it, only of invoices and their lines."""
    owner = sheet.span(sheet.left(at, {"that", "who", "are", "we", "have"}))
    dimension = owner.one("dimension") if owner else None
    about_lines = {condition.field for condition in sheet.model.named_filters[name].filters} <= _OF_LINES
    return about_lines and dimension is not None and dimension.name in SUPPLIERS


def _lateness(sheet: Sheet, at: int) -> bool:
    """As in "overdue" beside another balance, which the figures left for here."""
    metric = sheet.spans[at].one("metric")
    if metric is None or metric.name not in LATENESS or "overdue" not in sheet.model.named_filters:
        return False
    _named_filter(sheet, at, "overdue")
    return True


def _named_filter(sheet: Sheet, at: int, name: str) -> None:
    left = _negation_left(sheet, at)
    first = at if left is None else left
    negated = _take_negation(sheet, left)
    joined = sheet.word(first - 1) in CONJUNCTIONS and sheet.word(first - 2) == "with" and sheet.is_free(first - 2)
    for condition in sheet.model.named_filters[name].filters:
        op, values = (_FLIPPED[condition.op] if negated else condition.op), condition.values
        if sheet.model.dimensions[condition.field].type == "boolean":
            flipped = tuple("false" if value == "true" else "true" for value in values)
            op, values = condition.op, flipped if negated else values
            if joined and values == ("false",):  # "with and without a PO"
                sheet.slots.add_filter(condition.model_copy(update={"values": ("true",), "words": "with"}))
                sheet.take(first - 2, "filter", f"both sides of {name}", 2)
        sheet.slots.add_filter(condition.model_copy(update={"op": op, "values": values, "words": sheet.spans[at].text}))
    sheet.take(at, "filter", f"{'not ' if negated else ''}{name}")


def _values(sheet: Sheet, at: int) -> bool:
    """Values of dimensions: names, countries, statuses, currencies."""
    span = sheet.spans[at]
    values = [m for m in span.meanings if m.kind == "value"]
    if not values or _after_addition(sheet, at) or _is_dating(sheet, at):
        return False
    chosen, first, last = chosen_values(sheet, at, values)
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
    if not negated and meaning.value == sheet.reporting_currency and _is_unit(sheet, at):
        sheet.slots.currency = meaning.value
        sheet.take(at, "currency", meaning.value)
        return True
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


def _is_unit(sheet: Sheet, at: int) -> bool:
    """As in "open AP (USD) by region", "spend USD": the reporting currency right after the figure, with no noun after it."""
    following = sheet.span(at + 1)
    noun = following is not None and (following.one("dimension") or sheet.word(at + 1) in DOCUMENT_NOUNS)
    return sheet.slot(at - 1) == "metric" and not noun and _is_money(sheet)


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
