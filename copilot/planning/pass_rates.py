"""How many of the documents: "what share of invoices was paid late", "% of bills paid on time"."""

from __future__ import annotations

from copilot.planning.pass_figures import PAID
from copilot.planning.slots import Sheet
from copilot.planning.word_classes import DOCUMENT_NOUNS, GROUPERS, NEGATIONS, SHARE_WORDS

_LATE, _ON_TIME = "late_rate", "on_time_rate"
_COUNT = "invoice_count"
_CAPTURED, _CAPTURE_RATE = "discount_captured", "discount_capture_rate"
_LATE_TERM = "late payments"
_OFTEN = frozenset({"often", "frequently", "frequent"})
_LATE_WORDS = frozenset({"late", "too late"})


def read_rates(sheet: Sheet) -> None:
    """Take a share of documents that were paid late or on time: the certified rate, by number of documents."""
    slots = sheet.slots
    known = sheet.model.metrics
    _most_often(sheet)
    if slots.metrics == [_CAPTURED] and _CAPTURE_RATE in known:
        _captured(sheet)
        return
    if set(slots.metrics) - {PAID, _ON_TIME, _COUNT} or slots.externals or not {_LATE, _ON_TIME} <= set(known):
        return
    share = next((at for at in sheet.free() if sheet.word(at) in SHARE_WORDS or sheet.text(at) == "%"), None)
    if share is None:
        _by_number(sheet)
    else:
        _by_share(sheet, share)


def _most_often(sheet: Sheet) -> None:
    """As in "which suppliers do we pay late most often": by the share of payments that were late."""
    slots = sheet.slots
    if slots.vague != [_LATE_TERM] or slots.metrics or _LATE not in sheet.model.metrics:
        return
    for at in sheet.free():
        if sheet.word(at) in _OFTEN and sheet.word(at - 1) in {"most", "least"}:
            slots.vague.clear()
            slots.metrics.append(_LATE)
            slots.notes.append(f"How often is read as the {sheet.model.metrics[_LATE].label.lower()}.")
            sheet.take(at, "metric", _LATE)
            return


def _by_share(sheet: Sheet, share: int) -> None:
    """As in "what share of payments were late"."""
    slots = sheet.slots
    documents = next((at for at in range(share + 1, len(sheet)) if _documents(sheet, at)), None)
    if documents is None or sheet.word(sheet.left(documents, {"our", "the", "all"})) != "of":
        return
    late = next((at for at in range(documents + 1, len(sheet)) if _late(sheet, at)), None)
    rate = _LATE if late is not None else _ON_TIME if _ON_TIME in slots.metrics else None
    if rate is None or any(sheet.word(at) in NEGATIONS for at in range(documents, len(sheet))):
        return
    slots.metrics[:] = [rate]
    sheet.take(share, "metric", rate)
    if late is not None:
        sheet.take(late, "metric", rate)
    for at in sheet.free():
        role = sheet.spans[at].one("role")
        if documents < at and role is not None and role.name == "payment_date":
            sheet.take(at, "metric", rate)


def _captured(sheet: Sheet) -> None:
    """As in "what % of discounts did we capture": of all that were offered. By groups it may be their shares."""
    ours = any(sheet.meaning(at, "metric") and "we" in sheet.text(at).split() for at in range(len(sheet)))
    if not ours and any(sheet.word(at) in GROUPERS for at in range(len(sheet))):
        return
    for at in sheet.free():
        if (sheet.word(at) in SHARE_WORDS or sheet.text(at) == "%") and sheet.word(at + 1) == "of":
            sheet.slots.metrics[:] = [_CAPTURE_RATE]
            sheet.take(at, "metric", _CAPTURE_RATE)
            return


def _by_number(sheet: Sheet) -> None:
    """As in "how many invoices did we pay on time": the rate, with the numbers that it is made of beside it."""
    slots = sheet.slots
    if _COUNT not in slots.metrics or slots.vague:
        return
    first = next(at for at in range(len(sheet)) if sheet.meaning(at, "metric") == _COUNT)
    late = next((at for at in range(first, len(sheet)) if _late(sheet, at)), None)
    paid = next((at for at in range(first, len(sheet)) if _says_paid(sheet, at)), None)
    negated = any(sheet.word(at) in NEGATIONS | {"and"} for at in range(len(sheet)))
    rate = _LATE if late is not None and paid is not None else _ON_TIME if _ON_TIME in slots.metrics else None
    if rate is None or negated:
        return
    slots.metrics[:] = [rate]
    slots.notes.append("The numbers behind the rate stand beside it in the table.")
    for at in (late, paid):
        if at is not None and sheet.is_free(at):
            sheet.take(at, "metric", rate)


def _says_paid(sheet: Sheet, at: int) -> bool:
    role = sheet.spans[at].one("role")
    return sheet.word(at) == "pay" or (role is not None and role.name == "payment_date")


def _documents(sheet: Sheet, at: int) -> bool:
    return sheet.word(at) in DOCUMENT_NOUNS or sheet.meaning(at, "metric") == PAID


def _late(sheet: Sheet, at: int) -> bool:
    found = sheet.span(at)
    named = found.one("filter") if found else None
    return named is not None and named.name == "overdue" and sheet.text(at) in _LATE_WORDS
