"""The oracle's reading of single documents, on records small enough to check by eye."""

from datetime import date
from decimal import Decimal

import pytest
from oracle import handmade as by_hand
from oracle.books import UNASSIGNED, Books, Document


def only(books: Books) -> Document:
    """The one document that counts."""
    (document,) = books.documents
    return document


def test_recognised_on_the_day_of_the_last_approval() -> None:
    """Two steps approved on 3 and 5 March: it enters open AP on the 5th; the pending step has no say."""
    steps = [
        by_hand.approval("2026-03-02T09:00:00-05:00", "2026-03-05T10:00:00-05:00"),
        by_hand.approval("2026-03-02T09:00:00-05:00", "2026-03-03T10:00:00-05:00"),
        by_hand.approval("2026-03-02T09:00:00-05:00", None, "pending_approval"),
    ]
    books = by_hand.books(by_hand.invoice(1, "100.00", "2026-03-01", approvals=steps))
    assert only(books).recognised_on == date(2026, 3, 5)


@pytest.mark.parametrize(
    ("received", "expected"),
    [("2026-03-04T23:30:00-05:00", date(2026, 3, 4)), (None, date(2026, 3, 2))],
)
def test_without_approvals_recognised_when_received_else_created(received: str | None, expected: date) -> None:
    """Half past eleven at night is still the 4th where the company sits, though the 5th in Greenwich."""
    raw = by_hand.invoice(1, "100.00", "2026-03-01", approvals=[])
    raw |= {"date-received": received, "created-at": "2026-03-02T08:00:00-05:00"}
    assert only(by_hand.books(raw)).recognised_on == expected


@pytest.mark.parametrize("status", ["voided", "rejected", "abandoned", "invalid"])
def test_dead_documents_do_not_count(status: str) -> None:
    """A void invoice is in no figure, though it was approved once."""
    assert by_hand.books(by_hand.invoice(1, "100.00", "2026-03-01", status=status)).documents == ()


def test_intercompany_documents_do_not_count() -> None:
    """The supplier's custom field decides, not its name."""
    sister = by_hand.supplier(1, "Sister company", **{"custom-fields": {"intercompany": True}})
    assert by_hand.books(by_hand.invoice(1, "100.00", "2026-03-01"), suppliers=[sister]).documents == ()


def test_in_process_documents_are_not_recognised() -> None:
    """On hold with an approval given: no open AP yet."""
    document = only(by_hand.books(by_hand.invoice(1, "100.00", "2026-03-01", status="on_hold")))
    assert (document.recognised_on, document.open(date(2026, 4, 1))) == (None, 0)


def test_partial_payments_lower_the_open_amount_step_by_step() -> None:
    """1,000 approved on 2 March, 400 paid on the 10th and 600 on the 20th: 0, 1000, 600, 0 open; a day counts whole."""
    raw = by_hand.invoice(
        1, "1000.00", "2026-03-01", approved="2026-03-02", paid=[("2026-03-10", "400.00"), ("2026-03-20", "600.00")]
    )
    document = only(by_hand.books(raw))
    days = [date(2026, 3, day) for day in (1, 2, 9, 10, 19, 20)]
    assert [document.open(day) for day in days] == [0, 1000, 1000, 600, 600, 0]


def test_the_discount_falls_on_the_last_payment() -> None:
    """1,000 at 2 %: 500 on day 5, 480 on day 8 with 20 of discount; open 500 in between, nothing after."""
    raw = by_hand.invoice(
        1,
        "1000.00",
        "2026-03-01",
        term=by_hand.TWO_TEN,
        fully=True,
        paid=[("2026-03-05", "500.00"), ("2026-03-08", "480.00")],
    )
    document = only(by_hand.books(raw, pay=[by_hand.coupa_pay(1, "20.00")]))
    assert [document.open(date(2026, 3, day)) for day in (4, 5, 7, 8)] == [1000, 500, 500, 0]


@pytest.mark.parametrize(
    ("paid", "fully", "expected"),
    [
        ("980.00", True, "20.00"),
        ("980.01", True, "19.99"),
        ("980.02", True, "0"),
        ("980.00", False, "0"),
        ("1000.00", True, "0"),
    ],
)
def test_without_coupa_pay_the_unpaid_rest_tells_the_discount(paid: str, fully: bool, expected: str) -> None:
    """1,000 at 2 % offers 20.00: a rest of 20.00 or 19.99 is the discount, 19.98 is not, and only once it is paid."""
    raw = by_hand.invoice(1, "1000.00", "2026-03-01", term=by_hand.TWO_TEN, fully=fully, paid=[("2026-03-08", paid)])
    assert only(by_hand.books(raw)).taken == Decimal(expected)


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        ("completed_with_errors", "15.00"),
        ("payment_initiated", "15.00"),
        ("payment_in_progress", "15.00"),
        ("draft", "20.00"),
        ("cancelled", "20.00"),
    ],
)
def test_coupa_pay_outranks_the_rest_unless_the_payment_never_went_out(status: str, taken: str) -> None:
    """Coupa Pay says 15.00 of discount, the rest says 20.00; a drafted or cancelled payment says nothing."""
    raw = by_hand.invoice(1, "1000.00", "2026-03-01", term=by_hand.TWO_TEN, fully=True, paid=[("2026-03-08", "980.00")])
    assert only(by_hand.books(raw, pay=[by_hand.coupa_pay(1, "15.00", status)])).taken == Decimal(taken)


def test_credit_notes_offer_and_take_no_discount() -> None:
    """A credit note of -1,000 on a 2 % term that is netted for -980 has no discount."""
    raw = by_hand.credit_note(
        1, "-1000.00", "2026-03-01", term=by_hand.TWO_TEN, fully=True, paid=[("2026-03-08", "-980.00")]
    )
    document = only(by_hand.books(raw))
    assert (document.offered, document.taken) == (0, 0)


@pytest.mark.parametrize(
    ("gross", "percent", "offered"),
    [
        ("13200.00", None, "264.00"),
        ("13200.00", "1.5", "198.00"),
        ("13200.00", "0", "0"),
        ("100.25", None, "2.01"),
        ("100.24", None, "2.00"),
    ],
)
def test_the_offer_is_the_invoices_percent_else_its_terms_rounded_to_the_cent(
    gross: str, percent: str | None, offered: str
) -> None:
    """2 % of 13,200 is 264.00; the invoice's own 1.5 % wins; 2 % of 100.25 is 2.005, which rounds away from zero."""
    raw = by_hand.invoice(1, gross, "2026-03-01", term=by_hand.TWO_TEN)
    raw["discount-percent"] = percent and Decimal(percent)
    assert only(by_hand.books(raw)).offered == Decimal(offered)


@pytest.mark.parametrize(("stated", "end"), [(None, date(2026, 3, 11)), ("2026-03-15", date(2026, 3, 15))])
def test_the_window_ends_as_stated_else_after_the_terms_days(stated: str | None, end: date) -> None:
    """2/10: invoiced on 1 March, the window ends on the 11th unless the invoice says the 15th."""
    raw = by_hand.invoice(1, "100.00", "2026-03-01", term=by_hand.TWO_TEN)
    raw["discount-due-date"] = by_hand.day_end(stated)
    assert only(by_hand.books(raw)).window_end == end


def test_a_rate_serves_seven_days_and_no_longer() -> None:
    """A euro rate of 1 March serves until the 8th; a later one takes over on its day; before the first there is none."""
    rates = [by_hand.rate("EUR", "2026-03-12", "1.2"), by_hand.rate("EUR", "2026-03-01", "1.1")]
    found = by_hand.books(rates=rates).rates
    days = [
        ("2026-02-28", None),
        ("2026-03-01", "1.1"),
        ("2026-03-08", "1.1"),
        ("2026-03-09", None),
        ("2026-03-12", "1.2"),
    ]
    assert [found.on("EUR", date.fromisoformat(day)) for day, _ in days] == [rate and Decimal(rate) for _, rate in days]


def test_groups_take_their_names_from_supplier_entity_and_term() -> None:
    """A subsidiary counts to its parent, an entity goes by its legal name, its country gives the region."""
    french = {"country": {"code": "FR", "name": "France"}}
    alpha = by_hand.supplier(1, "Alpha", parent={"id": 9, "name": "Alpha Group"}, **{"primary-address": french})
    legal = {
        "id": 1,
        "name": "DE books",
        "legal-entity-name": "Deutschland GmbH",
        "primary-address": {"country": {"code": "DE", "name": "Germany"}},
    }
    raw = by_hand.invoice(1, "1.00", "2026-03-01", channel="csp")
    labels = only(by_hand.books(raw, suppliers=[alpha], entities=[legal])).labels
    assert labels == {
        "supplier": "Alpha",
        "parent": "Alpha Group",
        "category": "MRO",
        "buying_entity": "Deutschland GmbH",
        "region": "EMEA",
        "currency": "USD",
        "payment_term": "Net 30",
        "status": "approved",
        "entity_country": "Germany",
        "supplier_country": "FR",
        "document_type": "Invoice",
        "channel": "csp",
        "has_discount": "no",
    }


def test_what_has_no_group_is_named_so() -> None:
    """No parent: the supplier itself; no commodity, country or term: unassigned; no legal name: the chart's name."""
    bare = by_hand.supplier(1, "Alpha", commodity=None)
    raw = by_hand.invoice(1, "1.00", "2026-03-01") | {"payment-term": None}
    labels = only(by_hand.books(raw, suppliers=[bare])).labels
    assert (labels["parent"], labels["buying_entity"]) == ("Alpha", "US books")
    assert {labels[name] for name in ("category", "region", "payment_term", "channel")} == {UNASSIGNED}
