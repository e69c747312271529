"""Bank statements in three formats, each with one entry that leads from the opening to the closing balance.

Amounts are integers of hundredths; BAI2 wants them in the minor unit of the currency, which the callers' currencies
(dollars) have.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Statement:
    """One account's day: balances at the end of the day before and of the day, in hundredths."""

    account: str
    currency: str
    bank: str
    day: dt.date
    day_before: dt.date
    opening: int
    closing: int


def as_bai2(statements: Sequence[Statement], number: int) -> str:
    """One file with one group for each currency."""
    if not statements:
        return ""
    day = statements[0].day
    head = f"01,HARBORLINE,QUELLMARK,{day:%y%m%d},2200,{number},,,2/"
    lines, file_total, file_records, groups = [head], 0, 2, 0
    for currency in sorted({found.currency for found in statements}):
        group = [found for found in statements if found.currency == currency]
        lines.append(f"02,QUELLMARK,HARBORLINE,1,{day:%y%m%d},2400,{currency},2/")
        group_total, group_records = 0, 2
        for found in group:
            moved = found.closing - found.opening
            total = found.opening + found.closing + abs(moved)
            lines += [
                f"03,{found.account},{currency},010,{found.opening},,,015,{found.closing},,/",
                f"16,{'165' if moved >= 0 else '475'},{abs(moved)},Z,NET,DAY,NET MOVEMENT OF THE DAY/",
                f"49,{total},3/",
            ]
            group_total += total
            group_records += 3
        lines.append(f"98,{group_total},{len(group)},{group_records}/")
        file_total += group_total
        file_records += group_records
        groups += 1
    lines.append(f"99,{file_total},{groups},{file_records}/")
    return "\n".join(lines) + "\n"


def as_mt940(statements: Sequence[Statement]) -> str:
    """One statement after the other."""
    blocks = []
    for found in statements:
        moved = found.closing - found.opening
        blocks.append(
            f":20:{found.account[:10]}{found.day:%y%m%d}\r\n"
            f":25:{found.account}\r\n"
            f":28C:{found.day:%j}/1\r\n"
            f":60F:{_mark(found.opening)}{found.day_before:%y%m%d}{found.currency}{_comma(found.opening)}\r\n"
            f":61:{found.day:%y%m%d}{found.day:%m%d}{_mark(moved)}{_comma(moved)}NTRFNONREF\r\n"
            ":86:Net movement of the day\r\n"
            f":62F:{_mark(found.closing)}{found.day:%y%m%d}{found.currency}{_comma(found.closing)}\r\n-\r\n"
        )
    return "".join(blocks)


def as_camt053(statements: Sequence[Statement]) -> str:
    """One message with a statement for each account."""
    found = "".join(_camt_statement(statement) for statement in statements)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">\n<BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>Q{statements[0].day:%Y%m%d}</MsgId>"
        f"<CreDtTm>{statements[0].day}T22:00:00Z</CreDtTm></GrpHdr>\n{found}</BkToCstmrStmt>\n</Document>\n"
    )


def _camt_statement(found: Statement) -> str:
    moved = found.closing - found.opening
    return (
        f"<Stmt>\n<Id>{found.account}-{found.day:%Y%m%d}</Id>\n"
        f"<Acct><Id><Othr><Id>{found.account}</Id></Othr></Id><Ccy>{found.currency}</Ccy>"
        f"<Svcr><FinInstnId><Nm>{escape(found.bank)}</Nm></FinInstnId></Svcr></Acct>\n"
        f"{_camt_balance('OPBD', found.opening, found.currency, found.day_before)}"
        f"{_camt_balance('CLBD', found.closing, found.currency, found.day)}"
        f'<Ntry><Amt Ccy="{found.currency}">{_point(moved)}</Amt><CdtDbtInd>{_indicator(moved)}</CdtDbtInd>'
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{found.day}</Dt></BookgDt></Ntry>\n</Stmt>\n"
    )


def _camt_balance(code: str, amount: int, currency: str, day: dt.date) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{_point(amount)}</Amt>'
        f"<CdtDbtInd>{_indicator(amount)}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def _mark(amount: int) -> str:
    return "D" if amount < 0 else "C"


def _indicator(amount: int) -> str:
    return "DBIT" if amount < 0 else "CRDT"


def _point(amount: int) -> str:
    return f"{abs(amount) // 100}.{abs(amount) % 100:02d}"


def _comma(amount: int) -> str:
    return _point(amount).replace(".", ",")
