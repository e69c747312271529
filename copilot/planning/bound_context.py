"""What stands around a bound: its operator, the figure or the group beside it, the documents that are counted after it."""

from __future__ import annotations

from copilot.planning.amounts import Amount
from copilot.planning.calendar_words import UNITS
from copilot.planning.pass_figures import COUNT_OF
from copilot.planning.slots import Sheet
from copilot.planning.tagging import Span
from copilot.planning.word_classes import (
    COMPARATIVE_DOWN,
    COMPARATIVE_UP,
    DOCUMENT_NOUNS,
    GROUPERS,
    OVER,
    RANKING,
    SORT_WORDS,
    STOP_WORDS,
    SUBJECT_LINKS,
    UNDER,
)  # fmt: skip
from semantic_layer.query import Comparison

_SYMBOLS: dict[str, Comparison] = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "=", "!=": "!="}
AFTERWARDS: dict[tuple[str, str], Comparison] = {
    **{("or", word): ">=" for word in COMPARATIVE_UP | OVER | {"up"}},
    **{("and", word): ">=" for word in COMPARATIVE_UP | OVER | {"up", "upward"}},
    **{("or", word): "<=" for word in COMPARATIVE_DOWN | UNDER},
    **{("and", word): "<=" for word in COMPARATIVE_DOWN | UNDER | {"down"}},
}
FLIPPED: dict[Comparison, Comparison] = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "=": "!=", "!=": "="}
CLEARLY_MONEY = 1_000
"""A bare number from here on is an amount of money."""


def operator_at(sheet: Sheet, at: int) -> tuple[Comparison, int] | None:
    """The operator that starts at a place, and how many places it takes: "over", "more than", "at least", ">="."""
    word, following = sheet.word(at), sheet.word(at + 1)
    if sheet.text(at) in _SYMBOLS and sheet.span(at) and sheet.spans[at].items[0].kind == "symbol":
        return _SYMBOLS[sheet.text(at)], 1
    if word in COMPARATIVE_UP | COMPARATIVE_DOWN and following in {"than", "al"}:
        found: Comparison = ">" if word in COMPARATIVE_UP else "<"
        negated = sheet.word(at - 1) in {"no", "not"} and sheet.is_free(at - 1)
        return (FLIPPED[found], 2) if negated else (found, 2)
    for phrase, operator in ((("at", "least"), ">="), (("at", "most"), "<="), (("up", "to"), "<=")):
        if (word, following) == phrase:
            return operator, 2  # type: ignore[return-value]  # literals of Comparison
    if word in OVER | {"min", "minimum"}:
        return (">" if word in OVER else ">="), 1
    if word in UNDER | {"max", "maximum"}:
        return ("<" if word in UNDER else "<="), 1
    return None


def currency_at(sheet: Sheet, at: int) -> str | None:
    """The currency that stands at a place, or None."""
    span = sheet.span(at)
    found = [m for m in span.meanings if m.kind == "value" and m.name == "currency"] if span else []
    return found[0].value if found else None


def numeric_dimension(sheet: Sheet, at: int) -> str | None:
    """A dimension that only filters, by number or amount, at a place."""
    span = sheet.span(at)
    names = [m.name for m in span.meanings if m.kind == "dimension"] if span else []
    return next((n for n in names if sheet.model.dimensions[n].type in {"number", "money"}), None)


def figure_left(sheet: Sheet, at: int) -> str | None:
    """The figure right before a bound ("spend over 2m", "dpo is above 60")."""
    place = sheet.left(at, STOP_WORDS | {"by", "balance"})
    while (
        (span := sheet.span(place)) is not None and sheet.is_free(place) and (span.one("value") or span.one("filter"))
    ):
        place = sheet.left(place, STOP_WORDS)  # "spend in Germany over 100k"
    return sheet.meaning(place, "metric")


def bounded_before(sheet: Sheet, start: int) -> str | None:
    """The figure whose bound stands before "and" or "but", right before another bound."""
    joined = sheet.left(start, {"and", "but", "also", "with", "to", "from", "on"})
    said = sheet.meaning(joined, "having") if joined < start - 1 else None
    return said.split()[0] if said else None


def groups(sheet: Sheet, span: Span) -> bool:
    """Whether a span names a dimension that can be grouped by."""
    found = [sheet.model.dimensions[m.name] for m in span.meanings if m.kind == "dimension"]
    return bool(found) and found[0].groupable and not any(dimension.type in {"number", "money"} for dimension in found)


def can_count(amount: Amount, currency: str | None) -> bool:
    """Whether a number can count things: a small whole one without a currency."""
    return amount.kind == "plain" and currency is None and amount.value < CLEARLY_MONEY


def right_of_bound(sheet: Sheet, last: int) -> int:
    """The place after a bound, over the "or more" that belongs to it."""
    place = last + 1
    while sheet.meaning(place, "filter") in FLIPPED:
        place += 1
    return place


def counted(sheet: Sheet, at: int) -> str | None:
    """The figure whose number stands before it: "3 overdue invoices", "2 missed discounts", "20 invoices".

    Empty where such things cannot be counted; None where nothing that is counted stands there.
    """
    metric = sheet.meaning(at, "metric")
    if metric is not None and sheet.model.metrics[metric].unit == "money":
        named = COUNT_OF.get(metric, "")
        return named if named in sheet.model.metrics else ""
    if sheet.word(at) in DOCUMENT_NOUNS and sheet.text(at).endswith("s"):
        if (state := sheet.meaning(at + 1, "metric")) in COUNT_OF:
            return COUNT_OF[state]
        return "invoice_count" if "invoice_count" in sheet.model.metrics else ""
    return None


def group_before(sheet: Sheet, start: int) -> str:
    """The dimension named before a bound, else the supplier."""
    span = sheet.span(sheet.left(start, STOP_WORDS | SUBJECT_LINKS))
    dimension = span.one("dimension") if span else None
    return dimension.name if dimension else "supplier"


def words_left(sheet: Sheet, at: int) -> str:
    """The words before a place, over the words that carry no condition."""
    return sheet.text(sheet.left(at, STOP_WORDS))


def is_subject(sheet: Sheet, at: int) -> bool:
    """Whether "suppliers with|whose|have" stands before the figure that is bounded."""
    metric = sheet.left(at, STOP_WORDS)
    if _in_clause(sheet, metric) or is_terse(sheet, at):
        return True
    link = metric - 1
    while link >= 0 and (sheet.word(link) in SUBJECT_LINKS | STOP_WORDS or sheet.slot(link)):
        if sheet.word(link) in SUBJECT_LINKS or sheet.word(link) == "is":
            return any(span.one("dimension") for span in sheet.spans[:link])
        link -= 1
    return False


def _in_clause(sheet: Sheet, metric: int) -> bool:
    """As in "suppliers we owe more than 500k": a clause about each of them, without "that"."""
    place = metric if sheet.text(metric).startswith("we ") else sheet.left(metric, {"have", "had"})
    if place != metric and sheet.word(place) != "we":
        return False
    owner = sheet.span(sheet.left(place, {"that", "who", "whom", "which", "where"}))
    return owner is not None and owner.one("dimension") is not None


def follows_documents(sheet: Sheet, at: int) -> bool:
    """As in "suppliers with overdue invoices over 10k": a bound right after documents is about each of them."""
    if sheet.word(at - 1) in DOCUMENT_NOUNS:
        return True
    span = sheet.span(at - 1)
    last = span.items[-1] if span and sheet.slot(at - 1) == "metric" else None
    return (
        last is not None and last.stem in DOCUMENT_NOUNS and sheet.question[last.start : last.end].lower().endswith("s")
    )


def is_terse(sheet: Sheet, at: int) -> bool:
    """As in "suppliers open AP over 500k": a group and its figure with no word between them."""
    metric = sheet.left(at, STOP_WORDS)
    owner = sheet.span(metric - 1)
    grouped = sheet.word(sheet.left(metric - 1, {"the"})) in GROUPERS
    return sheet.slot(metric) == "metric" and owner is not None and owner.one("dimension") is not None and not grouped


def group_left(sheet: Sheet, at: int) -> bool:
    """Whether a dimension stands right before the bound ("by supplier over 2m", "suppliers over 2m")."""
    place = sheet.left(at, STOP_WORDS | {"balance"})
    span = sheet.span(place)
    grain = sheet.word(place) in UNITS and sheet.word(place - 1) in {"per", "by", "each", "every"}
    return grain or (span is not None and span.one("dimension") is not None)


def is_grouped(sheet: Sheet) -> bool:
    """Whether a dimension asks for a row each: "by supplier", "top 5 suppliers", "which suppliers"."""
    leads = GROUPERS | {"which"}
    return any(
        span.one("dimension")
        and (sheet.word(i - 1) in leads or sheet.amount(i - 1) or sheet.word(i - 1) in RANKING | SORT_WORDS)
        for i, span in enumerate(sheet.spans)
    )


def points_back(sheet: Sheet, at: int) -> bool:
    """As in "only those above 100" after groups were named."""
    return sheet.word(sheet.left(at, {"is", "are", "with", "only"})) in {"those", "that", "these", "one"}


def names_overdue(sheet: Sheet, at: int) -> bool:
    """Whether "overdue" stands at a place as a condition of its own."""
    span = sheet.span(at)
    named = span.one("filter") if span else None
    return named is not None and named.name == "overdue"


def words_between(sheet: Sheet, start: int, last: int) -> str:
    """The words of the question from one place to another."""
    return sheet.question[sheet.spans[start].start : sheet.spans[last].end]


def figure_right(sheet: Sheet, start: int, last: int) -> str | None:
    """The figure right after a bound, where another one is asked for ("open AP for suppliers over 1m spend")."""
    place = last + 2 if sheet.word(last + 1) in {"of", "in"} else last + 1
    found = sheet.meaning(place, "metric")
    of_groups = sheet.word(start - 1) in SUBJECT_LINKS and any(s.one("dimension") for s in sheet.spans[:start])
    return found if found is not None and (len(sheet.figures) > 1 or of_groups) else None
