"""The company's books add up: read as a client would, counted in plain Python with decimals and aware times."""

import datetime as dt
import json
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sync.sandbox.company.company import Company, build_company
from sync.sandbox.company.presets import PRESETS
from sync.sandbox.company.reference import CURRENCIES
from sync.sandbox.errors import UnknownPresetError
from sync.sandbox.projection import render

Records = list[dict[str, Any]]
TODAY = dt.date(2026, 11, 22)
END = dt.datetime(2026, 11, 22, tzinfo=ZoneInfo("America/New_York"))
DEAD = {"voided", "rejected", "abandoned", "invalid"}
SETTLED = {"payment_initiated", "payment_in_progress", "completed_successfully", "completed_with_errors"}


def records_of(company: Company, resource: str) -> Records:
    """All records of a resource as they go over the wire."""
    table = company.resources[resource]
    rendered = render(table, np.arange(len(table), dtype=np.int64), table.full_shape)
    wire: Records = json.loads(json.dumps(rendered))
    return wire


@pytest.fixture(scope="module")
def invoices(company: Company) -> Records:
    """All invoices of the tiny company."""
    return records_of(company, "invoices")


@pytest.fixture(scope="module")
def suppliers(company: Company) -> dict[int, dict[str, Any]]:
    """Suppliers by id."""
    return {record["id"]: record for record in records_of(company, "suppliers")}


@pytest.fixture(scope="module")
def discounts(company: Company) -> dict[int, Decimal]:
    """Discount taken on each invoice, by Coupa Pay details of payments that count."""
    taken: dict[int, Decimal] = defaultdict(Decimal)
    for payment in records_of(company, "coupa_pay/payments"):
        if payment["status"] in SETTLED:
            for detail in payment["payment-details"]:
                taken[detail["source-transaction-id"]] += Decimal(detail["discount-total"])
    return taken


def day(text: str) -> dt.date:
    """The local date of a wire time."""
    return dt.date.fromisoformat(text[:10])


def paid_sum(invoice: dict[str, Any]) -> Decimal:
    """What was paid on an invoice."""
    return sum((Decimal(payment["amount-paid"]) for payment in invoice["payments"]), Decimal(0))


def offered(invoice: dict[str, Any]) -> Decimal:
    """The discount an invoice offers."""
    term = invoice["payment-term"]
    rate = Decimal(str(invoice["discount-percent"] or term["discount-rate"] or 0))
    if invoice["is-credit-note"] or Decimal(invoice["total-with-taxes"]) <= 0:
        return Decimal(0)
    return (Decimal(invoice["total-with-taxes"]) * rate / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)


def recognised(invoice: dict[str, Any]) -> dt.date:
    """The day an approved invoice entered open AP."""
    decided = [step["approval-date"] for step in invoice["approvals"] if step["status"] == "approved"]
    return day(max(decided) if decided else invoice["date-received"] or invoice["created-at"])


def test_every_invoice_is_the_sum_of_its_lines(invoices: Records) -> None:
    """Lines, freight and tax make the total with taxes; tax is split over the lines without rest."""
    for invoice in invoices:
        lines = sum(Decimal(line["total"]) for line in invoice["invoice-lines"])
        taxes = sum(Decimal(line["tax-amount"]) for line in invoice["invoice-lines"])
        extras = sum(Decimal(invoice[name]) for name in ("shipping-amount", "handling-amount", "misc-amount"))
        assert taxes == Decimal(invoice["tax-amount"])
        assert lines + extras + taxes == Decimal(invoice["total-with-taxes"]) == Decimal(invoice["gross-total"])
        assert len(invoice["invoice-lines"]) == invoice["line-count"]


def test_every_line_is_quantity_times_price(invoices: Records) -> None:
    """Quantity lines multiply out exactly; amount lines have no quantity."""
    kinds: Counter[str] = Counter()
    for invoice in invoices:
        for line in invoice["invoice-lines"]:
            kinds[line["type"]] += 1
            if line["type"] == "InvoiceAmountLine":
                assert line["quantity"] is None
            else:
                assert Decimal(line["quantity"]) * Decimal(line["price"]) == Decimal(line["total"])
    assert min(kinds.values()) > 100


def test_a_paid_invoice_is_paid_in_full_less_the_discount_taken(
    invoices: Records, discounts: dict[int, Decimal]
) -> None:
    """Total = paid + discount, the discount being Coupa Pay's, or the whole offer where Coupa Pay has no record."""
    through_pay = taken = 0
    for invoice in invoices:
        total, paid = Decimal(invoice["total-with-taxes"]), paid_sum(invoice)
        if not invoice["paid"]:
            assert total == 0 or paid < total or invoice["is-credit-note"]
            continue
        if invoice["id"] in discounts:
            through_pay += 1
            assert total == paid + discounts[invoice["id"]]
        else:
            assert total == paid or total - paid == offered(invoice)
        taken += total != paid
        assert invoice["payment-date"] == max(payment["payment-date"] for payment in invoice["payments"])
        assert Decimal(invoice["amount-due"]) == 0
    assert through_pay > 500
    assert taken > 20


def test_a_discount_taken_is_the_discount_offered(invoices: Records, discounts: dict[int, Decimal]) -> None:
    """Nothing is taken that was not offered, and never on credit notes or part payments."""
    by_id = {invoice["id"]: invoice for invoice in invoices}
    taken = {key: amount for key, amount in discounts.items() if amount}
    assert taken
    for key, amount in taken.items():
        assert amount == offered(by_id[key])
        assert len(by_id[key]["payments"]) == 1


def test_nothing_is_paid_before_it_is_approved(invoices: Records) -> None:
    """Payments exist on approved invoices only, none before the day of the last approval."""
    late = [
        (invoice["id"], payment["payment-date"])
        for invoice in invoices
        for payment in invoice["payments"]
        if invoice["status"] != "approved" or day(payment["payment-date"]) < recognised(invoice)
    ]
    assert late == []


def test_payments_fall_on_run_days_except_urgent_ones(invoices: Records) -> None:
    """Tuesdays and Thursdays, or the next business day after a holiday; about 3 % are urgent and outside."""
    days = Counter(
        (payment["notes"] == "ERP urgent", day(payment["payment-date"]).weekday())
        for invoice in invoices
        for payment in invoice["payments"]
    )
    regular = sum(count for (urgent, _), count in days.items() if not urgent)
    moved = sum(count for (urgent, weekday), count in days.items() if not urgent and weekday not in (1, 3))
    urgent_share = sum(count for (urgent, _), count in days.items() if urgent) / days.total()
    assert moved / regular < 0.06
    assert {weekday for _, weekday in days} <= {0, 1, 2, 3, 4}
    assert 0.01 < urgent_share < 0.05
    holidays = {dt.date(2025, 12, 25), dt.date(2025, 11, 11), dt.date(2024, 12, 26)}
    assert not holidays & {day(p["payment-date"]) for i in invoices for p in i["payments"]}


def test_stages_follow_one_another(invoices: Records) -> None:
    """Received, created, approved step by step, paid; updated-at is never before any nested change."""
    for invoice in invoices:
        created = dt.datetime.fromisoformat(invoice["created-at"])
        updated = dt.datetime.fromisoformat(invoice["updated-at"])
        received = invoice["date-received"]
        assert received is None or day(invoice["invoice-date"]) <= day(received)
        assert received is None or dt.datetime.fromisoformat(received) <= created
        before = created
        assert [step["position"] for step in invoice["approvals"]] == list(range(1, len(invoice["approvals"]) + 1))
        for step in invoice["approvals"]:
            begun = dt.datetime.fromisoformat(step["created-at"])
            assert begun >= before
            before = dt.datetime.fromisoformat(step["approval-date"] or step["created-at"])
            assert before >= begun
        nested = [*invoice["approvals"], *invoice["payments"], *invoice["invoice-lines"]]
        assert updated >= max([created, *(dt.datetime.fromisoformat(part["updated-at"]) for part in nested)])


def test_approvals_agree_with_the_status(invoices: Records) -> None:
    """Approved invoices have no open step, waiting ones end in one, rejected ones in a rejection."""
    for invoice in invoices:
        steps = [step["status"] for step in invoice["approvals"]]
        if invoice["status"] in ("approved", "voided"):
            assert set(steps) <= {"approved"}
        elif invoice["status"] in ("pending_approval", "pending_action"):
            assert steps[-1] == "pending_approval"
            assert set(steps[:-1]) <= {"approved"}
        elif invoice["status"] == "rejected":
            assert steps[-1] == "rejected"
        else:
            assert steps == []


@pytest.mark.parametrize("resource", ["invoices", "coupa_pay/payments", "purchase_orders", "suppliers", "contracts"])
def test_nothing_is_dated_after_the_data_ends(company: Company, resource: str) -> None:
    """Only due dates, discount dates, contract ends and need-by dates may lie in the future."""
    allowed = {"net-due-date", "discount-due-date", "end-date", "need-by-date"}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, key)
        elif isinstance(value, list):
            for inner in value:
                walk(inner, name)
        elif isinstance(value, str) and name not in allowed and name.endswith(("-at", "-date", "-received")):
            late = day(value) > END.date() if len(value) == 10 else dt.datetime.fromisoformat(value) >= END
            assert not late, (name, value)

    walk(records_of(company, resource), "")


def test_due_dates_follow_the_terms(invoices: Records) -> None:
    """Days-after terms: invoice date plus days, at 23:59:59; discount windows the same way."""
    seen = 0
    for invoice in invoices:
        term, start = invoice["payment-term"], day(invoice["invoice-date"])
        if term["type"] != "DaysAfterNetPaymentTerm" or invoice["net-due-date"] is None:
            continue
        seen += 1
        assert day(invoice["net-due-date"]) == start + dt.timedelta(days=term["days-for-net-payment"])
        if term["discount-rate"] and invoice["discount-due-date"]:
            assert day(invoice["discount-due-date"]) == start + dt.timedelta(days=term["days-for-discount-payment"])
    assert seen > 1_500


def test_every_offer_has_a_window(invoices: Records) -> None:
    """Where the discount date is missing, the term gives its days."""
    for invoice in invoices:
        if offered(invoice) > 0:
            days = invoice["payment-term"]["days-for-discount-payment"]
            assert invoice["discount-due-date"] is not None or days is not None


def test_credit_notes_are_negative_and_name_what_they_credit(invoices: Records) -> None:
    """About 3 % of documents, all negative, most with the number of an existing invoice."""
    numbers = {invoice["invoice-number"] for invoice in invoices}
    notes = [invoice for invoice in invoices if invoice["is-credit-note"]]
    assert 0.015 < len(notes) / len(invoices) < 0.05
    assert all(Decimal(invoice["total-with-taxes"]) < 0 for invoice in notes)
    assert all(invoice["document-type"] == "Credit Note" for invoice in notes)
    linked = [invoice["original-invoice-number"] for invoice in notes if invoice["original-invoice-number"]]
    assert len(linked) > len(notes) * 0.4
    assert sum(number in numbers for number in linked) > len(linked) * 0.9
    assert all(Decimal(p["amount-paid"]) < 0 for invoice in notes for p in invoice["payments"])


def test_coupa_pay_payments_are_the_sum_of_their_details(company: Company, invoices: Records) -> None:
    """Details add up, point at invoices, and equal the payments recorded there."""
    by_id = {invoice["id"]: invoice for invoice in invoices}
    statuses: Counter[str] = Counter()
    for payment in records_of(company, "coupa_pay/payments"):
        statuses[payment["status"]] += 1
        total = Decimal(0)
        for detail in payment["payment-details"]:
            amounts = [
                Decimal(detail[f"{name}-total"]) for name in ("transaction", "discount", "adjustment", "payment")
            ]
            assert amounts[0] - amounts[1] + amounts[2] == amounts[3]
            total += amounts[3]
            invoice = by_id[detail["source-transaction-id"]]
            assert detail["source-transaction-reference"] == invoice["invoice-number"]
            assert detail["payment-id"] == str(payment["id"])
            if payment["status"] != "cancelled":
                booked = {(p["payment-date"][:10], Decimal(p["amount-paid"])) for p in invoice["payments"]}
                assert (payment["requested-execution-date"], amounts[3]) in booked
        assert total == Decimal(payment["pay-to-total"]) > 0
    assert statuses["completed_successfully"] > statuses.total() * 0.9
    assert statuses["cancelled"] > 0


def test_cancelled_payments_were_made_again(company: Company, invoices: Records) -> None:
    """A cancelled attempt precedes the payment that counts, and its discount must not be counted."""
    by_id = {invoice["id"]: invoice for invoice in invoices}
    for payment in records_of(company, "coupa_pay/payments"):
        if payment["status"] == "cancelled":
            assert payment["released-at"] is None
            for detail in payment["payment-details"]:
                invoice = by_id[detail["source-transaction-id"]]
                assert payment["requested-execution-date"] >= recognised(invoice).isoformat()
                assert payment["requested-execution-date"] < max(p["payment-date"] for p in invoice["payments"])


def test_orders_receipts_and_invoices_meet(company: Company, invoices: Records) -> None:
    """Every ordered line points at a line of an order of the same supplier; invoiced amounts agree."""
    orders = {order["id"]: order for order in records_of(company, "purchase_orders")}
    lines = {line["id"]: (order, line) for order in orders.values() for line in order["order-lines"]}
    invoiced: dict[int, Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        for line in invoice["invoice-lines"]:
            if line["order-line-id"] is not None:
                order, _ = lines[line["order-line-id"]]
                assert line["po-number"] == order["po-number"]
                assert order["supplier"]["id"] == invoice["supplier"]["id"]
                if invoice["status"] not in DEAD:
                    invoiced[line["order-line-id"]] += Decimal(line["total"])
    assert all(Decimal(line["invoiced"]) == invoiced[key] for key, (_, line) in lines.items())
    assert len(invoiced) > 1_000
    receipts = records_of(company, "receiving_transactions")
    received: dict[int, Decimal] = defaultdict(Decimal)
    for receipt in receipts:
        received[receipt["order-line"]["id"]] += Decimal(receipt["quantity"])
        assert Decimal(receipt["quantity"]) * Decimal(receipt["price"]) == Decimal(receipt["total"])
    goods = {key: line for key, (_, line) in lines.items() if line["type"] == "OrderQuantityLine"}
    assert all(Decimal(line["received"]) == received[key] for key, line in goods.items())
    assert sum(received[key] > 0 and not invoiced[key] for key in goods) > 5  # received, not invoiced


def test_payables_stand_behind_approved_invoices(company: Company, invoices: Records) -> None:
    """One for each, open for what the invoice owes, in the invoice's currency and that of its entity."""
    payables = {int(record["document-id"]): record for record in records_of(company, "payables/invoices")}
    assert set(payables) == {record["id"] for record in invoices if record["status"] == "approved"}
    for invoice in invoices:
        if invoice["status"] == "approved":
            payable = payables[invoice["id"]]
            assert Decimal(payable["payable-amount"]) == Decimal(invoice["total-with-taxes"])
            assert Decimal(payable["remaining-amount"]) == Decimal(invoice["amount-due"])
            paid = sum(Decimal(payment["amount-paid"]) for payment in invoice["payments"])
            assert Decimal(payable["paid-amount"]) == paid
            assert payable["status"] == ("paid" if invoice["paid"] else "partially_paid" if paid else "pending")
            assert payable["updated-at"] >= payable["created-at"]
            if payable["currency"] == payable["accounting-currency"]:
                assert payable["accounting-amount"] == payable["payable-amount"]
    names = {
        detail["payable-id"]
        for record in records_of(company, "coupa_pay/payments")
        for detail in record["payment-details"]
    }
    assert names <= {payable["id"] for payable in payables.values()}


def test_allocations_net_credit_notes(company: Company) -> None:
    """Each leads from a negative payable to a positive one, and stands in both."""
    payables = {record["id"]: record for record in records_of(company, "payables/invoices")}
    allocations = records_of(company, "payables/allocations")
    assert len(allocations) > 10
    for allocation in allocations:
        given, taken = payables[allocation["payable-from-id"]], payables[allocation["payable-to-id"]]
        assert Decimal(given["payable-amount"]) == -Decimal(allocation["payable-from-amount"])
        assert Decimal(taken["payable-amount"]) > 0
        assert allocation["id"] in [item["id"] for item in given["sent-allocations"]]
        assert allocation["id"] in [item["id"] for item in taken["received-allocations"]]


def test_holds_leave_a_failed_tolerance(invoices: Records) -> None:
    """Every invoice on hold has one that is open; resolved ones were resolved after they were found."""
    held = ("ap_hold", "on_hold", "booking_hold", "pending_receipt")
    waiting = [invoice for invoice in invoices if invoice["status"] in held]
    assert waiting
    for invoice in waiting:
        assert [item["resolved"] for item in invoice["failed-tolerances"]] == [False]
    resolved = [item for invoice in invoices for item in invoice["failed-tolerances"] if item["resolved"]]
    assert len(resolved) > 20
    assert all(item["updated-at"] > item["created-at"] for item in resolved)
    assert all(item["failable-id"] == invoice["id"] for invoice in invoices for item in invoice["failed-tolerances"])


def test_charges_and_allocations_add_up(invoices: Records) -> None:
    """Charges to the header's shipping amount; the parts of a split line to its total and to 100 percent."""
    split = 0
    for invoice in invoices:
        assert sum(Decimal(item["total"]) for item in invoice["invoice-charges"]) == Decimal(invoice["shipping-amount"])
        for line in invoice["invoice-lines"]:
            if line["account-allocations"]:
                split += 1
                assert sum(Decimal(item["amount"]) for item in line["account-allocations"]) == Decimal(line["total"])
                assert sum(Decimal(item["pct"]) for item in line["account-allocations"]) == 100
                assert line["account-allocations"][0]["account"] == line["account"]
    assert split > 100


def test_most_suppliers_have_scores_and_all_an_address(company: Company, suppliers: dict[int, dict[str, Any]]) -> None:
    """Health within 0 and 100, the worse the likelier a default; one or two addresses each."""
    feed = records_of(company, "supplier_risk_aware_feed")
    assert 0.7 < len(feed) / len(suppliers) < 0.95
    assert all(0 < Decimal(record["number-field-01"]) <= 100 for record in feed)
    ranked = sorted(feed, key=lambda record: Decimal(record["number-field-01"]))
    worst, best = ranked[:20], ranked[-20:]
    assert min(Decimal(r["number-field-02"]) for r in worst) > max(Decimal(r["number-field-02"]) for r in best)
    assert {len(supplier["remit-to-addresses"]) for supplier in suppliers.values()} == {1, 2}


def test_rates_run_both_ways_on_every_weekday(company: Company) -> None:
    """Each currency to and from US dollars, no gap above three days, reciprocal within rounding."""
    rates = records_of(company, "exchange_rates")
    by_pair: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for rate in rates:
        pair = (rate["from-currency"]["code"], rate["to-currency"]["code"])
        by_pair[pair][rate["rate-date"][:10]] = Decimal(rate["rate"])
    others = [fact.code for fact in CURRENCIES if fact.code != "USD"]
    assert set(by_pair) == {(code, "USD") for code in others} | {("USD", code) for code in others}
    days = sorted(by_pair["EUR", "USD"])
    gaps = {(dt.date.fromisoformat(b) - dt.date.fromisoformat(a)).days for a, b in pairwise(days)}
    assert gaps == {1, 3}
    assert days[0] < "2024-08-01"
    assert days[-1] == "2026-11-20"
    for code in others:
        for date, quote in by_pair[code, "USD"].items():
            assert abs(quote * by_pair["USD", code][date] - 1) < Decimal("0.00001")


def test_the_books_look_alive(invoices: Records, suppliers: dict[int, dict[str, Any]]) -> None:
    """On-time share, discount terms, open invoices and the number of suppliers that missed discounts."""
    outside = [i for i in invoices if not suppliers[i["supplier"]["id"]]["custom-fields"]["intercompany"]]
    plain = [i for i in outside if i["status"] == "approved" and not i["is-credit-note"]]
    paid = [i for i in plain if i["paid"] and i["net-due-date"]]
    on_time = sum(day(i["payment-date"]) <= day(i["net-due-date"]) for i in paid) / len(paid)
    offers = [i for i in plain if offered(i) > 0]
    missed = {i["supplier"]["id"] for i in offers if i["paid"] and paid_sum(i) == Decimal(i["total-with-taxes"])}
    assert 0.6 <= on_time <= 0.8
    assert 0.10 <= len(offers) / len(plain) <= 0.16
    assert len(missed) >= 15
    assert 0.03 < sum(not i["paid"] for i in plain) / len(plain) < 0.12
    assert {"approved", "voided", "rejected", "abandoned", "pending_approval"} <= {i["status"] for i in invoices}


def test_names_are_roles_and_inventions(company: Company) -> None:
    """Users are roles; supplier names are distinct and within Coupa's 100 characters."""
    names = [record["name"] for record in records_of(company, "suppliers")]
    logins = [record["login"] for record in records_of(company, "users")]
    roles = ("ap.clerk.", "requester.", "approver.", "integration.", "plant.manager.")
    assert len(set(names)) == len(names)
    assert all(len(name) <= 100 for name in names)
    assert all(login.startswith(roles) for login in logins)


def test_the_same_arguments_give_the_same_company(company: Company, invoices: Records) -> None:
    """Seed, today and preset decide everything; another seed or day gives another company."""
    again = build_company("tiny", 7, TODAY)
    assert records_of(again, "invoices") == invoices
    assert records_of(again, "coupa_pay/payments") == records_of(company, "coupa_pay/payments")
    other = build_company("tiny", 8, TODAY)
    assert records_of(other, "invoices")[:50] != invoices[:50]


@pytest.mark.parametrize("name", ["tiny", "small", "medium"])
def test_presets_have_their_size(name: str) -> None:
    """Within 2 % of the invoices promised, and exactly the suppliers."""
    company = build_company(name, 1, TODAY)
    assert abs(len(company.tables["invoices"]) / PRESETS[name].invoices - 1) < 0.02
    assert len(company.tables["suppliers"]) == PRESETS[name].suppliers


def test_another_day_and_zone_work_too() -> None:
    """A leap day, and a zone east of Greenwich."""
    company = build_company("tiny", 3, dt.date(2024, 2, 29), "Europe/Berlin")
    invoice = records_of(company, "invoices")[-1]
    assert invoice["created-at"].endswith("+01:00")
    assert invoice["created-at"] < "2024-02-29"


def test_an_unknown_preset_is_refused_by_name() -> None:
    """The message lists what exists."""
    with pytest.raises(UnknownPresetError, match="tiny, small, medium, large"):
        build_company("huge", 1, TODAY)
