"""What if: "what if the top 20 suppliers go to net 60", "if we take every discount above 12 %", "approvals 30 % faster"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from pydantic import ValidationError

from copilot.planning.slots import Sheet
from copilot.planning.vocabulary import COUNTRIES
from copilot.planning.word_classes import BOTTOM_WORDS, NEGATIONS, OVER, TOP_WORDS
from copilot.simulations.levers import (
    ApprovalSpeed,
    CaptureDiscounts,
    ExtendTerms,
    HurdleRate,
    Lever,
    RunDays,
    Selection,
    SpendGrowth,
    StopEarlyPayment,
    range_sentence,
)  # fmt: skip

_OPENERS = (
    ("what", "if"), ("what", "happen", "if"), ("what", "happen", "to"), ("what", "happen", "when"), ("if", "we"), ("if", "they"), ("if", "these"), ("if", "those"), ("if", "all"), ("if", "everyone"), ("if", "supplier"), ("simulate",), ("suppose",),
    ("assume",), ("assuming",), ("scenario",), ("combine",), ("was", "ware", "wenn"),
)  # fmt: skip
_NET = re.compile(r"\bnet (\d{1,3})$")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOVE = frozenset(
    "move moved put push pushed go goe went take took shift shifted switch switched get got bring brought change changed set extend extended "
    "lengthen stretch stretched negotiate renegotiate ask agree were was have had pay paid paying".split()
)
_GLUE = frozenset(
    "to at on onto from by for the a an our all every each any other their them they we us it and or then but also in of with would could can "
    "what happen happens change changes impact effect cash dpo do does is are be new invoice supplier vendor payment term day if "
    "combine combined scenario instead everyone everybody everything than stay stays put nothing else same only per week gain release free save".split()
)
_MORE_DAYS = frozenset("longer more extra additional later".split())
_FASTER = frozenset("faster quicker sooner".split())
_SLOWER = frozenset("slower later longer".split())
_GROWS = frozenset("grow grew grown growing rise rose increase increased up higher more".split())
_STOPPING = frozenset("stop stopped no nothing avoid never not".split())
_SHRINKS = frozenset("fall fell shrink shrinks shrank decrease decreased drop dropped down lower less".split())


def read_scenario(sheet: Sheet) -> None:
    """Take a what-if whole: its levers, whom they are about, and the glue. What is left over stops the turn."""
    if not _opens(sheet):
        return
    sheet.slots.signals.add("scenario")
    selection = _selection(sheet)
    for at in sheet.free():
        if sheet.is_free(at):
            _lever_at(sheet, at, selection)
    if sheet.slots.levers:
        for at in sheet.free():
            if {sheet.word(at), sheet.text(at)} & (_GLUE | _MOVE) or _names_what_moves(sheet, at):
                sheet.take(at, "scenario", "")


def _opens(sheet: Sheet) -> bool:
    for at in range(min(len(sheet), 8)):
        for words in _OPENERS:
            if all(sheet.word(at + i) == word or sheet.text(at + i) == word for i, word in enumerate(words)):
                sheet.take(at, "intent", "what if", len(words))
                return True
    return _faster_by(sheet) is not None


def _faster_by(sheet: Sheet) -> int | None:
    """The place of a percentage before "faster": a what-if without "what if"."""
    spans = enumerate(sheet.spans)
    return next(
        (at for at, s in spans if s.amount and s.amount.kind == "percent" and sheet.word(at + 1) in _FASTER), None
    )


def _lever_at(sheet: Sheet, at: int, selection: Selection) -> bool:
    return any(read(sheet, at, selection) for read in _READERS)


def _extend(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "net 60", "to 60 days", "terms by 15 days", "15 days longer"."""
    span = sheet.spans[at]
    term = span.one("value")
    match = _NET.search(term.value.lower()) if term and term.name == "payment_term" else None
    if match and _tells_whom(sheet, at, 1):
        return False
    if match:
        return _add(sheet, at, 1, lambda: ExtendTerms(net_days=int(match[1]), selection=selection, start=_start(sheet)))
    if sheet.word(at) == "net" and _tells_whom(sheet, at, 2):
        return False
    if sheet.word(at) == "net" and (days := _whole(sheet, at + 1)) is not None:
        return _add(sheet, at, 2, lambda: ExtendTerms(net_days=days, selection=selection, start=_start(sheet)))
    days = _whole(sheet, at)
    if days is not None and _bare_terms(sheet, at, days):
        sheet.slots.notes.append(f'Read "{days}" as net {days} days.')
        return _add(sheet, at, 1, lambda: ExtendTerms(net_days=days, selection=selection, start=_start(sheet)))
    if days is None or sheet.word(at + 1) != "day":
        return False
    before, after = sheet.word(at - 1), sheet.word(at + 2)
    if after in _MORE_DAYS or before == "by":
        return _add(
            sheet,
            at,
            3 if after in _MORE_DAYS else 2,
            lambda: ExtendTerms(add_days=days, selection=selection, start=_start(sheet)),
        )
    if before in {"to", "at"}:
        return _add(sheet, at, 2, lambda: ExtendTerms(net_days=days, selection=selection, start=_start(sheet)))
    return False


def _bare_terms(sheet: Sheet, at: int, days: int) -> bool:
    """As in "if they go to 45": a number of days that only terms can go to."""
    following = sheet.span(at + 1)
    ends = following is None or (following.is_word and sheet.word(at + 1) not in {"supplier", "percent", "%", "day"})
    return 5 <= days <= 180 and ends and sheet.word(at - 1) == "to" and sheet.word(at - 2) in _MOVE


def _tells_whom(sheet: Sheet, at: int, length: int) -> bool:
    """As in "all net 30 suppliers", "suppliers on net 30 go", "from net 30": terms that say whom it is about."""
    noun = sheet.span(at - 2)
    if sheet.word(at - 1) in {"on", "with", "at"} and noun is not None and noun.one("dimension") is not None:
        return sheet.word(at + length) in _MOVE
    following = sheet.span(at + length)
    return sheet.word(at - 1) == "from" or (following is not None and following.one("dimension") is not None)


def _discounts(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "take every discount above 12 %", "capture discounts > 15 % APR"."""
    if sheet.word(at) not in {"discount", "offer", "skonto"} and "discount" not in sheet.text(at):
        return False
    start = at
    while sheet.is_free(start - 1) and sheet.word(start - 1) in {
        "take",
        "capture",
        "every",
        "all",
        "each",
        "any",
        "the",
        "accept",
        "more",
    }:
        start -= 1
    if start == at:
        return False
    hurdle, end = _rate_after(sheet, at + 1)
    lever = CaptureDiscounts(selection=selection) if hurdle is None else None
    if lever is not None:
        return _add(sheet, start, at + 1 - start, lambda: lever)
    return _add(sheet, start, end - start, lambda: CaptureDiscounts(hurdle=hurdle or Decimal(0), selection=selection))


def _rate_after(sheet: Sheet, at: int) -> tuple[Decimal | None, int]:
    """A percentage after "above" or "over", and the place after it with its unit."""
    place = at
    while sheet.word(place) in OVER | {
        "that",
        "with",
        "yield",
        "an",
        "a",
        "return",
        "apr",
        "of",
        "at",
        "least",
        "more",
        "than",
    } or sheet.text(place) in {">", ">="}:
        place += 1
    span = sheet.span(place)
    if span is None or span.amount is None or span.amount.kind != "percent":
        return None, at
    place += 1
    while sheet.text(place) in {"apr", "annual", "annualised", "annualized", "return", "a", "year"}:
        place += 1
    return span.amount.value, place


def _approval(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "approvals 30 % faster"."""
    if not (sheet.text(at).startswith(("approv", "approval")) or "approval" in sheet.text(at)):
        return False
    place = _faster_by(sheet)
    amount = sheet.spans[place].amount if place is not None else None
    if place is None or amount is None or not at < place < at + 6:
        return False
    return _add(sheet, at, place + 2 - at, lambda: ApprovalSpeed(faster=amount.value, selection=selection))


def _runs(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "pay only on Tuesdays", "payment runs on Monday and Thursday"."""
    days: list[int] = []
    place = at
    while (day := sheet.text(place).removesuffix("'s").removesuffix("s")) in _WEEKDAYS or (
        days and sheet.word(place) in {"and", "run"}
    ):
        if day in _WEEKDAYS:
            days.append(_WEEKDAYS.index(day))
        place += 1
    before = sheet.word(at - 1)
    if not days or before in NEGATIONS | {"drop", "skip", "cancel"} or before not in {"on", "only", "run", "to"}:
        return False
    return _add(sheet, at, place - at, lambda: RunDays(weekdays=tuple(sorted(set(days))), selection=selection))


def _early(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "stop paying early", "no early payments"."""
    if "early" not in sheet.text(at).split():
        return False
    start = at
    while sheet.is_free(start - 1) and sheet.text(start - 1) in _STOPPING | {"paying", "pay", "supplier", "suppliers"}:
        start -= 1
    if start == at or not {sheet.text(i) for i in range(start, at)} & _STOPPING:
        return False
    return _add(sheet, start, at + 1 - start, lambda: StopEarlyPayment(tolerance_days=0, selection=selection))


def _growth(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "spend grows 10 %", "10 % more spend", "spend falls by 5 %"."""
    span = sheet.spans[at]
    if span.amount is None or span.amount.kind != "percent":
        return False
    around = range(max(0, at - 5), min(len(sheet), at + 4))
    spend = next(
        (
            i
            for i in around
            if any(m.kind == "metric" and m.name in {"spend", "purchases"} for m in sheet.spans[i].meanings)
        ),
        None,
    )
    moves = {sheet.word(i) for i in around}
    if spend is None or not moves & (_GROWS | _SHRINKS):
        return False
    sign = -1 if moves & _SHRINKS else 1
    for place in around:
        if sheet.is_free(place) and (place == spend or sheet.word(place) in _GROWS | _SHRINKS | {"by"}):
            sheet.take(place, "scenario", "spend growth")
    return _add(
        sheet,
        at,
        1,
        lambda: SpendGrowth(growth=sign * (span.amount.value if span.amount else Decimal(0)), selection=selection),
    )


def _hurdle(sheet: Sheet, at: int, selection: Selection) -> bool:
    """As in "hurdle at 10 %", "cost of capital 9 %", "our revolver rate were 9 %"."""
    if not (sheet.spans[at].one("external") or sheet.word(at) in {"hurdle", "wacc", "revolver"}):
        return False
    place = at + 1
    while (
        sheet.word(place) in {"rate", "at", "of", "is", "be", "was", "were", "cost", "costs", "to", "="}
        or sheet.text(place) == "="
    ):
        place += 1
    span = sheet.span(place)
    if span is None or span.amount is None or span.amount.kind != "percent":
        return False
    rate = span.amount.value
    return _add(sheet, at, place + 1 - at, lambda: HurdleRate(rate=rate, selection=selection))


_READERS = (_extend, _discounts, _approval, _runs, _early, _growth, _hurdle)


def _add(sheet: Sheet, at: int, count: int, make: Callable[[], Lever]) -> bool:
    """One more lever; a value outside its range is kept for the refusal."""
    try:
        lever = make()
    except ValidationError as error:
        words = sheet.question[sheet.spans[at].start : sheet.spans[at + count - 1].end]
        sheet.slots.out_of_range.append(f'"{words}": {range_sentence(error)}')
        sheet.take(at, "scenario", "out of range", count)
        return True
    sheet.slots.levers.append(lever)
    sheet.take(at, "scenario", lever.kind.replace("_", " "), count)
    return True


def _whole(sheet: Sheet, at: int) -> int | None:
    span = sheet.span(at)
    if (
        span is None
        or span.amount is None
        or span.amount.kind != "plain"
        or span.amount.value != int(span.amount.value)
    ):
        return None
    return int(span.amount.value)


def _start(sheet: Sheet) -> date | None:
    """As in "from January": when it begins."""
    for at in range(1, len(sheet)):
        reading = sheet.spans[at].time
        if reading is not None and sheet.word(at - 1) in {"from", "starting", "since", "as"}:
            period = reading.ahead if reading.ahead and reading.period.end <= sheet.clock.data_date else reading.period
            sheet.take(at - 1, "scenario", f"from {period.start.isoformat()}", 2)
            return period.start if period.start > sheet.clock.data_date else None
    return None


def _selection(sheet: Sheet) -> Selection:
    """Whom the levers are about: the largest suppliers, names, categories, countries, entities."""
    top = 0
    kept: dict[str, list[str]] = {
        "suppliers": [],
        "categories": [],
        "supplier_countries": [],
        "buying_entities": [],
        "excluded_suppliers": [],
    }
    now = _terms_of_those(sheet)
    for at in range(len(sheet)):
        span = sheet.spans[at]
        left_out = {sheet.word(at - 1), sheet.word(at - 2)} & (NEGATIONS | {"but", "except", "bar"})
        if (
            not left_out
            and sheet.word(at) in TOP_WORDS - BOTTOM_WORDS
            and (number := _whole(sheet, at + 1)) is not None
        ):
            top = number
            noun = sheet.span(at + 2)
            sheet.take(at, "scenario", f"the {number} largest suppliers", 3 if noun and noun.one("dimension") else 2)
            _take_by_spend(sheet, at + 3)
            continue
        values = [m for m in span.meanings if m.kind == "value" and m.name in _FIELDS and not span.one("metric")]
        if (len(values) != 1 and not _one_country(values)) or not sheet.is_free(at):
            continue
        chosen = next((m for m in values if m.name == "supplier_country"), values[0])
        negated = sheet.word(at - 1) in NEGATIONS
        name = "excluded_suppliers" if negated and chosen.name == "supplier" else _FIELDS[chosen.name]
        if negated and chosen.name != "supplier":
            continue
        kept[name].append(chosen.value)
        if chosen.name in COUNTRIES and not _says_supplier(sheet):
            sheet.slots.notes.append(f"{span.text.title()} is read as the country of the suppliers.")
        sheet.take(
            at - 1 if negated and sheet.is_free(at - 1) else at,
            "scenario",
            chosen.value,
            2 if negated and sheet.is_free(at - 1) else 1,
        )
    return Selection(top_suppliers=top, now_net_days=now, **{name: tuple(values) for name, values in kept.items()})


def _terms_of_those(sheet: Sheet) -> tuple[int, ...]:
    """As in "net 30 suppliers", "from net 30 to net 45": the terms of those whom it is about."""
    found: list[int] = []
    for at in sheet.free():
        term = sheet.spans[at].one("value")
        match = _NET.search(term.value.lower()) if term and term.name == "payment_term" else None
        days = int(match[1]) if match else _whole(sheet, at + 1) if sheet.word(at) == "net" else None
        length = 1 if match else 2
        if days is None or not _tells_whom(sheet, at, length):
            continue
        first = at - 1 if sheet.word(at - 1) == "from" and sheet.is_free(at - 1) else at
        sheet.take(first, "scenario", f"those at net {days}", at + length - first)
        found.append(days)
    return tuple(found)


_FIELDS = {
    "supplier": "suppliers", "category": "categories", "supplier_country": "supplier_countries", "buying_entity": "buying_entities",
    "entity_country": "supplier_countries",
}  # fmt: skip


def _says_supplier(sheet: Sheet) -> bool:
    return any("supplier" in sheet.text(at) or "vendor" in sheet.text(at) for at in range(len(sheet)))


def _one_country(values: list) -> bool:  # type: ignore[type-arg]  # meanings
    return bool(values) and {m.name for m in values} <= {"supplier_country", "entity_country"}


def _take_by_spend(sheet: Sheet, at: int) -> None:
    """As in "the top 20 suppliers by spend", which is what the largest are anyway."""
    if sheet.word(at) == "by" and sheet.span(at + 1) and any(m.name == "spend" for m in sheet.spans[at + 1].meanings):
        sheet.take(at, "scenario", "by purchases", 2)


def _names_what_moves(sheet: Sheet, at: int) -> bool:
    """Figures and nouns that a what-if names beside its levers: DPO, cash, terms, suppliers."""
    names = {(m.kind, m.name) for m in sheet.spans[at].meanings}
    return bool(
        names
        & {
            ("metric", "dpo_purchases"),
            ("metric", "wapt"),
            ("dimension", "supplier"),
            ("dimension", "payment_term"),
            ("ambiguous", "terms"),
        }
    )
