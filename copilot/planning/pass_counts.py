"""How many: documents counted instead of their money, and suppliers that meet a condition.

A figure in money is never the answer to "how many", nor a count the answer to "what amount".
"""

from __future__ import annotations

from copilot.planning.pass_figures import COUNT_OF
from copilot.planning.slots import Sheet
from copilot.planning.word_classes import CONJUNCTIONS, DOCUMENT_NOUNS

_TWINS = COUNT_OF | {"spend": "invoice_count"}
_MONEY_WORDS = frozenset({"amount", "value", "worth", "sum", "betrag", "montant"})
_SUPPLIERS_COUNTED = "active_suppliers"
_HAVING = frozenset({"have", "has", "had", "having"})
_WHO = frozenset({"who", "that", "which"})
_ASKS = {("how", "many"), ("number", "of"), ("count", "of"), ("combien", "de")}
_COUNTING = ("number", "how many", "count")
_MONEY_NOUNS = frozenset({"dollar", "euro", "pound", "usd", "eur", "money", "cash"})
_BESIDE = frozenset({"of", "the", "our", "open", "unpaid", "all", "these", "those"})


def read_counts(sheet: Sheet) -> None:
    """Turn figures in money to counts, or back, as the words ask; what cannot be counted stops the turn."""
    slots = sheet.slots
    _suppliers_asked(sheet)
    _documents_listed(sheet)
    if not slots.vague:
        asked = _asked_at(sheet)
        if asked is None:
            _worth(sheet)
        else:
            _count(sheet, asked)
        _number_and_amount(sheet)
    _count_beside_money(sheet)
    _open_counted(sheet)
    _related(sheet)
    _suppliers_counted(sheet)


def _count_beside_money(sheet: Sheet) -> None:
    """As in "total overdue and how many invoices is that": the documents of that figure, not all of the company."""
    slots = sheet.slots
    counted = [COUNT_OF[m] for m in slots.metrics if COUNT_OF.get(m) in sheet.model.metrics]
    if len(counted) == 1 and "invoice_count" in slots.metrics:
        slots.metrics[:] = dict.fromkeys(counted[0] if m == "invoice_count" else m for m in slots.metrics)
        for at in range(len(sheet)):
            if sheet.meaning(at, "metric") == "invoice_count":
                sheet.take(at, "metric", counted[0])  # what a bound on it is about
        return
    said = any(sheet.meaning(at, "metric") == "invoice_count" and _says_count(sheet, at) for at in range(len(sheet)))
    others = [sheet.model.metrics[m] for m in slots.metrics if m != "invoice_count"]
    odd = [m for m in others if m.unit == "money" and m.time_role not in {"invoice_date", "as_of"}]
    if said and odd and "invoice_count" in slots.metrics:
        slots.uncounted = odd[0].name


def _open_counted(sheet: Sheet) -> None:
    """As in "how many invoices over 1m are open": those that are not paid."""
    slots = sheet.slots
    if slots.metrics != ["invoice_count"] or "open_invoice_count" not in sheet.model.metrics:
        return
    for at in sheet.free():
        if sheet.word(at) in {"open", "outstanding"} and sheet.word(at - 1) not in {"not", "no"}:
            slots.metrics[:] = ["open_invoice_count"]
            sheet.take(at, "metric", "open_invoice_count")
            return


def _says_count(sheet: Sheet, at: int) -> bool:
    """As in "and number of invoices", "how many invoices", which are those of the figure beside; "invoice count" is not."""
    return sheet.text(at).startswith(_COUNTING) or sheet.word(at - 1) in {"of", "many"}


def _suppliers_asked(sheet: Sheet) -> None:
    """As in "how many of our suppliers", "number of Lieferanten": those that were bought from."""
    if _SUPPLIERS_COUNTED not in sheet.model.metrics:
        return
    for at in sheet.free():
        place = at + 2
        first = place
        while sheet.word(place) in {"of", "our", "the", "all", "active"} or (
            place < len(sheet) and sheet.spans[place].one("value")
        ):
            place += 1
        span = sheet.span(place)
        named = span.one("dimension") if span and sheet.is_free(place) else None
        if (sheet.word(at), sheet.word(at + 1)) in _ASKS and named is not None and named.name == "supplier":
            sheet.slots.metrics.insert(0, _SUPPLIERS_COUNTED)
            between = any(sheet.spans[i].one("value") for i in range(first, place))
            sheet.take(at, "metric", _SUPPLIERS_COUNTED, 2 if between else place + 1 - at)
            if between:
                sheet.take(place, "noun", "supplier")
            return


def _documents_listed(sheet: Sheet) -> None:
    """As in "invoices by region", "invoices processed in October": without a figure, their number."""
    slots = sheet.slots
    listed = any(
        sheet.word(i) in DOCUMENT_NOUNS and (sheet.word(i + 1) in {"by", "per"} or sheet.text(i + 1) == "processed")
        for i in range(len(sheet))
    )
    if listed and not slots.metrics and not slots.vague and not slots.externals:
        slots.metrics.append("invoice_count")
        slots.notes.append("Read as the number of invoices.")


def _asked_at(sheet: Sheet) -> int | None:
    """The place of what is counted: the documents or the figure after "how many", "number of", or documents further on."""
    for at in range(len(sheet)):
        if (sheet.word(at), sheet.word(at + 1)) in _ASKS:
            place = at + 2
        elif at == 0 and sheet.word(0) == "count":
            place = 1
        elif sheet.word(at) == "count" and sheet.is_free(at) and sheet.slot(at - 1) == "metric":
            return at - 1  # "missed discount count"
        else:
            continue
        while sheet.word(place) in _BESIDE:
            place += 1
        if sheet.word(place) in _MONEY_NOUNS or sheet.text(place) in _MONEY_NOUNS | {"us", "dollars", "euros"}:
            return None
        if any(m.value == "Credit Note" for m in sheet.spans[place].meanings) if place < len(sheet) else False:
            return place
        documents = (i for i in range(place, len(sheet)) if _names_documents(sheet, i))
        return place if sheet.slot(place) in {"metric", "ambiguous"} else next(documents, None)
    return None


def _names_documents(sheet: Sheet, at: int) -> bool:
    return sheet.word(at) in DOCUMENT_NOUNS or ("invoice" in sheet.text(at) and sheet.slot(at) == "metric")


def _count(sheet: Sheet, asked: int) -> None:
    """As in "How many …", "number of …": the count of the documents rather than their money."""
    slots = sheet.slots
    for at in sheet.free():
        if sheet.word(at) == "count":
            sheet.take(at, "metric", "number of documents")
    if not slots.metrics and not slots.externals and "invoice_count" in sheet.model.metrics:
        slots.metrics.append("invoice_count")
    both = [m for m in slots.metrics if COUNT_OF.get(m) in sheet.model.metrics] if _says_money(sheet) else []
    counted = [COUNT_OF[m] if COUNT_OF.get(m) in sheet.model.metrics else m for m in slots.metrics]
    slots.metrics[:] = dict.fromkeys([*counted, *both])
    uncounted = [m for m in counted if sheet.model.metrics[m].unit in {"money", "ratio"}]
    first = sheet.meaning(asked, "metric")
    slots.uncounted = uncounted[0] if uncounted and (len(counted) == 1 or first in uncounted) else ""


def _says_money(sheet: Sheet) -> bool:
    return any(
        sheet.word(at) in _MONEY_WORDS or (sheet.word(at), sheet.word(at + 1)) == ("how", "much") for at in sheet.free()
    )


def _worth(sheet: Sheet) -> None:
    """As in "pending approvals amount": the money of what the figure counts."""
    slots = sheet.slots
    if len(slots.metrics) != 1 or not _says_money(sheet):
        return
    money = next((name for name, count in COUNT_OF.items() if count == slots.metrics[0]), None)
    if money is not None and money in sheet.model.metrics:
        said = any(sheet.slot(at) == "metric" and sheet.text(at).startswith(_COUNTING) for at in range(len(sheet)))
        slots.metrics[:] = [*slots.metrics, money] if said else [money]  # "number of ... and their value"


def _number_and_amount(sheet: Sheet) -> None:
    """As in "overdue invoices, number and amount", "invoice count and value": both of what can be counted."""
    slots = sheet.slots
    if len(slots.metrics) != 1:
        return
    money = next((m for m, count in _TWINS.items() if slots.metrics[0] in {m, count}), None)
    if money is None or not {money, _TWINS[money]} <= set(sheet.model.metrics):
        return
    counted = slots.metrics[0] == _TWINS[money]
    for at in range(1, len(sheet) - 1):
        before, after = sheet.text(at - 1).split()[-1:], sheet.text(at + 1).split()[:1]
        kinds = [_kind(words[0]) if words else "" for words in (before, after)]
        if sheet.word(at) == "and" and set(kinds) == {"number", "money"}:
            first, second = (_TWINS[money], money) if counted or kinds[0] == "number" else (money, _TWINS[money])
            slots.metrics[:] = [first, second]
            return


def _kind(word: str) -> str:
    return "number" if word in {"number", "count", "numbers"} else "money" if word in _MONEY_WORDS else ""


def _related(sheet: Sheet) -> None:
    """As in "spend with suppliers who have overdue invoices": a condition on another figure, which cannot be asked."""
    for at in range(2, len(sheet)):
        have = sheet.left(at, {"any", "some", "open"})
        counted = sheet.meaning(have - 1, "metric") == _SUPPLIERS_COUNTED and sheet.word(have) in _HAVING | {"with"}
        who = sheet.word(have) in _HAVING and sheet.word(have - 1) in _WHO
        if sheet.meaning(at, "metric") is None or not (counted or who):
            continue
        if counted:
            _count_by_condition(sheet, have, at)
        elif any(sheet.slot(i) == "metric" for i in range(have)):
            words = sheet.question[sheet.spans[have - 1].start : sheet.spans[at].end]
            sheet.slots.unresolved.append((words, ""))
            sheet.take(have - 1, "unresolved", "", at + 1 - have + 1)


def _suppliers_counted(sheet: Sheet) -> None:
    """As in "how many suppliers are overdue": a count with a condition of another figure."""
    slots = sheet.slots
    if _SUPPLIERS_COUNTED not in slots.metrics or len(slots.metrics) != 2:
        return
    places = [at for at in range(len(sheet)) if sheet.slot(at) == "metric"]
    if len(places) < 2 or any(sheet.word(at) in CONJUNCTIONS for at in range(places[0], places[1])):
        return
    _count_by_condition(sheet, places[1], places[1])


def _count_by_condition(sheet: Sheet, have: int, at: int) -> None:
    """As in "number of suppliers with spend over 1m": the suppliers that meet the bound, a row each."""
    bounded = any(sheet.amount(i) for i in range(at + 1, min(at + 5, len(sheet))))
    if bounded:
        sheet.slots.metrics.remove(_SUPPLIERS_COUNTED)
        sheet.slots.group("supplier")
        sheet.slots.signals.add("list")
        return
    words = sheet.question[sheet.spans[have].start : sheet.spans[at].end]
    sheet.slots.unresolved.append((words, ""))
    sheet.take(have, "unresolved", "", at + 1 - have)
