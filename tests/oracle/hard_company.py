"""A company out of an accountant's bad dreams: little of it is usual, all of it is legal in Coupa.

Missing suppliers, countries and due dates; every status; part, early, reversed and zero payments; credit notes; four
decimals; roundings that end in a five; discounts stated three ways and taken four; Coupa Pay runs that never went out; rates
that go stale. `served` answers with it over HTTP, by keyset, so that the product can sync it like any Coupa.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

Raw = dict[str, Any]

ZONE = ZoneInfo("America/New_York")
LAST_DAY = date(2026, 11, 21)
FIRST_DAY = date(2025, 9, 1)
INVOICES = 700
CENT = Decimal("0.01")

DULL_STATUSES = (
    "new", "draft", "pending_receipt", "pending_approval", "pending_action", "ap_hold", "on_hold", "booking_hold",
    "processing", "payable_adjustment", "disputed", "voided", "rejected", "abandoned", "invalid",
)  # fmt: skip
LIVE_PAY = ("payment_initiated", "payment_in_progress", "completed_successfully", "completed_with_errors")
DEAD_PAY = ("draft", "approved", "cancelled")
WAYS = (
    "open",
    "open",
    "whole",
    "halves",
    "discounted",
    "discounted",
    "dynamic",
    "half by half",
    "reversed",
    "part",
    "unflagged",
)
CURRENCIES = {"USD": 1.0, "EUR": 1.1, "GBP": 1.3, "JPY": 0.0068, "CHF": 1.12}
COUNTRIES = {"US": "United States", "DE": "Germany", "BR": "Brazil", "JP": "Japan"}

TERMS: tuple[Raw, ...] = (
    {"id": 1, "code": "Net 30", "days-for-net-payment": 30, "days-for-discount-payment": None, "discount-rate": None},
    {"id": 2, "code": "2/10 Net 30", "days-for-net-payment": 30, "days-for-discount-payment": 10, "discount-rate": 2.0},
    {
        "id": 3,
        "code": "1.5/15 Net 45",
        "days-for-net-payment": 45,
        "days-for-discount-payment": 15,
        "discount-rate": 1.5,
    },
    {"id": 4, "code": "0/10 Net 30", "days-for-net-payment": 30, "days-for-discount-payment": 10, "discount-rate": 0.0},
    {
        "id": 5,
        "code": "3% any day",
        "days-for-net-payment": 60,
        "days-for-discount-payment": None,
        "discount-rate": 3.0,
    },
    {"id": 6, "code": "Immediate", "days-for-net-payment": 0, "days-for-discount-payment": None, "discount-rate": None},
)


def hard_pages(seed: int = 11) -> dict[str, list[Raw]]:
    """All records by resource, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - a test company, no secret
    entities = _entities()
    invoices = [_invoice(dice, 1000 + number, entities) for number in range(INVOICES)]
    payments = [payment for invoice in invoices for payment in _settle(dice, invoice)]
    return {
        "invoices": invoices,
        "suppliers": _suppliers(),
        "exchange_rates": _rates(dice),
        "coupa_pay/payments": _numbered(payments),
        "account_types": entities,
        "payment_terms": [dict(term) for term in TERMS],
        "currencies": [{"id": number, "code": code, "decimals": 2} for number, code in enumerate(CURRENCIES, 1)],
    }


def served(pages: Mapping[str, Sequence[Raw]]) -> Starlette:
    """An app that hands out the records by keyset; resources it lacks are empty lists, windows and projections are ignored."""

    async def token(_: Request) -> JSONResponse:
        return JSONResponse({"access_token": "hard", "token_type": "bearer", "expires_in": 86_399})

    async def records(request: Request) -> JSONResponse:
        after, limit = int(request.query_params.get("id[gt]", 0)), int(request.query_params.get("limit", 50))
        found = sorted(
            (one for one in pages.get(request.path_params["path"], ()) if one["id"] > after), key=lambda one: one["id"]
        )
        return JSONResponse(found[int(request.query_params.get("offset", 0)) :][:limit])

    return Starlette(routes=[Route("/oauth2/token", token, methods=["POST"]), Route("/api/{path:path}", records)])


def _moment(day: date, clock: time = time(9)) -> str:
    return datetime.combine(day, clock, ZONE).isoformat()


def _entities() -> list[Raw]:
    def entity(id: int, name: str, legal: str | None, country: str | None) -> Raw:
        code = None if country is None else {"id": id, "code": country, "name": COUNTRIES.get(country, "Erewhon")}
        return {
            "id": id,
            "name": name,
            "legal-entity-name": legal,
            "primary-address": code and {"id": id, "country": code},
        }

    return [
        entity(1, "US books", "Holding Inc", "US"),
        entity(2, "DE books", None, "DE"),
        entity(3, "JP books", "Holding KK", "JP"),
        entity(4, "Nowhere books", "Holding Nowhere", None),
        entity(5, "Odd books", "Holding Odd", "ZZ"),
        entity(6, "BR books", "Holding Ltda", "BR"),
    ]


def _suppliers() -> list[Raw]:
    def supplier(id: int, name: str, **more: Any) -> Raw:
        usual = {
            "status": "active",
            "parent": None,
            "commodity": {"id": 1, "name": "Freight"},
            "primary-address": {"id": id, "country": {"id": 1, "code": "US", "name": "United States"}},
            "custom-fields": {},
            "created-at": _moment(FIRST_DAY),
            "updated-at": _moment(FIRST_DAY),
        }
        return {"id": id, "name": name} | usual | more

    family = {"id": 90, "name": "Umbrella Group"}
    return [
        supplier(1, "Plain"),
        supplier(2, "Daughter", parent=family),
        supplier(3, "Other daughter", parent=family, commodity={"id": 2, "name": "Metals"}),
        supplier(4, "No category", commodity=None, **{"primary-address": None}),
        supplier(5, "Sister company", **{"custom-fields": {"intercompany": True}}),
        supplier(6, "Sure stranger", **{"custom-fields": {"intercompany": False}}),
        supplier(7, "Unsure stranger", **{"custom-fields": {"intercompany": None}}),
        supplier(8, 'O\'Quote, 100% "sure"; DROP TABLE --', commodity={"id": 3, "name": "Größe & Söhne"}),
    ]


def _rates(dice: random.Random) -> list[Raw]:
    """A rate every one to four days; none for GBP in March 2026, the first CHF rate only in October 2025, and one way only."""
    found: list[Raw] = []
    for code, level in CURRENCIES.items():
        day = date(2025, 10, 1) if code == "CHF" else FIRST_DAY - timedelta(days=10)
        while code != "USD" and day <= LAST_DAY:
            if not (code == "GBP" and day.strftime("%Y-%m") == "2026-03"):
                value = f"{level * dice.uniform(0.9, 1.1):.9f}"
                found += [
                    _rate(len(found) + 1, code, "USD", value, day),
                    _rate(len(found) + 2, "USD", code, "1.500000000", day),
                ]
            day += timedelta(days=dice.randint(1, 4))
    return found


def _rate(id: int, source: str, target: str, value: str, day: date) -> Raw:
    return {
        "id": id,
        "from-currency": {"code": source},
        "to-currency": {"code": target},
        "rate": value,
        "rate-date": _moment(day, time(0)),
        "created-at": _moment(day),
        "updated-at": _moment(day),
    }


def _invoice(dice: random.Random, id: int, entities: Sequence[Raw]) -> Raw:
    dated = FIRST_DAY + timedelta(days=dice.randrange((LAST_DAY - FIRST_DAY).days + 1))
    arrived = min(dated + timedelta(days=dice.choice((0, 0, 1, 4, 12))), LAST_DAY)
    term = dict(dice.choice(TERMS))
    credit = dice.random() < 0.1
    gross = _gross(dice) * (-1 if credit else 1)
    raw: Raw = {
        "id": id,
        "invoice-number": f"H/{id}",
        "status": "approved" if dice.random() < 0.8 else dice.choice(DULL_STATUSES),
        "document-type": "Credit Note" if credit else "Invoice",
        "is-credit-note": credit,
        "invoice-date": _moment(dated, time(0)),
        "date-received": _moment(arrived, dice.choice((time(0), time(9), time(23, 59, 59))))
        if dice.random() < 0.8
        else None,
        "created-at": _moment(arrived, time(23, 30)),
        "updated-at": _moment(LAST_DAY),
        "supplier": {"id": dice.choice((1, 1, 2, 3, 4, 5, 6, 7, 8, 99))},
        "account-type": dice.choice((*entities, None)),
        "currency": {"id": 1, "code": dice.choice(tuple(CURRENCIES))},
        "payment-term": dice.choice((term, term, term, None)),
        "total-with-taxes": str(gross),
        "tax-amount": dice.choice((str((gross / 6).quantize(CENT)), "0.00", None)),
        "net-due-date": _due(dice, dated, term),
        "discount-due-date": _moment(dated + timedelta(days=dice.choice((5, 20))), time(23, 59, 59))
        if dice.random() < 0.3
        else None,
        "discount-percent": dice.choice((None, None, None, 0.0, 2.5)),
        "channel": dice.choice(("csp", "cxml", None)),
        "invoice-lines": [],
    }
    raw["approvals"] = _approvals(dice, id, arrived)
    return raw


def _gross(dice: random.Random) -> Decimal:
    """Amounts from nothing to a few hundred thousand, some with four decimals, many whose 2 % ends in half a cent."""
    kind = dice.random()
    if kind < 0.02:
        return Decimal("0.00")
    if kind < 0.3:
        return Decimal(dice.randrange(1, 40_000)) / 4
    if kind < 0.4:
        return Decimal(dice.randrange(1, 99_999_999)) / 10_000
    return Decimal(int(dice.lognormvariate(12, 2))) / 100


def _due(dice: random.Random, dated: date, term: Raw) -> str | None:
    if dice.random() < 0.08:
        return None
    days = term["days-for-net-payment"] + dice.choice((0, 0, 0, -40, 3))
    return _moment(dated + timedelta(days=days), time(23, 59, 59))


def _approvals(dice: random.Random, id: int, arrived: date) -> list[Raw]:
    found = []
    for step in range(dice.choice((0, 1, 1, 2, 3))):
        begun = min(arrived + timedelta(days=dice.randint(0, 3)), LAST_DAY)
        decided = min(begun + timedelta(days=dice.choice((0, 1, 2, 15))), LAST_DAY)
        status = dice.choice(("approved", "approved", "approved", "rejected", "pending_approval"))
        found.append(
            {
                "id": id * 10 + step,
                "status": status,
                "position": step + 1,
                "approvable-type": "InvoiceHeader",
                "approvable-id": id,
                "created-at": _moment(begun, time(8, dice.randrange(60))),
                "approval-date": None
                if status == "pending_approval"
                else _moment(decided, time(20, dice.randrange(60), 7)),
            }
        )
    return found


def _settle(dice: random.Random, raw: Raw) -> list[Raw]:
    """Pays the invoice in one of eight ways and hands back the Coupa Pay payments that tell of it.

    Whatever the way, a document flagged as paid has total = payments + discount taken, as in any company.
    """
    gross, offer = Decimal(raw["total-with-taxes"]), _offer(raw)
    way = dice.choice(WAYS) if raw["status"] in {"approved", "voided"} else "open"
    if raw["is-credit-note"] and way in {"discounted", "dynamic", "half by half"}:
        way = "whole"
    half = (gross / 2).quantize(CENT)
    amounts, discounts = {
        "open": ([], ()),
        "whole": ([gross], (dice.choice(("0.00", None)),)),
        "halves": ([half, gross - half], ()),
        "discounted": ([gross - offer + dice.choice((0, 0, CENT, -CENT if offer else 0))], ()),
        "dynamic": ([gross - half / 10], (str(half / 10),)),
        "half by half": ([half - half / 50, gross - half - half / 20], (str(half / 50), str(half / 20))),
        "reversed": ([gross, -gross], ()),
        "part": ([(gross / 3).quantize(CENT)], ()),
        "unflagged": ([gross], ()),
    }[way]
    if way == "discounted" and amounts[0] > gross:
        amounts = [gross]
    first = date.fromisoformat(raw["created-at"][:10])
    days = sorted(min(first + timedelta(days=dice.randint(0, 70)), LAST_DAY) for _ in amounts)
    raw["paid"] = way in {"whole", "halves", "discounted", "dynamic", "half by half"}
    raw["payments"] = [
        {"id": raw["id"] * 10 + place, "amount-paid": str(amount), "payment-date": _moment(day, time(0))}
        for place, (amount, day) in enumerate(zip(amounts, days, strict=True))
    ]
    dice.shuffle(raw["payments"])
    told = [_pay(raw, dice.choice(LIVE_PAY), discount) for discount in discounts]
    return told + _noise(dice, raw)


def _offer(raw: Raw) -> Decimal:
    """The discount in the document, as the supplier's clerk works it out."""
    percent = (
        raw["discount-percent"]
        if raw["discount-percent"] is not None
        else (raw["payment-term"] or {}).get("discount-rate")
    )
    return (Decimal(raw["total-with-taxes"]) * Decimal(str(percent or 0)) / 100).quantize(CENT, ROUND_HALF_UP)


def _noise(dice: random.Random, raw: Raw) -> list[Raw]:
    """Payments that never went out, and an expense report whose id happens to be the invoice's."""
    if dice.random() < 0.1:
        return [_pay(raw, dice.choice(DEAD_PAY), "12.34")]
    if dice.random() < 0.1:
        return [_pay(raw, dice.choice(LIVE_PAY), "56.78", "ExpenseReport")]
    return []


def _pay(raw: Raw, status: str, discount: str | None, of: str = "InvoiceHeader") -> Raw:
    detail = {"source-transaction-id": raw["id"], "source-transaction-type": of, "discount-total": discount}
    return {
        "status": status,
        "created-at": _moment(LAST_DAY),
        "updated-at": _moment(LAST_DAY),
        "payment-details": [detail],
    }


def _numbered(payments: Sequence[Raw]) -> list[Raw]:
    for number, payment in enumerate(payments, 1):
        payment["id"] = number
        for place, detail in enumerate(payment["payment-details"]):
            detail["id"] = number * 10 + place
    return list(payments)
