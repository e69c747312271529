"""Raw records written by hand in Coupa's shape, so that a test shows only what matters to it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from oracle.books import Books, local_date, open_books

Raw = dict[str, Any]

NET_30: Raw = {"code": "Net 30", "days-for-net-payment": 30, "days-for-discount-payment": None, "discount-rate": None}
TWO_TEN: Raw = {
    "code": "2/10 Net 30",
    "days-for-net-payment": 30,
    "days-for-discount-payment": 10,
    "discount-rate": Decimal("2.0"),
}


def day_start(day: str) -> str:
    """Midnight of a day, New York summer time."""
    return f"{day}T00:00:00-04:00"


def day_end(day: str | None) -> str | None:
    """The last second of a day, as Coupa writes due dates."""
    return day and f"{day}T23:59:59-04:00"


def supplier(id: int, name: str, **more: Any) -> Raw:
    """A supplier of category "MRO" that is nobody's subsidiary."""
    return {"id": id, "name": name, "parent": None, "commodity": {"id": 1, "name": "MRO"}, "custom-fields": {}} | more


def invoice(
    id: int,
    gross: str,
    dated: str,
    *,
    approved: str | None = None,
    due: str | None = None,
    paid: Iterable[tuple[str, str]] = (),
    fully: bool = False,
    term: Raw = NET_30,
    tax: str = "0.00",
    currency: str = "USD",
    **more: Any,
) -> Raw:
    """An approved invoice of supplier 1, approved on its date unless said; `paid` holds (day, amount)."""
    return {
        "id": id,
        "invoice-number": f"N-{id}",
        "invoice-date": day_start(dated),
        "created-at": f"{dated}T09:00:00-04:00",
        "date-received": f"{dated}T09:00:00-04:00",
        "status": "approved",
        "document-type": "Invoice",
        "total-with-taxes": gross,
        "tax-amount": tax,
        "net-due-date": day_end(due),
        "discount-due-date": None,
        "discount-percent": None,
        "paid": fully,
        "payments": [{"amount-paid": amount, "payment-date": day_start(day)} for day, amount in paid],
        "currency": {"code": currency},
        "payment-term": term,
        "supplier": {"id": 1, "name": "Alpha"},
        "account-type": {"id": 1, "name": "US books"},
        "approvals": [approval(f"{dated}T09:00:00-04:00", f"{approved or dated}T15:00:00-04:00")],
    } | more


def credit_note(id: int, gross: str, dated: str, **more: Any) -> Raw:
    """A credit note; its amounts are negative."""
    return invoice(id, gross, dated, **({"document-type": "Credit Note"} | more))


def approval(created: str, decided: str | None, status: str = "approved") -> Raw:
    """One step of an approval chain."""
    return {"status": status, "created-at": created, "approval-date": decided}


def coupa_pay(invoice_id: int, discount: str, status: str = "completed_successfully") -> Raw:
    """A Coupa Pay payment of one invoice, with the discount it took."""
    detail = {
        "source-transaction-id": invoice_id,
        "source-transaction-type": "InvoiceHeader",
        "discount-total": discount,
    }
    return {"status": status, "payment-details": [detail]}


def rate(currency: str, day: str, dollars: str) -> Raw:
    """US dollars for one unit of a currency on a day."""
    return {
        "from-currency": {"code": currency},
        "to-currency": {"code": "USD"},
        "rate": dollars,
        "rate-date": day_start(day),
    }


def books(
    *invoices: Raw,
    today: str = "2026-11-21",
    suppliers: Iterable[Raw] = (supplier(1, "Alpha"),),
    pay: Iterable[Raw] = (),
    rates: Iterable[Raw] = (),
    entities: Iterable[Raw] = (),
) -> Books:
    """The books behind hand-made records, with `today` as the data's last day."""
    pages = {
        "invoices": list(invoices),
        "suppliers": list(suppliers),
        "coupa_pay/payments": list(pay),
        "exchange_rates": list(rates),
        "account_types": list(entities),
    }
    data_date = local_date(today)
    assert data_date is not None
    return open_books(pages, data_date)
