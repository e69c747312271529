"""More figures, one small function each: relatives of DPO, payment timing, agreed terms and payment runs."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from oracle.books import ZERO, Books, Document, Payment
from oracle.figures import (
    DPO_WINDOW,
    Figure,
    approved,
    fully_paid,
    open_ap,
    purchases,
    quantile,
    ratio,
    receipt_to_payment,
    weighted,
)
from oracle.periods import Span


def dpo_countback(books: Books, span: Span) -> Decimal | None:
    """Days of the latest months whose purchases add up to open_ap; the month in which it runs out in proportion.

    A month that does not raise the running sum joins the month before it. Twelve months at most.
    """
    left, day = open_ap(books, span), span.end
    upto, counted, begun = ZERO, ZERO, False
    first = day.replace(day=1)
    reached, days_reached = ZERO, 0
    for _ in range(12):
        month = Span(first, day)
        begun = begun or any(month.has(one.invoice_date) for one in approved(books))
        upto += purchases(books, month)
        days = (span.end - first).days + 1
        if upto > reached:
            if left <= upto:
                counted = days_reached + (left - reached) / (upto - reached) * (days - days_reached)
                return max(counted, ZERO) if left > 0 else ZERO
            reached, days_reached = upto, days
        day = first - timedelta(days=1)
        first = day.replace(day=1)
    if left <= 0:
        return ZERO
    return Decimal(days_reached) if reached > 0 else None


def dpo_open_age(books: Books, span: Span) -> Decimal | None:
    """Sum of (open * (last day - invoice date)) / sum of open, at the closing rate."""
    return weighted(
        (books.at_closing(one.open(span.end), one, span.end), (span.end - one.invoice_date).days)
        for one in books.documents
    )


def best_possible_dpo(books: Books, span: Span) -> Decimal | None:
    """Open AP if everything recognised were paid on its due date / purchases of 90 days * 90."""
    return ratio(_open_on_terms(books, span) * 90, _purchases_90(books, span))


def dpo_gap(books: Books, span: Span) -> Decimal | None:
    """(Open AP if paid on terms - open AP) / purchases of 90 days * 90."""
    return ratio((_open_on_terms(books, span) - open_ap(books, span)) * 90, _purchases_90(books, span))


def dpo_paid_received(books: Books, span: Span) -> Decimal | None:
    """Sum of (amount paid * (payment date - received date)) / sum of amount paid."""
    return weighted(
        (books.as_flow(paid.amount, one), (paid.on - one.received_on).days) for one, paid in _paid(books, span)
    )


def days_to_pay_median(books: Books, span: Span) -> Decimal | None:
    """Median of payment date - invoice date over payments."""
    days = [Decimal((paid.on - one.invoice_date).days) for one, paid in _paid(books, span)]
    return quantile(days, Decimal("0.5"))


def average_days_to_pay(books: Books, span: Span) -> Decimal | None:
    """Mean of last payment - received over paid documents."""
    days = receipt_to_payment(books, span)
    return ratio(sum(days, ZERO), Decimal(len(days)))


def paid_within_30_rate(books: Books, span: Span) -> Decimal | None:
    """Share of paid documents paid within 30 days of receipt."""
    return _share(books, span, 0, 30)


def paid_31_to_60_rate(books: Books, span: Span) -> Decimal | None:
    """Share of paid documents paid 31 to 60 days after receipt."""
    return _share(books, span, 31, 60)


def paid_over_60_rate(books: Books, span: Span) -> Decimal | None:
    """Share of paid documents paid more than 60 days after receipt."""
    return _share(books, span, 61, 10**6)


def late_rate(books: Books, span: Span) -> Decimal | None:
    """Paid documents whose last payment is after the due date / paid documents with a due date."""
    judged = [(one.last_paid, one.due) for one in fully_paid(books, span) if one.due is not None]
    return ratio(Decimal(sum(paid is not None and paid > due for paid, due in judged)), Decimal(len(judged)))


def on_time_rate_value(books: Books, span: Span) -> Decimal | None:
    """Amount paid on or before the due date / amount paid with a due date."""
    due = [(one, paid) for one, paid in _paid(books, span) if one.due is not None]
    timely = _money(books, ((one, paid) for one, paid in due if _late(one, paid) <= 0))
    return ratio(timely, _money(books, due))


def avg_days_late(books: Books, span: Span) -> Decimal | None:
    """Days late weighted by amount, over late payments alone."""
    return weighted(
        (books.as_flow(paid.amount, one), _late(one, paid)) for one, paid in _due(books, span) if _late(one, paid) > 0
    )


def avg_days_early(books: Books, span: Span) -> Decimal | None:
    """Days early weighted by amount, over early payments alone, as a positive number."""
    return weighted(
        (books.as_flow(paid.amount, one), -_late(one, paid)) for one, paid in _due(books, span) if _late(one, paid) < 0
    )


def paid_early_leakage(books: Books, span: Span) -> Decimal:
    """Amount paid more than three days early without a discount, on documents that were not due at once."""
    return _money(books, _leaks(books, span))


def paid_early_average_cash(books: Books, span: Span) -> Decimal:
    """Sum of (leaked amount * days early) / days of the span."""
    return (
        sum((books.as_flow(paid.amount, one) * -_late(one, paid) for one, paid in _leaks(books, span)), ZERO)
        / span.days
    )


def wapt_master(books: Books, span: Span) -> Decimal | None:
    """Net days of the supplier master weighted by purchases without credit notes."""
    return weighted(
        (books.as_flow(one.gross, one), one.master_days)
        for one in approved(books)
        if not one.credit_note and one.master_days is not None and span.has(one.invoice_date)
    )


def wapt_po(books: Books, span: Span) -> Decimal | None:
    """Net days of orders weighted by their value, by order date."""
    return weighted(
        (books.at_closing(one.total, one, one.ordered_on), one.term_days)
        for one in books.order_lines
        if one.status in {"issued", "closed"} and one.term_days is not None and span.has(one.ordered_on)
    )


def term_mismatch_leakage(books: Books, span: Span) -> Decimal:
    """Sum of gross * (agreed days - days of the invoice's term) where agreed is longer / 365."""
    return sum((books.as_flow(one.gross, one) * days for one, days in _short(books, span)), ZERO) / 365


def term_mismatch_count(books: Books, span: Span) -> Decimal:
    """Documents whose term is shorter than agreed."""
    return Decimal(len(list(_short(books, span))))


def run_drift(books: Books, span: Span) -> Decimal | None:
    """Days from due date to payment weighted by amount, over payments on the due date or after."""
    return weighted((books.as_flow(paid.amount, one), _late(one, paid)) for one, paid in _drifting(books, span))


def run_drift_calendar(books: Books, span: Span) -> Decimal | None:
    """Days from the due date to the entity's next run."""
    return weighted(
        (books.as_flow(paid.amount, one), (_next_run(books, one, one.due) - one.due).days)
        for one, paid in _drifting(books, span)
        if one.due
    )


def run_drift_not_ready(books: Books, span: Span) -> Decimal | None:
    """Days from the first run after the due date to the first run after approval."""
    return weighted(
        (books.as_flow(paid.amount, one), (_ready_run(books, one, paid) - _next_run(books, one, one.due)).days)
        for one, paid in _drifting(books, span)
        if one.due
    )


def run_drift_missed(books: Books, span: Span) -> Decimal | None:
    """Days from the first run when ready to the payment."""
    return weighted(
        (books.as_flow(paid.amount, one), (paid.on - _ready_run(books, one, paid)).days)
        for one, paid in _drifting(books, span)
    )


def payments_made(books: Books, span: Span) -> Decimal:
    """Sum of payments of the span on recognised documents, credit notes too."""
    return _money(books, ((one, paid) for one in approved(books) for paid in one.payments if span.has(paid.on)))


TIMING_FLOWS: dict[str, Figure] = {
    figure.__name__: figure
    for figure in (
        dpo_paid_received,
        days_to_pay_median,
        average_days_to_pay,
        paid_within_30_rate,
        paid_31_to_60_rate,
        paid_over_60_rate,
        late_rate,
        on_time_rate_value,
        avg_days_late,
        avg_days_early,
        paid_early_leakage,
        paid_early_average_cash,
        wapt_master,
        term_mismatch_leakage,
        term_mismatch_count,
        run_drift,
        run_drift_calendar,
        run_drift_not_ready,
        run_drift_missed,
        payments_made,
    )
}
TIMING_BALANCES: dict[str, Figure] = {
    figure.__name__: figure for figure in (dpo_countback, dpo_open_age, best_possible_dpo, dpo_gap)
}


def _paid(books: Books, span: Span) -> list[tuple[Document, Payment]]:
    """Payments of the span on recognised documents that are no credit notes."""
    return [(one, paid) for one in approved(books) if not one.credit_note for paid in one.payments if span.has(paid.on)]


def _due(books: Books, span: Span) -> list[tuple[Document, Payment]]:
    return [(one, paid) for one, paid in _paid(books, span) if one.due is not None]


def _late(one: Document, paid: Payment) -> int:
    assert one.due is not None, "a payment without a due date has no lateness"
    return (paid.on - one.due).days


def _money(books: Books, payments: Iterable[tuple[Document, Payment]]) -> Decimal:
    return sum((books.as_flow(paid.amount, one) for one, paid in payments), ZERO)


def _leaks(books: Books, span: Span) -> list[tuple[Document, Payment]]:
    return [
        (one, paid)
        for one, paid in _due(books, span)
        if _late(one, paid) < -3 and one.taken == 0 and one.due is not None and one.due > one.invoice_date
    ]


def _drifting(books: Books, span: Span) -> list[tuple[Document, Payment]]:
    return [(one, paid) for one, paid in _due(books, span) if _late(one, paid) >= 0]


def _next_run(books: Books, one: Document, day: date | None) -> date:
    days = books.runs[one.labels["buying_entity"]]
    assert day is not None, "no day to look from"
    return days[bisect_left(days, day)]


def _ready_run(books: Books, one: Document, paid: Payment) -> date:
    assert one.recognised_on is not None, "only recognised documents"
    assert one.due is not None, "only documents with a due date"
    return _next_run(books, one, max(one.due, min(one.recognised_on, paid.on)))


def _short(books: Books, span: Span) -> list[tuple[Document, int]]:
    return [
        (one, one.agreed_days - one.term_days)
        for one in approved(books)
        if not one.credit_note
        and span.has(one.invoice_date)
        and one.agreed_days is not None
        and one.term_days is not None
        and one.agreed_days > one.term_days
    ]


def _share(books: Books, span: Span, least: int, most: int) -> Decimal | None:
    days = receipt_to_payment(books, span)
    low = least or -(10**6)
    return ratio(Decimal(sum(low <= one <= most for one in days)), Decimal(len(days)))


def _open_on_terms(books: Books, span: Span) -> Decimal:
    total = ZERO
    for one in approved(books):
        if one.due is None:
            total += books.at_closing(one.open(span.end), one, span.end)
        elif one.recognised_on is not None and one.recognised_on <= span.end < max(one.due, one.recognised_on):
            total += books.at_closing(one.gross, one, span.end)
    return total


def _purchases_90(books: Books, span: Span) -> Decimal:
    return purchases(books, Span(span.end - DPO_WINDOW + timedelta(days=1), span.end))
