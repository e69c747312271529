"""Figures that are meant and not named.

Lateness, falling due, what was paid or invoiced, what waits for approval, what is open.
"""

from __future__ import annotations

from copilot.planning.pass_figures import MANNER, PAID
from copilot.planning.slots import Sheet
from copilot.planning.word_classes import DOCUMENT_NOUNS, NEGATIONS, SHARE_WORDS

_SPEND = "spend"
_OPEN = "open_ap"
_WAITING = ("pending_approval_count", "pending_approval_value")
_WAITING_STATUS = ("pending_approval",)
_APPROVED = "approved"
_IN_PROCESS = "in_process_ap"
_NOT_APPROVED = frozenset({"unapproved", "non-approved", "unapprove"})
_BLOCKED = "blocked_ap"
_HELD = frozenset({"ap_hold", "on_hold", "booking_hold"})
_BILLING = frozenset({"invoice", "bill", "charge", "invoiced", "billed", "charged"})
_BEYOND_TERMS = "days_beyond_terms"
_PAYING = frozenset({"pay", "pays", "paying", "payer", "payers"})
_SLOWLY = frozenset({"slowest", "latest"})
_PROMPTLY = frozenset({"fastest", "earliest", "promptest", "quickest"})
_HAPPENED = frozenset({"invoice_date", "received_date", "approved_date"})
"""Dates of what happens to a document; what is paid or falls due is money of its own."""
_STATE_OPEN = frozenset({"open", "outstanding"})


def read_implied_figures(sheet: Sheet) -> None:
    """As in "late and over 1m", "invoices over 1m due next week": lateness and falling due name their balance."""
    slots = sheet.slots
    slots.documents = any({span.stem, span.text} & DOCUMENT_NOUNS or "invoice" in span.text for span in sheet.spans)
    _due_balances(sheet)
    _falling_due(sheet)
    _paid_in(sheet)
    _billed(sheet)
    _received(sheet)
    _waiting(sheet)
    _unapproved(sheet)
    _still_open(sheet)
    _held(sheet)
    _how_promptly(sheet)
    _late_otherwise(sheet)
    if sheet.figures or slots.vague or slots.externals or "past_due_ap" not in sheet.model.metrics:
        return
    late = [f for f in slots.filters if f.field == "days_past_due" and f.op in {">", ">="}]
    asks_share = any(sheet.word(at) in SHARE_WORDS or sheet.text(at) == "%" for at in sheet.free())
    if late and not asks_share:
        slots.filters[:] = [
            f for f in slots.filters if f not in late or f.values != ("0",)
        ]  # what past due means anyway
        slots.metrics.append("past_due_ap")
        slots.notes.append(f"No figure was named: read as {sheet.model.metrics['past_due_ap'].label.lower()}.")


def _falling_due(sheet: Sheet) -> None:
    """As in "due next week": what is open and falls due in the period; of invoices, a row each."""
    slots = sheet.slots
    due = next((at for at in sheet.free() if (r := sheet.spans[at].one("role")) and r.name == "due_date"), None)
    if due is None or sheet.figures or slots.externals or slots.outflow or "payments_due" not in sheet.model.metrics:
        return
    if slots.vague or not any(span.time for span in sheet.spans):
        return
    slots.metrics.append("payments_due")
    sheet.take(due, "metric", "payments_due")


def _paid_in(sheet: Sheet) -> None:
    """As in "paid last week by entity", "who did we pay in Q3": without another figure, what was paid."""
    slots = sheet.slots
    paid = next((at for at in sheet.free() if _says_paid(sheet, at)), None)
    if paid is None or _named(sheet) or PAID not in sheet.model.metrics:
        return
    if not any(span.time for span in sheet.spans) and not _asks_how_much(sheet):
        return
    if any(sheet.word(at) in NEGATIONS for at in sheet.free()):
        return
    slots.metrics.append(PAID)
    sheet.take(paid, "metric", PAID)
    if slots.documents:
        slots.signals |= {"top", "list"}


def _says_paid(sheet: Sheet, at: int) -> bool:
    """As in "paid", "did we pay"; "pay late" and "pay within 30 days" say how, of which there are other figures."""
    role = sheet.spans[at].one("role")
    if role is not None and role.name == "payment_date":
        return True
    did = sheet.word(at) == "pay" and sheet.word(at - 1) == "we" and sheet.word(at - 2) == "did"
    return did and not set(sheet.text(at + 1).split()) & MANNER


def _named(sheet: Sheet) -> bool:
    """Whether the question, or the answer that it follows up on, has a figure already."""
    slots = sheet.slots
    return bool(sheet.figures or slots.externals or slots.outflow or slots.vague)


def _asks_how_much(sheet: Sheet) -> bool:
    return any((sheet.word(at), sheet.word(at + 1)) == ("how", "much") for at in range(len(sheet)))


def _billed(sheet: Sheet) -> None:
    """As in "how much did Acme invoice us", "invoiced by Acme": what was bought, by invoice date."""
    if _named(sheet) or _SPEND not in sheet.model.metrics:
        return
    for at in sheet.free():
        words = {sheet.word(at), sheet.text(at)} & _BILLING
        by_them = sheet.text(at + 1) == "us" or (sheet.text(at).endswith("ed") and sheet.word(at + 1) == "by")
        if words and by_them:
            sheet.slots.metrics.append(_SPEND)
            sheet.take(at, "metric", _SPEND, 2)
            return


def _received(sheet: Sheet) -> None:
    """As in "invoices received in October", "bills approved last week": what was bought with them, a row each."""
    if _named(sheet) or _SPEND not in sheet.model.metrics:
        return
    for at in sheet.free():
        role = sheet.spans[at].one("role")
        dated = role is not None and role.name in _HAPPENED and sheet.word(at - 1) in DOCUMENT_NOUNS
        if dated and any(span.time for span in sheet.spans[at + 1 :]):
            sheet.slots.metrics.append(_SPEND)
            sheet.slots.notes.append("No figure was named: read as spend.")
            if not {sheet.word(place) for place in range(at)} & {"value", "amount", "total", "much"}:
                sheet.slots.signals |= {"top", "list"}
            return


def _waiting(sheet: Sheet) -> None:
    """As in "invoices waiting for approval": their value after "how much", their number after "how many", else both."""
    slots = sheet.slots
    status = [f for f in slots.filters if f.field == "status"]
    asked = len(status) == 1 and status[0].op == "=" and status[0].values == _WAITING_STATUS
    if not asked or slots.metrics not in ([], ["invoice_count"]) or slots.externals or slots.outflow:
        return
    if not set(_WAITING) <= set(sheet.model.metrics) or slots.vague:
        return
    count, value = _WAITING
    counted = slots.metrics == ["invoice_count"]
    slots.filters.remove(status[0])
    one_by_one = any(sheet.word(at) in {"which", "list"} for at in range(len(sheet)))
    slots.metrics[:] = [count] if counted else [value] if one_by_one or _asks_how_much(sheet) else [value, count]


def _unapproved(sheet: Sheet) -> None:
    """As in "invoices over 100k not approved yet", "what is unapproved": documents in process, of which there is a value."""
    slots = sheet.slots
    status = [f for f in slots.filters if f.field == "status"]
    negated = [f for f in status if f.op in {"!=", "not in"} and f.values == (_APPROVED,)]
    said = [at for at in sheet.free() if sheet.text(at) in _NOT_APPROVED]
    if not (negated or said) or len(status) > len(negated) or _IN_PROCESS not in sheet.model.metrics:
        return
    if slots.metrics not in ([], ["invoice_count"]) or slots.externals or slots.outflow or slots.vague:
        return
    slots.uncounted = _IN_PROCESS if slots.metrics else ""
    slots.filters[:] = [f for f in slots.filters if f not in negated]
    slots.metrics[:] = [_IN_PROCESS]
    slots.notes.append(f"Not approved is read as {sheet.model.metrics[_IN_PROCESS].label.lower()}.")
    for at in said:
        sheet.take(at, "metric", _IN_PROCESS)


def _still_open(sheet: Sheet) -> None:
    """As in "invoices over 10k open in France", "which bills are outstanding": the balance of open documents."""
    if _named(sheet) or _OPEN not in sheet.model.metrics:
        return
    balance = next((at for at in sheet.free() if sheet.word(at) == "balance"), None)
    if balance is not None and sheet.slots.filters:
        sheet.slots.metrics.append(_OPEN)
        sheet.slots.notes.append("Read as open payables.")
        sheet.take(balance, "metric", _OPEN)
        return
    for at in sheet.free():
        if (
            sheet.slots.documents
            and sheet.word(at) in _STATE_OPEN
            and sheet.word(sheet.left(at, {"still", "are"})) not in NEGATIONS
        ):
            sheet.slots.metrics.append(_OPEN)
            sheet.take(at, "metric", _OPEN)
            return


def _held(sheet: Sheet) -> None:
    """As in "what is on hold", "invoices in France on hold": what is blocked; suppliers on hold are another matter."""
    if _named(sheet) or _BLOCKED not in sheet.model.metrics:
        return
    held = [f for f in sheet.slots.filters if f.field == "status" and f.op in {"=", "in"} and set(f.values) <= _HELD]
    suppliers = any(
        m.name in {"supplier", "parent"} for span in sheet.spans for m in span.meanings if m.kind == "dimension"
    )
    asked = sheet.slots.documents or any(
        sheet.word(at) in {"what", "amount", "value", "much"} for at in range(len(sheet))
    )
    if held and asked and not suppliers:
        sheet.slots.metrics.append(_BLOCKED)


def _late_otherwise(sheet: Sheet) -> None:
    """As in "approved late", "received late": late by other dates than the due date, of which there is no figure."""
    for at in range(1, len(sheet)):
        before, late = sheet.spans[at - 1], sheet.text(at).split()
        role = before.one("role")
        if late[-1:] == ["late"] and role is not None and role.name in {"received_date", "approved_date"}:
            sheet.slots.unresolved.append((sheet.question[before.start : sheet.spans[at].end], ""))


def _how_promptly(sheet: Sheet) -> None:
    """As in "slowest paying entity", "which region pays latest": days beyond terms, the slowest or the promptest first."""
    if _named(sheet) or _BEYOND_TERMS not in sheet.model.metrics:
        return
    pays = next((at for at in sheet.free() if {sheet.word(at), sheet.text(at)} & _PAYING), None)
    how = next((at for at in sheet.free() if sheet.text(at) in _SLOWLY | _PROMPTLY), None)
    if pays is None or how is None or sheet.word(pays - 1) in {"first", "will", "to", "days"}:
        return
    slots = sheet.slots
    slots.metrics.append(_BEYOND_TERMS)
    slots.signals.add("top")
    slots.descending = sheet.text(how) in _SLOWLY
    slots.notes.append(f"Read as {sheet.model.metrics[_BEYOND_TERMS].label.lower()}.")
    who = next(
        (s.one("dimension") for s in (sheet.span(pays + 1), sheet.span(how + 1)) if s and s.one("dimension")), None
    )
    if who is not None and not slots.group_by and sheet.model.dimensions[who.name].groupable:
        slots.group(who.name)
    sheet.take(pays, "metric", _BEYOND_TERMS)
    sheet.take(how, "order", "highest first" if slots.descending else "lowest first")
    for at in sheet.free():
        if sheet.word(at) in {"bill", "invoice"} or sheet.text(at) in {"its", "their"}:
            sheet.take(at, "noun", "")


def _due_balances(sheet: Sheet) -> None:
    """As in "EUR payables due this month", "open AP due next week": what is open and falls due in that time."""
    slots = sheet.slots
    if slots.metrics != [_OPEN] or "payments_due" not in sheet.model.metrics:
        return
    for at in sheet.free():
        role, following = sheet.spans[at].one("role"), sheet.span(at + 1)
        if sheet.word(at + 1) in {"in", "on", "by", "within", "during", "before", "until"}:
            following = sheet.span(at + 2)
        if role is None or role.name != "due_date" or following is None or following.time is None:
            continue
        if following.time.ahead is not None or following.time.period.end > sheet.clock.data_date:
            slots.metrics[:] = ["payments_due"]
            sheet.take(at, "metric", "payments_due")
            return
