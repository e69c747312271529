"""When: the period, and the date of a document that it means ("paid in October")."""

from __future__ import annotations

from copilot.planning.calendar_words import ROLLING
from copilot.planning.slots import Sheet, Unclear
from copilot.planning.tagging import Span
from copilot.planning.word_classes import DOCUMENT_NOUNS, STOP_WORDS
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS, Period
from semantic_layer.query import Window
from semantic_layer.resolver import join_path

_PREPOSITIONS = frozenset(
    {"in", "on", "during", "by", "at", "within", "since", "for", "between", "was", "were", "are", "is"}
)
_KNOWING = frozenset({"known", "knew", "know"})
_UNTIL = frozenset("by until till til through thru before bis to from after".split())
_DONE = {
    "pay": "payment_date",
    "settle": "payment_date",
    "receive": "received_date",
    "get": "received_date",
    "approve": "approved_date",
    "came": "received_date",
    "come": "received_date",
    "arrive": "received_date",
    "arrived": "received_date",
}
"""Verbs of what happens to a document, and its date."""
_PROCESSED = (("receive", "received"), ("approve", "approved"), ("pay", "paid"))
"""What "process" can mean, as said after "did we" and after "were"."""
_MARKS = _UNTIL | frozenset("of at by per zum au on until through during within over end from after".split())


def read_timing(sheet: Sheet) -> None:
    """Take the period and the date it means."""
    _knowledge(sheet)
    for at in sheet.free():
        if sheet.is_free(at) and sheet.spans[at].time is not None:
            _period(sheet, at)
    for at in sheet.free():
        if sheet.is_free(at):
            _role(sheet, at)
    for at in sheet.free():
        if sheet.is_free(at):
            _done(sheet, at)


def _knowledge(sheet: Sheet) -> None:
    """As in "as known on 2 July", "as we knew it on 2 July": a day of knowledge, not a period."""
    for at in sheet.free():
        if sheet.word(at) not in _KNOWING:
            continue
        place = at + 1
        while sheet.word(place) in {"it", "on", "at", "by", "of", "then", "the", "end"}:
            place += 1
        span = sheet.span(place)
        if span is None or span.time is None or not sheet.is_free(place):
            continue
        first = at
        while sheet.is_free(first - 1) and sheet.word(first - 1) in {"as", "we", "was", "it", "what"}:
            first -= 1
        sheet.slots.known_on = span.time.period.end
        sheet.take(first, "knowledge", span.time.period.end.isoformat(), place + 1 - first)
        return


def _period(sheet: Sheet, at: int) -> None:
    span = sheet.spans[at]
    reading = span.time
    if reading is None:
        return
    unclear_day(sheet, at)
    if (window := _window(span)) is not None:
        sheet.slots.rolling = window
        sheet.slots.signals.add("trend")
    elif sheet.slots.period is None:
        sheet.slots.period = reading
    elif sheet.slots.period.period != reading.period:
        sheet.slots.extra_periods.append(sheet.question[span.start : span.end])
    if _dates_documents(sheet, at):
        words = sheet.question[sheet.spans[at - 1].start : span.end]
        sheet.slots.unresolved.append((words, ""))
        sheet.take(at - 1, "unresolved", "", 2)
        return
    sheet.take(at, "time", str(reading.period))
    place = at - 1
    while sheet.is_free(place) and sheet.word(place) in _MARKS | {"the", "up"}:
        if sheet.word(place) in _MARKS or (sheet.word(place) == "up" and sheet.slots.until):
            sheet.slots.until = sheet.slots.until or (sheet.word(place) if sheet.word(place) in _UNTIL else "")
            sheet.take(place, "time", "preposition")
        place -= 1


def _dates_documents(sheet: Sheet, at: int) -> bool:
    """As in "unpaid invoices from 2024": when documents are from, of a balance that is read as of a day."""
    if sheet.word(at - 1) not in {"from", "dated", "issued", "of"} or not sheet.is_free(at - 1) or not sheet.figures:
        return False
    if sheet.word(at - 2) in DOCUMENT_NOUNS and sheet.is_free(at - 2):
        return any(sheet.model.metrics[name].time_role != "invoice_date" for name in sheet.figures)
    if sheet.word(at - 1) == "of":
        return False
    return all(
        m.time_role == "as_of" and m.unit in {"money", "count"} for m in (sheet.model.metrics[n] for n in sheet.figures)
    )


def unclear_day(sheet: Sheet, at: int) -> None:
    """Keep both readings of words that can be two days, or a day and a month."""
    span = sheet.spans[at]
    if span.time is not None and span.time.other is not None:
        ahead = sheet.slots.outflow or any(sheet.model.metrics[name].looks_ahead for name in sheet.figures)
        meant = span.time.ahead if ahead and span.time.ahead else span.time.period
        days = (meant.start.isoformat(), _written(span.time.other))
        sheet.slots.unclear.append(Unclear(span.text, span.start, span.end, days=days))


def _written(period: Period) -> str:
    return period.start.isoformat() if period.start == period.end else f"{period.start:%Y-%m}"


def _window(span: Span) -> Window | None:
    """As in "rolling 3 month on-time rate": a span that ends with each month, not the last three months."""
    words = [token.text for token in span.items]
    if len(words) == 3 and words[2] in ROLLING:  # "3 month moving"
        words = [words[2], words[0], words[1]]
    if len(words) != 3 or words[0] not in ROLLING or words[2] not in GRAINS or not words[1].isdigit():
        return None
    grain = next(g for g in GRAINS if g == words[2])
    return Window(kind="rolling", size=int(words[1]), grain=grain)


def _role(sheet: Sheet, at: int) -> None:
    """A word of dating ("paid", "received", "due") beside the period, where the metrics have that date."""
    role = sheet.spans[at].one("role")
    if role is None or not sheet.figures or not _beside_period(sheet, at):
        return
    metrics = [sheet.model.metrics[name] for name in sheet.figures]
    own = all(metric.time_role == role.name for metric in metrics)
    if not own:
        if not all(role.name in dates_of(sheet.model, metric.name) for metric in metrics):
            return
        _date_by(sheet, role.name)
    sheet.take(at, "time", f"by {role.name.replace('_', ' ')}")


def _done(sheet: Sheet, at: int) -> None:
    """As in "how many invoices did we pay in October", "invoices that came in last week": documents by that date."""
    processed = sheet.text(at) == "processed" or (sheet.text(at) == "process" and _somebody_does(sheet, at))
    if processed and sheet.figures == ("invoice_count",):
        _ask_how_far(sheet, at)
        return
    named = sheet.spans[at].one("role")
    role = named.name if named else _DONE.get(sheet.word(at)) or _DONE.get(sheet.text(at))
    if role is None or not sheet.figures or any(sheet.model.metrics[n].unit != "count" for n in sheet.figures):
        return
    comes_in = sheet.text(at) in {"came", "come"}
    by_itself = sheet.text(at).startswith("arrive") or (comes_in and sheet.word(at + 1) == "in")
    if not by_itself and not _somebody_does(sheet, at):
        return
    if not all(role in dates_of(sheet.model, name) for name in sheet.figures):
        return
    _date_by(sheet, role)
    sheet.take(at, "time", f"by {role.replace('_', ' ')}", 2 if comes_in and sheet.is_free(at + 1) else 1)


def _date_by(sheet: Sheet, role: str) -> None:
    sheet.slots.time_role = role
    if role == "received_date" and "invoice_count" in sheet.figures:
        sheet.slots.notes.append("Invoices count once they are recognised: those still in process are left out.")


def _ask_how_far(sheet: Sheet, at: int) -> None:
    """As in "how many invoices did we process": received, approved or paid."""
    span = sheet.spans[at]
    done = span.text.endswith("ed")
    doings = tuple((participle if done else verb, participle) for verb, participle in _PROCESSED)
    sheet.slots.unclear.append(Unclear(span.text, span.start, span.end, doings=doings))
    sheet.take(at, "time", "")


def _somebody_does(sheet: Sheet, at: int) -> bool:
    """As in "did we receive", "we received", "did each entity receive"."""
    if sheet.word(at - 1) == "we":
        return True
    asked = {"did", "do", "does", "have", "has"}
    return sheet.slot(at - 1) == "group" and any(sheet.text(place) in asked for place in range(at))


def _beside_period(sheet: Sheet, at: int) -> bool:
    right = at + 1
    while sheet.word(right) in _PREPOSITIONS | {"the", "or", "before"} and sheet.is_free(right):
        right += 1
    return (
        sheet.slot(right) == "time" or sheet.slot(at + 1) == "time" or sheet.slot(sheet.left(at, STOP_WORDS)) == "time"
    )


def dates_of(model: SemanticModel, metric: str) -> frozenset[str]:
    """The dates by which a figure over a period can be read; none for balances, which have as-of dates."""
    parts = model.metrics[metric].parts
    if any(part.read != "period" for part in parts):
        return frozenset()
    found: frozenset[str] | None = None
    for part in parts:
        entity = model.measures[part.measure].entity
        reach = {
            role.name
            for name, candidate in model.entities.items()
            if join_path(model, entity, name) is not None
            for role in candidate.time_roles
        }
        found = frozenset(reach) if found is None else found & reach
    return found or frozenset()
