"""The figures, one small function each; the docstring is the formula.

Every function takes the books (whole, or narrowed to a group) and a span of days. Flows add up what falls in the span;
balances look at its last day. Money is in the reporting currency. None means that there is nothing to divide by.
Sums of products are exact: no amount here needs more than the 28 digits of Decimal.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from oracle.books import ZERO, Books, Document
from oracle.periods import Span

Figure = Callable[[Books, Span], Decimal | None]

DPO_WINDOW = timedelta(days=90)
BUCKETS = (("Not due", 0), ("1-30", 30), ("31-60", 60), ("61-90", 90))
OLDEST = "90+"
NO_DUE_DATE = "(no due date)"


def spend(books: Books, span: Span) -> Decimal:
    """Sum of (total-with-taxes - tax) of recognised documents by invoice date."""
    return sum((books.as_flow(one.gross - one.tax, one) for one in _recognised(books, span)), ZERO)


def purchases(books: Books, span: Span) -> Decimal:
    """Sum of total-with-taxes of recognised documents by invoice date."""
    return sum((books.as_flow(one.gross, one) for one in _recognised(books, span)), ZERO)


def cash_per_dpo_day(books: Books, span: Span) -> Decimal:
    """Purchases / days of the span."""
    return purchases(books, span) / span.days


def open_ap(books: Books, span: Span) -> Decimal:
    """Sum of what is open at the end of the last day, at that day's closing rate."""
    return sum((books.at_closing(one.open(span.end), one, span.end) for one in books.documents), ZERO)


def past_due_ap(books: Books, span: Span) -> Decimal:
    """open_ap of documents whose due date lies before the last day."""
    return open_ap(_past_due(books, span), span)


def ap_ageing(books: Books, span: Span) -> Decimal:
    """open_ap, which `by_ageing` splits by days past due."""
    return open_ap(books, span)


def dpo_purchases(books: Books, span: Span) -> Decimal | None:
    """open_ap at the last day / purchases invoiced in the 90 days up to it * 90."""
    window = Span(span.end - DPO_WINDOW + timedelta(days=1), span.end)
    return ratio(open_ap(books, span) * DPO_WINDOW.days, purchases(books, window))


def dpo_paid(books: Books, span: Span) -> Decimal | None:
    """Sum of (amount paid * (payment date - invoice date)) / sum of amount paid, payments of the span, no credit notes."""
    return weighted(
        (books.as_flow(payment.amount, one), (payment.on - one.invoice_date).days)
        for one in approved(books)
        if not one.credit_note
        for payment in one.payments
        if span.has(payment.on)
    )


def days_beyond_terms(books: Books, span: Span) -> Decimal | None:
    """Sum of (amount paid * (payment date - due date)) / sum of amount paid, payments of the span, no credit notes."""
    return weighted(
        (books.as_flow(payment.amount, one), (payment.on - one.due).days)
        for one in approved(books)
        if not one.credit_note and one.due is not None
        for payment in one.payments
        if span.has(payment.on)
    )


def wapt(books: Books, span: Span) -> Decimal | None:
    """Sum of (gross * (due date - invoice date)) / sum of gross by invoice date, recognised, no credit notes."""
    return weighted(
        (books.as_flow(one.gross, one), (one.due - one.invoice_date).days)
        for one in approved(books)
        if not one.credit_note and one.due is not None and span.has(one.invoice_date)
    )


def on_time_rate(books: Books, span: Span) -> Decimal | None:
    """Paid documents whose last payment is not after the due date / paid documents with a due date, by last payment."""
    cohort = [(one.last_paid, one.due) for one in fully_paid(books, span)]
    judged = [(paid, due) for paid, due in cohort if paid is not None and due is not None]
    return ratio(Decimal(sum(paid <= due for paid, due in judged)), Decimal(len(judged)))


def discount_offered(books: Books, span: Span) -> Decimal:
    """Sum of the discounts on offer, by invoice date."""
    return offers(books, (one for one in books.documents if span.has(one.invoice_date)))


def discount_captured(books: Books, span: Span) -> Decimal:
    """Sum of the discounts taken on documents with an offer, by last payment date."""
    return takings(books, (one for one in books.documents if one.has_offer and span.has(one.last_paid)))


def discount_missed(books: Books, span: Span) -> Decimal:
    """Sum of the offers with a closed window and no discount taken, by window end."""
    return offers(books, (one for one in closed(books, span) if one.taken == 0))


def discount_open(books: Books, span: Span) -> Decimal:
    """Sum of the offers of documents dated by the last day, whose window ends after it, not fully paid by then."""
    day = span.end
    return offers(books, (one for one in books.documents if one.invoice_date <= day and _still_open(one, day)))


def discount_capture_rate(books: Books, span: Span) -> Decimal | None:
    """Sum of discounts taken / sum of offers, over the same offers with a closed window, by window end."""
    cohort = closed(books, span)
    return ratio(takings(books, cohort), offers(books, cohort))


def cycle_time(books: Books, span: Span) -> Decimal | None:
    """Median days from receipt to last payment of paid documents, by last payment date."""
    return quantile(receipt_to_payment(books, span), Decimal("0.5"))


def cycle_time_p90(books: Books, span: Span) -> Decimal | None:
    """Nine tenths of paid documents went from receipt to last payment in at most this many days."""
    return quantile(receipt_to_payment(books, span), Decimal("0.9"))


def cycle_time_approval(books: Books, span: Span) -> Decimal | None:
    """Median days from the first approval's making to the last approval, by the last approval's local date."""
    return quantile(_approval_times(books, span), Decimal("0.5"))


def cycle_time_approval_p90(books: Books, span: Span) -> Decimal | None:
    """Nine tenths of the documents were approved in at most this many days."""
    return quantile(_approval_times(books, span), Decimal("0.9"))


def invoice_count(books: Books, span: Span) -> Decimal:
    """Number of recognised documents by invoice date, no credit notes."""
    return Decimal(sum(not one.credit_note for one in _recognised(books, span)))


def open_invoice_count(books: Books, span: Span) -> Decimal:
    """Number of documents recognised by the last day and not fully settled by then, no credit notes."""
    return Decimal(sum(not one.credit_note and one.open(span.end) > 0 for one in books.documents))


def past_due_count(books: Books, span: Span) -> Decimal:
    """open_invoice_count of documents whose due date lies before the last day."""
    return open_invoice_count(_past_due(books, span), span)


FLOWS: dict[str, Figure] = {
    "spend": spend,
    "purchases": purchases,
    "cash_per_dpo_day": cash_per_dpo_day,
    "dpo_paid": dpo_paid,
    "days_beyond_terms": days_beyond_terms,
    "wapt": wapt,
    "on_time_rate": on_time_rate,
    "discount_offered": discount_offered,
    "discount_captured": discount_captured,
    "discount_missed": discount_missed,
    "discount_capture_rate": discount_capture_rate,
    "cycle_time": cycle_time,
    "cycle_time_p90": cycle_time_p90,
    "cycle_time_approval": cycle_time_approval,
    "cycle_time_approval_p90": cycle_time_approval_p90,
    "invoice_count": invoice_count,
}
BALANCES: dict[str, Figure] = {
    "open_ap": open_ap,
    "past_due_ap": past_due_ap,
    "ap_ageing": ap_ageing,
    "dpo_purchases": dpo_purchases,
    "discount_open": discount_open,
    "open_invoice_count": open_invoice_count,
    "past_due_count": past_due_count,
}
FIGURES = FLOWS | BALANCES


def by_ageing(books: Books, day: date) -> dict[str, Books]:
    """The books by days past due (day - due date): not due (zero or less), 1-30, 31-60, 61-90, over 90, no due date."""
    labels = [*(label for label, _ in BUCKETS), OLDEST, NO_DUE_DATE]
    parts: dict[str, list[Document]] = {label: [] for label in labels}
    for one in books.documents:
        parts[ageing_bucket(one.due, day)].append(one)
    return {label: replace(books, documents=tuple(part)) for label, part in parts.items()}


def ageing_bucket(due: date | None, day: date) -> str:
    """The bucket of a due date on a day."""
    if due is None:
        return NO_DUE_DATE
    late = (day - due).days
    return next((label for label, most in BUCKETS if late <= most), OLDEST)


def quantile(values: Sequence[Decimal], share: Decimal) -> Decimal | None:
    """The quantile between neighbours on a straight line: position share * (n - 1), counted from zero."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    for left, right in pairwise(ordered[below : below + 2]):
        return left + (right - left) * (place - below)
    return ordered[below]


def approved(books: Books) -> list[Document]:
    """Recognised documents."""
    return [one for one in books.documents if one.recognised_on is not None]


def _recognised(books: Books, span: Span) -> list[Document]:
    return [one for one in approved(books) if span.has(one.invoice_date)]


def _past_due(books: Books, span: Span) -> Books:
    return books.narrowed(lambda one: one.due is not None and one.due < span.end)


def _approval_times(books: Books, span: Span) -> list[Decimal]:
    """Credit notes are left out, as of every cycle metric."""
    timed = (one for one in approved(books) if not one.credit_note and span.has(one.approval_ended))
    return [one.approval_days for one in timed if one.approval_days is not None]


def fully_paid(books: Books, span: Span) -> list[Document]:
    """Paid documents by last payment, no credit notes."""
    return [one for one in books.documents if one.paid and not one.credit_note and span.has(one.last_paid)]


def receipt_to_payment(books: Books, span: Span) -> list[Decimal]:
    """Days from receipt to last payment of paid documents."""
    paid = ((one.last_paid, one.received_on) for one in fully_paid(books, span))
    return [Decimal((last - received).days) for last, received in paid if last is not None]


def closed(books: Books, span: Span) -> list[Document]:
    """Offers whose window ended in the span and is over: by the data's last day."""
    return [
        one
        for one in books.documents
        if one.window_end is not None and span.has(one.window_end) and one.window_end <= books.data_date
    ]


def _still_open(one: Document, day: date) -> bool:
    return one.window_end is not None and one.window_end > day and one.settled(day) < one.gross


def offers(books: Books, documents: Iterable[Document]) -> Decimal:
    """The discounts on offer, added up."""
    return sum((books.as_flow(one.offered, one) for one in documents), ZERO)


def takings(books: Books, documents: Iterable[Document]) -> Decimal:
    """The discounts taken, added up."""
    return sum((books.as_flow(one.taken, one) for one in documents), ZERO)


def weighted(pairs: Iterable[tuple[Decimal, int]]) -> Decimal | None:
    """Sum of weight * days / sum of weight."""
    listed = list(pairs)
    return ratio(sum((weight * days for weight, days in listed), ZERO), sum((weight for weight, _ in listed), ZERO))


def ratio(above: Decimal, below: Decimal) -> Decimal | None:
    """None when there is nothing to divide by."""
    return None if below == 0 else above / below
