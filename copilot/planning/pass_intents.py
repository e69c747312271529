"""What the asker wants done.

Explain a figure, project it, or just see it; then the glue words, and what is left over.
"""

from __future__ import annotations

from copilot.planning.normalise import phrase
from copilot.planning.slots import Sheet
from copilot.planning.vocabulary import LEGAL_FORMS
from copilot.planning.word_classes import (
    COMPARERS,
    CONJUNCTIONS,
    DEFINE_WORDS,
    DOCUMENT_NOUNS,
    FORECAST_WORDS,
    GROUPERS,
    STOP_WORDS,
    SUBJECT_LINKS,
    TARGET_NAMES,
)  # fmt: skip

_WILL = frozenset({"will", "wird", "sera"})
_OWN = frozenset({"our", "ours", "we", "us", "my", "the"})
_UNITS_IN_WORDS = {
    "days": {"day", "d"},
    "money": {"$", "money", "dollar", "usd"},
    "ratio": {"%", "percent"},
    "count": {"count"},
}
_AFTER_BY = frozenset({"metric", "group", "time", "order", "limit", "filter", "having"})
_HOW = frozenset({"bad", "good", "big", "large", "high", "low", "healthy"})
_PURPOSES = frozenset(
    "board deck meeting call presentation pack committee boss auditor cfo ceo management steering review slide".split()
)
_SENDING = frozenset("send sent book post issue issued raise".split())
"""What makes a document, beside the number of documents by their own date."""
_OR = frozenset({"or", "oder", "ou"})


def read_intents(sheet: Sheet) -> None:
    """Take words that ask for a definition or a projection."""
    for at in sheet.free():
        word = sheet.word(at) or sheet.text(at)
        if word in DEFINE_WORDS and _is_definition(sheet, at):
            sheet.slots.signals.add("define")
            sheet.take(at, "intent", "define")
        elif word in FORECAST_WORDS or (word in _WILL and sheet.figures):
            sheet.slots.signals.add("forecast")
            sheet.take(at, "intent", "forecast")
    willed = any(sheet.slot(at) == "metric" and _WILL & set(sheet.text(at).split()) for at in range(len(sheet)))
    ahead = all(sheet.model.metrics[name].looks_ahead for name in sheet.figures)
    if willed and sheet.slots.period is not None and not ahead:
        sheet.slots.signals.add("forecast")  # "what will we owe at year end"
    if sheet.figures and not sheet.slots.signals & {"define", "forecast"} and _asks_what_it_is(sheet):
        sheet.slots.signals.add("define")


def _is_definition(sheet: Sheet, at: int) -> bool:
    """As in "mean" asks for a meaning only after "does"; alone it is a statistic."""
    if sheet.word(at) in {"mean", "means"}:
        return any(sheet.word(i) in {"does", "doe", "do", "what"} for i in range(at))
    return True


def _asks_what_it_is(sheet: Sheet) -> bool:
    """As in "What is DPO?" and nothing more; "what is our DPO" asks for the figure."""
    words = [sheet.word(i) for i in range(len(sheet)) if sheet.is_free(i)]
    starts = next((i for i in range(len(sheet) - 1) if (sheet.word(i), sheet.word(i + 1)) == ("what", "is")), None)
    how = any(
        (sheet.word(i), sheet.word(i + 1)) in {("how", "is"), ("how", "do"), ("how", "are")} for i in range(len(sheet))
    )
    if how and any(word in {"calculate", "compute", "define"} for word in words):
        return True
    only = all(sheet.is_free(i) or sheet.slot(i) == "metric" for i in range(len(sheet)))
    spoken = all(word in STOP_WORDS for word in words)
    return starts is not None and sheet.slot(starts + 2) == "metric" and only and spoken and not set(words) & _OWN


def read_leftovers(sheet: Sheet) -> None:
    """Take the glue; everything else is unresolved, and the question is not answered."""
    _either(sheet)
    for at in sheet.free():
        if not sheet.is_free(at):
            continue
        if _is_glue(sheet, at):
            sheet.take(at, "stop")
        else:
            span = sheet.spans[at]
            sheet.slots.unresolved.append(
                (sheet.question[span.start : span.end], sheet.word(sheet.left(at, {"the", "our"})))
            )
            sheet.take(at, "unresolved")


def _either(sheet: Sheet) -> None:
    """As in "from Germany or with French entities": conditions on two things, of which either would do."""
    conditions = {"filter", "having"}
    for at in sheet.free():
        if sheet.word(at) not in _OR:
            continue
        left, right = at - 1, at + 1
        while left >= 0 and sheet.slot(left) not in conditions and _between_conditions(sheet, left):
            left -= 1
        while (
            right < len(sheet)
            and sheet.slot(right) not in conditions | {"metric"}
            and _between_conditions(sheet, right)
        ):
            right += 1
        if (
            sheet.slot(left) in conditions
            and sheet.slot(right) in conditions | {"metric"}
            and not _one_list(sheet, left, right)
        ):
            sheet.slots.either = (sheet.covered(left), sheet.covered(right))


def _between_conditions(sheet: Sheet, at: int) -> bool:
    return sheet.is_free(at) or sheet.slot(at) in {"stop", "noun", "negation"}


def _one_list(sheet: Sheet, left: int, right: int) -> bool:
    """Whether both are values of one dimension: "Germany or France"."""
    first, second = ((sheet.meaning(at, "filter") or " ").split(maxsplit=2) for at in (left, right))
    return first[:1] == second[:1] and {*first[1:2], *second[1:2]} == {"="}


def _is_glue(sheet: Sheet, at: int) -> bool:
    span = sheet.spans[at]
    word = span.stem
    if not span.is_word:
        return span.text == "one"
    if word == "with" and sheet.word(at + 1) in CONJUNCTIONS - {"but"} and sheet.is_free(at + 1):
        return False  # "with and without": what should be with is not read
    if (
        word in STOP_WORDS
        or span.text in STOP_WORDS
        or word in DOCUMENT_NOUNS
        or word in CONJUNCTIONS
        or word in SUBJECT_LINKS
    ):
        return True
    if word in COMPARERS:
        return len(sheet.figures) > 1
    if word in GROUPERS:
        asks = (sheet.word(at + 1), sheet.word(at + 2)) == ("how", "much")  # "by how much"
        return asks or sheet.slot(at + 1) in _AFTER_BY or _leads_to_unknown(sheet, at)
    if _is_family_name(sheet, word) or _is_purpose(sheet, at):
        return True
    if word in LEGAL_FORMS and sheet.slot(at - 1) == "filter":
        return True
    return _is_unit(sheet, word) or _is_idle(sheet, at, word)


def _is_purpose(sheet: Sheet, at: int) -> bool:
    """As in "for the board", "for my deck tomorrow", "if possible": what the answer is for."""
    if sheet.word(at) in {"possible", "poss"}:
        return sheet.word(at - 1) in {"if", "where", "when"}
    if sheet.word(at) == "if":
        return sheet.word(at + 1) in {"possible", "poss"}
    if sheet.word(at) not in _PURPOSES:
        return False
    place = at - 1
    while sheet.word(place) in _PURPOSES | {"the", "my", "our", "a", "an", "next"}:
        place -= 1
    return sheet.word(place) == "for"


def _is_family_name(sheet: Sheet, word: str) -> bool:
    """As in "what discounts are on the table": the family's name beside figures of the family."""
    named = set(sheet.slots.metrics)
    return bool(named) and any(
        phrase(term.term) == (word,) and named <= set(term.metrics) for term in sheet.model.ambiguous_terms
    )


def _is_an_average(sheet: Sheet) -> bool:
    """Whether every figure is an average over the documents of a period already, weighted by amount."""
    found = [sheet.model.metrics[name] for name in sheet.figures]
    averages = bool(found) and all(m.kind == "ratio" and m.unit == "days" and m.time_role != "as_of" for m in found)
    if averages:
        sheet.slots.notes.append("The average is weighted by amount.")
    return averages


def _is_a_median(sheet: Sheet) -> bool:
    """Whether every figure is a time of which the catalogue has the median, and says so."""
    found = [sheet.model.metrics[name] for name in sheet.figures]
    medians = bool(found) and all(m.kind == "duration" and "median" in m.label.lower() for m in found)
    if medians:
        sheet.slots.notes.append(
            "This is the median, not the average: a few very slow documents would move an average."
        )
    return medians


def _leads_to_unknown(sheet: Sheet, at: int) -> bool:
    """Whether the next word is unresolved itself: naming it says enough."""
    return sheet.is_free(at + 1) and not _is_glue(sheet, at + 1)


def _is_unit(sheet: Sheet, word: str) -> bool:
    """Units that the figure has anyway: "DPO in days", "capture rate in %", "% and $" of a change."""
    if "change" in sheet.slots.signals and word in {"%", "$"}:
        return True
    units = {sheet.model.metrics[name].unit for name in sheet.figures}
    return any(word in _UNITS_IN_WORDS[unit] for unit in units)


def _is_idle(sheet: Sheet, at: int, word: str) -> bool:
    """Words that repeat what a neighbour says.

    "over the last year", "unpaid" beside a balance, "target" beside its number.
    """
    if word in {"over", "during"}:
        return any(sheet.slot(i) == "time" for i in (at + 1, at + 2))
    if word in {"unpaid", "outstanding", "open", "balance"}:
        return any(sheet.model.metrics[name].time_role == "as_of" for name in sheet.figures)
    if word in {"make", "up"} and sheet.slots.share_asked:
        return True  # "which make up what share"
    if word == "average":
        return sheet.slots.rolling is not None or _is_an_average(sheet) or _is_a_median(sheet)
    if word in TARGET_NAMES:
        return sheet.slots.target is not None
    if word in {"up", "down", "higher", "lower"}:
        return sheet.slots.compare is not None or sheet.slots.compare_grain is not None
    if sheet.word(at - 1) == "how" and word in _HOW:
        return True
    if word in {"take", "took", "taking"}:
        return bool(sheet.figures) and all(sheet.model.metrics[name].unit == "days" for name in sheet.figures)
    if word in _SENDING:
        return sheet.figures == ("invoice_count",)
    return word in {"median", "typical"} and any(sheet.model.metrics[name].kind == "duration" for name in sheet.figures)
