"""Bounds in figures.

Invoices over 50k, more than 30 days overdue, suppliers with spend over 2m, net 30 or less, 10k to 50k.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from copilot.planning.amounts import SCALES, Amount
from copilot.planning.bound_context import (
    AFTERWARDS,
    CLEARLY_MONEY,
    FLIPPED,
    bounded_before,
    can_count,
    counted,
    currency_at,
    figure_left,
    figure_right,
    follows_documents,
    group_before,
    group_left,
    groups,
    is_grouped,
    is_subject,
    is_terse,
    names_overdue,
    numeric_dimension,
    operator_at,
    points_back,
    right_of_bound,
    words_between,
    words_left,
)
from copilot.planning.pass_figures import LATENESS
from copilot.planning.slots import Sheet
from copilot.planning.word_classes import (
    DOCUMENT_NOUNS,
    NEGATIONS,
    SHARE_WORDS,
    STOP_WORDS,
)  # fmt: skip
from semantic_layer.query import Comparison, Filter, Having

_NET = re.compile(r"\bnet (\d{1,3})$", re.IGNORECASE)
_LEAST_BARE = 100
_WHOLE = 100
"""Percent."""
_LEFT_OUT = DOCUMENT_NOUNS | frozenset("those these any all the ones one with amount that are is for".split())
_LATE_WORDS = frozenset({"old", "late", "overdue", "past due"})
_PER_INVOICE = frozenset({"each", "apiece"})


def read_bounds(sheet: Sheet) -> None:
    """Take every bound with its number."""
    for at in sheet.free():
        if sheet.is_free(at):
            any(read(sheet, at) for read in (_between, _terms_bound, _bound_before, _bound_after, _plus_sign))


def _bound_before(sheet: Sheet, at: int) -> bool:
    """As in "over 50k", "by more than 30 days", "above USD 1m"."""
    found = operator_at(sheet, at)
    if found is None:
        return False
    operator, place = found[0], at + found[1]
    currency = currency_at(sheet, place)
    place += currency is not None
    span = sheet.span(place)
    if span is None or span.amount is None or not sheet.is_free(place):
        return False
    start = at - 1 if sheet.word(at - 1) in {"no", "not"} and sheet.is_free(at - 1) and found[1] == 2 else at
    left_out = sheet.left(at, _LEFT_OUT) if start == at else -1
    if left_out >= 0 and sheet.word(left_out) in NEGATIONS and sheet.is_free(left_out):
        if not _place_bound(sheet, start, place, FLIPPED[operator], span.amount, currency):
            return False
        sheet.take(left_out, "negation")
        return True
    return _place_bound(sheet, start, place, operator, span.amount, currency)


def _bound_after(sheet: Sheet, at: int) -> bool:
    """As in "50k or more", "30 days or less"."""
    span = sheet.span(at)
    if span is None or span.amount is None:
        return False
    unit = 1 if sheet.word(at + 1) == "day" else 0
    operator = AFTERWARDS.get((sheet.word(at + 1 + unit), sheet.word(at + 2 + unit)))
    if operator is None:
        return False
    sheet.take(at + 1 + unit, "filter", operator, 2)
    return _place_bound(sheet, at, at, operator, span.amount, None)


def _plus_sign(sheet: Sheet, at: int) -> bool:
    """As in "30+ days overdue" where "30+" is no ageing bucket."""
    match = re.fullmatch(r"(\d{1,3})\+", sheet.text(at))
    if match is None or sheet.spans[at].meanings:
        return False
    return _place_bound(sheet, at, at, ">=", Amount(Decimal(match[1]), "plain", 1), None)


def _between(sheet: Sheet, at: int) -> bool:
    """As in "between 10k and 50k", "10k to 50k"."""
    first = at + 1 if sheet.word(at) in {"between", "from"} else at
    low, high = sheet.span(first), sheet.span(first + 2)
    if not (low and high and low.amount and high.amount and sheet.is_free(first + 2)):
        return False
    if sheet.word(first + 1) not in ({"and", "to"} if first > at else {"to"}):
        return False
    low_amount = _scaled_alike(low.amount, high.amount, sheet.text(first + 2))
    if low_amount.value > high.amount.value:
        return False  # which of them is the lower bound is not for us to guess
    if sheet.word(first + 3) in {"day", "d"} or numeric_dimension(sheet, first + 3):
        return _between_days(sheet, at, first, low_amount, high.amount)
    filters, having = len(sheet.slots.filters), len(sheet.slots.having)
    if not _place_bound(sheet, at, first, ">=", low_amount, currency_at(sheet, first + 3)):
        return False
    for place in (first + 1, first + 2):
        sheet.take(place, "filter", "upper bound")
    unit = first + 3
    if len(sheet.slots.having) > having:
        lower = sheet.slots.having[-1]
        return _having(sheet, first + 2, _after_unit(sheet, unit, high.amount), lower.metric, "<=", high.amount)
    if len(sheet.slots.filters) > filters:
        field = sheet.slots.filters[-1].field
        condition = Filter(field=field, op="<=", values=(high.amount.value,))
        return _filter(sheet, first + 2, _after_unit(sheet, unit, high.amount), condition)
    return True


def _scaled_alike(low: Amount, high: Amount, words: str) -> Amount:
    """The lower bound of "10 to 20k", "1 and 2 million": the scale stands once, for both."""
    if low.kind == "plain" and high.kind == "percent" and low.value >= 1:
        return replace(low, value=low.value / _WHOLE, kind="percent")  # "between 20 and 40 %"
    scale = next((SCALES[unit] for unit in re.findall(r"[a-z]+", words) if unit in SCALES), 0)
    if low.kind != "plain" or high.kind != "money" or not scale or low.value >= CLEARLY_MONEY:
        return low
    return replace(low, value=Decimal(format(low.value.scaleb(scale), "f")), kind="money")


def _between_days(sheet: Sheet, at: int, first: int, low: Amount, high: Amount) -> bool:
    """As in "between 30 and 60 days overdue": the unit stands after the upper bound and holds for both."""
    having = len(sheet.slots.having)
    if not _place_bound(sheet, first + 2, first + 2, "<=", high, None):
        return False
    if len(sheet.slots.having) > having:
        return _having(sheet, at, first + 1, sheet.slots.having[-1].metric, ">=", low)
    condition = Filter(field=sheet.slots.filters[-1].field, op=">=", values=(low.value,))
    return _filter(sheet, at, first + 1, condition)


def _after_unit(sheet: Sheet, unit: int, amount: Amount) -> int:
    """The last place of an upper bound: its number, or the currency or unit after it where nothing took that yet."""
    named = sheet.word(unit) == "day" if amount.kind == "plain" else currency_at(sheet, unit) is not None
    return unit if named and sheet.is_free(unit) else unit - 1


def _place_bound(sheet: Sheet, start: int, at: int, operator: Comparison, amount: Amount, currency: str | None) -> bool:
    """Decide what a bound bounds. `start` is its first place, `at` the place of the number."""
    if sheet.word(at + 1) in {"day", "d"}:
        return _days(sheet, start, at, operator, amount)
    following = sheet.span(at + 1)
    if amount.kind == "plain" and amount.value < CLEARLY_MONEY and following and groups(sheet, following):
        return False  # "not more than 3 suppliers" bounds the rows, not an amount
    numeric = numeric_dimension(sheet, at + 1)
    if numeric:
        return _filter(sheet, start, at + 1, Filter(field=numeric, op=operator, values=(amount.value,)))
    before = numeric_dimension(sheet, sheet.left(start, STOP_WORDS))
    if before and sheet.is_free(sheet.left(start, STOP_WORDS)):
        return _filter(
            sheet, sheet.left(start, STOP_WORDS), at, Filter(field=before, op=operator, values=(amount.value,))
        )
    if sheet.word(sheet.left(start, {"is", "of", "was", "are"})) in SHARE_WORDS:
        return False  # a bound on a share, which is no figure of its own
    same = bounded_before(sheet, start)
    if same is not None and currency is None:  # "above 500k but less than 1m"
        return _having(sheet, start, at, same, operator, amount)
    return _money_or_figure(sheet, start, at, operator, amount, currency)


def _money_or_figure(
    sheet: Sheet, start: int, at: int, operator: Comparison, amount: Amount, currency: str | None
) -> bool:
    """A bound without a unit of time: on the figure of each group, or on the amount of each invoice."""
    last = at
    currency = currency or amount.currency or currency_at(sheet, at + 1)
    if currency_at(sheet, at + 1):
        last += 1
    if can_count(amount, currency) and (said := counted(sheet, right_of_bound(sheet, last))) is not None:
        return _count_of_each(sheet, start, last, said, operator, amount)
    right = figure_right(sheet, start, last)
    if right is not None:
        return _having_right(sheet, start, last, right, operator, amount, currency)
    metric = figure_left(sheet, start)
    figure = metric or (sheet.figures[0] if len(sheet.figures) == 1 else None)
    unit = sheet.model.metrics[figure].unit if figure else ""
    counts = unit == "count" and amount.kind == "plain" and amount.value < CLEARLY_MONEY
    of_documents = (follows_documents(sheet, start) and not counts) or (
        metric is None and "invoice" in words_left(sheet, start)
    )
    of_documents = of_documents or (figure is None and (amount.kind == "money" or amount.value >= CLEARLY_MONEY))
    if amount.kind == "money" and metric and of_documents and is_terse(sheet, start):
        return _for_invoice_or_group(sheet, start, last, operator, amount)
    if amount.kind != "percent" and of_documents:
        _check_currency(sheet, currency)
        return _amount_filter(sheet, start, last, operator, amount)
    if unit != "money" or amount.kind == "percent":
        if amount.kind == "money" and figure and not group_left(sheet, start):
            _check_currency(sheet, currency)
            return _amount_filter(sheet, start, last, operator, amount)
        amount = _as_fraction(sheet, amount) if unit == "ratio" else amount
        fits = (unit == "ratio") == (amount.kind == "percent") and amount.kind != "money"
        return figure is not None and fits and _having(sheet, start, last, figure, operator, amount)
    _check_currency(sheet, currency)
    return _on_money(sheet, start, last, metric, operator, amount)


def _on_money(sheet: Sheet, start: int, last: int, metric: str | None, operator: Comparison, amount: Amount) -> bool:
    """A bound in money beside a figure in money: of each group, of each invoice, or of either."""
    figure = metric or (sheet.figures[0] if len(sheet.figures) == 1 else None)
    if metric and (is_subject(sheet, start) or sheet.slot(start - 1) == "group" or sheet.slots.group_by):
        return _having(sheet, start, last, metric, operator, amount)
    if group_left(sheet, start) and figure:
        return _having(sheet, start, last, figure, operator, amount)
    if is_grouped(sheet) and (metric or points_back(sheet, start)) and sheet.word(start - 1) not in {"and", "but"}:
        return _for_invoice_or_group(sheet, start, last, operator, amount)
    return _amount_filter(sheet, start, last, operator, amount)


def _for_invoice_or_group(sheet: Sheet, start: int, last: int, operator: Comparison, amount: Amount) -> bool:
    """Keep a bound that can hold for each invoice or for each group, to be asked about."""
    sheet.slots.bound_on_group = (words_between(sheet, start, last), operator, amount.value)
    sheet.take(start, "filter", "a bound that fits invoices and groups", last + 1 - start)
    return True


def _as_fraction(sheet: Sheet, amount: Amount) -> Amount:
    """A bare number beside a rate: 0.3 is a fraction, 20 is 20 %."""
    if amount.kind != "plain" or not 0 < amount.value <= _WHOLE:
        return amount
    if amount.value < 1:
        return replace(amount, kind="percent")
    sheet.slots.notes.append(f'Read "{amount.value:f}" as {amount.value:f} %.')
    return replace(amount, kind="percent", value=amount.value / _WHOLE)


def _check_currency(sheet: Sheet, currency: str | None) -> None:
    if currency and currency != sheet.reporting_currency:
        sheet.slots.wrong_currency = currency


def _count_of_each(sheet: Sheet, start: int, last: int, counted: str, operator: Comparison, amount: Amount) -> bool:
    """A bound on how many of them each group has; a plain number before documents is no money."""
    slots, right = sheet.slots, right_of_bound(sheet, last)
    money = sheet.meaning(right, "metric") or sheet.meaning(right + 1, "metric")
    if not counted:
        return False
    slots.metrics[:] = list(dict.fromkeys(counted if name == money else name for name in slots.metrics)) or [counted]
    if counted not in slots.metrics:
        slots.metrics.append(counted)
    slots.group(group_before(sheet, start))
    return _having(sheet, start, last, counted, operator, amount)


def _having_right(
    sheet: Sheet, start: int, last: int, metric: str, operator: Comparison, amount: Amount, currency: str | None
) -> bool:
    """A bound on the second figure, for each of the groups named before it; both figures are shown."""
    unit = sheet.model.metrics[metric].unit
    if (unit == "ratio") != (amount.kind == "percent"):
        return False
    _check_currency(sheet, currency)
    sheet.slots.group(group_before(sheet, start))
    return _having(sheet, start, last, metric, operator, amount)


def _days(sheet: Sheet, start: int, at: int, operator: Comparison, amount: Amount) -> bool:
    """As in "more than 30 days overdue", "over 90 days old", "above 60 days"."""
    after = sheet.word(at + 2)
    numeric = numeric_dimension(sheet, at + 1)
    if numeric is None and any("waiting_bucket" in sheet.layer.legal_dimensions(name) for name in sheet.figures):
        return False  # days of waiting, of which there are only buckets
    if numeric is None and (after == "old" or sheet.text(start).startswith(("old", "young"))):
        numeric = "days_past_due" if set(sheet.figures) & LATENESS else "days_since_invoice"
    if numeric is None and (
        sheet.slot(at + 2) == "metric" or after in {"late", "overdue"} or names_overdue(sheet, at + 2)
    ):
        numeric = "days_past_due"
    said = sheet.text(at + 2) in _LATE_WORDS or names_overdue(sheet, at + 2)
    last = at + 2 if numeric is not None and said and sheet.is_free(at + 2) else at + 1
    metric = figure_left(sheet, start) or (sheet.figures[0] if sheet.figures else None)
    if numeric is None and metric and sheet.model.metrics[metric].unit == "days":
        return _having(sheet, start, at + 1, metric, operator, amount)
    if numeric is None and sheet.text(start).startswith("old"):
        numeric = "days_since_invoice"
    if numeric is None:
        sheet.slots.notes.append("Days count from the due date.")
        numeric, last = "days_past_due", at + 1
    return _filter(sheet, start, min(last, len(sheet) - 1), Filter(field=numeric, op=operator, values=(amount.value,)))


def _terms_bound(sheet: Sheet, at: int) -> bool:
    """As in "net 30 or less", "terms over 60 days": every payment term with that many net days."""
    span = sheet.spans[at]
    if _names_terms(sheet, at + 2) and sheet.word(at + 1) == "day" and span.amount and span.amount.kind == "plain":
        return _terms(sheet, at, at + 2, "=", span.amount.value)  # "30 day terms"
    exact = next((m for m in span.meanings if m.kind == "value" and m.name == "payment_term"), None)
    if exact and (match := _NET.search(exact.value)):
        operator = AFTERWARDS.get((sheet.word(at + 1), sheet.word(at + 2)))
        return operator is not None and _terms(sheet, at, at + 2, operator, Decimal(match[1]))
    if not _names_terms(sheet, at) or _is_term(sheet, at - 1):
        return False  # "on net 30 terms over 60 days past due"
    found = operator_at(sheet, at + 1)
    number = sheet.span(at + 1 + found[1]) if found else None
    if found is None or number is None or number.amount is None or number.amount.kind != "plain":
        return False
    last = at + 1 + found[1]
    return _terms(sheet, at, last + (sheet.word(last + 1) == "day"), found[0], number.amount.value)


def _is_term(sheet: Sheet, at: int) -> bool:
    """Whether a payment term stands at a place by name or as a number of days."""
    span = sheet.span(at)
    named = any(m.kind == "value" and m.name == "payment_term" for m in span.meanings) if span else False
    return named or (sheet.word(at) == "day" and sheet.amount(at - 1))


def _names_terms(sheet: Sheet, at: int) -> bool:
    span = sheet.span(at)
    names = {m.name for m in span.meanings if m.kind in {"dimension", "ambiguous"}} if span else set()
    return bool(names & {"payment_term", "terms"})


def _terms(sheet: Sheet, at: int, last: int, operator: Comparison, days: Decimal) -> bool:
    fits = {
        ">": lambda d: d > days,
        ">=": lambda d: d >= days,
        "<": lambda d: d < days,
        "<=": lambda d: d <= days,
        "=": lambda d: d == days,
    }.get(operator)
    if fits is None:
        return False
    values = [value for value, _ in sheet.layer.values("payment_term")]
    net = [(value, Decimal(match[1])) for value in values if (match := _NET.search(value))]
    chosen = tuple(sorted(value for value, term in net if fits(term)))
    if not chosen:
        return False
    if any(sheet.slot(place) == "ambiguous" for place in range(at, last + 1)):
        sheet.slots.vague[:] = [name for name in sheet.slots.vague if name != "terms"]
    sheet.slots.notes.append(
        f"Terms with net days {operator} {days}: {', '.join(chosen)}; terms by calendar day are not among them."
    )
    return _filter(sheet, at, last, Filter(field="payment_term", op="in", values=chosen))


def _filter(sheet: Sheet, start: int, last: int, condition: Filter) -> bool:
    words = sheet.question[sheet.spans[start].start : sheet.spans[last].end]
    sheet.slots.filters.append(condition.model_copy(update={"words": words}))
    sheet.take(start, "filter", f"{condition.field} {condition.op} {', '.join(condition.values)}", last + 1 - start)
    return True


def _amount_filter(sheet: Sheet, start: int, last: int, operator: Comparison, amount: Amount) -> bool:
    """A bound on the amount of each invoice; a small bare number says nothing of money unless documents are named."""
    of_documents = sheet.word(start - 1) in DOCUMENT_NOUNS or "invoice" in sheet.text(start - 1)
    if amount.kind == "plain" and amount.value < _LEAST_BARE and amount.currency is None and not of_documents:
        return False
    if sheet.word(last + 1) in _PER_INVOICE:
        last += 1
    if not of_documents:
        sheet.slots.notes.append(f'"{words_between(sheet, start, last)}" is read of the amount of each invoice.')
    return _filter(sheet, start, last, Filter(field="invoice_amount", op=operator, values=(amount.value,)))


def _having(sheet: Sheet, start: int, last: int, metric: str, operator: Comparison, amount: Amount) -> bool:
    words = sheet.question[sheet.spans[start].start : sheet.spans[last].end]
    sheet.slots.having.append(Having(metric=metric, op=operator, value=amount.value, words=words))
    sheet.take(start, "having", f"{metric} {operator} {amount.value}", last + 1 - start)
    return True
