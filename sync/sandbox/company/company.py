"""The company as a whole: `build_company` draws it and lays it out as Coupa's resources."""

import datetime as dt
from dataclasses import dataclass, field

from sync.sandbox.company.document_tables import document_tables, ledger_accounts
from sync.sandbox.company.nested_tables import nested_tables
from sync.sandbox.company.order_tables import order_tables, pay_tables
from sync.sandbox.company.parts import Parts, build_parts
from sync.sandbox.company.payables_tables import payables_tables
from sync.sandbox.company.presets import frame
from sync.sandbox.company.reference_tables import reference_tables
from sync.sandbox.tables import Table

RESOURCES = (
    "account_types",
    "accounts",
    "approvals",
    "commodities",
    "contracts",
    "coupa_pay/payments",
    "currencies",
    "exchange_rates",
    "invoices",
    "payables/allocations",
    "payables/invoices",
    "payment_terms",
    "purchase_order_lines",
    "purchase_orders",
    "receiving_transactions",
    "supplier_risk_aware_feed",
    "suppliers",
    "users",
)


@dataclass(frozen=True)
class Company:
    """A seeded company. `tables` holds every table, nested ones too; `resources` those with an address under /api."""

    parts: Parts = field(repr=False)
    tables: dict[str, Table] = field(repr=False)

    @property
    def resources(self) -> dict[str, Table]:
        """Tables by their path under /api."""
        return {name: self.tables[name] for name in RESOURCES}


def build_company(preset: str, seed: int, today: dt.date, time_zone: str = "America/New_York") -> Company:
    """The company of a preset, the same for the same arguments.

    `today` is the day after the data's last complete day. Raises UnknownPresetError.
    """
    parts = build_parts(frame(preset, seed, today, time_zone))
    tables = reference_tables(parts)
    tables["accounts"] = ledger_accounts(tables)
    order_tables(parts, tables)
    document_tables(parts, tables)
    pay_tables(parts, tables)
    nested_tables(parts, tables)
    payables_tables(parts, tables)
    return Company(parts, tables)
