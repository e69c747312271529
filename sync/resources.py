"""The mirrored resources as a table of constants: a new resource is a row here, not a branch in code.

The keys of a record, and so the `fields` that are asked for, come from its record type; its columns from its table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from sync import records, schema
from sync.fields import Record


class Reading(Enum):
    """How a resource is kept up to date."""

    INCREMENTAL = "incremental"
    FULL_RELOAD = "full reload"


@dataclass(frozen=True)
class Child:
    """A list inside a record whose rows have a table of their own and are replaced with their parent.

    `parent_type` is set where the child's rows also arrive through a resource of their own (approvals): then a row is
    only replaced or removed by a version that is not older, and only rows of that parent type are touched.
    `has_own_times`: the child has an `updated-at` of its own, and may change without its parent's. `within`: the list
    of the record in whose items this list stands; the rows carry the record's id all the same. A reconciliation counts
    the rows and adds up the column `money` where one is named.
    """

    attribute: str
    table: schema.Table
    parent_type: str | None = None
    has_own_times: bool = False
    within: str | None = None
    money: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The way to the list in a record as Coupa sends it."""
        return tuple(name.replace("_", "-") for name in (self.within, self.attribute) if name is not None)

    def items(self, value: Mapping[str, Any]) -> list[Any]:
        """The items in a record as Coupa sends it."""
        found: list[Any] = [value]
        for key in self.keys:
            found = [item for owner in found if isinstance(owner, dict) for item in owner.get(key) or ()]
        return found

    def is_hidden(self, value: Mapping[str, Any]) -> bool:
        """Whether the list does not come in a record at all; an empty list of owners hides nothing."""
        *above, last = self.keys
        owners: list[Any] = [value]
        for key in above:
            if any(key not in owner for owner in owners):
                return True
            owners = [item for owner in owners for item in owner[key] or ()]
        return any(isinstance(owner, dict) and last not in owner for owner in owners)


@dataclass(frozen=True)
class Resource:
    """One list of Coupa's API and where it goes.

    `looks_back` limits the first reading to what changed in the look-back period, and to what `still_open` selects of
    the time before; `open_rows` is that selection as SQL, for reading open documents again. A reconciliation
    compares sums of the column `money` by `status`, by month of the date `dated` and by `currency`.
    """

    name: str
    path: str
    scope: str
    record: type[Record]
    table: schema.Table
    children: tuple[Child, ...] = ()
    reading: Reading = Reading.INCREMENTAL
    looks_back: bool = False
    still_open: Mapping[str, str] = field(default_factory=dict)
    open_rows: str = ""
    money: str | None = None
    status: str | None = None
    dated: str | None = None
    currency: str | None = None

    @property
    def fields(self) -> str:
        """The value of the `fields` parameter."""
        return records.projection_text(self.record)

    @property
    def tables(self) -> tuple[schema.Table, ...]:
        """The resource's own table, then its children's."""
        return (self.table, *(child.table for child in self.children))


# Documents that are or may become payable; the others never count (see the statuses in docs/sync.md).
OPEN_STATUSES: Final = (
    "approved,pending_receipt,pending_approval,pending_action,ap_hold,on_hold,booking_hold,processing,"
    "payable_adjustment,disputed"
)

RESOURCES: Final[tuple[Resource, ...]] = (
    Resource(
        name="invoices",
        path="/api/invoices",
        scope="core.invoice.read",
        record=records.Invoice,
        table=schema.INVOICES,
        children=(
            Child("invoice_lines", schema.INVOICE_LINES, has_own_times=True, money="total"),
            Child("account_allocations", schema.INVOICE_LINE_ALLOCATIONS, within="invoice_lines", money="amount"),
            Child("payments", schema.INVOICE_PAYMENTS, has_own_times=True, money="amount_paid"),
            Child("approvals", schema.APPROVALS, parent_type="InvoiceHeader"),
            Child("failed_tolerances", schema.FAILED_TOLERANCES, has_own_times=True),
            Child("invoice_charges", schema.INVOICE_CHARGES),
        ),
        looks_back=True,
        still_open={"paid": "false", "status[in]": OPEN_STATUSES},
        open_rows="paid IS NOT TRUE AND status IN ('" + OPEN_STATUSES.replace(",", "', '") + "')",
        money="total_with_taxes",
        status="status",
        dated="invoice_date",
        currency="currency_code",
    ),
    Resource(
        name="approvals",
        path="/api/approvals",
        scope="core.approval.read",
        record=records.Approval,
        table=schema.APPROVALS,
        looks_back=True,
        status="status",
        dated="created_date",
    ),
    Resource(
        name="purchase_orders",
        path="/api/purchase_orders",
        scope="core.purchase_order.read",
        record=records.PurchaseOrder,
        table=schema.PURCHASE_ORDERS,
        children=(
            Child("order_lines", schema.PURCHASE_ORDER_LINES, has_own_times=True, money="total"),
            Child("account_allocations", schema.PURCHASE_ORDER_LINE_ALLOCATIONS, within="order_lines", money="amount"),
        ),
        looks_back=True,
        status="status",
        dated="created_date",
        currency="currency_code",
    ),
    Resource(
        name="receiving_transactions",
        path="/api/receiving_transactions",
        scope="core.inventory.receiving.read",
        record=records.Receipt,
        table=schema.RECEIVING_TRANSACTIONS,
        looks_back=True,
        money="total",
        status="status",
        dated="transaction_date",
        currency="currency_code",
    ),
    Resource(
        name="coupa_pay_payments",
        path="/api/coupa_pay/payments",
        scope="core.pay.payments.read",
        record=records.CoupaPayPayment,
        table=schema.COUPA_PAY_PAYMENTS,
        children=(Child("payment_details", schema.COUPA_PAY_PAYMENT_DETAILS),),
        looks_back=True,
        money="pay_from_total",
        status="status",
        dated="released_date",
        currency="pay_from_currency",
    ),
    Resource(
        name="payables",
        path="/api/payables/invoices",
        scope="core.payables.invoice.read",
        record=records.Payable,
        table=schema.PAYABLES,
        looks_back=True,
        money="payable_amount",
        status="status",
        currency="currency_code",
    ),
    Resource(
        name="payable_allocations",
        path="/api/payables/allocations",
        scope="core.payables.allocations.read",
        record=records.PayableAllocation,
        table=schema.PAYABLE_ALLOCATIONS,
        looks_back=True,
        money="payable_to_amount",
        status="status",
        currency="currency_code",
    ),
    Resource(
        name="suppliers",
        path="/api/suppliers",
        scope="core.supplier.read",
        record=records.Supplier,
        table=schema.SUPPLIERS,
        children=(Child("remit_to_addresses", schema.REMIT_TO_ADDRESSES, has_own_times=True),),
        status="status",
    ),
    Resource(
        name="contracts",
        path="/api/contracts",
        scope="core.contract.read",
        record=records.Contract,
        table=schema.CONTRACTS,
        status="status",
        dated="start_date",
        currency="currency_code",
    ),
    Resource(
        name="supplier_risk_scores",
        path="/api/supplier_risk_aware_feed",
        scope="core.supplier.risk_aware.read",
        record=records.SupplierScores,
        table=schema.SUPPLIER_SCORES,
    ),
    Resource(
        name="accounts",
        path="/api/accounts",
        scope="core.accounting.read",
        record=records.LedgerAccount,
        table=schema.ACCOUNTS,
    ),
    Resource(
        name="commodities",
        path="/api/commodities",
        scope="core.commodity.read",
        record=records.Commodity,
        table=schema.COMMODITIES,
    ),
    Resource(
        name="exchange_rates",
        path="/api/exchange_rates",
        scope="core.common.read",
        record=records.ExchangeRate,
        table=schema.EXCHANGE_RATES,
        dated="rate_date",
    ),
    Resource(
        name="users",
        path="/api/users",
        scope="core.user.read",
        record=records.User,
        table=schema.USERS,
    ),
    Resource(
        name="payment_terms",
        path="/api/payment_terms",
        scope="core.common.read",
        record=records.PaymentTerm,
        table=schema.PAYMENT_TERMS,
        reading=Reading.FULL_RELOAD,
    ),
    Resource(
        name="account_types",
        path="/api/account_types",
        scope="core.accounting.read",
        record=records.ChartOfAccounts,
        table=schema.ACCOUNT_TYPES,
        reading=Reading.FULL_RELOAD,
    ),
    Resource(
        name="currencies",
        path="/api/currencies",
        scope="core.common.read",
        record=records.Currency,
        table=schema.CURRENCIES,
        reading=Reading.FULL_RELOAD,
    ),
)

BY_NAME: Final = {resource.name: resource for resource in RESOURCES}
