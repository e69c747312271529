"""The tables of a mirror, each column with the sandbox attribute it is filled from.

A line reads `column KIND attribute`: the kind decides how the attribute becomes a DuckDB value; the attribute is a
dotted path through links, as in `primary-address.country.code`. Without an attribute it is the column's name with
hyphens. `^id` is the id of the record that owns a nested one, `^^id` of the owner's owner.

Kinds: INT, TEXT, BOOL, MONEY and TOTAL (decimals with 4 digits), QUANTITY (6 digits), RATE (9 digits), PERCENT, MOMENT
(time with zone), DATE (the local date of a moment), COUNT (a 32-bit integer), CUSTOM (custom fields as JSON) and RAW
(left null here).
"""

from dataclasses import dataclass

DUCKDB_TYPES = {
    "INT": "BIGINT",
    "COUNT": "INTEGER",
    "TEXT": "VARCHAR",
    "BOOL": "BOOLEAN",
    "MONEY": "DECIMAL(18,4)",
    "TOTAL": "DECIMAL(32,4)",
    "QUANTITY": "DECIMAL(30,6)",
    "RATE": "DECIMAL(30,9)",
    "PERCENT": "DECIMAL(9,4)",
    "MOMENT": "TIMESTAMPTZ",
    "DATE": "DATE",
    "CUSTOM": "JSON",
    "RAW": "JSON",
}


@dataclass(frozen=True)
class MirrorColumn:
    """One column of a mirror table."""

    name: str
    kind: str
    path: str


@dataclass(frozen=True)
class MirrorTable:
    """One table of a mirror: the sandbox table it is filled from and, for nested records, `owner.attribute...`."""

    name: str
    source: str
    columns: tuple[MirrorColumn, ...]
    nested_in: str | None = None


def _table(name: str, source: str, text: str, nested_in: str | None = None) -> MirrorTable:
    columns = []
    for line in text.strip().splitlines():
        column, kind, *path = line.split()
        columns.append(MirrorColumn(column, kind, path[0] if path else column.replace("_", "-")))
    return MirrorTable(name, source, tuple(columns), nested_in)


_TIMES = """
created_at MOMENT
updated_at MOMENT
"""
_CREATED = "created_date DATE created-at\n"
_RAW = "raw RAW"

MIRROR_TABLES = (
    _table("currencies", "currencies", f"id INT\ncode TEXT\ndecimals COUNT\n{_RAW}"),
    _table(
        "exchange_rates",
        "exchange_rates",
        f"""id INT
        from_currency TEXT from-currency.code
        to_currency TEXT to-currency.code
        rate RATE
        rate_date DATE{_TIMES}{_RAW}""",
    ),
    _table(
        "payment_terms",
        "payment_terms",
        f"""id INT
        code TEXT
        description TEXT
        type TEXT
        active BOOL
        days_for_net_payment COUNT
        days_for_discount_payment COUNT
        discount_rate PERCENT
        net_cutoff_day COUNT
        net_due_month COUNT
        net_due_day COUNT
        discount_cutoff_day COUNT
        discount_due_month COUNT
        discount_due_day COUNT{_TIMES}{_RAW}""",
    ),
    _table(
        "users",
        "users",
        f"""id INT
        login TEXT
        fullname TEXT
        email TEXT
        employee_number TEXT
        active BOOL{_TIMES}{_RAW}""",
    ),
    _table(
        "suppliers",
        "suppliers",
        f"""id INT
        name TEXT
        display_name TEXT
        number TEXT
        status TEXT
        on_hold BOOL
        one_time_supplier BOOL
        parent_id INT parent.id
        parent_name TEXT parent.name
        commodity_id INT commodity.id
        commodity_name TEXT commodity.name
        country_code TEXT primary-address.country.code
        payment_term_id INT payment-term.id
        payment_term_code TEXT payment-term.code
        payment_method TEXT
        invoice_matching_level TEXT
        tax_id TEXT
        whitelist_dd BOOL
        do_not_accelerate BOOL
        is_intercompany BOOL custom-fields.intercompany
        is_small_supplier BOOL custom-fields.small-supplier{_TIMES}custom_fields CUSTOM
        {_RAW}""",
    ),
    _table(
        "contracts",
        "contracts",
        f"""id INT
        number TEXT
        name TEXT
        status TEXT
        type TEXT
        supplier_id INT supplier.id
        currency_code TEXT currency.code
        start_date DATE
        end_date DATE
        term_type TEXT
        payment_term_id INT payment-term.id
        payment_term_code TEXT payment-term.code
        minimum_value TOTAL
        maximum_value TOTAL{_TIMES}custom_fields CUSTOM
        {_RAW}""",
    ),
    _table(
        "purchase_orders",
        "purchase_orders",
        f"""id INT
        po_number TEXT
        status TEXT
        version COUNT
        supplier_id INT supplier.id
        currency_code TEXT currency.code
        payment_term_id INT payment-term.id
        payment_term_code TEXT payment-term.code
        {_CREATED}{_TIMES.strip()}
        custom_fields CUSTOM
        {_RAW}""",
    ),
    _table(
        "purchase_order_lines",
        "purchase_order_lines",
        f"""id INT
        purchase_order_id INT ^id
        line_num TEXT
        type TEXT
        description TEXT
        quantity QUANTITY
        price QUANTITY
        total MONEY
        received QUANTITY
        invoiced QUANTITY
        status TEXT
        commodity_id INT commodity.id
        commodity_name TEXT commodity.name
        account_code TEXT account.code
        need_by_date DATE{_TIMES}custom_fields CUSTOM""",
        nested_in="purchase_orders.order-lines",
    ),
    _table(
        "purchase_order_line_allocations",
        "purchase_order_line_allocations",
        """id INT
        purchase_order_id INT ^^id
        purchase_order_line_id INT ^id
        amount MONEY
        percent PERCENT pct
        account_code TEXT account.code
        account_name TEXT account.name""",
        nested_in="purchase_orders.order-lines.account-allocations",
    ),
    _table(
        "receiving_transactions",
        "receiving_transactions",
        f"""id INT
        type TEXT
        status TEXT
        transaction_date DATE
        quantity QUANTITY
        price QUANTITY
        total MONEY
        currency_code TEXT currency.code
        order_line_id INT order-line.id{_TIMES}{_RAW}""",
    ),
    _table(
        "invoices",
        "invoices",
        f"""id INT
        invoice_number TEXT
        status TEXT
        document_type TEXT
        is_credit_note BOOL
        supplier_id INT supplier.id
        account_type_id INT account-type.id
        account_type_name TEXT account-type.name
        legal_entity_name TEXT account-type.legal-entity-name
        entity_country_code TEXT account-type.primary-address.country.code
        currency_code TEXT currency.code
        payment_term_id INT payment-term.id
        payment_term_code TEXT payment-term.code
        contract_id INT contract.id
        invoice_date DATE
        received_at MOMENT date-received
        received_date DATE date-received
        net_due_date DATE
        discount_due_date DATE
        gross_total MONEY
        total_with_taxes MONEY
        tax_amount MONEY
        shipping_amount MONEY
        handling_amount MONEY
        misc_amount MONEY
        discount_percent PERCENT
        discount_amount MONEY
        paid BOOL
        payment_date DATE
        payment_channel TEXT
        channel TEXT
        coupa_accelerate_status TEXT
        original_invoice_number TEXT
        line_count COUNT
        created_at MOMENT
        {_CREATED}updated_at MOMENT
        custom_fields CUSTOM
        {_RAW}""",
    ),
    _table(
        "invoice_lines",
        "invoice_lines",
        f"""id INT
        invoice_id INT ^id
        line_num COUNT
        type TEXT
        description TEXT
        quantity QUANTITY
        price QUANTITY
        total MONEY
        tax_amount MONEY
        commodity_id INT commodity.id
        commodity_name TEXT commodity.name
        po_number TEXT
        order_line_id INT
        account_code TEXT account.code
        account_name TEXT account.name{_TIMES}custom_fields CUSTOM""",
        nested_in="invoices.invoice-lines",
    ),
    _table(
        "invoice_line_allocations",
        "invoice_line_allocations",
        """id INT
        invoice_id INT ^^id
        invoice_line_id INT ^id
        amount MONEY
        percent PERCENT pct
        account_code TEXT account.code
        account_name TEXT account.name""",
        nested_in="invoices.invoice-lines.account-allocations",
    ),
    _table(
        "invoice_payments",
        "payments",
        f"""id INT
        invoice_id INT payable-id
        amount_paid MONEY
        payment_date DATE
        notes TEXT{_TIMES}""",
    ),
    _table(
        "approvals",
        "approvals",
        f"""id INT
        approvable_type TEXT
        approvable_id INT
        position COUNT
        status TEXT
        type TEXT
        approver_id INT approver.id
        approver_login TEXT approver.login
        approved_by_id INT approved-by.id
        approval_at MOMENT approval-date
        approval_date DATE
        note TEXT
        created_at MOMENT
        {_CREATED}updated_at MOMENT
        {_RAW}""",
    ),
    _table(
        "coupa_pay_payments",
        "coupa_pay/payments",
        f"""id INT
        status TEXT
        payment_batch_id INT
        payee_id INT payee.id
        pay_from_currency TEXT pay-from-currency.code
        pay_to_currency TEXT pay-to-currency.code
        pay_from_total MONEY
        pay_to_total MONEY
        requested_execution_date DATE
        released_at MOMENT
        released_date DATE released-at
        legal_entity_name TEXT{_TIMES}{_RAW}""",
    ),
    _table(
        "coupa_pay_payment_details",
        "payment_details",
        """id INT
        payment_id INT ^id
        source_transaction_id INT
        source_transaction_type TEXT
        source_transaction_reference TEXT
        transaction_total MONEY
        discount_total MONEY
        adjustment_total MONEY
        payment_total MONEY
        currency_code TEXT currency.code""",
        nested_in="coupa_pay/payments.payment-details",
    ),
    _table(
        "supplier_remit_to_addresses",
        "remit_to_addresses",
        f"""id INT
        supplier_id INT ^id
        remit_to_code TEXT
        name TEXT
        street1 TEXT
        city TEXT
        postal_code TEXT
        country_code TEXT country.code
        active BOOL{_TIMES}""",
        nested_in="suppliers.remit-to-addresses",
    ),
    _table(
        "invoice_failed_tolerances",
        "failed_tolerances",
        f"""id INT
        invoice_id INT ^id
        code TEXT
        breach_amount TEXT
        breach_limit TEXT
        resolved BOOL
        resolution_strategy TEXT{_TIMES}""",
        nested_in="invoices.failed-tolerances",
    ),
    _table(
        "invoice_charges",
        "invoice_charges",
        f"""id INT
        invoice_id INT ^id
        line_num COUNT
        type TEXT
        description TEXT
        total MONEY{_TIMES}""",
        nested_in="invoices.invoice-charges",
    ),
    _table(
        "payables",
        "payables/invoices",
        f"""id INT
        status TEXT
        invoice_id INT document-id
        document_type TEXT
        currency_code TEXT currency.code
        payable_amount MONEY
        remittance_amount MONEY
        paid_amount MONEY
        remaining_amount MONEY
        accounting_amount MONEY
        accounting_currency_code TEXT accounting-currency.code
        paid_date DATE
        discount_due_date DATE
        maturity_date DATE
        payment_term_id INT payment-term.id
        payment_term_code TEXT payment-term.code
        wc_eligibility TEXT{_TIMES}{_RAW}""",
    ),
    _table(
        "payable_allocations",
        "payables/allocations",
        f"""id INT
        status TEXT
        source TEXT
        reason_code TEXT
        payable_from_id INT
        payable_from_type TEXT
        payable_from_amount MONEY
        payable_to_id INT
        payable_to_type TEXT
        payable_to_amount MONEY
        currency_code TEXT payable-to-currency.code{_TIMES}{_RAW}""",
    ),
    _table(
        "supplier_risk_scores",
        "supplier_risk_aware_feed",
        "id INT\nsupplier_id INT supplier.id\n"
        + "".join(f"number_field_{place:02d} TOTAL\n" for place in range(1, 11))
        + f"{_TIMES.strip()}\n{_RAW}",
    ),
    _table(
        "accounts",
        "accounts",
        f"""id INT
        name TEXT
        code TEXT
        active BOOL
        account_type_id INT account-type.id
        segment_1 TEXT
        segment_2 TEXT{_TIMES}{_RAW}""",
    ),
    _table(
        "account_types",
        "account_types",
        f"""id INT
        name TEXT
        active BOOL
        legal_entity_name TEXT
        currency_code TEXT currency.code
        country_code TEXT primary-address.country.code{_TIMES}{_RAW}""",
    ),
    _table(
        "commodities",
        "commodities",
        f"""id INT
        name TEXT
        active BOOL
        category TEXT{_TIMES}{_RAW}""",
    ),
)
