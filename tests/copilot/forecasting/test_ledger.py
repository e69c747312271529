from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from copilot.forecasting.ledger import INVOICE_COLUMNS, PAYMENT_COLUMNS, Ledger
from copilot.forecasting.record_reading import FixedRows, closing_balances, read_ledger, record_queries
from semantic_layer.periods import Period
from semantic_layer.query import Filter
from semantic_layer.results import Column, RecordSet, ResultSet, Value

DAY = date(2026, 11, 21)


def invoice(
    key: int,
    gross: str | None,
    still_open: str,
    *,
    population: str = "recognised",
    credit: bool = False,
    invoiced: date = date(2026, 10, 1),
    recognised: date | None = date(2026, 10, 5),
    due: date | None = date(2026, 10, 31),
    last: date | None = None,
    currency: str = "USD",
) -> tuple[Value, ...]:
    """A row of the entity "invoice"."""
    amount = None if gross is None else Decimal(gross)
    return (
        key,
        "Acme",
        "US01",
        currency,
        population,
        credit,
        invoiced,
        recognised,
        due,
        amount,
        Decimal(still_open),
        last,
    )


def records(columns: tuple[str, ...], *rows: tuple[Value, ...], truncated: bool = False) -> RecordSet:
    """A record set."""
    return RecordSet(columns, rows, truncated, "")


def book() -> Ledger:
    """A small book with one of each kind."""
    invoices = records(
        INVOICE_COLUMNS,
        invoice(1, "1000.00", "600.00", last=date(2026, 11, 10)),  # paid in part
        invoice(2, "500.00", "0", last=date(2026, 11, 2)),  # 490 paid, 10 of discount
        invoice(3, "-100.00", "-100.00", credit=True, recognised=date(2026, 10, 12), due=None),
        invoice(4, "70.00", "0", population="in process", recognised=None),
        invoice(5, "30.00", "0", population="dead", recognised=None),
        invoice(6, None, "0", currency="XXX"),
        invoice(7, "200.00", "200.00", invoiced=date(2026, 8, 20), recognised=date(2026, 8, 25), currency="EUR"),
    )
    payments = records(
        PAYMENT_COLUMNS,
        (1, date(2026, 11, 10), Decimal("400.00")),
        (2, date(2026, 11, 2), Decimal("490.00")),
        (99, date(2026, 11, 2), Decimal("1.00")),
    )
    return Ledger.from_records(invoices, payments)


def test_balance_counts_partial_payments_discounts_and_credits_to_the_cent() -> None:
    """Open payables are gross less payments, discounts and credits; purchases are gross of the trailing 90 days."""
    balance = book().balance(DAY)
    assert balance.open_ap == Decimal("700.00")  # 600 + 0 - 100 + 200
    assert balance.purchases == Decimal("1400.00")  # 1000 + 500 - 100; the EUR invoice is 93 days old
    assert balance.open_documents == 3
    assert balance.dpo == Decimal("700.00") / Decimal("1400.00") * 90


def test_what_was_not_known_yet_does_not_count() -> None:
    """Cut back to a day, documents recognised and payments made later are gone."""
    balance = book().balance(date(2026, 11, 2))
    assert balance.open_ap == Decimal("1100.00")  # 1000 + (500 - 490 - 10) - 100 + 200
    assert book().balance(date(2026, 10, 11)).open_ap == Decimal("1700.00")  # the credit note comes on the 12th
    assert book().known_on(date(2026, 11, 2)).known_on(date(2026, 11, 2)).settled_exact == (
        Decimal("10.00"),
        Decimal("490.00"),
    )


def test_rows_that_cannot_count_are_left_out_and_counted() -> None:
    """Documents in process or dead are no payables; a recognised one without a rate is reported."""
    ledger = book()
    assert ledger.document_id.tolist() == [1, 2, 3, 7]
    assert ledger.skipped == {"no exchange rate": 1}


def test_open_amounts_by_currency_add_up_to_the_balance() -> None:
    """The parts per currency tie to the whole, and closing balances replace it."""
    ledger = book()
    assert ledger.open_by_currency(DAY) == {"EUR": Decimal("200.00"), "USD": Decimal("500.00")}
    assert ledger.balance(DAY, {"EUR": Decimal(210), "USD": Decimal(500)}).open_ap == Decimal(710)


def test_nothing_bought_means_no_dpo() -> None:
    """Without purchases in 90 days the ratio is undefined, not zero or infinite."""
    assert book().balance(date(2027, 6, 1)).dpo is None
    assert Ledger.of([], []).balance(DAY).dpo is None


def test_a_missing_column_or_a_cut_off_record_set_is_refused() -> None:
    """A forecast on half of the rows would be wrong without showing it."""
    with pytest.raises(KeyError, match="lacks due_date"):
        Ledger.from_records(records(tuple(c for c in INVOICE_COLUMNS if c != "due_date")), records(PAYMENT_COLUMNS))
    with pytest.raises(ValueError, match="cut off"):
        Ledger.from_records(records(INVOICE_COLUMNS, truncated=True), records(PAYMENT_COLUMNS))


def test_queries_leave_intercompany_out_unless_asked_for() -> None:
    """The rows of a projection are those of the metric with the same filters."""
    assert [f.field for f in record_queries()[0].filters] == ["intercompany"]
    asked = Filter(field="intercompany", values=("true",))
    assert record_queries((asked,))[1].filters == (asked,)


def test_reading_from_a_layer_gives_the_ledger_and_its_closing_balances() -> None:
    """The two reads that a projection needs, through the layer's own interface."""
    columns = (Column("currency", "Currency", "dimension", "text"), Column("open_ap", "Open", "metric", "money:USD"))
    result = ResultSet(
        columns=columns,
        rows=(("EUR", Decimal("210.00")), ("JPY", None)),
        total={},
        row_count=2,
        truncated=False,
        sql=(),
        checks=(),
        caveats=(),
        lineage=(),
        period=Period(DAY, DAY),
        as_of=DAY,
        currency="USD",
    )
    sets = {
        "invoice": records(INVOICE_COLUMNS, invoice(7, "200.00", "200.00", currency="EUR")),
        "payment": records(PAYMENT_COLUMNS),
    }
    layer = FixedRows(DAY, sets, result)
    assert len(read_ledger(layer)) == 1
    assert closing_balances(layer) == {"EUR": Decimal("210.00")}
