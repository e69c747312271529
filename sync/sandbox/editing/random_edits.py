"""Random edits, the same for the same seed: what people and machines do to a Coupa in use, in a table with weights.

    busy = RandomEdits(edits, seed=3)
    busy.take(20)                       # twenty edits, stamped with the clock of `edits`

Half of the kinds are those that a mirror easily misses: children that change without their parent, updates that
become visible late, records that vanish, links whose target is renamed.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from sync.sandbox.editing.edits import Edit, Edits
from sync.sandbox.errors import EditError

_LATE_SECONDS = 240
_STATUSES = ("approved", "approved", "approved", "pending_approval", "on_hold", "disputed", "voided", "draft")
_DELETABLE = ("draft", "new")


@dataclass
class RandomEdits:
    """A seeded editor. weights: kind -> how often, relative to the others; 0 leaves a kind out (see KINDS).

    Late-visible updates are dated up to `late_seconds` before the clock: keep it below the reader's overlap to ask
    only for what an overlap can find.
    """

    edits: Edits
    seed: int
    weights: Mapping[str, int] = field(default_factory=dict)
    late_seconds: int = _LATE_SECONDS
    random: Random = field(init=False, repr=False)
    hidden: list[tuple[str, int]] = field(default_factory=list, init=False, repr=False)
    """Records created but not yet revealed."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 -- reproducible on purpose
        unknown = sorted(set(self.weights) - set(KINDS))
        if unknown:
            raise EditError(f"There is no kind of random edit '{unknown[0]}'; the kinds are {', '.join(KINDS)}.")

    def take(self, count: int = 1) -> list[Edit]:
        """Makes `count` edits of random kinds (a kind may take several steps); answers what was logged."""
        with self.edits.lock:
            before = len(self.edits.log)
            weights = {kind: self.weights.get(kind, default) for kind, (default, _) in KINDS.items()}
            for kind in self.random.choices(list(weights), list(weights.values()), k=count):
                KINDS[kind][1](self)
            return self.edits.log[before:]

    def settle(self) -> None:
        """Reveals everything that is still hidden, so that a reader can come to hold all."""
        with self.edits.lock:
            while self.hidden:
                self.edits.reveal(*self.hidden.pop(0))

    def pick(self, table: str) -> int | None:
        """A random live record."""
        ids = self.edits.ids(table)
        return self.random.choice(ids) if ids else None

    def late(self) -> dt.datetime:
        """A moment a little before the clock."""
        return self.edits.moment() - dt.timedelta(seconds=self.random.uniform(0, self.late_seconds))

    def amount(self, low: int = 1_00, high: int = 90_000_00) -> str:
        """Money as text."""
        return f"{self.random.randint(low, high) / 100:.2f}"


def _new_invoice(busy: RandomEdits, *, late: bool = False) -> None:
    like = busy.pick("invoices")
    if like is None:
        return
    total = busy.amount()
    lines = [{"line-num": place + 1, "total": busy.amount(), "type": "InvoiceAmountLine"} for place in range(2)]
    values = {
        "invoice-number": f"R-{busy.random.randrange(10**9):09d}",
        "status": busy.random.choice(_STATUSES),
        "total-with-taxes": total,
        "gross-total": total,
        "paid": False,
        "payment-date": None,
        "invoice-lines": lines,
        "approvals": [{"status": "pending_approval", "position": 1, "type": "ManagementHierarchyApproval"}],
    }
    record_id = busy.edits.create("invoices", values, like=like, at=busy.late() if late else None, hidden=late)
    if late:
        busy.hidden.append(("invoices", record_id))


def _reveal(busy: RandomEdits) -> None:
    if busy.hidden:
        busy.edits.reveal(*busy.hidden.pop(busy.random.randrange(len(busy.hidden))))


def _change_invoice(busy: RandomEdits, *, late: bool = False) -> None:
    record_id = busy.pick("invoices")
    if record_id is None:
        return
    options: list[dict[str, Any]] = [
        {"status": busy.random.choice(_STATUSES)},
        {"total-with-taxes": busy.amount(), "discount-amount": None},
        {"net-due-date": "2026-12-31T23:59:59+00:00"},
        {"supplier": busy.pick("suppliers"), "payment-term": busy.pick("payment_terms")},
    ]
    busy.edits.change("invoices", record_id, busy.random.choice(options), at=busy.late() if late else None)


def _void(busy: RandomEdits) -> None:
    record_id = busy.pick("invoices")
    if record_id is not None:
        busy.edits.change("invoices", record_id, {"status": "voided", "canceled": True})


def _delete_invoice(busy: RandomEdits) -> None:
    """Coupa deletes invoices in status new only; here drafts go the same way, so that there is something to delete."""
    edits = busy.edits
    wanted = [number for number in edits.ids("invoices") if edits.value("invoices", number, "status") in _DELETABLE]
    if wanted:
        edits.delete("invoices", busy.random.choice(wanted))


def _delete_any(busy: RandomEdits) -> None:
    record_id = busy.pick("invoices")
    if record_id is not None:
        busy.edits.delete("invoices", record_id)


def _touch(busy: RandomEdits) -> None:
    """Moves the updated-at of one of the older invoices, which leaves the window of a reader that is under way."""
    ids = busy.edits.ids("invoices")
    if ids:
        busy.edits.change("invoices", busy.random.choice(ids[: len(ids) // 2 + 1]), {})


def _pay(busy: RandomEdits, *, bump: bool) -> None:
    record_id = busy.pick("invoices")
    if record_id is None:
        return
    day = busy.edits.moment().date().isoformat()
    busy.edits.create(
        "payments", {"amount-paid": busy.amount(), "payment-date": day}, parent=record_id, bump_parent=bump
    )
    if bump:
        busy.edits.change("invoices", record_id, {"paid": True, "payment-date": day})


def _change_child(busy: RandomEdits, *, table: str, values: Callable[[RandomEdits], dict[str, Any]]) -> None:
    record_id = busy.pick(table)
    if record_id is not None:
        busy.edits.change(table, record_id, values(busy), bump_parent=False)


def _drop_child(busy: RandomEdits, *, table: str, bump: bool) -> None:
    record_id = busy.pick(table)
    if record_id is not None:
        busy.edits.delete(table, record_id, bump_parent=bump)


def _change(busy: RandomEdits, *, table: str, values: Callable[[RandomEdits], dict[str, Any]]) -> None:
    record_id = busy.pick(table)
    if record_id is not None:
        busy.edits.change(table, record_id, values(busy))


def _decision(busy: RandomEdits) -> dict[str, Any]:
    status = busy.random.choice(("approved", "rejected"))
    return {"status": status, "approval-date": busy.edits.moment().isoformat(), "approved-by": busy.pick("users")}


def _payment(busy: RandomEdits) -> dict[str, Any]:
    return {"amount-paid": busy.amount(), "notes": "corrected"}


def _name(busy: RandomEdits) -> dict[str, Any]:
    return {"name": f"Renamed {busy.random.randrange(10**6):06d} Ltd", "on-hold": busy.random.random() < 0.5}


def _label(busy: RandomEdits) -> dict[str, Any]:
    return {"name": f"Renamed {busy.random.randrange(10**6):06d}"}


def _rate(busy: RandomEdits) -> dict[str, Any]:
    return {"rate": f"0.{busy.random.randrange(1, 10**9):09d}"}


def _term(busy: RandomEdits) -> dict[str, Any]:
    return {"days-for-net-payment": busy.random.choice((15, 30, 45, 60))}


def _order(busy: RandomEdits) -> dict[str, Any]:
    return {"status": busy.random.choice(("issued", "closed", "cancelled"))}


def _order_line(busy: RandomEdits) -> dict[str, Any]:
    return {"received": busy.amount(), "invoiced": busy.amount()}


def _contract(busy: RandomEdits) -> dict[str, Any]:
    return {"maximum-value": busy.amount(90_000_00, 900_000_00)}


def _allocation(busy: RandomEdits) -> dict[str, Any]:
    return {"status": busy.random.choice(("draft", "committed", "completed")), "payable-to-amount": busy.amount()}


def _receipt(busy: RandomEdits) -> dict[str, Any]:
    return {"total": busy.amount()}


def _address(busy: RandomEdits) -> dict[str, Any]:
    return {"city": f"Town {busy.random.randrange(1000)}", "active": busy.random.random() < 0.5}


def _tolerance(busy: RandomEdits) -> None:
    """An invoice fails a tolerance, or one that it failed is resolved; its updated-at stays."""
    failed, invoice = busy.pick("failed_tolerances"), busy.pick("invoices")
    if failed is not None and busy.random.random() < 0.5:
        busy.edits.change("failed_tolerances", failed, {"resolved": True, "resolution-strategy": "override"})
    elif invoice is not None:
        values = {"code": "total_amount", "breach-amount": busy.amount(), "resolved": False}
        busy.edits.create("failed_tolerances", values, parent=invoice, bump_parent=False)


def _payable(busy: RandomEdits) -> dict[str, Any]:
    return {"status": busy.random.choice(("pending", "partially_paid", "paid")), "remaining-amount": busy.amount()}


def _score(busy: RandomEdits) -> dict[str, Any]:
    return {"number-field-01": f"{busy.random.randrange(1, 100)}.0000"}


def _pay_status(busy: RandomEdits) -> dict[str, Any]:
    return {"status": busy.random.choice(("payment_initiated", "completed_successfully", "cancelled"))}


Kind = Callable[[RandomEdits], None]
KINDS: dict[str, tuple[int, Kind]] = {
    "invoice": (6, _new_invoice),
    "late_invoice": (3, partial(_new_invoice, late=True)),
    "reveal": (3, _reveal),
    "change": (8, _change_invoice),
    "late_change": (4, partial(_change_invoice, late=True)),
    "void": (2, _void),
    "delete": (2, _delete_invoice),
    "delete_any": (0, _delete_any),
    "touch": (0, _touch),
    "pay": (4, partial(_pay, bump=True)),
    "silent_pay": (4, partial(_pay, bump=False)),
    "silent_payment_change": (2, partial(_change_child, table="payments", values=_payment)),
    "silent_payment_delete": (1, partial(_drop_child, table="payments", bump=False)),
    "silent_approval": (4, partial(_change_child, table="approvals", values=_decision)),
    "silent_remit_to": (3, partial(_change_child, table="remit_to_addresses", values=_address)),
    "silent_tolerance": (2, _tolerance),
    "line_delete": (1, partial(_drop_child, table="invoice_lines", bump=True)),
    "supplier": (3, partial(_change, table="suppliers", values=_name)),
    "rate": (1, partial(_change, table="exchange_rates", values=_rate)),
    "term": (1, partial(_change, table="payment_terms", values=_term)),
    "commodity": (0, partial(_change, table="commodities", values=_label)),
    "entity": (0, partial(_change, table="account_types", values=_label)),
    "order": (2, partial(_change, table="purchase_orders", values=_order)),
    "silent_order_line": (0, partial(_change_child, table="purchase_order_lines", values=_order_line)),
    "contract": (0, partial(_change, table="contracts", values=_contract)),
    "allocation": (0, partial(_change, table="payables/allocations", values=_allocation)),
    "receipt": (1, partial(_change, table="receiving_transactions", values=_receipt)),
    "payable": (2, partial(_change, table="payables/invoices", values=_payable)),
    "risk_score": (1, partial(_change, table="supplier_risk_aware_feed", values=_score)),
    "coupa_pay": (2, partial(_change, table="coupa_pay/payments", values=_pay_status)),
}
"""Kind of edit -> its usual weight and what it does. `silent_` kinds leave the parent's updated-at as it is."""
