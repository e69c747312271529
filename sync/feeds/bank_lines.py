"""BAI2 and MT940: balances of statements, read by the libraries `bai2` and `mt-940`.

Both libraries raise many kinds of errors on malformed input; whatever they raise refuses the file, in our own words.
"""

import datetime as dt
import io
import logging
from decimal import Decimal
from typing import Any, Final

import mt940
from bai2 import bai2
from bai2.constants import GroupStatus

from sync.errors import RefusedFileError
from sync.feeds.currencies import decimals_of
from sync.feeds.declarations import Feed
from sync.feeds.drafts import Draft, Drafts, Fault, Reading

logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)  # it logs the lines it cannot read: balances, in a log

_BAI2_TYPES: Final = {
    "010": "opening_booked",
    "015": "closing_booked",
    "030": "interim_booked",
    "045": "closing_available",
}
_MT940_TYPES: Final = {
    "final_opening_balance": "opening_booked",
    "final_closing_balance": "closing_booked",
    "available_balance": "closing_available",
    "forward_available_balance": "forward_available",
}


def read_bai2(text: str, feed: Feed, reading: Reading) -> Drafts:
    """The balances of every account in a BAI2 file; counts and control totals must agree."""
    del feed, reading
    try:
        file = bai2.parse_from_string(text)
    except Exception as error:  # noqa: BLE001 - the library lets errors of many kinds through
        raise RefusedFileError(f"cannot be read as BAI2: {_said(error)}") from None
    for group in file.children:
        for account in group.children:
            yield from _account(group.header, account.header)


def _account(group: Any, account: Any) -> Drafts:
    number = account.customer_account_number or ""
    raw = f"account {number}"
    if group.group_status in {GroupStatus.deletion, GroupStatus.test_only}:
        yield Fault(None, None, f"belongs to a group that is marked as {group.group_status.name}; nothing is read", raw)
        return
    currency = account.currency or group.currency
    for item in account.summary_items:
        code = item.type_code.code
        if code in _BAI2_TYPES and item.amount is not None:
            amount = Decimal(item.amount).scaleb(-decimals_of(currency))
            cells = {
                "account": number,
                "currency": currency,
                "position_date": "" if group.as_of_date is None else group.as_of_date.isoformat(),
                "balance_type": _BAI2_TYPES[code],
                "amount": f"{amount:f}",
            }
            yield Draft(None, cells, f"{raw}, type {code}, amount {item.amount}")


def read_mt940(text: str, feed: Feed, reading: Reading) -> Drafts:
    """The balances of every statement in an MT940 file; entries must lead from the opening to the closing balance."""
    del feed, reading
    try:
        statements = mt940.parse_statements(io.StringIO(text), options=mt940.Options.all())
    except Exception as error:  # noqa: BLE001 - as above
        raise RefusedFileError(f"cannot be read as MT940: {_said(error)}") from None
    if not statements:
        raise RefusedFileError("holds no statement (field :20:); it is not an MT940 file")
    for statement in statements:
        yield from _statement(statement)


def _statement(statement: Any) -> Drafts:
    data = statement.data
    account = str(data.get("account_identification") or "").strip()
    raw = f"statement {data.get('transaction_reference', '')} of account {account}"
    problem = _imbalance(statement) or (None if account else "names no account (field :25:)")
    if problem:
        yield Fault(None, None, problem, raw)
        return
    for tag, balance_type in _MT940_TYPES.items():
        balance = data.get(tag)
        if balance is not None:
            cells = {
                "account": account,
                "currency": str(balance.amount.currency or ""),
                "position_date": dt.date(balance.date.year, balance.date.month, balance.date.day).isoformat(),
                "balance_type": balance_type,
                "amount": f"{balance.amount.amount:f}",
            }
            yield Draft(None, cells, f"{raw}, {tag} {balance.amount}")


def _imbalance(statement: Any) -> str | None:
    data = statement.data  # a statement of several pages has intermediate balances between them
    opening = data.get("final_opening_balance") or data.get("intermediate_opening_balance")
    closing = data.get("final_closing_balance") or data.get("intermediate_closing_balance")
    if opening is None or closing is None:
        return None
    amounts = (entry.data["amount"].amount for entry in statement.transactions if "amount" in entry.data)
    entries = sum(amounts, Decimal())
    if opening.amount.amount + entries == closing.amount.amount:
        return None
    return (
        f"does not add up: opening {opening.amount.amount} and entries {entries} "
        f"do not make closing {closing.amount.amount}"
    )


def _said(error: Exception) -> str:
    """The library's own words on one line; where it quotes the file, the field only."""
    field = next((part.id for part in error.args if isinstance(part, mt940.tags.Tag)), None)
    if field is not None:
        return f"its field :{field}: is malformed"
    words = str(error).splitlines()
    return (words[0][:120] if words else "") or type(error).__name__
