"""Every key of every record, at every level, is a field name that Coupa publishes.

RemitToAddress and InvoiceLineAllocation have no definition in the Swagger files: their names are those of Coupa's pages
and of clients that read them. The allocations of order lines are taken to be written like those of invoice lines.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sync.sandbox.company.company import RESOURCES, Company
from sync.sandbox.projection import render
from sync.sandbox.tables import CustomFields, Table, ToMany, ToOne

PUBLISHED: dict[str, dict[str, str | None]] = json.loads(
    (Path(__file__).parent / "coupa_fields.json").read_text(encoding="utf-8")
)["definitions"]
DEFINITIONS = {
    "account_types": "AccountType",
    "accounts": "Account",
    "approvals": "Approval",
    "commodities": "Commodity",
    "contracts": "Contract",
    "coupa_pay/payments": "CoupaPay-Payment",
    "currencies": "Currency",
    "exchange_rates": "ExchangeRate",
    "invoices": "InvoiceHeader",
    "payables/allocations": "Payables-Allocation",
    "payables/invoices": "Payables-Invoice",
    "payment_terms": "PaymentTerm",
    "purchase_order_lines": "OrderLine",
    "purchase_orders": "OrderHeader",
    "receiving_transactions": "InventoryTransaction",
    "supplier_risk_aware_feed": "SupplierRiskAwareFeed",
    "suppliers": "Supplier",
    "users": "User",
}


def strangers(record: Any, definition: str, where: str) -> list[str]:
    """Paths of the keys that the definition does not have."""
    if isinstance(record, list):
        return [path for item in record for path in strangers(item, definition, where)]
    if not isinstance(record, dict):
        return []
    found = []
    for key, value in record.items():
        if key == "custom-fields":
            continue
        if key not in PUBLISHED[definition]:
            found.append(f"{where}.{key}")
        elif isinstance(value, dict | list):
            inner = PUBLISHED[definition][key]
            found.extend(strangers(value, inner, f"{where}.{key}") if inner else [f"{where}.{key} is nested"])
    return found


@pytest.mark.parametrize("resource", RESOURCES)
def test_keys_are_published_names(company: Company, resource: str) -> None:
    """Records as a full answer writes them."""
    table = company.resources[resource]
    records = render(table, np.arange(min(len(table), 400), dtype=np.int64), table.full_shape)
    assert strangers(json.loads(json.dumps(records)), DEFINITIONS[resource], resource) == []


@pytest.mark.parametrize("resource", RESOURCES)
def test_queryable_names_are_published_names(company: Company, resource: str) -> None:
    """Attributes that can be asked for but are not in the usual answer, two links deep."""

    def walk(table: Table, definition: str, where: str, depth: int) -> list[str]:
        found = []
        for name, attribute in table.attributes.items():
            if isinstance(attribute, CustomFields):
                continue
            inner = PUBLISHED[definition].get(name, "?")
            if inner == "?":
                found.append(f"{where}.{name}")
            elif isinstance(attribute, ToOne | ToMany) and depth:
                # A linked user is written as UserSimple but asked for as the user it is.
                target = "User" if inner == "UserSimple" else inner or ""
                found.extend(walk(attribute.table, target, f"{where}.{name}", depth - 1))
        return found

    assert walk(company.resources[resource], DEFINITIONS[resource], resource, 1) == []
