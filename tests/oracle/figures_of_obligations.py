"""More figures, one small function each: discounts, what will be owed, the process, concentration and the law."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal, localcontext

from oracle.books import ZERO, Books, Document, OrderLine
from oracle.figures import (
    Figure,
    approved,
    closed,
    fully_paid,
    offers,
    open_ap,
    past_due_ap,
    purchases,
    quantile,
    ratio,
    takings,
)
from oracle.periods import Span

HELD = frozenset({"ap_hold", "on_hold", "booking_hold", "disputed", "pending_receipt"})
ELECTRONIC = frozenset({"cxml", "csp", "san", "edi", "sftp", "api", "peppol", "e_invoice"})
EU = frozenset({"AT", "BE", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "NL", "PL", "PT", "SE"})
CAP_DAYS = 60
STATUTORY = {
    "EU": [
        (2024, 1, "12.50"),
        (2024, 7, "12.25"),
        (2025, 1, "11.15"),
        (2025, 7, "10.15"),
        (2026, 1, "10.15"),
        (2026, 7, "10.40"),
    ],
    "UK": [
        (2024, 1, "13.25"),
        (2024, 7, "13.25"),
        (2025, 1, "12.75"),
        (2025, 7, "12.25"),
        (2026, 1, "11.75"),
        (2026, 7, "11.75"),
    ],
}


def discount_offered_count(books: Books, span: Span) -> Decimal:
    """Documents with an offer, by invoice date."""
    return _count(one.has_offer and span.has(one.invoice_date) for one in books.documents)


def discount_captured_count(books: Books, span: Span) -> Decimal:
    """Documents with a discount taken, by last payment."""
    return _count(one.has_offer and one.taken > 0 and span.has(one.last_paid) for one in books.documents)


def discount_missed_count(books: Books, span: Span) -> Decimal:
    """Closed offers with nothing taken, by window end."""
    return _count(one.taken == 0 for one in closed(books, span))


def discount_eligible(books: Books, span: Span) -> Decimal:
    """Closed offers whose entity ran a payment between recognition and the window's end."""
    return offers(books, _eligible(books, span))


def discount_unearned(books: Books, span: Span) -> Decimal:
    """Discounts taken with a last payment after the window, by last payment."""
    return takings(
        books,
        (
            one
            for one in books.documents
            if one.has_offer
            and one.last_paid
            and one.window_end
            and span.has(one.last_paid)
            and one.last_paid > one.window_end
        ),
    )


def discount_capture_rate_operational(books: Books, span: Span) -> Decimal | None:
    """Taken / offered over eligible closed offers."""
    cohort = _eligible(books, span)
    return ratio(takings(books, cohort), offers(books, cohort))


def discount_capture_rate_count(books: Books, span: Span) -> Decimal | None:
    """Closed offers taken / closed offers, by count."""
    cohort = closed(books, span)
    return ratio(_count(one.taken > 0 for one in cohort), Decimal(len(cohort)))


def discount_apr_simple(books: Books, span: Span) -> Decimal | None:
    """Sum of discounts / sum of ((gross - discount) * days from window end to due date) * 365."""
    return _return(books, span, 365)


def discount_apr_360(books: Books, span: Span) -> Decimal | None:
    """The same on a year of 360 days."""
    return _return(books, span, 360)


def discount_ear(books: Books, span: Span) -> Decimal | None:
    """(1 + discounts / cash) ^ (365 / days accelerated, weighted by cash) - 1."""
    discount, cash, cash_days = _priced(books, span)
    if not cash or not cash_days:
        return None
    with localcontext() as context:
        context.prec = 40
        return (1 + discount / cash) ** (365 * cash / cash_days) - 1


def in_process_ap(books: Books, span: Span) -> Decimal:
    """Gross of documents in process received by the last day, at its closing rate."""
    return sum((books.at_closing(one.gross, one, span.end) for one in _in_process(books, span)), ZERO)


def open_ap_incl_process(books: Books, span: Span) -> Decimal:
    """open_ap + in_process_ap."""
    return open_ap(books, span) + in_process_ap(books, span)


def blocked_ap(books: Books, span: Span) -> Decimal:
    """Documents in process that are held or of suppliers on hold, and what is open of suppliers on hold."""
    held = (one for one in _in_process(books, span) if one.status in HELD or one.supplier_on_hold)
    return sum((books.at_closing(one.gross, one, span.end) for one in held), ZERO) + open_ap(
        books.narrowed(lambda one: one.supplier_on_hold), span
    )


def unapplied_credits(books: Books, span: Span) -> Decimal:
    """open_ap of credit notes."""
    return open_ap(books.narrowed(lambda one: one.credit_note), span)


def past_due_share(books: Books, span: Span) -> Decimal | None:
    """past_due_ap / open_ap."""
    return ratio(past_due_ap(books, span), open_ap(books, span))


def payments_due(books: Books, span: Span) -> Decimal:
    """What is open on the data's last day, at its closing rate, of documents due in the span."""
    day = books.data_date
    return sum((books.at_closing(one.open(day), one, day) for one in approved(books) if span.has(one.due)), ZERO)


def discount_expiring(books: Books, span: Span) -> Decimal:
    """Sum of the offers not taken, not settled and not closed on the data's last day, by window end."""
    day = books.data_date
    open_ones = (one for one in books.documents if one.window_end is not None and span.has(one.window_end))
    return offers(
        books,
        (
            one
            for one in open_ones
            if one.invoice_date <= day < (one.window_end or day) and one.settled(day) < one.gross
        ),
    )


def grni(books: Books, span: Span) -> Decimal:
    """Sum over order lines with receipts of max(0, received - billed) by the last day."""

    def rest(line: OrderLine) -> Decimal:
        return max(_upto(line.received, span.end) - _upto(line.billed, span.end), ZERO) if line.received else ZERO

    return _lines(books, span, rest)


def committed_po(books: Books, span: Span) -> Decimal:
    """Sum over lines of issued orders of max(0, total - billed) by the last day, from the order date on."""

    def rest(line: OrderLine) -> Decimal:
        bound = _binds(line) and line.ordered_on <= span.end
        return max(line.total - _upto(line.billed, span.end), ZERO) if bound else ZERO

    return _lines(books, span, rest)


def accrual_candidate(books: Books, span: Span) -> Decimal:
    """Grni + services whose need is over, not billed + documents in process net of tax."""

    def rest(line: OrderLine) -> Decimal:
        due = line.kind == "OrderAmountLine" and line.need_by is not None
        if not (due and _binds(line) and line.need_by and max(line.need_by, line.ordered_on) <= span.end):
            return ZERO
        return max(line.total - _upto(line.billed, span.end), ZERO)

    process = sum((books.at_closing(one.gross - one.tax, one, span.end) for one in _in_process(books, span)), ZERO)
    return grni(books, span) + _lines(books, span, rest) + process


def pending_approval_count(books: Books, span: Span) -> Decimal:
    """Approval steps waited for on the last day."""
    return _count(step for _, step in _waiting(books, span))


def pending_approval_value(books: Books, span: Span) -> Decimal:
    """Gross of documents that wait for an approval on the last day, at its closing rate."""
    return sum((books.at_closing(one.gross, one, span.end) for one, _ in _waiting(books, span)), ZERO)


def cycle_time_submit(books: Books, span: Span) -> Decimal | None:
    """Median days from receipt to the first approval request, by the day of the request."""
    return quantile(_submit_times(books, span), Decimal("0.5"))


def cycle_time_submit_p90(books: Books, span: Span) -> Decimal | None:
    """Nine tenths were sent for approval in at most this many days."""
    return quantile(_submit_times(books, span), Decimal("0.9"))


def cycle_time_payment(books: Books, span: Span) -> Decimal | None:
    """Median days from the last approval to the last payment of paid documents."""
    return quantile(_approved_to_paid(books, span), Decimal("0.5"))


def cycle_time_payment_p90(books: Books, span: Span) -> Decimal | None:
    """Nine tenths were paid in at most this many days."""
    return quantile(_approved_to_paid(books, span), Decimal("0.9"))


def touchless_rate(books: Books, span: Span) -> Decimal | None:
    """Recognised documents without an approval step / recognised documents."""
    cohort = [one for one in approved(books) if not one.credit_note and span.has(one.invoice_date)]
    return ratio(_count(one.requested_at is None for one in cohort), Decimal(len(cohort)))


def electronic_rate(books: Books, span: Span) -> Decimal | None:
    """Documents by an electronic channel / documents with a channel."""
    cohort = [one for one in approved(books) if not one.credit_note and one.channel and span.has(one.invoice_date)]
    return ratio(_count(one.channel in ELECTRONIC for one in cohort), Decimal(len(cohort)))


def duplicate_risk(books: Books, span: Span) -> Decimal:
    """Gross of documents with an earlier twin."""
    return sum((books.as_flow(one.gross, one) for one in _twins(books, span)), ZERO)


def duplicate_count(books: Books, span: Span) -> Decimal:
    """Documents with an earlier twin."""
    return _count(True for _ in _twins(books, span))


def duplicate_paid(books: Books, span: Span) -> Decimal:
    """What was paid on documents with an earlier twin."""
    twins = _twins(books, span)
    paid = ((one, sum((payment.amount for payment in one.payments), ZERO)) for one in twins)
    return sum((books.as_flow(amount, one) for one, amount in paid if amount > 0), ZERO)


def line_spend(books: Books, span: Span) -> Decimal:
    """Sum of line totals of recognised documents."""
    return _line_sum(books, span, lambda _one, _ordered: True)


def maverick_spend(books: Books, span: Span) -> Decimal:
    """Line totals without an order made by the invoice date and without a contract."""
    return _line_sum(books, span, lambda one, ordered: not one.has_contract and not ordered)


def spend_under_management(books: Books, span: Span) -> Decimal | None:
    """Line totals with an order or a contract / all line totals."""
    managed = _line_sum(books, span, lambda one, ordered: one.has_contract or ordered)
    return ratio(managed, line_spend(books, span))


def top_10_share(books: Books, span: Span) -> Decimal | None:
    """Spend of the ten largest parents / spend of all, net credits left out."""
    parents = _parents(books, span)
    return ratio(sum(parents[:10], ZERO), sum(parents, ZERO))


def hhi(books: Books, span: Span) -> Decimal | None:
    """Sum of squared shares of parents * 10,000, to the whole."""
    parents = _parents(books, span)
    whole = sum(parents, ZERO)
    if not whole:
        return None
    return sum(((one / whole) ** 2 for one in parents), ZERO) * 10_000


def suppliers_for_80(books: Books, span: Span) -> Decimal:
    """How many of the largest parents make 80 % of spend."""
    return Decimal(_head(_parents(books, span)))


def tail_spend(books: Books, span: Span) -> Decimal:
    """Spend of the other parents."""
    parents = _parents(books, span)
    return sum(parents[_head(parents) :], ZERO)


def active_suppliers(books: Books, span: Span) -> Decimal:
    """Different suppliers with a recognised document."""
    return Decimal(len({one.supplier_id for one in approved(books) if span.has(one.invoice_date)}))


def average_invoice_value(books: Books, span: Span) -> Decimal | None:
    """Gross of documents that are no credit notes / their number."""
    plain = books.narrowed(lambda one: not one.credit_note and one.recognised_on is not None)
    return ratio(purchases(plain, span), _count(span.has(one.invoice_date) for one in plain.documents))


def term_cap_breaches(books: Books, span: Span) -> Decimal:
    """Documents of EU and UK entities due more than 60 days after their date."""
    return Decimal(len(_breaches(books, span)))


def term_cap_breach_value(books: Books, span: Span) -> Decimal:
    """Their gross."""
    return sum((books.as_flow(one.gross, one) for one in _breaches(books, span)), ZERO)


def exception_rate(books: Books, span: Span) -> Decimal | None:
    """Documents on hold, disputed, or with a rejected approval / documents received, drafts apart."""
    cohort = [
        one
        for one in (*books.documents, *books.dead)
        if not one.credit_note and one.status != "draft" and span.has(one.received_on)
    ]
    odd = HELD - {"pending_receipt"} | {"rejected", "invalid"}
    return ratio(_count(one.status in odd or one.rejections > 0 for one in cohort), Decimal(len(cohort)))


def late_interest_exposure(books: Books, span: Span) -> Decimal:
    """Amount * late days * statutory rate of each half-year / 365, and one fixed sum for each document paid late."""
    total = ZERO
    for one in approved(books):
        area = "UK" if one.country == "GB" else "EU" if one.country in EU else None
        if area is None or one.credit_note or one.due is None:
            continue
        late = [paid for paid in one.payments if paid.on > one.due and paid.amount > 0]
        for paid in late:
            if span.has(paid.on):
                total += books.as_flow(paid.amount, one) * _percent_days(area, one.due, paid.on) / 36_500
        first = min((paid.on for paid in late), default=None)
        if first is not None and span.has(first):
            total += _fixed_sum(books, one, area, first)
    return total


OBLIGATION_FLOWS: dict[str, Figure] = {
    figure.__name__: figure
    for figure in (
        discount_offered_count,
        discount_captured_count,
        discount_missed_count,
        discount_eligible,
        discount_unearned,
        discount_capture_rate_operational,
        discount_capture_rate_count,
        discount_apr_simple,
        discount_apr_360,
        discount_ear,
        payments_due,
        discount_expiring,
        cycle_time_submit,
        cycle_time_submit_p90,
        cycle_time_payment,
        cycle_time_payment_p90,
        touchless_rate,
        electronic_rate,
        duplicate_risk,
        duplicate_count,
        duplicate_paid,
        line_spend,
        maverick_spend,
        spend_under_management,
        top_10_share,
        hhi,
        suppliers_for_80,
        tail_spend,
        active_suppliers,
        average_invoice_value,
        term_cap_breaches,
        term_cap_breach_value,
        late_interest_exposure,
        exception_rate,
    )
}
OBLIGATION_BALANCES: dict[str, Figure] = {
    figure.__name__: figure
    for figure in (
        in_process_ap,
        open_ap_incl_process,
        blocked_ap,
        unapplied_credits,
        past_due_share,
        grni,
        committed_po,
        accrual_candidate,
        pending_approval_count,
        pending_approval_value,
    )
}


def _count(marks: Iterable[object]) -> Decimal:
    return Decimal(sum(1 for mark in marks if mark))


def _eligible(books: Books, span: Span) -> list[Document]:
    return [
        one
        for one in closed(books, span)
        if one.recognised_on is not None
        and any(
            one.recognised_on <= run <= (one.window_end or run)
            for run in books.runs.get(one.labels["buying_entity"], ())
        )
    ]


def _priced(books: Books, span: Span) -> tuple[Decimal, Decimal, Decimal]:
    """Discounts, cash to pay for them, and cash * days, over offers whose window ends before the due date."""
    discount = cash = cash_days = ZERO
    for one in books.documents:
        if one.has_offer and one.due and one.window_end and one.window_end < one.due and span.has(one.invoice_date):
            discount += books.as_flow(one.offered, one)
            paid = books.as_flow(one.gross - one.offered, one)
            cash += paid
            cash_days += paid * (one.due - one.window_end).days
    return discount, cash, cash_days


def _return(books: Books, span: Span, year: int) -> Decimal | None:
    discount, _, cash_days = _priced(books, span)
    return ratio(discount * year, cash_days)


def _in_process(books: Books, span: Span) -> list[Document]:
    return [one for one in books.documents if one.recognised_on is None and one.received_on <= span.end]


def _upto(movements: Iterable[tuple[date, Decimal]], day: date) -> Decimal:
    return sum((amount for on, amount in movements if on <= day), ZERO)


def _binds(line: OrderLine) -> bool:
    return line.status == "issued" and line.line_status not in {"closed", "soft_closed", "cancelled"}


def _lines(books: Books, span: Span, rest: Callable[[OrderLine], Decimal]) -> Decimal:
    return sum((books.at_closing(rest(line), line, span.end) for line in books.order_lines), ZERO)


def _waiting(books: Books, span: Span) -> list[tuple[Document, object]]:
    day = span.end
    return [
        (one, step)
        for one in books.documents
        if not one.credit_note
        for step in one.steps
        if step.asked <= day and (step.decided is None or step.decided > day)
    ]


def _submit_times(books: Books, span: Span) -> list[Decimal]:
    found = []
    for one in books.documents:
        if one.requested_at and one.received_at and not one.credit_note and span.has(one.requested_on):
            gap = one.requested_at - one.received_at
            found.append(Decimal(gap // timedelta(microseconds=1)) / 86_400_000_000)
    return found


def _approved_to_paid(books: Books, span: Span) -> list[Decimal]:
    paid = [(one.last_paid, one.approval_ended) for one in fully_paid(books, span) if one.recognised_on is not None]
    return [Decimal((last - ended).days) for last, ended in paid if last is not None and ended is not None]


def _twins(books: Books, span: Span) -> list[Document]:
    return [one for one in books.documents if one.has_twin and span.has(one.invoice_date)]


def _line_sum(books: Books, span: Span, keep: Callable[[Document, bool], bool]) -> Decimal:
    return sum(
        (
            books.as_flow(line.total, one)
            for one in approved(books)
            if span.has(one.invoice_date)
            for line in one.lines
            if keep(one, line.ordered_on is not None and line.ordered_on <= one.invoice_date)
        ),
        ZERO,
    )


def _parents(books: Books, span: Span) -> list[Decimal]:
    """Spend by parent above zero, the largest first."""
    spent: dict[str, Decimal] = {}
    for one in approved(books):
        if span.has(one.invoice_date):
            parent = one.labels["parent"]
            spent[parent] = spent.get(parent, ZERO) + books.as_flow(one.gross - one.tax, one)
    return sorted((amount for amount in spent.values() if amount > 0), reverse=True)


def _head(amounts: list[Decimal]) -> int:
    whole, upto = sum(amounts, ZERO), ZERO
    for place, amount in enumerate(amounts):
        if upto >= whole * Decimal("0.8"):
            return place
        upto += amount
    return len(amounts)


def _breaches(books: Books, span: Span) -> list[Document]:
    return [
        one
        for one in approved(books)
        if not one.credit_note
        and one.country in EU | {"GB"}
        and one.due is not None
        and (one.due - one.invoice_date).days > CAP_DAYS
        and span.has(one.invoice_date)
    ]


def _percent_days(area: str, due: date, paid: date) -> Decimal:
    """Percent times days, day by day."""
    total, day = ZERO, due + timedelta(days=1)
    while day <= paid:
        total += next(
            (Decimal(percent) for year, month, percent in reversed(STATUTORY[area]) if date(year, month, 1) <= day),
            ZERO,
        )
        day += timedelta(days=1)
    return total


def _fixed_sum(books: Books, one: Document, area: str, day: date) -> Decimal:
    currency, amount = "EUR", 40
    if area == "UK":
        currency, amount = "GBP", 40 if one.gross < 1_000 else 70 if one.gross < 10_000 else 100
    return (books.rates.on(currency, day) or ZERO) * amount
