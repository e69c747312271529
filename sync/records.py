"""Coupa's JSON as frozen, typed records: Decimal money, aware times, hyphenated keys as aliases.

The fields of a record are also the fields the client asks for (`projection`), so a column cannot be mapped that was
never requested. Unknown extra fields are ignored (they stay in `raw`); a value of the wrong type raises
RejectedRecordError with the field's name as Coupa writes it.
"""

import json
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import AwareDatetime, ValidationError

from sync.errors import RejectedRecordError
from sync.fields import (
    ABSENT_IS_EMPTY,
    CustomFields,
    Identifier,
    LineFields,
    LocalDate,
    Money,
    Percent,
    Quantity,
    Rate,
    Record,
    Total,
    Whole,
    custom_flag,
    problem_with,
)

# Documents in these states may be half filled in; nothing counts them.
UNFINISHED: Final = frozenset({"new", "draft", "voided", "rejected", "abandoned", "invalid"})


class IdOnly(Record):
    """A link by id."""

    id: Identifier | None = None


class Named(Record):
    """A link with a name: commodity, parent supplier, payee."""

    id: Identifier | None = None
    name: str | None = None


class Coded(Record):
    """A link with a code: payment term."""

    id: Identifier | None = None
    code: str | None = None


class CodeOnly(Record):
    """A link by natural key: currency, country."""

    code: str | None = None


class Account(Record):
    """The account a line is booked on."""

    code: str | None = None
    name: str | None = None


class Address(Record):
    """The part of an address that is mirrored."""

    country: CodeOnly | None = None


class AccountType(Record):
    """The chart of accounts of an invoice: the buying entity."""

    id: Identifier | None = None
    name: str | None = None
    legal_entity_name: str | None = None
    primary_address: Address | None = None


class ChartOfAccounts(Record):
    """A chart of accounts by itself: what Coupa calls an account type, one for each buying entity."""

    id: Identifier
    name: str | None = None
    active: bool | None = None
    legal_entity_name: str | None = None
    currency: CodeOnly | None = None
    primary_address: Address | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class Commodity(Record):
    """What is bought: the category of suppliers and of lines; `category` is goods or services."""

    id: Identifier
    name: str | None = None
    active: bool | None = None
    category: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


class Person(Record):
    """A user as embedded elsewhere; an approval group has no login."""

    id: Identifier | None = None
    login: str | None = None


class Currency(Record):
    """A currency of the tenant."""

    id: Identifier
    code: str
    decimals: Whole | None = None


class ExchangeRate(Record):
    """A one-way rate: one unit of `from_currency` is `rate` units of `to_currency`."""

    id: Identifier
    from_currency: CodeOnly
    to_currency: CodeOnly
    rate: Rate
    rate_date: LocalDate
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


class PaymentTerm(Record):
    """A payment term; `discount_rate` is in percent (2.0 for "2/10 Net 30")."""

    id: Identifier
    code: str
    description: str | None = None
    type: str | None = None
    active: bool | None = None
    days_for_net_payment: Whole | None = None
    days_for_discount_payment: Whole | None = None
    discount_rate: Percent | None = None
    net_cutoff_day: Whole | None = None
    net_due_month: Whole | None = None
    net_due_day: Whole | None = None
    discount_cutoff_day: Whole | None = None
    discount_due_month: Whole | None = None
    discount_due_day: Whole | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class User(Record):
    """A user of the tenant."""

    id: Identifier
    login: str | None = None
    fullname: str | None = None
    email: str | None = None
    employee_number: str | None = None
    active: bool | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


class RemitToAddress(Record):
    """Where a supplier wants to be paid."""

    id: Identifier
    remit_to_code: str | None = None
    name: str | None = None
    street1: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: CodeOnly | None = None
    active: bool | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class Supplier(Record):
    """A supplier with its remit-to addresses."""

    id: Identifier
    name: str
    display_name: str | None = None
    number: str | None = None
    status: str | None = None
    on_hold: bool | None = None
    one_time_supplier: bool | None = None
    parent: Named | None = None
    commodity: Named | None = None
    primary_address: Address | None = None
    payment_term: Coded | None = None
    payment_method: str | None = None
    invoice_matching_level: str | None = None
    tax_id: str | None = None
    whitelist_dd: bool | None = None
    do_not_accelerate: bool | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    remit_to_addresses: Annotated[tuple[RemitToAddress, ...], ABSENT_IS_EMPTY] = ()
    custom_fields: CustomFields | None = None

    @property
    def is_intercompany(self) -> bool:
        """Custom field `intercompany`; false when absent."""
        return custom_flag(self.custom_fields, "intercompany") or False

    @property
    def is_small_supplier(self) -> bool | None:
        """Custom field `small-supplier`; None when absent."""
        return custom_flag(self.custom_fields, "small-supplier")

    def check(self) -> None:
        """A company that is intercompany by mistake is left out of every number: better to reject the record."""
        for name in ("intercompany", "small-supplier"):
            custom_flag(self.custom_fields, name)


class Contract(Record):
    """A contract with a supplier."""

    id: Identifier
    number: str | None = None
    name: str | None = None
    status: str | None = None
    type: str | None = None
    supplier: IdOnly | None = None
    currency: CodeOnly | None = None
    start_date: LocalDate | None = None
    end_date: LocalDate | None = None
    term_type: str | None = None
    payment_term: Coded | None = None
    minimum_value: Total | None = None
    maximum_value: Total | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    custom_fields: CustomFields | None = None


class AccountAllocation(Record):
    """The part of a line that is booked on one of several accounts. `pct` is in percent (60.0)."""

    id: Identifier
    amount: Money | None = None
    pct: Percent | None = None
    account: Account | None = None


class OrderLine(Record):
    """A line of a purchase order, with the accounts that it is split over. `line_num` is text in Coupa."""

    id: Identifier
    line_num: str | None = None
    type: str | None = None
    description: str | None = None
    quantity: Quantity | None = None
    price: Quantity | None = None
    total: Money | None = None
    received: Quantity | None = None
    invoiced: Quantity | None = None
    status: str | None = None
    commodity: Named | None = None
    account: Account | None = None
    account_allocations: Annotated[tuple[AccountAllocation, ...], ABSENT_IS_EMPTY] = ()
    need_by_date: LocalDate | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    custom_fields: LineFields | None = None


class PurchaseOrder(Record):
    """A purchase order with its lines."""

    id: Identifier
    po_number: str | None = None
    status: str | None = None
    version: Whole | None = None
    supplier: IdOnly | None = None
    currency: CodeOnly | None = None
    payment_term: Coded | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    order_lines: Annotated[tuple[OrderLine, ...], ABSENT_IS_EMPTY] = ()
    custom_fields: CustomFields | None = None


class Receipt(Record):
    """A receiving transaction."""

    id: Identifier
    type: str | None = None
    status: str | None = None
    transaction_date: LocalDate | None = None
    quantity: Quantity | None = None
    price: Quantity | None = None
    total: Money | None = None
    currency: CodeOnly | None = None
    order_line: IdOnly | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


class Approval(Record):
    """One step of an approval chain."""

    id: Identifier
    approvable_type: str | None = None
    approvable_id: Identifier | None = None
    position: Whole | None = None
    status: str | None = None
    type: str | None = None
    approver: Person | None = None
    approved_by: IdOnly | None = None
    approval_date: AwareDatetime | None = None
    note: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class InvoiceLine(Record):
    """A line of an invoice, with the accounts that it is split over."""

    id: Identifier
    line_num: Whole | None = None
    type: str | None = None
    description: str | None = None
    quantity: Quantity | None = None
    price: Quantity | None = None
    total: Money | None = None
    tax_amount: Money | None = None
    commodity: Named | None = None
    po_number: str | None = None
    order_line_id: Identifier | None = None
    account: Account | None = None
    account_allocations: Annotated[tuple[AccountAllocation, ...], ABSENT_IS_EMPTY] = ()
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    custom_fields: LineFields | None = None


class InvoicePayment(Record):
    """A payment recorded on an invoice; negative where a credit note is netted."""

    id: Identifier
    amount_paid: Money
    payment_date: LocalDate
    notes: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class FailedTolerance(Record):
    """A tolerance that an invoice failed, which holds it until it is resolved. Amounts and limits are text in Coupa."""

    id: Identifier
    code: str | None = None
    breach_amount: str | None = None
    breach_limit: str | None = None
    resolved: bool | None = None
    resolution_strategy: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class InvoiceCharge(Record):
    """Freight, handling or another charge beside an invoice's lines."""

    id: Identifier
    line_num: Whole | None = None
    type: str | None = None
    description: str | None = None
    total: Money | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class Invoice(Record):
    """An invoice or credit note with its lines, payments, approvals, failed tolerances and charges."""

    id: Identifier
    invoice_number: str | None = None
    status: str
    document_type: str | None = None
    is_credit_note: bool | None = None
    supplier: IdOnly | None = None
    account_type: AccountType | None = None
    currency: CodeOnly | None = None
    payment_term: Coded | None = None
    contract: IdOnly | None = None
    invoice_date: LocalDate | None = None
    date_received: AwareDatetime | None = None
    net_due_date: LocalDate | None = None
    discount_due_date: LocalDate | None = None
    gross_total: Money | None = None
    total_with_taxes: Money | None = None
    tax_amount: Money | None = None
    shipping_amount: Money | None = None
    handling_amount: Money | None = None
    misc_amount: Money | None = None
    discount_percent: Percent | None = None
    discount_amount: Money | None = None
    paid: bool | None = None
    payment_date: LocalDate | None = None
    payment_channel: str | None = None
    channel: str | None = None
    coupa_accelerate_status: str | None = None
    original_invoice_number: str | None = None
    line_count: Whole | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    invoice_lines: Annotated[tuple[InvoiceLine, ...], ABSENT_IS_EMPTY] = ()
    payments: Annotated[tuple[InvoicePayment, ...], ABSENT_IS_EMPTY] = ()
    approvals: Annotated[tuple[Approval, ...], ABSENT_IS_EMPTY] = ()
    failed_tolerances: Annotated[tuple[FailedTolerance, ...], ABSENT_IS_EMPTY] = ()
    invoice_charges: Annotated[tuple[InvoiceCharge, ...], ABSENT_IS_EMPTY] = ()
    custom_fields: CustomFields | None = None

    @property
    def credit_note(self) -> bool:
        """Coupa's own flag where it is sent, else the document type."""
        return self.document_type == "Credit Note" if self.is_credit_note is None else self.is_credit_note

    def check(self) -> None:
        """A document that counts must have what it is counted by: a silent null would be a wrong total."""
        if self.status in UNFINISHED:
            return
        needed = {
            "supplier.id": self.supplier and self.supplier.id,
            "currency.code": self.currency and self.currency.code,
            "total-with-taxes": self.total_with_taxes,
            "invoice-date": self.invoice_date,
        }
        for field, value in needed.items():
            if value is None:
                raise problem_with(field, f"missing on a document with status {self.status!r}")


class PaymentDetail(Record):
    """What a Coupa Pay payment settles; `discount_total` is the discount taken with it."""

    id: Identifier
    source_transaction_id: Identifier | None = None
    source_transaction_type: str | None = None
    source_transaction_reference: str | None = None
    transaction_total: Money | None = None
    discount_total: Money | None = None
    adjustment_total: Money | None = None
    payment_total: Money | None = None
    currency: CodeOnly | None = None


class CoupaPayPayment(Record):
    """A payment made through Coupa Pay."""

    id: Identifier
    status: str
    payment_batch_id: Identifier | None = None
    payee: IdOnly | None = None
    pay_from_currency: CodeOnly | None = None
    pay_to_currency: CodeOnly | None = None
    pay_from_total: Money | None = None
    pay_to_total: Money | None = None
    requested_execution_date: LocalDate | None = None
    released_at: AwareDatetime | None = None
    legal_entity_name: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    payment_details: Annotated[tuple[PaymentDetail, ...], ABSENT_IS_EMPTY] = ()


class Payable(Record):
    """What Coupa Pay knows of an approved document: how much of it is to be paid, was paid, and remains."""

    id: Identifier
    status: str | None = None
    document_id: str | None = None
    document_type: str | None = None
    currency: CodeOnly | None = None
    payable_amount: Money | None = None
    remittance_amount: Money | None = None
    paid_amount: Money | None = None
    remaining_amount: Money | None = None
    accounting_amount: Money | None = None
    accounting_currency: CodeOnly | None = None
    paid_date: LocalDate | None = None
    discount_due_date: LocalDate | None = None
    maturity_date: LocalDate | None = None
    payment_term: Coded | None = None
    wc_eligibility: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime

    @property
    def invoice_id(self) -> int | None:
        """The invoice behind it; None for a document of another kind."""
        number = self.document_id or ""
        return int(number) if self.document_type == "InvoiceHeader" and number.isdecimal() else None


class PayableAllocation(Record):
    """An amount of one payable that settles another: a credit note or a prepayment against an invoice."""

    id: Identifier
    status: str | None = None
    source: str | None = None
    reason_code: str | None = None
    payable_from_id: Identifier | None = None
    payable_from_type: str | None = None
    payable_from_amount: Money | None = None
    payable_to_id: Identifier | None = None
    payable_to_type: str | None = None
    payable_to_amount: Money | None = None
    payable_to_currency: CodeOnly | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


class SupplierScores(Record):
    """A supplier's row of the risk feed; what each number means is the tenant's own choice."""

    id: Identifier
    supplier: IdOnly | None = None
    number_field_01: Total | None = None
    number_field_02: Total | None = None
    number_field_03: Total | None = None
    number_field_04: Total | None = None
    number_field_05: Total | None = None
    number_field_06: Total | None = None
    number_field_07: Total | None = None
    number_field_08: Total | None = None
    number_field_09: Total | None = None
    number_field_10: Total | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


class LedgerAccount(Record):
    """An account of a chart of accounts, with its first two segments."""

    id: Identifier
    name: str | None = None
    code: str | None = None
    active: bool | None = None
    account_type: IdOnly | None = None
    segment_1: str | None = None
    segment_2: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime


RecordT = TypeVar("RecordT", bound=Record)


def parse_record(record_type: type[RecordT], value: object) -> RecordT:
    """The typed record of one decoded JSON value; raises RejectedRecordError with the first offending field."""
    if not isinstance(value, dict):
        raise RejectedRecordError("(record)", f"{type(value).__name__} where an object is expected")
    try:
        return record_type.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        context: Mapping[str, object] = first.get("ctx", {})
        field = str(context.get("field") or ".".join(str(part) for part in first["loc"]) or "(record)")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise RejectedRecordError(field, first["msg"][:1].lower() + first["msg"][1:] + more) from None


def projection(record_type: type[Record]) -> list[Any]:
    """The value of Coupa's `fields` parameter for a record type: names with underscores, links as `{name: [...]}`."""
    names: list[Any] = []
    for name, field in record_type.model_fields.items():
        nested = _nested_record(field.annotation)
        if name == "custom_fields":
            names.append({name: {}})
        elif nested is not None:
            names.append({name: projection(nested)})
        else:
            names.append(name)
    return names


def projection_text(record_type: type[Record]) -> str:
    """`projection` as the compact JSON that goes into the address."""
    return json.dumps(projection(record_type), separators=(",", ":"))


def _nested_record(annotation: Any) -> type[Record] | None:
    """The record type inside `X`, `X | None` or `tuple[X, ...]`, if it is one."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation
    if typing.get_origin(annotation) in {types.UnionType, typing.Union, tuple}:
        for argument in typing.get_args(annotation):
            nested = _nested_record(argument)
            if nested is not None:
                return nested
    return None
