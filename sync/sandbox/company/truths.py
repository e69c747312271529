"""The planted truths of a company: facts that a careful reader of its data must be able to find again.

Every entry names the fact, the records that carry it (ids as Coupa would give them) and the size it was planted with
or has in the data. Amounts are decimal strings with their currency named; shares are fractions; days are days.
"""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sync.sandbox.arrays import BoolArray, FloatArray, IntArray
from sync.sandbox.columns import Column
from sync.sandbox.company.company import Company, build_company
from sync.sandbox.company.rates import MOVE_DAYS, MOVE_SIZE, MOVE_START_BEFORE_END
from sync.sandbox.company.reference import (
    COUNTRIES,
    CURRENCY_INDEX,
    DRESSING_ENTITY,
    EARLY_ENTITY,
    ENTITIES,
    ENTITY_INDEX,
    MOVING_CURRENCY,
    TERMS,
)
from sync.sandbox.company.settlement import PAY_STATUSES, in_quarter_tail
from sync.sandbox.company.stages import STATUS
from sync.sandbox.company.terms import net_due_days
from sync.sandbox.zone import DAY, day_of

Truth = dict[str, Any]
_COPY_KINDS = ("", "number with a prefix", "number with one character misread", "same number from the partner supplier")


def truth(company: Company) -> Truth:
    """All planted truths of a company, ready to be written as JSON."""
    frame = company.parts.frame
    return {
        "company": {
            "preset": frame.preset.name,
            "seed": frame.seed,
            "today": frame.today.isoformat(),
            "first_day": day_of(frame.first_day).isoformat(),
            "last_day": day_of(frame.last_day).isoformat(),
            "time_zone": frame.zone.name,
        },
        "slow_approver": _slow_approver(company),
        "self_approver": _self_approver(company),
        "early_paying_entity": _early_entity(company),
        "quarter_end_window_dressing": _dressing(company),
        "family_with_three_terms": _family(company),
        "french_supplier_at_net_90": _french(company),
        "currency_move": _currency_move(company),
        "duplicates": _duplicates(company),
        "duplicate_ring": _ring(company),
        "terms_policy": _policy(company),
        "hostile_names": _hostile(company),
        "cancelled_coupa_pay_payments": _cancelled(company),
        "missing_dates": _missing(company),
        "invoice_term_differs_from_order_term": _mismatch(company),
    }


def write_truth(path: Path, preset: str, seed: int, today: dt.date, time_zone: str = "America/New_York") -> None:
    """Writes the truths of the company with these arguments to a JSON file."""
    found = truth(build_company(preset, seed, today, time_zone))
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _supplier(company: Company, row: int) -> Truth:
    book = company.parts.book
    return {
        "id": int(company.tables["suppliers"].ids[row]),
        "name": book.names[row],
        "country": COUNTRIES[book.country[row]].code,
        "payment_term": TERMS[book.term_after[row]].code,
    }


def _user(company: Company, row: int) -> Truth:
    return {"id": int(company.tables["users"].ids[row]), "login": company.parts.people.logins[row]}


def _ids(company: Company, table: str, chosen: BoolArray | IntArray) -> list[int]:
    found: list[int] = company.tables[table].ids[chosen].tolist()
    return found


def _approved(company: Company) -> BoolArray:
    """Recognised documents of outside suppliers, credit notes left out."""
    parts = company.parts
    outside = ~parts.book.intercompany[parts.documents.supplier]
    return np.asarray((parts.progress.status == STATUS["approved"]) & outside & ~parts.documents.credit)


def _median_days(company: Company, approver: BoolArray) -> float:
    steps = company.parts.approvals
    done = (steps.decided > 0) & approver
    return round(float(np.median((steps.decided - steps.created)[done]) / DAY), 3)


def _slow_approver(company: Company) -> Truth:
    parts, people = company.parts, company.parts.people
    slow = parts.approvals.approver == people.slow
    money = np.abs(parts.documents.dollars)
    through = np.unique(parts.approvals.document[slow])
    return {
        **_user(company, people.slow),
        "factor": 5.0,
        "median_days_per_step": _median_days(company, slow),
        "median_days_per_step_of_others": _median_days(company, ~slow),
        "share_of_money": round(float(money[through].sum() / money.sum()), 4),
        "invoices": len(through),
    }


def _self_approver(company: Company) -> Truth:
    parts, people = company.parts, company.parts.people
    own = parts.approvals.approver == people.self_approver
    documents = np.unique(parts.approvals.document[own])
    return {**_user(company, people.self_approver), "invoice_ids": _ids(company, "invoices", documents)}


def _days_against_due(company: Company, chosen: BoolArray) -> float:
    parts = company.parts
    payments = parts.settlement.payments
    mine = chosen[payments.document]
    late = payments.day - parts.documents.due[payments.document]
    weight = payments.amount * np.take(_dollar_rates(company), payments.document)
    return round(float((late * weight)[mine].sum() / weight[mine].sum()), 2)


def _dollar_rates(company: Company) -> FloatArray:
    documents = company.parts.documents
    return company.parts.rates.dollars_on(documents.currency, documents.day)


def _early_entity(company: Company) -> Truth:
    row = ENTITY_INDEX[EARLY_ENTITY]
    mine = company.parts.documents.entity == row
    chosen = _approved(company)
    return {
        "account_type_id": int(company.tables["account_types"].ids[row]),
        "name": ENTITIES[row].name,
        "days_beyond_terms": _days_against_due(company, chosen & mine),
        "days_beyond_terms_of_others": _days_against_due(company, chosen & ~mine),
    }


def _dressing(company: Company) -> Truth:
    """The share of amounts due in the last days of a quarter that was paid only after it, here and elsewhere."""
    parts = company.parts
    row = ENTITY_INDEX[DRESSING_ENTITY]
    payments = parts.settlement.payments
    tail = in_quarter_tail(payments.day)
    mine = parts.documents.entity[payments.document] == row
    amount = payments.amount * np.take(_dollar_rates(company), payments.document)
    return {
        "account_type_id": int(company.tables["account_types"].ids[row]),
        "name": ENTITIES[row].name,
        "share_of_payments_in_last_eight_days_of_quarters": round(
            float(amount[mine & tail].sum() / amount[mine].sum()), 4
        ),
        "the_same_share_of_others": round(float(amount[~mine & tail].sum() / amount[~mine].sum()), 4),
    }


def _family(company: Company) -> Truth:
    head, *children = company.parts.book.planted.family
    return {"parent": _supplier(company, head), "children": [_supplier(company, row) for row in children]}


def _french(company: Company) -> Truth:
    parts = company.parts
    row = parts.book.planted.french_long
    mine = parts.documents.supplier == row
    return {
        **_supplier(company, row),
        "legal_cap_days": 60,
        "invoices_beyond_cap": int((mine & (parts.documents.due - parts.documents.day > 60)).sum()),
    }


def _currency_move(company: Company) -> Truth:
    frame = company.parts.frame
    start = frame.last_day - MOVE_START_BEFORE_END
    rates = company.parts.rates
    days = np.array([start, start + MOVE_DAYS], dtype=np.int64)
    before, after = rates.dollars_on(np.full(2, CURRENCY_INDEX[MOVING_CURRENCY]), days).tolist()
    return {
        "currency": MOVING_CURRENCY,
        "from": day_of(start).isoformat(),
        "to": day_of(start + MOVE_DAYS).isoformat(),
        "planted_log_change": MOVE_SIZE,
        "dollars_before": round(before, 6),
        "dollars_after": round(after, 6),
        "change": round(after / before - 1.0, 4),
    }


def _pairs(company: Company, kinds: tuple[int, ...]) -> list[Truth]:
    parts = company.parts
    documents, settlement = parts.documents, parts.settlement
    ids = company.tables["invoices"].ids
    copies = np.flatnonzero(np.isin(documents.copy_kind, kinds))
    originals = parts.row_of_key[documents.original[copies]]
    return [
        {
            "original_id": int(ids[first]),
            "copy_id": int(ids[second]),
            "kind": _COPY_KINDS[documents.copy_kind[second]],
            "both_paid": bool(settlement.paid[first] and settlement.paid[second]),
        }
        for first, second in zip(originals.tolist(), copies.tolist(), strict=True)
        if first >= 0
    ]


def _duplicates(company: Company) -> Truth:
    pairs = _pairs(company, (1, 2))
    return {"pairs": pairs, "paid_twice": sum(pair["both_paid"] for pair in pairs)}


def _ring(company: Company) -> Truth:
    ring = company.parts.book.planted.ring
    return {"suppliers": [_supplier(company, row) for row in ring], "pairs": _pairs(company, (3,))}


def _policy(company: Company) -> Truth:
    """What the policy added to net days, by comparing the same documents on the old and the new master term."""
    parts = company.parts
    frame, book, documents = parts.frame, parts.book, parts.documents
    after = _approved(company) & (documents.day >= frame.policy_day)
    old = net_due_days(book.term[documents.supplier], documents.day)
    new = net_due_days(book.term_after[documents.supplier], documents.day)
    added = np.where(book.policy_cohort[documents.supplier], new - old, 0)
    weight = documents.total * _dollar_rates(company)
    return {
        "from": day_of(frame.policy_day).isoformat(),
        "suppliers": int(book.policy_cohort.sum()),
        "supplier_ids": _ids(company, "suppliers", book.policy_cohort),
        "net_days_added": round(float((added * weight)[after].sum() / weight[after].sum()), 2),
    }


def _hostile(company: Company) -> list[Truth]:
    planted = company.parts.book.planted
    return [_supplier(company, planted.injection), _supplier(company, planted.markup)]


def _cancelled(company: Company) -> list[int]:
    cancelled = company.parts.pay.status == PAY_STATUSES.index("cancelled")
    return _ids(company, "coupa_pay/payments", cancelled)


def _missing(company: Company) -> Mapping[str, list[int]]:
    table = company.tables["invoices"]
    found: dict[str, list[int]] = {}
    for name in ("net-due-date", "date-received"):
        column = table.attributes[name]
        if isinstance(column, Column):
            found[name] = _ids(company, "invoices", column.matches("blank", "true"))
    return found


def _mismatch(company: Company) -> Truth:
    documents = company.parts.documents
    differs = documents.ordered & (documents.term != documents.order_term)
    return {
        "invoices": int(differs.sum()),
        "share_of_ordered": round(float(differs.sum() / max(1, int(documents.ordered.sum()))), 4),
    }
