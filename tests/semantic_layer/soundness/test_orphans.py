"""Parts plus "(unassigned)" equal the total: the fact is the root."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from semantic_layer import Filter, MetricQuery, Period, SemanticLayer

Q1 = Period(date(2026, 1, 1), date(2026, 3, 31))


def test_an_invoice_of_an_unknown_supplier_is_shown(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Alpha 350 and 70 of a supplier that the mirror does not hold: 420 in all, 70 unassigned."""
    books.invoice(1, "350", dated="2026-02-01")
    books.invoice(2, "70", dated="2026-02-01", supplier=999)
    layer = publish(books)

    for metric in ("purchases", "open_ap"):
        result = layer.query(MetricQuery(metrics=(metric,), group_by=("supplier",), period=Q1))
        assert dict(result.rows) == {"Alpha": Decimal("350.00"), "(unassigned)": Decimal("70.00")}
        assert result.total[metric] == Decimal("420.00")
        assert result.caveats == ("Amounts without a supplier are shown as (unassigned).",)


def test_excluding_a_value_keeps_the_rows_without_one(books: Any, publish: Callable[[Any], SemanticLayer]) -> None:
    """Not in category IT: the supplier without a category stays, and with its complement it makes the total."""
    books.supplier(2, "Beta", commodity_name=None)
    books.supplier(3, "Gamma", commodity_name="Rent")
    for supplier, gross in ((1, "1"), (2, "20"), (3, "300")):
        books.invoice(supplier, gross, dated="2026-02-01", supplier=supplier)
    layer = publish(books)

    def spend(*filters: Filter) -> Any:
        return layer.query(MetricQuery(metrics=("spend",), filters=filters, period=Q1)).total["spend"]

    outside = spend(Filter(field="category", op="!=", values=("IT",)))
    inside = spend(Filter(field="category", op="=", values=("IT",)))
    assert outside == Decimal("320.00")
    assert spend(Filter(field="category", op="not in", values=("IT", "Rent"))) == Decimal("20.00")
    assert inside + outside == spend()
