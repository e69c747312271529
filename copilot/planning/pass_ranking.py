"""Order, limit, share and trend.

"top 10", "worst first", "share of", "over time", "which suppliers have the lowest".
"""

from __future__ import annotations

from copilot.planning.calendar_words import UNITS
from copilot.planning.slots import Sheet
from copilot.planning.tagging import Span
from copilot.planning.word_classes import (
    BEST_WORDS,
    CHANGE_WORDS,
    DRIFT_WORDS,
    GROUPERS,
    RANKING,
    SHARE_WORDS,
    SORT_WORDS,
    STOP_WORDS,
    TOP_WORDS,
    TREND_WORDS,
)  # fmt: skip

_MOST_ROWS = 1_000
_OF = frozenset({"of", "for", "at", "with", "from", "to"})
_SIZES = frozenset({"spend", "purchases", "payments_made"})
_SIZE_WORDS = frozenset({"amount", "value", "size", "total"})
_GO = frozenset("go goe went gone going come came coming been".split())
_OF_TIME = frozenset({"longest", "shortest", "slowest", "fastest"})
_BY_AGE = frozenset({"oldest"})
_AGE = "dpo_open_age"
_DIRECTIONS = {
    "descending": True, "desc": True, "ascending": False, "asc": False,
}  # fmt: skip
_COSTS = frozenset({"cost", "costing", "hurt"})


def read_ranking(sheet: Sheet) -> None:
    """Take the words that order, limit, share or draw out over time."""
    for at in sheet.free():
        if sheet.is_free(at):
            any(read(sheet, at) for read in (_limit, _ranked, _most, _sorted, _by_amount, _share, _trend))
    _ranked_by(sheet)


def _ranked_by(sheet: Sheet) -> None:
    """As in "spend and overdue by category, top 4 by overdue": the figure after "by"."""
    slots = sheet.slots
    if not slots.signals & {"top", "list"} and slots.limit is None:
        return
    named = [m for at in range(1, len(sheet)) if sheet.word(at - 1) in GROUPERS and (m := sheet.meaning(at, "metric"))]
    named = named or [m for at in range(1, len(sheet)) if (m := _adjective(sheet, at))]
    if len(set(named)) > 1 and slots.limit is not None:
        slots.unresolved.append(("two rankings", ""))
    if named and len(slots.metrics) > 1:
        slots.ranked_by = named[-1]
        slots.metrics.sort(key=lambda name: name != named[-1])


def _adjective(sheet: Sheet, at: int) -> str | None:
    """As in "the top 10 overdue suppliers": the figure between the ranking and what is ranked."""
    following = sheet.span(at + 1)
    ranked = (
        sheet.slot(at - 1) in {"limit", "order"} and following is not None and following.one("dimension") is not None
    )
    return sheet.meaning(at, "metric") if ranked else None


def _limit(sheet: Sheet, at: int) -> bool:
    """A number beside a ranking word ("top 10", "10 biggest") or right before a dimension ("5 suppliers")."""
    span = sheet.spans[at]
    if span.amount is None or span.amount.kind != "plain" or span.amount.value != int(span.amount.value):
        return False
    number = int(span.amount.value)
    following = sheet.span(at + 1)
    beside = sheet.word(at - 1) in RANKING or sheet.word(at + 1) in RANKING
    counted = following is not None and _has_rows(sheet, following) and sheet.word(at - 1) not in {"by", "per"}
    if not (beside or counted) or not 0 < number <= _MOST_ROWS:
        return False
    if sheet.slots.limit is not None:
        return False  # a second ranking: left over, so that it stops the turn
    sheet.slots.limit = number
    sheet.take(at, "limit", str(number))
    return True


def _has_rows(sheet: Sheet, span: Span) -> bool:
    """Whether there can be a row for each: of suppliers, not of "days past due"."""
    found = [sheet.model.dimensions[m.name] for m in span.meanings if m.kind == "dimension"]
    return bool(found) and not any(dimension.type in {"number", "money"} for dimension in found)


def _ranked(sheet: Sheet, at: int) -> bool:
    word = sheet.word(at)
    if word not in RANKING:
        return False
    slots = sheet.slots
    if _orders_nothing(sheet, at):
        return False
    if word == "most" and sheet.meaning(at + 1, "metric") == "past_due_ap":
        slots.by_age_or_money = sheet.question[sheet.spans[at].start : sheet.spans[at].end]
    _of_the_largest(sheet, at)
    slots.signals.add("top")
    if slots.limit is None and word not in BEST_WORDS and _names_one(sheet, at + 1):
        slots.limit = 1
    count = 2 if sheet.word(at + 1) == "first" else 1
    if count == 2:
        slots.signals.add("list")
    if word in BEST_WORDS:
        if slots.by_direction not in {None, word}:
            return False  # both ends at once: left over, so that it stops the turn
        slots.by_direction = "best" if word == "best" else "worst"
        sheet.take(at, "order", f"{word} first", count)
        return True
    slots.descending = word in TOP_WORDS
    if word in _BY_AGE and not _by_age(sheet):
        return False
    sheet.take(at, "order", "highest first" if slots.descending else "lowest first", count)
    return True


def _by_age(sheet: Sheet) -> bool:
    """As in "oldest unpaid invoice": the age in days orders the rows, not the money; of other figures there is no age."""
    slots = sheet.slots
    if slots.metrics == ["past_due_ap"]:
        slots.filters += sheet.model.named_filters["overdue"].filters
    elif slots.metrics not in (["open_ap"], ["open_invoice_count"], [_AGE]):
        return False
    slots.documents = True
    slots.metrics[:] = [_AGE, "open_ap"]
    slots.ranked_by = _AGE
    return True


def _orders_nothing(sheet: Sheet, at: int) -> bool:
    """Whether a ranking word cannot order the rows: both ends at once, a change, days where there is money."""
    word, slots = sheet.word(at), sheet.slots
    if slots.descending not in {None, word in TOP_WORDS} and word not in BEST_WORDS:
        return True
    if sheet.word(at + 1) in CHANGE_WORDS or sheet.slot(at + 1) == "compare":
        return True  # rows are ordered by a figure, not by how it changed
    return word in _OF_TIME and bool(sheet.figures) and sheet.model.metrics[sheet.figures[0]].unit != "days"


def _of_the_largest(sheet: Sheet, at: int) -> None:
    """As in "DPO of our top 20 suppliers": the largest by what is not said, unless the figure is what is bought."""
    place = at - 1
    while place >= 0 and (sheet.word(place) in {"our", "the", "their"} or sheet.amount(place)):
        place -= 1
    asked = [m for m in sheet.slots.metrics if m not in _SIZES]
    ranked = any(sheet.word(i) in GROUPERS and sheet.slot(i + 1) == "metric" for i in range(at, len(sheet)))
    if sheet.word(place) in _OF and sheet.slot(place - 1) == "metric" and asked and not ranked:
        sheet.slots.largest_of = sheet.question[sheet.spans[place].start : sheet.spans[place].end]


def _names_one(sheet: Sheet, at: int) -> bool:
    """As in "the biggest category", "largest overdue invoice": one, not a list."""
    span = sheet.span(at)
    if span is None:
        return False
    following = sheet.span(at + 1)
    figure_alone = span.one("metric") is not None and span.one("dimension") is None
    if figure_alone and following is not None and following.one("dimension") is not None:
        return _names_one(sheet, at + 1)  # "the biggest overdue supplier"
    last = span.items[-1]
    if span.is_word and last.stem in UNITS:
        return last.text == last.stem  # "the top month"
    if span.one("dimension") is not None:
        return last.kind == "word" and last.text == last.stem
    return any(token.text == "invoice" for token in span.items) or sheet.text(at + 1) == "invoice"


def _most(sheet: Sheet, at: int) -> bool:
    """As in "cost us the most", "the least", "first"."""
    word = sheet.word(at)
    if word in _COSTS and any(sheet.word(i) in {"most", "least"} for i in range(at + 1, at + 4)):
        sheet.take(at, "order", "by what it costs")
        return True
    if word not in {"most", "least"}:
        return False
    sheet.slots.signals.add("top")
    sheet.slots.descending = word == "most"
    sheet.take(at, "order", "highest first" if word == "most" else "lowest first")
    return True


def _sorted(sheet: Sheet, at: int) -> bool:
    """As in "sorted descending", "ranked by", "high to low"."""
    word = sheet.word(at)
    if word in _DIRECTIONS:
        sheet.slots.signals |= {"top", "list"}
        sheet.slots.descending = _DIRECTIONS[word]
    elif word == "rank" and (following := sheet.span(at + 1)) is not None and following.one("dimension"):
        sheet.slots.signals |= {"top", "list"}
    elif (word, sheet.word(at + 1), sheet.word(at + 2)) in {("high", "to", "low"), ("low", "to", "high")}:
        sheet.slots.signals |= {"top", "list"}
        sheet.slots.descending = word == "high"
        sheet.take(at, "order", "highest first" if word == "high" else "lowest first", 3)
        return True
    elif word not in SORT_WORDS or (
        sheet.word(at + 1) not in {"by", "from", *_DIRECTIONS} | STOP_WORDS and at + 1 < len(sheet)
    ):
        return False
    else:
        sheet.slots.signals |= {"top", "list"}
    sheet.take(at, "order", "sorted")
    return True


def _by_amount(sheet: Sheet, at: int) -> bool:
    """As in "top 10 open invoices by amount", "overdue invoices sorted by value": the figure orders them anyway."""
    slots, following = sheet.slots, sheet.span(at + 1)
    ranked = slots.limit is not None or "top" in slots.signals
    if sheet.word(at) not in GROUPERS or following is None or not ranked or len(slots.metrics) != 1:
        return False
    amount = any(m.kind == "dimension" and sheet.model.dimensions[m.name].type == "money" for m in following.meanings)
    if not (amount or following.text in _SIZE_WORDS) or sheet.model.metrics[slots.metrics[0]].unit != "money":
        return False
    sheet.take(at, "order", "by amount", 2)
    return True


def _share(sheet: Sheet, at: int) -> bool:
    """As in "share of spend", "% of spend", "what percentage of"."""
    word = sheet.text(at) if sheet.text(at) == "%" else sheet.word(at)
    if word not in SHARE_WORDS:
        return False
    if word == "%" and sheet.word(at + 1) not in {"of", "share"}:
        return False
    ratios = [name for name in sheet.figures if sheet.model.metrics[name].unit == "ratio"]
    named = any(span.one("value") for span in sheet.spans)
    if ratios and named and word not in {"%", "percent", "percentage"}:
        return False  # "Brazil's share of late payments": a rate has no shares
    if not ratios:
        sheet.slots.signals.add("share")
    sheet.take(at, "intent", "share")
    return True


def _trend(sheet: Sheet, at: int) -> bool:
    word = sheet.word(at)
    over_time = word == "over" and sheet.word(at + 1) == "time"
    over_time = over_time or (word in _GO and sheet.word(at + 1) in {"up", "down"} and bool(sheet.figures))
    if not (word in TREND_WORDS or word in DRIFT_WORDS or over_time):
        return False
    most = any(sheet.word(i) in {"most", "least"} for i in range(len(sheet)))
    group = any(s.one("dimension") for s in sheet.spans)
    if word in DRIFT_WORDS and (most or (group and sheet.slot(at + 1) == "metric")):
        return False  # a condition on how each group's figure moved, which cannot be asked
    sheet.slots.signals.add("trend")
    sheet.take(at, "intent", "trend", 2 if over_time else 1)
    return True
