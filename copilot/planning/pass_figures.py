"""Which figures are asked for: metrics, figures that need outside data, and words with several figures behind them."""

from __future__ import annotations

from copilot.planning.normalise import phrase
from copilot.planning.slots import Sheet
from copilot.planning.tagging import Span
from copilot.planning.word_classes import DOCUMENT_NOUNS, GROUPERS, NEGATIONS, SHARE_WORDS, STOP_WORDS
from semantic_layer.model import SemanticModel
from semantic_layer.query import Filter

COUNT_OF = {
    "past_due_ap": "past_due_count", "open_ap": "open_invoice_count", "duplicate_risk": "duplicate_count",
    "discount_missed": "discount_missed_count", "discount_captured": "discount_captured_count",
    "discount_offered": "discount_offered_count", "pending_approval_value": "pending_approval_count",
    "term_cap_breach_value": "term_cap_breaches", "term_mismatch_leakage": "term_mismatch_count",
}  # fmt: skip
"""Figures in money, and the number of documents in them."""

LATENESS = frozenset({"past_due_ap", "past_due_count"})
_OVERDUE = "overdue"
_PAST_FORMS = {"miss": "missed", "missing": "missed", "lose": "lost", "losing": "lost"}
_BLOCKED = "blocked_ap"
_DISPUTE = ("disput", "litig", "stritt")
_PAID = "payments_made"
_NAMING = frozenset({"for", "with", "from", "supplier", "vendor", "owe", "at"})


def read_figures(sheet: Sheet) -> None:
    """Take every span that names a figure."""
    for at in sheet.free():
        span = sheet.spans[at]
        if external := span.one("external"):
            sheet.slots.externals.append(external.name)
            sheet.take(at, "external", external.name)
        elif (metric := span.one("metric")) and not _is_a_name(sheet, at, span):
            if _is_adjective(sheet, at, metric.name):
                continue
            if metric.name not in sheet.slots.metrics:
                sheet.slots.metrics.append(metric.name)
            sheet.take(at, "metric", metric.name)
            if metric.name == _BLOCKED and any(word in span.text for word in _DISPUTE):
                sheet.slots.add_filter(Filter(field="status", op="=", values=("disputed",), words=span.text))
        elif term := span.one("ambiguous"):
            sheet.slots.vague.append(term.name)
            sheet.take(at, "ambiguous", term.name)
    if sheet.slots.vague and not sheet.slots.metrics:
        _qualify(sheet)


def read_implied_figures(sheet: Sheet) -> None:
    """As in "late and over 1m", "invoices over 1m due next week": lateness and falling due name their balance."""
    slots = sheet.slots
    slots.documents = any({span.stem, span.text} & DOCUMENT_NOUNS or "invoice" in span.text for span in sheet.spans)
    _falling_due(sheet)
    _paid_in(sheet)
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
    """As in "paid last week by entity": without another figure, what was paid."""
    slots = sheet.slots
    paid = next((at for at in sheet.free() if (r := sheet.spans[at].one("role")) and r.name == "payment_date"), None)
    others = sheet.figures or slots.externals or slots.outflow or slots.vague
    if paid is None or others or _PAID not in sheet.model.metrics or not any(span.time for span in sheet.spans):
        return
    if any(sheet.word(at) in NEGATIONS for at in sheet.free()):
        return
    slots.metrics.append(_PAID)
    sheet.take(paid, "metric", _PAID)
    if slots.documents:
        slots.signals |= {"top", "list"}


def _qualify(sheet: Sheet) -> None:
    """As in "Discounts we missed": a vague term and, elsewhere, the word that with it names one figure."""
    term = next(t for t in sheet.model.ambiguous_terms if t.term == sheet.slots.vague[0])
    qualifiers = qualifiers_of(sheet.model, term.term, term.metrics)
    for at in sheet.free():
        word = _PAST_FORMS.get(sheet.word(at), sheet.text(at) if sheet.spans[at].one("metric") is None else "")
        metric = qualifiers.get(word)
        if metric is not None:
            sheet.slots.vague.clear()
            sheet.slots.metrics.append(metric)
            sheet.take(at, "metric", metric)
            return


def qualifiers_of(model: SemanticModel, term: str, metrics: tuple[str, ...]) -> dict[str, str]:
    """The words that make one figure of a vague term, from the two-word synonyms of its figures ("missed discounts")."""
    root = phrase(term)[0]
    found: dict[str, set[str]] = {}
    for name in metrics:
        for synonym in model.metrics[name].synonyms:
            words = phrase(synonym)
            if len(words) == 2 and root in words:
                other = next((word for word in words if word != root), "")
                found.setdefault(other, set()).add(name)
    return {word: next(iter(names)) for word, names in found.items() if len(names) == 1 and word not in STOP_WORDS}


def _is_a_name(sheet: Sheet, at: int, span: Span) -> bool:
    """Whether words that are both a figure and a name of the data stand where only a name can stand."""
    if span.one("dimension") is not None and sheet.word(at - 1) in GROUPERS:
        return any(other is not span and other.one("metric") for other in sheet.spans)
    if span.one("value") is None or not sheet.slots.metrics or sheet.word(at - 1) not in _NAMING:
        return False
    capital = sheet.question[span.start].isupper() and not sheet.question.isupper()
    return capital or sheet.word(at - 1) in {"supplier", "vendor"}


def _is_adjective(sheet: Sheet, at: int, name: str) -> bool:
    """Whether "overdue" narrows another balance ("open AP … not overdue") instead of being the figure itself."""
    plain = sheet.text(at) in {"overdue", "past due", "uberfallig"}
    if name not in LATENESS or not plain or _OVERDUE not in sheet.model.named_filters:
        return False
    asks_share = any(sheet.word(i) in {"share", "percentage", "proportion", "percent"} for i in range(at))
    negated = sheet.word(sheet.left(at, {"but", "be", "is", "are"})) in NEGATIONS
    others = (
        {m.name for span in sheet.spans for m in span.meanings if m.kind == "metric"} | set(sheet.figures)
    ) - LATENESS
    balances = [m for m in others if "days_past_due" in sheet.layer.legal_dimensions(m)]
    beside = bool(balances) and not asks_share and sheet.word(at - 1) != "and"
    return beside or (negated and bool(sheet.figures))
