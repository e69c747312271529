"""The mirror's tables as data: columns, DuckDB types, and where in a record each value comes from.

`source` is a dotted path into the typed record; `^` starts at the record that holds a child; "" means that the sync
itself writes the column. A DATE column read from an aware time takes the date part in the time's own offset, which is
how Coupa writes local dates. Changes of the layout are numbered in MIGRATIONS; a file newer than this program is
refused.

Every table of Coupa's records has two more columns than are listed here, and a sister: `known_from`, when the mirror
first held this version of the row, and `T_past`, the versions that it no longer holds, with `known_to`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MONEY: Final = "DECIMAL(18,4)"  # of documents; 64 bits, which DuckDB adds up many times faster than 128
TOTAL: Final = "DECIMAL(32,4)"  # sums, bounds and numbers of the tenant's own choice, which may be of any size
QUANTITY: Final = "DECIMAL(30,6)"  # quantities and prices of one, with Coupa's own decimals
RATE: Final = "DECIMAL(30,9)"
PERCENT: Final = "DECIMAL(9,4)"
KNOWN_FROM: Final = "known_from"
KNOWN_TO: Final = "known_to"


@dataclass(frozen=True)
class Column:
    """One column: its name, its DuckDB type, and the path of its value in the record."""

    name: str
    type: str
    source: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the mirror. `parent_key` is the column by which a child's rows are replaced with their parent.

    A change in one of the columns `not_compared` alone makes no new version.
    """

    name: str
    columns: tuple[Column, ...]
    parent_key: str | None = None
    not_compared: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Whether the table has a column of that name."""
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns whose change makes a new version of a row."""
        return tuple(name for name in self.names if name not in self.not_compared)

    @property
    def past(self) -> str:
        """The name of the table with the versions that are no longer held."""
        return f"{self.name}_past"

    def ddl(self) -> str:
        """The statement that creates the table."""
        return f'CREATE TABLE IF NOT EXISTS "{self.name}" ({self._listed})'

    def history_ddl(self) -> tuple[str, ...]:
        """The statements that give the table its history; rows that are there already count as known from ever."""
        epoch = "TIMESTAMPTZ '1970-01-01 00:00:00+00'"
        known = f"{self._listed}, {KNOWN_FROM} TIMESTAMPTZ, {KNOWN_TO} TIMESTAMPTZ"
        return (
            f'ALTER TABLE "{self.name}" ADD COLUMN IF NOT EXISTS {KNOWN_FROM} TIMESTAMPTZ DEFAULT {epoch}',
            f'CREATE TABLE IF NOT EXISTS "{self.past}" ({known})',
        )

    @property
    def _listed(self) -> str:
        return ", ".join(f'"{column.name}" {column.type}' for column in self.columns)


def _columns(*lines: str) -> tuple[Column, ...]:
    """Columns from lines `name TYPE [source]`; the source is the column's name unless said; `-` means none."""
    columns = []
    for line in lines:
        name, kind, *source = line.split()
        path = source[0] if source else name
        columns.append(Column(name, _TYPES.get(kind, kind), "" if path == "-" else path))
    return tuple(columns)


_TYPES: Final = {
    "TEXT": "VARCHAR",
    "MONEY": MONEY,
    "TOTAL": TOTAL,
    "QUANTITY": QUANTITY,
    "RATE": RATE,
    "PERCENT": PERCENT,
}
_TIMES: Final = ("created_at TIMESTAMPTZ", "updated_at TIMESTAMPTZ")
_RAW: Final = "raw JSON @raw"

CURRENCIES: Final = Table("currencies", _columns("id BIGINT", "code TEXT", "decimals INTEGER", _RAW))

EXCHANGE_RATES: Final = Table(
    "exchange_rates",
    _columns(
        "id BIGINT",
        "from_currency TEXT from_currency.code",
        "to_currency TEXT to_currency.code",
        "rate RATE",
        "rate_date DATE",
        *_TIMES,
        _RAW,
    ),
)

PAYMENT_TERMS: Final = Table(
    "payment_terms",
    _columns(
        "id BIGINT",
        "code TEXT",
        "description TEXT",
        "type TEXT",
        "active BOOLEAN",
        "days_for_net_payment INTEGER",
        "days_for_discount_payment INTEGER",
        "discount_rate PERCENT",
        "net_cutoff_day INTEGER",
        "net_due_month INTEGER",
        "net_due_day INTEGER",
        "discount_cutoff_day INTEGER",
        "discount_due_month INTEGER",
        "discount_due_day INTEGER",
        *_TIMES,
        _RAW,
    ),
)

USERS: Final = Table(
    "users",
    _columns(
        "id BIGINT",
        "login TEXT",
        "fullname TEXT",
        "email TEXT",
        "employee_number TEXT",
        "active BOOLEAN",
        *_TIMES,
        _RAW,
    ),
)

SUPPLIERS: Final = Table(
    "suppliers",
    _columns(
        "id BIGINT",
        "name TEXT",
        "display_name TEXT",
        "number TEXT",
        "status TEXT",
        "on_hold BOOLEAN",
        "one_time_supplier BOOLEAN",
        "parent_id BIGINT parent.id",
        "parent_name TEXT parent.name",
        "commodity_id BIGINT commodity.id",
        "commodity_name TEXT commodity.name",
        "country_code TEXT primary_address.country.code",
        "payment_term_id BIGINT payment_term.id",
        "payment_term_code TEXT payment_term.code",
        "payment_method TEXT",
        "invoice_matching_level TEXT",
        "tax_id TEXT",
        "whitelist_dd BOOLEAN",
        "do_not_accelerate BOOLEAN",
        "is_intercompany BOOLEAN",
        "is_small_supplier BOOLEAN",
        *_TIMES,
        "custom_fields JSON",
        _RAW,
    ),
)

CONTRACTS: Final = Table(
    "contracts",
    _columns(
        "id BIGINT",
        "number TEXT",
        "name TEXT",
        "status TEXT",
        "type TEXT",
        "supplier_id BIGINT supplier.id",
        "currency_code TEXT currency.code",
        "start_date DATE",
        "end_date DATE",
        "term_type TEXT",
        "payment_term_id BIGINT payment_term.id",
        "payment_term_code TEXT payment_term.code",
        "minimum_value TOTAL",
        "maximum_value TOTAL",
        *_TIMES,
        "custom_fields JSON",
        _RAW,
    ),
)

PURCHASE_ORDERS: Final = Table(
    "purchase_orders",
    _columns(
        "id BIGINT",
        "po_number TEXT",
        "status TEXT",
        "version INTEGER",
        "supplier_id BIGINT supplier.id",
        "currency_code TEXT currency.code",
        "payment_term_id BIGINT payment_term.id",
        "payment_term_code TEXT payment_term.code",
        "created_date DATE created_at",
        *_TIMES,
        "custom_fields JSON",
        _RAW,
    ),
)

PURCHASE_ORDER_LINES: Final = Table(
    "purchase_order_lines",
    _columns(
        "id BIGINT",
        "purchase_order_id BIGINT ^id",
        "line_num TEXT",
        "type TEXT",
        "description TEXT",
        "quantity QUANTITY",
        "price QUANTITY",
        "total MONEY",
        "received QUANTITY",
        "invoiced QUANTITY",
        "status TEXT",
        "commodity_id BIGINT commodity.id",
        "commodity_name TEXT commodity.name",
        "account_code TEXT account.code",
        "need_by_date DATE",
        *_TIMES,
        "custom_fields JSON",
    ),
    parent_key="purchase_order_id",
)

PURCHASE_ORDER_LINE_ALLOCATIONS: Final = Table(
    "purchase_order_line_allocations",
    _columns(
        "id BIGINT",
        "purchase_order_id BIGINT -",  # of the record, two levels up
        "purchase_order_line_id BIGINT ^id",
        "amount MONEY",
        "percent PERCENT pct",
        "account_code TEXT account.code",
        "account_name TEXT account.name",
    ),
    parent_key="purchase_order_id",
)

RECEIVING_TRANSACTIONS: Final = Table(
    "receiving_transactions",
    _columns(
        "id BIGINT",
        "type TEXT",
        "status TEXT",
        "transaction_date DATE",
        "quantity QUANTITY",
        "price QUANTITY",
        "total MONEY",
        "currency_code TEXT currency.code",
        "order_line_id BIGINT order_line.id",
        *_TIMES,
        _RAW,
    ),
)

INVOICES: Final = Table(
    "invoices",
    _columns(
        "id BIGINT",
        "invoice_number TEXT",
        "status TEXT",
        "document_type TEXT",
        "is_credit_note BOOLEAN credit_note",
        "supplier_id BIGINT supplier.id",
        "account_type_id BIGINT account_type.id",
        "account_type_name TEXT account_type.name",
        "legal_entity_name TEXT account_type.legal_entity_name",
        "entity_country_code TEXT account_type.primary_address.country.code",
        "currency_code TEXT currency.code",
        "payment_term_id BIGINT payment_term.id",
        "payment_term_code TEXT payment_term.code",
        "contract_id BIGINT contract.id",
        "invoice_date DATE",
        "received_at TIMESTAMPTZ date_received",
        "received_date DATE date_received",
        "net_due_date DATE",
        "discount_due_date DATE",
        "gross_total MONEY",
        "total_with_taxes MONEY",
        "tax_amount MONEY",
        "shipping_amount MONEY",
        "handling_amount MONEY",
        "misc_amount MONEY",
        "discount_percent PERCENT",
        "discount_amount MONEY",
        "paid BOOLEAN",
        "payment_date DATE",
        "payment_channel TEXT",
        "channel TEXT",
        "coupa_accelerate_status TEXT",
        "original_invoice_number TEXT",
        "line_count INTEGER",
        "created_at TIMESTAMPTZ",
        "created_date DATE created_at",
        "updated_at TIMESTAMPTZ",
        "custom_fields JSON",
        _RAW,
    ),
)

INVOICE_LINES: Final = Table(
    "invoice_lines",
    _columns(
        "id BIGINT",
        "invoice_id BIGINT ^id",
        "line_num INTEGER",
        "type TEXT",
        "description TEXT",
        "quantity QUANTITY",
        "price QUANTITY",
        "total MONEY",
        "tax_amount MONEY",
        "commodity_id BIGINT commodity.id",
        "commodity_name TEXT commodity.name",
        "po_number TEXT",
        "order_line_id BIGINT",
        "account_code TEXT account.code",
        "account_name TEXT account.name",
        *_TIMES,
        "custom_fields JSON",
    ),
    parent_key="invoice_id",
)

INVOICE_LINE_ALLOCATIONS: Final = Table(
    "invoice_line_allocations",
    _columns(
        "id BIGINT",
        "invoice_id BIGINT -",  # of the record, two levels up
        "invoice_line_id BIGINT ^id",
        "amount MONEY",
        "percent PERCENT pct",
        "account_code TEXT account.code",
        "account_name TEXT account.name",
    ),
    parent_key="invoice_id",
)

INVOICE_PAYMENTS: Final = Table(
    "invoice_payments",
    _columns("id BIGINT", "invoice_id BIGINT ^id", "amount_paid MONEY", "payment_date DATE", "notes TEXT", *_TIMES),
    parent_key="invoice_id",
)

APPROVALS: Final = Table(
    "approvals",
    _columns(
        "id BIGINT",
        "approvable_type TEXT",
        "approvable_id BIGINT",
        "position INTEGER",
        "status TEXT",
        "type TEXT",
        "approver_id BIGINT approver.id",
        "approver_login TEXT approver.login",
        "approved_by_id BIGINT approved_by.id",
        "approval_at TIMESTAMPTZ approval_date",
        "approval_date DATE approval_date",
        "note TEXT",
        "created_at TIMESTAMPTZ",
        "created_date DATE created_at",
        "updated_at TIMESTAMPTZ",
        _RAW,
    ),
    parent_key="approvable_id",
    not_compared=frozenset({"raw"}),  # they arrive in invoices and by themselves, and are not written alike there
)

COUPA_PAY_PAYMENTS: Final = Table(
    "coupa_pay_payments",
    _columns(
        "id BIGINT",
        "status TEXT",
        "payment_batch_id BIGINT",
        "payee_id BIGINT payee.id",
        "pay_from_currency TEXT pay_from_currency.code",
        "pay_to_currency TEXT pay_to_currency.code",
        "pay_from_total MONEY",
        "pay_to_total MONEY",
        "requested_execution_date DATE",
        "released_at TIMESTAMPTZ",
        "released_date DATE released_at",
        "legal_entity_name TEXT",
        *_TIMES,
        _RAW,
    ),
)

COUPA_PAY_PAYMENT_DETAILS: Final = Table(
    "coupa_pay_payment_details",
    _columns(
        "id BIGINT",
        "payment_id BIGINT ^id",
        "source_transaction_id BIGINT",
        "source_transaction_type TEXT",
        "source_transaction_reference TEXT",
        "transaction_total MONEY",
        "discount_total MONEY",
        "adjustment_total MONEY",
        "payment_total MONEY",
        "currency_code TEXT currency.code",
    ),
    parent_key="payment_id",
)

REMIT_TO_ADDRESSES: Final = Table(
    "supplier_remit_to_addresses",
    _columns(
        "id BIGINT",
        "supplier_id BIGINT ^id",
        "remit_to_code TEXT",
        "name TEXT",
        "street1 TEXT",
        "city TEXT",
        "postal_code TEXT",
        "country_code TEXT country.code",
        "active BOOLEAN",
        *_TIMES,
    ),
    parent_key="supplier_id",
)

FAILED_TOLERANCES: Final = Table(
    "invoice_failed_tolerances",
    _columns(
        "id BIGINT",
        "invoice_id BIGINT ^id",
        "code TEXT",
        "breach_amount TEXT",
        "breach_limit TEXT",
        "resolved BOOLEAN",
        "resolution_strategy TEXT",
        *_TIMES,
    ),
    parent_key="invoice_id",
)

INVOICE_CHARGES: Final = Table(
    "invoice_charges",
    _columns(
        "id BIGINT",
        "invoice_id BIGINT ^id",
        "line_num INTEGER",
        "type TEXT",
        "description TEXT",
        "total MONEY",
        *_TIMES,
    ),
    parent_key="invoice_id",
)

PAYABLES: Final = Table(
    "payables",
    _columns(
        "id BIGINT",
        "status TEXT",
        "invoice_id BIGINT",
        "document_type TEXT",
        "currency_code TEXT currency.code",
        "payable_amount MONEY",
        "remittance_amount MONEY",
        "paid_amount MONEY",
        "remaining_amount MONEY",
        "accounting_amount MONEY",
        "accounting_currency_code TEXT accounting_currency.code",
        "paid_date DATE",
        "discount_due_date DATE",
        "maturity_date DATE",
        "payment_term_id BIGINT payment_term.id",
        "payment_term_code TEXT payment_term.code",
        "wc_eligibility TEXT",
        *_TIMES,
        _RAW,
    ),
)

PAYABLE_ALLOCATIONS: Final = Table(
    "payable_allocations",
    _columns(
        "id BIGINT",
        "status TEXT",
        "source TEXT",
        "reason_code TEXT",
        "payable_from_id BIGINT",
        "payable_from_type TEXT",
        "payable_from_amount MONEY",
        "payable_to_id BIGINT",
        "payable_to_type TEXT",
        "payable_to_amount MONEY",
        "currency_code TEXT payable_to_currency.code",
        *_TIMES,
        _RAW,
    ),
)

SUPPLIER_SCORES: Final = Table(
    "supplier_risk_scores",
    _columns(
        "id BIGINT",
        "supplier_id BIGINT supplier.id",
        *(f"number_field_{place:02d} TOTAL" for place in range(1, 11)),
        *_TIMES,
        _RAW,
    ),
)

ACCOUNTS: Final = Table(
    "accounts",
    _columns(
        "id BIGINT",
        "name TEXT",
        "code TEXT",
        "active BOOLEAN",
        "account_type_id BIGINT account_type.id",
        "segment_1 TEXT",
        "segment_2 TEXT",
        *_TIMES,
        _RAW,
    ),
)

ACCOUNT_TYPES: Final = Table(
    "account_types",
    _columns(
        "id BIGINT",
        "name TEXT",
        "active BOOLEAN",
        "legal_entity_name TEXT",
        "currency_code TEXT currency.code",
        "country_code TEXT primary_address.country.code",
        *_TIMES,
        _RAW,
    ),
)

COMMODITIES: Final = Table(
    "commodities",
    _columns("id BIGINT", "name TEXT", "active BOOLEAN", "category TEXT", *_TIMES, _RAW),
)

_SINCE_VERSION_4: Final = (
    REMIT_TO_ADDRESSES,
    FAILED_TOLERANCES,
    INVOICE_CHARGES,
    PAYABLES,
    PAYABLE_ALLOCATIONS,
    SUPPLIER_SCORES,
    ACCOUNTS,
)

COUPA_TABLES: Final = (
    CURRENCIES,
    EXCHANGE_RATES,
    PAYMENT_TERMS,
    USERS,
    SUPPLIERS,
    CONTRACTS,
    PURCHASE_ORDERS,
    PURCHASE_ORDER_LINES,
    RECEIVING_TRANSACTIONS,
    INVOICES,
    INVOICE_LINES,
    INVOICE_PAYMENTS,
    APPROVALS,
    COUPA_PAY_PAYMENTS,
    COUPA_PAY_PAYMENT_DETAILS,
    *_SINCE_VERSION_4,
    INVOICE_LINE_ALLOCATIONS,
    ACCOUNT_TYPES,
    COMMODITIES,
    PURCHASE_ORDER_LINE_ALLOCATIONS,
)

REJECTED_RECORDS: Final = Table(
    "rejected_records",
    _columns(
        "resource TEXT",
        "record_id BIGINT",
        "field TEXT",
        "problem TEXT",
        "raw TEXT",
        "run_id TEXT",
        "rejected_at TIMESTAMPTZ",
    ),
)

OWN_TABLES: Final = (
    Table(
        "mirror_manifest",
        _columns(
            "mirror_version TEXT -",
            "published_at TIMESTAMPTZ -",
            "data_as_of TIMESTAMPTZ -",
            "company_time_zone TEXT -",
            "source TEXT -",
            "schema_version INTEGER -",
            "known_since TIMESTAMPTZ -",
            "reconciled_at TIMESTAMPTZ -",
            "drift INTEGER -",
            "drift_summary TEXT -",
        ),
    ),
    Table(
        "sync_bookmarks",
        _columns(
            "resource TEXT -",
            "last_id BIGINT -",
            "updated_through TIMESTAMPTZ -",
            "synced_at TIMESTAMPTZ -",
            "row_count BIGINT -",
            "window_from TIMESTAMPTZ -",
            "window_to TIMESTAMPTZ -",
            "known_since TIMESTAMPTZ -",
            "reread_at TIMESTAMPTZ -",
            "swept_at TIMESTAMPTZ -",
        ),
    ),
    Table(
        "sync_runs",
        _columns(
            "run_id TEXT -",
            "started_at TIMESTAMPTZ -",
            "finished_at TIMESTAMPTZ -",
            "resource TEXT -",
            "records_read BIGINT -",
            "records_changed BIGINT -",
            "pages BIGINT -",
            "records_repeated BIGINT -",
        ),
    ),
    REJECTED_RECORDS,
    Table("countries", _columns("code TEXT -", "name TEXT -", "region TEXT -")),
    Table("sync_source", _columns("source TEXT -", "schema_version INTEGER -", "known_since TIMESTAMPTZ -")),
    Table(
        "reconciliations",
        _columns(
            "checked_at TIMESTAMPTZ -", "against TEXT -", "totals INTEGER -", "differing INTEGER -", "summary TEXT -"
        ),
    ),
    Table(
        "reconciliation_totals",
        _columns(
            "checked_at TIMESTAMPTZ -",
            "against TEXT -",
            "name TEXT -",
            "status TEXT -",
            "month TEXT -",
            "currency_code TEXT -",
            "their_count BIGINT -",
            "mirror_count BIGINT -",
            "their_money TOTAL -",
            "mirror_money TOTAL -",
        ),
    ),
    Table(
        "seen_fields",
        _columns(
            "resource TEXT -", "path TEXT -", "kind TEXT -", "first_seen TIMESTAMPTZ -", "last_seen TIMESTAMPTZ -"
        ),
    ),
    Table(
        "schema_changes",
        _columns("resource TEXT -", "path TEXT -", "change TEXT -", "detail TEXT -", "noticed_at TIMESTAMPTZ -"),
    ),
    Table("payables_snapshot_days", _columns("snapshot_date DATE -", "taken_at TIMESTAMPTZ -", "documents BIGINT -")),
    Table(
        "payables_snapshots",
        _columns(
            "invoice_id BIGINT -",
            "first_date DATE -",
            "end_date DATE -",
            "status TEXT -",
            "supplier_id BIGINT -",
            "account_type_name TEXT -",
            "currency_code TEXT -",
            "invoice_date DATE -",
            "net_due_date DATE -",
            "discount_due_date DATE -",
            "total_with_taxes MONEY -",
            "paid_amount TOTAL -",
        ),
    ),
)

_LOADED: Final = (
    "source_file TEXT -",
    "source_line INTEGER -",
    "load_id TEXT -",
    "loaded_at TIMESTAMPTZ -",
    "known_from TIMESTAMPTZ -",
)
_YEARLY_PERCENT: Final = "DECIMAL(12,6)"


def _feed_tables(name: str, *lines: str) -> tuple[Table, Table]:
    """A feed's table, and its sister with the versions that were replaced."""
    columns = tuple(f"{line} -" for line in lines)
    return (
        Table(name, _columns(*columns, *_LOADED)),
        Table(f"{name}_past", _columns(*columns, *_LOADED, "known_to TIMESTAMPTZ -")),
    )


FEED_TABLES: Final = (
    *_feed_tables("feed_bank_accounts", "account TEXT", "entity TEXT", "currency TEXT", "bank TEXT", "valid_from DATE"),
    *_feed_tables(
        "feed_cash_positions",
        "entity TEXT",
        "account TEXT",
        "currency TEXT",
        "position_date DATE",
        "balance_type TEXT",
        "amount TOTAL",
        "bank TEXT",
    ),
    *_feed_tables(
        "feed_cash_forecasts",
        "entity TEXT",
        "currency TEXT",
        "as_of_date DATE",
        "forecast_date DATE",
        "direction TEXT",
        "category TEXT",
        "amount TOTAL",
        "low TOTAL",
        "high TOTAL",
    ),
    *_feed_tables(
        "feed_capital_rates",
        "entity TEXT",
        "currency TEXT",
        "rate_kind TEXT",
        "valid_from DATE",
        f"rate_percent {_YEARLY_PERCENT}",
        "note TEXT",
    ),
    *_feed_tables(
        "feed_market_yields",
        "curve TEXT",
        "currency TEXT",
        "quote_date DATE",
        "tenor TEXT",
        f"yield_percent {_YEARLY_PERCENT}",
        "convention TEXT",
        "tenor_days INTEGER",
    ),
    *_feed_tables(
        "feed_supplier_risk",
        "supplier_id BIGINT",
        "source TEXT",
        "measure TEXT",
        "score_date DATE",
        "score TOTAL",
        "band TEXT",
    ),
    *_feed_tables(
        "feed_erp_totals",
        "entity TEXT",
        "period_month DATE",
        "account_class TEXT",
        "currency TEXT",
        "amount TOTAL",
    ),
    Table(
        "feed_loads",
        _columns(
            "load_id TEXT -",
            "feed TEXT -",
            "format TEXT -",
            "source_file TEXT -",
            "sha256 TEXT -",
            "loaded_at TIMESTAMPTZ -",
            "rows_read BIGINT -",
            "rows_new BIGINT -",
            "rows_changed BIGINT -",
            "rows_same BIGINT -",
            "rows_rejected BIGINT -",
            "problem TEXT -",
            "withdrawn_at TIMESTAMPTZ -",
        ),
    ),
    Table(
        "feed_rejected_rows",
        _columns(
            "load_id TEXT -",
            "feed TEXT -",
            "source_file TEXT -",
            "source_line INTEGER -",
            "field TEXT -",
            "problem TEXT -",
            "raw TEXT -",
            "rejected_at TIMESTAMPTZ -",
        ),
    ),
)


def _added(tables: tuple[Table, ...]) -> tuple[str, ...]:
    """What gives tables of an older layout the columns that were added since, and makes those that were not there."""
    return tuple(table.ddl() for table in tables) + tuple(
        f'ALTER TABLE "{table.name}" ADD COLUMN IF NOT EXISTS "{column.name}" {column.type}'
        for table in tables
        for column in table.columns
    )


def _columns_added(table: Table, *names: str) -> tuple[str, ...]:
    """What gives a table of an older layout, and its past, columns that came later."""
    return tuple(
        f'ALTER TABLE "{held}" ADD COLUMN IF NOT EXISTS "{column.name}" {column.type}'
        for held in (table.name, table.past)
        for column in table.columns
        if column.name in names
    )


def _read_again(*resources: str) -> str:
    """Fields or lists came with these records that were not asked for before: they are read from the beginning."""
    cleared = "last_id = NULL, updated_through = NULL, window_from = NULL, window_to = NULL"
    names = ", ".join(f"'{name}'" for name in resources)
    return f"UPDATE sync_bookmarks SET {cleared} WHERE resource IN ({names})"  # noqa: S608


_CUSTOM_FIELDS: Final = (INVOICES, INVOICE_LINES, SUPPLIERS, PURCHASE_ORDERS, PURCHASE_ORDER_LINES, CONTRACTS)
_BLANK: Final = "'\"\"'"


def _custom_field_views() -> tuple[str, ...]:
    """The statements that make the views of custom fields, one row for each value, now and in the past.

    `value` is its text, of a lookup value its name; `value_json` is exactly what Coupa sent. What is null or "" is no
    value. As views they are always those of the records, and cost a sync nothing.
    """
    text = "CASE e.type WHEN 'OBJECT' THEN e.value->>'name' ELSE e.value->>'$' END"
    statements = []
    for past, known in (("", KNOWN_FROM), ("_past", f"{KNOWN_FROM}, {KNOWN_TO}")):
        selects = [
            f"SELECT '{table.name}' AS record_type, t.id AS record_id, e.key AS field, {text} AS value, "  # noqa: S608
            f'e.value AS value_json, {known} FROM "{table.name}{past}" t, json_each(t.custom_fields) e '
            f"WHERE e.type <> 'NULL' AND e.value <> {_BLANK}"
            for table in _CUSTOM_FIELDS
        ]
        statements.append(f"CREATE OR REPLACE VIEW custom_field_values{past} AS {' UNION ALL '.join(selects)}")
    return tuple(statements)


# One entry per version of the layout; entry 0 makes version 1. Append only.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    tuple(table.ddl() for table in (*OWN_TABLES, *COUPA_TABLES)),
    tuple(table.ddl() for table in FEED_TABLES),
    (
        *_added(OWN_TABLES),
        *(statement for table in COUPA_TABLES for statement in (table.ddl(), *table.history_ddl())),
    ),
    (
        *(statement for table in _SINCE_VERSION_4 for statement in (table.ddl(), *table.history_ddl())),
        _read_again("invoices", "suppliers"),
    ),
    (
        *_added(OWN_TABLES),
        INVOICE_LINE_ALLOCATIONS.ddl(),
        *INVOICE_LINE_ALLOCATIONS.history_ddl(),
        *(
            f'ALTER TABLE "{name}" ADD COLUMN IF NOT EXISTS custom_fields JSON'
            for name in (INVOICE_LINES.name, INVOICE_LINES.past)
        ),
        _read_again("invoices", "suppliers"),
    ),
    (),  # numbers got other types; `retyped` gives them to files that have the old ones
    tuple(statement for table in (ACCOUNT_TYPES, COMMODITIES) for statement in (table.ddl(), *table.history_ddl())),
    (
        PURCHASE_ORDER_LINE_ALLOCATIONS.ddl(),
        *PURCHASE_ORDER_LINE_ALLOCATIONS.history_ddl(),
        *_columns_added(PURCHASE_ORDER_LINES, "created_at", "updated_at", "custom_fields"),
        *_columns_added(CONTRACTS, "custom_fields"),
        *_custom_field_views(),
        _read_again("purchase_orders", "contracts"),
    ),
)


def retyped(found: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """The statements that give decimal columns their declared types, by the types found for (table, column).

    They fail, and change nothing, where a number does not fit.
    """
    declared = {
        (table.name, column.name): column.type for table in (*OWN_TABLES, *FEED_TABLES) for column in table.columns
    }
    for table in COUPA_TABLES:
        declared |= {(name, column.name): column.type for name in (table.name, table.past) for column in table.columns}
    return tuple(
        f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE {kind}'
        for (table, column), kind in declared.items()
        if kind.startswith("DECIMAL") and found.get((table, column), kind) != kind
    )


SCHEMA_VERSION: Final = len(MIGRATIONS)
