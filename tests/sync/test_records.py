import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import RejectedRecordError
from sync.records import ExchangeRate, Invoice, Supplier, parse_record, projection


def test_an_invoice_is_typed(kit: Any) -> None:
    """Money is Decimal with four places, times are aware, dates are the company's own."""
    typed = parse_record(Invoice, kit.invoice(7))

    assert typed.total_with_taxes == Decimal("13200.0000")
    assert typed.date_received is not None
    assert typed.date_received.utcoffset() == dt.timedelta(hours=-5)
    assert typed.net_due_date == dt.date(2026, 2, 11)
    assert typed.payments[0].amount_paid == Decimal("12936.0000")
    assert typed.credit_note is False


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"total-with-taxes": "thirteen"}, "total-with-taxes"),
        ({"total-with-taxes": True}, "total-with-taxes"),
        ({"total-with-taxes": "NaN"}, "total-with-taxes"),
        ({"total-with-taxes": "1e40"}, "total-with-taxes"),
        ({"total-with-taxes": None}, "total-with-taxes"),
        ({"total-with-taxes": ""}, "total-with-taxes"),
        ({"invoice-date": "12/01/2026"}, "invoice-date"),
        ({"invoice-date": "2026-13-45"}, "invoice-date"),
        ({"updated-at": "2026-01-13T11:19:09"}, "updated-at"),
        ({"updated-at": None}, "updated-at"),
        ({"id": 0}, "id"),
        ({"id": 2**63}, "id"),
        ({"id": "seven"}, "id"),
        ({"status": None}, "status"),
        ({"supplier": None}, "supplier.id"),
        ({"supplier": "ACME"}, "supplier"),
        ({"currency": {}}, "currency.code"),
        ({"paid": "perhaps"}, "paid"),
        ({"invoice-lines": [{"id": 1}, {"id": 2, "price": "x"}]}, "invoice-lines.1.price"),
        ({"payments": {"id": 1}}, "payments"),
        ({"custom-fields": "none"}, "custom-fields"),
    ],
)
def test_a_bad_value_is_rejected_with_coupas_name_of_the_field(kit: Any, changes: dict[str, Any], field: str) -> None:
    """The field is named as Coupa writes it, down to the line; the value is not repeated."""
    with pytest.raises(RejectedRecordError) as caught:
        parse_record(Invoice, kit.invoice(7, **changes))

    assert caught.value.field == field
    assert "thirteen" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 7, "text", [], True])
def test_what_is_no_object_is_rejected(value: object) -> None:
    """A list entry that is no record at all names itself."""
    with pytest.raises(RejectedRecordError, match="an object is expected"):
        parse_record(Invoice, value)


def test_a_draft_may_be_half_filled_in() -> None:
    """Nothing counts a draft, so it is not held to what a counted document must have."""
    typed = parse_record(
        Invoice,
        {"id": 1, "status": "draft", "created-at": "2026-01-01T00:00:00Z", "updated-at": "2026-01-01T00:00:00Z"},
    )

    assert typed.total_with_taxes is None


def test_unknown_fields_blanks_and_absent_lists_are_harmless(kit: Any) -> None:
    """A tenant's extra fields are ignored, "" is absent, a null list is empty, a number may stand for a code."""
    typed = parse_record(
        Invoice, kit.invoice(1, surprise={"a": 1}, channel="", payments=None, **{"payment-term": {"code": 30}})
    )

    assert typed.channel is None
    assert typed.payments == ()
    assert typed.payment_term is not None
    assert typed.payment_term.code == "30"


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        (True, True),
        (False, False),
        (None, False),
        ("", False),
        ("Yes", True),
        ("no", False),
        ({"id": 4, "name": "Yes"}, True),
    ],
)
def test_intercompany_reads_every_form_of_a_custom_field(flag: object, expected: object) -> None:
    """Booleans, text and lookup values; absent means no."""
    typed = parse_record(
        Supplier, {"id": 1, "name": "A", "updated-at": "2026-01-01T00:00:00Z", "custom-fields": {"intercompany": flag}}
    )

    assert typed.is_intercompany is expected


def test_an_unreadable_intercompany_flag_rejects_the_supplier() -> None:
    """Guessing would move its invoices in or out of every number."""
    with pytest.raises(RejectedRecordError) as caught:
        parse_record(
            Supplier,
            {"id": 1, "name": "A", "updated-at": "2026-01-01T00:00:00Z", "custom-fields": {"intercompany": "?"}},
        )

    assert caught.value.field == "custom-fields.intercompany"


@given(st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=4))
def test_money_passes_exactly(amount: Decimal) -> None:
    """Every amount with up to four decimals comes through to the last digit."""
    invoice = {"id": 1, "status": "draft", "created-at": "2026-01-01T00:00:00Z", "updated-at": "2026-01-01T00:00:00Z"}
    assert parse_record(Invoice, {**invoice, "gross-total": str(amount)}).gross_total == amount


def test_rates_keep_nine_decimals() -> None:
    """An exchange rate is neither rounded nor allowed to be zero or negative."""
    record = {
        "id": 1,
        "from-currency": {"code": "JPY"},
        "to-currency": {"code": "USD"},
        "rate": "0.006512345",
        "rate-date": "2026-11-20T00:00:00-05:00",
        "updated-at": "2026-11-20T09:00:00-05:00",
    }
    assert parse_record(ExchangeRate, record).rate == Decimal("0.006512345")
    with pytest.raises(RejectedRecordError):
        parse_record(ExchangeRate, {**record, "rate": "0"})


def test_the_fields_asked_for_are_the_fields_typed() -> None:
    """Underscored names, links as objects, all custom fields."""
    asked = projection(Supplier)

    assert {"parent": ["id", "name"]} in asked
    assert {"custom_fields": {}} in asked
    assert {"primary_address": [{"country": ["code"]}]} in asked
    assert "whitelist_dd" in asked


@pytest.mark.parametrize("amount", ["100000000000000", "-100000000000000.0000", "99999999999999.99995", "9" * 40])
def test_an_amount_that_does_not_fit_is_refused_with_a_reason(amount: str) -> None:
    """It is never cut, rounded into range or left out."""
    invoice = {"id": 1, "status": "draft", "created-at": "2026-01-01T00:00:00Z", "updated-at": "2026-01-01T00:00:00Z"}

    with pytest.raises(RejectedRecordError, match=r"100.?000.?000.?000.?000") as caught:
        parse_record(Invoice, {**invoice, "gross-total": amount})

    assert caught.value.field == "gross-total"
