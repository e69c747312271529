"""Which figures are asked for: metrics, figures that need outside data, and words with several figures behind them."""

from __future__ import annotations

from copilot.planning.normalise import phrase
from copilot.planning.slots import Sheet
from copilot.planning.tagging import Span
from copilot.planning.word_classes import (
    COMPARATIVE_DOWN,
    COMPARATIVE_UP,
    DOCUMENT_NOUNS,
    GROUPERS,
    NEGATIONS,
    OVER,
    SHARE_WORDS,
    STOP_WORDS,
    UNDER,
)
from semantic_layer.model import SemanticModel
from semantic_layer.query import Filter

COUNT_OF = {
    "past_due_ap": "past_due_count", "open_ap": "open_invoice_count", "duplicate_risk": "duplicate_count",
    "discount_missed": "discount_missed_count", "discount_captured": "discount_captured_count",
    "discount_offered": "discount_offered_count", "pending_approval_value": "pending_approval_count",
    "term_cap_breach_value": "term_cap_breaches", "term_mismatch_leakage": "term_mismatch_count",
}  # fmt: skip
"""Figures in money, and the number of documents in them."""

STAGES = ("cycle_time_submit", "cycle_time_approval", "cycle_time_payment")
"""The stages of an invoice in their order, each as the median of its days."""
_STAGE_WORDS = frozenset({"stage", "step", "phase"})

LATENESS = frozenset({"past_due_ap", "past_due_count"})
_OVERDUE = "overdue"
_PAST_FORMS = {"miss": "missed", "missing": "missed", "lose": "lost", "losing": "lost"}
_DAYS_TO_PAY = "dpo_paid"
_BLOCKED = "blocked_ap"
_DISPUTE = ("disput", "litig", "stritt")
PAID = "payments_made"
MANNER = frozenset(
    {"late", "early", "on time", "overdue", "too", "within", "before", "after", "later", "earlier", "faster", "slower"}
)
"""How something was paid, of which there are figures of their own."""
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
    _paid_in_clause(sheet)
    _stages(sheet)
    _pace(sheet)
    _terms(sheet)


def _pace(sheet: Sheet) -> None:
    """As in "are we paying faster than last year": the days that payments take."""
    if sheet.slots.metrics or sheet.slots.externals or _DAYS_TO_PAY not in sheet.model.metrics:
        return
    for at in sheet.free():
        if (
            sheet.word(at) in {"pay", "paying"}
            and sheet.word(at - 1) == "we"
            and sheet.word(at + 1) in {"faster", "slower"}
        ):
            sheet.slots.metrics.append(_DAYS_TO_PAY)
            sheet.slots.vague.clear()
            sheet.take(at, "metric", _DAYS_TO_PAY)
            return


def _terms(sheet: Sheet) -> None:
    """As in "payment terms by category": which figure of the terms is not said."""
    slots = sheet.slots
    if (
        sheet.figures
        or slots.externals
        or slots.vague
        or not any(t.term == "terms" for t in sheet.model.ambiguous_terms)
    ):
        return
    for at in sheet.free():
        named = sheet.spans[at].one("dimension")
        before = sheet.word(sheet.left(at, {"the", "our", "their", "other"}))
        bounded = sheet.spans[at + 1].amount or sheet.word(at + 2) == "than" if at + 1 < len(sheet) else False
        if (
            named is not None
            and named.name == "payment_term"
            and not bounded
            and before not in GROUPERS | {"on", "with", "day", "and"}
        ):
            if at + 1 < len(sheet) and sheet.spans[at + 1].one("value"):
                return
            slots.vague.append("terms")
            sheet.take(at, "ambiguous", "terms")
            return


def _stages(sheet: Sheet) -> None:
    """As in "cycle time by stage", "where do invoices get stuck": each stage has a figure of its own."""
    slots, words = sheet.slots, [sheet.word(at) for at in range(len(sheet))]
    if not set(STAGES) <= set(sheet.model.metrics) or slots.externals or slots.vague or slots.opportunity:
        return
    at = next((i for i in sheet.free() if words[i] in _STAGE_WORDS and words[i - 1] in GROUPERS), None)
    if at is not None and slots.metrics and set(slots.metrics) <= {"cycle_time", *STAGES}:
        sheet.take(at - 1, "metric", "stages", 2)
    elif "where" in words and "stuck" in words and not slots.metrics and set(words) & DOCUMENT_NOUNS:
        for place in sheet.free():
            if words[place] in {"where", "get", "stuck", "most", "longest"}:
                sheet.take(place, "metric", "stages")
    else:
        return
    slots.metrics[:] = STAGES
    slots.notes.append("Each stage by itself, as the median: to submission, to approval, to payment.")


def _paid_in_clause(sheet: Sheet) -> None:
    """As in "vendors we paid more than 1m": what each of them was paid."""
    slots = sheet.slots
    if slots.metrics or slots.externals or slots.vague or PAID not in sheet.model.metrics:
        return
    for at in sheet.free():
        role = sheet.spans[at].one("role")
        owner = sheet.span(sheet.left(at - 1, {"that", "who", "whom", "which", "have"}))
        if role is None or role.name != "payment_date" or sheet.word(at - 1) != "we":
            continue
        if owner is not None and owner.one("dimension") is not None and sheet.text(at + 1) not in MANNER:
            slots.metrics.append(PAID)
            sheet.take(at, "metric", PAID)
            return


def _qualify(sheet: Sheet) -> None:
    """As in "Discounts we missed": a vague term and, elsewhere, the word that with it names one figure."""
    term = next(t for t in sheet.model.ambiguous_terms if t.term == sheet.slots.vague[0])
    qualifiers = qualifiers_of(sheet.model, term.term, term.metrics)
    for at in sheet.free():
        if sheet.word(at) == "take" and _is_advice(sheet, at) and "discount_open" in term.metrics:
            sheet.slots.vague.clear()
            sheet.slots.metrics.append("discount_open")
            sheet.take(at, "metric", "discount_open")
            return
        word = _PAST_FORMS.get(sheet.word(at), sheet.text(at) if sheet.spans[at].one("metric") is None else "")
        metric = qualifiers.get(word)
        if metric is not None:
            sheet.slots.vague.clear()
            sheet.slots.metrics.append(metric)
            sheet.take(at, "metric", metric)
            return


def _is_advice(sheet: Sheet, at: int) -> bool:
    """As in "take the Orion discount?", "which discounts should we take": offers that are still open."""
    return at == 0 or sheet.word(sheet.left(at, {"we", "i", "still", "to", "now"})) in {
        "should",
        "can",
        "could",
        "shall",
    }


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


def _is_bounded(sheet: Sheet, at: int) -> bool:
    """As in "entities with overdue over 100k and open AP under 1m": a bound in money or percent starts at a place."""
    if sheet.word(at) not in OVER | UNDER | COMPARATIVE_UP | COMPARATIVE_DOWN | {"at", "up"} and sheet.text(at) not in {
        ">",
        "<",
        ">=",
        "<=",
    }:
        return False
    number = next((i for i in range(at + 1, at + 4) if sheet.amount(i)), None)
    return number is not None and sheet.word(number + 1) != "day"


def _is_listed(sheet: Sheet, at: int) -> bool:
    """As in "open AP, overdue and DPO", "overdue as a share of open AP": a figure of its own beside the others."""
    if sheet.word(at + 1) == "as" and any(
        sheet.word(i) in SHARE_WORDS or sheet.text(i) == "%" for i in (at + 2, at + 3)
    ):
        return True
    others = any(sheet.spans[i].one("metric") for i in range(at))
    by_group = sheet.word(at + 1) in GROUPERS and (group := sheet.span(at + 2)) is not None and group.one("dimension")
    if not others and (by_group or sheet.word(at + 1) in {"for", "of", "in", "with", "at", "to", "from"}):
        return True  # "overdue for suppliers with more than 10 open invoices"
    if not others and _is_bounded(sheet, at + 1):
        return True
    following = sheet.span(at + 2)
    joined = sheet.word(at + 1) == "and" and following is not None and following.one("metric") is not None
    before = sheet.span(at - 1)
    comma = "," in sheet.question[before.end : sheet.spans[at].start] if before else False
    return joined and (at == 0 or comma)


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
    beside = bool(balances) and not asks_share and sheet.word(at - 1) != "and" and not _is_listed(sheet, at)
    return beside or (negated and bool(sheet.figures))
