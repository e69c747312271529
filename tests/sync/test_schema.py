import datetime as dt
import re
from typing import Any

import pytest

from sync import schema
from sync.fields import Record
from sync.records import Invoice, InvoiceLine, OrderLine, parse_record
from sync.resources import RESOURCES
from sync.row_paths import row_maker

# The contract with the readers, written out by hand: table -> columns in order.
CONTRACT = {
    "currencies": "id code decimals raw",
    "exchange_rates": "id from_currency to_currency rate rate_date created_at updated_at raw",
    "payment_terms": "id code description type active days_for_net_payment days_for_discount_payment discount_rate net_cutoff_day "
    "net_due_month net_due_day discount_cutoff_day discount_due_month discount_due_day created_at updated_at raw",
    "users": "id login fullname email employee_number active created_at updated_at raw",
    "suppliers": "id name display_name number status on_hold one_time_supplier parent_id parent_name commodity_id commodity_name "
    "country_code payment_term_id payment_term_code payment_method invoice_matching_level tax_id whitelist_dd do_not_accelerate "
    "is_intercompany is_small_supplier created_at updated_at custom_fields raw",
    "contracts": "id number name status type supplier_id currency_code start_date end_date term_type payment_term_id payment_term_code "
    "minimum_value maximum_value created_at updated_at custom_fields raw",
    "purchase_orders": "id po_number status version supplier_id currency_code payment_term_id payment_term_code created_date created_at "
    "updated_at custom_fields raw",
    "purchase_order_lines": "id purchase_order_id line_num type description quantity price total received invoiced status commodity_id "
    "commodity_name account_code need_by_date created_at updated_at custom_fields",
    "purchase_order_line_allocations": "id purchase_order_id purchase_order_line_id amount percent account_code account_name",
    "receiving_transactions": "id type status transaction_date quantity price total currency_code order_line_id created_at updated_at raw",
    "invoices": "id invoice_number status document_type is_credit_note supplier_id account_type_id account_type_name legal_entity_name "
    "entity_country_code currency_code payment_term_id payment_term_code contract_id invoice_date received_at received_date net_due_date "
    "discount_due_date gross_total total_with_taxes tax_amount shipping_amount handling_amount misc_amount discount_percent "
    "discount_amount paid payment_date payment_channel channel coupa_accelerate_status original_invoice_number line_count created_at "
    "created_date updated_at custom_fields raw",
    "invoice_lines": "id invoice_id line_num type description quantity price total tax_amount commodity_id commodity_name po_number "
    "order_line_id account_code account_name created_at updated_at custom_fields",
    "invoice_line_allocations": "id invoice_id invoice_line_id amount percent account_code account_name",
    "invoice_payments": "id invoice_id amount_paid payment_date notes created_at updated_at",
    "approvals": "id approvable_type approvable_id position status type approver_id approver_login approved_by_id approval_at "
    "approval_date note created_at created_date updated_at raw",
    "coupa_pay_payments": "id status payment_batch_id payee_id pay_from_currency pay_to_currency pay_from_total pay_to_total "
    "requested_execution_date released_at released_date legal_entity_name created_at updated_at raw",
    "coupa_pay_payment_details": "id payment_id source_transaction_id source_transaction_type source_transaction_reference "
    "transaction_total discount_total adjustment_total payment_total currency_code",
    "supplier_remit_to_addresses": "id supplier_id remit_to_code name street1 city postal_code country_code active created_at updated_at",
    "invoice_failed_tolerances": "id invoice_id code breach_amount breach_limit resolved resolution_strategy created_at updated_at",
    "invoice_charges": "id invoice_id line_num type description total created_at updated_at",
    "payables": "id status invoice_id document_type currency_code payable_amount remittance_amount paid_amount remaining_amount "
    "accounting_amount accounting_currency_code paid_date discount_due_date maturity_date payment_term_id payment_term_code "
    "wc_eligibility created_at updated_at raw",
    "payable_allocations": "id status source reason_code payable_from_id payable_from_type payable_from_amount payable_to_id "
    "payable_to_type payable_to_amount currency_code created_at updated_at raw",
    "supplier_risk_scores": "id supplier_id number_field_01 number_field_02 number_field_03 number_field_04 number_field_05 "
    "number_field_06 number_field_07 number_field_08 number_field_09 number_field_10 created_at updated_at raw",
    "account_types": "id name active legal_entity_name currency_code country_code created_at updated_at raw",
    "commodities": "id name active category created_at updated_at raw",
    "accounts": "id name code active account_type_id segment_1 segment_2 created_at updated_at raw",
}


@pytest.mark.parametrize("table", schema.COUPA_TABLES, ids=lambda table: table.name)
def test_the_columns_are_those_of_the_contract(table: schema.Table) -> None:
    """Readers rely on names and order; a change needs a new version of the layout."""
    assert " ".join(table.names) == CONTRACT[table.name]


def test_types_follow_the_house_rules() -> None:
    """Dates end in _date, times in _at, keys are BIGINT, raw is JSON, and nothing is a float."""
    for table in schema.COUPA_TABLES:
        for column in table.columns:
            assert not re.search("DOUBLE|FLOAT|REAL", column.type)
            if column.name.endswith("_date"):
                assert column.type == "DATE", column
            elif column.name.endswith("_at"):
                assert column.type == "TIMESTAMPTZ", column
            elif column.name == "id" or (column.name.endswith("_id") and column.name != "tax_id"):
                assert column.type == "BIGINT", column
            elif column.name in {"raw", "custom_fields"}:
                assert column.type == "JSON", column


def test_every_path_leads_somewhere() -> None:
    """A row can be made from the least record of each resource: no path of any table is misspelt."""
    for resource in RESOURCES:
        assert set(resource.record.model_fields) & {"id"}
        for column in resource.table.columns:
            first = column.source.split(".")[0].lstrip("^@")
            assert (
                column.source == "@raw" or hasattr(resource.record, first) or first in resource.record.model_fields
            ), column
        for child in resource.children:
            within: dict[str, type[Record]] = {"invoice_lines": InvoiceLine, "order_lines": OrderLine}
            owner = resource.record if child.within is None else within[child.within]
            assert child.attribute in owner.model_fields
            assert child.within is None or child.within in resource.record.model_fields
            assert child.table.parent_key in child.table.names


def test_a_row_takes_local_dates_and_follows_links(kit: Any) -> None:
    """An invoice received at 23:30 in New York was received that day, although it was the next day in UTC."""
    typed = parse_record(Invoice, kit.invoice(7))

    row: Any = row_maker(schema.INVOICES)(typed, None, "{}")

    assert row.received_date == dt.date(2026, 1, 12)
    assert row.received_at == dt.datetime(2026, 1, 13, 4, 30, tzinfo=dt.UTC)
    assert (row.supplier_id, row.entity_country_code, row.contract_id, row.raw) == (1538, "US", None, "{}")


def test_a_childs_row_carries_its_parents_id(kit: Any) -> None:
    """`^id` is the parent's id."""
    typed = parse_record(Invoice, kit.invoice(7))

    row: Any = row_maker(schema.INVOICE_LINES)(typed.invoice_lines[0], typed, None)

    assert (row.id, row.invoice_id) == (70, 7)
