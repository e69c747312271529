from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from copilot.errors import HistoryFileError
from copilot.forecasting.book import Book
from copilot.forecasting.event_log import is_event_log, read_event_log
from copilot.forecasting.invoice_file import FUTURE, book_of_invoices, read_invoices
from copilot.forecasting.outflow_backtest import backtest_outflow
from copilot.forecasting.payment_timing import usual_days
from copilot.forecasting.timing_backtest import backtest_timing
from copilot.simulations.backtest_report import SCHEMA, BacktestReport, load_calibration
from copilot.simulations.calibration import UNCALIBRATED

AS_OF = date(2026, 11, 21)
EVENT = (
    "<event><string key='concept:name' value='{what}'/><date key='time:timestamp' value='{day}T10:00:00.000+01:00'/>"
    "<float key='Cumulative net worth (EUR)' value='{worth}'/></event>"
)


def trace(name: str, *events: tuple[str, str], worth: str = "100.0") -> str:
    """One order item of a log."""
    body = "".join(EVENT.format(what=what, day=day, worth=worth) for what, day in events)
    return f"<trace><string key='concept:name' value='{name}'/><string key='(case) Vendor' value='V1'/>{body}</trace>"


def log(*traces: str) -> bytes:
    """A log of some order items, packed."""
    text = f"<?xml version='1.0'?><log xmlns='http://www.xes-standard.org'>{''.join(traces)}</log>"
    return gzip.compress(text.encode())


def test_a_csv_is_read_by_the_usual_names(tmp_path: Path) -> None:
    """Names in any case; an empty payment date is open; a semicolon and a byte-order mark are no trouble."""
    file = tmp_path / "book.csv"
    file.write_text(
        "\ufeffInvoice Number;Vendor Name;Invoice-Date;Due Date;Amount;Settled Date\n"
        "A1;Acme;2026-01-05;2026-02-04;1,250.50;2026-02-05\n"
        "A2;Acme;2026-03-05;2026-04-04;99;\n",
        encoding="utf-8",
    )
    book, last = read_invoices(file)
    assert last == date(2026, 3, 5)
    assert book.gross.tolist() == [1250.5, 99.0]
    assert book.open_amount.tolist() == [0.0, 99.0]
    assert book.supplier.values == ("Acme",)
    assert date.fromordinal(int(book.paid_day[0])) == date(2026, 2, 5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no invoices"),
        ("supplier,amount,invoice date\nA,1,2026-01-01\n", "no column for paid date"),
        ("amount,invoice date,paid date\n1,2026-01-01,\n1,first of May,\n", "line 3"),
        ("amount,invoice date,paid date\nmuch,2026-01-01,\n", "line 2"),
        ("amount,invoice date,paid date\n5,,2026-01-01\n", "no invoice date"),
    ],
)
def test_a_bad_csv_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    """A missing column by name, a bad cell by its line."""
    file = tmp_path / "bad.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(HistoryFileError, match=says):
        read_invoices(file)


def test_days_come_first_only_when_asked(tmp_path: Path) -> None:
    """03/04/2026 is the 4th of March, or with the option the 3rd of April."""
    file = tmp_path / "us.csv"
    file.write_text("amount,invoice date,paid date\n5,03/04/2026,03/04/2026\n", encoding="utf-8")
    assert read_invoices(file)[1] == date(2026, 3, 4)
    assert read_invoices(file, day_first=True)[1] == date(2026, 4, 3)


def test_an_event_log_is_read_item_by_item(tmp_path: Path) -> None:
    """One entry and its clearing are an invoice; a cancelled entry is none; two entries cannot be told apart."""
    file = tmp_path / "log.xes.gz"
    entered, cleared, cancelled = "Record Invoice Receipt", "Clear Invoice", "Cancel Invoice Receipt"
    file.write_bytes(
        log(
            trace("paid", ("Vendor creates invoice", "2018-03-01"), (entered, "2018-03-05"), (cleared, "2018-04-26")),
            trace("open", (entered, "2018-05-02")),
            trace("cancelled", (entered, "2018-05-02"), (cancelled, "2018-05-03")),
            trace("two", (entered, "2018-05-02"), (entered, "2018-05-09"), (cleared, "2018-06-01")),
        )
    )
    book, last = read_event_log(file)
    assert last == date(2018, 5, 2)
    assert book.numbers == ("paid/1", "open/1")
    assert [date.fromordinal(int(day)) for day in book.invoice_day] == [date(2018, 3, 1), date(2018, 5, 2)]
    assert book.open_amount.tolist() == [0.0, 100.0]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    """Text that is no XML, and a log without invoices."""
    file = tmp_path / "no.xes"
    file.write_text("hello", encoding="utf-8")
    with pytest.raises(HistoryFileError, match="no event log"):
        read_event_log(file)
    file.write_bytes(log(trace("nothing", ("Create Purchase Order Item", "2018-01-01"))))
    with pytest.raises(HistoryFileError, match="no purchase-to-pay log"):
        read_event_log(file)


def test_pay_dates_are_forecast_better_than_by_rule(trade: Callable[..., Book]) -> None:
    """Runs on two days a week: exact days are hit far more often than a median would, and the loss is smaller."""
    book = trade(days=620, per_day=6.0)
    found = {score.method: score for score in backtest_timing(book.ledger, AS_OF, book.countries)}
    ours = found["tenor"]
    assert ours.invoices > 500
    assert all(ours.pinball < found[name].pinball for name in ("global", "hierarchical", "due date"))
    assert ours.exact > 2 * found["hierarchical"].exact
    assert 0.7 < ours.coverage_80 < 0.95


def test_without_due_dates_the_habit_of_the_supplier_serves(trade: Callable[..., Book]) -> None:
    """Suppliers are paid some 30 days after the invoice date, and a run later; it is learned."""
    assert 29 <= int(usual_days(trade().ledger).mean()) <= 34


def test_the_report_has_the_promised_keys_and_becomes_a_calibration(trade: Callable[..., Book], tmp_path: Path) -> None:
    """Headline keys at the top and for each baseline; the saved file is read back as coverage and stretch."""
    found = backtest_outflow(trade(days=500), AS_OF, scored=6, warm_up=4, paths=50)
    report = BacktestReport("test", AS_OF, found)
    content = json.loads(report.to_json())
    keys = {"wape_4w", "bias_4w", "pinball", "coverage_50", "coverage_80", "coverage_95", "origins"}
    assert keys <= set(content)
    assert (content["schema"], content["origins"]) == (SCHEMA, 6)
    assert set(content["baselines"]) == {"due date", "hierarchical", "last month, same week"}
    assert all(keys <= set(values) for values in content["baselines"].values())
    layers = {row["part"] for row in content["scores"] if row["method"] == "tenor"}
    assert {"approved", "in process", "open book", "new business"} <= layers
    assert any(line.startswith("  tenor: in process") for line in report.lines())
    file = tmp_path / "backtest.json"
    file.write_text(report.to_json(), encoding="utf-8")
    calibration = load_calibration(file)
    assert "6 past forecasts of four weeks' cash" in calibration.coverage(28).sentence
    assert "thirteen weeks' cash" in calibration.coverage(90).sentence
    assert calibration.stretch.content() == content["stretches"]
    assert set(content["stretches"]["sum"]) == {"1", "2", "4", "8", "13"}
    assert load_calibration(tmp_path / "none.json") is UNCALIBRATED
    page = report.page()
    assert page.count("<svg") == 2
    assert "http" not in page


def test_payments_dated_ahead_are_taken_as_not_made_yet() -> None:
    """A payment dated five years on does not move the end of the data there; it is counted, the invoice is open."""
    invoices = [
        {"id": str(n), "supplier": "S", "entity": None, "country": None, "currency": "EUR", "amount": Decimal(100),
         "invoice_date": AS_OF - timedelta(days=n), "recognised_date": AS_OF - timedelta(days=n), "due_date": None,
         "paid_date": date(2031, 5, 5) if n % 2 else None if n < 30 else AS_OF - timedelta(days=n - 30)}
        for n in range(60)
    ]  # fmt: skip
    book, last = book_of_invoices(invoices)
    assert last == AS_OF
    assert book.skipped[FUTURE] == 30
    assert int(np.count_nonzero(book.open_amount)) == 45
    lines = BacktestReport("test", last, backtest_outflow(book, last), skipped=book.skipped).content()
    assert lines["left_out"][FUTURE] == 30


def test_without_a_payment_there_is_nothing_to_score(trade: Callable[..., Book]) -> None:
    """No share of nothing is called right: it says that no payment was seen."""
    book = trade(days=500)
    none = np.zeros(0, dtype=np.int64)
    unpaid = replace(book, paid_row=none, paid_day=none, paid=np.zeros(0))
    report = BacktestReport("test", AS_OF, backtest_outflow(unpaid, AS_OF, scored=4, warm_up=2, paths=50))
    assert not report.scored
    assert "Nothing was paid" in report.lines()[0]
    assert "Nothing was paid" in report.page()


def test_too_little_history_has_no_score(trade: Callable[..., Book]) -> None:
    """It says so, in the text and on the page."""
    report = BacktestReport("test", AS_OF, backtest_outflow(trade(days=100), AS_OF - timedelta(days=0)))
    assert not report.scored
    assert "Too little history" in report.lines()[0]
    assert "Too little history" in report.page()
    assert json.loads(report.to_json())["wape_4w"] is None


@pytest.mark.parametrize(("name", "is_log"), [("a.xes.gz", True), ("b.XES", True), ("c.csv", False), ("d.gz", False)])
def test_a_log_is_known_by_its_name(name: str, is_log: bool) -> None:
    """So that one option reads both kinds of file."""
    assert is_event_log(Path(name)) is is_log
