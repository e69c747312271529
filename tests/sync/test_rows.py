import json
from typing import Any

from sync.pages import split_records
from sync.resources import BY_NAME
from sync.rows import Batch


def test_rows_hold_only_exact_text(kit: Any) -> None:
    """Money as decimal text, times with their offset, raw exactly as received, children with their parent."""
    page = json.dumps([kit.invoice(7)])
    batch = Batch(BY_NAME["invoices"])

    batch.add_page(split_records(page.encode(), "invoices"), 7)

    (row,) = (json.loads(line) for line in batch.lines["invoices"])
    assert row["total_with_taxes"] == "13200.00"
    assert row["received_at"] == "2026-01-12T23:30:00-05:00"
    assert row["raw"] == page[1:-1]
    assert row["custom_fields"] == {"erp-voucher": None}
    (approval,) = (json.loads(line) for line in batch.lines["approvals"])
    assert json.loads(approval["raw"]) == kit.invoice(7)["approvals"][0]
    assert {name: len(lines) for name, lines in batch.lines.items()} == {
        "invoices": 1,
        "invoice_lines": 1,
        "invoice_payments": 1,
        "approvals": 1,
    }
    assert (batch.read, batch.pages, batch.last_id) == (1, 1, 7)


def test_a_bad_record_is_set_aside_whole_and_the_rest_goes_on(kit: Any) -> None:
    """Not even its good lines are taken: half an invoice would be a wrong one."""
    bad = kit.invoice(8, **{"invoice-lines": [{"id": 1}, {"id": 2, "total": "?"}]})
    page = json.dumps([kit.invoice(7), bad, None, kit.invoice(9)]).encode()
    batch = Batch(BY_NAME["invoices"])

    assert batch.add_page(split_records(page, "invoices"), 9) == 2

    assert [(found.record_id, found.field) for found in batch.rejected] == [
        (8, "invoice-lines.1.total"),
        (None, "(record)"),
    ]
    assert json.loads(batch.rejected[0].raw) == bad
    assert len(batch.lines["invoices"]) == 2
    assert str(batch.rejected[0]).startswith("invoices 8: invoice-lines.1.total: ")
