"""The company's books as an accountant would copy them from Coupa by hand: one plain `Document` per invoice.

Nothing is added up here. A document carries what the figures ask of it: who, where, when, how much, and, worked out from
the rules of settlement, when it was recognised, what discount was on offer and what discount was taken.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Raw = Mapping[str, Any]

CENT = Decimal("0.01")
ZERO = Decimal(0)
RATE_MAX_AGE = timedelta(days=7)
UNASSIGNED = "(unassigned)"

DEAD = frozenset({"voided", "rejected", "abandoned", "invalid"})
RECOGNISED = frozenset({"approved"})
PAY_COUNTS = frozenset({"payment_initiated", "payment_in_progress", "completed_successfully", "completed_with_errors"})

REGIONS = {
    "North America": {"US", "CA"},
    "LATAM": {"MX", "BR", "AR", "CL", "CO", "PE"},
    "EMEA": {"GB", "IE", "DE", "FR", "ES", "IT", "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "PL", "AE", "ZA"},
    "APAC": {"IN", "JP", "CN", "SG", "AU", "NZ", "KR", "HK"},
}


@dataclass(frozen=True)
class Payment:
    """One element of an invoice's `payments`: local date and signed amount in the document's currency."""

    on: date
    amount: Decimal


@dataclass(frozen=True)
class Line:
    """One line of an invoice: net amount, its labels, and the day its order was made, if it has one."""

    total: Decimal
    category: str
    account: str
    ordered_on: date | None


@dataclass(frozen=True)
class Step:
    """One approval step: who, since when it was waited for, and when it was decided."""

    approver: str
    asked: date
    decided: date | None


@dataclass(frozen=True)
class Document:
    """One invoice or credit note. Amounts are in its own currency, dates are local."""

    id: int
    number: str
    status: str
    credit_note: bool
    intercompany: bool
    labels: Mapping[str, str]
    """Name of the document's group by dimension (supplier, parent, category, …)."""
    currency: str
    invoice_date: date
    received_on: date
    recognised_on: date | None
    """Day on which it entered open AP; None unless it is approved."""
    due: date | None
    gross: Decimal
    tax: Decimal
    paid: bool
    payments: tuple[Payment, ...]
    has_offer: bool
    offered: Decimal
    """Discount on offer; zero when there is none, or when it rounds to nothing."""
    window_end: date | None
    taken: Decimal
    """Discount taken, on the day of the last payment."""
    approval_days: Decimal | None
    approval_ended: date | None
    received_at: datetime | None = None
    requested_at: datetime | None = None
    """When the first approval was asked for."""
    requested_on: date | None = None
    rejections: int = 0
    steps: tuple[Step, ...] = ()
    lines: tuple[Line, ...] = ()
    country: str = ""
    """Code of the buying entity's country."""
    channel: str = ""
    has_contract: bool = False
    supplier_on_hold: bool = False
    term_days: int | None = None
    """Net days of the invoice's own term."""
    master_days: int | None = None
    agreed_days: int | None = None
    """The longest net days of its orders, its contract and the supplier master."""
    supplier_id: int = 0
    has_twin: bool = False
    """Looks like an earlier document of the same parent."""

    @property
    def last_paid(self) -> date | None:
        """Day of the last payment."""
        return max((payment.on for payment in self.payments), default=None)

    def settled(self, on: date) -> Decimal:
        """Amount by which payments and the discount had lowered the document at the end of a day."""
        amount = sum((payment.amount for payment in self.payments if payment.on <= on), ZERO)
        if self.last_paid is not None and self.last_paid <= on:
            amount += self.taken
        return amount

    def open(self, on: date) -> Decimal:
        """Amount still open at the end of a day, counted from the day of recognition."""
        if self.recognised_on is None:
            return ZERO
        owed = self.gross if self.recognised_on <= on else ZERO
        return owed - self.settled(on)


@dataclass(frozen=True)
class OrderLine:
    """One line of a purchase order with what was received and billed on it, in the order's currency."""

    id: int
    labels: Mapping[str, str]
    intercompany: bool
    currency: str
    ordered_on: date
    status: str
    line_status: str
    kind: str
    total: Decimal
    need_by: date | None
    term_days: int | None
    received: tuple[tuple[date, Decimal], ...]
    billed: tuple[tuple[date, Decimal], ...]


@dataclass(frozen=True)
class Rates:
    """Closing rates to the reporting currency: per currency the days and, beside them, the rates."""

    reporting: str
    days: Mapping[str, Sequence[date]]
    rates: Mapping[str, Sequence[Decimal]]

    def on(self, currency: str, day: date) -> Decimal | None:
        """The latest rate dated on or before the day; None when the latest is over seven days old."""
        if currency == self.reporting:
            return Decimal(1)
        days = self.days.get(currency, ())
        place = bisect_right(days, day) - 1
        if place < 0 or day - days[place] > RATE_MAX_AGE:
            return None
        return self.rates[currency][place]


@dataclass(frozen=True)
class Books:
    """Documents that count, the rates, and the data's last complete day."""

    documents: tuple[Document, ...]
    rates: Rates
    data_date: date
    order_lines: tuple[OrderLine, ...] = ()
    dead: tuple[Document, ...] = ()
    """Documents that no figure counts, but for the share of exceptions."""
    runs: Mapping[str, Sequence[date]] = field(default_factory=dict)
    """Days on which a buying entity paid something, in order, whoever was paid."""

    def narrowed(self, keep: Callable[[Document], bool]) -> "Books":
        """The same books with fewer documents."""
        return replace(self, documents=tuple(filter(keep, self.documents)), dead=tuple(filter(keep, self.dead)))

    def by(self, dimension: str) -> dict[str, "Books"]:
        """One set of books per group."""
        groups: dict[str, list[Document]] = {}
        for document in self.documents:
            groups.setdefault(document.labels[dimension], []).append(document)
        dead: dict[str, list[Document]] = {}
        for document in self.dead:
            dead.setdefault(document.labels[dimension], []).append(document)
        orders: dict[str, list[OrderLine]] = {}
        for line in self.order_lines:
            if dimension in line.labels:
                orders.setdefault(line.labels[dimension], []).append(line)
        return {
            label: replace(
                self,
                documents=tuple(groups.get(label, ())),
                dead=tuple(dead.get(label, ())),
                order_lines=tuple(orders.get(label, ())),
            )
            for label in groups | dead | orders
        }

    def at_closing(self, amount: Decimal, document: "Document | OrderLine", day: date) -> Decimal:
        """An amount of the document at a day's closing rate; zero when there is no rate, as nothing can be said."""
        rate = self.rates.on(document.currency, day)
        return ZERO if rate is None else amount * rate

    def as_flow(self, amount: Decimal, document: Document) -> Decimal:
        """An amount of the document at the rate of its invoice date."""
        return self.at_closing(amount, document, document.invoice_date)


def open_books(
    pages: Mapping[str, Sequence[Raw]], data_date: date, *, intercompany: bool = False, reporting: str = "USD"
) -> Books:
    """The books behind raw pages by resource name (`invoices`, `suppliers`, `exchange_rates`, …).

    With outsiders, as every figure counts by default, or with sister companies alone.
    """
    suppliers = {raw["id"]: raw for raw in pages.get("suppliers", ())}
    entities = {raw["id"]: raw for raw in pages.get("account_types", ())}
    taken = _discounts_by_invoice(pages.get("coupa_pay/payments", ()))
    ordered = ordered_on(pages.get("purchase_orders", ()))
    agreed = Agreements.read(pages)
    documents = [_document(raw, suppliers, entities, taken, ordered, agreed) for raw in pages.get("invoices", ())]
    alive = [one for one in documents if one.status not in DEAD]
    twins = with_twins(alive)
    return Books(
        tuple(replace(one, has_twin=one.id in twins) for one in alive if one.intercompany == intercompany),
        _rates(pages.get("exchange_rates", ()), reporting),
        data_date,
        tuple(one for one in order_lines(pages, suppliers) if one.intercompany == intercompany),
        tuple(one for one in documents if one.status in DEAD and one.intercompany == intercompany),
        _runs(alive),
    )


def _runs(documents: Iterable[Document]) -> dict[str, list[date]]:
    days: dict[str, set[date]] = {}
    for one in documents:
        if one.recognised_on is not None and not one.credit_note:
            days.setdefault(one.labels["buying_entity"], set()).update(payment.on for payment in one.payments)
    return {entity: sorted(found) for entity, found in days.items()}


def local_date(text: str | None) -> date | None:
    """The date part of a timestamp in its own offset."""
    return date.fromisoformat(text[:10]) if text else None


def _document(
    raw: Raw,
    suppliers: Mapping[int, Raw],
    entities: Mapping[int, Raw],
    taken: Mapping[int, Decimal],
    ordered: Mapping[int, date],
    agreed: "Agreements",
) -> Document:
    supplier = suppliers.get((raw.get("supplier") or {}).get("id", -1), {})
    credit_note = bool(raw.get("is-credit-note")) or raw.get("document-type") == "Credit Note"
    gross = Decimal(raw["total-with-taxes"])
    payments = tuple(
        Payment(_day(one["payment-date"]), Decimal(one["amount-paid"])) for one in raw.get("payments") or ()
    )
    rate = _discount_rate(raw)
    has_offer = rate > 0 and not credit_note
    # Halves of a cent round away from zero, as an accountant's do.
    offered = (gross * rate / 100).quantize(CENT, ROUND_HALF_UP) if has_offer else ZERO
    approved = [one for one in raw.get("approvals") or () if one["status"] == "approved" and one.get("approval-date")]
    return Document(
        id=raw["id"],
        number=raw["invoice-number"],
        status=raw["status"],
        credit_note=credit_note,
        intercompany=(supplier.get("custom-fields") or {}).get("intercompany") is True,
        labels=_labels(raw, supplier, entities) | {"has_discount": "yes" if has_offer else "no"},
        currency=raw["currency"]["code"],
        invoice_date=_day(raw["invoice-date"]),
        received_on=_day(raw.get("date-received") or raw["created-at"]),
        recognised_on=_recognised_on(raw, approved),
        due=local_date(raw.get("net-due-date")),
        gross=gross,
        tax=Decimal(raw.get("tax-amount") or 0),
        paid=bool(raw.get("paid")),
        payments=payments,
        has_offer=has_offer,
        offered=offered,
        window_end=_window_end(raw) if has_offer else None,
        taken=ZERO if credit_note else _taken(raw, gross, payments, offered, taken),
        approval_days=_approval_days(raw, approved),
        approval_ended=_last_approval(approved),
        received_at=datetime.fromisoformat(raw.get("date-received") or raw["created-at"]),
        requested_at=min(
            (datetime.fromisoformat(one["created-at"]) for one in raw.get("approvals") or ()), default=None
        ),
        requested_on=min((_day(one["created-at"]) for one in raw.get("approvals") or ()), default=None),
        rejections=sum(one["status"] == "rejected" for one in raw.get("approvals") or ()),
        steps=_steps(raw, agreed.people),
        lines=tuple(_line(one, ordered) for one in raw.get("invoice-lines") or ()),
        country=_entity_country(raw, entities),
        supplier_id=(raw.get("supplier") or {}).get("id", 0),
        channel=raw.get("channel") or "",
        has_contract=bool(raw.get("contract")),
        supplier_on_hold=bool(supplier.get("on-hold")),
        term_days=agreed.term(raw.get("payment-term")),
        master_days=agreed.term(supplier.get("payment-term")),
        agreed_days=agreed.longest(raw, supplier),
    )


def _steps(raw: Raw, people: Mapping[int, str]) -> tuple[Step, ...]:
    """Waited for one after the other: a step begins when it was asked for and the one before it was decided."""
    found: list[Step] = []
    listed = sorted(raw.get("approvals") or (), key=lambda one: (one.get("position") or 0, one.get("id", 0)))
    last: date | None = None
    for one in listed:
        decided = local_date(one.get("approval-date"))
        if decided is None and not (
            one["status"].startswith("pending") and raw["status"] not in RECOGNISED and raw["status"] not in DEAD
        ):
            continue
        asked = max(_day(one["created-at"]), last) if last else _day(one["created-at"])
        who = one.get("approver") or {}
        found.append(
            Step(
                people.get(who.get("id", -1)) or who.get("login") or UNASSIGNED,
                min(asked, decided) if decided else asked,
                decided,
            )
        )
        last = decided
    return tuple(found)


def _line(raw: Raw, ordered: Mapping[int, date]) -> Line:
    account = raw.get("account") or {}
    return Line(
        Decimal(raw.get("total") or 0),
        (raw.get("commodity") or {}).get("name") or UNASSIGNED,
        account.get("name") or account.get("code") or UNASSIGNED,
        ordered.get(raw.get("order-line-id") or -1),
    )


def _entity_country(raw: Raw, entities: Mapping[int, Raw]) -> str:
    embedded = raw.get("account-type") or {}
    return _country(entities.get(embedded.get("id", -1), embedded)).get("code") or ""


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _country(holder: Raw) -> Raw:
    """Code and name of the country of a primary address."""
    return (holder.get("primary-address") or {}).get("country") or {}


def _labels(raw: Raw, supplier: Raw, entities: Mapping[int, Raw]) -> dict[str, str]:
    embedded = raw.get("account-type") or {}
    entity = entities.get(embedded.get("id", -1), embedded)
    country = _country(entity)
    name = supplier.get("name") or UNASSIGNED
    return {
        "supplier": name,
        "parent": (supplier.get("parent") or {}).get("name") or name,
        "category": (supplier.get("commodity") or {}).get("name") or UNASSIGNED,
        "buying_entity": entity.get("legal-entity-name") or entity.get("name") or UNASSIGNED,
        "region": next((region for region, codes in REGIONS.items() if country.get("code") in codes), UNASSIGNED),
        "entity_country": country.get("name") or UNASSIGNED,
        "supplier_country": _country(supplier).get("code") or UNASSIGNED,
        "document_type": raw.get("document-type") or UNASSIGNED,
        "channel": raw.get("channel") or UNASSIGNED,
        "currency": raw["currency"]["code"],
        "payment_term": (raw.get("payment-term") or {}).get("code") or UNASSIGNED,
        "status": raw["status"],
    }


def _last_approval(approved: Sequence[Raw]) -> date | None:
    return max((_day(one["approval-date"]) for one in approved), default=None)


def _recognised_on(raw: Raw, approved: Sequence[Raw]) -> date | None:
    if raw["status"] not in RECOGNISED:
        return None
    return _last_approval(approved) or _day(raw.get("date-received") or raw["created-at"])


def _approval_days(raw: Raw, approved: Sequence[Raw]) -> Decimal | None:
    """Days, with fraction, from the first approval's making to the last approval."""
    if not approved:
        return None
    begun = min(datetime.fromisoformat(one["created-at"]) for one in raw["approvals"])
    ended = max(datetime.fromisoformat(one["approval-date"]) for one in approved)
    span = ended - begun
    return (Decimal(span.days * 86_400 + span.seconds) + Decimal(span.microseconds) / 1_000_000) / 86_400


def _discount_rate(raw: Raw) -> Decimal:
    """In percent: the invoice's own wins over its term's; zero when neither has one."""
    percent = raw.get("discount-percent")
    if percent is None:
        percent = (raw.get("payment-term") or {}).get("discount-rate")
    return Decimal(percent or 0)


def _window_end(raw: Raw) -> date | None:
    """The invoice's discount-due-date, else the invoice date plus the term's discount days."""
    stated = local_date(raw.get("discount-due-date"))
    days = (raw.get("payment-term") or {}).get("days-for-discount-payment")
    if stated is not None or days is None:
        return stated
    return _day(raw["invoice-date"]) + timedelta(days=int(days))


def _taken(
    raw: Raw, gross: Decimal, payments: Iterable[Payment], offered: Decimal, by_invoice: Mapping[int, Decimal]
) -> Decimal:
    """What Coupa Pay says; without it, the unpaid rest of a paid invoice when it is the offered discount to the cent."""
    if raw["id"] in by_invoice:
        return by_invoice[raw["id"]]
    rest = gross - sum((payment.amount for payment in payments), ZERO)
    return rest if raw.get("paid") and offered > 0 and abs(rest - offered) <= CENT else ZERO


def _discounts_by_invoice(pay: Iterable[Raw]) -> dict[int, Decimal]:
    taken: dict[int, Decimal] = {}
    for payment in pay:
        if payment["status"] not in PAY_COUNTS:
            continue
        for detail in payment.get("payment-details") or ():
            if detail["source-transaction-type"] == "InvoiceHeader":
                invoice = int(detail["source-transaction-id"])
                taken[invoice] = taken.get(invoice, ZERO) + Decimal(detail.get("discount-total") or 0)
    return taken


def _rates(raw: Iterable[Raw], reporting: str) -> Rates:
    listed: dict[str, list[tuple[date, Decimal]]] = {}
    for one in raw:
        if one["to-currency"]["code"] == reporting:
            pair = (_day(one["rate-date"]), Decimal(one["rate"]))
            listed.setdefault(one["from-currency"]["code"], []).append(pair)
    ordered = {currency: sorted(pairs) for currency, pairs in listed.items()}
    return Rates(
        reporting,
        {currency: [day for day, _ in pairs] for currency, pairs in ordered.items()},
        {currency: [rate for _, rate in pairs] for currency, pairs in ordered.items()},
    )


@dataclass(frozen=True)
class Agreements:
    """Net days by payment term and by contract, of the orders behind an invoice, and who approves."""

    terms: Mapping[int, int | None]
    contracts: Mapping[int, int | None]
    orders: Mapping[int, int | None]
    """By order line."""
    people: Mapping[int, str]

    @classmethod
    def read(cls, pages: Mapping[str, Sequence[Raw]]) -> "Agreements":
        """From raw pages."""
        terms = {one["id"]: one.get("days-for-net-payment") for one in pages.get("payment_terms", ())}

        def days(holder: Raw) -> int | None:
            return terms.get((holder.get("payment-term") or {}).get("id", -1))

        return cls(
            terms,
            {one["id"]: days(one) for one in pages.get("contracts", ())},
            {
                line["id"]: days(one)
                for one in pages.get("purchase_orders", ())
                for line in one.get("order-lines") or ()
            },
            {one["id"]: one["fullname"] for one in pages.get("users", ()) if one.get("fullname")},
        )

    def term(self, term: Raw | None) -> int | None:
        """Net days of a term."""
        return self.terms.get((term or {}).get("id", -1))

    def longest(self, raw: Raw, supplier: Raw) -> int | None:
        """The longest net days that the invoice's orders, its contract and the supplier master agree on."""
        found = [self.term(supplier.get("payment-term")), self.contracts.get((raw.get("contract") or {}).get("id", -1))]
        found += [self.orders.get(line.get("order-line-id") or -1) for line in raw.get("invoice-lines") or ()]
        return max((days for days in found if days is not None), default=None)


def ordered_on(orders: Iterable[Raw]) -> dict[int, date]:
    """The day an order was made, by order line."""
    return {line["id"]: _day(one["created-at"]) for one in orders for line in one.get("order-lines") or ()}


def order_lines(pages: Mapping[str, Sequence[Raw]], suppliers: Mapping[int, Raw]) -> Iterable[OrderLine]:
    """Every order line with its receipts and the invoice lines that bill it (documents that count)."""
    terms = Agreements.read(pages)
    received: dict[int, list[tuple[date, Decimal]]] = {}
    for one in pages.get("receiving_transactions", ()):
        line = (one.get("order-line") or {}).get("id")
        if line is not None and one["status"] != "voided":
            amount = Decimal(one["total"])
            taken_back = any(word in one["type"] for word in ("Return", "Disposal", "Void"))
            received.setdefault(line, []).append(
                (_day(one["transaction-date"]), -abs(amount) if taken_back else amount)
            )
    billed: dict[int, list[tuple[date, Decimal]]] = {}
    for raw in pages.get("invoices", ()):
        if raw["status"] in DEAD:
            continue
        day = _day(raw.get("date-received") or raw["created-at"])
        for one in raw.get("invoice-lines") or ():
            if one.get("order-line-id") is not None:
                billed.setdefault(one["order-line-id"], []).append((day, Decimal(one["total"])))
    for order in pages.get("purchase_orders", ()):
        supplier = suppliers.get((order.get("supplier") or {}).get("id", -1), {})
        name = supplier.get("name") or UNASSIGNED
        for line in order.get("order-lines") or ():
            yield OrderLine(
                id=line["id"],
                labels={
                    "supplier": name,
                    "parent": (supplier.get("parent") or {}).get("name") or name,
                    "category": (supplier.get("commodity") or {}).get("name") or UNASSIGNED,
                    "supplier_country": _country(supplier).get("code") or UNASSIGNED,
                    "currency": order["currency"]["code"],
                    "payment_term": (order.get("payment-term") or {}).get("code") or UNASSIGNED,
                },
                intercompany=(supplier.get("custom-fields") or {}).get("intercompany") is True,
                currency=order["currency"]["code"],
                ordered_on=_day(order["created-at"]),
                status=order["status"],
                line_status=line["status"],
                kind=line["type"],
                total=Decimal(line["total"]),
                need_by=local_date(line.get("need-by-date")),
                term_days=terms.term(order.get("payment-term")),
                received=tuple(received.get(line["id"], ())),
                billed=tuple(billed.get(line["id"], ())),
            )


def with_twins(documents: Iterable[Document]) -> set[int]:
    """Ids of documents that look like an earlier one.

    Same parent and currency, amounts within half a percent, and the same number without punctuation or a date within a
    week.
    """
    twins: set[int] = set()
    by_parent: dict[tuple[str, str], list[Document]] = {}
    for one in sorted(documents, key=lambda one: one.id):
        if one.credit_note or one.gross <= 0:
            continue
        earlier = by_parent.setdefault((one.labels["parent"], one.currency), [])
        number = _plain(one.number)
        for other in earlier:
            close = abs(one.gross - other.gross) <= other.gross / 200
            if close and (_plain(other.number) == number or abs((one.invoice_date - other.invoice_date).days) <= 7):
                twins.add(one.id)
                break
        earlier.append(one)
    return twins


def _plain(number: str) -> str:
    return "".join(letter for letter in number.upper() if letter.isascii() and letter.isalnum())
